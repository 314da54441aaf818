//! From events to notes: which instrument or song channel a MIDI channel plays, and what its controllers do.
//!
//! Audio thread. Bend, controllers and velocity are rounded to what MIDI carries, so that both plugin formats agree.

use super::EventKind;
use super::Expression;
use super::NoteAddress;
use super::outgoing::Outgoing;
use super::song::Playing;
use crate::tracker::KeyPress;
use crate::tracker::Keyboard;
use crate::units::Semitones;

/// What a bend all the way up is worth.
const BEND_RANGE: f32 = 2.0;

/// Controllers that end notes.
const ALL_SOUND_OFF: u8 = 120;
const ALL_NOTES_OFF: u8 = 123;

/// What keys play.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum KeyboardMode {
    /// MIDI channel n plays instrument n.
    #[default]
    Multi,
    /// MIDI channel n plays the selected instrument on song channel n.
    Channel,
    /// Every MIDI channel plays the selected instrument.
    Selected,
}

/// Keys on their way to a song and its keyboard.
#[derive(Debug)]
pub(super) struct Keys {
    pub(super) mode: KeyboardMode,
    /// From 1.
    pub(super) instrument: u16,
    /// Key down on each song channel.
    held: [Option<u8>; 16],
}

impl Default for Keys {
    fn default() -> Self {
        Self { mode: KeyboardMode::Multi, instrument: 1, held: [None; 16] }
    }
}

impl Keys {
    /// Lets go of whatever is held in a mode that ends.
    pub(super) fn set_mode(&mut self, mode: KeyboardMode, playing: Option<&mut Playing>, frame: u64) {
        if mode == self.mode {
            return;
        }
        if let Some(playing) = playing {
            for slot in 0..16 {
                playing.keyboard.release_all(slot);
                self.release_channel(slot, playing, frame);
            }
        }
        self.mode = mode;
    }

    /// Acts on an event at `frame`; what the host must hear of it goes to `out`.
    pub(super) fn act(&mut self, event: &EventKind, playing: &mut Playing, frame: u64, out: &mut Outgoing) {
        let _ = out; // ends of notes are still to come
        match *event {
            EventKind::NoteOn(note, velocity) => self.press(note, velocity, playing, frame),
            EventKind::NoteOff(note) => self.release(note, playing, frame),
            EventKind::Choke(note) => {
                self.release(note, playing, frame);
                playing.keyboard.choke(note.channel, note.key, note.id);
            }
            EventKind::AllNotesOff(channel) => self.control_each(channel, ALL_NOTES_OFF, playing, frame),
            EventKind::AllSoundOff(channel) => self.control_each(channel, ALL_SOUND_OFF, playing, frame),
            EventKind::PitchBend { channel, value } => {
                let bend = libm::roundf(value.clamp(-1.0, 1.0) * 8192.0) / 8192.0;
                playing.keyboard.set_bend(channel, Semitones(bend * BEND_RANGE));
            }
            EventKind::Controller { channel, number, value } => {
                self.control((channel, number, value), playing, frame)
            }
            EventKind::Expression(note, expression) => express(note, expression, &mut playing.keyboard),
            // Nothing of a tracker answers to these yet.
            EventKind::Pressure { .. } | EventKind::Program { .. } | EventKind::Modulation(..) => {}
            // Said by us, not to us.
            EventKind::NoteEnd(_) => {}
        }
    }

    fn press(&mut self, note: NoteAddress, velocity: f32, playing: &mut Playing, frame: u64) {
        let velocity = libm::roundf(velocity.clamp(0.0, 1.0) * 127.0) / 127.0;
        let instrument = match self.mode {
            KeyboardMode::Multi => u16::from(note.channel) + 1,
            KeyboardMode::Channel | KeyboardMode::Selected => self.instrument,
        };
        if self.mode == KeyboardMode::Channel {
            if let Some(held) = self.held.get_mut(usize::from(note.channel)) {
                *held = Some(note.key);
                playing.play_note(note.channel.into(), (instrument, note.key), velocity, frame);
            }
            return;
        }
        let slot = note.channel.min(15);
        playing.keyboard.press(KeyPress { slot, instrument, key: note.key, velocity, id: note.id });
    }

    fn release(&mut self, note: NoteAddress, playing: &mut Playing, frame: u64) {
        if self.held.get(usize::from(note.channel)).is_some_and(|held| *held == Some(note.key)) {
            self.release_channel(note.channel, playing, frame);
        }
        playing.keyboard.release(note.channel, note.key, note.id);
    }

    fn release_channel(&mut self, channel: u8, playing: &mut Playing, frame: u64) {
        if let Some(held) = self.held.get_mut(usize::from(channel))
            && held.take().is_some()
        {
            playing.release_note(channel.into(), frame);
        }
    }

    /// Sends a controller to one MIDI channel or to all.
    fn control_each(&mut self, channel: Option<u8>, number: u8, playing: &mut Playing, frame: u64) {
        let channels = channel.map_or(0..=15, |channel| channel..=channel);
        channels.for_each(|channel| self.control((channel, number, 0.0), playing, frame));
    }

    /// The MIDI controllers that the keyboard knows.
    fn control(&mut self, (channel, number, value): (u8, u8, f32), playing: &mut Playing, frame: u64) {
        let value = libm::roundf(value.clamp(0.0, 1.0) * 127.0) / 127.0;
        let keyboard = &mut playing.keyboard;
        match number {
            1 => keyboard.set_modulation(channel, value),
            7 => keyboard.set_volume(channel, value),
            // 64 of 127 is the middle.
            10 => keyboard.set_pan(channel, ((value * 127.0 - 64.0) / 63.0).max(-1.0)),
            11 => keyboard.set_expression(channel, value),
            64 => keyboard.set_pedal(channel, value >= 0.5),
            ALL_SOUND_OFF => {
                keyboard.choke_all(channel);
                self.release_channel(channel, playing, frame);
            }
            ALL_NOTES_OFF => {
                keyboard.release_all(channel);
                self.release_channel(channel, playing, frame);
            }
            _ => {}
        }
    }

    /// Forgets what is held.
    pub(super) fn reset(&mut self) {
        self.held = [None; 16];
    }
}

/// Expressions that a whole slot can follow; those of single notes are still to come.
fn express(note: NoteAddress, expression: Expression, keyboard: &mut Keyboard) {
    match expression {
        Expression::Tuning(semitones) => keyboard.set_bend(note.channel, Semitones(semitones)),
        Expression::Pan(pan) => keyboard.set_pan(note.channel, pan),
        Expression::Vibrato(depth) => keyboard.set_modulation(note.channel, depth),
        Expression::Volume(_) | Expression::Brightness(_) | Expression::Pressure(_) => {}
    }
}
