//! Every machine against the C++ that Faust makes of the same source: every bit the same, whatever its controls do.
//!
//! Needs what `cargo xtask faust --check` installs and a C++ compiler; says so where they are missing, and fails there if
//! `BUSKER_FAUST` is `required`, as in `cargo xtask test`. The C++ rounds each operation by itself and is given the functions
//! of `libm`, which are ours. The voices of an instrument are compared with as many scalar ones. The text of the generated kernels
//! is compared by `cargo xtask faust --check`.
#![allow(clippy::unwrap_used, clippy::panic)] // a test may

use busker::audio::AudioBuffer;
use busker::audio::Feed;
use busker::dsp::Level;
use busker::graph::Graph;
use busker::graph::Piece;
use busker::graph::Plan;
use busker::machine::Instrument;
use busker::machine::InstrumentKind;
use busker::machine::Machine;
use busker::machine::MachineKind;
use busker::machine::PlayedNote;
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
        // All controls come to rest in between, and have a loop of their own then.
        if block % 10 == 3 && block % 400 < 200 {
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

/// Where voices sit that are struck one after the other.
const PLACES: [f32; 8] = [0.3, -1.0, 1.0, -0.65, 0.65, -0.1, 0.1, -0.3];
/// Blocks between two keys, and for which each is held.
const APART: usize = 40;
const HELD: usize = 420;

/// A key, and the scalar voice of C++ that plays it.
struct Key {
    number: u8,
    place: f32,
    voice: Peer,
}

impl Key {
    fn note(&self) -> PlayedNote {
        PlayedNote { channel: 0, key: self.number, id: None }
    }

    /// What `synth.lib` names: gate, strike, note, slides, bend, velocity, wheel, pressure, gain, pan, place, bright, resonance, rate.
    /// Without a gate it is a voice that has never been struck, which its lane computes all the same.
    fn told(&self, gate: Option<f32>) -> [f32; 14] {
        let Some(gate) = gate else {
            return [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0];
        };
        let note = (f32::from(self.number) - 69.0) / 12.0;
        [gate, 1.0, note, 0.0, 0.0, 0.75, 0.0, 0.0, 1.0, 0.0, self.place, 0.0, 0.0, 1.0]
    }

    fn render(&mut self, gate: Option<f32>, frames: usize) -> [[f32; LONGEST]; 3] {
        let (told, mut output) = (self.told(gate).map(|value| [value; LONGEST]), [[0.0; LONGEST]; 3]);
        let mut planes = output.each_mut().map(|plane| &mut plane[..frames]);
        self.voice.compute(&told.each_ref().map(|plane| &plane[..frames]), &mut planes);
        output
    }
}

/// Halves against each other until one is left, as lanes are added up.
fn sum(mut voices: Vec<f32>) -> f32 {
    while voices.len() > 1 {
        let high = voices.split_off(voices.len() / 2);
        voices.iter_mut().zip(high).for_each(|(low, high)| *low += high);
    }
    voices[0]
}

/// Plays both; says where the first bit differs.
fn play_keys(instrument: &mut Instrument, keys: &mut [Key], random: &mut Random) -> Result<usize, String> {
    let (mut feed, mut frame) = (Feed::new(2), 0);
    for block in 0..HELD + 2 * APART * keys.len() {
        let since = |place: usize| block.checked_sub(place * APART);
        for (place, key) in keys.iter().enumerate() {
            match since(place) {
                Some(0) => instrument.strike(key.note(), 0.75),
                Some(HELD) => instrument.release(key.note()),
                _ => {}
            }
        }
        if block % 10 == 3 && block % 200 < 100 {
            let kind = instrument.kind();
            let control = random.below(kind.parameters().len());
            let position = (1.2 * random.unit() - 0.1).clamp(0.0, 1.0);
            instrument.set_parameter(control, kind.parameters()[control].value_at(position));
            let value = instrument.parameter(control).unwrap();
            keys.iter_mut().for_each(|key| key.voice.set(control, value));
        }
        let frames = LINE * (1 + random.below(LONGEST / LINE));
        feed.begin(frames);
        instrument.render(&mut feed, &(0..frames), frame);
        let voices: Vec<_> = keys
            .iter_mut()
            .enumerate()
            .map(|(place, key)| key.render(since(place).map(|age| f32::from(u8::from(age < HELD))), frames))
            .collect();
        let (left, right) = feed.open(0..frames);
        for (side, plane) in [left, right].into_iter().enumerate() {
            for (at, own) in plane.iter().enumerate() {
                let peer = 0.0 + sum(voices.iter().map(|voice| voice[side][at]).collect());
                if own.to_bits() != peer.to_bits() && (*own, peer) != (0.0, 0.0) {
                    return Err(format!("block {block}, frame {at}, side {side}: {own}, C++ {peer}"));
                }
            }
        }
        frame += frames as u64;
    }
    Ok(frame as usize)
}

fn compare_voices(workshop: &Workshop, kind: InstrumentKind) -> Result<String, String> {
    let _flushed = NoDenormals::new();
    let mut frames = 0;
    let first = workshop.build(kind.id(), Mathematics::Crate, 44_100).map_err(|error| error.to_string())?;
    assert_eq!(first.controls(), kind.parameters().len(), "{}", kind.id());
    for (rate, level) in [(44_100, Level::BASELINE), (96_000, Level::detect())] {
        let mut instrument = kind.build(SampleRate(f64::from(rate)), level);
        let lead = kind == InstrumentKind::Lead;
        let count = if lead { 1 } else { PLACES.len() };
        let mut keys: Vec<_> = (0..count)
            .map(|place| Key {
                number: 45 + 5 * place as u8,
                place: if lead { 0.0 } else { PLACES[place] },
                voice: first.another(rate),
            })
            .collect();
        let played = play_keys(&mut instrument, &mut keys, &mut Random(rate as u64));
        frames += played.map_err(|fault| format!("{rate} Hz, {level:?}, {fault}"))?;
    }
    Ok(format!("the bits of Faust's C++ for {frames} frames"))
}

fn workshop() -> Option<Workshop> {
    match Workshop::open() {
        Ok(workshop) => Some(workshop),
        Err(error) if std::env::var("BUSKER_FAUST").is_ok_and(|asked| asked == "required") => {
            panic!("{error}")
        }
        Err(error) => {
            println!("skipped: {error}");
            None
        }
    }
}

#[test]
fn every_voice_of_an_instrument_has_the_bits_of_fausts_own_cpp() {
    let Some(workshop) = workshop() else { return };
    for kind in InstrumentKind::ALL {
        let outcome = compare_voices(&workshop, *kind);
        println!("{}: {}", kind.id(), outcome.as_ref().unwrap_or_else(|fault| fault));
        assert!(outcome.is_ok());
    }
}

#[test]
fn every_machine_has_the_bits_of_fausts_own_cpp() {
    let Some(workshop) = workshop() else { return };
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
