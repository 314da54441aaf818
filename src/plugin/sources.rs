//! Changes of voice slots and lanes: what they say of themselves, and which of their files they play.
//!
//! In: what the user wants of a slot or lane. Out: another rack. Files come to them by being opened. The worker's thread.

use crate::rack::LaneSlot;
use crate::rack::Rack;
use crate::rack::VoiceSlot;

/// A change of voices or lanes.
pub(crate) enum SourceEdit {
    /// Of a voice slot.
    Voice(usize, Box<dyn FnOnce(&mut VoiceSlot) + Send>),
    /// Of a lane.
    Lane(usize, Box<dyn FnOnce(&mut LaneSlot) + Send>),
}

impl SourceEdit {
    pub(crate) fn voice(slot: usize, change: impl FnOnce(&mut VoiceSlot) + Send + 'static) -> Self {
        Self::Voice(slot, Box::new(change))
    }

    pub(crate) fn lane(lane: usize, change: impl FnOnce(&mut LaneSlot) + Send + 'static) -> Self {
        Self::Lane(lane, Box::new(change))
    }

    /// Changes the rack.
    pub(super) fn apply(self, rack: &mut Rack) {
        match self {
            Self::Voice(slot, change) => rack.change_voice(slot, change),
            Self::Lane(lane, change) => rack.change_lane(lane, change),
        }
    }
}

/// Puts new takes behind the others, or in place of one.
pub(super) fn put<T>(takes: &mut Vec<T>, place: Option<usize>, new: Vec<T>) {
    match place.filter(|place| *place < takes.len()) {
        Some(place) => drop(takes.splice(place..=place, new)),
        None => takes.extend(new),
    }
}
