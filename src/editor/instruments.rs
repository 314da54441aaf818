//! The instruments page: what sits in the slots of the keyboard, and every control of the one that is chosen.
//!
//! Out: the first eight controls of an instrument as gestures of the slot's macros, all else as edits that the worker takes: which
//! instrument it is, its bus, its further controls, and the song channels that hand their notes over.

use super::Controls;
use super::cell;
use super::knob::Knob;
use super::knob::Way;
use super::theme;
use crate::engine::ParameterSpec;
use crate::engine::Target;
use crate::machine::InstrumentKind;
use crate::mixer::BUSES;
use crate::mixer::MACROS;
use crate::mixer::NoteSpace;
use crate::mixer::SONG_CHANNELS;
use crate::plugin::Edit;
use crate::plugin::Instance;
use crate::plugin::InstrumentEdit;
use crate::plugin::View;
use crate::rack::InstrumentSlot;
use crate::tracker::KEYBOARD_SLOTS;
use egui::Align2;
use egui::Ui;

/// Widths of a slot's number, of what sits there, and of its bus.
const NUMBER: f32 = 28.0;
const MACHINE: f32 = 110.0;
const BUS: f32 = 84.0;
/// Width of a column of controls at least, how many controls it has, and between two of them.
const COLUMN: f32 = 190.0;
const ROWS: usize = 10;
const GAP: f32 = 8.0;
/// Columns that the longest list of controls takes.
const COLUMNS: usize = 3;
/// Margin of the panel.
const MARGIN: f32 = 8.0;
/// Width of a song channel, and how many stand in a row.
const CHANNEL: f32 = 26.0;
const IN_A_ROW: usize = 16;
/// Between the rows.
const SPACING: f32 = 3.0;

/// The page, and which slot it is about.
pub(super) struct Instruments {
    macros: Vec<[Option<usize>; MACROS]>,
    /// `None` until it is shown: then the first one that has an instrument.
    slot: Option<usize>,
}

impl Instruments {
    pub(super) fn new(table: &[ParameterSpec]) -> Self {
        let mut macros = vec![[None; MACROS]; KEYBOARD_SLOTS];
        for (index, spec) in table.iter().enumerate() {
            if let Target::InstrumentMacro { slot, control } = spec.target {
                macros[slot][control] = Some(index); // the table has no slots and macros but those
            }
        }
        Instruments { macros, slot: None }
    }

    /// Brings a slot to the front.
    pub(super) fn open(&mut self, slot: usize) {
        self.slot = Some(slot);
    }

    pub(super) fn show(&mut self, ui: &mut Ui, controls: &Controls<'_>, view: &View, instance: &Instance) {
        cell::tighten(ui, SPACING);
        let first = view.instruments.iter().map(|instrument| instrument.slot).min().unwrap_or(0);
        let slot = *self.slot.get_or_insert(first);
        egui::ScrollArea::both().id_salt("instruments").auto_shrink([false, false]).show(ui, |ui| {
            ui.horizontal_top(|ui| {
                ui.spacing_mut().item_spacing.x = GAP;
                ui.vertical(|ui| {
                    cell::tighten(ui, SPACING);
                    (0..KEYBOARD_SLOTS).for_each(|number| self.show_slot(ui, (view, instance), number, slot));
                });
                let frame = egui::Frame::new().fill(theme::PANEL).corner_radius(4).inner_margin(MARGIN);
                let least = COLUMNS as f32 * (COLUMN + GAP);
                // A whole point less: rounding is not to make the page scroll.
                let width = (ui.available_width() - 2.0 * MARGIN - 1.0).max(least);
                frame.show(ui, |ui| {
                    ui.set_width(width);
                    ui.vertical(|ui| {
                        cell::tighten(ui, SPACING);
                        self.show_instrument(ui, controls, (view, instance), slot);
                    });
                });
            });
        });
    }

