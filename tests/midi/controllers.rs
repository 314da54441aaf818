//! Controllers, bends and parameters on the keyboard's notes, by their levels and pitches.

use crate::stage::*;
use busker::engine::EventKind;
use busker::engine::Target;
use busker::tracker::song::Format;

/// Frames that a change needs to settle, and those that are measured.
const SETTLE: usize = 2 * TICK;
const HALF: usize = RATE / 2;

/// Sound after events have settled.
fn after(stage: &mut Stage, events: &[EventKind]) -> Vec<f32> {
    stage.hear(SETTLE + HALF, events).split_off(SETTLE)
}

fn decibels(of: f32, to: f32) -> f32 {
    20.0 * (of / to).log10()
}

#[test]
fn the_velocity_curve_keeps_its_ends_and_bends_what_lies_between() {
    for (curve, middle) in [(0.0, 64.0 / 127.0), (-100.0, 0.8425), (100.0, 0.0645)] {
        let mut stage = Stage::new(song(Format::It));
        stage.set(Target::VelocityCurve, curve);
        let mut level = |midi: u8| {
            let note = EventKind::NoteOn(address(0, 60), f32::from(midi) / 127.0);
            let level = rms(&after(&mut stage, &[note]));
            stage.hear(TICK, &[off(0, 60)]);
            level
        };
        let full = level(127);
        assert_near(level(64) / full, libm_round64(middle), 0.002);
        assert!(level(1) > 0.0, "the softest touch is silent at {curve} %");
        assert_near(level(127) / full, 1.0, 1.0e-6);
    }
}

/// A level in the tracker's 64 steps.
fn libm_round64(level: f32) -> f32 {
    (level * 64.0).round() / 64.0
}

#[test]
fn volume_and_expression_scale_and_do_not_step() {
    let mut stage = Stage::new(song(Format::Mod));
    let full = rms(&after(&mut stage, &[on(0, 60)]));
    let moving = stage.hear(SETTLE, &[control(0, 7, 64), control(0, 11, 64)]);
    let steepest = moving.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
    assert!(steepest < 0.25 * 0.07, "a step of {steepest}"); // the sine's own slope at full level is 0.068
    assert_near(rms(&after(&mut stage, &[])) / full, (64.0_f32 / 127.0).powi(2), 0.002);
    assert_near(rms(&after(&mut stage, &[control(0, 7, 127), control(0, 11, 127)])) / full, 1.0, 1.0e-4);
}

#[test]
fn the_keyboards_gain_acts_on_keys_in_a_ramp_and_not_on_the_song() {
    let mut song = song(Format::It);
    put(&mut song, (0, 0), (60, 1));
    let mut stage = Stage::new(song).play();
    let keys = rms(&stage.output(1, HALF, &[on(0, 60)])[0][SETTLE..]);
    let channel = rms(&stage.output(4, HALF, &[])[0]);
    stage.set(Target::KeyboardGain, -12.0);
    let [left, _] = stage.output(1, HALF, &[]);
    assert_near(decibels(rms(&left[SETTLE..]), keys), -12.0, 0.01);
    assert!(peak(&left[..24]) > 0.2, "the gain jumped");
    assert_near(rms(&stage.output(4, HALF, &[])[0]), channel, 1.0e-4);
    // A new note starts at its target.
    stage.output(1, HALF, &[off(0, 60)]);
    let [left, _] = stage.output(1, 480, &[on(0, 60)]);
    assert!(peak(&left[..120]) < 0.07);
}

#[test]
fn transposition_moves_held_notes_at_once_and_those_to_come() {
    let mut stage = Stage::new(song(Format::Xm));
    let before = hertz(&after(&mut stage, &[on(0, 60)]));
    stage.set(Target::Transpose, -12.5);
    assert_near(interval(before, hertz(&stage.hear(HALF, &[]))), -12.5, 0.01);
    assert_near(interval(before, hertz(&after(&mut stage, &[off(0, 60), on(0, 67)]))), -5.5, 0.01);
    stage.set(Target::Transpose, 0.0);
    assert_near(interval(before, hertz(&stage.hear(HALF, &[]))), 7.0, 0.01);
}

#[test]
fn bends_reach_two_semitones_or_what_the_registered_parameter_says() {
    let mut stage = Stage::new(song(Format::It));
    let before = hertz(&after(&mut stage, &[on(0, 60)]));
    assert_near(interval(before, hertz(&stage.hear(HALF, &[bend(0, 1.0)]))), 2.0, 0.005);
    let range = [control(0, 101, 0), control(0, 100, 0), control(0, 6, 12), control(0, 38, 50)];
    assert_near(interval(before, hertz(&stage.hear(HALF, &range))), 12.5, 0.01);
    assert_near(interval(before, hertz(&stage.hear(HALF, &[bend(0, -0.5)]))), -6.25, 0.01);
    // Data entry for a parameter that is not registered is for somebody else.
    let other = [control(0, 99, 0), control(0, 98, 0), control(0, 6, 1)];
    assert_near(interval(before, hertz(&stage.hear(HALF, &other))), -6.25, 0.01);
}

