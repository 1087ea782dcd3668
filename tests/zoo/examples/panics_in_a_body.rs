//! Answers with a body that panics after its first chunk.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use bytes::Bytes;
use hotshoe::{
    Body, BodyStream, Context, Contributions, LinkedPlugin, NoConfig, Plugin, Request, Response,
    Result, handler_fn,
};

struct Specimen;

impl Plugin for Specimen {
    type Config = NoConfig;

    async fn initialize(_: Context, _: NoConfig) -> Result<Self> {
        Ok(Self)
    }

    fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
        let handler = handler_fn(|_: Request| async {
            Ok(Response::new(200).with_body(Body::stream(Half(false))))
        });
        to.handler("GET", "/fault", handler);
    }
}

struct Half(bool);

impl BodyStream for Half {
    fn poll_chunk(
        mut self: Pin<&mut Self>,
        _: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Bytes>>> {
        if std::mem::replace(&mut self.0, true) {
            panic!("the body went wrong");
        }
        Poll::Ready(Some(Ok(Bytes::from_static(b"half"))))
    }
}

/// Ready to be mounted.
pub const PLUGIN: LinkedPlugin = zoo::plugin!(Specimen, id = "panics-in-a-body");