    /// A slot's number, what sits there, and where it goes.
    fn show_slot(&mut self, ui: &mut Ui, (view, instance): (&View, &Instance), slot: usize, now: usize) {
        ui.horizontal(|ui| {
            let number = (slot + 1).to_string();
            let said = format!("Instrument slot {number}");
            let button = cell::button(ui, slot == now, (&number, NUMBER), theme::ACCENT, &said);
            if button.clicked() {
                self.open(slot);
            }
            button.on_hover_text(format!("{said}: played by MIDI channel {number} in Multi mode"));
            if show_machines(ui, (view, instance), slot) {
                self.open(slot);
            }
            show_buses(ui, (view, instance), slot);
        });
    }

    fn show_instrument(
        &self,
        ui: &mut Ui,
        controls: &Controls<'_>,
        (view, instance): (&View, &Instance),
        slot: usize,
    ) {
        let say = |ui: &mut Ui, text: &str| {
            cell::text(ui, text, ui.available_width(), Align2::LEFT_CENTER);
        };
        let Some(instrument) = instrument_in(view, slot) else {
            say(ui, &format!("Slot {} is empty: MIDI channel {} plays the song.", slot + 1, slot + 1));
            return;
        };
        show_head(ui, instance, instrument);
        let Some(kind) = instrument.kind() else {
            say(ui, "This version does not know it: it is kept, and silent.");
            return;
        };
        self.show_controls(ui, (controls, instance), (instrument, kind));
        ui.add_space(GAP);
        say(ui, "Song channels whose notes it plays:");
        show_channels(ui, (view, instance), slot);
        ui.add_space(GAP);
        say(ui, "In Multi mode MIDI channel n plays slot n. With MPE on, all channels play slot 1.");
    }

