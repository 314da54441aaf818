//! Every parameter that a host can see: one table, in its final order, without the plugin framework.
//!
//! The table says name, group, range and text of each; [`ParameterValues`] holds what they are set to and which have
//! changed. Any thread writes, the audio thread reads the dirty bitmap.

use super::Modulation;
use crate::lane::LANES;
use crate::machine::MachineKind;
use crate::mixer::BUSES;
use crate::mixer::INPUT_CHANNELS;
use crate::mixer::INPUT_PLACE;
use crate::mixer::INSERTS;
use crate::mixer::KEYBOARD_PLACE;
use crate::mixer::LANE_PLACE;
use crate::mixer::MACROS;
use crate::mixer::MASTER;
use crate::mixer::RETURNS;
use crate::mixer::SONG_CHANNELS;
use crate::mixer::STRIPS;
use crate::mixer::strip_name;
use crate::tracker::KEYBOARD_SLOTS;
use crate::units::Decibels;
use crate::units::Semitones;
use crate::units::quantity;
use crate::voice::SLOTS;
use std::ops::Range;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Acquire;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::Ordering::Release;

/// Host input channels in the matrix.
pub const INPUTS: usize = INPUT_CHANNELS;
/// Voice slots that a parameter can trigger.
pub const TRIGGERS: usize = 32;

/// What a parameter acts on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs)]
pub enum Target {
    SongPlay,
    Audition,
    Sync,
    ModuleTempo,
    TempoRatio,
    StartBeat,
    StartOrder,
    EndBehaviour,
    ManualOrder,
    ManualRow,
    Chase,
    KeyboardMode,
    SelectedInstrument,
    LaunchQuantise,
    LaunchMode,
    VelocityCurve,
    Mpe,
    NoteOut,
    Tone,
    Interpolation,
    Ramping,
    Separation,
    SongGain,
    KeyboardGain,
    Transpose,
    MasterCeiling,
    HeadYaw,
    HeadPitch,
    HeadRoll,
    Panic,
    ChannelGain(usize),
    ChannelMute(usize),
    ChannelSolo(usize),
    ChannelPan(usize),
    StripGain(usize),
    StripMute(usize),
    StripSolo(usize),
    StripPan(usize),
    SendLevel {
        strip: usize,
        send: usize,
    },
    SendPre {
        strip: usize,
        send: usize,
    },
    SoftClip(usize),
    Limiter(usize),
    DuckAmount(usize),
    DuckThreshold(usize),
    DuckAttack(usize),
    DuckRelease(usize),
    /// Of a place in space: see [`PLACES`](crate::mixer::PLACES).
    Azimuth(usize),
    Elevation(usize),
    Distance(usize),
    KeyboardAzimuth,
    KeyboardElevation,
    KeyboardDistance,
    /// Of a voice slot in space: added to what its table says, and a factor.
    VoiceAzimuth(usize),
    VoiceElevation(usize),
    VoiceDistance(usize),
    /// Of the whole song in space: a factor of its arc in percent, and as of voices.
    SongArc,
    SongAzimuth,
    SongElevation,
    SongDistance,
    /// Of a song channel in space, beside the whole song: as of voices.
    ChannelAzimuth(usize),
    ChannelElevation(usize),
    ChannelDistance(usize),
    InsertBypass {
        strip: usize,
        slot: usize,
    },
    InsertMacro {
        strip: usize,
        slot: usize,
        control: usize,
    },
    LaneGain(usize),
    LaneMute(usize),
    LaneSolo(usize),
    LanePan(usize),
    LaneSpeed(usize),
    LaneTrigger(usize),
    InputTrim(usize),
    InputMute(usize),
    InputSolo(usize),
    InputPan(usize),
    InputToBus {
        input: usize,
        bus: usize,
    },
    InputToOutput {
        input: usize,
        output: usize,
    },
    InputMonitor(usize),
    OutputGain(usize),
    MonitorGain,
    Listen,
    Identify,
    VoiceTrigger(usize),
    InstrumentMacro {
        slot: usize,
        control: usize,
    },
}

