//! A song being played: the sequencer, its channels and its background voices.
//!
//! In: a `Song` and calls of `tick`. Out: one stereo block for each song channel. Built on a worker, run on the audio
//! thread. It does not know when ticks happen: the caller asks for the tick's length, renders that many frames in any
//! blocks and calls `tick` again.

mod touch;

use super::adlib;
use super::effect::Effect;
use super::effect::NoteCommand;
use super::effect::Step;
use super::effect::decode_patterns;
use super::flow::Advance;
use super::flow::Flow;
use super::flow::FlowSnapshot;
use super::gain::Ramping;
use super::inversion;
use super::inversion::Flipped;
use super::inversion::Inverted;
use super::loudness::Peaks;
use super::mix::Tone;
use super::panorama::Panorama;
use super::panorama::Separation;
use super::paula::Circuits;
use super::period::Tuning;
use super::row;
use super::rules::Rules;
use super::song::MadeWith;
use super::song::Sample;
use super::song::Song;
use super::song::TempoMode;
use super::state::CENTRE;
use super::state::Context;
use super::state::Voice;
use super::state::VoiceState;
use super::tick;
use super::tick::Output;
use super::tick::Role;
use super::wave::RandomState;
use super::wave::Waves;
use super::ways::Way;
use crate::audio::Outlets;
use crate::audio::RenderContext;
use crate::dsp::Level;
use crate::rt::shared::Derived;
use crate::sample::Interpolation;
use crate::sample::SampleData;
use crate::units::Gain;
use crate::units::SampleRate;
use std::ops::Range;
use std::sync::Arc;
use touch::Touches;

pub use super::flow::Position;

/// Channels and background voices of a song with Impulse Tracker's instruments.
const MOST_VOICES: usize = 256;
/// Background voices of a player of single patterns.
const PATTERN_VOICES: usize = 32;

/// What replay reads and never changes.
pub(crate) struct Core {
    pub(crate) song: Arc<Song>,
    pub(crate) rules: Rules,
    pub(crate) tuning: Tuning,
    pub(crate) waves: Waves,
    pub(crate) no_sample: Sample,
    pub(crate) output: Output,
    tone: Tone,
    ramping: Ramping,
}

impl Core {
    pub(crate) fn new(song: Arc<Song>, rate: SampleRate) -> Self {
        let rules = Rules::new(&song);
        Self {
            tuning: Tuning::new(&song, &rules),
            waves: Waves::new(),
            no_sample: Sample::plain(SampleData::empty()),
            output: output(&song, &rules, rate),
            tone: Tone::default(),
            ramping: Ramping::default(),
            rules,
            song,
        }
    }

    pub(crate) fn set_tone(&mut self, tone: Tone) {
        self.tone = tone;
        self.output.set_ramping(self.ramping, tone);
    }

    pub(crate) fn set_ramping(&mut self, ramping: Ramping) {
        self.ramping = ramping;
        self.output.set_ramping(ramping, self.tone);
    }

    pub(crate) fn context<'a>(&'a self, flow: &'a mut Flow) -> Context<'a> {
        Context {
            song: &self.song,
            rules: &self.rules,
            tuning: &self.tuning,
            waves: &self.waves,
            flow,
            no_sample: &self.no_sample,
        }
    }
}

/// Seconds in which what is heard gets from one spot of a field to another.
const WALK_SECONDS: f64 = 0.005;

/// Mix volume of a song that has no setting of its own.
const USUAL_MIX_VOLUME: f32 = 48.0;

