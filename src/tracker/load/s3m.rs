//! S3M: Scream Tracker 3's format.
//!
//! Instruments are samples or AdLib voices; both become `Sample`s. Sample data and patterns lie at pointers in units
//! of 16 bytes. Which tracker wrote a file is in one word, except that ModPlug Tracker pretended to be Scream Tracker
//! and is told by fields it never set. Source: Scream Tracker 3.20 `TECH.DOC`.

use super::CellBudget;
use super::error::LoadError;
use super::error::Part;
use super::pcm;
use super::pcm::Budget;
use super::pcm::Encoding;
use super::reader::Reader;
use super::text;
use super::text::Charset;
use crate::audio::AudioSource;
use crate::sample::SampleData;
use crate::tracker::Song;
use crate::tracker::song::AutoVibrato;
use crate::tracker::song::Cell;
use crate::tracker::song::ChannelSetup;
use crate::tracker::song::Dialect;
use crate::tracker::song::Format;
use crate::tracker::song::MadeWith;
use crate::tracker::song::Note;
use crate::tracker::song::Order;
use crate::tracker::song::Pattern;
use crate::tracker::song::PitchModel;
use crate::tracker::song::Quirks;
use crate::tracker::song::Sample;
use std::sync::Arc;

const CHANNELS: usize = 32;
const ROWS: usize = 64;
/// Orders, instruments and patterns are bytes in cells and lists.
const MAX_ITEMS: u64 = 256;
/// Marks a table of default panning after the pointers.
const PANNING_TABLE: u8 = 0xfc;
const UNUSED_CHANNEL: u8 = 0xff;
const SCREAM_TRACKER_320: u16 = 0x1320;

pub(super) fn is_signed(bytes: &[u8]) -> bool {
    bytes.get(44..48) == Some(b"SCRM")
}

/// The fixed part of the file.
struct Header {
    title: String,
    order_count: usize,
    sample_count: usize,
    pattern_count: usize,
    flags: u16,
    tracker: u16,
    unsigned_samples: bool,
    global_volume: u8,
    speed: u8,
    tempo: u8,
    master_volume: u8,
    ultra_click: u8,
    panning_table: u8,
    special: u16,
    channels: [u8; CHANNELS],
}

fn read_header(reader: &mut Reader<'_>) -> Result<Header, LoadError> {
    let title = text::terminated_name(reader.take(28)?, Charset::Dos);
    reader.skip(4);
    let [orders, samples, patterns] = [reader.u16_le()?, reader.u16_le()?, reader.u16_le()?];
    let [flags, tracker, sample_format] = [reader.u16_le()?, reader.u16_le()?, reader.u16_le()?];
    reader.skip(4);
    let [global_volume, speed, tempo, master_volume, ultra_click, panning_table] = reader.array()?;
    reader.skip(8);
    Ok(Header {
        title,
        order_count: reader.bounded(orders, MAX_ITEMS)?,
        sample_count: reader.bounded(samples, MAX_ITEMS)?,
        pattern_count: reader.bounded(patterns, MAX_ITEMS)?,
        flags,
        tracker,
        unsigned_samples: sample_format != 1,
        global_volume,
        speed,
        tempo,
        master_volume,
        ultra_click,
        panning_table,
        special: reader.u16_le()?,
        channels: reader.array()?,
    })
}

impl Header {
    fn made_with(&self) -> MadeWith {
        match self.tracker >> 12 {
            1 if self.is_modplug() => MadeWith::ModPlug,
            1 => MadeWith::ScreamTracker3(self.tracker & 0x0fff),
            3 => MadeWith::ImpulseTracker(self.tracker & 0x0fff),
            4 if self.tracker != 0x4100 => MadeWith::SchismTracker(self.tracker & 0x0fff),
            5 => MadeWith::OpenMpt(u32::from(self.tracker & 0x0fff) << 16),
            _ => MadeWith::Unknown,
        }
    }

    /// Says 3.20, but holds what only ModPlug Tracker left there: orders padded to 16, no click protection.
    fn is_modplug(&self) -> bool {
        self.tracker == SCREAM_TRACKER_320
            && self.special == 0
            && self.order_count.is_multiple_of(16)
            && self.ultra_click == 0
            && self.flags & !0x50 == 0
            && self.panning_table == PANNING_TABLE
    }

    fn stereo(&self) -> bool {
        self.master_volume & 0x80 != 0
    }

