//! Panics in a request handler.

use std::sync::Arc;

use hotshoe::{
    Context, Contributions, LinkedPlugin, NoConfig, Plugin, Request, RequestHandler, Response,
    Result,
};

struct Specimen;

impl Plugin for Specimen {
    type Config = NoConfig;

    async fn initialize(_: Context, _: NoConfig) -> Result<Self> {
        Ok(Self)
    }

    fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
        to.handler("GET", "/fault", self.clone());
    }
}

impl RequestHandler for Specimen {
    async fn handle(&self, _: Request) -> Result<Response> {
        panic!("the handler went wrong")
    }
}

/// Ready to be mounted.
pub const PLUGIN: LinkedPlugin = zoo::plugin!(Specimen, id = "panics-in-a-handler");
