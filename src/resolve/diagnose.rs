//! Says why each node that does not start does not.
//!
//! A node has a problem of its own if its id is not unique, if it has no
//! candidate, if nothing satisfies one of its wishes, or if it lies on a reported
//! cycle. Any other waits for nodes that do not start: it is blocked.

use semver::VersionReq;

use super::choose::Choice;
use super::cycles;
use super::hints::Hints;
use super::names::FastMap;
use super::notices;
use super::order::Outcome;
use super::problem::{
    Asker, Conflict, Cycle, DuplicateInstance, Link, Missing, NoCandidate, Problem, Want,
};
use super::report::{Blocked, Report};
use super::universe::{Universe, Wanted};
use super::wishes::{Source, Wish};

/// How many of the others who ask for the same are looked at for one that is in
/// the way; bounds the work when thousands do.
const RIVALS: usize = 256;

pub(super) fn diagnose<'a>(
    universe: &Universe<'a>,
    choice: &Choice,
    outcome: &Outcome<'a>,
) -> Report {
    let mut hints = Hints::new(universe, choice);
    let mut report = Report::default();
    if outcome.starts.contains(&false) {
        let mut teller = Teller { universe, choice, outcome, hints: &mut hints, rivals: None };
        let mut own = vec![false; universe.nodes.len()];
        for (node, _) in outcome.starts.iter().enumerate().filter(|(_, starts)| !**starts) {
            let before = report.problems.len();
            teller.own_problems(node, &mut report.problems);
            own[node] = report.problems.len() > before;
        }
        for path in cycles::cycles(outcome) {
            for &(node, _) in &path {
                own[node] = true;
            }
            report.problems.push(teller.cycle(&path));
        }
        report.blocked = (0..universe.nodes.len())
            .filter(|&node| !outcome.starts[node] && !own[node])
            .map(|node| teller.blocked(node))
            .collect();
    }
    report.notices = notices::notices(universe, choice, outcome, &mut hints);
    report
}

pub(super) fn want(source: Source<'_>) -> Want {
    match source {
        Source::Requirement(wanted) => Want::Requirement(wanted.requirement.clone()),
        Source::Need(need) => Want::Instance(need.clone()),
    }
}

struct Teller<'h, 't, 'a> {
    universe: &'t Universe<'a>,
    choice: &'t Choice,
    outcome: &'t Outcome<'a>,
    hints: &'h mut Hints<'t, 'a>,
    /// Whose mandatory requirement on a target holds; made when first needed.
    rivals: Option<Rivals<'a>>,
}

impl<'a> Teller<'_, '_, 'a> {
    fn own_problems(&mut self, node: usize, problems: &mut Vec<Problem>) {
        let entry = &self.universe.nodes[node];
        let instance = entry.instance;
        if entry.copies > 1 {
            problems.push(Problem::DuplicateInstance(DuplicateInstance {
                instance: instance.id.clone(),
                copies: entry.copies,
            }));
            return;
        }
        let Some(asker) = self.asker(node) else {
            let present = self.hints.present(&instance.plugin);
            let similar = if present.is_empty() {
                self.hints.similar_plugins(&instance.plugin)
            } else {
                Vec::new()
            };
            problems.push(Problem::NoCandidate(NoCandidate {
                instance: instance.id.clone(),
                plugin: instance.plugin.clone(),
                pin: instance.range.clone(),
                present,
                similar,
            }));
            return;
        };
        let outcome = self.outcome;
        for (_, wish) in outcome.wishes.of(node) {
            if outcome.wishes.is_void(wish) {
                problems.push(self.void(wish, asker.clone()));
            }
        }
    }

    fn asker(&self, node: usize) -> Option<Asker> {
        let candidate = self.universe.candidate(self.choice.chosen[node]?);
        Some(Asker {
            instance: self.universe.id(node).to_owned(),
            plugin: candidate.plugin.clone(),
            version: candidate.version.clone(),
        })
    }

    /// Nothing satisfies this wish.
    fn void(&mut self, wish: &Wish<'a>, asker: Asker) -> Problem {
        let (nearest, more) = match wish.source {
            Source::Need(need) => self.hints.instance(&need.instance),
            Source::Requirement(wanted) => {
                if let Some((kept, range)) = self.rival(wish.node, wanted) {
                    let target = &wanted.requirement.target;
                    return Problem::Conflict(Conflict {
                        target: target.clone(),
                        refused: asker,
                        refused_range: wanted.range().clone(),
                        kept,
                        kept_range: range.clone(),
                        present: self.hints.offers(target),
                    });
                }
                self.hints.nearest(wish.node, wanted)
            }
        };
        Problem::Missing(Missing { asker, want: want(wish.source), nearest, more })
    }

    /// Who gets a version of the same target that excludes every version with
    /// which `requirement` would hold.
    fn rival(&mut self, asker: usize, wanted: Wanted<'_>) -> Option<(Asker, &'a VersionReq)> {
        let universe = self.universe;
        let Wanted { target, .. } = wanted;
        let fitting: Vec<usize> = (universe.providers(target).iter())
            .filter(|&&provider| provider != asker)
            .flat_map(|&provider| universe.domains.of(provider))
            .copied()
            .filter(|&candidate| universe.satisfies(candidate, target, wanted.range()))
            .take(RIVALS)
            .collect();
        if fitting.is_empty() {
            return None;
        }
        let outcome = self.outcome;
        let rivals = self.rivals.get_or_insert_with(|| rivals(outcome));
        let &(node, range) = (rivals.get(&target)?.iter().take(RIVALS))
            .filter(|(node, _)| *node != asker)
            .find(|(_, range)| {
                !fitting.iter().any(|&candidate| universe.satisfies(candidate, target, range))
            })?;
        Some((self.asker(node)?, range))
    }

    fn cycle(&self, path: &cycles::Path) -> Problem {
        let next = path.iter().cycle().skip(1);
        let links = path.iter().zip(next).map(|(&(from, number), &(to, _))| Link {
            from: self.universe.id(from).to_owned(),
            to: self.universe.id(to).to_owned(),
            because: want(self.outcome.wishes.all[number].source),
        });
        Problem::Cycle(Cycle { links: links.collect() })
    }

    fn blocked(&self, node: usize) -> Blocked {
        let wishes = &self.outcome.wishes;
        let mut by: Vec<String> = (wishes.of(node))
            .filter(|(_, wish)| wishes.is_refused(wish, &self.outcome.starts))
            .flat_map(|(_, wish)| wishes.satisfiers(wish))
            .map(|&other| self.universe.id(other).to_owned())
            .collect();
        by.sort_unstable();
        by.dedup();
        Blocked { instance: self.universe.id(node).to_owned(), by }
    }
}

/// Who asks for a target, and in which versions.
type Rivals<'a> = FastMap<usize, Vec<(usize, &'a VersionReq)>>;

fn rivals<'a>(outcome: &Outcome<'a>) -> Rivals<'a> {
    let mut rivals = Rivals::default();
    for wish in &outcome.wishes.all {
        let Source::Requirement(wanted) = wish.source else {
            continue;
        };
        if !wish.optional && !outcome.wishes.is_void(wish) {
            rivals.entry(wanted.target).or_default().push((wish.node, wanted.range()));
        }
    }
    rivals
}
