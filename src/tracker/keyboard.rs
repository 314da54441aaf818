//! Notes from outside: a song's instruments played on voices of their own.
//!
//! In: keys, releases and controllers of 16 slots, each acting on the frame between two calls of `render`. Out: one
//! stereo block for each slot, and word of each note that has died away. Made on a worker, run on the audio thread. Every
//! voice counts its own ticks from the frame of its key, so that a note sounds the same wherever it begins. Song channels
//! are never taken away.

pub(crate) mod strike;
mod voice;

#[cfg(test)]
mod tests;

use super::control::Acting;
use super::control::Controls;
use super::control::Overall;
use super::flow::Flow;
use super::gain::Ramping;
use super::mix::Tone;
use super::note;
use super::player::Core;
use super::song::ChannelSetup;
use super::song::NewNoteAction;
use super::song::Song;
use super::wave::RandomNumbers;
use crate::audio::Activity;
use crate::audio::Feed;
use crate::audio::NotePlacer;
use crate::audio::PlacedNote;
use crate::audio::RenderContext;
use crate::control::Control;
use crate::control::NoteControl;
use crate::dsp::Level;
use crate::dsp::Ramp;
use crate::sample::Interpolation;
use crate::units::Gain;
use crate::units::SampleRate;
use crate::units::Semitones;
use std::ops::Range;
use std::sync::Arc;
use voice::Fade;
use voice::Hold;
use voice::KeyVoice;
use voice::Note;

/// Slots, one for each MIDI channel.
pub const KEYBOARD_SLOTS: usize = 16;
/// Notes that sound at once.
pub const KEYBOARD_VOICES: usize = 64;

/// Voices with those that fade out: each has a number below this.
pub const KEYBOARD_PLACES: usize = KEYBOARD_VOICES + FADING_VOICES;

/// Voices beyond those, for notes that fade out because they were stolen, choked or cut.
const FADING_VOICES: usize = 32;
/// Seconds of such a fade.
const FADE_SECONDS: f64 = 0.004;

/// What a key plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeySound {
    /// An instrument, from 1; a sample where the song has no instruments.
    Instrument(u16),
    /// A sample, from 1, at its own speed whatever the key. One without a loop rings out when the key goes up.
    Sample(u16),
}

/// A note's name on both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyNote {
    /// 0..=15.
    pub slot: u8,
    /// MIDI key; 60 plays a sample at its own speed.
    pub key: u8,
    /// The host's id for the note, where it gives one.
    pub id: Option<i32>,
}

/// A key that goes down.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KeyPress {
    /// Whose controllers the note follows.
    pub slot: u8,
    /// What it plays.
    pub sound: KeySound,
    /// MIDI key; 60 plays a sample at its own speed.
    pub key: u8,
    /// 0..=1, taken as the tracker's volume 0–64.
    pub velocity: f32,
    /// The host's id for the note, where it gives one.
    pub id: Option<i32>,
}

impl KeyNote {
    /// Ids decide where both sides have one.
    fn is(&self, other: &Self) -> bool {
        match (self.id, other.id) {
            (Some(own), Some(id)) => own == id,
            _ => (self.slot, self.key) == (other.slot, other.key),
        }
    }
}

#[derive(Clone, Copy, Default)]
struct Slot {
    controls: Controls,
    pedal: bool,
    /// Key pressed last, from which the next one slides.
    last_key: Option<u8>,
}

/// Plays a song's instruments from keys.
pub struct Keyboard {
    core: Core,
    flow: Flow,
    voices: Box<[KeyVoice]>,
    slots: [Slot; KEYBOARD_SLOTS],
    overall: Overall,
    /// The first slot's controllers hold for all, and all sound on its feed.
    mpe: bool,
    /// Bits of the slots whose notes stand in space one by one.
    in_space: u16,
    /// Sound of such a note.
    alone: Feed,
    setup: ChannelSetup,
    tick_frames: f64,
    ramp_frames: u32,
    fade_frames: u32,
    pressed: u64,
    /// A voice may be awake.
    awake: bool,
    /// Notes that have died away, with the frames into the last `render`, until `take_ended`.
    ended: Vec<(usize, KeyNote)>,
}

