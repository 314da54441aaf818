//! A song in space: each of its notes stands where its panning says.

use crate::stage::Change;
use crate::stage::Cuts;
use crate::stage::Desk;
use crate::stage::Dice;
use crate::stage::RAMP;
use crate::stage::Sound;
use crate::stage::demo;
use crate::stage::instrument;
use crate::stage::peak;
use busker::engine::InstrumentSetup;
use busker::engine::Setup;
use busker::engine::Target;
use busker::machine::InstrumentKind;
use busker::mixer::BusSpace;
use busker::mixer::RoomAround;
use busker::mixer::Routing;
use busker::mixer::SongBy;
use busker::mixer::SongPlace;
use busker::mixer::SongSpace;
use busker::mixer::SpaceOutput;
use busker::sample::SampleData;
use busker::tracker::song::Cell;
use busker::tracker::song::ChannelSetup;
use busker::tracker::song::Loop;
use busker::tracker::song::Note;
use busker::tracker::song::Order;
use busker::tracker::song::Pattern;
use busker::tracker::song::Sample;
use std::f64::consts::FRAC_1_SQRT_2;
use std::f64::consts::TAU;
use std::sync::Arc;

/// Impulse Tracker's effects: S91 and S90 turn surround on and off, Xxx pans.
const S: u8 = 19;
const X: u8 = 24;
/// Sync of the module's own clock from the first frame on, for `Target::Sync`.
const FREE: f32 = 3.0;
/// Frames of a tick at 125 BPM, and of a row at speed 2.
const TICK: usize = 960;
const ROW: usize = 2 * TICK;

/// How loud a note in the centre is on each side: 12 dB below full scale.
const LEVEL: f64 = 0.25;

/// A setup of a made-up song of Impulse Tracker: a channel for each panning, 300 is surround, and cells of
/// its rows. Sample 1 holds full scale, sample 2 does so on the left and half of that on the right, sample 3 is a square wave.
fn setup(pannings: &[u16], cells: &[(usize, usize, Cell)], routing: Routing) -> Setup {
    let base = demo(routing);
    let mut song = busker::tracker::Song::clone(base.song.as_ref().unwrap());
    let channel = |panning: &u16| ChannelSetup {
        panning: if *panning == 300 { 128 } else { *panning },
        surround: *panning == 300,
        ..ChannelSetup::centred()
    };
    song.channels = pannings.iter().map(channel).collect();
    song.orders = vec![Order::Pattern(0)];
    let rows = 32;
    let mut pattern = Pattern { cells: vec![Cell::default(); rows * pannings.len()], rows: rows as u16 };
    for &(row, channel, cell) in cells {
        pattern.cells[row * pannings.len() + channel] = cell;
    }
    (song.patterns, song.instruments) = (vec![pattern], Vec::new());
    (song.initial_speed, song.initial_tempo, song.initial_global_volume) = (2, 125, 128);
    (song.mix_volume, song.separation) = (48, 128);
    let full = || vec![i16::MAX; 64].into_boxed_slice();
    let sample = |data| Sample {
        sample_loop: Some(Loop { start: 0, end: 64, ping_pong: false }),
        ..Sample::plain(data)
    };
    let half = vec![i16::MAX / 2; 64].into();
    let square = (0..64).map(|n| if n / 8 % 2 == 0 { 16_000 } else { -16_000 }).collect();
    song.samples = vec![
        sample(SampleData::Mono16(full())),
        sample(SampleData::Stereo16([full(), half])),
        sample(SampleData::Mono16(square)),
    ];
    Setup { song: Some(Arc::new(song)), trim: busker::units::Gain::UNITY, snapshots: None, ..base }
}

fn note(sample: u8) -> Cell {
    Cell { note: Note::Key(60), instrument: sample, ..Cell::default() }
}

fn effect(effect: u8, parameter: u8) -> Cell {
    Cell { effect, parameter, ..Cell::default() }
}

fn in_space(space: SongSpace) -> Routing {
    Routing { song_space: Some(space), space_output: SpaceOutput::AmbiX(3), ..Routing::default() }
}

fn arc(degrees: f32) -> SongSpace {
    SongSpace { arc: degrees, ..SongSpace::default() }
}

/// Plays a setup from the song's first frame on.
fn played(setup: &Setup, frames: usize, cuts: &Cuts, changes: &[Change]) -> Sound {
    let desk = Desk::new(instrument(), setup);
    free(desk).play(frames, cuts, changes, |_, _| 0.0)
}

