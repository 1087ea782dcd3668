//! Answers with a future that panics when it is dropped; `/fault/ready` with one that is ready before.

use std::sync::Arc;

use hotshoe::{
    Context, Contributions, LinkedPlugin, NoConfig, Plugin, Request, Response, Result, handler_fn,
};

struct Specimen;

impl Plugin for Specimen {
    type Config = NoConfig;

    async fn initialize(_: Context, _: NoConfig) -> Result<Self> {
        Ok(Self)
    }

    fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
        let never = handler_fn(|_: Request| {
            let grudge = Grudge;
            async move {
                let _kept = grudge;
                std::future::pending::<Result<Response>>().await
            }
        });
        to.handler("GET", "/fault", never);
        let ready = handler_fn(|_: Request| {
            let grudge = Grudge;
            std::future::poll_fn(move |_| {
                let _kept = &grudge;
                std::task::Poll::Ready(Ok(Response::text(200, "ready")))
            })
        });
        to.handler("GET", "/fault/ready", ready);
    }
}

struct Grudge;

impl Drop for Grudge {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("the drop of the future went wrong");
        }
    }
}

/// Ready to be mounted.
pub const PLUGIN: LinkedPlugin = zoo::plugin!(Specimen, id = "panics-in-the-drop-of-a-future");
