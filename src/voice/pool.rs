//! All voices: what triggers begin, what ends others for it, and who has to give way.
//!
//! In: triggers, releases and chokes between runs. Out: sound on the feeds of the buses, and who has ended on which frame.
//! Audio thread, apart from `new`: no memory is taken later. Voices are summed in the order in which they began, so that it
//! does not matter when a place becomes free. A stolen or choked voice fades in 4 ms in its own place, for which there are as
//! many places again as there are voices.

use super::bank::Bank;
use super::bank::SLOTS;
use super::bank::Slot;
use super::bank::Take;
use super::chance;
use super::chance::Matter;
use super::control::Acting;
use super::control::Controls;
use super::one::Hold;
use super::one::Own;
use super::one::Run;
use super::one::Times;
use super::one::Voice;
use crate::audio::Activity;
use crate::audio::AudioSource;
use crate::audio::Feed;
use crate::audio::NotePlacer;
use crate::audio::PlacedNote;
use crate::control::Control;
use crate::control::NoteControl;
use crate::dsp::Level;
use crate::units::Gain;
use crate::units::SampleRate;
use crate::units::Semitones;
use std::ops::Range;
use std::sync::Arc;

/// Voices that sound at once.
pub const VOICES: usize = 1024;
/// With those that fade out: each has a number below this.
pub const PLACES: usize = 2 * VOICES;
/// MIDI channels.
const CHANNELS: usize = 16;

/// What has triggered a voice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A key.
    Key {
        /// MIDI channel 0..=15.
        channel: u8,
        /// MIDI key 0..=127.
        key: u8,
        /// The host's id, where it gives one.
        id: Option<i32>,
    },
    /// The parameter of a slot.
    Parameter(u8),
    /// Whoever tries out a slot by a command.
    Command(u8),
}

impl Cause {
    /// Whether an event that names `other` means this one. Ids decide where both have one.
    fn is(self, other: Self) -> bool {
        match (self, other) {
            (Self::Key { id: Some(own), .. }, Self::Key { id: Some(id), .. }) => own == id,
            (Self::Key { channel, key, .. }, Self::Key { channel: on, key: named, .. }) => {
                (channel, key) == (on, named)
            }
            _ => self == other,
        }
    }

    fn channel(self) -> Option<usize> {
        match self {
            Self::Key { channel, .. } => Some(usize::from(channel)),
            Self::Parameter(_) | Self::Command(_) => None,
        }
    }
}

/// See the module's description.
pub struct Pool {
    bank: Arc<Bank>,
    /// The bank before, while voices of it fade out.
    leaving: Option<Arc<Bank>>,
    places: Box<[Option<Voice>]>,
    free: Vec<u16>,
    /// Places of all voices in the order in which they began.
    order: Vec<u16>,
    /// Voices that do not fade to their end, of each slot and in all.
    of_slots: [u16; SLOTS],
    live: usize,
    /// Triggers of each slot since the transport started.
    ordinals: [u64; SLOTS],
    pedals: [bool; CHANNELS],
    controls: [Controls; CHANNELS],
    key_gain: f32,
    transpose: f64,
    /// Bits of the slots in space.
    in_space: u128,
    /// A voice's own sound, where it does not go straight to a feed.
    alone: Feed,
    times: Times,
    level: Level,
    /// Who has ended since they were last taken, with the frame of the run.
    ended: Vec<(usize, Cause)>,
    refused: u64,
    /// What slots show has changed.
    changed: bool,
}

impl Pool {
    /// Silent and without slots. Allocates all that it will ever need.
    pub fn new(rate: SampleRate, level: Level) -> Self {
        Self {
            bank: Arc::default(),
            leaving: None,
            places: vec![None; PLACES].into(),
            free: (0..PLACES as u16).rev().collect(),
            order: Vec::with_capacity(PLACES),
            of_slots: [0; SLOTS],
            live: 0,
            ordinals: [0; SLOTS],
            pedals: [false; CHANNELS],
            controls: [Controls::NEUTRAL; CHANNELS],
            key_gain: 1.0,
            transpose: 0.0,
            in_space: 0,
            alone: Feed::new(2),
            times: Times::new(rate),
            level,
            ended: Vec::with_capacity(2 * PLACES),
            refused: 0,
            changed: false,
        }
    }

