//! Calls itself until the stack is used up.

use std::sync::Arc;

use hotshoe::{
    Context, Contributions, LinkedPlugin, Plugin, Request, RequestHandler, Response, Result,
};
use serde::Deserialize;

/// Where it happens.
#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum When {
    Initialize,
    Request,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    when: When,
}

struct Specimen;

impl Plugin for Specimen {
    type Config = Config;

    async fn initialize(_: Context, config: Config) -> Result<Self> {
        if config.when == When::Initialize {
            kill();
        }
        Ok(Self)
    }

    fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
        to.handler("GET", "/fault", self.clone());
    }
}

impl RequestHandler for Specimen {
    async fn handle(&self, _: Request) -> Result<Response> {
        kill();
        Ok(Response::text(200, "it is to come"))
    }
}

fn kill() {
    std::hint::black_box(deeper(0));
}

fn deeper(depth: u64) -> u64 {
    let frame = std::hint::black_box([depth; 64]);
    if depth == u64::MAX { 0 } else { deeper(depth + 1) + frame[1] }
}

/// Ready to be mounted.
pub const PLUGIN: LinkedPlugin = zoo::plugin!(Specimen, id = "overflows-the-stack");
