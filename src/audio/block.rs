//! Borrowed planes: the form in which audio travels through the graph.
//!
//! A block is up to `MAX_CHANNELS` slices of the same length, wherever they live: in an `AudioBuffer` or in the host's
//! memory. Making one allocates nothing. Any thread.

use super::MAX_CHANNELS;
use std::ops::Range;

/// Shared view of planar audio.
#[derive(Clone, Copy, Debug)]
pub struct AudioBlock<'a> {
    planes: [&'a [f32]; MAX_CHANNELS],
    channels: usize,
    frames: usize,
}

impl<'a> AudioBlock<'a> {
    /// Takes the first `MAX_CHANNELS` planes; all are cut to the shortest.
    pub fn new(planes: impl IntoIterator<Item = &'a [f32]>) -> Self {
        let mut block = Self::of_alike(planes);
        block.frames = block.planes().iter().map(|plane| plane.len()).min().unwrap_or(0);
        for plane in &mut block.planes[..block.channels] {
            *plane = &plane[..block.frames]; // `frames` is the shortest plane's length
        }
        block
    }

    /// Takes the first `MAX_CHANNELS` planes, which are all of the same length.
    #[inline]
    pub(super) fn of_alike(planes: impl IntoIterator<Item = &'a [f32]>) -> Self {
        let mut block = Self { planes: [&[]; MAX_CHANNELS], channels: 0, frames: 0 };
        for (slot, plane) in block.planes.iter_mut().zip(planes) {
            block.frames = plane.len();
            block.channels += 1;
            *slot = plane;
        }
        block
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
    pub fn channel(&self, channel: usize) -> &'a [f32] {
        self.planes.get(channel).copied().unwrap_or(&[])
    }

    /// All planes.
    pub fn planes(&self) -> &[&'a [f32]] {
        &self.planes[..self.channels]
    }

    /// The frames of `range`, clipped to the block.
    #[inline]
    pub fn slice(&self, range: Range<usize>) -> AudioBlock<'a> {
        let end = range.end.min(self.frames);
        let start = range.start.min(end);
        AudioBlock::of_alike(self.planes().iter().map(|plane| &plane[start..end]))
    }
}

/// Exclusive view of planar audio.
#[derive(Debug)]
pub struct AudioBlockMut<'a> {
    planes: [&'a mut [f32]; MAX_CHANNELS],
    channels: usize,
    frames: usize,
}

impl<'a> AudioBlockMut<'a> {
    /// Takes the first `MAX_CHANNELS` planes; all are cut to the shortest.
    pub fn new(planes: impl IntoIterator<Item = &'a mut [f32]>) -> Self {
        let mut block = Self::of_alike(planes);
        block.frames = block.planes_mut().iter().map(|plane| plane.len()).min().unwrap_or(0);
        for plane in &mut block.planes[..block.channels] {
            let whole = std::mem::take(plane);
            *plane = &mut whole[..block.frames]; // `frames` is the shortest plane's length
        }
        block
    }

    /// Takes the first `MAX_CHANNELS` planes, which are all of the same length.
    #[inline]
    pub(super) fn of_alike(planes: impl IntoIterator<Item = &'a mut [f32]>) -> Self {
        let mut block = Self { planes: std::array::from_fn(|_| &mut [][..]), channels: 0, frames: 0 };
        for (slot, plane) in block.planes.iter_mut().zip(planes) {
            block.frames = plane.len();
            block.channels += 1;
            *slot = plane;
        }
        block
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
        self.planes.get(channel).map_or(&[], |plane| plane)
    }

    /// One plane; empty past the last.
    pub fn channel_mut(&mut self, channel: usize) -> &mut [f32] {
        self.planes.get_mut(channel).map_or(&mut [], |plane| plane)
    }

    /// The first two planes; a missing one is empty.
    pub fn stereo_mut(&mut self) -> (&mut [f32], &mut [f32]) {
        let [left, right, ..] = &mut self.planes;
        (left, right)
    }

    /// All planes.
    pub fn planes_mut(&mut self) -> &mut [&'a mut [f32]] {
        &mut self.planes[..self.channels]
    }

    /// A shared view of the same frames.
    pub fn as_block(&self) -> AudioBlock<'_> {
        AudioBlock::of_alike(self.planes[..self.channels].iter().map(|plane| &**plane))
    }

    /// A shared view of the frames of `range`, clipped to the block.
    #[inline]
    pub fn slice(&self, range: Range<usize>) -> AudioBlock<'_> {
        let end = range.end.min(self.frames);
        let start = range.start.min(end);
        AudioBlock::of_alike(self.planes[..self.channels].iter().map(|plane| &plane[start..end]))
    }

    /// The frames of `range`, clipped to the block.
    #[inline]
    pub fn slice_mut(&mut self, range: Range<usize>) -> AudioBlockMut<'_> {
        let end = range.end.min(self.frames);
        let start = range.start.min(end);
        AudioBlockMut::of_alike(self.planes_mut().iter_mut().map(|plane| &mut plane[start..end]))
    }

    /// The first `channels` planes.
    pub fn narrow_mut(&mut self, channels: usize) -> AudioBlockMut<'_> {
        AudioBlockMut::of_alike(self.planes_mut().iter_mut().take(channels).map(|plane| &mut plane[..]))
    }

    /// Sets every sample to 0.
    pub fn silence(&mut self) {
        for plane in self.planes_mut() {
            plane.fill(0.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_as_long_as_its_shortest_plane() {
        let block = AudioBlock::new([&[1.0, 2.0][..], &[3.0][..]]);
        assert_eq!((block.channels(), block.frames()), (2, 1));
        assert_eq!(block.channel(0), [1.0]);
        assert_eq!(AudioBlock::new([]).frames(), 0);
    }

    #[test]
    fn slices_are_clipped_to_the_block() {
        let (mut left, mut right) = ([1.0, 2.0, 3.0], [4.0, 5.0, 6.0]);
        let mut block = AudioBlockMut::new([&mut left[..], &mut right[..]]);
        block.slice_mut(1..9).silence();
        assert_eq!(block.slice_mut(5..9).frames(), 0);
        assert_eq!((left, right), ([1.0, 0.0, 0.0], [4.0, 0.0, 0.0]));
    }
}
