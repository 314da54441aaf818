//! The events and parameter points of one piece of a VST3 call, shown to the framework as the host's own lists.
//!
//! In: the host's lists and a range of frames. Out: two COM objects with what lies in the range, moved to the piece's start.
//! Audio thread; only for calls that must be cut. What exceeds the framework's queue is dropped and counted.
//! The framework reads one parameter queue at a time, so one queue object serves them all.

use crate::plugin::pieces::EVENT_CAPACITY;
use crate::plugin::pieces::Pieces;
use atomic_refcell::AtomicRefCell;
use nice_plug::wrapper::vst3::vst3::Class;
use nice_plug::wrapper::vst3::vst3::ComRef;
use nice_plug::wrapper::vst3::vst3::ComWrapper;
use nice_plug::wrapper::vst3::vst3::Steinberg::Vst;
use nice_plug::wrapper::vst3::vst3::Steinberg::Vst::IEventListTrait;
use nice_plug::wrapper::vst3::vst3::Steinberg::Vst::IParamValueQueueTrait;
use nice_plug::wrapper::vst3::vst3::Steinberg::Vst::IParameterChangesTrait;
use nice_plug::wrapper::vst3::vst3::Steinberg::{
    int32, kInvalidArgument, kNotImplemented, kResultOk, tresult,
};
use std::mem::MaybeUninit;
use std::ops::Range;
use std::ptr;
use std::sync::Arc;

/// Parameters that change in one piece, at most; more are dropped and counted.
const QUEUE_CAPACITY: usize = 4_096;

#[derive(Clone, Copy)]
struct Point {
    frame: i32,
    value: Vst::ParamValue,
}

struct Queue {
    parameter: Vst::ParamID,
    points: Range<usize>,
}

/// Copies of what lies in the piece; all vectors keep their first capacity.
struct Contents {
    events: Vec<Vst::Event>,
    points: Vec<Point>,
    queues: Vec<Queue>,
    /// The queue the framework reads.
    reading: usize,
}

type Shared = Arc<AtomicRefCell<Contents>>;

/// The host's lists of one call; either may be absent.
pub(super) struct HostLists<'a> {
    pub(super) events: Option<ComRef<'a, Vst::IEventList>>,
    pub(super) changes: Option<ComRef<'a, Vst::IParameterChanges>>,
}

impl HostLists<'_> {
    /// Real-time: yes.
    pub(super) fn count(&self) -> usize {
        let events = self.events.as_ref().map_or(0, |list| {
            // SAFETY: the host's list is valid during the call.
            unsafe { list.getEventCount() }
        });
        let points: i32 = self.queues().map(|queue| point_count(&queue)).sum();
        events.max(0) as usize + points.max(0) as usize
    }

    /// Whether the framework would take any event for another. Real-time: yes.
    pub(super) fn mistakable(&self) -> bool {
        let mut found = false;
        self.each_event_as_it_is(|event| found |= told_rightly(&event).is_some());
        found
    }

    /// Whether any queue is of one of the plugin's own parameters. Real-time: yes.
    pub(super) fn names(&self, own: impl Fn(Vst::ParamID) -> bool) -> bool {
        self.queues().any(|queue| own(parameter_of(&queue)))
    }

    /// Notes the frame of every event and point of a call of `frames` frames; points of the plugin's own parameters begin a
    /// piece. Real-time: yes.
    pub(super) fn note(&self, pieces: &mut Pieces, frames: usize, own: impl Fn(Vst::ParamID) -> bool) {
        self.each_event(|event| pieces.event(clamp(event.sampleOffset, frames)));
        for queue in self.queues() {
            let own = own(parameter_of(&queue));
            each_point(&queue, |point| match clamp(point.frame, frames) {
                frame if own => pieces.cut(frame),
                frame => pieces.event(frame),
            });
        }
    }

    /// Visits the points of the plugin's own parameters that lie in `piece` of a call of `frames` frames. Real-time: yes.
    pub(super) fn each_own(
        &self,
        piece: &Range<usize>,
        frames: usize,
        own: impl Fn(Vst::ParamID) -> bool,
        mut visit: impl FnMut(Vst::ParamID, Vst::ParamValue),
    ) {
        for queue in self.queues() {
            let parameter = parameter_of(&queue);
            if own(parameter) {
                each_point(&queue, |point| {
                    if piece.contains(&clamp(point.frame, frames)) {
                        visit(parameter, point.value);
                    }
                });
            }
        }
    }

    fn each_event(&self, mut visit: impl FnMut(Vst::Event)) {
        self.each_event_as_it_is(|event| visit(told_rightly(&event).unwrap_or(event)));
    }

    fn each_event_as_it_is(&self, mut visit: impl FnMut(Vst::Event)) {
        let Some(list) = &self.events else { return };
        // SAFETY: the host's list is valid during the call.
        for index in 0..unsafe { list.getEventCount() } {
            let mut event = MaybeUninit::<Vst::Event>::zeroed();
            // SAFETY: `event` is writable; all-zero bytes are a valid `Event` too, should the host leave parts of it.
            if unsafe { list.getEvent(index, event.as_mut_ptr()) } == kResultOk {
                // SAFETY: as above.
                visit(unsafe { event.assume_init() });
            }
        }
    }

    fn queues(&self) -> impl Iterator<Item = ComRef<'_, Vst::IParamValueQueue>> {
        // SAFETY: the host's list and its queues are valid during the call.
        let count = self.changes.as_ref().map_or(0, |list| unsafe { list.getParameterCount() });
        (0..count).filter_map(|index| {
            let list = self.changes.as_ref()?;
            // SAFETY: as above; a NULL queue becomes `None`.
            unsafe { ComRef::from_raw(list.getParameterData(index)) }
        })
    }
}

