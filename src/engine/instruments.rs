//! Instrument machines in the engine: which slots of the keyboard they hold, and what keys, controllers and parameters do to them.
//!
//! In: events and parameters on their frames. Out: sound on the feeds of keyboard slots, and the end of every note that a key began.
//! Audio thread. In Multi mode MIDI channel n plays slot n: where an instrument sits there its notes go to it, with a song or without
//! one, and not to the song's instrument. With MPE on, all channels play the first slot's. Song channels may hand their notes over:
//! what `ChannelNotes` says of them is played instead of their samples (`handed`). What is replaced fades in 5 ms.

mod handed;
mod zone;

use super::EventKind;
use super::NoteAddress;
use super::Target;
use super::keys::ALL_NOTES_OFF;
use super::keys::ALL_SOUND_OFF;
use super::keys::KeyboardMode;
use super::keys::Keys;
use super::keys::PEDAL;
use super::keys::POLY_ON;
use super::keys::RESET_ALL;
use super::keys::Sends;
use super::keys::Wheel;
use super::keys::control;
use super::keys::is_on;
use super::keys::modulation_control;
use super::keys::note_control;
use super::keys::seven_bits;
use super::outgoing::Outgoing;
use super::parameter::modulated;
use crate::audio::Feed;
use crate::audio::PlacedNote;
use crate::control::Control;
use crate::control::NoteControl;
use crate::machine::Instrument;
use crate::machine::NoteControls;
use crate::machine::PlayedNote;
use crate::mixer::MACROS;
use crate::tracker::KEYBOARD_SLOTS;
use crate::tracker::SongPlayer;
use crate::units::Decibels;
use crate::units::Gain;
use crate::units::SampleRate;
use crate::units::Semitones;
use handed::Handed;
use std::ops::Range;
use zone::Zone;

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

    /// Keeps what its channel says of all notes; the machine is told where it is `heard`.
    fn control(&mut self, control: Control, heard: bool) {
        self.controls.set(control);
        self.machine.iter_mut().filter(|_| heard).for_each(|machine| machine.control(control));
    }

    fn set_pedal(&mut self, down: bool, heard: bool) {
        self.pedal = down;
        self.machine.iter_mut().filter(|_| heard).for_each(|machine| machine.set_pedal(down));
    }

    /// Tells the machine all of it.
    fn tell(&mut self) {
        let Self { machine, controls, pedal, .. } = self;
        machine.iter_mut().for_each(|machine| {
            machine.set_controls(*controls);
            machine.set_pedal(*pedal);
        });
    }
}

/// See the module's description.
pub(super) struct Instruments {
    slots: [Slot; KEYBOARD_SLOTS],
    handed: Handed,
    zone: Zone,
    /// Keyboard mode is Multi.
    multi: bool,
    /// Of the keyboard.
    gain: Decibels,
    transpose: Semitones,
    sends: Sends,
}

fn played(note: NoteAddress) -> PlayedNote {
    PlayedNote { channel: note.channel, key: note.key, id: note.id }
}

/// Tells the host whose notes have ended since `frame`.
fn tell_ended(machine: &mut Instrument, (frame, out): (u64, &mut Outgoing)) {
    machine.take_ended(|offset, PlayedNote { channel, key, id }| {
        if channel < PlayedNote::KEYBOARD {
            out.push(frame + offset as u64, EventKind::NoteEnd(NoteAddress { channel, key, id }));
        }
    });
}

impl Instruments {
    pub(super) fn new(rate: SampleRate) -> Self {
        Self {
            slots: Default::default(),
            handed: Handed::new(),
            zone: Zone::default(),
            multi: true,
            gain: Decibels(0.0),
            transpose: Semitones(0.0),
            sends: Sends::new(rate),
        }
    }

    /// Puts another instrument or none in a slot, which song channels by their bits hand their notes over to. What comes back
    /// goes home: the one before, if it is silent. [`Self::is_fading`] says when the slot can take another.
    pub(super) fn put(
        &mut self,
        number: usize,
        (machine, channels): (Option<Box<Instrument>>, u64),
        (frame, out): (u64, &mut Outgoing),
    ) -> Option<Box<Instrument>> {
        // What is handed over to it begins anew.
        self.hand_over(number, 0);
        self.hand_over(number, if machine.is_some() { channels } else { 0 });
        let Some(slot) = self.slots.get_mut(number) else { return machine };
        let mut old = std::mem::replace(&mut slot.machine, machine);
        // One of 16.
        if !self.zone.is_member(number as u8) {
            slot.tell();
        }
        if let Some(machine) = &mut slot.machine {
            machine.set_transpose(self.transpose);
            machine.set_key_gain(self.gain.into(), |_| self.gain.into());
        }
        (0..MACROS).for_each(|control| slot.set_macro(control, slot.macros[control])); // as many
        if let Some(old) = &mut old {
            old.choke_all();
            tell_ended(old, (frame, out));
        }
        let silent = match old {
            Some(old) if !old.asleep() => slot.leaving.replace(old),
            silent => silent,
        };
        self.look_for_zone();
        silent
    }

