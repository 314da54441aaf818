//! Outputs of a node that has many: blocks that are only written where something sounds.
//!
//! The engine begins all feeds of a node at the start of a block; what sounds opens its feed and adds to it, in pieces
//! cut at ticks and events. A feed that nothing opens costs nothing: it is neither cleared nor read. Outlets that go the
//! same way share a feed, and those that stand in a field add to that in its channels, wherever the others go. What is
//! turned down on its way to a feed goes through scratch. Audio thread, apart from `new`.

use super::Activity;
use super::AudioBlock;
use super::AudioBlockMut;
use super::AudioBuffer;
use super::BLOCK_SIZE;
use super::Displaced;
use super::NearFeeds;
use super::Placing;
use super::Point;
use super::Spot;
use super::Standing;
use super::Weights;
use super::near::CURVED;
use std::ops::Range;

/// See the module's description.
#[derive(Clone, Debug)]
pub struct Feed {
    buffer: AudioBuffer,
    /// Planes that hold anything; all others are silent, and cost nothing.
    held: usize,
    frames: usize,
    activity: Activity,
}

impl Feed {
    /// Silent; at most `MAX_CHANNELS` channels. Allocates.
    pub fn new(channels: usize) -> Self {
        let buffer = AudioBuffer::new(channels, BLOCK_SIZE);
        Self { held: buffer.channels(), buffer, frames: 0, activity: Activity::Silent }
    }

    /// Lets only the first planes hold anything; to be called before a block is begun.
    pub fn hold(&mut self, planes: usize) {
        self.held = planes;
    }

    /// Begins the next block, silent and of at most `BLOCK_SIZE` frames.
    pub fn begin(&mut self, frames: usize) {
        self.frames = frames.min(BLOCK_SIZE);
        self.activity = Activity::Silent;
    }

    /// Whether `range` is all of the block, and nothing has been added yet.
    pub fn is_fresh(&self, range: &Range<usize>) -> bool {
        self.activity == Activity::Silent && *range == (0..self.frames)
    }

    /// Frames of `range` of both sides, to add to: 0 where nothing has been added in this block. Mono is all left.
    pub fn open(&mut self, range: Range<usize>) -> (&mut [f32], &mut [f32]) {
        let Range { start, end } = self.wake(range);
        let (left, right) = self.buffer.stereo_mut();
        (left.get_mut(start..end).unwrap_or(&mut []), right.get_mut(start..end).unwrap_or(&mut []))
    }

