//! The space page: what stands around the listener seen from above, how it sounds there, the song, the head, and the room.
//!
//! Out: places and the head as gestures of their parameters, all else as edits that the worker takes. In the view from above a
//! source's way from the middle is its distance, in equal ratios; front is up.

use super::Controls;
use super::cell;
use super::controls::find;
use super::dialog::Ask;
use super::dialog::Dialog;
use super::dialog::Kinds;
use super::drag;
use super::settings;
use super::settings::BAR;
use super::settings::Setting;
use super::settings::choice;
use super::settings::field;
use super::settings::linear;
use super::settings::logarithmic;
use super::theme;
use crate::engine::ParameterSpec;
use crate::engine::Target;
use crate::mixer::BusSpace;
use crate::mixer::INPUT_PLACE;
use crate::mixer::KEYBOARD_PLACE;
use crate::mixer::LANE_PLACE;
use crate::mixer::RoomAround;
use crate::mixer::Routing;
use crate::mixer::SONG_CHANNELS;
use crate::mixer::SongSpace;
use crate::mixer::SpaceOutput;
use crate::mixer::strip_name;
use crate::params::Gesture;
use crate::plugin::Edit;
use crate::plugin::Instance;
use crate::plugin::Onto;
use crate::plugin::View;
use crate::space::Hearing;
use crate::space::Law;
use crate::space::Material;
use crate::space::Settings;
use crate::voice::SLOTS;
use egui::Align2;
use egui::EventFilter;
use egui::Key;
use egui::Pos2;
use egui::Rect;
use egui::Response;
use egui::RichText;
use egui::Sense;
use egui::Stroke;
use egui::TextStyle;
use egui::Ui;
use egui::WidgetInfo;
use egui::pos2;
use egui::vec2;
use std::sync::Arc;

/// What ears are fitted to.
const SOFA: Kinds = &[("SOFA files", &["sofa"])];
/// The view from above, at least and at most.
const MAP: (f32, f32) = (200.0, 520.0);
/// Between it and its outermost ring.
const MARGIN: f32 = 18.0;
/// Half the height of a source's dot.
const DOT: f32 = 9.0;
/// Distances with a ring, in metres.
const RINGS_M: [f32; 6] = [0.3, 1.0, 3.0, 10.0, 30.0, 100.0];
/// Steps of the arrow keys.
const TURN_DEG: f32 = 5.0;
const RATIO: f32 = 1.1;
/// Width of a name and of a bus's switch.
const NAME: f32 = 90.0;
const SWITCH: f32 = 64.0;
const EARS: f32 = 70.0;
/// What ears can be fitted to.
const CHOOSE_EARS: &str =
    "A SOFA file with responses of both ears from all around; what is fitted to it is saved with the rack";
/// Between the rows.
const SPACING: f32 = 3.0;

const POSITION: [&str; 3] = ["Azimuth", "Elevation", "Distance"];

/// Of these three.
type Position = [Option<usize>; 3];

/// The page, and which source it is about.
pub(super) struct Space {
    places: Vec<Position>,
    head: [Option<usize>; 3],
    /// Arc, azimuth, elevation and distance of the song.
    song: [Option<usize>; 4],
    /// Of all keys, and of voice slots.
    keyboard: Position,
    voices: Vec<Position>,
    /// Of song channels.
    channels: Vec<Position>,
    /// `None` until it is shown: then the first that is in space.
    chosen: Option<usize>,
    /// For files of ears.
    dialog: Dialog,
}

