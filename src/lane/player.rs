//! A lane on the audio thread: where it is, and what of it sounds.
//!
//! In: the host's time or a trigger, a speed, and pages of frames. Out: stereo, added. Its position is a whole number of 2⁻³²
//! frames that follows from the start and the frames since, however calls are cut. At speed 1 from a whole frame on it hands
//! on the very samples. Whatever stops or jumps fades out in 3 ms, beside what is heard instead. Pages that are not there are
//! an underrun: it is foreseen, fades out in time, is counted, and fades in where the lane then would be. A lane that comes where the
//! host plays is silent until they are there, and only counted where that takes long.

use super::Extent;
use super::FARTHEST;
use super::Pages;
use super::Start;
use crate::audio::BLOCK_SIZE;
use crate::dsp::Level;
use crate::dsp::read;
use crate::dsp::read::Kernel;
use crate::dsp::read::Path;
use crate::units::SampleRate;

/// How long what stops fades out, and what jumps fades in.
const FADE_SECONDS: f64 = 0.003;
const ONE_Q32: i64 = 1 << 32;
/// Steps of a speed of 1.
const SPEED_STEPS: f64 = 1e6;
/// How long what has come to a lane, or is sought, may take until it is heard: nobody could foresee where that would be.
const PATIENCE_SECONDS: f64 = 1.0;
/// The fastest a lane can go.
const FASTEST: usize = 4;
/// Frames for as many of the output at the fastest, with what interpolation looks at besides.
const SCRATCH: usize = FASTEST * BLOCK_SIZE + 16;

/// Where the host is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Moment {
    /// Whether its time runs.
    pub playing: bool,
    /// Seconds on its timeline, where it says.
    pub seconds: Option<f64>,
    /// Where a loop of the host will lead, in the same seconds.
    pub loop_start: Option<f64>,
}

/// The host's time as a lane has heard of it.
#[derive(Clone, Copy, Debug)]
struct Anchor {
    /// Frame since reset.
    frame: u64,
    seconds: Option<f64>,
}

/// See the module's description. Real-time, apart from `new`.
pub struct Lane {
    pages: Option<Box<Pages>>,
    start: Start,
    rate: SampleRate,
    level: Level,
    position_q32: i128,
    step_q32: i64,
    running: bool,
    anchor: Option<Anchor>,
    triggered: bool,
    fade_frames: usize,
    /// Frames that have faded in, up to `fade_frames`.
    risen: usize,
    /// Nothing is there to be heard.
    starving: bool,
    /// Frames that what has come, or is sought, may still take until it is heard.
    patience: usize,
    underruns: u64,
    /// What has stopped, faded out already, and how much of it has been heard.
    rest: [Box<[f32]>; 2],
    rest_done: usize,
    scratch: [Box<[f32]>; 2],
}

impl Lane {
    /// Empty. Allocates.
    pub fn new(rate: SampleRate, level: Level) -> Self {
        let fade_frames = rate.frames_in(FADE_SECONDS).max(1);
        Self {
            pages: None,
            start: Start::default(),
            rate,
            level,
            position_q32: 0,
            step_q32: ONE_Q32,
            running: false,
            anchor: None,
            triggered: false,
            fade_frames,
            risen: fade_frames,
            starving: false,
            patience: 0,
            underruns: 0,
            rest: [(); 2].map(|()| vec![0.0; fade_frames].into()),
            rest_done: fade_frames,
            scratch: [(); 2].map(|()| vec![0.0; SCRATCH].into()),
        }
    }

    /// Plays something else, or nothing, from the next frame on; gives back what it played. Call [`Lane::follow`] then. A
    /// trigger that is held starts it.
    pub fn set(&mut self, pages: Option<Box<Pages>>, start: Start) -> Option<Box<Pages>> {
        self.stop();
        self.anchor = None;
        self.start = start;
        // What a trigger starts has its start read by then.
        self.patience = if self.is_triggered() { 0 } else { self.rate.frames_in(PATIENCE_SECONDS) };
        let old = std::mem::replace(&mut self.pages, pages);
        if self.triggered && self.is_triggered() && self.pages.is_some() {
            self.place(0);
            self.run();
        }
        old
    }

    /// Whether a trigger starts it.
    fn is_triggered(&self) -> bool {
        matches!(self.start, Start::Trigger { .. })
    }

    /// Back to the start of everything, at once.
    pub fn reset(&mut self) {
        self.running = false;
        self.pages.iter().for_each(|pages| pages.rest(true));
        (self.anchor, self.triggered, self.starving) = (None, false, false);
        (self.rest_done, self.risen) = (self.fade_frames, self.fade_frames);
        (self.underruns, self.patience) = (0, 0);
        self.step_q32 = ONE_Q32;
        self.place(0);
    }

