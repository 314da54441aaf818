//! Sample data as the formats store it, turned into `SampleData`.
//!
//! Data that the file's end cuts short gives the frames that are whole, as trackers play them. A budget bounds what
//! all samples of a file may take together, since several headers can point at the same bytes.

use super::error::LoadError;
use super::error::Part;
use super::reader::Reader;
use crate::sample::SampleData;
use crate::tracker::song::Loop;

/// How the samples of one recording are stored.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Encoding {
    pub(super) sixteen_bit: bool,
    /// All of the left channel, then all of the right.
    pub(super) stereo: bool,
    /// Offset binary instead of two's complement.
    pub(super) unsigned: bool,
    pub(super) big_endian: bool,
    /// Each sample is the difference from the one before.
    pub(super) delta: bool,
    /// Differences looked up by nibbles in a table that comes first (ModPlug Tracker).
    pub(super) adpcm: bool,
}

/// What the samples of a file may still take, in bytes of memory.
pub(super) struct Budget(u64);

impl Budget {
    /// The tightest packing (Impulse Tracker's, one bit for a 16-bit sample) is 16 to 1; the rest is for tiny files.
    /// Beyond 512 MiB that packing is not believed.
    pub(super) fn for_file(file: &[u8]) -> Self {
        let bytes = file.len() as u64;
        Self((16 * bytes + (1 << 20)).min((2 * bytes).max(512 << 20)))
    }

    /// Takes the memory of one plane before it is allocated.
    pub(super) fn spend(&mut self, part: Part, offset: usize, bytes: usize) -> Result<(), LoadError> {
        let claimed = bytes as u64;
        let limit = self.0;
        self.0 = limit.checked_sub(claimed).ok_or(LoadError::TooLarge { part, offset, claimed, limit })?;
        Ok(())
    }
}

/// Frames of `encoding` that fit into `bytes`.
fn frames_in(bytes: usize, encoding: Encoding) -> usize {
    if encoding.adpcm {
        return bytes.saturating_sub(ADPCM_TABLE) * 2;
    }
    bytes / if encoding.sixteen_bit { 2 } else { 1 }
}

/// Bytes that one channel of `frames` takes in the file.
pub(super) fn stored_bytes(frames: usize, encoding: Encoding) -> usize {
    if encoding.adpcm {
        return ADPCM_TABLE + frames.div_ceil(2);
    }
    frames.saturating_mul(if encoding.sixteen_bit { 2 } else { 1 })
}

const ADPCM_TABLE: usize = 16;

/// Reads up to `frames` frames and moves past them, whether or not the file has them all.
pub(super) fn read(
    reader: &mut Reader<'_>,
    frames: usize,
    encoding: Encoding,
    budget: &mut Budget,
) -> Result<SampleData, LoadError> {
    let whole = frames.min(frames_in(reader.rest().len(), encoding));
    let width = if encoding.sixteen_bit { 2 } else { 1 };
    let channels = if encoding.stereo { 2 } else { 1 };
    reader.spend(budget, whole * width * channels)?;
    Ok(match (encoding.sixteen_bit, encoding.stereo) {
        (false, false) => SampleData::Mono8(plane_8(reader, frames, whole, encoding)),
        (true, false) => SampleData::Mono16(plane_16(reader, frames, whole, encoding)),
        (false, true) => SampleData::Stereo8([(); 2].map(|()| plane_8(reader, frames, whole, encoding))),
        (true, true) => SampleData::Stereo16([(); 2].map(|()| plane_16(reader, frames, whole, encoding))),
    })
}

/// One channel of `length` samples; what the file lacks is silence.
fn plane_8(reader: &mut Reader<'_>, frames: usize, length: usize, encoding: Encoding) -> Box<[i8]> {
    let stored = reader.rest();
    let plane = if encoding.adpcm { adpcm(stored, length) } else { bytes_8(stored, length, encoding) };
    reader.skip(stored_bytes(frames, encoding));
    plane
}

fn bytes_8(stored: &[u8], length: usize, encoding: Encoding) -> Box<[i8]> {
    let mut plane = vec![0; length].into_boxed_slice();
    let mut previous = 0_u8;
    for (sample, &byte) in plane.iter_mut().zip(stored) {
        let carried = if encoding.delta { previous } else { 0 };
        previous = byte.wrapping_add(carried);
        *sample = (previous ^ if encoding.unsigned { 0x80 } else { 0 }).cast_signed();
    }
    plane
}

