//! Recordings in place of the song's own samples and instruments: a list that a button opens.
//!
//! In: what the song has, and what the rack replaces of it. Out: files to be opened, and edits that the worker takes.

use super::cell;
use super::dialog::Ask;
use super::dialog::Dialog;
use super::takes::SOUNDS;
use super::theme;
use crate::plugin::Edit;
use crate::plugin::Instance;
use crate::plugin::Onto;
use crate::plugin::View;
use egui::Popup;
use egui::PopupCloseBehavior;
use egui::RichText;
use egui::ScrollArea;
use egui::Ui;
use std::sync::Arc;

/// Height of the list of what the song has, at most.
const LIST: f32 = 220.0;

/// The button, and its dialog for files.
#[derive(Default)]
pub(super) struct Replacements(Dialog);

impl Replacements {
    pub(super) fn show(&self, ui: &mut Ui, view: &View, instance: &Arc<Instance>) {
        let hint = "Recordings in place of the song's own samples and instruments";
        let any = !view.replaced.is_empty();
        let button = cell::button(ui, any, ("Replace…", 56.0), theme::ACCENT, hint);
        let popup = Popup::menu(&button).close_behavior(PopupCloseBehavior::CloseOnClickOutside);
        popup.show(|ui| {
            ui.label(RichText::new("In place of the song's own").small().color(theme::FAINT));
            for (what, file) in &view.replaced {
                ui.horizontal(|ui| {
                    let said = format!("Remove the replacement of {what}");
                    if cell::button(ui, false, ("Remove", 46.0), theme::ACCENT, &said).clicked() {
                        instance.edit_later(Edit::SongsOwn(*what));
                    }
                    ui.label(format!("{what}: {file}"));
                });
            }
            ui.separator();
            ui.label(RichText::new("Replace by a file").small().color(theme::FAINT));
            ScrollArea::vertical().max_height(LIST).show(ui, |ui| {
                for (what, name) in instance.replaceable() {
                    let text = format!("{what} {name}");
                    if ui.add_enabled(!self.0.is_open(), egui::Button::new(text.trim())).clicked() {
                        let title = format!("In place of {what}");
                        let ask = Ask { title, kinds: SOUNDS, ..Ask::default() };
                        self.0.open(ui.ctx(), ask, (instance, Onto::Replacement(what)));
                    }
                }
            });
        });
        button.on_hover_text(hint);
    }
}
