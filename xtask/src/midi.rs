//! A standard MIDI file in, events on frames and the host's tempo out.
//!
//! All tracks play together. Tempo changes become segments of the host's time. SMPTE time division, system exclusive
//! and other meta events are left out.

use midly::MetaMessage;
use midly::MidiMessage;
use midly::Smf;
use midly::Timing;
use midly::TrackEventKind;

use crate::bounce::Segment;
use crate::bounce::TimedEvent;
use crate::error::TaskError;
use crate::host::EventKind;

/// What a MIDI file says, on a host's frames.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// The host's time; one per tempo change.
    pub segments: Vec<Segment>,
    /// Notes and channel messages.
    pub events: Vec<TimedEvent>,
}

/// The tempo of a file that names none, by the standard.
const DEFAULT_TEMPO: f64 = 120.0;

/// Reads a MIDI file. A given tempo replaces those of the file.
pub fn read(bytes: &[u8], rate: f64, tempo: Option<f64>) -> Result<Score, TaskError> {
    let file = Smf::parse(bytes).map_err(|error| TaskError::Midi(error.to_string()))?;
    let Timing::Metrical(ticks_per_beat) = file.header.timing else {
        return Err(TaskError::Midi("SMPTE time division is not supported".to_owned()));
    };
    let ticks_per_beat = f64::from(ticks_per_beat.as_int().max(1));
    let mut all = Vec::new();
    for track in &file.tracks {
        let mut at = 0u64;
        for event in track {
            at += u64::from(event.delta.as_int());
            all.push((at, event.kind));
        }
    }
    all.sort_by_key(|(at, _)| *at);
    let mut score = Score { segments: Vec::new(), events: Vec::new() };
    let mut now = Segment { tempo: tempo.unwrap_or(DEFAULT_TEMPO), ..Segment::default() };
    // Kept with its fraction, so that many tempo changes do not add up rounding.
    let mut segment_start = 0.0;
    for (at, kind) in all {
        let beat = at as f64 / ticks_per_beat;
        let frame = segment_start + (beat - now.beat) * 60.0 / now.tempo * rate;
        match kind {
            TrackEventKind::Midi { channel, message } => {
                let kind = event_of(channel.as_int(), message);
                score.events.extend(kind.map(|kind| TimedEvent { frame: frame.round() as u64, kind }));
            }
            TrackEventKind::Meta(MetaMessage::Tempo(microseconds)) if tempo.is_none() => {
                if frame.round() as u64 > now.frame {
                    score.segments.push(now);
                }
                segment_start = frame;
                let tempo = 60e6 / f64::from(microseconds.as_int().max(1));
                now = Segment { frame: frame.round() as u64, beat, tempo, ..now };
            }
            _ => {}
        }
    }
    score.segments.push(now);
    Ok(score)
}

fn event_of(channel: u8, message: MidiMessage) -> Option<EventKind> {
    let velocity = |value: midly::num::u7| f64::from(value.as_int()) / 127.0;
    Some(match message {
        MidiMessage::NoteOn { key, vel } if vel > 0 => {
            EventKind::NoteOn { channel, key: key.as_int(), velocity: velocity(vel) }
        }
        MidiMessage::NoteOn { key, vel } | MidiMessage::NoteOff { key, vel } => {
            EventKind::NoteOff { channel, key: key.as_int(), velocity: velocity(vel) }
        }
        MidiMessage::Controller { controller, value } => {
            EventKind::Midi([0xb0 | channel, controller.as_int(), value.as_int()])
        }
        MidiMessage::PitchBend { bend } => {
            let value = bend.0.as_int();
            EventKind::Midi([0xe0 | channel, (value & 0x7f) as u8, (value >> 7) as u8])
        }
        MidiMessage::ChannelAftertouch { vel } => EventKind::Midi([0xd0 | channel, vel.as_int(), 0]),
        MidiMessage::ProgramChange { program } => EventKind::Midi([0xc0 | channel, program.as_int(), 0]),
        MidiMessage::Aftertouch { key, vel } => EventKind::Midi([0xa0 | channel, key.as_int(), vel.as_int()]),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One track at 96 ticks a beat: a note at beat 1, tempo 60 at beat 2, its end at beat 3.
    const FILE: &[u8] = b"MThd\0\0\0\x06\0\0\0\x01\0\x60MTrk\0\0\0\x13\
        \x60\x90\x3c\x7f\x60\xff\x51\x03\x0f\x42\x40\x60\x80\x3c\x00\0\xff\x2f\0";

    #[test]
    fn notes_land_on_the_frames_their_beats_have_after_a_tempo_change() {
        let score = read(FILE, 48_000.0, None).unwrap();
        let frames: Vec<_> = score.events.iter().map(|event| event.frame).collect();
        assert_eq!(frames, [24_000, 48_000 + 48_000]);
        assert_eq!(score.events[0].kind, EventKind::NoteOn { channel: 0, key: 60, velocity: 1.0 });
        let second = Segment { frame: 48_000, beat: 2.0, tempo: 60.0, ..Segment::default() };
        assert_eq!(score.segments, [Segment { tempo: 120.0, ..Segment::default() }, second]);
    }

    #[test]
    fn given_tempo_replaces_those_of_the_file() {
        let score = read(FILE, 48_000.0, Some(240.0)).unwrap();
        assert_eq!(score.events.iter().map(|event| event.frame).collect::<Vec<_>>(), [12_000, 36_000]);
        assert_eq!(score.segments.len(), 1);
    }

    #[test]
    fn other_files_are_named_as_such() {
        assert!(matches!(read(b"RIFF", 48_000.0, None), Err(TaskError::Midi(_))));
    }
}
