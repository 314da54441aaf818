//! Song channels that hand their notes over: whose instrument plays them, and what the desk makes of that.
//!
//! In: what `ChannelNotes` says of the channels, and the parameters of their strips. Out: notes of instruments. Audio thread. Bend, CC
//! 11 and panning on each tick become tuning, volume and pan of the note; the strip's gain, mute, solo and pan and the song's gain
//! act on it too, at the instrument's own pace of 6 ms.

use super::Slot;
use crate::control::NoteControl;
use crate::engine::Target;
use crate::machine::Instrument;
use crate::machine::PlayedNote;
use crate::mixer::SONG_CHANNELS;
use crate::tracker::BEND_RANGE;
use crate::tracker::ChannelNotes;
use crate::tracker::NO_BEND;
use crate::tracker::NoteMessage;
use crate::tracker::SongPlayer;
use crate::units::Decibels;
use crate::units::Gain;
use crate::units::Semitones;

/// What `ChannelNotes` tells volumes by.
const EXPRESSION: u8 = 11;

/// A channel of the song, as the desk has it.
#[derive(Clone, Copy, Debug)]
struct Desk {
    gain: Gain,
    muted: bool,
    soloed: bool,
    pan: f32,
}

/// What a channel that hands its notes over plays.
#[derive(Clone, Copy, Debug)]
struct Line {
    /// Whose they are.
    slot: Option<usize>,
    /// What it holds.
    note: Option<PlayedNote>,
    tuning: Semitones,
    volume: Gain,
    pan: f32,
    desk: Desk,
}

impl Line {
    const NEW: Self = Self {
        slot: None,
        note: None,
        tuning: Semitones(0.0),
        volume: Gain::UNITY,
        pan: 0.0,
        desk: Desk { gain: Gain::UNITY, muted: false, soloed: false, pan: 0.0 },
    };

    /// Holds nothing, and keeps what is set.
    fn idle(&mut self) {
        *self = Self { slot: self.slot, pan: self.pan, desk: self.desk, ..Self::NEW };
    }

    /// Plays a message, and keeps what the channel's next note begins with. `song` is what all channels are turned down by.
    fn play(&mut self, message: NoteMessage, machine: &mut Instrument, song: Song) {
        let note = |channel, key| PlayedNote { channel: PlayedNote::KEYBOARD + channel, key, id: None };
        match message {
            NoteMessage::On { channel, key, velocity } => {
                let note = note(channel, key);
                self.note = Some(note);
                machine.strike(note, f32::from(velocity) / 127.0);
            }
            NoteMessage::Off { channel, key } => {
                self.note = None;
                return machine.release(note(channel, key));
            }
            NoteMessage::Bend { steps, .. } => {
                let middle = f32::from(NO_BEND);
                self.tuning = Semitones((f32::from(steps) - middle) / middle * f32::from(BEND_RANGE));
            }
            NoteMessage::Controller { number: EXPRESSION, value, .. } => {
                self.volume = Gain(f32::from(value) / 127.0);
            }
            // How far bends reach is known.
            NoteMessage::Controller { .. } => return,
        }
        if let Some(note) = self.note {
            self.controls(song).into_iter().for_each(|control| machine.control_note(note, control));
        }
    }

    fn controls(&self, song: Song) -> [NoteControl; 4] {
        let Desk { gain, muted, soloed, pan } = self.desk;
        let heard = !muted && (soloed || !song.soloed);
        let gain = Gain(if heard { gain.0 * song.gain.0 } else { 0.0 });
        [
            NoteControl::Tuning(self.tuning),
            NoteControl::Volume(self.volume),
            NoteControl::Pan((self.pan + pan).clamp(-1.0, 1.0)),
            NoteControl::Gain { offset: 0.0, gain },
        ]
    }

    /// Has all notes of the channel follow, those that it has let go of too.
    fn tell(&self, channel: usize, slots: &mut [Slot], song: Song) {
        let Some(machine) = machine_of(slots, self) else { return };
        let [.., pan, gain] = self.controls(song);
        let channel = PlayedNote::KEYBOARD + channel as u8; // below 64
        [pan, gain].into_iter().for_each(|control| machine.control_channel(channel, control));
    }
}

/// What acts on all channels.
#[derive(Clone, Copy, Debug)]
struct Song {
    gain: Gain,
    /// Some channel is soloed.
    soloed: bool,
}

/// See the module's description.
pub(super) struct Handed {
    lines: [Line; SONG_CHANNELS],
    notes: ChannelNotes,
    song: Song,
}