    /// The same of all channels.
    pub fn open_all(&mut self, range: Range<usize>) -> AudioBlockMut<'_> {
        let range = self.wake(range);
        self.buffer.range_mut(range).narrow(self.held)
    }

    /// Makes the block one that sounds; gives what of `range` lies in it.
    fn wake(&mut self, range: Range<usize>) -> Range<usize> {
        if self.activity == Activity::Silent {
            self.buffer.range_mut(0..self.frames).narrow(self.held).silence();
            self.activity = Activity::Sounding;
        }
        let end = range.end.min(self.frames);
        range.start.min(end)..end
    }

    /// Multiplies what has been added to frames of `range`, each by its own factor; the shorter of both counts.
    pub fn scale(&mut self, range: &Range<usize>, factors: &[f32]) {
        if self.activity == Activity::Sounding {
            for plane in self.open_all(range.clone()).planes_mut() {
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
        for (channel, plane) in block.planes().enumerate() {
            if plane.iter().any(|&sample| sample != 0.0) {
                self.activity = Activity::Sounding;
            }
            self.buffer.channel_mut(channel).iter_mut().zip(plane).for_each(|(to, from)| *to = *from);
        }
    }

    /// All frames of all channels, to be written over: they hold anything.
    pub fn fill(&mut self) -> AudioBlockMut<'_> {
        self.activity = Activity::Sounding;
        self.buffer.block_mut(self.frames).narrow(self.held)
    }

    /// Takes back what has been added in this block.
    pub fn silence(&mut self) {
        self.activity = Activity::Silent;
    }

    /// Whether anything has been added in this block.
    pub fn activity(&self) -> Activity {
        self.activity
    }

    /// Number of planes, silent ones as well.
    pub fn channels(&self) -> usize {
        self.buffer.channels()
    }

    /// What has been added to a channel, empty where it holds nothing; as with [`Self::block`].
    pub fn channel(&self, channel: usize) -> &[f32] {
        let plane = self.buffer.channel(channel).get(..self.frames);
        plane.filter(|_| channel < self.held).unwrap_or(&[])
    }

    /// Adds both sides of frames of `range`, `sign` times; those of a field as loud as in the middle of stereo.
    fn add_sides_to(&self, sum: &mut [f32], range: &Range<usize>, sign: f32) {
        let (sides, factor) =
            if self.channels() == 2 { (2, sign) } else { (1, sign * std::f32::consts::SQRT_2) };
        for side in (0..sides).filter(|_| self.activity == Activity::Sounding) {
            let plane = self.channel(side).get(range.clone()).unwrap_or(&[]);
            sum.iter_mut().zip(plane).for_each(|(sum, sample)| *sum += sample * factor);
        }
    }

    /// What has been added, in the planes that hold anything; of a silent block nothing may be read.
    pub fn block(&self) -> AudioBlock<'_> {
        self.buffer.block(self.frames).narrow(self.held)
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

/// Outlets or instruments, by which a node's sound is told apart, that are turned up or down together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Senders([u64; 4]);

impl Senders {
    /// None.
    pub const NONE: Self = Self([0; 4]);
    /// Outlets or instruments that can be told apart; further ones are never turned.
    pub const COUNT: usize = 256;

    /// Adds one.
    pub fn insert(&mut self, number: usize) {
        if let Some(word) = self.0.get_mut(number / 64) {
            *word |= 1 << (number % 64);
        }
    }

    /// Whether one is among them.
    pub fn contains(&self, number: usize) -> bool {
        self.0.get(number / 64).is_some_and(|word| word >> (number % 64) & 1 == 1)
    }
}

/// Where sound goes by its outlet before or after a change, and by its instrument on the other side of it.
#[derive(Clone, Debug)]
pub struct Destinations {
    by_outlet: [u8; Senders::COUNT],
    by_instrument: [u8; Senders::COUNT],
}

impl Destinations {
    /// All that is past the end of a table goes as its first does.
    pub fn new(by_outlet: &[u8], by_instrument: &[u8]) -> Self {
        let whole = |table: &[u8]| {
            std::array::from_fn(|number| table.get(place_of(table, number)).copied().unwrap_or(0))
        };
        Self { by_outlet: whole(by_outlet), by_instrument: whole(by_instrument) }
    }

    fn part(&self, from: Sender) -> bool {
        let goes = |table: &[u8], number| table.get(place_of(table, number)).copied();
        goes(&self.by_outlet, from.outlet) != goes(&self.by_instrument, from.instrument.into())
    }
}

/// Whose sound is turned up or down.
#[derive(Clone, Copy)]
pub enum Turned<'a> {
    /// By outlet, or by instrument where that says where sound goes.
    Of(&'a Senders),
    /// All that outlet and instrument send to different places.
    Between(&'a Destinations),
}

/// Some senders of a node, whose sound is multiplied by a factor for each frame of one piece.
#[derive(Clone, Copy)]
pub struct Turning<'a> {
    /// Which.
    pub turned: Turned<'a>,
    /// From the piece's first frame on.
    pub factors: &'a [f32],
    /// Bits of outlets that are turned too, since they stand elsewhere in a field, and of those that are not, since they
    /// stay in it where they are.
    pub moved: u64,
    /// See `moved`.
    pub stay: u64,
    /// Whether what is in the field is turned too: where that comes or goes as a whole, its own way on is.
    pub in_field: bool,
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

/// A field, and which outlets stand where in it.
pub struct FieldOutlet<'a> {
    /// Of the field's channels.
    pub feed: &'a mut Feed,
    /// What near outlets give to their filters.
    pub near: &'a mut NearFeeds,
    /// What outlets add to instead that something is in the way of, by [`Placing::veil`].
    pub veils: &'a mut [Option<Box<Veil>>],
    /// See there.
    pub placing: &'a Placing,
    /// On the first frame that is added.
    pub displaced: Displaced,
    /// By how much outlets differ from that; those past the end do not.
    pub own: &'a [Displaced],
}

/// The part of a field that is heard through what is in the way.
#[derive(Clone, Debug)]
pub struct Veil {
    /// Of the field's channels.
    pub feed: Feed,
    /// What near outlets give to their filters.
    pub near: NearFeeds,
}

/// Frames of a field for one sender to add to.
pub struct InField<'a> {
    channels: AudioBlockMut<'a>,
    /// Channels of each integrator, for an outlet that is near.
    near: Option<[AudioBlockMut<'a>; CURVED]>,
    /// On the line before, where that differs, and on the next one.
    before: Option<Standing<'a>>,
    after: Standing<'a>,
    /// Frames that have passed since the line before.
    phase: usize,
    /// What its sound is multiplied by on the way, unless it is heard as it is.
    factors: Option<&'a [f32]>,
}

/// What stands in a field: on the line of the control grid before, and on the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// See there.
    Before,
    /// See there.
    After,
}

