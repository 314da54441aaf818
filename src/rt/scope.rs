//! Oscilloscopes: the newest points of some signals, from the audio thread to whoever looks at them.
//!
//! In: blocks of each signal, of which points are taken, at most 24,000 a second. Out: the last 512 of a signal, which are 21 ms
//! or more. Rings of a fixed size over atomics, twice as long as what is read of them; neither half ever waits. Unless
//! somebody looks, nothing is written: see [`Watched`].

use super::watch::Watch;
use super::watch::Watched;
use super::watch::watch;
use crate::units::SampleRate;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicI16;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Acquire;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::Ordering::Release;

/// Points that are shown of a signal.
pub const SCOPE_POINTS: usize = 512;

/// Points that are kept of a signal.
const RING: usize = 2 * SCOPE_POINTS;
/// Points in a second, at most.
const MOST_POINTS: f64 = 24_000.0;
/// Steps to full scale, which leave room for 12 dB more.
const FULL_SCALE: f32 = 8_192.0;

/// What both halves share.
struct Cells {
    rings: Box<[[AtomicI16; RING]]>,
    /// Points that all signals have been given.
    written: AtomicUsize,
    /// Whether they are those of what sounds now.
    live: AtomicBool,
}

/// The audio thread's half.
pub struct ScopeWriter {
    cells: Arc<Cells>,
    watched: Watched,
    /// Frames from a point to the next, and to the one that is due.
    step: usize,
    due: usize,
    /// Points of nothing that each signal's ring ends with.
    quiet: Box<[usize]>,
}

impl ScopeWriter {
    /// Whether the next `frames` frames are to be written. Real-time: yes, like all that follows.
    pub fn begin(&mut self, frames: usize) -> bool {
        let live = self.watched.pass(frames);
        if live != self.cells.live.load(Relaxed) {
            self.cells.live.store(live, Relaxed);
        }
        live
    }

    /// Writes so many frames of all signals; those of which there is no trace are silent.
    pub fn write<'a>(&mut self, frames: usize, trace: impl Fn(usize) -> Option<&'a [f32]>) {
        let count = frames.saturating_sub(self.due).div_ceil(self.step);
        let written = self.cells.written.load(Relaxed);
        for (signal, (ring, quiet)) in self.cells.rings.iter().zip(&mut self.quiet).enumerate() {
            let trace = trace(signal);
            if trace.is_none() && *quiet >= RING {
                continue;
            }
            *quiet = if trace.is_some() { 0 } else { *quiet + count };
            let places = (written..written + count).map(|place| place % RING);
            for (point, place) in places.enumerate() {
                let sample = trace.and_then(|trace| trace.get(self.due + point * self.step));
                let value = sample.map_or(0, |sample| (sample * FULL_SCALE) as i16); // kept within i16
                ring[place].store(value, Relaxed); // below the ring's length
            }
        }
        self.due = self.due + count * self.step - frames;
        self.cells.written.store(written + count, Release);
    }
}

/// The reader's half.
pub struct ScopeReader {
    cells: Arc<Cells>,
    watch: Watch,
}

impl ScopeReader {
    /// Has the signals written for half a second from now on.
    pub fn look(&self) {
        self.watch.look();
    }

    /// The newest points of a signal, the oldest first; 1 is 0 dBFS. `None` where none have been written lately.
    pub fn points(&self, signal: usize) -> Option<[f32; SCOPE_POINTS]> {
        let ring = self.cells.rings.get(signal).filter(|_| self.cells.live.load(Relaxed))?;
        let first = self.cells.written.load(Acquire) + RING - SCOPE_POINTS;
        Some(std::array::from_fn(|point| {
            f32::from(ring[(first + point) % RING].load(Relaxed)) / FULL_SCALE // below the ring's length
        }))
    }
}

/// Both halves of so many scopes. Allocates.
pub fn scopes(rate: SampleRate, signals: usize) -> (ScopeWriter, ScopeReader) {
    let ring = || std::array::from_fn(|_| AtomicI16::new(0));
    let cells = Arc::new(Cells {
        rings: (0..signals).map(|_| ring()).collect(),
        written: AtomicUsize::new(0),
        live: AtomicBool::new(false),
    });
    let (watched, watch) = watch(rate);
    let writer = ScopeWriter {
        cells: Arc::clone(&cells),
        watched,
        step: libm::ceil(rate.0 / MOST_POINTS).max(1.0) as usize,
        due: 0,
        quiet: vec![RING; signals].into(),
    };
    (writer, ScopeReader { cells, watch })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A slow ramp, of which the sample of a frame is that many 8,192ths.
    fn write(writer: &mut ScopeWriter, from: usize, frames: usize) {
        let ramp: Vec<f32> = (from..from + frames).map(|frame| frame as f32 / FULL_SCALE).collect();
        writer.write(frames, |signal| (signal == 1).then_some(&ramp[..]));
    }

    #[test]
    fn points_are_the_newest_of_every_step_however_blocks_are_cut() {
        for size in [1, 7, 256] {
            let (mut writer, reader) = scopes(SampleRate(48_000.0), 2);
            let mut frame = 0;
            while frame < 4_000 {
                write(&mut writer, frame, size.min(4_000 - frame));
                frame += size.min(4_000 - frame);
            }
            assert!(reader.points(1).is_none(), "nobody has looked");
            reader.look();
            assert!(writer.begin(1) && reader.points(2).is_none());
            let points = reader.points(1).unwrap().map(|point| (point * FULL_SCALE) as usize);
            let wanted: Vec<usize> = (0..SCOPE_POINTS).map(|n| 4_000 - 2 * (SCOPE_POINTS - n)).collect();
            assert_eq!(points[..], wanted, "blocks of {size}");
            assert_eq!(reader.points(0), Some([0.0; SCOPE_POINTS]));
        }
    }

    #[test]
    fn a_signal_that_ends_runs_out_and_what_is_no_number_is_no_point() {
        let (mut writer, reader) = scopes(SampleRate(24_000.0), 1);
        reader.look();
        assert!(writer.begin(64));
        let loud = [9.0, -9.0, f32::NAN, 0.5];
        writer.write(4, |_| Some(&loud));
        let last = |reader: &ScopeReader| reader.points(0).unwrap()[SCOPE_POINTS - 4..].to_vec();
        assert_eq!(last(&reader), [32_767.0 / FULL_SCALE, -4.0, 0.0, 0.5]);
        (0..20).for_each(|_| writer.write(64, |_| None));
        assert_eq!(reader.points(0), Some([0.0; SCOPE_POINTS]));
        assert!(!writer.begin(12_000) && reader.points(0).is_none());
    }
}
