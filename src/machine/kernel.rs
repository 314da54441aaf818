//! One kernel, generated or written by hand, whichever it is.
//!
//! Audio thread, except `new`. Those written by hand keep cells of the control grid themselves, from the frame on that they are
//! led to; none knows of sleep.

use super::Impulse;
use super::MachineKind;
use super::convolution::Convolution;
use super::generated::reverb::Reverb;
use super::impulse::AtRate;
use super::room::FdnReverb;
use crate::dsp::Level;
use crate::units::SampleRate;
use std::sync::Arc;

/// State and code of a machine; the state lives on the heap.
pub(super) enum Kernel {
    Reverb(Box<Reverb>),
    Fdn(Box<FdnReverb>),
    Convolution(Box<Convolution>),
}

impl Kernel {
    /// A kernel with every control at its default. Allocates.
    pub(super) fn new(
        kind: MachineKind,
        impulse: Option<&Arc<Impulse>>,
        rate: SampleRate,
        level: Level,
    ) -> Self {
        match kind {
            MachineKind::Reverb => {
                let mut reverb = Reverb::boxed();
                reverb.init(libm::round(rate.0) as i32);
                reverb.control();
                Self::Reverb(reverb)
            }
            MachineKind::Fdn => Self::Fdn(FdnReverb::boxed(rate, level)),
            MachineKind::Convolution => {
                let impulse = impulse.map_or_else(Impulse::hall, Arc::clone);
                Self::Convolution(Convolution::boxed(AtRate::share(impulse, rate), rate, level))
            }
        }
    }

    /// Seconds that its response lasts.
    pub(super) fn rings_s(&self) -> f64 {
        match self {
            Self::Reverb(_) | Self::Fdn(_) => 0.0,
            Self::Convolution(kernel) => kernel.rings_s(),
        }
    }

    /// Whether it may be left where it is once its sound can no longer be heard.
    pub(super) fn is_drained(&self, quiet_frames: u64) -> bool {
        match self {
            Self::Reverb(_) | Self::Fdn(_) => true,
            Self::Convolution(kernel) => kernel.is_drained(quiet_frames),
        }
    }

    /// Forgets all sound.
    pub(super) fn clear(&mut self) {
        match self {
            Self::Reverb(kernel) => kernel.clear(),
            Self::Fdn(kernel) => kernel.clear(),
            Self::Convolution(kernel) => kernel.clear(),
        }
    }

    /// Goes on at another frame than the one after its last, `drained` or out of a sound.
    pub(super) fn go_to(&mut self, frame: u64, drained: bool) {
        match self {
            Self::Reverb(_) => {}
            Self::Fdn(kernel) => kernel.go_to(frame),
            Self::Convolution(kernel) => kernel.go_to(frame, drained),
        }
    }

    /// Sets one control by its place in the table; heard after `control`.
    pub(super) fn set(&mut self, index: usize, value: f32) {
        match self {
            Self::Reverb(kernel) => kernel.set(index, value),
            Self::Fdn(kernel) => kernel.set(index, value),
            Self::Convolution(kernel) => kernel.set(index, value),
        }
    }

    /// Turns the controls into coefficients.
    pub(super) fn control(&mut self) {
        match self {
            Self::Reverb(kernel) => kernel.control(),
            Self::Fdn(kernel) => kernel.control(),
            Self::Convolution(kernel) => kernel.control(),
        }
    }

    /// As many frames as the shortest plane has.
    pub(super) fn process(&mut self, inputs: [&[f32]; 2], outputs: [&mut [f32]; 2]) {
        match self {
            Self::Reverb(kernel) => kernel.compute(inputs, outputs),
            Self::Fdn(kernel) => kernel.process(inputs, outputs),
            Self::Convolution(kernel) => kernel.process(inputs, outputs),
        }
    }
}
