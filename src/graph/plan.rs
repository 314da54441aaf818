//! A compiled graph: steps over preallocated buffers.
//!
//! Audio thread. Runs at most `BLOCK_SIZE` frames a call; allocates nothing after `new`.

use crate::audio::Activity;
use crate::audio::AudioBlock;
use crate::audio::AudioBlockMut;
use crate::audio::AudioBuffer;
use crate::audio::AudioStream;
use crate::audio::BLOCK_SIZE;
use crate::audio::ChannelMix;
use crate::audio::RenderContext;

/// Where a node's block lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Source(usize),
    Scratch(usize),
    Output(usize),
}

pub(super) struct Input {
    pub(super) from: Place,
    pub(super) mix: &'static dyn ChannelMix,
}

pub(super) struct Step {
    /// `None` only sums.
    pub(super) stream: Option<usize>,
    pub(super) inputs: Vec<Input>,
    pub(super) side: Option<Place>,
    pub(super) place: Place,
}

struct Scratch {
    buffer: AudioBuffer,
    activity: Activity,
}

/// Steps in order with their buffers; made by [`Graph::compile`](super::Graph::compile).
pub struct Plan {
    steps: Vec<Step>,
    scratch: Vec<Scratch>,
    outputs: Vec<Activity>,
}

/// What a plan reads: blocks that were filled before it runs.
pub struct SourceBlock<'a> {
    /// The audio.
    pub block: AudioBlock<'a>,
    /// Whether it sounds; a silent one is not read.
    pub activity: Activity,
}

impl Plan {
    pub(super) fn new(steps: Vec<Step>, scratch_channels: &[usize]) -> Self {
        let last_output = steps.iter().filter_map(|step| match step.place {
            Place::Output(number) => Some(number),
            Place::Source(_) | Place::Scratch(_) => None,
        });
        let outputs = vec![Activity::Silent; last_output.max().map_or(0, |last| last + 1)];
        let scratch = scratch_channels
            .iter()
            .map(|&channels| Scratch {
                buffer: AudioBuffer::new(channels, BLOCK_SIZE),
                activity: Activity::Silent,
            })
            .collect();
        Self { steps, scratch, outputs }
    }

    /// Runs every step once on blocks of at most `BLOCK_SIZE` frames; outputs that no step writes become silent.
    ///
    /// Real-time. Sources, streams and outputs that the graph numbered and the slices lack count as silent.
    pub fn run<S: AudioStream>(
        &mut self,
        frame: u64,
        sources: &[SourceBlock<'_>],
        streams: &mut [S],
        outputs: &mut [AudioBlockMut<'_>],
    ) {
        self.outputs.fill(Activity::Silent);
        for (number, block) in outputs.iter_mut().enumerate() {
            if !self.steps.iter().any(|step| step.place == Place::Output(number)) {
                block.silence();
            }
        }
        let frames =
            outputs.iter().map(|block| block.frames()).chain(sources.iter().map(|s| s.block.frames())).max();
        let frames = frames.unwrap_or(0).min(BLOCK_SIZE);
        for index in 0..self.steps.len() {
            let mut hands =
                Hands { scratch: &mut self.scratch, outputs, activity: &mut self.outputs, sources, frames };
            hands.run(&self.steps[index], frame, streams); // `index` counts the steps
        }
    }
}

/// All buffers of one run.
struct Hands<'r, 'b> {
    scratch: &'r mut [Scratch],
    outputs: &'r mut [AudioBlockMut<'b>],
    activity: &'r mut [Activity],
    sources: &'r [SourceBlock<'r>],
    frames: usize,
}

impl Hands<'_, '_> {
    fn run<S: AudioStream>(&mut self, step: &Step, frame: u64, streams: &mut [S]) {
        match step.place {
            Place::Scratch(number) => {
                // Taken out while it is written, so that the other buffers can be read.
                let Some(mut buffer) = self
                    .scratch
                    .get_mut(number)
                    .map(|s| std::mem::replace(&mut s.buffer, AudioBuffer::new(0, 0)))
                else {
                    return;
                };
                let activity = self.render(step, frame, streams, &mut buffer.block_mut(self.frames));
                self.scratch[number] = Scratch { buffer, activity }; // `get_mut` found it
            }
            Place::Output(number) => {
                let Some(slot) = self.outputs.get_mut(number) else { return };
                let mut block = std::mem::replace(slot, AudioBlockMut::new([]));
                let activity = self.render(step, frame, streams, &mut block);
                self.outputs[number] = block; // `get_mut` found it
                if let Some(state) = self.activity.get_mut(number) {
                    *state = activity;
                }
            }
            Place::Source(_) => {}
        }
    }

