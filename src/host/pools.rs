//! Several instances of one plugin behind one name.

use hotshoe_abi::__stable::RString;
use hotshoe_abi::outcome;
use hotshoe_abi::plain::Line;

use super::core::Core;
use super::entry::{Entry, execute};
use super::slot::Slot;
use crate::contract::{Call, Error, ErrorKind, Result};
use crate::extension::all_refused;
use crate::supervise::tries;

/// The generic entries of a pool.
#[derive(Default)]
pub(super) struct Entries {
    running: Vec<Entry>,
    /// Those that do not run, with the reason.
    others: Vec<Error>,
}

impl Slot {
    /// The name that it shares with others.
    pub(super) fn pool(&self) -> Option<&str> {
        self.config.supervision.pool.as_deref()
    }
}

impl Core {
    /// The instances of a pool, by id. None if there is no such pool, or an instance is called so.
    pub(super) fn pool(&self, name: &str) -> Option<Entries> {
        let slots = self.slots.read();
        if slots.contains_key(name) {
            return None;
        }
        let mut entries: Option<Entries> = None;
        for slot in slots.values().filter(|slot| slot.pool() == Some(name)) {
            let entries = entries.get_or_insert_default();
            match slot.entry() {
                Some(entry) => entries.running.push(entry),
                None => {
                    let state = format!("it is {}, not active", slot.state.as_str());
                    let error = Error::new(ErrorKind::Unavailable, state);
                    entries.others.push(error.with_plugin(&slot.id));
                }
            }
        }
        entries
    }

    /// What to say of a name that is that of a pool.
    pub(super) fn explain_pool(&self, name: &str) -> Option<String> {
        let slots = self.slots.read();
        let of_pool = slots.values().filter(|slot| slot.pool() == Some(name));
        let ids: Vec<&str> = of_pool.map(|slot| slot.id.as_str()).collect();
        (!ids.is_empty()).then(|| {
            format!(
                "`{name}` is a pool, not an instance; its instances are {}",
                Line(ids.join(", "))
            )
        })
    }
}

impl Entries {
    /// Calls one of them. Who refuses before the call has begun is not the last that is asked.
    pub(super) async fn execute(self, name: &str, call: &Call, input: &str) -> Result<RString> {
        let mut refusals = self.others;
        for Entry { port, recorder } in tries(&self.running, |entry| entry.port.standing()) {
            match port
                .start(|plugin, _| execute(plugin, recorder.as_ref(), call, input), outcome::of)
            {
                Ok(output) => {
                    let _inside = port.enter_chosen();
                    return output.await.map_err(|error| port.named(error));
                }
                Err(error) => refusals.push(error),
            }
        }
        Err(all_refused(&format!("the pool `{name}`"), refusals))
    }
}
