//! What an instance leaves when it ends, and what the next one of it gets: handed from one to the other
//! while the host runs, and kept over its end for plugins that want that.

use std::path::PathBuf;
use std::time::Duration;

use futures_lite::future::block_on;
use hotshoe_abi::{AbiBytes, AbiPlugin};
use semver::Version;

use super::core::Core;
use super::stop::Saving;
use crate::config::{InstanceConfig, StateLost, SwapPolicy};
use crate::contract::{Error, ErrorKind, Result, Storage};
use crate::manifest::{Manifest, StatePolicy};
use crate::runtime::Timekeeper;
use crate::state::{Found, KeptState};

/// The folder of kept states, beside those of instances: no id begins with a dot.
const FOLDER: &str = ".state";

/// What becomes of the state of one instance.
pub(super) struct Keeper {
    instance: String,
    plugin: String,
    version: Version,
    declared: StatePolicy,
    policy: SwapPolicy,
    folder: PathBuf,
    storage: Option<(String, Storage)>,
    time: Timekeeper,
}

/// What became of a start's state.
#[derive(PartialEq, Eq)]
pub(super) enum Restored {
    /// The instance has it, or there is none.
    Done,
    /// It was put aside. The instance has seen it, so another one has to start in its place.
    PutAside,
}

impl Core {
    pub(super) fn keeper(&self, config: &InstanceConfig, manifest: &Manifest) -> Keeper {
        Keeper {
            instance: config.id.clone(),
            plugin: manifest.id.clone(),
            version: manifest.version.clone(),
            declared: manifest.state,
            policy: self.config.swap_of(config),
            folder: self.data_dir(FOLDER),
            // A backend cannot keep its own.
            storage: self.storage.read().clone().filter(|(backend, _)| *backend != config.id),
            time: self.time.clone(),
        }
    }
}

impl Keeper {
    fn kept(&self) -> KeptState {
        let Self { instance, plugin, version, folder, storage, .. } = self;
        KeptState::new(instance, plugin, version, folder, storage.clone())
    }

    /// Asks an instance that has come to rest for its state; what its successor gets.
    ///
    /// # Errors
    /// If it is lost with the instance: somebody has to hear of that. Where there is a successor, that
    /// it starts is worth more.
    pub(super) fn save(&self, plugin: &AbiPlugin, saving: Saving) -> Result<Option<AbiBytes>> {
        let lost = |error: Error| match saving {
            Saving::Keep => {
                tracing::error!(plugin = self.instance, %error, "its state is lost");
                Ok(None)
            }
            Saving::Forget => {
                let message = format!("its state is not kept: {}", error.message());
                Err(Error::new(error.kind(), message)
                    .with_help("what was kept before, if anything, is there still"))
            }
        };
        let successor = matches!(saving, Saving::Keep);
        match self.declared {
            StatePolicy::None => return Ok(None),
            StatePolicy::HandedOver if !successor => return Ok(None),
            StatePolicy::HandedOver | StatePolicy::Kept => {}
        }
        let state = match self.ask(plugin) {
            Ok(state) => state,
            Err(error) => return lost(error),
        };
        if self.declared == StatePolicy::Kept {
            let kept = block_on(self.kept().save(state.as_deref()));
            match kept {
                // The successor has it all the same.
                Err(error) if successor => {
                    tracing::error!(plugin = self.instance, %error, "its state is not kept");
                }
                Err(error) => return lost(error),
                Ok(()) => {}
            }
        }
        Ok(state.filter(|_| successor))
    }

    fn ask(&self, plugin: &AbiPlugin) -> Result<Option<AbiBytes>> {
        let state = self.in_time("`save_state`", plugin.save_state())?.into_option();
        no_more_than(self.policy.max_state_bytes, state)
    }

    /// Hands an instance that is initialised what the one before it left.
    ///
    /// # Errors
    /// If it does not take it, unless it is kept and may be put aside.
    pub(super) fn restore(&self, plugin: &AbiPlugin, handed: Option<AbiBytes>) -> Result<Restored> {
        let found = match (self.declared, handed) {
            (StatePolicy::None, _) | (StatePolicy::HandedOver, None) => return Ok(Restored::Done),
            (StatePolicy::HandedOver, Some(state)) => {
                self.in_time("`restore_state`", plugin.restore_state(state))?;
                return Ok(Restored::Done);
            }
            (StatePolicy::Kept, Some(state)) => {
                Some(Found { at: self.kept().at(), state: Ok(state.into()) })
            }
            (StatePolicy::Kept, None) => block_on(self.kept().load())?,
        };
        let Some(Found { at, state }) = found else { return Ok(Restored::Done) };
        let outcome = state
            .and_then(|state| self.in_time("`restore_state`", plugin.restore_state(state.into())));
        match (outcome, self.policy.state_lost) {
            (Ok(()), _) => Ok(Restored::Done),
            (Err(error), StateLost::StartAfresh) => {
                let aside = block_on(self.kept().put_aside())?.join(", ");
                tracing::error!(
                    plugin = self.instance,
                    %error,
                    "its state cannot be used; it starts without, and the state lies at {aside}"
                );
                Ok(Restored::PutAside)
            }
            (Err(error), StateLost::Refuse) => Err(self.unusable(&at, &error)),
        }
    }

    fn unusable(&self, at: &str, error: &Error) -> Error {
        let message =
            format!("the state at {at} cannot be used, and is left as it is: {}", error.message());
        Error::new(error.kind(), message).with_help(format!(
            "use a version that takes it, or put what lies beside it as `previous` in its place; to \
             start without it, set `swap.state_lost = \"start_afresh\"` in [plugins.{}], which puts it \
             aside",
            self.instance
        ))
    }

    fn in_time<T>(&self, what: &str, asked: impl Future<Output = Result<T>>) -> Result<T> {
        let limit: Duration = self.policy.state_timeout;
        block_on(self.time.timeout(Some(limit), what, asked))
    }
}

/// A state that is not too large.
///
/// # Errors
/// It is.
pub(super) fn no_more_than(most: u64, state: Option<AbiBytes>) -> Result<Option<AbiBytes>> {
    let size = state.as_ref().map_or(0, |state| state.len() as u64);
    if size <= most {
        return Ok(state);
    }
    let message = format!("at most {most} bytes of state were expected, found {size}");
    Err(Error::new(ErrorKind::ResourceLimit, message).with_help("raise `swap.max_state_bytes`"))
}
