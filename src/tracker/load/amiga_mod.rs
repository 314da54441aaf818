//! MOD: ProTracker's format and its relatives with more channels.
//!
//! The signature at byte 1080 names the channel count. Which tracker wrote a file shows only in what its patterns use;
//! the scan here finds notes within the Amiga's range, Noisetracker's effects and 7-bit panning. Files of 15 samples
//! have none and another loader. Sources: ProTracker 2.3 `PTFormat.txt`; behaviour of the traces.

use super::CellBudget;
use super::MAX_CHANNELS;
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
use crate::tracker::timeline;
use std::sync::Arc;

pub(super) const TITLE_BYTES: usize = 20;
const ORDERS: usize = 128;
pub(super) const ROWS: usize = 64;
const SIGNATURE_AT: usize = 1080;
/// A PAL Amiga plays period 428 (key 60) at 7093789.2 / 2 / 428 Hz.
const C5_SPEED: u32 = 8287;
/// The usual tempo byte of files with 15 samples, which some trackers left in the restart field.
const SOUNDTRACKER_TEMPO: u8 = 0x78;

/// Panning commands that stay below this are marks for something else.
const LEAST_PANNING: u8 = 0x30;
/// 8xx of trackers with 7-bit panning: surround.
const SURROUND: u8 = 0xa4;
/// Songs from here on may be timed by the vertical blank.
const LONG_SONG_S: f64 = 480.0;
/// Nobody listens to the end of longer ones to tell how they are timed.
const LONGEST_SONG_S: f64 = 3600.0;

/// What a signature says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Signature {
    channels: usize,
    family: Family,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    /// `M.K.`, which trackers of every kind wrote.
    ProTracker,
    /// `M!K!`: the same with more than 64 patterns.
    LargeProTracker,
    NoiseTracker,
    /// Noisetracker whose finetune counts downwards.
    HisMastersNoise,
    /// Patterns of 8 channels are stored as pairs of 4.
    StarTrekker,
    /// PC trackers, which follow FastTracker 2's rules.
    MultiChannel,
    /// Trackers of the Amiga and the Atari with signatures of their own.
    Other,
}

fn signature(bytes: &[u8]) -> Option<Signature> {
    let signed = |channels, family| Some(Signature { channels, family });
    let digit = |byte: &u8| usize::from(byte - b'0');
    match bytes.get(SIGNATURE_AT..SIGNATURE_AT + 4)? {
        b"M.K." => signed(4, Family::ProTracker),
        b"M!K!" => signed(4, Family::LargeProTracker),
        b"NSMS" | b"LARD" => signed(4, Family::Other),
        b"M&K!" | b"FEST" => signed(4, Family::HisMastersNoise),
        b"N.T." => signed(4, Family::NoiseTracker),
        [b'F', b'L', b'T', count @ b'4'..=b'9'] | [b'E', b'X', b'O', count @ b'4'..=b'9'] => {
            signed(digit(count), Family::StarTrekker)
        }
        b"OCTA" | b"OKTA" => signed(8, Family::Other),
        [b'C', b'D', count @ (b'6' | b'8'), b'1'] => signed(digit(count), Family::Other),
        [b'F', b'A', b'0', count @ b'4'..=b'8'] => signed(digit(count), Family::Other),
        [b'T', b'D', b'Z', count @ b'1'..=b'9'] => signed(digit(count), Family::Other),
        [count @ b'1'..=b'9', b'C', b'H', b'N'] => signed(digit(count), Family::MultiChannel),
        [tens @ b'1'..=b'9', ones @ b'0'..=b'9', b'C', b'H' | b'N'] => {
            signed(10 * digit(tens) + digit(ones), Family::MultiChannel)
        }
        _ => None,
    }
}

/// The file carries a signature of the 31-sample format.
pub(super) fn is_signed(bytes: &[u8]) -> bool {
    signature(bytes).is_some()
}

