//! What ModPlug Tracker and OpenMPT append to XM and IT files: the message, macros, names and their own version.
//!
//! Chunks are a name of four letters and a size. Unknown ones are passed over; a chunk that the file does not hold
//! whole ends the reading without an error, since what matters for playing stands in the format itself.

use super::it::Marks;
use super::text;
use super::text::Charset;
use super::xm_origin::MixLevels;
use crate::tracker::Song;
use crate::tracker::song::Behaviours;
use crate::tracker::song::ChannelSetup;
use crate::tracker::song::Instrument;
use crate::tracker::song::MadeWith;
use crate::tracker::song::MidiMacros;
use crate::tracker::song::TempoMode;

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
            0 | 1 => MixLevels::Early,
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

/// Reads the name chunks that IT has between its macros and its patterns.
pub(super) fn read_names(file: &[u8], position: usize, charset: Charset) -> Extension {
    let mut found = Extension::default();
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

/// What the chunks from `position` to `end` of an IT file tell of its tracker.
pub(super) fn marks(file: &[u8], position: usize, end: usize) -> Marks {
    let mut marks = Marks::default();
    let mut rest = file.get(position..end.min(file.len())).unwrap_or_default();
    while let Some((name, _, next)) = chunk(rest) {
        match name {
            b"PNAM" | b"CNAM" | b"CHFX" | b"EQFX" | [b'F', b'X', b'0'..=b'9', b'0'..=b'9'] => {
                marks.modplug_chunks = true;
            }
            b"MODU" => marks.bero_tracker = true,
            _ => break,
        }
        rest = next;
    }
    marks
}

/// Properties of the song that OpenMPT writes at the very end of a file.
#[derive(Clone, Debug, Default)]
pub(super) struct Properties {
    /// The version that saved the file; none where it is 0.
    pub(super) version: Option<u32>,
    /// One bit for each playback behaviour.
    pub(super) behaviours: Behaviours,
    /// 0 where it is not told.
    pub(super) channels: usize,
    restart: u16,
    tempo_mode: u32,
    rows_per_beat: u16,
    mix_levels: Option<u32>,
    preamp: Option<u8>,
    tempo: Option<u32>,
    global_volume: Option<u32>,
}

/// Song channels that OpenMPT has, at most.
const MOST_CHANNELS: usize = super::MAX_CHANNELS as usize;

/// Mix levels below this scale notes by the global volume; the later ones scale the mix.
const FIRST_GLOBAL_MIX: u32 = 2;

impl Properties {
    fn take(&mut self, name: &[u8; 4], data: &[u8]) {
        match name {
            b"VWSL" => self.version = Some(number(data)).filter(|&version| version != 0),
            b".FSM" => self.behaviours.0.iter_mut().zip(data).for_each(|(byte, &bits)| *byte = bits),
            b"...C" => self.channels = (number(data) as usize).min(MOST_CHANNELS),
            b"..PR" => self.restart = number(data).min(u32::from(u16::MAX)) as u16,
            b"..MT" => self.tempo_mode = number(data),
            b".BPR" => self.rows_per_beat = number(data).min(u32::from(u16::MAX)) as u16,
            b".MMP" => self.mix_levels = Some(number(data)),
            b".APS" => self.preamp = Some(number(data).min(255) as u8),
            b"..TD" => self.tempo = Some(number(data)),
            b".VGD" => self.global_volume = Some(number(data)),
            _ => {}
        }
    }

    /// Adds the properties to a song of IT.
    pub(super) fn apply(self, song: &mut Song) {
        if usize::from(self.restart) < song.orders.len() {
            song.restart_order = self.restart;
        }
        song.quirks.tempo_mode = match self.tempo_mode {
            1 => TempoMode::Alternative,
            2 => TempoMode::Modern { rows_per_beat: self.rows_per_beat.max(1) },
            _ => TempoMode::Classic,
        };
        if let Some(mix_levels) = self.mix_levels {
            song.quirks.levels_hold_global_volume = mix_levels < FIRST_GLOBAL_MIX;
        }
        if let Some(preamp) = self.preamp {
            song.mix_volume = preamp;
        }
        if let Some(tempo) = self.tempo {
            song.initial_tempo = tempo.clamp(32, 255) as u8;
        }
    }

    /// Rows of a beat that the header tells, where the properties do not.
    pub(super) fn or_rows_per_beat(mut self, rows: u8) -> Self {
        if self.rows_per_beat == 0 {
            self.rows_per_beat = rows.into();
        }
        self
    }
}

/// A number of up to four bytes.
fn number(data: &[u8]) -> u32 {
    data.iter().take(4).rev().fold(0, |number, &byte| number << 8 | u32::from(byte))
}

/// The song properties, where the file has them; those before the first that makes no sense.
pub(super) fn properties(file: &[u8]) -> Option<Properties> {
    let start = file.windows(4).rposition(|name| name == b"STPM")?;
    let mut found = Properties::default();
    let mut rest = file.get(start + 4..)?;
    while let Some((name, after)) = rest.split_first_chunk::<4>() {
        let Some((data, next)) = sized(after).filter(|_| is_name(name)) else { break };
        found.take(name, data);
        rest = next;
    }
    Some(found)
}

/// A field of a property: its size in two bytes, its data; and what follows.
fn sized(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let (size, rest) = rest.split_first_chunk()?;
    rest.split_at_checked(u16::from_le_bytes(*size).into())
}

/// Names are ASCII.
fn is_name(name: &[u8; 4]) -> bool {
    name.is_ascii() && name.iter().any(|byte| byte & 0x60 != 0) && name != b"228\x04"
}

/// Properties of instruments that OpenMPT writes after the samples: of each, a field for every instrument.
#[derive(Clone, Debug)]
pub(super) struct InstrumentProperties(Vec<u8>);

/// The properties of instruments past `headers_end`, where the file has them.
pub(super) fn instrument_properties(file: &[u8], headers_end: usize) -> Option<InstrumentProperties> {
    let place = file.windows(4).rposition(|name| name == b"XTPM").filter(|&place| place > headers_end)?;
    Some(InstrumentProperties(file.get(place + 4..)?.to_vec()))
}

impl InstrumentProperties {
    /// Adds the properties to the instruments.
    pub(super) fn apply(&self, instruments: &mut [Instrument]) {
        let mut rest = &self.0[..];
        while let Some((name, after)) = rest.split_first_chunk::<4>() {
            if name == b"STPM" || !is_name(name) {
                return;
            }
            let Some((size, mut fields)) = after.split_first_chunk() else { return };
            let size = usize::from(u16::from_le_bytes(*size));
            for instrument in &mut *instruments {
                let Some((field, next)) = fields.split_at_checked(size) else { return };
                take_instrument_property(instrument, name, field);
                fields = next;
            }
            rest = fields;
        }
    }
}

fn take_instrument_property(instrument: &mut Instrument, name: &[u8; 4], field: &[u8]) {
    let byte = field.first().copied().unwrap_or(0);
    match name {
        b"..SC" => instrument.more.cutoff_swing = byte.min(100),
        b"..SR" => instrument.more.resonance_swing = byte.min(100),
        b"LTTP" => instrument.more.pitch_tempo_lock = number(field).min(u32::from(u16::MAX)) as u16,
        _ => {}
    }
}

/// Panning and volume of a channel as IT stores them.
pub(super) fn channel_setup(panning: u8, volume: u8) -> ChannelSetup {
    const SURROUND: u8 = 100;
    let position = panning & 0x7f;
    ChannelSetup {
        panning: if position <= 64 { u16::from(position) * 4 } else { 128 },
        surround: position == SURROUND,
        volume: volume.min(64),
        muted: panning & 0x80 != 0,
        ..ChannelSetup::centred()
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
