//! Answers a request with a body of 1 GiB, all of it in memory.

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
        let handler = handler_fn(|_: Request| async {
            Ok(Response::new(200).with_body(vec![b'x'; 1 << 30]))
        });
        to.handler("GET", "/fault", handler);
    }
}

/// Ready to be mounted.
pub const PLUGIN: LinkedPlugin = zoo::plugin!(Specimen, id = "answers-a-gibibyte");
