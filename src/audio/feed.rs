//! Outputs of a node that has many: blocks that are only written where something sounds.
//!
//! The engine begins all feeds of a node at the start of a block; what sounds opens its feed and adds to it, in pieces
//! cut at ticks and events. A feed that nothing opens costs nothing: it is neither cleared nor read. Outlets that go the
//! same way share a feed. What is turned down on its way to a feed goes through scratch. Audio thread, apart from `new`.

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

    /// Adds both planes, each times its own gain, to frames of `range`.
    pub fn add_scaled(&mut self, range: &Range<usize>, planes: [&[f32]; 2], gains: [f32; 2]) {
        let (left, right) = self.open(range.clone());
        for ((to, from), gain) in [left, right].into_iter().zip(planes).zip(gains) {
            to.iter_mut().zip(from).for_each(|(to, from)| *to += from * gain);
        }
    }

    /// Adds both planes, each frame times its own factor, to frames of `range`; the shortest counts.
    pub fn add_scaled_by(&mut self, range: &Range<usize>, planes: [&[f32]; 2], factors: [&[f32]; 2]) {
        let (left, right) = self.open(range.clone());
        for ((to, from), factors) in [left, right].into_iter().zip(planes).zip(factors) {
            to.iter_mut().zip(from).zip(factors).for_each(|((to, from), factor)| *to += from * factor);
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

/// What the sound of an outlet passes on its way to the feed, for the frames of one piece.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Passage {
    /// Comes as it is.
    #[default]
    Open,
    /// Is not heard: what sounds need only advance.
    Closed,
    /// Is multiplied by a gain for each side.
    Steady([f32; 2]),
    /// Is multiplied by the factors of each frame: see [`Passages::factors_mut`].
    Moving,
}

/// The passages of a node's outlets.
#[derive(Clone, Debug)]
pub struct Passages {
    passages: Box<[Passage]>,
    /// Left and right, for passages that move.
    factors: Box<[[[f32; BLOCK_SIZE]; 2]]>,
}

impl Passages {
    /// All open. Allocates.
    pub fn new(outlets: usize) -> Self {
        Self {
            passages: vec![Passage::Open; outlets].into(),
            factors: vec![[[0.0; BLOCK_SIZE]; 2]; outlets].into(),
        }
    }

    /// Real-time: yes, like all that follows. Outlets past the last are always open.
    pub fn set(&mut self, outlet: usize, passage: Passage) {
        if let Some(place) = self.passages.get_mut(outlet) {
            *place = passage;
        }
    }

    /// Left and right factors of an outlet that moves, from the piece's first frame on.
    pub fn factors_mut(&mut self, outlet: usize) -> Option<&mut [[f32; BLOCK_SIZE]; 2]> {
        self.factors.get_mut(outlet)
    }

    fn get(&self, outlet: usize) -> Passage {
        self.passages.get(outlet).copied().unwrap_or_default()
    }
}

/// What adds sound to an outlet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sender {
    /// Number of the outlet.
    pub outlet: usize,
    /// Number of the instrument, from 1; 0 is none.
    pub instrument: u16,
}

/// Which feed a sender adds to.
#[derive(Clone, Copy)]
enum Feeds<'a> {
    /// By outlet; past the end its own number.
    OfOutlets(&'a [usize]),
    /// By instrument; past the end as without one.
    OfInstruments(&'a [u8]),
}

/// The outlets of one node, each with the feed that it adds to and what it passes on the way.
pub struct Outlets<'a> {
    feeds: &'a mut [Feed],
    to: Feeds<'a>,
    passages: Option<&'a Passages>,
}

impl<'a> Outlets<'a> {
    /// Outlet `n` adds to feed `shared[n]`, and past the end of `shared` to feed `n`.
    pub fn new(feeds: &'a mut [Feed], shared: &'a [usize]) -> Self {
        Self { feeds, to: Feeds::OfOutlets(shared), passages: None }
    }

    /// Whatever the outlet, instrument `n` adds to feed `by_instrument[n]`; what is past the end does as number 0.
    pub fn by_instrument(feeds: &'a mut [Feed], by_instrument: &'a [u8]) -> Self {
        Self { feeds, to: Feeds::OfInstruments(by_instrument), passages: None }
    }

    /// Outlets that sound passes on the way; none are all open, which costs nothing.
    pub fn with_passages(mut self, passages: Option<&'a Passages>) -> Self {
        self.passages = passages;
        self
    }

    /// Multiplies frames of all feeds, each by its own factor; see [`Feed::scale`].
    pub fn scale(&mut self, range: &Range<usize>, factors: &[f32]) {
        self.feeds.iter_mut().for_each(|feed| feed.scale(range, factors));
    }

    /// Whether anything of a sender is heard.
    pub fn hears(&self, from: Sender) -> bool {
        self.passage(from.outlet) != Passage::Closed && self.number(from) < self.feeds.len()
    }

