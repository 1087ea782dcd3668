//! Lets in who has a token, and tells the handler who that is.

use std::sync::Arc;

use hotshoe::{
    Context, Contributions, Middleware, Next, NoConfig, Plugin, Request, Response, Result,
};
use server_work::{Tokens, name};

/// The plugin.
#[derive(Default)]
pub struct Auth(Tokens);

impl Plugin for Auth {
    type Config = NoConfig;

    async fn initialize(_: Context, _: NoConfig) -> Result<Self> {
        Ok(Self::default())
    }

    fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
        to.middleware(self.clone());
    }
}

impl Middleware for Auth {
    async fn handle(&self, mut request: Request, next: Next) -> Result<Response> {
        let Some(user) = self.0.user(request.header_bytes(name::AUTHORIZATION)) else {
            return Ok(Response::text(401, "a token was expected\n"));
        };
        request.set_header(name::USER, user);
        next.run(request).await
    }

    fn priority(&self) -> i32 {
        30
    }
}

hotshoe::export_plugin!(Auth, provides = [middleware]);
