//! Lanes as a rack saves them: `lane = 1`, `takes = ["Drums-1.ogg"]`, `loop = true`, and what differs from the default.
//!
//! Recordings stay where they are: a rack names them from its own folder, with size and hash by which they are found again
//! when they have been moved or renamed. What cannot be found is kept as it is named, and said. Files count from 1, the
//! library from 0. Any thread but the audio thread.

use super::print::Print;
use super::print::search;
use crate::lane::LANES;
use crate::lane::LaneSetup;
use crate::lane::Repeat;
use crate::lane::Start;
use crate::mixer::Unknown;
use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::de::Error as _;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use thiserror::Error;

/// A recording of a lane, which lies in a file of its own.
#[derive(Clone, Debug, Default)]
pub struct LaneFile {
    /// As the rack names it.
    file: PathBuf,
    print: Option<Print>,
    /// Where it should be, from anywhere.
    place: Option<PathBuf>,
    /// Where it was found.
    found: Option<PathBuf>,
    /// What a newer version has added.
    unknown: Unknown,
}

impl LaneFile {
    /// What a newer version has added.
    pub(super) fn unknown(&self) -> &Unknown {
        &self.unknown
    }

    /// A file that is looked for from the rack's folder when that is opened.
    pub fn beside(file: impl Into<PathBuf>) -> Self {
        Self { file: file.into(), ..Self::default() }
    }

    /// The same for one that lies at `path` now, from which size and hash are taken.
    pub fn known(file: impl Into<PathBuf>, path: &Path) -> std::io::Result<Self> {
        Ok(Self { print: Some(Print::of_file(path)?), ..Self::beside(file) })
    }

    /// Looks where the rack says that it is; false where there is nothing, or a file of another size.
    fn find_in_place(&mut self, folder: Option<&Path>) -> bool {
        let path = folder.map_or_else(|| self.file.clone(), |folder| folder.join(&self.file));
        let Ok(path) = std::path::absolute(path) else { return false };
        if folder.is_none() && !self.file.is_absolute() {
            return false;
        }
        self.place = Some(path.clone());
        let Some(size) = fs::metadata(&path).ok().filter(fs::Metadata::is_file).map(|data| data.len()) else {
            return false;
        };
        if self.print.is_none() {
            self.print = Print::of_file(&path).ok();
        }
        self.found = Some(path);
        self.print.is_some_and(|print| print.size == size)
    }

    /// Looks for it in folders, by its name and then by what it is known again.
    fn search(&mut self, folders: &[PathBuf]) {
        let name = self.file.file_name().unwrap_or_default();
        let found = search(Path::new(name), self.print, folders);
        if let Some(path) = found.and_then(|path| std::path::absolute(path).ok()) {
            (self.file, self.found) = (path.clone(), Some(path));
        }
    }

    fn trouble(&self, lane: usize) -> Option<LaneNotice> {
        let (lane, file) = (lane + 1, self.file.clone());
        let Some(found) = &self.found else { return Some(LaneNotice::Missing { lane, file }) };
        let same =
            fs::metadata(found).is_ok_and(|data| self.print.is_none_or(|print| print.size == data.len()));
        (!same).then_some(LaneNotice::Changed { lane, file })
    }
}

impl PartialEq for LaneFile {
    /// Whether both would be saved alike.
    fn eq(&self, other: &Self) -> bool {
        (&self.file, self.print, &self.unknown) == (&other.file, other.print, &other.unknown)
    }
}

/// A recording as it is written.
#[derive(Serialize, Deserialize)]
struct Saved {
    file: PathBuf,
    /// 16 digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hash: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(flatten)]
    unknown: Unknown,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Named {
    Path(PathBuf),
    Table(Saved),
}

impl Serialize for LaneFile {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let saved = Saved {
            file: self.file.clone(),
            hash: self.print.map(Print::digits),
            size: self.print.map(|print| print.size),
            unknown: self.unknown.clone(),
        };
        saved.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for LaneFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Named::deserialize(deserializer)? {
            Named::Path(file) => Self::beside(file),
            Named::Table(saved) => {
                let print = Print::read(saved.hash.as_deref(), saved.size).map_err(D::Error::custom)?;
                Self { file: saved.file, print, unknown: saved.unknown, ..Self::default() }
            }
        })
    }
}

/// One lane. Real-time code never sees it: [`setups`] makes what that plays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "File", into = "File")]
pub struct LaneSlot {
    /// Index of the lane.
    pub lane: usize,
    /// For display.
    pub name: String,
    /// Recordings of the same thing, of which one sounds.
    pub takes: Vec<LaneFile>,
    /// What is repeated, in frames of the first take.
    pub repeat: Option<Repeat>,
    /// What starts it.
    pub start: Start,
    /// Seconds into the takes at which another one is drawn.
    pub shuffle: Vec<f64>,
    /// What a newer version has added.
    pub unknown: Unknown,
}

impl LaneSlot {
    /// An empty lane.
    pub fn new(lane: usize) -> Self {
        Self {
            lane,
            name: String::new(),
            takes: Vec::new(),
            repeat: None,
            start: Start::default(),
            shuffle: Vec::new(),
            unknown: Unknown::default(),
        }
    }
}

/// What of a rack's lanes cannot be heard as it should be; the rack keeps it all the same.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LaneNotice {
    /// Neither where the rack says nor near it; the lane is silent in its place.
    #[error("lane {lane}: the take {} was not found", file.display())]
    Missing {
        /// From 1.
        lane: usize,
        /// As the rack names it.
        file: PathBuf,
    },
    /// Another file lies in its place, and is played.
    #[error("lane {lane}: the take {} has changed since the rack was saved", file.display())]
    Changed {
        /// From 1.
        lane: usize,
        /// As the rack names it.
        file: PathBuf,
    },
}

