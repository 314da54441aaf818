//! What of a rack goes into files of its own: song channels, buses, and the host outputs that a rack uses.
//!
//! In: a rack and how it is to be rendered. Out: names, with the output or the routing that they stand for. Any thread but
//! the audio thread.

use super::Rack;
use super::RackError;
use super::render::RenderOptions;
use super::render::input_buses;
use super::render::values;
use super::tail::Set;
use super::tail::Ways;
use crate::engine;
use crate::engine::INPUTS;
use crate::engine::ParameterSpec;
use crate::engine::ParameterValues;
use crate::engine::Target;
use crate::mixer::BUSES;
use crate::mixer::Bus;
use crate::mixer::Layout;
use crate::mixer::RETURNS;
use crate::mixer::Route;
use crate::mixer::Routing;
use crate::mixer::SONG_CHANNELS;
use crate::mixer::STRIPS;
use crate::mixer::SongBy;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Stereo outputs besides the main one.
const STEM_OUTPUTS: usize = BUSES - 1;

/// Stems that are rendered at once: a name for each output in use, after the main one.
#[derive(Clone, Debug, PartialEq)]
pub struct StemGroup {
    /// What the stems are, in the order of the outputs from 1.
    pub names: Vec<String>,
    /// Channels of each.
    pub(super) widths: Vec<usize>,
    pub(super) routing: Routing,
    /// Heard without the machines on the strips.
    pub(super) dry: bool,
}

/// A host output after the main one that a rack uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FurtherOutput {
    /// From 1; the main output is 0.
    pub output: usize,
    /// Of the buses that go there.
    pub name: String,
}

/// A rack with what its parameters are set to.
struct Desk<'a> {
    rack: &'a Rack,
    options: &'a RenderOptions,
    table: Vec<ParameterSpec>,
    values: Arc<ParameterValues>,
}

impl<'a> Desk<'a> {
    fn new(rack: &'a Rack, options: &'a RenderOptions) -> Self {
        let table = engine::table();
        let values = values(rack, options, &table);
        Self { rack, options, table, values }
    }

    fn set(&self) -> Set<'_> {
        Set { table: &self.table, values: &self.values }
    }

    /// Strips that the song, what plays for it, lanes or what arrives come in on or reach.
    fn reached(&self) -> [bool; STRIPS] {
        let routing = &self.rack.routing;
        let song = match routing.song_by {
            SongBy::Channel => &routing.song_channels,
            SongBy::Instrument => &routing.instruments,
        };
        let song = song.iter().flatten().copied().filter(|_| self.rack.song.is_some());
        let lanes = self.rack.lanes.iter().filter_map(|lane| routing.lanes.get(lane.lane)?.heard_on());
        let handed = self.rack.instruments.iter().filter(|slot| !slot.channels.is_empty());
        let handed = handed.filter_map(|slot| routing.keyboard.get(slot.slot)?.heard_on());
        let inputs = input_buses(routing, self.options, &self.set());
        let first: Vec<usize> = song.chain(lanes).chain(handed).chain(inputs).collect();
        Ways::new(self.rack, &self.set()).reached(&first)
    }

    /// The output that channel `channel` of all outputs in turn is in.
    fn output_of(&self, channel: usize) -> usize {
        let widths = self.options.layout().outputs;
        let ends = widths.iter().scan(0, |end, width| {
            *end += width;
            Some(*end)
        });
        ends.take_while(|&end| end <= channel).count()
    }

    /// Outputs that the matrix or the monitor reach.
    fn direct(&self) -> impl Iterator<Item = usize> {
        let inputs = 0..(self.options.main_input + self.options.sidechain).min(INPUTS);
        let cells = inputs.clone().flat_map(|input| (0..INPUTS).map(move |output| (input, output)));
        let open =
            cells.filter(|&(input, output)| self.set().is_open(Target::InputToOutput { input, output }));
        let monitored = inputs.into_iter().any(|input| self.set().is_open(Target::InputMonitor(input)))
            || self.set().of(Target::Listen) >= 1.0;
        open.map(|(_, channel)| self.output_of(channel)).chain(monitored.then_some(self.rack.routing.monitor))
    }
}

