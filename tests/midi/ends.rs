//! One end for each note that the host began, and no note left hanging.

use crate::stage::*;
use busker::engine::Event;
use busker::engine::EventKind;
use busker::engine::NoteAddress;
use busker::engine::Target;
use busker::tracker::Song;
use busker::tracker::song::Format;
use busker::tracker::song::Instrument;
use busker::tracker::song::NewNoteAction;
use std::collections::BTreeMap;

/// A sequence of numbers that looks random (xorshift).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % bound
    }
}

/// A song whose notes die away in all ways there are.
pub(crate) fn lively(format: Format) -> Song {
    let mut song = song(format);
    if matches!(format, Format::Xm | Format::It) {
        let actions = [NewNoteAction::Cut, NewNoteAction::Continue, NewNoteAction::Off, NewNoteAction::Fade];
        let plain = (1..=4).zip(actions).map(|(sample, new_note_action)| Instrument {
            fadeout: if sample == 2 { 0 } else { 64 },
            new_note_action,
            ..Instrument::plain(sample)
        });
        song.instruments = plain.collect();
    }
    for row in (0..64).step_by(4) {
        put(&mut song, (row, row / 4 % 4), (48 + row as u8 % 24, 1 + row as u8 / 4 % 4));
    }
    song
}

/// `count` events on the first `frames` frames: notes with ids that never come again, releases, chokes, pedals.
pub(crate) fn storm(dice: &mut Dice, count: usize, frames: u64, next_id: &mut i32) -> Vec<Event> {
    let mut events: Vec<Event> = (0..count)
        .map(|_| {
            let channel = dice.below(16) as u8;
            let key = (30 + dice.below(95)) as u8;
            let any = NoteAddress { channel, key, id: None };
            let kind = match dice.below(20) {
                0..=9 => {
                    *next_id += 1;
                    let note = NoteAddress { id: Some(*next_id), ..any };
                    EventKind::NoteOn(note, dice.below(128) as f32 / 127.0)
                }
                10..=14 => EventKind::NoteOff(any),
                15 => EventKind::NoteOff(NoteAddress {
                    id: Some(dice.below(*next_id as u64 + 1) as i32),
                    ..any
                }),
                16 => EventKind::Choke(any),
                17 => control(channel, 64, dice.below(128) as u8),
                18 => control(
                    channel,
                    [120, 121, 123, 1, 5, 7, 10, 65, 71, 74][dice.below(10) as usize],
                    dice.below(128) as u8,
                ),
                _ => bend(channel, dice.below(200) as f32 / 100.0 - 1.0),
            };
            Event { frame: dice.below(frames) as u32, kind }
        })
        .collect();
    events.sort_by_key(|event| event.frame);
    events
}

/// Counts of begun and ended notes by their id.
fn tally(events: &[Event], counts: &mut BTreeMap<i32, (u32, u32)>) {
    for event in events {
        if let EventKind::NoteOn(NoteAddress { id: Some(id), .. }, velocity) = event.kind
            && velocity > 0.0
        {
            counts.entry(id).or_default().0 += 1;
        }
    }
}

fn let_go(stage: &mut Stage) {
    for pedal in 0..16 {
        stage.hear(1, &[control(pedal, 64, 0)]);
    }
    stage.hear(64, &[EventKind::AllNotesOff(None)]);
    stage.hear(12 * RATE, &[]);
}

#[test]
fn every_note_of_a_storm_ends_once_in_every_mode_and_format() {
    for format in FORMATS {
        for mode in 0..6 {
            let mut stage = Stage::new(lively(format)).mode(mode).play();
            let (mut dice, mut id, mut counts) = (Dice::new(mode as u64 + 7), 0, BTreeMap::new());
            for call in 0..12 {
                let frames = [64, 8192, 1, 700][call % 4];
                let events = storm(&mut dice, 100, frames as u64, &mut id);
                tally(&events, &mut counts);
                stage.call(frames, &events);
                if call == 9 {
                    stage.set(Target::Panic, 1.0);
                    stage.hear(10, &[]);
                    stage.set(Target::Panic, 0.0);
                }
            }
            let_go(&mut stage);
            for note in stage.ended() {
                counts.entry(note.id.unwrap()).or_default().1 += 1;
            }
            let wrong: Vec<_> = counts.iter().filter(|(_, (on, end))| on != end).collect();
            assert!(wrong.is_empty(), "{format:?}, mode {mode}: {wrong:?}");
            assert!(counts.len() > 400);
        }
    }
}

#[test]
fn five_thousand_events_in_one_block_lose_no_note_off() {
    for format in FORMATS {
        for mode in [0, 1, 2, 3] {
            let mut stage = Stage::new(lively(format)).mode(mode);
            stage.set(Target::SelectedInstrument, 1.0);
            // Every key goes down and up; what is left must be silence, the pedal never having been touched.
            let keys = (0..2500).flat_map(|n| {
                let (channel, key) = (n % 16, 30 + n % 90);
                [on(channel as u8, key as u8), off(channel as u8, key as u8)]
            });
            let events: Vec<Event> =
                keys.enumerate().map(|(n, kind)| Event { frame: n as u32 / 100, kind }).collect();
            assert_eq!(events.len(), 5000);
            stage.call(64, &events);
            stage.hear(12 * RATE, &[]);
            assert_eq!(peak(&stage.hear(TICK, &[])), 0.0, "{format:?}, mode {mode}");
            assert_eq!(stage.ended().len(), 2500, "{format:?}, mode {mode}");
            assert_eq!(stage.engine.dropped_outgoing(), 0);
        }
    }
}

#[test]
fn notes_end_when_their_mode_or_their_song_goes() {
    let mut stage = Stage::new(song(Format::Mod));
    stage.hear(TICK, &[on(0, 60)]);
    stage.set(Target::KeyboardMode, 1.0);
    stage.hear(2 * TICK, &[on(1, 62)]);
    assert_eq!(stage.ended(), [address(0, 60)]);
    stage.load(lively(Format::It));
    stage.hear(2 * TICK, &[]);
    assert_eq!(stage.ended(), [address(0, 60), address(1, 62)]);
    stage.set(Target::KeyboardMode, 2.0);
    stage.hear(TICK, &[on(2, 64)]);
    stage.load(song(Format::Mod));
    stage.hear(TICK, &[]);
    assert_eq!(stage.ended().last(), Some(&address(2, 64)));
}

#[test]
fn a_recording_that_ends_ends_its_note_with_the_key_still_down() {
    let mut stage = Stage::new(song(Format::It));
    let frames = 4182 * RATE / 8363;
    stage.hear(RATE, &[on(3, 60)]);
    let [(frame, EventKind::NoteEnd(note))] = stage.said[..] else { panic!("{:?}", stage.said) };
    assert_eq!(note, address(3, 60));
    let late = frame as usize - frames;
    assert!(late < RATE * 16 / 1000 + 2 * TICK, "{late} frames after the end");
}
