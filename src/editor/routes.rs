//! The routes of the chosen bus in a line of their own: its name, where it goes, and what ducks it.
//!
//! Out: edits that the worker takes. A routing that cannot run is refused there, in words that the page's foot shows.

use super::Controls;
use super::cell;
use super::controls::find;
use super::theme;
use crate::engine::ParameterSpec;
use crate::engine::Target;
use crate::mixer::BUSES;
use crate::mixer::Bus;
use crate::mixer::Layout;
use crate::mixer::Route;
use crate::mixer::Routing;
use crate::mixer::SideSource;
use crate::mixer::strip_name;
use crate::plugin::Edit;
use crate::plugin::Instance;
use crate::plugin::View;
use egui::RichText;
use egui::TextEdit;
use egui::Ui;

/// Width of a list and of a value.
const LIST: f32 = 78.0;
const VALUE: f32 = 96.0;

/// The line, and which bus it is about.
pub(super) struct Routes {
    chosen: Option<usize>,
    /// A name while it is typed.
    typed: Option<String>,
    /// Threshold, attack and release of each bus's duck.
    ducks: Vec<[Option<usize>; 3]>,
}

impl Routes {
    pub(super) fn new(table: &[ParameterSpec]) -> Self {
        let duck = |bus| {
            [Target::DuckThreshold(bus), Target::DuckAttack(bus), Target::DuckRelease(bus)]
                .map(|target| find(table, target))
        };
        Routes { chosen: None, typed: None, ducks: (0..BUSES).map(duck).collect() }
    }

    pub(super) fn is_chosen(&self, bus: usize) -> bool {
        self.chosen == Some(bus)
    }

    /// Opens the line for a bus, or closes it.
    pub(super) fn toggle(&mut self, bus: usize) {
        self.chosen = (self.chosen != Some(bus)).then_some(bus);
        self.typed = None;
    }

    pub(super) fn show(&mut self, ui: &mut Ui, controls: &Controls<'_>, view: &View, instance: &Instance) {
        let Some((bus, routes)) = self.chosen.and_then(|bus| Some((bus, view.routing.buses.get(bus)?)))
        else {
            return;
        };
        let frame = egui::Frame::new().fill(theme::PANEL).corner_radius(4).inner_margin(6);
        frame.show(ui, |ui| {
            ui.horizontal_wrapped(|ui| {
                ui.label(RichText::new(format!("Bus {}", bus + 1)).strong().color(theme::ACCENT));
                self.show_name(ui, view, instance, bus);
                show_ways(ui, view, instance, (bus, routes));
                ui.separator();
                show_side(ui, view, instance, (bus, routes));
                let [threshold, attack, release] = self.ducks[bus]; // `routing.buses` has no more
                cell::labelled_bar(ui, controls, threshold, VALUE, "Over");
                cell::labelled_bar(ui, controls, attack, VALUE, "Attack");
                cell::labelled_bar(ui, controls, release, VALUE, "Release");
                if ui.button("Close").clicked() {
                    self.chosen = None;
                }
            });
        });
    }

    fn show_name(&mut self, ui: &mut Ui, view: &View, instance: &Instance, bus: usize) {
        let mut name = self.typed.clone().unwrap_or_else(|| view.routing.bus_name(bus));
        let field = ui.add(TextEdit::singleline(&mut name).desired_width(110.0).char_limit(32));
        let field = field.accessible_name(format!("Name of {}", strip_name(bus)));
        if field.has_focus() {
            self.typed = Some(name);
        } else if let Some(name) = self.typed.take() {
            let name = name.trim().to_owned();
            edit(instance, bus, move |bus| bus.name = name);
        }
    }
}

/// To the master, another bus and an output of the host.
fn show_ways(ui: &mut Ui, view: &View, instance: &Instance, (bus, routes): (usize, &Bus)) {
    label(ui, "goes to");
    let to_master = routes.to.iter().any(|way| way.to == Route::Master);
    if cell::button(ui, to_master, ("Master", 50.0), theme::ACCENT, "To the master").clicked() {
        edit(instance, bus, |bus| {
            let goes = bus.to.iter().any(|way| is_master(way.to));
            set_way(bus, is_master, (!goes).then_some(Route::Master));
        });
    }
    label(ui, "and");
    let buses = choices((0..BUSES).filter(|to| *to != bus).map(Route::Bus), view);
    choose(ui, ("to bus", bus), routes, is_bus, &buses, "no bus", |way| {
        edit(instance, bus, move |bus| set_way(bus, is_bus, way));
    });
    label(ui, "and");
    let outputs = choices((1..view.layout.outputs.len()).map(Route::Output), view);
    choose(ui, ("to output", bus), routes, is_output, &outputs, "no output", |way| {
        edit(instance, bus, move |bus| set_way(bus, is_output, way));
    });
}

