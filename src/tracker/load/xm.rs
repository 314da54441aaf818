//! XM: FastTracker 2's format, versions 1.02 to 1.04, with the extensions of ModPlug Tracker and OpenMPT.
//!
//! Up to 1.03 the instruments' headers come first, then the patterns, then all sample data; from 1.04 on the patterns
//! come first and each instrument brings its data. Sizes in the headers say where the next part starts. Sources:
//! FastTracker 2.08 `XM.TXT`; "The XM module file format", rev. 2, by Mr.H.

use super::CellBudget;
use super::MAX_CHANNELS;
use super::MAX_ROWS;
use super::error::LoadError;
use super::error::Part;
use super::extension;
use super::pcm;
use super::pcm::Budget;
use super::pcm::Encoding;
use super::reader::Reader;
use super::text;
use super::text::Charset;
use super::xm_origin::ADPCM_MARK;
use super::xm_origin::InstrumentEvidence;
use super::xm_origin::MixLevels;
use super::xm_origin::Origin;
use super::xm_origin::SampleEvidence;
use crate::audio::AudioSource;
use crate::sample::SampleData;
use crate::tracker::Song;
use crate::tracker::song::AutoVibrato;
use crate::tracker::song::Cell;
use crate::tracker::song::ChannelSetup;
use crate::tracker::song::Dialect;
use crate::tracker::song::Envelope;
use crate::tracker::song::EnvelopePoint;
use crate::tracker::song::FixedPace;
use crate::tracker::song::Format;
use crate::tracker::song::Instrument;
use crate::tracker::song::MadeWith;
use crate::tracker::song::Note;
use crate::tracker::song::Order;
use crate::tracker::song::Pattern;
use crate::tracker::song::PitchModel;
use crate::tracker::song::Quirks;
use crate::tracker::song::Sample;
use crate::tracker::song::Span;
use crate::tracker::song::Wave;
use std::sync::Arc;

const SIGNATURE: &[u8] = b"Extended Module: ";
/// Offset that the header's own size counts from.
const HEADER_AT: usize = 60;
const VERSION_104: u16 = 0x0104;
const MAX_ITEMS: u64 = 256;
/// FastTracker 2 allows 16, OpenMPT 32.
const MAX_SAMPLES: u64 = 32;
/// The first key of the format's 96, C-0, on the song's scale.
const FIRST_KEY: usize = 12;
const KEYS: usize = 96;
const POINTS: usize = 12;
/// Size of the header of an instrument that has samples, and of one that gives none.
const FULL_INSTRUMENT_BYTES: usize = 263;
/// Instrument number that some converters write for none.
const NO_INSTRUMENT: u8 = 0xff;
/// Flag of the file's header that only ModPlug Tracker sets.
const MODPLUG_FLAG: u16 = 0x1000;
/// Places in an instrument's header: the size of its samples' headers, the MIDI settings, the flag that mutes.
const SAMPLE_HEADER_SIZE_AT: usize = 29;
const MIDI_AT: usize = 241;
const MUTE_AT: usize = 247;
/// Places of the loop points and the flags of both envelopes in an instrument's header.
const ENVELOPES_AT: [(usize, usize); 2] = [(228, 233), (231, 234)];

pub(super) fn is_signed(bytes: &[u8]) -> bool {
    bytes.starts_with(SIGNATURE)
}

/// The fixed part of the file.
struct Header {
    title: String,
    charset: Charset,
    origin: Origin,
    version: u16,
    /// Where the order list ends and the next part starts.
    end: usize,
    order_count: usize,
    restart: u16,
    channels: usize,
    patterns: usize,
    instruments: usize,
    flags: u16,
    speed: u16,
    tempo: u16,
}

