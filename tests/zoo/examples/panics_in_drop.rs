//! Panics when it, or what it contributed, is dropped.

use std::sync::Arc;

use hotshoe::{
    Context, Contributions, LinkedPlugin, NoConfig, Plugin, Request, RequestHandler, Response,
    Result,
};

struct Specimen(Grudge);

impl Plugin for Specimen {
    type Config = NoConfig;

    async fn initialize(_: Context, _: NoConfig) -> Result<Self> {
        Ok(Self(Grudge))
    }

    fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
        to.handler("GET", "/fault", Grudge);
    }
}

struct Grudge;

impl RequestHandler for Grudge {
    async fn handle(&self, _: Request) -> Result<Response> {
        Ok(Response::text(200, "not yet"))
    }
}

impl Drop for Grudge {
    fn drop(&mut self) {
        panic!("the drop went wrong");
    }
}

/// Ready to be mounted.
pub const PLUGIN: LinkedPlugin = zoo::plugin!(Specimen, id = "panics-in-drop");
