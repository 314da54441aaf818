//! Borrowed planes: the form in which audio travels through the graph.
//!
//! A block is up to `MAX_CHANNELS` slices of the same length, wherever they live: at equal distances in an `AudioBuffer`, or
//! anywhere in the host's memory. Making one allocates nothing. Any thread.

use super::MAX_CHANNELS;
use std::ops::Range;

/// Shared view of planar audio.
#[derive(Clone, Copy, Debug)]
pub struct AudioBlock<'a> {
    planes: Planes<'a>,
    channels: usize,
    /// First frame in each plane.
    start: usize,
    frames: usize,
}

#[derive(Clone, Copy, Debug)]
enum Planes<'a> {
    /// One after the other, and how long each is.
    Joined(&'a [f32], usize),
    Apart(&'a [&'a [f32]]),
    /// Those of an exclusive view.
    Lent(&'a [&'a mut [f32]]),
}

impl<'a> AudioBlock<'a> {
    /// Takes the first `MAX_CHANNELS` planes; all are cut to the shortest.
    pub fn new(planes: &'a [&'a [f32]]) -> Self {
        let planes = planes.get(..MAX_CHANNELS).unwrap_or(planes);
        let frames = planes.iter().map(|plane| plane.len()).min().unwrap_or(0);
        Self { planes: Planes::Apart(planes), channels: planes.len(), start: 0, frames }
    }

    /// Shares planes that somebody else may write later; else as [`Self::new`].
    pub fn of_mut(planes: &'a [&'a mut [f32]]) -> Self {
        let planes = planes.get(..MAX_CHANNELS).unwrap_or(planes);
        let frames = planes.iter().map(|plane| plane.len()).min().unwrap_or(0);
        Self { planes: Planes::Lent(planes), channels: planes.len(), start: 0, frames }
    }

    /// The first `frames` frames of `channels` planes of `length` each that lie one after the other.
    pub(super) fn joined(data: &'a [f32], channels: usize, length: usize, frames: usize) -> Self {
        let frames = if channels == 0 { 0 } else { frames.min(length) };
        Self { planes: Planes::Joined(data, length), channels, start: 0, frames }
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
    #[inline]
    pub fn channel(&self, channel: usize) -> &'a [f32] {
        let plane: Option<&'a [f32]> = match self.planes {
            _ if channel >= self.channels => None,
            Planes::Joined(data, length) => data.get(channel * length..),
            Planes::Apart(planes) => planes.get(channel).copied(),
            Planes::Lent(planes) => planes.get(channel).map(|plane| &**plane),
        };
        plane.and_then(|plane| plane.get(self.start..self.start + self.frames)).unwrap_or(&[])
    }

    /// All planes.
    #[inline]
    pub fn planes(&self) -> impl Iterator<Item = &'a [f32]> + use<'a> {
        let block = *self;
        (0..self.channels).map(move |channel| block.channel(channel))
    }

    /// The first `channels` planes.
    pub fn narrow(self, channels: usize) -> Self {
        Self { channels: self.channels.min(channels), ..self }
    }

    /// The frames of `range`, clipped to the block.
    #[inline]
    pub fn slice(&self, range: Range<usize>) -> AudioBlock<'a> {
        let end = range.end.min(self.frames);
        let start = range.start.min(end);
        Self { start: self.start + start, frames: end - start, ..*self }
    }
}

/// Exclusive view of planar audio.
#[derive(Debug)]
pub struct AudioBlockMut<'a> {
    planes: PlanesMut<'a>,
    channels: usize,
    /// First frame in each plane.
    start: usize,
    frames: usize,
}

