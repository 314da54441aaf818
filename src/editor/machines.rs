//! The machines page: the insert slots of a strip side by side, with every control of what sits there.
//!
//! Out: the first eight controls of a machine as gestures of the slot's macros, all else as edits that the worker takes. A machine
//! that is dragged onto another slot, or onto a strip, changes places with what is there.

use super::Controls;
use super::cell;
use super::dialog::Ask;
use super::dialog::Dialog;
use super::dialog::Kinds;
use super::knob::Knob;
use super::knob::Way;
use super::theme;
use crate::engine::ParameterSpec;
use crate::engine::Target;
use crate::machine::MachineKind;
use crate::mixer::INSERTS;
use crate::mixer::MACROS;
use crate::mixer::STRIPS;
use crate::mixer::strip_name;
use crate::plugin::Edit;
use crate::plugin::Instance;
use crate::plugin::MachineEdit;
use crate::plugin::Onto;
use crate::plugin::Place;
use crate::plugin::View;
use crate::rack::InsertSlot;
use crate::rt::Meter;
use egui::Align2;
use egui::CursorIcon;
use egui::Response;
use egui::RichText;
use egui::Role;
use egui::Sense;
use egui::Stroke;
use egui::StrokeKind;
use egui::TextStyle;
use egui::Ui;
use egui::WidgetInfo;
use egui::vec2;
use std::sync::Arc;

/// Width of a slot at least, its frame's margin, its height at least, and between two of them.
const SLOT: f32 = 236.0;
const MARGIN: f32 = 6.0;
const HEIGHT: f32 = 150.0;
const GAP: f32 = 4.0;
/// Width of a strip's button.
const STRIP: f32 = 60.0;
/// Between the rows.
const SPACING: f32 = 3.0;
/// What the reading of a reduction takes beside its bar.
const READING: f32 = 104.0;
/// Reduction that fills its bar, and how fast it goes back.
const REDUCTION_RANGE_DB: f32 = 24.0;
const RECOVERY_DB_PER_S: f32 = 24.0;
/// What impulse responses are read from.
const IMPULSES: Kinds = &[("Sound files", &["wav", "aif", "aiff", "flac"])];

/// The parameters of a slot.
#[derive(Clone, Copy, Default)]
struct Slot {
    bypass: Option<usize>,
    macros: [Option<usize>; MACROS],
}

/// The page, and which strip it is about.
pub(super) struct Machines {
    slots: Vec<[Slot; INSERTS]>,
    /// `None` until it is shown: then the first one that has machines.
    strip: Option<usize>,
    dialog: Dialog,
    /// Shown reduction of each slot, in dB.
    taken_db: [f32; INSERTS],
    /// What the meter has kept since it was last asked is from when another strip was shown.
    stale: bool,
}

impl Machines {
    pub(super) fn new(table: &[ParameterSpec]) -> Self {
        let mut slots = vec![[Slot::default(); INSERTS]; STRIPS];
        for (index, spec) in table.iter().enumerate() {
            // The table has no strips and slots but those.
            match spec.target {
                Target::InsertBypass { strip, slot } => slots[strip][slot].bypass = Some(index),
                Target::InsertMacro { strip, slot, control } => {
                    slots[strip][slot].macros[control] = Some(index)
                }
                _ => {}
            }
        }
        Machines { slots, strip: None, dialog: Dialog::default(), taken_db: [0.0; INSERTS], stale: true }
    }

    /// Brings a strip's slots to the front.
    pub(super) fn open(&mut self, strip: usize) {
        if self.strip != Some(strip) {
            (self.strip, self.taken_db, self.stale) = (Some(strip), [0.0; INSERTS], true);
        }
    }

