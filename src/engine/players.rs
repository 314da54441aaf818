//! The two players of a song: one that is heard, and one that is made ready for the next jump.
//!
//! In: jumps, and those that are to come. Out: the song's channels, with a cross-fade from one player to the other that is
//! counted in frames. Audio thread, apart from `new`. Players are made ready on the lines of the control grid, so that
//! what is heard does not depend on how calls are cut. When ticks happen is the caller's business.

use super::clock::Grid;
use super::clock::Turn;
use super::ticks::SongTimes;
use crate::audio::BLOCK_SIZE;
use crate::audio::GRID;
use crate::audio::Outlets;
use crate::audio::RenderContext;
use crate::dsp::smoothstep;
use crate::tracker::Chase;
use crate::tracker::Chaser;
use crate::tracker::Position;
use crate::tracker::Snapshots;
use crate::tracker::Song;
use crate::tracker::SongPlayer;
use crate::units::SampleRate;
use std::ops::Range;
use std::sync::Arc;

/// How long one player fades into the other.
const FADE_SECONDS: f64 = 0.003;
/// Voice-ticks that a chase may replay on a line of the grid; some 120 µs.
const CHASE_BUDGET: u32 = 1_500;
/// The same for a jump that is still to come.
const PREPARE_BUDGET: u32 = 150;
/// A jump that comes within so many frames is prepared with the budget of a chase.
const URGENT_FRAMES: i64 = 8_192;
/// A chase that has been begun anew for so many frames is brought to its end, so that a scrub is heard.
const PATIENCE_FRAMES: i64 = 1_024;

/// What the player that is not heard is made ready for.
#[derive(Clone, Copy, Debug)]
enum Task {
    None,
    /// A jump that has happened, the first of a row at `since`.
    Chase {
        grid: Grid,
        since: i64,
    },
    /// A jump that is to come; `next` is the tick that follows it, once all is ready.
    Prepare {
        turn: Turn,
        next: Option<u64>,
    },
}

/// A cross-fade under way.
#[derive(Clone, Copy, Debug)]
struct Fade {
    passed: u32,
    /// What was heard before still sounds.
    out: bool,
    /// What is heard now does not begin from silence.
    into: bool,
}

/// See the module's description.
pub(super) struct Players {
    players: [SongPlayer; 2],
    /// Index of the one that is heard.
    heard: usize,
    chaser: Chaser,
    snapshots: Arc<Snapshots>,
    chase: Chase,
    task: Task,
    fade: Option<Fade>,
    fade_frames: u32,
}

impl Players {
    /// Builds both, and what other instances of the song do not hold yet. Allocates.
    pub(super) fn new(song: &Arc<Song>, rate: SampleRate) -> Self {
        Self {
            snapshots: Snapshots::of(song),
            players: [(); 2].map(|()| SongPlayer::new(Arc::clone(song), rate)),
            heard: 0,
            chaser: Chaser::new(),
            chase: Chase::Full,
            task: Task::None,
            fade: None,
            fade_frames: rate.frames_in(FADE_SECONDS).max(1) as u32,
        }
    }

    /// The one that is heard.
    pub(super) fn heard(&self) -> &SongPlayer {
        &self.players[self.heard] // 0 or 1
    }

    pub(super) fn heard_mut(&mut self) -> &mut SongPlayer {
        &mut self.players[self.heard] // 0 or 1
    }

    pub(super) fn both_mut(&mut self) -> impl Iterator<Item = &mut SongPlayer> {
        self.players.iter_mut()
    }

    /// What a jump brings back, from the next one on. `true` where one is under way, which is to be begun anew.
    pub(super) fn set_chase(&mut self, chase: Chase) -> bool {
        let changed = std::mem::replace(&mut self.chase, chase) != chase;
        if changed && matches!(self.task, Task::Prepare { .. }) {
            self.task = Task::None;
        }
        changed && self.chasing()
    }

