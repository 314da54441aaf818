//! Recordings: what an instrument, a voice or a replacement plays.
//!
//! `SampleData` keeps the type of the file, so that integer playback stays exact and 8-bit sounds take a quarter of
//! the memory. Built by loaders on the worker, held once in the process and shared by `Arc`, read by the audio thread.

mod decode;
mod player;
mod reader;
mod resample;
mod stream;
mod wav_loop;

pub use decode::DecodeError;
pub use decode::Recording;
pub use decode::decode;
pub use decode::decode_while;
pub use player::SamplePlayer;
pub(crate) use reader::Beyond;
pub use reader::Interpolation;
pub(crate) use reader::Reader;
pub(crate) use reader::Surroundings;
pub use resample::resample;
pub use stream::AudioFile;
pub use wav_loop::SampleLoop;
pub use wav_loop::wav_loop;

use crate::audio::AudioSource;
use crate::audio::ChannelMix;
use crate::audio::Plane;
use crate::audio::SurroundDownmix;
use crate::rt::shared::Content;
use crate::rt::shared::Interned;
use std::hash::DefaultHasher;
use std::hash::Hash;
use std::hash::Hasher;
use std::sync::Arc;

/// The frames of a recording, one boxed plane for each channel, all of the same length.
#[derive(Clone, Debug, PartialEq)]
pub enum SampleData {
    /// One channel of 8-bit samples.
    Mono8(Box<[i8]>),
    /// One channel of 16-bit samples.
    Mono16(Box<[i16]>),
    /// Left and right 8-bit samples.
    Stereo8([Box<[i8]>; 2]),
    /// Left and right 16-bit samples.
    Stereo16([Box<[i16]>; 2]),
    /// Any number of channels of float samples.
    Float(Box<[Box<[f32]>]>),
}

impl SampleData {
    /// These frames in the one place where the process holds them. Locks: never on the audio thread.
    pub fn intern(self) -> Arc<Self> {
        static RECORDINGS: Interned<SampleData> = Interned::new();
        RECORDINGS.share(self)
    }

    /// These frames on at most two channels, onto which more fold by ITU-R BS.775-4.
    pub(crate) fn folded(self) -> Self {
        match self {
            Self::Float(planes) if planes.len() > 2 => {
                let frames = planes.iter().map(|plane| plane.len()).min().unwrap_or(0);
                let side = |to| {
                    let mut side = vec![0.0; frames].into_boxed_slice();
                    fold_onto(&planes, to, &mut side);
                    side
                };
                Self::Float([0, 1].map(side).into())
            }
            narrow => narrow,
        }
    }

    /// No frames at all.
    pub fn empty() -> Self {
        Self::Mono8(Box::default())
    }
}

/// Adds what a side of stereo hears of wider `planes` by ITU-R BS.775-4.
fn fold_onto(planes: &[impl AsRef<[f32]>], to: usize, side: &mut [f32]) {
    for (from, plane) in planes.iter().enumerate() {
        let factor = SurroundDownmix.coefficient(from, planes.len(), to, 2);
        side.iter_mut().zip(plane.as_ref()).for_each(|(sum, sample)| *sum += sample * factor);
    }
}

impl Default for SampleData {
    fn default() -> Self {
        Self::empty()
    }
}

impl Content for SampleData {
    fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        std::mem::discriminant(self).hash(&mut hasher);
        match self {
            Self::Mono8(plane) => plane.hash(&mut hasher),
            Self::Mono16(plane) => plane.hash(&mut hasher),
            Self::Stereo8(planes) => planes.hash(&mut hasher),
            Self::Stereo16(planes) => planes.hash(&mut hasher),
            Self::Float(planes) => {
                planes.iter().flatten().for_each(|sample| sample.to_bits().hash(&mut hasher));
            }
        }
        hasher.finish()
    }

    fn same(&self, other: &Self) -> bool {
        match (self, other) {
            // By bits: NaN differs from itself, and -0 equals 0.
            (Self::Float(own), Self::Float(others)) => {
                let bits = |plane: &[f32]| plane.iter().map(|sample| sample.to_bits()).collect::<Vec<_>>();
                own.len() == others.len()
                    && own.iter().zip(others).all(|(own, other)| bits(own) == bits(other))
            }
            _ => self == other,
        }
    }
}

