//! A rack from a folder of tracks: one lane and one bus for each, with all its takes.
//!
//! In: the names of a folder's audio files. Out: a rack whose lanes play together on the timeline. `Drums.wav` is a track;
//! `Drums-1.wav` and `Drums-2.wav` are takes of the track `Drums`, in the order of their numbers. Any thread but the audio
//! thread: files are read whole, for what they are known again by.

use super::LaneFile;
use super::LaneSlot;
use super::Rack;
use crate::lane::LANES;
use crate::sample::AudioFile;
use crate::sample::DecodeError;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use thiserror::Error;

/// Endings of files that are tracks.
const ENDINGS: [&str; 9] = ["wav", "wave", "aif", "aiff", "aifc", "flac", "ogg", "oga", "mp3"];

/// Why a folder is no scene.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SceneError {
    /// The folder cannot be read.
    #[error("{0}")]
    Folder(io::Error),
    /// One of its files cannot be read.
    #[error("{}: {error}", file.display())]
    File {
        /// Which.
        file: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// One of them is no recording.
    #[error("{}: {error}", file.display())]
    Recording {
        /// Which.
        file: PathBuf,
        /// Why not.
        error: DecodeError,
    },
    /// No track in it.
    #[error("no audio file in it (WAV, AIFF, FLAC, Ogg Vorbis or MP3)")]
    Empty,
    /// More tracks than lanes.
    #[error("{0} tracks, but there are {LANES} lanes: name takes of one track like Drums-1.ogg, Drums-2.ogg")]
    TooMany(usize),
}

/// A rack that plays the tracks of `folder`, to be saved in `home`.
pub fn scene(folder: &Path, home: &Path) -> Result<Rack, SceneError> {
    let entries = fs::read_dir(folder).map_err(SceneError::Folder)?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>();
    let tracks = tracks(paths.map_err(SceneError::Folder)?);
    match tracks.len() {
        0 => return Err(SceneError::Empty),
        count if count > LANES => return Err(SceneError::TooMany(count)),
        _ => {}
    }
    // Tracks sound as they are: nothing stands on their buses.
    let mut rack = Rack { inserts: Vec::new(), ..Rack::default() };
    for (lane, (name, takes)) in tracks.into_iter().enumerate() {
        let takes = takes.into_values().map(|path| take(path, home)).collect::<Result<_, _>>()?;
        rack.routing.lanes[lane].bus = Some(lane); // there are more buses than lanes
        rack.routing.buses[lane].name.clone_from(&name);
        rack.lanes.push(LaneSlot { name, takes, ..LaneSlot::new(lane) });
    }
    Ok(rack)
}

/// A file that can be opened as a recording.
fn take(path: PathBuf, home: &Path) -> Result<LaneFile, SceneError> {
    if let Err(error) = AudioFile::open(&path) {
        return Err(SceneError::Recording { file: path, error });
    }
    LaneFile::known(seen_from(home, &path), &path).map_err(|error| SceneError::File { file: path, error })
}

/// Takes by track, and by number and name in it.
type Tracks = BTreeMap<String, BTreeMap<(u64, PathBuf), PathBuf>>;

fn tracks(paths: Vec<PathBuf>) -> Tracks {
    let mut tracks = Tracks::new();
    for path in paths.into_iter().filter(|path| is_audio(path) && !is_hidden(path) && path.is_file()) {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let (track, number) = track_of(&stem);
        tracks.entry(track.to_owned()).or_default().insert((number, path.clone()), path);
    }
    tracks
}

fn is_audio(path: &Path) -> bool {
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str()))
}

/// What systems keep beside files (`._Bass.wav`) is none of them.
fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'))
}

/// Track and number of a take: `Drums-2` is the second of `Drums`; without a number it comes first.
pub fn track_of(stem: &str) -> (&str, u64) {
    let numbered = stem.rsplit_once('-').and_then(|(track, digits)| {
        let bare = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        Some((track.trim_end(), digits.parse().ok().filter(|_| bare && !track.trim().is_empty())?))
    });
    numbered.unwrap_or((stem, 0))
}

/// A path from a folder that it lies in, or else from anywhere.
fn seen_from(home: &Path, path: &Path) -> PathBuf {
    let absolute = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let (home, path) = (absolute(home), absolute(path));
    path.strip_prefix(&home).map(Path::to_owned).unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_are_numbered_at_the_end_of_a_name_and_nowhere_else() {
        assert_eq!(track_of("Drums-2"), ("Drums", 2));
        assert_eq!(track_of("Drums -10"), ("Drums", 10));
        assert_eq!(track_of("Drums - 10"), ("Drums - 10", 0));
        assert_eq!(track_of("Lead-in"), ("Lead-in", 0));
        assert_eq!(track_of("-3"), ("-3", 0));
        assert_eq!(track_of("Bass"), ("Bass", 0));
    }
}
