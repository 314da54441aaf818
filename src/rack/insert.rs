//! Machines on strips as a rack saves them: `strip = "bus 2"`, `slot = 1`, `machine = "reverb"`.
//!
//! Files count from 1, the library from 0. A convolution's impulse response may be a file beside a hand-written rack (`file =
//! "hall.wav"`); whatever is saved holds it byte for byte. So may a program in Faust (`file = "my.dsp"`), which is compiled as files
//! are read. Any thread but the audio thread.

use super::Controls;
use super::RackError;
use super::song::write_bytes;
use crate::engine::Insert;
use crate::engine::default_insert;
use crate::machine::Impulse;
use crate::machine::MachineKind;
use crate::machine::Program;
use crate::machine::ProgramError;
use crate::mixer::BUSES;
use crate::mixer::INSERTS;
use crate::mixer::MASTER;
use crate::mixer::STRIPS;
use crate::mixer::Unknown;
use crate::mixer::strip_name;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::Serializer;
use serde::de::Error;
use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

/// A machine in an insert slot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InsertSlot {
    /// Index of the strip: buses, returns, master.
    #[serde(serialize_with = "write_strip", deserialize_with = "read_strip")]
    pub strip: usize,
    /// Index of the slot.
    #[serde(serialize_with = "write_slot", deserialize_with = "read_slot")]
    pub slot: usize,
    /// Id of the machine; one that this version does not know is kept and not heard.
    pub machine: String,
    /// A sound file beside the rack, from the rack's folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// A convolution's impulse response: a sound file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impulse: Option<SoundFile>,
    /// What its controls are set to, where that is not their default.
    #[serde(default, skip_serializing_if = "Controls::is_empty")]
    pub controls: Controls,
    /// A program in Faust.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<ProgramFile>,
    /// What a newer version has added.
    #[serde(flatten)]
    pub unknown: Unknown,
}

impl InsertSlot {
    /// A machine by its id, strip and slot counted from 0.
    pub fn new(strip: usize, slot: usize, machine: impl Into<String>) -> Self {
        Self {
            strip,
            slot,
            machine: machine.into(),
            file: None,
            impulse: None,
            controls: Controls::default(),
            program: None,
            unknown: Unknown::default(),
        }
    }

    /// The machine, where this version knows it.
    pub fn kind(&self) -> Option<MachineKind> {
        MachineKind::from_id(&self.machine)
    }

    /// What the engine puts into the slot; nothing where this version does not know the machine.
    pub(super) fn setup(&self) -> Result<Option<Insert>, RackError> {
        let Some(machine) = self.kind() else { return Ok(None) };
        let controls = self.controls.further(machine);
        Ok(Some(Insert {
            strip: self.strip,
            slot: self.slot,
            machine,
            impulse: self.read_impulse()?,
            controls,
            program: self.compiled_program(),
        }))
    }

    /// Leaves out what need not be saved.
    pub(super) fn tidy(&mut self) {
        // A program has defaults of its own.
        if let Some(kind) = self.kind().filter(|kind| *kind != MachineKind::Program) {
            self.controls.tidy(kind.parameters());
        }
    }

    /// Where a macro of the slot stands as long as no parameter says so; nothing where it moves nothing.
    pub(super) fn macro_position(&self, control: usize) -> Option<f32> {
        let parameter = self.kind()?.parameters().get(control)?;
        let own = self.compiled_program().and_then(|program| program.parameters().get(control).copied());
        let default = || own.unwrap_or(*parameter).position_of(own.unwrap_or(*parameter).default);
        Some(self.controls.get(parameter).map_or_else(default, |value| parameter.position_of(value)))
    }

    /// The impulse response, decoded.
    pub(super) fn read_impulse(&self) -> Result<Option<Arc<Impulse>>, RackError> {
        let wanted = self.kind().is_some_and(MachineKind::takes_impulse);
        let Some(SoundFile { name, bytes }) = self.impulse.as_ref().filter(|_| wanted) else {
            return Ok(None);
        };
        let refused = |error| RackError::Impulse { name: name.clone(), error };
        Impulse::read(bytes).map(Some).map_err(refused)
    }

    /// The program, where the machine is one.
    fn own_program(&self) -> Option<&ProgramFile> {
        self.program.as_ref().filter(|_| self.kind() == Some(MachineKind::Program))
    }

