//! The head of the page: the song, where it is, and how it follows the host.

use super::Controls;
use super::cell;
use super::controls::find;
use super::dialog::Ask;
use super::dialog::Dialog;
use super::drag;
use super::open;
use super::theme;
use crate::engine::ParameterSpec;
use crate::engine::Position;
use crate::engine::Target;
use crate::plugin::Instance;
use crate::plugin::Onto;
use crate::plugin::View;
use egui::Align;
use egui::Label;
use egui::Layout;
use egui::RichText;
use egui::Ui;
use std::sync::Arc;

/// Song parameters, and the dialog for songs.
pub(super) struct Header {
    play: Option<usize>,
    audition: Option<usize>,
    sync: Option<usize>,
    dialog: Dialog,
    /// Width of what is beside the title.
    controls: f32,
}

impl Header {
    pub(super) fn new(table: &[ParameterSpec]) -> Self {
        Header {
            play: find(table, Target::SongPlay),
            audition: find(table, Target::Audition),
            sync: find(table, Target::Sync),
            dialog: Dialog::default(),
            controls: 0.0,
        }
    }

    pub(super) fn show(
        &mut self,
        ui: &mut Ui,
        controls: &Controls<'_>,
        view: &View,
        instance: &Arc<Instance>,
    ) {
        ui.horizontal(|ui| {
            let width = ui.available_width() - self.controls - 2.0 * ui.spacing().item_spacing.x;
            ui.vertical(|ui| {
                ui.set_max_width(width.max(0.0));
                let file = view.file.as_deref().unwrap_or_default();
                let title = view.title.as_deref().unwrap_or(if file.is_empty() { "No song" } else { file });
                ui.add(Label::new(RichText::new(title).heading().strong()).truncate());
                let description = RichText::new(description(view)).small().color(theme::FAINT);
                ui.add(Label::new(description).truncate());
            });
            let beside = ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let open = egui::Button::new(RichText::new("Open…").strong());
                let open = ui.add_enabled(!self.dialog.is_open(), open).on_hover_text(open::rule());
                if open.clicked() {
                    self.choose(ui.ctx(), instance);
                }
                ui.add_space(6.0);
                cell::choice(ui, controls, self.sync, 84.0);
                ui.label(RichText::new("Sync").color(theme::FAINT));
                toggle(ui, controls, self.audition, "Audition");
                toggle(ui, controls, self.play, "Play");
                ui.add_space(10.0);
                show_position(ui, view.control.as_ref().map(|control| control.position()));
            });
            // The title has what is left, from the next picture on.
            let width = beside.response.rect.width();
            if std::mem::replace(&mut self.controls, width) != width {
                ui.ctx().request_repaint();
            }
        });
    }

    fn choose(&self, egui: &egui::Context, instance: &Arc<Instance>) {
        let ask = Ask { title: "Open".to_owned(), kinds: &open::KINDS, several: true, ..Ask::default() };
        self.dialog.open(egui, ask, (instance, Onto::Anywhere));
    }
}

fn description(view: &View) -> String {
    match (&view.file, view.channels) {
        (None, _) => "Open a MOD, S3M, XM or IT file".to_owned(),
        (Some(file), 1) => format!("{file} · 1 channel"),
        (Some(file), channels) => format!("{file} · {channels} channels"),
    }
}

fn toggle(ui: &mut Ui, controls: &Controls<'_>, index: Option<usize>, text: &str) {
    let Some(index) = index else { return };
    let on = controls.is_on(index);
    let colour = if on { theme::BACKGROUND } else { theme::TEXT };
    let switch = ui.selectable_label(on, RichText::new(text).color(colour));
    if switch.clicked() {
        drag::toggle(ui, controls, index, &switch);
    }
}

/// Order, row and tempo, lit while the song runs.
fn show_position(ui: &mut Ui, position: Option<Position>) {
    let position = position.unwrap_or_default();
    let launches = match (position.launched, position.waiting) {
        (0, 0) => String::new(),
        (launched, 0) => format!("   {launched} launched"),
        (launched, waiting) => format!("   {launched} launched, {waiting} waiting"),
    };
    let text = format!(
        "{:03} : {:03}   {:3} BPM   {} ticks{launches}",
        position.order, position.row, position.tempo, position.speed
    );
    let colour = if position.running || position.launched > 0 { theme::ACCENT } else { theme::FAINT };
    let frame =
        egui::Frame::new().fill(theme::WELL).corner_radius(4).inner_margin(egui::Margin::symmetric(8, 4));
    frame.show(ui, |ui| ui.label(RichText::new(text).monospace().color(colour)));
}
