//! Notes from outside: a song's instruments played on voices of their own.
//!
//! In: keys, releases and controllers of 16 slots, each acting on the frame between two calls of `render`. Out: one
//! stereo block for each slot. Made on a worker, run on the audio thread. Every voice counts its own ticks from the
//! frame of its key, so that a note sounds the same wherever it begins. Song channels are never taken away.

use super::adlib;
use super::effect::NoteCommand;
use super::effect::Step;
use super::flow::Flow;
use super::gain::Ramping;
use super::instrument;
use super::instrument::Change;
use super::mix::Interpolation;
use super::mix::Tone;
use super::note;
use super::note::Strike;
use super::player::Core;
use super::song::ChannelSetup;
use super::song::NewNoteAction;
use super::song::Song;
use super::state::Voice;
use super::tick;
use super::tick::Role;
use super::wave::RandomNumbers;
use crate::audio::BLOCK_SIZE;
use crate::audio::Feed;
use crate::audio::RenderContext;
use crate::dsp::Level;
use crate::dsp::Ramp;
use crate::units::SampleRate;
use crate::units::Semitones;
use std::ops::Range;
use std::sync::Arc;

/// Slots, one for each MIDI channel.
pub const KEYBOARD_SLOTS: usize = 16;
/// Notes that sound at once.
pub const KEYBOARD_VOICES: usize = 64;

/// Seconds that a change of a slot's volume takes.
const RAMP_SECONDS: f64 = 0.005;
/// Semitones beyond which no bend goes.
const WIDEST_BEND: f32 = 120.0;
/// Highest key of a tracker.
const LAST_KEY: u8 = 119;
/// Speed of the modulation wheel's vibrato, in the tracker's unit.
const VIBRATO_SPEED: u8 = 6;
/// Depth of the vibrato with the wheel all the way up.
const VIBRATO_DEPTH: f32 = 8.0;

/// A key that goes down.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KeyPress {
    /// 0..=15.
    pub slot: u8,
    /// From 1; a sample number where the song has no instruments.
    pub instrument: u16,
    /// MIDI key; 60 plays a sample at its own speed.
    pub key: u8,
    /// 0..=1, taken as the tracker's volume 0–64.
    pub velocity: f32,
    /// The host's id for the note, where it gives one.
    pub id: Option<i32>,
}

/// How a note is held, from what is stolen first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Hold {
    Released,
    Pedal,
    Down,
}

#[derive(Clone, Copy, Debug)]
struct Note {
    slot: u8,
    key: u8,
    id: Option<i32>,
    hold: Hold,
    /// Number of the key press.
    age: u64,
}

struct KeyVoice {
    voice: Voice,
    /// Where the song has AdLib instruments.
    chip: Option<Box<adlib::Chip>>,
    /// `None` once the note has ended, though its tail may still sound.
    note: Option<Note>,
    /// Where the voice sounds.
    slot: u8,
    frames_to_tick: usize,
    /// Fraction of a frame by which the ticks so far were too short.
    carry: f64,
    /// Step of the tick before the bend.
    step_q32: i64,
    /// Each note's own, so that voices need not run in step.
    random: RandomNumbers,
}

impl Note {
    /// Ids decide where both sides have one.
    fn is(&self, slot: u8, key: u8, id: Option<i32>) -> bool {
        match (self.id, id) {
            (Some(own), Some(id)) => own == id,
            _ => (self.slot, self.key) == (slot, key),
        }
    }
}

impl KeyVoice {
    /// Begins the voice's next tick.
    fn tick(&mut self, core: &Core, flow: &mut Flow, slot: &Slot, tick_frames: f64) {
        let length = tick_frames + self.carry;
        self.frames_to_tick = (length as usize).max(1);
        self.carry = length - self.frames_to_tick as f64;
        let voice = &mut self.voice;
        voice.active.vibrato = slot.modulation > 0.0;
        if voice.active.vibrato {
            voice.vibrato.speed = VIBRATO_SPEED;
            voice.vibrato.depth = libm::roundf(slot.modulation * VIBRATO_DEPTH) as u8;
        }
        if let Some(pan) = slot.pan {
            voice.panning = libm::roundf((pan + 1.0) * 128.0) as i32;
        }
        std::mem::swap(&mut flow.random, &mut self.random);
        tick::update(&core.context(flow), voice, Role::Channel, &core.output);
        std::mem::swap(&mut flow.random, &mut self.random);
        self.step_q32 = voice.sound.step_q32;
        self.bend(slot.bend);
        let plays_chip = self.voice.adlib.plays;
        if let Some(chip) = &mut self.chip {
            chip.obey(&std::mem::take(&mut self.voice.adlib));
        }
        let released = self.note.is_some_and(|note| note.hold == Hold::Released);
        let silent = if plays_chip { !self.chip_sounds() } else { self.voice.was_silent };
        if let Some(chip) = self.chip.as_mut().filter(|_| released && self.voice.volume == 0) {
            chip.reset(core.output.ramp_frames); // What has no release would never die away.
        }
        if released && silent && self.voice.sound.silent() {
            self.voice.sound.stop();
        }
        if !self.has_sound() {
            self.note = None;
        }
    }

