//! Gains of a voice: from a signal to two sides, at rest or on the way in a straight line.
//!
//! In: samples, ±1. Out: the same times a gain for each side, in floats (Clean) or in the whole numbers of an integer
//! mixer (Authentic). Or to a field, where a voice is as loud from everywhere as it is in the centre, and stands where panning
//! says. Audio thread. Ramps are functions of a frame count, so that a tick may be cut into any blocks.

use super::walk::Walk;
use crate::audio::BLOCK_SIZE;
use crate::audio::InField;
use crate::audio::Point;
use crate::audio::Spot;
use crate::dsp::Level;
use crate::dsp::simd::by_level;
use std::ops::Range;

/// Whether gains move or jump at ticks and new notes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ramping {
    /// As the song's tracker did: FastTracker 2 in 5 ms; else 1 ms in Clean, and not at all in Authentic.
    #[default]
    Format,
    /// Gains jump.
    Off,
    /// Gains move in every tone.
    On,
}

/// One in the 14 fractional bits of integer gains.
const ONE_Q14: f32 = 16_384.0;
/// Full scale of 16-bit samples.
const FULL_SCALE: f32 = 32_768.0;

/// A gain that moves in a straight line and lands exactly.
#[derive(Clone, Copy, Debug, Default)]
struct Ramp {
    start: f32,
    target: f32,
    /// Frames of the ramp that have sounded, and all of them.
    passed: u32,
    frames: u32,
}

impl Ramp {
    fn at(&self, passed: u32) -> f32 {
        if passed >= self.frames {
            return self.target;
        }
        self.start + (self.target - self.start) * (passed as f32 * (1.0 / self.frames as f32))
    }

    fn aim(&mut self, target: f32, frames: u32) {
        if target != self.target {
            *self = Self { start: self.at(self.passed), target, passed: 0, frames };
        }
    }

    fn advance(&mut self, frames: usize) {
        self.passed = self.passed.saturating_add(frames.min(u32::MAX as usize) as u32).min(self.frames);
    }

    /// Frames that are still to move.
    fn moving(&self) -> usize {
        (self.frames - self.passed.min(self.frames)) as usize
    }

    fn silent(&self) -> bool {
        self.passed >= self.frames && self.target == 0.0
    }
}

/// A signal of one plane or of two, on its way into a field.
pub(crate) type Planes<'a> = (&'a [f32], Option<&'a [f32]>);

/// The planes with the points that they come from.
fn points<'a>((first, second): Planes<'a>) -> impl Iterator<Item = (&'a [f32], Point)> {
    let point = if second.is_some() { Point::Left } else { Point::Middle };
    std::iter::once((first, point)).chain(second.map(|second| (second, Point::Right)))
}

/// The gains of both sides, and of a field.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Gains {
    left: Ramp,
    right: Ramp,
    /// Of each side for what is in the centre.
    centre: Ramp,
    /// Where they go, with 14 fractional bits.
    whole_q14: (i32, i32),
    centre_q14: i32,
    walk: Walk,
    /// What turns whole gains into the float ones.
    level: f32,
}

impl Gains {
    /// Aims both sides at new values; `frames` is the length of the ramp. What is silent then is so in a field.
    pub(crate) fn aim(&mut self, whole_q14: (i32, i32), level: f32, frames: u32) {
        let scale = level / ONE_Q14;
        (self.whole_q14, self.level) = (whole_q14, level);
        if whole_q14 == (0, 0) {
            self.centre_q14 = 0;
        }
        self.left.aim(whole_q14.0 as f32 * scale, frames);
        self.right.aim(whole_q14.1 as f32 * scale, frames);
        self.centre.aim(self.centre_q14 as f32 * scale, frames);
    }

    /// Says, before both sides are aimed, where the voice stands in a field, and its gain there; `frames` is the length of the
    /// way from where it is heard.
    pub(crate) fn stand(&mut self, spot: Spot, centre_q14: i32, frames: u32) {
        self.centre_q14 = centre_q14;
        self.walk.go(spot, if self.silent() { 0 } else { frames });
    }