impl Target {
    /// Whether it does something yet; hosts are asked to hide what does not.
    pub fn works(self) -> bool {
        use Target::*;
        match self {
            SongPlay | Audition | Sync | ModuleTempo | TempoRatio | StartBeat | StartOrder | EndBehaviour => {
                true
            }
            LaunchQuantise | LaunchMode => true,
            ManualOrder | ManualRow | Chase => true,
            KeyboardMode | SelectedInstrument | VelocityCurve | Mpe | KeyboardGain | Transpose => true,
            Tone | Interpolation | Ramping | Separation | SongGain | Panic => true,
            NoteOut => true,
            ChannelGain(_) | ChannelMute(_) | ChannelSolo(_) | ChannelPan(_) => true,
            StripGain(_) | StripMute(_) | StripSolo(_) | StripPan(_) => true,
            SendLevel { .. } | SendPre { .. } | SoftClip(_) | Limiter(_) | MasterCeiling => true,
            DuckAmount(_) | DuckThreshold(_) | DuckAttack(_) | DuckRelease(_) => true,
            InputTrim(_) | InputMute(_) | InputSolo(_) | InputPan(_) | InputMonitor(_) => true,
            InputToBus { .. } | InputToOutput { .. } | OutputGain(_) => true,
            MonitorGain | Listen | Identify => true,
            InsertBypass { .. } | InsertMacro { .. } | InstrumentMacro { .. } => true,
            HeadYaw | HeadPitch | HeadRoll | Azimuth(_) | Elevation(_) | Distance(_) => true,
            KeyboardAzimuth | KeyboardElevation | KeyboardDistance => true,
            VoiceAzimuth(_) | VoiceElevation(_) | VoiceDistance(_) => true,
            SongArc | SongAzimuth | SongElevation | SongDistance => true,
            ChannelAzimuth(_) | ChannelElevation(_) | ChannelDistance(_) => true,
            LaneGain(_) | LaneMute(_) | LaneSolo(_) | LanePan(_) | LaneSpeed(_) | LaneTrigger(_) => true,
            VoiceTrigger(_) => true,
        }
    }
}

/// Unit of a continuous parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs)]
pub enum Unit {
    None,
    Percent,
    Decibels,
    Milliseconds,
    Degrees,
    Metres,
    Semitones,
    Beats,
    Factor,
}

impl Unit {
    /// As it stands behind a number.
    const fn name(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Percent => "%",
            Self::Decibels => "dB",
            Self::Milliseconds => "ms",
            Self::Degrees => "°",
            Self::Metres => "m",
            Self::Semitones => "st",
            Self::Beats => "beats",
            Self::Factor => "x",
        }
    }
}

/// Kind and range of a parameter. The plain value is what the engine reads.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// 0 or 1.
    Switch {
        /// State of a new instance.
        on: bool,
    },
    /// Index into `labels`.
    Choice {
        /// Shown texts.
        labels: &'static [&'static str],
        /// Index of a new instance.
        default: usize,
    },
    /// Whole number, both ends included.
    Integer {
        /// Least.
        min: i32,
        /// Greatest.
        max: i32,
        /// Of a new instance.
        default: i32,
    },
    /// Decibels from `-inf` to +12, on a fader's curve; 0 dB lies at exactly 3/4 of the way.
    Level {
        /// dB of a new instance.
        default: Decibels,
    },
    /// Continuous number.
    Number {
        /// Least.
        min: f32,
        /// Greatest.
        max: f32,
        /// Of a new instance.
        default: f32,
        /// For the text.
        unit: Unit,
        /// Whether equal ways are equal ratios, not equal steps.
        logarithmic: bool,
    },
    /// -1 left … 0 centre … 1 right.
    Pan,
    /// 0–1, bound to a control of whatever machine sits in the slot.
    Macro {
        /// Of a new instance.
        default: f32,
    },
}

/// Greatest transposition of the keyboard, up and down.
pub const TRANSPOSE_MAX: Semitones = Semitones(24.0);

/// Metres that a place can be away.
const NEAREST: f32 = 0.1;
const FARTHEST: f32 = 100.0;

/// Loudest setting of a level.
pub const LEVEL_MAX: Decibels = Decibels(12.0);

impl Kind {
    /// Plain value of a new instance.
    pub fn default_value(&self) -> f32 {
        match *self {
            Self::Switch { on } => f32::from(u8::from(on)),
            Self::Choice { default, .. } => default as f32,
            Self::Integer { default, .. } => default as f32,
            Self::Level { default } => default.0,
            Self::Number { default, .. } | Self::Macro { default } => default,
            Self::Pan => 0.0,
        }
    }

    /// Number of steps between the ends; `None` where continuous.
    pub fn steps(&self) -> Option<u32> {
        match *self {
            Self::Switch { .. } => Some(1),
            Self::Choice { labels, .. } => Some(labels.len() as u32 - 1),
            Self::Integer { min, max, .. } => Some(max.abs_diff(min)),
            Self::Level { .. } | Self::Number { .. } | Self::Pan | Self::Macro { .. } => None,
        }
    }

