//! Which ways stay open when streams are soloed, and which of the others close, found when a graph is compiled.
//!
//! A sound is heard where its way passes a soloed stream: what feeds one is heard through it alone, and what it feeds lets
//! nothing else pass. What drives the sidechain of anything heard plays on unheard. What is not heard is cut once, at the
//! last place where it is alone: where it would join what is heard, or leave for the host. Not real-time.

use super::Edge;
use super::Graph;
use super::Kind;
use super::NodeId;

/// A set of streams by their numbers, of which the first 64 can be soloed and the others close.
pub(super) type Streams = u128;

/// What solo means to an edge that is no sidechain.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Solos {
    /// Those whose solo leaves it open.
    opened_by: Streams,
    /// Those whose sound is heard where it leads to, or all where that is an output. Any other solo leaves nothing open
    /// that goes on from there, so that the edge itself need not close.
    joined_by: Streams,
    /// The stream that it comes from.
    from: Streams,
    /// Those that its sound reaches.
    onward: Streams,
}

impl Solos {
    /// Whether it closes when these are soloed. Of all edges on one way to an output at most one does.
    pub(super) fn close(&self, soloed: Streams) -> bool {
        soloed != 0 && self.opened_by & soloed == 0 && self.joined_by & soloed != 0
    }

    /// Adds what lies on a way with this edge can be told by: see [`Ways::meet`].
    pub(super) fn join(&self, ways: &mut Ways) {
        ways.from |= self.from;
        ways.onward |= self.onward;
    }
}

/// Edges, as far as it matters whether another one lies on a way with any of them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ways {
    from: Streams,
    onward: Streams,
}

impl Ways {
    /// Whether some sound may pass the edge and one of these.
    pub(super) fn meet(&self, edge: &Solos) -> bool {
        self.from & edge.onward != 0 || self.onward & edge.from != 0
    }
}

/// What solo means to each edge.
pub(super) fn solos(graph: &Graph) -> Vec<Solos> {
    let mut solos: Vec<Solos> = graph.edges.iter().map(|edge| ends(graph, edge)).collect();
    for (node, found) in graph.nodes.iter().enumerate() {
        let Kind::Stream(number @ 0..64) = found.kind else { continue }; // no other can be soloed
        let after = after(graph, NodeId(node));
        let needed = needed(graph, NodeId(node), &after);
        for (edge, solos) in graph.edges.iter().zip(&mut solos) {
            // The ends of edges are nodes of the graph, of which both lists are as long.
            solos.opened_by |= Streams::from(after[edge.from.0] || needed[edge.to.0]) << number;
            solos.joined_by |= Streams::from(after[edge.to.0]) << number;
            if edge.to == NodeId(node) {
                solos.onward = streams(graph, &after);
            }
        }
    }
    solos
}

/// What its ends alone say of an edge.
fn ends(graph: &Graph, edge: &Edge) -> Solos {
    let bit = |kind| if let Kind::Stream(number @ 0..128) = kind { 1 << number } else { 0 };
    let joined_by = if matches!(graph.nodes[edge.to.0].kind, Kind::Output(_)) { !0 } else { 0 };
    Solos { joined_by, from: bit(graph.nodes[edge.from.0].kind), ..Solos::default() } // ids come from this graph
}

fn streams(graph: &Graph, found: &[bool]) -> Streams {
    let nodes = graph.nodes.iter().zip(found).filter(|(_, found)| **found);
    nodes.fold(0, |set, (node, _)| {
        set | if let Kind::Stream(number @ 0..128) = node.kind { 1 << number } else { 0 }
    })
}

/// The nodes that a soloed one reaches, itself among them.
fn after(graph: &Graph, solo: NodeId) -> Vec<bool> {
    let mut found = vec![false; graph.nodes.len()];
    found[solo.0] = true; // a node of the graph, as below
    loop {
        let next = graph.edges.iter().find(|edge| !edge.side && found[edge.from.0] && !found[edge.to.0]);
        match next {
            Some(edge) => found[edge.to.0] = true,
            None => return found,
        }
    }
}

