//! Where sound is taken off to be recorded: before or after a strip's or an input's gain.
//!
//! In: the blocks of both points. Out: those of one, while it runs, into a frame ring. Audio thread; the ring's other end
//! belongs to whoever writes the file. What sleeps need not be written: it is silence there.

use crate::audio::AudioBlock;
use crate::rt::FrameWriter;
use serde::Deserialize;
use serde::Serialize;

/// On which side of the gain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TapPoint {
    /// After inserts and duck, before gain, mute and pan.
    #[serde(rename = "pre")]
    PreGain,
    /// What goes on from here.
    #[default]
    #[serde(rename = "post")]
    PostGain,
}

/// See the module's description.
pub struct Tap {
    point: TapPoint,
    writer: FrameWriter,
    /// Whether it was asked to run, and whether the ring had room for that.
    running: Option<bool>,
}

impl Tap {
    /// Not running yet.
    pub fn new(point: TapPoint, writer: FrameWriter) -> Self {
        Self { point, writer, running: None }
    }

    /// Where it takes sound.
    pub fn point(&self) -> TapPoint {
        self.point
    }

    /// Whether it runs.
    pub fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Starts or stops on `frame`, counted from `reset` as all frames here are. Real-time, as all that follow.
    pub fn set_running(&mut self, running: bool, frame: u64) {
        match (self.running, running) {
            (None, true) => self.running = Some(self.writer.begin(frame)),
            (Some(begun), false) => {
                if begun {
                    self.writer.end(frame);
                }
                self.running = None;
            }
            (None, false) | (Some(_), true) => {}
        }
    }

    /// Offers a block that starts on `frame`; a tap takes those of its own point, while it runs.
    pub fn write(&mut self, point: TapPoint, frame: u64, block: &AudioBlock<'_>) {
        if point == self.point {
            match self.running {
                Some(true) => self.writer.write(frame, block),
                Some(false) => self.writer.count(block.frames()),
                None => {}
            }
        }
    }

    /// All before `frame` has been offered, or was silent.
    pub fn pass(&mut self, frame: u64) {
        self.writer.pass(frame);
    }

    /// Frames count from 0 again, the next of which would have been `frame`.
    pub fn count_anew(&mut self, frame: u64) {
        self.writer.count_anew(frame);
    }

    /// Frames that surely find room; any number where it does not run.
    pub fn room(&self) -> usize {
        if self.is_running() { self.writer.room() } else { usize::MAX }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rt::Taken;
    use crate::rt::frame_ring;

    #[test]
    fn a_tap_takes_only_its_own_point_and_only_while_it_runs() {
        let (writer, mut reader) = frame_ring(1, 64);
        let mut tap = Tap::new(TapPoint::PreGain, writer);
        let (before, after) = ([0.5; 4], [0.25; 4]);
        let offer = |tap: &mut Tap, frame| {
            tap.write(TapPoint::PreGain, frame, &AudioBlock::new([&before[..]]));
            tap.write(TapPoint::PostGain, frame, &AudioBlock::new([&after[..]]));
        };
        offer(&mut tap, 0);
        tap.set_running(true, 4);
        offer(&mut tap, 4);
        tap.set_running(true, 8);
        tap.set_running(false, 8);
        offer(&mut tap, 8);
        let mut into = [0.0; 64];
        assert_eq!(reader.take(&mut into), Some(Taken::Begin(4)));
        assert_eq!(reader.take(&mut into), Some(Taken::Frames { first: 4, frames: 4 }));
        assert_eq!(into[..4], before);
        assert_eq!((reader.take(&mut into), reader.take(&mut into)), (Some(Taken::End(8)), None));
    }

    #[test]
    fn a_start_that_finds_no_room_counts_what_it_misses() {
        let (writer, reader) = frame_ring(1, 1);
        let mut tap = Tap::new(TapPoint::PostGain, writer);
        for n in 0..40 {
            tap.set_running(true, n);
            tap.set_running(false, n);
        }
        tap.set_running(true, 50);
        assert!(tap.is_running());
        tap.write(TapPoint::PostGain, 50, &AudioBlock::new([&[0.5; 3][..]]));
        assert_eq!(reader.drop_count().get().frames, 3);
    }
}