impl FieldOutlet<'_> {
    /// What an outlet adds to.
    fn feed_of(&self, outlet: usize) -> &Feed {
        let veil = self.placing.veil(outlet).and_then(|veil| self.veils.get(veil)?.as_deref());
        veil.map_or(&*self.feed, |veil| &veil.feed)
    }

    fn scale(&mut self, range: &Range<usize>, factors: &[f32]) {
        self.feed.scale(range, factors);
        self.near.scale(range, factors);
        for veil in self.veils.iter_mut().flatten() {
            veil.feed.scale(range, factors);
            veil.near.scale(range, factors);
        }
    }

    /// Frames of `range` for an outlet in the field to add to.
    fn open<'a>(
        &'a mut self,
        outlet: usize,
        range: &Range<usize>,
        factors: Option<&'a [f32]>,
    ) -> Option<InField<'a>> {
        let Self { feed, near, veils, placing, displaced, own } = self;
        let own = own.get(outlet).copied().unwrap_or(Displaced::NONE);
        let [before, after] =
            [(displaced.from, own.from), (displaced.to, own.to)].map(|(all, own)| all.and(&own));
        let standing = placing.standing(outlet, &after)?;
        let before = if before == after { None } else { placing.standing(outlet, &before) };
        let veil = placing.veil(outlet).and_then(|veil| veils.get_mut(veil)?.as_deref_mut());
        let (feed, near) = veil.map_or((&mut **feed, &mut **near), |veil| (&mut veil.feed, &mut veil.near));
        let is_near = standing.is_near() || before.is_some_and(|before| before.is_near());
        Some(InField {
            channels: feed.open_all(range.clone()),
            near: is_near.then(|| near.open(range)),
            before,
            after: standing,
            phase: displaced.phase,
            factors,
        })
    }
}

impl<'a> InField<'a> {
    /// Frames to add.
    pub fn frames(&self) -> usize {
        self.channels.frames()
    }

    /// Blocks that are added to: the field's channels, and for a near outlet those of each integrator.
    pub fn layers(&self) -> usize {
        1 + self.near.as_ref().map_or(0, |near| near.len())
    }

    /// One of them, by a number below that.
    pub fn channels_mut(&mut self, layer: usize) -> &mut AudioBlockMut<'a> {
        match (layer.checked_sub(1), &mut self.near) {
            (Some(integrator), Some(near)) => &mut near[integrator.min(CURVED - 1)],
            _ => &mut self.channels,
        }
    }

    /// What a point of the sound weighs in each channel of the field; where nothing [`Self::moves`], both lines are one.
    pub fn weights(&self, at: (Spot, Point), line: Line) -> Weights {
        self.standing(line).weights(at)
    }

    /// What a sound that weighs so much in the field weighs in each channel of a layer.
    pub fn weights_of_layer(&self, layer: usize, weights: &Weights, line: Line) -> Weights {
        layer
            .checked_sub(1)
            .map_or(*weights, |integrator| self.standing(line).weights_of_integrator(integrator, weights))
    }

    fn standing(&self, line: Line) -> &Standing<'a> {
        self.before.as_ref().filter(|_| line == Line::Before).unwrap_or(&self.after)
    }

    /// Where the outlet is displaced otherwise on the next line of the control grid than on the one before, between which all frames
    /// lie then: how many of them have passed by frame `start`.
    pub fn moves(&self, start: usize) -> Option<usize> {
        self.before.is_some().then_some(self.phase + start)
    }

    /// Turns sound from frame `start` on up or down, as it passes.
    pub fn pass(&self, start: usize, sound: &mut [f32]) {
        if let Some(factors) = self.factors.and_then(|factors| factors.get(start..)) {
            sound.iter_mut().zip(factors).for_each(|(sample, factor)| *sample *= factor);
        }
    }
}

