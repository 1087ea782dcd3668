//! Which handler answers which method and path.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use percent_encoding::percent_decode_str;

use super::{HandlerEntry, MiddlewareEntry, refuse};
use crate::contract::{Request, Result};
use crate::runtime::Gate;

/// Routes and middleware in force.
#[derive(Clone, Default)]
pub(crate) struct Routes {
    paths: matchit::Router<Arc<Methods>>,
    /// What is in `paths`, by pattern.
    patterns: BTreeMap<String, Arc<Methods>>,
    /// By priority, then in the order of their start.
    pub(super) middleware: Vec<Arc<MiddlewareEntry>>,
}

type Methods = BTreeMap<String, Arc<HandlerEntry>>;

/// What becomes of a handler.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Keep,
    Vacate,
    Remove,
}

/// What an instance contributed, taken out of the routes.
#[derive(Default)]
#[must_use = "dropping it runs the plugin's code: not under a lock"]
pub(crate) struct Removed {
    handlers: Vec<Arc<HandlerEntry>>,
    middleware: Vec<Arc<MiddlewareEntry>>,
}

/// Where a request ends.
pub(super) enum Matched {
    Handler(Arc<HandlerEntry>),
    Nothing,
    /// The path is there, for these methods.
    OtherMethods(String),
}

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
        let mut methods = self.patterns.get(path).map(|m| (**m).clone()).unwrap_or_default();
        // A successor takes over the routes that its predecessor kept for it.
        let taken = methods
            .get(&method)
            .filter(|other| other.instance != instance || Arc::ptr_eq(&other.gate, &entry.gate));
        if let Some(other) = taken {
            return Err(refuse(
                &instance,
                format!("the route {method} {path} is answered by `{}` already", other.instance),
                "disable one of the two plugins",
            ));
        }
        entry.inherited.store(methods.contains_key(&method), Ordering::Relaxed);
        methods.insert(method, entry);
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
        self.patterns.insert(path.to_owned(), methods);
        Ok(())
    }

    /// Adds a middleware, after those of the same priority.
    pub(crate) fn add_middleware(&mut self, entry: MiddlewareEntry) {
        let at = self.middleware.partition_point(|other| other.priority <= entry.priority);
        self.middleware.insert(at, Arc::new(entry));
    }

    /// Takes the objects of an instance out and leaves the rest: whoever calls its routes, or would
    /// pass its middleware, learns that it is not there now.
    pub(crate) fn vacate(&mut self, instance: &str) -> Removed {
        let mut removed = Removed::default();
        for entry in self.middleware.iter_mut().filter(|entry| entry.instance == instance) {
            let vacant = Arc::new(entry.vacant());
            removed.middleware.push(std::mem::replace(entry, vacant));
        }
        self.change(&mut removed, |entry| {
            if entry.instance == instance { Fate::Vacate } else { Fate::Keep }
        });
        removed
    }

    /// [`vacate`](Self::vacate) for an instance without a successor: its middleware is gone.
    pub(crate) fn vacate_for_good(&mut self, instance: &str) -> Removed {
        let mut removed = self.vacate(instance);
        removed.middleware.extend(self.take_middleware(|entry| entry.instance == instance));
        removed
    }

    /// Removes all that an instance contributed.
    pub(crate) fn remove(&mut self, instance: &str) -> Removed {
        let middleware = self.take_middleware(|entry| entry.instance == instance);
        let mut removed = Removed { handlers: Vec::new(), middleware };
        self.change(&mut removed, |entry| {
            if entry.instance == instance { Fate::Remove } else { Fate::Keep }
        });
        removed
    }

    /// Removes what a predecessor behind another gate left of an instance.
    pub(crate) fn remove_all_but(&mut self, instance: &str, gate: &Arc<Gate>) -> Removed {
        let other = |of: &str, behind: &Arc<Gate>| of == instance && !Arc::ptr_eq(behind, gate);
        let middleware = self.take_middleware(|entry| other(&entry.instance, &entry.gate));
        let mut removed = Removed { handlers: Vec::new(), middleware };
        self.change(&mut removed, |entry| {
            if other(&entry.instance, &entry.gate) { Fate::Remove } else { Fate::Keep }
        });
        removed
    }

    /// Takes back what an instance reserved that did not come up. What its predecessor had stays
    /// vacant.
    pub(crate) fn give_back(&mut self, instance: &str) -> Removed {
        let mut removed = Removed::default();
        self.change(&mut removed, |entry| match entry {
            entry if entry.instance != instance || entry.object.is_none() => Fate::Keep,
            entry if entry.inherited.load(Ordering::Relaxed) => Fate::Vacate,
            _ => Fate::Remove,
        });
        removed
    }

    fn take_middleware(
        &mut self,
        take: impl Fn(&MiddlewareEntry) -> bool,
    ) -> Vec<Arc<MiddlewareEntry>> {
        self.middleware.extract_if(.., |entry| take(entry)).collect()
    }

    /// Changes handlers; what is taken out goes into `removed`.
    fn change(&mut self, removed: &mut Removed, fate: impl Fn(&HandlerEntry) -> Fate) {
        let touched: Vec<String> = self
            .patterns
            .iter()
            .filter(|(_, methods)| methods.values().any(|entry| fate(entry) != Fate::Keep))
            .map(|(path, _)| path.clone())
            .collect();
        for path in touched {
            let Some(before) = self.patterns.remove(&path) else { continue };
            self.paths.remove(&path);
            let mut methods = Methods::new();
            for (method, entry) in &*before {
                let kept = match fate(entry) {
                    Fate::Keep => entry.clone(),
                    Fate::Vacate => Arc::new(entry.vacant()),
                    Fate::Remove => {
                        removed.handlers.push(entry.clone());
                        continue;
                    }
                };
                if !Arc::ptr_eq(&kept, entry) {
                    removed.handlers.push(entry.clone());
                }
                methods.insert(method.clone(), kept);
            }
            if methods.is_empty() {
                continue;
            }
            let methods = Arc::new(methods);
            // The pattern was in the table a moment ago, so it can be again.
            if self.paths.insert(&path, methods.clone()).is_ok() {
                self.patterns.insert(path, methods);
            }
        }
    }

    /// Finds the handler of a request and puts the path's parameters into it.
    pub(super) fn find(&self, request: &mut Request) -> Matched {
        let Ok(found) = self.paths.at(request.path()) else { return Matched::Nothing };
        let methods = found.value;
        let entry = methods
            .get(request.method())
            .or_else(|| if request.method() == "HEAD" { methods.get("GET") } else { None })
            .or_else(|| methods.get("*"));
        let Some(entry) = entry else {
            let allowed: Vec<&str> = methods.keys().map(String::as_str).collect();
            return Matched::OtherMethods(allowed.join(", "));
        };
        let entry = entry.clone();
        let params: Vec<(String, String)> = found
            .params
            .iter()
            .map(|(name, value)| {
                (name.to_owned(), percent_decode_str(value).decode_utf8_lossy().into_owned())
            })
            .collect();
        for (name, value) in params {
            request.add_param(&name, &value);
        }
        Matched::Handler(entry)
    }
}
