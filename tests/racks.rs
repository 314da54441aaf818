//! The racks of `docs/racks`: each is rendered, and does what it says.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use busker::audio::AudioBlockMut;
use busker::audio::AudioSource;
use busker::engine::Target;
use busker::mixer::MACROS;
use busker::mixer::Route;
use busker::rack::Rack;
use busker::rack::further_outputs;
use busker::rack::render::Length;
use busker::rack::render::RenderOptions;
use busker::rack::render::Rendering;
use busker::tracker::song::Instrument;
use busker::tracker::song::Loop;
use busker::tracker::song::Sample;
use busker::units::SampleRate;
use std::f64::consts::TAU;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

const RATE: usize = 48_000;
/// Of the sine on input channel 0; each further one has the next of these frequencies.
const PITCHES: [f64; 8] = [200.0, 310.0, 470.0, 730.0, 1_130.0, 1_700.0, 2_300.0, 3_100.0];
const AMPLITUDE: f64 = 0.25;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/racks")
}

fn rack(name: &str) -> Rack {
    let path = folder().join(format!("{name}.busker.toml"));
    Rack::from_toml_in(&fs::read_to_string(path).unwrap(), Some(&folder())).unwrap()
}

/// Busker where nothing arrives on the main input, which has a sidechain, else Busker Insert.
fn options(length: Length, main_input: usize) -> RenderOptions {
    RenderOptions {
        rate: SampleRate(RATE as f64),
        length,
        main_input,
        sidechain: if main_input == 0 { 2 } else { 0 },
        block_size: 8_192,
        ..RenderOptions::default()
    }
}

/// All planes of all outputs, in turn.
type Planes = Vec<Vec<Vec<f32>>>;

/// The second in which the sidechain begins to sound, and that in which it has ended.
const SPOKEN: std::ops::Range<usize> = 3..6;

/// Lets the sines of inputs from `first` on arrive, from frame `start` on.
fn fill(arriving: &mut AudioBlockMut<'_>, first: usize, start: usize) {
    for (plane, pitch) in arriving.planes_mut().zip(&PITCHES[first..]) {
        for (n, sample) in (start..).zip(plane.iter_mut()) {
            *sample = (AMPLITUDE * (TAU * pitch * n as f64 / RATE as f64).sin()) as f32;
        }
    }
}

/// A rendering in blocks of the sizes that `size` gives; sines arrive on the main input and, while it is spoken, on the
/// sidechain.
fn rendered(rack: &Rack, options: &RenderOptions, mut size: impl FnMut() -> usize) -> Planes {
    let outputs = options.layout().outputs.len();
    let mut rendering = Rendering::desk(rack, options, outputs).unwrap();
    let mut planes: Planes =
        (0..outputs).map(|output| vec![Vec::new(); rendering.channels(output)]).collect();
    let mut frame = 0;
    loop {
        rendering.cut_next(size());
        let Some(mut arriving) = rendering.arriving() else { break };
        let frames = arriving.main.frames().max(arriving.sidechain.frames());
        fill(&mut arriving.main, 0, frame);
        fill(&mut arriving.sidechain, options.main_input, frame);
        for plane in arriving.sidechain.planes_mut() {
            let silent = (frame..).zip(plane.iter_mut()).filter(|(n, _)| !SPOKEN.contains(&(n / RATE)));
            silent.for_each(|(_, sample)| *sample = 0.0);
        }
        frame += frames;
        let Some((range, rendered)) = rendering.next_block() else { break };
        for (output, planes) in rendered.iter().zip(&mut planes) {
            for (channel, plane) in planes.iter_mut().enumerate() {
                plane.extend_from_slice(&output.channel(channel)[range.clone()]);
            }
        }
    }
    planes
}

fn whole(rack: &Rack, options: &RenderOptions) -> Planes {
    rendered(rack, options, || 8_192)
}

/// Sizes of blocks from 1 to 8192, small ones as often as large ones.
fn random_sizes(seed: u64) -> impl FnMut() -> usize {
    let mut state = seed;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let magnitude = (state >> 60) % 14;
        1 + (state >> 20) as usize % (1 << magnitude)
    }
}

/// How much of the sine of each input channel is in a plane, as a factor; whole seconds only.
fn contents(plane: &[f32]) -> [f64; 8] {
    let second = &plane[plane.len() - RATE..];
    PITCHES.map(|pitch| {
        let turn = |n: usize| TAU * pitch * (plane.len() - RATE + n) as f64 / RATE as f64;
        let [sine, cosine] = [f64::sin, f64::cos].map(|wave: fn(f64) -> f64| {
            let products = second.iter().enumerate().map(|(n, &sample)| f64::from(sample) * wave(turn(n)));
            products.sum::<f64>() * 2.0 / RATE as f64
        });
        sine.hypot(cosine) / AMPLITUDE
    })
}

/// Holds a plane to what it is to contain of each input, within a thousandth of full scale.
fn assert_contains(what: &str, plane: &[f32], wanted: [f64; 8]) {
    let found = contents(plane);
    for (input, (found, wanted)) in found.iter().zip(wanted).enumerate() {
        assert!((found - wanted).abs() < 1e-3, "{what}, input {}: {found:.4}, not {wanted:.4}", input + 1);
    }
}

fn gain(decibels: f64) -> f64 {
    10f64.powf(decibels / 20.0)
}

/// Left and right of a mono sound by the sine law, -1 to 1.
fn pan(place: f64) -> [f64; 2] {
    let angle = (place + 1.0) * TAU / 8.0;
    [angle.cos(), angle.sin()]
}

fn peak(planes: &[Vec<f32>]) -> f64 {
    planes.iter().flatten().fold(0.0, |peak, &sample| peak.max(f64::from(sample).abs()))
}

