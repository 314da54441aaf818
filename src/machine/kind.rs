//! The registry: which machines there are.
//!
//! Any thread. A machine's id is what racks save; it never changes and is never given to another.

use super::Impulse;
use super::Machine;
use super::MachineParameter;
use super::convolution;
use super::generated;
use super::room;
use crate::dsp::Level;
use crate::units::SampleRate;
use std::sync::Arc;

/// A machine of the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MachineKind {
    /// Algorithmic stereo reverb: a feedback delay network of eight lines.
    Reverb,
    /// A room of sixteen delay lines with a decay for each of three bands, for returns.
    Fdn,
    /// The room of an impulse response, for returns.
    Convolution,
    /// A plate reverb.
    Plate,
    /// A stereo delay in milliseconds or in note values of the host's tempo.
    Delay,
    /// Three voices a side.
    Chorus,
    /// A short, swept delay with feedback.
    Flanger,
    /// Swept allpasses with feedback.
    Phaser,
    /// A resonant filter of four poles with an envelope follower.
    Ladder,
    /// Two cuts, two shelves and two bells.
    Equaliser,
    /// A compressor, which may hear its sidechain.
    Compressor,
    /// A gate, which may hear its sidechain.
    Gate,
    /// Few bits and a slow clock.
    Crusher,
    /// Four curves.
    Distortion,
}

/// What menus and racks need of a machine.
struct Entry {
    id: &'static str,
    label: &'static str,
    parameters: &'static [MachineParameter],
}

impl MachineKind {
    /// Every machine, in the order of menus.
    pub const ALL: &[Self] = &[
        Self::Reverb,
        Self::Plate,
        Self::Fdn,
        Self::Convolution,
        Self::Delay,
        Self::Chorus,
        Self::Flanger,
        Self::Phaser,
        Self::Ladder,
        Self::Equaliser,
        Self::Compressor,
        Self::Gate,
        Self::Crusher,
        Self::Distortion,
    ];

    fn entry(self) -> Entry {
        use generated::*;
        let (id, label, parameters) = match self {
            Self::Reverb => ("reverb", "Reverb", reverb::PARAMETERS),
            Self::Fdn => ("fdn", "FDN Reverb", room::PARAMETERS),
            Self::Convolution => ("convolution", "Convolution", convolution::PARAMETERS),
            Self::Plate => ("plate", "Plate", plate::PARAMETERS),
            Self::Delay => ("delay", "Delay", delay::PARAMETERS),
            Self::Chorus => ("chorus", "Chorus", chorus::PARAMETERS),
            Self::Flanger => ("flanger", "Flanger", flanger::PARAMETERS),
            Self::Phaser => ("phaser", "Phaser", phaser::PARAMETERS),
            Self::Ladder => ("ladder", "Ladder Filter", ladder::PARAMETERS),
            Self::Equaliser => ("eq", "Equaliser", eq::PARAMETERS),
            Self::Compressor => ("compressor", "Compressor", compressor::PARAMETERS),
            Self::Gate => ("gate", "Gate", gate::PARAMETERS),
            Self::Crusher => ("crusher", "Bit Crusher", crusher::PARAMETERS),
            Self::Distortion => ("distortion", "Distortion", distortion::PARAMETERS),
        };
        Entry { id, label, parameters }
    }