    /// Whether a trigger of this slot sounds.
    pub fn has(&self, slot: usize) -> bool {
        u8::try_from(slot)
            .ok()
            .and_then(|slot| self.bank.slot(slot))
            .is_some_and(|slot| !slot.takes.is_empty())
    }

    /// Voices that are heard.
    pub fn sounding(&self) -> usize {
        self.order.iter().filter_map(|&place| self.voice(place)).filter(|voice| voice.sounds()).count()
    }

    /// Voices of a slot that are not being taken away, and how often it has been triggered since the transport started.
    pub fn slot_state(&self, slot: usize) -> (u16, u64) {
        let found = self.of_slots.get(slot).zip(self.ordinals.get(slot));
        found.map_or((0, 0), |(voices, ordinal)| (*voices, *ordinal))
    }

    /// Whether what [`Self::slot_state`] says of any slot may have changed since the last time.
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// Takes that voices of a slot play, and the frames where they are, the newest first.
    pub fn playheads(&self, slot: usize) -> impl Iterator<Item = (u16, u32)> {
        let voices = self.order.iter().rev().filter_map(|&place| self.voice(place));
        let own = voices.filter(move |voice| usize::from(voice.slot) == slot && !voice.leaving);
        own.map(|voice| (voice.take, voice.frame()))
    }

