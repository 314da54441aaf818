//! Where recordings are written: the real disk, or whatever stands for it.
//!
//! A disk makes new files and never opens one that is there. Threads that write; never the audio thread.

use std::fs::OpenOptions;
use std::io;
use std::io::Seek;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

/// What a recording is written into.
pub trait Medium: Write + Seek + Send {}

impl<T: Write + Seek + Send> Medium for T {}

type CreateNew = dyn Fn(&Path) -> io::Result<Box<dyn Medium>> + Send + Sync;

/// Bytes of a WAV file's samples, at most: its sizes have 32 bits and count some of the header, too.
const MOST_BYTES: u64 = u32::MAX as u64 - 4096;

/// See the module's description.
#[derive(Clone)]
pub struct Disk {
    create_new: Arc<CreateNew>,
    /// Bytes of a file's samples before the next file is begun.
    pub(crate) most_bytes: u64,
}

impl Disk {
    /// A disk whose files `create_new` makes; it fails with `AlreadyExists` where there is one of this name.
    pub fn new(create_new: impl Fn(&Path) -> io::Result<Box<dyn Medium>> + Send + Sync + 'static) -> Self {
        Self { create_new: Arc::new(create_new), most_bytes: MOST_BYTES }
    }

    /// The same disk with files of at most so many bytes of samples.
    pub fn with_most_bytes(self, bytes: u64) -> Self {
        Self { most_bytes: bytes.min(MOST_BYTES), ..self }
    }

    pub(crate) fn create_new(&self, path: &Path) -> io::Result<Box<dyn Medium>> {
        (self.create_new)(path)
    }
}

impl Default for Disk {
    /// The real one.
    fn default() -> Self {
        Self::new(|path| Ok(Box::new(OpenOptions::new().write(true).create_new(true).open(path)?)))
    }
}
