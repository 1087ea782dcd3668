//! What the operations of [`PluginHost`](super::PluginHost) are made of.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hotshoe_abi::__stable::RString;
use hotshoe_abi::{AbiFuture, outcome};

use super::core::{Core, Operation};
use super::entry::{Entry, execute};
use super::slot::Slot;
use crate::contract::{Call, Error, ErrorKind, Result};
use crate::discover::Source;
use crate::lifecycle::{Event, State};
use crate::verify::{self, Stamp, Verdict};

/// The only error; of several, one that names them all.
pub(super) fn first_of(errors: Vec<Error>) -> Result<()> {
    const SHOWN: usize = 6;
    let mut errors = errors.into_iter();
    let Some(first) = errors.next() else { return Ok(()) };
    let rest: Vec<Error> = errors.collect();
    if rest.is_empty() {
        return Err(first);
    }
    let mut message = format!("{} plugins failed to stop", rest.len() + 1);
    for error in std::iter::once(&first).chain(&rest).take(SHOWN) {
        message.push_str(&format!("\n  {error}"));
    }
    if rest.len() >= SHOWN {
        message.push_str(&format!("\n  and {} more", rest.len() + 1 - SHOWN));
    }
    Err(Error::__laid_out(first.kind(), message)
        .with_help("all others were stopped; `explain` tells more of each"))
}

impl Core {
    /// Why what is in this file does not run.
    pub(super) fn why_not(&self, file: &Path) -> Error {
        let found = self.found.read();
        let named = |error: &&Arc<Error>| error.path().is_some_and(|path| *file == *path);
        if let Some(error) = found.refused.iter().find(named) {
            return (**error).clone();
        }
        if let Some((_, reason)) = found.ignored.iter().find(|(path, _)| path == file) {
            return Error::new(
                ErrorKind::InvalidPlugin,
                format!("a plugin was expected: {reason}"),
            )
            .with_help("add a library that was built from a plugin crate")
            .with_path(file);
        }
        let Some(manifest) = verify::peek(file) else {
            return Error::new(ErrorKind::Io, "the file has changed meanwhile").with_path(file);
        };
        // Beyond `max_plugins`, say.
        let of_it = |error: &&Arc<Error>| error.plugin() == Some(manifest.id.as_str());
        if let Some(error) = found.refused.iter().find(of_it) {
            return (**error).clone();
        }
        drop(found);
        let slots = self.slots.read();
        let mut of_plugin = slots.values().filter(|slot| slot.config.plugin == manifest.id);
        let waiting = of_plugin.find(|slot| !slot.state.is_serving());
        let Some(slot) = waiting else {
            return Error::new(
                ErrorKind::AlreadyExists,
                format!(
                    "plugin `{}` {} is not used: another version, file or mount of it is in use",
                    manifest.id, manifest.version
                ),
            )
            .with_path(file)
            .with_help("restart the instance to use a higher version, or configure another one");
        };
        match &slot.error {
            Some(error) if error.plugin().is_some() => (**error).clone(),
            _ => {
                let id = slot.id.clone();
                drop(slots);
                Error::__laid_out(ErrorKind::Unresolved, self.explain(&id)).with_path(file)
            }
        }
    }

    /// The path by which this file is found among the sources: a directory of plugins may be a link, or
    /// relative, and nobody must take one file for two.
    pub(super) fn found_as(&self, file: &Path) -> Result<PathBuf> {
        let unknown = |error: std::io::Error| {
            Error::new(ErrorKind::Io, "the file cannot be opened")
                .caused_by(&error)
                .with_path(file)
                .with_help("correct the path")
        };
        let resolved = file.canonicalize().map_err(unknown)?;
        let whole = std::path::absolute(file).map_err(unknown)?;
        let found = |path: &Path| {
            let folder = path.parent()?.canonicalize().ok()?;
            let mut directories = self.config.plugins.directories.iter();
            let here = directories.find(|at| at.canonicalize().is_ok_and(|at| at == folder))?;
            Some(here.join(path.file_name()?))
        };
        Ok(found(&whole).or_else(|| found(&resolved)).unwrap_or(resolved))
    }

