//! Sends before and after the gain, returns, and what a sidechain ducks.

use crate::stage::Change;
use crate::stage::Cuts;
use crate::stage::Desk;
use crate::stage::RAMP;
use crate::stage::Sound;
use crate::stage::demo;
use crate::stage::insert;
use crate::stage::instrument;
use crate::stage::peak;
use busker::engine::Setup;
use busker::engine::Target;
use busker::mixer::Route;
use busker::mixer::Routing;
use busker::mixer::SideSource;

const A: usize = 0;
const RETURN_A: usize = 16;

fn level(strip: usize, send: usize) -> Target {
    Target::SendLevel { strip, send }
}

fn pre(strip: usize, send: usize) -> Target {
    Target::SendPre { strip, send }
}

/// The input goes to bus 1, which goes nowhere: what the main output has comes through returns.
fn dry_cut() -> Setup {
    let mut setup = Setup::default();
    setup.routing.buses[0].to.clear();
    setup
}

/// The left of the main output; the main input is a constant.
fn returned(changes: &[Change], cuts: &Cuts) -> Vec<f32> {
    let input = |channel, _| if channel < 2 { 0.5 } else { 0.0 };
    Desk::new(insert(2), &dry_cut()).play(3000, cuts, changes, input).swap_remove(0).swap_remove(0)
}

#[test]
fn a_send_follows_the_gain_after_it_and_not_before_it() {
    for send in [0, 1] {
        let on = (0, level(0, send), -6.0206);
        let last = |changes: &[Change]| *returned(changes, &Cuts::Each(999)).last().unwrap();
        assert_eq!(last(&[]), 0.0);
        assert!((last(&[on]) - 0.25).abs() < 1e-5);
        let (muted, turned) = ((0, Target::StripMute(0), 1.0), (0, Target::StripGain(0), -6.0206));
        assert_eq!(last(&[on, muted]), 0.0);
        assert!((last(&[on, turned]) - 0.125).abs() < 1e-5);
        let before = (0, pre(0, send), 1.0);
        for other in [muted, turned, (0, Target::StripPan(0), 1.0)] {
            assert!((last(&[on, before, other]) - 0.25).abs() < 1e-5, "{other:?}");
        }
        // The return is a strip of its own.
        assert_eq!(last(&[on, (0, Target::StripMute(RETURN_A + send), 1.0)]), 0.0);
        assert_eq!(last(&[on, (0, Target::StripMute(RETURN_A + 1 - send), 1.0)]), last(&[on]));
    }
}

#[test]
fn a_send_that_moves_begins_on_its_frame_and_ramps_however_calls_are_cut() {
    let changes = [
        (100, level(0, A), 0.0),
        (1001, Target::StripGain(0), -12.0),
        (1500, pre(0, A), 1.0),
        (2200, level(0, A), f32::NEG_INFINITY),
    ];
    let out = returned(&changes, &Cuts::Each(8192));
    assert!(out[..100].iter().all(|&sample| sample == 0.0) && out[100] > 0.0);
    assert_eq!((out[100 + RAMP - 1], out[1000]), (0.5, 0.5));
    assert!(out[1500 + RAMP..2200].iter().all(|&sample| sample == 0.5));
    assert!(out[2200] < 0.5 && out[2200 + RAMP - 1..].iter().all(|&sample| sample == 0.0));
    let steepest = 2.05 * 0.5 / RAMP as f32;
    assert!(out.windows(2).all(|pair| (pair[1] - pair[0]).abs() <= steepest));
    for seed in 0..3 {
        assert_eq!(returned(&changes, &Cuts::Random(seed)), out);
    }
}

