//! One voice: where it reads, how loud it is, and when it has ended.
//!
//! In: its slot's settings, events between runs. Out: runs of frames added to a feed. Audio thread. Gains move in straight
//! lines, fades in S-curves, both reckoned from counts of frames, so that no cut shows. A voice that nobody could hear is
//! virtual: only its position advances.

use super::bank::Bank;
use super::bank::Play;
use super::bank::Slot;
use super::bank::Take;
use super::control::Acting;
use super::control::Filter;
use super::control::STEP;
use super::control::Vibrato;
use super::pool::Cause;
use crate::audio::AudioSource;
use crate::audio::BLOCK_SIZE;
use crate::audio::Feed;
use crate::dsp::Level;
use crate::dsp::Ramp;
use crate::dsp::add_scaled;
use crate::dsp::add_scaled_by;
use crate::dsp::read::Kernel;
use crate::dsp::read::Path;
use crate::dsp::smoothstep;
use crate::sample::Beyond;
use crate::sample::Interpolation;
use crate::sample::Reader;
use crate::sample::Surroundings;
use crate::units::SampleRate;
use std::ops::Range;

/// A recording at its own speed.
const ONE_Q32: i64 = 1 << 32;
/// Fastest speed.
const FASTEST: f64 = 1024.0;
/// A voice whose greatest sample would be below this is not read: -96 dB.
const INAUDIBLE: f32 = 1.0 / 65_536.0;
/// It is read again above this, 3 dB more.
const AUDIBLE: f32 = INAUDIBLE * 1.414;
/// Seconds in which what has become audible comes in.
const RETURN_SECONDS: f64 = 0.01;
/// Seconds in which what is taken away goes.
const STEAL_SECONDS: f64 = 0.004;

/// Lengths in frames of one engine.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) rate: SampleRate,
    pub(super) ramp: u32,
    pub(super) steal: u32,
    comeback: u32,
}

impl Times {
    pub(super) fn new(rate: SampleRate) -> Self {
        Self {
            rate,
            ramp: Ramp::control_frames(rate),
            steal: rate.frames_in(STEAL_SECONDS) as u32,
            comeback: rate.frames_in(RETURN_SECONDS) as u32,
        }
    }

    fn release(self, slot: &Slot) -> u32 {
        (self.rate.frames_in(slot.release_s.max(0.0).into()).min(1 << 30) as u32).max(self.steal)
    }
}

/// A factor on its way between two values: `from + (to - from)·(3t² - 2t³)`.
#[derive(Clone, Copy, Debug)]
struct Fade {
    from: f32,
    to: f32,
    done: u32,
    frames: u32,
}

impl Fade {
    const NONE: Self = Self { from: 1.0, to: 1.0, done: 0, frames: 0 };

    fn left(&self) -> usize {
        (self.frames - self.done) as usize // `done` never exceeds `frames`
    }

    fn at(&self, done: u32) -> f32 {
        if done >= self.frames {
            return self.to;
        }
        let t = (done + 1) as f32 / self.frames as f32;
        self.from + (self.to - self.from) * smoothstep(t)
    }

    /// The factor of the frame before the next.
    fn value(&self) -> f32 {
        if self.done == 0 { self.from } else { self.at(self.done - 1) }
    }

    fn move_to(&mut self, to: f32, frames: u32) {
        *self = Self { from: self.value(), to, done: 0, frames };
    }

    fn multiply(&self, factors: &mut [f32]) {
        for (frame, factor) in (self.done..).zip(factors) {
            *factor *= self.at(frame);
        }
    }

    fn skip(&mut self, frames: usize) {
        self.done = self.done.saturating_add(frames.min(u32::MAX as usize) as u32).min(self.frames);
    }
}

/// What keeps a voice sounding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hold {
    Key,
    /// The key is up, the pedal down.
    Pedal,
    /// Nothing; it may still fade, or play to its end.
    Nothing,
}

/// How a voice differs from its slot.
#[derive(Clone, Copy, Debug)]
pub(super) struct Own {
    pub(super) velocity: f32,
    /// Semitones, by chance.
    pub(super) chance: f64,
    /// Controllers and expressions.
    pub(super) acting: Acting,
}

