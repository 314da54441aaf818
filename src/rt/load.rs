//! How much of its time the audio thread takes: what each of its calls has cost, for whoever shows it.
//!
//! In: frames of a call, and how long it has taken. Out: the median and the worst share of the time that the frames last, of about the
//! last second. One thread adds, any thread reads; neither ever waits.

use crate::units::SampleRate;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Acquire;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::Ordering::Release;
use std::time::Duration;

/// Calls that are kept: a second of blocks of 16 frames at 48 kHz, and 32 KiB.
const CALLS: usize = 4096;
/// How far back shares are read.
const SECONDS: f64 = 1.0;

/// See the module's description.
pub struct LoadMeter {
    /// Nanoseconds in the upper half, frames in the lower one.
    calls: Box<[AtomicU64]>,
    /// Calls that have been added.
    added: AtomicUsize,
}

/// Shares of the time that calls had: 1 is all of it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Load {
    /// Half of the calls took less.
    pub median: f32,
    /// None took more.
    pub worst: f32,
}

impl Default for LoadMeter {
    fn default() -> Self {
        Self { calls: (0..CALLS).map(|_| AtomicU64::new(0)).collect(), added: AtomicUsize::new(0) }
    }
}

impl LoadMeter {
    /// Adds a call; one without frames does not count. Real-time: yes. One thread at a time.
    pub fn add(&self, frames: usize, spent: Duration) {
        let added = self.added.load(Relaxed);
        let Some(call) = self.calls.get(added % CALLS).filter(|_| frames > 0) else { return };
        let part = |number: u128| u64::from(u32::try_from(number).unwrap_or(u32::MAX));
        call.store(part(spent.as_nanos()) << 32 | part(frames as u128), Relaxed);
        self.added.store(added.wrapping_add(1), Release);
    }

    /// What the calls of the last second have taken; `None` before the first one. Allocates.
    pub fn read(&self, rate: SampleRate) -> Option<Load> {
        let added = self.added.load(Acquire);
        let mut left = SECONDS * rate.0;
        let mut shares = Vec::new();
        for back in 1..=added.min(CALLS) {
            let call = self.calls.get(added.wrapping_sub(back) % CALLS)?.load(Relaxed);
            let frames = (call & u64::from(u32::MAX)) as f64;
            shares.push(((call >> 32) as f64 * 1e-9 * rate.0 / frames.max(1.0)) as f32);
            left -= frames;
            if left <= 0.0 {
                break;
            }
        }
        shares.sort_unstable_by(f32::total_cmp);
        Some(Load { median: *shares.get(shares.len() / 2)?, worst: *shares.last()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: SampleRate = SampleRate(48_000.0);

    fn add(meter: &LoadMeter, calls: usize, percent: u64) {
        // 480 frames are 10 ms.
        (0..calls).for_each(|_| meter.add(480, Duration::from_micros(100 * percent)));
    }

    #[test]
    fn median_and_worst_are_those_of_the_last_second() {
        let meter = LoadMeter::default();
        assert_eq!(meter.read(RATE), None);
        add(&meter, 200, 90);
        add(&meter, 60, 5);
        add(&meter, 1, 40);
        add(&meter, 39, 20);
        let load = meter.read(RATE).unwrap();
        assert!((load.median - 0.05).abs() < 1e-6 && (load.worst - 0.4).abs() < 1e-6, "{load:?}");
        add(&meter, 2 * CALLS, 10);
        let load = meter.read(RATE).unwrap();
        assert!((load.median - 0.1).abs() < 1e-6 && load.median == load.worst, "{load:?}");
    }

    #[test]
    fn calls_that_no_number_holds_and_calls_without_frames_do_no_harm() {
        let meter = LoadMeter::default();
        meter.add(0, Duration::from_secs(1));
        assert_eq!(meter.read(RATE), None);
        meter.add(usize::MAX, Duration::MAX);
        assert!(meter.read(RATE).unwrap().worst.is_finite());
    }
}
