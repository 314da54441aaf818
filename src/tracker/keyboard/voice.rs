//! One key's voice: a tracker's channel that counts its own ticks, under the controllers of its slot and its note.
//!
//! In: a struck voice, what acts on it, the core and flow of its keyboard. Out: frames added to a feed, and the frame on
//! which the note has died away. Audio thread. It does not know of other keys: `Keyboard` strikes, releases and steals.

use super::super::adlib;
use super::super::control::Acting;
use super::super::control::NoteControls;
use super::super::flow::Flow;
use super::super::pitch;
use super::super::player::Core;
use super::super::song::ChannelSetup;
use super::super::state::Voice;
use super::super::tick;
use super::super::tick::Role;
use super::super::wave::RandomNumbers;
use super::KeyNote;
use crate::audio::BLOCK_SIZE;
use crate::audio::Feed;
use crate::dsp::Ramp;
use crate::dsp::smoothstep;
use std::ops::Range;

/// How a note is held, from what is stolen first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Hold {
    Released,
    Pedal,
    Down,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Note {
    pub(super) name: KeyNote,
    pub(super) hold: Hold,
    /// Number of the key press.
    pub(super) age: u64,
    /// Its release leaves a recording without a loop to ring out.
    pub(super) rings: bool,
}

/// A fade to nothing without corners: `s²·(3 - 2s)` with `s = 1 - n/frames` in frame `n`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fade {
    passed: u32,
    frames: u32,
}

impl Fade {
    pub(super) fn new(frames: u32) -> Self {
        Self { passed: 0, frames: frames.max(1) }
    }

    /// Frames that are still to fade.
    pub(super) fn left(&self) -> u32 {
        self.frames - self.passed.min(self.frames)
    }

    fn apply(&self, gains: &mut [f32]) {
        let way = 1.0 / self.frames as f32;
        for (n, gain) in (self.passed + 1..).zip(gains) {
            let s = (1.0 - n as f32 * way).max(0.0);
            *gain *= smoothstep(s);
        }
    }

    fn skip(&mut self, frames: usize) {
        self.passed = self.passed.saturating_add(frames.min(u32::MAX as usize) as u32).min(self.frames);
    }
}

pub(super) struct KeyVoice {
    pub(super) voice: Voice,
    /// Where the song has AdLib instruments.
    chip: Option<Box<adlib::Chip>>,
    /// `None` once the note has died away.
    pub(super) note: Option<Note>,
    pub(super) own: NoteControls,
    acting: Acting,
    /// Feed that the voice sounds on.
    pub(super) outlet: u8,
    /// Stands in space by itself, where the note's own panning turns it, and has been there already.
    pub(super) in_space: bool,
    pub(super) placed: bool,
    gain: Ramp,
    /// The note has not sounded yet: what is asked of it on its first frame is there at once.
    fresh: bool,
    /// Of a note that has been stolen, choked or cut.
    pub(super) fade: Option<Fade>,
    /// Panning of the note itself, and that which controllers have made of it.
    struck_panning: i32,
    panning: i32,
    /// Speed of the tone portamento under way.
    pub(super) glide: Option<i32>,
    tinted: bool,
    frames_to_tick: usize,
    /// Fraction of a frame by which the ticks so far were too short.
    carry: f64,
    /// Step of the tick before the bend.
    pub(super) step_q32: i64,
    /// Each note's own, so that voices need not run in step.
    pub(super) random: RandomNumbers,
}

impl KeyVoice {
    /// A voice at rest. Allocates.
    pub(super) fn new(core: &Core) -> Self {
        let own = NoteControls::default();
        Self {
            voice: Voice::idle(&core.rules),
            chip: core.rules.adlib.then(|| Box::new(adlib::Chip::new(core.output.rate))),
            note: None,
            own,
            acting: Acting::new(&Default::default(), &own, &Default::default()),
            outlet: 0,
            in_space: false,
            placed: false,
            gain: Ramp::new(1.0),
            fresh: false,
            fade: None,
            struck_panning: 0,
            panning: 0,
            glide: None,
            tinted: false,
            frames_to_tick: 0,
            carry: 0.0,
            step_q32: 0,
            random: RandomNumbers::starting_at(0, 0),
        }
    }

