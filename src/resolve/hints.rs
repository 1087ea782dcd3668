//! What comes closest to something that is missing.
//!
//! Indexes that only messages need are made when the first is asked for. Looking
//! for similar names reads all names, so it stops after [`NAMES_READ`]: a report
//! with that many of them has one cause.

use std::cell::OnceCell;
use std::collections::HashMap;

use semver::Version;

use crate::manifest::Target;

use super::choose::Choice;
use super::nearest::similar;
use super::problem::{Nearest, Present};
use super::universe::{Universe, Wanted};

/// How many names are read in search of similar ones, in all: some ten
/// milliseconds' worth.
const NAMES_READ: usize = 300_000;

/// How many hints a problem carries, and how many offers are looked at for them.
const KEPT: usize = 8;
const LOOKED_AT: usize = 256;

/// A candidate that offers a service, and in which version.
type Offer<'a> = (usize, &'a Version);

pub(super) struct Hints<'t, 'a> {
    universe: &'t Universe<'a>,
    choice: &'t Choice,
    services: OnceCell<HashMap<&'a str, Vec<Offer<'a>>>>,
    disabled: OnceCell<HashMap<&'a str, Vec<&'a str>>>,
    names_read: usize,
}

impl<'t, 'a> Hints<'t, 'a> {
    pub fn new(universe: &'t Universe<'a>, choice: &'t Choice) -> Self {
        Self {
            universe,
            choice,
            services: OnceCell::new(),
            disabled: OnceCell::new(),
            names_read: 0,
        }
    }

    /// The versions of a plugin that are there, best first.
    pub fn present(&self, plugin: &str) -> Vec<Present> {
        let all = self.universe.candidates_of(plugin).iter();
        all.take(KEPT).map(|&index| self.describe(index, None)).collect()
    }

    /// The versions of what is asked for that are there.
    pub fn offers(&self, target: &Target) -> Vec<Present> {
        let Target::Service(name) = target else {
            let Target::Plugin(id) = target else {
                return Vec::new();
            };
            return self.present(id);
        };
        let offers = self.services().get(name.as_str()).into_iter().flatten();
        let describe = |&(index, version): &Offer<'a>| self.describe(index, Some((name, version)));
        offers.take(KEPT).map(describe).collect()
    }

    pub fn similar_plugins(&mut self, id: &str) -> Vec<String> {
        let universe = self.universe;
        self.similar(id, universe.plugins())
    }

    pub fn similar_instances(&mut self, id: &str) -> Vec<String> {
        let universe = self.universe;
        self.similar(id, (0..universe.nodes.len()).map(|node| universe.id(node)))
    }

