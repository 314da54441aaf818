//! A song unrolled: every tick from the start to where it repeats, at the same speed and tempo.
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

/// Rounds that are looked through for one that begins as an earlier one did, with the same speed and tempo.
const MOST_ROUNDS: u32 = 8;

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

/// Ticks of an intro and a loop, and of further rounds while those begin at other speeds and tempos than the first.
pub struct Timeline {
    ticks: Vec<Position>,
    /// Ticks of the first round, and the one of them that the second round begins with.
    round: usize,
    loop_start: usize,
    /// Tick that follows the last one of all.
    repeat: usize,
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
        let mut timeline = Self {
            ticks: Vec::new(),
            round: 0,
            loop_start: 0,
            repeat: 0,
            trim: OnceLock::new(),
            song: Arc::clone(song),
        };
        while timeline.ticks.len() < MAX_TICKS {
            let rounds = player.rounds();
            player.tick_unheard();
            if (player.rounds() > rounds || player.finished() && timeline.round == 0)
                && timeline.ends_with(&player)
            {
                return timeline;
            }
            timeline.ticks.push(player.position());
        }
        timeline.give_up();
        timeline
    }

    /// Takes in that a round has ended; `true` where all that follows is known.
    fn ends_with(&mut self, player: &SongPlayer) -> bool {
        let place = player.position();
        if self.round == 0 {
            let first = |tick: &Position| (tick.order, tick.row, tick.tick) == (place.order, place.row, 0);
            self.round = self.ticks.len();
            self.loop_start = self.ticks.iter().position(first).unwrap_or(0);
        }
        if let Some(repeat) = self.ticks.iter().position(|tick| *tick == place) {
            self.repeat = repeat;
            return true;
        }
        let endless = player.rounds() == 0 || player.rounds() >= MOST_ROUNDS;
        if endless {
            self.give_up();
        }
        endless
    }

    /// The first round is taken for all others.
    fn give_up(&mut self) {
        if self.round > 0 {
            self.ticks.truncate(self.round);
        }
        (self.round, self.repeat) = (self.ticks.len(), self.loop_start);
    }

    /// Every tick of the first round, in the order of playing.
    pub fn ticks(&self) -> &[Position] {
        self.ticks.get(..self.round).unwrap_or(&self.ticks)
    }

    /// The tick of the first round that the second one begins with, be it at another speed.
    pub fn loop_start(&self) -> usize {
        self.loop_start
    }

    /// Every tick until all repeats, with speeds and tempos; those of the first round come first.
    pub fn unrolled(&self) -> &[Position] {
        &self.ticks
    }

    /// The tick of all that follows the last one.
    pub fn repeat(&self) -> usize {
        self.repeat
    }

    /// Length of a tick at the module's own tempo.
    pub fn tick_seconds(&self, tick: usize) -> f64 {
        self.ticks.get(tick).map_or(0.02, |tick| player::tick_seconds(&self.song, tick))
    }

    /// Length of the first round at the module's own tempo.
    pub fn seconds(&self) -> f64 {
        (0..self.round).map(|tick| self.tick_seconds(tick)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tracker::fixture;
    use crate::tracker::song::Cell;
    use crate::tracker::song::Format;
    use crate::tracker::song::PitchModel;

    fn heard(song: &Arc<Song>) -> Vec<Position> {
        let mut player = SongPlayer::new(Arc::clone(song), RATE);
        let next = || {
            player.tick();
            (!player.finished()).then(|| player.position())
        };
        std::iter::from_fn(next).take(MAX_TICKS).collect()
    }

    /// What a song plays that is never cut, for so many ticks.
    fn played(song: &Arc<Song>, ticks: usize) -> Vec<Position> {
        let mut player = SongPlayer::new(Arc::clone(song), RATE);
        let next = |_| {
            player.tick();
            player.position()
        };
        (0..ticks).map(next).collect()
    }

    #[test]
    fn rounds_at_other_speeds_and_tempos_than_the_first_are_unrolled_too() {
        // Speed 3 and tempo 150 from row 32 on stay when the song comes round.
        let mut song = fixture::song(Format::Xm, PitchModel::Linear);
        for (row, parameter) in [(32, 3), (33, 150)] {
            fixture::put(&mut song, row, Cell { effect: 0x0F, parameter, ..Cell::default() });
        }
        let song = Arc::new(song);
        let timeline = Timeline::build(&song);
        let (first, second) = (32 * 6 + 32 * 3, 64 * 3);
        assert_eq!((timeline.ticks().len(), timeline.loop_start()), (first, 0));
        assert_eq!((timeline.unrolled().len(), timeline.repeat()), (first + second, first));
        let played = played(&song, first + 3 * second);
        let passes = timeline.unrolled().iter().chain(&timeline.unrolled()[first..]);
        assert!(passes.eq(&played[..first + 2 * second]));
    }

    #[test]
    fn a_song_that_never_comes_round_alike_loops_as_its_first_round() {
        // The tempo slides up in each round, for more rounds than are looked through.
        let mut song = fixture::song(Format::It, PitchModel::Linear);
        song.initial_tempo = 40;
        fixture::put(&mut song, 1, Cell { effect: 20, parameter: 0x12, ..Cell::default() });
        let timeline = Timeline::build(&Arc::new(song));
        assert_eq!((timeline.ticks().len(), timeline.loop_start()), (64 * 6, 0));
        assert_eq!((timeline.unrolled().len(), timeline.repeat()), (64 * 6, 0));
    }

    #[test]
    fn a_timeline_goes_where_playing_goes() {
        for song in fixture::songs_at_hand().into_iter().map(Arc::new) {
            assert!(Timeline::build(&song).ticks() == heard(&song), "{}", song.title);
        }
    }
}
