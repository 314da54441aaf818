//! Where everything goes: plain data, and the graph that it stands for.
//!
//! Any thread but the audio thread. Indices count from 0, in files from 1; a bus that does not exist leaves its source
//! unheard. In files a routing is only what differs from the default.

use super::BUSES;
use super::INPUT_CHANNELS;
use super::INSTRUMENTS;
use super::MASTER;
use super::RETURNS;
use super::SONG_CHANNELS;
use super::STRIP_CHANNELS;
use super::STRIPS;
use super::room::RoomAround;
use super::route::BusOrNone;
use super::route::Connection;
use super::route::FoldOrBroadcast;
use super::route::HostOutput;
use super::route::Route;
use super::route::SideSource;
use super::song_space;
use super::song_space::SongPlace;
use super::song_space::SongSpace;
use super::source;
use super::source::InputRoute;
use super::source::SourceRoute;
use super::space::BusSpace;
use super::space::Listener;
use super::space::NoteSpace;
use super::space::SpaceOutput;
use super::space::part_of;
use super::strip_name;
use super::unknown::Unknown;
use crate::audio::Placing;
use crate::graph::Graph;
use crate::graph::GraphError;
use crate::graph::NodeId;
use crate::graph::Plan;
use crate::lane::LANES;
use crate::space;
use crate::space::Settings;
use crate::tracker::KEYBOARD_SLOTS;
use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::Serializer;
use serde::de::Error as _;
use std::collections::BTreeMap;

/// The host's side of the desk: channels of each of its buses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// Channels of the main input; 0 for an instrument.
    pub main_input: usize,
    /// Channels of the sidechain input; 0 for none.
    pub sidechain: usize,
    /// Channels of each output; the first is main.
    pub outputs: Vec<usize>,
}

impl Layout {
    /// Input channels of the desk: main and sidechain, as many as it has.
    pub fn input_channels(&self) -> usize {
        (self.main_input + self.sidechain).min(INPUT_CHANNELS)
    }
}

/// A bus's name, width and ways on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Bus {
    /// Empty shows as "Bus 3"; see [`Routing::bus_name`].
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// 1 to 8; one of 1 is panned where it meets something wider. `None` makes bus 1 as wide as the main input and every other stereo.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "read_width")]
    pub channels: Option<usize>,
    /// Nowhere where empty; see [`Routing::fitted`] for outputs that the host does not have.
    #[serde(skip_serializing_if = "only_master", deserialize_with = "read_ways")]
    pub to: Vec<Connection>,
    /// What drives its duck and its machines' sidechains.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub side: Option<SideSource>,
    /// Where it is there, its sound goes through space on its way to the master.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub space: Option<BusSpace>,
    /// What a newer version has added.
    #[serde(flatten)]
    pub unknown: Unknown,
}

fn only_master(to: &[Connection]) -> bool {
    *to == [Route::Master.into()]
}

fn read_ways<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Connection>, D::Error> {
    let ways = Vec::<Connection>::deserialize(deserializer)?;
    let comes_again =
        |(place, way): &(usize, &Connection)| ways.iter().skip(place + 1).any(|w| w.to == way.to);
    match ways.iter().enumerate().find(comes_again) {
        Some((_, way)) => Err(D::Error::custom(format!("'{}' stands there twice", way.to))),
        None => Ok(ways),
    }
}

fn read_width<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<usize>, D::Error> {
    let channels = Option::<i64>::deserialize(deserializer)?;
    let width = |channels: i64| {
        let width = usize::try_from(channels).ok().filter(|width| (1..=STRIP_CHANNELS).contains(width));
        width.ok_or_else(|| {
            D::Error::custom(format!("{channels} channels do not exist: a bus has 1 to {STRIP_CHANNELS}"))
        })
    };
    channels.map(width).transpose()
}

impl Default for Bus {
    fn default() -> Self {
        Self {
            name: String::new(),
            channels: None,
            to: vec![Route::Master.into()],
            side: None,
            space: None,
            unknown: Unknown::default(),
        }
    }
}

/// What sends the song's notes to buses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SongBy {
    /// The song channel, by `song_channels`.
    #[default]
    Channel,
    /// The instrument (or sample, where there are no instruments), by `instruments`.
    Instrument,
}

