//! S3M: Scream Tracker 3's format.
//!
//! Instruments are samples or AdLib voices; both become `Sample`s. Sample data and patterns lie at pointers in units
//! of 16 bytes. Which tracker wrote a file is in one word, except that several pretended to be Scream Tracker and are
//! told by fields they never set; playing depends on it, and on the sound card Scream Tracker had. Sources: Scream
//! Tracker 3.20 `TECH.DOC`, release notes of OpenMPT on S3M.

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
use crate::tracker::song::Cell;
use crate::tracker::song::ChannelSetup;
use crate::tracker::song::Dialect;
use crate::tracker::song::FixedPace;
use crate::tracker::song::Format;
use crate::tracker::song::Loop;
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
const SCREAM_TRACKER_300: u16 = 0x1300;
const SCREAM_TRACKER_301: u16 = 0x1301;
const SCREAM_TRACKER_320: u16 = 0x1320;
const BEROTRACKER_OLD: u16 = 0x4100;
/// Days of 2 May 2021 and 13 May 2016 in Schism Tracker's count (its change log).
const SCHISM_SLIDES_IN_HERTZ: i32 = 4201;
const SCHISM_RETRIGGERS_AS_IT: i32 = 2386;
/// Kinds of instruments.
const PCM: u8 = 1;
const ADLIB_MELODY: u8 = 2;
/// Effects Oxx, Sxx and Zxx.
const OFFSET: u8 = 15;
const SPECIAL: u8 = 19;
const MACRO: u8 = 26;
const LAST_KEY: u8 = 119;

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
    old_format: bool,
    global_volume: u8,
    speed: u8,
    tempo: u8,
    master_volume: u8,
    ultra_click: u8,
    has_panning_table: bool,
    reserved: [u8; 8],
    special: u16,
    channels: [u8; CHANNELS],
}

fn read_header(reader: &mut Reader<'_>) -> Result<Header, LoadError> {
    let title = text::terminated_name(reader.take(28)?, Charset::Dos);
    reader.skip(4);
    let [orders, samples, patterns] = [reader.u16_le()?, reader.u16_le()?, reader.u16_le()?];
    let [flags, tracker, format_version] = [reader.u16_le()?, reader.u16_le()?, reader.u16_le()?];
    reader.skip(4);
    let [global_volume, speed, tempo, master_volume, ultra_click, panning_table] = reader.array()?;
    Ok(Header {
        title,
        order_count: reader.bounded(orders, MAX_ITEMS)?,
        sample_count: reader.bounded(samples, MAX_ITEMS)?,
        pattern_count: reader.bounded(patterns, MAX_ITEMS)?,
        flags,
        tracker,
        old_format: format_version == 1,
        global_volume,
        speed,
        tempo,
        master_volume,
        ultra_click,
        has_panning_table: panning_table == PANNING_TABLE,
        reserved: reader.array()?,
        special: reader.u16_le()?,
        channels: reader.array()?,
    })
}

/// What the header and its instruments tell of the program that wrote the file.
#[derive(Clone, Copy)]
struct Maker {
    made_with: MadeWith,
    /// A program with ways of its own, not one that follows Scream Tracker.
    foreign: bool,
    /// Scream Tracker with a Gravis Ultrasound, not a SoundBlaster.
    ultrasound: bool,
}

impl Maker {
    fn is_scream_tracker(&self) -> bool {
        matches!(self.made_with, MadeWith::ScreamTracker3(_))
    }

    fn is_modplug(&self) -> bool {
        matches!(self.made_with, MadeWith::ModPlug | MadeWith::OpenMpt(_))
    }

    /// Scream Tracker writes where its sound card has each sample: different places on a Gravis Ultrasound, 1 on a
    /// SoundBlaster. A file without any is by another program, but for early versions.
    fn look_at_addresses(&mut self, header: &Header, addresses: u16, any_samples: bool) {
        if !self.is_scream_tracker() {
            return;
        }
        self.ultrasound = addresses > 1;
        if any_samples && addresses == 0 && header.tracker != SCREAM_TRACKER_300 {
            self.made_with = MadeWith::Unknown;
        }
    }
}

