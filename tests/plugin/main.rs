//! The bundled plugin in the headless hosts: what hosts may rely on, in both formats.
//!
//! Needs the bundles that `cargo xtask test` makes. Songs lie beside the repository; where they are absent, the tests
//! that want them say that they skip.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)] // all of it is tests

mod automation;
mod buses;
mod crowd;
mod empty_calls;
mod events;
mod figures;
mod host_time;
mod lanes;
mod latency;
mod layout;
mod machines;
mod note_out;
mod notes;
mod performance;
mod presets;
mod same_bits;
mod stage;
mod state;
mod storm;