    /// Whether one fades into the other: the next jump has to wait.
    pub(super) fn fading(&self) -> bool {
        self.fade.is_some()
    }

    /// Whether a jump has happened and what follows it is not ready yet.
    pub(super) fn chasing(&self) -> bool {
        matches!(self.task, Task::Chase { .. })
    }

    /// Whether a chase has gone on for so long that it must not be begun anew at `frame`.
    pub(super) fn overdue(&self, frame: i64) -> bool {
        matches!(self.task, Task::Chase { since, .. } if frame - since > PATIENCE_FRAMES)
    }

    /// Makes a player heard that has played nothing yet, from the song's start or from a place in it.
    pub(super) fn restart(&mut self, place: Option<Position>) {
        self.task = Task::None;
        fresh(&mut self.players[1 - self.heard], place); // 0 or 1
        self.swap();
    }

    /// Has the player that is heard, and silent, begin at a place while the other one chases.
    pub(super) fn begin_at(&mut self, place: Position) {
        fresh(self.heard_mut(), Some(place));
    }

    /// Chases where the song is by `grid`; done by `work`.
    pub(super) fn chase(&mut self, grid: Grid, frame: i64, times: &SongTimes) {
        let since = if let Task::Chase { since, .. } = self.task {
            since
        } else {
            // The jump takes the keys' notes; those struck from here on are carried over.
            self.heard_mut().forget_keys();
            frame
        };
        self.task = Task::Chase { grid, since };
        self.begin(&grid, frame, times);
    }

    /// The grid of a jump under way has been anchored anew.
    pub(super) fn regrid(&mut self, new: Grid) {
        if let Task::Chase { grid, .. } = &mut self.task {
            *grid = new;
        }
    }

    /// Makes ready for a jump that is to come, unless that is under way.
    pub(super) fn prepare(&mut self, turn: Option<Turn>, times: &SongTimes) {
        let under_way = match self.task {
            Task::None => None,
            Task::Chase { .. } => return,
            Task::Prepare { turn, .. } => Some(turn),
        };
        let same = |(old, new): (Turn, Turn)| {
            old.grid.meets(old.frame, &new.grid, new.frame) && old.frame == new.frame
        };
        if self.fading() || under_way.zip(turn).is_some_and(same) {
            return;
        }
        self.task = turn.map_or(Task::None, |turn| Task::Prepare { turn, next: None });
        if let Some(turn) = turn {
            self.begin(&turn.grid, turn.frame, times);
        }
    }

    fn begin(&mut self, grid: &Grid, frame: i64, times: &SongTimes) {
        let to = grid.tick_at(frame, times);
        let other = &mut self.players[1 - self.heard]; // 0 or 1
        self.chaser.begin(other, &self.snapshots, self.chase, to, &|tick| grid.frame_within(tick, times));
    }

    /// If `grid` is at `frame` where a jump has been prepared to go, goes there and gives its grid and next tick.
    pub(super) fn take_prepared(&mut self, grid: &Grid, frame: i64) -> Option<(Grid, u64)> {
        let Task::Prepare { turn, next: Some(next) } = self.task else { return None };
        if !grid.meets(frame, &turn.grid, turn.frame) {
            return None;
        }
        self.swap();
        Some((turn.grid.moved(turn.frame, frame), next))
    }

    /// Moves on with what is to be made ready, on lines of the control grid. `Some` once a chase is done and its player
    /// heard; it is the tick that begins next.
    pub(super) fn work(&mut self, frame: i64, times: &SongTimes) -> Option<u64> {
        if frame % GRID as i64 != 0 || self.fading() {
            return None;
        }
        match self.task {
            Task::None | Task::Prepare { next: Some(_), .. } => None,
            Task::Chase { grid, .. } => {
                let next = self.advance(&grid, frame, CHASE_BUDGET, times);
                if next.is_some() {
                    let [first, second] = &mut self.players;
                    let (new, old) = if self.heard == 0 { (second, first) } else { (first, second) };
                    new.take_keys(old);
                    self.swap();
                }
                next
            }
            Task::Prepare { turn, next: None } => {
                let urgent = turn.frame - frame < URGENT_FRAMES;
                let budget = if urgent { CHASE_BUDGET } else { PREPARE_BUDGET };
                let next = self.advance(&turn.grid, turn.frame, budget, times);
                self.task = Task::Prepare { turn, next };
                None
            }
        }
    }

