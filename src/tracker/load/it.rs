//! IT: Impulse Tracker's format, versions 1.00 to 2.17, and what ModPlug Tracker, OpenMPT and Schism Tracker write.
//!
//! A header with lists of pointers; instruments, sample headers, patterns and sample data lie anywhere in the file.
//! Two words say who wrote it and for which version; old instruments (before 2.00) have their own shape. Source:
//! Impulse Tracker 2.14 `ITTECH.TXT`.

mod instrument;
mod origin;
mod pattern;
mod sample;
mod upgrade;

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
use crate::tracker::song::FixedPace;
use crate::tracker::song::Format;
use crate::tracker::song::Instrument;
use crate::tracker::song::MidiMacros;
use crate::tracker::song::Order;
use crate::tracker::song::PitchModel;
use crate::tracker::song::Quirks;
pub(super) use origin::Marks;
use origin::Origin;

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
const PANNING_UNUSED: u8 = 0xff;

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
    wheel_depth: u8,
    /// Rows of a beat and of a bar.
    highlights: [u8; 2],
    message_bytes: u16,
    message_at: u32,
    reserved: [u8; 4],
    panning: [u8; CHANNELS],
    volume: [u8; CHANNELS],
}

fn read_header(reader: &mut Reader<'_>) -> Result<Header, LoadError> {
    reader.skip(SIGNATURE.len());
    let title = reader.take(26)?.to_vec();
    let highlights = reader.array()?;
    let [orders, instruments] = [reader.u16_le()?, reader.u16_le()?];
    let [samples, patterns] = [reader.u16_le()?, reader.u16_le()?];
    let [created_with, compatible_with] = [reader.u16_le()?, reader.u16_le()?];
    let [flags, special] = [reader.u16_le()?, reader.u16_le()?];
    let [global_volume, mix_volume, speed, tempo, separation, wheel_depth] = reader.array()?;
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
        wheel_depth,
        highlights,
        message_bytes: reader.u16_le()?,
        message_at: reader.u32_le()?,
        reserved: reader.array()?,
        panning: reader.array()?,
        volume: reader.array()?,
    })
}

impl Header {
    /// UNMO3 passes for Impulse Tracker 2.14 with everything else left empty.
    fn is_unpacked_mo3(&self) -> bool {
        self.compatible_with == 0x0214
            && matches!(self.created_with, 0 | 0x0214)
            && self.highlights == [0; 2]
            && self.wheel_depth == 0
            && self.reserved == [0; 4]
            && self.flags & 0xc0 == 0
    }

    fn has_instruments(&self) -> bool {
        self.flags & 0x04 != 0
    }

    fn has_macros(&self) -> bool {
        self.flags & 0x80 != 0 || self.special & 0x08 != 0
    }

    fn pitch(&self) -> PitchModel {
        if self.flags & 0x08 != 0 { PitchModel::Linear } else { PitchModel::Periods }
    }

    fn quirks(&self, origin: &Origin) -> Quirks {
        Quirks {
            old_effects: self.flags & 0x10 != 0,
            compatible_portamento: self.flags & 0x20 != 0,
            extended_filter_range: self.flags & 0x1000 != 0,
            missing_ways: origin.missing_ways,
            loops_turn_roughly: self.has_rough_ping_pong(),
            ..Quirks::default()
        }
    }

    fn channels(&self, count: usize) -> Vec<ChannelSetup> {
        let setup = |(&panning, &volume): (&u8, &u8)| match panning {
            PANNING_UNUSED => ChannelSetup::centred(),
            _ => extension::channel_setup(panning, volume),
        };
        let mut channels: Vec<ChannelSetup> =
            self.panning.iter().zip(&self.volume).map(setup).take(count).collect();
        channels.resize(count, ChannelSetup::centred());
        channels
    }
}

/// Where the parts of the file lie.
struct Pointers {
    orders: Vec<Order>,
    instruments: Vec<usize>,
    samples: Vec<usize>,
    patterns: Vec<usize>,
}

impl Pointers {
    fn all(&self) -> impl Iterator<Item = usize> {
        let lists = self.instruments.iter().chain(&self.samples).chain(&self.patterns);
        lists.copied().filter(|&pointer| pointer != 0)
    }

    /// Where the first thing that is pointed at lies.
    fn first(&self) -> usize {
        self.all().min().unwrap_or(usize::MAX)
    }

    /// Where the last header lies.
    fn last_header(&self) -> usize {
        self.all().max().unwrap_or(0)
    }

    fn patterns_first(&self) -> bool {
        match (self.patterns.first(), self.samples.first()) {
            (Some(&pattern), Some(&sample)) => pattern != 0 && pattern < sample,
            _ => false,
        }
    }
}

