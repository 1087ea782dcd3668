//! Gives every answer the id of its request: the client's, or else the host's.

use std::sync::Arc;

use hotshoe::{
    Context, Contributions, Middleware, Next, NoConfig, Plugin, Request, Response, Result,
};
use server_work::name;

/// The plugin.
pub struct RequestId;

impl Plugin for RequestId {
    type Config = NoConfig;

    async fn initialize(_: Context, _: NoConfig) -> Result<Self> {
        Ok(Self)
    }

    fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
        to.middleware(self.clone());
    }
}

impl Middleware for RequestId {
    async fn handle(&self, request: Request, next: Next) -> Result<Response> {
        let theirs = request.header(name::REQUEST_ID);
        let id = theirs.or(request.call().request_id()).unwrap_or_default().to_owned();
        let mut response = next.run(request).await?;
        response.set_header(name::REQUEST_ID, id);
        Ok(response)
    }

    fn priority(&self) -> i32 {
        10
    }
}

hotshoe::export_plugin!(RequestId, provides = [middleware]);