/// How a source sounds where it is.
static OF_SOURCE: [Setting<Settings>; 12] = [
    linear(["Width", "°"], [0.0, 360.0, 60.0], field!(width)),
    linear(["Spread", "°"], [0.0, 360.0, 0.0], field!(spread)),
    choice(
        ("Falls", &["by half", "logarithmic", "linear", "not"]),
        (
            |of| LAWS.iter().position(|law| *law == of.law).map_or(0.0, |place| place as f32),
            |of, value| of.law = LAWS.get(value as usize).copied().unwrap_or_default(),
        ),
    ),
    logarithmic(
        ["Near", "m"],
        [0.1, 1000.0, 1.0],
        (|of| of.near, |of, metres| (of.near, of.far) = (metres, of.far.max(metres))),
    ),
    logarithmic(
        ["Far", "m"],
        [0.1, 1000.0, 100.0],
        (|of| of.far, |of, metres| (of.near, of.far) = (of.near.min(metres), metres)),
    ),
    linear(["Occlusion", ""], [0.0, 1.0, 0.0], field!(occlusion)),
    linear(["Pattern", ""], [0.0, 1.0, 0.0], field!(pattern)),
    linear(["Sharpness", ""], [0.0, 16.0, 1.0], field!(sharpness)),
    linear(["Looks right", "°"], [-180.0, 180.0, 0.0], field!(yaw)),
    linear(["Looks up", "°"], [-90.0, 90.0, 0.0], field!(pitch)),
    choice(
        ("Near field", &["off", "on"]),
        (|of| f32::from(u8::from(of.near_field)), |of, value| of.near_field = value >= 0.5),
    ),
    choice(
        ("Doppler", &["off", "on"]),
        (|of| f32::from(u8::from(of.doppler)), |of, value| of.doppler = value >= 0.5),
    ),
];

/// How the listener hears, by where the head looks.
static OF_LISTENER: [Setting<Hearing>; 2] = [
    linear(["Hears ahead", ""], [0.0, 1.0, 0.0], field!(pattern)),
    linear(["Sharpness", ""], [0.0, 16.0, 1.0], field!(sharpness)),
];

const LAWS: [Law; 4] = [Law::Inverse, Law::Logarithmic, Law::Linear, Law::None];

/// The arc that a song's panning is spread over, and where it is.
static OF_SONG: [Setting<SongSpace>; 8] = [
    linear(["Arc", "°"], [0.0, 360.0, 180.0], field!(arc)),
    linear(["Middle", "°"], [-180.0, 180.0, 0.0], field!(azimuth)),
    linear(["Height", "°"], [-90.0, 90.0, 0.0], field!(elevation)),
    logarithmic(["Distance", "m"], [0.1, 100.0, 1.0], field!(distance)),
    linear(["Width", "°"], [0.0, 360.0, 60.0], field!(width)),
    linear(["Spread", "°"], [0.0, 360.0, 0.0], field!(spread)),
    linear(["Occlusion", ""], [0.0, 1.0, 0.0], field!(occlusion)),
    choice(
        ("Near field", &["off", "on"]),
        (|of| f32::from(u8::from(of.near_field)), |of, value| of.near_field = value >= 0.5),
    ),
];

/// The room's sides, where the listener is in it, and how loud it is.
static OF_ROOM: [Setting<RoomAround>; 8] = [
    logarithmic(["Length", "m"], [1.0, 100.0, 18.0], (|of| of.shoebox.size_m[0], |of, m| of.resize(0, m))),
    logarithmic(["Width", "m"], [1.0, 100.0, 12.0], (|of| of.shoebox.size_m[1], |of, m| of.resize(1, m))),
    logarithmic(["Height", "m"], [1.0, 100.0, 7.0], (|of| of.shoebox.size_m[2], |of, m| of.resize(2, m))),
    linear(
        ["From behind", "%"],
        [0.0, 100.0, 39.0],
        (|of| share(of, 0), |of, part| of.stand(0, part / 100.0)),
    ),
    linear(
        ["From the right", "%"],
        [0.0, 100.0, 53.0],
        (|of| share(of, 1), |of, part| of.stand(1, part / 100.0)),
    ),
    linear(
        ["Ears above", "%"],
        [0.0, 100.0, 19.0],
        (|of| share(of, 2), |of, part| of.stand(2, part / 100.0)),
    ),
    linear(["Reflections", "dB"], [-60.0, 24.0, 0.0], field!(levels_db[0])),
    linear(["Reverb", "dB"], [-60.0, 24.0, 0.0], field!(levels_db[1])),
];

/// Percent of the room's side at which the listener is.
fn share(room: &RoomAround, axis: usize) -> f32 {
    100.0 * room.shoebox.listener_m[axis] / room.shoebox.size_m[axis] // three axes
}

