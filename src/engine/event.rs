//! What happens on a frame: notes, controllers and the host's transport.
//!
//! Plain data that the plugin or the command line fills in and the engine reads. No host types.

use crate::units::SampleRate;
use crate::units::Semitones;

/// Something that acts on its exact frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Event {
    /// Frame within the call.
    pub frame: u32,
    /// What happens.
    pub kind: EventKind,
}

/// Identity of a note, so that it can be addressed later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoteAddress {
    /// MIDI channel 0..=15.
    pub channel: u8,
    /// MIDI key 0..=127.
    pub key: u8,
    /// The host's id, where it gives one.
    pub id: Option<i32>,
}

/// Kinds of event.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum EventKind {
    /// A key goes down; velocity 0–1.
    NoteOn(NoteAddress, f32),
    /// A key goes up.
    NoteOff(NoteAddress),
    /// A note ends at once.
    Choke(NoteAddress),
    /// Every key goes up, on one MIDI channel or on all.
    AllNotesOff(Option<u8>),
    /// Every note ends at once, on one MIDI channel or on all.
    AllSoundOff(Option<u8>),
    /// Bend of a MIDI channel, -1..=1 of its range.
    PitchBend {
        /// MIDI channel 0..=15.
        channel: u8,
        /// -1..=1.
        value: f32,
    },
    /// A controller of a MIDI channel.
    Controller {
        /// MIDI channel 0..=15.
        channel: u8,
        /// 0..=127.
        number: u8,
        /// 0..=1.
        value: f32,
    },
    /// Channel pressure.
    Pressure {
        /// MIDI channel 0..=15.
        channel: u8,
        /// 0..=1.
        value: f32,
    },
    /// Program change.
    Program {
        /// MIDI channel 0..=15.
        channel: u8,
        /// 0..=127.
        program: u8,
    },
    /// A note expression.
    Expression(NoteAddress, Expression),
    /// What a host adds to a parameter for one note, which only its id names.
    Modulation(NoteAddress, Modulation),
    /// To the host: a note that it began has died away.
    NoteEnd(NoteAddress),
}

/// Parameters that single notes can differ in. Each value replaces the one before.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Modulation {
    /// Of the keyboard's gain: added to the fader's place, 0–1; see `parameter::modulated`.
    Gain(f32),
    /// Added to the transposition.
    Transpose(Semitones),
    /// Added to the azimuth of keys in space, in degrees to the right.
    Azimuth(f32),
    /// Added to their elevation, in degrees up.
    Elevation(f32),
    /// Factor on their distance.
    Distance(f32),
}

/// Note expressions that both plugin formats know.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Expression {
    /// Linear factor 0..=4.
    Volume(f32),
    /// -1..=1.
    Pan(f32),
    /// Semitones.
    Tuning(f32),
    /// 0..=1.
    Vibrato(f32),
    /// 0..=1.
    Brightness(f32),
    /// 0..=1.
    Pressure(f32),
}

/// The host's transport at one frame of a call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Transport {
    /// Whether time runs.
    pub playing: bool,
    /// Beats per minute; the host's last word, or 120.
    pub tempo: f64,
    /// Tempo change per frame, where the host tells it.
    pub tempo_increment: f64,
    /// Position in quarter notes, where the host has one.
    pub beats: Option<f64>,
    /// Position in seconds, where the host has one.
    pub seconds: Option<f64>,
    /// Time signature.
    pub signature: (u16, u16),
    /// Loop in quarter notes, while the host loops.
    pub looping: Option<(f64, f64)>,
}

/// Tempos that a transport may have; others are taken as 120.
const TEMPOS: std::ops::RangeInclusive<f64> = 1.0..=10_000.0;
/// Tempos that change faster than this, in BPM for each frame, are taken as steady.
const STEEPEST: f64 = 1.0;
/// Positions further away, in beats or seconds, are taken as none.
const MAX_BEATS: f64 = 1e9;

impl Transport {
    /// That of a host without one: time runs, and nobody says where it is.
    pub fn free_running() -> Self {
        Self { playing: true, ..Self::default() }
    }

    /// The same with everything in a range that can be reckoned with, whatever the host says.
    pub(super) fn cleaned(self) -> Self {
        Self {
            // NaN is in no range.
            tempo: if TEMPOS.contains(&self.tempo) { self.tempo } else { 120.0 },
            tempo_increment: if self.tempo_increment.abs() <= STEEPEST { self.tempo_increment } else { 0.0 },
            beats: self.beats.filter(|beats| beats.abs() <= MAX_BEATS),
            seconds: self.seconds.filter(|seconds| seconds.abs() <= MAX_BEATS),
            looping: self
                .looping
                .filter(|(start, end)| start < end && start.abs().max(end.abs()) <= MAX_BEATS),
            ..self
        }
    }

    /// The same `frames` frames later.
    pub(super) fn later(self, frames: u64, rate: SampleRate) -> Self {
        let frames = if self.playing { frames as f64 } else { 0.0 };
        let tempo = (self.tempo + self.tempo_increment * frames).clamp(*TEMPOS.start(), *TEMPOS.end());
        let passed = frames * (self.tempo + tempo) / (120.0 * rate.0);
        Self {
            tempo,
            beats: self.beats.map(|beats| beats + passed),
            seconds: self.seconds.map(|seconds| seconds + frames / rate.0),
            ..self
        }
    }
}

impl Default for Transport {
    fn default() -> Self {
        Self {
            playing: false,
            tempo: 120.0,
            tempo_increment: 0.0,
            beats: None,
            seconds: None,
            signature: (4, 4),
            looping: None,
        }
    }
}
