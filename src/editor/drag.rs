//! What every control has in common: how the pointer, the wheel, the keys and screen readers move it.
//!
//! Drag moves, with Shift ten times finer; the wheel and the arrow keys step, Page Up and Page Down by ten steps, Home and End go to
//! the ends; double-click or Delete brings the default back; right click, Enter or a digit asks for a typed value with its unit.
//! Each change is a gesture of the host's. Steps go on from what was asked for last, so that none is lost while hosts and the
//! worker take their time.

use super::Controls;
use super::cell;
use super::theme;
use crate::engine::Kind;
use crate::params::Gesture;
use egui::Context;
use egui::Event;
use egui::EventFilter;
use egui::Id;
use egui::InputState;
use egui::Key;
use egui::MouseWheelUnit;
use egui::PointerButton;
use egui::Popup;
use egui::PopupCloseBehavior;
use egui::Response;
use egui::RichText;
use egui::Role;
use egui::TextEdit;
use egui::Ui;
use egui::Vec2;
use egui::WidgetInfo;
use egui::accesskit::Action;
use egui::accesskit::ActionData;
use egui::accesskit::Live;
use egui::text::CCursorRange;

/// Of a fine movement, against a plain one.
pub(super) const FINE: f32 = 0.1;
/// A wheel's step of a continuous control, of its whole way.
pub(super) const STEP: f32 = 0.01;
/// A wheel's step of a level.
const LEVEL_STEP_DB: f32 = 0.5;
/// Below this a level is stepped to silence, and from silence to here.
const LEVEL_FLOOR_DB: f32 = -60.0;
/// Points that a smooth wheel moves for one step.
const WHEEL_POINTS: f32 = 40.0;
/// Steps of a page key.
pub(super) const PAGE: f32 = 10.0;
/// Width of the field for typed values.
const FIELD: f32 = 120.0;
/// How long a host is given to take a change.
const PATIENCE_SECONDS: f64 = 0.5;

/// Which movements count, and how many points are the whole way.
#[derive(Clone, Copy)]
pub(super) enum Travel {
    Upwards(f32),
    /// Right and up.
    Anywhere(f32),
    /// To where the pointer is along the control, also by a click.
    Along,
}

impl Travel {
    /// Where the pointer leads from a place while it drags.
    fn lead(self, place: f32, response: &Response, fine: bool) -> f32 {
        let moved = pulled(response);
        let share = match self {
            Travel::Upwards(way) => -moved.y / way,
            Travel::Anywhere(way) => (moved.x - moved.y) / way,
            Travel::Along => moved.x / response.rect.width(),
        };
        let pointed = self.pointed(response).filter(|_| !fine);
        pointed.unwrap_or(place + share * if fine { FINE } else { 1.0 }).clamp(0.0, 1.0)
    }

    /// The place under the pointer, where that is what counts.
    fn pointed(self, response: &Response) -> Option<f32> {
        let at = response.interact_pointer_pos().filter(|_| matches!(self, Travel::Along))?;
        Some(((at.x - response.rect.left()) / response.rect.width()).clamp(0.0, 1.0))
    }
}

/// How far the pointer has gone with what it holds, or lets go of, since the last picture.
pub(super) fn pulled(response: &Response) -> Vec2 {
    response.ctx.input(|input| input.pointer.delta())
}

/// What can be moved by hand. Places are 0–1.
pub(super) trait Movable {
    fn place(&self) -> f32;
    fn default(&self) -> f32;
    fn name(&self) -> String;
    /// The value at a place, with its unit.
    fn text_at(&self, place: f32) -> String;
    /// The place that a text means.
    fn parsed(&self, text: &str) -> Option<f32>;
    /// The place that is so many whole steps away from one.
    fn stepped(&self, from: f32, steps: f32, fine: bool) -> f32;
    fn gesture(&self, step: Gesture);

    /// Whether the worker carries changes out.
    fn is_edited(&self) -> bool {
        false
    }

    fn text(&self) -> String {
        self.text_at(self.place())
    }

