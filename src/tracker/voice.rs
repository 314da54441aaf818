//! The sound of one channel: a position that runs over a recording, turned into a stereo block.
//!
//! In: an `AudioSource`, a step, loops, gains and a filter, all set by the sequencer between two ticks. Out: frames
//! added to a stereo block. Audio thread. Every value follows from counters, so that a tick may be cut into any blocks.
//! It knows nothing of notes: the sequencer moves it, `mix` reads for it.

use super::filter::Coefficients;
use super::filter::FilterState;
use super::mix::Interpolation;
use super::mix::Reader;
use super::mix::Tone;
use super::rules::Rules;
use super::song::Loop;
use crate::audio::Activity;
use crate::audio::AudioBlock;
use crate::audio::AudioBlockMut;
use crate::audio::AudioSource;
use crate::audio::AudioStream;
use crate::audio::BLOCK_SIZE;
use crate::audio::ChannelConfig;
use crate::audio::RenderContext;
use crate::audio::Tail;
use std::sync::Arc;

/// A gain that moves in a straight line and lands exactly.
#[derive(Clone, Copy, Debug, Default)]
struct Ramp {
    start: f32,
    target: f32,
    /// Frames of the ramp that have sounded, and all of them.
    passed: u32,
    frames: u32,
}

impl Ramp {
    fn at(&self, passed: u32) -> f32 {
        if passed >= self.frames {
            return self.target;
        }
        self.start + (self.target - self.start) * (passed as f32 / self.frames as f32)
    }

    fn aim(&mut self, target: f32, frames: u32) {
        if target != self.target {
            *self = Self { start: self.at(self.passed), target, passed: 0, frames };
        }
    }

    fn advance(&mut self, frames: usize) {
        self.passed = self.passed.saturating_add(frames.min(u32::MAX as usize) as u32).min(self.frames);
    }

    fn settled(&self) -> bool {
        self.passed >= self.frames
    }

    fn silent(&self) -> bool {
        self.settled() && self.target == 0.0
    }

    /// What an integer mixer adds: whole gains of 14 fractional bits, also on the way to `gain_q14`.
    fn add_integers(&self, signal: &[f32], output: &mut [f32], gain_q14: i32, level: f32) {
        let moving = (self.frames - self.passed.min(self.frames)) as usize;
        let (ramped, steady) = signal.split_at(moving.min(signal.len()));
        let (ramped_output, steady_output) = output.split_at_mut(ramped.len());
        let whole = if level == 0.0 { 0.0 } else { 16_384.0 / level };
        for (n, (y, x)) in ramped_output.iter_mut().zip(ramped).enumerate() {
            *y += integer_product(*x, (self.at(self.passed + n as u32) * whole) as i32) * (level / 32_768.0);
        }
        for (y, x) in steady_output.iter_mut().zip(steady) {
            *y += integer_product(*x, gain_q14) * (level / 32_768.0);
        }
    }

    /// Adds `signal` times the ramp to `output`.
    fn add(&self, signal: &[f32], output: &mut [f32]) {
        let moving = (self.frames - self.passed.min(self.frames)) as usize;
        let (ramped, steady) = signal.split_at(moving.min(signal.len()));
        let (ramped_output, steady_output) = output.split_at_mut(ramped.len());
        for (n, (y, x)) in ramped_output.iter_mut().zip(ramped).enumerate() {
            *y += x * self.at(self.passed + n as u32);
        }
        let gain = self.target;
        for (y, x) in steady_output.iter_mut().zip(steady) {
            *y += x * gain;
        }
    }
}

/// What plays on when a recording ends, for ProTracker's instrument numbers without a note.
#[derive(Clone)]
pub(crate) struct Successor {
    pub(crate) source: Arc<dyn AudioSource>,
    /// Number of the sample, from 0.
    pub(crate) sample: u16,
    /// Without a loop there is silence.
    pub(crate) sample_loop: Option<Loop>,
}

