//! Dialogs for files and folders, without holding up the host.
//!
//! In: what is asked for. Out: the paths that were chosen. The system's dialog belongs to the GUI thread, the wait for its answer to a
//! thread of its own, on which the choice is taken. Where the system has none, or the library cannot be kept for that thread, the editor's
//! own browser asks.

use super::browser;
use super::open;
use super::pinned;
use crate::plugin::Instance;
use crate::plugin::Onto;
use rfd::FileHandle;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc;

/// Endings of files by what these are.
pub(super) type Kinds = &'static [(&'static str, &'static [&'static str])];

/// What takes the paths that were chosen.
pub(super) type Take = Box<dyn FnOnce(Vec<PathBuf>) + Send>;

/// What asks instead of the system.
type FallBack = Box<dyn FnOnce(Take) + Send>;

/// What is asked for: a file, where nothing else is said.
#[derive(Clone, Default)]
pub(super) struct Ask {
    pub(super) title: String,
    /// Files of these kinds, the first of which is shown at first.
    pub(super) kinds: Kinds,
    /// Where to begin.
    pub(super) start: Option<PathBuf>,
    pub(super) folder: bool,
    /// Whether more than one may be chosen.
    pub(super) several: bool,
}

impl Ask {
    fn dialog(&self) -> rfd::AsyncFileDialog {
        let dialog = rfd::AsyncFileDialog::new().set_title(&self.title);
        let dialog =
            self.kinds.iter().fold(dialog, |dialog, (name, endings)| dialog.add_filter(*name, endings));
        match &self.start {
            Some(folder) => dialog.set_directory(folder),
            None => dialog,
        }
    }
}

/// An answer that is to come.
type Answer = Pin<Box<dyn Future<Output = Option<Vec<FileHandle>>> + Send>>;

fn all(answer: impl Future<Output = Option<Vec<FileHandle>>> + Send + 'static) -> Answer {
    Box::pin(answer)
}

fn one(answer: impl Future<Output = Option<FileHandle>> + Send + 'static) -> Answer {
    Box::pin(async { answer.await.map(|chosen| vec![chosen]) })
}

#[cfg(test)]
std::thread_local! {
    /// What a test chooses next.
    pub(super) static CHOSEN: std::cell::Cell<Option<PathBuf>> = const { std::cell::Cell::new(None) };
}

/// Tests choose without a dialog.
#[cfg(test)]
fn choose_in_test(take: impl FnOnce(PathBuf)) {
    if let Some(path) = CHOSEN.take() {
        take(path);
    }
}

#[cfg(not(test))]
fn choose_in_test(_: impl FnOnce(PathBuf)) {}

/// One place that asks, and whether it is asking.
#[derive(Default)]
pub(super) struct Dialog(Arc<AtomicBool>);

impl Dialog {
    pub(super) fn is_open(&self) -> bool {
        self.0.load(Relaxed)
    }

    /// Opens what is chosen, if the plugin is still there by then.
    pub(super) fn open(&self, egui: &egui::Context, ask: Ask, (instance, onto): (&Arc<Instance>, Onto)) {
        let instance = Arc::downgrade(instance);
        self.choose(egui, ask, move |paths| {
            if let Some(instance) = instance.upgrade() {
                open::open(paths, onto, &instance);
            }
        });
    }

    /// Hands what is chosen to `take`, unless the user thinks better of it. Where the system has no dialog, or nobody could wait for
    /// it, the editor's browser asks.
    pub(super) fn choose(
        &self,
        egui: &egui::Context,
        ask: Ask,
        take: impl FnOnce(Vec<PathBuf>) + Send + 'static,
    ) {
        if !pinned::stays() {
            return browser::open(egui, ask, Box::new(take));
        }
        if cfg!(test) {
            return choose_in_test(|path| take(vec![path]));
        }
        let dialog = ask.dialog();
        let answer = match (ask.folder, ask.several) {
            (true, true) => all(dialog.pick_folders()),
            (false, true) => all(dialog.pick_files()),
            (true, false) => one(dialog.pick_folder()),
            (false, false) => one(dialog.pick_file()),
        };
        let egui = egui.clone();
        self.wait(answer, Box::new(take), Box::new(move |take| browser::open(&egui, ask, take)));
    }

    fn wait(&self, answer: Answer, take: Take, fall_back: FallBack) {
        self.0.store(true, Relaxed);
        let open = Arc::clone(&self.0);
        // Handed over once there is somebody to have it.
        let (hand_over, handed) = mpsc::channel::<(Take, FallBack)>();
        let waits = pinned::spawn("busker-dialog", move || {
            let chosen = pollster::block_on(answer);
            let Ok((take, fall_back)) = handed.recv() else { return };
            match chosen {
                Some(chosen) if chosen.is_empty() => {}
                Some(chosen) => take(chosen.iter().map(|chosen| chosen.path().to_owned()).collect()),
                // Elsewhere this is how users think better of it.
                None if cfg!(all(unix, not(target_os = "macos"))) => fall_back(take),
                None => {}
            }
            open.store(false, Relaxed);
        });
        match waits {
            true => drop(hand_over.send((take, fall_back))),
            false => {
                self.0.store(false, Relaxed);
                fall_back(take);
            }
        }
    }
}