/// Full volume in the centre is a quarter of full scale, less for more than 8 channels.
fn output(song: &Song, rules: &Rules, rate: SampleRate) -> Output {
    let square_root_panning = song.quirks.square_root_panning;
    // Linear panning leaves half to each side of the centre, square-root panning √½.
    let centre = if square_root_panning { std::f32::consts::FRAC_1_SQRT_2 } else { 0.5 };
    let crowding = libm::sqrtf(8.0 / song.channels.len().max(8) as f32);
    let headroom = f32::from(song.mix_volume) / USUAL_MIX_VOLUME;
    let mut output = Output {
        rate,
        level: 0.25 / centre * crowding * headroom,
        adlib_level: adlib::LEVEL * crowding,
        trim: 1.0,
        mix_volume: song.mix_volume,
        panorama: Panorama::new(song),
        shifts: vec![0; song.channels.len()].into(),
        walk_frames: rate.frames_in(WALK_SECONDS) as u32,
        root_shares: square_root_panning.then(Output::root_shares),
        soft: matches!(song.made_with, MadeWith::FastTracker2(_)),
        ramp_frames: 0,
        end_frames: 0,
        filter: rules.filter,
        circuits: Circuits::new(rate),
    };
    output.set_ramping(Ramping::default(), Tone::default());
    output
}

/// The patterns of songs that play, decoded.
static PATTERNS: Derived<Song, Vec<Box<[Step]>>> = Derived::new();

/// Where a song stands, apart from its voices.
pub(crate) struct Setting {
    flow: FlowSnapshot,
    /// What EFx has done.
    flipped: Box<[Flipped]>,
}

impl Setting {
    pub(crate) fn bytes(&self) -> usize {
        self.flow.bytes() + size_of_val(&*self.flipped)
    }
}

/// How many frames before a wanted one are rendered, not passed over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reach {
    /// Of every voice: ends of recordings, ramps, Paula's circuits.
    pub(crate) any: usize,
    /// Of voices with a filter.
    pub(crate) filtered: usize,
    /// Of AdLib's chips.
    pub(crate) chips: usize,
}

/// A frame of a chip takes as long as so many of a voice.
const CHIP_COSTS: usize = 32;

/// Plays a song: see the module's description.
pub struct SongPlayer {
    core: Core,
    /// By pattern, row by row.
    patterns: Arc<Vec<Box<[Step]>>>,
    flow: Flow,
    pub(crate) channels: Vec<Voice>,
    pub(crate) background: Vec<Voice>,
    /// Where the song changes its own samples.
    inverted: Option<Inverted>,
    /// No background voice from here on is in use: notes go to the first free one.
    background_end: usize,
    /// Those in use, in the order in which notes moved there: sums round off alike whatever voices were free.
    background_order: Vec<u16>,
    /// One for each channel, where the song has AdLib instruments.
    pub(crate) chips: Vec<adlib::Chip>,
    /// Keys and controllers on the channels.
    touches: Touches,
    /// How often voices have been made ready to sound, and how often they have been silenced, for those who watch.
    changes: u64,
    jumps: u64,
}

/// Which player, after which jump, in which state: equal as long as nothing has happened to its voices but time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Where its voices lie.
    player: usize,
    jumps: u64,
    changes: u64,
}

impl Stamp {
    /// Whether notes go on from `before` to this.
    pub(crate) fn follows(&self, before: &Self) -> bool {
        (self.player, self.jumps) == (before.player, before.jumps)
    }
}

fn new_channels(core: &Core) -> Vec<Voice> {
    let owned = |(setup, owner)| {
        let mut voice = Voice::new(setup, &core.rules);
        voice.owner = owner;
        voice
    };
    core.song.channels.iter().zip(0..).map(owned).collect()
}

impl SongPlayer {
    /// A player at the start of `song`. Allocates all that it will ever need.
    pub fn new(song: Arc<Song>, rate: SampleRate) -> Self {
        let voices = MOST_VOICES.saturating_sub(song.channels.len());
        Self::with(song, rate, voices, Flow::new)
    }

    /// A player of one pattern at a time, see `enter_pattern`; it takes less memory. Allocates all that it will ever need.
    pub(crate) fn for_patterns(song: Arc<Song>, rate: SampleRate) -> Self {
        Self::with(song, rate, PATTERN_VOICES, Flow::standing)
    }

