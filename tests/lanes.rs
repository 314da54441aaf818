//! Lanes through racks and the engine: folders that become racks, files that are found again, renderings, parameters.
#![allow(clippy::unwrap_used)] // a test may

use busker::audio::AudioBlockMut;
use busker::dsp::Level;
use busker::engine;
use busker::engine::Call;
use busker::engine::Command;
use busker::engine::Control;
use busker::engine::Engine;
use busker::engine::EngineConfig;
use busker::engine::ParameterValues;
use busker::engine::Target;
use busker::engine::Transport;
use busker::engine::Worker;
use busker::mixer::Layout;
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
use std::sync::Arc;
use std::thread;
use std::time::Duration;

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

/// Whether this is heard of a frame of a file of step 3. Interpolation rings where its line breaks off.
fn is_near(found: f32, frame: usize) -> bool {
    let breaks_off = value(frame - 8, 3) > value(frame + 8, 3);
    breaks_off || (found - f32::from(value(frame, 3)) / 32_768.0).abs() < 1e-4
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
    assert_eq!((rack.routing.bus_name(1), rack.routing.lanes[1].bus), ("Drums".to_owned(), Some(1)));
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
    // At its speed the second lane begins at its second, too, and is heard to its end.
    let whole = |more: &str| mix(&opened(&text(more), &home), &options(3.1, 512));
    for (more, old, new) in [("0.25", 1, 4), ("0.5", 1, 2), ("2", 2, 1), ("4", 4, 1)] {
        let heard = whole(&format!("[parameters]\nl2v = {more}\n"));
        let early = (50_000..95_900).find(|&frame| heard[frame] != 0.0);
        assert_eq!(early, None, "early at {more}");
        let mut frames = 8..12_000 / old - 8;
        assert!(frames.all(|n| is_near(heard[96_000 + n * new], n * old)), "elsewhere at {more}");
        assert!(heard[96_100 + 12_000 * new / old..].iter().all(|&sample| sample == 0.0), "late at {more}");
    }
}

/// An engine that plays a rack, as a host has it.
struct Live {
    control: Control,
    engine: Engine,
    worker: Worker,
    values: Arc<ParameterValues>,
    speed: usize,
}

impl Live {
    /// With all files open.
    fn new(rack: &Rack) -> Self {
        let table: Arc<[_]> = engine::table().into();
        let values = Arc::new(ParameterValues::new(&table));
        let speed = table.iter().position(|spec| spec.target == Target::LaneSpeed(0)).unwrap();
        let layout = Layout { main_input: 0, sidechain: 2, outputs: vec![2] };
        let (control, engine, mut worker) = engine::new(EngineConfig {
            rate: SampleRate(48_000.0),
            layout: layout.clone(),
            table,
            values: Arc::clone(&values),
            level: Level::detect(),
            look_ahead: false,
        });
        worker.apply(&rack.setup(&layout).unwrap()).unwrap();
        while worker.is_opening() {
            thread::sleep(Duration::from_millis(1));
            worker.poll();
        }
        Self { control, engine, worker, values, speed }
    }

    /// What is heard from a second of the host's on, at a speed that is set on the very frame.
    fn at(&mut self, playing: bool, seconds: f64, speed: f32) -> Vec<f32> {
        self.values.set(self.speed, speed);
        let transport = Transport { playing, seconds: Some(seconds), ..Transport::default() };
        self.call(4_000, Some(transport))
    }

    /// The next frames, offline.
    fn call(&mut self, frames: usize, transport: Option<Transport>) -> Vec<f32> {
        let (mut left, mut right) = (vec![0.0; frames], vec![0.0; frames]);
        let call = Call { frames, transport, events: &[] };
        let mut outputs = [AudioBlockMut::new([&mut left[..], &mut right[..]])];
        self.worker.poll();
        assert!(engine::wait_for_lanes(&mut self.engine, &call, Duration::from_secs(20)));
        self.engine.render(&call, None, &mut outputs);
        left
    }
}

