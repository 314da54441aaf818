//! Buses of one channel, which stand somewhere between both sides of what they meet.

use crate::stage::Change;
use crate::stage::Cuts;
use crate::stage::Desk;
use crate::stage::Dice;
use crate::stage::RAMP;
use crate::stage::Sound;
use crate::stage::demo;
use crate::stage::insert;
use crate::stage::instrument;
use crate::stage::peak;
use busker::engine::Setup;
use busker::engine::Target;
use busker::mixer::Bus;
use busker::mixer::Connection;
use busker::mixer::MixPolicy;
use busker::mixer::Route;
use busker::mixer::Routing;
use std::f32::consts::FRAC_1_SQRT_2;
use std::f32::consts::FRAC_PI_4;

/// A mono bus that takes the main input, and the ways on from it.
fn mono(to: &[Connection]) -> Routing {
    let mut routing = Routing::default();
    routing.buses[0] = Bus { channels: Some(1), to: to.to_vec(), ..Bus::default() };
    routing
}

/// What 0.5 on both channels of the main input becomes.
fn constant(routing: Routing, changes: &[Change], cuts: &Cuts) -> Sound {
    let mut desk = Desk::new(insert(2), &Setup { routing, ..Setup::default() });
    desk.play(2000, cuts, changes, |channel, _| if channel < 2 { 0.5 } else { 0.0 })
}

/// Both sides of an output on the last frame.
fn sides(sound: &Sound, output: usize) -> [f32; 2] {
    [0, 1].map(|side| sound[output][side][1999])
}

/// Both sides of something at 1 by sine and cosine, at the level in the middle that is asked for.
fn placed(pan: f32, middle: f32) -> [f32; 2] {
    let angle = (pan + 1.0) * FRAC_PI_4;
    [angle.cos(), angle.sin()].map(|side| side * middle / FRAC_1_SQRT_2)
}

fn close(one: [f32; 2], other: [f32; 2]) -> bool {
    one.iter().zip(other).all(|(one, other)| (one - other).abs() < 1e-6)
}

#[test]
fn a_mono_bus_stands_where_its_pan_says_in_all_that_is_wider_and_keeps_its_level_in_the_middle() {
    let folded = Connection::mixed(Route::Output(2), MixPolicy::Downmix);
    let cut = Connection::mixed(Route::Output(3), MixPolicy::Truncate);
    let mut routing =
        mono(&[Route::Master.into(), Route::Output(1).into(), folded, cut, Route::Bus(4).into()]);
    routing.buses[4].to = vec![Route::Output(4).into()];
    for pan in [-1.0, -0.6, 0.0, 0.25, 1.0] {
        let sound = constant(routing.clone(), &[(0, Target::StripPan(0), pan)], &Cuts::Each(300));
        for output in [0, 1, 4] {
            let found = sides(&sound, output);
            assert!(close(found, placed(pan, 0.5)), "{pan} on output {output}: {found:?}");
            assert!(pan != 0.0 || found == [0.5; 2], "the middle keeps its level");
            assert!(pan.abs() != 1.0 || found.contains(&0.0), "an end is silent on the other side");
        }
        let quieter = sides(&sound, 2);
        assert!(close(quieter, placed(pan, 0.5 * FRAC_1_SQRT_2)), "{pan} folded: {quieter:?}");
        assert_eq!(sides(&sound, 3), [0.5, 0.0], "{pan}: what has one side cannot be placed");
    }
}

#[test]
fn the_pan_of_a_mono_bus_does_nothing_towards_mono_and_placed_sound_is_balanced_on_from_there() {
    let mut routing = mono(&[Route::Bus(1).into()]);
    routing.buses[1] = Bus { channels: Some(1), to: vec![Route::Bus(2).into()], ..Bus::default() };
    let pans = |first, second, third| {
        let changes = [
            (0, Target::StripPan(0), first),
            (0, Target::StripPan(1), second),
            (0, Target::StripPan(2), third),
        ];
        sides(&constant(routing.clone(), &changes, &Cuts::Each(300)), 0)
    };
    assert_eq!(pans(-0.7, 0.0, 0.0), [0.5; 2]);
    assert!(close(pans(1.0, -0.5, 0.0), placed(-0.5, 0.5)));
    let [left, right] = placed(-0.5, 0.5);
    assert!(close(pans(0.0, -0.5, 0.5), [0.5 * left, right]));
}

