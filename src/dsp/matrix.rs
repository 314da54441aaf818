//! Sums of several planes, and factors that change from frame to frame.
//!
//! In: slices of one channel. Out: added to, or written over, another one. The shorter slice decides. A factor of 0 gives
//! silence whatever it meets, and adds nothing.

use super::simd::by_level;

/// Frames that a sum keeps in registers while it goes through its sources.
const TILE: usize = 16;
/// The same where there are no gains, so that less is asked for each sample.
const WIDE_TILE: usize = 32;

by_level! {
    /// `target[n] += Σ sources[i][n] · gains[i]`, added up in the order of the sources; each is as long as `target`.
    pub fn mix(level; target: &mut [f32], sources: &[&[f32]], gains: &[f32]) {
        let (tiles, rest) = target.as_chunks_mut::<TILE>();
        let whole = tiles.len() * TILE;
        for (index, tile) in tiles.iter_mut().enumerate() {
            let (mut sum, at) = (*tile, index * TILE);
            for (number, source) in sources.iter().enumerate() {
                let (Some(&gain), Some(source)) = (gains.get(number), source.get(at..at + TILE)) else { break };
                for lane in 0..TILE {
                    sum[lane] += source[lane] * gain; // both are as long as a tile
                }
            }
            *tile = sum;
        }
        for (source, gain) in sources.iter().zip(gains) {
            for (to, from) in rest.iter_mut().zip(source.iter().skip(whole)) {
                *to += from * gain;
            }
        }
    }
}

by_level! {
    /// `target[n] += Σ sources[i][n]`, added up in the order of the sources, each as long as `target`; where it is `fresh`, to 0 and
    /// not to what is there.
    pub fn sum(level; target: &mut [f32], sources: &[&[f32]], fresh: bool) {
        if let ([source], true) = (sources, fresh) {
            let (target, rest) = target.split_at_mut(source.len().min(target.len()));
            // Not just copied: as in any other sum no zero keeps its sign.
            target.iter_mut().zip(*source).for_each(|(to, from)| *to = 0.0 + from);
            return rest.fill(0.0);
        }
        let (tiles, rest) = target.as_chunks_mut::<WIDE_TILE>();
        let whole = tiles.len() * WIDE_TILE;
        for (index, tile) in tiles.iter_mut().enumerate() {
            let (mut sum, at) = (if fresh { [0.0; WIDE_TILE] } else { *tile }, index * WIDE_TILE);
            for source in sources {
                let Some(source) = source.get(at..at + WIDE_TILE) else { continue };
                for lane in 0..WIDE_TILE {
                    sum[lane] += source[lane]; // as long as a tile
                }
            }
            *tile = sum;
        }
        for (at, to) in (whole..).zip(rest) {
            let samples = sources.iter().filter_map(|source| source.get(at));
            *to = samples.fold(if fresh { 0.0 } else { *to }, |sum, sample| sum + sample);
        }
    }
}

by_level! {
    /// `target[n] += source[n] · gains[n]`; neither a gain nor a sample of 0 touches the target.
    pub fn mix_by(level; target: &mut [f32], source: &[f32], gains: &[f32]) {
        for ((to, from), gain) in target.iter_mut().zip(source).zip(gains) {
            let sum = *to + from * gain;
            *to = if *gain == 0.0 || *from == 0.0 { *to } else { sum };
        }
    }
}

by_level! {
    /// `target[n] += source[n]`; a sample of 0 does not touch the target.
    pub fn add(level; target: &mut [f32], source: &[f32]) {
        for (to, from) in target.iter_mut().zip(source) {
            let sum = *to + from;
            *to = if *from == 0.0 { *to } else { sum };
        }
    }
}

by_level! {
    /// `target[n] = source[n] · gain`.
    pub fn scaled(level; target: &mut [f32], source: &[f32], gain: f32) {
        for (to, from) in target.iter_mut().zip(source) {
            *to = from * gain;
        }
    }
}

by_level! {
    /// `target[n] = source[n] · gains[n]`, and 0 where the gain is.
    pub fn scaled_by(level; target: &mut [f32], source: &[f32], gains: &[f32]) {
        for ((to, from), gain) in target.iter_mut().zip(source).zip(gains) {
            let product = from * gain;
            *to = if *gain == 0.0 { 0.0 } else { product };
        }
    }
}

by_level! {
    /// `target[n] *= gains[n]`, and 0 where the gain is.
    pub fn fade(level; target: &mut [f32], gains: &[f32]) {
        for (to, gain) in target.iter_mut().zip(gains) {
            let product = *to * gain;
            *to = if *gain == 0.0 { 0.0 } else { product };
        }
    }
}

