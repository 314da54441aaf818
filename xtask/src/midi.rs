//! A standard MIDI file in, events on the host's timeline and its tempo out.
//!
//! All tracks play together. Tempos and time signatures become the host's. Played along the host's time, events sound each time it
//! comes by, and what is held when it jumps away is released, as sequencers do. SMPTE time division, system exclusive and other meta
//! events are left out.

use midly::MetaMessage;
use midly::MidiMessage;
use midly::Smf;
use midly::Timing;
use midly::TrackEventKind;

use crate::bounce::TimedEvent;
use crate::error::TaskError;
use crate::host::EventKind;
use crate::host::Told;
use crate::host_time::Segment;
use crate::host_time::TempoMap;
use crate::host_time::TempoPoint;

/// What a MIDI file says.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// How fast it runs.
    pub map: TempoMap,
    /// Notes and channel messages with their beats, in order.
    pub events: Vec<(f64, EventKind)>,
}

/// The tempo of a file that names none, by the standard.
const DEFAULT_TEMPO: f64 = 120.0;

/// Reads a MIDI file. A given tempo replaces those of the file.
pub fn read(bytes: &[u8], tempo: Option<f64>) -> Result<Score, TaskError> {
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
    let mut points = vec![TempoPoint { beat: 0.0, tempo: tempo.unwrap_or(DEFAULT_TEMPO), ramp: false }];
    let (mut signatures, mut events) = (Vec::new(), Vec::new());
    for (at, kind) in all {
        let beat = at as f64 / ticks_per_beat;
        match kind {
            TrackEventKind::Midi { channel, message } => {
                events.extend(event_of(channel.as_int(), message).map(|kind| (beat, kind)));
            }
            TrackEventKind::Meta(MetaMessage::Tempo(microseconds)) if tempo.is_none() => {
                points.retain(|point| point.beat < beat);
                let tempo = 60e6 / f64::from(microseconds.as_int().max(1));
                points.push(TempoPoint { beat, tempo, ramp: false });
            }
            TrackEventKind::Meta(MetaMessage::TimeSignature(numerator, power, _, _)) => {
                signatures.push((beat, (u16::from(numerator.max(1)), 1 << power.min(7))));
            }
            _ => {}
        }
    }
    let with = |map: TempoMap, (beat, signature)| map.with_signature(beat, signature);
    Ok(Score { map: signatures.into_iter().fold(TempoMap::new(points), with), events })
}

impl Score {
    /// The events on the frames on which the host comes by.
    pub fn along(&self, segments: &[Segment], frames: u64, rate: f64) -> Vec<TimedEvent> {
        let (mut placed, mut held) = (Vec::new(), Vec::new());
        for (index, segment) in segments.iter().enumerate().filter(|(_, segment)| segment.playing) {
            let next = segments.get(index + 1);
            let end = next.map_or(frames, |next| next.frame);
            let reached = segment.transport_at(end, rate, Told::default()).beats;
            let frame_beats = segment.tempo / (60.0 * rate);
            let goes_on = next.filter(|next| next.playing && (next.beat - reached).abs() < 2.0 * frame_beats);
            let beats = segment.beat..goes_on.map_or(reached, |next| next.beat);
            let start = self.map.seconds_at(segment.beat);
            for &(beat, kind) in self.events.iter().filter(|(beat, _)| beats.contains(beat)) {
                let passed = (self.map.seconds_at(beat) - start) * rate;
                placed.push(TimedEvent { frame: segment.frame + passed.round() as u64, kind });
                hold(&mut held, kind);
            }
            if goes_on.is_none() {
                placed.extend(held.drain(..).map(|kind| TimedEvent { frame: end, kind }));
            }
        }
        placed
    }
}

/// Keeps the releases of all keys that are down.
fn hold(held: &mut Vec<EventKind>, kind: EventKind) {
    match kind {
        EventKind::NoteOn { channel, key, .. } => {
            held.push(EventKind::NoteOff { channel, key, velocity: 0.0 });
        }
        EventKind::NoteOff { channel, key, .. } => {
            let down = EventKind::NoteOff { channel, key, velocity: 0.0 };
            held.retain(|&other| other != down);
        }
        EventKind::Note { .. } | EventKind::Midi(_) | EventKind::Parameter { .. } => {}
    }
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
    use crate::host_time::Cue;

    const RATE: f64 = 48_000.0;

    /// One track at 96 ticks a beat: a note at beat 1, tempo 60 at beat 2, its end at beat 3.
    const FILE: &[u8] = b"MThd\0\0\0\x06\0\0\0\x01\0\x60MTrk\0\0\0\x13\
        \x60\x90\x3c\x7f\x60\xff\x51\x03\x0f\x42\x40\x60\x80\x3c\x00\0\xff\x2f\0";

    fn played(score: &Score, loop_beats: Option<(f64, f64)>, frames: u64) -> (Vec<Segment>, Vec<TimedEvent>) {
        let cue = Cue { beat: Some(0.0), loop_beats, ..Cue::default() };
        let segments = score.map.segments(&[cue], frames, RATE);
        let events = score.along(&segments, frames, RATE);
        (segments, events)
    }

    #[test]
    fn notes_land_on_the_frames_their_beats_have_after_a_tempo_change() {
        let (segments, events) = played(&read(FILE, None).unwrap(), None, 480_000);
        assert_eq!(events.iter().map(|event| event.frame).collect::<Vec<_>>(), [24_000, 48_000 + 48_000]);
        assert_eq!(events[0].kind, EventKind::NoteOn { channel: 0, key: 60, velocity: 1.0 });
        let places: Vec<_> =
            segments.iter().map(|segment| (segment.frame, segment.beat, segment.tempo)).collect();
        assert_eq!(places, [(0, 0.0, 120.0), (48_000, 2.0, 60.0)]);
    }

    #[test]
    fn given_tempo_replaces_those_of_the_file() {
        let (segments, events) = played(&read(FILE, Some(240.0)).unwrap(), None, 480_000);
        assert_eq!(events.iter().map(|event| event.frame).collect::<Vec<_>>(), [12_000, 36_000]);
        assert_eq!(segments.len(), 1);
    }

    #[test]
    fn a_loop_repeats_the_notes_and_releases_what_is_held_at_its_end() {
        let (_, events) = played(&read(FILE, Some(120.0)).unwrap(), Some((0.0, 2.0)), 96_000);
        let places: Vec<_> = events
            .iter()
            .map(|event| (event.frame, matches!(event.kind, EventKind::NoteOn { .. })))
            .collect();
        assert_eq!(places, [(24_000, true), (48_000, false), (72_000, true), (96_000, false)]);
    }

    #[test]
    fn other_files_are_named_as_such() {
        assert!(matches!(read(b"RIFF", None), Err(TaskError::Midi(_))));
    }
}
