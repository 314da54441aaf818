//! A strip of the desk: inserts, gain, mute, balance and meters of one bus.
//!
//! Works in place on the bus's block. Audio thread. Gains ramp linearly in amplitude over 5 ms from the frame on which
//! they are set; a silent strip costs nothing.

use crate::audio::Activity;
use crate::audio::AudioBlock;
use crate::audio::AudioBlockMut;
use crate::audio::AudioStream;
use crate::audio::BLOCK_SIZE;
use crate::audio::BroadcastMix;
use crate::audio::ChannelConfig;
use crate::audio::ChannelMix;
use crate::audio::RenderContext;
use crate::dsp;
use crate::dsp::Level;
use crate::dsp::Ramp;
use crate::machine::Machine;
use crate::mixer::INSERTS;
use crate::mixer::MACROS;
use crate::rt;
use crate::rt::LevelReader;
use crate::rt::LevelWriter;
use crate::units::Gain;
use crate::units::SampleRate;

/// Seconds that a change of gain takes.
pub(crate) const RAMP_SECONDS: f64 = 0.005;

/// The reading half of a strip's meters: left and right (or the first and second channel) after the gain.
pub struct Meter {
    /// One for each side.
    pub sides: [LevelReader; 2],
}

/// A place for a machine in a strip.
#[derive(Default)]
struct Insert {
    machine: Option<Box<Machine>>,
    bypassed: bool,
    /// 0–1, kept for whatever machine comes next.
    macros: [f32; MACROS],
}

impl Insert {
    fn set_macro(&mut self, control: usize, position: f32) {
        if let Some(slot) = self.macros.get_mut(control) {
            *slot = position;
        }
        if let Some(machine) = &mut self.machine
            && let Some(parameter) = machine.kind().parameters().get(control)
        {
            machine.set_parameter(control, parameter.value_at(position));
        }
    }
}

/// One bus, return or master.
pub struct Strip {
    channels: usize,
    inserts: [Insert; INSERTS],
    level: Level,
    ramp_frames: u32,
    gain: Gain,
    muted: bool,
    /// -1 left … 1 right.
    pan: f32,
    /// Left, right and every further channel.
    ramps: [Ramp; 3],
    meters: [LevelWriter; 2],
}

impl Strip {
    /// At unity gain, in the middle. Allocates.
    pub fn new(channels: usize, rate: SampleRate, level: Level) -> (Self, Meter) {
        let ((left, left_reader), (right, right_reader)) = (rt::level(), rt::level());
        let strip = Self {
            channels,
            inserts: Default::default(),
            level,
            ramp_frames: rate.frames_in(RAMP_SECONDS) as u32,
            gain: Gain::UNITY,
            muted: false,
            pan: 0.0,
            ramps: [Ramp::new(1.0); 3],
            meters: [left, right],
        };
        (strip, Meter { sides: [left_reader, right_reader] })
    }

    /// Real-time, like all setters: the change begins on the next frame.
    pub fn set_gain(&mut self, gain: Gain) {
        self.gain = gain;
        self.aim();
    }

    /// Silences the strip, or lets it sound.
    pub fn set_muted(&mut self, muted: bool) {
        self.muted = muted;
        self.aim();
    }

    /// Balance from -1 (left only) to 1 (right only).
    pub fn set_pan(&mut self, pan: f32) {
        self.pan = pan.clamp(-1.0, 1.0);
        self.aim();
    }

    /// Puts a machine into an insert slot, set as the slot's macros say, and gives back the one that was there.
    pub fn set_insert(&mut self, slot: usize, machine: Option<Box<Machine>>) -> Option<Box<Machine>> {
        let Some(insert) = self.inserts.get_mut(slot) else { return machine };
        let old = std::mem::replace(&mut insert.machine, machine);
        for (control, position) in insert.macros.into_iter().enumerate() {
            insert.set_macro(control, position);
        }
        old
    }

    /// Lets the sound pass an insert slot untouched.
    pub fn set_bypassed(&mut self, slot: usize, bypassed: bool) {
        if let Some(insert) = self.inserts.get_mut(slot) {
            insert.bypassed = bypassed;
        }
    }

    /// Turns a control of whatever machine is in the slot; `position` is 0–1 of its travel.
    pub fn set_macro(&mut self, slot: usize, control: usize, position: f32) {
        if let Some(insert) = self.inserts.get_mut(slot) {
            insert.set_macro(control, position);
        }
    }

    /// Ends every ramp at its target, for a start from nothing.
    pub fn settle(&mut self) {
        for ramp in &mut self.ramps {
            ramp.jump_to(ramp.target());
        }
    }

