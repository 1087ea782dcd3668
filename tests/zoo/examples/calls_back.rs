//! Calls the host back from everywhere, its own route and entry included, and blocks until it has an answer.

use std::sync::Arc;
use std::time::Duration;

use futures_lite::future::block_on;
use hotshoe::{
    Call, Context, Contributions, Event, EventHandler, Health, LinkedPlugin, Metric, NoConfig,
    Plugin, Request, Response, Result, Task, handler_fn,
};
use serde_json::{Value, json};

struct Specimen(Caller);

#[derive(Clone)]
struct Caller(Context);

impl Caller {
    /// Asks everything of the host that may come back to this very instance.
    fn call_back(&self, place: &str) {
        let (context, call) = (&self.0, Call::builder().timeout(Duration::from_secs(30)).build());
        let request = Request::builder("GET", "/fault/plain").call(call.clone()).build();
        let route = block_on(context.request(request)).is_ok_and(|answer| answer.status() == 200);
        let entry = block_on(context.execute::<Value>(&call, "calls-back", &json!(null))).is_ok();
        let _ = context.publish(&call, "fault.plain", place.to_owned());
        let _ = context.shared("fault").map(|_| ());
        let _ = context.data_dir();
        let _ = context.metrics().count(&format!("{place} {route} {entry}"), 1);
    }
}

impl Plugin for Specimen {
    type Config = NoConfig;

    async fn initialize(context: Context, _: NoConfig) -> Result<Self> {
        let caller = Caller(context);
        caller.call_back("initialize");
        Ok(Self(caller))
    }

    fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
        self.0.call_back("contribute");
        let plain = handler_fn(|_: Request| async { Ok(Response::text(200, "plain")) });
        to.handler("GET", "/fault/plain", plain);
        let dropped = Dropped(self.0.clone());
        let handler = handler_fn(move |_: Request| {
            dropped.0.call_back("handler");
            async { Ok(Response::text(200, "called back")) }
        });
        to.handler("GET", "/fault", handler);
        to.subscribe("fault.event", Dropped(self.0.clone()));
        to.every(Duration::from_millis(1), "fault", Dropped(self.0.clone()));
    }

    async fn start(&self) -> Result<()> {
        self.0.call_back("start");
        Ok(())
    }

    async fn stop(&self) -> Result<()> {
        self.0.call_back("stop");
        Ok(())
    }

    async fn health(&self) -> Result<Health> {
        self.0.call_back("health");
        Ok(Health::healthy())
    }

    fn metrics(&self) -> Vec<Metric> {
        self.0.call_back("metrics");
        Vec::new()
    }

    async fn execute(&self, _: &Call, input: Value) -> Result<Value> {
        if !input.is_null() {
            self.0.call_back("execute");
        }
        Ok(input)
    }
}

impl Drop for Specimen {
    fn drop(&mut self) {
        self.0.call_back("drop");
    }
}

/// A contribution that calls back when it is dropped, too.
struct Dropped(Caller);

impl EventHandler for Dropped {
    async fn handle(&self, _: Event) -> Result<()> {
        self.0.call_back("event");
        Ok(())
    }
}

impl Task for Dropped {
    async fn run(&self, _: Call) -> Result<()> {
        self.0.call_back("job");
        Ok(())
    }
}

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.call_back("drop of a contribution");
    }
}

/// Ready to be mounted.
pub const PLUGIN: LinkedPlugin = zoo::plugin!(
    Specimen,
    id = "calls-back",
    permissions = [
        "request",
        "execute:calls-back",
        "events.publish:fault.*",
        "events.subscribe:fault.*",
        "shared:fault",
    ]
);
