//! Meters: levels from the audio thread to whoever shows them.
//!
//! In: what a strip or an input has measured of each piece of a block. Out: peaks, clipped samples and gain reduction,
//! kept until read, and the level of the last 300 ms. Two halves over atomics; neither ever waits. A second reader of
//! the same meter would miss peaks.

use crate::audio::LANES;
use crate::audio::Lanes;
use crate::audio::MAX_CHANNELS;
use crate::audio::Side;
use crate::units::Decibels;
use crate::units::SampleRate;
use atomic_float::AtomicF32;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// Parts of the RMS window; the level moves when one is full.
const PARTS: usize = 14;
/// Frames of a part are a multiple of this, so that whole blocks of the graph are not cut by it.
const STEP: usize = 256;
/// Length of the RMS window.
const WINDOW_SECONDS: f64 = 0.3;

/// Machines of a strip that may tell what they take away.
pub const STAGES: usize = 4;

/// What both halves share, two sides each.
struct Cells {
    pre: [AtomicF32; 2],
    post: [AtomicF32; 2],
    /// Sums of squares, see [`Window`], and the frames of all of them.
    parts: [[AtomicF32; PARTS]; 2],
    window_frames: f32,
    least_gain: AtomicF32,
    /// The most that each machine has taken away, in dB.
    stages: [AtomicF32; STAGES],
    clipped: AtomicU64,
}

/// What was measured of some frames; a mono signal gives both sides the same.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// Greatest magnitudes before the gain.
    pub pre_peaks: [f32; 2],
    /// Greatest magnitudes after it.
    pub post_peaks: [f32; 2],
    /// Channels whose squares after it have been added to [`MeterWriter::squares_mut`].
    pub channels: usize,
    /// Samples above 0 dBFS after it.
    pub clipped: u64,
    /// Lowest factor of what turns down by itself: limiter, duck.
    pub least_gain: f32,
}

impl Reading {
    /// Of silence.
    pub const SILENT: Self =
        Self { pre_peaks: [0.0; 2], post_peaks: [0.0; 2], channels: 0, clipped: 0, least_gain: 1.0 };
}

/// The audio thread's half.
pub struct MeterWriter {
    cells: Arc<Cells>,
    window: Window,
}

/// The reader's half.
pub struct Meter(Arc<Cells>);

impl MeterWriter {
    /// Frames until a part of the RMS window is full.
    ///
    /// Pieces that are reported end there at the latest.
    pub fn room(&self) -> usize {
        self.window.part_frames - self.window.filled
    }

    /// Sums of the squares of each channel after the gain; frame `n` of what is reported next is one of lane
    /// [`Self::lane`]` + n`. So the level does not depend on how blocks are cut.
    pub fn squares_mut(&mut self) -> &mut [Lanes; MAX_CHANNELS] {
        &mut self.window.squares
    }

    /// Lane of the next frame.
    pub fn lane(&self) -> usize {
        self.window.filled % LANES
    }

    /// Reports the next `frames` frames, whose squares have been added. Real-time.
    pub fn report(&mut self, frames: usize, reading: &Reading) {
        self.window.channels = self.window.channels.max(reading.channels);
        let cells = &self.cells;
        for side in 0..2 {
            raise(&cells.pre[side], reading.pre_peaks[side]);
            raise(&cells.post[side], reading.post_peaks[side]);
        }
        self.reduce(reading.least_gain);
        if reading.clipped > 0 {
            cells.clipped.fetch_add(reading.clipped, Relaxed);
        }
        self.window.add(frames, &self.cells.parts);
    }

    /// Reports the lowest factor of what turns down by itself. Real-time.
    pub fn reduce(&self, least_gain: f32) {
        if least_gain < self.cells.least_gain.load(Relaxed) {
            self.cells.least_gain.fetch_min(least_gain, Relaxed);
        }
    }

    /// Reports what a machine takes away. Real-time.
    pub fn reduce_stage(&self, stage: usize, taken: Decibels) {
        if let Some(cell) = self.cells.stages.get(stage) {
            raise(cell, taken.0);
        }
    }

    /// Reports silence; once the window is empty this costs next to nothing. Real-time.
    pub fn skip(&mut self, frames: usize) {
        self.window.add(frames, &self.cells.parts);
    }

    /// Forgets the window; what waits to be read stays. Real-time.
    pub fn reset(&mut self) {
        self.window.clear();
        self.cells.parts.iter().flatten().for_each(|part| part.store(0.0, Relaxed));
    }
}

