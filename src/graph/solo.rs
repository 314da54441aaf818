//! Which ways stay open when streams are soloed, found when a graph is compiled.
//!
//! A sound is heard where its way passes a soloed stream: what feeds one is heard through it alone, and what it feeds lets
//! nothing else pass. What drives the sidechain of anything heard plays on unheard. Not real-time.

use super::Graph;
use super::Kind;
use super::NodeId;

/// A set of streams by their numbers, of which the first 64 can be soloed.
pub(super) type Streams = u64;

/// For each edge the streams whose solo leaves it open; a sidechain is open under every one.
pub(super) fn opened_by(graph: &Graph) -> Vec<Streams> {
    let mut opened: Vec<Streams> = graph.edges.iter().map(|edge| if edge.side { !0 } else { 0 }).collect();
    for (node, found) in graph.nodes.iter().enumerate() {
        let Kind::Stream(number @ 0..64) = found.kind else { continue };
        let after = after(graph, NodeId(node));
        let needed = needed(graph, NodeId(node), &after);
        for (edge, opened) in graph.edges.iter().zip(&mut opened) {
            // The ends of edges are nodes of the graph, of which both lists are as long.
            if after[edge.from.0] || needed[edge.to.0] {
                *opened |= 1 << number;
            }
        }
    }
    opened
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
        let opened = opened_by(&graph);
        names.into_iter().zip(opened).filter(|(_, by)| by >> solo & 1 == 1).map(|(name, _)| name).collect()
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
}
