//! A Fourier transform that can be spread over time: complex planes in, complex planes out, one small step a call.
//!
//! Audio thread, except making one. `n = rows · columns` frames are a matrix: transforms down its columns, a turn of each
//! number, and transforms along its rows, eight side by side throughout. Every number goes through the same additions
//! and multiplications at every SIMD level, and the tables come from `libm`, so that all machines give the same bits.
//! Bailey, "FFTs in external or hierarchical memory" (1990); Stockham's ordering within a column.

use super::Level;
use super::simd::by_level;
use std::f64::consts::TAU;

/// Columns that are worked on at once: what an AVX2 register holds.
const LANES: usize = 8;

/// Rows of a matrix, at most.
const LONGEST: usize = 256;

/// Complex numbers side by side.
#[derive(Clone, Copy, Default)]
struct Row {
    re: [f32; LANES],
    im: [f32; LANES],
}

impl Row {
    #[inline(always)]
    fn plus(mut self, other: &Self) -> Self {
        for lane in 0..LANES {
            self.re[lane] += other.re[lane]; // all have `LANES`
            self.im[lane] += other.im[lane];
        }
        self
    }

    #[inline(always)]
    fn minus(mut self, other: &Self) -> Self {
        for lane in 0..LANES {
            self.re[lane] -= other.re[lane];
            self.im[lane] -= other.im[lane];
        }
        self
    }

    /// Times -i.
    #[inline(always)]
    fn turned(self) -> Self {
        let mut turned = Self { re: self.im, im: self.re };
        for lane in 0..LANES {
            turned.im[lane] = -turned.im[lane];
        }
        turned
    }

    #[inline(always)]
    fn times(self, (re, im): (f32, f32)) -> Self {
        let mut product = self;
        for lane in 0..LANES {
            product.re[lane] = self.re[lane] * re - self.im[lane] * im;
            product.im[lane] = self.re[lane] * im + self.im[lane] * re;
        }
        product
    }

    #[inline(always)]
    fn times_each(self, by: &Self) -> Self {
        let mut product = self;
        for lane in 0..LANES {
            product.re[lane] = self.re[lane] * by.re[lane] - self.im[lane] * by.im[lane];
            product.im[lane] = self.re[lane] * by.im[lane] + self.im[lane] * by.re[lane];
        }
        product
    }
}

/// Real and imaginary parts.
pub(super) type Planes<'a> = (&'a [f32], &'a [f32]);
/// See [`Planes`].
pub(super) type PlanesMut<'a> = (&'a mut [f32], &'a mut [f32]);

/// `e^(-2πi · turn / whole)`.
fn unit(turn: usize, whole: usize) -> (f32, f32) {
    let angle = TAU * (turn % whole) as f64 / whole as f64;
    (libm::cos(angle) as f32, -libm::sin(angle) as f32)
}

fn units(length: usize) -> Box<[(f32, f32)]> {
    (0..length).map(|turn| unit(turn, length)).collect()
}

/// Tables of a transform of one length.
pub(super) struct Fft {
    rows: usize,
    columns: usize,
    /// Units of a column's length, and of a row's.
    units: [Box<[(f32, f32)]>; 2],
    /// Turns between both, in the order of their use.
    turns: Box<[Row]>,
}

impl Fft {
    /// Of `length` frames: a power of 2, 128 to 32,768. Allocates.
    pub(super) fn new(length: usize) -> Self {
        let columns = if length < 1024 { 16 } else { (length / 64).clamp(32, 128) };
        let rows = length / columns;
        let place = |index: usize| {
            let (first, row) = (index / rows * LANES, index % rows);
            let turn = |lane| unit((first + lane) * row, length);
            Row { re: std::array::from_fn(|lane| turn(lane).0), im: std::array::from_fn(|lane| turn(lane).1) }
        };
        let turns = (0..columns / LANES * rows).map(place).collect();
        Self { rows, columns, units: [units(rows), units(columns)], turns }
    }

    /// Steps that read, which come first.
    pub(super) fn reading_steps(&self) -> usize {
        self.columns / LANES
    }

    /// Steps that write.
    pub(super) fn writing_steps(&self) -> usize {
        self.rows / LANES
    }

