//! Busker: one audio engine as an instrument and an effect.
//!
//! Tracker modules, voices and streams on the host's timeline, each on its own bus. The rows of modules are described in
//! `docs/ARCHITECTURE.md`; a module uses only the rows above its own.

pub mod audio;
pub mod control;
pub mod dsp;
#[cfg(feature = "plugin")]
mod editor;
pub mod engine;
pub mod graph;
pub mod lane;
pub mod machine;
pub mod mixer;
#[cfg(feature = "plugin")]
mod params;
#[cfg(feature = "plugin")]
mod plugin;
pub mod rack;
#[cfg(test)]
mod random;
pub mod recorder;
pub mod rt;
pub mod sample;
pub mod space;
pub mod tracker;
pub mod units;
pub mod voice;
