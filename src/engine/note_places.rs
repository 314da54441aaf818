//! Where notes are in space: what their slots say, what parameters of slots and of the keyboard add, and what a note differs by.
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

/// By what factors parameters and a note can change a distance, all together.
const DISTANCES: [f32; 2] = [0.1, 100.0];
/// Degrees from the middle that a pan leads to at its end.
const WIDEST: f32 = 90.0;
/// Voices whose notes can stand in space one by one: those of voice slots, and then the keyboard's.
pub(super) const NOTES: usize = PLACES + KEYBOARD_PLACES;

/// See the module's description.
pub(super) struct NotePlaces {
    /// Those of the keyboard, and then those of voices; what has left space stays until it is silent there, and longer.
    slots: Box<[Option<NoteStand>]>,
    /// By what parameters move all keys, and then the voice slots.
    moves: [[f32; 3]; 1 + SLOTS],
}

/// Degrees to the right and up that add nothing, and a factor.
const NOWHERE_ELSE: [f32; 3] = [0.0, 0.0, 1.0];

impl Default for NotePlaces {
    fn default() -> Self {
        Self { slots: Box::default(), moves: [NOWHERE_ELSE; 1 + SLOTS] }
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

    /// A parameter's value, if it is one of a place of notes.
    pub(super) fn set(&mut self, target: Target, value: f32) -> bool {
        let (place, part) = match target {
            Target::KeyboardAzimuth => (0, 0),
            Target::KeyboardElevation => (0, 1),
            Target::KeyboardDistance => (0, 2),
            Target::VoiceAzimuth(slot) => (1 + slot, 0),
            Target::VoiceElevation(slot) => (1 + slot, 1),
            Target::VoiceDistance(slot) => (1 + slot, 2),
            _ => return false,
        };
        self.moves.get_mut(place).into_iter().for_each(|moves| moves[part] = value); // three of each
        true
    }

    /// Puts the keyboard's slots where they are now.
    pub(super) fn show(&self, space: &mut Space) {
        for slot in 0..KEYBOARD_SLOTS {
            let [azimuth, elevation, distance] = self.position(slot, Some(NOWHERE_ELSE), 0.0);
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
        let [azimuth, elevation, distance] = self.slot(slot).map_or(NOWHERE_ELSE, |slot| slot.position);
        let [all_keys, of_voices @ ..] = &self.moves;
        let voice = slot.checked_sub(KEYBOARD_SLOTS).and_then(|voice| of_voices.get(voice));
        let [voice_right, voice_up, voice_away] = voice.copied().unwrap_or(NOWHERE_ELSE);
        let [mut to_right, mut up, mut away] = NOWHERE_ELSE;
        if let Some([own_right, own_up, own_away]) = offset {
            [to_right, up, away] = *all_keys;
            (to_right, up, away) = (to_right + own_right, up + own_up, away * own_away);
        }
        let [least, most] = DISTANCES;
        let turned = WIDEST * pan.clamp(-1.0, 1.0);
        [
            azimuth + voice_right + to_right + turned,
            (elevation + voice_up + up).clamp(-90.0, 90.0),
            distance * (voice_away * away).clamp(least, most),
        ]
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
