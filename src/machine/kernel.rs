//! One kernel, generated or written by hand, whichever it is.
//!
//! Audio thread, except `new`. Those written by hand keep cells of the control grid themselves, from the frame on that they are
//! led to; none knows of sleep.

use super::Impulse;
use super::MachineKind;
use super::convolution::Convolution;
use super::generated;
use super::impulse::AtRate;
use super::program::ProgramKernel;
use super::room::FdnReverb;
use crate::dsp::Level;
use crate::dsp::simd::by_level;
use crate::units::SampleRate;
use std::sync::Arc;

/// What `cargo xtask faust` makes of a Faust source.
pub(super) trait FaustKernel: Send {
    /// A kernel with every control at its default. Allocates.
    fn ready(rate: SampleRate) -> Box<dyn FaustKernel>
    where
        Self: Sized;
    fn clear(&mut self);
    fn set(&mut self, index: usize, value: f32);
    fn set_tempo(&mut self, bpm: f32);
    fn control(&mut self);
    /// The input's sides, then the sidechain's, which most have no use for.
    fn compute(&mut self, level: Level, inputs: [&[f32]; 4], outputs: [&mut [f32]; 2]);
    fn meter(&self) -> Option<f32>;
    /// Seconds that it sounds beyond what its controls say.
    fn rings_s(&self) -> f64 {
        0.0
    }
    /// Whether it hears the sidechain whatever its controls say.
    fn listens(&self) -> bool {
        false
    }
}

macro_rules! faust_kernels {
    (written { $($written:tt)* } generated {
        $($(#[$doc:meta])* $kind:ident($module:ident::$class:ident, $label:literal, $tail:path),)*
    } instruments { $($instruments:tt)* }) => {
        $(impl FaustKernel for generated::$module::$class {
            fn ready(rate: SampleRate) -> Box<dyn FaustKernel> {
                let mut kernel = Self::boxed();
                kernel.init(libm::round(rate.0) as i32);
                kernel.control();
                kernel
            }
            fn clear(&mut self) {
                self.clear();
            }
            fn set(&mut self, index: usize, value: f32) {
                self.set(index, value);
            }
            fn set_tempo(&mut self, bpm: f32) {
                self.set_tempo(bpm);
            }
            fn control(&mut self) {
                self.control();
            }
            fn compute(&mut self, level: Level, inputs: [&[f32]; 4], outputs: [&mut [f32]; 2]) {
                by_level! {
                    fn compute(
                        level;
                        kernel: &mut generated::$module::$class,
                        inputs: [&[f32]; 4],
                        outputs: [&mut [f32]; 2],
                    ) {
                        if let Some(inputs) = inputs.first_chunk() {
                            kernel.compute(*inputs, outputs);
                        }
                    }
                }
                compute(level, self, inputs, outputs);
            }
            fn meter(&self) -> Option<f32> {
                self.meter()
            }
        })*

        /// How to make the kernel of a machine that Faust has made.
        fn faust(kind: MachineKind) -> Option<fn(SampleRate) -> Box<dyn FaustKernel>> {
            match kind {
                MachineKind::Fdn | MachineKind::Convolution => None,
                MachineKind::Program => Some(ProgramKernel::ready),
                $(MachineKind::$kind => Some(generated::$module::$class::ready),)*
            }
        }
    };
}

machines!(faust_kernels);

/// State and code of a machine; the state lives on the heap.
pub(super) enum Kernel {
    Faust(Box<dyn FaustKernel>, Level),
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
        if let Some(ready) = faust(kind) {
            return Self::Faust(ready(rate), level);
        }
        if kind == MachineKind::Fdn {
            return Self::Fdn(FdnReverb::boxed(rate, level));
        }
        let impulse = impulse.map_or_else(Impulse::hall, Arc::clone);
        Self::Convolution(Convolution::boxed(AtRate::share(impulse, rate), rate, level))
    }

    /// Whether it hears the sidechain whatever its controls say.
    pub(super) fn listens(&self) -> bool {
        match self {
            Self::Faust(kernel, _) => kernel.listens(),
            Self::Fdn(_) | Self::Convolution(_) => false,
        }
    }

    /// Seconds that its response lasts.
    pub(super) fn rings_s(&self) -> f64 {
        match self {
            Self::Faust(kernel, ..) => kernel.rings_s(),
            Self::Fdn(_) => 0.0,
            Self::Convolution(kernel) => kernel.rings_s(),
        }
    }

    /// Whether it may be left where it is once its sound can no longer be heard.
    pub(super) fn is_drained(&self, quiet_frames: u64) -> bool {
        match self {
            Self::Faust(..) | Self::Fdn(_) => true,
            Self::Convolution(kernel) => kernel.is_drained(quiet_frames),
        }
    }

    /// Forgets all sound.
    pub(super) fn clear(&mut self) {
        match self {
            Self::Faust(kernel, _) => kernel.clear(),
            Self::Fdn(kernel) => kernel.clear(),
            Self::Convolution(kernel) => kernel.clear(),
        }
    }

    /// Goes on at another frame than the one after its last, `drained` or out of a sound.
    pub(super) fn go_to(&mut self, frame: u64, drained: bool) {
        match self {
            Self::Faust(..) => {}
            Self::Fdn(kernel) => kernel.go_to(frame),
            Self::Convolution(kernel) => kernel.go_to(frame, drained),
        }
    }

    /// Sets one control by its place in the table; heard after `control`.
    pub(super) fn set(&mut self, index: usize, value: f32) {
        match self {
            Self::Faust(kernel, _) => kernel.set(index, value),
            Self::Fdn(kernel) => kernel.set(index, value),
            Self::Convolution(kernel) => kernel.set(index, value),
        }
    }

    /// Tells the tempo in BPM; heard after `control`.
    pub(super) fn set_tempo(&mut self, bpm: f32) {
        if let Self::Faust(kernel, _) = self {
            kernel.set_tempo(bpm);
        }
    }

    /// Turns the controls into coefficients.
    pub(super) fn control(&mut self) {
        match self {
            Self::Faust(kernel, _) => kernel.control(),
            Self::Fdn(kernel) => kernel.control(),
            Self::Convolution(kernel) => kernel.control(),
        }
    }

    /// How many dB it takes away at the moment, where it tells.
    pub(super) fn reduction_db(&self) -> Option<f32> {
        match self {
            Self::Faust(kernel, _) => kernel.meter(),
            Self::Fdn(_) | Self::Convolution(_) => None,
        }
    }

    /// As many frames as the shortest plane has: the input's sides, then the sidechain's.
    pub(super) fn process(&mut self, inputs: [&[f32]; 4], outputs: [&mut [f32]; 2]) {
        let [left, right, ..] = inputs;
        match self {
            Self::Faust(kernel, level) => kernel.compute(*level, inputs, outputs),
            Self::Fdn(kernel) => kernel.process([left, right], outputs),
            Self::Convolution(kernel) => kernel.process([left, right], outputs),
        }
    }
}
