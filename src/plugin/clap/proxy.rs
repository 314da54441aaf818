//! The `clap_plugin` in front of the framework's: same data, six functions replaced.
//!
//! In: a host's calls. Out: the same calls with complete audio ports, in pieces the framework's queue can take, and the host's own
//! transport for the plugin; extensions the framework lacks. The proxy begins with a copy of the framework's `clap_plugin` and its
//! `plugin_data`, so every function that is not replaced, and every extension, takes the proxy for the original.

use super::extensions;
use super::sink::Sink;
use super::transport;
use super::window::HostEvents;
use super::window::Window;
use crate::engine::Transport;
use crate::plugin::buses::Buses;
use crate::plugin::buses::Side;
use crate::plugin::link::Link;
use crate::plugin::pieces::MAX_PIECE_FRAMES;
use crate::plugin::pieces::Pieces;
use crate::rt::NoDenormals;
use atomic_refcell::AtomicRefCell;
use clap_sys::audio_buffer::clap_audio_buffer;
use clap_sys::events::clap_input_events;
use clap_sys::ext::audio_ports::CLAP_AUDIO_PORT_IS_MAIN;
use clap_sys::ext::audio_ports::CLAP_EXT_AUDIO_PORTS;
use clap_sys::ext::audio_ports::clap_audio_port_info;
use clap_sys::ext::audio_ports::clap_plugin_audio_ports;
use clap_sys::host::clap_host;
use clap_sys::plugin::clap_plugin;
use clap_sys::process::CLAP_PROCESS_ERROR;
use clap_sys::process::clap_process;
use clap_sys::process::clap_process_status;
use nice_plug::prelude::ClapPlugin;
use nice_plug::wrapper::clap::Wrapper;
use std::ffi::CStr;
use std::ffi::c_char;
use std::ffi::c_void;
use std::ops::Range;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

/// What only `process` touches between `activate` and `deactivate`.
struct Audio {
    buses: Buses,
    inputs: Vec<clap_audio_buffer>,
    outputs: Vec<clap_audio_buffer>,
    pieces: Pieces,
    window: Box<Window>,
    sink: Box<Sink>,
}

/// One plugin as a CLAP host sees it. The host's `clap_plugin` is its first field.
#[repr(C)]
pub(super) struct Proxy {
    api: clap_plugin,
    inner: *const clap_plugin,
    host: *const clap_host,
    link: Arc<Link>,
    /// What the host takes the latency for; only its main thread comes here.
    latency: AtomicUsize,
    /// Empty until the host activates; borrowed for the length of a call, so a host that breaks the thread rules gets an error.
    audio: AtomicRefCell<Option<Box<Audio>>>,
}

/// Makes an instance for `host`; NULL without one.
///
/// # Safety
/// `host` is NULL or outlives the instance.
pub(in crate::plugin) unsafe fn create<P: ClapPlugin>(host: *const clap_host) -> *const clap_plugin {
    if host.is_null() {
        return ptr::null();
    }
    // SAFETY: the caller's promise. The reference taken from the `Arc` goes back in the framework's `destroy`.
    let (link, inner) =
        Link::around(|| unsafe { (*Arc::into_raw(Wrapper::<P>::new(host))).clap_plugin.as_ptr() });
    let inner = inner.cast_const();
    // SAFETY: the framework's struct, which nothing else holds yet.
    let original = unsafe { *inner };
    let api = clap_plugin {
        destroy: Some(destroy),
        activate: Some(activate),
        deactivate: Some(deactivate),
        start_processing: Some(start_processing),
        process: Some(process),
        get_extension: Some(get_extension),
        ..original
    };
    let told = Host(host);
    link.on_change(move |change| {
        // SAFETY: on the main thread; the host outlives its plugins.
        unsafe { extensions::tell_of_change(told.get(), change) };
        true
    });
    let proxy = Box::new(Proxy {
        api,
        inner,
        host,
        link,
        latency: AtomicUsize::new(0),
        audio: AtomicRefCell::new(None),
    });
    Box::into_raw(proxy).cast_const().cast()
}

/// A host as a value that closures may keep.
#[derive(Clone, Copy)]
struct Host(*const clap_host);

