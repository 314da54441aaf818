//! Patterns of IT: rows of channels that hold something, with what the channel held last.

use super::CHANNELS;
use crate::tracker::load::CellBudget;
use crate::tracker::load::MAX_ROWS;
use crate::tracker::load::error::LoadError;
use crate::tracker::load::error::Part;
use crate::tracker::load::reader::Reader;
use crate::tracker::song::Cell;
use crate::tracker::song::Note;
use crate::tracker::song::Pattern;

/// A pattern's packed rows.
struct Packed<'a> {
    number: usize,
    rows: usize,
    bytes: &'a [u8],
}

/// All patterns and the number of song channels that they use, at least `least_channels`. A pointer of 0 is 64 empty
/// rows.
pub(super) fn read_all(
    file: &[u8],
    pointers: &[usize],
    least_channels: usize,
) -> Result<(usize, Vec<Pattern>), LoadError> {
    let packed: Vec<Packed<'_>> = pointers
        .iter()
        .enumerate()
        .map(|(number, &pointer)| read_packed(file, number, pointer))
        .collect::<Result<_, _>>()?;
    let mut channels = least_channels.max(1);
    for pattern in &packed {
        unpack(pattern, |_, channel, _| channels = channels.max(channel + 1));
    }
    let mut budget = CellBudget::new();
    let patterns = packed.iter().map(|pattern| {
        let reader = Reader::at(file, 0, Part::numbered("pattern", pattern.number));
        let mut cells = budget.cells(&reader, pattern.rows, channels)?;
        unpack(pattern, |row, channel, cell| {
            if let Some(place) = cells.get_mut(row * channels + channel) {
                *place = cell;
            }
        });
        Ok(Pattern { cells, rows: pattern.rows as u16 })
    });
    Ok((channels, patterns.collect::<Result<_, _>>()?))
}

fn read_packed(file: &[u8], number: usize, pointer: usize) -> Result<Packed<'_>, LoadError> {
    if pointer == 0 {
        return Ok(Packed { number, rows: 64, bytes: &[] });
    }
    let mut reader = Reader::at(file, pointer, Part::numbered("pattern", number));
    let size = reader.u16_le()?;
    let rows = reader.u16_le()?;
    if rows == 0 {
        return Err(reader.invalid(2, rows));
    }
    let rows = reader.bounded(rows, MAX_ROWS)?;
    reader.skip(4);
    Ok(Packed { number, rows, bytes: reader.take(size.into())? })
}

/// Volumes that are offsets, and the effect that they stand for.
const OFFSETS: std::ops::RangeInclusive<u8> = 223..=232;
const SAMPLE_OFFSET: u8 = b'O' - b'@';

/// What a channel held last, for the mask bits that repeat it.
#[derive(Clone, Copy, Default)]
struct Memory {
    mask: u8,
    cell: Cell,
}

/// Hands every cell that holds something to `place`, with its row and channel; stops where the bytes end.
fn unpack(pattern: &Packed<'_>, mut place: impl FnMut(usize, usize, Cell)) {
    let mut memory = [Memory::default(); CHANNELS];
    let mut bytes = pattern.bytes.iter().copied();
    let mut row = 0;
    while row < pattern.rows {
        match bytes.next() {
            None => return,
            Some(0) => row += 1,
            Some(which) => {
                // Channels count from 1; six bits are always within the memory.
                let channel = usize::from((which & 0x7f).wrapping_sub(1) & 0x3f);
                let memory = &mut memory[channel];
                if which & 0x80 != 0 {
                    let Some(mask) = bytes.next() else { return };
                    memory.mask = mask;
                }
                let Some(cell) = unpack_cell(memory, &mut bytes) else { return };
                place(row, channel, cell);
            }
        }
    }
}

/// The low four mask bits read a field, the high four repeat it.
fn unpack_cell(memory: &mut Memory, bytes: &mut impl Iterator<Item = u8>) -> Option<Cell> {
    let (mask, last) = (memory.mask, &mut memory.cell);
    let mut cell = Cell::default();
    if mask & 0x01 != 0 {
        last.note = note_of(bytes.next()?);
    }
    if mask & 0x02 != 0 {
        last.instrument = bytes.next()?;
    }
    if mask & 0x04 != 0 {
        last.volume = Some(bytes.next()?).filter(|&volume| volume <= 212 || OFFSETS.contains(&volume));
    }
    if mask & 0x08 != 0 {
        (last.effect, last.parameter) = (bytes.next()?, bytes.next()?);
    }
    let holds = mask | mask >> 4;
    if holds & 0x01 != 0 {
        cell.note = last.note;
    }
    if holds & 0x02 != 0 {
        cell.instrument = last.instrument;
    }
    if holds & 0x04 != 0 {
        cell.volume = last.volume;
    }
    if holds & 0x08 != 0 {
        (cell.effect, cell.parameter) = (last.effect, last.parameter);
    }
    // Nine places of a sample that ModPlug Tracker could name in the volume column.
    if let Some(place) =
        cell.volume.filter(|volume| OFFSETS.contains(volume)).map(|volume| volume - OFFSETS.start())
    {
        cell.volume = None;
        if cell.effect == 0 {
            (cell.effect, cell.parameter) = (SAMPLE_OFFSET, place << 3);
        }
    }
    Some(cell)
}

fn note_of(note: u8) -> Note {
    match note {
        0..=119 => Note::Key(note),
        253 => Note::None,
        254 => Note::Cut,
        255 => Note::Off,
        120..=252 => Note::Fade,
    }
}
