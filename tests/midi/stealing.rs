//! More keys than voices: which note goes, and how softly.

use crate::stage::*;
use busker::engine::EventKind;
use busker::engine::Target;
use busker::tracker::KEYBOARD_VOICES;
use busker::tracker::song::Format;
use busker::tracker::song::Instrument;

const VOICES: u8 = KEYBOARD_VOICES as u8;

/// Frames of the fade, rounded up.
const FADE: usize = 256;

fn soft(channel: u8, key: u8, midi: u8) -> EventKind {
    EventKind::NoteOn(address(channel, key), f32::from(midi) / 127.0)
}

#[test]
fn the_released_go_first_then_those_under_the_pedal_then_the_softest_then_the_oldest() {
    let mut song = song(Format::It);
    // Released notes stay: they fade slowly.
    let slow = Instrument { fadeout: 1, ..Instrument::plain(1) };
    song.instruments = vec![slow.clone(), slow];
    let mut stage = Stage::new(song);
    // All as loud but for key 20; key 30 is released, and on the other slot key 40 is under the pedal.
    let mut events: Vec<_> =
        (0..VOICES - 1).map(|key| soft(0, key, if key == 20 { 90 } else { 100 })).collect();
    events.extend([control(1, 64, 127), soft(1, 40, 127), off(1, 40), off(0, 30)]);
    stage.hear(4 * TICK, &events);
    assert!(stage.ended().is_empty());
    for (new, gone) in
        [(100, address(0, 30)), (101, address(1, 40)), (102, address(0, 20)), (103, address(0, 0))]
    {
        stage.hear(4 * TICK, &[soft(0, new, 127)]);
        assert_eq!(stage.ended().last(), Some(&gone), "key {new}");
    }
    assert_eq!(stage.ended().len(), 4);
}

/// Largest corner of a sound: what its second difference holds beside its own curvature.
fn corner(audio: &[f32]) -> f32 {
    audio.windows(3).map(|frames| (frames[2] - 2.0 * frames[1] + frames[0]).abs()).fold(0.0, f32::max)
}

/// A bass of 65 Hz and 63 silent notes, so that the next key steals.
fn bass(format: Format) -> Stage {
    let mut song = song(format);
    song.samples = vec![sine(128), looped(16, |_| 0.0)];
    Stage::new(song)
}

#[test]
fn a_stolen_choked_or_cut_bass_does_not_click() {
    const CLICK: f32 = 0.001; // -60 dBFS
    for format in FORMATS {
        for tone in 0..3 {
            let endings: [(&str, Vec<EventKind>); 4] = [
                ("stolen", vec![on(1, 110)]),
                ("choked", vec![EventKind::Choke(address(0, 60))]),
                ("released", vec![off(0, 60)]),
                ("cut", vec![control(0, 120, 0)]),
            ];
            for (name, events) in endings {
                let mut stage = bass(format);
                stage.set(Target::Tone, tone as f32);
                // The bass is the softest of all that are held, for the others count as louder than silent samples sound.
                let mut others: Vec<_> = (0..VOICES - 1).map(|key| on(1, 20 + key)).collect();
                others.push(soft(0, 60, 126));
                stage.hear(10 * TICK + 131, &others);
                let before = stage.hear(TICK, &[]);
                let ending = stage.hear(TICK, &events);
                let joined = [&before[before.len() - 2..], &ending].concat();
                assert!(peak(&before) > 0.2, "{format:?}, {name}");
                let (own, new) = (corner(&before), corner(&joined));
                assert!(new < own + CLICK, "{format:?}, tone {tone}, {name}: {new} after {own}");
                assert_eq!(peak(&ending[FADE..]), 0.0, "{format:?}, tone {tone}, {name}");
                assert_eq!(stage.ended().last(), Some(&address(0, 60)), "{format:?}, {name}");
            }
        }
    }
}

#[test]
fn a_chord_that_steals_a_chord_leaves_every_stolen_note_its_fade() {
    let mut song = song(Format::It);
    song.samples = vec![sine(128)];
    let mut stage = Stage::new(song);
    let chord: Vec<_> = (30..30 + VOICES).map(|key| soft(0, key, 40)).collect();
    stage.hear(20 * TICK, &chord);
    let before = stage.hear(TICK, &[]);
    let next: Vec<_> = (100..110).map(|key| soft(0, key, 1)).collect();
    let after = stage.hear(TICK, &next);
    let joined = [&before[before.len() - 2..], &after].concat();
    assert!(corner(&joined) < corner(&before) + 0.001, "{} after {}", corner(&joined), corner(&before));
    assert_eq!(stage.ended().len(), 10);
}

#[test]
fn keys_never_take_a_song_channel() {
    let mut song = song(Format::It);
    put(&mut song, (0, 0), (60, 1));
    let mut alone = Stage::new(song.clone()).play();
    let mut crowded = Stage::new(song).play();
    let expected = alone.output(4, RATE, &[]);
    let keys: Vec<_> = (0..100).flat_map(|key| [on(0, key), on(1, key)]).collect();
    assert_eq!(crowded.output(4, RATE, &keys), expected);
}
