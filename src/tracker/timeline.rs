//! A song unrolled: every tick from the start to where it repeats.
//!
//! Built on the worker by running the replay without sound, so that jumps, loops and delays cannot differ from what
//! plays. Read by the engine's clock on the audio thread.

use super::player;
use super::player::Position;
use super::player::SongPlayer;
use super::song::Song;
use super::trim::default_trim;
use crate::rt::shared::Derived;
use crate::units::Gain;
use crate::units::SampleRate;
use std::sync::Arc;
use std::sync::OnceLock;

/// Ticks of a timeline, at most; more than an hour at the usual tempo.
const MAX_TICKS: usize = 200_000;

/// Any rate: ticks do not depend on it.
const RATE: SampleRate = SampleRate(48000.0);

/// Length of a song until it comes round, at its own tempo, or `limit` where it is not shorter. Allocates.
pub(crate) fn seconds(song: &Arc<Song>, limit: f64) -> f64 {
    let mut player = SongPlayer::new(Arc::clone(song), RATE);
    let mut seconds = 0.0;
    for _ in 0..MAX_TICKS {
        player.tick_unheard();
        if player.finished() {
            break;
        }
        seconds += player.tick_seconds();
        if seconds >= limit {
            return limit;
        }
    }
    seconds
}

/// Ticks of an intro and a loop.
pub struct Timeline {
    ticks: Vec<Position>,
    loop_start: usize,
    trim: OnceLock<Gain>,
    song: Arc<Song>,
}

/// Timelines of songs that play.
static TIMELINES: Derived<Song, Timeline> = Derived::new();

impl Timeline {
    /// The timeline of `song`, built unless the process holds it already. Locks: never on the audio thread.
    pub fn of(song: &Arc<Song>) -> Arc<Self> {
        TIMELINES.of(song, || Self::build(song))
    }

    /// How much the song is turned down so that it does not clip; found once for all its instances, which may take long.
    pub fn default_trim(&self) -> Gain {
        *self.trim.get_or_init(|| default_trim(&self.song))
    }

    /// Unrolls `song`; one that goes on for more than 200,000 ticks is cut there. Allocates.
    pub fn build(song: &Arc<Song>) -> Self {
        let mut player = SongPlayer::new(Arc::clone(song), RATE);
        let mut ticks: Vec<Position> = Vec::new();
        while ticks.len() < MAX_TICKS {
            player.tick_unheard();
            let place = player.position();
            if player.finished() {
                let first =
                    |tick: &Position| (tick.order, tick.row, tick.tick) == (place.order, place.row, 0);
                let loop_start = ticks.iter().position(first).unwrap_or(0);
                return Self { loop_start, ticks, trim: OnceLock::new(), song: Arc::clone(song) };
            }
            ticks.push(place);
        }
        Self { ticks, loop_start: 0, trim: OnceLock::new(), song: Arc::clone(song) }
    }

    /// Every tick once, in the order of playing.
    pub fn ticks(&self) -> &[Position] {
        &self.ticks
    }

    /// Tick that follows the last one.
    pub fn loop_start(&self) -> usize {
        self.loop_start
    }

    /// Length of a tick at the module's own tempo.
    pub fn tick_seconds(&self, tick: usize) -> f64 {
        self.ticks.get(tick).map_or(0.02, |tick| player::tick_seconds(&self.song, tick))
    }

    /// Length of intro and loop at the module's own tempo.
    pub fn seconds(&self) -> f64 {
        (0..self.ticks.len()).map(|tick| self.tick_seconds(tick)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tracker::load::load;
    use std::fs;
    use std::path::Path;

    fn heard(song: &Arc<Song>) -> Vec<Position> {
        let mut player = SongPlayer::new(Arc::clone(song), RATE);
        let next = || {
            player.tick();
            (!player.finished()).then(|| player.position())
        };
        std::iter::from_fn(next).take(MAX_TICKS).collect()
    }

    #[test]
    fn a_timeline_goes_where_playing_goes() {
        let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
        let kinds = ["mod", "s3m", "xm", "it"];
        let folders = kinds.iter().map(|kind| format!("tracker-tests/{kind}")).chain(["songs".to_owned()]);
        let mut songs = vec![load(include_bytes!("../rack/demo.it")).unwrap()];
        for entry in folders.filter_map(|folder| fs::read_dir(shared.join(folder)).ok()).flatten() {
            songs.extend(load(&fs::read(entry.unwrap().path()).unwrap()));
        }
        if songs.len() == 1 {
            println!("skipped: {} is absent", shared.display());
        }
        for song in songs.into_iter().map(Arc::new) {
            assert!(Timeline::build(&song).ticks() == heard(&song), "{}", song.title);
        }
    }
}
