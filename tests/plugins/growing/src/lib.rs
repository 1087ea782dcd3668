//! A plugin that uses a bit of everything. `tests/support/variants` has it a second time, against a
//! later hotshoe-abi, as `grown`: with some of the texts below exchanged.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hotshoe::{
    Context, Contributions, Event, EventHandler, Health, MemoryStore, NoConfig, Plugin,
    Precondition, Request, RequestHandler, Response, Result, ResultExt, StorageBackend,
};

/// The plugin.
pub struct Growing {
    context: Context,
    heard: AtomicU64,
}

impl Plugin for Growing {
    type Config = NoConfig;

    async fn initialize(context: Context, _: NoConfig) -> Result<Self> {
        Ok(Self { context, heard: AtomicU64::new(0) })
    }

    fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
        to.handler("GET", &format!("/{}", env!("CARGO_PKG_NAME")), Visits(self.clone()));
        to.subscribe("visited", Listener(self.clone()));
        to.storage("growing", MemoryStore::new());
    }

    async fn health(&self) -> Result<Health> {
        Ok(Health::degraded("still growing"))
    }

    /// Events that were published before arrive before.
    async fn stop(&self) -> Result<()> {
        let heard = self.heard.load(Ordering::SeqCst);
        let note = self.context.data_dir().join("stopped");
        std::fs::write(note, format!("heard of {heard} visits")).describe("it cannot be noted")
    }
}

/// Counts visits in the plugin's storage, and publishes each.
struct Visits(Arc<Growing>);

impl RequestHandler for Visits {
    async fn handle(&self, request: Request) -> Result<Response> {
        let (call, context) = (request.call(), &self.0.context);
        let storage = context.storage()?;
        let before = storage.get(call, "visits").await?;
        let count = before.and_then(|record| record.value.first().copied()).unwrap_or_default() + 1;
        storage.put(call, "visits", vec![count].into(), Precondition::Any).await?;
        context.publish(call, "visited", "")?;
        let host = host_says(context);
        Ok(Response::text(200, format!("visit {count} of {}; {host}", context.instance())))
    }
}

fn host_says(_: &Context) -> String {
    "the host was not asked".into()
}

struct Listener(Arc<Growing>);

impl EventHandler for Listener {
    async fn handle(&self, _: Event) -> Result<()> {
        self.0.heard.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

hotshoe::export_plugin! {
    Growing,
    provides = [storage "growing"],
    permissions = ["storage", "events.publish:visited", "events.subscribe:visited"],
}
