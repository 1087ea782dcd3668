//! Blocks the threads that deliver events and run jobs: in each run of each of its jobs, and at each event.

use std::sync::Arc;
use std::time::Duration;

use hotshoe::{
    Call, Context, Contributions, Event, EventHandler, LinkedPlugin, NoConfig, Plugin, Result, Task,
};

struct Specimen(Context);

impl Plugin for Specimen {
    type Config = NoConfig;

    async fn initialize(context: Context, _: NoConfig) -> Result<Self> {
        Ok(Self(context))
    }

    fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
        to.subscribe("fault.*", self.clone());
        to.every(Duration::from_millis(1), "fault", self.clone());
    }
}

impl EventHandler for Specimen {
    async fn handle(&self, _: Event) -> Result<()> {
        self.0.metrics().count("blocked", 1)?;
        loop {
            std::thread::park();
        }
    }
}

impl Task for Specimen {
    async fn run(&self, _: Call) -> Result<()> {
        self.0.metrics().count("blocked", 1)?;
        loop {
            std::thread::park();
        }
    }
}

/// Ready to be mounted.
pub const PLUGIN: LinkedPlugin = zoo::plugin!(
    Specimen,
    id = "blocks-in-the-background",
    permissions = ["events.subscribe:fault.*"]
);
