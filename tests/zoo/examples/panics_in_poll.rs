//! Answers with a future that panics when it is polled again.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

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
        let handler = handler_fn(|_: Request| {
            let mut polled = false;
            poll_fn(move |context| -> Poll<Result<Response>> {
                if polled {
                    panic!("the second poll went wrong");
                }
                polled = true;
                context.waker().wake_by_ref();
                Poll::Pending
            })
        });
        to.handler("GET", "/fault", handler);
    }
}

/// Ready to be mounted.
pub const PLUGIN: LinkedPlugin = zoo::plugin!(Specimen, id = "panics-in-poll");