impl Keyboard {
    /// A keyboard with nothing sounding. Allocates all that it will ever need.
    pub fn new(song: Arc<Song>, rate: SampleRate) -> Self {
        let tempo = f64::from(song.initial_tempo.max(32));
        let core = Core::new(song, rate);
        let voices = KEYBOARD_PLACES;
        Self {
            flow: Flow::standing(&core.song),
            voices: (0..voices).map(|_| KeyVoice::new(&core)).collect(),
            core,
            slots: [Slot::default(); KEYBOARD_SLOTS],
            overall: Overall::default(),
            mpe: false,
            in_space: 0,
            alone: Feed::new(2),
            setup: ChannelSetup::centred(),
            tick_frames: rate.0 * 2.5 / tempo,
            ramp_frames: Ramp::control_frames(rate),
            fade_frames: rate.frames_in(FADE_SECONDS) as u32,
            pressed: 0,
            awake: false,
            ended: Vec::with_capacity(2 * voices),
        }
    }

    /// How levels and samples are computed. Real-time: yes, like all that follows.
    pub fn set_tone(&mut self, tone: Tone) {
        self.core.set_tone(tone);
        self.voices.iter_mut().for_each(|key| key.voice.set_tone(tone));
    }

    /// Which instruction set the kernels use; the best of this machine before.
    pub fn set_level(&mut self, level: Level) {
        self.voices.iter_mut().for_each(|key| key.voice.set_level(level));
    }

    /// How gains move, from each voice's next tick on.
    pub fn set_ramping(&mut self, ramping: Ramping) {
        self.core.set_ramping(ramping);
    }

    /// What is read between two frames.
    pub fn set_interpolation(&mut self, interpolation: Interpolation) {
        self.voices.iter_mut().for_each(|key| key.voice.set_interpolation(interpolation));
    }

    /// Level of all notes; those that sound get there in a ramp. `of_offset` says what it is for a note that differs.
    pub fn set_gain(&mut self, gain: Gain, of_offset: impl Fn(f32) -> Gain) {
        if gain != self.overall.gain {
            self.overall.gain = gain;
            self.voices.iter_mut().for_each(|key| key.own.take_gain(&of_offset));
            self.follow(|_| true);
        }
    }

    /// Moves all notes, those that sound at once.
    pub fn set_transpose(&mut self, interval: Semitones) {
        if interval != self.overall.transpose && interval.0.is_finite() {
            self.overall.transpose = interval;
            self.follow(|_| true);
        }
    }

    /// Whether the first slot's controllers hold for all slots, and all sound on its feed.
    pub fn set_mpe(&mut self, on: bool) {
        if on != self.mpe {
            self.mpe = on;
            self.follow(|_| true);
        }
    }

    /// Says which slots' notes stand in space, by their bits: those of others are not heard on that frame.
    pub fn set_in_space(&mut self, slots: u16) {
        if std::mem::replace(&mut self.in_space, slots) == slots {
            return;
        }
        for key in &mut self.voices {
            let in_space = is_among(slots, key.outlet);
            if key.in_space != in_space {
                (key.in_space, key.placed) = (in_space, false);
            }
        }
        self.follow(|_| true);
    }

    /// Silence at once, and every controller where it was at first. Says nothing of the notes that sounded.
    pub fn reset(&mut self) {
        self.voices.iter_mut().for_each(|key| key.rest(&self.setup, &self.core));
        self.slots = [Slot::default(); KEYBOARD_SLOTS];
        self.flow.reset(&self.core.song);
        (self.pressed, self.awake) = (0, false);
        self.ended.clear();
    }

    /// Cuts every note.
    pub fn panic(&mut self) {
        (0..self.voices.len()).for_each(|index| self.end(index));
    }

