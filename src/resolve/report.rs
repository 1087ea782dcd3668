//! Everything that is worth telling about a resolution.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;

use hotshoe_abi::plain::Line;
use semver::Version;
use serde::Serialize;

use crate::manifest::Requirement;

use super::problem::{Nearest, Problem, Want};

/// So many problems, blocked instances and notices are printed.
const PRINTED: usize = 20;

/// Why what is not in the plan is not, and what is remarkable about the rest.
/// Prints one paragraph each, and of thousands the first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// What is wrong, with what to do about it.
    pub problems: Vec<Problem>,
    /// Who cannot start only because somebody else cannot.
    pub blocked: Vec<Blocked>,
    /// What works, but perhaps not as expected.
    pub notices: Vec<Notice>,
}

/// An instance with no problem of its own that waits for some that cannot start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Blocked {
    /// The instance's id.
    pub instance: String,
    /// Whom it waits for in vain, directly; sorted.
    pub by: Vec<String>,
}

/// Something that keeps nobody from starting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Notice {
    /// An instance runs another version than the best that its pin allows.
    Lowered {
        /// The instance's id.
        instance: String,
        /// Its plugin's id.
        plugin: String,
        /// The version chosen.
        chosen: Version,
        /// The version that it would have had.
        best: Version,
        /// The requirement that the better version does not meet, or that it
        /// makes and nobody meets, and the instance that makes it. None if it
        /// takes more than one requirement to tell.
        because: Option<(String, Requirement)>,
    },
    /// The search for versions was cut short; a better choice may exist.
    SearchLimit {
        /// The askers that were given up; a pin may settle them.
        instances: Vec<String>,
        /// How many assignments are tried for one conflict.
        limit: usize,
    },
    /// What an instance optionally requires is running in other versions only,
    /// so it does without.
    OptionalOutOfRange {
        /// The instance's id.
        instance: String,
        /// Its optional requirement.
        requirement: Requirement,
        /// What is there.
        found: Vec<Nearest>,
    },
    /// To break a cycle, an instance does not wait for another that it can do
    /// without: an optional one, or one of several that satisfy a requirement.
    NotWaitedFor {
        /// The instance that does not wait.
        instance: String,
        /// The one that it would have waited for.
        other: String,
        /// Why it would have.
        because: Want,
    },
    /// The load order asks for the reverse of a dependency, which wins.
    LoadOrderContradicted {
        /// The instance that the load order puts first.
        first: String,
        /// The instance it puts later, on which `first` depends.
        later: String,
        /// From `first` along dependencies to `later`; long ones are cut in the
        /// middle, before the last.
        path: Vec<String>,
        /// How many instances were cut out.
        cut: usize,
    },
    /// The load order names an instance that there is not.
    LoadOrderUnknown {
        /// The entry.
        entry: String,
        /// Instances with a similar id.
        similar: Vec<String>,
    },
}

impl Report {
    /// Whether there is nothing at all to tell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.problems.is_empty() && self.blocked.is_empty() && self.notices.is_empty()
    }

    /// In words why an instance is not in the plan: its first problems, or the
    /// shortest chain of blocked instances to one that has some, in at most 15
    /// lines. None if it is in the plan, or not known.
    #[must_use]
    pub fn explain(&self, instance: &str) -> Option<String> {
        let blocked: HashMap<&str, &Blocked> =
            (self.blocked.iter()).map(|blocked| (blocked.instance.as_str(), blocked)).collect();
        let mut problems = HashMap::<&str, Vec<&Problem>>::new();
        for problem in &self.problems {
            for refused in problem.instances() {
                problems.entry(refused).or_default().push(problem);
            }
        }
        let mut came_from = HashMap::<&str, &str>::new();
        let mut seen = HashSet::from([instance]);
        let mut queue = VecDeque::from([instance]);
        while let Some(at) = queue.pop_front() {
            if let Some(found) = problems.get(at) {
                let mut chain = vec![at];
                while let Some(&previous) = chain.last().and_then(|last| came_from.get(last)) {
                    chain.push(previous);
                }
                return Some(tell(&chain, found));
            }
            for by in blocked.get(at).into_iter().flat_map(|blocked| &blocked.by) {
                if seen.insert(by) {
                    came_from.insert(by, at);
                    queue.push_back(by);
                }
            }
        }
        None
    }
}

