//! Sixteen responses of one ear from what has been measured of it in many directions.
//!
//! In: responses at 44.1 kHz with their directions. Out: what the ear hears of each channel of a field, [`TAPS`] frames each. What
//! all directions share is taken out: a delay, the colour of the diffuse field (minimum phase, from 129 Hz to 16 kHz), and up to
//! 1 kHz the phase. Below 129 Hz, which loudspeakers of measurements hardly reach, each direction keeps its level and delay. Then
//! least squares up to 1.8 kHz, above it the magnitude alone (Schörkhuber, Zaunschirm, Höldrich, "Binaural rendering of
//! ambisonic signals via magnitude least squares", 2018), and gradient steps on the taps themselves (Kingma and Ba, "Adam", 2015),
//! which also see the levels of octaves at ear height. Workers only; some seconds. All machines give the same bits, however many
//! threads they have.

use super::fourier::BINS;
use super::fourier::Fourier;
use super::fourier::LENGTH;
use super::fourier::Spectra;
use crate::dsp::Level;
use crate::dsp::simd::by_level;
use crate::space::harmonics::CHANNELS;
use crate::space::harmonics::ORDERS;
use std::ops::Range;
use std::thread;

/// Frames a second.
pub(super) const RATE: f64 = 44_100.0;
/// Frames of each response.
pub(super) const TAPS: usize = 320;
/// Frames by which a sound comes later than without a head.
const BEFORE: f64 = 30.0;
/// Bins below the first are taken for it, and so are those above the last; below the third one delays are.
const LOWEST: usize = 3;
const HIGHEST: usize = 372;
const DELAYS: usize = 6;
/// Of a response's peak: where its sound has come.
const ONSET: f32 = 0.2;
/// Degrees of the rings into which directions are sorted by their elevations.
const RING: f64 = 5.0;
const STEPS: usize = 800;

/// What an ear hears of one direction.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Heard {
    /// Degrees to the left, 0 to 360.
    pub(super) azimuth: f64,
    /// Degrees up.
    pub(super) elevation: f64,
    /// At [`RATE`]; what is longer than [`LENGTH`] is left out.
    pub(super) response: Vec<f32>,
    /// Frames by which it comes later.
    pub(super) delay: f64,
}

impl Heard {
    /// For comparison: hundredths of a degree up, and to the left.
    pub(super) fn place(&self) -> (i64, i64) {
        let hundredths = |degrees: f64| libm::round(degrees * 100.0) as i64;
        (hundredths(self.elevation), hundredths(self.azimuth).rem_euclid(36_000))
    }

    fn onset(&self) -> f64 {
        let peak = self.response.iter().fold(0.0f32, |peak, sample| peak.max(sample.abs()));
        let first = self.response.iter().position(|sample| sample.abs() >= ONSET * peak);
        first.unwrap_or(0) as f64 + self.delay
    }
}

fn hz(bin: usize) -> f64 {
    bin as f64 * RATE / LENGTH as f64
}

/// All that is known of the ear.
struct Ear {
    /// Weights of each direction's channels.
    basis: Vec<[f64; CHANNELS]>,
    /// Degrees.
    elevations: Vec<f64>,
    /// What part of the measured sphere each direction stands for.
    areas: Vec<f64>,
    spectra: Spectra,
    /// Directions at ear height, and for each its mirror's number among them.
    ring: Vec<(usize, usize)>,
    /// Logarithms of the powers of `BANDS` that they have.
    wanted: Vec<[f64; BANDS.len()]>,
}

/// Octaves around 1, 2 and 4 kHz and all up to 16 kHz, with their weights.
const BANDS: [(Range<usize>, f64); 4] = [(16..33, 4.0), (33..66, 30.0), (66..131, 1.0), (3..372, 4.0)];

/// The ear's response for each channel, while `go_on` says so, which hears before each step what share of them has been taken; `None`
/// where it does not. There have to be enough directions all around.
pub(super) fn fit(
    heard: &[Heard],
    level: Level,
    go_on: &mut dyn FnMut(f32) -> bool,
) -> Option<Vec<Vec<f32>>> {
    let fourier = Fourier::new();
    let ear = Ear::new(heard, &fourier);
    let taps = ear.least_squares(&fourier);
    let taps = ear.refined(taps, (&fourier, level), go_on)?;
    Some(taps.into_iter().map(|plane| plane.into_iter().map(|tap| tap as f32).collect()).collect())
}

