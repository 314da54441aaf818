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
use super::drag::Parameter;
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
use crate::mixer::NoteSpace;
use crate::mixer::RoomAround;
use crate::mixer::Routing;
use crate::mixer::SONG_CHANNELS;
use crate::mixer::SongPlace;
use crate::mixer::SongSpace;
use crate::mixer::SpaceOutput;
use crate::mixer::strip_name;
use crate::params::Gesture;
use crate::plugin::Edit;
use crate::plugin::Instance;
use crate::plugin::Onto;
use crate::plugin::SourceEdit;
use crate::plugin::View;
use crate::rack::VoiceSlot;
use crate::space::Hearing;
use crate::space::Law;
use crate::space::Material;
use crate::space::Settings;
use crate::voice::SLOTS;
use egui::Align2;
use egui::EventFilter;
use egui::Id;
use egui::Key;
use egui::Pos2;
use egui::Rect;
use egui::Response;
use egui::RichText;
use egui::Sense;
use egui::Stroke;
use egui::TextStyle;
use egui::Ui;
use egui::Vec2;
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
/// Straight parts of a song's arc.
const ARC_STEPS: u8 = 72;
/// Width of a name and of a bus's switch.
const NAME: f32 = 90.0;
const SWITCH: f32 = 64.0;
const CHANNEL: f32 = 26.0;
const EARS: f32 = 70.0;
/// What ears can be fitted to.
const CHOOSE_EARS: &str =
    "A SOFA file with responses of both ears from all around; what is fitted to it is saved with the rack";
/// Between the rows.
const SPACING: f32 = 3.0;

const POSITION: [&str; 3] = ["Azimuth", "Elevation", "Distance"];

/// Of these three.
type Position = [Option<usize>; 3];

/// What stands on the map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Source {
    /// A bus, a lane or an input channel, by its place.
    Desk(usize),
    /// The middle of the song's arc.
    Song,
    /// A song channel that has a place of its own.
    Channel(usize),
    /// What the keys of a slot play.
    Keys(usize),
    /// What a voice slot plays.
    Voice(usize),
}

impl Source {
    /// All that there are.
    fn all(routing: &Routing) -> Vec<Self> {
        let desk = (0..KEYBOARD_PLACE).filter(|place| routing.settings_at(*place).is_some());
        let channels = numbers(&routing.song_places, Option::is_some);
        let keys = numbers(&routing.keyboard, |slot| slot.space.is_some());
        let voices = numbers(&routing.voices, Option::is_some);
        let all = desk.map(Self::Desk).chain(routing.has_song_in_space().then_some(Self::Song));
        all.chain(channels.map(Self::Channel))
            .chain(keys.map(Self::Keys))
            .chain(voices.map(Self::Voice))
            .collect()
    }

    /// Degrees to the right and up, and metres, on which parameters come on top.
    fn base(self, routing: &Routing) -> [f32; 3] {
        let note = match self {
            Self::Desk(_) => None,
            Self::Song | Self::Channel(_) => {
                let place = self.song_place(routing);
                return [place.azimuth, place.elevation, place.distance].map(Option::unwrap_or_default);
            }
            Self::Keys(slot) => routing.keyboard.get(slot).and_then(|slot| slot.space.as_ref()),
            Self::Voice(slot) => routing.voices.get(slot).and_then(Option::as_ref),
        };
        note.map_or([0.0, 0.0, 1.0], |note| note.position)
    }

    /// A song channel's own place, with what it leaves open as the song has it; for all else the song's.
    fn song_place(self, routing: &Routing) -> SongPlace {
        let own = match self {
            Self::Channel(channel) => routing.song_places.get(channel).and_then(Option::as_ref),
            _ => None,
        };
        let (usual, none) = (SongSpace::default(), SongPlace::default());
        let (song, own) = (routing.song_space.as_ref().unwrap_or(&usual), own.unwrap_or(&none));
        SongPlace {
            azimuth: own.azimuth.or(Some(song.azimuth)),
            elevation: own.elevation.or(Some(song.elevation)),
            distance: own.distance.or(Some(song.distance)),
            occlusion: own.occlusion.or(Some(song.occlusion)),
            near_field: own.near_field.or(Some(song.near_field)),
            unknown: own.unknown.clone(),
        }
    }

