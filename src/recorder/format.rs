//! How samples stand in a file: floats as they are, or integers, the nearest to what sounded. The only place where they
//! become integers.
//!
//! In: samples. Out: integers, or bytes, little-endian, and how many samples did not fit. Any thread but the audio thread.

use hound::WavSpec;
use serde::Deserialize;
use serde::Serialize;

/// How samples are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SampleFormat {
    /// 16-bit integers.
    I16,
    /// 24-bit integers.
    I24,
    /// 32-bit floats, with the bits that were rendered.
    #[default]
    F32,
}

/// A sample that has become an integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rounded {
    /// The nearest, of two the even one, within full scale.
    pub value: i32,
    /// Whether it was beyond full scale, or no number at all.
    pub cut_off: bool,
}

impl SampleFormat {
    /// Bytes of a sample.
    pub fn bytes(self) -> usize {
        match self {
            Self::I16 => 2,
            Self::I24 => 3,
            Self::F32 => 4,
        }
    }

    /// What a WAV file's header says of it.
    pub fn spec(self, channels: usize, rate: u32) -> WavSpec {
        WavSpec {
            channels: channels as u16, // at most MAX_CHANNELS
            sample_rate: rate,
            bits_per_sample: self.bytes() as u16 * 8,
            sample_format: if self == Self::F32 {
                hound::SampleFormat::Float
            } else {
                hound::SampleFormat::Int
            },
        }
    }

    /// A sample as an integer; nothing for floats. `noise` is added before, in steps of the integer.
    pub fn integer(self, sample: f32, noise: f64) -> Option<Rounded> {
        let scale = match self {
            Self::I16 => 32_768.0,
            Self::I24 => 8_388_608.0,
            Self::F32 => return None,
        };
        let exact = (f64::from(sample) * scale + noise).round_ties_even();
        let kept = exact.clamp(-scale, scale - 1.0);
        // What is no number is unequal to itself, and written as 0.
        Some(Rounded { value: kept as i32, cut_off: exact != kept })
    }

    /// Appends samples to `bytes`; gives the number of those that are cut off at full scale, or are no number at all.
    pub(crate) fn encode(self, samples: &[f32], bytes: &mut Vec<u8>) -> u64 {
        let mut cut_off = 0;
        for &sample in samples {
            match self.integer(sample, 0.0) {
                None => bytes.extend_from_slice(&sample.to_le_bytes()),
                Some(rounded) => {
                    cut_off += u64::from(rounded.cut_off);
                    bytes.extend_from_slice(&rounded.value.to_le_bytes()[..self.bytes()]);
                }
            }
        }
        cut_off
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(format: SampleFormat, samples: &[f32]) -> (Vec<u8>, u64) {
        let mut bytes = Vec::new();
        let cut_off = format.encode(samples, &mut bytes);
        (bytes, cut_off)
    }

    #[test]
    fn integers_are_the_nearest_and_end_at_full_scale() {
        let samples = [0.0, 0.5, -1.0, 1.0, -1.5, f32::NAN, f32::INFINITY, 1.4 / 32768.0, -1.6 / 32768.0];
        let (bytes, cut_off) = encoded(SampleFormat::I16, &samples);
        let words: Vec<i16> = bytes.chunks(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect();
        assert_eq!(words, [0, 0x4000, -0x8000, 0x7fff, -0x8000, 0, 0x7fff, 1, -2]);
        assert_eq!(cut_off, 4);
        assert_eq!(encoded(SampleFormat::I24, &[-0.5, 1.0]), (vec![0, 0, 0xc0, 0xff, 0xff, 0x7f], 1));
    }

    #[test]
    fn floats_keep_their_bits() {
        let samples = [1.0, -0.0, 7.5, f32::NAN, f32::MIN_POSITIVE / 2.0];
        let (bytes, cut_off) = encoded(SampleFormat::F32, &samples);
        let bits: Vec<u8> = samples.iter().flat_map(|sample| sample.to_bits().to_le_bytes()).collect();
        assert_eq!((bytes, cut_off), (bits, 0));
    }
}
