//! What a rack plays instead of a song's own samples: `sample = 3`, `file = "kick.wav"`, and what differs from the default.
//!
//! Files count from 1, as editors do; the module stays as it is. Recordings are saved as the takes of voices are. What cannot be
//! found or played is said, and the module's own is heard. Any thread but the audio thread.

use super::RackError;
use super::take::Saved;
use super::take::TakeFile;
use super::take::Trouble;
use super::voice::Level;
use super::voice::is_zero;
use super::voice::wide;
use crate::audio::AudioSource;
use crate::mixer::Unknown;
use crate::sample::SampleData;
use crate::sample::SampleLoop;
use crate::tracker::Replaced;
use crate::tracker::Replacement;
use crate::tracker::Song;
use crate::tracker::song::Format;
use crate::tracker::song::Loop;
use crate::units::Decibels;
use crate::units::Gain;
use serde::Deserialize;
use serde::Serialize;
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use thiserror::Error;

/// The key that plays a recording at its own rate: C-5 in Impulse Tracker, C-4 elsewhere and in MIDI.
const MIDDLE: u8 = 60;
/// Keys of a song.
const KEYS: usize = 120;

/// What goes round in a replacement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Round {
    /// What the file says, if it says something.
    #[default]
    AsFile,
    /// Nothing.
    Never,
    /// What the file says, or else all of it.
    Always,
    /// These frames, clipped to the file's.
    Frames(SampleLoop),
}

/// A recording in place of one of a song's samples or instruments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "File", into = "File")]
pub struct ReplaceEntry {
    /// What of the song is replaced.
    pub what: Replaced,
    /// The recording.
    pub take: TakeFile,
    /// Key (0 to 119, 60 is the middle one) that plays it at its own rate.
    pub root: u8,
    /// Semitones by which all keys sound higher.
    pub tune: f32,
    /// Of the recording, at most +12 dB.
    pub gain: Decibels,
    /// What of it goes round.
    pub round: Round,
    /// Default volume, 0 to 64, in place of the module's.
    pub volume: Option<u8>,
    /// Default panning, -1 left to 1 right, in place of the module's.
    pub pan: Option<f32>,
    /// Whether the module's automatic vibrato stays.
    pub vibrato: bool,
    /// What a newer version has added.
    pub unknown: Unknown,
}

impl ReplaceEntry {
    /// A recording that is played as its file says.
    pub fn new(what: Replaced, take: TakeFile) -> Self {
        Self {
            what,
            take,
            root: MIDDLE,
            tune: 0.0,
            gain: Decibels(0.0),
            round: Round::AsFile,
            volume: None,
            pan: None,
            vibrato: true,
            unknown: Unknown::default(),
        }
    }

    /// What the song is to play; `None` where the recording is missing or of no use.
    fn replacement(&self, format: Format) -> Option<Replacement> {
        let take = self.take.take()?;
        let data = prepared(take.data(), self.gain.into(), format);
        Some(Replacement {
            sample_loop: self.sample_loop(data.frames()),
            data,
            rate: take.rate(),
            transpose: f64::from(MIDDLE) - f64::from(self.root) + f64::from(self.tune),
            volume: self.volume,
            panning: self.pan.map(|pan| libm::roundf((pan + 1.0) * 128.0) as u16), // 0 to 256
            vibrato: self.vibrato,
        })
    }

    fn sample_loop(&self, frames: usize) -> Option<Loop> {
        let all = SampleLoop { frames: 0..frames, ping_pong: false };
        let round = match &self.round {
            Round::Never => None,
            Round::AsFile => self.take.wav_loop().cloned(),
            Round::Always => Some(self.take.wav_loop().cloned().unwrap_or(all)),
            Round::Frames(round) => Some(round.clone()),
        };
        let frame = |frame: usize| u32::try_from(frame).unwrap_or(u32::MAX);
        let SampleLoop { frames: Range { start, end }, ping_pong } = round?;
        Some(Loop { start: frame(start), end: frame(end), ping_pong })
    }

    fn notice(&self) -> Option<ReplaceNotice> {
        let what = self.what;
        match self.take.trouble() {
            Some(Trouble::Missing(file)) => Some(ReplaceNotice::Missing { what, file: file.to_owned() }),
            Some(Trouble::Undecodable(error)) => {
                let (name, error) = (self.take.name().to_owned(), error.to_string());
                Some(ReplaceNotice::Undecodable { what, name, error })
            }
            Some(Trouble::Changed(file)) => Some(ReplaceNotice::Changed { what, file: file.to_owned() }),
            None => None,
        }
    }
}

