//! Envelopes: how a tick's position moves and what value stands there.
//!
//! In: an instrument's envelope and a voice's position on it. Out: the value of this tick and the next position.
//! Audio thread. FT2 evaluates before it moves, Impulse Tracker moves before it evaluates (and so keeps positions one
//! tick ahead); both orders are here. Sources: XM.TXT, ITTECH.TXT and the reference traces of the `Env*` test modules.

use super::song::Envelope;
use super::song::EnvelopePoint;

/// Where a voice stands on one envelope.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct EnvelopeState {
    /// Ticks; in Impulse Tracker one more than the tick that sounds, 0 before the first.
    pub(crate) position: u32,
    /// Whether the position moves.
    pub(crate) running: bool,
}

/// What a step along an envelope found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    Going,
    /// Past the last point.
    Ended,
    /// FT2: a panning envelope that reached its sustain point stays there.
    Held,
}

/// Value at `tick`, interpolated between points, in 1/65536 of a range of 64 from `lowest`.
fn value_q16(points: &[EnvelopePoint], tick: u32, lowest: i32) -> i64 {
    let value = |point: &EnvelopePoint| i64::from((i32::from(point.value) - lowest) * 1024);
    let Some(last) = points.len().checked_sub(1) else { return 0 };
    let next = points.iter().take(last).position(|point| tick <= u32::from(point.tick)).unwrap_or(last);
    let target = &points[next]; // `next` is at most `last`
    if tick >= u32::from(target.tick) {
        return value(target).clamp(0, 65536);
    }
    let (from, start) = match next.checked_sub(1).and_then(|index| points.get(index)) {
        Some(before) => (value(before), u32::from(before.tick)),
        None => (0, 0),
    };
    let span = i64::from(u32::from(target.tick) - start.min(target.tick.into()));
    let passed = i64::from(tick.saturating_sub(start));
    let moved = if span > 0 { passed * (value(target) - from) / span } else { 0 };
    (from + moved).clamp(0, 65536)
}

/// A volume envelope's factor at `tick`, 0..=256.
pub(crate) fn volume_at(envelope: &Envelope, tick: u32) -> i32 {
    ((value_q16(&envelope.points, tick, 0) * 256 + 0x8000) >> 16) as i32
}

/// A panning envelope's value at `tick`, -32..=32.
pub(crate) fn panning_at(envelope: &Envelope, tick: u32) -> i32 {
    ((value_q16(&envelope.points, tick, -32) * 64 + 0x8000) >> 16) as i32 - 32
}

/// A pitch or filter envelope's value at `tick`, -256..=256.
pub(crate) fn pitch_at(envelope: &Envelope, tick: u32) -> i32 {
    ((value_q16(&envelope.points, tick, -32) * 512 + 0x8000) >> 16) as i32 - 256
}

fn tick_of(envelope: &Envelope, point: u8) -> u32 {
    envelope.points.get(usize::from(point)).map_or(0, |point| point.tick.into())
}

fn last_tick(envelope: &Envelope) -> u32 {
    envelope.points.last().map_or(0, |point| point.tick.into())
}

/// What differs between FT2's envelopes, and between FT2 and early imitations of it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ft2Ways {
    /// A panning envelope never leaves its sustain point.
    pub(crate) holds_at_sustain: bool,
    /// A loop that ends on the sustain point is left for good once the key is off.
    pub(crate) escapes_loop: bool,
    /// Loops include their last tick, as ModPlug Tracker has them in IT.
    pub(crate) loop_includes_end: bool,
}

/// FT2: one tick on, after the value was read.
pub(crate) fn advance_ft2(
    envelope: &Envelope,
    state: &mut EnvelopeState,
    key_off: bool,
    ways: Ft2Ways,
) -> Progress {
    let mut position = state.position + 1;
    if let Some(span) = envelope.envelope_loop {
        let escapes =
            ways.escapes_loop && key_off && envelope.sustain.is_some_and(|sustain| sustain.end == span.end);
        let end = tick_of(envelope, span.end) + u32::from(ways.loop_includes_end);
        if position == end && !escapes {
            position = tick_of(envelope, span.start);
        }
    }
    let mut progress = Progress::Going;
    match envelope.sustain.filter(|_| !key_off) {
        Some(sustain) => {
            if position == tick_of(envelope, sustain.end) + 1 {
                position = tick_of(envelope, sustain.start);
                if ways.holds_at_sustain {
                    progress = Progress::Held;
                }
            }
        }
        None => {
            let end = last_tick(envelope);
            if position > end {
                position = end;
                progress = Progress::Ended;
            }
        }
    }
    state.position = position;
    progress
}

/// Impulse Tracker: one tick on, before the value is read at `position - 1`.
pub(crate) fn advance_it(envelope: &Envelope, state: &mut EnvelopeState, key_was_off: bool) -> Progress {
    let mut position = state.position;
    let sustain = envelope.sustain.filter(|_| !key_was_off);
    let mut progress = Progress::Going;
    let (start, end) = match sustain.or(envelope.envelope_loop) {
        Some(span) => (tick_of(envelope, span.start), tick_of(envelope, span.end) + 1),
        None => {
            let end = last_tick(envelope);
            if position > end {
                progress = Progress::Ended;
            }
            (end, end)
        }
    };
    if position >= end {
        position = start;
    }
    state.position = position + 1;
    progress
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tracker::song::Span;

    fn envelope(points: &[(u16, i8)]) -> Envelope {
        let points = points.iter().map(|&(tick, value)| EnvelopePoint { tick, value }).collect();
        Envelope { enabled: true, points, ..Envelope::default() }
    }

    #[test]
    fn values_are_interpolated_between_points() {
        let envelope = envelope(&[(0, 64), (10, 0), (20, 32)]);
        assert_eq!([0, 5, 10, 15, 40].map(|tick| volume_at(&envelope, tick)), [256, 128, 0, 64, 128]);
        assert_eq!(panning_at(&envelope, 10), 0);
    }

    #[test]
    fn impulse_tracker_loops_include_their_end_and_fast_tracker_loops_do_not() {
        let mut envelope = envelope(&[(0, 0), (2, 32), (4, 64)]);
        envelope.envelope_loop = Some(Span { start: 1, end: 2 });
        let mut state = EnvelopeState { position: 0, running: true };
        let it: Vec<u32> = (0..7)
            .map(|_| {
                advance_it(&envelope, &mut state, false);
                state.position - 1
            })
            .collect();
        assert_eq!(it, [0, 1, 2, 3, 4, 2, 3]);
        let mut state = EnvelopeState { position: 0, running: true };
        let ft2: Vec<u32> = (0..6)
            .map(|_| {
                let now = state.position;
                advance_ft2(&envelope, &mut state, false, Ft2Ways::default());
                now
            })
            .collect();
        assert_eq!(ft2, [0, 1, 2, 3, 2, 3]);
    }

    #[test]
    fn an_envelope_ends_past_its_last_point_once_the_key_is_off() {
        let mut envelope = envelope(&[(0, 64), (2, 0)]);
        envelope.sustain = Some(Span { start: 0, end: 0 });
        let mut state = EnvelopeState { position: 0, running: true };
        assert_eq!(advance_ft2(&envelope, &mut state, false, Ft2Ways::default()), Progress::Going);
        assert_eq!(state.position, 0);
        let ways = Ft2Ways { escapes_loop: true, ..Ft2Ways::default() };
        let ends: Vec<Progress> = (0..3).map(|_| advance_ft2(&envelope, &mut state, true, ways)).collect();
        assert_eq!(ends, [Progress::Going, Progress::Going, Progress::Ended]);
    }
}
