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

/// Why bytes did not become a song.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// No known signature; the file is probably not a module.
    #[error("not a module: no signature of MOD, S3M, XM or IT")]
    UnknownFormat,
    /// The file ends inside `part`, `missing` bytes short.
    #[error("the file ends inside {part}, {missing} bytes short")]
    Truncated {
        /// What was being read.
        part: Part,
        /// How many more bytes it needed at least.
        missing: usize,
    },
    /// A field holds a value its format does not allow.
    #[error("{part} holds {value:#x} at byte {offset}, which its format does not allow")]
    Invalid {
        /// Where the field belongs.
        part: Part,
        /// Offset of the field from the start of the file.
        offset: usize,
        /// What it holds.
        value: u32,
    },
    /// A count or a size is beyond what the format or the file's own length allows.
    #[error("{part} asks for {claimed}, at most {limit} are allowed")]
    TooLarge {
        /// What is too large.
        part: Part,
        /// What the file claims.
        claimed: u64,
        /// What is allowed.
        limit: u64,
    },
}
