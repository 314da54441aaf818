//! The framework's note events as the engine's, and the engine's as the framework's.

use crate::engine::Event;
use crate::engine::EventKind;
use crate::engine::Expression;
use crate::engine::NoteAddress;
use crate::params;
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
        NoteEvent::PolyModulation { voice_id, poly_modulation_id, normalized_offset, .. } => {
            // The host names the note by its id alone.
            let note = NoteAddress { channel: 0, key: 0, id: Some(voice_id) };
            let modulation = params::modulation(poly_modulation_id, normalized_offset)?;
            Some(EventKind::Modulation(note, modulation))
        }
        // Sent by us, told by the parameters themselves, or not asked for; the framework may add more.
        _ => None,
    }
}

/// `None` for what is not sent to hosts. Real-time: yes.
pub(super) fn write(event: &Event) -> Option<NoteEvent<()>> {
    let timing = event.frame;
    match event.kind {
        EventKind::NoteOn(note, velocity) => {
            let (voice_id, channel, key) = identity(note);
            Some(NoteEvent::NoteOn { timing, voice_id, channel, key, velocity })
        }
        EventKind::NoteOff(note) => {
            let (voice_id, channel, key) = identity(note);
            Some(NoteEvent::NoteOff { timing, voice_id, channel, key, velocity: 0.0 })
        }
        EventKind::NoteEnd(note) => {
            let (voice_id, channel, key) = identity(note);
            Some(NoteEvent::VoiceTerminated { timing, voice_id, channel, key })
        }
        EventKind::PitchBend { channel, value } => {
            // The framework spreads 0–1 over 16,383 steps, so that 8192, no bend, is not 0.5.
            let steps = libm::roundf((value + 1.0) * 8192.0).clamp(0.0, 16_383.0);
            Some(NoteEvent::MidiPitchBend { timing, channel, value: steps / 16_383.0 })
        }
        EventKind::Controller { channel, number, value } => {
            Some(NoteEvent::MidiCC { timing, channel, cc: number, value })
        }
        EventKind::Choke(_)
        | EventKind::AllNotesOff(_)
        | EventKind::AllSoundOff(_)
        | EventKind::Pressure { .. }
        | EventKind::Program { .. }
        | EventKind::Expression(..)
        | EventKind::Modulation(..) => None,
    }
}

fn identity(note: NoteAddress) -> (VoiceID, Channel, Key) {
    let voice = note.id.map_or(VoiceID::Wildcard, VoiceID::ID);
    (voice, Channel::Number(note.channel), Key::Number(note.key))
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
    use crate::engine::Modulation;
    use nice_plug::midi::MidiResult;

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
    fn bends_reach_the_host_in_whole_steps_of_fourteen_bits() {
        for steps in [0u16, 1, 4096, 8191, 8192, 8193, 12_345, 16_383] {
            let kind = EventKind::PitchBend { channel: 2, value: f32::from(steps) / 8192.0 - 1.0 };
            let sent = write(&Event { frame: 3, kind }).unwrap();
            let Some(MidiResult::Basic(bytes)) = sent.as_midi() else { panic!("not MIDI") };
            assert_eq!(bytes, [0xe2, (steps & 0x7f) as u8, (steps >> 7) as u8]);
        }
    }

    #[test]
    fn what_is_sent_reads_back_as_it_was() {
        let note = NoteAddress { channel: 3, key: 60, id: Some(5) };
        for kind in [
            EventKind::NoteOn(note, 0.5),
            EventKind::NoteOff(note),
            EventKind::Controller { channel: 1, number: 11, value: 0.25 },
        ] {
            let event = Event { frame: 9, kind };
            assert_eq!(write(&event).as_ref().and_then(read), Some(event));
        }
    }

    #[test]
    fn an_end_of_a_note_goes_to_the_note_it_names() {
        let address = NoteAddress { channel: 3, key: 60, id: Some(5) };
        let (voice_id, channel, key) = (VoiceID::ID(5), Channel::Number(3), Key::Number(60));
        let sent = write(&Event { frame: 17, kind: EventKind::NoteEnd(address) });
        assert_eq!(sent, Some(NoteEvent::VoiceTerminated { timing: 17, voice_id, channel, key }));
    }

    #[test]
    fn a_modulated_note_is_named_by_its_id_and_moves_in_semitones() {
        let (voice_id, poly_modulation_id) = (9, params::TRANSPOSE_MODULATION);
        let event =
            NoteEvent::PolyModulation { timing: 4, voice_id, poly_modulation_id, normalized_offset: 0.25 };
        let Some(Event { frame: 4, kind: EventKind::Modulation(note, Modulation::Transpose(amount)) }) =
            read(&event)
        else {
            panic!("{event:?}")
        };
        assert_eq!((note.id, amount.0), (Some(9), 12.0));
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
