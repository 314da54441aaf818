//! What reverberation costs the audio thread, beside fft-convolver and fundsp in the same run.
//!
//! In: a stereo response of six seconds of noise that dies away, and noise. Out: processor time of a block of 64 and of 256 frames,
//! mean, median, 99th percentile and greatest, and Busker's share of each peer's. All convolutions are of left to left and of right
//! to right; the peer's are two of one channel each. Rooms: Busker's network of 16 lines beside fundsp's of 32. Rounds of half a
//! second alternate, so that what slows one down slows the others down, too.
//!
//! `cargo bench --bench convolution_6s -- [--seconds S]`. Run as a test it takes a moment only.

use busker::dsp::Convolver;
use busker::dsp::Fdn;
use busker::dsp::Level;
use busker::dsp::Response;
use busker::dsp::Room;
use busker::units::SampleRate;
use cpu_time::ThreadTime;
use fft_convolver::FFTConvolver;
use fft_convolver::TwoStageFFTConvolver;
use fundsp::prelude::AudioUnit;
use fundsp::prelude::BufferArray;
use fundsp::prelude::U2;
use fundsp::prelude::reverb_stereo;
use std::sync::Arc;

const RATE: usize = 48_000;
const SECONDS: usize = 6;
/// Frames of a round.
const ROUND: usize = RATE / 2;

type Planes = [Vec<f32>; 2];

/// Renders one block: what came in, and where to.
type Render = Box<dyn FnMut([&[f32]; 2], [&mut [f32]; 2])>;

struct Runner {
    name: &'static str,
    render: Render,
    micros: Vec<f64>,
}

impl Runner {
    fn new(name: &'static str, render: impl FnMut([&[f32]; 2], [&mut [f32]; 2]) + 'static) -> Self {
        Self { name, render: Box::new(render), micros: Vec::new() }
    }

    fn round(&mut self, input: &Planes, block: usize, counted: bool) {
        let (mut left, mut right) = (vec![0.0; block], vec![0.0; block]);
        for start in (0..ROUND / block).map(|number| number * block) {
            let inputs = [&input[0][start..start + block], &input[1][start..start + block]];
            let before = ThreadTime::now();
            (self.render)(inputs, [&mut left, &mut right]);
            let micros = before.elapsed().as_secs_f64() * 1e6;
            if counted {
                self.micros.push(micros);
            }
        }
        std::hint::black_box((&left, &right));
    }

    fn mean(&self) -> f64 {
        self.micros.iter().sum::<f64>() / self.micros.len().max(1) as f64
    }

