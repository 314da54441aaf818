//! The bridge from a recording to sound in progress.
//!
//! `SamplePlayer` reads an `AudioSource` at a steady speed with linear interpolation and optional loop, and renders it
//! into a block as an `AudioStream`. Audio thread. It has no envelope: what plays it shapes it.

use crate::audio::Activity;
use crate::audio::AudioBlock;
use crate::audio::AudioBlockMut;
use crate::audio::AudioSource;
use crate::audio::AudioStream;
use crate::audio::ChannelConfig;
use crate::audio::MAX_CHANNELS;
use crate::audio::RenderContext;
use crate::audio::Tail;
use std::ops::Range;
use std::sync::Arc;

/// Plays a source from its start, once or looped.
pub struct SamplePlayer {
    source: Arc<dyn AudioSource>,
    /// Frame position, 32 bits of fraction.
    position_q32: u64,
    step_q32: u64,
    repeat: Option<Range<u64>>,
}

impl SamplePlayer {
    /// `speed` is in source frames per output frame, 0..=4096.
    pub fn new(source: Arc<dyn AudioSource>, speed: f64) -> Self {
        let step_q32 = (speed.clamp(0.0, 4096.0) * 4_294_967_296.0) as u64;
        Self { source, position_q32: 0, step_q32, repeat: None }
    }

    /// Repeats the frames of `range` (clipped to the source) until reset; an empty range does nothing.
    pub fn looped(mut self, range: Range<usize>) -> Self {
        let end = range.end.min(self.source.frames());
        self.repeat = (range.start < end).then_some((range.start as u64) << 32..(end as u64) << 32);
        self
    }

    fn end_q32(&self) -> u64 {
        (self.source.frames() as u64) << 32
    }

    fn advance(&mut self, steps: u64) {
        self.position_q32 = self.position_q32.saturating_add(self.step_q32.saturating_mul(steps));
        if let Some(range) = &self.repeat
            && self.position_q32 >= range.end
        {
            self.position_q32 = range.start + (self.position_q32 - range.start) % (range.end - range.start);
        }
    }

    fn read(&self, channel: u16) -> f32 {
        let frame = (self.position_q32 >> 32) as usize;
        let next = match &self.repeat {
            Some(range) if frame as u64 + 1 >= range.end >> 32 => (range.start >> 32) as usize,
            _ => frame + 1,
        };
        let fraction = (self.position_q32 as u32 >> 8) as f32 / 16_777_216.0;
        let (from, to) = (self.source.read_f32(channel, frame), self.source.read_f32(channel, next));
        from + (to - from) * fraction
    }
}

impl AudioStream for SamplePlayer {
    fn channel_config(&self) -> ChannelConfig {
        ChannelConfig { inputs: 0, outputs: self.source.channels().min(MAX_CHANNELS as u16) }
    }

    fn render(
        &mut self,
        _ctx: &mut RenderContext<'_>,
        _side: Option<&AudioBlock<'_>>,
        io: &mut AudioBlockMut<'_>,
    ) -> Activity {
        io.silence();
        let mut activity = Activity::Silent;
        for frame in 0..io.frames() {
            if self.position_q32 >= self.end_q32() {
                break;
            }
            activity = Activity::Sounding;
            for (channel, plane) in io.planes_mut().enumerate() {
                plane[frame] = self.read(channel as u16); // every plane has `frames()` samples
            }
            self.advance(1);
        }
        activity
    }

    fn reset(&mut self) {
        self.position_q32 = 0;
    }

    fn skip(&mut self, frames: usize) {
        self.advance(frames as u64);
    }

    fn tail(&self) -> Tail {
        if self.repeat.is_some() || self.step_q32 == 0 {
            return Tail::Endless;
        }
        Tail::Frames(self.end_q32().saturating_sub(self.position_q32).div_ceil(self.step_q32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::AudioBuffer;
    use crate::sample::SampleData;

    fn rendered(player: &mut SamplePlayer, frames: usize) -> Vec<f32> {
        let mut buffer = AudioBuffer::new(1, frames);
        player.render(&mut RenderContext::new(0, Activity::Silent), None, &mut buffer.block_mut(frames));
        buffer.channel(0).to_vec()
    }

    fn ramp() -> Arc<SampleData> {
        Arc::new(SampleData::Float(Box::new([Box::new([0.0, 0.25, 0.5, 0.75])])))
    }

    #[test]
    fn half_speed_reads_between_frames_and_stops_at_the_end() {
        let mut player = SamplePlayer::new(ramp(), 0.5);
        assert_eq!(player.tail(), Tail::Frames(8));
        assert_eq!(rendered(&mut player, 6), [0.0, 0.125, 0.25, 0.375, 0.5, 0.625]);
        assert_eq!(rendered(&mut player, 3), [0.75, 0.375, 0.0]);
    }

    #[test]
    fn a_loop_has_no_seam_and_skipping_equals_playing() {
        let mut played = SamplePlayer::new(ramp(), 1.5).looped(1..4);
        let mut skipped = SamplePlayer::new(ramp(), 1.5).looped(1..4);
        rendered(&mut played, 100);
        skipped.skip(100);
        assert_eq!(rendered(&mut played, 8), rendered(&mut skipped, 8));
    }
}
