//! The audio thread never allocates or frees: every scene is rendered under a guard that aborts the process when it does.
//!
//! The planted fault runs in a child process, which must abort.
#![allow(clippy::unwrap_used, clippy::expect_used)] // a test may

use assert_no_alloc::AllocDisabler;
use assert_no_alloc::assert_no_alloc;
use busker::audio::AudioBuffer;
use busker::dsp::Level;
use busker::engine::Call;
use busker::engine::Engine;
use busker::engine::EngineConfig;
use busker::engine::Event;
use busker::engine::EventKind;
use busker::engine::NoteAddress;
use busker::engine::ParameterValues;
use busker::engine::Transport;
use busker::engine::Worker;
use busker::engine::table;
use busker::mixer::Layout;
use busker::rack::Module;
use busker::rack::Rack;
use busker::units::SampleRate;
use std::path::Path;
use std::sync::Arc;

#[global_allocator]
static GUARD: AllocDisabler = AllocDisabler;

/// Odd, tiny, empty and oversize.
const SIZES: [usize; 8] = [1, 7, 64, 0, 255, 256, 1000, 8192];

struct Scene {
    engine: Engine,
    worker: Worker,
    values: Arc<ParameterValues>,
    layout: Layout,
    parameters: usize,
}

fn scene(layout: Layout) -> Scene {
    let parameters = table();
    let values = Arc::new(ParameterValues::new(&parameters));
    let count = parameters.len();
    let config = EngineConfig {
        rate: SampleRate(48000.0),
        layout: layout.clone(),
        table: parameters.into(),
        values: Arc::clone(&values),
        level: Level::detect(),
    };
    let (_control, engine, worker) = busker::engine::new(config);
    Scene { engine, worker, values, layout, parameters: count }
}

fn instrument() -> Layout {
    Layout { main_input: 0, sidechain: 2, outputs: vec![2; 16] }
}

/// Renders under the guard; input is denormal or loud, events crowd some frames, and every parameter moves.
fn render(scene: &mut Scene, calls: usize) {
    let mut buffers: Vec<AudioBuffer> =
        scene.layout.outputs.iter().map(|&channels| AudioBuffer::new(channels, 8192)).collect();
    let events: Vec<Event> = (0..2000u32)
        .map(|n| {
            let note = NoteAddress { channel: (n % 16) as u8, key: (n % 128) as u8, id: None };
            let kind = if n % 3 == 2 { EventKind::NoteOff(note) } else { EventKind::NoteOn(note, 0.8) };
            Event { frame: n / 100, kind }
        })
        .collect();
    let mut beats = 0.0;
    for call in 0..calls {
        let frames = SIZES[call % SIZES.len()];
        for value in (0..scene.parameters).step_by(7) {
            scene.values.set(value, [0.0, 0.5, 1.0, f32::NEG_INFINITY][(call + value) % 4]);
        }
        for channel in 0..scene.layout.main_input {
            buffers[0].channel_mut(channel).fill(if call % 2 == 0 { 1e-40 } else { 0.9 });
        }
        let transport = Transport { playing: call % 50 != 49, beats: Some(beats), ..Transport::default() };
        beats += frames as f64 / 24000.0 + if call % 40 == 39 { 3.0 } else { 0.0 };
        let mut blocks: Vec<_> = buffers.iter_mut().map(|buffer| buffer.block_mut(frames)).collect();
        let request = Call {
            frames,
            transport: (call % 3 != 2).then_some(transport),
            events: if frames > 20 { &events } else { &[] },
        };
        assert_no_alloc(|| scene.engine.render(&request, None, &mut blocks));
    }
}

#[test]
fn a_desk_with_a_machine_renders_without_allocating() {
    for layout in [instrument(), Layout { main_input: 6, sidechain: 2, outputs: vec![6, 2, 2, 2, 2, 2, 2] }] {
        let mut scene = scene(layout.clone());
        scene.worker.apply(&Rack::default().setup(&layout).unwrap()).unwrap();
        render(&mut scene, 64);
    }
}

#[test]
fn commands_and_what_they_replace_pass_without_allocating() {
    let mut scene = scene(instrument());
    let mut rack = Rack::default();
    for turn in 0..100 {
        rack.routing.keyboard[0] = turn % 16;
        if turn % 3 == 0 {
            rack.inserts.pop();
        } else {
            rack.inserts = Rack::default().inserts;
        }
        scene.worker.apply(&rack.setup(&scene.layout).unwrap()).unwrap();
        render(&mut scene, 3);
    }
}

#[test]
fn songs_render_without_allocating() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/songs");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        println!("skipped: {} is absent", folder.display());
        return;
    };
    let mut played = 0;
    for path in entries.map(|entry| entry.unwrap().path()) {
        let Ok(bytes) = std::fs::read(&path) else { continue };
        let song = Some(Module { name: path.display().to_string(), bytes: bytes.into() });
        let Ok(setup) = (Rack { song, ..Rack::default() }).setup(&instrument()) else { continue };
        let mut scene = scene(instrument());
        scene.worker.apply(&setup).unwrap();
        render(&mut scene, 100);
        played += 1;
    }
    assert!(played >= 20, "only {played} songs were played");
}

#[test]
fn the_guard_catches_an_allocation() {
    if std::env::var_os("PLANT_AN_ALLOCATION").is_some() {
        assert_no_alloc(|| std::hint::black_box(vec![1u8; 16]));
        return;
    }
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "the_guard_catches_an_allocation", "--nocapture"])
        .env("PLANT_AN_ALLOCATION", "1")
        .output()
        .unwrap();
    assert!(!child.status.success(), "an allocation under the guard went unnoticed");
}
