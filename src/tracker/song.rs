//! A loaded module: what its file says, in one shape for all four formats.
//!
//! Cells stay raw (each format's own effect numbers), tuning and volumes stay the file's integers, and the tracker
//! that made the file is kept, because behaviour depends on it. Built by the loaders on a worker, immutable afterwards
//! and shared by `Arc`; replay reads it on the audio thread.

use super::ways::MissingWays;
use crate::audio::AudioSource;
use crate::rt::shared::Content;
use crate::rt::shared::Interned;
use crate::sample::SampleData;
use std::fmt;
use std::hash::DefaultHasher;
use std::hash::Hash;
use std::hash::Hasher;
use std::sync::Arc;

/// The file format a song came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// ProTracker and its relatives.
    Mod,
    /// Scream Tracker 3.
    S3m,
    /// FastTracker 2.
    Xm,
    /// Impulse Tracker.
    It,
}

/// The order of steps within a row and a tick, named for the tracker that defined it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs)]
pub enum Dialect {
    ProTracker,
    ScreamTracker3,
    FastTracker2,
    ImpulseTracker,
}

/// The program that wrote the file, as far as the file tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs)]
pub enum MadeWith {
    Unknown,
    ProTracker,
    /// Soundtracker, Noisetracker and others that wrote MOD before or beside ProTracker.
    OtherMod,
    /// Version as the file's hexadecimal word, for instance 0x320.
    ScreamTracker3(u16),
    FastTracker2(u16),
    /// Version as the header's "created with" word, for instance 0x0214.
    ImpulseTracker(u16),
    /// ModPlug Tracker before OpenMPT.
    ModPlug,
    /// Version as four hexadecimal bytes, for instance 0x01_30_04_00; 0 where the file does not tell.
    OpenMpt(u32),
    SchismTracker(u16),
    MilkyTracker,
    MadTracker,
    SkaleTracker,
}

impl fmt::Display for Format {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Mod => "MOD",
            Self::S3m => "S3M",
            Self::Xm => "XM",
            Self::It => "IT",
        })
    }
}

impl fmt::Display for MadeWith {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hexadecimal = |version: u16| (version >> 8, version & 0xff);
        let named = |out: &mut fmt::Formatter<'_>, name: &str, (major, minor): (u16, u16)| {
            write!(out, "{name} {major:x}.{minor:02x}")
        };
        match *self {
            Self::Unknown => out.write_str("an unknown tracker"),
            Self::ProTracker => out.write_str("ProTracker"),
            Self::OtherMod => out.write_str("a relative of ProTracker"),
            Self::ScreamTracker3(version) => named(out, "Scream Tracker", hexadecimal(version)),
            Self::FastTracker2(version) => named(out, "FastTracker", hexadecimal(version)),
            Self::ImpulseTracker(version) => named(out, "Impulse Tracker", hexadecimal(version)),
            Self::ModPlug => out.write_str("ModPlug Tracker"),
            Self::OpenMpt(0) => out.write_str("OpenMPT"),
            Self::OpenMpt(version) => {
                let [a, b, c, d] = version.to_be_bytes();
                write!(out, "OpenMPT {a:x}.{b:02x}.{c:02x}.{d:02x}")
            }
            Self::SchismTracker(_) => out.write_str("Schism Tracker"),
            Self::MilkyTracker => out.write_str("MilkyTracker"),
            Self::MadTracker => out.write_str("MadTracker"),
            Self::SkaleTracker => out.write_str("Skale Tracker"),
        }
    }
}

/// How keys turn into frequency and how slides move it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PitchModel {
    /// Amiga periods: slides move the period, so high notes move faster.
    Periods,
    /// Logarithmic: equal slides are equal intervals.
    Linear,
}

/// What a cell asks of the note.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Note {
    /// Nothing.
    #[default]
    None,
    /// Semitones above C-0; 60 (C-5 in Impulse Tracker, C-4 elsewhere) plays a sample at its `c5_speed`.
    /// 0..=119.
    Key(u8),
    /// An Amiga period, as MOD stores it; 1..=4095.
    Period(u16),
    /// Key off: releases sustain, starts the fade-out.
    Off,
    /// Cuts the note.
    Cut,
    /// Starts the fade-out only (Impulse Tracker).
    Fade,
}

