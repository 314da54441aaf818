//! Lanes as a rack saves them: `lane = 1`, `takes = ["Drums-1.ogg"]`, `loop = true`, and what differs from the default.
//!
//! Recordings stay where they are: a rack names them from its own folder, with size and hash by which they are found again
//! when they have been moved or renamed. What cannot be found is kept as it is named, and said. Files count from 1, the
//! library from 0. Any thread but the audio thread.

use super::print::Print;
use super::print::search;
use crate::lane::FARTHEST;
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
    /// Whether somebody has looked for the file.
    sought: bool,
    /// Whether another one was found in its place.
    changed: bool,
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

    /// One that lies at `path`, an absolute one, and is read through for what it is known again, while `go_on` says so, which hears what
    /// share of it has been read; interrupted where it does not.
    pub fn read_while(path: &Path, go_on: &mut dyn FnMut(f32) -> bool) -> std::io::Result<Self> {
        let print = Some(Print::of_file_while(path, go_on)?);
        let place = Some(path.to_owned());
        Ok(Self { print, place: place.clone(), found: place, sought: true, ..Self::beside(path) })
    }

    /// File name.
    pub fn name(&self) -> String {
        self.file.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Whether nobody has looked for it yet.
    pub(super) fn is_unread(&self) -> bool {
        !self.sought
    }

    /// What is played: the file where it was found, or until somebody has looked where the host's state says it is. Its lane's
    /// thread opens it.
    fn played(&self) -> Option<PathBuf> {
        let said = || Some(&self.file).filter(|file| !self.sought && file.is_absolute());
        self.found.as_ref().or_else(said).cloned()
    }

    /// Looks where the rack says that it is; false where there is nothing, or a file of another size.
    fn find_in_place(&mut self, folder: Option<&Path>) -> bool {
        self.sought = true;
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
        self.changed = self.print.is_some_and(|print| print.size != size);
        self.print.is_some() && !self.changed
    }

    /// Looks for it in folders, by its name and then by what it is known again.
    fn search(&mut self, folders: &[PathBuf]) {
        let name = self.file.file_name().unwrap_or_default();
        let found = search(Path::new(name), self.print, folders);
        if let Some(path) = found.and_then(|path| std::path::absolute(path).ok()) {
            (self.file, self.found, self.changed) = (path.clone(), Some(path), false);
        }
    }

    fn trouble(&self, lane: usize) -> Option<LaneNotice> {
        let (lane, file) = (lane + 1, self.file.clone());
        match self.found {
            None => self.sought.then_some(LaneNotice::Missing { lane, file }),
            Some(_) => self.changed.then_some(LaneNotice::Changed { lane, file }),
        }
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
#[serde(
    untagged,
    expecting = "a take can be the path of an audio file, or { file = \"a.wav\" } with `hash` and `size`"
)]
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

/// What is to be said of all takes, as far as somebody has looked for them.
pub(super) fn notices(lanes: &[LaneSlot]) -> Vec<LaneNotice> {
    lanes.iter().flat_map(|lane| lane.takes.iter().filter_map(|take| take.trouble(lane.lane))).collect()
}

/// Finds all takes that nobody has looked for yet, those that have been moved in the rack's folder and where others lie. May
/// take long: a moved one is known by what it holds.
pub(super) fn find_takes(lanes: &mut [LaneSlot], folder: Option<&Path>) {
    let mut folders: Vec<PathBuf> = folder.map(Path::to_owned).into_iter().collect();
    let mut lost = Vec::new();
    for take in lanes.iter_mut().flat_map(|lane| &mut lane.takes) {
        if take.is_unread() && !take.find_in_place(folder) {
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
                takes: lane.takes.iter().map(LaneFile::played).collect(),
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
#[serde(
    untagged,
    expecting = "loop can be true, false, or [first frame, first frame after it], as [0, 48000]"
)]
enum Loop {
    All(bool),
    Part([u64; 2]),
}

/// A second of the timeline, `"trigger"` or `"gate"`.
#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "start can be a second of the timeline, \"trigger\" or \"gate\"")]
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

/// A second that can be reckoned with; what is no number cannot.
fn second(lane: i64, field: &'static str, second: f64) -> Result<f64, FileError> {
    let near = second.abs() <= FARTHEST;
    near.then_some(second).ok_or(FileError::Second { lane, field, second })
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
    #[error("the {field} of lane {lane} is at second {second}: it can be at -{FARTHEST} to {FARTHEST}")]
    Second { lane: i64, field: &'static str, second: f64 },
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
            Some(When::Second(at)) => Start::Timeline(second(file.lane, "start", at)?),
            Some(When::Word(word)) => match word.as_str() {
                "trigger" => Start::Trigger { gate: false },
                "gate" => Start::Trigger { gate: true },
                _ => return Err(FileError::Start { lane: file.lane, word }),
            },
        };
        let shuffle = file.shuffle.into_iter().map(|at| second(file.lane, "shuffle", at));
        let shuffle = shuffle.collect::<Result<_, _>>()?;
        Ok(Self {
            lane: lane.ok_or(FileError::Lane(file.lane))?,
            name: file.name,
            takes: file.takes,
            repeat,
            start,
            shuffle,
            unknown: file.unknown,
        })
    }
}
