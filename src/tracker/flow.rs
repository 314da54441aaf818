//! Orders, rows and ticks: where the song is and where it goes next.
//!
//! In: the effects that jump, break, loop and delay. Out: the place of every tick. Audio thread. Playing and the
//! timeline use this same code. A song has ended when a place comes up again with the same loop counts.
//! Sources: the `PatLoop*`, `PatternDelay*` and `DelayBreak` test modules.

use super::rules::Rules;
use super::song;
use super::song::Format;
use super::song::Order;
use super::song::Song;
use super::wave::RandomNumbers;
use super::wave::RandomState;
use super::ways::Way;
use std::cell::Cell;
use std::ops::Deref;
use std::ops::DerefMut;

/// Slots of the table of visited places, at most and at least; a song that fills it counts as ended.
const MOST_VISITS: usize = 1 << 16;
const FEWEST_VISITS: usize = 1 << 8;

/// Slots enough for each row to be visited twice, played and passed over; where patterns loop, a row is another place
/// for each way in which the loops stand.
fn visit_slots(song: &Song) -> usize {
    let loops = |cell: &song::Cell| match song.format {
        Format::Mod | Format::Xm => cell.effect == 0x0E && cell.parameter >> 4 == 6,
        Format::S3m | Format::It => cell.effect == 19 && cell.parameter >> 4 == 0x0B,
    };
    if song.patterns.iter().flat_map(|pattern| &pattern.cells).any(loops) {
        return MOST_VISITS;
    }
    let rows_of = |order: &Order| match order {
        Order::Pattern(pattern) => usize::from(rows(song, *pattern)),
        Order::Skip | Order::End => 1,
    };
    let all: usize = song.orders.iter().map(rows_of).sum();
    (all * 4).next_power_of_two().clamp(FEWEST_VISITS, MOST_VISITS)
}

/// Where the song is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Place in the order list.
    pub order: u16,
    /// Pattern that this order plays.
    pub pattern: u16,
    /// Row of the pattern.
    pub row: u16,
    /// Tick of the row, from 0; a pattern delay counts on.
    pub tick: u32,
    /// Ticks a row.
    pub speed: u16,
    /// BPM.
    pub tempo: u16,
}

/// A channel's pattern loop.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PatternLoop {
    pub(crate) start: u16,
    pub(crate) left: u8,
}

/// Where the flow of rows is, in plain data.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FlowState {
    pub(crate) position: Position,
    next_order: u16,
    next_row: u16,
    /// Row at which FT2 starts the next pattern after an E60.
    next_pattern_row: u16,
    /// Repeats of the row, 0 where it has no delay, else one more than its parameter.
    pub(crate) row_repeats: u32,
    pub(crate) extra_ticks: u32,
    pub(crate) break_row: Option<u16>,
    pub(crate) jump: Option<u16>,
    loop_row: Option<u16>,
    jumped: bool,
    pub(crate) global_volume: i32,
    /// Memory of global volume slides, in formats that have one for all channels.
    pub(crate) global_volume_slide: u8,
    /// The Amiga's second filter is on, and its power LED bright.
    pub(crate) led_filter: bool,
    /// First tick of the row, or of a repeat where the format counts those as first.
    pub(crate) first_tick: bool,
    /// Nothing is left to play.
    pub(crate) stopped: bool,
    fresh: bool,
    /// The one order whose pattern is played: whatever leads out of it leads to its start.
    only: Option<Position>,
    /// What comes after this row lies outside the pattern.
    leaves: bool,
}

/// The flow of rows.
pub(crate) struct Flow {
    state: FlowState,
    /// One for each channel; Scream Tracker 3 uses the first only.
    loops: Box<[PatternLoop]>,
    visited: Box<[Visit]>,
    generation: u32,
    /// How often the song has come round.
    pub(crate) rounds: u32,
    /// The background voice that a note moved to last, with its envelopes' positions.
    pub(crate) last_moved: Cell<Option<(usize, [u32; 3])>>,
    /// Notes that have moved to background voices.
    moves: Cell<u32>,
    /// A macro has just opened the filters of all channels.
    pub(crate) filters_open: Cell<bool>,
    /// Drawn from by swings and random shapes.
    pub(crate) random: RandomNumbers,
}

