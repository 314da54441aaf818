//! Busker's side: a plan with one strip, the matrix of inputs, and the whole desk behind an engine.

use crate::BLOCK;
use crate::Contestant;
use crate::GAIN;
use crate::PAN;
use crate::RATE;
use crate::sine;
use busker::audio::AudioBlock;
use busker::audio::AudioBuffer;
use busker::audio::Feed;
use busker::dsp::Level;
use busker::engine;
use busker::engine::Call;
use busker::engine::EngineConfig;
use busker::engine::ParameterSpec;
use busker::engine::ParameterValues;
use busker::engine::Setup;
use busker::engine::Target;
use busker::engine::Worker;
use busker::graph::Graph;
use busker::graph::Piece;
use busker::graph::Plan;
use busker::mixer::Arrival;
use busker::mixer::BUSES;
use busker::mixer::INPUT_CHANNELS;
use busker::mixer::Inputs;
use busker::mixer::Layout;
use busker::mixer::MASTER;
use busker::mixer::RETURNS;
use busker::mixer::Routing;
use busker::mixer::SOURCES;
use busker::mixer::Strip;
use busker::mixer::source_channels;
use busker::units::Decibels;
use busker::units::Gain;
use busker::units::SampleRate;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

const SAMPLE_RATE: SampleRate = SampleRate(RATE as f64);

/// What a strip is asked to do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// Nothing but measure.
    Neutral,
    /// Gain and balance at rest.
    Gain,
    /// Both move in every block.
    Moving,
    /// Moving, and duck, both sends, soft clip and limiter, all of which act.
    Everything,
    /// Nothing comes.
    Silent,
}

/// A stereo feed of sines.
fn feed(first: usize, level: f32) -> Feed {
    let mut feed = Feed::new(2);
    let mut sines = sines(first, 2);
    (0..2).for_each(|channel| sines.channel_mut(channel).iter_mut().for_each(|sample| *sample *= level));
    feed.copy(&sines.block(BLOCK));
    feed
}

/// Some channels of sines.
fn sines(first: usize, channels: usize) -> AudioBuffer {
    let mut sines = AudioBuffer::new(channels, BLOCK);
    (0..channels).for_each(|channel| sines.channel_mut(channel).copy_from_slice(&sine(first + channel)));
    sines
}

fn set_up(strip: &mut Strip, work: Work) {
    if matches!(work, Work::Gain | Work::Moving | Work::Everything) {
        strip.set_gain(Gain(GAIN));
        strip.set_pan(PAN);
    }
    if work == Work::Everything {
        strip.set_send(0, Gain(0.5));
        strip.set_send_pre(0, true);
        strip.set_send(1, Gain(0.25));
        strip.set_duck_amount(0.5);
        strip.set_soft_clip(true);
        strip.set_ceiling(Gain(0.5));
        strip.set_limiter(true);
    }
    strip.settle();
}

/// One strip between a source and an output of the host.
pub(crate) fn strip(work: Work) -> Contestant {
    let mut graph = Graph::default();
    let (source, side) = (graph.add_source("source", 2), graph.add_source("side", 2));
    let (strip, output) = (graph.add_stream("strip", 2), graph.add_output("output", 2));
    graph.connect(source, strip);
    graph.connect(strip, output);
    graph.connect_side(side, strip);
    let (level, Ok(plan)) = (Level::from_environment(), graph.compile()) else { return Box::new(|| {}) };
    let (mut plan, (mut strip, _meter)) = (plan.at_level(level), Strip::new(SAMPLE_RATE, level));
    set_up(&mut strip, work);
    let (level, silent) = (if work == Work::Everything { 2.4 } else { 1.0 }, Feed::new(2));
    let feeds = if work == Work::Silent { [silent.clone(), silent] } else { [feed(0, level), feed(2, 1.0)] };
    let mut streams = [strip];
    let (mut memory, mut frame) = (AudioBuffer::new(2, BLOCK), 0);
    Box::new(move || {
        if matches!(work, Work::Moving | Work::Everything) {
            let up = (frame / BLOCK as u64).is_multiple_of(2);
            streams[0].set_gain(Gain(if up { GAIN } else { 0.5 * GAIN }));
            streams[0].set_pan(if up { PAN } else { -PAN });
        }
        run(&mut plan, &mut frame, &feeds, &mut streams, &mut memory);
    })
}

