//! A compiled graph: steps over preallocated buffers.
//!
//! Audio thread. Runs at most `BLOCK_SIZE` frames a call; allocates nothing after `new`.

use super::Kind;
use super::gate::Gates;
use super::gate::scale;
use super::gate::scaled;
use crate::audio::Activity;
use crate::audio::AudioBlock;
use crate::audio::AudioBlockMut;
use crate::audio::AudioBuffer;
use crate::audio::AudioStream;
use crate::audio::BLOCK_SIZE;
use crate::audio::ChannelMix;
use crate::audio::Feed;
use crate::audio::MAX_CHANNELS;
use crate::audio::Pan;
use crate::audio::Placing;
use crate::audio::RenderContext;
use crate::dsp;
use crate::dsp::Level;
use std::ops::Range;

/// What stands at the nodes of a graph that are streams, by their numbers.
pub trait Streams {
    /// Real-time: yes. None where there is no such stream; it counts as silent.
    fn stream(&self, number: usize) -> Option<&dyn AudioStream>;

    /// Real-time: yes.
    fn stream_mut(&mut self, number: usize) -> Option<&mut dyn AudioStream>;
}

impl<S: AudioStream> Streams for [S] {
    fn stream(&self, number: usize) -> Option<&dyn AudioStream> {
        self.get(number).map(|stream| stream as &dyn AudioStream)
    }

    fn stream_mut(&mut self, number: usize) -> Option<&mut dyn AudioStream> {
        self.get_mut(number).map(|stream| stream as &mut dyn AudioStream)
    }
}

/// Where a node's block lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Source(usize),
    Scratch(usize),
    Output(usize),
    /// Held by the stream; only read.
    Outlet {
        stream: usize,
        number: usize,
    },
}

pub(super) struct Input {
    pub(super) from: Place,
    pub(super) mix: &'static dyn ChannelMix,
    /// Number of its gate.
    pub(super) gate: usize,
    /// The stream whose pan places the sound.
    pub(super) placed: Option<usize>,
}

/// An output that a stream has rendered into, which others read before its gate closes it.
pub(super) struct Direct {
    pub(super) output: usize,
    pub(super) gate: usize,
}

/// What compiling gives.
pub(super) struct Parts {
    pub(super) steps: Vec<Step>,
    pub(super) direct: Vec<Direct>,
    pub(super) gates: Gates,
    pub(super) shared: Vec<usize>,
    /// Whether anything reads a source.
    pub(super) read: Vec<bool>,
    /// What the sidechain of each stream hears.
    pub(super) sides: Vec<Option<Kind>>,
}

pub(super) struct Step {
    /// `None` only sums.
    pub(super) stream: Option<usize>,
    pub(super) inputs: Vec<Input>,
    pub(super) side: Option<Place>,
    pub(super) place: Place,
}

/// Memory of a node; it is only read while the node sounds, and holds anything else then.
struct Scratch {
    buffer: AudioBuffer,
    activity: Activity,
}

/// Steps in order with their buffers; made by [`Graph::compile`](super::Graph::compile).
pub struct Plan {
    parts: Parts,
    scratch: Vec<Scratch>,
    outputs: Vec<Output>,
    /// What comes through a gate that moves.
    passing: AudioBuffer,
    level: Level,
    assigned: Option<Box<[u8]>>,
    marked: [u128; 3],
    placing: Option<Box<Placing>>,
}

/// What is known of an output bus of the host.
#[derive(Clone, Copy)]
struct Output {
    activity: Activity,
    /// Some step writes it.
    used: bool,
}

/// Frames of a call that are rendered at once.
#[derive(Clone, Debug)]
pub struct Piece {
    /// The first one, counted from reset.
    pub frame: u64,
    /// Their place in the host's buffers; at most `BLOCK_SIZE`.
    pub range: Range<usize>,
}

impl Plan {
    pub(super) fn new(parts: Parts, scratch_channels: &[usize]) -> Self {
        let places = || {
            parts.steps.iter().filter_map(|step| match step.place {
                Place::Output(number) => Some(number),
                Place::Source(_) | Place::Scratch(_) | Place::Outlet { .. } => None,
            })
        };
        let mut outputs = vec![
            Output { activity: Activity::Silent, used: false };
            places().max().map_or(0, |last| last + 1)
        ];
        places().for_each(|number| outputs[number].used = true); // the last of them gave the length
        let scratch = scratch_channels
            .iter()
            .map(|&channels| Scratch {
                buffer: AudioBuffer::new(channels, BLOCK_SIZE),
                activity: Activity::Silent,
            })
            .collect();
        let (passing, level) = (AudioBuffer::new(MAX_CHANNELS, BLOCK_SIZE), Level::BASELINE);
        Self { parts, scratch, outputs, passing, level, assigned: None, marked: [0; 3], placing: None }
    }

