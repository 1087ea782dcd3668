//! The recording that a build has to pass: its calls are made to a generation that nobody else calls yet.

use std::sync::Arc;

use hotshoe_abi::{AbiHandler, AbiPlugin};

use super::state::Asking;
use crate::config::ReplayPolicy;
use crate::contract::{Call, Error, ErrorKind, Response, Result};
use crate::discover::Candidate;
use crate::gateway::{HandlerEntry, Routes};
use crate::replay::{
    Answering, Reader, RecordedRequest, ReplayOptions, Subject, Tolerance, replay_while,
};

/// The recording, if it is one of this plugin.
///
/// # Errors
/// It is not, or cannot be read.
pub(super) fn recording(policy: &ReplayPolicy, candidate: &Candidate) -> Result<Reader> {
    let recording = Reader::open(&policy.file)?;
    let (expected, found) = (&candidate.manifest.id, &recording.header().plugin);
    if expected == found {
        return Ok(recording);
    }
    let message =
        format!("a recording of the plugin `{expected}` was expected, found one of `{found}`");
    Err(Error::new(ErrorKind::InvalidInput, message)
        .with_path(&policy.file)
        .with_help("name another one in `swap.replay`, or leave that out"))
}

impl Asking<'_> {
    /// Makes the calls of the recording, which are to be answered as they were then.
    ///
    /// # Errors
    /// Those that are not; if all that takes too long; what is wrong with the recording.
    pub(super) fn rehearse(
        &self,
        routes: Routes,
        handlers: Vec<(Arc<HandlerEntry>, Arc<AbiHandler>)>,
        policy: &ReplayPolicy,
    ) -> Result<()> {
        let recording = Reader::open(&policy.file)?;
        let options = ReplayOptions {
            ignore: policy.ignore.clone(),
            skip: policy.skip.clone(),
            ..ReplayOptions::default()
        };
        let (instance, plugin) = (self.instance.to_owned(), self.plugin.clone());
        let rehearsal = Rehearsal { instance, plugin, routes, handlers };
        let report = self.within(
            policy.timeout,
            "answer all calls of the recording",
            Some("swap.replay.timeout"),
            move |stage| replay_while(&|| stage.check(), recording, &rehearsal, &options),
        )?;
        tracing::info!(plugin = self.instance, "{report}");
        let verdict = report.verdict(&Tolerance::default());
        verdict.map_err(|error| error.with_plugin(self.instance).with_path(&policy.file))
    }
}

/// What the calls are made to: not by ports, which lead to the generation that serves.
struct Rehearsal {
    instance: String,
    plugin: Arc<AbiPlugin>,
    /// As they will be.
    routes: Routes,
    /// Those of this generation.
    handlers: Vec<(Arc<HandlerEntry>, Arc<AbiHandler>)>,
}

impl Subject for Rehearsal {
    fn handle<'a>(
        &'a self,
        call: Call,
        request: &'a RecordedRequest,
    ) -> Answering<'a, Option<Result<Response>>> {
        let mut request = request.to_request(call);
        let entry = self.routes.handler_of(&self.instance, &mut request);
        let own = |entry| self.handlers.iter().find(|(own, _)| Arc::ptr_eq(own, &entry));
        Box::pin(async move {
            let (_, handler) = entry.and_then(own)?;
            Some(handler.handle(request).await)
        })
    }

    fn execute<'a>(&'a self, call: Call, input: &'a str) -> Answering<'a, Result<String>> {
        Box::pin(async move { Ok(self.plugin.execute(&call, input).await?.into_string()) })
    }
}