    fn with(song: Arc<Song>, rate: SampleRate, voices: usize, flow: impl Fn(&Song) -> Flow) -> Self {
        let (own, inverted) = match inversion::own_copy(&song) {
            Some((own, inverted)) => (own, Some(inverted)),
            None => (Arc::clone(&song), None),
        };
        let core = Core::new(own, rate);
        let has_background = core.rules.is_it() && core.rules.instruments;
        let mut player = Self {
            patterns: PATTERNS.of(&song, || decode_patterns(&core.song, &core.rules)),
            inverted,
            flow: flow(&core.song),
            channels: new_channels(&core),
            background: vec![Voice::idle(&core.rules); if has_background { voices } else { 0 }],
            background_end: 0,
            background_order: Vec::with_capacity(voices),
            chips: adlib::Chip::for_song(&core.song, rate, core.song.channels.len()),
            touches: Touches::default(),
            changes: 0,
            jumps: 0,
            core,
        };
        player.set_level(Level::detect());
        player
    }

    /// What it plays.
    pub fn song(&self) -> &Arc<Song> {
        &self.core.song
    }

    fn voices_mut(&mut self) -> impl Iterator<Item = &mut Voice> {
        self.channels.iter_mut().chain(&mut self.background)
    }

    /// How levels and samples are computed; notes under way go on in the new tone. Real-time: yes.
    pub fn set_tone(&mut self, tone: Tone) {
        self.core.set_tone(tone);
        self.voices_mut().for_each(|voice| voice.set_tone(tone));
    }

    /// Which instruction set the kernels use; the best of this machine before. Real-time: yes.
    pub fn set_level(&mut self, level: Level) {
        self.voices_mut().for_each(|voice| voice.set_level(level));
    }

    /// How gains move, from the next tick on. Real-time: yes.
    pub fn set_ramping(&mut self, ramping: Ramping) {
        self.core.set_ramping(ramping);
    }

    /// What is read between two frames. Real-time: yes.
    pub fn set_interpolation(&mut self, interpolation: Interpolation) {
        self.voices_mut().for_each(|voice| voice.set_interpolation(interpolation));
    }

    /// Width of the whole song, from the next tick on. Real-time: yes.
    pub fn set_separation(&mut self, separation: Separation) {
        self.core.output.panorama.set(separation);
    }

    /// Moves what stands in a field of a channel, -1 by half of the panorama to the left … 1 to the right, from the next tick
    /// on. Real-time: yes.
    pub fn set_shift(&mut self, channel: usize, shift: f32) {
        if let Some(own) = self.core.output.shifts.get_mut(channel) {
            *own = libm::roundf(shift * CENTRE as f32) as i32;
        }
    }

    /// Level of the whole song, from the next tick on. Real-time: yes.
    pub fn set_trim(&mut self, trim: Gain) {
        self.core.output.trim = trim.0;
    }

    /// To the start of the song, with nothing sounding. Real-time: yes.
    pub fn reset(&mut self) {
        self.flow.reset(&self.core.song);
        self.silence();
        self.restore_samples();
    }

    /// Undoes what EFx has done.
    fn restore_samples(&mut self) {
        if let Some(inverted) = &mut self.inverted {
            inverted.restore(&mut self.core.song, &mut self.channels);
        }
    }

    /// The next tick begins at `row` of `order`; notes are cut, nothing is chased. Real-time: yes.
    pub fn seek(&mut self, order: u16, row: u16) {
        self.flow.seek(order, row);
        self.silence();
        self.restore_samples();
    }

    /// As `seek`, to a row that plays at another speed and tempo than the song begins with.
    pub fn seek_to(&mut self, place: Position) {
        self.seek(place.order, place.row);
        (self.flow.position.speed, self.flow.position.tempo) = (place.speed, place.tempo);
    }

