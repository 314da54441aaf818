//! Settings that are no parameters: tables of what reads and writes them, shown by the same bars as machines' controls.
//!
//! Out: what writes a setting, with its value, for the edit that takes both to the worker.

use super::knob::Knob;
use super::knob::Way;
use crate::machine::MachineParameter;
use crate::machine::Scale;
use egui::Ui;

/// Width of a bar, between two of them, and between the rows.
pub(super) const BAR: f32 = 150.0;
const GAP: f32 = 4.0;
const SPACING: f32 = 3.0;

/// A setting of a `T`, with what reads and writes it.
pub(super) struct Setting<T> {
    pub(super) parameter: MachineParameter,
    pub(super) read: Read<T>,
    pub(super) write: Write<T>,
}

pub(super) type Read<T> = fn(&T) -> f32;
pub(super) type Write<T> = fn(&mut T, f32);

/// One in equal steps; its label and unit, and its least, greatest and default value.
pub(super) const fn linear<T>(
    [label, unit]: [&'static str; 2],
    [min, max, default]: [f32; 3],
    (read, write): (Read<T>, Write<T>),
) -> Setting<T> {
    let (step, scale) = ((max - min) / 1000.0, Scale::Linear);
    let parameter = MachineParameter { path: "", label, unit, min, max, default, step, scale, choices: &[] };
    Setting { parameter, read, write }
}

/// The same in equal ratios.
pub(super) const fn logarithmic<T>(
    texts: [&'static str; 2],
    range: [f32; 3],
    access: (Read<T>, Write<T>),
) -> Setting<T> {
    let linear = linear(texts, range, access);
    let parameter = MachineParameter { step: range[0] / 10.0, scale: Scale::Logarithmic, ..linear.parameter };
    Setting { parameter, ..linear }
}

/// One of some words; the first is the default.
pub(super) const fn choice<T>(
    (label, choices): (&'static str, &'static [&'static str]),
    access: (Read<T>, Write<T>),
) -> Setting<T> {
    let linear = linear([label, ""], [0.0, (choices.len() - 1) as f32, 0.0], access);
    let parameter = MachineParameter { step: 1.0, choices, ..linear.parameter };
    Setting { parameter, ..linear }
}

impl<T> Setting<T> {
    /// The same with another smallest difference that matters.
    pub(super) const fn in_steps_of(self, step: f32) -> Self {
        Self { parameter: MachineParameter { step, ..self.parameter }, ..self }
    }
}

/// A field of something that can be read and written as a number.
macro_rules! field {
    ($($field:tt)+) => { (|of| of.$($field)+, |of, value| of.$($field)+ = value) };
}
pub(super) use field;

/// Some beside each other; `set` gets what writes one of them, and its value.
pub(super) fn show<T>(
    ui: &mut Ui,
    (title, settings): (&str, &'static [Setting<T>]),
    of: &T,
    set: impl Fn(Write<T>, f32),
) {
    show_in(ui, (title, settings), (3, BAR), of, set);
}

/// The same with so many in a row, of a width.
pub(super) fn show_in<T>(
    ui: &mut Ui,
    (title, settings): (&str, &'static [Setting<T>]),
    (columns, width): (usize, f32),
    of: &T,
    set: impl Fn(Write<T>, f32),
) {
    egui::Grid::new(title).num_columns(columns).spacing([GAP, SPACING]).show(ui, |ui| {
        for (number, setting) in settings.iter().enumerate() {
            let (parameter, write) = (&setting.parameter, setting.write);
            let set = |value| set(write, value);
            let way = Way::Edit(Some((setting.read)(of)), &set);
            Knob { parameter, name: format!("{title} {}", parameter.label), way }.show(ui, width);
            if number % columns == columns - 1 {
                ui.end_row();
            }
        }
    });
}