    /// Whether what is in this file, now, runs.
    pub(super) fn runs(&self, file: &Path) -> bool {
        let named = |error: &Arc<Error>| error.path().is_some_and(|path| *file == *path);
        if self.found.read().refused.iter().any(named) {
            return false;
        }
        let Ok(metadata) = file.metadata() else { return false };
        let now = Stamp::of(&metadata);
        self.slots.read().values().filter(|slot| slot.state.is_serving()).any(|slot| {
            matches!(
                slot.candidate.as_ref().map(|candidate| &candidate.source),
                Some(Source::File(own)) if own.path() == file && *own.stamp() == now
            )
        })
    }

    /// What was removed and is in this file may run again, if the file may be loaded; the ids of its
    /// instances.
    pub(super) fn take_back(&self, operation: &mut Operation, file: &Path) -> Vec<String> {
        if operation.removed.is_empty() {
            return Vec::new();
        }
        let Ok(Verdict::Plugin(verified)) = self.verifier.verify(file) else { return Vec::new() };
        let manifest = verified.manifest;
        let configured = &self.config.plugins.instances;
        let of_it = |id: &String| {
            configured.get(id).map_or(id, |instance| &instance.plugin) == &manifest.id
        };
        operation.removed.extract_if(.., of_it).collect()
    }

    pub(super) fn must_know(&self, id: &str) -> Result<()> {
        let slots = self.slots.read();
        if slots.contains_key(id) { Ok(()) } else { Err(self.unknown(id, slots.keys())) }
    }

    pub(super) fn must_run(&self, id: &str) -> Result<()> {
        let slots = self.slots.read();
        let Some(slot) = slots.get(id) else { return Err(self.unknown(id, slots.keys())) };
        if slot.state.is_serving() {
            return Ok(());
        }
        let kind = slot.error.as_ref().map_or(ErrorKind::Unavailable, |error| error.kind());
        drop(slots);
        Err(Error::__laid_out(kind, self.explain(id)))
    }

    pub(super) fn disable(&self, operation: &mut Operation, id: &str) -> Result<()> {
        self.must_know(id)?;
        operation.switched.insert(id.to_owned(), false);
        let (down, errors) = self.take_down(&BTreeSet::from([id.to_owned()]));
        // Also what a restart that failed may have left.
        self.withdraw_routes(&[id.to_owned()]);
        let mut slots = self.slots.write();
        for stopped in &down {
            if let Some(slot) = slots.get_mut(stopped)
                && slot.state == State::Stopped
                && stopped != id
            {
                let by = slot.depends_on.iter().filter(|on| down.contains(*on)).cloned().collect();
                slot.step(Event::Blocked { by });
            }
        }
        if let Some(slot) = slots.get_mut(id) {
            slot.recovery = None;
            if slot.state != State::Disabled {
                slot.step(Event::Disabled);
            }
        }
        errors.into_iter().next().map_or(Ok(()), Err)
    }

    /// Stops an instance for good and forgets it.
    pub(super) fn remove(&self, operation: &mut Operation, id: &str) -> Result<()> {
        self.must_know(id)?;
        let stopped = self.disable(operation, id);
        operation.switched.remove(id);
        operation.yielded.remove(id);
        operation.removed.insert(id.to_owned());
        operation.chosen.remove(id);
        operation.settings.remove(id);
        if let Some(mut slot) = self.slots.write().remove(id)
            && slot.state != State::Retired
        {
            slot.step(Event::Retired);
        }
        stopped
    }

    /// The generic entry of an instance, or of one of a pool, through its port, within the caller's
    /// deadline.
    pub(super) async fn execute(&self, target: &str, call: &Call, input: &str) -> Result<RString> {
        const OUTPUT: &str = "the output of `execute`";
        if let Some(pool) = self.pool(target) {
            let output = pool.execute(target, call, input);
            return self.time.timeout(call.remaining(), OUTPUT, output).await;
        }
        let Entry { port, recorder } = self.running(target, Slot::entry)?;
        let output = async {
            match port.lane() {
                None => port.run(|plugin, _| execute(plugin, recorder.as_ref(), call, input)).await,
                Some(_) => {
                    let (call, input) = (call.clone(), input.to_owned());
                    port.ask(
                        move |plugin| {
                            AbiFuture::new(async move {
                                execute(plugin, recorder.as_ref(), &call, &input).await
                            })
                        },
                        outcome::of,
                    )
                    .await
                }
            }
        };
        let output = self.time.timeout(call.remaining(), OUTPUT, output).await;
        output.map_err(|error| port.named(error))
    }
}
