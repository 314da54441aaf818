//! `busker info` of a rack: its desk, as lines for people or as JSON.

use busker::engine;
use busker::engine::ArmedTap;
use busker::engine::ParameterSpec;
use busker::engine::Target;
use busker::machine::MachineKind;
use busker::mixer::BUSES;
use busker::mixer::Bus;
use busker::mixer::Connection;
use busker::mixer::INPUT_CHANNELS;
use busker::mixer::MixPolicy;
use busker::mixer::RETURNS;
use busker::mixer::Route;
use busker::mixer::Routing;
use busker::mixer::SongBy;
use busker::mixer::SourceRoute;
use busker::mixer::TapPoint;
use busker::mixer::TapSource;
use busker::mixer::strip_name;
use busker::rack::InsertSlot;
use busker::rack::InstrumentSlot;
use busker::rack::Rack;
use busker::rack::ReplaceEntry;
use busker::rack::VoiceSlot;
use busker::tracker::Song;
use serde::Serialize;

/// What of a desk differs from a new one.
#[derive(Serialize)]
pub(crate) struct Desk {
    /// The module's name, where there is one.
    song: Option<String>,
    /// Those that something is routed to, or that are named or routed otherwise than new ones.
    buses: Vec<BusInfo>,
    sends: Vec<String>,
    /// Sources that go into space and to no bus.
    in_space: Vec<String>,
    /// Inputs of the monitor mix, and where it is heard, where that is not the main output or something is in it.
    monitor: Option<String>,
    inserts: Vec<String>,
    voices: Vec<String>,
    lanes: Vec<String>,
    /// Instruments in slots of the keyboard.
    instruments: Vec<String>,
    /// What plays in place of the song's own.
    replaced: Vec<String>,
    /// What is recorded.
    taps: Vec<String>,
    look_ahead: bool,
    /// Values that the rack sets.
    parameters: Vec<ValueInfo>,
    /// Ids that this version does not know.
    unknown_parameters: Vec<String>,
}

#[derive(Serialize)]
struct BusInfo {
    bus: usize,
    name: String,
    /// Where it is not as wide as the host makes it.
    channels: Option<usize>,
    from: Vec<String>,
    to: Vec<String>,
    side: Option<String>,
}

#[derive(Serialize)]
struct ValueInfo {
    id: String,
    /// With the names of buses and machines.
    name: String,
    value: String,
    /// Whether the lines for people say it elsewhere.
    #[serde(skip)]
    told: bool,
}

/// A rack with what its parameters are set to.
struct Set<'a> {
    rack: &'a Rack,
    values: Vec<(&'a ParameterSpec, f32)>,
}

impl Desk {
    /// `song` is the rack's, loaded.
    pub(crate) fn of(rack: &Rack, song: Option<&Song>) -> Self {
        let table = engine::table();
        let values = table.iter().filter_map(|spec| Some((spec, rack.parameters.get(&spec.id)?)));
        let set = Set { rack, values: values.collect() };
        Self {
            song: rack.song.as_ref().map(|song| song.name.clone()),
            buses: (0..BUSES).filter_map(|bus| set.bus(bus, song)).collect(),
            sends: set.sends().collect(),
            in_space: in_space(rack, song),
            monitor: set.monitor(),
            inserts: rack.inserts.iter().map(|insert| insert_text(rack, insert)).collect(),
            voices: rack
                .voices
                .iter()
                .map(|voice| slot_text(voice.slot, &voice.name, voice.takes.len()))
                .collect(),
            lanes: rack.lanes.iter().map(|lane| slot_text(lane.lane, &lane.name, lane.takes.len())).collect(),
            instruments: rack.instruments.iter().map(|one| instrument_text(rack, one)).collect(),
            replaced: rack.replace.iter().map(replaced).collect(),
            taps: rack.recorder.settings.taps.iter().map(|armed| tap(&rack.routing, armed)).collect(),
            look_ahead: rack.master.look_ahead,
            parameters: set.values.iter().map(|(spec, plain)| set.value(spec, *plain)).collect(),
            unknown_parameters: rack.parameters.unknown().map(str::to_owned).collect(),
        }
    }

