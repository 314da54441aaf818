//! A field, turned as the head is, and what two ears hear of it.
//!
//! In: sixteen channels, turned in place. Out: left and right, without latency: each channel goes through what the left ear
//! hears of it, and channels that are odd from left to right reach the right ear turned over. Or two virtual cardioids,
//! `(W ± Y) / 2`. The head runs after what was set as sources do; from one line of the control grid to the next, the
//! factors of its turn move in straight lines. Audio thread.

use super::encoder::RISE;
use super::encoder::lines;
use super::follower::Follower;
use super::follower::Pace;
use super::harmonics::CHANNELS;
use super::harmonics::ORDERS;
use super::hrir;
use super::rotation::Rotation;
use super::rotation::Turn;
use super::settings::Output;
use crate::audio::AudioBlock;
use crate::audio::AudioBlockMut;
use crate::audio::BLOCK_SIZE;
use crate::audio::GRID;
use crate::dsp::Bank;
use crate::dsp::Level;
use crate::dsp::Ramp;
use crate::dsp::simd::by_level;
use crate::units::SampleRate;

/// Degrees at which the head lands.
const LEAST: f32 = 1e-3;

/// See the module's description.
pub struct Decoder {
    level: Level,
    ramp_frames: u32,
    pace: Pace,
    /// Yaw, pitch and roll in degrees.
    head: [Follower; 3],
    /// As they were set, and whether that is since the last line.
    angles: [f32; 3],
    set: bool,
    /// On the line before and on the next one; `None` where the head is not turned.
    from: Option<Rotation>,
    to: Option<Rotation>,
    bank: Bank,
    /// 0 binaural … 1 stereo.
    stereo: Ramp,
    sums: [[f32; BLOCK_SIZE]; 2],
    frame: u64,
}

impl Decoder {
    /// Ears at rest. Allocates, and prepares the responses for the rate unless the process holds them.
    pub fn new(rate: SampleRate, level: Level) -> Self {
        Self {
            level,
            ramp_frames: Ramp::control_frames(rate),
            pace: Pace::new(rate),
            head: [Follower::default(); 3],
            angles: [0.0; 3],
            set: false,
            from: None,
            to: None,
            bank: Bank::new(hrir::responses(rate, level), level),
            stereo: Ramp::new(0.0),
            sums: [[0.0; BLOCK_SIZE]; 2],
            frame: 0,
        }
    }

    /// Turns the head to the right, in degrees. Real-time, like all setters: it starts on the next line of the control grid.
    pub fn set_yaw(&mut self, degrees: f32) {
        (self.angles[0], self.set) = (degrees, true);
    }

    /// Lifts the head, in degrees.
    pub fn set_pitch(&mut self, degrees: f32) {
        (self.angles[1], self.set) = (degrees, true);
    }

    /// Leans the head over to the right, in degrees.
    pub fn set_roll(&mut self, degrees: f32) {
        (self.angles[2], self.set) = (degrees, true);
    }

    /// What is made of the field.
    pub fn set_output(&mut self, output: Output) {
        let stereo = match output {
            Output::Binaural => 0.0,
            Output::Stereo => 1.0,
        };
        self.stereo.move_to(stereo, self.ramp_frames);
    }

    /// Ends all movement at its target, for a start from nothing.
    pub fn settle(&mut self) {
        self.head = [Follower::default(); 3]; // it turns round from where it is, which must not depend on the past
        self.set = true;
        self.aim();
        self.head.iter_mut().for_each(Follower::settle);
        self.to = self.rotation();
        self.from = self.to.clone();
        self.stereo.settle();
    }

    /// Forgets all sound.
    pub fn reset(&mut self) {
        self.bank.clear();
        self.frame = 0;
        self.settle();
    }

    /// Whether silence in gives silence out.
    pub fn is_at_rest(&self) -> bool {
        self.bank.is_drained()
    }

    /// The frame that comes next, counted from reset. Elsewhere than where it was, all sound is forgotten, and all movement over.
    pub(super) fn go_to(&mut self, frame: u64) {
        if frame != self.frame {
            self.bank.clear();
            self.bank.skip((frame % GRID as u64) as usize);
            self.frame = frame;
            self.settle();
        }
    }

    /// Goes on over frames of silence, at rest.
    pub fn skip(&mut self, frames: usize) {
        let lines = lines(self.frame, frames);
        (0..lines).for_each(|_| self.line());
        self.frame += frames as u64;
        self.bank.skip(frames);
        self.stereo.skip(frames);
    }