    fn quirks(&self) -> Quirks {
        Quirks {
            slides_on_first_tick: self.flags & 0x40 != 0 || self.tracker == 0x1300,
            amiga_limits: self.flags & 0x10 != 0,
            ..Quirks::default()
        }
    }

    /// Before 3.20 no volume at all meant that nobody had set it.
    fn global_volume(&self) -> u8 {
        match self.global_volume {
            0 if self.tracker < SCREAM_TRACKER_320 => 128,
            volume => volume.min(64) * 2,
        }
    }

    fn channel_count(&self) -> usize {
        let last = self.channels.iter().rposition(|&setting| setting != UNUSED_CHANNEL);
        last.map_or(1, |channel| channel + 1)
    }
}

/// Reads a file that `is_signed`.
pub(super) fn load(bytes: &[u8]) -> Result<Song, LoadError> {
    let mut reader = Reader::at(bytes, 0, Part::single("header"));
    let header = read_header(&mut reader)?;
    reader.enter(Part::single("order list"));
    let orders = reader.take(header.order_count)?.iter().map(|&order| order_of(order)).collect();
    reader.enter(Part::single("pointers of the instruments"));
    let sample_pointers = read_pointers(&mut reader, header.sample_count)?;
    reader.enter(Part::single("pointers of the patterns"));
    let pattern_pointers = read_pointers(&mut reader, header.pattern_count)?;
    reader.enter(Part::single("panning table"));
    let channels = read_channels(&mut reader, &header)?;
    let samples = read_samples(bytes, &sample_pointers, header.unsigned_samples)?;
    let patterns = read_patterns(bytes, &pattern_pointers, channels.len())?;
    Ok(Song {
        format: Format::S3m,
        dialect: Dialect::ScreamTracker3,
        made_with: header.made_with(),
        quirks: header.quirks(),
        pitch: PitchModel::Periods,
        channels,
        orders,
        restart_order: 0,
        patterns,
        instruments: Vec::new(),
        samples,
        initial_speed: if matches!(header.speed, 0 | 255) { 6 } else { header.speed },
        initial_tempo: if header.tempo < 33 { 125 } else { header.tempo },
        initial_global_volume: header.global_volume(),
        mix_volume: (header.master_volume & 0x7f).max(0x10),
        separation: 128,
        macros: None,
        message: String::new(),
        title: header.title,
    })
}

fn order_of(order: u8) -> Order {
    match order {
        0xfe => Order::Skip,
        0xff => Order::End,
        pattern => Order::Pattern(pattern.into()),
    }
}

fn read_pointers(reader: &mut Reader<'_>, count: usize) -> Result<Vec<usize>, LoadError> {
    (0..count).map(|_| Ok(usize::from(reader.u16_le()?) * 16)).collect()
}

fn read_channels(reader: &mut Reader<'_>, header: &Header) -> Result<Vec<ChannelSetup>, LoadError> {
    let table = if header.panning_table == PANNING_TABLE { reader.array()? } else { [0_u8; CHANNELS] };
    let used = header.channels.iter().zip(table).take(header.channel_count());
    Ok(used
        .map(|(&setting, panning)| ChannelSetup {
            panning: match (panning & 0x20 != 0, header.stereo()) {
                (true, _) => (u16::from(panning & 0x0f) * 256 + 8) / 15,
                (false, true) if setting & 0x08 != 0 => 0xcc,
                (false, true) => 0x33,
                (false, false) => 128,
            },
            surround: false,
            volume: 64,
            muted: setting & 0x80 != 0,
            name: String::new(),
        })
        .collect())
}

fn read_samples(bytes: &[u8], pointers: &[usize], unsigned: bool) -> Result<Vec<Sample>, LoadError> {
    let mut budget = Budget::for_file(bytes);
    let each = pointers.iter().enumerate();
    each.map(|(index, &pointer)| {
        let mut reader = Reader::at(bytes, pointer, Part::numbered("instrument", index + 1));
        if pointer == 0 {
            Ok(empty_sample())
        } else {
            read_sample(&mut reader, index + 1, unsigned, &mut budget)
        }
    })
    .collect()
}

fn empty_sample() -> Sample {
    Sample {
        name: String::new(),
        data: Arc::new(SampleData::empty()),
        sample_loop: None,
        sustain_loop: None,
        volume: 0,
        global_volume: 64,
        panning: None,
        c5_speed: 8363,
        relative_key: 0,
        finetune: 0,
        vibrato: AutoVibrato::default(),
        adlib: None,
    }
}