// SAFETY: the pointer is used on the host's main thread only.
unsafe impl Send for Host {}
// SAFETY: as above.
unsafe impl Sync for Host {}

impl Host {
    fn get(self) -> *const clap_host {
        self.0
    }
}

impl Proxy {
    /// # Safety
    /// `plugin` was made by `create` and is not destroyed yet.
    pub(super) unsafe fn of<'a>(plugin: *const clap_plugin) -> &'a Proxy {
        // SAFETY: `api` is the first field. Only shared references are ever made; what changes is in a cell.
        unsafe { &*plugin.cast::<Proxy>() }
    }

    pub(super) fn link(&self) -> &Link {
        &self.link
    }

    pub(super) fn inner(&self) -> *const clap_plugin {
        self.inner
    }

    pub(super) fn host(&self) -> *const clap_host {
        self.host
    }

    /// An extension of the framework's own.
    ///
    /// # Safety
    /// `T` is the structure that CLAP defines for `id`.
    pub(super) unsafe fn original<T>(&self, id: &CStr) -> Option<&T> {
        // SAFETY: the framework's function on its own struct; its extensions live as long as the instance.
        unsafe { ((*self.inner).get_extension?)(self.inner, id.as_ptr()).cast::<T>().as_ref() }
    }

    /// Channels of each port, and of the main one where there is one.
    fn ports(&self, input: bool) -> (Vec<usize>, usize) {
        // SAFETY: CLAP defines this structure for this id.
        let ports: Option<&clap_plugin_audio_ports> = unsafe { self.original(CLAP_EXT_AUDIO_PORTS) };
        let Some((count, get)) = ports.and_then(|ports| ports.count.zip(ports.get)) else {
            return (Vec::new(), 0);
        };
        // SAFETY: the framework's functions on its own struct; the description is plain data, valid as zeros.
        let port = |index| unsafe {
            let mut info: clap_audio_port_info = std::mem::zeroed();
            get(self.inner, index, input, &mut info);
            info
        };
        // SAFETY: as above.
        let all: Vec<_> = (0..unsafe { count(self.inner, input) }).map(port).collect();
        let main = all.first().filter(|port| port.flags & CLAP_AUDIO_PORT_IS_MAIN != 0);
        let main = main.map_or(0, |port| port.channel_count as usize);
        (all.iter().map(|port| port.channel_count as usize).collect(), main)
    }

    fn plan(&self, max_frames: u32) -> Box<Audio> {
        let (inputs, in_place) = self.ports(true);
        let (outputs, _) = self.ports(false);
        let mut buses = Buses::plan(inputs, outputs, in_place, announced(max_frames) as usize);
        Box::new(Audio {
            inputs: port_array(&mut buses.inputs),
            outputs: port_array(&mut buses.outputs),
            buses,
            pieces: Pieces::new(),
            window: Window::new(),
            sink: Sink::new(),
        })
    }

    /// # Safety
    /// `call` is the host's structure, valid for this call.
    unsafe fn process_call(&self, call: &clap_process, audio: &mut Audio) -> clap_process_status {
        let frames = call.frames_count as usize;
        // SAFETY: the host's list stays valid for the call, at whose end `process` lets it go.
        unsafe { audio.sink.begin(call.out_events) };
        // SAFETY: the host's events stay valid for the call; so do its transport and its ports.
        let events = unsafe { HostEvents::new(call.in_events) };
        // SAFETY: as above.
        let transport = unsafe { call.transport.as_ref() };
        self.link.set_transport(Some(transport.map_or_else(Transport::free_running, transport::read)));
        if frames == 0 {
            // SAFETY: as above.
            return unsafe { self.take_events(call, audio, events) };
        }
        // SAFETY: the host's port arrays hold as many ports as it says, each as many planes as it says, for all frames.
        unsafe {
            let inputs = HostPorts { first: call.audio_inputs, count: call.audio_inputs_count };
            let outputs = HostPorts { first: call.audio_outputs, count: call.audio_outputs_count };
            audio.buses.begin(
                frames,
                |bus, channel| inputs.plane(bus, channel),
                |bus, channel| outputs.plane(bus, channel),
            );
        }
        if frames <= audio.buses.capacity() && events.is_plain(frames) {
            // SAFETY: the planes hold `frames` frames, which the capacity covers.
            return unsafe { self.process_piece(call, audio, 0..frames, call.in_events) };
        }
        audio.pieces.clear();
        events.note(&mut audio.pieces, frames);
        audio.pieces.sort();
        let mut start = 0;
        loop {
            let end = audio.pieces.end(start, frames, audio.buses.capacity());
            if let Some(event) = events.transport_at(start, frames) {
                self.link.set_transport(Some(transport::read(event)));
            }
            self.link.count_dropped(audio.window.show(events, &(start..end), frames));
            let list = audio.window.list();
            // SAFETY: the piece lies within the call's frames and the capacity.
            let status = unsafe { self.process_piece(call, audio, start..end, list) };
            if status == CLAP_PROCESS_ERROR || end >= frames {
                return status;
            }
            start = end;
        }
    }

