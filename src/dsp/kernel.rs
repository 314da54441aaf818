//! Sums, gains and levels of planes.
//!
//! In: slices of one channel. Out: the same slice, or one number. The shorter slice decides.

use super::simd::by_level;

/// Lanes of a reduction; the same at every level, so that sums round alike.
const LANES: usize = 8;

by_level! {
    /// `target[n] *= gain`.
    pub fn scale(level; target: &mut [f32], gain: f32) {
        for sample in target {
            *sample *= gain;
        }
    }
}

by_level! {
    /// `target[n] *= gains[n]`.
    pub fn scale_by(level; target: &mut [f32], gains: &[f32]) {
        for (sample, gain) in target.iter_mut().zip(gains) {
            *sample *= gain;
        }
    }
}

by_level! {
    /// Greatest absolute value; NaN is ignored.
    pub fn peak(level; plane: &[f32]) -> f32 {
        let mut lanes = [0.0f32; LANES];
        let (chunks, rest) = plane.as_chunks::<LANES>();
        for chunk in chunks {
            for (lane, sample) in lanes.iter_mut().zip(chunk) {
                *lane = lane.max(sample.abs());
            }
        }
        lanes.iter().chain(rest).fold(0.0, |peak, sample| peak.max(sample.abs()))
    }
}

by_level! {
    /// Sum of squares, for meters.
    pub fn sum_of_squares(level; plane: &[f32]) -> f32 {
        let mut lanes = [0.0f32; LANES];
        let (chunks, rest) = plane.as_chunks::<LANES>();
        for chunk in chunks {
            for (lane, sample) in lanes.iter_mut().zip(chunk) {
                *lane += sample * sample;
            }
        }
        lanes.iter().sum::<f32>() + rest.iter().map(|sample| sample * sample).sum::<f32>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::Level;

    #[test]
    fn every_level_gives_the_same_bits() {
        let source: Vec<f32> = (0..1003).map(|n| libm::sinf(n as f32) * 0.7).collect();
        let run = |level| {
            let mut plane: Vec<f32> = source.iter().rev().copied().collect();
            scale_by(level, &mut plane, &source);
            scale(level, &mut plane, 0.3);
            (peak(level, &plane).to_bits(), sum_of_squares(level, &plane).to_bits(), plane)
        };
        assert_eq!(run(Level::BASELINE), run(Level::detect()));
    }

    #[test]
    fn peak_is_the_greatest_magnitude() {
        assert_eq!(peak(Level::BASELINE, &[0.1, -0.9, 0.5, f32::NAN]), 0.9);
        assert_eq!(peak(Level::BASELINE, &[]), 0.0);
    }
}
