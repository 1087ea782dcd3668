//! Which handler answers which method and path.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use percent_encoding::percent_decode_str;
use slab::Slab;

use super::end::Matched;
use super::pool::Pool;
use super::{HandlerEntry, MiddlewareEntry, refuse};
use crate::contract::{Request, Result};
use crate::replay::Track;
use crate::supervise::tries;

/// Routes and middleware in force.
#[derive(Clone, Default)]
pub(crate) struct Routes {
    paths: matchit::Router<Arc<Methods>>,
    /// What is in `paths`, by pattern.
    patterns: BTreeMap<String, Arc<Methods>>,
    /// By priority, then in the order of their start.
    middleware: Vec<Arc<MiddlewareEntry>>,
    /// Numbers of patterns.
    numbers: Slab<()>,
}

/// Who answers the paths of one pattern.
#[derive(Clone)]
pub(super) struct Methods {
    pub(super) pattern: Arc<str>,
    /// Of all patterns that are there at the same time, only this one's.
    pub(super) number: usize,
    by_name: BTreeMap<String, Route>,
}

/// Who answers a route.
#[derive(Clone)]
enum Route {
    One(Arc<HandlerEntry>),
    Pool(Arc<Pool>),
}

impl Route {
    fn of(entry: Arc<HandlerEntry>) -> Self {
        match entry.port.pool() {
            None => Self::One(entry),
            Some(_) => Self::Pool(Arc::new(Pool(vec![entry]))),
        }
    }

    fn entries(&self) -> &[Arc<HandlerEntry>] {
        match self {
            Self::One(entry) => std::slice::from_ref(entry),
            Self::Pool(pool) => &pool.0,
        }
    }

    fn entries_mut(&mut self) -> &mut [Arc<HandlerEntry>] {
        match self {
            Self::One(entry) => std::slice::from_mut(entry),
            Self::Pool(pool) => &mut Arc::make_mut(pool).0,
        }
    }

    /// With a handler in place of its predecessor's, or beside those of its pool.
    ///
    /// # Errors
    /// With whoever answers it already.
    fn with(&self, entry: Arc<HandlerEntry>) -> Result<Self, &HandlerEntry> {
        let own = |other: &&Arc<HandlerEntry>| other.instance == entry.instance;
        let before = self.entries().iter().find(own);
        if let Some(other) = before.filter(|other| other.start == entry.start) {
            return Err(other);
        }
        match (self, entry.port.pool()) {
            (Self::Pool(pool), Some(name)) if pool.name() == name => {
                let mut entries = pool.0.clone();
                entries.retain(|other| other.instance != entry.instance);
                entries.push(entry);
                Ok(Self::Pool(Arc::new(Pool(entries))))
            }
            (_, _) if before.is_some() => Ok(Self::of(entry)),
            _ => Err(&self.entries()[0]),
        }
    }

    /// What is left of it; none if that is nothing.
    fn after(&self, fate: impl Fn(&HandlerEntry) -> Fate) -> Option<Self> {
        let left = |entry: &Arc<HandlerEntry>| match fate(entry) {
            Fate::Keep => Some(entry.clone()),
            Fate::Vacate => Some(Arc::new(entry.vacant())),
            Fate::Remove => None,
        };
        match self {
            Self::One(entry) => left(entry).map(Self::One),
            Self::Pool(pool) => {
                let entries: Vec<_> = pool.0.iter().filter_map(left).collect();
                (!entries.is_empty()).then(|| Self::Pool(Arc::new(Pool(entries))))
            }
        }
    }
}

/// What becomes of a handler.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Keep,
    Vacate,
    Remove,
}

/// What becomes of a route that is reserved for what is not up.
fn given_back(entry: &HandlerEntry) -> Fate {
    match entry {
        entry if entry.vacant => Fate::Keep,
        entry if entry.inherited.load(Ordering::Relaxed) => Fate::Vacate,
        _ => Fate::Remove,
    }
}

/// What one start of an instance contributes.
#[derive(Clone)]
pub(crate) struct Entries {
    /// With method and path.
    pub(crate) handlers: Vec<(String, String, Arc<HandlerEntry>)>,
    pub(crate) middleware: Vec<Arc<MiddlewareEntry>>,
}

