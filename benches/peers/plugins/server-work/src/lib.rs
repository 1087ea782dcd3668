//! What the five middlewares of the server do, whatever they are mounted by: each reads one or two
//! headers, and adds one. Reading and adding is not here, since that is what is compared.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Names of headers.
pub mod name {
    /// Of a request, both ways.
    pub const REQUEST_ID: &str = "x-request-id";
    /// What program asks.
    pub const AGENT: &str = "user-agent";
    /// Where the link was.
    pub const REFERER: &str = "referer";
    /// How long it took.
    pub const TIMING: &str = "server-timing";
    /// The token.
    pub const AUTHORIZATION: &str = "authorization";
    /// Whose the token is, for the handler.
    pub const USER: &str = "x-user";
    /// Which client asks.
    pub const FORWARDED_FOR: &str = "x-forwarded-for";
    /// How many requests it has left.
    pub const REMAINING: &str = "ratelimit-remaining";
    /// Whose page asks.
    pub const ORIGIN: &str = "origin";
    /// How it came to ask.
    pub const FETCH_SITE: &str = "sec-fetch-site";
    /// Whose page may read the answer.
    pub const ALLOW_ORIGIN: &str = "access-control-allow-origin";
}

/// What an access log counts.
#[derive(Default)]
pub struct AccessLog {
    requests: AtomicU64,
    failures: AtomicU64,
    links: AtomicU64,
    robots: AtomicU64,
    micros: AtomicU64,
}

impl AccessLog {
    /// A request has come.
    pub fn begin(&self, agent: Option<&[u8]>, referer: Option<&[u8]>) -> Instant {
        self.requests.fetch_add(1, Relaxed);
        if referer.is_some() {
            self.links.fetch_add(1, Relaxed);
        }
        if agent.is_none_or(|agent| agent.ends_with(b"bot")) {
            self.robots.fetch_add(1, Relaxed);
        }
        Instant::now()
    }

    /// It is answered; the value of the header that says how long it took.
    pub fn end(&self, began: Instant, status: u16) -> String {
        let micros = began.elapsed().as_micros() as u64;
        self.micros.fetch_add(micros, Relaxed);
        if status >= 500 {
            self.failures.fetch_add(1, Relaxed);
        }
        format!("app;dur={micros}")
    }
}

/// Who may come in.
pub struct Tokens(HashMap<&'static [u8], &'static str>);

impl Default for Tokens {
    fn default() -> Self {
        Self(HashMap::from([
            (b"Bearer 0123456789abcdef".as_slice(), "alice"),
            (b"Bearer fedcba9876543210", "bob"),
        ]))
    }
}

impl Tokens {
    /// Whose the token is.
    pub fn user(&self, authorization: Option<&[u8]>) -> Option<&'static str> {
        self.0.get(authorization?).copied()
    }
}

/// How many requests each client may send in a second.
#[derive(Default)]
pub struct Quotas(Mutex<HashMap<Box<[u8]>, (Instant, u32)>>);

impl Quotas {
    const LIMIT: u32 = 1_000_000;

    /// How many are left after this one; none if it is one too many.
    pub fn take(&self, client: &[u8]) -> Option<u32> {
        let now = Instant::now();
        let mut clients = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((since, taken)) = clients.get_mut(client) else {
            clients.insert(client.into(), (now, 1));
            return Some(Self::LIMIT - 1);
        };
        if now.duration_since(*since) >= Duration::from_secs(1) {
            (*since, *taken) = (now, 0);
        }
        *taken += 1;
        Self::LIMIT.checked_sub(*taken)
    }
}

/// Whether pages of this origin may read the answer.
pub fn may_read(origin: &[u8], fetch_site: Option<&[u8]>) -> bool {
    fetch_site != Some(b"none") && origin == b"https://app.example.org"
}