    /// Where the voice is in a field, and goes.
    pub(crate) fn walk(&self) -> Walk {
        self.walk
    }

    /// Targets: left, right.
    pub(crate) fn targets(&self) -> (f32, f32) {
        (self.left.target, self.right.target)
    }

    /// Where both are now: left, right.
    pub(crate) fn now(&self) -> [f32; 2] {
        [self.left, self.right].map(|side| side.at(side.passed))
    }

    /// Where the gain of a field is now.
    pub(crate) fn centre_now(&self) -> f32 {
        self.centre.at(self.centre.passed)
    }

    /// What neither of them exceeds from now on: left, right.
    pub(super) fn bound(&self) -> [f32; 2] {
        [self.left, self.right].map(|side| side.at(side.passed).abs().max(side.target.abs()))
    }

    /// At rest at 0.
    pub(crate) fn silent(&self) -> bool {
        self.left.silent() && self.right.silent()
    }

    /// Frames until both rest at 0, or `None` where they do not go there.
    pub(crate) fn frames_to_silence(&self) -> Option<usize> {
        (self.targets() == (0.0, 0.0)).then(|| self.left.moving().max(self.right.moving()))
    }

    /// Lets frames pass.
    pub(crate) fn advance(&mut self, frames: usize) {
        self.left.advance(frames);
        self.right.advance(frames);
        self.centre.advance(frames);
        self.walk.advance(frames);
    }

    /// Adds a signal times the gains and advances; all four slices have the same length.
    pub(crate) fn add(&mut self, level: Level, signal: [&[f32]; 2], [left, right]: [&mut [f32]; 2]) {
        let moving = self.left.moving().max(self.right.moving()).min(left.len());
        let [(first, first_rest), (second, second_rest)] = signal.map(|side| side.split_at(moving));
        let (left, left_rest) = left.split_at_mut(moving);
        let (right, right_rest) = right.split_at_mut(moving);
        add_moving(level, first, left, self.left);
        add_moving(level, second, right, self.right);
        let targets = [self.left.target, self.right.target];
        add_steady(level, [first_rest, second_rest], [left_rest, right_rest], targets);
        self.advance(moving + left_rest.len());
    }

    /// As `add`, in the whole numbers of an integer mixer.
    pub(crate) fn add_integers(&mut self, level: Level, signal: [&[f32]; 2], [left, right]: [&mut [f32]; 2]) {
        self.add_whole(level, self.left, self.whole_q14.0, signal[0], left);
        self.add_whole(level, self.right, self.whole_q14.1, signal[1], right);
        self.advance(left.len());
    }

    /// Adds a signal of at most `BLOCK_SIZE` frames to a field, from frame `start` on, and advances; in whole numbers if so asked.
    pub(crate) fn add_to_field(
        &mut self,
        (level, whole): (Level, bool),
        signal: Planes<'_>,
        start: usize,
        field: &mut InField<'_>,
    ) {
        for (signal, point) in points(signal) {
            let mut sound = [0.0; BLOCK_SIZE];
            let sound = &mut sound[..signal.len().min(BLOCK_SIZE)];
            if whole {
                self.add_whole(level, self.centre, self.centre_q14, signal, sound);
            } else {
                let (ramped, steady) = signal.split_at(self.centre.moving().min(sound.len()));
                let (ramped_sound, steady_sound) = sound.split_at_mut(ramped.len());
                add_moving(level, ramped, ramped_sound, self.centre);
                steady_sound.iter_mut().zip(steady).for_each(|(y, x)| *y = x * self.centre.target);
            }
            self.walk.add(level, sound, (start, point), field);
        }
        self.advance(signal.0.len());
    }

    /// One side: samples of 16 bits all the way, and a whole gain once it has landed.
    fn add_whole(&self, level: Level, ramp: Ramp, gain_q14: i32, signal: &[f32], output: &mut [f32]) {
        let moving = ramp.moving().min(signal.len());
        let (ramped, steady) = signal.split_at(moving);
        let (ramped_output, steady_output) = output.split_at_mut(moving.min(output.len()));
        for (n, (y, x)) in ramped_output.iter_mut().zip(ramped).enumerate() {
            *y += whole_sample(*x) as f32 * (ramp.at(ramp.passed + n as u32) / FULL_SCALE);
        }
        add_integer_products(level, steady, steady_output, gain_q14, self.level / FULL_SCALE);
    }
}

