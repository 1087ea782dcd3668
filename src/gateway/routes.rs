//! Which handler answers which method and path.

use std::collections::BTreeMap;
use std::sync::Arc;

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

/// What an instance contributed, taken out of the routes.
#[derive(Default)]
#[must_use = "dropping it runs the plugin's code: not under a lock"]
pub(crate) struct Removed {
    handlers: Vec<Arc<HandlerEntry>>,
    middleware: Vec<Arc<MiddlewareEntry>>,
}

impl Removed {
    /// Whether there is nothing of a plugin in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.handlers.iter().all(|entry| entry.object.is_none()) && self.middleware.is_empty()
    }
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

    /// Removes the middleware of an instance.
    pub(crate) fn remove_middleware(&mut self, instance: &str) -> Removed {
        let of_it = |entry: &mut Arc<MiddlewareEntry>| entry.instance == instance;
        let middleware = self.middleware.extract_if(.., of_it).collect();
        Removed { handlers: Vec::new(), middleware }
    }

    /// Removes all that an instance contributed but the routes themselves: who calls them learns
    /// that it is not there now.
    pub(crate) fn vacate(&mut self, instance: &str) -> Removed {
        let mut removed = self.remove_middleware(instance);
        let touched: Vec<String> = self
            .patterns
            .iter()
            .filter(|(_, methods)| methods.values().any(|entry| entry.instance == instance))
            .map(|(path, _)| path.clone())
            .collect();
        for path in touched {
            let Some(before) = self.patterns.get(&path) else { continue };
            let mut methods = (**before).clone();
            for entry in methods.values_mut().filter(|entry| entry.instance == instance) {
                let vacant = Arc::new(entry.vacant());
                removed.handlers.push(std::mem::replace(entry, vacant));
            }
            let methods = Arc::new(methods);
            self.paths.remove(&path);
            // The pattern was in the table a moment ago, so it can be again.
            if self.paths.insert(&path, methods.clone()).is_ok() {
                self.patterns.insert(path, methods);
            } else {
                self.patterns.remove(&path);
            }
        }
        removed
    }

    /// Removes all that an instance contributed.
    pub(crate) fn remove(&mut self, instance: &str) -> Removed {
        let mut removed = self.remove_middleware(instance);
        self.keep(&mut removed, |entry| entry.instance != instance);
        removed
    }

    /// Removes what a predecessor behind another gate left of an instance.
    pub(crate) fn remove_all_but(&mut self, instance: &str, gate: &Arc<Gate>) -> Removed {
        let mut removed = Removed::default();
        self.keep(&mut removed, |entry| {
            entry.instance != instance || Arc::ptr_eq(&entry.gate, gate)
        });
        removed
    }

    /// Removes the handlers behind this gate.
    pub(crate) fn remove_behind(&mut self, gate: &Arc<Gate>) -> Removed {
        let mut removed = Removed::default();
        self.keep(&mut removed, |entry| !Arc::ptr_eq(&entry.gate, gate));
        removed
    }

    fn keep(&mut self, removed: &mut Removed, keep: impl Fn(&HandlerEntry) -> bool) {
        let touched: Vec<String> = self
            .patterns
            .iter()
            .filter(|(_, methods)| !methods.values().all(|entry| keep(entry)))
            .map(|(path, _)| path.clone())
            .collect();
        for path in touched {
            let Some(methods) = self.patterns.remove(&path) else { continue };
            self.paths.remove(&path);
            let mut methods = (*methods).clone();
            removed.handlers.extend(methods.values().filter(|entry| !keep(entry)).cloned());
            methods.retain(|_, entry| keep(entry));
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
