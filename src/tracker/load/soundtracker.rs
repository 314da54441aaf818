//! MOD of the first trackers: 15 samples, no signature.
//!
//! Recognised by fields that all hold sensible values. The numbers of the effects changed between the trackers of 1987
//! to 1989, and nothing says which of them wrote a file: what its samples, tempo and patterns use tells the oldest one
//! that it can be. Cells come out as ProTracker numbers them. Sources: the trackers' own effect lists.

use super::amiga_mod;
use super::amiga_mod::Arrangement;
use super::amiga_mod::Header;
use super::amiga_mod::ROWS;
use super::amiga_mod::TITLE_BYTES;
use super::error::LoadError;
use super::error::Part;
use super::pcm;
use super::pcm::Budget;
use super::pcm::Encoding;
use super::reader::Reader;
use super::text;
use super::text::Charset;
use crate::audio::AudioSource;
use crate::tracker::Song;
use crate::tracker::song::Cell;
use crate::tracker::song::MadeWith;
use crate::tracker::song::Pattern;
use crate::tracker::song::Quirks;
use crate::tracker::song::Sample;

const SAMPLES: usize = 15;
const CHANNELS: usize = 4;
const PATTERN_BYTES: usize = ROWS * CHANNELS * 4;
/// Tempo byte of 125 BPM; 0 is an unset one.
const USUAL_TEMPO: u8 = 0x78;
/// Where the trackers' tempo ends.
const MOST_TEMPO: u8 = 220;
const MOST_PATTERN: u8 = 63;
const MOST_SAMPLE_BYTES: u32 = 65_536;
/// What files that play well lack at their end.
const MISSING_BYTES: usize = 65_536;
/// Samples of the first trackers end here.
const SHORT_SAMPLE_BYTES: u32 = 9_999;

/// Trackers whose effects differ, from the oldest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Tracker {
    /// Ultimate Soundtracker 1.0 to 1.21.
    Ultimate,
    /// Ultimate Soundtracker 1.8 to 2.0: the tempo can be set.
    Ultimate18,
    /// D.O.C. Soundtracker II: ProTracker's arpeggio and slides, C, D and E.
    Second,
    /// Defjam Soundtracker III, Alpha Flight IV: F sets the speed.
    Third,
    /// D.O.C. Soundtracker IX: E switches the filter.
    Ninth,
    /// Master Soundtracker 1.0: samples of 32 KiB.
    Master,
    /// D.O.C. Soundtracker 2.0 to 2.2: B jumps, D breaks.
    SoundTracker2,
}

/// The file of `length` bytes that begins with `head` holds 15 samples and no signature, but sensible values wherever
/// that shows.
pub(super) fn is_recognised(head: &[u8], length: usize) -> bool {
    let mut reader = Reader::at(head, 0, Part::single("title"));
    let Ok(title) = reader.take(TITLE_BYTES) else { return false };
    let names = (0..SAMPLES).filter_map(|index| head.get(TITLE_BYTES + 30 * index..)?.get(..22));
    let strange_in_names: usize = names.map(strange_characters).sum();
    let Ok(headers) = amiga_mod::read_headers(&mut reader, SAMPLES) else { return false };
    let Ok(arrangement) = Arrangement::read(&mut reader) else { return false };
    let [listed, tempo] = [head.get(470), head.get(471)].map(|byte| byte.copied().unwrap_or(u8::MAX));

    let on_disks = headers.iter().filter(|header| is_on_disk(&header.name)).count();
    let tuned = headers.iter().filter(|header| header.finetune != 0).count();
    // Many samples of the trackers' own disks speak for a file whose title is not set.
    (strange_characters(title) <= 5 || on_disks >= 4)
        && strange_characters(title) + strange_in_names + 16 * tuned <= 48
        && headers.iter().all(|header| header.volume <= 64 && header.length <= MOST_SAMPLE_BYTES)
        && headers.iter().any(|header| header.length > 2)
        && headers.iter().any(|header| header.volume > 0)
        && (1..=128).contains(&listed)
        && tempo <= MOST_TEMPO
        && arrangement.orders.iter().all(|&order| order <= MOST_PATTERN)
        && is_pattern(reader.rest())
        && length + MISSING_BYTES
            >= reader.position() + arrangement.patterns() * PATTERN_BYTES + bytes_of(&headers)
}