    fn aim(&mut self) {
        let gain = if self.muted { 0.0 } else { self.gain.0 };
        let (left, right) = if self.channels == 1 { (1.0, 1.0) } else { (1.0 - self.pan, 1.0 + self.pan) };
        let targets = [gain * left.min(1.0), gain * right.min(1.0), gain];
        for (ramp, target) in self.ramps.iter_mut().zip(targets) {
            ramp.move_to(target, self.ramp_frames);
        }
    }

    /// Runs the machines in turn; each hears what the one before left.
    fn run_inserts(
        &mut self,
        ctx: &RenderContext<'_>,
        side: Option<&AudioBlock<'_>>,
        io: &mut AudioBlockMut<'_>,
    ) -> Activity {
        let mut activity = ctx.input();
        for insert in &mut self.inserts {
            if let Some(machine) = insert.machine.as_mut().filter(|_| !insert.bypassed) {
                let mut ctx = RenderContext::new(ctx.frame(), activity);
                activity = machine.render(&mut ctx, side, io);
            }
        }
        activity
    }

    /// As `run_inserts` for a mono bus: machines are stereo, so they hear it on both sides, and both are averaged.
    fn run_mono_inserts(
        &mut self,
        ctx: &RenderContext<'_>,
        side: Option<&AudioBlock<'_>>,
        io: &mut AudioBlockMut<'_>,
    ) -> Activity {
        if self.asleep() {
            return ctx.input();
        }
        let mut planes = [[0.0; BLOCK_SIZE]; 2];
        let frames = io.frames().min(BLOCK_SIZE);
        let mut stereo = AudioBlockMut::new(planes.iter_mut().map(|plane| &mut plane[..frames]));
        BroadcastMix.mix(&io.as_block(), &mut stereo);
        let activity = self.run_inserts(ctx, side, &mut stereo);
        io.silence();
        BroadcastMix.mix(&stereo.as_block(), io);
        activity
    }

    fn apply_gains(&mut self, io: &mut AudioBlockMut<'_>) -> Activity {
        let frames = io.frames();
        for (channel, plane) in io.planes_mut().iter_mut().enumerate() {
            let ramp = &self.ramps[channel.min(2)];
            if !ramp.settled() {
                let mut values = [0.0; BLOCK_SIZE];
                let values = &mut values[..frames.min(BLOCK_SIZE)];
                ramp.clone().fill(values);
                dsp::scale_by(self.level, plane, values);
            } else if ramp.target() != 1.0 {
                dsp::scale(self.level, plane, ramp.target());
            }
        }
        let silent = self.ramps.iter().all(|ramp| ramp.settled() && ramp.target() == 0.0);
        self.ramps.iter_mut().for_each(|ramp| ramp.skip(frames));
        if silent {
            io.silence(); // 0 times infinity is not 0
            return Activity::Silent;
        }
        Activity::Sounding
    }

    fn measure(&mut self, io: &AudioBlockMut<'_>) {
        for (channel, meter) in self.meters.iter_mut().enumerate() {
            let plane = io.channel(channel.min(self.channels - 1));
            let mean_square = dsp::sum_of_squares(self.level, plane) / plane.len().max(1) as f32;
            meter.report(dsp::peak(self.level, plane), mean_square);
        }
    }
}

impl AudioStream for Strip {
    fn channel_config(&self) -> ChannelConfig {
        ChannelConfig { inputs: self.channels as u16, outputs: self.channels as u16 }
    }

    fn render(
        &mut self,
        ctx: &mut RenderContext<'_>,
        side: Option<&AudioBlock<'_>>,
        io: &mut AudioBlockMut<'_>,
    ) -> Activity {
        let sounding = match self.channels {
            1 => self.run_mono_inserts(ctx, side, io),
            2 => self.run_inserts(ctx, side, io),
            _ => self.run_inserts(ctx, side, &mut io.narrow_mut(2)),
        };
        // Further channels do not pass the machines: they sound while the input does.
        let further = self.channels > 2 && ctx.input() == Activity::Sounding;
        if sounding == Activity::Silent && !further {
            self.skip(io.frames());
            return Activity::Silent;
        }
        let activity = self.apply_gains(io);
        self.measure(io);
        activity
    }

    fn asleep(&self) -> bool {
        self.inserts.iter().all(|insert| insert.machine.is_none() || insert.bypassed)
    }

    fn reset(&mut self) {
        self.settle();
        self.inserts
            .iter_mut()
            .filter_map(|insert| insert.machine.as_mut())
            .for_each(|machine| machine.reset());
    }