    /// Forgets what sounds, without a fade, as a new player. Real-time: yes.
    pub fn clear(&mut self) {
        self.jumps += 1;
        self.voices_mut().for_each(Voice::clear);
        self.chips.iter_mut().for_each(adlib::Chip::clear);
    }

    /// Fades out every note at once; the song goes on. Real-time: yes.
    pub fn cut_all(&mut self) {
        self.silence();
    }

    /// The next tick begins the pattern of `place`, with all else as at the song's start; nothing but that pattern is
    /// played, over and over, and only one channel is heard where one is named. What sounded before fades out in
    /// `fade_frames` frames. Real-time: yes.
    pub(crate) fn enter_pattern(&mut self, place: Position, only: Option<usize>, fade_frames: u32) {
        self.flow.reset(&self.core.song);
        self.flow.stay_in(place);
        self.fade_out(fade_frames);
        self.restore_samples();
        for (index, channel) in self.channels.iter_mut().enumerate() {
            channel.state.muted |= only.is_some_and(|only| only != index);
        }
    }

    /// Whether the next tick begins the pattern anew, or leads out of it.
    pub(crate) fn at_pattern_end(&self) -> bool {
        self.flow.leaves_pattern()
    }

    /// Whether anything is left to hear, a fading end too.
    pub(crate) fn has_sound(&self) -> bool {
        let background = self.background.iter().take(self.background_end);
        self.channels.iter().chain(background).any(Voice::has_sound)
            || self.chips.iter().any(adlib::Chip::sounding)
    }

    /// How much of it is heard or dies away: voices, and AdLib's chips.
    pub(crate) fn sounding(&self) -> usize {
        let background = self.background.iter().take(self.background_end);
        self.channels.iter().chain(background).filter(|voice| voice.has_sound()).count()
            + self.chips.iter().filter(|chip| chip.sounding()).count()
    }

    /// What sounds fades out within a ramp.
    fn silence(&mut self) {
        self.fade_out(self.core.output.ramp_frames);
    }

    /// What sounds fades out in so many frames, and every channel is as at the song's start. Real-time: yes.
    pub(crate) fn fade_out(&mut self, frames: u32) {
        self.jumps += 1;
        let Self { core, channels, background, background_end, chips, .. } = self;
        for (voice, setup) in channels.iter_mut().zip(&core.song.channels) {
            voice.restart_over_tail(setup, &core.rules);
            voice.finish_tick(frames);
        }
        for voice in background.iter_mut().take(*background_end) {
            voice.leave_tail();
            voice.sound.stop();
            voice.finish_tick(frames);
        }
        for chip in chips {
            chip.reset(frames);
        }
        self.touches.forget_keys();
    }

    /// Begins the next tick. Real-time: yes.
    pub fn tick(&mut self) {
        self.channels.iter_mut().for_each(Voice::end_faded);
        self.background.iter_mut().take(self.background_end).for_each(Voice::end_faded);
        if self.play_tick() {
            self.update_voices();
        } else {
            self.end();
        }
    }

    /// As `tick`, for a player that is only asked where the song is: no voice is made ready to sound.
    pub(crate) fn tick_unheard(&mut self) {
        self.play_tick();
    }

    /// The tick's cells; `false` where nothing is left to play.
    fn play_tick(&mut self) -> bool {
        loop {
            match self.flow.advance(&self.core.song, &self.core.rules) {
                Advance::Stopped => return false,
                Advance::Tick => break,
                Advance::Row => {
                    self.read_row();
                    break;
                }
                Advance::SkippedRow => self.read_row(),
            }
        }
        self.play_rows();
        true
    }

    /// Nothing is left to play: all that sounds stops.
    fn end(&mut self) {
        self.changes += 1;
        self.channels.iter_mut().for_each(|voice| voice.sound.stop());
        self.background.iter_mut().take(self.background_end).for_each(|voice| voice.sound.stop());
        self.move_chips();
    }

