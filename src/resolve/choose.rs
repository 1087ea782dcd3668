//! Which version of each instance: the best that lets everything resolve.
//!
//! In the usual case it is the best candidate of each, every mandatory requirement
//! holds, and nothing here but `Choice::best` is called. Otherwise:
//!
//! 1. `prune` removes what cannot hold under any choice.
//! 2. What is still violated is grouped into *conflicts*. Two violations belong
//!    to one conflict if a chain of instances with more than one version left
//!    links them; an instance with a single version passes nothing on.
//! 3. Each conflict is searched on its own. If it cannot be solved whole, its
//!    violated askers are let in in halves: kept if a search succeeds with all
//!    those kept before, split further if not, and given up when it is one.
//!
//! A given-up asker keeps its best version and is explained by `diagnose`.

use std::collections::{BTreeMap, HashMap};

use petgraph::unionfind::UnionFind;

use super::lists::Lists;
use super::prune::{self, Pruned};
use super::search::{self, SEARCH_LIMIT, Search, Verdict};
use super::universe::{Universe, Wanted};

/// The outcome of choosing.
#[derive(Debug)]
pub(super) struct Choice {
    /// The candidate of each node; none if it has no candidate at all.
    pub chosen: Vec<Option<usize>>,
    /// Whether the node has a version that could start. One without keeps its
    /// best, to be explained, and does not count as satisfying anybody.
    pub usable: Vec<bool>,
    /// Askers given up because the search hit its limit, ascending.
    pub unsettled: Vec<usize>,
}

impl Choice {
    /// The best candidate of each, whatever it requires.
    pub fn best(universe: &Universe<'_>) -> Self {
        let chosen: Vec<_> = universe.domains.all().map(|domain| domain.first().copied()).collect();
        Self { usable: chosen.iter().map(Option::is_some).collect(), chosen, unsettled: Vec::new() }
    }

    /// The nodes that satisfy `asker`'s requirement under this choice.
    pub fn satisfiers<'s>(
        &'s self,
        universe: &'s Universe<'_>,
        asker: usize,
        wanted: Wanted<'s>,
    ) -> impl Iterator<Item = usize> + 's {
        (universe.providers(wanted.target).iter().copied()).filter(move |&node| {
            let fits = |candidate| universe.satisfies(candidate, wanted.target, wanted.range());
            node != asker && self.chosen[node].is_some_and(fits)
        })
    }

    /// Whether one that can be used satisfies it, or the host does.
    pub fn holds(&self, universe: &Universe<'_>, asker: usize, wanted: Wanted<'_>) -> bool {
        universe.host_satisfies(wanted)
            || (self.satisfiers(universe, asker, wanted)).any(|node| self.usable[node])
    }

    /// Whether all mandatory requirements of the node's candidate hold.
    fn content(&self, universe: &Universe<'_>, node: usize) -> bool {
        self.chosen[node].is_none_or(|candidate| {
            (universe.mandatory(candidate)).all(|wanted| self.holds(universe, node, wanted))
        })
    }
}

/// Called when the best versions do not do.
pub(super) fn choose(universe: &Universe<'_>) -> Choice {
    let mut choice = Choice::best(universe);
    let (pruned, violated) = prune::prune(universe, &choice);
    for (node, left) in pruned.domains.all().enumerate() {
        match left.first() {
            Some(&candidate) => choice.chosen[node] = Some(candidate),
            // It keeps its best version, which is the one to explain.
            None => choice.usable[node] = false,
        }
    }
    let violated = violated.unwrap_or_else(|| {
        (0..universe.nodes.len())
            .filter(|&node| choice.usable[node] && !choice.content(universe, node))
            .collect()
    });
    if !violated.is_empty() {
        let askers = search::askers(universe, &pruned);
        for conflict in conflicts(universe, &pruned, &askers, &choice, &violated) {
            let search = Search::new(universe, &pruned, &askers, &mut choice);
            let limited = settle(search, &conflict);
            choice.unsettled.extend(limited);
        }
        choice.unsettled.sort_unstable();
    }
    choice
}

/// Groups the violated askers into conflicts, each ascending, in the order of
/// their first asker.
fn conflicts(
    universe: &Universe<'_>,
    pruned: &Pruned,
    askers: &Lists,
    choice: &Choice,
    violated: &[usize],
) -> Vec<Vec<usize>> {
    // Whoever has a choice of versions is linked to all that ask for what it is, and to all others that
    // have it, through the first of them, the *hub*: that keeps this linear.
    let free = |node: usize| pruned.domains.of(node).len() > 1;
    let mut hubs = vec![None; universe.targets()];
    let mut links = UnionFind::<usize>::new(universe.nodes.len());
    for (target, hub) in hubs.iter_mut().enumerate() {
        let askers = askers.of(target);
        let mut providers = universe.providers(target).iter().copied().filter(|&it| free(it));
        let Some(first) = providers.next().filter(|_| !askers.is_empty()) else {
            continue;
        };
        *hub = Some(first);
        for other in providers.chain(askers.iter().copied().filter(|&asker| free(asker))) {
            links.union(first, other);
        }
    }
    // An asker with a single version ties together only what it misses now.
    let mut home = HashMap::<usize, usize>::new();
    for &asker in violated.iter().filter(|&&asker| !free(asker)) {
        let missed = (choice.chosen[asker].into_iter())
            .flat_map(|candidate| universe.mandatory(candidate))
            .filter(|&wanted| !choice.holds(universe, asker, wanted))
            .filter_map(|wanted| hubs[wanted.target]);
        for hub in missed {
            links.union(*home.entry(asker).or_insert(hub), hub);
        }
    }
    let mut groups = BTreeMap::<usize, Vec<usize>>::new();
    for &asker in violated {
        let member = home.get(&asker).copied().unwrap_or(asker);
        groups.entry(links.find(member)).or_default().push(asker);
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    groups.sort_unstable();
    groups
}

/// Solves one conflict, or as much of it as can be solved. Returns the askers
/// that were given up only because of the limit.
fn settle(mut search: Search<'_, '_>, conflict: &[usize]) -> Vec<usize> {
    let mut limited = Vec::new();
    if search.solve(conflict, SEARCH_LIMIT / 2) == Verdict::Solved {
        return limited;
    }
    let mut kept = Vec::with_capacity(conflict.len());
    search.ignore(conflict);
    // Halves, since nearly all of many askers can usually be let in at once.
    let (left, right) = conflict.split_at(conflict.len() / 2);
    let mut todo = vec![right, left];
    while let Some(part) = todo.pop() {
        if part.is_empty() {
            continue;
        }
        if search.spent() >= SEARCH_LIMIT {
            limited.extend_from_slice(part);
            continue;
        }
        search.heed(part);
        // The new ones first: if they cannot be had, it shows at once.
        let seeds: Vec<usize> = part.iter().chain(&kept).copied().collect();
        // Each attempt gets a quarter of what is left, so that one that cannot be
        // settled does not use up what the others need.
        let budget = (SEARCH_LIMIT.saturating_sub(search.spent()) / 4).max(1);
        let verdict = search.solve(&seeds, budget);
        if verdict == Verdict::Solved {
            kept.extend_from_slice(part);
            continue;
        }
        search.ignore(part);
        match part {
            [asker] if verdict == Verdict::LimitHit => limited.push(*asker),
            [_] => {}
            many => {
                let (left, right) = many.split_at(many.len() / 2);
                todo.extend([right, left]);
            }
        }
    }
    limited
}