/// What outlets put out in a block, both sides together and as it arrives, for whoever looks at it.
#[derive(Clone, Debug)]
pub struct OutletTraces {
    planes: Box<[[f32; BLOCK_SIZE]]>,
    sounding: Box<[bool]>,
}

impl OutletTraces {
    /// Allocates.
    pub fn new(outlets: usize) -> Self {
        Self { planes: vec![[0.0; BLOCK_SIZE]; outlets].into(), sounding: vec![false; outlets].into() }
    }

    /// Begins the next block. Real-time: yes, like all that follows.
    pub fn begin(&mut self) {
        self.sounding.fill(false);
    }

    /// What an outlet has put out; `None` is nothing.
    pub fn trace(&self, outlet: usize) -> Option<&[f32]> {
        let sounds = self.sounding.get(outlet).copied().unwrap_or(false);
        self.planes.get(outlet).filter(|_| sounds).map(|plane| &plane[..])
    }

    /// Frames of an outlet from `range` on, 0 where nothing has been added in this block.
    fn open(&mut self, outlet: usize, range: &Range<usize>) -> Option<&mut [f32]> {
        let plane = self.planes.get_mut(outlet)?;
        if !std::mem::replace(self.sounding.get_mut(outlet)?, true) {
            plane.fill(0.0);
        }
        plane.get_mut(range.clone())
    }
}

/// The outlets of one node, each with the feed that it adds to and what it passes on the way.
pub struct Outlets<'a> {
    feeds: &'a mut [Feed],
    to: Feeds<'a>,
    passages: Option<&'a Passages>,
    turning: Option<Turning<'a>>,
    field: Option<FieldOutlet<'a>>,
    traces: Option<&'a mut OutletTraces>,
}

impl<'a> Outlets<'a> {
    /// Outlet `n` adds to feed `shared[n]`, and past the end of `shared` to feed `n`.
    pub fn new(feeds: &'a mut [Feed], shared: &'a [usize]) -> Self {
        Self::to(feeds, Feeds::OfOutlets(shared))
    }

    /// Whatever the outlet, instrument `n` adds to feed `by_instrument[n]`; what is past the end does as number 0.
    pub fn by_instrument(feeds: &'a mut [Feed], by_instrument: &'a [u8]) -> Self {
        Self::to(feeds, Feeds::OfInstruments(by_instrument))
    }

    fn to(feeds: &'a mut [Feed], to: Feeds<'a>) -> Self {
        Self { feeds, to, passages: None, turning: None, field: None, traces: None }
    }

    /// Outlets that sound passes on the way; none are all open, which costs nothing.
    pub fn with_passages(mut self, passages: Option<&'a Passages>) -> Self {
        self.passages = passages;
        self
    }

    /// Senders that are turned up or down; none costs nothing.
    pub fn with_turning(mut self, turning: Option<Turning<'a>>) -> Self {
        self.turning = turning;
        self
    }

    /// A field that some outlets add to instead of a feed; none costs nothing.
    pub fn with_field(mut self, field: Option<FieldOutlet<'a>>) -> Self {
        self.field = field;
        self
    }

    /// Where outlets leave a trace of what they put out; none costs nothing, and either way the same bits come out.
    pub fn with_traces(mut self, traces: Option<&'a mut OutletTraces>) -> Self {
        self.traces = traces;
        self
    }