fn read_header(reader: &mut Reader<'_>) -> Result<Header, LoadError> {
    reader.skip(SIGNATURE.len());
    let title = reader.take(20)?;
    reader.skip(1);
    let tracker = reader.take(20)?;
    let version = reader.u16_le()?;
    if !(0x0102..=VERSION_104).contains(&version) {
        return Err(reader.invalid(2, version));
    }
    let size = reader.u32_le()?;
    let end = HEADER_AT.saturating_add(size as usize);
    let [orders, restart, channels] = [reader.u16_le()?, reader.u16_le()?, reader.u16_le()?];
    let [patterns, instruments, flags] = [reader.u16_le()?, reader.u16_le()?, reader.u16_le()?];
    if channels == 0 {
        return Err(reader.invalid(8, channels));
    }
    let mut origin = Origin::new(tracker, (size as usize, version), title, restart != 0);
    if flags & MODPLUG_FLAG != 0 {
        origin.see_modplug_flag();
    }
    let latin = matches!(origin.made_with(), MadeWith::OpenMpt(_) | MadeWith::MadTracker);
    let charset = if latin { Charset::Latin } else { Charset::Dos };
    Ok(Header {
        title: text::name(title, charset),
        charset,
        origin,
        version,
        end,
        order_count: reader.bounded(orders, MAX_ITEMS)?,
        restart,
        channels: reader.bounded(channels, MAX_CHANNELS)?,
        patterns: reader.bounded(patterns, MAX_ITEMS)?,
        instruments: reader.bounded(instruments, MAX_ITEMS)?,
        flags,
        speed: reader.u16_le()?,
        tempo: reader.u16_le()?,
    })
}

/// Reads a file that `is_signed`.
pub(super) fn load(bytes: &[u8]) -> Result<Song, LoadError> {
    let mut reader = Reader::at(bytes, 0, Part::single("header"));
    let header = read_header(&mut reader)?;
    reader.enter(Part::single("order list"));
    let mut orders: Vec<_> =
        reader.take(header.order_count)?.iter().map(|&order| Order::Pattern(order.into())).collect();
    if orders.is_empty() && !header.origin.allows_empty_orders() {
        orders.push(Order::Pattern(0));
    }
    reader.seek(header.end);
    let mut bank = Bank::new(bytes, &header);
    let patterns = if header.version >= VERSION_104 {
        let patterns = read_patterns(&mut reader, &header)?;
        bank.read_with_data(&mut reader, header.instruments)?;
        patterns
    } else {
        bank.read_headers(&mut reader, header.instruments)?;
        let patterns = read_patterns(&mut reader, &header)?;
        bank.read_data(&mut reader)?;
        patterns
    };
    let extension = extension::read(bytes, reader.position(), header.charset);
    if extension.is_tagged() {
        bank.origin.see_appended_chunks();
    }
    let origin = bank.origin.clone();
    let mut song = assemble(header, orders, patterns, bank);
    song.made_with = extension.version_or(origin.made_with());
    song.quirks.square_root_panning = origin.square_root_panning(song.made_with, extension.mix_levels());
    song.quirks.levels_hold_global_volume = match song.made_with {
        MadeWith::ModPlug => !song.quirks.square_root_panning,
        _ => extension.mix_levels() == Some(MixLevels::Early),
    };
    extension.apply_to_xm(&mut song);
    drop_old_separators(&mut song);
    Ok(song)
}

/// Until 1.22.02.02 OpenMPT wrote its order list's separators as patterns 254 and 255.
fn drop_old_separators(song: &mut Song) {
    let old = match song.made_with {
        MadeWith::ModPlug => true,
        MadeWith::OpenMpt(version) => (1..0x0122_0202).contains(&version),
        _ => false,
    };
    if !old {
        return;
    }
    let patterns = song.patterns.len();
    for order in &mut song.orders {
        match *order {
            Order::Pattern(254) if patterns <= 254 => *order = Order::Skip,
            Order::Pattern(255) if patterns <= 255 => *order = Order::End,
            _ => {}
        }
    }
}

fn assemble(header: Header, orders: Vec<Order>, patterns: Vec<Pattern>, bank: Bank<'_>) -> Song {
    let channel = ChannelSetup::centred();
    Song {
        title: header.title,
        format: Format::Xm,
        dialect: Dialect::FastTracker2,
        made_with: MadeWith::Unknown,
        quirks: Quirks::default(),
        pitch: if header.flags & 1 != 0 { PitchModel::Linear } else { PitchModel::Periods },
        channels: vec![channel; header.channels],
        restart_order: if usize::from(header.restart) < orders.len() { header.restart } else { 0 },
        orders,
        patterns,
        instruments: bank.instruments,
        samples: bank.samples,
        initial_speed: if header.speed == 0 { 6 } else { header.speed.min(255) as u8 },
        initial_tempo: if header.tempo == 0 { 125 } else { header.tempo.clamp(32, 255) as u8 },
        fixed_pace: FixedPace::default(),
        initial_global_volume: 128,
        mix_volume: 48,
        separation: 128,
        macros: None,
        message: String::new(),
    }
}

fn read_patterns(reader: &mut Reader<'_>, header: &Header) -> Result<Vec<Pattern>, LoadError> {
    let mut budget = CellBudget::new();
    (0..header.patterns)
        .map(|number| {
            reader.enter(Part::numbered("pattern", number));
            read_pattern(reader, header, &mut budget)
        })
        .collect()
}

