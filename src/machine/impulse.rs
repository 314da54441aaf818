//! Impulse responses of rooms: from a file to what a convolver can use.
//!
//! In: the bytes of a sound file. Out: its planes at the host's rate, cut where the tail stays 60 dB below the loudest sample,
//! and scaled by one factor, so that white noise on both inputs comes out as loud as it went in, on average of both sides. Workers
//! only. What is prepared is held once in the process for each impulse and rate.

use crate::audio::AudioSource;
use crate::dsp::Level;
use crate::dsp::Response;
use crate::rt::shared::Content;
use crate::rt::shared::Derived;
use crate::rt::shared::Interned;
use crate::rt::shared::Printed;
use crate::sample::DecodeError;
use crate::sample::decode;
use crate::sample::resample;
use crate::units::SampleRate;
use std::hash::DefaultHasher;
use std::hash::Hash;
use std::hash::Hasher;
use std::sync::Arc;

/// Seconds that a response may last.
const LONGEST_S: usize = 30;

/// What of the loudest sample may be cut off: -60 dB.
const CUT: f32 = 1.0e-3;

/// Seconds of the built-in hall, and what it decays in to -60 dB.
const HALL_S: f64 = 1.6;

/// Why a file is no impulse response.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImpulseError {
    /// The file cannot be read as sound.
    #[error("cannot be read ({0}): export it as WAV, AIFF or FLAC")]
    File(#[from] DecodeError),
    /// More than is convolved.
    #[error("lasts {seconds} s: cut it to at most {LONGEST_S} s")]
    TooLong {
        /// Of the file, rounded up.
        seconds: usize,
    },
    /// A width that means nothing.
    #[error(
        "has {found} channels: it can have 1, 2 (left, right) or 4 (left to left, left to right, right to left, right to right)"
    )]
    Channels {
        /// Of the file.
        found: usize,
    },
    /// Nothing but zeros.
    #[error("holds only silence: choose another file")]
    Silent,
    /// Samples that are no numbers.
    #[error("holds samples that are no numbers: export it anew")]
    NotFinite,
}

/// An impulse response as its file holds it; shared.
#[derive(Debug, PartialEq)]
pub struct Impulse {
    rate: SampleRate,
    planes: Vec<Vec<f32>>,
}

impl Impulse {
    /// Reads a sound file of one, two or four channels, unless the process holds what it reads as.
    pub fn read(bytes: &Arc<[u8]>) -> Result<Arc<Self>, ImpulseError> {
        static FILES: Printed<(u64, usize), Impulse> = Printed::new();
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        FILES.of((hasher.finish(), bytes.len()), || Self::decoded(bytes))
    }

    fn decoded(bytes: &Arc<[u8]>) -> Result<Arc<Self>, ImpulseError> {
        let recording = decode(Arc::clone(bytes))?;
        let (data, rate) = (recording.data, recording.rate);
        let (channels, frames) = (data.channels(), data.frames());
        if !matches!(channels, 1 | 2 | 4) {
            return Err(ImpulseError::Channels { found: channels.into() });
        }
        if frames > rate.frames_in(LONGEST_S as f64) {
            return Err(ImpulseError::TooLong { seconds: libm::ceil(frames as f64 / rate.0) as usize });
        }
        let plane = |channel| (0..frames).map(|frame| data.read_f32(channel, frame)).collect();
        let planes: Vec<Vec<f32>> = (0..channels).map(plane).collect();
        if planes.iter().flatten().any(|sample| !sample.is_finite()) {
            return Err(ImpulseError::NotFinite);
        }
        if planes.iter().flatten().all(|sample| *sample == 0.0) {
            return Err(ImpulseError::Silent);
        }
        Ok(Self { rate, planes }.share())
    }

    /// A plain hall, for a convolution that has no file: noise that dies away, highs in half the time.
    pub fn hall() -> Arc<Self> {
        let rate = SampleRate(48_000.0);
        let plane = |side: u64| {
            let (mut state, mut low) = (0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(side + 1), 0.0);
            let noise = |frame: usize| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let white = (state >> 40) as f64 / f64::from(1 << 23) - 1.0;
                low += 0.2 * (white - low);
                let decay = libm::exp10(-3.0 * frame as f64 / rate.0 / HALL_S);
                (decay * (low + 0.3 * decay * (white - low))) as f32
            };
            (0..rate.frames_in(HALL_S)).map(noise).collect()
        };
        Self { rate, planes: (0..2).map(plane).collect() }.share()
    }

    fn share(self) -> Arc<Self> {
        static IMPULSES: Interned<Impulse> = Interned::new();
        IMPULSES.share(self)
    }

    /// The response's taps at `rate`; see the top of this file.
    fn taps(&self, rate: SampleRate) -> Vec<Vec<f32>> {
        let mut planes = resample(&self.planes, self.rate, rate);
        let peak = planes.iter().flatten().fold(0.0f32, |peak, sample| peak.max(sample.abs()));
        let heard = |plane: &Vec<f32>| plane.iter().rposition(|sample| sample.abs() >= peak * CUT);
        let last = planes.iter().filter_map(heard).max().unwrap_or(0);
        planes.iter_mut().for_each(|plane| plane.truncate(last + 1));
        let energy: f64 = planes.iter().flatten().map(|tap| f64::from(*tap) * f64::from(*tap)).sum();
        // One plane serves both outputs; of two and four each output has half.
        let outputs = if planes.len() == 1 { 1.0 } else { 2.0 };
        let scale = if energy > 0.0 { (1.0 / libm::sqrt(energy / outputs)) as f32 } else { 0.0 };
        planes.iter_mut().flatten().for_each(|tap| *tap *= scale);
        planes
    }
}

