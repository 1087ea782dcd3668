//! The outcome: who starts, in which version, after whom.

use std::sync::Arc;

use serde::Serialize;

use super::choose::Choice;
use super::order::Outcome;
use super::report::Report;
use super::universe::Universe;

/// What [`resolve`](super::resolve) returns: always both halves. Together they
/// account for every enabled instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Resolution {
    /// Everything that can start.
    pub plan: Plan,
    /// Why everything else cannot, and what is worth knowing besides.
    pub report: Report,
}

/// Levels of steps. The steps of one level are independent of each other and may
/// start side by side once all levels before are up. A step is in the lowest
/// level that its dependencies allow.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// The levels, in start order; within a level by load order, then by id.
    pub levels: Vec<Vec<Step>>,
}

/// One instance to start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// The instance's id.
    pub instance: Arc<str>,
    /// The chosen candidate, as an index into
    /// [`Request::candidates`](super::Request::candidates).
    pub candidate: usize,
    /// The instances that have to be up before, sorted by id. All of them are
    /// in earlier levels. The ids are shared with their own steps, not copied.
    pub depends_on: Vec<Arc<str>>,
}

impl Plan {
    /// All steps in the order in which to start them one by one.
    pub fn start_order(&self) -> impl DoubleEndedIterator<Item = &Step> {
        self.levels.iter().flatten()
    }

    /// All steps in the order in which to stop them: the reverse.
    pub fn stop_order(&self) -> impl DoubleEndedIterator<Item = &Step> {
        self.start_order().rev()
    }

    /// The step of an instance, if it is in the plan. Looks at every step.
    #[must_use]
    pub fn step(&self, instance: &str) -> Option<&Step> {
        self.start_order().find(|step| &*step.instance == instance)
    }

    /// Whether nothing at all can start.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.levels.is_empty()
    }
}

/// Turns node numbers back into ids.
pub(super) fn build(universe: &Universe<'_>, choice: &Choice, outcome: &Outcome) -> Plan {
    let names: Vec<Arc<str>> =
        (universe.nodes.iter()).map(|node| Arc::from(node.instance.id.as_str())).collect();
    let mut before = Vec::new();
    let mut step = |&node: &usize| {
        before.clear();
        before.extend(outcome.edges_from(node));
        // Numbers are in the order of ids, unless there is a load order.
        if universe.request.load_order.is_empty() {
            before.sort_unstable();
        } else {
            before.sort_unstable_by_key(|&to| universe.id(to));
        }
        before.dedup();
        Some(Step {
            instance: names[node].clone(),
            candidate: choice.chosen[node]?,
            depends_on: before.iter().map(|&to| names[to].clone()).collect(),
        })
    };
    Plan {
        levels: (outcome.levels.iter())
            .map(|level| level.iter().filter_map(&mut step).collect())
            .collect(),
    }
}
