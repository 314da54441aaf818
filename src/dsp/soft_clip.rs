//! Soft clip: a curve that leaves small samples alone and never goes above 1.
//!
//! `y = x` up to the knee `k = ½` (-6 dBFS); beyond, with `u = (|x| - k) / (1 - k)`, `|y| = k + (1 - k)·u / √(1 + u²)`.
//! Value, slope and curvature are continuous at the knee, and full scale comes out at -1.4 dBFS. No state. Audio thread.
//! Not oversampled: what it adds above half the rate folds back. NaN becomes 0 and infinity 1.

use super::simd::by_level;

/// Up to here nothing changes.
pub const KNEE: f32 = 0.5;

/// Beyond this the curve is 1 in any case; squares stay finite.
const LOUDEST: f32 = 1.0e9;

/// The curve for one magnitude.
#[inline(always)]
fn curve(magnitude: f32) -> f32 {
    let over = if magnitude > KNEE { (magnitude - KNEE) / (1.0 - KNEE) } else { 0.0 };
    // u / √(1 + u²) is at most 1 even when both round, since √(u²) rounds to u.
    magnitude.min(KNEE) + (1.0 - KNEE) * (over / (1.0 + over * over).sqrt())
}

/// Magnitude without what the curve cannot take.
#[inline(always)]
fn cleaned(sample: f32) -> f32 {
    let magnitude = sample.abs();
    if magnitude > LOUDEST {
        LOUDEST
    } else if magnitude >= 0.0 {
        magnitude
    } else {
        0.0
    }
}

by_level! {
    /// Clips a plane.
    pub fn soft_clip(level; plane: &mut [f32]) {
        for sample in plane {
            *sample = curve(cleaned(*sample)).copysign(*sample);
        }
    }
}

by_level! {
    /// Clips a plane by as much as each of `shares` says: 0 leaves a sample alone, 1 clips it.
    pub fn soft_clip_by(level; plane: &mut [f32], shares: &[f32]) {
        for (sample, share) in plane.iter_mut().zip(shares) {
            let magnitude = cleaned(*sample);
            let clipped = magnitude + share * (curve(magnitude) - magnitude);
            *sample = clipped.copysign(*sample);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::Level;

    fn clipped(samples: &[f32]) -> Vec<f32> {
        let mut plane = samples.to_vec();
        soft_clip(Level::detect(), &mut plane);
        plane
    }

    #[test]
    fn samples_up_to_the_knee_keep_their_bits() {
        let small: Vec<f32> = (-500..=500).map(|n| n as f32 / 1000.0).chain([-0.0, 1e-40]).collect();
        let bits = |samples: &[f32]| samples.iter().map(|sample| sample.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&clipped(&small)), bits(&small));
    }

    #[test]
    fn nothing_comes_out_above_full_scale_and_louder_stays_louder() {
        let loud: Vec<f32> = (0..4000).map(|n| 0.4 * 1.02f32.powi(n)).collect();
        let out = clipped(&loud);
        assert!(out.windows(2).all(|pair| pair[0] <= pair[1] + 1e-6) && out.iter().all(|&y| y <= 1.0));
        assert!((clipped(&[1.0])[0] - 0.853_553).abs() < 1e-6);
        assert_eq!(clipped(&[f32::INFINITY, f32::NEG_INFINITY, f32::NAN])[..2], [1.0, -1.0]);
        assert_eq!(clipped(&[f32::NAN])[0].abs(), 0.0);
    }

    #[test]
    fn the_curve_has_no_edge_at_the_knee() {
        let step = 1e-3;
        let x: Vec<f32> = (-2..=2).map(|n| KNEE + n as f32 * step).collect();
        let y = clipped(&x);
        let slopes: Vec<f32> = y.windows(2).map(|pair| (pair[1] - pair[0]) / step).collect();
        assert!(slopes.iter().all(|slope| (slope - 1.0).abs() < 1e-3), "{slopes:?}");
    }

    #[test]
    fn a_share_lies_between_the_sample_and_its_clip_and_every_level_gives_the_same_bits() {
        let run = |level| {
            let mut planes = [[2.0f32, -2.0, 0.3, 0.9]; 2];
            let [whole, shared] = &mut planes;
            soft_clip(level, whole);
            soft_clip_by(level, shared, &[0.0, 1.0, 0.5, 0.5]);
            planes
        };
        let [whole, shared] = run(Level::detect());
        assert_eq!((shared[0], shared[2]), (2.0, 0.3));
        assert!((shared[1] - whole[1]).abs() < 1e-6 && shared[3] > whole[3] && shared[3] < 0.9);
        assert!(Level::available().all(|level| run(level) == [whole, shared]));
    }
}