/// One cell of a pattern, in the format's own numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// What happens to the note.
    pub note: Note,
    /// Instrument (or sample, where the song has no instruments) from 1; 0 is none.
    pub instrument: u8,
    /// The volume column: `None` where empty. S3M 0–64 volume, 128–192 panning; XM the raw byte (0x10 and up);
    /// IT the raw byte (0–212).
    pub volume: Option<u8>,
    /// Effect number: MOD and XM 0x0–0xF then G=16 … (XM: 0x10 G, 0x11 H, … 0x21 X); S3M and IT 1 = A … 26 = Z.
    /// 0 with `parameter` 0 is no effect in every format.
    pub effect: u8,
    /// The effect's parameter byte.
    pub parameter: u8,
}

/// Rows of cells, `channels` to a row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pattern {
    /// Row by row; `rows * channels` cells, where `channels` is the song's channel count.
    pub cells: Vec<Cell>,
    /// Number of rows, 1..=1024.
    pub rows: u16,
}

/// One place of the order list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Plays a pattern; one that does not exist is passed over.
    Pattern(u16),
    /// Passed over (`+++`).
    Skip,
    /// Ends the song (`---`).
    End,
}

/// Where a song channel starts.
#[derive(Clone, Debug, PartialEq)]
pub struct ChannelSetup {
    /// 0 left … 128 centre … 256 right.
    pub panning: u16,
    /// Dolby-style surround: right phase inverted.
    pub surround: bool,
    /// 0..=64.
    pub volume: u8,
    /// Does not sound (S3M and IT disabled channels).
    pub muted: bool,
    /// Usually empty.
    pub name: String,
}

impl ChannelSetup {
    /// In the centre at full volume.
    pub fn centred() -> Self {
        Self { panning: 128, surround: false, volume: 64, muted: false, name: String::new() }
    }
}

/// A loop in frames; `start < end`, `end` is exclusive and never past the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loop {
    /// First frame.
    pub start: u32,
    /// One past the last frame.
    pub end: u32,
    /// Runs forwards and backwards in turn.
    pub ping_pong: bool,
}

/// Wave of a vibrato, tremolo or panbrello.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs)]
pub enum Wave {
    #[default]
    Sine,
    RampDown,
    Square,
    Random,
    RampUp,
}

/// Automatic vibrato, in the format's own numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AutoVibrato {
    /// Shape.
    pub wave: Wave,
    /// IT: speed 0–64; XM: rate 0–63.
    pub speed: u8,
    /// IT: depth 0–32; XM: 0–15.
    pub depth: u8,
    /// IT: rate of the fade-in 0–255; XM: sweep in ticks 0–255.
    pub sweep: u8,
}

/// A recording with what its file says of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// As in the file.
    pub name: String,
    /// The frames.
    pub data: Arc<SampleData>,
    /// Repeats here while the note sounds (after key off, where there is a sustain loop).
    pub sample_loop: Option<Loop>,
    /// Repeats here until key off.
    pub sustain_loop: Option<Loop>,
    /// Default volume, 0..=64.
    pub volume: u8,
    /// Factor on everything, 0..=64.
    pub global_volume: u8,
    /// Default panning 0–256, where the sample sets one.
    pub panning: Option<u16>,
    /// Frames per second at key 60.
    pub c5_speed: u32,
    /// Frames that are read for each that the tuning asks for, with 32 fractional bits: [`Sample::OWN_PACE_Q32`] unless
    /// another recording has taken the module's place.
    pub pace_q32: u64,
    /// XM only: semitones added to the key.
    pub relative_key: i8,
    /// MOD -8..=7 in eighths of a semitone; XM -128..=127 in 1/128 semitone. Else 0 (it is in `c5_speed`).
    pub finetune: i8,
    /// IT: per sample. XM keeps it in the instrument; the loader copies it to each of its samples.
    pub vibrato: AutoVibrato,
    /// The OPL registers of an AdLib instrument (S3M), whose `data` is a silent stand-in.
    pub adlib: Option<[u8; 12]>,
}

impl Sample {
    /// Each frame is read that the tuning asks for.
    pub const OWN_PACE_Q32: u64 = 1 << 32;