fn strange_characters(field: &[u8]) -> usize {
    field.iter().filter(|&&byte| byte > 126 || (1..32).contains(&byte)).count()
}

/// A name such as `st-01:strings`.
fn is_on_disk(name: &str) -> bool {
    let name = name.as_bytes();
    name.get(..3).is_some_and(|disk| disk.eq_ignore_ascii_case(b"st-")) && name.get(5) == Some(&b':')
}

fn bytes_of(headers: &[Header]) -> usize {
    headers.iter().map(|header| header.length as usize).sum()
}

/// A pattern stands here: hardly a cell holds bits that no cell uses or a period that no Amiga plays.
fn is_pattern(rest: &[u8]) -> bool {
    let Some(cells) = rest.get(..PATTERN_BYTES) else { return false };
    let period = |cell: &[u8]| u16::from(cell[0] & 0x0f) << 8 | u16::from(cell[1]); // cells of four bytes
    let odd = |cell: &&[u8]| cell[0] & 0xf0 != 0 || !matches!(period(cell), 0 | 100..=1800);
    cells.chunks_exact(4).filter(odd).count() <= 16
}

/// Reads a file that `is_recognised`.
pub(super) fn load(bytes: &[u8]) -> Result<Song, LoadError> {
    let mut reader = Reader::at(bytes, 0, Part::single("title"));
    let title = text::name(reader.take(TITLE_BYTES)?, Charset::Latin);
    let headers = amiga_mod::read_headers(&mut reader, SAMPLES)?;
    let arrangement = Arrangement::read(&mut reader)?;
    let count = pattern_count(reader.rest(), &arrangement);
    let mut patterns = amiga_mod::read_patterns(&mut reader, count, CHANNELS)?;
    let tracker = Tracker::of(&headers, arrangement.restart, &patterns);
    patterns.iter_mut().flat_map(|pattern| &mut pattern.cells).for_each(|cell| tracker.translate(cell));
    let mut budget = Budget::for_file(reader.rest());
    let samples = headers
        .into_iter()
        .enumerate()
        .map(|(index, header)| {
            reader.enter(Part::numbered("sample", index + 1));
            read_sample(&mut reader, header, &mut budget)
        })
        .collect::<Result<_, _>>()?;
    Ok(Song {
        made_with: MadeWith::OtherMod,
        quirks: Quirks {
            amiga_limits: true,
            tempo_by_vertical_blank: true,
            panning_ignored: true,
            sample_swaps_at_loop_end: true,
            ..Quirks::default()
        },
        channels: amiga_mod::channel_setups(CHANNELS),
        orders: arrangement.order_list(1),
        initial_tempo: initial_tempo(arrangement.restart),
        ..amiga_mod::empty_song(title, patterns, samples)
    })
}

/// Patterns that only the unused end of the order list names, where what stands there looks like one; else it is the
/// start of the samples.
fn pattern_count(rest: &[u8], arrangement: &Arrangement) -> usize {
    let all = arrangement.patterns();
    let played =
        arrangement.orders[..arrangement.length].iter().max().map_or(1, |&last| usize::from(last) + 1);
    let hidden = rest.get(played * PATTERN_BYTES..).and_then(|rest| rest.get(..PATTERN_BYTES));
    let noise = |cells: &[u8]| cells.chunks_exact(4).filter(|cell| cell[0] & 0xe0 != 0).count() > 64;
    if hidden.is_some_and(noise) { played } else { all }
}

/// The header's tempo sets a timer: (240 - tempo) * 122 cycles of 709379 Hz; 0x78 and 0 are the 50 Hz of 125 BPM.
fn initial_tempo(tempo: u8) -> u8 {
    if matches!(tempo, 0 | USUAL_TEMPO) {
        return 125;
    }
    let cycles = (240 - u32::from(tempo.min(MOST_TEMPO))) * 122;
    let rounded = (709_379 * 125 / 50 + cycles / 2) / cycles;
    u8::try_from(rounded).unwrap_or(255).max(32)
}