    /// Silence at once, and nothing left of any note.
    pub(super) fn rest(&mut self, setup: &ChannelSetup, core: &Core) {
        self.voice.restart(setup, &core.rules);
        if let Some(chip) = &mut self.chip {
            chip.clear();
        }
        (self.note, self.fade, self.glide) = (None, None, None);
        (self.own, self.tinted, self.carry, self.frames_to_tick) = (NoteControls::default(), false, 0.0, 0);
    }

    /// Whether a note is held, or its end still sounds.
    pub(super) fn awake(&self) -> bool {
        self.note.is_some() || self.has_sound()
    }

    /// Whether the note counts among those that play: it is not about to end.
    pub(super) fn plays(&self) -> bool {
        self.note.is_some() && self.fade.is_none()
    }

    fn chip_sounds(&self) -> bool {
        self.chip.as_ref().is_some_and(|chip| chip.sounding())
    }

    /// Whether anything is left to hear, a fading end too.
    fn has_sound(&self) -> bool {
        self.voice.has_sound() || self.chip_sounds()
    }

    /// How much would be missed without it.
    pub(super) fn loudness(&self) -> i32 {
        (self.voice.level as f32 * self.gain.value()) as i32
    }

    /// Takes a struck voice on; its gain is there at once.
    pub(super) fn begin(&mut self, acting: Acting, panning: Option<i32>, core: &Core) {
        self.struck_panning = self.voice.panning;
        self.panning = self.voice.panning;
        self.gain.jump_to(acting.gain);
        self.fresh = true;
        self.set_panning(panning);
        self.acting = acting;
        self.acting.tint.apply(&mut self.voice, &mut self.tinted, &core.rules, &core.output);
    }

    /// Follows its controllers between two ticks: bend and filter at once, gain in `ramp_frames`, panning in the
    /// tracker's own ramp.
    pub(super) fn follow(
        &mut self,
        acting: Acting,
        panning: Option<i32>,
        (core, flow): (&Core, &mut Flow),
        ramp_frames: u32,
    ) {
        let old = std::mem::replace(&mut self.acting, acting);
        if self.fresh {
            self.gain.jump_to(acting.gain);
        } else {
            self.gain.move_to(acting.gain, ramp_frames);
        }
        if old.ratio != acting.ratio {
            self.bend();
        }
        if old.tint != acting.tint {
            acting.tint.apply(&mut self.voice, &mut self.tinted, &core.rules, &core.output);
        }
        let moved = self.set_panning(panning);
        if moved != 0 {
            tick::reaim(&core.context(flow), &mut self.voice, &core.output, moved);
        }
    }

    /// Says how far it has moved.
    fn set_panning(&mut self, panning: Option<i32>) -> i32 {
        let shift = if self.in_space { 0 } else { self.own.panning_shift() };
        let target = panning.unwrap_or(self.struck_panning) + shift;
        let moved = target.clamp(0, 256) - self.panning;
        if moved != 0 {
            self.panning += moved;
            self.voice.panning = (self.voice.panning + moved).clamp(0, 256);
            self.voice.surround &= panning.is_none();
        }
        moved
    }

    fn bend(&mut self) {
        let ratio = self.acting.ratio;
        let bent = (self.step_q32 as f64 * f64::from(ratio)) as i64;
        self.voice.set_step(if ratio == 1.0 { self.step_q32 } else { bent });
        if let Some(chip) = &mut self.chip {
            chip.set_bend(ratio);
        }
    }