/// What the end of a recording leaves on both sides: its last value, which dies away where a step would click.
///
/// `value · (1 - n/frames)²` in frame `n`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Remains {
    left: f32,
    right: f32,
    /// Of each plane in a field, where there were two or one, and where.
    planes: [f32; 2],
    stereo: bool,
    walk: Walk,
    /// Frames that have sounded.
    passed: u32,
    /// All frames; 0 leaves nothing.
    pub(crate) frames: u32,
}

impl Remains {
    pub(crate) fn is_empty(&self) -> bool {
        self.passed >= self.frames || (self.left, self.right, self.planes) == (0.0, 0.0, [0.0; 2])
    }

    /// What neither side exceeds from now on: left, right.
    pub(super) fn bound(&self) -> [f32; 2] {
        if self.is_empty() { [0.0; 2] } else { [self.left.abs(), self.right.abs()] }
    }

    fn way(&self) -> f32 {
        1.0 / self.frames.max(1) as f32
    }

    /// Takes on the last value of each side, over what is still left of another; in a field the last value of each plane, or
    /// of one.
    pub(crate) fn take(&mut self, [left, right]: [f32; 2], (planes, stereo): ([f32; 2], bool), walk: Walk) {
        let rest = 1.0 - self.passed.min(self.frames) as f32 * self.way();
        let gain = rest * rest;
        (self.left, self.right, self.passed) = (self.left * gain + left, self.right * gain + right, 0);
        self.planes.iter_mut().zip(planes).for_each(|(plane, value)| *plane = *plane * gain + value);
        (self.stereo, self.walk) = (stereo, walk);
    }

    /// Adds it to both sides, which have the same length.
    pub(crate) fn add(&mut self, level: Level, left: &mut [f32], right: &mut [f32]) {
        if self.is_empty() {
            return;
        }
        let frames = left.len().min(right.len()).min((self.frames - self.passed) as usize);
        let (left, right) = (&mut left[..frames], &mut right[..frames]); // no more than either has
        add_remains(level, [left, right], [self.left, self.right], self.passed, self.way());
        self.skip(frames);
    }

    /// Adds it to frames of a field from `start` on, of which there are at most `BLOCK_SIZE`.
    pub(crate) fn add_to_field(&mut self, level: Level, range: Range<usize>, field: &mut InField<'_>) {
        if self.is_empty() {
            return;
        }
        let frames = range.len().min(BLOCK_SIZE);
        let heard = frames.min((self.frames - self.passed) as usize);
        let mut planes = [[0.0; BLOCK_SIZE]; 2];
        let [first, second] = planes.each_mut().map(|plane| &mut plane[..heard]);
        add_remains(level, [&mut *first, &mut *second], self.planes, self.passed, self.way());
        let walk = self.walk;
        if self.stereo {
            walk.add(level, first, (range.start, Point::Left), field);
            walk.add(level, second, (range.start, Point::Right), field);
        } else {
            walk.add(level, first, (range.start, Point::Middle), field);
        }
        self.skip(frames);
    }

    /// Lets frames pass unheard.
    pub(crate) fn skip(&mut self, frames: usize) {
        self.passed = self.passed.saturating_add(frames.min(u32::MAX as usize) as u32).min(self.frames);
        self.walk.advance(frames);
        if self.is_empty() {
            (self.left, self.right, self.planes) = (0.0, 0.0, [0.0; 2]);
        }
    }
}

by_level! {
    /// `output += value · (1 - n·way)²` for both sides, from `n = passed` on; the same length.
    fn add_remains(level; sides: [&mut [f32]; 2], values: [f32; 2], passed: u32, way: f32) {
        let [left, right] = sides;
        for (n, (left, right)) in left.iter_mut().zip(right).enumerate() {
            let rest = 1.0 - (passed as i32 + n as i32) as f32 * way;
            let gain = rest * rest;
            *left += values[0] * gain;
            *right += values[1] * gain;
        }
    }
}

