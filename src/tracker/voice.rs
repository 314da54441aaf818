//! The sound of one channel: a position that runs over a recording, turned into a stereo block.
//!
//! In: an `AudioSource`, a step, loops, gains and a filter, all set by the sequencer between two ticks. Out: frames
//! added to a stereo block, or to a field. Audio thread. Every value follows from counters, so that a tick may be cut into any blocks.
//! It knows nothing of notes: the sequencer moves it, `mix` reads for it.

use super::filter::Coefficients;
use super::filter::FilterState;
use super::gain::Gains;
use super::gain::Planes;
use super::gain::Remains;
use super::loudness::Peaks;
use super::mix::Tone;
use super::paula::Circuit;
use super::paula::Paula;
use super::paula::Run;
use super::rules::Rules;
use super::song::Loop;
use super::song::Sample;
use crate::audio::Activity;
use crate::audio::AudioBlock;
use crate::audio::AudioBlockMut;
use crate::audio::AudioSource;
use crate::audio::AudioStream;
use crate::audio::BLOCK_SIZE;
use crate::audio::ChannelConfig;
use crate::audio::InField;
use crate::audio::RenderContext;
use crate::audio::Spot;
use crate::audio::Tail;
use crate::dsp::Level;
use crate::dsp::read::Path;
use crate::sample::Beyond;
use crate::sample::Interpolation;
use crate::sample::Reader;
use crate::sample::SampleData;
use crate::sample::Surroundings;
use std::ops::Range;
use std::sync::Arc;

/// What plays on when a recording ends, for ProTracker's instrument numbers without a note.
#[derive(Clone)]
pub(crate) struct Successor {
    pub(crate) source: Arc<dyn AudioSource>,
    /// Number of the sample, from 0.
    pub(crate) sample: u16,
    /// Without a loop there is silence.
    pub(crate) sample_loop: Option<Loop>,
    /// See `Sample::pace_q32`.
    pub(crate) pace_q32: u64,
}

impl Successor {
    /// The sample of `number`, from 0.
    pub(crate) fn new(number: u16, sample: &Sample) -> Self {
        Self {
            source: sample.data.clone(),
            sample: number,
            sample_loop: sample.sample_loop,
            pace_q32: sample.pace_q32,
        }
    }
}

/// What becomes of a position that lies past the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WayBack {
    ToStart,
    /// To the loop's first frame, with the fraction.
    ToLoopStart,
    /// As far into the loop as it would have come.
    IntoLoop,
}

/// A set of those.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct WaysBack(u8);

impl WaysBack {
    /// Those in the set, in the order in which replay asks for them.
    pub(crate) fn each(self) -> impl Iterator<Item = WayBack> {
        let all = [WayBack::ToStart, WayBack::ToLoopStart, WayBack::IntoLoop];
        all.into_iter().filter(move |way| self.0 >> *way as u8 & 1 != 0)
    }
}

/// The part of a recording that sounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Course {
    pub(crate) length: u32,
    pub(crate) loop_start: u32,
    pub(crate) loop_end: u32,
    pub(crate) looping: bool,
    pub(crate) ping_pong: bool,
    pub(crate) later_loop_end: Option<u32>,
}

