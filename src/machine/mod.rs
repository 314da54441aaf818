//! Machines: inserts generated from Faust sources, the two reverbs of the returns, and the registry of all.
//!
//! In: a stereo block. Out: the same block, processed in place. Audio thread, except making one, which allocates.
//! Sources stand in `faust`, their Rust in `generated`; `cargo xtask faust` turns one into the other, and building
//! needs neither Faust nor Python. A machine knows nothing of the host's parameters or of its place in the graph.

mod generated {
    pub(super) mod chorus;
    pub(super) mod compressor;
    pub(super) mod crusher;
    pub(super) mod delay;
    pub(super) mod distortion;
    pub(super) mod eq;
    pub(super) mod flanger;
    pub(super) mod gate;
    pub(super) mod ladder;
    pub(super) mod phaser;
    pub(super) mod plate;
    pub(super) mod reverb;
}
mod convolution;
mod impulse;
mod kernel;
mod kind;
mod node;
mod parameter;
#[cfg(test)]
mod reverb_tests;
mod room;
#[cfg(test)]
mod shelf_tests;
#[cfg(test)]
mod tests;
mod wet;

pub use impulse::Impulse;
pub use impulse::ImpulseError;
pub use kind::MachineKind;
pub use node::Machine;
pub use node::Tempo;
pub use parameter::MachineParameter;
pub use parameter::Scale;