by_level! {
    /// `output += signal · gain` with the gains of a ramp; the same length.
    fn add_moving(level; signal: &[f32], output: &mut [f32], ramp: Ramp) {
        // Both are below 2³¹: a ramp lasts milliseconds.
        let (passed, frames) = (ramp.passed as i32, ramp.frames as i32);
        let (way, per_frame) = (ramp.target - ramp.start, 1.0 / ramp.frames.max(1) as f32);
        for (n, (y, x)) in output.iter_mut().zip(signal).enumerate() {
            let done = passed + n as i32;
            let moved = ramp.start + way * (done as f32 * per_frame);
            *y += x * if done < frames { moved } else { ramp.target };
        }
    }
}

by_level! {
    /// `output += signal · gain` for both sides; all the same length.
    fn add_steady(level; signal: [&[f32]; 2], sides: [&mut [f32]; 2], gains: [f32; 2]) {
        let ([first, second], [left, right]) = (signal, sides);
        let frames = left.len().min(right.len()).min(first.len()).min(second.len());
        let (left, right) = (&mut left[..frames], &mut right[..frames]);
        for n in 0..frames {
            left[n] += first[n] * gains[0];
            right[n] += second[n] * gains[1];
        }
    }
}

by_level! {
    /// `output += signal · gain`, each product cut to a whole number.
    fn add_integer_products(level; signal: &[f32], output: &mut [f32], gain_q14: i32, scale: f32) {
        for (y, x) in output.iter_mut().zip(signal) {
            // 16 bits times gains of at most 2 in size.
            *y += ((whole_sample(*x) * gain_q14) >> 14) as f32 * scale;
        }
    }
}

