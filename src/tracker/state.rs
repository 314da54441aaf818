//! What a channel of replay is at a tick: the note, its pitch, volume and panning, envelopes, and effect memories.
//!
//! Plain data, moved by `row`, `tick` and the effect files, read by the mixer and the trace. Audio thread. A background
//! voice is the same thing, left to itself by a new note action.

use super::adlib;
use super::effect::Step;
use super::envelope::EnvelopeState;
use super::flow::Flow;
use super::gain::Remains;
use super::inversion::Inversion;
use super::loudness::Peaks;
use super::mix::Tone;
use super::period::Tuning;
use super::rules::Rules;
use super::song::ChannelSetup;
use super::song::Instrument;
use super::song::NewNoteAction;
use super::song::Sample;
use super::song::Song;
use super::voice::ChannelState;
use super::ways::Way;
use crate::audio::AudioStream;
use crate::audio::BLOCK_SIZE;
use crate::audio::Outlets;
use crate::audio::Sender;
use crate::dsp::Level;
use crate::sample::Interpolation;
use crate::sample::SampleData;
use std::ops::Deref;
use std::ops::DerefMut;
use std::ops::Range;
use std::sync::Arc;

/// Full volume of a note: 64 in fourths.
pub(crate) const FULL_VOLUME: i32 = 256;

/// A fade-out that has not begun.
pub(crate) const FULL_FADE: i32 = 65_536;

/// Centre of the panning range 0..=256.
pub(crate) const CENTRE: i32 = 128;

/// The oscillator of a vibrato, tremolo or panbrello.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Lfo {
    pub(crate) speed: u8,
    pub(crate) depth: u8,
    pub(crate) position: u8,
    /// The format's number: bits 0–1 the shape, bit 2 keeps the position at new notes.
    pub(crate) wave: u8,
}

/// Parameters that effects without one recall.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Memory {
    pub(crate) pitch_up: u8,
    pub(crate) pitch_down: u8,
    /// Upper digit up, lower digit down (FT2).
    pub(crate) fine_pitch: u8,
    pub(crate) extra_fine_pitch: u8,
    pub(crate) volume_slide: u8,
    pub(crate) fine_volume: u8,
    pub(crate) volume_column: u8,
    pub(crate) panning_slide: u8,
    pub(crate) channel_volume_slide: u8,
    pub(crate) global_volume_slide: u8,
    pub(crate) arpeggio: u8,
    pub(crate) tremor: u8,
    pub(crate) retrigger: u8,
    pub(crate) extended: u8,
    pub(crate) tempo: u8,
    pub(crate) offset: u32,
    pub(crate) high_offset: u8,
    /// What the last offset was, for notes that repeat it (ProTracker, Scream Tracker 3).
    pub(crate) note_offset: u32,
}

/// Panning that a new note brings back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct SavedPanning {
    pub(crate) panning: i32,
    pub(crate) surround: bool,
}

/// Effects that act on the ticks of one row.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Active {
    pub(crate) vibrato: bool,
    pub(crate) tremolo: bool,
    pub(crate) arpeggio: bool,
    pub(crate) tremor: bool,
}

/// Where a filter stands; `envelope` is -256..=256.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct FilterSetting {
    pub(crate) cutoff: i32,
    pub(crate) resonance: i32,
    pub(crate) envelope: i32,
}

impl FilterSetting {
    /// As good as none.
    pub(crate) const OPEN: Self = Self { cutoff: 127, resonance: 0, envelope: 256 };
}

