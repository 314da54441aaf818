//! What the plugin sends: the song's notes on their frames, alike in both formats, and the ends of the host's own notes in CLAP.

use xtask::bounce::BlockPlan;
use xtask::bounce::Performance;
use xtask::bounce::TimedEvent;
use xtask::host::EventKind;
use xtask::host::Format;
use xtask::host::Note;
use xtask::host::NoteAction;

use crate::stage::FORMATS;
use crate::stage::KICK;
use crate::stage::insert;
use crate::stage::instrument;
use crate::stage::note;
use crate::stage::parameter;
use crate::stage::play;
use crate::stage::stopped;

/// A tick of the demo song at the host's 125 beats a minute.
const TICK: u64 = 960;

fn switch(frame: u64, on: bool) -> TimedEvent {
    let id = parameter(&mut *instrument(Format::Clap), "Note Out").id;
    TimedEvent { frame, kind: EventKind::Parameter { id, value: f64::from(u8::from(on)) } }
}

fn moved(frame: u64, value: f64) -> TimedEvent {
    let id = parameter(&mut *instrument(Format::Clap), "Bus 1 Gain").id;
    TimedEvent { frame, kind: EventKind::Parameter { id, value } }
}

/// Ten seconds of the demo song with note out on from the first frame.
fn song(blocks: BlockPlan, further: &[TimedEvent]) -> Performance {
    let events = [&[switch(0, true)], further].concat();
    Performance { frames: 480_000, events, blocks, ..Performance::default() }
}

/// What a format says, without what only one of them can.
fn sent(format: Format, performance: &Performance) -> Vec<TimedEvent> {
    let mut sent = play(format, performance).sent;
    sent.retain(|event| !matches!(event.kind, EventKind::Note { action: NoteAction::End, .. }));
    sent
}

/// Notes that begin, notes that end, and other messages; each key must go down and up in turn. Gives also the keys left down.
fn counted(sent: &[TimedEvent]) -> ([usize; 3], Vec<(u8, u8)>) {
    let (mut counts, mut down) = ([0; 3], Vec::new());
    for event in sent {
        match event.kind {
            EventKind::NoteOn { channel, key, .. } => {
                assert!(!down.contains(&(channel, key)), "key {key} begins twice at {}", event.frame);
                down.push((channel, key));
                counts[0] += 1;
            }
            EventKind::NoteOff { channel, key, .. } => {
                let held = down.iter().position(|note| *note == (channel, key));
                down.remove(held.unwrap_or_else(|| panic!("key {key} is not down at {}", event.frame)));
                counts[1] += 1;
            }
            _ => counts[2] += 1,
        }
    }
    (counts, down)
}

#[test]
fn a_songs_notes_bends_and_volumes_come_alike_in_both_formats() {
    // The gain moves inside ticks, so that calls are cut where no tick begins.
    let cuts: Vec<TimedEvent> = (0..400).map(|n| moved(777 + n * 1201, 0.3 + 0.001 * n as f64)).collect();
    for blocks in [512, 8192, 333] {
        let [clap, vst3] = FORMATS.map(|format| sent(format, &song(BlockPlan::Fixed(blocks), &cuts)));
        let ([begun, ended, moved], _) = counted(&clap);
        assert!(begun > 100 && ended > 90 && moved > 100, "{begun}, {ended}, {moved}");
        let first = clap.iter().zip(&vst3).find(|(a, b)| !alike(a, b));
        assert!(first.is_none(), "blocks of {blocks}: CLAP and VST3 differ first in {first:?}");
        assert_eq!(clap.len(), vst3.len(), "blocks of {blocks}");
    }
}

/// The same event, with velocities as near as CLAP's wider numbers let them be.
fn alike(a: &TimedEvent, b: &TimedEvent) -> bool {
    let strike = |kind| match kind {
        EventKind::NoteOn { channel, key, velocity } => {
            EventKind::NoteOn { channel, key, velocity: (velocity * 127.0).round() }
        }
        kind => kind,
    };
    a.frame == b.frame && strike(a.kind) == strike(b.kind)
}

#[test]
fn notes_come_on_the_frames_of_their_ticks_wherever_calls_are_cut() {
    let cuts: Vec<TimedEvent> = (0..300).map(|n| moved(501 + n * 1009, 0.5)).collect();
    for format in FORMATS {
        let whole = sent(format, &song(BlockPlan::Fixed(512), &[]));
        assert!(whole.iter().all(|event| event.frame % TICK == 0), "{format}");
        for blocks in [64, 8192] {
            assert!(sent(format, &song(BlockPlan::Fixed(blocks), &cuts)) == whole, "{format}: {blocks}");
        }
    }
}

#[test]
fn note_out_is_silent_until_it_is_switched_on_and_lets_go_on_its_frame() {
    for format in FORMATS {
        let off = Performance { frames: 96_000, ..Performance::default() };
        assert_eq!(sent(format, &off), [], "{format}");
        let sent = sent(format, &song(BlockPlan::Fixed(512), &[switch(300_333, false)]));
        let (_, down) = counted(&sent);
        assert_eq!(down, [], "{format}");
        assert_eq!(sent.last().map(|event| event.frame), Some(300_333), "{format}");
    }
}

#[test]
fn notes_of_the_host_end_once_they_have_died_away() {
    // Two kicks in a row and one that is released long after it has died away.
    let events = [note(1000, KICK, 60), note(20_000, KICK, 64)].concat();
    let performance = Performance { frames: 480_000, segments: stopped(), events, ..Performance::default() };
    let ends = |format| play(format, &performance).sent;
    let clap = ends(Format::Clap);
    let keys: Vec<u8> = clap
        .iter()
        .filter_map(|event| match event.kind {
            EventKind::Note { note: Note { channel: KICK, key, .. }, action: NoteAction::End } => Some(key),
            _ => None,
        })
        .collect();
    assert_eq!(keys, [60, 64], "{clap:?}");
    assert!(clap.iter().all(|event| event.frame > 1000), "{clap:?}");
    assert_eq!(ends(Format::Vst3), []);
}

#[test]
fn the_insert_sends_nothing_of_its_own_accord() {
    for format in FORMATS {
        let performance = Performance { events: vec![switch(0, true)], ..Performance::default() };
        let rendering = xtask::bounce::perform(&mut *insert(format), &performance).unwrap();
        assert_eq!(rendering.sent, [], "{format}");
    }
}
