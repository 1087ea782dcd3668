//! Which backend stands behind plugins' storage.

use super::core::Core;
use crate::config::InstanceConfig;
use crate::discover::Candidate;

/// The instance that is to serve plugins' storage, if it can be said.
///
/// `[plugins] storage` names an instance, a plugin or a backend type; without it, the only
/// instance that provides a backend.
pub(super) fn choose(
    wanted: Option<&str>,
    instances: &[InstanceConfig],
    candidates: &[Candidate],
) -> Result<Option<String>, String> {
    // Few have one, and each instance is looked for among them.
    let providers: Vec<&Candidate> =
        candidates.iter().filter(|candidate| !candidate.manifest.storage.is_empty()).collect();
    let backends: Vec<&InstanceConfig> = instances
        .iter()
        .filter(|instance| kinds_of(&providers, &instance.plugin).next().is_some())
        .collect();
    let names = || {
        let names: Vec<&str> = backends.iter().map(|backend| backend.id.as_str()).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    };
    let Some(wanted) = wanted else {
        return match backends.as_slice() {
            [] => Ok(None),
            [only] => Ok(Some(only.id.clone())),
            _ => Err(format!(
                "several storage backends are enabled ({}) and none is chosen: set `[plugins] \
                 storage` to one of them",
                names()
            )),
        };
    };
    let by = |matches: &dyn Fn(&InstanceConfig) -> bool| {
        backends.iter().find(|backend| matches(backend)).map(|backend| backend.id.clone())
    };
    by(&|backend| backend.id == wanted)
        .or_else(|| by(&|backend| backend.plugin == wanted))
        .or_else(|| by(&|backend| kinds_of(&providers, &backend.plugin).any(|kind| kind == wanted)))
        .map(Some)
        .ok_or_else(|| {
            format!(
                "`[plugins] storage` is `{wanted}`, which is no storage backend that is enabled; \
                 there are: {}",
                names()
            )
        })
}

/// The types of the backends that a plugin provides, in any version of it.
fn kinds_of<'a>(providers: &'a [&'a Candidate], plugin: &'a str) -> impl Iterator<Item = &'a str> {
    providers
        .iter()
        .filter(move |candidate| candidate.manifest.id == plugin)
        .flat_map(|candidate| candidate.manifest.storage.iter().map(String::as_str))
}

impl Core {
    /// Puts the backend of a newly started instance behind plugins' storage, if it is the one.
    pub(super) fn offer_storage(&self, instance: &str, chosen: Option<&str>) {
        if chosen != Some(instance) {
            return;
        }
        let slots = self.slots.read();
        let backend = slots
            .get(instance)
            .and_then(|slot| slot.running.as_ref())
            .and_then(|running| running.storage.first().cloned());
        if let Some(backend) = backend {
            *self.storage.write() = Some((instance.to_owned(), backend));
        }
    }

    /// Takes it away again when its instance stops.
    pub(super) fn withdraw_storage(&self, instance: &str) {
        let mut storage = self.storage.write();
        if storage.as_ref().is_some_and(|(from, _)| from == instance) {
            *storage = None;
        }
    }
}