impl Header {
    /// What the version word says; `canonical` where samples lie before patterns.
    fn maker(&self, canonical: bool) -> Maker {
        let version = self.tracker & 0x0fff;
        let (made_with, foreign) = match self.tracker >> 12 {
            1 if self.reserved == *b"SCLUB2.0" => (MadeWith::Unknown, false),
            1 if self.is_modplug(canonical) => self.modplug(),
            1 if self.is_bare() => (MadeWith::Unknown, false),
            1 => (MadeWith::ScreamTracker3(version), false),
            // Imago Orpheus and PlayerPRO.
            2 => (MadeWith::Unknown, true),
            3 => (MadeWith::ImpulseTracker(version), true),
            4 if self.tracker == BEROTRACKER_OLD => (MadeWith::Unknown, true),
            4 => (MadeWith::SchismTracker(version), true),
            5 if self.is_openmpt() => (MadeWith::OpenMpt(self.openmpt_version()), false),
            _ => (MadeWith::Unknown, false),
        };
        Maker { made_with, foreign, ultrasound: false }
    }

    /// Says 3.20, but holds what only ModPlug Tracker and Schism Tracker left there.
    fn is_modplug(&self, canonical: bool) -> bool {
        self.tracker == SCREAM_TRACKER_320
            && self.special == 0
            && self.order_count.is_multiple_of(2)
            && self.ultra_click == 0
            && self.flags & !0x50 == 0
            && self.has_panning_table
            && canonical
    }

    fn modplug(&self) -> (MadeWith, bool) {
        let padded = self.order_count.is_multiple_of(16);
        (if padded { MadeWith::ModPlug } else { MadeWith::Unknown }, true)
    }

    /// Says 3.20, but is Velvet Studio's, PlayerPRO's or an early Impulse Tracker's.
    fn is_bare(&self) -> bool {
        self.tracker == SCREAM_TRACKER_320
            && self.special == 0
            && self.ultra_click == 0
            && matches!(self.flags, 0 | 8)
            && !self.has_panning_table
    }

    /// Liquid Tracker, NESMusa and Graoumf Tracker have numbers in OpenMPT's range.
    fn is_openmpt(&self) -> bool {
        let liquid = self.reserved[..2] == [0, 0] && self.ultra_click == 16 && self.channels[1] != 1;
        !liquid && self.tracker & 0xff00 != 0x5a00 && self.tracker != 0x5447
    }

    fn openmpt_version(&self) -> u32 {
        let version = u32::from(self.tracker & 0x0fff) << 16;
        let [low, high, ..] = self.reserved;
        if version >= 0x0129_0000 { version | u32::from(u16::from_le_bytes([low, high])) } else { version }
    }

    /// Days from Schism Tracker's epoch, 31 October 2009, to the day its version was made.
    fn schism_days(&self) -> i32 {
        let [low, high, ..] = self.reserved;
        match self.tracker {
            0x4fff => u16::from_le_bytes([low, high]).into(),
            version => i32::from(version) - 0x4050,
        }
    }

    fn stereo(&self, maker: &Maker) -> bool {
        self.master_volume & 0x80 != 0 || maker.is_modplug()
    }