    /// Turns `field`, of sixteen channels and at most `BLOCK_SIZE` frames, in place, and writes what is heard of it.
    pub fn process(&mut self, field: &mut AudioBlockMut<'_>, [left, right]: [&mut [f32]; 2]) {
        let frames = field.frames().min(left.len()).min(right.len()).min(BLOCK_SIZE);
        let mut start = 0;
        while start < frames {
            let phase = (self.frame % GRID as u64) as usize;
            if phase == 0 {
                self.line();
            }
            let end = (start + GRID - phase).min(frames);
            if let (Some(from), Some(to)) = (&self.from, &self.to) {
                let rise = RISE.get(phase..phase + end - start).unwrap_or(&[]);
                turn(self.level, field, start, rise, from, to);
            }
            self.frame += (end - start) as u64;
            start = end;
        }
        let [even, odd] = &mut self.sums;
        let (even, odd) = (&mut even[..frames], &mut odd[..frames]); // no more than they have
        let block = field.as_block();
        self.bank.process((0..CHANNELS).map(|channel| block.channel(channel)), [&mut *even, &mut *odd]);
        let ears = left.iter_mut().zip(right.iter_mut()).zip(even.iter().zip(odd.iter()));
        ears.for_each(|((left, right), (even, odd))| (*left, *right) = (even + odd, even - odd));
        if !(self.stereo.settled() && self.stereo.target() == 0.0) {
            self.add_cardioids(&block, [left, right]);
        }
    }

    /// Fades over to the virtual microphones, as far as they are wanted.
    fn add_cardioids(&mut self, field: &AudioBlock<'_>, [left, right]: [&mut [f32]; 2]) {
        let shares = &mut self.sums[0];
        let shares = &mut shares[..field.frames().min(BLOCK_SIZE)];
        self.stereo.fill(shares);
        let field = field.channel(0).iter().zip(field.channel(1));
        let ears = left.iter_mut().zip(right);
        for (((w, y), (left, right)), share) in field.zip(ears).zip(shares) {
            *left += *share * (0.5 * (w + y) - *left);
            *right += *share * (0.5 * (w - y) - *right);
        }
    }

    fn line(&mut self) {
        self.aim();
        let pace = self.pace;
        let moved = self.head.each_mut().map(|angle| angle.step(&pace, LEAST));
        let still = !moved.contains(&true);
        if still && self.from.is_none() && self.to.is_none() {
            return;
        }
        self.from = self.to.take();
        if still {
            self.to = if self.is_ahead() { None } else { self.from.clone() };
            self.from = self.to.clone();
            return;
        }
        self.head.iter_mut().for_each(Follower::unwind);
        self.to = self.rotation();
        // Where one of both is turned, both are matrices.
        self.from = self.from.take().or_else(|| self.to.as_ref().map(|_| Rotation::new(Turn::default())));
        self.to = self.to.take().or_else(|| self.from.as_ref().map(|_| Rotation::new(Turn::default())));
    }

    fn aim(&mut self) {
        if std::mem::take(&mut self.set) {
            let [yaw, pitch, roll] = self.angles;
            let [yaw_now, pitch_now, roll_now] = &mut self.head;
            yaw_now.aim_round(yaw);
            pitch_now.aim(pitch.clamp(-90.0, 90.0));
            roll_now.aim_round(roll);
        }
    }

    /// Of where the head is; none where it looks straight ahead.
    fn rotation(&self) -> Option<Rotation> {
        let [yaw, pitch, roll] = self.head.map(|angle| angle.value().to_radians());
        (!self.is_ahead()).then(|| Rotation::new(Turn { yaw, pitch, roll }))
    }

    fn is_ahead(&self) -> bool {
        self.head.iter().all(|angle| angle.value() == 0.0)
    }
}

by_level! {
    /// Turns the frames from `start` on, by factors that go from those of one turn to those of another.
    fn turn(level; field: &mut AudioBlockMut<'_>, start: usize, rise: &[f32], from: &Rotation, to: &Rotation) {
        let frames = rise.len().min(GRID);
        let mut before = [[0.0; GRID]; CHANNELS];
        for (plane, before) in field.planes_mut().zip(&mut before) {
            let plane = plane.get(start..start + frames).unwrap_or(&[]);
            before.iter_mut().zip(plane).for_each(|(to, from)| *to = *from);
        }
        let same = std::ptr::eq(from, to) || from == to;
        for (channel, plane) in field.planes_mut().enumerate().take(CHANNELS).skip(ORDERS[1].start) {
            let Some(plane) = plane.get_mut(start..start + frames) else { continue };
            let ((first, from), (_, to)) = (from.row(channel), to.row(channel));
            plane.fill(0.0);
            for ((column, from), to) in before[first..].iter().zip(from).zip(to) {
                let slope = to - from;
                if same || slope == 0.0 {
                    plane.iter_mut().zip(column).for_each(|(sum, x)| *sum += x * from);
                    continue;
                }
                for ((sum, x), rise) in plane.iter_mut().zip(column).zip(rise) {
                    *sum += x * (from + slope * rise);
                }
            }
        }
    }
}
