//! A value that moves to its target in a straight line, frame by frame.
//!
//! `value[k] = start + (target - start) · k / n` for k = 1 … n, computed from the count and not by adding
//! up, so that it lands exactly and does not depend on how frames are cut into blocks. Audio thread.

use crate::units::SampleRate;

/// Seconds that a control's change takes.
const CONTROL_SECONDS: f64 = 0.005;

/// `s²·(3 - 2s)`: a share that goes from 0 to 1 along a curve without an edge at either end.
#[inline]
pub fn smoothstep(share: f32) -> f32 {
    share * share * (3.0 - 2.0 * share)
}

/// Linear ramp; `settled` is exact.
#[derive(Clone, Copy, Debug)]
pub struct Ramp {
    start: f32,
    target: f32,
    frames: u32,
    done: u32,
}

impl Ramp {
    /// Frames that the change of a gain or a switch takes: 5 ms, rounded up.
    pub fn control_frames(rate: SampleRate) -> u32 {
        rate.frames_in(CONTROL_SECONDS) as u32
    }

    /// Stands at `value`.
    pub fn new(value: f32) -> Self {
        Self { start: value, target: value, frames: 0, done: 0 }
    }

    /// The value of the frame that comes next.
    pub fn value(&self) -> f32 {
        self.at(self.done)
    }

    /// Where the ramp ends.
    pub fn target(&self) -> f32 {
        self.target
    }

    /// Whether the target is reached.
    pub fn settled(&self) -> bool {
        self.done >= self.frames
    }

    /// Frames until it is settled.
    pub fn left(&self) -> usize {
        (self.frames - self.done) as usize // `done` never exceeds `frames`
    }

    /// The value of the frame after `frames` more.
    pub fn after(&self, frames: usize) -> f32 {
        self.at(self.done.saturating_add(u32::try_from(frames).unwrap_or(u32::MAX)))
    }

    /// Moves to `target` over `frames` frames from the value of the frame before; 0 frames jump. What was asked for on the
    /// same frame before leaves nothing.
    pub fn move_to(&mut self, target: f32, frames: u32) {
        let start = self.before();
        if start == target {
            *self = Self::new(target);
        } else if target != self.target {
            *self = Self { start, target, frames, done: 0 };
        }
    }

    /// Jumps to `value`.
    pub fn jump_to(&mut self, value: f32) {
        *self = Self::new(value);
    }

    /// Jumps to the target.
    pub fn settle(&mut self) {
        self.done = self.frames;
    }

    /// Writes the values of the next frames and advances.
    pub fn fill(&mut self, values: &mut [f32]) {
        self.peek(values);
        self.skip(values.len());
    }

    /// Writes the values of the next frames.
    pub fn peek(&self, values: &mut [f32]) {
        let moving = self.left().min(values.len());
        let (on_the_way, there) = values.split_at_mut(moving); // `moving` is no more
        let (start, way, frames) = (self.start, self.target - self.start, self.frames as f32);
        let first = self.done + 1; // as in `at`, without asking for each frame whether it is there
        for (index, value) in (0u32..).zip(on_the_way) {
            *value = start + way * ((first + index) as f32 / frames);
        }
        there.fill(self.target);
    }

    /// Advances without values.
    pub fn skip(&mut self, frames: usize) {
        let frames = u32::try_from(frames).unwrap_or(u32::MAX);
        self.done = self.done.saturating_add(frames).min(self.frames);
    }

    /// The value of the frame before the next one.
    fn before(&self) -> f32 {
        match self.done {
            _ if self.settled() => self.target,
            0 => self.start,
            done => self.at(done - 1),
        }
    }

    /// Value of the frame after `done` frames; the first frame has already taken a step.
    fn at(&self, done: u32) -> f32 {
        if done >= self.frames {
            return self.target;
        }
        self.start + (self.target - self.start) * ((done + 1) as f32 / self.frames as f32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_targets_on_one_frame_the_first_leaves_nothing() {
        let (mut ramp, mut other) = (Ramp::new(1.0), Ramp::new(1.0));
        ramp.move_to(0.0, 100);
        ramp.move_to(0.5, 100);
        other.move_to(0.5, 100);
        let (mut values, mut others) = ([0.0; 150], [0.0; 150]);
        ramp.fill(&mut values);
        other.fill(&mut others);
        assert_eq!(values, others);
        ramp.move_to(0.0, 100);
        ramp.move_to(0.5, 100);
        assert!(ramp.settled() && ramp.value() == 0.5);
    }

    #[test]
    fn a_ramp_lands_exactly_on_its_target() {
        let mut ramp = Ramp::new(1.0);
        ramp.move_to(0.3, 7);
        let mut values = [0.0; 8];
        ramp.fill(&mut values);
        assert_eq!(&values[6..], [0.3, 0.3]);
        assert!(values.windows(2).all(|pair| pair[1] <= pair[0]) && ramp.settled());
    }

    #[test]
    fn a_ramp_does_not_depend_on_how_frames_are_cut() {
        let mut whole = [0.0; 100];
        let mut ramp = Ramp::new(0.0);
        ramp.move_to(0.77, 93);
        let start = ramp;
        ramp.fill(&mut whole);
        for size in [1, 7, 64] {
            let mut cut = [0.0; 100];
            let mut ramp = start;
            cut.chunks_mut(size).for_each(|block| ramp.fill(block));
            assert_eq!(cut, whole, "block size {size}");
        }
    }

    #[test]
    fn controls_take_five_milliseconds_rounded_up_at_every_rate() {
        for rate in (1..=192u32).map(|step| step * 2000).chain((1..=35).map(|step| step * 11025)) {
            let frames = Ramp::control_frames(SampleRate(rate.into()));
            assert_eq!(frames, rate.div_ceil(200), "{rate} Hz");
        }
    }

    #[test]
    fn moving_to_where_it_goes_changes_nothing() {
        let mut ramp = Ramp::new(0.0);
        ramp.move_to(1.0, 10);
        ramp.skip(5);
        let before = ramp.value();
        ramp.move_to(1.0, 10);
        assert_eq!(ramp.value(), before);
    }
}
