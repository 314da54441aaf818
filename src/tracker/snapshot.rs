//! What a song needs for its chases: where every tick is.
//!
//! Built by a worker with the song, held once for all its instances, read on the audio thread.

use super::player::Position;
use super::song::Song;
use super::timeline::Timeline;
use crate::rt::shared::Derived;
use std::sync::Arc;

/// See the module's description.
pub struct Snapshots {
    timeline: Arc<Timeline>,
}

/// Of songs that play.
static SNAPSHOTS: Derived<Song, Snapshots> = Derived::new();

impl Snapshots {
    /// Those of `song`, built unless the process holds them already. Locks: never on the audio thread.
    pub fn of(song: &Arc<Song>) -> Arc<Self> {
        SNAPSHOTS.of(song, || Self { timeline: Timeline::of(song) })
    }

    /// Place of the n-th tick from the song's start, loops run through.
    pub(crate) fn place(&self, number: u64) -> Option<Position> {
        let ticks = self.timeline.ticks();
        let (count, loop_start) = (ticks.len() as u64, self.timeline.loop_start() as u64);
        let index = match number.checked_sub(count) {
            None => number,
            Some(past) => loop_start + past % count.saturating_sub(loop_start).max(1),
        };
        ticks.get(index as usize).copied()
    }
}