/// What a direction weighs in each channel: [`harmonics`](crate::space::harmonics::harmonics) in doubles, since steps go by the
/// signs of slopes that may be nearly nothing.
fn weights(azimuth: f64, elevation: f64) -> [f64; CHANNELS] {
    let flat = libm::cos(elevation);
    let (x, y, z) = (flat * libm::cos(azimuth), flat * libm::sin(azimuth), libm::sin(elevation));
    let (xx, yy, zz, root) = (x * x, y * y, z * z, libm::sqrt);
    [
        1.0,
        y,
        z,
        x,
        root(3.0) * x * y,
        root(3.0) * y * z,
        1.5 * zz - 0.5,
        root(3.0) * x * z,
        root(0.75) * (xx - yy),
        root(0.625) * y * (3.0 * xx - yy),
        root(15.0) * x * y * z,
        root(0.375) * y * (5.0 * zz - 1.0),
        z * (2.5 * zz - 1.5),
        root(0.375) * x * (5.0 * zz - 1.0),
        root(3.75) * z * (xx - yy),
        root(0.625) * x * (xx - 3.0 * yy),
    ]
}

/// What part of the measured sphere each direction stands for: its ring's, in equal shares.
fn areas(elevations: &[f64]) -> Vec<f64> {
    let ring = |elevation: f64| libm::round(elevation / RING) * RING;
    let mut rings: Vec<f64> = elevations.iter().map(|elevation| ring(*elevation)).collect();
    rings.sort_by(f64::total_cmp);
    rings.dedup();
    let height = |degrees: f64| libm::sin(degrees.clamp(-90.0, 90.0).to_radians());
    let edge =
        |number: usize| match (number.checked_sub(1).and_then(|before| rings.get(before)), rings.get(number))
        {
            (Some(below), Some(above)) => (below + above) / 2.0,
            (None, Some(first)) => first - rings.get(1).map_or(90.0, |next| next - first) / 2.0,
            (Some(last), None) => last + rings.iter().rev().nth(1).map_or(90.0, |next| last - next) / 2.0,
            (None, None) => 0.0,
        };
    let area = |elevation: &f64| {
        let own = ring(*elevation);
        let number = rings.partition_point(|ring| *ring < own);
        let count = elevations.iter().filter(|other| ring(**other) == own).count();
        (height(edge(number + 1)) - height(edge(number))) / count as f64
    };
    normalised(elevations.iter().map(area).collect())
}

fn normalised(mut weights: Vec<f64>) -> Vec<f64> {
    let sum: f64 = weights.iter().sum();
    weights.iter_mut().for_each(|weight| *weight /= sum);
    weights
}

/// `x` between 0 and 1.
fn share(x: f64) -> f64 {
    x.clamp(0.0, 1.0)
}

/// The spectrum of minimum phase that has a magnitude.
fn minimum_phase(magnitude: &[f64], fourier: &Fourier) -> [Vec<f64>; 2] {
    let at = |bin: usize| libm::log(magnitude.get(bin.min(LENGTH - bin)).copied().unwrap_or(1.0));
    let (mut re, mut im): (Vec<f64>, _) = ((0..LENGTH).map(at).collect(), vec![0.0; LENGTH]);
    fourier.transform(&mut im, &mut re);
    for (quefrency, value) in re.iter_mut().enumerate() {
        let half = LENGTH / 2;
        let factor = if quefrency % half == 0 {
            1.0
        } else if quefrency < half {
            2.0
        } else {
            0.0
        };
        *value *= factor / LENGTH as f64;
    }
    im.fill(0.0);
    fourier.transform(&mut re, &mut im);
    for (re, im) in re.iter_mut().zip(&mut im) {
        let size = libm::exp(*re);
        (*re, *im) = (size * libm::cos(*im), size * libm::sin(*im));
    }
    [re, im]
}

