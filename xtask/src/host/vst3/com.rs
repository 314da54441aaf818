//! The COM objects a VST3 host owes its plugin: context, handler, streams, parameter queues, events, frame.
//!
//! All but [`Handler`] are used from one thread at a time, so their insides are cells. No messages, no attribute lists.

use std::cell::RefCell;
use std::ffi::c_void;
use std::sync::atomic::AtomicI32;
use std::sync::atomic::Ordering::Relaxed;

use ::vst3::Class;
use ::vst3::ComPtr;
use ::vst3::ComRef;
use ::vst3::ComWrapper;
use ::vst3::Steinberg::IBStream_::IStreamSeekMode_::*;
use ::vst3::Steinberg::Linux::*;
use ::vst3::Steinberg::Vst::RestartFlags_::*;
use ::vst3::Steinberg::Vst::*;
use ::vst3::Steinberg::*;

use crate::host::Requests;

/// The host as the plugin sees it.
pub(super) struct Application;

impl Class for Application {
    type Interfaces = (IHostApplication,);
}

impl IHostApplicationTrait for Application {
    unsafe fn getName(&self, name: *mut String128) -> tresult {
        // SAFETY: the plugin passes an array to fill.
        let Some(name) = (unsafe { name.as_mut() }) else { return kInvalidArgument };
        name.fill(0);
        name.iter_mut().zip("Busker headless host".encode_utf16()).for_each(|(to, from)| *to = from);
        kResultOk
    }

    unsafe fn createInstance(&self, _: *mut TUID, _: *mut TUID, object: *mut *mut c_void) -> tresult {
        if !object.is_null() {
            // SAFETY: the plugin passes a place for the pointer.
            unsafe { *object = std::ptr::null_mut() };
        }
        kNotImplemented
    }
}

/// Collects restart flags; plugins send them from threads of their own.
#[derive(Default)]
pub(super) struct Handler {
    flags: AtomicI32,
}

impl Handler {
    /// What was asked for since the last call.
    pub(super) fn take(&self) -> Requests {
        let flags = self.flags.swap(0, Relaxed);
        let any = |wanted| flags & wanted != 0;
        Requests {
            restart: any(kReloadComponent | kIoChanged | kLatencyChanged),
            latency: any(kLatencyChanged),
            rescan: any(kParamTitlesChanged | kParamValuesChanged),
            messages: Vec::new(),
        }
    }
}

impl Class for Handler {
    type Interfaces = (IComponentHandler,);
}

impl IComponentHandlerTrait for Handler {
    unsafe fn beginEdit(&self, _: ParamID) -> tresult {
        kResultOk
    }

    unsafe fn performEdit(&self, _: ParamID, _: ParamValue) -> tresult {
        kResultOk
    }

    unsafe fn endEdit(&self, _: ParamID) -> tresult {
        kResultOk
    }

    unsafe fn restartComponent(&self, flags: int32) -> tresult {
        self.flags.fetch_or(flags, Relaxed);
        kResultOk
    }
}

/// Bytes to read from or write to.
#[derive(Default)]
pub(super) struct MemoryStream {
    bytes: RefCell<Vec<u8>>,
    at: RefCell<usize>,
}

/// A [`MemoryStream`] with its COM header.
pub(super) struct Stream(ComWrapper<MemoryStream>);

impl MemoryStream {
    pub(super) fn wrap(bytes: Vec<u8>) -> Stream {
        Stream(ComWrapper::new(Self { bytes: RefCell::new(bytes), at: RefCell::new(0) }))
    }
}

impl Stream {
    pub(super) fn pointer(&self) -> Option<*mut IBStream> {
        self.0.as_com_ref::<IBStream>().map(|stream| stream.as_ptr())
    }

    pub(super) fn rewind(&self) {
        self.0.at.replace(0);
    }

    pub(super) fn take(&self) -> Vec<u8> {
        self.0.bytes.take()
    }
}

impl Class for MemoryStream {
    type Interfaces = (IBStream,);
}

fn report<T>(place: *mut T, value: T) {
    if !place.is_null() {
        // SAFETY: a place the plugin passed for the answer.
        unsafe { *place = value };
    }
}

