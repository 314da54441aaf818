//! Claims about input strips, matrix, monitor and outputs, each rendered together as the engine does.

use super::Arrival;
use super::INPUT_CHANNEL_SOURCE;
use super::INPUT_SOURCE;
use super::Inputs;
use super::Layout;
use super::MATRIX_SOURCE;
use super::Outputs;
use super::SIDECHAIN_SOURCE;
use super::SOURCES;
use super::source_channels;
use crate::audio::Activity;
use crate::audio::AudioBlock;
use crate::audio::AudioBuffer;
use crate::audio::BLOCK_SIZE;
use crate::audio::Feed;
use crate::dsp::Level;
use crate::graph::Graph;
use crate::graph::Piece;
use crate::graph::Plan;
use crate::random::Random;
use crate::rt::Meter;
use crate::units::Decibels;
use crate::units::Gain;
use crate::units::SampleRate;

const RATE: SampleRate = SampleRate(48_000.0);
/// Frames of a ramp at that rate.
const RAMP: usize = 240;

/// A desk without strips: sources go nowhere, and outputs hold `bed` before they are finished.
struct Desk {
    layout: Layout,
    inputs: Inputs,
    meters: Vec<Meter>,
    outputs: Outputs,
    plan: Plan,
    feeds: Vec<Feed>,
    frame: u64,
    /// What the graph would have left in every output.
    bed: f32,
}

/// What some frames gave: planes of sources and of outputs.
#[derive(Default, PartialEq, Debug)]
struct Heard {
    sources: Vec<Vec<f32>>,
    outputs: Vec<Vec<f32>>,
}

impl Heard {
    fn bits(&self) -> Vec<Vec<u32>> {
        let planes = self.sources.iter().chain(&self.outputs);
        planes.map(|plane| plane.iter().map(|sample| sample.to_bits()).collect()).collect()
    }
}

/// Sources that the tests look at, channel by channel.
fn watched(layout: &Layout) -> Vec<(usize, usize)> {
    let wide = (0..layout.main_input).map(|channel| (INPUT_SOURCE, channel));
    let matrix = (0..3).flat_map(|bus| [(MATRIX_SOURCE + bus, 0), (MATRIX_SOURCE + bus, 1)]);
    let single = (0..8).map(|input| (INPUT_CHANNEL_SOURCE + input, 0));
    wide.chain(matrix).chain(single).chain([(SIDECHAIN_SOURCE, 0), (SIDECHAIN_SOURCE, 1)]).collect()
}

impl Desk {
    fn new(main_input: usize, outputs: &[usize]) -> Self {
        let layout = Layout { main_input, sidechain: 2, outputs: outputs.to_vec() };
        let mut graph = Graph::default();
        let sink = graph.add_stream("sink", 2);
        for source in 0..SOURCES {
            let node = graph.add_source(source.to_string(), source_channels(&layout, source));
            graph.connect(node, sink);
        }
        let (inputs, meters) = Inputs::new(&layout, RATE, Level::detect());
        Self {
            inputs,
            meters,
            outputs: Outputs::new(&layout, RATE, Level::detect(), false),
            plan: graph.compile().unwrap(),
            feeds: (0..SOURCES).map(|source| Feed::new(source_channels(&layout, source))).collect(),
            layout,
            frame: 0,
            bed: 0.25,
        }
    }

