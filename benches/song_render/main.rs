//! How fast songs are rendered, beside libopenmpt and libxmp in the same run.
//!
//! In: six songs of all four formats with 4 to 32 channels, where `../shared/songs` has them, and songs that this
//! program builds; or the files given as arguments. Out: a table of seconds of audio per second of processor time of
//! the rendering thread, and Busker's time over that of the faster peer at the same interpolation. "engine" is the song
//! through Busker's whole desk (16 buses, 2 returns, meters), as a host would hear it.
//!
//! `cargo bench --bench song_render -- [--seconds S] [--rounds N] [SONG …]`. Run as a test it takes a moment only.

#[path = "../peers/mod.rs"]
mod peers;
#[path = "../songs/mod.rs"]
mod songs;

use busker::rack::Module;
use busker::rack::Rack;
use busker::rack::render::Length;
use busker::rack::render::RenderOptions;
use busker::rack::render::Rendering;
use busker::tracker::Mixdown;
use busker::tracker::SongPlayer;
use busker::tracker::song::Format;
use busker::units::SampleRate;
use cpu_time::ThreadTime;
use peers::CALL;
use peers::OpenMpt;
use peers::RATE;
use peers::READINGS;
use peers::Reading;
use peers::Xmp;
use songs::Choice;
use songs::Named;
use std::sync::Arc;
use std::time::Duration;

/// What to measure.
struct Options {
    seconds: usize,
    rounds: usize,
    songs: Vec<String>,
}

impl Options {
    /// Cargo gives `--bench` to benches; without it this is a test.
    fn from_arguments() -> Self {
        let bench = std::env::args().any(|argument| argument == "--bench");
        let (seconds, rounds) = if bench { (60, 5) } else { (1, 1) };
        let mut options = Self { seconds, rounds, songs: Vec::new() };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut number = || arguments.next().and_then(|text| text.parse().ok()).unwrap_or(1);
            match argument.as_str() {
                "--seconds" => options.seconds = number(),
                "--rounds" => options.rounds = number(),
                song if !song.starts_with('-') => options.songs.push(song.to_owned()),
                _ => {}
            }
        }
        options
    }
}

/// Processor time that each player took, one entry a round; empty where it did not play.
#[derive(Default)]
struct Times {
    busker: Vec<Duration>,
    engine: Vec<Duration>,
    openmpt: Vec<Duration>,
    xmp: Vec<Duration>,
}

fn main() {
    let options = Options::from_arguments();
    let (openmpt, xmp) = (OpenMpt::find(), Xmp::find());
    let found = |version: Option<String>| version.unwrap_or_else(|| "not installed, left out".to_owned());
    println!("libopenmpt: {}", found(openmpt.as_ref().map(OpenMpt::version)));
    println!("libxmp: {} (mixes 16 bit only)", found(xmp.as_ref().map(Xmp::version)));
    println!(
        "{RATE} Hz stereo float, calls of {CALL} frames, first {} s, median of {} interleaved rounds, loading not counted;",
        options.seconds, options.rounds
    );
    println!(
        "numbers are seconds of audio per second of processor time; \"share\" is Busker's time over the faster peer's\n"
    );
    println!(
        "{:<28} {:>8} {:<8} {:>9} {:>9} {:>10} {:>9} {:>6}",
        "song", "channels", "reading", "busker", "engine", "libopenmpt", "libxmp", "share"
    );
    for song in songs::find(&options.songs, Choice::Six) {
        let amiga = (song.song.format == Format::Mod).then_some(Reading::Amiga);
        for reading in READINGS.into_iter().chain(amiga) {
            let times = compare(&song, reading, &options, openmpt.as_ref(), xmp.as_ref());
            print_row(&song, reading, &options, &times);
        }
    }
}