/// The framework takes expression for brightness and brightness for expression; swapped, they arrive as they are meant.
fn told_rightly(event: &Vst::Event) -> Option<Vst::Event> {
    use Vst::NoteExpressionTypeIDs_ as kind;
    if u32::from(event.r#type) != Vst::Event_::EventTypes_::kNoteExpressionValueEvent as u32 {
        return None;
    }
    // SAFETY: the type says which member of the union the host filled; it is plain numbers.
    let mut expression = unsafe { event.__field0.noteExpressionValue };
    expression.typeId = match expression.typeId {
        kind::kExpressionTypeID => kind::kBrightnessTypeID,
        kind::kBrightnessTypeID => kind::kExpressionTypeID,
        _ => return None,
    };
    Some(Vst::Event { __field0: Vst::Event__type0 { noteExpressionValue: expression }, ..*event })
}

fn point_count(queue: &ComRef<'_, Vst::IParamValueQueue>) -> i32 {
    // SAFETY: the host's queue is valid during the call.
    unsafe { queue.getPointCount() }.max(0)
}

fn parameter_of(queue: &ComRef<'_, Vst::IParamValueQueue>) -> Vst::ParamID {
    // SAFETY: the host's queue is valid during the call.
    unsafe { queue.getParameterId() }
}

fn each_point(queue: &ComRef<'_, Vst::IParamValueQueue>, mut visit: impl FnMut(Point)) {
    for index in 0..point_count(queue) {
        let mut point = Point { frame: 0, value: 0.0 };
        // SAFETY: the queue is valid during the call and both targets are writable.
        if unsafe { queue.getPoint(index, &mut point.frame, &mut point.value) } == kResultOk {
            visit(point);
        }
    }
}

/// An offset as a frame of the call; hosts do send offsets outside of it.
fn clamp(offset: i32, frames: usize) -> usize {
    (offset.max(0) as usize).min(frames.saturating_sub(1))
}

/// The two lists of one instance.
pub(super) struct Window {
    contents: Shared,
    events: ComWrapper<Events>,
    changes: ComWrapper<Changes>,
}

impl Window {
    pub(super) fn new() -> Self {
        let contents: Shared = Arc::new(AtomicRefCell::new(Contents {
            events: Vec::with_capacity(EVENT_CAPACITY),
            points: Vec::with_capacity(EVENT_CAPACITY),
            queues: Vec::with_capacity(QUEUE_CAPACITY),
            reading: 0,
        }));
        let queue = ComWrapper::new(PointQueue { contents: Arc::clone(&contents) });
        Window {
            events: ComWrapper::new(Events { contents: Arc::clone(&contents) }),
            changes: ComWrapper::new(Changes { contents: Arc::clone(&contents), queue }),
            contents,
        }
    }

