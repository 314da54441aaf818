//! The voices page: the slots of one-shot voices with their recordings and how each is played, above the lanes of long ones.
//!
//! Out: triggers, and levels of lanes, as gestures of their parameters; all else as edits that the worker takes. A slot without a
//! parameter of its own is struck by a command. What moves comes from the engine, which writes it while the page is in front.

use super::Controls;
use super::cell;
use super::controls::find;
use super::dialog::Dialog;
use super::drag::Movable;
use super::lanes::Lanes;
use super::settings;
use super::settings::Setting;
use super::settings::choice;
use super::settings::linear;
use super::settings::logarithmic;
use super::takes;
use super::takes::BUTTON;
use super::takes::Wish;
use super::theme;
use crate::audio::AudioSource;
use crate::engine::Command;
use crate::engine::Control;
use crate::engine::ParameterSpec;
use crate::engine::TRIGGERS;
use crate::engine::Target;
use crate::engine::voice_key;
use crate::mixer::BUSES;
use crate::mixer::NoteSpace;
use crate::params::Gesture;
use crate::plugin::Edit;
use crate::plugin::Instance;
use crate::plugin::Onto;
use crate::plugin::SourceEdit;
use crate::plugin::View;
use crate::rack::VoiceSlot;
use crate::sample::Interpolation;
use crate::units::Decibels;
use crate::units::Semitones;
use crate::voice::Play;
use crate::voice::SLOTS;
use crate::voice::Take;
use crate::voice::VOICES;
use egui::Align2;
use egui::Key;
use egui::Rangef;
use egui::Rect;
use egui::Response;
use egui::Role;
use egui::ScrollArea;
use egui::Sense;
use egui::Stroke;
use egui::TextEdit;
use egui::Ui;
use egui::WidgetInfo;
use egui::pos2;
use egui::vec2;
use std::sync::Arc;

/// Slots that are listed at once, and width of the switch to others.
const LISTED: usize = 16;
const BANK: f32 = 35.0;
/// Widths of a slot's trigger, number, name, key, and how many voices it has.
const TRIGGER: f32 = 24.0;
const NUMBER: f32 = 30.0;
const NAME: f32 = 160.0;
const KEY: f32 = 34.0;
const COUNT: f32 = 30.0;
/// Width of the panel of a slot, at least, and between the list and it.
const PANEL: f32 = 640.0;
const GAP: f32 = 8.0;
const MARGIN: f32 = 8.0;
/// Height of a recording's wave, and of the list of takes.
const WAVE: f32 = 96.0;
const TAKES: f32 = 5.0 * (cell::HEIGHT + SPACING);
/// Width of a field for a name.
const FIELD: f32 = 160.0;
/// Bars in a row.
const COLUMNS: usize = 4;
/// Between the rows.
const SPACING: f32 = 3.0;
/// What a level is below which there is silence.
const FLOOR_DB: f32 = -60.0;
/// How long a trigger that has come up stays down for an engine that has not seen it yet.
const PATIENCE_S: f64 = 0.5;
/// The shortest release there is.
const LEAST_RELEASE_MS: f32 = 4.0;

const PLAYS: [Play; 3] = [Play::OneShot, Play::Gate, Play::Loop];
const INTERPOLATIONS: [Interpolation; 4] =
    [Interpolation::Cubic, Interpolation::None, Interpolation::Linear, Interpolation::Sinc];

