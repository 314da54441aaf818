//! The bounce driver: a performance in, planar sound of every output bus and its hash out.
//!
//! The plugin's process calls run on a thread of their own while this one idles, as in a real host. Events land on their
//! own frames whatever the block plan. Outputs are filled with litter first, so unwritten planes show in the hash.

use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;

use crate::callbacks::Callbacks;
use crate::host::Audio;
use crate::host::Block;
use crate::host::Direction;
use crate::host::Event;
use crate::host::EventKind;
use crate::host::HostError;
use crate::host::PluginHost;
use crate::host::Processor;
use crate::host::Setup;
use crate::host::Told;
use crate::host::Transport;
use crate::host_time::Segment;

/// What output planes hold before the plugin writes them.
const LITTER: f32 = 12_345.0;

/// The largest block of a random plan.
const LARGEST_RANDOM_BLOCK: usize = 8192;

/// What the plugin plays.
#[derive(Clone, Debug, Default)]
pub enum Source {
    /// What a new instance holds.
    #[default]
    Fresh,
    /// A state as the format stores it.
    State(Vec<u8>),
    /// A module (CLAP) or a `.vstpreset` (VST3).
    Preset(PathBuf),
}

/// How the performance is cut into blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockPlan {
    /// All of this size, but for the last and those that end where a segment begins.
    Fixed(usize),
    /// 1 to 8192 frames each, drawn from this seed.
    Random(u64),
}

impl BlockPlan {
    /// The largest block of the plan.
    pub fn largest(self) -> usize {
        match self {
            Self::Fixed(frames) => frames,
            Self::Random(_) => LARGEST_RANDOM_BLOCK,
        }
    }

    /// The endless sequence of block sizes.
    pub fn sizes(self) -> impl Iterator<Item = usize> {
        let mut state = match self {
            Self::Fixed(_) => 0,
            Self::Random(seed) => seed,
        };
        std::iter::repeat_with(move || match self {
            Self::Fixed(frames) => frames.max(1),
            Self::Random(_) => 1 + (split_mix(&mut state) % LARGEST_RANDOM_BLOCK as u64) as usize,
        })
    }
}

/// SplitMix64: the next number of the sequence, and the state moved on. Source: Steele, Lea and Flood, OOPSLA 2014.
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// How a host passes its time on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostKind {
    /// Ends blocks where its time bends; otherwise bends lie inside blocks, where CLAP tells them by events and VST3 not at all.
    pub splits: bool,
    /// Has a transport at all.
    pub transport: bool,
    /// What the transport says.
    pub told: Told,
}

impl Default for HostKind {
    fn default() -> Self {
        Self { splits: true, transport: true, told: Told::default() }
    }
}

/// Calls without frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EmptyBlocks {
    /// None.
    #[default]
    None,
    /// One before every block, with nothing in it.
    Bare,
    /// One before every block, with what happens on the block's first frame.
    WithEvents,
}

/// An event on a frame of the performance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimedEvent {
    /// Frames since the start.
    pub frame: u64,
    /// What happens.
    pub kind: EventKind,
}

/// Everything that decides how a bounce sounds, and how it is cut.
#[derive(Clone, Debug)]
pub struct Performance {
    /// What is loaded before the start.
    pub source: Source,
    /// Frames per second.
    pub rate: f64,
    /// Length.
    pub frames: u64,
    /// The host's time, in the order of frames; the first begins at 0.
    pub segments: Vec<Segment>,
    /// How the host passes it on.
    pub host: HostKind,
    /// Notes, MIDI and automation, in any order.
    pub events: Vec<TimedEvent>,
    /// Sound for the inputs: bus, channel, frame. Missing and short ones are silent.
    pub inputs: Vec<Vec<Vec<f32>>>,
    /// How it is cut.
    pub blocks: BlockPlan,
    /// The largest block announced, where that is not the plan's.
    pub announced: Option<usize>,
    /// Calls with zero frames.
    pub empty_blocks: EmptyBlocks,
    /// Bounce instead of play.
    pub offline: bool,
    /// Inputs that stay off.
    pub inputs_off: Vec<usize>,
    /// Outputs that stay off.
    pub outputs_off: Vec<usize>,
    /// Changes the wiring of every block; for tests that break the rules.
    pub rewire: fn(&mut Audio),
    /// Time between activation and the first block: what a plugin reads from disk by itself is there then.
    pub settle: Duration,
    /// Keeps the main thread asking for state and parameters during the bounce, so that shared locks are contended.
    pub disturb: bool,
}

impl Default for Performance {
    fn default() -> Self {
        Self {
            source: Source::Fresh,
            rate: 48_000.0,
            frames: 48_000,
            segments: vec![Segment::default()],
            host: HostKind::default(),
            events: Vec::new(),
            inputs: Vec::new(),
            blocks: BlockPlan::Fixed(512),
            announced: None,
            empty_blocks: EmptyBlocks::None,
            offline: true,
            inputs_off: Vec::new(),
            outputs_off: Vec::new(),
            rewire: |_| {},
            settle: Duration::ZERO,
            disturb: false,
        }
    }
}