/// What stood in a path where its pattern has parameters, by their names.
pub(super) type Params = Vec<(String, String)>;

impl Routes {
    /// Adds a handler.
    ///
    /// # Errors
    /// If the route has one already, or the pattern is none.
    pub(crate) fn add_handler(
        &mut self,
        method: &str,
        path: &str,
        entry: Arc<HandlerEntry>,
    ) -> Result<()> {
        let method = method.to_ascii_uppercase();
        let instance = entry.instance.clone();
        let before = self.patterns.get(path).map(|methods| Methods::clone(methods));
        let mut methods = before.unwrap_or_else(|| Methods {
            pattern: path.into(),
            number: self.numbers.vacant_key(),
            by_name: BTreeMap::new(),
        });
        // A successor takes over the routes that its predecessor kept for it; others of its pool share
        // them.
        let route = match methods.by_name.get(&method) {
            None => Route::of(entry),
            Some(before) => {
                let own = before.entries().iter().any(|other| other.instance == instance);
                entry.inherited.store(own, Ordering::Relaxed);
                before.with(entry).map_err(|other| {
                    refuse(
                        &instance,
                        format!(
                            "the route {method} {path} is answered by `{}` already",
                            other.instance
                        ),
                        "disable one of the two plugins",
                    )
                })?
            }
        };
        methods.by_name.insert(method, route);
        let methods = Arc::new(methods);
        self.paths.remove(path);
        if let Err(error) = self.paths.insert(path, methods.clone()) {
            // What was there before stays there.
            if let Some(before) = self.patterns.get(path) {
                let _ = self.paths.insert(path, before.clone());
            }
            return Err(refuse(
                &instance,
                format!("the route `{path}` cannot be added: {error}"),
                "paths are of the form /a/{parameter}/b or /files/{*rest}",
            ));
        }
        if self.patterns.insert(path.to_owned(), methods).is_none() {
            self.numbers.insert(());
        }
        Ok(())
    }

    /// Adds a middleware, after those of the same priority.
    pub(crate) fn add_middleware(&mut self, entry: Arc<MiddlewareEntry>) {
        let at = self.middleware.partition_point(|other| other.priority <= entry.priority);
        self.middleware.insert(at, entry);
    }

    /// All that an instance contributed.
    pub(crate) fn entries_of(&self, instance: &str) -> Entries {
        let mut handlers = Vec::new();
        for (path, methods) in &self.patterns {
            for (method, route) in &methods.by_name {
                let own = route.entries().iter().filter(|entry| entry.instance == instance);
                handlers.extend(own.map(|entry| (method.clone(), path.clone(), entry.clone())));
            }
        }
        let middleware = self.middleware.iter().filter(|entry| entry.instance == instance);
        Entries { handlers, middleware: middleware.cloned().collect() }
    }

    /// Puts these in the place of all that an instance contributed. Middleware with the priority of one that
    /// it had stands where that stood.
    ///
    /// # Errors
    /// If a route is somebody else's; then nothing has changed.
    pub(crate) fn replace(&mut self, instance: &str, entries: &Entries) -> Result<()> {
        let mut changed = self.clone();
        changed.change(|entry| if entry.instance == instance { Fate::Remove } else { Fate::Keep });
        for (method, path, entry) in &entries.handlers {
            changed.add_handler(method, path, entry.clone())?;
        }
        let mut new: Vec<_> = entries.middleware.iter().cloned().map(Some).collect();
        changed.middleware = std::mem::take(&mut changed.middleware)
            .into_iter()
            .filter_map(|old| {
                if old.instance != instance {
                    return Some(old);
                }
                let in_its_place = |new: &&mut Option<Arc<MiddlewareEntry>>| {
                    new.as_ref().is_some_and(|new| new.priority == old.priority)
                };
                new.iter_mut().find(in_its_place).and_then(Option::take)
            })
            .collect();
        new.into_iter().flatten().for_each(|entry| changed.add_middleware(entry));
        *self = changed;
        Ok(())
    }

