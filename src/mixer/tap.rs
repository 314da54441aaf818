//! Where sound is taken off to be recorded: before or after a strip's or an input's gain.
//!
//! In: the blocks of both points. Out: those of one, while it runs, into a frame ring. Audio thread; the ring's other end
//! belongs to whoever writes the file. What sleeps need not be written: it is silence there.

use super::BUSES;
use super::INPUT_CHANNELS;
use super::MASTER;
use super::RETURNS;
use crate::audio::AudioBlock;
use crate::rt::FrameWriter;
use serde::Deserialize;
use serde::Serialize;
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

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

/// What can be recorded. In files and on screen it counts from 1: `input 1`, `bus 3`, `return 1`, `master`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum TapSource {
    /// An input channel, mono.
    Input(usize),
    /// A strip, in the order of strips.
    Strip(usize),
}

/// A text that names nothing to record.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "\"{0}\" cannot be recorded: say input 1 to {INPUT_CHANNELS}, bus 1 to {BUSES}, return 1 to {RETURNS} or master"
)]
pub struct UnknownSource(pub String);

impl fmt::Display for TapSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Strip(MASTER) => write!(f, "master"),
            Self::Strip(strip) if strip >= BUSES => write!(f, "return {}", strip - BUSES + 1),
            Self::Strip(bus) => write!(f, "bus {}", bus + 1),
            Self::Input(input) => write!(f, "input {}", input + 1),
        }
    }
}

impl FromStr for TapSource {
    type Err = UnknownSource;

    fn from_str(text: &str) -> Result<Self, UnknownSource> {
        let known = match text.split_once(' ') {
            None => (text == "master").then_some(Self::Strip(MASTER)),
            Some((kind, number)) => number.parse().ok().and_then(|number: usize| {
                let index = number.checked_sub(1)?;
                match kind {
                    "input" => (index < INPUT_CHANNELS).then_some(Self::Input(index)),
                    "bus" => (index < BUSES).then_some(Self::Strip(index)),
                    "return" => (index < RETURNS).then_some(Self::Strip(BUSES + index)),
                    _ => None,
                }
            }),
        };
        known.ok_or_else(|| UnknownSource(text.to_owned()))
    }
}

impl TryFrom<String> for TapSource {
    type Error = UnknownSource;

    fn try_from(text: String) -> Result<Self, UnknownSource> {
        text.parse()
    }
}

impl From<TapSource> for String {
    fn from(source: TapSource) -> Self {
        source.to_string()
    }
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

    /// Whether so many frames find room, as far as the ring goes; any number does where it does not run.
    pub fn has_room(&self, frames: usize) -> bool {
        !self.is_running() || self.writer.has_room(frames)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rt::Taken;
    use crate::rt::frame_ring;

    #[test]
    fn sources_are_named_from_one_and_found_again_by_name() {
        let strips = (0..=MASTER).map(TapSource::Strip);
        for source in strips.chain((0..INPUT_CHANNELS).map(TapSource::Input)) {
            assert_eq!(source.to_string().parse(), Ok(source));
        }
        assert_eq!(TapSource::Strip(2).to_string(), "bus 3");
        assert_eq!("return 2".parse(), Ok(TapSource::Strip(17)));
        for wrong in ["", "bus", "bus 0", "bus 17", "return 3", "input 9", "Bus 1", "master 1", "bus 1 "] {
            assert_eq!(wrong.parse::<TapSource>(), Err(UnknownSource(wrong.to_owned())));
        }
    }

    #[test]
    fn a_tap_takes_only_its_own_point_and_only_while_it_runs() {
        let (writer, mut reader) = frame_ring(1, 64);
        let mut tap = Tap::new(TapPoint::PreGain, writer);
        let (before, after) = ([0.5; 4], [0.25; 4]);
        let offer = |tap: &mut Tap, frame| {
            tap.write(TapPoint::PreGain, frame, &AudioBlock::new(&[&before[..]]));
            tap.write(TapPoint::PostGain, frame, &AudioBlock::new(&[&after[..]]));
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
        tap.write(TapPoint::PostGain, 50, &AudioBlock::new(&[&[0.5; 3][..]]));
        assert_eq!(reader.drop_count().get().frames, 3);
    }
}
