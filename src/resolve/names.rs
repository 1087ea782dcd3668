//! Names become numbers, once: what asks and what is asked for meet by number afterwards.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::manifest::Target;

/// A map whose hashes cost little. They are seeded anew in each process, since the names are those
/// of files that anybody may have written.
pub(super) type FastMap<K, V> = HashMap<K, V, RandomState>;

/// The numbers of plugins and services, dense from 0. A plugin and a service of one name have
/// different ones.
#[derive(Debug, Default)]
pub(super) struct Names<'a> {
    plugins: FastMap<&'a str, usize>,
    services: FastMap<&'a str, usize>,
}

impl<'a> Names<'a> {
    pub fn with_room_for(plugins: usize) -> Self {
        let mut names = Self::default();
        names.plugins.reserve(plugins);
        names
    }

    pub fn count(&self) -> usize {
        self.plugins.len() + self.services.len()
    }

    pub fn plugin(&mut self, id: &'a str) -> usize {
        let next = self.count();
        *self.plugins.entry(id).or_insert(next)
    }

    pub fn service(&mut self, name: &'a str) -> usize {
        let next = self.count();
        *self.services.entry(name).or_insert(next)
    }

    pub fn target(&mut self, target: &'a Target) -> usize {
        match target {
            Target::Plugin(id) => self.plugin(id),
            Target::Service(name) => self.service(name),
        }
    }

    /// The number of a plugin that somebody is or asks for.
    pub fn known_plugin(&self, id: &str) -> Option<usize> {
        self.plugins.get(id).copied()
    }

    /// The ids of plugins and their numbers, in no order.
    pub fn plugins(&self) -> impl Iterator<Item = (&'a str, usize)> {
        self.plugins.iter().map(|(&id, &number)| (id, number))
    }
}
