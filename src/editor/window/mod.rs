//! The editor's window: what the framework opens for a host, and its end.
//!
//! On X11 a window has a thread of its own, and the window library's wait for its end is lost in a race: a host that closes the
//! editor and then unloads the plugin, or ends, would do so while that thread still frees its graphics. So a window marks its
//! thread, and closing it waits until the mark goes, which is after all else of the thread. On other systems windows live on the
//! host's GUI thread, and there is nothing to wait for.

mod alarm;
mod clipboard;
mod cursor;
mod graphics;
mod handler;
mod input;
mod opengl;
mod picture;
mod raster;
mod remote;
mod software;

use super::App;
use super::LEAST_SIZE;
use crate::params::BuskerParams;
use crate::plugin::Instance;
use baseview::HandlerError;
use baseview::WindowSettings;
use baseview::WindowSize;
use baseview::gl::GlConfig;
use handler::Handler;
use nice_plug::context::gui::GuiContext;
use nice_plug::editor::Editor as FrameworkEditor;
use nice_plug::editor::EditorHandle;
use nice_plug::editor::HostCallbacks;
use nice_plug::editor::HostMainThreadCaller;
use nice_plug::editor::HostMethods;
use nice_plug::editor::ParentWindowHandle;
use nice_plug::editor::ResizeHint;
use nice_plug::editor::SpawnedEditor;
use nice_plug::editor::dpi::NativeSize;
pub(super) use remote::Remote;
use std::cell::Cell;
use std::error::Error;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

const RESIZING: ResizeHint = ResizeHint::RESIZABLE.with_min_logical_size(LEAST_SIZE);

/// Whether windows are X11's, each with a thread of its own.
const X11: bool = cfg!(all(unix, not(target_os = "macos")));

/// How long a window may take to end: a thread that hangs must not hang the host.
const PATIENCE: Duration = Duration::from_secs(5);

/// Lives as long as the thread that holds it.
type Mark = mpsc::Sender<()>;

/// Marks this thread as a window's.
fn hold(mark: Mark) {
    thread_local!(static MARK: Cell<Option<Mark>> = const { Cell::new(None) });
    MARK.set(Some(mark));
}

/// What the framework opens windows for.
pub(crate) struct Editor {
    pub(super) instance: Arc<Instance>,
    pub(super) params: Arc<BuskerParams>,
    pub(super) remote: Arc<Remote>,
}

impl FrameworkEditor for Editor {
    type Handle = Handle;

    fn spawn(
        &self,
        parent: Option<ParentWindowHandle>,
        wait_for_parent: bool,
        fallback_scale: Option<f64>,
        context: GuiContext,
        host: Option<HostMethods>,
    ) -> Result<SpawnedEditor<Handle>, Box<dyn Error>> {
        let settings = WindowSettings::new()
            .with_title("Busker")
            .with_size(self.remote.logical_size())
            .with_min_size(LEAST_SIZE)
            .with_parent(parent.as_ref())
            .with_wait_for_parent(wait_for_parent)
            .with_fallback_scale_factor(fallback_scale)
            .with_gl_config(GlConfig::default());
        let (instance, params) = (Arc::clone(&self.instance), Arc::clone(&self.params));
        let remote = Arc::clone(&self.remote);
        let (mark, end) = mpsc::channel();
        let end = End(end);
        let handler = move |window| {
            hold(mark);
            Handler::new(window, remote, |egui| App::new(egui, instance, params, context))
        };
        let window = baseview::Window::create_with_host(settings, handler, host.map(host_of))?;
        let window = Window { window, _end: end };
        Ok(SpawnedEditor { handle: Handle(Arc::clone(&self.remote)), window })
    }

    fn size(&self) -> NativeSize<u32> {
        self.remote.native_size()
    }

    fn resize_hint(&self) -> ResizeHint {
        RESIZING
    }
}

/// The framework's host, as the window library calls it.
fn host_of(methods: HostMethods) -> baseview::host::Host {
    baseview::host::Host::new()
        .with_callbacks(Callbacks(methods.callbacks))
        .with_main_thread(MainThread(methods.main_thread_caller))
}

struct Callbacks(Box<dyn HostCallbacks>);

impl baseview::host::HostCallbacks for Callbacks {
    fn request_resize(&mut self, size: WindowSize) -> Result<(), HandlerError> {
        self.0.request_resize(size.physical.into(), size.scale_factor).map_err(HandlerError::from_boxed)
    }

    fn destroyed(&mut self) {
        self.0.destroyed();
    }
}

struct MainThread(Box<dyn HostMainThreadCaller>);

impl baseview::host::HostMainThreadCaller for MainThread {
    fn call_main_thread(&mut self) {
        self.0.call_main_thread();
    }
}

/// A window that is open. Dropped in the order of its fields.
pub(crate) struct Window {
    window: baseview::Window,
    _end: End,
}

/// Waits, when dropped, until the thread of a window has ended.
struct End(mpsc::Receiver<()>);

impl Drop for End {
    fn drop(&mut self) {
        if X11 && self.0.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
            nice_plug::nice_warn!("the editor's window did not close within {PATIENCE:?}");
        }
    }
}

/// What the host asks of an open window.
pub(crate) struct Handle(Arc<Remote>);

impl EditorHandle for Handle {
    type Window = Window;
    type Error = baseview::Error;

    fn run_until_closed(window: Window) -> Result<(), baseview::Error> {
        window.window.run_until_closed()
    }

    fn set_parent(&self, parent: ParentWindowHandle, window: &Window) -> Result<(), baseview::Error> {
        window.window.set_parent(&parent)
    }

    fn show(&self, window: &Window) -> Result<(), baseview::Error> {
        let shown = window.window.show();
        self.0.repaint();
        shown
    }

    fn hide(&self, window: &Window) -> Result<(), baseview::Error> {
        window.window.hide()
    }

    fn set_size(&self, size: NativeSize<u32>, window: &Window) -> Result<(), baseview::Error> {
        window.window.resize(size)
    }

    fn host_main_thread_callback(&self, window: &Window) {
        window.window.host_main_thread_callback();
    }

    fn adjust_size(&self, size: NativeSize<u32>, window: &Window) -> Option<NativeSize<u32>> {
        let now = window.window.size();
        let native = NativeSize::from_logical_or_physical(now.logical, now.physical);
        Some(RESIZING.adjust_size(size, native, now.scale_factor))
    }

    fn set_fallback_scale_factor(&self, scale: f64, window: &Window) -> Result<(), baseview::Error> {
        window.window.suggest_fallback_scale_factor(scale)
    }

    fn state_changed(&self) {
        self.0.repaint();
    }

    fn param_value_changed(&self, _: &str, _: f32) {
        self.0.change();
    }

    fn param_modulation_changed(&self, _: &str, _: f32) {
        self.0.change();
    }
}

#[cfg(all(test, unix, not(target_os = "macos")))]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicBool;
    use std::sync::atomic::Ordering::Relaxed;

    #[test]
    fn closing_waits_until_all_else_of_the_windows_thread_is_done() {
        struct Graphics(Arc<AtomicBool>);
        impl Drop for Graphics {
            fn drop(&mut self) {
                std::thread::sleep(Duration::from_millis(30));
                self.0.store(true, Relaxed);
            }
        }
        let ((mark, end), freed) = (mpsc::channel(), Arc::new(AtomicBool::new(false)));
        let graphics = Graphics(Arc::clone(&freed));
        let thread = std::thread::spawn(move || {
            hold(mark);
            drop(graphics);
        });
        drop(End(end));
        assert!(freed.load(Relaxed));
        thread.join().unwrap();
    }
}
