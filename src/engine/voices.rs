//! Voices in the engine: which keys, parameters and controllers act on the pool, and what the host hears of it.
//!
//! In: events and parameters on their frames. Out: sound on one source for each bus, and the end of every note that a key
//! began. Audio thread. Key 36 plays the first slot, as it plays the first sample in Kit mode; keys below play the last slots.

use super::EventKind;
use super::NoteAddress;
use super::TRIGGERS;
use super::Target;
use super::keys::ALL_NOTES_OFF;
use super::keys::ALL_SOUND_OFF;
use super::keys::FIRST_KIT_KEY;
use super::keys::KeyboardMode;
use super::keys::Keys;
use super::keys::PEDAL;
use super::keys::POLY_ON;
use super::keys::RESET_ALL;
use super::keys::Wheel;
use super::keys::control;
use super::keys::is_on;
use super::keys::modulation_control;
use super::keys::note_control;
use super::keys::seven_bits;
use super::outgoing::Outgoing;
use super::parameter::modulated;
use crate::audio::Feed;
use crate::audio::NotePlacer;
use crate::control::Control;
use crate::dsp::Level;
use crate::units::Decibels;
use crate::units::Gain;
use crate::units::SampleRate;
use crate::units::Semitones;
use crate::voice::Bank;
use crate::voice::Cause;
use crate::voice::Pool;
use crate::voice::SLOTS;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Acquire;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::Ordering::Release;

/// MIDI channels.
const CHANNELS: usize = 16;
/// Voices of a slot whose places are shown.
const PLAYHEADS: usize = 8;
/// No voice.
const NOBODY: u64 = u64::MAX;
/// Bits of a slot's cell for its triggers; above them its voices are counted.
const TRIGGER_BITS: u32 = 48;

/// What a slot of voices shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VoiceReading {
    /// Voices of it, those aside that others have taken away.
    pub voices: usize,
    /// How often it has been triggered since the transport started, from which follows what it plays next:
    /// [`Bank::drawn`].
    pub triggers: u64,
}

/// Bits of a word.
const WORD: usize = u64::BITS as usize;

/// Newest readings of all slots, and where voices of one of them are; written by the engine.
pub(super) struct VoiceCells {
    slots: [AtomicU64; SLOTS],
    /// Counts changes of them.
    revision: AtomicU64,
    /// Whose voices' places are asked for.
    shown: AtomicUsize,
    /// Take and frame, the newest first.
    playheads: [AtomicU64; PLAYHEADS],
    /// Bits of slots that are let go of, until the engine takes them.
    released: [AtomicU64; SLOTS.div_ceil(WORD)],
}

impl Default for VoiceCells {
    fn default() -> Self {
        Self {
            slots: std::array::from_fn(|_| AtomicU64::new(0)),
            revision: AtomicU64::new(0),
            shown: AtomicUsize::new(0),
            playheads: std::array::from_fn(|_| AtomicU64::new(NOBODY)),
            released: Default::default(),
        }
    }
}

impl VoiceCells {
    pub(super) fn read(&self, slot: usize) -> VoiceReading {
        let bits = self.slots.get(slot).map_or(0, |cell| cell.load(Relaxed));
        VoiceReading { voices: (bits >> TRIGGER_BITS) as usize, triggers: bits & ((1 << TRIGGER_BITS) - 1) }
    }

    pub(super) fn revision(&self) -> u64 {
        self.revision.load(Acquire)
    }

    pub(super) fn show(&self, slot: usize) {
        self.shown.store(slot, Relaxed);
    }

    /// Lets go of what commands have begun of a slot.
    pub(super) fn release(&self, slot: usize) {
        if let Some(word) = self.released.get(slot / WORD) {
            word.fetch_or(1 << (slot % WORD), Relaxed);
        }
    }

    /// Takes and frames.
    pub(super) fn playheads(&self) -> impl Iterator<Item = (usize, usize)> {
        let bits = self.playheads.iter().map(|cell| cell.load(Relaxed)).filter(|&bits| bits != NOBODY);
        bits.map(|bits| ((bits >> 32) as usize, bits as u32 as usize))
    }
}

/// See the module's description.
pub(super) struct Voices {
    pool: Pool,
    /// Keyboard mode is Voices.
    by_keys: bool,
    triggers: [bool; TRIGGERS],
    wheels: [Wheel; CHANNELS],
    /// Of the keyboard.
    gain: Decibels,
    cells: Arc<VoiceCells>,
    /// Whether places of voices have been written.
    placed: bool,
}