    /// 0–1 of a plain value; out-of-range values are clamped.
    pub fn normalise(&self, plain: f32) -> f32 {
        match *self {
            Self::Switch { .. } => f32::from(u8::from(plain >= 0.5)),
            Self::Choice { labels, .. } => plain.round() / (labels.len() - 1).max(1) as f32,
            Self::Integer { min, max, .. } => (plain.round() - min as f32) / (max - min).max(1) as f32,
            Self::Level { .. } => fader_position(Decibels(plain)),
            Self::Number { min, max, logarithmic: true, .. } => {
                libm::logf(plain.max(min) / min) / libm::logf(max / min)
            }
            Self::Number { min, max, .. } => (plain - min) / (max - min),
            Self::Pan => (plain + 1.0) / 2.0,
            Self::Macro { .. } => plain,
        }
        .clamp(0.0, 1.0)
    }

    /// Plain value of 0–1.
    pub fn plain(&self, normalised: f32) -> f32 {
        let x = normalised.clamp(0.0, 1.0);
        match *self {
            Self::Switch { .. } => f32::from(u8::from(x >= 0.5)),
            Self::Choice { labels, .. } => (x * (labels.len() - 1) as f32).round(),
            Self::Integer { min, max, .. } => (min as f32 + x * (max - min) as f32).round(),
            Self::Level { .. } => fader_level(x).0,
            Self::Number { min, max, logarithmic: true, .. } => rounded(min * libm::powf(max / min, x)),
            Self::Number { min, max, .. } => min + x * (max - min),
            Self::Pan => x * 2.0 - 1.0,
            Self::Macro { .. } => x,
        }
    }

    /// Text of a plain value with its unit.
    pub fn text(&self, plain: f32) -> String {
        match *self {
            Self::Switch { .. } => if plain >= 0.5 { "On" } else { "Off" }.to_owned(),
            Self::Choice { labels, .. } => {
                labels.get(plain.round() as usize).copied().unwrap_or("").to_owned()
            }
            Self::Integer { .. } => format!("{plain:.0}"),
            Self::Level { .. } if plain == f32::NEG_INFINITY => "-inf dB".to_owned(),
            Self::Level { .. } => format!("{:.2} dB", plain + 0.0),
            Self::Number { unit, .. } => number_text(plain, unit),
            Self::Pan => pan_text(plain),
            Self::Macro { .. } => format!("{:.1} %", plain * 100.0),
        }
    }

    /// Plain value of a text, with or without its unit; `None` if it is none.
    pub fn parse(&self, text: &str) -> Option<f32> {
        let text = text.trim();
        match *self {
            Self::Switch { .. } => match text.to_ascii_lowercase().as_str() {
                "on" | "1" | "yes" => Some(1.0),
                "off" | "0" | "no" => Some(0.0),
                _ => None,
            },
            Self::Choice { labels, .. } => {
                labels.iter().position(|label| label.eq_ignore_ascii_case(text)).map(|index| index as f32)
            }
            Self::Level { .. } if text.to_ascii_lowercase().starts_with("-inf") => Some(f32::NEG_INFINITY),
            Self::Pan => parse_pan(text),
            Self::Macro { .. } => quantity(text, "%").map(|percent| percent / 100.0),
            Self::Integer { .. } => quantity(text, ""),
            Self::Level { .. } => quantity(text, "dB"),
            Self::Number { unit, .. } => quantity(text, unit.name()),
        }
    }
}

/// Where 0 dB lies on a fader's way.
const UNITY_POSITION: f32 = 0.75;
/// Decibels for each tenfold of the way, so that [`LEVEL_MAX`] lies at 1: 12 / log10(1 / 0.75).
const DECADE: f32 = 96.047_07;

/// Fader curve: a power of amplitude, 1 / 4.8, scaled so that 0 dB lies at [`UNITY_POSITION`] to the bit.
fn fader_position(level: Decibels) -> f32 {
    if level >= LEVEL_MAX { 1.0 } else { UNITY_POSITION * libm::powf(10.0, level.0 / DECADE) }
}

fn fader_level(position: f32) -> Decibels {
    Decibels((DECADE * libm::log10f(position / UNITY_POSITION)).min(LEVEL_MAX.0))
}

/// What a note is moved by in space where a host moves one of the keyboard's place parameters by `offset` of its way for it;
/// `None` for other parameters. Real-time: yes.
pub fn moved(target: Target, offset: f32) -> Option<Modulation> {
    match target {
        Target::KeyboardAzimuth => Some(Modulation::Azimuth(360.0 * offset)),
        Target::KeyboardElevation => Some(Modulation::Elevation(180.0 * offset)),
        Target::KeyboardDistance => Some(Modulation::Distance(libm::powf(FARTHEST / NEAREST, offset))),
        _ => None,
    }
}

/// A level whose fader is moved by `offset` of its way, as a host's modulation does.
pub(super) fn modulated(level: Decibels, offset: f32) -> Decibels {
    fader_level((fader_position(level) + offset).clamp(0.0, 1.0))
}

