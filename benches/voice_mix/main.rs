//! What a voice costs, beside the samplers of kira, oddio and firewheel in the same run.
//!
//! In: nothing; looped noise of one second in floats, every voice at its own pitch (0.8 to 1.2), gain and place (oddio has no
//! places). Out: a table of nanoseconds of processor time for each frame of each voice, the median of interleaved rounds, and
//! Busker's time over that of the fastest peer with the same interpolation. kira only has a four-point one, oddio and
//! firewheel only a line, nobody a sinc.
//!
//! `cargo bench --no-default-features --bench voice_mix [-- --rounds N] [SCENARIO …]`. Run as a test it takes a moment only.

mod busker_pool;
#[path = "../firewheel_node/mod.rs"]
mod firewheel_node;
mod peers;
#[path = "../rounds/mod.rs"]
mod rounds;

use busker::sample::Interpolation;
use cpu_time::ThreadTime;
use rounds::Options;
use rounds::median;

/// Frames per second of everything that is compared.
pub(crate) const RATE: u32 = 48_000;
/// Frames of a block.
pub(crate) const BLOCK: usize = 256;
/// Recordings that voices share.
pub(crate) const SOURCES: usize = 16;
/// Voice-frames between two looks at the clock.
const VOICE_FRAMES: usize = 8_000_000;

/// Renders a block each time it is called, and gives one of its samples.
pub(crate) type Contestant = Box<dyn FnMut() -> f32>;

/// One number of voices with recordings of one width.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    pub(crate) voices: usize,
    pub(crate) channels: usize,
}

impl Load {
    /// So that all voices together neither clip nor vanish.
    pub(crate) fn gain(self) -> f32 {
        1.0 / (self.voices as f32).sqrt()
    }

    /// Speed of a voice.
    pub(crate) fn speed(voice: usize) -> f64 {
        0.8 + 0.4 * (voice * 37 % 101) as f64 / 100.0
    }

    /// Place of a voice, -1 to 1.
    pub(crate) fn pan(voice: usize) -> f32 {
        (voice * 29 % 21) as f32 / 10.0 - 1.0
    }
}

/// A second of noise, another for each channel of each source.
pub(crate) fn noise(source: usize, channel: usize) -> Vec<f32> {
    let mut state = 1 + (2 * source + channel) as u64;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / 8_388_608.0 - 1.0
    };
    std::iter::repeat_with(next).take(RATE as usize).collect()
}

struct Scenario {
    name: String,
    load: Load,
    interpolation: Interpolation,
    /// DESIGN's budget at 1,024 voices.
    budget: Option<f64>,
}

fn scenarios() -> Vec<Scenario> {
    let mut scenarios = Vec::new();
    for (width, channels) in [("mono", 1), ("stereo", 2)] {
        let kinds = [
            ("linear", Interpolation::Linear, [0.7, 1.0]),
            ("cubic", Interpolation::Cubic, [1.0, 1.8]),
            ("sinc", Interpolation::Sinc, [f64::NAN; 2]),
        ];
        for (kind, interpolation, budgets) in kinds {
            for voices in [64, 256, 1024] {
                let budget = budgets[channels - 1]; // one or two
                scenarios.push(Scenario {
                    name: format!("{width}_{kind}/{voices}"),
                    load: Load { voices, channels },
                    interpolation,
                    budget: Some(budget).filter(|budget| budget.is_finite()),
                });
            }
        }
    }
    scenarios
}

/// Nanoseconds a voice-frame of one round.
fn timed(contestant: &mut Contestant, voices: usize, voice_frames: usize) -> f64 {
    let blocks = (voice_frames / (voices * BLOCK)).max(1);
    let began = ThreadTime::now();
    let heard: f32 = (0..blocks).map(|_| contestant().abs()).sum();
    let took = began.elapsed().as_nanos() as f64 / (blocks * BLOCK * voices) as f64;
    assert!(heard > 0.0 && heard.is_finite(), "somebody is silent");
    took
}

/// Everybody renders once a round, one after the other. Busker, and those of kira, oddio and firewheel that have the
/// interpolation.
fn compare(scenario: &Scenario, options: &Options) -> [Option<f64>; 4] {
    let Scenario { load, interpolation, .. } = *scenario;
    let line = interpolation == Interpolation::Linear;
    let mut contestants = [
        Some(busker_pool::voices(load, interpolation)),
        (interpolation == Interpolation::Cubic).then(|| peers::kira(load)).flatten(),
        line.then(|| peers::oddio(load)),
        line.then(|| peers::firewheel(load)).flatten(),
    ];
    let mut times = [const { Vec::new() }; 4];
    // The first round only warms up.
    for round in 0..=options.rounds {
        for (contestant, times) in contestants.iter_mut().zip(&mut times) {
            let Some(contestant) = contestant else { continue };
            let time = timed(contestant, load.voices, options.amount);
            if round > 0 {
                times.push(time);
            }
        }
    }
    times.map(median)
}

fn main() {
    let options = Options::from_arguments((9, VOICE_FRAMES), (1, 1));
    println!(
        "{RATE} Hz, blocks of {BLOCK} frames, ns for each frame of each voice, median of {} interleaved rounds;",
        options.rounds
    );
    println!("\"share\" is Busker's time over the fastest peer's; budgets are for 1,024 voices\n");
    println!(
        "{:<22} {:>7} {:>8} {:>8} {:>8} {:>10} {:>7}",
        "voice_mix", "budget", "busker", "kira", "oddio", "firewheel", "share"
    );
    for scenario in scenarios().iter().filter(|scenario| options.wants(&scenario.name)) {
        let [busker, kira, oddio, firewheel] = compare(scenario, &options);
        let fastest = kira.into_iter().chain(oddio).chain(firewheel).min_by(f64::total_cmp);
        let share = busker.zip(fastest).map(|(own, peer)| own / peer);
        let text = |time: Option<f64>| time.map_or("-".to_owned(), |time| format!("{time:.3}"));
        println!(
            "{:<22} {:>7} {:>8} {:>8} {:>8} {:>10} {:>7}",
            scenario.name,
            text(scenario.budget),
            text(busker),
            text(kira),
            text(oddio),
            text(firewheel),
            text(share)
        );
    }
}
