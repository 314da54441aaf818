//! The events of one piece of a CLAP call, shown to the framework as the host's own list.
//!
//! In: the host's list and a range of frames. Out: a list with what lies in the range, moved to the piece's start. Audio thread.
//! Parameter events are always on a piece's first frame. Transport events stay out: the proxy cuts the call at them and hands them to the plugin itself.
//! What exceeds the framework's queue is dropped and counted. The framework handles each event before it asks for the next.

use crate::plugin::pieces::EVENT_CAPACITY;
use crate::plugin::pieces::EVENTS_PER_PIECE;
use crate::plugin::pieces::Pieces;
use clap_sys::events::CLAP_CORE_EVENT_SPACE_ID;
use clap_sys::events::CLAP_EVENT_PARAM_MOD;
use clap_sys::events::CLAP_EVENT_PARAM_VALUE;
use clap_sys::events::CLAP_EVENT_TRANSPORT;
use clap_sys::events::clap_event_header;
use clap_sys::events::clap_event_transport;
use clap_sys::events::clap_input_events;
use std::ffi::c_void;
use std::ops::Range;
use std::ptr;

/// Words of the largest event that can be moved; the core's largest, the transport, has 13.
const EVENT_WORDS: usize = 32;

/// The host's events of one call.
#[derive(Clone, Copy)]
pub(super) struct HostEvents {
    list: *const clap_input_events,
}

impl HostEvents {
    /// # Safety
    /// `list` is NULL or a list that stays valid for the call.
    pub(super) unsafe fn new(list: *const clap_input_events) -> Self {
        HostEvents { list }
    }

    pub(super) fn count(&self) -> u32 {
        // SAFETY: the promise of `new`.
        let size = unsafe { self.list.as_ref() }.and_then(|list| list.size);
        // SAFETY: as above.
        size.map_or(0, |size| unsafe { size(self.list) })
    }

    fn get(&self, index: u32) -> Option<&clap_event_header> {
        // SAFETY: the promise of `new`.
        let get = unsafe { self.list.as_ref() }?.get?;
        // SAFETY: as above; an event lives as long as its list, and NULL becomes `None`.
        unsafe { get(self.list, index).as_ref() }
    }

    /// Whether the framework can take the list of a call of `frames` frames as it is: in order, within the call, not too long
    /// and without anything that begins a piece. Real-time: yes.
    pub(super) fn is_plain(&self, frames: usize) -> bool {
        let mut latest = 0;
        self.count() as usize <= EVENTS_PER_PIECE
            && (0..self.count()).filter_map(|index| self.get(index)).all(|event| {
                let in_order = event.time >= latest && (event.time as usize) < frames;
                latest = event.time;
                in_order && !is_transport(event) && (event.time == 0 || !moves_parameter(event))
            })
    }

    /// The last transport for `frame` of a call of `frames` frames. Real-time: yes.
    pub(super) fn transport_at(&self, frame: usize, frames: usize) -> Option<&clap_event_transport> {
        let mut latest_first = (0..self.count()).rev().filter_map(|index| self.get(index));
        let event = latest_first.find(|event| is_transport(event) && clamp(event.time, frames) == frame)?;
        // SAFETY: the type says that the header begins a transport event.
        Some(unsafe { &*ptr::from_ref(event).cast::<clap_event_transport>() })
    }

    /// Notes the frame of every event of a call of `frames` frames. Real-time: yes.
    ///
    /// The framework itself cuts where a parameter moves, but a note of the same frame that stands before it in the list
    /// goes to the piece before, one frame early. Where the cut has been made already, it makes none.
    pub(super) fn note(&self, pieces: &mut Pieces, frames: usize) {
        for event in (0..self.count()).filter_map(|index| self.get(index)) {
            let frame = clamp(event.time, frames);
            if is_transport(event) || moves_parameter(event) {
                pieces.cut(frame);
            }
            if !is_transport(event) {
                pieces.event(frame);
            }
        }
    }
}

fn is_transport(event: &clap_event_header) -> bool {
    (event.space_id, event.type_) == (CLAP_CORE_EVENT_SPACE_ID, CLAP_EVENT_TRANSPORT)
        && event.size as usize >= size_of::<clap_event_transport>()
}

fn moves_parameter(event: &clap_event_header) -> bool {
    event.space_id == CLAP_CORE_EVENT_SPACE_ID
        && matches!(event.type_, CLAP_EVENT_PARAM_VALUE | CLAP_EVENT_PARAM_MOD)
}

