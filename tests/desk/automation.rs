//! Gains, mutes, solos and pans that move.

use crate::stage::Change;
use crate::stage::Cuts;
use crate::stage::Desk;
use crate::stage::RAMP;
use crate::stage::demo;
use crate::stage::insert;
use crate::stage::instrument;
use busker::engine::Setup;
use busker::engine::Target;
use busker::mixer::MASTER;
use busker::mixer::Route;
use busker::mixer::Routing;

/// What a constant input becomes on the left of the main output, when parameters move.
fn constant(changes: &[Change], cuts: &Cuts) -> Vec<f32> {
    let mut desk = Desk::new(insert(2), &Setup::default());
    let mut sound = desk.play(2000, cuts, changes, |channel, _| if channel < 2 { 0.5 } else { 0.0 });
    sound.swap_remove(0).swap_remove(0)
}

#[test]
fn a_moved_parameter_begins_on_its_frame_and_ramps_without_a_step() {
    let away = f32::NEG_INFINITY;
    for (target, value, end) in [
        (Target::StripGain(0), -6.0, 0.5 * 0.501_187_2),
        (Target::StripGain(0), away, 0.0),
        (Target::StripGain(MASTER), 6.0, 0.5 * 1.995_262_3),
        (Target::StripMute(0), 1.0, 0.0),
        (Target::StripMute(MASTER), 1.0, 0.0),
        (Target::StripPan(0), 0.75, 0.125),
        (Target::StripPan(MASTER), 1.0, 0.0),
        (Target::StripSolo(4), 1.0, 0.0),
        (Target::StripSolo(17), 1.0, 0.0),
    ] {
        for at in [1, 333, 640, 1023] {
            let out = constant(&[(at, target, value)], &Cuts::Each(8192));
            assert!(out[..at].iter().all(|&sample| sample == 0.5), "{target:?} moves before {at}");
            assert!(out[at] != 0.5, "{target:?} does not move on {at}");
            let landed = at + RAMP - 1;
            assert!(out[landed..].iter().all(|sample| (sample - end).abs() < 1e-6), "{target:?} {at}");
            assert!((out[landed - 1] - end).abs() > 1e-7, "{target:?} lands early");
            // Solo closes two gates in a row, whose product is at first twice as steep.
            let steepest = 2.05 * (0.5 - end).abs() / RAMP as f32;
            for three in out.windows(3) {
                let bend = three[2] - 2.0 * three[1] + three[0];
                assert!((three[1] - three[0]).abs() <= steepest, "{target:?} {at}: {three:?}");
                assert!(bend.abs() <= steepest, "{target:?} {at}: a step of {bend}");
            }
        }
    }
}

#[test]
fn a_parameter_that_turns_back_within_its_ramp_does_not_step() {
    let changes: Vec<Change> = (0..40)
        .map(|turn| (100 + turn * 37, Target::StripMute(0), (turn % 2) as f32))
        .chain((0..30).map(|turn| (120 + turn * 53, Target::StripSolo(2), (turn % 2) as f32)))
        .collect();
    let out = constant(&changes, &Cuts::Each(8192));
    let steepest = 3.1 * 0.5 / RAMP as f32;
    assert!(out.windows(2).all(|pair| (pair[1] - pair[0]).abs() <= steepest));
    assert!(out.iter().any(|&sample| sample < 0.4));
}

#[test]
fn what_is_set_before_the_first_frame_is_there_at_once() {
    for (target, value, wanted) in [
        (Target::StripMute(0), 1.0, 0.0),
        (Target::StripSolo(3), 1.0, 0.0),
        (Target::StripSolo(0), 1.0, 0.5),
        (Target::StripPan(0), 0.5, 0.25),
    ] {
        let out = constant(&[(0, target, value)], &Cuts::Each(100));
        assert!(out.iter().all(|&sample| sample == wanted), "{target:?}");
    }
}

#[test]
fn automation_of_every_strip_gives_the_same_bits_however_calls_are_cut() {
    let mut routing = Routing::default();
    for channel in 0..16 {
        routing.song_channels[channel] = Some(channel);
        routing.buses[channel].to.push(Route::Output(channel).into());
    }
    (routing.buses[0].to, routing.buses[1].to) = (vec![Route::Bus(3).into()], vec![Route::Bus(3).into()]);
    let mut changes = Vec::new();
    for turn in 0..60 {
        let (strip, at) = (turn * 7 % 19, 1 + turn * 1511);
        changes.push((at, Target::StripGain(strip), -(turn as f32) / 3.0));
        changes.push((at + 100, Target::StripMute((strip + 5) % 19), (turn % 2) as f32));
        changes.push((at + 163, Target::StripPan((strip + 9) % 19), (turn % 5) as f32 / 2.0 - 1.0));
        changes.push((at + 200, Target::StripSolo(strip % 18), (turn / 2 % 2) as f32));
    }
    let render = |cuts: &Cuts| {
        Desk::new(instrument(), &demo(routing.clone())).play(96_000, cuts, &changes, |_, _| 0.0)
    };
    let whole = render(&Cuts::Each(8192));
    assert!(whole.iter().filter(|output| crate::stage::peak(output) > 0.001).count() > 8);
    for cuts in [Cuts::Each(61), Cuts::Random(1), Cuts::Random(2)] {
        assert!(render(&cuts) == whole);
    }
}
