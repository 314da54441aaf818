//! Recordings: WAV files that are written while the sound goes on.

mod format;

pub use format::SampleFormat;
