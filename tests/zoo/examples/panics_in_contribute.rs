//! Panics in `contribute`, after it has contributed something.

use std::sync::Arc;

use hotshoe::{
    Context, Contributions, LinkedPlugin, NoConfig, Plugin, Request, Response, Result, handler_fn,
};

struct Specimen;

impl Plugin for Specimen {
    type Config = NoConfig;

    async fn initialize(_: Context, _: NoConfig) -> Result<Self> {
        Ok(Self)
    }

    fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
        to.handler("GET", "/half", handler_fn(|_: Request| async { Ok(Response::new(200)) }));
        panic!("contribute went wrong")
    }
}

/// Ready to be mounted.
pub const PLUGIN: LinkedPlugin = zoo::plugin!(Specimen, id = "panics-in-contribute");
