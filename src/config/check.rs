//! Checks a configuration that was made or changed in code.
//!
//! A text is checked while it is read, where lines are known. What types can't rule out when
//! somebody fills in the fields is checked here, by the same functions.

use std::collections::BTreeSet;

use super::Config;
use super::error::{Problem, ProblemKind};
use super::flaws::{self, Flaw};
use super::id;
use super::instance::InstanceConfig;
use super::key_path::KeyPath;
use super::plugins::{Linked, PluginsConfig};
use super::report::Provenance;
use super::supervision::SupervisionOverrides;
use super::swap::SwapOverrides;
use super::timeouts::TimeoutOverrides;

pub(super) fn problems(config: &Config, provenance: &Provenance) -> Vec<Problem> {
    let path = KeyPath::root().key("plugins");
    let mut check = Check { provenance, problems: Vec::new() };
    check.timeouts(&(&config.plugins.timeouts).into(), &path);
    check.supervision_of_all(&config.plugins, &path);
    check.swap_of_all(&config.plugins, &path);
    if let Some(Linked::Only(ids)) = &config.plugins.linked {
        let path = path.key("linked");
        for (at, id) in ids.iter().enumerate() {
            check.id(id, &path.index(at));
        }
    }
    for (id, instance) in &config.plugins.instances {
        check.instance(id, instance, &path.key(id));
        if let Some(flag) = &instance.feature_flag
            && !config.plugins.feature_flags.contains_key(flag)
        {
            let path = path.key(id).key("feature_flag");
            let (message, help) = flaws::of_flag(flag, &config.plugins.feature_flags);
            check.push(ProblemKind::Reference, &path, &message, &help);
        }
    }
    for (id, flaw) in flaws::of_pools(&config.plugins.instances) {
        check.flaws(Some([flaw]), &path.key(id));
    }
    check.problems
}

struct Check<'c> {
    provenance: &'c Provenance,
    problems: Vec<Problem>,
}

impl Check<'_> {
    fn push(&mut self, kind: ProblemKind, path: &KeyPath, message: &str, help: &str) {
        self.problems.push(self.provenance.problem(kind, path, message, help));
    }

    fn id(&mut self, id: &str, path: &KeyPath) {
        if let Err(message) = id::check(id) {
            self.push(ProblemKind::Id, path, &message, id::HELP);
        }
    }

    fn timeouts(&mut self, timeouts: &TimeoutOverrides, path: &KeyPath) {
        for key in timeouts.zeros() {
            let (message, help) =
                ("expected a time above zero", "give it more, or leave the default");
            self.push(ProblemKind::Value, &path.key(key), message, help);
        }
    }

    fn supervision_of_all(&mut self, plugins: &PluginsConfig, path: &KeyPath) {
        let all = SupervisionOverrides::from(&plugins.supervision);
        for (key, given) in [
            ("route_limits", !all.routes.is_empty()),
            ("pool", all.pool.is_some()),
            ("faults", !all.faults.is_empty()),
        ] {
            if given {
                let message = "this belongs to a single instance";
                let help = "put it into the `supervision` of that instance";
                self.push(ProblemKind::Value, &path.key(key), message, help);
            }
        }
        self.supervision(&all, path);
    }

    fn supervision(&mut self, own: &SupervisionOverrides, path: &KeyPath) {
        self.flaws(own.breaker.own().map(flaws::of_breaker), &path.key("circuit_breaker"));
        self.flaws(own.health.own().map(flaws::of_health), &path.key("health_check"));
        self.flaws(own.restart.own().map(flaws::of_restart), &path.key("restart"));
        self.flaws(Some(flaws::of_restart_unseen(own)), path);
        let mut seen = BTreeSet::new();
        for (route, _) in &own.routes {
            let path = path.key("route_limits").key(route);
            if let Some(message) = flaws::of_route(route) {
                self.push(ProblemKind::Value, &path, message, flaws::ROUTE_HELP);
            }
            if !seen.insert(route) {
                self.push(ProblemKind::Twice, &path, "it has two limits", "keep one of the two");
            }
        }
        if let Some(pool) = &own.pool {
            self.id(pool, &path.key("pool"));
        }
        for (at, rule) in own.faults.iter().enumerate() {
            self.flaws(Some(flaws::of_fault(rule)), &path.key("faults").index(at));
        }
    }

    fn swap_of_all(&mut self, plugins: &PluginsConfig, path: &KeyPath) {
        if plugins.swap.replay.is_some() {
            let message = "this belongs to a single instance";
            let help = "put it into the `swap` of that instance";
            self.push(ProblemKind::Value, &path.key("swap").key("replay"), message, help);
        }
        self.swap(&(&plugins.swap).into(), path);
        if plugins.watch_debounce.is_zero() {
            let message = "expected a time above zero";
            let help = "give it more, or leave the default";
            self.push(ProblemKind::Value, &path.key("watch_debounce"), message, help);
        }
    }

    fn swap(&mut self, own: &SwapOverrides, path: &KeyPath) {
        let path = path.key("swap");
        self.flaws(Some(flaws::of_swap(own)), &path);
        self.flaws(own.canary.own().map(flaws::of_canary), &path.key("canary"));
        self.flaws(own.replay.as_ref().map(flaws::of_replay), &path.key("replay"));
    }

    fn flaws(&mut self, flaws: Option<impl IntoIterator<Item = Flaw>>, path: &KeyPath) {
        for flaw in flaws.into_iter().flatten() {
            self.push(flaw.kind, &path.key(flaw.key), &flaw.message, flaw.help);
        }
    }

    fn instance(&mut self, id: &str, instance: &InstanceConfig, path: &KeyPath) {
        self.id(id, path);
        if instance.id != id {
            let message = "the instance has another id than the key of the map";
            self.push(ProblemKind::Id, path, message, "add instances with Config::with_instance");
        }
        self.id(&instance.plugin, &path.key("plugin"));
        self.timeouts(&instance.timeouts, path);
        self.supervision(&instance.supervision, path);
        self.swap(&instance.swap, path);
        if instance.load.is_some_and(|rule| !rule.is_sound()) {
            let message = "`enable_below` must be above zero and less than `disable_above`";
            self.push(ProblemKind::Contradiction, &path.key("load"), message, "leave a gap");
        }
        if !instance.settings.is_object() {
            let message = "the settings are no object";
            self.push(ProblemKind::Value, &path.key("config"), message, "use json!({ … })");
        }
    }
}