    /// Without a name or a loop, at full volume, playing at its own speed at 8363 Hz.
    pub fn plain(data: SampleData) -> Self {
        Self {
            name: String::new(),
            data: Arc::new(data),
            sample_loop: None,
            sustain_loop: None,
            volume: 64,
            global_volume: 64,
            panning: None,
            c5_speed: 8363,
            pace_q32: Self::OWN_PACE_Q32,
            relative_key: 0,
            finetune: 0,
            vibrato: AutoVibrato::default(),
            adlib: None,
        }
    }
}

/// A point of an envelope.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EnvelopePoint {
    /// Ticks from the start; never less than the point before.
    pub tick: u16,
    /// Volume 0–64; panning and pitch -32–32 (XM panning 0–64 is stored less 32).
    pub value: i8,
}

/// A span of envelope points, both inclusive; equal ends hold one point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// First point.
    pub start: u8,
    /// Last point, at least `start` and below the number of points.
    pub end: u8,
}

/// An envelope, off where `enabled` is false or it has no points.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    /// Runs from the start of a note.
    pub enabled: bool,
    /// At most 25 (IT) or 12 (XM).
    pub points: Vec<EnvelopePoint>,
    /// Repeats while the note sounds.
    pub envelope_loop: Option<Span>,
    /// Repeats (IT) or holds (XM, a single point) until key off.
    pub sustain: Option<Span>,
    /// IT: goes on from where the channel's last envelope of this kind was.
    pub carry: bool,
}

/// What happens to the old note when a channel starts a new one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs)]
pub enum NewNoteAction {
    #[default]
    Cut,
    Continue,
    Off,
    Fade,
}

/// What counts as a duplicate of a new note.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs)]
pub enum DuplicateCheck {
    #[default]
    Off,
    Note,
    Sample,
    Instrument,
}

/// What happens to a duplicate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs)]
pub enum DuplicateAction {
    #[default]
    Cut,
    Off,
    Fade,
}

/// What a key of an instrument plays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyAssignment {
    /// Key that sounds, 0..=119.
    pub key: u8,
    /// Sample from 1; 0 is none.
    pub sample: u16,
}

/// An instrument of XM or of IT in instrument mode.
#[derive(Clone, Debug, PartialEq)]
pub struct Instrument {
    /// As in the file.
    pub name: String,
    /// For each key 0..=119.
    pub keys: Box<[KeyAssignment; 120]>,
    /// Factor over time.
    pub volume_envelope: Envelope,
    /// Added to panning.
    pub panning_envelope: Envelope,
    /// Added to pitch, or moves the filter where `pitch_envelope_is_filter`.
    pub pitch_envelope: Envelope,
    /// The third envelope moves the filter cutoff.
    pub pitch_envelope_is_filter: bool,
    /// IT: 0–256 of 1024 a tick (as stored, in steps of 1/1024·…); XM: 0–4095 of 32768. The file's own integer.
    pub fadeout: u16,
    /// Applied to the note that a new one replaces.
    pub new_note_action: NewNoteAction,
    /// See `DuplicateCheck`.
    pub duplicate_check: DuplicateCheck,
    /// See `DuplicateAction`.
    pub duplicate_action: DuplicateAction,
    /// 0..=128.
    pub global_volume: u8,
    /// Default panning 0–256, where the instrument sets one.
    pub panning: Option<u16>,
    /// IT: -32..=32, panning moved for each key away from `pitch_pan_centre`.
    pub pitch_pan_separation: i8,
    /// Key 0..=119.
    pub pitch_pan_centre: u8,
    /// Random volume, 0..=100 %.
    pub volume_swing: u8,
    /// Random panning, 0..=64.
    pub panning_swing: u8,
    /// Initial cutoff 0–127, where set.
    pub filter_cutoff: Option<u8>,
    /// Initial resonance 0–127, where set.
    pub filter_resonance: Option<u8>,
    /// What only OpenMPT's files have.
    pub more: MoreOfInstrument,
}

impl Instrument {
    /// Without a name, envelopes or a fade-out: every key plays itself with `sample`, from 1; 0 is none.
    pub fn plain(sample: u16) -> Self {
        Self {
            name: String::new(),
            keys: Box::new(std::array::from_fn(|key| KeyAssignment { key: key as u8, sample })),
            volume_envelope: Envelope::default(),
            panning_envelope: Envelope::default(),
            pitch_envelope: Envelope::default(),
            pitch_envelope_is_filter: false,
            fadeout: 0,
            new_note_action: NewNoteAction::Cut,
            duplicate_check: DuplicateCheck::Off,
            duplicate_action: DuplicateAction::Cut,
            global_volume: 128,
            panning: None,
            pitch_pan_separation: 0,
            pitch_pan_centre: 60,
            volume_swing: 0,
            panning_swing: 0,
            filter_cutoff: None,
            filter_resonance: None,
            more: MoreOfInstrument::default(),
        }
    }
}

