//! What stands in the files.

use crate::bench::BUS;
use crate::bench::Bench;
use crate::bench::Folder;
use crate::bench::INPUT;
use crate::bench::OUT;
use crate::bench::RATE;
use crate::bench::floats;
use crate::bench::integers;
use crate::bench::noise;
use busker::engine::Target;
use busker::mixer::Route;
use busker::mixer::Routing;
use busker::mixer::TapPoint::PostGain;
use busker::mixer::TapPoint::PreGain;
use busker::mixer::TapSource;
use busker::recorder::Disk;
use busker::recorder::RecordingState;
use busker::recorder::SampleFormat;
use busker::units::Decibels;
use busker::units::Gain;
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
fn the_two_sides_of_a_gain_differ_by_exactly_the_gain() {
    let take = |point, name: &str| {
        let folder = Folder::new(name);
        let mut bench = Bench::new(2, Disk::default());
        bench.set(Target::StripGain(0), -6.3);
        bench.set(Target::InputTrim(1), 4.7);
        for source in [BUS, TapSource::Input(1)] {
            bench.arm(source, point, &folder.0).unwrap();
        }
        bench.recorder.start().unwrap();
        bench.run(20_000, 333);
        bench.stop();
        ["Bus 1 001.wav", "Input 2 001.wav"].map(|name| floats(&folder.file(name)))
    };
    let (before, after) = (take(PreGain, "before"), take(PostGain, "after"));
    for ((before, after), gain) in before.iter().zip(&after).zip([-6.3, 4.7]) {
        let gain = Gain::from(Decibels(gain)).0;
        assert!(
            before.len() >= 20_000 && before.iter().map(|sample| sample * gain).eq(after.iter().copied())
        );
    }
}

/// Noise with silence at the start of channel 1, in the middle of channel 2 and at the end of channel 3; all are silent
/// for a while.
fn patchy(channel: usize, frame: u64) -> f32 {
    let silent = match channel {
        0 => frame < 20_000,
        1 => (15_000..45_000).contains(&frame),
        2 => frame >= 40_000,
        _ => false,
    };
    if silent || (25_000..35_000).contains(&frame) { 0.0 } else { noise(channel, frame) }
}

#[test]
fn files_of_one_take_are_equally_long_and_silent_where_their_sources_are() {
    const FIRST: u64 = 5_000;
    const LAST: u64 = 60_007;
    let still = [TapSource::Strip(4), TapSource::Strip(16), TapSource::Input(7)];
    for (size, name) in [(512, "whole blocks"), (97, "odd blocks"), (8192, "long blocks")] {
        let folder = Folder::new(name);
        let mut bench = Bench::new(6, Disk::default());
        bench.input = patchy;
        let inputs = (0..4).map(TapSource::Input);
        for source in inputs.chain([BUS, OUT]).chain(still) {
            bench.arm(source, PostGain, &folder.0).unwrap();
        }
        bench.run(FIRST as usize, size);
        bench.recorder.start().unwrap();
        bench.run((LAST - FIRST) as usize, size);
        bench.stop();
        let frames = (LAST - FIRST) as usize;
        let came = |channel| (FIRST..LAST).map(move |n| patchy(channel, n));
        for input in 0..4 {
            let file = floats(&folder.file(&format!("Input {} 001.wav", input + 1)));
            assert!(file.len() == frames && file.into_iter().eq(came(input)), "input {input}, {name}");
        }
        let heard = &bench.heard[6 * FIRST as usize..6 * LAST as usize];
        assert!(floats(&folder.file("Master 001.wav")) == heard, "{name}");
        assert!(floats(&folder.file("Bus 1 001.wav")) == heard && heard.iter().any(|&sample| sample != 0.0));
        for (name, channels) in [("Bus 5", 2), ("Return 1", 2), ("Input 8", 1)] {
            let file = floats(&folder.file(&format!("{name} 001.wav")));
            assert!(file.len() == frames * channels && file.iter().all(|&sample| sample == 0.0), "{name}");
        }
    }
}