    /// # Safety
    /// As `process_call`; `piece` lies within the call's frames and is no longer than the capacity.
    unsafe fn process_piece(
        &self,
        call: &clap_process,
        audio: &mut Audio,
        piece: Range<usize>,
        events: *const clap_input_events,
    ) -> clap_process_status {
        // SAFETY: the caller's promise.
        unsafe { audio.buses.piece(piece.start, piece.len()) };
        let call = clap_process {
            steady_time: call.steady_time.saturating_add(piece.start as i64),
            frames_count: piece.len() as u32,
            transport: ptr::null(),
            audio_inputs: audio.inputs.as_ptr(),
            audio_inputs_count: audio.inputs.len() as u32,
            audio_outputs: audio.outputs.as_mut_ptr(),
            audio_outputs_count: audio.outputs.len() as u32,
            in_events: events,
            out_events: audio.sink.piece(piece.start),
        };
        // SAFETY: the framework's function on its own struct; every pointer of `call` outlives it.
        unsafe { (*self.inner).process.map_or(CLAP_PROCESS_ERROR, |process| process(self.inner, &call)) }
    }

    /// Takes the events of a call without frames by way of one frame that nobody hears.
    ///
    /// # Safety
    /// As `process_call`.
    unsafe fn take_events(
        &self,
        call: &clap_process,
        audio: &mut Audio,
        events: HostEvents,
    ) -> clap_process_status {
        audio.buses.begin(1, |_, _| ptr::null_mut(), |_, _| ptr::null_mut());
        self.link.count_dropped(audio.window.show(events, &(0..1), 1));
        self.link.announce_empty();
        let list = audio.window.list();
        // SAFETY: every plane is our own and holds a frame.
        unsafe { self.process_piece(call, audio, 0..1, list) }
    }
}

/// The frames told to the framework; longer calls are cut.
fn announced(max_frames: u32) -> u32 {
    max_frames.clamp(1, MAX_PIECE_FRAMES as u32)
}

/// The array the framework gets: our plane pointers.
fn port_array(side: &mut Side) -> Vec<clap_audio_buffer> {
    let channels = side.channels().to_vec();
    let port = |(bus, channels): (usize, usize)| clap_audio_buffer {
        data32: side.bus(bus),
        data64: ptr::null_mut(),
        channel_count: channels as u32,
        latency: 0,
        constant_mask: 0,
    };
    channels.into_iter().enumerate().map(port).collect()
}

/// The host's ports of one direction.
struct HostPorts {
    first: *const clap_audio_buffer,
    count: u32,
}

impl HostPorts {
    /// NULL for what the host leaves out.
    ///
    /// # Safety
    /// `first` is NULL or points at `count` ports, each with NULL or `channel_count` plane pointers.
    unsafe fn plane(&self, bus: usize, channel: usize) -> *mut f32 {
        if self.first.is_null() || bus >= self.count as usize {
            return ptr::null_mut();
        }
        // SAFETY: in bounds, by the check above and the caller's promise.
        let port = unsafe { &*self.first.add(bus) };
        if port.data32.is_null() || channel >= port.channel_count as usize {
            return ptr::null_mut();
        }
        // SAFETY: in bounds, as above.
        unsafe { *port.data32.add(channel) }
    }
}

