//! Lanes through racks and the engine: folders that become racks, files that are found again, renderings, parameters.
#![allow(clippy::unwrap_used)] // a test may

use busker::engine::Target;
use busker::rack;
use busker::rack::Rack;
use busker::rack::render::Length;
use busker::rack::render::RenderOptions;
use busker::rack::render::Rendering;
use busker::units::SampleRate;
use rubato::Fft;
use rubato::FixedSync;
use rubato::Resampler;
use rubato::audioadapter_buffers::direct::SequentialSliceOfVecs;
use std::collections::VecDeque;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

/// A folder of its own for each test.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("lanes").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn value(frame: usize, step: usize) -> i16 {
    (frame * step % 9_973) as i16
}

fn write(path: &Path, rate: u32, frames: usize, step: usize) {
    let sample_format = hound::SampleFormat::Int;
    let spec = hound::WavSpec { channels: 1, sample_rate: rate, bits_per_sample: 16, sample_format };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    (0..frames).for_each(|frame| writer.write_sample(value(frame, step)).unwrap());
    writer.finalize().unwrap();
}

fn options(seconds: f64, block_size: usize) -> RenderOptions {
    RenderOptions {
        rate: SampleRate(48_000.0),
        length: Length::Seconds(seconds),
        block_size,
        ..RenderOptions::default()
    }
}

fn mix(rack: &Rack, options: &RenderOptions) -> Vec<f32> {
    let mut rendering = Rendering::mix(rack, options).unwrap();
    let mut out = Vec::new();
    while let Some((frames, outputs)) = rendering.next_block() {
        let sides = [0, 1].map(|side| &outputs[0].channel(side)[frames.clone()]);
        assert!(sides[0] == sides[1], "mono is on both sides alike");
        out.extend_from_slice(&outputs[0].channel(0)[frames]);
    }
    out
}

fn opened(text: &str, folder: &Path) -> Rack {
    Rack::from_toml_in(text, Some(folder)).unwrap()
}

#[test]
fn a_folder_of_tracks_becomes_a_rack_that_plays_them_together_sample_for_sample() {
    let home = folder("scene");
    let stems = home.join("stems");
    fs::create_dir(&stems).unwrap();
    write(&stems.join("Bass.wav"), 48_000, 70_000, 3);
    write(&stems.join("Drums-1.wav"), 48_000, 96_000, 7);
    write(&stems.join("Drums-2.WAV"), 48_000, 96_000, 7);
    fs::write(stems.join("notes.txt"), "no track").unwrap();
    let text = rack::scene(&stems, &home).unwrap().to_toml().unwrap();
    assert!(text.contains("stems/Drums-1.wav") && !text.contains(home.to_str().unwrap()), "{text}");
    let rack = opened(&text, &home);
    let names: Vec<_> = rack.lanes.iter().map(|lane| (lane.lane, &*lane.name, lane.takes.len())).collect();
    assert_eq!(names, [(0, "Bass", 1), (1, "Drums", 2)]);
    assert_eq!((rack.routing.bus_name(1), rack.routing.lanes[1]), ("Drums".to_owned(), Some(1)));
    assert!(rack.notices().is_empty());
    let whole = mix(&rack, &options(2.5, 8_192));
    let wanted = |frame: usize| {
        let bass = if frame < 70_000 { f32::from(value(frame, 3)) / 32_768.0 } else { 0.0 };
        let drums = if frame < 96_000 { f32::from(value(frame, 7)) / 32_768.0 } else { 0.0 };
        bass + drums
    };
    assert_eq!(whole.len(), 120_000);
    assert!(whole.iter().enumerate().all(|(frame, &sample)| sample == wanted(frame)));
    for size in [1_000, 77] {
        assert!(mix(&rack, &options(2.5, size)) == whole, "blocks of {size}");
    }
}

#[test]
fn two_minutes_at_another_rate_are_the_same_bits_however_they_are_cut() {
    let home = folder("minutes");
    write(&home.join("a.wav"), 44_100, 44_100 * 120, 11);
    let rack =
        opened("version = { major = 1, minor = 0 }\n[[lanes]]\nlane = 1\ntakes = [\"a.wav\"]\n", &home);
    let whole = mix(&rack, &options(120.0, 8_192));
    assert!(whole.iter().any(|&sample| sample > 0.1));
    assert!(mix(&rack, &options(120.0, 999)) == whole);
}