impl Ear {
    fn new(heard: &[Heard], fourier: &Fourier) -> Self {
        let elevations: Vec<f64> = heard.iter().map(|heard| heard.elevation).collect();
        let areas = areas(&elevations);
        let basis = heard
            .iter()
            .map(|heard| weights(heard.azimuth.to_radians(), heard.elevation.to_radians()))
            .collect();
        // To half a frame.
        let onset: f64 = heard.iter().zip(&areas).map(|(heard, area)| heard.onset() * area).sum();
        let onset = libm::round(2.0 * onset) / 2.0;
        let mut spectra = Spectra::new(heard.len());
        for (number, heard) in heard.iter().enumerate() {
            let response = heard.response.iter().map(|sample| f64::from(*sample));
            let (re, im) = spectra.row_mut(number);
            fourier.spectrum(response, re, im);
            for (bin, (re, im)) in re.iter_mut().zip(im).enumerate() {
                let angle = std::f64::consts::TAU * hz(bin) / RATE * (onset - heard.delay);
                turn(re, im, angle);
            }
        }
        let mut ear = Self { basis, elevations, areas, spectra, ring: ring(heard), wanted: Vec::new() };
        ear.wanted = ear
            .ring
            .iter()
            .map(|(number, _)| {
                let (re, im) = ear.spectra.row(*number);
                BANDS.map(|(bins, _)| libm::log(power(re, im, bins)))
            })
            .collect();
        ear.equalise(fourier);
        ear
    }

    /// Takes out what all directions share, and puts in a low end.
    fn equalise(&mut self, fourier: &Fourier) {
        let mut diffuse = vec![0.0; BINS];
        for (number, area) in self.areas.iter().enumerate() {
            let (re, im) = self.spectra.row(number);
            for (sum, (re, im)) in diffuse.iter_mut().zip(re.iter().zip(im)) {
                *sum += area * (re * re + im * im);
            }
        }
        let sixth = libm::exp2(1.0 / 6.0);
        let around = |bin: usize| {
            let low = (bin as f64 / sixth) as usize;
            let high = (libm::ceil(bin as f64 * sixth) as usize + 1).min(BINS);
            let range = diffuse.get(low..high).unwrap_or(&[]);
            libm::sqrt(range.iter().sum::<f64>() / range.len() as f64)
        };
        let colour: Vec<f64> = (0..BINS).map(|bin| around(bin.clamp(LOWEST, HIGHEST))).collect();
        let [colour_re, colour_im] = minimum_phase(&colour, fourier);
        let mut common = vec![[0.0; 2]; BINS];
        for (number, area) in self.areas.iter().enumerate() {
            let (re, im) = self.spectra.row_mut(number);
            for bin in 0..BINS {
                // All have as many bins, or more.
                let (a, b, c, d) = (re[bin], im[bin], colour_re[bin], colour_im[bin]);
                let size = c * c + d * d;
                (re[bin], im[bin]) = ((a * c + b * d) / size, (b * c - a * d) / size);
                common[bin][0] += area * re[bin];
                common[bin][1] += area * im[bin];
            }
        }
        for number in 0..self.areas.len() {
            let (re, im) = self.spectra.row_mut(number);
            for (bin, (re, im)) in re.iter_mut().zip(im.iter_mut()).enumerate() {
                let [x, y] = common[bin]; // one for each bin
                turn(re, im, -libm::atan2(y, x) * share((1000.0 - hz(bin)) / 500.0));
            }
            let phase = libm::atan2(im[DELAYS], re[DELAYS]); // below `BINS`, as all that follow
            for bin in 0..DELAYS {
                let size = libm::hypot(re[bin.max(LOWEST)], im[bin.max(LOWEST)]);
                let angle = phase * bin as f64 / DELAYS as f64;
                (re[bin], im[bin]) = (size * libm::cos(angle), size * libm::sin(angle));
            }
        }
    }

    /// Weights of directions, those near ear height `factor` times as heavy.
    fn near_ear_height(&self, factor: f64, width: f64) -> Vec<f64> {
        let favoured = |(elevation, area): (&f64, &f64)| {
            let far = elevation / width;
            area * (1.0 + (factor - 1.0) * libm::exp(-far * far))
        };
        normalised(self.elevations.iter().zip(&self.areas).map(favoured).collect())
    }

