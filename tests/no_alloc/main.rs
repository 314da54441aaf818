//! The audio thread never allocates or frees: every scene is rendered under a guard that aborts the process when it does.
//!
//! Planted faults run in child processes, which must abort.
#![allow(clippy::unwrap_used, clippy::expect_used)] // a test may

mod desk;

use assert_no_alloc::AllocDisabler;
use assert_no_alloc::assert_no_alloc;
use busker::audio::AudioBuffer;
use busker::dsp::Level;
use busker::engine::Call;
use busker::engine::Control;
use busker::engine::Engine;
use busker::engine::EngineConfig;
use busker::engine::Event;
use busker::engine::EventKind;
use busker::engine::Expression;
use busker::engine::Modulation;
use busker::engine::NoteAddress;
use busker::engine::ParameterValues;
use busker::engine::Target;
use busker::engine::Transport;
use busker::engine::Worker;
use busker::engine::table;
use busker::lane::LaneSetup;
use busker::lane::Repeat;
use busker::lane::Start;
use busker::mixer::Layout;
use busker::rack::InstrumentSlot;
use busker::rack::Module;
use busker::rack::Rack;
use busker::rack::SoundFile;
use busker::sample::Recording;
use busker::sample::SampleData;
use busker::tracker::Chase;
use busker::tracker::Chaser;
use busker::tracker::Snapshots;
use busker::tracker::Song;
use busker::tracker::SongPlayer;
use busker::tracker::load::load;
use busker::units::SampleRate;
use busker::units::Semitones;
use busker::voice::Bank;
use busker::voice::Play;
use busker::voice::Slot;
use busker::voice::Take;
use std::path::Path;
use std::sync::Arc;

#[global_allocator]
static GUARD: AllocDisabler = AllocDisabler;

/// Set where a test is to allocate.
const PLANTED: &str = "PLANT_AN_ALLOCATION";

/// Odd, tiny, empty and oversize.
const SIZES: [usize; 8] = [1, 7, 64, 0, 255, 256, 1000, 8192];

struct Scene {
    control: Control,
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
        look_ahead: false,
    };
    let (control, engine, worker) = busker::engine::new(config);
    Scene { control, engine, worker, values, layout, parameters: count }
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
    let note_out = table().iter().position(|spec| spec.target == Target::NoteOut).unwrap();
    let sync = table().iter().position(|spec| spec.target == Target::Sync).unwrap();
    let mut beats = 0.0;
    for call in 0..calls {
        let frames = SIZES[call % SIZES.len()];
        for value in (0..scene.parameters).step_by(7) {
            scene.values.set(value, [0.0, 0.5, 1.0, f32::NEG_INFINITY][(call + value) % 4]);
        }
        scene.values.set(note_out, if call % 11 == 10 { 0.0 } else { 1.0 });
        // Every mode in turn, Song in between.
        scene.values.set(sync, if call / 8 % 2 == 0 { 0.0 } else { (call / 16 % 6) as f32 });
        for channel in 0..scene.layout.main_input {
            buffers[0].channel_mut(channel).fill(if call % 2 == 0 { 1e-40 } else { 0.9 });
        }
        let transport = Transport {
            playing: call % 50 != 49,
            beats: Some(beats),
            looping: (call % 20 < 15).then_some((beats.floor(), beats.floor() + 2.0)),
            ..Transport::default()
        };
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
        rack.routing.keyboard[0].bus = Some(turn % 16);
        if turn % 3 == 0 {
            rack.inserts.pop();
        } else {
            rack.inserts = Rack::default().inserts;
        }
        scene.worker.apply(&rack.setup(&scene.layout).unwrap()).unwrap();
        render(&mut scene, 3);
    }
}

/// Six seconds of noise as a WAV file.
fn response() -> Arc<[u8]> {
    let spec = hound::WavSpec {
        channels: 2,
        sample_rate: 48_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut bytes = std::io::Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut bytes, spec).unwrap();
    (0..576_000i32).for_each(|n| writer.write_sample((n.wrapping_mul(7919) >> 8) as i16).unwrap());
    writer.finalize().unwrap();
    bytes.into_inner().into()
}

