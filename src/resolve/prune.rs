//! Removes the versions that cannot hold whatever else is chosen.
//!
//! A candidate of an instance is removed when one of its mandatory requirements
//! has no provider left in any version; what only it supported follows. Each
//! distinct demand (target and range) keeps a count of its supporters, so the
//! whole is linear in candidates, requirements and supports. This is arc
//! consistency: it never removes a version that some solution uses, but what it
//! leaves need not be a solution; that is for `search`.

use std::collections::HashMap;

use semver::VersionReq;

use crate::manifest::{Requirement, Target};

use super::universe::{ByTarget, Universe};

/// What is left.
#[derive(Debug)]
pub(super) struct Pruned {
    /// The candidates left to each node, best first. Empty: it cannot start.
    pub domains: Vec<Vec<usize>>,
}

/// A node in one version.
type Version = (usize, usize);

struct Demand<'a> {
    requirement: &'a Requirement,
    /// Who goes when the last supporter has gone.
    askers: Vec<Version>,
    supporters: usize,
}

#[derive(Default)]
struct Demands<'a> {
    all: Vec<Demand<'a>>,
    by_target: ByTarget<'a, Vec<usize>>,
}

impl<'a> Demands<'a> {
    fn collect(universe: &Universe<'a>) -> Self {
        let mut demands = Self::default();
        let mut numbers =
            HashMap::<(&'a Target, &'a VersionReq), usize>::with_capacity(universe.nodes.len());
        for (node, candidate) in versions(universe) {
            for requirement in universe.mandatory(candidate) {
                if universe.host_satisfies(requirement) {
                    continue;
                }
                let key = (&requirement.target, &requirement.range);
                let number = *numbers.entry(key).or_insert_with(|| {
                    let number = demands.all.len();
                    demands.by_target.entry(&requirement.target).push(number);
                    demands.all.push(Demand { requirement, askers: Vec::new(), supporters: 0 });
                    number
                });
                demands.all[number].askers.push((node, candidate));
            }
        }
        demands
    }

    /// Calls `each` with every demand that this version supports.
    fn supported(
        &mut self,
        universe: &Universe<'_>,
        (node, candidate): Version,
        mut each: impl FnMut(&mut Demand<'a>),
    ) {
        let by_target = &self.by_target;
        let plugin = by_target.plugin(&universe.nodes[node].instance.plugin);
        let provides = &universe.candidate(candidate).provides;
        let services = (provides.iter().enumerate())
            // A service offered in two versions is one name to look up.
            .filter(|(at, offer)| {
                (provides[..*at].iter()).all(|earlier| earlier.service != offer.service)
            })
            .filter_map(|(_, offer)| by_target.service(&offer.service));
        for &number in plugin.into_iter().chain(services).flatten() {
            let demand = &mut self.all[number];
            if universe.satisfies(candidate, demand.requirement) {
                each(demand);
            }
        }
    }
}

fn versions<'u>(universe: &'u Universe<'_>) -> impl Iterator<Item = Version> + 'u {
    (universe.nodes.iter().enumerate())
        .flat_map(|(number, node)| node.domain.iter().map(move |&index| (number, index)))
}

pub(super) fn prune(universe: &Universe<'_>) -> Pruned {
    let mut demands = Demands::collect(universe);
    for version in versions(universe) {
        demands.supported(universe, version, |demand| demand.supporters += 1);
    }
    let mut domains: Vec<_> = (universe.nodes.iter()).map(|node| node.domain.clone()).collect();
    let mut gone: Vec<Version> = (demands.all.iter())
        .filter(|demand| demand.supporters == 0)
        .flat_map(|demand| demand.askers.iter().copied())
        .collect();
    while let Some((node, candidate)) = gone.pop() {
        let left = &mut domains[node];
        let Some(at) = left.iter().position(|&index| index == candidate) else {
            continue; // It went for another reason already.
        };
        left.remove(at);
        demands.supported(universe, (node, candidate), |demand| {
            demand.supporters -= 1;
            if demand.supporters == 0 {
                gone.extend_from_slice(&demand.askers);
            }
        });
    }
    Pruned { domains }
}
