//! Lanes: long recordings that are played from disk, on the host's timeline or when they are triggered.
//!
//! In: files, and where they loop and change takes. Out: stereo at the host's rate. One thread for each lane decodes and
//! converts ahead (`feed`), so that a disk that is slow or hangs holds up no other lane: threads of their own are the only way to
//! wait for one file without waiting for another. Pages of finished frames go to the audio thread and come home again
//! (`pages`), which also keeps threads from running too far ahead. `player` plays them.

mod convert;
mod feed;
mod material;
mod pages;
mod player;
#[cfg(test)]
mod tests;

pub use feed::News;
pub use feed::Preparing;
pub use feed::end;
pub use feed::prepare;
pub use material::Material;
pub use pages::Pages;
pub use player::Lane;
pub use player::Moment;

use crate::sample::DecodeError;
use std::path::PathBuf;
use thiserror::Error;

/// Seconds of the timeline, either way, beyond which no lane starts.
pub const FARTHEST: f64 = 1e9;
/// Lanes that there are.
pub const LANES: usize = 8;

/// What a lane plays, and when.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LaneSetup {
    /// Recordings of the same thing; nothing sounds where there are none. One that is missing has its turns, in silence, so
    /// that the others are drawn as if it were there.
    pub takes: Vec<Option<PathBuf>>,
    /// What is repeated, if anything.
    pub repeat: Option<Repeat>,
    /// What starts it.
    pub start: Start,
    /// Seconds into the takes at which another one is drawn.
    pub shuffle: Vec<f64>,
    /// Decides what is drawn.
    pub seed: u64,
}

/// Frames that are played over and over, counted at the first take's own rate; where that is missing, at the rate of the first
/// that is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Repeat {
    /// The first.
    pub start: u64,
    /// The first after the last; the longest take's end where there is none.
    pub end: Option<u64>,
}

/// How long what a lane plays is, in frames at the host's rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// Of the longest take, or up to the loop's end.
    pub frames: u64,
    /// From which frame on it goes round, if it does.
    pub loop_start: Option<u64>,
}

impl Extent {
    /// Where in the takes a lane is that has played so many frames; before its start below 0, and `None` past the end.
    pub fn place(self, position: i64) -> Option<i64> {
        let frames = i64::try_from(self.frames).unwrap_or(i64::MAX);
        match self.loop_start.map(|start| i64::try_from(start).unwrap_or(i64::MAX)) {
            _ if position < frames => Some(position),
            Some(start) if start < frames => Some(start + (position - frames) % (frames - start)),
            _ => None,
        }
    }
}

/// How a lane goes round, to the frame however often it does.
#[derive(Clone, Copy, Debug)]
struct Rounds {
    /// First frame of the loop and the first after it, at the takes' rate.
    repeat: (u64, u64),
    /// Frames at that rate, and at the host's, that last equally long.
    ratio: [u64; 2],
}

impl Rounds {
    /// Where a place in the takes lies in the round that a lane is in which has played so many frames; one before the loop lies
    /// there once.
    fn beside(self, place: i64, position: i64) -> i64 {
        let Self { repeat: (start, end), ratio } = self;
        let [old, new] = ratio.map(u128::from);
        let own = |frame: i64| u64::try_from(frame.max(0) as u128 * old / new).unwrap_or(u64::MAX);
        match own(position).checked_sub(end) {
            Some(after) if own(place) >= start => {
                let rounds = 1 + after / (end - start); // a loop has frames
                let frames = (u128::from(rounds) * u128::from(end - start) * new).div_ceil(old);
                place.saturating_add(i64::try_from(frames).unwrap_or(i64::MAX))
            }
            _ => place,
        }
    }
}

/// What starts a lane.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Start {
    /// The host's time; the lane's first frame sounds at this second.
    Timeline(f64),
    /// Its trigger; with `gate` it stops when that goes off.
    Trigger {
        /// See above.
        gate: bool,
    },
}

impl Default for Start {
    fn default() -> Self {
        Self::Timeline(0.0)
    }
}

/// Why a lane cannot be played, or not as it should.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LaneError {
    /// One of its takes cannot be read, or not all of it; the lane is silent in its place.
    #[error("{}: {error}", file.display())]
    Take {
        /// Where it was looked for.
        file: PathBuf,
        /// What is wrong with it.
        error: DecodeError,
    },
    /// The loop has no frames.
    #[error("the loop from frame {start} to frame {end} is empty")]
    EmptyLoop {
        /// First frame.
        start: u64,
        /// First frame after it.
        end: u64,
    },
    /// Nothing can convert between these rates.
    #[error("cannot convert from {from} to {to} Hz")]
    Rates {
        /// Of the recording.
        from: f64,
        /// Of the host.
        to: f64,
    },
    /// Its thread has broken off in a file.
    #[error("reading it has failed: its files cannot be played")]
    BrokenOff,
    /// The system has no thread left for it.
    #[error("no thread to read it: {0}")]
    Thread(std::io::Error),
}
