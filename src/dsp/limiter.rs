//! Zero-latency limiter: all channels are turned down together as soon as one would exceed the ceiling.
//!
//! `need[n] = 1 - c / max|x[n]|` where the loudest channel exceeds the ceiling `c`, else 0. The reduction `r` takes a
//! greater need at once, holds it 10 ms, then falls by `e^(-1 / (0.1 s·fs))` a frame; `y[n] = x[n]·(1 - r[n])`, cut at
//! ±c. The hold bridges the half-waves of tones down to 50 Hz, so that they are turned down and not bent. Audio thread.
//! Peaks between samples are not seen. What is not finite becomes 0.

use super::Level;
use super::Ramp;
use super::kernel::raise_to_finite;
use super::simd::by_level;
use crate::audio::AudioBlockMut;
use crate::audio::BLOCK_SIZE;
use crate::units::Gain;
use crate::units::SampleRate;
use std::ops::Range;

/// Time in which the reduction falls to 1/e.
const RELEASE_SECONDS: f64 = 0.1;
/// Half a period of the lowest tone that is turned down evenly.
const HOLD_SECONDS: f64 = 0.01;
/// A need of this part of the reduction renews the hold: samples seldom meet a tone's very peaks.
const RENEWING: f64 = 0.99;
/// A reduction below this leaves every `f32` alone.
const NOTHING: f64 = 1.0 / (1 << 26) as f64;

/// See the module's description. Off when made, with a ceiling of 0 dBFS.
pub struct Limiter {
    ramp_frames: u32,
    hold_frames: u32,
    decay: f64,
    /// 0 off … 1 on.
    on: Ramp,
    ceiling: Ramp,
    reduction: f64,
    held: u32,
    /// The loudest channel's magnitudes, then the bounds.
    peaks: [f32; BLOCK_SIZE],
    gains: [f32; BLOCK_SIZE],
}

impl Limiter {
    /// `ramp_frames` is what switching and moving the ceiling take.
    pub fn new(rate: SampleRate, ramp_frames: u32) -> Self {
        Self {
            ramp_frames,
            hold_frames: rate.frames_in(HOLD_SECONDS) as u32,
            decay: libm::exp(-1.0 / (RELEASE_SECONDS * rate.0)),
            on: Ramp::new(0.0),
            ceiling: Ramp::new(1.0),
            reduction: 0.0,
            held: 0,
            peaks: [0.0; BLOCK_SIZE],
            gains: [0.0; BLOCK_SIZE],
        }
    }

    /// Switches by a ramp. Real-time, as all that follows.
    pub fn switch(&mut self, on: bool) {
        self.on.move_to(f32::from(u8::from(on)), self.ramp_frames);
    }

    /// Moves the ceiling by a ramp.
    pub fn set_ceiling(&mut self, ceiling: Gain) {
        self.ceiling.move_to(ceiling.0.max(f32::MIN_POSITIVE), self.ramp_frames);
    }

    /// Whether sound passes it untouched for good.
    pub fn is_off(&self) -> bool {
        self.on.settled() && self.on.target() == 0.0
    }

    /// Whether nothing of what it has heard is left.
    pub fn at_rest(&self) -> bool {
        self.reduction == 0.0
    }

    /// Frames until no ramp moves.
    pub fn moving_frames(&self) -> usize {
        self.on.left().max(self.ceiling.left())
    }

    /// Whether a sound without samples above `peak` in magnitude passes it untouched now.
    pub fn passes(&self, peak: f32) -> bool {
        self.is_off() || (self.at_rest() && peak <= self.ceiling.value().min(self.ceiling.target()))
    }

    /// Works on the frames of `range`, at most `BLOCK_SIZE`, in place; gives the lowest gain.
    pub fn process(&mut self, level: Level, io: &mut AudioBlockMut<'_>, range: &Range<usize>) -> f32 {
        let frames = range.len().min(BLOCK_SIZE);
        self.peaks[..frames].fill(0.0);
        for plane in io.as_block().planes() {
            raise_to_finite(level, &mut self.peaks[..frames], plane.get(range.clone()).unwrap_or(&[]));
        }
        let mut least = 1.0f32;
        for frame in 0..frames {
            self.follow(self.peaks[frame], self.ceiling.after(frame)); // `frame` is below BLOCK_SIZE
            let on = self.on.after(frame);
            let gain = (1.0 - f64::from(on) * self.reduction) as f32;
            least = least.min(gain);
            self.gains[frame] = gain;
            self.peaks[frame] = if on == 1.0 { self.ceiling.after(frame) } else { f32::MAX };
        }
        for plane in io.planes_mut() {
            let plane = plane.get_mut(range.clone()).unwrap_or(&mut []);
            limit(level, plane, &self.gains[..frames], &self.peaks[..frames]);
        }
        self.advance(frames);
        least
    }

    /// The reduction of the next frame, whose loudest channel is `peak`.
    #[inline]
    fn follow(&mut self, peak: f32, ceiling: f32) {
        let need = if peak > ceiling { 1.0 - f64::from(ceiling) / f64::from(peak) } else { 0.0 };
        if need > 0.0 && need >= self.reduction * RENEWING {
            self.held = self.hold_frames;
            self.reduction = self.reduction.max(need);
        } else if self.held > 0 {
            self.held -= 1;
        } else if self.reduction > 0.0 {
            self.reduction *= self.decay;
            if self.reduction < NOTHING {
                self.reduction = 0.0;
            }
        }
    }

    /// Goes on over `frames` frames that it leaves alone: silence, or what it `passes`.
    pub fn skip(&mut self, frames: usize) {
        if !self.at_rest() {
            for _ in 0..frames {
                self.follow(0.0, 1.0);
            }
        }
        self.advance(frames);
    }

    fn advance(&mut self, frames: usize) {
        self.on.skip(frames);
        self.ceiling.skip(frames);
        if self.is_off() {
            (self.reduction, self.held) = (0.0, 0);
        }
    }

    /// Ends the ramps at their targets.
    pub fn settle(&mut self) {
        self.on.settle();
        self.ceiling.settle();
    }

    /// Forgets what it has heard.
    pub fn reset(&mut self) {
        self.settle();
        (self.reduction, self.held) = (0.0, 0);
    }
}

by_level! {
    /// `plane[n] *= gains[n]`, then cut at `±bounds[n]`.
    fn limit(level; plane: &mut [f32], gains: &[f32], bounds: &[f32]) {
        for ((sample, gain), &bound) in plane.iter_mut().zip(gains).zip(bounds) {
            let magnitude = sample.abs();
            let magnitude = if magnitude <= f32::MAX { magnitude * gain } else { 0.0 };
            let magnitude = if magnitude < bound { magnitude } else { bound };
            *sample = magnitude.copysign(*sample);
        }
    }
}
