//! The time that a source's sound takes: a delay of distance over 343 m/s, which bends the pitch of what moves.
//!
//! In: planes of a sound. Out: the same, later. From one line of the control grid to the next the delay moves in a straight line, and
//! eight taps of a windowed sinc read between frames; a source that goes away at `v` is heard at `1 - v/c` of its pitch. Nothing is
//! heard faster or slower than by 64 m/s: what moves faster lags, and where that comes to 10 m, or a source is put that far, the new
//! distance fades in over the old one. Audio thread, except making one.

use super::follower::Follower;
use super::follower::Pace;
use super::room::SOUND_M_S;
use crate::audio::GRID;
use crate::dsp::Level;
use crate::dsp::read::Kernel;
use crate::dsp::read::Path;
use crate::dsp::read::read;
use crate::dsp::smoothstep;
use crate::units::SampleRate;

/// Metres, at most, and the seconds that they take.
const FARTHEST_M: f32 = 100.0;
pub(super) const LONGEST_S: f64 = FARTHEST_M as f64 / SOUND_M_S as f64;
/// Metres that are not gone but jumped.
const JUMP_M: f32 = 10.0;
/// Frames by which a delay changes with each frame, at most: faster reading takes another filter.
const FASTEST: f64 = 0.1875;
/// Frames that reading needs after the one it reads.
const AHEAD: f64 = 4.0;
/// Seconds in which another distance fades in.
const FADE_S: f64 = 0.05;
/// Metres at which the source lands.
const LEAST_M: f32 = 1e-4;
/// Frames that a cell reads, and taps on both sides.
const WINDOW: usize = 2 * GRID;

const ONE_Q32: f64 = 4_294_967_296.0;

/// How a sound is heard.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    /// As it comes.
    Direct,
    /// So many frames later on the line before, and on the next one.
    Later { from: f64, to: f64 },
}

/// See the module's description.
#[derive(Clone)]
pub struct Doppler {
    level: Level,
    rate: SampleRate,
    pace: Pace,
    /// Of each side, a circle of a power of 2.
    memory: [Box<[f32]>; 2],
    /// Where the next frame goes.
    place: usize,
    /// It holds no sound.
    clear: bool,
    /// Whether it is wanted, and the metres asked for.
    wanted: bool,
    metres: f32,
    distance: Follower,
    way: Way,
    /// What fades out, in so many cells, of which some are over.
    before: Option<Way>,
    fade: u32,
    faded: u32,
}

impl Doppler {
    /// A source a metre away that is heard at once. Allocates.
    pub fn new(rate: SampleRate, level: Level) -> Self {
        let longest = rate.frames_in(LONGEST_S) + 2 * WINDOW;
        let memory = || vec![0.0; longest.next_power_of_two()].into();
        Self {
            level,
            rate,
            pace: Pace::new(rate),
            memory: [memory(), memory()],
            place: 0,
            clear: true,
            wanted: false,
            metres: 1.0,
            distance: Follower::new(1.0),
            way: Way::Direct,
            before: None,
            fade: (libm::round(FADE_S * rate.0 / GRID as f64) as u32).max(1),
            faded: 0,
        }
    }

    /// Whether it is wanted, and how far the source is. Real-time, like all that follows.
    pub(super) fn aim(&mut self, wanted: bool, metres: f32) {
        (self.wanted, self.metres) = (wanted, metres.clamp(0.0, FARTHEST_M));
    }

    /// Whether the sound does not just pass.
    pub(super) fn is_heard(&self) -> bool {
        self.way != Way::Direct || self.before.is_some()
    }

    /// Frames that it holds.
    pub(super) fn longest(&self) -> u64 {
        self.memory[0].len() as u64 // two sides
    }

    /// Frames after which nothing of a sound is left.
    pub(super) fn tail(&self) -> u64 {
        if self.is_heard() { self.longest() } else { 0 }
    }

    /// Forgets all sound.
    pub(super) fn clear(&mut self) {
        if !self.clear {
            self.memory.iter_mut().for_each(|plane| plane.fill(0.0));
            self.clear = true;
        }
    }

