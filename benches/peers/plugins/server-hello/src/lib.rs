//! Answers a few bytes.

use std::sync::Arc;

use hotshoe::{Context, Contributions, NoConfig, Plugin, Request, Response, Result, handler_fn};
use server_work::name;

/// The plugin.
pub struct Hello;

impl Plugin for Hello {
    type Config = NoConfig;

    async fn initialize(_: Context, _: NoConfig) -> Result<Self> {
        Ok(Self)
    }

    fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
        to.handler("GET", "/hello", handler_fn(hello));
    }
}

async fn hello(request: Request) -> Result<Response> {
    let user = request.header(name::USER).unwrap_or("you");
    Ok(Response::text(200, format!("hello, {user}\n")))
}

hotshoe::export_plugin!(Hello, endpoints = [GET "/hello"]);
