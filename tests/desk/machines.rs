//! Machines in insert slots: many at once, controls that move, and slots that change places.

use crate::stage::Change;
use crate::stage::Cuts;
use crate::stage::Desk;
use crate::stage::Dice;
use crate::stage::Sound;
use crate::stage::demo;
use crate::stage::insert;
use crate::stage::instrument;
use crate::stage::peak;
use busker::engine::Command;
use busker::engine::Insert;
use busker::engine::Setting;
use busker::engine::Setup;
use busker::engine::Target;
use busker::machine::MachineKind;
use busker::mixer::BUSES;
use busker::mixer::INSERTS;
use busker::mixer::MACROS;
use busker::mixer::Routing;
use std::f64::consts::TAU;

/// Lines of the control grid.
const GRID: usize = 64;

/// Frames in which a machine takes over from another.
const TAKE_OVER: usize = 2048;

fn machine(strip: usize, slot: usize, machine: MachineKind) -> Insert {
    Insert { strip, slot, machine, impulse: None, controls: Vec::new(), program: None }
}

/// The machine's own values as places of its macros, and 0.5 where it has fewer.
fn macros(kind: MachineKind) -> [f32; MACROS] {
    let place = |control: usize| {
        let parameter = kind.parameters().get(control);
        parameter.map_or(0.5, |parameter| parameter.position_of(parameter.default))
    };
    std::array::from_fn(place)
}

fn set_macros(desk: &Desk, (strip, slot): (usize, usize), places: &[f32]) {
    for (control, place) in places.iter().enumerate() {
        desk.set(Target::InsertMacro { strip, slot, control }, *place);
    }
}

/// The demo song over all buses, each of which has four machines, all kinds in turn, with every further control moved.
fn crowd(dice: &mut Dice) -> Setup {
    let mut routing = Routing::default();
    routing.song_channels.iter_mut().enumerate().for_each(|(channel, bus)| *bus = Some(channel % BUSES));
    let slots = (0..BUSES).flat_map(|strip| (0..INSERTS).map(move |slot| (strip, slot)));
    let kinds = MachineKind::ALL.iter().cycle();
    let inserts = slots.zip(kinds).map(|((strip, slot), &kind)| {
        let further = kind.parameters().iter().skip(MACROS);
        let controls = further.map(|control| control.value_at(dice.part())).collect();
        Insert { controls, ..machine(strip, slot, kind) }
    });
    let inserts: Vec<_> = inserts.collect();
    Setup { inserts, ..demo(routing) }
}

#[test]
fn sixty_four_mixed_machines_give_the_same_bits_however_calls_are_cut_while_their_macros_move() {
    const FRAMES: usize = 9_000;
    let mut dice = Dice(3);
    let setup = crowd(&mut dice);
    assert_eq!(setup.inserts.len(), 64);
    assert!(MachineKind::ALL.iter().all(|kind| setup.inserts.iter().any(|slot| slot.machine == *kind)));
    let changes: Vec<Change> = (0..600)
        .map(|_| {
            let (strip, slot) = (dice.roll(BUSES), dice.roll(INSERTS));
            let target = match dice.roll(12) {
                0 => Target::InsertBypass { strip, slot },
                _ => Target::InsertMacro { strip, slot, control: dice.roll(MACROS) },
            };
            let value =
                if let Target::InsertBypass { .. } = target { dice.roll(2) as f32 } else { dice.part() };
            (dice.roll(FRAMES), target, value)
        })
        .collect();
    let render = |cuts: Cuts| {
        let mut desk = Desk::new(instrument(), &setup);
        setup.inserts.iter().for_each(|own| {
            set_macros(&desk, (own.strip, own.slot), &macros(own.machine));
        });
        desk.play(FRAMES, &cuts, &changes, |_, _| 0.0)
    };
    let whole = render(Cuts::Each(8192));
    assert!(peak(&whole[0]) > 0.01);
    for size in [1, 7, 64, 256, 1000] {
        assert!(render(Cuts::Each(size)) == whole, "calls of {size}");
    }
    for seed in [1, 2, 3] {
        assert!(render(Cuts::Random(seed)) == whole, "seed {seed}");
    }
}

