//! The command line as its users meet it: files that come out, exit statuses, one line for each error.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use busker::rack::Rack;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Output;

const DEMO: &str = "src/rack/demo.it";

fn busker(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_busker"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(arguments).output().unwrap()
}

/// A folder of its own for each test.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn succeed(arguments: &[&str]) -> String {
    let output = busker(arguments);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// Exit status 1 and one line, which is given back.
fn fail(arguments: &[&str]) -> String {
    let output = busker(arguments);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}");
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    text.trim().to_owned()
}

fn integers(path: &Path) -> Vec<i32> {
    hound::WavReader::open(path).unwrap().into_samples().map(Result::unwrap).collect()
}

fn floats(path: &Path) -> Vec<f32> {
    hound::WavReader::open(path).unwrap().into_samples().map(Result::unwrap).collect()
}

fn peak(samples: &[f32]) -> f32 {
    samples.iter().fold(0.0, |peak, sample| peak.max(sample.abs()))
}

#[test]
fn a_song_renders_to_its_length_at_the_rate_asked_for() {
    let wav = folder("length").join("a.wav");
    let path = wav.to_str().unwrap();
    let printed = succeed(&["render", DEMO, "-o", path, "--rate", "22050"]);
    assert!(printed.contains("64.00 s"), "{printed}");
    let reader = hound::WavReader::open(&wav).unwrap();
    assert_eq!(
        (reader.spec().sample_rate, reader.spec().channels, reader.duration()),
        (22050, 2, 64 * 22050)
    );
    let level = 20.0 * peak(&floats(&wav)).log10();
    assert!((-12.0..-3.0).contains(&level), "peak {level} dBFS");
}

#[test]
fn a_pace_of_the_users_reaches_what_is_rendered_told_and_traced() {
    let folder = folder("pace");
    let (wav, trace, rack) = (folder.join("a.wav"), folder.join("a.tsv"), folder.join("a.busker.toml"));
    let pace = ["--speed", "3", "--tempo", "250"];
    let mut saved = Rack::demo();
    (saved.song_time.speed, saved.song_time.tempo) = (Some(3), Some(250));
    fs::write(&rack, saved.to_toml().unwrap()).unwrap();
    for arguments in [[&[DEMO][..], &pace].concat(), vec![rack.to_str().unwrap()]] {
        // The song's own 64 s are at speed 6 and tempo 120.
        succeed(&[&["render", "-o", wav.to_str().unwrap()][..], &arguments].concat());
        assert_eq!(hound::WavReader::open(&wav).unwrap().duration(), 737_280);
        let info = succeed(&[&["info", "--json"][..], &arguments].concat());
        let info: serde_json::Value = serde_json::from_str(&info).unwrap();
        assert!((info["seconds"].as_f64().unwrap() - 15.36).abs() < 1e-6, "{info}");
        succeed(&[&["trace", "-o", trace.to_str().unwrap()][..], &arguments].concat());
        let lines = fs::read_to_string(&trace).unwrap();
        let lengths =
            lines.lines().skip(1).filter_map(|line| line.split('\t').nth(5)).filter(|s| !s.is_empty());
        let lengths: Vec<&str> = lengths.collect();
        assert!(
            lengths.len() > 100 && lengths.iter().all(|&length| length == "1000"),
            "{:?}",
            lengths.first()
        );
    }
}

#[test]
fn a_pace_that_no_song_can_have_is_refused() {
    let output = busker(&["info", DEMO, "--tempo", "20"]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(2) && text.contains("20 is not in 32..=255"), "{text}");
    let rack = folder("refused_pace").join("a.busker.toml");
    fs::write(&rack, "version = { major = 1, minor = 0 }\n[song_time]\nspeed = 300\n").unwrap();
    let line = fail(&["info", rack.to_str().unwrap()]);
    assert!(line.ends_with("the rack's song_time.speed is 300: it can be 1 to 255"), "{line}");
}

#[test]
fn the_block_size_changes_nothing() {
    let folder = folder("blocks");
    let render = |size: &str| {
        let wav = folder.join(format!("{size}.wav"));
        succeed(&["render", DEMO, "-o", wav.to_str().unwrap(), "--seconds", "4", "--block-size", size]);
        fs::read(wav).unwrap()
    };
    let whole = render("65536");
    assert!(render("1") == whole && render("441") == whole);
}

