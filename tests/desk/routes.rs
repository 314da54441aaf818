//! Buses into buses, outputs and widths.

use crate::stage::Cuts;
use crate::stage::Desk;
use crate::stage::demo;
use crate::stage::insert;
use crate::stage::instrument;
use crate::stage::peak;
use busker::engine::Setup;
use busker::mixer::Bus;
use busker::mixer::Connection;
use busker::mixer::MixPolicy;
use busker::mixer::Route;
use busker::mixer::Routing;

/// Channel c of the main input holds 2^c / 256.
fn staircase(channel: usize, _frame: usize) -> f32 {
    (1 << channel) as f32 / 256.0
}

/// The last frame of each channel of each output.
fn last(desk: &mut Desk) -> Vec<Vec<f32>> {
    let sound = desk.play(700, &Cuts::Random(5), &[], staircase);
    sound.iter().map(|output| output.iter().map(|plane| plane[699]).collect()).collect()
}

fn steps(channels: usize) -> Vec<f32> {
    (0..channels).map(|channel| staircase(channel, 0)).collect()
}

#[test]
fn an_insert_of_every_width_passes_its_input_through_buses_of_that_width() {
    for width in 1..=8 {
        let mut routing = Routing { input: Some(2), ..Routing::default() };
        routing.buses[2] = Bus { channels: Some(width), to: vec![Route::Bus(9).into()], ..Bus::default() };
        routing.buses[9].channels = Some(width);
        let mut desk = Desk::new(insert(width), &Setup { routing, ..Setup::default() });
        assert_eq!(last(&mut desk)[0], steps(width), "{width} channels");
    }
}

#[test]
fn surround_folds_onto_stereo_outputs_by_bs_775_unless_the_connection_says_otherwise() {
    let half_power = std::f32::consts::FRAC_1_SQRT_2;
    for width in [6, 8] {
        let mut routing = Routing::default();
        let output = Route::Output;
        routing.buses[0].to = vec![
            Route::Master.into(),
            output(1).into(),
            Connection::mixed(output(2), MixPolicy::Truncate),
            Connection::mixed(output(3), MixPolicy::Broadcast),
        ];
        let mut desk = Desk::new(insert(width), &Setup { routing, ..Setup::default() });
        let found = last(&mut desk);
        let step = steps(8);
        assert_eq!(found[0], step[..width]);
        let mut folded = [0, 1].map(|side| step[side] + half_power * step[2] + half_power * step[4 + side]);
        if width == 8 {
            (0..2).for_each(|side| folded[side] += half_power * step[6 + side]);
        }
        for side in 0..2 {
            assert!((found[1][side] - folded[side]).abs() < 1e-6, "{width}: {:?} {folded:?}", found[1]);
        }
        assert_eq!(found[2], step[..2]);
        let mean: f32 = step[..width].iter().step_by(2).sum::<f32>() / (width / 2) as f32;
        assert!((found[3][0] - mean).abs() < 1e-6);
        assert!(found[4..].iter().flatten().all(|&sample| sample == 0.0));
    }
}

#[test]
fn a_mono_bus_is_as_loud_on_its_own_output_as_in_the_mix() {
    let mut routing = Routing { input: Some(3), ..Routing::default() };
    routing.buses[3].channels = Some(1);
    routing.buses[3].to.push(Route::Output(1).into());
    let mut desk = Desk::new(insert(2), &Setup { routing, ..Setup::default() });
    let found = last(&mut desk);
    assert_eq!((&found[0], &found[1]), (&vec![1.5 / 256.0; 2], &vec![1.5 / 256.0; 2]));
}

#[test]
fn a_bus_straight_on_the_main_output_joins_the_master_there() {
    let mut routing = Routing::default();
    routing.buses[0].to = vec![Route::Master.into(), Route::Output(0).into()];
    let mut desk = Desk::new(insert(2), &Setup { routing, ..Setup::default() });
    assert_eq!(last(&mut desk)[0], [2.0 / 256.0, 4.0 / 256.0]);
}

#[test]
fn a_chain_of_buses_sounds_as_one() {
    let plain =
        Desk::new(instrument(), &demo(Routing::default())).play(48_000, &Cuts::Each(512), &[], |_, _| 0.0);
    let mut routing = Routing::default();
    for (from, to) in [(0, 7), (7, 3), (3, 12)] {
        routing.buses[from].to = vec![Route::Bus(to).into()];
    }
    let chain = Desk::new(instrument(), &demo(routing)).play(48_000, &Cuts::Random(9), &[], |_, _| 0.0);
    assert!(peak(&plain[0]) > 0.01 && plain == chain);
}

#[test]
fn a_circle_is_refused_by_its_path_and_what_played_plays_on() {
    let mut desk = Desk::new(insert(2), &Setup::default());
    let mut setup = Setup::default();
    setup.routing.buses[0].to = vec![Route::Bus(1).into()];
    setup.routing.buses[1].to = vec![Route::Bus(0).into()];
    setup.routing.buses[1].name = "Group".to_owned();
    let error = desk.worker.apply(&setup).err().unwrap();
    assert_eq!(error.to_string(), "this routing runs in a circle: Bus 1 -> Group -> Bus 1");
    assert!(desk.control.plan(&setup.routing).is_err());
    assert_eq!(last(&mut desk)[0], steps(2));
}