/// See the module's description.
#[derive(Clone, Copy, Debug)]
pub(super) struct Voice {
    pub(super) slot: u8,
    pub(super) take: u16,
    /// Reads the bank that goes.
    pub(super) leaving: bool,
    pub(super) cause: Cause,
    pub(super) hold: Hold,
    pub(super) own: Own,
    /// Has been stolen or choked, and fades out.
    pub(super) ending: bool,
    /// Some frame has been rendered.
    pub(super) begun: bool,
    /// Stands in space by itself; its pan turns it there.
    pub(super) in_space: bool,
    /// Has been there already.
    pub(super) placed: bool,
    ended: bool,
    not_heard: bool,
    /// The loop has been gone round.
    round: bool,
    position_q32: i64,
    step_q32: i64,
    sides: [Ramp; 2],
    fade: Fade,
    vibrato: Vibrato,
    filter: Filter,
    /// Frames to the next step of both, while one of them moves.
    to_step: u32,
}

/// Sound of a voice for a run, with where it is to go.
pub(super) struct Run<'a> {
    pub(super) bank: &'a Bank,
    pub(super) level: Level,
    pub(super) times: Times,
    pub(super) range: Range<usize>,
}

impl Voice {
    /// Stands at its gain from the first frame on; what the place held before is forgotten.
    pub(super) fn new(
        (slot, number, in_space): (&Slot, u8, bool),
        take: u16,
        (cause, own): (Cause, Own),
        times: Times,
    ) -> Option<Self> {
        let recording = slot.takes.get(usize::from(take))?;
        let mut voice = Self {
            slot: number,
            take,
            leaving: false,
            cause,
            hold: Hold::Key,
            own,
            ending: false,
            begun: false,
            in_space,
            placed: false,
            ended: recording.data().frames() == 0,
            not_heard: false,
            round: false,
            position_q32: start(slot, recording),
            step_q32: 0,
            sides: [Ramp::new(0.0); 2],
            fade: Fade::NONE,
            vibrato: Vibrato::default(),
            filter: Filter::new(&own.acting, times.rate),
            to_step: 0,
        };
        voice.tune(slot, recording, times);
        voice.sides = voice.gains(slot, recording).map(Ramp::new);
        voice.not_heard = voice.loudest(recording) < INAUDIBLE;
        Some(voice)
    }

    fn gains(&self, slot: &Slot, take: &Take) -> [f32; 2] {
        let gain = self.own.velocity * self.own.acting.gain();
        if self.in_space {
            return [slot.gain.0 * gain; 2];
        }
        slot.sides(take, self.own.acting.pan(slot.pan)).map(|side| side * gain)
    }

    /// What no sample exceeds once the gains have settled.
    fn loudest(&self, take: &Take) -> f32 {
        self.sides.iter().map(|side| side.target().abs()).fold(0.0, f32::max) * take.peak()
    }

    /// Takes the speed that slot, chance and bends ask for.
    pub(super) fn tune(&mut self, slot: &Slot, take: &Take, times: Times) {
        let own = self.own.chance + self.own.acting.semitones() + self.vibrato.semitones;
        let semitones = f64::from(slot.pitch.0) + own;
        let speed = take.rate().0 / times.rate.0 * libm::exp2(semitones / 12.0);
        let speed = if speed.is_nan() { 1.0 } else { speed.clamp(1.0 / FASTEST, FASTEST) };
        self.step_q32 = libm::rint(speed * ONE_Q32 as f64) as i64;
    }

    /// Whether vibrato or filter have steps to take.
    fn moves(&self) -> bool {
        let acting = &self.own.acting;
        acting.depth() > 0.0 || self.vibrato.semitones != 0.0 || self.filter.moves(acting)
    }

    /// Takes a step of vibrato and filter where it is time for one; says how many frames follow it, if any do.
    fn step(&mut self, slot: &Slot, take: &Take, times: Times) -> Option<u32> {
        if self.to_step == 0 && self.moves() {
            self.to_step = STEP;
            self.vibrato.step(&self.own.acting, times.rate);
            self.filter.step(&self.own.acting, times.rate);
            self.tune(slot, take, times);
        }
        (self.to_step > 0).then_some(self.to_step)
    }