    /// A step that reads; `from` is given in halves.
    pub(super) fn read(&self, level: Level, step: usize, from: [Planes<'_>; 2], work: &mut Work) {
        down_columns(level, self, step, from, work);
    }

    /// A step that writes.
    pub(super) fn write(&self, level: Level, step: usize, to: PlanesMut<'_>, work: &mut Work) {
        along_rows(level, self, step, work, to);
    }

    /// All steps at once.
    pub(super) fn transform(
        &self,
        level: Level,
        from: [Planes<'_>; 2],
        (re, im): PlanesMut<'_>,
        work: &mut Work,
    ) {
        (0..self.reading_steps()).for_each(|step| self.read(level, step, from, work));
        (0..self.writing_steps()).for_each(|step| self.write(level, step, (&mut *re, &mut *im), work));
    }
}

/// Memory of a transform that is under way.
pub(super) struct Work {
    tiles: Box<[[Row; LONGEST]; 2]>,
    middle: [Box<[f32]>; 2],
}

impl Work {
    /// For transforms of `length` frames. Allocates.
    pub(super) fn new(length: usize) -> Self {
        let middle = || vec![0.0; length].into_boxed_slice();
        Self { tiles: Box::new([[Row::default(); LONGEST]; 2]), middle: [middle(), middle()] }
    }
}

#[inline(always)]
fn lanes(plane: &[f32], at: usize) -> [f32; LANES] {
    plane.get(at..).and_then(|plane| plane.first_chunk()).copied().unwrap_or_default()
}

#[inline(always)]
fn put(plane: &mut [f32], at: usize, values: [f32; LANES]) {
    if let Some(place) = plane.get_mut(at..).and_then(|plane| plane.first_chunk_mut()) {
        *place = values;
    }
}

by_level! {
    /// Transforms eight columns and turns them, into the rows of `work.middle`.
    fn down_columns(level; fft: &Fft, step: usize, from: [Planes<'_>; 2], work: &mut Work) {
        let [tile, other] = &mut *work.tiles;
        let (tile, other) = (&mut tile[..fft.rows], &mut other[..fft.rows]); // no matrix has more rows
        let column = step * LANES;
        let (older, newer) = tile.split_at_mut(fft.rows / 2);
        for (half, (re, im)) in [older, newer].into_iter().zip(from) {
            for (number, row) in half.iter_mut().enumerate() {
                let at = number * fft.columns + column;
                *row = Row { re: lanes(re, at), im: lanes(im, at) };
            }
        }
        let tile = dft(tile, other, &fft.units[0]);
        let turns = fft.turns.get(step * fft.rows..).unwrap_or(&[]);
        for at in 0..tile.len().min(turns.len()) {
            tile[at] = tile[at].times_each(&turns[at]); // plain indices, as below
        }
        let [re, im] = &mut work.middle;
        for first in (0..fft.rows).step_by(LANES) {
            for lane in 0..LANES {
                let at = (column + lane) * fft.rows + first;
                let (mut to_re, mut to_im) = ([0.0; LANES], [0.0; LANES]);
                for row in 0..LANES {
                    // Rows are a multiple of `LANES`.
                    (to_re[row], to_im[row]) = (tile[first + row].re[lane], tile[first + row].im[lane]);
                }
                put(re, at, to_re);
                put(im, at, to_im);
            }
        }
    }
}

by_level! {
    /// Transforms eight rows of `work.middle` into their places of the result.
    fn along_rows(level; fft: &Fft, step: usize, work: &mut Work, to: PlanesMut<'_>) {
        let [tile, other] = &mut *work.tiles;
        let (tile, other) = (&mut tile[..fft.columns], &mut other[..fft.columns]); // no matrix has more
        let [re, im] = &work.middle;
        for (number, row) in tile.iter_mut().enumerate() {
            let at = number * fft.rows + step * LANES;
            *row = Row { re: lanes(re, at), im: lanes(im, at) };
        }
        for (number, row) in dft(tile, other, &fft.units[1]).iter().enumerate() {
            let at = number * fft.rows + step * LANES;
            put(to.0, at, row.re);
            put(to.1, at, row.im);
        }
    }
}

/// Transforms down a tile, through `other` and back; gives the one that holds the result, in order.
#[inline(always)]
fn dft<'a>(mut tile: &'a mut [Row], mut other: &'a mut [Row], units: &[(f32, f32)]) -> &'a mut [Row] {
    let (mut left, mut stride) = (tile.len(), 1);
    while left > 1 {
        if left.is_multiple_of(4) {
            left /= 4;
            in_fours(tile, other, units, (left, stride));
            stride *= 4;
        } else {
            left /= 2;
            in_twos(tile, other, units, (left, stride));
            stride *= 2;
        }
        (tile, other) = (other, tile);
    }
    tile
}

/// `from` is four quarters of `count · stride` rows, `to` becomes `count` groups of four times `stride`.
///
/// Plain indices here and below: iterators are calls where crates are compiled without link-time optimisation.
#[inline(always)]
fn in_fours(from: &[Row], to: &mut [Row], units: &[(f32, f32)], (count, stride): (usize, usize)) {
    let quarter = count * stride;
    for turn in 0..count {
        // Three quarters of the way round, at most.
        let (once, twice, thrice) =
            (units[turn * stride], units[2 * turn * stride], units[3 * turn * stride]);
        for index in 0..stride {
            // Four quarters lie in `from`, and as many rows in `to`.
            let (at, put) = (turn * stride + index, 4 * turn * stride + index);
            let (a, b) = (from[at], from[at + quarter]);
            let (c, d) = (from[at + 2 * quarter], from[at + 3 * quarter]);
            let (even, odd) = (a.plus(&c), b.plus(&d));
            let (even_rest, odd_rest) = (a.minus(&c), b.minus(&d).turned());
            to[put] = even.plus(&odd);
            to[put + stride] = even_rest.plus(&odd_rest).times(once);
            to[put + 2 * stride] = even.minus(&odd).times(twice);
            to[put + 3 * stride] = even_rest.minus(&odd_rest).times(thrice);
        }
    }
}

/// The same in halves and pairs.
#[inline(always)]
fn in_twos(from: &[Row], to: &mut [Row], units: &[(f32, f32)], (count, stride): (usize, usize)) {
    for turn in 0..count {
        let unit = units[turn * stride]; // less than half of the way round
        for index in 0..stride {
            // Two halves lie in `from`, and as many rows in `to`.
            let (at, put) = (turn * stride + index, 2 * turn * stride + index);
            let (a, b) = (from[at], from[at + count * stride]);
            to[put] = a.plus(&b);
            to[put + stride] = a.minus(&b).times(unit);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use realfft::RealFftPlanner;

    fn wave(frames: usize, seed: u64) -> Vec<f32> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1 << 23) as f32 - 1.0
        };
        (0..frames).map(|_| next()).collect()
    }

    fn transform(level: Level, re: &[f32], im: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let (fft, mut work) = (Fft::new(re.len()), Work::new(re.len()));
        let (mut to_re, mut to_im) = (vec![0.0; re.len()], vec![0.0; re.len()]);
        let (re, im) = (re.split_at(re.len() / 2), im.split_at(im.len() / 2));
        fft.transform(level, [(re.0, im.0), (re.1, im.1)], (&mut to_re, &mut to_im), &mut work);
        (to_re, to_im)
    }

    #[test]
    fn spectra_are_those_of_realfft() {
        for length in [128, 1024, 8192, 16384, 32768] {
            let mut input = wave(length, 1);
            let (re, im) = transform(Level::detect(), &input, &vec![0.0; length]);
            let planned = RealFftPlanner::<f32>::new().plan_fft_forward(length);
            let mut expected = planned.make_output_vec();
            planned.process(&mut input, &mut expected).unwrap();
            let worst = expected
                .iter()
                .zip(re.iter().zip(&im))
                .map(|(bin, (re, im))| f64::from(bin.re - re).abs().max(f64::from(bin.im - im).abs()));
            let worst = worst.fold(0.0, f64::max) / (length as f64).sqrt();
            println!("{length}: {worst:.2e}");
            assert!(worst < 2.0e-6, "{length}: {worst}");
        }
    }

    #[test]
    fn a_transform_of_exchanged_parts_leads_back() {
        let (re, im) = (wave(1024, 2), wave(1024, 3));
        let (to_re, to_im) = transform(Level::detect(), &re, &im);
        let (back_im, back_re) = transform(Level::detect(), &to_im, &to_re);
        for (before, after) in re.iter().chain(&im).zip(back_re.iter().chain(&back_im)) {
            assert!((before - after / 1024.0).abs() < 1.0e-6, "{before} {after}");
        }
    }

    #[test]
    fn every_level_gives_the_same_bits() {
        for length in [128, 1024, 8192, 32768] {
            let (re, im) = (wave(length, 4), wave(length, 5));
            let expected = transform(Level::SCALAR, &re, &im);
            for level in Level::available() {
                assert_eq!(transform(level, &re, &im), expected, "{length}");
            }
        }
    }
}
