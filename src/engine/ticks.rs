//! Where a song's ticks lie, as tables for the clock: in beats at two policies of module tempo, and in seconds.
//!
//! Built from the timeline on the worker, shared by all instances of a song, read on the audio thread. Numbers count
//! ticks from the song's start and run through its loop, round after round.

use crate::tracker::Timeline;

/// One tick is 1/24 of a quarter note at any tempo.
const TICKS_PER_BEAT: f64 = 24.0;

/// Unit in which the clock reckons with ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Pace {
    /// Beats at the host's tempo times the module's relative tempo.
    #[default]
    Scaled,
    /// Beats at the host's tempo.
    Locked,
    /// Seconds at the module's own tempo.
    Own,
}

/// Starts of all ticks in one unit.
#[derive(Clone, Debug, Default)]
pub(super) struct TickStarts {
    /// Of each tick, and the end of the last one.
    starts: Vec<f64>,
    /// Tick that follows the last one.
    loop_start: usize,
}

impl TickStarts {
    /// Allocates.
    fn new(lengths: impl Iterator<Item = f64>, loop_start: usize) -> Self {
        // Kahan's sum: the last of 200,000 ticks is as exact as the first.
        let (mut sum, mut lost) = (0.0, 0.0);
        let mut starts = vec![0.0];
        starts.extend(lengths.map(|length| {
            let exact = length - lost;
            let next = sum + exact;
            lost = (next - sum) - exact;
            sum = next;
            sum
        }));
        Self { starts, loop_start }
    }

    /// Ticks of introduction and loop.
    pub(super) fn count(&self) -> u64 {
        self.starts.len().saturating_sub(1) as u64
    }

    /// Ticks of the loop; 0 for a song without ticks.
    fn loop_length(&self) -> u64 {
        self.count().saturating_sub(self.loop_start as u64)
    }

    /// Place in the timeline of the n-th tick.
    pub(super) fn index(&self, number: u64) -> Option<usize> {
        if number < self.count() {
            return Some(number as usize);
        }
        let round = (number - self.count()).checked_rem(self.loop_length())?;
        Some(self.loop_start + round as usize)
    }

    /// Start of the n-th tick.
    pub(super) fn start(&self, number: u64) -> f64 {
        let start = |number: u64| self.starts.get(number as usize).copied().unwrap_or(0.0);
        if number <= self.count() || self.loop_length() == 0 {
            return start(number);
        }
        let (first, length) = (self.loop_start as u64, self.loop_length());
        let (rounds, rest) = ((number - first) / length, (number - first) % length);
        start(first + rest) + rounds as f64 * (start(self.count()) - start(first))
    }

    /// Number of the first tick that starts at `time` or later.
    pub(super) fn first_from(&self, time: f64) -> u64 {
        let (count, length) = (self.count(), self.loop_length());
        let total = self.start(count);
        if time <= total || length == 0 {
            return self.starts.partition_point(|&start| start < time) as u64;
        }
        let loop_start = self.start(self.loop_start as u64);
        let duration = (total - loop_start).max(f64::MIN_POSITIVE);
        let rounds = ((time - loop_start) / duration).floor();
        let within = time - rounds * duration;
        let index = self.starts.partition_point(|&start| start < within).max(self.loop_start) as u64;
        (rounds as u64).saturating_mul(length).saturating_add(index)
    }
}

/// The tables of one song.
#[derive(Debug)]
pub(super) struct SongTimes {
    scaled: TickStarts,
    locked: TickStarts,
    own: TickStarts,
    /// Order, row and first tick of every row that is played, in the order of the first two; of its first time.
    rows: Box<[(u16, u16, u32)]>,
    /// First tick of every order up to the last one; of an order that is not played, that of the next to come.
    orders: Box<[u32]>,
}

fn first_ticks(timeline: &Timeline) -> Box<[u32]> {
    let last = timeline.ticks().iter().map(|place| place.order).max();
    let mut firsts = vec![None; last.map_or(0, |last| usize::from(last) + 1)];
    for (place, tick) in timeline.ticks().iter().zip(0..) {
        firsts[usize::from(place.order)].get_or_insert(tick); // up to `last`
    }
    let mut soonest = u32::MAX;
    let mut or_later = |first: Option<u32>| {
        let own = first.unwrap_or(soonest);
        soonest = soonest.min(own);
        own
    };
    let mut orders: Vec<u32> = firsts.into_iter().rev().map(&mut or_later).collect();
    orders.reverse();
    orders.into()
}

