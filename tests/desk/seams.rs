//! Routes that change while something sounds.

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
use busker::mixer::BUSES;
use busker::mixer::Bus;
use busker::mixer::Connection;
use busker::mixer::MixPolicy;
use busker::mixer::Route;
use busker::mixer::Routing;
use busker::mixer::SideSource;
use busker::mixer::SongBy;

/// What is played before the routes change, and after that.
const BEFORE: usize = 500;
const AFTER: usize = 3 * RAMP;

/// Level of what arrives; cut off, it would be a step as large.
const TONE: f32 = 0.2;

fn tone(_channel: usize, _frame: usize) -> f32 {
    TONE
}

fn largest_step(sound: &Sound) -> f32 {
    let steps =
        sound.iter().flatten().flat_map(|plane| plane.windows(2).map(|pair| (pair[1] - pair[0]).abs()));
    steps.fold(0.0, f32::max)
}

fn silence(_channel: usize, _frame: usize) -> f32 {
    0.0
}

fn append(sound: &mut Sound, more: Sound) {
    sound.iter_mut().flatten().zip(more.iter().flatten()).for_each(|(all, one)| all.extend_from_slice(one));
}

/// Plays through a change of routes.
fn changed(mut desk: Desk, to: &Routing, cuts: &Cuts, input: fn(usize, usize) -> f32) -> Sound {
    let mut sound = desk.play(BEFORE, cuts, &[], input);
    desk.control.send(desk.control.plan(to).unwrap()).unwrap();
    append(&mut sound, desk.play(AFTER, cuts, &[], input));
    assert!(desk.worker.poll());
    sound
}

/// How much of what goes to nothing, and then comes from there, is heard on a frame.
fn dip(frame: usize) -> f32 {
    let turn = |frames: usize| (frames + 1) as f32 / RAMP as f32;
    match frame {
        ..BEFORE => 1.0,
        frame if frame < BEFORE + RAMP => 1.0 - turn(frame - BEFORE),
        frame => turn(frame - BEFORE - RAMP).min(1.0),
    }
}

/// The part of it that leaves, or the part that comes.
fn gone(frame: usize) -> f32 {
    if frame < BEFORE + RAMP { dip(frame) } else { 0.0 }
}

fn come(frame: usize) -> f32 {
    if frame < BEFORE + RAMP { 0.0 } else { dip(frame) }
}

fn assert_follows(what: &str, plane: &[f32], level: impl Fn(usize) -> f32) {
    assert_eq!(plane.len(), BEFORE + AFTER);
    for (frame, &sample) in plane.iter().enumerate() {
        let wanted = level(frame);
        assert!((sample - wanted).abs() < 1e-6, "{what}, frame {frame}: {sample}, not {wanted}");
    }
}

fn bus(to: impl IntoIterator<Item = Route>) -> Bus {
    Bus { to: to.into_iter().map(Connection::from).collect(), ..Bus::default() }
}

/// The default routing with another bus 1.
fn first(bus: Bus) -> Routing {
    let mut routing = Routing::default();
    routing.buses[0] = bus;
    routing
}

#[test]
fn a_way_that_goes_and_one_that_comes_take_a_ramp_each_without_a_step() {
    let new = || Desk::new(insert(2), &Setup::default());
    let (main, aux) = (Route::Master, Route::Output(1));
    let other = Routing { input: Some(4), ..Routing::default() };
    type Level = fn(usize) -> f32;
    let cases: [(&str, Routing, [Level; 2]); 6] = [
        ("removed", first(bus([])), [gone, |_| 0.0]),
        ("to another bus", first(bus([Route::Bus(3)])), [dip, |_| 0.0]),
        ("to another output", first(bus([aux])), [gone, come]),
        ("the input on another bus", other, [dip, |_| 0.0]),
        ("on an output too", first(bus([main, aux])), [|_| 1.0, |frame| come(frame + RAMP)]),
        ("nowhere else", Routing::default(), [|_| 1.0, |_| 0.0]),
    ];
    for (what, to, levels) in cases {
        for cuts in [Cuts::Each(8192), Cuts::Each(1), Cuts::Random(7)] {
            let sound = changed(new(), &to, &cuts, tone);
            for (output, level) in sound.iter().zip(levels) {
                output.iter().for_each(|plane| assert_follows(what, plane, |frame| TONE * level(frame)));
            }
            assert!(largest_step(&sound) < 0.001, "{what}");
        }
    }
}

