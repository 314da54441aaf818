//! Every machine against the C++ that Faust makes of the same source: every bit the same, whatever its controls do.
//!
//! Needs what `cargo xtask faust --check` installs and a C++ compiler; says so where they are missing, and fails there if
//! `BUSKER_FAUST` is `required`, as in `cargo xtask test`. The C++ rounds each operation by itself and is given the functions
//! of `libm`, which are ours. Instruments and the text of the generated kernels are compared by `cargo xtask faust --check`.
#![allow(clippy::unwrap_used, clippy::panic)] // a test may

use busker::audio::AudioBuffer;
use busker::audio::Feed;
use busker::dsp::Level;
use busker::graph::Graph;
use busker::graph::Piece;
use busker::graph::Plan;
use busker::machine::Machine;
use busker::machine::MachineKind;
use busker::rt::NoDenormals;
use busker::units::SampleRate;
use xtask::faust::Mathematics;
use xtask::faust::Peer;
use xtask::faust::Workshop;

const LINE: usize = 64;
const LONGEST: usize = 4 * LINE;
const BLOCKS: usize = 1_500;

/// xorshift64*.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % end
    }

    fn unit(&mut self) -> f32 {
        self.below(1 << 24) as f32 / (1 << 24) as f32
    }
}

/// A machine in a plan, as a strip plays it.
struct Ours {
    plan: Plan,
    machine: [Machine; 1],
    feeds: [Feed; 2],
    frame: u64,
}

impl Ours {
    fn new(kind: MachineKind, rate: SampleRate, level: Level) -> Self {
        let mut graph = Graph::default();
        let (source, side) = (graph.add_source("source", 2), graph.add_source("side", 2));
        let (machine, output) = (graph.add_stream("machine", 2), graph.add_output("output", 2));
        graph.connect(source, machine);
        graph.connect(machine, output);
        graph.connect_side(side, machine);
        let machine = [*kind.build(rate, level)];
        let plan = graph.compile().unwrap().at_level(level);
        Self { plan, machine, feeds: [Feed::new(2), Feed::new(2)], frame: 0 }
    }

    fn render(&mut self, input: &[AudioBuffer; 2], output: &mut AudioBuffer, frames: usize) {
        self.feeds.iter_mut().zip(input).for_each(|(feed, input)| feed.copy(&input.block(frames)));
        let piece = Piece { frame: self.frame, range: 0..frames };
        self.plan.run(&piece, &self.feeds, &mut self.machine[..], &mut [output.block_mut(frames)]);
        self.frame += frames as u64;
    }
}

/// Loud and quiet noise by turns, never silent: then the machine never sleeps.
fn fill(input: &mut [AudioBuffer; 2], block: usize, random: &mut Random) {
    let loudness = [1.0, 1.0e-3, 0.1][block / 50 % 3];
    for (input, loudness) in input.iter_mut().zip([loudness, 1.1 - loudness]) {
        for channel in 0..2 {
            input.channel_mut(channel).fill_with(|| loudness * (2.0 * random.unit() - 1.0) + 1.0e-9);
        }
    }
}

/// A control that has moved on both sides.
fn turn(kind: MachineKind, ours: &mut Machine, theirs: &mut Peer, random: &mut Random) {
    let control = random.below(kind.parameters().len());
    // The ends of its range, too.
    let position = (1.2 * random.unit() - 0.1).clamp(0.0, 1.0);
    ours.set_parameter(control, kind.parameters()[control].value_at(position));
    theirs.set(control, ours.parameter(control).unwrap());
}

/// Plays both; says where the first bit differs.
fn play(kind: MachineKind, theirs: &mut Peer, (rate, level): (SampleRate, Level)) -> Result<usize, String> {
    let (mut ours, mut random) = (Ours::new(kind, rate, level), Random(rate.0 as u64));
    let stereo = || AudioBuffer::new(2, LONGEST);
    let (mut input, mut output, mut expected) = ([stereo(), stereo()], stereo(), stereo());
    for block in 0..BLOCKS {
        fill(&mut input, block, &mut random);
        if block % 10 == 3 {
            turn(kind, &mut ours.machine[0], theirs, &mut random);
        }
        let frames = LINE * (1 + random.below(LONGEST / LINE));
        ours.render(&input, &mut output, frames);
        let planes = [0, 1]
            .map(|channel| [&input[0].channel(channel)[..frames], &input[1].channel(channel)[..frames]]);
        let (left, right) = expected.stereo_mut();
        let inputs = [planes[0][0], planes[1][0], planes[0][1], planes[1][1]];
        theirs.compute(&inputs, &mut [&mut left[..frames], &mut right[..frames]]);
        for channel in 0..2 {
            let pairs = output.channel(channel)[..frames].iter().zip(&expected.channel(channel)[..frames]);
            if let Some((at, (own, peer))) =
                pairs.enumerate().find(|(_, (own, peer))| own.to_bits() != peer.to_bits())
            {
                return Err(format!("{} Hz, block {block}, frame {at}: {own}, C++ {peer}", rate.0));
            }
        }
    }
    Ok(ours.frame as usize)
}

fn compare(workshop: &Workshop, kind: MachineKind) -> Result<String, String> {
    let _flushed = NoDenormals::new();
    let (settings, mut frames) = ([(44_100, Level::BASELINE), (96_000, Level::detect())], 0);
    let built = workshop.build(kind.id(), Mathematics::Crate, settings[0].0);
    let mut peer = built.map_err(|error| error.to_string())?;
    assert_eq!(peer.controls(), kind.parameters().len(), "{}", kind.id());
    for (rate, level) in settings {
        peer.start(rate);
        frames += play(kind, &mut peer, (SampleRate(f64::from(rate)), level))?;
    }
    Ok(format!("the bits of Faust's C++ for {frames} frames"))
}

#[test]
fn every_machine_has_the_bits_of_fausts_own_cpp() {
    let workshop = match Workshop::open() {
        Ok(workshop) => workshop,
        Err(error) if std::env::var("BUSKER_FAUST").is_ok_and(|asked| asked == "required") => {
            panic!("{error}")
        }
        Err(error) => return println!("skipped: {error}"),
    };
    let sources = xtask::faust::names().unwrap();
    let kinds: Vec<MachineKind> = sources.iter().filter_map(|name| MachineKind::from_id(name)).collect();
    assert!(kinds.len() >= 12, "{sources:?}");
    let outcomes: Vec<(MachineKind, Result<String, String>)> = std::thread::scope(|scope| {
        let halves = kinds.chunks(kinds.len().div_ceil(2)).map(|half| {
            scope.spawn(|| half.iter().map(|kind| (*kind, compare(&workshop, *kind))).collect::<Vec<_>>())
        });
        let halves: Vec<_> = halves.collect();
        halves.into_iter().flat_map(|half| half.join().unwrap()).collect()
    });
    for (kind, outcome) in &outcomes {
        println!("{}: {}", kind.id(), outcome.as_ref().unwrap_or_else(|fault| fault));
    }
    assert!(outcomes.iter().all(|(_, outcome)| outcome.is_ok()));
}
