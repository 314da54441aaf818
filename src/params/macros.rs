//! Texts of the macros of insert slots: with the name, value and unit of the control that a macro moves.
//!
//! Hosts keep one title for each parameter, and what sits in a slot changes: so the text carries the name, `Decay 2.50 s`.

use crate::machine::MachineParameter;

/// The control's name, and its value at `position` of the macro's travel.
pub(super) fn text(control: &MachineParameter, position: f32) -> String {
    let value = control.value_at(position);
    let decimals =
        (0..3).find(|decimals| control.step >= 0.99 * 0.1f32.powi(*decimals)).unwrap_or(3) as usize;
    let unit = if control.unit.is_empty() { String::new() } else { format!(" {}", control.unit) };
    format!("{} {value:.decimals$}{unit}", control.label)
}

/// The position that a text asks for: a value with or without the control's name and unit.
pub(super) fn parse(control: &MachineParameter, text: &str) -> Option<f32> {
    let named = text.get(..control.label.len()).filter(|name| name.eq_ignore_ascii_case(control.label));
    let rest = text[named.map_or(0, str::len)..].trim_start();
    let end = rest.find(|c: char| !(c.is_ascii_digit() || "+-.".contains(c))).unwrap_or(rest.len());
    rest[..end].parse().ok().map(|value| control.position_of(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Scale;

    const DECAY: MachineParameter = MachineParameter {
        path: "decay",
        label: "Decay",
        unit: "s",
        min: 0.1,
        max: 10.0,
        default: 2.0,
        step: 0.01,
        scale: Scale::Logarithmic,
    };

    #[test]
    fn a_text_names_its_control_and_comes_back() {
        assert_eq!(text(&DECAY, 0.5), "Decay 1.00 s");
        for written in ["Decay 1.00 s", "decay 1", "1 s", "1.00"] {
            assert!((parse(&DECAY, written).unwrap() - 0.5).abs() < 1e-5, "{written}");
        }
        assert_eq!(parse(&DECAY, "Decay long"), None);
    }

    #[test]
    fn whole_steps_have_no_decimals_and_no_unit_leaves_no_blank() {
        let order = MachineParameter {
            label: "Order",
            unit: "",
            min: 1.0,
            max: 9.0,
            step: 1.0,
            scale: Scale::Linear,
            ..DECAY
        };
        assert_eq!(text(&order, 0.5), "Order 5");
    }
}