impl IBStreamTrait for MemoryStream {
    unsafe fn read(&self, buffer: *mut c_void, count: int32, done: *mut int32) -> tresult {
        let bytes = self.bytes.borrow();
        let mut at = self.at.borrow_mut();
        let rest = bytes.get(*at..).unwrap_or_default();
        let part = &rest[..rest.len().min(count.max(0) as usize)];
        // SAFETY: the plugin's buffer holds `count` bytes.
        unsafe { std::ptr::copy_nonoverlapping(part.as_ptr(), buffer.cast(), part.len()) };
        *at += part.len();
        report(done, part.len() as int32);
        kResultOk
    }

    unsafe fn write(&self, buffer: *mut c_void, count: int32, done: *mut int32) -> tresult {
        let (mut bytes, mut at) = (self.bytes.borrow_mut(), self.at.borrow_mut());
        let count = count.max(0) as usize;
        let end = *at + count;
        if bytes.len() < end {
            bytes.resize(end, 0);
        }
        // SAFETY: the plugin's buffer holds `count` bytes; the vector was just made long enough.
        unsafe { std::ptr::copy_nonoverlapping(buffer.cast(), bytes[*at..].as_mut_ptr(), count) };
        *at = end;
        report(done, count as int32);
        kResultOk
    }

    unsafe fn seek(&self, offset: int64, mode: int32, result: *mut int64) -> tresult {
        let mut at = self.at.borrow_mut();
        let base = match mode as u32 {
            kIBSeekSet => 0,
            kIBSeekCur => *at as int64,
            kIBSeekEnd => self.bytes.borrow().len() as int64,
            _ => return kInvalidArgument,
        };
        *at = (base + offset).max(0) as usize;
        report(result, *at as int64);
        kResultOk
    }

    unsafe fn tell(&self, place: *mut int64) -> tresult {
        report(place, *self.at.borrow() as int64);
        kResultOk
    }
}

/// One parameter's points in one block.
pub(super) struct ParameterQueue {
    id: ParamID,
    points: RefCell<Vec<(int32, ParamValue)>>,
}

impl Class for ParameterQueue {
    type Interfaces = (IParamValueQueue,);
}

impl IParamValueQueueTrait for ParameterQueue {
    unsafe fn getParameterId(&self) -> ParamID {
        self.id
    }

    unsafe fn getPointCount(&self) -> int32 {
        self.points.borrow().len() as int32
    }

    unsafe fn getPoint(&self, index: int32, frame: *mut int32, value: *mut ParamValue) -> tresult {
        let points = self.points.borrow();
        let Some(&(at, to)) = usize::try_from(index).ok().and_then(|index| points.get(index)) else {
            return kInvalidArgument;
        };
        report(frame, at);
        report(value, to);
        kResultOk
    }

    unsafe fn addPoint(&self, frame: int32, value: ParamValue, index: *mut int32) -> tresult {
        let mut points = self.points.borrow_mut();
        points.push((frame, value));
        report(index, points.len() as int32 - 1);
        kResultOk
    }
}

/// All parameters' points in one block.
#[derive(Default)]
pub(super) struct ParameterChanges {
    queues: RefCell<Vec<ComWrapper<ParameterQueue>>>,
}

impl ParameterChanges {
    pub(super) fn add(&self, id: ParamID, frame: int32, value: ParamValue) {
        self.queue(id).points.borrow_mut().push((frame, value));
    }

    fn queue(&self, id: ParamID) -> ComWrapper<ParameterQueue> {
        let mut queues = self.queues.borrow_mut();
        if let Some(queue) = queues.iter().find(|queue| queue.id == id) {
            return queue.clone();
        }
        let queue = ComWrapper::new(ParameterQueue { id, points: RefCell::default() });
        queues.push(queue.clone());
        queue
    }
}

/// The pointer a plugin borrows; the object stays in its list for the whole block.
fn borrowed(queue: &ComWrapper<ParameterQueue>) -> *mut IParamValueQueue {
    queue.as_com_ref::<IParamValueQueue>().map_or(std::ptr::null_mut(), |queue| queue.as_ptr())
}

impl Class for ParameterChanges {
    type Interfaces = (IParameterChanges,);
}

impl IParameterChangesTrait for ParameterChanges {
    unsafe fn getParameterCount(&self) -> int32 {
        self.queues.borrow().len() as int32
    }

