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
use crate::audio::RenderContext;
use std::ops::Range;

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
    assigned: Option<Box<[u8]>>,
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
        Self { parts, scratch, outputs, passing: AudioBuffer::new(MAX_CHANNELS, BLOCK_SIZE), assigned: None }
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

    /// Whether any node hears a source; one that none hears need not be filled. Real-time.
    pub fn reads_source(&self, number: usize) -> bool {
        self.parts.read.get(number).copied().unwrap_or(false)
    }

    /// Solos the streams whose bits are set, in place of those before: in `frames` frames every way that no soloed one's
    /// sound takes closes. Real-time.
    pub fn solo(&mut self, streams: u64, frames: u32) {
        self.parts.gates.solo(streams, frames);
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
    pub fn run<S: AudioStream>(
        &mut self,
        piece: &Piece,
        sources: &[Feed],
        streams: &mut [S],
        outputs: &mut [AudioBlockMut<'_>],
    ) {
        self.outputs.iter_mut().for_each(|output| output.activity = Activity::Silent);
        for (number, block) in outputs.iter_mut().enumerate() {
            if !self.outputs.get(number).is_some_and(|output| output.used) {
                block.slice_mut(piece.range.clone()).silence();
            }
        }
        let buffers =
            Buffers { scratch: &mut self.scratch, outputs, states: &mut self.outputs, sources, piece };
        let (gates, passing) = (&self.parts.gates, &mut self.passing);
        let mut hands = Hands { buffers, streams, gates, passing };
        self.parts.steps.iter().for_each(|step| hands.run(step));
        self.parts.direct.iter().for_each(|direct| hands.close(direct));
        self.parts.gates.skip(piece.range.len());
    }
}

/// All that one run works on.
struct Hands<'r, 'b, S> {
    buffers: Buffers<'r, 'b>,
    streams: &'r mut [S],
    gates: &'r Gates,
    passing: &'r mut AudioBuffer,
}

struct Buffers<'r, 'b> {
    scratch: &'r mut [Scratch],
    outputs: &'r mut [AudioBlockMut<'b>],
    states: &'r mut [Output],
    sources: &'r [Feed],
    piece: &'r Piece,
}

impl<S: AudioStream> Hands<'_, '_, S> {
    fn run(&mut self, step: &Step) {
        let heard = step.inputs.iter().any(|input| self.passes(input));
        let frames = self.buffers.piece.range.len();
        let stream = step.stream.and_then(|number| self.streams.get_mut(number));
        let sleeps = !heard && stream.as_ref().is_none_or(|stream| stream.asleep());
        if sleeps && let Some(stream) = stream {
            stream.skip(frames);
        }
        match step.place {
            Place::Scratch(number) => {
                let Some(slot) = self.buffers.scratch.get_mut(number) else { return };
                slot.activity = Activity::Silent;
                if sleeps {
                    return;
                }
                // Taken out while it is written, so that the other buffers can be read.
                let mut buffer = std::mem::replace(&mut slot.buffer, AudioBuffer::new(0, 0));
                let activity = self.render(step, &mut buffer.block_mut(frames));
                self.buffers.scratch[number] = Scratch { buffer, activity }; // `get_mut` found it
            }
            Place::Output(number) => {
                let range = self.buffers.piece.range.clone();
                let Some(slot) = self.buffers.outputs.get_mut(number) else { return };
                if sleeps {
                    return slot.slice_mut(range).silence();
                }
                let mut block = std::mem::replace(slot, AudioBlockMut::new([]));
                let activity = self.render(step, &mut block.slice_mut(range));
                self.buffers.outputs[number] = block; // `get_mut` found it
                if let Some(state) = self.buffers.states.get_mut(number) {
                    state.activity = activity;
                }
            }
            Place::Source(_) | Place::Outlet { .. } => {}
        }
    }

    /// Writes the sum of what arrives over `io`, and lets the stream work on it.
    fn render(&mut self, step: &Step, io: &mut AudioBlockMut<'_>) -> Activity {
        let mut input = Activity::Silent;
        for from in &step.inputs {
            if self.passes(from) {
                self.add(from, input, io);
                input = Activity::Sounding;
            }
        }
        if input == Activity::Silent {
            io.silence();
        }
        let Some(stream) = step.stream.and_then(|number| self.streams.get_mut(number)) else { return input };
        let sounding = |place: &Place| self.buffers.activity(*place) == Activity::Sounding;
        let side = step.side.filter(sounding).map(|place| self.buffers.block(place));
        stream.render(&mut RenderContext::new(self.buffers.piece.frame, input), side.as_ref(), io)
    }

    /// Whether anything may come through.
    fn passes(&self, input: &Input) -> bool {
        self.activity(input.from) == Activity::Sounding && !self.gates.is_closed(input.gate)
    }

