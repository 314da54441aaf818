//! Stems: every bus on an output of its own.

use crate::stage::Cuts;
use crate::stage::Desk;
use crate::stage::Dice;
use crate::stage::demo;
use crate::stage::instrument;
use crate::stage::peak;
use busker::engine::Setup;
use busker::engine::Target;
use busker::mixer::BUSES;
use busker::mixer::Route;
use busker::mixer::Routing;
use busker::rack::Module;
use busker::rack::Rack;
use std::path::Path;

/// Song channels dealt to 15 buses, each of which goes to the master and to an output; some are mono.
fn dealt(dice: &mut Dice) -> Routing {
    let mut routing = Routing::default();
    routing.song_channels.iter_mut().for_each(|bus| *bus = Some(dice.roll(BUSES - 1)));
    for (bus, routes) in routing.buses[..BUSES - 1].iter_mut().enumerate() {
        routes.channels = Some(1 + dice.roll(3).min(1));
        routes.to = vec![Route::Master.into(), Route::Output(bus + 1).into()];
    }
    routing
}

/// How far the stems' sum is from the mix, in dB of the mix's peak, and that peak.
fn distance(setup: &Setup, dice: &mut Dice) -> (f64, f32) {
    let mut changes = Vec::new();
    for bus in 0..BUSES - 1 {
        for at in [0, 1 + dice.roll(100_000), 1 + dice.roll(100_000)] {
            changes.push((at, Target::StripGain(bus), 12.0 - 30.0 * dice.part()));
            changes.push((at, Target::StripPan(bus), dice.part() * 2.0 - 1.0));
            changes.push((at, Target::StripMute(bus), f32::from(dice.roll(4) == 0)));
        }
    }
    let mut desk = Desk::new(instrument(), setup);
    let sound = desk.play(144_000, &Cuts::Random(dice.roll(1000) as u64), &changes, |_, _| 0.0);
    let (mix, stems) = sound.split_first().unwrap();
    let mut worst = 0.0_f64;
    for (channel, mix) in mix.iter().enumerate() {
        for (frame, &sample) in mix.iter().enumerate() {
            let sum: f64 = stems.iter().map(|stem| f64::from(stem[channel][frame])).sum();
            worst = worst.max((sum - f64::from(sample)).abs());
        }
    }
    let peak = peak(mix);
    (20.0 * (worst / f64::from(peak)).log10(), peak)
}

#[test]
fn stems_of_the_demo_song_sum_to_the_mix_within_minus_120_db() {
    for seed in 0..4 {
        let dice = &mut Dice(seed);
        let setup = demo(dealt(dice));
        let (distance, peak) = distance(&setup, dice);
        println!("seed {seed}: {distance:.1} dB of a peak of {peak}");
        assert!(distance < -120.0 && peak > 0.01, "seed {seed}: {distance} dB, peak {peak}");
    }
}

#[test]
fn stems_of_songs_sum_to_the_mix_within_minus_120_db() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/songs");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        println!("skipped: {} is absent", folder.display());
        return;
    };
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|kind| kind != "gz" && kind != "tsv"));
    paths.sort();
    let mut played = 0;
    for (seed, path) in paths.iter().enumerate().step_by(3) {
        let Ok(bytes) = std::fs::read(path) else { continue };
        let song = Some(Module { name: path.display().to_string(), bytes: bytes.into() });
        let dice = &mut Dice(seed as u64);
        let rack = Rack { song, routing: dealt(dice), inserts: Vec::new(), ..Rack::default() };
        let Ok(setup) = rack.setup(&instrument()) else { continue };
        let (distance, peak) = distance(&setup, dice);
        println!("{}: {distance:.1} dB of a peak of {peak}", path.display());
        if peak > 0.001 {
            assert!(distance < -120.0, "{}: {distance} dB", path.display());
            played += 1;
        }
    }
    assert!(played > 3, "{played} songs were heard");
}