/// A sample's header, in bytes.
pub(super) struct Header {
    pub(super) name: String,
    pub(super) length: u32,
    pub(super) finetune: u8,
    pub(super) volume: u8,
    pub(super) loop_start: u32,
    pub(super) loop_length: u32,
}

fn read_header(reader: &mut Reader<'_>) -> Result<Header, LoadError> {
    Ok(Header {
        name: text::name(reader.take(22)?, Charset::Latin),
        length: u32::from(reader.u16_be()?) * 2,
        finetune: reader.byte()?,
        volume: reader.byte()?,
        loop_start: u32::from(reader.u16_be()?) * 2,
        loop_length: u32::from(reader.u16_be()?) * 2,
    })
}

pub(super) fn read_headers(reader: &mut Reader<'_>, count: usize) -> Result<Vec<Header>, LoadError> {
    (1..=count)
        .map(|number| {
            reader.enter(Part::numbered("header of sample", number));
            read_header(reader)
        })
        .collect()
}

/// What stands between the sample headers and the patterns.
pub(super) struct Arrangement {
    pub(super) length: usize,
    /// Restart order; in files of 15 samples the tempo.
    pub(super) restart: u8,
    pub(super) orders: [u8; ORDERS],
}

impl Arrangement {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, LoadError> {
        reader.enter(Part::single("order list"));
        let length = usize::from(reader.byte()?);
        let restart = reader.byte()?;
        let orders: [u8; ORDERS] = reader.array()?;
        let used = orders.iter().rposition(|&order| order != 0).map_or(1, |last| last + 1);
        let length = if length == 0 { used } else { length.min(ORDERS) };
        Ok(Self { length, restart, orders })
    }

    /// Patterns in the file: trackers stored those of the unused end of the list too.
    pub(super) fn patterns(&self) -> usize {
        self.orders.iter().filter(|&&order| order < 128).max().map_or(1, |&last| usize::from(last) + 1)
    }

    /// 0xFE and 0xFF are Scream Tracker's marks, which some trackers let through.
    pub(super) fn order_list(&self, divisor: u16) -> Vec<Order> {
        let listed = &self.orders[..self.length];
        listed
            .iter()
            .map(|&order| match order {
                0xfe => Order::Skip,
                0xff => Order::End,
                pattern => Order::Pattern(u16::from(pattern) / divisor),
            })
            .collect()
    }
}

/// Reads a file with a signature.
pub(super) fn load(bytes: &[u8]) -> Result<Song, LoadError> {
    let Some(mut signature) = signature(bytes) else { return Err(LoadError::UnknownFormat) };
    let mut reader = Reader::at(bytes, 0, Part::single("title"));
    let title = text::name(reader.take(TITLE_BYTES)?, Charset::Latin);
    let headers = read_headers(&mut reader, 31)?;
    let arrangement = Arrangement::read(&mut reader)?;
    // Digital Tracker's signature is followed by four more bytes.
    reader.skip(if bytes.get(SIGNATURE_AT..).is_some_and(|rest| rest.starts_with(b"FA0")) { 8 } else { 4 });
    reader.bounded(signature.channels as u64, MAX_CHANNELS)?;
    if is_mods_grave(bytes, signature, &headers, &arrangement) {
        signature = Signature { channels: 8, family: Family::MultiChannel };
    }

    let paired = signature.family == Family::StarTrekker && signature.channels == 8;
    let mut patterns = if paired {
        read_paired_patterns(&mut reader, arrangement.patterns().div_ceil(2))?
    } else {
        read_patterns(&mut reader, arrangement.patterns(), signature.channels)?
    };
    let findings = Findings::of(&patterns, &headers, signature);
    findings.correct(&mut patterns);
    let samples = read_samples(&mut reader, headers, &findings)?;

    let restart = usize::from(arrangement.restart);
    let restarts = restart < arrangement.length
        && !(arrangement.restart == SOUNDTRACKER_TEMPO && signature.channels == 4);
    let song = Song {
        restart_order: if restarts { u16::from(arrangement.restart) } else { 0 },
        made_with: findings.made_with(),
        quirks: findings.quirks(arrangement.restart),
        dialect: findings.dialect(),
        channels: channel_setups(signature.channels),
        orders: arrangement.order_list(if paired { 2 } else { 1 }),
        ..empty_song(title, patterns, samples)
    };
    Ok(if findings.maybe_vertical_blank { time_by_vertical_blank(song) } else { song })
}

