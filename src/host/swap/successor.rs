//! What an instance is to be exchanged for, and whether it may be.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;

use super::rehearsal;
use crate::config::{InstanceConfig, SwapPolicy};
use crate::contract::{Error, ErrorKind, Result};
use crate::discover::{Candidate, Source};
use crate::host::core::Core;
use crate::manifest::{StatePolicy, SwapMode};
use crate::verify::Verdict;

/// What somebody asks for.
pub(in crate::host) enum Wanted {
    /// What is in this file.
    File(PathBuf),
    /// What is in its own file by now.
    OwnFile,
    /// The same code with these settings.
    Settings(Value),
}

/// A generation to be.
#[derive(Clone)]
pub(super) struct Successor {
    pub(super) config: InstanceConfig,
    pub(super) candidate: Arc<Candidate>,
    /// Instances that it needs.
    pub(super) depends_on: Vec<String>,
    pub(super) policy: SwapPolicy,
}

impl Successor {
    pub(super) fn mode(&self) -> SwapMode {
        self.policy.mode_of(self.candidate.manifest.swap)
    }

    /// Whether calls have to be held, so that nothing that changes its state is lost.
    pub(super) fn has_state(&self) -> bool {
        self.candidate.manifest.state != StatePolicy::None
    }

    pub(super) fn version(&self) -> String {
        self.candidate.manifest.version.to_string()
    }
}

impl Core {
    /// The generation that is asked for, if the instance may be exchanged for it.
    ///
    /// # Errors
    /// Why it may not be; nothing has changed then.
    pub(super) fn successor(&self, id: &str, wanted: Wanted) -> Result<Successor> {
        self.must_know(id)?;
        self.must_run(id)?;
        let (mut config, current, on_probation, has_canary) = {
            let slots = self.slots.read();
            let slot = &slots[id];
            let (probation, canary) = (slot.probation.is_some(), slot.trial.is_some());
            (slot.config.clone(), slot.candidate.clone(), probation, canary)
        };
        let current = current.ok_or_else(|| {
            Error::new(ErrorKind::IllegalState, "nothing is known of what it runs").with_plugin(id)
        })?;
        if on_probation || has_canary {
            let message = match has_canary {
                true => "a share of its calls goes to another generation already",
                false => {
                    "its last exchange is on probation: there would be two generations to go back to"
                }
            };
            return Err(Error::new(ErrorKind::IllegalState, message)
                .with_plugin(id)
                .with_help("wait for its end, or end it with `promote` or `roll_back`"));
        }
        let is_same_code = matches!(wanted, Wanted::Settings(_));
        let candidate = match wanted {
            Wanted::Settings(settings) => {
                config.give(settings);
                current
            }
            Wanted::File(file) => Arc::new(self.build_in(&self.found_as(&file)?, &current, id)?),
            Wanted::OwnFile => {
                let Source::File(file) = &current.source else {
                    let message = "it is linked into the program: there is no file to reload";
                    return Err(Error::new(ErrorKind::Unsupported, message)
                        .with_plugin(id)
                        .with_help("build the program anew, or swap a file in"));
                };
                Arc::new(self.build_in(&file.path().to_owned(), &current, id)?)
            }
        };
        let depends_on = self.still_fits(id, &candidate)?;
        let mut policy = self.config.swap_of(&config);
        if is_same_code {
            // Other settings are there so that it answers otherwise.
            policy.replay = None;
        }
        if let Some(replay) = &policy.replay {
            rehearsal::recording(replay, &candidate).map_err(|error| error.with_plugin(id))?;
        }
        Ok(Successor { config, candidate, depends_on, policy })
    }

    /// Another build of the plugin of an instance.
    fn build_in(&self, path: &PathBuf, current: &Candidate, id: &str) -> Result<Candidate> {
        let verified = match self.verifier.verify_copy(path)? {
            Verdict::Plugin(verified) => *verified,
            Verdict::NoPlugin(reason) => {
                let message = format!("a plugin was expected: {reason}");
                return Err(Error::new(ErrorKind::InvalidPlugin, message)
                    .with_path(path)
                    .with_help("swap in a library that was built from a plugin crate"));
            }
        };
        let candidate = Candidate::from(verified);
        let (own, other) = (&current.manifest, &candidate.manifest);
        if own.id != other.id {
            let message =
                format!("a build of the plugin `{}` was expected, found `{}`", own.id, other.id);
            return Err(Error::new(ErrorKind::InvalidInput, message)
                .with_plugin(id)
                .with_path(path)
                .with_help("swap in another build of the same plugin, or `add` this one"));
        }
        if let (Source::File(running), Source::File(file)) = (&current.source, &candidate.source)
            && file.is_same_build(running)
        {
            let message = format!(
                "another build of `{}` {} was expected, this one runs already",
                own.id, own.version
            );
            return Err(Error::new(ErrorKind::AlreadyExists, message)
                .with_plugin(id)
                .with_path(path)
                .with_help("to start it anew, restart the instance"));
        }
        self.may_retire_one_more().map_err(|error| error.with_plugin(id))?;
        Ok(candidate)
    }

    /// Whether all that runs has what it needs if an instance is exchanged for this; whom it needs itself.
    ///
    /// # Errors
    /// Whose requirements would be broken.
    fn still_fits(&self, id: &str, candidate: &Arc<Candidate>) -> Result<Vec<String>> {
        let (candidates, instances) = {
            let slots = self.slots.read();
            let running = || slots.values().filter(|slot| slot.running.is_some());
            let candidates = running().filter_map(|slot| match slot.id == id {
                true => Some((**candidate).clone()),
                false => Some((**slot.candidate.as_ref()?).clone()),
            });
            let instances = running().map(|slot| slot.config.clone());
            (candidates.collect::<Vec<_>>(), instances.collect::<Vec<_>>())
        };
        let storage = self.storage.read().as_ref().map(|(instance, _)| instance.clone());
        let refuse = |why: String| {
            let message = format!(
                "it cannot be exchanged for `{}` {}:{why}",
                candidate.manifest.id, candidate.manifest.version
            );
            Err(Error::__laid_out(ErrorKind::Unresolved, message).with_plugin(id))
        };
        if storage.as_deref() == Some(id) && candidate.manifest.storage.is_empty() {
            return refuse(" plugins' storage is behind it, and that provides none".to_owned());
        }
        let replaced = (id.to_owned(), candidate.manifest.version.clone());
        let resolution =
            self.resolve(&candidates, &instances, &[], storage.as_deref(), [replaced].into_iter());
        match resolution.plan.step(id) {
            Some(step) if resolution.report.problems.is_empty() => {
                Ok(step.depends_on.iter().map(|id| id.to_string()).collect())
            }
            _ if resolution.report.problems.is_empty() => {
                refuse(format!("\n{}", resolution.report))
            }
            _ => {
                let problems = resolution.report.problems.iter();
                refuse(problems.map(|problem| format!("\n{problem}")).collect())
            }
        }
    }
}