/// All routes of a rack. In files, maps hold only what differs from the default: `3 = "bus 2"`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "File", into = "File")]
pub struct Routing {
    /// Which of the next two maps counts.
    pub song_by: SongBy,
    /// Bus of each song channel; `None` is nowhere.
    pub song_channels: Vec<Option<usize>>,
    /// Where it is there, the notes of the song stand in space and go to no bus.
    pub song_space: Option<SongSpace>,
    /// Places of single song channels in space, with or without the rest of the song.
    pub song_places: Vec<Option<SongPlace>>,
    /// Bus of each instrument.
    pub instruments: Vec<Option<usize>>,
    /// Where each keyboard slot goes.
    pub keyboard: Vec<SourceRoute<NoteSpace>>,
    /// Where each lane goes.
    pub lanes: Vec<SourceRoute>,
    /// Bus of the main input.
    pub input: Option<usize>,
    /// What is said of each input channel, those of the main input first.
    pub inputs: Vec<InputRoute>,
    /// Voice slots in space, in their order. Their own entries say so in files, not the routes.
    pub voices: Vec<Option<NoteSpace>>,
    /// Host output of the monitor mix.
    pub monitor: usize,
    /// What leaves space, where anything is in it.
    pub space_output: SpaceOutput,
    /// Who hears what is in space.
    pub listener: Listener,
    /// The room around what is in space.
    pub room: Option<RoomAround>,
    /// Every bus of the desk.
    pub buses: Vec<Bus>,
    /// What a newer version has added.
    pub unknown: Unknown,
}

impl Default for Routing {
    /// The song, the lanes and the inputs on bus 1, the keyboard on bus 2, every bus to the master.
    fn default() -> Self {
        Self {
            song_by: SongBy::default(),
            song_channels: vec![SONG_BUS; SONG_CHANNELS],
            song_space: None,
            song_places: vec![None; SONG_CHANNELS],
            instruments: vec![SONG_BUS; INSTRUMENTS],
            keyboard: vec![KEYBOARD_BUS.into(); KEYBOARD_SLOTS],
            lanes: vec![LANE_BUS.into(); LANES],
            input: INPUT_BUS,
            inputs: vec![InputRoute::default(); INPUT_CHANNELS],
            voices: Vec::new(),
            monitor: 0,
            space_output: SpaceOutput::default(),
            listener: Listener::default(),
            room: None,
            buses: vec![Bus::default(); BUSES],
            unknown: Unknown::default(),
        }
    }
}

const SONG_BUS: Option<usize> = Some(0);
const KEYBOARD_BUS: Option<usize> = Some(1);
const LANE_BUS: Option<usize> = Some(0);
/// No bus at all, in what a plan brings along for the song's instruments.
pub(crate) const NOWHERE: u8 = u8::MAX;
const INPUT_BUS: Option<usize> = Some(0);

/// A routing as it is written.
#[derive(Serialize, Deserialize)]
#[serde(default)]
struct File {
    #[serde(skip_serializing_if = "is_default")]
    song_by: SongBy,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    song_channels: BTreeMap<Number<SONG_CHANNELS>, BusOrNone>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    instruments: BTreeMap<Number<INSTRUMENTS>, BusOrNone>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    keyboard: BTreeMap<Number<KEYBOARD_SLOTS>, source::File<NoteSpace>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    lanes: BTreeMap<Number<LANES>, source::File<BusSpace>>,
    #[serde(skip_serializing_if = "is_input_bus")]
    input: BusOrNone,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    inputs: BTreeMap<Number<INPUT_CHANNELS>, InputRoute>,
    #[serde(skip_serializing_if = "is_default")]
    monitor: HostOutput,
    #[serde(skip_serializing_if = "is_default")]
    space_output: SpaceOutput,
    #[serde(skip_serializing_if = "is_default")]
    listener: Listener,
    #[serde(skip_serializing_if = "Option::is_none")]
    room: Option<RoomAround>,
    #[serde(skip_serializing_if = "Option::is_none")]
    song_space: Option<SongSpace>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    song_places: BTreeMap<Number<SONG_CHANNELS>, SongPlace>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    buses: BTreeMap<Number<BUSES>, Bus>,
    #[serde(flatten)]
    unknown: Unknown,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn is_input_bus(bus: &BusOrNone) -> bool {
    bus.0 == INPUT_BUS
}

impl Default for File {
    fn default() -> Self {
        Routing::default().into()
    }
}

/// A key of a map in a file, which counts from 1 to `LAST`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Number<const LAST: usize>(usize);

impl<const LAST: usize> Serialize for Number<LAST> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&(self.0 + 1))
    }
}

impl<'de, const LAST: usize> Deserialize<'de> for Number<LAST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let number = text.parse::<usize>().ok().filter(|number| *number > 0);
        match number {
            Some(number) if number <= LAST => Ok(Self(number - 1)),
            Some(number) => Err(D::Error::custom(format!("{number} does not exist: 1 to {LAST} do"))),
            None => Err(D::Error::custom(format!("'{text}' is no number from 1 up"))),
        }
    }
}

/// A list from what differs from `default` in it; `value` is handed what would be there.
fn filled<const LAST: usize, T, U: Clone>(
    mut list: Vec<U>,
    differing: BTreeMap<Number<LAST>, T>,
    value: fn(T, &U) -> U,
) -> Vec<U> {
    for (Number(index), found) in differing {
        if let Some(place) = list.get_mut(index) {
            *place = value(found, place);
        }
    }
    list
}