impl Deref for Flow {
    type Target = FlowState;

    fn deref(&self) -> &FlowState {
        &self.state
    }
}

impl DerefMut for Flow {
    fn deref_mut(&mut self) -> &mut FlowState {
        &mut self.state
    }
}

/// A flow between two ticks, to be taken up again.
#[derive(Clone, Debug)]
pub(crate) struct FlowSnapshot {
    state: FlowState,
    loops: Box<[PatternLoop]>,
    last_moved: Option<(usize, [u32; 3])>,
    moves: u32,
    pub(crate) random: RandomState,
}

impl FlowSnapshot {
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>() + size_of_val(&*self.loops)
    }
}

#[derive(Clone, Copy, Default)]
struct Visit {
    generation: u32,
    key: u64,
}

/// What a call of `advance` has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Advance {
    /// Another tick of the same row.
    Tick,
    /// A new row.
    Row,
    /// A row that ProTracker passes over: its cells are read, its ticks are not played.
    SkippedRow,
    /// No row can be found.
    Stopped,
}

impl Flow {
    pub(crate) fn new(song: &Song) -> Self {
        Self::with_visits(song, visit_slots(song))
    }

    /// For what never comes round: keys that are played without the song, and single patterns.
    pub(crate) fn standing(song: &Song) -> Self {
        Self::with_visits(song, 0)
    }

    fn with_visits(song: &Song, slots: usize) -> Self {
        let mut flow = Self {
            state: FlowState::default(),
            loops: vec![PatternLoop::default(); song.channels.len()].into(),
            visited: vec![Visit::default(); slots].into(),
            generation: 1,
            rounds: 0,
            last_moved: Cell::new(None),
            moves: Cell::new(0),
            filters_open: Cell::new(false),
            random: RandomNumbers::starting_at(0, 0),
        };
        flow.reset(song);
        flow
    }

    /// To the start of the song. Real-time.
    pub(crate) fn reset(&mut self, song: &Song) {
        self.position = Position {
            speed: song.initial_speed.max(1).into(),
            tempo: song.initial_tempo.max(31).into(),
            ..Position::default()
        };
        self.global_volume = i32::from(song.initial_global_volume) * 2;
        self.global_volume_slide = 0;
        self.led_filter = false;
        self.seek(0, 0);
    }

    /// The next tick begins at a row. Real-time.
    pub(crate) fn seek(&mut self, order: u16, row: u16) {
        (self.next_order, self.next_row, self.next_pattern_row) = (order, row, 0);
        (self.row_repeats, self.extra_ticks, self.jumped) = (0, 0, false);
        (self.break_row, self.jump, self.loop_row) = (None, None, None);
        self.loops.fill(PatternLoop::default());
        self.generation = self.generation.wrapping_add(1).max(1);
        (self.rounds, self.stopped, self.fresh) = (0, false, true);
        (self.only, self.leaves) = (None, false);
        self.last_moved.set(None);
        self.random = RandomNumbers::starting_at(order, row);
    }

    /// The next tick begins the pattern of `place` at its first row, at its speed and tempo; nothing else is played, and
    /// every time that the pattern begins anew counts as a round. Real-time.
    pub(crate) fn stay_in(&mut self, place: Position) {
        self.seek(place.order, 0);
        (self.position.speed, self.position.tempo) = (place.speed, place.tempo);
        self.only = Some(place);
    }

    /// Whether the tick that comes next lies outside the pattern, or begins it anew where nothing else is played.
    pub(crate) fn leaves_pattern(&self) -> bool {
        !self.fresh && self.leaves && self.position.tick + 1 >= self.ticks_on_row()
    }

    /// Another note moves to a background voice: says how many there have been.
    pub(crate) fn count_move(&self) -> u32 {
        self.moves.set(self.moves.get().wrapping_add(1));
        self.moves.get()
    }