/// One channel's sound in progress.
#[derive(Clone)]
pub struct ChannelState {
    source: Option<Arc<dyn AudioSource>>,
    /// Frames with 32 fractional bits; may stand past a boundary until the next frame is read.
    pub(crate) position_q32: i64,
    /// Frames for each output frame, without direction; 0 does not sound.
    pub(crate) step_q32: i64,
    pub(crate) backwards: bool,
    /// One past the last frame that sounds; 0 is a stopped voice.
    pub(crate) length: u32,
    pub(crate) loop_start: u32,
    pub(crate) loop_end: u32,
    pub(crate) looping: bool,
    pub(crate) ping_pong: bool,
    /// Frames by which the way back of a ping-pong loop is shortened (1 in Impulse Tracker).
    pub(crate) ping_pong_overlap: u32,
    /// Ping-pong loops turn back as in early OpenMPT.
    pub(crate) turns_roughly: bool,
    /// ProTracker: the loop end that holds after the first pass of the whole recording.
    pub(crate) later_loop_end: Option<u32>,
    pub(crate) successor: Option<Successor>,
    /// The sample that a successor has become, until the sequencer has seen it.
    pub(crate) succeeded: Option<u16>,
    left: Ramp,
    right: Ramp,
    /// Gains of the Authentic tone, 14 fractional bits.
    gains_q14: (i32, i32),
    level: f32,
    pub(crate) filter: Option<Coefficients>,
    filters: [FilterState; 2],
    pub(crate) tone: Tone,
    pub(crate) interpolation: Interpolation,
}

impl ChannelState {
    pub(crate) fn new() -> Self {
        Self {
            source: None,
            position_q32: 0,
            step_q32: 0,
            backwards: false,
            length: 0,
            loop_start: 0,
            loop_end: 0,
            looping: false,
            ping_pong: false,
            ping_pong_overlap: 0,
            turns_roughly: false,
            later_loop_end: None,
            successor: None,
            succeeded: None,
            left: Ramp::default(),
            right: Ramp::default(),
            gains_q14: (0, 0),
            level: 1.0,
            filter: None,
            filters: [FilterState::default(); 2],
            tone: Tone::default(),
            interpolation: Interpolation::default(),
        }
    }

    /// Takes on what the song's rules say of loops.
    pub(crate) fn follow(&mut self, rules: &Rules) {
        self.ping_pong_overlap = rules.ping_pong_overlap;
        self.turns_roughly = rules.loops_turn_roughly;
    }

    pub(crate) fn set_source(&mut self, source: Arc<dyn AudioSource>) {
        self.source = Some(source);
    }

    pub(crate) fn reset_filter(&mut self) {
        self.filters = [FilterState::default(); 2];
    }

    /// Whole frames of the position.
    pub(crate) fn frame(&self) -> i64 {
        self.position_q32 >> 32
    }

    pub(crate) fn set_frame(&mut self, frame: u32) {
        self.position_q32 = i64::from(frame) << 32;
    }

    /// Moves to `frame` and keeps the fraction.
    pub(crate) fn move_to_frame(&mut self, frame: u32) {
        self.position_q32 = (i64::from(frame) << 32) | (self.position_q32 & 0xFFFF_FFFF);
    }

    /// Whether a recording is under way.
    pub(crate) fn sounding(&self) -> bool {
        self.length != 0 && self.step_q32 != 0 && self.source.is_some()
    }

    pub(crate) fn stop(&mut self) {
        self.length = 0;
        self.position_q32 = 0;
        self.backwards = false;
    }

    /// Aims both gains at new values; `frames` is the length of the ramp.
    ///
    /// `gains_q14` are the same values as integers, `level` is what turns them into the f32 gains.
    pub(crate) fn aim(&mut self, gains_q14: (i32, i32), level: f32, frames: u32) {
        let scale = level / 16_384.0;
        self.gains_q14 = gains_q14;
        self.level = level;
        self.left.aim(gains_q14.0 as f32 * scale, frames);
        self.right.aim(gains_q14.1 as f32 * scale, frames);
    }

    /// Starts the next ramp from silence, as a new note does.
    pub(crate) fn start_from_silence(&mut self) {
        (self.left, self.right) = (Ramp::default(), Ramp::default());
    }

