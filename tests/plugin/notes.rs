//! Notes that hosts know by numbers, and the notes that songs send back.

use xtask::bounce::BlockPlan;
use xtask::bounce::Performance;
use xtask::bounce::Rendering;
use xtask::bounce::TimedEvent;
use xtask::host::EventKind;
use xtask::host::Format;
use xtask::host::Note;
use xtask::host::NoteAction;
use xtask::host::NoteExpression;
use xtask::host_time::Cue;
use xtask::host_time::TempoMap;

use crate::stage::FORMATS;
use crate::stage::LEAD;
use crate::stage::instrument;
use crate::stage::parameter;
use crate::stage::play;
use crate::stage::stopped;

const LOW: Note = Note { id: 7, channel: LEAD, key: 55 };
const HIGH: Note = Note { id: 8, channel: LEAD, key: 67 };

fn act(frame: u64, note: Note, action: NoteAction) -> TimedEvent {
    TimedEvent { frame, kind: EventKind::Note { note, action } }
}

/// Both notes, and whatever else happens, while the host stands.
fn both(format: Format, further: &[TimedEvent]) -> Rendering {
    let mut events: Vec<_> = [HIGH, LOW].map(|note| act(1000, note, NoteAction::On(0.8))).to_vec();
    events.extend_from_slice(further);
    events.extend([LOW, HIGH].map(|note| act(40_000, note, NoteAction::Off)));
    play(format, &Performance { segments: stopped(), events, ..Performance::default() })
}

#[test]
fn every_note_expression_means_the_same_in_both_formats() {
    let expressions = [
        (NoteExpression::Volume, 0.5),
        (NoteExpression::Pan, 0.125),
        (NoteExpression::Tuning, 3.0),
        (NoteExpression::Vibrato, 0.75),
        (NoteExpression::Expression, 0.25),
        (NoteExpression::Brightness, 0.25),
        (NoteExpression::Pressure, 0.5),
    ];
    for (expression, value) in expressions {
        let change = act(9_001, LOW, NoteAction::Express(expression, value));
        let [clap, vst3] = FORMATS.map(|format| both(format, &[change]));
        assert_eq!(clap.first_difference(&vst3), None, "{expression:?}");
        let plain = both(Format::Clap, &[]);
        assert!(plain.first_difference(&clap).is_some(), "{expression:?} does nothing");
    }
}

#[test]
fn a_note_expression_leaves_other_notes_alone() {
    for format in FORMATS {
        let silenced = both(format, &[act(1000, LOW, NoteAction::Express(NoteExpression::Volume, 0.0))]);
        let events = [act(1000, HIGH, NoteAction::On(0.8)), act(40_000, HIGH, NoteAction::Off)].to_vec();
        let alone = play(format, &Performance { segments: stopped(), events, ..Performance::default() });
        let (left, right) = (&silenced.planes(0)[0], &alone.planes(0)[0]);
        let worst = left.iter().zip(right).skip(2000).fold(0.0f32, |worst, (a, b)| worst.max((a - b).abs()));
        assert!(worst < 1e-6, "{format}: {worst}");
    }
}

#[test]
fn clap_modulates_single_notes() {
    let mut host = instrument(Format::Clap);
    let plain = both(Format::Clap, &[]);
    for name in ["Transpose", "Keyboard Gain"] {
        let id = parameter(&mut *host, name).id;
        let change = |note| act(9_001, note, NoteAction::Modulate { parameter: id, amount: -0.25 });
        let (low, high) = (both(Format::Clap, &[change(LOW)]), both(Format::Clap, &[change(HIGH)]));
        assert!(low.first_difference(&plain).is_some(), "{name} does nothing");
        assert!(low.first_difference(&high).is_some(), "{name} does the same to every note");
    }
}

#[test]
fn clap_hears_the_end_of_each_note_once() {
    let notes = (0..40).map(|id| Note { id, channel: LEAD, key: 40 + (id % 12) as u8 });
    let play_one = |note: Note| {
        let frame = 500 + note.id as u64 * 700;
        [act(frame, note, NoteAction::On(0.7)), act(frame + 3001, note, NoteAction::Off)]
    };
    let events = notes.flat_map(play_one).collect();
    let performance =
        Performance { frames: 12 * 48_000, segments: stopped(), events, ..Performance::default() };
    let rendering = play(Format::Clap, &performance);
    let ended = |event: &TimedEvent| match event.kind {
        EventKind::Note { note, action: NoteAction::End } => Some(note.id),
        _ => None,
    };
    let mut ids: Vec<_> = rendering.sent.iter().filter_map(ended).collect();
    ids.sort_unstable();
    assert_eq!(ids, (0..40).collect::<Vec<_>>());
    assert!(rendering.sent.windows(2).all(|pair| pair[0].frame <= pair[1].frame), "not in order");
}

/// Keys that are down after all that was sent.
fn left_down(sent: &[TimedEvent]) -> Vec<(u8, u8)> {
    let mut down = Vec::new();
    for event in sent {
        match event.kind {
            EventKind::NoteOn { channel, key, .. } => down.push((channel, key)),
            EventKind::NoteOff { channel, key, .. } => down.retain(|&other| other != (channel, key)),
            _ => {}
        }
    }
    down
}

#[test]
fn songs_send_the_same_notes_in_both_formats_however_blocks_are_cut() {
    let id = parameter(&mut *instrument(Format::Clap), "Note Out").id;
    let cues = [
        Cue { beat: Some(0.0), ..Cue::default() },
        Cue { frame: 60_001, beat: Some(9.3), ..Cue::default() },
        Cue { frame: 120_000, playing: false, ..Cue::default() },
    ];
    let frames = 144_000;
    let performance = |blocks| Performance {
        frames,
        blocks,
        segments: TempoMap::constant(131.0).segments(&cues, frames, 48_000.0),
        events: vec![TimedEvent { frame: 0, kind: EventKind::Parameter { id, value: 1.0 } }],
        ..Performance::default()
    };
    let reference = play(Format::Clap, &performance(BlockPlan::Fixed(512))).sent;
    let notes = reference.iter().filter(|event| matches!(event.kind, EventKind::NoteOn { .. })).count();
    assert!(notes > 20, "{notes} notes");
    assert_eq!(left_down(&reference), [], "notes hang when the host stops");
    for format in FORMATS {
        for blocks in [BlockPlan::Fixed(64), BlockPlan::Fixed(8192), BlockPlan::Random(6)] {
            let sent = play(format, &performance(blocks)).sent;
            let differs = sent.iter().zip(&reference).find(|(one, other)| one != other);
            assert_eq!(differs, None, "{format}, {blocks:?}");
            assert_eq!(sent.len(), reference.len(), "{format}, {blocks:?}");
        }
    }
}
