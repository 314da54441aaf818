//! CLAP extensions that the framework lacks or that we answer first: state, state-context, latency, preset-load, note-name, figures.
//!
//! In: a host's calls on its main thread. Out: songs and states handed to the instance, names of notes. A state is examined before
//! the framework applies it, so a corrupt one leaves the old one playing; what is wrong with a preset goes to the host in words.

use super::proxy::Proxy;
use crate::plugin::link::Change;
use crate::plugin::state;
use clap_sys::ext::latency::CLAP_EXT_LATENCY;
use clap_sys::ext::latency::clap_host_latency;
use clap_sys::ext::latency::clap_plugin_latency;
use clap_sys::ext::note_name::CLAP_EXT_NOTE_NAME;
use clap_sys::ext::note_name::clap_host_note_name;
use clap_sys::ext::note_name::clap_note_name;
use clap_sys::ext::note_name::clap_plugin_note_name;
use clap_sys::ext::params::CLAP_EXT_PARAMS;
use clap_sys::ext::params::CLAP_PARAM_RESCAN_VALUES;
use clap_sys::ext::params::clap_host_params;
use clap_sys::ext::preset_load::CLAP_EXT_PRESET_LOAD;
use clap_sys::ext::preset_load::CLAP_EXT_PRESET_LOAD_COMPAT;
use clap_sys::ext::preset_load::clap_host_preset_load;
use clap_sys::ext::preset_load::clap_plugin_preset_load;
use clap_sys::ext::state::CLAP_EXT_STATE;
use clap_sys::ext::state::clap_host_state;
use clap_sys::ext::state::clap_plugin_state;
use clap_sys::ext::state_context::CLAP_EXT_STATE_CONTEXT;
use clap_sys::ext::state_context::clap_plugin_state_context;
use clap_sys::ext::state_context::clap_plugin_state_context_type;
use clap_sys::factory::preset_discovery::CLAP_PRESET_DISCOVERY_LOCATION_FILE;
use clap_sys::factory::preset_discovery::clap_preset_discovery_location_kind;
use clap_sys::host::clap_host;
use clap_sys::plugin::clap_plugin;
use clap_sys::stream::clap_istream;
use clap_sys::stream::clap_ostream;
use std::ffi::CStr;
use std::ffi::CString;
use std::ffi::c_char;
use std::ffi::c_void;
use std::path::Path;
use std::ptr;

/// One of ours, if `id` names it.
pub(super) fn find(id: &CStr) -> Option<*const c_void> {
    if id == CLAP_EXT_STATE {
        Some(ptr::from_ref(&STATE).cast())
    } else if id == CLAP_EXT_STATE_CONTEXT {
        Some(ptr::from_ref(&STATE_CONTEXT).cast())
    } else if id == CLAP_EXT_PRESET_LOAD || id == CLAP_EXT_PRESET_LOAD_COMPAT {
        Some(ptr::from_ref(&PRESET_LOAD).cast())
    } else if id == CLAP_EXT_LATENCY {
        Some(ptr::from_ref(&LATENCY).cast())
    } else if id == CLAP_EXT_NOTE_NAME {
        Some(ptr::from_ref(&NOTE_NAME).cast())
    } else if id == EXT_FIGURES {
        Some(ptr::from_ref(&FIGURES).cast())
    } else {
        None
    }
}

static STATE: clap_plugin_state = clap_plugin_state { save: Some(save), load: Some(load) };

static STATE_CONTEXT: clap_plugin_state_context =
    clap_plugin_state_context { save: Some(save_for), load: Some(load_for) };

unsafe extern "C" fn save(plugin: *const clap_plugin, stream: *const clap_ostream) -> bool {
    // SAFETY: the host calls with what `create` made; CLAP defines this structure for this id.
    unsafe {
        let proxy = Proxy::of(plugin);
        proxy.link().settle();
        let original = proxy.original::<clap_plugin_state>(CLAP_EXT_STATE);
        original.and_then(|state| state.save).is_some_and(|save| save(proxy.inner(), stream))
    }
}

unsafe extern "C" fn load(plugin: *const clap_plugin, stream: *const clap_istream) -> bool {
    // SAFETY: the host calls with what `create` made, and its stream is valid during the call.
    let (proxy, bytes) = unsafe { (Proxy::of(plugin), read_to_end(stream)) };
    let (Some(bytes), Some(instance)) = (bytes, proxy.link().instance()) else { return false };
    if let Err(error) = state::examine_with_length(&bytes, instance) {
        instance.notify(error.to_string());
        return false;
    }
    let mut rest = bytes.as_slice();
    let stream = clap_istream { ctx: (&raw mut rest).cast(), read: Some(read_slice) };
    // SAFETY: CLAP defines this structure for this id; `rest` outlives the call.
    let loaded = unsafe {
        let original = proxy.original::<clap_plugin_state>(CLAP_EXT_STATE);
        original.and_then(|state| state.load).is_some_and(|load| load(proxy.inner(), &stream))
    };
    proxy.link().ask_for_restart(|| {
        // SAFETY: the host outlives its plugin.
        unsafe { ask_for_restart(proxy.host()) };
        true
    });
    loaded
}

