//! The FDN reverb as a machine: its controls, and the network between a delay and a blend.
//!
//! Audio thread, except making one.

use super::parameter::MachineParameter;
use super::wet::Blend;
use super::wet::PreDelay;
use super::wet::by_cells;
use crate::audio::GRID;
use crate::dsp::Fdn;
use crate::dsp::Level;
use crate::dsp::Room;
use crate::units::SampleRate;

/// Longest delay before the room, in seconds.
const PRE_DELAY_S: f64 = 0.25;

const fn seconds(path: &'static str, label: &'static str, default: f32) -> MachineParameter {
    MachineParameter::logarithmic(path, [label, "s"], [0.1, 20.0, default], 0.01)
}

/// In the order of `Controls`.
pub(super) const PARAMETERS: &[MachineParameter] = &[
    seconds("decay", "Decay", 2.0),
    seconds("low_decay", "Low decay", 2.4),
    seconds("high_decay", "High decay", 1.2),
    MachineParameter::linear("size", ["Size", "%"], [20.0, 150.0, 100.0], 1.0),
    MachineParameter::linear("pre_delay", ["Pre-delay", "ms"], [0.0, 250.0, 12.0], 0.1),
    MachineParameter::logarithmic("damping", ["Damping", "Hz"], [1500.0, 16000.0, 4000.0], 1.0),
    MachineParameter::linear("modulation", ["Modulation", "%"], [0.0, 100.0, 30.0], 1.0),
    MachineParameter::linear("width", ["Width", "%"], [0.0, 150.0, 100.0], 1.0),
    MachineParameter::logarithmic("crossover", ["Crossover", "Hz"], [50.0, 1000.0, 250.0], 1.0),
    MachineParameter::linear("motion", ["Motion", "Hz"], [0.0, 2.0, 0.5], 0.01),
    MachineParameter::linear("mix", ["Mix", "%"], [0.0, 100.0, 100.0], 0.1),
    MachineParameter::linear("level", ["Level", "dB"], [-60.0, 12.0, 0.0], 0.1),
];

type Controls = [f32; 12];

fn defaults() -> Controls {
    std::array::from_fn(|index| PARAMETERS.get(index).map_or(0.0, |parameter| parameter.default))
}

fn room(controls: &Controls) -> Room {
    let [mid, low, high, size, _, damping, modulation, _, crossover, motion_hz, _, _] = *controls;
    Room {
        decay_s: [low, mid, high],
        crossover_hz: [crossover, damping],
        size: size / 100.0,
        motion: modulation / 100.0,
        motion_hz,
    }
}

pub(super) struct FdnReverb {
    controls: Controls,
    pre_delay: PreDelay,
    fdn: Fdn,
    blend: Blend,
    phase: usize,
}

impl FdnReverb {
    pub(super) fn boxed(rate: SampleRate, level: Level) -> Box<Self> {
        let controls = defaults();
        let mut reverb = Box::new(Self {
            controls,
            pre_delay: PreDelay::new(PRE_DELAY_S, rate),
            fdn: Fdn::new(rate, level, room(&controls)),
            blend: Blend::new(),
            phase: 0,
        });
        reverb.control();
        reverb.settle();
        reverb
    }

    pub(super) fn set(&mut self, index: usize, value: f32) {
        if let Some(control) = self.controls.get_mut(index) {
            *control = value;
        }
    }

    pub(super) fn control(&mut self) {
        let [.., pre_delay_ms, _, _, width, _, _, mix, level_db] = self.controls;
        self.fdn.set(room(&self.controls));
        self.pre_delay.set(pre_delay_ms);
        self.blend.set(mix / 100.0, level_db, width / 100.0);
    }

    fn settle(&mut self) {
        self.fdn.settle();
        self.pre_delay.settle();
        self.blend.settle();
    }

    pub(super) fn clear(&mut self) {
        self.fdn.clear();
        self.pre_delay.clear();
        self.settle();
        self.phase = 0;
    }

    /// Goes on at another frame, with everything settled.
    pub(super) fn go_to(&mut self, frame: u64) {
        self.settle();
        self.fdn.go_to(frame);
        self.phase = (frame % GRID as u64) as usize;
    }

    pub(super) fn process(&mut self, inputs: [&[f32]; 2], outputs: [&mut [f32]; 2]) {
        let Self { pre_delay, fdn, blend, phase, .. } = self;
        by_cells(phase, inputs, outputs, |phase, inputs, [left, right]| {
            if phase == 0 {
                pre_delay.begin_cell();
                blend.begin_cell();
            }
            let mut delayed = [[0.0; GRID]; 2];
            let [delayed_left, delayed_right] = delayed.each_mut().map(|plane| &mut plane[..left.len()]); // within a cell
            pre_delay.process(inputs, [&mut *delayed_left, &mut *delayed_right], phase);
            fdn.process([delayed_left, delayed_right], [&mut *left, &mut *right]);
            blend.process(inputs, [left, right], phase);
        });
    }
}