    /// Gains as the next ramp's targets: left, right.
    pub(crate) fn target_gains(&self) -> (f32, f32) {
        (self.left.target, self.right.target)
    }

    /// Whether a tick of this voice can be left out of the mix.
    pub(crate) fn silent(&self) -> bool {
        !self.sounding() || (self.left.silent() && self.right.silent())
    }

    fn boundary_q32(frame: u32) -> i64 {
        i64::from(frame) << 32
    }

    /// Brings a position that has left its bounds back in; `false` where the voice has ended.
    fn settle(&mut self) -> bool {
        let start = if self.looping { Self::boundary_q32(self.loop_start) } else { 0 };
        let end = Self::boundary_q32(self.length);
        if self.backwards && self.position_q32 < start {
            return self.turn_forwards(start, end);
        }
        if self.position_q32 < 0 {
            self.position_q32 = 0;
        }
        if self.backwards && self.position_q32 <= end || self.position_q32 < end {
            return true;
        }
        if !self.looping {
            return false;
        }
        if self.ping_pong {
            self.turn_backwards(start, end);
        } else {
            self.backwards = false;
            self.position_q32 = start + (self.position_q32 - start) % (end - start).max(1);
        }
        true
    }

    fn turn_forwards(&mut self, start: i64, end: i64) -> bool {
        if !self.looping {
            return false;
        }
        self.position_q32 = 2 * start - self.position_q32;
        if self.position_q32 < start || self.position_q32 >= (start + end) / 2 {
            self.position_q32 = start;
        }
        if self.ping_pong {
            self.backwards = false;
        } else {
            self.position_q32 = end - (1 << 32);
        }
        self.position_q32 < end
    }

    fn turn_backwards(&mut self, start: i64, end: i64) {
        self.backwards = true;
        if self.turns_roughly {
            return self.turn_roughly(end);
        }
        let overlap = i64::from(self.ping_pong_overlap) << 32;
        let overshoot = self.position_q32 - end;
        let way = end - start - overlap;
        self.position_q32 = if overshoot < way { end - overlap - overshoot } else { start };
    }

    /// Early OpenMPT mirrored whole frames and fractions apart, a frame off.
    fn turn_roughly(&mut self, end: i64) {
        let fraction = self.position_q32 & 0xFFFF_FFFF;
        let frame = 2 * (end >> 32) - self.frame() - i64::from(fraction == 0);
        let inverted = (1 << 32) - fraction;
        self.position_q32 = (frame << 32) | (inverted & 0xFFFF_FFFF);
        if frame <= self.loop_start.into() || frame >= self.length.into() {
            self.move_to_frame(self.length.saturating_sub(self.ping_pong_overlap + 1));
        }
    }

    /// How many of `frames` can be read before the position meets a boundary; 0 where the voice has ended.
    fn run(&mut self, frames: usize) -> usize {
        if !self.sounding() || !self.settle() {
            self.stop();
            return 0;
        }
        let start = if self.looping { Self::boundary_q32(self.loop_start) } else { 0 };
        let distance = if self.backwards {
            (self.position_q32 - start) / self.step_q32 + 1
        } else {
            (Self::boundary_q32(self.length) - self.position_q32 - 1) / self.step_q32 + 1
        };
        frames.min(distance.clamp(1, i64::from(u32::MAX)) as usize)
    }

    fn signed_step(&self) -> i64 {
        if self.backwards { -self.step_q32 } else { self.step_q32 }
    }

    /// Advances over a run that `run` allowed.
    fn finish_run(&mut self, frames: usize) {
        self.position_q32 += self.signed_step() * frames as i64;
        self.left.advance(frames);
        self.right.advance(frames);
        let past_loop = self.looping && self.frame() >= self.loop_end.into();
        let past_end = !self.looping && self.length != 0 && self.frame() >= self.length.into();
        if !(past_loop || past_end) {
            return;
        }
        if let Some(successor) = self.successor.take() {
            self.succeed(successor);
        } else if past_loop && let Some(end) = self.later_loop_end.take() {
            self.move_to_frame(0);
            (self.loop_end, self.length) = (end, end);
        }
    }

