//! What can be done to a take of a voice slot or a lane, and how takes are chosen.

use super::cell;
use super::dialog::Ask;
use super::dialog::Dialog;
use super::dialog::Kinds;
use super::theme;
use crate::plugin::Instance;
use crate::plugin::Onto;
use egui::Ui;
use std::sync::Arc;

/// What recordings are read from.
pub(super) const SOUNDS: Kinds =
    &[("Sound files", &["wav", "wave", "aif", "aiff", "aifc", "flac", "ogg", "oga", "mp3"])];
/// Width of a button for a take.
pub(super) const BUTTON: f32 = 60.0;
/// Width of the button for more of them.
const ADD: f32 = 76.0;

/// What is to be done to a take.
pub(super) enum Wish {
    Replace,
    Remove,
}

/// The buttons of a take, of which `said` is the name.
pub(super) fn buttons(ui: &mut Ui, dialog: &Dialog, said: &str) -> Option<Wish> {
    let replace = format!("{said}: another file in its place");
    let button = cell::button(ui, false, ("Replace…", BUTTON), theme::ACCENT, &replace);
    let replace = button.on_hover_text(&replace).clicked() && !dialog.is_open();
    let remove = format!("{said}: remove");
    let button = cell::button(ui, false, ("Remove", BUTTON), theme::ACCENT, &remove);
    let remove = button.on_hover_text(&remove).clicked();
    replace.then_some(Wish::Replace).or(remove.then_some(Wish::Remove))
}

/// The button for more takes; whether it is clicked.
pub(super) fn add(ui: &mut Ui, dialog: &Dialog, said: &str) -> bool {
    let busy = dialog.is_open();
    let button = cell::button(ui, busy, ("Add takes…", ADD), theme::ACCENT, said);
    button.on_hover_text(said).clicked() && !busy
}

/// Asks for files of takes.
pub(super) fn choose(ui: &Ui, dialog: &Dialog, of: &str, (instance, onto): (&Arc<Instance>, Onto)) {
    let title = format!("Recordings for {of}");
    let ask = Ask { title, kinds: SOUNDS, several: true, ..Ask::default() };
    dialog.open(ui.ctx(), ask, (instance, onto));
}
