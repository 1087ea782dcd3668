//! What a host consists of, shared by its handles, its operations and its plugins' contexts.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use async_channel::{Receiver, Sender};
use hotshoe_abi::PluginModuleRef;
use parking_lot::{Mutex, RwLock};

use super::libraries::Libraries;
use super::log_level::Followers;
use super::permissions::PermissionBook;
use super::slot::Slot;
use super::slots::Slots;
use crate::config::Config;
use crate::contract::{Error, ErrorKind, MemoryStore, Result, Storage};
use crate::discover::{Candidate, Source};
use crate::events::EventBus;
use crate::gateway::Gateway;
use crate::lifecycle::Worker;
use crate::manifest::Provision;
use crate::monitor::Monitor;
use crate::preflight::Preflight;
use crate::resolve::Report;
use crate::runtime::{Background, Timekeeper};
use crate::sdk::LinkedPlugin;
use crate::services::ServiceRegistry;
use crate::verify::Verifier;

/// One host.
pub(crate) struct Core {
    pub(crate) config: Config,
    /// Checks files by the configuration's policy.
    pub(crate) verifier: Verifier,
    /// Tries libraries in a child process, if the configuration says so.
    pub(crate) preflight: Option<Preflight>,
    /// Plugins registered by hand.
    pub(crate) registered: Vec<LinkedPlugin>,
    /// Services of the application itself, for the resolver.
    pub(crate) host_services: Vec<Provision>,
    /// Held by whoever changes what runs: one operation at a time.
    pub(crate) operation: Mutex<Operation>,
    pub(crate) slots: Slots,
    pub(crate) monitor: Monitor,
    /// Libraries that are open. They stay so, whatever becomes of their instances.
    pub(super) libraries: Libraries,
    /// Generations that are ending and that nobody waits for before the host stops.
    pub(super) retiring: Mutex<Vec<Worker<()>>>,
    pub(crate) found: RwLock<Findings>,
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) events: EventBus,
    pub(crate) services: ServiceRegistry,
    pub(crate) background: Background,
    pub(crate) time: Timekeeper,
    /// The backend behind plugins' storage: which instance, and itself.
    pub(crate) storage: RwLock<Option<(String, Storage)>>,
    pub(super) followers: Followers,
    pub(super) permissions: PermissionBook,
    #[cfg(feature = "watch")]
    pub(super) following: super::follow::Following,
    /// Closed with the host.
    pub(super) end: (Sender<()>, Receiver<()>),
    /// Somebody looks at figures.
    pub(super) patrolled: AtomicBool,
    shared: Mutex<HashMap<String, Arc<MemoryStore>>>,
    starts: AtomicU64,
}

/// What operations remember between each other.
#[derive(Default)]
pub(crate) struct Operation {
    /// Files added by hand.
    pub(crate) added: BTreeSet<PathBuf>,
    /// Instances taken out by hand.
    pub(crate) removed: BTreeSet<String>,
    /// Instances switched on or off by hand, against the configuration.
    pub(crate) switched: BTreeMap<String, bool>,
    /// Instances disabled because of the load.
    pub(crate) yielded: BTreeSet<String>,
    /// What instances run that were exchanged, and what they are started with from now on.
    pub(crate) chosen: BTreeMap<String, Arc<Candidate>>,
    /// Settings of instances that were given other ones.
    pub(crate) settings: BTreeMap<String, serde_json::Value>,
    /// What an instance went back from, or could not go on to, by the file it was in: the digest.
    pub(crate) declined: BTreeMap<(String, PathBuf), [u8; 32]>,
    /// What was last reported of a file.
    reported: BTreeMap<PathBuf, String>,
    /// After the last stop nothing starts any more.
    pub(crate) closed: bool,
}

impl Operation {
    /// Whether this is not what was last reported of it.
    pub(super) fn is_news(&mut self, of: PathBuf, text: &str) -> bool {
        self.reported.insert(of, text.to_owned()).as_deref() != Some(text)
    }

    /// Whatever is wrong with it is news.
    #[cfg(feature = "watch")]
    pub(super) fn forget_report(&mut self, of: &std::path::Path) {
        self.reported.remove(of);
    }

    /// Does not let an instance go on to this build by itself, as long as it is what that file holds.
    pub(super) fn decline(&mut self, instance: &str, file: PathBuf, digest: [u8; 32]) {
        self.declined.insert((instance.to_owned(), file), digest);
    }