    fn show_controls(
        &self,
        ui: &mut Ui,
        (controls, instance): (&Controls<'_>, &Instance),
        (instrument, kind): (&InstrumentSlot, InstrumentKind),
    ) {
        let slot = instrument.slot;
        let gaps = (COLUMNS - 1) as f32 * GAP;
        let width = (ui.available_width() - gaps) / COLUMNS as f32;
        ui.horizontal_top(|ui| {
            ui.spacing_mut().item_spacing.x = GAP;
            for (column, parameters) in kind.parameters().chunks(ROWS).enumerate() {
                ui.vertical(|ui| {
                    cell::tighten(ui, SPACING);
                    for (row, parameter) in parameters.iter().enumerate() {
                        let control = column * ROWS + row;
                        let set = |value| edit(instance, InstrumentEdit::Control(slot, control, value));
                        let macros = self.macros.get(slot).and_then(|macros| macros.get(control));
                        let way = match macros {
                            Some(index) => Way::Macro(controls, *index),
                            None => Way::Edit(instrument.controls.get(parameter), &set),
                        };
                        let name = format!("Instrument {} {}", slot + 1, parameter.label);
                        Knob { parameter, name, way }.show(ui, width);
                    }
                });
            }
        });
    }
}

fn instrument_in(view: &View, slot: usize) -> Option<&InstrumentSlot> {
    view.instruments.iter().find(|instrument| instrument.slot == slot)
}

/// What an instrument is called; one that this version does not know as its rack calls it.
fn label(instrument: &InstrumentSlot) -> &str {
    instrument.kind().map_or(instrument.machine.as_str(), |kind| kind.label())
}

fn edit(instance: &Instance, edit: InstrumentEdit) {
    instance.edit_later(Edit::Instrument(edit));
}

/// A list of instruments; returns whether one was chosen.
fn show_machines(ui: &mut Ui, (view, instance): (&View, &Instance), slot: usize) -> bool {
    let sits = instrument_in(view, slot);
    let known = sits.and_then(InstrumentSlot::kind);
    let mut texts = vec!["–"];
    texts.extend(InstrumentKind::ALL.iter().map(|kind| kind.label()));
    // One that nobody knows is there, and no choice of another slot.
    texts.extend(sits.filter(|_| known.is_none()).map(label));
    let now = match (sits, known) {
        (None, _) => 0,
        (Some(_), Some(kind)) => InstrumentKind::ALL.iter().position(|other| *other == kind).unwrap_or(0) + 1,
        (Some(_), None) => texts.len() - 1,
    };
    let said = format!("Instrument {}: which one", slot + 1);
    let Some(chosen) = cell::menu(ui, MACHINE, now, &texts, &said) else { return false };
    let kind = chosen.checked_sub(1).and_then(|chosen| InstrumentKind::ALL.get(chosen));
    edit(instance, InstrumentEdit::Choose(slot, kind.copied()));
    kind.is_some()
}

/// The bus of a slot.
fn show_buses(ui: &mut Ui, (view, instance): (&View, &Instance), slot: usize) {
    let buses = (0..BUSES).map(|bus| view.routing.bus_name(bus));
    let mut texts: Vec<_> = std::iter::once("no bus".to_owned()).chain(buses).collect();
    let route = view.routing.keyboard.get(slot);
    texts.push("space".to_owned());
    let in_space = route.is_some_and(|route| route.space.is_some());
    let bus = route.and_then(|route| route.bus).map_or(0, |bus| bus + 1);
    let now = if in_space { texts.len() - 1 } else { bus };
    let said = format!("Instrument {}: bus", slot + 1);
    if let Some(chosen) = cell::menu(ui, BUS, now, &texts, &said) {
        instance.edit_later(Edit::Routing(Box::new(move |routing| {
            let Some(route) = routing.keyboard.get_mut(slot) else { return };
            route.space = (chosen > BUSES).then(NoteSpace::default);
            if chosen <= BUSES {
                route.bus = chosen.checked_sub(1);
            }
        })));
    }
}

/// What it is, defaults, and away with it.
fn show_head(ui: &mut Ui, instance: &Instance, instrument: &InstrumentSlot) {
    let slot = instrument.slot;
    ui.horizontal(|ui| {
        let title = format!("Slot {}  {}", slot + 1, label(instrument));
        let buttons = 2.0 * (50.0 + ui.spacing().item_spacing.x);
        let width = (ui.available_width() - buttons).max(0.0);
        cell::coloured_text(ui, (&title, theme::ACCENT), width, Align2::LEFT_CENTER);
        let said = format!("Instrument {}: all controls to their defaults", slot + 1);
        if cell::button(ui, false, ("Reset", 50.0), theme::ACCENT, &said).on_hover_text(&said).clicked() {
            edit(instance, InstrumentEdit::Reset(slot));
        }
        let said = format!("Instrument {}: remove", slot + 1);
        if cell::button(ui, false, ("Remove", 50.0), theme::ACCENT, &said).on_hover_text(&said).clicked() {
            edit(instance, InstrumentEdit::Choose(slot, None));
        }
    });
}

/// The song's channels, and beyond them those that are set.
fn show_channels(ui: &mut Ui, (view, instance): (&View, &Instance), slot: usize) {
    let set = view.instruments.iter().flat_map(|instrument| &instrument.channels).map(|channel| channel + 1);
    let count = set.chain([view.channels]).max().unwrap_or(0).min(SONG_CHANNELS);
    for row in (0..count).step_by(IN_A_ROW) {
        ui.horizontal(|ui| {
            for channel in row..(row + IN_A_ROW).min(count) {
                show_channel(ui, (view, instance), slot, channel);
            }
        });
    }
}

fn show_channel(ui: &mut Ui, (view, instance): (&View, &Instance), slot: usize, channel: usize) {
    let plays = |instrument: &&InstrumentSlot| instrument.channels.contains(&channel);
    let by = view.instruments.iter().find(plays).map(|instrument| instrument.slot);
    let (on, said) = (by == Some(slot), format!("Song channel {} plays slot {}", channel + 1, slot + 1));
    let button = cell::button(ui, on, (&(channel + 1).to_string(), CHANNEL), theme::ACCENT, &said);
    if button.clicked() {
        edit(instance, InstrumentEdit::HandOver { slot, channel });
    }
    button.on_hover_text(match by.filter(|other| *other != slot) {
        Some(other) => format!("{said}; now it plays slot {}", other + 1),
        None => format!("{said} instead of its own samples"),
    });
}