    fn succeed(&mut self, successor: Successor) {
        self.later_loop_end = None;
        self.source = Some(successor.source);
        self.succeeded = Some(successor.sample);
        self.looping = successor.sample_loop.is_some();
        self.ping_pong = successor.sample_loop.is_some_and(|span| span.ping_pong);
        let (start, end) = successor.sample_loop.map_or((0, 0), |span| (span.start, span.end));
        (self.loop_start, self.loop_end, self.length) = (start, end, end);
        self.move_to_frame(start);
    }

    /// Adds the voice to both sides, which have the same length. Real-time.
    pub(crate) fn add_to(&mut self, left: &mut [f32], right: &mut [f32]) {
        if self.silent() {
            self.skip_frames(left.len());
            return;
        }
        let blocks = left.chunks_mut(BLOCK_SIZE).zip(right.chunks_mut(BLOCK_SIZE));
        for (left, right) in blocks {
            let mut done = 0;
            while done < left.len() {
                let frames = self.run(left.len() - done);
                if frames == 0 {
                    return;
                }
                let span = done..done + frames;
                self.add_run(&mut left[span.clone()], &mut right[span]); // `run` gave no more than is left
                self.finish_run(frames);
                done += frames;
            }
        }
    }

    fn add_run(&mut self, left: &mut [f32], right: &mut [f32]) {
        let Some(source) = &self.source else { return };
        let reader = Reader {
            position_q32: self.position_q32,
            step_q32: self.signed_step(),
            first: if self.looping { self.loop_start } else { 0 },
            end: self.length,
            looping: self.looping && !self.ping_pong,
            tone: self.tone,
            interpolation: self.interpolation,
        };
        let mut scratch = [[0.0; BLOCK_SIZE]; 2];
        let [first, second] = &mut scratch;
        let (first, second) = (&mut first[..left.len()], &mut second[..left.len()]); // at most BLOCK_SIZE
        reader.read(source.as_ref(), 0, first);
        let stereo = source.channels() > 1;
        if stereo {
            reader.read(source.as_ref(), 1, second);
        }
        if let Some(filter) = self.filter {
            self.filters[0].process(filter, first);
            if stereo {
                self.filters[1].process(filter, second);
            }
        }
        let second = if stereo { &*second } else { &*first };
        match self.tone {
            Tone::Clean => {
                self.left.add(first, left);
                self.right.add(second, right);
            }
            Tone::Authentic => {
                self.left.add_integers(first, left, self.gains_q14.0, self.level);
                self.right.add_integers(second, right, self.gains_q14.1, self.level);
            }
        }
    }

    /// Advances without sound. Real-time.
    pub(crate) fn skip_frames(&mut self, frames: usize) {
        let mut left = frames;
        while left > 0 {
            let plain_loop = self.looping && !self.ping_pong && !self.backwards;
            if plain_loop && self.later_loop_end.is_none() && self.successor.is_none() && self.sounding() {
                self.skip_in_loop(left);
                return;
            }
            let run = self.run(left);
            if run == 0 {
                return;
            }
            self.finish_run(run);
            left -= run;
        }
    }

    /// As many runs as it takes, at once; the last step may leave the loop, as it does when runs are read.
    fn skip_in_loop(&mut self, frames: usize) {
        if !self.settle() {
            self.stop();
            return;
        }
        let (start, end) = (Self::boundary_q32(self.loop_start), Self::boundary_q32(self.length));
        let last = self.position_q32.saturating_add(self.step_q32.saturating_mul(frames as i64 - 1));
        let wrapped = if last < end { last } else { start + (last - start) % (end - start).max(1) };
        self.position_q32 = wrapped + self.step_q32;
        self.left.advance(frames);
        self.right.advance(frames);
    }
}