#[test]
fn both_returns_sound_and_are_replaced_without_allocating() {
    let layout = Layout { main_input: 2, sidechain: 2, outputs: vec![2; 7] };
    let mut scene = scene(layout.clone());
    let hall = Rack::default();
    let mut long = Rack::default();
    long.inserts[2].impulse = Some(SoundFile { name: "long.wav".to_owned(), bytes: response() });
    let setups = [hall, long].map(|rack| rack.setup(&layout).unwrap());
    assert!(setups[0].inserts[2] != setups[1].inserts[2]);
    let table = table();
    for send in 0..2 {
        let open = table.iter().position(|spec| spec.target == Target::SendLevel { strip: 0, send }).unwrap();
        scene.values.set(open, 0.0);
    }
    let mut buffers: Vec<AudioBuffer> =
        layout.outputs.iter().map(|&channels| AudioBuffer::new(channels, 8192)).collect();
    let mut loudest = 0.0f32;
    for call in 0..200 {
        if call % 20 == 0 {
            scene.worker.apply(&setups[call / 20 % 2]).unwrap();
        }
        let frames = SIZES[call % SIZES.len()];
        let sound = if call % 40 < 10 { 0.5 } else { 0.0 };
        (0..2).for_each(|channel| buffers[0].channel_mut(channel).fill(sound));
        let mut blocks: Vec<_> = buffers.iter_mut().map(|buffer| buffer.block_mut(frames)).collect();
        let request = Call { frames, transport: None, events: &[] };
        assert_no_alloc(|| scene.engine.render(&request, None, &mut blocks));
        if sound == 0.0 {
            loudest = buffers[0].channel(0)[..frames].iter().fold(loudest, |peak, x| peak.max(x.abs()));
        }
        scene.worker.poll();
    }
    assert!(loudest > 0.01, "the returns have to sound: {loudest}");
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

/// Chases back and forth through a song, in all three ways.
fn chase(song: &Arc<Song>) {
    let snapshots = Snapshots::of(song);
    let mut player = SongPlayer::new(Arc::clone(song), SampleRate(44_100.0));
    let mut chaser = Chaser::new();
    let frame_of = |tick: u64| (tick * 777) as i64;
    for (turn, to) in [0, 3, 5000, 70, 9000, 100_000, 2500].into_iter().enumerate() {
        let what = [Chase::Full, Chase::State, Chase::Off][turn % 3];
        assert_no_alloc(|| {
            chaser.begin(&mut player, &snapshots, what, to, &frame_of);
            let mut now = frame_of(to) + 100;
            while chaser.advance(&mut player, &snapshots, now, 1500, &frame_of).is_none() {
                now += 64;
            }
        });
    }
}

#[test]
fn chases_allocate_nothing() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/songs");
    let entries = std::fs::read_dir(&folder).into_iter().flatten();
    let files = entries.filter_map(|entry| std::fs::read(entry.unwrap().path()).ok());
    for bytes in files.chain([adlib_s3m(), Rack::demo().song.unwrap().bytes.to_vec()]) {
        if let Ok(song) = load(&bytes) {
            chase(&Arc::new(song));
        }
    }
}

/// An S3M of nine AdLib channels that play one instrument in turn, slid, bent and cut.
fn adlib_s3m() -> Vec<u8> {
    let mut file = b"adlib".to_vec();
    file.resize(28, 0);
    // Two orders, an instrument, a pattern; Scream Tracker 3.20; speed 3, tempo 125.
    file.extend([0x1a, 16, 0, 0, 2, 0, 1, 0, 1, 0, 0, 0, 0x20, 0x13, 2, 0]);
    file.extend(b"SCRM\x40\x03\x7d\xb0\x10\0");
    file.resize(64, 0);
    file.extend(16..25);
    file.resize(96, 0xff);
    file.extend([0, 255, 8, 0, 13, 0]);
    file.resize(128, 0);
    file.push(2);
    file.resize(144, 0);
    file.extend([0x21, 0xe1, 0x18, 0, 0xf2, 0xf3, 0x45, 0x46, 1, 0, 0x0a, 0, 64, 0, 0, 0, 0xab, 0x20, 0, 0]);
    file.resize(210, 0); // the pattern's length is not looked at
    for row in 0..64 {
        // A note with a volume and, in turn, vibrato, a slide up, an arpeggio and a cut on the second tick.
        let (effect, parameter) = [(8, 0x46), (6, 0x08), (10, 0x47), (19, 0xc2)][usize::from(row % 4)];
        file.extend([0xe0 | (row % 9), 0x30 + row % 12, 1, 64 - row / 2, effect, parameter, 0]);
    }
    file
}

#[test]
fn adlib_songs_and_keys_render_without_allocating() {
    let song = Some(Module { name: "adlib.s3m".to_owned(), bytes: adlib_s3m().into() });
    let mut scene = scene(instrument());
    scene.worker.apply(&Rack { song, ..Rack::default() }.setup(&instrument()).unwrap()).unwrap();
    render(&mut scene, 200);
}

