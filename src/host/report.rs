//! What came of a start, for people.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::{self, Display};
use std::path::PathBuf;
use std::sync::Arc;

use hotshoe_abi::plain::Line;

use super::core::Core;
use super::info::PluginInfo;
use crate::contract::Error;
use crate::lifecycle::{Phase, State, Status};
use crate::resolve::{Problem, Report};

/// So many problems of a kind, notices, warnings and files that are no plugins are printed.
const PRINTED: usize = 20;

/// So many of those that an instance waits for are named.
const NAMED: usize = 5;

/// A cell of the table is so wide at most, and the last one of a row, which nothing follows.
const CELL: usize = 64;
const LAST_CELL: usize = 400;

/// What came of a start: every instance, and every reason why one is not active. Its `Display` is
/// the whole report: a table, then the problems, of each kind the first 20. What is not ours in it,
/// such as a file's name, is shown as text, whatever it consists of.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StartReport {
    /// Every instance.
    pub plugins: Vec<PluginInfo>,
    /// What the resolver found.
    pub resolution: Report,
    /// Files, directories and linked plugins that cannot be used.
    pub refused: Vec<Arc<Error>>,
    /// Files that are no plugins, with the reason.
    pub ignored: Vec<(PathBuf, String)>,
}

impl StartReport {
    pub(super) fn of(core: &Core) -> Self {
        // One after the other: elsewhere `found` is read while `slots` is held.
        let plugins = core.infos();
        let found = core.found.read();
        Self {
            plugins,
            resolution: found.report.clone(),
            refused: found.refused.clone(),
            ignored: found.ignored.clone(),
        }
    }

    /// Whether everything that should run does: nothing refused, failed or blocked. Files that are
    /// no plugins and notices do not count.
    pub fn is_complete(&self) -> bool {
        self.refused.is_empty()
            && self
                .plugins
                .iter()
                .all(|plugin| plugin.status == Status::Active || plugin.state == State::Disabled)
    }

    /// Why not everything runs; empty if everything does.
    pub fn problems(&self) -> Vec<String> {
        self.problems_by_kind().into_iter().map(|(_, problem)| problem).collect()
    }

    /// The same, each with its kind in a word: of an error, the phase, or blocked.
    fn problems_by_kind(&self) -> Vec<(&'static str, String)> {
        let mut problems: Vec<(&str, String)> = (self.refused.iter())
            .map(|error| (error.kind().as_str(), format!("{error:#}")))
            .collect();
        // What failed comes before what only waits for it. Several may have failed for one reason,
        // which may be that their file was refused.
        let mut told: HashSet<&str> = HashSet::new();
        let mut failed = Vec::new();
        told.extend(problems.iter().map(|(_, problem)| problem.as_str()));
        for plugin in &self.plugins {
            if let Some(error) = &plugin.error
                && let State::Failed { phase, .. } = &plugin.state
                && told.insert(error)
            {
                failed.push((phase.as_str(), error.clone()));
            }
        }
        problems.extend(failed);
        // An instance has failed for one reason; the resolver may have several against it.
        let known: HashSet<&str> =
            self.plugins.iter().filter_map(|plugin| plugin.error.as_deref()).collect();
        let others = (self.resolution.problems.iter())
            .filter(|problem| !matches!(problem, Problem::NoCandidate(_)))
            .map(|problem| (Phase::Resolve.as_str(), problem.to_string()))
            .filter(|(_, problem)| !known.contains(problem.as_str()));
        problems.extend(others);
        let states: HashMap<&str, &str> =
            self.plugins.iter().map(|plugin| (plugin.id.as_str(), plugin.state.as_str())).collect();
        for plugin in &self.plugins {
            if let State::Blocked { by } = &plugin.state {
                let mut needs: Vec<String> = (by.iter().take(NAMED))
                    .map(|id| {
                        let state = states.get(id.as_str()).unwrap_or(&"not there");
                        format!("`{}` ({state})", Line(id))
                    })
                    .collect();
                if by.len() > NAMED {
                    needs.push(format!("and {} more", by.len() - NAMED));
                }
                let (id, needs) = (Line(&plugin.id), needs.join(", "));
                problems
                    .push(("blocked", format!("plugin `{id}` is not started: it needs {needs}")));
            }
        }
        problems
    }

    /// The table alone.
    pub fn table(&self) -> String {
        let mut rows =
            vec![["ID", "VERSION", "MOUNT", "STATE", "TIME", "PROVIDES"].map(String::from)];
        for plugin in &self.plugins {
            let dash = || "-".to_owned();
            rows.push([
                plugin.id.clone(),
                plugin.version.as_ref().map_or_else(dash, ToString::to_string),
                plugin.mount.map_or_else(dash, |mount| mount.to_string()),
                plugin.state.as_str().to_owned(),
                if plugin.load_time.is_zero() {
                    dash()
                } else {
                    format!("{:.1} ms", plugin.load_time.as_secs_f64() * 1e3)
                },
                plugin.provides.join(", "),
            ]);
        }
        for [cells @ .., last] in &mut rows {
            cells.iter_mut().for_each(|text| *text = cell(text, CELL));
            *last = cell(last, LAST_CELL);
        }
        let widths: Vec<usize> = (0..6)
            .map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0))
            .collect();
        let mut table = String::new();
        for row in rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                line.push_str(&format!("{cell:width$}  "));
            }
            table.push_str(line.trim_end());
            table.push('\n');
        }
        table
    }
}

/// A text as it fits into a table.
fn cell(text: &str, width: usize) -> String {
    let text = Line(text).to_string();
    match text.char_indices().nth(width) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

impl Display for StartReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.table())?;
        let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
        for (kind, problem) in self.problems_by_kind() {
            let count = kinds.entry(kind).or_default();
            *count += 1;
            if *count <= PRINTED {
                write!(f, "\nproblem: {problem}\n")?;
            }
        }
        for (kind, count) in kinds {
            if count > PRINTED {
                write!(f, "\nproblem: … and {} more ({kind})\n", count - PRINTED)?;
            }
        }
        print(f, "notice", &self.resolution.notices)?;
        let warnings: Vec<String> = (self.plugins.iter())
            .flat_map(|plugin| plugin.warnings.iter().map(move |warning| (&plugin.id, warning)))
            .map(|(id, warning)| format!("plugin `{}`: {}", Line(id), Line(warning)))
            .collect();
        print(f, "warning", &warnings)?;
        let ignored: Vec<String> = (self.ignored.iter())
            .map(|(path, reason)| format!("{}: {}", Line(path.display()), Line(reason)))
            .collect();
        print(f, "ignored", &ignored)
    }
}

/// The first of `items`, and how many more there are.
fn print<T: Display>(f: &mut fmt::Formatter<'_>, what: &str, items: &[T]) -> fmt::Result {
    for item in items.iter().take(PRINTED) {
        write!(f, "\n{what}: {item}\n")?;
    }
    match items.len().saturating_sub(PRINTED) {
        0 => Ok(()),
        more => write!(f, "\n{what}: … and {more} more\n"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_report_holds_no_lock_while_it_waits_for_another() {
        let core = Arc::new(Core::bare());
        let slots = core.slots.write();
        let other = core.clone();
        let reporting = std::thread::spawn(move || StartReport::of(&other));
        // Time to get as far as it can; there is no telling when that is.
        std::thread::sleep(Duration::from_millis(100));
        assert!(core.found.try_write().is_some(), "it holds `found` and waits for `slots`");
        drop(slots);
        reporting.join().unwrap();
    }
}
