//! Against slow and simple definitions of the same thing.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use proptest::prelude::*;
use semver::Version;

use super::*;
use crate::manifest::{Provision, Target};

#[derive(Clone, Debug)]
struct World {
    candidates: Vec<Candidate>,
    instances: Vec<Instance>,
    load_order: Vec<String>,
}

impl World {
    fn resolve(&self) -> Resolution {
        resolve(Request {
            candidates: &self.candidates,
            instances: &self.instances,
            load_order: &self.load_order,
            ..Request::default()
        })
    }

    /// Whether `other` in version `theirs` satisfies what `id` requires.
    fn satisfied(&self, id: &str, wanted: &crate::manifest::Requirement, choice: &Chosen) -> bool {
        self.satisfiers(id, wanted, choice).next().is_some()
    }

    fn satisfiers<'s>(
        &'s self,
        id: &'s str,
        wanted: &'s crate::manifest::Requirement,
        choice: &'s Chosen,
    ) -> impl Iterator<Item = &'s str> {
        choice.iter().filter(move |(other, _)| *other != id).filter_map(move |(other, index)| {
            let it = &self.candidates[*index];
            let fits = match &wanted.target {
                Target::Plugin(plugin) => it.plugin == *plugin && wanted.range.matches(&it.version),
                Target::Service(name) => (it.provides.iter())
                    .any(|offer| offer.service == *name && wanted.range.matches(&offer.version)),
            };
            fits.then_some(other.as_str())
        })
    }
}

/// The candidate of each instance.
type Chosen = BTreeMap<String, usize>;

const NAMES: usize = 7;

/// `versions` versions of each plugin at most; `ordered` lets a plugin require
/// only plugins before it.
fn worlds(versions: u64, ordered: bool, range: &'static str) -> impl Strategy<Value = World> {
    let wants = proptest::collection::vec(
        (0..NAMES, 1..=versions, proptest::bool::weighted(0.2), proptest::bool::weighted(0.2)),
        0..3,
    );
    let version = (wants, proptest::bool::ANY);
    // Now and then a plugin is not there at all.
    let plugin = prop_oneof![
        15 => proptest::collection::vec(version.clone(), 1..=versions as usize),
        1 => proptest::collection::vec(version, 0..=0),
    ];
    let plugins = proptest::collection::vec(plugin, 1..=NAMES);
    let order = proptest::collection::vec(0..NAMES, 0..4);
    (plugins, order).prop_map(move |(plugins, order)| {
        let mut candidates = Vec::new();
        let mut instances = Vec::new();
        for (at, list) in plugins.into_iter().enumerate() {
            instances.push(Instance::new(format!("p{at}"), format!("p{at}")));
            for (number, (wants, provides)) in list.into_iter().enumerate() {
                let number = number as u64 + 1;
                let requires = (wants.into_iter())
                    .filter(|(target, ..)| !ordered || *target < at)
                    .map(|(target, version, optional, service)| {
                        let kind = if service { "service s" } else { "plugin p" };
                        let optional = if optional { " optional" } else { "" };
                        // Services have three names, so several provide one.
                        let target = if service && !ordered { target % 3 } else { target };
                        let text = format!("{kind}{target} {range}{version}{optional}");
                        tests::requirement(&text)
                    });
                let service = if ordered { at } else { at % 3 };
                let offer = Provision {
                    service: format!("s{service}"),
                    version: Version::new(number, 0, 0),
                };
                candidates.push(Candidate {
                    requires: requires.collect(),
                    provides: provides.then_some(offer).into_iter().collect(),
                    ..Candidate::new(format!("p{at}"), Version::new(number, 0, 0), "x.so")
                });
            }
        }
        World {
            candidates,
            instances,
            load_order: order.into_iter().map(|at| format!("p{at}")).collect(),
        }
    })
}

fn problem_ids(report: &Report) -> BTreeSet<&str> {
    report.problems.iter().flat_map(Problem::instances).collect()
}

