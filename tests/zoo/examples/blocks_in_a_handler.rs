//! Blocks the thread of whoever sends a request.

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
        loop {
            std::thread::park();
        }
    }
}

/// Ready to be mounted.
pub const PLUGIN: LinkedPlugin = zoo::plugin!(Specimen, id = "blocks-in-a-handler");
