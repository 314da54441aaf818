//! Instruments of IT: today's shape and that of versions before 2.00.

use crate::tracker::load::error::LoadError;
use crate::tracker::load::reader::Reader;
use crate::tracker::load::text;
use crate::tracker::load::text::Charset;
use crate::tracker::song::DuplicateAction;
use crate::tracker::song::DuplicateCheck;
use crate::tracker::song::Envelope;
use crate::tracker::song::EnvelopePoint;
use crate::tracker::song::Instrument;
use crate::tracker::song::KeyAssignment;
use crate::tracker::song::MoreOfInstrument;
use crate::tracker::song::NewNoteAction;
use crate::tracker::song::Span;

const SIGNATURE: &[u8; 4] = b"IMPI";
const POINTS: usize = 25;
/// Ends the points of an old envelope.
const NO_POINT: u8 = 0xff;

/// Reads an instrument of version 2.00 or later.
pub(super) fn read(reader: &mut Reader<'_>, charset: Charset) -> Result<Instrument, LoadError> {
    read_signature(reader)?;
    let [new_note_action, duplicate_check, duplicate_action] = reader.array()?;
    let fadeout = reader.u16_le()?;
    let separation = reader.signed_byte()?;
    let [centre, global_volume, panning, volume_swing, panning_swing] = reader.array()?;
    reader.skip(4);
    let name = text::name(reader.take(26)?, charset);
    let [cutoff, resonance] = reader.array()?;
    reader.skip(4);
    let keys = read_keys(reader)?;
    let (volume_envelope, _) = read_envelope(reader)?;
    let (panning_envelope, _) = read_envelope(reader)?;
    let (pitch_envelope, pitch_envelope_is_filter) = read_envelope(reader)?;
    Ok(Instrument {
        name,
        keys,
        volume_envelope,
        panning_envelope,
        pitch_envelope,
        pitch_envelope_is_filter,
        fadeout,
        new_note_action: new_note_action_of(new_note_action),
        duplicate_check: match duplicate_check {
            1 => DuplicateCheck::Note,
            2 => DuplicateCheck::Sample,
            3 => DuplicateCheck::Instrument,
            _ => DuplicateCheck::Off,
        },
        duplicate_action: match duplicate_action {
            1 => DuplicateAction::Off,
            2 => DuplicateAction::Fade,
            _ => DuplicateAction::Cut,
        },
        global_volume: global_volume.min(128),
        panning: (panning & 0x80 == 0).then_some(if panning > 64 { 128 } else { u16::from(panning) * 4 }),
        pitch_pan_separation: separation.clamp(-32, 32),
        pitch_pan_centre: centre.min(119),
        volume_swing: volume_swing.min(100),
        panning_swing: panning_swing.min(64),
        filter_cutoff: (cutoff & 0x80 != 0).then_some(cutoff & 0x7f),
        filter_resonance: (resonance & 0x80 != 0).then_some(resonance & 0x7f),
        more: MoreOfInstrument::default(),
    })
}

/// Reads an instrument of a version before 2.00: one envelope, no swing, no filter.
pub(super) fn read_old(reader: &mut Reader<'_>, charset: Charset) -> Result<Instrument, LoadError> {
    read_signature(reader)?;
    let [flags, loop_start, loop_end, sustain_start, sustain_end] = reader.array()?;
    reader.skip(2);
    let fadeout = reader.u16_le()?;
    let [new_note_action, duplicate_check] = reader.array()?;
    reader.skip(4);
    let name = text::name(reader.take(26)?, charset);
    reader.skip(6);
    let keys = read_keys(reader)?;
    reader.skip(200); // the envelope drawn out, which playing does not need
    let mut points = Vec::with_capacity(POINTS);
    for [tick, value] in reader.array::<{ 2 * POINTS }>()?.as_chunks::<2>().0 {
        if *tick == NO_POINT {
            break;
        }
        points.push((u16::from(*tick), (*value).min(64).cast_signed()));
    }
    Ok(Instrument {
        name,
        keys,
        volume_envelope: envelope(flags & 7, &points, [loop_start, loop_end, sustain_start, sustain_end]),
        // Counted from 512 instead of 1024.
        fadeout: fadeout.saturating_mul(2),
        new_note_action: new_note_action_of(new_note_action),
        duplicate_check: if duplicate_check == 0 { DuplicateCheck::Off } else { DuplicateCheck::Note },
        ..Instrument::plain(0)
    })
}

/// `IMPI` and the name under DOS.
fn read_signature(reader: &mut Reader<'_>) -> Result<(), LoadError> {
    let signature = reader.array()?;
    // Some trackers leave the signature of unused instruments empty.
    if signature != *SIGNATURE && signature != [0; 4] {
        return Err(reader.invalid(4, u32::from_be_bytes(signature)));
    }
    reader.skip(13);
    Ok(())
}

fn read_keys(reader: &mut Reader<'_>) -> Result<Box<[KeyAssignment; 120]>, LoadError> {
    let mut keys = Box::new([KeyAssignment::default(); 120]);
    for (own, assignment) in (0..).zip(keys.iter_mut()) {
        let [key, sample] = reader.array()?;
        // Keys beyond the scale sound as themselves.
        *assignment = KeyAssignment { key: if key < 120 { key } else { own }, sample: sample.into() };
    }
    Ok(keys)
}

fn new_note_action_of(number: u8) -> NewNoteAction {
    match number {
        1 => NewNoteAction::Continue,
        2 => NewNoteAction::Off,
        3 => NewNoteAction::Fade,
        _ => NewNoteAction::Cut,
    }
}

/// An envelope and whether it moves the filter.
fn read_envelope(reader: &mut Reader<'_>) -> Result<(Envelope, bool), LoadError> {
    let [flags, count, loop_start, loop_end, sustain_start, sustain_end] = reader.array()?;
    let mut points = Vec::with_capacity(POINTS);
    for _ in 0..POINTS {
        let value = reader.signed_byte()?;
        points.push((reader.u16_le()?, value.clamp(-32, 64)));
    }
    points.truncate(count.into());
    reader.skip(1);
    Ok((envelope(flags, &points, [loop_start, loop_end, sustain_start, sustain_end]), flags & 0x80 != 0))
}

/// Flags: 1 on, 2 loop, 4 sustain loop, 8 carry. Marks: start and end of the loop, then of the sustain loop.
fn envelope(flags: u8, points: &[(u16, i8)], marks: [u8; 4]) -> Envelope {
    let [loop_start, loop_end, sustain_start, sustain_end] = marks;
    let span = |wanted: bool, start: u8, end: u8| {
        (wanted && start <= end && usize::from(end) < points.len()).then_some(Span { start, end })
    };
    let mut last_tick = 0;
    let ordered = points.iter().map(|&(tick, value)| {
        last_tick = tick.max(last_tick);
        EnvelopePoint { tick: last_tick, value }
    });
    Envelope {
        enabled: flags & 1 != 0,
        points: ordered.collect(),
        envelope_loop: span(flags & 2 != 0, loop_start, loop_end),
        sustain: span(flags & 4 != 0, sustain_start, sustain_end),
        carry: flags & 8 != 0,
    }
}