impl AudioSource for SampleData {
    fn channels(&self) -> u16 {
        match self {
            Self::Mono8(_) | Self::Mono16(_) => 1,
            Self::Stereo8(_) | Self::Stereo16(_) => 2,
            Self::Float(planes) => planes.len().min(usize::from(u16::MAX)) as u16,
        }
    }

    fn frames(&self) -> usize {
        match self {
            Self::Mono8(plane) => plane.len(),
            Self::Mono16(plane) => plane.len(),
            Self::Stereo8([left, right]) => left.len().min(right.len()),
            Self::Stereo16([left, right]) => left.len().min(right.len()),
            Self::Float(planes) => planes.iter().map(|plane| plane.len()).min().unwrap_or(0),
        }
    }

    fn plane(&self, channel: u16) -> Option<Plane<'_>> {
        let channel = usize::from(channel);
        match self {
            Self::Mono8(plane) => (channel == 0).then_some(Plane::I8(plane)),
            Self::Mono16(plane) => (channel == 0).then_some(Plane::I16(plane)),
            Self::Stereo8(planes) => planes.get(channel).map(|plane| Plane::I8(plane)),
            Self::Stereo16(planes) => planes.get(channel).map(|plane| Plane::I16(plane)),
            Self::Float(planes) => planes.get(channel).map(|plane| Plane::F32(plane)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn surround_folds_onto_two_sides_and_what_is_narrow_stays_as_it_is() {
        let planes = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0].map(|sample: f32| Box::from([sample, -sample]));
        let half = std::f32::consts::FRAC_1_SQRT_2;
        let SampleData::Float(sides) = SampleData::Float(planes.into()).folded() else { panic!("no floats") };
        for (side, wanted) in sides.iter().zip([1.0 + 20.0 * half, 2.0 + 36.0 * half]) {
            assert!((side[0] - wanted).abs() < 1e-5 && side[1] == -side[0], "{side:?}, not {wanted}");
        }
        assert_eq!(sides.len(), 2);
        let narrow = SampleData::Stereo8([Box::new([1]), Box::new([2])]);
        assert_eq!(narrow.clone().folded(), narrow);
    }

    #[test]
    fn eight_and_sixteen_bit_full_scale_read_the_same() {
        let eight = SampleData::Mono8(Box::new([-128, 64]));
        let sixteen = SampleData::Mono16(Box::new([-32768, 16384]));
        for frame in 0..2 {
            assert_eq!(eight.read_f32(0, frame), sixteen.read_f32(0, frame));
            assert_eq!(eight.read_i16(0, frame), sixteen.read_i16(0, frame));
        }
    }

    #[test]
    fn float_samples_clip_when_read_as_integers() {
        let data = SampleData::Float(Box::new([Box::new([2.0, -2.0, f32::NAN, 0.5])]));
        let read: Vec<i16> = (0..4).map(|frame| data.read_i16(0, frame)).collect();
        assert_eq!(read, [32767, -32768, 0, 16384]);
    }

    #[test]
    fn equal_recordings_are_held_once_and_kinds_are_told_apart() {
        let float = |sample: f32| SampleData::Float(Box::new([Box::new([sample])])).intern();
        let (one, two) = (float(f32::NAN), float(f32::NAN));
        assert!(Arc::ptr_eq(&one, &two));
        let (plus, minus) = (float(0.0), float(-0.0));
        assert!(!Arc::ptr_eq(&plus, &minus));
        let (eight, sixteen) =
            (SampleData::Mono8(Box::new([1, 0])).intern(), SampleData::Mono16(Box::new([1, 0])).intern());
        assert!(!Arc::ptr_eq(&eight, &sixteen));
    }

    #[test]
    fn reading_outside_is_silence() {
        let data = SampleData::Stereo16([Box::new([1]), Box::new([2])]);
        assert_eq!(data.read_f32(2, 0), 0.0);
        assert_eq!(data.read_i16(1, 1), 0);
    }
}
