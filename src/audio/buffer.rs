//! Owned planar audio.
//!
//! One allocation at construction, made by control or worker; the audio thread only borrows blocks from it.

use super::AudioBlock;
use super::AudioBlockMut;
use super::AudioSource;
use super::MAX_CHANNELS;
use super::Plane;
use std::ops::Range;

/// `channels` planes of `frames` samples each, one after the other.
#[derive(Clone, Debug, PartialEq)]
pub struct AudioBuffer {
    data: Vec<f32>,
    channels: usize,
    frames: usize,
}

impl AudioBuffer {
    /// Silence; at most `MAX_CHANNELS` channels. Allocates.
    pub fn new(channels: usize, frames: usize) -> Self {
        let channels = channels.min(MAX_CHANNELS);
        Self { data: vec![0.0; channels * frames], channels, frames }
    }

    /// Number of planes.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Frames in each plane.
    pub fn frames(&self) -> usize {
        self.frames
    }

    /// One plane; empty past the last.
    pub fn channel(&self, channel: usize) -> &[f32] {
        self.data.get(channel * self.frames..(channel + 1) * self.frames).unwrap_or(&[])
    }

    /// One plane; empty past the last.
    pub fn channel_mut(&mut self, channel: usize) -> &mut [f32] {
        self.data.get_mut(channel * self.frames..(channel + 1) * self.frames).unwrap_or(&mut [])
    }

    /// The first `frames` frames.
    pub fn block(&self, frames: usize) -> AudioBlock<'_> {
        AudioBlock::joined(&self.data, self.channels, self.frames, frames)
    }

    /// The first `frames` frames.
    pub fn block_mut(&mut self, frames: usize) -> AudioBlockMut<'_> {
        self.range_mut(0..frames)
    }

    /// The frames of `range`, clipped to the buffer.
    pub fn range_mut(&mut self, range: Range<usize>) -> AudioBlockMut<'_> {
        AudioBlockMut::joined(&mut self.data, self.channels, self.frames, range)
    }

    /// The first two planes; a missing one is empty.
    pub fn stereo_mut(&mut self) -> (&mut [f32], &mut [f32]) {
        let (left, others) = self.data.split_at_mut_checked(self.frames).unwrap_or_default();
        (left, others.get_mut(..self.frames).unwrap_or_default())
    }

    /// Sets every sample to 0.
    pub fn silence(&mut self) {
        self.data.fill(0.0);
    }
}

impl AudioSource for AudioBuffer {
    fn channels(&self) -> u16 {
        self.channels as u16 // at most MAX_CHANNELS
    }

    fn frames(&self) -> usize {
        self.frames
    }

    fn plane(&self, channel: u16) -> Option<Plane<'_>> {
        let channel = usize::from(channel);
        (channel < self.channels).then(|| Plane::F32(self.channel(channel)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_reads_as_a_source() {
        let mut buffer = AudioBuffer::new(2, 3);
        buffer.channel_mut(1).copy_from_slice(&[0.5, -0.25, 2.0]);
        assert_eq!(AudioSource::channels(&buffer), 2);
        assert_eq!(buffer.read_f32(1, 1), -0.25);
        assert_eq!(buffer.read_i16(1, 0), 16384);
        assert_eq!(buffer.read_i16(1, 2), 32767);
        assert_eq!(buffer.read_f32(2, 0), 0.0);
    }

    #[test]
    fn no_more_than_the_most_channels_are_made() {
        assert_eq!(AudioBuffer::new(40, 2).channels(), MAX_CHANNELS);
        assert_eq!(AudioBuffer::new(2, 0).block(5).frames(), 0);
    }
}
