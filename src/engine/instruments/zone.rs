//! MPE for an instrument: the first slot's is played from all MIDI channels, of which each but the first speaks for its own notes.
//!
//! In: bends, pressure and timbre of channels. Out: what they mean for the notes there are, and for those that begin. Audio thread.
//! It holds while MPE is switched on in Multi mode and the slot has an instrument. The first channel speaks for all notes; of what
//! else other channels say nothing is heard. Source: MPE specification 1.0, lower zone.

use super::super::keys::TIMBRE;
use super::super::keys::timbre;
use crate::control::Control;
use crate::control::NoteControl;
use crate::tracker::KEYBOARD_SLOTS;
use crate::units::Semitones;

/// Bend, pressure and timbre of a channel.
type Member = [NoteControl; 3];

const STILL: Member =
    [NoteControl::Tuning(Semitones(0.0)), NoteControl::Pressure(0.0), NoteControl::Brightness(0.5)];

/// See the module's description.
pub(super) struct Zone {
    /// The parameter.
    asked: bool,
    holds: bool,
    members: [Member; KEYBOARD_SLOTS],
}

impl Default for Zone {
    fn default() -> Self {
        Self { asked: false, holds: false, members: [STILL; KEYBOARD_SLOTS] }
    }
}

impl Zone {
    pub(super) fn set_asked(&mut self, asked: bool) {
        self.asked = asked;
    }

    /// Takes whether it can hold; says whether that makes a difference.
    pub(super) fn switch(&mut self, possible: bool) -> bool {
        let holds = self.asked && possible;
        let changes = std::mem::replace(&mut self.holds, holds) != holds;
        if changes {
            self.reset();
        }
        changes
    }

    /// Nothing is bent.
    pub(super) fn reset(&mut self) {
        self.members = [STILL; KEYBOARD_SLOTS];
    }

    /// The slot that a channel plays.
    pub(super) fn slot(&self, channel: u8) -> usize {
        if self.holds { 0 } else { channel.into() }
    }

    pub(super) fn is_member(&self, channel: u8) -> bool {
        self.holds && channel > 0
    }

    fn say(&mut self, channel: u8, number: usize, control: NoteControl) -> Option<NoteControl> {
        let member = self.is_member(channel).then(|| self.members.get_mut(usize::from(channel)))??;
        member.get_mut(number).map(|said| *said = control)?;
        Some(control)
    }

    pub(super) fn bend(&mut self, channel: u8, bend: Semitones) -> Option<NoteControl> {
        self.say(channel, 0, NoteControl::Tuning(bend))
    }

    pub(super) fn pressure(&mut self, channel: u8, pressure: f32) -> Option<NoteControl> {
        self.say(channel, 1, NoteControl::Pressure(pressure))
    }

    /// Of a controller, which may be another one.
    pub(super) fn timbre(&mut self, channel: u8, (number, value): (u8, f32)) -> Option<NoteControl> {
        (number == TIMBRE).then(|| self.say(channel, 2, NoteControl::Brightness(timbre(value))))?
    }

    /// What a channel's controller means for all notes.
    pub(super) fn control(&self, channel: u8, control: Option<Control>) -> Option<Control> {
        match control {
            Some(Control::Cutoff(value)) if self.holds && channel == 0 => {
                Some(Control::Brightness(timbre(value)))
            }
            control => control,
        }
    }

    /// What a note begins with.
    pub(super) fn begin(&self, channel: u8) -> Option<Member> {
        self.is_member(channel).then(|| self.members.get(usize::from(channel)).copied())?
    }
}
