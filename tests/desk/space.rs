//! Buses in space: what reaches the master of them, and that nothing of it depends on how calls are cut.

use crate::stage::Change;
use crate::stage::Cuts;
use crate::stage::Desk;
use crate::stage::Dice;
use crate::stage::Sound;
use crate::stage::demo;
use crate::stage::insert;
use crate::stage::instrument;
use crate::stage::peak;
use busker::engine::Setup;
use busker::engine::Target;
use busker::mixer::Bus;
use busker::mixer::BusSpace;
use busker::mixer::Layout;
use busker::mixer::RoomAround;
use busker::mixer::Route;
use busker::mixer::Routing;
use busker::mixer::SpaceOutput;
use busker::space::Ears;
use busker::space::Hearing;
use busker::space::Law;
use busker::space::Settings;

/// Bus 1, which takes the main input, in space, and one channel wide where it is to be a point.
fn routing(channels: Option<usize>, settings: Settings) -> Routing {
    let mut routing = Routing::default();
    let space = Some(BusSpace { settings, ..BusSpace::default() });
    routing.buses[0] = Bus { channels, space, ..Bus::default() };
    routing
}

fn desk(routing: Routing) -> Desk {
    Desk::new(insert(2), &Setup { routing, ..Setup::default() })
}

fn noise(channel: usize, frame: usize) -> f32 {
    if channel < 2 { Dice((channel * 1_000_003 + frame) as u64).part() * 0.5 - 0.25 } else { 0.0 }
}

fn bits(sound: &Sound) -> Vec<u32> {
    sound.iter().flatten().flatten().map(|sample| sample.to_bits()).collect()
}

fn level_db(plane: &[f32]) -> f32 {
    10.0 * (plane.iter().map(|sample| sample * sample).sum::<f32>() / plane.len() as f32).log10()
}

#[test]
fn a_bus_in_space_is_heard_in_the_master_from_where_its_parameters_say() {
    let side = |azimuth: f32, yaw: f32| {
        let changes = [(0, Target::Azimuth(0), azimuth), (0, Target::HeadYaw, yaw)];
        let sound = desk(routing(Some(1), Settings::default())).play(9600, &Cuts::Each(480), &changes, noise);
        level_db(&sound[0][1]) - level_db(&sound[0][0])
    };
    assert!(side(90.0, 0.0) > 8.0 && side(-90.0, 0.0) < -8.0, "{} {}", side(90.0, 0.0), side(-90.0, 0.0));
    assert!(side(0.0, 0.0).abs() < 0.01 && side(0.0, -90.0) > 8.0 && side(45.0, 45.0).abs() < 0.01);
}

#[test]
fn a_bus_twice_as_far_is_six_decibels_softer_and_one_in_front_as_loud_as_without_space() {
    let at = |distance: f32| {
        let changes = [(0, Target::Distance(0), distance)];
        level_db(
            &desk(routing(Some(1), Settings::default())).play(9600, &Cuts::Each(480), &changes, noise)[0][0],
        )
    };
    let mut flat = routing(Some(1), Settings::default());
    flat.buses[0].space = None;
    let without = level_db(&desk(flat).play(9600, &Cuts::Each(480), &[], noise)[0][0]);
    assert!((at(1.0) - at(2.0) - 6.02).abs() < 0.05 && (at(1.0) - at(0.2)).abs() < 0.05);
    assert!((at(1.0) - without).abs() < 4.0, "{} beside {without}", at(1.0));
}