/// How a slot is played.
static OF_SLOT: [Setting<VoiceSlot>; 10] = [
    linear::<VoiceSlot>(
        ["Gain", "dB"],
        [FLOOR_DB, 12.0, 0.0],
        (
            |of| of.gain.0.max(FLOOR_DB),
            |of, level| of.gain = Decibels(if level > FLOOR_DB { level } else { f32::NEG_INFINITY }),
        ),
    )
    .in_steps_of(0.1),
    linear::<VoiceSlot>(["Pan", ""], [-1.0, 1.0, 0.0], (|of| of.pan, |of, pan| of.pan = pan))
        .in_steps_of(0.01),
    linear::<VoiceSlot>(
        ["Pitch", "st"],
        [-50.0, 50.0, 0.0],
        (|of| of.pitch.0, |of, by| of.pitch = Semitones(by)),
    )
    .in_steps_of(0.01),
    linear::<VoiceSlot>(
        ["By chance ±", "st"],
        [0.0, 24.0, 0.0],
        (|of| of.pitch_range.0, |of, by| of.pitch_range = Semitones(by)),
    )
    .in_steps_of(0.01),
    choice(
        ("Plays", &["one-shot", "gate", "loop"]),
        (
            |of| PLAYS.iter().position(|play| *play == of.play).map_or(0.0, |place| place as f32),
            |of, value| of.play = PLAYS.get(value as usize).copied().unwrap_or_default(),
        ),
    ),
    logarithmic::<VoiceSlot>(
        ["Release", "ms"],
        [LEAST_RELEASE_MS, 60_000.0, LEAST_RELEASE_MS],
        (
            |of| of.release_ms.max(LEAST_RELEASE_MS),
            |of, ms| of.release_ms = if ms > LEAST_RELEASE_MS { ms } else { 0.0 },
        ),
    )
    .in_steps_of(1.0),
    choice(
        (
            "Choke",
            &["none", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16"],
        ),
        (
            |of| of.choke.map_or(0.0, |group| f32::from(group) + 1.0),
            |of, value| of.choke = (value as u8).checked_sub(1),
        ),
    ),
    choice(
        ("Reads", &["cubic", "none", "linear", "sinc"]),
        (
            |of| INTERPOLATIONS.iter().position(|kind| *kind == of.interpolation).map_or(0.0, |n| n as f32),
            |of, value| {
                of.interpolation = INTERPOLATIONS.get(value as usize).copied().unwrap_or(of.interpolation)
            },
        ),
    ),
    linear::<VoiceSlot>(
        ["Priority", ""],
        [0.0, 255.0, 0.0],
        (|of| f32::from(of.priority), |of, value| of.priority = value.round() as u8),
    )
    .in_steps_of(1.0),
    logarithmic::<VoiceSlot>(
        ["Voices", ""],
        [1.0, VOICES as f32, VOICES as f32],
        (|of| of.limit as f32, |of, value| of.limit = value.round() as usize),
    )
    .in_steps_of(1.0),
];

/// A slot that sounds as long as somebody holds it.
#[derive(Clone, Copy)]
struct Held {
    slot: usize,
    /// The parameter that it is held by; without one by a command.
    trigger: Option<usize>,
    /// How often the slot had been triggered before.
    triggers: u64,
    /// By the window's clock.
    since_s: f64,
}

/// The page, and which slot it is about.
pub(super) struct Voices {
    triggers: Vec<Option<usize>>,
    /// `None` until it is shown: then the first one that has a recording.
    slot: Option<usize>,
    /// The take that is shown.
    take: usize,
    held: Option<Held>,
    /// A name while it is typed.
    typed: Option<String>,
    dialog: Dialog,
    lanes: Lanes,
}

impl Held {
    fn strike(self, controls: &Controls<'_>, view: &View, on: bool) {
        let slot = self.slot;
        match (self.trigger, on) {
            (Some(index), true) => {
                controls.gesture(index, Gesture::Begin);
                controls.gesture(index, Gesture::Move(1.0));
            }
            (Some(index), false) => {
                controls.gesture(index, Gesture::Move(0.0));
                controls.gesture(index, Gesture::End);
            }
            (None, on) => {
                // What finds no room begins nothing, and is let go of all the same.
                let strike = |control: &Arc<Control>| drop(control.send(Command::Strike { slot, on }));
                view.control.iter().for_each(strike);
            }
        }
    }
}

impl Voices {
    pub(super) fn new(table: &[ParameterSpec]) -> Self {
        Voices {
            triggers: (0..TRIGGERS).map(|slot| find(table, Target::VoiceTrigger(slot))).collect(),
            slot: None,
            take: 0,
            held: None,
            typed: None,
            dialog: Dialog::default(),
            lanes: Lanes::new(table),
        }
    }

    /// Brings a slot to the front.
    pub(super) fn open(&mut self, slot: usize) {
        if self.slot != Some(slot) {
            (self.slot, self.take, self.typed) = (Some(slot), 0, None);
        }
    }

    pub(super) fn show(
        &mut self,
        ui: &mut Ui,
        controls: &Controls<'_>,
        view: &View,
        instance: &Arc<Instance>,
    ) {
        cell::tighten(ui, SPACING);
        let first = view.voices.iter().map(|voice| voice.slot).min().unwrap_or(0);
        let slot = *self.slot.get_or_insert(first);
        if let Some(control) = &view.control {
            control.look(slot);
        }
        ScrollArea::both().id_salt("voices").auto_shrink([false, false]).show(ui, |ui| {
            ui.horizontal_top(|ui| {
                ui.spacing_mut().item_spacing.x = GAP;
                ui.vertical(|ui| {
                    cell::tighten(ui, SPACING);
                    self.show_list(ui, controls, view, slot);
                });
                panel(ui, PANEL, |ui| self.show_slot(ui, view, instance, slot));
            });
            ui.add_space(GAP);
            self.lanes.show(ui, controls, view, instance);
        });
    }

    /// Lets go of the trigger that is held, if one is.
    pub(super) fn let_go(&mut self, controls: &Controls<'_>, view: &View) {
        self.held.take().into_iter().for_each(|held| held.strike(controls, view, false));
    }

    fn show_list(&mut self, ui: &mut Ui, controls: &Controls<'_>, view: &View, slot: usize) {
        let listed = slot / LISTED * LISTED;
        ui.horizontal(|ui| {
            for first in (0..SLOTS).step_by(LISTED) {
                let (from, to) = (first + 1, first + LISTED);
                let used = view.voices.iter().any(|voice| (first..to).contains(&voice.slot));
                let text = if used { format!("{from} •") } else { from.to_string() };
                let said = format!("Voices {from} to {to}{}", if used { ", some in use" } else { "" });
                let on = first == listed;
                if cell::button(ui, on, (&text, BANK), theme::ACCENT, &said).on_hover_text(&said).clicked() {
                    self.open(first);
                }
            }
        });
        for number in listed..listed + LISTED {
            self.show_row(ui, controls, view, (number, slot));
        }
    }

    /// A slot's trigger, what it plays, the key that plays it, and how many of its voices sound.
    fn show_row(&mut self, ui: &mut Ui, controls: &Controls<'_>, view: &View, (slot, now): (usize, usize)) {
        let voice = slot_in(view, slot);
        let voices = view.control.as_deref().map_or(0, |control| control.voice(slot).voices);
        ui.horizontal(|ui| {
            let said = format!("Play voice {}", slot + 1);
            let trigger = cell::button(ui, voices > 0, ("", TRIGGER), theme::METER_LOW, &said);
            cell::paint_play(ui, trigger.rect);
            self.follow_trigger(ui, &trigger, (controls, view), slot);
            let hint = match self.triggers.get(slot) {
                Some(_) => "as long as it is held; a parameter of the same name does the same",
                None => "as long as it is held",
            };
            trigger.on_hover_text(format!("{said} {hint}"));
            let (number, said) = ((slot + 1).to_string(), format!("Voice {}", slot + 1));
            let button = cell::button(ui, slot == now, (&number, NUMBER), theme::ACCENT, &said);
            let key = voice_key(slot);
            if button.clicked() {
                self.open(slot);
            }
            button.on_hover_text(format!("{said}: played by key {key} ({}) in Voices mode", key_name(key)));
            let name = voice.map(shown_name).unwrap_or_default();
            cell::coloured_text(ui, (&name, theme::TEXT), NAME, Align2::LEFT_CENTER);
            cell::text(ui, &key_name(key), KEY, Align2::LEFT_CENTER);
            let count = if voices > 0 { format!("{voices}×") } else { String::new() };
            cell::coloured_text(ui, (&count, theme::METER_LOW), COUNT, Align2::RIGHT_CENTER);
        });
    }

    /// Begins a voice where its trigger goes down, by pointer or key, and lets go of it where that comes up; what is only clicked, as by a
    /// screen reader, once the engine has seen it down.
    fn follow_trigger(
        &mut self,
        ui: &Ui,
        trigger: &Response,
        (controls, view): (&Controls<'_>, &View),
        slot: usize,
    ) {
        let keys = || ui.input(|input| input.key_down(Key::Space) || input.key_down(Key::Enter));
        let down = trigger.is_pointer_button_down_on() || trigger.has_focus() && keys();
        let now_s = ui.input(|input| input.time);
        let triggers = view.control.as_deref().map_or(0, |control| control.voice(slot).triggers);
        match self.held.filter(|held| held.slot == slot) {
            None if down || trigger.clicked() => {
                self.let_go(controls, view);
                // Where the host holds the parameter, that is the host's to let go of.
                let free = |index: &usize| !controls.is_on(*index);
                let trigger = self.triggers.get(slot).copied().flatten().filter(free);
                let held = Held { slot, trigger, triggers, since_s: now_s };
                held.strike(controls, view, true);
                self.held = Some(held);
                ui.ctx().request_repaint();
            }
            Some(held) if !down => {
                // An engine that is not called sees nothing.
                if triggers != held.triggers || now_s - held.since_s > PATIENCE_S {
                    self.let_go(controls, view);
                } else {
                    ui.ctx().request_repaint();
                }
            }
            _ => {}
        }
    }

    fn show_slot(&mut self, ui: &mut Ui, view: &View, instance: &Arc<Instance>, slot: usize) {
        let empty = VoiceSlot::new(slot);
        let voice = slot_in(view, slot).unwrap_or(&empty);
        let takes = u8::try_from(slot).ok().and_then(|slot| view.bank.slot(slot));
        let takes = takes.map_or(&[][..], |slot| &slot.takes);
        self.show_head(ui, instance, voice);
        self.take = self.take.min(voice.takes.len().saturating_sub(1));
        let shown = Shown { voice, take: takes.get(self.take), number: self.take };
        shown.paint(ui, view);
        ScrollArea::vertical().id_salt("takes").max_height(TAKES).min_scrolled_height(TAKES).show(ui, |ui| {
            ui.set_min_height(TAKES);
            let triggers = view.control.as_deref().map_or(0, |control| control.voice(slot).triggers);
            let next = view.bank.drawn(slot as u8, triggers); // there are 128
            for number in 0..voice.takes.len() {
                self.show_take(ui, instance, (voice, takes.get(number)), (number, next));
            }
            if voice.takes.is_empty() {
                let words = "No recording yet: add some, of which each voice plays one, drawn by chance.";
                cell::text(ui, words, ui.available_width(), Align2::LEFT_CENTER);
            }
        });
        ui.add_space(GAP);
        show_settings(ui, (view, instance), voice, takes.get(self.take));
    }

    /// The slot's name, recordings from files, and away with all.
    fn show_head(&mut self, ui: &mut Ui, instance: &Arc<Instance>, voice: &VoiceSlot) {
        let slot = voice.slot;
        ui.horizontal(|ui| {
            let title = format!("Voice {}", slot + 1);
            cell::coloured_text(ui, (&title, theme::ACCENT), BUTTON, Align2::LEFT_CENTER);
            let mut name = self.typed.clone().unwrap_or_else(|| voice.name.clone());
            let field = TextEdit::singleline(&mut name).desired_width(FIELD).char_limit(32).hint_text("Name");
            let field = ui.add(field).on_hover_text("What it is called");
            let field = field.accessible_name(format!("Name of voice {}", slot + 1));
            if field.has_focus() {
                self.typed = Some(name);
            } else if let Some(name) = self.typed.take() {
                let name = name.trim().to_owned();
                edit(instance, slot, move |voice| voice.name = name);
            }
            if takes::add(ui, &self.dialog, &format!("Voice {}: add recordings", slot + 1)) {
                self.choose(ui, instance, slot, None);
            }
            let said = format!("Voice {}: remove all that it has", slot + 1);
            if cell::button(ui, false, ("Clear", BUTTON), theme::ACCENT, &said).on_hover_text(&said).clicked()
            {
                edit(instance, slot, move |voice| *voice = VoiceSlot::new(slot));
            }
        });
    }

    /// A take's number, name and length, whether it is next, another file in its place, and away with it.
    fn show_take(
        &mut self,
        ui: &mut Ui,
        instance: &Arc<Instance>,
        (voice, take): (&VoiceSlot, Option<&Take>),
        (number, next): (usize, usize),
    ) {
        let (slot, file) = (voice.slot, &voice.takes[number]); // whoever calls counts them
        ui.horizontal(|ui| {
            let said = format!("Voice {} take {}", slot + 1, number + 1);
            let text = (number + 1).to_string();
            let shown = cell::button(ui, number == self.take, (&text, NUMBER), theme::ACCENT, &said);
            if shown.on_hover_text(format!("{said}: show it above")).clicked() {
                self.take = number;
            }
            let buttons = 2.0 * BUTTON + KEY + COUNT + 8.0;
            let width = ((ui.available_width() - buttons) / 2.0).max(NAME);
            cell::coloured_text(ui, (file.name(), theme::TEXT), width, Align2::LEFT_CENTER);
            let (text, colour) = match take.filter(|take| take.data().frames() > 0) {
                Some(take) => (described(take), theme::FAINT),
                None => ("not there, or cannot be read: silent".to_owned(), theme::WARNING),
            };
            cell::coloured_text(ui, (&text, colour), width, Align2::LEFT_CENTER);
            let text = if number == next && voice.takes.len() > 1 { "next" } else { "" };
            cell::coloured_text(ui, (text, theme::ACCENT), KEY, Align2::CENTER_CENTER);
            match takes::buttons(ui, &self.dialog, &said) {
                Some(Wish::Replace) => self.choose(ui, instance, slot, Some(number)),
                Some(Wish::Remove) => edit(instance, slot, move |voice| {
                    if number < voice.takes.len() {
                        voice.takes.remove(number);
                    }
                }),
                None => {}
            }
        });
    }

    /// Asks for files of takes, behind the others or in place of one.
    fn choose(&self, ui: &Ui, instance: &Arc<Instance>, slot: usize, place: Option<usize>) {
        let of = format!("voice {}", slot + 1);
        takes::choose(ui, &self.dialog, &of, (instance, Onto::VoiceTake(slot, place)));
    }
}

pub(super) fn panel(ui: &mut Ui, least: f32, show: impl FnOnce(&mut Ui)) {
    let frame = egui::Frame::new().fill(theme::PANEL).corner_radius(4).inner_margin(MARGIN);
    // A whole point less: rounding is not to make the page scroll.
    let width = (ui.available_width() - 2.0 * MARGIN - 1.0).max(least);
    frame.show(ui, |ui| {
        ui.set_width(width);
        ui.vertical(|ui| {
            cell::tighten(ui, SPACING);
            show(ui);
        });
    });
}

fn slot_in(view: &View, slot: usize) -> Option<&VoiceSlot> {
    view.voices.iter().find(|voice| voice.slot == slot)
}

/// What a slot is called, or else its first recording.
fn shown_name(voice: &VoiceSlot) -> String {
    match voice.takes.first() {
        Some(take) if voice.name.is_empty() => take.name().to_owned(),
        _ => voice.name.clone(),
    }
}

/// As trackers call it: key 60 is C-4.
fn key_name(key: usize) -> String {
    const NAMES: [&str; 12] = ["C-", "C#", "D-", "D#", "E-", "F-", "F#", "G-", "G#", "A-", "A#", "B-"];
    format!("{}{}", NAMES[key % 12], key as i32 / 12 - 1)
}

/// Length, rate and channels of a recording.
fn described(take: &Take) -> String {
    let (frames, rate) = (take.data().frames(), take.rate().0);
    let channels = if take.data().channels() > 1 { "stereo" } else { "mono" };
    format!("{:.3} s, {rate:.0} Hz, {channels}", frames as f64 / rate)
}

fn edit(instance: &Instance, slot: usize, change: impl FnOnce(&mut VoiceSlot) + Send + 'static) {
    instance.edit_later(Edit::Source(SourceEdit::voice(slot, change)));
}

/// How the slot is played, where voices begin and go round, and where they go.
fn show_settings(ui: &mut Ui, (view, instance): (&View, &Instance), voice: &VoiceSlot, take: Option<&Take>) {
    let slot = voice.slot;
    let title = format!("Voice {}", slot + 1);
    let width = (ui.available_width() - (COLUMNS - 1) as f32 * 4.0) / COLUMNS as f32;
    settings::show_in(ui, (&title, &OF_SLOT), (COLUMNS, width), voice, |write, value| {
        edit(instance, slot, move |voice| write(voice, value));
    });
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 4.0;
        let frames = take.map_or(0, |take| take.data().frames());
        for edge in [Edge::Start, Edge::LoopStart, Edge::LoopEnd] {
            let marker = Marker { instance, voice, edge, frames };
            ui.add_enabled_ui(frames > 0, |ui| {
                cell::movable_bar(ui, &marker, (edge.label(), 0.0), width);
            });
        }
        show_buses(ui, (view, instance), voice, width);
    });
}