    fn name(self) -> String {
        match self {
            Self::Desk(place) => source_name(place),
            Self::Song => "Song".to_owned(),
            Self::Channel(channel) => format!("Song Channel {}", channel + 1),
            Self::Keys(slot) => format!("Keys {}", slot + 1),
            Self::Voice(slot) => format!("Voice {}", slot + 1),
        }
    }

    /// As short as there is room for; the user's own name for a bus.
    fn short_name(self, view: &View) -> String {
        match self {
            Self::Desk(place) => short_name(view, place),
            Self::Channel(channel) => format!("Channel {}", channel + 1),
            Self::Song | Self::Keys(_) | Self::Voice(_) => self.name(),
        }
    }

    /// What stands in its dot.
    fn sign(self) -> String {
        match self {
            Self::Desk(place @ ..LANE_PLACE) => format!("{}", place + 1),
            Self::Desk(place @ LANE_PLACE..INPUT_PLACE) => format!("L{}", place - LANE_PLACE + 1),
            Self::Desk(place) => format!("I{}", place - INPUT_PLACE + 1),
            Self::Song => "S".to_owned(),
            Self::Channel(channel) => format!("c{}", channel + 1),
            Self::Keys(slot) => format!("K{}", slot + 1),
            Self::Voice(slot) => format!("V{}", slot + 1),
        }
    }
}

/// Which of some stand in space.
fn numbers<T>(of: &[T], stands: impl Fn(&T) -> bool) -> impl Iterator<Item = usize> {
    of.iter().enumerate().filter(move |(_, one)| stands(one)).map(|(number, _)| number)
}

/// The page, and which source it is about.
pub(super) struct Space {
    places: Vec<Position>,
    head: [Option<usize>; 3],
    /// How far the song's arc is opened, and where its middle goes.
    arc: Option<usize>,
    song: Position,
    /// Of all keys, and of voice slots.
    keyboard: Position,
    voices: Vec<Position>,
    /// Of song channels.
    channels: Vec<Position>,
    /// `None` until it is shown: then the first that is in space.
    chosen: Option<Source>,
    /// For files of ears.
    dialog: Dialog,
}

