//! What each Faust machine costs, beside the C++ that Faust makes of the same source, in the same run.
//!
//! In: noise, and every control at its default. Out: a table of nanoseconds of processor time a frame, in blocks of 256, the median
//! of interleaved rounds, and Busker's time over the C++'s. Ours is the machine as a strip plays it: a node in a plan, which
//! also looks for silence and for samples that are no sound, at the SIMD level of this machine (`BUSKER_SIMD=sse2` for the plain
//! one). Instruments hold as many keys as a group of lanes has voices, against as many instances of the C++, which nobody adds up.
//! The C++ is compiled at -O3 for the target's plain instruction set by the system's compiler; where that or Faust's is missing (`cargo xtask faust --check` installs it), ours is shown alone.
//!
//! `cargo bench --no-default-features --bench machines [-- --rounds N] [MACHINE …]`. Run as a test it takes a moment only.

#[path = "../rounds/mod.rs"]
mod rounds;

use busker::audio::AudioBuffer;
use busker::audio::Feed;
use busker::dsp::Level;
use busker::graph::Graph;
use busker::graph::Piece;
use busker::machine::InstrumentKind;
use busker::machine::MachineKind;
use busker::machine::PlayedNote;
use busker::rt::NoDenormals;
use busker::units::SampleRate;
use cpu_time::ThreadTime;
use rounds::Options;
use rounds::median;
use xtask::faust::Mathematics;
use xtask::faust::Peer;
use xtask::faust::Workshop;

const RATE: i32 = 48_000;
/// Frames of a block.
const BLOCK: usize = 256;
/// A stereo input and a stereo sidechain.
const PLANES: usize = 4;

/// Renders a block each time it is called.
type Contestant = Box<dyn FnMut()>;

/// The same for everybody.
fn noise() -> AudioBuffer {
    let (mut noise, mut state) = (AudioBuffer::new(PLANES, BLOCK), 1u64);
    for plane in 0..PLANES {
        for sample in noise.channel_mut(plane) {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *sample = (state >> 40) as f32 / (1 << 23) as f32 - 1.0;
        }
    }
    noise
}

/// A machine between a source and an output of the host.
fn ours(kind: MachineKind) -> Option<Contestant> {
    let mut graph = Graph::default();
    let (source, side) = (graph.add_source("source", 2), graph.add_source("side", 2));
    let (machine, output) = (graph.add_stream("machine", 2), graph.add_output("output", 2));
    graph.connect(source, machine);
    graph.connect(machine, output);
    graph.connect_side(side, machine);
    let level = Level::from_environment();
    let mut plan = graph.compile().ok()?.at_level(level);
    let noise = noise();
    let feeds = [0, 2].map(|first| {
        let (mut sound, mut feed) = (AudioBuffer::new(2, BLOCK), Feed::new(2));
        (0..2).for_each(|side| sound.channel_mut(side).copy_from_slice(noise.channel(first + side)));
        feed.copy(&sound.block(BLOCK));
        feed
    });
    let mut streams = [*kind.build(SampleRate(f64::from(RATE)), level)];
    let (mut memory, mut frame) = (AudioBuffer::new(2, BLOCK), 0);
    Some(Box::new(move || {
        let piece = Piece { frame, range: 0..BLOCK };
        plan.run(&piece, &feeds, &mut streams[..], &mut [memory.block_mut(BLOCK)]);
        frame += BLOCK as u64;
    }))
}

/// Keys that an instrument holds.
fn keys(kind: InstrumentKind) -> std::ops::Range<u8> {
    match kind {
        InstrumentKind::Lead => 57..58,
        _ => 57..65,
    }
}

/// An instrument that holds keys.
fn our_instrument(kind: InstrumentKind) -> Contestant {
    let mut instrument = kind.build(SampleRate(f64::from(RATE)), Level::from_environment());
    keys(kind).for_each(|key| instrument.strike(PlayedNote { channel: 0, key, id: None }, 0.8));
    let (mut feed, mut frame) = (Feed::new(2), 0);
    Box::new(move || {
        feed.begin(BLOCK);
        instrument.render(&mut feed, &(0..BLOCK), frame);
        frame += BLOCK as u64;
    })
}