    /// Triggers that found neither a voice nor a place, ever.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    fn voice(&self, place: u16) -> Option<&Voice> {
        self.places.get(usize::from(place)).and_then(Option::as_ref)
    }

    /// Replaces all slots. What still has its recording sounds on, by its new settings; all else fades out, and only then
    /// does the bank go home: see [`Pool::take_left`]. One that had not left yet goes home at once, with its voices.
    pub fn set_bank(&mut self, bank: Arc<Bank>) -> Option<Arc<Bank>> {
        let unready = self.leaving.take();
        let old = std::mem::replace(&mut self.bank, bank);
        for index in 0..self.order.len() {
            let place = usize::from(self.order[index]); // below the length
            let Some(voice) = self.places.get_mut(place).and_then(Option::as_mut) else { continue };
            let (was_ending, slot) = (voice.ending, voice.slot);
            move_over(voice, (&old, &self.bank), self.times);
            if voice.ended() {
                self.ended.push((0, voice.cause));
            }
            if voice.ending && !was_ending {
                self.uncount(slot);
            }
        }
        self.sweep();
        self.leaving = Some(old);
        unready
    }

    /// Whether a bank has still to leave.
    pub fn is_changing(&self) -> bool {
        self.leaving.is_some()
    }

    /// The bank before, once none of its voices sounds.
    pub fn take_left(&mut self) -> Option<Arc<Bank>> {
        self.leaving.as_ref()?;
        let in_use = self.order.iter().filter_map(|&place| self.voice(place)).any(|voice| voice.leaving);
        if in_use { None } else { self.leaving.take() }
    }

    /// The transport has started: chances fall as they did the last time.
    pub fn restart(&mut self) {
        self.ordinals = [0; SLOTS];
        self.changed = true;
    }

    /// Back to silence, and to where controllers are on a new pool.
    pub fn reset(&mut self) {
        self.places.fill(None);
        self.free.clear();
        self.free.extend((0..PLACES as u16).rev());
        self.order.clear();
        self.ended.clear();
        (self.of_slots, self.live) = ([0; SLOTS], 0);
        (self.pedals, self.controls) = ([false; CHANNELS], [Controls::NEUTRAL; CHANNELS]);
        self.restart();
    }

    /// Begins a voice of a slot on the next frame; false where it cannot sound.
    pub fn trigger(&mut self, slot: usize, cause: Cause, velocity: Gain) -> bool {
        let bank = Arc::clone(&self.bank);
        let number = slot as u8;
        let Some(slot) = bank.slot(number).filter(|settings| slot < SLOTS && !settings.takes.is_empty())
        else {
            return false;
        };
        let ordinal = self.count(number);
        if let Some(group) = slot.choke {
            let steal = self.times.steal;
            self.change(|voice, other, _| {
                if other.choke == Some(group) {
                    voice.end(steal);
                }
            });
        }
        let new = self.new_voice(&bank, (slot, number), ordinal, (cause, velocity));
        let taken = new.is_some_and(|voice| self.make_room(slot, number) && self.place(voice));
        self.refused += u64::from(!taken);
        taken
    }

    fn count(&mut self, slot: u8) -> u64 {
        let Some(ordinal) = self.ordinals.get_mut(usize::from(slot)) else { return 0 };
        *ordinal += 1;
        self.changed = true;
        *ordinal - 1
    }

    fn new_voice(
        &self,
        bank: &Bank,
        (slot, number): (&Slot, u8),
        ordinal: u64,
        (cause, velocity): (Cause, Gain),
    ) -> Option<Voice> {
        let chance = |matter| chance::hash(bank.seed, number, ordinal, matter);
        let take = bank.drawn(number, ordinal);
        // Parameters are no keys, and follow none of what those do.
        let acting = match cause.channel() {
            Some(channel) => Acting::new(self.controls_of(channel), self.key_gain, self.transpose),
            None => Acting::new(Controls::NEUTRAL, 1.0, 0.0),
        };
        let own = Own {
            velocity: velocity.0,
            chance: f64::from(slot.pitch_range.0) * chance::bipolar(chance(Matter::Pitch)),
            acting,
        };
        Voice::new((slot, number, self.is_in_space(number)), take as u16, (cause, own), self.times)
    }

    fn is_in_space(&self, slot: u8) -> bool {
        self.in_space.checked_shr(slot.into()).is_some_and(|bits| bits & 1 == 1)
    }

    /// Says which slots are in space, by their bits: voices of others are turned to nothing where that changes.
    pub fn set_in_space(&mut self, slots: u128) {
        if std::mem::replace(&mut self.in_space, slots) == slots {
            return;
        }
        let bank = Arc::clone(&self.bank);
        let before = Arc::clone(self.leaving.as_ref().unwrap_or(&bank));
        for voice in self.places.iter_mut().flatten() {
            let own = if voice.leaving { &before } else { &bank };
            let in_space = slots.checked_shr(voice.slot.into()).is_some_and(|bits| bits & 1 == 1);
            let found =
                own.slot(voice.slot).and_then(|slot| Some((slot, slot.takes.get(usize::from(voice.take))?)));
            if let Some((slot, take)) = found.filter(|_| voice.in_space != in_space) {
                voice.move_to(in_space, slot, take);
            }
        }
    }

    fn controls_of(&self, channel: usize) -> Controls {
        self.controls.get(channel).copied().unwrap_or(Controls::NEUTRAL)
    }

    /// Ends a voice for a new one where the slot has its number, or the pool: the one of the lowest priority, of these
    /// the faintest by steps of 6 dB, of these the oldest. False where all are more important.
    fn make_room(&mut self, slot: &Slot, number: u8) -> bool {
        let own = self.of_slots.get(usize::from(number)).copied().unwrap_or(0);
        let victim = if usize::from(own) >= slot.limit.max(1) {
            self.least(|voice| voice.slot == number)
        } else if self.live >= VOICES {
            self.least(|_| true)
        } else {
            return true;
        };
        let Some((place, priority)) = victim.filter(|(_, priority)| *priority <= slot.priority) else {
            return false;
        };
        debug_assert!(priority <= slot.priority);
        let steal = self.times.steal;
        if let Some(voice) = self.places.get_mut(usize::from(place)).and_then(Option::as_mut) {
            voice.end(steal);
            let (slot, cause, ended) = (voice.slot, voice.cause, voice.ended());
            self.uncount(slot);
            if ended {
                self.ended.push((0, cause));
                self.sweep();
            }
        }
        true
    }

    /// The least important live voice of some, and its priority.
    fn least(&self, of: impl Fn(&Voice) -> bool) -> Option<(u16, u8)> {
        let live = self.order.iter().filter_map(|&place| Some((place, self.voice(place)?)));
        let rated = live.filter(|(_, voice)| !voice.ending && of(voice)).filter_map(|(place, voice)| {
            let slot = self.bank.slot(voice.slot)?;
            let take = slot.takes.get(usize::from(voice.take))?;
            Some((place, slot.priority, voice.loudness(take).to_bits() >> 23))
        });
        // The first of equal ones, which is the oldest.
        rated
            .min_by_key(|&(_, priority, loudness)| (priority, loudness))
            .map(|(place, priority, _)| (place, priority))
    }

    fn place(&mut self, voice: Voice) -> bool {
        let Some(place) = self.free.pop() else { return false };
        if let Some(count) = self.of_slots.get_mut(usize::from(voice.slot)) {
            *count += 1;
        }
        self.live += 1;
        self.order.push(place); // there are as many as places
        if let Some(to) = self.places.get_mut(usize::from(place)) {
            *to = Some(voice);
        }
        true
    }

    fn uncount(&mut self, slot: u8) {
        self.changed = true;
        self.live = self.live.saturating_sub(1);
        if let Some(count) = self.of_slots.get_mut(usize::from(slot)) {
            *count = count.saturating_sub(1);
        }
    }

    /// Changes voices that have not been stolen or choked, and keeps account of those that then are.
    fn change(&mut self, mut change: impl FnMut(&mut Voice, &Slot, &Take)) {
        let (bank, mut any) = (Arc::clone(&self.bank), false);
        for index in 0..self.order.len() {
            let place = usize::from(self.order[index]); // below the length
            let Some(voice) = self.places.get_mut(place).and_then(Option::as_mut) else { continue };
            let found =
                bank.slot(voice.slot).and_then(|slot| Some((slot, slot.takes.get(usize::from(voice.take))?)));
            let Some((slot, take)) = found.filter(|_| !voice.ending) else { continue };
            change(voice, slot, take);
            if voice.ended() {
                self.ended.push((0, voice.cause)); // each voice ends once: there is room for all
                any = true;
            }
            if voice.ending {
                let slot = voice.slot;
                self.uncount(slot);
            }
        }
        if any {
            self.sweep();
        }
    }

    /// Frees the places of voices that have ended.
    fn sweep(&mut self) {
        let Self { order, places, free, .. } = self;
        order.retain(|&place| {
            let Some(at) = places.get_mut(usize::from(place)) else { return false };
            if !at.is_some_and(|voice| voice.ended()) {
                return true;
            }
            free.push(place); // there are as many as places
            *at = None;
            false
        });
    }

    /// Lets go of what a cause has begun; the pedal may hold it.
    pub fn release(&mut self, cause: Cause) {
        let pedal = cause.channel().is_some_and(|channel| self.pedals.get(channel).copied().unwrap_or(false));
        let times = self.times;
        self.change(|voice, slot, _| {
            if voice.hold == Hold::Key && voice.cause.is(cause) {
                match pedal {
                    true => voice.hold = Hold::Pedal,
                    false => voice.release(slot, times),
                }
            }
        });
    }

    /// Lets go of every key of a MIDI channel, or of all.
    pub fn release_all(&mut self, channel: Option<usize>) {
        let (pedals, times) = (self.pedals, self.times);
        self.change(|voice, slot, _| {
            let own = voice.cause.channel();
            if voice.hold != Hold::Key || own.is_none() || channel.is_some() && own != channel {
                return;
            }
            match own.and_then(|own| pedals.get(own)) {
                Some(true) => voice.hold = Hold::Pedal,
                _ => voice.release(slot, times),
            }
        });
    }

    /// Ends what a cause has begun.
    pub fn choke(&mut self, cause: Cause) {
        let steal = self.times.steal;
        self.change(|voice, _, _| {
            if voice.cause.is(cause) {
                voice.end(steal);
            }
        });
    }

    /// Ends all voices of a MIDI channel, or all.
    pub fn choke_all(&mut self, channel: Option<usize>) {
        let steal = self.times.steal;
        self.change(|voice, _, _| {
            if channel.is_none() || voice.cause.channel() == channel {
                voice.end(steal);
            }
        });
    }

    /// Moves the sustain pedal of a MIDI channel.
    pub fn set_pedal(&mut self, channel: usize, down: bool) {
        let Some(pedal) = self.pedals.get_mut(channel) else { return };
        let up = std::mem::replace(pedal, down) && !down;
        let times = self.times;
        if up {
            self.change(|voice, slot, _| {
                if voice.hold == Hold::Pedal && voice.cause.channel() == Some(channel) {
                    voice.release(slot, times);
                }
            });
        }
    }

    /// Bends what keys of a MIDI channel have begun and will begin.
    pub fn bend(&mut self, channel: usize, by: Semitones) {
        self.control(channel, Control::Bend(by));
    }

    /// Moves a controller of a MIDI channel.
    pub fn control(&mut self, channel: usize, control: Control) {
        self.set_controls(channel, |controls| controls.set(control));
    }

    /// Puts back what MIDI's "reset all controllers" does, apart from the pedal.
    pub fn reset_controls(&mut self, channel: usize) {
        self.set_controls(channel, Controls::reset_most);
    }

    fn set_controls(&mut self, channel: usize, set: impl FnOnce(&mut Controls)) {
        let Some(controls) = self.controls.get_mut(channel) else { return };
        let before = *controls;
        set(controls);
        let controls = *controls;
        if controls != before {
            self.act(|voice| {
                let own = voice.cause.channel() == Some(channel);
                own.then(|| voice.own.acting.controls = controls).is_some()
            });
        }
    }

    /// Has voices that `change` says it has changed follow.
    fn act(&mut self, mut change: impl FnMut(&mut Voice) -> bool) {
        let times = self.times;
        self.change(|voice, slot, take| {
            if change(voice) {
                voice.tune(slot, take, times);
                voice.aim(slot, take, times);
            }
        });
    }

    /// Transposes what keys have begun and will begin.
    pub fn set_transpose(&mut self, by: Semitones) {
        let by = f64::from(by.0);
        if std::mem::replace(&mut self.transpose, by) != by {
            self.act(|voice| {
                let key = voice.cause.channel().is_some();
                key.then(|| voice.own.acting.transpose = by).is_some()
            });
        }
    }

    /// Level of what keys have begun and will begin; `of_offset` is that of notes that differ.
    pub fn set_key_gain(&mut self, gain: Gain, of_offset: impl Fn(f32) -> Gain) {
        if std::mem::replace(&mut self.key_gain, gain.0) == gain.0 {
            return;
        }
        self.act(|voice| {
            let (key, acting) = (voice.cause.channel().is_some(), &mut voice.own.acting);
            let offset = acting.gain_offset;
            let gain = if offset == 0.0 { gain.0 } else { of_offset(offset).0 };
            key.then(|| acting.key_gain = gain).is_some()
        });
    }

    /// Changes what one note differs in from its slot and its channel.
    pub fn express(&mut self, cause: Cause, control: NoteControl) {
        self.act(|voice| voice.cause.is(cause).then(|| voice.own.acting.set(control)).is_some());
    }

    /// Adds frames of `range`, at most `BLOCK_SIZE`, to the feeds of the buses; what goes to none only advances.
    pub fn render(&mut self, feeds: &mut [Feed], range: &Range<usize>) {
        self.render_with(feeds, range, None, &mut |_| {});
    }

    /// The same where voices may stand in space: those `place` is handed one by one. Voices of slots that `turned` names by their
    /// bits are multiplied by its factors.
    pub fn render_with(
        &mut self,
        feeds: &mut [Feed],
        range: &Range<usize>,
        turned: Option<(u128, &[f32])>,
        place: &mut NotePlacer<'_>,
    ) {
        let (bank, level) = (Arc::clone(&self.bank), self.level);
        let before = Arc::clone(self.leaving.as_ref().unwrap_or(&bank));
        let times = self.times;
        let run = |bank| Run { bank, level, times, range: range.clone() };
        let (now, then) = (run(&bank), run(&before));
        let mut any = false;
        for index in 0..self.order.len() {
            let number = usize::from(self.order[index]); // below the length
            let Some(voice) = self.places.get_mut(number).and_then(Option::as_mut) else { continue };
            let run = if voice.leaving { &then } else { &now };
            let bus = run.bank.slot(voice.slot).and_then(|slot| feeds.get_mut(slot.bus));
            let slot = u32::from(voice.slot);
            let factors =
                turned.filter(|(slots, _)| slots.checked_shr(slot).is_some_and(|bits| bits & 1 == 1));
            let ended = if voice.in_space || factors.is_some() {
                let factors = factors.map_or(&[][..], |(_, factors)| factors);
                run_alone(voice, run, (&mut self.alone, factors), (number, bus, place))
            } else {
                voice.run(run, bus)
            };
            let Some(frame) = ended else { continue };
            let (slot, ending) = (voice.slot, voice.ending);
            self.ended.push((frame, voice.cause));
            any = true;
            if !ending {
                self.uncount(slot);
            }
        }
        if any {
            self.sweep();
        }
    }

    /// Hands over who has ended since the last time, and on which frame of the run before.
    pub fn take_ended(&mut self, mut tell: impl FnMut(usize, Cause)) {
        self.ended.drain(..).for_each(|(frame, cause)| tell(frame, cause));
    }
}