    /// What is saved.
    pub fn id(self) -> &'static str {
        self.entry().id
    }

    /// The machine saved as `id`.
    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.id() == id)
    }

    /// For people.
    pub fn label(self) -> &'static str {
        self.entry().label
    }

    /// Its controls; the first eight are what an insert slot shows.
    pub fn parameters(self) -> &'static [MachineParameter] {
        self.entry().parameters
    }

    /// Place of the control with this path in [`Self::parameters`].
    pub fn parameter_index(self, path: &str) -> Option<usize> {
        self.parameters().iter().position(|parameter| parameter.path == path)
    }

    /// A machine with every control at its default; a convolution has a hall. Allocates.
    pub fn build(self, rate: SampleRate, level: Level) -> Box<Machine> {
        self.build_with(None, rate, level)
    }

    /// The same with an impulse response, which machines other than a convolution have no use for.
    pub fn build_with(self, impulse: Option<&Arc<Impulse>>, rate: SampleRate, level: Level) -> Box<Machine> {
        let impulse = impulse.filter(|_| self.takes_impulse());
        Box::new(Machine::new(self, impulse, rate, level))
    }

    /// Whether it makes use of an impulse response.
    pub fn takes_impulse(self) -> bool {
        self == Self::Convolution
    }

    /// How long it sounds after its input with `values` for its controls at `tempo` BPM, down to -120 dB and without a
    /// response. Infinite where it never ends.
    pub(super) fn tail_s(self, values: &[f32], tempo: f32) -> f64 {
        let value = |path| {
            let index = self.parameter_index(path);
            f64::from(index.and_then(|index| values.get(index)).copied().unwrap_or(0.0))
        };
        match self {
            // Twice the time to -60 dB; half a second covers the first pass through diffusers and lines.
            Self::Reverb => 2.0 * value("decay").max(value("low_decay")) + value("pre_delay") / 1000.0 + 0.5,
            Self::Plate => 2.0 * value("decay") + value("pre_delay") / 1000.0 + 0.5,
            Self::Fdn => {
                let longest = value("decay").max(value("low_decay")).max(value("high_decay"));
                2.0 * longest + value("pre_delay") / 1000.0 + 0.5
            }
            // The filters' own sound ends within a tenth of a second.
            Self::Convolution => value("pre_delay") / 1000.0 + 0.1,
            Self::Delay => {
                let time = tail::delay_s(value("note"), value("time") / 1000.0, f64::from(tempo));
                time * (1.0 + tail::rounds(value("feedback") / 100.0)) + 0.1
            }
            Self::Chorus => 0.1,
            Self::Flanger => 0.011 * (1.0 + tail::rounds(value("feedback") / 100.0)) + 0.05,
            Self::Phaser => {
                let lowest = value("frequency") * libm::exp2(-value("depth") / 2.0);
                // Twelve allpasses hold a sound for so long at most.
                12.0 / (std::f64::consts::PI * lowest) * (4.0 + tail::rounds(value("feedback") / 100.0))
            }
            Self::Ladder => {
                let octaves = value("envelope").abs() + value("lfo_depth");
                let lowest = value("cutoff") * libm::exp2(-octaves);
                let away = 1.0 - libm::sqrt(libm::sqrt(value("resonance") / 100.0)).min(1.0);
                // Poles as far from ringing for ever as the resonance leaves them.
                tail::TO_SILENCE / (std::f64::consts::TAU * lowest * away) + 2.0 * value("release") / 1000.0
            }
            Self::Equaliser => 2.0,
            // What they have taken away comes back meanwhile.
            Self::Compressor => tail::TO_SILENCE * value("release") / 1000.0 + 0.1,
            Self::Gate => (tail::TO_SILENCE * value("release") + value("hold")) / 1000.0 + 0.2,
            Self::Crusher | Self::Distortion => 0.3,
        }
    }
}

/// How long what is fed back lasts.
mod tail {
    /// Time constants until a sound has fallen by 120 dB.
    pub(super) const TO_SILENCE: f64 = 13.82;

    /// How often a sound goes round until it has fallen by 120 dB.
    pub(super) fn rounds(feedback: f64) -> f64 {
        match feedback.abs() {
            none if none < 1e-6 => 0.0,
            share if share < 1.0 => -TO_SILENCE / libm::log(share),
            _ => f64::INFINITY,
        }
    }

    /// The time of the delay, as its source reckons it.
    pub(super) fn delay_s(note: f64, free_s: f64, tempo: f64) -> f64 {
        const LONGEST_S: f64 = 2.7;
        const QUARTERS: [f64; 13] =
            [0.125, 1.0 / 6.0, 0.25, 1.0 / 3.0, 0.375, 0.5, 2.0 / 3.0, 0.75, 1.0, 4.0 / 3.0, 1.5, 2.0, 4.0];
        let quarters = (note >= 1.0).then(|| QUARTERS.get(note as usize - 1)).flatten();
        let mut time = quarters.map_or(free_s, |quarters| quarters * 60.0 / tempo);
        for _ in 0..3 {
            time /= if time > LONGEST_S { 2.0 } else { 1.0 };
        }
        time.min(LONGEST_S)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_lead_back_to_their_machines() {
        for kind in MachineKind::ALL {
            assert_eq!(MachineKind::from_id(kind.id()), Some(*kind));
        }
        assert_eq!(MachineKind::from_id("toaster"), None);
    }

    #[test]
    fn defaults_lie_in_range_and_paths_are_unique() {
        for kind in MachineKind::ALL {
            for (index, parameter) in kind.parameters().iter().enumerate() {
                assert_eq!(parameter.clamp(parameter.default), parameter.default, "{}", parameter.path);
                assert_eq!(kind.parameter_index(parameter.path), Some(index));
                assert!(parameter.min < parameter.max && parameter.step > 0.0);
            }
        }
    }

    #[test]
    fn defaults_survive_the_knob_exactly() {
        for parameter in MachineKind::ALL.iter().flat_map(|kind| kind.parameters()) {
            let back = parameter.value_at(parameter.position_of(parameter.default));
            assert_eq!(back, parameter.default, "{}", parameter.path);
        }
    }

    #[test]
    fn the_tail_of_the_reverb_follows_the_longer_decay() {
        let mut values: Vec<f32> = MachineKind::Reverb.parameters().iter().map(|p| p.default).collect();
        let default = MachineKind::Reverb.tail_s(&values, 120.0);
        values[MachineKind::Reverb.parameter_index("low_decay").unwrap()] += 10.0;
        assert!(MachineKind::Reverb.tail_s(&values, 120.0) > default + 19.0);
    }
}