#[test]
fn a_listener_with_a_pattern_hears_what_the_head_looks_at() {
    let at = |azimuth: f32, elevation: f32, head: [f32; 2]| {
        let mut all = routing(Some(1), Settings::default());
        all.listener.hearing = Hearing { pattern: 0.5, sharpness: 2.0 };
        all.space_output = SpaceOutput::AmbiX(1);
        let layout = Layout { main_input: 2, sidechain: 2, outputs: vec![2; 16] };
        let changes = [
            (0, Target::Azimuth(0), azimuth),
            (0, Target::Elevation(0), elevation),
            (0, Target::HeadYaw, head[0]),
            (0, Target::HeadPitch, head[1]),
        ];
        let mut desk = Desk::new(layout, &Setup { routing: all, ..Setup::default() });
        desk.play(300, &Cuts::Each(100), &changes, |channel, _| if channel < 2 { 0.5 } else { 0.0 })[8][0]
            [299]
            * 2.0
    };
    // (1/2 + 1/2 cos)²: ahead, to the side, behind, and for a head that has turned or looks up.
    for (azimuth, elevation, head, wanted) in [
        (0.0, 0.0, [0.0, 0.0], 1.0),
        (90.0, 0.0, [0.0, 0.0], 0.25),
        (180.0, 0.0, [0.0, 0.0], 0.0),
        (180.0, 0.0, [180.0, 0.0], 1.0),
        (60.0, 0.0, [120.0, 0.0], 0.5625),
        (0.0, 90.0, [0.0, 90.0], 1.0),
        (0.0, 0.0, [0.0, 60.0], 0.5625),
    ] {
        let found = at(azimuth, elevation, head);
        assert!((found - wanted).abs() < 1e-5, "{azimuth}, {elevation} and {head:?}: {found}");
    }
}

#[test]
fn what_moves_gives_the_same_bits_however_calls_are_cut() {
    let mut dice = Dice(11);
    let mut changes: Vec<Change> = (0..60)
        .map(|n| {
            let (target, value) = match n % 7 {
                0 | 1 => (Target::Azimuth(n % 2), dice.part() * 360.0 - 180.0),
                2 => (Target::Elevation(n % 3), dice.part() * 180.0 - 90.0),
                3 => (Target::Distance(n % 2), 0.1 + dice.part() * 9.0),
                4 => (Target::HeadYaw, dice.part() * 360.0 - 180.0),
                5 => (Target::HeadRoll, dice.part() * 360.0 - 180.0),
                _ => (Target::StripMute(0), (n / 7 % 2) as f32),
            };
            (dice.roll(24_000), target, value)
        })
        .collect();
    changes.sort_by_key(|change| change.0);
    let burst = |channel: usize, frame: usize| {
        if (frame / 5000).is_multiple_of(2) { noise(channel, frame) } else { 0.0 }
    };
    let mut all =
        routing(None, Settings { occlusion: 0.4, spread: 30.0, near_field: true, ..Settings::default() });
    all.listener.hearing.pattern = 0.3;
    all.buses[0].to.push(Route::Bus(1).into());
    let settings = Settings { near_field: true, doppler: true, ..Settings::default() };
    all.buses[1].space = Some(BusSpace { settings, ..BusSpace::default() });
    let run = |cuts: &Cuts| {
        let mut desk = desk(all.clone());
        let mut heard = bits(&desk.play(24_000, cuts, &changes, burst));
        desk.engine.reset();
        desk.set(Target::StripMute(0), 0.0);
        heard.extend(bits(&desk.play(3000, cuts, &[], burst)));
        heard
    };
    let whole = run(&Cuts::Each(8192));
    assert!(whole.iter().any(|bits| f32::from_bits(*bits).abs() > 0.05));
    for cuts in [Cuts::Each(1), Cuts::Each(64), Cuts::Each(255), Cuts::Random(3), Cuts::Random(4)] {
        assert!(run(&cuts) == whole);
    }
}

#[test]
fn a_song_in_space_sounds_the_same_however_calls_are_cut() {
    let mut song = Routing::default();
    song.song_channels[3] = Some(4);
    for (bus, azimuth) in [(0, 0.0), (4, 0.0)] {
        let settings = Settings { spread: azimuth, ..Settings::default() };
        song.buses[bus].space = Some(BusSpace { settings, ..BusSpace::default() });
    }
    let changes = [
        (0, Target::Azimuth(4), 110.0),
        (9000, Target::Azimuth(4), -110.0),
        (12_345, Target::HeadPitch, 30.0),
    ];
    let run = |cuts: &Cuts| {
        bits(&Desk::new(instrument(), &demo(song.clone())).play(40_000, cuts, &changes, |_, _| 0.0))
    };
    let whole = run(&Cuts::Each(4096));
    for cuts in [Cuts::Each(33), Cuts::Random(9)] {
        assert!(run(&cuts) == whole);
    }
}