fn read_pattern(
    reader: &mut Reader<'_>,
    header: &Header,
    budget: &mut CellBudget,
) -> Result<Pattern, LoadError> {
    let start = reader.position();
    let header_bytes = reader.u32_le()? as usize;
    reader.skip(1);
    let rows = if header.version == 0x0102 { u16::from(reader.byte()?) + 1 } else { reader.u16_le()? };
    let stored = usize::from(reader.u16_le()?);
    let rows = if rows == 0 { 64 } else { u64::from(rows).min(MAX_ROWS) as usize };
    // The size counts from its own field; a smaller one than the fields take is a mistake that trackers survive.
    reader.seek(start.saturating_add(header_bytes).max(reader.position()));
    let mut cells = budget.cells(reader, rows, header.channels)?;
    let mut stored_cells = reader.take(stored)?;
    for cell in &mut cells {
        let Some(read) = unpack_cell(&mut stored_cells) else { break };
        *cell = read;
    }
    Ok(Pattern { cells, rows: rows as u16 })
}

/// Takes a cell off `stored`: five bytes, or a byte that says which of the five follow.
fn unpack_cell(stored: &mut &[u8]) -> Option<Cell> {
    let (&first, rest) = stored.split_first()?;
    let fields = if first & 0x80 != 0 {
        *stored = rest;
        first & 0x1f
    } else {
        0x1f
    };
    let mut field = |bit: u8| {
        if fields & bit == 0 {
            return Some(0);
        }
        let (&value, rest) = stored.split_first()?;
        *stored = rest;
        Some(value)
    };
    Some(Cell {
        note: note_of(field(1)?),
        instrument: Some(field(2)?).filter(|&number| number != NO_INSTRUMENT).unwrap_or(0),
        volume: Some(field(4)?).filter(|&volume| volume >= 0x10),
        effect: field(8)?,
        parameter: field(16)?,
    })
}

fn note_of(note: u8) -> Note {
    match note {
        0 => Note::None,
        1..=96 => Note::Key(note - 1 + FIRST_KEY as u8),
        97 => Note::Off,
        _ => Note::None,
    }
}

/// Instruments and samples as they are read, numbered through the whole song.
struct Bank<'a> {
    file: &'a [u8],
    charset: Charset,
    instruments: Vec<Instrument>,
    samples: Vec<Sample>,
    /// How the data of each sample is stored, and its length in bytes.
    stored: Vec<Stored>,
    budget: Budget,
    origin: Origin,
}

/// What a sample's header says of its data; lengths in bytes.
#[derive(Clone, Copy)]
struct Stored {
    length: usize,
    loop_start: u32,
    loop_length: u32,
    flags: u8,
    encoding: Encoding,
}

impl<'a> Bank<'a> {
    fn new(file: &'a [u8], header: &Header) -> Self {
        Self {
            file,
            charset: header.charset,
            instruments: Vec::new(),
            samples: Vec::new(),
            stored: Vec::new(),
            budget: Budget::for_file(file),
            origin: header.origin.clone(),
        }
    }

    /// 1.04: the data follows each instrument's headers.
    fn read_with_data(&mut self, reader: &mut Reader<'_>, count: usize) -> Result<(), LoadError> {
        for number in 1..=count {
            let first = self.samples.len();
            self.read_instrument(reader, number)?;
            for index in first..self.samples.len() {
                self.read_sample_data(reader, index)?;
            }
        }
        Ok(())
    }

    /// Before 1.04: headers only.
    fn read_headers(&mut self, reader: &mut Reader<'_>, count: usize) -> Result<(), LoadError> {
        (1..=count).try_for_each(|number| self.read_instrument(reader, number))
    }

    /// Before 1.04: the data of all samples.
    fn read_data(&mut self, reader: &mut Reader<'_>) -> Result<(), LoadError> {
        (0..self.samples.len()).try_for_each(|index| self.read_sample_data(reader, index))
    }

