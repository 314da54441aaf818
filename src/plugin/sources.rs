//! Changes of voice slots and lanes: what they say of themselves, and the files that they play.
//!
//! In: what the user wants of a slot or lane. Out: another rack. Files are read on the worker's thread, without the session's
//! lock; one that is none of use is refused with all that came with it.

use super::instance::EditError;
use crate::rack::LaneFile;
use crate::rack::LaneSlot;
use crate::rack::Rack;
use crate::rack::TakeFile;
use crate::rack::VoiceSlot;
use std::path::Path;
use std::path::PathBuf;

/// A change of voices or lanes.
pub(crate) enum SourceEdit {
    /// Of a voice slot.
    Voice(usize, Box<dyn FnOnce(&mut VoiceSlot) + Send>),
    /// Of a lane.
    Lane(usize, Box<dyn FnOnce(&mut LaneSlot) + Send>),
    /// Files as takes of a voice slot: behind those that are there, or the first in place of one.
    LoadVoice(usize, Option<usize>, Vec<PathBuf>),
    /// The same of a lane.
    LoadLane(usize, Option<usize>, Vec<PathBuf>),
}

impl SourceEdit {
    pub(crate) fn voice(slot: usize, change: impl FnOnce(&mut VoiceSlot) + Send + 'static) -> Self {
        Self::Voice(slot, Box::new(change))
    }

    pub(crate) fn lane(lane: usize, change: impl FnOnce(&mut LaneSlot) + Send + 'static) -> Self {
        Self::Lane(lane, Box::new(change))
    }

    /// Reads the files that it names, if it names any.
    pub(super) fn read(self) -> Result<Self, EditError> {
        Ok(match self {
            Self::LoadVoice(slot, place, files) => {
                let takes = all(&files, TakeFile::playable)?;
                Self::voice(slot, move |slot| put(&mut slot.takes, place, takes))
            }
            Self::LoadLane(lane, place, files) => {
                let takes = all(&files, LaneFile::read)?;
                Self::lane(lane, move |lane| put(&mut lane.takes, place, takes))
            }
            read => read,
        })
    }

    /// Changes the rack; what is still to be read changes nothing.
    pub(super) fn apply(self, rack: &mut Rack) {
        match self {
            Self::Voice(slot, change) => rack.change_voice(slot, change),
            Self::Lane(lane, change) => rack.change_lane(lane, change),
            Self::LoadVoice(..) | Self::LoadLane(..) => {}
        }
    }
}

/// All files, or what is wrong with the first that cannot be used.
fn all<T>(files: &[PathBuf], read: impl Fn(&Path) -> Result<T, String>) -> Result<Vec<T>, EditError> {
    let read = |file: &PathBuf| read(file).map_err(|words| EditError::File { file: file.clone(), words });
    files.iter().map(read).collect()
}

/// Puts new takes behind the others, or in place of one.
fn put<T>(takes: &mut Vec<T>, place: Option<usize>, new: Vec<T>) {
    match place.filter(|place| *place < takes.len()) {
        Some(place) => drop(takes.splice(place..=place, new)),
        None => takes.extend(new),
    }
}
