//! What a seek costs the audio thread: chases to random places of songs, line by line of the control grid.
//!
//! In: a song of 64 channels that this program builds, the songs of `../shared/songs` where they are at hand, or the files
//! given as arguments. Out: for each song, processor time of a block of 256 frames while a chase is under way (begin
//! included), mean and worst, and the frames until it is done. The budget of a line is the engine's.
//!
//! `cargo bench --bench seek_chase -- [--seeks N] [SONG …]`. Run as a test it takes a moment only.

#[path = "../songs/mod.rs"]
mod songs;

use busker::tracker::Chase;
use busker::tracker::Chaser;
use busker::tracker::Snapshots;
use busker::tracker::SongPlayer;
use busker::tracker::Timeline;
use busker::units::SampleRate;
use cpu_time::ThreadTime;
use songs::Choice;
use songs::Named;
use std::sync::Arc;
use std::time::Duration;

/// Voice-ticks for each line of the control grid, as in the engine.
const BUDGET: u32 = 1500;
/// Frames between two lines, and lines of a block.
const LINE: i64 = 64;
const LINES: usize = 4;

const RATE: SampleRate = SampleRate(48_000.0);
/// Not the tempo that snapshots are taken at.
const TICK_FRAMES: f64 = 48_000.0 * 2.5 / 131.7;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let bench = arguments.iter().any(|argument| argument == "--bench");
    let given = |name: &str| arguments.iter().position(|argument| argument == name);
    let number = given("--seeks").and_then(|at| arguments.get(at + 1)?.parse().ok());
    let seeks = number.unwrap_or(if bench { 200 } else { 2 });
    let files: Vec<String> =
        arguments.into_iter().filter(|text| !text.starts_with('-') && text.parse::<u32>().is_err()).collect();
    println!(
        "{seeks} chases a song at 48 kHz, Clean with sinc; microseconds of processor time a block of 256 frames\n"
    );
    println!(
        "{:<28} {:>8} {:>7} {:>9} {:>9} {:>7} {:>7} {:>12} {:>12}",
        "song", "channels", "ticks", "snapshots", "KiB", "mean", "worst", "mean frames", "worst frames"
    );
    for song in songs::crowd(64, 60)
        .into_iter()
        .chain(songs::find(&files, if bench { Choice::All } else { Choice::Six }))
    {
        measure(&song, seeks);
    }
}

fn measure(song: &Named, seeks: u64) {
    let ticks = Timeline::of(&song.song).ticks().len() as u64;
    let snapshots = Snapshots::of(&song.song);
    let mut player = SongPlayer::new(Arc::clone(&song.song), RATE);
    let (mut blocks, mut frames) = (Vec::new(), Vec::new());
    let mut dice = 1_u64;
    for _ in 0..seeks {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        frames.push(seek(&mut player, &snapshots, (dice >> 33) % (ticks * 3 / 2), &mut blocks));
    }
    let micros = |time: Duration| time.as_secs_f64() * 1e6;
    let mean = micros(blocks.iter().sum()) / blocks.len().max(1) as f64;
    println!(
        "{:<28} {:>8} {:>7} {:>9} {:>9} {:>7.0} {:>7.0} {:>12} {:>12}",
        song.name,
        song.song.channels.len(),
        ticks,
        snapshots.count(),
        snapshots.bytes() / 1024,
        mean,
        micros(blocks.iter().copied().max().unwrap_or_default()),
        frames.iter().sum::<i64>() / frames.len().max(1) as i64,
        frames.iter().copied().max().unwrap_or_default(),
    );
}

/// Chases to the middle of a tick; gives the frames that it took and adds the time of each block.
fn seek(player: &mut SongPlayer, snapshots: &Snapshots, to: u64, blocks: &mut Vec<Duration>) -> i64 {
    let frame_of = |tick: u64| (tick as f64 * TICK_FRAMES + 0.5) as i64;
    let jump = frame_of(to) + (TICK_FRAMES / 2.0) as i64;
    let (mut chaser, mut now) = (Chaser::new(), jump);
    let mut start = ThreadTime::now();
    chaser.begin(player, snapshots, Chase::Full, to, &frame_of);
    loop {
        for _ in 0..LINES {
            if chaser.advance(player, snapshots, now, BUDGET, &frame_of).is_some() {
                blocks.push(start.elapsed());
                return now - jump;
            }
            now += LINE;
        }
        blocks.push(start.elapsed());
        start = ThreadTime::now();
    }
}