/// The bus of a slot, or space.
fn show_buses(ui: &mut Ui, (view, instance): (&View, &Instance), voice: &VoiceSlot, width: f32) {
    let slot = voice.slot;
    let mut texts: Vec<_> = (0..BUSES).map(|bus| view.routing.bus_name(bus)).collect();
    texts.push("space".to_owned());
    let now = if voice.space.is_some() { BUSES } else { voice.bus };
    let word = 0.42 * width;
    cell::text(ui, " Goes to", word, Align2::LEFT_CENTER);
    let width = width - word - ui.spacing().item_spacing.x;
    let said = format!("Voice {} goes to", slot + 1);
    if let Some(chosen) = cell::menu(ui, width, now, &texts, &said) {
        edit(instance, slot, move |voice| {
            voice.space = (chosen == BUSES).then(NoteSpace::default);
            if chosen < BUSES {
                voice.bus = chosen;
            }
        });
    }
}

/// A frame that a slot names.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Edge {
    Start,
    LoopStart,
    LoopEnd,
}

impl Edge {
    fn label(self) -> &'static str {
        match self {
            Edge::Start => "Starts at",
            Edge::LoopStart => "Loop from",
            Edge::LoopEnd => "Loop to",
        }
    }

    /// Where it is in a take of so many frames.
    fn frame(self, voice: &VoiceSlot, frames: usize) -> usize {
        let end = if voice.looped.is_empty() { frames } else { voice.looped.end.min(frames) };
        match self {
            Edge::Start => voice.start.min(frames),
            Edge::LoopStart => voice.looped.start.min(end),
            Edge::LoopEnd => end,
        }
    }

    /// Moves it; a loop has a frame at least, and one of the whole take says nothing.
    fn set(self, voice: &mut VoiceSlot, frame: usize, frames: usize) {
        let last = frames.saturating_sub(1);
        let (start, end) = (Edge::LoopStart.frame(voice, frames), Edge::LoopEnd.frame(voice, frames));
        let looped = match self {
            Edge::Start => {
                voice.start = frame.min(last);
                return;
            }
            Edge::LoopStart => frame.min(end.saturating_sub(1))..end,
            Edge::LoopEnd => start.min(last)..frame.clamp(start.min(last) + 1, frames.max(1)),
        };
        voice.looped = if looped == (0..frames) { 0..0 } else { looped };
    }
}

