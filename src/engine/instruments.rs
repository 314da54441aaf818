//! Instrument machines in the engine: which slots of the keyboard they hold, and what keys, controllers and parameters do to them.
//!
//! In: events and parameters on their frames. Out: sound on the feeds of keyboard slots, and the end of every note that a key began.
//! Audio thread. Song channels may hand their notes over: what `ChannelNotes` says of them is played instead of their samples. In Multi mode MIDI channel n plays slot n: where an instrument sits there its notes go to it, with a song or
//! without one, and not to the song's instrument. What is replaced fades in 5 ms.

use super::EventKind;
use super::Modulation;
use super::NoteAddress;
use super::Target;
use super::keys::KeyboardMode;
use super::keys::Keys;
use super::keys::Sends;
use super::keys::Wheel;
use super::keys::around_middle;
use super::keys::note_control;
use super::keys::seven_bits;
use super::outgoing::Outgoing;
use super::parameter::modulated;
use crate::audio::Feed;
use crate::control::Control;
use crate::control::NoteControl;
use crate::machine::Instrument;
use crate::machine::NoteControls;
use crate::machine::PlayedNote;
use crate::mixer::MACROS;
use crate::mixer::SONG_CHANNELS;
use crate::tracker::BEND_RANGE;
use crate::tracker::ChannelNotes;
use crate::tracker::KEYBOARD_SLOTS;
use crate::tracker::NO_BEND;
use crate::tracker::NoteMessage;
use crate::tracker::SongPlayer;
use crate::units::Decibels;
use crate::units::Gain;
use crate::units::SampleRate;
use crate::units::Semitones;
use std::ops::Range;

/// A slot of the keyboard.
#[derive(Default)]
struct Slot {
    machine: Option<Box<Instrument>>,
    /// What was there before, until it has faded.
    leaving: Option<Box<Instrument>>,
    wheel: Wheel,
    controls: NoteControls,
    pedal: bool,
    /// 0–1, kept for whatever comes next.
    macros: [f32; MACROS],
}

impl Slot {
    fn set_macro(&mut self, control: usize, position: f32) {
        if let Some(slot) = self.macros.get_mut(control) {
            *slot = position;
        }
        let Some(machine) = &mut self.machine else { return };
        if let Some(parameter) = machine.kind().parameters().get(control) {
            machine.set_parameter(control, parameter.value_at(position));
        }
    }

    fn control(&mut self, control: Control) {
        self.controls.set(control);
        self.machine.iter_mut().for_each(|machine| machine.control(control));
    }

    fn set_pedal(&mut self, down: bool) {
        self.pedal = down;
        self.machine.iter_mut().for_each(|machine| machine.set_pedal(down));
    }
}

/// A song channel that hands its notes over.
#[derive(Clone, Copy, Debug)]
struct Line {
    /// Whose they are.
    slot: Option<usize>,
    /// What it holds.
    note: Option<PlayedNote>,
    tuning: Semitones,
    volume: Gain,
    pan: f32,
}

impl Line {
    const IDLE: Self = Self { slot: None, note: None, tuning: Semitones(0.0), volume: Gain::UNITY, pan: 0.0 };

    fn controls(&self) -> [NoteControl; 3] {
        [NoteControl::Tuning(self.tuning), NoteControl::Volume(self.volume), NoteControl::Pan(self.pan)]
    }

    /// Plays a message, and keeps what the channel's next note begins with.
    fn play(&mut self, message: NoteMessage, machine: &mut Instrument) {
        let note = |channel, key| PlayedNote { channel: PlayedNote::KEYBOARD + channel, key, id: None };
        match message {
            NoteMessage::On { channel, key, velocity } => {
                let note = note(channel, key);
                self.note = Some(note);
                machine.strike(note, f32::from(velocity) / 127.0);
            }
            NoteMessage::Off { channel, key } => {
                self.note = None;
                return machine.release(note(channel, key));
            }
            NoteMessage::Bend { steps, .. } => {
                let middle = f32::from(NO_BEND);
                self.tuning = Semitones((f32::from(steps) - middle) / middle * f32::from(BEND_RANGE));
            }
            NoteMessage::Controller { number: EXPRESSION, value, .. } => {
                self.volume = Gain(f32::from(value) / 127.0);
            }
            // How far bends reach is known.
            NoteMessage::Controller { .. } => return,
        }
        self.apply(machine);
    }

