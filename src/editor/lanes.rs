//! The lanes of the voices page: what each plays, where it is, how far it has been read ahead, and its strip.
//!
//! Out: strips, speeds and triggers as gestures of their parameters; files, loops, starts and routes as edits that the worker
//! takes; places as seeks, of which the last one counts. A lane on the timeline is where the host is, and its place says so instead
//! of being moved; one with a trigger starts and stops by that, and plays from wherever it is put.

use super::Controls;
use super::cell;
use super::controls::find;
use super::dialog::Dialog;
use super::drag;
use super::drag::Movable;
use super::drag::Travel;
use super::recorder;
use super::takes;
use super::takes::BUTTON;
use super::takes::Wish;
use super::theme;
use super::voices::panel;
use crate::engine::Control;
use crate::engine::LANES;
use crate::engine::LaneReading;
use crate::engine::ParameterSpec;
use crate::engine::Target;
use crate::lane::FARTHEST;
use crate::lane::Repeat;
use crate::lane::Start;
use crate::mixer::BUSES;
use crate::mixer::LANE_PLACE;
use crate::params::Gesture;
use crate::plugin::Edit;
use crate::plugin::Instance;
use crate::plugin::Onto;
use crate::plugin::SourceEdit;
use crate::plugin::View;
use crate::rack::LaneSlot;
use crate::units::SampleRate;
use egui::Align2;
use egui::Color32;
use egui::Rect;
use egui::Role;
use egui::Sense;
use egui::Stroke;
use egui::TextEdit;
use egui::TextStyle;
use egui::Ui;
use egui::WidgetInfo;
use egui::vec2;
use std::sync::Arc;

/// What a column shows, and its width.
const COLUMNS: [(&str, f32); 14] = [
    ("Lane", 30.0),
    ("", 24.0),
    ("Plays", 190.0),
    ("State", 54.0),
    ("Where it is", 190.0),
    ("Read ahead", 84.0),
    ("Gain", 74.0),
    ("Pan", 64.0),
    ("", 18.0),
    ("", 18.0),
    ("Speed", 84.0),
    ("Loop", 40.0),
    ("Starts", 92.0),
    ("Goes to", 84.0),
];
/// Width of a field for a name, and for a list of numbers or one.
const NAME: f32 = 130.0;
const NUMBERS: f32 = 90.0;
/// Width of all.
const PANEL: f32 = 1_000.0;
/// A lane that has less than this share of what it reads ahead may run out.
const LOW: u8 = 25;
const STARTS: [&str; 3] = ["at host's time", "by its trigger", "while triggered"];
/// Of a step along a lane that is long.
const STEP_SECONDS: f64 = 1.0;

/// A lane's parameters.
struct Strip {
    gain: Option<usize>,
    pan: Option<usize>,
    mute: Option<usize>,
    solo: Option<usize>,
    speed: Option<usize>,
    trigger: Option<usize>,
}

/// A text of the chosen lane that can be typed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Field {
    Name,
    Second,
    Loop,
    Shuffle,
}

/// All lanes, and which one is shown in full.
pub(super) struct Lanes {
    strips: Vec<Strip>,
    chosen: usize,
    /// What is being typed, and what for.
    typed: Option<(Field, String)>,
    dialog: Dialog,
}

impl Lanes {
    pub(super) fn new(table: &[ParameterSpec]) -> Self {
        let find = |target| find(table, target);
        let strip = |lane| Strip {
            gain: find(Target::LaneGain(lane)),
            pan: find(Target::LanePan(lane)),
            mute: find(Target::LaneMute(lane)),
            solo: find(Target::LaneSolo(lane)),
            speed: find(Target::LaneSpeed(lane)),
            trigger: find(Target::LaneTrigger(lane)),
        };
        Lanes { strips: (0..LANES).map(strip).collect(), chosen: 0, typed: None, dialog: Dialog::default() }
    }

    pub(super) fn show(
        &mut self,
        ui: &mut Ui,
        controls: &Controls<'_>,
        view: &View,
        instance: &Arc<Instance>,
    ) {
        let readings = view.control.as_deref().map_or_else(Default::default, |control| control.lanes());
        let rate = view.control.as_deref().map_or(SampleRate(48_000.0), |control| control.rate());
        panel(ui, PANEL, |ui| {
            ui.horizontal(|ui| {
                for (title, width) in COLUMNS {
                    cell::text(ui, title, width, Align2::LEFT_CENTER);
                }
            });
            for (lane, reading) in readings.iter().enumerate() {
                self.show_lane(ui, (controls, view, instance), (lane, reading, rate));
            }
            ui.add_space(4.0);
            self.show_chosen(ui, view, instance);
        });
    }

