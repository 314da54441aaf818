//! A field, turned as the head is, and what two ears hear of it.
//!
//! In: sixteen channels, turned in place. Out: left and right, without latency: each channel goes through what the left ear
//! hears of it, and channels that are odd from left to right reach the right ear turned over; heads that are not symmetric hear some
//! of each channel either way. Or two virtual cardioids, `(W ± Y) / 2`. Other ears fade in over those before. The head runs after what was set as sources do; from one line of the control grid to the next, the
//! factors of its turn move in straight lines. Audio thread.

use super::ears::Ears;
use super::encoder::RISE;
use super::encoder::lines;
use super::follower::Follower;
use super::follower::Pace;
use super::harmonics::CHANNELS;
use super::harmonics::ORDERS;
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
use crate::dsp::smoothstep;
use crate::units::SampleRate;
use std::ops::Range;

/// Degrees at which the head lands.
const LEAST: f32 = 1e-3;

/// Seconds in which other ears fade in.
const FADE_S: f64 = 0.05;

/// Ears at a rate, which have heard nothing yet.
pub struct PreparedEars(Box<Bank>);

impl PreparedEars {
    /// Allocates, and prepares the responses for the rate unless the process holds them.
    pub fn new(ears: &Ears, rate: SampleRate, level: Level) -> Self {
        Self(Box::new(Bank::new(ears.responses(rate, level), level)))
    }
}