    /// The first fit: a complex one up to 1.8 kHz, of magnitudes above, cross-faded by a fifth either way.
    fn least_squares(&self, fourier: &Fourier) -> Vec<Vec<f64>> {
        let weights = self.near_ear_height(4.0, 20.0);
        let norms = norms();
        let basis: Vec<[f64; CHANNELS]> = self.basis.iter().map(|row| times(row, &norms)).collect();
        let plain = solver(&basis, &weights);
        let mut fits = Spectra::new(CHANNELS);
        let mut before = [[0.0; CHANNELS]; 2];
        for bin in 0..BINS {
            let each: Vec<[f64; 2]> = (0..basis.len()).map(|number| self.spectra.at(number, bin)).collect();
            let mut fit = solved(&plain, each.iter().copied());
            let part = share((hz(bin) - 1440.0) / 720.0);
            if part > 0.0 {
                let sizes: Vec<f64> = each.iter().map(|[re, im]| libm::hypot(*re, *im)).collect();
                let most = sizes.iter().copied().fold(0.0, f64::max);
                let fair = weights.iter().zip(&sizes).map(|(weight, size)| {
                    let size = size + 0.05 * most;
                    weight / (size * size)
                });
                let solver = solver(&basis, &normalised(fair.collect()));
                let mut magnitudes = before;
                for _ in 0..60 {
                    let turned = basis.iter().zip(&sizes).map(|(row, size)| {
                        let [re, im] = magnitudes.map(|plane| dot(row, &plane));
                        let length = libm::sqrt(re * re + im * im);
                        if length > 0.0 { [size * re / length, size * im / length] } else { [*size, 0.0] }
                    });
                    magnitudes = solved(&solver, turned);
                }
                for (fit, magnitudes) in fit.iter_mut().zip(magnitudes) {
                    fit.iter_mut().zip(magnitudes).for_each(|(fit, other)| *fit += part * (other - *fit));
                }
            }
            before = fit;
            for channel in 0..CHANNELS {
                let (re, im) = fits.row_mut(channel);
                (re[bin], im[bin]) = (fit[0][channel] * norms[channel], fit[1][channel] * norms[channel]);
            }
        }
        (0..CHANNELS)
            .map(|channel| {
                let (re, im) = fits.row(channel);
                let mut plane = fourier.signal(re, im);
                plane.rotate_right(BEFORE as usize);
                plane.truncate(TAPS);
                for (number, tap) in plane.iter_mut().enumerate() {
                    let rise = |number: usize, whole: usize| {
                        let part = ((number as f64 + 0.5) / whole as f64).min(1.0);
                        0.5 - 0.5 * libm::cos(std::f64::consts::PI * part)
                    };
                    *tap *= rise(number, 8) * rise(TAPS - 1 - number, 64);
                }
                plane
            })
            .collect()
    }

    /// Gradient steps on the taps.
    fn refined(
        &self,
        mut taps: Vec<Vec<f64>>,
        (fourier, level): (&Fourier, Level),
        go_on: &mut dyn FnMut(f32) -> bool,
    ) -> Option<Vec<Vec<f64>>> {
        let goal = Goal::new(self);
        let zero = || vec![vec![0.0; TAPS]; CHANNELS];
        let (mut first, mut second) = (zero(), zero());
        let threads = thread::available_parallelism().map_or(1, usize::from).min(8);
        let mut found = Spectra::new(CHANNELS);
        for step in 0..STEPS {
            if !go_on(step as f32 / STEPS as f32) {
                return None;
            }
            for (channel, plane) in taps.iter().enumerate() {
                let (re, im) = found.row_mut(channel);
                fourier.spectrum(plane.iter().copied(), re, im);
            }
            let slopes = goal.slopes(self, &found, (level, threads));
            let turns = step as f64 / STEPS as f64;
            let pace = 5e-4 * (1.0 + libm::cos(std::f64::consts::PI * turns))
                / (1.0 - libm::pow(0.9, (step + 1) as f64));
            let warm = 1.0 - libm::pow(0.99, (step + 1) as f64);
            for (channel, taps) in taps.iter_mut().enumerate() {
                let (re, im) = slopes.row(channel);
                let slope = fourier.signal(re, im);
                // There are as many planes of each as channels.
                let memory = first[channel].iter_mut().zip(&mut second[channel]);
                for ((tap, slope), (first, second)) in taps.iter_mut().zip(slope).zip(memory) {
                    *first = 0.9 * *first + 0.1 * slope;
                    *second = 0.99 * *second + 0.01 * slope * slope;
                    *tap -= pace * *first / (libm::sqrt(*second / warm) + 1e-9);
                }
            }
        }
        Some(taps)
    }
}