    /// Whether an instance does not go on by itself to what this file holds.
    #[cfg(feature = "watch")]
    pub(super) fn has_declined(&self, instance: &str, file: &std::path::Path) -> bool {
        self.declined.contains_key(&(instance.to_owned(), file.to_owned()))
    }
}

/// What the last look at the sources found.
#[derive(Default)]
pub(crate) struct Findings {
    pub(crate) report: Report,
    /// Files, directories and linked plugins that cannot be used, each with the reason.
    pub(crate) refused: Vec<Arc<Error>>,
    pub(crate) ignored: Vec<(PathBuf, String)>,
}

impl Core {
    pub(crate) fn new(
        config: Config,
        verifier: Verifier,
        preflight: Option<Preflight>,
        registered: Vec<LinkedPlugin>,
        services: ServiceRegistry,
        host_services: Vec<Provision>,
        background_threads: usize,
    ) -> Self {
        let time = Timekeeper::new();
        let monitor = Monitor::default();
        let background = Background::new(background_threads);
        let gateway = Gateway::new(time.clone());
        Self {
            verifier,
            preflight,
            registered,
            host_services,
            operation: Mutex::default(),
            slots: Slots::new(monitor.clone()),
            monitor,
            libraries: Libraries::default(),
            retiring: Mutex::default(),
            found: RwLock::default(),
            gateway: Arc::new(gateway),
            events: EventBus::new(background.clone()),
            services,
            background,
            time,
            storage: RwLock::default(),
            followers: Followers::default(),
            permissions: PermissionBook::default(),
            #[cfg(feature = "watch")]
            following: Default::default(),
            end: async_channel::bounded(1),
            patrolled: AtomicBool::new(false),
            shared: Mutex::default(),
            starts: AtomicU64::new(0),
            config,
        }
    }

    /// One without plugins.
    #[cfg(test)]
    pub(crate) fn bare() -> Self {
        let verifier = Verifier::new(Default::default()).expect("the policy demands nothing");
        Self::new(Config::default(), verifier, None, Vec::new(), Default::default(), Vec::new(), 1)
    }

    /// Counts up with each instance that starts.
    pub(crate) fn next_start(&self) -> u64 {
        self.starts.fetch_add(1, Ordering::Relaxed)
    }

    /// The map in memory of this name.
    pub(crate) fn shared_map(&self, name: &str) -> Arc<MemoryStore> {
        self.shared.lock().entry(name.to_owned()).or_default().clone()
    }

    /// The library that an instance's code is in, if it is open and counts its heap; none of a linked one.
    pub(super) fn counting_library_of(&self, slot: &Slot) -> Option<PluginModuleRef> {
        let Source::File(file) = &slot.candidate.as_ref()?.source else { return None };
        self.libraries.counting(file)
    }

    /// The running instance `id`, or why it is not there.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], [`ErrorKind::Unavailable`].
    pub(crate) fn running<T>(&self, id: &str, with: impl FnOnce(&Slot) -> Option<T>) -> Result<T> {
        let slots = self.slots.read();
        let slot = slots.get(id).ok_or_else(|| self.unknown(id, slots.keys()))?;
        with(slot).ok_or_else(|| {
            Error::new(ErrorKind::Unavailable, format!("it is {}, not active", slot.state.as_str()))
                .with_plugin(id)
                .with_help(format!("`explain(\"{id}\")` tells why"))
        })
    }

    /// There is no such instance; what there is.
    pub(crate) fn unknown<'a>(&self, id: &str, known: impl Iterator<Item = &'a String>) -> Error {
        let known: Vec<&str> = known.map(String::as_str).take(12).collect();
        let known = if known.is_empty() { "there are none".into() } else { known.join(", ") };
        Error::new(ErrorKind::NotFound, format!("no plugin instance is called `{id}`"))
            .with_help(format!("instances: {known}"))
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        self.end.0.close();
        self.monitor.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_file_is_news_until_it_was_said() {
        let mut operation = Operation::default();
        let mut news = |of: &str, text| operation.is_news(of.into(), text);
        assert!(news("a.so", "it is not signed"));
        assert!(!news("a.so", "it is not signed"));
        assert!(news("b.so", "it is not signed"));
        assert!(news("a.so", "it was changed"));
    }
}