/// A song of more than eight minutes whose tempo commands make sense as speeds was timed by the vertical blank, where
/// that makes it shorter: nothing in the file tells the two kinds of timing apart.
fn time_by_vertical_blank(song: Song) -> Song {
    let song = Arc::new(song);
    if timeline::seconds(&song, LONG_SONG_S) < LONG_SONG_S {
        return Arc::unwrap_or_clone(song);
    }
    let quirks = Quirks { tempo_by_vertical_blank: true, ..song.quirks };
    let other = Arc::new(Song { quirks, ..Song::clone(&song) });
    let seconds = timeline::seconds(&other, LONGEST_SONG_S);
    // Most that are timed so are short then, and the whole of the other way need not be known.
    let shorter = seconds < LONG_SONG_S || seconds < timeline::seconds(&song, LONGEST_SONG_S);
    Arc::unwrap_or_clone(if shorter { other } else { song })
}

/// Mod's Grave wrote 8 channels under `M.K.`; only the file's exact length tells.
fn is_mods_grave(bytes: &[u8], signature: Signature, headers: &[Header], arrangement: &Arrangement) -> bool {
    let samples: usize = headers.iter().map(|header| header.length as usize).sum();
    let start = SIGNATURE_AT + 4;
    bytes.get(SIGNATURE_AT..start) == Some(b"M.K.")
        && signature.channels == 4
        && samples > 0
        && bytes.len() == start + samples + arrangement.patterns() * ROWS * 8 * 4
}

pub(super) fn channel_setups(count: usize) -> Vec<ChannelSetup> {
    (0..count)
        .map(|channel| ChannelSetup {
            // Left, right, right, left, at half width.
            panning: if matches!(channel % 4, 1 | 2) { 192 } else { 64 },
            surround: false,
            volume: 64,
            muted: false,
            name: String::new(),
        })
        .collect()
}

pub(super) fn empty_song(title: String, patterns: Vec<Pattern>, samples: Vec<Sample>) -> Song {
    Song {
        title,
        format: Format::Mod,
        dialect: Dialect::ProTracker,
        made_with: MadeWith::Unknown,
        quirks: Quirks::default(),
        pitch: PitchModel::Periods,
        channels: Vec::new(),
        orders: Vec::new(),
        restart_order: 0,
        patterns,
        instruments: Vec::new(),
        samples,
        initial_speed: 6,
        initial_tempo: 125,
        fixed_pace: FixedPace::default(),
        initial_global_volume: 128,
        mix_volume: 48,
        separation: 128,
        macros: None,
        message: String::new(),
    }
}

fn read_cell(reader: &mut Reader<'_>) -> Result<Cell, LoadError> {
    let [high, low, effect, parameter] = reader.array()?;
    let period = u16::from(high & 0x0f) << 8 | u16::from(low);
    Ok(Cell {
        // All bits set is an empty field of some trackers.
        note: if matches!(period, 0 | 0xfff) { Note::None } else { Note::Period(period) },
        instrument: high & 0x10 | effect >> 4,
        volume: None,
        effect: effect & 0x0f,
        parameter,
    })
}

