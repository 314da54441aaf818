//! What a key plays in each keyboard mode.

use crate::stage::*;
use busker::engine::EventKind;
use busker::engine::Target;
use busker::tracker::song::Envelope;
use busker::tracker::song::EnvelopePoint;
use busker::tracker::song::Format;
use busker::tracker::song::Instrument;
use busker::tracker::song::NewNoteAction;
use busker::tracker::song::Span;

const HALF: usize = RATE / 2;

fn program(channel: u8, program: u8) -> EventKind {
    EventKind::Program { channel, program }
}

#[test]
fn multi_plays_instrument_n_until_a_program_change_and_again_after_a_reset() {
    let mut stage = Stage::new(song(Format::It));
    assert_near(hertz(&stage.hear(HALF, &[on(0, 60)])), 522.7, 0.5);
    assert_near(hertz(&stage.hear(HALF, &[off(0, 60), on(1, 60)])), 1045.4, 1.0);
    assert_near(hertz(&stage.hear(HALF, &[off(1, 60), program(1, 0), on(1, 60)])), 522.7, 0.5);
    stage.engine.reset();
    assert_near(hertz(&stage.hear(HALF, &[on(1, 60)])), 1045.4, 1.0);
}

#[test]
fn slots_come_out_of_their_own_buses() {
    let mut stage = Stage::new(song(Format::Xm));
    let outputs = stage.call(HALF, &[busker::engine::Event { frame: 0, kind: on(1, 60) }]);
    assert!(peak(&outputs[2][0]) > 0.1 && peak(&outputs[1][0]) == 0.0 && peak(&outputs[3][0]) == 0.0);
}

#[test]
fn selected_plays_one_instrument_from_all_channels_until_a_program_change_selects_another() {
    let mut stage = Stage::new(song(Format::Xm)).mode(2);
    stage.set(Target::SelectedInstrument, 2.0);
    assert_near(hertz(&stage.hear(HALF, &[on(7, 60)])), 1045.4, 1.5);
    assert_near(hertz(&stage.hear(HALF, &[off(7, 60), program(3, 0), on(9, 60)])), 522.7, 1.0);
    stage.set(Target::SelectedInstrument, 2.0);
    assert_near(hertz(&stage.hear(HALF, &[off(9, 60), on(9, 60)])), 1045.4, 1.5);
}

#[test]
fn a_kit_plays_samples_at_their_own_speed_whatever_instruments_there_are() {
    for format in FORMATS {
        let mut song = song(format);
        if matches!(format, Format::Xm | Format::It) {
            song.instruments = vec![Instrument::plain(2)];
        }
        let mut stage = Stage::new(song).mode(3);
        // 3546895 / 428 is what ProTracker's Amiga plays C at.
        let low = if format == Format::Mod { 517.9 } else { 522.7 };
        assert_near(hertz(&stage.hear(HALF, &[on(9, 36)])), low, 1.0);
        assert_near(hertz(&stage.hear(HALF, &[off(9, 36), on(9, 37)])), 2.0 * low, 2.0);
        assert_eq!(stage.ended(), [address(9, 36)], "{format:?}");
        stage.hear(HALF, &[off(9, 37), on(9, 35), on(9, 40)]);
        assert!(stage.ended().ends_with(&[address(9, 35), address(9, 40), address(9, 37)]), "{format:?}");
    }
}

#[test]
fn one_shots_of_a_kit_ring_out() {
    for format in FORMATS {
        let mut stage = Stage::new(song(format)).mode(3);
        stage.hear(100, &[on(0, 39), off(0, 39)]);
        assert!(peak(&stage.hear(RATE / 4, &[])[RATE / 5..]) > 0.1, "{format:?}");
        assert!(stage.ended().is_empty());
        stage.hear(RATE / 2, &[]);
        assert_eq!(stage.ended(), [address(0, 39)]);
    }
}