/// The frames of one or two channels as a song of `format` can play them: Amigas, whose voices are left or right, hear the sum.
fn prepared(data: &Arc<SampleData>, gain: Gain, format: Format) -> Arc<SampleData> {
    let channels = data.channels();
    let summed = channels == 2 && format == Format::Mod;
    if gain == Gain::UNITY && !summed {
        return Arc::clone(data);
    }
    let read = |channel: u16| (0..data.frames()).map(move |frame| gain.0 * data.read_f32(channel, frame));
    let planes: Box<[Box<[f32]>]> = match summed {
        true => [read(0).zip(read(1)).map(|(left, right)| (left + right) / 2.0).collect()].into(),
        false => (0..channels).map(|channel| read(channel).collect()).collect(),
    };
    SampleData::Float(planes).intern()
}

/// What of a rack's replacements cannot be heard as it should be; the rack keeps it all the same.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReplaceNotice {
    /// Neither where the rack says nor near it.
    #[error(
        "{what}: {} was not found, so the module's own is heard: put the file there or beside the rack",
        file.display()
    )]
    Missing {
        /// Of the song.
        what: Replaced,
        /// As the rack names it.
        file: PathBuf,
    },
    /// Another file lies in its place, and is played.
    #[error("{what}: {} has changed since the rack was saved", file.display())]
    Changed {
        /// Of the song.
        what: Replaced,
        /// Where it lies.
        file: PathBuf,
    },
    /// It cannot be played.
    #[error("{what}: {name}: {error}; the module's own is heard: export the file anew")]
    Undecodable {
        /// Of the song.
        what: Replaced,
        /// Of the file.
        name: String,
        /// What is wrong with it.
        error: String,
    },
}

pub(super) fn notices(entries: &[ReplaceEntry]) -> impl Iterator<Item = ReplaceNotice> {
    entries.iter().filter_map(ReplaceEntry::notice)
}

/// Plays all that can be played in place of what `song` has. Whole instruments stand above samples that they play.
pub(super) fn apply(song: &mut Song, module: &str, entries: &[ReplaceEntry]) -> Result<(), RackError> {
    let mut entries: Vec<_> = entries.iter().collect();
    entries.sort_by_key(|entry| entry.what);
    for entry in entries {
        if !has(song, entry.what) {
            let module = module.to_owned();
            return Err(RackError::NoSuchSample { what: entry.what, module, there: there(song, entry.what) });
        }
        if let Some(replacement) = entry.replacement(song.format) {
            song.replace(entry.what, &replacement); // it is there
        }
    }
    Ok(())
}

/// Whether a song has such a number.
pub(super) fn has(song: &Song, what: Replaced) -> bool {
    match what {
        Replaced::Sample(index) => index < song.samples.len(),
        Replaced::Instrument(index) if song.instruments.is_empty() => index < song.samples.len(),
        Replaced::Instrument(index) => index < song.instruments.len(),
    }
}

fn there(song: &Song, what: Replaced) -> String {
    let (count, kind) = match what {
        Replaced::Instrument(_) if !song.instruments.is_empty() => (song.instruments.len(), "instruments"),
        Replaced::Sample(_) | Replaced::Instrument(_) => (song.samples.len(), "samples"),
    };
    match count {
        0 => format!("no {kind}"),
        count => format!("{kind} 1 to {count}"),
    }
}

/// What two entries claim.
pub(super) fn claimed_twice(entries: &[ReplaceEntry]) -> Option<Replaced> {
    let mut claimed = BTreeSet::new();
    entries.iter().map(|entry| entry.what).find(|&what| !claimed.insert(what))
}

/// Recordings that are to be read.
pub(super) fn takes(entries: &mut [ReplaceEntry]) -> impl Iterator<Item = &mut TakeFile> {
    entries.iter_mut().map(|entry| &mut entry.take)
}

/// An entry as it is written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct File {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sample: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    instrument: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    root: Option<i64>,
    /// Semitones.
    #[serde(default, skip_serializing_if = "is_zero")]
    tune: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    gain: Option<Level>,
    #[serde(default, rename = "loop", skip_serializing_if = "Option::is_none")]
    looped: Option<LoopFile>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    volume: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pan: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    vibrato: Option<bool>,
    #[serde(flatten)]
    take: Saved,
}

/// `true`, `false` or frames from 0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "loop can be true, false, or { start = 0, end = 1000 } with ping_pong = true")]
enum LoopFile {
    Switch(bool),
    Frames {
        start: i64,
        end: i64,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        ping_pong: bool,
    },
}