    fn skip(&mut self, frames: usize) {
        self.ramps.iter_mut().for_each(|ramp| ramp.skip(frames));
        self.meters.iter_mut().for_each(|meter| meter.report(0.0, 0.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::AudioBuffer;
    use crate::machine::MachineKind;

    fn strip() -> Strip {
        Strip::new(2, SampleRate(48000.0), Level::detect()).0
    }

    fn rendered(strip: &mut Strip, sizes: &[usize]) -> Vec<f32> {
        let mut out = Vec::new();
        for &size in sizes {
            let mut buffer = AudioBuffer::new(2, size);
            (0..2).for_each(|channel| buffer.channel_mut(channel).fill(0.5));
            strip.render(&mut RenderContext::new(0, Activity::Sounding), None, &mut buffer.block_mut(size));
            out.extend_from_slice(buffer.channel(0));
        }
        out
    }

    #[test]
    fn a_gain_change_begins_on_its_frame_and_lands_after_five_milliseconds() {
        let mut strip = strip();
        strip.set_gain(Gain(0.5));
        let out = rendered(&mut strip, &[256]);
        assert!(out[0] < 0.5 && out[238] > 0.25);
        assert_eq!(out[239..], [0.25; 17]);
    }

    #[test]
    fn a_gain_change_does_not_depend_on_how_frames_are_cut() {
        let cut = |sizes: &[usize]| {
            let mut strip = strip();
            strip.set_gain(Gain(0.3));
            strip.set_pan(0.4);
            rendered(&mut strip, sizes)
        };
        assert_eq!(cut(&[1, 7, 63, 100, 85]), cut(&[256]));
    }

    #[test]
    fn muting_ends_in_exact_silence_and_is_said() {
        let mut strip = strip();
        strip.set_muted(true);
        rendered(&mut strip, &[240]);
        let mut buffer = AudioBuffer::new(2, 8);
        buffer.channel_mut(0).fill(f32::INFINITY);
        let activity =
            strip.render(&mut RenderContext::new(0, Activity::Sounding), None, &mut buffer.block_mut(8));
        assert_eq!(activity, Activity::Silent);
        assert_eq!(buffer.channel(0), [0.0; 8]);
    }

    #[test]
    fn balance_keeps_the_near_side_and_fades_the_far_one() {
        let mut strip = strip();
        strip.set_pan(1.0);
        strip.settle();
        let mut buffer = AudioBuffer::new(2, 4);
        (0..2).for_each(|channel| buffer.channel_mut(channel).fill(0.5));
        strip.render(&mut RenderContext::new(0, Activity::Sounding), None, &mut buffer.block_mut(4));
        assert_eq!((buffer.channel(0)[0], buffer.channel(1)[0]), (0.0, 0.5));
    }

    #[test]
    fn a_machine_sounds_on_when_its_input_has_ended_and_comes_back_when_replaced() {
        for channels in [1, 2, 6] {
            let (mut strip, _meter) = Strip::new(channels, SampleRate(48000.0), Level::detect());
            (0..MACROS).for_each(|control| strip.set_macro(0, control, 0.5));
            assert!(strip.set_insert(0, Some(MachineKind::Reverb.build(SampleRate(48000.0)))).is_none());
            let mut buffer = AudioBuffer::new(channels, 256);
            buffer.channel_mut(0).fill(0.5);
            strip.render(&mut RenderContext::new(0, Activity::Sounding), None, &mut buffer.block_mut(256));
            let mut tail = 0.0f32;
            for block in 1..40 {
                buffer.silence();
                let mut ctx = RenderContext::new(block * 256, Activity::Silent);
                assert_eq!(strip.render(&mut ctx, None, &mut buffer.block_mut(256)), Activity::Sounding);
                tail = buffer.channel(0).iter().fold(tail, |peak, sample| peak.max(sample.abs()));
            }
            assert!(tail > 0.001, "{channels} channels: {tail}");
            assert_eq!(strip.set_insert(0, None).unwrap().kind(), MachineKind::Reverb);
        }
    }

    #[test]
    fn meters_keep_the_peak_after_the_gain() {
        let (mut strip, meter) = Strip::new(2, SampleRate(48000.0), Level::detect());
        strip.set_gain(Gain(0.5));
        strip.settle();
        rendered(&mut strip, &[64]);
        assert_eq!(meter.sides[0].take_peak(), 0.25);
        assert_eq!(meter.sides[0].take_peak(), 0.0);
    }
}