/// Loops start at a byte here; the part before the loop is never heard.
fn read_sample(reader: &mut Reader<'_>, header: Header, budget: &mut Budget) -> Result<Sample, LoadError> {
    let stored = if header.length > 2 { header.length } else { 0 };
    let data = pcm::read(reader, stored as usize, Encoding::default(), budget)?;
    let start = header.loop_start / 2;
    let sample_loop = (header.loop_length > 2)
        .then(|| pcm::sound_loop(start.into(), (start + header.loop_length).into(), false, data.frames()))
        .flatten();
    Ok(Sample { finetune: 0, ..amiga_mod::sample(header, data, sample_loop) })
}

impl Tracker {
    /// The oldest tracker whose features a file keeps to.
    fn of(headers: &[Header], tempo: u8, patterns: &[Pattern]) -> Self {
        let named = || headers.iter().filter(|header| !header.name.is_empty());
        let on_disks = named().all(|header| is_on_disk(&header.name));
        let long = |header: &Header| {
            header.length > SHORT_SAMPLE_BYTES || header.loop_start / 2 > SHORT_SAMPLE_BYTES
        };
        let mut tracker = if headers.iter().any(long) { Self::Master } else { Self::Ultimate };
        if !matches!(tempo, 0 | USUAL_TEMPO) {
            // The ninth brought back the tempo that those after the first had dropped.
            tracker = tracker.max(match (tracker > Self::Ultimate18, on_disks) {
                (true, true) => Self::Ninth,
                (true, false) => Self::Master,
                (false, true) => Self::Ultimate18,
                (false, false) => Self::Second,
            });
        }
        let mut breaks = 0;
        for pattern in patterns {
            let of_pattern = breaks_of(pattern);
            tracker = pattern.cells.iter().fold(tracker, |tracker, cell| tracker.refined(cell, on_disks));
            // A few Ds in a pattern, or silence after one, are breaks rather than volume slides.
            if matches!(of_pattern, 1..=2) || rests_after_break(pattern) {
                tracker = Self::SoundTracker2;
            }
            breaks += of_pattern;
        }
        let slides = breaks > patterns.len() + 32;
        if slides && tracker == Self::SoundTracker2 { Self::Master } else { tracker }
    }

    /// What a cell says beyond what the ones before it said.
    fn refined(self, cell: &Cell, on_disks: bool) -> Self {
        let first = if on_disks { Self::Ultimate18 } else { Self::Ultimate };
        match (cell.effect, cell.parameter) {
            // As slides these would be absurd, as chords they make sense.
            (1 | 2, 0x20..) if self == Self::Ultimate18 => first,
            (1, 1..=2) => self.max(Self::Second),
            (1, 0x37 | 0x47) if self <= Self::Second => first,
            (0xb, _) => Self::SoundTracker2,
            (0xc..=0xe, _) => self.max(Self::Second),
            (0xf, _) => self.max(Self::Third),
            _ => self,
        }
    }

    /// Gives a cell the numbers of ProTracker.
    fn translate(self, cell: &mut Cell) {
        if self <= Self::Ultimate18 {
            return modernise(cell);
        }
        (cell.effect, cell.parameter) = match (cell.effect, cell.parameter) {
            // The level goes to the chip as it is, which has seven bits for it.
            (0xc, level) => (0xc, level & 0x7f),
            (0xd, _) if self == Self::SoundTracker2 => (0xd, 0),
            (0xd, slide) => (0xa, slide),
            (0xe, slide) if slide > 1 || self < Self::Ninth => (0xa, slide),
            (0xf, speed) => (0xf, speed & 0x0f),
            other => other,
        };
    }
}

/// Turns the first Soundtracker's arpeggio (1) and pitch bend (2) into ProTracker's numbers; it had no other effects.
fn modernise(cell: &mut Cell) {
    (cell.effect, cell.parameter) = match (cell.effect, cell.parameter) {
        (1, chord) => (0, chord),
        (0, chord) if chord >= 3 => (0, chord),
        (2, bend) if bend & 0x0f != 0 => (1, bend & 0x0f),
        (2, bend) => (2, bend >> 4),
        _ => (0, 0),
    };
}

