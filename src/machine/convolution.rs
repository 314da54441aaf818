//! The convolution reverb as a machine: its controls, and a convolver between a delay, two filters and a blend.
//!
//! Audio thread, except making one. See [`Impulse`](super::Impulse) for where its response comes from.

use super::impulse::AtRate;
use super::parameter::MachineParameter;
use super::wet::Blend;
use super::wet::Glide;
use super::wet::PreDelay;
use super::wet::by_cells;
use crate::audio::GRID;
use crate::dsp::Convolver;
use crate::dsp::Level;
use crate::units::SampleRate;
use std::f32::consts::PI;
use std::f32::consts::SQRT_2;
use std::sync::Arc;

/// Longest delay before the response, in seconds.
const PRE_DELAY_S: f64 = 0.25;

/// Where the filters let everything pass.
const OPEN_HZ: [f32; 2] = [20.0, 20_000.0];

/// In the order of `Controls`.
pub(super) const PARAMETERS: &[MachineParameter] = &[
    MachineParameter::linear("mix", ["Mix", "%"], [0.0, 100.0, 100.0], 0.1),
    MachineParameter::linear("pre_delay", ["Pre-delay", "ms"], [0.0, 250.0, 0.0], 0.1),
    MachineParameter::linear("width", ["Width", "%"], [0.0, 150.0, 100.0], 1.0),
    MachineParameter::logarithmic("low_cut", ["Low cut", "Hz"], [OPEN_HZ[0], 1000.0, OPEN_HZ[0]], 1.0),
    MachineParameter::logarithmic("high_cut", ["High cut", "Hz"], [1000.0, OPEN_HZ[1], OPEN_HZ[1]], 1.0),
    MachineParameter::linear("level", ["Level", "dB"], [-60.0, 12.0, 0.0], 0.1),
];

type Controls = [f32; 6];

pub(super) struct Convolution {
    controls: Controls,
    rate: SampleRate,
    pre_delay: PreDelay,
    convolver: Convolver,
    filters: Filters,
    blend: Blend,
    phase: usize,
    /// The response's name among those that are shared.
    _impulse: Arc<AtRate>,
}

impl Convolution {
    /// Allocates, and takes its time where the impulse is new.
    pub(super) fn boxed(impulse: Arc<AtRate>, rate: SampleRate, level: Level) -> Box<Self> {
        let default = |index: usize| PARAMETERS.get(index).map_or(0.0, |parameter| parameter.default);
        let mut reverb = Box::new(Self {
            controls: std::array::from_fn(default),
            rate,
            pre_delay: PreDelay::new(PRE_DELAY_S, rate),
            convolver: Convolver::new(impulse.response(level), level),
            filters: Filters::new(),
            blend: Blend::new(),
            phase: 0,
            _impulse: impulse,
        });
        reverb.control();
        reverb.settle();
        reverb
    }

    /// Seconds of the response.
    pub(super) fn rings_s(&self) -> f64 {
        self.convolver.response().frames() as f64 / self.rate.0
    }

    /// Whether nothing is left of a sound `quiet_frames` ago.
    pub(super) fn is_drained(&self, quiet_frames: u64) -> bool {
        quiet_frames > self.pre_delay.frames() && self.convolver.is_drained()
    }

    pub(super) fn set(&mut self, index: usize, value: f32) {
        if let Some(control) = self.controls.get_mut(index) {
            *control = value;
        }
    }

    pub(super) fn control(&mut self) {
        let [mix, pre_delay_ms, width, low_cut, high_cut, level_db] = self.controls;
        self.pre_delay.set(pre_delay_ms);
        self.filters.set([low_cut, high_cut]);
        self.blend.set(mix / 100.0, level_db, width / 100.0);
    }

    fn settle(&mut self) {
        self.pre_delay.settle();
        self.filters.settle(self.rate);
        self.blend.settle();
    }

    pub(super) fn clear(&mut self) {
        self.pre_delay.clear();
        self.convolver.clear();
        self.filters.states = [[[0.0; 2]; 2]; 2];
        self.settle();
        self.phase = 0;
    }

    /// Goes on at another frame, with everything settled. Unless all is drained what sounds is forgotten.
    pub(super) fn go_to(&mut self, frame: u64, drained: bool) {
        if !drained {
            self.pre_delay.clear();
        }
        self.settle();
        self.convolver.go_to(frame);
        self.filters.states = [[[0.0; 2]; 2]; 2];
        self.phase = (frame % GRID as u64) as usize;
    }