#[test]
fn integers_are_the_floats_rounded() {
    let folder = folder("formats");
    let render = |format: &str, more: &[&str]| {
        let wav = folder.join(format!("{format}{}.wav", more.len()));
        let common = ["render", DEMO, "-o", wav.to_str().unwrap(), "--seconds", "9", "--format", format];
        succeed(&[&common, more].concat());
        wav
    };
    let exact = floats(&render("f32", &[]));
    for (format, scale) in [("i16", 32768.0), ("i24", 8_388_608.0)] {
        let plain = integers(&render(format, &[]));
        let dithered = integers(&render(format, &["--dither"]));
        assert_eq!(plain.len(), exact.len());
        for ((&exact, &plain), &dithered) in exact.iter().zip(&plain).zip(&dithered) {
            let exact = f64::from(exact) * scale;
            assert_eq!(plain, exact.round_ties_even() as i32);
            assert!((f64::from(dithered) - exact).abs() <= 1.5);
        }
        assert_ne!(plain, dithered);
        assert_eq!(dithered, integers(&render(format, &["--dither"])), "dither is always the same");
    }
}

#[test]
fn tone_interpolation_and_ramping_are_heard() {
    let folder = folder("tone");
    let render = |more: &[&str]| {
        let wav = folder.join("a.wav");
        let common = ["render", DEMO, "-o", wav.to_str().unwrap(), "--seconds", "9"];
        succeed(&[&common, more].concat());
        fs::read(wav).unwrap()
    };
    let default = render(&[]);
    assert!(default == render(&["--tone", "clean", "--interpolation", "sinc"]));
    assert!(default != render(&["--tone", "authentic"]));
    let amigas = ["a500", "a1200", "paula"].map(|tone| render(&["--tone", tone]));
    assert!(amigas.iter().all(|amiga| *amiga != default));
    assert!(amigas[0] != amigas[1] && amigas[1] != amigas[2]);
    let kinds = ["none", "linear", "cubic", "sinc"].map(|kind| render(&["--interpolation", kind]));
    for (n, kind) in kinds.iter().enumerate() {
        assert!(kinds[..n].iter().all(|other| other != kind));
    }
    assert!(default == render(&["--ramping", "format"]));
    assert!(default != render(&["--ramping", "off"]));
    let authentic = render(&["--tone", "authentic"]);
    assert!(authentic == render(&["--tone", "authentic", "--ramping", "off"]));
    assert!(authentic != render(&["--tone", "authentic", "--ramping", "on"]));
}

#[test]
fn normalised_mixes_peak_at_one_decibel_below_full_scale() {
    let wav = folder("normalise").join("a.wav");
    succeed(&["render", DEMO, "-o", wav.to_str().unwrap(), "--seconds", "9", "--normalise"]);
    let level = 20.0 * peak(&floats(&wav)).log10();
    assert!((level + 1.0).abs() < 0.01, "{level}");
}

#[test]
fn stems_sum_to_the_mix() {
    let folder = folder("stems");
    let (wav, stems) = (folder.join("mix.wav"), folder.join("stems"));
    let paths = (wav.to_str().unwrap(), stems.to_str().unwrap());
    succeed(&["render", DEMO, "-o", paths.0, "--seconds", "10", "--stems", paths.1]);
    let mix = floats(&wav);
    let mut sum = vec![0.0_f64; mix.len()];
    for channel in 1..=14 {
        let stem = floats(&stems.join(format!("channel {channel:02}.wav")));
        assert_eq!(stem.len(), mix.len());
        sum.iter_mut().zip(stem).for_each(|(sum, sample)| *sum += f64::from(sample));
    }
    assert_eq!(fs::read_dir(&stems).unwrap().count(), 14);
    let most = sum.iter().zip(&mix).map(|(sum, &mix)| (sum - f64::from(mix)).abs()).fold(0.0, f64::max);
    assert!(most < 1e-6 * f64::from(peak(&mix)), "{most}");
}

#[test]
fn a_rack_renders_as_its_parameters_say() {
    let folder = folder("rack");
    let (rack_path, wav) = (folder.join("quiet.busker.toml"), folder.join("a.wav"));
    let render = |gain: f32| {
        let mut rack = Rack::demo();
        rack.parameters.insert("b01g", gain);
        fs::write(&rack_path, rack.to_toml().unwrap()).unwrap();
        let paths = [rack_path.to_str().unwrap(), wav.to_str().unwrap()];
        succeed(&["render", paths[0], "-o", paths[1], "--seconds", "2", "--stems", folder.to_str().unwrap()]);
        (floats(&wav), floats(&folder.join("bus 01.wav")))
    };
    let (loud, stem) = render(0.0);
    assert!(loud.iter().zip(&stem).all(|(mix, bus)| (mix - bus).abs() < 1e-6));
    let (quiet, _) = render(-20.0);
    assert!(peak(&loud) > 0.05);
    for (loud, quiet) in loud.iter().zip(&quiet) {
        assert!((loud * 0.1 - quiet).abs() < 1e-5);
    }
}