    /// Adds what has come to a sender's feed to its trace, `sign` times: once before and once after something is added, so
    /// that what is added need not go another way to be seen.
    fn trace(&mut self, from: Sender, range: &Range<usize>, sign: f32) {
        let number = self.number(from);
        let feed = match &self.field {
            Some(field) if field.placing.holds(from.outlet) => Some(field.feed_of(from.outlet)),
            _ => self.feeds.get(number),
        };
        let trace = self.traces.as_mut().and_then(|traces| traces.open(from.outlet, range));
        if let (Some(trace), Some(feed)) = (trace, feed) {
            feed.add_sides_to(trace, range, sign);
        }
    }

    /// Multiplies frames of all feeds, each by its own factor; see [`Feed::scale`].
    pub fn scale(&mut self, range: &Range<usize>, factors: &[f32]) {
        self.feeds.iter_mut().for_each(|feed| feed.scale(range, factors));
        self.field.iter_mut().for_each(|field| field.scale(range, factors));
    }

    /// Whether anything of a sender is heard.
    pub fn hears(&self, from: Sender) -> bool {
        let arrives = || self.number(from) < self.feeds.len() || self.in_field(from.outlet);
        self.passage(from.outlet) != Passage::Closed && arrives()
    }

    /// Whether an outlet's sound goes into the field: see [`Self::add_to_field`].
    pub fn in_field(&self, outlet: usize) -> bool {
        self.field.as_ref().is_some_and(|field| field.placing.holds(outlet))
    }

    /// Whether two sounds go different ways: to different feeds, or only one of them turned.
    pub fn part(&self, one: Sender, other: Sender) -> bool {
        one != other
            && (self.number(one) != self.number(other)
                || self.turned(one).is_some() != self.turned(other).is_some())
    }

