//! What belongs to single notes: note expressions and a host's modulation, by their ids.

use crate::stage::*;
use busker::engine::EventKind;
use busker::engine::Expression;
use busker::engine::Modulation;
use busker::engine::NoteAddress;
use busker::engine::Target;
use busker::tracker::song::Format;
use busker::units::Semitones;

const HALF: usize = RATE / 2;
const SETTLE: usize = 2 * TICK;

/// A note with an id, and a name for it by which only that id is told.
fn note(id: i32) -> NoteAddress {
    NoteAddress { channel: 0, key: 60, id: Some(id) }
}

fn express(id: i32, expression: Expression) -> EventKind {
    EventKind::Expression(NoteAddress { channel: 0, key: 0, id: Some(id) }, expression)
}

/// Sound of the note on slot 1 while another, with the same key and another id, plays on slot 2.
struct Pair(Stage);

impl Pair {
    fn new(format: Format) -> Self {
        let mut stage = Stage::new(song(format)).mode(2);
        let other = NoteAddress { channel: 1, ..note(2) };
        stage.hear(HALF, &[EventKind::NoteOn(note(1), 1.0), EventKind::NoteOn(other, 1.0)]);
        Self(stage)
    }

    /// Both sides of the first note, and left of the second, which no event of the first may move.
    fn hear(&mut self, events: &[EventKind]) -> ([Vec<f32>; 2], Vec<f32>) {
        let events: Vec<_> = events.iter().map(|&kind| busker::engine::Event { frame: 0, kind }).collect();
        let mut outputs = self.0.call(SETTLE + HALF, &events);
        let other = outputs[2][0].split_off(SETTLE);
        (outputs.swap_remove(1).map(|mut side| side.split_off(SETTLE)), other)
    }
}

#[test]
fn expressions_move_their_note_and_no_other() {
    for format in FORMATS {
        let mut pair = Pair::new(format);
        let ([left, right], other) = pair.hear(&[]);
        let (level, centre) = (rms(&left), hertz(&left));
        assert_near(rms(&right), level, 1.0e-4);
        let unmoved = |other: &[f32]| {
            assert_near(rms(other), level, 1.0e-3);
            assert_near(interval(centre, hertz(other)), 0.0, 0.002);
        };
        unmoved(&other);
        let ([left, _], other) = pair.hear(&[express(1, Expression::Volume(0.5))]);
        assert_near(rms(&left) / level, 0.5, 0.005);
        unmoved(&other);
        let ([left, right], other) =
            pair.hear(&[express(1, Expression::Volume(1.0)), express(1, Expression::Pan(1.0))]);
        assert!(rms(&left) < 0.1 * level && rms(&right) > 1.3 * level, "{format:?}");
        unmoved(&other);
        let events = [express(1, Expression::Pan(0.0)), express(1, Expression::Tuning(-7.25))];
        let ([left, _], other) = pair.hear(&events);
        assert_near(interval(centre, hertz(&left)), -7.25, 0.01);
        assert_near(rms(&left) / level, 1.0, 0.01);
        unmoved(&other);
        for deepest in [Expression::Vibrato(1.0), Expression::Pressure(1.0)] {
            let ([left, _], other) = pair.hear(&[express(1, Expression::Tuning(0.0)), express(1, deepest)]);
            assert!(spread(&left, centre).1 > 0.3, "{format:?}: {deepest:?}");
            unmoved(&other);
            pair.hear(&[express(1, Expression::Vibrato(0.0)), express(1, Expression::Pressure(0.0))]);
        }
        let ([left, _], other) = pair.hear(&[express(1, Expression::Brightness(0.0))]);
        assert!(rms(&left) < 0.2 * level, "{format:?}");
        unmoved(&other);
        let ([left, _], _) = pair.hear(&[express(1, Expression::Brightness(0.5))]);
        assert_near(rms(&left), level, 1.0e-3);
    }
}

#[test]
fn what_is_asked_of_a_note_on_its_first_frame_is_there_at_once() {
    for format in FORMATS {
        let mut stage = Stage::new(song(format)).mode(2);
        let sound =
            stage.output(1, HALF, &[EventKind::NoteOn(note(1), 1.0), express(1, Expression::Volume(0.0))]);
        assert_eq!(peak(&sound[0]), 0.0, "{format:?}");
        // Later it moves in a ramp.
        let sound = stage.output(1, HALF, &[express(1, Expression::Volume(1.0))]);
        assert!(
            sound[0][..48].iter().all(|sample| sample.abs() < 0.1) && peak(&sound[0]) > 0.2,
            "{format:?}"
        );
    }
}

#[test]
fn modulation_moves_one_note_and_follows_the_parameters() {
    let mut pair = Pair::new(Format::It);
    let ([left, _], _) = pair.hear(&[]);
    let (level, centre) = (rms(&left), hertz(&left));
    let modulate =
        |modulation| EventKind::Modulation(NoteAddress { channel: 0, key: 0, id: Some(1) }, modulation);
    // 0 dB stands at 3/4 of a fader's way, +12 dB at its end.
    let ([left, _], other) = pair.hear(&[modulate(Modulation::Gain(-0.375))]);
    let half_way = -12.0 * 2f32.log10() / (4f32 / 3.0).log10();
    assert_near(20.0 * (rms(&left) / level).log10(), half_way, 0.01);
    assert_near(rms(&other), level, 1.0e-3);
    pair.0.set(Target::KeyboardGain, -6.0);
    let ([left, _], other) = pair.hear(&[modulate(Modulation::Transpose(Semitones(5.0)))]);
    assert!(rms(&left) < level * 0.06, "the note left its offset behind");
    assert_near(interval(centre, hertz(&left)), 5.0, 0.01);
    assert_near(20.0 * (rms(&other) / level).log10(), -6.0, 0.01);
    pair.0.set(Target::KeyboardGain, 0.0);
    let ([left, _], _) =
        pair.hear(&[modulate(Modulation::Gain(0.0)), modulate(Modulation::Transpose(Semitones(0.0)))]);
    assert_near(rms(&left), level, 1.0e-3);
}

#[test]
fn a_song_channels_key_follows_its_expressions() {
    let mut stage = Stage::new(song(Format::It)).mode(1);
    let [left, _] = stage.output(4, HALF, &[EventKind::NoteOn(note(9), 1.0)]);
    let (level, centre) = (rms(&left[SETTLE..]), hertz(&left[SETTLE..]));
    let events = [express(9, Expression::Tuning(3.5)), express(9, Expression::Volume(0.25))];
    let [left, _] = stage.output(4, HALF, &events);
    assert_near(interval(centre, hertz(&left[SETTLE..])), 3.5, 0.01);
    assert_near(rms(&left[SETTLE..]) / level, 0.25, 0.01);
}