    /// Frames of the recording for each of the host's: 0.25 to 4. What differs by less than half a millionth is meant to be
    /// the same: a host's floats are a few frames an hour off the decimal that a user has set.
    pub fn set_speed(&mut self, speed: f32) {
        let speed = libm::round(f64::from(speed.clamp(0.25, FASTEST as f32)) * SPEED_STEPS) / SPEED_STEPS;
        self.step_q32 = libm::round(speed * ONE_Q32 as f64) as i64;
    }

    /// Its trigger goes on, which starts it, or off.
    pub fn trigger(&mut self, on: bool) {
        let was = std::mem::replace(&mut self.triggered, on);
        let Start::Trigger { gate } = self.start else { return };
        match (was, on) {
            (false, true) if self.pages.is_some() => {
                self.leave();
                self.place(0);
                self.run();
            }
            (true, false) if gate => self.stop(),
            _ => {}
        }
    }

    /// Plays on from a frame of what it plays, or begins there where it stands: what sounded fades out, what is there fades in
    /// as soon as it has been read, which is only counted where it takes long. Past the end it stops, or goes round with its
    /// loop; in that it stays in the round that it is in, with the takes of that. A lane on the timeline stays where the host is,
    /// and one with a gate silent until its trigger is held.
    pub fn seek(&mut self, frame: u64) {
        let Start::Trigger { gate } = self.start else { return };
        let Some(pages) = self.pages.as_ref().filter(|_| self.triggered || !gate) else { return };
        match pages.extent.place(i64::try_from(frame).unwrap_or(i64::MAX)) {
            None => self.stop(),
            Some(place) => {
                let rounds = pages.rounds.filter(|_| self.running);
                let now = frame_of(self.position_q32);
                let place = rounds.map_or(place, |rounds| rounds.beside(place, now));
                self.leave();
                self.place(i128::from(place) << 32);
                // It fades in where it has been read, be that now or later.
                self.starving = true;
                self.patience = self.rate.frames_in(PATIENCE_SECONDS);
                self.run();
            }
        }
    }

    /// Whether what it plays is the same on both sides.
    pub fn is_mono(&self) -> bool {
        self.pages.as_ref().is_some_and(|pages| pages.is_mono())
    }

    /// Underruns since reset.
    pub fn underruns(&self) -> u64 {
        self.underruns
    }

    /// Frame of the recording that lies nearest to what is played next, while it runs.
    pub fn position(&self) -> Option<i64> {
        self.running.then_some(frame_of(self.position_q32 + i128::from(ONE_Q32 / 2)))
    }

    /// How long what it plays is, if anything is there.
    pub fn extent(&self) -> Option<Extent> {
        self.pages.as_ref().map(|pages| pages.extent)
    }

    /// How much of what it holds ready from here on has been read, 0 to 1.
    pub fn filled(&self) -> f32 {
        self.pages.as_ref().map_or(0.0, |pages| pages.filled())
    }

    /// What the host says of the next frame, which is number `frame` since reset. Saying it twice changes nothing.
    pub fn follow(&mut self, moment: &Moment, frame: u64) {
        let Start::Timeline(at) = self.start else { return };
        if !moment.playing || self.pages.is_none() {
            self.anchor = None;
            self.patience = 0;
            self.stop();
            // So that it can begin where the host stands.
            return self.look_ahead(moment.seconds, at);
        }
        let frames = self.rate.0;
        let predicted = self.anchor.map(|anchor| {
            let passed = (frame - anchor.frame) as f64 / frames;
            anchor.seconds.map(|seconds| seconds + passed)
        });
        let goes_on = match (predicted, moment.seconds) {
            (Some(Some(predicted)), Some(seconds)) => ((seconds - predicted) * frames).abs() <= 1.0,
            (Some(None), None) => true,
            _ => false,
        };
        if !goes_on {
            self.leave();
            self.anchor = Some(Anchor { frame, seconds: moment.seconds });
            // Of a host that does not say, time begins where it starts to run.
            self.place(self.lane_q32(moment.seconds.unwrap_or(0.0), at));
            self.run();
        }
        self.look_ahead(moment.loop_start, at);
    }

    fn look_ahead(&mut self, seconds: Option<f64>, at: f64) {
        let ahead = seconds.map(|seconds| frame_of(self.lane_q32(seconds, at)));
        if let Some(pages) = &mut self.pages {
            pages.look_ahead(ahead);
        }
    }

    fn run(&mut self) {
        self.running = true;
        self.pages.iter().for_each(|pages| pages.rest(false));
    }

    /// Where the lane is at a second of the host's, as if it had always had this speed.
    fn lane_q32(&self, seconds: f64, at: f64) -> i128 {
        let near = |seconds: f64| seconds.clamp(-FARTHEST, FARTHEST); // what is no number ends up at 0
        let frame = |seconds: f64| libm::round(near(seconds) * self.rate.0) as i128;
        (frame(seconds) - frame(at)) * i128::from(self.step_q32)
    }

