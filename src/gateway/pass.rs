//! The plain way past a middleware, on which there is nothing to do but to hand on its answer: one future, written
//! by hand, that moves nothing while it is polled.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use hotshoe_abi::{AbiFuture, AbiMiddleware, Next, Ongoing, outcome};

use super::chain::{Links, answered};
use super::guard::closed;
use crate::contract::{Error, ErrorKind, Request, Response, Result};

/// A request at a link without limit that no request passes when it is broken.
struct Passed<C> {
    call: Result<Ongoing<Arc<AbiMiddleware>, Response, C>, Option<Error>>,
    /// Dropped after `call`, which is inside of a port that these may have the last share of: one that goes while
    /// somebody is inside stays for good.
    links: Arc<Links>,
    at: usize,
}

impl Links {
    /// Through such a link, beginning at once: of what is called an author's code runs only when it is polled.
    #[inline]
    pub(super) fn pass(
        self: Arc<Self>,
        at: usize,
        request: Request,
    ) -> impl Future<Output = Result<Response>> + Send + use<> {
        let next = Next::new(self.clone(), at + 1);
        let port = &self.link(at).entry().port;
        let call = port.set_out(move |middleware| middleware.handle(request, next)).map_err(Some);
        Passed { call, links: self, at }
    }
}

// Nothing in it is pinned: a future that crosses is a box.
impl<C> Unpin for Passed<C> {}

impl<C> Future for Passed<C>
where
    C: for<'x> FnOnce(&'x Arc<AbiMiddleware>) -> AbiFuture<'x, Response>,
{
    type Output = Result<Response>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<Response>> {
        let Self { call, links, at } = self.get_mut();
        let link = links.link(*at);
        // What it answers is asked for its status once, by whoever tells how the call ended.
        let mut ended = outcome::DONE;
        let answer = match call {
            Ok(call) => {
                let answer = ready!(call.poll(context, |answer| {
                    ended = answered(answer);
                    link.own(ended)
                }));
                if answer.is_ok() { Ok(answer) } else { link.answer(answer) }
            }
            Err(error) => Err(link.entry().port.named(error.take().unwrap_or_else(finished))),
        };
        let mut answer = answer.unwrap_or_else(|error| Err(closed(error)));
        if answer.is_err() {
            ended = answered(&answer);
        }
        links.passed_on_as(*at, &mut answer, ended);
        Poll::Ready(answer)
    }
}

#[cold]
fn finished() -> Error {
    Error::new(ErrorKind::IllegalState, "a request that was answered was polled again")
}
