//! What is up while others come up.

use std::sync::{Arc, LazyLock};

use async_channel::{Receiver, Sender};
use futures_lite::future::block_on;

use super::{PluginHost, PluginHostBuilder};
use crate::config::InstanceConfig;
use crate::contract::{Request, Response, Result, handler_fn};
use crate::sdk::{Context, Contributions, NoConfig, Plugin};

type Channel = LazyLock<(Sender<()>, Receiver<()>)>;

static STARTING: Channel = LazyLock::new(async_channel::unbounded);
static GO_ON: Channel = LazyLock::new(async_channel::unbounded);

struct Quick(String);

impl Plugin for Quick {
    type Config = NoConfig;

    async fn initialize(context: Context, _: NoConfig) -> Result<Self> {
        Ok(Self(format!("/{}", context.instance())))
    }

    fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
        to.handler("GET", &self.0, handler_fn(async |_: Request| Ok(Response::new(204))));
    }
}

struct Slow;

impl Plugin for Slow {
    type Config = NoConfig;

    async fn initialize(_: Context, _: NoConfig) -> Result<Self> {
        Ok(Self)
    }

    fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
        to.handler("GET", "/slow", handler_fn(async |_: Request| Ok(Response::new(204))));
    }

    async fn start(&self) -> Result<()> {
        let _ = STARTING.0.send(()).await;
        let _ = GO_ON.1.recv().await;
        Ok(())
    }
}

#[test]
fn what_is_up_is_served_while_what_starts_beside_it_takes_its_time_and_is_not_found() {
    let quick = |number| InstanceConfig::new(format!("quick-{number}")).with_plugin("quick");
    let host = PluginHost::builder()
        .register_plugin(crate::plugin!(Quick, id = "quick"))
        .register_plugin(crate::plugin!(Slow, id = "slow"));
    // A few would come into force together.
    let host = (0..20).map(quick).fold(host, PluginHostBuilder::instance).build().unwrap();
    let get = |path: &str| host.respond_blocking(Request::builder("GET", path).build()).status();
    let start = host.start();
    // It has its route by now, as far as other plugins are concerned.
    block_on(STARTING.1.recv()).unwrap();
    while get("/quick-0") != 204 {
        std::thread::yield_now();
    }
    assert_eq!(get("/slow"), 404);
    block_on(GO_ON.0.send(())).unwrap();
    assert!(start.wait().unwrap().is_complete());
    assert_eq!(get("/slow"), 204);
}
