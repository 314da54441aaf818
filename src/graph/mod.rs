//! Who feeds whom: edited anywhere, compiled to a plan, run by the engine.
//!
//! A [`Graph`] is names, widths and edges. Compiling orders it, refuses cycles with the path that closes them, and
//! allocates every buffer. The [`Plan`] runs on the audio thread: it sums what arrives at each node and renders the
//! node in place, in the host's own memory wherever a node alone feeds an output.

mod compile;
mod gate;
mod plan;
mod solo;

pub use compile::GraphError;
pub use plan::Piece;
pub use plan::Plan;
pub use plan::Streams;

use crate::audio::BroadcastMix;
use crate::audio::ChannelMix;

/// A node of the graph it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(usize);

/// What stands at a node; each kind is numbered from 0 in the order of adding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// Filled by the caller before the plan runs.
    Source(usize),
    /// An `AudioStream` of the caller's.
    Stream(usize),
    /// An output bus of the host.
    Output(usize),
}

struct Node {
    name: String,
    kind: Kind,
    channels: usize,
}

struct Edge {
    from: NodeId,
    /// One of the outlets of `from`, in place of its block.
    outlet: Option<usize>,
    to: NodeId,
    /// `None` takes the graph's default.
    mix: Option<&'static dyn ChannelMix>,
    side: bool,
}

/// Nodes and edges; not real-time.
pub struct Graph {
    nodes: Vec<Node>,
    edges: Vec<Edge>,
    mix: &'static dyn ChannelMix,
    /// Sources that one node adds to.
    groups: Vec<Vec<NodeId>>,
    /// Nodes whose ways come and go without an edge.
    gentle: Vec<NodeId>,
}

impl Default for Graph {
    fn default() -> Self {
        Self::new(&BroadcastMix)
    }
}

impl Graph {
    /// An empty graph whose edges mix by `mix` unless they say otherwise.
    pub fn new(mix: &'static dyn ChannelMix) -> Self {
        Self { nodes: Vec::new(), edges: Vec::new(), mix, groups: Vec::new(), gentle: Vec::new() }
    }

    /// A block that the caller fills before the plan runs.
    pub fn add_source(&mut self, name: impl Into<String>, channels: usize) -> NodeId {
        self.add(name.into(), channels, |node| matches!(node, Kind::Source(_)), Kind::Source)
    }

    /// A stream that works on the sum of what is connected to it.
    pub fn add_stream(&mut self, name: impl Into<String>, channels: usize) -> NodeId {
        self.add(name.into(), channels, |node| matches!(node, Kind::Stream(_)), Kind::Stream)
    }

    /// An output bus of the host.
    pub fn add_output(&mut self, name: impl Into<String>, channels: usize) -> NodeId {
        self.add(name.into(), channels, |node| matches!(node, Kind::Output(_)), Kind::Output)
    }

    fn add(
        &mut self,
        name: String,
        channels: usize,
        same: fn(&Kind) -> bool,
        kind: fn(usize) -> Kind,
    ) -> NodeId {
        let number = self.nodes.iter().filter(|node| same(&node.kind)).count();
        self.nodes.push(Node { name, kind: kind(number), channels });
        NodeId(self.nodes.len() - 1)
    }

    /// Feeds `to` with `from`, mixed by the graph's policy.
    pub fn connect(&mut self, from: NodeId, to: NodeId) {
        self.edges.push(Edge { from, outlet: None, to, mix: None, side: false });
    }

    /// Feeds `to` with `from`, mixed by a policy of its own.
    pub fn connect_with(&mut self, from: NodeId, to: NodeId, mix: &'static dyn ChannelMix) {
        self.edges.push(Edge { from, outlet: None, to, mix: Some(mix), side: false });
    }

    /// Feeds `to` with an outlet of the stream `from`, mixed by the graph's policy; see [`AudioStream::outlet`].
    ///
    /// [`AudioStream::outlet`]: crate::audio::AudioStream::outlet
    pub fn connect_outlet(&mut self, from: NodeId, number: usize, to: NodeId) {
        self.edges.push(Edge { from, outlet: Some(number), to, mix: None, side: false });
    }

    /// Says that one node adds to all of these sources, so that those which go the same way may share one block.
    pub fn group(&mut self, sources: &[NodeId]) {
        self.groups.push(sources.to_vec());
    }

    /// Says that ways to and from this node, and those whose place they take, come and go along a curve without edges instead of a
    /// straight line.
    pub fn make_gentle(&mut self, node: NodeId) {
        self.gentle.push(node);
    }

    /// Gives `from` to the sidechain of `to`; the last one counts.
    pub fn connect_side(&mut self, from: NodeId, to: NodeId) {
        self.edges.push(Edge { from, outlet: None, to, mix: None, side: true });
    }

    /// Orders the nodes and allocates their buffers.
    pub fn compile(&self) -> Result<Plan, GraphError> {
        compile::compile(self)
    }
}