/// Songs belong to presets, duplicates and projects alike, so the context changes nothing.
unsafe extern "C" fn save_for(
    plugin: *const clap_plugin,
    stream: *const clap_ostream,
    _: clap_plugin_state_context_type,
) -> bool {
    // SAFETY: the caller's own promises, passed on.
    unsafe { save(plugin, stream) }
}

unsafe extern "C" fn load_for(
    plugin: *const clap_plugin,
    stream: *const clap_istream,
    _: clap_plugin_state_context_type,
) -> bool {
    // SAFETY: the caller's own promises, passed on.
    unsafe { load(plugin, stream) }
}

/// All of a host's stream; `None` if it fails or holds more than any state may.
///
/// # Safety
/// `stream` is NULL or a stream that is valid during the call.
unsafe fn read_to_end(stream: *const clap_istream) -> Option<Vec<u8>> {
    // SAFETY: the caller's promise.
    let read = unsafe { stream.as_ref() }?.read?;
    let mut bytes = Vec::new();
    let mut chunk = vec![0u8; 1 << 16];
    loop {
        // SAFETY: as above; `chunk` holds as many bytes as asked for.
        match usize::try_from(unsafe { read(stream, chunk.as_mut_ptr().cast(), chunk.len() as u64) }) {
            Ok(0) => return Some(bytes),
            Ok(count) if count <= chunk.len() && bytes.len() + count <= state::MAX_BYTES => {
                bytes.extend_from_slice(&chunk[..count]);
            }
            _ => return None,
        }
    }
}

/// Reads from the `&[u8]` that is the stream's context.
unsafe extern "C" fn read_slice(stream: *const clap_istream, target: *mut c_void, size: u64) -> i64 {
    // SAFETY: the context is the slice in `load`, which nothing else uses meanwhile.
    let rest = unsafe { &mut *(*stream).ctx.cast::<&[u8]>() };
    let count = rest.len().min(usize::try_from(size).unwrap_or(usize::MAX));
    let (now, later) = rest.split_at(count);
    // SAFETY: the framework gives room for `size` bytes.
    unsafe { ptr::copy_nonoverlapping(now.as_ptr(), target.cast::<u8>(), count) };
    *rest = later;
    count as i64
}

static PRESET_LOAD: clap_plugin_preset_load = clap_plugin_preset_load { from_location: Some(from_location) };

/// Loads a module file as the song. The answer goes to the host's `loaded` or `on_error`.
unsafe extern "C" fn from_location(
    plugin: *const clap_plugin,
    kind: clap_preset_discovery_location_kind,
    location: *const c_char,
    key: *const c_char,
) -> bool {
    // SAFETY: the host calls with what `create` made.
    let proxy = unsafe { Proxy::of(plugin) };
    let result = if kind != CLAP_PRESET_DISCOVERY_LOCATION_FILE || location.is_null() {
        Err("Busker loads songs from files only".to_owned())
    } else {
        // SAFETY: a location ends with 0.
        let path = unsafe { CStr::from_ptr(location) }.to_string_lossy().into_owned();
        match proxy.link().instance() {
            Some(instance) => instance.open(Path::new(&path)).map_err(|error| error.to_string()),
            None => Err("the plugin is not ready".to_owned()),
        }
    };
    // SAFETY: the host outlives its plugin; CLAP defines these structures for these ids.
    unsafe {
        let host = proxy.host();
        let answers = host_extension::<clap_host_preset_load>(host, CLAP_EXT_PRESET_LOAD)
            .or_else(|| host_extension(host, CLAP_EXT_PRESET_LOAD_COMPAT));
        match &result {
            Ok(()) => {
                if let Some(loaded) = answers.and_then(|answers| answers.loaded) {
                    loaded(host, kind, location, key);
                }
                proxy.link().changed();
            }
            Err(message) => {
                let text = CString::new(message.replace('\0', " ")).unwrap_or_default();
                if let Some(on_error) = answers.and_then(|answers| answers.on_error) {
                    on_error(host, kind, location, key, 0, text.as_ptr());
                }
            }
        }
    }
    result.is_ok()
}

/// # Safety
/// On the main thread; `host` is valid for as long as the answer is used, and CLAP defines `T` for `id`.
unsafe fn host_extension<'a, T>(host: *const clap_host, id: &CStr) -> Option<&'a T> {
    // SAFETY: the caller's promise; a host's extensions live as long as the host.
    unsafe { ((*host).get_extension?)(host, id.as_ptr()).cast::<T>().as_ref() }
}

