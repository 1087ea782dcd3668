//! Bringing all instances of a plugin to one version, one after the other; or none of them.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use hotshoe_abi::plain::Line;
use semver::Version;
use serde::Serialize;

use super::report::SwapReport;
use super::successor::Wanted;
use crate::contract::{Error, ErrorKind, Result};
use crate::discover::{self, Found};
use crate::host::core::{Core, Operation};
use crate::host::public::PluginHost;
use crate::runtime::Pending;

/// So many versions that are there are named.
const NAMED: usize = 8;

/// What an update of a plugin came to. Its `Display` is a line for each instance.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct UpdateReport {
    /// The plugin.
    pub plugin: String,
    /// The version that all of its instances run now.
    pub version: Version,
    /// The file that it is in.
    pub file: PathBuf,
    /// What was exchanged, in this order. Instances that ran it already are not in it.
    pub swaps: Vec<SwapReport>,
}

impl fmt::Display for UpdateReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { plugin, version, swaps, .. } = self;
        write!(f, "all instances of `{}` run {version}", Line(plugin))?;
        swaps.iter().try_for_each(|swap| write!(f, "\n{swap}"))
    }
}

impl PluginHost {
    /// Brings all running instances of a plugin to this version, which is looked for in the directories and
    /// among the files that were added. One after the other is [swapped](Self::swap), so that of several
    /// in a pool all but one serve at any time. If one cannot be exchanged, those before it are rolled back.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if nothing of the plugin runs, or the version is not there;
    /// [`ErrorKind::AlreadyExists`] if all instances run it; otherwise why one could not be exchanged: then
    /// all run what they ran before, or the message says which do not.
    pub fn update(&self, plugin: &str, version: Version) -> Pending<UpdateReport> {
        let plugin = plugin.to_owned();
        self.operate("update", move |core, operation| core.update(operation, &plugin, version))
    }
}

impl Core {
    fn update(
        self: &Arc<Self>,
        operation: &mut Operation,
        plugin: &str,
        version: Version,
    ) -> Result<UpdateReport> {
        let due = self.due(plugin, &version)?;
        let file = self.file_with(operation, plugin, &version)?;
        let mut swaps: Vec<SwapReport> = Vec::new();
        for id in &due {
            match self.swap(operation, id, Wanted::File(file.clone())) {
                Ok(report) => swaps.push(report),
                Err(error) => {
                    let done = swaps.into_iter().rev().map(|swap| swap.instance);
                    return Err(self.undo(operation, done.collect(), error));
                }
            }
        }
        Ok(UpdateReport { plugin: plugin.to_owned(), version, file, swaps })
    }

    /// The running instances of a plugin that have another version.
    fn due(&self, plugin: &str, version: &Version) -> Result<Vec<String>> {
        let slots = self.slots.read();
        let running: Vec<_> = slots
            .values()
            .filter(|slot| slot.config.plugin == plugin && slot.state.is_serving())
            .filter_map(|slot| {
                Some((slot.id.clone(), slot.candidate.as_ref()?.manifest.version.clone()))
            })
            .collect();
        if running.is_empty() {
            let message = format!("no instance of the plugin `{plugin}` runs");
            return Err(Error::new(ErrorKind::NotFound, message)
                .with_plugin(plugin)
                .with_help("`PluginHost::plugins` lists the instances that there are"));
        }
        let due: Vec<String> =
            running.into_iter().filter(|(_, own)| own != version).map(|(id, _)| id).collect();
        if due.is_empty() {
            let message = format!("all instances of `{plugin}` run {version} already");
            return Err(Error::new(ErrorKind::AlreadyExists, message)
                .with_plugin(plugin)
                .with_help("`swap` exchanges one for another build of the same version"));
        }
        Ok(due)
    }

    /// The file with this version of a plugin.
    fn file_with(&self, operation: &Operation, plugin: &str, version: &Version) -> Result<PathBuf> {
        let mut found = Found::default();
        for directory in &self.config.plugins.directories {
            let here = discover::scan(directory, &self.verifier)?;
            found.candidates.extend(here.candidates);
            found.refused.extend(here.refused);
        }
        for path in &operation.added {
            let known = |path: &PathBuf| {
                found.candidates.iter().any(|other| other.source.path() == Some(path))
            };
            if !known(path) {
                discover::look_at(path.clone(), &self.verifier, &mut found);
            }
        }
        discover::refuse_duplicates(&mut found);
        let own = found.candidates.iter().filter(|other| other.manifest.id == plugin);
        let own: Vec<_> = own.collect();
        let wanted = own.iter().find(|other| other.manifest.version == *version);
        if let Some(path) = wanted.and_then(|other| other.source.path()) {
            return Ok(path.to_owned());
        }
        // It may be there, and be refused.
        let mut refused = found.refused.iter().map(|(_, error)| error);
        if let Some(error) = refused.find(|error| error.plugin() == Some(plugin)) {
            return Err(error.clone());
        }
        let mut there: Vec<&Version> = own.iter().map(|other| &other.manifest.version).collect();
        there.sort();
        let there: Vec<String> = there.iter().rev().take(NAMED).map(|it| it.to_string()).collect();
        let there = if there.is_empty() { "none".to_owned() } else { there.join(", ") };
        Err(Error::new(
            ErrorKind::NotFound,
            format!("version {version} was expected in the directories of plugins, found: {there}"),
        )
        .with_plugin(plugin)
        .with_help("put its file there, or `swap` it in from where it is"))
    }

    /// Rolls back what was exchanged before another one failed; the error to be told.
    fn undo(self: &Arc<Self>, operation: &mut Operation, done: Vec<String>, error: Error) -> Error {
        let why = "another instance could not be updated";
        let stuck: Vec<String> = done
            .into_iter()
            .filter(|id| self.roll_back(operation, id, why, None).is_err())
            .map(|id| format!("`{id}`"))
            .collect();
        let message = match stuck.is_empty() {
            true => format!("nothing was updated: {}", error.message()),
            false => format!(
                "it was not updated, and {} could not be rolled back: {}",
                stuck.join(", "),
                error.message()
            ),
        };
        let instance = error.plugin().unwrap_or_default().to_owned();
        Error::new(error.kind(), message)
            .with_plugin(&instance)
            .with_help(error.help().unwrap_or("`explain` tells more of each").to_owned())
    }
}
