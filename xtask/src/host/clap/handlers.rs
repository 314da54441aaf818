//! The host's half of the CLAP extensions: remembers what a plugin asks for until [`PluginHost::idle`] takes it.
//!
//! [`PluginHost::idle`]: crate::host::PluginHost::idle

use std::cell::Cell;
use std::cell::RefCell;
use std::ffi::CStr;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::ThreadId;

use clack_extensions::audio_ports::AudioPortRescanFlags;
use clack_extensions::audio_ports::HostAudioPorts;
use clack_extensions::audio_ports::HostAudioPortsImpl;
use clack_extensions::gui::GuiSize;
use clack_extensions::gui::HostGui;
use clack_extensions::gui::HostGuiImpl;
use clack_extensions::latency::HostLatency;
use clack_extensions::latency::HostLatencyImpl;
use clack_extensions::log::HostLog;
use clack_extensions::log::HostLogImpl;
use clack_extensions::log::LogSeverity;
use clack_extensions::params::HostParams;
use clack_extensions::params::HostParamsImplMainThread;
use clack_extensions::params::HostParamsImplShared;
use clack_extensions::params::ParamClearFlags;
use clack_extensions::params::ParamRescanFlags;
use clack_extensions::preset_discovery::HostPresetLoadImpl;
use clack_extensions::preset_discovery::prelude::HostPresetLoad;
use clack_extensions::preset_discovery::prelude::Location;
use clack_extensions::state::HostState;
use clack_extensions::state::HostStateImpl;
use clack_extensions::thread_check::HostThreadCheck;
use clack_extensions::thread_check::HostThreadCheckImpl;
use clack_host::prelude::HostError;
use clack_host::prelude::HostExtensions;
use clack_host::prelude::HostHandlers;
use clack_host::prelude::MainThreadHandler;
use clack_host::prelude::SharedHandler;
use clack_host::utils::ClapId;

thread_local! {
    /// Whether this thread is inside `process` right now, which makes it the audio thread.
    pub(super) static PROCESSING: Cell<bool> = const { Cell::new(false) };
}

pub(super) struct Handlers;

impl HostHandlers for Handlers {
    type Shared<'a> = SharedState;
    type MainThread<'a> = MainHandler;
    type AudioProcessor<'a> = ();

    fn declare_extensions(builder: &mut HostExtensions<Self>, _: &Self::Shared<'_>) {
        builder
            .register::<HostAudioPorts>()
            .register::<HostGui>()
            .register::<HostLatency>()
            .register::<HostLog>()
            .register::<HostParams>()
            .register::<HostPresetLoad>()
            .register::<HostState>()
            .register::<HostThreadCheck>();
    }
}

/// What any of the plugin's threads may ask for.
pub(super) struct SharedState {
    main_thread: ThreadId,
    restart: AtomicBool,
    callback: AtomicBool,
}

impl Default for SharedState {
    fn default() -> Self {
        let main_thread = std::thread::current().id();
        Self { main_thread, restart: AtomicBool::new(false), callback: AtomicBool::new(false) }
    }
}

impl SharedState {
    pub(super) fn take_callback(&self) -> bool {
        self.callback.swap(false, Relaxed)
    }

    pub(super) fn take_restart(&self) -> bool {
        self.restart.swap(false, Relaxed)
    }
}

impl SharedHandler<'_> for SharedState {
    fn request_restart(&self) {
        self.restart.store(true, Relaxed);
    }

    fn request_process(&self) {}

    fn request_callback(&self) {
        self.callback.store(true, Relaxed);
    }
}

impl HostLogImpl for SharedState {
    fn log(&self, severity: LogSeverity, message: &str) {
        eprintln!("plugin, {severity:?}: {message}");
    }
}

impl HostThreadCheckImpl for SharedState {
    fn is_main_thread(&self) -> bool {
        !self.is_audio_thread() && std::thread::current().id() == self.main_thread
    }

    fn is_audio_thread(&self) -> bool {
        PROCESSING.get()
    }
}

impl HostParamsImplShared for SharedState {
    fn request_flush(&self) {}
}

impl HostGuiImpl for SharedState {
    fn resize_hints_changed(&self) {}

    fn request_resize(&self, _: GuiSize) -> Result<(), HostError> {
        Ok(())
    }

    fn request_show(&self) -> Result<(), HostError> {
        Ok(())
    }

    fn request_hide(&self) -> Result<(), HostError> {
        Ok(())
    }

    fn closed(&self, _: bool) {}
}

/// What only the main thread may ask for.
#[derive(Default)]
pub(super) struct MainHandler {
    rescan: Cell<bool>,
    latency: Cell<bool>,
    messages: RefCell<Vec<String>>,
}

impl MainHandler {
    pub(super) fn take_rescan(&self) -> bool {
        self.rescan.take()
    }

    pub(super) fn take_latency(&self) -> bool {
        self.latency.take()
    }

    pub(super) fn take_messages(&self) -> Vec<String> {
        self.messages.take()
    }

    pub(super) fn messages(&self) -> Vec<String> {
        self.messages.borrow().clone()
    }
}

impl MainThreadHandler<'_> for MainHandler {}

impl HostParamsImplMainThread for MainHandler {
    fn rescan(&self, _: ParamRescanFlags) {
        self.rescan.set(true);
    }

    fn clear(&self, _: ClapId, _: ParamClearFlags) {}
}

impl HostLatencyImpl for MainHandler {
    fn changed(&self) {
        self.latency.set(true);
    }
}

impl HostStateImpl for MainHandler {
    fn mark_dirty(&self) {}
}

impl HostAudioPortsImpl for MainHandler {
    fn is_rescan_flag_supported(&self, _: AudioPortRescanFlags) -> bool {
        true
    }

    fn rescan(&self, _: AudioPortRescanFlags) {}
}

impl HostPresetLoadImpl for MainHandler {
    fn on_error(&self, _: Location, _: Option<&CStr>, _: i32, message: Option<&CStr>) {
        self.messages.borrow_mut().push(super::words(message));
    }

    fn loaded(&self, location: Location, _: Option<&CStr>) {
        let path = super::words(location.file_path());
        self.messages.borrow_mut().push(format!("loaded {path}"));
    }
}