/// `chain` leads from the root of the trouble back to who was asked about. With two problems of six
/// lines each it fits on a screen.
fn tell(chain: &[&str], problems: &[&Problem]) -> String {
    const PROBLEMS: usize = 2;
    const WAITING: usize = 2;
    let mut lines: Vec<String> = Vec::new();
    match chain {
        [root, between @ .., by, waits] if between.len() + 2 > WAITING => lines.push(format!(
            "`{}` waits for `{}`, which waits by way of {} more for `{}`, which cannot start.",
            Line(waits),
            Line(by),
            between.len(),
            Line(root)
        )),
        _ => lines.extend(chain.windows(2).rev().map(|pair| {
            format!("`{}` waits for `{}`, which cannot start.", Line(pair[1]), Line(pair[0]))
        })),
    }
    lines.extend(problems.iter().take(PROBLEMS).map(ToString::to_string));
    match problems.len().saturating_sub(PROBLEMS) {
        0 => {}
        1 => lines.push("… and 1 more problem".into()),
        more => lines.push(format!("… and {more} more problems")),
    }
    lines.join("\n")
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("Everything resolves.");
        }
        write!(
            f,
            "problems: {}, blocked: {}, notices: {}",
            self.problems.len(),
            self.blocked.len(),
            self.notices.len()
        )?;
        print(f, "problem", "\n\n", &self.problems)?;
        print(f, "blocked", "\n", &self.blocked)?;
        print(f, "notice", "\n", &self.notices)
    }
}

/// The first of `items`, and how many more there are.
fn print<T: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    what: &str,
    between: &str,
    items: &[T],
) -> fmt::Result {
    for (at, item) in items.iter().take(PRINTED).enumerate() {
        write!(f, "{}{what}: {item}", if at == 0 { "\n\n" } else { between })?;
    }
    match items.len().saturating_sub(PRINTED) {
        0 => Ok(()),
        more => write!(f, "{between}{what}: … and {more} more"),
    }
}

impl fmt::Display for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 5;
        write!(f, "`{}` waits for ", Line(&self.instance))?;
        for (at, by) in self.by.iter().take(SHOWN).enumerate() {
            write!(f, "{}`{}`", if at == 0 { "" } else { ", " }, Line(by))?;
        }
        if self.by.len() > SHOWN {
            write!(f, " and {} more", self.by.len() - SHOWN)?;
        }
        f.write_str(", which cannot start.")
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Line(fmt::from_fn(|f| self.tell(f))).fmt(f)
    }
}

impl Notice {
    fn tell(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lowered { instance, plugin, chosen, best, because } => {
                write!(f, "`{instance}` runs {plugin} {chosen} instead of {best}, because ")?;
                match because {
                    Some((asker, requirement)) if asker == instance => {
                        let want = Want::Requirement(requirement.clone());
                        write!(f, "{best} {want}, which cannot be had.")
                    }
                    Some((asker, requirement)) => {
                        let want = Want::Requirement(requirement.clone());
                        write!(f, "`{asker}` {want}.")
                    }
                    None => f.write_str("otherwise other requirements would not hold."),
                }
            }
            Self::SearchLimit { instances, limit } => write!(
                f,
                "the search for versions stopped after {limit} attempts and gave up `{}`; \
                 pin versions to decide it.",
                instances.join("`, `")
            ),
            Self::OptionalOutOfRange { instance, requirement, found } => {
                let want = Want::Requirement(requirement.clone());
                write!(f, "`{instance}` {want} and does without")?;
                for (at, near) in found.iter().enumerate() {
                    write!(f, "{}{near}", if at == 0 { ": " } else { ", " })?;
                }
                f.write_str(".")
            }
            Self::NotWaitedFor { instance, other, because } => write!(
                f,
                "`{instance}` {because}, but does not wait for `{other}`: that breaks a cycle."
            ),
            Self::LoadOrderContradicted { first, later, path, cut } => {
                write!(
                    f,
                    "the load order puts `{first}` before `{later}`, but `{first}` depends on it ("
                )?;
                for (at, id) in path.iter().enumerate() {
                    if *cut > 0 && at + 1 == path.len() {
                        write!(f, " -> ({cut} more)")?;
                    }
                    write!(f, "{}{id}", if at == 0 { "" } else { " -> " })?;
                }
                f.write_str("); the dependency wins.")
            }
            Self::LoadOrderUnknown { entry, similar } => {
                write!(f, "the load order names `{entry}`, but there is no such instance")?;
                match similar.as_slice() {
                    [] => f.write_str("; remove it."),
                    [id, ..] => write!(f, "; was `{id}` meant?"),
                }
            }
        }
    }
}
