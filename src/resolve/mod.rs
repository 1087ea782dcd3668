//! Candidates and requirements in; an ordered plan, and every reason why not, out.
//!
//! Pure: nothing is read, loaded or run here. The caller has discovered and
//! verified the candidates, mapped the configuration to [`Instance`]s, and
//! checked that no plugin arrives twice in the same version (if one does, the
//! origin that sorts first wins).
//!
//! # What it promises
//!
//! - Whatever can start is in the [`Plan`]; everything else is in the
//!   [`Report`], all of it in one go, never only the first problem.
//! - The outcome does not depend on the order of the input, only on its content.
//!   (Of [`Request::load_order`] the order *is* the content.)
//! - No input makes it panic, recurse deeply, or search for ever.
//!
//! # Algorithm
//!
//! 1. **Index** (`universe`): instances sorted by load order and id, so that an
//!    instance's number is its priority; candidates of each, best first.
//! 2. **Choose versions** (`choose`). Each instance starts with its best
//!    candidate: the highest release its pin allows, and pre-releases only after
//!    every release. If all mandatory requirements hold, that is the choice.
//!    Otherwise versions that cannot hold whatever else is chosen are pruned
//!    (`prune`), and what is left of each connected conflict is searched on its
//!    own (`search`): first lower the target, then another provider, then the
//!    asker. At most [`SEARCH_LIMIT`] dead ends are left per conflict.
//!    Where no assignment satisfies everybody, requirements that hold with the best
//!    versions are kept, and of the others as many as can be had, the ones of
//!    instances that come first first. If the limit cuts this short, the best
//!    choice found so far is used, and a notice says so.
//! 3. **Order** (`order`). An instance can start when each of its mandatory
//!    requirements has at least one provider that can start: a least fixed
//!    point, linear. A step then waits for *all* its providers that are in the
//!    plan. If that closes a cycle, which only optional requirements and surplus
//!    providers can, the edges that go against the fixed point are dropped.
//! 4. **Explain** (`cycles`, `diagnose`) whatever is left over.
//!
//! Ranges follow the `semver` crate: a pre-release satisfies a range only if the
//! range names a pre-release of the same version. An instance without a pin
//! accepts any version.
//!
//! # What it does not do
//!
//! - A cycle is no reason to try other versions: it is reported.
//! - An optional requirement never influences which version is chosen.
//! - An instance never satisfies its own requirement. A plugin that wraps a
//!   service of the same name thus needs another provider of it.
//! - The minimum number of refused instances is not sought where requirements
//!   contradict each other; the rule in step 2 is predictable instead.
//!
//! # Cost
//!
//! Near linear in candidates, instances, requirements and resulting edges. Each
//! edge is kept, so a service with *p* providers and *a* askers costs *p·a*.

mod choose;
mod cycles;
mod diagnose;
mod hints;
mod input;
mod lists;
mod names;
mod nearest;
mod notices;
mod order;
mod plan;
mod problem;
mod prune;
mod report;
mod search;
mod universe;
mod wishes;
mod words;

pub use input::{Candidate, Disabled, Instance, Need, Request};
pub use plan::{Plan, Resolution, Step};
pub use problem::{
    Asker, Conflict, Cycle, DuplicateInstance, Link, Missing, Nearest, NoCandidate, Present,
    Problem, Want,
};
pub use report::{Blocked, Notice, Report};
pub use search::SEARCH_LIMIT;

use choose::Choice;
use universe::Universe;
use wishes::Wishes;

/// Works out what can start, in which versions and in what order, and why
/// everything else cannot.
///
/// ```
/// use hotshoe::resolve::{Candidate, Instance, Request, resolve};
///
/// let candidates = [Candidate::new("clock", semver::Version::new(1, 2, 0), "linked")];
/// let instances = [Instance::new("clock", "clock")];
/// let resolution = resolve(Request {
///     candidates: &candidates,
///     instances: &instances,
///     ..Request::default()
/// });
/// assert!(resolution.report.problems.is_empty());
/// assert_eq!(resolution.plan.start_order().count(), 1);
/// ```
#[must_use]
pub fn resolve(request: Request<'_>) -> Resolution {
    let universe = Universe::new(request);
    let mut choice = Choice::best(&universe);
    let wishes = Wishes::collect_complete(&universe, &choice).unwrap_or_else(|| {
        choice = choose::choose(&universe);
        Wishes::collect(&universe, &choice)
    });
    let outcome = order::order(&choice, wishes);
    let plan = plan::build(&universe, &choice, &outcome);
    let report = diagnose::diagnose(&universe, &choice, &outcome);
    Resolution { plan, report }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
