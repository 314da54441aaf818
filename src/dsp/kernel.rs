//! Sums, gains and levels of planes.
//!
//! In: slices of one channel. Out: the same slice, and what was measured on the way. The shorter slice decides. Passes
//! over memory cost more than arithmetic, so gains measure what they read and write. Squares are summed up in lanes that go
//! on from call to call, so that a sum does not depend on how frames are cut.

use super::simd::by_level;
use crate::audio::LANES;
use crate::audio::Lanes;

/// What a pass over a plane has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Levels {
    /// Greatest magnitude of what was read; NaN is ignored.
    pub read: f32,
    /// Greatest magnitude of what was left; NaN is ignored.
    pub left: f32,
    /// Whether the sum of all squares so far is finite, and so are all samples.
    pub finite: bool,
}

/// What a pass over a plane gathers, lane by lane.
struct Pass {
    /// Greatest magnitudes of what was read.
    read: Lanes,
    /// Sums of the squares of what was left.
    squares: Lanes,
}

impl Pass {
    /// Goes on with the sums of the frames before.
    #[inline(always)]
    fn new(squares: &Lanes) -> Self {
        Self { read: [0.0; LANES], squares: *squares }
    }

    /// Multiplies a frame of every lane.
    #[inline(always)]
    fn scale(&mut self, tile: &mut Lanes, gains: &Lanes) {
        *tile = self.scaled(tile, gains);
    }

    /// The same elsewhere.
    #[inline(always)]
    fn scaled(&mut self, tile: &Lanes, gains: &Lanes) -> Lanes {
        let mut left = [0.0; LANES];
        for lane in 0..LANES {
            let scaled = tile[lane] * gains[lane]; // as many as there are lanes
            self.read[lane] = greater(self.read[lane], tile[lane].abs());
            self.squares[lane] += scaled * scaled;
            left[lane] = scaled;
        }
        left
    }

    /// Multiplies the frames at an end of a plane, which begin with lane `first`; zeros in the others add nothing.
    #[inline(always)]
    fn scale_end(&mut self, end: &mut [f32], first: usize, gains: &Lanes) {
        if !end.is_empty() {
            let mut tile = padded(end, first);
            self.scale(&mut tile, gains);
            end.copy_from_slice(&tile[first..first + end.len()]); // as it was padded
        }
    }

    #[inline(always)]
    fn levels(self, left: f32, squares: &mut Lanes) -> Levels {
        *squares = self.squares;
        // No square is negative, so that nothing that is not finite gets lost in the sum.
        let finite = folded(&self.squares, |one, other| one + other).is_finite();
        Levels { read: greatest(&self.read), left, finite }
    }
}

/// How many of `frames` frames, the first of which is one of lane `first`, lie before the next one of lane 0.
#[inline(always)]
fn unaligned(first: usize, frames: usize) -> usize {
    (first.wrapping_neg() % LANES).min(frames)
}

/// Frames that begin with lane `first` and end before the next lane 0, between zeros.
#[inline(always)]
fn padded(frames: &[f32], first: usize) -> Lanes {
    let mut tile = [0.0; LANES];
    tile[first..first + frames.len()].copy_from_slice(frames); // see `unaligned`
    tile
}

/// What a sum of one plane is: no zero keeps its sign.
#[inline(always)]
fn put(target: &mut [f32], source: &[f32]) {
    target.iter_mut().zip(source).for_each(|(to, from)| *to = 0.0 + from);
}

/// The greater one, which is `lane` where `sample` is NaN.
#[inline(always)]
fn greater(lane: f32, sample: f32) -> f32 {
    if sample > lane { sample } else { lane }
}

#[inline(always)]
fn greatest(lanes: &Lanes) -> f32 {
    folded(lanes, greater)
}

