//! Panics in a middleware for one path, before or after the handler.

use std::sync::Arc;

use hotshoe::{
    Context, Contributions, LinkedPlugin, Middleware, Next, NoConfig, Plugin, Request, Response,
    Result,
};

struct Specimen;

impl Plugin for Specimen {
    type Config = NoConfig;

    async fn initialize(_: Context, _: NoConfig) -> Result<Self> {
        Ok(Self)
    }

    fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
        to.middleware(self.clone());
    }
}

impl Middleware for Specimen {
    async fn handle(&self, request: Request, next: Next) -> Result<Response> {
        if request.header("when").is_none_or(|when| when == "in") {
            panic!("the middleware went wrong on the way in");
        }
        let _response = next.run(request).await?;
        panic!("the middleware went wrong on the way out")
    }

    fn paths(&self) -> Vec<String> {
        vec!["/fault".to_owned(), "/steady/guarded".to_owned()]
    }
}

/// Ready to be mounted.
pub const PLUGIN: LinkedPlugin =
    zoo::plugin!(Specimen, id = "panics-in-middleware", provides = [middleware]);
