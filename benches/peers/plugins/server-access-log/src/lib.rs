//! Counts requests, and says how long each took.

use std::sync::Arc;

use hotshoe::{
    Context, Contributions, Middleware, Next, NoConfig, Plugin, Request, Response, Result,
};
use server_work::{AccessLog, name};

/// The plugin.
#[derive(Default)]
pub struct Log(AccessLog);

impl Plugin for Log {
    type Config = NoConfig;

    async fn initialize(_: Context, _: NoConfig) -> Result<Self> {
        Ok(Self::default())
    }

    fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
        to.middleware(self.clone());
    }
}

impl Middleware for Log {
    async fn handle(&self, request: Request, next: Next) -> Result<Response> {
        let (agent, referer) =
            (request.header_bytes(name::AGENT), request.header_bytes(name::REFERER));
        let began = self.0.begin(agent, referer);
        let mut response = next.run(request).await?;
        let timing = self.0.end(began, response.status());
        response.set_header(name::TIMING, timing);
        Ok(response)
    }

    fn priority(&self) -> i32 {
        20
    }
}

hotshoe::export_plugin!(Log, provides = [middleware]);