#[test]
fn replaced_samples_are_kept_in_a_rack_that_needs_no_files_and_is_told_by_info() {
    let folder = folder("replace");
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let (kick, rack, wav) = (path("kick.wav"), path("mine.busker.toml"), path("a.wav"));
    let render = |song: &str| {
        succeed(&["render", song, "-o", &wav, "--seconds", "6"]);
        floats(Path::new(&wav))
    };
    let own = render(DEMO);
    noise(Path::new(&kick), 1, 44_100, 20_000);
    succeed(&[
        "replace",
        DEMO,
        "--sample",
        &format!("1={kick}"),
        "--instrument",
        &format!("2={kick}"),
        "-o",
        &rack,
    ]);
    fs::remove_file(&kick).unwrap();
    assert!(render(&rack) != own);
    let told = succeed(&["info", &rack]);
    for line in ["  replaces  sample 1 by kick.wav", "  replaces  instrument 2 by kick.wav"] {
        assert!(told.lines().any(|found| found == line), "{told}");
    }
    // A rack is gone on with.
    noise(Path::new(&kick), 2, 48_000, 1_000);
    succeed(&["replace", &rack, "--sample", &format!("1={kick}"), "-o", &rack]);
    let rack = Rack::from_toml(&fs::read_to_string(&rack).unwrap()).unwrap();
    assert_eq!(rack.replace.len(), 2);
    let with = |arguments: &[&str]| fail(&[&["replace", DEMO, "-o", "unwritten"], arguments].concat());
    assert!(with(&["--sample", "1=gone.wav"]).starts_with("gone.wav: No such file"));
    assert!(with(&["--sample", "1=README.md"]).starts_with("README.md: no audio file that can be read"));
    let absent = with(&["--instrument", &format!("99={kick}")]);
    let why =
        format!("{DEMO}: the rack replaces instrument 99, but demo.it has instruments 1 to 12: choose one");
    assert!(absent.starts_with(&why), "{absent}");
    for wrong in ["1", "0=a.wav", "x=a.wav", "1="] {
        let output = busker(&["replace", DEMO, "--sample", wrong, "-o", "unwritten"]);
        assert_eq!(output.status.code(), Some(2), "{wrong}");
    }
    assert!(!Path::new("unwritten").exists());
}

/// Noise on every channel, the same for each name.
fn noise(path: &Path, channels: u16, rate: u32, frames: usize) -> Vec<f32> {
    let spec = hound::WavSpec {
        channels,
        sample_rate: rate,
        bits_per_sample: 32,
        sample_format: hound::SampleFormat::Float,
    };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    let mut state = 1_u32;
    let samples: Vec<f32> = (0..frames * usize::from(channels))
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / 33_554_432.0 - 0.25
        })
        .collect();
    samples.iter().for_each(|&sample| writer.write_sample(sample).unwrap());
    writer.finalize().unwrap();
    samples
}

#[test]
fn a_rack_is_an_effect_of_the_inputs_width_and_rate_and_ends_with_it_where_nothing_rings() {
    let folder = folder("effect");
    let (rack, input, wav) = (folder.join("a.busker.toml"), folder.join("in.wav"), folder.join("out.wav"));
    fs::write(&rack, "version = { major = 1, minor = 0 }\n[parameters]\nb01g = \"-6 dB\"\n").unwrap();
    let paths = [&rack, &input, &wav].map(|path| path.to_str().unwrap());
    let render = |more: &[&str]| {
        succeed(&[&["render", paths[0], "--input", paths[1], "-o", paths[2]], more].concat());
        fs::read(&wav).unwrap()
    };
    for channels in [1, 2, 6, 8] {
        let dry = noise(&input, channels, 44_100, 5_000);
        let whole = render(&[]);
        let spec = hound::WavReader::open(&wav).unwrap().spec();
        assert_eq!((spec.channels, spec.sample_rate), (channels, 44_100));
        let wet = floats(&wav);
        assert_eq!(wet.len(), dry.len());
        let gain = 10f32.powf(-0.3);
        assert!(dry.iter().zip(&wet).all(|(dry, wet)| (dry * gain - wet).abs() < 1e-6), "{channels}");
        assert!(render(&["--block-size", "1"]) == whole && render(&["--block-size", "777"]) == whole);
    }
    assert_eq!(render(&["--tail", "0.1"]).len(), 0x44 + 8 * 4 * (5_000 + 4_410));
}

