//! `Machine`: a kernel as a node of the graph.
//!
//! In: a stereo block and control values. Out: the block, processed in place, without latency. Audio thread. Controls
//! take effect on lines of the control grid and the kernel sleeps on them, so the bits do not depend on how blocks are
//! cut. Samples no loudspeaker could play (not finite, or above +120 dBFS) are taken as 0.

use super::Impulse;
use super::MachineKind;
use super::kernel::Kernel;
use crate::audio::Activity;
use crate::audio::AudioBlock;
use crate::audio::AudioBlockMut;
use crate::audio::AudioStream;
use crate::audio::ChannelConfig;
use crate::audio::GRID;
use crate::audio::RenderContext;
use crate::audio::Tail;
use crate::dsp::Level;
use crate::units::SampleRate;
use std::ops::Range;
use std::sync::Arc;

/// +120 dBFS.
const LOUDEST: f32 = 1.0e6;

/// -120 dBFS: a kernel whose output stays below may sleep.
const INAUDIBLE: f32 = 1.0e-6;

/// An insert.
pub struct Machine {
    kind: MachineKind,
    rate: SampleRate,
    kernel: Kernel,
    /// What was asked for, in the order of the kind's parameters.
    values: Box<[f32]>,
    /// Whether `values` holds something the kernel has not got.
    changed: bool,
    /// Nothing was rendered since the last reset: controls need not wait for a grid line.
    fresh: bool,
    asleep: bool,
    /// Whether the kernel has heard nothing since it was made or cleared.
    clear: bool,
    /// The frame after the last one rendered.
    next: u64,
    /// Frames of silent input up to the last grid line.
    quiet_frames: u64,
    /// Whether the input sounded since the last grid line.
    heard: bool,
    /// Highest output since the last grid line, reckoned while the input is silent.
    peak: f32,
    input: [[f32; GRID]; 2],
}

impl Machine {
    /// A machine with every control at its default. Allocates.
    pub(super) fn new(
        kind: MachineKind,
        impulse: Option<&Arc<Impulse>>,
        rate: SampleRate,
        level: Level,
    ) -> Self {
        Self {
            kind,
            rate,
            kernel: Kernel::new(kind, impulse, rate, level),
            values: kind.parameters().iter().map(|parameter| parameter.default).collect(),
            changed: false,
            fresh: true,
            asleep: true,
            clear: true,
            next: 0,
            quiet_frames: 0,
            heard: false,
            peak: 0.0,
            input: [[0.0; GRID]; 2],
        }
    }

    /// Which machine it is.
    pub fn kind(&self) -> MachineKind {
        self.kind
    }

    /// Sets the control at `index` of the kind's parameters, from the next grid line on. Values are clamped; an index
    /// past the last does nothing. Real-time.
    pub fn set_parameter(&mut self, index: usize, value: f32) {
        let parameter = self.kind.parameters().get(index);
        if let (Some(parameter), Some(slot)) = (parameter, self.values.get_mut(index)) {
            let value = parameter.clamp(value);
            self.changed |= *slot != value;
            *slot = value;
        }
    }

    /// What the control at `index` was last set to.
    pub fn parameter(&self, index: usize) -> Option<f32> {
        self.values.get(index).copied()
    }

    fn tail_frames(&self) -> u64 {
        self.rate.frames_in(self.kind.tail_s(&self.values) + self.kernel.rings_s()) as u64
    }

    /// Hands changed controls to the kernel.
    fn latch(&mut self) {
        if self.changed {
            for (index, value) in self.values.iter().enumerate() {
                self.kernel.set(index, *value);
            }
            self.kernel.control();
            self.changed = false;
            // What sounds now may sound longer than was reckoned.
            self.quiet_frames = 0;
        }
    }

    fn on_grid_line(&mut self) {
        if !self.asleep {
            self.quiet_frames = if self.heard { 0 } else { self.quiet_frames + GRID as u64 };
            let faded = self.quiet_frames >= self.tail_frames() && self.peak < INAUDIBLE;
            self.asleep = faded && self.kernel.is_drained(self.quiet_frames);
        }
        self.heard = false;
        self.peak = 0.0;
        self.latch();
    }