/// A sample of ±32768 times a gain, cut to whole numbers.
fn integer_product(sample: f32, gain_q14: i32) -> f32 {
    // 16-bit integers (`as` clips what a filter made of them); gains are at most 2 in size.
    let sample = i32::from(libm::rintf(sample) as i16);
    ((sample * gain_q14) >> 14) as f32
}

impl AudioStream for ChannelState {
    fn channel_config(&self) -> ChannelConfig {
        ChannelConfig { inputs: 0, outputs: 2 }
    }

    fn render(
        &mut self,
        _ctx: &mut RenderContext<'_>,
        _side: Option<&AudioBlock<'_>>,
        io: &mut AudioBlockMut<'_>,
    ) -> Activity {
        io.silence();
        let activity = if self.silent() { Activity::Silent } else { Activity::Sounding };
        let (left, right) = io.stereo_mut();
        self.add_to(left, right);
        activity
    }

    /// Keeps what does not belong to a sound: tone, interpolation and the song's way with loops.
    fn reset(&mut self) {
        *self = Self {
            tone: self.tone,
            interpolation: self.interpolation,
            ping_pong_overlap: self.ping_pong_overlap,
            turns_roughly: self.turns_roughly,
            ..Self::new()
        };
    }

    fn skip(&mut self, frames: usize) {
        self.skip_frames(frames);
    }

    fn tail(&self) -> Tail {
        if self.sounding() { Tail::Endless } else { Tail::Frames(0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::SampleData;

    fn voice(ping_pong: bool) -> ChannelState {
        let mut voice = ChannelState::new();
        let frames = (0..40).map(|n| ((n * 7919) % 60_000 - 30_000) as i16).collect();
        voice.set_source(Arc::new(SampleData::Mono16(frames)));
        voice.step_q32 = (1.37 * 4_294_967_296.0) as i64;
        (voice.length, voice.loop_start, voice.loop_end) = (31, 5, 31);
        (voice.looping, voice.ping_pong) = (true, ping_pong);
        voice.aim((16_384, 8192), 0.5, 48);
        voice
    }

    fn rendered(voice: &mut ChannelState, size: usize) -> Vec<f32> {
        let (mut left, mut right) = (vec![0.0; 1000], vec![0.0; 1000]);
        for (left, right) in left.chunks_mut(size).zip(right.chunks_mut(size)) {
            voice.add_to(left, right);
        }
        left.extend(right);
        left
    }

    #[test]
    fn sound_does_not_depend_on_where_blocks_are_cut() {
        for ping_pong in [false, true] {
            for tone in [Tone::Clean, Tone::Authentic] {
                let mut voice = voice(ping_pong);
                (voice.tone, voice.interpolation) = (tone, Interpolation::Linear);
                voice.filter = Some(Coefficients { a0: 0.2, b0: 1.1, b1: -0.3 });
                let whole = rendered(&mut voice.clone(), 1000);
                for size in [1, 7, 64, 255] {
                    assert_eq!(rendered(&mut voice.clone(), size), whole, "block size {size} {tone:?}");
                }
            }
        }
    }

    #[test]
    fn skipping_leaves_a_voice_where_playing_does() {
        for ping_pong in [false, true] {
            let (mut played, mut skipped) = (voice(ping_pong), voice(ping_pong));
            for frames in [3, 17, 100, 501] {
                let (mut left, mut right) = (vec![0.0; frames], vec![0.0; frames]);
                played.add_to(&mut left, &mut right);
                skipped.skip_frames(frames);
                assert_eq!(played.position_q32, skipped.position_q32);
                assert_eq!(played.backwards, skipped.backwards);
            }
        }
    }

    #[test]
    fn a_voice_without_a_loop_stops_at_its_end() {
        let mut voice = voice(false);
        voice.looping = false;
        voice.skip_frames(30);
        assert!(!voice.sounding());
    }

    #[test]
    fn a_ramp_lands_exactly_on_its_target() {
        let mut voice = voice(false);
        voice.skip_frames(48);
        assert_eq!((voice.left.at(48), voice.right.at(48)), (0.5, 0.25));
        assert_eq!(voice.left.at(24), 0.25);
    }
}