fn show_side(ui: &mut Ui, view: &View, instance: &Instance, (bus, routes): (usize, &Bus)) {
    label(ui, "ducked by");
    let sides = sides(&view.layout, bus);
    let name = |side: &Option<SideSource>| match side {
        None => "nothing".to_owned(),
        Some(SideSource::Bus(bus)) => view.routing.bus_name(*bus),
        Some(SideSource::Input(input)) => format!("Input {}", input + 1),
        Some(SideSource::Sidechain) => "Sidechain".to_owned(),
    };
    let texts: Vec<_> = sides.iter().map(name).collect();
    let now = sides.iter().position(|side| *side == routes.side).unwrap_or(0);
    if let Some(chosen) =
        cell::list(ui, (("side", bus), &format!("What ducks {}", strip_name(bus))), LIST, now, &texts)
    {
        let side = sides.get(chosen).copied().flatten();
        edit(instance, bus, move |bus| bus.side = side);
    }
}

/// What can drive a bus's sidechain, and nothing.
fn sides(layout: &Layout, bus: usize) -> Vec<Option<SideSource>> {
    let buses = (0..BUSES).filter(|other| *other != bus).map(SideSource::Bus);
    let inputs = (0..layout.main_input + layout.sidechain).map(SideSource::Input);
    let sidechain = (layout.sidechain > 0).then_some(SideSource::Sidechain);
    std::iter::once(None).chain(buses.chain(inputs).chain(sidechain).map(Some)).collect()
}

fn is_master(way: Route) -> bool {
    way == Route::Master
}

fn is_bus(way: Route) -> bool {
    matches!(way, Route::Bus(_))
}

fn is_output(way: Route) -> bool {
    matches!(way, Route::Output(_))
}

/// Puts `way` in the place of the first of its kind; others of the kind stay.
fn set_way(bus: &mut Bus, kind: fn(Route) -> bool, way: Option<Route>) {
    let place = bus.to.iter().position(|connection| kind(connection.to));
    let twice = bus.to.iter().any(|connection| Some(connection.to) == way);
    match (place, way) {
        (Some(place), Some(way)) if !twice => bus.to[place].to = way,
        (Some(place), None) => drop(bus.to.remove(place)),
        (None, Some(way)) => bus.to.push(way.into()),
        (Some(_), Some(_)) | (None, None) => {}
    }
}

fn choices(ways: impl Iterator<Item = Route>, view: &View) -> Vec<(Route, String)> {
    ways.map(|way| (way, way_name(way, &view.routing))).collect()
}

/// A way as users see it.
pub(super) fn way_name(way: Route, routing: &Routing) -> String {
    match way {
        Route::Master => "Master".to_owned(),
        Route::Bus(bus) => routing.bus_name(bus),
        Route::Output(output) => format!("Out {}", output + 1),
    }
}

/// A list of ways of one kind, with none of them first.
fn choose(
    ui: &mut Ui,
    id: (&str, usize),
    routes: &Bus,
    kind: fn(Route) -> bool,
    ways: &[(Route, String)],
    none: &str,
    take: impl FnOnce(Option<Route>),
) {
    let now = routes.to.iter().map(|connection| connection.to).find(|way| kind(*way));
    let place = ways.iter().position(|(way, _)| Some(*way) == now).map_or(0, |place| place + 1);
    let texts: Vec<_> = std::iter::once(none).chain(ways.iter().map(|(_, name)| name.as_str())).collect();
    let name = format!("{} goes {}", strip_name(id.1), id.0);
    if let Some(chosen) = cell::list(ui, (id, &name), LIST, place, &texts) {
        take(chosen.checked_sub(1).and_then(|place| ways.get(place)).map(|(way, _)| *way));
    }
}

fn label(ui: &mut Ui, text: &str) {
    ui.label(RichText::new(text).small().color(theme::FAINT));
}

fn edit(instance: &Instance, bus: usize, change: impl FnOnce(&mut Bus) + Send + 'static) {
    instance.edit_later(Edit::Routing(Box::new(move |routing| {
        if let Some(bus) = routing.buses.get_mut(bus) {
            change(bus);
        }
    })));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_way_takes_the_place_of_its_kind_and_leaves_the_others() {
        let ways = |bus: &Bus| bus.to.iter().map(|connection| connection.to).collect::<Vec<_>>();
        let mut bus = Bus::default();
        set_way(&mut bus, is_output, Some(Route::Output(3)));
        set_way(&mut bus, is_bus, Some(Route::Bus(2)));
        set_way(&mut bus, is_output, Some(Route::Output(5)));
        assert_eq!(ways(&bus), [Route::Master, Route::Output(5), Route::Bus(2)]);
        set_way(&mut bus, is_master, None);
        set_way(&mut bus, is_output, Some(Route::Output(5)));
        assert_eq!(ways(&bus), [Route::Output(5), Route::Bus(2)]);
    }
}