    fn show_lane(
        &mut self,
        ui: &mut Ui,
        (controls, view, instance): (&Controls<'_>, &View, &Instance),
        (lane, reading, rate): (usize, &LaneReading, SampleRate),
    ) {
        let [
            number,
            trigger,
            plays,
            stands,
            place,
            ahead,
            gain,
            pan,
            mute,
            solo,
            speed,
            looped,
            starts,
            goes,
        ] = COLUMNS.map(|(_, width)| width);
        let empty = LaneSlot::new(lane);
        let slot = lane_in(view, lane).unwrap_or(&empty);
        let Some(strip) = self.strips.get(lane) else { return };
        let chosen = self.chosen == lane;
        ui.horizontal(|ui| {
            let said = format!("Lane {}", lane + 1);
            let text = (lane + 1).to_string();
            let button = cell::button(ui, chosen, (&text, number), theme::ACCENT, &said);
            if button.on_hover_text(format!("{said}: show all of it below")).clicked() {
                (self.chosen, self.typed) = (lane, None);
            }
            let by_trigger = matches!(slot.start, Start::Trigger { .. });
            ui.add_enabled_ui(by_trigger, |ui| {
                let place = Rect::from_min_size(ui.cursor().min, vec2(trigger, cell::HEIGHT));
                cell::switch(ui, controls, strip.trigger, ("", trigger), theme::METER_LOW);
                cell::paint_play(ui, place);
            });
            cell::coloured_text(ui, (&shown_name(slot), theme::TEXT), plays, Align2::LEFT_CENTER);
            let (text, colour) = state(slot, reading);
            cell::coloured_text(ui, (text, colour), stands, Align2::LEFT_CENTER);
            let held = strip.trigger.is_some_and(|trigger| controls.is_on(trigger));
            Place { lane, reading, rate, control: view.control.as_deref() }.show(ui, (slot, held), place);
            show_ahead(ui, (&said, slot, reading), ahead);
            cell::bar(ui, controls, strip.gain, gain);
            cell::bar(ui, controls, strip.pan, pan);
            cell::switch(ui, controls, strip.mute, ("M", mute), theme::WARNING);
            cell::switch(ui, controls, strip.solo, ("S", solo), theme::SOLO);
            cell::bar(ui, controls, strip.speed, speed);
            show_loop(ui, instance, slot, looped);
            show_start(ui, instance, slot, starts);
            show_bus(ui, (view, instance), lane, goes);
        });
    }

    /// The chosen lane's name and files, and what else is said of it.
    fn show_chosen(&mut self, ui: &mut Ui, view: &View, instance: &Arc<Instance>) {
        let lane = self.chosen;
        let empty = LaneSlot::new(lane);
        let slot = lane_in(view, lane).unwrap_or(&empty);
        ui.horizontal_wrapped(|ui| {
            let title = format!("Lane {}", lane + 1);
            cell::coloured_text(ui, (&title, theme::ACCENT), BUTTON, Align2::LEFT_CENTER);
            self.show_field(ui, instance, slot, (Field::Name, NAME));
            if matches!(slot.start, Start::Timeline(_)) {
                label(ui, "starts at second");
                self.show_field(ui, instance, slot, (Field::Second, NUMBERS));
            }
            label(ui, "loops frames");
            self.show_field(ui, instance, slot, (Field::Loop, NAME));
            label(ui, "draws takes anew at seconds");
            self.show_field(ui, instance, slot, (Field::Shuffle, NAME));
            if takes::add(ui, &self.dialog, &format!("{title}: add takes, of which one sounds at a time")) {
                self.choose(ui, instance, lane, None);
            }
            let said = format!("{title}: remove all that it has");
            if cell::button(ui, false, ("Clear", BUTTON), theme::ACCENT, &said).on_hover_text(&said).clicked()
            {
                edit(instance, lane, move |slot| *slot = LaneSlot::new(lane));
            }
        });
        for (number, take) in slot.takes.iter().enumerate() {
            ui.horizontal(|ui| {
                let said = format!("Lane {} take {}", lane + 1, number + 1);
                match takes::buttons(ui, &self.dialog, &said) {
                    Some(Wish::Replace) => self.choose(ui, instance, lane, Some(number)),
                    Some(Wish::Remove) => edit(instance, lane, move |slot| {
                        if number < slot.takes.len() {
                            slot.takes.remove(number);
                        }
                    }),
                    None => {}
                }
                let width = ui.available_width();
                cell::coloured_text(ui, (&take.name(), theme::TEXT), width, Align2::LEFT_CENTER);
            });
        }
    }

    /// A text that is taken when it has been typed, where it means something.
    fn show_field(
        &mut self,
        ui: &mut Ui,
        instance: &Instance,
        slot: &LaneSlot,
        (field, width): (Field, f32),
    ) {
        let mine = self.typed.as_ref().filter(|(typed, _)| *typed == field).map(|(_, text)| text.clone());
        let typing = mine.is_some();
        let mut text = mine.unwrap_or_else(|| field.text(slot));
        let edited = TextEdit::singleline(&mut text).desired_width(width).char_limit(64);
        let response = ui.add(edited.hint_text(field.hint())).on_hover_text(field.said());
        let response = response.accessible_name(format!("Lane {}: {}", slot.lane + 1, field.said()));
        if response.has_focus() {
            self.typed = Some((field, text));
        } else if typing {
            self.typed = None;
            if let Some(change) = field.read(&text).filter(|_| text != field.text(slot)) {
                edit(instance, slot.lane, change);
            }
        }
    }

    /// Asks for files of takes, behind the others or in place of one.
    fn choose(&self, ui: &Ui, instance: &Arc<Instance>, lane: usize, place: Option<usize>) {
        let of = format!("lane {}", lane + 1);
        takes::choose(ui, &self.dialog, &of, (instance, Onto::LaneTake(lane, place)));
    }
}

/// A change of a lane.
type Change = Box<dyn FnOnce(&mut LaneSlot) + Send>;

impl Field {
    fn said(self) -> &'static str {
        match self {
            Field::Name => "what it is called",
            Field::Second => "second of the host's time at which it starts",
            Field::Loop => {
                "first frame of the loop and the first after it, as 0-48000; all frames, or nothing"
            }
            Field::Shuffle => "seconds at which another take is drawn, as 4, 8.5",
        }
    }