    fn apply(&self, machine: &mut Instrument) {
        if let Some(note) = self.note {
            self.controls().into_iter().for_each(|control| machine.control_note(note, control));
        }
    }
}

/// What `ChannelNotes` tells volumes by.
const EXPRESSION: u8 = 11;

/// See the module's description.
pub(super) struct Instruments {
    slots: [Slot; KEYBOARD_SLOTS],
    /// Song channels, and what they play.
    lines: [Line; SONG_CHANNELS],
    notes: ChannelNotes,
    /// Keyboard mode is Multi.
    multi: bool,
    /// Of the keyboard.
    gain: Decibels,
    transpose: Semitones,
    /// For when no song's keyboard sends.
    sends: Sends,
}

fn played(note: NoteAddress) -> PlayedNote {
    PlayedNote { channel: note.channel, key: note.key, id: note.id }
}

impl Instruments {
    pub(super) fn new(rate: SampleRate) -> Self {
        Self {
            slots: Default::default(),
            lines: [Line::IDLE; SONG_CHANNELS],
            notes: ChannelNotes::new(SONG_CHANNELS as u8),
            multi: true,
            gain: Decibels(0.0),
            transpose: Semitones(0.0),
            sends: Sends::new(rate),
        }
    }

    /// Puts another instrument or none in a slot, which song channels by their bits hand their notes over to. What comes back goes home: the one before, if it is silent, or one that has
    /// not quite faded yet.
    pub(super) fn put(
        &mut self,
        slot: usize,
        machine: Option<Box<Instrument>>,
        channels: u64,
    ) -> Option<Box<Instrument>> {
        let sits = machine.is_some();
        if channels != 0 || self.lines.iter().any(|line| line.slot == Some(slot)) {
            // All begin anew, so that each is told again what it was told before.
            self.let_go();
            self.notes.forget();
        }
        for (channel, line) in self.lines.iter_mut().enumerate() {
            let others = line.slot.filter(|other| *other != slot);
            let slot = if sits && channels >> channel & 1 == 1 { Some(slot) } else { others };
            *line = Line { slot, pan: line.pan, ..Line::IDLE };
        }
        let Some(slot) = self.slots.get_mut(slot) else { return machine };
        let mut old = std::mem::replace(&mut slot.machine, machine);
        if let Some(machine) = &mut slot.machine {
            machine.set_controls(slot.controls);
            machine.set_pedal(slot.pedal);
            machine.set_transpose(self.transpose);
            machine.set_key_gain(self.gain.into(), |_| self.gain.into());
        }
        (0..MACROS).for_each(|control| slot.set_macro(control, slot.macros[control])); // as many
        old.iter_mut().for_each(|old| old.choke_all());
        match old {
            Some(old) if !old.asleep() => slot.leaving.replace(old),
            silent => silent,
        }
    }

    /// Bits of the song channels that hand their notes over.
    pub(super) fn handed(&self) -> u64 {
        let handed = self.lines.iter().enumerate().filter(|(_, line)| line.slot.is_some());
        handed.fold(0, |bits, (channel, _)| bits | 1 << channel) // 64 of them
    }

    /// Plays what song channels have handed over by the next frame. While no tick has passed nothing has.
    pub(super) fn follow(&mut self, player: &SongPlayer) {
        if self.lines.iter().all(|line| line.slot.is_none()) {
            return;
        }
        let Self { slots, lines, notes, .. } = self;
        for (channel, line) in lines.iter_mut().enumerate().filter(|(_, line)| line.slot.is_some()) {
            let pan = player.heard_panning(channel).unwrap_or(0.0);
            if std::mem::replace(&mut line.pan, pan) != pan
                && let Some(machine) = machine_of(slots, line)
            {
                line.apply(machine);
            }
        }
        notes.follow(player, &mut |message| play(slots, lines, message));
    }

    /// Lets go of what song channels hold: the song has gone.
    pub(super) fn let_go(&mut self) {
        let Self { slots, lines, notes, .. } = self;
        notes.release(&mut |message| play(slots, lines, message));
    }

    /// One that has faded, to go home.
    pub(super) fn take_left(&mut self) -> Option<Box<Instrument>> {
        self.slots.iter_mut().find_map(|slot| slot.leaving.take_if(|old| old.sounding() == 0))
    }

    fn machines(&mut self) -> impl Iterator<Item = &mut Instrument> {
        self.slots.iter_mut().filter_map(|slot| slot.machine.as_deref_mut())
    }