    /// Renders one block; input `n` brings `bring(n, frame)`.
    fn block(&mut self, frames: usize, bring: &dyn Fn(usize, u64) -> f32, heard: &mut Heard) {
        let first = self.frame;
        let plane = |input| (0..frames as u64).map(|n| bring(input, first + n)).collect::<Vec<f32>>();
        let main: Vec<_> = (0..self.layout.main_input).map(plane).collect();
        let side: Vec<_> = (0..2).map(|n| plane(self.layout.main_input + n)).collect();
        let [main, side]: [Vec<&[f32]>; 2] =
            [&main, &side].map(|planes| planes.iter().map(Vec::as_slice).collect());
        self.feeds.iter_mut().for_each(|feed| feed.begin(frames));
        let arrival =
            Arrival { frame: first, frames, main: AudioBlock::new(&main), side: AudioBlock::new(&side) };
        self.inputs.take(&arrival, Some(&self.plan), &mut self.feeds);
        let watched = watched(&self.layout);
        heard.sources.resize(watched.len(), Vec::new());
        for (plane, (source, channel)) in heard.sources.iter_mut().zip(watched) {
            match self.feeds[source].activity() {
                Activity::Sounding => plane.extend(self.feeds[source].block().channel(channel)),
                Activity::Silent => plane.resize(plane.len() + frames, 0.0),
            }
        }
        let mut memory: Vec<AudioBuffer> =
            self.layout.outputs.iter().map(|&channels| AudioBuffer::new(channels, frames)).collect();
        for output in &mut memory {
            (0..output.channels()).for_each(|channel| output.channel_mut(channel).fill(self.bed));
        }
        let mut blocks: Vec<_> = memory.iter_mut().map(|buffer| buffer.block_mut(frames)).collect();
        self.outputs.finish(&Piece { frame: first, range: 0..frames }, &mut self.inputs, &mut blocks);
        let planes = memory.iter().flat_map(|output| (0..output.channels()).map(|c| output.channel(c)));
        heard.outputs.resize(self.layout.outputs.iter().sum(), Vec::new());
        heard.outputs.iter_mut().zip(planes).for_each(|(to, from)| to.extend(from));
        self.frame += frames as u64;
    }

    fn run(&mut self, frames: usize, bring: &dyn Fn(usize, u64) -> f32) -> Heard {
        let mut heard = Heard::default();
        let end = self.frame + frames as u64;
        while self.frame < end {
            self.block(BLOCK_SIZE.min((end - self.frame) as usize), bring, &mut heard);
        }
        heard
    }

    /// The planes of a source in what `run` gave.
    fn source(&self, heard: &Heard, source: usize) -> Vec<Vec<f32>> {
        let planes = watched(&self.layout).into_iter().zip(&heard.sources);
        planes.filter(|((number, _), _)| *number == source).map(|(_, plane)| plane.clone()).collect()
    }
}

fn wave(input: usize, frame: u64) -> f32 {
    libm::sinf(frame as f32 * (0.02 + 0.013 * input as f32)) * 0.5
}

/// Every input at a constant of its own.
fn steady(input: usize, _: u64) -> f32 {
    (input + 1) as f32 / 16.0
}

fn db(level: f32) -> Gain {
    Decibels(level).into()
}

#[test]
fn a_neutral_desk_passes_the_main_input_as_it_is_and_leaves_outputs_alone() {
    for channels in [1, 2, 4, 6, 8] {
        let mut desk = Desk::new(channels, &[channels, 2]);
        desk.inputs.settle();
        let heard = desk.run(1000, &wave);
        for (channel, plane) in desk.source(&heard, INPUT_SOURCE).iter().enumerate() {
            assert!((0..1000).all(|n| plane[n].to_bits() == wave(channel, n as u64).to_bits()));
        }
        assert!(heard.outputs.iter().flatten().all(|&sample| sample == 0.25));
        assert!((0..3).all(|bus| {
            desk.source(&heard, MATRIX_SOURCE + bus).concat().iter().all(|&sample| sample == 0.0)
        }));
    }
}

#[test]
fn a_cell_ramps_from_its_frame_in_five_milliseconds_and_lands_exactly() {
    let mut desk = Desk::new(2, &[2, 2]);
    desk.inputs.settle();
    desk.run(1000, &steady);
    desk.inputs.set_to_bus(0, 1, db(0.0));
    desk.inputs.set_pan(0, 0.0);
    desk.inputs.set_to_output(1, 2, db(-6.0));
    let heard = desk.run(RAMP + 10, &steady);
    let [left, right] = &desk.source(&heard, MATRIX_SOURCE + 1)[..] else { panic!() };
    let (target, step) = (steady(0, 0) * std::f32::consts::FRAC_1_SQRT_2, 1.0 / RAMP as f32);
    for (frame, sample) in left.iter().enumerate() {
        let expected = target * ((frame + 1) as f32 * step).min(1.0);
        assert!((sample - expected).abs() < 1e-6, "frame {frame}: {sample}, not {expected}");
    }
    assert_eq!((left, left[RAMP - 1]), (right, target));
    let out = &heard.outputs[2];
    assert!(out[0] > 0.25 && out[0] < 0.251 && heard.outputs[3].iter().all(|&sample| sample == 0.25));
    assert_eq!(out[RAMP - 1..], [0.25 + steady(1, 0) * db(-6.0).0; 11]);
}