    fn similar<'n>(&mut self, wanted: &str, names: impl Iterator<Item = &'n str>) -> Vec<String> {
        if self.names_read >= NAMES_READ {
            return Vec::new();
        }
        let names = names.inspect(|_| self.names_read += 1);
        similar(wanted, names).into_iter().map(str::to_owned).collect()
    }

    /// What comes closest to an instance that is not enabled, and how many hints
    /// more there would be.
    pub fn instance(&mut self, id: &str) -> (Vec<Nearest>, usize) {
        let disabled = self.universe.request.disabled.iter().find(|it| it.instance == id);
        let nearest = match disabled {
            Some(it) => {
                vec![Nearest::Disabled { instance: it.instance.clone(), plugin: it.plugin.clone() }]
            }
            None => self.similar_instances(id).into_iter().map(Nearest::Similar).collect(),
        };
        (nearest, 0)
    }

    /// What comes closest to satisfying a requirement, and how many hints more
    /// there would be.
    pub fn nearest(&mut self, asker: usize, wanted: Wanted<'_>) -> (Vec<Nearest>, usize) {
        let universe = self.universe;
        let target = &wanted.requirement.target;
        let mut found = Vec::new();
        let versions = universe.host_versions(wanted.target);
        found.extend(versions.map(|version| Nearest::Host(version.clone())));
        match target {
            Target::Plugin(id) => {
                for &index in universe.candidates_of(id).iter().take(LOOKED_AT) {
                    let version = &universe.candidate(index).version;
                    self.judge(asker, wanted, (index, version), None, &mut found);
                }
                if found.is_empty() {
                    // Without a candidate its file is missing, not only its switch.
                    self.name_disabled(id, &mut found);
                }
            }
            Target::Service(name) => {
                let offers: Vec<_> = (self.services().get(name.as_str()).into_iter().flatten())
                    .take(LOOKED_AT)
                    .copied()
                    .collect();
                for offer in offers {
                    self.judge(asker, wanted, offer, Some(name), &mut found);
                }
            }
        }
        if found.is_empty() {
            let names = match target {
                Target::Plugin(id) => self.similar_plugins(id),
                Target::Service(name) => {
                    let hosts = universe.request.host.iter().map(|offer| offer.service.as_str());
                    let offered: Vec<&str> = self.services().keys().copied().chain(hosts).collect();
                    self.similar(name, offered.into_iter())
                }
            };
            found.extend(names.into_iter().map(Nearest::Similar));
        }
        found.sort_by_key(helpfulness);
        found.dedup();
        let more = found.len().saturating_sub(KEPT);
        found.truncate(KEPT);
        (found, more)
    }

    /// Adds why this candidate does not satisfy the requirement.
    fn judge(
        &self,
        asker: usize,
        wanted: Wanted<'_>,
        (index, version): Offer<'a>,
        service: Option<&str>,
        found: &mut Vec<Nearest>,
    ) {
        let universe = self.universe;
        let present = self.describe(index, service.map(|name| (name, version)));
        if !wanted.range().matches(version) {
            found.push(Nearest::OutOfRange(present));
            return;
        }
        let plugin = &universe.candidate(index).plugin;
        let instances = universe.instances_of(plugin);
        if let Some(&node) = instances.iter().find(|&&node| node != asker) {
            let instance = universe.id(node).to_owned();
            let pin = universe.nodes[node].instance.range.as_ref();
            found.push(match pin.filter(|pin| !pin.matches(&present.version)) {
                Some(pin) => Nearest::PinnedOut { present, instance, pin: pin.clone() },
                None => Nearest::Unchosen {
                    because: (universe.mandatory(index))
                        .find(|&wanted| !self.choice.holds(universe, node, wanted))
                        .map(|wanted| wanted.requirement.clone()),
                    present,
                    instance,
                },
            });
        } else if !self.name_disabled(plugin, found) {
            found.push(match instances {
                [] => Nearest::Unconfigured(present),
                _ => Nearest::Itself,
            });
        }
    }

    fn name_disabled(&self, plugin: &str, found: &mut Vec<Nearest>) -> bool {
        let index = self.disabled.get_or_init(|| {
            let mut index = HashMap::<_, Vec<_>>::new();
            for it in self.universe.request.disabled {
                index.entry(it.plugin.as_str()).or_default().push(it.instance.as_str());
            }
            for list in index.values_mut() {
                list.sort_unstable();
            }
            index
        });
        let names = index.get(plugin).map_or(&[][..], Vec::as_slice);
        found.extend(names.iter().take(KEPT).map(|&name| Nearest::Disabled {
            instance: name.to_owned(),
            plugin: plugin.to_owned(),
        }));
        !names.is_empty()
    }

    /// What each node that could satisfy the requirement in another version, and
    /// starts in this one, offers.
    pub fn running(&self, asker: usize, wanted: Wanted<'_>, starts: &[bool]) -> Vec<Nearest> {
        let universe = self.universe;
        let hosts = universe.host_versions(wanted.target);
        let mut found: Vec<_> = hosts.map(|version| Nearest::Host(version.clone())).collect();
        let nodes = universe.providers(wanted.target).iter().copied();
        for node in nodes.filter(|&node| node != asker && starts[node]).take(KEPT) {
            let Some(index) = self.choice.chosen[node] else {
                continue;
            };
            let present = match &wanted.requirement.target {
                Target::Plugin(_) => self.describe(index, None),
                Target::Service(name) => {
                    let mut offers = universe.candidate(index).provides.iter();
                    let Some(offer) = offers.find(|offer| offer.service == *name) else {
                        continue;
                    };
                    self.describe(index, Some((name, &offer.version)))
                }
            };
            found.push(Nearest::OutOfRange(present));
        }
        found
    }

    fn services(&self) -> &HashMap<&'a str, Vec<Offer<'a>>> {
        self.services.get_or_init(|| {
            let universe = self.universe;
            let mut services = HashMap::<_, Vec<Offer<'a>>>::new();
            let mut plugins: Vec<_> = universe.plugins().collect();
            plugins.sort_unstable();
            for &index in plugins.into_iter().flat_map(|id| universe.candidates_of(id)) {
                for offer in &universe.candidate(index).provides {
                    let list = services.entry(offer.service.as_str()).or_default();
                    list.push((index, &offer.version));
                }
            }
            services
        })
    }

    fn describe(&self, index: usize, service: Option<(&str, &Version)>) -> Present {
        let candidate = self.universe.candidate(index);
        Present {
            plugin: candidate.plugin.clone(),
            version: candidate.version.clone(),
            service: service.map(|(name, version)| (name.to_owned(), version.clone())),
            origin: candidate.origin.clone(),
        }
    }
}

/// Lower is better: what takes the operator the least comes first.
fn helpfulness(near: &Nearest) -> u8 {
    match near {
        Nearest::Disabled { .. } => 0,
        Nearest::Unconfigured(_) => 1,
        Nearest::PinnedOut { .. } => 2,
        Nearest::Unchosen { .. } => 3,
        Nearest::Itself => 4,
        Nearest::OutOfRange(_) => 5,
        Nearest::Host(_) => 6,
        Nearest::Similar(_) => 7,
    }
}
