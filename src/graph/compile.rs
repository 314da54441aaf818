//! From nodes and edges to an order of steps with buffers.
//!
//! Control side or worker. A node's buffer is the host's memory where the node is all that an output of the same width
//! receives; otherwise it is scratch of the plan.

use super::Edge;
use super::Graph;
use super::Kind;
use super::NodeId;
use super::gate::Gates;
use super::gate::Passing;
use super::gate::Shape;
use super::gate::Way;
use super::plan::Direct;
use super::plan::Input;
use super::plan::Parts;
use super::plan::Place;
use super::plan::Plan;
use super::plan::Step;
use super::solo::solos;
use crate::audio::ChannelMix;
use crate::audio::MAX_CHANNELS;
use crate::audio::Side;
use thiserror::Error;

/// Why a graph cannot run.
#[derive(Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum GraphError {
    /// A node would feed itself.
    #[error("this routing runs in a circle: {}", .0.join(" -> "))]
    Cycle(
        /// Names along the circle; the first stands at the end again.
        Vec<String>,
    ),
    /// A node is wider than a block can be, or has no channels.
    #[error("{name} has {channels} channels; 1 to {most} are possible")]
    Width {
        /// Of the node.
        name: String,
        /// Asked for.
        channels: usize,
        /// That it can have.
        most: usize,
    },
    /// Something is fed into a source, or out of an output.
    #[error("{from} cannot feed {to}")]
    Direction {
        /// Name of the feeding node.
        from: String,
        /// Name of the fed node.
        to: String,
    },
}

pub(super) fn compile(graph: &Graph) -> Result<Plan, GraphError> {
    check(graph)?;
    let order = order(graph)?;
    let mut scratch = Vec::new();
    let places: Vec<Place> = (0..graph.nodes.len())
        .map(|node| {
            let place = place(graph, NodeId(node), scratch.len());
            if matches!(place, Place::Scratch(_)) {
                scratch.push(graph.nodes[node].channels); // `node` counts the nodes
            }
            place
        })
        .collect();
    let shared = shared(graph);
    let own = |edge: &&Edge| match places[edge.from.0] {
        Place::Source(number) => shared.get(number) == Some(&number),
        Place::Scratch(_) | Place::Output(_) | Place::Outlet { .. } => true,
    };
    let edges: Vec<&Edge> = graph.edges.iter().filter(own).collect();
    let gates = gates(graph);
    let mut compiled = Compiled { graph, places: &places, edges: &edges, gates: &gates, direct: Vec::new() };
    let steps = order.iter().filter_map(|&node| compiled.step(node)).collect();
    let direct = compiled.direct;
    let mut read = vec![false; shared.len()];
    for edge in &graph.edges {
        if let Place::Source(number) = places[edge.from.0] {
            read[number] = true; // `shared` is as long as there are sources
        }
    }
    Ok(Plan::new(Parts { steps, direct, gates, shared, read, sides: sides(graph) }, &scratch))
}

/// What the sidechain of each stream hears: the last that was connected.
fn sides(graph: &Graph) -> Vec<Option<Kind>> {
    let streams = graph.nodes.iter().enumerate().filter(|(_, node)| matches!(node.kind, Kind::Stream(_)));
    let side = |node: usize| graph.edges.iter().rfind(|edge| edge.side && edge.to == NodeId(node));
    streams.map(|(node, _)| side(node).map(|edge| graph.nodes[edge.from.0].kind)).collect() // ids come from this graph
}

/// For each source the one whose block it shares: the first of its group that goes the same way, or itself.
fn shared(graph: &Graph) -> Vec<usize> {
    let number = |node: NodeId| match graph.nodes[node.0].kind {
        Kind::Source(number) => Some(number),
        Kind::Stream(_) | Kind::Output(_) => None,
    };
    let sources = graph.nodes.iter().filter(|node| matches!(node.kind, Kind::Source(_))).count();
    let mut shared: Vec<usize> = (0..sources).collect();
    for group in &graph.groups {
        let ways: Vec<_> = group.iter().map(|&node| plain_way(graph, node)).collect();
        for (index, &node) in group.iter().enumerate() {
            let first = ways.iter().position(|way| way.is_some() && *way == ways[index]).unwrap_or(index);
            if let (Some(own), Some(first)) = (number(node), number(group[first])) {
                shared[own] = first; // `number` counts the sources
            }
        }
    }
    shared
}