/// Each step is in the level right after the last of its dependencies, and waits
/// for nobody that is not in the plan.
fn check_levels(plan: &Plan) -> Result<(), TestCaseError> {
    let mut level_of = HashMap::new();
    for (number, level) in plan.levels.iter().enumerate() {
        prop_assert!(!level.is_empty());
        for step in level {
            let before = (step.depends_on.iter()).map(|id| level_of.get(id).copied());
            let levels: Option<Vec<usize>> = before.collect();
            prop_assert!(levels.is_some(), "{} before its dependencies", step.instance);
            let lowest = levels.into_iter().flatten().max().map_or(0, |level| level + 1);
            prop_assert_eq!(lowest, number, "{}", &step.instance);
        }
        level_of.extend(level.iter().map(|step| (step.instance.clone(), number)));
    }
    Ok(())
}

/// Plan, blocked and problems account for each instance, the plan for itself alone.
fn check_partition(world: &World, resolution: &Resolution) -> Result<(), TestCaseError> {
    let planned: BTreeSet<&str> = resolution.plan.start_order().map(|it| &*it.instance).collect();
    let blocked: BTreeSet<&str> =
        resolution.report.blocked.iter().map(|it| &*it.instance).collect();
    let refused = problem_ids(&resolution.report);
    prop_assert!(planned.is_disjoint(&blocked));
    prop_assert!(planned.is_disjoint(&refused));
    prop_assert!(blocked.is_disjoint(&refused));
    for instance in &world.instances {
        let id = instance.id.as_str();
        let known = planned.contains(id) || blocked.contains(id) || refused.contains(id);
        prop_assert!(known, "{id} is not accounted for");
        prop_assert_eq!(resolution.report.explain(id).is_none(), planned.contains(id));
    }
    for blocked in &resolution.report.blocked {
        prop_assert!(!blocked.by.is_empty());
        prop_assert!(blocked.by.iter().all(|by| !planned.contains(by.as_str())));
    }
    Ok(())
}