/// A sample of ±1 as 16 bits.
#[inline(always)]
fn whole_sample(sample: f32) -> i32 {
    /// Adding it leaves no bits below 1, rounded to even as the processor does: cheaper than a call.
    const ROUNDER: f32 = 12_582_912.0;
    let clipped = (sample * FULL_SCALE).clamp(-FULL_SCALE, FULL_SCALE - 1.0);
    ((clipped + ROUNDER) - ROUNDER) as i32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::Displaced;
    use crate::audio::Feed;
    use crate::audio::FieldOutlet;
    use crate::audio::MAX_CHANNELS;
    use crate::audio::NearFeeds;
    use crate::audio::Outlets;
    use crate::audio::PanningArc;
    use crate::audio::Placing;
    use crate::audio::Sender;
    use crate::audio::Stand;

    fn gains(frames: u32) -> Gains {
        let mut gains = Gains::default();
        gains.aim((16_384, 8192), 0.5, frames);
        gains
    }

    fn added(gains: &mut Gains, signal: &[f32], integers: bool) -> [Vec<f32>; 2] {
        let (mut left, mut right) = (vec![0.0; signal.len()], vec![0.0; signal.len()]);
        let sides: [&mut [f32]; 2] = [&mut left, &mut right];
        let level = Level::detect();
        match integers {
            true => gains.add_integers(level, [signal; 2], sides),
            false => gains.add(level, [signal; 2], sides),
        }
        [left, right]
    }

    /// The first two channels of a field that something is added to.
    fn in_field(frames: usize, add: impl FnOnce(&mut InField<'_>)) -> Vec<[f32; 2]> {
        let stand = Stand::default();
        let placing = Placing::new(PanningArc { degrees: 180.0, azimuth: 0.0 }, [Some(stand)]);
        let mut feed = Feed::new(MAX_CHANNELS);
        feed.begin(frames);
        let field = FieldOutlet {
            feed: &mut feed,
            near: &mut NearFeeds::new(),
            veils: &mut [],
            placing: &placing,
            displaced: Displaced::NONE,
            own: &[],
        };
        let mut outlets = Outlets::new(&mut [], &[]).with_field(Some(field));
        outlets.add_to_field(Sender { outlet: 0, instrument: 0 }, &(0..frames), add);
        feed.channel(0).iter().zip(feed.channel(1)).map(|(w, y)| [*w, *y]).collect()
    }

    #[test]
    fn what_a_voice_leaves_on_its_way_through_a_field_goes_on_with_it() {
        let level = Level::detect();
        let at = |panning| Spot { panning, behind: false };
        let mut gains = Gains::default();
        gains.stand(at(0), 16_384, 0);
        gains.aim((16_384, 16_384), 0.5, 0);
        let play = |gains: &mut Gains, frames: usize| {
            in_field(frames, |field| {
                gains.add_to_field((level, false), (&[1.0; 256][..frames], None), 0, field)
            })
        };
        let mut heard = play(&mut gains, 50);
        gains.stand(at(256), 16_384, 240);
        heard.extend(play(&mut gains, 100));
        let mut remains = Remains { frames: 768, ..Remains::default() };
        remains.take([0.5; 2], ([0.5, 0.0], false), gains.walk());
        for _ in 0..3 {
            heard.extend(in_field(100, |field| remains.add_to_field(level, 0..100, field)));
        }
        for channel in 0..2 {
            let steps = heard.windows(2).map(|pair| (pair[1][channel] - pair[0][channel]).abs());
            let most = steps.fold(0.0, f32::max);
            assert!(most < 0.01, "steps by {most}");
        }
        let sides = |frame: usize| heard[frame][1] / heard[frame][0];
        assert!((sides(0) - 1.0).abs() < 1e-6 && (sides(300) + 1.0).abs() < 1e-6);
        assert!((0.0..0.9).contains(&sides(150)), "the way is not over: {}", sides(150));
    }

    #[test]
    fn whole_gains_come_down_from_a_loud_level_to_a_faint_one() {
        let mut gains = gains(0);
        gains.aim((16_384, 16_384), 0.5 / 256.0, 8);
        let [left, _] = added(&mut gains, &[1.0; 9], true);
        assert!((left[0] - 0.5).abs() < 1.0e-3 && left.is_sorted_by(|from, to| from > to), "{left:?}");
    }

    #[test]
    fn a_ramp_lands_exactly_on_its_target() {
        for integers in [false, true] {
            let mut gains = gains(48);
            let [left, right] = added(&mut gains, &[0.5; 100], integers);
            assert_eq!((left[0], left[24], left[48], left[99]), (0.0, 0.125, 0.25, 0.25));
            assert_eq!((right[0], right[24], right[48], right[99]), (0.0, 0.0625, 0.125, 0.125));
        }
    }

    #[test]
    fn ramps_do_not_depend_on_how_frames_are_cut() {
        let signal: Vec<f32> = (0..300).map(|n| libm::sinf(n as f32)).collect();
        for integers in [false, true] {
            let whole = added(&mut gains(93), &signal, integers);
            for size in [1, 7, 64] {
                let mut gains = gains(93);
                let mut cut = [Vec::new(), Vec::new()];
                for chunk in signal.chunks(size) {
                    let [left, right] = added(&mut gains, chunk, integers);
                    cut[0].extend(left);
                    cut[1].extend(right);
                }
                assert_eq!(cut, whole, "cut to {size}, integers: {integers}");
            }
        }
    }

    #[test]
    fn integer_gains_leave_whole_numbers_of_the_sample() {
        let mut gains = Gains::default();
        gains.aim((5461, 16_384), 1.0, 0);
        let [left, right] = added(&mut gains, &[1000.0 / 32_768.0, 1.5, -1.0], true);
        assert_eq!(left.map_whole(), [333, 10921, -10922]);
        assert_eq!(right.map_whole(), [1000, 32767, -32768]);
    }

    trait Whole {
        fn map_whole(&self) -> Vec<i32>;
    }

    impl Whole for Vec<f32> {
        fn map_whole(&self) -> Vec<i32> {
            self.iter().map(|x| (x * 32_768.0) as i32).collect()
        }
    }
}