fn free(desk: Desk) -> Desk {
    desk.set(Target::Sync, FREE);
    desk
}

/// The sixteen channels of the field on a frame.
fn field(sound: &Sound, frame: usize) -> Vec<f64> {
    sound[8..].iter().flatten().map(|plane| f64::from(plane[frame])).collect()
}

/// What a plane wave of `level` from so many degrees to the right weighs at ear height, by multiples of its angle.
fn wave(azimuth: f64, level: f64) -> Vec<f64> {
    let angle = -azimuth.to_radians();
    let (sin, cos) = (|n: f64| (n * angle).sin(), |n: f64| (n * angle).cos());
    let (second, third, first) = (0.75f64.sqrt(), 0.625f64.sqrt(), 0.375f64.sqrt());
    let weights = [
        1.0,
        sin(1.0),
        0.0,
        cos(1.0),
        second * sin(2.0),
        0.0,
        -0.5,
        0.0,
        second * cos(2.0),
        third * sin(3.0),
        0.0,
        -first * sin(1.0),
        0.0,
        -first * cos(1.0),
        0.0,
        third * cos(3.0),
    ];
    weights.iter().map(|weight| weight * level).collect()
}

fn apart(found: &[f64], wanted: &[f64]) -> f64 {
    assert_eq!((found.len(), wanted.len()), (16, 16));
    found.iter().zip(wanted).map(|(found, wanted)| (found - wanted).abs()).fold(0.0, f64::max)
}

/// The farthest that any channel of the field is from the closed form where a song plays one note of each panning by
/// itself; `angle` says where a panning from -1 to 1, in front or behind, is meant to be.
fn off(space: &SongSpace, angle: impl Fn(f64, bool) -> f64) -> f64 {
    let mut worst = 0.0f64;
    for panning in [0, 32, 128, 200, 256, 300] {
        let sound = played(
            &setup(&[panning], &[(0, 0, note(1))], in_space(space.clone())),
            4000,
            &Cuts::Each(512),
            &[],
        );
        let behind = panning == 300;
        let part = if behind { 0.0 } else { f64::from(panning) / 128.0 - 1.0 };
        worst = worst.max(apart(&field(&sound, 3999), &wave(angle(part, behind), LEVEL)));
    }
    worst
}

#[test]
fn notes_stand_on_the_arc_by_their_panning_and_surround_behind_to_the_closed_form() {
    for (degrees, middle) in [(180.0f64, 0.0f64), (360.0, 0.0), (60.0, 0.0), (90.0, -30.0)] {
        let space = SongSpace { azimuth: middle as f32, ..arc(degrees as f32) };
        let mirrored = |part: f64, behind: bool| {
            let own = middle + part * degrees / 2.0;
            if behind { 180.0 - own } else { own }
        };
        let found = off(&space, mirrored);
        // Full scale of 16 bits and the weights of the sinc are within 1e-4 of 1.
        assert!(found < 1e-4 * LEVEL, "an arc of {degrees} around {middle} is off by {found}");
        // Sides the wrong way round, surround in front and an arc a little wider would be seen.
        assert!(off(&space, |part, behind| mirrored(-part, behind)) > 0.05);
        assert!(off(&space, |part, _| mirrored(part, false)) > 0.05);
        assert!(off(&space, |part, behind| mirrored(part * 1.01, behind)) > 0.001);
    }
}

#[test]
fn parameters_move_the_whole_song_and_draw_its_arc() {
    for panning in [0, 64, 256, 300] {
        let behind = panning == 300;
        let part = if behind { 0.0 } else { f64::from(panning) / 128.0 - 1.0 };
        let mirrored = |own: f64| if behind { 180.0 - own } else { own };
        let routing = in_space(SongSpace { azimuth: 20.0, distance: 0.5, ..arc(90.0) });
        let changes = [
            (0, Target::SongArc, 150.0),
            (0, Target::SongAzimuth, 30.0),
            (0, Target::SongDistance, 8.0),
            (10_000, Target::SongAzimuth, -170.0),
            (10_000, Target::SongDistance, 2.0),
            (10_000, Target::SongArc, 50.0),
        ];
        let sound =
            played(&setup(&[panning], &[(0, 0, note(1))], routing), 30_000, &Cuts::Each(512), &changes);
        let at = |frame, angle, level| apart(&field(&sound, frame), &wave(angle, level));
        let first = mirrored(50.0 + part * 67.5);
        assert!(at(5000, first, LEVEL / 4.0) < 1e-4 && at(9_999, first, LEVEL / 4.0) < 1e-4, "{panning}");
        assert!(at(29_999, mirrored(-150.0 + part * 22.5), LEVEL) < 1e-4, "{panning}");
        let planes = || sound[8..].iter().flatten().map(|plane| &plane[5000..]);
        let most = planes().map(bend).fold(0.0, f32::max);
        assert!(most < 1e-4 && most > 1e-7, "bends by {most}");
    }
}

