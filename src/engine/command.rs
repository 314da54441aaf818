//! What the engine can be told to do, on whichever thread that is decided.
//!
//! A [`Control`](super::Control) makes and sends commands; the engine takes them at the start of its next call, in their
//! order, before parameters that the host has set. What a command replaces goes home to the worker, which frees it. What ends
//! a gesture has room where no command has: a place that is sought in a lane, and a voice that is let go of.

use super::ParameterSpec;
use super::ParameterValues;
use super::Target;
use super::note_places::NotePlaces;
use super::parameter::Kind;
use super::parameter::LEVEL_MAX;
use super::song::Playing;
use crate::graph::Plan;
use crate::lane::Pages;
use crate::lane::Start;
use crate::machine::Instrument;
use crate::machine::Machine;
use crate::mixer::PLACES;
use crate::mixer::SONG_CHANNELS;
use crate::mixer::Tap;
use crate::mixer::TapSource;
use crate::space::Doppler;
use crate::space::Hearing;
use crate::space::MadeVeil;
use crate::space::Notes;
use crate::space::Output;
use crate::space::PreparedEars;
use crate::space::Room;
use crate::space::Settings;
use crate::space::Shoebox;
use crate::space::Space;
use crate::units::Decibels;
use crate::voice::Bank;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Acquire;
use std::sync::atomic::Ordering::Release;

/// Something for the engine to do before its next frame. What it puts in place of another thing it may have to wait for:
/// a command is taken only while there is room for what it replaces to go home.
pub enum Command {
    /// Sets a parameter to a plain value, which is kept within its range; who reads the values sees it there.
    Set {
        /// The parameter.
        target: Target,
        /// Not a number does nothing.
        value: f32,
    },
    /// Other routes, from [`Control::plan`](super::Control::plan). What goes where it went sounds on without a seam.
    Plan(PreparedPlan),
    /// Other ears in space, from [`Control::ears`](super::Control::ears), which fade in. Further ones wait until those before have gone.
    Ears(PreparedEars),
    /// Another song or none, from [`Control::song`](super::Control::song).
    Song(PreparedSong),
    /// Other slots for voices. What still has its recording sounds on; commands after it wait until the rest has faded.
    Voices(Arc<Bank>),
    /// Begins a voice of a slot as its trigger does, or lets go of it; also of slots that have no trigger. What a trigger holds goes on.
    Strike {
        /// Index of the slot.
        slot: usize,
        /// Whether it begins.
        on: bool,
    },
    /// Something else in a lane, or nothing.
    Lane(PreparedLane),
    /// Other machines or none in insert slots, all on one frame, from [`Control::insert`](super::Control::insert).
    Inserts(PreparedInserts),
    /// Sets a control of the machine in a slot, from the next line of the control grid on. The first eight are the slot's
    /// macros, which parameters set.
    InsertControl {
        /// Index of the strip.
        strip: usize,
        /// Slot of the strip.
        slot: usize,
        /// Place among the machine's controls; those of macros do nothing.
        control: usize,
        /// In the control's own unit, kept within its range.
        value: f32,
    },
    /// Another instrument or none in a slot of the keyboard, from [`Control::instrument`](super::Control::instrument).
    Instrument {
        /// Slot of the keyboard.
        slot: usize,
        /// What comes there.
        machine: Option<Box<Instrument>>,
        /// Bits of the song channels that hand their notes over to it.
        channels: u64,
    },
    /// Sets a control of the instrument in a slot, from the next line of the control grid on. The first eight are the slot's
    /// macros, which parameters set.
    InstrumentControl {
        /// Slot of the keyboard.
        slot: usize,
        /// Place among the instrument's controls; those of macros do nothing.
        control: usize,
        /// In the control's own unit, kept within its range.
        value: f32,
    },
    /// Lets other song channels hand their notes over to the instrument in a slot, by their bits.
    HandOver {
        /// Slot of the keyboard.
        slot: usize,
        /// A channel that handed over to another slot does so no longer.
        channels: u64,
    },
    /// Another tap or none on a source. A new one waits for `Record`.
    Tap {
        /// What it takes sound from.
        source: TapSource,
        /// What comes there.
        tap: Option<Box<Tap>>,
    },
    /// Whether taps run: all start, or stop, on the first frame of the call.
    Record(bool),
}

/// Machines that are ready for their slots.
pub struct PreparedInserts(pub(super) Box<InsertChange>);