    fn hint(self) -> &'static str {
        match self {
            Field::Name => "Name",
            Field::Second => "0",
            Field::Loop => "no loop",
            Field::Shuffle => "never",
        }
    }

    fn text(self, slot: &LaneSlot) -> String {
        match (self, slot.start, slot.repeat) {
            (Field::Name, ..) => slot.name.clone(),
            (Field::Second, Start::Timeline(second), _) => second.to_string(),
            (Field::Second, Start::Trigger { .. }, _) | (Field::Loop, _, None) => String::new(),
            (Field::Loop, _, Some(Repeat { start: 0, end: None })) => "all".to_owned(),
            (Field::Loop, _, Some(Repeat { start, end })) => {
                format!("{start}-{}", end.map_or_else(String::new, |end| end.to_string()))
            }
            (Field::Shuffle, ..) => slot.shuffle.iter().map(f64::to_string).collect::<Vec<_>>().join(", "),
        }
    }

    /// What a text changes; `None` where it means nothing.
    fn read(self, text: &str) -> Option<Change> {
        let text = text.trim();
        let second = |text: &str| {
            text.trim().parse().ok().filter(|second: &f64| second.abs() <= FARTHEST) // what is no number is not
        };
        Some(match self {
            Field::Name => {
                let name = text.to_owned();
                Box::new(move |slot| slot.name = name)
            }
            Field::Second => {
                let start = Start::Timeline(if text.is_empty() { 0.0 } else { second(text)? });
                Box::new(move |slot| slot.start = start)
            }
            Field::Loop => {
                let repeat = match text {
                    "" => None,
                    text if text.eq_ignore_ascii_case("all") => Some(Repeat::default()),
                    text => {
                        let (start, end) = text.split_once(['-', ',']).unwrap_or((text, ""));
                        let start = start.trim().parse().ok()?;
                        let end = Some(end.trim()).filter(|end| !end.is_empty());
                        let end: Option<u64> =
                            end.map(|end| end.parse().ok()).map_or(Some(None), |end| end.map(Some))?;
                        Some(Repeat { start, end }).filter(|_| end.is_none_or(|end| start < end))?.into()
                    }
                };
                Box::new(move |slot| slot.repeat = repeat)
            }
            Field::Shuffle => {
                let texts = text.split([',', ';', ' ']).filter(|text| !text.trim().is_empty());
                let shuffle: Vec<f64> = texts.map(second).collect::<Option<_>>()?;
                Box::new(move |slot| slot.shuffle = shuffle)
            }
        })
    }
}