    fn read_row(&mut self) {
        let Self { core, patterns, flow, channels, .. } = self;
        let position = flow.position;
        let cells = patterns.get(usize::from(position.pattern)).map_or(&[][..], |cells| cells);
        let first = usize::from(position.row) * channels.len();
        let mut cx = core.context(flow);
        for (index, ch) in channels.iter_mut().enumerate() {
            let step = cells.get(first + index).copied().unwrap_or_default();
            leave_row(&mut cx, ch, &step);
            if !cx.rules.it(Way::WavesAreFine) {
                ch.panbrello_offset = 0;
            }
            ch.active = super::state::Active::default();
            ch.step = step;
        }
    }

    fn play_rows(&mut self) {
        let room = self.room();
        let Self { core, flow, channels, background, .. } = self;
        flow.begin_effects();
        if let Some((moved, positions)) = flow.last_moved.get_mut()
            && let Some(voice) = background.get(*moved)
        {
            *positions = voice.envelope_positions();
        }
        let mut cx = core.context(flow);
        for (index, ch) in channels.iter_mut().enumerate() {
            row::play_channel(&mut cx, index, ch, &mut background[..room]); // no more than there are
        }
        if flow.first_tick {
            flow.finish_row(&core.song, &core.rules);
        }
        if let Some(inverted) = &mut self.inverted {
            inverted.advance(&mut self.core.song, &mut self.channels, self.flow.first_tick);
        }
    }

    /// Background voices that may be in use after this tick: each channel takes one at most, and the first that rests.
    fn room(&self) -> usize {
        self.background.len().min(self.background_end + self.channels.len())
    }

    fn update_voices(&mut self) {
        self.changes += 1;
        self.find_background_end();
        self.begin_touched_tick();
        let Self { core, flow, channels, background, background_end, .. } = self;
        let cx = core.context(flow);
        for index in 0..channels.len() {
            if let Some(ch) = channels.get_mut(index) {
                tick::update(&cx, ch, Role::Channel, &core.output);
            }
            if cx.flow.filters_open.take() {
                channels.iter_mut().for_each(|ch| (ch.cutoff, ch.resonance) = (127, 0));
            }
        }
        for voice in &mut background[..*background_end] {
            tick::update(&cx, voice, Role::Background, &core.output);
        }
        self.move_chips();
        self.finish_touched_tick();
    }

    /// Takes in voices that notes have just moved to, and leaves out those at the end that have fallen silent.
    fn find_background_end(&mut self) {
        // Each channel has left at most one note behind, and those went to the first free voices.
        let end = self.background.len().min(self.background_end + self.channels.len());
        debug_assert!(self.background.iter().skip(end).all(|voice| !voice.in_use()));
        let last = self.background.iter().take(end).rposition(Voice::in_use);
        self.background_end = last.map_or(0, |last| last + 1);
        self.order_background();
    }

    fn order_background(&mut self) {
        let Self { background, background_order, .. } = self;
        let voices = || (0..).zip(&*background).take(self.background_end);
        background_order.clear();
        background_order.extend(voices().filter(|(_, voice)| voice.in_use()).map(|(slot, _)| slot));
        background_order
            .sort_unstable_by_key(|&slot| background.get(usize::from(slot)).map(|voice| voice.moved));
    }

    /// Background voices that have sound.
    fn background_in_use(&mut self) -> impl Iterator<Item = &mut Voice> {
        self.background.iter_mut().take(self.background_end).filter(|voice| voice.has_sound())
    }

    /// Hands them over in the order in which notes moved there.
    fn each_in_background(&mut self, mut act: impl FnMut(&mut Voice)) {
        for &slot in &self.background_order {
            if let Some(voice) = self.background.get_mut(usize::from(slot)).filter(|voice| voice.has_sound())
            {
                act(voice);
            }
        }
    }

    /// Hands the channels' requests to their chips.
    fn move_chips(&mut self) {
        for (chip, ch) in self.chips.iter_mut().zip(&mut self.channels) {
            chip.play(ch);
        }
    }

