//! A limiter that knows what comes: no true peak of the main output passes its ceiling.
//!
//! In place, in the host's memory: the main output is delayed, and turned down before a peak arrives; all other outputs are
//! delayed by as much. Audio thread. What each frame may be multiplied by is held over a window (moving minimum), let go in
//! two stages, and smoothed by a box that fits into the window, so that the gain is there when the peak is (Hämäläinen,
//! DAFx-02). Gains are whole numbers of 2⁻³⁰: sums neither drift nor depend on how blocks are cut, and rest at 1 exactly.

use super::Layout;
use crate::audio::AudioBlockMut;
use crate::audio::BLOCK_SIZE;
use crate::dsp;
use crate::dsp::Level;
use crate::dsp::Ramp;
use crate::units::Gain;
use crate::units::SampleRate;
use std::collections::VecDeque;
use std::f64::consts::PI;
use std::ops::Range;

/// By how much outputs are late, rounded up to frames.
const LOOK_AHEAD_SECONDS: f64 = 0.002;
/// Coefficients of the interpolator over all its phases, as in ITU-R BS.1770-4, annex 2.
const COEFFICIENTS: usize = 48;
/// From here on twice the rate is as good as four times of lower ones; see the same annex.
const DOUBLE_RATE: f64 = 96_000.0;
/// A peak's gain holds for so many frames on both sides of it, where the interpolator hears most.
const HOLD: usize = 4;
/// Unity in whole numbers.
const ONE: u32 = 1 << 30;
/// Most of the way back after a short peak.
const FAST_SECONDS: f64 = 0.05;
/// How long it takes to count as more than a short peak.
const SUSTAIN_SECONDS: f64 = 0.4;
/// The way back after that.
const SLOW_SECONDS: f64 = 0.5;
/// An attenuation below this is none.
const NOTHING: f64 = 1e-6;

/// A windowed sinc between samples: `y[n] = Σ c[t]·x[n-t]`, for each place between two frames.
struct Interpolator {
    /// Of each place, backwards: the first belongs to the oldest sample.
    phases: Vec<Vec<f32>>,
    taps: usize,
    /// Sum of a phase's magnitudes, at most.
    most: f32,
}

impl Interpolator {
    /// Sinc under a Hann window of 49 points, whose last is 0.
    fn new(rate: SampleRate) -> Self {
        let factor = if rate.0 < DOUBLE_RATE { 4 } else { 2 };
        let taps = COEFFICIENTS / factor;
        let coefficient = |index: usize| {
            let x = (index as f64 - COEFFICIENTS as f64 / 2.0) / factor as f64 * PI;
            let window = 0.5 - 0.5 * libm::cos(2.0 * PI * index as f64 / COEFFICIENTS as f64);
            (window * if x == 0.0 { 1.0 } else { libm::sin(x) / x }) as f32
        };
        let phase = |phase| (0..taps).rev().map(|tap| coefficient(tap * factor + phase)).collect();
        let phases: Vec<Vec<f32>> = (1..factor).map(phase).collect();
        let sums = phases.iter().map(|phase| phase.iter().map(|c| c.abs()).sum::<f32>());
        Self { taps, most: sums.fold(1.0, f32::max) * 1.001, phases }
    }

    /// Frames from a sample to the output that lies beside it.
    fn delay(&self) -> usize {
        self.taps / 2
    }
}

/// Swaps what comes for what came `memory.len()` frames before.
struct Delay {
    memory: Vec<f32>,
    position: usize,
}

impl Delay {
    fn new(frames: usize) -> Self {
        Self { memory: vec![0.0; frames], position: 0 }
    }

    fn process(&mut self, mut plane: &mut [f32]) {
        while !plane.is_empty() && !self.memory.is_empty() {
            let frames = plane.len().min(self.memory.len() - self.position);
            let (now, later) = plane.split_at_mut(frames);
            self.memory[self.position..self.position + frames].swap_with_slice(now); // `frames` fit
            self.position = (self.position + frames) % self.memory.len();
            plane = later;
        }
    }

    fn reset(&mut self) {
        self.memory.fill(0.0);
    }
}

