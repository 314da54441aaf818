//! How large the user has made the editor, which is saved beside the rack.
//!
//! In: what an open window has. Out: what the next one opens with, in this project or another. Any thread but the audio thread's.
//! It is no part of the rack: nothing of it can be undone, and a host is not told that there is anything to save.

use atomic_float::AtomicF32;
use atomic_float::AtomicF64;
use serde::Deserialize;
use serde::Serialize;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

/// Width and height of a new editor and of the smallest, in logical pixels.
pub(crate) const SIZE: [f32; 2] = [1280.0, 720.0];
pub(crate) const LEAST_SIZE: [f32; 2] = [640.0, 360.0];
/// No screen is larger.
const MOST: f64 = 16_384.0;
/// How small and large the editor can be drawn.
const ZOOM: std::ops::RangeInclusive<f32> = 0.2..=5.0;

/// The editor's size and zoom.
pub(crate) struct EditorView {
    size: [AtomicF64; 2],
    zoom: AtomicF32,
    /// Whether a window has them.
    open: AtomicBool,
}

/// The same as it is saved.
#[derive(Deserialize, PartialEq, Serialize)]
#[serde(default)]
pub(super) struct Saved {
    size: [f64; 2],
    zoom: f32,
}

impl Default for Saved {
    fn default() -> Self {
        Saved { size: SIZE.map(f64::from), zoom: 1.0 }
    }
}

impl Default for EditorView {
    fn default() -> Self {
        EditorView {
            size: SIZE.map(|side| AtomicF64::new(side.into())),
            zoom: AtomicF32::new(1.0),
            open: AtomicBool::new(false),
        }
    }
}

impl EditorView {
    /// Width and height in logical pixels.
    pub(crate) fn size(&self) -> [f64; 2] {
        [0, 1].map(|side: usize| self.size[side].load(Relaxed)) // two sides
    }

    pub(crate) fn resize(&self, size: [f64; 2]) {
        self.size.iter().zip(size).for_each(|(kept, side)| kept.store(side, Relaxed));
    }

    pub(crate) fn zoom(&self) -> f32 {
        self.zoom.load(Relaxed)
    }

    pub(crate) fn set_zoom(&self, zoom: f32) {
        self.zoom.store(zoom, Relaxed);
    }

    /// `None` where it is that of a new instance.
    pub(super) fn save(&self) -> Option<Saved> {
        Some(Saved { size: self.size(), zoom: self.zoom() }).filter(|saved| *saved != Saved::default())
    }

    /// An open window stays as it is.
    pub(crate) fn set_open(&self, open: bool) {
        self.open.store(open, Relaxed);
    }

    /// What cannot be is that of a new instance. What an open window has stays.
    pub(super) fn restore(&self, saved: &Saved) {
        if self.open.load(Relaxed) {
            return;
        }
        let least = LEAST_SIZE.map(f64::from);
        // A window of whole pixels may be a part of a logical one smaller.
        let fits = |side: usize| (least[side] - 1.0..=MOST).contains(&saved.size[side]); // as above
        let size =
            |side: usize| if fits(side) { saved.size[side].max(least[side]) } else { SIZE[side].into() };
        self.resize([0, 1].map(size));
        self.set_zoom(if ZOOM.contains(&saved.zoom) { saved.zoom } else { 1.0 });
    }
}
