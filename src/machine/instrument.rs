//! Instruments: machines that notes play, with their voices.
//!
//! In: notes, pedals and controllers on their frames, and controls. Out: sound, added to a feed, and which notes have ended.
//! Audio thread, except making one. Controls take effect on lines of the control grid, or where the first voice wakes it;
//! groups of voices sleep on these lines once all is silent, so bits do not depend on how blocks are cut. A voice that
//! gives way fades in 5 ms in its own place while the new one has another.

mod asked;
mod kernel;
#[cfg(test)]
mod tests;

pub use asked::NoteControls;
pub use kernel::InstrumentKind;

use crate::audio::Feed;
use crate::audio::GRID;
use crate::control::Control;
use crate::control::NoteControl;
use crate::dsp::Level;
use crate::machine::MachineParameter;
use crate::units::Gain;
use crate::units::SampleRate;
use crate::units::Semitones;
use asked::Own;
use asked::Stand;
use asked::asked;
use kernel::Asked;
use kernel::Heard;
use kernel::LaneKernel;
use std::ops::Range;

/// Voices at once that do not fade.
const VOICES: usize = 16;
/// Lanes in a group, and groups, at most.
const MOST_LANES: usize = 8;
const MOST_GROUPS: usize = 3;
/// Keys of a one-voiced instrument that can be down at once.
const KEYS: usize = 32;
/// Notes that can have ended since anybody asked: every voice and every key.
const ENDED: usize = 256;
/// Strikes are counted up to here, and begin anew: exact in f32.
const STRIKES: u32 = 1 << 20;
/// Places that voices take in turn, from left to right.
const PLACES: [f32; 8] = [-0.3, 0.3, -1.0, 1.0, -0.65, 0.65, -0.1, 0.1];

impl InstrumentKind {
    /// The instrument saved as `id`.
    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.id() == id)
    }

    /// Place of the control with this path in [`Self::parameters`].
    pub fn parameter_index(self, path: &str) -> Option<usize> {
        self.parameters().iter().position(|parameter| parameter.path == path)
    }

    /// An instrument with every control at its default. Allocates.
    pub fn build(self, rate: SampleRate, level: Level) -> Box<Instrument> {
        Box::new(Instrument::new(self, rate, level))
    }
}

/// A note by whoever plays it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlayedNote {
    /// MIDI channel, or `KEYBOARD` and a song's channel.
    pub channel: u8,
    /// MIDI key.
    pub key: u8,
    /// The host's id, where it gives one.
    pub id: Option<i32>,
}

impl PlayedNote {
    /// MIDI channels, whose notes follow the keyboard's gain and transposition.
    pub const KEYBOARD: u8 = 16;

    fn is_key(&self) -> bool {
        self.channel < Self::KEYBOARD
    }

    /// Whether what is said to `other` is said to it: ids decide where both sides have one.
    fn answers(&self, other: &Self) -> bool {
        match (self.id, other.id) {
            (Some(own), Some(id)) => own == id,
            // The song's notes have none.
            (None, Some(_)) if !self.is_key() => false,
            _ => (self.channel, self.key) == (other.channel, other.key),
        }
    }
}

/// A place for a voice.
#[derive(Clone, Copy, Debug)]
struct Voice {
    /// What sounds; none in a place that is free.
    note: Option<PlayedNote>,
    stand: Stand,
    own: Own,
    /// The key is up, and the pedal holds it.
    by_pedal: bool,
    /// Number of its strike.
    order: u64,
    heard: Heard,
}

impl Voice {
    fn free() -> Self {
        let stand = Stand { gate: 0.0, strike: 0, key: 69, slides: false, velocity: 0.0, place: 0.0 };
        let (own, heard) = (Own::new(1.0), Heard::default());
        Self { note: None, stand, own, by_pedal: false, order: 0, heard }
    }

    fn is_held(&self) -> bool {
        self.note.is_some() && self.stand.gate > 0.0
    }

    fn fades(&self) -> bool {
        self.stand.gate < 0.0
    }

    /// Begins a note, out of silence or where the envelope is.
    fn strike(&mut self, note: PlayedNote, velocity: f32, own: Own) {
        let strike = self.stand.strike % STRIKES + 1;
        let stand = Stand { gate: 1.0, strike, key: note.key, velocity, ..self.stand };
        *self = Self { note: Some(note), stand, own, by_pedal: false, ..*self };
    }
}

/// A key of a one-voiced instrument.
#[derive(Clone, Copy, Debug)]
struct Held {
    note: PlayedNote,
    own: Own,
}