#[test]
fn the_machines_are_set_as_the_rack_says_and_what_is_bypassed_is_not_heard() {
    let render = |change: &dyn Fn(&mut Rack)| {
        let mut rack = rack("machines");
        change(&mut rack);
        whole(&rack, &options(Length::Seconds(3.0), 2))
    };
    let planes = render(&|_| {});
    // Each bell in the middle of its own sine, with the foot of the other's beside it.
    for (side, wanted) in [-12.0, 6.0].into_iter().enumerate() {
        let found = contents(&planes[1][side])[side] / gain(wanted);
        assert!((found - 1.0).abs() < 0.05, "side {side}: {found} of {wanted} dB");
    }
    let loud = |planes: &Planes| contents(&planes[1][1])[1];
    let pressed = render(&|rack| rack.parameters.insert("x01b", 0.0));
    assert!(loud(&pressed) < 0.5 * loud(&planes), "{} {}", loud(&pressed), loud(&planes));
    let away = render(&|rack| rack.inserts.retain(|insert| insert.machine != "compressor"));
    assert!(away == planes, "a bypassed machine is not there");
    // Nothing but the echo comes from the return, half a second behind.
    let silent = render(&|rack| rack.parameters.insert("b01l0", f32::NEG_INFINITY));
    let echo = silent[0][0].iter().zip(&planes[0][0]).position(|(without, with)| without != with);
    assert!(echo.is_some_and(|frame| frame.abs_diff(RATE / 2) < 3), "{echo:?}");
}

/// Every rack, with the channels of the input that it is for.
const RACKS: [(&str, usize); 13] = [
    ("stems", 0),
    ("monitor", 6),
    ("fold", 6),
    ("scene", 0),
    ("machines", 2),
    ("voices", 0),
    ("replace", 0),
    ("lanes", 0),
    ("instruments", 0),
    ("space", 0),
    ("arc", 0),
    ("room", 0),
    ("around", 0),
];

#[test]
fn every_rack_of_the_folder_is_tested_here_and_listed_in_its_readme() {
    let readme = fs::read_to_string(folder().join("README.md")).unwrap();
    let mut names: Vec<String> = fs::read_dir(folder())
        .unwrap()
        .filter_map(|entry| {
            entry.unwrap().file_name().to_str()?.strip_suffix(".busker.toml").map(str::to_owned)
        })
        .collect();
    names.sort();
    let mut tested: Vec<&str> = RACKS.iter().map(|(name, _)| *name).collect();
    tested.sort_unstable();
    assert_eq!(names, tested);
    for name in names {
        let command = format!("busker render docs/racks/{name}.busker.toml ");
        let text = fs::read_to_string(folder().join(format!("{name}.busker.toml"))).unwrap();
        assert!(readme.contains(&command) && text.contains(&command), "{name}");
    }
}

#[test]
fn every_rack_gives_the_same_bits_in_blocks_of_random_sizes() {
    for (name, inputs) in RACKS {
        let rack = match name {
            "voices" => voices(&[]),
            "replace" => replace(),
            "lanes" => lanes("blocks"),
            "around" => around("blocks"),
            name => rack(name),
        };
        let options = options(Length::Seconds(9.0), inputs);
        let once = whole(&rack, &options);
        assert!(peak(&once[0]) > 0.01, "{name} is silent");
        for seed in [1, 2] {
            assert!(rendered(&rack, &options, random_sizes(seed)) == once, "{name}, seed {seed}");
        }
    }
}

#[test]
fn every_rack_survives_being_saved() {
    for (name, _) in RACKS {
        let rack = rack(name);
        let again = Rack::from_toml(&rack.to_toml().unwrap()).unwrap();
        assert!(again == rack, "{name}");
        let mut state = Rack::unpack(&rack.pack().unwrap()).unwrap();
        state.parameters = rack.parameters.clone();
        // A state names the files of lanes from anywhere, be they missing or not.
        assert!(Rack::unpack(&state.pack().unwrap()).unwrap().lanes == state.lanes, "{name}");
        assert_eq!(state.notices().len(), rack.notices().len(), "{name}");
        state.lanes = rack.lanes.clone();
        // What macros set is left to the host, which keeps all parameters.
        for (own, insert) in state.inserts.iter_mut().zip(&rack.inserts) {
            for control in insert.kind().unwrap().parameters().iter().skip(MACROS) {
                assert_eq!(
                    own.controls.get(control),
                    insert.controls.get(control),
                    "{name}: {}",
                    control.path
                );
            }
            own.controls = insert.controls.clone();
        }
        assert!(state == rack, "{name}");
    }
}

#[test]
fn stems_are_named_after_their_groups_and_sum_to_the_mix() {
    let (rack, options) = (rack("stems"), options(Length::Seconds(24.0), 0));
    let outputs = further_outputs(&rack, &options);
    let outputs: Vec<_> = outputs.iter().map(|output| (output.output, output.name.as_str())).collect();
    assert_eq!(outputs, [(1, "Drums"), (2, "Bass"), (3, "Lead"), (4, "Strings")]);
    let planes = whole(&rack, &options);
    let mix = peak(&planes[0]);
    for (side, mixed) in planes[0].iter().enumerate() {
        let most = mixed.iter().enumerate().map(|(n, &mixed)| {
            let sum: f64 = (1..=4).map(|output| f64::from(planes[output][side][n])).sum();
            (sum - f64::from(mixed)).abs()
        });
        let most = most.fold(0.0, f64::max);
        assert!(most < 1e-6 * mix, "{most} of {mix}");
    }
    // The strings begin alone; all four are there later, and nothing is anywhere else.
    let first =
        |output: usize| planes[output].iter().map(|plane| plane[..3 * RATE].to_vec()).collect::<Vec<_>>();
    assert!(peak(&first(4)) > 0.01 && (1..4).all(|output| peak(&first(output)) == 0.0));
    assert!((1..=4).all(|output| peak(&planes[output]) > 0.01));
    assert!((5..16).all(|output| peak(&planes[output]) == 0.0));
}