impl Handed {
    pub(super) fn new() -> Self {
        Self {
            lines: [Line::NEW; SONG_CHANNELS],
            notes: ChannelNotes::new(SONG_CHANNELS as u8),
            song: Song { gain: Gain::UNITY, soloed: false },
        }
    }

    /// Lets those channels by their bits hand over to a slot, and no others; a channel plays one slot at most. Those for which that
    /// changes nothing play on.
    pub(super) fn hand_over(&mut self, (slot, channels): (usize, u64), slots: &mut [Slot]) {
        let Self { lines, notes, song } = self;
        for channel in 0..SONG_CHANNELS {
            let Some(own) = lines.get(channel).map(|line| line.slot) else { return };
            let others = own.filter(|other| *other != slot);
            let next = if channels >> channel & 1 == 1 { Some(slot) } else { others };
            if own == next {
                continue;
            }
            // It begins anew, so that the next one is told what this one was.
            notes.forget_lane(channel, &mut |message| play((lines, *song), slots, message));
            if let Some(line) = lines.get_mut(channel) {
                line.slot = next;
                line.idle();
            }
        }
    }

    /// Bits of the channels that hand their notes over.
    pub(super) fn channels(&self) -> u64 {
        let handed = self.lines.iter().enumerate().filter(|(_, line)| line.slot.is_some());
        handed.fold(0, |bits, (channel, _)| bits | 1 << channel) // 64 of them
    }

    /// Plays what channels have handed over by the next frame. While no tick has passed nothing has.
    pub(super) fn follow(&mut self, player: &SongPlayer, slots: &mut [Slot]) {
        let Self { lines, notes, song } = self;
        if lines.iter().all(|line| line.slot.is_none()) {
            return;
        }
        for (channel, line) in lines.iter_mut().enumerate().filter(|(_, line)| line.slot.is_some()) {
            let pan = player.heard_panning(channel).unwrap_or(0.0);
            if std::mem::replace(&mut line.pan, pan) != pan
                && let (Some(note), [.., pan, _]) = (line.note, line.controls(*song))
                && let Some(machine) = machine_of(slots, line)
            {
                machine.control_note(note, pan);
            }
        }
        notes.follow(player, &mut |message| play((lines, *song), slots, message));
    }

    /// Lets go of what channels hold.
    pub(super) fn let_go(&mut self, slots: &mut [Slot]) {
        let Self { lines, notes, song } = self;
        notes.release(&mut |message| play((lines, *song), slots, message));
    }

    /// Takes what a parameter means for notes that are handed over.
    pub(super) fn set(&mut self, (target, value): (Target, f32), slots: &mut [Slot]) {
        let lines = &mut self.lines;
        let (channel, change): (usize, fn(&mut Desk, f32)) = match target {
            Target::ChannelGain(channel) => (channel, |desk, value| desk.gain = Decibels(value).into()),
            Target::ChannelMute(channel) => (channel, |desk, value| desk.muted = value >= 0.5),
            Target::ChannelSolo(channel) => (channel, |desk, value| desk.soloed = value >= 0.5),
            Target::ChannelPan(channel) => (channel, |desk, value| desk.pan = value),
            Target::SongGain => {
                self.song.gain = Decibels(value).into();
                return self.tell_all(slots);
            }
            _ => return,
        };
        let Some(line) = lines.get_mut(channel) else { return };
        change(&mut line.desk, value);
        line.tell(channel, slots, self.song);
        let soloed = lines.iter().any(|line| line.desk.soloed);
        if std::mem::replace(&mut self.song.soloed, soloed) != soloed {
            self.tell_all(slots);
        }
    }

    fn tell_all(&self, slots: &mut [Slot]) {
        self.lines.iter().enumerate().for_each(|(channel, line)| line.tell(channel, slots, self.song));
    }

    /// Nothing is held; who hands over, and what the desk is set to, stays.
    pub(super) fn reset(&mut self) {
        self.lines.iter_mut().for_each(|line| {
            line.pan = 0.0;
            line.idle();
        });
        self.notes.forget();
    }
}

/// The instrument that a song channel plays.
fn machine_of<'a>(slots: &'a mut [Slot], line: &Line) -> Option<&'a mut Instrument> {
    slots.get_mut(line.slot?)?.machine.as_deref_mut()
}

fn play((lines, song): (&mut [Line; SONG_CHANNELS], Song), slots: &mut [Slot], message: NoteMessage) {
    if let Some(line) = lines.get_mut(usize::from(message.channel()))
        && let Some(machine) = machine_of(slots, line)
    {
        line.play(message, machine, song);
    }
}
