//! What can be wrong with a module's bytes, said in one line with the part and the place.

use std::fmt;

/// A named part of a file, numbered where the file has several of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// What it is, for instance `pattern`.
    pub name: &'static str,
    /// Which one, as trackers show it: patterns count from 0, instruments and samples from 1.
    pub number: Option<u16>,
}

impl Part {
    /// A part that a file has once.
    pub(super) const fn single(name: &'static str) -> Self {
        Self { name, number: None }
    }

    /// One of several.
    pub(super) fn numbered(name: &'static str, number: usize) -> Self {
        Self { name, number: u16::try_from(number).ok() }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.number {
            Some(number) => write!(out, "{} {number}", self.name),
            None => write!(out, "the {}", self.name),
        }
    }
}

/// Why bytes did not become a song. Offsets count from the start of the file, unpacked where it was packed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// No known signature; the file is probably not a module.
    #[error(
        "not a module: no signature of MOD, S3M, XM or IT; open one of these, or one packed by gzip or ZIP"
    )]
    UnknownFormat,
    /// The file ends inside `part`, `missing` bytes short.
    #[error("the file ends inside {part}, {missing} bytes short at byte {offset}; get a whole copy of it")]
    Truncated {
        /// What was being read.
        part: Part,
        /// Where the bytes that are not there should begin or go on.
        offset: usize,
        /// How many more bytes it needed at least.
        missing: usize,
    },
    /// A field holds a value its format does not allow.
    #[error("{part} holds {value:#x} at byte {offset}, which its format does not allow; get another copy")]
    Invalid {
        /// Where the field belongs.
        part: Part,
        /// Offset of the field from the start of the file.
        offset: usize,
        /// What it holds.
        value: u32,
    },
    /// A count or a size is beyond what the format or the file's own length allows.
    #[error("{part} asks for {claimed} by byte {offset}, at most {limit} are allowed; get another copy")]
    TooLarge {
        /// What is too large.
        part: Part,
        /// Where the file has been read to, or where the data begins.
        offset: usize,
        /// What the file claims.
        claimed: u64,
        /// What is allowed.
        limit: u64,
    },
    /// A packed file cannot be unpacked.
    #[error("{part} cannot be unpacked at byte {offset}: {reason}; unpack it yourself or get another copy")]
    Packed {
        /// How it is packed, or which of its files is meant.
        part: Part,
        /// Where, in the packed file.
        offset: usize,
        /// In words.
        reason: &'static str,
    },
    /// A packed file that holds no module.
    #[error(
        "{part} holds no module, only other files ({files}); open one that has a MOD, S3M, XM or IT in it"
    )]
    NothingInside {
        /// How it is packed.
        part: Part,
        /// Number of files in it.
        files: usize,
    },
}