    /// What is needed to go on from here. Allocates.
    pub(crate) fn snapshot(&self) -> FlowSnapshot {
        FlowSnapshot {
            state: self.state,
            loops: self.loops.clone(),
            last_moved: self.last_moved.get(),
            moves: self.moves.get(),
            random: self.random.state(),
        }
    }

    /// Goes on from where a flow of the same song was, as if it had begun there, with so many random numbers drawn since.
    ///
    /// Real-time: yes.
    pub(crate) fn take_up(&mut self, snapshot: &FlowSnapshot, draws: u64) {
        self.state = snapshot.state;
        self.loops.iter_mut().zip(&snapshot.loops).for_each(|(own, kept)| *own = *kept);
        self.last_moved.set(snapshot.last_moved);
        self.moves.set(snapshot.moves);
        self.random = RandomNumbers::going_on(snapshot.random.after(draws));
        (self.generation, self.rounds) = (self.generation.wrapping_add(1).max(1), 0);
    }

    /// Ticks of one pass of the row.
    pub(crate) fn row_ticks(&self) -> u32 {
        (u32::from(self.position.speed) + self.extra_ticks).max(1)
    }

    fn ticks_on_row(&self) -> u32 {
        self.row_ticks() * self.row_repeats.max(1)
    }

    /// Begins the next tick.
    pub(crate) fn advance(&mut self, song: &Song, rules: &Rules) -> Advance {
        let due = self.fresh || self.position.tick + 1 >= self.ticks_on_row();
        if !due {
            self.position.tick += 1;
            self.first_tick = self.repeats_first_tick(rules);
            return Advance::Tick;
        }
        self.fresh = false;
        let skipped = self.row_repeats > 1 && self.jumped && rules.is_mod();
        self.begin_row(rules);
        if !self.find_pattern(song) {
            self.stopped = true;
            return Advance::Stopped;
        }
        if self.comes_round(skipped) {
            self.rounds += 1;
        }
        self.plan_next_row(song, rules);
        if skipped {
            // The next call finds the row over.
            self.position.tick = self.ticks_on_row();
            return Advance::SkippedRow;
        }
        self.first_tick = true;
        self.jumped = false;
        Advance::Row
    }

    /// Marks the row as played; `true` where another round begins with it.
    fn comes_round(&mut self, skipped: bool) -> bool {
        if self.only.is_some() {
            return self.leaves;
        }
        let again = self.visit(skipped);
        if again {
            self.generation = self.generation.wrapping_add(1).max(1);
            self.visit(skipped);
        }
        again
    }

    /// A repeated row has first ticks again, except in FT2.
    fn repeats_first_tick(&self, rules: &Rules) -> bool {
        let repeats = !rules.is_xm() && (!rules.is_mod() || rules.protracker);
        repeats && self.position.tick.is_multiple_of(self.row_ticks())
    }

    fn begin_row(&mut self, rules: &Rules) {
        if rules.is_s3m() && (self.next_row == 0 || self.jumped) {
            for pattern_loop in &mut self.loops {
                pattern_loop.start = 0;
            }
        }
        (self.row_repeats, self.extra_ticks) = (0, 0);
        self.position.tick = 0;
        self.position.row = self.next_row;
        self.position.order = self.next_order;
    }

    /// Passes over skipped and empty orders and, at the end, to the restart order; `false` where that leads nowhere.
    fn find_pattern(&mut self, song: &Song) -> bool {
        if let Some(only) = self.only {
            self.position.order = only.order;
            self.enter(song, only.pattern);
            return true;
        }
        // Each order is looked at twice at most: once on the way to the end and once after the restart.
        for _ in 0..song.orders.len() * 2 + 2 {
            match song.orders.get(usize::from(self.position.order)) {
                Some(Order::Pattern(pattern)) if usize::from(*pattern) < song.patterns.len() => {
                    self.enter(song, *pattern);
                    return true;
                }
                Some(Order::Skip | Order::Pattern(_)) => self.position.order += 1,
                Some(Order::End) | None => {
                    let restart = restart_order(song, self.position.order);
                    self.position.order = restart;
                }
            }
        }
        false
    }