/// What hears with the ears so far, from a line of the grid on.
struct Coming {
    bank: Box<Bank>,
    /// Cells that are over.
    faded: u32,
}

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
    bank: Box<Bank>,
    /// Other ears: those that begin on the next line, those that fade in, and those that have faded out.
    next: Option<Box<Bank>>,
    coming: Option<Coming>,
    left: Option<Box<Bank>>,
    /// Cells that a change takes.
    fade: u32,
    /// 0 binaural … 1 stereo.
    stereo: Ramp,
    sums: [[f32; BLOCK_SIZE]; 2],
    others: [[f32; GRID]; 2],
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
            bank: PreparedEars::new(&Ears::kemar(), rate, level).0,
            next: None,
            coming: None,
            left: None,
            fade: (libm::round(FADE_S * rate.0 / GRID as f64) as u32).max(1),
            stereo: Ramp::new(0.0),
            sums: [[0.0; BLOCK_SIZE]; 2],
            others: [[0.0; GRID]; 2],
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

    /// Hears with other ears, which fade in from the next line on; while [`Self::changes_ears`] there is no room for further ones, which
    /// come back.
    pub fn set_ears(&mut self, ears: PreparedEars) -> Option<PreparedEars> {
        if self.changes_ears() {
            return Some(ears);
        }
        self.next = Some(ears.0);
        None
    }

    /// Whether other ears fade in, or those before have not been taken.
    pub fn changes_ears(&self) -> bool {
        self.next.is_some() || self.coming.is_some() || self.left.is_some()
    }

    /// The ears that were heard with before, to be freed.
    pub fn take_left_ears(&mut self) -> Option<PreparedEars> {
        self.left.take().map(PreparedEars)
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
        if let Some(bank) = self.next.take().or_else(|| self.coming.take().map(|coming| coming.bank)) {
            self.change_ears(bank);
        }
    }

    /// Other ears, which have heard nothing, take the place of those before at once.
    fn change_ears(&mut self, mut bank: Box<Bank>) {
        clear_on(&mut bank, self.frame);
        self.left = Some(std::mem::replace(&mut self.bank, bank));
    }

    /// Forgets all sound.
    pub fn reset(&mut self) {
        self.bank.clear();
        self.frame = 0;
        self.settle();
    }

    /// Whether silence in gives silence out.
    pub fn is_at_rest(&self) -> bool {
        self.bank.is_drained() && self.coming.as_ref().is_none_or(|coming| coming.bank.is_drained())
    }

    /// The frame that comes next, counted from reset. Elsewhere than where it was, all sound is forgotten, and all movement over.
    pub fn go_to(&mut self, frame: u64) {
        if frame != self.frame {
            clear_on(&mut self.bank, frame);
            self.frame = frame;
            self.settle();
        }
    }

    /// Goes on over frames of silence, at rest.
    pub fn skip(&mut self, frames: usize) {
        let (lines, fades) = (lines(self.frame, frames), self.fades());
        (0..lines).for_each(|_| self.line());
        self.frame += frames as u64;
        if fades {
            let coming = self.coming.as_mut().map(|coming| &mut coming.bank);
            [Some(&mut self.bank), coming].into_iter().flatten().for_each(|bank| clear_on(bank, self.frame));
        } else {
            self.bank.skip(frames);
        }
        self.stereo.skip(frames);
    }

    /// Turns `field`, of sixteen channels and at most `BLOCK_SIZE` frames, in place, and writes what is heard of it.
    pub fn process(&mut self, field: &mut AudioBlockMut<'_>, [left, right]: [&mut [f32]; 2]) {
        let frames = field.frames().min(left.len()).min(right.len()).min(BLOCK_SIZE);
        let (mut start, mut heard) = (0, 0);
        while start < frames {
            let phase = (self.frame % GRID as u64) as usize;
            if phase == 0 {
                if self.fades() {
                    self.hear(&field.as_block(), heard..start, [left, right]);
                    heard = start;
                }
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
        let block = field.as_block();
        self.hear(&block, heard..frames, [left, right]);
        if !(self.stereo.settled() && self.stereo.target() == 0.0) {
            self.add_cardioids(&block, [left, right]);
        }
    }

    /// Whether other ears fade in, or will from the next line on.
    fn fades(&self) -> bool {
        self.next.is_some() || self.coming.is_some()
    }

    /// Writes what ears hear of the last frames that have passed, all of which lie in one cell while other ears fade in.
    fn hear(&mut self, field: &AudioBlock<'_>, range: Range<usize>, [left, right]: [&mut [f32]; 2]) {
        let frames = range.len();
        let [even, odd] = self.sums.each_mut().map(|sum| &mut sum[..frames]); // at most a block, as the range is
        let planes = (0..CHANNELS).map(|channel| field.channel(channel).get(range.clone()).unwrap_or(&[]));
        self.bank.process(planes.clone(), [&mut *even, &mut *odd]);
        if let Some(Coming { bank, faded }) = &mut self.coming {
            let [other_even, other_odd] = self.others.each_mut().map(|sum| &mut sum[..frames.min(GRID)]);
            bank.process(planes, [&mut *other_even, &mut *other_odd]);
            let first = *faded as usize * GRID + ((self.frame - frames as u64) % GRID as u64) as usize;
            let whole = (self.fade as usize * GRID) as f32;
            let sums = even.iter_mut().zip(odd.iter_mut()).zip(other_even.iter().zip(other_odd.iter()));
            for (frame, ((even, odd), (other_even, other_odd))) in (first + 1..).zip(sums) {
                let share = smoothstep(frame as f32 / whole);
                *even += share * (other_even - *even);
                *odd += share * (other_odd - *odd);
            }
        }
        let (Some(left), Some(right)) = (left.get_mut(range.clone()), right.get_mut(range)) else { return };
        let ears = left.iter_mut().zip(right).zip(even.iter().zip(odd.iter()));
        ears.for_each(|((left, right), (even, odd))| (*left, *right) = (even + odd, even - odd));
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
        if let Some(coming) = &mut self.coming {
            coming.faded += 1;
            if coming.faded >= self.fade
                && let Some(coming) = self.coming.take()
            {
                self.left = Some(std::mem::replace(&mut self.bank, coming.bank));
            }
        } else if let Some(mut bank) = self.next.take() {
            bank.clear();
            self.coming = Some(Coming { bank, faded: 0 });
        }
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

/// Ears that have heard nothing, in their cell of the grid.
fn clear_on(bank: &mut Bank, frame: u64) {
    bank.clear();
    bank.skip((frame % GRID as u64) as usize);
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