    pub(crate) fn text(&self) -> String {
        let mut lines = vec![match &self.song {
            Some(song) => format!("  song      {song}"),
            None => "  no song".to_owned(),
        }];
        lines.extend(self.buses.iter().map(BusInfo::line));
        let values = self.parameters.iter().filter(|value| !value.told);
        let width = values.clone().map(|value| value.name.chars().count()).max().unwrap_or(0);
        let values = values.map(|ValueInfo { id, name, value, .. }| format!("{id:6} {name:width$}  {value}"));
        let late = "ends in the limiter that looks ahead, which makes all outputs late".to_owned();
        for (what, list) in [
            ("send", self.sends.clone()),
            ("in space", self.in_space.clone()),
            ("monitor", self.monitor.iter().cloned().collect()),
            ("insert", self.inserts.clone()),
            ("voice", self.voices.clone()),
            ("lane", self.lanes.clone()),
            ("plays", self.instruments.clone()),
            ("replaces", self.replaced.clone()),
            ("master", self.look_ahead.then_some(late).into_iter().collect()),
            ("records", self.taps.clone()),
            ("value", values.collect()),
            ("unknown", self.unknown_parameters.clone()),
        ] {
            lines.extend(list.iter().map(|line| format!("  {what:9} {line}")));
        }
        lines.join("\n") + "\n"
    }
}

/// `3, Drums: 2 takes` for a place that counts from 0.
pub(crate) fn slot_text(place: usize, name: &str, takes: usize) -> String {
    let takes = match takes {
        1 => "1 take".to_owned(),
        takes => format!("{takes} takes"),
    };
    let name = if name.is_empty() { String::new() } else { format!(", {name}") };
    format!("{}{name}: {takes}", place + 1)
}

/// `slot 2: Poly Synth to Keys`.
fn instrument_text(rack: &Rack, instrument: &InstrumentSlot) -> String {
    let name = instrument.kind().map_or(instrument.machine.as_str(), |kind| kind.label());
    let route = rack.routing.keyboard.get(instrument.slot);
    let in_space = route.is_some_and(|route| route.space.is_some());
    let bus = route.and_then(|route| route.heard_on()).map(|bus| rack.routing.bus_name(bus));
    let to = bus.unwrap_or_else(|| if in_space { "space" } else { "nothing" }.to_owned());
    format!("slot {}: {name} to {to}", instrument.slot + 1)
}

fn replaced(entry: &ReplaceEntry) -> String {
    format!("{} by {}", entry.what, entry.take.name())
}

impl BusInfo {
    fn line(&self) -> String {
        let list = |list: &[String], none: &str| match list {
            [] => none.to_owned(),
            some => some.join(", "),
        };
        let width = self.channels.map_or_else(String::new, |channels| match channels {
            1 => " (1 channel)".to_owned(),
            more => format!(" ({more} channels)"),
        });
        let side = self.side.as_ref().map_or_else(String::new, |side| format!("; sidechain {side}"));
        let (from, to) = (list(&self.from, "nothing"), list(&self.to, "nowhere"));
        format!("  bus {:2}    {}{width}: {from} to {to}{side}", self.bus, self.name)
    }
}