#[test]
fn space_comes_and_goes_without_a_step_and_leaves_other_ways_alone() {
    let mut flat = Routing::default();
    flat.buses[0].to.push(Route::Output(1).into());
    let mut space = flat.clone();
    space.buses[0].space = Some(BusSpace::default());
    let tone = |channel: usize, frame: usize| {
        if channel < 2 { 0.5 * (frame as f32 * 0.02).sin() } else { 0.0 }
    };
    let run = |cuts: &Cuts| {
        let mut desk = desk(flat.clone());
        let mut sound = desk.play(5000, cuts, &[], tone);
        for routing in [&space, &flat, &space] {
            desk.control.send(desk.control.plan(routing).unwrap()).unwrap();
            let from = sound[0][0].len();
            let more = desk.play(5000, cuts, &[], tone);
            assert_eq!(sound[0][0].len(), from);
            sound
                .iter_mut()
                .flatten()
                .zip(more.iter().flatten())
                .for_each(|(all, one)| all.extend_from_slice(one));
            desk.worker.poll();
        }
        sound
    };
    let sound = run(&Cuts::Each(500));
    for plane in &sound[0] {
        let bend = plane.windows(3).fold(0.0f32, |most, w| most.max((w[2] - 2.0 * w[1] + w[0]).abs()));
        // The tone itself bends by 0.0002 without space; a step of -60 dBFS is 0.001.
        assert!((0.0001..0.001).contains(&bend), "bends by {bend}");
    }
    let whole = &sound[1][0];
    assert!((0..20_000).all(|frame| whole[frame] == tone(0, frame)));
    assert!(bits(&run(&Cuts::Each(100))) == bits(&sound));
}

/// Those of a head behind a mirror: left is right.
fn mirrored_ears() -> Ears {
    let mut bytes = Ears::kemar().to_bytes();
    // The second sum of each channel, 320 taps, is what both ears do not hear alike.
    bytes.chunks_exact_mut(4 * 320).skip(1).step_by(2).flat_map(|sum| sum.chunks_exact_mut(4)).for_each(
        |tap| {
            tap[3] ^= 0x80;
        },
    );
    Ears::from_bytes(&bytes).unwrap()
}

#[test]
fn other_ears_fade_in_without_a_step_whatever_the_cuts_and_go_home() {
    let tone = |channel: usize, frame: usize| {
        if channel < 2 { 0.5 * (frame as f32 * 0.02).sin() } else { 0.0 }
    };
    let side = [(0, Target::Azimuth(0), 70.0)];
    let run = |cuts: &Cuts, sound: &dyn Fn(usize, usize) -> f32| {
        let mut desk = desk(routing(Some(1), Settings::default()));
        // Ears that come before space does are there when it comes.
        let mut heard = desk.play(4000, cuts, &side, sound);
        for ears in [Some(mirrored_ears()), None, Some(mirrored_ears())] {
            desk.control.send(desk.control.ears(ears.as_ref())).unwrap();
            let more = desk.play(4000, cuts, &[], sound);
            heard.iter_mut().flatten().zip(more.iter().flatten()).for_each(|(all, more)| all.extend(more));
            desk.worker.poll();
        }
        heard
    };
    let heard = run(&Cuts::Each(500), &tone);
    for plane in &heard[0] {
        let bends = plane[1000..].windows(3).map(|w| (w[2] - 2.0 * w[1] + w[0]).abs());
        let most = |most: (f32, usize), bend: (f32, usize)| if bend.0 > most.0 { bend } else { most };
        let (bend, frame) = bends.zip(1001..).fold((0.0, 0), most);
        assert!((0.0001..0.001).contains(&bend), "bends by {bend} on frame {frame}");
    }
    let difference =
        |range: std::ops::Range<usize>| level_db(&heard[0][1][range.clone()]) - level_db(&heard[0][0][range]);
    let (own, mirrored, again) = (difference(3000..4000), difference(7000..8000), difference(11_000..12_000));
    assert!(
        own > 1.0 && (own + mirrored).abs() < 0.3 && (own - again).abs() < 0.3,
        "{own} {mirrored} {again}"
    );
    let burst = |channel: usize, frame: usize| {
        if (frame / 1500).is_multiple_of(2) { noise(channel, frame) } else { 0.0 }
    };
    let whole = bits(&run(&Cuts::Each(4000), &burst));
    for cuts in [Cuts::Each(1), Cuts::Each(64), Cuts::Each(255), Cuts::Random(3)] {
        assert!(bits(&run(&cuts, &burst)) == whole);
    }
}