/// The key that plays a slot in Voices mode.
pub fn voice_key(slot: usize) -> usize {
    (slot + usize::from(FIRST_KIT_KEY)) % SLOTS
}

fn slot_of(key: u8) -> usize {
    (usize::from(key) + SLOTS - usize::from(FIRST_KIT_KEY)) % SLOTS
}

fn cause(note: NoteAddress) -> Cause {
    Cause::Key { channel: note.channel, key: note.key, id: note.id }
}

impl Voices {
    /// Allocates.
    pub(super) fn new(rate: SampleRate, level: Level, cells: Arc<VoiceCells>) -> Self {
        Self {
            pool: Pool::new(rate, level),
            by_keys: false,
            triggers: [false; TRIGGERS],
            wheels: [Wheel::default(); CHANNELS],
            gain: Decibels(0.0),
            cells,
            placed: false,
        }
    }

    pub(super) fn pool(&mut self) -> &mut Pool {
        &mut self.pool
    }

    /// Replaces all slots; what comes back at once goes home.
    pub(super) fn set_bank(&mut self, bank: Arc<Bank>) -> Option<Arc<Bank>> {
        self.pool.set_bank(bank).or_else(|| self.pool.take_left())
    }

    /// Takes what parameters mean for voices; other parts may take the same ones.
    pub(super) fn set(&mut self, target: Target, value: f32) {
        match target {
            Target::VoiceTrigger(slot) => self.switch(slot, value >= 0.5),
            Target::KeyboardMode => {
                let by_keys = KeyboardMode::of_choice(value) == KeyboardMode::Voices;
                if std::mem::replace(&mut self.by_keys, by_keys) && !by_keys {
                    self.pool.release_all(None);
                }
            }
            Target::KeyboardGain => {
                self.gain = Decibels(value);
                self.pool.set_key_gain(self.gain.into(), |offset| modulated(Decibels(value), offset).into());
            }
            Target::Transpose => self.pool.set_transpose(Semitones(value)),
            Target::Panic if value >= 0.5 => self.pool.choke_all(None),
            _ => {}
        }
    }

    fn switch(&mut self, slot: usize, on: bool) {
        let Some(trigger) = self.triggers.get_mut(slot) else { return };
        if std::mem::replace(trigger, on) != on {
            self.begin(slot, on, Cause::Parameter);
        }
    }

    /// Begins a voice of a slot as its trigger would, or lets go of it. What the trigger itself holds is left alone.
    pub(super) fn strike(&mut self, slot: usize, on: bool) {
        self.begin(slot, on, Cause::Command);
    }

    /// Lets go of voices whose command to do so has found no room.
    pub(super) fn take_releases(&mut self) {
        for word in 0..self.cells.released.len() {
            let cell = &self.cells.released[word]; // `word` is below the length
            // A load costs far less than an exchange.
            let mut bits = if cell.load(Relaxed) == 0 { 0 } else { cell.swap(0, Relaxed) };
            while bits != 0 {
                self.strike(WORD * word + bits.trailing_zeros() as usize, false);
                bits &= bits - 1;
            }
        }
    }

    fn begin(&mut self, slot: usize, on: bool, cause: fn(u8) -> Cause) {
        let Ok(number) = u8::try_from(slot) else { return };
        let cause = cause(number);
        if on {
            self.pool.trigger(slot, cause, Gain::UNITY);
        } else {
            self.pool.release(cause);
        }
    }

    /// Writes what slots show, and while somebody looks where voices are.
    pub(super) fn show(&mut self, watched: bool) {
        let cells = Arc::clone(&self.cells);
        if self.pool.take_changed() {
            for (slot, cell) in cells.slots.iter().enumerate() {
                let (voices, triggers) = self.pool.slot_state(slot);
                cell.store(u64::from(voices) << TRIGGER_BITS | triggers, Relaxed);
            }
            cells.revision.fetch_add(1, Release);
        }
        if watched || std::mem::replace(&mut self.placed, watched) {
            self.placed = watched;
            let shown = cells.shown.load(Relaxed);
            let mut heads = self.pool.playheads(shown).filter(|_| watched);
            for cell in &cells.playheads {
                let bits = heads.next().map(|(take, frame)| u64::from(take) << 32 | u64::from(frame));
                cell.store(bits.unwrap_or(NOBODY), Relaxed);
            }
        }
    }

