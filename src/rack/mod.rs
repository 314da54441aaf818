//! All that is saved: one type for the file on disk and for the host's state.
//!
//! On disk a rack is TOML with parameter values; in the host's state it is one text, base64 of zstd of JSON with the
//! version first, and parameter values stay with the host. Fields that this version does not know survive a load and a
//! save. Any thread but the audio thread.

mod controls;
mod ears;
mod insert;
mod instrument;
mod lane;
mod packed;
mod preset;
mod print;
mod recording;
pub mod render;
mod replace;
mod scene;
mod slots;
mod song;
mod stems;
mod tail;
mod take;
mod unknown;
mod values;
mod voice;

pub use controls::Controls;
pub use controls::WrongControl;
pub use ears::EarsFile;
pub use insert::InsertSlot;
pub use insert::ProgramFile;
pub use insert::ProgramNotice;
pub use insert::SoundFile;
pub use instrument::InstrumentSlot;
pub use lane::LaneFile;
pub use lane::LaneNotice;
pub use lane::LaneSlot;
pub use packed::PackedError;
pub use preset::INSTRUMENT_CLASS;
pub use preset::PresetError;
pub use preset::RACK_FIELD;
pub use recording::Recording;
pub use replace::ReplaceEntry;
pub use replace::ReplaceNotice;
pub use replace::Round;
pub use scene::SceneError;
pub use scene::scene;
pub use scene::track_of;
pub use song::Module;
pub use song::SPEEDS;
pub use song::SongTime;
pub use song::TEMPOS;
pub use stems::FurtherOutput;
pub use stems::StemGroup;
pub use stems::bus_stems;
pub use stems::channel_stems;
pub use stems::further_outputs;
pub use take::TakeFile;
pub use values::Values;
pub use voice::Random;
pub use voice::VoiceNotice;
pub use voice::VoiceSlot;

use crate::engine::ParameterSpec;
use crate::engine::ParameterValues;
use crate::engine::Setup;
use crate::engine::Target;
use crate::graph::GraphError;
use crate::lane::LaneSetup;
use crate::machine::ImpulseError;
use crate::mixer::Layout;
use crate::mixer::Routing;
use crate::mixer::Unknown;
use crate::mixer::strip_name;
use crate::space::EarsError;
use crate::tracker::Replaced;
use crate::tracker::Snapshots;
use crate::tracker::Song;
use crate::tracker::Timeline;
use crate::tracker::load::LoadError;
use crate::tracker::load::load;
use crate::units::Gain;
use crate::voice::Bank;
use insert::default_inserts;
use serde::Deserialize;
use serde::Serialize;
use song::read_song;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use thiserror::Error;

/// Versions of the rack format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// A rack with a newer one is refused.
    pub major: u16,
    /// A rack with a newer one loads, and what is unknown survives.
    pub minor: u16,
}

impl Version {
    /// Whether a rack of it may hold what this library does not know.
    pub fn is_newer(self) -> bool {
        (self.major, self.minor) > (VERSION.major, VERSION.minor)
    }

    fn refused(self) -> RackError {
        RackError::Newer { found: self.major, known: VERSION.major }
    }
}

/// The version that this library writes.
pub const VERSION: Version = Version { major: 1, minor: 0 };

/// What is special to the master.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Master {
    /// Ends in the true-peak limiter that looks ahead; every output is then later by its latency.
    #[serde(default)]
    pub look_ahead: bool,
    /// What a newer version has added.
    #[serde(flatten)]
    pub unknown: Unknown,
}