/// One of them as something that can be moved; the whole way is the take.
struct Marker<'a> {
    instance: &'a Instance,
    voice: &'a VoiceSlot,
    edge: Edge,
    frames: usize,
}

impl Marker<'_> {
    fn frame_at(&self, place: f32) -> usize {
        (f64::from(place) * self.frames as f64).round() as usize
    }

    fn place_of(&self, frame: f64) -> f32 {
        (frame / self.frames.max(1) as f64).clamp(0.0, 1.0) as f32
    }
}

impl Movable for Marker<'_> {
    fn place(&self) -> f32 {
        self.place_of(self.edge.frame(self.voice, self.frames) as f64)
    }

    fn default(&self) -> f32 {
        if self.edge == Edge::LoopEnd { 1.0 } else { 0.0 }
    }

    fn name(&self) -> String {
        format!("Voice {} {}", self.voice.slot + 1, self.edge.label())
    }

    fn text_at(&self, place: f32) -> String {
        // Floats are too coarse for the frames of long takes; what stands is told exactly.
        let stands = self.edge.frame(self.voice, self.frames);
        if place == self.place() { stands.to_string() } else { self.frame_at(place).to_string() }
    }

    fn parsed(&self, text: &str) -> Option<f32> {
        text.trim().parse().ok().map(|frame: f64| self.place_of(frame))
    }

    fn stepped(&self, from: f32, steps: f32, fine: bool) -> f32 {
        let size = if fine { super::drag::FINE } else { 1.0 };
        (from + steps * super::drag::STEP * size).clamp(0.0, 1.0)
    }

    fn is_edited(&self) -> bool {
        true
    }

    fn gesture(&self, step: Gesture) {
        if let Gesture::Move(place) = step {
            let (edge, frame, frames) = (self.edge, self.frame_at(place), self.frames);
            edit(self.instance, self.voice.slot, move |voice| edge.set(voice, frame, frames));
        }
    }
}