/// Seconds to -60 dB of lows, mids and highs, where walls do not say.
static DECAYS: [Setting<[f32; 3]>; 3] = [
    logarithmic(["Lows", "s"], [0.1, 20.0, 1.5], (|of| of[0], |of, seconds| of[0] = seconds)),
    logarithmic(["Mids", "s"], [0.1, 20.0, 1.5], (|of| of[1], |of, seconds| of[1] = seconds)),
    logarithmic(["Highs", "s"], [0.1, 20.0, 1.5], (|of| of[2], |of, seconds| of[2] = seconds)),
];

const WALLS: [&str; 6] = ["Front", "Back", "Left", "Right", "Ceiling", "Floor"];

const OUTPUTS: [(SpaceOutput, &str); 5] = [
    (SpaceOutput::Binaural, "Headphones"),
    (SpaceOutput::Stereo, "Loudspeakers"),
    (SpaceOutput::AmbiX(1), "AmbiX, order 1"),
    (SpaceOutput::AmbiX(2), "AmbiX, order 2"),
    (SpaceOutput::AmbiX(3), "AmbiX, order 3"),
];

impl Space {
    pub(super) fn new(table: &[ParameterSpec]) -> Self {
        let find = |target| find(table, target);
        let place =
            |place| [Target::Azimuth(place), Target::Elevation(place), Target::Distance(place)].map(find);
        let head = [Target::HeadYaw, Target::HeadPitch, Target::HeadRoll].map(find);
        let song = [Target::SongArc, Target::SongAzimuth, Target::SongElevation, Target::SongDistance];
        let keys = [Target::KeyboardAzimuth, Target::KeyboardElevation, Target::KeyboardDistance];
        let voice = |slot| {
            [Target::VoiceAzimuth(slot), Target::VoiceElevation(slot), Target::VoiceDistance(slot)].map(find)
        };
        let channel = |number| {
            [
                Target::ChannelAzimuth(number),
                Target::ChannelElevation(number),
                Target::ChannelDistance(number),
            ]
            .map(find)
        };
        Space {
            places: (0..KEYBOARD_PLACE).map(place).collect(),
            head,
            song: song.map(find),
            keyboard: keys.map(find),
            voices: (0..SLOTS).map(voice).collect(),
            channels: (0..SONG_CHANNELS).map(channel).collect(),
            chosen: None,
            dialog: Dialog::default(),
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
        let in_space = |place: &usize| view.routing.settings_at(*place).is_some();
        let there: Vec<usize> = (0..self.places.len()).filter(in_space).collect();
        if !self.chosen.is_some_and(|chosen| there.contains(&chosen)) {
            self.chosen = there.first().copied();
        }
        egui::ScrollArea::both().id_salt("space").auto_shrink([false, false]).show(ui, |ui| {
            ui.horizontal_top(|ui| {
                ui.spacing_mut().item_spacing.x = 12.0;
                self.show_map(ui, controls, view, &there);
                ui.vertical(|ui| {
                    cell::tighten(ui, SPACING);
                    ui.horizontal(|ui| {
                        show_output(ui, view, instance);
                        self.show_ears(ui, view, instance);
                    });
                    ui.horizontal(|ui| {
                        cell::text(ui, "The head looks", NAME, Align2::LEFT_CENTER);
                        for (index, word) in self.head.into_iter().zip(["Right", "Up", "Tilts"]) {
                            cell::labelled_bar(ui, controls, index, BAR, word);
                        }
                    });
                    settings::show(
                        ui,
                        ("Listener", &OF_LISTENER),
                        &view.routing.listener.hearing,
                        |write, value| {
                            edit(instance, move |routing| write(&mut routing.listener.hearing, value));
                        },
                    );
                    ui.add_space(6.0);
                    show_switches(ui, view, instance);
                    show_song(ui, view, instance);
                    self.show_notes(ui, controls, view);
                    self.show_chosen(ui, (controls, view, instance), &there);
                    ui.add_space(6.0);
                    show_room(ui, view, instance);
                });
            });
        });
    }

    /// Whose ears hear through headphones, and the way to others.
    fn show_ears(&self, ui: &mut Ui, view: &View, instance: &Arc<Instance>) {
        cell::text(ui, "Heard with", EARS, Align2::RIGHT_CENTER);
        let busy = self.dialog.is_open();
        let said = "Choose a SOFA file of measured ears";
        let choose =
            ui.add_enabled_ui(!busy, |ui| cell::button(ui, busy, ("Choose…", SWITCH), theme::ACCENT, said));
        if choose.inner.on_hover_text(CHOOSE_EARS).clicked() {
            let ask = Ask { title: "Open ears".to_owned(), kinds: SOFA, ..Ask::default() };
            self.dialog.open(ui.ctx(), ask, (instance, Onto::Ears));
        }
        if view.ears.is_some() {
            let said = "Hear with the ears that Busker comes with again";
            if cell::button(ui, false, ("KEMAR", SWITCH), theme::ACCENT, said).on_hover_text(said).clicked() {
                instance.edit_later(Edit::BuiltInEars);
            }
        }
        let text = view.ears.clone().unwrap_or_else(|| "KEMAR, a dummy head".to_owned());
        ui.add(egui::Label::new(RichText::new(&text).small()).truncate()).on_hover_text(text);
    }

    fn show_map(&mut self, ui: &mut Ui, controls: &Controls<'_>, view: &View, there: &[usize]) {
        let side = ui.available_height().min(0.4 * ui.available_width()).clamp(MAP.0, MAP.1);
        let (rect, _) = ui.allocate_exact_size(vec2(side, side), Sense::hover());
        let map = Map { middle: rect.center(), radius: side / 2.0 - MARGIN };
        ui.painter().rect_filled(rect, 4.0, theme::PANEL);
        let Some([_, _, Some(distance)]) = self.places.first().copied() else { return };
        let font = TextStyle::Small.resolve(ui.style());
        for metres in RINGS_M {
            let ring = map.radius * controls.kind(distance).normalise(metres);
            ui.painter().circle_stroke(map.middle, ring, Stroke::new(1.0, theme::LINE));
            let place = map.middle + vec2(2.0, ring - 1.0);
            ui.painter().text(place, Align2::LEFT_BOTTOM, format!("{metres} m"), font.clone(), theme::FAINT);
        }
        let yaw = self.head[0].map_or(0.0, |yaw| plain(controls, yaw));
        paint_head(ui, map.middle, yaw);
        for &place in there {
            let [Some(azimuth), Some(elevation), Some(distance)] = self.places[place] else { continue }; // one of the table
            let dot = Dot { controls, map: &map, azimuth, elevation, distance };
            if dot.show(ui, place, &short_name(view, place), self.chosen == Some(place)) {
                self.chosen = Some(place);
            }
        }
        if there.is_empty() {
            let text = "Nothing has a place in space: switch something on to the right.";
            ui.painter().text(rect.center() + vec2(0.0, 30.0), Align2::CENTER_TOP, text, font, theme::TEXT);
        }
    }

    /// Where parameters put what stands there note by note.
    fn show_notes(&self, ui: &mut Ui, controls: &Controls<'_>, view: &View) {
        let routing = &view.routing;
        if routing.has_song_in_space() {
            show_moves(ui, controls, "Song", self.song.into_iter().zip(["Arc"].into_iter().chain(POSITION)));
        }
        // The arc holds all others.
        for (channel, place) in self.channels.iter().enumerate() {
            if routing.song_places.get(channel).is_some_and(Option::is_some) {
                let name = format!("Channel {}", channel + 1);
                show_moves(ui, controls, &name, place.iter().copied().zip(POSITION));
            }
        }
        if routing.has_notes_in_space() {
            show_moves(ui, controls, "Keyboard", self.keyboard.into_iter().zip(POSITION));
        }
        for (slot, place) in self.voices.iter().enumerate() {
            if routing.voices.get(slot).is_some_and(Option::is_some) {
                let name = format!("Voice {}", slot + 1);
                show_moves(ui, controls, &name, place.iter().copied().zip(POSITION));
            }
        }
    }

    /// Where the chosen source is and how it sounds there.
    fn show_chosen(
        &mut self,
        ui: &mut Ui,
        (controls, view, instance): (&Controls<'_>, &View, &Instance),
        there: &[usize],
    ) {
        let Some(chosen) = self.chosen else { return };
        ui.horizontal_wrapped(|ui| {
            cell::text(ui, "Shown", NAME, Align2::LEFT_CENTER);
            for &place in there {
                let said = format!("Show {}", source_name(place));
                let name = short_name(view, place);
                if cell::button(ui, place == chosen, (&name, SWITCH), theme::ACCENT, &said).clicked() {
                    self.chosen = Some(place);
                }
            }
        });
        let Some(settings) = view.routing.settings_at(chosen) else { return };
        ui.horizontal(|ui| {
            for (index, word) in self.places[chosen].into_iter().zip(POSITION) {
                cell::labelled_bar(ui, controls, index, BAR, word);
            }
        });
        settings::show(ui, (&source_name(chosen), &OF_SOURCE), settings, |write, value| {
            edit(instance, move |routing| {
                let space = routing.space_mut(chosen).and_then(Option::as_mut);
                space.into_iter().for_each(|space| write(&mut space.settings, value));
            });
        });
    }
}

/// Parameters beside each other, by what they move.
fn show_moves<'a>(
    ui: &mut Ui,
    controls: &Controls<'_>,
    name: &str,
    moves: impl Iterator<Item = (Option<usize>, &'a str)>,
) {
    ui.horizontal(|ui| {
        cell::text(ui, &format!("{name} goes"), NAME, Align2::LEFT_CENTER);
        moves.for_each(|(index, word)| cell::labelled_bar(ui, controls, index, BAR, word));
    });
}

/// A source by its place.
fn source_name(place: usize) -> String {
    match place {
        ..LANE_PLACE => strip_name(place),
        LANE_PLACE..INPUT_PLACE => format!("Lane {}", place - LANE_PLACE + 1),
        _ => format!("Input {}", place - INPUT_PLACE + 1),
    }
}

/// The same, or what the user calls a bus.
fn short_name(view: &View, place: usize) -> String {
    if place < LANE_PLACE { view.routing.bus_name(place) } else { source_name(place) }
}

/// The ground around the listener.
struct Map {
    middle: Pos2,
    radius: f32,
}

impl Map {
    /// Where something at an azimuth in degrees is, a part of the way to the edge.
    fn at(&self, azimuth: f32, part: f32) -> Pos2 {
        let (sine, cosine) = azimuth.to_radians().sin_cos();
        self.middle + self.radius * part * vec2(sine, -cosine)
    }

    /// Azimuth and part of the way; the middle has every azimuth, and keeps `before`.
    fn read(&self, at: Pos2, before: f32) -> (f32, f32) {
        let way = at - self.middle;
        let azimuth = if way.length() < 1.0 { before } else { way.x.atan2(-way.y).to_degrees() };
        (azimuth, (way.length() / self.radius).min(1.0))
    }
}

/// A source on the map: its parameters.
struct Dot<'a> {
    controls: &'a Controls<'a>,
    map: &'a Map,
    azimuth: usize,
    elevation: usize,
    distance: usize,
}

impl Dot<'_> {
    /// Returns whether somebody asks for it.
    fn show(&self, ui: &mut Ui, place: usize, name: &str, chosen: bool) -> bool {
        let id = ui.make_persistent_id(("source", place));
        let held: Option<Pos2> = ui.data(|data| data.get_temp(id));
        let azimuth = plain(self.controls, self.azimuth);
        let at = held.unwrap_or_else(|| self.map.at(azimuth, self.controls.params.normalised(self.distance)));
        let text = match place {
            ..LANE_PLACE => format!("{}", place + 1),
            LANE_PLACE..INPUT_PLACE => format!("L{}", place - LANE_PLACE + 1),
            _ => format!("I{}", place - INPUT_PLACE + 1),
        };
        let response =
            ui.interact(Rect::from_center_size(at, vec2(2.0 * DOT, 2.0 * DOT)), id, Sense::click_and_drag());
        self.drag(ui, &response, at);
        if response.double_clicked() {
            self.bring_back();
        }
        self.step_by_keys(ui, &response);
        let enabled = ui.is_enabled();
        let said = format!("{} from above", source_name(place));
        response.widget_info(|| WidgetInfo::slider(enabled, f64::from(azimuth), &said));
        let elevation = plain(self.controls, self.elevation);
        let height = match elevation {
            up if up >= 0.5 => format!(" {up:.0}° up"),
            down if down <= -0.5 => format!(" {:.0}° down", -down),
            _ => String::new(),
        };
        let fill = if chosen { theme::ACCENT } else { theme::FILL_LIT };
        let font = TextStyle::Small.resolve(ui.style());
        ui.painter().circle_filled(at, DOT, fill);
        cell::outline(ui, response.rect, &response);
        let ink = if chosen { theme::BACKGROUND } else { theme::TEXT };
        ui.painter().text(at, Align2::CENTER_CENTER, text, font.clone(), ink);
        let beside = pos2(at.x, at.y + DOT);
        ui.painter().text(beside, Align2::CENTER_TOP, format!("{name}{height}"), font, theme::TEXT);
        let asked = response.clicked() || response.drag_started() || response.gained_focus();
        response.on_hover_text(format!(
            "{}\n{}\n{}",
            cell::hint(self.controls, self.azimuth),
            cell::hint(self.controls, self.elevation),
            cell::hint(self.controls, self.distance)
        ));
        asked
    }