    /// Acts on an event; keys play slots where `keys` says so and no pattern takes them.
    pub(super) fn act(
        &mut self,
        event: &EventKind,
        keys: &Keys,
        launched: bool,
        (frame, out): (u64, &mut Outgoing),
    ) {
        match *event {
            EventKind::NoteOn(note, velocity) if self.by_keys && !launched => {
                let velocity = keys.curved(seven_bits(velocity));
                if velocity == 0.0 {
                    self.pool.release(cause(note));
                } else if !self.pool.trigger(slot_of(note.key), cause(note), Gain(velocity)) {
                    out.push(frame, EventKind::NoteEnd(note));
                }
            }
            EventKind::NoteOn(..) | EventKind::NoteEnd(_) => {}
            EventKind::NoteOff(note) => self.pool.release(cause(note)),
            EventKind::Choke(note) => self.pool.choke(cause(note)),
            EventKind::AllNotesOff(channel) => self.pool.release_all(channel.map(usize::from)),
            EventKind::AllSoundOff(channel) => self.pool.choke_all(channel.map(usize::from)),
            EventKind::PitchBend { channel, value } => self.turn(channel, |wheel| wheel.turn(value)),
            EventKind::Controller { channel, number, value } => {
                self.control(channel, number, seven_bits(value))
            }
            EventKind::Pressure { channel, value } => {
                self.pool.control(channel.into(), Control::Pressure(seven_bits(value)));
            }
            EventKind::Expression(note, expression) => {
                self.pool.express(cause(note), note_control(expression))
            }
            EventKind::Modulation(note, modulation) => {
                let control = modulation_control(modulation, self.gain);
                self.pool.express(cause(note), control);
            }
            // Slots are no instruments.
            EventKind::Program { .. } => {}
        }
        self.report(frame, out);
    }

    fn turn(&mut self, channel: u8, turn: impl FnOnce(&mut Wheel)) {
        let channel = usize::from(channel);
        if let Some(wheel) = self.wheels.get_mut(channel) {
            turn(wheel);
            self.pool.bend(channel, wheel.bend(false));
        }
    }

    /// Those controllers of keys that voices have: they glide into nothing, and go to no return by themselves.
    fn control(&mut self, channel: u8, number: u8, value: f32) {
        let (midi, slot) = (libm::roundf(value * 127.0), usize::from(channel));
        match number {
            PEDAL => self.pool.set_pedal(slot, is_on(midi)),
            6 | 38 | 98..=101 => self.turn(channel, |wheel| {
                wheel.register(number, midi);
            }),
            ALL_SOUND_OFF => self.pool.choke_all(Some(slot)),
            RESET_ALL => {
                self.pool.reset_controls(slot);
                self.turn(channel, Wheel::centre);
                self.pool.set_pedal(slot, false);
            }
            ALL_NOTES_OFF..=POLY_ON => self.pool.release_all(Some(slot)),
            _ => control(number, value).into_iter().for_each(|control| self.pool.control(slot, control)),
        }
    }

    /// Renders frames of `range`, the first of which is `frame` since reset; see [`Pool::render_with`].
    pub(super) fn render(
        &mut self,
        feeds: &mut [Feed],
        range: &Range<usize>,
        (turned, place): (Option<(u128, &[f32])>, &mut NotePlacer<'_>),
        (frame, out): (u64, &mut Outgoing),
    ) {
        self.pool.render_with(feeds, range, turned, place);
        self.report(frame, out);
    }

    /// Tells the host whose notes have ended since `frame`.
    pub(super) fn report(&mut self, frame: u64, out: &mut Outgoing) {
        self.pool.take_ended(|offset, cause| {
            if let Cause::Key { channel, key, id } = cause {
                let note = NoteAddress { channel, key, id };
                out.push(frame + offset as u64, EventKind::NoteEnd(note));
            }
        });
    }

    /// Nothing sounds, and everything that is held is forgotten.
    pub(super) fn reset(&mut self) {
        self.pool.reset();
        (self.triggers, self.wheels) = ([false; TRIGGERS], [Wheel::default(); CHANNELS]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_a_slot_of_its_own_and_the_first_is_that_of_kits() {
        let mut slots: Vec<usize> = (0..128).map(slot_of).collect();
        assert_eq!((slots[36], slots[127], slots[0], slots[35]), (0, 91, 92, 127));
        assert!((0..SLOTS).all(|slot| slots[voice_key(slot)] == slot));
        slots.sort_unstable();
        assert!(slots.into_iter().eq(0..SLOTS));
    }
}
