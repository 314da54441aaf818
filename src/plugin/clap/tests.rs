//! Instances behind a host that does what hosts may do while they are told something.

use super::proxy::Proxy;
use super::proxy::create;
use crate::machine::MachineKind;
use crate::plugin::Busker;
use crate::plugin::Edit;
use crate::plugin::Instance;
use crate::plugin::MachineEdit;
use crate::plugin::kind::Instrument;
use clap_sys::ext::params::CLAP_EXT_PARAMS;
use clap_sys::ext::params::clap_host_params;
use clap_sys::ext::params::clap_param_clear_flags;
use clap_sys::ext::params::clap_param_rescan_flags;
use clap_sys::host::clap_host;
use clap_sys::id::clap_id;
use clap_sys::plugin::clap_plugin;
use clap_sys::version::CLAP_VERSION;
use std::cell::Cell;
use std::ffi::CStr;
use std::ffi::c_char;
use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// A host whose main thread is the one that has made it.
struct Host {
    api: clap_host,
    plugin: Cell<*const clap_plugin>,
    /// Times that it was asked to come back on its main thread.
    called: AtomicUsize,
    /// Times that it was told of values.
    told: Cell<usize>,
}

impl Host {
    fn new() -> Box<Self> {
        let mut host = Box::new(Host {
            api: clap_host {
                clap_version: CLAP_VERSION,
                host_data: ptr::null_mut(),
                name: c"Test".as_ptr(),
                vendor: c"".as_ptr(),
                url: c"".as_ptr(),
                version: c"1".as_ptr(),
                get_extension: Some(get_extension),
                request_restart: Some(ignore),
                request_process: Some(ignore),
                request_callback: Some(call_back),
            },
            plugin: Cell::new(ptr::null()),
            called: AtomicUsize::new(0),
            told: Cell::new(0),
        });
        host.api.host_data = (&raw mut *host).cast();
        host
    }

    fn instance(&self) -> Arc<Instance> {
        // SAFETY: the plugin was made by `create`, and is destroyed last.
        let instance = unsafe { Proxy::of(self.plugin.get()) }.link().instance();
        Arc::clone(instance.unwrap())
    }

    /// Changes parameters behind the host's back.
    fn edit(&self, slot: usize) {
        let edit = MachineEdit::Choose((1, slot), Some(MachineKind::Delay));
        self.instance().edit_later(Edit::Machine(edit));
        self.instance().wait_for_worker();
    }

    /// What a host does on its main thread whenever it has time.
    fn pump(&self) {
        if self.called.swap(0, Relaxed) > 0 {
            // SAFETY: the plugin's own function, on the thread that has made it.
            unsafe { ((*self.plugin.get()).on_main_thread.unwrap())(self.plugin.get()) };
        }
    }
}

unsafe fn of<'a>(host: *const clap_host) -> &'a Host {
    // SAFETY: `Host::new` has put it there.
    unsafe { &*(*host).host_data.cast::<Host>() }
}

unsafe extern "C" fn ignore(_: *const clap_host) {}

unsafe extern "C" fn call_back(host: *const clap_host) {
    // SAFETY: the plugin calls with the host that it was given.
    unsafe { of(host) }.called.fetch_add(1, Relaxed);
}

unsafe extern "C" fn get_extension(_: *const clap_host, id: *const c_char) -> *const c_void {
    static PARAMS: clap_host_params =
        clap_host_params { rescan: Some(rescan), clear: Some(clear), request_flush: Some(ignore) };
    // SAFETY: an extension's id ends with 0.
    let id = unsafe { CStr::from_ptr(id) };
    if id == CLAP_EXT_PARAMS { ptr::from_ref(&PARAMS).cast() } else { ptr::null() }
}

unsafe extern "C" fn clear(_: *const clap_host, _: clap_id, _: clap_param_clear_flags) {}

/// Goes on with all else before it answers, as one does that shows a dialog.
unsafe extern "C" fn rescan(host: *const clap_host, _: clap_param_rescan_flags) {
    // SAFETY: the plugin calls with the host that it was given.
    let host = unsafe { of(host) };
    host.told.set(host.told.get() + 1);
    if host.told.get() < 3 {
        host.edit(host.told.get());
        // SAFETY: see `Host::instance`.
        unsafe { Proxy::of(host.plugin.get()) }.link().settle();
        host.pump();
    }
}

#[test]
fn a_host_that_goes_on_while_it_is_told_of_a_change_hears_of_the_next_one() {
    let (tell, told) = mpsc::channel();
    // It hangs where a lock is held twice.
    thread::spawn(move || {
        let host = Host::new();
        // SAFETY: as a host does: the host outlives the plugin, and all is done on one thread.
        unsafe {
            host.plugin.set(create::<Busker<Instrument>>(&host.api));
            let plugin = host.plugin.get();
            assert!(((*plugin).init.unwrap())(plugin));
            host.edit(0);
            host.pump();
            let told = host.told.get();
            ((*plugin).destroy.unwrap())(plugin);
            tell.send(told).unwrap();
        }
    });
    assert_eq!(told.recv_timeout(Duration::from_secs(120)), Ok(3));
}