    /// A whole gesture at once.
    fn set(&self, place: f32) {
        [Gesture::Begin, Gesture::Move(place), Gesture::End].into_iter().for_each(|step| self.gesture(step));
    }
}

/// A parameter of the table.
pub(super) struct Parameter<'a> {
    pub(super) controls: &'a Controls<'a>,
    pub(super) index: usize,
}

impl Movable for Parameter<'_> {
    fn place(&self) -> f32 {
        self.controls.params.normalised(self.index)
    }

    fn default(&self) -> f32 {
        self.controls.params.default(self.index)
    }

    fn name(&self) -> String {
        self.controls.name(self.index)
    }

    fn text_at(&self, place: f32) -> String {
        self.controls.params.text_at(self.index, place)
    }

    fn parsed(&self, text: &str) -> Option<f32> {
        self.controls.params.parsed(self.index, text)
    }

    fn stepped(&self, from: f32, steps: f32, fine: bool) -> f32 {
        stepped(self.controls.kind(self.index), from, steps, fine)
    }

    fn gesture(&self, step: Gesture) {
        self.controls.gesture(self.index, step);
    }
}

/// A place that was asked for, and when.
#[derive(Clone, Copy)]
struct Asked {
    place: f32,
    seconds: f64,
}

/// Whether edits that were asked for may not have been carried out in what a picture shows.
pub(super) fn note_edits(egui: &Context, under_way: bool) {
    egui.data_mut(|data| data.insert_temp(Id::unique("edits under way"), under_way));
}

/// Where something is, or will be once what was asked for has been done.
pub(super) fn destination(ui: &Ui, movable: &dyn Movable, id: Id) -> f32 {
    under_way(ui, movable, id).unwrap_or_else(|| movable.place())
}

/// The place that was asked for last and may not have been reached.
fn under_way(ui: &Ui, movable: &dyn Movable, id: Id) -> Option<f32> {
    let asked: Asked = ui.data(|data| data.get_temp(id.with("asked")))?;
    let now = ui.input(|input| input.time);
    let counts = match movable.is_edited() {
        true => {
            let edits = ui.data(|data| data.get_temp(Id::unique("edits under way")));
            edits.unwrap_or(false) || asked.seconds == now
        }
        false => now - asked.seconds < PATIENCE_SECONDS,
    };
    counts.then_some(asked.place)
}

/// Forgets an edit that has been carried out: another one that is under way later says nothing of it.
fn forget_edit(ui: &Ui, movable: &dyn Movable, id: Id) {
    if movable.is_edited() && under_way(ui, movable, id).is_none() {
        ui.data_mut(|data| data.remove::<Asked>(id.with("asked")));
    }
}

/// Notes a place that is asked for within a gesture.
pub(super) fn note_asked(ui: &Ui, id: Id, place: f32) {
    let asked = Asked { place, seconds: ui.input(|input| input.time) };
    ui.data_mut(|data| data.insert_temp(id.with("asked"), asked));
}

/// Moves something by a gesture of its own.
pub(super) fn put(ui: &Ui, movable: &dyn Movable, id: Id, place: f32) {
    movable.set(place);
    note_asked(ui, id, place);
}

/// Turns a switch on or off, whichever it will not be.
pub(super) fn toggle(ui: &Ui, controls: &Controls<'_>, index: usize, response: &Response) {
    let (switch, id) = (Parameter { controls, index }, response.id);
    put(ui, &switch, id, if destination(ui, &switch, id) >= 0.5 { 0.0 } else { 1.0 });
}

fn step(ui: &Ui, movable: &dyn Movable, id: Id, (steps, fine): (f32, bool)) {
    put(ui, movable, id, movable.stepped(destination(ui, movable, id), steps, fine));
}

