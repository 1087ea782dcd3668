//! The live table: how each plugin is, a line for each.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _, stdout};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use hotshoe::monitor::HostEvent;
use hotshoe::{PluginHost, PluginInfo, PluginMetrics};

use crate::PLUGINS;

/// In place on a terminal; elsewhere one below the other, and less often.
pub struct Table {
    in_place: bool,
    /// Lines of the one that is on the screen.
    lines: usize,
    /// Times are counted from here.
    epoch: SystemTime,
    /// When the last one was made, and how many calls there had been by then.
    at: Instant,
    calls: BTreeMap<String, u64>,
}

impl Table {
    pub fn new(plain: bool) -> Self {
        let now = Instant::now();
        let in_place = !plain && stdout().is_terminal();
        Self { in_place, lines: 0, epoch: SystemTime::now(), at: now, calls: BTreeMap::new() }
    }

    /// Calls are counted from here.
    pub fn begin(&mut self, metrics: &[PluginMetrics]) {
        self.lines = 0;
        self.at = Instant::now();
        self.calls = calls(metrics);
    }

    /// Whether it is time for another one.
    pub fn is_due(&self) -> bool {
        self.at.elapsed() >= Duration::from_millis(if self.in_place { 250 } else { 1000 })
    }

    /// Shows what happened, and below it how things are.
    pub fn show<'e>(&mut self, news: impl Iterator<Item = &'e Arc<HostEvent>>, host: &PluginHost) {
        let mut text = String::new();
        if self.in_place && self.lines > 0 {
            // To where the last table begins; all from there on is erased.
            write!(text, "\x1b[{}A\x1b[J", self.lines).expect("a text takes all");
        }
        for event in news {
            writeln!(text, "{:>6}  {event}", self.clock(event.at)).expect("a text takes all");
        }
        let rows = self.rows(host);
        self.lines = rows.lines().count();
        text += &rows;
        // Whoever does not read it does not want it.
        let _ = stdout().write_all(text.as_bytes()).and_then(|()| stdout().flush());
    }

    fn clock(&self, at: SystemTime) -> String {
        format!("{:.1} s", at.duration_since(self.epoch).unwrap_or_default().as_secs_f64())
    }

    fn rows(&mut self, host: &PluginHost) -> String {
        let metrics = host.plugin_metrics();
        let passed = self.at.elapsed().as_secs_f64();
        let mut rows = format!(
            "{:<10} {:<8} {:>7} {:>7} {:>7} {:>10} {:<9} {:>5} {:>8}\n",
            self.clock(SystemTime::now()),
            "state",
            "calls/s",
            "errors",
            "refused",
            "p99",
            "breaker",
            "stuck",
            "restarts",
        );
        for plugin in PLUGINS {
            let Some(one) = metrics.iter().find(|one| one.plugin_id == plugin) else { continue };
            let before = self.calls.get(plugin).copied().unwrap_or_default();
            let rate = one.request_count.saturating_sub(before) as f64 / passed;
            rows += &row(one, rate, host.plugin(plugin).as_ref());
        }
        self.at = Instant::now();
        self.calls = calls(&metrics);
        rows
    }
}

fn row(metrics: &PluginMetrics, rate: f64, plugin: Option<&PluginInfo>) -> String {
    // The host times one of 64 calls; of a plugin that is hardly called, perhaps none.
    let p99 = match metrics.calls.latency.samples {
        0 => "-".to_owned(),
        _ => format!("{:.2} ms", metrics.response_time_p99_ms),
    };
    format!(
        "{:<10} {:<8} {:>7.0} {:>7} {:>7} {:>10} {:<9} {:>5} {:>8}\n",
        metrics.plugin_id,
        plugin.map_or("", |plugin| plugin.state.as_str()),
        rate,
        metrics.error_count,
        metrics.refused_count,
        p99,
        metrics.calls.breaker.map_or_else(|| "-".into(), |state| state.to_string()),
        metrics.calls.stuck,
        metrics.restarts,
    )
}

fn calls(metrics: &[PluginMetrics]) -> BTreeMap<String, u64> {
    metrics.iter().map(|one| (one.plugin_id.clone(), one.request_count)).collect()
}
