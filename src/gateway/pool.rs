//! A route that several instances of one pool answer.

use std::sync::Arc;

use super::HandlerEntry;
use super::chain::answered;
use crate::contract::{Request, Response, Result};
use crate::extension::all_refused;
use crate::supervise::tries;

/// The handlers of one route. Never none.
#[derive(Clone)]
pub(super) struct Pool(pub(super) Vec<Arc<HandlerEntry>>);

impl Pool {
    /// The name that its instances share.
    pub(super) fn name(&self) -> &str {
        self.0.first().and_then(|entry| entry.port.pool()).unwrap_or_default()
    }

    /// Sends a request to one of them, and whose answer it is. Who refuses it before anything of it has
    /// begun is not the last that is asked; once it has begun somewhere it is tried nowhere else.
    pub(super) async fn handle(&self, request: Request) -> Result<(Response, &Arc<HandlerEntry>)> {
        let received = request.body_len().unwrap_or_default();
        // Whoever lets it in takes it.
        let mut given = Some(request);
        let mut refusals = Vec::new();
        for entry in tries(&self.0, |entry| entry.port.standing()) {
            let begun = entry.port.begin(
                || {
                    let request = given.take().expect("it begins once");
                    entry.call(request)
                },
                answered,
            );
            match begun {
                Ok(answer) => {
                    let _inside = entry.port.enter_chosen();
                    let response = answer.await.map_err(|error| entry.port.named(error))?;
                    entry.port.count_bytes(received, response.body_len().unwrap_or_default());
                    return Ok((response, entry));
                }
                Err(error) => refusals.push(error),
            }
        }
        Err(all_refused(&format!("the pool `{}`", self.name()), refusals))
    }
}