    fn chip_sounds(&self) -> bool {
        self.chip.as_ref().is_some_and(|chip| chip.sounding())
    }

    /// Whether anything is left to hear, a fading end too.
    fn has_sound(&self) -> bool {
        self.voice.has_sound() || self.chip_sounds()
    }

    /// Makes room for another note, while what sounded before fades out.
    fn restart_over_tail(&mut self, setup: &ChannelSetup, core: &Core) {
        self.voice.restart_over_tail(setup, &core.rules);
        if let Some(chip) = &mut self.chip {
            chip.reset(core.output.ramp_frames);
        }
    }

    fn bend(&mut self, ratio: f32) {
        let step =
            if ratio == 1.0 { self.step_q32 } else { (self.step_q32 as f64 * f64::from(ratio)) as i64 };
        self.voice.set_step(step);
        if let Some(chip) = &mut self.chip {
            chip.set_bend(ratio);
        }
    }

    /// Whether a note is held, or its end still sounds.
    fn awake(&self) -> bool {
        self.note.is_some() || self.has_sound()
    }

    /// Adds the voice to its slot, cut at its own ticks.
    fn add_to(&mut self, feed: &mut Feed, range: &Range<usize>, mut tick: impl FnMut(&mut Self)) {
        let mut start = range.start;
        while start < range.end {
            if self.frames_to_tick == 0 && self.note.is_some() {
                tick(self);
            }
            let rest = range.end - start;
            let piece = if self.note.is_some() { rest.min(self.frames_to_tick.max(1)) } else { rest };
            self.voice.add_to(feed, &(start..start + piece));
            if let Some(chip) = &mut self.chip {
                chip.add_to(feed, &(start..start + piece));
            }
            self.frames_to_tick = self.frames_to_tick.saturating_sub(piece);
            start += piece;
        }
    }
}

/// Gives a fresh voice its instrument and key.
fn strike(core: &Core, flow: &mut Flow, voice: &mut Voice, press: &KeyPress) {
    flow.first_tick = false;
    let cx = core.context(flow);
    let key = press.key.min(LAST_KEY);
    voice.step = Step { note: NoteCommand::Key(key), instrument: press.instrument, ..Step::default() };
    (voice.new_key, voice.last_key) = (Some(key), Some(key));
    let change =
        Change { number: press.instrument, portamento: false, with_volume: true, with_envelopes: true };
    instrument::change_instrument(&cx, voice, change);
    note::change_note(&cx, voice, NoteCommand::Key(key), Strike { portamento: false, with_envelopes: true });
    voice.volume = libm::roundf(press.velocity.clamp(0.0, 1.0) * 64.0) as i32 * 4;
    voice.step = Step::default();
}

/// Whether a released note ends by itself.
fn falls_silent(core: &Core, voice: &Voice) -> bool {
    let sample = voice.sample.and_then(|index| core.song.samples.get(usize::from(index)));
    if let Some(registers) = sample.and_then(|sample| sample.adlib) {
        return adlib::dies_away(&registers);
    }
    let Some(instrument) = voice.instrument.and_then(|index| core.song.instruments.get(usize::from(index)))
    else {
        return false;
    };
    let envelope = &instrument.volume_envelope;
    let ends = envelope.enabled
        && envelope.envelope_loop.is_none()
        && envelope.points.last().is_some_and(|point| point.value == 0);
    ends || voice.fading && instrument.fadeout > 0
}

/// Moves a slot's volume over at most `BLOCK_SIZE` frames of its feed.
fn apply_gain(gain: &mut Ramp, feed: &mut Feed, range: &Range<usize>) {
    let mut values = [0.0; BLOCK_SIZE];
    let values = &mut values[..range.len().min(BLOCK_SIZE)];
    if gain.settled() && gain.target() == 1.0 {
        return;
    }
    gain.fill(values);
    let (left, right) = feed.open(range.clone());
    for plane in [left, right] {
        plane.iter_mut().zip(&*values).for_each(|(sample, gain)| *sample *= gain);
    }
}

