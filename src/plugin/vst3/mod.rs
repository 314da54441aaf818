//! The VST3 side: the library's entry points and the factory, with the guard in front of every instance.
//!
//! In: a host that opens the library. Out: the plugins of the list, each behind a `Guard`. The host's main thread.
//! What happens in a call is in `guard`; the part of a cut call is in `window`, what it sends goes through `sink`; the
//! host's clock is read in `transport`; `listing` describes parameters, `values` sets them.
#![allow(unreachable_pub)] // Hosts find the entry points by name.
#![allow(clippy::unnecessary_cast)] // The headers' enums are signed on Windows and unsigned elsewhere.
#![allow(unsafe_code)] // COM interfaces are unsafe functions over raw pointers.

mod guard;
mod listing;
mod sink;
#[cfg(test)]
mod tests;
mod transport;
mod values;
mod window;

pub(super) use guard::Guarded;

use super::PLUGINS;
use guard::Guard;
use nice_plug::wrapper::vst3::PluginInfo;
use nice_plug::wrapper::vst3::vst3::Class;
use nice_plug::wrapper::vst3::vst3::ComWrapper;
use nice_plug::wrapper::vst3::vst3::Steinberg::*;
use std::ffi::c_void;
use std::ptr;

/// Makes an instance and asks it for the interface `interface`.
///
/// # Safety
/// `interface` points at an interface id, `object` at room for a pointer.
pub(super) unsafe fn create<P: Guarded>(interface: FIDString, object: *mut *mut c_void) -> tresult {
    let guard = ComWrapper::new(Guard::<P>::new());
    let Some(unknown) = guard.as_com_ref::<FUnknown>() else { return kNoInterface };
    let unknown = unknown.as_ptr();
    // SAFETY: `unknown` is alive until the end of this function; the answer holds its own reference.
    unsafe { ((*(*unknown).vtbl).queryInterface)(unknown, interface as *const TUID, object) }
}

struct Factory {
    classes: Vec<PluginInfo>,
}

impl Class for Factory {
    type Interfaces = (IPluginFactory, IPluginFactory2, IPluginFactory3);
}

impl Factory {
    /// Writes what `describe` makes of class `index`.
    ///
    /// # Safety
    /// `target` is NULL or has room for the description.
    unsafe fn describe<T>(
        &self,
        index: int32,
        target: *mut T,
        describe: impl Fn(&PluginInfo) -> T,
    ) -> tresult {
        match usize::try_from(index).ok().and_then(|index| self.classes.get(index)) {
            Some(class) if !target.is_null() => {
                // SAFETY: the caller's promise.
                unsafe { *target = describe(class) };
                kResultOk
            }
            _ => kInvalidArgument,
        }
    }
}

impl IPluginFactoryTrait for Factory {
    unsafe fn getFactoryInfo(&self, info: *mut PFactoryInfo) -> tresult {
        // SAFETY: the host gives room for one description.
        unsafe { self.describe(0, info, PluginInfo::create_factory_info) }
    }

    unsafe fn countClasses(&self) -> int32 {
        self.classes.len() as int32
    }

    unsafe fn getClassInfo(&self, index: int32, info: *mut PClassInfo) -> tresult {
        // SAFETY: as above.
        unsafe { self.describe(index, info, PluginInfo::create_class_info) }
    }

    unsafe fn createInstance(
        &self,
        class: FIDString,
        interface: FIDString,
        object: *mut *mut c_void,
    ) -> tresult {
        if class.is_null() || interface.is_null() || object.is_null() {
            return kInvalidArgument;
        }
        // SAFETY: a class id is 16 bytes.
        let class = unsafe { &*class.cast::<[u8; 16]>() };
        match self.classes.iter().zip(&PLUGINS).find(|(info, _)| info.cid == class) {
            // SAFETY: neither pointer is NULL, see above.
            Some((_, plugin)) => unsafe { (plugin.create_vst3)(interface, object) },
            None => kInvalidArgument,
        }
    }
}

impl IPluginFactory2Trait for Factory {
    unsafe fn getClassInfo2(&self, index: int32, info: *mut PClassInfo2) -> tresult {
        // SAFETY: the host gives room for one description.
        unsafe { self.describe(index, info, PluginInfo::create_class_info_2) }
    }
}

impl IPluginFactory3Trait for Factory {
    unsafe fn getClassInfoUnicode(&self, index: int32, info: *mut PClassInfoW) -> tresult {
        // SAFETY: the host gives room for one description.
        unsafe { self.describe(index, info, PluginInfo::create_class_info_unicode) }
    }

    unsafe fn setHostContext(&self, _: *mut FUnknown) -> tresult {
        kResultOk
    }
}

/// The factory, as every VST3 host looks for it.
#[unsafe(no_mangle)]
pub extern "system" fn GetPluginFactory() -> *mut c_void {
    let factory = Factory { classes: PLUGINS.iter().map(|plugin| (plugin.vst3_info)()).collect() };
    let factory = ComWrapper::new(factory).to_com_ptr::<IPluginFactory>();
    factory.map_or(ptr::null_mut(), |factory| factory.into_raw().cast())
}

/// Called when a Linux host has opened the library.
#[cfg(all(unix, not(target_os = "macos")))]
#[unsafe(no_mangle)]
pub extern "C" fn ModuleEntry(_library: *mut c_void) -> bool {
    super::start_logging();
    true
}

/// Called before a Linux host closes the library.
#[cfg(all(unix, not(target_os = "macos")))]
#[unsafe(no_mangle)]
pub extern "C" fn ModuleExit() -> bool {
    true
}

/// Called when a macOS host has opened the bundle.
#[cfg(target_os = "macos")]
#[unsafe(no_mangle)]
pub extern "C" fn bundleEntry(_bundle: *mut c_void) -> bool {
    super::start_logging();
    true
}

/// Called before a macOS host closes the bundle.
#[cfg(target_os = "macos")]
#[unsafe(no_mangle)]
pub extern "C" fn bundleExit() -> bool {
    true
}

/// Called when a Windows host has opened the library.
#[cfg(windows)]
#[unsafe(no_mangle)]
pub extern "system" fn InitDll() -> bool {
    super::start_logging();
    true
}

/// Called before a Windows host closes the library.
#[cfg(windows)]
#[unsafe(no_mangle)]
pub extern "system" fn ExitDll() -> bool {
    true
}