/// A sine on both sides of the main input, which sounds from the first frame on and repeats every 160 frames.
fn sine(channel: usize, frame: usize) -> f32 {
    if channel < 2 { (0.4 * (TAU * frame as f64 / 160.0 + 1.0).sin()) as f32 } else { 0.0 }
}

/// A desk whose input passes machines as they come.
fn desk(machines: &[(usize, MachineKind)]) -> (Desk, Setup) {
    let inserts = machines.iter().map(|&(slot, kind)| machine(0, slot, kind)).collect();
    let setup = Setup { inserts, ..Setup::default() };
    let desk = Desk::new(insert(2), &setup);
    machines.iter().for_each(|&(slot, kind)| set_macros(&desk, (0, slot), &macros(kind)));
    (desk, setup)
}

fn left(mut sound: Sound) -> Vec<f32> {
    sound.swap_remove(0).swap_remove(0)
}

#[test]
fn a_control_beyond_the_macros_takes_hold_on_the_first_grid_line_at_or_after_its_command() {
    let control = MachineKind::Equaliser.parameter_index("mid_2_gain").unwrap();
    assert!(control >= MACROS);
    let render = |at: usize, value: Option<f32>| {
        let (mut desk, _) = desk(&[(1, MachineKind::Equaliser)]);
        let mut sound = left(desk.play(at, &Cuts::Random(5), &[], sine));
        if let Some(value) = value {
            desk.control.send(Command::InsertControl { strip: 0, slot: 1, control, value }).unwrap();
        }
        sound.extend(left(desk.play(2_000 - at, &Cuts::Random(6), &[], sine)));
        sound
    };
    for at in [1, 63, 64, 65, 640, 1_001] {
        let (plain, moved) = (render(at, None), render(at, Some(12.0)));
        let changed = plain.iter().zip(&moved).position(|(one, other)| one != other);
        assert_eq!(changed, Some(at.next_multiple_of(GRID)), "sent before frame {at}");
    }
}

#[test]
fn a_control_that_a_setup_changes_moves_the_machine_that_is_there() {
    let (mut desk, mut setup) = desk(&[(0, MachineKind::Reverb)]);
    let mut sound = left(desk.play(8_192, &Cuts::Each(512), &[], sine));
    setup.inserts[0].controls =
        MachineKind::Reverb.parameters()[MACROS..].iter().map(|c| c.default).collect();
    desk.worker.apply(&setup).unwrap();
    sound.extend(left(desk.play(4_096, &Cuts::Each(512), &[], sine)));
    let (mut other, mut moved) = self::desk(&[(0, MachineKind::Reverb)]);
    let plain = left(other.play(12_288, &Cuts::Each(512), &[], sine));
    assert!(sound == plain, "defaults that are named change nothing");
    // A reverb that were built anew would have lost its tail: the tone's end tells.
    moved.inserts[0].controls = vec![400.0];
    other.worker.apply(&moved).unwrap();
    let rest = left(other.play(64, &Cuts::Each(64), &[], |_, _| 0.0));
    let rest = rest.iter().fold(0.0f32, |peak, sample| peak.max(sample.abs()));
    assert!(rest > 0.01, "{rest}");
}

/// The greatest bend of a wave.
fn bend(sound: &[f32]) -> f32 {
    sound.windows(3).map(|three| (three[2] - 2.0 * three[1] + three[0]).abs()).fold(0.0, f32::max)
}

/// What lies in two slots, the other way round.
fn swapped(setup: &Setup, (one, other): (usize, usize)) -> Setup {
    let mut setup = setup.clone();
    for own in &mut setup.inserts {
        own.slot = match own.slot {
            slot if slot == one => other,
            slot if slot == other => one,
            slot => slot,
        };
    }
    setup
}

/// Macros and bypasses that change places with them.
fn settings(desk: &Desk, (one, other): (usize, usize)) -> Vec<Setting> {
    let macros =
        (0..MACROS).map(|control| [one, other].map(|slot| Target::InsertMacro { strip: 0, slot, control }));
    let bypass = [one, other].map(|slot| Target::InsertBypass { strip: 0, slot });
    macros
        .chain([bypass])
        .flat_map(|pair| {
            let now = pair.map(|target| desk.values.get(desk.index(target)));
            [(pair[0], now[0], now[1]), (pair[1], now[1], now[0])]
        })
        .map(|(target, from, to)| Setting { target, from, to })
        .collect()
}