/// Faust's C++ of its voices, each told the same on every frame, in the order of `synth.lib`.
fn their_instrument(workshop: &Workshop, kind: InstrumentKind) -> Option<Contestant> {
    let first = peer(workshop, kind.id())?;
    let voice = |key: u8| {
        let note = (f32::from(key) - 69.0) / 12.0;
        let told = [1.0, 1.0, note, 0.0, 0.0, 0.8, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0];
        (first.another(RATE), told.map(|value| [value; BLOCK]))
    };
    let mut voices: Vec<_> = keys(kind).map(voice).collect();
    let mut output = [[0.0; BLOCK]; 3];
    Some(Box::new(move || {
        for (peer, told) in &mut voices {
            let [left, right, level] = &mut output;
            peer.compute(&told.each_ref().map(|plane| &plane[..]), &mut [left, right, level]);
        }
    }))
}

fn peer(workshop: &Workshop, id: &str) -> Option<Peer> {
    let peer = workshop.build(id, Mathematics::Platform, RATE);
    peer.inspect_err(|error| println!("{id}: no C++: {error}")).ok()
}

/// Faust's C++ of the same source.
fn theirs(workshop: &Workshop, kind: MachineKind) -> Option<Contestant> {
    let mut peer = peer(workshop, kind.id())?;
    let (noise, mut output) = (noise(), [[0.0; BLOCK]; 2]);
    Some(Box::new(move || {
        let [left, right] = &mut output;
        let inputs: [&[f32]; PLANES] = std::array::from_fn(|plane| noise.channel(plane));
        peer.compute(&inputs, &mut [left, right]);
    }))
}

/// Ours, and theirs where there is one.
type Pair = (Contestant, Option<Contestant>);

/// Nanoseconds of processor time a frame.
fn time(contestant: &mut Contestant, blocks: usize) -> f64 {
    let before = ThreadTime::now();
    (0..blocks).for_each(|_| contestant());
    before.elapsed().as_secs_f64() * 1e9 / (blocks * BLOCK) as f64
}

/// Medians of both; ratio where both are there.
fn compare(id: &str, (mut ours, mut theirs): Pair, options: &Options) -> Option<f64> {
    let (mut times, mut peer_times) = (Vec::new(), Vec::new());
    for _ in 0..options.rounds {
        times.push(time(&mut ours, options.amount));
        peer_times.extend(theirs.as_mut().map(|theirs| time(theirs, options.amount)));
    }
    let own = median(times)?;
    let Some(peer) = median(peer_times) else {
        println!("{id:<12} {own:>8.2}");
        return None;
    };
    println!("{id:<12} {own:>8.2} {peer:>8.2} {:>8.2}", own / peer);
    Some(own / peer)
}

fn main() {
    let options = Options::from_arguments((31, 200), (1, 1));
    let _flushed = NoDenormals::new();
    // A test has no time for a compiler.
    let benches = std::env::args().any(|argument| argument == "--bench");
    let workshop = benches
        .then(Workshop::open)
        .and_then(|workshop| workshop.inspect_err(|error| println!("without Faust's C++: {error}")).ok());
    println!(
        "nanoseconds of processor time a frame at {RATE} Hz, blocks of {BLOCK}, {} rounds\n",
        options.rounds
    );
    println!("{:<12} {:>8} {:>8} {:>8}", "machine", "busker", "C++ -O3", "ratio");
    let generated = xtask::faust::names().unwrap_or_default();
    let kinds = MachineKind::ALL.iter().filter(|kind| generated.iter().any(|name| name == kind.id()));
    let workshop = workshop.as_ref();
    let machines = kinds.filter(|kind| options.wants(kind.id())).filter_map(|kind| {
        let theirs = workshop.and_then(|workshop| theirs(workshop, *kind));
        compare(kind.id(), (ours(*kind)?, theirs), &options)
    });
    let ratios: Vec<f64> = machines.collect();
    for kind in InstrumentKind::ALL.iter().filter(|kind| options.wants(kind.id())) {
        let theirs = workshop.and_then(|workshop| their_instrument(workshop, *kind));
        compare(kind.id(), (our_instrument(*kind), theirs), &options);
    }
    if let Some(middle) = median(ratios) {
        println!("\nmedian ratio of the machines {middle:.2}");
    }
}