/// Directions at ear height whose mirror was measured too.
fn ring(heard: &[Heard]) -> Vec<(usize, usize)> {
    let near = |heard: &Heard| heard.elevation.abs() < RING / 2.0;
    let mirror = |own: &Heard| {
        let (elevation, azimuth) = own.place();
        let wanted = (elevation, (-azimuth).rem_euclid(36_000));
        heard.iter().position(|other| other.place() == wanted)
    };
    let pairs: Vec<(usize, usize)> = heard
        .iter()
        .enumerate()
        .filter(|(_, heard)| near(heard))
        .filter_map(|(number, heard)| Some((number, mirror(heard)?)))
        .collect();
    let place = |wanted: usize| pairs.iter().position(|(number, _)| *number == wanted);
    pairs.iter().filter_map(|&(number, mirror)| Some((number, place(mirror)?))).collect()
}

fn power(re: &[f64], im: &[f64], bins: Range<usize>) -> f64 {
    let (re, im) = (re.get(bins.clone()).unwrap_or(&[]), im.get(bins).unwrap_or(&[]));
    re.iter().zip(im).map(|(re, im)| re * re + im * im).sum::<f64>().max(f64::MIN_POSITIVE)
}

/// Times `e^(i·angle)`.
fn turn(re: &mut f64, im: &mut f64, angle: f64) {
    let (cos, sin) = (libm::cos(angle), libm::sin(angle));
    (*re, *im) = (*re * cos - *im * sin, *re * sin + *im * cos);
}

/// Factors that make all channels equally loud in a diffuse field.
fn norms() -> [f64; CHANNELS] {
    let degree = |channel: usize| ORDERS.iter().position(|order| order.contains(&channel)).unwrap_or(0);
    std::array::from_fn(|channel| libm::sqrt(2.0 * degree(channel) as f64 + 1.0))
}

fn times(one: &[f64; CHANNELS], other: &[f64; CHANNELS]) -> [f64; CHANNELS] {
    std::array::from_fn(|channel| one[channel] * other[channel]) // as many channels
}

fn dot(one: &[f64; CHANNELS], other: &[f64; CHANNELS]) -> f64 {
    one.iter().zip(other).map(|(one, other)| one * other).sum()
}

/// `(BᵀWB + λ)⁻¹·BᵀW`, direction by direction.
fn solver(basis: &[[f64; CHANNELS]], weights: &[f64]) -> Vec<[f64; CHANNELS]> {
    let mut normal = [[0.0; CHANNELS]; CHANNELS];
    for (row, weight) in basis.iter().zip(weights) {
        for (to, one) in normal.iter_mut().zip(row) {
            to.iter_mut().zip(row).for_each(|(to, other)| *to += weight * one * other);
        }
    }
    for (channel, row) in normal.iter_mut().enumerate() {
        row[channel] += 1e-3; // square
    }
    let inverse = inverted(normal);
    let solved =
        |(row, weight): (&[f64; CHANNELS], &f64)| inverse.each_ref().map(|own| weight * dot(own, row));
    basis.iter().zip(weights).map(solved).collect()
}

/// The inverse of a positive definite matrix, by Gauss and Jordan.
fn inverted(mut matrix: [[f64; CHANNELS]; CHANNELS]) -> [[f64; CHANNELS]; CHANNELS] {
    let mut inverse: [[f64; CHANNELS]; CHANNELS] =
        std::array::from_fn(|row| std::array::from_fn(|column| f64::from(u8::from(row == column))));
    for pivot in 0..CHANNELS {
        // All indices are below `CHANNELS`.
        let scale = 1.0 / matrix[pivot][pivot];
        matrix[pivot].iter_mut().chain(&mut inverse[pivot]).for_each(|value| *value *= scale);
        let (own, other) = (matrix[pivot], inverse[pivot]);
        for row in (0..CHANNELS).filter(|row| *row != pivot) {
            let factor = matrix[row][pivot];
            matrix[row].iter_mut().zip(own).for_each(|(to, from)| *to -= factor * from);
            inverse[row].iter_mut().zip(other).for_each(|(to, from)| *to -= factor * from);
        }
    }
    inverse
}

/// What a solver makes of complex values, one for each direction.
fn solved(solver: &[[f64; CHANNELS]], values: impl Iterator<Item = [f64; 2]>) -> [[f64; CHANNELS]; 2] {
    let mut sums = [[0.0; CHANNELS]; 2];
    for (row, value) in solver.iter().zip(values) {
        for (sum, part) in sums.iter_mut().zip(value) {
            sum.iter_mut().zip(row).for_each(|(sum, weight)| *sum += part * weight);
        }
    }
    sums
}