fn lane_in(view: &View, lane: usize) -> Option<&LaneSlot> {
    view.lanes.iter().find(|slot| slot.lane == lane)
}

fn label(ui: &mut Ui, text: &str) {
    ui.label(egui::RichText::new(text).small().color(theme::FAINT));
}

/// What a lane is called, or else its first file, and how many more there are.
fn shown_name(slot: &LaneSlot) -> String {
    let name = match slot.takes.first() {
        Some(take) if slot.name.is_empty() => take.name(),
        _ => slot.name.clone(),
    };
    match slot.takes.len() {
        0 | 1 => name,
        takes => format!("{name} ({takes} takes)"),
    }
}

/// What a lane does, in a word.
fn state(slot: &LaneSlot, reading: &LaneReading) -> (&'static str, Color32) {
    match (slot.takes.is_empty(), reading.extent.frames, reading.position) {
        (true, ..) => ("empty", theme::LINE),
        (false, 0, _) => ("not ready", theme::FAINT),
        (.., None) => ("stopped", theme::FAINT),
        (.., Some(..0)) => ("waiting", theme::ACCENT),
        (.., Some(position)) => match reading.extent.place(position) {
            Some(_) => ("playing", theme::METER_LOW),
            None => ("ended", theme::FAINT),
        },
    }
}

/// Where a lane is in what it plays, as something that can be moved; the whole way is the longest take.
struct Place<'a> {
    lane: usize,
    reading: &'a LaneReading,
    rate: SampleRate,
    control: Option<&'a Control>,
}

impl Place<'_> {
    fn show(&self, ui: &mut Ui, (slot, held): (&LaneSlot, bool), width: f32) {
        let fixed = match slot.start {
            _ if self.reading.extent.frames == 0 => Some(""),
            Start::Timeline(_) => {
                Some(". It is where the host's time is: move that, or the second at which the lane starts")
            }
            Start::Trigger { gate: true } if !held => Some(". It can be moved while its trigger is held"),
            Start::Trigger { .. } => None,
        };
        let sense = if fixed.is_some() { Sense::hover() } else { Sense::click_and_drag() };
        let (rect, response) = ui.allocate_exact_size(vec2(width, cell::HEIGHT), sense);
        let (share, text) = match fixed {
            Some(_) => (self.place(), self.described()),
            None => {
                let share = drag::by_hand(ui, self, &response, Travel::Along);
                let text = if response.dragged() { self.text_at(share) } else { self.described() };
                (share, text)
            }
        };
        paint_share(ui, rect, (share, theme::FILL), &text);
        let said = format!("{}: {text}{}", self.name(), fixed.unwrap_or_default());
        if fixed.is_some() {
            let enabled = ui.is_enabled();
            response.widget_info(|| WidgetInfo::labeled(Role::Label, enabled, &said));
        } else {
            let at = rect.left() + share * rect.width();
            ui.painter_at(rect).vline(at, rect.y_range(), Stroke::new(1.0, theme::TEXT));
            cell::outline(ui, rect, &response);
        }
        response.on_hover_text(said);
    }

    fn frames(&self) -> f64 {
        self.reading.extent.frames as f64
    }

    /// Frames from the start of what it plays on; below 0 before it begins, and `None` where it stands or has ended.
    fn now(&self) -> Option<i64> {
        self.reading.position.and_then(|position| self.reading.extent.place(position))
    }

    /// Where it is, how long that is, and whether it goes round.
    fn described(&self) -> String {
        if self.reading.extent.frames == 0 {
            return String::new();
        }
        let time = |frames: f64| recorder::time(frames / self.rate.0);
        let length = time(self.frames());
        let text = match self.now() {
            Some(before @ ..0) => format!("in {} / {length}", time(-before as f64)),
            Some(now) => format!("{} / {length}", time(now as f64)),
            None => length,
        };
        if self.reading.extent.loop_start.is_some() { format!("{text}, loops") } else { text }
    }
}

