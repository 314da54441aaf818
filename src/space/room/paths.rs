//! What a send was, and the ways on which it comes back.
//!
//! In: a send, which is kept in three bands, so that a wall is a factor for each. Out: the send as each image and the network
//! hear it, delayed by whole frames. Audio thread, except making the memory.

use super::Weights;
use super::image::IMAGES;
use super::image::Image;
use super::image::images;
use super::material::Bands;
use super::material::CROSSOVER_HZ;
use super::shoebox::Shoebox;
use crate::audio::GRID;
use crate::dsp::Level;
use crate::dsp::simd::by_level;
use crate::space::harmonics::CHANNELS;
use crate::space::harmonics::harmonics;
use crate::units::SampleRate;

/// The images' and, last, the network's.
pub(super) const TAPS: usize = IMAGES + 1;

/// Longer than the way of any image: two rooms along one edge, within those across.
const LONGEST_S: f64 = 1.0;

/// What is heard of the send after a while.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tap {
    pub(super) delay_frames: usize,
    pub(super) gains: Bands,
}

/// All ways on which the sends come back in a room.
#[derive(Clone, Debug)]
pub(super) struct Paths {
    pub(super) taps: [Tap; TAPS],
    weights: Weights,
}

impl Paths {
    /// Those of a room whose values are in their ranges.
    pub(super) fn new(room: &Shoebox, rate: SampleRate) -> Self {
        let tap = |after_s: f32, gains| Tap {
            delay_frames: libm::round(f64::from(after_s).min(LONGEST_S) * rate.0) as usize,
            gains,
        };
        let mut paths = Self { taps: [Tap::default(); TAPS], weights: [[0.0; IMAGES]; CHANNELS] };
        for (number, Image { after_s, direction, gains }) in images(room).into_iter().enumerate() {
            // There are as many taps and weights as images, and more.
            paths.taps[number] = tap(after_s, gains);
            for (weights, weight) in paths.weights.iter_mut().zip(harmonics(direction)) {
                weights[number] = weight;
            }
        }
        paths.taps[IMAGES] = tap(room.feed_s(), room.diffuse().map(|gain| gain * room.reverb.0));
        paths
    }

    /// What each image weighs in each channel.
    pub(super) fn weights(&self) -> &Weights {
        &self.weights
    }
}

/// One-pole low-pass, `y[n] = s + g·(x[n] - s)`, `s += 2·(y[n] - s)`, with `g = t / (1 + t)` and `t = tan(π·fc/fs)`.
#[derive(Clone, Copy)]
struct LowPass {
    g: f32,
    s: f32,
}

impl LowPass {
    fn new(cutoff_hz: f32, rate: SampleRate) -> Self {
        let warped = libm::tan(std::f64::consts::PI * (f64::from(cutoff_hz) / rate.0).min(0.49)) as f32;
        Self { g: warped / (1.0 + warped), s: 0.0 }
    }

    fn next(&mut self, x: f32) -> f32 {
        let step = self.g * (x - self.s);
        let y = self.s + step;
        self.s = y + step;
        y
    }
}

/// The send in lows, mids and highs, which add up to it.
pub(super) struct Past {
    splits: [LowPass; 2],
    /// Band after band, each a circle of `length` frames, a power of 2.
    memory: Box<[f32]>,
    length: usize,
    /// Where the next frame goes.
    place: usize,
    /// Frames that have been written since all was forgotten: older ones are silent, whatever the memory holds.
    fresh: usize,
}

impl Past {
    /// Allocates.
    pub(super) fn new(rate: SampleRate) -> Self {
        let length = (rate.frames_in(LONGEST_S) + 2 * GRID).next_power_of_two();
        Self {
            splits: CROSSOVER_HZ.map(|cutoff_hz| LowPass::new(cutoff_hz, rate)),
            memory: vec![0.0; 3 * length].into(),
            length,
            place: 0,
            fresh: 0,
        }
    }

    /// Forgets all sound.
    pub(super) fn forget(&mut self) {
        self.fresh = 0;
        self.splits.iter_mut().for_each(|split| split.s = 0.0);
    }

    /// At most a cell.
    pub(super) fn write(&mut self, send: &[f32]) {
        let [mut low_split, mut high_split] = self.splits;
        let mut bands = self.memory.chunks_exact_mut(self.length);
        let (Some(lows), Some(mids), Some(highs)) = (bands.next(), bands.next(), bands.next()) else {
            return;
        };
        for (frame, sample) in send.iter().enumerate() {
            let at = (self.place + frame) & (self.length - 1); // lies in each circle
            let low = low_split.next(*sample);
            let mid = high_split.next(sample - low);
            (lows[at], mids[at], highs[at]) = (low, mid, sample - low - mid);
        }
        self.splits = [low_split, high_split];
        self.place = (self.place + send.len()) & (self.length - 1);
        self.fresh = (self.fresh + send.len()).min(self.length);
    }

    /// What each tap hears of the last `frames` frames that were written.
    pub(super) fn read(&self, level: Level, taps: &[Tap], heard: &mut [[f32; GRID]], frames: usize) {
        for (to, tap) in heard.iter_mut().zip(taps) {
            let oldest = tap.delay_frames + frames;
            let (silent, to) = to[..frames].split_at_mut(oldest.saturating_sub(self.fresh).min(frames)); // at most a cell
            silent.fill(0.0);
            let place = self.place.wrapping_sub(oldest - silent.len()) & (self.length - 1);
            let (first, rest) = to.split_at_mut(to.len().min(self.length - place));
            self.put(level, first, place, tap.gains);
            self.put(level, rest, 0, tap.gains);
        }
    }

    /// Frames from `place` on, up to the end of the circles.
    fn put(&self, level: Level, to: &mut [f32], place: usize, gains: Bands) {
        let mut bands = self.memory.chunks_exact(self.length).map(|band| &band[place..place + to.len()]);
        if let (Some(lows), Some(mids), Some(highs)) = (bands.next(), bands.next(), bands.next()) {
            join(level, to, [lows, mids, highs], gains);
        }
    }
}

by_level! {
    /// `target[n] = Σ bands[b][n] · gains[b]`.
    fn join(level; target: &mut [f32], bands: [&[f32]; 3], gains: Bands) {
        let ([lows, mids, highs], [low, mid, high]) = (bands, gains);
        for ((to, (lows, mids)), highs) in target.iter_mut().zip(lows.iter().zip(mids)).zip(highs) {
            *to = lows * low + mids * mid + highs * high;
        }
    }
}
