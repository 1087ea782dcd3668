//! Answers a request with a body of 1 GiB, a chunk at a time.

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
            let chunk = Bytes::from(vec![b'x'; 1 << 20]);
            Ok(Response::new(200).with_body(Body::stream(Chunks { chunk, left: 1 << 10 })))
        });
        to.handler("GET", "/fault", handler);
    }
}

struct Chunks {
    chunk: Bytes,
    left: usize,
}

impl BodyStream for Chunks {
    fn poll_chunk(
        mut self: Pin<&mut Self>,
        _: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Bytes>>> {
        let Some(left) = self.left.checked_sub(1) else { return Poll::Ready(None) };
        self.left = left;
        Poll::Ready(Some(Ok(self.chunk.clone())))
    }
}

/// Ready to be mounted.
pub const PLUGIN: LinkedPlugin = zoo::plugin!(Specimen, id = "streams-a-gibibyte");
