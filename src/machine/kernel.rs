//! One generated kernel, whichever it is.
//!
//! Audio thread, except `new`. Knows nothing of the control grid or of sleep.

use super::MachineKind;
use super::generated::reverb::Reverb;
use crate::units::SampleRate;

/// State and code of a machine; the state lives on the heap.
pub(super) enum Kernel {
    Reverb(Box<Reverb>),
}

impl Kernel {
    /// A kernel with every control at its default. Allocates.
    pub(super) fn new(kind: MachineKind, rate: SampleRate) -> Self {
        let rate = libm::round(rate.0) as i32;
        let mut kernel = match kind {
            MachineKind::Reverb => {
                let mut reverb = Reverb::boxed();
                reverb.init(rate);
                Self::Reverb(reverb)
            }
        };
        kernel.control();
        kernel
    }

    /// Forgets all sound.
    pub(super) fn clear(&mut self) {
        match self {
            Self::Reverb(kernel) => kernel.clear(),
        }
    }

    /// Sets one control by its place in the table; heard after `control`.
    pub(super) fn set(&mut self, index: usize, value: f32) {
        match self {
            Self::Reverb(kernel) => kernel.set(index, value),
        }
    }

    /// Turns the controls into coefficients.
    pub(super) fn control(&mut self) {
        match self {
            Self::Reverb(kernel) => kernel.control(),
        }
    }

    /// As many frames as the shortest plane has.
    pub(super) fn process(&mut self, inputs: [&[f32]; 2], outputs: [&mut [f32]; 2]) {
        match self {
            Self::Reverb(kernel) => kernel.compute(inputs, outputs),
        }
    }
}