    /// The host takes a change in its own time, so while the dot is held its place is kept here.
    fn drag(&self, ui: &Ui, response: &Response, at: Pos2) {
        let both = [self.azimuth, self.distance];
        if response.drag_started() {
            both.into_iter().for_each(|index| self.controls.gesture(index, Gesture::Begin));
        }
        if response.dragged() {
            let fine = if ui.input(|input| input.modifiers.shift) { drag::FINE } else { 1.0 };
            let at = at + fine * response.drag_delta();
            let (azimuth, part) = self.map.read(at, plain(self.controls, self.azimuth));
            let turned = self.controls.kind(self.azimuth).normalise(azimuth);
            self.controls.gesture(self.azimuth, Gesture::Move(turned));
            self.controls.gesture(self.distance, Gesture::Move(part));
            ui.data_mut(|data| data.insert_temp(response.id, self.map.at(azimuth, part)));
        }
        if response.drag_stopped() {
            both.into_iter().for_each(|index| self.controls.gesture(index, Gesture::End));
            ui.data_mut(|data| data.remove::<Pos2>(response.id));
        }
    }

    fn bring_back(&self) {
        for index in [self.azimuth, self.elevation, self.distance] {
            self.controls.set(index, self.controls.params.default(index));
        }
    }

    /// Right and left turn; up and down, and the page keys ten times as far, take away and bring near; Home and Delete bring back.
    fn step_by_keys(&self, ui: &Ui, response: &Response) {
        if !response.has_focus() {
            return;
        }
        let arrows = EventFilter { vertical_arrows: true, horizontal_arrows: true, ..EventFilter::default() };
        ui.memory_mut(|memory| memory.set_focus_lock_filter(response.id, arrows));
        let steps =
            |more, less| ui.input(|input| input.num_presses(more) as f32 - input.num_presses(less) as f32);
        let fine = if ui.input(|input| input.modifiers.shift) { drag::FINE } else { 1.0 };
        let turns = fine * steps(Key::ArrowRight, Key::ArrowLeft);
        let pages = drag::PAGE * steps(Key::PageUp, Key::PageDown);
        let away = fine * (steps(Key::ArrowUp, Key::ArrowDown) + pages);
        if [Key::Home, Key::Delete, Key::Backspace]
            .into_iter()
            .any(|key| ui.input(|input| input.key_pressed(key)))
        {
            self.bring_back();
        }
        if turns != 0.0 {
            let azimuth = plain(self.controls, self.azimuth) + turns * TURN_DEG;
            let azimuth = (azimuth + 180.0).rem_euclid(360.0) - 180.0;
            self.controls.set(self.azimuth, self.controls.kind(self.azimuth).normalise(azimuth));
        }
        if away != 0.0 {
            let metres = plain(self.controls, self.distance) * RATIO.powf(away);
            self.controls.set(self.distance, self.controls.kind(self.distance).normalise(metres));
        }
    }
}

