//! What happens to the host's outputs once the graph has filled them.
//!
//! In place, in the host's memory: the matrix's sums, the monitor, a gain for each of the first eight channels, a tone
//! that tells which of them is which, and the look-ahead limiter. Audio thread. What is neutral does not touch a sample.

use super::Inputs;
use super::Layout;
use super::OUTPUT_CHANNELS;
use super::look_ahead::LookAhead;
use crate::audio::AudioBlockMut;
use crate::audio::BLOCK_SIZE;
use crate::dsp;
use crate::dsp::Level;
use crate::dsp::Ramp;
use crate::graph::Piece;
use crate::units::Decibels;
use crate::units::Gain;
use crate::units::Hertz;
use crate::units::SampleRate;

/// Pitch of the tone that identifies an output; broadcasters line up with the same.
const TONE: Hertz = Hertz(1000.0);
/// Its peak: to be heard beside music, and not to hurt.
const TONE_LEVEL: Decibels = Decibels(-20.0);

/// A channel of the host's outputs.
struct Channel {
    /// The output, and the channel there.
    place: (usize, usize),
    gain: Ramp,
    /// Level of the tone.
    tone: Ramp,
}

/// See the module's description. Real-time, apart from `new`.
pub struct Outputs {
    level: Level,
    ramp_frames: u32,
    channels: Vec<Channel>,
    /// What the tone's phase moves on a frame, in parts of 2⁶⁴ of a turn.
    tone_step_q64: u64,
    look_ahead: Option<LookAhead>,
}

impl Outputs {
    /// All at unity, with or without the look-ahead limiter. Allocates.
    pub fn new(layout: &Layout, rate: SampleRate, level: Level, look_ahead: bool) -> Self {
        let places = layout.outputs.iter().enumerate();
        let places =
            places.flat_map(|(output, &channels)| (0..channels).map(move |channel| (output, channel)));
        let channel = |place| Channel { place, gain: Ramp::new(1.0), tone: Ramp::new(0.0) };
        Self {
            level,
            ramp_frames: Ramp::control_frames(rate),
            channels: places.take(OUTPUT_CHANNELS).map(channel).collect(),
            tone_step_q64: (f64::from(TONE.0) / rate.0 * 2f64.powi(64)) as u64,
            look_ahead: look_ahead.then(|| LookAhead::new(layout, rate, level)),
        }
    }

    /// Gain of all that leaves by a channel, apart from the tone. Begins on the next frame, by a ramp.
    pub fn set_gain(&mut self, output: usize, gain: Gain) {
        if let Some(channel) = self.channels.get_mut(output) {
            channel.gain.move_to(gain.0, self.ramp_frames);
        }
    }

    /// Adds the tone to one channel, or to none.
    pub fn set_identify(&mut self, output: Option<usize>) {
        for (number, channel) in self.channels.iter_mut().enumerate() {
            let level = if output == Some(number) { Gain::from(TONE_LEVEL) } else { Gain::SILENCE };
            channel.tone.move_to(level.0, self.ramp_frames);
        }
    }

    /// Level that no true peak of the main output passes, where there is the look-ahead limiter.
    pub fn set_ceiling(&mut self, ceiling: Gain) {
        if let Some(limiter) = &mut self.look_ahead {
            limiter.set_ceiling(ceiling);
        }
    }

    /// Frames by which all outputs are late.
    pub fn latency(&self) -> usize {
        self.look_ahead.as_ref().map_or(0, LookAhead::latency)
    }

    /// Forgets what is still on its way; ramps go on.
    pub fn reset(&mut self) {
        if let Some(limiter) = &mut self.look_ahead {
            limiter.reset();
        }
    }

    /// Ends every ramp at its target, for a start from nothing.
    pub fn settle(&mut self) {
        for channel in &mut self.channels {
            channel.gain.settle();
            channel.tone.settle();
        }
        if let Some(limiter) = &mut self.look_ahead {
            limiter.settle();
        }
    }

    /// Finishes the frames of `piece`, of which `inputs` has taken those that arrived. Gives the least that the look-ahead
    /// limiter has multiplied by.
    pub fn finish(&mut self, piece: &Piece, inputs: &mut Inputs, outputs: &mut [AudioBlockMut<'_>]) -> f32 {
        let frames = piece.range.len().min(BLOCK_SIZE);
        for (number, channel) in self.channels.iter().enumerate() {
            if let Some(sum) = inputs.output_sum(number, frames)
                && let Some(plane) = channel.plane(piece, outputs)
            {
                dsp::add(self.level, plane, sum);
            }
        }
        inputs.monitor.finish(&piece.range, outputs);
        for channel in &mut self.channels {
            if let Some(plane) = channel.plane(piece, outputs) {
                channel.turn(self.level, plane);
                channel.sing(
                    self.level,
                    piece.frame.wrapping_mul(self.tone_step_q64),
                    self.tone_step_q64,
                    plane,
                );
            }
            channel.gain.skip(frames);
            channel.tone.skip(frames);
        }
        self.look_ahead.as_mut().map_or(1.0, |limiter| limiter.process(&piece.range, outputs))
    }
}

impl Channel {
    /// Its memory for a piece of the call.
    fn plane<'a>(&self, piece: &Piece, outputs: &'a mut [AudioBlockMut<'_>]) -> Option<&'a mut [f32]> {
        let (output, channel) = self.place;
        outputs.get_mut(output)?.channel_mut(channel).get_mut(piece.range.clone())
    }

    fn turn(&self, level: Level, plane: &mut [f32]) {
        if !self.gain.settled() {
            let mut gains = [0.0; BLOCK_SIZE];
            let gains = &mut gains[..plane.len().min(BLOCK_SIZE)];
            self.gain.clone().fill(gains);
            dsp::fade(level, plane, gains);
        } else if self.gain.target() == 0.0 {
            plane.fill(0.0); // 0 times infinity is not 0
        } else if self.gain.target() != 1.0 {
            dsp::scale(level, plane, self.gain.target());
        }
    }

    fn sing(&self, level: Level, phase_q64: u64, step_q64: u64, plane: &mut [f32]) {
        if self.tone.settled() && self.tone.target() == 0.0 {
            return;
        }
        let (mut gains, mut tone) = ([0.0; BLOCK_SIZE], [0.0; BLOCK_SIZE]);
        let frames = plane.len().min(BLOCK_SIZE);
        self.tone.clone().fill(&mut gains[..frames]);
        let mut phase_q64 = phase_q64;
        for sample in &mut tone[..frames] {
            let turn = (phase_q64 >> 40) as f32 / 2f32.powi(24); // all bits that a float holds
            *sample = libm::sinf(turn * std::f32::consts::TAU);
            phase_q64 = phase_q64.wrapping_add(step_q64);
        }
        dsp::mix_by(level, plane, &tone[..frames], &gains[..frames]);
    }
}
