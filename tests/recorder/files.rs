//! What stands in the files.

use crate::bench::BUS;
use crate::bench::Bench;
use crate::bench::Folder;
use crate::bench::INPUT;
use crate::bench::OUT;
use crate::bench::floats;
use crate::bench::integers;
use crate::bench::noise;
use busker::engine::Target;
use busker::mixer::TapPoint::PostGain;
use busker::mixer::TapPoint::PreGain;
use busker::recorder::Disk;
use busker::recorder::RecordingState;
use busker::recorder::SampleFormat;
use std::fs;

#[test]
fn recorded_floats_are_the_bits_before_and_after_the_gain() {
    let folder = Folder::new("bits");
    let mut bench = Bench::new(2, Disk::default());
    bench.set(Target::StripGain(0), -6.0);
    bench.arm(INPUT, PreGain, &folder.0).unwrap();
    bench.arm(BUS, PreGain, &folder.0).unwrap();
    bench.arm(OUT, PostGain, &folder.0).unwrap();
    bench.recorder.start().unwrap();
    bench.run(30_000, 700);
    bench.stop();
    let came: Vec<f32> = (0..30_000).flat_map(|n| [noise(0, n), noise(1, n)]).collect();
    assert!(floats(&folder.file("Bus 1 001.wav")) == came);
    let left: Vec<f32> = came.iter().step_by(2).copied().collect();
    assert!(floats(&folder.file("Input 1 001.wav")) == left);
    let heard = &bench.heard[..60_000];
    assert!(floats(&folder.file("Master 001.wav")) == heard && heard != came);
    // The strip's other side.
    bench.recorder.disarm(OUT).unwrap();
    bench.arm(BUS, PostGain, &folder.0).unwrap();
    let from = bench.heard.len();
    bench.recorder.start().unwrap();
    bench.run(5000, 64);
    bench.stop();
    assert!(floats(&folder.file("Bus 1 002.wav")) == bench.heard[from..from + 10_000]);
}

#[test]
fn integers_are_within_half_a_step() {
    let folder = Folder::new("integers");
    let mut bench = Bench::new(2, Disk::default());
    bench.set(Target::StripGain(0), 3.0);
    bench.arm_as(OUT, PostGain, (&folder.0, SampleFormat::I16)).unwrap();
    bench.arm_as(BUS, PostGain, (&folder.0, SampleFormat::I24)).unwrap();
    bench.recorder.start().unwrap();
    bench.run(20_000, 512);
    bench.stop();
    for (name, scale) in [("Master 001.wav", 32_768.0), ("Bus 1 001.wav", 8_388_608.0)] {
        let found = integers(&folder.file(name));
        assert_eq!(found.len(), 40_000);
        let exact = bench.heard.iter().map(|&sample| f64::from(sample) * scale);
        let most =
            found.iter().zip(exact).map(|(&n, exact)| (f64::from(n) - exact).abs()).fold(0.0, f64::max);
        assert!(most <= 0.5 && most > 0.4, "{name}: {most}");
    }
    assert!(bench.recorder.status().recordings.iter().all(|(_, status)| status.cut_off == 0));
}

#[test]
fn all_start_and_stop_on_one_frame_and_cuts_change_no_sample() {
    let take = |size: fn(u64) -> usize, name: &str| {
        let folder = Folder::new(name);
        let mut bench = Bench::new(2, Disk::default());
        for source in [INPUT, BUS, OUT] {
            bench.arm(source, PostGain, &folder.0).unwrap();
        }
        let advance = |bench: &mut Bench, until: u64| {
            while bench.frame < until {
                bench.wait();
                bench.render(size(bench.frame).min((until - bench.frame) as usize));
            }
        };
        advance(&mut bench, 12_345);
        bench.recorder.start().unwrap();
        advance(&mut bench, 20_000);
        bench.set(Target::StripMute(0), 1.0); // silence that nobody writes
        advance(&mut bench, 50_001);
        bench.set(Target::StripMute(0), 0.0);
        advance(&mut bench, 60_007);
        bench.stop();
        let heard = bench.heard[2 * 12_345..2 * 60_007].to_vec();
        assert!(floats(&folder.file("Master 001.wav")) == heard);
        assert_eq!(floats(&folder.file("Input 1 001.wav"))[0], noise(0, 12_345));
        folder.names().iter().map(|name| floats(&folder.file(name))).collect::<Vec<_>>()
    };
    let even = take(|_| 512, "even");
    assert!(even.iter().all(|file| file.len() >= 47_662));
    assert!(even == take(|frame| 1 + (frame * 7919 % 333) as usize, "odd"));
}

