//! The system's dialogs for files and folders, without holding up the host.
//!
//! In: an answer that is to come. Out: the path that was chosen. The dialog belongs to the GUI thread, the wait for its answer
//! to a thread of its own, on which the choice is taken.

use rfd::FileHandle;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;

/// One place that asks, and whether it is asking.
#[derive(Default)]
pub(super) struct Dialog(Arc<AtomicBool>);

impl Dialog {
    pub(super) fn is_open(&self) -> bool {
        self.0.load(Relaxed)
    }

    /// Hands what is chosen to `take`, unless the user thinks better of it.
    pub(super) fn ask(
        &self,
        answer: impl Future<Output = Option<FileHandle>> + Send + 'static,
        take: impl FnOnce(PathBuf) + Send + 'static,
    ) {
        self.0.store(true, Relaxed);
        let open = Arc::clone(&self.0);
        let waiter = thread::Builder::new().name("busker-dialog".to_owned()).spawn(move || {
            if let Some(chosen) = pollster::block_on(answer) {
                take(chosen.path().to_owned());
            }
            open.store(false, Relaxed);
        });
        if waiter.is_err() {
            self.0.store(false, Relaxed);
        }
    }
}
