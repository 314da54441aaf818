//! Loudness and true peak of the main output, at the master's strip.
//!
//! In: what the worker's thread has measured by EBU R 128. Out: four values; a click on any has all measured anew.

use super::cell;
use super::theme;
use crate::engine::Control;
use crate::mixer::Loudness;
use crate::units::Decibels;
use egui::Ui;

/// Below this there is nothing to hear.
const FLOOR_DB: f32 = -70.0;

/// The values in tenths, as far as they are shown: what tells whether there is anything new to see.
pub(super) fn shown(control: &Control) -> [i32; 4] {
    let now = control.loudness().get();
    let levels = [now.momentary, now.short_term, now.integrated, now.true_peak];
    levels.map(|level| (level.0.max(FLOOR_DB) * 10.0).round() as i32)
}

/// Rows of `width`: momentary, short-term, integrated, true peak.
pub(super) fn show(ui: &mut Ui, control: Option<&Control>, width: f32) {
    let reader = control.map(Control::loudness);
    let Some(now) = reader.map(|reader| reader.get()) else {
        (0..4).for_each(|_| _ = cell::readout(ui, ("", "–"), (width, theme::FAINT), "Loudness: no engine"));
        return;
    };
    for (label, level, unit, what) in [
        ("M", now.momentary, "LUFS", "Momentary loudness, of 400 ms"),
        ("S", now.short_term, "LUFS", "Short-term loudness, of 3 s"),
        ("I", now.integrated, "LUFS", "Integrated loudness, since the last click"),
        ("TP", now.true_peak, "dBTP", "Highest true peak, since the last click"),
    ] {
        let over = unit == "dBTP" && level.0 > 0.0;
        let colour = if over { theme::WARNING } else { theme::TEXT };
        let text = if over { format!("{:+.1}!", level.0) } else { number(level) };
        let said = format!("{what}: {} {unit}. Click to measure anew{}", number(level), missed(&now));
        if cell::readout(ui, (label, &text), (width, colour), &said)
            && let Some(reader) = reader
        {
            reader.reset();
        }
    }
}

fn number(level: Decibels) -> String {
    if level.0 > FLOOR_DB { format!("{:.1}", level.0) } else { "-inf".to_owned() }
}

fn missed(now: &Loudness) -> String {
    match now.missed.frames {
        0 => String::new(),
        frames => format!(". {frames} frames came faster than they could be measured"),
    }
}