    /// Takes what parameters mean for instruments; other parts may take the same ones.
    pub(super) fn set(&mut self, target: Target, value: f32) {
        match target {
            Target::InstrumentMacro { slot, control } => {
                if let Some(slot) = self.slots.get_mut(slot) {
                    slot.set_macro(control, value);
                }
            }
            Target::KeyboardMode => {
                let multi = KeyboardMode::of_choice(value) == KeyboardMode::Multi;
                if std::mem::replace(&mut self.multi, multi) && !multi {
                    self.machines().for_each(Instrument::release_all);
                }
            }
            Target::KeyboardGain => {
                self.gain = Decibels(value);
                let gain = self.gain;
                let of_note = |offset| modulated(gain, offset).into();
                self.machines().for_each(|machine| machine.set_key_gain(gain.into(), of_note));
            }
            Target::Transpose => {
                self.transpose = Semitones(value);
                self.machines().for_each(|machine| machine.set_transpose(Semitones(value)));
            }
            Target::Panic if value >= 0.5 => self.machines().for_each(Instrument::choke_all),
            _ => {}
        }
    }

    /// Whether a note begins on an instrument, and so not on the song's keyboard; no pattern takes keys where not `launched`.
    pub(super) fn takes(&self, event: &EventKind, launched: bool) -> bool {
        let EventKind::NoteOn(note, velocity) = *event else { return false };
        let there = self.slots.get(usize::from(note.channel)).is_some_and(|slot| slot.machine.is_some());
        self.multi && !launched && there && seven_bits(velocity) > 0.0
    }

    /// Acts on an event.
    pub(super) fn act(
        &mut self,
        event: &EventKind,
        keys: &Keys,
        launched: bool,
        (frame, out): (u64, &mut Outgoing),
    ) {
        let takes = self.takes(event, launched);
        match *event {
            EventKind::NoteOn(note, velocity) if takes => {
                let velocity = keys.curved(seven_bits(velocity));
                self.with(note, |machine| machine.strike(played(note), velocity));
            }
            // Somebody else's.
            EventKind::NoteOn(_, velocity) if seven_bits(velocity) > 0.0 => {}
            EventKind::NoteOn(note, _) | EventKind::NoteOff(note) => {
                self.with(note, |machine| machine.release(played(note)));
            }
            EventKind::Choke(note) => self.with(note, |machine| machine.choke(played(note))),
            EventKind::AllNotesOff(channel) => self.each(channel, Instrument::release_all),
            EventKind::AllSoundOff(channel) => self.each(channel, Instrument::choke_all),
            EventKind::PitchBend { channel, value } => self.turn(channel, |wheel| wheel.turn(value)),
            EventKind::Controller { channel, number, value } => {
                self.controller(channel, number, seven_bits(value));
            }
            EventKind::Pressure { channel, value } => {
                self.control(channel, Control::Pressure(seven_bits(value)));
            }
            EventKind::Expression(note, expression) => {
                self.with(note, |machine| machine.control_note(played(note), note_control(expression)));
            }
            EventKind::Modulation(note, modulation) => {
                let control = match modulation {
                    Modulation::Gain(offset) => {
                        NoteControl::Gain { offset, gain: modulated(self.gain, offset).into() }
                    }
                    Modulation::Transpose(interval) => NoteControl::Transpose(interval),
                };
                self.with(note, |machine| machine.control_note(played(note), control));
            }
            // A slot's instrument is the rack's.
            EventKind::Program { .. } | EventKind::NoteEnd(_) => {}
        }
        self.report(frame, out);
    }

    fn with(&mut self, note: NoteAddress, act: impl FnOnce(&mut Instrument)) {
        let slot = self.slots.get_mut(usize::from(note.channel));
        if let Some(machine) = slot.and_then(|slot| slot.machine.as_deref_mut()) {
            act(machine);
        }
    }

    fn each(&mut self, channel: Option<u8>, act: impl Fn(&mut Instrument)) {
        for (number, slot) in (0..).zip(&mut self.slots) {
            if channel.is_none_or(|channel| channel == number) {
                slot.machine.iter_mut().for_each(|machine| act(machine));
            }
        }
    }

    fn turn(&mut self, channel: u8, turn: impl FnOnce(&mut Wheel)) {
        if let Some(slot) = self.slots.get_mut(usize::from(channel)) {
            turn(&mut slot.wheel);
            slot.control(Control::Bend(slot.wheel.bend(false)));
        }
    }

