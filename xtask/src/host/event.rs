//! What reaches a plugin besides sound: notes, MIDI, parameter points and the play position, in neither format's shape.

/// Something that happens on one frame of a block.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Event {
    /// Offset in the block.
    pub frame: u32,
    /// What happens.
    pub kind: EventKind,
}

/// What an [`Event`] does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum EventKind {
    /// A key goes down.
    NoteOn {
        /// MIDI channel, 0 to 15.
        channel: u8,
        /// MIDI key, 60 is middle C.
        key: u8,
        /// 0…1.
        velocity: f64,
    },
    /// A key comes up.
    NoteOff {
        /// MIDI channel, 0 to 15.
        channel: u8,
        /// MIDI key.
        key: u8,
        /// 0…1.
        velocity: f64,
    },
    /// A channel message of three bytes; in VST3 it goes through `IMidiMapping` and is lost where that maps nothing.
    Midi([u8; 3]),
    /// An automation point.
    Parameter {
        /// Which parameter.
        id: u32,
        /// Normalised.
        value: f64,
    },
}

/// The host's play position at the first frame of a block.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Transport {
    /// Whether the host plays.
    pub playing: bool,
    /// Quarter notes per minute at this frame.
    pub tempo: f64,
    /// Change of `tempo` per frame; only CLAP can say it.
    pub tempo_increment: f64,
    /// Position in quarter notes.
    pub beats: f64,
    /// Position in frames.
    pub frames: i64,
    /// Position in seconds.
    pub seconds: f64,
    /// Loop start and end in quarter notes, if looping is on.
    pub loop_beats: Option<(f64, f64)>,
    /// Time signature.
    pub signature: (u16, u16),
}

impl Transport {
    /// Start of the current bar in quarter notes, and the bar's number from 0.
    pub fn bar(&self) -> (f64, i32) {
        let length = f64::from(self.signature.0) * 4.0 / f64::from(self.signature.1.max(1));
        let bar = (self.beats / length).floor();
        (bar * length, bar as i32)
    }
}
