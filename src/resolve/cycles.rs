//! The cycles among the nodes that could not start even if nothing were missing.
//!
//! Each such node has a wish that only such nodes satisfy; along these wishes
//! the graph is split into strongly connected components, *knots*. A knot's
//! cycle is found by breadth-first search from its first node back to itself,
//! hence a shortest one, and then one through each member that is on none yet,
//! up to [`CYCLES_PER_KNOT`]: enough to act on, and linear in the knot. Members
//! of a knot that are on no reported cycle are reported as blocked by it.

use std::collections::{HashMap, HashSet, VecDeque};

use petgraph::algo::kosaraju_scc;
use petgraph::graphmap::DiGraphMap;

use super::order::Outcome;

/// How many cycles of one knot are reported.
const CYCLES_PER_KNOT: usize = 16;

/// A cycle: each node with the wish that leads to the next, and the last one's
/// back to the first.
pub(super) type Path = Vec<(usize, usize)>;

pub(super) fn cycles(outcome: &Outcome<'_>) -> Vec<Path> {
    let mut graph = DiGraphMap::<usize, usize>::new();
    for (node, _) in outcome.hopeful.iter().enumerate().filter(|(_, hopeful)| !**hopeful) {
        graph.add_node(node);
        for (number, wish) in outcome.wishes.of(node) {
            let satisfiers = outcome.wishes.satisfiers(wish);
            if !outcome.wishes.is_refused(wish, &outcome.hopeful) {
                continue;
            }
            for &to in satisfiers {
                if !graph.contains_edge(node, to) {
                    graph.add_edge(node, to, number);
                }
            }
        }
    }
    let mut knots = kosaraju_scc(&graph);
    for knot in &mut knots {
        knot.sort_unstable();
    }
    knots.sort_unstable();
    let mut found = Vec::new();
    for knot in &knots {
        let members: HashSet<usize> = knot.iter().copied().collect();
        let mut covered = HashSet::new();
        let mut left = CYCLES_PER_KNOT;
        for &start in knot {
            if left == 0 {
                break;
            }
            if covered.contains(&start) {
                continue;
            }
            if let Some(path) = shortest(&graph, &members, start) {
                left -= 1;
                covered.extend(path.iter().map(|&(node, _)| node));
                found.push(path);
            }
        }
    }
    found
}

/// A shortest cycle through `start` inside its knot.
fn shortest(
    graph: &DiGraphMap<usize, usize>,
    members: &HashSet<usize>,
    start: usize,
) -> Option<Path> {
    let mut came_by = HashMap::<usize, (usize, usize)>::new();
    let mut queue = VecDeque::from([start]);
    while let Some(node) = queue.pop_front() {
        for (_, to, &number) in graph.edges(node) {
            if to == start {
                let mut path = vec![(node, number)];
                let mut at = node;
                while let Some(&step) = came_by.get(&at) {
                    path.push(step);
                    at = step.0;
                }
                path.reverse();
                return Some(path);
            }
            if members.contains(&to) && !came_by.contains_key(&to) {
                came_by.insert(to, (node, number));
                queue.push_back(to);
            }
        }
    }
    None
}