/// A channel or background voice apart from its sound: all that a snapshot of it keeps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct VoiceState {
    /// The row's cell.
    pub(crate) step: Step,
    pub(crate) active: Active,

    // What plays; numbers from 0.
    pub(crate) instrument: Option<u16>,
    pub(crate) sample: Option<u16>,
    /// Key that pitch follows.
    pub(crate) key: Option<u8>,
    pub(crate) new_key: Option<u8>,
    pub(crate) last_key: Option<u8>,
    /// Instrument number (from 1) that waits for a note; 0 is none.
    pub(crate) waiting_instrument: u16,
    /// Last instrument number of the pattern.
    pub(crate) row_instrument: u16,

    // Pitch.
    pub(crate) period: i32,
    pub(crate) porta_target: i32,
    pub(crate) porta_speed: i32,
    pub(crate) porta_from_above: bool,
    /// A tone portamento has run since the note began.
    pub(crate) portamento: bool,
    pub(crate) glissando: bool,
    /// The last period that glissando rounded, and what it made of it: it stays even under another sample.
    pub(crate) rounded: (i32, i32),
    pub(crate) finetune: i32,
    pub(crate) transpose: i32,
    pub(crate) c5_speed: u32,
    pub(crate) arpeggio_key: i32,
    pub(crate) vibrato: Lfo,
    pub(crate) sample_vibrato_depth: i32,
    pub(crate) sample_vibrato_position: u8,

    // Level.
    /// 0..=256.
    pub(crate) volume: i32,
    /// Sample times instrument global volume, 0..=128.
    pub(crate) instrument_volume: i32,
    /// 0..=64.
    pub(crate) channel_volume: i32,
    pub(crate) volume_swing: i32,
    pub(crate) tremolo: Lfo,
    pub(crate) tremor_count: u8,
    pub(crate) fading: bool,
    pub(crate) fade: i32,
    /// 14 bits, with tremolo, envelope and fade-out.
    pub(crate) level_before_globals: i32,
    /// 14 bits, with everything but panning and global volume.
    pub(crate) level: i32,
    /// The last tick's levels were as good as nothing on both sides.
    pub(crate) was_silent: bool,
    /// A fade-out has come to its end on this tick, and the sound with it.
    pub(crate) faded_out: bool,

    // Place.
    pub(crate) panning: i32,
    pub(crate) real_panning: i32,
    pub(crate) panning_swing: i32,
    pub(crate) surround: bool,
    pub(crate) saved_panning: Option<SavedPanning>,
    pub(crate) panbrello: Lfo,
    pub(crate) panbrello_offset: i32,
    pub(crate) panbrello_random: i32,

    // Key and envelopes.
    pub(crate) key_off: bool,
    pub(crate) key_was_off: bool,
    pub(crate) volume_envelope: EnvelopeState,
    pub(crate) panning_envelope: EnvelopeState,
    pub(crate) pitch_envelope: EnvelopeState,
    /// The third envelope moves the filter.
    pub(crate) filter_envelope: bool,
    pub(crate) new_note_action: NewNoteAction,

    // Filter.
    pub(crate) cutoff: i32,
    pub(crate) resonance: i32,
    /// Random changes of both, until the filter takes them.
    pub(crate) cutoff_swing: i32,
    pub(crate) resonance_swing: i32,
    /// What the next note brings back.
    pub(crate) saved_cutoff: Option<i32>,
    pub(crate) saved_resonance: Option<i32>,
    pub(crate) filtered: bool,
    /// What the sound's filter was last set to.
    pub(crate) filter_setting: Option<FilterSetting>,
    pub(crate) macro_slot: u8,

    pub(crate) memory: Memory,
    pub(crate) retrigger_count: u8,
    pub(crate) inversion: Inversion,
    /// A note began on this tick.
    pub(crate) triggered: bool,
    pub(crate) struck: Struck,
    /// First tick of the row as this channel sees it (note delays shift it in Impulse Tracker).
    pub(crate) first_tick: bool,
    /// The sample has a sustain loop in use or passed.
    pub(crate) has_sustain: bool,
    pub(crate) muted: bool,
    /// Its effects do nothing.
    pub(crate) rests: bool,
    /// Song channel (from 0), of a background voice the one it came from.
    pub(crate) owner: u16,
    /// Of a background voice: the how many-th note it was that moved to one.
    pub(crate) moved: u32,
}

/// The key that a note began with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Struck {
    /// As the instrument's table has it, without what tunes the sample.
    pub(crate) key: i32,
    pub(crate) period: i32,
}

/// One channel or background voice.
#[derive(Clone)]
pub(crate) struct Voice {
    pub(crate) state: VoiceState,
    /// What this tick asks of the channel's chip, where it has one.
    pub(crate) adlib: adlib::Request,
    /// Notes begun so far, for those who watch.
    pub(crate) strikes: u32,
    pub(crate) sound: ChannelState,
    /// The sound before, which fades out under a new note so that its end does not click.
    tail: ChannelState,
    /// The tail was left on this tick.
    tail_is_fresh: bool,
    /// Number (from 1) of the instrument that sounds since the last tick, of the sample in songs without instruments; 0 is
    /// none. And that of the tail.
    instrument_heard: u16,
    tail_instrument: u16,
    /// Step of the last tick, for a note that stops between two ticks.
    last_step_q32: i64,
}

impl Deref for Voice {
    type Target = VoiceState;

    fn deref(&self) -> &VoiceState {
        &self.state
    }
}

