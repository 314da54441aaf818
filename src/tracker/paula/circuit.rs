//! What stands between Paula and the output sockets: a resistor and a capacitor, and the filter that the power LED shows.
//!
//! In: samples at the host's rate. Out: the same, filtered in place. Coefficients are made on a worker; filtering is for
//! the audio thread. Poles are the circuit's, zeros match its magnitude, so that it keeps its shape up to the Nyquist
//! frequency (within 0.1 dB up to 16 kHz at 44.1 kHz). Source: Commodore's schematics of the A500 (rev. 5 and 6) and
//! A1200; the capacitor at the output (5 Hz) is left out, since nothing is heard of it.

use crate::audio::BLOCK_SIZE;
use crate::dsp::Level;
use crate::dsp::simd::by_level;
use crate::tracker::mix::AmigaModel;
use crate::units::SampleRate;
use std::f64::consts::PI;

/// Resistor and capacitor of the A500's output: 360 Ω, 0.1 µF, 4421 Hz.
const A500_S: f64 = 360.0 * 0.1e-6;
/// The A1200's: 680 Ω, 6800 pF, 34.4 kHz.
const A1200_S: f64 = 680.0 * 6800e-12;
/// The LED filter, of Sallen and Key: 10 kΩ twice, 6800 pF and 3900 pF, 3091 Hz and a quality of 0.66.
const LED_OHM: f64 = 10_000.0;
const LED_FARAD: [f64; 2] = [6800e-12, 3900e-12];

/// Seconds after which nothing is left of what went in: the slowest pole pair loses 8.7 dB each 68 µs.
const TAIL_S: f64 = 0.002;

/// Shares of the rate at which a filter has the circuit's magnitude.
const MATCHED: [f64; 2] = [0.18, 0.36];

/// Frames that feedback looks back, so that as many can be computed at once.
const LANES: usize = 8;
/// Taps of a circuit with the LED filter, and of one without.
const TAPS: usize = 24;
const SHORT_TAPS: usize = 10;
/// Frames that the filter remembers.
const MEMORY: usize = 3 * LANES;
/// Frames whose taps are summed side by side.
const TILE: usize = 32;

/// `y[n] = Σ taps[k]·x[n-k] - Σ feedback[k]·y[n-8(k+1)]`.
///
/// A recursion over the last frames, whose numerator and denominator were both multiplied until only every eighth power
/// is left below.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Circuit {
    taps: [f32; TAPS],
    feedback: [f32; 3],
    /// The taps after the first `SHORT_TAPS` are 0.
    short: bool,
    /// Frames after which nothing is left of what went in.
    tail_frames: u32,
}

/// A polynomial in z⁻¹.
type Polynomial = Vec<f64>;

fn product(a: &[f64], b: &[f64]) -> Polynomial {
    let mut product = vec![0.0; a.len() + b.len() - 1];
    for (i, x) in a.iter().enumerate() {
        for (j, y) in b.iter().enumerate() {
            product[i + j] += x * y;
        }
    }
    product
}

/// At `angle` radians a frame.
fn magnitude_squared(polynomial: &[f64], angle: f64) -> f64 {
    let terms = || polynomial.iter().zip(0..).map(|(c, n)| (c, angle * f64::from(n)));
    let real: f64 = terms().map(|(c, angle)| c * libm::cos(angle)).sum();
    let imaginary: f64 = terms().map(|(c, angle)| c * libm::sin(angle)).sum();
    real * real + imaginary * imaginary
}

/// A resistor and a capacitor with a time constant of `seconds`.
struct Slope {
    seconds: f64,
}

impl Slope {
    fn power(&self, radians_s: f64) -> f64 {
        1.0 / (1.0 + radians_s * self.seconds * radians_s * self.seconds)
    }

    fn denominator(&self, rate: SampleRate) -> Polynomial {
        vec![1.0, -libm::exp(-1.0 / (self.seconds * rate.0))]
    }
}

/// A fraction of polynomials; the denominator has powers of `spacing` only and leaves the others out.
struct Transfer {
    numerator: Polynomial,
    denominator: Polynomial,
    spacing: usize,
}