#[test]
fn recording_goes_on_through_other_routes() {
    /// What a change of routes fades is over by then.
    const FADED: u64 = 600;
    let folder = Folder::new("routes");
    let mut bench = Bench::new(2, Disk::default());
    bench.arm(BUS, PreGain, &folder.0).unwrap();
    bench.arm(OUT, PostGain, &folder.0).unwrap();
    bench.recorder.start().unwrap();
    let elsewhere = Routing { input: Some(1), ..Routing::default() };
    let mut wide = Routing::default();
    wide.buses[0].channels = Some(4);
    wide.buses[0].to = vec![Route::Master.into(), Route::Output(1).into()];
    let mut turns = Vec::new();
    for (turn, routing) in
        [Routing::default(), elsewhere, wide, Routing::default()].iter().cycle().take(12).enumerate()
    {
        let plan = bench.control.plan(routing).unwrap();
        bench.control.send(plan).unwrap();
        turns.push((bench.frame, routing.input == Some(0)));
        bench.run(700 + 311 * turn, 333);
    }
    let frames = bench.frame;
    bench.stop();
    let bus = floats(&folder.file("Bus 1 001.wav"));
    assert_eq!(bus.len() as u64, 2 * frames);
    for (frame, found) in (0..frames).zip(bus.chunks(2)) {
        let &(first, here) = turns.iter().rfind(|(first, _)| *first <= frame).unwrap();
        let came = [noise(0, frame), noise(1, frame)];
        let faded =
            found.iter().zip(came).all(|(found, came)| found * came >= 0.0 && found.abs() <= came.abs());
        let whole = if here { found == came } else { found == [0.0, 0.0] };
        assert!(faded && (whole || frame < first + FADED), "frame {frame}: {found:?} of {came:?}");
    }
    assert!(floats(&folder.file("Master 001.wav")) == bench.heard[..2 * frames as usize]);
}

#[test]
fn another_rate_is_another_engine_and_completes_the_files_of_the_one_before() {
    let folder = Folder::new("rate");
    for (turn, rate) in [44_100.0, 96_000.0, RATE].into_iter().enumerate() {
        let mut bench = Bench::at(rate, 2, Disk::default());
        for source in [BUS, INPUT] {
            bench.arm(source, PostGain, &folder.0).unwrap();
        }
        bench.recorder.start().unwrap();
        bench.run(30_000, 500);
        let Bench { engine, recorder, heard, .. } = bench;
        // Nobody has stopped it; either half may go first.
        if turn % 2 == 0 {
            drop(engine);
            drop(recorder);
        } else {
            drop(recorder);
            drop(engine);
        }
        let bus = folder.file(&format!("Bus 1 {:03}.wav", turn + 1));
        assert_eq!(hound::WavReader::open(&bus).unwrap().spec().sample_rate, rate as u32);
        let input = floats(&folder.file(&format!("Input 1 {:03}.wav", turn + 1)));
        assert!(floats(&bus) == heard && input.len() == 30_000);
        let bytes = fs::read(&bus).unwrap();
        assert_eq!(u32::from_le_bytes(bytes[4..8].try_into().unwrap()) as usize, bytes.len() - 8);
    }
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
    // Two takes, one after the other; a frame lies between them.
    assert!(floats(&folder.file("Bus 1 002.wav")) == bench.heard[..2000]);
    assert!(floats(&folder.file("Bus 1 004.wav")) == bench.heard[2002..4002]);
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
    fs::write(folder.file("Bus 1 001 part 3.wav"), "mine").unwrap(); // and is left alone
    let mut bench = Bench::new(2, Disk::default().with_most_bytes(8 * 10_000 + 7));
    bench.arm(BUS, PostGain, &folder.0).unwrap();
    bench.recorder.start().unwrap();
    bench.run(25_000, 999);
    bench.stop();
    let names = ["Bus 1 001 part 2.wav", "Bus 1 001 part 3.wav", "Bus 1 001 part 4.wav", "Bus 1 001.wav"];
    assert_eq!(folder.names(), names);
    assert_eq!(fs::read(folder.file(names[1])).unwrap(), b"mine");
    let parts = [names[3], names[0], names[2]];
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

#[test]
fn a_strip_that_sleeps_is_recorded_as_silence_of_the_same_length_at_both_ends() {
    let folder = Folder::new("asleep");
    let mut bench = Bench::new(2, Disk::default());
    let mute = |bench: &Bench, on: f32| (0..2).for_each(|input| bench.set(Target::InputMute(input), on));
    mute(&bench, 1.0);
    bench.arm(BUS, PreGain, &folder.0).unwrap();
    bench.arm(OUT, PostGain, &folder.0).unwrap();
    bench.recorder.start().unwrap();
    bench.run(10_000, 333);
    mute(&bench, 0.0);
    bench.run(10_000, 700);
    mute(&bench, 1.0);
    bench.run(20_000, 500);
    bench.stop();
    for name in ["Bus 1 001.wav", "Master 001.wav"] {
        let samples = floats(&folder.file(name));
        assert_eq!(samples.len(), 80_000, "{name}");
        assert!(samples == bench.heard[..80_000], "{name}");
        assert!(samples[..20_000].iter().chain(&samples[40_480..]).all(|&sample| sample == 0.0));
        assert!(samples[20_480..40_000].iter().any(|&sample| sample != 0.0));
    }
}
