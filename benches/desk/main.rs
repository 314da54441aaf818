//! What the desk costs, beside the volume and pan nodes of fundsp and firewheel in the same run.
//!
//! In: nothing; every scenario makes its own sound. Out: a table of nanoseconds of processor time for each frame of each
//! channel, the median of interleaved rounds, and Busker's time over the faster peer's. Busker's strips always measure
//! (peaks before and after the gain, RMS, clips); the peers' nodes only multiply.
//!
//! `cargo bench --no-default-features --bench desk [-- --rounds N] [SCENARIO …]`. Run as a test it takes a moment only.

mod busker_desk;
#[path = "../firewheel_node/mod.rs"]
mod firewheel_node;
mod firewheel_nodes;
mod fundsp_nodes;
#[path = "../rounds/mod.rs"]
mod rounds;

use cpu_time::ThreadTime;
use rounds::Options;
use rounds::median;
use std::f32::consts::FRAC_PI_4;

/// Frames per second of everything that is compared.
pub(crate) const RATE: u32 = 48_000;
/// Frames of a block.
pub(crate) const BLOCK: usize = 256;
/// Blocks between two looks at the clock.
const BLOCKS: usize = 500;

/// Renders a block each time it is called.
pub(crate) type Contestant = Box<dyn FnMut()>;

/// Everybody's way of rendering one scene.
struct Scenario {
    name: &'static str,
    /// Channels whose frames are counted.
    channels: usize,
    /// DESIGN's budget, in nanoseconds a channel-frame.
    budget: Option<f64>,
    busker: Contestant,
    fundsp: Option<Contestant>,
    firewheel: Option<Contestant>,
}

/// Left or right of a sine that is loud enough to be worth measuring, and never clips.
pub(crate) fn sine(channel: usize) -> Vec<f32> {
    let step = 0.01 + 0.003 * channel as f32;
    (0..BLOCK).map(|n| 0.4 * (n as f32 * step + FRAC_PI_4).sin()).collect()
}

/// Gain of a strip that is neither at unity nor silent.
pub(crate) const GAIN: f32 = 0.7;
/// Its place, a little to the left.
pub(crate) const PAN: f32 = -0.25;

fn scenarios() -> Vec<Scenario> {
    use busker_desk as busker;
    use busker_desk::Work;
    use firewheel_nodes as firewheel;
    use fundsp_nodes as fundsp;
    vec![
        Scenario {
            name: "strip_block/neutral",
            channels: 2,
            budget: Some(0.25),
            busker: busker::strip(Work::Neutral),
            fundsp: Some(fundsp::strip(1.0, 0.0)),
            firewheel: Some(firewheel::strip(1.0, 0.0)),
        },
        Scenario {
            name: "strip_block/gain_pan",
            channels: 2,
            budget: Some(0.25),
            busker: busker::strip(Work::Gain),
            fundsp: Some(fundsp::strip(GAIN, PAN)),
            firewheel: Some(firewheel::strip(GAIN, PAN)),
        },
        Scenario {
            name: "strip_block/moving",
            channels: 2,
            budget: None,
            busker: busker::strip(Work::Moving),
            fundsp: Some(fundsp::moving_strip()),
            firewheel: Some(firewheel::moving_strip()),
        },
        Scenario {
            name: "strip_block/everything",
            channels: 2,
            budget: None,
            busker: busker::strip(Work::Everything),
            fundsp: None,
            firewheel: None,
        },
        Scenario {
            name: "strip_block/silent",
            channels: 2,
            budget: None,
            busker: busker::strip(Work::Silent),
            fundsp: None,
            firewheel: None,
        },
        Scenario {
            name: "matrix_8x16",
            channels: 32,
            budget: None,
            busker: busker::matrix(),
            fundsp: Some(fundsp::matrix()),
            firewheel: Some(firewheel::matrix()),
        },
        Scenario {
            name: "desk_16_buses",
            channels: 32,
            budget: None,
            busker: busker::desk(),
            fundsp: Some(fundsp::desk()),
            firewheel: Some(firewheel::desk()),
        },
    ]
}

/// Nanoseconds a channel-frame of one round.
fn timed(contestant: &mut Contestant, blocks: usize, channels: usize) -> f64 {
    let began = ThreadTime::now();
    (0..blocks).for_each(|_| contestant());
    began.elapsed().as_nanos() as f64 / (blocks * BLOCK * channels) as f64
}

/// Everybody renders once a round, one after the other.
fn compare(scenario: &mut Scenario, options: &Options) -> [Option<f64>; 3] {
    let Scenario { busker, fundsp, firewheel, channels, .. } = scenario;
    let mut contestants = [Some(busker), fundsp.as_mut(), firewheel.as_mut()];
    let mut times = [const { Vec::new() }; 3];
    // The first round only warms up.
    for round in 0..=options.rounds {
        for (contestant, times) in contestants.iter_mut().zip(&mut times) {
            if let Some(contestant) = contestant {
                let time = timed(contestant, options.amount, *channels);
                if round > 0 {
                    times.push(time);
                }
            }
        }
    }
    times.map(median)
}

fn main() {
    let options = Options::from_arguments((21, BLOCKS), (1, 2));
    println!(
        "{RATE} Hz, blocks of {BLOCK} frames, ns for each frame of each channel, median of {} interleaved rounds;",
        options.rounds
    );
    println!("\"share\" is Busker's time over the faster peer's\n");
    println!(
        "{:<24} {:>8} {:>8} {:>8} {:>9} {:>10} {:>7}",
        "scenario", "channels", "budget", "busker", "fundsp", "firewheel", "share"
    );
    for mut scenario in scenarios().into_iter().filter(|scenario| options.wants(scenario.name)) {
        let [busker, fundsp, firewheel] = compare(&mut scenario, &options);
        let faster = fundsp.into_iter().chain(firewheel).min_by(f64::total_cmp);
        let share = busker.zip(faster).map(|(own, peer)| own / peer);
        let text = |time: Option<f64>| time.map_or("-".to_owned(), |time| format!("{time:.3}"));
        println!(
            "{:<24} {:>8} {:>8} {:>8} {:>9} {:>10} {:>7}",
            scenario.name,
            scenario.channels,
            text(scenario.budget),
            text(busker),
            text(fundsp),
            text(firewheel),
            text(share)
        );
    }
}