/// What comes into slots between two frames. What it replaces goes home in its place.
#[derive(Default)]
pub(super) struct InsertChange {
    pub(super) slots: Vec<SlotChange>,
    pub(super) settings: Vec<Setting>,
}

/// What comes into one slot.
pub(super) struct SlotChange {
    /// Strip and slot.
    pub(super) place: (usize, usize),
    pub(super) machine: Option<Box<Machine>>,
}

/// A parameter that moves with a machine. One that somebody else has moved meanwhile is left alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Setting {
    /// The parameter.
    pub target: Target,
    /// Its plain value until then.
    pub from: f32,
    /// Its plain value from then on.
    pub to: f32,
}

impl InsertChange {
    /// The machine that is to come into a slot.
    pub(super) fn machine_mut(&mut self, place: (usize, usize)) -> Option<&mut Machine> {
        self.slots.iter_mut().find(|slot| slot.place == place)?.machine.as_deref_mut()
    }

    pub(super) fn changes(&self, place: (usize, usize)) -> bool {
        self.slots.iter().any(|slot| slot.place == place)
    }

    /// Takes in what was to come before it and is not undone by it.
    pub(super) fn follow(&mut self, before: Self) {
        let lasting: Vec<_> = before.slots.into_iter().filter(|slot| !self.changes(slot.place)).collect();
        self.slots.extend(lasting);
        self.settings.splice(..0, before.settings);
    }
}

/// Routes that are ready to run.
pub struct PreparedPlan {
    pub(super) plan: Box<Plan>,
    /// Host output of the monitor.
    pub(super) monitor: usize,
    /// Where anything is in space.
    pub(super) space: Option<Box<PreparedSpace>>,
}

/// Space for routes that need it. What it replaces goes home in it.
pub(super) struct PreparedSpace {
    /// Taken by an engine that has none.
    pub(super) space: Option<Box<Space>>,
    /// What the sources of places are like that are there, and how many planes each has.
    pub(super) settings: [Option<(Settings, usize)>; PLACES],
    /// What sound takes its time in, for those that are to and have none.
    pub(super) delays: [Option<Box<Doppler>>; PLACES],
    /// Where notes are.
    pub(super) notes: Box<NotePlaces>,
    /// What they need there, taken by an engine that has none.
    pub(super) made_notes: Option<Box<Notes>>,
    /// What is in the way of song channels, taken where an engine has none.
    pub(super) made_veils: Box<[Option<MadeVeil>]>,
    pub(super) output: Output,
    pub(super) hearing: Hearing,
    /// The room around them.
    pub(super) room: Option<Shoebox>,
    /// A silent one, taken by an engine that has none.
    pub(super) made: Option<Box<Room>>,
    /// Routes that have waited in vain.
    pub(super) replaced: Option<Box<Plan>>,
}

/// What an engine has taken of the larger parts of [`PreparedSpace`] and keeps, so that nobody need build it again. Written by the
/// engine.
#[derive(Default)]
pub(super) struct TakenSpace {
    pub(super) space: AtomicBool,
    pub(super) notes: AtomicBool,
    /// By number, a bit for each.
    pub(super) veils: AtomicU64,
}

const _: () = assert!(SONG_CHANNELS <= u64::BITS as usize, "a bit for each veil");

impl TakenSpace {
    /// Tells what there is. Real-time: yes.
    pub(super) fn tell(&self, space: &Space) {
        self.space.store(true, Release);
        self.notes.store(space.has_notes(), Release);
        self.veils.store(space.veils(), Release);
    }

    pub(super) fn has_veil(&self, number: usize) -> bool {
        self.veils.load(Acquire) & 1 << number != 0
    }
}

/// A lane that is ready to be played.
pub struct PreparedLane {
    pub(super) lane: usize,
    pub(super) pages: Option<Box<Pages>>,
    pub(super) start: Start,
}

/// A song that is ready to play, or none.
pub struct PreparedSong(pub(super) Option<Box<Playing>>);

impl Command {
    fn switch(target: Target, on: bool) -> Self {
        Self::Set { target, value: f32::from(u8::from(on)) }
    }

    /// Gain of a strip: buses, returns and the master, in this order.
    pub fn strip_gain(strip: usize, gain: Decibels) -> Self {
        Self::Set { target: Target::StripGain(strip), value: gain.0 }
    }

