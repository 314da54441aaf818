//! What the room of space costs the audio thread.
//!
//! In: noise. Out: processor time of a block of 64 and of 256 frames, mean, median, 99th percentile and greatest, of a room that
//! stays, of one that changes all the time, and of the network of sixteen lines alone. Rounds of a tenth of a second alternate, so
//! that what slows one down slows the others down, too.
//!
//! `cargo bench --bench room -- [--seconds S]`. Run as a test it takes a moment only.

use busker::audio::AudioBuffer;
use busker::dsp;
use busker::dsp::Fdn;
use busker::dsp::Level;
use busker::space::Room;
use busker::space::Shoebox;
use busker::units::SampleRate;
use cpu_time::ThreadTime;

const RATE: SampleRate = SampleRate(48_000.0);
const CHANNELS: usize = 16;
/// Frames of a round.
const ROUND: usize = 4_800;

/// Renders one block: the send, and where to.
type Render = Box<dyn FnMut(&[f32], &mut AudioBuffer)>;

struct Runner {
    name: &'static str,
    render: Render,
    micros: Vec<f64>,
}

impl Runner {
    fn new(name: &'static str, render: impl FnMut(&[f32], &mut AudioBuffer) + 'static) -> Self {
        Self { name, render: Box::new(render), micros: Vec::new() }
    }

    fn round(&mut self, send: &[f32], block: usize, counted: bool) {
        let mut bus = AudioBuffer::new(CHANNELS, block);
        for send in send.chunks_exact(block) {
            bus.silence();
            let before = ThreadTime::now();
            (self.render)(send, &mut bus);
            let micros = before.elapsed().as_secs_f64() * 1e6;
            if counted {
                self.micros.push(micros);
            }
        }
        std::hint::black_box(&bus);
    }

    fn row(&mut self, block: usize) -> String {
        self.micros.sort_by(f64::total_cmp);
        let count = self.micros.len();
        let at = |share: f64| self.micros.get((count as f64 * share) as usize).or(self.micros.last());
        let mean = self.micros.iter().sum::<f64>() / count.max(1) as f64;
        let [median, p99, most] = [0.5, 0.99, 1.0].map(|share| at(share).copied().unwrap_or(f64::NAN));
        format!("{:<30} {block:>6} {mean:>8.1} {median:>8.1} {p99:>8.1} {most:>8.1}", self.name)
    }
}

fn noise(frames: usize) -> Vec<f32> {
    let mut state = 3u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..frames).map(|_| next()).collect()
}

fn runners() -> Vec<Runner> {
    let level = Level::detect();
    let mut still = Room::new(RATE, level, Shoebox::default());
    let mut moving = Room::new(RATE, level, Shoebox::default());
    let mut calls = 0u32;
    let mut network = Fdn::new(
        RATE,
        level,
        dsp::Room {
            decay_s: [2.4, 2.0, 1.2],
            crossover_hz: [250.0, 2_000.0],
            size: 0.5,
            motion: 0.3,
            motion_hz: 0.4,
        },
    );
    vec![
        Runner::new("room", move |send, bus| still.process([send; 2], &mut bus.block_mut(send.len()))),
        Runner::new("room, changing all the time", move |send, bus| {
            calls += 1;
            let [long, wide, high] = Shoebox::default().size_m;
            moving.set(Shoebox { size_m: [long + (calls % 7) as f32, wide, high], ..Shoebox::default() });
            moving.process([send; 2], &mut bus.block_mut(send.len()));
        }),
        Runner::new("network alone, in stereo", move |send, bus| {
            let (left, right) = bus.stereo_mut();
            network.process([send, send], [left, right]);
        }),
    ]
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let bench = arguments.iter().any(|argument| argument == "--bench");
    let given = arguments.iter().position(|argument| argument == "--seconds");
    let seconds: usize =
        given.and_then(|at| arguments.get(at + 1)?.parse().ok()).unwrap_or(if bench { 20 } else { 1 });
    let (warm, rounds) = (if bench { 20 } else { 0 }, seconds * 10);
    println!("{} Hz, {seconds} s of noise; microseconds of processor time a block\n", RATE.0);
    println!("{:<30} {:>6} {:>8} {:>8} {:>8} {:>8}", "what", "frames", "mean", "median", "p99", "most");
    let send = noise(ROUND);
    for block in [64, 256] {
        let mut runners = runners();
        for round in 0..warm + rounds {
            runners.iter_mut().for_each(|runner| runner.round(&send, block, round >= warm));
        }
        runners.iter_mut().for_each(|runner| println!("{}", runner.row(block)));
    }
}