#[test]
fn keys_that_nothing_can_play_end_at_once() {
    let mut multi = Stage::new(song(Format::It));
    multi.hear(64, &[on(0, 120), on(15, 60), on(0, 127)]);
    assert_eq!(multi.ended(), [address(0, 120), address(15, 60), address(0, 127)]);
    let mut voices = Stage::new(song(Format::It)).mode(5);
    assert_eq!(peak(&voices.hear(64, &[on(0, 60)])), 0.0);
    assert_eq!(voices.ended(), [address(0, 60)]);
    let mut empty = Stage::empty();
    empty.hear(64, &[on(0, 60), EventKind::NoteOn(address(0, 61), 0.0)]);
    assert_eq!(empty.ended(), [address(0, 60)]);
    let mut channels = Stage::new(song(Format::It)).mode(1);
    channels.hear(64, &[on(4, 60), on(3, 125)]);
    assert_eq!(channels.ended(), [address(4, 60), address(3, 125)]);
}

#[test]
fn a_velocity_of_nothing_releases() {
    let mut stage = Stage::new(song(Format::Mod));
    stage.hear(4800, &[on(0, 60)]);
    stage.hear(4800, &[EventKind::NoteOn(address(0, 60), 0.0)]);
    assert_eq!(peak(&stage.hear(4800, &[])), 0.0);
    assert_eq!(stage.ended(), [address(0, 60)]);
}

#[test]
fn a_song_channels_key_comes_out_of_its_strip_and_the_pattern_takes_it_over() {
    let mut song = song(Format::It);
    put(&mut song, (0, 1), (60, 1));
    put(&mut song, (8, 1), (60, 1));
    let mut stage = Stage::new(song).mode(1).play();
    stage.set(Target::SelectedInstrument, 2.0);
    let row = 6 * TICK;
    assert_near(hertz(&stage.output(5, 3 * row, &[])[0]), 522.7, 0.5);
    let [left, _] = stage.output(5, 3 * row, &[on(1, 60)]);
    assert_near(hertz(&left[2000..]), 1045.4, 1.0);
    assert!(stage.ended().is_empty());
    let [left, _] = stage.output(5, 4 * row, &[]);
    assert_near(hertz(&left[2 * row + 2000..]), 522.7, 0.5);
    assert_eq!(stage.said.len(), 1);
    assert_eq!(stage.said[0], (8 * row as u64, EventKind::NoteEnd(address(1, 60))));
    // The key is over: its release leaves the pattern's note alone.
    assert!(peak(&stage.output(5, row, &[off(1, 60)])[0][row / 2..]) > 0.1);
}

#[test]
fn a_jump_takes_a_song_channel_from_its_key_and_keeps_the_bend() {
    let mut song = song(Format::It);
    put(&mut song, (0, 1), (60, 1));
    let mut stage = Stage::new(song).mode(1).play();
    stage.hear(HALF, &[]);
    let [left, _] = stage.output(5, HALF, &[on(1, 72), bend(1, 1.0)]);
    assert_near(interval(522.7, hertz(&left[2000..])), 14.0, 0.02);
    stage.jump(4.0);
    let [left, _] = stage.output(5, HALF, &[]);
    assert_near(interval(522.7, hertz(&left[2000..])), 2.0, 0.02);
    assert_eq!(stage.ended(), [address(1, 72)]);
}

#[test]
fn a_song_channels_key_releases_as_its_format_does() {
    for (format, counts_in) in FORMATS.into_iter().flat_map(|format| [(format, false), (format, true)]) {
        let mut song = song(format);
        if matches!(format, Format::Xm | Format::It) {
            song.instruments = vec![fading(format)];
        }
        let mut stage = Stage::new(song).mode(1);
        if counts_in {
            stage = stage.play();
            stage.jump(-60.0); // the song begins long after all this
        }
        assert!(peak(&stage.output(4, HALF, &[on(0, 60)])[0]) > 0.1);
        stage.output(4, 2 * TICK, &[off(0, 60)]);
        let after = peak(&stage.output(4, TICK, &[])[0]);
        let fades = matches!(format, Format::Xm | Format::It);
        assert!(if fades { after > 0.05 } else { after == 0.0 }, "{format:?}: {after}");
        stage.hear(2 * RATE, &[]);
        assert_eq!(stage.ended(), [address(0, 60)], "{format:?}");
    }
}

