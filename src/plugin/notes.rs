//! The framework's note events as the engine's.

use crate::engine::Event;
use crate::engine::EventKind;
use crate::engine::Expression;
use crate::engine::NoteAddress;
use nice_plug::midi::Channel;
use nice_plug::midi::Key;
use nice_plug::midi::VoiceID;
use nice_plug::prelude::NoteEvent;

/// `None` for what the engine has no use for. Real-time: yes.
pub(super) fn read(note: &NoteEvent<()>) -> Option<Event> {
    kind(note).map(|kind| Event { frame: note.timing(), kind })
}

fn kind(note: &NoteEvent<()>) -> Option<EventKind> {
    let expression = |voice, channel, key, expression| {
        Some(EventKind::Expression(address(voice, channel, key)?, expression))
    };
    match *note {
        NoteEvent::NoteOn { voice_id, channel, key, velocity, .. } => {
            Some(EventKind::NoteOn(address(voice_id, channel, key)?, velocity))
        }
        NoteEvent::NoteOff { voice_id, channel, key, .. } => Some(
            address(voice_id, channel, key)
                .map_or(EventKind::AllNotesOff(number(channel)), EventKind::NoteOff),
        ),
        NoteEvent::Choke { voice_id, channel, key, .. } => Some(
            address(voice_id, channel, key).map_or(EventKind::AllSoundOff(number(channel)), EventKind::Choke),
        ),
        NoteEvent::PolyPressure { voice_id, channel, key, pressure, .. } => {
            expression(voice_id, channel, key, Expression::Pressure(pressure))
        }
        NoteEvent::PolyVolume { voice_id, channel, key, gain, .. } => {
            expression(voice_id, channel, key, Expression::Volume(gain))
        }
        NoteEvent::PolyPan { voice_id, channel, key, pan, .. } => {
            expression(voice_id, channel, key, Expression::Pan(pan))
        }
        NoteEvent::PolyTuning { voice_id, channel, key, tuning, .. } => {
            expression(voice_id, channel, key, Expression::Tuning(tuning))
        }
        NoteEvent::PolyVibrato { voice_id, channel, key, vibrato, .. } => {
            expression(voice_id, channel, key, Expression::Vibrato(vibrato))
        }
        // What MIDI calls expression is a volume of the note's own.
        NoteEvent::PolyExpression { voice_id, channel, key, expression: value, .. } => {
            expression(voice_id, channel, key, Expression::Volume(value))
        }
        NoteEvent::PolyBrightness { voice_id, channel, key, brightness, .. } => {
            expression(voice_id, channel, key, Expression::Brightness(brightness))
        }
        NoteEvent::MidiChannelPressure { channel, pressure, .. } => {
            Some(EventKind::Pressure { channel, value: pressure })
        }
        NoteEvent::MidiPitchBend { channel, value, .. } => {
            Some(EventKind::PitchBend { channel, value: value * 2.0 - 1.0 })
        }
        NoteEvent::MidiCC { channel, cc, value, .. } => {
            Some(EventKind::Controller { channel, number: cc, value })
        }
        NoteEvent::MidiProgramChange { channel, program, .. } => {
            Some(EventKind::Program { channel, program })
        }
        // Sent by us or not asked for; the framework may add more.
        _ => None,
    }
}

/// `None` where the host means every channel.
fn number(channel: Channel) -> Option<u8> {
    match channel {
        Channel::Number(number) => Some(number),
        Channel::Wildcard => None,
    }
}

/// `None` where the host names neither a key nor a note: such an event is for all notes.
fn address(voice: VoiceID, channel: Channel, key: Key) -> Option<NoteAddress> {
    let id = match voice {
        VoiceID::ID(id) => Some(id),
        VoiceID::Wildcard => None,
    };
    let channel = number(channel).unwrap_or(0);
    let key = match (key, id) {
        (Key::Number(number), _) => number,
        (Key::Wildcard, Some(_)) => 0,
        (Key::Wildcard, None) => return None,
    };
    Some(NoteAddress { channel, key, id })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_keep_their_frame_and_identity() {
        let (voice_id, channel, key) = (VoiceID::ID(5), Channel::Number(3), Key::Number(60));
        let on = NoteEvent::NoteOn { timing: 17, voice_id, channel, key, velocity: 0.5 };
        let address = NoteAddress { channel: 3, key: 60, id: Some(5) };
        assert_eq!(read(&on), Some(Event { frame: 17, kind: EventKind::NoteOn(address, 0.5) }));
    }

    #[test]
    fn the_middle_of_a_bend_is_zero() {
        let bend = NoteEvent::MidiPitchBend { timing: 0, channel: 1, value: 0.5 };
        assert_eq!(read(&bend).unwrap().kind, EventKind::PitchBend { channel: 1, value: 0.0 });
    }

    #[test]
    fn a_release_of_no_note_in_particular_is_for_all() {
        let (voice_id, channel, key) = (VoiceID::Wildcard, Channel::Wildcard, Key::Wildcard);
        let off = NoteEvent::NoteOff { timing: 0, voice_id, channel, key, velocity: 0.0 };
        assert_eq!(read(&off).map(|event| event.kind), Some(EventKind::AllNotesOff(None)));
        let on = NoteEvent::NoteOn { timing: 0, voice_id, channel, key, velocity: 1.0 };
        assert_eq!(read(&on), None);
    }
}