#[test]
fn an_effect_rings_on_after_its_input_until_its_machines_have_died_away() {
    let folder = folder("ring");
    let (rack, input, wav) = (folder.join("a.busker.toml"), folder.join("in.wav"), folder.join("out.wav"));
    let head = "version = { major = 1, minor = 0 }\n";
    let insert = |strip: &str| format!("[[inserts]]\nstrip = \"{strip}\"\nslot = 1\nmachine = \"reverb\"\n");
    let paths = [&rack, &input, &wav].map(|path| path.to_str().unwrap());
    let frames = |text: &str| {
        fs::write(&rack, format!("{head}{text}")).unwrap();
        succeed(&["render", paths[0], "--input", paths[1], "-o", paths[2]]);
        floats(&wav).len() / 2
    };
    noise(&input, 2, 48_000, 4_800);
    let rung = frames(&insert("bus 1"));
    assert!(rung > 4_800 + 48_000, "{rung}");
    let out = floats(&wav);
    assert!(peak(&out[2 * 4_800..4 * 4_800]) > 1e-3 && peak(&out[out.len() - 960..]) < 1e-5);
    assert!(frames(&(insert("bus 1") + &insert("master"))) > rung + 48_000);
    // What nothing reaches does not ring, and neither does what is bypassed.
    assert_eq!(frames(&insert("bus 2")), 4_800);
    assert_eq!(frames(&(insert("bus 1") + "[parameters]\nx00b = \"on\"\n")), 4_800);
    assert!(frames(&(insert("bus 2") + "[routing]\nbuses.1.to = [\"bus 2\"]\n")) > 4_800 + 48_000);
}

#[test]
fn what_cannot_arrive_is_refused_with_what_can() {
    let folder = folder("arrive");
    let (input, wide) = (folder.join("in.wav"), folder.join("wide.wav"));
    noise(&input, 2, 44_100, 10);
    noise(&wide, 9, 48_000, 10);
    let (input, wide) = (input.to_str().unwrap(), wide.to_str().unwrap());
    let with = |more: &[&str]| fail(&[&["render", DEMO, "-o", "unwritten"], more].concat());
    let rate = "it has 44100 frames a second, and 48000 are rendered: convert it, or use --rate";
    assert_eq!(with(&["--input", input, "--rate", "48000"]), format!("{input}: {rate}"));
    let channels = "it has 9 channels; 1 to 8 can arrive there";
    assert_eq!(with(&["--input", wide]), format!("{wide}: {channels}"));
    assert_eq!(with(&["--sidechain", wide]), format!("{wide}: it has 9 channels; 1 to 2 can arrive there"));
    assert!(with(&["--input", DEMO]).starts_with(DEMO));
    assert!(!Path::new("unwritten").exists());
}

#[test]
fn further_outputs_of_a_rack_are_stems_named_after_their_buses() {
    let folder = folder("outputs");
    let (rack, wav, stems) = (folder.join("a.busker.toml"), folder.join("a.wav"), folder.join("stems"));
    let text = format!(
        "version = {{ major = 1, minor = 0 }}\nsong = {{ file = {:?} }}\n[routing.song_channels]\n1 = \"bus 3\"\n2 = \"bus 3\"\n\
         [routing.buses.1]\nto = [\"master\", \"output 2\"]\n\
         [routing.buses.3]\nname = \"Bass/Lead\"\nto = [\"output 4\"]\n",
        Path::new(env!("CARGO_MANIFEST_DIR")).join(DEMO)
    );
    fs::write(&rack, text).unwrap();
    let paths = [&rack, &wav, &stems].map(|path| path.to_str().unwrap());
    succeed(&["render", paths[0], "-o", paths[1], "--stems", paths[2], "--seconds", "9"]);
    let mut names: Vec<_> = fs::read_dir(&stems)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["Bass-Lead.wav", "bus 01.wav"]);
    assert!(floats(&stems.join("bus 01.wav")) == floats(&wav));
    assert!(peak(&floats(&stems.join("Bass-Lead.wav"))) > 0.01);
}

#[test]
fn what_is_read_is_not_written_over_and_stems_leave_the_mix_alone() {
    let folder = folder("spared");
    let (rack, input, mix) = (folder.join("a.busker.toml"), folder.join("in.wav"), folder.join("mix.wav"));
    let text = "version = { major = 1, minor = 0 }\n[routing.buses.1]\nname = \"mix\"\nto = [\"master\", \"output 2\"]\n";
    fs::write(&rack, text).unwrap();
    noise(&input, 2, 48_000, 4_800);
    let before = fs::read(&input).unwrap();
    let paths = [&rack, &input, &mix, &folder].map(|path| path.to_str().unwrap());
    let refusal = "this file is read for the rendering; name another one to write";
    for taken in [paths[1], paths[0]] {
        let error = fail(&["render", paths[0], "--input", paths[1], "-o", taken]);
        assert_eq!(error, format!("{taken}: {refusal}"));
    }
    assert!(fs::read(&input).unwrap() == before && fs::read_to_string(&rack).unwrap() == text);
    succeed(&["render", paths[0], "--input", paths[1], "-o", paths[2], "--stems", paths[3]]);
    assert!(floats(&folder.join("mix (2).wav")) == floats(&mix));
}

