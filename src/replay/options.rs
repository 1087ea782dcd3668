//! What is recorded, how it is replayed, and what may differ.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

/// What [`PluginHost::record`](crate::PluginHost::record) records, and how much of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordOptions {
    /// A new file; only the program's user can read it.
    pub file: PathBuf,
    /// The contributions, as `GET /users/{user_id}` and `execute`; all that can be recorded, if there are
    /// none here.
    pub contributions: Vec<String>,
    /// Calls with a longer body, or a longer input or output, are passed over: 64 KiB.
    pub max_body: usize,
    /// The file grows no larger: 64 MiB.
    pub max_bytes: u64,
    /// No more calls are written: 100,000.
    pub max_calls: u64,
    /// Headers whose values are left out, in requests and responses.
    pub redact: Vec<String>,
}

impl RecordOptions {
    /// The defaults: everything, without the values of `authorization`, `cookie`, `proxy-authorization` and
    /// `set-cookie`.
    pub fn new(file: impl Into<PathBuf>) -> Self {
        let secret = ["authorization", "cookie", "proxy-authorization", "set-cookie"];
        Self {
            file: file.into(),
            contributions: Vec::new(),
            max_body: 64 << 10,
            max_bytes: 64 << 20,
            max_calls: 100_000,
            redact: secret.map(str::to_owned).to_vec(),
        }
    }
}

/// How a recording is replayed, and what is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReplayOptions {
    /// Headers of responses that are compared; none by default.
    pub compare_headers: Vec<String>,
    /// Parts of JSON that are not compared, as JSON pointers: `/uptime`, `/jobs/0/begun`. A `*` between
    /// slashes stands for any key and any position, and the empty pointer for the whole.
    pub ignore: Vec<String>,
    /// Contributions that are not called, as `POST /orders`: those that would do something twice.
    pub skip: Vec<String>,
    /// How many calls are made at one time: 1, in the recorded order. Of more, each begins in that order.
    pub concurrency: NonZeroUsize,
    /// How long one call may be pending: 30 s. Later it is answered as by an error of kind `timeout`.
    pub call_timeout: Duration,
    /// How many differences the report describes: 20. All are counted.
    pub described: usize,
}

impl Default for ReplayOptions {
    fn default() -> Self {
        Self {
            compare_headers: Vec::new(),
            ignore: Vec::new(),
            skip: Vec::new(),
            concurrency: NonZeroUsize::MIN,
            call_timeout: Duration::from_secs(30),
            described: 20,
        }
    }
}

/// What [`Report::verdict`](super::Report::verdict) lets pass.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Tolerance {
    /// How many calls may be answered otherwise: none.
    pub differences: u64,
    /// How many have to be compared: 1. A recording of nothing shows nothing.
    pub calls: u64,
    /// How many times as long as recorded calls may take, by their median and by what 99 of 100 take at
    /// most. Nothing is asked for by default: the machine has other things to do, too.
    pub max_latency_ratio: Option<f64>,
}

impl Default for Tolerance {
    fn default() -> Self {
        Self { differences: 0, calls: 1, max_latency_ratio: None }
    }
}