/// Most pieces raise nothing, and a load costs far less than an exchange.
fn raise(cell: &AtomicF32, peak: f32) {
    if peak > cell.load(Relaxed) {
        cell.fetch_max(peak, Relaxed);
    }
}

impl Meter {
    /// Greatest magnitudes before the gain since the last call, left and right; 1 is 0 dBFS.
    pub fn take_pre_peaks(&self) -> [f32; 2] {
        self.0.pre.each_ref().map(|peak| peak.swap(0.0, Relaxed))
    }

    /// Greatest magnitudes after the gain since the last call, left and right.
    pub fn take_peaks(&self) -> [f32; 2] {
        self.0.post.each_ref().map(|peak| peak.swap(0.0, Relaxed))
    }

    /// RMS of the last 300 ms after the gain, left and right; a full-scale sine gives √½.
    pub fn rms(&self) -> [f32; 2] {
        let parts = |side: &[AtomicF32; PARTS]| side.each_ref().map(|part| part.load(Relaxed));
        self.0.parts.each_ref().map(|side| libm::sqrtf(total(&parts(side)) / self.0.window_frames))
    }

    /// Samples above 0 dBFS after the gain since `clear_clips`.
    pub fn clips(&self) -> u64 {
        self.0.clipped.load(Relaxed)
    }

    /// Begins to count clipped samples anew.
    pub fn clear_clips(&self) {
        self.0.clipped.store(0, Relaxed);
    }

    /// The most that limiter or duck have taken away since the last call; never below 0 dB.
    pub fn take_reduction(&self) -> Decibels {
        Decibels(-20.0 * libm::log10f(self.0.least_gain.swap(1.0, Relaxed)))
    }

    /// The same of one machine alone.
    pub fn take_stage_reduction(&self, stage: usize) -> Decibels {
        Decibels(self.0.stages.get(stage).map_or(0.0, |cell| cell.swap(0.0, Relaxed)))
    }
}

/// Sums of squares over the last 300 ms, in parts of some 21 ms that follow each other whether it sounds or not. Full ones
/// lie in the cells.
struct Window {
    /// The part that is being filled.
    part: usize,
    filled: usize,
    part_frames: usize,
    /// Of the part that is being filled, and how many channels have any.
    squares: [Lanes; MAX_CHANNELS],
    channels: usize,
    /// Parts that may differ from 0.
    sounding: usize,
}

impl Window {
    fn new(rate: SampleRate) -> Self {
        let steps = libm::round(rate.0 * WINDOW_SECONDS / (PARTS * STEP) as f64).max(1.0);
        Self {
            part: 0,
            filled: 0,
            part_frames: steps as usize * STEP,
            squares: [[0.0; LANES]; MAX_CHANNELS],
            channels: 0,
            sounding: 0,
        }
    }

    /// Counts frames; puts a part that has become full in the place of the oldest.
    fn add(&mut self, frames: usize, parts: &[[AtomicF32; PARTS]; 2]) {
        self.filled += frames;
        while self.filled >= self.part_frames {
            self.filled -= self.part_frames;
            self.close(parts);
        }
    }

    fn close(&mut self, parts: &[[AtomicF32; PARTS]; 2]) {
        let current = self.take_squares();
        if current != [0.0; 2] {
            self.sounding = PARTS + 1;
        }
        if self.sounding == 0 {
            return; // the window was and is empty
        }
        self.sounding -= 1;
        for (parts, sum) in parts.iter().zip(current) {
            parts[self.part].store(sum, Relaxed); // `part` stays below PARTS
        }
        self.part = (self.part + 1) % PARTS;
    }

    /// The sums of both sides.
    fn take_squares(&mut self) -> [f32; 2] {
        let (mut sides, channels) = ([0.0; 2], std::mem::take(&mut self.channels));
        for (channel, lanes) in self.squares.iter_mut().enumerate().take(channels) {
            let sum = total(&std::mem::take(lanes));
            // What is not finite would hide the level for as long as it is in the window.
            let sum = if sum.is_finite() { sum } else { 0.0 };
            for (side, counts) in sides.iter_mut().zip(Side::of(channel, channels).counts()) {
                *side += if counts { sum } else { 0.0 };
            }
        }
        sides
    }

    fn clear(&mut self) {
        self.take_squares();
        (self.part, self.filled, self.sounding) = (0, 0, 0);
    }
}

