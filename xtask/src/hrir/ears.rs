//! The ears that Busker comes with, from the MIT KEMAR measurements: for `cargo xtask hrir`.
//!
//! `ears SOFA TABLE MEASURED [--check]`: writes the left ear's sixteen responses (ACN, SN3D; little-endian f32, channel after channel)
//! and, for tests, what the measurements themselves say of 24 directions; or compares both with what is there. Gradient steps go by
//! the signs of slopes, so that another way of rounding sums gives other ears: as good, and within -25 dB.

use busker::space::Ears;
use sofar::reader::OpenOptions;
use std::error::Error;
use std::f64::consts::TAU;
use std::fmt::Write;
use std::fs;

const RATE: f64 = 44_100.0;
/// Frames between which bins lie.
const LENGTH: f64 = 4096.0;
const OCTAVES: [f64; 5] = [125.0, 250.0, 500.0, 1000.0, 2000.0];

/// Power of all differences beside that of the table.
const MOST: f64 = 3e-3;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [sofa, table, measured, rest @ ..] = &arguments[..] else {
        return Err("ears SOFA TABLE MEASURED [--check]".into());
    };
    let bytes = fs::read(sofa)?;
    let ears = Ears::read(&bytes).map_err(|error| format!("{sofa}: {error}"))?;
    let taps = left_ear(&ears);
    let text = rust(&measure(&bytes)?);
    if rest != ["--check"] {
        fs::write(table, taps.iter().flat_map(|tap| tap.to_le_bytes()).collect::<Vec<u8>>())?;
        fs::write(measured, text)?;
        return Ok(());
    }
    let before: Vec<f32> =
        fs::read(table)?.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    let power = |of: fn(f32, f32) -> f32| -> f64 {
        taps.iter().zip(&before).map(|(tap, before)| f64::from(of(*tap, *before))).sum()
    };
    let apart = power(|tap, before| (tap - before).powi(2)) / power(|_, before| before * before);
    println!("the table differs by {:.0} dB", 10.0 * apart.log10());
    if before.len() != taps.len() || apart > MOST || fs::read_to_string(measured)? != text {
        return Err("the HRIRs are out of date; run `cargo xtask hrir`".into());
    }
    Ok(())
}

/// What both ears hear alike, and what they do not.
fn left_ear(ears: &Ears) -> Vec<f32> {
    let bytes = ears.to_bytes();
    let taps: Vec<f32> = bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    let channels = taps.chunks_exact(taps.len() / 16);
    channels
        .flat_map(|both| {
            let (even, odd) = both.split_at(both.len() / 2);
            even.iter().zip(odd).map(|(even, odd)| even + odd).collect::<Vec<f32>>()
        })
        .collect()
}

/// Degrees to the left; microseconds by which the left ear is earlier; decibels by which it is louder.
type Row = (f64, f64, [f64; 6]);

fn measure(bytes: &[u8]) -> Result<Vec<Row>, Box<dyn Error>> {
    let sofa = OpenOptions::new().sample_rate(RATE as f32).normalized(false).open_data(bytes)?;
    let (places, responses) = (&sofa.hrtf().source_position.values, &sofa.hrtf().data_ir.values);
    let measured = |degrees: f64| {
        let (y, x) = degrees.to_radians().sin_cos();
        let near = |place: &[f32; 3]| {
            let length = place.iter().map(|part| f64::from(part * part)).sum::<f64>().sqrt();
            (f64::from(place[0]) * x + f64::from(place[1]) * y) / length > 0.999_999
        };
        let number = places.as_chunks().0.iter().position(near).ok_or("a direction is missing")?;
        let ears: Vec<&[f32]> = responses.chunks_exact(sofa.filter_len()).skip(2 * number).take(2).collect();
        let [left, right] = ears[..] else { return Err("an ear is missing") };
        let (time, levels) = interaural(left, right);
        Ok((degrees, time, levels))
    };
    Ok((0..360).step_by(15).map(|degrees| measured(f64::from(degrees))).collect::<Result<_, _>>()?)
}

fn spectrum(response: &[f32], bins: usize) -> Vec<(f64, f64)> {
    let bin = |bin: usize| {
        response.iter().enumerate().fold((0.0, 0.0), |(re, im), (n, sample)| {
            let (sin, cos) = (-TAU * (bin * n) as f64 / LENGTH).sin_cos();
            (re + f64::from(*sample) * cos, im + f64::from(*sample) * sin)
        })
    };
    (0..bins).map(bin).collect()
}

/// Microseconds by which the left ear is earlier, below 1.8 kHz, and decibels by which it is louder.
fn interaural(left: &[f32], right: &[f32]) -> (f64, [f64; 6]) {
    let hz = |bin: usize| bin as f64 * RATE / LENGTH;
    let [left, right] = [left, right].map(|ear| spectrum(ear, (16_000.0 * LENGTH / RATE) as usize + 1));
    let likeness = |lag: i32| -> f64 {
        let each = left.iter().zip(&right).enumerate().take_while(|(bin, _)| hz(*bin) < 1800.0);
        each.map(|(bin, (&(a, b), &(c, d)))| {
            let (sin, cos) = (TAU * hz(bin) * f64::from(lag) * 1e-6).sin_cos();
            ((1800.0 - hz(bin)) / 600.0).min(1.0) * ((c * a + d * b) * cos - (d * a - c * b) * sin)
        })
        .sum()
    };
    let best = (-1000..=1000).map(|lag| (lag, likeness(lag)));
    let (time, _) = best.fold((0, f64::MIN), |best, next| if next.1 > best.1 { next } else { best });
    let power = |ear: &[(f64, f64)], low: f64, high: f64| -> f64 {
        let inside = ear.iter().enumerate().filter(|(bin, _)| (low..high).contains(&hz(*bin)));
        inside.map(|(_, (re, im))| re * re + im * im).sum()
    };
    let level = |low, high| 10.0 * (power(&left, low, high) / power(&right, low, high)).log10();
    let [one, two, three, four, five] =
        OCTAVES.map(|centre| level(centre / 2f64.sqrt(), centre * 2f64.sqrt()));
    (f64::from(time), [one, two, three, four, five, level(100.0, 16_000.0)])
}

fn rust(rows: &[Row]) -> String {
    let mut text = "//! Written by `cargo xtask hrir`; do not edit. What the MIT KEMAR measurements say of 24 directions at ear height.

/// Azimuth in degrees to the left; microseconds by which the left ear is earlier; decibels by which it is louder in the
/// octaves around 125, 250, 500, 1,000 and 2,000 Hz, and from 100 Hz to 16 kHz.
pub(super) const MEASURED: [(f32, f32, [f32; 6]); 24] = [
"
    .to_owned();
    for (azimuth, time, levels) in rows {
        let levels = levels.map(|level| format!("{:.2}", level + 0.0)).join(", ");
        let _ = writeln!(text, "    ({azimuth:.1}, {:.1}, [{levels}]),", time + 0.0); // into a text
    }
    text + "];\n"
}
