//! A strip of the mixer: a bus, a return or the master.

use super::Controls;
use super::cell;
use super::controls::find;
use super::fader;
use super::loudness;
use super::machines::machine_in;
use super::machines::machine_name;
use super::machines::slot_name;
use super::meter::Shown;
use super::recorder;
use super::routes::Routes;
use super::routes::way_name;
use super::theme;
use crate::engine::Control;
use crate::engine::ParameterSpec;
use crate::engine::Target;
use crate::mixer::BUSES;
use crate::mixer::INSERTS;
use crate::mixer::MASTER;
use crate::mixer::RETURNS;
use crate::mixer::Routing;
use crate::mixer::TapSource;
use crate::mixer::strip_name;
use crate::plugin::Instance;
use crate::plugin::Place;
use crate::plugin::View;
use egui::Align2;
use egui::RichText;
use egui::Ui;

/// Width of a strip without its frame, and of the frame's margin.
pub(super) const WIDTH: f32 = 54.0;
pub(super) const MARGIN: f32 = 4.0;
/// Height of a strip without its fader: the name, fifteen rows of small controls and the frame.
pub(super) const ROWS: f32 = 16.0 + 15.0 * (cell::HEIGHT + SPACING) + SPACING + 2.0 * MARGIN;
/// Between the rows.
const SPACING: f32 = 3.0;

/// A strip's parameters, where it has them, and its meter.
pub(super) struct Strip {
    /// Among the engine's strips.
    number: usize,
    gain: Option<usize>,
    mute: Option<usize>,
    solo: Option<usize>,
    pan: Option<usize>,
    /// Level, and whether it is taken before the gain.
    sends: [(Option<usize>, Option<usize>); RETURNS],
    soft_clip: Option<usize>,
    limiter: Option<usize>,
    ceiling: Option<usize>,
    duck: Option<usize>,
    /// Bypasses of the insert slots.
    bypasses: [Option<usize>; INSERTS],
    meter: Shown,
}

impl Strip {
    pub(super) fn new(table: &[ParameterSpec], number: usize) -> Self {
        let find = |target| find(table, target);
        let send = |send| {
            let strip = number;
            (find(Target::SendLevel { strip, send }), find(Target::SendPre { strip, send }))
        };
        Strip {
            number,
            gain: find(Target::StripGain(number)),
            mute: find(Target::StripMute(number)),
            solo: find(Target::StripSolo(number)),
            pan: find(Target::StripPan(number)),
            sends: std::array::from_fn(send),
            soft_clip: find(Target::SoftClip(number)),
            limiter: find(Target::Limiter(number)),
            ceiling: find(Target::MasterCeiling).filter(|_| number == MASTER),
            duck: find(Target::DuckAmount(number)),
            bypasses: std::array::from_fn(|slot| find(Target::InsertBypass { strip: number, slot })),
            meter: Shown::default(),
        }
    }

    /// Reads the engine's meter; returns whether it shows anything.
    pub(super) fn follow(&mut self, control: Option<&Control>, seconds: f32) -> bool {
        self.meter.follow(control.and_then(|control| control.meters().get(self.number)), seconds)
    }

    /// Shows it with a fader of this height; returns the insert slot that is clicked.
    pub(super) fn show(
        &mut self,
        ui: &mut Ui,
        controls: &Controls<'_>,
        (view, instance, routes): (&View, &Instance, &mut Routes),
        fader: f32,
    ) -> Option<Place> {
        let frame = egui::Frame::new().fill(theme::PANEL).corner_radius(4).inner_margin(MARGIN);
        let shown = frame.show(ui, |ui| {
            ui.set_width(WIDTH);
            cell::tighten(ui, SPACING);
            let shown = ui.vertical_centered(|ui| {
                self.show_head(ui, &view.routing, routes);
                let opened = self.show_slots(ui, controls, view);
                // What leaves a mono master meets nothing wider.
                let mono =
                    self.number == MASTER && view.routing.strip_channels(&view.layout, self.number) == 1;
                self.show_rows(ui, controls, (view.control.as_deref(), mono), fader);
                self.show_switches(ui, controls, view, instance);
                opened
            });
            shown.inner
        });
        shown.inner
    }

