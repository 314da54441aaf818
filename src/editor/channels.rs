//! The song's channels: gain, pan, mute and solo of each, in a row that scrolls.

use super::Controls;
use super::cell;
use super::controls::find;
use super::strip::MARGIN;
use super::strip::WIDTH;
use super::theme;
use crate::engine::ParameterSpec;
use crate::engine::Target;
use crate::mixer::BUSES;
use crate::mixer::SONG_CHANNELS;
use crate::mixer::SongBy;
use crate::plugin::Edit;
use crate::plugin::Instance;
use crate::plugin::View;
use egui::Align2;
use egui::RichText;
use egui::Ui;

/// Between the rows.
const SPACING: f32 = 2.0;

/// A channel's parameters.
struct Channel {
    gain: Option<usize>,
    pan: Option<usize>,
    mute: Option<usize>,
    solo: Option<usize>,
}

/// All channels that a song can have.
pub(super) struct Channels(Vec<Channel>);

impl Channels {
    pub(super) fn new(table: &[ParameterSpec]) -> Self {
        let find = |target| find(table, target);
        let channel = |channel| Channel {
            gain: find(Target::ChannelGain(channel)),
            pan: find(Target::ChannelPan(channel)),
            mute: find(Target::ChannelMute(channel)),
            solo: find(Target::ChannelSolo(channel)),
        };
        Channels((0..SONG_CHANNELS).map(channel).collect())
    }

    /// Shows those that the song has.
    pub(super) fn show(&self, ui: &mut Ui, controls: &Controls<'_>, view: &View, instance: &Instance) {
        let buses: Vec<_> = std::iter::once("nowhere".to_owned())
            .chain((0..BUSES).map(|bus| view.routing.bus_name(bus)))
            .collect();
        egui::ScrollArea::horizontal().id_salt("channels").auto_shrink([false, true]).show(ui, |ui| {
            ui.horizontal(|ui| {
                ui.spacing_mut().item_spacing.x = 3.0;
                for (number, channel) in self.0.iter().enumerate().take(view.channels) {
                    let frame = egui::Frame::new().fill(theme::PANEL).corner_radius(4).inner_margin(MARGIN);
                    frame.show(ui, |ui| {
                        ui.set_width(WIDTH);
                        cell::tighten(ui, SPACING);
                        ui.vertical_centered(|ui| {
                            channel.show(ui, controls, number);
                            show_bus(ui, view, instance, (number, &buses));
                        });
                    });
                }
            });
        });
    }
}

/// The bus that a channel feeds, where channels and not instruments are routed.
fn show_bus(ui: &mut Ui, view: &View, instance: &Instance, (channel, buses): (usize, &[String])) {
    if view.routing.song_by == SongBy::Instrument {
        cell::text(ui, "by instr.", WIDTH, Align2::CENTER_CENTER);
        return;
    }
    let bus = view.routing.song_channels.get(channel).copied().flatten();
    let said = format!("Bus of song channel {}", channel + 1);
    if let Some(chosen) = cell::menu(ui, WIDTH, bus.map_or(0, |bus| bus + 1), buses, &said) {
        instance.edit_later(Edit::Routing(Box::new(move |routing| {
            if let Some(bus) = routing.song_channels.get_mut(channel) {
                *bus = chosen.checked_sub(1);
            }
        })));
    }
}

impl Channel {
    fn show(&self, ui: &mut Ui, controls: &Controls<'_>, number: usize) {
        ui.horizontal(|ui| {
            let third = (WIDTH - 4.0) / 3.0;
            let name = egui::Label::new(RichText::new((number + 1).to_string()).small().strong());
            ui.add_sized([third, cell::HEIGHT], name);
            cell::switch(ui, controls, self.mute, ("M", third), theme::WARNING);
            cell::switch(ui, controls, self.solo, ("S", third), theme::SOLO);
        });
        cell::bar(ui, controls, self.pan, WIDTH);
        cell::bar(ui, controls, self.gain, WIDTH);
    }
}
