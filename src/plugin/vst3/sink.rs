//! Where the framework sends a piece's events, in front of the host's own list.
//!
//! In: events with frames within a piece. Out: the same in the host's list, with frames within its call. Audio thread; a COM
//! object of the instance's own, so that nothing is made in a call. Nothing is held back.

use atomic_refcell::AtomicRefCell;
use nice_plug::wrapper::vst3::vst3::Class;
use nice_plug::wrapper::vst3::vst3::ComRef;
use nice_plug::wrapper::vst3::vst3::ComWrapper;
use nice_plug::wrapper::vst3::vst3::Steinberg::Vst;
use nice_plug::wrapper::vst3::vst3::Steinberg::Vst::IEventListTrait;
use nice_plug::wrapper::vst3::vst3::Steinberg::int32;
use nice_plug::wrapper::vst3::vst3::Steinberg::kInvalidArgument;
use nice_plug::wrapper::vst3::vst3::Steinberg::kNotImplemented;
use nice_plug::wrapper::vst3::vst3::Steinberg::tresult;
use std::ptr;

/// The list of one instance.
pub(super) struct Sink(ComWrapper<List>);

/// The host's list, and the frame of its call on which the piece begins.
#[derive(Clone, Copy)]
struct Target {
    host: *mut Vst::IEventList,
    start: int32,
}

// SAFETY: the pointer is only followed in the host's call that set it, on its thread.
unsafe impl Send for Target {}
// SAFETY: as above.
unsafe impl Sync for Target {}

struct List {
    target: AtomicRefCell<Target>,
}

impl Sink {
    pub(super) fn new() -> Self {
        let nowhere = Target { host: ptr::null_mut(), start: 0 };
        Sink(ComWrapper::new(List { target: AtomicRefCell::new(nowhere) }))
    }

    /// The list for the piece that begins at `start` of a call whose list is `host`; NULL where the host has none. Real-time: yes.
    ///
    /// # Safety
    /// `host` is NULL or valid until the next call of this, or of `end`.
    pub(super) unsafe fn piece(&self, host: *mut Vst::IEventList, start: usize) -> *mut Vst::IEventList {
        if host.is_null() {
            return host;
        }
        *self.0.target.borrow_mut() = Target { host, start: start.min(int32::MAX as usize) as int32 };
        self.0.as_com_ref::<Vst::IEventList>().map_or(ptr::null_mut(), |list| list.as_ptr())
    }

    /// The host's list may go. Real-time: yes.
    pub(super) fn end(&self) {
        self.0.target.borrow_mut().host = ptr::null_mut();
    }
}

impl Class for List {
    type Interfaces = (Vst::IEventList,);
}

impl IEventListTrait for List {
    unsafe fn getEventCount(&self) -> int32 {
        0
    }

    unsafe fn getEvent(&self, _: int32, _: *mut Vst::Event) -> tresult {
        kNotImplemented
    }

    unsafe fn addEvent(&self, event: *mut Vst::Event) -> tresult {
        let target = *self.target.borrow();
        // SAFETY: the promise of `piece`, and the framework's event; NULL becomes `None`.
        let (host, event) = unsafe { (ComRef::from_raw(target.host), event.as_ref()) };
        let (Some(host), Some(event)) = (host, event) else { return kInvalidArgument };
        let mut moved = *event;
        moved.sampleOffset = moved.sampleOffset.saturating_add(target.start);
        // SAFETY: as above.
        unsafe { host.addEvent(&mut moved) }
    }
}