    fn enter(&mut self, song: &Song, pattern: u16) {
        self.position.pattern = pattern;
        self.next_order = self.position.order;
        if self.position.row >= rows(song, pattern) {
            self.position.row = 0;
        }
    }

    /// Marks the row as played; `true` where it had been, with the same loops under way.
    fn visit(&mut self, skipped: bool) -> bool {
        let place = u64::from(self.position.order) << 16 | u64::from(self.position.row);
        let mut key =
            (place ^ 0xCBF2_9CE4_8422_2325 ^ u64::from(skipped) << 40).wrapping_mul(0x0100_0000_01B3);
        for (channel, pattern_loop) in self.loops.iter().enumerate() {
            if pattern_loop.left != 0 {
                key = (key ^ (channel as u64) << 8 ^ u64::from(pattern_loop.left))
                    .wrapping_mul(0x0100_0000_01B3);
            }
        }
        key ^= key >> 29;
        let slots = self.visited.len();
        for offset in 0..slots {
            let slot = &mut self.visited[(key as usize).wrapping_add(offset) % slots]; // inside, by the remainder
            if slot.generation != self.generation {
                *slot = Visit { generation: self.generation, key };
                return false;
            }
            if slot.key == key {
                return true;
            }
        }
        true
    }

    fn plan_next_row(&mut self, song: &Song, rules: &Rules) {
        self.next_row = self.position.row + 1;
        self.leaves = self.next_row >= rows(song, self.position.pattern);
        if self.leaves {
            self.next_order = self.position.order.saturating_add(1);
            self.next_row = 0;
            if rules.ft2.loop_row_leaks {
                self.next_row = std::mem::take(&mut self.next_pattern_row);
            }
        }
    }

    /// Forgets the jumps of the row before; the effects of a tick set them anew.
    pub(crate) fn begin_effects(&mut self) {
        (self.break_row, self.jump, self.loop_row) = (None, None, None);
    }

    /// Settles which of a row's jumps, breaks and loops wins.
    pub(crate) fn finish_row(&mut self, song: &Song, rules: &Rules) {
        let wanted = self.break_row.is_some() || self.jump.is_some();
        let it_jump = rules.it(Way::JumpsWinOverLoopsOnTheLeft) || rules.it(Way::JumpsWinOverLoopsAnywhere);
        let over_loop = rules.ft2.jumps_win_over_loops || it_jump && self.jump.is_some();
        if wanted && (self.loop_row.is_none() || over_loop) {
            self.follow_jump(song, rules);
        } else if let Some(row) = self.loop_row {
            self.follow_loop(song, rules, row);
        }
    }

    fn follow_jump(&mut self, song: &Song, rules: &Rules) {
        let mut order = self.jump.unwrap_or(self.position.order.saturating_add(1));
        if usize::from(order) >= song.orders.len() {
            order = song.restart_order;
        }
        let keeps_loops = rules.it(Way::BreaksKeepLoops) || rules.is_mod() || rules.ft2.jumps_win_over_loops;
        if !keeps_loops && order != self.position.order {
            for pattern_loop in &mut self.loops {
                pattern_loop.left = 0;
            }
        }
        self.next_row = self.break_row.unwrap_or(0);
        self.next_order = order;
        (self.jumped, self.leaves) = (true, true);
    }

    fn follow_loop(&mut self, song: &Song, rules: &Rules, row: u16) {
        self.next_order = self.position.order;
        self.next_row = row;
        let skips = rules.is_it() && !rules.it(Way::JumpsWinOverLoopsOnTheLeft);
        if self.row_repeats != 0 && (rules.is_numbered() || skips) {
            self.next_row += 1;
        }
        self.leaves = row >= rows(song, self.position.pattern);
        if self.leaves {
            self.next_order += 1;
            self.next_row = 0;
        }
    }

    /// Bxx.
    pub(crate) fn jump_to_order(&mut self, rules: &Rules, order: u8) {
        self.next_pattern_row = 0;
        self.jump = Some(order.into());
        if rules.is_numbered() && self.break_row.is_some() {
            self.break_row = Some(0);
        }
    }