    /// Mutes a strip or lets it sound.
    pub fn strip_mute(strip: usize, muted: bool) -> Self {
        Self::switch(Target::StripMute(strip), muted)
    }

    /// Solos a bus or return, or ends that.
    pub fn strip_solo(strip: usize, soloed: bool) -> Self {
        Self::switch(Target::StripSolo(strip), soloed)
    }

    /// Balance of a strip, -1 left to 1 right.
    pub fn strip_pan(strip: usize, pan: f32) -> Self {
        Self::Set { target: Target::StripPan(strip), value: pan }
    }

    /// What a bus sends to a return.
    pub fn send_level(strip: usize, send: usize, level: Decibels) -> Self {
        Self::Set { target: Target::SendLevel { strip, send }, value: level.0 }
    }

    /// Where a bus is in space: azimuth and elevation in degrees, right and up positive, and distance in metres.
    pub fn bus_space(bus: usize, azimuth: f32, elevation: f32, distance: f32) -> [Self; 3] {
        [
            (Target::Azimuth(bus), azimuth),
            (Target::Elevation(bus), elevation),
            (Target::Distance(bus), distance),
        ]
        .map(|(target, value)| Self::Set { target, value })
    }

    /// Whether nothing is left of what another one did before it.
    pub(super) fn undoes(&self, before: &Self) -> bool {
        match (self, before) {
            (Self::Plan(_), Self::Plan(_))
            | (Self::Song(_), Self::Song(_))
            | (Self::Ears(_), Self::Ears(_))
            | (Self::Voices(_), Self::Voices(_))
            | (Self::Strike { on: true, .. }, Self::Strike { on: true, .. }) => true,
            // What has begun has to end.
            (Self::Strike { slot, on: false }, Self::Strike { slot: other, on: false }) => slot == other,
            (Self::Lane(own), Self::Lane(other)) => own.lane == other.lane,
            (
                Self::InsertControl { strip, slot, control, .. },
                Self::InsertControl { strip: on, slot: at, control: other, .. },
            ) => (strip, slot, control) == (on, at, other),
            // Controls of a machine that is replaced; machines themselves the worker puts together.
            (Self::Inserts(change), Self::InsertControl { strip, slot, .. }) => {
                change.0.changes((*strip, *slot))
            }
            (
                Self::Instrument { slot, .. },
                Self::Instrument { slot: other, .. }
                | Self::InstrumentControl { slot: other, .. }
                | Self::HandOver { slot: other, .. },
            )
            | (Self::HandOver { slot, .. }, Self::HandOver { slot: other, .. }) => slot == other,
            (
                Self::InstrumentControl { slot, control, .. },
                Self::InstrumentControl { slot: at, control: other, .. },
            ) => (slot, control) == (at, other),
            (
                Self::Set { .. }
                | Self::Strike { .. }
                | Self::Tap { .. }
                | Self::Record(_)
                | Self::InsertControl { .. }
                | Self::InstrumentControl { .. }
                | Self::HandOver { .. },
                _,
            )
            | (
                Self::Plan(_)
                | Self::Ears(_)
                | Self::Song(_)
                | Self::Voices(_)
                | Self::Lane(_)
                | Self::Inserts(_)
                | Self::Instrument { .. },
                _,
            ) => false,
        }
    }

