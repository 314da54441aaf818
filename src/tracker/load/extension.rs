//! What ModPlug Tracker and OpenMPT append to XM and IT files: the message, macros, names and their own version.
//!
//! Chunks are a name of four letters and a size. Unknown ones are passed over; a chunk that the file does not hold
//! whole ends the reading without an error, since what matters for playing stands in the format itself.

use super::text;
use super::text::Charset;
use crate::tracker::Song;
use crate::tracker::song::MadeWith;
use crate::tracker::song::MidiMacros;

/// Bytes of one macro's text.
const MACRO_BYTES: usize = 32;
/// Macros before the parametered ones, for MIDI itself.
const GLOBAL_MACROS: usize = 9;
/// Bytes of all macros in a file.
pub(super) const MACROS_BYTES: usize = (GLOBAL_MACROS + 16 + 128) * MACRO_BYTES;
const CHANNEL_NAME_BYTES: usize = 20;

/// What was found.
#[derive(Default)]
pub(super) struct Extension {
    message: String,
    macros: Option<Box<MidiMacros>>,
    channel_names: Vec<String>,
    version: Option<u32>,
}

impl Extension {
    /// Adds what was found to a song.
    pub(super) fn apply(self, song: &mut Song) {
        if song.message.is_empty() {
            song.message = self.message;
        }
        if self.macros.is_some() {
            song.macros = self.macros;
        }
        for (channel, name) in song.channels.iter_mut().zip(self.channel_names) {
            channel.name = name;
        }
        if let (Some(version), MadeWith::OpenMpt(_) | MadeWith::ModPlug) = (self.version, song.made_with) {
            song.made_with = MadeWith::OpenMpt(version);
        }
    }
}

/// Reads the chunks from `position` to the end, as XM has them.
pub(super) fn read(file: &[u8], position: usize, charset: Charset) -> Extension {
    let mut found = Extension::default();
    let mut rest = file.get(position..).unwrap_or_default();
    while let Some((name, data, next)) = chunk(rest) {
        match name {
            b"text" => found.message = text::message(data, charset),
            b"MIDI" => found.macros = macros(data),
            b"CNAM" => found.channel_names = channel_names(data, charset),
            _ => {}
        }
        rest = next;
    }
    found.version = version(file);
    found
}

/// Reads the name chunks that IT has between its macros and its patterns; gives the version too.
pub(super) fn read_names(file: &[u8], position: usize, charset: Charset) -> Extension {
    let mut found = Extension { version: version(file), ..Extension::default() };
    let mut rest = file.get(position..).unwrap_or_default();
    while let Some((name @ (b"PNAM" | b"CNAM"), data, next)) = chunk(rest) {
        if name == b"CNAM" {
            found.channel_names = channel_names(data, charset);
        }
        rest = next;
    }
    found
}

/// Name, data and what follows; nothing where the rest holds no whole chunk.
fn chunk(rest: &[u8]) -> Option<(&[u8; 4], &[u8], &[u8])> {
    let (name, rest) = rest.split_first_chunk()?;
    let (size, rest) = rest.split_first_chunk()?;
    let (data, next) = rest.split_at_checked(u32::from_le_bytes(*size) as usize)?;
    Some((name, data, next))
}

/// The version that saved the file, from the song properties at its very end.
fn version(file: &[u8]) -> Option<u32> {
    let start = file.windows(4).rposition(|name| name == b"STPM")?;
    let mut rest = file.get(start + 4..)?;
    loop {
        let (name, after_name) = rest.split_first_chunk::<4>()?;
        let (size, after_size) = after_name.split_first_chunk()?;
        let (data, next) = after_size.split_at_checked(u16::from_le_bytes(*size).into())?;
        if name == b"VWSL" {
            return Some(u32::from_le_bytes(*data.first_chunk()?));
        }
        rest = next;
    }
}

fn channel_names(data: &[u8], charset: Charset) -> Vec<String> {
    data.chunks_exact(CHANNEL_NAME_BYTES).map(|name| text::terminated_name(name, charset)).collect()
}

/// The macros of a whole configuration; nothing where it is shorter.
pub(super) fn macros(data: &[u8]) -> Option<Box<MidiMacros>> {
    let data = data.get(..MACROS_BYTES)?;
    let mut texts = data
        .chunks_exact(MACRO_BYTES)
        .skip(GLOBAL_MACROS)
        .map(|field| text::terminated_name(field, Charset::Dos));
    let parametered = [(); 16].map(|()| texts.next().unwrap_or_default());
    Some(Box::new(MidiMacros { parametered, fixed: texts.collect() }))
}
