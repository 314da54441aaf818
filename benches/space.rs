//! What space costs the audio thread: sources that move all the time, one decode for all of them, and a head that turns.
//!
//! In: noise from each source. Out: processor time of a block of 256 frames at 48 kHz, median and 99th percentile, for 1, 16,
//! 64 and 256 sources; beside one renderer of sofar for each source, which convolves directly with the measured ears, where
//! Debian's libmysofa1 is installed. Both in the same run.
//!
//! `cargo bench --bench space`. Run as a test it takes a moment only.

use busker::audio::AudioBlock;
use busker::audio::AudioBuffer;
use busker::dsp::Level;
use busker::space::CHANNELS;
use busker::space::Decoder;
use busker::space::Encoder;
use busker::units::SampleRate;
use cpu_time::ThreadTime;
use sofar::reader::Filter;
use sofar::reader::OpenOptions;
use sofar::render::Renderer;
use sofar::render::RendererPlan;

const RATE: SampleRate = SampleRate(48_000.0);
const BLOCK: usize = 256;
const MEASURED: &str = "/usr/share/libmysofa/MIT_KEMAR_normal_pinna.sofa";

fn noise(mut state: u64) -> Vec<f32> {
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..BLOCK).map(|_| next()).collect()
}

/// What moves.
#[derive(Clone, Copy, PartialEq)]
enum Moving {
    Nothing,
    Sources,
    SourcesAndHead,
}

fn micros(sources: usize, moving: Moving, blocks: usize) -> Vec<f64> {
    let level = Level::detect();
    let sounds: Vec<Vec<f32>> = (0..sources).map(|source| noise(source as u64 + 1)).collect();
    let mut encoders = vec![Encoder::new(RATE, level); sources];
    for (number, encoder) in encoders.iter_mut().enumerate() {
        encoder.set_azimuth((number * 137 % 360) as f32 - 180.0);
        encoder.set_elevation((number * 53 % 180) as f32 - 90.0);
        encoder.settle();
    }
    let mut decoder = Decoder::new(RATE, level);
    let (mut field, mut heard) = (AudioBuffer::new(CHANNELS, BLOCK), AudioBuffer::new(2, BLOCK));
    let mut found = Vec::new();
    for block in 0..blocks {
        let before = ThreadTime::now();
        if moving != Moving::Nothing {
            for (number, encoder) in encoders.iter_mut().enumerate() {
                encoder.set_azimuth(((number * 137 + block * 7) % 360) as f32 - 180.0);
            }
        }
        if moving == Moving::SourcesAndHead {
            decoder.set_yaw((block * 5 % 360) as f32 - 180.0);
        }
        for (number, (encoder, sound)) in encoders.iter_mut().zip(&sounds).enumerate() {
            encoder.process(&AudioBlock::new(&[sound]), &mut field.block_mut(BLOCK), number == 0);
        }
        let (left, right) = heard.stereo_mut();
        decoder.process(&mut field.block_mut(BLOCK), [left, right]);
        let micros = before.elapsed().as_secs_f64() * 1e6;
        if block >= blocks / 10 {
            found.push(micros);
        }
    }
    std::hint::black_box(&heard);
    found.sort_by(f64::total_cmp);
    found
}

/// The same sources at ear height, each convolved with both ears; `None` where there are no measurements.
fn sofar_micros(sources: usize, moves: bool, blocks: usize) -> Option<Vec<f64>> {
    let ears = OpenOptions::new().sample_rate(RATE.0 as f32).open(MEASURED).ok()?;
    let taps = ears.filter_len();
    let plan = RendererPlan::builder(taps)
        .with_sample_rate(ears.sample_rate())
        .with_partition_len(BLOCK)
        .build()
        .ok()?;
    let mut filter = Filter::new(taps);
    let mut place = |renderer: &mut Renderer, degrees: usize| {
        let angle = (degrees as f32).to_radians();
        ears.filter(angle.cos(), angle.sin(), 0.0, &mut filter);
        renderer.set_filter(&filter).is_ok()
    };
    let mut renderers: Vec<Renderer> = (0..sources).map(|_| Renderer::new(&plan)).collect();
    for (number, renderer) in renderers.iter_mut().enumerate() {
        place(renderer, number * 137 % 360);
    }
    let sounds: Vec<Vec<f32>> = (0..sources).map(|source| noise(source as u64 + 1)).collect();
    let (mut left, mut right, mut found) = (vec![0.0; BLOCK], vec![0.0; BLOCK], Vec::new());
    for block in 0..blocks {
        let before = ThreadTime::now();
        left.fill(0.0);
        right.fill(0.0);
        for (number, (renderer, sound)) in renderers.iter_mut().zip(&sounds).enumerate() {
            if moves {
                place(renderer, (number * 137 + block * 7) % 360);
            }
            renderer.process_block_add(sound, &mut left, &mut right).ok()?;
        }
        found.push(before.elapsed().as_secs_f64() * 1e6);
    }
    std::hint::black_box((&left, &right));
    found.drain(..blocks / 10);
    found.sort_by(f64::total_cmp);
    Some(found)
}

fn main() {
    let blocks = if std::env::args().any(|argument| argument == "--bench") { 8000 } else { 20 };
    println!("microseconds of {BLOCK} frames at 48 kHz, median and 99th percentile");
    for (moving, name) in [
        (Moving::Nothing, "at rest"),
        (Moving::Sources, "sources move"),
        (Moving::SourcesAndHead, "sources move and the head turns"),
    ] {
        for sources in [1, 16, 64, 256] {
            let found = micros(sources, moving, blocks);
            let at =
                |share: f64| found.get((found.len() as f64 * share) as usize).copied().unwrap_or(f64::NAN);
            print!("{name}, {sources} sources: {:.1}, {:.1}", at(0.5), at(0.99));
            // A thread's time is as good with fewer blocks.
            let peer = sofar_micros(sources, moving != Moving::Nothing, (blocks / 20).max(10));
            match peer
                .filter(|_| moving != Moving::SourcesAndHead)
                .and_then(|peer| peer.get(peer.len() / 2).copied())
            {
                Some(median) => println!("; sofar {median:.1}, {:.1} times as much", median / at(0.5)),
                None => println!(),
            }
        }
    }
}