/// The value of a parameter in its own unit.
fn plain(controls: &Controls<'_>, index: usize) -> f32 {
    controls.kind(index).plain(controls.params.normalised(index))
}

/// From above, with a nose.
fn paint_head(ui: &Ui, middle: Pos2, yaw: f32) {
    let head = Map { middle, radius: 8.0 };
    let nose = [head.at(yaw - 35.0, 1.0), head.at(yaw, 1.7), head.at(yaw + 35.0, 1.0)].to_vec();
    let painter = ui.painter();
    painter.add(egui::Shape::convex_polygon(nose, theme::FAINT, Stroke::NONE));
    painter.circle_filled(middle, head.radius, theme::FAINT);
    for side in [-90.0, 90.0] {
        painter.circle_filled(head.at(yaw + side, 1.1), 2.5, theme::FAINT);
    }
}

fn show_output(ui: &mut Ui, view: &View, instance: &Instance) {
    cell::text(ui, "Heard through", NAME, Align2::LEFT_CENTER);
    let texts = OUTPUTS.map(|(_, text)| text);
    let now = OUTPUTS.iter().position(|(output, _)| *output == view.routing.space_output).unwrap_or(0);
    if let Some(chosen) = cell::menu(ui, BAR, now, &texts, "What space is heard through")
        && let Some((output, _)) = OUTPUTS.get(chosen)
    {
        edit(instance, |routing| routing.space_output = *output);
    }
}

