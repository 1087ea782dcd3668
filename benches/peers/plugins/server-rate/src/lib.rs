//! Limits how many requests each client may send.

use std::sync::Arc;

use hotshoe::{
    Context, Contributions, Middleware, Next, NoConfig, Plugin, Request, Response, Result,
};
use server_work::{Quotas, name};

/// The plugin.
#[derive(Default)]
pub struct Rate(Quotas);

impl Plugin for Rate {
    type Config = NoConfig;

    async fn initialize(_: Context, _: NoConfig) -> Result<Self> {
        Ok(Self::default())
    }

    fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
        to.middleware(self.clone());
    }
}

impl Middleware for Rate {
    async fn handle(&self, request: Request, next: Next) -> Result<Response> {
        let client = request.header_bytes(name::FORWARDED_FOR).unwrap_or_default();
        let Some(left) = self.0.take(client) else {
            return Ok(Response::text(429, "too many requests\n"));
        };
        let mut response = next.run(request).await?;
        response.set_header(name::REMAINING, left.to_string());
        Ok(response)
    }

    fn priority(&self) -> i32 {
        40
    }
}

hotshoe::export_plugin!(Rate, provides = [middleware]);
