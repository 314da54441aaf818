//! Keys held on song channels: one a channel, and when the host hears that its note has ended.
//!
//! In: keys, releases and pedals of MIDI channels. Out: notes played and released on the song's channels, and `NoteEnd` where
//! one is taken over by the pattern or another key, cut, or has died away. Audio thread.

use super::EventKind;
use super::LAST_KEY;
use super::NoteAddress;
use super::Scene;
use crate::tracker::KEYBOARD_SLOTS;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hold {
    Down,
    Pedal,
    Released,
}

/// The note of each song channel's key.
#[derive(Debug, Default)]
pub(super) struct SongKeys {
    held: [Option<(NoteAddress, Hold)>; KEYBOARD_SLOTS],
    pedals: [bool; KEYBOARD_SLOTS],
}

/// Ids decide where both sides have one.
fn is(note: NoteAddress, other: NoteAddress) -> bool {
    match (note.id, other.id) {
        (Some(own), Some(id)) => own == id,
        _ => (note.channel, note.key) == (other.channel, other.key),
    }
}

impl SongKeys {
    /// Plays an instrument with a velocity on the song channel of the note.
    pub(super) fn press(
        &mut self,
        note: NoteAddress,
        (instrument, velocity): (u16, f32),
        scene: &mut Scene<'_>,
    ) {
        let channel = usize::from(note.channel);
        let known = channel < scene.playing.player().song().channels.len() && note.key <= LAST_KEY;
        let Some(held) = self.held.get_mut(channel).filter(|_| known) else {
            return scene.out.push(scene.frame, EventKind::NoteEnd(note));
        };
        if let Some((old, _)) = held.replace((note, Hold::Down)) {
            scene.out.push(scene.frame, EventKind::NoteEnd(old));
        }
        scene.playing.play_note(channel, (instrument, note.key), velocity, scene.frame);
        self.report_silent(scene);
    }

    /// The song channel that plays a note.
    pub(super) fn channel_of(&self, note: NoteAddress) -> Option<usize> {
        self.held.iter().position(|held| held.is_some_and(|(own, _)| is(own, note)))
    }

    pub(super) fn release(&mut self, note: NoteAddress, scene: &mut Scene<'_>) {
        let Some(channel) = self.channel_of(note) else { return };
        let pedal = self.pedals[channel]; // `channel` counts them
        match &mut self.held[channel] {
            Some((_, hold @ Hold::Down)) if pedal => *hold = Hold::Pedal,
            Some((_, Hold::Down)) => self.let_go(channel, scene),
            _ => {}
        }
    }

    pub(super) fn set_pedal(&mut self, channel: u8, down: bool, scene: &mut Scene<'_>) {
        let Some(pedal) = self.pedals.get_mut(usize::from(channel)) else { return };
        *pedal = down;
        let waits = |held: &Option<(NoteAddress, Hold)>| matches!(held, Some((_, Hold::Pedal)));
        if !down && self.held.get(usize::from(channel)).is_some_and(waits) {
            self.let_go(channel.into(), scene);
        }
    }

    fn let_go(&mut self, channel: usize, scene: &mut Scene<'_>) {
        if let Some(Some((_, hold))) = self.held.get_mut(channel) {
            *hold = Hold::Released;
            scene.playing.release_note(channel, scene.frame);
            self.report_silent(scene);
        }
    }

    /// Whatever the pedal says.
    pub(super) fn release_all(&mut self, channel: u8, scene: &mut Scene<'_>) {
        let held = |held: &Option<(NoteAddress, Hold)>| held.is_some_and(|(_, hold)| hold != Hold::Released);
        if self.held.get(usize::from(channel)).is_some_and(held) {
            self.let_go(channel.into(), scene);
        }
    }

    pub(super) fn choke(&mut self, note: NoteAddress, scene: &mut Scene<'_>) {
        if let Some(channel) = self.channel_of(note) {
            self.choke_all(channel as u8, scene); // below 16
        }
    }

    pub(super) fn choke_all(&mut self, channel: u8, scene: &mut Scene<'_>) {
        if self.held.get(usize::from(channel)).is_some_and(|held| held.is_some()) {
            scene.playing.player_mut().cut_note(channel.into());
            self.report_taken(scene);
        }
    }

    /// Notes that the pattern, a jump or a cut has taken away.
    pub(super) fn report_taken(&mut self, scene: &mut Scene<'_>) {
        self.report(scene, |scene, channel| !scene.playing.player().key_plays(channel));
    }

    /// Those too of which nothing sounds any more. Only where a tick or an event is, so that it does not depend on blocks.
    pub(super) fn report_silent(&mut self, scene: &mut Scene<'_>) {
        self.report(scene, |scene, channel| !scene.playing.player().key_sounds(channel));
    }

    pub(super) fn end_all(&mut self, scene: &mut Scene<'_>) {
        self.report(scene, |_, _| true);
    }

    fn report(&mut self, scene: &mut Scene<'_>, ended: impl Fn(&Scene<'_>, usize) -> bool) {
        for (channel, held) in self.held.iter_mut().enumerate() {
            if held.is_some()
                && ended(scene, channel)
                && let Some((note, _)) = held.take()
            {
                scene.out.push(scene.frame, EventKind::NoteEnd(note));
            }
        }
    }
}
