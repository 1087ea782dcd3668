//! The requirements of the chosen candidates, each with who satisfies it.
//!
//! A *wish* is one requirement, or one need, of one node. Wishes and satisfiers
//! lie in flat lists, in both directions, so that the passes over them are
//! linear and allocate nothing for each edge.

use std::ops::Range;

use super::choose::Choice;
use super::input::Need;
use super::lists::Lists;
use super::universe::{Universe, Wanted};

/// What a wish comes from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Source<'a> {
    Requirement(Wanted<'a>),
    Need(&'a Need),
}

/// One requirement of one node, with who satisfies it.
#[derive(Debug)]
pub(super) struct Wish<'a> {
    pub node: usize,
    pub source: Source<'a>,
    pub optional: bool,
    by_host: bool,
    satisfiers: Range<usize>,
}

/// All wishes, in flat lists: those of a node lie together.
#[derive(Debug, Default)]
pub(super) struct Wishes<'a> {
    pub all: Vec<Wish<'a>>,
    of_node: Vec<Range<usize>>,
    satisfiers: Vec<usize>,
    /// For each node the wishes that it satisfies.
    granted_by: Lists,
}

impl<'a> Wishes<'a> {
    pub fn collect(universe: &Universe<'a>, choice: &Choice) -> Self {
        Self::collect_unless(universe, choice, false).unwrap_or_default()
    }

    /// None as soon as there is a mandatory requirement that nobody satisfies.
    pub fn collect_complete(universe: &Universe<'a>, choice: &Choice) -> Option<Self> {
        Self::collect_unless(universe, choice, true)
    }

    fn collect_unless(universe: &Universe<'a>, choice: &Choice, incomplete: bool) -> Option<Self> {
        let mut wishes = Self::default();
        for (node, entry) in universe.nodes.iter().enumerate() {
            let first = wishes.all.len();
            if let Some(candidate) = choice.chosen[node] {
                for wanted in universe.requires(candidate) {
                    let start = wishes.satisfiers.len();
                    let satisfiers = choice.satisfiers(universe, node, wanted);
                    wishes.satisfiers.extend(satisfiers);
                    let by_host = universe.host_satisfies(wanted);
                    let optional = wanted.requirement.optional;
                    if !(by_host || optional) && start == wishes.satisfiers.len() {
                        if incomplete {
                            return None;
                        }
                        wishes.satisfiers.extend(stand_ins(universe, node, wanted));
                    }
                    wishes.all.push(Wish {
                        node,
                        source: Source::Requirement(wanted),
                        optional,
                        by_host,
                        satisfiers: start..wishes.satisfiers.len(),
                    });
                }
                for need in &entry.instance.needs {
                    let start = wishes.satisfiers.len();
                    wishes.satisfiers.extend(universe.node(&need.instance));
                    wishes.all.push(Wish {
                        node,
                        source: Source::Need(need),
                        optional: false,
                        by_host: false,
                        satisfiers: start..wishes.satisfiers.len(),
                    });
                }
            }
            wishes.of_node.push(first..wishes.all.len());
        }
        let granting = wishes.all.iter().enumerate().flat_map(|(number, wish)| {
            wishes.satisfiers(wish).iter().map(move |&node| (node, number))
        });
        wishes.granted_by = Lists::new(universe.nodes.len(), granting);
        Some(wishes)
    }

    pub fn of(&self, node: usize) -> impl Iterator<Item = (usize, &Wish<'a>)> {
        let range = self.of_node[node].clone();
        range.clone().zip(&self.all[range])
    }

    pub fn satisfiers(&self, wish: &Wish<'_>) -> &[usize] {
        &self.satisfiers[wish.satisfiers.clone()]
    }

    pub fn granted_by(&self, node: usize) -> &[usize] {
        self.granted_by.of(node)
    }

    /// Whether nothing that is there satisfies the wish.
    pub fn is_void(&self, wish: &Wish<'_>) -> bool {
        !wish.by_host && !wish.optional && wish.satisfiers.is_empty()
    }

    /// Whether it takes another node to grant the wish, and none of `up` does.
    pub fn is_refused(&self, wish: &Wish<'_>, up: &[bool]) -> bool {
        !wish.by_host && !wish.optional && !self.satisfiers(wish).iter().any(|&node| up[node])
    }

    /// The least fixed point: the nodes that can start, in rounds, each sorted.
    /// With `hopeful`, all that is missing is supposed to be there, so only
    /// cycles are left out.
    pub fn startable(&self, choice: &Choice, hopeful: bool) -> Vec<usize> {
        let count = self.of_node.len();
        let mut waiting = vec![0_usize; count];
        for wish in &self.all {
            let granted = wish.optional || wish.by_host || (hopeful && self.is_void(wish));
            waiting[wish.node] += usize::from(!granted);
        }
        let mut granted = vec![false; self.all.len()];
        let mut order: Vec<usize> = (0..count)
            .filter(|&node| waiting[node] == 0 && (hopeful || choice.chosen[node].is_some()))
            .collect();
        let mut round = 0..order.len();
        while !round.is_empty() {
            for at in round.clone() {
                for &number in self.granted_by(order[at]) {
                    let wish = &self.all[number];
                    if wish.optional || wish.by_host || granted[number] {
                        continue;
                    }
                    granted[number] = true;
                    waiting[wish.node] -= 1;
                    if waiting[wish.node] == 0 {
                        order.push(wish.node);
                    }
                }
            }
            round = round.end..order.len();
            order[round.clone()].sort_unstable();
        }
        order
    }
}

/// Instances of the required plugin that have no candidate at all, so that their
/// version is anybody's guess. Whoever asks for them is blocked by them, rather
/// than told that the plugin were missing once more.
fn stand_ins<'u>(
    universe: &'u Universe<'_>,
    asker: usize,
    wanted: Wanted<'_>,
) -> impl Iterator<Item = usize> + 'u {
    (universe.providers(wanted.target).iter().copied())
        .filter(move |&node| node != asker && universe.domains.of(node).is_empty())
}