/// Runs a voice by itself, turns it by the factors if there are any, and hands it to its bus or to its place.
fn run_alone(
    voice: &mut Voice,
    run: &Run<'_>,
    (alone, factors): (&mut Feed, &[f32]),
    (number, bus, place): (usize, Option<&mut Feed>, &mut NotePlacer<'_>),
) -> Option<usize> {
    let range = &run.range;
    alone.begin(range.end);
    let slot = run.bank.slot(voice.slot);
    let ended = voice.run(run, Some(&mut *alone));
    alone.scale(range, factors);
    let heard = range.start..range.start + ended.unwrap_or(range.len()).min(range.len());
    let sound = Some(alone.block().slice(heard.clone())).filter(|_| alone.activity() == Activity::Sounding);
    if !voice.in_space {
        if let (Some(sound), Some(bus)) = (&sound, bus) {
            bus.add_scaled(&heard, [sound.channel(0), sound.channel(1)], [1.0; 2]);
        }
        return ended;
    }
    let take = slot.and_then(|slot| slot.takes.get(usize::from(voice.take)));
    let acting = &voice.own.acting;
    let keys = voice.cause.channel().is_some();
    place(&PlacedNote {
        voice: number,
        slot: voice.slot.into(),
        begins: !std::mem::replace(&mut voice.placed, true),
        ends: ended.is_some(),
        pan: acting.pan(slot.map_or(0.0, |slot| slot.pan)),
        offset: keys.then_some(acting.aside.0),
        sides: take.map_or(1, |take| take.data().channels().clamp(1, 2).into()),
        range: heard,
        sound,
    });
    ended
}

/// Has a voice of the old bank play on in the new one, or fade out where that no longer has its recording.
fn move_over(voice: &mut Voice, (old, new): (&Bank, &Bank), times: Times) {
    if voice.leaving {
        return voice.end(0);
    }
    let number = usize::from(voice.take);
    let take = old.slot(voice.slot).and_then(|slot| slot.takes.get(number));
    let found = new.slot(voice.slot).zip(take).and_then(|(slot, old)| {
        // Where several are the same, the one in its own place.
        let same = slot.takes.get(number).filter(|take| take.is(old)).map(|_| number);
        let number = same.or_else(|| slot.takes.iter().position(|take| take.is(old)))?;
        Some((slot, slot.takes.get(number)?, number))
    });
    match found {
        Some((slot, take, number)) => {
            voice.take = number as u16;
            voice.tune(slot, take, times);
            voice.aim(slot, take, times);
        }
        None => {
            voice.leaving = true;
            voice.end(times.steal);
        }
    }
}

#[cfg(test)]
impl Pool {
    /// All that sound or fade, the oldest first.
    pub(super) fn all(&self) -> impl Iterator<Item = &Voice> {
        self.order.iter().filter_map(|&place| self.voice(place))
    }
}