impl DerefMut for Voice {
    fn deref_mut(&mut self) -> &mut VoiceState {
        &mut self.state
    }
}

impl VoiceState {
    fn new(setup: &ChannelSetup, rules: &Rules) -> Self {
        // Impulse Tracker starts with C-0 in the memory of the last note.
        let remembered = rules.it(Way::ChannelsStartWithKeyZero).then_some(0);
        Self {
            step: Step::default(),
            active: Active::default(),
            instrument: None,
            sample: None,
            key: remembered,
            new_key: remembered,
            last_key: None,
            waiting_instrument: 0,
            row_instrument: 0,
            period: 0,
            porta_target: 0,
            porta_speed: 0,
            porta_from_above: false,
            portamento: false,
            glissando: false,
            rounded: (0, 0),
            finetune: 0,
            transpose: 0,
            c5_speed: 8363,
            arpeggio_key: 0,
            vibrato: Lfo::default(),
            sample_vibrato_depth: 0,
            sample_vibrato_position: 0,
            volume: 0,
            instrument_volume: 0,
            channel_volume: setup.volume.min(64).into(),
            volume_swing: 0,
            tremolo: Lfo::default(),
            tremor_count: 0,
            fading: true,
            fade: 0,
            level_before_globals: 0,
            level: 0,
            was_silent: true,
            faded_out: false,
            panning: setup.panning.min(256).into(),
            real_panning: setup.panning.min(256).into(),
            panning_swing: 0,
            surround: setup.surround,
            saved_panning: None,
            panbrello: Lfo::default(),
            panbrello_offset: 0,
            panbrello_random: 0,
            key_off: true,
            key_was_off: false,
            volume_envelope: EnvelopeState::default(),
            panning_envelope: EnvelopeState::default(),
            pitch_envelope: EnvelopeState::default(),
            filter_envelope: false,
            new_note_action: NewNoteAction::Cut,
            cutoff: 127,
            resonance: 0,
            cutoff_swing: 0,
            resonance_swing: 0,
            saved_cutoff: None,
            saved_resonance: None,
            filtered: false,
            filter_setting: None,
            macro_slot: 0,
            memory: Memory { retrigger: u8::from(rules.it_retrigger), ..Memory::default() },
            retrigger_count: 0,
            inversion: Inversion::default(),
            triggered: false,
            struck: Struck::default(),
            first_tick: false,
            has_sustain: false,
            muted: setup.muted,
            rests: setup.muted && rules.st3.muted_channels_rest,
            owner: 0,
            moved: 0,
        }
    }
}

impl Voice {
    pub(crate) fn new(setup: &ChannelSetup, rules: &Rules) -> Self {
        let mut sound = ChannelState::new();
        sound.follow(rules);
        Self {
            state: VoiceState::new(setup, rules),
            adlib: adlib::Request::default(),
            strikes: 0,
            sound,
            tail: ChannelState::new(),
            tail_is_fresh: false,
            instrument_heard: 0,
            tail_instrument: 0,
            last_step_q32: 0,
        }
    }

    /// As new, but for tone and interpolation. Real-time: yes.
    pub(crate) fn restart(&mut self, setup: &ChannelSetup, rules: &Rules) {
        let mut fresh = Self::new(setup, rules);
        fresh.owner = self.owner;
        std::mem::swap(&mut fresh.sound, &mut self.sound);
        std::mem::swap(&mut fresh.tail, &mut self.tail);
        fresh.sound.reset();
        fresh.tail.reset();
        *self = fresh;
    }

    /// Forgets what sounds.
    pub(crate) fn clear(&mut self) {
        self.sound.reset();
        self.tail.reset();
    }

    /// As `restart`, while what sounded before fades out. Real-time: yes.
    pub(crate) fn restart_over_tail(&mut self, setup: &ChannelSetup, rules: &Rules) {
        self.leave_tail();
        let tail = std::mem::replace(&mut self.tail, ChannelState::new());
        let (remains, tail_instrument) = (self.sound.remains, self.tail_instrument);
        self.restart(setup, rules);
        (self.tail, self.sound.remains, self.tail_instrument) = (tail, remains, tail_instrument);
    }

    /// Plays the tick's frames at another step than the tick's own.
    pub(crate) fn set_step(&mut self, step_q32: i64) {
        (self.sound.step_q32, self.last_step_q32) = (step_q32, step_q32);
    }

    pub(crate) fn set_tone(&mut self, tone: Tone) {
        self.sound.set_tone(tone);
        self.tail.set_tone(tone);
    }

