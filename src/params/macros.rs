//! Texts of the macros of insert slots: with the name, value and unit of the control that a macro moves.
//!
//! Hosts keep one title for each parameter, and what sits in a slot changes: so the text carries the name, `Decay 2.50 s`.

use crate::machine::MachineParameter;

/// The control's name, and its value at `position` of the macro's travel.
pub(super) fn text(control: &MachineParameter, position: f32) -> String {
    format!("{} {}", control.label, control.text(control.value_at(position)))
}

/// The position that a text asks for: a value with or without the control's name and unit.
pub(super) fn parse(control: &MachineParameter, text: &str) -> Option<f32> {
    let named = text.get(..control.label.len()).filter(|name| name.eq_ignore_ascii_case(control.label));
    control.parse(&text[named.map_or(0, str::len)..]).map(|value| control.position_of(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::MachineKind;

    #[test]
    fn a_text_names_its_control_and_comes_back() {
        let decay = &MachineKind::Reverb.parameters()[1];
        let position = decay.position_of(1.0);
        assert_eq!(text(decay, position), "Decay 1.00 s");
        for written in ["Decay 1.00 s", "decay 1", "1 s", "1.00"] {
            assert!((parse(decay, written).unwrap() - position).abs() < 1e-5, "{written}");
        }
        assert_eq!(parse(decay, "Decay long"), None);
    }
}