/// What the file's samples are, as stereo.
fn sides(frame: u64, frames: usize, rate: u64) -> Vec<Vec<f32>> {
    let sample = |frame: u64| {
        if frame < rate * MINUTES * 60 { f32::from(value(frame as usize, 11)) / 32_768.0 } else { 0.0 }
    };
    vec![(frame..frame + frames as u64).map(sample).collect(); 2]
}

const MINUTES: u64 = 20;

#[test]
fn twenty_minutes_offline_are_the_file_converted_at_once() {
    const OLD: u64 = 11_025;
    const NEW: u64 = 16_000;
    let home = folder("twenty");
    write(&home.join("a.wav"), OLD as u32, (OLD * MINUTES * 60) as usize, 11);
    let rack =
        opened("version = { major = 1, minor = 0 }\n[[lanes]]\nlane = 1\ntakes = [\"a.wav\"]\n", &home);
    // Chunk after chunk from the start, by the resampler itself.
    let mut fft = Fft::<f32>::new(OLD as usize, NEW as usize, 441 * 4, 2, FixedSync::Both).unwrap();
    let [old, new] = [fft.input_frames_next(), fft.output_frames_next()];
    let mut ahead: VecDeque<f32> = VecDeque::new();
    let (mut late, mut read) = (fft.output_delay(), 0);
    let mut rendering =
        Rendering::mix(&rack, &RenderOptions { rate: SampleRate(NEW as f64), ..options(1_200.0, 7_777) })
            .unwrap();
    let (mut frame, mut loudest) = (0_u64, 0.0_f32);
    while let Some((frames, outputs)) = rendering.next_block() {
        for &found in &outputs[0].channel(0)[frames] {
            while ahead.is_empty() {
                let (came, mut made) = (sides(read, old, OLD), vec![vec![0.0; new]; 2]);
                let input = SequentialSliceOfVecs::new(&came, 2, old).unwrap();
                let mut output = SequentialSliceOfVecs::new_mut(&mut made, 2, new).unwrap();
                fft.process_into_buffer(&input, &mut output, None).unwrap();
                read += old as u64;
                ahead.extend(&made[0][late.min(new)..]);
                late = late.saturating_sub(new);
            }
            assert_eq!(Some(found), ahead.pop_front(), "frame {frame}");
            loudest = loudest.max(found.abs());
            frame += 1;
        }
    }
    assert_eq!((frame, rendering.lane_troubles()), (NEW * MINUTES * 60, Vec::new()));
    assert!(loudest > 0.2);
    fs::remove_dir_all(&home).unwrap();
}

#[test]
fn a_scene_is_as_long_as_its_longest_lane_at_its_speed() {
    let home = folder("length");
    write(&home.join("a.wav"), 44_100, 44_100, 3);
    write(&home.join("b.wav"), 48_000, 12_000, 3);
    let text = |more: &str| {
        let lanes =
            "[[lanes]]\nlane = 1\ntakes = [\"a.wav\"]\n[[lanes]]\nlane = 2\ntakes = [\"b.wav\"]\nstart = 2\n";
        format!("version = {{ major = 1, minor = 0 }}\n{lanes}{more}")
    };
    let frames = |more: &str| {
        let options = RenderOptions { length: Length::Loops(1), ..options(0.0, 512) };
        Rendering::mix(&opened(&text(more), &home), &options).map(|rendering| rendering.frames())
    };
    assert_eq!(frames("").unwrap(), 96_000 + 12_000);
    assert_eq!(frames("[parameters]\nl2v = 0.5\n").unwrap(), 96_000 + 24_000);
    // What goes round does not end.
    assert_eq!(frames("loop = true\n").unwrap(), 48_000);
}