    /// Starts a note; a note of the same key in the slot gets its instrument's new note action.
    pub fn press(&mut self, press: KeyPress) {
        let slot = press.slot.min(KEYBOARD_SLOTS as u8 - 1);
        let name = KeyNote { slot, key: press.key, id: press.id };
        self.dismiss_same_key(&name);
        self.pressed += 1;
        self.awake = true;
        let index = self.make_room();
        let controls = self.controls(slot);
        let outlet = if self.mpe { 0 } else { slot };
        let in_space = is_among(self.in_space, outlet);
        let Self { core, flow, voices, slots, tick_frames, overall, pressed, .. } = self;
        let Some(key) = voices.get_mut(index) else { return };
        let last_key = slots[usize::from(slot)].last_key.replace(press.key); // `slot` is below KEYBOARD_SLOTS
        flow.random = RandomNumbers::starting_at(0, *pressed as u16);
        flow.first_tick = false;
        let cx = core.context(flow);
        strike::strike(&cx, &mut key.voice, &press);
        key.glide = controls.portamento_speed().filter(|_| {
            let from =
                last_key.filter(|_| controls.portamento && matches!(press.sound, KeySound::Instrument(_)));
            from.is_some_and(|from| strike::slide_from(&cx, &mut key.voice, from, press.key))
        });
        std::mem::swap(&mut flow.random, &mut key.random);
        let rings = matches!(press.sound, KeySound::Sample(_));
        key.struck_with(Note { name, hold: Hold::Down, age: *pressed, rings }, (outlet, in_space));
        key.begin(Acting::new(&controls, &key.own, overall), controls.channel_panning(), core);
        let ended = key.tick(core, flow, *tick_frames);
        self.note_end(0, ended);
    }

    /// Releases a note, or leaves it to the pedal.
    pub fn release(&mut self, name: KeyNote) {
        let pedal = self.pedal_is_down(name.slot);
        for index in 0..self.voices.len() {
            let Some(note) = &mut self.voices[index].note else { continue }; // `index` counts the voices
            if note.hold == Hold::Down && note.name.is(&name) {
                note.hold = Hold::Pedal;
                if !pedal {
                    self.let_go(index);
                }
            }
        }
    }

    /// Ends a note at once.
    pub fn choke(&mut self, name: KeyNote) {
        self.for_notes(|note| note.name.is(&name), Self::end);
    }

    /// Releases every note of a slot, whatever the pedal says.
    pub fn release_all(&mut self, slot: u8) {
        self.for_notes(|note| note.name.slot == slot && note.hold != Hold::Released, Self::let_go);
    }

    /// Ends every note of a slot at once.
    pub fn choke_all(&mut self, slot: u8) {
        self.for_notes(|note| note.name.slot == slot, Self::end);
    }

    /// Holds released notes while it is down.
    pub fn set_pedal(&mut self, slot: u8, down: bool) {
        let Some(state) = self.slots.get_mut(usize::from(slot)) else { return };
        state.pedal = down;
        if down {
            return;
        }
        let still_down: [bool; KEYBOARD_SLOTS] = std::array::from_fn(|slot| self.pedal_is_down(slot as u8));
        let held = |slot: u8| still_down.get(usize::from(slot)).is_some_and(|down| *down);
        self.for_notes(|note| note.hold == Hold::Pedal && !held(note.name.slot), Self::let_go);
    }

    fn pedal_is_down(&self, slot: u8) -> bool {
        let down = |slot: usize| self.slots.get(slot).is_some_and(|slot| slot.pedal);
        down(slot.into()) || self.mpe && down(0)
    }

    /// Moves a controller of a slot.
    pub fn control(&mut self, slot: u8, control: Control) {
        let Some(state) = self.slots.get_mut(usize::from(slot)) else { return };
        let before = state.controls;
        state.controls.set(control);
        if state.controls != before {
            self.follow_slot(slot);
        }
    }

    /// Puts back the controllers of a slot that MIDI's "reset all controllers" does; the pedal comes up.
    pub fn reset_controls(&mut self, slot: u8) {
        let Some(state) = self.slots.get_mut(usize::from(slot)) else { return };
        state.controls.reset_most();
        self.set_pedal(slot, false);
        self.follow_slot(slot);
    }

    /// Moves a controller of the notes of this name.
    pub fn control_note(&mut self, name: KeyNote, control: NoteControl) {
        for key in &mut self.voices {
            if key.note.is_some_and(|note| note.name.is(&name)) {
                key.own.set(control);
            }
        }
        self.follow(|note| note.name.is(&name));
    }

    /// Sets every controller as another keyboard's are.
    pub fn take_controllers(&mut self, other: &Self) {
        self.slots = other.slots;
        (self.overall, self.mpe, self.in_space) = (other.overall, other.mpe, other.in_space);
    }