#[test]
fn an_adlib_key_ends_whether_its_instrument_has_a_release_or_not() {
    let dies_away = [0x21, 0x21, 0x3F, 0, 0xF0, 0xF0, 0, 0x08, 0, 0, 0, 0];
    let never = [0x21, 0x21, 0x3F, 0, 0xF0, 0xF0, 0, 0, 0, 0, 0, 0];
    for (mode, registers) in [(0, dies_away), (0, never), (1, dies_away), (1, never)] {
        let mut song = song(Format::S3m);
        song.samples[0].adlib = Some(registers);
        let mut stage = Stage::new(song).mode(mode);
        assert!(peak(&stage.hear(HALF, &[on(0, 60)])) > 0.02);
        assert!(stage.ended().is_empty());
        stage.hear(RATE, &[off(0, 60)]);
        assert_eq!(peak(&stage.hear(TICK, &[])), 0.0, "mode {mode}, {registers:?}");
        assert_eq!(stage.ended(), [address(0, 60)], "mode {mode}, {registers:?}");
    }
}

/// Holds at full volume until released, then fades for about a second.
fn fading(format: Format) -> Instrument {
    let point = |tick| EnvelopePoint { tick, value: 64 };
    let volume_envelope = Envelope {
        enabled: true,
        points: vec![point(0), point(10), point(20)],
        sustain: Some(Span { start: 1, end: 1 }),
        ..Envelope::default()
    };
    let fadeout = if format == Format::It { 20 } else { 655 };
    Instrument { volume_envelope, fadeout, ..Instrument::plain(1) }
}

#[test]
fn released_notes_end_as_their_format_does() {
    for format in FORMATS {
        let mut song = song(format);
        let fades = matches!(format, Format::Xm | Format::It);
        if fades {
            song.instruments = vec![fading(format), Instrument::plain(1)];
        }
        let mut stage = Stage::new(song);
        assert!(peak(&stage.hear(HALF, &[on(0, 60)])[HALF - TICK..]) > 0.2);
        stage.hear(TICK, &[off(0, 60)]);
        let after = peak(&stage.hear(TICK, &[]));
        assert!(if fades { after > 0.1 } else { after == 0.0 }, "{format:?}: {after}");
        stage.hear(3 * RATE / 2, &[]);
        assert_eq!(stage.ended(), [address(0, 60)], "{format:?}");
        // Without an envelope or a fade-out the release cuts.
        stage.hear(HALF, &[on(1, 60)]);
        stage.hear(TICK, &[off(1, 60)]);
        assert_eq!(peak(&stage.hear(TICK, &[])), 0.0, "{format:?}");
    }
}

#[test]
fn the_same_key_again_gets_its_instruments_new_note_action() {
    for (action, sounding) in [
        (NewNoteAction::Cut, 1),
        (NewNoteAction::Continue, 2),
        (NewNoteAction::Off, 2),
        (NewNoteAction::Fade, 2),
    ] {
        let mut song = song(Format::It);
        song.instruments = vec![Instrument { new_note_action: action, ..fading(Format::It) }];
        let mut stage = Stage::new(song);
        let alone = rms(&stage.hear(4 * TICK, &[on(0, 60)])[TICK..]);
        // An octave higher under the same key, so that the levels add up.
        let tuning = busker::engine::Expression::Tuning(12.0);
        let both = stage.hear(4 * TICK, &[on(0, 60), EventKind::Expression(address(0, 60), tuning)]);
        assert_eq!(stage.ended().len(), 2 - sounding, "{action:?}");
        let expected = (sounding as f32).sqrt();
        assert_near(rms(&both[TICK..]) / alone, expected, 0.3);
        stage.hear(TICK, &[off(0, 60)]);
        stage.hear(2 * RATE, &[]);
        assert_eq!(stage.ended().len(), 2, "{action:?}");
    }
}

#[test]
fn a_key_struck_where_playing_starts_in_the_middle_of_a_song_plays_on_through_the_chase() {
    let mut stage = Stage::new(song(Format::It)).mode(1).play();
    stage.jump(6.3);
    let [left, _] = stage.output(5, HALF, &[on(1, 72)]);
    assert!(peak(&left[HALF / 2..]) > 0.05);
    assert_eq!(stage.ended(), []);
    assert!(peak(&stage.output(5, HALF, &[off(1, 72)])[0][HALF / 2..]) < 1e-3);
    assert_eq!(stage.ended(), [address(1, 72)]);
}