/// Moves something as the user does; returns its place as it is to be shown.
///
/// The host takes a change in its own time, so while the control is held its place is kept here.
pub(super) fn by_hand(ui: &mut Ui, movable: &dyn Movable, response: &Response, travel: Travel) -> f32 {
    let id = response.id;
    let now = movable.place();
    let mut held: Option<f32> = ui.data(|data| data.get_temp(id));
    if held.is_some() && !response.dragged() && !response.drag_stopped() {
        // It was let go where nobody saw it.
        movable.gesture(Gesture::End);
        ui.data_mut(|data| data.remove::<f32>(id));
        held = None;
    }
    forget_edit(ui, movable, id);
    if response.drag_started() {
        movable.gesture(Gesture::Begin);
        held = Some(destination(ui, movable, id));
    }
    // Where it is let go counts, too.
    if let Some(place) = held.as_mut().filter(|_| response.dragged() || response.drag_stopped()) {
        let moved = travel.lead(*place, response, ui.input(|input| input.modifiers.shift));
        if moved != *place {
            *place = moved;
            movable.gesture(Gesture::Move(moved));
            note_asked(ui, id, moved);
        }
        ui.data_mut(|data| data.insert_temp(id, moved));
    }
    if response.drag_stopped() {
        movable.gesture(Gesture::End);
        ui.data_mut(|data| data.remove::<f32>(id));
    }
    if let Travel::Along = travel {
        if response.clicked_by(PointerButton::Primary)
            && let Some(place) = travel.pointed(response)
        {
            put(ui, movable, id, place);
        }
    } else if response.double_clicked() {
        put(ui, movable, id, movable.default());
    }
    step_by_wheel(ui, movable, response);
    step_by_keys(ui, movable, response);
    step_by_reader(ui, movable, response);
    ask(ui, movable, response);
    let shown = held.unwrap_or(now);
    tell(ui, movable, response, (travel, shown));
    shown
}

/// The same for what is out of sight: it is there for the Tab key and for screen readers.
pub(super) fn unseen(ui: &Ui, movable: &dyn Movable, response: &Response, travel: Travel) {
    forget_edit(ui, movable, response.id);
    step_by_reader(ui, movable, response);
    tell(ui, movable, response, (travel, movable.place()));
}

fn step_by_wheel(ui: &Ui, movable: &dyn Movable, response: &Response) {
    if !response.hovered() || response.dragged() {
        return;
    }
    // With Shift some systems turn the wheel sideways.
    let turned = |event: &Event| match event {
        Event::MouseWheel { unit: MouseWheelUnit::Point, delta, .. } => (delta.x + delta.y) / WHEEL_POINTS,
        Event::MouseWheel { delta, .. } => delta.x + delta.y,
        _ => 0.0,
    };
    let (turned, fine) =
        ui.input(|input| (input.events.iter().map(turned).sum::<f32>(), input.modifiers.shift));
    // A trackpad turns by parts of a step, which are kept until there is a whole one.
    let id = response.id.with("wheel");
    let kept: Option<f32> = ui.data(|data| data.get_temp(id));
    let way = turned + kept.filter(|kept| kept * turned > 0.0).unwrap_or(0.0);
    if turned != 0.0 {
        ui.data_mut(|data| data.insert_temp(id, way.fract()));
    }
    if way.trunc() != 0.0 {
        step(ui, movable, response.id, (way.trunc(), fine));
    }
    // The page stays where it is.
    ui.input_mut(|input| input.smooth_scroll_delta = Vec2::ZERO);
}

fn step_by_keys(ui: &Ui, movable: &dyn Movable, response: &Response) {
    if !response.has_focus() {
        return;
    }
    let arrows = EventFilter { vertical_arrows: true, horizontal_arrows: true, ..EventFilter::default() };
    ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, arrows));
    let (steps, fine) = ui.input(|input| {
        let pressed = |key| input.num_presses(key) as f32;
        let up = pressed(Key::ArrowUp) + pressed(Key::ArrowRight) + PAGE * pressed(Key::PageUp);
        let down = pressed(Key::ArrowDown) + pressed(Key::ArrowLeft) + PAGE * pressed(Key::PageDown);
        (up - down, input.modifiers.shift)
    });
    if steps != 0.0 {
        step(ui, movable, response.id, (steps, fine));
    }
    for (key, place) in [
        (Key::Home, 0.0),
        (Key::End, 1.0),
        (Key::Delete, movable.default()),
        (Key::Backspace, movable.default()),
    ] {
        if ui.input(|input| input.key_pressed(key)) {
            put(ui, movable, response.id, place);
        }
    }
}