/// What differs from `default` in a list.
fn differing<const LAST: usize, T, U: PartialEq>(
    list: Vec<U>,
    default: &U,
    value: impl Fn(U) -> T,
) -> BTreeMap<Number<LAST>, T> {
    let differs = list.into_iter().enumerate().filter(|(_, found)| found != default);
    differs.map(|(index, found)| (Number(index), value(found))).collect()
}

impl From<Routing> for File {
    fn from(routing: Routing) -> Self {
        let (keyboard, lane) = (KEYBOARD_BUS.into(), LANE_BUS.into());
        Self {
            song_by: routing.song_by,
            song_channels: differing(routing.song_channels, &SONG_BUS, BusOrNone),
            instruments: differing(routing.instruments, &SONG_BUS, BusOrNone),
            keyboard: differing(routing.keyboard, &keyboard, |route| source::File::of(route, &keyboard)),
            lanes: differing(routing.lanes, &lane, |route| source::File::of(route, &lane)),
            input: BusOrNone(routing.input),
            inputs: differing(routing.inputs, &InputRoute::default(), |input| input),
            monitor: HostOutput(routing.monitor),
            space_output: routing.space_output,
            listener: routing.listener,
            room: routing.room,
            song_space: routing.song_space,
            song_places: (0..)
                .map(Number)
                .zip(routing.song_places)
                .filter_map(|(n, place)| Some((n, place?)))
                .collect(),
            buses: differing(routing.buses, &Bus::default(), |bus| bus),
            unknown: routing.unknown,
        }
    }
}

impl From<File> for Routing {
    fn from(file: File) -> Self {
        let all = Self::default();
        Self {
            song_by: file.song_by,
            song_channels: filled(all.song_channels, file.song_channels, |bus, _| bus.0),
            instruments: filled(all.instruments, file.instruments, |bus, _| bus.0),
            keyboard: filled(all.keyboard, file.keyboard, source::File::route),
            lanes: filled(all.lanes, file.lanes, source::File::route),
            input: file.input.0,
            inputs: filled(all.inputs, file.inputs, |input, _| input),
            voices: Vec::new(),
            monitor: file.monitor.0,
            space_output: file.space_output,
            listener: file.listener,
            room: file.room,
            song_space: file.song_space,
            song_places: filled(all.song_places, file.song_places, |place, _| Some(place)),
            buses: filled(all.buses, file.buses, |bus, _| bus),
            unknown: file.unknown,
        }
    }
}

/// The first song channel among the sources of the graph.
pub const SONG_SOURCE: usize = 0;
/// The first keyboard slot.
pub const KEYBOARD_SOURCE: usize = SONG_SOURCE + SONG_CHANNELS;
/// The first of the notes of the song that are routed by instrument: one source for each bus.
pub const INSTRUMENT_SOURCE: usize = KEYBOARD_SOURCE + KEYBOARD_SLOTS;
/// The first of what the keyboard sends: one source for each return.
pub const SEND_SOURCE: usize = INSTRUMENT_SOURCE + BUSES;
/// The main input, as wide as it is; silent where there is none.
pub const INPUT_SOURCE: usize = SEND_SOURCE + RETURNS;
/// The first of what the matrix puts out: one source for each bus.
pub const MATRIX_SOURCE: usize = INPUT_SOURCE + 1;
/// The first input channel for sidechains, mono, after its trim, mute and solo.
pub const INPUT_CHANNEL_SOURCE: usize = MATRIX_SOURCE + BUSES;
/// The host's sidechain as it comes.
pub const SIDECHAIN_SOURCE: usize = INPUT_CHANNEL_SOURCE + INPUT_CHANNELS;
/// The first of the voices: one source for each bus.
pub const VOICE_SOURCE: usize = SIDECHAIN_SOURCE + 1;
/// The first lane.
pub const LANE_SOURCE: usize = VOICE_SOURCE + BUSES;
/// What the song has in space, in the field's own channels.
pub const SONG_FIELD_SOURCE: usize = LANE_SOURCE + LANES;
/// What single notes put into space, in the field's own channels.
pub const FIELD_SOURCE: usize = SONG_FIELD_SOURCE + 1;
/// Sources of the graph.
pub const SOURCES: usize = FIELD_SOURCE + 1;

/// The first stream of space in the graph, where anything is in it: the field, and then all places.
pub const SPACE_STREAM: usize = STRIPS;
/// The first lane's place in space; those of the buses come before.
pub const LANE_PLACE: usize = BUSES;
/// The first input's place.
pub const INPUT_PLACE: usize = LANE_PLACE + LANES;
/// The first keyboard slot's place.
pub const KEYBOARD_PLACE: usize = INPUT_PLACE + INPUT_CHANNELS;
/// Places in space.
pub const PLACES: usize = KEYBOARD_PLACE + KEYBOARD_SLOTS;

