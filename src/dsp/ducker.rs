//! Ducker: turns a sound down while another one is heard.
//!
//! The sidechain's peak `p[n] = max(max|s[n]|, p[n-1]·e^(-1 / (0.01 s·fs)))` of all its channels drives
//! `d = clamp((p - t) / 3t, 0, 1)`: nothing up to the threshold `t`, all of it 12 dB above. The envelope
//! `e[n] = e[n-1] + k·(d - e[n-1])` has `k = 1 - e^(-1 / (τ·fs))` with the attack as `τ` where `d` is above it, else
//! the release. `gain[n] = 1 - amount·e[n]`: an amount of 1 ducks to silence. Where the sidechain becomes another one, `e`
//! is drawn from its last value to what it would be in 5 ms. Audio thread; what is not finite counts as 0.

use super::Level;
use super::Ramp;
use super::kernel::raise_to_finite;
use crate::audio::AudioBlock;
use crate::audio::BLOCK_SIZE;
use crate::units::Decibels;
use crate::units::Gain;
use crate::units::SampleRate;
use std::ops::Range;

/// Time in which the held peak falls to 1/e: it bridges the half-waves of low tones.
const PEAK_SECONDS: f64 = 0.01;
/// From the threshold to where the whole amount is reached: a factor of 4, 12 dB.
const SPAN: f32 = 3.0;
/// An envelope below this leaves every `f32` alone.
const NOTHING: f64 = 1.0 / (1 << 26) as f64;
/// Held peaks below this are over; no threshold is as low.
const SILENCE: f32 = 1.0e-6;

/// See the module's description. Without effect when made.
pub struct Ducker {
    rate: SampleRate,
    ramp_frames: u32,
    amount: Ramp,
    threshold: f32,
    attack: f64,
    release: f64,
    peak_decay: f32,
    peak: f32,
    envelope: f64,
    /// What the gain follows: the envelope, or something between it and what it was when the sidechain changed.
    eased: f64,
    before: f64,
    /// Share of the envelope.
    ease: Ramp,
    /// Magnitudes of the sidechain, then gains.
    gains: [f32; BLOCK_SIZE],
}

impl Ducker {
    /// With a threshold of -30 dBFS, 5 ms attack and 200 ms release. `ramp_frames` is what a change of the amount takes.
    pub fn new(rate: SampleRate, ramp_frames: u32) -> Self {
        let mut ducker = Self {
            rate,
            ramp_frames,
            amount: Ramp::new(0.0),
            threshold: 1.0,
            attack: 1.0,
            release: 1.0,
            peak_decay: libm::exp(-1.0 / (PEAK_SECONDS * rate.0)) as f32,
            peak: 0.0,
            envelope: 0.0,
            eased: 0.0,
            before: 0.0,
            ease: Ramp::new(1.0),
            gains: [0.0; BLOCK_SIZE],
        };
        ducker.set_threshold(Decibels(-30.0));
        ducker.set_attack(0.005);
        ducker.set_release(0.2);
        ducker
    }

    /// Another sidechain is heard from the next frame on: what is taken away does not step.
    pub fn change_side(&mut self) {
        self.before = self.eased;
        self.ease.jump_to(0.0);
        self.ease.move_to(1.0, self.ramp_frames);
    }

    /// How much is taken away at most: 0 nothing, 1 everything. Real-time, as all that follows.
    pub fn set_amount(&mut self, amount: f32) {
        self.amount.move_to(amount.clamp(0.0, 1.0), self.ramp_frames);
    }

    /// Level of the sidechain from which on it ducks.
    pub fn set_threshold(&mut self, threshold: Decibels) {
        self.threshold = Gain::from(threshold).0.max(10.0 * SILENCE);
    }

    /// Time constant of turning down, in seconds.
    pub fn set_attack(&mut self, attack_s: f64) {
        self.attack = self.coefficient(attack_s);
    }

    /// Time constant of coming back, in seconds.
    pub fn set_release(&mut self, release_s: f64) {
        self.release = self.coefficient(release_s);
    }

    fn coefficient(&self, seconds: f64) -> f64 {
        1.0 - libm::exp(-1.0 / (seconds.max(0.0) * self.rate.0))
    }

    /// Whether it leaves everything alone for good, and need not hear the sidechain.
    pub fn is_off(&self) -> bool {
        self.amount.settled() && self.amount.target() == 0.0
    }

    /// Frames until no ramp moves.
    pub fn moving_frames(&self) -> usize {
        self.amount.left()
    }

    /// Hears the frames of `range`, at most `BLOCK_SIZE`; gives a gain for each, or `None` where all are 1.
    #[inline]
    pub fn follow(
        &mut self,
        level: Level,
        side: Option<&AudioBlock<'_>>,
        range: &Range<usize>,
    ) -> Option<&[f32]> {
        let still = self.peak == 0.0 && self.envelope == 0.0 && self.ease.settled();
        if self.is_off() || (still && side.is_none()) {
            self.advance(range.len());
            return None;
        }
        Some(self.listen(level, side, range))
    }

    fn listen(&mut self, level: Level, side: Option<&AudioBlock<'_>>, range: &Range<usize>) -> &[f32] {
        let frames = range.len().min(BLOCK_SIZE);
        self.gains[..frames].fill(0.0);
        for plane in side.iter().flat_map(|side| side.planes()) {
            raise_to_finite(level, &mut self.gains[..frames], plane.get(range.clone()).unwrap_or(&[]));
        }
        let (threshold, slope) = (self.threshold, 1.0 / (SPAN * self.threshold));
        let (mut peak, mut envelope) = (self.peak, self.envelope);
        let mut eased = self.eased;
        let (amount, ease, before) = (self.amount, self.ease, self.before);
        let easing = ease.left();
        for (frame, gain) in self.gains[..frames].iter_mut().enumerate() {
            peak = gain.max(peak * self.peak_decay);
            if peak < SILENCE {
                peak = 0.0;
            }
            let drive = f64::from(((peak - threshold) * slope).clamp(0.0, 1.0));
            envelope += (drive - envelope) * if drive > envelope { self.attack } else { self.release };
            if envelope < NOTHING {
                envelope = 0.0;
            }
            eased = if frame < easing {
                before + (envelope - before) * f64::from(ease.after(frame))
            } else {
                envelope
            };
            *gain = (1.0 - f64::from(amount.after(frame)) * eased) as f32;
        }
        (self.peak, self.envelope, self.eased) = (peak, envelope, eased);
        self.advance(frames);
        &self.gains[..frames]
    }

    fn advance(&mut self, frames: usize) {
        self.amount.skip(frames);
        self.ease.skip(frames);
        if self.is_off() {
            self.forget();
        }
    }

    /// Ends the ramps at their targets.
    pub fn settle(&mut self) {
        self.amount.settle();
        self.ease.settle();
    }

    fn forget(&mut self) {
        (self.peak, self.envelope, self.eased) = (0.0, 0.0, 0.0);
        self.ease.settle();
    }

    /// Forgets what it has heard.
    pub fn reset(&mut self) {
        self.settle();
        self.forget();
    }
}