    /// Sums with the instructions of `level`; to the same bits.
    pub fn at_level(self, level: Level) -> Self {
        Self { level, ..self }
    }

    /// For each source the one whose block it adds to: itself, or another of its group that goes the same way.
    pub fn shared_sources(&self) -> &[usize] {
        &self.parts.shared
    }

    /// Brings a table along for whoever fills the sources; it goes where the plan goes.
    pub fn assign(&mut self, table: Box<[u8]>) {
        self.assigned = Some(table);
    }

    /// The table that the plan has brought. Real-time.
    pub fn assigned(&self) -> Option<&[u8]> {
        self.assigned.as_deref()
    }

    /// The same with three sets of bits.
    pub fn mark(&mut self, bits: [u128; 3]) {
        self.marked = bits;
    }

    /// The bits that the plan has brought. Real-time.
    pub fn marked(&self) -> [u128; 3] {
        self.marked
    }

    /// Brings along where sounds that fill a source of a field stand in it.
    pub fn place(&mut self, placing: Placing) {
        self.placing = Some(Box::new(placing));
    }

    /// Where they stand. Real-time.
    pub fn placing(&self) -> Option<&Placing> {
        self.placing.as_deref()
    }

    /// Whether a stream is part of it. Real-time.
    pub fn has_stream(&self, number: usize) -> bool {
        self.parts.steps.iter().any(|step| step.stream == Some(number))
    }

    /// Whether any node hears a source; one that none hears need not be filled. Real-time.
    pub fn reads_source(&self, number: usize) -> bool {
        self.parts.read.get(number).copied().unwrap_or(false)
    }

    /// Solos the streams whose bits are set, in place of those before: in `frames` frames every way that no soloed one's
    /// sound takes closes. Real-time.
    pub fn solo(&mut self, streams: u64, frames: u32) {
        self.parts.gates.solo(streams.into(), frames);
    }

    /// Begins to close, over `frames` frames, every way that `next` lacks; whether there is any. Grouped sources are left to
    /// whoever fills them: see [`Plan::moves_source`]. Real-time.
    pub fn leave(&mut self, next: &Self, frames: u32) -> bool {
        self.parts.gates.leave(&next.parts.gates, frames)
    }

    /// Whether a source goes elsewhere in another plan. Real-time.
    pub fn moves_source(&self, other: &Self, source: usize) -> bool {
        self.parts.gates.moves_source(&other.parts.gates, source)
    }

    /// The stream that a source goes to first. Real-time.
    pub fn stream_of_source(&self, source: usize) -> Option<usize> {
        self.parts.gates.stream_of_source(source)
    }

    /// Whether a stream's sidechain hears something else than in another plan. Real-time.
    pub fn changes_side(&self, other: &Self, stream: usize) -> bool {
        let side = |plan: &Self| plan.parts.sides.get(stream).copied().flatten();
        side(self) != side(other)
    }

    /// Is soloed as `old` is, whose ramps go on here; ways that it lacked open over `frames` frames. Real-time.
    pub fn take_over(&mut self, old: &Self, frames: u32) {
        self.parts.gates.take_over(&old.parts.gates, frames);
    }

    /// Ends what `solo` has begun, for a start from nothing. Real-time.
    pub fn settle(&mut self) {
        self.parts.gates.settle();
    }

    /// Runs every step once on the frames of `piece`; outputs that no step writes become silent there.
    ///
    /// Real-time. Sources, streams and outputs that the graph numbered and the slices lack count as silent.
    pub fn run<S: Streams + ?Sized>(
        &mut self,
        piece: &Piece,
        sources: &[Feed],
        streams: &mut S,
        outputs: &mut [AudioBlockMut<'_>],
    ) {
        self.outputs.iter_mut().for_each(|output| output.activity = Activity::Silent);
        for (number, block) in outputs.iter_mut().enumerate() {
            if !self.outputs.get(number).is_some_and(|output| output.used) {
                block.slice_mut(piece.range.clone()).silence();
            }
        }
        let Self { parts, scratch, outputs: states, passing, level, .. } = self;
        let mut run = Run {
            level: *level,
            gates: &parts.gates,
            piece,
            sources,
            streams,
            scratch,
            states,
            outputs,
            passing,
        };
        parts.steps.iter().for_each(|step| run.step(step));
        parts.direct.iter().for_each(|direct| run.close(direct));
        parts.gates.skip(piece.range.len());
    }
}

/// All that one run works on.
struct Run<'r, 'b, S: ?Sized> {
    level: Level,
    gates: &'r Gates,
    piece: &'r Piece,
    sources: &'r [Feed],
    streams: &'r mut S,
    scratch: &'r mut [Scratch],
    states: &'r mut [Output],
    outputs: &'r mut [AudioBlockMut<'b>],
    passing: &'r mut AudioBuffer,
}

