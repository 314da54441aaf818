//! A room around buses in space: that it is heard, how it comes, changes and goes, and that cuts do not matter.

use crate::stage::Change;
use crate::stage::Cuts;
use crate::stage::Desk;
use crate::stage::Dice;
use crate::stage::Sound;
use crate::stage::insert;
use crate::stage::peak;
use busker::engine::Setup;
use busker::engine::Target;
use busker::mixer::BusSpace;
use busker::mixer::Layout;
use busker::mixer::RoomAround;
use busker::mixer::Routing;
use busker::mixer::SpaceOutput;
use busker::space::Material;
use busker::space::Shoebox;

/// Bus 1, which takes the main input, in space, and a room around it.
fn routing(shoebox: Option<Shoebox>) -> Routing {
    let mut routing = Routing::default();
    routing.buses[0].space = Some(BusSpace::default());
    routing.room = shoebox.map(|shoebox| RoomAround { shoebox, ..RoomAround::default() });
    routing
}

fn studio() -> Shoebox {
    Shoebox {
        size_m: [6.0, 5.0, 3.0],
        listener_m: [2.5, 2.2, 1.3],
        walls: [Material::Carpet; 6],
        ..Shoebox::default()
    }
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

#[test]
fn a_room_rings_on_and_then_rests() {
    let burst = |channel: usize, frame: usize| if frame < 4800 { noise(channel, frame) } else { 0.0 };
    let after = |room: Option<Shoebox>| {
        let sound = desk(routing(room)).play(240_000, &Cuts::Each(480), &[], burst);
        let main: Vec<&[f32]> = sound[0].iter().map(|plane| &plane[6000..]).collect();
        let loudest = |plane: &[f32]| plane.iter().fold(0.0f32, |most, sample| most.max(sample.abs()));
        (loudest(&main[0][..4000]), loudest(&main[0][200_000..]))
    };
    let dry = Shoebox { decay_s: Some([0.5; 3]), ..studio() };
    let [alone, around] = [None, Some(dry)].map(after);
    assert!(alone == (0.0, 0.0) && around.0 > 0.01 && around.1 == 0.0, "{alone:?} {around:?}");
}

#[test]
fn rooms_give_the_same_bits_however_calls_are_cut() {
    let changes: Vec<Change> = vec![
        (3000, Target::Azimuth(0), 90.0),
        (9001, Target::HeadYaw, -120.0),
        (12_345, Target::Distance(0), 6.0),
        (17_500, Target::StripMute(0), 1.0),
    ];
    let burst = |channel: usize, frame: usize| {
        if (frame / 3000).is_multiple_of(2) { noise(channel, frame) } else { 0.0 }
    };
    let run = |cuts: &Cuts| {
        let mut desk = desk(routing(Some(studio())));
        let mut heard = bits(&desk.play(20_000, cuts, &changes, burst));
        for room in [Some(Shoebox::default()), None, Some(studio())] {
            desk.control.send(desk.control.plan(&routing(room)).unwrap()).unwrap();
            heard.extend(bits(&desk.play(9_999, cuts, &[(0, Target::StripMute(0), 0.0)], burst)));
            desk.worker.poll();
        }
        desk.engine.reset();
        heard.extend(bits(&desk.play(6000, cuts, &[], burst)));
        heard
    };
    let whole = run(&Cuts::Each(8192));
    assert!(whole.iter().any(|bits| f32::from_bits(*bits).abs() > 0.05));
    for cuts in [Cuts::Each(1), Cuts::Each(64), Cuts::Each(255), Cuts::Random(3), Cuts::Random(4)] {
        assert!(run(&cuts) == whole);
    }
}

#[test]
fn direct_sound_and_reflections_fall_with_distance_and_reverberation_stays() {
    let heard = |metres: f32, levels_db: Option<[f32; 2]>| {
        let mut routing = routing(None);
        routing.room =
            levels_db.map(|levels_db| RoomAround { shoebox: studio(), levels_db, ..RoomAround::default() });
        let sound = desk(routing).play(96_000, &Cuts::Each(256), &[(0, Target::Distance(0), metres)], noise);
        sound[0][0][48_000..].to_vec()
    };
    let db =
        |sound: &[f32]| 10.0 * sound.iter().map(|sample| f64::from(sample * sample)).sum::<f64>().log10();
    let levels = |metres: f32| {
        let direct = heard(metres, None);
        let of_room = |levels_db| {
            let all = heard(metres, Some(levels_db));
            db(&all.iter().zip(&direct).map(|(all, direct)| all - direct).collect::<Vec<_>>())
        };
        [db(&direct), of_room([0.0, -120.0]), of_room([-120.0, 0.0])]
    };
    let near = levels(1.0);
    for (metres, doublings) in [(2.0, 1.0), (4.0, 2.0), (8.0, 3.0), (64.0, 6.0)] {
        let far = levels(metres);
        let [direct, reflections, reverb]: [f64; 3] = std::array::from_fn(|part| far[part] - near[part]);
        println!(
            "{metres} m: direct {direct:.2} dB, reflections {reflections:.2} dB, reverberation {reverb:.2} dB"
        );
        assert!((direct + 6.02 * doublings).abs() < 0.1, "{metres} m: {direct} dB");
        assert!((reflections + 6.02 * doublings).abs() < 0.1, "{metres} m: {reflections} dB");
        assert!(reverb.abs() < 0.5, "{metres} m: {reverb} dB");
    }
}

#[test]
fn rooms_come_change_and_go_without_a_step() {
    let tone = |channel: usize, frame: usize| {
        if channel < 2 { 0.1 * (frame as f32 * 0.02).sin() } else { 0.0 }
    };
    let mut desk = desk(routing(None));
    let mut planes = vec![Vec::new(); 2];
    for room in [None, Some(studio()), Some(Shoebox::default()), None, Some(studio())] {
        desk.control.send(desk.control.plan(&routing(room)).unwrap()).unwrap();
        // What is played begins at frame 0 each time; 0.02 · 31,416 is a hundred turns.
        let sound = desk.play(31_416, &Cuts::Each(300), &[], tone);
        assert!(peak(&sound[0]) < 1.0);
        planes.iter_mut().zip(&sound[0]).for_each(|(all, part)| all.extend_from_slice(part));
        desk.worker.poll();
    }
    for plane in &planes {
        let bend =
            |part: &[f32]| part.windows(3).fold(0.0f32, |most, w| most.max((w[2] - 2.0 * w[1] + w[0]).abs()));
        // The tone's own is 0.0004 where it is at its loudest.
        assert!(bend(&plane[10_000..]) < 0.001, "bends by {}", bend(&plane[10_000..]));
    }
}

#[test]
fn a_tail_that_ends_within_a_block_gives_the_same_field_however_calls_are_cut() {
    let mut all = routing(Some(Shoebox { decay_s: Some([0.1; 3]), ..studio() }));
    all.space_output = SpaceOutput::AmbiX(1);
    let burst = |channel: usize, frame: usize| if frame < 700 { noise(channel, frame) } else { 0.0 };
    let layout = Layout { main_input: 2, sidechain: 2, outputs: vec![2; 16] };
    let run = |cuts: &Cuts| {
        let setup = Setup { routing: all.clone(), ..Setup::default() };
        bits(&Desk::new(layout.clone(), &setup).play(96_000, cuts, &[], burst))
    };
    let whole = run(&Cuts::Each(4096));
    for cuts in [Cuts::Each(64), Cuts::Each(100), Cuts::Random(5)] {
        assert!(run(&cuts) == whole);
    }
}
