//! MIDI macros of Impulse Tracker, as far as they move its filters.
//!
//! In: a macro's text and Zxx's parameter. Out: cutoff and resonance of channels. Audio thread. Messages for MIDI
//! devices are read past. Source: the `*Macro*` and `Zxx*` test modules and OpenMPT's manual, "Zxx macros".

use super::state::Context;
use super::state::Voice;
use super::ways::Way;

/// `SF0` where a song has no macros of its own.
const DEFAULT_PARAMETERED: &str = "F0F000z";

/// Bytes of one macro, at most.
const MAX_BYTES: usize = 64;

/// What a macro does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    Cutoff(u8),
    Resonance(u8),
    /// MIDI start, stop and reset open all filters.
    Reset,
}

/// What Zxx sends.
pub(crate) fn bytes(cx: &Context<'_>, ch: &Voice, parameter: u8) -> Bytes {
    let mut bytes = Bytes::default();
    match &cx.song.macros {
        Some(macros) if parameter < 0x80 => {
            let text = macros.parametered.get(usize::from(ch.macro_slot & 15));
            write_bytes(cx, ch, parameter, text.map_or("", |text| text), &mut bytes);
        }
        Some(macros) => {
            let text = macros.fixed.get(usize::from(parameter & 0x7F));
            write_bytes(cx, ch, parameter, text.map_or("", |text| text), &mut bytes);
        }
        None if parameter < 0x80 => {
            let text = if ch.macro_slot == 0 { DEFAULT_PARAMETERED } else { "" };
            write_bytes(cx, ch, parameter, text, &mut bytes);
        }
        // Z80 to Z8F set the resonance in sixteenths.
        None if parameter < 0x90 => {
            for byte in [0xF0, 0xF0, 0x01, (parameter & 15) * 8] {
                bytes.push(byte);
            }
        }
        None => {}
    }
    bytes
}

/// The bytes of a macro, its letters replaced.
pub(crate) struct Bytes {
    data: [u8; MAX_BYTES],
    length: usize,
    /// The first digit of a byte.
    digit: Option<u8>,
}

impl Default for Bytes {
    fn default() -> Self {
        Self { data: [0; MAX_BYTES], length: 0, digit: None }
    }
}

impl Bytes {
    fn push(&mut self, byte: u8) {
        if let Some(slot) = self.data.get_mut(self.length) {
            *slot = byte;
            self.length += 1;
        }
    }

    fn push_digit(&mut self, digit: u8) {
        match self.digit.take() {
            Some(first) => self.push(first << 4 | digit),
            None => self.digit = Some(digit),
        }
    }

    /// Gives each message to `act`.
    pub(crate) fn read_messages(&self, mut act: impl FnMut(Message)) {
        read_messages(&self.data[..self.length], &mut act); // `length` is at most MAX_BYTES
    }

    /// Ends a byte of which only one digit has come.
    fn finish_byte(&mut self) {
        if let Some(digit) = self.digit.take() {
            self.push(digit);
        }
    }
}

fn write_bytes(cx: &Context<'_>, ch: &Voice, parameter: u8, text: &str, bytes: &mut Bytes) {
    for letter in text.bytes() {
        match letter {
            b'0'..=b'9' => bytes.push_digit(letter - b'0'),
            b'A'..=b'F' => bytes.push_digit(letter - b'A' + 10),
            b'c' => bytes.push_digit(0),
            _ => {
                if let Some(value) = variable(cx, ch, parameter, letter) {
                    bytes.finish_byte();
                    bytes.push(value);
                }
            }
        }
    }
    bytes.finish_byte();
}

/// The value that a letter stands for.
fn variable(cx: &Context<'_>, ch: &Voice, parameter: u8, letter: u8) -> Option<u8> {
    let strength = ch.channel_volume * ch.instrument_volume;
    let scaled = |volume: i32, shift: u32| {
        let product = i64::from(volume * cx.flow.global_volume) * i64::from(strength);
        ((product >> shift) / 2).clamp(1, 127) as u8
    };
    let swings = cx.rules.it(Way::SwingActsOnInstrumentVolume) || cx.rules.quirks.old_swing;
    match letter {
        b'z' => Some(parameter),
        b'n' => ch.last_key.or(Some(0)),
        b'v' => Some(scaled(ch.volume + if swings { ch.volume_swing } else { 0 }, 20)),
        b'u' => Some(scaled(ch.level_before_globals, 26)),
        b'x' => Some((ch.panning / 2).clamp(0, 127) as u8),
        b'y' => Some((ch.real_panning / 2).clamp(0, 127) as u8),
        b'o' => Some((ch.memory.offset >> 8) as u8),
        b'h' => Some((ch.owner & 0x7F) as u8),
        b'm' => Some(ch.sound.backwards.into()),
        b'a' | b'b' | b'p' => Some(0),
        _ => None,
    }
}

fn read_messages(bytes: &[u8], act: &mut impl FnMut(Message)) {
    let mut rest = bytes;
    let mut running = None;
    while let Some(&status) = rest.first() {
        let length = match rest {
            [0xF0, 0xF0 | 0xF1, _, _, ..] => 4,
            [0xF0, ..] => rest.iter().position(|&byte| byte == 0xF7).map_or(rest.len(), |end| end + 1),
            // Data without a status belong to the last one; before any they are passed over.
            [0x00..=0x7F, ..] => running.map_or(1, |status| message_bytes(status) - 1),
            _ => message_bytes(status),
        };
        if matches!(status, 0x80..=0xEF) {
            running = Some(status);
        }
        match rest {
            [0xF0, 0xF0, 0x00, value @ 0..0x80, ..] => act(Message::Cutoff(*value)),
            [0xF0, 0xF0, 0x01, value @ 0..0x80, ..] => act(Message::Resonance(*value)),
            _ if matches!(status, 0xFA | 0xFC | 0xFF) => act(Message::Reset),
            _ => {}
        }
        rest = rest.get(length..).unwrap_or(&[]);
    }
}

/// Bytes of a MIDI message with its status, at least 1.
fn message_bytes(status: u8) -> usize {
    match status {
        0xC0..=0xDF | 0xF1 | 0xF3 => 2,
        0x80..=0xEF | 0xF2 => 3,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(bytes: &[u8]) -> Vec<Message> {
        let mut all = Vec::new();
        read_messages(bytes, &mut |message| all.push(message));
        all
    }

    #[test]
    fn one_macro_may_hold_several_messages() {
        let bytes = [0xF0, 0xF0, 0x00, 0x40, 0xB0, 0x07, 0x7F, 0xF0, 0xF0, 0x01, 0x10, 0xFA];
        assert_eq!(messages(&bytes), [Message::Cutoff(0x40), Message::Resonance(0x10), Message::Reset]);
    }

    #[test]
    fn values_past_seven_bits_are_no_filter_settings() {
        assert_eq!(messages(&[0xF0, 0xF0, 0x00, 0x80]), []);
    }
}
