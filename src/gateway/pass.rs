//! The plain way past a middleware, on which there is nothing to do but to hand on its answer. Mostly that is there
//! at once, and then there is no future at all. What is under way is one, written by hand, that moves nothing while
//! it is polled.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use hotshoe_abi::{AbiMiddleware, AbiStarted, Next, Ongoing, Outset, outcome};

use super::chain::{Links, answered};
use super::guard::closed;
use crate::contract::{Error, Request, Response, Result};

/// A request at a link without limit that no request passes when it is broken.
struct Passed<C> {
    call: Ongoing<Arc<AbiMiddleware>, Response, C>,
    /// Dropped after `call`, which is inside of a port that these may have the last share of: one that goes while
    /// somebody is inside stays for good.
    links: Arc<Links>,
    at: usize,
}

impl Links {
    /// Through such a link, as far as that goes at once.
    #[inline]
    pub(super) fn pass(
        self: Arc<Self>,
        at: usize,
        request: Request,
        context: &mut Context<'_>,
    ) -> Outset<Response, impl Future<Output = Result<Response>> + Send + use<>> {
        let next = Next::new(self.clone(), at + 1);
        let link = self.link(at);
        let port = &link.entry().port;
        // What it answers is asked for its status once, by whoever tells how the call ended.
        let mut ended = outcome::DONE;
        let call = port.set_out(
            move |middleware, context| middleware.start(request, next, context),
            context,
            |answer| {
                ended = answered(answer);
                link.own(ended)
            },
        );
        Outset::Answered(match call {
            Ok(Outset::UnderWay(call)) => {
                return Outset::UnderWay(Passed { call, links: self, at });
            }
            Ok(Outset::Answered(Ok(response))) => self.hand_on(at, Ok(response), ended),
            Ok(Outset::Answered(Err(error))) => self.hand_on_error(at, error),
            Err(error) => self.hand_on_closed(at, port.named(error)),
        })
    }

    /// The same from the first poll on.
    pub(super) async fn pass_through(
        self: Arc<Self>,
        at: usize,
        request: Request,
    ) -> Result<Response> {
        let mut given = Some((self, request));
        let begun = poll_fn(|context| {
            let (links, request) = given.take().expect("what is ready at once is polled once");
            Poll::Ready(links.pass(at, request, context))
        });
        match begun.await {
            Outset::Answered(answer) => answer,
            Outset::UnderWay(passed) => passed.await,
        }
    }

    /// Hands the answer of a link on to the one before.
    #[inline]
    fn hand_on(&self, at: usize, mut answer: Result<Response>, ended: u32) -> Result<Response> {
        self.passed_on_as(at, &mut answer, ended);
        answer
    }

    #[cold]
    fn hand_on_error(&self, at: usize, error: Error) -> Result<Response> {
        match self.link(at).answer(Err(error)) {
            Ok(answer) => {
                let ended = answered(&answer);
                self.hand_on(at, answer, ended)
            }
            Err(failed) => self.hand_on_closed(at, failed),
        }
    }

    #[cold]
    fn hand_on_closed(&self, at: usize, failed: Error) -> Result<Response> {
        let answer = Err(closed(failed));
        let ended = answered(&answer);
        self.hand_on(at, answer, ended)
    }
}

// Nothing in it is pinned: a future that crosses is a box.
impl<C> Unpin for Passed<C> {}

impl<C> Future for Passed<C>
where
    C: for<'x> FnOnce(&'x Arc<AbiMiddleware>, &mut Context<'_>) -> AbiStarted<'x, Response>,
{
    type Output = Result<Response>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<Response>> {
        let Self { call, links, at } = self.get_mut();
        let link = links.link(*at);
        let mut ended = outcome::DONE;
        let answer = ready!(call.poll(context, |answer| {
            ended = answered(answer);
            link.own(ended)
        }));
        Poll::Ready(match answer {
            Ok(response) => links.hand_on(*at, Ok(response), ended),
            Err(error) => links.hand_on_error(*at, error),
        })
    }
}