    /// Hands over the notes that have died away since the last call, each with the frames of the last `render` before it.
    pub fn take_ended(&mut self, mut take: impl FnMut(usize, KeyNote)) {
        self.ended.drain(..).for_each(|(frames, note)| take(frames, note));
    }

    /// Notes that have not died away.
    pub fn notes(&self) -> impl Iterator<Item = KeyNote> {
        self.voices.iter().filter_map(|key| key.note).map(|note| note.name)
    }

    fn note_end(&mut self, frames: usize, note: Option<KeyNote>) {
        if let Some(note) = note.filter(|_| self.ended.len() < self.ended.capacity()) {
            self.ended.push((frames, note));
        }
    }

    fn controls(&self, slot: u8) -> Controls {
        controls_of(&self.slots, self.mpe, slot)
    }

    fn follow_slot(&mut self, slot: u8) {
        let mpe = self.mpe;
        self.follow(|note| note.name.slot == slot || mpe && slot == 0);
    }

    /// Has notes follow their controllers.
    fn follow(&mut self, which: impl Fn(&Note) -> bool) {
        let Self { core, flow, voices, slots, mpe, overall, ramp_frames, .. } = self;
        for key in voices.iter_mut() {
            let Some(note) = key.note.filter(|note| key.plays() && which(note)) else { continue };
            let controls = controls_of(slots, *mpe, note.name.slot);
            let acting = Acting::new(&controls, &key.own, overall);
            key.follow(acting, controls.channel_panning(), (core, flow), *ramp_frames);
        }
    }

    fn for_notes(&mut self, which: impl Fn(&Note) -> bool, act: impl Fn(&mut Self, usize)) {
        for index in 0..self.voices.len() {
            let key = &self.voices[index]; // `index` counts the voices
            if key.plays() && key.note.is_some_and(|note| which(&note)) {
                act(self, index);
            }
        }
    }

    /// The voice of a new note, at rest. Where too many play, what is missed least fades out.
    fn make_room(&mut self) -> usize {
        if self.voices.iter().filter(|key| key.plays()).count() >= KEYBOARD_VOICES {
            let cost = |key: &KeyVoice| key.note.map(|note| (note.hold, key.loudness(), note.age));
            let playing = (0..self.voices.len()).filter(|&index| self.voices[index].plays());
            if let Some(least) = playing.min_by_key(|&index| cost(&self.voices[index])) {
                self.end(least);
            }
        }
        let index = self.voices.iter().position(|key| !key.awake()).unwrap_or_else(|| {
            // More than a hand can steal in a few milliseconds: what has faded most.
            let left = |index: &usize| self.voices[*index].fade.map_or(u32::MAX, |fade| fade.left());
            (0..self.voices.len()).min_by_key(left).unwrap_or(0)
        });
        self.rest(index, 0);
        index
    }

    /// Frees a voice; a note that was left on it has ended.
    fn rest(&mut self, index: usize, frames: usize) {
        let key = &mut self.voices[index]; // indices come from counting the voices
        let ended = key.note.map(|note| note.name);
        key.rest(&self.setup, &self.core);
        self.note_end(frames, ended);
    }

    fn dismiss_same_key(&mut self, name: &KeyNote) {
        for index in 0..self.voices.len() {
            let Self { core, flow, voices, tick_frames, .. } = self;
            let key = &mut voices[index]; // `index` counts the voices
            let plays = key.plays();
            let same = |note: &&mut Note| (note.name.slot, note.name.key) == (name.slot, name.key);
            let Some(note) = key.note.as_mut().filter(|note| plays && same(note)) else { continue };
            if note.hold == Hold::Released {
                continue;
            }
            let instrument =
                key.voice.instrument.and_then(|index| core.song.instruments.get(usize::from(index)));
            match instrument.map(|instrument| instrument.new_note_action) {
                // Stays held: the key's release lets go of both.
                Some(NewNoteAction::Continue) => {}
                Some(action @ (NewNoteAction::Off | NewNoteAction::Fade)) => {
                    note.hold = Hold::Released;
                    let cx = core.context(flow);
                    note::dismiss(&cx, &mut key.voice, action);
                    if strike::dies_away(&cx, &key.voice) {
                        let ended = key.tick(core, flow, *tick_frames);
                        self.note_end(0, ended);
                    } else {
                        self.end(index);
                    }
                }
                Some(NewNoteAction::Cut) | None => self.end(index),
            }
        }
    }

