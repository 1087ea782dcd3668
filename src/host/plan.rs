//! What should run, in which version and order: from the sources and the configuration to a plan.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hotshoe_abi::plain::Line;
use semver::VersionReq;

use super::core::{Core, Findings, Operation};
use super::storage;
use crate::config::{self, InstanceConfig, Linked};
use crate::contract::{Error, ErrorKind};
use crate::discover::{self, Candidate, Found, Source};
use crate::manifest::StatePolicy;
use crate::resolve::{self, Disabled, Need, Plan, Request};
use crate::sdk::LinkedPlugin;

/// What should run.
pub(super) struct Intent {
    pub(super) candidates: Vec<Candidate>,
    /// Enabled instances.
    pub(super) instances: Vec<InstanceConfig>,
    /// Disabled ones.
    pub(super) disabled: Vec<InstanceConfig>,
    /// The instance behind plugins' storage.
    pub(super) storage: Option<String>,
    pub(super) plan: Plan,
}

impl Core {
    /// Looks at every source and resolves. What could not be used is in `self.found` afterwards.
    ///
    /// What is in `retry` and whose library is open needs no file any more.
    pub(super) fn intend(&self, operation: &mut Operation, retry: &BTreeSet<String>) -> Intent {
        let mut refused = Vec::new();
        let mut ignored = Vec::new();
        let candidates = self.candidates(operation, retry, &mut refused, &mut ignored);
        let (mut instances, disabled) = self.instances(operation, &candidates, &mut refused);
        self.cap(&mut instances, &mut refused);
        let storage = match storage::choose(
            self.config.plugins.storage.as_deref(),
            &instances,
            &candidates,
        ) {
            Ok(chosen) => chosen,
            Err(message) => {
                refused.push(Error::new(ErrorKind::InvalidConfig, message));
                None
            }
        };
        let chosen = operation.chosen.iter();
        let chosen = chosen.map(|(id, chosen)| (id.clone(), chosen.manifest.version.clone()));
        let resolution =
            self.resolve(&candidates, &instances, &disabled, storage.as_deref(), chosen);
        self.note(operation, &refused, &ignored);
        *self.found.write() = Findings {
            report: resolution.report,
            refused: refused.into_iter().map(Arc::new).collect(),
            ignored,
        };
        Intent { candidates, instances, disabled, storage, plan: resolution.plan }
    }

