//! The head of the page: the song, where it is, and how it follows the host. Its foot: what went wrong.

use super::Controls;
use super::cell;
use super::controls::find;
use super::dialog::Dialog;
use super::theme;
use crate::engine::ParameterSpec;
use crate::engine::Position;
use crate::engine::Target;
use crate::plugin::Instance;
use crate::plugin::View;
use egui::Align;
use egui::Layout;
use egui::RichText;
use egui::Ui;
use std::sync::Arc;

/// Extensions of the modules that can be opened, packed or not.
const EXTENSIONS: [&str; 10] = ["mod", "s3m", "xm", "it", "mdz", "s3z", "xmz", "itz", "gz", "zip"];

/// Song parameters, and the dialog for songs.
pub(super) struct Header {
    play: Option<usize>,
    audition: Option<usize>,
    sync: Option<usize>,
    dialog: Dialog,
}

impl Header {
    pub(super) fn new(table: &[ParameterSpec]) -> Self {
        Header {
            play: find(table, Target::SongPlay),
            audition: find(table, Target::Audition),
            sync: find(table, Target::Sync),
            dialog: Dialog::default(),
        }
    }

    pub(super) fn show(&self, ui: &mut Ui, controls: &Controls<'_>, view: &View, instance: &Arc<Instance>) {
        ui.horizontal(|ui| {
            ui.vertical(|ui| {
                let file = view.file.as_deref().unwrap_or_default();
                let title = view.title.as_deref().unwrap_or(if file.is_empty() { "No song" } else { file });
                ui.label(RichText::new(title).heading().strong());
                ui.label(RichText::new(description(view)).small().color(theme::FAINT));
            });
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let open = egui::Button::new(RichText::new("Open…").strong());
                if ui.add_enabled(!self.dialog.is_open(), open).clicked() {
                    self.choose(instance);
                }
                ui.add_space(6.0);
                cell::choice(ui, controls, self.sync, 84.0);
                ui.label(RichText::new("Sync").color(theme::FAINT));
                toggle(ui, controls, self.audition, "Audition");
                toggle(ui, controls, self.play, "Play");
                ui.add_space(10.0);
                show_position(ui, view.control.as_ref().map(|control| control.position()));
            });
        });
    }

    fn choose(&self, instance: &Arc<Instance>) {
        let dialog = rfd::AsyncFileDialog::new().set_title("Open a song").add_filter("Modules", &EXTENSIONS);
        let instance = Arc::clone(instance);
        self.dialog.ask(dialog.pick_file(), move |path| instance.open_later(path));
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
    if ui.selectable_label(on, RichText::new(text).color(colour)).clicked() {
        controls.toggle(index);
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

/// The last thing that went wrong, and what had to be left out.
pub(super) fn show_notice(ui: &mut Ui, view: &View) {
    let dropped = match view.dropped_events {
        0 => None,
        events => Some(format!("{events} events came faster than they can be played")),
    };
    let missed = match view.missed_waits {
        0 => None,
        waits => Some(format!("{waits} times the bounce went on before a song or a lane was ready")),
    };
    let recording = view.recording.error().map(str::to_owned);
    let late = underruns(&view.underruns);
    let missing = some_of(&view.missing);
    let all = view.notice.clone().into_iter().chain(missing).chain(recording).chain(dropped).chain(missed);
    for text in all.chain(late) {
        ui.label(RichText::new(text).small().color(theme::WARNING));
    }
}

/// The first of some lines, and how many more there are: a rack may miss hundreds of files.
fn some_of(lines: &[String]) -> Option<String> {
    match lines {
        [] => None,
        [one] => Some(one.clone()),
        [first, more @ ..] => Some(format!("{first}, and {} more like it", more.len())),
    }
}

/// Which lanes were not read in time, and how often.
fn underruns(underruns: &[u64]) -> Option<String> {
    let late = underruns.iter().zip(1..).filter(|(count, _)| **count > 0);
    let late: Vec<String> = late.map(|(count, lane)| format!("lane {lane} {count}×")).collect();
    (!late.is_empty()).then(|| format!("files were not read in time: {}", late.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_that_were_late_are_named_with_their_numbers() {
        assert_eq!(underruns(&[0; 8]), None);
        let text = underruns(&[0, 3, 0, 0, 0, 0, 0, 1]).unwrap();
        assert_eq!(text, "files were not read in time: lane 2 3×, lane 8 1×");
    }
}
