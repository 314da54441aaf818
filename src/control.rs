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
    /// -1..=1, to the left and right of where the note is: 90° either way in space.
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
    /// Added to the azimuth of keys in space, in degrees to the right.
    Azimuth(f32),
    /// Added to their elevation, in degrees up.
    Elevation(f32),
    /// Factor on their distance.
    Distance(f32),
}

/// Degrees and factors beyond which no note goes from where keys are.
const FARTHEST: f32 = 1000.0;

/// How far a note is from where keys are in space: degrees to the right and up, and a factor on their distance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Aside(pub [f32; 3]);

impl Default for Aside {
    fn default() -> Self {
        Self([0.0, 0.0, 1.0])
    }
}

impl Aside {
    /// Takes a change that is about it; all others and what is no number change nothing.
    pub fn set(&mut self, control: NoteControl) {
        let [azimuth, elevation, distance] = &mut self.0;
        let (part, value, least) = match control {
            NoteControl::Azimuth(by) => (azimuth, by, -FARTHEST),
            NoteControl::Elevation(by) => (elevation, by, -FARTHEST),
            NoteControl::Distance(factor) => (distance, factor, 1.0 / FARTHEST),
            _ => return,
        };
        if !value.is_nan() {
            *part = value.clamp(least, FARTHEST);
        }
    }
}
