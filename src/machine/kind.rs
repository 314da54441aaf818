//! The registry: which machines there are.
//!
//! Any thread. A machine's id is what racks save; it never changes and is never given to another.

use super::Impulse;
use super::Machine;
use super::MachineParameter;
use super::convolution;
use super::generated::reverb;
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
}

impl MachineKind {
    /// Every machine, in the order of menus.
    pub const ALL: &[Self] = &[Self::Reverb, Self::Fdn, Self::Convolution];

    /// What is saved.
    pub fn id(self) -> &'static str {
        match self {
            Self::Reverb => "reverb",
            Self::Fdn => "fdn",
            Self::Convolution => "convolution",
        }
    }

    /// The machine saved as `id`.
    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.id() == id)
    }

    /// For people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Reverb => "Reverb",
            Self::Fdn => "FDN Reverb",
            Self::Convolution => "Convolution",
        }
    }

    /// Its controls; the first eight are what an insert slot shows.
    pub fn parameters(self) -> &'static [MachineParameter] {
        match self {
            Self::Reverb => reverb::PARAMETERS,
            Self::Fdn => room::PARAMETERS,
            Self::Convolution => convolution::PARAMETERS,
        }
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

    /// How long it sounds after its input with `values` for its controls, down to -120 dB and without a response.
    pub(super) fn tail_s(self, values: &[f32]) -> f64 {
        let value = |path| {
            let index = self.parameter_index(path);
            f64::from(index.and_then(|index| values.get(index)).copied().unwrap_or(0.0))
        };
        match self {
            // Twice the time to -60 dB; half a second covers the first pass through diffusers and lines.
            Self::Reverb => 2.0 * value("decay").max(value("low_decay")) + value("pre_delay") / 1000.0 + 0.5,
            Self::Fdn => {
                let longest = value("decay").max(value("low_decay")).max(value("high_decay"));
                2.0 * longest + value("pre_delay") / 1000.0 + 0.5
            }
            // The filters' own sound ends within a tenth of a second.
            Self::Convolution => value("pre_delay") / 1000.0 + 0.1,
        }
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
        let default = MachineKind::Reverb.tail_s(&values);
        values[MachineKind::Reverb.parameter_index("low_decay").unwrap()] += 10.0;
        assert!(MachineKind::Reverb.tail_s(&values) > default + 19.0);
    }
}