/// What gradient steps go for.
struct Goal {
    /// Spectra that are later by `BEFORE`, and their magnitudes.
    target: Spectra,
    sizes: Vec<f64>,
    least: f64,
    directions: Vec<f64>,
    /// By bin: what deviations of the complex value and of the magnitude weigh.
    complex: Vec<f64>,
    magnitude: Vec<f64>,
    /// By direction its place on the ring.
    places: Vec<Option<usize>>,
}

impl Goal {
    fn new(ear: &Ear) -> Self {
        let mut target = ear.spectra.clone();
        let mut sizes = Vec::with_capacity(BINS * ear.areas.len());
        for number in 0..ear.areas.len() {
            let (re, im) = target.row_mut(number);
            for (bin, (re, im)) in re.iter_mut().zip(im).enumerate() {
                turn(re, im, -std::f64::consts::TAU * hz(bin) / RATE * BEFORE);
                sizes.push(libm::hypot(*re, *im).max(3e-3));
            }
        }
        let by_octave = |bin: usize| 150.0 / hz(bin).max(150.0);
        let complex = |bin| 10.0 * share((1560.0 - hz(bin)) / 520.0) * by_octave(bin);
        let magnitude = |bin| {
            let middle = if hz(bin) > 1300.0 && hz(bin) < 3000.0 { 7.0 } else { 1.0 };
            by_octave(bin) * middle * ((17_000.0 - hz(bin)) / 3000.0).clamp(0.02, 1.0)
        };
        let place = |number: usize| ear.ring.iter().position(|(own, _)| *own == number);
        Self {
            least: 1e-4 * sizes.iter().copied().fold(0.0, f64::max),
            target,
            sizes,
            directions: ear.near_ear_height(20.0, 15.0),
            complex: (0..BINS).map(complex).collect(),
            magnitude: (0..BINS).map(magnitude).collect(),
            places: (0..ear.areas.len()).map(place).collect(),
        }
    }

    /// By channel: where the sum of all deviations rises. Each bin is the work of one thread, so that all sums are the same.
    fn slopes(&self, ear: &Ear, found: &Spectra, (level, threads): (Level, usize)) -> Spectra {
        let factors = self.factors(ear, found, level);
        let share = BINS.div_ceil(threads);
        let ranges: Vec<Range<usize>> =
            (0..threads).map(|n| (n * share).min(BINS)..((n + 1) * share).min(BINS)).collect();
        let work = |bins: &Range<usize>| {
            let mut part = Part { bins: bins.clone(), slopes: vec![0.0; 2 * CHANNELS * bins.len()] };
            slopes(level, self, ear, found, &factors, &mut part);
            part
        };
        let parts: Vec<Part> = thread::scope(|scope| {
            let work = &work;
            let others: Vec<_> = ranges
                .iter()
                .skip(1)
                .map(|bins| {
                    let builder = thread::Builder::new();
                    (bins, builder.spawn_scoped(scope, move || work(bins)).ok())
                })
                .collect();
            let own = ranges.first().map(work);
            // Where there is no thread to be had, this one does the work.
            let others = others.into_iter().map(|(bins, thread)| {
                thread.and_then(|thread| thread.join().ok()).unwrap_or_else(|| work(bins))
            });
            own.into_iter().chain(others).collect()
        });
        let mut sums = Spectra::new(CHANNELS);
        for Part { bins, slopes } in parts.iter().filter(|part| !part.bins.is_empty()) {
            for (channel, rows) in slopes.chunks_exact(2 * bins.len()).enumerate() {
                let (re, im) = sums.row_mut(channel);
                let (from_re, from_im) = rows.split_at(bins.len());
                re[bins.clone()].copy_from_slice(from_re); // bins of a spectrum
                im[bins.clone()].copy_from_slice(from_im);
            }
        }
        sums
    }