#[test]
fn the_monitor_sends_each_input_where_its_rack_says_and_nowhere_else() {
    let planes = whole(&rack("monitor"), &options(Length::Seconds(1.0), 6));
    let second = gain(3.0);
    let (left, right) = (pan(-0.3), pan(0.3));
    let room = gain(-6.0);
    // Singers, instrument and room meet in the first two channels of the master.
    let mix = |side: usize| {
        let one = |at: usize| if at == side { 1.0 } else { 0.0 };
        [left[side], second * right[side], one(0), one(1), room * one(0), room * one(1), 0.0, 0.0]
    };
    assert_contains("main left", &planes[0][0], mix(0));
    assert_contains("main right", &planes[0][1], mix(1));
    assert!(planes[0][2..].iter().flatten().all(|&sample| sample == 0.0));
    let alone = |input: usize, level: f64| std::array::from_fn(|n| if n == input { level } else { 0.0 });
    assert_contains("headphones left", &planes[1][0], alone(0, gain(-6.0)));
    assert_contains("headphones right", &planes[1][1], alone(1, second * gain(-6.0)));
    let monitor = |side: usize| {
        let (singer, instrument) = (gain(-5.0), gain(-14.0));
        let one = |at: usize| if at == side { instrument } else { 0.0 };
        [singer * left[side], singer * second * right[side], one(0), one(1), 0.0, 0.0, 0.0, 0.0]
    };
    assert_contains("monitor left", &planes[2][0], monitor(0));
    assert_contains("monitor right", &planes[2][1], monitor(1));
    assert!(planes[3..].iter().flatten().flatten().all(|&sample| sample == 0.0));
}

