//! Macros of machines under the host's automation, through the bundles: the right control, on the right line of the grid.

use busker::machine::MachineKind;
use xtask::bounce::BlockPlan;
use xtask::bounce::Performance;
use xtask::bounce::Rendering;
use xtask::bounce::Source;
use xtask::bounce::TimedEvent;
use xtask::bounce::perform;
use xtask::host::EventKind;
use xtask::host::Format;
use xtask::host::PluginHost;

use crate::stage::FORMATS;
use crate::stage::insert;
use crate::stage::parameter;
use crate::stage::peak;
use crate::stage::scratch_file;
use crate::stage::state_of;
use crate::stage::stopped;
use crate::stage::vst_preset;

/// Lines of the control grid.
const GRID: u64 = 64;
const FRAMES: u64 = 3_000;

/// Machines, controls that macros move, and what they are set to. Each is heard before the next line of the grid.
const CASES: [(&str, &str, f32); 12] = [
    ("eq", "low_gain", 9.0),
    ("eq", "mid_gain", -9.0),
    ("eq", "high_gain", 6.0),
    ("eq", "level", -6.0),
    ("distortion", "drive", 30.0),
    ("distortion", "curve", 2.0),
    ("distortion", "level", -12.0),
    ("crusher", "bits", 3.0),
    ("chorus", "mix", 90.0),
    ("compressor", "makeup", 6.0),
    ("ladder", "cutoff", 4_000.0),
    ("reverb", "mix", 80.0),
];

/// Busker Insert with a machine in the second slot of the first bus, which has the input.
fn state(format: Format, machine: &str, controls: &str) -> Vec<u8> {
    let rack = format!(
        "version = {{ major = 1, minor = 0 }}\n[[inserts]]\nstrip = \"bus 1\"\nslot = 2\nmachine = \"{machine}\"\n\
         controls = {{ {controls} }}\n"
    );
    let name = format!("macro-{format}");
    state_of(format, &vst_preset(&scratch_file(&format!("{name}.busker.toml"), rack.as_bytes()), &name))
}

/// Loud noise that never rests.
fn noise() -> Vec<Vec<Vec<f32>>> {
    let sample = |seed: u64, frame: u64| {
        let mixed = (frame * 4 + seed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 40;
        mixed as f32 / (1u32 << 24) as f32 - 0.45
    };
    let plane = |seed| (0..FRAMES).map(|frame| sample(seed, frame)).collect::<Vec<_>>();
    vec![vec![plane(0), plane(1)], vec![plane(2), plane(3)]]
}

fn play(host: &mut dyn PluginHost, state: &[u8], events: Vec<TimedEvent>, blocks: BlockPlan) -> Rendering {
    let source = Source::State(state.to_vec());
    let performance = Performance {
        source,
        frames: FRAMES,
        segments: stopped(),
        inputs: noise(),
        events,
        blocks,
        ..Performance::default()
    };
    perform(host, &performance).unwrap()
}

/// The first frame on which the main output differs.
fn first_change(one: &Rendering, other: &Rendering) -> Option<u64> {
    let planes = one.buses[0].planes.iter().zip(&other.buses[0].planes);
    let differs = planes.filter_map(|(one, other)| {
        one.iter().zip(other).position(|(one, other)| one.to_bits() != other.to_bits())
    });
    differs.min().map(|frame| frame as u64)
}

#[test]
fn a_macro_moves_its_own_control_on_the_first_grid_line_at_or_after_its_point() {
    let mut wrong = Vec::new();
    for format in FORMATS {
        let mut host = insert(format);
        for (number, (machine, path, value)) in (0u64..).zip(CASES) {
            let kind = MachineKind::from_id(machine).unwrap();
            let control = kind.parameter_index(path).unwrap();
            let place = f64::from(kind.parameters()[control].position_of(value));
            let id = parameter(&mut *host, &format!("Bus 1 Insert 2 Macro {}", control + 1)).id;
            let moved = |frame| vec![TimedEvent { frame, kind: EventKind::Parameter { id, value: place } }];
            let own = state(format, machine, "");
            let plain = play(&mut *host, &own, Vec::new(), BlockPlan::Fixed(512));
            assert!(peak(&plain.buses[0].planes) > 0.01, "{machine} is silent");
            for frame in [1_024, 1_025, 1_301 + 97 * number % 1_000] {
                let sound = play(&mut *host, &own, moved(frame), BlockPlan::Random(number + frame));
                let (line, changed) = (frame.next_multiple_of(GRID), first_change(&plain, &sound));
                if !changed.is_some_and(|changed| (line..line + GRID).contains(&changed)) {
                    wrong.push(format!("{format}: {machine} {path} on {frame}, heard on {changed:?}"));
                }
            }
            // Nothing but that control: a rack that says the same from the start has the same bits.
            let told = state(format, machine, &format!("{path} = {value}"));
            let told = play(&mut *host, &told, Vec::new(), BlockPlan::Fixed(256));
            let set = play(&mut *host, &own, moved(0), BlockPlan::Fixed(1_024));
            if told.first_difference(&set).is_some() {
                wrong.push(format!("{format}: {machine}'s macro {} is not {path}", control + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