    unsafe fn getParameterData(&self, index: int32) -> *mut IParamValueQueue {
        let queues = self.queues.borrow();
        let queue = usize::try_from(index).ok().and_then(|index| queues.get(index));
        queue.map_or(std::ptr::null_mut(), borrowed)
    }

    unsafe fn addParameterData(&self, id: *const ParamID, index: *mut int32) -> *mut IParamValueQueue {
        // SAFETY: the plugin passes the address of an id.
        let Some(&id) = (unsafe { id.as_ref() }) else { return std::ptr::null_mut() };
        let queue = self.queue(id);
        let at = self.queues.borrow().iter().position(|queue| queue.id == id).unwrap_or_default();
        report(index, at as int32);
        borrowed(&queue)
    }
}

/// Notes in one block.
#[derive(Default)]
pub(super) struct EventList {
    pub(super) events: RefCell<Vec<Event>>,
}

impl Class for EventList {
    type Interfaces = (IEventList,);
}

impl IEventListTrait for EventList {
    unsafe fn getEventCount(&self) -> int32 {
        self.events.borrow().len() as int32
    }

    unsafe fn getEvent(&self, index: int32, event: *mut Event) -> tresult {
        let events = self.events.borrow();
        let Some(&found) = usize::try_from(index).ok().and_then(|index| events.get(index)) else {
            return kInvalidArgument;
        };
        report(event, found);
        kResultOk
    }

    unsafe fn addEvent(&self, event: *mut Event) -> tresult {
        // SAFETY: the plugin passes a whole event.
        let Some(event) = (unsafe { event.as_ref() }) else { return kInvalidArgument };
        self.events.borrow_mut().push(*event);
        kResultOk
    }
}

/// The editor's frame and the loop that runs its handlers.
#[derive(Default)]
pub(super) struct Frame {
    handlers: RefCell<Vec<(ComPtr<IEventHandler>, FileDescriptor)>>,
    timers: RefCell<Vec<ComPtr<ITimerHandler>>>,
}

impl Frame {
    /// Calls every handler and timer once; handlers read without waiting.
    pub(super) fn run_handlers(&self) {
        let handlers = self.handlers.borrow().clone();
        let timers = self.timers.borrow().clone();
        // SAFETY: the plugin registered these objects and each is held by a reference here.
        unsafe {
            handlers.iter().for_each(|(handler, descriptor)| handler.onFDIsSet(*descriptor));
            timers.iter().for_each(|timer| timer.onTimer());
        }
    }
}

impl Class for Frame {
    type Interfaces = (IPlugFrame, IRunLoop);
}

impl IPlugFrameTrait for Frame {
    unsafe fn resizeView(&self, view: *mut IPlugView, size: *mut ViewRect) -> tresult {
        // SAFETY: the plugin passes its own view.
        match unsafe { ComRef::from_raw(view) } {
            // SAFETY: as above; the size is the plugin's.
            Some(view) => unsafe { view.onSize(size) },
            None => kInvalidArgument,
        }
    }
}

impl IRunLoopTrait for Frame {
    unsafe fn registerEventHandler(
        &self,
        handler: *mut IEventHandler,
        descriptor: FileDescriptor,
    ) -> tresult {
        // SAFETY: the plugin passes its own object.
        let Some(handler) = (unsafe { ComRef::from_raw(handler) }) else { return kInvalidArgument };
        self.handlers.borrow_mut().push((handler.to_com_ptr(), descriptor));
        kResultOk
    }

    unsafe fn unregisterEventHandler(&self, handler: *mut IEventHandler) -> tresult {
        self.handlers.borrow_mut().retain(|(known, _)| known.as_ptr() != handler);
        kResultOk
    }

    unsafe fn registerTimer(&self, handler: *mut ITimerHandler, _: TimerInterval) -> tresult {
        // SAFETY: the plugin passes its own object.
        let Some(handler) = (unsafe { ComRef::from_raw(handler) }) else { return kInvalidArgument };
        self.timers.borrow_mut().push(handler.to_com_ptr());
        kResultOk
    }

    unsafe fn unregisterTimer(&self, handler: *mut ITimerHandler) -> tresult {
        self.timers.borrow_mut().retain(|known| known.as_ptr() != handler);
        kResultOk
    }
}
