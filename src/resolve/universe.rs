//! The input, indexed: ids become dense numbers, names become lists.
//!
//! An instance's number (its *node*) is its rank by load order and id, so that
//! ordering by number is ordering by priority and nothing after this depends on
//! the order of the input. Keys are borrowed from the input; no id is copied.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use semver::Version;

use crate::manifest::{Requirement, Target};

use super::input::{Candidate, Instance, Request};

/// A map from what a requirement can ask for, without owning the key.
#[derive(Debug)]
pub(super) struct ByTarget<'a, T> {
    plugins: HashMap<&'a str, T>,
    services: HashMap<&'a str, T>,
}

impl<T> Default for ByTarget<'_, T> {
    fn default() -> Self {
        Self { plugins: HashMap::new(), services: HashMap::new() }
    }
}

impl<'a, T: Default> ByTarget<'a, T> {
    pub fn get(&self, target: &Target) -> Option<&T> {
        match target {
            Target::Plugin(id) => self.plugin(id),
            Target::Service(name) => self.service(name),
        }
    }

    pub fn plugin(&self, id: &str) -> Option<&T> {
        self.plugins.get(id)
    }

    pub fn service(&self, name: &str) -> Option<&T> {
        self.services.get(name)
    }

    pub fn entry(&mut self, target: &'a Target) -> &mut T {
        match target {
            Target::Plugin(id) => self.plugin_entry(id),
            Target::Service(name) => self.service_entry(name),
        }
    }

    pub fn plugin_entry(&mut self, id: &'a str) -> &mut T {
        self.plugins.entry(id).or_default()
    }

    pub fn service_entry(&mut self, name: &'a str) -> &mut T {
        self.services.entry(name).or_default()
    }
}

/// One enabled instance id.
#[derive(Debug)]
pub(super) struct Node<'a> {
    pub instance: &'a Instance,
    /// How many instances carry this id; if more than one, none of them starts.
    pub copies: usize,
    /// The candidates that its plugin and pin allow, best first.
    pub domain: Vec<usize>,
    /// Its position in the load order.
    pub position: Option<usize>,
}

#[derive(Debug)]
pub(super) struct Universe<'a> {
    pub request: Request<'a>,
    /// By load order, then by id.
    pub nodes: Vec<Node<'a>>,
    /// Node of each instance id.
    pub by_id: HashMap<&'a str, usize>,
    /// All candidates of each plugin, best first.
    pub by_plugin: HashMap<&'a str, Vec<usize>>,
    /// Nodes that may satisfy a requirement on a plugin or a service: instances
    /// of it, or with a candidate that provides it. Ascending, each once.
    providers: ByTarget<'a, Vec<usize>>,
    /// The host's own services.
    host: HashMap<&'a str, Vec<&'a Version>>,
}

impl<'a> Universe<'a> {
    pub fn new(request: Request<'a>) -> Self {
        let by_plugin = candidates_by_plugin(request.candidates);
        let nodes = nodes(request, &by_plugin);
        let mut providers = ByTarget::<Vec<usize>>::default();
        for (number, node) in nodes.iter().enumerate() {
            providers.plugin_entry(&node.instance.plugin).push(number);
            let candidates = node.domain.iter().map(|&index| &request.candidates[index]);
            for provision in candidates.flat_map(|candidate| &candidate.provides) {
                let list = providers.service_entry(&provision.service);
                if list.last() != Some(&number) {
                    list.push(number);
                }
            }
        }
        let by_id = (nodes.iter().enumerate())
            .map(|(number, node)| (node.instance.id.as_str(), number))
            .collect();
        let mut host = HashMap::<_, Vec<_>>::new();
        for offer in request.host {
            host.entry(offer.service.as_str()).or_default().push(&offer.version);
        }
        Self { request, host, nodes, by_id, by_plugin, providers }
    }