#[test]
fn launches_start_stop_and_replace_each_other_without_allocating() {
    let adlib = Module { name: "adlib.s3m".to_owned(), bytes: adlib_s3m().into() };
    for song in [Rack::demo().song, Some(adlib)] {
        let mut scene = scene(instrument());
        scene.worker.apply(&Rack { song, ..Rack::default() }.setup(&instrument()).unwrap()).unwrap();
        let parameters = table();
        let index = |target| parameters.iter().position(|spec| spec.target == target).unwrap();
        for turn in 0..30u8 {
            scene.values.set(index(Target::Sync), if turn % 10 == 9 { 0.0 } else { 4.0 });
            scene.values.set(index(Target::LaunchQuantise), f32::from(turn % 5));
            scene.values.set(index(Target::LaunchMode), f32::from(turn / 5 % 3));
            render(&mut scene, 8);
        }
    }
}

#[test]
fn instruments_play_keys_and_song_channels_and_are_replaced_without_allocating() {
    let layout = instrument();
    let mut scene = scene(layout.clone());
    for turn in 0..4 {
        let entry = |slot: usize| {
            let mut entry = InstrumentSlot::new(slot, ["lead", "poly"][(slot + turn) % 2]);
            entry.channels = if slot < 4 { vec![slot] } else { Vec::new() };
            entry
        };
        let song = Rack::demo().song.filter(|_| turn < 3);
        let rack = Rack { song, instruments: (0..10).map(entry).collect(), ..Rack::default() };
        scene.worker.apply(&rack.setup(&layout).unwrap()).unwrap();
        render(&mut scene, 60);
    }
}

#[test]
fn voices_come_and_go_and_their_banks_change_without_allocating() {
    let take = |n: usize| {
        let plane: Box<[f32]> = (0..20_000).map(|frame| (frame * (n + 1) % 100) as f32 / 400.0).collect();
        Take::new(Recording {
            data: SampleData::Float(vec![plane; 1 + n % 2].into()),
            rate: SampleRate(44_100.0),
        })
    };
    let bank = |seed: u64| {
        let slots = (0..128).map(|n| {
            let slot = Slot {
                takes: (0..3).map(|part| take(n + part + seed as usize)).collect(),
                pitch_range: Semitones(5.0),
                play: [Play::OneShot, Play::Gate, Play::Loop][n % 3],
                choke: (n % 9 == 0).then_some(1),
                limit: 1 + n % 40,
                bus: n % 16,
                ..Slot::default()
            };
            (n, slot)
        });
        Arc::new(Bank::new(seed, slots))
    };
    let layout = instrument();
    let mut scene = scene(layout.clone());
    let mut setup = Rack::demo().setup(&layout).unwrap();
    let keyboard = table().iter().position(|spec| spec.target == Target::KeyboardMode).unwrap();
    let banks = [bank(1), bank(2)];
    let mut most = 0;
    for turn in 0..40 {
        setup.voices = Arc::clone(&banks[turn / 10 % 2]);
        scene.worker.apply(&setup).unwrap();
        scene.values.set(keyboard, 5.0);
        render(&mut scene, 1);
        scene.values.set(keyboard, 5.0);
        render(&mut scene, 7);
        most = most.max(scene.control.voices());
    }
    assert!(most >= 256, "only {most} voices");
}