    pub(crate) fn set_interpolation(&mut self, interpolation: Interpolation) {
        self.sound.interpolation = interpolation;
        self.tail.interpolation = interpolation;
    }

    pub(crate) fn set_level(&mut self, level: Level) {
        self.sound.level = level;
        self.tail.level = level;
    }

    /// Whether anything is left to hear, a fading end too.
    pub(crate) fn has_sound(&self) -> bool {
        self.sound.sounding() || !self.sound.silent() || !self.tail.silent()
    }

    /// Whether nothing is heard of it, so that it need only advance.
    pub(crate) fn silent(&self) -> bool {
        self.sound.silent() && self.tail.silent()
    }

    /// Whether a recording is attached, even if it stands still, or an end fades.
    pub(crate) fn in_use(&self) -> bool {
        self.sound.length != 0 || self.has_sound()
    }

    /// Adds the voice to the frames of `range` of an outlet; what is not heard only advances.
    pub(crate) fn add_to(&mut self, outlets: &mut Outlets<'_>, outlet: usize, range: &Range<usize>) {
        let from = |instrument| Sender { outlet, instrument };
        let (sound, tail) = (from(self.instrument_heard), from(self.tail_instrument));
        if self.silent() {
            self.skip(range.len());
        } else if !outlets.hears(sound) {
            self.advance_unheard(range.len());
        } else if outlets.in_field(outlet) {
            if !self.tail.silent() {
                outlets.add_to_field(tail, range, |field| self.tail.add_to_field(field));
            }
            outlets.add_to_field(sound, range, |field| self.sound.add_to_field(field));
        } else if !self.tail.silent() && outlets.part(tail, sound) {
            outlets.add(tail, range, |left, right| self.tail.add_to(left, right));
            outlets.add(sound, range, |left, right| self.sound.add_to(left, right));
        } else {
            outlets.add(sound, range, |left, right| self.add_to_planes(left, right));
        }
    }

    /// Advances to where being heard would have brought it. What filters and circuits hold only rendering tells.
    fn advance_unheard(&mut self, frames: usize) {
        let has_memory =
            |sound: &ChannelState| sound.filter.is_some() || matches!(sound.tone(), Tone::Amiga(_));
        if has_memory(&self.sound) || has_memory(&self.tail) && !self.tail.silent() {
            self.render_unheard(frames);
        } else {
            self.skip(frames);
        }
    }

    /// Takes note of the instrument that sounds from this tick on.
    pub(crate) fn note_instrument(&mut self, rules: &Rules) {
        let index = if rules.instruments { self.instrument } else { self.sample };
        self.instrument_heard = index.map_or(0, |index| index.saturating_add(1));
    }

    /// Number of the instrument that sounds, from 1; of the sample in songs without instruments.
    pub(crate) fn instrument_heard(&self) -> u16 {
        self.instrument_heard
    }

    /// Adds the voice to both sides, which have the same length.
    pub(crate) fn add_to_planes(&mut self, left: &mut [f32], right: &mut [f32]) {
        if !self.tail.silent() {
            self.tail.add_to(left, right);
        }
        self.sound.add_to(left, right);
    }

    /// Goes through what `add_to` does, for nobody to hear; says how many frames were rendered.
    pub(crate) fn render_unheard(&mut self, frames: usize) -> usize {
        if self.silent() {
            self.skip(frames);
            return 0;
        }
        let mut planes = [[0.0; BLOCK_SIZE]; 2];
        let mut left = frames;
        while left > 0 {
            let count = left.min(BLOCK_SIZE);
            let [first, second] = &mut planes;
            self.add_to_planes(&mut first[..count], &mut second[..count]);
            left -= count;
        }
        frames
    }

    /// As `ChannelState::bound`, with the sound that fades out under it.
    pub(super) fn bound(&self, frames: usize, peaks: &Peaks) -> Option<[f32; 2]> {
        let [left, right] = self.sound.bound(frames, peaks)?;
        let [tail_left, tail_right] = self.tail.bound(frames, peaks)?;
        Some([left + tail_left, right + tail_right])
    }

    /// Lets go of a recording that is about to change, until `take_back`.
    pub(crate) fn lend(&mut self, data: &Arc<SampleData>) {
        self.sound.lend(data);
        self.tail.lend(data);
    }

    pub(crate) fn take_back(&mut self, data: &Arc<SampleData>) {
        self.sound.take_back(data);
        self.tail.take_back(data);
    }