/// Channels of a source's block.
pub fn source_channels(layout: &Layout, source: usize) -> usize {
    match source {
        INPUT_SOURCE => layout.main_input.max(1),
        INPUT_CHANNEL_SOURCE..SIDECHAIN_SOURCE => 1,
        SIDECHAIN_SOURCE => layout.sidechain.max(1),
        SONG_FIELD_SOURCE | FIELD_SOURCE => space::FIELD_CHANNELS,
        _ => 2,
    }
}

fn source_name(source: usize) -> String {
    match source {
        SONG_SOURCE..KEYBOARD_SOURCE => format!("Song Channel {}", source - SONG_SOURCE + 1),
        KEYBOARD_SOURCE..INSTRUMENT_SOURCE => format!("Keyboard {}", source - KEYBOARD_SOURCE + 1),
        INSTRUMENT_SOURCE..SEND_SOURCE => format!("Instruments on Bus {}", source - INSTRUMENT_SOURCE + 1),
        SEND_SOURCE..INPUT_SOURCE => format!("Keyboard Send {}", source - SEND_SOURCE + 1),
        INPUT_SOURCE => "Main Input".to_owned(),
        MATRIX_SOURCE..INPUT_CHANNEL_SOURCE => format!("Matrix on Bus {}", source - MATRIX_SOURCE + 1),
        INPUT_CHANNEL_SOURCE..SIDECHAIN_SOURCE => format!("Input {}", source - INPUT_CHANNEL_SOURCE + 1),
        SIDECHAIN_SOURCE => "Sidechain".to_owned(),
        VOICE_SOURCE..LANE_SOURCE => format!("Voices on Bus {}", source - VOICE_SOURCE + 1),
        LANE_SOURCE..SONG_FIELD_SOURCE => format!("Lane {}", source - LANE_SOURCE + 1),
        SONG_FIELD_SOURCE => "Song in Space".to_owned(),
        _ => "Notes in Space".to_owned(),
    }
}

impl Routing {
    /// Name of a bus as users see it.
    pub fn bus_name(&self, bus: usize) -> String {
        let named = self.buses.get(bus).filter(|bus| !bus.name.is_empty());
        named.map_or_else(|| strip_name(bus), |bus| bus.name.clone())
    }

    /// Channels of a strip: the first bus is as wide as the main input and the master as the main output, where
    /// nothing else is said; the returns are stereo.
    pub fn strip_channels(&self, layout: &Layout, strip: usize) -> usize {
        let own = self.buses.get(strip).and_then(|bus| bus.channels);
        own.unwrap_or(match strip {
            0 if layout.main_input > 0 => layout.main_input,
            MASTER => layout.outputs.first().copied().unwrap_or(2),
            _ => 2,
        })
    }

    /// The same for a host that may lack outputs: ways to those that it lacks are left out, and a bus that only went
    /// there goes to the master, so that it is still heard; so does the monitor.
    pub fn fitted(&self, layout: &Layout) -> Self {
        let mut fitted = self.clone();
        if fitted.monitor >= layout.outputs.len() {
            fitted.monitor = 0;
        }
        if fitted.space_output.outputs().end > layout.outputs.len() {
            fitted.space_output = SpaceOutput::default();
        }
        for bus in &mut fitted.buses {
            let had = bus.to.len();
            bus.to.retain(|way| !matches!(way.to, Route::Output(output) if output >= layout.outputs.len()));
            if bus.to.is_empty() && had > 0 {
                bus.to = vec![Route::Master.into()];
            }
        }
        fitted
    }

    /// Whether anything is in space.
    pub fn has_space(&self) -> bool {
        (0..PLACES).any(|place| self.settings_at(place).is_some())
            || self.has_notes_in_space()
            || self.has_song_in_space()
    }

    /// Whether notes of the song are, one by one.
    pub fn has_song_in_space(&self) -> bool {
        self.song_space.is_some() || self.song_places.iter().any(Option::is_some)
    }

    /// Whether a song channel stands in space, and goes to no bus.
    pub fn is_song_channel_in_space(&self, channel: usize) -> bool {
        let place = self.song_places.get(channel).and_then(Option::as_ref);
        song_space::is_in_space(self.song_space.as_ref(), place, channel)
    }

    /// Where in space song channels stand, if any do. Allocates.
    pub fn placing(&self) -> Option<Placing> {
        let place = || song_space::placing(self.song_space.as_ref(), &self.song_places);
        self.has_song_in_space().then(place)
    }

    /// Whether any slot whose notes stand in space one by one is there.
    pub fn has_notes_in_space(&self) -> bool {
        self.voices.iter().any(Option::is_some) || self.keyboard.iter().any(|slot| slot.space.is_some())
    }