    /// Moves to what slot, velocity and controllers ask for.
    pub(super) fn aim(&mut self, slot: &Slot, take: &Take, times: Times) {
        let gains = self.gains(slot, take);
        if self.not_heard {
            self.sides.iter_mut().zip(gains).for_each(|(side, gain)| side.jump_to(gain));
            if self.loudest(take) >= AUDIBLE {
                self.not_heard = false;
                if !self.dies_away() {
                    self.fade = Fade { from: 0.0, to: 1.0, done: 0, frames: times.comeback };
                }
            }
        } else {
            self.sides.iter_mut().zip(gains).for_each(|(side, gain)| side.move_to(gain, times.ramp));
        }
    }

    /// Comes into space or leaves it, where nothing of it is heard for a moment.
    pub(super) fn move_to(&mut self, in_space: bool, slot: &Slot, take: &Take) {
        (self.in_space, self.placed) = (in_space, false);
        let gains = self.gains(slot, take);
        self.sides.iter_mut().zip(gains).for_each(|(side, gain)| side.jump_to(gain));
    }

    /// Fades to its end in `frames`, unless it does so sooner. One that nobody has heard yet, or can hear, ends at once.
    pub(super) fn end(&mut self, frames: u32) {
        self.ended |= !self.begun || self.not_heard || frames == 0;
        self.ending = true;
        if !self.dies_away() || (frames as usize) < self.fade.left() {
            self.fade.move_to(0.0, frames);
        }
        self.hold = Hold::Nothing;
    }

    /// Lets go of the key.
    pub(super) fn release(&mut self, slot: &Slot, times: Times) {
        self.hold = Hold::Nothing;
        if slot.play != Play::OneShot && !self.dies_away() {
            self.fade.move_to(0.0, times.release(slot));
        }
    }

    fn dies_away(&self) -> bool {
        self.fade.to == 0.0
    }

    /// Whole frame of the take that is played next.
    pub(super) fn frame(&self) -> u32 {
        (self.position_q32 >> 32) as u32 // takes have fewer than 2^31
    }

    pub(super) fn ended(&self) -> bool {
        self.ended
    }

    pub(super) fn sounds(&self) -> bool {
        !self.not_heard && !self.ended
    }

    /// How loud it is about now.
    pub(super) fn loudness(&self, take: &Take) -> f32 {
        if self.not_heard {
            return 0.0;
        }
        let side = self.sides.iter().map(|side| side.value().abs()).fold(0.0, f32::max);
        side * self.fade.value() * take.peak_at((self.position_q32 >> 32) as usize)
    }

    /// Renders the frames of a run, or lets them pass; ends where the recording or a fade does. The frame within the run
    /// on which it ended, if it did.
    pub(super) fn run(&mut self, run: &Run<'_>, feed: Option<&mut Feed>) -> Option<usize> {
        let found =
            run.bank.slot(self.slot).and_then(|slot| Some((slot, slot.takes.get(usize::from(self.take))?)));
        let Some((slot, take)) = found else {
            self.ended = true;
            return Some(0);
        };
        let around = Around::new(slot, take);
        let (mut feed, mut done) = (feed, 0);
        self.begun = true;
        while !self.ended && done < run.range.len() {
            let left = run.range.len() - done;
            let most = self.step(slot, take, run.times).map_or(left, |step| left.min(step as usize));
            let frames = self.straight(&around, most);
            let start = run.range.start + done;
            match feed.as_deref_mut().filter(|_| !self.not_heard) {
                Some(feed) => self.add(&around, run.level, feed.open(start..start + frames)),
                None => self.filter.forget(),
            }
            self.advance(&around, frames);
            done += frames;
        }
        self.ended.then_some(done)
    }

    /// Frames, at most `most`, in which neither a ramp or fade nor the recording ends.
    fn straight(&self, around: &Around<'_>, most: usize) -> usize {
        let ends = [self.fade.left(), self.sides[0].left(), self.sides[1].left()];
        let most = ends.into_iter().filter(|&left| left > 0).fold(most, usize::min);
        if around.looped {
            return most;
        }
        let way = (around.end_q32() - self.position_q32).max(1);
        most.min(((way - 1) / self.step_q32 + 1) as usize)
    }