/// See [`Planes`].
#[derive(Debug)]
#[allow(clippy::large_enum_variant)] // blocks are made on the audio thread, where nothing is boxed
enum PlanesMut<'a> {
    Joined(&'a mut [f32], usize),
    Apart([&'a mut [f32]; MAX_CHANNELS]),
}

impl<'a> AudioBlockMut<'a> {
    /// Takes the first `MAX_CHANNELS` planes; all are cut to the shortest.
    pub fn new(planes: impl IntoIterator<Item = &'a mut [f32]>) -> Self {
        let mut taken = std::array::from_fn(|_| &mut [][..]);
        let (mut channels, mut frames) = (0, usize::MAX);
        for (slot, plane) in taken.iter_mut().zip(planes) {
            (channels, frames) = (channels + 1, frames.min(plane.len()));
            *slot = plane;
        }
        let frames = if channels == 0 { 0 } else { frames };
        Self { planes: PlanesMut::Apart(taken), channels, start: 0, frames }
    }

    /// The frames of `range` of `channels` planes of `length` each that lie one after the other.
    #[inline]
    pub(super) fn joined(data: &'a mut [f32], channels: usize, length: usize, range: Range<usize>) -> Self {
        let end = if channels == 0 { 0 } else { range.end.min(length) };
        let start = range.start.min(end);
        Self { planes: PlanesMut::Joined(data, length), channels, start, frames: end - start }
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
    #[inline]
    pub fn channel(&self, channel: usize) -> &[f32] {
        self.as_block().channel(channel)
    }

    /// One plane; empty past the last.
    #[inline]
    pub fn channel_mut(&mut self, channel: usize) -> &mut [f32] {
        let frames = self.start..self.start + self.frames;
        let plane = match &mut self.planes {
            _ if channel >= self.channels => None,
            PlanesMut::Joined(data, length) => data.get_mut(channel * *length..),
            PlanesMut::Apart(planes) => planes.get_mut(channel).map(|plane| &mut **plane),
        };
        plane.and_then(|plane| plane.get_mut(frames)).unwrap_or_default()
    }

    /// The first two planes; a missing one is empty.
    pub fn stereo_mut(&mut self) -> (&mut [f32], &mut [f32]) {
        let mut planes = self.planes_mut();
        (planes.next().unwrap_or_default(), planes.next().unwrap_or_default())
    }

    /// All planes.
    #[inline]
    pub fn planes_mut(&mut self) -> impl Iterator<Item = &mut [f32]> {
        let range = self.start..self.start + self.frames;
        let (joined, length, apart) = match &mut self.planes {
            PlanesMut::Joined(data, length) => (&mut **data, *length, &mut [][..]),
            PlanesMut::Apart(planes) => (&mut [][..], 0, &mut planes[..]),
        };
        let planes = joined.chunks_mut(length.max(1)).chain(apart.iter_mut().map(|plane| &mut **plane));
        planes.take(self.channels).map(move |plane| plane.get_mut(range.clone()).unwrap_or_default())
    }

    /// A shared view of the same frames.
    #[inline]
    pub fn as_block(&self) -> AudioBlock<'_> {
        let planes = match &self.planes {
            PlanesMut::Joined(data, length) => Planes::Joined(data, *length),
            PlanesMut::Apart(planes) => Planes::Lent(planes),
        };
        AudioBlock { planes, channels: self.channels, start: self.start, frames: self.frames }
    }

    /// A shared view of the frames of `range`, clipped to the block.
    pub fn slice(&self, range: Range<usize>) -> AudioBlock<'_> {
        self.as_block().slice(range)
    }

    /// The frames of `range`, clipped to the block.
    #[inline]
    pub fn slice_mut(&mut self, range: Range<usize>) -> AudioBlockMut<'_> {
        let end = range.end.min(self.frames);
        let start = range.start.min(end);
        let planes = match &mut self.planes {
            PlanesMut::Joined(data, length) => PlanesMut::Joined(data, *length),
            PlanesMut::Apart(planes) => PlanesMut::Apart(planes.each_mut().map(|plane| &mut **plane)),
        };
        AudioBlockMut { planes, channels: self.channels, start: self.start + start, frames: end - start }
    }

    /// Works on the frames of `range`, clipped to the block, as if they were all.
    pub fn within<R>(&mut self, range: Range<usize>, work: impl FnOnce(&mut Self) -> R) -> R {
        let (start, frames) = (self.start, self.frames);
        let end = range.end.min(frames);
        let first = range.start.min(end);
        (self.start, self.frames) = (start + first, end - first);
        let result = work(self);
        (self.start, self.frames) = (start, frames);
        result
    }

    /// The first `channels` planes.
    pub fn narrow(self, channels: usize) -> Self {
        Self { channels: self.channels.min(channels), ..self }
    }

    /// The same for a while.
    pub fn narrow_mut(&mut self, channels: usize) -> AudioBlockMut<'_> {
        self.slice_mut(0..self.frames).narrow(channels)
    }

    /// Sets every sample to 0.
    pub fn silence(&mut self) {
        self.planes_mut().for_each(|plane| plane.fill(0.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::AudioBuffer;

    #[test]
    fn a_block_is_as_long_as_its_shortest_plane() {
        let planes = [&[1.0, 2.0][..], &[3.0][..]];
        let block = AudioBlock::new(&planes);
        assert_eq!((block.channels(), block.frames()), (2, 1));
        assert_eq!(block.channel(0), [1.0]);
        assert_eq!(AudioBlock::new(&[]).frames(), 0);
    }

    #[test]
    fn slices_are_clipped_to_the_block() {
        let (mut left, mut right) = ([1.0, 2.0, 3.0], [4.0, 5.0, 6.0]);
        let mut block = AudioBlockMut::new([&mut left[..], &mut right[..]]);
        block.slice_mut(1..9).silence();
        assert_eq!(block.slice_mut(5..9).frames(), 0);
        assert_eq!((left, right), ([1.0, 0.0, 0.0], [4.0, 0.0, 0.0]));
    }

    /// Writes and reads planes by every way there is.
    fn handled(block: &mut AudioBlockMut<'_>) -> Vec<Vec<f32>> {
        for (channel, plane) in block.planes_mut().enumerate() {
            plane.iter_mut().enumerate().for_each(|(frame, sample)| *sample = (10 * channel + frame) as f32);
        }
        block.narrow_mut(2).slice_mut(1..3).within(1..9, |block| block.silence());
        block.channel_mut(2).fill(7.0);
        block.stereo_mut().1[0] = 8.0;
        assert!(block.channel(3).is_empty() && block.channel_mut(3).is_empty());
        let slice = block.slice(1..9).slice(0..2);
        assert!(slice.planes().eq((0..3).map(|channel| &block.channel(channel)[1..3])));
        block.as_block().planes().map(<[f32]>::to_vec).collect()
    }

    #[test]
    fn planes_that_lie_one_after_the_other_are_as_those_that_lie_apart() {
        let (mut buffer, mut apart) = (AudioBuffer::new(3, 9), [[9.0f32; 6], [9.0; 6], [9.0; 6]]);
        let joined = handled(&mut buffer.range_mut(2..6));
        let mut planes = AudioBlockMut::new(apart.iter_mut().map(|plane| &mut plane[..]));
        assert_eq!(handled(&mut planes.slice_mut(1..5)), joined);
        assert_eq!(joined, [[0.0, 1.0, 0.0, 3.0], [8.0, 11.0, 0.0, 13.0], [7.0; 4]]);
        assert_eq!(apart[1], [9.0, 8.0, 11.0, 0.0, 13.0, 9.0]);
        assert_eq!(buffer.channel(1), [0.0, 0.0, 8.0, 11.0, 0.0, 13.0, 0.0, 0.0, 0.0]);
    }
}