fn plane_16(reader: &mut Reader<'_>, frames: usize, length: usize, encoding: Encoding) -> Box<[i16]> {
    let mut plane = vec![0; length].into_boxed_slice();
    let mut previous = 0_u16;
    for (sample, pair) in plane.iter_mut().zip(reader.rest().chunks_exact(2)) {
        let pair = [pair[0], pair[1]]; // chunks of two
        let word = if encoding.big_endian { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) };
        let carried = if encoding.delta { previous } else { 0 };
        previous = word.wrapping_add(carried);
        *sample = (previous ^ if encoding.unsigned { 0x8000 } else { 0 }).cast_signed();
    }
    reader.skip(stored_bytes(frames, encoding));
    plane
}

/// ModPlug Tracker's 4-bit coding: a table of 16 differences, then one nibble a sample, the low one first.
fn adpcm(stored: &[u8], length: usize) -> Box<[i8]> {
    let mut plane = vec![0; length].into_boxed_slice();
    let Some((table, nibbles)) = stored.split_at_checked(ADPCM_TABLE) else { return plane };
    let mut value = 0_u8;
    for (pair, &byte) in plane.chunks_mut(2).zip(nibbles) {
        for (sample, nibble) in pair.iter_mut().zip([byte & 15, byte >> 4]) {
            value = value.wrapping_add(table[usize::from(nibble)]); // a nibble is below the table's 16
            *sample = value.cast_signed();
        }
    }
    plane
}

/// A loop as the file gives it, cut to the frames there are; nothing where none of it is left.
pub(super) fn sound_loop(start: u64, end: u64, ping_pong: bool, frames: usize) -> Option<Loop> {
    let end = u32::try_from(end.min(frames as u64)).ok()?;
    let start = u32::try_from(start).ok()?;
    (start < end).then_some(Loop { start, end, ping_pong })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(bytes: &[u8], frames: usize, encoding: Encoding) -> SampleData {
        let mut reader = Reader::at(bytes, 0, Part::numbered("sample", 1));
        read(&mut reader, frames, encoding, &mut Budget::for_file(bytes)).unwrap()
    }

    #[test]
    fn deltas_add_up_and_wrap() {
        let delta = Encoding { delta: true, ..Encoding::default() };
        assert_eq!(decode(&[1, 2, 127], 3, delta), SampleData::Mono8(Box::new([1, 3, -126])));
        let wide = Encoding { sixteen_bit: true, ..delta };
        assert_eq!(decode(&[0xff, 0x7f, 1, 0], 2, wide), SampleData::Mono16(Box::new([32767, -32768])));
    }

    #[test]
    fn unsigned_samples_are_centred_on_zero() {
        let unsigned = Encoding { unsigned: true, ..Encoding::default() };
        assert_eq!(decode(&[0x80, 0, 0xff], 3, unsigned), SampleData::Mono8(Box::new([0, -128, 127])));
    }

    #[test]
    fn a_sample_cut_short_keeps_its_whole_frames() {
        let wide = Encoding { sixteen_bit: true, ..Encoding::default() };
        assert_eq!(decode(&[1, 0, 2, 0, 9], 1000, wide), SampleData::Mono16(Box::new([1, 2])));
    }

    #[test]
    fn adpcm_follows_its_table() {
        let mut bytes = vec![0, 1, 2, 3, 4, 5, 6, 7, 0xff, 0xfe, 0, 0, 0, 0, 0, 0];
        bytes.extend([0x21, 0x08]);
        let adpcm = Encoding { adpcm: true, ..Encoding::default() };
        assert_eq!(decode(&bytes, 4, adpcm), SampleData::Mono8(Box::new([1, 3, 2, 2])));
    }

    #[test]
    fn samples_that_share_bytes_cannot_take_more_than_the_budget() {
        let bytes = [0; 1024];
        let mut budget = Budget::for_file(&bytes);
        let spent = (0..2000).try_for_each(|_| budget.spend(Part::numbered("sample", 1), 0, bytes.len()));
        assert!(matches!(spent, Err(LoadError::TooLarge { .. })), "{spent:?}");
    }
}
