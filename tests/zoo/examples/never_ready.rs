//! Answers with futures that are never ready.

use std::sync::Arc;

use hotshoe::{
    Call, Context, Contributions, LinkedPlugin, NoConfig, Plugin, Request, Response, Result,
    handler_fn,
};
use serde_json::Value;

struct Specimen;

impl Plugin for Specimen {
    type Config = NoConfig;

    async fn initialize(_: Context, _: NoConfig) -> Result<Self> {
        Ok(Self)
    }

    fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
        let handler = handler_fn(|_: Request| std::future::pending::<Result<Response>>());
        to.handler("GET", "/fault", handler);
    }

    async fn execute(&self, _: &Call, _: Value) -> Result<Value> {
        std::future::pending().await
    }
}

/// Ready to be mounted.
pub const PLUGIN: LinkedPlugin = zoo::plugin!(Specimen, id = "never-ready");