#[test]
fn wheel_and_pressure_vibrate_by_half_a_semitone_in_every_format() {
    for format in FORMATS {
        for deepest in [control(0, 1, 127), EventKind::Pressure { channel: 0, value: 1.0 }] {
            let mut stage = Stage::new(song(format));
            let centre = hertz(&after(&mut stage, &[on(0, 60)]));
            let (low, high) = spread(&stage.hear(RATE, &[deepest]), centre);
            assert_near(high, 0.5, 0.12);
            assert_near(low, -0.5, 0.12);
            let none = [control(0, 1, 0), EventKind::Pressure { channel: 0, value: 0.0 }];
            let (low, high) = spread(&after(&mut stage, &none), centre);
            assert!(high < 0.01 && low > -0.01, "{format:?}: {low} to {high}");
        }
    }
}

#[test]
fn the_rate_controller_makes_the_vibrato_faster() {
    let turns = |rate: u8| {
        let mut stage = Stage::new(song(Format::It));
        let centre = hertz(&after(&mut stage, &[on(0, 60)]));
        let audio = stage.hear(2 * RATE, &[control(0, 1, 127), control(0, 76, rate)]);
        let pitch: Vec<f32> =
            audio.chunks_exact(TICK).map(|tick| interval(centre, hertz(tick)) - 0.0).collect();
        pitch.windows(2).filter(|pair| pair[0] < 0.0 && pair[1] >= 0.0).count()
    };
    let [slow, usual, fast] = [0, 64, 127].map(turns);
    // 64 ticks a turn at speed 1, of 50 a second.
    assert!((1..=2).contains(&slow) && (9..=10).contains(&usual) && fast > 20, "{slow}, {usual}, {fast}");
}

#[test]
fn panning_places_notes_and_64_is_the_centre() {
    let mut stage = Stage::new(song(Format::It));
    let mut sides = |events: &[EventKind]| stage.output(0, HALF, events).map(|side| rms(&side[SETTLE..]));
    let [left, right] = sides(&[on(0, 60), control(0, 10, 64)]);
    assert_near(left, right, 1.0e-4);
    let [left, right] = sides(&[control(0, 10, 0)]);
    assert!(left > 0.3 && right == 0.0, "{left} {right}");
    let [left, right] = sides(&[control(0, 10, 127)]);
    assert!(right > 0.3 && left == 0.0, "{left} {right}");
}

/// How much of a sound lies in its steps from frame to frame: grows with its overtones.
fn edge(audio: &[f32]) -> f32 {
    let steps: Vec<f32> = audio.windows(2).map(|pair| pair[1] - pair[0]).collect();
    rms(&steps) / rms(audio)
}

#[test]
fn the_filter_closes_resonates_and_opens_again_in_every_format() {
    for format in FORMATS {
        let mut stage = Stage::new(song(format));
        let open = edge(&after(&mut stage, &[on(2, 48)]));
        let closed = edge(&after(&mut stage, &[control(2, 74, 40)]));
        assert!(closed < open * 0.6, "{format:?}: {closed} of {open}");
        let resonant = edge(&after(&mut stage, &[control(2, 71, 110)]));
        assert!(resonant > closed * 1.3, "{format:?}: {resonant} of {closed}");
        let again = edge(&after(&mut stage, &[control(2, 74, 127), control(2, 71, 0)]));
        assert_near(again / open, 1.0, 0.01);
    }
}

#[test]
fn a_filter_that_begins_in_a_note_does_not_click() {
    let mut stage = Stage::new(song(Format::Mod));
    after(&mut stage, &[on(0, 36)]);
    for midi in [126, 120, 110, 100] {
        let audio = stage.hear(TICK, &[control(0, 74, midi)]);
        let steps: Vec<f32> = audio.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let jump = steps.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
        assert!(jump < 0.001 + 0.25 * 0.017_f32.powi(2) * 4.0, "a corner of {jump} at {midi}");
    }
}

