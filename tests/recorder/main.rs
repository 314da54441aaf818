//! The recorder from the engine's taps to the files: bits, frames, disks that fail, and a process that dies.
//!
//! Everything is rendered through a whole engine; files are read back with hound.
#![allow(clippy::unwrap_used, clippy::expect_used)] // a test may

mod audio_thread;
mod bench;
mod disks;
mod files;

/// Aborts where the audio thread allocates.
#[global_allocator]
static GUARD: assert_no_alloc::AllocDisabler = assert_no_alloc::AllocDisabler;
