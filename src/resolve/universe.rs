//! The input, indexed: ids become dense numbers, names become lists.
//!
//! An instance's number (its *node*) is its rank by load order and id, so that
//! ordering by number is ordering by priority and nothing after this depends on
//! the order of the input. Plugins and services have numbers, too: each name is
//! looked up once, here, and every pass after this goes by number. Names are
//! borrowed from the input; no id is copied.

use std::cell::OnceCell;

use semver::{Version, VersionReq};

use crate::manifest::Requirement;

use super::input::{Candidate, Instance, Request};
use super::lists::Lists;
use super::names::{FastMap, Names};

/// One enabled instance id.
#[derive(Debug)]
pub(super) struct Node<'a> {
    pub instance: &'a Instance,
    /// How many instances carry this id; if more than one, none of them starts.
    pub copies: usize,
    /// Its plugin's number.
    pub plugin: usize,
    /// Its position in the load order.
    pub position: Option<usize>,
}

/// A requirement, and the number of what it is on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    pub requirement: &'a Requirement,
    pub target: usize,
}

impl<'a> Wanted<'a> {
    pub fn range(self) -> &'a VersionReq {
        &self.requirement.range
    }

    /// Whether both hold with the same providers.
    pub fn is_like(self, other: Wanted<'_>) -> bool {
        self.target == other.target && self.range() == other.range()
    }
}

#[derive(Debug)]
pub(super) struct Universe<'a> {
    pub request: Request<'a>,
    /// By load order, then by id.
    pub nodes: Vec<Node<'a>>,
    /// The candidates that each node's plugin and pin allow, best first.
    pub domains: Lists,
    names: Names<'a>,
    by_id: OnceCell<FastMap<&'a str, usize>>,
    candidates: Numbered,
    /// All candidates of each plugin, best first.
    by_plugin: Lists,
    /// Nodes that may satisfy a requirement on a plugin or a service: instances
    /// of it, or with a candidate that provides it. Ascending, each once.
    providers: Lists,
    /// The host's own services, by their place in the request.
    host: Lists,
}

/// The numbers of what candidates are, require and provide.
#[derive(Debug, Default)]
struct Numbered {
    plugins: Vec<usize>,
    /// Those of all requirements and provisions, and where each candidate's begin.
    required: Vec<usize>,
    required_from: Vec<usize>,
    provided: Vec<usize>,
    provided_from: Vec<usize>,
}

impl Numbered {
    fn new<'a>(candidates: &'a [Candidate], names: &mut Names<'a>) -> Self {
        let mut all = Self::default();
        for candidate in candidates {
            all.plugins.push(names.plugin(&candidate.plugin));
            all.required_from.push(all.required.len());
            all.required.extend(candidate.requires.iter().map(|it| names.target(&it.target)));
            all.provided_from.push(all.provided.len());
            all.provided.extend(candidate.provides.iter().map(|it| names.service(&it.service)));
        }
        all
    }
}

impl<'a> Universe<'a> {
    pub fn new(request: Request<'a>) -> Self {
        let mut names = Names::with_room_for(request.candidates.len().max(request.instances.len()));
        let candidates = Numbered::new(request.candidates, &mut names);
        let nodes = nodes(request, &mut names);
        let host: Vec<_> = (request.host.iter().enumerate())
            .map(|(at, offer)| (names.service(&offer.service), at))
            .collect();
        let count = names.count();
        let by_plugin = candidates_by_plugin(request.candidates, &candidates.plugins, count);
        let mut universe = Self {
            request,
            domains: domains(request.candidates, &nodes, &by_plugin),
            nodes,
            names,
            by_id: OnceCell::new(),
            candidates,
            by_plugin,
            providers: Lists::default(),
            host: Lists::new(count, host.into_iter()),
        };
        universe.providers = Lists::new(count, universe.provided().collect::<Vec<_>>().into_iter());
        universe
    }

    /// What each node may provide, the plugin that it is first. Some more than once.
    fn provided(&self) -> impl Iterator<Item = (usize, usize)> {
        self.nodes.iter().enumerate().flat_map(|(number, node)| {
            let services =
                self.domains.of(number).iter().flat_map(|&index| self.services_of(index));
            std::iter::once(node.plugin).chain(services.copied()).map(move |it| (it, number))
        })
    }

