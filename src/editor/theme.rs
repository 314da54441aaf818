//! Colours and text sizes, in one place.

use egui::Color32;
use egui::FontFamily;
use egui::FontId;
use egui::Stroke;
use egui::TextStyle;

pub(super) const BACKGROUND: Color32 = Color32::from_rgb(0x16, 0x18, 0x1d);
pub(super) const PANEL: Color32 = Color32::from_rgb(0x20, 0x23, 0x2b);
pub(super) const WELL: Color32 = Color32::from_rgb(0x0d, 0x0e, 0x12);
pub(super) const LINE: Color32 = Color32::from_rgb(0x3a, 0x3f, 0x4b);
pub(super) const TEXT: Color32 = Color32::from_rgb(0xe4, 0xe6, 0xeb);
pub(super) const FAINT: Color32 = Color32::from_rgb(0x8d, 0x94, 0xa3);
/// How far a bar is turned up, and the same under the pointer.
pub(super) const FILL: Color32 = Color32::from_rgb(0x3a, 0x4a, 0x66);
pub(super) const FILL_LIT: Color32 = Color32::from_rgb(0x4a, 0x5f, 0x85);
pub(super) const ACCENT: Color32 = Color32::from_rgb(0xff, 0xb0, 0x3b);
pub(super) const WARNING: Color32 = Color32::from_rgb(0xff, 0x6b, 0x5e);
pub(super) const METER_LOW: Color32 = Color32::from_rgb(0x3f, 0xc1, 0x7c);
pub(super) const METER_RMS: Color32 = Color32::from_rgb(0x8f, 0xe8, 0xb6);
pub(super) const METER_PRE: Color32 = Color32::from_rgb(0x3b, 0x6d, 0x7d);
pub(super) const REDUCTION: Color32 = Color32::from_rgb(0xc0, 0x8b, 0xff);
pub(super) const SOLO: Color32 = Color32::from_rgb(0xf2, 0xd7, 0x4e);
pub(super) const METER_HIGH: Color32 = Color32::from_rgb(0xf2, 0xc1, 0x4e);

/// To be called once for each window.
pub(super) fn apply(egui: &egui::Context) {
    egui.set_theme(egui::Theme::Dark);
    egui.all_styles_mut(|style| {
        let font = |size| FontId::new(size, FontFamily::Proportional);
        style.text_styles.insert(TextStyle::Body, font(13.0));
        style.text_styles.insert(TextStyle::Button, font(13.0));
        style.text_styles.insert(TextStyle::Small, font(11.0));
        style.text_styles.insert(TextStyle::Heading, font(20.0));
        style.visuals.override_text_color = Some(TEXT);
        style.visuals.panel_fill = BACKGROUND;
        style.visuals.window_fill = PANEL;
        style.visuals.extreme_bg_color = WELL;
        style.visuals.selection.bg_fill = ACCENT;
        style.visuals.selection.stroke = Stroke::new(1.0, BACKGROUND);
        style.visuals.widgets.inactive.weak_bg_fill = PANEL;
        style.visuals.widgets.inactive.bg_stroke = Stroke::new(1.0, LINE);
        style.visuals.widgets.hovered.weak_bg_fill = LINE;
        style.interaction.selectable_labels = false;
        style.spacing.item_spacing = egui::vec2(4.0, 4.0);
        style.spacing.scroll = egui::style::ScrollStyle::solid();
    });
}