    /// For each direction of the ring: how much deviations of level in each band, against its mirror's, count.
    fn factors(&self, ear: &Ear, found: &Spectra, level: Level) -> Vec<[f64; BANDS.len()]> {
        let all = BANDS[3].0.clone();
        let (mut re, mut im) = (vec![0.0; all.end], vec![0.0; all.end]);
        let powers: Vec<[f64; BANDS.len()]> = ear
            .ring
            .iter()
            .map(|(number, _)| {
                sum_up(level, &ear.basis[*number], found, 0..all.end, &mut re, &mut im); // a direction
                BANDS.map(|(bins, _)| power(&re, &im, bins))
            })
            .collect();
        let off = |place: usize, band: usize| libm::log(powers[place][band]) - ear.wanted[place][band]; // places of the ring
        let count = ear.ring.len() as f64;
        let factor = |(place, (_, mirror)): (usize, &(usize, usize))| {
            std::array::from_fn(|band| {
                let between = off(place, band) - off(*mirror, band);
                let whole = if band == 3 { count } else { 1.0 };
                BANDS[band].1 / whole / count * (between + 20.0 * between * between * between)
                    / powers[place][band]
            })
        };
        ear.ring.iter().enumerate().map(factor).collect()
    }
}

/// Some bins of all channels' slopes: real and imaginary parts, channel by channel.
struct Part {
    bins: Range<usize>,
    slopes: Vec<f64>,
}

/// `to += factor · from`.
#[inline(always)]
fn add(to: &mut [f64], from: &[f64], factor: f64) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to += factor * from);
}

/// Bins of what a direction hears of all channels.
#[inline(always)]
fn heard_of(row: &[f64; CHANNELS], channels: &Spectra, bins: &Range<usize>, re: &mut [f64], im: &mut [f64]) {
    re.fill(0.0);
    im.fill(0.0);
    for (channel, weight) in row.iter().enumerate() {
        let (from_re, from_im) = channels.row(channel);
        add(re, &from_re[bins.clone()], *weight); // bins of a spectrum
        add(im, &from_im[bins.clone()], *weight);
    }
}

by_level! {
    /// Bins of what a direction hears of all channels.
    fn sum_up(level; row: &[f64; CHANNELS], channels: &Spectra, bins: Range<usize>, re: &mut [f64], im: &mut [f64]) {
        heard_of(row, channels, &bins, re, im);
    }
}

by_level! {
    /// Adds the slopes of all directions' deviations in some bins.
    fn slopes(
        level;
        goal: &Goal,
        ear: &Ear,
        found: &Spectra,
        factors: &[[f64; BANDS.len()]],
        part: &mut Part,
    ) {
        let (bins, count) = (part.bins.clone(), part.bins.len());
        let mut memory = vec![0.0; 4 * count];
        let (heard, slope) = memory.split_at_mut(2 * count);
        let ((re, im), (slope_re, slope_im)) = (heard.split_at_mut(count), slope.split_at_mut(count));
        for (number, row) in ear.basis.iter().enumerate() {
            heard_of(row, found, &bins, re, im);
            let weight = goal.directions[number]; // one for each direction
            let (target_re, target_im) = goal.target.row(number);
            let sizes = &goal.sizes[number * BINS..(number + 1) * BINS];
            for place in 0..count {
                // Bins of a spectrum.
                let (bin, x, y) = (bins.start + place, re[place], im[place]);
                let length = libm::sqrt(x * x + y * y);
                let size = length + goal.least;
                let factor = weight * goal.magnitude[bin] * libm::log(size / sizes[bin]) / (size * length.max(1e-9));
                let near = weight * goal.complex[bin] / (sizes[bin] * sizes[bin]);
                slope_re[place] = factor * x + near * (x - target_re[bin]);
                slope_im[place] = factor * y + near * (y - target_im[bin]);
            }
            if let Some(factors) = goal.places[number].and_then(|place| factors.get(place)) {
                for ((band, _), factor) in BANDS.iter().zip(factors) {
                    let first = band.start.max(bins.start);
                    let span = first.saturating_sub(bins.start)..band.end.min(bins.end).saturating_sub(bins.start);
                    if !span.is_empty() {
                        add(&mut slope_re[span.clone()], &re[span.clone()], *factor);
                        add(&mut slope_im[span.clone()], &im[span], *factor);
                    }
                }
            }
            for (to, weight) in part.slopes.chunks_exact_mut(2 * count.max(1)).zip(row) {
                let (to_re, to_im) = to.split_at_mut(count);
                add(to_re, slope_re, *weight);
                add(to_im, slope_im, *weight);
            }
        }
    }
}