pub(super) fn read_patterns(
    reader: &mut Reader<'_>,
    count: usize,
    channels: usize,
) -> Result<Vec<Pattern>, LoadError> {
    let mut budget = CellBudget::new();
    (0..count)
        .map(|number| {
            reader.enter(Part::numbered("pattern", number));
            let mut cells = budget.cells(reader, ROWS, channels)?;
            for cell in &mut cells {
                *cell = read_cell(reader)?;
            }
            Ok(Pattern { cells, rows: ROWS as u16 })
        })
        .collect()
}

/// StarTrekker's 8 channels: channels 1 to 4 of a pattern, then 5 to 8 of the same.
fn read_paired_patterns(reader: &mut Reader<'_>, count: usize) -> Result<Vec<Pattern>, LoadError> {
    let mut budget = CellBudget::new();
    (0..count)
        .map(|number| {
            reader.enter(Part::numbered("pattern", number));
            let mut cells = budget.cells(reader, ROWS, 8)?;
            for first_channel in [0, 4] {
                for row in cells.chunks_mut(8) {
                    for cell in row.iter_mut().skip(first_channel).take(4) {
                        *cell = read_cell(reader)?;
                    }
                }
            }
            Ok(Pattern { cells, rows: ROWS as u16 })
        })
        .collect()
}

/// What the patterns tell of the tracker that wrote them.
struct Findings {
    signature: Signature,
    /// Every note lies within the three octaves of an Amiga.
    amiga_notes: bool,
    /// Nothing that Noisetracker did not have.
    noise_tracker: bool,
    /// The largest panning that 8xx or E8x set.
    widest_panning: u8,
    /// 8xx runs from 0 to 0x80.
    seven_bit_panning: bool,
    /// A sample has a loop of length 0, at which ProTracker hangs.
    endless_loop: bool,
    /// An empty slot has full volume, which ProTracker never wrote.
    loud_empty_slot: bool,
    /// A channel's samples change without a note over and over.
    swaps_samples: bool,
    /// There are tempos below 100, no row sets both a speed and a tempo, and no sample is too long for the time.
    maybe_vertical_blank: bool,
}

impl Findings {
    fn of(patterns: &[Pattern], headers: &[Header], signature: Signature) -> Self {
        let cells = || patterns.iter().flat_map(|pattern| &pattern.cells);
        let amiga_notes = cells().all(|cell| match cell.note {
            // Halfway to the neighbours of C-1 (856) and B-3 (113).
            Note::Period(period) => (110..=882).contains(&period),
            _ => true,
        });
        let panning = |cell: &Cell| match (cell.effect, cell.parameter) {
            (0x8, position) => Some(position),
            (0xe, parameter) if parameter >> 4 == 0x8 => Some(parameter << 4),
            _ => None,
        };
        let set_panning = || cells().filter(|cell| cell.effect == 0x8).map(|cell| cell.parameter);
        let long_sample = headers.iter().any(|header| header.length > 0xffff);
        let loud_empty_slot = headers.iter().any(|header| header.length == 0 && header.volume == 64);
        let noise_tracker = match signature.family {
            Family::NoiseTracker | Family::HisMastersNoise => true,
            Family::ProTracker if amiga_notes && !long_sample && !loud_empty_slot => {
                patterns.iter().all(could_be_noise_tracker)
            }
            _ => false,
        };
        let widest_panning = cells().filter_map(panning).max().unwrap_or(0);
        Self {
            signature,
            amiga_notes,
            noise_tracker,
            widest_panning,
            seven_bit_panning: !noise_tracker
                && widest_panning >= LEAST_PANNING
                && set_panning().any(|position| position < 0x80)
                && set_panning().all(|position| position <= 0x8f || position == SURROUND),
            endless_loop: headers.iter().any(|header| header.length > 0 && header.loop_length == 0),
            loud_empty_slot,
            swaps_samples: patterns.iter().any(|pattern| swaps_samples(pattern, signature)),
            maybe_vertical_blank: matches!(signature.family, Family::ProTracker | Family::LargeProTracker)
                && !long_sample
                && cells().any(|cell| cell.effect == 0xf && (0x20..100).contains(&cell.parameter))
                && !patterns.iter().any(|pattern| times_both_ways(pattern, signature)),
        }
    }

