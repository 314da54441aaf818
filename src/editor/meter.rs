//! What a strip's or an input's meter shows: falling peaks before and after the gain, loudness, clipping and reduction.
//!
//! In: the engine's readings, which keep peaks until they are read. Out: bars on the fader's own scale.
//! The highest peak and the mark of clipping stay until the user clicks them away.

use super::cell;
use super::theme;
use crate::engine::Control;
use crate::engine::Kind;
use crate::rt::Meter;
use crate::units::Decibels;
use crate::units::Gain;
use egui::Color32;
use egui::Rangef;
use egui::Rect;
use egui::Stroke;
use egui::Ui;
use egui::vec2;

/// How fast a shown peak falls, in a second.
const FALL: Decibels = Decibels(-24.0);
/// How fast the shown reduction goes back, in a second.
const RECOVERY_DB: f32 = 24.0;
/// What is softer is not there.
const FLOOR: f32 = 1e-5;
/// Width of a side after the gain, of a side before it, and of the reduction.
const POST: f32 = 5.0;
const PRE: f32 = 2.0;
const REDUCTION: f32 = 4.0;
/// Reduction that fills its bar.
const REDUCTION_RANGE_DB: f32 = 24.0;
/// Width of all bars.
pub(super) const WIDTH: f32 = 2.0 * (PRE + 1.0) + 2.0 * (POST + 1.0) + REDUCTION;
/// Width of the light for clipping.
const CLIP: f32 = 22.0;
/// The scale, which is that of the faders.
const SCALE: Kind = Kind::Level { default: Decibels(0.0) };
/// Levels that have a mark behind the bars.
const MARKS_DB: [f32; 6] = [6.0, 0.0, -6.0, -12.0, -24.0, -48.0];

/// What a meter has measured since it was last read; linear.
#[derive(Clone, Copy, Default)]
struct Reading {
    pre: [f32; 2],
    post: [f32; 2],
    rms: [f32; 2],
    reduction_db: f32,
    /// Samples over full scale since they were last forgotten.
    clips: u64,
}

impl Reading {
    fn take(meter: &Meter) -> Self {
        Reading {
            pre: meter.take_pre_peaks(),
            post: meter.take_peaks(),
            rms: meter.rms(),
            reduction_db: meter.take_reduction().0,
            clips: meter.clips(),
        }
    }
}

/// A meter as it is shown now; linear.
#[derive(Default)]
pub(super) struct Shown {
    now: Reading,
    /// Since the user last clicked it away.
    highest: f32,
    /// Whether the user has, and the engine does not know yet.
    forgotten: bool,
}

impl Shown {
    /// Takes what the engine has measured since the last picture, `seconds` ago; returns whether anything is to be seen.
    pub(super) fn follow(&mut self, meter: Option<&Meter>, seconds: f32) -> bool {
        if std::mem::take(&mut self.forgotten) {
            meter.iter().for_each(|meter| meter.clear_clips());
        }
        let new = meter.map(Reading::take).unwrap_or_default();
        let fall = Gain::from(Decibels(FALL.0 * seconds)).0;
        let fallen = |shown: f32, new: f32| {
            let peak = new.max(shown * fall);
            if peak > FLOOR { peak } else { 0.0 }
        };
        for side in 0..2 {
            self.now.pre[side] = fallen(self.now.pre[side], new.pre[side]);
            self.now.post[side] = fallen(self.now.post[side], new.post[side]);
            self.highest = self.highest.max(new.post[side]);
        }
        (self.now.rms, self.now.clips) = (new.rms, new.clips);
        self.now.reduction_db = (self.now.reduction_db - RECOVERY_DB * seconds).max(new.reduction_db);
        self.now.pre.iter().chain(&self.now.post).any(|peak| *peak > 0.0) || self.now.reduction_db > 0.0
    }

    /// The highest peak, and how many samples were over full scale, until a click forgets both.
    pub(super) fn show_highest(&mut self, ui: &mut Ui, width: f32, name: &str) {
        let (peak, clips) = (Decibels::from(Gain(self.highest)).0, self.now.clips);
        let text = if self.highest > FLOOR { format!("{peak:+.1}") } else { "–".to_owned() };
        let colour = match (self.highest > FLOOR, peak > -6.0) {
            (_, true) => theme::METER_HIGH,
            (true, false) => theme::TEXT,
            (false, false) => theme::FAINT,
        };
        let said = format!("{name}: highest peak after the gain {text} dB. Click to forget it");
        let (light, light_colour) =
            if clips > 0 { (short(clips), theme::WARNING) } else { ("clip".to_owned(), theme::LINE) };
        let light_said = format!("{name}: {clips} samples clipped, above 0 dBFS. Click to forget them");
        ui.horizontal(|ui| {
            let peak_width = width - CLIP - ui.spacing().item_spacing.x;
            let clicked = cell::readout(ui, ("", &text), (peak_width, colour), &said);
            if cell::readout(ui, ("", &light), (CLIP, light_colour), &light_said) || clicked {
                (self.highest, self.now.clips, self.forgotten) = (0.0, 0, true);
            }
        });
    }

