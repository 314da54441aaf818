//! Where notes are in space: what their slots say, what the keyboard's parameters add, and what a note differs by.
//!
//! Plans bring slots along, made off the audio thread; all else happens on it.

use super::Target;
use crate::audio::Feed;
use crate::audio::PlacedNote;
use crate::mixer::KEYBOARD_PLACE;
use crate::mixer::NoteSpace;
use crate::mixer::Routing;
use crate::space::NoteStand;
use crate::space::Space;
use crate::tracker::KEYBOARD_PLACES;
use crate::tracker::KEYBOARD_SLOTS;
use crate::voice::PLACES;
use crate::voice::SLOTS;

/// Metres from the listener that keys can be.
const DISTANCES: [f32; 2] = [0.1, 100.0];
/// Degrees from the middle that a pan leads to at its end.
const WIDEST: f32 = 90.0;
/// Voices whose notes can stand in space one by one: those of voice slots, and then the keyboard's.
pub(super) const NOTES: usize = PLACES + KEYBOARD_PLACES;

/// See the module's description.
pub(super) struct NotePlaces {
    /// Those of the keyboard, and then those of voices; what has left space stays until it is silent there, and longer.
    slots: Box<[Option<NoteStand>]>,
    /// Of the keyboard's parameters.
    keys: [f32; 3],
}

impl Default for NotePlaces {
    fn default() -> Self {
        Self { slots: Box::default(), keys: [0.0, 0.0, 1.0] }
    }
}

fn stand(note: &NoteSpace) -> NoteStand {
    NoteStand { position: note.position, settings: note.space.settings }
}

impl NotePlaces {
    /// What routes say. Allocates.
    pub(super) fn of(routing: &Routing) -> Self {
        let keyboard = (0..KEYBOARD_SLOTS).map(|slot| routing.keyboard.get(slot)?.space.as_ref());
        let voices = (0..SLOTS).map(|slot| routing.voices.get(slot)?.as_ref());
        let slots = keyboard.chain(voices).map(|note| note.map(stand)).collect();
        Self { slots, ..Self::default() }
    }

    /// Takes what new routes say; what is left of the old ones goes home with `new`.
    pub(super) fn take(&mut self, new: &mut Self) {
        std::mem::swap(&mut self.slots, &mut new.slots);
        for (slot, old) in self.slots.iter_mut().zip(&new.slots) {
            *slot = slot.or(*old);
        }
    }

    /// A parameter's value, if it is one of the keyboard's place.
    pub(super) fn set(&mut self, target: Target, value: f32) -> bool {
        let [azimuth, elevation, distance] = &mut self.keys;
        match target {
            Target::KeyboardAzimuth => *azimuth = value,
            Target::KeyboardElevation => *elevation = value,
            Target::KeyboardDistance => *distance = value,
            _ => return false,
        }
        true
    }

    /// Puts the keyboard's slots where they are now.
    pub(super) fn show(&self, space: &mut Space) {
        for slot in 0..KEYBOARD_SLOTS {
            let [azimuth, elevation, distance] = self.position(slot, Some([0.0, 0.0, 1.0]), 0.0);
            if let Some(source) = space.source_mut(KEYBOARD_PLACE + slot) {
                source.set_azimuth(azimuth);
                source.set_elevation(elevation);
                source.set_distance(distance);
            }
        }
    }

    fn slot(&self, slot: usize) -> Option<NoteStand> {
        self.slots.get(slot).copied().flatten()
    }

    /// Where a note of a slot is: degrees to the right and up, and metres.
    fn position(&self, slot: usize, offset: Option<[f32; 3]>, pan: f32) -> [f32; 3] {
        let [azimuth, elevation, distance] = self.slot(slot).map_or([0.0, 0.0, 1.0], |slot| slot.position);
        let [mut to_right, mut up, mut away] = [0.0, 0.0, 1.0];
        if let Some([own_right, own_up, own_away]) = offset {
            let [least, most] = DISTANCES;
            [to_right, up, away] = self.keys;
            (to_right, up, away) = (to_right + own_right, up + own_up, (away * own_away).clamp(least, most));
        }
        let turned = WIDEST * pan.clamp(-1.0, 1.0);
        [azimuth + to_right + turned, (elevation + up).clamp(-90.0, 90.0), distance * away]
    }

    /// Adds a note of a voice slot to `field`; `frame` is the first of its frames, counted from reset.
    pub(super) fn add_voice(
        &self,
        note: &PlacedNote<'_>,
        frame: u64,
        (space, field): (&mut Space, &mut Feed),
    ) {
        self.add((note, note.voice), KEYBOARD_SLOTS + note.slot, frame, (space, field));
    }

    /// The same of the keyboard.
    pub(super) fn add_key(&self, note: &PlacedNote<'_>, frame: u64, (space, field): (&mut Space, &mut Feed)) {
        self.add((note, PLACES + note.voice), note.slot, frame, (space, field));
    }

    fn add(
        &self,
        note: (&PlacedNote<'_>, usize),
        slot: usize,
        frame: u64,
        (space, field): (&mut Space, &mut Feed),
    ) {
        let position = self.position(slot, note.0.offset, note.0.pan);
        if let Some(slot) = self.slot(slot) {
            space.add_note(note, &NoteStand { position, ..slot }, frame, field);
        }
    }
}
