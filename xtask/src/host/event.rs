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
    /// Something about one note that has a number of its own.
    Note {
        /// Which.
        note: Note,
        /// What.
        action: NoteAction,
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

/// A note that can be told from others on its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note {
    /// The host's number for it; -1 for none.
    pub id: i32,
    /// MIDI channel, 0 to 15.
    pub channel: u8,
    /// MIDI key.
    pub key: u8,
}

/// What becomes of a note.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NoteAction {
    /// Its key goes down, this fast: 0…1.
    On(f64),
    /// Its key comes up.
    Off,
    /// It ends at once; only CLAP can say it.
    Choke,
    /// A quality of its own, in CLAP's units.
    Express(NoteExpression, f64),
    /// Moves a parameter for this note alone, by a part of the parameter's range; only CLAP can say it.
    Modulate {
        /// Which parameter.
        parameter: u32,
        /// -1…1.
        amount: f64,
    },
    /// The plugin has played it to its end; only CLAP can say it.
    End,
}

/// Qualities of single notes that both formats know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoteExpression {
    /// Linear factor, 0…4.
    Volume,
    /// 0…1, 0.5 in the middle.
    Pan,
    /// Semitones.
    Tuning,
    /// 0…1.
    Vibrato,
    /// 0…1.
    Expression,
    /// 0…1.
    Brightness,
    /// 0…1.
    Pressure,
}

/// The host's play position on a frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Transport {
    /// Whether the host plays.
    pub playing: bool,
    /// Whether it counts in before a recording; only CLAP can say it.
    pub preroll: bool,
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
    /// A beat on which a bar begins.
    pub bar_beat: f64,
    /// What of this the plugin hears.
    pub told: Told,
}

/// How much a host tells of its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// Quarter notes per minute.
    pub tempo: bool,
    /// How the tempo goes on.
    pub ramp: bool,
    /// The position in quarter notes, its bar and its loop.
    pub beats: bool,
    /// The position in seconds; VST3 always has one.
    pub seconds: bool,
    /// The time signature.
    pub signature: bool,
}

impl Default for Told {
    fn default() -> Self {
        Self { tempo: true, ramp: true, beats: true, seconds: true, signature: true }
    }
}

impl Default for Transport {
    fn default() -> Self {
        Self {
            playing: false,
            preroll: false,
            tempo: 120.0,
            tempo_increment: 0.0,
            beats: 0.0,
            frames: 0,
            seconds: 0.0,
            loop_beats: None,
            signature: (4, 4),
            bar_beat: 0.0,
            told: Told::default(),
        }
    }
}

impl Transport {
    /// Start of the current bar in quarter notes, and the bar's number since `bar_beat`.
    pub fn bar(&self) -> (f64, i32) {
        let length = f64::from(self.signature.0) * 4.0 / f64::from(self.signature.1.max(1));
        let bar = ((self.beats - self.bar_beat) / length).floor();
        (self.bar_beat + bar * length, bar as i32)
    }
}
