//! Kernels of instruments: voices in lanes, in one or more groups that share their controls.
//!
//! In: what each voice is asked for, held. Out: the sum of a group's voices, and the level of each. Audio thread, except `ready`.
//! Lanes are summed in an order of their own, whatever else sounds.

use crate::audio::GRID;
use crate::dsp::Level;
use crate::machine::MachineParameter;
use crate::machine::generated;
use crate::units::SampleRate;

/// What a voice is told, in the order of `synth.lib`.
pub(super) type Asked = [f32; 14];

/// What became of a voice in some frames.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Heard {
    /// The envelope on the last of them.
    pub(super) level: f32,
    /// The first of them on which it was 0.
    pub(super) silent_from: Option<usize>,
}

pub(super) trait LaneKernel: Send {
    /// Voices in a group.
    fn lanes(&self) -> usize;
    fn groups(&self) -> usize;
    /// Forgets all sound.
    fn clear(&mut self);
    /// Sets one control by its place in the table; heard after `control`.
    fn set(&mut self, index: usize, value: f32);
    /// Turns the controls into coefficients.
    fn control(&mut self);
    /// Adds frames of a group's voices, at most `GRID`; `asked` and `heard` have one entry for each lane.
    fn render(&mut self, group: usize, asked: &[Asked], planes: [&mut [f32]; 2], heard: &mut [Heard]);
}

macro_rules! lane_kernels {
    (written { $($written:tt)* } generated { $($generated:tt)* } instruments {
        $($(#[$doc:meta])* $kind:ident(
            $module:ident::$class:ident, $from:ident::$lanes:ident, $label:literal, $groups:literal
        ),)*
    }) => {
        /// An instrument.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum InstrumentKind {
            $($(#[$doc])* $kind,)*
        }

        impl InstrumentKind {
            /// Every instrument, in the order of menus.
            pub const ALL: &[Self] = &[$(Self::$kind,)*];

            /// What is saved.
            pub fn id(self) -> &'static str {
                match self {
                    $(Self::$kind => stringify!($module),)*
                }
            }

            /// For people.
            pub fn label(self) -> &'static str {
                match self {
                    $(Self::$kind => $label,)*
                }
            }

            /// Its controls; the first eight are what a slot's macros move.
            pub fn parameters(self) -> &'static [MachineParameter] {
                match self {
                    $(Self::$kind => generated::$module::PARAMETERS,)*
                }
            }

            /// Its kernel with every control at its default. Allocates.
            pub(super) fn ready(self, rate: SampleRate, level: Level) -> Box<dyn LaneKernel> {
                match self {
                    $(Self::$kind => Box::new($module::Voices::ready(rate, level)),)*
                }
            }
        }

        $(mod $module {
            use super::*;
            use generated::$module::LANES;

            pub(super) struct Voices {
                shared: Box<generated::$module::$class>,
                groups: Box<[generated::$module::$lanes; $groups]>,
                rendered: Box<[[[f32; LANES]; GRID]; 3]>,
                level: Level,
            }

            impl Voices {
                pub(super) fn ready(rate: SampleRate, level: Level) -> Self {
                    let mut shared = generated::$module::$class::boxed();
                    shared.init(libm::round(rate.0) as i32);
                    shared.control();
                    Self { shared, groups: Box::default(), rendered: Box::new([[[0.0; LANES]; GRID]; 3]), level }
                }
            }

            impl LaneKernel for Voices {
                fn lanes(&self) -> usize {
                    LANES
                }
                fn groups(&self) -> usize {
                    self.groups.len()
                }
                fn clear(&mut self) {
                    self.groups.iter_mut().for_each(|group| *group = Default::default());
                }
                fn set(&mut self, index: usize, value: f32) {
                    self.shared.set(index, value);
                }
                fn control(&mut self) {
                    self.shared.control();
                }
                fn render(&mut self, group: usize, asked: &[Asked], planes: [&mut [f32]; 2], heard: &mut [Heard]) {
                    let Some(state) = self.groups.get_mut(group) else { return };
                    let frames = planes[0].len().min(planes[1].len()).min(GRID);
                    let mut inputs = [[0.0; LANES]; 14];
                    for (lane, asked) in asked.iter().enumerate().take(LANES) {
                        inputs.iter_mut().zip(asked).for_each(|(plane, asked)| plane[lane] = *asked); // below LANES
                    }
                    let outputs = self.rendered.each_mut().map(|plane| &mut plane[..frames]); // at most GRID
                    generated::$module::lanes(self.level, &self.shared, state, &inputs, outputs);
                    let [left, right, levels] = &*self.rendered;
                    for (plane, voices) in planes.into_iter().zip([left, right]) {
                        plane.iter_mut().zip(voices).for_each(|(sample, voices)| *sample += sum(*voices));
                    }
                    for (lane, heard) in heard.iter_mut().enumerate().take(LANES) {
                        let level = |frame: usize| levels.get(frame).map_or(0.0, |voices| voices[lane]); // below LANES
                        heard.level = level(frames.saturating_sub(1));
                        // An envelope that has gone down to 0 stays there.
                        heard.silent_from =
                            (heard.level == 0.0).then(|| (0..frames).find(|&frame| level(frame) == 0.0)).flatten();
                    }
                }
            }
        })*
    };
}

machines!(lane_kernels);

/// Halves against each other until one is left.
fn sum<const N: usize>(mut lanes: [f32; N]) -> f32 {
    let mut width = N;
    while width > 1 {
        let half = width / 2;
        let (low, high) = lanes.split_at_mut(half);
        low.iter_mut().zip(high).for_each(|(low, high)| *low += *high);
        width = half;
    }
    lanes.first().copied().unwrap_or(0.0)
}