#[test]
fn sidechain_channels_follow_those_of_the_main_input() {
    for channels in [0, 1, 2, 4, 6] {
        let mut desk = Desk::new(channels, &[2, 2]);
        desk.inputs.set_to_output(channels + 1, 3, db(0.0));
        desk.inputs.settle();
        let heard = desk.run(10, &steady);
        assert_eq!(heard.outputs[3], vec![0.25 + steady(channels + 1, 0); 10]);
        assert_eq!(
            desk.source(&heard, SIDECHAIN_SOURCE),
            [vec![steady(channels, 0); 10], vec![steady(channels + 1, 0); 10]]
        );
        assert_eq!(desk.source(&heard, INPUT_CHANNEL_SOURCE + channels), [vec![steady(channels, 0); 10]]);
    }
}

#[test]
fn solo_silences_all_other_inputs_and_mute_its_own_but_not_the_hosts_sidechain() {
    let mut desk = Desk::new(2, &[2]);
    desk.inputs.set_soloed(1, true);
    desk.inputs.set_soloed(7, true); // the host has no such channel
    desk.inputs.settle();
    let single = |desk: &mut Desk| {
        let heard = desk.run(RAMP + 1, &steady);
        assert_eq!(desk.source(&heard, SIDECHAIN_SOURCE)[0][RAMP], steady(2, 0));
        [0, 1, 2].map(|input| desk.source(&heard, INPUT_CHANNEL_SOURCE + input)[0][RAMP])
    };
    assert_eq!(single(&mut desk), [0.0, steady(1, 0), 0.0]);
    desk.inputs.set_muted(1, true);
    assert_eq!(single(&mut desk), [0.0; 3]);
    desk.inputs.set_soloed(1, false);
    assert_eq!(single(&mut desk), [steady(0, 0), 0.0, steady(2, 0)]);
}

#[test]
fn the_monitor_mix_is_panned_and_goes_to_its_own_output() {
    let mut desk = Desk::new(2, &[2, 2]);
    desk.inputs.set_monitor(0, db(0.0));
    desk.inputs.set_pan(0, 1.0);
    desk.inputs.set_monitor_gain(db(-6.0));
    desk.inputs.set_monitor_output(1);
    desk.inputs.settle();
    let heard = desk.run(5, &steady);
    let expected = 0.25 + steady(0, 0) * db(-6.0).0;
    assert_eq!(heard.outputs, [[0.25; 5], [0.25; 5], [0.25; 5], [expected; 5]]);
}

#[test]
fn a_listened_input_is_alone_on_every_channel_whatever_mute_and_solo_say() {
    let mut desk = Desk::new(6, &[6, 2]);
    desk.inputs.set_trim(4, db(-12.0));
    desk.inputs.set_muted(4, true);
    desk.inputs.set_soloed(0, true);
    desk.inputs.set_monitor(0, db(0.0));
    desk.inputs.set_to_output(0, 0, db(0.0));
    desk.inputs.settle();
    let before = desk.run(500, &wave);
    desk.inputs.set_listen(Some(4));
    let during = desk.run(RAMP + 100, &wave);
    for plane in &during.outputs[..6] {
        let heard = (RAMP..RAMP + 100).all(|n| plane[n] == wave(4, 500 + n as u64) * db(-12.0).0);
        assert!(heard, "something else is heard, or the input is not");
        let step = plane.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
        assert!(step < 0.03, "a step of {step}");
    }
    assert!(during.outputs[6..].iter().flatten().all(|&sample| sample == 0.25));
    desk.inputs.set_listen(None);
    desk.run(RAMP, &wave);
    let mut never = Desk::new(6, &[6, 2]);
    never.inputs.set_trim(4, db(-12.0));
    never.inputs.set_muted(4, true);
    never.inputs.set_soloed(0, true);
    never.inputs.set_monitor(0, db(0.0));
    never.inputs.set_to_output(0, 0, db(0.0));
    never.inputs.settle();
    assert_eq!(never.run(500, &wave).bits(), before.bits());
    never.run(2 * RAMP + 100, &wave);
    assert_eq!(desk.run(500, &wave).bits(), never.run(500, &wave).bits());
}

