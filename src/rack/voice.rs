//! Voice slots as a rack saves them: `slot = 3`, `takes = ["kick.wav"]`, `play = "gate"`, and what differs from the default.
//!
//! Files count from 1, the library from 0; frames are those of the recording and count from 0. What means nothing is refused
//! with what is allowed. Any thread but the audio thread.

use super::take::TakeFile;
use super::take::Trouble;
use crate::engine::LEVEL_MAX;
use crate::mixer::BUSES;
use crate::mixer::NoteSpace;
use crate::mixer::Route;
use crate::mixer::Unknown;
use crate::sample::Interpolation;
use crate::units::Decibels;
use crate::units::Semitones;
use crate::voice::Bank;
use crate::voice::CHOKE_GROUPS;
use crate::voice::Play;
use crate::voice::SLOTS;
use crate::voice::Slot;
use crate::voice::Take;
use crate::voice::VOICES;
use serde::Deserialize;
use serde::Serialize;
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::PathBuf;
use thiserror::Error;

/// One slot. Real-time code never sees it: [`bank`] makes what that plays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "File", into = "File")]
pub struct VoiceSlot {
    /// Index of the slot.
    pub slot: usize,
    /// For display.
    pub name: String,
    /// Recordings, of which one is chosen for each voice.
    pub takes: Vec<TakeFile>,
    /// Of every voice, at most +12 dB.
    pub gain: Decibels,
    /// -1 left to 1 right.
    pub pan: f32,
    /// Above the recordings' own.
    pub pitch: Semitones,
    /// A chance for each voice moves its pitch by up to so much, up or down.
    pub pitch_range: Semitones,
    /// How long a voice sounds.
    pub play: Play,
    /// Frames that go round; all where empty.
    pub looped: Range<usize>,
    /// Frame that voices begin with.
    pub start: usize,
    /// Milliseconds in which a released voice fades.
    pub release_ms: f32,
    /// Index of the choke group.
    pub choke: Option<u8>,
    /// Higher ones are not taken away for lower ones.
    pub priority: u8,
    /// Voices at once.
    pub limit: usize,
    /// What stands between two frames.
    pub interpolation: Interpolation,
    /// Index of the bus, unless the slot is in space.
    pub bus: usize,
    /// Where it is there, its voices go into space, each by itself, and to no bus.
    pub space: Option<NoteSpace>,
    /// What a newer version has added.
    pub unknown: Unknown,
}

impl VoiceSlot {
    /// An empty slot.
    pub fn new(slot: usize) -> Self {
        Self {
            slot,
            name: String::new(),
            takes: Vec::new(),
            gain: Decibels(0.0),
            pan: 0.0,
            pitch: Semitones(0.0),
            pitch_range: Semitones(0.0),
            play: Play::OneShot,
            looped: 0..0,
            start: 0,
            release_ms: 0.0,
            choke: None,
            priority: 0,
            limit: VOICES,
            interpolation: Interpolation::Cubic,
            bus: 0,
            space: None,
            unknown: Unknown::default(),
        }
    }

    fn settings(&self) -> Slot {
        Slot {
            // Others are drawn as if one that is missing were there.
            takes: self.takes.iter().map(|take| take.take().unwrap_or_else(Take::missing)).collect(),
            gain: self.gain.into(),
            pan: self.pan,
            pitch: self.pitch,
            pitch_range: self.pitch_range,
            play: self.play,
            looped: self.looped.clone(),
            start: self.start,
            release_s: self.release_ms / 1000.0,
            choke: self.choke,
            priority: self.priority,
            limit: self.limit,
            interpolation: self.interpolation,
            bus: self.bus,
        }
    }
}

/// What of a rack's voices cannot be heard as it should be; the rack keeps it all the same.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum VoiceNotice {
    /// Neither where the rack says nor near it.
    #[error("voice {slot}: the take {} was not found", file.display())]
    Missing {
        /// From 1.
        slot: usize,
        /// As the rack names it.
        file: PathBuf,
    },
    /// Another file lies in its place, and is played.
    #[error("voice {slot}: the take {} has changed since the rack was saved", file.display())]
    Changed {
        /// From 1.
        slot: usize,
        /// Where it lies.
        file: PathBuf,
    },
    /// It cannot be played.
    #[error("voice {slot}: the take {name}: {error}")]
    Undecodable {
        /// From 1.
        slot: usize,
        /// Of the take's file.
        name: String,
        /// What is wrong with it.
        error: String,
    },
}