proptest! {
    #[test]
    fn without_cycles_everything_with_its_dependencies_is_planned_in_order(
        world in worlds(1, true, ">="),
    ) {
        let resolution = world.resolve();
        check_levels(&resolution.plan)?;
        check_partition(&world, &resolution)?;
        let cycle = |problem: &Problem| matches!(problem, Problem::Cycle(_));
        prop_assert!(!resolution.report.problems.iter().any(cycle));
    }

    #[test]
    fn exactly_what_can_start_is_planned_and_all_its_providers_are_waited_for(
        world in worlds(1, false, ">="),
    ) {
        let resolution = world.resolve();
        check_levels(&resolution.plan)?;
        check_partition(&world, &resolution)?;
        // The definition, literally: repeat until nothing more can start.
        let all: Chosen = (world.candidates.iter().enumerate())
            .map(|(index, it)| (it.plugin.clone(), index))
            .collect();
        let mut up = Chosen::new();
        loop {
            let more: Vec<_> = (all.iter())
                .filter(|(id, _)| !up.contains_key(*id))
                .filter(|(id, index)| {
                    let mut wants = world.candidates[**index].requires.iter();
                    wants.all(|it| it.optional || world.satisfied(id, it, &up))
                })
                .map(|(id, index)| (id.clone(), *index))
                .collect();
            if more.is_empty() {
                break;
            }
            up.extend(more);
        }
        let planned: Chosen = (resolution.plan.start_order())
            .map(|step| (step.instance.to_string(), step.candidate))
            .collect();
        prop_assert_eq!(&planned, &up);
        for step in resolution.plan.start_order() {
            let mut wanted = BTreeSet::new();
            for it in &world.candidates[step.candidate].requires {
                let granted = world.satisfiers(&step.instance, it, &up).collect::<Vec<_>>();
                let waits = |id: &&str| step.depends_on.iter().any(|on| **on == **id);
                prop_assert!(it.optional || granted.iter().any(waits), "one is waited for");
                wanted.extend(granted);
            }
            let dropped = resolution.report.notices.iter().filter(|notice| {
                matches!(notice, Notice::NotWaitedFor { instance, .. } if **instance == *step.instance)
            });
            prop_assert_eq!(wanted.len(), step.depends_on.len() + dropped.count());
        }
    }

    #[test]
    fn each_reported_cycle_is_one_and_none_of_its_members_starts(
        world in worlds(1, false, ">="),
    ) {
        let resolution = world.resolve();
        for problem in &resolution.report.problems {
            let Problem::Cycle(cycle) = problem else {
                continue;
            };
            let members: BTreeSet<_> = cycle.links.iter().map(|link| &link.from).collect();
            prop_assert_eq!(members.len(), cycle.links.len(), "no member comes twice");
            let next = cycle.links.iter().cycle().skip(1);
            for (link, next) in cycle.links.iter().zip(next) {
                prop_assert_eq!(&link.to, &next.from);
                prop_assert!(resolution.plan.step(&link.from).is_none());
                let Want::Requirement(wanted) = &link.because else {
                    return Err(TestCaseError::fail("only requirements here"));
                };
                let index = |id: &str| world.candidates.iter().position(|it| it.plugin == id);
                let (from, to) = (index(&link.from), index(&link.to));
                let from = &world.candidates[from.expect("there")];
                prop_assert!(from.requires.contains(wanted) && !wanted.optional);
                let alone = Chosen::from([(link.to.clone(), to.expect("there"))]);
                prop_assert!(world.satisfied(&link.from, wanted, &alone));
            }
        }
    }

    #[test]
    fn versions_that_satisfy_everybody_are_found_and_none_could_be_higher(
        world in worlds(3, false, "^"),
    ) {
        let resolution = world.resolve();
        check_levels(&resolution.plan)?;
        check_partition(&world, &resolution)?;
        // Every assignment there is.
        let mut all = vec![Chosen::new()];
        for instance in &world.instances {
            let domain: Vec<usize> = (world.candidates.iter().enumerate())
                .filter(|(_, it)| it.plugin == instance.plugin)
                .map(|(index, _)| index)
                .collect();
            if domain.is_empty() {
                return Ok(()); // Nothing can satisfy everybody then.
            }
            let with = |chosen: &Chosen, index: &usize| {
                let mut chosen = chosen.clone();
                chosen.insert(instance.id.clone(), *index);
                chosen
            };
            all = (all.iter())
                .flat_map(|chosen| domain.iter().map(|index| with(chosen, index)).collect::<Vec<_>>())
                .collect();
        }
        let content = |chosen: &Chosen| {
            chosen.iter().all(|(id, index)| {
                let mut wants = world.candidates[*index].requires.iter();
                wants.all(|it| it.optional || world.satisfied(id, it, chosen))
            })
        };
        let solvable = all.iter().any(content);
        let version_trouble = (resolution.report.problems.iter())
            .any(|it| matches!(it, Problem::Missing(_) | Problem::Conflict(_)));
        prop_assert_eq!(solvable, !version_trouble, "{}", resolution.report);
        if !solvable || !resolution.report.problems.is_empty() {
            return Ok(());
        }
        let chosen: Chosen = (resolution.plan.start_order())
            .map(|step| (step.instance.to_string(), step.candidate))
            .collect();
        prop_assert!(content(&chosen));
        for (id, index) in &chosen {
            // Candidates of a plugin are generated in ascending order.
            for better in index + 1..world.candidates.len() {
                if world.candidates[better].plugin == *id {
                    let mut raised = chosen.clone();
                    raised.insert(id.clone(), better);
                    prop_assert!(!content(&raised), "{id} could be higher");
                }
            }
        }
    }

    #[test]
    fn the_order_of_the_input_makes_no_difference(
        (world, shuffled) in worlds(3, false, "^").prop_flat_map(|world| {
            let candidates = Just(world.candidates.clone()).prop_shuffle();
            let instances = Just(world.instances.clone()).prop_shuffle();
            let load_order = world.load_order.clone();
            let shuffled = (candidates, instances).prop_map(move |(candidates, instances)| World {
                candidates,
                instances,
                load_order: load_order.clone(),
            });
            (Just(world), shuffled)
        }),
    ) {
        let (one, other) = (world.resolve(), shuffled.resolve());
        prop_assert_eq!(one.report, other.report);
        let versions = |world: &World, plan: Plan| -> Vec<_> {
            (plan.start_order())
                .map(|it| (it.instance.clone(), world.candidates[it.candidate].version.clone(), it.depends_on.clone()))
                .collect()
        };
        prop_assert_eq!(versions(&world, one.plan), versions(&shuffled, other.plan));
    }
}
