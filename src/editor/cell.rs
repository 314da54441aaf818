//! Small controls: a bar with its value as text, a switch with a letter or a word, and a list to choose from.

use super::Controls;
use super::drag;
use super::drag::Movable;
use super::drag::Parameter;
use super::drag::Travel;
use super::theme;
use crate::engine::Kind;
use egui::Align2;
use egui::Color32;
use egui::Galley;
use egui::InputState;
use egui::Key;
use egui::Popup;
use egui::Rect;
use egui::Response;
use egui::RichText;
use egui::Role;
use egui::Sense;
use egui::Stroke;
use egui::StrokeKind;
use egui::TextStyle;
use egui::Ui;
use egui::WidgetInfo;
use egui::text::LayoutJob;
use egui::text::TextWrapping;
use egui::vec2;
use std::sync::Arc;

/// Height of a bar and of a switch.
pub(super) const HEIGHT: f32 = 17.0;
/// How many points longer than its place a text may be before it is cut: letters are not as wide at every scale.
const SLACK: f32 = 1.0;
/// Points of pointer travel for a bar's whole range.
const TRAVEL: f32 = 160.0;
/// Between a bar's edge and its text, and between a word and its value.
const INSET: f32 = 4.0;
const WORD_GAP: f32 = 2.0;

/// Rows no higher than the controls, `spacing` apart.
pub(super) fn tighten(ui: &mut Ui, spacing: f32) {
    ui.spacing_mut().item_spacing = vec2(2.0, spacing);
    ui.spacing_mut().interact_size.y = HEIGHT;
}

/// A word that takes `width`, cut where it is longer.
pub(super) fn text(ui: &mut Ui, text: &str, width: f32, align: Align2) {
    coloured_text(ui, (text, theme::FAINT), width, align);
}

/// The same in a colour.
pub(super) fn coloured_text(ui: &mut Ui, (text, colour): (&str, Color32), width: f32, align: Align2) {
    let (rect, response) = ui.allocate_exact_size(vec2(width, HEIGHT), Sense::hover());
    if text.is_empty() {
        return;
    }
    let enabled = ui.is_enabled();
    response.widget_info(|| WidgetInfo::labeled(Role::Label, enabled, text));
    if paint_text(ui, rect, align, (text, colour)).elided {
        response.on_hover_text(text);
    }
}

/// Small text in a rectangle, with an ellipsis where it is longer.
fn paint_text(ui: &Ui, rect: Rect, align: Align2, (text, colour): (&str, Color32)) -> Arc<Galley> {
    let mut job = LayoutJob::simple_singleline(text.to_owned(), TextStyle::Small.resolve(ui.style()), colour);
    job.wrap = TextWrapping::truncate_at_width(rect.width() + SLACK);
    let galley = ui.painter().layout_job(job);
    let place = align.align_size_within_rect(galley.size(), rect).min;
    ui.painter_at(rect.expand2(vec2(SLACK, 0.0))).galley(place, Arc::clone(&galley), colour);
    galley
}

/// A bar that shows parameter `index` by its fill and as text.
pub(super) fn bar(ui: &mut Ui, controls: &Controls<'_>, index: Option<usize>, width: f32) {
    labelled_bar(ui, controls, index, width, "");
}

/// The same with a word before the value.
pub(super) fn labelled_bar(
    ui: &mut Ui,
    controls: &Controls<'_>,
    index: Option<usize>,
    width: f32,
    label: &str,
) {
    let Some(index) = index else {
        ui.allocate_exact_size(vec2(width, HEIGHT), Sense::hover());
        return;
    };
    let (rect, response) = ui.allocate_exact_size(vec2(width, HEIGHT), Sense::click_and_drag());
    let (parameter, travel) = (Parameter { controls, index }, Travel::Anywhere(TRAVEL));
    if is_out_of_sight(ui, &response) {
        return drag::unseen(ui, &parameter, &response, travel);
    }
    let value = drag::by_hand(ui, &parameter, &response, travel);
    let kind = controls.kind(index);
    let from = match kind {
        Kind::Pan => 0.5,
        Kind::Number { min, max, .. } if *min == -max => 0.5,
        _ => 0.0,
    };
    paint_bar(ui, (rect, &response), (from, value));
    let text = short_text(kind, kind.plain(value));
    let text = fitting(ui, rect.width() - 2.0 * INSET, label, &text);
    paint_value(ui, rect, (label, theme::FAINT), (text, text_colour(kind, value)));
    explain(response, || hint(controls, index));
}