    pub fn candidate(&self, index: usize) -> &'a Candidate {
        &self.request.candidates[index]
    }

    pub fn id(&self, node: usize) -> &'a str {
        &self.nodes[node].instance.id
    }

    /// The nodes that could satisfy a requirement on `target` in some version.
    pub fn providers(&self, target: &Target) -> &[usize] {
        self.providers.get(target).map_or(&[], Vec::as_slice)
    }

    /// The nodes that are instances of a plugin.
    pub fn instances_of(&self, plugin: &str) -> &[usize] {
        self.providers.plugin(plugin).map_or(&[], Vec::as_slice)
    }

    /// The versions in which the host itself offers it: none of a plugin.
    pub fn host_versions(&self, target: &Target) -> &[&'a Version] {
        match target {
            Target::Plugin(_) => &[],
            Target::Service(name) => self.host.get(name.as_str()).map_or(&[], Vec::as_slice),
        }
    }

    /// Whether the host itself satisfies the requirement.
    pub fn host_satisfies(&self, requirement: &Requirement) -> bool {
        (self.host_versions(&requirement.target).iter())
            .any(|version| requirement.range.matches(version))
    }

    /// Whether `candidate`, of a node among [`providers`](Self::providers),
    /// satisfies the requirement.
    pub fn satisfies(&self, candidate: usize, requirement: &Requirement) -> bool {
        let candidate = self.candidate(candidate);
        match &requirement.target {
            Target::Plugin(_) => requirement.range.matches(&candidate.version),
            Target::Service(name) => (candidate.provides.iter())
                .any(|offer| offer.service == *name && requirement.range.matches(&offer.version)),
        }
    }

    /// The requirements that `candidate` cannot start without.
    pub fn mandatory(&self, candidate: usize) -> impl Iterator<Item = &'a Requirement> + use<'a> {
        (self.candidate(candidate).requires.iter()).filter(|requirement| !requirement.optional)
    }
}

fn candidates_by_plugin(candidates: &[Candidate]) -> HashMap<&str, Vec<usize>> {
    let mut by_plugin = HashMap::<&str, Vec<usize>>::new();
    for (index, candidate) in candidates.iter().enumerate() {
        by_plugin.entry(&candidate.plugin).or_default().push(index);
    }
    for list in by_plugin.values_mut() {
        list.sort_unstable_by(|&left, &right| {
            let (a, b) = (&candidates[left], &candidates[right]);
            // Releases before pre-releases, then the higher version; the rest
            // only makes the choice between two equal ones repeatable.
            (a.version.pre.is_empty().cmp(&b.version.pre.is_empty()).reverse())
                .then_with(|| b.version.cmp(&a.version))
                .then_with(|| a.origin.cmp(&b.origin))
                .then_with(|| left.cmp(&right))
        });
    }
    by_plugin
}

fn nodes<'a>(request: Request<'a>, by_plugin: &HashMap<&str, Vec<usize>>) -> Vec<Node<'a>> {
    let mut positions = HashMap::<&str, usize>::new();
    for (position, entry) in request.load_order.iter().enumerate() {
        positions.entry(entry).or_insert(position);
    }
    let mut seen = HashMap::<&str, usize>::with_capacity(request.instances.len());
    let mut nodes = Vec::<Node<'a>>::with_capacity(request.instances.len());
    for instance in request.instances {
        let slot = match seen.entry(&instance.id) {
            Entry::Occupied(slot) => {
                let first = &mut nodes[*slot.get()];
                first.copies += 1;
                first.domain.clear();
                // Which of the copies stands for all must not depend on the order.
                if instance.plugin < first.instance.plugin {
                    first.instance = instance;
                }
                continue;
            }
            Entry::Vacant(slot) => slot,
        };
        slot.insert(nodes.len());
        let all = by_plugin.get(instance.plugin.as_str());
        let allowed = |index: &usize| {
            let version = &request.candidates[*index].version;
            instance.range.as_ref().is_none_or(|pin| pin.matches(version))
        };
        nodes.push(Node {
            instance,
            copies: 1,
            domain: all.into_iter().flatten().copied().filter(allowed).collect(),
            position: positions.get(instance.id.as_str()).copied(),
        });
    }
    // `None` would sort first, and unlisted instances come last.
    nodes.sort_unstable_by_key(|node| {
        (node.position.unwrap_or(usize::MAX), node.instance.id.as_str())
    });
    nodes
}