#[test]
fn portamento_slides_from_the_last_key_in_its_time() {
    for format in FORMATS {
        let mut stage = Stage::new(song(format));
        let low = hertz(&after(&mut stage, &[on(0, 60)]));
        let audio = stage.hear(RATE, &[off(0, 60), control(0, 65, 127), control(0, 5, 80), on(0, 72)]);
        let pitch: Vec<f32> = audio.chunks_exact(TICK).map(|tick| interval(low, hertz(tick))).collect();
        assert!(pitch[1] < 2.0, "{format:?}: starts at {}", pitch[1]);
        assert!(pitch[1..].windows(2).all(|pair| pair[1] > pair[0] - 0.05), "{format:?}: {pitch:?}");
        assert_near(*pitch.last().unwrap(), 12.0, 0.1);
        let moving = pitch.iter().filter(|pitch| **pitch < 11.5).count();
        assert!((8..40).contains(&moving), "{format:?}: {moving} ticks");
        // No time is a jump; switched off is one too.
        for events in [[control(0, 5, 0), off(0, 72), on(0, 60)], [control(0, 65, 0), off(0, 60), on(0, 72)]]
        {
            let audio = stage.hear(HALF, &events);
            let (first, last) = (hertz(&audio[TICK..2 * TICK]), hertz(&audio[HALF - TICK..]));
            assert_near(interval(first, last), 0.0, 0.05);
        }
    }
}

#[test]
fn the_pedal_holds_what_is_released_under_it() {
    for mode in [0, 1] {
        let mut stage = Stage::new(song(Format::Mod)).mode(mode);
        stage.hear(HALF, &[on(0, 60), control(0, 64, 127), off(0, 60)]);
        assert!(peak(&stage.hear(HALF, &[])) > 0.1, "mode {mode}");
        stage.hear(2 * TICK, &[control(0, 64, 63)]);
        assert_eq!(peak(&stage.hear(TICK, &[])), 0.0, "mode {mode}");
        assert_eq!(stage.ended(), [address(0, 60)]);
    }
}

#[test]
fn what_moves_in_another_mode_has_moved_in_all() {
    let mut stage = Stage::new(song(Format::It));
    stage.hear(TICK, &[control(0, 64, 127), control(0, 1, 127)]);
    stage.set(Target::KeyboardMode, 1.0);
    stage.hear(TICK, &[control(0, 64, 0), control(0, 1, 0)]);
    stage.set(Target::KeyboardMode, 0.0);
    let still = stage.hear(RATE / 2, &[on(0, 60)]);
    assert_near(interval(hertz(&still[2000..5000]), hertz(&still[5000..8000])), 0.0, 0.01);
    stage.hear(RATE / 10, &[off(0, 60)]);
    assert_eq!(stage.ended(), [address(0, 60)]);
}

#[test]
fn notes_off_and_sound_off_end_a_channels_notes_and_no_others() {
    for (number, mode) in [(123, 0), (120, 0), (123, 1), (120, 1)] {
        let mut stage = Stage::new(song(Format::S3m)).mode(mode);
        stage.hear(HALF, &[on(0, 60), on(1, 60), control(0, 64, 127)]);
        stage.hear(4 * TICK, &[control(0, number, 0)]);
        assert_eq!(stage.ended(), [address(0, 60)], "{number} in mode {mode}");
        assert!(peak(&stage.hear(TICK, &[])) > 0.1);
        stage.hear(4 * TICK, &[EventKind::AllSoundOff(None)]);
        assert_eq!(peak(&stage.hear(TICK, &[])), 0.0);
        assert_eq!(stage.ended(), [address(0, 60), address(1, 60)]);
    }
}

#[test]
fn reset_of_all_controllers_puts_back_what_midi_says_and_leaves_the_rest() {
    for mode in [0, 1] {
        let mut stage = Stage::new(song(Format::It)).mode(mode);
        let before = after(&mut stage, &[on(0, 60)]);
        let (level, centre) = (rms(&before), hertz(&before));
        let moved =
            [bend(0, 1.0), control(0, 1, 127), control(0, 11, 64), control(0, 64, 127), control(0, 7, 100)];
        after(&mut stage, &moved);
        let reset = after(&mut stage, &[control(0, 121, 0)]);
        assert_near(interval(centre, hertz(&reset)), 0.0, 0.002);
        assert_near(rms(&reset) / level, 100.0 / 127.0, 0.02);
        stage.hear(2 * TICK, &[off(0, 60)]);
        assert_eq!(peak(&stage.hear(TICK, &[])), 0.0, "the pedal is still down in mode {mode}");
    }
}