/// Ds of a pattern; D00 on its first row is a slip.
fn breaks_of(pattern: &Pattern) -> usize {
    let counts =
        |(index, cell): &(usize, &Cell)| cell.effect == 0xd && (cell.parameter != 0 || *index >= CHANNELS);
    pattern.cells.iter().enumerate().filter(counts).count()
}

/// More than 32 empty cells follow a D.
fn rests_after_break(pattern: &Pattern) -> bool {
    let mut empty = None;
    for cell in &pattern.cells {
        empty = match empty {
            _ if cell.effect == 0xd => Some(0),
            Some(cells) if *cell == Cell::default() => Some(cells + 1),
            _ => None,
        };
        if empty.is_some_and(|cells: usize| cells >= 32) {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(name: &str, length: u32) -> Header {
        Header { name: name.to_owned(), length, finetune: 0, volume: 64, loop_start: 0, loop_length: 2 }
    }

    fn cell(effect: u8, parameter: u8) -> Cell {
        Cell { effect, parameter, ..Cell::default() }
    }

    /// A pattern that holds `cells` from its second row on.
    fn pattern(cells: &[Cell]) -> Pattern {
        let mut pattern = Pattern { cells: vec![Cell::default(); ROWS * CHANNELS], rows: ROWS as u16 };
        for (place, cell) in pattern.cells.iter_mut().skip(CHANNELS).step_by(CHANNELS).zip(cells) {
            *place = *cell;
        }
        pattern
    }

    #[test]
    fn what_a_file_uses_tells_its_tracker() {
        let of = |name: &str, length, tempo, cells: &[Cell]| {
            Tracker::of(&[header(name, length)], tempo, &[pattern(cells)])
        };
        let disk = "st-01:bell";
        assert_eq!(of(disk, 100, 0x78, &[cell(1, 0x37)]), Tracker::Ultimate18);
        assert_eq!(of("bell", 100, 0x78, &[cell(1, 0x37)]), Tracker::Ultimate);
        assert_eq!(of(disk, 100, 0x60, &[]), Tracker::Ultimate18);
        assert_eq!(of("bell", 100, 0x60, &[]), Tracker::Second);
        assert_eq!(of(disk, 100, 0x78, &[cell(0xc, 20)]), Tracker::Second);
        assert_eq!(of(disk, 100, 0x78, &[cell(0xf, 4)]), Tracker::Third);
        assert_eq!(of(disk, 20_000, 0x78, &[]), Tracker::Master);
        assert_eq!(of(disk, 100, 0x78, &[cell(0xd, 0)]), Tracker::SoundTracker2);
        assert_eq!(of(disk, 100, 0x78, &[cell(0xd, 0x10); 63]), Tracker::Second);
    }

    #[test]
    fn effects_become_protrackers() {
        let translated = |tracker: Tracker, effect, parameter| {
            let mut cell = cell(effect, parameter);
            tracker.translate(&mut cell);
            (cell.effect, cell.parameter)
        };
        assert_eq!(translated(Tracker::Ultimate, 1, 0x37), (0, 0x37));
        assert_eq!(translated(Tracker::Ultimate, 2, 0x04), (1, 4));
        assert_eq!(translated(Tracker::Ultimate, 2, 0x30), (2, 3));
        assert_eq!(translated(Tracker::Ultimate, 0xc, 3), (0, 0));
        assert_eq!(translated(Tracker::Second, 0xd, 0x10), (0xa, 0x10));
        assert_eq!(translated(Tracker::SoundTracker2, 0xd, 0x10), (0xd, 0));
        assert_eq!(translated(Tracker::Third, 0xe, 1), (0xa, 1));
        assert_eq!(translated(Tracker::Ninth, 0xe, 1), (0xe, 1));
        assert_eq!(translated(Tracker::Third, 0xf, 0x26), (0xf, 6));
        assert_eq!(translated(Tracker::Third, 0xc, 0xc0), (0xc, 0x40));
    }

    #[test]
    fn the_tempo_byte_sets_a_timer() {
        assert_eq!([0, 0x78, 240, 100].map(initial_tempo), [125, 125, 255, 104]);
    }
}