    fn control(&mut self, channel: u8, control: Control) {
        if let Some(slot) = self.slots.get_mut(usize::from(channel)) {
            slot.control(control);
        }
    }

    fn controller(&mut self, channel: u8, number: u8, value: f32) {
        let midi = libm::roundf(value * 127.0);
        let Some(slot) = self.slots.get_mut(usize::from(channel)) else { return };
        let control = match number {
            1 => Control::Modulation(value),
            7 => Control::Volume(Gain(value)),
            10 => Control::Pan(around_middle(midi)),
            11 => Control::Expression(Gain(value)),
            65 => Control::Portamento(midi >= 64.0),
            71 => Control::Resonance(value),
            74 => Control::Cutoff(value),
            76 => Control::VibratoRate(0.5 + around_middle(midi) / 2.0),
            64 => return slot.set_pedal(midi >= 64.0),
            91 => return self.sends.set(channel, 0, Gain(value)),
            93 => return self.sends.set(channel, 1, Gain(value)),
            6 | 38 | 98..=101 => {
                return self.turn(channel, |wheel| {
                    wheel.register(number, midi);
                });
            }
            120 => return self.each(Some(channel), Instrument::choke_all),
            121 => {
                slot.controls.reset_most();
                let controls = slot.controls;
                slot.machine.iter_mut().for_each(|machine| machine.set_controls(controls));
                slot.set_pedal(false);
                return self.turn(channel, Wheel::centre);
            }
            123..=127 => return self.each(Some(channel), Instrument::release_all),
            _ => return,
        };
        slot.control(control);
    }

    /// Adds frames of `range`, the first of which is `frame` since reset, to the feeds of the slots.
    pub(super) fn render(
        &mut self,
        feeds: &mut [Feed],
        range: &Range<usize>,
        (frame, out): (u64, &mut Outgoing),
    ) {
        for (slot, feed) in self.slots.iter_mut().zip(feeds) {
            for machine in [&mut slot.machine, &mut slot.leaving].into_iter().flatten() {
                machine.render(feed, range, frame);
            }
        }
        self.report(frame, out);
    }

    /// Adds what slots send to the returns where no song's keyboard does.
    pub(super) fn send(&mut self, slots: &[Feed], returns: &mut [Feed], range: &Range<usize>) {
        self.sends.add(slots, returns, range);
    }

    /// Tells the host whose notes have ended since `frame`.
    pub(super) fn report(&mut self, frame: u64, out: &mut Outgoing) {
        let all = self.slots.iter_mut().flat_map(|slot| [&mut slot.machine, &mut slot.leaving]);
        for machine in all.flatten() {
            machine.take_ended(|offset, PlayedNote { channel, key, id }| {
                if channel >= PlayedNote::KEYBOARD {
                    return; // the song's
                }
                out.push(frame + offset as u64, EventKind::NoteEnd(NoteAddress { channel, key, id }));
            });
        }
    }

    /// Voices that sound.
    pub(super) fn sounding(&self) -> usize {
        let machines = self.slots.iter().flat_map(|slot| [&slot.machine, &slot.leaving]);
        machines.flatten().map(|machine| machine.sounding()).sum()
    }

    /// Nothing sounds, and everything that is held is forgotten.
    pub(super) fn reset(&mut self) {
        for slot in &mut self.slots {
            slot.machine.iter_mut().chain(&mut slot.leaving).for_each(|machine| machine.reset());
            (slot.wheel, slot.controls, slot.pedal) = (Wheel::default(), NoteControls::default(), false);
        }
        for line in &mut self.lines {
            *line = Line { slot: line.slot, ..Line::IDLE };
        }
        self.notes.forget();
        self.sends.reset();
    }
}

/// The instrument that a song channel plays.
fn machine_of<'a>(slots: &'a mut [Slot; KEYBOARD_SLOTS], line: &Line) -> Option<&'a mut Instrument> {
    slots.get_mut(line.slot?)?.machine.as_deref_mut()
}

fn play(slots: &mut [Slot; KEYBOARD_SLOTS], lines: &mut [Line; SONG_CHANNELS], message: NoteMessage) {
    if let Some(line) = lines.get_mut(usize::from(message.channel()))
        && let Some(machine) = machine_of(slots, line)
    {
        line.play(message, machine);
    }
}