/// A value without its unit where there is no room for that beside the word, which is to be read as a whole.
fn fitting<'a>(ui: &Ui, room: f32, label: &str, value: &'a str) -> &'a str {
    let fits = label.is_empty() || long(ui, label) + WORD_GAP + long(ui, value) <= room;
    if fits { value } else { value.split_once(' ').map_or(value, |(number, _)| number) }
}

fn long(ui: &Ui, text: &str) -> f32 {
    let font = TextStyle::Small.resolve(ui.style());
    ui.painter().layout_no_wrap(text.to_owned(), font, theme::TEXT).size().x
}

/// A bar of anything that can be moved, with a word before its value, filled from the place `from` on.
pub(super) fn movable_bar(ui: &mut Ui, movable: &dyn Movable, (label, from): (&str, f32), width: f32) {
    let (rect, response) = ui.allocate_exact_size(vec2(width, HEIGHT), Sense::click_and_drag());
    let travel = Travel::Anywhere(TRAVEL);
    if is_out_of_sight(ui, &response) {
        return drag::unseen(ui, movable, &response, travel);
    }
    let value = drag::by_hand(ui, movable, &response, travel);
    paint_bar(ui, (rect, &response), (from, value));
    paint_value(ui, rect, (label, theme::FAINT), (&movable.text_at(value), theme::TEXT));
    explain(response, || format!("{}: {}", movable.name(), movable.text()));
}

/// A value in the middle, or at the right of a word, of which as much is seen as there is room for.
fn paint_value(ui: &Ui, rect: Rect, label: (&str, Color32), value: (&str, Color32)) {
    if label.0.is_empty() {
        paint_text(ui, rect, Align2::CENTER_CENTER, value);
        return;
    }
    let inner = rect.shrink2(vec2(INSET, 0.0));
    let value = paint_text(ui, inner, Align2::RIGHT_CENTER, value);
    let rest = inner.with_max_x(inner.right() - value.size().x - WORD_GAP);
    let font = TextStyle::Small.resolve(ui.style());
    ui.painter_at(rest).text(rest.left_center(), Align2::LEFT_CENTER, label.0, font, label.1);
}

/// Shows words beside the pointer, which are only made once they are to be seen.
fn explain(response: Response, words: impl FnOnce() -> String) {
    response.on_hover_ui(|ui| {
        ui.set_max_width(ui.spacing().tooltip_width);
        ui.label(words());
    });
}

/// Name and exact value.
pub(super) fn hint(controls: &Controls<'_>, index: usize) -> String {
    format!("{}: {}", controls.name(index), controls.params.text(index))
}

/// The value with its unit, with no more digits than fit.
pub(super) fn short_text(kind: &Kind, plain: f32) -> String {
    match kind {
        Kind::Level { .. } if plain.is_finite() => format!("{:.1} dB", plain + 0.0),
        _ => kind.text(plain),
    }
}

fn text_colour(kind: &Kind, value: f32) -> Color32 {
    let silent = matches!(kind, Kind::Level { .. }) && value <= 0.0;
    if silent { theme::LINE } else { theme::TEXT }
}

fn paint_bar(ui: &Ui, (rect, response): (Rect, &Response), (from, value): (f32, f32)) {
    let painter = ui.painter();
    painter.rect_filled(rect, 2.0, theme::WELL);
    let at = |share: f32| rect.left() + share * rect.width();
    let lit = response.hovered() || response.dragged();
    let span = at(value.min(from))..=at(value.max(from));
    let fill = if lit { theme::FILL_LIT } else { theme::FILL };
    painter.rect_filled(Rect::from_x_y_ranges(span, rect.y_range()), 2.0, fill);
    if from > 0.0 {
        let above = rect.top()..=rect.top() + INSET; // the text is below
        painter.vline(at(from), above, Stroke::new(1.0, theme::FAINT));
    }
    outline(ui, rect, response);
}

/// Whether there is no need to draw it: nobody sees it, and neither the keys nor the pointer have it.
pub(super) fn is_out_of_sight(ui: &Ui, response: &Response) -> bool {
    let held = response.has_focus() || response.dragged() || response.drag_stopped();
    !held && !ui.is_rect_visible(response.rect)
}

/// Shows where the keys go, and brings it into view.
pub(super) fn outline(ui: &Ui, rect: Rect, response: &Response) {
    follow_focus(response);
    if response.has_focus() {
        ui.painter().rect_stroke(rect, 2.0, Stroke::new(1.0, theme::ACCENT), StrokeKind::Outside);
    }
}

