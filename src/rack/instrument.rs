//! Instruments as a rack saves them: `slot = 2`, `machine = "poly"`, `to = "bus 3"`, `controls = { cutoff = 800 }`.
//!
//! Files count from 1, the library from 0. Controls are those of `Controls`; what stands there of the first eight is what a macro
//! parameter without a value of its own is set to. Any thread but the audio thread.

use super::Controls;
use crate::engine::InstrumentSetup;
use crate::machine::InstrumentKind;
use crate::machine::MachineParameter;
use crate::mixer::BUSES;
use crate::mixer::Route;
use crate::mixer::SONG_CHANNELS;
use crate::mixer::Unknown;
use crate::tracker::KEYBOARD_SLOTS;
use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::Serializer;
use serde::de::Error;
use std::collections::BTreeSet;

/// An instrument in a slot of the keyboard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "File", into = "File")]
pub struct InstrumentSlot {
    /// Index of the slot.
    pub slot: usize,
    /// Id of the instrument; one that this version does not know is kept and not heard.
    pub machine: String,
    /// Index of the bus, where it is not what `routing.keyboard` says of the slot.
    pub bus: Option<usize>,
    /// Indices of the song channels that hand their notes over to it.
    pub channels: Vec<usize>,
    /// What its controls are set to, where that is not their default.
    pub controls: Controls,
    /// What a newer version has added.
    pub unknown: Unknown,
}

/// A slot as it is written.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct File {
    #[serde(serialize_with = "write_slot", deserialize_with = "read_slot")]
    slot: usize,
    machine: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to: Option<Route>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    channels: Vec<i64>,
    #[serde(default, skip_serializing_if = "Controls::is_empty")]
    controls: Controls,
    #[serde(flatten)]
    unknown: Unknown,
}

impl InstrumentSlot {
    /// An instrument by its id, with every control at its default.
    pub fn new(slot: usize, machine: impl Into<String>) -> Self {
        let (controls, unknown) = (Controls::default(), Unknown::default());
        Self { slot, machine: machine.into(), bus: None, channels: Vec::new(), controls, unknown }
    }

    /// The instrument, where this version knows it.
    pub fn kind(&self) -> Option<InstrumentKind> {
        InstrumentKind::from_id(&self.machine)
    }

    /// What a control is set to.
    pub fn value(&self, parameter: &MachineParameter) -> f32 {
        self.controls.get(parameter).unwrap_or(parameter.default)
    }

    /// Leaves out what need not be saved.
    pub(super) fn tidy(&mut self) {
        self.controls.tidy(self.kind().map_or(&[], InstrumentKind::parameters));
    }

    /// What the engine plays.
    pub(super) fn setup(&self) -> Option<InstrumentSetup> {
        let kind = self.kind()?;
        let controls = kind.parameters().iter().map(|parameter| self.value(parameter)).collect();
        let channels = self.channels.iter().fold(0, |bits, channel| bits | 1 << channel.min(&63)); // 64 at most
        Some(InstrumentSetup { slot: self.slot, kind, controls, channels })
    }
}

impl From<InstrumentSlot> for File {
    fn from(slot: InstrumentSlot) -> Self {
        let InstrumentSlot { slot, machine, bus, channels, controls, unknown } = slot;
        let channels = channels.into_iter().map(|channel| channel as i64 + 1).collect();
        Self { slot, machine, to: bus.map(Route::Bus), channels, controls, unknown }
    }
}

impl TryFrom<File> for InstrumentSlot {
    type Error = String;

    fn try_from(file: File) -> Result<Self, String> {
        let File { slot, machine, to, channels, controls, unknown } = file;
        let bus = match to {
            None => None,
            Some(Route::Bus(bus)) => Some(bus),
            Some(other) => {
                let number = slot + 1;
                return Err(format!(
                    "instrument {number}: to is {other}: it can be \"bus 1\" to \"bus {BUSES}\""
                ));
            }
        };
        let channel = |number: i64| {
            let channel = usize::try_from(number).ok().filter(|number| (1..=SONG_CHANNELS).contains(number));
            let refused = || {
                let own = slot + 1;
                format!("instrument {own}: channels has {number}: song channels are 1 to {SONG_CHANNELS}")
            };
            channel.map(|number| number - 1).ok_or_else(refused)
        };
        let channels = channels.into_iter().map(channel).collect::<Result<_, _>>()?;
        Ok(Self { slot, machine, bus, channels, controls, unknown })
    }
}