/// Three numbers that the line on loudness holds: LUFS, range and true peak.
fn loudness(printed: &str) -> [f32; 3] {
    let line = printed.lines().find(|line| line.contains("LUFS")).unwrap();
    let words = line.rsplit_once(": ").unwrap().1.split(' ').filter_map(|word| word.parse().ok());
    words.collect::<Vec<f32>>().try_into().unwrap()
}

#[test]
fn a_rendering_tells_the_loudness_of_its_main_output_as_it_is_written() {
    let folder = folder("loudness");
    let (rack, input, wav) = (folder.join("a.busker.toml"), folder.join("in.wav"), folder.join("out.wav"));
    fs::write(&rack, "version = { major = 1, minor = 0 }\n[parameters]\nb01g = \"-6 dB\"\n").unwrap();
    let paths = [&rack, &input, &wav].map(|path| path.to_str().unwrap());
    let render = |more: &[&str]| {
        loudness(&succeed(&[&["render", paths[0], "--input", paths[1], "-o", paths[2]], more].concat()))
    };
    // 20 s at -20 dBFS and 20 s at -30: gates leave both, and the range is their distance.
    let spec = hound::WavSpec {
        channels: 2,
        sample_rate: 48_000,
        bits_per_sample: 32,
        sample_format: hound::SampleFormat::Float,
    };
    let mut writer = hound::WavWriter::create(&input, spec).unwrap();
    for n in 0..40 * 48_000 {
        let level = if n < 20 * 48_000 { 0.1 } else { 0.1 * 10f64.powf(-0.5) };
        let sample = (level * (std::f64::consts::TAU * f64::from(n % 48) / 48.0).sin()) as f32;
        (0..2).for_each(|_| writer.write_sample(sample).unwrap());
    }
    writer.finalize().unwrap();
    let near = |found: [f32; 3], wanted: [f32; 3]| {
        let most = found.iter().zip(wanted).map(|(found, wanted)| (found - wanted).abs()).fold(0.0, f32::max);
        assert!(most <= 0.15, "{found:?}, not {wanted:?}");
    };
    let mean = 10.0 * (0.55_f32).log10() - 20.0;
    near(render(&[]), [mean - 6.0, 10.0, -26.0]);
    near(render(&["--normalise", "--block-size", "4096"]), [mean + 19.0, 10.0, -1.0]);
    let silence = ["render", paths[0], "-o", paths[2], "--seconds", "0.5"];
    assert_eq!(loudness(&succeed(&silence)), [f32::NEG_INFINITY, 0.0, f32::NEG_INFINITY]);
}

#[test]
fn what_a_rack_arms_is_recorded_from_the_first_frame_to_the_last_and_changes_nothing() {
    let folder = folder("record");
    let (rack, input, wav) = (folder.join("a.busker.toml"), folder.join("in.wav"), folder.join("out.wav"));
    let paths = [&rack, &input, &wav].map(|path| path.to_str().unwrap());
    let call = ["render", paths[0], "--input", paths[1], "-o", paths[2]];
    let dry = noise(&input, 2, 44_100, 50_000);
    for look_ahead in [false, true] {
        let takes = folder.join(format!("takes-{look_ahead}"));
        let text = format!(
            "version = {{ major = 1, minor = 0 }}\n[master]\nlook_ahead = {look_ahead}\n[parameters]\nb01g = -6\ni2g = 3\n\
             [recorder]\nfolder = {takes:?}\ntaps = [{{ source = \"input 2\", point = \"pre\" }}, {{ source = \"bus 1\" }}, \
             {{ source = \"bus 9\" }}, {{ source = \"master\" }}]\n"
        );
        fs::write(&rack, text).unwrap();
        succeed(&call);
        assert!(!takes.exists(), "something is recorded unasked");
        let bits = fs::read(&wav).unwrap();
        let printed = succeed(&[&call[..], &["--record"]].concat());
        assert!(fs::read(&wav).unwrap() == bits);
        assert!(printed.contains("Input 2 001.wav: 1.13 s, input 2 before its gain recorded"), "{printed}");
        let take = |folder: &Path, name: &str| floats(&folder.join(format!("{name} 001.wav")));
        let master = take(&takes, "Master");
        assert!(take(&takes, "Input 2").iter().eq(dry.iter().skip(1).step_by(2)));
        assert!(take(&takes, "Bus 1") == master && take(&takes, "Bus 9") == vec![0.0; dry.len()]);
        let out = floats(&wav);
        assert_eq!(out.len(), master.len());
        assert!(peak(&master) > 0.1 && (look_ahead || out == master));
        // Another folder, and calls of another size.
        let other = folder.join(format!("other-{look_ahead}"));
        succeed(&[&call[..], &["--record", other.to_str().unwrap(), "--block-size", "1000"]].concat());
        assert!(take(&other, "Bus 1") == master && fs::read_dir(&takes).unwrap().count() == 4);
    }
}

