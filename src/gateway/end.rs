//! Where the way of a request ends: with a handler, or without one.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use hotshoe_abi::{AbiHandler, AbiStarted, Ongoing, Outset};

use super::HandlerEntry;
use super::chain::answered;
use super::pool::Pool;
use crate::contract::{Request, Response, Result};

/// Where a request ends.
pub(super) enum Matched {
    Handler(Arc<HandlerEntry>),
    Pool(Arc<Pool>),
    Nothing,
    /// The path is there, for these methods.
    OtherMethods(String),
}

/// What the way ended with, and whose answer that is if it is a plugin's.
pub(super) type Ended<'a> = (Response, Option<&'a Arc<HandlerEntry>>);

impl Matched {
    /// The handler of this instance.
    pub(super) fn by(&self, instance: &str) -> Option<&Arc<HandlerEntry>> {
        let entries = match self {
            Self::Handler(entry) => std::slice::from_ref(entry),
            Self::Pool(pool) => &pool.0,
            Self::Nothing | Self::OtherMethods(_) => &[],
        };
        entries.iter().find(|entry| entry.instance == instance)
    }

    /// The handler that can be called as it is.
    #[inline]
    pub(super) fn plain(&self) -> Option<&Arc<HandlerEntry>> {
        match self {
            Self::Handler(entry) if entry.port.lane().is_none() => Some(entry),
            _ => None,
        }
    }

    /// The answer.
    pub(super) async fn answer(&self, request: Request) -> Result<Ended<'_>> {
        match self {
            Self::Handler(entry) => Ok((entry.answer(request).await?, Some(entry))),
            Self::Pool(pool) => {
                // In a box, so that requests to others keep no room for it.
                let (response, entry) = Box::pin(pool.handle(request)).await?;
                Ok((response, Some(entry)))
            }
            Self::Nothing => Ok((Response::text(404, "not found\n"), None)),
            Self::OtherMethods(allowed) => {
                let response =
                    Response::text(405, "method not allowed\n").with_header("allow", allowed);
                Ok((response, None))
            }
        }
    }
}

/// A request that its handler has not answered at once.
struct UnderWay<C> {
    call: Ongoing<Arc<AbiHandler>, Response, C>,
    /// Dropped after `call`, which is inside of its port.
    entry: Arc<HandlerEntry>,
    received: u64,
}

// Nothing in it is pinned: a future that crosses is a box.
impl<C> Unpin for UnderWay<C> {}

impl<C> Future for UnderWay<C>
where
    C: for<'x> FnOnce(&'x Arc<AbiHandler>, &mut Context<'_>) -> AbiStarted<'x, Response>,
{
    type Output = Result<Response>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<Response>> {
        let answer = ready!(self.call.poll(context, answered));
        Poll::Ready(self.entry.take(self.received, answer))
    }
}

impl HandlerEntry {
    /// Its answer, as far as that comes at once; without its lane.
    #[inline]
    pub(super) fn start(
        self: &Arc<Self>,
        request: Request,
        context: &mut Context<'_>,
    ) -> Outset<Response, impl Future<Output = Result<Response>> + Send + use<>> {
        let received = request.body_len().unwrap_or_default();
        match self.port.set_out(self.start_call(request), context, answered) {
            Ok(Outset::Answered(answer)) => Outset::Answered(self.take(received, answer)),
            Ok(Outset::UnderWay(call)) => {
                Outset::UnderWay(UnderWay { call, entry: self.clone(), received })
            }
            Err(error) => Outset::Answered(Err(self.port.named(error))),
        }
    }

    async fn answer(self: &Arc<Self>, request: Request) -> Result<Response> {
        if self.port.lane().is_some() {
            let received = request.body_len().unwrap_or_default();
            // In a box, so that requests to others keep no room for it.
            return self
                .take(received, Box::pin(self.port.ask(self.call(request), answered)).await);
        }
        let mut given = Some(request);
        let begun = poll_fn(|context| {
            let request = given.take().expect("what is ready at once is polled once");
            Poll::Ready(self.start(request, context))
        });
        match begun.await {
            Outset::Answered(answer) => answer,
            Outset::UnderWay(rest) => rest.await,
        }
    }

    #[inline]
    fn take(&self, received: u64, answer: Result<Response>) -> Result<Response> {
        match answer {
            Ok(response) => {
                self.port.count_bytes(received, response.body_len().unwrap_or_default());
                Ok(response)
            }
            Err(error) => Err(self.port.named(error)),
        }
    }
}