#[derive(Clone, Copy)]
struct Slot {
    bend: f32,
    volume: f32,
    expression: f32,
    /// -1..=1, once a controller has set it.
    pan: Option<f32>,
    modulation: f32,
    pedal: bool,
    gain: Ramp,
}

impl Slot {
    fn new() -> Self {
        Self {
            bend: 1.0,
            volume: 1.0,
            expression: 1.0,
            pan: None,
            modulation: 0.0,
            pedal: false,
            gain: Ramp::new(1.0),
        }
    }
}

/// Plays a song's instruments from keys.
pub struct Keyboard {
    core: Core,
    flow: Flow,
    voices: Box<[KeyVoice]>,
    slots: [Slot; KEYBOARD_SLOTS],
    setup: ChannelSetup,
    tick_frames: f64,
    ramp_frames: u32,
    pressed: u64,
    /// A voice may be awake.
    awake: bool,
}

impl Keyboard {
    /// A keyboard with nothing sounding. Allocates all that it will ever need.
    pub fn new(song: Arc<Song>, rate: SampleRate) -> Self {
        let setup = ChannelSetup::centred();
        let tempo = f64::from(song.initial_tempo.max(32));
        let core = Core::new(song, rate);
        let voice = || KeyVoice {
            voice: Voice::idle(&core.rules),
            chip: core.rules.adlib.then(|| Box::new(adlib::Chip::new(rate))),
            note: None,
            slot: 0,
            frames_to_tick: 0,
            carry: 0.0,
            step_q32: 0,
            random: RandomNumbers::starting_at(0, 0),
        };
        Self {
            flow: Flow::standing(&core.song),
            voices: (0..KEYBOARD_VOICES).map(|_| voice()).collect(),
            core,
            slots: std::array::from_fn(|_| Slot::new()),
            setup,
            tick_frames: rate.0 * 2.5 / tempo,
            ramp_frames: rate.frames_in(RAMP_SECONDS) as u32,
            pressed: 0,
            awake: false,
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

    /// Silence, and every controller where it was at first.
    pub fn reset(&mut self) {
        self.panic();
        self.slots = std::array::from_fn(|_| Slot::new());
        self.flow.reset(&self.core.song);
        (self.pressed, self.awake) = (0, false);
    }

    /// Cuts every note.
    pub fn panic(&mut self) {
        for key in &mut self.voices {
            key.note = None;
            key.voice.restart(&self.setup, &self.core.rules);
            if let Some(chip) = &mut key.chip {
                chip.clear();
            }
        }
    }

    /// Starts a note; a note of the same key in the slot gets its instrument's new note action.
    pub fn press(&mut self, press: KeyPress) {
        let slot = press.slot.min(KEYBOARD_SLOTS as u8 - 1);
        self.dismiss_same_key(slot, press.key);
        self.pressed += 1;
        self.awake = true;
        let Some(index) = self.voice_to_use() else { return };
        let Self { core, flow, voices, slots, setup, tick_frames, .. } = self;
        let key = &mut voices[index]; // `voice_to_use` counts the voices
        key.restart_over_tail(setup, core);
        flow.random = RandomNumbers::starting_at(0, self.pressed as u16);
        strike(core, flow, &mut key.voice, &press);
        std::mem::swap(&mut flow.random, &mut key.random);
        key.slot = slot;
        key.note = Some(Note { slot, key: press.key, id: press.id, hold: Hold::Down, age: self.pressed });
        key.carry = 0.0;
        key.tick(core, flow, &slots[usize::from(slot)], *tick_frames); // `slot` is below KEYBOARD_SLOTS
    }

    /// Releases a note, or leaves it to the pedal.
    pub fn release(&mut self, slot: u8, key: u8, id: Option<i32>) {
        let pedal = self.slots.get(usize::from(slot)).is_some_and(|slot| slot.pedal);
        for index in 0..self.voices.len() {
            let voice = &mut self.voices[index]; // `index` counts the voices
            let Some(note) = &mut voice.note else { continue };
            if note.hold == Hold::Down && note.is(slot, key, id) {
                note.hold = Hold::Pedal;
                if !pedal {
                    self.let_go(index);
                }
            }
        }
    }

    /// Ends a note at once.
    pub fn choke(&mut self, slot: u8, key: u8, id: Option<i32>) {
        for index in 0..self.voices.len() {
            if self.voices[index].note.is_some_and(|note| note.is(slot, key, id)) {
                self.end(index);
            }
        }
    }

    /// Releases every note of a slot, whatever the pedal says.
    pub fn release_all(&mut self, slot: u8) {
        self.for_notes(slot, |_| true, Self::let_go);
    }

    /// Ends every note of a slot at once.
    pub fn choke_all(&mut self, slot: u8) {
        self.for_notes(slot, |_| true, Self::end);
    }

    /// Holds released notes while it is down.
    pub fn set_pedal(&mut self, slot: u8, down: bool) {
        let Some(state) = self.slots.get_mut(usize::from(slot)) else { return };
        state.pedal = down;
        if !down {
            self.for_notes(slot, |note| note.hold == Hold::Pedal, Self::let_go);
        }
    }

    /// Bends all notes of a slot, those to come too.
    pub fn set_bend(&mut self, slot: u8, interval: Semitones) {
        let Some(state) = self.slots.get_mut(usize::from(slot)).filter(|_| interval.0.is_finite()) else {
            return;
        };
        state.bend = Semitones(interval.0.clamp(-WIDEST_BEND, WIDEST_BEND)).ratio();
        for key in self.voices.iter_mut().filter(|key| key.note.is_some_and(|note| note.slot == slot)) {
            key.bend(state.bend);
        }
    }

    /// Volume of a slot, 0..=1.
    pub fn set_volume(&mut self, slot: u8, volume: f32) {
        self.change_gain(slot, |slot| slot.volume = volume);
    }

    /// Factor on the volume of a slot, 0..=1.
    pub fn set_expression(&mut self, slot: u8, expression: f32) {
        self.change_gain(slot, |slot| slot.expression = expression);
    }

    /// Panning of a slot's notes from their next tick on, -1..=1.
    pub fn set_pan(&mut self, slot: u8, pan: f32) {
        if let Some(state) = self.slots.get_mut(usize::from(slot)) {
            state.pan = Some(pan.clamp(-1.0, 1.0));
        }
    }

    /// Vibrato of a slot's notes from their next tick on, 0..=1.
    pub fn set_modulation(&mut self, slot: u8, depth: f32) {
        if let Some(state) = self.slots.get_mut(usize::from(slot)) {
            state.modulation = depth.clamp(0.0, 1.0);
        }
    }

    /// Sets every controller as another keyboard's are.
    pub fn take_controllers(&mut self, other: &Self) {
        self.slots = other.slots;
    }

    fn change_gain(&mut self, slot: u8, change: impl FnOnce(&mut Slot)) {
        let frames = self.ramp_frames;
        if let Some(state) = self.slots.get_mut(usize::from(slot)) {
            change(state);
            state.gain.move_to((state.volume * state.expression).clamp(0.0, 1.0), frames);
        }
    }

    fn for_notes(&mut self, slot: u8, which: impl Fn(&Note) -> bool, act: impl Fn(&mut Self, usize)) {
        for index in 0..self.voices.len() {
            if self.voices[index].note.is_some_and(|note| note.slot == slot && which(&note)) {
                act(self, index);
            }
        }
    }

    /// The voice of a new note: a free one, or else what is missed least.
    fn voice_to_use(&mut self) -> Option<usize> {
        let free = self.voices.iter().position(|key| !key.awake());
        free.or_else(|| {
            let cost = |key: &KeyVoice| match key.note {
                Some(note) => (Some(note.hold), key.voice.level, note.age),
                None => (None, 0, 0),
            };
            (0..self.voices.len()).min_by_key(|&index| cost(&self.voices[index]))
        })
    }

    fn dismiss_same_key(&mut self, slot: u8, key: u8) {
        for index in 0..self.voices.len() {
            let Self { core, flow, voices, slots, tick_frames, .. } = self;
            let voice = &mut voices[index]; // `index` counts the voices
            let Some(note) = voice.note.as_mut().filter(|note| (note.slot, note.key) == (slot, key)) else {
                continue;
            };
            if note.hold == Hold::Released {
                continue;
            }
            let instrument =
                core.song.instruments.get(voice.voice.instrument.map_or(usize::MAX, usize::from));
            match instrument.map(|instrument| instrument.new_note_action) {
                // Stays held: the key's release lets go of both.
                Some(NewNoteAction::Continue) => {}
                Some(action) => {
                    note.hold = Hold::Released;
                    note::dismiss(&core.context(flow), &mut voice.voice, action);
                    if !falls_silent(core, &voice.voice) {
                        voice.voice.volume = 0;
                    }
                    voice.tick(core, flow, &slots[usize::from(slot)], *tick_frames); // `slot` is a note's
                }
                None => self.end(index),
            }
        }
    }

    /// Releases a note, and makes sure that it ends: what has neither a fade-out nor an envelope that falls silent is
    /// faded as a cut is.
    fn let_go(&mut self, index: usize) {
        let Self { core, flow, voices, slots, tick_frames, .. } = self;
        let key = &mut voices[index]; // indices come from counting the voices
        let Some(note) = &mut key.note else { return };
        note.hold = Hold::Released;
        let slot = usize::from(note.slot);
        let strike = Strike { portamento: false, with_envelopes: false };
        note::change_note(&core.context(flow), &mut key.voice, NoteCommand::Off, strike);
        if !falls_silent(core, &key.voice) {
            key.voice.volume = 0;
        }
        key.tick(core, flow, &slots[slot], *tick_frames); // `slot` is a note's
    }

    fn end(&mut self, index: usize) {
        let key = &mut self.voices[index]; // indices come from counting the voices
        key.note = None;
        key.restart_over_tail(&self.setup, &self.core);
        key.voice.finish_tick(self.core.output.ramp_frames);
    }

    /// Renders the frames of `range` of a block; each slot is a feed, which is added to where the slot sounds.
    pub fn render(&mut self, _ctx: &mut RenderContext<'_>, feeds: &mut [Feed], range: &Range<usize>) {
        if !self.awake {
            return self.slots.iter_mut().for_each(|slot| slot.gain.skip(range.len()));
        }
        let mut sounding = 0_u16;
        self.awake = false;
        for key in self.voices.iter_mut().filter(|key| key.awake()) {
            self.awake = true;
            let slot = usize::from(key.slot);
            let (Some(feed), Some(state)) = (feeds.get_mut(slot), self.slots.get(slot)) else { continue };
            sounding |= 1 << slot;
            key.add_to(feed, range, |key| key.tick(&self.core, &mut self.flow, state, self.tick_frames));
        }
        for (slot, (state, feed)) in self.slots.iter_mut().zip(feeds.iter_mut()).enumerate() {
            if sounding >> slot & 1 == 1 {
                apply_gain(&mut state.gain, feed, range);
            } else {
                state.gain.skip(range.len());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::Activity;
    use crate::tracker::fixture;
    use crate::tracker::song::AutoVibrato;
    use crate::tracker::song::Format;
    use crate::tracker::song::PitchModel;
    use crate::tracker::song::Wave;

    const RATE: SampleRate = SampleRate(48000.0);

    fn press(key: u8) -> KeyPress {
        KeyPress { slot: 2, instrument: 1, key, velocity: 1.0, id: None }
    }

    /// Left of slot 2 over blocks of the sizes in turn, with what happens before each.
    fn rendered(keyboard: &mut Keyboard, sizes: &[usize]) -> Vec<f32> {
        let mut out = Vec::new();
        for &size in sizes {
            let mut feeds = vec![Feed::new(2); KEYBOARD_SLOTS];
            feeds.iter_mut().for_each(|feed| feed.begin(size));
            keyboard.render(&mut RenderContext::new(0, Activity::Silent), &mut feeds, &(0..size));
            let silent = |slot: &usize| feeds[*slot].activity() == Activity::Silent;
            assert!(
                (0..KEYBOARD_SLOTS).filter(|&slot| slot != 2).all(|slot| silent(&slot)),
                "only slot 2 may sound"
            );
            out.extend_from_slice(feeds[2].open(0..size).0);
        }
        out
    }

    fn peak(audio: &[f32]) -> f32 {
        audio.iter().fold(0.0, |peak, sample| peak.max(sample.abs()))
    }

    fn keyboard() -> Keyboard {
        Keyboard::new(Arc::new(fixture::song(Format::It, PitchModel::Linear)), RATE)
    }

    #[test]
    fn adlib_keys_sound_in_tune_and_die_away_by_their_envelopes() {
        let mut song = fixture::song(Format::S3m, PitchModel::Periods);
        let dies_away = [0x21, 0x21, 0x3F, 0, 0xF0, 0xF0, 0, 0x08, 0, 0, 0, 0];
        let never = [0x21, 0x21, 0x3F, 0, 0xF0, 0xF0, 0, 0, 0, 0, 0, 0];
        song.samples = [dies_away, never].map(fixture::adlib_sample).into();
        let mut keyboard = Keyboard::new(Arc::new(song), RATE);
        for (instrument, after_release) in [(1, true), (2, false)] {
            keyboard.press(KeyPress { instrument, ..press(69) });
            let sound = rendered(&mut keyboard, &[256; 188]);
            let rises = sound.windows(2).filter(|pair| pair[0] < 0.0 && pair[1] >= 0.0).count();
            assert!(rises.abs_diff(440) <= 2, "instrument {instrument}: {rises} Hz");
            keyboard.release(2, 69, None);
            rendered(&mut keyboard, &[256]);
            assert_eq!(peak(&rendered(&mut keyboard, &[256])) > 0.001, after_release);
            rendered(&mut keyboard, &[256; 100]);
            assert_eq!(peak(&rendered(&mut keyboard, &[256])), 0.0);
            assert!(keyboard.voices.iter().all(|key| key.note.is_none()));
        }
    }

    #[test]
    fn random_numbers_depend_neither_on_blocks_nor_on_what_sounded_before_a_reset() {
        let mut song = fixture::song(Format::It, PitchModel::Linear);
        song.samples[0].vibrato = AutoVibrato { wave: Wave::Random, speed: 20, depth: 32, sweep: 255 };
        let mut keyboard = Keyboard::new(Arc::new(song), RATE);
        let mut played = |sizes: &[usize]| {
            keyboard.reset();
            keyboard.press(press(60));
            // Later ticks of the second key fall a little before those of the first, in the same block.
            rendered(&mut keyboard, &[225; 4]);
            keyboard.press(press(67));
            rendered(&mut keyboard, sizes)
        };
        let whole = played(&[256; 20]);
        assert!(played(&[256; 20]) == whole, "after a reset");
        assert!(played(&[32; 160]) == whole, "in smaller blocks");
    }

    #[test]
    fn a_key_sounds_on_its_frame_until_it_is_released() {
        let mut keyboard = keyboard();
        assert_eq!(peak(&rendered(&mut keyboard, &[256])), 0.0);
        keyboard.press(press(60));
        assert!(peak(&rendered(&mut keyboard, &[256, 256])) > 0.01);
        keyboard.release(2, 60, None);
        rendered(&mut keyboard, &[256; 8]);
        assert_eq!(peak(&rendered(&mut keyboard, &[256])), 0.0);
    }

    #[test]
    fn a_note_does_not_depend_on_how_frames_are_cut() {
        let cut = |sizes: &[usize]| {
            let mut keyboard = keyboard();
            keyboard.set_modulation(2, 1.0);
            keyboard.set_bend(2, Semitones(1.5));
            keyboard.press(press(64));
            keyboard.set_volume(2, 0.5);
            rendered(&mut keyboard, sizes)
        };
        let whole = cut(&[256; 14]);
        assert_eq!(cut(&[7; 512]), whole);
        assert_eq!(cut(&[64; 56]), whole);
    }

    #[test]
    fn the_pedal_holds_released_notes() {
        let mut keyboard = keyboard();
        keyboard.press(press(60));
        keyboard.set_pedal(2, true);
        keyboard.release(2, 60, None);
        rendered(&mut keyboard, &[256; 8]);
        assert!(peak(&rendered(&mut keyboard, &[256])) > 0.01);
        keyboard.set_pedal(2, false);
        rendered(&mut keyboard, &[256; 8]);
        assert_eq!(peak(&rendered(&mut keyboard, &[256])), 0.0);
    }

    #[test]
    fn more_keys_than_voices_steal_and_none_hangs() {
        let mut keyboard = keyboard();
        for key in 0..=LAST_KEY {
            keyboard.press(press(key));
        }
        assert_eq!(keyboard.voices.iter().filter(|key| key.note.is_some()).count(), KEYBOARD_VOICES);
        rendered(&mut keyboard, &[256]);
        keyboard.release_all(2);
        rendered(&mut keyboard, &[256; 8]);
        assert_eq!(peak(&rendered(&mut keyboard, &[256])), 0.0);
        assert!(keyboard.voices.iter().all(|key| key.note.is_none()));
    }

    #[test]
    fn a_bend_of_an_octave_doubles_the_step_at_once() {
        let mut keyboard = keyboard();
        keyboard.press(press(60));
        let before = keyboard.voices[0].voice.sound.step_q32;
        keyboard.set_bend(2, Semitones(12.0));
        assert_eq!(keyboard.voices[0].voice.sound.step_q32, before * 2);
    }
}
