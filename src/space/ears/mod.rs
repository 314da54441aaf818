//! What ears hear of each channel of a field: a dummy head's, or those of whoever has been measured.
//!
//! In: the table that `cargo xtask hrir` derives from the MIT KEMAR measurements, or a SOFA file. Out: prepared responses at the
//! host's rate, held once in the process. What both ears hear alike of a channel goes into a first sum, and what the right one hears
//! turned over into a second: left is both together, right the first less the second. A symmetric head has only one of them for each
//! channel. Workers only. Source: Gardner and Martin, "HRTF measurements of a KEMAR dummy-head microphone", MIT Media Lab, 1994.

mod fit;
mod fourier;
mod sofa;
#[cfg(test)]
pub(super) mod tests;

pub use sofa::EarsError;

use super::harmonics::CHANNELS;
use crate::dsp::Level;
use crate::dsp::Responses;
use crate::rt::shared::Printed;
use crate::sample::resample;
use crate::units::SampleRate;
use fit::RATE;
use fit::TAPS;
use fit::fit;
use sofa::Measured;
use std::convert::Infallible;
use std::fmt;
use std::hash::DefaultHasher;
use std::hash::Hash;
use std::hash::Hasher;
use std::sync::Arc;

const TABLE: &[u8] = include_bytes!("../kemar.bin");

/// Channels that are odd from left to right: those of negative degree.
const ODD: [bool; CHANNELS] = {
    let mut odd = [false; CHANNELS];
    (odd[1], odd[4], odd[5], odd[9], odd[10], odd[11]) = (true, true, true, true, true, true);
    odd
};

/// Responses at 44.1 kHz: for each channel the first sum's and the second's, either of which may be empty.
type Sums = [[Vec<f32>; 2]; CHANNELS];

/// What two ears hear of each channel of a field.
#[derive(PartialEq)]
pub struct Ears {
    sums: Sums,
    /// Of what they hold.
    hash: u64,
}

impl Ears {
    /// The dummy head's that Busker comes with.
    pub fn kemar() -> Self {
        let samples: Vec<f32> = numbers(TABLE).collect();
        let planes = samples.chunks_exact(TAPS).zip(ODD).map(|(plane, odd)| {
            let mut sums = [Vec::new(), Vec::new()];
            sums[usize::from(odd)] = plane.to_vec(); // two
            sums
        });
        Self::of(planes)
    }

    /// Fits ears to the measurements in a SOFA file, unless the process holds them. Takes some seconds.
    pub fn read(bytes: &[u8]) -> Result<Arc<Self>, EarsError> {
        Self::read_while(bytes, &mut |_| true)
    }

    /// The same while `go_on` says so, which hears between steps what share of them has been taken.
    pub fn read_while(bytes: &[u8], go_on: &mut dyn FnMut(f32) -> bool) -> Result<Arc<Self>, EarsError> {
        static FILES: Printed<(u64, usize), Ears> = Printed::new();
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        FILES.of((hasher.finish(), bytes.len()), || {
            let ears = Self::fitted(&Measured::read(bytes)?, go_on).ok_or(EarsError::CalledOff)?;
            let playable = ears.sums.iter().flatten().flatten().all(|tap| is_playable(*tap));
            if playable { Ok(Arc::new(ears)) } else { Err(EarsError::Unfit) }
        })
    }

    fn fitted(measured: &Measured, go_on: &mut dyn FnMut(f32) -> bool) -> Option<Self> {
        let level = Level::detect(); // no matter for the bits
        let ears = if measured.is_symmetric() { 1.0 } else { 2.0 };
        let left = fit(&measured.left, level, &mut |share| go_on(share / ears))?;
        // The right ear is a left one behind a mirror.
        let right = match measured.is_symmetric() {
            true => left.clone(),
            false => fit(&measured.right, level, &mut |share| go_on((1.0 + share) / ears))?,
        };
        let sums = left.into_iter().zip(right).zip(ODD).map(|((left, right), odd)| {
            let half = |sign: f32| {
                let both = left.iter().zip(&right).map(|(left, right)| 0.5 * (left + sign * right));
                let sum: Vec<f32> = both.collect();
                if sum.iter().all(|tap| *tap == 0.0) { Vec::new() } else { sum }
            };
            let sign = if odd { -1.0 } else { 1.0 };
            [half(sign), half(-sign)]
        });
        Some(Self::of(sums))
    }

    /// What is missing of sixteen channels is silent.
    fn of(mut sums: impl Iterator<Item = [Vec<f32>; 2]>) -> Self {
        let sums: Sums = std::array::from_fn(|_| sums.next().unwrap_or_default());
        let mut hasher = DefaultHasher::new();
        for sum in sums.iter().flatten() {
            sum.len().hash(&mut hasher);
            sum.iter().for_each(|tap| tap.to_bits().hash(&mut hasher));
        }
        Self { hash: hasher.finish(), sums }
    }

    /// As racks save them: channel after channel both sums, 320 taps each, little-endian.
    pub fn to_bytes(&self) -> Vec<u8> {
        let tap = |sum: &Vec<f32>, place: usize| sum.get(place).map_or(0.0f32, |tap| *tap).to_le_bytes();
        self.sums.iter().flatten().flat_map(|sum| (0..TAPS).flat_map(move |place| tap(sum, place))).collect()
    }

    /// Those that were saved so.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, EarsError> {
        let taps: Vec<f32> = numbers(bytes).collect();
        let whole = bytes.len() == 2 * CHANNELS * TAPS * size_of::<f32>();
        if !whole || !taps.iter().all(|tap| is_playable(*tap)) {
            return Err(EarsError::Damaged);
        }
        let sums = taps.chunks_exact(2 * TAPS).map(|both| {
            let (first, second) = both.split_at(TAPS);
            [first, second]
                .map(|sum| if sum.iter().all(|tap| *tap == 0.0) { Vec::new() } else { sum.to_vec() })
        });
        Ok(Self::of(sums))
    }

    /// Taps of both sums at `rate`.
    fn taps(&self, rate: SampleRate) -> Sums {
        let scale = (RATE / rate.0) as f32;
        self.sums.each_ref().map(|sums| {
            let mut sums = sums.each_ref().map(|sum| {
                resample(std::slice::from_ref(sum), SampleRate(RATE), rate).pop().unwrap_or_default()
            });
            sums.iter_mut().flatten().for_each(|tap| *tap *= scale);
            sums
        })
    }

    /// Prepared, unless the process holds them already. The bits do not depend on `level`.
    pub(super) fn responses(&self, rate: SampleRate, level: Level) -> Arc<Responses> {
        static RESPONSES: Printed<(u64, u64), Responses> = Printed::new();
        let prepare = || {
            let taps = self.taps(rate);
            let sums = taps.each_ref().map(|sums| sums.each_ref().map(Vec::as_slice));
            Ok::<_, Infallible>(Arc::new(Responses::new(&sums, level)))
        };
        let Ok(responses) = RESPONSES.of((self.hash, rate.0.to_bits()), prepare);
        responses
    }
}

impl fmt::Debug for Ears {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ears({:016x})", self.hash)
    }
}

/// Whether a tap is a number, and no louder than any ear's.
fn is_playable(tap: f32) -> bool {
    tap.abs() <= 1e3
}

fn numbers(bytes: &[u8]) -> impl Iterator<Item = f32> {
    bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes))
}