fn run(plan: &mut Plan, frame: &mut u64, feeds: &[Feed], streams: &mut [Strip], memory: &mut AudioBuffer) {
    let piece = Piece { frame: *frame, range: 0..BLOCK };
    plan.run(&piece, feeds, streams, &mut [memory.block_mut(BLOCK)]);
    *frame += BLOCK as u64;
}

/// Eight inputs, each to all sixteen stereo buses.
pub(crate) fn matrix() -> Contestant {
    let layout = Layout { main_input: INPUT_CHANNELS, sidechain: 0, outputs: vec![INPUT_CHANNELS] };
    let routing = Routing { input: None, ..Routing::default() };
    let Ok(plan) = routing.compile(&layout) else { return Box::new(|| {}) };
    let (mut inputs, _meters) = Inputs::new(&layout, SAMPLE_RATE, Level::from_environment());
    for input in 0..INPUT_CHANNELS {
        (0..BUSES).for_each(|bus| inputs.set_to_bus(input, bus, cell(input, bus)));
        inputs.set_pan(input, input as f32 / 4.0 - 1.0);
    }
    inputs.settle();
    let mut feeds: Vec<Feed> =
        (0..SOURCES).map(|source| Feed::new(source_channels(&layout, source))).collect();
    let sines = sines(0, INPUT_CHANNELS);
    let mut frame = 0;
    Box::new(move || {
        feeds.iter_mut().for_each(|feed| feed.begin(BLOCK));
        let arrival = Arrival { frame, frames: BLOCK, main: sines.block(BLOCK), side: AudioBlock::new(&[]) };
        inputs.take(&arrival, Some(&plan), &mut feeds);
        frame += BLOCK as u64;
    })
}

/// Gain of a crosspoint.
pub(crate) fn cell(input: usize, bus: usize) -> Gain {
    Gain(0.1 + 0.02 * input as f32 + 0.01 * bus as f32)
}

/// The whole desk: sixteen buses, two of them on each of eight inputs, with gain, pan and both sends, two returns, the
/// master with its gain, and the loudness of what leaves.
pub(crate) fn desk() -> Contestant {
    let table: Arc<[ParameterSpec]> = engine::table().into();
    let values = Arc::new(ParameterValues::new(&table));
    let layout = Layout { main_input: 2, sidechain: INPUT_CHANNELS - 2, outputs: vec![2] };
    let config = EngineConfig {
        rate: SAMPLE_RATE,
        layout,
        table: Arc::clone(&table),
        values: Arc::clone(&values),
        level: Level::from_environment(),
        look_ahead: false,
    };
    let (_control, mut engine, mut worker) = engine::new(config);
    let mut routing = Routing { input: None, ..Routing::default() };
    routing.buses.iter_mut().for_each(|bus| bus.channels = Some(2));
    if worker.apply(&Setup { routing, ..Setup::default() }).is_err() {
        return Box::new(|| {});
    }
    let set = |target: Target, value: f32| {
        if let Some(index) = table.iter().position(|spec| spec.target == target) {
            values.set(index, value);
        }
    };
    let decibels = |gain| Decibels::from(Gain(gain)).0;
    for bus in 0..BUSES {
        set(Target::InputToBus { input: bus / 2, bus }, 0.0);
        set(Target::StripGain(bus), decibels(GAIN));
        set(Target::StripPan(bus), PAN);
        (0..RETURNS).for_each(|send| set(Target::SendLevel { strip: bus, send }, decibels(0.25)));
    }
    set(Target::StripGain(MASTER), decibels(0.25));
    let (main, side) = (sines(0, 2), sines(2, INPUT_CHANNELS - 2));
    let mut memory = AudioBuffer::new(2, BLOCK);
    let alive = tend(worker);
    Box::new(move || {
        let _ = &alive;
        (0..2).for_each(|channel| memory.channel_mut(channel).copy_from_slice(main.channel(channel)));
        let call = Call { frames: BLOCK, transport: None, events: &[] };
        engine.render(&call, Some(&side.block(BLOCK)), &mut [memory.block_mut(BLOCK)]);
    })
}

/// Lets the worker take off what leaves, on a thread of its own, as long as what comes back is held.
fn tend(mut worker: Worker) -> Arc<()> {
    let alive = Arc::new(());
    let watched = Arc::downgrade(&alive);
    thread::spawn(move || {
        while watched.strong_count() > 0 {
            worker.poll();
            thread::sleep(Duration::from_millis(10));
        }
    });
    alive
}