    fn advance(&mut self, grid: &Grid, now: i64, budget: u32, times: &SongTimes) -> Option<u64> {
        let other = &mut self.players[1 - self.heard]; // 0 or 1
        let frame_of = |tick| grid.frame_within(tick, times);
        self.chaser.advance(other, &self.snapshots, now, budget, &frame_of)
    }

    /// Lets the other player be heard, under the same controllers. One that is not heard is under none, so that it comes to
    /// stand where the song alone would have brought it.
    fn swap(&mut self) {
        self.task = Task::None;
        let out = self.heard().sounds();
        self.heard = 1 - self.heard;
        let [first, second] = &mut self.players;
        let (new, old) = if self.heard == 0 { (first, second) } else { (second, first) };
        new.take_controllers(old);
        old.forget_controllers();
        let into = self.heard().sounds();
        self.fade = (out || into).then_some(Fade { passed: 0, out, into });
    }

    /// The next frame after `frame` on which something changes here.
    pub(super) fn next_cut(&self, frame: i64) -> Option<i64> {
        if let Some(fade) = self.fade {
            return Some(frame + i64::from(self.fade_frames - fade.passed).max(1));
        }
        let works = matches!(self.task, Task::Chase { .. } | Task::Prepare { next: None, .. });
        works.then(|| (frame / GRID as i64 + 1) * GRID as i64)
    }

    /// Whether the cross-fade has just come to its end.
    pub(super) fn end_fade(&mut self) -> bool {
        let ends = self.fade.is_some_and(|fade| fade.passed >= self.fade_frames);
        if ends {
            self.fade = None;
        }
        ends
    }

    /// Adds the song's channels, over at most `BLOCK_SIZE` frames.
    pub(super) fn render(
        &mut self,
        ctx: &mut RenderContext<'_>,
        outlets: &mut Outlets<'_>,
        range: &Range<usize>,
    ) {
        let Some(fade) = &mut self.fade else { return self.heard_mut().render(ctx, outlets, range) };
        let (passed, out, into) = (fade.passed, fade.out, fade.into);
        fade.passed += range.len() as u32;
        let mut factors = [1.0; BLOCK_SIZE];
        let factors = &mut factors[..range.len().min(BLOCK_SIZE)];
        let steps = self.fade_frames + 1;
        let share = move |frame: usize| smoothstep((passed as usize + frame + 1) as f32 / steps as f32);
        if out {
            // Where the new player fades in too, its gain is applied to the sum: see below.
            let of_old = |share: f32| if into { (1.0 - share) / share } else { 1.0 - share };
            factors.iter_mut().enumerate().for_each(|(frame, factor)| *factor = of_old(share(frame)));
            self.players[1 - self.heard].render(ctx, outlets, range); // 0 or 1
            outlets.scale(range, factors);
        }
        self.heard_mut().render(ctx, outlets, range);
        if into {
            factors.iter_mut().enumerate().for_each(|(frame, factor)| *factor = share(frame));
            outlets.scale(range, factors);
        }
    }

    /// Back to new players with the same settings.
    pub(super) fn reset(&mut self) {
        self.players.iter_mut().for_each(|player| {
            player.reset();
            player.clear();
            player.forget_controllers();
        });
        (self.task, self.fade, self.heard) = (Task::None, None, 0);
    }
}

/// Brings a player to the song's start or to a place in it, with nothing sounding.
fn fresh(player: &mut SongPlayer, place: Option<Position>) {
    player.reset();
    player.clear();
    if let Some(place) = place {
        player.seek_to(place);
    }
}