    fn quirks(&self, maker: &Maker) -> Quirks {
        let st3 = maker.is_scream_tracker();
        let impulse = matches!(maker.made_with, MadeWith::ImpulseTracker(_));
        let schism = matches!(maker.made_with, MadeWith::SchismTracker(_));
        let bero = matches!(self.tracker, BEROTRACKER_OLD | 0x6000..=0x6fff);
        let soundblaster = st3 && !maker.ultrasound;
        Quirks {
            slides_on_first_tick: self.flags & 0x40 != 0 || self.tracker == SCREAM_TRACKER_300,
            amiga_limits: self.flags & 0x10 != 0,
            deep_vibrato: self.flags & 1 != 0,
            foreign_s3m: maker.foreign,
            samples_swap_at_once: soundblaster || impulse,
            ended_samples_stay_ended: soundblaster
                || impulse
                || schism && self.schism_days() >= SCHISM_RETRIGGERS_AS_IT,
            frequencies_in_hertz: impulse || schism && self.schism_days() >= SCHISM_SLIDES_IN_HERTZ,
            short_period_ends_note: bero || maker.foreign && self.tracker == SCREAM_TRACKER_320,
            adlib_slides_with_notes: self.tracker <= SCREAM_TRACKER_301 || schism,
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

    /// Scream Tracker's driver for the Gravis Ultrasound has no such setting; mono is 8/11 as loud.
    fn mix_volume(&self, maker: &Maker) -> u8 {
        if maker.ultrasound && maker.is_scream_tracker() {
            return 48;
        }
        let volume = match self.master_volume {
            volume @ 0..8 if self.old_format => (volume + 1) * 16,
            2 | 0x12 => 32,
            volume if volume & 0x7f == 0 => 48,
            volume => (volume & 0x7f).max(16),
        };
        let volume = volume.min(127);
        if self.stereo(maker) { volume } else { ((u16::from(volume) * 8 + 5) / 11) as u8 } // less than `volume`
    }

    fn speed(&self, maker: &Maker) -> u8 {
        match self.speed {
            0 => 6,
            // Axx takes it, but as the first speed it is refused.
            255 if maker.is_scream_tracker() => 6,
            speed => speed,
        }
    }

    fn tempo(&self, maker: &Maker) -> u8 {
        match self.tempo {
            0..33 if maker.is_scream_tracker() => 125,
            tempo => tempo.max(32),
        }
    }

    fn channel_count(&self) -> usize {
        let last = self.channels.iter().rposition(|&setting| setting != UNUSED_CHANNEL);
        last.map_or(1, |channel| channel + 1)
    }

    fn is_adlib_channel(&self, channel: usize) -> bool {
        self.channels.get(channel).is_some_and(|setting| matches!(setting & 0x7f, 16..=29))
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
    let canonical = sample_pointers
        .first()
        .zip(pattern_pointers.first())
        .is_some_and(|(sample, pattern)| pattern > sample);
    let mut maker = header.maker(canonical);
    let (speed, tempo) = (header.speed(&maker), header.tempo(&maker));
    reader.enter(Part::single("panning table"));
    let channels = read_channels(&mut reader, &header, &maker)?;
    let samples = read_samples(bytes, &sample_pointers, &header, &mut maker)?;
    let mut patterns = read_patterns(bytes, &pattern_pointers, channels.len())?;
    translate_old_effects(&header, &maker, &mut patterns);
    Ok(Song {
        format: Format::S3m,
        dialect: Dialect::ScreamTracker3,
        made_with: maker.made_with,
        quirks: header.quirks(&maker),
        pitch: PitchModel::Periods,
        channels,
        orders,
        restart_order: 0,
        patterns,
        instruments: Vec::new(),
        samples,
        initial_speed: speed,
        initial_tempo: tempo,
        fixed_pace: FixedPace::default(),
        initial_global_volume: header.global_volume(),
        mix_volume: header.mix_volume(&maker),
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

fn read_channels(
    reader: &mut Reader<'_>,
    header: &Header,
    maker: &Maker,
) -> Result<Vec<ChannelSetup>, LoadError> {
    let table = if header.has_panning_table { reader.array()? } else { [0_u8; CHANNELS] };
    let used = header.channels.iter().zip(table).take(header.channel_count()).enumerate();
    Ok(used
        .map(|(index, (&setting, panning))| {
            let adlib = header.is_adlib_channel(index);
            ChannelSetup {
                panning: match (panning & 0x20 != 0, header.stereo(maker)) {
                    // Scream Tracker's AdLib channels have no place.
                    (true, _) if !(adlib && maker.is_scream_tracker()) => {
                        (u16::from(panning & 0x0f) * 256 + 8) / 15
                    }
                    (_, true) if !adlib => usual_panning(setting),
                    _ => 128,
                },
                surround: false,
                volume: 64,
                muted: setting & 0x80 != 0,
                name: String::new(),
            }
        })
        .collect())
}

/// Channels are named L1 to L8 and R1 to R8.
fn usual_panning(setting: u8) -> u16 {
    if setting & 0x08 != 0 { 0xcc } else { 0x33 }
}

fn read_samples(
    bytes: &[u8],
    pointers: &[usize],
    header: &Header,
    maker: &mut Maker,
) -> Result<Vec<Sample>, LoadError> {
    let mut budget = Budget::for_file(bytes);
    let (mut addresses, mut any_samples) = (0, false);
    let mut samples = Vec::with_capacity(pointers.len());
    for (index, &pointer) in pointers.iter().enumerate() {
        let mut reader = Reader::at(bytes, pointer, Part::numbered("instrument", index + 1));
        if pointer == 0 {
            samples.push(empty_sample());
            continue;
        }
        let voice = read_voice(&mut reader)?;
        if voice.kind < ADLIB_MELODY {
            addresses |= voice.address;
            any_samples |= dwords(voice.body)[0] != 0;
        }
        samples.push(read_sample(
            &mut reader,
            voice,
            Kind { number: index + 1, header, maker },
            &mut budget,
        )?);
    }
    maker.look_at_addresses(header, addresses, any_samples);
    Ok(samples)
}

/// What a sample's header leaves to the song's.
struct Kind<'a> {
    number: usize,
    header: &'a Header,
    maker: &'a Maker,
}

fn empty_sample() -> Sample {
    Sample { volume: 0, ..Sample::plain(SampleData::empty()) }
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
    /// Where Scream Tracker's sound card had the sample.
    address: u16,
    name: String,
}

fn read_voice(reader: &mut Reader<'_>) -> Result<Voice, LoadError> {
    let kind = reader.byte()?;
    reader.skip(12);
    let [high, low, middle] = reader.array()?;
    let body = reader.array()?;
    let [volume, _, packing, flags] = reader.array()?;
    let c5_speed = reader.u32_le()?;
    reader.skip(4);
    let address = reader.u16_le()?;
    reader.skip(6);
    Ok(Voice {
        kind,
        pointer: u32::from_le_bytes([low, middle, high, 0]) as usize * 16,
        body,
        volume: volume.min(64),
        packing,
        flags,
        c5_speed,
        address,
        name: text::terminated_name(reader.take(28)?, Charset::Dos),
    })
}

impl Voice {
    /// Scream Tracker reads 16 bits: it cuts an AdLib voice's speed and limits a sample's.
    fn speed(&self, maker: &Maker) -> u32 {
        let speed = match (maker.is_scream_tracker(), self.kind) {
            (true, ADLIB_MELODY) => self.c5_speed & 0xffff,
            (true, _) => self.c5_speed.min(0xffff),
            (false, _) => self.c5_speed,
        };
        if speed == 0 { 8363 } else { speed.max(1024) }
    }
}

fn read_sample(
    reader: &mut Reader<'_>,
    voice: Voice,
    of: Kind<'_>,
    budget: &mut Budget,
) -> Result<Sample, LoadError> {
    let encoding = Encoding {
        sixteen_bit: voice.flags & 4 != 0,
        stereo: voice.flags & 2 != 0,
        unsigned: !of.header.old_format,
        adpcm: voice.packing == 4,
        ..Encoding::default()
    };
    let c5_speed = voice.speed(of.maker);
    let silent = Sample { name: voice.name, volume: voice.volume, c5_speed, ..empty_sample() };
    match voice.kind {
        PCM => {
            let [length, start, end] = dwords(voice.body);
            reader.enter(Part::numbered("sample", of.number));
            reader.seek(voice.pointer);
            let data = pcm::read(reader, length as usize, encoding, budget)?;
            let looped = voice.flags & 1 != 0;
            let frames = data.frames();
            // A loop that ends on the first frame is none.
            let sample_loop = (looped && end > 1)
                .then(|| pcm::sound_loop(start.into(), end.into(), false, frames))
                .flatten();
            Ok(Sample { data: Arc::new(data), sample_loop, ..silent })
        }
        ADLIB_MELODY => Ok(adlib_voice(voice.body, silent)),
        // The drums of AdLib's rhythm mode have never been played by any tracker.
        _ => Ok(silent),
    }
}

/// An AdLib voice and its stand-in: a short silent loop, which is in the middle of a note as long as the voice is.
fn adlib_voice(registers: [u8; 12], silent: Sample) -> Sample {
    const FRAMES: u32 = 4;
    let frames = vec![0; FRAMES as usize].into();
    Sample {
        data: Arc::new(SampleData::Mono8(frames)),
        sample_loop: Some(Loop { start: 0, end: FRAMES, ping_pong: false }),
        adlib: Some(registers),
        ..silent
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
            cell.volume = Some(volume_of(reader.byte()?));
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

/// 0..=64 is a volume and 128..=192 a panning; anything else is full volume.
fn volume_of(volume: u8) -> u8 {
    match volume {
        128..=192 => volume,
        _ => volume.min(64),
    }
}

/// Effects that meant something else before version 3.20.
fn translate_old_effects(header: &Header, maker: &Maker, patterns: &mut [Pattern]) {
    if header.tracker >= SCREAM_TRACKER_320 {
        return;
    }
    let channels = header.channel_count();
    let pans = has_panning_commands(channels, patterns);
    for pattern in patterns {
        for (index, cell) in pattern.cells.iter_mut().enumerate() {
            let setting = header.channels.get(index % channels).copied().unwrap_or_default();
            match (cell.effect, cell.parameter) {
                (SPECIAL, parameter @ 0xa0..=0xaf) => {
                    let side = old_side(setting & 0x7f, parameter & 15).filter(|_| !maker.ultrasound);
                    cell.effect = side.map_or(0, |_| SPECIAL);
                    cell.parameter = side.unwrap_or(parameter);
                }
                (MACRO, parameter) if pans => (cell.effect, cell.parameter) = (SPECIAL, 0x80 | parameter),
                // 3.01 did not remember offsets.
                (OFFSET, 0) if maker.is_scream_tracker() && header.tracker <= SCREAM_TRACKER_301 => {
                    cell.effect = 0;
                }
                _ => {}
            }
        }
    }
}

/// The stereo control of early SoundBlaster drivers: as the channel's name, swapped, or in the middle.
fn old_side(setting: u8, value: u8) -> Option<u8> {
    let right = setting & 8 != 0;
    match value {
        _ if setting >= 16 => None,
        0 | 2 => Some(if right { 0x8c } else { 0x83 }),
        1 | 3 => Some(if right { 0x83 } else { 0x8c }),
        4..=7 => Some(0x88),
        _ => None,
    }
}

/// Whether Zxx is panning, as PixPlay had it: often used, never past Z0F, and to both sides.
fn has_panning_commands(channels: usize, patterns: &[Pattern]) -> bool {
    let macros = || patterns.iter().flat_map(|pattern| &pattern.cells).filter(|cell| cell.effect == MACRO);
    let left = macros().filter(|cell| cell.parameter < 8).count();
    let right = macros().filter(|cell| (9..16).contains(&cell.parameter)).count();
    macros().all(|cell| cell.parameter < 16) && left + right >= channels && right < left + channels
}

fn note_of(note: u8) -> Note {
    match note {
        0..0xf0 => Note::Key((12 * (note >> 4) + 12 + (note & 0x0f)).min(LAST_KEY)),
        0xfe => Note::Cut,
        _ => Note::None,
    }
}
