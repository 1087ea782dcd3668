//! "Why is this plugin not running?", in words.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, SystemTime};

use hotshoe_abi::plain::{Line, Lines, MESSAGE};

use super::core::Core;
use super::info::HeapUse;
use super::slot::Slot;
use super::slots::Table;
use crate::lifecycle::State;
use crate::verify;

/// So many of those that an instance waits for are named.
const NAMED: usize = 5;

/// So many of the latest events of an instance are told.
const LATEST: usize = 5;

impl Core {
    pub(super) fn explain(&self, id: &str) -> String {
        let slots = self.slots.read();
        if let Some(slot) = slots.get(id) {
            let text = self.explain_slot(slot, &slots);
            let library = self.counting_library_of(slot).filter(|_| slot.state.is_serving());
            // Its code is not called under the lock.
            drop(slots);
            let text = match library.and_then(HeapUse::of) {
                Some(heap) => format!("{text}; its library: {heap}"),
                None => text,
            };
            return text + &self.lately(id);
        }
        drop(slots);
        if let Some(text) = self.explain_pool(id) {
            return text;
        }
        let slots = self.slots.read();
        let of_plugin: Vec<&str> = slots
            .values()
            .filter(|slot| slot.config.plugin == id)
            .map(|slot| slot.id.as_str())
            .collect();
        if !of_plugin.is_empty() {
            return format!(
                "`{id}` is a plugin, not an instance; its instances are {}",
                Line(of_plugin.join(", "))
            );
        }
        let found = self.found.read();
        if let Some(error) = found.refused.iter().find(|error| {
            error.plugin() == Some(id) || error.path().is_some_and(|path| path.ends_with(id))
        }) {
            return format!("{error:#}");
        }
        if let Some((path, reason)) = found.ignored.iter().find(|(path, _)| path.ends_with(id)) {
            return format!("{} is ignored: {}", Line(path.display()), Line(reason));
        }
        if self.config.plugins.instances.contains_key(id) {
            return format!(
                "`{id}` is configured and not there: the host was not started yet, or it was removed"
            );
        }
        let directories = &self.config.plugins.directories;
        // Of the files with one plugin only the first is named.
        let inside = directories.iter().find_map(|directory| verify::peek(&directory.join(id)));
        if let Some(manifest) = inside
            && let Some(error) =
                found.refused.iter().find(|error| error.plugin() == Some(manifest.id.as_str()))
        {
            return format!("{error:#}");
        }
        let mut text = format!("`{}` is neither configured nor found", Line(id));
        if directories.is_empty() {
            text.push_str("; no plugin directory is configured");
        }
        for directory in directories {
            text.push_str(&format!("; looked in {}", Line(directory.display())));
        }
        if !self.config.plugins.auto_load {
            text.push_str("; `auto_load` is off, so only configured plugins are started");
        }
        text
    }

    /// The latest that happened to an instance, besides its changes of state.
    fn lately(&self, id: &str) -> String {
        let latest = self.monitor.latest(id, LATEST);
        if latest.is_empty() {
            return String::new();
        }
        let now = SystemTime::now();
        let mut text = "\nlately:".to_owned();
        for event in latest {
            // A clock may be set back.
            let age = now.duration_since(event.at).unwrap_or_default().as_secs();
            let age = humantime::format_duration(Duration::from_secs(age));
            text.push_str(&format!("\n    {age} ago: {event}"));
        }
        text
    }

    fn explain_slot(&self, slot: &Slot, slots: &Table) -> String {
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
            State::Disabled if !self.config.plugins.enables(&slot.config) => format!(
                "`{id}` is disabled by the configuration: its `feature_flag`, `{}`, is off in \
                 [plugins.feature_flags]; `enable(\"{id}\")` starts it",
                Line(slot.config.feature_flag.as_deref().unwrap_or_default())
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
                None => format!("`{id}` failed to {phase}: {}", Lines(error, Some(MESSAGE))),
            },
            State::Blocked { by } => {
                let mut names: Vec<String> =
                    by.iter().take(NAMED).map(|id| format!("`{id}`")).collect();
                if by.len() > NAMED {
                    names.push(format!("and {} more", by.len() - NAMED));
                }
                let mut text = format!("`{id}` waits for {}", names.join(", "));
                let Some((root, way)) = root_of(slot, slots) else { return text };
                match &*way {
                    [] => {}
                    [last] => text.push_str(&format!("\n`{last}` waits for `{}`", root.id)),
                    [next, between @ ..] => text.push_str(&format!(
                        "\n`{next}` waits by way of {} more for `{}`",
                        between.len(),
                        root.id
                    )),
                }
                text + "\n" + &self.explain_slot(root, slots)
            }
            other => format!("`{id}` is {}", other.as_str()),
        }
    }
}

/// The nearest of those that a blocked instance waits for, directly or by way of others, that does not
/// wait itself; and who is between the two.
fn root_of<'s>(blocked: &'s Slot, slots: &'s Table) -> Option<(&'s Slot, Vec<&'s str>)> {
    let mut came_from: HashMap<&str, &str> = HashMap::new();
    let mut queue = VecDeque::from([blocked]);
    while let Some(slot) = queue.pop_front() {
        let State::Blocked { by } = &slot.state else {
            let mut way = Vec::new();
            let mut at = slot.id.as_str();
            while let Some(&before) = came_from.get(at).filter(|before| **before != blocked.id) {
                way.push(before);
                at = before;
            }
            way.reverse();
            return Some((slot, way));
        };
        for other in by.iter().filter_map(|id| slots.get(id)) {
            if other.id != blocked.id && !came_from.contains_key(other.id.as_str()) {
                came_from.insert(&other.id, &slot.id);
                queue.push_back(other);
            }
        }
    }
    None
}