/// An event's frame within the call; hosts do send frames outside of it.
fn clamp(time: u32, frames: usize) -> usize {
    (time as usize).min(frames.saturating_sub(1))
}

#[derive(Clone, Copy)]
struct Shown {
    /// Index into the host's list.
    index: u32,
    /// Frame within the piece.
    frame: u32,
}

/// The list of one instance. It must not move while the framework holds `list`.
pub(super) struct Window {
    list: clap_input_events,
    host: HostEvents,
    shown: Vec<Shown>,
    /// The event the framework asked for last, with its time moved.
    event: [u64; EVENT_WORDS],
}

impl Window {
    pub(super) fn new() -> Box<Self> {
        let host = HostEvents { list: ptr::null() };
        let list = clap_input_events { ctx: ptr::null_mut(), size: Some(size), get: Some(get) };
        let shown = Vec::with_capacity(EVENT_CAPACITY);
        Box::new(Window { list, host, shown, event: [0; EVENT_WORDS] })
    }

    /// Shows the part of the host's list that lies in `piece` of a call of `frames` frames; returns how many were dropped.
    /// Real-time: yes.
    pub(super) fn show(&mut self, host: HostEvents, piece: &Range<usize>, frames: usize) -> usize {
        self.host = host;
        self.shown.clear();
        let mut dropped = 0;
        // The framework counts from one event to the next, so a list out of order must not go back.
        let mut latest = 0;
        for index in 0..host.count() {
            let Some(event) = host.get(index) else { continue };
            let frame = clamp(event.time, frames);
            if !piece.contains(&frame) || is_transport(event) {
                continue;
            }
            latest = latest.max((frame - piece.start) as u32);
            // What has no room in `event` is of no known kind.
            let movable =
                (size_of::<clap_event_header>()..=size_of_val(&self.event)).contains(&(event.size as usize));
            match movable && self.shown.len() < EVENT_CAPACITY {
                true => self.shown.push(Shown { index, frame: latest }),
                false => dropped += 1,
            }
        }
        dropped
    }

    /// The list, valid until the next `show`, as long as this object stays where it is.
    pub(super) fn list(&mut self) -> *const clap_input_events {
        let this: *mut Window = self;
        // SAFETY: `this` is this object; the list is reached through it, so that `get` may write `event`.
        unsafe {
            (*this).list.ctx = this.cast::<c_void>();
            &raw const (*this).list
        }
    }
}

unsafe extern "C" fn size(list: *const clap_input_events) -> u32 {
    // SAFETY: `list` is the list of a window, whose address is its context.
    unsafe { (*(*list).ctx.cast::<Window>()).shown.len() as u32 }
}