#[test]
fn machines_change_places_with_all_that_is_set_without_a_click_and_back_again() {
    const SETTLED: usize = 154 * 160;
    let (loud, squeezed) = (MachineKind::Equaliser, MachineKind::Compressor);
    let level = MachineKind::Equaliser.parameter_index("level").unwrap();
    let hot = |slot| Target::InsertMacro { strip: 0, slot, control: level };
    let cycle = |sound: &[f32]| sound[sound.len() - 160..].to_vec();
    let settled = |at: [(usize, MachineKind); 2], slot: usize| {
        let (mut desk, _) = desk(&at);
        desk.set(hot(slot), 0.9);
        left(desk.play(SETTLED, &Cuts::Each(512), &[], sine))
    };
    let before = settled([(0, loud), (2, squeezed)], 0);
    let after = settled([(2, loud), (0, squeezed)], 2);
    let apart = |one: &[f32], other: &[f32]| {
        one.iter().zip(other).map(|(one, other)| (one - other).abs()).fold(0.0, f32::max)
    };
    assert!(apart(&cycle(&before), &cycle(&after)) > 0.02, "the order is heard");
    let (mut desk, setup) = desk(&[(0, loud), (2, squeezed)]);
    desk.set(hot(0), 0.9);
    let mut sound = left(desk.play(SETTLED, &Cuts::Random(1), &[], sine));
    let other = swapped(&setup, (0, 2));
    for (turn, (setup, slot, wanted)) in
        [(&other, 2, &after), (&setup, 0, &before), (&other, 2, &after)].into_iter().enumerate()
    {
        let settings = settings(&desk, (0, 2));
        desk.worker.apply_with(setup, &settings).unwrap();
        sound.extend(left(desk.play(SETTLED, &Cuts::Random(turn as u64), &[], sine)));
        assert_eq!(desk.values.get(desk.index(hot(slot))), 0.9, "turn {turn}");
        let away = apart(&cycle(&sound), &cycle(wanted));
        assert!(away < 1e-3, "turn {turn}: {away}");
    }
    // The loudest sine that comes out bends by 0.0011; a step by a hundredth of it would show as 0.007.
    let sharpest = bend(&sound[1_000..]);
    assert!(sharpest < 0.002, "a click of {sharpest}");
}

#[test]
fn a_bypass_goes_with_its_machine() {
    let (mut desk, setup) = desk(&[(0, MachineKind::Distortion), (1, MachineKind::Crusher)]);
    desk.set(Target::InsertBypass { strip: 0, slot: 0 }, 1.0);
    let mut sound = left(desk.play(4 * TAKE_OVER, &Cuts::Random(1), &[], sine));
    let settled = sound[3 * TAKE_OVER..].to_vec();
    let settings = settings(&desk, (0, 1));
    desk.worker.apply_with(&swapped(&setup, (0, 1)), &settings).unwrap();
    sound.extend(left(desk.play(4 * TAKE_OVER, &Cuts::Random(2), &[], sine)));
    let bypass = [0, 1].map(|slot| desk.values.get(desk.index(Target::InsertBypass { strip: 0, slot })));
    assert_eq!(bypass, [0.0, 1.0]);
    let loudest = |sound: &[f32]| sound.iter().fold(0.0f32, |peak, sample| peak.max(sample.abs()));
    assert!((loudest(&settled) - loudest(&sound[7 * TAKE_OVER..])).abs() < 0.01, "only the crusher is heard");
}

#[test]
fn a_macro_that_was_moved_meanwhile_stays_where_it_is() {
    let (mut desk, setup) = desk(&[(0, MachineKind::Distortion)]);
    desk.call(100, &sine);
    let targets = [0, 1].map(|control| Target::InsertMacro { strip: 0, slot: 0, control });
    let settings =
        targets.map(|target| Setting { target, from: desk.values.get(desk.index(target)), to: 0.125 });
    desk.worker.apply_with(&setup, &settings).unwrap();
    desk.set(targets[1], 0.75);
    desk.call(100, &sine);
    assert_eq!(targets.map(|target| desk.values.get(desk.index(target))), [0.125, 0.75]);
}
