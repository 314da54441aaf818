//! A rack's song: the module's file and the pace it is to run at.
//!
//! In a hand-written rack a module may be a file beside it; whatever is saved holds it byte for byte. Any thread but
//! the audio thread.

use super::RackError;
use crate::mixer::Unknown;
use crate::tracker::song::FixedPace;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::Serializer;
use serde::de::Error;
use std::fs;
use std::ops::RangeInclusive;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

/// A module inside a rack.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Module {
    /// File name, for display and for saving it again.
    pub name: String,
    /// The file, byte for byte.
    #[serde(serialize_with = "write_bytes")]
    pub bytes: Arc<[u8]>,
}

impl Module {
    /// Reads a module's file.
    pub fn read(path: &Path) -> std::io::Result<Self> {
        let bytes = fs::read(path)?.into();
        Ok(Self { name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(), bytes })
    }
}

pub(super) fn write_bytes<S: Serializer>(bytes: &Arc<[u8]>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&BASE64.encode(bytes))
}

/// A song as a rack may name it.
#[derive(Deserialize)]
struct Saved {
    name: Option<String>,
    bytes: Option<String>,
    file: Option<PathBuf>,
}

/// A song that is in the rack; one that is beside it is left out.
pub(super) fn read_song<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Module>, D::Error> {
    let Some(saved) = Option::<Saved>::deserialize(deserializer)? else { return Ok(None) };
    let Some(bytes) = saved.bytes else {
        let absent = || D::Error::custom("the song has neither `bytes` nor a `file`");
        return saved.file.map(|_| None).ok_or_else(absent);
    };
    if saved.file.is_some() {
        return Err(D::Error::custom("the song has both `bytes` and a `file`: leave one of them out"));
    }
    let bytes =
        BASE64.decode(bytes).map_err(|error| D::Error::custom(format!("the song's bytes: {error}")))?;
    Ok(Some(Module { name: saved.name.unwrap_or_default(), bytes: bytes.into() }))
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
    pub unknown: Unknown,
}

/// Speeds and tempos that a song can be given.
pub const SPEEDS: RangeInclusive<i64> = 1..=255;
/// See [`SPEEDS`].
pub const TEMPOS: RangeInclusive<i64> = 32..=255;

impl SongTime {
    pub(super) fn is_default(&self) -> bool {
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