    /// What the source of a place in space is like there; `None` where it is not there.
    pub fn settings_at(&self, place: usize) -> Option<&Settings> {
        let space = match place {
            ..LANE_PLACE => self.buses.get(place)?.space.as_ref(),
            LANE_PLACE..INPUT_PLACE => self.lanes.get(place - LANE_PLACE)?.space.as_ref(),
            INPUT_PLACE..KEYBOARD_PLACE => self.inputs.get(place - INPUT_PLACE)?.space.as_ref(),
            _ => self.keyboard.get(place - KEYBOARD_PLACE)?.space.as_ref().map(|note| &note.space),
        };
        space.map(|space| &space.settings)
    }

    /// What is said of a bus, a lane or an input channel in space, by its place, to be changed, set or taken away.
    pub fn space_mut(&mut self, place: usize) -> Option<&mut Option<BusSpace>> {
        match place {
            ..LANE_PLACE => self.buses.get_mut(place).map(|bus| &mut bus.space),
            LANE_PLACE..INPUT_PLACE => self.lanes.get_mut(place - LANE_PLACE).map(|lane| &mut lane.space),
            INPUT_PLACE..KEYBOARD_PLACE => {
                self.inputs.get_mut(place - INPUT_PLACE).map(|input| &mut input.space)
            }
            _ => None,
        }
    }

    /// Channels of a place in space.
    pub fn place_channels(&self, layout: &Layout, place: usize) -> usize {
        match place {
            ..LANE_PLACE => self.strip_channels(layout, place).min(2),
            INPUT_PLACE..KEYBOARD_PLACE => 1,
            _ => 2,
        }
    }

    fn place_name(&self, place: usize) -> String {
        let source = match place {
            ..LANE_PLACE => self.bus_name(place),
            LANE_PLACE..INPUT_PLACE => source_name(LANE_SOURCE + place - LANE_PLACE),
            INPUT_PLACE..KEYBOARD_PLACE => source_name(INPUT_CHANNEL_SOURCE + place - INPUT_PLACE),
            _ => source_name(KEYBOARD_SOURCE + place - KEYBOARD_PLACE),
        };
        format!("{source} in Space")
    }

    /// Host outputs that a field goes to, in the order of its channels.
    pub fn field_outputs(&self) -> std::ops::Range<usize> {
        if self.has_space() { self.space_output.outputs() } else { 0..0 }
    }

    /// Compiles the routes into a plan, fitted to the host's outputs; it is marked with the voice slots, the keyboard
    /// slots and the input channels that are in space.
    /// Allocates.
    pub fn compile(&self, layout: &Layout) -> Result<Plan, GraphError> {
        let mut plan = self.fitted(layout).graph(layout)?.compile()?;
        if self.song_by == SongBy::Instrument {
            plan.assign(self.buses_of_instruments());
        }
        plan.mark([
            bits(self.voices.iter().map(Option::is_some)),
            bits(self.keyboard.iter().map(|slot| slot.space.is_some())),
            bits(self.inputs.iter().map(|input| input.space.is_some())),
        ]);
        if let Some(placing) = self.placing() {
            plan.place(placing);
        }
        Ok(plan)
    }

    /// Bus of each instrument by its number from 1; what has none goes where the song does by default.
    fn buses_of_instruments(&self) -> Box<[u8]> {
        let numbers = std::iter::once(&SONG_BUS).chain(&self.instruments);
        numbers.map(|bus| bus.filter(|bus| *bus < BUSES).map_or(NOWHERE, |bus| bus as u8)).collect()
    }

    fn graph(&self, layout: &Layout) -> Result<Graph, GraphError> {
        let mut graph = Graph::new(&FoldOrBroadcast);
        let sources: Vec<NodeId> = (0..SOURCES)
            .map(|source| graph.add_source(source_name(source), source_channels(layout, source)))
            .collect();
        let mut strips = Vec::new();
        for strip in 0..=MASTER {
            let (name, channels) = (self.bus_name(strip), self.strip_channels(layout, strip));
            if !(1..=STRIP_CHANNELS).contains(&channels) {
                return Err(GraphError::Width { name, channels, most: STRIP_CHANNELS });
            }
            strips.push(graph.add_stream(name, channels));
        }
        let space = self.add_space(&mut graph, layout);
        let outputs: Vec<NodeId> = (1..)
            .zip(&layout.outputs)
            .map(|(number, &channels)| graph.add_output(format!("Output {number}"), channels))
            .collect();
        self.connect_sources(&mut graph, &sources, (&strips, &space));
        self.connect_sides(&mut graph, &sources, &strips);
        self.connect_strips(&mut graph, &strips, (&space, &outputs));
        let fields = (sources[SONG_FIELD_SOURCE], sources[FIELD_SOURCE], strips[MASTER]);
        self.connect_space(&mut graph, fields, (&space, &outputs));
        Ok(graph)
    }