    /// The bars: before the gain, after it with the RMS level inside, and how much is taken away.
    pub(super) fn paint(&self, ui: &Ui, rect: Rect) {
        let mut left = rect.left();
        let mut next = |width: f32| {
            let bar = Rect::from_x_y_ranges(left..=left + width, rect.y_range());
            left += width + 1.0;
            bar
        };
        for level in self.now.pre {
            paint_peak(ui, next(PRE), level, [theme::METER_PRE; 2]);
        }
        for (level, rms) in self.now.post.into_iter().zip(self.now.rms) {
            let bar = next(POST);
            paint_peak(ui, bar, level, [theme::METER_LOW, theme::METER_HIGH]);
            paint_band(ui, bar.shrink2(vec2(1.5, 0.0)), (0.0, place(rms)), theme::METER_RMS);
        }
        let reduction = next(REDUCTION);
        ui.painter().rect_filled(reduction, 1.0, theme::WELL);
        let depth = (self.now.reduction_db / REDUCTION_RANGE_DB).clamp(0.0, 1.0);
        paint_band(ui, reduction, (1.0 - depth, 1.0), theme::REDUCTION);
    }

    /// The meter's values in words.
    pub(super) fn text(&self) -> String {
        let level = |level: f32| SCALE.text(Decibels::from(Gain(level)).0);
        let loudest = |sides: [f32; 2]| level(sides[0].max(sides[1]));
        let (pre, post, rms) = (loudest(self.now.pre), loudest(self.now.post), loudest(self.now.rms));
        let reduction = self.now.reduction_db;
        format!("Before the gain {pre}\nAfter it {post}, RMS {rms}\nReduction {reduction:.1} dB")
    }
}

/// Whether any strip or input sounds; leaves the peaks where they are.
pub(super) fn any_sounds(control: &Control) -> bool {
    let sounds = |meter: &Meter| meter.rms().iter().any(|&level| level > FLOOR);
    control.meters().iter().chain(control.input_meters()).any(sounds)
}

/// 0–1 of a linear level on the scale.
fn place(level: f32) -> f32 {
    SCALE.normalise(Decibels::from(Gain(level)).0)
}

/// Lines behind the bars, and behind the fader's way.
pub(super) fn paint_marks(ui: &Ui, rect: Rect) {
    for level_db in MARKS_DB {
        let colour = if level_db == 0.0 { theme::FAINT } else { theme::LINE };
        let y = height(rect.y_range(), SCALE.normalise(level_db));
        ui.painter().hline(rect.x_range(), y, Stroke::new(1.0, colour));
    }
}

/// A count in three letters.
fn short(count: u64) -> String {
    match count {
        0..1_000 => count.to_string(),
        1_000..100_000 => format!("{}k", count / 1_000),
        100_000.. => ">99k".to_owned(),
    }
}

/// Height of a place of 0–1 within a way.
pub(super) fn height(way: Rangef, place: f32) -> f32 {
    way.max - place * way.span()
}

/// Up to 6 dB below full scale in the first colour, up to full scale in the second, and beyond in that of a warning.
fn paint_peak(ui: &Ui, rect: Rect, level: f32, colours: [Color32; 2]) {
    ui.painter().rect_filled(rect, 1.0, theme::WELL);
    let (high, full, top) = (SCALE.normalise(-6.0), SCALE.normalise(0.0), place(level));
    let bands = [(0.0, high, colours[0]), (high, full, colours[1]), (full, 1.0, theme::WARNING)];
    for (from, to, colour) in bands {
        paint_band(ui, rect, (from, top.min(to)), colour);
    }
}

fn paint_band(ui: &Ui, rect: Rect, (from, to): (f32, f32), colour: Color32) {
    if to > from {
        let band = height(rect.y_range(), to)..=height(rect.y_range(), from);
        ui.painter().rect_filled(Rect::from_x_y_ranges(rect.x_range(), band), 0.0, colour);
    }
}