#[test]
fn a_start_or_a_jump_is_where_its_speed_leads_though_both_come_on_one_frame() {
    let home = folder("starts");
    write(&home.join("a.wav"), 48_000, 480_000, 3);
    let head = "version = { major = 1, minor = 0 }\n[[lanes]]\nlane = 1\ntakes = [\"a.wav\"]\n";
    let rack = opened(&format!("{head}start = 1\n"), &home);
    let mut live = Live::new(&rack);
    (0..3).for_each(|_| drop(live.at(false, 0.0, 0.5)));
    let wanted = live.at(true, 3.0, 0.5);
    assert!((8..1_900).all(|n| is_near(wanted[2 * n], 48_000 + n)));
    // Offline the first call plays, at a speed that nobody has said before.
    assert!(Live::new(&rack).at(true, 3.0, 0.5) == wanted, "a new engine");
    live.at(true, 7.0, 2.0);
    live.engine.reset();
    assert!(live.at(true, 3.0, 0.5) == wanted, "an engine after reset");
    // Behind the fade of a jump.
    live.at(true, 5.0, 4.0);
    assert!(live.at(true, 3.0, 0.5)[200..] == wanted[200..], "a jump with another speed");
}

/// What is heard offline of a lane that is sought by commands, each before its frame, in calls of at most so many frames.
fn sought(rack: &Rack, (seeks, frames): (&[(usize, u64)], usize), most: usize) -> Vec<f32> {
    let mut live = Live::new(rack);
    let mut out = Vec::new();
    while out.len() < frames {
        let now = out.len();
        for (_, frame) in seeks.iter().filter(|(at, _)| *at == now) {
            live.control.seek_lane(0, *frame);
        }
        let next = seeks.iter().map(|(at, _)| *at).filter(|&at| at > now).min().unwrap_or(frames);
        out.extend(live.call(most.min(next - now), None));
    }
    assert_eq!(live.control.lanes()[0].underruns, 0);
    out
}

#[test]
fn lanes_are_sought_by_commands_with_the_same_bits_for_all_calls() {
    let home = folder("sought");
    write(&home.join("a.wav"), 48_000, 480_000, 3);
    let head = "version = { major = 1, minor = 0 }\n[[lanes]]\nlane = 1\ntakes = [\"a.wav\"]\n";
    let rack = opened(&format!("{head}start = \"trigger\"\n"), &home);
    let seeks = [(0, 300_000), (3_000, 12), (3_050, 471_000), (6_000, 479_500)];
    let whole = sought(&rack, (&seeks, 8_000), 8_000);
    let plain = |frame: usize| f32::from(value(frame, 3)) / 32_768.0;
    for (from, to, place) in [(0, 3_000, 300_000), (3_050, 6_000, 471_000), (6_000, 6_500, 479_500)] {
        let mut frames = from + 200..to;
        assert!(frames.all(|frame| whole[frame] == plain(place + frame - from)), "{place}");
    }
    assert!(whole[6_500..].iter().all(|&sample| sample == 0.0), "its end");
    for most in [1, 61, 256] {
        assert!(sought(&rack, (&seeks, 8_000), most) == whole, "{most}");
    }
    let in_time = opened(&format!("{head}start = 1000\n"), &home);
    assert!(sought(&in_time, (&seeks, 8_000), 999).iter().all(|&sample| sample == 0.0), "the host's time");
}

#[test]
fn the_last_of_many_seeks_is_done_though_no_command_has_room() {
    let home = folder("full");
    write(&home.join("a.wav"), 48_000, 480_000, 3);
    let head = "version = { major = 1, minor = 0 }\n[[lanes]]\nlane = 1\ntakes = [\"a.wav\"]\n";
    let mut live = Live::new(&opened(&format!("{head}start = \"trigger\"\n"), &home));
    let speed = |value| Command::Set { target: Target::LaneSpeed(7), value };
    while live.control.send(speed(2.0)).is_ok() {}
    (0..1_000).for_each(|place| live.control.seek_lane(0, 300 * place));
    live.control.seek_lane(99, 5);
    let out = live.call(3_000, None);
    assert!((200..3_000).all(|frame| out[frame] == f32::from(value(299_700 + frame, 3)) / 32_768.0));
    live.control.seek_lane(0, u64::MAX);
    assert!(live.call(3_000, None)[200..].iter().all(|&sample| sample == 0.0), "past the end");
    assert!(live.control.send(speed(1.0)).is_ok());
}