    /// Dxx, Cxx.
    pub(crate) fn break_to_row(&mut self, row: u8) {
        self.next_pattern_row = 0;
        self.break_row = Some(row.into());
    }

    /// E6x, SBx.
    pub(crate) fn loop_pattern(&mut self, rules: &Rules, channel: usize, count: u8) {
        let channel = if rules.is_s3m() { 0 } else { channel };
        let row = self.position.row;
        let others_loop =
            self.loops.iter().enumerate().any(|(other, state)| other != channel && state.left != 0);
        let Some(pattern_loop) = self.loops.get_mut(channel) else { return };
        if count == 0 {
            pattern_loop.start = row;
            return;
        }
        if pattern_loop.left > 0 {
            pattern_loop.left -= 1;
            if pattern_loop.left == 0 {
                if rules.it(Way::LoopStartMovesOn) || rules.is_s3m() {
                    pattern_loop.start = row + 1;
                }
                return;
            }
        } else {
            let apart = match rules.is_it() {
                true => rules.it(Way::LoopsByChannel),
                false => rules.ft2.loops_of_channels_are_apart,
            };
            if others_loop && !apart {
                return;
            }
            pattern_loop.left = count;
        }
        let target = pattern_loop.start;
        self.next_pattern_row = target;
        if self.break_row.is_some() && rules.ft2.jumps_win_over_loops {
            self.break_row = Some(target);
        }
        self.loop_row = Some(target);
        if rules.it(Way::JumpsWinOverLoopsOnTheLeft) {
            self.jump = None;
        }
    }

    /// S6x.
    pub(crate) fn delay_ticks(&mut self, rules: &Rules, ticks: u8) {
        let before = if rules.last_tick_delay_counts { 0 } else { self.extra_ticks };
        self.extra_ticks = before + u32::from(ticks);
    }

    /// EEx, SEx. Scream Tracker 3 and Impulse Tracker heed the first of a row only.
    pub(crate) fn delay_pattern(&mut self, rules: &Rules, rows: u8) {
        let first_only = rules.is_s3m() || rules.is_it();
        if first_only && self.row_repeats != 0 || rules.is_s3m() && rows == 0 {
            return;
        }
        self.row_repeats = 1 + u32::from(rows);
    }
}

/// Rows of a pattern that exists.
fn rows(song: &Song, pattern: u16) -> u16 {
    song.patterns.get(usize::from(pattern)).map_or(1, |pattern| pattern.rows.max(1))
}

/// Where a song goes on after its end at `order`: the restart order, or the start of the part between two ends.
fn restart_order(song: &Song, order: u16) -> u16 {
    if song.restart_order != 0 {
        return song.restart_order;
    }
    let before = song.orders.get(1..usize::from(order)).unwrap_or_default();
    before.iter().rposition(|order| *order == Order::End).map_or(0, |index| index as u16 + 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tracker::fixture;
    use crate::tracker::song::Format;
    use crate::tracker::song::PitchModel;

    #[test]
    fn a_song_comes_round_when_its_first_row_returns() {
        let mut song = fixture::song(Format::Xm, PitchModel::Linear);
        song.orders = vec![Order::Skip, Order::Pattern(0), Order::End, Order::Pattern(0)];
        let rules = Rules::new(&song);
        let mut flow = Flow::new(&song);
        for _ in 0..64 * 6 {
            flow.advance(&song, &rules);
        }
        assert_eq!((flow.position.row, flow.rounds), (63, 0));
        flow.advance(&song, &rules);
        assert_eq!((flow.position.order, flow.position.row, flow.rounds), (1, 0, 1));
    }

    #[test]
    fn an_order_list_without_patterns_stops() {
        let mut song = fixture::song(Format::It, PitchModel::Linear);
        song.orders = vec![Order::Skip, Order::End];
        let rules = Rules::new(&song);
        assert_eq!(Flow::new(&song).advance(&song, &rules), Advance::Stopped);
    }
}
