//! Checks a configuration that was made or changed in code.
//!
//! A text is checked while it is read, where lines are known. What types can't rule out when
//! somebody fills in the fields is checked here, by the same functions.

use super::Config;
use super::error::{Problem, ProblemKind};
use super::id;
use super::instance::InstanceConfig;
use super::key_path::KeyPath;
use super::plugins::Linked;
use super::report::Provenance;
use super::timeouts::TimeoutOverrides;

pub(super) fn problems(config: &Config, provenance: &Provenance) -> Vec<Problem> {
    let path = KeyPath::root().key("plugins");
    let mut check = Check { provenance, problems: Vec::new() };
    check.timeouts(&(&config.plugins.timeouts).into(), &path);
    if let Some(Linked::Only(ids)) = &config.plugins.linked {
        let path = path.key("linked");
        for (at, id) in ids.iter().enumerate() {
            check.id(id, &path.index(at));
        }
    }
    for (id, instance) in &config.plugins.instances {
        check.instance(id, instance, &path.key(id));
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

    fn instance(&mut self, id: &str, instance: &InstanceConfig, path: &KeyPath) {
        self.id(id, path);
        if instance.id != id {
            let message = "the instance has another id than the key of the map";
            self.push(ProblemKind::Id, path, message, "add instances with Config::with_instance");
        }
        self.id(&instance.plugin, &path.key("plugin"));
        self.timeouts(&instance.timeouts, path);
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
