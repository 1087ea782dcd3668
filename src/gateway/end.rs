//! Where the way of a request ends: with a handler, or without one.

use std::future::poll_fn;
use std::sync::Arc;

use hotshoe_abi::AbiHandler;

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

    /// The answer; `sign` is told by whom it is.
    pub(super) async fn answer(
        &self,
        request: Request,
        sign: impl FnOnce(Response, &Arc<HandlerEntry>) -> Response,
    ) -> Result<Response> {
        match self {
            Self::Handler(entry) => Ok(sign(entry.answer(request).await?, entry)),
            Self::Pool(pool) => {
                // In a box, so that requests to others keep no room for it.
                let (response, entry) = Box::pin(pool.handle(request)).await?;
                Ok(sign(response, entry))
            }
            Self::Nothing => Ok(Response::text(404, "not found\n")),
            Self::OtherMethods(allowed) => {
                Ok(Response::text(405, "method not allowed\n").with_header("allow", allowed))
            }
        }
    }
}

impl HandlerEntry {
    async fn answer(&self, request: Request) -> Result<Response> {
        let received = request.body_len().unwrap_or_default();
        let call = self.call(request);
        let response = if self.port.lane().is_some() {
            // In a box, so that requests to others keep no room for it.
            Box::pin(self.port.ask(call, answered)).await?
        } else {
            let call = self.port.set_out(move |handler: &Arc<AbiHandler>| call(handler));
            let mut call = call.map_err(|error| self.port.named(error))?;
            let answer = poll_fn(|context| call.poll(context, answered)).await;
            answer.map_err(|error| self.port.named(error))?
        };
        self.port.count_bytes(received, response.body_len().unwrap_or_default());
        Ok(response)
    }
}