/// Scrolls to what gets the keys.
pub(super) fn follow_focus(response: &Response) {
    if response.gained_focus() {
        response.scroll_to_me(None);
        // Only from the next picture on does it keep the arrow keys.
        response.ctx.request_repaint();
    }
}

/// A switch that is a parameter.
pub(super) fn switch(
    ui: &mut Ui,
    controls: &Controls<'_>,
    index: Option<usize>,
    (text, width): (&str, f32),
    lit: Color32,
) {
    let Some(index) = index else {
        ui.allocate_exact_size(vec2(width, HEIGHT), Sense::hover());
        return;
    };
    let on = controls.is_on(index);
    let response = button(ui, on, (text, width), lit, &controls.name(index));
    if response.clicked() {
        drag::toggle(ui, controls, index, &response);
    }
    explain(response, || hint(controls, index));
}

/// A small switch that is lit or not; what a click does is the caller's. `name` says what it is to those who cannot see where it is.
pub(super) fn button(
    ui: &mut Ui,
    on: bool,
    (text, width): (&str, f32),
    lit: Color32,
    name: &str,
) -> Response {
    let (_, response) = ui.allocate_exact_size(vec2(width, HEIGHT), Sense::click());
    let enabled = ui.is_enabled();
    response.widget_info(|| WidgetInfo::selected(Role::CheckBox, enabled, on, name));
    let (fill, colour) = match (on, response.hovered()) {
        (true, _) => (lit, theme::BACKGROUND),
        (false, true) => (theme::LINE, theme::TEXT),
        (false, false) => (theme::WELL, theme::FAINT),
    };
    paint_button(ui, &response, text, (fill, colour));
    response
}

/// One that is never lit, with its text in a colour.
pub(super) fn coloured_button(
    ui: &mut Ui,
    (text, colour): (&str, Color32),
    width: f32,
    name: &str,
) -> Response {
    let (_, response) = ui.allocate_exact_size(vec2(width, HEIGHT), Sense::click());
    let enabled = ui.is_enabled();
    response.widget_info(|| WidgetInfo::labeled(Role::Button, enabled, name));
    let fill = if response.hovered() { theme::LINE } else { theme::WELL };
    paint_button(ui, &response, text, (fill, colour));
    response
}

fn paint_button(ui: &Ui, response: &Response, text: &str, (fill, colour): (Color32, Color32)) {
    let rect = response.rect;
    ui.painter().rect_filled(rect, 3.0, fill);
    outline(ui, rect, response);
    paint_text(ui, rect.shrink2(vec2(1.0, 0.0)), Align2::CENTER_CENTER, (text, colour));
}

/// The sign for playing, on a switch.
pub(super) fn paint_play(ui: &Ui, rect: Rect) {
    let colour = if ui.is_enabled() { theme::TEXT } else { theme::LINE };
    let (at, half) = (rect.center(), 0.25 * rect.height());
    let corners = [vec2(-half, -half), vec2(half, 0.0), vec2(-half, half)].map(|corner| at + corner);
    ui.painter().add(egui::Shape::convex_polygon(corners.to_vec(), colour, Stroke::NONE));
}

/// A value with a label before it; returns whether it was clicked. `said` explains both.
pub(super) fn readout(
    ui: &mut Ui,
    (label, value): (&str, &str),
    (width, colour): (f32, Color32),
    said: &str,
) -> bool {
    let (rect, response) = ui.allocate_exact_size(vec2(width, HEIGHT), Sense::click());
    let enabled = ui.is_enabled();
    response.widget_info(|| WidgetInfo::labeled(Role::Button, enabled, said));
    let warns = colour == theme::WARNING;
    let (fill, colour) = if warns { (colour, theme::BACKGROUND) } else { (theme::WELL, colour) };
    ui.painter().rect_filled(rect, 2.0, fill);
    outline(ui, rect, &response);
    let faint = if warns { colour } else { theme::FAINT };
    paint_value(ui, rect, (label, faint), (value, colour));
    response.on_hover_text(said).clicked()
}

/// A list of the choices of a parameter that is one.
pub(super) fn choice(ui: &mut Ui, controls: &Controls<'_>, index: Option<usize>, width: f32) {
    let Some(index) = index else { return };
    let labels = controls.labels(index);
    let now = controls.choice(index);
    let chosen = list(ui, (("choice", index), &controls.name(index)), width, now, labels);
    if let Some(chosen) = chosen {
        controls.set(index, controls.kind(index).normalise(chosen as f32));
    }
}