#[test]
fn the_tone_is_heard_on_its_output_alone_even_where_that_is_turned_down() {
    let mut desk = Desk::new(2, &[2, 2]);
    desk.outputs.set_gain(2, Gain::SILENCE);
    desk.outputs.settle();
    desk.outputs.set_identify(Some(2));
    let heard = desk.run(RAMP + 480, &wave);
    let tone = &heard.outputs[2];
    let peak = tone[RAMP..].iter().fold(0.0f32, |peak, sample| peak.max(sample.abs()));
    assert!((peak - 0.1).abs() < 1e-3 && tone[0].abs() < 0.001, "{peak}");
    let rising = tone[RAMP..].windows(2).filter(|pair| pair[0] < 0.0 && pair[1] >= 0.0).count();
    assert!((9..=11).contains(&rising), "{rising} periods in 10 ms");
    assert!([0, 1, 3].iter().all(|&other| heard.outputs[other].iter().all(|&sample| sample == 0.25)));
    desk.outputs.set_identify(None);
    let heard = desk.run(RAMP + 10, &wave);
    assert_eq!(heard.outputs[2][RAMP..], [0.0; 10]);
}

#[test]
fn a_muted_output_is_silent_even_of_what_is_no_number() {
    let mut desk = Desk::new(2, &[2]);
    desk.bed = f32::INFINITY;
    desk.outputs.set_gain(0, Gain::SILENCE);
    let heard = desk.run(RAMP + 5, &wave);
    assert_eq!(heard.outputs[0][RAMP..], [0.0; 5]);
}

#[test]
fn a_sidechain_without_frames_is_silence_and_a_short_one_ends_in_it() {
    let mut desk = Desk::new(2, &[2]);
    desk.inputs.set_to_output(2, 1, db(0.0));
    desk.inputs.settle();
    let mut memory = AudioBuffer::new(2, 64);
    for (frames, given) in [(64, 0), (64, 10), (64, 64)] {
        memory.silence();
        desk.feeds.iter_mut().for_each(|feed| feed.begin(frames));
        let side = [&[0.5; 64][..given]; 2];
        let arrival = Arrival { frame: 0, frames, main: AudioBlock::new(&[]), side: AudioBlock::new(&side) };
        desk.inputs.take(&arrival, Some(&desk.plan), &mut desk.feeds);
        let mut blocks = [memory.block_mut(frames)];
        desk.outputs.finish(&Piece { frame: 0, range: 0..frames }, &mut desk.inputs, &mut blocks);
        let out = memory.channel(1);
        assert!(out[..given].iter().all(|&sample| sample == 0.5));
        assert!(out[given..].iter().all(|&sample| sample == 0.0), "{given} frames");
        let feed = &desk.feeds[SIDECHAIN_SOURCE];
        assert_eq!(feed.activity() == Activity::Sounding, given > 0);
        assert_eq!(feed.block().frames(), frames);
    }
}

/// Moves something on every 16th frame, chosen by the frame alone.
fn automate(desk: &mut Desk, frame: u64) {
    let n = (frame / 16) as usize;
    let gain = db([f32::NEG_INFINITY, -6.0, 0.0, 3.0][n / 5 % 4]);
    let (input, inputs) = (n * 7 % 4, &mut desk.inputs);
    match n % 13 {
        0 => inputs.set_trim(input, gain),
        1 => inputs.set_muted(input, n.is_multiple_of(3)),
        2 => inputs.set_soloed(input, n.is_multiple_of(5)),
        3 => inputs.set_pan(input, (n % 21) as f32 / 10.0 - 1.0),
        4..=6 => inputs.set_to_bus(input, n % 3, gain),
        7 => inputs.set_to_output(input, n % 4, gain),
        8 => inputs.set_monitor(input, gain),
        9 => inputs.set_monitor_gain(gain),
        10 => inputs.set_listen((n % 4 > 1).then_some(input)),
        11 => desk.outputs.set_gain(n % 4, gain),
        _ if n.is_multiple_of(2) => desk.outputs.set_identify((!n.is_multiple_of(3)).then_some(n % 4)),
        _ => inputs.set_monitor_output(n % 2),
    }
}

/// Now and then silent, with zeros of either sign.
fn patchy(input: usize, frame: u64) -> f32 {
    if (frame >> 7) % 5 == input as u64 % 5 { [0.0, -0.0][(frame % 2) as usize] } else { wave(input, frame) }
}