/// Host outputs after the main one that something of the rack goes to, in their order.
pub fn further_outputs(rack: &Rack, options: &RenderOptions) -> Vec<FurtherOutput> {
    let desk = Desk::new(rack, options);
    let outputs = 1..options.layout().outputs.len();
    let mut names: BTreeMap<usize, Vec<String>> =
        desk.direct().filter(|output| outputs.contains(output)).map(|output| (output, Vec::new())).collect();
    for (bus, ways) in rack.routing.buses.iter().enumerate() {
        for way in &ways.to {
            if let Route::Output(output) = way.to
                && outputs.contains(&output)
            {
                names.entry(output).or_default().push(file_name(&rack.routing, bus));
            }
        }
    }
    let routing = rack.routing_with_voices().fitted(&options.layout());
    for (number, output) in routing.field_outputs().enumerate() {
        names.entry(output).or_default().push(format!("ambix {:02}-{:02}", 2 * number, 2 * number + 1));
    }
    let number = |(output, names): (usize, Vec<String>)| {
        let name = if names.is_empty() { format!("output {:02}", output + 1) } else { names.join(" + ") };
        FurtherOutput { output, name }
    };
    names.into_iter().map(number).collect()
}

/// A bus's own name, or `bus 03`.
fn file_name(routing: &Routing, bus: usize) -> String {
    match routing.buses.get(bus) {
        Some(named) if !named.name.is_empty() => named.name.clone(),
        _ => format!("bus {:02}", bus + 1),
    }
}

/// Stems of the song's channels, dry: where bus 1 and the master are as they are by default, they sum to the mix.
pub fn channel_stems(rack: &Rack) -> Result<Vec<StemGroup>, RackError> {
    let song = rack.setup(&Layout::default())?.song;
    let channels: Vec<usize> = (0..song.map_or(0, |song| song.channels.len()).min(SONG_CHANNELS)).collect();
    let groups = channels.chunks(STEM_OUTPUTS).map(|group| {
        let mut routing = silent_routing();
        for (bus, &channel) in group.iter().enumerate() {
            routing.song_channels[channel] = Some(bus); // below SONG_CHANNELS
            routing.buses[bus].to = vec![Route::Output(bus + 1).into()]; // a group has fewer than BUSES
        }
        let names = group.iter().map(|channel| format!("channel {:02}", channel + 1)).collect();
        StemGroup { names, widths: vec![2; group.len()], routing, dry: true }
    });
    Ok(groups.collect())
}

/// Stems of the buses that something sounds on and that go to the master, each before it: with the returns and the
/// master as they are by default they sum to the mix. Each is as wide as its bus, a mono one as
/// the mix. What song, lanes and inputs have in space is on their buses here, as it would be without.
pub fn bus_stems(rack: &Rack, options: &RenderOptions) -> Vec<StemGroup> {
    let layout = options.layout();
    let mut routing = Routing { song_space: None, song_places: Vec::new(), ..rack.routing.fitted(&layout) };
    routing.lanes.iter_mut().for_each(|lane| lane.space = None);
    routing.keyboard.iter_mut().for_each(|slot| slot.space = None);
    routing.inputs.iter_mut().for_each(|input| input.space = None);
    let rack = &Rack { routing, ..rack.clone() };
    let reached = Desk::new(rack, options).reached();
    let used = rack
        .routing
        .buses
        .iter()
        .zip(reached)
        .enumerate()
        .filter(|(_, (bus, reached))| *reached && bus.to.iter().any(|way| way.to == Route::Master));
    let used: Vec<usize> = used.map(|(bus, _)| bus).collect();
    // The effect has fewer outputs than the instrument.
    let most = (layout.outputs.len() - 1).clamp(1, STEM_OUTPUTS);
    let groups = used.chunks(most).map(|group| {
        let mut routing = Routing { monitor: 0, ..rack.routing.clone() };
        for bus in &mut routing.buses {
            bus.to.retain(|way| !matches!(way.to, Route::Output(1..)));
        }
        for (output, &bus) in group.iter().enumerate() {
            if let Some(bus) = routing.buses.get_mut(bus) {
                bus.to.push(Route::Output(output + 1).into());
            }
        }
        let names = group.iter().map(|&bus| file_name(&rack.routing, bus)).collect();
        let width = |&bus: &usize| match rack.routing.strip_channels(&layout, bus) {
            1 => layout.outputs.first().copied().unwrap_or(2),
            wide => wide,
        };
        StemGroup { names, widths: group.iter().map(width).collect(), routing, dry: false }
    });
    groups.collect()
}

impl StemGroup {
    /// What is set while stems are rendered, so that nothing but the stems is on their outputs.
    pub(super) fn parameters(&self) -> impl Iterator<Item = (Target, f32)> {
        let cells = (0..INPUTS).flat_map(|input| (0..INPUTS).map(move |output| (input, output)));
        let shut = cells.map(|(input, output)| (Target::InputToOutput { input, output }, f32::NEG_INFINITY));
        let open = (0..INPUTS).map(|output| (Target::OutputGain(output), 0.0));
        let strips = (0..BUSES).filter(|_| self.dry).flat_map(neutral);
        shut.chain(open).chain([(Target::Identify, 0.0), (Target::Listen, 0.0)]).chain(strips)
    }
}