impl Master {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Everything that Busker saves.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Rack {
    /// First, so that a reader can refuse early.
    pub version: Version,
    /// Speed and tempo in place of the song's.
    #[serde(default, skip_serializing_if = "SongTime::is_default")]
    pub song_time: SongTime,
    /// Routes of the desk.
    #[serde(default)]
    pub routing: Routing,
    /// Whose ears hear what is in space, where not a dummy head's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ears: Option<EarsFile>,
    /// The end of the desk.
    #[serde(default, skip_serializing_if = "Master::is_default")]
    pub master: Master,
    /// What is recorded, once somebody starts that.
    #[serde(default, skip_serializing_if = "Recording::is_default")]
    pub recorder: Recording,
    /// Where chances start.
    #[serde(default, skip_serializing_if = "Random::is_default")]
    pub random: Random,
    /// Machines on the strips.
    #[serde(default = "default_inserts")]
    pub inserts: Vec<InsertSlot>,
    /// Instruments in slots of the keyboard.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub instruments: Vec<InstrumentSlot>,
    /// Values of parameters by id. Empty in the host's state.
    #[serde(default, skip_serializing_if = "Values::is_empty")]
    pub parameters: Values,
    /// What voices play.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub voices: Vec<VoiceSlot>,
    /// What lanes play.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lanes: Vec<LaneSlot>,
    /// What is played instead of the song's own samples.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replace: Vec<ReplaceEntry>,
    /// The song, if there is one; last in a file, since it is long.
    #[serde(default, deserialize_with = "read_song", skip_serializing_if = "Option::is_none")]
    pub song: Option<Module>,
    /// What a newer version has added.
    #[serde(flatten)]
    pub unknown: Unknown,
}

impl Default for Rack {
    fn default() -> Self {
        Self {
            version: VERSION,
            song_time: SongTime::default(),
            routing: Routing::default(),
            ears: None,
            master: Master::default(),
            recorder: Recording::default(),
            random: Random::default(),
            inserts: default_inserts(),
            instruments: Vec::new(),
            parameters: Values::default(),
            voices: Vec::new(),
            lanes: Vec::new(),
            replace: Vec::new(),
            song: None,
            unknown: Unknown::default(),
        }
    }
}

/// Why a rack cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RackError {
    /// Written by a newer Busker.
    #[error("the rack has version {found}, this Busker reads up to {known}: update Busker")]
    Newer {
        /// Major version of the rack.
        found: u16,
        /// Major version of this library.
        known: u16,
    },
    /// The host's state is damaged.
    #[error("the saved state is damaged: {0}")]
    Packed(#[from] PackedError),
    /// The file is no rack.
    #[error("not a rack file: {0}")]
    Toml(#[from] toml::de::Error),
    /// The module inside cannot be loaded.
    #[error("the rack's module {name}: {error}")]
    Module {
        /// Of the module.
        name: String,
        /// What is wrong with it.
        error: LoadError,
    },
    /// The module beside the rack cannot be read.
    #[error("the rack's song {}: {error}", file.display())]
    SongFile {
        /// As the rack names it, from the rack's own folder.
        file: PathBuf,
        /// Why not.
        error: std::io::Error,
    },
    /// The module is not in the rack, and nobody can say which folder it lies in.
    #[error("the rack's song is the file {}: open the rack from its own file", file.display())]
    SongOutside {
        /// As the rack names it.
        file: PathBuf,
    },
    /// The impulse response inside cannot be used.
    #[error("the rack's impulse response {name} {error}")]
    Impulse {
        /// Of its file.
        name: String,
        /// What is wrong with it.
        error: ImpulseError,
    },
    /// The impulse response beside the rack cannot be read.
    #[error("the rack's impulse response {}: {error}", file.display())]
    ImpulseFile {
        /// As the rack names it, from the rack's own folder.
        file: PathBuf,
        /// Why not.
        error: std::io::Error,
    },
    /// The impulse response is not in the rack, and nobody can say which folder it lies in.
    #[error("the rack's impulse response is the file {}: open the rack from its own file", file.display())]
    ImpulseOutside {
        /// As the rack names it.
        file: PathBuf,
    },
    /// No ears can be fitted to the file beside the rack.
    #[error("the rack's ears {name}: {error}")]
    Ears {
        /// Of its file.
        name: String,
        /// What is wrong with it.
        error: EarsError,
    },
    /// The file of ears beside the rack cannot be read.
    #[error("the rack's ears {}: {error}", file.display())]
    EarsFile {
        /// As the rack names it, from the rack's own folder.
        file: PathBuf,
        /// Why not.
        error: std::io::Error,
    },
    /// The ears are not in the rack, and nobody can say which folder their file lies in.
    #[error("the rack's ears are the file {}: open the rack from its own file", file.display())]
    EarsOutside {
        /// As the rack names it.
        file: PathBuf,
    },
    /// The program beside the rack cannot be read.
    #[error("the rack's Faust program {}: {error}", file.display())]
    ProgramFile {
        /// As the rack names it.
        file: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The program is not in the rack, and nobody can say which folder it lies in.
    #[error("the rack's Faust program is the file {}: open the rack from its own file", file.display())]
    ProgramOutside {
        /// As the rack names it.
        file: PathBuf,
    },
    /// Two programs for one machine.
    #[error("insert slot {slot} of {strip} has both a `program` and a `file`: leave one of them out")]
    ProgramTwice {
        /// Name of the strip.
        strip: String,
        /// From 1.
        slot: usize,
    },
    /// Two impulse responses for one machine.
    #[error("insert slot {slot} of {strip} has both an `impulse` and a `file`: leave one of them out")]
    ImpulseTwice {
        /// Name of the strip.
        strip: String,
        /// From 1.
        slot: usize,
    },
    /// A machine's control cannot be set so.
    #[error("the rack's {0}")]
    Control(Box<WrongControl>),
    /// Two machines in one place.
    #[error("the rack has two machines in insert slot {slot} of {strip}: leave one of them out")]
    SlotTwice {
        /// Name of the strip.
        strip: String,
        /// From 1.
        slot: usize,
    },
    /// Two instruments that play one song channel.
    #[error("song channel {channel} hands its notes over to two instruments: leave one of them out")]
    HandedTwice {
        /// From 1.
        channel: usize,
    },
    /// Two instruments in one slot.
    #[error("the rack has two instruments in slot {slot}: leave one of them out")]
    InstrumentTwice {
        /// From 1.
        slot: usize,
    },
    /// Two entries for one slot.
    #[error("the rack has voice slot {slot} twice: leave one of them out")]
    VoiceTwice {
        /// From 1.
        slot: usize,
    },
    /// Two entries for one lane.
    #[error("the rack has lane {lane} twice: leave one of them out")]
    LaneTwice {
        /// From 1.
        lane: usize,
    },
    /// Two replacements for one thing.
    #[error("the rack replaces {what} twice: leave one of them out")]
    ReplacedTwice {
        /// Of the song.
        what: Replaced,
    },
    /// A replacement for something that the song does not have.
    #[error("the rack replaces {what}, but {module} has {there}: choose one that `busker info` lists")]
    NoSuchSample {
        /// Of the song.
        what: Replaced,
        /// Name of the song's file.
        module: String,
        /// What it has.
        there: String,
    },
    /// A number that means nothing.
    #[error("the rack's {field} is {found}: it can be {least} to {most}")]
    OutOfRange {
        /// Where it stands.
        field: &'static str,
        /// What stands there.
        found: i64,
        /// The lowest that means something.
        least: i64,
        /// The highest.
        most: i64,
    },
    /// The routing cannot run.
    #[error("the rack's routing: {0}")]
    Routing(#[from] GraphError),
}

impl Rack {
    /// The rack of a new instance: the project's own demo song.
    pub fn demo() -> Self {
        let bytes: &[u8] = include_bytes!("demo.it");
        Self { song: Some(Module { name: "demo.it".to_owned(), bytes: bytes.into() }), ..Self::default() }
    }

    /// Reads the text of a `.busker.toml` file that holds its song, if it has one.
    pub fn from_toml(text: &str) -> Result<Self, RackError> {
        Self::from_toml_in(text, None)
    }

    /// Reads the text of a `.busker.toml` file; a song and recordings beside it are read from its folder. What recordings
    /// are missing, [`Rack::notices`] tells.
    pub fn from_toml_in(text: &str, folder: Option<&Path>) -> Result<Self, RackError> {
        let mut rack: Self = toml::from_str(text).map_err(|error| match toml::from_str(text) {
            Ok(Head { version: Some(version), .. }) if version.major > VERSION.major => version.refused(),
            _ => error.into(),
        })?;
        if let (None, Some(file)) = (&rack.song, toml::from_str(text).ok().and_then(Head::file)) {
            let folder = folder.ok_or_else(|| RackError::SongOutside { file: file.clone() })?;
            let song = Module::read(&folder.join(&file));
            rack.song = Some(song.map_err(|error| RackError::SongFile { file, error })?);
        }
        rack.inserts.iter_mut().try_for_each(|insert| insert.embed(folder))?;
        rack.ears.iter_mut().try_for_each(|ears| ears.embed(folder))?;
        rack.find_files(folder);
        let rack = rack.checked()?;
        match WrongControl::first(&rack.inserts, &rack.instruments) {
            Some(wrong) => Err(RackError::Control(Box::new(wrong.in_file(text)))),
            None => Ok(rack),
        }
    }

    /// Text of a `.busker.toml` file.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string(self)
    }

    /// Reads the text of the host's state.
    pub fn unpack(text: &str) -> Result<Self, RackError> {
        let mut rack = Self::unpack_unread(text)?;
        rack.read_files();
        Ok(rack)
    }

    /// The same without touching a file. Recordings of voices and replacements that are not inside may be long: until
    /// [`Rack::read_files`] they are silent, and nothing is said of them. Lanes play what lies where the state says.
    pub fn unpack_unread(text: &str) -> Result<Self, RackError> {
        packed::unpack(text)?.checked()
    }

    /// Whether recordings are still to be found or read.
    pub fn is_unread(&self) -> bool {
        self.is_undecoded() || self.lanes.iter().flat_map(|lane| &lane.takes).any(LaneFile::is_unread)
    }

    /// Whether recordings of voices or replacements are, or programs are still to be compiled.
    pub(crate) fn is_undecoded(&self) -> bool {
        let replaced = self.replace.iter().map(|entry| &entry.take);
        let takes = self.voices.iter().flat_map(|voice| &voice.takes).chain(replaced);
        takes.into_iter().any(TakeFile::is_unread) || self.inserts.iter().any(InsertSlot::is_uncompiled)
    }

    /// Finds recordings that are not inside, and reads and decodes those of voices and replacements; compiles programs. May take
    /// long.
    pub fn read_files(&mut self) {
        self.find_files(None);
    }

    /// Text for the host's state; parameter values are left out.
    pub fn pack(&self) -> Result<String, PackedError> {
        let lanes = lane::located(&self.lanes);
        let mut inserts = self.inserts.clone();
        for insert in &mut inserts {
            insert.controls = std::mem::take(&mut insert.controls).without_macros(insert.kind());
        }
        packed::pack(&Self { parameters: Values::default(), lanes, inserts, ..self.clone() })
    }

    /// Finds recordings that are not inside, and reads those that are not played from disk.
    fn find_files(&mut self, folder: Option<&Path>) {
        let takes = voice::takes(&mut self.voices).chain(replace::takes(&mut self.replace));
        take::find_all(takes, folder);
        lane::find_takes(&mut self.lanes, folder);
        self.inserts.iter_mut().for_each(InsertSlot::compile);
    }

    /// Takes over what programs have been compiled to in a copy of this rack.
    pub fn take_compiled(&mut self, from: &Self) {
        self.inserts.iter_mut().for_each(|insert| insert.take_compiled(&from.inserts));
    }

    fn checked(mut self) -> Result<Self, RackError> {
        if self.version.major > VERSION.major {
            return Err(self.version.refused());
        }
        if let Some(twice) = insert::claimed_twice(&self.inserts) {
            return Err(RackError::SlotTwice { strip: strip_name(twice.strip), slot: twice.slot + 1 });
        }
        self.inserts.iter_mut().for_each(InsertSlot::tidy);
        self.instruments.iter_mut().for_each(InstrumentSlot::tidy);
        if let Some(twice) = instrument::claimed_twice(&self.instruments) {
            return Err(RackError::InstrumentTwice { slot: twice + 1 });
        }
        if let Some(twice) = instrument::handed_twice(&self.instruments) {
            return Err(RackError::HandedTwice { channel: twice + 1 });
        }
        // From here on the desk's own routes say where they go.
        for instrument in &mut self.instruments {
            if let (Some(bus), Some(way)) =
                (instrument.bus.take(), self.routing.keyboard.get_mut(instrument.slot))
            {
                way.bus = Some(bus);
            }
        }
        if let Some(twice) = voice::claimed_twice(&self.voices) {
            return Err(RackError::VoiceTwice { slot: twice + 1 });
        }
        if let Some(twice) = replace::claimed_twice(&self.replace) {
            return Err(RackError::ReplacedTwice { what: twice });
        }
        if let Some(error) = self.inserts.iter().find_map(InsertSlot::outside) {
            return Err(error);
        }
        if let Some(error) = self.ears.as_ref().and_then(EarsFile::outside) {
            return Err(error);
        }
        if let Some(twice) = lane::claimed_twice(&self.lanes) {
            return Err(RackError::LaneTwice { lane: twice + 1 });
        }
        self.song_time.pace()?;
        Ok(self)
    }

    /// Fields, parameters and machines that stand in it and that this version does not know, by their paths
    /// (`routing.buses.3.chanels`). The rack keeps them all the same.
    pub fn unknown_fields(&self) -> Vec<String> {
        unknown::fields(self)
    }

    /// What of its recordings is missing, has changed or cannot be played. The rack loads and keeps it all the same. Those of
    /// lanes are not decoded for it: what is wrong in them a worker finds while they play.
    pub fn notices(&self) -> Vec<Notice> {
        let voices = voice::notices(&self.voices).map(Notice::Voice);
        let voices = voices.chain(replace::notices(&self.replace).map(Notice::Replace));
        let lanes = lane::notices(&self.lanes).into_iter().map(Notice::Lane);
        voices
            .chain(lanes)
            .chain(self.inserts.iter().filter_map(InsertSlot::notice).map(Notice::Program))
            .chain(self.has_empty_room().then_some(Notice::EmptyRoom))
            .collect()
    }

    /// Whether nothing is in its room.
    fn has_empty_room(&self) -> bool {
        self.routing.room.is_some() && !self.routing_with_voices().has_space()
    }

    /// Plays a recording instead of one of the song's samples or instruments, in place of what else was to be played there.
    /// What is wrong with the file is said in words.
    pub fn replace_by(&mut self, what: Replaced, file: &Path) -> Result<(), String> {
        let path = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
        self.replace_by_take(what, TakeFile::read(&path).map_err(|error| error.to_string())?)
    }

    /// The same with a recording that has been read.
    pub fn replace_by_take(&mut self, what: Replaced, take: TakeFile) -> Result<(), String> {
        let take = replace::playable(take)?;
        match self.replace.iter_mut().find(|entry| entry.what == what) {
            Some(entry) => entry.take = take,
            None => self.replace.push(ReplaceEntry::new(what, take)),
        }
        Ok(())
    }

    /// Changes a voice slot, which is no longer there where it then says nothing.
    pub fn change_voice(&mut self, slot: usize, change: impl FnOnce(&mut VoiceSlot)) {
        let place = self.voices.iter().position(|voice| voice.slot == slot);
        let mut voice = place.map_or_else(|| VoiceSlot::new(slot), |place| self.voices.remove(place));
        change(&mut voice);
        if voice != VoiceSlot::new(slot) {
            self.voices.insert(place.unwrap_or(self.voices.len()), voice);
        }
    }

    /// The same of a lane.
    pub fn change_lane(&mut self, lane: usize, change: impl FnOnce(&mut LaneSlot)) {
        let place = self.lanes.iter().position(|slot| slot.lane == lane);
        let mut slot = place.map_or_else(|| LaneSlot::new(lane), |place| self.lanes.remove(place));
        change(&mut slot);
        if slot != LaneSlot::new(lane) {
            self.lanes.insert(place.unwrap_or(self.lanes.len()), slot);
        }
    }

    /// The same rack with another song. Replacements belong to the song: they stay only where its file is called the same, as
    /// a newer version of it is, or where there was none, and where it has what they replace.
    pub fn with_song(self, song: Module) -> Self {
        let same = self.song.as_ref().is_none_or(|old| old.name == song.name);
        let loaded = (same && !self.replace.is_empty()).then(|| load(&song.bytes).ok()).flatten();
        let mut replace = self.replace;
        replace.retain(|entry| loaded.as_ref().is_some_and(|song| replace::has(song, entry.what)));
        Self { song: Some(song), replace, ..self }
    }

    /// Loads what the rack names, for [`Worker::apply`](crate::engine::Worker::apply).
    pub fn setup(&self, layout: &Layout) -> Result<Setup, RackError> {
        self.routing.compile(layout)?;
        let pace = self.song_time.pace()?;
        let song = self.song.as_ref().map(|module| {
            let refused = |error| RackError::Module { name: module.name.clone(), error };
            let mut song = load(&module.bytes).map_err(refused)?;
            replace::apply(&mut song, &module.name, &self.replace)?;
            Ok::<_, RackError>(song.at_pace(pace).share())
        });
        let song = song.transpose()?;
        let (trim, snapshots) = song.as_ref().map_or((Gain::UNITY, None), prepare);
        Ok(Setup {
            song,
            trim,
            snapshots,
            routing: self.routing_with_voices(),
            ears: self.ears.as_ref().and_then(|ears| ears.ears().cloned()),
            inserts: self.insert_setups()?,
            instruments: self.instrument_setups(),
            voices: self.voice_bank(),
            lanes: self.lane_setups(),
        })
    }

    /// The routes, with what voice slots say of space.
    pub(crate) fn routing_with_voices(&self) -> Routing {
        Routing { voices: voice::in_space(&self.voices), ..self.routing.clone() }
    }

    /// What of a setup are its voices.
    pub(crate) fn voice_bank(&self) -> Arc<Bank> {
        Arc::new(voice::bank(self.random.seed as u64, &self.voices))
    }

    /// What of a setup are its lanes.
    pub(crate) fn lane_setups(&self) -> Vec<LaneSetup> {
        lane::setups(self.random.seed as u64, &self.lanes)
    }

    /// Sets every parameter: to the rack's value, or where it has none to the default.
    pub fn apply_parameters(&self, table: &[ParameterSpec], values: &ParameterValues) {
        for (index, spec) in table.iter().enumerate() {
            let value = self.parameters.get(&spec.id);
            values.set(index, value.unwrap_or_else(|| self.default_of(spec)));
        }
    }

    /// What a parameter is without a value: a macro what the rack's machine or instrument says of its control, or as it comes.
    pub(crate) fn default_of(&self, spec: &ParameterSpec) -> f32 {
        if let Target::InstrumentMacro { slot, control } = spec.target {
            let instrument = self.instruments.iter().find(|instrument| instrument.slot == slot);
            let position = instrument.and_then(|instrument| {
                let parameter = instrument.kind()?.parameters().get(control)?;
                Some(parameter.position_of(instrument.value(parameter)))
            });
            return position.unwrap_or_else(|| spec.kind.default_value());
        }
        let Target::InsertMacro { strip, slot, control } = spec.target else {
            return spec.kind.default_value();
        };
        let insert = self.inserts.iter().find(|insert| (insert.strip, insert.slot) == (strip, slot));
        let position = insert.and_then(|insert| insert.macro_position(control));
        position.unwrap_or_else(|| spec.kind.default_value())
    }
}

/// What cannot be heard as a rack says.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Notice {
    /// Of a voice.
    #[error(transparent)]
    Voice(VoiceNotice),
    /// Of a replacement.
    #[error(transparent)]
    Replace(ReplaceNotice),
    /// Of a lane.
    #[error(transparent)]
    Lane(LaneNotice),
    /// Of a program in Faust.
    #[error(transparent)]
    Program(ProgramNotice),
    /// Nothing is in the room.
    #[error(
        "nothing is heard of `routing.room`, for nothing is in space: give a bus or another source a table `space`"
    )]
    EmptyRoom,
}