    fn compiled_program(&self) -> Option<Arc<Program>> {
        self.own_program()?.compiled.as_ref()?.as_ref().ok().cloned()
    }

    /// Whether its program is still to be compiled.
    pub(super) fn is_uncompiled(&self) -> bool {
        self.own_program().is_some_and(|program| program.compiled.is_none())
    }

    /// Compiles its program. Takes its time.
    pub(super) fn compile(&mut self) {
        if self.is_uncompiled()
            && let Some(program) = &mut self.program
        {
            program.compiled = Some(Program::compile(&program.name, &program.text));
        }
    }

    /// Takes over what an equal program has been compiled to.
    pub(super) fn take_compiled(&mut self, others: &[Self]) {
        if let Some(program) = &mut self.program
            && let Some(equal) =
                others.iter().filter_map(|other| other.program.as_ref()).find(|other| *other == program)
        {
            program.compiled.clone_from(&equal.compiled);
        }
    }

    /// Why its program cannot be heard.
    pub(super) fn notice(&self) -> Option<ProgramNotice> {
        if self.kind() != Some(MachineKind::Program) {
            return None;
        }
        let (strip, slot) = (strip_name(self.strip), self.slot + 1);
        let Some(program) = &self.program else { return Some(ProgramNotice::Missing { strip, slot }) };
        let error = program.compiled.as_ref()?.as_ref().err()?.clone();
        Some(ProgramNotice::Broken { strip, slot, name: program.name.clone(), error })
    }

    /// A file that the machine needs and that is not in the rack.
    fn file_outside(&self) -> Option<&PathBuf> {
        let needs = |kind: MachineKind| kind.takes_impulse() || kind == MachineKind::Program;
        self.file.as_ref().filter(|_| self.kind().is_some_and(needs))
    }

    /// That such a file is to be read, and nobody says from where.
    pub(super) fn outside(&self) -> Option<RackError> {
        let file = self.file_outside()?.clone();
        Some(match self.kind() {
            Some(MachineKind::Program) => RackError::ProgramOutside { file },
            _ => RackError::ImpulseOutside { file },
        })
    }

    /// Takes a file beside the rack into it.
    pub(super) fn embed(&mut self, folder: Option<&Path>) -> Result<(), RackError> {
        if self.kind() == Some(MachineKind::Program) {
            return self.embed_program(folder);
        }
        let Some(file) = self.file_outside().cloned() else { return Ok(()) };
        if self.impulse.is_some() {
            return Err(RackError::ImpulseTwice { strip: strip_name(self.strip), slot: self.slot + 1 });
        }
        let folder = folder.ok_or_else(|| RackError::ImpulseOutside { file: file.clone() })?;
        let bytes = fs::read(folder.join(&file));
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let bytes = bytes.map_err(|error| RackError::ImpulseFile { file, error })?.into();
        (self.impulse, self.file) = (Some(SoundFile { name, bytes }), None);
        Ok(())
    }

    fn embed_program(&mut self, folder: Option<&Path>) -> Result<(), RackError> {
        let Some(file) = self.file_outside().cloned() else { return Ok(()) };
        if self.program.is_some() {
            return Err(RackError::ProgramTwice { strip: strip_name(self.strip), slot: self.slot + 1 });
        }
        let folder = folder.ok_or_else(|| RackError::ProgramOutside { file: file.clone() })?;
        let text = fs::read_to_string(folder.join(&file));
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let text = text.map_err(|error| RackError::ProgramFile { file, error })?;
        (self.program, self.file) = (Some(ProgramFile { name, text, compiled: None }), None);
        Ok(())
    }
}

/// A program in Faust inside a rack.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProgramFile {
    /// File name, for display and for errors.
    pub name: String,
    /// Its source.
    pub text: String,
    /// Nothing until files are read.
    #[serde(skip)]
    compiled: Option<Result<Arc<Program>, ProgramError>>,
}

impl PartialEq for ProgramFile {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, &self.text) == (&other.name, &other.text)
    }
}

/// Why a program in Faust is not heard.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProgramNotice {
    /// There is none.
    #[error("insert slot {slot} of {strip} has no program in Faust: name its `file`")]
    Missing {
        /// Name of the strip.
        strip: String,
        /// From 1.
        slot: usize,
    },
    /// It cannot be compiled.
    #[error("{name} in insert slot {slot} of {strip}: {error}")]
    Broken {
        /// Name of the strip.
        strip: String,
        /// From 1.
        slot: usize,
        /// File name.
        name: String,
        /// What is wrong, and where.
        error: ProgramError,
    },
}