    /// Advances without sound.
    pub(crate) fn skip(&mut self, frames: usize) {
        self.sound.skip_frames(frames);
        if !self.tail.silent() {
            self.tail.skip_frames(frames);
        }
    }

    /// Keeps what sounds now as a tail that will fade out under what comes.
    pub(crate) fn leave_tail(&mut self) {
        let (left, right) = self.sound.target_gains();
        if std::mem::replace(&mut self.tail_is_fresh, true) {
            return;
        }
        if self.sound.length != 0 && self.last_step_q32 != 0 && (left, right) != (0.0, 0.0) {
            self.tail.clone_from(&self.sound);
            self.tail_instrument = self.instrument_heard;
            self.tail.remains = Remains::default();
            self.tail.step_q32 = self.last_step_q32;
            self.tail.successor = None;
        }
    }

    /// Ends the tick's update: fades the tail out, and remembers the step.
    pub(crate) fn finish_tick(&mut self, ramp_frames: u32) {
        self.tail.aim((0, 0), 1.0, ramp_frames);
        self.tail_is_fresh = false;
        self.last_step_q32 = self.sound.step_q32;
    }

    /// A voice that nothing uses yet.
    pub(crate) fn idle(rules: &Rules) -> Self {
        let setup = ChannelSetup::centred();
        Self::new(&setup, rules)
    }

    /// Where the volume, panning and third envelope stand.
    pub(crate) fn envelope_positions(&self) -> [u32; 3] {
        [self.volume_envelope.position, self.panning_envelope.position, self.pitch_envelope.position]
    }

    /// Puts all envelopes back to their start.
    pub(crate) fn reset_envelopes(&mut self) {
        self.volume_envelope.position = 0;
        self.panning_envelope.position = 0;
        self.pitch_envelope.position = 0;
    }

    pub(crate) fn reset_sample_vibrato(&mut self) {
        self.sample_vibrato_depth = 0;
        self.sample_vibrato_position = 0;
    }

    /// A sound that faded out on the last tick is over before the next row asks for it.
    pub(crate) fn end_faded(&mut self) {
        if std::mem::take(&mut self.faded_out) {
            self.sound.stop();
        }
    }

    /// A note begins: its sound rises from silence.
    pub(crate) fn begin_note(&mut self) {
        self.sound.start_from_silence();
        self.count_strike();
    }

    /// Tells those who watch that a recording starts over.
    pub(crate) fn count_strike(&mut self) {
        self.strikes = self.strikes.wrapping_add(1);
    }

    /// Ends the note within this tick.
    pub(crate) fn fade_to_nothing(&mut self) {
        self.fading = true;
        self.fade = 0;
    }
}

/// What effects and ticks need beside the channel: the song, its rules and the flow of rows.
pub(crate) struct Context<'a> {
    pub(crate) song: &'a Song,
    pub(crate) rules: &'a Rules,
    pub(crate) tuning: &'a Tuning,
    pub(crate) waves: &'a super::wave::Waves,
    pub(crate) flow: &'a mut Flow,
    /// Stands in for sample numbers that the song lacks.
    pub(crate) no_sample: &'a Sample,
}

impl<'a> Context<'a> {
    pub(crate) fn instrument(&self, index: Option<u16>) -> Option<&'a Instrument> {
        self.song.instruments.get(usize::from(index?))
    }

    pub(crate) fn sample(&self, index: Option<u16>) -> Option<&'a Sample> {
        Some(self.song.samples.get(usize::from(index?)).unwrap_or(self.no_sample))
    }

    /// Whether the channel's instrument is one of AdLib.
    pub(crate) fn is_adlib(&self, ch: &Voice) -> bool {
        self.rules.adlib && self.sample(ch.sample).is_some_and(|sample| sample.adlib.is_some())
    }

    /// Whether a sample has frames to play.
    pub(crate) fn has_frames(&self, index: Option<u16>) -> bool {
        use crate::audio::AudioSource;
        self.sample(index).is_some_and(|sample| sample.data.frames() > 0)
    }

    /// The sample (from 0) that `key` of an instrument number (from 1) plays; `None` for an empty slot.
    pub(crate) fn sample_index(&self, key: Option<u8>, number: u16) -> Option<u16> {
        let index = number.checked_sub(1)?;
        let sample = if self.rules.instruments {
            let instrument = self.instrument(Some(index))?;
            instrument.keys.get(usize::from(key?))?.sample.checked_sub(1)?
        } else {
            index
        };
        (usize::from(sample) < self.song.samples.len()).then_some(sample)
    }
}