/// The host has something new to save, and keys may have other names.
///
/// # Safety
/// On the main thread; `host` is valid.
pub(super) unsafe fn tell_of_change(host: *const clap_host, change: Change) {
    // SAFETY: the caller's promise; CLAP defines these structures for these ids.
    unsafe {
        if change.values {
            let params = host_extension::<clap_host_params>(host, CLAP_EXT_PARAMS);
            let rescan = params.and_then(|params| params.rescan);
            rescan.inspect(|rescan| rescan(host, CLAP_PARAM_RESCAN_VALUES));
        }
        if change.restart {
            ask_for_restart(host);
        }
        let state = host_extension::<clap_host_state>(host, CLAP_EXT_STATE);
        state.and_then(|state| state.mark_dirty).inspect(|mark_dirty| mark_dirty(host));
        let names = host_extension::<clap_host_note_name>(host, CLAP_EXT_NOTE_NAME);
        names.and_then(|names| names.changed).inspect(|changed| changed(host));
    }
}

/// Asks the host to deactivate and activate the plugin.
///
/// # Safety
/// `host` is valid.
unsafe fn ask_for_restart(host: *const clap_host) {
    // SAFETY: the caller's promise.
    unsafe { (*host).request_restart.inspect(|restart| restart(host)) };
}

/// The framework's own would ask for a second restart to tell of what the first has changed.
static LATENCY: clap_plugin_latency = clap_plugin_latency { get: Some(latency) };

unsafe extern "C" fn latency(plugin: *const clap_plugin) -> u32 {
    // SAFETY: the host calls with what `create` made.
    let proxy = unsafe { Proxy::of(plugin) };
    proxy.link().instance().map_or(0, |instance| instance.latency()) as u32
}

/// The latency is no longer what it was.
///
/// # Safety
/// On the main thread while the host activates the plugin; `host` is valid.
pub(super) unsafe fn tell_of_latency(host: *const clap_host) {
    // SAFETY: the caller's promise; CLAP defines this structure for this id.
    unsafe {
        let latency = host_extension::<clap_host_latency>(host, CLAP_EXT_LATENCY);
        latency.and_then(|latency| latency.changed).inspect(|changed| changed(host));
    }
}

/// Our own extension: figures of the running engine for hosts that measure it. Read-only.
const EXT_FIGURES: &CStr = c"org.busker.figures/1";

/// The structure behind [`EXT_FIGURES`].
#[repr(C)]
struct Figures {
    /// Voices of song, launched patterns and keyboard that sounded in the newest block; 0 while inactive.
    /// Any thread but inside `process`: it may wait for the main thread.
    voices: unsafe extern "C" fn(*const clap_plugin) -> u32,
}

static FIGURES: Figures = Figures { voices };

unsafe extern "C" fn voices(plugin: *const clap_plugin) -> u32 {
    // SAFETY: the host calls with what `create` made.
    let proxy = unsafe { Proxy::of(plugin) };
    proxy.link().instance().map_or(0, |instance| instance.voices()) as u32
}

static NOTE_NAME: clap_plugin_note_name =
    clap_plugin_note_name { count: Some(name_count), get: Some(name_get) };

/// MIDI channels that play an instrument of the song each.
const NAMED_CHANNELS: usize = 16;

/// The names of the instruments that MIDI channels play, one for all keys of a channel.
fn names(proxy: &Proxy) -> Vec<(i16, String)> {
    let Some(instance) = proxy.link().instance() else { return Vec::new() };
    let instruments = instance.instrument_names().into_iter().take(NAMED_CHANNELS).zip(0..);
    instruments.filter(|(name, _)| !name.is_empty()).map(|(name, channel)| (channel, name)).collect()
}

unsafe extern "C" fn name_count(plugin: *const clap_plugin) -> u32 {
    // SAFETY: the host calls with what `create` made.
    names(unsafe { Proxy::of(plugin) }).len() as u32
}

unsafe extern "C" fn name_get(plugin: *const clap_plugin, index: u32, target: *mut clap_note_name) -> bool {
    // SAFETY: the host calls with what `create` made and gives room for one name; NULL becomes `None`.
    let (names, target) = unsafe { (names(Proxy::of(plugin)), target.as_mut()) };
    let (Some((channel, name)), Some(target)) = (names.get(index as usize), target) else { return false };
    (target.port, target.key, target.channel) = (-1, -1, *channel);
    target.name.fill(0);
    let last = target.name.len() - 1;
    for (target, byte) in target.name[..last].iter_mut().zip(name.bytes()) {
        *target = byte as c_char;
    }
    true
}