/// What screen readers ask for.
fn step_by_reader(ui: &Ui, movable: &dyn Movable, response: &Response) {
    let (steps, place) = ui.input(|input| {
        let asked = |action| input.num_accesskit_action_requests(response.id, action) as f32;
        let places = input.accesskit_action_requests(response.id, Action::SetValue);
        let place = places.filter_map(|request| match &request.data {
            Some(ActionData::NumericValue(place)) => Some(*place as f32),
            Some(ActionData::Value(text)) => movable.parsed(text),
            _ => None,
        });
        (asked(Action::Increment) - asked(Action::Decrement), place.last())
    });
    if steps != 0.0 {
        step(ui, movable, response.id, (steps, false));
    }
    if let Some(place) = place.filter(|place| place.is_finite()) {
        put(ui, movable, response.id, place.clamp(0.0, 1.0));
    }
}

/// Tells screen readers what it is, where it stands, and how it can be moved.
fn tell(ui: &Ui, movable: &dyn Movable, response: &Response, (travel, place): (Travel, f32)) {
    let enabled = ui.is_enabled();
    response.widget_info(|| {
        let mut info = WidgetInfo::slider(enabled, f64::from(place), movable.name());
        if let Travel::Anywhere(_) = travel {
            info.role = Role::SpinButton;
        }
        info
    });
    ui.ctx().accesskit_node_builder(response.id, |node| {
        node.set_value(movable.text_at(place));
        node.set_min_numeric_value(0.0);
        node.set_max_numeric_value(1.0);
        node.set_numeric_value_step(f64::from(STEP));
        [Action::Increment, Action::Decrement, Action::SetValue]
            .into_iter()
            .for_each(|one| node.add_action(one));
    });
}

/// The place of 0–1 that is `steps` away from `now`.
fn stepped(kind: &Kind, now: f32, steps: f32, fine: bool) -> f32 {
    let size = if fine { FINE } else { 1.0 };
    let place = match (kind, kind.steps()) {
        (_, Some(count)) => now + steps / count.max(1) as f32,
        (Kind::Level { .. }, None) => kind.normalise(stepped_level(kind.plain(now), steps, size)),
        (_, None) => now + steps * STEP * size,
    };
    place.clamp(0.0, 1.0)
}

fn stepped_level(level_db: f32, steps: f32, size: f32) -> f32 {
    let step_db = LEVEL_STEP_DB * size;
    let stepped_db = ((level_db.max(LEVEL_FLOOR_DB) / step_db).round() + steps) * step_db;
    match steps < 0.0 {
        true if level_db <= LEVEL_FLOOR_DB => f32::NEG_INFINITY,
        false if level_db < LEVEL_FLOOR_DB => LEVEL_FLOOR_DB,
        _ => stepped_db.max(LEVEL_FLOOR_DB),
    }
}

/// A value while it is typed.
#[derive(Clone, Default)]
struct Typed {
    text: String,
    /// Why the last one was not taken.
    refused: Option<String>,
    /// What of it is selected at first, until the field has been shown.
    selected: Option<CCursorRange>,
}

/// Asks for a typed value where the user wants to give one.
fn ask(ui: &mut Ui, movable: &dyn Movable, response: &Response) {
    let id = response.id.with("typed");
    let focused = response.has_focus();
    let by_key = focused && ui.input(|input| input.key_pressed(Key::Enter));
    if let Some(text) = focused.then(|| ui.input(typed_number)).flatten() {
        // The next digit comes behind it.
        let selected = CCursorRange::one(CCursorRange::select_all_str(&text).primary);
        cell::lend_keys(response);
        open(ui, id, Typed { text, refused: None, selected: Some(selected) });
    } else if by_key || response.secondary_clicked() {
        let text = movable.text();
        let selected = Some(CCursorRange::select_all_str(&text));
        cell::lend_keys(response);
        open(ui, id, Typed { text, refused: None, selected });
    }
    if !Popup::is_id_open(ui.ctx(), id) {
        return;
    }
    let popup = Popup::from_response(response).id(id).open_memory(None);
    popup.close_behavior(PopupCloseBehavior::CloseOnClickOutside).show(|ui| {
        ui.label(RichText::new(movable.name()).small().color(theme::FAINT));
        type_value(ui, movable, response.id);
    });
    if !Popup::is_id_open(ui.ctx(), id) {
        cell::take_keys_back(response);
    }
}

