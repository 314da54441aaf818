//! How long it takes to open a song: from the bytes of a rack's module to a player in the engine.
//!
//! In: all songs of `../shared/songs`, and songs that this program builds; or the files given as arguments. Out: a table
//! of milliseconds of wall time, the shortest of some rounds: reading the file, unrolling it, finding its level, and all that an
//! instance does until the song is in its queue; the level found, in dB; the worst and the median.
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
use busker::tracker::Timeline;
use busker::tracker::default_trim;
use busker::tracker::load::load;
use busker::units::Decibels;
use busker::units::SampleRate;
use songs::Choice;
use songs::Named;
use std::sync::Arc;
use std::time::Instant;

/// The shortest time of each step in milliseconds.
struct Times {
    load: f64,
    unroll: f64,
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
        "{:<28} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8}",
        "song", "KiB", "load", "unroll", "level", "open", "dB"
    );
    let songs = songs::find(&given, if bench { Choice::All } else { Choice::Six });
    let mut opened: Vec<f64> = songs.iter().map(|song| print_row(song, rounds)).collect();
    opened.sort_by(f64::total_cmp);
    if let (Some(worst), Some(median)) = (opened.last(), opened.get(opened.len() / 2)) {
        println!("open: worst {worst:.1} ms, median {median:.1} ms");
    }
}

/// Measures a song, prints what was found, and gives the time to open it.
fn print_row(song: &Named, rounds: usize) -> f64 {
    let times = Times {
        load: shortest(rounds, || load(&song.bytes)),
        unroll: shortest(rounds, || Timeline::build(&song.song)),
        trim: shortest(rounds, || default_trim(&song.song)),
        open: shortest(rounds, || open(song)),
    };
    println!(
        "{:<28} {:>8} {:>8.1} {:>8.1} {:>8.1} {:>8.1} {:>8.2}",
        song.name.chars().take(28).collect::<String>(),
        song.bytes.len() / 1024,
        times.load,
        times.unroll,
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
    };
    let (control, engine, mut worker) = engine::new(config);
    let applied = rack.setup(&layout).map(|setup| worker.apply(&setup));
    (control, engine, worker, applied.is_ok())
}

fn shortest<T>(rounds: usize, mut work: impl FnMut() -> T) -> f64 {
    let time = |_| {
        let start = Instant::now();
        let made = work();
        let elapsed = start.elapsed().as_secs_f64() * 1000.0;
        drop(made);
        elapsed
    };
    (0..rounds.max(1)).map(time).fold(f64::INFINITY, f64::min)
}
