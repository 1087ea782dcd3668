//! The routes in force, and what is known of each of them before a request comes.

use std::sync::{Arc, OnceLock};

use super::chain::{MiddlewareEntry, States};
use super::end::Matched;
use super::guard::LinkState;
use super::routes::{Params, Routes};

/// The middleware that a request passes.
pub(super) type Line = Arc<[Arc<MiddlewareEntry>]>;

/// The same, with what becomes of one request there.
pub(super) type Passes = (Line, States);

/// Routes that are exchanged only as a whole.
#[derive(Default)]
pub(super) struct Table {
    routes: Routes,
    /// By the number of the pattern: the middleware of all its paths, found when the first request comes;
    /// none if it depends on the path.
    lines: Box<[OnceLock<Option<Line>>]>,
}

impl Table {
    pub(super) fn new(routes: Routes) -> Self {
        let lines = (0..routes.numbers()).map(|_| OnceLock::new()).collect();
        Self { routes, lines }
    }

    pub(super) fn routes(&self) -> &Routes {
        &self.routes
    }

    /// Where a request ends, and which middleware it passes, if any. With the path's parameters.
    #[inline]
    pub(super) fn way(&self, method: &str, path: &str) -> (Matched, Params, Option<Passes>) {
        let (end, params, methods) = self.routes.find(method, path);
        let known = methods.and_then(|methods| {
            let line = self.lines[methods.number].get_or_init(|| {
                let middleware = self.routes.middleware_for_all(&methods.pattern)?;
                Some(middleware.into())
            });
            line.as_ref()
        });
        if let Some(line) = known {
            let passes = (!line.is_empty()).then(|| {
                let states = line.iter().map(|entry| LinkState::new(entry, Vec::new())).collect();
                (line.clone(), states)
            });
            return (end, params, passes);
        }
        let (line, states): (Vec<_>, States) = self
            .routes
            .middleware_for(path)
            .map(|(entry, others)| {
                let state = LinkState::new(&entry, others);
                (entry, state)
            })
            .unzip();
        (end, params, (!line.is_empty()).then(|| (line.into(), states)))
    }
}
