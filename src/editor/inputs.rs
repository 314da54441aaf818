//! The inputs page: their strips, the matrix to buses and outputs, the monitor mix, and what tells the wires apart.

use super::Controls;
use super::cell;
use super::controls::find;
use super::fader;
use super::meter::Shown;
use super::recorder;
use super::theme;
use crate::engine::Control;
use crate::engine::INPUTS;
use crate::engine::ParameterSpec;
use crate::engine::Target;
use crate::mixer::BUSES;
use crate::mixer::TapSource;
use crate::plugin::Instance;
use crate::plugin::View;
use egui::Align2;
use egui::RichText;
use egui::Ui;

/// Width of a strip and of a cell of the matrix.
const STRIP: f32 = 58.0;
const CELL: f32 = 56.0;
/// Width of the names of rows.
const NAME: f32 = 76.0;
/// The least and the greatest height of a fader.
const FADER: (f32, f32) = (36.0, 230.0);
/// Height of a strip without its fader, of two matrices without their inputs, and between them.
const STRIP_ROWS: f32 = 4.0 * (cell::HEIGHT + SPACING) + 40.0;
const MATRIX_ROWS: f32 = 3.0 * (cell::HEIGHT + SPACING) + 84.0;
/// Between the rows.
const SPACING: f32 = 2.0;

/// An input's parameters and its meter.
struct Input {
    trim: Option<usize>,
    mute: Option<usize>,
    solo: Option<usize>,
    pan: Option<usize>,
    monitor: Option<usize>,
    buses: Vec<Option<usize>>,
    outputs: Vec<Option<usize>>,
    meter: Shown,
}

/// Everything on the page.
pub(super) struct Inputs {
    inputs: Vec<Input>,
    /// Gain of each output.
    outputs: Vec<Option<usize>>,
    monitor_gain: Option<usize>,
    listen: Option<usize>,
    identify: Option<usize>,
}

impl Inputs {
    pub(super) fn new(table: &[ParameterSpec]) -> Self {
        let find = |target| find(table, target);
        let input = |input| Input {
            trim: find(Target::InputTrim(input)),
            mute: find(Target::InputMute(input)),
            solo: find(Target::InputSolo(input)),
            pan: find(Target::InputPan(input)),
            monitor: find(Target::InputMonitor(input)),
            buses: (0..BUSES).map(|bus| find(Target::InputToBus { input, bus })).collect(),
            outputs: (0..INPUTS).map(|output| find(Target::InputToOutput { input, output })).collect(),
            meter: Shown::default(),
        };
        Inputs {
            inputs: (0..INPUTS).map(input).collect(),
            outputs: (0..INPUTS).map(|output| find(Target::OutputGain(output))).collect(),
            monitor_gain: find(Target::MonitorGain),
            listen: find(Target::Listen),
            identify: find(Target::Identify),
        }
    }

    /// Returns whether any meter moves.
    pub(super) fn show(
        &mut self,
        ui: &mut Ui,
        controls: &Controls<'_>,
        view: &View,
        instance: &Instance,
    ) -> bool {
        let seconds = ui.input(|input| input.stable_dt);
        let mut moves = false;
        let meters = view.control.as_deref().map_or(&[][..], Control::input_meters);
        for (number, input) in self.inputs.iter_mut().enumerate() {
            moves |= input.meter.follow(meters.get(number), seconds);
        }
        let count = (view.layout.main_input + view.layout.sidechain).min(self.inputs.len());
        let tables = MATRIX_ROWS + 2.0 * count as f32 * (cell::HEIGHT + SPACING);
        let fader = (ui.available_height() - STRIP_ROWS - tables).clamp(FADER.0, FADER.1);
        egui::ScrollArea::both().id_salt("inputs").auto_shrink([false, false]).show(ui, |ui| {
            ui.horizontal_top(|ui| {
                self.show_strips(ui, controls, (view, instance), (count, fader));
                ui.add_space(8.0);
                self.show_monitor(ui, controls);
            });
            ui.add_space(6.0);
            self.show_buses(ui, controls, view, count);
            ui.add_space(6.0);
            self.show_outputs(
                ui,
                controls,
                count,
                view.layout.outputs.iter().sum::<usize>().min(self.outputs.len()),
            );
        });
        moves
    }

    fn show_strips(
        &mut self,
        ui: &mut Ui,
        controls: &Controls<'_>,
        (view, instance): (&View, &Instance),
        (count, fader): (usize, f32),
    ) {
        ui.spacing_mut().item_spacing.x = 3.0;
        for (number, input) in self.inputs.iter_mut().enumerate().take(count) {
            panel(ui, |ui| {
                ui.set_width(STRIP);
                ui.vertical_centered(|ui| {
                    input.show(ui, controls, (number, fader), |ui, width| {
                        recorder::show_arm(ui, view, instance, (TapSource::Input(number), width));
                    });
                });
            });
        }
    }