/// One output bus of a bounce.
#[derive(Clone, Debug, PartialEq)]
pub struct RenderedBus {
    /// As the plugin names it.
    pub name: String,
    /// One plane per channel.
    pub planes: Vec<Vec<f32>>,
}

/// What a bounce gives.
#[derive(Clone, Debug)]
pub struct Rendering {
    /// Every output bus.
    pub buses: Vec<RenderedBus>,
    /// Of all bits of all planes: FNV-1a, 64 bits.
    pub hash: u64,
    /// Time spent in process calls, and voices after them.
    pub callbacks: Callbacks,
    /// What the plugin sent, with frames of the performance.
    pub sent: Vec<TimedEvent>,
}

impl Rendering {
    /// The planes of one bus; empty where there is no such bus.
    pub fn planes(&self, bus: usize) -> &[Vec<f32>] {
        self.buses.get(bus).map_or(&[], |bus| &bus.planes)
    }

    /// The frame and channel of the first difference on any bus, for messages of failed comparisons.
    pub fn first_difference(&self, other: &Self) -> Option<String> {
        for (a, b) in self.buses.iter().zip(&other.buses) {
            for (channel, (left, right)) in a.planes.iter().zip(&b.planes).enumerate() {
                let differs = |(x, y): (&f32, &f32)| x.to_bits() != y.to_bits();
                if let Some(frame) = left.iter().zip(right).position(differs) {
                    let (x, y) = (left[frame], right[frame]);
                    return Some(format!("bus '{}', channel {channel}, frame {frame}: {x} and {y}", a.name));
                }
            }
        }
        (self.hash != other.hash).then(|| "the buses differ in number or length".to_owned())
    }
}

/// Loads the source, activates, renders all blocks and deactivates.
pub fn perform(host: &mut dyn PluginHost, performance: &Performance) -> Result<Rendering, HostError> {
    match &performance.source {
        Source::Fresh => {}
        Source::State(state) => host.load_state(state)?,
        Source::Preset(file) => host.load_preset(file)?,
    }
    let setup = Setup {
        rate: performance.rate,
        max_block: performance.announced.unwrap_or_else(|| performance.blocks.largest()),
        offline: performance.offline,
        inputs_off: performance.inputs_off.clone(),
        outputs_off: performance.outputs_off.clone(),
    };
    let processor = activate(host, &setup)?;
    let inputs: Vec<_> = host.buses(Direction::Input).iter().map(|bus| bus.channels).collect();
    let outputs = host.buses(Direction::Output);
    let channels: Vec<_> = outputs.iter().map(|bus| bus.channels).collect();
    let run = Run::new(performance, Audio::new(&inputs, &channels));
    let run = run_beside(host, processor, run, performance.disturb);
    host.deactivate()?;
    let run = run?;
    let names = outputs.into_iter().map(|bus| bus.name);
    let buses: Vec<_> = names.zip(run.collected).map(|(name, planes)| RenderedBus { name, planes }).collect();
    Ok(Rendering { hash: hash_of(&buses), buses, callbacks: run.callbacks, sent: run.sent })
}

/// Activates, and once more if the plugin asks for it straight away.
fn activate(host: &mut dyn PluginHost, setup: &Setup) -> Result<Box<dyn Processor>, HostError> {
    host.idle();
    let processor = host.activate(setup)?;
    if !host.idle().restart {
        return Ok(processor);
    }
    drop(processor);
    host.deactivate()?;
    host.activate(setup)
}

