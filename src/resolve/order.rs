//! Who can start, and in which order.
//!
//! A node can start when each of its mandatory wishes is granted by the host or
//! by one node that can start: a least fixed point (`Wishes::startable`).
//!
//! Edges then lead to *all* startable satisfiers, optional ones included, and
//! levels are longest paths. Only edges that the fixed point did not need can
//! close a cycle: those of optional wishes and to surplus providers. So inside
//! each strongly connected component, edges that go against the order in which
//! the fixed point was reached are dropped, and what is left has no cycle.

use std::collections::HashSet;

use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};

use super::choose::Choice;
use super::wishes::Wishes;

/// Who starts when.
#[derive(Debug)]
pub(super) struct Outcome<'a> {
    pub wishes: Wishes<'a>,
    /// Whether the node is in the plan.
    pub starts: Vec<bool>,
    /// Whether the node would be, if nothing were missing. Empty if all start.
    pub hopeful: Vec<bool>,
    pub levels: Vec<Vec<usize>>,
    /// Edges dropped to break a cycle: from, to.
    pub dropped: HashSet<(usize, usize)>,
}

impl Outcome<'_> {
    /// Whom the node waits for; one may come up more than once.
    pub fn edges_from(&self, node: usize) -> impl Iterator<Item = usize> {
        (self.wishes.of(node))
            .flat_map(|(_, wish)| self.wishes.satisfiers(wish).iter().copied())
            .filter(move |&to| self.starts[to] && !self.is_dropped(node, to))
    }

    fn is_dropped(&self, from: usize, to: usize) -> bool {
        // Nearly always empty, and asked for each edge.
        !self.dropped.is_empty() && self.dropped.contains(&(from, to))
    }

    /// Longest-path levels over the kept edges; true if all nodes found a place.
    fn arrange(&mut self, expected: usize) -> bool {
        let count = self.starts.len();
        let mut waiting: Vec<usize> =
            (0..count).map(|node| self.edges_from(node).count()).collect();
        let mut level: Vec<usize> =
            (0..count).filter(|&node| self.starts[node] && waiting[node] == 0).collect();
        let mut placed = 0;
        self.levels.clear();
        while !level.is_empty() {
            placed += level.len();
            let mut next = Vec::new();
            for &node in &level {
                for &number in self.wishes.granted_by(node) {
                    let asker = self.wishes.all[number].node;
                    if !self.starts[asker] || self.is_dropped(asker, node) {
                        continue;
                    }
                    waiting[asker] -= 1;
                    if waiting[asker] == 0 {
                        next.push(asker);
                    }
                }
            }
            next.sort_unstable();
            self.levels.push(std::mem::replace(&mut level, next));
        }
        placed == expected
    }

    /// Drops, inside each knot, the edges against the order of the fixed point.
    fn untie(&mut self, order: &[usize]) {
        let mut rank = vec![usize::MAX; self.starts.len()];
        for (at, &node) in order.iter().enumerate() {
            rank[node] = at;
        }
        let mut graph = DiGraph::<(), (), usize>::default();
        for _ in &self.starts {
            graph.add_node(());
        }
        for &node in order {
            for to in self.edges_from(node) {
                graph.add_edge(NodeIndex::new(node), NodeIndex::new(to), ());
            }
        }
        let mut knot_of = vec![0; self.starts.len()];
        for (number, knot) in kosaraju_scc(&graph).iter().enumerate() {
            for member in knot {
                knot_of[member.index()] = number;
            }
        }
        let against =
            |&(from, to): &(usize, usize)| knot_of[from] == knot_of[to] && rank[to] >= rank[from];
        self.dropped = (graph.raw_edges().iter())
            .map(|edge| (edge.source().index(), edge.target().index()))
            .filter(against)
            .collect();
    }
}

pub(super) fn order<'a>(choice: &Choice, wishes: Wishes<'a>) -> Outcome<'a> {
    let order = wishes.startable(choice, false);
    let count = choice.chosen.len();
    let mask = |nodes: &[usize]| {
        let mut mask = vec![false; count];
        for &node in nodes {
            mask[node] = true;
        }
        mask
    };
    let hopeful =
        if order.len() == count { Vec::new() } else { mask(&wishes.startable(choice, true)) };
    let mut outcome = Outcome {
        starts: mask(&order),
        hopeful,
        wishes,
        levels: Vec::new(),
        dropped: HashSet::new(),
    };
    if !outcome.arrange(order.len()) {
        outcome.untie(&order);
        outcome.arrange(order.len());
    }
    outcome
}