/// A field that may say nothing, and what it means then.
macro_rules! optional {
    ($field:ident, $otherwise:expr) => {
        (|of| of.$field.unwrap_or($otherwise), |of, value| of.$field = Some(value))
    };
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

/// Where notes of a slot are before parameters move them.
static OF_NOTES: [Setting<NoteSpace>; 3] = [
    linear(["Own azimuth", "°"], [-180.0, 180.0, 0.0], field!(position[0])),
    linear(["Own elevation", "°"], [-90.0, 90.0, 0.0], field!(position[1])),
    logarithmic(["Own distance", "m"], [0.1, 100.0, 1.0], field!(position[2])),
];

/// The same of a song channel.
static OF_CHANNEL: [Setting<SongPlace>; 5] = [
    linear(["Own azimuth", "°"], [-180.0, 180.0, 0.0], optional!(azimuth, 0.0)),
    linear(["Own elevation", "°"], [-90.0, 90.0, 0.0], optional!(elevation, 0.0)),
    logarithmic(["Own distance", "m"], [0.1, 100.0, 1.0], optional!(distance, 1.0)),
    linear(["Occlusion", ""], [0.0, 1.0, 0.0], optional!(occlusion, 0.0)),
    choice(
        ("Near field", &["off", "on"]),
        (
            |of| f32::from(u8::from(of.near_field.unwrap_or_default())),
            |of, value| of.near_field = Some(value >= 0.5),
        ),
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
        let song = [Target::SongAzimuth, Target::SongElevation, Target::SongDistance];
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
            arc: find(Target::SongArc),
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
        let there = Source::all(&view.routing);
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
                    if view.routing.has_notes_in_space() {
                        ui.horizontal(|ui| {
                            cell::text(ui, "All keys", NAME, Align2::LEFT_CENTER);
                            show_position(ui, controls, self.keyboard);
                        });
                    }
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

    fn show_map(&mut self, ui: &mut Ui, controls: &Controls<'_>, view: &View, there: &[Source]) {
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
        // What is chosen lies above all others.
        let chosen = self.chosen;
        for &source in there.iter().filter(|source| Some(**source) != chosen).chain(&chosen) {
            let [Some(azimuth), Some(elevation), Some(distance)] = self.position(source) else { continue }; // they are parameters
            let (position, mut base) = ([azimuth, elevation, distance], source.base(&view.routing));
            // What moves the song moves its channels, too.
            if let (Source::Channel(_), [Some(azimuth), Some(elevation), Some(distance)]) =
                (source, self.song)
            {
                base = moved(base, [azimuth, elevation, distance].map(|index| plain(controls, index)));
            }
            let dot = Dot { controls, map: &map, source, position, base };
            if source == Source::Song
                && let Some(song) = &view.routing.song_space
            {
                let widened = self.arc.map_or(1.0, |arc| plain(controls, arc) / 100.0);
                dot.paint_arc(ui, song.arc * widened);
            }
            if dot.show(ui, &source.short_name(view), chosen == Some(source)) {
                self.chosen = Some(source);
            }
        }
        if there.is_empty() {
            let text = "Nothing has a place in space: switch something on to the right.";
            ui.painter().text(
                rect.center_top() + vec2(0.0, 4.0),
                Align2::CENTER_TOP,
                text,
                font,
                theme::TEXT,
            );
        }
    }

    /// What moves a source: azimuth, elevation, distance.
    fn position(&self, source: Source) -> Position {
        let of = |places: &[Position], number: usize| places.get(number).copied().unwrap_or_default();
        match source {
            Source::Desk(place) => of(&self.places, place),
            Source::Song => self.song,
            Source::Channel(channel) => of(&self.channels, channel),
            Source::Keys(_) => self.keyboard,
            Source::Voice(slot) => of(&self.voices, slot),
        }
    }

    /// Where the chosen source is and how it sounds there.
    fn show_chosen(
        &mut self,
        ui: &mut Ui,
        (controls, view, instance): (&Controls<'_>, &View, &Instance),
        there: &[Source],
    ) {
        let Some(chosen) = self.chosen else { return };
        ui.horizontal_wrapped(|ui| {
            cell::text(ui, "Shown", NAME, Align2::LEFT_CENTER);
            for &source in there {
                let said = format!("Show {}", source.name());
                let name = source.short_name(view);
                if cell::button(ui, source == chosen, (&name, SWITCH), theme::ACCENT, &said).clicked() {
                    self.chosen = Some(source);
                }
            }
        });
        if !matches!(chosen, Source::Keys(_)) {
            show_position(ui, controls, self.position(chosen));
        }
        let (name, routing) = (chosen.name(), &view.routing);
        match chosen {
            Source::Desk(place) => {
                let Some(of) = routing.settings_at(place) else { return };
                settings::show(ui, (&name, &OF_SOURCE), of, |write, value| {
                    edit(instance, move |routing| {
                        let space = routing.space_mut(place).and_then(Option::as_mut);
                        space.into_iter().for_each(|space| write(&mut space.settings, value));
                    });
                });
            }
            Source::Song => {
                cell::labelled_bar(ui, controls, self.arc, BAR, "Arc opened");
                let Some(song) = &routing.song_space else { return };
                settings::show(ui, ("Song in space", &OF_SONG), song, |write, value| {
                    edit(instance, move |routing| {
                        routing.song_space.iter_mut().for_each(|song| write(song, value))
                    });
                });
            }
            Source::Channel(channel) => {
                let place = chosen.song_place(routing);
                settings::show(ui, (&name, &OF_CHANNEL), &place, |write, value| {
                    edit(instance, move |routing| {
                        let place = routing.song_places.get_mut(channel).and_then(Option::as_mut);
                        place.into_iter().for_each(|place| write(place, value));
                    });
                });
            }
            Source::Keys(slot) => {
                let Some(notes) = routing.keyboard.get(slot).and_then(|slot| slot.space.as_ref()) else {
                    return;
                };
                show_notes(ui, &name, notes, |change| {
                    edit(instance, move |routing| {
                        let notes = routing.keyboard.get_mut(slot).and_then(|slot| slot.space.as_mut());
                        notes.into_iter().for_each(change);
                    });
                });
            }
            Source::Voice(slot) => {
                let Some(notes) = routing.voices.get(slot).and_then(Option::as_ref) else { return };
                show_notes(ui, &name, notes, |change| {
                    let change = move |voice: &mut VoiceSlot| voice.space.iter_mut().for_each(change);
                    instance.edit_later(Edit::Source(SourceEdit::voice(slot, change)));
                });
            }
        }
    }
}

/// Parameters that move something.
fn show_position(ui: &mut Ui, controls: &Controls<'_>, position: Position) {
    ui.horizontal(|ui| {
        for (index, word) in position.into_iter().zip(POSITION) {
            cell::labelled_bar(ui, controls, index, BAR, word);
        }
    });
}

/// How notes of a slot stand there; `change` takes what changes it.
fn show_notes(
    ui: &mut Ui,
    name: &str,
    notes: &NoteSpace,
    change: impl Fn(Box<dyn FnMut(&mut NoteSpace) + Send>),
) {
    settings::show(ui, (name, &OF_NOTES), notes, |write, value| {
        change(Box::new(move |notes| write(notes, value)));
    });
    settings::show(ui, (&format!("{name} in space"), &OF_SOURCE), &notes.space.settings, |write, value| {
        change(Box::new(move |notes| write(&mut notes.space.settings, value)));
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

/// A source on the map: what moves it, and from where.
struct Dot<'a> {
    controls: &'a Controls<'a>,
    map: &'a Map,
    source: Source,
    /// Parameters: azimuth, elevation, distance.
    position: [usize; 3],
    base: [f32; 3],
}

impl Dot<'_> {
    /// Azimuth and elevation in degrees, and metres.
    fn stands(&self) -> [f32; 3] {
        moved(self.base, self.position.map(|index| plain(self.controls, index)))
    }

    /// The same, once what was asked for has been done.
    fn destination(&self, ui: &Ui, id: Id) -> [f32; 3] {
        let place = |index| drag::destination(ui, &self.parameter(index), id.with(index));
        moved(self.base, self.position.map(|index| self.controls.kind(index).plain(place(index))))
    }

    fn parameter(&self, index: usize) -> Parameter<'_> {
        Parameter { controls: self.controls, index }
    }

    /// On the map, by azimuth and metres.
    fn at(&self, [azimuth, _, metres]: [f32; 3]) -> Pos2 {
        self.map.at(azimuth, self.part(metres))
    }

    /// The part of the way to the map's edge at which something is that far away.
    fn part(&self, metres: f32) -> f32 {
        self.controls.kind(self.position[2]).normalise(metres)
    }

    /// Puts it so far to the right and away by what moves it.
    fn place(&self, azimuth: f32, metres: f32, put: impl Fn(usize, f32)) {
        let [turn, _, away] = self.position;
        put(turn, self.controls.kind(turn).normalise(wrapped(azimuth - self.base[0])));
        put(away, self.controls.kind(away).normalise(metres / self.base[2]));
    }

    /// The arc of a song, whose middle is here.
    fn paint_arc(&self, ui: &Ui, degrees: f32) {
        let [middle, _, metres] = self.stands();
        let part = self.part(metres);
        let at =
            |step: u8| self.map.at(middle + degrees * (f32::from(step) / f32::from(ARC_STEPS) - 0.5), part);
        ui.painter().add(egui::Shape::line((0..=ARC_STEPS).map(at).collect(), Stroke::new(3.0, theme::FILL)));
    }

    /// Returns whether somebody asks for it.
    fn show(&self, ui: &mut Ui, name: &str, chosen: bool) -> bool {
        let id = ui.make_persistent_id(("source", self.source));
        let held: Option<Pos2> = ui.data(|data| data.get_temp(id));
        let stands = self.stands();
        let [azimuth, elevation, _] = stands;
        let at = held.unwrap_or_else(|| self.at(stands));
        let response =
            ui.interact(Rect::from_center_size(at, vec2(2.0 * DOT, 2.0 * DOT)), id, Sense::click_and_drag());
        self.drag(ui, &response, held);
        if response.double_clicked() {
            self.bring_back(ui, id);
        }
        self.step_by_keys(ui, &response);
        let enabled = ui.is_enabled();
        let said = format!("{} from above", self.source.name());
        response.widget_info(|| WidgetInfo::slider(enabled, f64::from(azimuth), &said));
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
        ui.painter().text(at, Align2::CENTER_CENTER, self.source.sign(), font.clone(), ink);
        let beside = pos2(at.x, at.y + DOT);
        ui.painter().text(beside, Align2::CENTER_TOP, format!("{name}{height}"), font, theme::TEXT);
        let asked = response.clicked() || response.drag_started();
        response.on_hover_text(self.position.map(|index| cell::hint(self.controls, index)).join("\n"));
        asked
    }

    /// The host takes a change in its own time, so while the dot is held its place is kept here.
    fn drag(&self, ui: &Ui, response: &Response, held: Option<Pos2>) {
        let both = [self.position[0], self.position[2]];
        let gesture = |step| both.into_iter().for_each(|index| self.controls.gesture(index, step));
        // Where it is let go counts, too.
        let holds = response.dragged() || response.drag_stopped();
        if response.drag_started() {
            gesture(Gesture::Begin);
        }
        if holds {
            let stands = self.destination(ui, response.id);
            let mut at = held.unwrap_or_else(|| self.at(stands));
            let pulled = drag::pulled(response);
            if pulled != Vec2::ZERO {
                let fine = if ui.input(|input| input.modifiers.shift) { drag::FINE } else { 1.0 };
                let (azimuth, part) = self.map.read(at + fine * pulled, stands[0]);
                let metres = self.controls.kind(self.position[2]).plain(part);
                self.place(azimuth, metres, |index, place| {
                    self.controls.gesture(index, Gesture::Move(place));
                    drag::note_asked(ui, response.id.with(index), place);
                });
                at = self.map.at(azimuth, part);
            }
            ui.data_mut(|data| data.insert_temp(response.id, at));
        }
        // What is held no more was let go where nobody saw it.
        if response.drag_stopped() || held.is_some() && !holds {
            gesture(Gesture::End);
            ui.data_mut(|data| data.remove::<Pos2>(response.id));
        }
    }

    fn put(&self, ui: &Ui, id: Id, (index, place): (usize, f32)) {
        drag::put(ui, &self.parameter(index), id.with(index), place);
    }

    fn bring_back(&self, ui: &Ui, id: Id) {
        let default = |index| (index, self.controls.params.default(index));
        self.position.into_iter().for_each(|index| self.put(ui, id, default(index)));
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
            self.bring_back(ui, response.id);
        }
        let [azimuth, _, metres] = self.destination(ui, response.id);
        let set = |moved: usize| {
            move |index, place| {
                if index == moved {
                    self.put(ui, response.id, (index, place))
                }
            }
        };
        if turns != 0.0 {
            self.place(azimuth + turns * TURN_DEG, metres, set(self.position[0]));
        }
        if away != 0.0 {
            self.place(azimuth, metres * RATIO.powf(away), set(self.position[2]));
        }
    }
}

/// A place with parameters' values on top.
fn moved([azimuth, elevation, metres]: [f32; 3], [right, up, times]: [f32; 3]) -> [f32; 3] {
    [wrapped(azimuth + right), (elevation + up).clamp(-90.0, 90.0), metres * times]
}

/// An azimuth from -180 to 180 degrees.
fn wrapped(degrees: f32) -> f32 {
    (degrees + 180.0).rem_euclid(360.0) - 180.0
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
                    space.into_iter().for_each(|space| *space = space.is_none().then(BusSpace::default));
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
            edit(instance, |routing| {
                routing.song_space = routing.song_space.is_none().then(SongSpace::default)
            });
        }
    });
    ui.horizontal_wrapped(|ui| {
        cell::text(ui, "By themselves", NAME, Align2::LEFT_CENTER);
        for channel in 0..view.channels {
            let on = view.routing.song_places.get(channel).is_some_and(Option::is_some);
            let said = format!("Song Channel {} in space, at a place of its own", channel + 1);
            let number = (channel + 1).to_string();
            if cell::button(ui, on, (&number, CHANNEL), theme::ACCENT, &said).on_hover_text(&said).clicked() {
                let [azimuth, elevation, distance] = Source::Song.base(&view.routing).map(Some);
                let place = SongPlace { azimuth, elevation, distance, ..SongPlace::default() };
                edit(instance, move |routing| {
                    if let Some(own) = routing.song_places.get_mut(channel) {
                        *own = own.is_none().then_some(place);
                    }
                });
            }
        }
    });
}

fn show_room(ui: &mut Ui, view: &View, instance: &Instance) {
    let room = view.routing.room.as_ref();
    ui.horizontal(|ui| {
        cell::text(ui, "Around it", NAME, Align2::LEFT_CENTER);
        if cell::button(ui, room.is_some(), ("Room", SWITCH), theme::ACCENT, "Room around what is in space")
            .clicked()
        {
            edit(instance, |routing| routing.room = routing.room.is_none().then(RoomAround::default));
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