#[test]
fn a_soloed_return_leaves_the_sends_and_cuts_the_buses() {
    let play = |setup: &Setup, changes: &[Change]| {
        let input = |channel, _| if channel < 2 { 0.5 } else { 0.0 };
        Desk::new(insert(2), setup).play(2000, &Cuts::Random(4), changes, input)
    };
    let send = [(0, level(0, A), -6.0), (0, level(0, 1), -3.0)];
    let soloed: Vec<Change> = send.into_iter().chain([(0, Target::StripSolo(RETURN_A), 1.0)]).collect();
    let (heard, alone) = (play(&Setup::default(), &soloed), play(&dry_cut(), &send[..1]));
    assert!(heard == alone && peak(&heard[0]) > 0.2);
}

#[test]
fn a_soloed_bus_keeps_its_sends_and_silences_those_of_others() {
    let mut routing = Routing::default();
    (0..4).for_each(|channel| routing.song_channels[channel] = Some(channel));
    routing.song_channels[4..].fill(Some(4));
    let sends: Vec<Change> = (0..5).map(|bus| (0, level(bus, bus % 2), -3.0)).collect();
    let play = |routing: &Routing, solo: Option<usize>| {
        let solo = solo.map(|bus| (0, Target::StripSolo(bus), 1.0));
        let changes: Vec<Change> = sends.iter().copied().chain(solo).collect();
        Desk::new(instrument(), &demo(routing.clone())).play(48_000, &Cuts::Each(600), &changes, |_, _| 0.0)
    };
    let mut heard = false;
    for bus in 0..5 {
        let mut only = routing.clone();
        only.song_channels.iter_mut().for_each(|to| *to = to.filter(|&to| to == bus));
        let soloed = play(&routing, Some(bus));
        heard |= peak(&soloed[0]) > 0.01;
        assert!(soloed == play(&only, None), "bus {}", bus + 1);
    }
    assert!(heard);
}

/// The host's input is steady, its sidechain bursts; bus 1 ducks.
fn ducked(side: SideSource, changes: &[Change], cuts: &Cuts) -> Sound {
    let mut setup = Setup::default();
    setup.routing.buses[0].side = Some(side);
    setup.routing.buses[6].to = vec![Route::Output(3).into()];
    let changes: Vec<Change> = [
        (0, Target::DuckAmount(0), 75.0),
        (0, Target::DuckAttack(0), 1.0),
        (0, Target::DuckRelease(0), 20.0),
    ]
    .into_iter()
    .chain(changes.iter().copied())
    .collect();
    let burst = |frame: usize| if (10_000..14_000).contains(&frame) { 0.8 } else { 0.0 };
    let input = |channel, frame| if channel < 2 { 0.5 } else { burst(frame) };
    Desk::new(insert(2), &setup).play(30_000, cuts, &changes, input)
}

#[test]
fn a_bus_ducks_under_the_sidechain_an_input_or_another_bus() {
    let to_bus = |input| (0, Target::InputToBus { input, bus: 6 }, 0.0);
    for (side, changes) in [
        (SideSource::Sidechain, vec![]),
        (SideSource::Input(2), vec![]),
        (SideSource::Input(3), vec![]),
        (SideSource::Bus(6), vec![to_bus(2), to_bus(3)]),
    ] {
        let sound = ducked(side, &changes, &Cuts::Each(8192));
        let out = &sound[0][0];
        assert!(out[..10_000].iter().all(|&sample| sample == 0.5), "{side:?} ducks early");
        assert!(out[13_900] < 0.2 && out[13_900] > 0.1, "{side:?}: {}", out[13_900]);
        assert!(out[29_999] > 0.49, "{side:?}: {}", out[29_999]);
        assert!(sound == ducked(side, &changes, &Cuts::Random(8)), "{side:?}");
        assert!(sound == ducked(side, &changes, &Cuts::Each(37)), "{side:?}");
    }
}

#[test]
fn what_nothing_drives_does_not_duck() {
    let sound = ducked(SideSource::Input(0), &[(0, Target::InputMute(0), 1.0)], &Cuts::Each(8192));
    let other = ducked(SideSource::Bus(9), &[], &Cuts::Each(8192));
    assert!(other[0][0].iter().all(|&sample| sample == 0.5));
    assert!(sound[0][1].iter().all(|&sample| sample == 0.5));
}