impl From<ReplaceEntry> for File {
    fn from(entry: ReplaceEntry) -> Self {
        let number = |index: usize| i64::try_from(index).unwrap_or(i64::MAX);
        let (sample, instrument) = match entry.what {
            Replaced::Sample(index) => (Some(number(index + 1)), None),
            Replaced::Instrument(index) => (None, Some(number(index + 1))),
        };
        let mut take = Saved::from(&entry.take);
        take.unknown = entry.unknown;
        Self {
            sample,
            instrument,
            root: (entry.root != MIDDLE).then(|| entry.root.into()),
            tune: wide(entry.tune),
            gain: (entry.gain.0 != 0.0).then(|| Level::of(entry.gain)),
            looped: match entry.round {
                Round::AsFile => None,
                Round::Never => Some(LoopFile::Switch(false)),
                Round::Always => Some(LoopFile::Switch(true)),
                Round::Frames(SampleLoop { frames, ping_pong }) => {
                    let (start, end) = (number(frames.start), number(frames.end));
                    Some(LoopFile::Frames { start, end, ping_pong })
                }
            },
            volume: entry.volume.map(i64::from),
            pan: entry.pan.map(wide),
            vibrato: (!entry.vibrato).then_some(false),
            take,
        }
    }
}

impl TryFrom<File> for ReplaceEntry {
    type Error = String;

    fn try_from(file: File) -> Result<Self, String> {
        let what = replaced(file.sample, file.instrument)?;
        let refused = |error: String| format!("replacement of {what}: {error}");
        read(what, file).map_err(refused)
    }
}

fn replaced(sample: Option<i64>, instrument: Option<i64>) -> Result<Replaced, String> {
    let index = |number: i64, kind: &str| {
        let index = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
        index.filter(|&index| index < usize::from(u16::MAX)).ok_or_else(|| {
            format!("a replacement's {kind} is {number}: it counts from 1, as `busker info` lists them")
        })
    };
    match (sample, instrument) {
        (Some(number), None) => index(number, "sample").map(Replaced::Sample),
        (None, Some(number)) => index(number, "instrument").map(Replaced::Instrument),
        (None, None) => Err("a replacement says neither `sample` nor `instrument`".to_owned()),
        (Some(_), Some(_)) => {
            Err("a replacement says both `sample` and `instrument`: leave one of them out".to_owned())
        }
    }
}

fn read(what: Replaced, file: File) -> Result<ReplaceEntry, String> {
    let mut saved = file.take;
    let unknown = std::mem::take(&mut saved.unknown);
    let take = TakeFile::try_from(saved)?;
    let root = file.root.map_or(Ok(usize::from(MIDDLE)), |root| whole("root", root, 0..KEYS))?;
    let volume = file.volume.map(|volume| whole("volume", volume, 0..65)).transpose()?;
    Ok(ReplaceEntry {
        what,
        take,
        root: root as u8,
        tune: number("tune", file.tune, (-96.0, 96.0))?,
        gain: file.gain.as_ref().map_or(Ok(Decibels(0.0)), gain)?,
        round: file.looped.map_or(Ok(Round::AsFile), round)?,
        volume: volume.map(|volume| volume as u8),
        pan: file.pan.map(|pan| number("pan", pan, (-1.0, 1.0))).transpose()?,
        vibrato: file.vibrato.unwrap_or(true),
        unknown,
    })
}

fn gain(level: &Level) -> Result<Decibels, String> {
    level.decibels().ok_or_else(|| format!("gain is {}: it can be {}", level.found(), Level::allowed()))
}

fn round(file: LoopFile) -> Result<Round, String> {
    let LoopFile::Frames { start, end, ping_pong } = file else {
        return Ok(if file == LoopFile::Switch(true) { Round::Always } else { Round::Never });
    };
    let end = whole("loop's end", end, 1..i32::MAX as usize)?;
    let start = whole("loop's start", start, 0..end)?;
    Ok(Round::Frames(SampleLoop { frames: start..end, ping_pong }))
}

fn whole(field: &str, found: i64, allowed: Range<usize>) -> Result<usize, String> {
    let within = usize::try_from(found).ok().filter(|found| allowed.contains(found));
    within.ok_or_else(|| format!("{field} is {found}: it can be {} to {}", allowed.start, allowed.end - 1))
}