impl Transfer {
    /// A model's output circuit, whose squared magnitude is `power` of the angular frequency in radians a second.
    ///
    /// The poles are the circuit's. The two zeros make the magnitude exact at 0 and at the two `MATCHED` frequencies:
    /// squared magnitudes of polynomials of the second degree are sums of cos²(ω/2), sin²(ω/2) and sin²(ω), whose three
    /// factors give the coefficients (M. Vicanek, "Matched Second Order Digital Filters", 2016).
    fn new(denominator: Polynomial, rate: SampleRate, power: impl Fn(f64) -> f64) -> Self {
        let at_zero = magnitude_squared(&denominator, 0.0);
        let [first, second] = MATCHED.map(|share| {
            let angle = 2.0 * PI * share;
            let [cosine, sine] = [libm::cos(angle / 2.0), libm::sin(angle / 2.0)].map(|x| x * x);
            let wanted = magnitude_squared(&denominator, angle) * power(angle * rate.0);
            [sine, 4.0 * cosine * sine, wanted - at_zero * cosine]
        });
        let determinant = first[0] * second[1] - second[0] * first[1];
        let at_nyquist = (first[2] * second[1] - second[2] * first[1]) / determinant;
        let cross = (first[0] * second[2] - second[0] * first[2]) / determinant;
        let (sum, difference) = (libm::sqrt(at_zero), libm::sqrt(at_nyquist.max(0.0)));
        let middle = (sum + difference) / 2.0;
        let b0 = (middle + libm::sqrt((middle * middle + cross).max(0.0))) / 2.0;
        let numerator = vec![b0, (sum - difference) / 2.0, -cross / (4.0 * b0)];
        Self { numerator, denominator, spacing: 1 }
    }

    /// Multiplies both sides by the denominator with every second coefficient negated, so that it has twice the spacing.
    fn spread(self) -> Self {
        let sign = |n: usize| if n.is_multiple_of(2) { 1.0 } else { -1.0 };
        let turned: Polynomial = self.denominator.iter().enumerate().map(|(n, c)| sign(n) * c).collect();
        let mut spaced = vec![0.0; (turned.len() - 1) * self.spacing + 1];
        for (n, c) in turned.iter().enumerate() {
            spaced[n * self.spacing] = *c;
        }
        Self {
            numerator: product(&self.numerator, &spaced),
            denominator: product(&self.denominator, &turned).into_iter().step_by(2).collect(),
            spacing: 2 * self.spacing,
        }
    }
}

/// A resonant low-pass of the second order.
struct Resonance {
    radians_s: f64,
    quality: f64,
}

impl Resonance {
    fn led() -> Self {
        let [first, second] = LED_FARAD;
        let root = libm::sqrt(first * second);
        Self { radians_s: 1.0 / (LED_OHM * root), quality: root / (2.0 * second) }
    }

    fn power(&self, radians_s: f64) -> f64 {
        let x = radians_s / self.radians_s;
        let (real, imaginary) = (1.0 - x * x, x / self.quality);
        1.0 / (real * real + imaginary * imaginary)
    }

    /// For a quality above ½.
    fn denominator(&self, rate: SampleRate) -> Polynomial {
        let (angle, damping) = (self.radians_s / rate.0, 0.5 / self.quality);
        let radius = libm::exp(-damping * angle);
        let cosine = libm::cos(angle * libm::sqrt(1.0 - damping * damping));
        vec![1.0, -2.0 * radius * cosine, radius * radius]
    }
}

impl Circuit {
    /// Not real-time.
    fn new(transfer: Transfer, rate: SampleRate) -> Self {
        let transfer = transfer.spread().spread().spread();
        let at = |polynomial: &[f64], n: usize| polynomial.get(n).copied().unwrap_or(0.0) as f32;
        Self {
            taps: std::array::from_fn(|n| at(&transfer.numerator, n)),
            feedback: std::array::from_fn(|n| at(&transfer.denominator, n + 1)),
            short: transfer.numerator.len() <= SHORT_TAPS,
            tail_frames: rate.frames_in(TAIL_S) as u32,
        }
    }