fn read_pointers(reader: &mut Reader<'_>, header: &Header) -> Result<Pointers, LoadError> {
    reader.enter(Part::single("order list"));
    let patterns = header.pattern_count;
    let orders = reader.take(header.order_count)?.iter().map(|&order| order_of(order, patterns)).collect();
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

/// Orders that name no pattern of the file are passed over.
fn order_of(order: u8, patterns: usize) -> Order {
    match order {
        0xff => Order::End,
        0xfe => Order::Skip,
        pattern if usize::from(pattern) >= patterns => Order::Skip,
        pattern => Order::Pattern(pattern.into()),
    }
}

/// Reads a file that `is_signed`.
pub(super) fn load(bytes: &[u8]) -> Result<Song, LoadError> {
    let mut reader = Reader::at(bytes, 0, Part::single("header"));
    let header = read_header(&mut reader)?;
    let pointers = read_pointers(&mut reader, &header)?;
    let places = after_pointers(bytes, &reader, &header, &pointers);
    let properties = extension::properties(bytes);
    let instrument_properties = extension::instrument_properties(bytes, pointers.last_header());
    let marks = Marks {
        instrument_properties: instrument_properties.is_some(),
        ends_with_end: pointers.orders.last() == Some(&Order::End),
        patterns_first: pointers.patterns_first(),
        ..extension::marks(bytes, places.names_at, pointers.first())
    };
    let origin = Origin::find(&header, marks, properties.as_ref());
    let charset = if origin.saved_with.is_some() { Charset::Latin } else { Charset::Dos };
    let names = extension::read_names(bytes, places.names_at, charset);

    let least_channels = properties.as_ref().map_or(0, |properties| properties.channels);
    let (channel_count, patterns) = pattern::read_all(bytes, &pointers.patterns, least_channels)?;
    let mut song = Song {
        title: text::name(&header.title, charset).trim().to_owned(),
        format: Format::It,
        dialect: Dialect::ImpulseTracker,
        made_with: origin.made_with,
        quirks: header.quirks(&origin),
        pitch: header.pitch(),
        channels: header.channels(channel_count),
        orders: pointers.orders,
        restart_order: 0,
        patterns,
        instruments: read_instruments(bytes, &header, &pointers.instruments, charset)?,
        samples: sample::read_all(bytes, &pointers.samples, &sample::Facts::new(&header, &origin, charset))?,
        initial_speed: if header.speed == 0 { 6 } else { header.speed },
        initial_tempo: header.tempo.max(31),
        fixed_pace: FixedPace::default(),
        initial_global_volume: header.global_volume.min(128),
        mix_volume: header.mix_volume.min(128),
        separation: header.separation.min(128),
        macros: match origin.has_no_filters(&header) {
            true => Some(Box::new(MidiMacros::silent())),
            false => places.macros_at.and_then(|at| extension::macros(bytes.get(at..)?)),
        },
        message: read_message(bytes, &header, charset),
    };
    names.apply(&mut song);
    if let Some(instrument_properties) = instrument_properties {
        instrument_properties.apply(&mut song.instruments);
    }
    song.quirks.levels_hold_global_volume = origin.mixes_as_modplug;
    if let Some(properties) = properties {
        properties.or_rows_per_beat(header.highlights[0]).apply(&mut song);
    }
    upgrade::upgrade(&mut song, &header, &origin);
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
    each.map(|(index, &pointer)| match pointer {
        0 => Ok(Instrument::plain(0)),
        _ => read(&mut Reader::at(bytes, pointer, Part::numbered("instrument", index + 1)), charset),
    })
    .collect()
}

/// What lies between the pointers and what they point at.
struct Places {
    /// The macros, if the file has them.
    macros_at: Option<usize>,
    /// The name chunks.
    names_at: usize,
}

/// The edit history, which some trackers claim but do not write, lies before the macros and names.
fn after_pointers(bytes: &[u8], reader: &Reader<'_>, header: &Header, pointers: &Pointers) -> Places {
    let mut position = reader.position();
    let first = pointers.first().min(if header.special & 0x01 != 0 {
        header.message_at as usize
    } else {
        usize::MAX
    });
    if header.is_unpacked_mo3() && header.instrument_count == 0 && header.sample_count > 0 {
        // Some versions leave room for pointers of instruments that are not there.
        let room = header.sample_count * 4;
        let reserved = bytes.get(position..position + room).unwrap_or_default();
        if position + room + 2 <= first && reserved.len() == room && reserved.iter().all(|&byte| byte == 0) {
            position += room;
        }
    }
    let count = Reader::at(bytes, position, Part::single("edit history")).u16_le().unwrap_or(0);
    if header.special & 0x02 != 0 {
        let end = position + 2 + 8 * usize::from(count);
        if end <= first.min(bytes.len()) {
            position = end;
        }
    } else if header.is_unpacked_mo3() && header.special <= 1 && count == 0 {
        position += 2;
    }
    if header.has_macros() {
        Places { macros_at: Some(position), names_at: position + MACROS_BYTES }
    } else {
        Places { macros_at: None, names_at: position }
    }
}

/// The message; a part of it where the file ends early, since nothing depends on it.
fn read_message(bytes: &[u8], header: &Header, charset: Charset) -> String {
    if header.special & 0x01 == 0 {
        return String::new();
    }
    let rest = bytes.get(header.message_at as usize..).unwrap_or_default();
    text::message(&rest[..rest.len().min(header.message_bytes.into())], charset)
}
