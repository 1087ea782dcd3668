//! Says which pages may read an answer.

use std::sync::Arc;

use hotshoe::{
    Context, Contributions, Middleware, Next, NoConfig, Plugin, Request, Response, Result,
};
use server_work::{may_read, name};

/// The plugin.
pub struct Cors;

impl Plugin for Cors {
    type Config = NoConfig;

    async fn initialize(_: Context, _: NoConfig) -> Result<Self> {
        Ok(Self)
    }

    fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
        to.middleware(self.clone());
    }
}

impl Middleware for Cors {
    async fn handle(&self, request: Request, next: Next) -> Result<Response> {
        let origin = request.header_bytes(name::ORIGIN);
        let site = request.header_bytes(name::FETCH_SITE);
        let origin = origin.filter(|origin| may_read(origin, site)).map(<[u8]>::to_vec);
        let mut response = next.run(request).await?;
        if let Some(origin) = origin {
            response.set_header(name::ALLOW_ORIGIN, origin);
        }
        Ok(response)
    }

    fn priority(&self) -> i32 {
        50
    }
}

hotshoe::export_plugin!(Cors, provides = [middleware]);