/// A list as small as a switch; returns the text that the user takes.
pub(super) fn menu<T: AsRef<str>>(
    ui: &mut Ui,
    width: f32,
    now: usize,
    texts: &[T],
    name: &str,
) -> Option<usize> {
    let shown = texts.get(now).map_or("", AsRef::as_ref);
    let button = button(ui, false, (shown, width), theme::WELL, name);
    ui.ctx().accesskit_node_builder(button.id, |node| {
        node.set_role(Role::ComboBox);
        node.clear_toggled();
        node.set_value(shown);
    });
    let mut chosen = None;
    show_menu(&button, |ui| chosen = choose(ui, now, texts));
    button.on_hover_text(name);
    chosen.filter(|chosen| *chosen != now)
}

/// What a click on a button opens; when it closes, the keys go back to the button.
pub(super) fn show_menu(button: &Response, content: impl FnOnce(&mut Ui)) {
    let is_open = || Popup::is_id_open(&button.ctx, Popup::default_response_id(button));
    let was_open = is_open();
    let shown = Popup::menu(button).show(content);
    match (was_open, is_open()) {
        (false, true) => lend_keys(button),
        (_, false) if shown.is_some() => take_keys_back(button),
        _ => {}
    }
}

/// Notes whether what has just opened something has the keys.
pub(super) fn lend_keys(opener: &Response) {
    let had = opener.has_focus();
    opener.ctx.data_mut(|data| data.insert_temp(opener.id.with("keys"), had));
}

/// Gives the keys back to what had them when it opened something that a key has closed; else they stay the host's.
pub(super) fn take_keys_back(opener: &Response) {
    let by_key = |input: &InputState| {
        [Key::Enter, Key::Space, Key::Escape].into_iter().any(|key| input.key_pressed(key))
    };
    let had = opener.ctx.data_mut(|data| data.remove_temp(opener.id.with("keys")));
    if had.unwrap_or(false) && opener.ctx.input(by_key) {
        opener.request_focus();
    }
}

/// The choices of a list, which closes when one of them is taken.
fn choose<T: AsRef<str>>(ui: &mut Ui, now: usize, texts: &[T]) -> Option<usize> {
    let mut chosen = None;
    for (choice, text) in texts.iter().enumerate() {
        if option(ui, choice == now, text.as_ref()).clicked() {
            chosen = Some(choice);
            ui.close();
        }
    }
    chosen
}

/// One of several, of which one is chosen.
pub(super) fn option(ui: &mut Ui, chosen: bool, text: impl Into<RichText>) -> Response {
    let colour = if chosen { theme::BACKGROUND } else { theme::TEXT }; // dark where it lies on what is chosen
    let option = ui.selectable_label(chosen, text.into().color(colour));
    follow_focus(&option);
    option
}

/// A list of texts with one of them shown; returns the one that the user takes. `name` says what it chooses.
pub(super) fn list<T: AsRef<str>>(
    ui: &mut Ui,
    (id, name): (impl std::hash::Hash + std::fmt::Debug, &str),
    width: f32,
    now: usize,
    texts: &[T],
) -> Option<usize> {
    let shown = texts.get(now).map_or("", AsRef::as_ref);
    let mut chosen = None;
    let list = egui::ComboBox::from_id_salt(id).width(width).selected_text(shown).truncate();
    let shown = list.show_ui(ui, |ui| chosen = choose(ui, now, texts));
    let closed =
        shown.inner.is_some() && !Popup::is_id_open(ui.ctx(), Popup::default_response_id(&shown.response));
    if closed {
        take_keys_back(&shown.response);
    }
    shown.response.accessible_name(name);
    chosen.filter(|chosen| *chosen != now)
}

#[cfg(test)]
mod tests {
    use super::super::Page;
    use super::super::strip;
    use super::super::test_window::Window;
    use super::*;
    use crate::plugin::instance_tests::Bench;

    #[test]
    fn how_much_a_strip_ducks_is_said_by_a_whole_word_and_number() {
        let bench = Bench::instrument();
        let mut window = Window::new(&bench, Page::Mixer);
        window.planted = Some(|ui| {
            let room = strip::WIDTH - 2.0 * INSET;
            for (value, number) in [("0 %", "0"), ("35 %", "35"), ("100 %", "100")] {
                let shown = fitting(ui, room, "Duck", value);
                assert!(shown == value || shown == number);
                assert!(long(ui, "Duck") + WORD_GAP + long(ui, shown) <= room, "{value}");
            }
            assert_eq!(fitting(ui, 2.0 * room, "Duck", "35 %"), "35 %");
        });
        window.draw();
    }
}