    /// Returns whether any meter moves.
    pub(super) fn show(
        &mut self,
        ui: &mut Ui,
        controls: &Controls<'_>,
        view: &View,
        instance: &Arc<Instance>,
    ) -> bool {
        cell::tighten(ui, SPACING);
        let first = view.inserts.iter().map(|insert| insert.strip).min().unwrap_or(0);
        let strip = *self.strip.get_or_insert(first);
        let meter = view.control.as_deref().and_then(|control| control.meters().get(strip));
        let moves = self.follow(meter, ui.input(|input| input.stable_dt));
        self.show_strips(ui, (view, instance), strip);
        ui.add_space(GAP);
        egui::ScrollArea::both().id_salt("machines").auto_shrink([false, false]).show(ui, |ui| {
            let gaps = (INSERTS - 1) as f32 * GAP;
            let width = ((ui.available_width() - gaps) / INSERTS as f32).max(SLOT) - 2.0 * MARGIN;
            ui.horizontal_top(|ui| {
                ui.spacing_mut().item_spacing.x = GAP;
                for slot in 0..INSERTS {
                    self.show_slot(ui, (controls, view, instance), (strip, slot), width);
                }
            });
        });
        moves
    }

    fn follow(&mut self, meter: Option<&Meter>, seconds: f32) -> bool {
        let stale = std::mem::replace(&mut self.stale, false);
        for (slot, shown) in self.taken_db.iter_mut().enumerate() {
            let new = meter.map_or(0.0, |meter| meter.take_stage_reduction(slot).0);
            let new = if stale { 0.0 } else { new };
            *shown = (*shown - RECOVERY_DB_PER_S * seconds).max(new);
        }
        self.taken_db.iter().any(|taken| *taken > 0.0)
    }

    /// All strips; those that have machines are marked.
    fn show_strips(&mut self, ui: &mut Ui, (view, instance): (&View, &Instance), now: usize) {
        ui.horizontal_wrapped(|ui| {
            for strip in 0..STRIPS {
                let count = view.inserts.iter().filter(|insert| insert.strip == strip).count();
                let name = view.routing.bus_name(strip);
                let text = if count > 0 { format!("{name} ·{count}") } else { name };
                let said = format!("Machines of {}", strip_name(strip));
                let button = cell::button(ui, strip == now, (&text, STRIP), theme::ACCENT, &said);
                if button.clicked() {
                    self.open(strip);
                }
                drop_here(ui, &button, instance, |from| (strip, from.1));
                button.on_hover_text(said);
            }
        });
    }