/// From what each frame may be multiplied by to what it is multiplied by.
struct Smoother {
    /// Gains below one that may still become the least of the window, with the frames on which they leave it.
    least: VecDeque<(u64, u32)>,
    window: u64,
    frame: u64,
    /// Attenuation that has not been let go yet: after any peak, and after much of it.
    fast: f64,
    slow: f64,
    fast_decay: f64,
    sustain: f64,
    slow_decay: f64,
    held: Vec<u32>,
    position: usize,
    sum: u64,
}

impl Smoother {
    fn new(rate: SampleRate, window: usize, length: usize) -> Self {
        let decay = |seconds: f64| libm::exp(-1.0 / (seconds * rate.0));
        Self {
            least: VecDeque::with_capacity(window + 1),
            window: window as u64,
            frame: 0,
            fast: 0.0,
            slow: 0.0,
            fast_decay: decay(FAST_SECONDS),
            sustain: 1.0 - decay(SUSTAIN_SECONDS),
            slow_decay: decay(SLOW_SECONDS),
            held: vec![ONE; length],
            position: 0,
            sum: length as u64 * u64::from(ONE),
        }
    }

    /// Whether gains of 1 in change nothing and give gains of 1.
    fn rests(&self) -> bool {
        let full = self.held.len() as u64 * u64::from(ONE);
        self.least.is_empty() && self.fast == 0.0 && self.slow == 0.0 && self.sum == full
    }

    /// One frame.
    fn next(&mut self, allowed: u32) -> f32 {
        let least = self.least(allowed);
        let gain = self.let_go(least);
        if let Some(oldest) = self.held.get_mut(self.position) {
            self.sum = self.sum + u64::from(gain) - u64::from(*oldest);
            *oldest = gain;
        }
        self.position = (self.position + 1) % self.held.len().max(1);
        (self.sum as f64 / (self.held.len() as u64 * u64::from(ONE)) as f64) as f32
    }

    /// The least of the window that ends here.
    fn least(&mut self, allowed: u32) -> u32 {
        self.frame += 1;
        if self.least.front().is_some_and(|(leaves, _)| *leaves <= self.frame) {
            self.least.pop_front();
        }
        if allowed < ONE {
            while self.least.back().is_some_and(|(_, gain)| *gain >= allowed) {
                self.least.pop_back();
            }
            self.least.push_back((self.frame + self.window, allowed)); // the window is its capacity
        }
        self.least.front().map_or(ONE, |(_, gain)| *gain)
    }

    /// Follows at once downwards, and in two stages upwards.
    fn let_go(&mut self, least: u32) -> u32 {
        let attenuation = 1.0 - f64::from(least) / f64::from(ONE);
        let rest = |value: f64| if value < NOTHING { 0.0 } else { value };
        self.fast = attenuation.max(rest(self.fast * self.fast_decay));
        self.slow = if self.fast > self.slow {
            rest(self.slow + (self.fast - self.slow) * self.sustain)
        } else {
            rest(self.slow * self.slow_decay)
        };
        let gain = (1.0 - self.fast.max(self.slow)) * f64::from(ONE);
        least.min(gain as u32)
    }

    fn reset(&mut self) {
        self.least.clear();
        (self.frame, self.fast, self.slow, self.position) = (0, 0.0, 0.0, 0);
        self.held.fill(ONE);
        self.sum = self.held.len() as u64 * u64::from(ONE);
    }
}

/// Frames by which the limiter makes all outputs late.
pub fn look_ahead_latency(rate: SampleRate) -> usize {
    rate.frames_in(LOOK_AHEAD_SECONDS)
}

/// See the module's description. Real-time, apart from `new`.
pub(super) struct LookAhead {
    level: Level,
    ramp_frames: u32,
    latency: usize,
    ceiling: Ramp,
    interpolator: Interpolator,
    /// Of each channel of the main output: what came before, and the block.
    heard: Vec<Vec<f32>>,
    smoother: Smoother,
    /// Of each channel of each output.
    delays: Vec<Vec<Delay>>,
}

