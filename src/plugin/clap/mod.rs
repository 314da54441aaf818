//! The CLAP side: the library's entry point and its factories, with the proxy in front of every instance.
//!
//! In: a host that opens the library. Out: the plugins of the list, each behind a `Proxy`, and the songs on disk as presets. The
//! host's main thread. What happens in a call is in `proxy`; the part of a cut call is in `window`, what it sends goes through
//! `sink`; the host's clock is read in `transport`.
#![allow(unreachable_pub)] // Hosts find the entry points by name.
#![allow(unsafe_code)] // CLAP is a C interface: functions over raw pointers.

mod extensions;
mod presets;
mod proxy;
mod sink;
#[cfg(test)]
mod tests;
mod transport;
mod window;

pub(super) use proxy::create;

use super::PLUGINS;
use clap_sys::factory::preset_discovery::CLAP_PRESET_DISCOVERY_FACTORY_ID;
use clap_sys::factory::preset_discovery::CLAP_PRESET_DISCOVERY_FACTORY_ID_COMPAT;
use nice_plug::wrapper::clap::CLAP_PLUGIN_FACTORY_ID;
use nice_plug::wrapper::clap::CLAP_VERSION;
use nice_plug::wrapper::clap::PluginDescriptor;
use nice_plug::wrapper::clap::clap_host;
use nice_plug::wrapper::clap::clap_plugin;
use nice_plug::wrapper::clap::clap_plugin_descriptor;
use nice_plug::wrapper::clap::clap_plugin_entry;
use nice_plug::wrapper::clap::clap_plugin_factory;
use std::ffi::CStr;
use std::ffi::c_char;
use std::ffi::c_void;
use std::ptr;
use std::sync::OnceLock;

fn descriptors() -> &'static [PluginDescriptor] {
    static DESCRIPTORS: OnceLock<Vec<PluginDescriptor>> = OnceLock::new();
    DESCRIPTORS.get_or_init(|| PLUGINS.iter().map(|plugin| (plugin.clap_descriptor)()).collect())
}

static FACTORY: clap_plugin_factory = clap_plugin_factory {
    get_plugin_count: Some(plugin_count),
    get_plugin_descriptor: Some(plugin_descriptor),
    create_plugin: Some(create_plugin),
};

unsafe extern "C" fn plugin_count(_: *const clap_plugin_factory) -> u32 {
    descriptors().len() as u32
}

unsafe extern "C" fn plugin_descriptor(
    _: *const clap_plugin_factory,
    index: u32,
) -> *const clap_plugin_descriptor {
    let descriptor = descriptors().get(index as usize);
    descriptor.map_or(ptr::null(), |descriptor| ptr::from_ref(descriptor.clap_plugin_descriptor()))
}

unsafe extern "C" fn create_plugin(
    _: *const clap_plugin_factory,
    host: *const clap_host,
    id: *const c_char,
) -> *const clap_plugin {
    if id.is_null() {
        return ptr::null();
    }
    // SAFETY: an id ends with 0.
    let id = unsafe { CStr::from_ptr(id) };
    match descriptors().iter().zip(&PLUGINS).find(|(descriptor, _)| descriptor.clap_id() == id) {
        // SAFETY: the host outlives its plugins.
        Some((_, plugin)) => unsafe { (plugin.create_clap)(host) },
        None => ptr::null(),
    }
}

unsafe extern "C" fn init(_: *const c_char) -> bool {
    super::start_logging();
    true
}

unsafe extern "C" fn deinit() {}

unsafe extern "C" fn get_factory(id: *const c_char) -> *const c_void {
    if id.is_null() {
        return ptr::null();
    }
    // SAFETY: a factory's id ends with 0.
    let id = unsafe { CStr::from_ptr(id) };
    if id == CLAP_PLUGIN_FACTORY_ID {
        ptr::from_ref(&FACTORY).cast()
    } else if id == CLAP_PRESET_DISCOVERY_FACTORY_ID || id == CLAP_PRESET_DISCOVERY_FACTORY_ID_COMPAT {
        ptr::from_ref(&presets::FACTORY).cast()
    } else {
        ptr::null()
    }
}

/// The library's entry point, as every CLAP host looks for it.
#[unsafe(no_mangle)]
#[used]
pub static clap_entry: clap_plugin_entry = clap_plugin_entry {
    clap_version: CLAP_VERSION,
    init: Some(init),
    deinit: Some(deinit),
    get_factory: Some(get_factory),
};