    fn render<S: AudioStream>(
        &self,
        step: &Step,
        frame: u64,
        streams: &mut [S],
        io: &mut AudioBlockMut<'_>,
    ) -> Activity {
        io.silence();
        let mut input = Activity::Silent;
        for from in &step.inputs {
            if self.activity(from.from) == Activity::Sounding {
                from.mix.mix(&self.block(from.from), io);
                input = Activity::Sounding;
            }
        }
        let Some(stream) = step.stream.and_then(|number| streams.get_mut(number)) else { return input };
        let side = step.side.map(|place| self.block(place));
        stream.render(&mut RenderContext::new(frame, input), side.as_ref(), io)
    }

    fn activity(&self, place: Place) -> Activity {
        let found = match place {
            Place::Source(number) => self.sources.get(number).map(|source| source.activity),
            Place::Scratch(number) => self.scratch.get(number).map(|scratch| scratch.activity),
            Place::Output(number) => self.activity.get(number).copied(),
        };
        found.unwrap_or(Activity::Silent)
    }

    fn block(&self, place: Place) -> AudioBlock<'_> {
        let found = match place {
            Place::Source(number) => self.sources.get(number).map(|source| source.block),
            Place::Scratch(number) => {
                self.scratch.get(number).map(|scratch| scratch.buffer.block(self.frames))
            }
            Place::Output(number) => self.outputs.get(number).map(|block| block.as_block()),
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

    struct Add(f32);

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
            Activity::Sounding
        }
        fn reset(&mut self) {}
        fn skip(&mut self, _: usize) {}
    }

    /// Runs a graph on mono or stereo sources of constant value; gives the first sample of each output's channels.
    fn run(graph: &Graph, sources: &[&[f32]], streams: &mut [Add], outputs: &[usize]) -> Vec<Vec<f32>> {
        let mut plan = graph.compile().unwrap();
        let mut memory: Vec<AudioBuffer> =
            outputs.iter().map(|&channels| AudioBuffer::new(channels, 4)).collect();
        let source_memory: Vec<Vec<[f32; 4]>> =
            sources.iter().map(|s| s.iter().map(|&v| [v; 4]).collect()).collect();
        let sources: Vec<SourceBlock<'_>> = source_memory
            .iter()
            .map(|planes| SourceBlock {
                block: AudioBlock::new(planes.iter().map(|p| &p[..])),
                activity: Activity::Sounding,
            })
            .collect();
        let mut blocks: Vec<AudioBlockMut<'_>> =
            memory.iter_mut().map(|buffer| buffer.block_mut(4)).collect();
        plan.run(0, &sources, streams, &mut blocks);
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
        assert_eq!(run(&graph, &[&[1.0], &[2.0, 3.0]], &mut [Add(10.0)], &[2]), [[13.0, 14.0]]);
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
        let out = run(&graph, &[&[1.0, 1.0]], &mut [Add(1.0), Add(5.0)], &[2, 2]);
        assert_eq!(out, [[7.0, 7.0], [2.0, 2.0]]);
    }

    #[test]
    fn two_streams_may_share_an_output() {
        let mut graph = Graph::default();
        let (one, two) = (graph.add_stream("one", 2), graph.add_stream("two", 2));
        let out = graph.add_output("out", 2);
        graph.connect(one, out);
        graph.connect(two, out);
        assert_eq!(run(&graph, &[], &mut [Add(1.0), Add(2.0)], &[2]), [[3.0, 3.0]]);
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
        assert_eq!(run(&graph, &[&[3.0, 9.0]], &mut [Add(1.0)], &[2]), [[4.0, 4.0]]);
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