unsafe extern "C" fn get(list: *const clap_input_events, index: u32) -> *const clap_event_header {
    // SAFETY: as in `size`; only the audio thread holds the list, and no reference into the window is alive now.
    let window = unsafe { &mut *(*list).ctx.cast::<Window>() };
    let Some(shown) = window.shown.get(index as usize) else { return ptr::null() };
    let Some(event) = window.host.get(shown.index) else { return ptr::null() };
    let target = window.event.as_mut_ptr();
    // SAFETY: `show` let only events through that have a header and fit; the copy is aligned for every event.
    unsafe {
        ptr::copy_nonoverlapping(ptr::from_ref(event).cast::<u8>(), target.cast::<u8>(), event.size as usize);
        let header = target.cast::<clap_event_header>();
        (*header).time = shown.frame;
        header
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap_sys::events::CLAP_EVENT_PARAM_VALUE;
    use clap_sys::events::clap_event_param_value;
    use std::mem;

    const FRAMES: usize = 100;

    fn header<T>(time: u32, kind: u16) -> clap_event_header {
        let size = size_of::<T>() as u32;
        clap_event_header { size, time, space_id: CLAP_CORE_EVENT_SPACE_ID, type_: kind, flags: 0 }
    }

    fn value(time: u32, value: f64) -> Box<clap_event_param_value> {
        // SAFETY: plain data, valid as zeros.
        let zeros: clap_event_param_value = unsafe { mem::zeroed() };
        let header = header::<clap_event_param_value>(time, CLAP_EVENT_PARAM_VALUE);
        Box::new(clap_event_param_value { header, value, ..zeros })
    }

    fn tempo(time: u32, tempo: f64) -> Box<clap_event_transport> {
        // SAFETY: plain data, valid as zeros.
        let zeros: clap_event_transport = unsafe { mem::zeroed() };
        let header = header::<clap_event_transport>(time, CLAP_EVENT_TRANSPORT);
        Box::new(clap_event_transport { header, tempo, ..zeros })
    }

    type Pointers = Vec<*const clap_event_header>;

    unsafe extern "C" fn list_size(list: *const clap_input_events) -> u32 {
        // SAFETY: the context is the test's vector.
        unsafe { (*(*list).ctx.cast::<Pointers>()).len() as u32 }
    }

    unsafe extern "C" fn list_get(list: *const clap_input_events, index: u32) -> *const clap_event_header {
        // SAFETY: as above.
        unsafe { (&(*(*list).ctx.cast::<Pointers>()))[index as usize] }
    }

    fn list(pointers: &mut Pointers) -> clap_input_events {
        let ctx = ptr::from_mut(pointers).cast();
        clap_input_events { ctx, size: Some(list_size), get: Some(list_get) }
    }

    /// Frame and value of every event the framework would see in a piece.
    fn seen(window: &mut Window) -> Vec<(u32, f64)> {
        let list = window.list();
        // SAFETY: the window stays where it is, and all its events here are parameter values.
        let event = |index| unsafe { *get(list, index).cast::<clap_event_param_value>() };
        // SAFETY: as above.
        (0..unsafe { size(list) }).map(event).map(|event| (event.header.time, event.value)).collect()
    }

    #[test]
    fn pieces_begin_at_transports_and_parameters_and_have_their_own_events_only() {
        let (a, b, c) = (value(10, 1.0), value(40, 2.0), value(99, 3.0));
        let (slow, fast) = (tempo(40, 60.0), tempo(40, 90.0));
        let mut pointers: Pointers = vec![
            &raw const a.header,
            &raw const slow.header,
            &raw const fast.header,
            &raw const b.header,
            &raw const c.header,
        ];
        let list = list(&mut pointers);
        // SAFETY: the list outlives `host`.
        let host = unsafe { HostEvents::new(&list) };
        assert!(!host.is_plain(FRAMES));
        let mut pieces = Pieces::new();
        host.note(&mut pieces, FRAMES);
        pieces.sort();
        assert_eq!([0, 10, 40, 99].map(|start| pieces.end(start, FRAMES, FRAMES)), [10, 40, 99, FRAMES]);
        assert_eq!(host.transport_at(40, FRAMES).unwrap().tempo, 90.0);
        assert!(host.transport_at(0, FRAMES).is_none());
        let mut window = Window::new();
        let mut shown = |piece| {
            assert_eq!(window.show(host, &piece, FRAMES), 0);
            seen(&mut window)
        };
        assert_eq!(shown(0..10), []);
        assert_eq!(shown(10..40), [(0, 1.0)]);
        assert_eq!(shown(40..99), [(0, 2.0)]);
        assert_eq!(shown(99..FRAMES), [(0, 3.0)]);
    }

    #[test]
    fn events_out_of_order_or_past_the_end_are_brought_into_the_call() {
        let (late, early, beyond) = (value(50, 1.0), value(20, 2.0), value(5_000, 3.0));
        let mut pointers: Pointers =
            vec![&raw const late.header, &raw const early.header, &raw const beyond.header];
        let list = list(&mut pointers);
        // SAFETY: the list outlives `host`.
        let host = unsafe { HostEvents::new(&list) };
        assert!(!host.is_plain(FRAMES));
        let mut window = Window::new();
        window.show(host, &(0..FRAMES), FRAMES);
        assert_eq!(seen(&mut window), [(50, 1.0), (50, 2.0), (99, 3.0)]);
    }

    #[test]
    fn a_flood_on_one_frame_is_cut_to_the_queue_and_counted() {
        let event = value(3, 1.0);
        let mut pointers: Pointers = vec![&raw const event.header; EVENT_CAPACITY + 5];
        let list = list(&mut pointers);
        // SAFETY: the list outlives `host`.
        let host = unsafe { HostEvents::new(&list) };
        let mut window = Window::new();
        assert_eq!(window.show(host, &(3..4), FRAMES), 5);
        assert_eq!(seen(&mut window).len(), EVENT_CAPACITY);
    }
}