    /// Whether what the worker has put in place may be there no longer.
    pub(super) fn edits(&self) -> bool {
        match self {
            Self::Set { .. }
            | Self::Strike { .. }
            | Self::Ears(_)
            | Self::Tap { .. }
            | Self::Record(_)
            | Self::InsertControl { .. }
            | Self::InstrumentControl { .. } => false,
            Self::Plan(_)
            | Self::Song(_)
            | Self::Voices(_)
            | Self::Lane(_)
            | Self::Inserts(_)
            | Self::Instrument { .. }
            | Self::HandOver { .. } => true,
        }
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Set { target, value } => write!(f, "Set({target:?}, {value})"),
            Self::Strike { slot, on } => write!(f, "Strike({slot}, {on})"),
            Self::Plan(_) => f.write_str("Plan"),
            Self::Ears(_) => f.write_str("Ears"),
            Self::Tap { source, tap } => write!(f, "Tap({source}, {})", tap.is_some()),
            Self::Record(running) => write!(f, "Record({running})"),
            Self::Song(song) => write!(f, "Song({})", song.0.is_some()),
            Self::Voices(_) => f.write_str("Voices"),
            Self::Lane(lane) => write!(f, "Lane({}, {})", lane.lane, lane.pages.is_some()),
            Self::Inserts(change) => {
                let slots = change.0.slots.iter();
                let kinds =
                    slots.map(|slot| (slot.place, slot.machine.as_ref().map(|machine| machine.kind())));
                write!(f, "Inserts({:?}, {:?})", kinds.collect::<Vec<_>>(), change.0.settings)
            }
            Self::InsertControl { strip, slot, control, value } => {
                write!(f, "InsertControl({strip}, {slot}, {control}, {value})")
            }
            Self::Instrument { slot, machine, channels } => {
                let kind = machine.as_ref().map(|machine| machine.kind());
                write!(f, "Instrument({slot}, {kind:?}, {channels:#x})")
            }
            Self::InstrumentControl { slot, control, value } => {
                write!(f, "InstrumentControl({slot}, {control}, {value})")
            }
            Self::HandOver { slot, channels } => write!(f, "HandOver({slot}, {channels:#x})"),
        }
    }
}

/// Finds parameters by what they act on.
pub(super) struct Finder(Box<[(Target, u16)]>);

impl Finder {
    /// Allocates.
    pub(super) fn new(table: &[ParameterSpec]) -> Self {
        let mut found: Vec<(Target, u16)> = table.iter().map(|spec| spec.target).zip(0..).collect();
        found.sort_unstable();
        Self(found.into())
    }

    /// Where the parameter stands in the table. Real-time.
    pub(super) fn index(&self, target: Target) -> Option<usize> {
        let found = self.0.binary_search_by_key(&target, |(target, _)| *target).ok()?;
        self.0.get(found).map(|(_, index)| usize::from(*index))
    }

    /// Sets a parameter that goes with a machine, unless it has been moved since. Real-time.
    pub(super) fn follow(&self, table: &[ParameterSpec], values: &ParameterValues, setting: &Setting) {
        let Setting { target, from, to } = *setting;
        if self.index(target).is_some_and(|index| values.get(index) == from) {
            self.set(table, values, (target, to));
        }
    }

    /// Sets a parameter as a command asks. Real-time.
    pub(super) fn set(
        &self,
        table: &[ParameterSpec],
        values: &ParameterValues,
        (target, value): (Target, f32),
    ) {
        if let Some(index) = self.index(target)
            && let Some(spec) = table.get(index)
            && !value.is_nan()
        {
            values.set(index, within(&spec.kind, value));
        }
    }
}

/// The nearest value that a parameter can have.
fn within(kind: &Kind, plain: f32) -> f32 {
    match *kind {
        Kind::Switch { .. } => f32::from(u8::from(plain >= 0.5)),
        Kind::Choice { labels, .. } => plain.round().clamp(0.0, labels.len().saturating_sub(1) as f32),
        Kind::Integer { min, max, .. } => plain.round().clamp(min as f32, max as f32),
        Kind::Level { .. } => plain.min(LEVEL_MAX.0),
        Kind::Number { min, max, .. } => plain.clamp(min, max),
        Kind::Pan => plain.clamp(-1.0, 1.0),
        Kind::Macro { .. } => plain.clamp(0.0, 1.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::table;

    #[test]
    fn what_a_slot_is_handed_undoes_what_it_was_handed_before_and_nothing_of_another_slot() {
        let [first, again, other] =
            [(2, 1), (2, 6), (3, 1)].map(|(slot, channels)| Command::HandOver { slot, channels });
        assert!(again.undoes(&first) && !other.undoes(&first) && !first.undoes(&other));
    }

    #[test]
    fn every_parameter_is_found_by_what_it_acts_on_and_kept_in_range() {
        let table = table();
        let (finder, values) = (Finder::new(&table), ParameterValues::new(&table));
        for (index, spec) in table.iter().enumerate() {
            finder.set(&table, &values, (spec.target, f32::NAN));
            assert_eq!(values.get(index), spec.kind.default_value(), "{}", spec.id);
            for far in [f32::INFINITY, f32::NEG_INFINITY] {
                finder.set(&table, &values, (spec.target, far));
                let end = spec.kind.plain(if far > 0.0 { 1.0 } else { 0.0 });
                assert_eq!(values.get(index), end, "{}", spec.id);
            }
        }
    }
}