    pub fn candidate(&self, index: usize) -> &'a Candidate {
        &self.request.candidates[index]
    }

    pub fn id(&self, node: usize) -> &'a str {
        &self.nodes[node].instance.id
    }

    /// The node of an instance id.
    pub fn node(&self, id: &str) -> Option<usize> {
        let by_id = self.by_id.get_or_init(|| {
            (self.nodes.iter().enumerate())
                .map(|(number, node)| (node.instance.id.as_str(), number))
                .collect()
        });
        by_id.get(id).copied()
    }

    /// How many numbers plugins and services have.
    pub fn targets(&self) -> usize {
        self.names.count()
    }

    /// The ids of the plugins that are there, in no order.
    pub fn plugins(&self) -> impl Iterator<Item = &'a str> {
        let there = |&(_, number): &(&str, usize)| !self.by_plugin.of(number).is_empty();
        self.names.plugins().filter(there).map(|(id, _)| id)
    }

    /// All candidates of a plugin, best first.
    pub fn candidates_of(&self, plugin: &str) -> &[usize] {
        self.names.known_plugin(plugin).map_or(&[], |number| self.by_plugin.of(number))
    }

    /// The nodes that could satisfy a requirement on this in some version.
    pub fn providers(&self, target: usize) -> &[usize] {
        self.providers.of(target)
    }

    /// The nodes that are instances of a plugin.
    pub fn instances_of(&self, plugin: &str) -> &[usize] {
        self.names.known_plugin(plugin).map_or(&[], |number| self.providers.of(number))
    }

    /// The versions in which the host itself offers it: none of a plugin.
    pub fn host_versions(&self, target: usize) -> impl Iterator<Item = &'a Version> {
        let host = self.request.host;
        self.host.of(target).iter().map(move |&at| &host[at].version)
    }

    /// Whether the host itself satisfies the requirement.
    pub fn host_satisfies(&self, wanted: Wanted<'_>) -> bool {
        self.host_versions(wanted.target).any(|version| wanted.range().matches(version))
    }

    /// Whether `candidate`, of a node among [`providers`](Self::providers), satisfies a
    /// requirement of this range.
    pub fn satisfies(&self, candidate: usize, target: usize, range: &VersionReq) -> bool {
        if self.candidates.plugins[candidate] == target {
            return range.matches(&self.candidate(candidate).version);
        }
        (self.services_of(candidate).iter().zip(&self.candidate(candidate).provides))
            .any(|(&service, offer)| service == target && range.matches(&offer.version))
    }

    /// All requirements of `candidate`.
    pub fn requires(&self, candidate: usize) -> impl Iterator<Item = Wanted<'a>> {
        let requires = &self.candidate(candidate).requires;
        let targets = &self.candidates.required[self.candidates.required_from[candidate]..];
        requires.iter().zip(targets).map(|(requirement, &target)| Wanted { requirement, target })
    }

    /// The requirements that `candidate` cannot start without.
    pub fn mandatory(&self, candidate: usize) -> impl Iterator<Item = Wanted<'a>> {
        self.requires(candidate).filter(|wanted| !wanted.requirement.optional)
    }

    /// The numbers of what `candidate` provides, in the order of its manifest.
    pub fn services_of(&self, candidate: usize) -> &[usize] {
        let from = self.candidates.provided_from[candidate];
        &self.candidates.provided[from..][..self.candidate(candidate).provides.len()]
    }
}

fn candidates_by_plugin(candidates: &[Candidate], plugins: &[usize], count: usize) -> Lists {
    let pairs = plugins.iter().enumerate().map(|(index, &plugin)| (plugin, index));
    let mut by_plugin = Lists::new(count, pairs);
    for plugin in 0..count {
        by_plugin.of_mut(plugin).sort_unstable_by(|&left, &right| {
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

fn domains(candidates: &[Candidate], nodes: &[Node<'_>], by_plugin: &Lists) -> Lists {
    let allowed = |node: &Node<'_>, index: usize| {
        node.copies == 1
            && (node.instance.range.as_ref())
                .is_none_or(|pin| pin.matches(&candidates[index].version))
    };
    let pairs = nodes.iter().enumerate().flat_map(|(number, node)| {
        let all = by_plugin.of(node.plugin).iter().copied();
        all.filter(move |&index| allowed(node, index)).map(move |index| (number, index))
    });
    Lists::new(nodes.len(), pairs)
}

/// The nodes.
fn nodes<'a>(request: Request<'a>, names: &mut Names<'a>) -> Vec<Node<'a>> {
    let mut positions = FastMap::<&str, usize>::default();
    for (position, entry) in request.load_order.iter().enumerate() {
        positions.entry(entry).or_insert(position);
    }
    let mut nodes: Vec<Node<'a>> = (request.instances.iter())
        .map(|instance| Node {
            instance,
            copies: 1,
            plugin: names.plugin(&instance.plugin),
            position: positions.get(instance.id.as_str()).copied(),
        })
        .collect();
    // `None` would sort first, and unlisted instances come last. Which of several of one id stands
    // for all must not depend on the order of the input.
    nodes.sort_unstable_by_key(|node| {
        let Instance { id, plugin, .. } = node.instance;
        (node.position.unwrap_or(usize::MAX), id, plugin)
    });
    nodes.dedup_by(|copy, first| {
        let same = copy.instance.id == first.instance.id;
        first.copies += usize::from(same);
        same
    });
    nodes
}
