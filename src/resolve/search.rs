//! Bounded backtracking over the versions of one conflict.
//!
//! State: for each node the versions still allowed; the best of them is chosen.
//! A stack holds the nodes whose requirements have yet to be looked at; who may be
//! worse off after a change comes on top, so that a dead end shows near its cause.
//! The first violated requirement opens a branch, with these ways out, in order:
//!
//! 1. for each provider in turn: allow it only the versions that satisfy it;
//! 2. allow the asker only the versions that do not require it.
//!
//! Any solution lies in one of these, and each shrinks what is allowed, so the
//! search is complete, ends, and touches only nodes that the conflict reaches.
//! A dead end takes the changes back. In the end each changed node is put back
//! as high as the others, unchanged, allow.
//!
//! The stack of branches is a `Vec`: depth costs memory, not stack.

use std::collections::{BTreeMap, HashSet};

use super::choose::Choice;
use super::lists::Lists;
use super::prune::Pruned;
use super::universe::{Universe, Wanted};

/// How many assignments of versions are tried anew, after one came to a dead end,
/// for one conflict, before the resolver settles for the best choice that it has
/// found. Progress is free: ten thousand versions that are lowered for good are no
/// reason to stop.
pub const SEARCH_LIMIT: usize = 10_000;

/// How much work may be taken back for the price of one assignment: bounds the
/// time of a search in which thousands ask for one provider.
const WORK_PER_TRIAL: usize = 256;

/// How often the changed nodes are gone through to put them higher again. Two or
/// three do unless somebody makes a point of it.
const RAISE_ROUNDS: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Solved,
    /// No assignment satisfies all.
    Unsolvable,
    /// Not known: the limit was hit.
    LimitHit,
}

/// One violated requirement and the ways out that are left to try.
struct Branch<'a> {
    asker: usize,
    wanted: Wanted<'a>,
    /// How many ways out have been tried.
    tried: usize,
    /// Whether one of them was open: the next is then tried anew.
    opened: bool,
    /// What to go back to.
    mark: Mark,
}

#[derive(Clone, Copy)]
struct Mark {
    work: usize,
    top: Option<usize>,
    trail: usize,
}

/// A node on the work list, and the place of the one below.
struct Work {
    node: usize,
    below: Option<usize>,
}

/// A change to take back.
struct Change {
    node: usize,
    allowed: Option<Vec<usize>>,
    chosen: Option<usize>,
}

/// Who may require a target, in any of its versions. The same for all conflicts.
pub(super) fn askers(universe: &Universe<'_>, pruned: &Pruned) -> Lists {
    let mut pairs = Vec::new();
    for (node, candidates) in pruned.domains.all().enumerate() {
        let wanted = candidates.iter().flat_map(|&index| universe.mandatory(index));
        // What nobody but the host has does not change.
        let wanted = wanted.filter(|wanted| !universe.providers(wanted.target).is_empty());
        pairs.extend(wanted.map(|wanted| (wanted.target, node)));
    }
    Lists::new(universe.targets(), pairs.into_iter())
}

/// The search for one conflict.
pub(super) struct Search<'s, 'a> {
    universe: &'s Universe<'a>,
    pruned: &'s Pruned,
    askers: &'s Lists,
    choice: &'s mut Choice,
    /// Askers whose requirements need not hold.
    ignored: HashSet<usize>,
    /// Narrowed nodes; any other is allowed all that pruning left.
    allowed: BTreeMap<usize, Vec<usize>>,
    trail: Vec<Change>,
    /// The work list: a stack of which older versions stay intact, so that going
    /// back is setting `top`.
    work: Vec<Work>,
    top: Option<usize>,
    spent: usize,
    /// Work taken back that is not yet accounted for in `spent`.
    in_vain: usize,
}

impl<'s, 'a> Search<'s, 'a> {
    pub fn new(
        universe: &'s Universe<'a>,
        pruned: &'s Pruned,
        askers: &'s Lists,
        choice: &'s mut Choice,
    ) -> Self {
        Self {
            universe,
            pruned,
            askers,
            choice,
            ignored: HashSet::new(),
            allowed: BTreeMap::new(),
            trail: Vec::new(),
            work: Vec::new(),
            top: None,
            spent: 0,
            in_vain: 0,
        }
    }

    /// How many assignments have been tried anew so far.
    pub fn spent(&self) -> usize {
        self.spent
    }

    pub fn ignore(&mut self, askers: &[usize]) {
        self.ignored.extend(askers);
    }

    pub fn heed(&mut self, askers: &[usize]) {
        for asker in askers {
            self.ignored.remove(asker);
        }
    }

    /// Looks for versions with which the requirements of `seeds` hold, and all
    /// that held before still do, starting anew from the best versions. If there
    /// are none, the outcome of the last success stays.
    pub fn solve(&mut self, seeds: &[usize], budget: usize) -> Verdict {
        let last: Vec<(usize, Option<usize>)> =
            (self.allowed.keys()).map(|&node| (node, self.choice.chosen[node])).collect();
        let last_allowed = std::mem::take(&mut self.allowed);
        for &(node, _) in &last {
            self.choice.chosen[node] = self.pruned.domains.of(node).first().copied();
        }
        self.trail.clear();
        self.work.clear();
        self.top = None;
        for &asker in seeds.iter().rev() {
            self.push(asker);
        }
        let start = self.mark();
        let verdict = self.run(self.spent.saturating_add(budget));
        if verdict == Verdict::Solved {
            self.raise();
        } else {
            self.go_back(start);
            for (node, candidate) in last {
                self.choice.chosen[node] = candidate;
            }
            self.allowed = last_allowed;
        }
        verdict
    }