/// Properties that OpenMPT adds to an instrument of IT.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MoreOfInstrument {
    /// Random cutoff, 0..=100 %.
    pub cutoff_swing: u8,
    /// Random resonance, 0..=100 %.
    pub resonance_swing: u8,
    /// The tempo at which the instrument sounds as tuned; it follows others. 0 is none.
    pub pitch_tempo_lock: u16,
}

/// Text of the MIDI macros of IT (`SFx` parametered, `Zxx` fixed), without which the defaults hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MidiMacros {
    /// `SF0`–`SFF`.
    pub parametered: [String; 16],
    /// `Z80`–`ZFF`.
    pub fixed: Vec<String>,
}

/// How the tempo becomes the length of a tick.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TempoMode {
    /// 2.5 s divided by the tempo.
    #[default]
    Classic,
    /// A second divided by the tempo.
    Alternative,
    /// Beats a minute, whatever the speed.
    Modern {
        /// Rows that make a beat.
        rows_per_beat: u16,
    },
}

/// Behaviours that depend on the tracker that made a file; set by the loader.
///
/// Each is named for what happens, and `false` is what the dialect does anyway.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quirks {
    /// IT and S3M: volume and pitch slides also act on the first tick (ST3.00 "fast volume slides").
    pub slides_on_first_tick: bool,
    /// Slides stop at the Amiga's periods 113–856.
    pub amiga_limits: bool,
    /// IT: vibrato and other effects work as before version 2.xx.
    pub old_effects: bool,
    /// IT: Gxx shares no memory with Exx/Fxx and keeps its own rules.
    pub compatible_portamento: bool,
    /// MOD: Fxx always sets speed (timing by vertical blank).
    pub tempo_by_vertical_blank: bool,
    /// MOD: an instrument number without a note changes the sample where the sounding one's loop ends.
    pub sample_swaps_at_loop_end: bool,
    /// MOD: a loop that starts on the first frame is entered after the whole sample has played once.
    pub loop_follows_whole_sample: bool,
    /// MOD: 8xx and E8x are marks for something else, not panning.
    pub panning_ignored: bool,
    /// MOD: a new tempo holds from the second tick of its row.
    pub tempo_waits_one_tick: bool,
    /// MOD: a note delay past the row's end starts the note on the next row.
    pub late_notes_reach_next_row: bool,
    /// MOD: the ramp of a tremolo turns with the vibrato's position, as in FT2.
    pub tremolo_ramp_follows_vibrato: bool,
    /// S3M: written by a tracker with ways of its own, so without Scream Tracker's memories and limits.
    pub foreign_s3m: bool,
    /// S3M: a sample number without a note, or under a portamento, changes the sample at once (SoundBlaster).
    pub samples_swap_at_once: bool,
    /// S3M: retriggers leave samples alone that have come to their end (SoundBlaster).
    pub ended_samples_stay_ended: bool,
    /// S3M: pitch is kept in hertz, as in Impulse Tracker.
    pub frequencies_in_hertz: bool,
    /// S3M: a note ends where its period would fall below the limit.
    pub short_period_ends_note: bool,
    /// S3M: vibrato is twice as deep (Scream Tracker 2).
    pub deep_vibrato: bool,
    /// S3M: tone portamento beside an AdLib note slides as it does for samples.
    pub adlib_slides_with_notes: bool,
    /// XM: the loudness stays the same over the panorama, as in FT2 from 2.00 on.
    pub square_root_panning: bool,
    /// The behaviours that a file of OpenMPT asks for, where it lists them.
    pub behaviours: Option<Behaviours>,
    /// IT: what the tracker that made the file did otherwise than Impulse Tracker.
    pub missing_ways: MissingWays,
    /// IT: random volume and panning as ModPlug Tracker had them.
    pub old_swing: bool,
    /// IT: the filter reaches higher, as in ModPlug Tracker.
    pub extended_filter_range: bool,
    /// IT: ping-pong loops turn round a little off.
    pub loops_turn_roughly: bool,
    /// IT: the trace's levels hold the global volume, as in ModPlug Tracker's mixing.
    pub levels_hold_global_volume: bool,
    /// IT: how the tempo becomes the length of a tick.
    pub tempo_mode: TempoMode,
}

