//! The mixer page: the song's channels above the strips of buses, returns and master.

use super::Controls;
use super::cell;
use super::channels::Channels;
use super::replacements::Replacements;
use super::routes::Routes;
use super::strip;
use super::strip::Strip;
use super::theme;
use crate::engine::ParameterSpec;
use crate::mixer;
use crate::mixer::BUSES;
use crate::mixer::Grouping;
use crate::mixer::STRIPS;
use crate::mixer::SpreadBy;
use crate::plugin::Edit;
use crate::plugin::Instance;
use crate::plugin::Place;
use crate::plugin::View;
use egui::Align;
use egui::Layout;
use egui::RichText;
use egui::Ui;
use std::sync::Arc;

/// The least height of a fader; where there is less room, the page scrolls.
const FADER: f32 = 130.0;
/// Room for the bar that scrolls the strips.
const SCROLL_BAR: f32 = 12.0;

/// Everything on the page.
pub(super) struct Mixer {
    channels: Channels,
    strips: Vec<Strip>,
    routes: Routes,
    replacements: Replacements,
    /// The insert slot that was clicked.
    opened: Option<Place>,
}

impl Mixer {
    pub(super) fn new(table: &[ParameterSpec]) -> Self {
        let strips = (0..STRIPS).map(|number| Strip::new(table, number)).collect();
        Mixer {
            channels: Channels::new(table),
            strips,
            routes: Routes::new(table),
            replacements: Replacements::default(),
            opened: None,
        }
    }

    /// The insert slot that was clicked since the last call.
    pub(super) fn take_opened(&mut self) -> Option<Place> {
        self.opened.take()
    }

    #[cfg(test)]
    pub(super) fn open_routes(&mut self, bus: usize) {
        self.routes.toggle(bus);
    }

    /// Returns whether any meter moves.
    pub(super) fn show(
        &mut self,
        ui: &mut Ui,
        controls: &Controls<'_>,
        view: &View,
        instance: &Arc<Instance>,
    ) -> bool {
        let control = view.control.as_deref();
        let seconds = ui.input(|input| input.stable_dt);
        let moves = self.strips.iter_mut().fold(false, |moves, strip| strip.follow(control, seconds) | moves);
        egui::ScrollArea::vertical().id_salt("mixer").auto_shrink([false, false]).show(ui, |ui| {
            ui.horizontal(|ui| {
                cell::tighten(ui, 2.0);
                if view.channels > 0 {
                    ui.label(RichText::new("Song channels").small().color(theme::FAINT));
                    show_spread(ui, instance);
                    self.replacements.show(ui, view, instance);
                }
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    show_look_ahead(ui, view, instance);
                });
            });
            if view.channels > 0 {
                self.channels.show(ui, controls, view, instance);
            }
            self.routes.show(ui, controls, view, instance);
            let fader = (ui.available_height() - strip::ROWS - SCROLL_BAR).max(FADER);
            egui::ScrollArea::horizontal().id_salt("strips").auto_shrink([false, true]).show(ui, |ui| {
                ui.horizontal_top(|ui| {
                    ui.spacing_mut().item_spacing.x = 3.0;
                    for (number, strip) in self.strips.iter_mut().enumerate() {
                        if number == BUSES {
                            ui.add_space(4.0);
                        }
                        let opened = strip.show(ui, controls, (view, instance, &mut self.routes), fader);
                        self.opened = self.opened.or(opened);
                    }
                });
            });
        });
        moves
    }
}

/// Puts what the song plays on buses and outputs of its own, or together again.
pub(super) fn show_spread(ui: &mut Ui, instance: &Instance) {
    let hint = "Gives what the song plays buses and outputs of its own, and names the buses";
    let button = cell::button(ui, false, ("Spread…", 56.0), theme::WELL, hint);
    cell::show_menu(&button, |ui| {
        for (text, by, grouping) in [
            ("Each channel", SpreadBy::Channels, Grouping::Each),
            ("Channels in stereo pairs", SpreadBy::Channels, Grouping::StereoPairs),
            ("Channels that play the same sample", SpreadBy::Channels, Grouping::Samples),
            ("Each instrument", SpreadBy::Instruments, Grouping::Each),
            ("Instruments in stereo pairs", SpreadBy::Instruments, Grouping::StereoPairs),
            ("Instruments that play the same sample", SpreadBy::Instruments, Grouping::Samples),
        ] {
            if ui.button(text).clicked() {
                instance.edit_later(Edit::Spread(by, grouping));
                ui.close();
            }
        }
        ui.separator();
        if ui.button("All together on the master").clicked() {
            instance.edit_later(Edit::Routing(Box::new(mixer::gather)));
            ui.close();
        }
    });
    button.on_hover_text(hint);
}

/// Whether the master ends in the limiter that looks ahead. The host has to start the plugin anew for it.
fn show_look_ahead(ui: &mut Ui, view: &View, instance: &Instance) {
    let text = ("Look-ahead limiter", 100.0);
    let switch =
        cell::button(ui, view.look_ahead, text, theme::REDUCTION, "Look-ahead limiter on the master");
    if switch.clicked() {
        instance.edit_later(Edit::LookAhead);
    }
    switch.on_hover_text("True-peak limiter on the master. All outputs are later by its latency, so the host restarts the plugin.");
}
