//! Automation of the whole desk through the bundles: each parameter acts on the frame of its point, and all of them together give
//! the same bits in both formats, however calls are cut.

use xtask::bounce::BlockPlan;
use xtask::bounce::Performance;
use xtask::bounce::Rendering;
use xtask::bounce::Source;
use xtask::bounce::TimedEvent;
use xtask::bounce::perform;
use xtask::host::EventKind;
use xtask::host::Format;
use xtask::host::ParameterInfo;
use xtask::host::PluginHost;
use xtask::host::find_parameter;
use xtask::paths;

use crate::stage::FORMATS;
use crate::stage::insert;
use crate::stage::peak;
use crate::stage::scratch_file;
use crate::stage::state_of;
use crate::stage::vst_preset;

/// Long enough for every ramp.
const FRAMES: u64 = 4_800;

/// A parameter that moves.
struct Case {
    name: &'static str,
    /// The value in words.
    to: &'static str,
    /// What is set at the start, so that there is something to hear.
    given: &'static [(&'static str, &'static str)],
    /// Frames by which the sound may follow later: where there is nothing to do at once.
    late: u64,
}

const fn case(
    name: &'static str,
    to: &'static str,
    given: &'static [(&'static str, &'static str)],
    late: u64,
) -> Case {
    Case { name, to, given, late }
}

const LOUD: (&str, &str) = ("Bus 1 Gain", "12 dB");
const SENT: (&str, &str) = ("Bus 1 Send A Level", "0 dB");
const CELL: (&str, &str) = ("Input 1 To Bus 2", "0 dB");
const DUCKED: (&str, &str) = ("Bus 2 Duck Amount", "80 %");
const HIGH: (&str, &str) = ("Bus 2 Duck Threshold", "-12 dB");
const MONITORED: (&str, &str) = ("Input 1 Monitor", "-3 dB");

/// Bus 1 holds the main input, bus 2 is ducked by it, bus 6 is mono, output 4 is the monitor's.
const CASES: [Case; 39] = [
    case("Bus 1 Gain", "-6 dB", &[], 0),
    case("Bus 1 Gain", "-inf dB", &[], 0),
    case("Bus 1 Mute", "On", &[], 0),
    case("Bus 2 Solo", "On", &[], 0),
    case("Bus 1 Solo", "On", &[CELL], 0),
    case("Bus 1 Pan", "40 R", &[], 0),
    case("Bus 6 Pan", "40 L", &[("Input 1 To Bus 6", "0 dB")], 0),
    case("Bus 1 Send A Level", "0 dB", &[], 0),
    case("Bus 1 Send B Level", "-12 dB", &[], 0),
    case("Bus 1 Send A Pre", "On", &[SENT, ("Bus 1 Gain", "-6 dB")], 0),
    case("Bus 1 Soft Clip", "On", &[LOUD], 0),
    case("Bus 1 Limiter", "On", &[LOUD], 0),
    case("Bus 2 Duck Amount", "100 %", &[CELL], 0),
    case("Bus 2 Duck Threshold", "-12 dB", &[CELL, DUCKED], 0),
    // Heard where what ducks next rises or falls.
    case("Bus 2 Duck Attack", "150 ms", &[CELL, DUCKED, HIGH, ("Bus 2 Duck Release", "10 ms")], 500),
    case("Bus 2 Duck Release", "20 ms", &[CELL, DUCKED, HIGH], 500),
    case("Return 1 Gain", "-9 dB", &[SENT], 0),
    case("Return 1 Mute", "On", &[SENT], 0),
    case("Return 1 Solo", "On", &[SENT], 0),
    case("Return 1 Pan", "70 L", &[SENT], 0),
    case("Master Gain", "3 dB", &[], 0),
    case("Master Mute", "On", &[], 0),
    case("Master Pan", "20 L", &[], 0),
    case("Master Soft Clip", "On", &[LOUD], 0),
    case("Master Limiter", "On", &[LOUD], 0),
    // Heard on the next frame that is too loud for a ceiling on its way.
    case("Master Ceiling", "-12 dB", &[LOUD, ("Master Limiter", "On")], 32),
    case("Input 1 Trim", "-6 dB", &[], 0),
    case("Input 1 Mute", "On", &[], 0),
    case("Input 2 Solo", "On", &[], 0),
    case("Input 1 Pan", "60 R", &[CELL], 0),
    case("Input 1 To Bus 3", "0 dB", &[], 0),
    case("Input 3 To Bus 5", "-3 dB", &[], 0),
    case("Input 1 To Output 3", "-6 dB", &[], 0),
    case("Input 4 To Output 8", "6 dB", &[], 0),
    case("Input 1 Monitor", "0 dB", &[], 0),
    case("Monitor Gain", "-6 dB", &[MONITORED], 0),
    case("Monitor Listen", "Input 2", &[MONITORED], 0),
    // The tone's first frame is 0.
    case("Monitor Identify", "Output 5", &[], 1),
    case("Output 1 Gain", "-6 dB", &[], 0),
];