    fn show_slot(
        &self,
        ui: &mut Ui,
        (controls, view, instance): (&Controls<'_>, &View, &Arc<Instance>),
        place: Place,
        width: f32,
    ) {
        let frame = egui::Frame::new().fill(theme::PANEL).corner_radius(4).inner_margin(MARGIN);
        let shown = frame.show(ui, |ui| {
            ui.set_width(width);
            ui.set_min_height(HEIGHT);
            cell::tighten(ui, SPACING);
            ui.vertical(|ui| {
                let insert = machine_in(view, place);
                show_head(ui, view, instance, place);
                let Some(insert) = insert else {
                    cell::text(ui, "Empty: choose a machine, or drag one here.", width, Align2::LEFT_CENTER);
                    return;
                };
                let parameters = self.slots[place.0][place.1]; // both are of the table
                show_actions(ui, controls, (view, instance), (place, parameters));
                let Some(kind) = insert.kind() else {
                    cell::text(
                        ui,
                        "This version does not know it: it is kept, and silent.",
                        width,
                        Align2::LEFT_CENTER,
                    );
                    return;
                };
                if kind.takes_impulse() {
                    self.show_impulse(ui, instance, insert);
                }
                if kind.tells_reduction() {
                    show_reduction(ui, place, self.taken_db[place.1], width);
                }
                for (control, parameter) in kind.parameters().iter().enumerate() {
                    let set = |value| edit(instance, MachineEdit::Control(place, control, value));
                    let way = match parameters.macros.get(control) {
                        Some(index) => Way::Macro(controls, *index),
                        None => Way::Edit(insert.controls.get(parameter), &set),
                    };
                    let name = format!("{} {}", slot_name(place), parameter.label);
                    Knob { parameter, name, way }.show(ui, width);
                }
            });
        });
        drop_here(ui, &shown.response, instance, |_| place);
    }

    /// A convolution's response.
    fn show_impulse(&self, ui: &mut Ui, instance: &Arc<Instance>, insert: &InsertSlot) {
        let place = (insert.strip, insert.slot);
        ui.horizontal(|ui| {
            let load = format!("{}: load an impulse response", slot_name(place));
            let button = cell::button(ui, self.dialog.is_open(), ("Load…", 44.0), theme::ACCENT, &load);
            if button.clicked() && !self.dialog.is_open() {
                let title = "Open an impulse response".to_owned();
                let ask = Ask { title, kinds: IMPULSES, ..Ask::default() };
                self.dialog.open(ui.ctx(), ask, (instance, Onto::Impulse(place)));
            }
            button.on_hover_text("WAV, AIFF or FLAC of 1, 2 or 4 channels; it is saved with the rack");
            if insert.impulse.is_some() {
                let hall = format!("{}: its own hall again", slot_name(place));
                if cell::button(ui, false, ("Hall", 34.0), theme::ACCENT, &hall).clicked() {
                    edit(instance, MachineEdit::Hall(place));
                }
            }
            let file = insert.impulse.as_ref().map_or("its own hall", |file| &file.name);
            cell::text(ui, file, ui.available_width(), Align2::LEFT_CENTER);
        });
    }
}

/// What sits in a slot.
pub(super) fn machine_in(view: &View, (strip, slot): Place) -> Option<&InsertSlot> {
    view.inserts.iter().find(|insert| (insert.strip, insert.slot) == (strip, slot))
}

/// What a machine is called; one that this version does not know as its rack calls it.
pub(super) fn machine_name(insert: &InsertSlot) -> &str {
    insert.kind().map_or(insert.machine.as_str(), |kind| kind.label())
}

pub(super) fn slot_name((strip, slot): Place) -> String {
    format!("{} Insert {}", strip_name(strip), slot + 1)
}

fn edit(instance: &Instance, edit: MachineEdit) {
    instance.edit_later(Edit::Machine(edit));
}

/// Lets a machine that is dragged here change places with what is at `to`.
fn drop_here(ui: &Ui, response: &Response, instance: &Instance, to: impl Fn(Place) -> Place) {
    if response.dnd_hover_payload::<Place>().is_some() {
        let stroke = Stroke::new(1.0, theme::ACCENT);
        ui.painter().rect_stroke(response.rect, 4.0, stroke, StrokeKind::Inside);
    }
    if let Some(from) = response.dnd_release_payload::<Place>() {
        let to = to(*from);
        if to != *from {
            edit(instance, MachineEdit::Swap(*from, to));
        }
    }
}

/// What sits there, to be dragged and to be chosen.
fn show_head(ui: &mut Ui, view: &View, instance: &Instance, place: Place) {
    let insert = machine_in(view, place);
    ui.horizontal(|ui| {
        show_grip(ui, place, insert.is_some());
        let text = insert.map_or("–", machine_name);
        let said = format!("{}: machine", slot_name(place));
        let colour = if insert.is_some() { theme::ACCENT } else { theme::FAINT };
        let button = cell::coloured_button(ui, (text, colour), ui.available_width(), &said);
        cell::show_menu(&button, |ui| show_menu(ui, instance, place, insert));
        button.on_hover_text("Choose a machine");
    });
}

/// The slot's number, by which its machine is dragged.
fn show_grip(ui: &mut Ui, place: Place, sits: bool) {
    // The keys have the arrows and the list of strips for it.
    let sense = if sits { Sense::DRAG } else { Sense::hover() };
    let (rect, response) = ui.allocate_exact_size(vec2(44.0, cell::HEIGHT), sense);
    let text = format!("Slot {}", place.1 + 1);
    let enabled = ui.is_enabled();
    response.widget_info(|| WidgetInfo::labeled(Role::Label, enabled, &text));
    let colour = if sits && response.hovered() { theme::TEXT } else { theme::FAINT };
    let font = TextStyle::Small.resolve(ui.style());
    ui.painter().text(rect.left_center(), Align2::LEFT_CENTER, text, font, colour);
    if sits {
        response.dnd_set_drag_payload(place);
        let hint = "Drag it onto another slot or strip: what is there comes here";
        response.on_hover_cursor(CursorIcon::Grab).on_hover_text(hint);
    }
}

/// Machines by what they are for.
const GROUPS: [&str; 5] = ["Rooms", "Echoes and motion", "Filters", "Dynamics", "Dirt"];

fn group(kind: MachineKind) -> &'static str {
    use MachineKind::*;
    match kind {
        Reverb | Plate | Fdn | Convolution => "Rooms",
        Delay | Chorus | Flanger | Phaser => "Echoes and motion",
        Ladder | Equaliser => "Filters",
        Compressor | Gate => "Dynamics",
        Crusher | Distortion => "Dirt",
        // A rack puts it there and names its file; here it would have none.
        Program => "",
    }
}

