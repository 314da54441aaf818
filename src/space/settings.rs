//! What a source is like beside its place: how it gets softer, how wide it is, where it looks, what stands before it.
//!
//! Plain data; any thread.

use super::doppler::LONGEST_S;
use super::harmonics::Vector;
use crate::units::SampleRate;
use serde::Deserialize;
use serde::Serialize;

/// How level falls with distance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Law {
    /// By half (6 dB) for each doubling, as in the open.
    #[default]
    Inverse,
    /// To nothing at the far distance, in a straight line over the logarithm of distance.
    Logarithmic,
    /// To nothing at the far distance, in a straight line.
    Linear,
    /// Not at all.
    None,
}

/// What is made of the field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Output {
    /// What two ears hear.
    #[default]
    Binaural,
    /// Two virtual cardioids, one to each side.
    Stereo,
}

/// What a source is like beside its place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Degrees from the left side of a stereo sound to the right one.
    pub width: f32,
    /// Degrees of the cap that each side fills, 0 to 360.
    pub spread: f32,
    /// How level falls with distance.
    pub law: Law,
    /// Metres up to which a source is as loud as it comes.
    pub near: f32,
    /// Metres from which on it gets no softer.
    pub far: f32,
    /// How much is in the way, 0 to 1: 12 dB and all above 400 Hz at most.
    pub occlusion: f32,
    /// Of what the source sends out: 0 all around, 1/2 a cardioid, 1 an eight.
    pub pattern: f32,
    /// Power of the pattern.
    pub sharpness: f32,
    /// Degrees to the right that the source looks from where the listener does.
    pub yaw: f32,
    /// Degrees up that it looks.
    pub pitch: f32,
    /// Whether what is nearer than a metre has more bass in the nearer ear.
    pub near_field: bool,
    /// Whether its sound takes its time, so that what moves is heard at another pitch.
    pub doppler: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            width: 60.0,
            spread: 0.0,
            law: Law::Inverse,
            near: 1.0,
            far: 100.0,
            occlusion: 0.0,
            pattern: 0.0,
            sharpness: 1.0,
            yaw: 0.0,
            pitch: 0.0,
            near_field: false,
            doppler: false,
        }
    }
}

/// How the listener hears what is around.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hearing {
    /// To where the head looks: 0 all around alike, 1/2 a cardioid, 1 an eight.
    pub pattern: f32,
    /// Power of the pattern.
    pub sharpness: f32,
}

impl Default for Hearing {
    fn default() -> Self {
        Self { pattern: 0.0, sharpness: 1.0 }
    }
}

impl Hearing {
    /// Factor of what comes from a place for a head that looks along a vector.
    pub(super) fn of(&self, looks: Vector, place: impl FnOnce() -> Vector) -> f32 {
        directivity(self.pattern, self.sharpness, || dot(looks, place()))
    }

    /// Factor of what comes from everywhere.
    pub(super) fn of_all(&self) -> f32 {
        on_average(self.pattern, self.sharpness)
    }
}

/// `|1 - p + p·cosine|^sharpness`.
fn directivity(pattern: f32, sharpness: f32, cosine: impl FnOnce() -> f32) -> f32 {
    if pattern <= 0.0 {
        return 1.0;
    }
    let pattern = pattern.clamp(0.0, 1.0);
    libm::powf((1.0 - pattern + pattern * cosine()).abs(), sharpness.max(0.0))
}

/// The root of [`directivity`]'s mean square over all directions: `√((1 - u·|u|^2s) / (2p·(2s + 1)))` with `u = 1 - 2p`.
fn on_average(pattern: f32, sharpness: f32) -> f32 {
    // Below that `u` would lose what differs from 1.
    if pattern < 1.0e-6 {
        return 1.0;
    }
    let (pattern, power) = (f64::from(pattern.min(1.0)), 2.0 * f64::from(sharpness.max(0.0)));
    let behind = 1.0 - 2.0 * pattern;
    let swept = 1.0 - behind * libm::pow(behind.abs(), power);
    libm::sqrt(swept / (2.0 * pattern * (power + 1.0))) as f32
}

/// What something in the way leaves of a sound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Through {
    /// Factor of all of it: 12 dB at most.
    pub(super) level: f32,
    /// How much of it goes through the low-pass filter.
    pub(super) share: f32,
    /// That filter's, `y += factor · (x - y)`: from 20 kHz to 400 Hz.
    pub(super) factor: f32,
}

impl Through {
    /// For so much of it, 0 to 1.
    pub(super) fn new(occlusion: f32, rate: SampleRate) -> Self {
        let cutoff = 20_000.0 * libm::expf(-3.912_023 * occlusion);
        Self {
            level: libm::expf(-1.381_551 * occlusion),
            share: (8.0 * occlusion).min(1.0),
            factor: 1.0 - libm::expf(-std::f32::consts::TAU * cutoff / rate.0 as f32),
        }
    }
}

fn dot(one: Vector, other: Vector) -> f32 {
    one.iter().zip(other).map(|(one, other)| one * other).sum()
}

/// The unit vector of an azimuth to the right and an elevation, in degrees.
pub(super) fn direction(azimuth: f32, elevation: f32) -> Vector {
    let (azimuth, elevation) = (-azimuth.to_radians(), elevation.to_radians());
    let ((left, front), (up, flat)) = (libm::sincosf(azimuth), libm::sincosf(elevation));
    [flat * front, flat * left, up]
}

impl Settings {
    /// Seconds that a source sounds on in space at most: responses, filters until they are 120 dB down, and the longest way.
    pub fn tail_s(&self) -> f64 {
        let near = if self.near_field { 0.025 } else { 0.0 };
        0.015 + near + if self.doppler { LONGEST_S } else { 0.0 }
    }

    /// Factor at a distance in metres.
    pub fn at_distance(&self, distance: f32) -> f32 {
        let near = self.near.max(0.01);
        let far = self.far.max(near);
        let distance = distance.clamp(near, far);
        match self.law {
            Law::None => 1.0,
            Law::Inverse => near / distance,
            Law::Linear | Law::Logarithmic if far == near => 1.0,
            Law::Linear => (far - distance) / (far - near),
            Law::Logarithmic => libm::logf(far / distance) / libm::logf(far / near),
        }
    }

    /// Factor of what the source sends to the listener from a place in this direction.
    pub(super) fn towards_listener(&self, place: impl FnOnce() -> Vector) -> f32 {
        directivity(self.pattern, self.sharpness, || -dot(direction(self.yaw, self.pitch), place()))
    }

    /// Factor of what it sends to all sides, as a room hears it.
    pub(super) fn sent_around(&self) -> f32 {
        on_average(self.pattern, self.sharpness)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_sent_around_is_the_mean_power_of_the_pattern() {
        for (pattern, sharpness) in [(0.0, 3.0), (1e-6, 1.0), (0.25, 2.0), (0.5, 1.0), (0.7, 0.5), (1.0, 4.0)]
        {
            let steps = 100_000;
            let power = |step: i32| {
                let cosine = (f64::from(step) + 0.5) / f64::from(steps) * 2.0 - 1.0;
                f64::from(directivity(pattern, sharpness, || cosine as f32)).powi(2)
            };
            let mean = (0..steps).map(power).sum::<f64>() / f64::from(steps);
            let found = f64::from(on_average(pattern, sharpness));
            assert!(
                (found - mean.sqrt()).abs() < 1e-4,
                "{pattern}, {sharpness}: {found}, not {}",
                mean.sqrt()
            );
        }
        assert!((on_average(0.5, 1.0) - 3f32.sqrt().recip()).abs() < 1e-6, "a cardioid");
    }
}