/// To five digits, so that what has been set comes back to the bit.
fn rounded(plain: f32) -> f32 {
    let digits = libm::pow(10.0, 4.0 - libm::floor(libm::log10(f64::from(plain))));
    (libm::round(f64::from(plain) * digits) / digits) as f32
}

fn number_text(plain: f32, unit: Unit) -> String {
    let name = unit.name();
    match unit {
        Unit::None => format!("{plain:.2}"),
        Unit::Percent => format!("{plain:.0} {name}"),
        Unit::Milliseconds => format!("{plain:.1} {name}"),
        Unit::Degrees => format!("{plain:.1}{name}"),
        Unit::Decibels | Unit::Metres | Unit::Beats => format!("{plain:.2} {name}"),
        Unit::Semitones => format!("{plain:+.2} {name}"),
        Unit::Factor => format!("{plain:.3} {name}"),
    }
}

fn pan_text(plain: f32) -> String {
    let percent = (plain * 100.0).round();
    if percent == 0.0 {
        "C".to_owned()
    } else if percent < 0.0 {
        format!("{:.0} L", -percent)
    } else {
        format!("{percent:.0} R")
    }
}

fn parse_pan(text: &str) -> Option<f32> {
    let lower = text.to_ascii_lowercase();
    if lower == "c" || lower == "centre" || lower == "center" {
        return Some(0.0);
    }
    let (number, sign) = match (lower.strip_suffix('l'), lower.strip_suffix('r')) {
        (Some(left), _) => (left, -1.0),
        (_, Some(right)) => (right, 1.0),
        (None, None) => (lower.as_str(), 1.0),
    };
    quantity(number, "%").map(|percent| sign * percent / 100.0)
}

/// One row of the table.
#[derive(Clone, Debug)]
pub struct ParameterSpec {
    /// Stable id, at most 6 ASCII characters.
    pub id: String,
    /// Name, unique in its group.
    pub name: String,
    /// Path of groups, `Bus 3/Send A`; empty on the front page.
    pub group: String,
    /// Range and text.
    pub kind: Kind,
    /// What the engine does with it.
    pub target: Target,
}

impl ParameterSpec {
    /// Group and name as one text, `Bus 1 Gain`.
    pub fn full_name(&self) -> String {
        if self.group.is_empty() {
            self.name.clone()
        } else {
            format!("{} {}", self.group.replace('/', " "), self.name)
        }
    }
}

const SYNC: &[&str] = &["Song", "Original", "Tempo", "Free", "Launch", "Manual"];
const RATIO: &[&str] = &["1/4", "1/2", "3/4", "1", "1 1/2", "2", "4"];
const KEYBOARD: &[&str] = &["Multi", "Channel", "Selected", "Kit", "Launch", "Voices"];
const TONES: &[&str] = &["Clean", "Authentic", "Amiga 500", "Amiga 1200", "Amiga Unfiltered"];
const INTERPOLATION: &[&str] = &["None", "Linear", "Cubic", "Sinc"];
const LISTEN: &[&str] =
    &["Off", "Input 1", "Input 2", "Input 3", "Input 4", "Input 5", "Input 6", "Input 7", "Input 8"];
const IDENTIFY: &[&str] =
    &["Off", "Output 1", "Output 2", "Output 3", "Output 4", "Output 5", "Output 6", "Output 7", "Output 8"];
const QUANTISE: &[&str] = &["Off", "Row", "Beat", "Bar", "Pattern"];

/// Factors of the `TempoRatio` choices.
pub const TEMPO_RATIOS: [f64; 7] = [0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 4.0];

/// Builds the whole table. Allocates.
pub fn table() -> Vec<ParameterSpec> {
    let mut table = Table::default();
    table.front_page();
    table.add("ramp", "Ramping", "Song", choice(&["Format", "Off", "On"], 0), Target::Ramping);
    (0..SONG_CHANNELS).for_each(|channel| table.song_channel(channel));
    (0..STRIPS).for_each(|strip| table.strip(strip));
    (0..LANES).for_each(|lane| table.lane(lane));
    (0..INPUTS).for_each(|input| table.input(input));
    table.add("mongn", "Gain", "Monitor", UNITY, Target::MonitorGain);
    table.add("listen", "Listen", "Monitor", choice(LISTEN, 0), Target::Listen);
    table.add("ident", "Identify", "Monitor", choice(IDENTIFY, 0), Target::Identify);
    (0..STRIPS).for_each(|strip| table.inserts(strip));
    (0..TRIGGERS).for_each(|slot| {
        table.add(
            format!("v{:02}t", slot + 1),
            "Trigger",
            format!("Voice {}", slot + 1),
            OFF,
            Target::VoiceTrigger(slot),
        );
    });
    (0..KEYBOARD_SLOTS).for_each(|slot| table.instrument(slot));
    table.further_places();
    table.voice_places(0..TRIGGERS);
    table.song_places();
    table.voice_places(TRIGGERS..SLOTS);
    table.channel_places();
    table.0
}

