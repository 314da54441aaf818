//! Where the framework sends a piece's events, in front of the host's own list.
//!
//! In: events with frames within a piece. Out: the same in the host's list, with frames within its call. Audio thread; nothing is
//! held back. The host wants frames that never go back, but the framework sends what was turned by hand on a piece's first frame,
//! after everything else: such events come as late as the one before them.

use clap_sys::events::clap_event_header;
use clap_sys::events::clap_output_events;
use std::ffi::c_void;
use std::ptr;

/// Words of the largest event that can be moved; the framework's largest has 8.
const EVENT_WORDS: usize = 32;

/// The list of one instance. It must not move while the framework holds `list`.
pub(super) struct Sink {
    list: clap_output_events,
    host: *const clap_output_events,
    /// Frame of the call on which the piece begins.
    start: u32,
    /// Frame of the call's last event.
    latest: u32,
    /// The event under way, with its time moved.
    event: [u64; EVENT_WORDS],
}

impl Sink {
    pub(super) fn new() -> Box<Self> {
        let list = clap_output_events { ctx: ptr::null_mut(), try_push: Some(try_push) };
        Box::new(Sink { list, host: ptr::null(), start: 0, latest: 0, event: [0; EVENT_WORDS] })
    }

    /// Begins a call of the host's, whose list is `host`. Real-time: yes.
    ///
    /// # Safety
    /// `host` is NULL or a list that is valid until the next `begin` or `end`.
    pub(super) unsafe fn begin(&mut self, host: *const clap_output_events) {
        (self.host, self.start, self.latest) = (host, 0, 0);
    }

    /// The host's list may go. Real-time: yes.
    pub(super) fn end(&mut self) {
        self.host = ptr::null();
    }

    /// The list for the piece that begins at `start`, as long as this object stays where it is; NULL where the host has none.
    pub(super) fn piece(&mut self, start: usize) -> *const clap_output_events {
        if self.host.is_null() {
            return ptr::null();
        }
        self.start = start.min(u32::MAX as usize) as u32;
        let this: *mut Sink = self;
        // SAFETY: `this` is this object; the list is reached through it, so that `try_push` may write `event`.
        unsafe {
            (*this).list.ctx = this.cast::<c_void>();
            &raw const (*this).list
        }
    }
}

unsafe extern "C" fn try_push(list: *const clap_output_events, event: *const clap_event_header) -> bool {
    // SAFETY: `list` is the list of a sink, whose address is its context; only the audio thread holds it.
    let sink = unsafe { &mut *(*list).ctx.cast::<Sink>() };
    // SAFETY: the promise of `begin`.
    let Some(push) = unsafe { sink.host.as_ref() }.and_then(|host| host.try_push) else { return false };
    // SAFETY: the framework sends whole events, which begin with their size.
    let size = unsafe { (*event).size as usize };
    if !(size_of::<clap_event_header>()..=size_of_val(&sink.event)).contains(&size) {
        return false;
    }
    let target = sink.event.as_mut_ptr();
    // SAFETY: `size` bytes are readable and fit; the copy is aligned for every event.
    unsafe {
        ptr::copy_nonoverlapping(event.cast::<u8>(), target.cast::<u8>(), size);
        let header = target.cast::<clap_event_header>();
        sink.latest = sink.latest.max((*header).time.saturating_add(sink.start));
        (*header).time = sink.latest;
        push(sink.host, header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap_sys::events::CLAP_CORE_EVENT_SPACE_ID;
    use clap_sys::events::CLAP_EVENT_NOTE_ON;
    use clap_sys::events::clap_event_note;

    unsafe extern "C" fn note_down(list: *const clap_output_events, event: *const clap_event_header) -> bool {
        // SAFETY: the context is the vector of the test, and every event here is a note.
        unsafe {
            let seen = &mut *(*list).ctx.cast::<Vec<(u32, i16)>>();
            seen.push(((*event).time, (*event.cast::<clap_event_note>()).key));
        }
        true
    }

    fn note(time: u32, key: i16) -> clap_event_note {
        let size = size_of::<clap_event_note>() as u32;
        let (space_id, type_) = (CLAP_CORE_EVENT_SPACE_ID, CLAP_EVENT_NOTE_ON);
        let header = clap_event_header { size, time, space_id, type_, flags: 0 };
        clap_event_note { header, note_id: -1, port_index: 0, channel: 0, key, velocity: 1.0 }
    }

    #[test]
    fn events_of_a_piece_reach_the_host_on_frames_of_its_call_that_never_go_back() {
        let mut seen = Vec::<(u32, i16)>::new();
        let host = clap_output_events { ctx: (&raw mut seen).cast(), try_push: Some(note_down) };
        let mut sink = Sink::new();
        // SAFETY: the list and its vector outlive the sink's use of them.
        unsafe {
            sink.begin(&host);
            for (start, time, key) in [(0, 7, 1), (100, 0, 2), (100, 20, 3), (100, 0, 4), (130, 1, 5)] {
                let list = sink.piece(start);
                assert!(try_push(list, &note(time, key).header));
            }
            sink.end();
        }
        assert_eq!(seen, [(7, 1), (100, 2), (120, 3), (120, 4), (131, 5)]);
        assert!(sink.piece(0).is_null());
    }
}