impl SongTimes {
    /// Allocates.
    pub(super) fn new(timeline: &Timeline) -> Self {
        let first = timeline.tick_seconds(0);
        let table = |length: &dyn Fn(usize) -> f64| {
            TickStarts::new((0..timeline.unrolled().len()).map(length), timeline.repeat())
        };
        let mut rows: Vec<(u16, u16, u32)> = (0..)
            .zip(timeline.ticks())
            .filter(|(_, place)| place.tick == 0)
            .map(|(tick, place)| (place.order, place.row, tick))
            .collect();
        rows.sort_unstable();
        rows.dedup_by_key(|&mut (order, row, _)| (order, row));
        Self {
            scaled: table(&|tick| timeline.tick_seconds(tick) / first / TICKS_PER_BEAT),
            locked: table(&|_| 1.0 / TICKS_PER_BEAT),
            own: table(&|tick| timeline.tick_seconds(tick)),
            rows: rows.into(),
            orders: first_ticks(timeline),
        }
    }

    /// First tick of a row, or of the last one before it that the song plays.
    pub(super) fn tick_of_row(&self, order: u16, row: u16) -> u64 {
        let after = self.rows.partition_point(|&(o, r, _)| (o, r) <= (order, row));
        let found = self.rows.get(after.saturating_sub(1));
        found.map_or(0, |&(_, _, tick)| tick.into())
    }

    /// First tick of an order, or of the soonest of those after it; the song's start past the last one.
    pub(super) fn tick_of_order(&self, order: u16) -> u64 {
        self.orders.get(usize::from(order)).map_or(0, |&tick| tick.into())
    }

    /// The table of one pace.
    pub(super) fn starts(&self, pace: Pace) -> &TickStarts {
        match pace {
            Pace::Scaled => &self.scaled,
            Pace::Locked => &self.locked,
            Pace::Own => &self.own,
        }
    }
}

#[cfg(test)]
impl SongTimes {
    /// Ticks of equal length, the second half repeating.
    pub(super) fn even(count: usize) -> Self {
        let table = |length| TickStarts::new((0..count).map(move |_| length), count / 2);
        Self {
            scaled: table(1.0 / 24.0),
            locked: table(1.0 / 24.0),
            own: table(0.02),
            rows: [].into(),
            orders: [].into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tracker::load::load;
    use crate::tracker::song::Order;
    use std::sync::Arc;

    #[test]
    fn positions_past_the_end_lie_in_the_loop() {
        let times = SongTimes::even(48);
        let ticks = times.starts(Pace::Locked);
        assert_eq!(ticks.first_from(2.0), 48);
        assert_eq!(ticks.index(48), Some(24));
        assert_eq!(ticks.first_from(102.5), 24 + 24 * 101 + 12);
        assert_eq!(ticks.index(24 + 24 * 101 + 12), Some(36));
        assert!((ticks.start(24 + 24 * 101 + 12) - 102.5).abs() < 1e-9);
    }

    #[test]
    fn the_first_tick_of_an_order_is_that_of_the_next_where_it_is_skipped() {
        let mut song = load(include_bytes!("../rack/demo.it")).unwrap();
        song.orders =
            [Order::Skip, Order::Pattern(0), Order::Skip, Order::Pattern(1), Order::Pattern(2)].into();
        // The first pattern leads to the last order, and that to the song's start.
        (song.patterns[0].cells[0].effect, song.patterns[0].cells[0].parameter) = (2, 4);
        let timeline = Timeline::build(&Arc::new(song));
        let times = SongTimes::new(&timeline);
        let ticks = timeline.ticks();
        let scanned = |order: u16| {
            let exact = ticks.iter().position(|place| place.order == order);
            let tick = exact.or_else(|| ticks.iter().position(|place| place.order > order));
            tick.unwrap_or(0) as u64
        };
        for order in 0..7 {
            assert_eq!(times.tick_of_order(order), scanned(order), "order {order}");
        }
        assert!(times.tick_of_order(2) > 0 && times.tick_of_order(9) == 0);
    }

    #[test]
    fn sums_of_many_ticks_stay_exact() {
        let ticks = TickStarts::new((0..200_000).map(|_| 1.0 / 24.0), 0);
        for number in [24, 4800, 199_992] {
            assert!((ticks.start(number) - number as f64 / 24.0).abs() < 1e-11, "tick {number}");
        }
    }

    #[test]
    fn a_song_without_ticks_has_no_places() {
        let ticks = TickStarts::new([].into_iter(), 0);
        assert_eq!((ticks.index(0), ticks.index(5), ticks.first_from(3.0)), (None, None, 1));
    }
}
