//! Modules of four formats as bytes, turned into a [`Song`].
//!
//! A file is recognised by its signature, never by its name; it may be packed by gzip or ZIP. Every count and size is
//! bounded before memory is taken for it; nothing here panics. Runs on a worker. The formats' sources are named in
//! each loader.

mod amiga_mod;
mod error;
mod extension;
mod it;
mod it_packing;
mod packed;
mod pcm;
mod reader;
mod s3m;
mod soundtracker;
mod text;
mod xm;
mod xm_origin;

pub use error::LoadError;
pub use error::Part;

use crate::tracker::Song;
use crate::tracker::song::Cell;
use packed::Unpacked;
use reader::Reader;
use std::sync::Arc;

/// How a file is read.
#[derive(Clone, Copy)]
enum Kind {
    It,
    Xm,
    S3m,
    Mod,
    Soundtracker,
}

/// What a file of `length` bytes that begins with `head` is.
fn recognise(head: &[u8], length: usize) -> Option<Kind> {
    if it::is_signed(head) {
        Some(Kind::It)
    } else if xm::is_signed(head) {
        Some(Kind::Xm)
    } else if s3m::is_signed(head) {
        Some(Kind::S3m)
    } else if amiga_mod::is_signed(head) {
        Some(Kind::Mod)
    } else if soundtracker::is_recognised(head, length) {
        Some(Kind::Soundtracker)
    } else {
        None
    }
}

/// Whether a file of `length` bytes that begins with `head`, 4,096 bytes where it has as many, is a module or packed.
pub fn is_module(head: &[u8], length: usize) -> bool {
    packed::is_packed(head) || recognise(head, length).is_some()
}

/// Reads a module of any of the four formats, as it is, packed by gzip, or the first one in a ZIP archive.
/// Recordings that the process holds already are shared.
///
/// # Errors
/// `LoadError::UnknownFormat` where nothing is recognised; otherwise what is wrong with the file and where. A sample
/// that the file's end cuts short is no error: it keeps its whole frames.
pub fn load(bytes: &[u8]) -> Result<Song, LoadError> {
    let mut song = match packed::unpack(bytes, |head, length| recognise(head, length).is_some())? {
        Unpacked::Plain => load_module(bytes),
        Unpacked::Module(module) => load_module(&module),
    }?;
    for sample in &mut song.samples {
        sample.data = Arc::unwrap_or_clone(std::mem::take(&mut sample.data)).intern();
    }
    Ok(song)
}

fn load_module(bytes: &[u8]) -> Result<Song, LoadError> {
    match recognise(bytes, bytes.len()) {
        Some(Kind::It) => it::load(bytes),
        Some(Kind::Xm) => xm::load(bytes),
        Some(Kind::S3m) => s3m::load(bytes),
        Some(Kind::Mod) => amiga_mod::load(bytes),
        Some(Kind::Soundtracker) => soundtracker::load(bytes),
        None => Err(LoadError::UnknownFormat),
    }
}

/// Song channels that a song may have.
const MAX_CHANNELS: u64 = 64;
/// Rows that a pattern may have.
const MAX_ROWS: u64 = 1024;
/// Cells that all patterns of a song may have together: 256 patterns of 256 rows of 64 channels.
const MAX_CELLS: u64 = 256 * 256 * 64;

/// Takes memory for patterns, at most `MAX_CELLS` together.
struct CellBudget(u64);

impl CellBudget {
    fn new() -> Self {
        Self(MAX_CELLS)
    }

    /// The cells of one pattern, all empty.
    fn cells(&mut self, reader: &Reader<'_>, rows: usize, channels: usize) -> Result<Vec<Cell>, LoadError> {
        let count = reader.bounded((rows * channels) as u64, self.0)?;
        self.0 -= count as u64;
        Ok(vec![Cell::default(); count])
    }
}