/// A take as it is drawn.
struct Shown<'a> {
    voice: &'a VoiceSlot,
    take: Option<&'a Take>,
    number: usize,
}

impl Shown<'_> {
    /// Its outline, the loop lit, where voices begin, and where those are that play it.
    fn paint(&self, ui: &mut Ui, view: &View) {
        let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), WAVE), Sense::hover());
        let enabled = ui.is_enabled();
        let said = format!("Voice {}: wave of take {}", self.voice.slot + 1, self.number + 1);
        response.widget_info(|| WidgetInfo::labeled(Role::Image, enabled, &said));
        let painter = ui.painter_at(rect);
        painter.rect_filled(rect, 2.0, theme::WELL);
        let Some(take) = self.take.filter(|take| !take.outline().is_empty()) else { return };
        let frames = take.data().frames();
        let x = |frame: usize| rect.left() + rect.width() * frame.min(frames) as f32 / frames as f32;
        let edge = |edge: Edge| x(edge.frame(self.voice, frames));
        if self.voice.play == Play::Loop {
            let span = edge(Edge::LoopStart)..=edge(Edge::LoopEnd);
            painter.rect_filled(Rect::from_x_y_ranges(span, rect.y_range()), 0.0, theme::FILL);
        }
        let outline = take.outline();
        let points = rect.width() as usize;
        for point in 0..points {
            let (from, to) = (point * outline.len() / points, (point + 1) * outline.len() / points);
            let pieces = outline.get(from..to.max(from + 1)).unwrap_or(&[]);
            let [least, most] = pieces
                .iter()
                .fold([f32::MAX, f32::MIN], |[least, most], piece| [least.min(piece[0]), most.max(piece[1])]);
            let y = |value: f32| rect.center().y - value.clamp(-1.0, 1.0) * rect.height() / 2.0;
            let ends = Rangef::new(y(most) - 0.75, y(least) + 0.75);
            painter.vline(rect.left() + point as f32 + 0.5, ends, Stroke::new(1.0, theme::METER_LOW));
        }
        let start = edge(Edge::Start);
        painter.vline(start, rect.y_range(), Stroke::new(1.0, theme::ACCENT));
        let flag = [pos2(start, rect.top()), pos2(start + 6.0, rect.top()), pos2(start, rect.top() + 6.0)];
        painter.add(egui::Shape::convex_polygon(flag.to_vec(), theme::ACCENT, Stroke::NONE));
        let heads = view.control.iter().flat_map(|control| control.playheads());
        for (_, frame) in heads.filter(|(take, _)| *take == self.number) {
            painter.vline(x(frame), rect.y_range(), Stroke::new(1.0, theme::TEXT));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_called_as_trackers_call_them() {
        assert_eq!([36, 60, 61, 127].map(key_name), ["C-2", "C-4", "C#4", "G-9"]);
    }

    #[test]
    fn settings_begin_as_slots_do_and_can_be_saved_at_both_ends() {
        let saved =
            |voice: &VoiceSlot| toml::from_str::<VoiceSlot>(&toml::to_string(voice).unwrap()).unwrap();
        for setting in &OF_SLOT {
            let (label, parameter) = (setting.parameter.label, &setting.parameter);
            assert_eq!((setting.read)(&VoiceSlot::new(3)), parameter.default, "{label}");
            for value in [parameter.min, parameter.max, parameter.default] {
                let mut voice = VoiceSlot::new(3);
                (setting.write)(&mut voice, value);
                assert_eq!((setting.read)(&voice), value, "{label}");
                assert_eq!(saved(&voice), voice, "{label} at {value}");
            }
        }
    }

    #[test]
    fn edges_stay_in_the_take_and_a_loop_keeps_a_frame() {
        let mut voice = VoiceSlot::new(0);
        Edge::Start.set(&mut voice, 900, 500);
        Edge::LoopStart.set(&mut voice, 100, 500);
        assert_eq!((voice.start, voice.looped.clone()), (499, 100..500));
        Edge::LoopEnd.set(&mut voice, 20, 500);
        assert_eq!(voice.looped, 100..101);
        Edge::LoopStart.set(&mut voice, 300, 500);
        assert_eq!(voice.looped, 100..101);
        Edge::LoopEnd.set(&mut voice, 500, 500);
        Edge::LoopStart.set(&mut voice, 0, 500);
        assert!(voice.looped.is_empty(), "all of it says nothing");
        assert_eq!(
            [Edge::Start, Edge::LoopStart, Edge::LoopEnd].map(|edge| edge.frame(&voice, 200)),
            [200, 0, 200]
        );
    }
}
