//! The registry: which machines there are.
//!
//! Any thread. A machine's id is what racks save; it never changes and is never given to another.

use super::Impulse;
use super::Machine;
use super::MachineParameter;
use super::convolution;
use super::generated;
use super::program;
use super::room;
use super::tail;
use crate::dsp::Level;
use crate::units::SampleRate;
use std::sync::Arc;

/// What menus and racks need of a machine.
struct Entry {
    id: &'static str,
    label: &'static str,
    parameters: &'static [MachineParameter],
    tail: tail::Tail,
}

macro_rules! registry {
    (written {
        $($(#[$written_doc:meta])* $written:ident($id:ident, $from:ident, $written_label:literal, $rings:path),)*
    } generated {
        $($(#[$doc:meta])* $kind:ident($module:ident::$class:ident, $label:literal, $tail:path),)*
    } instruments { $($instruments:tt)* }) => {
        /// A machine of the registry.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum MachineKind {
            $($(#[$written_doc])* $written,)*
            $($(#[$doc])* $kind,)*
        }

        impl MachineKind {
            /// Every machine, in the order of menus.
            pub const ALL: &[Self] = &[$(Self::$written,)* $(Self::$kind,)*];

            fn entry(self) -> Entry {
                match self {
                    $(Self::$written => Entry {
                        id: stringify!($id),
                        label: $written_label,
                        parameters: $from::PARAMETERS,
                        tail: $rings,
                    },)*
                    $(Self::$kind => Entry {
                        id: stringify!($module),
                        label: $label,
                        parameters: generated::$module::PARAMETERS,
                        tail: $tail,
                    },)*
                }
            }
        }
    };
}

machines!(registry);

impl MachineKind {
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

    /// Whether it tells how much it takes away.
    pub fn tells_reduction(self) -> bool {
        matches!(self, Self::Compressor | Self::Gate)
    }

    /// How long it sounds after its input with `values` for its controls at `tempo` BPM, down to -120 dB and without a
    /// response. Infinite where it never ends.
    pub(super) fn tail_s(self, values: &[f32], tempo: f32) -> f64 {
        (self.entry().tail)(&tail::Settings { kind: self, values, tempo: f64::from(tempo) })
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
    fn machines_that_tell_their_reduction_are_known_without_building_them() {
        for &kind in MachineKind::ALL {
            let machine = kind.build(SampleRate(48_000.0), Level::detect());
            assert_eq!(machine.reduction_db().is_some(), kind.tells_reduction(), "{}", kind.label());
        }
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
