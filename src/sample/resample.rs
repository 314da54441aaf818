//! Recordings at another rate.
//!
//! In: planes at one rate. Out: planes at another, by a windowed sinc in double precision, which gives the same bits on every
//! machine. Workers only: it allocates and takes its time. Kaiser's window with 32 zero crossings on each side: 0.1 dB down
//! at 0.92 of half the lower rate, what lies above half of it at least 100 dB down from 1.08 on.

use crate::units::SampleRate;
use std::f64::consts::PI;

/// Zero crossings of the sinc on each side.
const CROSSINGS: usize = 32;
/// Entries of the table from one to the next.
const STEPS: usize = 4096;
/// Of Kaiser's window.
const BETA: f64 = 10.0;
/// Of half the lower rate.
const CUTOFF: f64 = 0.97;

/// Modified Bessel function of the first kind and order 0.
fn bessel(x: f64) -> f64 {
    let quarter = x * x / 4.0;
    let (mut sum, mut term, mut n) = (1.0, 1.0, 1.0);
    while term > sum * 1.0e-17 {
        term *= quarter / (n * n);
        sum += term;
        n += 1.0;
    }
    sum
}

/// One half of the windowed sinc, two entries past its end.
fn table() -> Vec<f64> {
    let entry = |index: usize| {
        let x = index as f64 / STEPS as f64;
        let rest = 1.0 - (x / CROSSINGS as f64) * (x / CROSSINGS as f64);
        let sinc = if index == 0 { 1.0 } else { libm::sin(PI * x) / (PI * x) };
        if rest <= 0.0 { 0.0 } else { sinc * bessel(BETA * libm::sqrt(rest)) / bessel(BETA) }
    };
    (0..CROSSINGS * STEPS + 2).map(entry).collect()
}

/// Planes at the rate `to`; the same where the rates are.
pub fn resample(planes: &[Vec<f32>], from: SampleRate, to: SampleRate) -> Vec<Vec<f32>> {
    if from == to {
        return planes.to_vec();
    }
    let table = table();
    planes.iter().map(|plane| resampled(plane, &table, from, to)).collect()
}

fn resampled(plane: &[f32], table: &[f64], from: SampleRate, to: SampleRate) -> Vec<f32> {
    // Zero crossings for each frame of the source.
    let pace = CUTOFF * (to.0 / from.0).min(1.0);
    let reach = CROSSINGS as f64 / pace;
    let frames = libm::ceil(plane.len() as f64 * to.0 / from.0) as usize;
    let frame = |frame: usize| {
        let at = frame as f64 * from.0 / to.0;
        let first = libm::ceil(at - reach).max(0.0) as usize;
        let last = (libm::floor(at + reach) as usize).min(plane.len().saturating_sub(1));
        let sources = plane.get(first..=last).unwrap_or(&[]);
        let sum: f64 = sources
            .iter()
            .zip(first..)
            .map(|(sample, source)| {
                let place = (at - source as f64).abs() * pace * STEPS as f64;
                let (index, rest) = (place as usize, place - libm::floor(place));
                let pair = table.get(index..index + 2).and_then(|pair| pair.first_chunk());
                let [low, high] = pair.copied().unwrap_or([0.0; 2]);
                f64::from(*sample) * (low + (high - low) * rest)
            })
            .sum();
        (sum * pace) as f32
    };
    (0..frames).map(frame).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::TAU;

    fn tone(hz: f64, rate: f64) -> Vec<f32> {
        (0..rate as usize / 2).map(|n| (TAU * hz * n as f64 / rate).sin() as f32).collect()
    }

    /// Worst difference from the same tone at the new rate, away from the ends, in dB.
    fn difference_db(hz: f64, from: f64, to: f64) -> f64 {
        let output = resample(&[tone(hz, from)], SampleRate(from), SampleRate(to)).remove(0);
        let expected = tone(hz, to);
        let middle = expected.len() / 4..expected.len() * 3 / 4;
        let worst = middle.fold(0.0f64, |worst, n| worst.max(f64::from(output[n] - expected[n]).abs()));
        20.0 * worst.log10()
    }

    #[test]
    fn tones_stay_tones_of_the_same_height_and_strength() {
        for (from, to) in
            [(44_100.0, 48_000.0), (96_000.0, 44_100.0), (48_000.0, 192_000.0), (11_025.0, 48_000.0)]
        {
            for part in [0.01, 0.3, 0.7] {
                let hz = part * f64::min(from, to) / 2.0;
                let worst = difference_db(hz, from, to);
                println!("{from} to {to}, {hz} Hz: {worst:.1} dB");
                assert!(worst < -90.0, "{from} to {to}, {hz} Hz: {worst} dB");
            }
        }
    }

    #[test]
    fn what_the_new_rate_cannot_hold_is_gone() {
        let output = resample(&[tone(30_000.0, 96_000.0)], SampleRate(96_000.0), SampleRate(44_100.0));
        let middle = &output[0][5_000..15_000];
        let peak = middle.iter().fold(0.0f32, |peak, x| peak.max(x.abs()));
        assert!(peak < 1.0e-4, "{peak}");
    }

    #[test]
    fn the_same_rate_changes_no_bit() {
        let planes = vec![tone(1_000.0, 48_000.0)];
        assert_eq!(resample(&planes, SampleRate(48_000.0), SampleRate(48_000.0)), planes);
    }
}
