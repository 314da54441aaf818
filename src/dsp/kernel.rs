//! Sums, gains and levels of planes.
//!
//! In: slices of one channel. Out: the same slice, and what was measured on the way. The shorter slice decides. Passes
//! over memory cost more than arithmetic, so gains measure what they read and write.

use super::simd::by_level;

/// Lanes of a reduction; the same at every level, so that sums round alike. Two vectors of AVX2 hide the latency of an
/// addition.
const LANES: usize = 16;

/// What a pass over a plane has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Levels {
    /// Greatest magnitude of what was read; NaN is ignored.
    pub read: f32,
    /// Greatest magnitude of what was left; NaN is ignored.
    pub left: f32,
    /// Sum of the squares of what was left; not finite where a sample is not.
    pub squares: f32,
}

/// The greater one, which is `lane` where `sample` is NaN.
#[inline(always)]
fn greater(lane: f32, sample: f32) -> f32 {
    if sample > lane { sample } else { lane }
}

#[inline(always)]
fn greatest(lanes: &[f32; LANES]) -> f32 {
    lanes.iter().fold(0.0, |peak, &lane| greater(peak, lane))
}

#[inline(always)]
fn total(lanes: &[f32; LANES]) -> f32 {
    // In halves: fewer roundings than one after the other, and the order that vector units prefer.
    let mut sums = *lanes;
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            sums[lane] += sums[lane + width]; // `width` is at most half of the lanes
        }
        width /= 2;
    }
    sums[0]
}

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
    /// `target[n] += source[n] · gain`.
    pub fn add_scaled(level; target: &mut [f32], source: &[f32], gain: f32) {
        for (to, from) in target.iter_mut().zip(source) {
            *to += from * gain;
        }
    }
}

by_level! {
    /// `target[n] += source[n] · (gains[n] · factor)`.
    pub fn add_scaled_by(level; target: &mut [f32], source: &[f32], gains: &[f32], factor: f32) {
        for ((to, from), gain) in target.iter_mut().zip(source).zip(gains) {
            *to += from * (gain * factor);
        }
    }
}

by_level! {
    /// Measures a plane and leaves it alone.
    pub fn measure(level; plane: &[f32]) -> Levels {
        let (mut peaks, mut sums) = ([0.0f32; LANES], [0.0f32; LANES]);
        let (chunks, rest) = plane.as_chunks::<LANES>();
        for chunk in chunks {
            for lane in 0..LANES {
                let sample = chunk[lane]; // as many as there are lanes
                peaks[lane] = greater(peaks[lane], sample.abs());
                sums[lane] += sample * sample;
            }
        }
        for (lane, &sample) in rest.iter().enumerate() {
            peaks[lane] = greater(peaks[lane], sample.abs()); // the rest is shorter than the lanes
            sums[lane] += sample * sample;
        }
        let peak = greatest(&peaks);
        Levels { read: peak, left: peak, squares: total(&sums) }
    }
}

by_level! {
    /// `target[n] *= gain`, measured.
    pub fn scale_measured(level; target: &mut [f32], gain: f32) -> Levels {
        let (mut peaks, mut sums) = ([0.0f32; LANES], [0.0f32; LANES]);
        let (chunks, rest) = target.as_chunks_mut::<LANES>();
        for chunk in chunks {
            for lane in 0..LANES {
                let sample = chunk[lane]; // as many as there are lanes
                let scaled = sample * gain;
                peaks[lane] = greater(peaks[lane], sample.abs());
                sums[lane] += scaled * scaled;
                chunk[lane] = scaled;
            }
        }
        for (lane, sample) in rest.iter_mut().enumerate() {
            peaks[lane] = greater(peaks[lane], sample.abs()); // the rest is shorter than the lanes
            *sample *= gain;
            sums[lane] += *sample * *sample;
        }
        let read = greatest(&peaks);
        // Rounding keeps the order of magnitudes, so the greatest stays the greatest.
        Levels { read, left: (read * gain).abs(), squares: total(&sums) }
    }
}

by_level! {
    /// `target[n] *= gains[n]`, measured.
    pub fn scale_by_measured(level; target: &mut [f32], gains: &[f32]) -> Levels {
        let (mut read, mut left, mut sums) = ([0.0f32; LANES], [0.0f32; LANES], [0.0f32; LANES]);
        let frames = target.len().min(gains.len());
        let (chunks, rest) = target[..frames].as_chunks_mut::<LANES>(); // the shorter one, as above
        let (of_chunks, of_rest) = gains[..frames].as_chunks::<LANES>();
        for (chunk, gains) in chunks.iter_mut().zip(of_chunks) {
            for lane in 0..LANES {
                let sample = chunk[lane]; // as many as there are lanes
                let scaled = sample * gains[lane];
                read[lane] = greater(read[lane], sample.abs());
                left[lane] = greater(left[lane], scaled.abs());
                sums[lane] += scaled * scaled;
                chunk[lane] = scaled;
            }
        }
        for (lane, (sample, gain)) in rest.iter_mut().zip(of_rest).enumerate() {
            read[lane] = greater(read[lane], sample.abs()); // the rest is shorter than the lanes
            *sample *= gain;
            left[lane] = greater(left[lane], sample.abs());
            sums[lane] += *sample * *sample;
        }
        Levels { read: greatest(&read), left: greatest(&left), squares: total(&sums) }
    }
}

