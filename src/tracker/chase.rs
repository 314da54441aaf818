//! Chasing: after a jump, a player comes to stand where it would if the song had been played through from its start.
//!
//! In: a player that nobody hears, the number of a tick, and the frame of every tick. Out: the same player, its voices
//! where they would be. Audio thread, in portions of a budget that is counted in work, not in time. Ticks are replayed
//! with their frames passed over; the last of them are rendered for nobody, so that what filters, the Amiga's circuits
//! and ends of recordings leave behind is there too. The caller says when ticks happen, and fades from what sounded before.

use super::SongPlayer;
use super::player::Pass;
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

/// Seconds before the wanted frame that are rendered, not passed over.
const RENDERED_SECONDS: f64 = 0.05;

/// A voice's frames that cost as much to render as a tick of it does to replay.
const FRAMES_A_UNIT: usize = 64;

/// A chase under way. Real-time throughout.
#[derive(Debug, Default)]
pub struct Chaser {
    chase: Chase,
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
        _frame_of: &dyn Fn(u64) -> i64,
    ) {
        *self = Self { chase, next: 0, stands: None };
        player.reset();
        player.clear();
        if chase == Chase::Off
            && let Some(place) = snapshots.place(to)
        {
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
        _snapshots: &Snapshots,
        now: i64,
        budget: u32,
        frame_of: &dyn Fn(u64) -> i64,
    ) -> Option<u64> {
        let mut left = budget as usize;
        let rendered = (RENDERED_SECONDS * player.rate().0) as i64;
        loop {
            let start = frame_of(self.next);
            self.pass(player, start.min(now), now.saturating_sub(rendered), &mut left);
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

    /// Lets the frames up to `end` pass, those from `rendered_from` on as if they were heard.
    fn pass(&mut self, player: &mut SongPlayer, end: i64, rendered_from: i64, left: &mut usize) {
        let Some(stands) = self.stands.filter(|&stands| stands < end) else { return };
        let border = rendered_from.clamp(stands, end);
        player.pass((border - stands) as usize, Pass::Over);
        let rendered = (end - border) as usize;
        player.pass(rendered, Pass::Unheard);
        *left = left.saturating_sub(rendered * player.voices_in_use() / FRAMES_A_UNIT);
        self.stands = Some(end);
    }

    fn finish(&self, player: &mut SongPlayer) -> u64 {
        if self.chase == Chase::State {
            player.stop_sounds();
        }
        self.next
    }
}
