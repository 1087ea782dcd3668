//! `ratelimit` limits how many requests each client may send. What is too much is answered with 429
//! and the time after which to come back.
//!
//! It is a middleware. The algorithm is GCRA, a token bucket that needs one number a client: the
//! limit says how fast the bucket fills, `burst` how much it holds. A client is the user that the
//! application knows, or else the network address that the application puts into the call's free
//! map under `peer` (IPv6: the /64 network, which is what one customer gets). Behind a proxy of your
//! own, set `trust_forwarded_for`: then it is the *last* address of `x-forwarded-for`, the one that
//! the proxy wrote; earlier ones are what the client claims. If nothing is known of a client, all
//! such clients share one bucket, and a warning says so once.
//!
//! # Configuration
//!
//! | setting | default | |
//! | --- | --- | --- |
//! | `limit` | `"100/min"` | how many requests in how long |
//! | `burst` | as many as the limit's count | how many at once, by a client that was idle |
//! | `paths` | `["/pks/*"]` | where it applies: exact, a prefix with `*` at the end, or `*` |
//! | `priority` | `-500` | where in the chain; lower is nearer to the client |
//! | `trust_forwarded_for` | `false` | whether the last address of `x-forwarded-for` is the client |
//! | `max_clients` | `100000` | how many clients are remembered; about 200 bytes each |
//! | `sweep_interval` | `"1m"` | how often clients whose bucket is full again are forgotten |
//!
//! When `max_clients` is reached, a newcomer replaces one of several clients chosen at random: the
//! one whose bucket is the fullest, so a flood of new clients does not set those free that are at
//! their limit. Several instances may be configured, such as a strict one for `/pks/add`.
//!
//! # Headers
//!
//! Each answer carries `ratelimit-limit`, `ratelimit-remaining` and `ratelimit-reset` (seconds until
//! the bucket is full); of several instances those of the one that leaves least. A 429 also carries
//! `retry-after`.
//!
//! # State
//!
//! Handed over to a successor ([`Plugin::save_state`]); lost when the program ends.
//!
//! # Permissions
//!
//! None.

mod client;
mod config;
mod gcra;
mod headers;
mod limiter;
mod state;
mod table;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use bytes::Bytes;
use hotshoe::{
    Call, Context, Contributions, Metric, Middleware, Next, Plugin, Request, Response, Result,
    task_fn,
};

use client::client_of;
pub use config::Config;
use limiter::{Decision, Limiter};

/// The plugin.
pub struct RateLimit {
    limiter: Limiter,
    config: Config,
    /// Where the limiter's clock starts.
    started: Instant,
    allowed: AtomicU64,
    limited: AtomicU64,
    warned: AtomicBool,
}

impl RateLimit {
    fn new(config: Config) -> Result<Self> {
        config.check()?;
        Ok(Self {
            limiter: Limiter::new(config.rate(), config.max_clients),
            config,
            started: Instant::now(),
            allowed: AtomicU64::new(0),
            limited: AtomicU64::new(0),
            warned: AtomicBool::new(false),
        })
    }

    /// Nanoseconds on the limiter's clock, which has 584 years.
    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn decide(&self, request: &Request) -> Decision {
        let client = client_of(request, self.config.trust_forwarded_for);
        if client.is_none() && !self.warned.swap(true, Relaxed) {
            tracing::warn!(
                "a request came without a user and without a network address: all such clients \
                 share one limit; let the application set `peer` in the call's free map"
            );
        }
        let decision = self.limiter.check(client.as_deref().unwrap_or("unknown"), self.now());
        let counter = if decision.allowed { &self.allowed } else { &self.limited };
        counter.fetch_add(1, Relaxed);
        decision
    }
}

impl Middleware for RateLimit {
    async fn handle(&self, request: Request, next: Next) -> Result<Response> {
        let decision = self.decide(&request);
        if !decision.allowed {
            return Ok(headers::too_many(&decision));
        }
        let mut response = next.run(request).await?;
        headers::describe(&mut response, &decision);
        Ok(response)
    }

    fn priority(&self) -> i32 {
        self.config.priority
    }

    fn paths(&self) -> Vec<String> {
        self.config.paths.clone()
    }
}

impl Plugin for RateLimit {
    type Config = Config;

    async fn initialize(_: Context, config: Config) -> Result<Self> {
        Self::new(config)
    }

    fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
        to.middleware(self.clone());
        let this = self.clone();
        let sweep = task_fn(move |_: Call| {
            this.limiter.sweep(this.now());
            std::future::ready(Ok(()))
        });
        to.every(self.config.sweep_interval.duration(), "sweep", sweep);
    }

    fn metrics(&self) -> Vec<Metric> {
        vec![
            Metric::new("allowed_total", self.allowed.load(Relaxed) as f64),
            Metric::new("limited_total", self.limited.load(Relaxed) as f64),
            Metric::new("evicted_total", self.limiter.evicted() as f64),
            Metric::new("clients", self.limiter.clients() as f64),
        ]
    }

    async fn save_state(&self) -> Result<Option<Bytes>> {
        state::save(&self.limiter, self.now()).map(Some)
    }

    async fn restore_state(&self, state: Bytes) -> Result<()> {
        state::restore(&self.limiter, self.now(), &state)
    }
}

hotshoe::export_plugin! {
    RateLimit,
    name = "Rate limit",
    category = "ratelimit",
    tags = ["http", "limits"],
    provides = [middleware],
}

#[cfg(test)]
mod tests;