#[test]
fn another_width_or_policy_is_another_way_where_it_does_something_else() {
    let mixed = |mix| {
        first(Bus {
            to: vec![Route::Master.into(), Connection { mix, ..Route::Output(1).into() }],
            ..Bus::default()
        })
    };
    let on_aux = |channels: usize, to: Option<MixPolicy>| {
        let desk = Desk::new(insert(channels), &Setup { routing: mixed(None), ..Setup::default() });
        changed(desk, &mixed(to), &Cuts::Random(2), tone).swap_remove(1).swap_remove(0)
    };
    assert_follows("the same for stereo", &on_aux(2, Some(MixPolicy::Truncate)), |_| TONE);
    let folded = TONE * (1.0 + 2.0 * std::f32::consts::FRAC_1_SQRT_2);
    assert_follows("the same for six", &on_aux(6, Some(MixPolicy::Downmix)), |_| folded);
    let cut = |frame| gone(frame) * folded + come(frame) * TONE;
    assert_follows("cut off", &on_aux(6, Some(MixPolicy::Truncate)), cut);
    let desk = Desk::new(insert(2), &Setup::default());
    let mono = first(Bus { channels: Some(1), ..Bus::default() });
    // What comes in and what goes out are ways of another width, one after the other.
    assert_follows("mono", &changed(desk, &mono, &Cuts::Random(3), tone)[0][0], |frame| {
        TONE * dip(frame).powi(2)
    });
}

/// The song with channels 10 to 12 or instrument 10 apart: all else, and those alone.
fn parts(by: SongBy) -> [Vec<Vec<f32>>; 2] {
    let mut routing = moved(by);
    routing.buses[7].to = vec![Route::Output(1).into()];
    let mut desk = Desk::new(instrument(), &demo(routing));
    let mut sound = desk.play(BEFORE + AFTER, &Cuts::Each(512), &[], silence);
    let own = sound.swap_remove(1);
    [sound.swap_remove(0), own]
}

fn moved(by: SongBy) -> Routing {
    let mut routing = Routing { song_by: by, ..Routing::default() };
    routing.song_channels[9..12].fill(Some(7));
    routing.instruments[9] = Some(7);
    routing
}

#[test]
fn song_channels_and_instruments_that_change_their_bus_dip_and_leave_the_rest_alone() {
    for by in [SongBy::Channel, SongBy::Instrument] {
        let [rest, own] = parts(by);
        assert!(peak(&rest) > 0.01 && peak(&own) > 0.01, "{by:?}");
        let desk = Desk::new(instrument(), &demo(Routing { song_by: by, ..Routing::default() }));
        let sound = changed(desk, &moved(by), &Cuts::Random(5), silence);
        for side in 0..2 {
            let wanted = |frame: usize| rest[side][frame] + dip(frame) * own[side][frame];
            assert_follows(&format!("{by:?}"), &sound[0][side], wanted);
        }
    }
}

#[test]
fn what_tells_notes_apart_may_change_without_a_dip_of_what_stays_on_its_bus() {
    let play = |routing| {
        Desk::new(instrument(), &demo(routing)).play(BEFORE + AFTER, &Cuts::Each(512), &[], silence)
    };
    let plain = play(Routing::default());
    let [rest, own] = parts(SongBy::Instrument);
    let to = |by| Routing { song_by: by, ..Routing::default() };
    for (from, to, levels) in [
        // All on bus 1 before and after.
        (to(SongBy::Channel), to(SongBy::Instrument), [None, None]),
        (to(SongBy::Instrument), to(SongBy::Channel), [None, None]),
        // Instrument 10 goes to another bus, or comes from there.
        (to(SongBy::Channel), moved(SongBy::Instrument), [Some(&rest), Some(&own)]),
        (moved(SongBy::Instrument), to(SongBy::Channel), [Some(&rest), Some(&own)]),
    ] {
        for cuts in [Cuts::Each(8192), Cuts::Random(6)] {
            let sound = changed(Desk::new(instrument(), &demo(from.clone())), &to, &cuts, silence);
            for side in 0..2 {
                assert_follows("change", &sound[0][side], |frame| match levels {
                    [Some(rest), Some(own)] => rest[side][frame] + dip(frame) * own[side][frame],
                    _ => plain[0][side][frame],
                });
            }
        }
    }
}