/// The sum of values, in rows that do not wait for each other.
fn total(values: &[f32]) -> f32 {
    let (columns, rest) = values.as_chunks::<8>();
    let mut rows = [0.0; 8];
    for column in columns {
        (0..8).for_each(|row| rows[row] += column[row]);
    }
    let [a, b, c, d, e, f, g, h] = rows;
    rest.iter().fold(((a + e) + (c + g)) + ((b + f) + (d + h)), |sum, value| sum + value)
}

/// Both halves of one meter. Allocates.
pub fn meter(rate: SampleRate) -> (MeterWriter, Meter) {
    let window = Window::new(rate);
    let cells = Arc::new(Cells {
        pre: Default::default(),
        post: Default::default(),
        parts: std::array::from_fn(|_| std::array::from_fn(|_| AtomicF32::new(0.0))),
        window_frames: (PARTS * window.part_frames) as f32,
        least_gain: AtomicF32::new(1.0),
        stages: Default::default(),
        clipped: AtomicU64::new(0),
    });
    (MeterWriter { cells: Arc::clone(&cells), window }, Meter(cells))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: SampleRate = SampleRate(48000.0);

    /// Reports a constant level on the left, cut as `room` asks.
    fn play(writer: &mut MeterWriter, level: f32, frames: usize, block: usize) {
        let mut done = 0;
        while done < frames {
            let piece = block.min(frames - done).min(writer.room());
            for frame in 0..piece {
                let lane = (writer.lane() + frame) % LANES;
                writer.squares_mut()[0][lane] += level * level;
            }
            writer.report(piece, &Reading { channels: 2, ..Reading::SILENT });
            done += piece;
        }
    }

    #[test]
    fn peaks_and_reduction_stay_until_they_are_read() {
        let (mut writer, meter) = meter(RATE);
        let loud =
            Reading { pre_peaks: [0.5, 0.1], post_peaks: [0.25, 0.05], least_gain: 0.5, ..Reading::SILENT };
        writer.report(10, &loud);
        writer.report(10, &Reading { pre_peaks: [0.2, 0.3], ..Reading::SILENT });
        writer.skip(100_000);
        assert_eq!((meter.take_pre_peaks(), meter.take_peaks()), ([0.5, 0.3], [0.25, 0.05]));
        assert!((meter.take_reduction().0 - 6.0206).abs() < 1e-3);
        assert_eq!((meter.take_pre_peaks(), meter.take_peaks()), ([0.0; 2], [0.0; 2]));
        assert_eq!(meter.take_reduction(), Decibels(0.0));
    }

    #[test]
    fn clips_are_counted_until_they_are_cleared() {
        let (mut writer, meter) = meter(RATE);
        writer.report(10, &Reading { clipped: 2, ..Reading::SILENT });
        writer.report(10, &Reading { clipped: 1, ..Reading::SILENT });
        assert_eq!((meter.clips(), meter.clips()), (3, 3));
        meter.clear_clips();
        assert_eq!(meter.clips(), 0);
    }

    #[test]
    fn rms_is_that_of_the_last_300_ms_and_falls_to_nothing_after_them() {
        let (mut writer, meter) = meter(RATE);
        play(&mut writer, 0.5, 7200, 256);
        let half = meter.rms();
        assert!((half[0] - 0.5 * 0.5f32.sqrt()).abs() < 0.01 && half[1] == 0.0, "{half:?}");
        play(&mut writer, 0.5, 7200, 256);
        assert!((meter.rms()[0] - 0.5).abs() < 1e-6);
        writer.skip(13_000);
        assert!(meter.rms()[0] > 0.1);
        writer.skip(2_300);
        assert_eq!(meter.rms(), [0.0; 2]);
    }

    #[test]
    fn rms_does_not_depend_on_how_blocks_are_cut() {
        let level = |block| {
            let (mut writer, meter) = meter(RATE);
            writer.skip(100);
            play(&mut writer, 0.5, 5000, block);
            play(&mut writer, 0.25, 5000, block);
            meter.rms()
        };
        assert_eq!(level(1), level(256));
        assert_eq!(level(77), level(8192));
    }

    #[test]
    fn what_is_not_finite_leaves_no_trace_in_the_rms() {
        let (mut writer, meter) = meter(RATE);
        (writer.squares_mut()[0][3], writer.squares_mut()[1][4]) = (f32::NAN, f32::INFINITY);
        writer.report(300, &Reading { channels: 2, ..Reading::SILENT });
        play(&mut writer, 0.5, 14_400, 256);
        assert!((meter.rms()[0] - 0.5).abs() < 0.02);
        assert_eq!(meter.rms()[1], 0.0);
    }
}
