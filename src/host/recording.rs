//! Recording what an instance answers, and replaying it to one.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::core::Core;
use super::public::PluginHost;
use crate::contract::{Call, Error, ErrorKind, Response, Result};
use crate::replay::{
    Answering, EXECUTE, Reader, RecordOptions, RecordedRequest, Recorder, Recording, ReplayOptions,
    Report, Source, Subject, replay,
};
use crate::runtime::Pending;

impl PluginHost {
    /// Writes the calls of a running instance and their answers into a new file, until what this returns is
    /// dropped: requests to its routes as its handlers get them, and `execute`. No call waits for it or fails
    /// because of it; what cannot be taken down is passed over and counted. It is the calls of this start of
    /// the instance: a restart or a swap ends the recording.
    ///
    /// The file holds what users said and were told, but for the headers in
    /// [`redact`](RecordOptions::redact): keep it as you would keep that. See [`replay`](crate::replay).
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], also of a contribution; [`ErrorKind::Unavailable`];
    /// [`ErrorKind::AlreadyExists`] if the file is there already, or the instance is being recorded;
    /// [`ErrorKind::Io`].
    pub fn record(&self, instance: &str, options: RecordOptions) -> Result<Recording> {
        self.core().record(instance, &options)
    }

    /// Makes the calls of a recording again, to an instance that runs, and compares the answers. Requests go
    /// to its handlers, past middleware. What a call does it does again: see
    /// [`skip`](ReplayOptions::skip).
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]; [`ErrorKind::Unavailable`]; [`ErrorKind::Io`], or
    /// [`ErrorKind::InvalidInput`], if the file cannot be read or is no recording. That answers differ is no
    /// error: see [`Report::verdict`](crate::replay::Report::verdict).
    pub fn replay(
        &self,
        file: impl Into<PathBuf>,
        instance: &str,
        options: ReplayOptions,
    ) -> Pending<Report> {
        let (core, file, id) = (self.core().clone(), file.into(), instance.to_owned());
        Pending::spawn("replay", move || core.replay(&file, &id, &options))
    }
}

impl Core {
    /// Begins to record the calls of a running instance.
    pub(super) fn record(self: &Arc<Self>, id: &str, options: &RecordOptions) -> Result<Recording> {
        let (start, plugin, version) = self.running(id, |slot| {
            let manifest = &slot.running.as_ref().and(slot.candidate.as_ref())?.manifest;
            Some((slot.started, manifest.id.clone(), manifest.version.to_string()))
        })?;
        let contributions = self.recorded(id, options)?;
        let of = Source { instance: id, plugin: &plugin, version, contributions };
        let mut recording = Recording::begin(of, options)?;
        let recorder = recording.recorder().clone();
        let attached = self.attach(id, start, &recorder);
        if let Err(error) = attached {
            // Nothing was recorded.
            let _ = std::fs::remove_file(recording.file());
            return Err(error);
        }
        self.gateway.record(id, start, &recorder);
        let (core, id) = (Arc::downgrade(self), id.to_owned());
        recording.on_end(move || {
            let Some(core) = core.upgrade() else { return false };
            core.gateway.end_recording(&recorder);
            core.detach(&id, &recorder)
        });
        Ok(recording)
    }

    /// What is recorded of an instance: what the options name.
    fn recorded(&self, id: &str, options: &RecordOptions) -> Result<Vec<String>> {
        let routes = self.gateway.draft(|routes| routes.of(id));
        let routes = routes.into_iter().map(|(method, path)| format!("{method} {path}"));
        let all: Vec<String> = routes.chain([EXECUTE.to_owned()]).collect();
        if let Some(unknown) = options.contributions.iter().find(|name| !all.contains(name)) {
            let message = format!("it has no contribution `{unknown}` that can be recorded");
            return Err(Error::new(ErrorKind::NotFound, message)
                .with_plugin(id)
                .with_help(format!("routes and `execute` can be: {}", all.join(", "))));
        }
        match options.contributions.is_empty() {
            true => Ok(all),
            false => Ok(options.contributions.clone()),
        }
    }

    fn attach(&self, id: &str, start: u64, recorder: &Arc<Recorder>) -> Result<()> {
        let mut slots = self.slots.write();
        let has_canary = slots.get(id).is_some_and(|slot| slot.trial.is_some());
        let running = slots.get_mut(id).filter(|slot| slot.started == start);
        let Some(running) = running.and_then(|slot| slot.running.as_mut()) else {
            let message = "it was expected to go on running, it was stopped meanwhile";
            return Err(Error::new(ErrorKind::Unavailable, message).with_plugin(id));
        };
        if has_canary {
            let message =
                "a share of its calls goes to another version: it would be a recording of neither";
            return Err(Error::new(ErrorKind::IllegalState, message).with_plugin(id).with_help(
                "wait for the end of the canary, or end it with `promote` or `roll_back`",
            ));
        }
        if running.recorder.is_some() {
            let message = "its calls are being recorded already";
            return Err(Error::new(ErrorKind::AlreadyExists, message)
                .with_plugin(id)
                .with_help("end that recording first"));
        }
        running.recorder = Some(recorder.clone());
        Ok(())
    }

    /// Whether it was still attached.
    fn detach(&self, id: &str, recorder: &Arc<Recorder>) -> bool {
        let mut slots = self.slots.write();
        let running = slots.get_mut(id).and_then(|slot| slot.running.as_mut());
        let own = running.map(|running| &mut running.recorder);
        let own = own.filter(|own| own.as_ref().is_some_and(|own| Arc::ptr_eq(own, recorder)));
        own.is_some_and(|own| own.take().is_some())
    }

    /// Makes the calls of a recording again.
    pub(super) fn replay(
        self: &Arc<Self>,
        file: &Path,
        id: &str,
        options: &ReplayOptions,
    ) -> Result<Report> {
        self.running(id, |slot| slot.running.as_ref().map(|_| ()))?;
        replay(Reader::open(file)?, &Instance { core: self, id }, options)
    }
}

/// An instance that runs.
struct Instance<'a> {
    core: &'a Core,
    id: &'a str,
}

impl Subject for Instance<'_> {
    fn handle<'a>(
        &'a self,
        call: Call,
        request: &'a RecordedRequest,
    ) -> Answering<'a, Option<Result<Response>>> {
        Box::pin(self.core.gateway.handle_by(self.id, request.to_request(call)))
    }

    fn execute<'a>(&'a self, call: Call, input: &'a str) -> Answering<'a, Result<String>> {
        Box::pin(async move {
            let output = self.core.execute(self.id, &call, input).await?;
            Ok(output.into_string())
        })
    }
}
