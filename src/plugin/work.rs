//! Long work of the worker's thread: what it is, how far it has come, and whether somebody has called it off.
//!
//! In: words, and shares of what is done, from whichever thread does it. Out: what the page's foot shows, and the word to go on or to
//! leave off between two pieces. Any thread but the audio thread.

use super::instance::OpenError;
use super::instance::SharedSession;
use super::worker::Changing;
use super::worker::Progress;
use std::path::Path;
use std::sync::Arc;

/// What is being done, for display.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Underway {
    /// In words, with the file's name.
    pub(crate) what: String,
    /// 0–1, where that is known.
    pub(crate) share: Option<f32>,
}

/// A job that takes its time.
pub(super) struct Work<'a> {
    session: &'a SharedSession,
    progress: &'a Arc<Progress>,
    /// Among all jobs.
    number: u64,
}

impl<'a> Work<'a> {
    pub(super) fn new(session: &'a SharedSession, progress: &'a Arc<Progress>, number: u64) -> Self {
        Self { session, progress, number }
    }

    /// `None` once the work has been called off.
    pub(super) fn go_on(&self) -> Option<()> {
        (!self.progress.is_off(self.number)).then_some(())
    }

    /// Begins a piece, if it is to be.
    pub(super) fn begin(&self, what: String) -> Option<()> {
        self.session.lock().set_underway(Some(Underway { what, share: None }));
        self.go_on()
    }

    /// From here on the rack is changed, until the answer goes.
    pub(super) fn change(&self) -> Changing {
        self.progress.change()
    }

    /// Reads a file, whatever is in it.
    pub(super) fn read<T>(
        &self,
        path: &Path,
        read: impl FnOnce() -> Result<T, OpenError>,
    ) -> Result<T, OpenError> {
        self.session.read(path, read)
    }

    /// So much of the piece is done, 0–1; false where the rest is not to be.
    pub(super) fn step(&self, share: f32) -> bool {
        self.session.lock().set_share(share);
        self.go_on().is_some()
    }
}

impl Drop for Work<'_> {
    fn drop(&mut self) {
        self.session.lock().set_underway(None);
    }
}