#[test]
fn the_monitors_outputs_are_two_and_its_taps_three() {
    let rack = rack("monitor");
    let outputs = further_outputs(&rack, &options(Length::Seconds(1.0), 6));
    assert_eq!(outputs.iter().map(|output| output.output).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(rack.recorder.settings.taps.len(), 3);
}

#[test]
fn surround_passes_whole_and_is_folded_down_to_stereo_and_mono_beside_it() {
    let planes = whole(&rack("fold"), &options(Length::Seconds(1.0), 6));
    for (channel, plane) in planes[0].iter().enumerate() {
        let same = std::array::from_fn(|n| if n == channel { 1.0 } else { 0.0 });
        assert_contains(&format!("channel {channel}"), plane, same);
    }
    let half = std::f64::consts::FRAC_1_SQRT_2;
    assert_contains("folded left", &planes[1][0], [1.0, 0.0, half, 0.0, half, 0.0, 0.0, 0.0]);
    assert_contains("folded right", &planes[1][1], [0.0, 1.0, half, 0.0, 0.0, half, 0.0, 0.0]);
    assert_contains("front left", &planes[2][0], [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    assert_contains("front right", &planes[2][1], [0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    let mono = [half, half, 1.0, 0.0, 0.5, 0.5, 0.0, 0.0].map(|level| level * gain(-6.0));
    assert_contains("mono left", &planes[3][0], mono);
    assert!(planes[3][0] == planes[3][1]);
}

/// The scene with other values of parameters.
fn scene(changes: &[(&str, f32)]) -> Rack {
    let mut scene = rack("scene");
    changes.iter().for_each(|&(id, value)| scene.parameters.insert(id, value));
    scene
}

fn scene_planes(scene: &Rack) -> Planes {
    whole(scene, &options(Length::Seconds(20.0), 0))
}

/// Gains of one rendering of a plane over another, where there is enough to divide by, with their frames.
fn gains<'a>(of: &'a [f32], over: &'a [f32]) -> impl Iterator<Item = (usize, f64)> + 'a {
    let pairs = of.iter().zip(over).enumerate().filter(|(_, (_, over))| over.abs() > 1e-3);
    pairs.map(|(frame, (of, over))| (frame, f64::from(*of) / f64::from(*over)))
}

#[test]
fn the_scene_has_the_outputs_names_and_taps_that_it_says() {
    let scene = rack("scene");
    let outputs = further_outputs(&scene, &options(Length::Seconds(1.0), 0));
    let outputs: Vec<_> = outputs.iter().map(|output| (output.output, output.name.as_str())).collect();
    assert_eq!(outputs, [(1, "Drums"), (2, "Lead"), (3, "Strings"), (4, "Narrator")]);
    let taps: Vec<String> = scene.recorder.settings.taps.iter().map(|tap| tap.source.to_string()).collect();
    assert_eq!(taps, ["master", "input 1"]);
    assert_eq!(scene.parameters.unknown().count(), 0);
}

#[test]
fn the_scenes_strings_duck_by_12_db_under_the_narrator_and_come_back() {
    let (ducked, free) = (scene_planes(&scene(&[])), scene_planes(&scene(&[("b04d", 0.0)])));
    let (start, end) = (SPOKEN.start * RATE, SPOKEN.end * RATE);
    let mut counts = [0; 3];
    for side in 0..2 {
        for (frame, gain) in gains(&ducked[3][side], &free[3][side]) {
            let (place, wanted) = match frame {
                frame if frame < start => (0, 1.0),
                // Ten times attack or release.
                frame if (start + RATE / 10..end).contains(&frame) => (1, 0.25),
                frame if frame > end + 4 * RATE => (2, 1.0),
                _ => continue,
            };
            assert!((gain - wanted).abs() < 1e-4, "{gain} on frame {frame}");
            counts[place] += 1;
        }
    }
    assert!(counts.iter().all(|&count| count > RATE / 4), "{counts:?}");
}

#[test]
fn the_scenes_bass_gives_way_to_the_drums_by_half_and_to_nothing_else() {
    let alone = |amount: f32| {
        let mut scene = scene(&[("b02d", amount)]);
        scene.routing.buses[1].to = vec![busker::mixer::Route::Output(9).into()];
        scene_planes(&scene).swap_remove(9)
    };
    let (ducked, free) = (alone(50.0), alone(0.0));
    let found: Vec<f64> = gains(&ducked[0], &free[0]).map(|(_, gain)| gain).collect();
    let (least, most) =
        found.iter().fold((1.0_f64, 0.0_f64), |(least, most), &gain| (least.min(gain), most.max(gain)));
    assert!((0.499..0.51).contains(&least) && (0.99..=1.000_01).contains(&most), "{least} to {most}");
}

#[test]
fn the_scenes_drums_stay_below_full_scale_where_they_would_be_above() {
    let clipped = peak(&scene_planes(&scene(&[]))[1]);
    let raw = peak(&scene_planes(&scene(&[("b01c", 0.0), ("b01i", 0.0)]))[1]);
    assert!(raw > 1.0 && clipped <= 1.0 && clipped > 0.5, "{raw} became {clipped}");
}

#[test]
fn the_scenes_sends_are_at_the_levels_that_it_says() {
    // Without machines and limiter a return adds to the mix just what is sent to it.
    let dry = |changes: &[(&str, f32)]| {
        let mut scene = scene(changes);
        scene.inserts.clear();
        scene.master.look_ahead = false;
        scene.parameters.insert("mgain", 0.0);
        scene_planes(&scene)
    };
    let (with, silent) = (dry(&[]), f32::NEG_INFINITY);
    // Behind the gain of the lead; before that of the strings, which is -2 dB, and return 2 takes 3 dB away.
    for (send, output, level) in [("b03l0", 2, -9.0), ("b04l1", 3, 2.0 - 6.0 - 3.0)] {
        let without = dry(&[(send, silent)]);
        for side in 0..2 {
            let planes = with[0][side].iter().zip(&without[0][side]).zip(&with[output][side]);
            let most = planes.map(|((with, without), own)| {
                (f64::from(*with) - f64::from(*without) - gain(level) * f64::from(*own)).abs()
            });
            assert!(peak(&with[output]) > 0.05 && most.fold(0.0, f64::max) < 1e-6, "{send}");
        }
    }
}

#[test]
fn the_scenes_rooms_sound_on_when_what_they_were_sent_has_ended() {
    // The narrator alone goes to both, and stops.
    let tail = |inserts: bool| {
        let mut scene =
            scene(&[("sngain", f32::NEG_INFINITY), ("i1b05", 0.0), ("b05l0", 0.0), ("b05l1", 0.0)]);
        if !inserts {
            scene.inserts.clear();
        }
        let planes = whole(&scene, &options(Length::Seconds(8.0), 0));
        let after = SPOKEN.end * RATE + RATE / 10;
        peak(&[planes[0][0][after..].to_vec()])
    };
    assert!(tail(false) == 0.0 && tail(true) > 1e-3, "{} {}", tail(false), tail(true));
}

#[test]
fn the_scenes_solo_leaves_one_input_and_the_song() {
    let second =
        |planes: &Planes| planes[4].iter().map(|plane| plane[..SPOKEN.end * RATE].to_vec()).collect();
    let planes = scene_planes(&scene(&[]));
    let found: Vec<Vec<f32>> = second(&planes);
    let half = std::f64::consts::FRAC_1_SQRT_2;
    assert_contains("narrator", &found[0], [half, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    assert!(found[0] == found[1]);
    let both: Vec<Vec<f32>> = second(&scene_planes(&scene(&[("i1s", 0.0)])));
    assert_contains("both", &both[0], [half, half, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    let quiet = &planes[0][0][..SPOKEN.start * RATE];
    assert!(quiet.iter().any(|sample| sample.abs() > 0.01));
}

#[test]
fn the_scenes_muted_cue_leaves_nothing_in_the_mix() {
    let muted = scene_planes(&scene(&[]));
    let mut without = scene(&[]);
    without.routing.song_channels[13] = None;
    assert!(scene_planes(&without)[0] == muted[0]);
    assert!(scene_planes(&scene(&[("b06m", 0.0)]))[0] != muted[0]);
}

#[test]
fn no_true_peak_of_the_scenes_mix_passes_its_ceiling_and_no_file_is_late() {
    let true_peak = |planes: &[Vec<f32>]| {
        let mut meter = ebur128::EbuR128::new(2, RATE as u32, ebur128::Mode::TRUE_PEAK).unwrap();
        meter.add_frames_planar_f32(&[&planes[0], &planes[1]]).unwrap();
        20.0 * meter.true_peak(0).unwrap().max(meter.true_peak(1).unwrap()).log10()
    };
    let mut free = rack("scene");
    free.master.look_ahead = false;
    let (limited, free) = (scene_planes(&rack("scene")), scene_planes(&free));
    let (held, raw) = (true_peak(&limited[0]), true_peak(&free[0]));
    // Meters differ by some thousandths of a decibel in what they find between samples.
    assert!(raw > 0.0 && held < -0.99 && held > -1.1, "{raw} dBTP became {held}");
    // All outputs are as late, and none comes out late.
    assert!(limited[1..] == free[1..]);
    let first = limited[4][0].iter().position(|sample| sample.abs() > 1e-6);
    assert_eq!(first, Some(SPOKEN.start * RATE + 1));
    // Where the limiter rests, the mix is the same to the bit.
    let alike = limited[0][0].iter().zip(&free[0][0]).filter(|(limited, free)| limited == free).count();
    assert!(alike > RATE, "{alike} frames");
}

/// Frames of the recordings that the rack of voices asks for; rain is long enough for its loop.
const SAMPLES: [(&str, u16, usize); 5] = [
    ("kick 1.wav", 1, 12_000),
    ("kick 2.wav", 1, 12_000),
    ("open hat.wav", 2, 20_000),
    ("closed hat.wav", 2, 4_000),
    ("rain.wav", 2, 60_000),
];

fn sample(number: usize, frame: usize) -> i16 {
    let pitch = [60.0, 90.0, 1_000.0, 1_500.0, 200.0][number];
    (12_000.0 * (TAU * pitch * frame as f64 / RATE as f64).sin()) as i16
}

/// A folder for the time being.
fn scratch() -> PathBuf {
    static FOLDERS: AtomicUsize = AtomicUsize::new(0);
    let number = FOLDERS.fetch_add(1, Relaxed);
    std::env::temp_dir().join(format!("busker-rack-{}-{number}", std::process::id()))
}

/// The rack of voices with recordings that its folder holds for the time being, but for those that are `missing`.
fn voices(missing: &[&str]) -> Rack {
    let folder = scratch();
    fs::create_dir_all(folder.join("samples")).unwrap();
    for (number, (name, channels, frames)) in SAMPLES.into_iter().enumerate() {
        let spec = hound::WavSpec {
            channels,
            sample_rate: RATE as u32,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        if missing.contains(&name) {
            continue;
        }
        let mut writer = hound::WavWriter::create(folder.join("samples").join(name), spec).unwrap();
        let samples = (0..frames).flat_map(|frame| vec![sample(number, frame); channels.into()]);
        samples.for_each(|sample| writer.write_sample(sample).unwrap());
        writer.finalize().unwrap();
    }
    let path = self::folder().join("voices.busker.toml");
    let rack = Rack::from_toml_in(&fs::read_to_string(path).unwrap(), Some(&folder)).unwrap();
    fs::remove_dir_all(&folder).unwrap();
    rack
}

fn voices_planes(rack: &Rack, triggers: &[usize]) -> Planes {
    let parameters = triggers.iter().map(|&slot| (Target::VoiceTrigger(slot), 1.0)).collect();
    let mut options = options(Length::Seconds(5.0), 0);
    (options.parameters, options.sidechain) = (parameters, 0);
    whole(rack, &options)
}

#[test]
fn the_rain_goes_round_an_octave_lower_on_its_own_output_and_the_kit_is_silent_until_it_is_played() {
    let rack = voices(&[]);
    assert!(rack.notices().is_empty() && rack.parameters.unknown().count() == 0);
    let planes = voices_planes(&rack, &[]);
    assert_eq!(peak(&planes[1]), 0.0);
    // Half the speed from frame 100 on; the loop's 43,200 frames are whole waves, so that it goes on for ever.
    for (frame, &found) in planes[2][0].iter().enumerate() {
        let place = (100.0 + frame as f64 / 2.0) / RATE as f64;
        let wanted = gain(-9.0) * 12_000.0 / 32_768.0 * (TAU * 200.0 * place).sin();
        assert!((f64::from(found) - wanted).abs() < 1e-3, "frame {frame}: {found} for {wanted}");
    }
    assert!(planes[2][0] == planes[2][1]);
}

#[test]
fn a_trigger_plays_one_of_the_kicks_near_its_pitch_the_same_in_every_rendering() {
    let rack = voices(&[]);
    let planes = voices_planes(&rack, &[0]);
    let kick = &planes[1][0];
    assert!(*kick == planes[1][1] && planes == voices_planes(&rack, &[0]));
    let last = kick.iter().rposition(|&sample| sample != 0.0).unwrap();
    assert!((11_800..12_200).contains(&last) && last != 11_999, "{last}");
    // -3 dB, and -3 dB in the centre.
    assert!((peak(&planes[1]) - gain(-3.0) * 0.5_f64.sqrt() * 12_000.0 / 32_768.0).abs() < 1e-3);
    let mut other = rack.clone();
    let found = (8..20).any(|seed| {
        other.random.seed = seed;
        voices_planes(&other, &[0])[1] != planes[1]
    });
    assert!(found, "the seed does not matter");
}

#[test]
fn a_closed_hat_ends_an_open_one() {
    let rack = voices(&[]);
    let (both, closed) = (voices_planes(&rack, &[1, 2]), voices_planes(&rack, &[2]));
    // On one frame the later one wins.
    assert!(both[1] == closed[1] && peak(&closed[1]) > 0.1);
    assert!(closed[1][0].iter().zip(&closed[1][1]).all(|(left, right)| (left - 0.5 * right).abs() < 1e-6));
}

#[test]
fn short_recordings_are_saved_inside_and_missing_ones_are_said_and_kept() {
    let rack = voices(&["open hat.wav"]);
    let said: Vec<String> = rack.notices().iter().map(ToString::to_string).collect();
    assert_eq!(said, ["voice 2: the take samples/open hat.wav was not found"]);
    let state = Rack::unpack(&rack.pack().unwrap()).unwrap();
    let file = Rack::from_toml(&rack.to_toml().unwrap()).unwrap();
    for again in [state, file] {
        assert!(again.voices == rack.voices && again.random == rack.random);
        assert_eq!(again.notices(), rack.notices());
        let again = Rack { parameters: rack.parameters.clone(), ..again };
        assert!(voices_planes(&again, &[0, 1]) == voices_planes(&rack, &[0, 1]), "sounds otherwise");
    }
}

#[test]
fn a_missing_take_keeps_its_turns_in_silence_and_leaves_the_others_theirs() {
    let whole = voices_planes(&voices(&[]), &[0]);
    let without = ["kick 1.wav", "kick 2.wav"].map(|name| voices_planes(&voices(&[name]), &[0]));
    let silent = without.iter().filter(|planes| peak(&planes[1]) == 0.0).count();
    assert!(peak(&whole[1]) > 0.1 && silent == 1 && without.contains(&whole));
}

/// The rack of replacements with recordings that its folder holds for the time being: a kick, a bell at another rate, and a
/// minute of strings.
fn replace() -> Rack {
    let root = scratch();
    let folder = root.join("docs/racks");
    fs::create_dir_all(folder.join("samples")).unwrap();
    fs::create_dir_all(root.join("src/rack")).unwrap();
    fs::copy(self::folder().join("../../src/rack/demo.it"), root.join("src/rack/demo.it")).unwrap();
    // What a file holds is told by its bytes, not by its name.
    fs::copy(self::folder().join("../../tests/recordings/sine.flac"), folder.join("samples/bell.flac"))
        .unwrap();
    let sample_format = hound::SampleFormat::Int;
    for (name, channels, bits_per_sample, frames) in
        [("kick.wav", 1, 24, 12_000), ("ensemble.wav", 2, 16, 70_000)]
    {
        let spec = hound::WavSpec { channels, sample_rate: RATE as u32, bits_per_sample, sample_format };
        let mut writer = hound::WavWriter::create(folder.join("samples").join(name), spec).unwrap();
        let samples = (0..frames).flat_map(|frame| vec![sample(4, frame); channels.into()]);
        samples.for_each(|sample| writer.write_sample(sample).unwrap());
        writer.finalize().unwrap();
    }
    let text = fs::read_to_string(self::folder().join("replace.busker.toml")).unwrap();
    let rack = Rack::from_toml_in(&text, Some(&folder)).unwrap();
    fs::remove_dir_all(&root).unwrap();
    rack
}

#[test]
fn the_replaced_kick_bell_and_ensemble_are_the_files_and_all_else_is_the_modules() {
    let layout = options(Length::Seconds(1.0), 0).layout();
    let song = |rack: &Rack| rack.setup(&layout).unwrap().song.unwrap();
    let (replaced, missing) = (replace(), rack("replace"));
    assert!(replaced.notices().is_empty(), "{:?}", replaced.notices());
    let told: Vec<String> = missing.notices().iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 3);
    assert!(told[0].starts_with("sample 1: samples/kick.wav was not found, so the module's own is heard"));
    let (with, own) = (song(&replaced), song(&missing));
    assert!(own == song(&Rack::demo()), "what is missing leaves the module alone");
    // The kick, wherever it is played, and two samples more for the instruments.
    assert_eq!((with.samples[0].data.frames(), with.samples.len()), (12_000, own.samples.len() + 2));
    assert_eq!(with.samples[1..own.samples.len()], own.samples[1..]);
    let played = |number: usize| {
        let key = with.instruments[number - 1].keys[60];
        assert!(with.instruments[number - 1].keys.iter().all(|other| other.sample == key.sample));
        &with.samples[usize::from(key.sample) - 1]
    };
    let (ensemble, bell) = (played(10), played(12));
    assert_eq!((bell.data.frames(), bell.data.channels(), bell.sample_loop), (8_820, 2, None));
    // 441 Hz at 44.1 kHz; the root a sixth above the middle key, and 20 cents.
    let rate = |sample: &Sample, c5_speed: f64| sample.pace_q32 as f64 / (1u64 << 32) as f64 * c5_speed;
    let wanted = 44_100.0 * 2f64.powf((0.2 - 9.0) / 12.0);
    assert!((rate(bell, bell.c5_speed.into()) / wanted - 1.0).abs() < 1e-3);
    let peak = (0..8_820).map(|frame| bell.data.read_f32(0, frame).abs()).fold(0.0, f32::max);
    assert!((f64::from(peak) - 0.5 * gain(-3.0)).abs() < 1e-3, "{peak}");
    assert_eq!(ensemble.sample_loop, Some(Loop { start: 12_000, end: 60_000, ping_pong: true }));
    assert_eq!((ensemble.volume, ensemble.panning, ensemble.vibrato.depth), (48, Some(96), 0));
    // All else of the instruments is the module's.
    for (with, own) in with.instruments.iter().zip(&own.instruments) {
        assert!(Instrument { keys: own.keys.clone(), ..with.clone() } == *own, "{}", own.name);
    }
    let options = options(Length::Seconds(4.0), 0);
    assert!(whole(&replaced, &options) != whole(&missing, &options));
}

/// Levels of the drums' takes and of the bass.
const LEVELS: [f64; 4] = [0.125, 0.25, 0.5, 0.375];
/// Frames of the rain, which is a wave of 100 Hz.
const RAIN: usize = 48_000;

/// The rack of lanes with recordings of its own, each as level as can be but for the rain.
fn lanes(test: &str) -> Rack {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("racks-lanes-{test}"));
    fs::create_dir_all(folder.join("stems")).unwrap();
    let level = |number: usize| (LEVELS[number] * 32_768.0) as i16;
    let wave = |frame: usize| (8_000.0 * (frame as f64 / 480.0 * TAU).sin()) as i16;
    let write = |name: &str, rate: u32, frames: usize, sample: &dyn Fn(usize) -> i16| {
        let sample_format = hound::SampleFormat::Int;
        let spec = hound::WavSpec { channels: 1, sample_rate: rate, bits_per_sample: 16, sample_format };
        let mut writer = hound::WavWriter::create(folder.join("stems").join(name), spec).unwrap();
        (0..frames).for_each(|frame| writer.write_sample(sample(frame)).unwrap());
        writer.finalize().unwrap();
    };
    for take in 0..3 {
        write(&format!("Drums-{}.wav", take + 1), 44_100, 44_100 * 9, &move |_| level(take));
    }
    write("Bass.wav", 48_000, 48_000 * 3, &|_| level(3));
    write("Rain.wav", 48_000, RAIN, &wave);
    let text = fs::read_to_string(self::folder().join("lanes.busker.toml")).unwrap();
    Rack::from_toml_in(&text, Some(&folder)).unwrap()
}

fn lanes_planes(rack: &Rack, seconds: f64, rain: bool) -> Planes {
    let mut options = options(Length::Seconds(seconds), 0);
    options.sidechain = 0;
    options.parameters = vec![(Target::LaneTrigger(2), f32::from(u8::from(rain)))];
    whole(rack, &options)
}

#[test]
fn drums_change_takes_at_their_points_on_every_round_and_as_the_seed_says() {
    let rack = lanes("drums");
    assert!(rack.notices().is_empty() && rack.parameters.unknown().count() == 0);
    let planes = lanes_planes(&rack, 30.0, false);
    let drums = &planes[1][0];
    assert!(*drums == planes[1][1]);
    let near = |found: f32| LEVELS[..3].iter().position(|level| (f64::from(found) - level).abs() < 1e-3);
    // A part of four seconds has one take, the fade and what the conversion smears apart.
    let parts: Vec<usize> = drums
        .chunks(4 * RATE)
        .map(|part| {
            let take = near(part[RATE]).unwrap_or_else(|| panic!("{} is no take", part[RATE]));
            let even = |&sample: &f32| near(sample) == Some(take);
            assert!(part[1_000..part.len().min(4 * RATE - 1_000)].iter().all(even));
            take
        })
        .collect();
    assert!(parts.windows(2).all(|pair| pair[0] != pair[1]), "{parts:?}");
    assert!(planes == lanes_planes(&rack, 30.0, false));
    let mut other = rack.clone();
    other.random.seed = 8;
    assert!(lanes_planes(&other, 30.0, false)[1] != planes[1]);
}

#[test]
fn the_bass_begins_on_its_frame_and_the_rain_goes_round_as_long_as_it_is_held() {
    let rack = lanes("bass");
    let planes = lanes_planes(&rack, 8.0, true);
    let bass = &planes[2][0];
    let wanted = (gain(-6.0) * LEVELS[3]) as f32;
    let at = |frame: usize| if (4 * RATE..7 * RATE).contains(&frame) { wanted } else { 0.0 };
    assert!(bass.iter().enumerate().all(|(frame, &sample)| (sample - at(frame)).abs() < 1e-6));
    // Half to the right, without a seam, at its speed.
    let [left, right] = &planes[3][..] else { panic!("a stereo output") };
    assert!(left.iter().zip(right).all(|(left, right)| (left - 0.5 * right).abs() < 1e-6));
    for (frame, &found) in right.iter().enumerate().skip(1) {
        let wave = (0.997 * frame as f64 / 480.0 * TAU).sin() * 8_000.0 / 32_768.0;
        assert!((f64::from(found) - wave).abs() < 1e-3, "frame {frame}: {found} for {wave}");
    }
    assert_eq!(peak(&lanes_planes(&rack, 8.0, false)[3]), 0.0);
}

#[test]
fn a_song_channel_plays_the_lead_on_its_own_output_and_is_silent_itself() {
    let options = options(Length::Seconds(9.0), 0);
    let with = rack("instruments");
    assert_eq!((with.routing.keyboard[1].bus, with.routing.keyboard[2].bus), (Some(2), Some(3)));
    let planes = whole(&with, &options);
    assert!(peak(&planes[2]) > 0.02 && peak(&planes[1]) == 0.0, "the lead, and nobody on the pads");
    // What is left of the song is the song without the channel.
    let mut without = with.clone();
    without.instruments.clear();
    let alone = |rack: &Rack, muted: f32| {
        let mut rack = rack.clone();
        rack.parameters.insert("c06m", muted);
        rack.routing.buses[3].to = vec![Route::Output(2).into()];
        whole(&rack, &options)
    };
    let [handed, muted, silent] = [alone(&with, 0.0), alone(&without, 1.0), alone(&with, 1.0)];
    assert!(handed[0] == muted[0] && peak(&muted[2]) == 0.0 && peak(&handed[2]) > 0.02);
    assert!(silent[0] == muted[0] && peak(&silent[2]) == 0.0, "muting the channel mutes what it hands over");
}

#[test]
fn the_lead_in_space_is_on_the_right_the_strings_are_duller_there_and_the_bass_is_not_there() {
    let heard = |bus: usize, changes: &[(Target, f32)], in_space: bool| {
        let mut rack = rack("space");
        if !in_space {
            rack.routing.buses.iter_mut().for_each(|bus| bus.space = None);
        }
        let parameters = [&[(Target::StripSolo(bus), 1.0)], changes].concat();
        whole(&rack, &RenderOptions { parameters, ..options(Length::Seconds(12.0), 0) }).swap_remove(0)
    };
    let energy = |plane: &[f32]| plane.iter().map(|sample| f64::from(sample * sample)).sum::<f64>();
    let sides = |sound: &[Vec<f32>]| 10.0 * (energy(&sound[1]) / energy(&sound[0])).log10();
    let lead = sides(&heard(2, &[], true));
    let turned = sides(&heard(2, &[(Target::HeadYaw, 75.0)], true));
    assert!(
        lead > 5.0 && turned.abs() < 0.1,
        "{lead} dB to the right, {turned} dB for a head that is turned there"
    );
    assert!(heard(1, &[], true) == heard(1, &[], false), "the bass is as it was");
    let highs = |sound: &[Vec<f32>]| {
        let steps =
            sound.iter().flat_map(|plane| plane.windows(2).map(|pair| f64::from(pair[1] - pair[0]).powi(2)));
        steps.sum::<f64>() / sound.iter().map(|plane| energy(plane)).sum::<f64>()
    };
    let (there, here) = (highs(&heard(3, &[], true)), highs(&heard(3, &[], false)));
    assert!(there < 0.7 * here && there > 0.0, "{there} beside {here}");
}

#[test]
fn channels_are_heard_where_their_panning_or_their_places_say_and_the_bass_is_not_in_space() {
    let heard = |channel: usize, change: &dyn Fn(&mut Rack)| {
        let mut rack = rack("arc");
        rack.routing.room = None;
        change(&mut rack);
        let parameters = vec![(Target::ChannelSolo(channel), 1.0)];
        whole(&rack, &RenderOptions { parameters, ..options(Length::Seconds(12.0), 0) }).swap_remove(0)
    };
    let sides = |sound: &[Vec<f32>]| {
        let energy = |plane: &[f32]| plane.iter().map(|sample| f64::from(sample * sample)).sum::<f64>();
        10.0 * (energy(&sound[1]) / energy(&sound[0])).log10()
    };
    let flat = |rack: &mut Rack| {
        (rack.routing.song_space, rack.routing.song_places) = (None, vec![None; 64]);
    };
    // Whatever is to one side in stereo is to that side of the head, the wider the arc the more.
    let narrow = |rack: &mut Rack| rack.routing.song_space.iter_mut().for_each(|space| space.arc = 40.0);
    let mut panned = 0;
    for channel in (0..13).filter(|channel| *channel != 4) {
        let [stereo, wide, narrow] =
            [&flat as &dyn Fn(&mut Rack), &|_| {}, &narrow].map(|change| sides(&heard(channel, change)));
        if stereo.abs() > 2.0 {
            panned += 1;
            assert!(
                wide * stereo > 0.0 && wide.abs() > narrow.abs(),
                "{channel}: {stereo}, {wide}, {narrow} dB"
            );
        }
    }
    assert!(panned > 3, "{panned} channels are panned");
    assert!(sides(&heard(13, &|_| {})) < -5.0, "the bell is on the left");
    assert!(heard(4, &|_| {}) == heard(4, &flat), "the bass is as it was");
}

#[test]
fn the_room_is_heard_beside_the_band_and_one_without_level_is_none() {
    let heard = |change: &dyn Fn(&mut Rack)| {
        let mut rack = rack("room");
        change(&mut rack);
        whole(&rack, &options(Length::Seconds(8.0), 0)).swap_remove(0)
    };
    let energy =
        |sound: &[Vec<f32>]| -> f64 { sound.iter().flatten().map(|sample| f64::from(sample * sample)).sum() };
    let alone = heard(&|rack| rack.routing.room = None);
    let silent = heard(&|rack| rack.routing.room.iter_mut().for_each(|room| room.levels_db = [-120.0; 2]));
    assert!(alone == silent);
    let reflected = heard(&|rack| rack.routing.room.iter_mut().for_each(|room| room.levels_db[1] = -120.0));
    let around = heard(&|_| {});
    let added = |sound: &[Vec<f32>], to: &[Vec<f32>]| -> f64 {
        let planes = sound.iter().flatten().zip(to.iter().flatten());
        let power: f64 = planes.map(|(sample, without)| f64::from(sample - without).powi(2)).sum();
        10.0 * (power / energy(&alone)).log10()
    };
    let (early, late) = (added(&reflected, &alone), added(&around, &reflected));
    assert!((-15.0..3.0).contains(&early) && (-15.0..3.0).contains(&late), "{early} and {late} dB");
}

/// The rack with its recordings, as long as they are needed.
fn around(test: &str) -> Rack {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("racks-around-{test}"));
    let sample_format = hound::SampleFormat::Float;
    let spec = hound::WavSpec { channels: 1, sample_rate: RATE as u32, bits_per_sample: 32, sample_format };
    for (file, pitch) in [("stems/Rain.wav", 300.0), ("samples/bird.wav", 1500.0)] {
        let path = folder.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut writer = hound::WavWriter::create(path, spec).unwrap();
        let wave = |frame: usize| (0.3 * (TAU * pitch * frame as f64 / RATE as f64).sin()) as f32;
        (0..RATE).for_each(|frame| writer.write_sample(wave(frame)).unwrap());
        writer.finalize().unwrap();
    }
    let text = fs::read_to_string(self::folder().join("around.busker.toml")).unwrap();
    let text = text.replace("../../src/rack", concat!(env!("CARGO_MANIFEST_DIR"), "/src/rack"));
    Rack::from_toml_in(&text, Some(&folder)).unwrap()
}

#[test]
fn birds_call_from_both_sides_and_the_brook_runs_behind_whatever_their_bus_does() {
    let mut rack = around("heard");
    assert!(rack.notices().is_empty() && rack.unknown_fields().is_empty());
    let again = Rack::from_toml(&rack.to_toml().unwrap()).unwrap();
    assert!(again.routing == rack.routing && again.voices == rack.voices && again.routing.has_space());
    assert_eq!(Rack::unpack_unread(&rack.pack().unwrap()).unwrap().routing, rack.routing);
    let heard = |parameters: &[(Target, f32)]| {
        let parameters = parameters.to_vec();
        let mut options = RenderOptions { parameters, ..options(Length::Seconds(2.0), 0) };
        options.sidechain = 0;
        whole(&rack, &options).swap_remove(0)
    };
    let energy = |plane: &[f32]| plane.iter().map(|sample| f64::from(sample * sample)).sum::<f64>();
    let to_right = |sound: &[Vec<f32>]| 10.0 * (energy(&sound[1]) / energy(&sound[0])).log10();
    let (one, two, brook) = (Target::VoiceTrigger(0), Target::VoiceTrigger(1), Target::LaneMute(0));
    let right = heard(&[(two, 0.0), (brook, 1.0), (Target::StripMute(0), 1.0)]);
    let left = heard(&[(one, 0.0), (brook, 1.0)]);
    assert!(to_right(&right) > 3.0 && to_right(&left) < -3.0, "{} {}", to_right(&right), to_right(&left));
    let behind = heard(&[(one, 0.0), (two, 0.0), (Target::StripMute(0), 1.0)]);
    let turned = heard(&[(one, 0.0), (two, 0.0), (Target::HeadYaw, 80.0)]);
    assert!(
        to_right(&behind).abs() < to_right(&turned).abs()
            && behind[0].iter().any(|sample| sample.abs() > 0.01)
    );
    rack.voices.iter_mut().for_each(|voice| voice.space = None);
    rack.routing.lanes[0].space = None;
    rack.routing.keyboard[0].space = None;
    assert!(!rack.setup(&options(Length::Seconds(1.0), 0).layout()).unwrap().routing.has_space());
}