    /// Whether two instruments on the same outlet add to different feeds.
    pub fn part(&self, one: u16, other: u16) -> bool {
        match self.to {
            Feeds::OfOutlets(_) => false,
            Feeds::OfInstruments(feeds) => feed_of(feeds, one) != feed_of(feeds, other),
        }
    }

    /// Has `add` add frames of `range` to both sides, and takes what it adds to the sender's feed; at most `BLOCK_SIZE` frames.
    pub fn add(&mut self, from: Sender, range: &Range<usize>, add: impl FnOnce(&mut [f32], &mut [f32])) {
        let (number, passage) = (self.number(from), self.passage(from.outlet));
        let Some(feed) = self.feeds.get_mut(number) else { return };
        if passage == Passage::Open {
            let (left, right) = feed.open(range.clone());
            return add(left, right);
        }
        let mut planes = [[0.0; BLOCK_SIZE]; 2];
        let [left, right] = planes.each_mut().map(|plane| &mut plane[..range.len().min(BLOCK_SIZE)]);
        add(left, right);
        match (passage, self.passages.and_then(|passages| passages.factors.get(from.outlet))) {
            (Passage::Steady(gains), _) => feed.add_scaled(range, [left, right], gains),
            (Passage::Moving, Some([of_left, of_right])) => {
                feed.add_scaled_by(range, [left, right], [of_left, of_right]);
            }
            _ => {}
        }
    }

    fn number(&self, from: Sender) -> usize {
        match self.to {
            Feeds::OfOutlets(shared) => shared.get(from.outlet).copied().unwrap_or(from.outlet),
            Feeds::OfInstruments(feeds) => feed_of(feeds, from.instrument),
        }
    }

    fn passage(&self, outlet: usize) -> Passage {
        self.passages.map_or(Passage::Open, |passages| passages.get(outlet))
    }
}

/// The feed of an instrument; what the table lacks goes the way of number 0.
fn feed_of(feeds: &[u8], instrument: u16) -> usize {
    feeds.get(usize::from(instrument)).or_else(|| feeds.first()).copied().unwrap_or(0).into()
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

    fn added(outlets: &mut Outlets<'_>, from: Sender, range: Range<usize>) {
        outlets.add(from, &range, |left, right| {
            left.iter_mut().for_each(|sample| *sample += 1.0);
            right.iter_mut().for_each(|sample| *sample += 2.0);
        });
    }

    fn two_feeds() -> [Feed; 2] {
        let mut feeds = [Feed::new(2), Feed::new(2)];
        feeds.iter_mut().for_each(|feed| feed.begin(3));
        feeds
    }

    #[test]
    fn instruments_find_their_feeds_and_unknown_ones_go_with_those_that_have_none() {
        let mut feeds = two_feeds();
        let mut outlets = Outlets::by_instrument(&mut feeds, &[1, 0, 1]);
        for instrument in [0, 1, 2, 99] {
            added(&mut outlets, Sender { outlet: 7, instrument }, 0..1);
        }
        assert_eq!((outlets.part(1, 2), outlets.part(0, 99)), (true, false));
        assert_eq!([&feeds[0], &feeds[1]].map(|feed| feed.block().channel(0)[0]), [1.0, 3.0]);
    }

    #[test]
    fn passages_turn_down_what_comes_through_them_and_nothing_else() {
        let mut feeds = two_feeds();
        let mut passages = Passages::new(3);
        passages.set(0, Passage::Steady([0.5, 2.0]));
        passages.set(1, Passage::Moving);
        passages.set(2, Passage::Closed);
        let factors = passages.factors_mut(1).unwrap();
        factors[0][..2].copy_from_slice(&[3.0, 5.0]);
        factors[1][..2].copy_from_slice(&[7.0, 9.0]);
        let mut outlets = Outlets::new(&mut feeds, &[0, 0, 0, 0]).with_passages(Some(&passages));
        let sender = |outlet| Sender { outlet, instrument: 0 };
        added(&mut outlets, sender(3), 0..3);
        added(&mut outlets, sender(0), 0..2);
        added(&mut outlets, sender(1), 1..3);
        assert_eq!([0, 1, 2, 3].map(|outlet| outlets.hears(sender(outlet))), [true, true, false, true]);
        assert_eq!(feeds[0].block().channel(0), [1.5, 1.5 + 3.0, 1.0 + 5.0]);
        assert_eq!(feeds[0].block().channel(1), [6.0, 6.0 + 14.0, 2.0 + 18.0]);
    }

    #[test]
    fn outlets_without_a_feed_are_not_heard() {
        let mut feeds = two_feeds();
        let outlets = Outlets::new(&mut feeds, &[]);
        assert!(outlets.hears(Sender { outlet: 1, instrument: 0 }));
        assert!(!outlets.hears(Sender { outlet: 2, instrument: 0 }));
    }
}
