//! The figures as JSON.

use hotshoe::{Response, Result, ResultExt};
use keyserver_api::Stats;
use serde::Serialize;

use crate::counters::Counters;

#[derive(Serialize)]
struct Figures<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    certificates: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    keydb: Option<&'a Stats>,
    keys: Keys,
    requests: Requests,
    uptime_seconds: u64,
}

/// Since the start, as published.
#[derive(Serialize)]
struct Keys {
    added: u64,
    changed: u64,
}

#[derive(Serialize)]
struct Requests {
    total: u64,
    in_flight: i64,
}

pub(crate) fn answer(counters: &Counters, stats: Option<&Stats>) -> Result<Response> {
    let figures = Figures {
        certificates: stats.map(|stats| stats.certificates),
        keydb: stats,
        keys: Keys { added: counters.added(), changed: counters.changed() },
        requests: Requests { total: counters.total(), in_flight: counters.in_flight() },
        uptime_seconds: counters.uptime().as_secs(),
    };
    let json = serde_json::to_string(&figures).describe("the figures are not JSON")?;
    Ok(Response::json(200, json)
        .with_header("access-control-allow-origin", "*")
        .with_header("cache-control", "no-store"))
}