/// What of the desk is in space.
fn show_switches(ui: &mut Ui, view: &View, instance: &Instance) {
    ui.horizontal_wrapped(|ui| {
        cell::text(ui, "In space", NAME, Align2::LEFT_CENTER);
        for place in 0..INPUT_PLACE + view.layout.input_channels() {
            let on = view.routing.settings_at(place).is_some();
            let (name, said) = (short_name(view, place), format!("{} in space", source_name(place)));
            if cell::button(ui, on, (&name, SWITCH), theme::ACCENT, &said).on_hover_text(&said).clicked() {
                edit(instance, move |routing| {
                    let space = routing.space_mut(place);
                    space.into_iter().for_each(|space| *space = (!on).then(BusSpace::default));
                });
            }
        }
    });
}

/// The song's notes, each where its panning says.
fn show_song(ui: &mut Ui, view: &View, instance: &Instance) {
    let song = view.routing.song_space.as_ref();
    ui.horizontal(|ui| {
        cell::text(ui, "Note by note", NAME, Align2::LEFT_CENTER);
        let (on, said) = (song.is_some(), "Song in space, each note where its panning says");
        if cell::button(ui, on, ("Song", SWITCH), theme::ACCENT, said).on_hover_text(said).clicked() {
            edit(instance, move |routing| routing.song_space = (!on).then(SongSpace::default));
        }
    });
    let Some(song) = song else { return };
    settings::show(ui, ("Song in space", &OF_SONG), song, |write, value| {
        edit(instance, move |routing| routing.song_space.iter_mut().for_each(|song| write(song, value)));
    });
}

