//! The look-ahead limiter of a rack makes every output late, by as many frames as the host is told.

use xtask::bounce::BlockPlan;
use xtask::bounce::Performance;
use xtask::bounce::Rendering;
use xtask::bounce::Source;
use xtask::bounce::perform;
use xtask::host::Audio;
use xtask::host::Block;
use xtask::host::Format;
use xtask::host::PluginHost;
use xtask::host::Processor;
use xtask::host::Setup;
use xtask::paths;

use crate::stage::FORMATS;
use crate::stage::everything;
use crate::stage::instrument;
use crate::stage::peak;
use crate::stage::scratch_file;
use crate::stage::state_of;
use crate::stage::vst_preset;

/// 2 ms at 48 kHz.
const LATE: usize = 96;

/// A rack of the demo song on three host outputs, as a preset; `name` is that of no other test.
fn preset(name: &str, look_ahead: bool) -> std::path::PathBuf {
    let song = paths::root().join("src/rack/demo.it").canonicalize().unwrap();
    let song = toml::Value::String(song.to_str().unwrap().to_owned());
    let channels: String = (1..=14).map(|n| format!("{n} = \"bus {}\"\n", 2 + n % 2)).collect();
    let rack = format!(
        "version = {{ major = 1, minor = 0 }}\nsong = {{ file = {song} }}\n[master]\nlook_ahead = {look_ahead}\n\
         [routing.song_channels]\n{channels}\n\
         [routing.buses.2]\nto = [\"master\", \"output 2\"]\n[routing.buses.3]\nto = [\"output 3\"]\n"
    );
    let name = format!("{name}-{look_ahead}");
    vst_preset(&scratch_file(&format!("{name}.busker.toml"), rack.as_bytes()), &name)
}

/// The same, `LATE` frames later: bit for bit, and silent before.
#[track_caller]
fn assert_late(what: &str, plain: &Rendering, late: &Rendering) {
    let mut sounding = 0;
    for (plain, late) in plain.buses.iter().zip(&late.buses) {
        sounding += usize::from(peak(&plain.planes) > 0.001);
        for (plain, late) in plain.planes.iter().zip(&late.planes) {
            let (before, after) = late.split_at(LATE);
            assert!(before.iter().all(|&sample| sample == 0.0), "{what}: sound comes early");
            let differs = |(a, b): (&f32, &f32)| a.to_bits() != b.to_bits();
            assert_eq!(plain.iter().zip(after).position(differs), None, "{what}: the sound is another");
        }
    }
    assert!(sounding >= 3, "{what}: only {sounding} outputs sound");
}

#[test]
fn every_output_is_late_by_what_the_host_is_told_and_otherwise_the_same() {
    let presets = [false, true].map(|look_ahead| preset("late", look_ahead));
    for format in FORMATS {
        let play = |look_ahead: usize, blocks| {
            let source = Source::State(state_of(format, &presets[look_ahead]));
            let mut host = instrument(format);
            // So low that the limiter leaves it alone.
            perform(&mut *host, &Performance { source, blocks, ..everything() }).unwrap()
        };
        let plain = play(0, BlockPlan::Fixed(512));
        assert!(peak(plain.planes(0)) < 0.9, "{format}: the limiter would act");
        let plans = [1, 7, 64, 1000].map(BlockPlan::Fixed).into_iter().chain([BlockPlan::Random(8)]);
        for blocks in plans {
            assert_late(&format!("{format}, {blocks:?}"), &plain, &play(1, blocks));
        }
    }
}

/// Whether the first `LATE` frames of the song are silent.
fn starts_late(processor: &mut dyn Processor) -> bool {
    let mut audio = Audio::new(&[2], &[2; 16]);
    audio.prepare(512, 0.0);
    let block = Block { frames: 512, start: 0, transport: None, bends: &[], events: &[] };
    processor.process(&block, &mut audio).unwrap();
    let mut planes = audio.outputs.iter().flat_map(|bus| &bus.planes);
    assert!(planes.clone().any(|plane| plane.iter().any(|&sample| sample != 0.0)), "the song is silent");
    planes.all(|plane| plane[..LATE].iter().all(|&sample| sample == 0.0))
}

/// Activates, and looks whether the host hears of the latency in time; ends with an active plugin.
fn start(host: &mut dyn PluginHost, latency: u32, changed: bool) -> Box<dyn Processor> {
    let format = host.format();
    let processor = host.activate(&Setup::default()).unwrap();
    assert_eq!(host.latency(), latency, "{format}");
    let requests = host.idle();
    assert!(!requests.restart, "{format}: a restart for nothing");
    // In VST3 hosts ask whenever they have activated.
    assert_eq!(requests.latency, changed && format == Format::Clap, "{format}");
    processor
}

#[test]
fn a_rack_that_looks_ahead_asks_the_host_for_a_restart_and_is_late_from_there_on() {
    let presets = [false, true].map(|look_ahead| preset("switched", look_ahead));
    for format in FORMATS {
        let mut host = instrument(format);
        let [plain, late] = [0, 1].map(|index| state_of(format, &presets[index]));
        host.load_state(&plain).unwrap();
        let mut processor = start(&mut *host, 0, false);
        assert!(!starts_late(&mut *processor), "{format}");
        for (state, before, after) in [(&late, 0, LATE), (&plain, LATE, 0), (&late, 0, LATE)] {
            host.load_state(state).unwrap();
            assert!(host.idle().restart, "{format}: no restart is asked for");
            assert_eq!(host.latency(), before as u32, "{format}: the engine that runs is another already");
            drop(processor);
            host.deactivate().unwrap();
            processor = start(&mut *host, after as u32, true);
            assert_eq!(starts_late(&mut *processor), after > 0, "{format}");
        }
        host.load_state(&late).unwrap();
        assert!(!host.idle().restart, "{format}: a restart for what is so already");
        drop(processor);
        host.deactivate().unwrap();
    }
}

#[test]
fn vst3_hosts_may_ask_for_the_latency_before_they_activate() {
    let mut host = instrument(Format::Vst3);
    host.load_state(&state_of(Format::Vst3, &preset("asked", true))).unwrap();
    assert_eq!(host.latency(), LATE as u32);
    assert!(!host.idle().restart, "an inactive plugin asks for a restart");
    let setup = Setup { rate: 96_000.0, ..Setup::default() };
    let processor = host.activate(&setup).unwrap();
    assert_eq!(host.latency(), 2 * LATE as u32);
    drop(processor);
    host.deactivate().unwrap();
    assert_eq!(host.latency(), 2 * LATE as u32);
}
