//! The mixer page: the song's channels above the strips of buses, returns and master.

use super::Controls;
use super::channels::Channels;
use super::strip;
use super::strip::Strip;
use super::theme;
use crate::engine::ParameterSpec;
use crate::mixer::BUSES;
use crate::mixer::STRIPS;
use crate::plugin::View;
use egui::RichText;
use egui::Ui;

/// The least height of a fader; where there is less room, the page scrolls.
const FADER: f32 = 130.0;
/// Room for the bar that scrolls the strips.
const SCROLL_BAR: f32 = 12.0;

/// Everything on the page.
pub(super) struct Mixer {
    channels: Channels,
    strips: Vec<Strip>,
}

impl Mixer {
    pub(super) fn new(table: &[ParameterSpec]) -> Self {
        let strips = (0..STRIPS).map(|number| Strip::new(table, number)).collect();
        Mixer { channels: Channels::new(table), strips }
    }

    /// Returns whether any meter moves.
    pub(super) fn show(&mut self, ui: &mut Ui, controls: &Controls<'_>, view: &View) -> bool {
        let control = view.control.as_deref();
        let seconds = ui.input(|input| input.stable_dt);
        let moves = self.strips.iter_mut().fold(false, |moves, strip| strip.follow(control, seconds) | moves);
        egui::ScrollArea::vertical().id_salt("mixer").auto_shrink([false, false]).show(ui, |ui| {
            if view.channels > 0 {
                ui.label(RichText::new("Song channels").small().color(theme::FAINT));
                self.channels.show(ui, controls, view.channels);
            }
            let fader = (ui.available_height() - strip::ROWS - SCROLL_BAR).max(FADER);
            egui::ScrollArea::horizontal().id_salt("strips").auto_shrink([false, true]).show(ui, |ui| {
                ui.horizontal_top(|ui| {
                    ui.spacing_mut().item_spacing.x = 3.0;
                    for (number, strip) in self.strips.iter_mut().enumerate() {
                        if number == BUSES {
                            ui.add_space(4.0);
                        }
                        strip.show(ui, controls, fader);
                    }
                });
            });
        });
        moves
    }
}
