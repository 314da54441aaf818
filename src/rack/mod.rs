//! All that is saved: one type for the file on disk and for the host's state.
//!
//! On disk a rack is TOML with parameter values; in the host's state it is one text, base64 of zstd of JSON with the
//! version first, and parameter values stay with the host. Fields that this version does not know survive a load and a
//! save. Any thread but the audio thread.

mod packed;
mod preset;
pub mod render;

pub use packed::PackedError;
pub use preset::INSTRUMENT_CLASS;
pub use preset::RACK_FIELD;

use crate::engine::Insert;
use crate::engine::ParameterSpec;
use crate::engine::ParameterValues;
use crate::engine::Setup;
use crate::engine::default_insert;
use crate::graph::GraphError;
use crate::machine::MachineKind;
use crate::mixer::INSERTS;
use crate::mixer::Layout;
use crate::mixer::Routing;
use crate::mixer::STRIPS;
use crate::tracker::Snapshots;
use crate::tracker::Song;
use crate::tracker::Timeline;
use crate::tracker::load::LoadError;
use crate::tracker::load::load;
use crate::tracker::song::FixedPace;
use crate::units::Gain;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::Serializer;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
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

/// The version that this library writes.
pub const VERSION: Version = Version { major: 1, minor: 0 };

/// A module inside a rack.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Module {
    /// File name, for display and for saving it again.
    pub name: String,
    /// The file, byte for byte.
    #[serde(serialize_with = "write_bytes", deserialize_with = "read_bytes")]
    pub bytes: Arc<[u8]>,
}

fn write_bytes<S: Serializer>(bytes: &Arc<[u8]>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&BASE64.encode(bytes))
}

fn read_bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<[u8]>, D::Error> {
    let text = String::deserialize(deserializer)?;
    BASE64.decode(text).map(Into::into).map_err(serde::de::Error::custom)
}

/// A machine in an insert slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InsertSlot {
    /// Index of the strip: buses, returns, master.
    pub strip: usize,
    /// Index of the slot.
    pub slot: usize,
    /// Id of the machine; one that this version does not know is kept and not heard.
    pub machine: String,
}

/// How the song runs, where that is no parameter.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SongTime {
    /// Ticks a row, 1 to 255, in place of the module's own and its commands'.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed: Option<i64>,
    /// BPM, 32 to 255, in place of the module's own and its commands'.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tempo: Option<i64>,
    /// What a newer version has added.
    #[serde(flatten)]
    pub unknown: BTreeMap<String, serde_json::Value>,
}

/// Speeds and tempos that a song can be given.
pub const SPEEDS: RangeInclusive<i64> = 1..=255;
/// See [`SPEEDS`].
pub const TEMPOS: RangeInclusive<i64> = 32..=255;

impl SongTime {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// What it asks of the song.
    pub fn pace(&self) -> Result<FixedPace, RackError> {
        let within = |field: &'static str, found: Option<i64>, range: RangeInclusive<i64>| {
            let byte = |found: i64| u8::try_from(found).ok().filter(|_| range.contains(&found));
            let checked = |found| {
                let (least, most) = (*range.start(), *range.end());
                byte(found).ok_or(RackError::OutOfRange { field, found, least, most })
            };
            found.map(checked).transpose()
        };
        Ok(FixedPace {
            speed: within("song_time.speed", self.speed, SPEEDS)?,
            tempo: within("song_time.tempo", self.tempo, TEMPOS)?,
        })
    }
}

/// Everything that Busker saves.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Rack {
    /// First, so that a reader can refuse early.
    pub version: Version,
    /// The song, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub song: Option<Module>,
    /// Speed and tempo in place of the song's.
    #[serde(default, skip_serializing_if = "SongTime::is_default")]
    pub song_time: SongTime,
    /// Routes of the desk.
    #[serde(default)]
    pub routing: Routing,
    /// Machines on the strips.
    #[serde(default = "default_inserts")]
    pub inserts: Vec<InsertSlot>,
    /// Plain values by parameter id; levels of silence are `-inf`. Empty in the host's state.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, f32>,
    /// What a newer version has added.
    #[serde(flatten)]
    pub unknown: BTreeMap<String, serde_json::Value>,
}

fn default_inserts() -> Vec<InsertSlot> {
    let slots = (0..STRIPS).flat_map(|strip| (0..INSERTS).map(move |slot| (strip, slot)));
    slots
        .filter_map(|(strip, slot)| {
            default_insert(strip, slot).map(|kind| InsertSlot { strip, slot, machine: kind.id().to_owned() })
        })
        .collect()
}

impl Default for Rack {
    fn default() -> Self {
        Self {
            version: VERSION,
            song: None,
            song_time: SongTime::default(),
            routing: Routing::default(),
            inserts: default_inserts(),
            parameters: BTreeMap::new(),
            unknown: BTreeMap::new(),
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

    /// Reads the text of a `.busker.toml` file.
    pub fn from_toml(text: &str) -> Result<Self, RackError> {
        toml::from_str::<Self>(text)?.checked()
    }

    /// Text of a `.busker.toml` file.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string(self)
    }

    /// Reads the text of the host's state.
    pub fn unpack(text: &str) -> Result<Self, RackError> {
        packed::unpack(text)?.checked()
    }

    /// Text for the host's state; parameter values are left out.
    pub fn pack(&self) -> Result<String, PackedError> {
        packed::pack(&Self { parameters: BTreeMap::new(), ..self.clone() })
    }

    fn checked(self) -> Result<Self, RackError> {
        if self.version.major > VERSION.major {
            return Err(RackError::Newer { found: self.version.major, known: VERSION.major });
        }
        self.song_time.pace()?;
        Ok(self)
    }

    /// Loads what the rack names, for [`Worker::apply`](crate::engine::Worker::apply).
    pub fn setup(&self, layout: &Layout) -> Result<Setup, RackError> {
        self.routing.compile(layout)?;
        let pace = self.song_time.pace()?;
        let song = self.song.as_ref().map(|module| {
            load(&module.bytes)
                .map(|song| song.at_pace(pace).share())
                .map_err(|error| RackError::Module { name: module.name.clone(), error })
        });
        let song = song.transpose()?;
        let inserts = self.inserts.iter().filter_map(|insert| {
            let machine = MachineKind::from_id(&insert.machine)?;
            Some(Insert { strip: insert.strip, slot: insert.slot, machine })
        });
        let (trim, snapshots) = song.as_ref().map_or((Gain::UNITY, None), prepare);
        Ok(Setup { song, trim, snapshots, routing: self.routing.clone(), inserts: inserts.collect() })
    }

    /// Sets every parameter: to the rack's value, or where it has none to the default.
    pub fn apply_parameters(&self, table: &[ParameterSpec], values: &ParameterValues) {
        for (index, spec) in table.iter().enumerate() {
            let value = self.parameters.get(&spec.id).copied();
            values.set(index, value.unwrap_or_else(|| spec.kind.default_value()));
        }
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
        rack.routing.song_channels[3] = 7;
        rack.song_time.tempo = Some(140);
        rack.parameters.insert("b01g".to_owned(), f32::NEG_INFINITY);
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
        assert_eq!((&again.unknown["space"]["size"], again.song_time.speed), (&3.into(), Some(4)));
        assert_eq!(again.song_time.unknown["swing"], 0.5);
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
    }

    #[test]
    fn a_module_that_cannot_be_loaded_is_named() {
        let error = rack().setup(&Layout::default()).err().unwrap();
        assert!(error.to_string().starts_with("the rack's module a.mod: "), "{error}");
    }
}