    fn connect_sources(
        &self,
        graph: &mut Graph,
        sources: &[NodeId],
        (strips, space): (&[NodeId], &[NodeId]),
    ) {
        let (buses, returns) = strips.split_at(BUSES); // the master comes after both
        let mut feed = |first: usize, to: &[Option<usize>]| {
            for (&source, bus) in sources.iter().skip(first).zip(to) {
                if let Some(&bus) = bus.and_then(|bus| buses.get(bus)) {
                    graph.connect(source, bus);
                }
            }
        };
        let keyboard: Vec<_> = self.keyboard.iter().map(SourceRoute::heard_on).collect();
        let lanes: Vec<_> = self.lanes.iter().map(SourceRoute::heard_on).collect();
        let each: Vec<Option<usize>> = (0..BUSES).map(Some).collect();
        let song = self.song_channels.iter().enumerate();
        let on_buses = song.map(|(channel, bus)| bus.filter(|_| !self.is_song_channel_in_space(channel)));
        feed(SONG_SOURCE, &on_buses.collect::<Vec<_>>());
        feed(KEYBOARD_SOURCE, &keyboard);
        feed(INSTRUMENT_SOURCE, &each);
        feed(INPUT_SOURCE, &[self.input]);
        feed(MATRIX_SOURCE, &each);
        feed(VOICE_SOURCE, &each);
        feed(LANE_SOURCE, &lanes);
        for (&source, &to) in sources[SEND_SOURCE..].iter().zip(&returns[..RETURNS]) {
            graph.connect(source, to);
        }
        let placed = [
            (LANE_PLACE..INPUT_PLACE, LANE_SOURCE),
            (INPUT_PLACE..KEYBOARD_PLACE, INPUT_CHANNEL_SOURCE),
            (KEYBOARD_PLACE..PLACES, KEYBOARD_SOURCE),
        ];
        for (place, source) in placed.into_iter().flat_map(|(places, first)| places.zip(first..)) {
            if let Some(&to) = space.get(1 + place).filter(|_| self.settings_at(place).is_some()) {
                graph.connect(sources[source], to); // one of all sources
            }
        }
        graph.group(&sources[SONG_SOURCE..KEYBOARD_SOURCE]);
        // Whoever plays notes turns up what comes into space, and down what leaves it.
        graph.group(&sources[FIELD_SOURCE..=FIELD_SOURCE]);
        graph.group(&sources[SONG_FIELD_SOURCE..=SONG_FIELD_SOURCE]);
    }

    fn connect_sides(&self, graph: &mut Graph, sources: &[NodeId], strips: &[NodeId]) {
        for (&strip, bus) in strips[..BUSES].iter().zip(&self.buses) {
            let side = bus.side.and_then(|side| match side {
                SideSource::Bus(bus) => strips[..BUSES].get(bus),
                SideSource::Input(input) => sources[INPUT_CHANNEL_SOURCE..SIDECHAIN_SOURCE].get(input),
                SideSource::Sidechain => sources.get(SIDECHAIN_SOURCE),
            });
            if let Some(&side) = side {
                graph.connect_side(side, strip);
            }
        }
    }

    /// The field and all places, if anything is in space.
    fn add_space(&self, graph: &mut Graph, layout: &Layout) -> Vec<NodeId> {
        if !self.has_space() {
            return Vec::new();
        }
        let mut nodes = vec![graph.add_stream("Space", space::FIELD_CHANNELS)];
        nodes.extend(
            (0..PLACES)
                .map(|place| graph.add_stream(self.place_name(place), self.place_channels(layout, place))),
        );
        nodes.iter().for_each(|&node| graph.make_gentle(node));
        nodes
    }

    /// Whether the source of a place sounds there.
    fn is_placed(&self, place: usize) -> bool {
        let to_master = |bus: &Bus| bus.to.iter().any(|way| way.to == Route::Master);
        self.settings_at(place).is_some() && self.buses.get(place).is_none_or(to_master)
    }

    /// What sounds from all places comes to the field, and what leaves that to the master or to outputs of its own.
    fn connect_space(
        &self,
        graph: &mut Graph,
        (song, notes, master): (NodeId, NodeId, NodeId),
        (space, outputs): (&[NodeId], &[NodeId]),
    ) {
        let Some((&field, places)) = space.split_first() else { return };
        for (_, &place) in places.iter().enumerate().filter(|(place, _)| self.is_placed(*place)) {
            graph.connect_outlet(place, 0, field);
        }
        if self.has_song_in_space() {
            graph.connect(song, field);
        }
        if self.has_notes_in_space() {
            graph.connect(notes, field);
        }
        let SpaceOutput::AmbiX(order) = self.space_output else {
            return graph.connect_outlet(field, 0, master);
        };
        let taken = outputs.get(self.field_outputs()).unwrap_or(&[]);
        for (number, &output) in taken.iter().enumerate() {
            if let Some(part) = part_of(order, number) {
                graph.connect_with(field, output, part);
            }
        }
    }

