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

/// Units that people type for others: for which, what they type, and how many of the first it is.
const TYPED: [(&str, &str, f32); 11] = [
    ("hz", "khz", 1000.0),
    ("hz", "k", 1000.0),
    ("ms", "s", 1000.0),
    ("s", "ms", 0.001),
    ("m", "cm", 0.01),
    ("°", "deg", 1.0),
    ("st", "cent", 0.01),
    ("st", "ct", 0.01),
    ("cent", "ct", 1.0),
    ("cent", "st", 100.0),
    ("beats", "beat", 1.0),
];

/// The number that a text means in `unit`. Behind it may stand the unit, or another of its kind: `2.5 kHz` is 2500 in `Hz`.
pub fn quantity(text: &str, unit: &str) -> Option<f32> {
    let text = text.trim().to_lowercase().replace('\u{2212}', "-").replace(',', ".");
    let end = text.find(|c: char| !(c.is_ascii_digit() || "+-.".contains(c))).unwrap_or(text.len());
    let (number, typed) = (text.get(..end)?, text.get(end..)?.trim());
    let number: f32 = number.parse().ok()?;
    let unit = unit.to_lowercase();
    if typed.is_empty() || typed == unit {
        return Some(number);
    }
    TYPED.iter().find(|(of, other, _)| *of == unit && *other == typed).map(|(_, _, factor)| number * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantity_is_read_in_its_own_unit_and_in_others_of_its_kind_and_in_no_other() {
        for (text, unit, number) in [
            ("-6 dB", "dB", -6.0),
            ("−6", "dB", -6.0),
            ("2.5 kHz", "Hz", 2500.0),
            ("2,5k", "Hz", 2500.0),
            ("440 hz", "Hz", 440.0),
            ("1.5 s", "ms", 1500.0),
            ("250ms", "s", 0.25),
            ("90°", "°", 90.0),
            ("+7", "st", 7.0),
            ("3 st", "cent", 300.0),
            ("12", "", 12.0),
        ] {
            assert_eq!(quantity(text, unit), Some(number), "{text}");
        }
        for (text, unit) in [("", "dB"), ("loud", "dB"), ("3 apples", "Hz"), ("5 s", "Hz"), ("1.2.3", "")] {
            assert_eq!(quantity(text, unit), None, "{text}");
        }
    }

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