fn show_room(ui: &mut Ui, view: &View, instance: &Instance) {
    let room = view.routing.room.as_ref();
    ui.horizontal(|ui| {
        cell::text(ui, "Around it", NAME, Align2::LEFT_CENTER);
        if cell::button(ui, room.is_some(), ("Room", SWITCH), theme::ACCENT, "Room around what is in space")
            .clicked()
        {
            let on = room.is_some();
            edit(instance, move |routing| routing.room = (!on).then(RoomAround::default));
        }
    });
    let Some(room) = room else { return };
    settings::show(ui, ("Room", &OF_ROOM), room, |write, value| {
        edit(instance, move |routing| routing.room.iter_mut().for_each(|room| write(room, value)));
    });
    egui::Grid::new("walls").num_columns(3).spacing([4.0, SPACING]).show(ui, |ui| {
        for (wall, name) in WALLS.into_iter().enumerate() {
            ui.horizontal(|ui| {
                cell::text(ui, name, BAR / 3.0, Align2::LEFT_CENTER);
                let now = Material::ALL.iter().position(|material| *material == room.shoebox.walls[wall]); // six walls
                let said = format!("{name} wall");
                let names: Vec<_> = Material::ALL.iter().map(|material| material.name()).collect();
                let width = BAR * 2.0 / 3.0 - ui.spacing().item_spacing.x;
                if let Some(&material) = cell::menu(ui, width, now.unwrap_or(0), &names, &said)
                    .and_then(|chosen| Material::ALL.get(chosen))
                {
                    edit(instance, move |routing| {
                        routing.room.iter_mut().for_each(|room| room.shoebox.walls[wall] = material); // as above
                    });
                }
            });
            if wall % 3 == 2 {
                ui.end_row();
            }
        }
    });
    let own = room.shoebox.decay_s;
    ui.horizontal(|ui| {
        let said = "Decay of its own, whatever the walls are made of";
        if cell::button(ui, own.is_some(), ("Own decay", SWITCH), theme::ACCENT, said)
            .on_hover_text(said)
            .clicked()
        {
            let decay_s = own.is_none().then_some(DECAYS.each_ref().map(|decay| decay.parameter.default));
            edit(instance, move |routing| {
                routing.room.iter_mut().for_each(|room| room.shoebox.decay_s = decay_s)
            });
        }
    });
    let Some(decay_s) = own else { return };
    settings::show(ui, ("Decay of", &DECAYS), &decay_s, |write, value| {
        edit(instance, move |routing| {
            let decays = routing.room.as_mut().and_then(|room| room.shoebox.decay_s.as_mut());
            decays.into_iter().for_each(|decay_s| write(decay_s, value));
        });
    });
}