#[test]
fn lanes_play_jump_and_change_without_allocating() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("no_alloc_lanes");
    std::fs::create_dir_all(&folder).unwrap();
    let takes: Vec<_> = [44_100, 48_000].map(|rate| (rate, folder.join(format!("{rate}.wav")))).into();
    for (sample_rate, path) in &takes {
        let sample_format = hound::SampleFormat::Int;
        let spec =
            hound::WavSpec { channels: 1, sample_rate: *sample_rate, bits_per_sample: 16, sample_format };
        let mut writer = hound::WavWriter::create(path, spec).unwrap();
        (0..200_000).for_each(|frame| writer.write_sample((frame % 9_000) as i16).unwrap());
        writer.finalize().unwrap();
    }
    let lane = |number: usize, seed: u64| LaneSetup {
        takes: takes.iter().map(|(_, path)| Some(path.clone())).cycle().skip(number % 2).take(2).collect(),
        repeat: number.is_multiple_of(3).then(Repeat::default),
        start: if number.is_multiple_of(2) {
            Start::Timeline(0.1)
        } else {
            Start::Trigger { gate: number % 4 == 1 }
        },
        shuffle: vec![0.5, 1.0],
        seed,
    };
    let layout = instrument();
    let mut scene = scene(layout.clone());
    let mut setup = Rack::demo().setup(&layout).unwrap();
    let triggers = (0..8).map(|lane| {
        let target = Target::LaneTrigger(lane);
        table().iter().position(|spec| spec.target == target).unwrap()
    });
    let triggers: Vec<usize> = triggers.collect();
    let mut most = 0;
    for turn in 0..6 {
        setup.lanes = (0..8).map(|number| lane(number, turn / 3)).collect();
        scene.worker.apply(&setup).unwrap();
        while scene.worker.is_opening() {
            scene.worker.poll();
            std::thread::yield_now();
        }
        for on in [0.0, 1.0] {
            triggers.iter().for_each(|&trigger| scene.values.set(trigger, on));
            render(&mut scene, 30);
        }
        most = most.max(scene.control.lanes().iter().filter(|lane| lane.position.is_some()).count());
        for frame in [150_000, 10, u64::MAX] {
            for lane in 0..8 {
                scene.control.seek_lane(lane, frame);
            }
            render(&mut scene, 5);
        }
    }
    assert!(most >= 6, "only {most} lanes ran");
}

/// Five thousand events of every kind on a few frames.
fn midi_storm() -> Vec<Event> {
    let kind = |n: u32| {
        let (channel, value) = ((n % 16) as u8, (n % 101) as f32 / 100.0);
        let note = NoteAddress {
            channel,
            key: (n * 7 % 128) as u8,
            id: (!n.is_multiple_of(3)).then_some(n as i32 / 3),
        };
        match n % 14 {
            0..=4 => EventKind::NoteOn(note, value),
            5 | 6 => EventKind::NoteOff(note),
            7 => EventKind::Choke(note),
            8 => EventKind::PitchBend { channel, value: value * 2.0 - 1.0 },
            9 => EventKind::Controller { channel, number: (n / 14 % 128) as u8, value },
            10 => EventKind::Pressure { channel, value },
            11 => EventKind::Program { channel, program: (n % 128) as u8 },
            12 => EventKind::Expression(note, Expression::Tuning(value)),
            _ => EventKind::Modulation(note, Modulation::Gain(value - 0.5)),
        }
    };
    (0..5000).map(|n| Event { frame: n / 1000, kind: kind(n) }).collect()
}

#[test]
fn storms_of_midi_in_every_keyboard_mode_allocate_nothing() {
    let adlib = Module { name: "adlib.s3m".to_owned(), bytes: adlib_s3m().into() };
    let (events, parameters) = (midi_storm(), table());
    let index = |target| parameters.iter().position(|spec| spec.target == target).unwrap();
    for song in [Rack::demo().song, Some(adlib)] {
        let mut scene = scene(instrument());
        scene.worker.apply(&Rack { song, ..Rack::default() }.setup(&instrument()).unwrap()).unwrap();
        let mut buffers: Vec<AudioBuffer> = (0..16).map(|_| AudioBuffer::new(2, 512)).collect();
        for turn in 0..36 {
            scene.values.set(index(Target::KeyboardMode), (turn % 6) as f32);
            scene.values.set(index(Target::Mpe), (turn / 6 % 2) as f32);
            scene.values.set(index(Target::Panic), f32::from(u8::from(turn % 7 == 6)));
            let mut blocks: Vec<_> = buffers.iter_mut().map(|buffer| buffer.block_mut(512)).collect();
            let transport =
                Some(Transport { playing: true, beats: Some(turn as f64), ..Transport::default() });
            let request = Call { frames: 512, transport, events: &events };
            assert_no_alloc(|| scene.engine.render(&request, None, &mut blocks));
        }
        assert_eq!(scene.engine.dropped_outgoing(), 0);
    }
}

#[test]
fn the_guard_catches_an_allocation() {
    if std::env::var_os(PLANTED).is_some() {
        assert_no_alloc(|| std::hint::black_box(vec![1u8; 16]));
        return;
    }
    assert_caught("the_guard_catches_an_allocation");
}

/// Runs a test in a child process where it allocates under the guard.
fn assert_caught(test: &str) {
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(PLANTED, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stderr);
    assert!(!child.status.success(), "an allocation under the guard went unnoticed");
    assert!(said.contains("memory allocation of"), "it failed otherwise: {said}");
}
