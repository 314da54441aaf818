//! Tracker modules: loaders, replay and sound of MOD, S3M, XM and IT.
//!
//! Loaders turn each format's bytes into a [`Song`] on a worker; replay turns its rows and ticks into the state of
//! channels, which are rendered on the audio thread.

pub mod load;
pub mod song;

pub use song::Song;