impl Movable for Place<'_> {
    fn place(&self) -> f32 {
        let now = self.now().map_or(0.0, |now| now.max(0) as f64);
        (now / self.frames().max(1.0)) as f32
    }

    fn default(&self) -> f32 {
        0.0
    }

    fn name(&self) -> String {
        format!("Lane {}: where it is", self.lane + 1)
    }

    fn text_at(&self, place: f32) -> String {
        recorder::time(f64::from(place) * self.frames() / self.rate.0)
    }

    fn parsed(&self, text: &str) -> Option<f32> {
        let place = seconds(text)? * self.rate.0 / self.frames().max(1.0);
        Some(place.min(1.0) as f32)
    }

    /// By seconds, or by hundredths where those are less.
    fn stepped(&self, from: f32, steps: f32, fine: bool) -> f32 {
        let size = if fine { drag::FINE } else { 1.0 };
        let second = (STEP_SECONDS * self.rate.0 / self.frames().max(1.0)) as f32;
        (from + steps * size * second.min(drag::STEP)).clamp(0.0, 1.0)
    }

    fn gesture(&self, step: Gesture) {
        if let (Gesture::Move(place), Some(control)) = (step, self.control) {
            let frame = (f64::from(place) * self.frames()).round() as u64;
            control.seek_lane(self.lane, frame);
        }
    }
}

/// Seconds that are written as such, or with minutes and hours before them.
fn seconds(text: &str) -> Option<f64> {
    let mut parts = text.trim().trim_end_matches('s').split(':').rev();
    let last: f64 = parts.next()?.trim().replace(',', ".").parse().ok()?;
    let mut sum = Some(last).filter(|last| (0.0..FARTHEST).contains(last))?;
    for (part, unit) in parts.zip([60.0, 3_600.0, f64::NAN]) {
        sum += unit * f64::from(part.trim().parse::<u16>().ok()?);
    }
    Some(sum).filter(|sum| sum.is_finite()) // days have no place
}

/// How much has been read ahead, and how often that was not enough.
fn show_ahead(ui: &mut Ui, (name, slot, reading): (&str, &LaneSlot, &LaneReading), width: f32) {
    let there = !slot.takes.is_empty() && reading.extent.frames > 0;
    let late = reading.underruns;
    let text = match (there, late) {
        (false, _) => String::new(),
        (true, 0) => format!("{} %", reading.filled),
        (true, late) => format!("{} %, late {late}×", reading.filled),
    };
    let low = there && reading.position.is_some() && reading.filled < LOW;
    let fill = if low { theme::WARNING } else { theme::FILL };
    let share = if there { f32::from(reading.filled) / 100.0 } else { 0.0 };
    let said = format!("{name}: read ahead {text}. {late} times its file was not read in time");
    show_share(ui, (share, fill), &text, &said, width);
}

/// A bar that nobody can move, with a text on it.
fn show_share(ui: &mut Ui, shown: (f32, Color32), text: &str, said: &str, width: f32) {
    let (rect, response) = ui.allocate_exact_size(vec2(width, cell::HEIGHT), Sense::hover());
    let enabled = ui.is_enabled();
    response.widget_info(|| WidgetInfo::labeled(Role::Label, enabled, said));
    paint_share(ui, rect, shown, text);
    response.on_hover_text(said);
}

fn paint_share(ui: &Ui, rect: Rect, (share, fill): (f32, Color32), text: &str) {
    let painter = ui.painter_at(rect);
    painter.rect_filled(rect, 2.0, theme::WELL);
    let done = Rect::from_min_size(rect.min, vec2(share.clamp(0.0, 1.0) * rect.width(), rect.height()));
    painter.rect_filled(done, 2.0, fill);
    let font = TextStyle::Small.resolve(ui.style());
    painter.text(rect.center(), Align2::CENTER_CENTER, text, font, theme::TEXT);
}

fn show_loop(ui: &mut Ui, instance: &Instance, slot: &LaneSlot, width: f32) {
    let on = slot.repeat.is_some();
    let said = format!("Lane {} loops", slot.lane + 1);
    if cell::button(ui, on, ("loop", width), theme::ACCENT, &said).on_hover_text(&said).clicked() {
        edit(instance, slot.lane, |slot| slot.repeat = slot.repeat.is_none().then(Repeat::default));
    }
}