fn edit(instance: &Instance, change: impl FnOnce(&mut Routing) + Send + 'static) {
    instance.edit_later(Edit::Routing(Box::new(change)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_on_the_map_is_read_from_where_it_stands() {
        let map = Map { middle: pos2(100.0, 50.0), radius: 80.0 };
        for azimuth in [-179.0, -90.0, -1.0, 0.0, 45.0, 120.0] {
            let (found, part) = map.read(map.at(azimuth, 0.7), 3.0);
            assert!((found - azimuth).abs() < 1e-3 && (part - 0.7).abs() < 1e-4, "{azimuth}: {found}");
        }
        assert!(map.at(90.0, 1.0).x > 170.0 && map.at(0.0, 1.0).y < -20.0, "right, and up is front");
        assert_eq!(map.read(map.middle, 3.0), (3.0, 0.0));
        assert_eq!(map.read(pos2(900.0, 50.0), 0.0).1, 1.0);
    }

    #[test]
    fn defaults_are_those_of_racks_and_every_setting_can_be_saved_at_both_ends() {
        let saved =
            |routing: &Routing| toml::from_str::<Routing>(&toml::to_string(routing).unwrap()).unwrap();
        let (mut bus, mut room) = (Settings::default(), RoomAround::default());
        for setting in &OF_SOURCE {
            assert_eq!((setting.read)(&bus), setting.parameter.default, "{}", setting.parameter.label);
        }
        for setting in &OF_SONG {
            assert_eq!((setting.read)(&SongSpace::default()), setting.parameter.default);
            for value in [setting.parameter.max, setting.parameter.min] {
                let mut song = SongSpace::default();
                (setting.write)(&mut song, value);
                let routing = Routing { song_space: Some(song), ..Routing::default() };
                assert_eq!(saved(&routing), routing, "{} at {value}", setting.parameter.label);
            }
        }
        for setting in &OF_LISTENER {
            assert_eq!(
                (setting.read)(&Hearing::default()),
                setting.parameter.default,
                "{}",
                setting.parameter.label
            );
            for value in [setting.parameter.max, setting.parameter.min] {
                let mut routing = Routing::default();
                (setting.write)(&mut routing.listener.hearing, value);
                assert_eq!(saved(&routing), routing, "{} at {value}", setting.parameter.label);
            }
        }
        for setting in &OF_SOURCE {
            for value in [setting.parameter.max, setting.parameter.min] {
                (setting.write)(&mut bus, value);
                assert_eq!((setting.read)(&bus), value, "{}", setting.parameter.label);
                let mut routing = Routing::default();
                routing.buses[3].space = Some(BusSpace { settings: bus, ..BusSpace::default() });
                assert_eq!(saved(&routing), routing, "{} at {value}", setting.parameter.label);
            }
        }
        for setting in &OF_ROOM {
            let now = (setting.read)(&room);
            assert!((now - setting.parameter.default).abs() < 0.5, "{}: {now}", setting.parameter.label);
        }
        for setting in &OF_ROOM {
            for value in [setting.parameter.max, setting.parameter.min] {
                (setting.write)(&mut room, value);
                assert!(((setting.read)(&room) - value).abs() < 1e-3, "{}", setting.parameter.label);
                let routing = Routing { room: Some(room.clone()), ..Routing::default() };
                assert_eq!(saved(&routing), routing, "{} at {value}", setting.parameter.label);
            }
        }
    }
}