fn show_menu(ui: &mut Ui, instance: &Instance, place: Place, insert: Option<&InsertSlot>) {
    let now = insert.and_then(InsertSlot::kind);
    ui.horizontal_top(|ui| {
        for title in GROUPS {
            ui.vertical(|ui| {
                ui.label(RichText::new(title).small().color(theme::FAINT));
                for kind in MachineKind::ALL.iter().copied().filter(|kind| group(*kind) == title) {
                    if cell::option(ui, now == Some(kind), kind.label()).clicked() {
                        ui.close();
                        if now != Some(kind) {
                            edit(instance, MachineEdit::Choose(place, Some(kind)));
                        }
                    }
                }
            });
        }
    });
}

/// Bypass, defaults, other places, and away with it.
fn show_actions(
    ui: &mut Ui,
    controls: &Controls<'_>,
    (view, instance): (&View, &Instance),
    (place, parameters): (Place, Slot),
) {
    let (strip, slot) = place;
    let name = slot_name(place);
    let swap = |other| edit(instance, MachineEdit::Swap(place, other));
    ui.horizontal(|ui| {
        cell::switch(ui, controls, parameters.bypass, ("Bypass", 44.0), theme::WARNING);
        if action(ui, ("Reset", 36.0), &format!("{name}: all controls to their defaults")) {
            edit(instance, MachineEdit::Reset(place));
        }
        ui.add_enabled_ui(slot > 0, |ui| {
            if action(ui, ("<", 18.0), &format!("{name}: one slot earlier")) {
                swap((strip, slot - 1)); // it cannot be clicked in the first one
            }
        });
        ui.add_enabled_ui(slot + 1 < INSERTS, |ui| {
            if action(ui, (">", 18.0), &format!("{name}: one slot later")) {
                swap((strip, slot + 1));
            }
        });
        let strips = (0..STRIPS).map(|to| match machine_in(view, (to, slot)) {
            Some(insert) if to != strip => {
                format!("{} ({})", view.routing.bus_name(to), machine_name(insert))
            }
            _ => view.routing.bus_name(to),
        });
        let strips: Vec<_> = strips.collect();
        let said = format!("{name}: change places with the same slot of another strip");
        if let Some(to) = cell::menu(ui, 48.0, strip, &strips, &said) {
            swap((to, slot));
        }
        if action(ui, ("Remove", 44.0), &format!("{name}: remove")) {
            edit(instance, MachineEdit::Choose(place, None));
        }
    });
}

fn action(ui: &mut Ui, text: (&str, f32), said: &str) -> bool {
    let button = cell::button(ui, false, text, theme::ACCENT, said);
    let clicked = button.clicked();
    button.on_hover_text(said);
    clicked
}

/// How many dB the machine takes away.
fn show_reduction(ui: &mut Ui, place: Place, taken_db: f32, width: f32) {
    let (rect, response) = ui.allocate_exact_size(vec2(width, cell::HEIGHT), Sense::hover());
    let text = format!("-{taken_db:.1} dB");
    let enabled = ui.is_enabled();
    response.widget_info(|| {
        WidgetInfo::labeled(Role::Label, enabled, format!("{}: reduction {text}", slot_name(place)))
    });
    ui.painter().rect_filled(rect, 2.0, theme::WELL);
    let way = rect.with_min_x(rect.left() + READING);
    let share = (taken_db / REDUCTION_RANGE_DB).clamp(0.0, 1.0);
    ui.painter().rect_filled(way.with_min_x(way.right() - share * way.width()), 2.0, theme::REDUCTION);
    let (font, inner) = (TextStyle::Small.resolve(ui.style()), rect.shrink2(vec2(4.0, 0.0)));
    let painter = ui.painter_at(rect);
    painter.text(inner.left_center(), Align2::LEFT_CENTER, format!("Reduction {text}"), font, theme::TEXT);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_machine_belongs_to_a_group_of_the_menu() {
        for kind in MachineKind::ALL.iter().filter(|kind| **kind != MachineKind::Program) {
            assert!(GROUPS.contains(&group(*kind)), "{}", kind.label());
        }
    }
}