/// What starts it.
fn show_start(ui: &mut Ui, instance: &Instance, slot: &LaneSlot, width: f32) {
    let now = match slot.start {
        Start::Timeline(_) => 0,
        Start::Trigger { gate: false } => 1,
        Start::Trigger { gate: true } => 2,
    };
    let said = format!("What starts lane {}", slot.lane + 1);
    if let Some(chosen) = cell::menu(ui, width, now, &STARTS, &said) {
        let start = match chosen {
            0 => Start::default(),
            chosen => Start::Trigger { gate: chosen == 2 },
        };
        edit(instance, slot.lane, move |slot| slot.start = start);
    }
}

/// The bus of a lane, or space, into which the space page puts it.
fn show_bus(ui: &mut Ui, (view, instance): (&View, &Instance), lane: usize, width: f32) {
    let buses = (0..BUSES).map(|bus| view.routing.bus_name(bus));
    let mut texts: Vec<_> = std::iter::once("no bus".to_owned()).chain(buses).collect();
    let in_space = view.routing.settings_at(LANE_PLACE + lane).is_some();
    texts.extend(in_space.then(|| "space".to_owned()));
    let bus = view.routing.lanes.get(lane).and_then(|route| route.bus).map_or(0, |bus| bus + 1);
    let now = if in_space { texts.len() - 1 } else { bus };
    let said = format!("Lane {}: bus", lane + 1);
    if let Some(chosen) = cell::menu(ui, width, now, &texts, &said) {
        instance.edit_later(Edit::Routing(Box::new(move |routing| {
            if let Some(route) = routing.lanes.get_mut(lane).filter(|_| chosen <= BUSES) {
                (route.bus, route.space) = (chosen.checked_sub(1), None);
            }
        })));
    }
}

fn edit(instance: &Instance, lane: usize, change: impl FnOnce(&mut LaneSlot) + Send + 'static) {
    instance.edit_later(Edit::Source(SourceEdit::lane(lane, change)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lane::Extent;
    use crate::rack::LaneFile;

    #[test]
    fn a_lanes_word_follows_from_where_it_is() {
        let slot = LaneSlot { takes: vec![LaneFile::beside("a.wav")], ..LaneSlot::new(0) };
        let word = |position, frames, loop_start| {
            let extent = Extent { frames, loop_start };
            state(&slot, &LaneReading { position, extent, ..LaneReading::default() }).0
        };
        assert_eq!(state(&LaneSlot::new(0), &LaneReading::default()).0, "empty");
        assert_eq!([word(None, 0, None), word(None, 9, None)], ["not ready", "stopped"]);
        assert_eq!(
            [
                word(Some(-1), 9, None),
                word(Some(0), 9, None),
                word(Some(9), 9, None),
                word(Some(9), 9, Some(2))
            ],
            ["waiting", "playing", "ended", "playing"]
        );
    }

    #[test]
    fn a_place_is_typed_as_seconds_or_as_it_is_shown() {
        for (text, wanted) in [
            ("12.5", Some(12.5)),
            ("0,5 s", Some(0.5)),
            ("02:07.3", Some(127.3)),
            ("1:00:00", Some(3_600.0)),
            (" 1:30 ", Some(90.0)),
            ("1:1:1:1", None),
            ("-3", None),
            ("1:-3", None),
            ("soon", None),
            ("nan", None),
            ("", None),
        ] {
            assert_eq!(seconds(text), wanted, "{text}");
        }
    }

    #[test]
    fn what_is_typed_comes_back_as_text_and_what_means_nothing_changes_nothing() {
        let after = |field: Field, text: &str| {
            let mut slot = LaneSlot::new(2);
            field.read(text).map(|change| {
                change(&mut slot);
                field.text(&slot)
            })
        };
        for (field, text, wanted) in [
            (Field::Name, " Drums ", Some("Drums")),
            (Field::Second, "-2.5", Some("-2.5")),
            (Field::Second, "", Some("0")),
            (Field::Second, "soon", None),
            (Field::Second, "inf", None),
            (Field::Loop, "", Some("")),
            (Field::Loop, "All", Some("all")),
            (Field::Loop, "100 - 48000", Some("100-48000")),
            (Field::Loop, "100", Some("100-")),
            (Field::Loop, "100-100", None),
            (Field::Loop, "a-b", None),
            (Field::Shuffle, "4; 8.5", Some("4, 8.5")),
            (Field::Shuffle, "", Some("")),
            (Field::Shuffle, "4, never", None),
        ] {
            assert_eq!(after(field, text).as_deref(), wanted, "{text:?}");
        }
    }
}
