//! A fader with its meter: drag to move (with Shift ten times finer), double-click for the default.

use super::Controls;
use super::theme;
use crate::params::Gesture;
use egui::Align2;
use egui::Color32;
use egui::Rect;
use egui::Sense;
use egui::TextStyle;
use egui::Ui;
use egui::pos2;
use egui::vec2;

/// Height of the way and of the handle.
const HEIGHT: f32 = 290.0;
const HANDLE: f32 = 14.0;
/// Width of the way, and of one side of the meter.
const WAY: f32 = 20.0;
const SIDE: f32 = 4.0;

/// Shows the level parameter `index` with the meter's two sides, 0–1 on the fader's own scale. Returns nothing: changes go to the
/// host.
pub(super) fn show(ui: &mut Ui, controls: &Controls<'_>, index: usize, meter: [f32; 2]) {
    let size = vec2(WAY + 4.0 + 2.0 * SIDE + 1.0, HEIGHT);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click_and_drag());
    let response = response.on_hover_text(controls.params.text(index));
    let value = controls.params.normalised(index);
    if response.drag_started() {
        controls.gesture(index, Gesture::Begin);
    }
    if response.dragged() {
        let fine = if ui.input(|input| input.modifiers.shift) { 0.1 } else { 1.0 };
        let moved = value - response.drag_delta().y * fine / (HEIGHT - HANDLE);
        controls.gesture(index, Gesture::Move(moved.clamp(0.0, 1.0)));
    }
    if response.drag_stopped() {
        controls.gesture(index, Gesture::End);
    }
    if response.double_clicked() {
        controls.set(index, controls.params.default(index));
    }
    let (way, meters) = rect.split_left_right_at_x(rect.left() + WAY);
    paint_way(ui, way, value, controls.params.default(index), response.dragged() || response.hovered());
    for (side, level) in meter.into_iter().enumerate() {
        let left = meters.left() + 4.0 + side as f32 * (SIDE + 1.0);
        paint_meter(
            ui,
            Rect::from_x_y_ranges(left..=left + SIDE, rect.y_range()),
            level,
            controls.params.default(index),
        );
    }
}

/// Height of a value within the way.
fn height(rect: Rect, value: f32) -> f32 {
    rect.bottom() - HANDLE / 2.0 - value * (rect.height() - HANDLE)
}

fn paint_way(ui: &Ui, rect: Rect, value: f32, default: f32, lit: bool) {
    let painter = ui.painter();
    let slot = Rect::from_center_size(rect.center(), vec2(4.0, rect.height()));
    painter.rect_filled(slot, 2.0, theme::WELL);
    painter.hline(rect.x_range(), height(rect, default), egui::Stroke::new(1.0, theme::LINE));
    let handle =
        Rect::from_center_size(pos2(rect.center().x, height(rect, value)), vec2(rect.width(), HANDLE));
    painter.rect_filled(handle, 3.0, if lit { theme::TEXT } else { theme::FAINT });
    painter.hline(handle.x_range(), handle.center().y, egui::Stroke::new(2.0, theme::BACKGROUND));
}

/// `unity` is where 0 dB lies; what is louder shows in the colour of a warning.
fn paint_meter(ui: &Ui, rect: Rect, level: f32, unity: f32) {
    let painter = ui.painter();
    painter.rect_filled(rect, 1.0, theme::WELL);
    let bands: [(f32, f32, Color32); 3] = [
        (0.0, unity * 0.85, theme::METER_LOW),
        (unity * 0.85, unity, theme::METER_HIGH),
        (unity, 1.0, theme::WARNING),
    ];
    for (from, to, colour) in bands {
        if level > from {
            let (top, bottom) = (height(rect, level.min(to)), height(rect, from));
            painter.rect_filled(Rect::from_x_y_ranges(rect.x_range(), top..=bottom), 0.0, colour);
        }
    }
}

/// A small square switch with a letter.
pub(super) fn letter(ui: &mut Ui, controls: &Controls<'_>, index: usize, text: &str, lit: Color32) {
    let (rect, response) = ui.allocate_exact_size(vec2(20.0, 18.0), Sense::click());
    let on = controls.is_on(index);
    if response.clicked() {
        controls.set(index, if on { 0.0 } else { 1.0 });
    }
    let (fill, colour) = if on { (lit, theme::BACKGROUND) } else { (theme::WELL, theme::FAINT) };
    ui.painter().rect_filled(rect, 3.0, fill);
    let font = TextStyle::Small.resolve(ui.style());
    ui.painter().text(rect.center(), Align2::CENTER_CENTER, text, font, colour);
}
