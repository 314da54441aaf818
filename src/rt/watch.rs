//! Whether somebody looks at what the audio thread could show.
//!
//! Who looks says so with each picture, and is forgotten half a second of sound later; so nobody has to say that a window
//! has been closed, and what nobody looks at is not written. An atomic between two halves; neither ever waits.

use crate::units::SampleRate;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

/// How long a look lasts.
const SECONDS: f64 = 0.5;

/// The half of who looks.
#[derive(Clone, Debug)]
pub struct Watch(Arc<AtomicBool>);

impl Watch {
    /// Somebody looks now.
    pub fn look(&self) {
        self.0.store(true, Relaxed);
    }
}

/// The audio thread's half.
#[derive(Debug)]
pub struct Watched {
    looked: Arc<AtomicBool>,
    lasts: usize,
    left: usize,
}

impl Watched {
    /// Lets frames pass; whether somebody has looked shortly before them. Real-time: yes.
    pub fn pass(&mut self, frames: usize) -> bool {
        self.left = self.left.saturating_sub(frames);
        // A load costs far less than an exchange.
        if self.looked.load(Relaxed) && self.looked.swap(false, Relaxed) {
            self.left = self.lasts;
        }
        self.left > 0
    }
}

/// Both halves. Allocates.
pub fn watch(rate: SampleRate) -> (Watched, Watch) {
    let looked = Arc::new(AtomicBool::new(false));
    let watched = Watched { looked: Arc::clone(&looked), lasts: rate.frames_in(SECONDS), left: 0 };
    (watched, Watch(looked))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_lasts_half_a_second_of_sound_and_then_is_forgotten() {
        let (mut watched, watch) = watch(SampleRate(1000.0));
        assert!(!watched.pass(1));
        watch.look();
        assert!(watched.pass(100) && watched.pass(499));
        assert!(!watched.pass(1) && !watched.pass(0));
        (0..3).for_each(|_| watch.look());
        assert!(watched.pass(9_000) && !watched.pass(500));
    }
}