#[test]
fn an_engine_begins_with_the_ears_of_its_setup_and_a_worker_changes_them() {
    let setup = |ears: Option<Ears>| Setup {
        routing: routing(Some(1), Settings::default()),
        ears: ears.map(std::sync::Arc::new),
        ..Setup::default()
    };
    let side = |desk: &mut Desk| {
        let sound = desk.play(9600, &Cuts::Each(480), &[(0, Target::Azimuth(0), 90.0)], noise);
        level_db(&sound[0][1][5000..]) - level_db(&sound[0][0][5000..])
    };
    let mut desk = Desk::new(insert(2), &setup(Some(mirrored_ears())));
    assert!(side(&mut desk) < -8.0);
    desk.worker.apply(&setup(None)).unwrap();
    assert!(side(&mut desk) > 8.0);
    desk.worker.apply(&setup(Some(mirrored_ears()))).unwrap();
    assert!(side(&mut desk) < -8.0);
}

#[test]
fn sound_that_takes_its_time_comes_and_goes_and_jumps_without_a_step() {
    let tone = |_: usize, frame: usize| 0.5 * (frame as f32 * 0.02).sin();
    let with = |doppler: bool| {
        routing(Some(1), Settings { law: Law::None, doppler, near_field: doppler, ..Settings::default() })
    };
    let mut desk = desk(with(false));
    let mut heard = vec![Vec::new(); 2];
    for (doppler, metres) in [(false, 1.0), (true, 1.0), (true, 3.0), (true, 90.0), (true, 0.3), (false, 0.3)]
    {
        desk.control.send(desk.control.plan(&with(doppler)).unwrap()).unwrap();
        let changes = [(0, Target::Distance(0), metres)];
        // 0.02 · 31,416 is a hundred turns.
        let sound = desk.play(31_416, &Cuts::Each(500), &changes, tone);
        heard.iter_mut().zip(&sound[0]).for_each(|(all, part)| all.extend_from_slice(part));
        desk.worker.poll();
    }
    for plane in &heard {
        let bend =
            plane[1000..].windows(3).fold(0.0f32, |most, w| most.max((w[2] - 2.0 * w[1] + w[0]).abs()));
        assert!((0.0001..0.001).contains(&bend), "bends by {bend}");
    }
}

#[test]
fn a_click_is_heard_after_the_time_that_sound_takes() {
    let first = |doppler: bool| {
        let mut all = routing(Some(1), Settings { law: Law::None, doppler, ..Settings::default() });
        all.space_output = SpaceOutput::AmbiX(1);
        let layout = Layout { main_input: 2, sidechain: 2, outputs: vec![2; 16] };
        let mut desk = Desk::new(layout, &Setup { routing: all, ..Setup::default() });
        let click = |channel: usize, frame: usize| f32::from(u8::from(channel < 2 && frame == 100));
        let sound = desk.play(3000, &Cuts::Each(77), &[(0, Target::Distance(0), 10.0)], click);
        let loudest = (0..3000).max_by(|one, other| sound[8][0][*one].total_cmp(&sound[8][0][*other]));
        loudest.unwrap()
    };
    // 10 m at 343 m/s are 1,399.4 frames.
    assert_eq!((first(false), first(true)), (100, 1499));
}

#[test]
fn solo_of_another_bus_silences_a_bus_in_space_and_its_own_solo_does_not() {
    let soloed = |bus: usize| {
        let changes = [(0, Target::StripSolo(bus), 1.0)];
        let sound = desk(routing(None, Settings::default())).play(4800, &Cuts::Each(480), &changes, noise);
        peak(&sound[0])
    };
    assert!(soloed(5) == 0.0 && soloed(0) > 0.05);
}