    /// Releases a note, and makes sure that it ends: what does not die away by itself fades out.
    fn let_go(&mut self, index: usize) {
        let Self { core, flow, voices, tick_frames, .. } = self;
        let key = &mut voices[index]; // indices come from counting the voices
        let Some(note) = &mut key.note else { return };
        note.hold = Hold::Released;
        if note.rings && !key.voice.sound.looping {
            return;
        }
        if strike::release(&core.context(flow), &mut key.voice) {
            let ended = key.tick(core, flow, *tick_frames);
            self.note_end(0, ended);
        } else {
            self.end(index);
        }
    }

    /// Fades a note out.
    fn end(&mut self, index: usize) {
        let key = &mut self.voices[index]; // indices come from counting the voices
        if let Some(note) = key.note.as_mut().filter(|_| key.fade.is_none()) {
            note.hold = Hold::Released;
            key.fade = Some(Fade::new(self.fade_frames));
        }
    }

    /// Voices that are heard or die away.
    pub(crate) fn sounding(&self) -> usize {
        if self.awake { self.voices.iter().filter(|key| key.awake()).count() } else { 0 }
    }

    /// Renders the frames of `range` of a block; each slot is a feed, which is added to where the slot sounds.
    pub fn render(&mut self, ctx: &mut RenderContext<'_>, feeds: &mut [Feed], range: &Range<usize>) {
        self.render_with(ctx, feeds, range, None, &mut |_| {});
    }

    /// The same where notes may stand in space: those `place` is handed one by one, multiplied by the factors of `turned` where
    /// it names their slots by their bits.
    pub fn render_with(
        &mut self,
        _ctx: &mut RenderContext<'_>,
        feeds: &mut [Feed],
        range: &Range<usize>,
        turned: Option<(u16, &[f32])>,
        place: &mut NotePlacer<'_>,
    ) {
        if !std::mem::take(&mut self.awake) {
            return;
        }
        let Self { core, flow, voices, setup, tick_frames, ended, alone, .. } = self;
        for (number, key) in voices.iter_mut().enumerate().filter(|(_, key)| key.awake()) {
            self.awake = true;
            let (outlet, pan, offset) = (key.outlet, key.own.pan(), key.own.aside.0);
            let in_space = key.in_space;
            alone.begin(range.end);
            let bus = feeds.get_mut(usize::from(outlet));
            let Some(feed) = (if in_space { Some(&mut *alone) } else { bus }) else { continue };
            let begins = !std::mem::replace(&mut key.placed, true);
            let mut passed = 0;
            key.add_to(feed, range, |key, frames| {
                passed = frames;
                let note = if key.fade.is_some() {
                    let note = key.note.map(|note| note.name);
                    key.rest(setup, core);
                    note
                } else {
                    key.tick(core, flow, *tick_frames)
                };
                if let Some(note) = note.filter(|_| ended.len() < ended.capacity()) {
                    ended.push((frames, note));
                }
            });
            if in_space {
                let ends = !key.awake();
                let heard = range.start..if ends { range.start + passed } else { range.end };
                let factors = turned.filter(|(slots, _)| is_among(*slots, outlet));
                alone.scale(&heard, factors.map_or(&[], |(_, factors)| factors));
                let sounds = alone.activity() == Activity::Sounding;
                place(&PlacedNote {
                    voice: number,
                    slot: outlet.into(),
                    begins,
                    ends,
                    pan,
                    offset: Some(offset),
                    sides: 2,
                    sound: sounds.then(|| alone.block().slice(heard.clone())),
                    range: heard,
                });
            }
        }
    }
}

/// Whether a slot is among those whose bits are set.
fn is_among(slots: u16, slot: u8) -> bool {
    slots.checked_shr(slot.into()).is_some_and(|bits| bits & 1 == 1)
}

/// What acts on a slot's notes.
fn controls_of(slots: &[Slot; KEYBOARD_SLOTS], mpe: bool, slot: u8) -> Controls {
    let own = slots.get(usize::from(slot)).map(|slot| slot.controls).unwrap_or_default();
    if mpe && slot > 0 { own.under(&slots[0].controls) } else { own }
}
