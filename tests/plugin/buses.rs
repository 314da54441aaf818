//! Buses that hosts hand over wrongly: the plugin goes on, and what is whole sounds as it should.

use xtask::bounce::BlockPlan;
use xtask::bounce::EmptyBlocks;
use xtask::bounce::Performance;
use xtask::bounce::Rendering;
use xtask::bounce::perform;
use xtask::host::Audio;
use xtask::host::Format;
use xtask::host::Wiring;

use crate::stage::FORMATS;
use crate::stage::everything;
use crate::stage::insert;
use crate::stage::play;
use crate::stage::stopped;

/// Ways to break the rules, and the output buses that must sound as if nothing had happened.
type Breach = (&'static str, fn(&mut Audio), std::ops::Range<usize>);

const BREACHES: [Breach; 9] = [
    ("no bus arrays", |audio| audio.no_arrays = true, 0..0),
    ("no list of the main output", |audio| audio.outputs[0].wiring = Wiring::NoList, 1..16),
    ("NULL plane in the main output", |audio| audio.outputs[0].wiring = Wiring::NullPlane(1), 1..16),
    ("one plane for both channels", |audio| audio.outputs[0].wiring = Wiring::OnePlane, 1..16),
    ("only the main output", |audio| audio.outputs.truncate(1), 0..1),
    ("three outputs of sixteen", |audio| audio.outputs.truncate(3), 0..3),
    ("no list of a further output", |audio| audio.outputs[5].wiring = Wiring::NoList, 0..5),
    ("NULL plane in a further output", |audio| audio.outputs[7].wiring = Wiring::NullPlane(0), 0..7),
    ("no inputs", |audio| audio.inputs.clear(), 0..16),
];

#[track_caller]
fn assert_whole_buses(what: &str, reference: &Rendering, other: &Rendering, whole: std::ops::Range<usize>) {
    for bus in whole {
        assert!(reference.planes(bus) == other.planes(bus), "{what}: bus {bus} differs");
    }
}

#[test]
fn rule_breaking_buses_leave_the_others_alone() {
    for format in FORMATS {
        let reference = play(format, &everything());
        for (what, rewire, whole) in BREACHES {
            let broken = play(format, &Performance { rewire, ..everything() });
            assert_whole_buses(&format!("{format}, {what}"), &reference, &broken, whole);
        }
    }
}

#[test]
fn an_aliased_main_output_holds_sound_and_no_litter() {
    for format in FORMATS {
        let one_plane: fn(&mut Audio) = |audio| audio.outputs[0].wiring = Wiring::OnePlane;
        let rendering = play(format, &Performance { rewire: one_plane, ..everything() });
        let first = &rendering.planes(0)[0];
        let peak = first.iter().fold(0.0f32, |peak, sample| peak.max(sample.abs()));
        assert!(peak > 0.01 && peak < 4.0, "{format}: peak {peak}");
    }
}

#[test]
fn deactivated_outputs_leave_the_others_alone() {
    for format in FORMATS {
        let reference = play(format, &everything());
        let off = play(
            format,
            &Performance { outputs_off: (1..16).collect(), inputs_off: vec![0], ..everything() },
        );
        assert_whole_buses(&format.to_string(), &reference, &off, 0..1);
    }
}

#[test]
fn outputs_are_written_in_every_frame() {
    for format in FORMATS {
        let rendering = play(format, &everything());
        for bus in &rendering.buses {
            let loud = bus.planes.iter().flatten().any(|sample| !sample.is_finite() || sample.abs() > 8.0);
            assert!(!loud, "{format}: '{}' holds what was there before", bus.name);
        }
    }
}

#[test]
fn blocks_of_no_frames_change_nothing() {
    for format in FORMATS {
        let reference = play(format, &everything());
        let rendering = play(format, &Performance { empty_blocks: EmptyBlocks::Bare, ..everything() });
        assert_eq!(reference.first_difference(&rendering), None, "{format}");
    }
}

#[test]
fn blocks_over_the_announced_size_are_rendered_whole() {
    for format in FORMATS {
        let reference = play(format, &everything());
        for (announced, blocks) in [(64, 8192), (32, 441), (512, 30_000)] {
            let performance =
                Performance { announced: Some(announced), blocks: BlockPlan::Fixed(blocks), ..everything() };
            let rendering = play(format, &performance);
            assert_eq!(reference.first_difference(&rendering), None, "{format}: {blocks} over {announced}");
        }
    }
}

#[test]
fn the_insert_passes_sound_in_place_and_apart() {
    let frames = 9600;
    let saw = |step: usize| (0..frames).map(|i| (i % step) as f32 / step as f32 - 0.5).collect::<Vec<f32>>();
    let inputs = vec![vec![saw(100), saw(77)]];
    for format in FORMATS {
        let pass = |rewire: fn(&mut Audio)| {
            let performance = Performance {
                frames: frames as u64,
                segments: stopped(),
                inputs: inputs.clone(),
                rewire,
                ..Performance::default()
            };
            perform(&mut *insert(format), &performance).unwrap()
        };
        let (apart, in_place) = (pass(|_| {}), pass(|audio| audio.in_place = true));
        assert_eq!(apart.first_difference(&in_place), None, "{format}");
        assert_eq!(apart.planes(0), inputs[0], "{format}: a new Insert is transparent");
    }
}

#[test]
fn the_insert_survives_missing_inputs() {
    for (what, rewire) in [
        ("no arrays", (|audio| audio.no_arrays = true) as fn(&mut Audio)),
        ("no inputs", |audio| audio.inputs.clear()),
        ("no list", |audio| audio.inputs[0].wiring = Wiring::NoList),
        ("NULL plane", |audio| audio.inputs[0].wiring = Wiring::NullPlane(0)),
        ("one plane", |audio| audio.inputs[0].wiring = Wiring::OnePlane),
    ] {
        for format in FORMATS {
            let inputs = vec![vec![vec![0.25; 48_000]; 2]];
            let rendering =
                perform(&mut *insert(format), &Performance { inputs, rewire, ..Performance::default() })
                    .unwrap();
            let loud = rendering.planes(0).iter().flatten().any(|sample| !sample.is_finite());
            assert!(!loud, "{format}, {what}");
        }
    }
}

#[test]
fn silence_flags_on_inputs_do_not_stop_the_sound_of_the_song() {
    for format in [Format::Clap, Format::Vst3] {
        let reference = play(format, &everything());
        let flagged: fn(&mut Audio) = |audio| audio.inputs.iter_mut().for_each(|bus| bus.silence = !0);
        let rendering = play(format, &Performance { rewire: flagged, ..everything() });
        assert_eq!(reference.first_difference(&rendering), None, "{format}");
    }
}
