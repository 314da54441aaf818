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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tracker::load::error::Part;

    /// The packer's side of the format: each difference in the smallest width that holds it.
    struct Packer {
        shape: Shape,
        bits: Vec<bool>,
        width: u32,
    }

    impl Packer {
        fn put(&mut self, value: u32, width: u32) {
            self.bits.extend((0..width).map(|bit| value >> bit & 1 == 1));
        }

        /// Values of a width that name other widths instead of differences.
        fn reserved(&self, width: u32, value: u32) -> bool {
            let middle = 1 << (width - 1);
            if width < 7 {
                value == middle
            } else {
                let below = middle - 1 - self.shape.bits / 2;
                width <= self.shape.bits && (below + 1..=below + self.shape.bits).contains(&value)
            }
        }

        fn change_width(&mut self, width: u32) {
            let named = if width > self.width { width - 2 } else { width - 1 };
            let current = self.width;
            if current < 7 {
                self.put(1 << (current - 1), current);
                self.put(named, self.shape.width_bits);
            } else if current <= self.shape.bits {
                self.put((1 << (current - 1)) - 1 - self.shape.bits / 2 + named + 1, current);
            } else {
                self.put(1 << self.shape.bits | (width - 1), current);
            }
            self.width = width;
        }

        fn difference(&mut self, difference: i32) {
            let fits = |width: u32| {
                let value = difference as u32 & ((1 << width) - 1);
                let limit = 1_i64 << (width - 1);
                (-limit..limit).contains(&difference.into()) && !self.reserved(width, value)
            };
            let width = (1..=self.shape.bits).find(|&width| fits(width)).unwrap_or(self.shape.bits + 1);
            if width != self.width {
                self.change_width(width);
            }
            let mask = if width > self.shape.bits { (1 << self.shape.bits) - 1 } else { (1 << width) - 1 };
            self.put(difference as u32 & mask, width);
        }
    }

    fn pack(samples: &[i32], shape: Shape, twice: bool) -> Vec<u8> {
        let mut packed = Vec::new();
        for block in samples.chunks(BLOCK_BYTES * 8 / shape.bits as usize) {
            let mut packer = Packer { shape, bits: Vec::new(), width: shape.bits + 1 };
            let (mut last, mut last_difference) = (0, 0);
            for &sample in block {
                let extend = |value: i32| value << (32 - shape.bits) >> (32 - shape.bits);
                let difference = extend(sample - last);
                packer.difference(if twice { extend(difference - last_difference) } else { difference });
                (last, last_difference) = (sample, difference);
            }
            let bytes = packer.bits.chunks(8).map(|bits| {
                bits.iter().enumerate().fold(0, |byte, (place, &bit)| byte | u8::from(bit) << place)
            });
            let bytes: Vec<u8> = bytes.collect();
            packed.extend((bytes.len() as u16).to_le_bytes());
            packed.extend(bytes);
        }
        packed
    }

    /// A sound whose steps need every width: swells of noise and near silence.
    fn sound(frames: usize, bits: u32) -> Vec<i32> {
        let mut random = 0x9e37_79b9_u32;
        (0..frames)
            .map(|frame| {
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let shift = 32 - bits + (frame / 50) as u32 % (bits + 1);
                (random as i32).checked_shr(shift).unwrap_or(0)
            })
            .collect()
    }

    #[test]
    fn what_a_packer_writes_comes_out_again() {
        for twice in [false, true] {
            let part = Part::numbered("sample", 1);
            let eight = sound(70_000, 8);
            let packed = pack(&eight, SHAPE_8, twice);
            let unpacked = unpack_8(&mut Reader::at(&packed, 0, part), eight.len(), twice);
            assert!(unpacked.iter().map(|&sample| i32::from(sample)).eq(eight), "8 bits, twice {twice}");
            let sixteen = sound(40_000, 16);
            let packed = pack(&sixteen, SHAPE_16, twice);
            let unpacked = unpack_16(&mut Reader::at(&packed, 0, part), sixteen.len(), twice);
            assert!(unpacked.iter().map(|&sample| i32::from(sample)).eq(sixteen), "16 bits, twice {twice}");
        }
    }

    #[test]
    fn packed_data_that_ends_early_gives_what_came_before() {
        let samples = sound(3000, 16);
        let packed = pack(&samples, SHAPE_16, false);
        for length in [0, 1, 2, 3, packed.len() / 2, packed.len() - 1] {
            let mut reader = Reader::at(&packed[..length], 0, Part::numbered("sample", 1));
            let unpacked = unpack_16(&mut reader, samples.len(), false);
            assert!(unpacked.len() < samples.len());
            assert!(unpacked.iter().zip(&samples).all(|(&left, &right)| i32::from(left) == right));
        }
    }

    #[test]
    fn a_width_out_of_range_ends_the_block() {
        // Nine bits with the top one set and 200 in the rest: a width of 201.
        let block = [3, 0, 200, 1, 0];
        let mut reader = Reader::at(&block, 0, Part::numbered("sample", 1));
        assert!(unpack_8(&mut reader, 100, false).is_empty());
    }
}
