//! Middleware that the benchmarks send requests through: `/after/1`, `/after/5` and `/after/20` are behind so
//! many of them.

use std::sync::Arc;

use hotshoe::{
    Context, Contributions, Middleware, Next, NoConfig, Plugin, Request, Response, Result,
    handler_fn,
};

/// How many middlewares a request passes, by its path.
pub const CHAINS: [(usize, &str); 3] = [(1, "/after/1"), (5, "/after/5"), (20, "/after/20")];

/// Contributes the chains.
pub struct Chains;

impl Plugin for Chains {
    type Config = NoConfig;

    async fn initialize(_: Context, _: NoConfig) -> Result<Self> {
        Ok(Self)
    }

    fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
        for (_, path) in CHAINS {
            to.handler("POST", path, handler_fn(echo));
        }
        for at in 0..20 {
            to.middleware(Reads {
                paths: CHAINS
                    .iter()
                    .filter(|(count, _)| at < *count)
                    .map(|(_, path)| *path)
                    .collect(),
            });
        }
    }
}

/// Answers with the body that came.
async fn echo(mut request: Request) -> Result<Response> {
    Ok(Response::new(200).with_body(request.take_body()))
}

/// Reads a header, and nothing else.
struct Reads {
    paths: Vec<&'static str>,
}

impl Middleware for Reads {
    async fn handle(&self, request: Request, next: Next) -> Result<Response> {
        if request.header("x-refused").is_some() {
            return Ok(Response::new(403));
        }
        next.run(request).await
    }

    fn paths(&self) -> Vec<String> {
        self.paths.iter().map(|path| (*path).to_owned()).collect()
    }
}

hotshoe::export_plugin! {
    Chains,
    provides = [middleware],
    endpoints = [POST "/after/1", POST "/after/5", POST "/after/20"],
}