impl Set<'_> {
    /// The plain value of what acts on `target`, where the rack has one.
    fn of(&self, target: Target) -> Option<f32> {
        self.values.iter().find(|(spec, _)| spec.target == target).map(|(_, plain)| *plain)
    }

    /// Input channels whose level by `level` lets anything through.
    fn inputs(&self, level: impl Fn(usize) -> Target) -> Option<String> {
        let open = |&input: &usize| self.of(level(input)).is_some_and(|plain| plain > f32::NEG_INFINITY);
        numbers("input", (0..INPUT_CHANNELS).filter(open))
    }

    /// Nothing for a bus that is as in a new rack and that only the keyboard could reach.
    fn bus(&self, bus: usize, song: Option<&Song>) -> Option<BusInfo> {
        let routing = &self.rack.routing;
        let (ways, new) = (routing.buses.get(bus)?, Routing::default());
        let mut from: Vec<String> = song.and_then(|song| of_song(routing, song, bus)).into_iter().collect();
        let keyboard: Vec<_> = routing.keyboard.iter().map(SourceRoute::heard_on).collect();
        from.extend(match keyboard.iter().all(|to| *to == Some(bus)) {
            true => Some("keyboard".to_owned()),
            false => numbers("keyboard slot", going(&keyboard, bus)),
        });
        let heard = |voice: &&VoiceSlot| voice.bus == bus && voice.space.is_none();
        let voices = self.rack.voices.iter().filter(heard).map(|voice| voice.slot);
        from.extend(numbers("voice", voices));
        let lanes = self.rack.lanes.iter().map(|lane| lane.lane);
        from.extend(numbers(
            "lane",
            lanes.filter(|&lane| routing.lanes.get(lane).is_some_and(|lane| lane.heard_on() == Some(bus))),
        ));
        // Where a song plays, the main input is of interest only where somebody has routed it.
        let input = routing.input == Some(bus) && (song.is_none() || routing.input != new.input);
        from.extend(input.then(|| "main input".to_owned()));
        from.extend(self.inputs(|input| Target::InputToBus { input, bus }));
        let feeds = |feeding: &Bus| feeding.to.iter().any(|way| way.to == Route::Bus(bus));
        from.extend(
            (0..)
                .zip(&routing.buses)
                .filter(|(_, bus)| feeds(bus))
                .map(|(n, _)| strip_name(n).to_lowercase()),
        );
        (*ways != Bus::default() || !from.is_empty()).then(|| BusInfo {
            bus: bus + 1,
            name: routing.bus_name(bus),
            channels: ways.channels,
            from,
            to: ways
                .to
                .iter()
                .map(|way| match way.to {
                    Route::Master if ways.space.is_some() => format!("{} through space", way_text(way)),
                    _ => way_text(way),
                })
                .collect(),
            side: ways.side.map(|side| side.to_string()),
        })
    }

    fn sends(&self) -> impl Iterator<Item = String> {
        self.values.iter().filter_map(|(spec, plain)| match spec.target {
            Target::SendLevel { strip, send } if *plain > f32::NEG_INFINITY => {
                let (from, to) =
                    (self.rack.routing.bus_name(strip), strip_name(BUSES + send.min(RETURNS - 1)));
                let pre = self.of(Target::SendPre { strip, send }).is_some_and(|pre| pre >= 0.5);
                let point = if pre { ", before its gain" } else { "" };
                Some(format!("{from} to {to} at {}{point}", spec.kind.text(*plain)))
            }
            _ => None,
        })
    }

    fn monitor(&self) -> Option<String> {
        let (output, inputs) = (self.rack.routing.monitor, self.inputs(Target::InputMonitor));
        let told = output > 0 || inputs.is_some();
        told.then(|| format!("{} to {}", inputs.as_deref().unwrap_or("nothing"), Route::Output(output)))
    }

    fn value(&self, spec: &ParameterSpec, plain: f32) -> ValueInfo {
        let (name, value) = self
            .control(spec, plain)
            .unwrap_or_else(|| (self.named(spec.full_name()), spec.kind.text(plain)));
        let told = matches!(spec.target, Target::SendLevel { .. } | Target::SendPre { .. });
        ValueInfo { id: spec.id.clone(), name, value, told }
    }

    /// A macro of a machine, as the machine calls it.
    fn control(&self, spec: &ParameterSpec, plain: f32) -> Option<(String, String)> {
        if let Target::InstrumentMacro { slot, control } = spec.target {
            let instrument = self.rack.instruments.iter().find(|instrument| instrument.slot == slot)?;
            let kind = instrument.kind()?;
            let parameter = kind.parameters().get(control)?;
            let name = format!("Instrument {} {} {}", slot + 1, kind.label(), parameter.label);
            return Some((name, parameter.text(parameter.value_at(plain))));
        }
        let Target::InsertMacro { strip, slot, control } = spec.target else { return None };
        let insert = self.rack.inserts.iter().find(|insert| (insert.strip, insert.slot) == (strip, slot))?;
        let kind = MachineKind::from_id(&insert.machine)?;
        let parameter = kind.parameters().get(control)?;
        let value = parameter.text(parameter.value_at(plain));
        let name = format!("{} {} {}", strip_name(strip), kind.label(), parameter.label);
        Some((self.named(name), value))
    }

    /// A name that begins with that of a bus, with its own one.
    fn named(&self, name: String) -> String {
        let own = (0..BUSES).find_map(|bus| {
            let rest = name.strip_prefix(&strip_name(bus))?.strip_prefix(' ')?;
            Some(format!("{} {rest}", self.rack.routing.bus_name(bus)))
        });
        own.unwrap_or(name)
    }
}

