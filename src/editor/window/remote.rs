//! What an editor keeps while its window is closed, and how the window is reached from other threads while it is open.
//!
//! Any thread but the audio thread's.
#![allow(clippy::disallowed_types)] // The audio thread never touches the editor.

use crate::params::EditorView;
use baseview::WindowSize;
use baseview::WindowWaker;
use nice_plug::editor::dpi::LogicalSize;
use nice_plug::editor::dpi::NativeSize;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

pub(in crate::editor) struct Remote {
    view: Arc<EditorView>,
    kept: Mutex<Kept>,
    /// Whether a picture is wanted at once.
    stale: AtomicBool,
    /// Whether one is wanted in its time.
    changed: AtomicBool,
    /// Whether one after another is.
    moving: AtomicBool,
}

struct Kept {
    /// Physical pixels for a logical one.
    scale: f64,
    /// That of the window which is open.
    waker: Option<WindowWaker>,
}

impl Remote {
    /// A window that opens with that size and zoom.
    pub(in crate::editor) fn new(view: Arc<EditorView>) -> Self {
        let kept = Kept { scale: 1.0, waker: None };
        Remote {
            view,
            kept: Mutex::new(kept),
            stale: AtomicBool::new(false),
            changed: AtomicBool::new(false),
            moving: AtomicBool::new(false),
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(in crate::editor) fn is_open(&self) -> bool {
        self.kept().waker.is_some()
    }

    /// Asks for another picture at once, if a window is open.
    pub(in crate::editor) fn repaint(&self) {
        self.stale.store(true, Relaxed);
        self.wake();
    }

    /// Asks for another picture as soon as the window's pace allows.
    pub(in crate::editor) fn change(&self) {
        self.changed.store(true, Relaxed);
        self.wake();
    }

    /// Asks for one picture after another, at the window's pace, or for no more.
    pub(in crate::editor) fn keep_moving(&self, moving: bool) {
        if self.moving.swap(moving, Relaxed) != moving {
            self.change();
        }
    }

    fn wake(&self) {
        // Some systems poll at once, so nothing is held meanwhile.
        let waker = self.kept().waker.clone();
        if let Some(waker) = waker {
            waker.request_poll();
        }
    }

    /// Whether another picture has been asked for since this was last asked.
    pub(super) fn take_request(&self) -> bool {
        self.stale.swap(false, Relaxed)
    }

    /// Likewise, of what is drawn at the window's pace.
    pub(super) fn take_change(&self) -> bool {
        self.changed.swap(false, Relaxed)
    }

    pub(super) fn is_moving(&self) -> bool {
        self.moving.load(Relaxed)
    }

    pub(super) fn opened(&self, waker: WindowWaker) {
        self.view.set_open(true);
        self.kept().waker = Some(waker);
    }

    pub(super) fn closed(&self) {
        self.kept().waker = None;
        self.view.set_open(false);
    }

    pub(super) fn resized(&self, size: WindowSize) {
        self.view.resize([size.logical.width, size.logical.height]);
        self.kept().scale = size.scale_factor;
    }

    pub(super) fn zoom(&self) -> f32 {
        self.view.zoom()
    }

    pub(super) fn set_zoom(&self, zoom: f32) {
        self.view.set_zoom(zoom);
    }

    pub(super) fn logical_size(&self) -> LogicalSize<f64> {
        let [width, height] = self.view.size();
        LogicalSize::new(width, height)
    }

    pub(super) fn native_size(&self) -> NativeSize<u32> {
        let scale = self.kept().scale;
        NativeSize::from_size(self.logical_size().into(), scale)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nice_plug::editor::dpi::PhysicalSize;

    #[test]
    fn a_window_opens_again_with_the_size_it_had_to_the_pixel() {
        let remote = Remote::new(Arc::default());
        for (width, height, scale) in [(1281, 719, 1.25), (2561, 1439, 2.0), (997, 601, 1.75)] {
            let size = PhysicalSize::new(width, height);
            remote.resized(WindowSize::from_physical(size, scale));
            assert_eq!(remote.logical_size().to_physical::<u32>(scale), size);
            let native = remote.native_size();
            assert_eq!(native.to_physical(scale), size);
        }
    }
}
