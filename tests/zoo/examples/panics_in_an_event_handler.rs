//! Panics at each event.

use std::sync::Arc;

use hotshoe::{
    Context, Contributions, Event, EventHandler, LinkedPlugin, NoConfig, Plugin, Result,
};

struct Specimen(Context);

impl Plugin for Specimen {
    type Config = NoConfig;

    async fn initialize(context: Context, _: NoConfig) -> Result<Self> {
        Ok(Self(context))
    }

    fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
        to.subscribe("fault.*", self.clone());
    }
}

impl EventHandler for Specimen {
    async fn handle(&self, _: Event) -> Result<()> {
        self.0.metrics().count("events", 1)?;
        panic!("the event handler went wrong")
    }
}

/// Ready to be mounted.
pub const PLUGIN: LinkedPlugin = zoo::plugin!(
    Specimen,
    id = "panics-in-an-event-handler",
    permissions = ["events.subscribe:fault.*"]
);