/// What begins a number, where it is typed.
fn typed_number(input: &InputState) -> Option<String> {
    input.events.iter().find_map(|event| match event {
        Event::Text(text) if text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) => {
            Some(text.clone())
        }
        _ => None,
    })
}

fn open(ui: &Ui, id: Id, typed: Typed) {
    ui.data_mut(|data| data.insert_temp(id, typed));
    Popup::open_id(ui.ctx(), id);
}

/// The field; Enter and Tab take what it says, and what means nothing stays, with the reason.
fn type_value(ui: &mut Ui, movable: &dyn Movable, of: Id) {
    let id = of.with("typed");
    let mut typed: Typed = ui.data(|data| data.get_temp(id)).unwrap_or_default();
    let mut output = TextEdit::singleline(&mut typed.text).desired_width(FIELD).show(ui);
    let field = output.response.response.accessible_name(format!("{}: new value", movable.name()));
    let left = ui.input(|input| input.key_pressed(Key::Enter) || input.key_pressed(Key::Tab));
    if let Some(selected) = typed.selected.take() {
        output.state.cursor.set_char_range(Some(selected));
        output.state.store(ui.ctx(), field.id);
        field.request_focus();
    } else if field.lost_focus() && left {
        match movable.parsed(&typed.text) {
            Some(place) => {
                put(ui, movable, of, place);
                Popup::close_id(ui.ctx(), id);
            }
            None => {
                let [least, most] = [0.0, 1.0].map(|place| movable.text_at(place));
                let text = &typed.text;
                typed.refused = Some(format!("“{text}” is no value here: type one from {least} to {most}"));
                field.request_focus();
            }
        }
    }
    if let Some(why) = &typed.refused {
        let said = ui.label(RichText::new(why).small().color(theme::WARNING));
        ui.ctx().accesskit_node_builder(said.id, |node| node.set_live(Live::Assertive));
    }
    ui.data_mut(|data| data.insert_temp(id, typed));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Decibels;

    const LEVEL: Kind = Kind::Level { default: Decibels(0.0) };

    fn level_after(from_db: f32, steps: f32, fine: bool) -> f32 {
        LEVEL.plain(stepped(&LEVEL, LEVEL.normalise(from_db), steps, fine))
    }

    #[test]
    fn a_wheel_steps_a_level_by_half_a_decibel_and_finer_with_shift() {
        assert!((level_after(-6.2, 1.0, false) + 5.5).abs() < 1e-3, "{}", level_after(-6.2, 1.0, false));
        assert!((level_after(0.0, -1.0, true) + 0.05).abs() < 1e-3);
        assert_eq!(level_after(12.0, 3.0, false), 12.0);
    }

    #[test]
    fn a_level_is_stepped_to_silence_and_back() {
        assert_eq!(level_after(-60.0, -1.0, false), f32::NEG_INFINITY);
        assert!((level_after(f32::NEG_INFINITY, 1.0, false) + 60.0).abs() < 1e-3);
        assert_eq!(level_after(f32::NEG_INFINITY, -1.0, false), f32::NEG_INFINITY);
    }

    #[test]
    fn a_choice_steps_from_label_to_label() {
        let choice = Kind::Choice { labels: &["a", "b", "c"], default: 0 };
        assert_eq!(choice.plain(stepped(&choice, 0.0, 1.0, true)), 1.0);
        assert_eq!(choice.plain(stepped(&choice, 0.0, 2.0, false)), 2.0);
        assert_eq!(choice.plain(stepped(&choice, 0.5, -5.0, false)), 0.0);
    }
}