/// The nodes that reach a soloed one, itself among them, and those that reach the sidechain of anything heard.
fn needed(graph: &Graph, solo: NodeId, after: &[bool]) -> Vec<bool> {
    let mut found = vec![false; graph.nodes.len()];
    found[solo.0] = true; // a node of the graph, as below
    loop {
        let next = graph.edges.iter().find(|edge| {
            let heard = found[edge.to.0] || edge.side && after[edge.to.0];
            heard && !found[edge.from.0]
        });
        match next {
            Some(edge) => found[edge.from.0] = true,
            None => return found,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three buses and a return to a master: bus 1 to bus 2 and the master, each bus with a source, an outlet to the
    /// return, and bus 3 as the sidechain of bus 2. Gives the edges that stay open, by the order below.
    fn open(solo: usize) -> Vec<&'static str> {
        let mut graph = Graph::default();
        let streams: Vec<NodeId> = (0..5).map(|n| graph.add_stream(format!("{n}"), 2)).collect();
        let [one, two, three, back, master] = streams[..] else { unreachable!() };
        let mut names = Vec::new();
        for (name, bus) in [("a", one), ("b", two), ("c", three)] {
            let source = graph.add_source(name, 2);
            graph.connect(source, bus);
            names.push(name);
        }
        for (name, from, to) in
            [("1-2", one, two), ("1-m", one, master), ("2-m", two, master), ("3-m", three, master)]
        {
            graph.connect(from, to);
            names.push(name);
        }
        for (name, from) in [("1-r", one), ("2-r", two), ("3-r", three)] {
            graph.connect_outlet(from, 0, back);
            names.push(name);
        }
        graph.connect(back, master);
        graph.connect_side(three, two);
        names.extend(["r-m", "side"]);
        let sides = graph.edges.iter().map(|edge| edge.side);
        let opened = solos(&graph).into_iter().zip(sides);
        let open = opened.map(|(solos, side)| side || solos.opened_by >> solo & 1 == 1);
        names.into_iter().zip(open).filter(|(_, open)| *open).map(|(name, _)| name).collect()
    }

    #[test]
    fn a_soloed_bus_is_heard_through_all_that_it_feeds_and_nothing_else_is() {
        // Bus 3 plays on for the sidechain of bus 2, unheard.
        assert_eq!(open(0), ["a", "c", "1-2", "1-m", "2-m", "1-r", "2-r", "r-m", "side"]);
        assert_eq!(open(2), ["c", "3-m", "3-r", "r-m", "side"]);
    }

    #[test]
    fn what_feeds_a_soloed_bus_is_heard_through_it_alone() {
        assert_eq!(open(1), ["a", "b", "c", "1-2", "2-m", "2-r", "r-m", "side"]);
    }

    #[test]
    fn a_soloed_return_leaves_the_sends_and_cuts_every_other_way_to_the_master() {
        assert_eq!(open(3), ["a", "b", "c", "1-2", "1-r", "2-r", "3-r", "r-m", "side"]);
    }
    /// A graph without circles whose edges are drawn from a seed: two sources, five streams, an output, some sidechains.
    fn drawn(mut seed: u64) -> Graph {
        let mut graph = Graph::default();
        let sources = (0..2).map(|n| graph.add_source(format!("s{n}"), 2)).collect::<Vec<_>>();
        let streams = (0..5).map(|n| graph.add_stream(n.to_string(), 2)).collect::<Vec<_>>();
        let out = graph.add_output("out", 2);
        let nodes: Vec<NodeId> = sources.into_iter().chain(streams).chain([out]).collect();
        for (at, &to) in nodes.iter().enumerate().skip(2) {
            for &from in &nodes[..at] {
                seed = seed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
                match seed >> 61 {
                    0..3 => graph.connect(from, to),
                    3 if to != out => graph.connect_side(from, to),
                    _ => {}
                }
            }
        }
        graph
    }

    /// Every way from a source to the output, as the numbers of its edges.
    fn ways(graph: &Graph, node: NodeId, way: &mut Vec<usize>, found: &mut Vec<Vec<usize>>) {
        if matches!(graph.nodes[node.0].kind, Kind::Output(_)) {
            found.push(way.clone());
        }
        for (number, edge) in
            graph.edges.iter().enumerate().filter(|(_, edge)| edge.from == node && !edge.side)
        {
            way.push(number);
            ways(graph, edge.to, way, found);
            way.pop();
        }
    }

    #[test]
    fn a_way_is_cut_at_one_place_where_any_part_of_it_is_not_open_and_otherwise_nowhere() {
        let mut cut = 0;
        for seed in 0..200 {
            let graph = drawn(seed);
            let (solos, mut found) = (solos(&graph), Vec::new());
            (0..2).for_each(|source| ways(&graph, NodeId(source), &mut Vec::new(), &mut found));
            for (way, soloed) in found.iter().flat_map(|way| (1..32).map(move |soloed| (way, soloed))) {
                let open = way.iter().all(|&edge| solos[edge].opened_by & soloed != 0);
                let closed = way.iter().filter(|&&edge| solos[edge].close(soloed)).count();
                assert_eq!(closed, usize::from(!open), "seed {seed}, solo {soloed:b}");
                cut += closed;
            }
        }
        assert!(cut > 1000);
    }

    #[test]
    fn edges_meet_where_a_way_passes_both() {
        for seed in 0..50 {
            let graph = drawn(seed);
            let (solos, mut found) = (solos(&graph), Vec::new());
            (0..2).for_each(|source| ways(&graph, NodeId(source), &mut Vec::new(), &mut found));
            for way in &found {
                for &one in way {
                    let mut others = Ways::default();
                    way.iter()
                        .filter(|&&other| other != one)
                        .for_each(|&other| solos[other].join(&mut others));
                    assert_eq!(others.meet(&solos[one]), way.len() > 1, "seed {seed}");
                }
            }
        }
    }
}