    /// Moves on what sounds by a tick, without the song: envelopes and fade-outs while the song stands. Real-time: yes.
    pub fn hold(&mut self) {
        self.flow.first_tick = false;
        for ch in &mut self.channels {
            ch.step = Step::default();
        }
        self.update_voices();
    }

    /// Length of the tick that has begun, by the module's own tempo.
    pub fn tick_seconds(&self) -> f64 {
        tick_seconds(&self.core.song, &self.flow.position)
    }

    /// Where the tick that has begun is.
    pub fn position(&self) -> Position {
        self.flow.position
    }

    /// Whether the song has come round once, or has nothing left to play.
    pub fn finished(&self) -> bool {
        self.flow.stopped || self.flow.rounds > 0
    }

    /// How often the song has come round since it was started.
    pub fn rounds(&self) -> u32 {
        self.flow.rounds
    }

    pub(crate) fn output(&self) -> &Output {
        &self.core.output
    }

    pub(crate) fn global_volume(&self) -> i32 {
        self.flow.global_volume
    }

    /// Forgets what sounds, and what a note's end would leave; everything else goes on. Real-time: yes.
    pub(crate) fn stop_sounds(&mut self) {
        self.clear();
        self.background_end = 0;
        self.background_order.clear();
    }

    /// Everything but the voices, to be put back later. Allocates.
    pub(crate) fn setting(&self) -> Setting {
        let flipped = self.inverted.as_ref().map(|inverted| inverted.flipped(&self.core.song));
        Setting { flow: self.flow.snapshot(), flipped: flipped.unwrap_or_default().into() }
    }

    /// To the start of the song, as a new player; nothing fades out. Real-time: yes.
    pub(crate) fn begin_anew(&mut self) {
        self.stop_sounds(); // first, so that there is nothing for `reset` to keep
        self.reset();
    }

    /// As if the song stood at `setting`, with no voice in use and so many random numbers drawn since. Real-time: yes.
    pub(crate) fn stand_at(&mut self, setting: &Setting, draws: u64) {
        self.begin_anew();
        self.flow.take_up(&setting.flow, draws);
        if let Some(inverted) = &mut self.inverted {
            inverted.flip(&mut self.core.song, &mut self.channels, &setting.flipped);
        }
    }

    /// Channels, then background voices.
    pub(crate) fn voice_mut(&mut self, slot: usize) -> Option<&mut Voice> {
        match slot.checked_sub(self.channels.len()) {
            None => self.channels.get_mut(slot),
            Some(slot) => self.background.get_mut(slot),
        }
    }

    /// Brings a voice back as it was, where `lead` says it is by now. Real-time: yes.
    pub(crate) fn put_back(&mut self, slot: usize, state: &VoiceState, lead: impl FnOnce(&mut Voice, &Core)) {
        let Self { core, channels, background, background_end, .. } = self;
        let behind = slot.checked_sub(channels.len());
        let voice = match behind {
            None => channels.get_mut(slot),
            Some(behind) => background.get_mut(behind),
        };
        let Some(voice) = voice else { return };
        voice.state = *state;
        voice.note_instrument(&core.rules);
        lead(voice, core);
        voice.sound.filter = voice.filter_setting.map(|setting| core.output.coefficients(setting));
        if let Some(behind) = behind.filter(|_| voice.in_use()) {
            *background_end = (*background_end).max(behind + 1);
        }
    }

    pub(crate) fn random(&self) -> RandomState {
        self.flow.random.state()
    }

    pub(crate) fn rate(&self) -> SampleRate {
        self.core.output.rate
    }

    /// Equal for equal states of what sounds, as `Stamp` says.
    pub(crate) fn stamp(&self) -> Stamp {
        Stamp { player: self.channels.as_ptr().addr(), jumps: self.jumps, changes: self.changes }
    }

