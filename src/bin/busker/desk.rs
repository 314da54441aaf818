//! `busker info` of a rack: its desk, as lines for people or as JSON.

use busker::engine;
use busker::engine::ArmedTap;
use busker::engine::ParameterSpec;
use busker::engine::Target;
use busker::machine::MachineKind;
use busker::mixer::BUSES;
use busker::mixer::RETURNS;
use busker::mixer::SongBy;
use busker::mixer::TapPoint;
use busker::mixer::strip_name;
use busker::rack::InsertSlot;
use busker::rack::Rack;
use serde::Serialize;

/// What of a desk differs from a new one.
#[derive(Serialize)]
pub(crate) struct Desk {
    /// The module's name, where there is one.
    song: Option<String>,
    /// Those that something is routed to, or that are named or routed otherwise than new ones.
    buses: Vec<BusInfo>,
    sends: Vec<String>,
    inserts: Vec<String>,
    /// What is recorded.
    taps: Vec<String>,
    look_ahead: bool,
    /// Values that the rack sets, with the names of their parameters.
    parameters: Vec<String>,
    /// Ids that this version does not know.
    unknown_parameters: Vec<String>,
}

#[derive(Serialize)]
struct BusInfo {
    bus: usize,
    name: String,
    from: Vec<String>,
    to: Vec<String>,
    side: Option<String>,
}

impl Desk {
    pub(crate) fn of(rack: &Rack) -> Self {
        let table = engine::table();
        let set: Vec<(&ParameterSpec, f32)> =
            table.iter().filter_map(|spec| Some((spec, rack.parameters.get(&spec.id)?))).collect();
        let sends = set.iter().filter_map(|(spec, plain)| match spec.target {
            Target::SendLevel { strip, send } if *plain > f32::NEG_INFINITY => {
                let (from, to) = (rack.routing.bus_name(strip), strip_name(BUSES + send.min(RETURNS - 1)));
                Some(format!("{from} to {to}, {}", spec.kind.text(*plain)))
            }
            _ => None,
        });
        let values = set
            .iter()
            .map(|(spec, plain)| format!("{} ({}) {}", spec.id, spec.full_name(), spec.kind.text(*plain)));
        Self {
            song: rack.song.as_ref().map(|song| song.name.clone()),
            buses: (0..BUSES).filter_map(|bus| bus_info(rack, bus, &set)).collect(),
            sends: sends.collect(),
            inserts: rack.inserts.iter().map(|insert| insert_text(rack, insert)).collect(),
            taps: rack.recorder.settings.taps.iter().map(tap).collect(),
            look_ahead: rack.master.look_ahead,
            parameters: values.collect(),
            unknown_parameters: rack.parameters.unknown().map(str::to_owned).collect(),
        }
    }

    pub(crate) fn text(&self) -> String {
        let mut lines = vec![match &self.song {
            Some(song) => format!("  song      {song}"),
            None => "  no song".to_owned(),
        }];
        for bus in &self.buses {
            let from = if bus.from.is_empty() { "nothing".to_owned() } else { bus.from.join(", ") };
            let to = if bus.to.is_empty() { "nowhere".to_owned() } else { bus.to.join(", ") };
            let side = bus.side.as_ref().map_or_else(String::new, |side| format!(", hears {side}"));
            lines.push(format!("  bus {:2}    {}: {from} to {to}{side}", bus.bus, bus.name));
        }
        for (what, list) in [
            ("send", &self.sends),
            ("insert", &self.inserts),
            ("records", &self.taps),
            ("value", &self.parameters),
            ("unknown", &self.unknown_parameters),
        ] {
            lines.extend(list.iter().map(|line| format!("  {what:9} {line}")));
        }
        if self.look_ahead {
            lines.push(
                "  master    ends in the limiter that looks ahead, which makes all outputs late".to_owned(),
            );
        }
        lines.join("\n") + "\n"
    }
}

/// Nothing for a bus that is as in a new rack and that only the song or the keyboard could reach.
fn bus_info(rack: &Rack, bus: usize, set: &[(&ParameterSpec, f32)]) -> Option<BusInfo> {
    let routing = &rack.routing;
    let ways = routing.buses.get(bus)?;
    let mut from = Vec::new();
    if rack.song.is_some() {
        let (what, list) = match routing.song_by {
            SongBy::Channel => ("channels", &routing.song_channels),
            SongBy::Instrument => ("instruments", &routing.instruments),
        };
        from.extend(numbers(what, list, bus));
    }
    from.extend(numbers("keyboard", &routing.keyboard, bus));
    from.extend((routing.input == Some(bus)).then(|| "main input".to_owned()));
    from.extend(set.iter().filter_map(|(spec, plain)| match spec.target {
        Target::InputToBus { input, bus: to } if to == bus && *plain > f32::NEG_INFINITY => {
            Some(format!("input {}", input + 1))
        }
        _ => None,
    }));
    let named = !ways.name.is_empty() || ways.channels.is_some() || ways.side.is_some();
    let new = busker::mixer::Bus::default();
    (named || ways.to != new.to || !from.is_empty()).then(|| BusInfo {
        bus: bus + 1,
        name: routing.bus_name(bus),
        from,
        to: ways.to.iter().map(|way| way.to.to_string()).collect(),
        side: ways.side.map(|side| side.to_string()),
    })
}

/// `channels 1-4, 8`: those of a list that go to a bus.
fn numbers(what: &str, list: &[Option<usize>], bus: usize) -> Option<String> {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for number in (1..).zip(list).filter(|(_, to)| **to == Some(bus)).map(|(number, _)| number) {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => runs.push((number, number)),
        }
    }
    let run = |(first, last): &(usize, usize)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    };
    let runs: Vec<String> = runs.iter().map(run).collect();
    (!runs.is_empty()).then(|| format!("{what} {}", runs.join(" ")))
}

fn insert_text(rack: &Rack, insert: &InsertSlot) -> String {
    let machine = MachineKind::from_id(&insert.machine);
    let machine = machine.map_or_else(
        || format!("{:?}, which this version does not know", insert.machine),
        |kind| kind.label().to_owned(),
    );
    format!("{} slot {}, {machine}", rack.routing.bus_name(insert.strip), insert.slot + 1)
}

fn tap(tap: &ArmedTap) -> String {
    let point = match tap.point {
        TapPoint::PreGain => "before its gain",
        TapPoint::PostGain => "after its gain",
    };
    format!("{} {point}", tap.source)
}
