//! `access-log` writes one structured line for each request, and sees to it that every request has
//! an id.
//!
//! It is the outermost middleware, so its times are what clients wait for, and requests that another
//! middleware refuses are in the log too. A line goes to `tracing` (target `access`, level `info`)
//! and, if `file` is set, to that file as one line of JSON. Its fields:
//!
//! | field | |
//! | --- | --- |
//! | `timestamp` | in the file only (elsewhere the subscriber knows): RFC 3339, UTC, milliseconds |
//! | `level` | `info` |
//! | `plugin_id`, `version` | the plugin that answered, if the response's metadata has entries of these names; otherwise this plugin |
//! | `request_id` | the call's; made here if it has none. The response carries it as `x-request-id` |
//! | `method`, `path` | as it came; the query is left out, as it may hold secrets, unless `log_query` |
//! | `user_id` | if the application knows |
//! | `response_time_ms` | until the response was ready, not until its body was sent |
//! | `status_code` | of the response; of an error, the status that its kind suggests; 499 if nobody waited for the answer any more |
//! | `error` | the kind of the error, if it was one |
//!
//! # Configuration
//!
//! | setting | default | |
//! | --- | --- | --- |
//! | `file` | none | a file below the plugin's data folder, such as `"access.jsonl"`; appended to |
//! | `flush_interval` | none | none: each line is handed to the system before the request is answered. With an interval such as `"1s"` lines are collected in memory, up to 64 KiB: if the process dies, the lines since the last flush are lost |
//! | `skip_paths` | `[]` | what is not logged: exact paths, or prefixes with `*` at the end |
//! | `log_query` | `false` | whether the query is part of `path` |
//! | `trust_request_id` | `false` | whether a client's `x-request-id` becomes the id of a call that has none |
//! | `priority` | `-1000` | where in the chain; lower is nearer to the client |
//!
//! No line waits for the disk: what survives a crash of the *system* is up to the system. The file
//! stays open; rotate it with `copytruncate`. If it cannot be written to, requests are served all the
//! same, the plugin is degraded and says so, and lines are counted as lost.
//!
//! # Permissions
//!
//! None.

mod config;
mod file;
mod line;
mod paths;
mod pending;
mod request_id;
mod time;

use std::sync::Arc;

use hotshoe::{
    Call, Context, Contributions, Health, Metric, Middleware, Next, Plugin, Request, Response,
    Result, task_fn,
};

pub use config::Config;
use file::File;
use line::Source;
use paths::Paths;
use pending::Pending;

/// The plugin.
pub struct AccessLog {
    config: Config,
    skipped: Paths,
    sink: Arc<Sink>,
}

/// Where lines go, and in whose name.
struct Sink {
    source: Source,
    file: Option<File>,
}

impl AccessLog {
    fn new(config: Config, plugin: &str, folder: &std::path::Path) -> Result<Self> {
        config.check()?;
        let file = match &config.file {
            Some(name) => Some(File::open(&folder.join(name), config.flush_interval.is_some())?),
            None => None,
        };
        let source =
            Source { plugin_id: plugin.to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() };
        Ok(Self {
            skipped: Paths::new(&config.skip_paths),
            sink: Arc::new(Sink { source, file }),
            config,
        })
    }

    /// The id of the request, which its call has from now on.
    fn identify(&self, request: &mut Request) -> String {
        if let Some(id) = request.call().request_id() {
            return id.to_owned();
        }
        let sent = request.header("x-request-id").filter(|_| self.config.trust_request_id);
        let id = match sent.filter(|id| request_id::is_acceptable(id)) {
            Some(id) => id.to_owned(),
            None => request_id::new(),
        };
        let call = request.call().edit().request_id(id.clone()).build();
        request.set_call(call);
        id
    }
}

impl Middleware for AccessLog {
    async fn handle(&self, mut request: Request, next: Next) -> Result<Response> {
        let id = self.identify(&mut request);
        let pending = (!self.skipped.contain(request.path()))
            .then(|| Pending::new(self.sink.clone(), &id, &request, self.config.log_query));
        let mut result = next.run(request).await;
        if let Some(pending) = pending {
            pending.finish(&result);
        }
        if let Ok(response) = &mut result {
            response.set_header("x-request-id", &id);
        }
        result
    }

    fn priority(&self) -> i32 {
        self.config.priority
    }
}

impl Plugin for AccessLog {
    type Config = Config;

    async fn initialize(context: Context, config: Config) -> Result<Self> {
        Self::new(config, context.plugin(), context.data_dir())
    }

    fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
        to.middleware(self.clone());
        if let (Some(interval), Some(_)) = (self.config.flush_interval, &self.sink.file) {
            let this = self.clone();
            let flush = task_fn(move |_: Call| {
                let result = this.sink.file.as_ref().map_or(Ok(()), File::flush);
                std::future::ready(result)
            });
            to.every(interval.duration(), "flush", flush);
        }
    }

    async fn stop(&self) -> Result<()> {
        self.sink.file.as_ref().map_or(Ok(()), File::flush)
    }

    async fn health(&self) -> Result<Health> {
        Ok(match self.sink.file.as_ref().and_then(File::trouble) {
            Some(trouble) => Health::degraded(trouble),
            None => Health::healthy(),
        })
    }

    fn metrics(&self) -> Vec<Metric> {
        let file = self.sink.file.as_ref();
        vec![
            Metric::new("lines_written_total", file.map_or(0, File::written) as f64),
            Metric::new("lines_lost_total", file.map_or(0, File::lost) as f64),
        ]
    }
}

hotshoe::export_plugin! {
    AccessLog,
    name = "Access log",
    category = "monitoring",
    tags = ["http", "log"],
    provides = [middleware],
    state = "none",
}

#[cfg(test)]
mod tests;