#[test]
fn ambix_leaves_by_the_outputs_from_the_ninth_on_in_the_order_of_its_channels() {
    let layout = Layout { main_input: 2, sidechain: 2, outputs: vec![2; 16] };
    for order in [1, 3] {
        let mut routing = routing(Some(1), Settings::default());
        routing.space_output = SpaceOutput::AmbiX(order);
        let mut desk = Desk::new(layout.clone(), &Setup { routing, ..Setup::default() });
        let changes = [(0, Target::Azimuth(0), 90.0), (0, Target::Elevation(0), 0.0)];
        let sound =
            desk.play(200, &Cuts::Each(50), &changes, |channel, _| if channel < 2 { 0.5 } else { 0.0 });
        let field: Vec<f32> = sound[8..].iter().flatten().map(|plane| 2.0 * plane[199]).collect();
        // To the right: y is -1.
        let wanted = [1.0, -1.0, 0.0, 0.0, 0.0, 0.0, -0.5, 0.0, -0.866_025_4, 0.790_569_4, 0.0, 0.612_372_4];
        let channels = (order + 1) * (order + 1);
        for (channel, (found, wanted)) in field.iter().zip(wanted).enumerate() {
            let wanted = if channel < channels { wanted } else { 0.0 };
            assert!((found - wanted).abs() < 1e-6, "order {order}, channel {channel}: {found}");
        }
        assert!(field[channels..].iter().all(|sample| *sample == 0.0) && peak(&sound[0]) == 0.0);
    }
    // A host without those outputs hears it all the same.
    let mut routing = routing(Some(1), Settings::default());
    routing.space_output = SpaceOutput::AmbiX(3);
    assert!(peak(&desk(routing).play(4800, &Cuts::Each(480), &[], noise)[0]) > 0.05);
}

#[test]
fn a_bus_in_space_changes_its_width_without_a_step() {
    let tone = |channel: usize, frame: usize| {
        if channel < 2 { 0.5 * (frame as f32 * 0.02).sin() } else { 0.0 }
    };
    let mut desk = desk(routing(None, Settings::default()));
    let mut planes = vec![Vec::new(); 2];
    for channels in [None, Some(1), None] {
        desk.control.send(desk.control.plan(&routing(channels, Settings::default())).unwrap()).unwrap();
        // 0.02 · 31,416 is a hundred turns: what is played begins at frame 0 each time.
        let sound = desk.play(31_416, &Cuts::Each(500), &[], tone);
        planes.iter_mut().zip(&sound[0]).for_each(|(all, part)| all.extend_from_slice(part));
        desk.worker.poll();
    }
    for plane in &planes {
        let bend =
            plane[1000..].windows(3).fold(0.0f32, |most, w| most.max((w[2] - 2.0 * w[1] + w[0]).abs()));
        assert!((0.0001..0.001).contains(&bend), "bends by {bend}");
    }
}

#[test]
fn what_no_loudspeaker_could_play_leaves_no_trace_in_space() {
    let garbage = |channel: usize, frame: usize| if channel < 2 && frame == 1000 { 1e15 } else { 0.0 };
    let mut all = routing(None, Settings { occlusion: 0.5, ..Settings::default() });
    all.room = Some(RoomAround::default());
    let sound = desk(all).play(9600, &Cuts::Each(480), &[], garbage);
    assert!(peak(&sound[0]) == 0.0, "{}", peak(&sound[0]));
}

#[test]
fn after_a_reset_space_sounds_as_in_a_new_engine() {
    let all = routing(None, Settings { near_field: true, doppler: true, ..Settings::default() });
    let places = [
        (Target::Distance(0), 0.4),
        (Target::Azimuth(0), 77.7),
        (Target::HeadYaw, 150.0),
        (Target::HeadRoll, 33.3),
    ];
    let others = [
        (Target::Distance(0), 0.7),
        (Target::Azimuth(0), 12.3),
        (Target::HeadYaw, -150.0),
        (Target::HeadRoll, 101.1),
    ];
    let again_and_again = |channel: usize, frame: usize| noise(channel, frame % 9600);
    let [mut used, mut new] = [(); 2].map(|()| desk(all.clone()));
    places.iter().for_each(|(target, value)| used.set(*target, *value));
    used.play(9600, &Cuts::Each(480), &[], again_and_again);
    for desk in [&mut used, &mut new] {
        desk.engine.reset();
        others.iter().for_each(|(target, value)| desk.set(*target, *value));
    }
    let heard = |mut desk: Desk| bits(&desk.play(4800, &Cuts::Each(480), &[], again_and_again));
    let [again, fresh] = [used, new].map(heard);
    assert!(again == fresh);
}