by_level! {
    /// Greatest absolute value; NaN is ignored.
    pub fn peak(level; plane: &[f32]) -> f32 {
        let mut lanes = [0.0f32; LANES];
        let (chunks, rest) = plane.as_chunks::<LANES>();
        for chunk in chunks {
            for (lane, sample) in lanes.iter_mut().zip(chunk) {
                *lane = greater(*lane, sample.abs());
            }
        }
        rest.iter().fold(greatest(&lanes), |peak, sample| greater(peak, sample.abs()))
    }
}

by_level! {
    /// `target[n] = max(target[n], |source[n]|)`; what is not finite counts as 0.
    pub(super) fn raise_to(level; target: &mut [f32], source: &[f32]) {
        for (to, from) in target.iter_mut().zip(source) {
            let magnitude = from.abs();
            let magnitude = if magnitude <= f32::MAX { magnitude } else { 0.0 };
            *to = greater(*to, magnitude);
        }
    }
}

by_level! {
    /// How many samples lie above `bound` in magnitude.
    pub fn count_above(level; plane: &[f32], bound: f32) -> u64 {
        plane.iter().map(|sample| u32::from(sample.abs() > bound)).sum::<u32>().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::Level;

    fn sines(frames: usize) -> Vec<f32> {
        (0..frames).map(|n| libm::sinf(n as f32) * 0.7).collect()
    }

    #[test]
    fn every_level_gives_the_same_bits() {
        let source = sines(1003);
        let run = |level| {
            let mut plane: Vec<f32> = source.iter().rev().copied().collect();
            let levels = [
                scale_by_measured(level, &mut plane, &source),
                scale_measured(level, &mut plane, 0.3),
                measure(level, &plane),
            ];
            scale_by(level, &mut plane, &source);
            scale(level, &mut plane, 3.0);
            add_scaled(level, &mut plane, &source, 0.2);
            add_scaled_by(level, &mut plane, &source, &source, 0.4);
            let mut peaks = vec![0.1; plane.len()];
            raise_to(level, &mut peaks, &plane);
            (levels, peak(level, &plane).to_bits(), count_above(level, &plane, 0.5), plane, peaks)
        };
        assert_eq!(run(Level::BASELINE), run(Level::detect()));
    }

    #[test]
    fn peak_is_the_greatest_magnitude() {
        assert_eq!(peak(Level::BASELINE, &[0.1, -0.9, 0.5, f32::NAN]), 0.9);
        assert_eq!(peak(Level::BASELINE, &[]), 0.0);
    }

    #[test]
    fn gains_measure_what_they_read_and_leave() {
        for frames in [0, 1, 15, 16, 100] {
            let source = sines(frames);
            let read = source.iter().fold(0.0f32, |peak, sample| peak.max(sample.abs()));
            let squares: f64 = source.iter().map(|&sample| f64::from(sample * 0.5).powi(2)).sum();
            let (mut constant, mut varied) = (source.clone(), source);
            let levels = scale_measured(Level::detect(), &mut constant, 0.5);
            assert_eq!((levels.read, levels.left), (read, read * 0.5));
            assert!((f64::from(levels.squares) - squares).abs() < 1e-5);
            assert_eq!(scale_by_measured(Level::detect(), &mut varied, &vec![0.5; frames]), levels);
            assert_eq!(varied, constant);
            let left = measure(Level::detect(), &constant);
            assert_eq!((left.read, left.left), (levels.left, levels.left));
        }
    }

    #[test]
    fn what_is_not_finite_shows_in_the_squares_only() {
        let mut plane = [0.5, f32::NAN, -0.25];
        assert_eq!(measure(Level::detect(), &plane).read, 0.5);
        assert!(!scale_measured(Level::detect(), &mut plane, 2.0).squares.is_finite());
        let mut peaks = [0.1; 3];
        raise_to(Level::detect(), &mut peaks, &[f32::NAN, f32::NEG_INFINITY, -0.5]);
        assert_eq!(peaks, [0.1, 0.1, 0.5]);
    }

    #[test]
    fn samples_above_a_bound_are_counted() {
        assert_eq!(count_above(Level::detect(), &[1.0, -1.5, 0.2, 1.0001, f32::NAN], 1.0), 2);
    }
}