    fn at(&self, share: f64) -> f64 {
        let mut sorted = self.micros.clone();
        sorted.sort_by(f64::total_cmp);
        let place = (sorted.len() as f64 * share) as usize;
        sorted.get(place.min(sorted.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
    }
}

fn noise(frames: usize, mut state: u64) -> Vec<f32> {
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..frames).map(|_| next()).collect()
}

fn response() -> Planes {
    let frames = SECONDS * RATE;
    [1, 2].map(|seed| {
        let decay = |frame: usize| libm::expf(-6.9 * frame as f32 / frames as f32) * 0.01;
        noise(frames, seed).into_iter().enumerate().map(|(frame, sample)| sample * decay(frame)).collect()
    })
}

fn convolutions(planes: &Planes, block: usize) -> Vec<Runner> {
    let response = Arc::new(Response::new(&[&planes[0], &planes[1]], Level::detect()));
    let mut busker = Convolver::new(response, Level::detect());
    let mut uniform: Vec<FFTConvolver<f32>> = Vec::new();
    let mut two_stage: Vec<TwoStageFFTConvolver<f32>> = Vec::new();
    for plane in planes {
        let (mut one, mut two) = (FFTConvolver::default(), TwoStageFFTConvolver::default());
        if one.init(block, plane).is_ok() && two.init(block, 8192, plane).is_ok() {
            uniform.push(one);
            two_stage.push(two);
        }
    }
    vec![
        Runner::new("busker", move |inputs, outputs| busker.process(inputs, outputs)),
        Runner::new("fft-convolver, uniform", move |inputs, outputs| {
            for ((peer, input), output) in uniform.iter_mut().zip(inputs).zip(outputs) {
                let _ = peer.process(input, output); // it fails only without a response
            }
        }),
        Runner::new("fft-convolver, two stages", move |inputs, outputs| {
            for ((peer, input), output) in two_stage.iter_mut().zip(inputs).zip(outputs) {
                let _ = peer.process(input, output);
            }
        }),
    ]
}

fn rooms() -> Vec<Runner> {
    let room = Room {
        decay_s: [2.4, 2.0, 1.2],
        crossover_hz: [250.0, 4_000.0],
        size: 1.0,
        motion: 0.3,
        motion_hz: 0.5,
    };
    let mut busker = Fdn::new(SampleRate(RATE as f64), Level::detect(), room);
    let mut peer = reverb_stereo(10.0, 2.0, 0.5);
    AudioUnit::set_sample_rate(&mut peer, RATE as f64);
    AudioUnit::allocate(&mut peer);
    let (mut from, mut to) = (BufferArray::<U2>::new(), BufferArray::<U2>::new());
    vec![
        Runner::new("busker, 16 lines", move |inputs, outputs| busker.process(inputs, outputs)),
        Runner::new("fundsp, 32 lines", move |inputs, outputs| {
            let [left, right] = outputs;
            let pieces = left.chunks_mut(64).zip(right.chunks_mut(64));
            let inputs = inputs[0].chunks(64).zip(inputs[1].chunks(64));
            for ((in_left, in_right), (left, right)) in inputs.zip(pieces) {
                for (frame, (l, r)) in in_left.iter().zip(in_right).enumerate() {
                    from.set_f32(0, frame, *l);
                    from.set_f32(1, frame, *r);
                }
                AudioUnit::process(&mut peer, in_left.len(), &from.buffer_ref(), &mut to.buffer_mut());
                for (frame, (l, r)) in left.iter_mut().zip(right).enumerate() {
                    (*l, *r) = (to.at_f32(0, frame), to.at_f32(1, frame));
                }
            }
        }),
    ]
}

fn compare(what: &str, mut runners: Vec<Runner>, block: usize, (warm, rounds): (usize, usize)) {
    let input = [noise(ROUND, 3), noise(ROUND, 4)];
    for round in 0..warm + rounds {
        runners.iter_mut().for_each(|runner| runner.round(&input, block, round >= warm));
    }
    let own = runners.first().map(|runner| (runner.mean(), runner.at(0.99)));
    for runner in &runners {
        let shares = own.map_or(String::new(), |(mean, p99)| {
            format!("{:>8.2} {:>8.2}", mean / runner.mean(), p99 / runner.at(0.99))
        });
        println!(
            "{what:<12} {:<26} {block:>6} {:>8.1} {:>8.1} {:>8.1} {:>8.1} {shares}",
            runner.name,
            runner.mean(),
            runner.at(0.5),
            runner.at(0.99),
            runner.at(1.0),
        );
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let bench = arguments.iter().any(|argument| argument == "--bench");
    let given = arguments.iter().position(|argument| argument == "--seconds");
    let seconds: usize =
        given.and_then(|at| arguments.get(at + 1)?.parse().ok()).unwrap_or(if bench { 20 } else { 1 });
    // The first seconds fill what has passed: six until every partition has sound.
    let rounds = (if bench { 14 } else { 0 }, 2 * seconds);
    println!(
        "{RATE} Hz, {SECONDS} s of stereo response, {seconds} s of noise; microseconds of processor time a block\n"
    );
    println!(
        "{:<12} {:<26} {:>6} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8}",
        "what", "by", "frames", "mean", "median", "p99", "most", "share", "of p99"
    );
    let planes = response();
    for block in [64, 256] {
        compare("convolution", convolutions(&planes, block), block, rounds);
    }
    for block in [64, 256] {
        compare("room", rooms(), block, rounds);
    }
}
