//! How long a plugin's process calls took, and how many voices sounded: what a host shows as its load.
//!
//! In: frames, time and voices of each call. Out: median, 99th percentile and worst, as times and as shares of what the block
//! lasts, and the calls that took longer than their block. Calls without frames do not count.

use std::fmt;
use std::time::Duration;

/// One process call.
#[derive(Clone, Copy, Debug)]
struct Call {
    time: Duration,
    /// How long its frames last.
    lasts: Duration,
}

/// The calls of one performance.
#[derive(Clone, Debug, Default)]
pub struct Callbacks {
    calls: Vec<Call>,
    /// In the blocks after which the plugin was asked.
    voices: Vec<u32>,
}

/// The middle, the 99th percentile and the worst of some figure.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spread {
    /// Half the calls have at most this.
    pub median: f64,
    /// 99 of 100 calls have at most this.
    pub p99: f64,
    /// No call has more.
    pub max: f64,
}

impl Spread {
    fn of(figures: impl Iterator<Item = f64>) -> Self {
        let mut sorted: Vec<_> = figures.collect();
        sorted.sort_by(f64::total_cmp);
        // The nearest rank: of 100 calls the 99th.
        let rank = |share: f64| (share * sorted.len() as f64).ceil() as usize;
        let at = |share| sorted.get(rank(share).saturating_sub(1)).copied().unwrap_or_default();
        Self { median: at(0.5), p99: at(0.99), max: at(1.0) }
    }
}

impl Callbacks {
    /// Notes a call; `voices` is what the plugin told after it.
    pub fn note(&mut self, frames: usize, rate: f64, time: Duration, voices: Option<u32>) {
        if frames > 0 {
            self.calls.push(Call { time, lasts: Duration::from_secs_f64(frames as f64 / rate) });
            self.voices.extend(voices);
        }
    }

    /// All time spent.
    pub fn elapsed(&self) -> Duration {
        self.calls.iter().map(|call| call.time).sum()
    }

    /// Microseconds of a call.
    pub fn microseconds(&self) -> Spread {
        Spread::of(self.calls.iter().map(|call| call.time.as_secs_f64() * 1e6))
    }

    /// Per cent of what the call's frames last.
    pub fn shares(&self) -> Spread {
        let share = |call: &Call| call.time.as_secs_f64() / call.lasts.as_secs_f64() * 100.0;
        Spread::of(self.calls.iter().map(share))
    }

    /// Calls that took longer than their frames last.
    pub fn late(&self) -> usize {
        self.calls.iter().filter(|call| call.time > call.lasts).count()
    }

    /// Voices: the most in any block, and the mean of all; `None` where the plugin does not tell.
    pub fn voices(&self) -> Option<(u32, f64)> {
        let most = self.voices.iter().copied().max()?;
        let sum: f64 = self.voices.iter().map(|&voices| f64::from(voices)).sum();
        Some((most, sum / self.voices.len() as f64))
    }
}

impl fmt::Display for Callbacks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (times, shares) = (self.microseconds(), self.shares());
        write!(f, "callbacks {}:", self.calls.len())?;
        for (name, time, share) in [
            ("median", times.median, shares.median),
            ("p99", times.p99, shares.p99),
            ("max", times.max, shares.max),
        ] {
            write!(f, " {name} {time:.0} µs ({share:.1} %),")?;
        }
        write!(f, " late {}, voices ", self.late())?;
        match self.voices() {
            Some((most, mean)) => write!(f, "{most} at most, {mean:.1} on average"),
            None => f.write_str("not told"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calls of 48 frames, a millisecond, that take so many microseconds.
    fn calls(times: impl IntoIterator<Item = u64>) -> Callbacks {
        let mut callbacks = Callbacks::default();
        for time in times {
            callbacks.note(48, 48_000.0, Duration::from_micros(time), None);
        }
        callbacks
    }

    #[test]
    fn percentiles_are_calls_that_happened() {
        let spread = calls((1..=200).rev()).microseconds();
        let near = |a: f64, b: f64| (a - b).abs() < 1e-6;
        assert!(
            near(spread.median, 100.0) && near(spread.p99, 198.0) && near(spread.max, 200.0),
            "{spread:?}"
        );
        assert_eq!(calls([]).microseconds(), Spread::default());
    }

    #[test]
    fn a_call_is_late_when_it_takes_longer_than_its_frames_last() {
        let callbacks = calls([10, 999, 1000, 1001, 5000]);
        assert_eq!(callbacks.late(), 2);
        assert!((callbacks.shares().max - 500.0).abs() < 1e-6);
    }

    #[test]
    fn calls_without_frames_do_not_count_and_voices_are_averaged_over_the_others() {
        let mut callbacks = Callbacks::default();
        for (frames, voices) in [(64, 4), (0, 100), (64, 8)] {
            callbacks.note(frames, 48_000.0, Duration::from_micros(5), Some(voices));
        }
        assert_eq!(callbacks.voices(), Some((8, 6.0)));
        assert_eq!(callbacks.elapsed(), Duration::from_micros(10));
        assert!(calls([1]).to_string().ends_with("voices not told"));
    }
}