    /// Makes cells mean what they meant to their tracker.
    fn correct(&self, patterns: &mut [Pattern]) {
        for cell in patterns.iter_mut().flat_map(|pattern| &mut pattern.cells) {
            match cell.effect {
                // Noisetracker's break has no row.
                0xd if self.noise_tracker => cell.parameter = 0,
                // X91, as XM files of ModPlug Tracker have it.
                0x8 if self.seven_bit_panning && cell.parameter == SURROUND => {
                    (cell.effect, cell.parameter) = (0x21, 0x91);
                }
                0x8 if self.seven_bit_panning => cell.parameter = cell.parameter.saturating_mul(2),
                // StarTrekker's Exx are macros in assembly, and its speeds end at 31.
                0xe if self.signature.family == Family::StarTrekker => (cell.effect, cell.parameter) = (0, 0),
                0xf if self.signature.family == Family::StarTrekker => {
                    cell.parameter = cell.parameter.min(0x1f);
                }
                _ => {}
            }
        }
    }

    /// Exact ProTracker: the signature says so and nothing speaks against it.
    fn is_protracker(&self) -> bool {
        let signed = matches!(self.signature.family, Family::ProTracker | Family::LargeProTracker);
        signed && self.amiga_notes && !self.endless_loop
    }

    fn dialect(&self) -> Dialect {
        if self.is_protracker() { Dialect::ProTracker } else { Dialect::FastTracker2 }
    }

    fn made_with(&self) -> MadeWith {
        match self.signature.family {
            Family::ProTracker if self.noise_tracker => MadeWith::OtherMod,
            Family::ProTracker | Family::LargeProTracker if self.amiga_notes => MadeWith::ProTracker,
            Family::ProTracker | Family::LargeProTracker | Family::MultiChannel => MadeWith::Unknown,
            Family::NoiseTracker | Family::HisMastersNoise | Family::StarTrekker | Family::Other => {
                MadeWith::OtherMod
            }
        }
    }

    fn quirks(&self, restart: u8) -> Quirks {
        let exact = self.is_protracker();
        let panning_ignored = exact && self.widest_panning < LEAST_PANNING;
        Quirks {
            amiga_limits: exact,
            tempo_by_vertical_blank: self.signature.family == Family::StarTrekker,
            sample_swaps_at_loop_end: exact || self.swaps_samples,
            // Scream Tracker left 0x7F in the restart field and loops at once.
            loop_follows_whole_sample: panning_ignored && restart != 0x7f,
            panning_ignored,
            tempo_waits_one_tick: exact,
            late_notes_reach_next_row: exact,
            tremolo_ramp_follows_vibrato: matches!(
                self.signature.family,
                Family::ProTracker | Family::LargeProTracker | Family::MultiChannel
            ),
            ..Quirks::default()
        }
    }

    /// ProTracker plays on into the next sample where a loop ends beyond its own.
    fn loops_reach_past_samples(&self) -> bool {
        self.signature.family == Family::ProTracker && self.amiga_notes && !self.loud_empty_slot
    }
}

/// Four numbers in a row on one channel change the sample without a note.
fn swaps_samples(pattern: &Pattern, signature: Signature) -> bool {
    let paired = signature.family == Family::StarTrekker && signature.channels == 8;
    let swaps = |channel: usize| {
        let (mut last, mut count) = (0, 0);
        for cell in pattern.cells.iter().skip(channel).step_by(signature.channels) {
            if cell.note != Note::None {
                count = 0;
            } else if cell.instrument != 0 && last != 0 && cell.instrument != last {
                count += 1;
            }
            if cell.instrument != 0 {
                last = cell.instrument;
            }
            if count >= 4 {
                return true;
            }
        }
        false
    };
    !paired && (0..signature.channels).any(swaps)
}