/// See the module's description.
pub struct Instrument {
    kind: InstrumentKind,
    kernel: Box<dyn LaneKernel>,
    values: Box<[f32]>,
    /// Whether `values` holds something the kernel has not got.
    changed: bool,
    voices: Box<[Voice]>,
    /// Groups that are computed.
    awake: [bool; MOST_GROUPS],
    /// Keys that are down, the last one last; of one-voiced instruments.
    keys: Vec<Held>,
    controls: NoteControls,
    pedal: bool,
    key_gain: f32,
    /// Semitones.
    transpose: f32,
    strikes: u64,
    /// With frames of the last range rendered.
    ended: Vec<(usize, PlayedNote)>,
}

impl Instrument {
    fn new(kind: InstrumentKind, rate: SampleRate, level: Level) -> Self {
        let kernel = kind.ready(rate, level);
        let places = kernel.lanes() * kernel.groups();
        Self {
            kind,
            kernel,
            values: kind.parameters().iter().map(|parameter| parameter.default).collect(),
            changed: false,
            voices: vec![Voice::free(); places].into(),
            awake: [false; MOST_GROUPS],
            keys: Vec::with_capacity(KEYS),
            controls: NoteControls::default(),
            pedal: false,
            key_gain: 1.0,
            transpose: 0.0,
            strikes: 0,
            ended: Vec::with_capacity(ENDED),
        }
    }

    /// Which instrument it is.
    pub fn kind(&self) -> InstrumentKind {
        self.kind
    }

    /// Sets the control at `index`, from the next grid line on. Values are clamped. Real-time.
    pub fn set_parameter(&mut self, index: usize, value: f32) {
        let parameter: Option<&MachineParameter> = self.kind.parameters().get(index);
        if let (Some(parameter), Some(slot)) = (parameter, self.values.get_mut(index)) {
            let value = parameter.clamp(value);
            self.changed |= *slot != value;
            *slot = value;
        }
    }

    /// What the control at `index` was last set to.
    pub fn parameter(&self, index: usize) -> Option<f32> {
        self.values.get(index).copied()
    }

    fn is_mono(&self) -> bool {
        self.voices.len() == 1
    }

    /// Voices that sound.
    pub fn sounding(&self) -> usize {
        self.voices.iter().filter(|voice| voice.note.is_some()).count()
    }

    /// Whether nothing is computed.
    pub fn asleep(&self) -> bool {
        !self.awake.contains(&true)
    }

    /// Begins a note.
    pub fn strike(&mut self, note: PlayedNote, velocity: f32) {
        if self.asleep() {
            self.latch();
        }
        self.strikes += 1;
        let own = Own::new(if note.is_key() { self.key_gain } else { 1.0 });
        if self.is_mono() {
            return self.strike_mono(note, velocity, own);
        }
        let place = self.place();
        let (strikes, lanes) = (self.strikes, self.kernel.lanes());
        let Some(voice) = self.voices.get_mut(place) else { return };
        if let Some(old) = voice.note.take() {
            end(&mut self.ended, 0, old);
        }
        voice.stand.place = PLACES[(strikes % 8) as usize]; // there are eight
        voice.order = strikes;
        voice.strike(note, velocity, own);
        self.wake(place / lanes);
    }

    fn wake(&mut self, group: usize) {
        if let Some(awake) = self.awake.get_mut(group) {
            *awake = true;
        }
    }

