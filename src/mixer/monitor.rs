//! The monitor: a mix of the inputs, or one of them alone, on an output of the host.
//!
//! In: input channels. Out: added to the monitor's output, or put in the place of all else there. Audio thread. The mix takes
//! inputs after trim, mute, solo and pan; the one that is listened to is taken after its trim. Everything ramps in 5 ms.

use super::INPUT_CHANNELS;
use super::Layout;
use super::matrix::Column;
use super::matrix::Plane;
use super::matrix::Sources;
use crate::audio::AudioBlockMut;
use crate::audio::BLOCK_SIZE;
use crate::dsp;
use crate::dsp::Level;
use crate::dsp::Ramp;
use crate::units::Gain;
use std::ops::Range;

/// See the module's description.
pub(super) struct Monitor {
    level: Level,
    ramp_frames: u32,
    /// Inputs that the host has.
    inputs: usize,
    /// Left and right.
    mix: [Column; 2],
    sums: [Plane; 2],
    /// 1 for the input that is listened to.
    listen: Column,
    listened: Plane,
    /// What everything but that input is multiplied by.
    rest: Ramp,
    gain: Ramp,
    /// 1 for the host's output that is the monitor's.
    outputs: Vec<Ramp>,
}

impl Monitor {
    pub(super) fn new(layout: &Layout, ramp_frames: u32, level: Level) -> Self {
        let share = |output| Ramp::new(f32::from(u8::from(output == 0)));
        Self {
            level,
            ramp_frames,
            inputs: layout.input_channels(),
            mix: [Column::new(), Column::new()],
            sums: [Plane::new(), Plane::new()],
            listen: Column::new(),
            listened: Plane::new(),
            rest: Ramp::new(1.0),
            gain: Ramp::new(1.0),
            outputs: (0..layout.outputs.len()).map(share).collect(),
        }
    }

    pub(super) fn set_gain(&mut self, gain: Gain) {
        self.gain.move_to(gain.0, self.ramp_frames);
    }

    pub(super) fn set_output(&mut self, output: usize) {
        for (number, share) in self.outputs.iter_mut().enumerate() {
            share.move_to(f32::from(u8::from(number == output)), self.ramp_frames);
        }
    }

    /// One that the host does not have leaves everything as it is.
    pub(super) fn set_listen(&mut self, input: Option<usize>) {
        let on = input.filter(|input| *input < self.inputs);
        for input in 0..INPUT_CHANNELS {
            self.listen.aim(input, f32::from(u8::from(on == Some(input))), self.ramp_frames);
        }
        self.rest.move_to(f32::from(u8::from(on.is_none())), self.ramp_frames);
    }

    /// Gains of an input in the mix.
    pub(super) fn aim(&mut self, input: usize, gains: [f32; 2]) {
        for (column, gain) in self.mix.iter_mut().zip(gains) {
            column.aim(input, gain, self.ramp_frames);
        }
    }

    pub(super) fn settle(&mut self) {
        self.mix.iter_mut().chain([&mut self.listen]).for_each(Column::settle);
        self.outputs.iter_mut().chain([&mut self.rest, &mut self.gain]).for_each(Ramp::settle);
    }

    /// Begins a block; then come the inputs, one by one, and `take`.
    pub(super) fn begin(&mut self) {
        self.listened.begin();
    }

    /// Takes the next frames of an input, before `trim`, if it is listened to.
    pub(super) fn listen(&mut self, input: usize, trim: &Ramp, raw: &[f32]) {
        if self.listen.has(input) {
            let (mut gains, mut trimmed) = ([0.0; BLOCK_SIZE], [0.0; BLOCK_SIZE]);
            let (gains, trimmed) = (&mut gains[..raw.len()], &mut trimmed[..raw.len()]);
            trim.clone().fill(gains);
            dsp::scaled_by(self.level, trimmed, raw, gains);
            self.listen.add_one(self.level, input, trimmed, self.listened.open(raw.len()));
        }
    }

    /// Mixes the next frames of all inputs.
    pub(super) fn take(&mut self, sources: &Sources<'_>, frames: usize) {
        self.listen.skip(frames);
        for (sum, column) in self.sums.iter_mut().zip(&mut self.mix) {
            sum.take(self.level, column, sources, frames);
        }
    }

    /// Puts the frames that were taken last where they belong.
    pub(super) fn finish(&mut self, range: &Range<usize>, outputs: &mut [AudioBlockMut<'_>]) {
        let frames = range.len().min(BLOCK_SIZE);
        let quiet = self.rest.settled() && self.rest.target() == 1.0;
        let planes = self.sums.iter().chain([&self.listened]);
        if !quiet || planes.clone().any(|plane| plane.heard(frames).is_some()) {
            self.put(range, outputs);
        }
        let ramps = self.outputs.iter_mut().chain([&mut self.rest, &mut self.gain]);
        ramps.for_each(|ramp| ramp.skip(frames));
    }

    fn put(&self, range: &Range<usize>, outputs: &mut [AudioBlockMut<'_>]) {
        let frames = range.len().min(BLOCK_SIZE);
        let mut factors = [[0.0; BLOCK_SIZE]; 3];
        let [rest, listen, mix] = factors.each_mut().map(|factors| &mut factors[..frames]);
        for (share, output) in self.outputs.iter().zip(outputs) {
            if share.settled() && share.target() == 0.0 {
                continue;
            }
            // What is there is turned down as far as this output is the monitor's: 1 - share · (1 - rest).
            share.clone().fill(mix);
            self.rest.clone().fill(rest);
            self.gain.clone().fill(listen);
            for ((mix, rest), listen) in mix.iter_mut().zip(rest.iter_mut()).zip(listen.iter_mut()) {
                let share = *mix;
                *listen *= share;
                *mix = *listen * *rest;
                *rest = if share == 1.0 { *rest } else { 1.0 - share * (1.0 - *rest) };
            }
            self.put_into(&mut output.slice_mut(range.clone()), [rest, listen, mix]);
        }
    }

    fn put_into(&self, block: &mut AudioBlockMut<'_>, [rest, listen, mix]: [&[f32]; 3]) {
        let frames = rest.len();
        let narrow = block.channels() == 1;
        let mut folded = [0.0; BLOCK_SIZE];
        for (channel, plane) in block.planes_mut().enumerate() {
            dsp::fade(self.level, plane, rest);
            // A single channel gets both sides, each 3 dB down.
            let sides = if narrow { &self.sums[..] } else { self.sums.get(channel..=channel).unwrap_or(&[]) };
            let gain = if narrow { std::f32::consts::FRAC_1_SQRT_2 } else { 1.0 };
            for side in sides.iter().filter_map(|side| side.heard(frames)) {
                dsp::scaled(self.level, &mut folded[..frames], side, gain);
                dsp::mix_by(self.level, plane, &folded[..frames], mix);
            }
            if let Some(listened) = self.listened.heard(frames) {
                dsp::mix_by(self.level, plane, listened, listen);
            }
        }
    }
}
