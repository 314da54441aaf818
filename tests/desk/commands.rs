//! What a control sends.

use crate::stage::Cuts;
use crate::stage::Desk;
use crate::stage::RAMP;
use crate::stage::demo;
use crate::stage::insert;
use crate::stage::instrument;
use crate::stage::peak;
use busker::engine::Command;
use busker::engine::QueueFull;
use busker::engine::Setup;
use busker::engine::Target;
use busker::mixer::Route;
use busker::mixer::Routing;
use busker::units::Decibels;

fn half(_channel: usize, _frame: usize) -> f32 {
    0.5
}

/// The last frame on the left of the main output.
fn left(desk: &mut Desk) -> f32 {
    desk.call(300, &half)[0][0][299]
}

#[test]
fn commands_act_in_their_order_before_the_next_frame_and_the_values_say_so() {
    let mut desk = Desk::new(insert(2), &Setup::default());
    desk.call(300, &half);
    for gain in [-6.0, -60.0, f32::NAN, -20.0] {
        desk.control.send(Command::strip_gain(0, Decibels(gain))).unwrap();
    }
    desk.control.send(Command::strip_mute(0, true)).unwrap();
    desk.control.send(Command::strip_mute(0, false)).unwrap();
    let first = desk.call(300, &half)[0][0][0];
    assert!(first < 0.5 && first > 0.49, "{first}");
    assert!((left(&mut desk) - 0.05).abs() < 1e-6);
    assert_eq!(desk.values.get(desk.index(Target::StripGain(0))), -20.0);
    // The host's own move comes later, and counts.
    desk.set(Target::StripGain(0), 0.0);
    assert_eq!(left(&mut desk), 0.5);
}

#[test]
fn every_wish_of_a_bus_can_be_sent() {
    let mut desk = Desk::new(insert(2), &Setup::default());
    let (solo, pan, send) = (
        Command::strip_solo(3, true),
        Command::strip_pan(1, -0.5),
        Command::send_level(2, 1, Decibels(-3.0)),
    );
    for command in [solo, pan, send].into_iter().chain(Command::bus_space(4, 90.0, -400.0, 2.5)) {
        desk.control.send(command).unwrap();
    }
    assert_eq!(left(&mut desk), 0.0, "bus 4 is soloed");
    for (target, wanted) in [
        (Target::StripPan(1), -0.5),
        (Target::SendLevel { strip: 2, send: 1 }, -3.0),
        (Target::Azimuth(4), 90.0),
        (Target::Elevation(4), -90.0),
        (Target::Distance(4), 2.5),
    ] {
        assert_eq!(desk.values.get(desk.index(target)), wanted, "{target:?}");
    }
}

#[test]
fn a_full_queue_gives_the_command_back_and_takes_it_later() {
    let mut desk = Desk::new(insert(2), &Setup::default());
    desk.call(300, &half);
    let mut sent = 0;
    let back = loop {
        match desk.control.send(Command::strip_gain(0, Decibels(-(sent as f32) / 100.0))) {
            Ok(()) => sent += 1,
            Err(QueueFull(command)) => break command,
        }
        assert!(sent < 100_000, "the queue is bounded");
    };
    let wanted = -(sent as f32) / 100.0;
    assert_eq!(format!("{back:?}"), format!("Set(StripGain(0), {wanted})"));
    left(&mut desk);
    desk.control.send(back).unwrap();
    left(&mut desk);
    assert_eq!(desk.values.get(desk.index(Target::StripGain(0))), wanted);
}

#[test]
fn a_plan_that_changes_other_routes_leaves_the_rest_without_a_seam() {
    let plain =
        Desk::new(instrument(), &demo(Routing::default())).play(96_000, &Cuts::Each(777), &[], |_, _| 0.0);
    let mut desk = Desk::new(instrument(), &demo(Routing::default()));
    let mut sound = vec![Vec::new(); 2];
    for turn in 0..96 {
        let mut routing = Routing::default();
        routing.buses[turn % 7 + 1].to.push(Route::Bus(8 + turn % 7).into());
        routing.buses[0].to.push(Route::Output(1 + turn % 3).into());
        desk.control.send(desk.control.plan(&routing).unwrap()).unwrap();
        let part = desk.call(1000, &|_, _| 0.0);
        // A ramp in which the old output falls silent, and one in which the new one comes.
        for (new, main) in part[1 + turn % 3].iter().zip(&part[0]) {
            assert!(new[2 * RAMP..] == main[2 * RAMP..], "call {turn}");
        }
        sound.iter_mut().zip(&part[0]).for_each(|(all, one)| all.extend_from_slice(one));
        assert!(desk.worker.poll());
    }
    assert!(peak(&sound) > 0.01 && sound == plain[0]);
}

#[test]
fn a_plan_that_comes_while_solo_ramps_leaves_the_ramp_alone() {
    let render = |plans: bool| {
        let mut desk = Desk::new(insert(2), &Setup::default());
        let mut out = Vec::new();
        for call in 0..40 {
            if call % 16 == 4 {
                desk.set(Target::StripSolo(5), f32::from(call < 16));
            }
            if plans {
                desk.control.send(desk.control.plan(&Routing::default()).unwrap()).unwrap();
            }
            out.extend(desk.call(30, &half).swap_remove(0).swap_remove(0));
            desk.worker.poll();
        }
        out
    };
    let plain = render(false);
    assert!(plain.contains(&0.0) && plain.contains(&0.5));
    assert_eq!(render(true), plain);
}

#[test]
fn a_whole_rack_replaces_what_was_sent_before() {
    let setup = Setup::default();
    let mut desk = Desk::new(insert(2), &setup);
    let mut away = Routing::default();
    away.buses[0].to.clear();
    desk.control.send(desk.control.plan(&away).unwrap()).unwrap();
    assert_eq!(left(&mut desk), 0.0);
    desk.worker.apply(&setup).unwrap();
    assert_eq!(left(&mut desk), 0.5);
}

#[test]
fn songs_and_machines_come_and_go_by_commands() {
    let mut desk = Desk::new(instrument(), &Setup::default());
    let setup = demo(Routing::default());
    let loud = |desk: &mut Desk| peak(&desk.call(8192, &|_, _| 0.0)[0]) > 0.001;
    assert!(!loud(&mut desk));
    desk.control.send(desk.control.song(setup.song.as_ref(), setup.trim)).unwrap();
    desk.control.send(desk.control.insert(0, 1, Some(busker::machine::MachineKind::Reverb))).unwrap();
    assert!(loud(&mut desk) && loud(&mut desk));
    desk.control.send(desk.control.song(None, setup.trim)).unwrap();
    assert!(loud(&mut desk), "the machine rings on");
    desk.control.send(desk.control.insert(0, 1, None)).unwrap();
    assert!(loud(&mut desk), "it fades away");
    assert!(!loud(&mut desk) && desk.worker.poll());
}
