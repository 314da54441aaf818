//! IT: Impulse Tracker's format, versions 1.00 to 2.17, and what ModPlug Tracker, OpenMPT and Schism Tracker write.
//!
//! A header with lists of pointers; instruments, sample headers, patterns and sample data lie anywhere in the file.
//! Two words say who wrote it and for which version; old instruments (before 2.00) have their own shape. Source:
//! Impulse Tracker 2.14 `ITTECH.TXT`.

mod instrument;
mod pattern;
mod sample;

use super::error::LoadError;
use super::error::Part;
use super::extension;
use super::extension::MACROS_BYTES;
use super::reader::Reader;
use super::text;
use super::text::Charset;
use crate::tracker::Song;
use crate::tracker::song::ChannelSetup;
use crate::tracker::song::Dialect;
use crate::tracker::song::Format;
use crate::tracker::song::Instrument;
use crate::tracker::song::MadeWith;
use crate::tracker::song::Order;
use crate::tracker::song::PitchModel;
use crate::tracker::song::Quirks;

const SIGNATURE: &[u8] = b"IMPM";
const CHANNELS: usize = 64;
const MAX_ORDERS: u64 = 256;
const MAX_INSTRUMENTS: u64 = 256;
/// Impulse Tracker stops at 99, cells name up to 255, OpenMPT's instruments up to 4000.
const MAX_SAMPLES: u64 = 4000;
/// Orders are bytes.
const MAX_PATTERNS: u64 = 256;
/// The first version with today's instruments.
const VERSION_200: u16 = 0x200;
/// What OpenMPT wrote into both version words at one time.
const EARLY_OPENMPT: u16 = 0x888;
const PANNING_UNUSED: u8 = 0xff;
const PANNING_SURROUND: u8 = 100;

pub(super) fn is_signed(bytes: &[u8]) -> bool {
    bytes.starts_with(SIGNATURE)
}

/// The fixed part of the file.
struct Header {
    title: Vec<u8>,
    order_count: usize,
    instrument_count: usize,
    sample_count: usize,
    pattern_count: usize,
    /// The tracker that wrote the file.
    created_with: u16,
    /// The version whose features it needs.
    compatible_with: u16,
    flags: u16,
    special: u16,
    global_volume: u8,
    mix_volume: u8,
    speed: u8,
    tempo: u8,
    separation: u8,
    message_bytes: u16,
    message_at: u32,
    reserved: [u8; 4],
    panning: [u8; CHANNELS],
    volume: [u8; CHANNELS],
}

fn read_header(reader: &mut Reader<'_>) -> Result<Header, LoadError> {
    reader.skip(SIGNATURE.len());
    let title = reader.take(26)?.to_vec();
    reader.skip(2);
    let [orders, instruments] = [reader.u16_le()?, reader.u16_le()?];
    let [samples, patterns] = [reader.u16_le()?, reader.u16_le()?];
    let [created_with, compatible_with] = [reader.u16_le()?, reader.u16_le()?];
    let [flags, special] = [reader.u16_le()?, reader.u16_le()?];
    let [global_volume, mix_volume, speed, tempo, separation, _wheel_depth] = reader.array()?;
    Ok(Header {
        title,
        order_count: reader.bounded(orders, MAX_ORDERS)?,
        instrument_count: reader.bounded(instruments, MAX_INSTRUMENTS)?,
        sample_count: reader.bounded(samples, MAX_SAMPLES)?,
        pattern_count: reader.bounded(patterns, MAX_PATTERNS)?,
        created_with,
        compatible_with,
        flags,
        special,
        global_volume,
        mix_volume,
        speed,
        tempo,
        separation,
        message_bytes: reader.u16_le()?,
        message_at: reader.u32_le()?,
        reserved: reader.array()?,
        panning: reader.array()?,
        volume: reader.array()?,
    })
}

impl Header {
    fn made_with(&self) -> MadeWith {
        let version = self.created_with & 0x0fff;
        let unreserved = self.reserved == [0; 4];
        match (self.created_with, self.compatible_with) {
            (EARLY_OPENMPT, _) | (_, EARLY_OPENMPT) => MadeWith::OpenMpt(0x0117_0000),
            (0x0217, 0x0200) if unreserved && self.panning.contains(&PANNING_UNUSED) => MadeWith::ModPlug,
            // OpenMPT 1.17 in the guise of ModPlug Tracker, but with sensible panning.
            (0x0217, 0x0200) if unreserved => MadeWith::OpenMpt(0x0117_0000),
            (0x0214, 0x0202) if unreserved => MadeWith::ModPlug,
            (0x0000..=0x0fff, _) => MadeWith::ImpulseTracker(version),
            (0x1000..=0x1fff, _) => MadeWith::SchismTracker(version),
            (0x5000..=0x5fff, _) => MadeWith::OpenMpt(u32::from(version) << 16),
            _ => MadeWith::Unknown,
        }
    }

    fn has_instruments(&self) -> bool {
        self.flags & 0x04 != 0
    }

    fn has_macros(&self) -> bool {
        self.flags & 0x80 != 0 || self.special & 0x08 != 0
    }