    fn place(&mut self, position_q32: i128) {
        self.position_q32 = position_q32;
        self.starving = false;
        if let Some(pages) = &mut self.pages {
            pages.aim(frame_of(position_q32));
            pages.collect();
        }
    }

    fn stop(&mut self) {
        self.leave();
        self.running = false;
        let from_start = self.is_triggered();
        if let Some(pages) = &mut self.pages {
            pages.rest(true);
            if from_start {
                pages.aim(0); // where it goes on
            }
        }
    }

    /// Lets what sounds fade out from here, so that something else can be played; that fades in then.
    fn leave(&mut self) {
        if !self.running || self.starving || !self.sounds(self.fade_frames) {
            self.risen = self.fade_frames;
            return;
        }
        self.fade_out(self.fade_frames);
        self.risen = 0;
    }

    /// Adds the next frames, fading out over so many of them, to the rest.
    fn fade_out(&mut self, frames: usize) {
        let frames = frames.min(self.fade_frames);
        let still = self.fade_frames - self.rest_done;
        for rest in &mut self.rest {
            rest.copy_within(self.rest_done.., 0);
            rest[still..].fill(0.0);
        }
        self.rest_done = 0;
        let mut done = 0;
        while done < frames {
            let (mut left, mut right) = ([0.0; BLOCK_SIZE], [0.0; BLOCK_SIZE]);
            let count = (frames - done).min(BLOCK_SIZE);
            self.sound([&mut left[..count], &mut right[..count]]);
            for (rest, sound) in self.rest.iter_mut().zip([&left, &right]) {
                for ((index, rest), sound) in (done + 1..).zip(&mut rest[done..done + count]).zip(sound) {
                    *rest += sound * (1.0 - index as f32 / frames as f32);
                }
            }
            done += count;
        }
    }

    /// Whether nothing moves: neither does it sound nor go on.
    pub fn is_idle(&self) -> bool {
        !self.running && self.rest_done >= self.fade_frames
    }

    /// Whether all of the next frames are 0.
    pub fn is_silent(&self, frames: usize) -> bool {
        self.rest_done >= self.fade_frames && !(self.running && self.sounds(frames))
    }

    /// Whether the recording lies under any of the next frames.
    fn sounds(&self, frames: usize) -> bool {
        let Some(pages) = &self.pages else { return false };
        let (before, after) = if self.is_straight() { (0, 0) } else { Kernel::Sinc.reach() };
        let end = self.position_q32 + i128::from(self.step_q32) * frames as i128;
        let last = pages.frames().map(|frames| i128::from(frames) + i128::from(before));
        last.is_none_or(|last| self.position_q32 >> 32 < last) && (end >> 32) + i128::from(after) > 0
    }

    /// Whether the frames of the recording are those of the output.
    fn is_straight(&self) -> bool {
        self.step_q32 == ONE_Q32 && self.position_q32 & (i128::from(ONE_Q32) - 1) == 0
    }

    /// Whether the frames of a call, and the fade after them, are there, however fast it is going to be played.
    pub fn is_ready(&mut self, frames: usize) -> bool {
        let reach = Kernel::Sinc.reach();
        let most = ((frames + self.fade_frames) * FASTEST) as u64 + (reach.0 + reach.1) as u64 + 1;
        let goes_on = !self.running || self.has(frame_of(self.position_q32) - reach.0, most);
        // A trigger may come with the call.
        goes_on && (!self.is_triggered() || self.has(-reach.0, most))
    }

    /// Whether these frames of the recording are there, or need not be.
    pub(super) fn has(&mut self, first: i64, frames: u64) -> bool {
        self.pages.as_mut().is_none_or(|pages| {
            pages.collect();
            pages.ready(first, frames) >= frames
        })
    }

    /// Goes on over frames that nobody hears.
    pub fn skip(&mut self, frames: usize) {
        self.rest_done = (self.rest_done + frames).min(self.fade_frames);
        if self.running {
            self.risen = (self.risen + frames).min(self.fade_frames);
            self.patience = self.patience.saturating_sub(frames);
            self.advance(frames);
            if self.is_triggered() && self.has_ended() {
                self.stop();
            }
        }
    }

    /// Whether the recording lies behind.
    fn has_ended(&self) -> bool {
        let end = self.pages.as_ref().and_then(|pages| pages.frames());
        let reach = i128::from(Kernel::Sinc.reach().0);
        end.is_some_and(|end| self.position_q32 >> 32 >= i128::from(end) + reach)
    }

    fn advance(&mut self, frames: usize) {
        self.position_q32 += i128::from(self.step_q32) * frames as i128;
        if let Some(pages) = &mut self.pages {
            pages.aim(frame_of(self.position_q32));
            pages.collect();
        }
    }

