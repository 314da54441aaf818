//! Impulse Tracker's resonant low-pass filter.
//!
//! `y[n] = a0·x[n] + b0·y[n-1] + b1·y[n-2]`, two poles, one filter for each side of a voice. In: cutoff and resonance
//! 0–127 and the filter envelope. Out: coefficients, and samples filtered in place. Audio thread.
//! Source: ITTECH.TXT and the coefficients in the reference traces of the `filter*` test modules.

use crate::units::SampleRate;
use std::f64::consts::TAU;

/// Coefficients of the filter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Coefficients {
    pub(crate) a0: f32,
    pub(crate) b0: f32,
    pub(crate) b1: f32,
}

/// Whose filter it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FilterShape {
    ImpulseTracker,
    /// With less resonance.
    ModPlug,
    /// ModPlug Tracker's, over a wider range of cutoffs.
    ModPlugExtended,
}

impl FilterShape {
    /// `cutoff` and `resonance` 0..=127; `envelope` -256..=256.
    pub(crate) fn coefficients(
        self,
        cutoff: i32,
        resonance: i32,
        envelope: i32,
        rate: SampleRate,
    ) -> Coefficients {
        let steps_in_octave = if self == Self::ModPlugExtended { 20.0 } else { 24.0 };
        let octaves = 0.25 + f64::from(cutoff * (envelope + 256)) / (steps_in_octave * 512.0);
        let hertz = (110.0 * libm::exp2(octaves)).clamp(120.0, 20_000.0).min(rate.0 * 0.5);
        let damping = damping(resonance);
        let r = rate.0 / (TAU * hertz);
        if self == Self::ImpulseTracker {
            return Coefficients::from_terms(damping * r + damping - 1.0, r * r);
        }
        let d = ((1.0 - 2.0 * damping) / r).min(2.0);
        Coefficients::from_terms((2.0 * damping - d) * r, r * r)
    }
}

impl Coefficients {
    fn from_terms(d: f64, e: f64) -> Self {
        let sum = 1.0 + d + e;
        Self { a0: (1.0 / sum) as f32, b0: ((d + e + e) / sum) as f32, b1: (-e / sum) as f32 }
    }
}

/// Twice the damping factor: 24 dB of resonance over the range of 128.
fn damping(resonance: i32) -> f64 {
    libm::pow(10.0, -f64::from(resonance) * (24.0 / 128.0) / 20.0)
}

/// What a filter remembers of one side.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FilterState {
    y1: f32,
    y2: f32,
}

impl FilterState {
    /// As after a long time at one value.
    pub(crate) fn resting_at(value: f32) -> Self {
        Self { y1: value, y2: value }
    }

    /// Filters a side in place.
    pub(crate) fn process(&mut self, coefficients: Coefficients, block: &mut [f32]) {
        let Coefficients { a0, b0, b1 } = coefficients;
        let (mut y1, mut y2) = (self.y1, self.y2);
        for x in block {
            // Feedback is limited to twice full scale, as the tracker's mixers do, so that no resonance runs away.
            let y = a0 * *x + b0 * y1.clamp(-2.0, 2.0) + b1 * y2.clamp(-2.0, 2.0);
            (y2, y1) = (y1, y);
            *x = y;
        }
        (self.y1, self.y2) = (y1, y2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_passes_unchanged_once_settled() {
        let coefficients = FilterShape::ImpulseTracker.coefficients(64, 0, 256, SampleRate(48_000.0));
        let mut block = vec![0.5; 4000];
        FilterState::default().process(coefficients, &mut block);
        assert!((block[3999] - 0.5).abs() < 1e-3);
    }

    #[test]
    fn coefficients_are_those_of_the_tracker() {
        // Cutoff 0 is 130.8 Hz: r = 48000/(2π·130.8) = 58.4, d = r, e = r².
        let c = FilterShape::ImpulseTracker.coefficients(0, 0, 256, SampleRate(48_000.0));
        assert!((c.a0 - 1.0 / (1.0 + 58.4 + 58.4 * 58.4)).abs() < 1e-6);
        assert!((c.a0 + c.b0 + c.b1 - 1.0).abs() < 1e-6);
    }

    #[test]
    fn filtering_does_not_depend_on_the_block_size() {
        let coefficients = FilterShape::ImpulseTracker.coefficients(40, 100, 256, SampleRate(44_100.0));
        let input: Vec<f32> = (0..500).map(|n| if n % 50 < 25 { 0.7 } else { -0.7 }).collect();
        let mut whole = input.clone();
        FilterState::default().process(coefficients, &mut whole);
        for size in [1, 7, 64, 255] {
            let mut split = input.clone();
            let mut filter = FilterState::default();
            split.chunks_mut(size).for_each(|block| filter.process(coefficients, block));
            assert_eq!(split, whole, "block size {size}");
        }
    }
}
