//! What ends the program with exit status 1: the file and the reason, in one line.

use std::fmt;
use std::io;
use std::path::Path;
use std::path::PathBuf;

/// A file, and what is wrong with it or with what was to be done with it.
#[derive(Debug)]
pub(crate) struct Failure {
    file: PathBuf,
    reason: String,
}

impl Failure {
    /// The reason may have several lines; where it has, the first says where and the last says what.
    pub(crate) fn new(file: &Path, reason: &dyn fmt::Display) -> Self {
        let text = reason.to_string();
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let first = lines.next().unwrap_or_default();
        let reason = lines.next_back().map_or(first.to_owned(), |last| format!("{first}: {last}"));
        Self { file: file.to_owned(), reason }
    }

    /// For `map_err` on file operations.
    pub(crate) fn file(file: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |error| Self::new(file, &error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.file.display(), self.reason)
    }
}
