//! Tells whether a future of it that was dropped half-way is gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hotshoe::{
    Call, Context, Contributions, LinkedPlugin, NoConfig, Plugin, Request, Response, Result,
    handler_fn,
};
use serde_json::{Value, json};

#[derive(Default)]
struct Specimen {
    alive: Arc<AtomicUsize>,
}

impl Plugin for Specimen {
    type Config = NoConfig;

    async fn initialize(_: Context, _: NoConfig) -> Result<Self> {
        Ok(Self::default())
    }

    fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
        let alive = self.alive.clone();
        let handler = handler_fn(move |_: Request| {
            let counted = Counted::new(&alive);
            async move {
                let _counted = counted;
                std::future::pending::<Result<Response>>().await
            }
        });
        to.handler("GET", "/fault", handler);
    }

    async fn execute(&self, _: &Call, _: Value) -> Result<Value> {
        Ok(json!(self.alive.load(Ordering::SeqCst)))
    }
}

struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(alive: &Arc<AtomicUsize>) -> Self {
        alive.fetch_add(1, Ordering::SeqCst);
        Self(alive.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Ready to be mounted.
pub const PLUGIN: LinkedPlugin = zoo::plugin!(Specimen, id = "dropped-half-way");