    fn run(&mut self, limit: usize) -> Verdict {
        let mut branches = Vec::<Branch<'a>>::new();
        while let Some((asker, wanted)) = self.next_violation() {
            branches.push(Branch { asker, wanted, tried: 0, opened: false, mark: self.mark() });
            loop {
                let Some(branch) = branches.last_mut() else {
                    return Verdict::Unsolvable;
                };
                self.go_back(branch.mark);
                if self.spent >= limit {
                    return Verdict::LimitHit;
                }
                if self.take_way_out(branch) {
                    break;
                }
                branches.pop();
            }
        }
        Verdict::Solved
    }

    fn push(&mut self, node: usize) {
        let below = self.top.replace(self.work.len());
        self.work.push(Work { node, below });
    }

    fn mark(&self) -> Mark {
        Mark { work: self.work.len(), top: self.top, trail: self.trail.len() }
    }

    /// The first requirement on the work list that does not hold. Its asker stays
    /// on the list, for it may have another.
    fn next_violation(&mut self) -> Option<(usize, Wanted<'a>)> {
        while let Some(Work { node, below }) = self.top.and_then(|top| self.work.get(top)) {
            if let Some(wanted) = self.violated(*node) {
                return Some((*node, wanted));
            }
            self.top = *below;
        }
        None
    }

    fn violated(&self, asker: usize) -> Option<Wanted<'a>> {
        if !self.choice.usable[asker] || self.ignored.contains(&asker) {
            return None;
        }
        (self.universe.mandatory(self.choice.chosen[asker]?))
            .find(|&wanted| !self.choice.holds(self.universe, asker, wanted))
    }

    /// Tries the ways out that are left until one leaves something to choose.
    fn take_way_out(&mut self, branch: &mut Branch<'a>) -> bool {
        let (universe, wanted) = (self.universe, branch.wanted);
        let providers = universe.providers(wanted.target);
        while branch.tried <= providers.len() {
            let way = branch.tried;
            branch.tried += 1;
            let open = match providers.get(way) {
                Some(&provider) => {
                    provider != branch.asker
                        && self.choice.usable[provider]
                        && self.narrow(provider, |index| {
                            universe.satisfies(index, wanted.target, wanted.range())
                        })
                }
                None => self.narrow(branch.asker, |index| {
                    universe.mandatory(index).all(|other| !other.is_like(wanted))
                }),
            };
            if open {
                self.spent += usize::from(branch.opened);
                branch.opened = true;
                return true;
            }
        }
        false
    }

    fn narrow(&mut self, node: usize, keep: impl Fn(usize) -> bool) -> bool {
        let before = match self.allowed.get(&node) {
            Some(allowed) => allowed,
            None => self.pruned.domains.of(node),
        };
        let left: Vec<usize> = before.iter().copied().filter(|&index| keep(index)).collect();
        let Some(&best) = left.first() else {
            return false;
        };
        let chosen = self.choice.chosen[node].replace(best);
        let allowed = self.allowed.insert(node, left);
        if let Some(old) = chosen {
            for asker in dependents(self.universe, self.askers, node, old) {
                self.push(asker);
            }
        }
        self.push(node);
        self.trail.push(Change { node, allowed, chosen });
        true
    }

    fn go_back(&mut self, mark: Mark) {
        self.in_vain += self.trail.len().saturating_sub(mark.trail);
        self.in_vain += self.work.len().saturating_sub(mark.work);
        self.spent += self.in_vain / WORK_PER_TRIAL;
        self.in_vain %= WORK_PER_TRIAL;
        for change in self.trail.drain(mark.trail..).rev() {
            self.choice.chosen[change.node] = change.chosen;
            match change.allowed {
                Some(allowed) => self.allowed.insert(change.node, allowed),
                None => self.allowed.remove(&change.node),
            };
        }
        self.work.truncate(mark.work);
        self.top = mark.top;
    }

    /// Puts each changed node as high as the others allow: it may have been
    /// lowered for an asker that has been lowered itself since. One that is put
    /// higher may free another, hence the rounds.
    fn raise(&mut self) {
        let changed: Vec<usize> = self.allowed.keys().copied().collect();
        for _ in 0..RAISE_ROUNDS {
            let mut raised = false;
            for &node in &changed {
                raised |= self.raise_one(node);
            }
            if !raised {
                break;
            }
        }
    }

    fn raise_one(&mut self, node: usize) -> bool {
        let Some(old) = self.choice.chosen[node] else {
            return false;
        };
        let better = self.pruned.domains.of(node).iter().copied();
        for better in better.take_while(|&candidate| candidate != old) {
            self.choice.chosen[node] = Some(better);
            let holds = self.violated(node).is_none()
                && dependents(self.universe, self.askers, node, old)
                    .all(|asker| self.violated(asker).is_none());
            if holds {
                return true;
            }
        }
        self.choice.chosen[node] = Some(old);
        false
    }
}

/// Who may be worse off when `node` no longer has version `old`.
fn dependents<'u>(
    universe: &'u Universe<'_>,
    askers: &'u Lists,
    node: usize,
    old: usize,
) -> impl Iterator<Item = usize> + 'u {
    let services = universe.services_of(old).iter().copied();
    let targets = std::iter::once(universe.nodes[node].plugin).chain(services);
    targets.flat_map(|target| askers.of(target)).copied()
}