/// What of a rack's file is looked at beside the rack itself.
#[derive(Deserialize)]
struct Head {
    version: Option<Version>,
    song: Option<SongHead>,
}

#[derive(Deserialize)]
struct SongHead {
    file: Option<PathBuf>,
}

impl Head {
    fn file(self) -> Option<PathBuf> {
        self.song?.file
    }
}

/// What takes longest of a song that is opened, on two threads at once.
fn prepare(song: &Arc<Song>) -> (Gain, Option<Arc<Snapshots>>) {
    let timeline = Timeline::of(song);
    let snapshots = thread::scope(|scope| {
        // Where there is no second thread to be had, the level is found after the snapshots.
        let _ = thread::Builder::new().spawn_scoped(scope, || timeline.default_trim());
        Snapshots::of(song)
    });
    (timeline.default_trim(), Some(snapshots))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tracker::Position;

    fn rack() -> Rack {
        let song = Some(Module { name: "a.mod".to_owned(), bytes: vec![0, 1, 254, 255].into() });
        let mut rack = Rack { song, ..Rack::default() };
        rack.routing.song_channels[3] = Some(7);
        rack.song_time.tempo = Some(140);
        rack.parameters.insert("b01g", f32::NEG_INFINITY);
        rack
    }

    #[test]
    fn a_rack_survives_its_file_and_the_hosts_state() {
        let rack = rack();
        let text = rack.to_toml().unwrap();
        assert!(Rack::from_toml(&text).unwrap() == rack, "{text}");
        let packed = Rack::unpack(&rack.pack().unwrap()).unwrap();
        assert_eq!(packed.song_time, rack.song_time);
        assert!(packed.song == rack.song && packed.routing == rack.routing && packed.parameters.is_empty());
    }

    #[test]
    fn unknown_fields_survive_and_missing_ones_take_defaults() {
        let text =
            "version = { major = 1, minor = 9 }\n[space]\nsize = 3\n[song_time]\nspeed = 4\nswing = 0.5\n";
        let rack = Rack::from_toml(text).unwrap();
        assert!(rack.routing == Routing::default());
        let again = Rack::unpack(&rack.pack().unwrap()).unwrap();
        let again = Rack::from_toml(&again.to_toml().unwrap()).unwrap();
        assert_eq!((&again.unknown.0["space"]["size"], again.song_time.speed), (&3.into(), Some(4)));
        assert_eq!(again.song_time.unknown.0["swing"], 0.5);
    }

    const HEAD: &str = "version = { major = 1, minor = 0 }\n";

    #[test]
    fn unknown_fields_survive_at_the_top_in_inserts_and_among_parameters_after_a_state_too() {
        let text = format!(
            "{HEAD}size = -inf\n[master]\nlook_ahead = true\nwidth = 2\n[[inserts]]\nstrip = \"bus 3\"\nslot = 2\n\
             machine = \"toaster\"\nheat = 3\n[parameters]\nzzz1 = \"4 s\"\nb01g = -6\n"
        );
        let rack = Rack::from_toml(&text).unwrap();
        let mut state = Rack::unpack(&rack.pack().unwrap()).unwrap();
        state.parameters = rack.parameters.clone();
        let written = state.to_toml().unwrap();
        let again = Rack::from_toml(&written).unwrap();
        assert!(again == rack, "{written}");
        assert!(
            again.master.look_ahead
                && again.inserts
                    == [{
                        let mut insert = InsertSlot::new(2, 1, "toaster");
                        insert.unknown.0.insert("heat".to_owned(), 3.into());
                        insert
                    }]
        );
        for line in ["size = \"-inf\"", "width = 2", "zzz1 = \"4 s\"", "b01g = \"-6 dB\""] {
            assert!(written.lines().any(|written| written == line), "{line} is not in {written}");
        }
    }

    #[test]
    fn levels_that_only_toml_can_hold_survive_a_state_in_every_table() {
        let text = format!(
            "{HEAD}[routing]\nglue = -inf\n[routing.buses.2]\nwarmth = nan\n\
             to = [{{ to = \"output 2\", delay = -inf }}]\n\
             [recorder]\nsplit = inf\ntaps = [{{ source = \"bus 2\", floor = -inf }}]\n"
        );
        let rack = Rack::from_toml(&text).unwrap();
        let state = Rack::unpack(&rack.pack().unwrap()).unwrap();
        assert!(state == rack);
        let written = state.to_toml().unwrap();
        for field in
            ["glue = \"-inf\"", "warmth = \"NaN\"", "delay = \"-inf\"", "split = \"inf\"", "floor = \"-inf\""]
        {
            assert!(written.contains(field), "{field} is not in {written}");
        }
        assert!(Rack::from_toml(&written).unwrap() == rack);
    }

    #[test]
    fn a_song_beside_the_rack_is_read_from_the_racks_folder_and_saved_inside() {
        let text = format!("{HEAD}song = {{ file = \"demo.it\" }}\n");
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/rack");
        let rack = Rack::from_toml_in(&text, Some(&folder)).unwrap();
        assert!(rack.song == Rack::demo().song);
        assert!(Rack::from_toml(&rack.to_toml().unwrap()).unwrap().song == rack.song);
        let refused = |text: &str, folder| Rack::from_toml_in(text, folder).err().unwrap().to_string();
        let nowhere = refused(&text, None);
        assert_eq!(nowhere, "the rack's song is the file demo.it: open the rack from its own file");
        let absent = refused(&text.replace("demo", "absent"), Some(&folder));
        assert!(absent.starts_with("the rack's song absent.it: "), "{absent}");
        for (song, why) in [
            ("name = \"a.it\"", "neither `bytes` nor a `file`"),
            ("file = \"demo.it\", bytes = \"AAAA\"", "both `bytes` and a `file`"),
            ("bytes = \"%\"", "the song's bytes: "),
        ] {
            let error = refused(&format!("{HEAD}song = {{ {song} }}\n"), Some(&folder));
            assert!(error.contains("line 2") && error.contains(why), "{error}");
        }
    }

    #[test]
    fn two_machines_in_one_slot_are_refused() {
        let insert = "[[inserts]]\nstrip = \"return 1\"\nslot = 2\nmachine = \"reverb\"\n";
        let error = Rack::from_toml(&format!("{HEAD}{insert}{insert}")).err().unwrap().to_string();
        assert_eq!(error, "the rack has two machines in insert slot 2 of Return 1: leave one of them out");
    }

    #[test]
    fn a_pace_that_no_song_can_have_is_refused_with_its_name_and_range() {
        let with = |line: &str| {
            Rack::from_toml(&format!("version = {{ major = 1, minor = 0 }}\n[song_time]\n{line}"))
        };
        let refused = |line: &str| with(line).err().map(|error| error.to_string());
        let range = "it can be 32 to 255";
        assert_eq!(refused("tempo = 31"), Some(format!("the rack's song_time.tempo is 31: {range}")));
        assert_eq!(
            refused("tempo = 99999999999"),
            Some(format!("the rack's song_time.tempo is 99999999999: {range}"))
        );
        assert_eq!(
            refused("speed = 0"),
            Some("the rack's song_time.speed is 0: it can be 1 to 255".to_owned())
        );
        for line in ["tempo = 32", "tempo = 255", "speed = 1", "speed = 255"] {
            assert_eq!(refused(line), None, "{line}");
        }
    }

    #[test]
    fn the_song_runs_at_the_racks_pace_from_its_first_tick_to_its_last() {
        let layout = Layout::default();
        let mut rack = Rack::demo();
        rack.song_time = SongTime { speed: Some(4), tempo: Some(150), ..SongTime::default() };
        let song = rack.setup(&layout).unwrap().song.unwrap();
        let timeline = Timeline::of(&song);
        assert!(timeline.ticks().iter().all(|tick| (tick.speed, tick.tempo) == (4, 150)));
        let own = Rack::demo().setup(&layout).unwrap().song.unwrap();
        let rows = |ticks: &[Position]| ticks.iter().filter(|tick| tick.tick == 0).count();
        assert_eq!(rows(timeline.ticks()), rows(Timeline::of(&own).ticks()));
        let seconds = rows(timeline.ticks()) as f64 * 4.0 * 2.5 / 150.0;
        assert!((timeline.seconds() - seconds).abs() < 1e-6, "{} {seconds}", timeline.seconds());
        // Another pace is another song to all who share it, and the same pace the same.
        assert!(!Arc::ptr_eq(&song, &own));
        assert!(Arc::ptr_eq(&song, &rack.setup(&layout).unwrap().song.unwrap()));
    }

    #[test]
    fn the_demo_song_loads() {
        assert!(Rack::demo().setup(&Layout::default()).unwrap().song.is_some());
    }

    #[test]
    fn a_newer_major_version_is_refused() {
        let error = Rack::from_toml("version = { major = 2, minor = 0 }").err().unwrap();
        assert_eq!(error.to_string(), "the rack has version 2, this Busker reads up to 1: update Busker");
        // Even where it says things that this version cannot read.
        let text = "version = { major = 2, minor = 0 }\nrouting = 3\n";
        assert!(matches!(Rack::from_toml(text), Err(RackError::Newer { found: 2, .. })));
    }

    #[test]
    fn a_module_that_cannot_be_loaded_is_named() {
        let error = rack().setup(&Layout::default()).err().unwrap();
        assert!(error.to_string().starts_with("the rack's module a.mod: "), "{error}");
    }

    /// A WAV file of a few taps.
    fn wav() -> Vec<u8> {
        let spec = hound::WavSpec {
            channels: 2,
            sample_rate: 44_100,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut bytes = std::io::Cursor::new(Vec::new());
        let mut writer = hound::WavWriter::new(&mut bytes, spec).unwrap();
        (1..41).for_each(|n| writer.write_sample(20_000i16 / n).unwrap());
        writer.finalize().unwrap();
        bytes.into_inner()
    }

    #[test]
    fn an_impulse_response_beside_the_rack_is_saved_inside_it() {
        let folder = std::env::temp_dir().join(format!("busker-impulse-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("hall.wav"), wav()).unwrap();
        std::fs::write(folder.join("noise.wav"), b"no sound at all").unwrap();
        let text = |file: &str| {
            let place = "strip = \"return 2\"\nslot = 1\nmachine = \"convolution\"";
            format!("{HEAD}[[inserts]]\n{place}\nfile = \"{file}\"\n")
        };
        let layout = Layout { main_input: 0, sidechain: 2, outputs: vec![2] };
        let rack = Rack::from_toml_in(&text("hall.wav"), Some(&folder)).unwrap();
        let impulse = |rack: &Rack| rack.setup(&layout).unwrap().inserts[0].impulse.clone().unwrap();
        let expected = impulse(&rack);
        for again in [Rack::from_toml(&rack.to_toml().unwrap()), Rack::unpack(&rack.pack().unwrap())] {
            let again = again.unwrap();
            assert!(again.inserts == rack.inserts && Arc::ptr_eq(&impulse(&again), &expected));
        }
        let refused = |text: &str, folder| Rack::from_toml_in(text, folder).err().unwrap().to_string();
        let nowhere = refused(&text("hall.wav"), None);
        assert_eq!(
            nowhere,
            "the rack's impulse response is the file hall.wav: open the rack from its own file"
        );
        let absent = refused(&text("absent.wav"), Some(&folder));
        assert!(absent.starts_with("the rack's impulse response absent.wav: "), "{absent}");
        let both = format!("{}impulse = {{ name = \"a.wav\", bytes = \"\" }}\n", text("hall.wav"));
        assert!(refused(&both, Some(&folder)).contains("leave one of them out"));
        let noise = Rack::from_toml_in(&text("noise.wav"), Some(&folder)).unwrap();
        let error = noise.setup(&layout).err().unwrap().to_string();
        assert!(error.starts_with("the rack's impulse response noise.wav cannot be read ("), "{error}");
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_room_that_nothing_is_in_is_told() {
        let notices = |text: &str| Rack::from_toml(&format!("{HEAD}{text}")).unwrap().notices();
        assert_eq!(notices("[routing.room]\n"), [Notice::EmptyRoom]);
        assert_eq!(notices("[routing.room]\n[routing.buses.3.space]\n"), []);
        assert_eq!(notices("[routing.buses.3.space]\n"), []);
    }

    #[test]
    fn macros_without_a_value_leave_a_machine_as_it_comes() {
        let table = crate::engine::table();
        let values = ParameterValues::new(&table);
        let mut rack = Rack::default();
        rack.inserts.push(InsertSlot::new(4, 2, "convolution"));
        let at = |wanted: usize| {
            let target = Target::InsertMacro { strip: 4, slot: 2, control: wanted };
            table.iter().position(|spec| spec.target == target).unwrap()
        };
        rack.parameters.insert(&table[at(1)].id, 0.25);
        rack.apply_parameters(&table, &values);
        let mix = values.get(at(0));
        assert_eq!((mix, values.get(at(1)), values.get(at(7))), (1.0, 0.25, 0.5));
        let state: serde_json::Value = serde_json::from_slice(&rack.host_state(&table).unwrap()).unwrap();
        assert_eq!(state["params"][&table[at(0)].id]["f32"], 1.0, "{state}");
    }
}