/// Sources that go into space instead of to a bus.
fn in_space(rack: &Rack, song: Option<&Song>) -> Vec<String> {
    let channels = 0..song.map_or(0, |song| song.channels.len());
    let Routing { keyboard, lanes, inputs, .. } = &rack.routing;
    let voices = rack.voices.iter().filter(|voice| voice.space.is_some()).map(|voice| voice.slot);
    let placed =
        |spaces: Vec<bool>| (0..).zip(spaces).filter(|(_, placed)| *placed).map(|(number, _)| number);
    [
        numbers("channel", channels.filter(|&channel| rack.routing.is_song_channel_in_space(channel))),
        numbers("keyboard slot", placed(keyboard.iter().map(|slot| slot.space.is_some()).collect())),
        numbers("voice", voices),
        numbers("lane", placed(lanes.iter().map(|lane| lane.space.is_some()).collect())),
        numbers("input", placed(inputs.iter().map(|input| input.space.is_some()).collect())),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What of the song goes to a bus.
fn of_song(routing: &Routing, song: &Song, bus: usize) -> Option<String> {
    let (what, list, count) = match routing.song_by {
        SongBy::Channel => ("channel", &routing.song_channels, song.channels.len()),
        SongBy::Instrument if song.instruments.is_empty() => {
            ("sample", &routing.instruments, song.samples.len())
        }
        SongBy::Instrument => ("instrument", &routing.instruments, song.instruments.len()),
    };
    let by_channel = routing.song_by == SongBy::Channel;
    let on_bus = |number: &usize| !(by_channel && routing.is_song_channel_in_space(*number));
    numbers(what, going(list, bus).take_while(|&number| number < count).filter(on_bus))
}

/// Places of a list that go to a bus.
fn going(list: &[Option<usize>], bus: usize) -> impl Iterator<Item = usize> {
    (0..).zip(list).filter(move |(_, to)| **to == Some(bus)).map(|(place, _)| place)
}

fn way_text(way: &Connection) -> String {
    let mix = way.mix.map_or("", |mix| match mix {
        MixPolicy::Truncate => " (truncate)",
        MixPolicy::Broadcast => " (broadcast)",
        MixPolicy::Downmix => " (downmix)",
    });
    format!("{}{mix}", way.to)
}

/// `channels 1-4 8` for places that count from 0; nothing where there are none.
fn numbers(what: &str, places: impl Iterator<Item = usize>) -> Option<String> {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for number in places.map(|place| place + 1) {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => runs.push((number, number)),
        }
    }
    let run = |(first, last): &(usize, usize)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    };
    let several = runs.len() > 1 || runs.iter().any(|(first, last)| first != last);
    let runs: Vec<String> = runs.iter().map(run).collect();
    (!runs.is_empty()).then(|| format!("{what}{} {}", if several { "s" } else { "" }, runs.join(" ")))
}

fn insert_text(rack: &Rack, insert: &InsertSlot) -> String {
    let machine = MachineKind::from_id(&insert.machine);
    let machine = machine.map_or_else(
        || format!("{:?}, which this version does not know", insert.machine),
        |kind| kind.label().to_owned(),
    );
    let impulse =
        insert.impulse.as_ref().map_or_else(String::new, |file| format!(", impulse response {}", file.name));
    let program = insert.program.as_ref().map_or_else(String::new, |file| format!(" {}", file.name));
    // Parameters, which stand above them, are told elsewhere.
    let set = |control| {
        let (strip, slot) = (insert.strip, insert.slot);
        let target = Target::InsertMacro { strip, slot, control };
        engine::table().iter().any(|spec| spec.target == target && rack.parameters.get(&spec.id).is_some())
    };
    let controls = insert.kind().into_iter().flat_map(|kind| kind.parameters()).enumerate();
    let controls = controls.filter_map(|(place, control)| {
        let value = insert.controls.get(control).filter(|_| !set(place))?;
        Some(format!(", {} {}", control.label, control.text(value)))
    });
    let controls: String = controls.collect();
    format!(
        "{} slot {}, {machine}{program}{impulse}{controls}",
        rack.routing.bus_name(insert.strip),
        insert.slot + 1
    )
}

/// `bus 3, Drums before its gain`.
pub(crate) fn tap(routing: &Routing, tap: &ArmedTap) -> String {
    let point = match tap.point {
        TapPoint::PreGain => "before its gain",
        TapPoint::PostGain => "after its gain",
    };
    let name = match tap.source {
        TapSource::Strip(bus) if bus < BUSES => format!(", {}", routing.bus_name(bus)),
        TapSource::Strip(_) | TapSource::Input(_) => String::new(),
    };
    format!("{}{name} {point}", tap.source)
}
