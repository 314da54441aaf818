//! Names and messages of a file's bytes as clean text: no padding, no control characters, known character sets.

/// Character set of a file's texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Charset {
    /// Code page 437, of trackers under DOS.
    Dos,
    /// ISO 8859-1, of trackers on the Amiga and under Windows.
    Latin,
}

/// Upper half of code page 437 (IBM, 1981; Unicode's mapping table VENDORS/MICSFT/PC/CP437.TXT).
const DOS_UPPER: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐\
└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";

/// A name in a field of fixed width: zeros and control characters read as spaces, padding is dropped.
pub(super) fn name(field: &[u8], charset: Charset) -> String {
    let text: String = field.iter().map(|&byte| character(byte, charset)).collect();
    text.trim_end().to_owned()
}

/// A name that ends at the first zero.
pub(super) fn terminated_name(field: &[u8], charset: Charset) -> String {
    let end = field.iter().position(|&byte| byte == 0).unwrap_or(field.len());
    name(&field[..end], charset)
}

/// A message that ends at the first zero; any kind of line end becomes `\n`.
pub(super) fn message(field: &[u8], charset: Charset) -> String {
    let end = field.iter().position(|&byte| byte == 0).unwrap_or(field.len());
    let mut text = String::with_capacity(end);
    let mut last = 0;
    for &byte in &field[..end] {
        match byte {
            b'\n' if last == b'\r' => {}
            b'\r' | b'\n' => text.push('\n'),
            _ => text.push(character(byte, charset)),
        }
        last = byte;
    }
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.join("\n").trim_end().to_owned()
}

fn character(byte: u8, charset: Charset) -> char {
    match (byte, charset) {
        (0..0x20 | 0x7f, _) => ' ',
        (0x20..0x7f, _) => char::from(byte),
        (_, Charset::Dos) => DOS_UPPER.chars().nth(usize::from(byte - 0x80)).unwrap_or(' '),
        (0x80..0xa0, Charset::Latin) => ' ',
        (_, Charset::Latin) => char::from(byte),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_and_control_characters_do_not_reach_a_name() {
        assert_eq!(name(b"lead\0\x01x  \0\0", Charset::Latin), "lead  x");
        assert_eq!(terminated_name(b"lead\0garbage", Charset::Latin), "lead");
    }

    #[test]
    fn the_upper_half_of_each_character_set_is_read() {
        assert_eq!(DOS_UPPER.chars().count(), 128);
        assert_eq!(name(b"\x81\xe1\xfb", Charset::Dos), "üß√");
        assert_eq!(name(b"\xfc\xdf", Charset::Latin), "üß");
    }

    #[test]
    fn every_kind_of_line_end_is_one_line_end() {
        assert_eq!(message(b"a\rb\r\nc\nd\0e", Charset::Dos), "a\nb\nc\nd");
    }
}