#[test]
fn a_recording_that_cannot_be_is_refused_before_anything_is_rendered() {
    let folder = folder("unrecorded");
    let (rack, wav) = (folder.join("a.busker.toml"), folder.join("out.wav"));
    let paths = [&rack, &wav].map(|path| path.to_str().unwrap());
    let head = "version = { major = 1, minor = 0 }\n[recorder]\n";
    let call = ["render", paths[0], "-o", paths[1], "--seconds", "1", "--record"];
    fs::write(&rack, format!("{head}folder = \"a\"\n")).unwrap();
    let reason = "there is nothing to record: name sources in `taps` of the rack's [recorder]";
    assert_eq!(fail(&call), format!("{}: {reason}", paths[0]));
    fs::write(&rack, format!("{head}taps = [{{ source = \"bus 1\" }}]\n")).unwrap();
    let error = fail(&[&call[..], &[paths[0]]].concat());
    assert!(error.contains("this folder cannot be made") && error.contains("choose another one"), "{error}");
    fs::write(&rack, format!("{head}taps = [{{ source = \"input 2\" }}]\n")).unwrap();
    assert!(fail(&call).ends_with("input 2 cannot be recorded: the host has no inputs"));
    assert!(!wav.exists());
}

#[test]
fn info_says_what_is_in_a_song() {
    let text = succeed(&["info", DEMO]);
    assert!(text.starts_with("Pavement Artist (demo.it)\n  IT made with Impulse Tracker 2.14\n  1:04.0, of which 0:56.0 repeat\n"), "{text}");
    let json: serde_json::Value = serde_json::from_str(&succeed(&["info", DEMO, "--json"])).unwrap();
    assert_eq!((json["title"].as_str(), json["channels"].as_u64()), (Some("Pavement Artist"), Some(14)));
    assert_eq!((json["format"].as_str(), json["seconds"].as_f64().map(f64::round)), (Some("IT"), Some(64.0)));
    assert_eq!(json["samples"].as_array().map(Vec::len), Some(12));
}

#[test]
fn info_of_a_rack_lists_its_desk() {
    let text = succeed(&["info", "docs/racks/monitor.busker.toml"]);
    for line in [
        "  no song",
        "  bus  1    Singers (2 channels): inputs 1-2 to master",
        "  bus  2    Instrument: keyboard, inputs 3-4 to master",
        "  monitor   inputs 1-4 to output 3",
        "  records   input 1 before its gain",
        "  records   master after its gain",
        "  value     o7g    Output 7 Gain        -6.00 dB",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in {text}");
    }
    let stems = ["info", "docs/racks/stems.busker.toml"];
    let text = succeed(&stems);
    assert!(text.contains("  bus  3    Lead: channels 6-8 to master, output 4\n"), "{text}");
    assert!(text.contains("\nPavement Artist (demo.it)\n"), "{text}");
    let json: serde_json::Value =
        serde_json::from_str(&succeed(&[&stems[..], &["--json"]].concat())).unwrap();
    assert_eq!((&json["desk"]["buses"][3]["name"], &json["channels"]), (&"Strings".into(), &14.into()));
    let text = succeed(&["info", "docs/racks/fold.busker.toml"]);
    assert!(
        text.contains("Surround: main input to master, output 2, output 3 (truncate), bus 2\n"),
        "{text}"
    );
    let text = succeed(&["info", "docs/racks/scene.busker.toml"]);
    for line in [
        "  bus  1    Drums: channels 1-4 to master, output 2",
        "  bus  2    Bass: channel 5, keyboard to master; sidechain bus 1",
        "  bus  5    Narrator: inputs 1-2 to master, output 5",
        "  send      Strings to Return 2 at -6.00 dB, before its gain",
        "  records   master after its gain",
        "  value     x641   Return 1 Reverb Decay      0.80 s",
        "  value     b04d   Strings Duck Amount        75 %",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in {text}");
    }
    let text = succeed(&["info", "docs/racks/voices.busker.toml"]);
    for line in ["  bus  3    Rain: voice 4 to master, output 3", "  voice     1, Kick: 2 takes"] {
        assert!(text.lines().any(|found| found == line), "{line} is not in {text}");
    }
}

#[test]
fn what_a_rack_says_and_nobody_knows_is_told_where_no_newer_version_can_know_it() {
    let folder = folder("misspelt");
    let (rack, wav) = (folder.join("a.busker.toml"), folder.join("a.wav"));
    let paths = [&rack, &wav].map(|path| path.to_str().unwrap());
    for (minor, told) in [(0, true), (1, false)] {
        let text = format!(
            "version = {{ major = 1, minor = {minor} }}\n[routing.buses.2]\nchanels = 1\n[parameters]\nb1g = -6\n"
        );
        fs::write(&rack, text).unwrap();
        for call in [&["render", paths[0], "-o", paths[1], "--seconds", "0.1"][..], &["info", paths[0]]] {
            let output = busker(call);
            let errors = String::from_utf8(output.stderr).unwrap();
            assert!(output.status.success());
            for field in ["routing.buses.2.chanels", "parameters.b1g"] {
                let line = format!("{}: {field} means nothing", paths[0]);
                assert_eq!(errors.contains(&line), told, "{call:?}: {errors}");
            }
        }
    }
}

