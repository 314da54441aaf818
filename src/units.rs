//! Quantities of sound and time with their units, so that no bare number crosses a border.
//!
//! Any thread. Conversions only: nothing here has state.

/// Level in decibels; `-inf` is silence.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Decibels(pub f32);

/// Linear amplitude factor: 1 leaves a signal alone, 0 silences it, -1 flips its phase.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Gain(pub f32);

impl Gain {
    /// Leaves a signal alone.
    pub const UNITY: Self = Self(1.0);
    /// Silences a signal.
    pub const SILENCE: Self = Self(0.0);
}

impl From<Decibels> for Gain {
    fn from(level: Decibels) -> Self {
        // -inf dB gives exactly 0 and 0 dB exactly 1.
        Self(libm::powf(10.0, level.0 / 20.0))
    }
}

impl From<Gain> for Decibels {
    fn from(gain: Gain) -> Self {
        Self(20.0 * libm::log10f(gain.0.abs()))
    }
}

/// Cycles per second.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Hertz(pub f32);

/// Frames per second.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct SampleRate(pub f64);

impl SampleRate {
    /// How many frames last `seconds`, rounded up.
    pub fn frames_in(self, seconds: f64) -> usize {
        libm::ceil(self.0 * seconds) as usize
    }
}

/// Interval in equal-tempered semitones.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Semitones(pub f32);

impl Semitones {
    /// Frequency factor of the interval.
    pub fn ratio(self) -> f32 {
        libm::exp2f(self.0 / 12.0)
    }
}

/// Position or length in quarter notes of the host.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Beats(pub f64);

/// Position or length in tracker ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticks(pub u64);

/// Beats per minute.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Tempo(pub f64);

impl Tempo {
    /// Frames that one beat lasts.
    pub fn frames_per_beat(self, rate: SampleRate) -> f64 {
        rate.0 * 60.0 / self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minus_infinity_decibels_is_exact_silence_and_zero_is_exact_unity() {
        assert_eq!(Gain::from(Decibels(f32::NEG_INFINITY)), Gain::SILENCE);
        assert_eq!(Gain::from(Decibels(0.0)), Gain::UNITY);
    }

    #[test]
    fn gain_and_decibels_invert_each_other() {
        for db in [-96.0, -12.0, -0.5, 6.0, 24.0] {
            assert!((Decibels::from(Gain::from(Decibels(db))).0 - db).abs() < 1e-4);
        }
    }

    #[test]
    fn an_octave_doubles_frequency() {
        assert_eq!(Semitones(12.0).ratio(), 2.0);
    }
}