    /// An instrument's header and those of its samples.
    fn read_instrument(&mut self, reader: &mut Reader<'_>, number: usize) -> Result<(), LoadError> {
        reader.enter(Part::numbered("instrument", number));
        let start = reader.position();
        let size = match reader.u32_le()? as usize {
            0 => FULL_INSTRUMENT_BYTES,
            size => size,
        };
        let name = text::name(reader.take(22)?, self.charset);
        let kind = reader.byte()?;
        let count = reader.u16_le()?;
        let count = reader.bounded(count, MAX_SAMPLES)?;
        let end = start.saturating_add(size).max(reader.position());
        let field = |offset: usize, bytes: usize| {
            let field = self.file.get(start + offset..(start + offset + bytes).min(end)).unwrap_or_default();
            field.iter().fold(0_u32, |sum, &byte| sum | u32::from(byte))
        };
        self.origin.see_instrument(InstrumentEvidence {
            size,
            kind,
            samples: count,
            sample_header_size: field(SAMPLE_HEADER_SIZE_AT, 4),
            has_midi: field(MIDI_AT, 4) | field(MUTE_AT, 1) != 0,
            unused_loop_points: self.has_unused_loop_points(start, end),
        });
        let mut instrument = Instrument { name, ..Instrument::plain(0) };
        let mut vibrato = AutoVibrato::default();
        if count > 0 {
            let body = Body::read(self.file, reader, end)?;
            vibrato = body.describe(&mut instrument, self.samples.len(), count);
        }
        reader.seek(end);
        self.instruments.push(instrument);
        for _ in 0..count {
            self.read_sample_header(reader, vibrato)?;
        }
        Ok(())
    }

    /// Whether an envelope that does not loop has loop points of 255.
    fn has_unused_loop_points(&self, start: usize, end: usize) -> bool {
        let header = self.file.get(start..end.min(self.file.len())).unwrap_or_default();
        ENVELOPES_AT.iter().any(|&(points, flags)| {
            let unused = header.get(points..points + 2) == Some(&[0xff, 0xff]);
            unused && header.get(flags).is_some_and(|flags| flags & 4 == 0)
        })
    }

    fn read_sample_header(&mut self, reader: &mut Reader<'_>, vibrato: AutoVibrato) -> Result<(), LoadError> {
        reader.enter(Part::numbered("header of sample", self.samples.len() + 1));
        let [length, loop_start, loop_length] = [reader.u32_le()?, reader.u32_le()?, reader.u32_le()?];
        let volume = reader.byte()?.min(64);
        let finetune = reader.signed_byte()?;
        let flags = reader.byte()?;
        let panning = reader.byte()?;
        let relative_key = reader.signed_byte()?;
        let reserved = reader.byte()?;
        let adpcm = reserved == ADPCM_MARK && flags & 0x30 == 0;
        let name = reader.take(22)?;
        self.origin.see_sample(SampleEvidence { flags, finetune, panning, reserved, name });
        let name = text::name(name, self.charset);
        let encoding = Encoding {
            sixteen_bit: flags & 0x10 != 0,
            stereo: flags & 0x20 != 0,
            delta: true,
            adpcm,
            ..Encoding::default()
        };
        self.stored.push(Stored { length: length as usize, loop_start, loop_length, flags, encoding });
        self.samples.push(Sample {
            name,
            volume,
            panning: Some(panning.into()),
            relative_key,
            finetune,
            vibrato,
            ..Sample::plain(SampleData::empty())
        });
        Ok(())
    }

    fn read_sample_data(&mut self, reader: &mut Reader<'_>, index: usize) -> Result<(), LoadError> {
        reader.enter(Part::numbered("sample", index + 1));
        let (Some(sample), Some(&stored)) = (self.samples.get_mut(index), self.stored.get(index)) else {
            return Ok(());
        };
        let frame_bytes =
            if stored.encoding.sixteen_bit { 2 } else { 1 } * if stored.encoding.stereo { 2 } else { 1 };
        let next = reader.position().saturating_add(match stored.encoding.adpcm {
            true => pcm::stored_bytes(stored.length, stored.encoding),
            false => stored.length,
        });
        let data = pcm::read(reader, stored.length / frame_bytes, stored.encoding, &mut self.budget)?;
        reader.seek(next);
        let unit = frame_bytes as u64;
        let end = u64::from(stored.loop_start) + u64::from(stored.loop_length);
        let (start, end, ping_pong) =
            (u64::from(stored.loop_start) / unit, end / unit, stored.flags & 2 != 0);
        let looped = stored.flags & 3 != 0;
        sample.sample_loop = looped.then(|| pcm::sound_loop(start, end, ping_pong, data.frames())).flatten();
        sample.data = Arc::new(data);
        Ok(())
    }
}