#[test]
fn a_trace_has_a_header_and_a_line_for_every_tick() {
    let trace = folder("trace").join("a.tsv");
    succeed(&["trace", DEMO, "-o", trace.to_str().unwrap()]);
    let text = fs::read_to_string(trace).unwrap();
    let mut lines = text.lines();
    assert!(lines.next().unwrap().starts_with("index\torder\trow\ttick\t"));
    // 64 s at 48 ticks a second.
    assert_eq!(lines.filter(|line| !line.starts_with('\t')).count(), 64 * 48);
}

#[test]
fn a_preset_holds_the_class_and_the_state_that_the_plugin_saves() {
    let preset = folder("preset").join("a.vstpreset");
    succeed(&["preset", DEMO, "-o", preset.to_str().unwrap()]);
    let bytes = fs::read(preset).unwrap();
    assert_eq!(
        (&bytes[..8], &bytes[8..40]),
        (&b"VST3\x01\0\0\0"[..], &b"4275736B6572496E737472756D656E74"[..])
    );
    let list = usize::try_from(i64::from_le_bytes(bytes[40..48].try_into().unwrap())).unwrap();
    assert_eq!(&bytes[list..list + 12], b"List\x01\0\0\0Comp");
    let state: serde_json::Value = serde_json::from_slice(&bytes[48..list]).unwrap();
    let packed: String = serde_json::from_str(state["fields"]["rack"].as_str().unwrap()).unwrap();
    let song = Rack::unpack(&packed).unwrap().song.unwrap();
    assert_eq!((song.name.as_str(), &*song.bytes), ("demo.it", &*fs::read(DEMO).unwrap()));
}

#[test]
fn errors_name_the_file_and_what_is_wrong_with_it() {
    let folder = folder("errors");
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let demo = fs::read(DEMO).unwrap();
    let (cut, noise, text) =
        (file("cut.it", &demo[..300]), file("noise", &[0xee; 500]), file("a.txt", b"hello"));
    for (command, out) in
        [("render", "-o"), ("trace", "-o"), ("midi", "-o"), ("preset", "-o"), ("info", "--json")]
    {
        let out: &[&str] = if out == "-o" { &["-o", "unwritten"] } else { &[out] };
        let with = |song: &str| fail(&[&[command, song], out].concat());
        assert_eq!(
            with(&cut),
            format!(
                "{cut}: the file ends inside the pointers of the patterns, 1 bytes short at byte 300; \
                 get a whole copy of it"
            )
        );
        assert!(
            with(&noise).starts_with(&format!("{noise}: not a module: no signature of MOD, S3M, XM or IT; "))
        );
        assert!(with(&text).starts_with(&format!("{text}: not a rack file: ")));
        assert!(with("absent.xm").starts_with("absent.xm: No such file"));
    }
    assert!(!Path::new("unwritten").exists());
    let nowhere = folder.join("absent").join("x.wav");
    let nowhere = nowhere.to_str().unwrap();
    assert!(fail(&["render", DEMO, "-o", nowhere, "--seconds", "1"]).starts_with(nowhere));
}