/// Folds lanes in halves, which vector units prefer to one after the other.
#[inline(always)]
fn folded(lanes: &Lanes, join: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = *lanes;
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            lanes[lane] = join(lanes[lane], lanes[lane + width]); // `width` is at most half of the lanes
        }
        width /= 2;
    }
    lanes[0]
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
    /// `target[n] = 0 + source[n] · gain`: what [`add_scaled`] makes of silence.
    pub fn put_scaled(level; target: &mut [f32], source: &[f32], gain: f32) {
        for (to, from) in target.iter_mut().zip(source) {
            *to = 0.0 + from * gain;
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
    /// Measures a plane and leaves it alone; `sums` are the squares so far, and the lane of the plane's first frame.
    pub fn measure(level; plane: &[f32], sums: (&mut Lanes, usize)) -> Levels {
        let (squares, first) = sums;
        let (head, rest) = plane.split_at(unaligned(first, plane.len()));
        let (tiles, tail) = rest.as_chunks::<LANES>();
        let (mut pass, gains) = (Pass::new(squares), [1.0; LANES]);
        if !head.is_empty() {
            pass.scale(&mut padded(head, first % LANES), &gains);
        }
        for tile in tiles {
            pass.scale(&mut { *tile }, &gains);
        }
        if !tail.is_empty() {
            pass.scale(&mut padded(tail, 0), &gains);
        }
        let peak = greatest(&pass.read);
        pass.levels(peak, squares)
    }
}

by_level! {
    /// `target[n] *= gain`, measured; see [`measure`].
    pub fn scale_measured(level; target: &mut [f32], gain: f32, sums: (&mut Lanes, usize)) -> Levels {
        let (squares, first) = sums;
        let (head, rest) = target.split_at_mut(unaligned(first, target.len()));
        let (tiles, tail) = rest.as_chunks_mut::<LANES>();
        let (mut pass, gains) = (Pass::new(squares), [gain; LANES]);
        pass.scale_end(head, first % LANES, &gains);
        for tile in tiles {
            pass.scale(tile, &gains);
        }
        pass.scale_end(tail, 0, &gains);
        // Rounding keeps the order of magnitudes, so the greatest stays the greatest.
        let left = (greatest(&pass.read) * gain).abs();
        pass.levels(left, squares)
    }
}

by_level! {
    /// `target[n] = (0 + source[n]) · gain`, measured as if it were done in place; see [`measure`]. The shorter one counts.
    pub fn put_measured(level; target: &mut [f32], source: &[f32], gain: f32, sums: (&mut Lanes, usize)) -> Levels {
        let ((squares, first), frames) = (sums, target.len().min(source.len()));
        let before = unaligned(first, frames);
        let (head, rest) = target[..frames].split_at_mut(before); // the shorter one, as above
        let (of_head, of_rest) = source[..frames].split_at(before);
        let (tiles, tail) = rest.as_chunks_mut::<LANES>();
        let (of_tiles, of_tail) = of_rest.as_chunks::<LANES>();
        let (mut pass, gains) = (Pass::new(squares), [gain; LANES]);
        put(head, of_head);
        pass.scale_end(head, first % LANES, &gains);
        for (tile, from) in tiles.iter_mut().zip(of_tiles) {
            *tile = pass.scaled(&from.map(|sample| 0.0 + sample), &gains);
        }
        put(tail, of_tail);
        pass.scale_end(tail, 0, &gains);
        let left = (greatest(&pass.read) * gain).abs(); // as above
        pass.levels(left, squares)
    }
}

by_level! {
    /// `target[n] *= gains[n]`, measured; see [`measure`].
    pub fn scale_by_measured(level; target: &mut [f32], gains: &[f32], sums: (&mut Lanes, usize)) -> Levels {
        let ((squares, first), frames) = (sums, target.len().min(gains.len()));
        let (head, rest) = target[..frames].split_at_mut(unaligned(first, frames)); // the shorter one, as above
        let (of_head, of_rest) = gains[..frames].split_at(head.len());
        let (tiles, tail) = rest.as_chunks_mut::<LANES>();
        let (of_tiles, of_tail) = of_rest.as_chunks::<LANES>();
        let (mut pass, mut left) = (Pass::new(squares), [0.0; LANES]);
        pass.scale_end(head, first % LANES, &padded(of_head, first % LANES));
        for (tile, gains) in tiles.iter_mut().zip(of_tiles) {
            pass.scale(tile, gains);
            for lane in 0..LANES {
                left[lane] = greater(left[lane], tile[lane].abs()); // as many as there are lanes
            }
        }
        pass.scale_end(tail, 0, &padded(of_tail, 0));
        let of_ends = head.iter().chain(tail.iter()).fold(0.0, |peak, sample| greater(peak, sample.abs()));
        pass.levels(greater(greatest(&left), of_ends), squares)
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
    pub(super) fn raise_to_finite(level; target: &mut [f32], source: &[f32]) {
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
            let mut squares = [0.25; LANES];
            let levels = [
                scale_by_measured(level, &mut plane, &source, (&mut squares, 5)),
                scale_measured(level, &mut plane, 0.3, (&mut squares, 0)),
                put_measured(level, &mut plane, &source, 0.4, (&mut squares, 7)),
                measure(level, &plane, (&mut squares, 15)),
            ];
            scale_by(level, &mut plane, &source);
            scale(level, &mut plane, 3.0);
            add_scaled(level, &mut plane, &source, 0.2);
            add_scaled_by(level, &mut plane, &source, &source, 0.4);
            let (mut put, mut added) = (plane.clone(), vec![0.0; plane.len()]);
            put_scaled(level, &mut put, &plane, -0.3);
            add_scaled(level, &mut added, &plane, -0.3);
            assert_eq!(put, added);
            let mut peaks = vec![0.1; plane.len()];
            raise_to_finite(level, &mut peaks, &plane);
            let peak = peak(level, &plane).to_bits();
            (levels, squares, peak, count_above(level, &plane, 0.5), plane, peaks)
        };
        let plain = run(Level::SCALAR);
        assert!(Level::available().all(|level| run(level) == plain));
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
            let (mut constant, mut varied) = (source.clone(), source.clone());
            let mut sums = [[0.0; LANES]; 4];
            let levels = scale_measured(Level::detect(), &mut constant, 0.5, (&mut sums[0], 3));
            assert_eq!(levels, Levels { read, left: read * 0.5, finite: true });
            assert!((f64::from(sums[0].iter().sum::<f32>()) - squares).abs() < 1e-5);
            let gains = vec![0.5; frames];
            assert_eq!(scale_by_measured(Level::detect(), &mut varied, &gains, (&mut sums[1], 3)), levels);
            assert_eq!(varied, constant);
            let left = measure(Level::detect(), &constant, (&mut sums[2], 3));
            assert_eq!((left.read, left.left), (levels.left, levels.left));
            let mut put = vec![7.0; frames];
            assert_eq!(put_measured(Level::detect(), &mut put, &source, 0.5, (&mut sums[3], 3)), levels);
            assert_eq!(put, constant);
            assert_eq!(sums[1..], [sums[0]; 3]);
        }
    }

    #[test]
    fn sums_of_squares_do_not_depend_on_how_frames_are_cut() {
        let (source, gains) = (sines(1003), sines(1003));
        let summed = |cuts: &[usize]| {
            let (mut sums, mut at, mut cuts) = ([[0.0; LANES]; 3], 0, cuts.iter().cycle());
            while at < source.len() {
                let end = source.len().min(at + cuts.next().copied().unwrap_or(1));
                let (mut scaled, mut varied) = (source[at..end].to_vec(), source[at..end].to_vec());
                let [of_measured, of_scaled, of_varied] = &mut sums;
                measure(Level::detect(), &source[at..end], (of_measured, 7 + at));
                scale_measured(Level::detect(), &mut scaled, 0.3, (of_scaled, 7 + at));
                scale_by_measured(Level::detect(), &mut varied, &gains[at..end], (of_varied, 7 + at));
                at = end;
            }
            sums
        };
        for cuts in [&[1][..], &[16], &[5, 1, 40, 3], &[255, 17, 2]] {
            assert_eq!(summed(cuts), summed(&[1003]), "{cuts:?}");
        }
    }

    #[test]
    fn what_is_not_finite_shows_as_such_only() {
        let mut plane = [0.5, f32::NAN, -0.25];
        let levels = measure(Level::detect(), &plane, (&mut [0.0; LANES], 0));
        assert_eq!(levels, Levels { read: 0.5, left: 0.5, finite: false });
        assert!(!scale_measured(Level::detect(), &mut plane, 2.0, (&mut [0.0; LANES], 14)).finite);
        let mut peaks = [0.1; 3];
        raise_to_finite(Level::detect(), &mut peaks, &[f32::NAN, f32::NEG_INFINITY, -0.5]);
        assert_eq!(peaks, [0.1, 0.1, 0.5]);
    }

    #[test]
    fn samples_above_a_bound_are_counted() {
        assert_eq!(count_above(Level::detect(), &[1.0, -1.5, 0.2, 1.0001, f32::NAN], 1.0), 2);
    }
}