/// The part of an instrument's header that is there when it has samples; what its size leaves out is zero.
struct Body {
    keymap: [u8; KEYS],
    volume_points: [u8; POINTS * 4],
    panning_points: [u8; POINTS * 4],
    /// Points of the volume and the panning envelope.
    counts: [u8; 2],
    /// Sustain, loop start and loop end of the volume, then of the panning envelope.
    marks: [u8; 6],
    /// Flags of the volume and the panning envelope.
    flags: [u8; 2],
    /// Wave, sweep, depth and rate.
    vibrato: [u8; 4],
    fadeout: u16,
}

impl Body {
    fn read(file: &[u8], reader: &mut Reader<'_>, end: usize) -> Result<Self, LoadError> {
        reader.skip(4); // size of a sample's header, always 40
        let fields = reader.position()..end.max(reader.position());
        let whole = fields.start + KEYS + 2 * POINTS * 4 + 16;
        if end < whole {
            // A short header: what it has, then zeros.
            let mut padded = file.get(fields).unwrap_or_default().to_vec();
            padded.resize(whole - reader.position(), 0);
            return Self::read_fields(&mut Reader::at(&padded, 0, Part::single("short instrument header")));
        }
        Self::read_fields(reader)
    }

    fn read_fields(reader: &mut Reader<'_>) -> Result<Self, LoadError> {
        Ok(Self {
            keymap: reader.array()?,
            volume_points: reader.array()?,
            panning_points: reader.array()?,
            counts: reader.array()?,
            marks: reader.array()?,
            flags: reader.array()?,
            vibrato: reader.array()?,
            fadeout: reader.u16_le()?,
        })
    }

    /// Fills in an instrument whose `count` samples are numbered from `first` + 1; gives the vibrato for those.
    fn describe(&self, instrument: &mut Instrument, first: usize, count: usize) -> AutoVibrato {
        for (assignment, &sample) in instrument.keys.iter_mut().skip(FIRST_KEY).zip(&self.keymap) {
            let sample = usize::from(sample);
            // Numbers out of range stand for the first sample, as OpenMPT has it.
            assignment.sample = (first + if sample < count { sample } else { 0 } + 1) as u16;
        }
        let [volume_count, panning_count] = self.counts;
        let [volume_flags, panning_flags] = self.flags;
        let [vs, vl, ve, ps, pl, pe] = self.marks;
        instrument.volume_envelope =
            envelope(&self.volume_points, volume_count, volume_flags, [vs, vl, ve], 0);
        instrument.panning_envelope =
            envelope(&self.panning_points, panning_count, panning_flags, [ps, pl, pe], 32);
        instrument.fadeout = self.fadeout;
        let [wave, sweep, depth, speed] = self.vibrato;
        let wave = match wave {
            1 => Wave::Square,
            2 => Wave::RampUp,
            3 => Wave::RampDown,
            4 => Wave::Random,
            _ => Wave::Sine,
        };
        AutoVibrato { wave, speed, depth, sweep }
    }
}

/// Points of 16-bit tick and value, less `offset`; marks are sustain, loop start and loop end.
fn envelope(points: &[u8], count: u8, flags: u8, marks: [u8; 3], offset: i8) -> Envelope {
    let count = usize::from(count).min(POINTS);
    let mut last_tick = 0;
    let points: Vec<_> = points
        .chunks_exact(4)
        .take(count)
        .enumerate()
        .map(|(index, point)| {
            // A chunk has four bytes.
            let tick = u16::from_le_bytes([point[0], point[1]]);
            last_tick = if index == 0 { 0 } else { whole_tick(tick, last_tick) };
            EnvelopePoint { tick: last_tick, value: point[2].min(64) as i8 - offset }
        })
        .collect();
    // Marks past the last point stand for it; those past the format's twelve for nothing.
    let marked = |mark: u8| mark.min(points.len().saturating_sub(1) as u8);
    let [sustain, start, end] = marks;
    let known = |mark: u8| usize::from(mark) < POINTS && !points.is_empty();
    let sustain_point = Span { start: marked(sustain), end: marked(sustain) };
    let span = Span { start: marked(start), end: marked(end) };
    Envelope {
        enabled: flags & 1 != 0 && !points.is_empty(),
        sustain: (flags & 2 != 0 && known(sustain)).then_some(sustain_point),
        envelope_loop: (flags & 4 != 0 && start <= end && known(end)).then_some(span),
        points,
        carry: false,
    }
}

/// Some programs wrote only the low byte of a tick: one before its predecessor gets the missing byte back.
fn whole_tick(tick: u16, last: u16) -> u16 {
    if tick >= last {
        return tick;
    }
    let tick = tick & 0xff | last & 0xff00;
    if tick < last { tick.saturating_add(0x100) } else { tick }
}