#[test]
fn controllers_act_on_a_song_channels_own_note_until_the_pattern_sets_them() {
    for format in FORMATS {
        let mut song = song(format);
        put(&mut song, (0, 0), (60, 1));
        put(&mut song, (32, 0), (60, 1));
        let mut stage = Stage::new(song).mode(1).play();
        let [left, right] = stage.output(4, HALF, &[]);
        let (level, centre) = (rms(&left[SETTLE..]), hertz(&left[SETTLE..]));
        assert_near(rms(&right[SETTLE..]), level, 0.01);
        let [left, right] = stage.output(4, HALF, &[control(0, 7, 64), control(0, 10, 127)]);
        assert!(rms(&left[SETTLE..]) < 0.02 * level, "{format:?}");
        assert!(rms(&right[SETTLE..]) > 0.5 * level, "{format:?}");
        let [_, right] = stage.output(4, HALF, &[bend(0, -1.0)]);
        assert_near(interval(centre, hertz(&right[4..])), -2.0, 0.01);
        let [_, right] = stage.output(4, HALF, &[bend(0, 0.0), control(0, 1, 127)]);
        let (low, high) = spread(&right, centre);
        assert!(high > 0.3 && low < -0.3, "{format:?}: {low} to {high}");
        let [_, right] = stage.output(4, HALF, &[control(0, 1, 0)]);
        let (low, high) = spread(&right[SETTLE..], centre);
        assert!(high < 0.01 && low > -0.01, "{format:?}: {low} to {high}");
    }
}

#[test]
fn portamento_on_a_song_channel_slides_without_a_new_start() {
    for format in FORMATS {
        let mut song = song(format);
        song.samples[0] = once(200_000);
        let mut stage = Stage::new(song).mode(1);
        let low = hertz(&stage.hear(HALF, &[control(0, 65, 127), control(0, 5, 80), on(0, 48)])[SETTLE..]);
        let audio = stage.hear(2 * RATE, &[on(0, 60)]);
        let first = interval(low, hertz(&audio[..TICK]));
        assert!(first < 2.0, "{format:?}: {first}");
        assert_near(interval(low, hertz(&audio[2 * RATE - TICK..])), 12.0, 0.1);
        assert_eq!(stage.ended(), [address(0, 48)], "{format:?}");
    }
}

#[test]
fn mpe_bends_presses_and_colours_each_member_and_the_master_all() {
    let mut stage = Stage::new(song(Format::It)).mode(2);
    stage.set(Target::Mpe, 1.0);
    stage.set(Target::SelectedInstrument, 1.0);
    // One note a member; both come out of the first slot's bus.
    let centre = hertz(&stage.output(1, HALF, &[on(1, 60)])[0][SETTLE..]);
    assert_near(interval(centre, hertz(&stage.output(1, HALF, &[bend(1, 0.25)])[0])), 12.0, 0.01);
    assert_near(
        interval(centre, hertz(&stage.output(1, HALF, &[bend(2, 1.0), bend(0, 0.5)])[0])),
        13.0,
        0.01,
    );
    let [left, _] = stage.output(1, HALF, &[bend(1, 0.0), bend(0, 0.0), control(1, 74, 64)]);
    assert_near(interval(centre, hertz(&left)), 0.0, 0.01);
    let open = rms(&left[SETTLE..]);
    let closed = rms(&stage.output(1, HALF, &[control(1, 74, 0)])[0][SETTLE..]);
    assert!(closed < open * 0.2, "{closed} of {open}");
    let [left, _] =
        stage.output(1, RATE, &[control(1, 74, 64), EventKind::Pressure { channel: 1, value: 1.0 }]);
    assert!(spread(&left[SETTLE..], centre).1 > 0.3);
    // The switch acts in Selected mode only, and off puts the ranges back.
    stage.set(Target::Mpe, 0.0);
    let events = [EventKind::Pressure { channel: 1, value: 0.0 }, bend(1, 0.25)];
    assert_near(interval(centre, hertz(&stage.output(1, HALF, &events)[0][SETTLE..])), 0.5, 0.01);
}

#[test]
fn the_masters_pedal_holds_all_members() {
    let mut stage = Stage::new(song(Format::Mod)).mode(2);
    stage.set(Target::Mpe, 1.0);
    stage.hear(HALF, &[on(3, 60), on(4, 64), control(0, 64, 127), off(3, 60), off(4, 64)]);
    assert!(stage.ended().is_empty());
    stage.hear(HALF, &[control(0, 64, 0)]);
    assert_eq!(stage.ended(), [address(3, 60), address(4, 64)]);
}

#[test]
fn the_masters_notes_off_and_sound_off_end_all_members_notes() {
    for number in [120, 123] {
        let mut stage = Stage::new(song(Format::It)).mode(2);
        stage.set(Target::Mpe, 1.0);
        stage.hear(TICK, &[on(3, 60), on(7, 64)]);
        stage.hear(RATE / 10, &[control(0, number, 0)]);
        assert_eq!(stage.ended(), [address(3, 60), address(7, 64)], "controller {number}");
    }
}
