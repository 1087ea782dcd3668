//! Answers each event with two of the same kind.

use std::sync::Arc;

use hotshoe::{
    Call, Context, Contributions, Event, EventHandler, LinkedPlugin, NoConfig, Plugin, Result,
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
    async fn handle(&self, event: Event) -> Result<()> {
        self.0.metrics().count("events", 1)?;
        for _ in 0..2 {
            // Held back, it tries again at once.
            while self.0.publish(&Call::none(), event.topic(), "again").is_err()
                && !self.0.is_stopping()
            {
                self.0.metrics().count("refused", 1)?;
            }
        }
        Ok(())
    }
}

/// Ready to be mounted.
pub const PLUGIN: LinkedPlugin = zoo::plugin!(
    Specimen,
    id = "publishes-in-a-loop",
    permissions = ["events.publish:fault.*", "events.subscribe:fault.*"]
);
