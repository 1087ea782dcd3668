//! Recording the calls of an instance, and replaying them to another version of it.
//!
//! [`PluginHost::record`] writes the calls of a running instance and their answers into a file, while they
//! are made. [`PluginHost::replay`], or [`replay()`] with a [`Subject`] of one's own, makes the same calls
//! again and compares the answers:
//!
//! ```
//! # use hotshoe::{Context, Contributions, NoConfig, Plugin, Response, handler_fn};
//! # use std::sync::Arc;
//! use hotshoe::replay::{RecordOptions, ReplayOptions, Tolerance};
//! use hotshoe::{PluginHost, Request, Result};
//! # struct Ping;
//! # impl Plugin for Ping {
//! #     type Config = NoConfig;
//! #     async fn initialize(_: Context, _: NoConfig) -> Result<Self> {
//! #         Ok(Ping)
//! #     }
//! #     fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
//! #         to.handler("GET", "/ping", handler_fn(|_: Request| async { Ok(Response::text(200, "pong")) }));
//! #     }
//! # }
//!
//! # fn main() -> Result<()> {
//! # let ping = hotshoe::plugin!(Ping, id = "ping");
//! # let folder = tempfile::tempdir().unwrap();
//! # let file = folder.path().join("ping.jsonl");
//! let host = PluginHost::builder().register_plugin(ping).build()?;
//! host.start().wait()?;
//! let recording = host.record("ping", RecordOptions::new(&file))?;
//! host.respond_blocking(Request::builder("GET", "/ping").build());
//! assert_eq!(recording.finish()?.written, 1);
//!
//! let report = host.replay(&file, "ping", ReplayOptions::default()).wait()?;
//! report.verdict(&Tolerance::default())?;
//! # host.stop().wait()
//! # }
//! ```
//!
//! What can be written is: requests to routes, as the handler gets them, behind all middleware; and `execute`.
//! Methods of services cannot: their arguments cross in binary form, and only the two who compiled the same
//! trait know what they mean. Storage backends are not recorded either.
//!
//! [`PluginHost::record`]: crate::PluginHost::record
//! [`PluginHost::replay`]: crate::PluginHost::replay

mod blob;
mod compare;
mod json;
mod latency;
mod model;
mod options;
mod reader;
mod recorder;
mod recording;
mod report;
mod run;
mod shorten;
mod subject;
mod summary;
mod tap;
mod tee;
#[cfg(test)]
mod tests;
mod writer;

pub use blob::Blob;
pub use latency::Latencies;
pub(crate) use model::EXECUTE;
pub use model::{Answered, Asked, Caller, Header, Recorded, RecordedRequest, RecordedResponse};
pub use options::{RecordOptions, ReplayOptions, Tolerance};
pub use reader::Reader;
pub(crate) use recorder::{Recorder, Track};
pub use recording::Recording;
pub(crate) use recording::Source;
pub use report::{Difference, Report};
pub use run::replay;
pub(crate) use run::replay_while;
pub use subject::{Answering, Subject};
pub use summary::RecordSummary;

/// The longest line of a recording. One call that is longer is passed over, and a file with a longer line is
/// no recording: whoever reads one keeps a line in memory.
const LONGEST_LINE: usize = 16 << 20;