/// Degrees to the right and up, and metres.
const PLACE: [Kind; 3] = [
    number(-180.0, 180.0, 0.0, Unit::Degrees),
    number(-90.0, 90.0, 0.0, Unit::Degrees),
    Kind::Number { min: NEAREST, max: FARTHEST, default: 1.0, unit: Unit::Metres, logarithmic: true },
];

const OFF: Kind = Kind::Switch { on: false };
const UNITY: Kind = Kind::Level { default: Decibels(0.0) };
const SILENT: Kind = Kind::Level { default: Decibels(f32::NEG_INFINITY) };

const fn number(min: f32, max: f32, default: f32, unit: Unit) -> Kind {
    Kind::Number { min, max, default, unit, logarithmic: false }
}

fn choice(labels: &'static [&'static str], default: usize) -> Kind {
    Kind::Choice { labels, default }
}

#[derive(Default)]
struct Table(Vec<ParameterSpec>);

impl Table {
    fn add(
        &mut self,
        id: impl Into<String>,
        name: &str,
        group: impl Into<String>,
        kind: Kind,
        target: Target,
    ) {
        self.0.push(ParameterSpec {
            id: id.into(),
            name: name.to_owned(),
            group: group.into(),
            kind,
            target,
        });
    }

    fn front_page(&mut self) {
        let bipolar = number(-100.0, 100.0, 0.0, Unit::Percent);
        let angle = number(-180.0, 180.0, 0.0, Unit::Degrees);
        let order = Kind::Integer { min: 0, max: 255, default: 0 };
        self.add("play", "Play", "", Kind::Switch { on: true }, Target::SongPlay);
        self.add("audit", "Audition", "", OFF, Target::Audition);
        self.add("sync", "Sync", "", choice(SYNC, 0), Target::Sync);
        self.add("modtmp", "Module Tempo", "", choice(&["Scale", "Lock"], 0), Target::ModuleTempo);
        self.add("ratio", "Tempo Ratio", "", choice(RATIO, 3), Target::TempoRatio);
        self.add("stbeat", "Start Beat", "", number(0.0, 4096.0, 0.0, Unit::Beats), Target::StartBeat);
        self.add("storde", "Start Order", "", order.clone(), Target::StartOrder);
        self.add("end", "End", "", choice(&["Loop", "Stop", "Hold"], 0), Target::EndBehaviour);
        self.add("order", "Order", "", order.clone(), Target::ManualOrder);
        self.add("row", "Row", "", Kind::Integer { min: 0, max: 1023, default: 0 }, Target::ManualRow);
        self.add("chase", "Chase", "", choice(&["Full", "State", "Off"], 0), Target::Chase);
        self.add("keymod", "Keyboard", "", choice(KEYBOARD, 0), Target::KeyboardMode);
        self.add(
            "instr",
            "Instrument",
            "",
            Kind::Integer { min: 1, max: 255, default: 1 },
            Target::SelectedInstrument,
        );
        self.add("quant", "Launch Quantise", "", choice(QUANTISE, 4), Target::LaunchQuantise);
        self.add("launch", "Launch Mode", "", choice(&["Gate", "One-Shot", "Latch"], 0), Target::LaunchMode);
        self.add("velcrv", "Velocity Curve", "", bipolar, Target::VelocityCurve);
        self.add("mpe", "MPE", "", OFF, Target::Mpe);
        self.add("notout", "Note Out", "", OFF, Target::NoteOut);
        self.add("tone", "Tone", "", choice(TONES, 0), Target::Tone);
        self.add("interp", "Interpolation", "", choice(INTERPOLATION, 3), Target::Interpolation);
        self.add("separ", "Separation", "", number(0.0, 200.0, 100.0, Unit::Percent), Target::Separation);
        self.add("sngain", "Song Gain", "", UNITY, Target::SongGain);
        self.add("kbgain", "Keyboard Gain", "", UNITY, Target::KeyboardGain);
        let range = TRANSPOSE_MAX.0;
        self.add("transp", "Transpose", "", number(-range, range, 0.0, Unit::Semitones), Target::Transpose);
        self.add("mgain", "Gain", "Master", UNITY, Target::StripGain(MASTER));
        self.add("mlimit", "Limiter", "Master", OFF, Target::Limiter(MASTER));
        self.add(
            "mceil",
            "Ceiling",
            "Master",
            number(-24.0, 0.0, -1.0, Unit::Decibels),
            Target::MasterCeiling,
        );
        self.add("yaw", "Head Yaw", "Space", angle.clone(), Target::HeadYaw);
        self.add("pitch", "Head Pitch", "Space", number(-90.0, 90.0, 0.0, Unit::Degrees), Target::HeadPitch);
        self.add("roll", "Head Roll", "Space", angle, Target::HeadRoll);
        self.add("mmute", "Mute", "Master", OFF, Target::StripMute(MASTER));
        self.add("panic", "Panic", "", OFF, Target::Panic);
    }

