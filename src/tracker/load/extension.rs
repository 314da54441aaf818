//! What ModPlug Tracker and OpenMPT append to XM and IT files: the message, macros, names and their own version.
//!
//! Chunks are a name of four letters and a size. Unknown ones are passed over; a chunk that the file does not hold
//! whole ends the reading without an error, since what matters for playing stands in the format itself.

use super::text;
use super::text::Charset;
use super::xm_origin::MixLevels;
use crate::tracker::Song;
use crate::tracker::song::Behaviours;
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
    /// There are chunks of ModPlug Tracker or OpenMPT.
    tagged: bool,
    properties: Option<Properties>,
    version: Option<u32>,
}

/// The song's properties that OpenMPT appends.
#[derive(Default)]
struct Properties {
    version: Option<u32>,
    behaviours: Behaviours,
    mix_levels: Option<u32>,
    tempo: Option<u32>,
    global_volume: Option<u32>,
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

/// What XM takes from its extensions.
impl Extension {
    /// Whether ModPlug Tracker or OpenMPT appended anything.
    pub(super) fn is_tagged(&self) -> bool {
        self.tagged
    }

    /// The version that saved the file, which the properties know better than the header.
    pub(super) fn version_or(&self, made_with: MadeWith) -> MadeWith {
        let Some(properties) = &self.properties else { return made_with };
        match (properties.version, made_with) {
            (Some(version), _) => MadeWith::OpenMpt(version.max(FIRST_OPENMPT)),
            (None, MadeWith::OpenMpt(version)) => MadeWith::OpenMpt(version.max(FIRST_OPENMPT)),
            (None, _) => MadeWith::OpenMpt(FIRST_OPENMPT),
        }
    }

    /// How OpenMPT mixes the file, where it says so.
    pub(super) fn mix_levels(&self) -> Option<MixLevels> {
        self.properties.as_ref().and_then(|properties| properties.mix_levels).map(|levels| match levels {
            4 => MixLevels::Compatible,
            5 => MixLevels::CompatibleFt2,
            _ => MixLevels::Other,
        })
    }

    /// Adds what was found to a song.
    pub(super) fn apply_to_xm(self, song: &mut Song) {
        if let Some(properties) = &self.properties {
            song.quirks.behaviours = Some(properties.behaviours);
            if let Some(tempo) = properties.tempo {
                song.initial_tempo = tempo.clamp(32, 255) as u8;
            }
            if let Some(volume) = properties.global_volume {
                song.initial_global_volume = (volume / 2).min(128) as u8;
            }
        }
        song.message = self.message;
        song.macros = self.macros;
        for (channel, name) in song.channels.iter_mut().zip(self.channel_names) {
            channel.name = name;
        }
    }
}

/// Version of files that carry OpenMPT's properties but no version.
const FIRST_OPENMPT: u32 = 0x0117_0000;

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
        found.tagged = true;
        rest = next;
    }
    found.properties = properties(file);
    found.tagged |= found.properties.is_some();
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

/// The version that saved the file.
fn version(file: &[u8]) -> Option<u32> {
    properties(file)?.version
}

/// The song properties at the file's very end: names written backwards, sizes of 16 bits.
fn properties(file: &[u8]) -> Option<Properties> {
    let start = file.windows(4).rposition(|name| name == b"STPM")?;
    let mut rest = file.get(start + 4..)?;
    let mut found = Properties::default();
    while let Some((name, data, next)) = property(rest) {
        let number = Some(data.iter().rev().fold(0, |sum: u32, &byte| sum << 8 | u32::from(byte)));
        match name {
            b"VWSL" => found.version = number.filter(|&version| version != 0),
            b".MMP" => found.mix_levels = number,
            b"..TD" => found.tempo = number,
            b".VGD" => found.global_volume = number,
            b".FSM" => found.behaviours.0.iter_mut().zip(data).for_each(|(byte, &bits)| *byte = bits),
            _ => {}
        }
        rest = next;
    }
    Some(found)
}

fn property(rest: &[u8]) -> Option<(&[u8; 4], &[u8], &[u8])> {
    let (name, rest) = rest.split_first_chunk()?;
    let (size, rest) = rest.split_first_chunk()?;
    let (data, next) = rest.split_at_checked(u16::from_le_bytes(*size).into())?;
    Some((name, data, next))
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