/// A sound file inside a rack.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SoundFile {
    /// File name, for display and for saving it again.
    pub name: String,
    /// The file, byte for byte.
    #[serde(serialize_with = "write_bytes", deserialize_with = "read_bytes")]
    pub bytes: Arc<[u8]>,
}

impl fmt::Debug for SoundFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes)", self.name, self.bytes.len())
    }
}

fn read_bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<[u8]>, D::Error> {
    let bytes = BASE64.decode(String::deserialize(deserializer)?);
    bytes.map(Into::into).map_err(|error| D::Error::custom(format!("the sound file's bytes: {error}")))
}

fn write_strip<S: Serializer>(strip: &usize, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&strip_name(*strip).to_ascii_lowercase())
}

fn read_strip<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    let text = String::deserialize(deserializer)?;
    let wanted = text.trim();
    let named = (0..STRIPS).find(|&strip| strip_name(strip).eq_ignore_ascii_case(wanted));
    named.ok_or_else(|| {
        let returns = (BUSES..MASTER).map(strip_name).collect::<Vec<_>>().join("\", \"").to_ascii_lowercase();
        D::Error::custom(format!(
            "there is no strip {text:?}: it can be \"bus 1\" to \"bus {BUSES}\", \"{returns}\" or \"master\""
        ))
    })
}

fn write_slot<S: Serializer>(slot: &usize, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(*slot as u64 + 1)
}

fn read_slot<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    let number = i64::deserialize(deserializer)?;
    let slot = usize::try_from(number).ok().filter(|number| (1..=INSERTS).contains(number));
    let refused = || D::Error::custom(format!("there is no insert slot {number}: it can be 1 to {INSERTS}"));
    slot.map(|number| number - 1).ok_or_else(refused)
}

/// What a new instance has in its slots.
pub(super) fn default_inserts() -> Vec<InsertSlot> {
    let slots = (0..STRIPS).flat_map(|strip| (0..INSERTS).map(move |slot| (strip, slot)));
    slots
        .filter_map(|(strip, slot)| {
            default_insert(strip, slot).map(|kind| InsertSlot::new(strip, slot, kind.id()))
        })
        .collect()
}

/// The first slot that two machines claim.
pub(super) fn claimed_twice(inserts: &[InsertSlot]) -> Option<&InsertSlot> {
    let mut places = BTreeSet::new();
    inserts.iter().find(|insert| !places.insert((insert.strip, insert.slot)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<InsertSlot, toml::de::Error> {
        toml::from_str(text)
    }

    #[test]
    fn strips_and_slots_are_written_as_users_call_them() {
        for (strip, text) in
            [(0, "bus 1"), (15, "bus 16"), (16, "return 1"), (17, "return 2"), (18, "master")]
        {
            let insert = InsertSlot::new(strip, 3, "reverb");
            let written = toml::to_string(&insert).unwrap();
            assert_eq!(written, format!("strip = \"{text}\"\nslot = 4\nmachine = \"reverb\"\n"));
            assert!(read(&written).unwrap() == insert);
        }
    }

    #[test]
    fn places_that_do_not_exist_are_refused_with_those_that_do() {
        let refused = |strip: &str, slot: i64| {
            read(&format!("strip = {strip}\nslot = {slot}\nmachine = \"reverb\"")).unwrap_err().to_string()
        };
        let strips = "it can be \"bus 1\" to \"bus 16\", \"return 1\", \"return 2\" or \"master\"";
        let error = refused("\"bus 17\"", 1);
        assert!(
            error.contains("line 1") && error.contains(&format!("no strip \"bus 17\": {strips}")),
            "{error}"
        );
        for slot in [0, 5, -1] {
            let error = refused("\"bus 1\"", slot);
            let why = format!("there is no insert slot {slot}: it can be 1 to 4");
            assert!(error.contains("line 2") && error.contains(&why), "{error}");
        }
    }

    #[test]
    fn fields_of_newer_versions_survive() {
        let text = "strip = \"bus 2\"\nslot = 1\nmachine = \"reverb\"\nlevel = \"-inf dB\"\n";
        assert_eq!(toml::to_string(&read(text).unwrap()).unwrap(), text);
    }
}