/// A slice, perhaps but for one element, which somebody else writes.
struct Others<'r, T> {
    before: &'r [T],
    after: &'r [T],
}

impl<'r, T> Others<'r, T> {
    /// Nobody writes.
    fn all(slice: &'r [T]) -> Self {
        Self { before: slice, after: &[] }
    }

    /// All but one, and that one.
    #[inline(always)]
    fn without(slice: &'r mut [T], number: usize) -> (Option<&'r mut T>, Self) {
        let (before, from) = slice.split_at_mut(number.min(slice.len()));
        match from.split_first_mut() {
            Some((one, after)) => (Some(one), Self { before, after }),
            None => (None, Self { before, after: &[] }),
        }
    }

    fn get(&self, number: usize) -> Option<&'r T> {
        let after = || self.after.get(number.checked_sub(self.before.len() + 1)?);
        self.before.get(number).or_else(after)
    }
}

impl<S: Streams + ?Sized> Run<'_, '_, S> {
    fn step(&mut self, step: &Step) {
        let Self { level, gates, piece, sources, streams, scratch, states, outputs, passing } = self;
        let (piece, hands) = (*piece, Hands { level: *level, streams: &mut **streams, passing });
        match step.place {
            Place::Scratch(number) => {
                let (Some(slot), scratch) = Others::without(scratch, number) else { return };
                let around = Around { gates, piece, sources, scratch, states, outputs: Others::all(outputs) };
                let activity = around.render(step, hands, &mut slot.buffer.block_mut(piece.range.len()));
                slot.activity = activity.unwrap_or(Activity::Silent);
            }
            Place::Output(number) => {
                let (Some(slot), outputs) = Others::without(outputs, number) else { return };
                let around = Around { gates, piece, sources, scratch: Others::all(scratch), states, outputs };
                let activity = slot.within(piece.range.clone(), |io| {
                    let activity = around.render(step, hands, io);
                    activity.unwrap_or_else(|| {
                        io.silence();
                        Activity::Silent
                    })
                });
                if let Some(state) = states.get_mut(number) {
                    state.activity = activity;
                }
            }
            Place::Source(_) | Place::Outlet { .. } => {}
        }
    }

    /// Closes the way to an output that a stream has rendered into, as far as its gate is.
    fn close(&mut self, direct: &Direct) {
        let Some(block) = self.outputs.get_mut(direct.output) else { return };
        let mut block = block.slice_mut(self.piece.range.clone());
        if self.gates.is_closed(direct.gate) {
            block.silence();
        } else if let Some(factors) = self.gates.factors(direct.gate) {
            scale(&mut block, &factors);
        }
    }
}

/// What a step works with.
struct Hands<'r, S: ?Sized> {
    level: Level,
    streams: &'r mut S,
    passing: &'r mut AudioBuffer,
}

/// What a step reads; what it writes is not among it.
struct Around<'r, 'b> {
    gates: &'r Gates,
    piece: &'r Piece,
    sources: &'r [Feed],
    scratch: Others<'r, Scratch>,
    states: &'r [Output],
    outputs: Others<'r, AudioBlockMut<'b>>,
}