#[test]
fn what_is_sought_in_a_lane_is_not_sought_in_what_comes_in_its_place() {
    let home = folder("replaced");
    write(&home.join("a.wav"), 48_000, 48_000, 3);
    write(&home.join("b.wav"), 48_000, 48_000, 5);
    let rack = |file: &str| {
        let head = "version = { major = 1, minor = 0 }\n[[lanes]]\nlane = 1\nstart = \"trigger\"\n";
        opened(&format!("{head}takes = [\"{file}\"]\n"), &home)
    };
    let mut live = Live::new(&rack("a.wav"));
    live.control.seek_lane(0, 300);
    let layout = Layout { main_input: 0, sidechain: 2, outputs: vec![2] };
    live.worker.apply(&rack("b.wav").setup(&layout).unwrap()).unwrap();
    while live.worker.is_opening() {
        thread::sleep(Duration::from_millis(1));
        live.worker.poll();
    }
    assert!(live.call(3_000, None).iter().all(|&sample| sample == 0.0));
    live.control.seek_lane(0, 300);
    let out = live.call(3_000, None);
    assert!((200..3_000).all(|frame| out[frame] == f32::from(value(300 + frame, 5)) / 32_768.0));
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
    for second in ["inf", "-inf", "nan", "1e30", "-1000000001"] {
        for (field, text) in [("start", second.to_owned()), ("shuffle", format!("[0, {second}]"))] {
            let said = refused(&format!("lane = 2\n{field} = {text}"));
            let wanted = format!("the {field} of lane 2 is at second ");
            assert!(said.contains(&wanted) && said.contains("-1000000000 to 1000000000"), "{said}");
        }
    }
    for looped in ["\"all\"", "[-1, 5]", "[5]"] {
        let said = refused(&format!("lane = 1\nloop = {looped}"));
        assert!(said.contains("loop can be true, false, or [first frame, "), "{said}");
    }
    assert!(refused("lane = 1\nstart = true").contains("start can be a second of the timeline, \"trigger\""));
    assert!(refused("lane = 1\ntakes = [3]").contains("a take can be the path of an audio file, or {"));
}

#[test]
fn a_state_is_taken_without_a_look_at_the_files_of_lanes_which_are_found_afterwards() {
    let home = folder("state");
    let [a, b, c] = ["a.wav", "b.wav", "c.wav"].map(|name| home.join(name));
    write(&a, 48_000, 4_800, 5);
    write(&c, 48_000, 4_800, 7);
    let text = "version = { major = 1, minor = 0 }\n[[lanes]]\nlane = 1\ntakes = [\"a.wav\", \"c.wav\"]\n";
    let state = opened(text, &home).pack().unwrap();
    let layout = Layout { main_input: 0, sidechain: 2, outputs: vec![2] };
    let played = |rack: &Rack| rack.setup(&layout).unwrap().lanes[0].takes.clone();
    // Where all lies in its place, nothing changes for the lane once that is known.
    assert_eq!(played(&Rack::unpack_unread(&state).unwrap()), played(&Rack::unpack(&state).unwrap()));
    fs::rename(&a, &b).unwrap();
    let mut rack = Rack::unpack_unread(&state).unwrap();
    assert!(rack.is_unread() && rack.notices().is_empty());
    assert_eq!(played(&rack), [Some(a.clone()), Some(c.clone())]);
    rack.read_files();
    assert!(!rack.is_unread() && rack.notices().is_empty());
    assert_eq!(played(&rack), [Some(b.clone()), Some(c.clone())]);
    fs::remove_file(&b).unwrap();
    assert!(rack.notices().is_empty(), "nobody has looked again");
    let again = Rack::unpack(&state).unwrap();
    assert_eq!((played(&again), again.notices().len()), (vec![None, Some(c.clone())], 1));
    // Another file in its place is played, and told.
    write(&a, 48_000, 4_801, 5);
    let other = Rack::unpack(&state).unwrap();
    assert_eq!(played(&other), [Some(a), Some(c)]);
    assert!(other.notices()[0].to_string().ends_with("has changed since the rack was saved"));
}