/// Width and ways on of a node whose edges neither have a policy of their own nor are sidechains.
fn plain_way(graph: &Graph, node: NodeId) -> Option<(usize, Vec<NodeId>)> {
    let mut edges = graph.edges.iter().filter(|edge| edge.from == node);
    let plain = edges.clone().all(|edge| edge.mix.is_none() && !edge.side);
    plain.then(|| (graph.nodes[node.0].channels, edges.by_ref().map(|edge| edge.to).collect()))
}

fn check(graph: &Graph) -> Result<(), GraphError> {
    for node in &graph.nodes {
        if node.channels == 0 || node.channels > MAX_CHANNELS {
            let (name, channels) = (node.name.clone(), node.channels);
            return Err(GraphError::Width { name, channels, most: MAX_CHANNELS });
        }
    }
    for edge in &graph.edges {
        let (from, to) = (&graph.nodes[edge.from.0], &graph.nodes[edge.to.0]); // ids come from this graph
        let outlet_of_none = edge.outlet.is_some() && !matches!(from.kind, Kind::Stream(_));
        if outlet_of_none || matches!(from.kind, Kind::Output(_)) || matches!(to.kind, Kind::Source(_)) {
            return Err(GraphError::Direction { from: from.name.clone(), to: to.name.clone() });
        }
    }
    Ok(())
}

/// Every node after all that feed it; among equals in the order of adding.
fn order(graph: &Graph) -> Result<Vec<NodeId>, GraphError> {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        New,
        Open,
        Done,
    }
    fn visit(
        graph: &Graph,
        node: NodeId,
        marks: &mut [Mark],
        path: &mut Vec<NodeId>,
        order: &mut Vec<NodeId>,
    ) -> Result<(), GraphError> {
        match marks[node.0] {
            Mark::Done => return Ok(()),
            Mark::Open => return Err(cycle(graph, path, node)),
            Mark::New => marks[node.0] = Mark::Open,
        }
        path.push(node);
        for edge in graph.edges.iter().filter(|edge| edge.to == node) {
            visit(graph, edge.from, marks, path, order)?;
        }
        path.pop();
        marks[node.0] = Mark::Done;
        order.push(node);
        Ok(())
    }
    let (mut marks, mut order) = (vec![Mark::New; graph.nodes.len()], Vec::new());
    for node in 0..graph.nodes.len() {
        visit(graph, NodeId(node), &mut marks, &mut Vec::new(), &mut order)?;
    }
    Ok(order)
}

/// The circle, in the direction in which the sound would run.
fn cycle(graph: &Graph, path: &[NodeId], closing: NodeId) -> GraphError {
    let start = path.iter().position(|&node| node == closing).unwrap_or(0);
    let circle = path[start..].iter().chain([&closing]).rev();
    GraphError::Cycle(circle.map(|node| graph.nodes[node.0].name.clone()).collect())
}

fn place(graph: &Graph, node: NodeId, next_scratch: usize) -> Place {
    match graph.nodes[node.0].kind {
        Kind::Source(number) => Place::Source(number),
        Kind::Output(number) => Place::Output(number),
        Kind::Stream(_) => sole_output(graph, node).map_or(Place::Scratch(next_scratch), Place::Output),
    }
}

