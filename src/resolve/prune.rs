//! Removes the versions that cannot hold whatever else is chosen.
//!
//! A candidate of an instance is removed when one of its mandatory requirements
//! has no provider left in any version; what only it supported follows. In most
//! worlds nothing is removed, and finding that out takes one supporter for each
//! requirement. Where something is, the requirements that it supported count their
//! other supporters, each once, so the whole is linear in candidates, requirements
//! and supports. This is arc consistency: it never removes a version that some
//! solution uses, but what it leaves need not be a solution; that is for `search`.

use super::choose::Choice;
use super::lists::Lists;
use super::universe::{Universe, Wanted};

/// What is left.
#[derive(Debug)]
pub(super) struct Pruned {
    /// The candidates left to each node, best first. Empty: it cannot start.
    pub domains: Lists,
}

/// A node in one version.
type Version = (usize, usize);

/// What one version of a node cannot start without.
struct Demand<'a> {
    by: Version,
    wanted: Wanted<'a>,
    /// How many versions that are left support it, once it was counted.
    supporters: Option<usize>,
}

/// Removes what cannot hold. If that is nothing, `best` is still the choice, and those that miss something in
/// it are returned, ascending.
pub(super) fn prune(universe: &Universe<'_>, best: &Choice) -> (Pruned, Option<Vec<usize>>) {
    let mut domains = universe.domains.clone();
    let mut gone = Vec::<Version>::new();
    let mut violated = Vec::new();
    for Demand { by, wanted, .. } in demands(universe) {
        let (node, candidate) = by;
        if best.chosen[node] == Some(candidate) {
            // Most are satisfied with the first that is looked at.
            if best.satisfiers(universe, node, wanted).next().is_some() {
                continue;
            }
            if violated.last() != Some(&node) {
                violated.push(node);
            }
        }
        if supporters(universe, &domains, wanted).next().is_none() {
            gone.push(by);
        }
    }
    if gone.is_empty() {
        return (Pruned { domains }, Some(violated));
    }
    let mut demands: Vec<_> = demands(universe).collect();
    let on = demands.iter().enumerate().map(|(number, demand)| (demand.wanted.target, number));
    let demands_on = Lists::new(universe.targets(), on);
    while let Some((node, candidate)) = gone.pop() {
        if !domains.remove(node, candidate) {
            continue; // It went for another reason already.
        }
        let services = universe.services_of(candidate);
        let services = (services.iter().enumerate())
            // A service offered in two versions is one name to look up.
            .filter(|(at, service)| !services[..*at].contains(service))
            .map(|(_, &service)| service);
        for target in std::iter::once(universe.nodes[node].plugin).chain(services) {
            for &number in demands_on.of(target) {
                let Demand { by, wanted, supporters: counted } = &mut demands[number];
                if !universe.satisfies(candidate, target, wanted.range()) {
                    continue;
                }
                let left = match *counted {
                    Some(before) => before - 1,
                    None => supporters(universe, &domains, *wanted).count(),
                };
                *counted = Some(left);
                if left == 0 {
                    gone.push(*by);
                }
            }
        }
    }
    (Pruned { domains }, None)
}

/// What is asked for, but for what the host has.
fn demands<'a>(universe: &Universe<'a>) -> impl Iterator<Item = Demand<'a>> {
    let versions = universe.domains.all().enumerate();
    let versions = versions.flat_map(|(node, domain)| domain.iter().map(move |&it| (node, it)));
    versions.flat_map(|by| {
        let wanted = universe.mandatory(by.1).filter(|&wanted| !universe.host_satisfies(wanted));
        wanted.map(move |wanted| Demand { by, wanted, supporters: None })
    })
}

/// The versions that support a requirement.
fn supporters<'u>(
    universe: &'u Universe<'_>,
    domains: &'u Lists,
    wanted: Wanted<'u>,
) -> impl Iterator<Item = usize> + 'u {
    (universe.providers(wanted.target).iter())
        .flat_map(|&provider| domains.of(provider).iter().copied())
        .filter(move |&candidate| universe.satisfies(candidate, wanted.target, wanted.range()))
}