fn number(field: &str, found: f64, (least, most): (f64, f64)) -> Result<f32, String> {
    let within = (least..=most).contains(&found); // NaN is not
    within.then_some(found as f32).ok_or_else(|| format!("{field} is {found}: it can be {least} to {most}"))
}

/// A recording that can be played in place of a song's; what is wrong with another is said in words.
pub(super) fn playable(take: TakeFile) -> Result<TakeFile, String> {
    let entry = ReplaceEntry::new(Replaced::Sample(0), take);
    match entry.notice() {
        None => Ok(entry.take),
        Some(ReplaceNotice::Undecodable { error, .. }) => Err(error),
        Some(other) => Err(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<ReplaceEntry, String> {
        toml::from_str(text).map_err(|error: toml::de::Error| error.to_string())
    }

    #[test]
    fn an_entry_holds_only_what_differs_and_unknown_fields_survive() {
        let plain = "sample = 3\nfile = \"kick.wav\"\n";
        assert_eq!(toml::to_string(&parsed(plain).unwrap()).unwrap(), plain);
        let text = "instrument = 5\nroot = 48\ntune = -0.25\ngain = -6.0\nvolume = 40\npan = -0.3\nvibrato = false\n\
                    file = \"pad.flac\"\nhash = \"00000000000000ff\"\nsize = 7\nmood = \"calm\"\n\n\
                    [loop]\nstart = 5\nend = 90\nping_pong = true\n";
        let entry = parsed(text).unwrap();
        assert_eq!((entry.what, entry.root, entry.tune), (Replaced::Instrument(4), 48, -0.25));
        assert_eq!((entry.volume, entry.pan, entry.vibrato), (Some(40), Some(-0.3), false));
        assert_eq!(entry.round, Round::Frames(SampleLoop { frames: 5..90, ping_pong: true }));
        assert_eq!(toml::to_string(&entry).unwrap(), text);
        let json = serde_json::to_string(&entry).unwrap();
        assert_eq!(serde_json::from_str::<ReplaceEntry>(&json).unwrap(), entry);
        for (text, round) in [("true", Round::Always), ("false", Round::Never)] {
            let text = format!("sample = 1\nloop = {text}\nfile = \"a.wav\"\n");
            let entry = parsed(&text).unwrap();
            assert_eq!((toml::to_string(&entry).unwrap(), entry.round), (text, round));
        }
    }

    #[test]
    fn what_means_nothing_is_refused_with_what_is_allowed() {
        for (text, why) in [
            ("file = \"a\"", "neither `sample` nor `instrument`"),
            ("sample = 1\ninstrument = 1\nfile = \"a\"", "both `sample` and `instrument`"),
            ("sample = 0\nfile = \"a\"", "sample is 0: it counts from 1"),
            ("instrument = -1\nfile = \"a\"", "instrument is -1: it counts from 1"),
            ("sample = 3", "replacement of sample 3: a recording has neither `bytes` nor a `file`"),
            ("sample = 3\nfile = \"a\"\nroot = 120", "sample 3: root is 120: it can be 0 to 119"),
            ("sample = 3\nfile = \"a\"\ntune = 97", "tune is 97: it can be -96 to 96"),
            ("sample = 3\nfile = \"a\"\ngain = 13", "gain is 13: it can be \"-inf dB\" to \"12 dB\""),
            ("sample = 3\nfile = \"a\"\nvolume = 65", "volume is 65: it can be 0 to 64"),
            ("sample = 3\nfile = \"a\"\npan = nan", "pan is NaN: it can be -1 to 1"),
            ("sample = 3\nfile = \"a\"\nloop = \"yes\"", "loop can be true, false, or { start"),
            (
                "sample = 3\nfile = \"a\"\nloop = { start = 5, end = 5 }",
                "loop's start is 5: it can be 0 to 4",
            ),
        ] {
            let error = parsed(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn a_song_gets_both_channels_and_an_amiga_their_sum() {
        let stereo = SampleData::Stereo16([Box::new([16_384, 100]), Box::new([8_192, -100])]).intern();
        let kept = prepared(&stereo, Gain::UNITY, Format::It);
        assert!(Arc::ptr_eq(&kept, &stereo), "whole numbers stay what they are");
        let sum = prepared(&stereo, Gain::UNITY, Format::Mod);
        assert_eq!(*sum, SampleData::Float(Box::new([Box::new([0.375, 0.0])])));
        let louder = prepared(&stereo, Gain(2.0), Format::Xm);
        assert_eq!([louder.read_f32(0, 0), louder.read_f32(1, 0)], [1.0, 0.5]);
    }
}