unsafe extern "C" fn destroy(plugin: *const clap_plugin) {
    // SAFETY: the host gives back what `create` made, and uses it no more.
    let proxy = unsafe { Box::from_raw(plugin.cast_mut().cast::<Proxy>()) };
    // SAFETY: the framework's function on its own struct, once.
    unsafe {
        if let Some(destroy) = (*proxy.inner).destroy {
            destroy(proxy.inner);
        }
    }
}

unsafe extern "C" fn activate(
    plugin: *const clap_plugin,
    rate: f64,
    min_frames: u32,
    max_frames: u32,
) -> bool {
    // SAFETY: the host calls with what `create` made.
    let proxy = unsafe { Proxy::of(plugin) };
    // Given back before the host is told of anything.
    let Ok(()) = proxy.audio.try_borrow_mut().map(|mut audio| *audio = Some(proxy.plan(max_frames))) else {
        return false;
    };
    let max_frames = announced(max_frames);
    // SAFETY: the framework's function on its own struct.
    let active = unsafe {
        (*proxy.inner)
            .activate
            .is_some_and(|activate| activate(proxy.inner, rate, min_frames.min(max_frames), max_frames))
    };
    let latency = proxy.link.instance().map_or(0, |instance| instance.latency());
    if active && proxy.latency.swap(latency, Ordering::Relaxed) != latency {
        // SAFETY: the host is activating its plugin, on its main thread.
        unsafe { extensions::tell_of_latency(proxy.host) };
    }
    active
}

unsafe extern "C" fn deactivate(plugin: *const clap_plugin) {
    // SAFETY: the host calls with what `create` made.
    let proxy = unsafe { Proxy::of(plugin) };
    // SAFETY: the framework's function on its own struct.
    unsafe {
        if let Some(deactivate) = (*proxy.inner).deactivate {
            deactivate(proxy.inner);
        }
    }
    if let Ok(mut audio) = proxy.audio.try_borrow_mut() {
        *audio = None;
    }
}

/// The framework asks for the current thread while it renders, and the first time that allocates: here is early enough.
unsafe extern "C" fn start_processing(plugin: *const clap_plugin) -> bool {
    let _ = std::thread::current();
    // SAFETY: the host calls with what `create` made; the framework's function on its own struct.
    unsafe {
        let inner = Proxy::of(plugin).inner;
        (*inner).start_processing.is_some_and(|start| start(inner))
    }
}

#[cfg_attr(feature = "rtsan", rtsan_standalone::nonblocking)]
unsafe extern "C" fn process(plugin: *const clap_plugin, call: *const clap_process) -> clap_process_status {
    let _mode = NoDenormals::new();
    // SAFETY: the host calls with what `create` made, and its structure is valid during the call.
    let (proxy, call) = unsafe { (Proxy::of(plugin), call.as_ref()) };
    let (Some(call), Ok(mut audio)) = (call, proxy.audio.try_borrow_mut()) else { return CLAP_PROCESS_ERROR };
    let Some(audio) = audio.as_deref_mut() else { return CLAP_PROCESS_ERROR };
    // SAFETY: as above.
    let status =
        proxy.link.measured(call.frames_count as usize, || unsafe { proxy.process_call(call, audio) });
    audio.sink.end();
    for port in 0..if call.audio_outputs.is_null() { 0 } else { call.audio_outputs_count as usize } {
        // SAFETY: the host's array holds as many ports as it says.
        unsafe { (*call.audio_outputs.add(port)).constant_mask = 0 };
    }
    status
}

unsafe extern "C" fn get_extension(plugin: *const clap_plugin, id: *const c_char) -> *const c_void {
    if id.is_null() {
        return ptr::null();
    }
    // SAFETY: an extension's id ends with 0; the host calls with what `create` made.
    let (proxy, name) = unsafe { (Proxy::of(plugin), CStr::from_ptr(id)) };
    extensions::find(name).unwrap_or_else(|| {
        // SAFETY: the framework's function on its own struct.
        unsafe { (*proxy.inner).get_extension.map_or(ptr::null(), |get| get(proxy.inner, id)) }
    })
}