    fn add(&mut self, around: &Around<'_>, level: Level, (left, right): (&mut [f32], &mut [f32])) {
        let frames = left.len();
        let (reader, data) = (self.reader(around, level), around.take.data());
        let mut planes = [[0.0; BLOCK_SIZE]; 2];
        let [first, second] = planes.each_mut().map(|plane| &mut plane[..frames.min(BLOCK_SIZE)]);
        reader.read(&**data, 0, first);
        let wide = data.channels() > 1;
        if wide {
            reader.read(&**data, 1, second);
            self.filter.process([&mut *first, &mut *second]);
        } else {
            self.filter.process([&mut *first]);
        }
        let signals = if wide { [&*first, &*second] } else { [&*first; 2] };
        for ((to, from), side) in [left, right].into_iter().zip(signals).zip(&self.sides) {
            if self.fade.left() == 0 && side.settled() {
                // A side at 0 takes nothing, the other way round of what a neutral gain is.
                match side.target() * self.fade.to {
                    0.0 => {}
                    gain => add_scaled(level, to, from, gain),
                }
                continue;
            }
            let mut factors = [0.0; BLOCK_SIZE];
            let factors = &mut factors[..frames.min(BLOCK_SIZE)];
            side.peek(factors);
            self.fade.multiply(factors);
            add_scaled_by(level, to, from, factors, 1.0);
        }
    }

    fn reader(&self, around: &Around<'_>, level: Level) -> Reader {
        let whole = self.step_q32 == ONE_Q32 && self.position_q32 as u32 == 0;
        let beyond_start = if self.round { Beyond::Loop } else { Beyond::Hold };
        Reader {
            path: Path { position_q32: self.position_q32, step_q32: self.step_q32 },
            surroundings: Surroundings {
                first: if self.round { around.frames.start } else { 0 },
                end: around.frames.end,
                loop_start: around.frames.start,
                before: beyond_start,
                after: if around.looped { Beyond::Loop } else { Beyond::Hold },
            },
            // Frame by frame nothing stands in between.
            kernel: if whole { Kernel::Nearest } else { kernel(around.slot.interpolation) },
            level,
        }
    }

    fn advance(&mut self, around: &Around<'_>, frames: usize) {
        self.position_q32 = self.position_q32.saturating_add(self.step_q32.saturating_mul(frames as i64));
        let end = around.end_q32();
        if self.position_q32 >= end {
            if around.looped {
                let start = i64::from(around.frames.start) << 32;
                self.position_q32 = start + (self.position_q32 - start) % (end - start).max(1);
                self.round = true;
            } else {
                self.ended = true;
            }
        }
        self.to_step = self.to_step.saturating_sub(frames.min(STEP as usize) as u32);
        let moved = self.sides.iter().any(|side| !side.settled());
        self.sides.iter_mut().for_each(|side| side.skip(frames));
        self.fade.skip(frames);
        self.ended |= self.dies_away() && self.fade.left() == 0;
        if moved && self.sides.iter().all(Ramp::settled) && self.loudest(around.take) < INAUDIBLE {
            self.not_heard = true;
        }
    }
}

#[cfg(test)]
impl Voice {
    /// With 32 bits of fraction.
    pub(super) fn position_q32(&self) -> i64 {
        self.position_q32
    }

    pub(super) fn step_q32(&self) -> i64 {
        self.step_q32
    }
}

fn start(slot: &Slot, take: &Take) -> i64 {
    let frames = slot.loop_of(take);
    let last = take.data().frames().saturating_sub(1);
    let start = slot.start.min(last);
    let beyond_loop = slot.play == Play::Loop && start >= frames.end;
    (if beyond_loop { frames.start } else { start } as i64) << 32
}

fn kernel(interpolation: Interpolation) -> Kernel {
    match interpolation {
        Interpolation::None => Kernel::Nearest,
        Interpolation::Linear => Kernel::Linear,
        Interpolation::Cubic => Kernel::Cubic,
        Interpolation::Sinc => Kernel::Sinc,
    }
}

/// The frames that a voice reads.
struct Around<'a> {
    slot: &'a Slot,
    take: &'a Take,
    /// Of the loop, or all of them.
    frames: Range<u32>,
    looped: bool,
}

impl<'a> Around<'a> {
    fn new(slot: &'a Slot, take: &'a Take) -> Self {
        let looped = slot.play == Play::Loop;
        let frames = if looped { slot.loop_of(take) } else { 0..take.data().frames() };
        let short = |frame: usize| frame.min(u32::MAX as usize) as u32;
        Self { slot, take, frames: short(frames.start)..short(frames.end), looped }
    }

    fn end_q32(&self) -> i64 {
        i64::from(self.frames.end) << 32
    }
}