impl<'b> Around<'_, 'b> {
    /// Writes the sum of what arrives over `io`, and lets the stream work on it; `None` where nothing does and it sleeps.
    fn render<S: Streams + ?Sized>(
        &self,
        step: &Step,
        hands: Hands<'_, S>,
        io: &mut AudioBlockMut<'_>,
    ) -> Option<Activity> {
        let Hands { level, streams, passing } = hands;
        // What drives a sidechain is never an outlet.
        let side = step.side.and_then(|side| self.lying(side)).map(|sound| sound.block(self.piece));
        if let Some(from) = self.alone(&step.inputs, io.channels())
            && let Some(stream) = step.stream.and_then(|number| streams.stream_mut(number))
        {
            let mut ctx = RenderContext::new(self.piece.frame, Activity::Sounding);
            let activity = stream.render_from(&mut ctx, side.as_ref(), &from, io);
            if activity.is_some() {
                return activity;
            }
        }
        let input = self.gather(&step.inputs, (level, &*streams, passing), io);
        match (input, step.stream.and_then(|number| streams.stream_mut(number))) {
            (Activity::Silent, None) => None,
            (Activity::Sounding, None) => Some(input),
            (Activity::Silent, Some(stream)) if stream.asleep() => {
                stream.skip(self.piece.range.len());
                None
            }
            (_, Some(stream)) => {
                if input == Activity::Silent {
                    io.silence();
                }
                Some(stream.render(&mut RenderContext::new(self.piece.frame, input), side.as_ref(), io))
            }
        }
    }

    /// What arrives, if it needs no sum: one sound of `channels` channels through an open gate.
    #[inline]
    fn alone(&self, inputs: &[Input], channels: usize) -> Option<AudioBlock<'_>> {
        let mut alone = None;
        for input in inputs {
            // Outlets are held by the streams, one of which is to render.
            if let Place::Outlet { .. } = input.from {
                return None;
            }
            let Some(sound) = self.lying(input.from) else { continue };
            if self.gates.is_closed(input.gate) {
                continue;
            }
            if alone.is_some() || sound.channels() != channels || !self.gates.passes(input.gate) {
                return None;
            }
            alone = Some(sound);
        }
        alone.map(|sound| sound.block(self.piece))
    }

    /// Writes the sum of what arrives over `io`, if anything does.
    fn gather<S: Streams + ?Sized>(
        &self,
        inputs: &[Input],
        (level, streams, passing): (Level, &S, &mut AudioBuffer),
        io: &mut AudioBlockMut<'_>,
    ) -> Activity {
        let mut sum = Sum { level, piece: self.piece, sounds: [None; TOGETHER], count: 0, fresh: true };
        for input in inputs {
            let Some(sound) = self.heard(input.from, streams) else { continue };
            if self.gates.is_closed(input.gate) {
                continue;
            }
            match self.gates.factors(input.gate) {
                None if sound.channels() == io.channels() => sum.add(sound, io),
                None => sum.mix((input.mix, pan_of(input, streams)), &sound.block(self.piece), io),
                Some(factors) => {
                    let block = sound.block(self.piece);
                    let mut passing = passing.block_mut(block.frames());
                    let mut passing = passing.narrow_mut(block.channels());
                    scaled(&mut passing, &block, &factors);
                    sum.mix((input.mix, pan_of(input, streams)), &passing.as_block(), io);
                }
            }
        }
        sum.finish(io)
    }

    /// What lies at a place, if it sounds.
    fn heard<'s, S: Streams + ?Sized>(&'s self, place: Place, streams: &'s S) -> Option<Sound<'s, 'b>> {
        match place {
            Place::Outlet { stream, number } => of_feed(streams.stream(stream)?.outlet(number)?),
            place => self.lying(place),
        }
    }

    /// The same of what no stream holds.
    #[inline]
    fn lying(&self, place: Place) -> Option<Sound<'_, 'b>> {
        let sounds = |activity| activity == Activity::Sounding;
        match place {
            Place::Source(number) => self.sources.get(number).and_then(of_feed),
            Place::Outlet { .. } => None,
            Place::Scratch(number) => {
                let scratch = self.scratch.get(number).filter(|scratch| sounds(scratch.activity));
                scratch.map(|scratch| Sound::Scratch(&scratch.buffer))
            }
            Place::Output(number) => {
                let sounds = self.states.get(number).is_some_and(|output| sounds(output.activity));
                self.outputs.get(number).filter(|_| sounds).map(Sound::Output)
            }
        }
    }
}

fn of_feed<'s, 'b>(feed: &'s Feed) -> Option<Sound<'s, 'b>> {
    (feed.activity() == Activity::Sounding).then_some(Sound::Feed(feed))
}

/// Where the sound of an input stands.
fn pan_of<'s, S: Streams + ?Sized>(input: &Input, streams: &'s S) -> Pan<'s> {
    let stream = input.placed.and_then(|number| streams.stream(number));
    stream.map_or(Pan::Middle, |stream| stream.pan())
}

/// What arrives from one place.
#[derive(Clone, Copy)]
enum Sound<'s, 'b> {
    Feed(&'s Feed),
    Scratch(&'s AudioBuffer),
    Output(&'s AudioBlockMut<'b>),
}

impl<'s> Sound<'s, '_> {
    fn channels(self) -> usize {
        match self {
            Self::Feed(feed) => feed.channels(),
            Self::Scratch(buffer) => buffer.channels(),
            Self::Output(block) => block.channels(),
        }
    }

    fn plane(self, channel: usize, piece: &Piece) -> &'s [f32] {
        let plane = match self {
            Self::Feed(feed) => return feed.channel(channel),
            Self::Scratch(buffer) => buffer.channel(channel).get(..piece.range.len()),
            Self::Output(block) => block.channel(channel).get(piece.range.clone()),
        };
        plane.unwrap_or(&[])
    }

    fn block(self, piece: &Piece) -> AudioBlock<'s> {
        match self {
            Self::Feed(feed) => feed.block(),
            Self::Scratch(buffer) => buffer.block(piece.range.len()),
            Self::Output(block) => block.slice(piece.range.clone()),
        }
    }
}

/// Sounds that are summed in one pass over memory, at most.
const TOGETHER: usize = 8;

/// A sum that is written over a block; sounds of the block's own width wait to be added together.
struct Sum<'s, 'b> {
    level: Level,
    piece: &'s Piece,
    sounds: [Option<Sound<'s, 'b>>; TOGETHER],
    count: usize,
    /// Whether the block still holds anything else.
    fresh: bool,
}