    /// The factors of a sender that is turned.
    fn turned(&self, from: Sender) -> Option<&'a [f32]> {
        let turning = self.turning?;
        let among = |outlets: u64| outlets.checked_shr(from.outlet as u32).is_some_and(|bits| bits & 1 == 1);
        let is_turned = match (turning.turned, self.to) {
            _ if !turning.in_field && self.in_field(from.outlet) => false,
            _ if among(turning.stay) => false,
            _ if among(turning.moved) => true,
            (Turned::Of(senders), Feeds::OfOutlets(_)) => senders.contains(from.outlet),
            (Turned::Of(senders), Feeds::OfInstruments(feeds)) => {
                senders.contains(place_of(feeds, from.instrument.into()))
            }
            (Turned::Between(destinations), _) => destinations.part(from),
        };
        is_turned.then_some(turning.factors)
    }

    /// Has `add` add frames of `range` to both sides, and takes what it adds to the sender's feed; at most `BLOCK_SIZE` frames.
    pub fn add(&mut self, from: Sender, range: &Range<usize>, add: impl FnOnce(&mut [f32], &mut [f32])) {
        if self.traces.is_none() {
            return self.add_untraced(from, range, add);
        }
        self.trace(from, range, -1.0);
        self.add_untraced(from, range, add);
        self.trace(from, range, 1.0);
    }

    fn add_untraced(&mut self, from: Sender, range: &Range<usize>, add: impl FnOnce(&mut [f32], &mut [f32])) {
        let (number, passage, turned) = (self.number(from), self.passage(from.outlet), self.turned(from));
        let Some(feed) = self.feeds.get_mut(number) else { return };
        if passage == Passage::Open && turned.is_none() {
            let (left, right) = feed.open(range.clone());
            return add(left, right);
        }
        let mut planes = [[0.0; BLOCK_SIZE]; 2];
        let [left, right] = planes.each_mut().map(|plane| &mut plane[..range.len().min(BLOCK_SIZE)]);
        add(left, right);
        for plane in [&mut *left, &mut *right] {
            let factors = turned.unwrap_or(&[]);
            plane.iter_mut().zip(factors).for_each(|(sample, factor)| *sample *= factor);
        }
        match (passage, self.passages.and_then(|passages| passages.factors.get(from.outlet))) {
            (Passage::Open, _) => feed.add_scaled(range, [left, right], [1.0; 2]),
            (Passage::Steady(gains), _) => feed.add_scaled(range, [left, right], gains),
            (Passage::Moving, Some([of_left, of_right])) => {
                feed.add_scaled_by(range, [left, right], [of_left, of_right]);
            }
            _ => {}
        }
    }

    /// Has `add` add frames of `range` of a sender that is in the field; at most `BLOCK_SIZE` frames.
    pub fn add_to_field(&mut self, from: Sender, range: &Range<usize>, add: impl FnOnce(&mut InField<'_>)) {
        if self.traces.is_none() {
            return self.add_to_field_untraced(from, range, add);
        }
        self.trace(from, range, -1.0);
        self.add_to_field_untraced(from, range, add);
        self.trace(from, range, 1.0);
    }

    fn add_to_field_untraced(
        &mut self,
        from: Sender,
        range: &Range<usize>,
        add: impl FnOnce(&mut InField<'_>),
    ) {
        let (passage, turned) = (self.passage(from.outlet), self.turned(from));
        let Some(field) = &mut self.field else { return };
        let mut product = [1.0; BLOCK_SIZE];
        match (passage, self.passages.and_then(|passages| passages.factors.get(from.outlet))) {
            (Passage::Steady([gain, _]), _) => product.fill(gain),
            (Passage::Moving, Some([gains, _])) => product = *gains,
            _ => {}
        }
        if let Some(factors) = turned {
            product.iter_mut().zip(factors).for_each(|(product, factor)| *product *= factor);
        }
        let factors = (passage != Passage::Open || turned.is_some()).then_some(&product[..]);
        if let Some(mut field) = field.open(from.outlet, range, factors) {
            add(&mut field);
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

/// Where an instrument stands in the table; what it lacks goes the way of number 0.
fn place_of(table: &[u8], number: usize) -> usize {
    Some(number).filter(|&place| place < table.len()).unwrap_or(0)
}

/// The feed of an instrument.
fn feed_of(feeds: &[u8], instrument: u16) -> usize {
    feeds.get(place_of(feeds, instrument.into())).copied().unwrap_or(0).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::MAX_CHANNELS;
    use crate::audio::PanningArc;
    use crate::audio::Stand;

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
    fn planes_that_hold_nothing_are_neither_cleared_nor_read() {
        let mut feed = Feed::new(2);
        feed.begin(4);
        feed.open(0..4).1.fill(9.0);
        feed.hold(1);
        feed.begin(4);
        assert_eq!((feed.fill().channels(), feed.open_all(0..4).channels(), feed.channels()), (1, 1, 2));
        assert_eq!((feed.block().channels(), feed.channel(1).len()), (1, 0));
        feed.hold(2);
        feed.begin(4);
        assert_eq!(feed.open(0..4).1, [0.0; 4]);
    }

    #[test]
    fn a_copied_block_of_zeros_is_silent() {
        let mut feed = Feed::new(1);
        feed.copy(&AudioBlock::new(&[&[0.0, 0.5][..]]));
        assert_eq!((feed.activity(), feed.block().channel(0)), (Activity::Sounding, &[0.0, 0.5][..]));
        feed.copy(&AudioBlock::new(&[&[0.0, -0.0][..]]));
        assert_eq!(feed.activity(), Activity::Silent);
    }

    fn added(outlets: &mut Outlets<'_>, from: Sender, range: Range<usize>) {
        outlets.add(from, &range, |left, right| {
            left.iter_mut().for_each(|sample| *sample += 1.0);
            right.iter_mut().for_each(|sample| *sample += 2.0);
        });
    }

    fn sender(outlet: usize, instrument: u16) -> Sender {
        Sender { outlet, instrument }
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
            added(&mut outlets, sender(7, instrument), 0..1);
        }
        let part = |one, other| outlets.part(sender(7, one), sender(7, other));
        assert_eq!((part(1, 2), part(0, 99)), (true, false));
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
        added(&mut outlets, sender(3, 0), 0..3);
        added(&mut outlets, sender(0, 0), 0..2);
        added(&mut outlets, sender(1, 0), 1..3);
        assert_eq!([0, 1, 2, 3].map(|outlet| outlets.hears(sender(outlet, 0))), [true, true, false, true]);
        assert_eq!(feeds[0].block().channel(0), [1.5, 1.5 + 3.0, 1.0 + 5.0]);
        assert_eq!(feeds[0].block().channel(1), [6.0, 6.0 + 14.0, 2.0 + 18.0]);
    }

    #[test]
    fn traces_show_what_each_outlet_adds_to_a_feed_and_leave_its_bits_alone() {
        let mut passages = Passages::new(3);
        passages.set(1, Passage::Steady([0.5, 2.0]));
        let mut traces = OutletTraces::new(3);
        let mut heard = [false, true].map(|traced| {
            let mut feeds = two_feeds();
            traces.begin();
            let mut outlets = Outlets::new(&mut feeds, &[0, 0, 0]).with_passages(Some(&passages));
            outlets = outlets.with_traces(traced.then_some(&mut traces));
            added(&mut outlets, sender(0, 0), 1..3);
            added(&mut outlets, sender(1, 0), 0..2);
            added(&mut outlets, sender(0, 0), 2..3);
            [0, 1].map(|side| feeds[0].block().channel(side).to_vec())
        });
        assert_eq!(traces.trace(0).unwrap()[..3], [0.0, 3.0, 6.0]);
        assert_eq!(traces.trace(1).unwrap()[..3], [4.5, 4.5, 0.0]);
        assert!(traces.trace(2).is_none() && traces.trace(9).is_none());
        let bits =
            heard.each_mut().map(|sides| sides.concat().into_iter().map(f32::to_bits).collect::<Vec<_>>());
        assert_eq!(bits[0], bits[1]);
        traces.begin();
        assert!(traces.trace(0).is_none());
    }

    #[test]
    fn turned_senders_are_multiplied_whatever_their_passage_and_part_from_those_that_are_not() {
        let mut feeds = two_feeds();
        let mut passages = Passages::new(3);
        passages.set(1, Passage::Steady([0.5, 2.0]));
        let mut senders = Senders::default();
        [0, 1, 255].into_iter().for_each(|number| senders.insert(number));
        assert!(senders.contains(255) && !senders.contains(2) && !senders.contains(Senders::COUNT));
        let turning = Some(Turning {
            turned: Turned::Of(&senders),
            factors: &[0.5, 0.25, 0.0],
            moved: 0,
            stay: 0,
            in_field: true,
        });
        let mut outlets = Outlets::new(&mut feeds, &[0, 0, 0]).with_passages(Some(&passages));
        outlets = outlets.with_turning(turning);
        (0..3).for_each(|outlet| added(&mut outlets, sender(outlet, 0), 0..3));
        assert_eq!(feeds[0].block().channel(0), [0.5 + 0.25 + 1.0, 0.25 + 0.125 + 1.0, 1.0]);
        assert_eq!(feeds[0].block().channel(1), [1.0 + 2.0 + 2.0, 0.5 + 1.0 + 2.0, 2.0]);
        let mut feeds = two_feeds();
        let mut outlets = Outlets::by_instrument(&mut feeds, &[1, 1, 1]).with_turning(turning);
        let part = |one, other| outlets.part(sender(2, one), sender(2, other));
        assert_eq!((part(0, 1), part(1, 2), part(0, 99)), (false, true, false));
        [1, 2, 99].into_iter().for_each(|instrument| {
            added(&mut outlets, sender(2, instrument), 0..3);
        });
        assert_eq!(feeds[1].block().channel(0), [0.5 + 1.0 + 0.5, 0.25 + 1.0 + 0.25, 1.0]);
    }

    #[test]
    fn between_outlets_and_instruments_only_what_they_send_elsewhere_is_turned() {
        let destinations = Destinations::new(&[0, 1, 2], &[0, 1, 2, 0]);
        let turning = Some(Turning {
            turned: Turned::Between(&destinations),
            factors: &[0.5; 3],
            moved: 0,
            stay: 0,
            in_field: true,
        });
        let mut feeds = two_feeds();
        let mut outlets = Outlets::new(&mut feeds, &[0, 0, 1]).with_turning(turning);
        [sender(0, 0), sender(0, 1), sender(1, 1), sender(0, 3), sender(0, 99)].into_iter().for_each(
            |from| {
                added(&mut outlets, from, 0..3);
            },
        );
        let part = |one, other| outlets.part(sender(0, one), sender(0, other));
        assert_eq!((part(0, 3), part(0, 1), part(1, 2)), (false, true, false));
        assert_eq!(feeds[0].block().channel(0), [4.5; 3]);
        let mut feeds = two_feeds();
        let mut outlets = Outlets::by_instrument(&mut feeds, &[0, 1, 0]).with_turning(turning);
        assert!(outlets.part(sender(0, 0), sender(0, 2)) && outlets.part(sender(1, 1), sender(0, 1)));
        added(&mut outlets, sender(0, 0), 0..3);
        added(&mut outlets, sender(0, 2), 0..3);
        assert_eq!(feeds[0].block().channel(0), [1.5; 3]);
    }

    #[test]
    fn outlets_in_a_field_add_to_that_and_pass_what_others_pass() {
        let stand = Stand { azimuth: Some(0.0), width: 0.0, ..Stand::default() };
        let arc = PanningArc { degrees: 0.0, azimuth: 0.0 };
        let placing = Placing::new(arc, [None, Some(stand), Some(stand), Some(stand)]);
        let mut passages = Passages::new(4);
        passages.set(1, Passage::Steady([0.5, 0.5]));
        passages.set(2, Passage::Moving);
        passages.factors_mut(2).unwrap()[0][..3].copy_from_slice(&[1.0, 2.0, 3.0]);
        passages.set(3, Passage::Closed);
        let (mut feeds, mut field) = (two_feeds(), Feed::new(MAX_CHANNELS));
        field.begin(3);
        let added = |field: &mut Feed, feeds: &mut [Feed], from: Sender, turning: Option<Turning<'_>>| {
            let outlet = FieldOutlet {
                feed: field,
                near: &mut NearFeeds::new(),
                veils: &mut [],
                placing: &placing,
                displaced: Displaced::NONE,
                own: &[],
            };
            let mut outlets = Outlets::new(feeds, &[]).with_passages(Some(&passages)).with_turning(turning);
            assert!(!outlets.in_field(1));
            outlets = outlets.with_field(Some(outlet));
            assert!(!outlets.in_field(0) && outlets.hears(from));
            outlets.add_to_field(from, &(1..3), |field| {
                let mut sound = vec![1.0; field.frames()];
                field.pass(0, &mut sound);
                let plane = field.channels_mut(0).channel_mut(0);
                plane.iter_mut().zip(sound).for_each(|(to, from)| *to += from);
            });
            assert!(!outlets.hears(sender(3, 0)));
        };
        added(&mut field, &mut feeds, sender(1, 0), None);
        added(&mut field, &mut feeds, sender(2, 7), None);
        assert_eq!(field.channel(0), [0.0, 1.5, 2.5]);
        assert!(field.channel(15) == [0.0; 3] && feeds[1].activity() == Activity::Silent);
        let (nobody, factors) = (Senders::NONE, &[0.5, 0.25][..]);
        let turning =
            Turning { turned: Turned::Of(&nobody), factors, moved: 1 << 1, stay: 0, in_field: true };
        added(&mut field, &mut feeds, sender(1, 0), Some(turning));
        assert_eq!(field.channel(0), [0.0, 1.75, 2.625]);
        let all = Senders([u64::MAX; 4]);
        let others = Turning { turned: Turned::Of(&all), moved: 0, stay: 1 << 1, ..turning };
        for still in [others, Turning { in_field: false, ..turning }] {
            field.begin(3);
            added(&mut field, &mut feeds, sender(1, 0), Some(still));
            assert_eq!(field.channel(0), [0.0, 0.5, 0.5]);
        }
    }

    #[test]
    fn outlets_without_a_feed_are_not_heard() {
        let mut feeds = two_feeds();
        let outlets = Outlets::new(&mut feeds, &[]);
        assert!(outlets.hears(sender(1, 0)));
        assert!(!outlets.hears(sender(2, 0)));
    }
}