by_level! {
    /// `target[n] = max(target[n], |source[n]|)`; NaN is ignored.
    pub fn raise_to(level; target: &mut [f32], source: &[f32]) {
        for (to, from) in target.iter_mut().zip(source) {
            *to = to.max(from.abs());
        }
    }
}

by_level! {
    /// `target[n] = max(target[n], |Σ source[n + k] · taps[k]|)`; `source` is longer by all taps but one. NaN is ignored.
    pub fn raise_to_filtered(level; target: &mut [f32], source: &[f32], taps: &[f32]) {
        for (index, tile) in target.chunks_mut(TILE).enumerate() {
            let mut sums = [0.0; TILE];
            for (source, tap) in source.windows(tile.len()).skip(index * TILE).zip(taps) {
                for (sum, from) in sums.iter_mut().zip(source) {
                    *sum += from * tap;
                }
            }
            for (to, sum) in tile.iter_mut().zip(sums) {
                *to = to.max(sum.abs());
            }
        }
    }
}

by_level! {
    /// Whether every sample is 0.
    pub fn is_silent(level; plane: &[f32]) -> bool {
        // Without its sign, which the shift drops, only 0 has no bits. Looked at in pieces, so that sound is found early.
        plane.chunks(64).all(|piece| piece.iter().fold(0, |bits, sample| bits | sample.to_bits() << 1) == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::Level;

    fn wave(frames: usize, step: f32) -> Vec<f32> {
        (0..frames).map(|n| libm::sinf(n as f32 * step)).collect()
    }

    #[test]
    fn a_mix_is_the_sum_in_order_at_every_level_and_length() {
        let sources: Vec<Vec<f32>> = (0..8).map(|n| wave(77, 0.1 + n as f32)).collect();
        let gains: Vec<f32> = (0..8).map(|n| 0.3 + n as f32 * 0.11).collect();
        for level in Level::available() {
            for frames in [0, 1, 15, 16, 33, 77] {
                let slices: Vec<&[f32]> = sources.iter().map(|source| &source[..frames]).collect();
                let mut target = wave(frames, 0.9);
                let expected: Vec<f32> = (0..frames)
                    .map(|n| {
                        slices.iter().zip(&gains).fold(target[n], |sum, (from, gain)| sum + from[n] * gain)
                    })
                    .collect();
                mix(level, &mut target, &slices, &gains);
                assert_eq!(target, expected, "{frames} frames");
            }
        }
    }

    #[test]
    fn a_sum_is_what_adding_one_after_the_other_gives_at_every_level_and_length() {
        let sources: Vec<Vec<f32>> = (0..5).map(|n| wave(77, 0.2 + n as f32)).collect();
        for level in Level::available() {
            for (frames, fresh) in [(0, true), (1, true), (16, false), (33, true), (77, false)] {
                let slices: Vec<&[f32]> = sources.iter().map(|source| &source[..frames]).collect();
                let (mut target, mut expected) = (wave(frames, 0.9), wave(frames, 0.9));
                sum(level, &mut target, &slices, fresh);
                if fresh {
                    expected.fill(0.0);
                }
                slices.iter().for_each(|source| add(level, &mut expected, source));
                assert_eq!(target, expected, "{frames} frames");
            }
        }
        let (mut zeros, negative) = ([-0.0; 40], [-0.0; 39]);
        for sources in [&[&negative[..]][..], &[&negative, &negative]] {
            sum(Level::detect(), &mut zeros, sources, true);
            assert_eq!(zeros.map(f32::to_bits), [0; 40]);
        }
    }

    #[test]
    fn a_gain_of_nothing_neither_adds_nor_leaves_anything() {
        let level = Level::detect();
        let nasty = [f32::INFINITY, f32::NAN, -1.0];
        let mut target = [-0.0f32, 0.5, -0.0];
        mix_by(level, &mut target, &nasty, &[0.0; 3]);
        add(level, &mut target, &[0.0, -0.0, 0.0]);
        assert_eq!(target.map(f32::to_bits), [-0.0f32, 0.5, -0.0].map(f32::to_bits));
        let mut target = nasty;
        fade(level, &mut target, &[0.0; 3]);
        assert_eq!(target.map(f32::to_bits), [0; 3]);
        scaled_by(level, &mut target, &nasty, &[0.0, 0.0, 2.0]);
        assert_eq!(target, [0.0, 0.0, -2.0]);
    }

    #[test]
    fn silence_is_zeros_of_either_sign_and_nothing_else() {
        let mut plane = vec![-0.0; 200];
        assert!(is_silent(Level::detect(), &plane) && is_silent(Level::BASELINE, &[]));
        for sample in [f32::NAN, 1e-40, -1.0] {
            plane[199] = sample;
            assert!(!is_silent(Level::detect(), &plane), "{sample}");
        }
    }
}
