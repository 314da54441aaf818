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
use crate::dsp::playable;
use crate::units::SampleRate;
use std::ops::Range;
use std::sync::Arc;

/// -120 dBFS: a kernel whose output stays below may sleep.
const INAUDIBLE: f32 = 1.0e-6;

/// Tempos that a machine is told, in BPM; others are taken as the nearest.
const TEMPOS: std::ops::RangeInclusive<f64> = 20.0..=999.0;

/// The host's tempo, from a frame on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tempo {
    /// Beats per minute on `frame`.
    pub bpm: f64,
    /// Change with each frame.
    pub increment: f64,
    /// Counted from reset.
    pub frame: u64,
}

impl Tempo {
    /// Where no host has said anything.
    pub const USUAL: Self = Self { bpm: 120.0, increment: 0.0, frame: 0 };

    /// Beats per minute on a frame, before or after its own, to a hundredth: so a line told from several places is the same
    /// on each of its frames.
    fn at(&self, frame: u64) -> f32 {
        let bpm = self.bpm + self.increment * (frame as f64 - self.frame as f64);
        (libm::round(bpm.clamp(*TEMPOS.start(), *TEMPOS.end()) * 100.0) / 100.0) as f32
    }
}

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
    tempo: Tempo,
    /// What the kernel has been told of it, in BPM.
    bpm: f32,
    /// Place of the control that lets it hear the sidechain, if it has one.
    sidechain: Option<usize>,
    input: [[f32; GRID]; 4],
}

impl Machine {
    /// A machine with every control at its default. Allocates.
    pub(super) fn new(
        kind: MachineKind,
        impulse: Option<&Arc<Impulse>>,
        rate: SampleRate,
        level: Level,
    ) -> Self {
        Self::with(kind, Kernel::new(kind, impulse, rate, level), rate)
    }