/// Runs the blocks on a thread of their own while this one serves the plugin's main-thread wishes.
fn run_beside<'a>(
    host: &mut dyn PluginHost,
    mut processor: Box<dyn Processor>,
    mut run: Run<'a>,
    disturb: bool,
) -> Result<Run<'a>, HostError> {
    std::thread::scope(|scope| {
        let audio_thread = scope.spawn(move || {
            let answer = run.all_blocks(&mut *processor);
            drop(processor);
            answer.map(|()| run)
        });
        while !audio_thread.is_finished() {
            host.idle();
            if disturb {
                ask_everything(host);
            }
            std::thread::sleep(Duration::from_micros(300));
        }
        audio_thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn ask_everything(host: &mut dyn PluginHost) {
    let _ = host.save_state();
    for parameter in host.parameters().iter().take(64) {
        let _ = host.value(parameter.id).and_then(|value| host.text(parameter.id, value));
    }
}

/// One pass through a performance, on the audio thread.
struct Run<'a> {
    performance: &'a Performance,
    events: Vec<TimedEvent>,
    audio: Audio,
    collected: Vec<Vec<Vec<f32>>>,
    sent: Vec<TimedEvent>,
    callbacks: Callbacks,
}

impl<'a> Run<'a> {
    fn new(performance: &'a Performance, audio: Audio) -> Self {
        let mut events = performance.events.clone();
        events.sort_by_key(|event| event.frame);
        let empty =
            |bus: &crate::host::Bus| vec![Vec::with_capacity(performance.frames as usize); bus.planes.len()];
        let collected = audio.outputs.iter().map(empty).collect();
        Self { performance, events, audio, collected, sent: Vec::new(), callbacks: Callbacks::default() }
    }

    fn all_blocks(&mut self, processor: &mut dyn Processor) -> Result<(), HostError> {
        let performance = self.performance;
        std::thread::sleep(performance.settle);
        let mut sizes = performance.blocks.sizes();
        let mut at = 0;
        while at < performance.frames {
            let planned = sizes.next().unwrap_or(1) as u64;
            let bend = performance.segments.iter().map(|segment| segment.frame).find(|&frame| frame > at);
            let bend = bend.filter(|_| performance.host.splits).unwrap_or(u64::MAX);
            let end = (at + planned).min(performance.frames).min(bend);
            let begin = match performance.empty_blocks {
                EmptyBlocks::None => at,
                EmptyBlocks::Bare => {
                    self.one_block(processor, at..at, at..at)?;
                    at
                }
                EmptyBlocks::WithEvents => {
                    self.one_block(processor, at..at, at..at + 1)?;
                    at + 1
                }
            };
            self.one_block(processor, at..end, begin..end)?;
            at = end;
        }
        Ok(())
    }

    /// Renders some frames, with the events of others.
    fn one_block(
        &mut self,
        processor: &mut dyn Processor,
        frames: Range<u64>,
        events: Range<u64>,
    ) -> Result<(), HostError> {
        let performance = self.performance;
        let (start, count) = (frames.start, (frames.end - frames.start) as usize);
        self.audio.prepare(count, LITTER);
        self.fill_inputs(start as usize, count);
        (performance.rewire)(&mut self.audio);
        let first = self.events.partition_point(|event| event.frame < events.start);
        let last = self.events.partition_point(|event| event.frame < events.end);
        let in_block = |event: &TimedEvent| Event { frame: (event.frame - start) as u32, kind: event.kind };
        let events: Vec<_> = self.events[first..last.max(first)].iter().map(in_block).collect();
        let (transport, bends) = self.time_of(&frames);
        let block =
            Block { frames: count, start, transport: transport.as_ref(), bends: &bends, events: &events };
        let begun = Instant::now();
        let sent = processor.process(&block, &mut self.audio)?;
        let took = begun.elapsed();
        self.callbacks.note(count, performance.rate, took, processor.voices());
        self.sent.extend(
            sent.iter().map(|event| TimedEvent { frame: start + u64::from(event.frame), kind: event.kind }),
        );
        for (bus, collected) in self.audio.outputs.iter().zip(&mut self.collected) {
            for (plane, all) in bus.planes.iter().zip(collected) {
                all.extend_from_slice(&plane[..count]);
            }
        }
        Ok(())
    }

    /// The host's position at a block's start, and where it bends inside.
    fn time_of(&self, frames: &Range<u64>) -> (Option<Transport>, Vec<(u32, Transport)>) {
        let (segments, kind) = (&self.performance.segments, self.performance.host);
        if !kind.transport {
            return (None, Vec::new());
        }
        let told = |segment: &Segment, frame| segment.transport_at(frame, self.performance.rate, kind.told);
        let now = segments.iter().rev().find(|segment| segment.frame <= frames.start);
        let inside =
            segments.iter().filter(|segment| frames.start < segment.frame && segment.frame < frames.end);
        let bends = inside.map(|bend| ((bend.frame - frames.start) as u32, told(bend, bend.frame)));
        (now.map(|segment| told(segment, frames.start)), bends.collect())
    }

    fn fill_inputs(&mut self, start: usize, frames: usize) {
        for (bus, sounds) in self.audio.inputs.iter_mut().zip(&self.performance.inputs) {
            for (plane, sound) in bus.planes.iter_mut().zip(sounds) {
                let rest = sound.get(start..).unwrap_or_default();
                let count = rest.len().min(frames);
                plane[..count].copy_from_slice(&rest[..count]);
            }
        }
    }
}

fn hash_of(buses: &[RenderedBus]) -> u64 {
    let planes = buses.iter().flat_map(|bus| &bus.planes);
    let bytes = planes.flat_map(|plane| plane.iter().flat_map(|sample| sample.to_bits().to_le_bytes()));
    // FNV-1a, draft-eastlake-fnv.
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_plan_repeats_and_stays_within_its_bounds() {
        let sizes: Vec<_> = BlockPlan::Random(7).sizes().take(1000).collect();
        assert_eq!(sizes, BlockPlan::Random(7).sizes().take(1000).collect::<Vec<_>>());
        assert_ne!(sizes, BlockPlan::Random(8).sizes().take(1000).collect::<Vec<_>>());
        assert!(sizes.iter().all(|&size| (1..=LARGEST_RANDOM_BLOCK).contains(&size)));
        assert!(sizes.iter().any(|&size| size > 4096) && sizes.iter().any(|&size| size < 1024));
    }
}
