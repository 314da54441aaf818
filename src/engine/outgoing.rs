//! Events on their way to the host: the notes a song's channels play, and the end of notes the host began.
//!
//! In: events with their frame since reset, from whoever plays. Out: the events of the call under way, in order, with frames
//! within it. Audio thread; memory is taken once, and what has no room is dropped and counted. Each release of a note
//! finds room where its beginning did, as `RESERVED` places are kept for them.

use super::Event;
use super::EventKind;

/// Events of one call, and what the next ones have already been given.
const CAPACITY: usize = 8_192;
/// Places that only what ends notes may take.
const RESERVED: usize = 1_024;

/// Events for the host.
#[derive(Debug)]
pub(super) struct Outgoing {
    /// In order; frames count from the call's first one.
    events: Vec<Event>,
    /// How many of `events` belong to the call; the others are for later ones.
    ready: usize,
    /// Frames since reset at which the call begins, and how many it has.
    first: u64,
    frames: u32,
    dropped: u64,
}

impl Outgoing {
    pub(super) fn new() -> Self {
        Self { events: Vec::with_capacity(CAPACITY), ready: 0, first: 0, frames: 0, dropped: 0 }
    }

    /// Forgets the call before; this one begins at `first` and has `frames` frames. Events that were given for frames
    /// beyond the end of the one before are kept.
    pub(super) fn begin(&mut self, first: u64, frames: usize) {
        self.events.drain(..self.ready);
        let passed = first.saturating_sub(self.first).min(u32::MAX.into()) as u32;
        self.events.iter_mut().for_each(|event| event.frame = event.frame.saturating_sub(passed));
        (self.first, self.frames) = (first, frames.min(u32::MAX as usize) as u32);
        self.ready = 0;
        self.count_ready();
    }

    /// Hands an event to the host at `frame` since reset. Keeps the order of frames, and of calls on one frame.
    pub(super) fn push(&mut self, frame: u64, kind: EventKind) {
        let room = if ends_a_note(&kind) { CAPACITY } else { CAPACITY - RESERVED };
        if self.events.len() >= room {
            self.dropped += 1;
            return;
        }
        let frame = frame.saturating_sub(self.first).min(u32::MAX.into()) as u32;
        let later = self.events.iter().rev().take_while(|event| event.frame > frame).count();
        self.events.insert(self.events.len() - later, Event { frame, kind }); // within the capacity
        self.count_ready();
    }

    /// The call's events so far.
    pub(super) fn events(&self) -> &[Event] {
        &self.events[..self.ready] // `ready` counts events
    }

    /// Events that had no room, ever.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Forgets everything; time begins anew.
    pub(super) fn reset(&mut self) {
        self.events.clear();
        (self.ready, self.first, self.frames) = (0, 0, 0);
    }

    fn count_ready(&mut self) {
        let later = &self.events[self.ready..]; // as above
        self.ready += later.iter().take_while(|event| event.frame < self.frames).count();
    }
}

fn ends_a_note(kind: &EventKind) -> bool {
    matches!(
        kind,
        EventKind::NoteOff(_)
            | EventKind::NoteEnd(_)
            | EventKind::Choke(_)
            | EventKind::AllNotesOff(_)
            | EventKind::AllSoundOff(_)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::NoteAddress;

    fn note(key: u8) -> NoteAddress {
        NoteAddress { channel: 0, key, id: None }
    }

    fn end(key: u8) -> EventKind {
        EventKind::NoteEnd(note(key))
    }

    #[test]
    fn events_come_in_order_of_frames_and_of_pushes_on_one_frame() {
        let mut out = Outgoing::new();
        out.begin(1000, 64);
        for (frame, key) in [(1010, 1), (1005, 2), (1010, 3), (1000, 4)] {
            out.push(frame, end(key));
        }
        let event = |frame, key| Event { frame, kind: end(key) };
        assert_eq!(out.events(), [event(0, 4), event(5, 2), event(10, 1), event(10, 3)]);
        out.begin(1064, 64);
        assert_eq!(out.events(), []);
    }

    #[test]
    fn an_event_past_the_call_waits_for_the_call_that_holds_it() {
        let mut out = Outgoing::new();
        out.begin(0, 10);
        out.push(25, end(1));
        out.push(9, end(2));
        assert_eq!(out.events(), [Event { frame: 9, kind: end(2) }]);
        out.begin(10, 0);
        assert_eq!(out.events(), []);
        out.begin(10, 10);
        assert_eq!(out.events(), []);
        out.begin(20, 10);
        assert_eq!(out.events(), [Event { frame: 5, kind: end(1) }]);
    }

    #[test]
    fn what_has_no_room_is_counted_and_releases_keep_theirs() {
        let mut out = Outgoing::new();
        out.begin(0, 64);
        (0..CAPACITY).for_each(|_| out.push(0, EventKind::NoteOn(note(60), 1.0)));
        assert_eq!((out.events().len(), out.dropped()), (CAPACITY - RESERVED, RESERVED as u64));
        (0..RESERVED + 1).for_each(|_| out.push(0, EventKind::NoteOff(note(60))));
        assert_eq!((out.events().len(), out.dropped()), (CAPACITY, RESERVED as u64 + 1));
    }
}
