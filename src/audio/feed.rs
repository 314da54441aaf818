//! Outputs of a node that has many: blocks that are only written where something sounds.
//!
//! The engine begins all feeds of a node at the start of a block; what sounds opens its feed and adds to it, in pieces
//! cut at ticks and events. A feed that nothing opens costs nothing: it is neither cleared nor read. Outlets that go the
//! same way share a feed. Audio thread, apart from `new`.

use super::Activity;
use super::AudioBlock;
use super::AudioBlockMut;
use super::AudioBuffer;
use super::BLOCK_SIZE;
use std::ops::Range;

/// See the module's description.
#[derive(Clone, Debug)]
pub struct Feed {
    buffer: AudioBuffer,
    frames: usize,
    activity: Activity,
}

impl Feed {
    /// Silent; at most `MAX_CHANNELS` channels. Allocates.
    pub fn new(channels: usize) -> Self {
        Self { buffer: AudioBuffer::new(channels, BLOCK_SIZE), frames: 0, activity: Activity::Silent }
    }

    /// Begins the next block, silent and of at most `BLOCK_SIZE` frames.
    pub fn begin(&mut self, frames: usize) {
        self.frames = frames.min(BLOCK_SIZE);
        self.activity = Activity::Silent;
    }

    /// Frames of `range` of both sides, to add to: 0 where nothing has been added in this block. Mono is all left.
    pub fn open(&mut self, range: Range<usize>) -> (&mut [f32], &mut [f32]) {
        let end = range.end.min(self.frames);
        let start = range.start.min(end);
        if self.activity == Activity::Silent {
            self.buffer.range_mut(0..self.frames).silence();
            self.activity = Activity::Sounding;
        }
        let (left, right) = self.buffer.stereo_mut();
        (left.get_mut(start..end).unwrap_or(&mut []), right.get_mut(start..end).unwrap_or(&mut []))
    }

    /// Multiplies what has been added to frames of `range`, each by its own factor; the shorter of both counts.
    pub fn scale(&mut self, range: &Range<usize>, factors: &[f32]) {
        if self.activity == Activity::Sounding {
            let (left, right) = self.open(range.clone());
            for plane in [left, right] {
                plane.iter_mut().zip(factors).for_each(|(sample, factor)| *sample *= factor);
            }
        }
    }

    /// Copies a whole block, which is silent where every sample of it is 0.
    pub fn copy(&mut self, block: &AudioBlock<'_>) {
        self.begin(block.frames());
        for (channel, plane) in block.planes().iter().enumerate() {
            if plane.iter().any(|&sample| sample != 0.0) {
                self.activity = Activity::Sounding;
            }
            self.buffer.channel_mut(channel).iter_mut().zip(*plane).for_each(|(to, from)| *to = *from);
        }
    }

    /// All frames of all channels, to be written over: they hold anything.
    pub fn fill(&mut self) -> AudioBlockMut<'_> {
        self.activity = Activity::Sounding;
        self.buffer.block_mut(self.frames)
    }

    /// Takes back what has been added in this block.
    pub fn silence(&mut self) {
        self.activity = Activity::Silent;
    }

    /// Whether anything has been added in this block.
    pub fn activity(&self) -> Activity {
        self.activity
    }

    /// What has been added; of a silent block nothing may be read.
    pub fn block(&self) -> AudioBlock<'_> {
        self.buffer.block(self.frames)
    }
}

/// The outlets of one node, each with the feed that it adds to.
pub struct Outlets<'a> {
    feeds: &'a mut [Feed],
    shared: &'a [usize],
}

impl<'a> Outlets<'a> {
    /// Outlet `n` adds to feed `shared[n]`, and past the end of `shared` to feed `n`.
    pub fn new(feeds: &'a mut [Feed], shared: &'a [usize]) -> Self {
        Self { feeds, shared }
    }

    /// Multiplies frames of all feeds, each by its own factor; see [`Feed::scale`].
    pub fn scale(&mut self, range: &Range<usize>, factors: &[f32]) {
        self.feeds.iter_mut().for_each(|feed| feed.scale(range, factors));
    }

    /// The feed of an outlet, where there is one.
    pub fn feed(&mut self, outlet: usize) -> Option<&mut Feed> {
        let number = self.shared.get(outlet).copied().unwrap_or(outlet);
        self.feeds.get_mut(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feed_is_clear_around_what_was_added_in_a_block_and_silent_in_the_next() {
        let mut feed = Feed::new(2);
        feed.begin(8);
        feed.open(0..8).0.fill(9.0);
        feed.begin(4);
        assert_eq!(feed.activity(), Activity::Silent);
        feed.open(1..2).0.fill(1.0);
        let (left, right) = feed.open(2..9);
        left.fill(2.0);
        right.fill(3.0);
        assert_eq!(feed.activity(), Activity::Sounding);
        assert_eq!(feed.block().channel(0), [0.0, 1.0, 2.0, 2.0]);
        assert_eq!(feed.block().channel(1), [0.0, 0.0, 3.0, 3.0]);
    }

    #[test]
    fn a_feed_is_scaled_in_its_range_only_and_stays_silent_if_it_was() {
        let mut feed = Feed::new(2);
        feed.begin(4);
        feed.scale(&(0..4), &[9.0; 4]);
        assert_eq!(feed.activity(), Activity::Silent);
        feed.open(0..4).1.fill(1.0);
        feed.scale(&(1..3), &[2.0, 3.0]);
        assert_eq!(feed.block().channel(1), [1.0, 2.0, 3.0, 1.0]);
        feed.silence();
        assert_eq!((feed.activity(), feed.open(0..4).1), (Activity::Silent, &mut [0.0; 4][..]));
    }

    #[test]
    fn a_copied_block_of_zeros_is_silent() {
        let mut feed = Feed::new(1);
        feed.copy(&AudioBlock::new([&[0.0, 0.5][..]]));
        assert_eq!((feed.activity(), feed.block().channel(0)), (Activity::Sounding, &[0.0, 0.5][..]));
        feed.copy(&AudioBlock::new([&[0.0, -0.0][..]]));
        assert_eq!(feed.activity(), Activity::Silent);
    }
}