    pub(super) fn process(&mut self, inputs: [&[f32]; 2], outputs: [&mut [f32]; 2]) {
        let Self { rate, pre_delay, convolver, filters, blend, phase, .. } = self;
        by_cells(phase, inputs, outputs, |phase, inputs, [left, right]| {
            if phase == 0 {
                pre_delay.begin_cell();
                filters.begin_cell(*rate);
                blend.begin_cell();
            }
            let mut delayed = [[0.0; GRID]; 2];
            let [delayed_left, delayed_right] = delayed.each_mut().map(|plane| &mut plane[..left.len()]); // within a cell
            pre_delay.process(inputs, [&mut *delayed_left, &mut *delayed_right], phase);
            convolver.process([delayed_left, delayed_right], [&mut *left, &mut *right]);
            filters.process([&mut *left, &mut *right], phase);
            blend.process(inputs, [left, right], phase);
        });
    }
}

/// A high-pass and a low-pass of two poles each, after Butterworth; open ones cost nothing. Simper, "Linear trapezoidal state
/// variable filter" (2013).
struct Filters {
    /// Of both cutoffs.
    octaves: Glide<2>,
    /// How much of each filter is heard: all, or nothing of an open one.
    shares: Glide<2>,
    /// `a` of each filter.
    loops: [[f32; 3]; 2],
    /// Of each filter, on each side.
    states: [[[f32; 2]; 2]; 2],
}

impl Filters {
    fn new() -> Self {
        Self {
            octaves: Glide::new(OPEN_HZ.map(libm::log2f)),
            shares: Glide::new([0.0; 2]),
            loops: [[0.0; 3]; 2],
            states: [[[0.0; 2]; 2]; 2],
        }
    }

    fn set(&mut self, cutoffs_hz: [f32; 2]) {
        self.octaves.set(cutoffs_hz.map(libm::log2f));
        // Two of each.
        self.shares
            .set(std::array::from_fn(|filter| f32::from(u8::from(cutoffs_hz[filter] != OPEN_HZ[filter]))));
    }

    fn settle(&mut self, rate: SampleRate) {
        self.octaves.settle();
        self.shares.settle();
        self.tune(rate);
    }

    fn begin_cell(&mut self, rate: SampleRate) {
        let stood = self.octaves.stands();
        self.octaves.begin_cell();
        self.shares.begin_cell();
        if !(stood && self.octaves.stands()) {
            self.tune(rate);
        }
    }

    fn tune(&mut self, rate: SampleRate) {
        for (octave, a) in self.octaves.cell[1].into_iter().zip(&mut self.loops) {
            let cutoff_hz = libm::exp2f(octave).min(rate.0 as f32 * 0.49);
            let g = libm::tanf(PI * cutoff_hz / rate.0 as f32);
            let a1 = 1.0 / (1.0 + g * (g + SQRT_2));
            *a = [a1, g * a1, g * g * a1];
        }
    }

    /// At most a cell, of which `phase` frames are over.
    fn process(&mut self, planes: [&mut [f32]; 2], phase: usize) {
        let [from, to] = self.shares.cell;
        for (side, plane) in planes.into_iter().enumerate() {
            for filter in 0..2 {
                // Two filters, two sides.
                let (share, step) = (from[filter], (to[filter] - from[filter]) / GRID as f32);
                let state = &mut self.states[filter][side];
                if share == 0.0 && step == 0.0 {
                    *state = [0.0; 2];
                    continue;
                }
                let [a1, a2, a3] = self.loops[filter];
                let [mut s1, mut s2] = *state;
                for (sample, frame) in plane.iter_mut().zip(phase..) {
                    let v3 = *sample - s2;
                    let (v1, v2) = (a1 * s1 + a2 * v3, s2 + (a2 * s1 + a3 * v3));
                    (s1, s2) = (2.0 * v1 - s1, 2.0 * v2 - s2);
                    let passed = if filter == 0 { *sample - SQRT_2 * v1 - v2 } else { v2 };
                    *sample += (passed - *sample) * (share + step * (frame + 1) as f32);
                }
                *state = [s1, s2];
            }
        }
    }
}