    fn song_channel(&mut self, channel: usize) {
        let (n, group) = (channel + 1, format!("Song Channel {}", channel + 1));
        self.add(format!("c{n:02}g"), "Gain", &*group, UNITY, Target::ChannelGain(channel));
        self.add(format!("c{n:02}m"), "Mute", &*group, OFF, Target::ChannelMute(channel));
        self.add(format!("c{n:02}s"), "Solo", &*group, OFF, Target::ChannelSolo(channel));
        self.add(format!("c{n:02}p"), "Pan", &*group, Kind::Pan, Target::ChannelPan(channel));
    }

    fn strip(&mut self, strip: usize) {
        let (n, group) = (strip + 1, strip_name(strip));
        if strip != MASTER {
            self.add(format!("b{n:02}g"), "Gain", &*group, UNITY, Target::StripGain(strip));
            self.add(format!("b{n:02}m"), "Mute", &*group, OFF, Target::StripMute(strip));
            self.add(format!("b{n:02}s"), "Solo", &*group, OFF, Target::StripSolo(strip));
        }
        self.add(format!("b{n:02}p"), "Pan", &*group, Kind::Pan, Target::StripPan(strip));
        for send in 0..if strip < BUSES { RETURNS } else { 0 } {
            let letter = char::from(b'A' + send as u8); // RETURNS is 2
            let path = format!("{group}/Send {letter}");
            self.add(format!("b{n:02}l{send}"), "Level", &*path, SILENT, Target::SendLevel { strip, send });
            self.add(format!("b{n:02}e{send}"), "Pre", &*path, OFF, Target::SendPre { strip, send });
        }
        self.add(format!("b{n:02}c"), "Soft Clip", &*group, OFF, Target::SoftClip(strip));
        if strip != MASTER {
            self.add(format!("b{n:02}i"), "Limiter", &*group, OFF, Target::Limiter(strip));
        }
        if strip < BUSES {
            self.duck(strip);
            let place = [Target::Azimuth(strip), Target::Elevation(strip), Target::Distance(strip)];
            self.place(format!("{group}/Space"), ["a", "v", "r"].map(|end| format!("b{n:02}{end}")), place);
        }
    }

    /// Azimuth, elevation and distance.
    fn place(&mut self, path: String, ids: [String; 3], targets: [Target; 3]) {
        let names = ["Azimuth", "Elevation", "Distance"];
        for (((id, name), kind), target) in ids.into_iter().zip(names).zip(PLACE).zip(targets) {
            self.add(id, name, &*path, kind, target);
        }
    }

    /// Those of lanes, inputs and keys in space.
    fn further_places(&mut self) {
        let lanes = (1..).zip(LANE_PLACE..INPUT_PLACE).map(|(n, place)| ("Lane", "l", n, place));
        let inputs = (1..).zip(INPUT_PLACE..KEYBOARD_PLACE).map(|(n, place)| ("Input", "i", n, place));
        for (source, letter, n, place) in lanes.chain(inputs) {
            let targets = [Target::Azimuth(place), Target::Elevation(place), Target::Distance(place)];
            let ids = ["a", "e", "r"].map(|end| format!("{letter}{n}{end}"));
            self.place(format!("{source} {n}/Space"), ids, targets);
        }
        let targets = [Target::KeyboardAzimuth, Target::KeyboardElevation, Target::KeyboardDistance];
        self.place("Keyboard/Space".to_owned(), ["kbaz", "kbel", "kbdist"].map(str::to_owned), targets);
    }

    /// Those of the song.
    fn song_places(&mut self) {
        self.add("snarc", "Arc", "Song/Space", number(0.0, 200.0, 100.0, Unit::Percent), Target::SongArc);
        let targets = [Target::SongAzimuth, Target::SongElevation, Target::SongDistance];
        self.place("Song/Space".to_owned(), ["snaz", "snel", "sndist"].map(str::to_owned), targets);
    }

    /// Those of song channels.
    fn channel_places(&mut self) {
        for channel in 0..SONG_CHANNELS {
            let n = channel + 1;
            let targets = [
                Target::ChannelAzimuth(channel),
                Target::ChannelElevation(channel),
                Target::ChannelDistance(channel),
            ];
            self.place(
                format!("Song Channel {n}/Space"),
                ["a", "v", "r"].map(|end| format!("c{n:02}{end}")),
                targets,
            );
        }
    }