    /// Whether what was in a slot before has still to fade.
    pub(super) fn is_fading(&self, slot: usize) -> bool {
        self.slots.get(slot).and_then(|slot| slot.leaving.as_ref()).is_some_and(|old| old.sounding() > 0)
    }

    /// Lets other song channels hand their notes over to a slot.
    pub(super) fn hand_over(&mut self, slot: usize, channels: u64) {
        self.handed.hand_over((slot, channels), &mut self.slots);
    }

    /// Sets a control of an instrument that is no macro.
    pub(super) fn set_control(&mut self, slot: usize, control: usize, value: f32) {
        let machine = self.slots.get_mut(slot).and_then(|slot| slot.machine.as_deref_mut());
        if let Some(machine) = machine.filter(|_| control >= MACROS) {
            machine.set_parameter(control, value);
        }
    }

    /// Bits of the song channels that hand their notes over.
    pub(super) fn handed(&self) -> u64 {
        self.handed.channels()
    }

    /// Plays what song channels have handed over by the next frame. While no tick has passed nothing has.
    pub(super) fn follow(&mut self, player: &SongPlayer) {
        self.handed.follow(player, &mut self.slots);
    }

    /// Lets go of what song channels hold: the song has gone.
    pub(super) fn let_go(&mut self) {
        self.handed.let_go(&mut self.slots);
    }

    /// One that has faded, to go home.
    pub(super) fn take_left(&mut self) -> Option<Box<Instrument>> {
        self.slots.iter_mut().find_map(|slot| slot.leaving.take_if(|old| old.sounding() == 0))
    }