    /// A place for another voice; of those that sound one may have to give way.
    fn place(&mut self) -> usize {
        let full =
            self.voices.iter().filter(|voice| voice.note.is_some() && !voice.fades()).count() >= VOICES;
        if full {
            let candidates = self.voices.iter_mut().filter(|voice| voice.note.is_some() && !voice.fades());
            // Released ones first, the quietest of them; of held ones the oldest.
            let rank = |voice: &Voice| {
                let level = if voice.is_held() { 0.0 } else { voice.heard.level };
                (voice.is_held(), level, voice.order)
            };
            let victim = candidates.min_by(|a, b| {
                let (a, b) = (rank(a), rank(b));
                a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)).then(a.2.cmp(&b.2))
            });
            victim.into_iter().for_each(|voice| voice.stand.gate = -1.0);
        }
        let free = self.voices.iter().position(|voice| voice.note.is_none());
        let faintest = || {
            let fading = self.voices.iter().enumerate().filter(|(_, voice)| voice.fades());
            fading
                .min_by(|(_, a), (_, b)| a.heard.level.total_cmp(&b.heard.level))
                .map_or(0, |(place, _)| place)
        };
        free.unwrap_or_else(faintest)
    }

    /// The last key sounds; where one is down already its voice goes on from there.
    fn strike_mono(&mut self, note: PlayedNote, velocity: f32, own: Own) {
        let Self { voices, keys, ended, controls, .. } = self;
        let Some(voice) = voices.first_mut() else { return };
        if keys.len() >= KEYS {
            end(ended, 0, keys.remove(0).note);
        }
        let legato = voice.is_held() && !keys.is_empty();
        if let Some(old) = voice.note.filter(|old| !keys.iter().any(|key| key.note == *old)) {
            end(ended, 0, old);
        }
        keys.push(Held { note, own });
        voice.stand.slides = legato || controls.portamento;
        if legato {
            (voice.note, voice.own, voice.stand.key) = (Some(note), own, note.key);
        } else {
            voice.strike(note, velocity, own);
        }
        self.wake(0);
    }

    /// A key goes up.
    pub fn release(&mut self, note: PlayedNote) {
        if self.is_mono() {
            return self.release_mono(note);
        }
        let pedal = self.pedal && note.is_key();
        let answers =
            |voice: &&mut Voice| voice.is_held() && voice.note.is_some_and(|own| own.answers(&note));
        for voice in self.voices.iter_mut().filter(answers) {
            voice.by_pedal = pedal;
            voice.stand.gate = if pedal { 1.0 } else { 0.0 };
        }
    }

    fn release_mono(&mut self, note: PlayedNote) {
        let pedal = self.pedal && note.is_key();
        let Self { voices, keys, ended, .. } = self;
        let Some(voice) = voices.first_mut() else { return };
        while let Some(place) = keys.iter().position(|key| key.note.answers(&note)) {
            let gone = keys.remove(place).note;
            if voice.note != Some(gone) {
                end(ended, 0, gone);
            } else if let Some(last) = keys.last() {
                // Back to the key that was down before.
                end(ended, 0, gone);
                (voice.note, voice.own, voice.stand.key) = (Some(last.note), last.own, last.note.key);
                voice.stand.slides = true;
            } else {
                voice.by_pedal = pedal;
                voice.stand.gate = if pedal || voice.fades() { voice.stand.gate } else { 0.0 };
            }
        }
    }

    /// Every key goes up, and nothing of the song's; the pedal holds as ever.
    pub fn release_all(&mut self) {
        self.release_those(PlayedNote::is_key);
    }

    /// Every key of a MIDI channel goes up.
    pub fn release_channel(&mut self, channel: u8) {
        self.release_those(|note| note.is_key() && note.channel == channel);
    }

    fn release_those(&mut self, which: impl Fn(&PlayedNote) -> bool) {
        while let Some(key) = self.keys.iter().map(|key| key.note).find(&which) {
            self.release_mono(key);
        }
        if !self.is_mono() {
            let pedal = self.pedal;
            let keys = |voice: &&mut Voice| voice.is_held() && voice.note.as_ref().is_some_and(&which);
            for voice in self.voices.iter_mut().filter(keys) {
                voice.by_pedal = pedal;
                voice.stand.gate = if pedal { 1.0 } else { 0.0 };
            }
        }
    }

    /// A note ends at once.
    pub fn choke(&mut self, note: PlayedNote) {
        self.choke_those(|own| own.answers(&note));
    }

    /// Every note ends at once.
    pub fn choke_all(&mut self) {
        self.choke_those(|_| true);
    }

    /// Every note of a MIDI channel ends at once.
    pub fn choke_channel(&mut self, channel: u8) {
        self.choke_those(|note| note.is_key() && note.channel == channel);
    }

    fn choke_those(&mut self, which: impl Fn(&PlayedNote) -> bool) {
        self.drop_keys(&which);
        let sounding = self.voices.iter_mut().filter(|voice| voice.note.as_ref().is_some_and(&which));
        sounding.for_each(|voice| voice.stand.gate = -1.0);
    }

    /// Forgets keys, and ends those that are not the voice's.
    fn drop_keys(&mut self, which: impl Fn(&PlayedNote) -> bool) {
        let Self { voices, keys, ended, .. } = self;
        let sounding = voices.first().and_then(|voice| voice.note);
        keys.retain(|key| {
            let goes = which(&key.note);
            if goes && Some(key.note) != sounding {
                end(ended, 0, key.note);
            }
            !goes
        });
    }

    /// The pedal holds notes whose keys go up.
    pub fn set_pedal(&mut self, down: bool) {
        self.pedal = down;
        if !down {
            for voice in self.voices.iter_mut().filter(|voice| voice.by_pedal) {
                voice.by_pedal = false;
                voice.stand.gate = voice.stand.gate.min(0.0);
            }
        }
    }

    /// Moves a controller of all its notes.
    pub fn control(&mut self, control: Control) {
        self.controls.set(control);
    }

    /// Takes all controllers as they stand.
    pub fn set_controls(&mut self, controls: NoteControls) {
        self.controls = controls;
    }

    /// Changes what concerns one note.
    pub fn control_note(&mut self, note: PlayedNote, control: NoteControl) {
        let keys = self.keys.iter_mut().filter(|key| key.note.answers(&note));
        keys.for_each(|key| key.own.set(control));
        let voices = self.voices.iter_mut().filter(|voice| voice.note.is_some_and(|own| own.answers(&note)));
        voices.for_each(|voice| voice.own.set(control));
    }

    /// The same of all notes of a channel.
    pub fn control_channel(&mut self, channel: u8, control: NoteControl) {
        let keys = self.keys.iter_mut().filter(|key| key.note.channel == channel);
        keys.for_each(|key| key.own.set(control));
        let on_it = |voice: &&mut Voice| voice.note.is_some_and(|note| note.channel == channel);
        self.voices.iter_mut().filter(on_it).for_each(|voice| voice.own.set(control));
    }

    /// Gain of the keyboard; `of_note` says what comes of it with a note's own offset.
    pub fn set_key_gain(&mut self, gain: Gain, of_note: impl Fn(f32) -> Gain) {
        self.key_gain = gain.0;
        let keys = self.keys.iter_mut().map(|key| (Some(key.note), &mut key.own));
        let all = keys.chain(self.voices.iter_mut().map(|voice| (voice.note, &mut voice.own)));
        for (_, own) in all.filter(|(note, _)| note.is_some_and(|note| note.is_key())) {
            own.key_gain = if own.gain_offset == 0.0 { gain.0 } else { of_note(own.gain_offset).0 };
        }
    }

    /// Transposition of the keyboard.
    pub fn set_transpose(&mut self, by: Semitones) {
        self.transpose = by.0;
    }

    fn latch(&mut self) {
        if std::mem::replace(&mut self.changed, false) {
            self.values.iter().enumerate().for_each(|(index, value)| self.kernel.set(index, *value));
            self.kernel.control();
        }
    }

    fn on_grid_line(&mut self) {
        let lanes = self.kernel.lanes();
        for (awake, voices) in self.awake.iter_mut().zip(self.voices.chunks(lanes)) {
            *awake &= voices.iter().any(|voice| voice.note.is_some());
        }
        self.latch();
    }

    /// Adds frames of `range`, the first of which is `frame` since reset.
    pub fn render(&mut self, feed: &mut Feed, range: &Range<usize>, frame: u64) {
        let mut start = range.start;
        while start < range.end && !self.asleep() {
            let phase = ((frame + (start - range.start) as u64) % GRID as u64) as usize;
            if phase == 0 {
                self.on_grid_line();
            }
            let end = (start + GRID - phase).min(range.end);
            if !self.asleep() {
                self.segment(feed, start..end, start - range.start);
            }
            start = end;
        }
    }

    /// Adds frames between two grid lines, `offset` frames after the range's first.
    fn segment(&mut self, feed: &mut Feed, range: Range<usize>, offset: usize) {
        let lanes = self.kernel.lanes();
        let (left, right) = feed.open(range);
        let groups = self.voices.chunks_mut(lanes).zip(self.awake).enumerate();
        for (group, (voices, _)) in groups.filter(|(_, (_, awake))| *awake) {
            let mut told: [Asked; MOST_LANES] = [[0.0; 14]; MOST_LANES];
            let mut heard = [Heard::default(); MOST_LANES];
            for (told, voice) in told.iter_mut().zip(&*voices) {
                let by_key = voice.note.is_some_and(|note| note.is_key());
                let transpose = if by_key { self.transpose } else { 0.0 };
                *told = asked(&voice.stand, &voice.own, &self.controls, transpose);
            }
            let (told, heard) = (&told[..voices.len()], &mut heard[..voices.len()]); // at most MOST_LANES
            self.kernel.render(group, told, [&mut *left, &mut *right], heard);
            for (voice, heard) in voices.iter_mut().zip(heard) {
                voice.heard = *heard;
                // Its gate stays: what has been faded out is not to come back.
                if let (Some(silent), true) = (heard.silent_from, voice.stand.gate <= 0.0)
                    && let Some(note) = voice.note.take()
                {
                    end(&mut self.ended, offset + silent, note);
                }
            }
        }
    }

    /// Hands on which notes have ended since the last call, by frames of the range rendered last; events count as its first.
    pub fn take_ended(&mut self, mut take: impl FnMut(usize, PlayedNote)) {
        self.ended.drain(..).for_each(|(frame, note)| take(frame, note));
    }

    /// Nothing sounds; controls stay, and so does what the kernel is set to.
    pub fn reset(&mut self) {
        self.kernel.clear();
        self.voices.fill(Voice::free());
        self.awake = [false; MOST_GROUPS];
        self.keys.clear();
        self.ended.clear();
        (self.pedal, self.strikes, self.controls) = (false, 0, NoteControls::default());
    }
}

/// Notes one that has ended, where there is room, as there is for every voice and key.
fn end(ended: &mut Vec<(usize, PlayedNote)>, frame: usize, note: PlayedNote) {
    if ended.len() < ENDED {
        ended.push((frame, note));
    }
}
