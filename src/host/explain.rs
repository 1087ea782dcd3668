//! "Why is this plugin not running?", in words.

use super::core::Core;
use super::slot::Slot;
use crate::lifecycle::State;

impl Core {
    pub(super) fn explain(&self, id: &str) -> String {
        let slots = self.slots.read();
        if let Some(slot) = slots.get(id) {
            return self.explain_slot(slot);
        }
        let of_plugin: Vec<&str> = slots
            .values()
            .filter(|slot| slot.config.plugin == id)
            .map(|slot| slot.id.as_str())
            .collect();
        if !of_plugin.is_empty() {
            return format!(
                "`{id}` is a plugin, not an instance; its instances are {}",
                of_plugin.join(", ")
            );
        }
        let found = self.found.read();
        if let Some(error) = found.refused.iter().find(|error| {
            error.plugin() == Some(id) || error.path().is_some_and(|path| path.ends_with(id))
        }) {
            return format!("{error:#}");
        }
        if let Some((path, reason)) = found.ignored.iter().find(|(path, _)| path.ends_with(id)) {
            return format!("{} is ignored: {reason}", path.display());
        }
        if self.config.plugins.instances.contains_key(id) {
            return format!(
                "`{id}` is configured and not there: the host was not started yet, or it was removed"
            );
        }
        let mut text = format!("`{id}` is neither configured nor found");
        let directories = &self.config.plugins.directories;
        if directories.is_empty() {
            text.push_str("; no plugin directory is configured");
        }
        for directory in directories {
            text.push_str(&format!("; looked in {}", directory.display()));
        }
        if !self.config.plugins.auto_load {
            text.push_str("; `auto_load` is off, so only configured plugins are started");
        }
        text
    }

    fn explain_slot(&self, slot: &Slot) -> String {
        let id = &slot.id;
        match &slot.state {
            State::Active => format!("`{id}` is running"),
            State::Degraded => format!("`{id}` is running, but it says that it is not well"),
            State::Disabled if !self.config.plugins.enabled => {
                format!("`{id}` is disabled, as all plugins are: `[plugins] enabled = false`")
            }
            State::Disabled if !slot.config.enabled => format!(
                "`{id}` is disabled by the configuration: `enabled = false` in [plugins.{id}]; \
                 `enable(\"{id}\")` starts it"
            ),
            State::Disabled if slot.config.load.is_some() => format!(
                "`{id}` was disabled while the host ran, by `disable` or because of the load \
                 (`load` in [plugins.{id}]); `enable(\"{id}\")` starts it"
            ),
            State::Disabled => {
                format!("`{id}` was disabled while the host ran; `enable(\"{id}\")` starts it")
            }
            State::Failed { phase, error } => match &slot.error {
                Some(error) => format!("{error:#}"),
                None => format!("`{id}` failed to {phase}: {error}"),
            },
            State::Blocked { by } => {
                let names: Vec<String> = by.iter().map(|id| format!("`{id}`")).collect();
                let mut text = format!("`{id}` waits for {}", names.join(", "));
                let slots = self.slots.read_recursive();
                for other in by {
                    if let Some(other) = slots.get(other) {
                        text.push_str(&format!("\n{}", self.explain_slot(other)));
                    }
                }
                text
            }
            other => format!("`{id}` is {}", other.as_str()),
        }
    }
}
