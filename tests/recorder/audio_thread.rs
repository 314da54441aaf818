//! What the audio thread owes nobody while it is recorded, in its own time, and a process that dies.

use crate::bench::BUS;
use crate::bench::Bench;
use crate::bench::Folder;
use crate::bench::OUT;
use crate::bench::RATE;
use crate::bench::floats;
use crate::bench::noise;
use busker::mixer::TapPoint::PostGain;
use busker::mixer::TapPoint::PreGain;
use busker::mixer::TapSource;
use busker::recorder::Disk;
use busker::rt::Drops;
use std::io::BufRead;
use std::io::BufReader;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;
use std::thread;
use std::time::Duration;
use std::time::Instant;

/// Renders `frames` in calls of 32, each when its time has come.
fn paced(bench: &mut Bench, frames: u64) {
    let began = Instant::now();
    let first = bench.frame;
    while bench.frame - first < frames {
        let due = Duration::from_secs_f64((bench.frame - first) as f64 / RATE);
        if let Some(early) = due.checked_sub(began.elapsed()) {
            thread::sleep(early);
        }
        bench.render(32);
        if bench.frame.is_multiple_of(960) {
            bench.worker.poll();
        }
    }
}

/// A minute, or as long as `BUSKER_RECORD_SECONDS` says; 0 skips it.
#[test]
fn six_inputs_in_calls_of_32_frames_are_recorded_in_real_time_without_a_drop() {
    let seconds =
        std::env::var("BUSKER_RECORD_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(60);
    if seconds == 0 {
        return println!("skipped: BUSKER_RECORD_SECONDS is 0");
    }
    let folder = Folder::new("paced");
    let mut bench = Bench::deaf(6, Disk::default());
    for input in 0..6 {
        bench.arm(TapSource::Input(input), PreGain, &folder.0).unwrap();
    }
    bench.recorder.start().unwrap();
    paced(&mut bench, seconds * RATE as u64);
    bench.stop();
    assert_eq!(bench.recorder.status().dropped(), Drops::default());
    for input in 0..6 {
        let samples = floats(&folder.file(&format!("Input {} 001.wav", input + 1)));
        assert_eq!(samples.len() as u64, seconds * RATE as u64);
        assert!(samples.iter().zip(0..).all(|(&sample, n)| sample == noise(input, n)), "input {input}");
    }
}

/// `Bench` renders under the guard; this is what it would catch.
#[test]
fn taps_come_run_and_go_without_an_allocation_on_the_audio_thread() {
    let folder = Folder::new("guard");
    let mut bench = Bench::deaf(6, Disk::default());
    for turn in 0..20 {
        for source in [TapSource::Input(turn % 6), BUS, OUT] {
            bench.arm(source, if turn % 2 == 0 { PreGain } else { PostGain }, &folder.0).unwrap();
        }
        bench.recorder.start().unwrap();
        for size in [1, 7, 64, 0, 255, 256, 1000, 8192] {
            bench.render(size);
        }
        if turn % 3 == 0 {
            bench.recorder.stop().unwrap();
        }
        bench.render(300);
        bench.worker.poll();
    }
    assert_eq!(bench.recorder.status().dropped().blocks, 0);
    assert!(bench.control.loudness().get().momentary.0 > -30.0);
}

const KILLED: &str = "RECORD_UNTIL_KILLED";

/// In the child: records until it is killed, and tells a hundred times a second how far it is.
fn record_for_ever(folder: &Path) {
    let mut bench = Bench::deaf(2, Disk::default());
    for source in [BUS, OUT, TapSource::Input(1)] {
        bench.arm(source, PostGain, folder).unwrap();
    }
    bench.recorder.start().unwrap();
    loop {
        paced(&mut bench, 480);
        println!("{}", bench.frame);
    }
}

#[test]
fn a_process_that_is_killed_leaves_files_that_can_be_read_with_all_but_the_last_half_second() {
    if let Some(folder) = std::env::var_os(KILLED) {
        return record_for_ever(Path::new(&folder));
    }
    let folder = Folder::new("killed");
    let test = "audio_thread::a_process_that_is_killed_leaves_files_that_can_be_read_with_all_but_the_last_half_second";
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(KILLED, &folder.0)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut told = lines.filter_map(|line| line.trim().parse::<usize>().ok());
    assert!(told.by_ref().any(|frames| frames > 4 * RATE as usize));
    child.kill().unwrap();
    child.wait().unwrap();
    // The last line may be cut off, and is then a smaller number.
    let rendered = told.fold(4 * RATE as usize, usize::max);
    for (name, channels) in [("Bus 1 001.wav", 2), ("Master 001.wav", 2), ("Input 2 001.wav", 1)] {
        let samples = floats(&folder.file(name));
        let frames = samples.len() / channels;
        assert!(frames + RATE as usize / 2 > rendered, "{name}: {frames} of {rendered} frames");
        let first = if channels == 1 { 1 } else { 0 };
        assert!((0..frames).all(|n| samples[n * channels] == noise(first, n as u64)), "{name}");
    }
}