    pub(crate) fn tail_frames(&self) -> u32 {
        self.tail_frames
    }
}

/// The circuits of both models at one rate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Circuits {
    /// By model, without and with the LED filter.
    models: [[Circuit; 2]; 2],
}

impl Circuits {
    /// Not real-time.
    pub(crate) fn new(rate: SampleRate) -> Self {
        let led = Resonance::led();
        let both = |seconds| {
            let slope = Slope { seconds };
            let dark = Transfer::new(slope.denominator(rate), rate, |radians_s| slope.power(radians_s));
            let denominator = product(&slope.denominator(rate), &led.denominator(rate));
            let lit =
                Transfer::new(denominator, rate, |radians_s| slope.power(radians_s) * led.power(radians_s));
            [dark, lit].map(|transfer| Circuit::new(transfer, rate))
        };
        Self { models: [A500_S, A1200_S].map(both) }
    }

    /// What a model's output passes; `None` where nothing filters it.
    pub(crate) fn choose(&self, model: AmigaModel, led: bool) -> Option<Circuit> {
        let [a500, a1200] = &self.models;
        match model {
            AmigaModel::A500 => Some(a500[usize::from(led)]),
            AmigaModel::A1200 => Some(a1200[usize::from(led)]),
            AmigaModel::Unfiltered => None,
        }
    }
}

/// What a circuit remembers of one signal: the last frames that went in and came out.
#[derive(Clone, Copy)]
pub(super) struct CircuitState {
    inputs: [f32; MEMORY],
    outputs: [f32; MEMORY],
}

impl CircuitState {
    pub(super) const fn new() -> Self {
        Self { inputs: [0.0; MEMORY], outputs: [0.0; MEMORY] }
    }

    /// Filters at most `BLOCK_SIZE` frames in place. Another circuit may follow at any frame.
    pub(super) fn process(&mut self, level: Level, circuit: &Circuit, block: &mut [f32]) {
        let frames = block.len().min(BLOCK_SIZE);
        let mut input = [0.0; MEMORY + BLOCK_SIZE];
        let mut output = [0.0; MEMORY + BLOCK_SIZE];
        input[..MEMORY].copy_from_slice(&self.inputs);
        output[..MEMORY].copy_from_slice(&self.outputs);
        input[MEMORY..MEMORY + frames].copy_from_slice(&block[..frames]);
        let whole = frames.next_multiple_of(TILE).min(BLOCK_SIZE); // BLOCK_SIZE is a multiple of TILE
        filter(level, circuit, &input[..MEMORY + whole], &mut output[..MEMORY + whole]);
        block[..frames].copy_from_slice(&output[MEMORY..MEMORY + frames]);
        self.inputs.copy_from_slice(&input[frames..frames + MEMORY]);
        self.outputs.copy_from_slice(&output[frames..frames + MEMORY]);
    }
}

by_level! {
    /// Both slices begin with `MEMORY` frames of the past and go on for whole tiles.
    fn filter(level; circuit: &Circuit, input: &[f32], output: &mut [f32]) {
        if circuit.short {
            sum_taps::<SHORT_TAPS>(&std::array::from_fn(|n| circuit.taps[n]), input, output);
        } else {
            sum_taps::<TAPS>(&circuit.taps, input, output);
        }
        feed_back(&circuit.feedback, output);
    }
}

#[inline(always)]
fn sum_taps<const COUNT: usize>(taps: &[f32; COUNT], input: &[f32], output: &mut [f32]) {
    let tiles = output[MEMORY..].as_chunks_mut::<TILE>().0;
    for (index, tile) in tiles.iter_mut().enumerate() {
        let end = MEMORY + (index + 1) * TILE;
        let Some(recent) = input[..end].last_chunk::<{ MEMORY + TILE }>() else { return };
        let mut sum = [0.0; TILE];
        for (n, tap) in taps.iter().enumerate() {
            // `COUNT` is at most `MEMORY`.
            for (y, x) in sum.iter_mut().zip(&recent[MEMORY - n..]) {
                *y += tap * x;
            }
        }
        *tile = sum;
    }
}

