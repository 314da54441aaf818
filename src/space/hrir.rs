//! What an ear hears of each channel of a field: responses derived from the MIT KEMAR measurements.
//!
//! In: the table that `cargo xtask hrir` writes, for the left ear at 44.1 kHz. Out: prepared responses at the host's rate,
//! held once in the process. The head is symmetric: channels that change their sign from left to right go into the second
//! sum, which the right ear hears turned over. Workers only. Source: Gardner and Martin, "HRTF measurements of a KEMAR
//! dummy-head microphone", MIT Media Lab, 1994.

use super::harmonics::CHANNELS;
use crate::dsp::Level;
use crate::dsp::Responses;
use crate::rt::shared::Printed;
use crate::sample::resample;
use crate::units::SampleRate;
use std::sync::Arc;

const TABLE: &[u8] = include_bytes!("kemar.bin");
const RATE: SampleRate = SampleRate(44_100.0);

/// Channels that are odd from left to right: those of negative degree.
pub(super) const ODD: [bool; CHANNELS] = {
    let mut odd = [false; CHANNELS];
    (odd[1], odd[4], odd[5], odd[9], odd[10], odd[11]) = (true, true, true, true, true, true);
    odd
};

/// The left ear's taps for each channel, at `rate`.
pub(super) fn taps(rate: SampleRate) -> Vec<Vec<f32>> {
    let samples: Vec<f32> = TABLE.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    let planes: Vec<Vec<f32>> = samples.chunks_exact(samples.len() / CHANNELS).map(<[f32]>::to_vec).collect();
    let mut planes = resample(&planes, RATE, rate);
    let scale = (RATE.0 / rate.0) as f32;
    planes.iter_mut().flatten().for_each(|tap| *tap *= scale);
    planes
}

/// Prepared, unless the process holds them already.
pub(super) fn responses(rate: SampleRate, level: Level) -> Arc<Responses> {
    static RESPONSES: Printed<u64, Responses> = Printed::new();
    let prepare = || {
        let taps = taps(rate);
        let planes: Vec<_> =
            taps.iter().zip(ODD).map(|(plane, odd)| (&plane[..], usize::from(odd))).collect();
        Ok::<_, std::convert::Infallible>(Arc::new(Responses::new(&planes, level)))
    };
    match RESPONSES.of(rate.0.to_bits(), prepare) {
        Ok(responses) => responses,
        Err(never) => match never {},
    }
}