    /// Where a channel is heard, -1 left to 1 right.
    pub(crate) fn heard_panning(&self, channel: usize) -> Option<f32> {
        let voice = self.channels.get(channel)?;
        Some((self.core.output.panorama.heard(voice.real_panning) - CENTRE) as f32 / CENTRE as f32)
    }

    /// Name of what a channel plays: its instrument, or its sample in songs without instruments; empty where it plays nothing.
    pub fn instrument_name(&self, channel: usize) -> &str {
        let Some(voice) = self.channels.get(channel) else { return "" };
        let song = &self.core.song;
        let instrument = voice.instrument.and_then(|index| song.instruments.get(usize::from(index)));
        let sample = || voice.sample.and_then(|index| song.samples.get(usize::from(index)));
        instrument
            .map(|instrument| &instrument.name)
            .or_else(|| sample().map(|sample| &sample.name))
            .map_or("", |name| name)
    }

    /// Step of a voice's key as it was struck, in the units of the step that sounds.
    pub(crate) fn step_of_key(&self, voice: &Voice) -> f64 {
        let frequency_q4 = self.core.tuning.frequency_q4(voice.struck.period, 0, voice.c5_speed);
        let pace = voice.sound.pace_q32 as f64 / Sample::OWN_PACE_Q32 as f64;
        tick::step_of(frequency_q4, &self.core.output) * pace
    }

    /// Channels, and background voices that may be in use.
    pub(crate) fn voices_in_use(&self) -> usize {
        self.channels.len() + self.background_end
    }

    /// Whether anything may be heard of it before the next tick.
    pub fn sounds(&self) -> bool {
        let voices = self.channels.iter().chain(self.background.iter().take(self.background_end));
        voices.into_iter().any(Voice::has_sound) || self.chips.iter().any(adlib::Chip::sounding)
    }

    /// Advances recordings and gains inside the tick; filters, circuits and AdLib's chips stand still. Real-time: yes.
    pub(crate) fn pass_over(&mut self, frames: usize) {
        self.channels.iter_mut().for_each(|ch| ch.skip(frames));
        self.background_in_use().for_each(|voice| voice.skip(frames));
        self.chips.iter_mut().for_each(|chip| chip.pass_over(frames));
    }

    /// Advances inside the tick as `pass_over` does, but where those frames lie close before the one that is wanted: there
    /// as if it were heard. `left` is the number of frames to the wanted one before this. Says how many frames of voices
    /// that were. Real-time: yes.
    pub(crate) fn approach(&mut self, frames: usize, left: usize, reach: &Reach) -> usize {
        let within = |reach: usize| (reach + frames).saturating_sub(left).min(frames);
        let (any, filtered, chips) = (within(reach.any), within(reach.filtered), within(reach.chips));
        let mut done = 0;
        let mut approach = |voice: &mut Voice| {
            let rendered = if voice.sound.filter.is_some() { filtered } else { any };
            voice.skip(frames - rendered);
            done += if rendered > 0 { voice.render_unheard(rendered) } else { 0 };
        };
        self.channels.iter_mut().for_each(&mut approach);
        self.background_in_use().for_each(&mut approach);
        for chip in &mut self.chips {
            chip.pass_over(frames - chips);
            done += chip.skip(chips) * CHIP_COSTS;
        }
        done
    }

    /// Advances all voices without sound, inside the tick. Real-time: yes.
    pub fn skip(&mut self, frames: usize) {
        self.channels.iter_mut().for_each(|ch| ch.skip(frames));
        self.background_in_use().for_each(|voice| voice.skip(frames));
        self.chips.iter_mut().for_each(|chip| _ = chip.skip(frames));
    }

    /// Renders the frames of `range` of a block, all inside the tick that has begun; each song channel is an outlet.
    /// Real-time: yes.
    pub fn render(&mut self, _ctx: &mut RenderContext<'_>, outlets: &mut Outlets<'_>, range: &Range<usize>) {
        for (index, ch) in self.channels.iter_mut().enumerate() {
            ch.add_to(outlets, index, range);
        }
        self.each_in_background(|voice| voice.add_to(outlets, voice.owner.into(), range));
        for (index, chip) in self.chips.iter_mut().enumerate() {
            chip.add_to(outlets, index, range);
        }
    }