    /// Leaves only the entries of instances that end: whoever calls their routes, or would pass their
    /// middleware, learns that they are not there now. All of them in one pass over the table, since a
    /// thousand that stop would make a thousand of them.
    pub(crate) fn vacate(&mut self, instances: &BTreeSet<&str>) {
        let own = |instance: &str| instances.contains(instance);
        self.change(|entry| if own(&entry.instance) { Fate::Vacate } else { Fate::Keep });
    }

    /// [`vacate`](Self::vacate) for instances without a successor: their middleware is gone.
    pub(crate) fn vacate_for_good(&mut self, instances: &BTreeSet<&str>) {
        let own = |instance: &str| instances.contains(instance);
        self.change(|entry| if own(&entry.instance) { Fate::Vacate } else { Fate::Keep });
        self.middleware.retain(|entry| !own(&entry.instance));
    }

    /// Removes all that these instances contributed.
    pub(crate) fn remove(&mut self, instances: &BTreeSet<&str>) {
        let own = |instance: &str| instances.contains(instance);
        self.middleware.retain(|entry| !own(&entry.instance));
        self.change(|entry| if own(&entry.instance) { Fate::Remove } else { Fate::Keep });
    }

    /// Removes what predecessors left of instances that were started by these starts.
    pub(crate) fn remove_all_but(&mut self, starts: &BTreeMap<String, u64>) {
        let other = |of: &str, by: u64| starts.get(of).is_some_and(|start| *start != by);
        self.middleware.retain(|entry| !other(&entry.instance, entry.start));
        self.change(
            |entry| {
                if other(&entry.instance, entry.start) { Fate::Remove } else { Fate::Keep }
            },
        );
    }

    /// Takes back what an instance reserved that did not come up. What its predecessor had stays
    /// vacant.
    pub(crate) fn give_back(&mut self, instance: &str) {
        self.change(
            |entry| if entry.instance == instance { given_back(entry) } else { Fate::Keep },
        );
    }

    /// Takes back what is reserved for these starts, which may come up still.
    pub(super) fn withhold(&mut self, starts: &BTreeSet<u64>) {
        self.change(
            |entry| {
                if starts.contains(&entry.start) { given_back(entry) } else { Fate::Keep }
            },
        );
    }

    fn change(&mut self, fate: impl Fn(&HandlerEntry) -> Fate) {
        let touched: Vec<String> = self
            .patterns
            .iter()
            .filter(|(_, methods)| {
                let mut entries = methods.by_name.values().flat_map(Route::entries);
                entries.any(|entry| fate(entry) != Fate::Keep)
            })
            .map(|(path, _)| path.clone())
            .collect();
        for path in touched {
            let Some(before) = self.patterns.remove(&path) else { continue };
            self.paths.remove(&path);
            let left =
                |(method, route): (&String, &Route)| Some((method.clone(), route.after(&fate)?));
            let by_name: BTreeMap<_, _> = before.by_name.iter().filter_map(left).collect();
            if by_name.is_empty() {
                self.numbers.remove(before.number);
                continue;
            }
            let methods = Arc::new(Methods { by_name, ..Methods::clone(&before) });
            // The pattern was in the table a moment ago, so it can be again.
            if self.paths.insert(&path, methods.clone()).is_ok() {
                self.patterns.insert(path, methods);
            }
        }
    }

    /// The routes of an instance: method and path.
    pub(crate) fn of(&self, instance: &str) -> Vec<(String, String)> {
        let mut own = Vec::new();
        for (path, methods) in &self.patterns {
            for (method, route) in &methods.by_name {
                let mut entries = route.entries().iter();
                if entries.any(|entry| entry.instance == instance && !entry.vacant) {
                    own.push((method.clone(), path.clone()));
                }
            }
        }
        own
    }

