//! Spectra of responses in doubles, for whoever fits them: not real-time, and the same bits on all machines.
//!
//! In: real signals of up to [`LENGTH`] frames. Out: their [`BINS`] bins, and back. Cooley and Tukey (1965).

use std::f64::consts::TAU;

/// Frames of a transform, a power of 2.
pub(super) const LENGTH: usize = 1024;
/// From 0 Hz to half the rate.
pub(super) const BINS: usize = LENGTH / 2 + 1;

/// Rows of bins: real and imaginary parts.
#[derive(Clone)]
pub(super) struct Spectra {
    re: Vec<f64>,
    im: Vec<f64>,
}

impl Spectra {
    /// All 0.
    pub(super) fn new(rows: usize) -> Self {
        Self { re: vec![0.0; rows * BINS], im: vec![0.0; rows * BINS] }
    }

    /// A row, which there has to be.
    pub(super) fn row(&self, row: usize) -> (&[f64], &[f64]) {
        let bins = row * BINS..(row + 1) * BINS;
        (&self.re[bins.clone()], &self.im[bins])
    }

    /// The same.
    pub(super) fn row_mut(&mut self, row: usize) -> (&mut [f64], &mut [f64]) {
        let bins = row * BINS..(row + 1) * BINS;
        (&mut self.re[bins.clone()], &mut self.im[bins])
    }

    /// A bin of a row, both of which there have to be.
    pub(super) fn at(&self, row: usize, bin: usize) -> [f64; 2] {
        [&self.re, &self.im].map(|part| part[row * BINS + bin])
    }
}

/// The transform's table: `e^(-2πi·k/LENGTH)`.
pub(super) struct Fourier(Vec<(f64, f64)>);

impl Fourier {
    pub(super) fn new() -> Self {
        let turn = |k: usize| {
            let angle = -TAU * k as f64 / LENGTH as f64;
            (libm::cos(angle), libm::sin(angle))
        };
        Self((0..LENGTH / 2).map(turn).collect())
    }

    /// Transforms `LENGTH` complex numbers in place; with the parts exchanged it goes back, `LENGTH` times as large.
    pub(super) fn transform(&self, re: &mut [f64], im: &mut [f64]) {
        let bits = LENGTH.trailing_zeros();
        for index in 0..LENGTH {
            let other = index.reverse_bits() >> (usize::BITS - bits);
            if index < other {
                re.swap(index, other);
                im.swap(index, other);
            }
        }
        let mut half = 1;
        while half < LENGTH {
            for start in (0..LENGTH).step_by(2 * half) {
                for k in 0..half {
                    let (cos, sin) = self.0[k * (LENGTH / 2 / half)]; // below half of the length, as indices are below it
                    let (one, two) = (start + k, start + k + half);
                    let (x, y) = (re[two] * cos - im[two] * sin, re[two] * sin + im[two] * cos);
                    (re[two], im[two]) = (re[one] - x, im[one] - y);
                    (re[one], im[one]) = (re[one] + x, im[one] + y);
                }
            }
            half *= 2;
        }
    }

    /// Bins of a signal, of which `LENGTH` frames count.
    pub(super) fn spectrum(&self, signal: impl Iterator<Item = f64>, re: &mut [f64], im: &mut [f64]) {
        let (mut real, mut imaginary) = ([0.0; LENGTH], [0.0; LENGTH]);
        real.iter_mut().zip(signal).for_each(|(to, sample)| *to = sample);
        self.transform(&mut real, &mut imaginary);
        re.iter_mut().zip(real).for_each(|(to, from)| *to = from);
        im.iter_mut().zip(imaginary).for_each(|(to, from)| *to = from);
    }

    /// The real signal of bins, `LENGTH` frames.
    pub(super) fn signal(&self, re: &[f64], im: &[f64]) -> Vec<f64> {
        let bin = |index: usize| index.min(LENGTH - index);
        let sign = |index: usize| match index % (LENGTH / 2) {
            0 => 0.0, // neither end of a real signal's spectrum has an imaginary part
            _ if index < LENGTH / 2 => 1.0,
            _ => -1.0,
        };
        let mut real: Vec<f64> = (0..LENGTH).map(|index| re[bin(index)] / LENGTH as f64).collect();
        let mut imaginary: Vec<f64> =
            (0..LENGTH).map(|index| sign(index) * im[bin(index)] / LENGTH as f64).collect();
        self.transform(&mut imaginary, &mut real);
        real
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_are_those_of_the_definition_and_give_the_signal_back() {
        let fourier = Fourier::new();
        let signal: Vec<f64> =
            (0..LENGTH).map(|n| ((n * n * 7 + n * 13) % 101) as f64 / 50.0 - 1.0).collect();
        let (mut re, mut im) = (vec![0.0; BINS], vec![0.0; BINS]);
        fourier.spectrum(signal.iter().copied(), &mut re, &mut im);
        for bin in [0, 1, 7, 200, BINS - 1] {
            let angle = |n: usize| TAU * (n * bin % LENGTH) as f64 / LENGTH as f64;
            let sum = |wave: fn(f64) -> f64| {
                signal.iter().enumerate().map(|(n, x)| x * wave(angle(n))).sum::<f64>()
            };
            assert!(
                (re[bin] - sum(f64::cos)).abs() < 1e-9 && (im[bin] + sum(f64::sin)).abs() < 1e-9,
                "{bin}"
            );
        }
        let back = fourier.signal(&re, &im);
        assert!(back.iter().zip(&signal).all(|(one, other)| (one - other).abs() < 1e-12));
    }
}