/// What a sound is added to.
enum Onto<'a, 'f> {
    /// Left and right, of the same length.
    Sides([&'a mut [f32]; 2]),
    Field(&'a mut InField<'f>),
}

/// One channel's sound in progress.
#[derive(Clone)]
pub struct ChannelState {
    source: Option<Arc<dyn AudioSource>>,
    /// See `Sample::pace_q32`; the step holds it already.
    pub(crate) pace_q32: u64,
    /// The recording is away for a change.
    lent: bool,
    /// Frames with 32 fractional bits; may stand past a boundary until the next frame is read.
    pub(crate) position_q32: i64,
    /// What whoever watches has named the sound since its position was last set; 0 is set anew.
    pub(crate) life: u32,
    /// What `go_back` was asked for since that one looked.
    pub(crate) asked: WaysBack,
    /// Frames for each output frame, without direction; 0 does not sound.
    pub(crate) step_q32: i64,
    /// Frames a second that the step was last made of, with 4 fractional bits.
    pub(crate) frequency_q4: u32,
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
    /// The position has been round the loop since the note began: what comes before the loop is its end.
    pub(crate) in_loop: bool,
    gains: Gains,
    /// Last sample of each side before the gains.
    last: [f32; 2],
    pub(crate) remains: Remains,
    pub(crate) filter: Option<Coefficients>,
    filters: [FilterState; 2],
    tone: Tone,
    /// Both channels of a recording, in the Amiga's tone.
    paula: [Paula; 2],
    /// What Paula's output passes.
    pub(crate) circuit: Option<Circuit>,
    pub(crate) interpolation: Interpolation,
    /// Instruction set of the kernels.
    pub(crate) level: Level,
}

impl ChannelState {
    pub(crate) fn new() -> Self {
        Self {
            source: None,
            pace_q32: Sample::OWN_PACE_Q32,
            lent: false,
            position_q32: 0,
            life: 0,
            asked: WaysBack::default(),
            step_q32: 0,
            frequency_q4: 0,
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
            in_loop: false,
            gains: Gains::default(),
            last: [0.0; 2],
            remains: Remains::default(),
            filter: None,
            filters: [FilterState::default(); 2],
            tone: Tone::default(),
            paula: [const { Paula::new() }; 2],
            circuit: None,
            interpolation: Interpolation::default(),
            level: Level::BASELINE,
        }
    }

    /// Takes on what the song's rules say of loops.
    pub(crate) fn follow(&mut self, rules: &Rules) {
        self.ping_pong_overlap = rules.ping_pong_overlap;
        self.turns_roughly = rules.loops_turn_roughly;
    }

    pub(crate) fn tone(&self) -> Tone {
        self.tone
    }

    /// Another tone begins with nothing in its circuits.
    pub(crate) fn set_tone(&mut self, tone: Tone) {
        if tone != self.tone {
            self.tone = tone;
            self.rest();
        }
    }

    fn rest(&mut self) {
        self.paula = [const { Paula::new() }; 2];
    }

    #[cfg(test)]
    pub(crate) fn set_source(&mut self, source: Arc<dyn AudioSource>) {
        self.source = Some(source);
    }

    /// Reads a sample's recording from now on, at its pace from the next step on.
    pub(crate) fn attach(&mut self, sample: &Sample) {
        let data: Arc<dyn AudioSource> = sample.data.clone();
        (self.source, self.pace_q32) = (Some(data), sample.pace_q32);
    }

    /// Lets go of `data`, if that is what plays.
    pub(crate) fn lend(&mut self, data: &Arc<SampleData>) {
        self.lent = self.reads(data);
        if self.lent {
            self.source = None;
        }
    }

    pub(crate) fn take_back(&mut self, data: &Arc<SampleData>) {
        if std::mem::take(&mut self.lent) {
            let data: Arc<dyn AudioSource> = data.clone();
            self.source = Some(data);
        }
    }

    /// Whether `data` is what plays.
    pub(crate) fn reads(&self, data: &Arc<SampleData>) -> bool {
        self.source.is_some() && self.source_address() == Arc::as_ptr(data).addr()
    }

    /// Tells what plays from what else could; 0 is nothing.
    pub(crate) fn source_address(&self) -> usize {
        self.source.as_ref().map_or(0, |source| Arc::as_ptr(source).addr())
    }

    pub(crate) fn course(&self) -> Course {
        Course {
            length: self.length,
            loop_start: self.loop_start,
            loop_end: self.loop_end,
            looping: self.looping,
            ping_pong: self.ping_pong,
            later_loop_end: self.later_loop_end,
        }
    }

    pub(crate) fn set_course(&mut self, course: Course) {
        (self.length, self.loop_start, self.loop_end) = (course.length, course.loop_start, course.loop_end);
        (self.looping, self.ping_pong) = (course.looping, course.ping_pong);
        self.later_loop_end = course.later_loop_end;
    }

    pub(crate) fn reset_filter(&mut self) {
        self.filters = [FilterState::default(); 2];
    }

    /// Has a filter begin where the unfiltered signal is, so that it does not click in the middle of a note.
    pub(crate) fn begin_filter(&mut self) {
        self.filters = self.last.map(FilterState::resting_at);
    }

    /// Whole frames of the position.
    pub(crate) fn frame(&self) -> i64 {
        self.position_q32 >> 32
    }

    pub(crate) fn set_frame(&mut self, frame: u32) {
        self.position_q32 = i64::from(frame) << 32;
        self.life = 0;
    }

    /// Deals with a position that may lie past the end by now, and remembers that it was asked to.
    pub(crate) fn go_back(&mut self, way: WayBack) {
        self.asked.0 |= 1 << way as u8;
        let (start, end) = (i64::from(self.loop_start), i64::from(self.loop_end));
        match way {
            WayBack::ToStart if self.frame() >= self.length.into() => self.position_q32 = 0,
            WayBack::ToLoopStart if self.frame() >= self.length.into() => self.move_to_frame(self.loop_start),
            WayBack::IntoLoop if self.frame() > self.length.into() => {
                self.position_q32 = (start + (self.frame() - start).rem_euclid((end - start).max(1))) << 32;
            }
            WayBack::ToStart | WayBack::ToLoopStart | WayBack::IntoLoop => {}
        }
    }

    /// To the very end of the recording, where a way backwards begins.
    pub(crate) fn set_to_end(&mut self) {
        self.position_q32 = Self::boundary_q32(self.length) - 1;
        self.life = 0;
    }

    /// Moves to `frame` and keeps the fraction.
    fn move_to_frame(&mut self, frame: u32) {
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

    /// A recording that has ended still rings.
    fn rings(&self) -> bool {
        self.paula[0].rings()
    }

    /// Aims both gains at new values; `frames` is the length of the ramp.
    ///
    /// `gains_q14` are the same values as integers, `level` is what turns them into the f32 gains.
    pub(crate) fn aim(&mut self, gains_q14: (i32, i32), level: f32, frames: u32) {
        if matches!(self.tone, Tone::Amiga(_)) && self.gains.silent() {
            // What was not heard has not been rendered, perhaps: start anew, wherever blocks were cut.
            self.rest();
        }
        self.gains.aim(gains_q14, level, frames);
    }

    /// Says, before the gains are aimed, where it stands in a field: see [`Gains::stand`].
    pub(crate) fn stand(&mut self, spot: Spot, centre_q14: i32, frames: u32) {
        self.gains.stand(spot, centre_q14, frames);
    }

    /// Starts the next ramp from silence, as a new note does.
    pub(crate) fn start_from_silence(&mut self) {
        self.gains = Gains::default();
        self.in_loop = false;
    }

    /// Gains as the next ramp's targets: left, right.
    pub(crate) fn target_gains(&self) -> (f32, f32) {
        self.gains.targets()
    }

    /// Whether a tick of this voice can be left out of the mix.
    pub(crate) fn silent(&self) -> bool {
        self.remains.is_empty() && (!(self.sounding() || self.rings()) || self.gains.silent())
    }

    fn boundary_q32(frame: u32) -> i64 {
        i64::from(frame) << 32
    }

    /// Brings a position that has left its bounds back in; `false` where the voice has ended.
    fn settle(&mut self) -> bool {
        let start = if self.looping { Self::boundary_q32(self.loop_start) } else { 0 };
        let end = Self::boundary_q32(self.length);
        self.in_loop &= self.looping && self.position_q32 >= start;
        if self.backwards && self.position_q32 < start {
            self.in_loop = self.looping;
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
        self.in_loop = true;
        if self.ping_pong {
            self.turn_backwards(start, end);
        } else {
            self.backwards = false;
            self.position_q32 -= end - start;
            // A step past the whole loop leaves it for good, as in OpenMPT: slides to the highest pitch end so.
            return self.position_q32 < end;
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
        let way = if self.backwards {
            self.position_q32 - start
        } else {
            Self::boundary_q32(self.length) - self.position_q32 - 1
        };
        if self.step_q32.saturating_mul(frames as i64 - 1) <= way {
            return frames; // most often, and cheaper than to divide
        }
        frames.min((way / self.step_q32 + 1).clamp(1, i64::from(u32::MAX)) as usize)
    }

    fn signed_step(&self) -> i64 {
        if self.backwards { -self.step_q32 } else { self.step_q32 }
    }

    /// Advances over a run that `run` allowed.
    fn finish_run(&mut self, frames: usize) {
        self.position_q32 += self.signed_step() * frames as i64;
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
        if successor.pace_q32 != self.pace_q32 {
            let step =
                i128::from(self.step_q32) * i128::from(successor.pace_q32) / i128::from(self.pace_q32.max(1));
            self.step_q32 = i64::try_from(step).unwrap_or(i64::MAX).max(1);
        }
        (self.source, self.pace_q32) = (Some(successor.source), successor.pace_q32);
        self.succeeded = Some(successor.sample);
        self.looping = successor.sample_loop.is_some();
        self.ping_pong = successor.sample_loop.is_some_and(|span| span.ping_pong);
        let (start, end) = successor.sample_loop.map_or((0, 0), |span| (span.start, span.end));
        (self.loop_start, self.loop_end, self.length) = (start, end, end);
        self.move_to_frame(start);
    }

    /// Adds the voice to both sides, which have the same length. Real-time.
    pub(crate) fn add_to(&mut self, left: &mut [f32], right: &mut [f32]) {
        let frames = left.len();
        self.add_frames(frames, &mut Onto::Sides([left, right]));
    }

    /// Adds the voice to a field, over at most `BLOCK_SIZE` frames. Real-time.
    pub(crate) fn add_to_field(&mut self, field: &mut InField<'_>) {
        let frames = field.frames();
        self.add_frames(frames, &mut Onto::Field(field));
    }

    fn add_frames(&mut self, frames: usize, onto: &mut Onto<'_, '_>) {
        // The frame decides what is only skipped, not the call: a filter stands still from there on.
        let heard = self.gains.frames_to_silence().map_or(frames, |until| until.min(frames));
        let mut done = 0;
        while done < heard {
            let range = done..heard.min(done + BLOCK_SIZE);
            let added =
                if self.is_stereo() { self.add_stereo(range, onto) } else { self.add_mono(range, onto) };
            if added == 0 {
                return self.add_remains(done..frames, onto);
            }
            done += added;
        }
        self.add_remains(heard..frames, onto);
        self.move_on(frames - heard);
    }

    fn is_stereo(&self) -> bool {
        self.source.as_deref().is_some_and(|source| source.channels() > 1)
    }

    /// Adds at most `BLOCK_SIZE` frames of one plane; says how many, 0 where the voice has ended.
    fn add_mono(&mut self, range: Range<usize>, onto: &mut Onto<'_, '_>) -> usize {
        let mut signal = [0.0; BLOCK_SIZE];
        let sounded = self.sounding();
        let frames = self.read_planes([&mut signal[..range.len()]]);
        let signal = &mut signal[..frames]; // no more than were asked for
        if let Some(filter) = self.filter {
            self.filters[0].process(filter, signal);
        }
        self.add_signal(sounded, (signal, None), range.start, onto)
    }

    /// The same for two planes, one for each side.
    fn add_stereo(&mut self, range: Range<usize>, onto: &mut Onto<'_, '_>) -> usize {
        let mut signal = [[0.0; BLOCK_SIZE]; 2];
        let sounded = self.sounding();
        let [first, second] = &mut signal;
        let frames = self.read_planes([&mut first[..range.len()], &mut second[..range.len()]]);
        let (first, second) = (&mut first[..frames], &mut second[..frames]); // no more than were asked for
        if let Some(filter) = self.filter {
            self.filters[0].process(filter, first);
            self.filters[1].process(filter, second);
        }
        self.add_signal(sounded, (first, Some(second)), range.start, onto)
    }

    /// `sounded` is whether the recording was under way before this signal was read.
    fn add_signal(
        &mut self,
        sounded: bool,
        planes: Planes<'_>,
        start: usize,
        onto: &mut Onto<'_, '_>,
    ) -> usize {
        let signal = [planes.0, planes.1.unwrap_or(planes.0)];
        let frames = planes.0.len();
        if let [Some(first), Some(second)] = signal.map(|side| side.last()) {
            self.last = [*first, *second];
        }
        let whole = self.tone == Tone::Authentic;
        match onto {
            Onto::Field(field) => self.gains.add_to_field((self.level, whole), planes, start, field),
            Onto::Sides(sides) => {
                // A signal is no longer than its sides.
                let sides = sides.each_mut().map(|side| &mut side[start..start + frames]);
                match self.tone {
                    Tone::Clean | Tone::Amiga(_) => self.gains.add(self.level, signal, sides),
                    Tone::Authentic => self.gains.add_integers(self.level, signal, sides),
                }
            }
        }
        self.add_remains(start..start + frames, onto);
        if sounded && !self.sounding() && !matches!(self.tone, Tone::Amiga(_)) {
            let ([left, right], centre) = (self.gains.now(), self.gains.centre_now());
            let in_field = (self.last.map(|last| last * centre), planes.1.is_some());
            self.remains.take([self.last[0] * left, self.last[1] * right], in_field, self.gains.walk());
        }
        frames
    }

    fn add_remains(&mut self, range: Range<usize>, onto: &mut Onto<'_, '_>) {
        match onto {
            Onto::Field(field) => self.remains.add_to_field(self.level, range, field),
            // The range is part of both sides.
            Onto::Sides([left, right]) => {
                self.remains.add(self.level, &mut left[range.clone()], &mut right[range])
            }
        }
    }

    fn read_planes<const PLANES: usize>(&mut self, planes: [&mut [f32]; PLANES]) -> usize {
        match self.tone {
            Tone::Clean | Tone::Authentic => self.read_block(planes),
            Tone::Amiga(_) => self.read_amiga(planes),
        }
    }

    /// Reads frames of the first planes of the recording and moves on; says how many, fewer where a successor has
    /// begun or the voice has ended.
    fn read_block<const PLANES: usize>(&mut self, mut planes: [&mut [f32]; PLANES]) -> usize {
        let frames = planes[0].len();
        let mut done = 0;
        while done < frames && (done == 0 || self.succeeded.is_none()) {
            let through = self.reads_through();
            let run = if through { self.loop_run(frames - done) } else { self.run(frames - done) };
            let Some(source) = self.source.as_deref().filter(|_| run > 0) else { break };
            let reader = self.reader();
            for (channel, plane) in (0..).zip(&mut planes) {
                reader.read(source, channel, &mut plane[done..done + run]); // neither run gives more than is left
            }
            if through {
                self.finish_loop_run(run)
            } else {
                self.finish_run(run)
            }
            done += run;
        }
        done
    }

    /// As `read_block`, through Paula, which rings on where the recording ends.
    fn read_amiga<const PLANES: usize>(&mut self, mut planes: [&mut [f32]; PLANES]) -> usize {
        let frames = planes[0].len();
        if !(self.sounding() || self.rings()) {
            return 0;
        }
        let mut done = 0;
        while done < frames && (done == 0 || self.succeeded.is_none()) {
            let overshoot_q32 = self.overshoot_q32();
            let before = (self.position_q32, self.backwards);
            let run = self.run(frames - done);
            if run == 0 {
                if !self.rings() {
                    self.let_go(overshoot_q32, PLANES);
                }
                done += self.ring(planes.each_mut().map(|plane| &mut plane[done..]));
                break;
            }
            let path = self.paula_run((self.position_q32, self.backwards) != before);
            let Some(source) = self.source.as_deref() else { break };
            for (channel, (paula, plane)) in (0..).zip(self.paula.iter_mut().zip(&mut planes)) {
                paula.read(self.level, &path, source.plane(channel), &mut plane[done..done + run]);
            }
            self.finish_run(run);
            done += run;
            if !self.sounding() {
                self.let_go(self.overshoot_q32(), PLANES); // nothing followed it
            }
        }
        if let Some(circuit) = &self.circuit {
            for (paula, plane) in self.paula.iter_mut().zip(planes) {
                paula.filter(self.level, circuit, &mut plane[..done]);
            }
        }
        done
    }

    /// How far the position is past the recording's end.
    fn overshoot_q32(&self) -> i64 {
        self.position_q32 - Self::boundary_q32(self.length)
    }

    fn let_go(&mut self, overshoot_q32: i64, planes: usize) {
        let age = overshoot_q32.max(0) as f32 / self.step_q32.max(1) as f32;
        let circuit_frames = self.circuit.as_ref().map_or(0, Circuit::tail_frames);
        for paula in self.paula.iter_mut().take(planes) {
            paula.let_go(self.level, age, circuit_frames);
        }
    }

    /// Lets a recording that has ended ring out; says for how many frames.
    fn ring<const PLANES: usize>(&mut self, planes: [&mut [f32]; PLANES]) -> usize {
        let frames = self.paula[0].ringing().min(planes[0].len());
        for (paula, plane) in self.paula.iter_mut().zip(planes) {
            paula.ring(&mut plane[..frames]); // no more than are left
        }
        frames
    }

    fn paula_run(&self, entered: bool) -> Run {
        Run {
            position_q32: self.position_q32,
            step_q32: self.signed_step(),
            first: if self.looping { self.loop_start } else { 0 },
            end: self.length,
            entered,
        }
    }

    fn reader(&self) -> Reader {
        let in_loop = self.looping && (self.in_loop || self.backwards);
        let (before, after) = match (self.looping && self.successor.is_none(), self.ping_pong) {
            (false, _) => (Beyond::Hold, Beyond::Hold),
            (true, false) => (Beyond::Loop, Beyond::Loop),
            (true, true) => {
                let mirror = Beyond::Mirror { overlap: self.ping_pong_overlap };
                (mirror, mirror)
            }
        };
        Reader {
            path: Path { position_q32: self.position_q32, step_q32: self.signed_step() },
            surroundings: Surroundings {
                first: if in_loop { self.loop_start } else { 0 },
                end: self.length,
                loop_start: self.loop_start,
                before: if in_loop { before } else { Beyond::Hold },
                after,
            },
            kernel: self.interpolation.kernel(self.tone),
            level: self.level,
        }
    }

    /// Whether nothing happens at the loop's end but a jump to its start, so that a run may go through it.
    fn in_plain_loop(&self) -> bool {
        let plain = self.looping && !self.ping_pong && !self.backwards;
        let stays = self.step_q32 <= Self::boundary_q32(self.length.saturating_sub(self.loop_start));
        plain && stays && self.later_loop_end.is_none() && self.successor.is_none()
    }

    /// The same for reading: in the shortest loops, what the taps before their start are depends on the round.
    fn reads_through(&self) -> bool {
        const SHORTEST: u32 = 8;
        self.in_plain_loop() && self.length.saturating_sub(self.loop_start) >= SHORTEST
    }

    /// As `run`, for a run that goes through the loop's end.
    fn loop_run(&mut self, frames: usize) -> usize {
        if self.sounding() && self.settle() {
            return frames;
        }
        self.stop();
        0
    }

    /// Advances over a run through the loop's end; the last step may leave the loop, as it does in others.
    fn finish_loop_run(&mut self, frames: usize) {
        let (start, end) = (Self::boundary_q32(self.loop_start), Self::boundary_q32(self.length));
        let last = self.position_q32.saturating_add(self.step_q32.saturating_mul(frames as i64 - 1));
        self.in_loop |= last >= end;
        let wrapped = if last < end { last } else { start + (last - start) % (end - start).max(1) };
        self.position_q32 = wrapped + self.step_q32;
    }

    /// What no sample of each side exceeds in the next frames, where skipping them leaves the voice as rendering does;
    /// `None` where only rendering tells.
    pub(super) fn bound(&self, frames: usize, peaks: &Peaks) -> Option<[f32; 2]> {
        let remains = self.remains.bound();
        if self.tone != Tone::Clean || self.interpolation != Interpolation::None {
            return None;
        }
        if !self.sounding() || self.gains.silent() {
            return Some(remains);
        }
        if self.filter.is_some() || self.successor.is_some() || self.later_loop_end.is_some() {
            return None;
        }
        let peak = peaks.within(self.source.as_ref()?, self.way(frames)?)?;
        let [left, right] = self.gains.bound();
        Some([remains[0] + peak * left, remains[1] + peak * right])
    }

    /// The frames of the recording that the next ones come from, where it does not end in them.
    fn way(&self, frames: usize) -> Option<Range<u32>> {
        let next = self.position_q32.checked_add(self.signed_step().checked_mul(frames as i64)?)?;
        let (low, high) = (self.position_q32.min(next), self.position_q32.max(next));
        let (start, end) = (Self::boundary_q32(self.loop_start), Self::boundary_q32(self.length));
        let stays = if self.backwards { low >= if self.looping { start } else { 0 } } else { high < end };
        let whole = |position_q32: i64| (position_q32 >> 32).clamp(0, i64::from(u32::MAX) - 1) as u32;
        match (stays, self.looping && self.step_q32 <= end - start) {
            (true, _) => Some(whole(low)..whole(high) + 1),
            (false, true) => Some(whole(low.min(start))..whole(high.max(end)) + 1),
            (false, false) => None,
        }
    }

    /// Whether a ping-pong loop does nothing but turn the position round, and more than once in so many frames.
    fn bounces(&self, frames: usize) -> bool {
        let width = Self::boundary_q32(self.length.saturating_sub(self.loop_start));
        let turns = self.looping && self.ping_pong && !self.turns_roughly && self.step_q32 < width / 2;
        let often = self.step_q32.saturating_mul(frames as i64) > 2 * width;
        turns && often && self.later_loop_end.is_none() && self.successor.is_none()
    }

    /// Whether a settled position lies where a ping-pong loop itself would bring it.
    fn lies_on_its_way(&self) -> bool {
        let overlap = if self.backwards { self.ping_pong_overlap } else { 0 };
        let end = self.length.saturating_sub(overlap);
        (Self::boundary_q32(self.loop_start)..=Self::boundary_q32(end)).contains(&self.position_q32)
    }

    /// Advances over a run that turns round as often as it likes.
    ///
    /// The way there (`width`) and back (`width` less the overlap) are laid out one after the other; what passes their
    /// end begins again. The very end still belongs to the way back. The last step is left unsettled, as in other runs.
    fn finish_bouncing_run(&mut self, frames: usize) {
        let start = Self::boundary_q32(self.loop_start);
        let width = Self::boundary_q32(self.length) - start;
        let both_ways = 2 * width - Self::boundary_q32(self.ping_pong_overlap);
        let there = self.position_q32 - start;
        let from = if self.backwards { both_ways - there } else { there };
        let to = i128::from(from) + i128::from(self.step_q32) * (frames as i128 - 1);
        let turned = to > i128::from(both_ways) || !self.backwards && to >= i128::from(width);
        let to = if to > i128::from(both_ways) { (to - 1) % i128::from(both_ways) + 1 } else { to } as i64;
        self.in_loop |= turned;
        self.backwards = to >= width;
        self.position_q32 = start + if self.backwards { both_ways - to } else { to } + self.signed_step();
    }

    /// Advances over as many of `frames` as one run allows, and says of how many; 0 where the voice has ended.
    fn pass_run(&mut self, frames: usize) -> usize {
        let plain = self.in_plain_loop();
        if plain || self.bounces(frames) {
            if self.loop_run(frames) == 0 {
                return 0;
            }
            if plain {
                self.finish_loop_run(frames);
                return frames;
            }
            if self.lies_on_its_way() {
                self.finish_bouncing_run(frames);
                return frames;
            }
        }
        let run = self.run(frames);
        if run > 0 {
            self.finish_run(run);
        }
        run
    }

    /// Advances without sound. Real-time.
    pub(crate) fn skip_frames(&mut self, frames: usize) {
        self.remains.skip(frames);
        self.move_on(frames);
    }

    /// Advances the recording and its gains.
    fn move_on(&mut self, frames: usize) {
        if frames > 0 {
            self.last = [0.0; 2]; // nothing was heard that could click
        }
        let mut left = frames;
        while left > 0 {
            let run = self.pass_run(left);
            if run == 0 {
                break;
            }
            left -= run;
        }
        if left > 0 && self.rings() {
            // Nothing of it is heard; `aim` begins anew.
            self.rest();
        }
        self.gains.advance(frames - left);
    }
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
        let activity = if self.silent() { Activity::Silent } else { Activity::Sounding };
        io.silence();
        let (left, right) = io.stereo_mut();
        self.add_to(left, right);
        activity
    }

    /// Keeps what does not belong to a sound: tone, interpolation, kernels and the song's way with loops.
    fn reset(&mut self) {
        *self = Self {
            tone: self.tone,
            circuit: self.circuit,
            interpolation: self.interpolation,
            level: self.level,
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
    use crate::tracker::mix::AmigaModel;
    use crate::tracker::paula::Circuits;
    use crate::units::SampleRate;

    const LOOPS: [LoopKind; 5] =
        [LoopKind::None, LoopKind::Forward, LoopKind::Tiny, LoopKind::PingPong, LoopKind::Overlapping];
    const INTERPOLATIONS: [Interpolation; 4] =
        [Interpolation::None, Interpolation::Linear, Interpolation::Cubic, Interpolation::Sinc];

    #[derive(Clone, Copy, Debug, PartialEq)]
    enum LoopKind {
        None,
        Forward,
        Tiny,
        PingPong,
        Overlapping,
    }

    fn noise(n: usize) -> i16 {
        ((n * 7919) % 60_000) as i16
    }

    fn sources() -> [SampleData; 4] {
        let byte = |n: usize| (noise(n) >> 8) as i8;
        [
            SampleData::Mono16((0..900).map(noise).collect()),
            SampleData::Mono8((0..900).map(byte).collect()),
            SampleData::Stereo8([(0..900).map(byte).collect(), (0..900).rev().map(byte).collect()]),
            SampleData::Float(Box::new([(0..900).map(|n| f32::from(noise(n)) / 32_768.0).collect()])),
        ]
    }

    fn voice(source: SampleData, kind: LoopKind, step: f64) -> ChannelState {
        let mut voice = ChannelState::new();
        voice.level = Level::detect();
        voice.set_source(Arc::new(source));
        voice.step_q32 = (step * 4_294_967_296.0) as i64;
        (voice.length, voice.loop_start, voice.loop_end) = match kind {
            LoopKind::None => (900, 0, 0),
            LoopKind::Tiny => (31, 28, 31),
            _ => (31, 5, 31),
        };
        voice.looping = kind != LoopKind::None;
        voice.ping_pong = matches!(kind, LoopKind::PingPong | LoopKind::Overlapping);
        voice.ping_pong_overlap = u32::from(kind == LoopKind::Overlapping);
        voice.aim((16_384, 8192), 0.5, 48);
        voice
    }

    /// Every voice that the tests listen to, and what it is.
    fn voices() -> impl Iterator<Item = (ChannelState, String)> {
        let kinds = LOOPS.into_iter().flat_map(|kind| [0.137, 1.0, 1.211, 2.3, 5.2].map(|step| (kind, step)));
        kinds.flat_map(|(kind, step)| {
            sources().into_iter().enumerate().flat_map(move |(number, source)| {
                let tones = [Tone::Clean, Tone::Authentic].into_iter();
                let ways = tones.flat_map(|tone| INTERPOLATIONS.map(|interpolation| (tone, interpolation)));
                let amigas = [AmigaModel::A500, AmigaModel::A1200, AmigaModel::Unfiltered];
                let ways = ways.chain(amigas.map(|model| (Tone::Amiga(model), Interpolation::None)));
                let voice = voice(source, kind, step);
                ways.map(move |(tone, interpolation)| {
                    let circuits = Circuits::new(SampleRate(48_000.0));
                    let circuit = match tone {
                        Tone::Amiga(model) => circuits.choose(model, model == AmigaModel::A1200),
                        Tone::Clean | Tone::Authentic => None,
                    };
                    let voice = ChannelState { tone, interpolation, circuit, ..voice.clone() };
                    (voice, format!("{kind:?} {tone:?} {interpolation:?} source {number} step {step}"))
                })
            })
        })
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
        for (mut voice, what) in voices() {
            voice.filter = Some(Coefficients { a0: 0.2, b0: 1.1, b1: -0.3 });
            let whole = rendered(&mut voice.clone(), 1000);
            assert!(whole.iter().any(|sample| sample.abs() > 0.01), "{what}");
            for size in [1, 7, 64, 255] {
                assert!(rendered(&mut voice.clone(), size) == whole, "block size {size}, {what}");
            }
        }
    }

    #[test]
    fn a_successor_with_another_pace_sounds_at_its_own_from_its_first_frame() {
        let square = |frames: usize| (0..frames).map(|n| if n < frames / 2 { 100 } else { -100 }).collect();
        let sample = |frames: usize, pace_q32: u64| Sample {
            sample_loop: Some(Loop { start: 0, end: frames as u32, ping_pong: false }),
            pace_q32,
            ..Sample::plain(SampleData::Mono8(square(frames)))
        };
        let (first, second) = (sample(40, 1 << 32), sample(80, 4 << 32));
        let mut voice = ChannelState::new();
        voice.attach(&first);
        (voice.step_q32, voice.length, voice.loop_end, voice.looping) = (1 << 32, 40, 40, true);
        voice.successor = Some(Successor::new(1, &second));
        voice.interpolation = Interpolation::None;
        voice.aim((16_384, 16_384), 1.0, 0);
        let left = rendered(&mut voice, 1000);
        let turns = (1..200).filter(|&n| left[n - 1] < 0.0 && left[n] > 0.0);
        assert_eq!(turns.collect::<Vec<_>>(), [40, 60, 80, 100, 120, 140, 160, 180]);
    }

    #[test]
    fn a_recording_that_ends_off_zero_dies_away_and_leaves_nothing() {
        let mut voice = ChannelState::new();
        voice.set_source(Arc::new(SampleData::Mono8(vec![64; 100].into())));
        (voice.step_q32, voice.length, voice.remains.frames) = (1 << 32, 100, 200);
        voice.aim((16_384, 16_384), 1.0, 0);
        let whole = rendered(&mut voice.clone(), 1000);
        for size in [1, 7, 64, 100, 255] {
            assert!(rendered(&mut voice.clone(), size) == whole, "block size {size}");
        }
        let steps = whole[..1000].windows(2).skip(1).map(|pair| (pair[1] - pair[0]).abs());
        assert!(steps.fold(0.0, f32::max) < 0.011);
        assert_eq!((whole[99], whole[100], whole[999]), (0.5, 0.5, 0.0));
        rendered(&mut voice, 1000);
        assert!(voice.silent());
    }

    #[test]
    fn every_level_gives_the_same_bits() {
        for (mut voice, what) in voices() {
            let best = rendered(&mut voice.clone(), 1000);
            for level in Level::available() {
                voice.level = level;
                assert!(rendered(&mut voice.clone(), 1000) == best, "{level:?}, {what}");
            }
        }
    }

    #[test]
    fn skipping_leaves_a_voice_where_playing_does() {
        for (mut played, what) in voices() {
            let mut skipped = played.clone();
            for frames in [3, 17, 100, 501, 2, 5000, 1] {
                let (mut left, mut right) = (vec![0.0; frames], vec![0.0; frames]);
                played.add_to(&mut left, &mut right);
                skipped.skip_frames(frames);
                let state = |voice: &ChannelState| (voice.position_q32, voice.backwards, voice.in_loop);
                assert_eq!(state(&played), state(&skipped), "{what}");
            }
        }
    }

    #[test]
    fn a_loop_of_a_sine_goes_on_without_a_click() {
        let turn = |n: f64| libm::sin(n / 26.0 * std::f64::consts::TAU);
        let sine: Box<[i16]> =
            (0..31).map(|n| libm::round(30_000.0 * turn(f64::from(n) - 5.0)) as i16).collect();
        for interpolation in [Interpolation::Cubic, Interpolation::Sinc] {
            let step = 0.3717;
            let mut voice = voice(SampleData::Mono16(sine.clone()), LoopKind::Forward, step);
            (voice.interpolation, voice.gains) = (interpolation, Gains::default());
            voice.aim((16_384, 16_384), 1.0, 0);
            let sound = rendered(&mut voice, 100);
            for (n, sample) in sound[20..1000].iter().enumerate() {
                let expected = 30_000.0 / 32_768.0 * turn((n + 20) as f64 * step - 5.0);
                assert!((f64::from(*sample) - expected).abs() < 2e-3, "{interpolation:?} frame {n}");
            }
        }
    }

    #[test]
    fn a_voice_without_a_loop_stops_at_its_end() {
        let [source, ..] = sources();
        let mut voice = voice(source, LoopKind::None, 1.37);
        assert!(rendered(&mut voice, 100)[700..1000].iter().all(|sample| *sample == 0.0));
        assert!(!voice.sounding());
    }
}