#[test]
fn wrong_usage_exits_with_2() {
    let wrong: [&[&str]; 9] = [
        &[],
        &["play"],
        &["render", DEMO],
        &["midi", DEMO, "-o", "unwritten", "--loops", "0"],
        &["render", DEMO, "-o", "unwritten", "--rate", "12"],
        &["render", DEMO, "-o", "unwritten", "--seconds", "-1"],
        &["render", DEMO, "-o", "unwritten", "--seconds", "1", "--loops", "2"],
        &["render", DEMO, "-o", "unwritten", "--dither"],
        &["render", DEMO, "-o", "unwritten", "--tone", "loud"],
    ];
    for arguments in wrong {
        let output = busker(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(!output.stderr.is_empty());
    }
    assert!(!Path::new("unwritten").exists());
    assert!(succeed(&["help"]).contains("render"));
}

#[test]
fn a_song_is_spread_into_a_rack_whose_outputs_render_by_name_and_is_gathered_again() {
    let folder = folder("spread");
    let (rack, back) = (folder.join("s.busker.toml"), folder.join("g.busker.toml"));
    let (rack_path, back_path) = (rack.to_str().unwrap(), back.to_str().unwrap());
    let told = succeed(&["rack", DEMO, "-o", rack_path, "--spread", "channels", "--group", "samples"]);
    let saved = Rack::from_toml(&fs::read_to_string(&rack).unwrap()).unwrap();
    let named: Vec<String> = (0..15).map(|bus| saved.routing.bus_name(bus)).collect();
    assert!(told.starts_with(&format!("output  2  {}\n", named[0])), "{told}");
    assert!(told.ends_with("main       Others\n"), "{told}");
    let stems = folder.join("stems");
    let mix = folder.join("mix.wav");
    let (mix_path, stems_path) = (mix.to_str().unwrap(), stems.to_str().unwrap());
    succeed(&["render", rack_path, "-o", mix_path, "--stems", stems_path, "--seconds", "20"]);
    let outputs = told.lines().count() - 1;
    assert_eq!(fs::read_dir(&stems).unwrap().count(), outputs);
    assert!(peak(&floats(&stems.join(format!("{}.wav", named[0])))) > 0.01);
    // All that the song plays has an output of its own, so that nothing is left for the main one.
    assert_eq!(peak(&floats(&mix)), 0.0);
    succeed(&["rack", rack_path, "-o", back_path, "--gather"]);
    succeed(&["rack", DEMO, "-o", rack_path]);
    assert_eq!(fs::read_to_string(&back).unwrap(), fs::read_to_string(&rack).unwrap());
}

#[test]
fn what_a_rack_is_made_of_and_how_it_is_spread_is_checked() {
    let folder = folder("spread_errors");
    let rack = folder.join("a.busker.toml");
    let path = rack.to_str().unwrap();
    let wrong: [&[&str]; 3] =
        [&["--group", "pairs"], &["--spread", "channels", "--gather"], &["--spread", "rows"]];
    for options in wrong {
        let output = busker(&[&["rack", DEMO, "-o", path], options].concat());
        assert_eq!(output.status.code(), Some(2), "{options:?}");
    }
    fs::write(&rack, "version = { major = 1, minor = 0 }\n").unwrap();
    let error = fail(&["rack", path, "-o", path, "--spread", "instruments"]);
    assert!(error.ends_with("a.busker.toml: the rack holds no song"), "{error}");
}

#[test]
fn a_folder_becomes_a_scene_that_renders_to_the_sum_of_its_tracks_and_tells_what_it_misses() {
    let folder = folder("scene");
    let stems = folder.join("stems");
    fs::create_dir(&stems).unwrap();
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 48_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    for (name, frames, sample) in
        [("Bass", 30_000, 4_096i16), ("Drums-1", 20_000, 8_192), ("Drums-2", 20_001, 8_192)]
    {
        let mut writer = hound::WavWriter::create(stems.join(name).with_extension("wav"), spec).unwrap();
        (0..frames).for_each(|_| writer.write_sample(sample).unwrap());
        writer.finalize().unwrap();
    }
    fs::write(stems.join("._Bass.wav"), "what a Mac keeps beside it").unwrap();
    let (rack, mix) = (folder.join("scene.busker.toml"), folder.join("mix.wav"));
    let (rack, mix) = (rack.to_str().unwrap(), mix.to_str().unwrap());
    let told = succeed(&["scene", stems.to_str().unwrap(), "-o", rack]);
    assert_eq!(told.lines().collect::<Vec<_>>(), ["lane 1, Bass: 1 take", "lane 2, Drums: 2 takes"]);
    let told = succeed(&["info", rack]);
    for line in [
        "  bus  1    Bass: lane 1, main input to master",
        "  bus  2    Drums: keyboard, lane 2 to master",
        "  lane      2, Drums: 2 takes",
    ] {
        assert!(told.lines().any(|found| found == line), "{line} is not in {told}");
    }
    succeed(&["render", rack, "-o", mix, "--format", "f32"]);
    let samples = floats(Path::new(mix));
    assert_eq!(samples.len(), 2 * 30_000);
    let wanted = |frame: usize| if frame < 20_000 { 0.375 } else { 0.125 };
    // Only one take has that frame.
    let mut certain = samples.iter().enumerate().filter(|(index, _)| index / 2 != 20_000);
    assert!(certain.all(|(index, &sample)| sample == wanted(index / 2)));
    fs::remove_file(stems.join("Bass.wav")).unwrap();
    fs::write(stems.join("Drums-2.wav"), "no sound").unwrap();
    let output = busker(&["render", rack, "-o", mix]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    for words in [
        "lane 1: the take stems/Bass.wav was not found",
        "Drums-2.wav has changed",
        "Drums-2.wav: no audio file",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let error = fail(&["scene", stems.to_str().unwrap(), "-o", rack]);
    assert!(error.contains("Drums-2.wav: no audio file that can be read"), "{error}");
    fs::remove_file(mix).unwrap();
    let error = fail(&["scene", folder.to_str().unwrap(), "-o", rack]);
    assert!(error.contains("no audio file in it"), "{error}");
}
