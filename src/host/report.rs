//! What came of a start, for people.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use super::core::Core;
use super::info::PluginInfo;
use crate::contract::Error;
use crate::lifecycle::{State, Status};
use crate::resolve::Report;

/// What came of a start: every instance, and every reason why one is not active. Its `Display` is
/// the whole report: a table, then the problems.
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
        let mut problems: Vec<String> = Vec::new();
        problems.extend(self.refused.iter().map(|error| format!("{error:#}")));
        // What failed comes before what only waits for it.
        for plugin in &self.plugins {
            if let Some(error) = &plugin.error
                && matches!(plugin.state, State::Failed { .. })
                && !problems.contains(error)
            {
                problems.push(error.clone());
            }
        }
        for plugin in &self.plugins {
            if let State::Blocked { by } = &plugin.state {
                problems.push(format!(
                    "plugin `{}` is not started: it needs {}",
                    plugin.id,
                    by.iter().map(|id| self.with_state(id)).collect::<Vec<_>>().join(", ")
                ));
            }
        }
        problems
    }

    /// An instance and how it is.
    fn with_state(&self, id: &str) -> String {
        let other = self.plugins.iter().find(|plugin| plugin.id == id);
        let state = other.map_or("not there", |other| other.state.as_str());
        format!("`{id}` ({state})")
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

impl fmt::Display for StartReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.table())?;
        for problem in self.problems() {
            write!(f, "\nproblem: {problem}\n")?;
        }
        for notice in &self.resolution.notices {
            write!(f, "\nnotice: {notice}\n")?;
        }
        for plugin in &self.plugins {
            for warning in &plugin.warnings {
                write!(f, "\nwarning: plugin `{}`: {warning}\n", plugin.id)?;
            }
        }
        for (path, reason) in &self.ignored {
            write!(f, "\nignored: {}: {reason}\n", path.display())?;
        }
        Ok(())
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
