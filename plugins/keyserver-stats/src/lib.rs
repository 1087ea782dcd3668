//! `keyserver-stats` counts what a keyserver does: requests as a middleware, changed keys as a
//! subscriber to `keys.*`. It serves the figures to Prometheus and as JSON.
//!
//! # Routes
//!
//! | route | |
//! | --- | --- |
//! | `GET /extended-metrics` (setting `endpoint`) | the Prometheus text format, below |
//! | `GET /pks/stats` | JSON: `certificates` (if there is a key database), `keys`, `requests`, `uptime_seconds` |
//!
//! # Metrics
//!
//! | metric | labels | |
//! | --- | --- | --- |
//! | `keyserver_requests_total` | `method`, `path`, `code` | answered requests |
//! | `keyserver_request_duration_seconds` | `path` | a histogram: until the response was ready |
//! | `keyserver_requests_in_flight` | | requests that are not answered yet |
//! | `keyserver_key_events_total` | `topic` | certificates added and changed, as published |
//! | `keyserver_certificates` | | stored certificates, if there is a key database |
//! | `keyserver_submissions_total` | `outcome` | what the key database did with certificates |
//! | `keyserver_lookups_total` | | lookups in the key database |
//! | `keyserver_uptime_seconds` | | since this plugin started |
//!
//! Clients cannot make more time series: a path that is not in `paths`, an unusual method and an
//! impossible status are counted as `other`; an error without a response as `error`, a request that
//! nobody waited for as `abandoned`. Counters begin at 0 when the plugin starts.
//!
//! # Configuration
//!
//! | setting | default | |
//! | --- | --- | --- |
//! | `endpoint` | `"/extended-metrics"` | where Prometheus reads |
//! | `paths` | `["/", "/pks/lookup", "/pks/add", "/pks/stats"]` | paths that are told apart, at most 100 |
//! | `priority` | `-900` | where in the chain; lower is nearer to the client |
//!
//! # Permissions
//!
//! | permission | what for |
//! | --- | --- |
//! | `events.subscribe:keys.*` | counting certificates that are added and changed |
//!
//! The service `keydb` is an optional requirement.

mod config;
mod counters;
mod histogram;
mod json;
mod prometheus;
mod request;

use std::sync::Arc;

use hotshoe::{
    Call, Context, Contributions, Event, EventHandler, Middleware, Next, Plugin, Request, Response,
    Result, handler_fn,
};
use keyserver_api::{KeyDb, Stats};

pub use config::Config;
use counters::Counters;
use request::InFlight;

/// The plugin.
pub struct KeyserverStats {
    context: Context,
    config: Config,
    counters: Arc<Counters>,
}

impl KeyserverStats {
    /// Figures of the key database, if there is one that answers. It is asked for each time: it may
    /// come, go and be replaced.
    async fn stats(&self, call: &Call) -> Option<Stats> {
        let keys = self.context.service::<dyn KeyDb>().ok()?;
        Some(keys.stats(call).await.ok()?.0)
    }
}

impl Plugin for KeyserverStats {
    type Config = Config;

    async fn initialize(context: Context, config: Config) -> Result<Self> {
        config.check()?;
        Ok(Self { context, counters: Arc::new(Counters::new(&config.paths)), config })
    }

    fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
        let counters = self.counters.clone();
        to.middleware(Count { counters, priority: self.config.priority });
        to.subscribe("keys.*", Listen(self.counters.clone()));

        let this = self.clone();
        let metrics = handler_fn(move |request: Request| {
            let this = this.clone();
            async move {
                let stats = this.stats(request.call()).await;
                Ok(prometheus::answer(&this.counters, stats.as_ref()))
            }
        });
        to.handler("GET", &self.config.endpoint, metrics);

        let this = self.clone();
        let json = handler_fn(move |request: Request| {
            let this = this.clone();
            async move { json::answer(&this.counters, this.stats(request.call()).await.as_ref()) }
        });
        to.handler("GET", "/pks/stats", json);
    }
}

/// Counts requests.
struct Count {
    counters: Arc<Counters>,
    priority: i32,
}

impl Middleware for Count {
    async fn handle(&self, request: Request, next: Next) -> Result<Response> {
        let counted = InFlight::new(self.counters.clone(), request.method(), request.path());
        let result = next.run(request).await;
        counted.finish(&result);
        result
    }

    fn priority(&self) -> i32 {
        self.priority
    }
}

/// Counts changed keys.
struct Listen(Arc<Counters>);

impl EventHandler for Listen {
    async fn handle(&self, event: Event) -> Result<()> {
        self.0.event(event.topic());
        Ok(())
    }
}

hotshoe::export_plugin! {
    KeyserverStats,
    name = "Keyserver statistics",
    category = "monitoring",
    tags = ["openpgp", "keyserver", "prometheus"],
    provides = [middleware],
    requires = [optional service "keydb" = "^1"],
    endpoints = [GET "/extended-metrics", GET "/pks/stats"],
    permissions = ["events.subscribe:keys.*"],
}

#[cfg(test)]
mod tests;
