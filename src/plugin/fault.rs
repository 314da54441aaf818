//! What `process` must never do, done: the tests build it in to see that they would notice.
//!
//! Only in builds with the feature `planted-fault`, which nobody ships.

use super::Instance;

/// What goes wrong in every call.
#[derive(Clone, Copy)]
pub(super) enum Fault {
    Allocation,
    /// The session's, which the main thread holds while it saves.
    Lock,
}

impl Fault {
    /// The one that `BUSKER_FAULT` names.
    pub(super) fn chosen() -> Self {
        match std::env::var_os("BUSKER_FAULT") {
            Some(name) if name == "lock" => Self::Lock,
            _ => Self::Allocation,
        }
    }

    pub(super) fn strike(self, instance: &Instance, frames: usize) {
        match self {
            Self::Allocation => drop(std::hint::black_box(Vec::<u8>::with_capacity(frames + 1))),
            Self::Lock => drop(std::hint::black_box(instance.voices())),
        }
    }
}
