//! A control of a machine or an instrument: a bar, or a list of its choices.
//!
//! Out: a gesture of the macro that moves it, or an edit of the rack where none does.

use super::Controls;
use super::cell;
use super::drag;
use super::drag::Movable;
use crate::machine::MachineParameter;
use crate::machine::Scale;
use crate::params::Gesture;
use egui::Align2;
use egui::Ui;

/// Of its width, what the name of a choice takes.
const NAME: f32 = 0.42;

/// How a control is moved.
pub(super) enum Way<'a> {
    /// By the slot's macro, which is a parameter.
    Macro(&'a Controls<'a>, Option<usize>),
    /// By an edit; what the rack says of it, if anything, comes first.
    Edit(Option<f32>, &'a dyn Fn(f32)),
}

/// See the module's description.
pub(super) struct Knob<'a> {
    pub(super) parameter: &'static MachineParameter,
    pub(super) name: String,
    pub(super) way: Way<'a>,
}

impl Knob<'_> {
    pub(super) fn show(&self, ui: &mut Ui, width: f32) {
        let parameter = self.parameter;
        if parameter.choices.is_empty() {
            let turns = parameter.min < 0.0 && parameter.max > 0.0 && parameter.scale == Scale::Linear;
            let from = if turns { parameter.position_of(0.0) } else { 0.0 };
            return cell::movable_bar(ui, self, (parameter.label, from), width);
        }
        ui.horizontal(|ui| {
            let (label, list) = (width * NAME, width * (1.0 - NAME) - ui.spacing().item_spacing.x);
            cell::text(ui, &format!(" {}", parameter.label), label, Align2::LEFT_CENTER);
            let now = parameter.value_at(self.place()) - parameter.min;
            if let Some(choice) = cell::menu(ui, list, now as usize, parameter.choices, &self.name) {
                self.set(parameter.position_of(parameter.min + choice as f32));
            }
        });
    }
}

impl Movable for Knob<'_> {
    fn place(&self) -> f32 {
        match self.way {
            Way::Macro(controls, index) => index.map_or(0.0, |index| controls.params.normalised(index)),
            Way::Edit(value, _) => self.parameter.position_of(value.unwrap_or(self.parameter.default)),
        }
    }

    fn default(&self) -> f32 {
        self.parameter.position_of(self.parameter.default)
    }

    fn name(&self) -> String {
        self.name.clone()
    }

    fn text_at(&self, place: f32) -> String {
        self.parameter.text(self.parameter.value_at(place))
    }

    fn parsed(&self, text: &str) -> Option<f32> {
        self.parameter.parse(text).map(|value| self.parameter.position_of(value))
    }

    fn stepped(&self, from: f32, steps: f32, fine: bool) -> f32 {
        let size = if fine { drag::FINE } else { 1.0 };
        let place = (from + steps * drag::STEP * size).clamp(0.0, 1.0);
        // Each at least by the least difference that matters.
        let (parameter, now) = (self.parameter, self.parameter.value_at(from));
        let least = steps * parameter.step;
        let moved = (parameter.value_at(place) - now).abs();
        if moved < least.abs() { parameter.position_of(now + least) } else { place }
    }

    fn is_edited(&self) -> bool {
        matches!(self.way, Way::Edit(..))
    }

    fn gesture(&self, step: Gesture) {
        match (&self.way, step) {
            (Way::Macro(controls, Some(index)), step) => controls.gesture(*index, step),
            (Way::Edit(_, set), Gesture::Move(place)) => set(self.parameter.value_at(place)),
            (Way::Macro(_, None) | Way::Edit(..), _) => {}
        }
    }
}
