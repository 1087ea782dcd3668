//! Removes the versions that cannot hold whatever else is chosen.
//!
//! A candidate of an instance is removed when one of its mandatory requirements
//! has no provider left in any version; what only it supported follows. Each
//! distinct demand (target and range) keeps a count of its supporters, so the
//! whole is linear in candidates, requirements and supports. This is arc
//! consistency: it never removes a version that some solution uses, but what it
//! leaves need not be a solution; that is for `search`.

use semver::VersionReq;

use super::lists::Lists;
use super::names::FastMap;
use super::universe::{Universe, Wanted};

/// What is left.
#[derive(Debug)]
pub(super) struct Pruned {
    /// The candidates left to each node, best first. Empty: it cannot start.
    pub domains: Vec<Vec<usize>>,
}

/// A node in one version.
type Version = (usize, usize);

/// What is asked for by whom, each distinct demand once.
struct Demands<'a> {
    all: Vec<Wanted<'a>>,
    by_target: Lists,
    /// Who goes when the last supporter has gone, by its place among the versions.
    askers: Lists,
}

impl<'a> Demands<'a> {
    fn collect(universe: &Universe<'a>, versions: &[Version]) -> Self {
        let mut numbers = FastMap::<(usize, &'a VersionReq), usize>::default();
        numbers.reserve(versions.len());
        let mut all = Vec::new();
        let mut asked = Vec::new();
        for (at, &(_, candidate)) in versions.iter().enumerate() {
            for wanted in universe.mandatory(candidate) {
                if universe.host_satisfies(wanted) {
                    continue;
                }
                let number = *numbers.entry((wanted.target, wanted.range())).or_insert(all.len());
                if number == all.len() {
                    all.push(wanted);
                }
                asked.push((number, at));
            }
        }
        let by_target = all.iter().enumerate().map(|(number, wanted)| (wanted.target, number));
        Self {
            by_target: Lists::new(universe.targets(), by_target),
            askers: Lists::new(all.len(), asked.into_iter()),
            all,
        }
    }

    /// Calls `each` with every demand that this version supports.
    fn supported(
        &self,
        universe: &Universe<'_>,
        (node, candidate): Version,
        mut each: impl FnMut(usize),
    ) {
        let services = universe.services_of(candidate);
        let services = (services.iter().enumerate())
            // A service offered in two versions is one name to look up.
            .filter(|(at, service)| !services[..*at].contains(service))
            .map(|(_, &service)| service);
        for target in std::iter::once(universe.nodes[node].plugin).chain(services) {
            for &number in self.by_target.of(target) {
                if universe.satisfies(candidate, target, self.all[number].range()) {
                    each(number);
                }
            }
        }
    }
}

pub(super) fn prune(universe: &Universe<'_>) -> Pruned {
    let versions: Vec<Version> = (universe.nodes.iter().enumerate())
        .flat_map(|(number, node)| node.domain.iter().map(move |&index| (number, index)))
        .collect();
    let demands = Demands::collect(universe, &versions);
    let mut supporters = vec![0_usize; demands.all.len()];
    for &version in &versions {
        demands.supported(universe, version, |number| supporters[number] += 1);
    }
    let mut domains: Vec<_> = (universe.nodes.iter()).map(|node| node.domain.clone()).collect();
    let mut gone: Vec<usize> = (0..demands.all.len())
        .filter(|&number| supporters[number] == 0)
        .flat_map(|number| demands.askers.of(number).iter().copied())
        .collect();
    while let Some((node, candidate)) = gone.pop().map(|at| versions[at]) {
        let left = &mut domains[node];
        let Some(at) = left.iter().position(|&index| index == candidate) else {
            continue; // It went for another reason already.
        };
        left.remove(at);
        demands.supported(universe, (node, candidate), |number| {
            supporters[number] -= 1;
            if supporters[number] == 0 {
                gone.extend_from_slice(demands.askers.of(number));
            }
        });
    }
    Pruned { domains }
}
