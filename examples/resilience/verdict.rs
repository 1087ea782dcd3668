//! What came of it: each claim, whether it holds, and the figures that say so.
//!
//! Some claims are about time, and a machine that is busy with other things takes time of its own. How
//! much, is measured in the same seconds at a service that has no plugins and threads of its own: what
//! takes as long there is not a plugin's doing.

use std::collections::BTreeMap;
use std::time::Duration;

use hotshoe::PluginMetrics;
use hotshoe::config::{Config, Lane, Supervision};
use hotshoe::lifecycle::Status;
use hotshoe::monitor::{BreakerState, HostEventKind};

use crate::load::Seen;
use crate::watch::{Peak, Watch};
use crate::{CONTROL, PLUGINS};

/// The good plugin's p99 may be so many times what it was alone, or what that of the control is, ...
const TIMES: u32 = 2;
/// ... and so much more.
const MORE: Duration = Duration::from_millis(5);
/// What is cut off may be answered so long after its time-out, besides what the control takes.
const LATE: Duration = Duration::from_millis(50);
/// What is refused is refused within this, half of it at least, besides what the control takes.
const FAST: Duration = Duration::from_millis(5);

/// All that is judged by.
pub struct Verdict<'a> {
    pub config: &'a Config,
    /// What the host counted.
    pub metrics: Vec<PluginMetrics>,
    /// What it told.
    pub watch: &'a Watch<'a>,
    /// What the clients saw while there was only the good plugin to do, and later.
    pub alone: &'a BTreeMap<&'static str, Seen>,
    pub all: &'a BTreeMap<&'static str, Seen>,
    /// Claims that do not hold.
    pub broken: u32,
}