impl Content for Impulse {
    fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.rate.0.to_bits().hash(&mut hasher);
        self.planes.iter().flatten().for_each(|sample| sample.to_bits().hash(&mut hasher));
        hasher.finish()
    }

    fn same(&self, other: &Self) -> bool {
        self == other
    }
}

/// An impulse at the rate of an engine: what its response is held by.
pub(super) struct AtRate {
    impulse: Arc<Impulse>,
    rate: SampleRate,
}

impl AtRate {
    pub(super) fn share(impulse: Arc<Impulse>, rate: SampleRate) -> Arc<Self> {
        static IMPULSES: Interned<AtRate> = Interned::new();
        IMPULSES.share(Self { impulse, rate })
    }

    /// Prepared, which takes its time where nobody holds it yet. The bits do not depend on `level`.
    pub(super) fn response(self: &Arc<Self>, level: Level) -> Arc<Response> {
        static RESPONSES: Derived<AtRate, Response> = Derived::new();
        RESPONSES.of(self, || {
            let planes = self.impulse.taps(self.rate);
            let planes: Vec<&[f32]> = planes.iter().map(Vec::as_slice).collect();
            Response::new(&planes, level)
        })
    }
}

impl Content for AtRate {
    fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (Arc::as_ptr(&self.impulse).addr(), self.rate.0.to_bits()).hash(&mut hasher);
        hasher.finish()
    }

    fn same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.impulse, &other.impulse) && self.rate == other.rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::reverb_tests::wav;

    const RATE: SampleRate = SampleRate(48_000.0);

    fn energy(plane: &[f32]) -> f64 {
        plane.iter().map(|tap| f64::from(*tap) * f64::from(*tap)).sum()
    }

    #[test]
    fn tails_are_cut_at_60_db_and_balance_is_kept() {
        let mut left = vec![0.0; 9_000];
        (left[10], left[5_000], left[5_001]) = (0.5, 0.0006, 0.0004);
        let mut right = vec![0.0; 9_000];
        right[20] = 0.25;
        let taps = Impulse::read(&wav(&[left, right])).unwrap().taps(RATE);
        assert_eq!(taps[0].len(), 5_001);
        assert!((taps[0][10] / taps[1][20] - 2.0).abs() < 1.0e-6);
        assert!((energy(&taps[0]) + energy(&taps[1]) - 2.0).abs() < 1.0e-5);
    }

    #[test]
    fn another_rate_keeps_the_loudness_and_the_seconds() {
        for rate in [44_100.0, 96_000.0] {
            let taps = Impulse::hall().taps(SampleRate(rate));
            assert!((energy(&taps[0]) + energy(&taps[1]) - 2.0).abs() < 1.0e-4);
            let seconds = taps[0].len() as f64 / rate;
            assert!((1.2..1.61).contains(&seconds), "{seconds}");
        }
    }

    #[test]
    fn equal_files_are_one_impulse_and_one_response() {
        let (one, two) = (wav(&[vec![1.0, 0.5]]), wav(&[vec![1.0, 0.5]]));
        let (one, two) = (Impulse::read(&one).unwrap(), Impulse::read(&two).unwrap());
        assert!(Arc::ptr_eq(&one, &two));
        let (one, two) = (AtRate::share(one, RATE), AtRate::share(two, RATE));
        assert!(Arc::ptr_eq(&one.response(Level::SCALAR), &two.response(Level::detect())));
    }

    #[test]
    fn what_is_no_impulse_is_told() {
        let refused = |planes: &[Vec<f32>]| Impulse::read(&wav(planes)).unwrap_err();
        let three = refused(&[vec![1.0], vec![1.0], vec![1.0]]);
        assert!(matches!(three, ImpulseError::Channels { found: 3 }), "{three}");
        assert!(matches!(refused(&[vec![0.0; 9]]), ImpulseError::Silent));
        assert!(matches!(refused(&[vec![0.0, f32::NAN]]), ImpulseError::NotFinite));
        let long = refused(&[vec![0.1; 31 * 48_000]]).to_string();
        assert_eq!(long, "lasts 31 s: cut it to at most 30 s");
        let text = Impulse::read(&b"no sound".as_slice().into()).unwrap_err().to_string();
        assert!(
            text.starts_with("cannot be read (") && text.ends_with("): export it as WAV, AIFF or FLAC"),
            "{text}"
        );
    }
}