/// The desk of the cases with the demo song, as a state of Busker Insert.
fn desk(format: Format) -> Vec<u8> {
    let song = paths::root().join("src/rack/demo.it").canonicalize().unwrap();
    let song = toml::Value::String(song.to_str().unwrap().to_owned());
    let rack = format!(
        "version = {{ major = 1, minor = 0 }}\ninserts = []\nsong = {{ file = {song} }}\n\
         [routing]\nmonitor = \"output 4\"\n\
         [routing.buses.2]\nto = [\"master\", \"output 2\"]\nside = \"bus 1\"\n\
         [routing.buses.3]\nto = [\"output 3\"]\n\
         [routing.buses.6]\nchannels = 1\nto = [\"master\", \"output 6\"]\n"
    );
    let name = format!("automated-{format}");
    state_of(format, &vst_preset(&scratch_file(&format!("{name}.busker.toml"), rack.as_bytes()), &name))
}

/// Two loud inputs and a sidechain, never near 0 and never at rest.
fn inputs(frames: u64) -> Vec<Vec<Vec<f32>>> {
    let sample = |seed: u64, frame: u64| {
        let mixed = (frame * 4 + seed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let noise = ((mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 40) as f32;
        0.55 + 0.3 * (noise / (1u32 << 24) as f32)
    };
    let plane = |seed| (0..frames).map(|frame| sample(seed, frame)).collect::<Vec<_>>();
    vec![vec![plane(0), plane(1)], vec![plane(2), plane(3)]]
}

/// A point in the plugin's own words.
fn point(
    host: &mut dyn PluginHost,
    parameters: &[ParameterInfo],
    frame: u64,
    set: (&str, &str),
) -> TimedEvent {
    let (name, words) = set;
    let parameter = find_parameter(parameters, name).unwrap_or_else(|| panic!("no parameter '{name}'"));
    let value =
        host.value_of(parameter.id, words).unwrap_or_else(|| panic!("{name} does not read '{words}'"));
    TimedEvent { frame, kind: EventKind::Parameter { id: parameter.id, value } }
}

/// The first frame on which any output differs.
fn first_change(one: &Rendering, other: &Rendering) -> Option<u64> {
    let planes = |rendering: &Rendering| -> Vec<Vec<f32>> {
        rendering.buses.iter().flat_map(|bus| bus.planes.clone()).collect()
    };
    let (one, other) = (planes(one), planes(other));
    let frames = 0..one[0].len();
    let differs =
        |frame: &usize| one.iter().zip(&other).any(|(a, b)| a[*frame].to_bits() != b[*frame].to_bits());
    frames.into_iter().find(differs).map(|frame| frame as u64)
}

#[test]
fn every_parameter_of_the_desk_begins_on_the_frame_of_its_point() {
    let mut wrong = Vec::new();
    for format in FORMATS {
        let (mut host, state) = (insert(format), desk(format));
        let parameters = host.parameters();
        for (number, case) in CASES.iter().enumerate() {
            let frame = 1_301 + 97 * number as u64 % 1_000;
            let given = case.given.iter().map(|&set| point(&mut *host, &parameters, 0, set));
            let given: Vec<_> = given.collect();
            let moved = point(&mut *host, &parameters, frame, (case.name, case.to));
            let mut play = |events: Vec<TimedEvent>, blocks| {
                let performance = Performance {
                    source: Source::State(state.clone()),
                    frames: FRAMES,
                    segments: crate::stage::stopped(),
                    inputs: inputs(FRAMES),
                    events,
                    blocks,
                    ..Performance::default()
                };
                perform(&mut *host, &performance).unwrap()
            };
            let plain = play(given.clone(), BlockPlan::Fixed(512));
            let moved = play([&given[..], &[moved]].concat(), BlockPlan::Fixed(1_024));
            let changed = first_change(&plain, &moved);
            if !changed.is_some_and(|changed| (frame..=frame + case.late).contains(&changed)) {
                wrong
                    .push(format!("{format}: {} to {} on {frame}, heard on {changed:?}", case.name, case.to));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn song_channels_begin_on_the_frames_of_their_points() {
    // A channel that sounds all the time in the first second.
    for (name, to) in [
        ("Song Channel 10 Gain", "-6 dB"),
        ("Song Channel 10 Mute", "On"),
        ("Song Channel 9 Solo", "On"),
        ("Song Channel 10 Pan", "50 L"),
    ] {
        for format in FORMATS {
            let (mut host, state) = (insert(format), desk(format));
            let parameters = host.parameters();
            let moved = point(&mut *host, &parameters, 20_001, (name, to));
            let mut play = |events| {
                let source = Source::State(state.clone());
                perform(&mut *host, &Performance { source, events, frames: 24_000, ..Performance::default() })
                    .unwrap()
            };
            let (plain, moved) = (play(Vec::new()), play(vec![moved]));
            let changed = first_change(&plain, &moved);
            assert_eq!(changed, Some(20_001), "{format}: {name} to {to}");
        }
    }
}

/// Every case's parameter in its turn, to random places on odd frames, over inputs and song.
fn all_at_once(host: &mut dyn PluginHost, state: Vec<u8>) -> Performance {
    const LENGTH: u64 = 12_000;
    let parameters = host.parameters();
    let given = CASES.iter().flat_map(|case| case.given).filter(|(name, _)| *name != LOUD.0);
    let mut events: Vec<_> = given.map(|&set| point(host, &parameters, 0, set)).collect();
    let mut dice = 5u64;
    for (number, frame) in (301..LENGTH).step_by(53).enumerate() {
        dice = dice.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        let name = CASES[number % CASES.len()].name;
        let parameter = find_parameter(&parameters, name).unwrap();
        let steps = f64::from(parameter.steps);
        let value = (dice >> 40) as f64 / f64::from(1 << 24);
        let value = if steps > 0.0 { (value * steps).round() / steps } else { value };
        events.push(TimedEvent { frame, kind: EventKind::Parameter { id: parameter.id, value } });
    }
    Performance {
        source: Source::State(state),
        frames: LENGTH,
        inputs: inputs(LENGTH),
        events,
        ..Performance::default()
    }
}

#[test]
fn automation_of_the_whole_desk_gives_the_same_bits_however_calls_are_cut() {
    let mut reference: Option<Rendering> = None;
    for format in FORMATS {
        let mut host = insert(format);
        let performance = all_at_once(&mut *host, desk(format));
        let plans = [1000, 1, 7, 64, 256].map(BlockPlan::Fixed).into_iter();
        for blocks in plans.chain([11, 12].map(BlockPlan::Random)) {
            let rendering = perform(&mut *host, &Performance { blocks, ..performance.clone() }).unwrap();
            let reference = reference.get_or_insert_with(|| rendering.clone());
            assert_eq!(reference.first_difference(&rendering), None, "{format}, {blocks:?}");
        }
    }
    let sounding = reference.unwrap().buses.iter().filter(|bus| peak(&bus.planes) > 0.01).count();
    assert!(sounding >= 4, "only {sounding} outputs sound");
}
