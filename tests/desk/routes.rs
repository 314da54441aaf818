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
use busker::mixer::Layout;
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

#[test]
fn what_goes_to_an_output_that_the_host_lacks_is_heard_on_the_master() {
    let layouts = [insert(2), Layout { outputs: vec![2], ..instrument() }];
    for (layout, input) in layouts.into_iter().zip([Some(0), None]) {
        let mut routing = Routing { input, ..Routing::default() };
        routing.buses[0].to = vec![Route::Output(12).into()];
        routing.song_channels.fill(Some(0));
        let setup = if input.is_some() { Setup { routing, ..Setup::default() } } else { demo(routing) };
        let missing = Desk::new(layout.clone(), &setup).play(4_800, &Cuts::Random(3), &[], staircase);
        let whole = match input {
            Some(_) => Setup::default(),
            None => demo(Routing::default()),
        };
        let whole = Desk::new(layout, &whole).play(4_800, &Cuts::Random(4), &[], staircase);
        assert!(peak(&whole[0]) > 0.001 && missing == whole);
    }
}

/// Gains of each channel of a bus of `sources` channels into left and right, by hand: BS.775-4, annex 4, for more than
/// stereo; both sides for mono; whole channels for stereo and where what is too much is cut off.
fn expected(sources: usize, mix: Option<MixPolicy>) -> [&'static [f32]; 2] {
    use MixPolicy::*;
    const H: f32 = std::f32::consts::FRAC_1_SQRT_2;
    const T: f32 = 1.0 / 3.0;
    match (sources, mix) {
        (1, None | Some(Broadcast)) => [&[1.0], &[1.0]],
        (1, Some(Downmix)) => [&[H], &[H]],
        (3, None | Some(Downmix)) => [&[1.0, 0.0, H], &[0.0, 1.0, H]],
        (3, Some(Broadcast)) => [&[0.5, 0.0, 0.5], &[0.0, 1.0, 0.0]],
        (5, None | Some(Downmix)) => [&[1.0, 0.0, H, H, 0.0], &[0.0, 1.0, H, 0.0, H]],
        (5, Some(Broadcast)) => [&[T, 0.0, T, 0.0, T], &[0.0, 0.5, 0.0, 0.5, 0.0]],
        (6, None | Some(Downmix)) => [&[1.0, 0.0, H, 0.0, H, 0.0], &[0.0, 1.0, H, 0.0, 0.0, H]],
        (6, Some(Broadcast)) => [&[T, 0.0, T, 0.0, T, 0.0], &[0.0, T, 0.0, T, 0.0, T]],
        (7, None | Some(Downmix)) => [&[1.0, 0.0, H, H, 0.0, H, 0.0], &[0.0, 1.0, H, 0.0, H, 0.0, H]],
        (7, Some(Broadcast)) => [&[0.25, 0.0, 0.25, 0.0, 0.25, 0.0, 0.25], &[0.0, T, 0.0, T, 0.0, T, 0.0]],
        (8, None | Some(Downmix)) => {
            [&[1.0, 0.0, H, 0.0, H, 0.0, H, 0.0], &[0.0, 1.0, H, 0.0, 0.0, H, 0.0, H]]
        }
        (8, Some(Broadcast)) => {
            [&[0.25, 0.0, 0.25, 0.0, 0.25, 0.0, 0.25, 0.0], &[0.0, 0.25, 0.0, 0.25, 0.0, 0.25, 0.0, 0.25]]
        }
        _ => [&[1.0], &[0.0, 1.0]],
    }
}

#[test]
fn every_width_passes_whole_and_meets_stereo_by_the_table() {
    let policies = [None, Some(MixPolicy::Truncate), Some(MixPolicy::Broadcast), Some(MixPolicy::Downmix)];
    let cases = [1, 2, 3, 5, 6, 7, 8].into_iter().flat_map(|width| policies.map(|mix| (width, mix)));
    for (width, mix) in cases {
        for channel in 0..width {
            let mut routing = Routing::default();
            routing.buses[0].to = vec![Route::Master.into(), Connection { mix, ..Route::Output(1).into() }];
            let mut desk = Desk::new(insert(width), &Setup { routing, ..Setup::default() });
            let alone = |arriving, _| if arriving == channel { 0.5 } else { 0.0 };
            let sound = desk.play(64, &Cuts::Each(64), &[], alone);
            let last = |output: usize| sound[output].iter().map(|plane| plane[63] / 0.5).collect::<Vec<_>>();
            let whole: Vec<f32> = (0..width).map(|to| f32::from(u8::from(to == channel))).collect();
            assert_eq!(last(0), whole);
            let wanted = expected(width, mix).map(|side| side.get(channel).copied().unwrap_or(0.0));
            for (found, wanted) in last(1).iter().zip(wanted) {
                let close = (found - wanted).abs() < 1e-6;
                assert!(close, "channel {channel} of {width} by {mix:?}: {found}, not {wanted}");
            }
        }
    }
}