    /// Renders frames between two grid lines, the first of which is `frame`.
    fn segment(&mut self, frame: u64, [left, right]: [&mut [f32]; 2], input: Activity) -> Activity {
        let frames = left.len().min(right.len());
        let sounds = |n: &usize| clean(left[*n]) != 0.0 || clean(right[*n]) != 0.0;
        let first_sounding = match input {
            Activity::Silent => None,
            Activity::Sounding => (0..frames).find(sounds),
        };
        let start = match (self.asleep, first_sounding) {
            (true, None) if input == Activity::Silent => return Activity::Silent,
            (true, None) => {
                left.fill(0.0);
                right.fill(0.0);
                return Activity::Silent;
            }
            // The kernel wakes on the very frame, however the block was cut.
            (true, Some(start)) => start,
            (false, _) => 0,
        };
        if self.asleep {
            // Whatever was slept through, also by those who did not ask.
            self.latch();
            self.kernel.go_to(frame + start as u64, true);
        }
        if first_sounding.is_some() {
            self.asleep = false;
            self.clear = false;
            self.heard = true;
            self.quiet_frames = 0;
        }
        left[..start].fill(0.0);
        right[..start].fill(0.0);
        let (left, right) = (&mut left[start..frames], &mut right[start..frames]);
        let [input_left, input_right] = &mut self.input;
        let inputs = [cleaned(left, input_left), cleaned(right, input_right)];
        self.kernel.process(inputs, [&mut *left, &mut *right]);
        if !self.heard {
            let loudest = |peak: f32, sample: &f32| peak.max(sample.abs());
            self.peak = left.iter().chain(&*right).fold(self.peak, loudest);
        }
        Activity::Sounding
    }
}

/// The sample, or 0 if no loudspeaker could play it.
fn clean(sample: f32) -> f32 {
    if sample.abs() <= LOUDEST { sample } else { 0.0 }
}

/// Copies `plane` to the front of `scratch`; at most `GRID` frames.
fn cleaned<'a>(plane: &[f32], scratch: &'a mut [f32; GRID]) -> &'a [f32] {
    for (to, from) in scratch.iter_mut().zip(plane) {
        *to = clean(*from);
    }
    scratch.get(..plane.len()).unwrap_or(&[])
}

/// Cuts `frames` frames, the first of which is frame `frame` of the stream, at grid lines.
fn segments(frame: u64, frames: usize) -> impl Iterator<Item = (bool, Range<usize>)> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let phase = ((frame + start as u64) % GRID as u64) as usize;
        let segment = start..(start + GRID - phase).min(frames);
        start = segment.end;
        (!segment.is_empty()).then_some((phase == 0, segment))
    })
}

impl AudioStream for Machine {
    fn channel_config(&self) -> ChannelConfig {
        ChannelConfig { inputs: 2, outputs: 2 }
    }

    fn render(
        &mut self,
        ctx: &mut RenderContext<'_>,
        _side: Option<&AudioBlock<'_>>,
        io: &mut AudioBlockMut<'_>,
    ) -> Activity {
        let (input, mut activity) = (ctx.input(), Activity::Silent);
        if ctx.frame() != self.next && !self.asleep {
            self.kernel.go_to(ctx.frame(), false); // it was not rendered meanwhile
        }
        self.next = ctx.frame() + io.frames() as u64;
        for (on_line, segment) in segments(ctx.frame(), io.frames()) {
            if on_line {
                self.on_grid_line();
            } else if self.fresh {
                self.latch();
            }
            self.fresh = false;
            let (left, right) = io.stereo_mut();
            // Segments lie within the block.
            let frame = ctx.frame() + segment.start as u64;
            let planes = [&mut left[segment.clone()], &mut right[segment]];
            if self.segment(frame, planes, input) == Activity::Sounding {
                activity = Activity::Sounding;
            }
        }
        activity
    }

    fn asleep(&self) -> bool {
        self.asleep
    }

    /// Forgets all sound and keeps the controls. Real-time, though it writes the whole delay memory (2 MB)
    /// if anything sounded.
    fn reset(&mut self) {
        if !self.clear {
            self.kernel.clear();
            self.clear = true;
        }
        self.fresh = true;
        self.asleep = true;
        self.next = 0;
        self.quiet_frames = 0;
        self.heard = false;
        self.peak = 0.0;
    }

    /// A skip past the tail leaves nothing of what sounded; a shorter one leaves the sound where it was.
    fn skip(&mut self, frames: usize) {
        if frames as u64 >= self.tail_frames() {
            self.reset();
        }
    }

    fn tail(&self) -> Tail {
        Tail::Frames(self.tail_frames())
    }
}
