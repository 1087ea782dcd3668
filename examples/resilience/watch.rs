//! What the host tells of its plugins while they are under load: its events, and the peaks of figures.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use hotshoe::PluginHost;
use hotshoe::monitor::{BreakerState, EventStream, HostEvent, HostEventKind};

use crate::table::Table;

/// From one look at the figures to the next.
const LOOK: Duration = Duration::from_millis(50);

/// What was seen so far.
pub struct Watch<'h> {
    host: &'h PluginHost,
    stream: EventStream,
    table: Table,
    /// All that happened.
    pub events: Vec<Arc<HostEvent>>,
    /// What was most at one time, by plugin.
    pub peaks: BTreeMap<String, Peak>,
}

/// What was most at one time.
#[derive(Clone, Copy, Default)]
pub struct Peak {
    /// Threads that did not come back.
    pub stuck: u64,
    /// Calls inside, where that is bounded.
    pub places: u64,
    /// Calls that waited for a place.
    pub waiting: u64,
}

impl<'h> Watch<'h> {
    pub fn new(host: &'h PluginHost, table: Table) -> Self {
        let (events, peaks) = (Vec::new(), BTreeMap::new());
        Self { host, stream: host.events(), table, events, peaks }
    }

    /// Looks on for so long, and shows what there is.
    pub fn look_on(&mut self, time: Duration) {
        let end = Instant::now() + time;
        let mut told = self.events.len();
        self.table.begin(&self.host.plugin_metrics());
        while Instant::now() < end {
            thread::sleep(LOOK);
            self.look();
            if self.table.is_due() {
                let news = self.events[told..].iter().filter(|event| is_of_interest(event));
                self.table.show(news, self.host);
                told = self.events.len();
            }
        }
    }

    /// Takes in what has happened meanwhile.
    pub fn catch_up(&mut self) {
        while let Some(event) = self.stream.try_next() {
            self.events.push(event);
        }
    }

    fn look(&mut self) {
        self.catch_up();
        for metrics in self.host.plugin_metrics() {
            let peak = self.peaks.entry(metrics.plugin_id).or_default();
            peak.stuck = peak.stuck.max(metrics.calls.stuck);
            peak.places = peak.places.max(metrics.calls.places);
            peak.waiting = peak.waiting.max(metrics.calls.waiting);
        }
    }
}

/// Refusals are told every second, trials of breakers even more often: the table shows them.
fn is_of_interest(event: &HostEvent) -> bool {
    match &event.kind {
        HostEventKind::BreakerChanged { from: BreakerState::Closed, .. }
        | HostEventKind::BreakerChanged { to: BreakerState::Closed, .. } => true,
        HostEventKind::BreakerChanged { .. }
        | HostEventKind::Refused { .. }
        | HostEventKind::StateChanged { .. } => false,
        _ => true,
    }
}
