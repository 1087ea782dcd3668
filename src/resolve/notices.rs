//! What is remarkable about the instances that do start.

use std::collections::HashMap;

use super::choose::Choice;
use super::diagnose::want;
use super::hints::Hints;
use super::order::Outcome;
use super::report::Notice;
use super::search::SEARCH_LIMIT;
use super::universe::{Universe, Wanted};
use super::wishes::Source;

/// How many ids the path of a load-order notice has, ends included.
const PATH: usize = 8;

pub(super) fn notices(
    universe: &Universe<'_>,
    choice: &Choice,
    outcome: &Outcome<'_>,
    hints: &mut Hints<'_, '_>,
) -> Vec<Notice> {
    let mut notices = Vec::new();
    lowered(universe, choice, outcome, &mut notices);
    if !choice.unsettled.is_empty() {
        let ids = choice.unsettled.iter().map(|&node| universe.id(node).to_owned());
        notices.push(Notice::SearchLimit { instances: ids.collect(), limit: SEARCH_LIMIT });
    }
    optional_out_of_range(universe, outcome, hints, &mut notices);
    not_waited_for(universe, outcome, &mut notices);
    if !universe.request.load_order.is_empty() {
        contradicted(universe, outcome, &mut notices);
        unknown(universe, hints, &mut notices);
    }
    notices
}

fn lowered(
    universe: &Universe<'_>,
    choice: &Choice,
    outcome: &Outcome<'_>,
    notices: &mut Vec<Notice>,
) {
    let mut because = HashMap::<usize, Option<(usize, Wanted<'_>)>>::new();
    let mut order = Vec::new();
    for (node, domain) in universe.domains.all().enumerate() {
        let Some(&best) = domain.first() else {
            continue;
        };
        if outcome.starts[node] && choice.chosen[node] != Some(best) {
            let own = universe.mandatory(best).find(|&wanted| {
                !universe.host_satisfies(wanted)
                    && !choice.satisfiers(universe, node, wanted).any(|other| outcome.starts[other])
            });
            because.insert(node, own.map(|wanted| (node, wanted)));
            order.push((node, best));
        }
    }
    if order.is_empty() {
        return;
    }
    for wish in outcome.wishes.all.iter().filter(|wish| !wish.optional) {
        let Source::Requirement(wanted) = wish.source else {
            continue;
        };
        for node in outcome.wishes.satisfiers(wish) {
            if let (Some(reason @ None), Some(best)) =
                (because.get_mut(node), universe.domains.of(*node).first())
                && outcome.starts[wish.node]
                && !universe.satisfies(*best, wanted.target, wanted.range())
            {
                *reason = Some((wish.node, wanted));
            }
        }
    }
    for (node, best) in order {
        let Some(chosen) = choice.chosen[node] else {
            continue;
        };
        let because = because.get(&node).copied().flatten();
        notices.push(Notice::Lowered {
            instance: universe.id(node).to_owned(),
            plugin: universe.candidate(chosen).plugin.clone(),
            chosen: universe.candidate(chosen).version.clone(),
            best: universe.candidate(best).version.clone(),
            because: because
                .map(|(asker, wanted)| (universe.id(asker).to_owned(), wanted.requirement.clone())),
        });
    }
}

fn optional_out_of_range(
    universe: &Universe<'_>,
    outcome: &Outcome<'_>,
    hints: &Hints<'_, '_>,
    notices: &mut Vec<Notice>,
) {
    for wish in &outcome.wishes.all {
        let Source::Requirement(wanted) = wish.source else {
            continue;
        };
        if !wish.optional
            || !outcome.starts[wish.node]
            || !outcome.wishes.satisfiers(wish).is_empty()
            || universe.host_satisfies(wanted)
        {
            continue;
        }
        let found = hints.running(wish.node, wanted, &outcome.starts);
        if !found.is_empty() {
            notices.push(Notice::OptionalOutOfRange {
                instance: universe.id(wish.node).to_owned(),
                requirement: wanted.requirement.clone(),
                found,
            });
        }
    }
}

fn not_waited_for(universe: &Universe<'_>, outcome: &Outcome<'_>, notices: &mut Vec<Notice>) {
    let mut dropped: Vec<_> = outcome.dropped.iter().copied().collect();
    dropped.sort_unstable();
    for (from, to) in dropped {
        let mut wishes = outcome.wishes.of(from);
        let wish = wishes.find(|(_, wish)| outcome.wishes.satisfiers(wish).contains(&to));
        if let Some((_, wish)) = wish {
            notices.push(Notice::NotWaitedFor {
                instance: universe.id(from).to_owned(),
                other: universe.id(to).to_owned(),
                because: want(wish.source),
            });
        }
    }
}

/// What a node depends on that comes last in the load order.
#[derive(Clone, Copy)]
struct Latest {
    node: usize,
    /// The direct dependency that leads there, and how many arrows it takes.
    through: usize,
    arrows: usize,
}

/// One notice for each entry that depends on a later one, naming the latest:
/// found in one pass over the levels, since listing all pairs would be
/// quadratic.
fn contradicted(universe: &Universe<'_>, outcome: &Outcome<'_>, notices: &mut Vec<Notice>) {
    let position = |node: usize| universe.nodes[node].position;
    let mut latest = vec![None::<Latest>; universe.nodes.len()];
    for &node in outcome.levels.iter().flatten() {
        let mut best = None::<Latest>;
        for through in outcome.edges_from(node) {
            let itself = position(through).map(|_| Latest { node: through, through, arrows: 1 });
            let beyond = latest[through].map(|beyond| Latest {
                through,
                arrows: beyond.arrows + 1,
                ..beyond
            });
            for other in itself.into_iter().chain(beyond) {
                let later = |best: Latest| {
                    (position(other.node), best.arrows, best.through)
                        > (position(best.node), other.arrows, other.through)
                };
                if best.is_none_or(later) {
                    best = Some(other);
                }
            }
        }
        latest[node] = best;
    }
    for (node, found) in latest.iter().enumerate() {
        let Some(found) =
            found.filter(|found| position(node).is_some() && position(found.node) > position(node))
        else {
            continue;
        };
        let mut path = vec![universe.id(node).to_owned()];
        let mut at = found;
        while at.arrows > 1 && path.len() < PATH - 1 {
            path.push(universe.id(at.through).to_owned());
            match latest[at.through] {
                Some(next) => at = next,
                None => break,
            }
        }
        path.push(universe.id(found.node).to_owned());
        notices.push(Notice::LoadOrderContradicted {
            first: universe.id(node).to_owned(),
            later: universe.id(found.node).to_owned(),
            cut: (found.arrows + 1).saturating_sub(path.len()),
            path,
        });
    }
}

fn unknown(universe: &Universe<'_>, hints: &mut Hints<'_, '_>, notices: &mut Vec<Notice>) {
    let disabled: std::collections::HashSet<&str> =
        (universe.request.disabled.iter()).map(|it| it.instance.as_str()).collect();
    for entry in universe.request.load_order {
        if universe.node(entry).is_none() && !disabled.contains(entry.as_str()) {
            notices.push(Notice::LoadOrderUnknown {
                entry: entry.clone(),
                similar: hints.similar_instances(entry),
            });
        }
    }
}