    /// Those of voice slots.
    fn voice_places(&mut self, slots: Range<usize>) {
        for slot in slots {
            let n = slot + 1;
            let targets =
                [Target::VoiceAzimuth(slot), Target::VoiceElevation(slot), Target::VoiceDistance(slot)];
            self.place(
                format!("Voice {n}/Space"),
                ["a", "v", "r"].map(|end| format!("v{n:02}{end}")),
                targets,
            );
        }
    }

    fn duck(&mut self, strip: usize) {
        let (n, path) = (strip + 1, format!("{}/Duck", strip_name(strip)));
        let (decibels, ms) = (Unit::Decibels, Unit::Milliseconds);
        let mut add = |letter: char, name, kind, target| {
            self.add(format!("b{n:02}{letter}"), name, &*path, kind, target);
        };
        add('d', "Amount", number(0.0, 100.0, 0.0, Unit::Percent), Target::DuckAmount(strip));
        add('t', "Threshold", number(-60.0, 0.0, -30.0, decibels), Target::DuckThreshold(strip));
        add('k', "Attack", number(0.1, 200.0, 5.0, ms), Target::DuckAttack(strip));
        add('f', "Release", number(10.0, 2000.0, 200.0, ms), Target::DuckRelease(strip));
    }

    fn lane(&mut self, lane: usize) {
        let (n, group) = (lane + 1, format!("Lane {}", lane + 1));
        self.add(format!("l{n}g"), "Gain", &*group, UNITY, Target::LaneGain(lane));
        self.add(format!("l{n}m"), "Mute", &*group, OFF, Target::LaneMute(lane));
        self.add(format!("l{n}s"), "Solo", &*group, OFF, Target::LaneSolo(lane));
        self.add(format!("l{n}p"), "Pan", &*group, Kind::Pan, Target::LanePan(lane));
        self.add(
            format!("l{n}v"),
            "Speed",
            &*group,
            number(0.25, 4.0, 1.0, Unit::Factor),
            Target::LaneSpeed(lane),
        );
        self.add(format!("l{n}t"), "Trigger", &*group, OFF, Target::LaneTrigger(lane));
    }

    fn input(&mut self, input: usize) {
        let (n, group) = (input + 1, format!("Input {}", input + 1));
        self.add(format!("i{n}g"), "Trim", &*group, UNITY, Target::InputTrim(input));
        self.add(format!("i{n}m"), "Mute", &*group, OFF, Target::InputMute(input));
        self.add(format!("i{n}s"), "Solo", &*group, OFF, Target::InputSolo(input));
        self.add(format!("i{n}p"), "Pan", &*group, Kind::Pan, Target::InputPan(input));
        for bus in 0..BUSES {
            let name = format!("To Bus {}", bus + 1);
            self.add(
                format!("i{n}b{:02}", bus + 1),
                &name,
                &*group,
                SILENT,
                Target::InputToBus { input, bus },
            );
        }
        for output in 0..INPUTS {
            let name = format!("To Output {}", output + 1);
            self.add(
                format!("i{n}o{}", output + 1),
                &name,
                &*group,
                SILENT,
                Target::InputToOutput { input, output },
            );
        }
        self.add(format!("i{n}l"), "Monitor", &*group, SILENT, Target::InputMonitor(input));
        self.add(format!("o{n}g"), "Gain", format!("Output {n}"), UNITY, Target::OutputGain(input));
    }

    fn instrument(&mut self, slot: usize) {
        let (n, group) = (slot + 1, format!("Instrument {}", slot + 1));
        for control in 0..MACROS {
            let target = Target::InstrumentMacro { slot, control };
            let name = format!("Macro {}", control + 1);
            self.add(format!("n{n:02}{control}"), &name, &*group, Kind::Macro { default: 0.5 }, target);
        }
    }

    fn inserts(&mut self, strip: usize) {
        for slot in 0..INSERTS {
            let group = format!("{}/Insert {}", strip_name(strip), slot + 1);
            // Decimal: letters and digits side by side collide in the framework's hash.
            let code = format!("{:02}", strip * INSERTS + slot);
            self.add(format!("x{code}b"), "Bypass", &*group, OFF, Target::InsertBypass { strip, slot });
            for control in 0..MACROS {
                let name = format!("Macro {}", control + 1);
                let target = Target::InsertMacro { strip, slot, control };
                self.add(
                    format!("x{code}{control}"),
                    &name,
                    &*group,
                    Kind::Macro { default: default_macro(strip, slot, control) },
                    target,
                );
            }
        }
    }
}

/// The machine that a new instance has in an insert slot: the keyboard's bus has a reverb, and so have both returns.
pub fn default_insert(strip: usize, slot: usize) -> Option<MachineKind> {
    match (strip, slot) {
        (1, 0) => Some(MachineKind::Reverb),
        (BUSES, 0) => Some(MachineKind::Fdn),
        (FURTHER_RETURN, 0) => Some(MachineKind::Convolution),
        _ => None,
    }
}