#[inline(always)]
fn feed_back(feedback: &[f32; 3], output: &mut [f32]) {
    let Some((past, coming)) = output.split_first_chunk_mut::<MEMORY>() else { return };
    let [mut third, mut second, mut last] =
        [0, 1, 2].map(|n| std::array::from_fn::<f32, LANES, _>(|lane| past[n * LANES + lane]));
    for chunk in coming.as_chunks_mut::<LANES>().0 {
        for lane in 0..LANES {
            // The latest frames come last, since the next chunk waits for them.
            let older = chunk[lane] - feedback[2] * third[lane] - feedback[1] * second[lane];
            chunk[lane] = older - feedback[0] * last[lane];
        }
        (third, second, last) = (second, last, *chunk);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Level of the analogue circuit in decibels.
    fn analogue(seconds: f64, led: bool, hertz: f64) -> f64 {
        let turn = 2.0 * PI * hertz;
        let output = 1.0 / (1.0 + (turn * seconds).powi(2));
        10.0 * (if led { output * Resonance::led().power(turn) } else { output }).log10()
    }

    /// Level of the filter in decibels, from its impulse response.
    fn digital(circuit: &Circuit, rate: f64, hertz: f64) -> f64 {
        let mut block = vec![0.0f32; 4096];
        block[0] = 1.0;
        let mut state = CircuitState::new();
        block.chunks_mut(BLOCK_SIZE).for_each(|block| state.process(Level::detect(), circuit, block));
        let (mut re, mut im) = (0.0, 0.0);
        for (n, y) in block.iter().enumerate() {
            let angle = 2.0 * PI * hertz / rate * n as f64;
            re += f64::from(*y) * angle.cos();
            im += f64::from(*y) * angle.sin();
        }
        10.0 * (re * re + im * im).log10()
    }

    #[test]
    fn every_filter_follows_its_circuit_up_to_16_khz() {
        for rate in [44_100.0, 48_000.0, 96_000.0, 192_000.0] {
            let circuits = Circuits::new(SampleRate(rate));
            for (model, seconds) in [(AmigaModel::A500, A500_S), (AmigaModel::A1200, A1200_S)] {
                for led in [false, true] {
                    let circuit = circuits.choose(model, led).unwrap();
                    for hertz in
                        [50.0, 500.0, 1000.0, 2000.0, 3091.0, 4421.0, 7000.0, 10_000.0, 13_000.0, 16_000.0]
                    {
                        let (found, expected) =
                            (digital(&circuit, rate, hertz), analogue(seconds, led, hertz));
                        assert!(
                            (found - expected).abs() < 0.1,
                            "{model:?} {led} {rate} {hertz}: {found:.2} {expected:.2}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn filters_are_steady_at_every_rate() {
        for rate in [8000.0, 22_050.0, 384_000.0, 768_000.0] {
            let circuits = Circuits::new(SampleRate(rate));
            for model in [AmigaModel::A500, AmigaModel::A1200] {
                for led in [false, true] {
                    let circuit = circuits.choose(model, led).unwrap();
                    let mut state = CircuitState::new();
                    let mut block = [1.0; BLOCK_SIZE];
                    for _ in 0..40 {
                        block.fill(1.0);
                        state.process(Level::detect(), &circuit, &mut block);
                    }
                    assert!(
                        block.iter().all(|y| (y - 1.0).abs() < 1e-3),
                        "{model:?} {led} {rate} {}",
                        block[0]
                    );
                }
            }
        }
    }

    #[test]
    fn nothing_is_left_after_the_tail() {
        let circuits = Circuits::new(SampleRate(48_000.0));
        let circuit = circuits.choose(AmigaModel::A500, true).unwrap();
        let mut state = CircuitState::new();
        state.process(Level::detect(), &circuit, &mut [1.0; BLOCK_SIZE]);
        let mut rest = [0.0; BLOCK_SIZE];
        state.process(Level::detect(), &circuit, &mut rest);
        let tail = circuit.tail_frames() as usize;
        assert!(rest[tail..].iter().all(|y| y.abs() < 1e-6), "{:?}", &rest[tail..tail + 8]);
    }
}