/// OpenMPT's list of the behaviours a file asks for: a bit each, by the numbers that its files use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Behaviours(pub [u8; 20]);

impl Behaviours {
    /// Whether the file asks for a behaviour.
    pub fn has(&self, number: u8) -> bool {
        self.0.get(usize::from(number / 8)).is_some_and(|byte| byte >> (number % 8) & 1 != 0)
    }
}

/// Speed and tempo that hold throughout a song, whatever its commands say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FixedPace {
    /// Ticks a row, from 1.
    pub speed: Option<u8>,
    /// BPM, from 32.
    pub tempo: Option<u8>,
}

/// A loaded module.
#[derive(Clone, Debug, PartialEq)]
pub struct Song {
    /// As in the file, without padding.
    pub title: String,
    /// Where it came from.
    pub format: Format,
    /// Order of steps.
    pub dialect: Dialect,
    /// Program that wrote it.
    pub made_with: MadeWith,
    /// Deviations from the dialect.
    pub quirks: Quirks,
    /// Pitch and slides.
    pub pitch: PitchModel,
    /// 1..=64 song channels.
    pub channels: Vec<ChannelSetup>,
    /// At most 256 places.
    pub orders: Vec<Order>,
    /// Order that follows the last one.
    pub restart_order: u16,
    /// By number.
    pub patterns: Vec<Pattern>,
    /// Empty where cells name samples directly.
    pub instruments: Vec<Instrument>,
    /// By number less 1.
    pub samples: Vec<Sample>,
    /// Ticks a row, 1..=255.
    pub initial_speed: u8,
    /// BPM, 31..=255.
    pub initial_tempo: u8,
    /// Not the module's, but its user's; see [`Song::at_pace`].
    pub fixed_pace: FixedPace,
    /// 0..=128 (S3M, XM and MOD 0–64 are doubled by the loader).
    pub initial_global_volume: u8,
    /// 0..=128, the module's own headroom setting (IT mix volume, S3M master volume); 48 where there is none.
    pub mix_volume: u8,
    /// Stereo separation 0..=128, 128 is full (IT); 128 elsewhere.
    pub separation: u8,
    /// IT macros where the file embeds them.
    pub macros: Option<Box<MidiMacros>>,
    /// The song's message, empty where there is none.
    pub message: String,
}

impl MidiMacros {
    /// Macros that do nothing.
    pub(crate) fn silent() -> Self {
        Self { parametered: std::array::from_fn(|_| String::new()), fixed: Vec::new() }
    }
}

impl Content for Song {
    /// Of what tells songs apart soonest.
    fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (&self.title, self.channels.len(), self.orders.len(), &self.message).hash(&mut hasher);
        self.patterns.iter().for_each(|pattern| pattern.rows.hash(&mut hasher));
        self.samples.iter().for_each(|sample| (&sample.name, sample.data.frames()).hash(&mut hasher));
        hasher.finish()
    }

    fn same(&self, other: &Self) -> bool {
        self == other
    }
}

impl Song {
    /// This song at a pace of the user's, which its commands for speed and tempo no longer change.
    pub fn at_pace(self, pace: FixedPace) -> Self {
        Self {
            initial_speed: pace.speed.unwrap_or(self.initial_speed),
            initial_tempo: pace.tempo.unwrap_or(self.initial_tempo),
            fixed_pace: pace,
            ..self
        }
    }

    /// This song in the one place where the process holds it. Locks: never on the audio thread.
    pub fn share(self) -> Arc<Self> {
        static SONGS: Interned<Song> = Interned::new();
        SONGS.share(self)
    }

    /// The cell at `row` of a pattern; empty outside.
    pub fn cell(&self, pattern: u16, row: u16, channel: usize) -> Cell {
        let channels = self.channels.len();
        self.patterns
            .get(usize::from(pattern))
            .filter(|_| channel < channels)
            .and_then(|pattern| pattern.cells.get(usize::from(row) * channels + channel))
            .copied()
            .unwrap_or_default()
    }
}
