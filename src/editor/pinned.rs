//! Threads that nobody can end: they keep this library in the process.
//!
//! A system's dialog and a disk that hangs are waited for by threads that may outlive the plugin, and what talks to the dialog has threads
//! of its own for ever. A host that unloads the library then would pull their code away beneath them. So it stays loaded from the
//! first such thread on, which costs nothing but memory; hosts that never open a dialog unload it as ever.
#![allow(unsafe_code)] // Only the system's loader can keep a library.

use std::sync::OnceLock;
use std::thread;

/// Whether the library stays from now on; where it cannot be made to, such threads would not be safe.
pub(super) fn stays() -> bool {
    static PINNED: OnceLock<bool> = OnceLock::new();
    #[cfg(test)]
    if LEAVES.get() {
        return false;
    }
    *PINNED.get_or_init(pin)
}

#[cfg(test)]
std::thread_local! {
    /// Whether the library cannot be kept, as far as a test's thread is told.
    pub(super) static LEAVES: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// Runs `work` on a thread of this name, which may go on when the plugin is gone; false where it cannot be started, or would not be safe.
pub(super) fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> bool {
    stays() && thread::Builder::new().name(name.to_owned()).spawn(work).is_ok()
}

/// Has the library stay; whether it does. A program stays in any case.
#[cfg(unix)]
fn pin() -> bool {
    use std::mem::MaybeUninit;
    let mut found = MaybeUninit::<libc::Dl_info>::zeroed();
    let here: fn() -> bool = pin;
    // SAFETY: any address may be asked for; the answer is plain data, valid as zeros, whose name lives as long as what it names.
    unsafe {
        if libc::dladdr(here as *const libc::c_void, found.as_mut_ptr()) == 0 {
            return false;
        }
        let name = found.assume_init().dli_fname;
        let flags = libc::RTLD_LAZY | libc::RTLD_NOLOAD | libc::RTLD_NODELETE;
        // Nobody gives this reference back.
        !libc::dlopen(name, flags).is_null() || is_program(name)
    }
}

/// Whether this is the file of the program itself, which the loader does not know by its name.
#[cfg(unix)]
unsafe fn is_program(name: *const libc::c_char) -> bool {
    use std::os::unix::ffi::OsStrExt;
    // SAFETY: the caller's name ends with 0.
    let name = std::ffi::OsStr::from_bytes(unsafe { std::ffi::CStr::from_ptr(name) }.to_bytes());
    let real = |path: &std::path::Path| path.canonicalize().ok();
    std::env::current_exe().is_ok_and(|own| real(&own).is_some() && real(&own) == real(name.as_ref()))
}

/// The same.
#[cfg(windows)]
fn pin() -> bool {
    use windows_sys::Win32::System::LibraryLoader::GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS;
    use windows_sys::Win32::System::LibraryLoader::GET_MODULE_HANDLE_EX_FLAG_PIN;
    use windows_sys::Win32::System::LibraryLoader::GetModuleHandleExW;
    let here: fn() -> bool = pin;
    let mut module = std::ptr::null_mut();
    let flags = GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_PIN;
    // SAFETY: with this flag the name is any address of the library; the handle need not be given back.
    unsafe { GetModuleHandleExW(flags, here as *const u16, &mut module) != 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn a_thread_is_started_where_its_code_stays() {
        let (tell, told) = mpsc::channel();
        assert!(spawn("busker-test", move || tell
            .send(thread::current().name().map(str::to_owned))
            .unwrap()));
        assert_eq!(told.recv().unwrap().as_deref(), Some("busker-test"));
    }
}