impl<'s, 'b> Sum<'s, 'b> {
    /// Adds a sound that is as wide as the block.
    fn add(&mut self, sound: Sound<'s, 'b>, io: &mut AudioBlockMut<'_>) {
        if self.count == TOGETHER {
            self.write(io);
        }
        self.sounds[self.count] = Some(sound); // `write` has made room
        self.count += 1;
    }

    /// Adds a block of any width.
    fn mix(
        &mut self,
        (mix, pan): (&dyn ChannelMix, Pan<'_>),
        block: &AudioBlock<'_>,
        io: &mut AudioBlockMut<'_>,
    ) {
        self.write(io);
        match pan {
            Pan::Middle => dsp::add_block(self.level, mix, block, io),
            pan => dsp::add_panned(self.level, mix, (block.channel(0), pan), io),
        }
    }

    /// Adds what waits, in its order.
    fn write(&mut self, io: &mut AudioBlockMut<'_>) {
        let (count, fresh) = (std::mem::take(&mut self.count), std::mem::replace(&mut self.fresh, false));
        for channel in 0..io.channels() {
            let to = io.channel_mut(channel);
            // Most have one input, which needs no list.
            if let (1, [Some(sound), ..]) = (count, &self.sounds) {
                dsp::sum(self.level, to, &[sound.plane(channel, self.piece)], fresh);
                continue;
            }
            let mut planes: [&[f32]; TOGETHER] = [&[]; TOGETHER];
            for (plane, sound) in planes.iter_mut().zip(self.sounds.iter().take(count).flatten()) {
                *plane = sound.plane(channel, self.piece);
            }
            dsp::sum(self.level, to, &planes[..count], fresh); // `count` is at most `TOGETHER`
        }
    }

    /// Says whether anything has been written.
    fn finish(&mut self, io: &mut AudioBlockMut<'_>) -> Activity {
        if self.count > 0 {
            self.write(io);
        }
        if self.fresh { Activity::Silent } else { Activity::Sounding }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::ChannelConfig;
    use crate::audio::TruncateOrZero;
    use crate::graph::Graph;
    use crate::graph::GraphError;
    use crate::graph::NodeId;

    /// Adds a number and the sidechain; its one outlet holds twice what leaves on the left.
    struct Add(f32, Feed);

    /// The number of an [`Add`] that negates what it need not hear in place.
    const ELSEWHERE: f32 = 100.0;

    fn add(number: f32) -> Add {
        Add(number, Feed::new(2))
    }

    impl AudioStream for Add {
        fn channel_config(&self) -> ChannelConfig {
            ChannelConfig { inputs: 2, outputs: 2 }
        }
        fn render(
            &mut self,
            _: &mut RenderContext<'_>,
            side: Option<&AudioBlock<'_>>,
            io: &mut AudioBlockMut<'_>,
        ) -> Activity {
            let side = side.map_or(0.0, |side| side.channel(0)[0]);
            for plane in io.planes_mut() {
                plane.iter_mut().for_each(|sample| *sample += self.0 + side);
            }
            let frames = io.frames();
            self.1.begin(frames);
            for (to, from) in self.1.open(0..frames).0.iter_mut().zip(io.channel(0)) {
                *to = 2.0 * from;
            }
            Activity::Sounding
        }
        fn render_from(
            &mut self,
            _: &mut RenderContext<'_>,
            _: Option<&AudioBlock<'_>>,
            from: &AudioBlock<'_>,
            io: &mut AudioBlockMut<'_>,
        ) -> Option<Activity> {
            (self.0 == ELSEWHERE).then(|| {
                for (to, from) in io.planes_mut().zip(from.planes()) {
                    to.iter_mut().zip(from).for_each(|(to, from)| *to = -from);
                }
                Activity::Sounding
            })
        }
        fn asleep(&self) -> bool {
            self.0 == 0.0
        }
        fn outlet(&self, number: usize) -> Option<&Feed> {
            (number == 0).then_some(&self.1)
        }
        fn reset(&mut self) {}
        fn skip(&mut self, frames: usize) {
            self.1.begin(frames);
        }
    }

    /// Runs a graph on mono or stereo sources of constant value; gives the first sample of each output's channels.
    fn run(graph: &Graph, sources: &[&[f32]], streams: &mut [Add], outputs: &[usize]) -> Vec<Vec<f32>> {
        let mut plan = graph.compile().unwrap();
        let mut memory: Vec<AudioBuffer> =
            outputs.iter().map(|&channels| AudioBuffer::new(channels, 4)).collect();
        let sources: Vec<Feed> = sources
            .iter()
            .map(|values| {
                let planes: Vec<[f32; 4]> = values.iter().map(|&value| [value; 4]).collect();
                let planes: Vec<&[f32]> = planes.iter().map(|plane| &plane[..]).collect();
                let mut feed = Feed::new(values.len());
                feed.copy(&AudioBlock::new(&planes));
                feed
            })
            .collect();
        let mut blocks: Vec<AudioBlockMut<'_>> =
            memory.iter_mut().map(|buffer| buffer.block_mut(4)).collect();
        plan.run(&Piece { frame: 0, range: 0..4 }, &sources, streams, &mut blocks);
        drop(blocks);
        memory.iter().map(|buffer| (0..buffer.channels()).map(|c| buffer.channel(c)[3]).collect()).collect()
    }

    #[test]
    fn sources_are_summed_by_a_stream_and_reach_the_output() {
        let mut graph = Graph::default();
        let (a, b) = (graph.add_source("a", 1), graph.add_source("b", 2));
        let (bus, out) = (graph.add_stream("bus", 2), graph.add_output("out", 2));
        graph.connect(a, bus);
        graph.connect(b, bus);
        graph.connect(bus, out);
        assert_eq!(run(&graph, &[&[1.0], &[2.0, 3.0]], &mut [add(10.0)], &[2]), [[13.0, 14.0]]);
    }

    #[test]
    fn one_sound_of_a_streams_width_is_read_where_it_lies() {
        let heard = |sounds: [&[f32]; 2]| {
            let mut graph = Graph::default();
            let (a, b) = (graph.add_source("a", sounds[0].len()), graph.add_source("b", sounds[1].len()));
            let (bus, out) = (graph.add_stream("bus", 2), graph.add_output("out", 2));
            graph.connect(a, bus);
            graph.connect(b, bus);
            graph.connect(bus, out);
            run(&graph, &sounds, &mut [add(ELSEWHERE)], &[2])
        };
        assert_eq!(heard([&[2.0, 3.0], &[0.0]]), [[-2.0, -3.0]]);
        assert_eq!(heard([&[0.0, 0.0], &[2.0]]), [[102.0; 2]]);
        assert_eq!(heard([&[2.0, 3.0], &[1.0, 1.0]]), [[103.0, 104.0]]);
    }

    #[test]
    fn a_stream_that_feeds_an_output_and_a_stream_serves_both() {
        let mut graph = Graph::default();
        let a = graph.add_source("a", 2);
        let (bus, master) = (graph.add_stream("bus", 2), graph.add_stream("master", 2));
        let (main, aux) = (graph.add_output("main", 2), graph.add_output("aux", 2));
        graph.connect(a, bus);
        graph.connect(bus, aux);
        graph.connect(bus, master);
        graph.connect(master, main);
        let out = run(&graph, &[&[1.0, 1.0]], &mut [add(1.0), add(5.0)], &[2, 2]);
        assert_eq!(out, [[7.0, 7.0], [2.0, 2.0]]);
    }

    #[test]
    fn sources_of_a_group_that_go_the_same_way_share_a_block() {
        let mut graph = Graph::default();
        let sources: Vec<NodeId> = (0..6).map(|n| graph.add_source(format!("{n}"), 2)).collect();
        let (bus, other) = (graph.add_stream("bus", 2), graph.add_stream("other", 2));
        graph.group(&sources[..5]);
        for (source, to) in [(0, bus), (1, other), (2, bus), (3, other), (5, bus)] {
            graph.connect(sources[source], to);
        }
        graph.connect_with(sources[4], bus, &TruncateOrZero);
        let out = graph.add_output("out", 2);
        graph.connect(bus, out);
        assert_eq!(graph.compile().unwrap().shared_sources(), [0, 1, 0, 1, 4, 5]);
        let blocks = [[1.0, 1.0], [2.0, 2.0], [4.0, 4.0], [8.0, 8.0], [16.0, 16.0], [32.0, 32.0]];
        let blocks: Vec<&[f32]> = blocks.iter().map(|block| &block[..]).collect();
        // The caller has added sources 0 and 2 into the first block, which alone is read.
        assert_eq!(run(&graph, &blocks, &mut [add(0.0), add(0.0)], &[2]), [[49.0, 49.0]]);
    }

    #[test]
    fn two_streams_may_share_an_output() {
        let mut graph = Graph::default();
        let (one, two) = (graph.add_stream("one", 2), graph.add_stream("two", 2));
        let out = graph.add_output("out", 2);
        graph.connect(one, out);
        graph.connect(two, out);
        assert_eq!(run(&graph, &[], &mut [add(1.0), add(2.0)], &[2]), [[3.0, 3.0]]);
    }

    #[test]
    fn a_connection_may_override_the_policy() {
        let mut graph = Graph::default();
        let (a, out) = (graph.add_source("a", 1), graph.add_output("out", 2));
        graph.connect_with(a, out, &TruncateOrZero);
        assert_eq!(run(&graph, &[&[1.0]], &mut [], &[2]), [[1.0, 0.0]]);
    }

    #[test]
    fn a_sidechain_is_heard_but_not_summed() {
        let mut graph = Graph::default();
        let (a, bus, out) =
            (graph.add_source("a", 2), graph.add_stream("bus", 2), graph.add_output("out", 2));
        graph.connect_side(a, bus);
        graph.connect(bus, out);
        assert_eq!(run(&graph, &[&[3.0, 9.0]], &mut [add(1.0)], &[2]), [[4.0, 4.0]]);
    }

    #[test]
    fn a_silent_sidechain_is_none_whatever_its_block_still_holds() {
        let mut graph = Graph::default();
        let (a, bus, out) =
            (graph.add_source("a", 1), graph.add_stream("bus", 2), graph.add_output("out", 2));
        graph.connect_side(a, bus);
        graph.connect(bus, out);
        let mut plan = graph.compile().unwrap();
        assert!(plan.reads_source(0) && !plan.reads_source(1));
        let (mut feed, mut memory) = (Feed::new(1), AudioBuffer::new(2, 4));
        feed.copy(&AudioBlock::new(&[&[3.0f32; 4][..]]));
        feed.begin(4);
        plan.run(&Piece { frame: 0, range: 0..4 }, &[feed], &mut [add(1.0)][..], &mut [memory.block_mut(4)]);
        assert_eq!(memory.channel(0), [1.0; 4]);
    }

    #[test]
    fn an_outlet_feeds_another_node_and_sleeps_with_its_stream() {
        let mut graph = Graph::default();
        let a = graph.add_source("a", 2);
        let (bus, echo, out) =
            (graph.add_stream("bus", 2), graph.add_stream("echo", 2), graph.add_output("out", 2));
        graph.connect(a, bus);
        graph.connect_outlet(bus, 0, echo);
        graph.connect_outlet(bus, 1, echo);
        graph.connect(echo, out);
        let sounding: &[&[f32]] = &[&[1.0, 1.0]];
        assert_eq!(run(&graph, sounding, &mut [add(0.0), add(5.0)], &[2]), [[7.0, 5.0]]);
        assert_eq!(run(&graph, &[&[0.0, 0.0]], &mut [add(0.0), add(5.0)], &[2]), [[5.0, 5.0]]);
        let mut graph = Graph::default();
        let (a, b) = (graph.add_source("a", 2), graph.add_stream("b", 2));
        graph.connect_outlet(a, 0, b);
        assert!(matches!(graph.compile().err(), Some(GraphError::Direction { .. })));
    }

    #[test]
    fn a_cycle_through_an_outlet_is_refused() {
        let mut graph = Graph::default();
        let (bus, back) = (graph.add_stream("Bus 1", 2), graph.add_stream("Return 1", 2));
        graph.connect_outlet(bus, 0, back);
        graph.connect(back, bus);
        let error = graph.compile().err().unwrap();
        assert_eq!(error.to_string(), "this routing runs in a circle: Bus 1 -> Return 1 -> Bus 1");
    }

    /// What two constant sources on two buses give in the main output and in bus 1's own, whose solo changes under way.
    fn soloed(sizes: &[usize]) -> Vec<Vec<f32>> {
        let mut graph = Graph::default();
        let (a, b) = (graph.add_source("a", 1), graph.add_source("b", 1));
        let (one, two) = (graph.add_stream("1", 2), graph.add_stream("2", 2));
        let (main, own) = (graph.add_output("main", 2), graph.add_output("own", 2));
        for (from, to) in [(a, one), (b, two), (one, main), (two, main), (one, own)] {
            graph.connect(from, to);
        }
        let mut plan = graph.compile().unwrap();
        let feeds = |frames: usize| {
            [1.0, 4.0].map(|value| {
                let mut feed = Feed::new(1);
                feed.copy(&AudioBlock::new(&[&vec![value; frames][..]]));
                feed
            })
        };
        let (mut streams, mut found, mut frame) = ([add(0.0), add(0.0)], vec![Vec::new(); 2], 0);
        for (number, &frames) in sizes.iter().cycle().take(6 * sizes.len()).enumerate() {
            if number % sizes.len() == 0 {
                plan.solo([0, 2, 1, 3, 2, 0][number / sizes.len()], 10);
            }
            if number % 5 == 3 {
                let mut next = graph.compile().unwrap();
                next.take_over(&plan, 10);
                plan = next;
            }
            let mut memory = [AudioBuffer::new(2, frames), AudioBuffer::new(2, frames)];
            let mut blocks: Vec<_> = memory.iter_mut().map(|buffer| buffer.block_mut(frames)).collect();
            plan.run(&Piece { frame, range: 0..frames }, &feeds(frames), &mut streams[..], &mut blocks);
            drop(blocks);
            found.iter_mut().zip(&memory).for_each(|(all, one)| all.extend_from_slice(one.channel(1)));
            frame += frames as u64;
        }
        found
    }

    #[test]
    fn solo_ramps_to_what_passes_it_on_every_output_and_does_not_depend_on_cuts_or_new_plans() {
        let found = soloed(&[24]);
        let at = |frame: usize| [found[0][frame], found[1][frame]];
        assert_eq!(
            [at(23), at(47), at(71), at(95), at(119), at(143)].map(|[main, _]| main),
            [5.0, 4.0, 1.0, 5.0, 4.0, 5.0]
        );
        assert_eq!(
            [at(23), at(47), at(71), at(95), at(119), at(143)].map(|[_, own]| own),
            [1.0, 0.0, 1.0, 1.0, 0.0, 1.0]
        );
        // What comes to both outputs closes in a straight line: 0.9, 0.8 … and what is soloed stays.
        for step in 1..=10 {
            let left = 1.0 - step as f32 / 10.0;
            let (main, own) = (found[0][23 + step], found[1][23 + step]);
            assert!((main - 4.0 - left).abs() < 1e-5 && (own - left).abs() < 1e-5, "{main} {own}");
        }
        for sizes in [&[1; 24][..], &[7, 5, 12], &[23, 1]] {
            assert_eq!(soloed(sizes), found, "{sizes:?}");
        }
    }

    /// Bus 1 into bus 2 into bus 3, with a source on each of the first two, and bus 4 alone; all of it to one output.
    /// Solo goes from bus 4 to bus 1 on frame 10. Gives what each source leaves in the output.
    fn switched(sounding: usize) -> Vec<f32> {
        let mut graph = Graph::default();
        let sources: Vec<NodeId> = (0..3).map(|n| graph.add_source(format!("{n}"), 1)).collect();
        let buses: Vec<NodeId> = (0..4).map(|n| graph.add_stream(format!("bus {n}"), 1)).collect();
        let out = graph.add_output("out", 1);
        let ways = [(sources[0], buses[0]), (sources[1], buses[1]), (sources[2], buses[3])];
        let ways = ways.into_iter().chain([(buses[0], buses[1]), (buses[1], buses[2])]);
        for (from, to) in ways.chain([(buses[2], out), (buses[3], out)]) {
            graph.connect(from, to);
        }
        let mut plan = graph.compile().unwrap();
        let mut feeds: Vec<Feed> = (0..3).map(|_| Feed::new(1)).collect();
        feeds[sounding].copy(&AudioBlock::new(&[&[1.0f32; 10][..]]));
        let (mut streams, mut left) = ([(); 4].map(|()| add(0.0)), Vec::new());
        for (call, solo) in [8, 1, 1, 1].into_iter().enumerate() {
            plan.solo(solo, if call == 0 { 0 } else { 10 });
            let mut memory = AudioBuffer::new(1, 10);
            let piece = Piece { frame: 10 * call as u64, range: 0..10 };
            plan.run(&piece, &feeds, &mut streams[..], &mut [memory.block_mut(10)]);
            left.extend_from_slice(memory.channel(0));
        }
        left
    }

    #[test]
    fn solo_that_goes_to_another_bus_lets_nothing_slip_through_that_neither_lets_pass() {
        assert_eq!(switched(1), [0.0; 40]);
        let line = |n: usize| n.min(10) as f32 / 10.0;
        let (opens, closes) = (switched(0), switched(2));
        for frame in 0..40usize {
            let (opened, closed) =
                (line((frame + 1).saturating_sub(20)), 1.0 - line((frame + 1).saturating_sub(10)));
            assert!((opens[frame] - opened).abs() < 1e-6, "{frame}: {}", opens[frame]);
            assert!((closes[frame] - closed).abs() < 1e-6, "{frame}: {}", closes[frame]);
        }
    }

    #[test]
    fn a_cycle_is_refused_with_the_path_that_closes_it() {
        let mut graph = Graph::default();
        let (a, b, c) =
            (graph.add_stream("Bus 1", 2), graph.add_stream("Bus 2", 2), graph.add_stream("Bus 3", 2));
        graph.connect(a, b);
        graph.connect(b, c);
        graph.connect_side(c, a);
        let error = graph.compile().err().unwrap();
        assert_eq!(error.to_string(), "this routing runs in a circle: Bus 1 -> Bus 2 -> Bus 3 -> Bus 1");
    }

    #[test]
    fn impossible_widths_and_directions_are_refused() {
        let mut graph = Graph::default();
        let wide = graph.add_source("wide", 18);
        assert!(matches!(graph.compile().err(), Some(GraphError::Width { channels: 18, .. })));
        let mut graph = Graph::default();
        let (a, out) = (graph.add_source("a", 2), graph.add_output("out", 2));
        graph.connect(out, a);
        assert!(matches!(graph.compile().err(), Some(GraphError::Direction { .. })));
        let _ = wide;
    }
}
