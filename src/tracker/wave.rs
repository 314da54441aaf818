//! The shapes of vibrato, tremolo, panbrello and sample vibrato.
//!
//! In: a wave number and a position. Out: a value of about ±127 (MOD, S3M, XM) or ±64 (IT). Audio thread; the sines are
//! tabled when a player is built. Random shapes hash their place, so that the same song always sounds the same.

use std::f64::consts::TAU;

/// Tables of the sines.
#[derive(Debug)]
pub(crate) struct Waves {
    coarse: [i8; 64],
    fine: [i8; 256],
}

impl Waves {
    pub(crate) fn new() -> Self {
        let sine =
            |n: usize, length: f64, size: f64| libm::round(size * libm::sin(TAU * n as f64 / length)) as i8;
        Self {
            coarse: std::array::from_fn(|n| sine(n, 64.0, 127.0)),
            fine: std::array::from_fn(|n| sine(n, 256.0, 64.0)),
        }
    }

    /// MOD, S3M and XM: 64 positions, ±127.
    pub(crate) fn coarse(&self, wave: u8, position: u8, random: i32) -> i32 {
        let position = position & 63;
        match wave & 3 {
            0 => self.coarse[usize::from(position)].into(),
            1 => (if position < 32 { 0 } else { 255 }) - i32::from(position) * 4,
            2 if position < 32 => 127,
            2 => -127,
            _ => random % 128,
        }
    }

    /// IT: 256 positions, ±64.
    pub(crate) fn fine(&self, wave: u8, position: u8, random: i32) -> i32 {
        match wave & 3 {
            0 => self.sine(position),
            1 => 64 - (i32::from(position) + 1) / 2,
            2 if position < 128 => 64,
            2 => 0,
            _ => (random & 127) - 64,
        }
    }

    /// IT's sine.
    pub(crate) fn sine(&self, position: u8) -> i32 {
        self.fine[usize::from(position)].into()
    }
}

/// A number that looks random but follows from `seed` alone (Murmur3's finaliser); ±2³¹.
pub(crate) fn noise(seed: u32) -> i32 {
    let mut x = seed.wrapping_add(0x9E37_79B9);
    x = (x ^ (x >> 16)).wrapping_mul(0x85EB_CA6B);
    x = (x ^ (x >> 13)).wrapping_mul(0xC2B2_AE35);
    (x ^ (x >> 16)) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sines_reach_their_peaks_a_quarter_in() {
        let waves = Waves::new();
        assert_eq!([0, 16, 32, 48].map(|position| waves.coarse(0, position, 0)), [0, 127, 0, -127]);
        assert_eq!([0, 64, 128, 192].map(|position| waves.fine(0, position, 0)), [0, 64, 0, -64]);
    }

    #[test]
    fn ramps_fall_through_zero() {
        let waves = Waves::new();
        assert_eq!([0, 31, 32, 63].map(|position| waves.coarse(1, position, 0)), [0, -124, 127, 3]);
    }
}