#[test]
fn a_note_in_the_centre_is_the_same_to_both_ears_and_as_loud_as_without_space() {
    let routing = |space| Routing { space_output: SpaceOutput::Binaural, ..space };
    let cells = [(0, 0, note(1))];
    let heard = |routing| played(&setup(&[128], &cells, routing), 9600, &Cuts::Each(480), &[]);
    let space = heard(routing(in_space(arc(180.0))));
    assert!(space[0][0] == space[0][1] && peak(&space[0]) > 0.1);
    let flat = heard(Routing::default());
    assert_eq!((flat[0][0][5000], flat[0][1][5000]), (flat[0][1][5000], flat[0][0][5000]));
    assert!((f64::from(flat[0][0][5000]) - LEVEL).abs() < 1e-4);
    let square = setup(&[256], &[(0, 0, note(3))], routing(in_space(arc(180.0))));
    let side = played(&square, 9600, &Cuts::Each(480), &[]);
    let energy = |plane: &[f32]| plane.iter().map(|sample| sample.powi(2)).sum::<f32>();
    let (left, right) = (energy(&side[0][0]), energy(&side[0][1]));
    assert!(right > 2.0 * left, "a note on the right is heard on the right: {left}, {right}");
}

#[test]
fn two_planes_of_a_sample_stand_at_two_points_three_decibels_down() {
    let space = SongSpace { width: 80.0, ..arc(180.0) };
    let sound = played(&setup(&[192], &[(0, 0, note(2))], in_space(space)), 4000, &Cuts::Each(512), &[]);
    let level = LEVEL * FRAC_1_SQRT_2;
    let (left, right) = (wave(45.0 - 40.0, level), wave(45.0 + 40.0, level / 2.0));
    let wanted: Vec<f64> = left.iter().zip(right).map(|(left, right)| left + right).collect();
    assert!(apart(&field(&sound, 3999), &wanted) < 1e-4 * LEVEL);
}

#[test]
fn strips_act_on_channels_in_space_and_pan_shifts_them_along_the_arc() {
    let cells = [(0, 0, note(1))];
    let heard = |panning: u16, changes: &[Change]| {
        field(
            &played(&setup(&[panning], &cells, in_space(arc(120.0))), 9000, &Cuts::Each(512), changes),
            8999,
        )
    };
    let pan = |pan: f32| [(3000, Target::ChannelPan(0), pan)];
    for (panning, shift, azimuth) in
        [(128, 1.0, 60.0), (128, -0.5, -30.0), (256, -1.0, 0.0), (256, 0.5, 60.0)]
    {
        assert!(apart(&heard(panning, &pan(shift)), &wave(azimuth, LEVEL)) < 1e-4, "{panning} by {shift}");
    }
    let softer = heard(0, &[(3000, Target::ChannelGain(0), -6.0)]);
    assert!(apart(&softer, &wave(-60.0, LEVEL * 10f64.powf(-0.3))) < 1e-4);
    let song = heard(0, &[(3000, Target::SongGain, -6.0)]);
    assert!(apart(&song, &wave(-60.0, LEVEL * 10f64.powf(-0.3))) < 1e-4);
    for silent in [Target::ChannelMute(0), Target::ChannelSolo(5), Target::StripSolo(3)] {
        assert!(apart(&heard(0, &[(3000, silent, 1.0)]), &wave(0.0, 0.0)) == 0.0, "{silent:?}");
    }
    let narrow = heard(0, &[(3000, Target::Separation, 50.0)]);
    assert!(apart(&narrow, &wave(-30.0, LEVEL)) < 1e-4);
}