/// What makes a bus pass a channel as it is.
fn neutral(strip: usize) -> impl Iterator<Item = (Target, f32)> {
    let sends = (0..RETURNS).map(move |send| (Target::SendLevel { strip, send }, f32::NEG_INFINITY));
    let off = [
        Target::StripGain,
        Target::StripMute,
        Target::StripSolo,
        Target::StripPan,
        Target::SoftClip,
        Target::Limiter,
        Target::DuckAmount,
    ];
    off.into_iter().map(move |target| (target(strip), 0.0)).chain(sends)
}

fn silent_routing() -> Routing {
    let silent = Bus { to: Vec::new(), ..Bus::default() };
    let song_channels = vec![None; SONG_CHANNELS];
    Routing { song_channels, buses: vec![silent; BUSES], ..Routing::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mixer::BusSpace;
    use crate::rack::LaneSlot;

    fn names(groups: &[StemGroup]) -> Vec<&str> {
        groups.iter().flat_map(|group| &group.names).map(String::as_str).collect()
    }

    #[test]
    fn buses_that_the_song_reaches_and_that_go_to_the_master_have_stems() {
        let mut rack = Rack::demo();
        rack.routing.song_channels[2] = Some(9);
        rack.routing.song_channels[3] = Some(5);
        rack.routing.buses[5].to = vec![Route::Bus(7).into()];
        rack.routing.buses[9].name = "Drums".to_owned();
        let groups = bus_stems(&rack, &RenderOptions::default());
        assert_eq!(names(&groups), ["bus 01", "bus 08", "Drums"]);
        rack.song = None;
        assert!(bus_stems(&rack, &RenderOptions::default()).is_empty());
        let effect = RenderOptions { main_input: 2, ..RenderOptions::default() };
        assert_eq!(names(&bus_stems(&rack, &effect)), ["bus 01"]);
        // Buses that lanes are on have stems as well.
        let lane = LaneSlot::new(2);
        let lanes = Rack { lanes: vec![lane], routing: rack.routing.clone(), ..Rack::default() };
        assert_eq!(names(&bus_stems(&lanes, &RenderOptions::default())), ["bus 01"]);
        // What stands in space is on its bus in the stems.
        rack.routing.inputs.iter_mut().take(2).for_each(|input| input.space = Some(BusSpace::default()));
        let groups = bus_stems(&rack, &effect);
        assert_eq!(names(&groups), ["bus 01"]);
        assert!(groups[0].routing.inputs.iter().all(|input| input.space.is_none()));
    }

    #[test]
    fn further_outputs_are_named_after_what_goes_there() {
        let mut rack = Rack::default();
        let options = RenderOptions { main_input: 6, ..RenderOptions::default() };
        assert!(further_outputs(&rack, &options).is_empty());
        rack.routing.buses[0].to = vec![Route::Master.into(), Route::Output(2).into()];
        rack.routing.buses[1].to = vec![Route::Output(2).into()];
        rack.routing.buses[1].name = "Choir".to_owned();
        rack.routing.buses[2].to = vec![Route::Output(9).into()];
        // Channel 8 of all outputs: the second of the first output after six channels.
        rack.parameters.insert("i3o8", -3.0);
        let outputs = further_outputs(&rack, &options);
        let outputs: Vec<_> = outputs.iter().map(|output| (output.output, output.name.as_str())).collect();
        assert_eq!(outputs, [(1, "output 02"), (2, "bus 01 + Choir")]);
        // Bus 3 goes to an output that the effect lacks, and so to the master.
        rack.routing.input = Some(2);
        assert_eq!(names(&bus_stems(&rack, &options)), ["bus 03"]);
    }

    #[test]
    fn matrix_cells_of_main_channels_and_of_channels_without_an_input_use_no_further_output() {
        let mut rack = Rack::default();
        let options = RenderOptions { main_input: 2, ..RenderOptions::default() };
        rack.parameters.insert("i1o2", 0.0);
        rack.parameters.insert("i3o8", 0.0);
        assert!(further_outputs(&rack, &options).is_empty());
        rack.parameters.insert("i2o8", 0.0);
        assert_eq!(further_outputs(&rack, &options).len(), 1);
    }
}