/// What is to be said of all takes.
pub(super) fn notices(lanes: &[LaneSlot]) -> Vec<LaneNotice> {
    lanes.iter().flat_map(|lane| lane.takes.iter().filter_map(|take| take.trouble(lane.lane))).collect()
}

/// Finds all takes, those that have been moved in the rack's folder and where others lie.
pub(super) fn find_takes(lanes: &mut [LaneSlot], folder: Option<&Path>) {
    let mut folders: Vec<PathBuf> = folder.map(Path::to_owned).into_iter().collect();
    let mut lost = Vec::new();
    for take in lanes.iter_mut().flat_map(|lane| &mut lane.takes) {
        if !take.find_in_place(folder) {
            lost.push(take);
        } else {
            folders.extend(take.found.as_deref().and_then(Path::parent).map(Path::to_owned));
        }
    }
    folders.sort_unstable();
    folders.dedup();
    lost.into_iter().for_each(|take| take.search(&folders));
}

/// The same lanes with paths that mean the same wherever they are read.
pub(super) fn located(lanes: &[LaneSlot]) -> Vec<LaneSlot> {
    let mut lanes = lanes.to_vec();
    for take in lanes.iter_mut().flat_map(|lane| &mut lane.takes) {
        let place = take.found.as_ref().or(take.place.as_ref());
        take.file = place.unwrap_or(&take.file).clone();
    }
    lanes
}

/// What the engine plays.
pub(super) fn setups(seed: u64, lanes: &[LaneSlot]) -> Vec<LaneSetup> {
    let mut setups = vec![LaneSetup::default(); LANES];
    for lane in lanes {
        if let Some(setup) = setups.get_mut(lane.lane) {
            *setup = LaneSetup {
                takes: lane.takes.iter().map(|take| take.found.clone()).collect(),
                repeat: lane.repeat,
                start: lane.start,
                shuffle: lane.shuffle.clone(),
                seed,
            };
        }
    }
    setups
}

/// The first lane that two entries claim.
pub(super) fn claimed_twice(lanes: &[LaneSlot]) -> Option<usize> {
    let mut claimed = BTreeSet::new();
    lanes.iter().map(|lane| lane.lane).find(|&lane| !claimed.insert(lane))
}

/// `true`, or from where to where.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Loop {
    All(bool),
    Part([u64; 2]),
}

/// A second of the timeline, `"trigger"` or `"gate"`.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum When {
    Second(f64),
    Word(String),
}

/// A lane as it is written.
#[derive(Serialize, Deserialize)]
struct File {
    lane: i64,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    name: String,
    #[serde(default, rename = "loop", skip_serializing_if = "Option::is_none")]
    repeat: Option<Loop>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    start: Option<When>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    shuffle: Vec<f64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    takes: Vec<LaneFile>,
    #[serde(flatten)]
    unknown: Unknown,
}

/// A value that means nothing.
#[derive(Debug, Error)]
enum FileError {
    #[error("lane {0} does not exist: 1 to {LANES} do")]
    Lane(i64),
    #[error("the loop of lane {lane} from frame {start} to frame {end} is empty")]
    EmptyLoop { lane: i64, start: u64, end: u64 },
    #[error("lane {lane} starts at '{word}': it can be a second, \"trigger\" or \"gate\"")]
    Start { lane: i64, word: String },
}

impl From<LaneSlot> for File {
    fn from(slot: LaneSlot) -> Self {
        let word = |word: &str| Some(When::Word(word.to_owned()));
        Self {
            lane: i64::try_from(slot.lane + 1).unwrap_or(i64::MAX),
            name: slot.name,
            repeat: slot.repeat.map(|repeat| match repeat {
                Repeat { start: 0, end: None } => Loop::All(true),
                // Later than any file ends, and a number that TOML can hold.
                Repeat { start, end } => Loop::Part([start, end.unwrap_or(i64::MAX as u64)]),
            }),
            start: match slot.start {
                Start::Timeline(second) => (second != 0.0).then_some(When::Second(second)),
                Start::Trigger { gate: false } => word("trigger"),
                Start::Trigger { gate: true } => word("gate"),
            },
            shuffle: slot.shuffle,
            takes: slot.takes,
            unknown: slot.unknown,
        }
    }
}

impl TryFrom<File> for LaneSlot {
    type Error = FileError;

    fn try_from(file: File) -> Result<Self, FileError> {
        let lane =
            file.lane.checked_sub(1).and_then(|lane| usize::try_from(lane).ok()).filter(|&lane| lane < LANES);
        let repeat = match file.repeat {
            None | Some(Loop::All(false)) => None,
            Some(Loop::All(true)) => Some(Repeat::default()),
            Some(Loop::Part([start, end])) if start < end => {
                Some(Repeat { start, end: Some(end).filter(|&end| end < i64::MAX as u64) })
            }
            Some(Loop::Part([start, end])) => {
                return Err(FileError::EmptyLoop { lane: file.lane, start, end });
            }
        };
        let start = match file.start {
            None => Start::default(),
            Some(When::Second(second)) => Start::Timeline(second),
            Some(When::Word(word)) => match word.as_str() {
                "trigger" => Start::Trigger { gate: false },
                "gate" => Start::Trigger { gate: true },
                _ => return Err(FileError::Start { lane: file.lane, word }),
            },
        };
        Ok(Self {
            lane: lane.ok_or(FileError::Lane(file.lane))?,
            name: file.name,
            takes: file.takes,
            repeat,
            start,
            shuffle: file.shuffle,
            unknown: file.unknown,
        })
    }
}