/// What is to be said of all takes.
pub(super) fn notices(voices: &[VoiceSlot]) -> impl Iterator<Item = VoiceNotice> {
    let takes = voices.iter().flat_map(|voice| voice.takes.iter().map(move |take| (voice.slot + 1, take)));
    takes.filter_map(|(slot, take)| {
        Some(match take.trouble()? {
            Trouble::Missing(file) => VoiceNotice::Missing { slot, file: file.to_owned() },
            Trouble::Changed(file) => VoiceNotice::Changed { slot, file: file.to_owned() },
            Trouble::Undecodable(error) => {
                VoiceNotice::Undecodable { slot, name: take.name().to_owned(), error: error.to_string() }
            }
        })
    })
}

/// Recordings that are to be read.
pub(super) fn takes(voices: &mut [VoiceSlot]) -> impl Iterator<Item = &mut TakeFile> {
    voices.iter_mut().flat_map(|voice| &mut voice.takes)
}

/// What the engine plays.
pub(super) fn bank(seed: u64, voices: &[VoiceSlot]) -> Bank {
    Bank::new(seed, voices.iter().map(|voice| (voice.slot, voice.settings())))
}

/// The slots in space up to the last one.
pub(super) fn in_space(voices: &[VoiceSlot]) -> Vec<Option<NoteSpace>> {
    let mut slots = Vec::new();
    for voice in voices.iter().filter(|voice| voice.space.is_some()) {
        slots.resize(slots.len().max(voice.slot + 1), None);
        slots[voice.slot] = voice.space.clone(); // there is room now
    }
    slots
}

/// The first slot that two entries claim.
pub(super) fn claimed_twice(voices: &[VoiceSlot]) -> Option<usize> {
    let mut slots = BTreeSet::new();
    voices.iter().map(|voice| voice.slot).find(|&slot| !slots.insert(slot))
}

/// Where chances start.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Random {
    /// The same gives the same takes and pitches.
    #[serde(default)]
    pub seed: i64,
    /// What a newer version has added.
    #[serde(flatten)]
    pub unknown: Unknown,
}

impl Random {
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// A level as a number of decibels or as a text with or without its unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Level {
    Number(f64),
    Text(String),
}

impl Level {
    pub(super) fn of(level: Decibels) -> Self {
        if level.0.is_finite() { Self::Number(wide(level.0)) } else { Self::Text("-inf dB".to_owned()) }
    }

