//! Does nothing wrong: what all others are measured by.

use std::sync::Arc;
use std::time::Duration;

use hotshoe::{
    Call, Context, Contributions, Event, EventHandler, LinkedPlugin, NoConfig, Plugin, Request,
    Response, Result, handler_fn, task_fn,
};

struct Steady(Context);

impl Plugin for Steady {
    type Config = NoConfig;

    async fn initialize(context: Context, _: NoConfig) -> Result<Self> {
        Ok(Self(context))
    }

    fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
        to.handler(
            "GET",
            "/steady",
            handler_fn(|_: Request| async { Ok(Response::text(200, "steady")) }),
        );
        to.handler("GET", "/steady/never", handler_fn(|_: Request| std::future::pending()));
        to.subscribe("steady.*", self.clone());
        to.every(Duration::from_millis(1), "beat", task_fn(|_: Call| async { Ok(()) }));
    }

    async fn execute(&self, _: &Call, input: serde_json::Value) -> Result<serde_json::Value> {
        Ok(input)
    }
}

/// Counts.
impl EventHandler for Steady {
    async fn handle(&self, _: Event) -> Result<()> {
        self.0.metrics().count("events", 1)
    }
}

/// Ready to be mounted.
pub const PLUGIN: LinkedPlugin =
    zoo::plugin!(Steady, id = "steady", permissions = ["events.subscribe:steady.*"]);
