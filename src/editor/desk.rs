//! The desk: sixteen buses and the master, each with fader, meter, mute and level.

use super::Controls;
use super::fader;
use super::index_of;
use super::theme;
use crate::engine::Control;
use crate::engine::Kind;
use crate::engine::ParameterSpec;
use crate::engine::Target;
use crate::mixer::BUSES;
use crate::mixer::MASTER;
use crate::units::Decibels;
use crate::units::Gain;
use egui::RichText;
use egui::Ui;

/// How fast a meter falls.
const FALL: Decibels = Decibels(-24.0);
const STRIP_WIDTH: f32 = 46.0;

/// One strip's parameters and what its meter shows.
struct Strip {
    /// Among the engine's strips.
    strip: usize,
    name: String,
    gain: usize,
    mute: usize,
    /// Falling peaks, linear.
    peaks: [f32; 2],
}

/// All strips.
pub(super) struct Desk {
    strips: Vec<Strip>,
    /// The scale of the faders, for the meters beside them.
    scale: Kind,
}

impl Desk {
    pub(super) fn new(table: &[ParameterSpec]) -> Self {
        let strip = |strip| Strip {
            strip,
            name: if strip == MASTER { "Master".to_owned() } else { (strip + 1).to_string() },
            gain: index_of(table, Target::StripGain(strip)),
            mute: index_of(table, Target::StripMute(strip)),
            peaks: [0.0; 2],
        };
        let strips: Vec<_> = (0..BUSES).chain([MASTER]).map(strip).collect();
        Desk { strips, scale: Kind::Level { default: Decibels(0.0) } }
    }

    pub(super) fn show(&mut self, ui: &mut Ui, controls: &Controls<'_>, control: Option<&Control>) {
        let seconds = ui.input(|input| input.stable_dt);
        let fall = Gain::from(Decibels(FALL.0 * seconds)).0;
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = 3.0;
            for strip in &mut self.strips {
                strip.follow(control, fall);
                if strip.strip == MASTER {
                    ui.add_space(8.0);
                }
                let frame = egui::Frame::new().fill(theme::PANEL).corner_radius(4).inner_margin(4);
                frame.show(ui, |ui| strip.show(ui, controls, &self.scale));
            }
        });
    }
}

impl Strip {
    /// Takes the engine's peaks, which it keeps until they are read, and lets the shown ones fall.
    fn follow(&mut self, control: Option<&Control>, fall: f32) {
        let meter = control.and_then(|control| control.meters().get(self.strip));
        for (side, peak) in self.peaks.iter_mut().enumerate() {
            let new = meter.and_then(|meter| meter.sides.get(side)).map_or(0.0, |reader| reader.take_peak());
            *peak = new.max(*peak * fall);
        }
    }

    fn show(&self, ui: &mut Ui, controls: &Controls<'_>, scale: &Kind) {
        ui.set_width(STRIP_WIDTH - 8.0);
        ui.vertical_centered(|ui| {
            ui.spacing_mut().item_spacing.y = 5.0;
            let colour = if self.strip == MASTER { theme::ACCENT } else { theme::TEXT };
            ui.label(RichText::new(&self.name).small().strong().color(colour));
            let shown = self.peaks.map(|peak| scale.normalise(Decibels::from(Gain(peak)).0));
            fader::show(ui, controls, self.gain, shown);
            fader::letter(ui, controls, self.mute, "M", theme::WARNING);
            let level = controls.params.text(self.gain);
            let level = level.trim_end_matches(" dB").to_owned();
            ui.label(RichText::new(level).small().color(theme::FAINT));
        });
    }
}