    /// As a file says it.
    pub(super) fn found(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => format!("{text:?}"),
        }
    }

    /// What it can be, in words.
    pub(super) fn allowed() -> String {
        format!("\"-inf dB\" to \"{} dB\", or a number of decibels", LEVEL_MAX.0)
    }

    pub(super) fn decibels(&self) -> Option<Decibels> {
        let number = match self {
            Self::Number(number) => *number,
            Self::Text(text) => {
                let text = text.trim();
                let bare = text.strip_suffix("dB").or_else(|| text.strip_suffix("db")).unwrap_or(text);
                bare.trim().parse().ok()?
            }
        };
        Some(Decibels(number as f32)).filter(|level| level.0 <= LEVEL_MAX.0) // NaN is not
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum PlayName {
    #[default]
    OneShot,
    Gate,
    Loop,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum InterpolationName {
    None,
    Linear,
    #[default]
    Cubic,
    Sinc,
}

/// A slot as it is written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct File {
    slot: i64,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    gain: Option<Level>,
    #[serde(default, skip_serializing_if = "is_zero")]
    pan: f64,
    #[serde(default, skip_serializing_if = "is_zero")]
    pitch: f64,
    #[serde(default, skip_serializing_if = "is_zero")]
    pitch_range: f64,
    #[serde(default, skip_serializing_if = "is_default")]
    play: PlayName,
    #[serde(default, rename = "loop", skip_serializing_if = "Option::is_none")]
    looped: Option<[i64; 2]>,
    #[serde(default, skip_serializing_if = "is_default")]
    start: i64,
    /// Milliseconds.
    #[serde(default, skip_serializing_if = "is_zero")]
    release: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    choke: Option<i64>,
    #[serde(default, skip_serializing_if = "is_default")]
    priority: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    voices: Option<i64>,
    #[serde(default, skip_serializing_if = "is_default")]
    interpolation: InterpolationName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bus: Option<Route>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    space: Option<NoteSpace>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    takes: Vec<TakeFile>,
    #[serde(flatten)]
    unknown: Unknown,
}

pub(super) fn is_zero(number: &f64) -> bool {
    *number == 0.0
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Shortest decimal that is the same float, so that files do not fill with digits.
pub(super) fn wide(number: f32) -> f64 {
    number.to_string().parse().unwrap_or(number.into())
}

impl From<VoiceSlot> for File {
    fn from(voice: VoiceSlot) -> Self {
        let frame = |frame: usize| i64::try_from(frame).unwrap_or(i64::MAX);
        Self {
            slot: frame(voice.slot + 1),
            name: voice.name,
            gain: (voice.gain.0 != 0.0).then(|| Level::of(voice.gain)),
            pan: wide(voice.pan),
            pitch: wide(voice.pitch.0),
            pitch_range: wide(voice.pitch_range.0),
            play: match voice.play {
                Play::OneShot => PlayName::OneShot,
                Play::Gate => PlayName::Gate,
                Play::Loop => PlayName::Loop,
            },
            looped: (!voice.looped.is_empty()).then(|| [voice.looped.start, voice.looped.end].map(frame)),
            start: frame(voice.start),
            release: wide(voice.release_ms),
            choke: voice.choke.map(|group| i64::from(group) + 1),
            priority: voice.priority.into(),
            voices: (voice.limit != VOICES).then(|| frame(voice.limit)),
            interpolation: match voice.interpolation {
                Interpolation::None => InterpolationName::None,
                Interpolation::Linear => InterpolationName::Linear,
                Interpolation::Cubic => InterpolationName::Cubic,
                Interpolation::Sinc => InterpolationName::Sinc,
            },
            bus: (voice.bus != 0).then_some(Route::Bus(voice.bus)),
            space: voice.space,
            takes: voice.takes,
            unknown: voice.unknown,
        }
    }
}

/// A value of a slot that means nothing.
#[derive(Debug, Error)]
#[error("voice {slot}: {field} is {found}: it can be {allowed}")]
struct Refused {
    slot: i64,
    field: &'static str,
    found: String,
    allowed: String,
}

impl File {
    fn refused(&self, field: &'static str, found: impl ToString, allowed: impl ToString) -> Refused {
        Refused { slot: self.slot, field, found: found.to_string(), allowed: allowed.to_string() }
    }

    fn whole(&self, field: &'static str, found: i64, allowed: Range<usize>) -> Result<usize, Refused> {
        let within = usize::try_from(found).ok().filter(|found| allowed.contains(found));
        within.ok_or_else(|| self.refused(field, found, format!("{} to {}", allowed.start, allowed.end - 1)))
    }

    fn number(&self, field: &'static str, found: f64, (least, most): (f64, f64)) -> Result<f32, Refused> {
        let within = (least..=most).contains(&found); // NaN is not
        within.then_some(found as f32).ok_or_else(|| self.refused(field, found, format!("{least} to {most}")))
    }
}

/// Frames of a recording, at most.
const FRAMES: usize = i32::MAX as usize;

impl TryFrom<File> for VoiceSlot {
    type Error = String;

    fn try_from(file: File) -> Result<Self, String> {
        read(file).map_err(|refused| refused.to_string())
    }
}

fn read(file: File) -> Result<VoiceSlot, Refused> {
    let gain = match &file.gain {
        None => Decibels(0.0),
        Some(level) => {
            level.decibels().ok_or_else(|| file.refused("gain", level.found(), Level::allowed()))?
        }
    };
    let looped = match file.looped {
        None => 0..0,
        Some([start, end]) => {
            let end = file.whole("loop's end", end, 1..FRAMES + 1)?;
            file.whole("loop's start", start, 0..end)?..end
        }
    };
    let bus = match file.bus {
        None => 0,
        Some(Route::Bus(bus)) => bus,
        Some(other) => return Err(file.refused("bus", other, format!("\"bus 1\" to \"bus {BUSES}\""))),
    };
    let choke = file.choke.map(|group| file.whole("choke", group, 1..CHOKE_GROUPS + 1)).transpose()?;
    Ok(VoiceSlot {
        slot: file.whole("slot", file.slot, 1..SLOTS + 1)? - 1,
        gain,
        pan: file.number("pan", file.pan, (-1.0, 1.0))?,
        pitch: Semitones(file.number("pitch", file.pitch, (-96.0, 96.0))?),
        pitch_range: Semitones(file.number("pitch_range", file.pitch_range, (0.0, 48.0))?),
        play: match file.play {
            PlayName::OneShot => Play::OneShot,
            PlayName::Gate => Play::Gate,
            PlayName::Loop => Play::Loop,
        },
        looped,
        start: file.whole("start", file.start, 0..FRAMES)?,
        release_ms: file.number("release", file.release, (0.0, 60_000.0))?,
        choke: choke.map(|group| group as u8 - 1),
        priority: file.whole("priority", file.priority, 0..256)? as u8,
        limit: file.voices.map_or(Ok(VOICES), |limit| file.whole("voices", limit, 1..VOICES + 1))?,
        interpolation: match file.interpolation {
            InterpolationName::None => Interpolation::None,
            InterpolationName::Linear => Interpolation::Linear,
            InterpolationName::Cubic => Interpolation::Cubic,
            InterpolationName::Sinc => Interpolation::Sinc,
        },
        bus,
        space: file.space,
        name: file.name,
        takes: file.takes,
        unknown: file.unknown,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<VoiceSlot, String> {
        toml::from_str(text).map_err(|error: toml::de::Error| error.to_string())
    }

    #[test]
    fn a_file_holds_only_what_differs_and_unknown_fields_survive() {
        assert_eq!(toml::to_string(&VoiceSlot::new(4)).unwrap(), "slot = 5\n");
        let text = "slot = 128\nname = \"Rain\"\ngain = -6.5\npan = -0.3\npitch = 7.02\npitch_range = 0.5\nplay = \"loop\"\n\
                    loop = [100, 48000]\nstart = 20\nrelease = 250.0\nchoke = 16\npriority = 3\nvoices = 2\n\
                    interpolation = \"sinc\"\nbus = \"bus 16\"\nmood = \"calm\"\n\n[space]\nazimuth = -120.0\nspread = 30.0\nhalo = 2\n\n[[takes]]\nfile = \"a.wav\"\n";
        let voice = read(text).unwrap();
        assert_eq!(
            (voice.slot, voice.choke, voice.bus, voice.looped.clone()),
            (127, Some(15), 15, 100..48_000)
        );
        assert_eq!((voice.gain, voice.release_ms, voice.limit), (Decibels(-6.5), 250.0, 2));
        let written = toml::to_string(&voice).unwrap();
        assert_eq!(read(&written).unwrap(), voice, "{written}");
        let lines = |text: &str| {
            text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect::<BTreeSet<_>>()
        };
        assert_eq!(lines(&written), lines(text));
        let json = serde_json::to_string(&voice).unwrap();
        assert_eq!(serde_json::from_str::<VoiceSlot>(&json).unwrap(), voice);
    }

    #[test]
    fn levels_are_numbers_or_texts() {
        let gain = |text: &str| read(&format!("slot = 1\ngain = {text}")).map(|voice| voice.gain.0);
        assert_eq!(
            [gain("-6"), gain("\"-6 dB\""), gain("\"-inf dB\"")],
            [Ok(-6.0), Ok(-6.0), Ok(f32::NEG_INFINITY)]
        );
        let silent = VoiceSlot { gain: Decibels(f32::NEG_INFINITY), ..VoiceSlot::new(0) };
        assert_eq!(read(&toml::to_string(&silent).unwrap()).unwrap(), silent);
    }

    #[test]
    fn what_means_nothing_is_refused_with_what_is_allowed() {
        for (text, why) in [
            ("slot = 0", "voice 0: slot is 0: it can be 1 to 128"),
            ("slot = 129", "slot is 129: it can be 1 to 128"),
            ("slot = 3\nchoke = 17", "voice 3: choke is 17: it can be 1 to 16"),
            ("slot = 1\nvoices = 0", "voices is 0: it can be 1 to 1024"),
            ("slot = 1\npan = nan", "pan is NaN: it can be -1 to 1"),
            ("slot = 1\ngain = 13", "gain is 13: it can be \"-inf dB\" to \"12 dB\""),
            ("slot = 1\ngain = \"loud\"", "gain is \"loud\": it can be"),
            ("slot = 1\nloop = [5, 5]", "loop's start is 5: it can be 0 to 4"),
            ("slot = 1\nbus = \"master\"", "bus is master: it can be \"bus 1\" to \"bus 16\""),
            ("slot = 1\nbus = \"bus 17\"", "'bus 17' does not exist"),
            ("slot = 1\nspace = { elevation = 91 }", "elevation is 91: it can be -90 to 90"),
            ("slot = 1\nplay = \"twice\"", "unknown variant `twice`"),
            ("takes = []", "missing field `slot`"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
