//! Where a host's call is cut before the framework sees it.
//!
//! In: the frames of a call, the largest piece, the frames of its events, the frames that must begin a piece. Out: the end of
//! the next piece. Audio thread; memory is taken once. Reasons to cut: more frames than the host announced, a new transport
//! or a parameter point inside the call, more events than the framework's queue takes without allocating.

/// Events at most in one piece, unless they share a frame.
pub(crate) const EVENTS_PER_PIECE: usize = 8_192;
/// What the framework's queues hold; events of one frame beyond that are dropped and counted.
pub(crate) const EVENT_CAPACITY: usize = 16_384;
/// The longest piece, whatever a host announces.
pub(crate) const MAX_PIECE_FRAMES: usize = 8_192;

/// Event frames looked at when a call is cut; later ones do not cut any more.
const TRACKED_EVENTS: usize = 65_536;
/// Transport changes and parameter points noticed in one call; later points act with the piece they lie in.
const TRACKED_CUTS: usize = 16_384;

/// The frames of a call's events.
pub(crate) struct Pieces {
    events: Vec<usize>,
    cuts: Vec<usize>,
}

impl Pieces {
    pub(crate) fn new() -> Self {
        Pieces { events: Vec::with_capacity(TRACKED_EVENTS), cuts: Vec::with_capacity(TRACKED_CUTS) }
    }

    pub(crate) fn clear(&mut self) {
        self.events.clear();
        self.cuts.clear();
    }

    /// Notes an event. Real-time: yes; what does not fit is not noted.
    pub(crate) fn event(&mut self, frame: usize) {
        if self.events.len() < TRACKED_EVENTS {
            self.events.push(frame);
        }
    }

    /// Notes a frame at which a piece must begin. Real-time: yes; what does not fit is not noted.
    pub(crate) fn cut(&mut self, frame: usize) {
        if self.cuts.len() < TRACKED_CUTS {
            self.cuts.push(frame);
        }
    }

    /// To be called once all events are noted, in whatever order they came.
    pub(crate) fn sort(&mut self) {
        self.events.sort_unstable();
        self.cuts.sort_unstable();
    }

    /// The end of the piece that begins at `start`; always beyond `start` while `start < frames`.
    pub(crate) fn end(&self, start: usize, frames: usize, capacity: usize) -> usize {
        let mut end = frames.min(start.saturating_add(capacity.max(1)));
        if let Some(cut) = self.cuts.get(self.cuts.partition_point(|cut| *cut <= start)) {
            end = end.min(*cut);
        }
        let first = self.events.partition_point(|frame| *frame < start);
        if let Some(overflow) = self.events.get(first.saturating_add(EVENTS_PER_PIECE)) {
            // The frame of the first event too many begins the next piece; if it is this one, the piece is one frame long.
            end = end.min((*overflow).max(start + 1));
        }
        end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(pieces: &Pieces, frames: usize, capacity: usize) -> Vec<usize> {
        let mut ends = Vec::new();
        let mut start = 0;
        while start < frames {
            start = pieces.end(start, frames, capacity);
            ends.push(start);
        }
        ends
    }

    #[test]
    fn a_call_within_bounds_is_one_piece() {
        assert_eq!(ends(&Pieces::new(), 512, 512), [512]);
    }

    #[test]
    fn a_call_over_the_announced_maximum_is_cut() {
        assert_eq!(ends(&Pieces::new(), 1000, 441), [441, 882, 1000]);
    }

    #[test]
    fn a_transport_change_begins_a_piece() {
        let mut pieces = Pieces::new();
        pieces.cut(300);
        pieces.cut(0);
        pieces.sort();
        assert_eq!(ends(&pieces, 512, 512), [300, 512]);
    }

    #[test]
    fn no_piece_has_more_events_than_the_queue_takes() {
        let mut pieces = Pieces::new();
        (0..30_000).for_each(|event| pieces.event(event / 100));
        pieces.sort();
        let mut start = 0;
        for end in ends(&pieces, 300, 300) {
            let within = pieces.events.iter().filter(|frame| (start..end).contains(*frame)).count();
            assert!(within <= EVENTS_PER_PIECE, "{within} events in {start}..{end}");
            start = end;
        }
    }

    #[test]
    fn a_flood_on_one_frame_is_one_piece_of_one_frame() {
        let mut pieces = Pieces::new();
        (0..20_000).for_each(|_| pieces.event(7));
        pieces.sort();
        assert_eq!(ends(&pieces, 64, 64), [7, 8, 64]);
    }
}