/// The 80 bytes of a sample or an AdLib voice.
struct Voice {
    kind: u8,
    pointer: usize,
    /// Length, loop start and loop end of a sample; the registers of an AdLib voice.
    body: [u8; 12],
    volume: u8,
    packing: u8,
    flags: u8,
    c5_speed: u32,
    name: String,
}

fn read_voice(reader: &mut Reader<'_>) -> Result<Voice, LoadError> {
    let kind = reader.byte()?;
    reader.skip(12);
    let [high, low, middle] = reader.array()?;
    let body = reader.array()?;
    let [volume, _, packing, flags] = reader.array()?;
    let c5_speed = reader.u32_le()?;
    reader.skip(12);
    Ok(Voice {
        kind,
        pointer: u32::from_le_bytes([low, middle, high, 0]) as usize * 16,
        body,
        volume: volume.min(64),
        packing,
        flags,
        c5_speed: if c5_speed == 0 { 8363 } else { c5_speed.max(1024) },
        name: text::terminated_name(reader.take(28)?, Charset::Dos),
    })
}

fn read_sample(
    reader: &mut Reader<'_>,
    number: usize,
    unsigned: bool,
    budget: &mut Budget,
) -> Result<Sample, LoadError> {
    let voice = read_voice(reader)?;
    let encoding = Encoding {
        sixteen_bit: voice.flags & 4 != 0,
        stereo: voice.flags & 2 != 0,
        unsigned,
        adpcm: voice.packing == 4,
        ..Encoding::default()
    };
    let silent =
        Sample { name: voice.name, volume: voice.volume, c5_speed: voice.c5_speed, ..empty_sample() };
    match voice.kind {
        1 => {
            let [length, start, end] = dwords(voice.body);
            reader.enter(Part::numbered("sample", number));
            reader.seek(voice.pointer);
            let data = pcm::read(reader, length as usize, encoding, budget)?;
            let looped = voice.flags & 1 != 0;
            let frames = data.frames();
            let sample_loop =
                looped.then(|| pcm::sound_loop(start.into(), end.into(), false, frames)).flatten();
            Ok(Sample { data: Arc::new(data), sample_loop, ..silent })
        }
        2..=7 => Ok(Sample { adlib: Some(voice.body), ..silent }),
        _ => Ok(silent),
    }
}

fn dwords(bytes: [u8; 12]) -> [u32; 3] {
    let [a, b, c, d, e, f, g, h, i, j, k, l] = bytes;
    [[a, b, c, d], [e, f, g, h], [i, j, k, l]].map(u32::from_le_bytes)
}

fn read_patterns(bytes: &[u8], pointers: &[usize], channels: usize) -> Result<Vec<Pattern>, LoadError> {
    let mut budget = CellBudget::new();
    let each = pointers.iter().enumerate();
    each.map(|(number, &pointer)| {
        let mut reader = Reader::at(bytes, pointer, Part::numbered("pattern", number));
        let mut cells = budget.cells(&reader, ROWS, channels)?;
        if pointer != 0 {
            // The packed length that stands here is wrong in some files; 64 rows end a pattern.
            reader.skip(2);
            for row in cells.chunks_mut(channels) {
                read_row(&mut reader, row)?;
            }
        }
        Ok(Pattern { cells, rows: ROWS as u16 })
    })
    .collect()
}

/// A row is a list of channels that hold something, each with a byte that says what; a zero ends it.
fn read_row(reader: &mut Reader<'_>, row: &mut [Cell]) -> Result<(), LoadError> {
    loop {
        let what = reader.byte()?;
        if what == 0 {
            return Ok(());
        }
        let mut cell = Cell::default();
        if what & 0x20 != 0 {
            cell.note = note_of(reader.byte()?);
            cell.instrument = reader.byte()?;
        }
        if what & 0x40 != 0 {
            cell.volume = Some(reader.byte()?).filter(|&volume| volume != 0xff);
        }
        if what & 0x80 != 0 {
            [cell.effect, cell.parameter] = reader.array()?;
        }
        // Channels beyond the used ones are muted in the header and hold nothing that sounds.
        if let Some(place) = row.get_mut(usize::from(what & 0x1f)) {
            *place = cell;
        }
    }
}

fn note_of(note: u8) -> Note {
    let key = (12 * (note >> 4)).saturating_add(12 + (note & 0x0f));
    match note {
        0xff => Note::None,
        0xfe => Note::Cut,
        _ if note & 0x0f < 12 && key < 120 => Note::Key(key),
        _ => Note::None,
    }
}
