//! Instances behind a host that leaves out what hosts may leave out.

use super::guard::Guard;
use crate::engine;
use crate::plugin::Busker;
use crate::plugin::kind::Instrument;
use crate::rack::Rack;
use nice_plug::wrapper::vst3::vst3::Class;
use nice_plug::wrapper::vst3::vst3::ComWrapper;
use nice_plug::wrapper::vst3::vst3::Steinberg::IBStream_::IStreamSeekMode_::kIBSeekEnd;
use nice_plug::wrapper::vst3::vst3::Steinberg::Vst::*;
use nice_plug::wrapper::vst3::vst3::Steinberg::*;
use std::cell::Cell;
use std::ffi::c_void;
use std::ptr;

/// Bytes to read, from where it stands.
struct Stream(Vec<u8>, Cell<usize>);

impl Class for Stream {
    type Interfaces = (IBStream,);
}

impl IBStreamTrait for Stream {
    unsafe fn read(&self, buffer: *mut c_void, count: int32, done: *mut int32) -> tresult {
        let rest = &self.0[self.1.get()..];
        let part = &rest[..rest.len().min(count as usize)];
        // SAFETY: the plugin's buffer holds `count` bytes, and it asks how many came.
        unsafe {
            ptr::copy_nonoverlapping(part.as_ptr(), buffer.cast(), part.len());
            *done = part.len() as int32;
        }
        self.1.set(self.1.get() + part.len());
        kResultOk
    }

    unsafe fn write(&self, _: *mut c_void, _: int32, _: *mut int32) -> tresult {
        kNotImplemented
    }

    unsafe fn seek(&self, to: int64, mode: int32, result: *mut int64) -> tresult {
        let base = if mode == kIBSeekEnd as int32 { self.0.len() } else { 0 };
        self.1.set(base + to as usize);
        // SAFETY: the plugin's own, or NULL.
        unsafe { result.as_mut() }.into_iter().for_each(|result| *result = self.1.get() as int64);
        kResultOk
    }

    unsafe fn tell(&self, result: *mut int64) -> tresult {
        // SAFETY: the plugin's own.
        unsafe { *result = self.1.get() as int64 };
        kResultOk
    }
}

/// Counts how often it is asked to start the plugin anew, and how often it is told that the project has changed.
#[derive(Default)]
struct Handler(Cell<usize>, Cell<usize>);

impl Class for Handler {
    type Interfaces = (IComponentHandler, IComponentHandler2);
}

impl IComponentHandler2Trait for Handler {
    unsafe fn setDirty(&self, _: TBool) -> tresult {
        self.1.set(self.1.get() + 1);
        kResultOk
    }

    unsafe fn requestOpenEditor(&self, _: FIDString) -> tresult {
        kNotImplemented
    }

    unsafe fn startGroupEdit(&self) -> tresult {
        kNotImplemented
    }

    unsafe fn finishGroupEdit(&self) -> tresult {
        kNotImplemented
    }
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
        self.0.set(self.0.get() + usize::from(flags & RestartFlags_::kLatencyChanged as int32 != 0));
        kResultOk
    }
}

/// Restores a rack that looks ahead, or one that does not.
fn restore(guard: &Guard<Busker<Instrument>>, look_ahead: bool) {
    let mut rack = Rack::default();
    rack.master.look_ahead = look_ahead;
    let bytes = rack.host_state(&engine::table()).unwrap();
    let stream = ComWrapper::new(Stream(bytes, Cell::new(0)));
    let pointer = stream.as_com_ref::<IBStream>().unwrap().as_ptr();
    // SAFETY: the stream outlives the call.
    assert_eq!(unsafe { IComponentTrait::setState(guard, pointer) }, kResultOk);
}

#[test]
fn a_host_that_listens_late_hears_once_of_a_restart_that_a_state_has_asked_for() {
    let guard = Guard::<Busker<Instrument>>::new();
    let mut setup =
        ProcessSetup { processMode: 0, symbolicSampleSize: 0, maxSamplesPerBlock: 512, sampleRate: 48_000.0 };
    // SAFETY: as a host does, on one thread; what is passed outlives its call.
    unsafe {
        assert_eq!(guard.setupProcessing(&mut setup), kResultOk);
        assert_eq!(guard.setActive(1), kResultOk);
    }
    let handler = ComWrapper::new(Handler::default());
    let listen = |listens: bool| {
        let there = handler.as_com_ref::<IComponentHandler>().filter(|_| listens);
        // SAFETY: the handler outlives the guard's use of it.
        unsafe { guard.setComponentHandler(there.map_or(ptr::null_mut(), |handler| handler.as_ptr())) };
    };
    restore(&guard, true);
    assert_eq!(handler.0.get(), 0, "nobody listens yet");
    listen(true);
    assert_eq!(handler.0.get(), 1);
    restore(&guard, true);
    listen(true);
    assert_eq!(handler.0.get(), 1, "once is enough");
    listen(false);
    restore(&guard, false);
    listen(true);
    assert_eq!(handler.0.get(), 1, "what runs is as the rack says");
    restore(&guard, true);
    assert_eq!(handler.0.get(), 2, "at once");
    assert_eq!(handler.1.get(), 0, "what is restored is no change");
}
