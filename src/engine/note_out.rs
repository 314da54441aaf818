//! Note out: what the song's channels play, for the host, where the parameter asks for it.
//!
//! In: the player that is heard, after its ticks and keys. Out: notes, bends and controllers in `Outgoing`, on the frames of the
//! ticks. Audio thread; while off it does nothing at all.

use super::EventKind;
use super::NoteAddress;
use super::outgoing::Outgoing;
use crate::tracker::ChannelNotes;
use crate::tracker::NO_BEND;
use crate::tracker::NoteMessage;
use crate::tracker::SongPlayer;

/// MIDI channels of a host's port.
const MIDI_CHANNELS: u8 = 16;

/// See the module's description.
#[derive(Debug)]
pub(super) struct NoteOut {
    on: bool,
    notes: ChannelNotes,
}

impl NoteOut {
    pub(super) fn new() -> Self {
        Self { on: false, notes: ChannelNotes::new(MIDI_CHANNELS) }
    }

    /// Switching off ends every note, and leaves bends and volumes as they were found.
    pub(super) fn switch(&mut self, on: bool, frame: u64, out: &mut Outgoing) {
        if std::mem::replace(&mut self.on, on) && !on {
            self.notes.finish(&mut |message| out.push(frame, event(message)));
        }
    }

    /// Looks at what has happened by `frame`. While no tick has passed nothing has.
    pub(super) fn follow(&mut self, player: &SongPlayer, frame: u64, out: &mut Outgoing) {
        if self.on {
            self.notes.follow(player, &mut |message| out.push(frame, event(message)));
        }
    }

    /// Ends every note: the song has gone.
    pub(super) fn release(&mut self, frame: u64, out: &mut Outgoing) {
        self.notes.release(&mut |message| out.push(frame, event(message)));
    }
}

fn event(message: NoteMessage) -> EventKind {
    let address = |channel, key| NoteAddress { channel, key, id: None };
    let share = |value: u8| f32::from(value) / 127.0;
    match message {
        NoteMessage::On { channel, key, velocity } => {
            EventKind::NoteOn(address(channel, key), share(velocity))
        }
        NoteMessage::Off { channel, key } => EventKind::NoteOff(address(channel, key)),
        NoteMessage::Bend { channel, steps } => {
            let middle = f32::from(NO_BEND);
            EventKind::PitchBend { channel, value: (f32::from(steps) - middle) / middle }
        }
        NoteMessage::Controller { channel, number, value } => {
            EventKind::Controller { channel, number, value: share(value) }
        }
    }
}
