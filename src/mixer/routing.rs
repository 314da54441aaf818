//! Where everything goes: plain data, and the graph that it stands for.
//!
//! Any thread but the audio thread. Indices count from 0; a bus that does not exist leaves its source unheard.

use super::BUSES;
use super::INPUT_CHANNELS;
use super::MASTER;
use super::RETURNS;
use super::SONG_CHANNELS;
use super::strip_name;
use crate::audio::SurroundDownmix;
use crate::graph::Graph;
use crate::graph::GraphError;
use crate::graph::NodeId;
use crate::graph::Plan;
use crate::tracker::KEYBOARD_SLOTS;
use serde::Deserialize;
use serde::Serialize;

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

/// Where a bus goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Bus {
    /// Into the master.
    pub to_master: bool,
    /// Into a host output of its own, from 1; 0 is the main output and comes from the master.
    pub output: Option<usize>,
    /// Into another bus.
    pub to_bus: Option<usize>,
    /// Heard by the sidechain of this bus's inserts.
    pub side_from: Option<usize>,
}

impl Default for Bus {
    fn default() -> Self {
        Self { to_master: true, output: None, to_bus: None, side_from: None }
    }
}

/// All routes of a rack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Routing {
    /// Bus of each song channel.
    pub song_channels: Vec<usize>,
    /// Bus of each keyboard slot.
    pub keyboard: Vec<usize>,
    /// Bus of the main input.
    pub input: usize,
    /// Each bus's way on.
    pub buses: Vec<Bus>,
}

impl Default for Routing {
    /// The song and the inputs on bus 1, the keyboard on bus 2, every bus to the master.
    fn default() -> Self {
        Self {
            song_channels: vec![0; SONG_CHANNELS],
            keyboard: vec![1; KEYBOARD_SLOTS],
            input: 0,
            buses: vec![Bus::default(); BUSES],
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
/// Sources of the graph.
pub const SOURCES: usize = SIDECHAIN_SOURCE + 1;

/// Channels of a source's block.
pub fn source_channels(layout: &Layout, source: usize) -> usize {
    match source {
        INPUT_SOURCE => layout.main_input.max(1),
        INPUT_CHANNEL_SOURCE..SIDECHAIN_SOURCE => 1,
        SIDECHAIN_SOURCE => layout.sidechain.max(1),
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
        _ => "Sidechain".to_owned(),
    }
}

/// Channels of a strip: the first bus and the master are as wide as the main input, all others stereo.
pub fn strip_channels(layout: &Layout, strip: usize) -> usize {
    if (strip == 0 || strip == MASTER) && layout.main_input > 0 { layout.main_input } else { 2 }
}

impl Routing {
    /// Compiles the routes into a plan. Allocates.
    pub fn compile(&self, layout: &Layout) -> Result<Plan, GraphError> {
        self.graph(layout).compile()
    }

    fn graph(&self, layout: &Layout) -> Graph {
        let mut graph = Graph::default();
        let sources: Vec<NodeId> = (0..SOURCES)
            .map(|source| graph.add_source(source_name(source), source_channels(layout, source)))
            .collect();
        let strips: Vec<NodeId> =
            (0..=MASTER).map(|s| graph.add_stream(strip_name(s), strip_channels(layout, s))).collect();
        let outputs: Vec<NodeId> = layout
            .outputs
            .iter()
            .enumerate()
            .map(|(number, &channels)| graph.add_output(format!("Output {}", number + 1), channels))
            .collect();
        self.connect_sources(&mut graph, &sources, &strips);
        self.connect_strips(&mut graph, &strips, &outputs);
        graph
    }

    fn connect_sources(&self, graph: &mut Graph, sources: &[NodeId], strips: &[NodeId]) {
        let (buses, returns) = strips.split_at(BUSES); // the master comes after both
        let mut feed = |first: usize, to: &[usize]| {
            for (&source, bus) in sources.iter().skip(first).zip(to) {
                if let Some(&bus) = buses.get(*bus) {
                    graph.connect(source, bus);
                }
            }
        };
        let each: Vec<usize> = (0..BUSES).collect();
        feed(SONG_SOURCE, &self.song_channels);
        feed(KEYBOARD_SOURCE, &self.keyboard);
        feed(INSTRUMENT_SOURCE, &each);
        feed(INPUT_SOURCE, &[self.input]);
        feed(MATRIX_SOURCE, &each);
        for (&source, &to) in sources[SEND_SOURCE..].iter().zip(&returns[..RETURNS]) {
            graph.connect(source, to);
        }
        graph.group(&sources[SONG_SOURCE..KEYBOARD_SOURCE]);
    }

    fn connect_strips(&self, graph: &mut Graph, strips: &[NodeId], outputs: &[NodeId]) {
        for (&strip, bus) in strips[..BUSES].iter().zip(&self.buses) {
            if bus.to_master {
                graph.connect(strip, strips[MASTER]);
            }
            if let Some(&to) = bus.to_bus.and_then(|to| strips[..BUSES].get(to)) {
                graph.connect(strip, to);
            }
            if let Some(&to) = bus.output.filter(|&output| output > 0).and_then(|output| outputs.get(output))
            {
                graph.connect_with(strip, to, &SurroundDownmix);
            }
            if let Some(&from) = bus.side_from.and_then(|from| strips[..BUSES].get(from)) {
                graph.connect_side(from, strip);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn layout() -> Layout {
        Layout { main_input: 0, sidechain: 2, outputs: vec![2; 16] }
    }

    #[test]
    fn the_default_routing_compiles_for_every_host_layout() {
        assert!(Routing::default().compile(&layout()).is_ok());
        for channels in [1, 2, 4, 6, 8] {
            let mut outputs = vec![2; 7];
            outputs[0] = channels;
            let layout = Layout { main_input: channels, sidechain: 2, outputs };
            assert!(Routing::default().compile(&layout).is_ok());
        }
    }

    #[test]
    fn buses_in_a_circle_are_refused_by_name() {
        let mut routing = Routing::default();
        routing.buses[2].to_bus = Some(4);
        routing.buses[4].to_bus = Some(2);
        let error = routing.compile(&layout()).err().unwrap();
        assert_eq!(error.to_string(), "this routing runs in a circle: Bus 3 -> Bus 5 -> Bus 3");
    }

    #[test]
    fn routes_to_nowhere_are_left_out() {
        let mut routing = Routing { song_channels: vec![99; 3], ..Routing::default() };
        routing.buses[0].output = Some(40);
        assert!(routing.compile(&layout()).is_ok());
    }
}