    /// Shows the part of the host's lists that lies in `piece` of a call of `frames` frames, without the points of `hidden`
    /// parameters; returns how many were dropped. Real-time: yes.
    pub(super) fn show(
        &self,
        host: &HostLists<'_>,
        piece: &Range<usize>,
        frames: usize,
        hidden: impl Fn(Vst::ParamID) -> bool,
    ) -> usize {
        let mut contents = self.contents.borrow_mut();
        let Contents { events, points, queues, .. } = &mut *contents;
        events.clear();
        points.clear();
        queues.clear();
        let within = |offset: i32| piece.contains(&clamp(offset, frames));
        let moved = |offset: i32| (clamp(offset, frames) - piece.start) as i32;
        let mut dropped = 0;
        for queue in host.queues().filter(|queue| !hidden(parameter_of(queue))) {
            let first = points.len();
            each_point(&queue, |point| match within(point.frame) {
                true if points.len() < EVENT_CAPACITY => {
                    points.push(Point { frame: moved(point.frame), ..point });
                }
                true => dropped += 1,
                false => {}
            });
            match first..points.len() {
                range if range.is_empty() => {}
                range if queues.len() < QUEUE_CAPACITY => {
                    queues.push(Queue { parameter: parameter_of(&queue), points: range });
                }
                range => {
                    dropped += range.len();
                    points.truncate(first);
                }
            }
        }
        let room = EVENT_CAPACITY - points.len();
        host.each_event(|event| match within(event.sampleOffset) {
            true if events.len() < room => {
                events.push(Vst::Event { sampleOffset: moved(event.sampleOffset), ..event });
            }
            true => dropped += 1,
            false => {}
        });
        dropped
    }

    pub(super) fn events(&self) -> *mut Vst::IEventList {
        self.events.as_com_ref::<Vst::IEventList>().map_or(ptr::null_mut(), |list| list.as_ptr())
    }

    pub(super) fn changes(&self) -> *mut Vst::IParameterChanges {
        self.changes.as_com_ref::<Vst::IParameterChanges>().map_or(ptr::null_mut(), |list| list.as_ptr())
    }
}

struct Events {
    contents: Shared,
}

impl Class for Events {
    type Interfaces = (Vst::IEventList,);
}

impl IEventListTrait for Events {
    unsafe fn getEventCount(&self) -> int32 {
        self.contents.borrow().events.len() as int32
    }

    unsafe fn getEvent(&self, index: int32, event: *mut Vst::Event) -> tresult {
        let contents = self.contents.borrow();
        match usize::try_from(index).ok().and_then(|index| contents.events.get(index)) {
            Some(found) if !event.is_null() => {
                // SAFETY: the caller gives room for one event.
                unsafe { *event = *found };
                kResultOk
            }
            _ => kInvalidArgument,
        }
    }

    unsafe fn addEvent(&self, _: *mut Vst::Event) -> tresult {
        kNotImplemented
    }
}

struct Changes {
    contents: Shared,
    queue: ComWrapper<PointQueue>,
}

impl Class for Changes {
    type Interfaces = (Vst::IParameterChanges,);
}

impl IParameterChangesTrait for Changes {
    unsafe fn getParameterCount(&self) -> int32 {
        self.contents.borrow().queues.len() as int32
    }

    unsafe fn getParameterData(&self, index: int32) -> *mut Vst::IParamValueQueue {
        let mut contents = self.contents.borrow_mut();
        match usize::try_from(index) {
            Ok(index) if index < contents.queues.len() => {
                contents.reading = index;
                let queue = self.queue.as_com_ref::<Vst::IParamValueQueue>();
                queue.map_or(ptr::null_mut(), |queue| queue.as_ptr())
            }
            _ => ptr::null_mut(),
        }
    }

    unsafe fn addParameterData(&self, _: *const Vst::ParamID, _: *mut int32) -> *mut Vst::IParamValueQueue {
        ptr::null_mut()
    }
}

struct PointQueue {
    contents: Shared,
}

impl Class for PointQueue {
    type Interfaces = (Vst::IParamValueQueue,);
}

impl IParamValueQueueTrait for PointQueue {
    unsafe fn getParameterId(&self) -> Vst::ParamID {
        let contents = self.contents.borrow();
        contents.queues.get(contents.reading).map_or(Vst::kNoParamId, |queue| queue.parameter)
    }

    unsafe fn getPointCount(&self) -> int32 {
        let contents = self.contents.borrow();
        contents.queues.get(contents.reading).map_or(0, |queue| queue.points.len() as int32)
    }

    unsafe fn getPoint(&self, index: int32, frame: *mut int32, value: *mut Vst::ParamValue) -> tresult {
        let contents = self.contents.borrow();
        let points =
            contents.queues.get(contents.reading).map(|queue| &contents.points[queue.points.clone()]);
        match (points, usize::try_from(index)) {
            (Some(points), Ok(index)) if index < points.len() && !frame.is_null() && !value.is_null() => {
                // SAFETY: the caller gives room for both; neither is NULL.
                unsafe { (*frame, *value) = (points[index].frame, points[index].value) };
                kResultOk
            }
            _ => kInvalidArgument,
        }
    }

    unsafe fn addPoint(&self, _: int32, _: Vst::ParamValue, _: *mut int32) -> tresult {
        kNotImplemented
    }
}