    /// Every plugin that could be mounted.
    fn candidates(
        &self,
        operation: &Operation,
        retry: &BTreeSet<String>,
        refused: &mut Vec<Error>,
        ignored: &mut Vec<(PathBuf, String)>,
    ) -> Vec<Candidate> {
        let mut candidates = Vec::new();
        for plugin in self.linked(refused) {
            match Candidate::linked(plugin) {
                Ok(candidate) => match self.verifier.check_version(&candidate.manifest) {
                    Ok(()) => candidates.push(candidate),
                    Err(error) => {
                        refused.push(error.with_plugin(candidate.manifest.id).with_phase("verify"))
                    }
                },
                Err(error) => refused.push(error.with_phase("discover")),
            }
        }
        let mut found = Found::default();
        for directory in &self.config.plugins.directories {
            match discover::scan(directory, &self.verifier) {
                Ok(here) => {
                    found.candidates.extend(here.candidates);
                    found.refused.extend(here.refused);
                    found.ignored.extend(here.ignored);
                }
                Err(error) => refused.push(error),
            }
        }
        for path in &operation.added {
            let known = |candidate: &Candidate| candidate.source.path() == Some(path);
            if !found.candidates.iter().any(known) {
                discover::look_at(path.clone(), &self.verifier, &mut found);
            }
        }
        for chosen in operation.chosen.values() {
            // What was swapped in by hand is what was meant, wherever it came from.
            let same = |other: &Candidate| {
                other.manifest.id == chosen.manifest.id
                    && other.manifest.version == chosen.manifest.version
            };
            found.candidates.retain(|other| !same(other));
            if let Source::File(_) = &chosen.source {
                found.candidates.push((**chosen).clone());
            }
        }
        discover::refuse_duplicates(&mut found);
        refused.extend(found.refused.into_iter().map(|(_, error)| error));
        ignored.extend(found.ignored);
        // A file that has vanished from under a running instance, or one that is restarted, stays a
        // candidate: its code is still there.
        let build = |candidate: &'_ Candidate| {
            (candidate.manifest.id.clone(), candidate.manifest.version.clone())
        };
        let mut there: HashSet<_> = found.candidates.iter().map(build).collect();
        for slot in self.slots.read().values() {
            let Some(candidate) = &slot.candidate else { continue };
            let Source::File(file) = &candidate.source else { continue };
            if slot.running.is_none()
                && !(retry.contains(&slot.id) && self.libraries.open_of(file).is_some())
            {
                continue;
            }
            if there.insert(build(candidate)) {
                found.candidates.push((**candidate).clone());
            }
        }
        candidates.extend(found.candidates);
        self.prefer_mounts(candidates)
    }

    /// The linked plugins that are asked for: those registered by hand, those that the application
    /// names, and those that the configuration mounts so. Whatever else happened to be linked is
    /// not started.
    fn linked(&self, refused: &mut Vec<Error>) -> Vec<LinkedPlugin> {
        let plugins = &self.config.plugins;
        let mut linked = self.registered.clone();
        let submitted = discover::submitted();
        let names: BTreeSet<&str> = match &plugins.linked {
            Some(Linked::All) => {
                linked.extend(submitted);
                return distinct(linked);
            }
            Some(Linked::Only(names)) => names.iter().map(String::as_str).collect(),
            None => BTreeSet::new(),
        };
        let configured = plugins
            .instances
            .values()
            .filter(|instance| instance.mount == Some(config::Mount::Linked))
            .map(|instance| instance.plugin.as_str());
        let wanted: BTreeSet<&str> = names.iter().copied().chain(configured).collect();
        let mut missing = names;
        for plugin in submitted {
            let Ok(manifest) = crate::manifest::Manifest::parse(plugin.manifest_text()) else {
                continue;
            };
            missing.remove(manifest.id.as_str());
            if wanted.contains(manifest.id.as_str()) {
                linked.push(plugin);
            }
        }
        for name in missing {
            refused.push(
                Error::new(
                    ErrorKind::NotFound,
                    format!("the plugin `{name}` was expected to be linked in, it is not"),
                )
                .with_plugin(name)
                .with_help(format!(
                    "depend on its crate and mention it, so that the linker keeps it: \
                     `use {} as _;`",
                    name.replace('-', "_")
                )),
            );
        }
        distinct(linked)
    }

    /// Of one version of one plugin that is both linked and a file, keeps one: the one that the
    /// configuration says, otherwise the linked one.
    fn prefer_mounts(&self, candidates: Vec<Candidate>) -> Vec<Candidate> {
        let mounts: BTreeMap<&str, config::Mount> = self
            .config
            .plugins
            .instances
            .values()
            .filter_map(|instance| Some((instance.plugin.as_str(), instance.mount?)))
            .collect();
        let mut kept: BTreeMap<(String, semver::Version), Candidate> = BTreeMap::new();
        for candidate in candidates {
            let linked = matches!(candidate.source, Source::Linked(_));
            let wanted = mounts.get(candidate.manifest.id.as_str());
            let unwanted = match wanted {
                Some(config::Mount::Linked) => !linked,
                Some(config::Mount::Loaded) => linked,
                _ => false,
            };
            if unwanted {
                continue;
            }
            let key = (candidate.manifest.id.clone(), candidate.manifest.version.clone());
            // Linked ones come first.
            kept.entry(key).or_insert(candidate);
        }
        kept.into_values().collect()
    }

    /// The instances that the configuration names, and one for every other plugin that is there.
    fn instances(
        &self,
        operation: &Operation,
        candidates: &[Candidate],
        refused: &mut Vec<Error>,
    ) -> (Vec<InstanceConfig>, Vec<InstanceConfig>) {
        let plugins = &self.config.plugins;
        let mut all: Vec<InstanceConfig> = plugins.instances.values().cloned().collect();
        let configured: BTreeSet<&str> =
            plugins.instances.values().map(|instance| instance.plugin.as_str()).collect();
        let mut seen = BTreeSet::new();
        for candidate in candidates {
            let id = candidate.manifest.id.as_str();
            let by_hand = match &candidate.source {
                Source::Linked(_) => true,
                Source::File(file) => operation.added.contains(file.path()),
            };
            let wanted = plugins.auto_load || by_hand;
            if !wanted || configured.contains(id) || !seen.insert(id) {
                continue;
            }
            // Whoever names a plugin must not take an instance's storage, grants and settings by it.
            match plugins.instances.get(id) {
                Some(taken) => refused.push(id_is_taken(candidate, taken)),
                None => all.push(InstanceConfig::new(id)),
            }
        }
        all.retain(|instance| !operation.removed.contains(&instance.id));
        for instance in &mut all {
            if let Some(settings) = operation.settings.get(&instance.id) {
                instance.give(settings.clone());
            }
        }
        let enabled = |instance: &InstanceConfig| {
            let switched = operation.switched.get(&instance.id).copied();
            plugins.enabled && switched.unwrap_or_else(|| plugins.enables(instance))
        };
        all.into_iter().partition(enabled)
    }

    /// Refuses what is beyond `max_plugins`: of what does not run yet, the last ids first.
    fn cap(&self, instances: &mut Vec<InstanceConfig>, refused: &mut Vec<Error>) {
        let Some(cap) = self.config.plugins.max_plugins else { return };
        let cap = cap.get() as usize;
        if instances.len() <= cap {
            return;
        }
        // What runs goes on running.
        let slots = self.slots.read();
        let runs = |id: &str| slots.get(id).is_some_and(|slot| slot.running.is_some());
        instances.sort_by_cached_key(|instance| (!runs(&instance.id), instance.id.clone()));
        drop(slots);
        for instance in instances.drain(cap..) {
            refused.push(
                Error::new(
                    ErrorKind::ResourceLimit,
                    format!("it is one more than may run: `max_plugins` is {cap}"),
                )
                .with_plugin(instance.id)
                .with_help("raise `max_plugins`, or disable some"),
            );
        }
    }

    /// Resolves; these instances have these versions, whatever they run now.
    pub(super) fn resolve(
        &self,
        candidates: &[Candidate],
        instances: &[InstanceConfig],
        disabled: &[InstanceConfig],
        storage: Option<&str>,
        fixed: impl Iterator<Item = (String, semver::Version)>,
    ) -> resolve::Resolution {
        let mut running: BTreeMap<String, semver::Version> = self
            .slots
            .read()
            .values()
            .filter(|slot| slot.running.is_some())
            .filter_map(|slot| {
                Some((slot.id.clone(), slot.candidate.as_ref()?.manifest.version.clone()))
            })
            .collect();
        running.extend(fixed);
        let manifests: BTreeMap<&str, &crate::manifest::Manifest> = candidates
            .iter()
            .map(|candidate| (candidate.manifest.id.as_str(), &candidate.manifest))
            .collect();
        // What for an instance needs the storage: it stops before it and starts after it.
        let with_storage = |instance: &InstanceConfig| {
            let manifest = manifests.get(instance.plugin.as_str())?;
            if self.may(instance, manifest, "storage") {
                return Some("the storage backend");
            }
            (manifest.state == StatePolicy::Kept).then_some("the storage backend, for its state")
        };
        let wanted: Vec<resolve::Candidate> = candidates
            .iter()
            .map(|candidate| resolve::Candidate {
                plugin: candidate.manifest.id.clone(),
                version: candidate.manifest.version.clone(),
                origin: candidate.source.describe(),
                provides: candidate.manifest.provides.clone(),
                requires: candidate.manifest.requires.clone(),
            })
            .collect();
        let instances: Vec<resolve::Instance> = instances
            .iter()
            .map(|instance| {
                let mut wish = resolve::Instance::new(&instance.id, &instance.plugin);
                // What runs keeps its version; replacing it is another operation.
                wish.range = match running.get(&instance.id) {
                    Some(version) => VersionReq::parse(&format!("={version}")).ok(),
                    None => instance.version.clone(),
                };
                if let Some(storage) = storage
                    && storage != instance.id
                    && let Some(reason) = with_storage(instance)
                {
                    wish.needs.push(Need { instance: storage.to_owned(), reason: reason.into() });
                }
                wish
            })
            .collect();
        let disabled: Vec<Disabled> = disabled
            .iter()
            .map(|instance| Disabled {
                instance: instance.id.clone(),
                plugin: instance.plugin.clone(),
            })
            .collect();
        let types: Vec<(&str, Option<&str>)> = self
            .config
            .plugins
            .instances
            .values()
            .map(|instance| (instance.id.as_str(), instance.kind.as_deref()))
            .chain(
                instances
                    .iter()
                    .filter(|instance| !self.config.plugins.instances.contains_key(&instance.id))
                    .map(|instance| (instance.id.as_str(), None)),
            )
            .collect();
        // What names nobody goes to the resolver, too: it says so, with what is near.
        let (mut order, unknown) = self.config.resolve_load_order(&types);
        order.extend(unknown);
        resolve::resolve(Request {
            candidates: &wanted,
            instances: &instances,
            disabled: &disabled,
            load_order: &order,
            host: &self.host_services,
        })
    }

    /// Logs what is new; what was logged before is not repeated.
    fn note(&self, operation: &mut Operation, refused: &[Error], ignored: &[(PathBuf, String)]) {
        for error in refused {
            let key = PathBuf::from(error.path().unwrap_or(error.message()));
            let text = format!("{error:#}");
            if operation.is_news(key, &text) {
                tracing::error!("{text}");
            }
        }
        for (path, reason) in ignored {
            if operation.is_news(path.clone(), reason) {
                tracing::warn!(path = %Line(path.display()), "ignored: {}", Line(reason));
            }
        }
    }

    /// The folder of an instance.
    pub(super) fn data_dir(&self, instance: &str) -> PathBuf {
        match &self.config.plugins.data_dir {
            Some(root) => root.join(instance),
            None => Path::new("data").join(instance),
        }
    }
}

/// The id of this plugin is that of an instance of another one.
fn id_is_taken(candidate: &Candidate, taken: &InstanceConfig) -> Error {
    let id = &taken.id;
    let error = Error::new(
        ErrorKind::AlreadyExists,
        format!(
            "a free id was expected, `{id}` is configured as an instance of the plugin `{}`",
            taken.plugin
        ),
    )
    .with_plugin(id)
    .with_phase("resolve")
    .with_help(format!(
        "to run it, configure it under another id: plugin = \"{id}\" in [plugins.<id>]"
    ));
    match candidate.source.path() {
        Some(path) => error.with_path(path),
        None => error,
    }
}

/// One plugin may be registered by hand and found through `inventory` as well.
fn distinct(plugins: Vec<LinkedPlugin>) -> Vec<LinkedPlugin> {
    let mut seen = BTreeSet::new();
    plugins.into_iter().filter(|plugin| seen.insert(plugin.manifest_text())).collect()
}