impl Verdict<'_> {
    /// Prints everything; whether all claims hold.
    pub fn print(mut self) -> bool {
        println!("\n# What the clients saw\n");
        self.answers();
        println!("\n# Claims\n");
        self.good();
        self.slow();
        self.failing();
        self.blocking();
        self.crashing();
        self.all_were_answered_once();
        match self.broken {
            0 => println!("\nall claims hold"),
            1 => println!("\n1 claim does not hold"),
            broken => println!("\n{broken} claims do not hold"),
        }
        self.broken == 0
    }

    fn answers(&self) {
        println!(
            "{:<10} {:>6} {:>8} {:>10} {:>10} {:>10}",
            "", "status", "answers", "p50", "p99", "longest"
        );
        for plugin in PLUGINS.into_iter().chain([CONTROL]) {
            for (status, times) in &self.all[plugin].answers {
                let [half, most, longest] = [0.5, 0.99, 1.0].map(|share| ms(at(times, share)));
                let count = times.len();
                println!("{plugin:<10} {status:>6} {count:>8} {half:>10} {most:>10} {longest:>10}");
            }
        }
    }

    fn good(&mut self) {
        let (alone, all) = (&self.alone["good"], &self.all["good"]);
        let well = |seen: &Seen| seen.answers.get(&200).map_or(0, Vec::len) as u64;
        let (sent, well) = (alone.sent + all.sent, well(alone) + well(all));
        self.claim("good", sent == well, format!("{} of {sent} requests failed", sent - well));

        let control = self.control(0.99);
        let [before, after] = [alone, all].map(|seen| at(&seen.delays, 0.99));
        let limit = before.max(control) * TIMES + MORE;
        self.claim(
            "good",
            after <= limit,
            format!(
                "p99 was {} alone and {} among the others, where that of the control was {}; at most {}",
                ms(before),
                ms(after),
                ms(control),
                ms(limit),
            ),
        );
    }

    fn slow(&mut self) {
        self.cut_off("slow");
        let Some(bulkhead) = self.policy("slow").bulkhead else {
            return self.claim("slow", false, "it has no `max_in_flight`".into());
        };
        let Peak { places, waiting, .. } = self.peak("slow");
        let (most, queue) = (u64::from(bulkhead.max_in_flight.get()), u64::from(bulkhead.queue));
        self.claim(
            "slow",
            places <= most && waiting <= queue,
            format!("{places} calls were inside at one time and {waiting} waited; at most {most} and {queue}"),
        );
        self.refused_fast("slow", 429);
    }

    fn failing(&mut self) {
        self.cut_off("failing");
        self.breaker("failing", true);
        self.refused_fast("failing", 503);
    }

    fn blocking(&mut self) {
        self.cut_off("blocking");
        let Lane::Dedicated { threads, spare, .. } = self.policy("blocking").lane else {
            return self.claim("blocking", false, "it has no `lane` of its own".into());
        };
        let (stuck, most) = (self.peak("blocking").stuck, u64::from(threads.get() + spare));
        self.claim(
            "blocking",
            stuck <= most,
            format!("{stuck} threads were stuck in it at one time; at most {most}"),
        );
        self.breaker("blocking", false);
        self.refused_fast("blocking", 503);
    }

    fn crashing(&mut self) {
        self.cut_off("crashing");
        let Some(policy) = self.policy("crashing").restart else {
            return self.claim("crashing", false, "it has no `restart`".into());
        };
        let waits: Vec<Duration> = self
            .events_of("crashing")
            .filter_map(|kind| match kind {
                HostEventKind::Restarting { after, .. } => Some(*after),
                _ => None,
            })
            .collect();
        self.claim(
            "crashing",
            !waits.is_empty() && waits.len() <= policy.max_restarts as usize,
            format!("{} restarts; at most {}", waits.len(), policy.max_restarts),
        );
        self.claim(
            "crashing",
            waits.is_sorted() && waits.first().is_some_and(|wait| *wait >= policy.initial_backoff),
            format!("it was restarted after longer and longer waits: {waits:?}"),
        );
        let status = self.counted("crashing").map(|metrics| metrics.status);
        self.claim(
            "crashing",
            status == Some(Status::Active),
            format!("at the end it is {}", status.map_or("unknown", |status| status.as_str())),
        );
        self.refused_fast("crashing", 503);
    }

    /// No answer took much longer than `call_timeout`.
    fn cut_off(&mut self, plugin: &str) {
        let timeout = self.config.plugins.instances.get(plugin);
        let timeout = timeout.and_then(|instance| self.config.timeouts_of(instance).call);
        let Some(timeout) = timeout else {
            return self.claim(plugin, false, "it has no `call_timeout`".into());
        };
        let times: Vec<Duration> = self.all[plugin].times().collect();
        let (longest, limit) = (at(&times, 1.0), timeout + LATE + self.control(1.0));
        self.claim(
            plugin,
            longest <= limit,
            format!("the longest answer took {}; at most {}", ms(longest), ms(limit)),
        );
    }

    /// It opened, and perhaps closed again.
    fn breaker(&mut self, plugin: &str, closes: bool) {
        let count = |wanted: fn(&HostEventKind) -> bool| {
            self.events_of(plugin).filter(|kind| wanted(kind)).count()
        };
        let opened = count(|kind| {
            matches!(kind, HostEventKind::BreakerChanged { from: BreakerState::Closed, .. })
        });
        let closed = count(|kind| {
            matches!(kind, HostEventKind::BreakerChanged { to: BreakerState::Closed, .. })
        });
        self.claim(
            plugin,
            opened > 0 && (closed > 0 || !closes),
            format!("its breaker opened {opened}× and closed {closed}×"),
        );
    }

    /// Who is refused does not wait.
    fn refused_fast(&mut self, plugin: &str, status: u16) {
        let limit = FAST + self.control(0.5);
        let Some(times) = self.all[plugin].answers.get(&status) else {
            return self.claim(plugin, false, format!("no request was refused with {status}"));
        };
        let (count, half) = (times.len(), at(times, 0.5));
        self.claim(
            plugin,
            half <= limit,
            format!(
                "{count} requests were refused, half of them within {}; at most {}",
                ms(half),
                ms(limit),
            ),
        );
    }

    /// By what the clients saw, and by what the host counted.
    fn all_were_answered_once(&mut self) {
        let all = self.alone.iter().chain(self.all).filter(|(path, _)| **path != CONTROL);
        let astray: Vec<&String> = all.clone().flat_map(|(_, seen)| &seen.astray).collect();
        let sent: u64 = all.clone().map(|(_, seen)| seen.sent).sum();
        let answered: u64 = all.map(|(_, seen)| seen.answered()).sum();
        let examples: String = astray.iter().take(3).map(|what| format!("\n    {what}")).collect();
        self.claim(
            "all",
            astray.is_empty() && sent == answered,
            format!("{sent} requests had {answered} answers, each one its own{examples}"),
        );
        let counted: u64 = self.metrics.iter().map(requests).sum();
        let inside: u64 = self.metrics.iter().map(|metrics| metrics.active_connections).sum();
        self.claim(
            "all",
            counted == sent && inside == 0,
            format!("the host counted {counted} requests, of which {inside} are without an end"),
        );
    }

    fn claim(&mut self, plugin: &str, holds: bool, claim: String) {
        self.broken += u32::from(!holds);
        println!("{} {plugin:<9} {claim}", if holds { '✓' } else { '✗' });
    }

    fn policy(&self, plugin: &str) -> Supervision {
        let instance = self.config.plugins.instances.get(plugin);
        instance.map(|instance| self.config.supervision_of(instance)).unwrap_or_default()
    }

    fn peak(&self, plugin: &str) -> Peak {
        self.watch.peaks.get(plugin).copied().unwrap_or_default()
    }

    fn counted(&self, plugin: &str) -> Option<&PluginMetrics> {
        self.metrics.iter().find(|metrics| metrics.plugin_id == plugin)
    }

    fn events_of(&self, plugin: &str) -> impl Iterator<Item = &HostEventKind> {
        let events = self.watch.events.iter();
        let own = events.filter(move |event| event.instance.as_deref() == Some(plugin));
        own.map(|event| &event.kind)
    }

    /// How long such a share of those waited whom no plugin answers.
    fn control(&self, share: f64) -> Duration {
        at(&self.all[CONTROL].delays, share)
    }
}

/// Requests to its route, refused ones included: it was also asked how it is.
fn requests(metrics: &PluginMetrics) -> u64 {
    let own = metrics.calls.contributions.iter().filter(|one| one.name.starts_with("GET "));
    own.map(|one| one.calls + one.refused.values().sum::<u64>()).sum()
}

/// Such a share of these took no longer.
fn at(times: &[Duration], share: f64) -> Duration {
    let mut times = times.to_vec();
    times.sort_unstable();
    let last = times.len().saturating_sub(1);
    times.get((last as f64 * share).round() as usize).copied().unwrap_or_default()
}

fn ms(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}
