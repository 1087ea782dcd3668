//! Answers a request by sending the same one, and a call of its entry by calling it.

use std::sync::Arc;

use hotshoe::{
    Call, Context, Contributions, LinkedPlugin, NoConfig, Plugin, Request, RequestHandler,
    Response, Result,
};
use serde_json::Value;

struct Specimen(Context);

impl Plugin for Specimen {
    type Config = NoConfig;

    async fn initialize(context: Context, _: NoConfig) -> Result<Self> {
        Ok(Self(context))
    }

    fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
        to.handler("GET", "/fault", self.clone());
    }

    async fn execute(&self, call: &Call, input: Value) -> Result<Value> {
        self.0.execute(call, "calls-back-without-end", &input).await
    }
}

impl RequestHandler for Specimen {
    async fn handle(&self, _: Request) -> Result<Response> {
        self.0.request(Request::builder("GET", "/fault").build()).await
    }
}

/// Ready to be mounted.
pub const PLUGIN: LinkedPlugin = zoo::plugin!(
    Specimen,
    id = "calls-back-without-end",
    permissions = ["request", "execute:calls-back-without-end"]
);