#[test]
fn nothing_is_overwritten_and_another_start_takes_the_next_number() {
    let folder = Folder::new("numbers");
    for name in ["Bus 1 001.wav", "Bus 1 003.wav"] {
        fs::write(folder.file(name), "mine").unwrap();
    }
    let mut bench = Bench::new(2, Disk::default());
    bench.arm(BUS, PostGain, &folder.0).unwrap();
    for _ in 0..2 {
        bench.recorder.start().unwrap();
        bench.run(1000, 100);
        bench.stop();
    }
    assert_eq!(folder.names(), ["Bus 1 001.wav", "Bus 1 002.wav", "Bus 1 003.wav", "Bus 1 004.wav"]);
    for name in ["Bus 1 001.wav", "Bus 1 003.wav"] {
        assert_eq!(fs::read(folder.file(name)).unwrap(), b"mine");
    }
    assert_eq!(floats(&folder.file("Bus 1 004.wav"))[..2000], bench.heard[2002..4002]);
}

#[test]
fn what_was_armed_and_never_started_leaves_no_file() {
    let folder = Folder::new("armed");
    let mut bench = Bench::new(2, Disk::default());
    bench.arm(BUS, PostGain, &folder.0).unwrap();
    bench.run(5000, 500);
    assert_eq!(folder.names(), ["Bus 1 001.wav"]);
    assert_eq!(bench.recorder.status().recordings[0].1.state, RecordingState::Armed);
    bench.recorder.disarm(BUS).unwrap();
    assert!(folder.names().is_empty());
}

#[test]
fn a_take_too_long_for_one_file_goes_on_in_parts_without_a_gap() {
    let folder = Folder::new("parts");
    let mut bench = Bench::new(2, Disk::default().with_most_bytes(8 * 10_000 + 7));
    bench.arm(BUS, PostGain, &folder.0).unwrap();
    bench.recorder.start().unwrap();
    bench.run(25_000, 999);
    bench.stop();
    assert_eq!(folder.names(), ["Bus 1 001 part 2.wav", "Bus 1 001 part 3.wav", "Bus 1 001.wav"]);
    let parts = ["Bus 1 001.wav", "Bus 1 001 part 2.wav", "Bus 1 001 part 3.wav"];
    let all: Vec<f32> = parts.iter().flat_map(|name| floats(&folder.file(name))).collect();
    assert!(all == bench.heard[..50_000]);
    assert_eq!(floats(&folder.file(parts[1])).len(), 20_000);
}

#[test]
fn a_reset_while_recording_neither_repeats_nor_drops_a_frame() {
    let folder = Folder::new("reset");
    let mut bench = Bench::new(2, Disk::default());
    bench.arm(OUT, PostGain, &folder.0).unwrap();
    bench.arm(INPUT, PreGain, &folder.0).unwrap();
    bench.run(3000, 300);
    bench.recorder.start().unwrap();
    bench.run(4000, 400);
    bench.engine.reset();
    bench.run(5000, 500);
    bench.stop();
    assert!(floats(&folder.file("Master 001.wav")) == bench.heard[6000..24_000]);
    assert_eq!(floats(&folder.file("Input 1 001.wav")).len(), 9000);
}