#[test]
fn a_lane_begins_at_its_second() {
    let home = folder("second");
    write(&home.join("a.wav"), 48_000, 4_800, 5);
    let lane = |start: f64| {
        let text = format!(
            "version = {{ major = 1, minor = 0 }}\n[[lanes]]\nlane = 1\ntakes = [\"a.wav\"]\nstart = {start}\n"
        );
        mix(&opened(&text, &home), &options(1.0, 300))
    };
    let wanted = |frame: usize| if frame < 4_800 { f32::from(value(frame, 5)) / 32_768.0 } else { 0.0 };
    let later = lane(0.25);
    assert!((0..12_000).all(|frame| later[frame] == 0.0));
    assert!((0..36_000).all(|frame| later[12_000 + frame] == wanted(frame)));
    let earlier = lane(-0.05);
    assert!((0..48_000).all(|frame| earlier[frame] == wanted(frame + 2_400)));
}

#[test]
fn gains_mutes_solos_and_triggers_act_on_lanes() {
    let home = folder("parameters");
    write(&home.join("a.wav"), 48_000, 48_000, 1);
    let text =
        "version = { major = 1, minor = 0 }\n[[lanes]]\nlane = 3\ntakes = [\"a.wav\"]\nstart = \"trigger\"\n";
    let rack = opened(text, &home);
    let with = |parameters: &[(Target, f32)]| {
        mix(&rack, &RenderOptions { parameters: parameters.to_vec(), ..options(0.5, 512) })
    };
    let (go, gain) = ((Target::LaneTrigger(2), 1.0), (Target::LaneGain(2), f32::NEG_INFINITY));
    assert!(with(&[]).iter().all(|&sample| sample == 0.0), "not triggered");
    let plain = with(&[go]);
    assert!((0..24_000).all(|frame| plain[frame] == f32::from(value(frame, 1)) / 32_768.0));
    assert!(with(&[go, (Target::LaneSolo(2), 1.0)]) == plain);
    for silent in [gain, (Target::LaneMute(2), 1.0), (Target::LaneSolo(0), 1.0)] {
        assert!(with(&[go, silent]).iter().all(|&sample| sample == 0.0), "{silent:?}");
    }
    let fast = with(&[go, (Target::LaneSpeed(2), 2.0)]);
    assert!((100..4_000).all(|frame| (fast[frame] - plain[2 * frame]).abs() < 1e-4));
}

#[test]
fn files_are_found_again_and_what_is_missing_or_unknown_is_kept() {
    let home = folder("moved");
    write(&home.join("a.wav"), 48_000, 4_800, 5);
    let text = "version = { major = 1, minor = 0 }\n[[lanes]]\nlane = 2\ntakes = [\"a.wav\", \"gone.wav\"]\nshuffle = [0.5]\n\
                loop = [100, 4000]\nstart = 1.5\ncolour = \"green\"\n";
    let rack = opened(text, &home);
    let notices: Vec<String> = rack.notices().iter().map(ToString::to_string).collect();
    assert_eq!(notices, ["lane 2: the take gone.wav was not found"]);
    let saved = rack.to_toml().unwrap();
    for word in ["hash = ", "size = 9644", "gone.wav", "green", "start = 1.5", "shuffle"] {
        assert!(saved.contains(word), "{word}: {saved}");
    }
    assert!(opened(&saved, &home) == rack);
    assert!(Rack::unpack(&rack.pack().unwrap()).unwrap().notices().len() == 1, "the host's state finds it");
    fs::rename(home.join("a.wav"), home.join("b.wav")).unwrap();
    let moved = opened(&saved, &home);
    assert_eq!(moved.notices().len(), 1);
    assert!(moved.to_toml().unwrap().contains("b.wav"));
}

#[test]
fn lanes_that_mean_nothing_are_refused_with_their_place() {
    let refused = |lane: &str| {
        let text = format!("version = {{ major = 1, minor = 0 }}\n[[lanes]]\n{lane}\n");
        Rack::from_toml(&text).err().unwrap().to_string()
    };
    assert!(refused("lane = 9").contains("lane 9 does not exist: 1 to 8 do"));
    assert!(refused("lane = 0").contains("lane 0 does not exist"));
    assert!(refused("lane = 1\nloop = [5, 5]").contains("from frame 5 to frame 5 is empty"));
    assert!(refused("lane = 1\nstart = \"soon\"").contains("'soon'"));
    assert!(refused("lane = 1\n[[lanes]]\nlane = 1").contains("lane 1 twice"));
}