    /// The insert slots, lit where a machine works; returns the one that is clicked.
    fn show_slots(&self, ui: &mut Ui, controls: &Controls<'_>, view: &View) -> Option<Place> {
        let mut opened = None;
        for (slot, bypass) in self.bypasses.iter().enumerate() {
            let place = (self.number, slot);
            let insert = machine_in(view, place);
            let bypassed = bypass.is_some_and(|bypass| controls.is_on(bypass));
            let works = !bypassed && insert.is_some_and(|insert| insert.kind().is_some());
            let text = insert.map_or("–", machine_name);
            let state = if insert.is_some() && bypassed { ", bypassed" } else { "" };
            let said = format!("{}: {text}{state}", slot_name(place));
            let button = cell::button(ui, works, (text, WIDTH), theme::METER_LOW, &said);
            if button.clicked() {
                opened = Some(place);
            }
            button.on_hover_text(said);
        }
        opened
    }

    /// The name, and where it goes; a click there opens its routes.
    fn show_head(&self, ui: &mut Ui, routing: &Routing, routes: &mut Routes) {
        let colour = if self.number >= BUSES { theme::ACCENT } else { theme::TEXT };
        let name = RichText::new(routing.bus_name(self.number)).small().strong().color(colour);
        ui.add(egui::Label::new(name).truncate());
        let Some(bus) = routing.buses.get(self.number) else {
            let to = if self.number == MASTER { "Out 1" } else { "Master" };
            cell::text(ui, &format!("to {to}"), WIDTH, Align2::CENTER_CENTER);
            return;
        };
        let ways: Vec<_> = bus.to.iter().map(|way| way_name(way.to, routing)).collect();
        let text = match ways.as_slice() {
            [] => "nowhere".to_owned(),
            [way] => format!("to {way}"),
            [way, others @ ..] => format!("{way} +{}", others.len()),
        };
        let chosen = routes.is_chosen(self.number);
        let said = format!("{} goes to {}", strip_name(self.number), ways.join(" and "));
        let button = cell::button(ui, chosen, (&text, WIDTH), theme::ACCENT, &said);
        if button.clicked() {
            routes.toggle(self.number);
        }
        button.on_hover_text(said);
    }

    fn show_rows(
        &mut self,
        ui: &mut Ui,
        controls: &Controls<'_>,
        (control, mono): (Option<&Control>, bool),
        fader: f32,
    ) {
        if self.number == MASTER {
            loudness::show(ui, control, WIDTH);
            cell::labelled_bar(ui, controls, self.ceiling, WIDTH, "C");
        } else {
            self.show_sends(ui, controls);
            cell::labelled_bar(ui, controls, self.duck, WIDTH, "Duck");
        }
        match mono {
            true => cell::text(ui, "mono", WIDTH, Align2::CENTER_CENTER),
            false => cell::bar(ui, controls, self.pan, WIDTH),
        }
        let half = (WIDTH - 2.0) / 2.0;
        ui.horizontal(|ui| {
            cell::switch(ui, controls, self.soft_clip, ("Soft", half), theme::REDUCTION);
            cell::switch(ui, controls, self.limiter, ("Limit", half), theme::REDUCTION);
        });
        self.meter.show_highest(ui, WIDTH, &strip_name(self.number));
        fader::show(ui, controls, self.gain, &self.meter, fader);
        cell::bar(ui, controls, self.gain, WIDTH);
    }

    fn show_switches(&self, ui: &mut Ui, controls: &Controls<'_>, view: &View, instance: &Instance) {
        let third = (WIDTH - 4.0) / 3.0;
        ui.horizontal(|ui| {
            cell::switch(ui, controls, self.mute, ("M", third), theme::WARNING);
            cell::switch(ui, controls, self.solo, ("S", third), theme::SOLO);
            recorder::show_arm(ui, view, instance, (TapSource::Strip(self.number), third));
        });
    }

    fn show_sends(&self, ui: &mut Ui, controls: &Controls<'_>) {
        for (send, (level, pre)) in self.sends.iter().enumerate() {
            ui.horizontal(|ui| {
                let name = if send == 0 { "Send A" } else { "Send B" };
                let shown = if level.is_some() { name } else { "" };
                cell::text(ui, shown, WIDTH - 20.0, Align2::LEFT_CENTER);
                cell::switch(ui, controls, *pre, ("pre", 18.0), theme::ACCENT);
            });
            cell::bar(ui, controls, *level, WIDTH);
        }
    }
}
