//! A fader with its meter.

use super::Controls;
use super::cell;
use super::drag;
use super::drag::Parameter;
use super::drag::Travel;
use super::meter;
use super::meter::Shown;
use super::theme;
use egui::Rect;
use egui::Sense;
use egui::Stroke;
use egui::Ui;
use egui::pos2;
use egui::vec2;

/// Height of the handle, and width of its way.
const HANDLE: f32 = 14.0;
const WAY: f32 = 24.0;
/// Between the way and the meter.
const GAP: f32 = 3.0;
/// Width of fader and meter.
pub(super) const WIDTH: f32 = WAY + GAP + meter::WIDTH;

/// Shows the level parameter `index` beside what its strip measures.
pub(super) fn show(ui: &mut Ui, controls: &Controls<'_>, index: Option<usize>, meter: &Shown, height: f32) {
    let Some(index) = index else {
        ui.allocate_exact_size(vec2(WIDTH, height), Sense::hover());
        return;
    };
    let (rect, response) = ui.allocate_exact_size(vec2(WIDTH, height), Sense::click_and_drag());
    // Bars and way end where the handle's middle does.
    let inner = rect.shrink2(vec2(0.0, HANDLE / 2.0));
    let (parameter, travel) = (Parameter { controls, index }, Travel::Upwards(inner.height()));
    if cell::is_out_of_sight(ui, &response) {
        return drag::unseen(ui, &parameter, &response, travel);
    }
    let (way, meters) = inner.split_left_right_at_x(rect.left() + WAY);
    let value = drag::by_hand(ui, &parameter, &response, travel);
    meter::paint_marks(ui, inner);
    paint_way(ui, way, value, response.dragged() || response.hovered());
    meter.paint(ui, meters.with_min_x(meters.left() + GAP));
    cell::outline(ui, rect, &response);
    response.on_hover_ui(|ui| {
        ui.label(cell::hint(controls, index));
        ui.label(meter.text());
    });
}

fn paint_way(ui: &Ui, way: Rect, value: f32, lit: bool) {
    let painter = ui.painter();
    let slot = Rect::from_center_size(way.center(), vec2(4.0, way.height()));
    painter.rect_filled(slot, 2.0, theme::WELL);
    let middle = pos2(way.center().x, meter::height(way.y_range(), value));
    let handle = Rect::from_center_size(middle, vec2(way.width() - 2.0, HANDLE));
    painter.rect_filled(handle, 3.0, if lit { theme::TEXT } else { theme::FAINT });
    painter.hline(handle.x_range(), middle.y, Stroke::new(2.0, theme::BACKGROUND));
}