/// Every player plays the song once a round, one after the other.
fn compare(
    song: &Named,
    reading: Reading,
    options: &Options,
    openmpt: Option<&OpenMpt>,
    xmp: Option<&Xmp>,
) -> Times {
    let frames = options.seconds * RATE as usize;
    let mut times = Times::default();
    for _ in 0..options.rounds {
        let mut busker = busker(song, reading);
        let mut planes = [[0.0; CALL]; 2];
        times.busker.push(timed(frames, |frames| {
            let [left, right] = &mut planes;
            busker.render(&mut left[..frames], &mut right[..frames]);
        }));
        if let Some(mut desk) = desk(song, reading, options) {
            times.engine.push(timed(frames, |_| {
                desk.next_block();
            }));
        }
        if let Some(mut peer) = openmpt.and_then(|library| library.load(&song.bytes, reading, song.ramp_ms()))
        {
            times.openmpt.push(timed(frames, |frames| {
                peer.render(frames);
            }));
        }
        if let Some(mut peer) = xmp.and_then(|library| library.load(&song.bytes, reading)) {
            times.xmp.push(timed(frames, |frames| peer.render(frames)));
        }
    }
    times
}

/// The song as Busker plays it.
fn busker(song: &Named, reading: Reading) -> Mixdown {
    let rate = SampleRate(RATE.into());
    let mut player = SongPlayer::new(Arc::clone(&song.song), rate);
    player.set_interpolation(reading.interpolation());
    player.set_tone(reading.tone());
    Mixdown::new(player, rate)
}

/// The song on bus 1 of a new rack.
fn desk(song: &Named, reading: Reading, options: &Options) -> Option<Rendering> {
    let module = Module { name: song.name.clone(), bytes: song.bytes.clone().into() };
    let options = RenderOptions {
        rate: SampleRate(RATE.into()),
        length: Length::Seconds(options.seconds as f64),
        block_size: CALL,
        parameters: reading.parameters(),
        ..RenderOptions::default()
    };
    Rendering::mix(&Rack { song: Some(module), ..Rack::default() }, &options).ok()
}

/// Processor time of this thread for so many frames, `CALL` at a time.
fn timed(frames: usize, mut render: impl FnMut(usize)) -> Duration {
    let start = ThreadTime::now();
    for done in (0..frames).step_by(CALL) {
        render(CALL.min(frames - done));
    }
    start.elapsed()
}

fn median(times: &[Duration]) -> Option<f64> {
    let mut sorted = times.to_vec();
    sorted.sort();
    sorted.get(sorted.len() / 2).map(Duration::as_secs_f64)
}

fn print_row(song: &Named, reading: Reading, options: &Options, times: &Times) {
    let speed = |times: &[Duration]| match median(times) {
        Some(time) => format!("{:.0}", options.seconds as f64 / time),
        None => "-".to_owned(),
    };
    let peers = [&times.openmpt, &times.xmp].into_iter().filter(|times| !times.is_empty());
    let faster = peers.min_by(|a, b| median(a).partial_cmp(&median(b)).unwrap_or(std::cmp::Ordering::Equal));
    let share = faster.and_then(|peer| median_of_pairs(&times.busker, peer));
    println!(
        "{:<28} {:>8} {:<8} {:>9} {:>9} {:>10} {:>9} {:>6}",
        song.name,
        song.song.channels.len(),
        reading.name(),
        speed(&times.busker),
        speed(&times.engine),
        speed(&times.openmpt),
        speed(&times.xmp),
        share.map_or("-".to_owned(), |share| format!("{share:.2}")),
    );
}

/// Median of the ratios within each round, so that what slows a whole round down does not count.
fn median_of_pairs(ours: &[Duration], theirs: &[Duration]) -> Option<f64> {
    let mut ratios: Vec<f64> =
        ours.iter().zip(theirs).map(|(a, b)| a.as_secs_f64() / b.as_secs_f64().max(1e-9)).collect();
    ratios.sort_by(f64::total_cmp);
    ratios.get(ratios.len() / 2).copied()
}
