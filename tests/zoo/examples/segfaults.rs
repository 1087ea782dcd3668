//! Reads where nothing is mapped.

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
    // SAFETY: there is none: that is the fault.
    unsafe { std::hint::black_box(16 as *const u8).read_volatile() };
}

/// Ready to be mounted.
pub const PLUGIN: LinkedPlugin = zoo::plugin!(Specimen, id = "segfaults");