    fn quirks(&self) -> Quirks {
        Quirks {
            old_effects: self.flags & 0x10 != 0,
            compatible_portamento: self.flags & 0x20 != 0,
            ..Quirks::default()
        }
    }

    fn channels(&self, count: usize) -> Vec<ChannelSetup> {
        let stereo = self.flags & 0x01 != 0;
        let setup = |(&panning, &volume): (&u8, &u8)| {
            let position = panning & 0x7f;
            let surround = position == PANNING_SURROUND;
            ChannelSetup {
                panning: if stereo && position <= 64 { u16::from(position) * 4 } else { 128 },
                surround,
                volume: volume.min(64),
                muted: panning & 0x80 != 0,
                name: String::new(),
            }
        };
        self.panning.iter().zip(&self.volume).map(setup).take(count).collect()
    }
}

/// Where the parts of the file lie.
struct Pointers {
    orders: Vec<Order>,
    instruments: Vec<usize>,
    samples: Vec<usize>,
    patterns: Vec<usize>,
}

fn read_pointers(reader: &mut Reader<'_>, header: &Header) -> Result<Pointers, LoadError> {
    reader.enter(Part::single("order list"));
    let orders = reader.take(header.order_count)?.iter().map(|&order| order_of(order)).collect();
    let mut list = |name, count| {
        reader.enter(Part::single(name));
        (0..count).map(|_| reader.u32_le().map(|pointer| pointer as usize)).collect::<Result<Vec<_>, _>>()
    };
    Ok(Pointers {
        orders,
        instruments: list("pointers of the instruments", header.instrument_count)?,
        samples: list("pointers of the samples", header.sample_count)?,
        patterns: list("pointers of the patterns", header.pattern_count)?,
    })
}

fn order_of(order: u8) -> Order {
    match order {
        0xfe => Order::Skip,
        0xff => Order::End,
        pattern => Order::Pattern(pattern.into()),
    }
}

/// Reads a file that `is_signed`.
pub(super) fn load(bytes: &[u8]) -> Result<Song, LoadError> {
    let mut reader = Reader::at(bytes, 0, Part::single("header"));
    let header = read_header(&mut reader)?;
    let made_with = header.made_with();
    let charset = match made_with {
        MadeWith::OpenMpt(_) | MadeWith::ModPlug => Charset::Latin,
        _ => Charset::Dos,
    };
    let pointers = read_pointers(&mut reader, &header)?;
    let (macros_at, names_at) = after_pointers(bytes, &reader, &header);
    let extension = extension::read_names(bytes, names_at, charset);

    let (channel_count, patterns) = pattern::read_all(bytes, &pointers.patterns)?;
    let mut song = Song {
        title: text::name(&header.title, charset).trim().to_owned(),
        format: Format::It,
        dialect: Dialect::ImpulseTracker,
        made_with,
        quirks: header.quirks(),
        pitch: if header.flags & 0x08 != 0 { PitchModel::Linear } else { PitchModel::Periods },
        channels: header.channels(channel_count),
        orders: pointers.orders,
        restart_order: 0,
        patterns,
        instruments: read_instruments(bytes, &header, &pointers.instruments, charset)?,
        samples: sample::read_all(bytes, &pointers.samples, charset)?,
        initial_speed: header.speed.max(1),
        initial_tempo: header.tempo.max(32),
        initial_global_volume: header.global_volume.min(128),
        mix_volume: header.mix_volume.min(128),
        separation: header.separation.min(128),
        macros: macros_at.and_then(|at| extension::macros(bytes.get(at..)?)),
        message: read_message(bytes, &header, charset),
    };
    extension.apply(&mut song);
    Ok(song)
}

fn read_instruments(
    bytes: &[u8],
    header: &Header,
    pointers: &[usize],
    charset: Charset,
) -> Result<Vec<Instrument>, LoadError> {
    // Files in sample mode keep instruments that nothing uses.
    if !header.has_instruments() {
        return Ok(Vec::new());
    }
    let read = if header.compatible_with < VERSION_200 { instrument::read_old } else { instrument::read };
    let each = pointers.iter().enumerate();
    each.map(|(index, &pointer)| {
        let mut reader = Reader::at(bytes, pointer, Part::numbered("instrument", index + 1));
        read(&mut reader, charset)
    })
    .collect()
}

/// Where the macros are, if the file has them, and where the name chunks start. The edit history lies before both.
fn after_pointers(bytes: &[u8], reader: &Reader<'_>, header: &Header) -> (Option<usize>, usize) {
    let mut position = reader.position();
    if header.special & 0x02 != 0 {
        let count = Reader::at(bytes, position, Part::single("edit history")).u16_le().unwrap_or(0);
        position += 2 + 8 * usize::from(count);
    }
    if header.has_macros() { (Some(position), position + MACROS_BYTES) } else { (None, position) }
}

/// The message; a part of it where the file ends early, since nothing depends on it.
fn read_message(bytes: &[u8], header: &Header, charset: Charset) -> String {
    if header.special & 0x01 == 0 {
        return String::new();
    }
    let rest = bytes.get(header.message_at as usize..).unwrap_or_default();
    text::message(&rest[..rest.len().min(header.message_bytes.into())], charset)
}