    fn show_monitor(&self, ui: &mut Ui, controls: &Controls<'_>) {
        panel(ui, |ui| {
            ui.set_width(170.0);
            ui.vertical(|ui| {
                heading(ui, "Monitor");
                row(ui, "Gain", |ui| cell::bar(ui, controls, self.monitor_gain, CELL));
                row(ui, "Listen to", |ui| cell::choice(ui, controls, self.listen, 84.0));
                row(ui, "Identify", |ui| cell::choice(ui, controls, self.identify, 84.0));
                let hint =
                    "Listen puts one input alone on the monitor output. Identify plays a tone on one output.";
                ui.label(RichText::new(hint).small().color(theme::FAINT));
            });
        });
    }

    fn show_buses(&self, ui: &mut Ui, controls: &Controls<'_>, view: &View, count: usize) {
        panel(ui, |ui| {
            heading(ui, "Inputs to buses");
            egui::Grid::new("buses").min_row_height(cell::HEIGHT).spacing([SPACING; 2]).show(ui, |ui| {
                name(ui, "");
                (0..BUSES).for_each(|bus| column(ui, &view.routing.bus_name(bus)));
                ui.end_row();
                for (number, input) in self.inputs.iter().enumerate().take(count) {
                    name(ui, &format!("Input {}", number + 1));
                    input.buses.iter().for_each(|cell| cell::bar(ui, controls, *cell, CELL));
                    ui.end_row();
                }
            });
        });
    }

    fn show_outputs(&self, ui: &mut Ui, controls: &Controls<'_>, count: usize, outputs: usize) {
        panel(ui, |ui| {
            heading(ui, "Inputs to outputs, and the monitor mix");
            egui::Grid::new("outputs").min_row_height(cell::HEIGHT).spacing([SPACING; 2]).show(ui, |ui| {
                name(ui, "");
                (0..outputs).for_each(|output| column(ui, &format!("Output {}", output + 1)));
                column(ui, "Monitor");
                ui.end_row();
                for (number, input) in self.inputs.iter().enumerate().take(count) {
                    name(ui, &format!("Input {}", number + 1));
                    let cells = input.outputs.iter().take(outputs).chain([&input.monitor]);
                    cells.for_each(|cell| cell::bar(ui, controls, *cell, CELL));
                    ui.end_row();
                }
                name(ui, "Output gain");
                self.outputs.iter().take(outputs).for_each(|gain| cell::bar(ui, controls, *gain, CELL));
            });
        });
    }
}

impl Input {
    /// `arm` shows one more switch, of a width.
    fn show(
        &mut self,
        ui: &mut Ui,
        controls: &Controls<'_>,
        (number, fader): (usize, f32),
        arm: impl FnOnce(&mut Ui, f32),
    ) {
        let title = format!("Input {}", number + 1);
        cell::tighten(ui, SPACING);
        ui.label(RichText::new(&title).small().strong());
        cell::bar(ui, controls, self.pan, STRIP);
        self.meter.show_highest(ui, STRIP, &title);
        fader::show(ui, controls, self.trim, &self.meter, fader);
        cell::bar(ui, controls, self.trim, STRIP);
        let third = (STRIP - 4.0) / 3.0;
        ui.horizontal(|ui| {
            cell::switch(ui, controls, self.mute, ("M", third), theme::WARNING);
            cell::switch(ui, controls, self.solo, ("S", third), theme::SOLO);
            arm(ui, third);
        });
    }
}

fn panel<R>(ui: &mut Ui, show: impl FnOnce(&mut Ui) -> R) -> R {
    let frame = egui::Frame::new().fill(theme::PANEL).corner_radius(4).inner_margin(6);
    frame.show(ui, show).inner
}

fn heading(ui: &mut Ui, text: &str) {
    ui.label(RichText::new(text).small().strong());
}

fn row(ui: &mut Ui, text: &str, show: impl FnOnce(&mut Ui)) {
    ui.horizontal(|ui| {
        ui.set_height(20.0);
        name(ui, text);
        show(ui);
    });
}

fn name(ui: &mut Ui, text: &str) {
    cell::text(ui, text, NAME, Align2::LEFT_CENTER);
}

fn column(ui: &mut Ui, text: &str) {
    cell::text(ui, text, CELL, Align2::CENTER_CENTER);
}
