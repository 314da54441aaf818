//! How long it takes to open a song: from the bytes of a rack's module to a player in the engine.
//!
//! In: all songs of `../shared/songs`, and songs that this program builds; or the files given as arguments. Out: a table
//! of milliseconds, the shortest of some rounds: processor time of reading the file, of unrolling it, of the snapshots that
//! chases begin from and of finding its level; wall time of all that an instance does until the song is in its queue, on
//! two threads; the level found, in dB. The worst and the median below, and beside them what a million bytes take.
//!
//! `cargo bench --bench song_open -- [--rounds N] [SONG …]`. Run as a test it takes a moment only.

#[path = "../songs/mod.rs"]
mod songs;

use busker::dsp::Level;
use busker::engine;
use busker::engine::EngineConfig;
use busker::engine::ParameterSpec;
use busker::engine::ParameterValues;
use busker::mixer::Layout;
use busker::rack::Module;
use busker::rack::Rack;
use busker::tracker::Snapshots;
use busker::tracker::Timeline;
use busker::tracker::default_trim;
use busker::tracker::load::load;
use busker::units::Decibels;
use busker::units::SampleRate;
use cpu_time::ThreadTime;
use songs::Choice;
use songs::Named;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

/// Milliseconds.
struct Times {
    load: f64,
    unroll: f64,
    snapshots: f64,
    trim: f64,
    open: f64,
}

fn main() {
    let bench = std::env::args().any(|argument| argument == "--bench");
    let mut rounds = if bench { 5 } else { 1 };
    let mut given = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--rounds" => rounds = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(1),
            song if !song.starts_with('-') => given.push(song.to_owned()),
            _ => {}
        }
    }
    println!(
        "{:<28} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8}",
        "song", "KiB", "load", "unroll", "chase", "level", "open", "dB"
    );
    let songs = songs::find(&given, if bench { Choice::All } else { Choice::Six });
    let opened: Vec<f64> = songs.iter().map(|song| print_row(song, rounds)).collect();
    let megabytes = songs.iter().map(|song| song.bytes.len() as f64 / 1e6);
    print_spread("a song", opened.clone());
    print_spread("a million bytes", opened.iter().zip(megabytes).map(|(time, size)| time / size).collect());
}

fn print_spread(of: &str, mut times: Vec<f64>) {
    times.sort_by(f64::total_cmp);
    if let (Some(worst), Some(median)) = (times.last(), times.get(times.len() / 2)) {
        println!("to open {of}: worst {worst:.1} ms, median {median:.1} ms");
    }
}

/// Measures a song, prints what was found, and gives the time to open it.
fn print_row(song: &Named, rounds: usize) -> f64 {
    let times = Times {
        load: processor(rounds, || load(&song.bytes)),
        unroll: processor(rounds, || Timeline::build(&song.song)),
        snapshots: processor(rounds, || Snapshots::of(&song.song)),
        trim: processor(rounds, || default_trim(&song.song)),
        open: wall(rounds, || open(song)),
    };
    println!(
        "{:<28} {:>8} {:>8.1} {:>8.1} {:>8.1} {:>8.1} {:>8.1} {:>8.2}",
        song.name.chars().take(28).collect::<String>(),
        song.bytes.len() / 1024,
        times.load,
        times.unroll,
        times.snapshots,
        times.trim,
        times.open,
        Decibels::from(default_trim(&song.song)).0
    );
    times.open
}

/// What a new instance does with a rack that holds the song.
fn open(song: &Named) -> impl Sized + use<> {
    let module = Module { name: song.name.clone(), bytes: song.bytes.clone().into() };
    let rack = Rack { song: Some(module), ..Rack::default() };
    let table: Arc<[ParameterSpec]> = engine::table().into();
    let values = Arc::new(ParameterValues::new(&table));
    let layout = Layout::default();
    let config = EngineConfig {
        rate: SampleRate(48_000.0),
        layout: layout.clone(),
        table,
        values,
        level: Level::from_environment(),
        look_ahead: false,
    };
    let (control, engine, mut worker) = engine::new(config);
    let applied = rack.setup(&layout).map(|setup| worker.apply(&setup));
    (control, engine, worker, applied.is_ok())
}

fn processor<T>(rounds: usize, mut work: impl FnMut() -> T) -> f64 {
    shortest(rounds, || {
        let start = ThreadTime::now();
        let made = work();
        (start.elapsed(), made)
    })
}

fn wall<T>(rounds: usize, mut work: impl FnMut() -> T) -> f64 {
    shortest(rounds, || {
        let start = Instant::now();
        let made = work();
        (start.elapsed(), made)
    })
}

/// Milliseconds; what was made is freed outside of them.
fn shortest<T>(rounds: usize, mut timed: impl FnMut() -> (Duration, T)) -> f64 {
    let times = (0..rounds.max(1)).map(|_| timed().0.as_secs_f64() * 1000.0);
    times.fold(f64::INFINITY, f64::min)
}
