//! Modules of four formats as bytes, turned into a [`Song`].
//!
//! A file is recognised by its signature, never by its name. Every count and size is bounded before memory is taken
//! for it; nothing here panics. Runs on a worker. The formats' sources are named in each loader.

mod amiga_mod;
mod error;
mod extension;
mod it;
mod it_packing;
mod pcm;
mod reader;
mod s3m;
mod text;
mod xm;
mod xm_origin;

pub use error::LoadError;
pub use error::Part;

use crate::tracker::Song;
use crate::tracker::song::Cell;
use reader::Reader;

/// Reads a module of any of the four formats.
///
/// # Errors
/// `LoadError::UnknownFormat` where nothing is recognised; otherwise what is wrong with the file and where. A sample
/// that the file's end cuts short is no error: it keeps its whole frames.
pub fn load(bytes: &[u8]) -> Result<Song, LoadError> {
    if it::is_signed(bytes) {
        it::load(bytes)
    } else if xm::is_signed(bytes) {
        xm::load(bytes)
    } else if s3m::is_signed(bytes) {
        s3m::load(bytes)
    } else if amiga_mod::is_signed(bytes) {
        amiga_mod::load(bytes)
    } else if amiga_mod::is_soundtracker(bytes) {
        amiga_mod::load_soundtracker(bytes)
    } else {
        Err(LoadError::UnknownFormat)
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