    /// Whether all channels play the first slot's instrument, with what each of them says for its own notes.
    fn look_for_zone(&mut self) {
        let there = self.slots.first().is_some_and(|slot| slot.machine.is_some());
        if !self.zone.switch(self.multi && there) {
            return;
        }
        // Nobody would find them again.
        self.machines().for_each(Instrument::release_all);
        if let Some(first) = self.slots.first_mut() {
            // One controller moves either, by whether the zone holds.
            first.controls.set(Control::Cutoff(1.0));
            first.controls.set(Control::Brightness(0.5));
        }
        for (channel, slot) in (0..).zip(&mut self.slots) {
            slot.wheel.forget_range();
            if self.zone.is_member(channel) {
                // Its channel lifts it no more.
                slot.machine.iter_mut().for_each(|machine| machine.set_pedal(false));
            } else {
                slot.tell();
            }
        }
        (0..KEYBOARD_SLOTS as u8).for_each(|channel| self.turn(channel, |_| {})); // 16
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
                self.look_for_zone();
            }
            Target::Mpe => {
                self.zone.set_asked(value >= 0.5);
                self.look_for_zone();
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
            target => self.handed.set((target, value), &mut self.slots),
        }
    }

    /// Whether a note begins on an instrument, and so not on the song's keyboard; no pattern takes keys where not `launched`.
    pub(super) fn takes(&self, event: &EventKind, launched: bool) -> bool {
        let EventKind::NoteOn(note, velocity) = *event else { return false };
        let there = self.slots.get(self.zone.slot(note.channel)).is_some_and(|slot| slot.machine.is_some());
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
                let own = self.zone.begin(note.channel);
                if let Some(machine) = self.machine_of(note.channel) {
                    machine.strike(played(note), velocity);
                    own.into_iter().flatten().for_each(|own| machine.control_note(played(note), own));
                }
            }
            // Somebody else's.
            EventKind::NoteOn(_, velocity) if seven_bits(velocity) > 0.0 => {}
            EventKind::NoteOn(note, _) | EventKind::NoteOff(note) => {
                self.with(note, |machine| machine.release(played(note)));
            }
            EventKind::Choke(note) => self.with(note, |machine| machine.choke(played(note))),
            EventKind::AllNotesOff(channel) => self.release_each(channel),
            EventKind::AllSoundOff(channel) => self.choke_each(channel),
            EventKind::PitchBend { channel, value } => self.turn(channel, |wheel| wheel.turn(value)),
            EventKind::Controller { channel, number, value } => {
                self.controller(channel, number, seven_bits(value));
            }
            EventKind::Pressure { channel, value } => {
                let value = seven_bits(value);
                match self.zone.pressure(channel, value) {
                    Some(own) => self.control_member(channel, own),
                    None => self.control(channel, Control::Pressure(value)),
                }
            }
            EventKind::Expression(note, expression) => {
                self.with(note, |machine| machine.control_note(played(note), note_control(expression)));
            }
            EventKind::Modulation(note, modulation) => {
                let control = modulation_control(modulation, self.gain);
                self.with(note, |machine| machine.control_note(played(note), control));
            }
            // A slot's instrument is the rack's.
            EventKind::Program { .. } | EventKind::NoteEnd(_) => {}
        }
        self.report(frame, out);
    }

    /// What a channel's notes play.
    fn machine_of(&mut self, channel: u8) -> Option<&mut Instrument> {
        self.slots.get_mut(self.zone.slot(channel))?.machine.as_deref_mut()
    }

    /// Tells whoever may have a note: the host may name it by its id alone, whatever its channel.
    fn with(&mut self, note: NoteAddress, act: impl Fn(&mut Instrument)) {
        match note.id {
            Some(_) => self.machines().for_each(act),
            None => self.machine_of(note.channel).into_iter().for_each(act),
        }
    }

    /// Lets go of what one channel plays, or all of them.
    fn release_each(&mut self, channel: Option<u8>) {
        match channel {
            None => self.machines().for_each(Instrument::release_all),
            Some(channel) if self.zone.is_member(channel) => {
                self.machine_of(channel).into_iter().for_each(|machine| machine.release_channel(channel));
            }
            Some(channel) => self.machine_of(channel).into_iter().for_each(Instrument::release_all),
        }
    }

    /// The same at once.
    fn choke_each(&mut self, channel: Option<u8>) {
        match channel {
            None => self.machines().for_each(Instrument::choke_all),
            Some(channel) if self.zone.is_member(channel) => {
                self.machine_of(channel).into_iter().for_each(|machine| machine.choke_channel(channel));
            }
            Some(channel) => self.machine_of(channel).into_iter().for_each(Instrument::choke_all),
        }
    }

    fn turn(&mut self, channel: u8, turn: impl FnOnce(&mut Wheel)) {
        let Some(slot) = self.slots.get_mut(usize::from(channel)) else { return };
        turn(&mut slot.wheel);
        let bends = [false, true].map(|member| slot.wheel.bend(member));
        slot.control(Control::Bend(bends[0]), !self.zone.is_member(channel));
        if let Some(own) = self.zone.bend(channel, bends[1]) {
            self.control_member(channel, own);
        }
    }

    fn control(&mut self, channel: u8, control: Control) {
        if let Some(slot) = self.slots.get_mut(usize::from(channel)) {
            slot.control(control, !self.zone.is_member(channel));
        }
    }

    /// What a member of the zone says for all its notes.
    fn control_member(&mut self, channel: u8, control: NoteControl) {
        if let Some(machine) = self.slots.first_mut().and_then(|slot| slot.machine.as_deref_mut()) {
            machine.control_channel(channel, control);
        }
    }

    fn controller(&mut self, channel: u8, number: u8, value: f32) {
        let midi = libm::roundf(value * 127.0);
        if let Some(own) = self.zone.timbre(channel, (number, value)) {
            return self.control_member(channel, own);
        }
        let heard = !self.zone.is_member(channel);
        let Some(slot) = self.slots.get_mut(usize::from(channel)) else { return };
        match number {
            PEDAL => slot.set_pedal(is_on(midi), heard),
            6 | 38 | 98..=101 => self.register(channel, number, midi),
            ALL_SOUND_OFF => self.choke_each(Some(channel)),
            RESET_ALL => self.reset_controllers(channel),
            ALL_NOTES_OFF..=POLY_ON => self.release_each(Some(channel)),
            _ => match self.zone.control(channel, control(number, value)) {
                Some(control) => slot.control(control, heard),
                None => self.sends.control(channel, number, Gain(value)),
            },
        }
    }

    fn reset_controllers(&mut self, channel: u8) {
        let Some(slot) = self.slots.get_mut(usize::from(channel)) else { return };
        slot.controls.reset_most();
        slot.pedal = false;
        if let Some(own) = self.zone.pressure(channel, 0.0) {
            self.control_member(channel, own);
        } else {
            slot.tell();
        }
        self.turn(channel, Wheel::centre);
    }

    /// Registered parameters: of these the bend range, one member's of which is that of all.
    fn register(&mut self, channel: u8, number: u8, midi: f32) {
        let members =
            if self.zone.is_member(channel) { 1..KEYBOARD_SLOTS as u8 } else { channel..channel + 1 };
        for channel in members {
            self.turn(channel, |wheel| {
                wheel.register(number, midi);
            });
        }
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

    /// Begins a block of what slots send.
    pub(super) fn begin_sends(&mut self, frames: usize) {
        self.sends.begin(frames);
    }

    /// Has a note of the song's instruments that goes into space sent by its slot.
    pub(super) fn send_note(&mut self, note: &PlacedNote<'_>) {
        self.sends.take(note);
    }

    /// Adds what slots send to the returns, the song's instruments in them or ours.
    pub(super) fn send(&mut self, slots: &[Feed], returns: &mut [Feed], range: &Range<usize>) {
        self.sends.add(slots, returns, range);
    }

    /// Tells the host whose notes have ended since `frame`.
    pub(super) fn report(&mut self, frame: u64, out: &mut Outgoing) {
        let all = self.slots.iter_mut().flat_map(|slot| [&mut slot.machine, &mut slot.leaving]);
        all.flatten().for_each(|machine| tell_ended(machine, (frame, out)));
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
        self.handed.reset();
        self.zone.reset();
        self.sends.reset();
    }
}