#[test]
fn sends_of_a_mono_bus_are_placed_after_the_gain_and_not_before_it() {
    for (pre, wanted) in [(0.0, placed(0.5, 0.25)), (1.0, [0.5; 2])] {
        let changes = [
            (0, Target::StripPan(0), 0.5),
            (0, Target::StripGain(0), -6.020_6),
            (0, Target::SendLevel { strip: 0, send: 0 }, 0.0),
            (0, Target::SendPre { strip: 0, send: 0 }, pre),
        ];
        let found = sides(&constant(mono(&[]), &changes, &Cuts::Each(300)), 0);
        assert!(close(found, wanted), "pre {pre}: {found:?}");
    }
}

#[test]
fn the_pan_of_a_mono_bus_begins_on_its_frame_and_ramps_without_a_step() {
    let sent = Target::SendLevel { strip: 0, send: 0 };
    for (routing, given) in [(mono(&[Route::Master.into()]), f32::NEG_INFINITY), (mono(&[]), 0.0)] {
        for at in [1, 333, 640, 1023] {
            let changes = [(0, sent, given), (at, Target::StripPan(0), 0.75)];
            let sound = constant(routing.clone(), &changes, &Cuts::Each(8192));
            for (out, end) in sound[0].iter().zip(placed(0.75, 0.5)) {
                assert!(out[..at].iter().all(|&sample| sample == 0.5), "moves before {at}");
                assert!(out[at] != 0.5, "does not move on {at}");
                let landed = at + RAMP - 1;
                assert!(out[landed..].iter().all(|sample| (sample - end).abs() < 1e-6), "{at}");
                assert!((out[landed - 1] - end).abs() > 1e-7, "lands early");
                let steepest = 1.01 * (0.5 - end).abs() / RAMP as f32 + 1e-6;
                assert!(out.windows(2).all(|two| (two[1] - two[0]).abs() <= steepest), "{at}: a step");
            }
        }
    }
}

#[test]
fn mono_buses_that_are_panned_give_the_same_bits_however_calls_are_cut() {
    let mut routing = Routing::default();
    for channel in 0..16 {
        routing.song_channels[channel] = Some(channel);
        routing.buses[channel].channels = Some(1 + channel % 2);
        routing.buses[channel].to.push(Route::Output(channel).into());
    }
    routing.buses[0].to = vec![Route::Bus(3).into(), Connection::mixed(Route::Output(0), MixPolicy::Downmix)];
    let (mut changes, dice) = (Vec::new(), &mut Dice(3));
    for turn in 0..300 {
        let (strip, at) = (turn % 16, 1 + dice.roll(72_000));
        changes.push((at, Target::StripPan(strip), 2.0 * dice.part() - 1.0));
        changes.push((at + dice.roll(300), Target::SendLevel { strip, send: turn % 2 }, -20.0 * dice.part()));
        changes.push((at + dice.roll(300), Target::SendPre { strip, send: turn % 2 }, dice.roll(2) as f32));
        changes.push((at + dice.roll(300), Target::StripSolo(dice.roll(16)), f32::from(dice.roll(8) == 0)));
    }
    let render = |cuts: &Cuts| {
        Desk::new(instrument(), &demo(routing.clone())).play(72_000, cuts, &changes, |_, _| 0.0)
    };
    let whole = render(&Cuts::Each(8192));
    assert!(whole.iter().filter(|output| peak(output) > 0.001).count() > 8);
    for cuts in [Cuts::Each(61), Cuts::Random(1), Cuts::Random(2)] {
        assert!(render(&cuts) == whole);
    }
}