#[test]
fn the_same_bits_come_out_however_blocks_are_cut_while_everything_moves() {
    let run = |seed: u64| {
        let (mut desk, mut heard) = (Desk::new(2, &[2, 2]), Heard::default());
        let mut random = Random(seed);
        while desk.frame < 12_000 {
            // A stretch without changes lets everything come to rest.
            let (frame, quiet) = (desk.frame, (4000..7000).contains(&desk.frame));
            if !quiet && frame.is_multiple_of(16) {
                automate(&mut desk, frame);
            }
            let next = if quiet { 7008 - desk.frame } else { 16 - desk.frame % 16 };
            let frames = 1 + random.below(next.min(BLOCK_SIZE as u64)) as usize;
            desk.block(frames, &patchy, &mut heard);
        }
        heard.outputs.iter_mut().chain(&mut heard.sources).for_each(|plane| plane.truncate(12_000));
        heard.bits()
    };
    let whole = run(1);
    (2..6).for_each(|seed| assert!(run(seed) == whole, "seed {seed}"));
}

/// Everything that a meter shows.
fn shown(meter: &Meter) -> ([f32; 2], [f32; 2], [f32; 2], u64) {
    (meter.take_pre_peaks(), meter.take_peaks(), meter.rms(), meter.clips())
}

#[test]
fn an_input_meter_shows_what_came_and_what_trim_mute_and_solo_leave() {
    let mut desk = Desk::new(2, &[2]);
    desk.inputs.set_trim(0, Gain(0.5));
    desk.inputs.set_trim(1, Gain(4.0));
    desk.inputs.set_muted(2, true);
    desk.inputs.settle();
    desk.run(15_000, &steady);
    let [first, second, third, ..] = &desk.meters[..] else { unreachable!() };
    assert_eq!(shown(first), ([0.0625; 2], [0.03125; 2], [0.03125; 2], 0));
    assert_eq!(shown(second).1, [0.5; 2]);
    assert_eq!(shown(third), ([0.1875; 2], [0.0; 2], [0.0; 2], 0));
    desk.inputs.set_soloed(1, true);
    desk.inputs.settle();
    desk.run(15_000, &|input, _| if input == 1 { -0.75 } else { 0.5 });
    let [first, second, third, fourth, fifth, ..] = &desk.meters[..] else { unreachable!() };
    assert_eq!(shown(first), ([0.5; 2], [0.0; 2], [0.0; 2], 0));
    assert_eq!(shown(second), ([0.75; 2], [3.0; 2], [3.0; 2], 15_000));
    assert_eq!((shown(third).0, shown(fourth).0), ([0.5; 2], [0.5; 2]));
    assert_eq!(shown(fifth), ([0.0; 2], [0.0; 2], [0.0; 2], 0), "there are four inputs");
    desk.run(20_000, &|_, _| 0.0);
    assert_eq!(shown(&desk.meters[1]), ([0.0; 2], [0.0; 2], [0.0; 2], 15_000));
    desk.run(15_000, &steady);
    desk.inputs.reset();
    assert_eq!(desk.meters[1].rms(), [0.0; 2]);
}

#[test]
fn input_meters_do_not_depend_on_how_blocks_are_cut() {
    let run = |sizes: &[usize]| {
        let (mut desk, mut heard) = (Desk::new(2, &[2]), Heard::default());
        let mut sizes = sizes.iter().cycle();
        for moment in 0..4u64 {
            desk.inputs.set_trim(0, Gain(1.5 * moment as f32));
            desk.inputs.set_muted(1, moment % 2 == 1);
            desk.inputs.set_soloed(2, moment == 2);
            while desk.frame < (moment + 1) * 6_000 {
                let left = (moment + 1) * 6_000 - desk.frame;
                let size = sizes.next().map_or(1, |&size| size.min(left as usize));
                desk.block(size, &|input, frame| 1.4 * wave(input, frame), &mut heard);
            }
        }
        desk.meters.iter().map(shown).collect::<Vec<_>>()
    };
    let whole = run(&[256]);
    assert!(whole[0].3 > 0 && whole[2].2[0] > 0.1);
    for sizes in [&[1][..], &[7, 64, 255], &[100, 3, 221]] {
        for (cut, whole) in run(sizes).into_iter().zip(&whole) {
            assert_eq!((cut.0, cut.1, cut.3), (whole.0, whole.1, whole.3), "{sizes:?}");
            assert!(
                (cut.2[0] - whole.2[0]).abs() < 1e-6 && cut.2[1] == cut.2[0],
                "sums round off: {sizes:?}"
            );
        }
    }
}