    fn connect_strips(&self, graph: &mut Graph, strips: &[NodeId], (space, outputs): (&[NodeId], &[NodeId])) {
        for (number, (&strip, bus)) in strips[..BUSES].iter().zip(&self.buses).enumerate() {
            let place = space.get(1 + number).filter(|_| bus.space.is_some());
            for Connection { to, mix, .. } in &bus.to {
                let to = match *to {
                    Route::Master => place.or(strips.get(MASTER)),
                    Route::Bus(bus) => strips[..BUSES].get(bus),
                    Route::Output(output) => outputs.get(output),
                };
                match (to, mix) {
                    (Some(&to), Some(mix)) => graph.connect_with(strip, to, mix.mix()),
                    (Some(&to), None) => graph.connect(strip, to),
                    (None, _) => {}
                }
            }
        }
        for (send, &back) in strips[BUSES..BUSES + RETURNS].iter().enumerate() {
            strips[..BUSES].iter().for_each(|&bus| graph.connect_outlet(bus, send, back));
            graph.connect(back, strips[MASTER]);
        }
        if let Some(&main) = outputs.first() {
            graph.connect(strips[MASTER], main);
        }
    }
}

/// Those of places of which something is true.
fn bits(places: impl Iterator<Item = bool>) -> u128 {
    let places = (0..u128::BITS).zip(places).filter(|(_, is)| *is);
    places.fold(0, |bits, (place, _)| bits | 1 << place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mixer::MixPolicy;

    fn layout() -> Layout {
        Layout { main_input: 0, sidechain: 2, outputs: vec![2; 16] }
    }

    fn read(text: &str) -> Result<Routing, String> {
        toml::from_str(text).map_err(|error: toml::de::Error| error.to_string())
    }

    #[test]
    fn the_default_routing_compiles_for_every_host_layout() {
        assert!(Routing::default().compile(&layout()).is_ok());
        for channels in 1..=8 {
            let mut outputs = vec![2; 7];
            outputs[0] = channels;
            let layout = Layout { main_input: channels, sidechain: 2, outputs };
            assert!(Routing::default().compile(&layout).is_ok());
        }
    }

    #[test]
    fn a_file_holds_only_what_differs_and_unknown_fields_survive_everywhere() {
        assert_eq!(toml::to_string(&Routing::default()).unwrap(), "");
        let text = r#"song_by = "instrument"
input = "none"
monitor = "output 3"
colour = "red"

[song_channels]
3 = "bus 2"
12 = "none"

[instruments]
255 = "bus 16"

[keyboard]
1 = "bus 1"

[buses.3]
name = "Drums"
channels = 6
to = ["bus 5", { to = "output 2", mix = "truncate" }, { to = "master", gain = 0.5 }]
side = "input 2"
width = 7

[buses.10]
to = []
side = "sidechain"
"#;
        let routing = read(text).unwrap();
        assert_eq!((routing.song_by, routing.input, routing.monitor), (SongBy::Instrument, None, 2));
        assert_eq!(routing.song_channels[1..4], [Some(0), Some(1), Some(0)]);
        assert_eq!((routing.song_channels[11], routing.instruments[254]), (None, Some(15)));
        let drums = &routing.buses[2];
        assert_eq!(
            drums.to[..2],
            [Route::Bus(4).into(), Connection::mixed(Route::Output(1), MixPolicy::Truncate)]
        );
        assert_eq!((drums.channels, drums.side), (Some(6), Some(SideSource::Input(1))));
        assert_eq!((routing.bus_name(2), routing.bus_name(3)), ("Drums".to_owned(), "Bus 4".to_owned()));
        assert!(routing.buses[9].to.is_empty());
        let again = toml::to_string(&routing).unwrap();
        assert_eq!(read(&again).unwrap(), routing, "{again}");
        assert!(again.contains("gain = 0.5") && again.contains("width = 7") && again.contains("colour"));
        let json = serde_json::to_string(&routing).unwrap();
        assert_eq!(serde_json::from_str::<Routing>(&json).unwrap(), routing);
    }

    #[test]
    fn a_wrong_text_is_refused_with_what_is_wrong_and_where() {
        for (text, what, place) in [
            ("\n[song_channels]\n3 = \"bus 17\"", "'bus 17' does not exist: buses 1 to 16 do", "line 3"),
            ("[song_channels]\n3 = \"bus 1\"\n65 = \"bus 1\"", "65 does not exist: 1 to 64 do", "line 3"),
            ("[song_channels]\nx = \"bus 1\"", "'x' is no number from 1 up", "line 2"),
            ("[buses.1]\n[keyboard]\n17 = \"bus 1\"", "17 does not exist: 1 to 16 do", "line 3"),
            ("[buses.0]", "'0' is no number from 1 up", "line 1"),
            ("[buses.1]\n\n[buses.17]", "17 does not exist: 1 to 16 do", "line 3"),
            ("[buses.1]\nto = [\"out 2\"]", "'out 2' is none of 'master', 'bus 3' or 'output 2'", "line 2"),
            ("[buses.1]\nto = [7]", "expected a route (\"master\") or a table", "line 2"),
            ("[buses.1]\nto = [{ to = \"master\", mix = \"fold\" }]", "unknown variant `fold`", "line 2"),
            ("[buses.1]\n[buses.2]\nto = [\"bus 3\", \"bus 3\"]", "'bus 3' stands there twice", "line 3"),
            ("[buses.1]\nchannels = 9", "9 channels do not exist: a bus has 1 to 8", "line 2"),
            ("[buses.1]\nchannels = -1", "-1 channels do not exist: a bus has 1 to 8", "line 2"),
            ("[buses.1]\nside = \"master\"", "'master' is none of 'bus 3', 'input 2' or", "line 2"),
            ("monitor = \"master\"", "'master' is none of the outputs: 'output 2'", "line 1"),
            ("song_by = \"sample\"", "unknown variant `sample`", "line 1"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(what) && error.contains(place), "{text}: {error}");
        }
    }

    #[test]
    fn widths_are_what_the_rack_says_or_else_the_hosts() {
        let insert = Layout { main_input: 6, sidechain: 2, outputs: vec![6, 2, 2] };
        let mut routing = Routing::default();
        let widths = |routing: &Routing, layout: &Layout| {
            [0, 1, BUSES, MASTER].map(|strip| routing.strip_channels(layout, strip))
        };
        assert_eq!(widths(&routing, &insert), [6, 2, 2, 6]);
        assert_eq!(widths(&routing, &layout()), [2, 2, 2, 2]);
        (routing.buses[0].channels, routing.buses[1].channels) = (Some(1), Some(8));
        assert_eq!(widths(&routing, &insert), [1, 8, 2, 6]);
        routing.buses[1].channels = Some(9);
        let error = routing.compile(&insert).err().unwrap();
        assert_eq!(error.to_string(), "Bus 2 has 9 channels; 1 to 8 are possible");
    }

    #[test]
    fn a_circle_is_refused_by_name_through_buses_and_sidechains() {
        let circle = |routing: &Routing| routing.compile(&layout()).err().unwrap().to_string();
        let mut routing = Routing::default();
        routing.buses[2].name = "Drums".to_owned();
        routing.buses[2].to.push(Route::Bus(4).into());
        routing.buses[4].to = vec![Route::Bus(2).into()];
        assert_eq!(circle(&routing), "this routing runs in a circle: Drums -> Bus 5 -> Drums");
        routing.buses[4].to = vec![Route::Bus(7).into()];
        assert!(routing.compile(&layout()).is_ok());
        routing.buses[2].side = Some(SideSource::Bus(7));
        assert_eq!(circle(&routing), "this routing runs in a circle: Drums -> Bus 5 -> Bus 8 -> Drums");
        routing.buses[2] = Bus { to: vec![Route::Bus(2).into()], ..Bus::default() };
        assert_eq!(circle(&routing), "this routing runs in a circle: Bus 3 -> Bus 3");
    }

    #[test]
    fn a_bus_whose_outputs_the_host_lacks_goes_where_else_it_goes_or_to_the_master() {
        let mut routing = Routing { song_channels: vec![Some(99); 3], ..Routing::default() };
        let ways: [&[Route]; 5] = [
            &[Route::Output(12)],
            &[Route::Output(12), Route::Bus(4)],
            &[Route::Output(1), Route::Output(12)],
            &[Route::Master, Route::Output(12)],
            &[],
        ];
        for (bus, ways) in routing.buses.iter_mut().zip(ways) {
            bus.to = ways.iter().map(|&way| way.into()).collect();
        }
        let small = Layout { outputs: vec![2, 2], ..layout() };
        let fitted = routing.fitted(&small);
        let ways = |bus: usize| fitted.buses[bus].to.iter().map(|way| way.to.to_string()).collect::<Vec<_>>();
        assert_eq!([ways(0), ways(1), ways(2), ways(3)], [["master"], ["bus 5"], ["output 2"], ["master"]]);
        assert!(fitted.buses[4].to.is_empty() && routing.compile(&small).is_ok());
        assert_eq!(routing.fitted(&layout()), routing);
    }
}