    /// Adds what comes through to what has come `before`, or writes it over `io` where that is nothing.
    fn add(&mut self, input: &Input, before: Activity, io: &mut AudioBlockMut<'_>) {
        let put = |block: &AudioBlock<'_>, io: &mut AudioBlockMut<'_>| match before {
            Activity::Silent => input.mix.put(block, io),
            Activity::Sounding => input.mix.mix(block, io),
        };
        let Some(factors) = self.gates.factors(input.gate) else {
            return put(&self.block(input.from), io);
        };
        // Taken out while it is written, so that the other buffers can be read.
        let mut passing = std::mem::replace(self.passing, AudioBuffer::new(0, 0));
        let block = self.block(input.from);
        let mut target = passing.block_mut(block.frames());
        let mut target = target.narrow_mut(block.channels());
        scaled(&mut target, &block, &factors);
        put(&target.as_block(), io);
        *self.passing = passing;
    }

    /// Closes the way to an output that a stream has rendered into, as far as its gate is.
    fn close(&mut self, direct: &Direct) {
        let Some(block) = self.buffers.outputs.get_mut(direct.output) else { return };
        let mut block = block.slice_mut(self.buffers.piece.range.clone());
        if self.gates.is_closed(direct.gate) {
            block.silence();
        } else if let Some(factors) = self.gates.factors(direct.gate) {
            scale(&mut block, &factors);
        }
    }

    fn outlet(&self, stream: usize, number: usize) -> Option<&Feed> {
        self.streams.get(stream).and_then(|stream| stream.outlet(number))
    }

    fn activity(&self, place: Place) -> Activity {
        match place {
            Place::Outlet { stream, number } => {
                self.outlet(stream, number).map_or(Activity::Silent, Feed::activity)
            }
            Place::Source(_) | Place::Scratch(_) | Place::Output(_) => self.buffers.activity(place),
        }
    }

    fn block(&self, place: Place) -> AudioBlock<'_> {
        match place {
            Place::Outlet { stream, number } => {
                self.outlet(stream, number).map_or(AudioBlock::new([]), Feed::block)
            }
            Place::Source(_) | Place::Scratch(_) | Place::Output(_) => self.buffers.block(place),
        }
    }
}

impl Buffers<'_, '_> {
    fn activity(&self, place: Place) -> Activity {
        let found = match place {
            Place::Source(number) => self.sources.get(number).map(Feed::activity),
            Place::Scratch(number) => self.scratch.get(number).map(|scratch| scratch.activity),
            Place::Output(number) => self.states.get(number).map(|output| output.activity),
            Place::Outlet { .. } => None,
        };
        found.unwrap_or(Activity::Silent)
    }

    fn block(&self, place: Place) -> AudioBlock<'_> {
        let range = &self.piece.range;
        let found = match place {
            Place::Source(number) => self.sources.get(number).map(Feed::block),
            Place::Scratch(number) => {
                self.scratch.get(number).map(|scratch| scratch.buffer.block(range.len()))
            }
            Place::Output(number) => self.outputs.get(number).map(|block| block.slice(range.clone())),
            Place::Outlet { .. } => None,
        };
        found.unwrap_or(AudioBlock::new([]))
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
                let mut feed = Feed::new(values.len());
                feed.copy(&AudioBlock::new(planes.iter().map(|plane| &plane[..])));
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
        feed.copy(&AudioBlock::new([&[3.0f32; 4][..]]));
        feed.begin(4);
        plan.run(&Piece { frame: 0, range: 0..4 }, &[feed], &mut [add(1.0)], &mut [memory.block_mut(4)]);
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
                feed.copy(&AudioBlock::new([&vec![value; frames][..]]));
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
            plan.run(&Piece { frame, range: 0..frames }, &feeds(frames), &mut streams, &mut blocks);
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
        feeds[sounding].copy(&AudioBlock::new([&[1.0f32; 10][..]]));
        let (mut streams, mut left) = ([(); 4].map(|()| add(0.0)), Vec::new());
        for (call, solo) in [8, 1, 1, 1].into_iter().enumerate() {
            plan.solo(solo, if call == 0 { 0 } else { 10 });
            let mut memory = AudioBuffer::new(1, 10);
            let piece = Piece { frame: 10 * call as u64, range: 0..10 };
            plan.run(&piece, &feeds, &mut streams, &mut [memory.block_mut(10)]);
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
        let wide = graph.add_source("wide", 17);
        assert!(matches!(graph.compile().err(), Some(GraphError::Width { channels: 17, .. })));
        let mut graph = Graph::default();
        let (a, out) = (graph.add_source("a", 2), graph.add_output("out", 2));
        graph.connect(out, a);
        assert!(matches!(graph.compile().err(), Some(GraphError::Direction { .. })));
        let _ = wide;
    }
}
