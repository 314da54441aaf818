//! Undo and redo of edits: two buttons and their keys; and what of the user's doings is one step.

use crate::plugin::Instance;
use crate::plugin::View;
use crate::plugin::Way;
use egui::Button;
use egui::Context;
use egui::Event;
use egui::Id;
use egui::Key;
use egui::KeyboardShortcut;
use egui::Modifiers;
use egui::Ui;

const UNDO: KeyboardShortcut = KeyboardShortcut::new(Modifiers::COMMAND, Key::Z);
const REDO: KeyboardShortcut = KeyboardShortcut::new(Modifiers::COMMAND.plus(Modifiers::SHIFT), Key::Z);
const REDO_TOO: KeyboardShortcut = KeyboardShortcut::new(Modifiers::COMMAND, Key::Y);

/// Where the window keeps which ways there is a step.
fn kept() -> Id {
    Id::unique("steps")
}

/// Whether a key takes or brings back a step.
pub(super) fn answers(egui: &Context, key: Key, held: Modifiers) -> bool {
    let [back, on] = egui.data(|data| data.get_temp(kept())).unwrap_or([false; 2]);
    let is = |keys: &KeyboardShortcut| key == keys.logical_key && held.matches_logically(keys.modifiers);
    if is(&REDO) || is(&REDO_TOO) { on } else { back && is(&UNDO) }
}

/// The buttons.
#[derive(Default)]
pub(super) struct Undo {
    /// Whether the wheel turns.
    turning: bool,
}

impl Undo {
    /// Tells the instance what the user holds, and takes the keys. To be called before all that edits.
    pub(super) fn follow(&mut self, ui: &Ui, instance: &Instance) {
        let was_turning = self.turning;
        let (held, pressed) = ui.input(|input| {
            self.turning = input.is_scrolling();
            let pressed = |event: &Event| matches!(event, Event::Key { pressed: true, repeat: false, .. });
            let pressed = input.pointer.any_pressed() || input.events.iter().any(pressed);
            (input.pointer.any_down() || !input.keys_down.is_empty() || self.turning, pressed)
        });
        instance.hold(held, pressed || (self.turning && !was_turning));
        // A field that is typed in has an undo of its own.
        if ui.ctx().text_edit_focused() {
            return;
        }
        let pressed = |keys| ui.input_mut(|input| input.consume_shortcut(keys));
        if pressed(&REDO) || pressed(&REDO_TOO) {
            instance.step_later(Way::On);
        } else if pressed(&UNDO) {
            instance.step_later(Way::Back);
        }
    }

    pub(super) fn show(&self, ui: &mut Ui, view: &View, instance: &Instance) {
        ui.data_mut(|data| data.insert_temp(kept(), view.steps.each_ref().map(Option::is_some)));
        let ways = [(Way::Back, "Undo", &UNDO), (Way::On, "Redo", &REDO)];
        for ((way, text, keys), step) in ways.into_iter().zip(&view.steps) {
            let button = ui.add_enabled(step.is_some(), Button::new(text).small());
            if button.clicked() {
                instance.step_later(way);
            }
            let step = step.as_deref().unwrap_or("nothing");
            let hint = format!("{text} {step} ({})", ui.ctx().format_shortcut(keys));
            button.on_hover_text(&hint).on_disabled_hover_text(hint);
        }
    }
}