    /// Exchanges what takes down the calls of handlers, where `change` says so; it is given their method
    /// and path.
    pub(super) fn retrack(
        &mut self,
        change: impl Fn(&HandlerEntry, &str, &str) -> Option<Option<Arc<Track>>>,
    ) {
        let patterns = self.patterns.iter_mut();
        for (path, methods) in patterns {
            let mut changed = Methods::clone(methods);
            let mut any = false;
            for (method, route) in &mut changed.by_name {
                for entry in route.entries_mut() {
                    if let Some(track) = change(entry, method, path) {
                        *entry = Arc::new(entry.tracked(track));
                        any = true;
                    }
                }
            }
            if !any {
                continue;
            }
            let changed = Arc::new(changed);
            self.paths.remove(path);
            // The pattern was in the table a moment ago, so it can be again.
            if self.paths.insert(path, changed.clone()).is_ok() {
                *methods = changed;
            }
        }
    }

    /// The middleware for a path. Of a pool a request passes one, where the first of them stands: the one
    /// that stands best now, or if that does not let it in one of the others that come with it.
    pub(super) fn middleware_for(
        &self,
        path: &str,
    ) -> impl Iterator<Item = (Arc<MiddlewareEntry>, Vec<Arc<MiddlewareEntry>>)> {
        let all = self.middleware.iter().enumerate();
        all.filter(move |(_, entry)| entry.applies(path)).filter_map(move |(at, entry)| {
            if entry.port.pool().is_none() {
                return Some((entry.clone(), Vec::new()));
            }
            let of_pool = |other: &&Arc<MiddlewareEntry>| {
                other.port.is_one_of_a_pool_with(&entry.port) && other.applies(path)
            };
            if self.middleware[..at].iter().any(|other| of_pool(&other)) {
                return None;
            }
            let members: Vec<_> = self.middleware[at..].iter().filter(of_pool).collect();
            let mut tries = tries(&members, |entry| entry.port.standing()).cloned().cloned();
            Some((tries.next()?, tries.collect()))
        })
    }

    /// The handler of one instance for a request, which is given its parameters.
    pub(crate) fn handler_of(
        &self,
        instance: &str,
        request: &mut Request,
    ) -> Option<Arc<HandlerEntry>> {
        let (matched, params, _) = self.find(request.method(), request.path());
        params.iter().for_each(|(name, value)| request.add_param(name, value));
        matched.by(instance).cloned()
    }

    /// Whether each middleware applies to all paths of a pattern or to none of them, and those that do. None
    /// if it depends on the path, or on who of a pool stands best.
    pub(super) fn middleware_for_all(&self, pattern: &str) -> Option<Vec<Arc<MiddlewareEntry>>> {
        let decided = |entry: &Arc<MiddlewareEntry>| match entry.applies_to_route(pattern) {
            Some(true) if entry.port.pool().is_none() => Some(Some(entry.clone())),
            Some(false) => Some(None),
            _ => None,
        };
        let all: Option<Vec<_>> = self.middleware.iter().map(decided).collect();
        all.map(|all| all.into_iter().flatten().collect())
    }

    /// All numbers of patterns are below.
    pub(super) fn numbers(&self) -> usize {
        self.numbers.capacity()
    }

    /// Finds the handler of a request. With the path's parameters, and whoever else answers such paths.
    #[inline]
    pub(super) fn find(&self, method: &str, path: &str) -> (Matched, Params, Option<&Methods>) {
        let Ok(found) = self.paths.at(path) else { return (Matched::Nothing, Vec::new(), None) };
        let methods = &**found.value;
        let entry = methods
            .by_name
            .get(method)
            .or_else(|| if method == "HEAD" { methods.by_name.get("GET") } else { None })
            .or_else(|| methods.by_name.get("*"));
        let Some(entry) = entry else {
            let allowed: Vec<&str> = methods.by_name.keys().map(String::as_str).collect();
            return (Matched::OtherMethods(allowed.join(", ")), Vec::new(), Some(methods));
        };
        let matched = match entry {
            Route::One(entry) => Matched::Handler(entry.clone()),
            Route::Pool(pool) => Matched::Pool(pool.clone()),
        };
        // Most paths have none.
        if found.params.is_empty() {
            return (matched, Vec::new(), Some(methods));
        }
        let decoded = |value| percent_decode_str(value).decode_utf8_lossy().into_owned();
        let params = found.params.iter().map(|(name, value)| (name.to_owned(), decoded(value)));
        (matched, params.collect(), Some(methods))
    }
}
