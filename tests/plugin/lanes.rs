//! Lanes in both bundles: what they bounce offline is what they play live, whatever the format, the blocks and the host's jumps.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use xtask::bounce::BlockPlan;
use xtask::bounce::Performance;
use xtask::bounce::Rendering;
use xtask::bounce::Source;
use xtask::bounce::TimedEvent;
use xtask::host::EventKind;
use xtask::host::Format;
use xtask::host_time::Segment;
use xtask::sound::write_wav;

use crate::stage::FORMATS;
use crate::stage::instrument;
use crate::stage::parameter;
use crate::stage::peak;
use crate::stage::play;
use crate::stage::state_of;
use crate::stage::vst_preset;

/// In which lanes have read what they hold ready.
const SETTLE: Duration = Duration::from_millis(1_500);

/// Frames that they hold ready, and more.
const FRAMES: u64 = 48_000;

/// A scene of eight tracks, one with two takes, at three rates; its state in a format's own form. Tests run at once: `name` is
/// one's own.
fn scene(format: Format, name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("plugin-lanes-{name}"));
    std::fs::create_dir_all(&folder).unwrap();
    for (number, name) in ["A", "B", "C", "D", "E", "F", "G", "H-1", "H-2"].into_iter().enumerate() {
        let rate = [44_100.0, 48_000.0, 32_000.0][number % 3];
        let frames = (rate * 4.0) as usize;
        let wave = |frame: usize| {
            let phase = frame as f64 * (110.0 + 55.0 * number as f64) / rate * std::f64::consts::TAU;
            0.1 * phase.sin() as f32
        };
        let planes = vec![(0..frames).map(wave).collect::<Vec<f32>>(); 1 + number % 2];
        write_wav(&folder.join(name).with_extension("wav"), &planes, rate).unwrap();
    }
    let rack = folder.join("scene.busker.toml");
    let mut busker = Command::new(env!("CARGO_BIN_EXE_busker"));
    let status = busker.arg("scene").arg(&folder).arg("-o").arg(&rack).status();
    assert!(status.unwrap().success());
    let text = std::fs::read_to_string(&rack).unwrap();
    assert_eq!(text.matches("[[lanes]]").count(), 8, "{text}");
    let text = text.replacen("lane = 8\n", "lane = 8\nshuffle = [0.25, 0.5, 0.75]\nloop = [100, 30000]\n", 1);
    std::fs::write(&rack, text).unwrap();
    state_of(format, &vst_preset(&rack, &format!("scene-{name}")))
}

fn performance(format: Format, name: &str) -> Performance {
    let speed = parameter(&mut *instrument(format), "Lane 2 Speed").id;
    let gain = parameter(&mut *instrument(format), "Lane 3 Gain").id;
    let point = |frame, id, value| TimedEvent { frame, kind: EventKind::Parameter { id, value } };
    Performance {
        source: Source::State(scene(format, name)),
        frames: FRAMES,
        events: vec![point(10_001, speed, 0.31), point(20_003, gain, 0.4), point(30_007, speed, 0.2)],
        ..Performance::default()
    }
}

#[track_caller]
fn assert_same(what: &str, one: &Rendering, other: &Rendering) {
    assert_eq!(one.first_difference(other), None, "{what}");
}

#[test]
fn eight_lanes_bounce_to_the_bits_that_they_play_live_in_both_formats() {
    let reference = play(Format::Clap, &performance(Format::Clap, "live"));
    assert!(peak(reference.planes(0)) > 0.3, "the lanes are silent");
    for format in FORMATS {
        let performance = performance(format, "live");
        let blocks = BlockPlan::Random(5);
        assert_same(
            &format!("{format}, offline"),
            &reference,
            &play(format, &Performance { blocks, ..performance.clone() }),
        );
        for blocks in [BlockPlan::Fixed(512), BlockPlan::Random(6)] {
            let live = Performance { blocks, offline: false, settle: SETTLE, ..performance.clone() };
            assert_same(&format!("{format}, live, {blocks:?}"), &reference, &play(format, &live));
        }
    }
}

#[test]
fn a_bounce_waits_for_lanes_after_every_jump_of_the_host() {
    // Far more than is held ready, there and back.
    let segments: Vec<Segment> = (0..8)
        .map(|jump| Segment {
            frame: jump * 6_001,
            beat: [0.0, 5.0, 1.5, 6.3, 0.7, 4.0, 2.2, 7.1][jump as usize],
            ..Segment::default()
        })
        .collect();
    let renderings: Vec<Rendering> = FORMATS
        .into_iter()
        .flat_map(|format| {
            [BlockPlan::Fixed(8_192), BlockPlan::Random(7)].map(|blocks| {
                let segments = segments.clone();
                play(format, &Performance { segments, blocks, ..performance(format, "jumps") })
            })
        })
        .collect();
    for (number, rendering) in renderings.iter().enumerate() {
        assert_same(&format!("rendering {number}"), &renderings[0], rendering);
    }
    // Whatever was not there would have been silent.
    let main = &renderings[0].planes(0)[0];
    let loud = |part: &[f32]| part.iter().any(|sample| sample.abs() > 0.05);
    assert!(main.chunks(480).all(loud));
}