    /// Adds the next frames, at most `BLOCK_SIZE`; both sides are equally long.
    pub fn render(&mut self, [left, right]: [&mut [f32]; 2]) {
        let frames = left.len().min(right.len()).min(BLOCK_SIZE);
        if self.running && self.sounds(frames) {
            self.render_running([&mut left[..frames], &mut right[..frames]]);
        } else {
            if self.running {
                self.advance(frames);
            }
            self.add_rest([left, right]);
        }
    }

    fn render_running(&mut self, [left, right]: [&mut [f32]; 2]) {
        let frames = left.len();
        let ready = self.ready(frames + self.fade_frames);
        let starves = ready < frames + self.fade_frames;
        let patience = if starves { self.patience.saturating_sub(frames) } else { 0 };
        let comes = std::mem::replace(&mut self.patience, patience) > 0;
        if starves && if comes { patience == 0 } else { !self.starving } {
            self.underruns += 1;
        }
        if starves && !self.starving && !comes {
            let position = self.position_q32;
            self.fade_out(ready);
            self.position_q32 = position;
        }
        if !starves && self.starving {
            self.risen = 0;
        }
        self.starving = starves;
        self.add_rest([&mut *left, &mut *right]);
        if starves {
            return self.advance(frames);
        }
        let (mut of_left, mut of_right) = ([0.0; BLOCK_SIZE], [0.0; BLOCK_SIZE]);
        self.sound([&mut of_left[..frames], &mut of_right[..frames]]);
        for (side, sound) in [left, right].into_iter().zip([&of_left, &of_right]) {
            side.iter_mut().zip(sound).for_each(|(side, sound)| *side += sound);
        }
    }

    /// How many of the next frames are there, up to `most`.
    fn ready(&mut self, most: usize) -> usize {
        let step = self.step_q32;
        let (before, after) = Kernel::Sinc.reach();
        let first = frame_of(self.position_q32) - before;
        let wanted = ((i128::from(step) * most as i128) >> 32) as u64 + (before + after) as u64 + 1;
        let Some(pages) = &mut self.pages else { return 0 };
        pages.collect();
        let there = pages.ready(first, wanted);
        if there == wanted {
            return most;
        }
        let there = there.saturating_sub((before + after) as u64 + 1);
        usize::try_from((u128::from(there) << 32) / step.unsigned_abs() as u128)
            .map_or(most, |there| there.min(most))
    }

    fn add_rest(&mut self, [left, right]: [&mut [f32]; 2]) {
        for (side, rest) in [&mut *left, right].into_iter().zip(&self.rest) {
            side.iter_mut().zip(&rest[self.rest_done..]).for_each(|(side, rest)| *side += rest);
        }
        self.rest_done = (self.rest_done + left.len()).min(self.fade_frames);
    }

    /// Writes the next frames, at most `BLOCK_SIZE`, and goes on.
    fn sound(&mut self, [left, right]: [&mut [f32]; 2]) {
        let frames = left.len();
        let Some(pages) = &self.pages else { return };
        let first = frame_of(self.position_q32);
        let fraction_q32 = (self.position_q32 - (i128::from(first) << 32)) as i64;
        if self.is_straight() {
            pages.copy(first, [&mut *left, &mut *right]);
        } else {
            let (before, _) = Kernel::Sinc.reach();
            let path = Path { position_q32: fraction_q32 + (before << 32), step_q32: self.step_q32 };
            let taps = Kernel::Sinc.taps(path, frames).1 as usize + 1; // `SCRATCH` holds those of a block at the fastest
            let [of_left, of_right] = &mut self.scratch;
            pages.copy(first - before, [&mut of_left[..taps], &mut of_right[..taps]]);
            for (side, plane) in [&mut *left, &mut *right].into_iter().zip(&self.scratch) {
                read::read(self.level, Kernel::Sinc, &plane[..taps], path, side);
            }
        }
        self.rise([left, right]);
        self.advance(frames);
    }

    /// Fades in what has jumped.
    fn rise(&mut self, sides: [&mut [f32]; 2]) {
        if self.risen >= self.fade_frames {
            return;
        }
        let count = sides[0].len();
        for side in sides {
            let still = self.fade_frames - self.risen;
            for (index, sample) in (self.risen + 1..).zip(side.iter_mut().take(still)) {
                *sample *= index as f32 / self.fade_frames as f32;
            }
        }
        self.risen = (self.risen + count).min(self.fade_frames);
    }
}

/// The whole frame in which a position lies, as far as frames go.
fn frame_of(position_q32: i128) -> i64 {
    (position_q32 >> 32).clamp(i128::from(i64::MIN / 4), i128::from(i64::MAX / 4)) as i64
}