/// A row sets a speed and a tempo, so that tempos are no speeds.
fn times_both_ways(pattern: &Pattern, signature: Signature) -> bool {
    pattern.cells.chunks(signature.channels).any(|row| {
        let sets =
            |tempo: bool| row.iter().any(|cell| cell.effect == 0xf && (cell.parameter >= 0x20) == tempo);
        sets(true) && sets(false)
    })
}

fn could_be_noise_tracker(pattern: &Pattern) -> bool {
    let known = |cell: &Cell| match cell.effect {
        0x7..=0x9 => false,
        0xe => cell.parameter <= 0x01,
        0xf => cell.parameter <= 0x1f,
        _ => true,
    };
    pattern.cells.iter().all(known) && pattern.cells.iter().filter(|cell| cell.effect == 0xd).count() <= 1
}

fn read_samples(
    reader: &mut Reader<'_>,
    headers: Vec<Header>,
    findings: &Findings,
) -> Result<Vec<Sample>, LoadError> {
    let mut budget = Budget::for_file(reader.rest());
    headers
        .into_iter()
        .enumerate()
        .map(|(index, header)| {
            reader.enter(Part::numbered("sample", index + 1));
            read_sample(reader, header, findings, &mut budget)
        })
        .collect()
}

fn read_sample(
    reader: &mut Reader<'_>,
    header: Header,
    findings: &Findings,
    budget: &mut Budget,
) -> Result<Sample, LoadError> {
    // His Master's Noise tunes downwards, in half the steps.
    let downward_tune = (header.finetune << 3).cast_signed().wrapping_neg() >> 4;
    // One word is what trackers store for no sample.
    let stored = if header.length > 2 { header.length } else { 0 };
    let (start, end) = loop_bounds(&header);
    let length = if findings.loops_reach_past_samples() && stored > 0 { stored.max(end) } else { stored };
    let adpcm = stored > 0 && reader.rest().starts_with(b"ADPCM");
    if adpcm {
        reader.skip(5);
    }
    let encoding = Encoding { adpcm, ..Encoding::default() };
    let next = reader.position() + pcm::stored_bytes(stored as usize, encoding);
    let data = pcm::read(reader, length as usize, encoding, budget)?;
    reader.seek(next);

    // Four channels and a tiny loop at the very start: a broken field rather than a sound.
    let tiny = findings.signature.channels == 4 && start == 0 && end <= 8 && stored > end;
    let loops = end >= start + 4 && !tiny;
    let frames = data.frames();
    let sample_loop = if loops { pcm::sound_loop(start.into(), end.into(), false, frames) } else { None };
    let mut sample = sample(header, data, sample_loop);
    if findings.signature.family == Family::HisMastersNoise {
        sample.finetune = downward_tune;
    }
    Ok(sample)
}

/// First and last byte of the loop. Soundtracker counted the start in bytes; where only that fits, it did here too.
fn loop_bounds(header: &Header) -> (u32, u32) {
    let Header { length, loop_start: start, loop_length, .. } = *header;
    let in_bytes = loop_length > 2 && start + loop_length > length && start / 2 + loop_length <= length;
    let start = if in_bytes { start / 2 } else { start };
    (start, start + loop_length)
}

pub(super) fn sample(header: Header, data: SampleData, sample_loop: Option<Loop>) -> Sample {
    Sample {
        name: header.name,
        data: Arc::new(data),
        sample_loop,
        sustain_loop: None,
        volume: header.volume.min(64),
        global_volume: 64,
        panning: None,
        c5_speed: C5_SPEED,
        pace_q32: Sample::OWN_PACE_Q32,
        relative_key: 0,
        // The low nibble as a signed number.
        finetune: (header.finetune << 4).cast_signed() >> 4,
        vibrato: AutoVibrato::default(),
        adlib: None,
    }
}
