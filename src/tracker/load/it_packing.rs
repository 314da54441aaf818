//! Impulse Tracker's sample compression: blocks of variable-width differences, summed once (IT 2.14) or twice (2.15).
//!
//! Each block starts with its size in bytes, holds 32 KiB of samples and starts its sums and its width anew. Bits come
//! lowest first. A value that the current width reserves changes the width. Source: the format's description in
//! `ITTECH.TXT` and files packed by the tracker.

use super::reader::Reader;

/// Bytes of samples in a block.
const BLOCK_BYTES: usize = 0x8000;

/// What differs between 8-bit and 16-bit samples.
#[derive(Clone, Copy)]
struct Shape {
    /// Bits of a sample.
    bits: u32,
    /// Bits that name a new width while the width is small.
    width_bits: u32,
}

const SHAPE_8: Shape = Shape { bits: 8, width_bits: 3 };
const SHAPE_16: Shape = Shape { bits: 16, width_bits: 4 };

/// Unpacks up to `frames` samples of one channel; fewer where the file or the packed data ends.
pub(super) fn unpack_8(reader: &mut Reader<'_>, frames: usize, twice: bool) -> Box<[i8]> {
    unpack(reader, frames, SHAPE_8, twice).into_iter().map(|sample| sample as i8).collect()
}

/// As `unpack_8`, of 16-bit samples.
pub(super) fn unpack_16(reader: &mut Reader<'_>, frames: usize, twice: bool) -> Box<[i16]> {
    unpack(reader, frames, SHAPE_16, twice).into_iter().map(|sample| sample as i16).collect()
}

/// The most frames that `bytes` can hold: one bit is the least that a sample takes.
pub(super) fn most_frames(bytes: usize) -> usize {
    bytes.saturating_mul(8)
}

fn unpack(reader: &mut Reader<'_>, frames: usize, shape: Shape, twice: bool) -> Vec<i32> {
    let mut samples = Vec::with_capacity(frames.min(most_frames(reader.rest().len())));
    let block_frames = BLOCK_BYTES * 8 / shape.bits as usize;
    while samples.len() < frames {
        let Ok(size) = reader.u16_le() else { break };
        let rest = reader.rest();
        let block = &rest[..rest.len().min(size.into())];
        let wanted = block_frames.min(frames - samples.len());
        let unpacked = unpack_block(block, wanted, shape, twice, &mut samples);
        reader.skip(size.into());
        if unpacked.is_none() {
            break;
        }
    }
    samples
}

/// Adds up to `count` samples of a block; nothing where its bits end or make no sense.
fn unpack_block(block: &[u8], count: usize, shape: Shape, twice: bool, samples: &mut Vec<i32>) -> Option<()> {
    let mut bits = Bits { bytes: block, held: 0, count: 0 };
    let mut width = shape.bits + 1;
    let (mut sum, mut sum_of_sums) = (0_i32, 0_i32);
    let mut left = count;
    while left > 0 {
        let value = bits.take(width)?;
        match read_value(value, width, shape, &mut bits)? {
            Step::Width(new) if (1..=shape.bits + 1).contains(&new) => width = new,
            Step::Width(_) => return None,
            Step::Difference(difference) => {
                sum = sum.wrapping_add(difference);
                sum_of_sums = sum_of_sums.wrapping_add(sum);
                samples.push(if twice { sum_of_sums } else { sum });
                left -= 1;
            }
        }
    }
    Some(())
}

/// What a value of the stream means.
enum Step {
    Difference(i32),
    Width(u32),
}

fn read_value(value: u32, width: u32, shape: Shape, bits: &mut Bits<'_>) -> Option<Step> {
    // The widths skip the current one: naming it would change nothing.
    let skip_current = |named: u32| if named < width { named } else { named + 1 };
    let signed = |value: u32| ((value << (32 - width)) as i32) >> (32 - width);
    Some(if width < 7 {
        // The lowest negative number announces the bits that name a width.
        if value == 1 << (width - 1) {
            Step::Width(skip_current(bits.take(shape.width_bits)? + 1))
        } else {
            Step::Difference(signed(value))
        }
    } else if width <= shape.bits {
        // As many values as there are widths lie around the middle and name one.
        let below = ((1 << (width - 1)) - 1) - shape.bits / 2;
        match value.checked_sub(below) {
            Some(named @ 1..) if named <= shape.bits => Step::Width(skip_current(named)),
            _ => Step::Difference(signed(value)),
        }
    } else if value >> shape.bits != 0 {
        Step::Width((value & 0xff) + 1)
    } else {
        Step::Difference(value as i32)
    })
}

/// Bits of a block, lowest first.
struct Bits<'a> {
    bytes: &'a [u8],
    held: u32,
    count: u32,
}

impl Bits<'_> {
    /// Up to 17 bits; nothing where the block ends.
    fn take(&mut self, width: u32) -> Option<u32> {
        while self.count < width {
            let (&byte, rest) = self.bytes.split_first()?;
            self.held |= u32::from(byte) << self.count;
            self.count += 8;
            self.bytes = rest;
        }
        let value = self.held & ((1 << width) - 1);
        self.held >>= width;
        self.count -= width;
        Some(value)
    }
}
