//! The same performance gives the same bits, and the same word to the host, however calls are cut.

use crate::ends::Dice;
use crate::ends::lively;
use crate::ends::storm;
use crate::stage::*;
use busker::engine::Event;
use busker::engine::EventKind;
use busker::engine::Expression;
use busker::engine::Modulation;
use busker::engine::NoteAddress;
use busker::engine::Target;
use busker::tracker::song::Format;
use busker::units::Semitones;

const FRAMES: usize = 60_000;

/// Two thousand events: a storm, and expressions of its notes.
fn performance(seed: u64) -> Vec<Event> {
    let (mut dice, mut id) = (Dice::new(seed), 0);
    let mut events = storm(&mut dice, 1500, FRAMES as u64, &mut id);
    for _ in 0..500 {
        let note = NoteAddress { channel: 0, key: 0, id: Some(dice.below(id as u64) as i32) };
        let value = dice.below(101) as f32 / 100.0;
        let kind = match dice.below(9) {
            0 => EventKind::Expression(note, Expression::Volume(value)),
            1 => EventKind::Expression(note, Expression::Pan(value * 2.0 - 1.0)),
            2 => EventKind::Expression(note, Expression::Tuning(value * 12.0)),
            3 => EventKind::Expression(note, Expression::Vibrato(value)),
            4 => EventKind::Expression(note, Expression::Brightness(value)),
            5 => EventKind::Expression(note, Expression::Pressure(value)),
            6 => EventKind::Modulation(note, Modulation::Gain(value - 0.5)),
            7 => EventKind::Modulation(note, Modulation::Transpose(Semitones(value))),
            _ => EventKind::Pressure { channel: dice.below(16) as u8, value },
        };
        events.push(Event { frame: dice.below(FRAMES as u64) as u32, kind });
    }
    events.sort_by_key(|event| event.frame);
    events
}

/// Bits of every output over the performance in calls of the sizes in turn, and what the host has heard.
fn played(stage: &mut Stage, events: &[Event], sizes: &[usize]) -> (Vec<u32>, Vec<(u64, EventKind)>) {
    let mut bits = vec![Vec::new(); OUTPUTS];
    let (mut done, mut rest) = (0, events);
    for &size in sizes.iter().cycle() {
        let size = size.min(FRAMES - done);
        let count = rest.iter().take_while(|event| (event.frame as usize) < done + size).count();
        let (now, later) = rest.split_at(count);
        let now: Vec<_> = now.iter().map(|e| Event { frame: e.frame - done as u32, kind: e.kind }).collect();
        for (bits, [left, right]) in bits.iter_mut().zip(stage.call(size, &now)) {
            bits.extend(left.iter().zip(&right).flat_map(|(left, right)| [left.to_bits(), right.to_bits()]));
        }
        (done, rest) = (done + size, later);
        if done == FRAMES {
            break;
        }
    }
    (bits.concat(), std::mem::take(&mut stage.said))
}

#[test]
fn a_performance_is_the_same_for_every_cut() {
    for (turn, format) in FORMATS.into_iter().enumerate() {
        for mode in [0, 1, 2, 3] {
            let stage = || {
                let stage = Stage::new(lively(format)).mode(mode).play();
                stage.set(Target::Mpe, (mode == 2) as u8 as f32);
                stage.set(Target::Tone, turn as f32);
                stage
            };
            let events = performance(turn as u64 * 4 + mode as u64);
            let whole = played(&mut stage(), &events, &[8192]);
            assert!(whole.0.iter().filter(|bits| **bits != 0).count() > FRAMES && whole.1.len() > 300);
            for sizes in [&[256][..], &[64], &[1000], &[7, 300, 1, 0, 5000]] {
                let cut = played(&mut stage(), &events, sizes);
                assert!(cut.0 == whole.0, "{format:?}, mode {mode}, calls of {sizes:?}: other bits");
                assert!(cut.1 == whole.1, "{format:?}, mode {mode}, calls of {sizes:?}: other ends");
            }
        }
    }
}

#[test]
fn an_engine_that_was_reset_plays_as_a_new_one() {
    for mode in [0, 1] {
        let events = performance(99);
        let mut stage = Stage::new(lively(Format::It)).mode(mode);
        let first = played(&mut stage, &events, &[512]);
        stage.engine.reset();
        stage = stage.rewound();
        assert!(played(&mut stage, &events, &[512]) == first, "mode {mode}");
    }
}
