//! What wheels, pedals and note expressions ask of notes, be they a song's instruments or voices.
//!
//! MIDI's numbers are turned into this by the engine; what comes of it is the business of whoever plays the notes.

use crate::units::Gain;
use crate::units::Semitones;

/// A change of one controller, for all notes of a slot, a song channel or a MIDI channel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Control {
    /// Bends notes at once, those to come too.
    Bend(Semitones),
    /// 0..=1.
    Volume(Gain),
    /// 0..=1, times the volume.
    Expression(Gain),
    /// -1..=1.
    Pan(f32),
    /// Vibrato from the next tick on, 0..=1.
    Modulation(f32),
    /// Vibrato too: the deeper of both.
    Pressure(f32),
    /// Speed of the vibrato, 0..=1; 0.5 is the usual one.
    VibratoRate(f32),
    /// Filter: 0 closed ..= 1 open.
    Cutoff(f32),
    /// Filter: 0 closed, 0.5 as the note is, 1 open.
    Brightness(f32),
    /// Filter: 0..=1, more than the note's own.
    Resonance(f32),
    /// How long tone portamento takes, where there is one, 0 no time ..= 1 long.
    PortamentoTime(f32),
    /// Whether notes slide from the one before.
    Portamento(bool),
}

/// A change that concerns one note.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NoteControl {
    /// Factor on everything else.
    Volume(Gain),
    /// -1..=1, to the left and right of where the note is.
    Pan(f32),
    /// Added to the bend.
    Tuning(Semitones),
    /// Vibrato, 0..=1: the deepest of all.
    Vibrato(f32),
    /// As [`Control::Brightness`].
    Brightness(f32),
    /// Vibrato too.
    Pressure(f32),
    /// The keyboard's gain for this note, where it differs.
    Gain {
        /// What makes the difference, by which whoever sets that gain asks for it; 0 is none.
        offset: f32,
        /// What comes of it now.
        gain: Gain,
    },
    /// Added to the transposition.
    Transpose(Semitones),
}