    /// Jumps to what is asked for.
    pub(super) fn settle(&mut self) {
        self.distance = Follower::new(self.metres);
        let delay = self.frames_of(self.metres);
        self.way = if self.wanted { Way::Later { from: delay, to: delay } } else { Way::Direct };
        self.before = None;
    }

    fn frames_of(&self, metres: f32) -> f64 {
        (f64::from(metres) / f64::from(SOUND_M_S) * self.rate.0).max(AHEAD)
    }

    /// On a line of the grid.
    pub(super) fn line(&mut self) {
        if self.before.is_some() {
            self.faded += 1;
            if self.faded >= self.fade {
                self.before = None;
            }
        }
        if self.before.is_none() {
            self.change();
        }
        if let Some(Way::Later { from, to }) = &mut self.before {
            *from = *to;
        }
        self.distance.aim(if self.before.is_some() { self.distance.value() } else { self.metres });
        self.distance.step(&self.pace, LEAST_M);
        let goal = self.frames_of(self.distance.value());
        if let Way::Later { from, to } = &mut self.way {
            let most = FASTEST * GRID as f64;
            *from = *to;
            *to += (goal - *to).clamp(-most, most);
        }
    }

    /// Begins to fade to another way of hearing, if there is reason to.
    fn change(&mut self) {
        let now = self.distance.value();
        let jumps = match self.way {
            Way::Direct => self.wanted,
            Way::Later { to, .. } => {
                let lag = (self.frames_of(now) - to).abs() / self.rate.0 * f64::from(SOUND_M_S);
                !self.wanted || (self.metres - now).abs() > JUMP_M || lag > f64::from(JUMP_M)
            }
        };
        if jumps {
            let before = self.way;
            if before == Way::Direct {
                self.clear(); // what it held passed long ago
            }
            self.settle();
            (self.before, self.faded) = (Some(before), 0);
        }
    }

    /// Passes frames of silence with nothing left to hear, or moves on after all sides of a piece.
    pub(super) fn pass(&mut self, frames: usize) {
        self.place = (self.place + frames) & (self.memory[0].len() - 1); // two sides
    }

    /// Writes what is heard of a plane, frames of one cell, the first of which has its number.
    pub(super) fn process(&mut self, side: usize, plane: &[f32], phase: usize, heard: &mut [f32]) {
        self.clear = false;
        let memory = &mut self.memory[side]; // two sides
        let mask = memory.len() - 1;
        for (frame, sample) in plane.iter().enumerate() {
            memory[(self.place + frame) & mask] = *sample; // lies in the circle
        }
        self.hear(side, self.way, (plane, phase), heard);
        if let Some(before) = self.before {
            let mut old = [0.0; GRID];
            let old = &mut old[..plane.len().min(GRID)];
            self.hear(side, before, (plane, phase), old);
            let (first, whole) = (self.faded as usize * GRID + phase + 1, (self.fade as usize * GRID) as f32);
            for (frame, (heard, old)) in (first..).zip(heard.iter_mut().zip(old.iter())) {
                *heard = old + smoothstep(frame as f32 / whole) * (*heard - old);
            }
        }
    }

    fn hear(&self, side: usize, way: Way, (plane, phase): (&[f32], usize), heard: &mut [f32]) {
        let Way::Later { from, to } = way else {
            heard.iter_mut().zip(plane).for_each(|(heard, sample)| *heard = *sample);
            return;
        };
        // Counted from the first frame of the cell, on which the delay has taken its first step.
        let q32 = |frames: f64| libm::round(frames * ONE_Q32) as i64;
        let step = (to - from) / GRID as f64;
        let path = Path { position_q32: -q32(from + step), step_q32: q32(1.0) - q32(step) }.from(phase);
        let memory = &self.memory[side]; // two sides
        let (first, last) = Kernel::Sinc.taps(path, plane.len().max(1));
        let cell = self.place as i64 - phase as i64;
        let mut window = [0.0; WINDOW];
        for (sample, frame) in window.iter_mut().zip(first..=last) {
            *sample = memory[(cell + frame) as usize & (memory.len() - 1)]; // lies in the circle
        }
        let path = Path { position_q32: path.position_q32 - (first << 32), ..path };
        let count = plane.len().min(heard.len());
        read(self.level, Kernel::Sinc, &window, path, &mut heard[..count]);
    }
}
