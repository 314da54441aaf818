//! Levels from the audio thread to whoever shows them: newest value, peaks kept until read.
//!
//! Two halves over atomics; neither ever waits.

use atomic_float::AtomicF32;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

#[derive(Default)]
struct Cells {
    peak: AtomicF32,
    mean_square: AtomicF32,
}

/// The audio thread's half.
pub struct LevelWriter(Arc<Cells>);

/// The reader's half; a second reader of the same level would miss peaks.
pub struct LevelReader(Arc<Cells>);

impl LevelWriter {
    /// Reports a block's absolute peak and mean square. Real-time.
    pub fn report(&mut self, peak: f32, mean_square: f32) {
        // Most blocks raise nothing, and a load costs far less than an exchange.
        if peak > self.0.peak.load(Relaxed) {
            self.0.peak.fetch_max(peak, Relaxed);
        }
        self.0.mean_square.store(mean_square, Relaxed);
    }
}

impl LevelReader {
    /// Highest absolute peak since the last call.
    pub fn take_peak(&self) -> f32 {
        self.0.peak.swap(0.0, Relaxed)
    }

    /// Mean square of the newest window.
    pub fn mean_square(&self) -> f32 {
        self.0.mean_square.load(Relaxed)
    }
}

/// Both halves of one level. Allocates.
pub fn level() -> (LevelWriter, LevelReader) {
    let cells = Arc::new(Cells::default());
    (LevelWriter(Arc::clone(&cells)), LevelReader(cells))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peak_stays_until_it_is_read() {
        let (mut writer, reader) = level();
        writer.report(0.5, 0.1);
        writer.report(0.2, 0.3);
        assert_eq!((reader.take_peak(), reader.mean_square()), (0.5, 0.3));
        assert_eq!(reader.take_peak(), 0.0);
    }
}