    /// The same of a kernel that is ready. Allocates.
    pub(super) fn with(kind: MachineKind, kernel: Kernel, rate: SampleRate) -> Self {
        Self {
            kind,
            rate,
            kernel,
            values: kind.parameters().iter().map(|parameter| parameter.default).collect(),
            // A program has defaults of its own.
            changed: kind == MachineKind::Program,
            fresh: true,
            asleep: true,
            clear: true,
            next: 0,
            quiet_frames: 0,
            heard: false,
            peak: 0.0,
            tempo: Tempo::USUAL,
            bpm: Tempo::USUAL.at(0),
            sidechain: kind.parameter_index("sidechain"),
            input: [[0.0; GRID]; 4],
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

    /// Tells the tempo, heard from the next grid line on. Real-time.
    pub fn set_tempo(&mut self, tempo: Tempo) {
        self.tempo = tempo;
    }

    /// How many dB it takes away at the moment, where it tells. Real-time.
    pub fn reduction_db(&self) -> Option<f32> {
        self.kernel.reduction_db()
    }

    /// Whether it hears the sidechain.
    fn listens(&self) -> bool {
        let switch = self.sidechain.and_then(|index| self.values.get(index));
        switch.is_some_and(|on| *on > 0.5) || self.kernel.listens()
    }

    /// Frames of its tail; the greatest number where it never ends.
    fn tail_frames(&self) -> u64 {
        let seconds = self.kind.tail_s(&self.values, self.bpm) + self.kernel.rings_s();
        (seconds * self.rate.0) as u64 // beyond its range: the greatest
    }

    /// Hands changed controls, and the tempo of `frame`, to the kernel.
    fn latch(&mut self, frame: u64) {
        let bpm = self.tempo.at(frame);
        if self.changed || bpm != self.bpm {
            self.bpm = bpm;
            for (index, value) in self.values.iter().enumerate() {
                self.kernel.set(index, *value);
            }
            self.kernel.set_tempo(bpm);
            self.kernel.control();
            self.changed = false;
            // What sounds now may sound longer than was reckoned.
            self.quiet_frames = 0;
        }
    }

    fn on_grid_line(&mut self, frame: u64) {
        if !self.asleep {
            self.quiet_frames = if self.heard { 0 } else { self.quiet_frames + GRID as u64 };
            let faded = !self.heard && self.peak < INAUDIBLE && self.quiet_frames >= self.tail_frames();
            self.asleep = faded && self.kernel.is_drained(self.quiet_frames);
        }
        self.heard = false;
        self.peak = 0.0;
        self.latch(frame);
    }

    /// Renders frames between two grid lines; `side` is as long, or empty.
    fn segment(&mut self, piece: Piece<'_>, [left, right]: [&mut [f32]; 2], input: Activity) -> Activity {
        let Piece { frame, side } = piece;
        let frames = left.len().min(right.len());
        let heard = match input {
            Activity::Silent => [&[][..], &[]],
            Activity::Sounding => [&*left, &*right],
        };
        let first = |plane: &[f32]| plane.iter().position(|sample| playable(*sample) != 0.0);
        let first_sounding = heard.iter().chain(&side).filter_map(|plane| first(plane)).min();
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
            self.latch((frame + start as u64) / GRID as u64 * GRID as u64);
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
        let [input_left, input_right, side_left, side_right] = &mut self.input;
        let [side_from_left, side_from_right] = side.map(|plane| plane.get(start..).unwrap_or(&[]));
        let inputs = [
            cleaned(left, left.len(), input_left),
            cleaned(right, left.len(), input_right),
            cleaned(side_from_left, left.len(), side_left),
            cleaned(side_from_right, left.len(), side_right),
        ];
        self.kernel.process(inputs, [&mut *left, &mut *right]);
        if !self.heard {
            let loudest = |peak: f32, sample: &f32| peak.max(sample.abs());
            self.peak = left.iter().chain(&*right).fold(self.peak, loudest);
        }
        Activity::Sounding
    }
}

/// Where a segment begins, and its sidechain.
struct Piece<'a> {
    frame: u64,
    side: [&'a [f32]; 2],
}

/// Copies `plane` to the front of `scratch`, with silence after it up to `frames`; at most `GRID` frames.
fn cleaned<'a>(plane: &[f32], frames: usize, scratch: &'a mut [f32; GRID]) -> &'a [f32] {
    let scratch = scratch.get_mut(..frames).unwrap_or(&mut []);
    let (heard, silent) = scratch.split_at_mut(plane.len().min(frames));
    for (to, from) in heard.iter_mut().zip(plane) {
        *to = playable(*from);
    }
    silent.fill(0.0);
    scratch
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
        side: Option<&AudioBlock<'_>>,
        io: &mut AudioBlockMut<'_>,
    ) -> Activity {
        let (input, mut activity) = (ctx.input(), Activity::Silent);
        if ctx.frame() != self.next && !self.asleep {
            self.kernel.go_to(ctx.frame(), false); // it was not rendered meanwhile
        }
        self.next = ctx.frame() + io.frames() as u64;
        let side = side.filter(|_| self.listens()).map_or([&[][..]; 2], |side| match side.channels() {
            1 => [side.channel(0); 2],
            _ => [side.channel(0), side.channel(1)],
        });
        for (on_line, segment) in segments(ctx.frame(), io.frames()) {
            let frame = ctx.frame() + segment.start as u64;
            if on_line {
                self.on_grid_line(frame);
            } else if self.fresh {
                self.latch(frame);
            }
            self.fresh = false;
            let (left, right) = io.stereo_mut();
            // Segments lie within the block.
            let side = side.map(|plane| plane.get(segment.clone()).unwrap_or(&[]));
            let piece = Piece { frame, side };
            let planes = [&mut left[segment.clone()], &mut right[segment]];
            if self.segment(piece, planes, input) == Activity::Sounding {
                activity = Activity::Sounding;
            }
        }
        activity
    }

    /// One that listens to a sidechain hears it while its own input is silent.
    fn asleep(&self) -> bool {
        self.asleep && !self.listens()
    }

    /// Forgets all sound and keeps the controls. Real-time, though it writes the whole memory (of a delay,
    /// 4 MB) if anything sounded.
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
        match self.tail_frames() {
            u64::MAX => Tail::Endless,
            frames => Tail::Frames(frames),
        }
    }
}