    /// Begins the voice's next tick; gives the note where that has died away.
    pub(super) fn tick(&mut self, core: &Core, flow: &mut Flow, tick_frames: f64) -> Option<KeyNote> {
        let length = tick_frames + self.carry;
        self.frames_to_tick = (length as usize).max(1);
        self.carry = length - self.frames_to_tick as f64;
        std::mem::swap(&mut flow.random, &mut self.random);
        let cx = core.context(flow);
        let voice = &mut self.voice;
        if let Some(speed) = self.glide.filter(|_| !voice.triggered) {
            self.glide = pitch::glide(&cx, voice, speed).then_some(speed);
        }
        self.acting.vibrate(&core.rules, core.tuning.linear(), voice);
        tick::update(&cx, voice, Role::Channel, &core.output);
        std::mem::swap(&mut flow.random, &mut self.random);
        self.step_q32 = voice.sound.step_q32;
        self.bend();
        self.acting.tint.apply(&mut self.voice, &mut self.tinted, &core.rules, &core.output);
        self.end_if_silent()
    }

    /// Hands the tick's request to the chip, and ends a note of which nothing is left.
    fn end_if_silent(&mut self) -> Option<KeyNote> {
        let plays_chip = self.voice.adlib.plays;
        if let Some(chip) = &mut self.chip {
            chip.obey(&std::mem::take(&mut self.voice.adlib));
        }
        let released = self.note.is_some_and(|note| note.hold == Hold::Released);
        let silent = if plays_chip { !self.chip_sounds() } else { self.voice.was_silent };
        if released && silent && self.voice.sound.silent() {
            self.voice.sound.stop();
        }
        if self.has_sound() { None } else { self.note.take().map(|note| note.name) }
    }

    /// Adds the voice to its feed, cut at its own ticks and at the end of its fade. `act` is called where either comes, with
    /// the frames of the range that have passed.
    pub(super) fn add_to(
        &mut self,
        feed: &mut Feed,
        range: &Range<usize>,
        mut act: impl FnMut(&mut Self, usize),
    ) {
        let mut start = range.start;
        while start < range.end {
            let ticks = self.plays();
            if ticks && self.frames_to_tick == 0 || self.fade.is_some_and(|fade| fade.left() == 0) {
                act(self, start - range.start);
                if !self.awake() {
                    return;
                }
            }
            let rest = range.end - start;
            let piece = match self.fade {
                Some(fade) => rest.min(fade.left() as usize),
                None if ticks => rest.min(self.frames_to_tick.max(1)),
                None => rest,
            };
            self.add_piece(feed, start..start + piece);
            self.frames_to_tick = self.frames_to_tick.saturating_sub(piece);
            start += piece;
        }
    }

    /// Adds at most `BLOCK_SIZE` frames with the note's gain.
    fn add_piece(&mut self, feed: &mut Feed, range: Range<usize>) {
        let frames = range.len().min(BLOCK_SIZE);
        self.fresh = false;
        if self.voice.silent() && !self.chip_sounds() {
            self.voice.skip(frames);
            self.gain.skip(frames);
        } else {
            let mut planes = [[0.0; BLOCK_SIZE]; 2];
            let [left, right] = planes.each_mut().map(|plane| &mut plane[..frames]);
            self.voice.add_to_planes(left, right);
            if let Some(chip) = &mut self.chip {
                chip.add_to_planes(left, right);
            }
            let mut gains = [0.0; BLOCK_SIZE];
            let gains = &mut gains[..frames];
            self.gain.fill(gains);
            if let Some(fade) = &self.fade {
                fade.apply(gains);
            }
            let (to_left, to_right) = feed.open(range);
            for (to, from) in [(to_left, left), (to_right, right)] {
                to.iter_mut().zip(from).zip(&*gains).for_each(|((to, from), gain)| *to += *from * gain);
            }
        }
        if let Some(fade) = &mut self.fade {
            fade.skip(frames);
        }
    }

    pub(super) fn struck_with(&mut self, note: Note, (outlet, in_space): (u8, bool)) {
        (self.note, self.outlet, self.carry) = (Some(note), outlet, 0.0);
        (self.in_space, self.placed) = (in_space, false);
    }
}