#[test]
fn another_sidechain_does_not_step_however_fast_the_attack_is() {
    let mut setup = Setup::default();
    setup.routing.buses[0].side = Some(SideSource::Input(2));
    let changes = [
        (0, Target::DuckAmount(0), 100.0),
        (0, Target::DuckAttack(0), 0.1),
        (0, Target::DuckRelease(0), 10.0),
    ];
    // Input 3 is silent, input 4 as loud as can be.
    let input = |channel: usize, _frame: usize| [TONE, TONE, 0.0, 1.0][channel.min(3)];
    let play = |cuts: &Cuts| {
        let mut desk = Desk::new(insert(2), &setup);
        let mut sound = desk.play(BEFORE, cuts, &changes, input);
        // Turned down within half a ramp, where another sidechain comes.
        let (short, long) = (RAMP / 2, 20 * RAMP);
        for (turn, frames) in [(3, short), (2, short), (3, long), (2, long), (3, long), (9, long)] {
            let mut to = setup.routing.clone();
            to.buses[0].side = (turn < 9).then_some(SideSource::Input(turn));
            desk.control.send(desk.control.plan(&to).unwrap()).unwrap();
            append(&mut sound, desk.play(frames, cuts, &[], input));
            assert!(desk.worker.poll());
        }
        sound
    };
    let sound = play(&Cuts::Each(8192));
    let main = &sound[0][0];
    assert_eq!(main[BEFORE - 1], TONE);
    let ends = [1, 2, 3, 4].map(|turn| main[BEFORE + RAMP + turn * 20 * RAMP - 1] / TONE);
    assert!(ends[0] < 0.001 && ends[1] > 0.5 && ends[2] < 0.001 && ends[3] > 0.5, "{ends:?}");
    // A ramp's own step, and what the attack adds at its end.
    assert!(largest_step(&sound) < 2.0 * TONE / RAMP as f32, "{}", largest_step(&sound));
    for cuts in [Cuts::Each(1), Cuts::Random(3)] {
        assert!(play(&cuts) == sound);
    }
}

#[test]
fn of_plans_that_come_while_another_does_the_newest_stays_and_nothing_steps() {
    for gap in [1, 100, RAMP, RAMP + 100] {
        let mut desk = Desk::new(insert(2), &Setup::default());
        let mut sound = desk.play(BEFORE, &Cuts::Random(1), &[], tone);
        for turn in 0..40 {
            let to = [Route::Bus(3), Route::Output(1), Route::Master][turn % 3];
            desk.control.send(desk.control.plan(&first(bus([to]))).unwrap()).unwrap();
            append(&mut sound, desk.play(gap, &Cuts::Random(turn as u64), &[], tone));
            assert!(desk.worker.poll());
        }
        desk.control.send(desk.control.plan(&first(bus([Route::Output(4)]))).unwrap()).unwrap();
        append(&mut sound, desk.play(4 * RAMP, &Cuts::Random(2), &[], tone));
        let last: Vec<f32> = sound.iter().map(|output| *output[0].last().unwrap()).collect();
        assert_eq!(last, [0.0, 0.0, 0.0, 0.0, TONE, 0.0, 0.0], "{gap}");
        assert!(largest_step(&sound) < 0.001, "{gap}");
    }
}

/// Any routes: buses go on to later ones, to the master, to outputs or nowhere.
fn any(dice: &mut Dice) -> Routing {
    let mut routing = Routing::default();
    if dice.roll(3) == 0 {
        routing.song_by = SongBy::Instrument;
    }
    for place in routing.song_channels.iter_mut().chain(&mut routing.instruments) {
        *place = if dice.roll(4) == 0 { Some(dice.roll(BUSES + 1)) } else { Some(0) };
    }
    for number in 0..BUSES {
        let to = match dice.roll(5) {
            0 if number + 1 < BUSES => Route::Bus(number + 1 + dice.roll(BUSES - 1 - number)),
            1 => Route::Output(dice.roll(3)),
            _ => Route::Master,
        };
        routing.buses[number] = Bus { channels: Some(1 + dice.roll(3)), ..bus([to]) };
    }
    routing
}

#[test]
fn routes_that_change_at_any_time_give_the_same_bits_however_calls_are_cut() {
    let render = |cuts: fn(u64) -> Cuts| {
        let mut dice = Dice(11);
        let mut desk = Desk::new(instrument(), &demo(Routing::default()));
        let mut sound: Sound = vec![vec![Vec::new(); 2]; 16];
        for turn in 0..40 {
            let frames = if dice.roll(2) == 0 { 1 + dice.roll(300) } else { 1 + dice.roll(3000) };
            append(&mut sound, desk.play(frames, &cuts(turn), &[], silence));
            desk.control.send(desk.control.plan(&any(&mut dice)).unwrap()).unwrap();
            desk.worker.poll();
        }
        sound
    };
    let whole = render(|_| Cuts::Each(8192));
    assert!((0..3).all(|output| peak(&whole[output]) > 0.01));
    for cuts in [|_| Cuts::Each(1), |turn| Cuts::Random(turn), |turn| Cuts::Random(100 + turn)] {
        assert!(render(cuts) == whole);
    }
}