/// The return after the first.
const FURTHER_RETURN: usize = BUSES + 1;

fn default_macro(strip: usize, slot: usize, control: usize) -> f32 {
    let parameter = default_insert(strip, slot).and_then(|kind| kind.parameters().get(control));
    parameter.map_or(0.5, |parameter| parameter.position_of(parameter.default))
}

/// What every parameter is set to, and which have changed since the engine looked.
///
/// Plain values. Any thread may write; `take_changed` is the engine's.
pub struct ParameterValues {
    values: Box<[AtomicU32]>,
    changed: Box<[AtomicU64]>,
}

impl ParameterValues {
    /// All at their defaults, all marked as changed. Allocates.
    pub fn new(table: &[ParameterSpec]) -> Self {
        let values = table.iter().map(|spec| AtomicU32::new(spec.kind.default_value().to_bits())).collect();
        let changed = (0..table.len().div_ceil(64)).map(|_| AtomicU64::new(u64::MAX)).collect();
        Self { values, changed }
    }

    /// Sets a plain value and marks it as changed; indices past the table do nothing. Real-time.
    pub fn set(&self, index: usize, plain: f32) {
        if let Some(value) = self.values.get(index) {
            value.store(plain.to_bits(), Relaxed);
            self.mark(index);
        }
    }

    /// The plain value; 0 past the table. Real-time.
    pub fn get(&self, index: usize) -> f32 {
        self.values.get(index).map_or(0.0, |value| f32::from_bits(value.load(Relaxed)))
    }

    /// Calls `apply` with each changed index and its value, and forgets the marks. Real-time.
    pub fn take_changed(&self, mut apply: impl FnMut(usize, f32)) {
        for (number, word) in self.changed.iter().enumerate() {
            if word.load(Relaxed) == 0 {
                continue;
            }
            let mut bits = word.swap(0, Acquire);
            while bits != 0 {
                let index = number * 64 + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                if index < self.values.len() {
                    apply(index, self.get(index));
                }
            }
        }
    }

    /// Marks one as changed, for whatever has to hear of it anew. Real-time.
    pub fn mark(&self, index: usize) {
        if let Some(word) = self.changed.get(index / 64) {
            word.fetch_or(1 << (index % 64), Release);
        }
    }

    /// Marks everything as changed, for an engine that starts anew.
    pub fn mark_all(&self) {
        self.changed.iter().for_each(|word| word.store(u64::MAX, Release));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn ids_are_unique_and_short_and_names_unique_in_their_group() {
        let table = table();
        let ids: HashSet<_> = table.iter().map(|spec| &spec.id).collect();
        let names: HashSet<_> = table.iter().map(|spec| (&spec.group, &spec.name)).collect();
        assert_eq!((ids.len(), names.len()), (table.len(), table.len()));
        assert!(table.iter().all(|spec| spec.id.len() <= 6 && spec.id.is_ascii()));
    }

    #[test]
    fn values_survive_normalising_and_text() {
        for spec in table() {
            for step in 0..=20 {
                let plain = spec.kind.plain(step as f32 / 20.0);
                let again = spec.kind.plain(spec.kind.normalise(plain));
                assert!(plain == again || (plain - again).abs() < 1e-3, "{}: {plain} {again}", spec.id);
                let text = spec.kind.text(plain);
                let parsed = spec.kind.parse(&text).unwrap_or(f32::NAN);
                assert!(
                    plain == parsed || (plain - parsed).abs() < 0.051,
                    "{}: {plain} '{text}' {parsed}",
                    spec.id
                );
            }
        }
    }

    #[test]
    fn a_fader_ends_in_silence_and_passes_unity_exactly() {
        assert_eq!(UNITY.plain(0.0), f32::NEG_INFINITY);
        assert_eq!(UNITY.text(f32::NEG_INFINITY), "-inf dB");
        assert_eq!((UNITY.normalise(0.0), UNITY.plain(0.75)), (0.75, 0.0));
        assert_eq!((UNITY.normalise(LEVEL_MAX.0), UNITY.plain(1.0)), (1.0, LEVEL_MAX.0));
    }

    #[test]
    fn only_changed_values_are_reported_and_once() {
        let table = table();
        let values = ParameterValues::new(&table);
        let mut seen = 0;
        values.take_changed(|_, _| seen += 1);
        assert_eq!(seen, table.len());
        values.set(70, 0.25);
        values.set(table.len() + 5, 1.0);
        let mut changes = Vec::new();
        values.take_changed(|index, value| changes.push((index, value)));
        assert_eq!(changes, [(70, 0.25)]);
    }
}