    /// What no sample of the mix exceeds in the next frames, all inside the tick that has begun, where skipping them leaves
    /// everything as rendering does; `None` where only rendering tells.
    pub(super) fn bound(&self, frames: usize, peaks: &Peaks) -> Option<f32> {
        if self.chips.iter().any(adlib::Chip::sounding) {
            return None;
        }
        let mut voices = self.channels.iter().chain(self.background.iter().take(self.background_end));
        let [left, right] = voices.try_fold([0.0, 0.0], |[left, right], voice| {
            let bound = voice.bound(frames, peaks)?;
            Some([left + bound[0], right + bound[1]])
        })?;
        Some(f32::max(left, right))
    }

    /// Adds frames of the tick that has begun to one pair of planes of the same length. Real-time: yes.
    pub(crate) fn add_mix(&mut self, left: &mut [f32], right: &mut [f32]) {
        for ch in &mut self.channels {
            ch.add_to_planes(left, right);
        }
        self.each_in_background(|voice| voice.add_to_planes(left, right));
        for chip in &mut self.chips {
            chip.add_to_planes(left, right);
        }
    }
}

/// No tick is shorter, whatever a file says: so no second holds more work than it can.
const SHORTEST_TICK_SECONDS: f64 = 0.0005;

/// Length of a tick at a place of a song, by the module's own tempo.
pub(crate) fn tick_seconds(song: &Song, position: &Position) -> f64 {
    let tempo = f64::from(position.tempo.max(1));
    let seconds = match song.quirks.tempo_mode {
        TempoMode::Classic => 2.5 / tempo,
        TempoMode::Alternative => 1.0 / tempo,
        TempoMode::Modern { rows_per_beat } => {
            60.0 / (tempo * f64::from(position.speed.max(1)) * f64::from(rows_per_beat.max(1)))
        }
    };
    seconds.max(SHORTEST_TICK_SECONDS)
}

/// What the end of the old row leaves behind for the new one.
fn leave_row(cx: &mut Context<'_>, ch: &mut Voice, coming: &Step) {
    let slides = matches!(coming.effect, Effect::PitchUp(_) | Effect::PitchDown(_));
    if cx.rules.st3.slides_go_on_from_arpeggio && ch.active.arpeggio && slides {
        // Scream Tracker 3 slides on from where an arpeggio was (PortaAfterArp.s3m).
        ch.period = cx.tuning.period(ch.arpeggio_key, ch.finetune, ch.c5_speed);
    }
    let slid_to_note = ch.step.note.is_key() && ch.step.has_tone_portamento() && ch.porta_target != 0;
    if cx.rules.st3.adlib_portamento_waits && slid_to_note && !coming.note.is_key() && cx.is_adlib(ch) {
        ch.period = ch.porta_target; // TonePortamentoWithAdlibNote.s3m
    }
    if !cx.rules.is_it() {
        ch.panbrello_offset = 0;
    }
    match (ch.step.note, ch.step.effect) {
        // A note delayed past its row sounds on the next (NoteDelay-NextRow.mod).
        (NoteCommand::Key(key), Effect::DelayNote(tick))
            if cx.rules.quirks.late_notes_reach_next_row
                && !coming.note.is_key()
                && u16::from(tick) >= cx.flow.position.speed =>
        {
            ch.period = cx.tuning.period(key.into(), ch.finetune, 0);
        }
        (_, Effect::SetTempo(tempo))
            if cx.rules.quirks.tempo_waits_one_tick
                && cx.flow.position.speed == 1
                && cx.song.fixed_pace.tempo.is_none() =>
        {
            cx.flow.position.tempo = u16::from(tempo).max(1);
        }
        _ => {}
    }
}
