//! Controls of machines: what they are called, their range and how a knob travels it.
//!
//! The tables are generated from the Faust sources. Any thread.

use crate::units::quantity;

/// How the travel of a knob maps to values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Equal steps are equal differences.
    Linear,
    /// Equal steps are equal ratios; the range lies above 0.
    Logarithmic,
}

/// One control of a machine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MachineParameter {
    /// Stable name within the machine, groups first: `low_decay`. What is saved and automated refers to this.
    pub path: &'static str,
    /// For people.
    pub label: &'static str,
    /// Printed after values; may be empty.
    pub unit: &'static str,
    /// Lowest value.
    pub min: f32,
    /// Highest value.
    pub max: f32,
    /// Value of a new machine.
    pub default: f32,
    /// Smallest difference that matters.
    pub step: f32,
    /// Travel of a knob.
    pub scale: Scale,
    /// What the values 0, 1, 2 … are called, where they are no quantity; else empty.
    pub choices: &'static [&'static str],
}

impl MachineParameter {
    /// A control in equal steps; its label and unit, and its least, greatest and default value.
    pub(super) const fn linear(
        path: &'static str,
        [label, unit]: [&'static str; 2],
        [min, max, default]: [f32; 3],
        step: f32,
    ) -> Self {
        Self { path, label, unit, min, max, default, step, scale: Scale::Linear, choices: &[] }
    }

    /// The same in equal ratios.
    pub(super) const fn logarithmic(
        path: &'static str,
        [label, unit]: [&'static str; 2],
        [min, max, default]: [f32; 3],
        step: f32,
    ) -> Self {
        Self { path, label, unit, min, max, default, step, scale: Scale::Logarithmic, choices: &[] }
    }

    /// The nearest value in range; the default for NaN.
    pub fn clamp(&self, value: f32) -> f32 {
        if value.is_nan() { self.default } else { value.clamp(self.min, self.max) }
    }

    /// The value at `position` of the knob's travel, 0 to 1. Lands exactly on a whole step that is as good as reached, so
    /// that 0 dB stays 0 dB after a round trip.
    pub fn value_at(&self, position: f32) -> f32 {
        let position = if position.is_nan() { 0.0 } else { position.clamp(0.0, 1.0) };
        if !self.choices.is_empty() {
            return libm::roundf(self.min + position * (self.max - self.min));
        }
        let value = match self.scale {
            Scale::Linear => self.min + position * (self.max - self.min),
            Scale::Logarithmic => self.min * libm::powf(self.max / self.min, position),
        };
        // 0.01 in f32 is not quite a hundredth.
        let step = match f64::from(self.step) {
            step if step < 1.0 => 1.0 / libm::round(1.0 / step),
            step => step,
        };
        let whole = libm::round(f64::from(value) / step) * step;
        let reached = (f64::from(value) - whole).abs() < 0.02 * step;
        self.clamp(if reached { whole as f32 } else { value })
    }

    /// A value for people: `2.50 s`, or what a choice is called.
    pub fn text(&self, value: f32) -> String {
        if let Some(choice) = self.choices.get((value - self.min).max(0.0) as usize) {
            return (*choice).to_owned();
        }
        let decimals =
            (0..3).find(|decimals| self.step >= 0.99 * libm::powf(0.1, *decimals as f32)).unwrap_or(3);
        let value = value + 0.0; // no minus before a nought
        let unit = if self.unit.is_empty() { String::new() } else { format!(" {}", self.unit) };
        format!("{value:.decimals$}{unit}")
    }

    /// The value that a text means, with or without its unit; or the choice of that name. Not yet clamped.
    pub fn parse(&self, text: &str) -> Option<f32> {
        let text = text.trim();
        let choice = self.choices.iter().position(|choice| choice.eq_ignore_ascii_case(text));
        if let Some(choice) = choice {
            return Some(self.min + choice as f32);
        }
        quantity(text, self.unit)
    }

    /// Where on the knob's travel `value` lies, 0 to 1.
    pub fn position_of(&self, value: f32) -> f32 {
        let value = self.clamp(value);
        match self.scale {
            Scale::Linear => (value - self.min) / (self.max - self.min),
            Scale::Logarithmic => libm::logf(value / self.min) / libm::logf(self.max / self.min),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAMPING: MachineParameter = MachineParameter {
        path: "damping",
        label: "Damping",
        unit: "Hz",
        min: 100.0,
        max: 10_000.0,
        default: 5_000.0,
        step: 1.0,
        scale: Scale::Logarithmic,
        choices: &[],
    };

    #[test]
    fn the_middle_of_a_logarithmic_knob_is_the_geometric_mean() {
        assert!((DAMPING.value_at(0.5) - 1_000.0).abs() < 0.01);
        assert_eq!((DAMPING.value_at(0.0), DAMPING.value_at(1.0)), (100.0, 10_000.0));
    }

    #[test]
    fn position_and_value_invert_each_other() {
        for parameter in
            [DAMPING, MachineParameter { min: -60.0, max: 12.0, scale: Scale::Linear, ..DAMPING }]
        {
            for position in [0.0, 0.1, 0.5, 0.93, 1.0] {
                assert!((parameter.position_of(parameter.value_at(position)) - position).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn texts_have_as_many_decimals_as_the_step_and_come_back() {
        let decay = MachineParameter { unit: "s", step: 0.01, ..DAMPING };
        let order = MachineParameter { unit: "", ..DAMPING };
        assert_eq!((decay.text(1.0), order.text(250.0)), ("1.00 s".to_owned(), "250".to_owned()));
        for written in ["1.00 s", "1 s", " 1", "1.0"] {
            assert_eq!(decay.parse(written), Some(1.0), "{written}");
        }
        assert_eq!(decay.parse("long"), None);
    }

    #[test]
    fn choices_are_words_and_their_knob_stops_at_each() {
        let mode = MachineParameter {
            min: 0.0,
            max: 2.0,
            default: 0.0,
            scale: Scale::Linear,
            choices: &["1/8", "1/4 dotted", "1/2"],
            ..DAMPING
        };
        assert_eq!(mode.text(1.0), "1/4 dotted");
        assert_eq!(
            (mode.parse("1/4 DOTTED"), mode.parse("1/2"), mode.parse("2")),
            (Some(1.0), Some(2.0), Some(2.0))
        );
        assert_eq!(
            [0.0, 0.2, 0.3, 0.74, 0.76, 1.0].map(|x| mode.value_at(x)),
            [0.0, 0.0, 1.0, 1.0, 2.0, 2.0]
        );
        assert_eq!([0.0, 1.0, 2.0].map(|value| mode.value_at(mode.position_of(value))), [0.0, 1.0, 2.0]);
    }

    #[test]
    fn values_stay_in_range_and_nan_is_the_default() {
        assert_eq!(DAMPING.clamp(f32::NAN), 5_000.0);
        assert_eq!(DAMPING.clamp(f32::INFINITY), 10_000.0);
        assert_eq!(DAMPING.value_at(-3.0), 100.0);
    }
}