#[test]
fn single_channels_have_places_of_their_own_and_others_stay_on_their_buses() {
    let cells = [(0, 0, note(1)), (0, 1, note(1)), (0, 2, note(1))];
    let mut routing = in_space(SongSpace { except: vec![1, 2], ..arc(180.0) });
    routing.song_places[2] =
        Some(SongPlace { azimuth: Some(-120.0), distance: Some(2.0), ..SongPlace::default() });
    routing.song_channels[1] = Some(3);
    let all = |routing: &Routing| {
        played(&setup(&[256, 0, 0], &cells, routing.clone()), 4000, &Cuts::Each(512), &[])
    };
    let sound = all(&routing);
    let crowd: Vec<f64> =
        wave(90.0, LEVEL).iter().zip(wave(-120.0, LEVEL / 2.0)).map(|(a, b)| a + b).collect();
    assert!(apart(&field(&sound, 3999), &crowd) < 1e-4);
    // The second one is on the left of its bus, which goes to the master.
    assert!((f64::from(sound[0][0][3999]) - 2.0 * LEVEL).abs() < 1e-3 && peak(&sound[0][1..]) == 0.0);
    routing.song_space = None;
    let alone = all(&routing);
    assert!(apart(&field(&alone, 3999), &wave(-120.0, LEVEL / 2.0)) < 1e-4);
    routing.song_by = SongBy::Instrument;
    assert!(field(&all(&routing), 3999) == field(&alone, 3999));
}

/// Rows on which what sounds is panned from end to end and behind, and back.
fn jumps() -> Vec<(usize, usize, Cell)> {
    let places =
        [effect(X, 255), effect(X, 0), effect(S, 0x91), effect(X, 128), effect(S, 0x91), effect(X, 0)];
    let moves = (0..24).map(|row| (4 + row, 0, places[row % places.len()]));
    [(0, 0, note(1))].into_iter().chain(moves).collect()
}

fn bend(plane: &[f32]) -> f32 {
    plane.windows(3).fold(0.0f32, |most, w| most.max((w[2] - 2.0 * w[1] + w[0]).abs()))
}

#[test]
fn panning_that_jumps_leaves_no_edge_in_the_field() {
    let sound = played(&setup(&[128], &jumps(), in_space(arc(180.0))), 30 * ROW, &Cuts::Each(512), &[]);
    let mut moved = 0;
    for plane in sound[8..].iter().flatten() {
        // The note has begun.
        let plane = &plane[ROW..];
        let (least, most) = plane.iter().fold((f32::MAX, f32::MIN), |(a, b), x| (a.min(*x), b.max(*x)));
        moved += usize::from(most - least > 0.1);
        assert!(bend(plane) < 1e-4, "bends by {}", bend(plane));
    }
    assert!(moved > 4, "{moved} channels move");
}

#[test]
fn space_comes_and_goes_around_a_song_that_plays_without_an_edge() {
    let mut drums = Routing { space_output: SpaceOutput::Stereo, ..Routing::default() };
    drums.buses[4].space = Some(BusSpace::default());
    let wide = Routing { space_output: SpaceOutput::Stereo, ..in_space(arc(180.0)) };
    let narrow = Routing { song_space: Some(arc(20.0)), ..wide.clone() };
    let both = Routing { song_space: Some(arc(90.0)), ..drums.clone() };
    let order = [&wide, &Routing::default(), &wide, &narrow, &narrow, &both, &drums, &both, &wide];
    let cells = [(0, 0, note(1))];
    // Full scale but for 2 dB is 0.2 on each side, as in other tests of seams.
    let changes = [(0, Target::ChannelGain(0), -2.0)];
    let run = |cuts: &Cuts| {
        // Off the middle, so that it stands elsewhere on each arc.
        let mut desk = free(Desk::new(instrument(), &setup(&[64], &cells, Routing::default())));
        let mut planes = desk.play(5000, cuts, &changes, |_, _| 0.0).swap_remove(0);
        for routing in order {
            desk.control.send(desk.control.plan(routing).unwrap()).unwrap();
            let more = desk.play(3 * RAMP + 77, cuts, &[], |_, _| 0.0).swap_remove(0);
            planes.iter_mut().zip(more).for_each(|(all, part)| all.extend(part));
            desk.worker.poll();
        }
        planes
    };
    let planes = run(&Cuts::Each(500));
    for plane in &planes {
        assert!(bend(&plane[1000..]) < 1e-4, "bends by {}", bend(&plane[1000..]));
        let quiet = plane[5000..].iter().filter(|sample| sample.abs() < 0.001).count();
        assert!(quiet > 10, "nothing went elsewhere");
        assert!(plane[plane.len() - 1].abs() > 0.01);
    }
    for cuts in [Cuts::Each(64), Cuts::Random(5)] {
        assert!(run(&cuts) == planes);
    }
}

