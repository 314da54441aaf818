//! Windows that are gone once they are closed.
//!
//! On X11 a window has a thread of its own, and the framework's wait for its end is lost in a race: a host that closes the editor
//! and then unloads the plugin, or ends, would do so while that thread still frees its graphics. So a window marks its thread,
//! and closing it waits until the mark goes, which is after all else of the thread. On other systems windows live on the host's
//! GUI thread, and there is nothing to wait for. All here is the framework's, handed on.

use super::App;
use crossbeam_queue::ArrayQueue;
use nice_plug::context::gui::GuiContext;
use nice_plug::editor::Editor as FrameworkEditor;
use nice_plug::editor::EditorHandle;
use nice_plug::editor::HostMethods;
use nice_plug::editor::Modifiers;
use nice_plug::editor::ParentWindowHandle;
use nice_plug::editor::ResizeHint;
use nice_plug::editor::SpawnedEditor;
use nice_plug::editor::VirtualKeyCode;
use nice_plug::editor::dpi::NativeSize;
use nice_plug_egui::EguiEditor;
use nice_plug_egui::EguiEditorHandle;
use nice_plug_egui::baseview;
use std::cell::Cell;
use std::error::Error;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

/// How long a window may take to end: a thread that hangs must not hang the host.
const PATIENCE: Duration = Duration::from_secs(5);

/// Lives as long as the thread that holds it.
type Mark = mpsc::Sender<()>;

/// Where a window that opens finds the mark for its thread.
#[derive(Clone)]
pub(super) struct NextMark(Arc<ArrayQueue<Mark>>);

impl NextMark {
    pub(super) fn new() -> Self {
        NextMark(Arc::new(ArrayQueue::new(1)))
    }

    /// Leaves a mark for the next window and gives what hears of its end.
    fn leave(&self) -> mpsc::Receiver<()> {
        let (mark, end) = mpsc::channel();
        self.0.force_push(mark);
        end
    }

    /// Marks this thread as the window's.
    pub(super) fn take(&self) {
        thread_local!(static MARK: Cell<Option<Mark>> = const { Cell::new(None) });
        MARK.set(self.0.pop());
    }
}

/// What the framework opens windows for.
pub(crate) struct Editor {
    pub(super) egui: EguiEditor<App>,
    pub(super) next: NextMark,
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
        let end = self.next.leave();
        let SpawnedEditor { handle, window } =
            self.egui.spawn(parent, wait_for_parent, fallback_scale, context, host)?;
        Ok(SpawnedEditor { handle: Handle(handle), window: Window { window, _end: End(end) } })
    }

    fn size(&self) -> NativeSize<u32> {
        self.egui.size()
    }

    fn resize_hint(&self) -> ResizeHint {
        self.egui.resize_hint()
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
        let own_thread = cfg!(all(unix, not(target_os = "macos")));
        if own_thread && self.0.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
            nice_plug::nice_warn!("the editor's window did not close within {PATIENCE:?}");
        }
    }
}

/// What the host asks of an open window.
pub(crate) struct Handle(EguiEditorHandle);

impl EditorHandle for Handle {
    type Window = Window;
    type Error = baseview::Error;

    fn run_until_closed(window: Window) -> Result<(), baseview::Error> {
        window.window.run_until_closed()
    }

    fn set_parent(&self, parent: ParentWindowHandle, window: &Window) -> Result<(), baseview::Error> {
        self.0.set_parent(parent, &window.window)
    }

    fn show(&self, window: &Window) -> Result<(), baseview::Error> {
        self.0.show(&window.window)
    }

    fn hide(&self, window: &Window) -> Result<(), baseview::Error> {
        self.0.hide(&window.window)
    }

    fn set_size(&self, size: NativeSize<u32>, window: &Window) -> Result<(), baseview::Error> {
        self.0.set_size(size, &window.window)
    }

    fn host_main_thread_callback(&self, window: &Window) {
        self.0.host_main_thread_callback(&window.window);
    }

    fn adjust_size(&self, size: NativeSize<u32>, window: &Window) -> Option<NativeSize<u32>> {
        self.0.adjust_size(size, &window.window)
    }

    fn set_fallback_scale_factor(&self, scale: f64, window: &Window) -> Result<(), baseview::Error> {
        self.0.set_fallback_scale_factor(scale, &window.window)
    }

    fn on_virtual_key_from_host(&self, key: VirtualKeyCode, down: bool, modifiers: Modifiers) -> bool {
        self.0.on_virtual_key_from_host(key, down, modifiers)
    }

    fn state_changed(&self) {
        self.0.state_changed();
    }

    fn param_value_changed(&self, id: &str, value: f32) {
        self.0.param_value_changed(id, value);
    }

    fn param_modulation_changed(&self, id: &str, offset: f32) {
        self.0.param_modulation_changed(id, offset);
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
        let (next, freed) = (NextMark::new(), Arc::new(AtomicBool::new(false)));
        let end = End(next.leave());
        let graphics = Graphics(Arc::clone(&freed));
        let thread = std::thread::spawn(move || {
            next.take();
            drop(graphics);
        });
        drop(end);
        assert!(freed.load(Relaxed));
        thread.join().unwrap();
    }
}