fn write_slot<S: Serializer>(slot: &usize, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(*slot as u64 + 1)
}

fn read_slot<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    let number = i64::deserialize(deserializer)?;
    let slot = usize::try_from(number).ok().filter(|number| (1..=KEYBOARD_SLOTS).contains(number));
    let refused =
        || D::Error::custom(format!("there is no instrument slot {number}: it can be 1 to {KEYBOARD_SLOTS}"));
    slot.map(|number| number - 1).ok_or_else(refused)
}

/// The first song channel that hands its notes over to two.
pub(super) fn handed_twice(instruments: &[InstrumentSlot]) -> Option<usize> {
    let mut channels = BTreeSet::new();
    instruments.iter().flat_map(|one| &one.channels).find(|&&channel| !channels.insert(channel)).copied()
}

/// The first slot that two entries claim.
pub(super) fn claimed_twice(instruments: &[InstrumentSlot]) -> Option<usize> {
    let mut slots = BTreeSet::new();
    instruments.iter().map(|instrument| instrument.slot).find(|&slot| !slots.insert(slot))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rack::Rack;

    fn read(text: &str) -> Result<InstrumentSlot, String> {
        toml::from_str(text).map_err(|error: toml::de::Error| error.to_string())
    }

    #[test]
    fn an_instrument_is_written_as_it_was_read() {
        let text = "slot = 2\nmachine = \"poly\"\nto = \"bus 3\"\nglow = 4\n\n[controls]\ncutoff = 800\nfilter = \"Band 12\"\n";
        let slot = read(text).unwrap();
        assert_eq!((slot.slot, slot.bus, slot.kind()), (1, Some(2), Some(InstrumentKind::Poly)));
        let again = toml::to_string(&slot).unwrap();
        assert_eq!(read(&again).unwrap(), slot);
        for line in ["slot = 2", "to = \"bus 3\"", "glow = 4", "cutoff = 800", "filter = \"Band 12\""] {
            assert!(again.lines().any(|written| written == line), "{line} is not in {again}");
        }
        let setup = slot.setup().unwrap();
        let at = |path| setup.controls[setup.kind.parameter_index(path).unwrap()];
        assert_eq!((at("cutoff"), at("filter"), at("sustain")), (800.0, 2.0, 70.0));
    }

    #[test]
    fn what_means_nothing_is_refused_with_what_is_allowed() {
        let refused = |text: &str| read(text).unwrap_err();
        assert!(
            refused("slot = 17\nmachine = \"poly\"").contains("no instrument slot 17: it can be 1 to 16")
        );
        let to = refused("slot = 1\nmachine = \"lead\"\nto = \"master\"");
        assert!(to.contains("instrument 1: to is master: it can be \"bus 1\" to \"bus 16\""), "{to}");
        let rack = |controls: &str| {
            let text = format!(
                "[version]\nmajor = 1\nminor = 0\n[[instruments]]\nslot = 3\nmachine = \"lead\"\n{controls}"
            );
            Rack::from_toml(&text).err().unwrap().to_string()
        };
        for (written, found) in [("\"wide\"", "\"wide\""), ("20001", "20001")] {
            let loud = rack(&format!("controls = {{ cutoff = {written} }}"));
            let said =
                format!("instrument 3: cutoff (Cutoff) is {found} on line 7: it can be 20 Hz to 20000 Hz");
            assert!(loud.ends_with(&said), "{loud}");
        }
        // A host's state is played as far as it can be.
        let far =
            read("slot = 1\nmachine = \"lead\"\ncontrols = { cutoff = 30000, level = -99, filter = 7 }")
                .unwrap();
        let setup = far.setup().unwrap();
        let at = |path| setup.controls[setup.kind.parameter_index(path).unwrap()];
        let filter = setup.kind.parameters()[setup.kind.parameter_index("filter").unwrap()].default;
        assert_eq!((at("cutoff"), at("level"), at("filter")), (20_000.0, -60.0, filter));
        // Unknown instruments and controls are kept.
        let newer = read("slot = 1\nmachine = \"organ\"\ncontrols = { pipes = 8 }").unwrap();
        assert_eq!(newer.controls.unknown(&[]).collect::<Vec<_>>(), ["pipes"]);
        assert!(newer.setup().is_none());
    }
}