#[test]
fn what_stays_in_space_sounds_on_to_the_same_bits_when_other_routes_change() {
    let cells = [(0, 0, note(1)), (0, 1, note(1))];
    let start = in_space(SongSpace { except: vec![1], ..arc(180.0) });
    let mut other = start.clone();
    (other.song_channels[1], other.song_by) = (Some(3), SongBy::Instrument);
    let run = |change: bool| {
        let mut desk = free(Desk::new(instrument(), &setup(&[64, 0], &cells, start.clone())));
        let mut sound = desk.play(3000, &Cuts::Each(500), &[], |_, _| 0.0);
        if change {
            desk.control.send(desk.control.plan(&other).unwrap()).unwrap();
        }
        let more = desk.play(3000, &Cuts::Each(500), &[], |_, _| 0.0);
        sound.iter_mut().flatten().zip(more.into_iter().flatten()).for_each(|(all, part)| all.extend(part));
        sound
    };
    let (with, without) = (run(true), run(false));
    assert!(with[8..] == without[8..] && with[0][0].len() == 6000);
}

#[test]
fn a_channels_parameters_turn_it_alone_and_take_it_away() {
    let cells = [(0, 0, note(1)), (0, 1, note(1))];
    let heard = |muted: usize, changes: &[Change]| {
        let changes: Vec<_> = changes.iter().copied().chain([(0, Target::ChannelMute(muted), 1.0)]).collect();
        let sound =
            played(&setup(&[128, 128], &cells, in_space(arc(180.0))), 9000, &Cuts::Each(512), &changes);
        field(&sound, 8000)
    };
    let moved = [(0, Target::ChannelAzimuth(0), -60.0), (0, Target::ChannelDistance(0), 4.0)];
    let (still, away, other) = (heard(1, &[]), heard(1, &moved), heard(0, &moved));
    let level = still[0];
    assert!(level > 0.05 && apart(&still, &wave(0.0, level)) < 1e-5);
    assert!(apart(&away, &wave(-60.0, level / 4.0)) < 1e-5, "{away:?}");
    assert!(apart(&other, &still) < 1e-6);
    // On the way there it goes in no steps.
    let late = [(5000, Target::ChannelAzimuth(0), 120.0)];
    let sound = played(&setup(&[128], &cells[..1], in_space(arc(180.0))), 30_000, &Cuts::Each(512), &late);
    let found = field(&sound, 29_000);
    assert!(apart(&found, &wave(120.0, found[0])) < 1e-5 && found[0] > 0.05, "{found:?}");
    assert!(sound[8..].iter().flatten().all(|plane| bend(&plane[ROW..]) < 3e-4));
}

#[test]
fn a_song_that_comes_into_space_stands_at_once_where_parameters_say() {
    let mut desk = free(Desk::new(instrument(), &setup(&[128], &[(0, 0, note(1))], Routing::default())));
    desk.play(5000, &Cuts::Each(500), &[], |_, _| 0.0);
    desk.set(Target::SongAzimuth, 90.0);
    desk.set(Target::ChannelElevation(0), 0.0);
    desk.control.send(desk.control.plan(&in_space(arc(180.0))).unwrap()).unwrap();
    let sound = desk.play(3000, &Cuts::Each(500), &[], |_, _| 0.0);
    let mut heard = 0;
    for frame in 0..3000 {
        let found = field(&sound, frame);
        if found[0].abs() > 1e-3 {
            heard += 1;
            assert!(apart(&found, &wave(90.0, found[0])) < 1e-5, "frame {frame}: {found:?}");
        }
    }
    assert!(heard > 2000);
}

