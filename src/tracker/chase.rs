//! Chasing: after a jump, a player comes to stand where it would if the song had been played through from its start.
//!
//! In: a player that nobody hears, the number of a tick, and the frame of every tick. Out: the same player, its voices
//! where they would be. Audio thread, in portions of a budget that is counted in work, not in time. Ticks are replayed
//! from the last snapshot that lies far enough back, with their frames passed over; the last of them are rendered for nobody, so that what filters, the Amiga's circuits
//! and ends of recordings leave behind is there too. The caller says when ticks happen, and fades from what sounded before.

use super::SongPlayer;
use super::player::Reach;
use super::snapshot::Origin;
use super::snapshot::Snapshots;

/// What a jump brings back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Chase {
    /// Everything, held notes in the middle of their recordings.
    #[default]
    Full,
    /// Everything but the notes that sound.
    State,
    /// The row and tick only; the row's own notes begin.
    Off,
}

/// Seconds before the wanted frame that are rendered, not passed over: three times what a recording's end leaves.
const ANY_SECONDS: f64 = 0.05;
/// The same for voices with a filter: the lowest (131 Hz) with all its resonance dies away by 80 dB.
const FILTER_SECONDS: f64 = 0.35;
/// The same for AdLib's chips, whose notes begin there.
const CHIP_SECONDS: f64 = 0.1;

/// Steps of a sound's life that cost as much as a tick of its voice.
const STEPS_A_UNIT: usize = 4;

/// A voice's frames that cost as much to render as a tick of it does to replay.
const FRAMES_A_UNIT: usize = 64;

/// What a chase has still to do.
#[derive(Clone, Copy, Debug, Default)]
enum Work {
    /// To put back this voice of a snapshot, and those after it.
    Voices(Origin, usize),
    /// To replay ticks.
    #[default]
    Ticks,
}

/// A chase under way. Real-time throughout.
#[derive(Debug, Default)]
pub struct Chaser {
    chase: Chase,
    work: Work,
    /// Number of the tick that begins next.
    next: u64,
    /// Frame at which the player stands; `None` before its first tick.
    stands: Option<i64>,
}

impl Chaser {
    /// One that has nothing to do.
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins to bring `player` to tick `to`, the one that holds the wanted frame; whatever sounds in it is forgotten.
    ///
    /// Ticks are numbered from the song's start, loops run through. `frame_of` gives the frame on which a tick begins or
    /// would have begun, `i64::MAX` for one that never comes; it is the same for all calls of a chase.
    pub fn begin(
        &mut self,
        player: &mut SongPlayer,
        snapshots: &Snapshots,
        chase: Chase,
        to: u64,
        frame_of: &dyn Fn(u64) -> i64,
    ) {
        *self = Self { chase, ..Self::default() };
        if chase == Chase::Off {
            return self.begin_at_row(player, snapshots, to);
        }
        match snapshots.before(to) {
            Some(origin) => {
                snapshots.begin(origin, player);
                self.next = snapshots.tick_of(origin);
                self.stands = Some(frame_of(self.next));
                self.work = Work::Voices(origin, 0);
            }
            None => {
                player.begin_anew();
            }
        }
    }

    fn begin_at_row(&mut self, player: &mut SongPlayer, snapshots: &Snapshots, to: u64) {
        player.begin_anew();
        if let Some(place) = snapshots.place(to) {
            self.next = to - u64::from(place.tick).min(to);
            if self.next > 0 {
                player.seek_to(place);
            }
        }
    }

    /// Moves on by at most `budget` voice-ticks, or a single tick where that has more voices. `Some(next)` once `player`
    /// stands where it would at frame `now` if it had played all along; `next` is the tick that begins next, which is the
    /// caller's even if it falls on `now`.
    pub fn advance(
        &mut self,
        player: &mut SongPlayer,
        snapshots: &Snapshots,
        now: i64,
        budget: u32,
        frame_of: &dyn Fn(u64) -> i64,
    ) -> Option<u64> {
        let mut left = budget as usize;
        while let Work::Voices(origin, index) = self.work {
            if left == 0 {
                return None;
            }
            let steps = snapshots.put_back((origin, index), player, frame_of);
            self.work = if steps.is_some() { Work::Voices(origin, index + 1) } else { Work::Ticks };
            left = left.saturating_sub(steps.unwrap_or(0).div_ceil(STEPS_A_UNIT));
        }
        loop {
            let start = frame_of(self.next);
            self.pass(player, start.min(now), now, &mut left);
            if start >= now {
                return Some(self.finish(player));
            }
            if left == 0 {
                return None;
            }
            player.tick();
            left = left.saturating_sub(player.voices_in_use());
            (self.next, self.stands) = (self.next + 1, Some(start));
        }
    }

    /// Lets the frames up to `end` pass on the way to `now`.
    fn pass(&mut self, player: &mut SongPlayer, end: i64, now: i64, left: &mut usize) {
        let Some(stands) = self.stands.filter(|&stands| stands < end) else { return };
        let rate = player.rate();
        let frames = |seconds: f64| rate.frames_in(seconds);
        let reach =
            Reach { any: frames(ANY_SECONDS), filtered: frames(FILTER_SECONDS), chips: frames(CHIP_SECONDS) };
        let way = |to: i64| to.saturating_sub(stands) as usize;
        let rendered = player.approach(way(end), way(now), &reach);
        *left = left.saturating_sub(rendered / FRAMES_A_UNIT);
        self.stands = Some(end);
    }

    fn finish(&self, player: &mut SongPlayer) -> u64 {
        if self.chase == Chase::State {
            player.stop_sounds();
        }
        self.next
    }
}
