//! What eight long streams cost the audio thread, beside kira's streaming sounds and firewheel's sampler in the same run.
//!
//! In: eight stereo WAV files of ten seconds of noise, made for the run, that go round at unity gain. Out: a table of
//! nanoseconds of the audio thread for each frame of each stream, the median of interleaved rounds, and Busker's time over
//! kira's. kira reads the files through Busker's decoder on threads of its own and converts them on the audio thread
//! between four points; Busker has done so before, except at other speeds, where it reads with a sinc of eight taps.
//! firewheel has no streams: its sampler reads the same sound from memory, by a line.
//!
//! `cargo bench --no-default-features --bench lanes_8 [-- --rounds N] [SCENARIO …]`. Run as a test it takes a moment only.

mod busker_lanes;
#[path = "../firewheel_node/mod.rs"]
mod firewheel_node;
mod peers;
#[path = "../rounds/mod.rs"]
mod rounds;

use cpu_time::ThreadTime;
use rounds::Options;
use rounds::median;
use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;

/// Frames per second of the host.
pub(crate) const RATE: u32 = 48_000;
/// Frames of a block.
pub(crate) const BLOCK: usize = 256;
/// Streams.
pub(crate) const STREAMS: usize = 8;
/// Seconds of a file.
const SECONDS: u32 = 10;
/// Blocks between two looks at the clock: everybody has so much ready.
const BLOCKS: usize = 32;

/// Streams from disk, or from memory.
pub(crate) trait Contestant {
    /// Waits until the next blocks, so many, are there.
    fn wait(&mut self, blocks: usize);
    /// Renders a block of all of them together, and gives one of its samples.
    fn render(&mut self) -> f32;
    /// Frames of its file that each stream has played, where that can be asked for.
    fn played(&self) -> Option<u64>;
}

/// One way to play the files.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    name: &'static str,
    /// Of the files.
    pub(crate) rate: u32,
    pub(crate) speed: f64,
}

const LOADS: [Load; 3] = [
    Load { name: "same_rate", rate: RATE, speed: 1.0 },
    Load { name: "from_44100", rate: 44_100, speed: 1.0 },
    Load { name: "speed_0.997", rate: RATE, speed: 0.997 },
];

/// One side of a stream's sound.
pub(crate) fn noise(stream: usize, channel: usize, rate: u32) -> Vec<i16> {
    let mut state = 1 + (2 * stream + channel) as u64;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 52) as i16 - 2_048
    };
    std::iter::repeat_with(next).take((SECONDS * rate) as usize).collect()
}

/// The streams of a rate as files.
pub(crate) fn files(rate: u32) -> io::Result<Vec<PathBuf>> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("lanes_8");
    fs::create_dir_all(&folder)?;
    let sample_format = hound::SampleFormat::Int;
    let spec = hound::WavSpec { channels: 2, sample_rate: rate, bits_per_sample: 16, sample_format };
    let write = |stream: usize| {
        let path = folder.join(format!("{rate}-{stream}.wav"));
        let mut writer = hound::WavWriter::create(&path, spec)?;
        for (left, right) in noise(stream, 0, rate).into_iter().zip(noise(stream, 1, rate)) {
            writer.write_sample(left)?;
            writer.write_sample(right)?;
        }
        writer.finalize()?;
        Ok(path)
    };
    (0..STREAMS).map(|stream| write(stream).map_err(|error: hound::Error| io::Error::other(error))).collect()
}

/// Nanoseconds a frame of one stream in one round.
fn timed(contestant: &mut dyn Contestant, bursts: usize) -> f64 {
    let (mut nanos, mut heard) = (0, 0.0);
    for _ in 0..bursts {
        contestant.wait(BLOCKS);
        let began = ThreadTime::now();
        heard += (0..BLOCKS).map(|_| contestant.render().abs()).sum::<f32>();
        nanos += began.elapsed().as_nanos();
    }
    assert!(heard > 0.0 && heard.is_finite(), "somebody is silent");
    nanos as f64 / (bursts * BLOCKS * BLOCK * STREAMS) as f64
}

/// Everybody renders once a round, one after the other: Busker, kira and firewheel.
fn compare(load: Load, options: &Options) -> io::Result<[Option<f64>; 3]> {
    let paths = files(load.rate)?;
    let mut contestants =
        [busker_lanes::lanes(load, &paths), peers::kira(load, &paths), peers::firewheel(load)];
    let mut times = [const { Vec::new() }; 3];
    // The first round only warms up.
    for round in 0..=options.rounds {
        for (contestant, times) in contestants.iter_mut().zip(&mut times) {
            let Some(contestant) = contestant else { continue };
            let time = timed(&mut **contestant, options.amount);
            if round > 0 {
                times.push(time);
            }
        }
    }
    let frames = (options.rounds + 1) * options.amount * BLOCKS * BLOCK;
    let wanted = frames as f64 * load.speed * f64::from(load.rate) / f64::from(RATE);
    for played in contestants.iter().flatten().filter_map(|contestant| contestant.played()) {
        assert!((played as f64 - wanted).abs() < 1_024.0, "{}: {played} of {wanted} frames", load.name);
    }
    Ok(times.map(median))
}

fn main() -> io::Result<()> {
    let options = Options::from_arguments((9, 20), (1, 1));
    println!(
        "{STREAMS} stereo streams, {RATE} Hz, blocks of {BLOCK} frames, ns of the audio thread for each frame of each stream,\n\
         median of {} interleaved rounds; \"share\" is Busker's time over kira's\n",
        options.rounds
    );
    println!("{:<22} {:>8} {:>8} {:>10} {:>7}", "lanes_8", "busker", "kira", "firewheel", "share");
    for load in LOADS.into_iter().filter(|load| options.wants(load.name)) {
        let [busker, kira, firewheel] = compare(load, &options)?;
        let share = busker.zip(kira).map(|(own, peer)| own / peer);
        let text = |time: Option<f64>| time.map_or("-".to_owned(), |time| format!("{time:.3}"));
        println!(
            "{:<22} {:>8} {:>8} {:>10} {:>7}",
            load.name,
            text(busker),
            text(kira),
            text(firewheel),
            text(share)
        );
    }
    Ok(())
}