#[test]
fn a_song_in_space_gives_the_same_bits_however_calls_are_cut() {
    let mut dice = Dice(17);
    let mut changes: Vec<Change> = (0..60)
        .map(|n| {
            let (target, value) = match n % 10 {
                0 => (Target::ChannelPan(dice.roll(14)), dice.part() * 2.0 - 1.0),
                1 => (Target::ChannelGain(dice.roll(14)), dice.part() * -20.0),
                2 => (Target::HeadYaw, dice.part() * 360.0 - 180.0),
                3 => (Target::ChannelMute(dice.roll(14)), (n / 8 % 2) as f32),
                4 => (Target::SongAzimuth, dice.part() * 360.0 - 180.0),
                5 => (Target::SongArc, dice.part() * 200.0),
                6 => (Target::SongDistance, 0.1 + dice.part() * 5.0),
                7 => (Target::ChannelAzimuth(dice.roll(14)), dice.part() * 360.0 - 180.0),
                8 => (Target::ChannelDistance(dice.roll(14)), 0.2 + dice.part() * 3.0),
                _ => (Target::SongGain, dice.part() * -12.0),
            };
            (dice.roll(40_000), target, value)
        })
        .collect();
    changes.sort_by_key(|change| change.0);
    let near = SongSpace { distance: 0.4, near_field: true, occlusion: 0.3, ..arc(200.0) };
    let mut routing = in_space(SongSpace { elevation: 15.0, spread: 20.0, ..near });
    let hidden = SongPlace { occlusion: Some(0.6), ..SongPlace::default() };
    routing.song_places[6] = Some(SongPlace { azimuth: Some(150.0), ..hidden });
    (routing.room, routing.space_output) = (Some(RoomAround::default()), SpaceOutput::Binaural);
    let others =
        [Routing { song_space: Some(arc(50.0)), ..routing.clone() }, Routing::default(), routing.clone()];
    let run = |setup: &Setup, cuts: &Cuts, is_free: bool| {
        let mut desk = Desk::new(instrument(), setup);
        if is_free {
            desk = free(desk);
        }
        let mut sound = desk.play(40_000, cuts, &changes, |_, _| 0.0);
        for routing in &others {
            desk.control.send(desk.control.plan(routing).unwrap()).unwrap();
            let more = desk.play(5_000, cuts, &[], |_, _| 0.0);
            sound
                .iter_mut()
                .flatten()
                .zip(more.into_iter().flatten())
                .for_each(|(all, part)| all.extend(part));
            desk.worker.poll();
        }
        desk.engine.reset();
        let more = desk.play(5_000, cuts, &[], |_, _| 0.0);
        sound.iter_mut().flatten().zip(more.into_iter().flatten()).for_each(|(all, part)| all.extend(part));
        sound
    };
    for (setup, is_free) in [(demo(routing.clone()), false), (setup(&[128], &jumps(), routing.clone()), true)]
    {
        let whole = run(&setup, &Cuts::Each(8192), is_free);
        assert!(peak(&whole[0]) > 0.02);
        for cuts in [Cuts::Each(1), Cuts::Each(97), Cuts::Random(3)] {
            assert!(run(&setup, &cuts, is_free) == whole);
        }
    }
}

#[test]
fn notes_that_are_handed_over_are_not_in_space() {
    let kind = InstrumentKind::from_id("lead").unwrap();
    let controls = kind.parameters().iter().map(|parameter| parameter.default).collect();
    let lead = InstrumentSetup { slot: 0, kind, controls, channels: 1 };
    let own = setup(&[0], &[(0, 0, note(1))], in_space(arc(180.0)));
    let sound = played(&Setup { instruments: vec![lead], ..own }, 9600, &Cuts::Each(480), &[]);
    assert!(peak(&sound[0]) > 0.01 && (8..16).all(|output| peak(&sound[output]) == 0.0));
}

#[test]
fn a_tone_that_goes_round_the_listener_does_so_evenly() {
    // Panned from end to end over a circle, its level stays and its angle runs on.
    let steps = (0..26).map(|row| (row + 1, 0, effect(X, (row * 10) as u8)));
    let cells: Vec<_> = [(0, 0, note(1))].into_iter().chain(steps).collect();
    let sound = played(&setup(&[0], &cells, in_space(arc(360.0))), 27 * ROW, &Cuts::Each(512), &[]);
    for row in 0..26 {
        let field = field(&sound, (row + 2) * ROW - 1);
        let azimuth = (row as f64 * 10.0 / 128.0 - 1.0) * 180.0;
        let turn = (-field[1].atan2(field[3]) - azimuth.to_radians()).rem_euclid(TAU);
        assert!(turn.min(TAU - turn) < 1e-3 && (field[0] - LEVEL).abs() < 1e-4, "row {row}");
    }
}