/// The output of the same width that receives nothing but `node`, if there is one.
fn sole_output(graph: &Graph, node: NodeId) -> Option<usize> {
    let feeds = |edge: &&Edge| edge.from == node && edge.outlet.is_none() && !edge.side;
    graph.edges.iter().filter(feeds).find_map(|edge| {
        let Kind::Output(number) = graph.nodes[edge.to.0].kind else { return None };
        let alone = graph.edges.iter().filter(|other| other.to == edge.to).count() == 1;
        (alone && graph.nodes[edge.to.0].channels == graph.nodes[node.0].channels).then_some(number)
    })
}

/// A gate for each way of a sound; what a sidechain hears passes none.
fn gates(graph: &Graph) -> Gates {
    let ways = graph.edges.iter().zip(solos(graph)).filter(|(edge, _)| !edge.side);
    let passing = |(edge, solos): (&Edge, _)| {
        let channels = |node: NodeId| graph.nodes[node.0].channels; // ids come from this graph
        let mix = edge.mix.unwrap_or(graph.mix);
        let shape = Shape { mix, from: channels(edge.from), to: channels(edge.to) };
        let grouped = graph.groups.iter().flatten().any(|&node| node == edge.from);
        let gentle = graph.gentle.iter().any(|&node| node == edge.from || node == edge.to);
        Passing { way: way(graph, edge), shape, solos, grouped, gentle }
    };
    Gates::new(ways.map(passing).collect())
}

/// The ends of an edge.
fn way(graph: &Graph, edge: &Edge) -> Way {
    // Ids come from this graph.
    Way { from: graph.nodes[edge.from.0].kind, outlet: edge.outlet, to: graph.nodes[edge.to.0].kind }
}

/// What is known once every node has its place.
struct Compiled<'a> {
    graph: &'a Graph,
    places: &'a [Place],
    edges: &'a [&'a Edge],
    gates: &'a Gates,
    /// Outputs that a stream renders into, with the gate of that way.
    direct: Vec<Direct>,
}

impl Compiled<'_> {
    fn step(&mut self, node: NodeId) -> Option<Step> {
        let (place, edges) = (self.places[node.0], self.edges);
        let stream = match self.graph.nodes[node.0].kind {
            Kind::Source(_) => return None,
            Kind::Stream(number) => Some(number),
            Kind::Output(_) => None,
        };
        if !self.graph.edges.iter().any(|edge| edge.to == node || edge.from == node) {
            return None; // nobody would hear of it
        }
        let edges = || edges.iter().filter(|edge| edge.to == node);
        let inputs: Vec<Input> =
            edges().filter(|edge| !edge.side).filter_map(|edge| self.input(edge)).collect();
        if stream.is_none()
            && let Some(input) = inputs.iter().find(|input| input.from == place)
            && let Place::Output(output) = place
        {
            // The stream before has rendered into this output's own memory.
            self.direct.push(Direct { output, gate: input.gate });
            return None;
        }
        let side = edges().rfind(|edge| edge.side).map(|edge| self.places[edge.from.0]);
        Some(Step { stream, inputs, side, place })
    }

    fn input(&self, edge: &Edge) -> Option<Input> {
        let gate = self.gates.find(&way(self.graph, edge))?;
        let mix = edge.mix.unwrap_or(self.graph.mix);
        Some(Input { from: self.from(edge), mix, gate, placed: self.placed(edge, mix) })
    }

    /// The stream of one channel whose sound reaches both sides of something wider by this edge.
    fn placed(&self, edge: &Edge, mix: &dyn ChannelMix) -> Option<usize> {
        let (from, to) = (&self.graph.nodes[edge.from.0], &self.graph.nodes[edge.to.0]); // ids come from this graph
        let Kind::Stream(stream) = from.kind else { return None };
        let whole = edge.outlet.is_none() && from.channels == 1;
        (whole && Side::are_both_fed(mix, to.channels)).then_some(stream)
    }

    /// Where the sound of an edge lies.
    fn from(&self, edge: &Edge) -> Place {
        match (edge.outlet, self.graph.nodes[edge.from.0].kind) {
            (Some(number), Kind::Stream(stream)) => Place::Outlet { stream, number },
            _ => self.places[edge.from.0],
        }
    }
}