impl LookAhead {
    pub(super) fn new(layout: &Layout, rate: SampleRate, level: Level) -> Self {
        let latency = look_ahead_latency(rate);
        let interpolator = Interpolator::new(rate);
        // The box ends its way down HOLD frames before the peak, and the window lasts as long after it.
        let length = (latency + 1).saturating_sub(interpolator.delay() + HOLD).max(1);
        let main = layout.outputs.first().copied().unwrap_or(0);
        let delays = |&channels: &usize| (0..channels).map(|_| Delay::new(latency)).collect();
        Self {
            level,
            ramp_frames: Ramp::control_frames(rate),
            latency,
            ceiling: Ramp::new(1.0),
            heard: vec![vec![0.0; interpolator.taps - 1 + BLOCK_SIZE]; main],
            smoother: Smoother::new(rate, length + 1 + 2 * HOLD, length),
            interpolator,
            delays: layout.outputs.iter().map(delays).collect(),
        }
    }

    /// Frames by which all outputs are late.
    pub(super) fn latency(&self) -> usize {
        self.latency
    }

    /// Moves by a ramp from the next frame on.
    pub(super) fn set_ceiling(&mut self, ceiling: Gain) {
        self.ceiling.move_to(ceiling.0, self.ramp_frames);
    }

    pub(super) fn settle(&mut self) {
        self.ceiling.settle();
    }

    pub(super) fn reset(&mut self) {
        self.smoother.reset();
        self.heard.iter_mut().for_each(|plane| plane.fill(0.0));
        self.delays.iter_mut().flatten().for_each(Delay::reset);
    }

    /// Limits the main output and delays all of them. Gives the least that the main output was multiplied by.
    pub(super) fn process(&mut self, range: &Range<usize>, outputs: &mut [AudioBlockMut<'_>]) -> f32 {
        let frames = range.len().min(BLOCK_SIZE);
        let mut peaks = [0.0; BLOCK_SIZE];
        let loud = match outputs.first_mut() {
            Some(main) => self.detect(&main.slice_mut(range.clone()), &mut peaks[..frames]),
            None => false,
        };
        let mut gains = peaks;
        let limits = loud || !self.smoother.rests();
        if limits {
            self.shape(&mut gains[..frames]);
        }
        self.ceiling.skip(frames);
        let gains = &gains[..frames];
        let least = if limits { gains.iter().fold(1.0, |least, &gain| gain.min(least)) } else { 1.0 };
        for (number, (output, delays)) in outputs.iter_mut().zip(&mut self.delays).enumerate() {
            let mut block = output.slice_mut(range.clone());
            for (plane, delay) in block.planes_mut().zip(delays) {
                delay.process(plane);
                if number == 0 && limits {
                    dsp::fade(self.level, plane, gains);
                }
            }
        }
        least
    }

    /// Finds the true peaks at and after each frame, late by the interpolator; false where none can reach the ceiling.
    fn detect(&mut self, main: &AudioBlockMut<'_>, peaks: &mut [f32]) -> bool {
        let (frames, before) = (peaks.len(), self.interpolator.taps - 1);
        let mut most = 0.0f32;
        for (channel, heard) in self.heard.iter_mut().enumerate() {
            let plane = main.channel(channel);
            heard[before..before + frames.min(plane.len())]
                .copy_from_slice(&plane[..frames.min(plane.len())]);
            most = most.max(dsp::peak(self.level, &heard[..before + frames]));
        }
        let least_ceiling = self.ceiling.value().min(self.ceiling.target());
        let loud = most * self.interpolator.most > least_ceiling;
        for heard in &mut self.heard {
            if loud {
                dsp::raise_to(self.level, peaks, &heard[before - self.interpolator.delay()..]);
                for phase in &self.interpolator.phases {
                    dsp::raise_to_filtered(self.level, peaks, &heard[..before + frames], phase);
                }
            }
            heard.copy_within(frames..frames + before, 0);
        }
        loud
    }

    /// From peaks to gains, in place.
    fn shape(&mut self, peaks: &mut [f32]) {
        let mut ceilings = [0.0; BLOCK_SIZE];
        self.ceiling.clone().fill(&mut ceilings[..peaks.len()]);
        for (peak, ceiling) in peaks.iter_mut().zip(ceilings) {
            let allowed =
                if *peak > ceiling { (f64::from(ceiling / *peak) * f64::from(ONE)) as u32 } else { ONE };
            *peak = self.smoother.next(allowed);
        }
    }
}
