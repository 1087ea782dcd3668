//! [`PluginHost`]: the only place that composes the rest.

mod builder;
mod collect;
mod context;
mod core;
#[cfg(test)]
mod door_tests;
mod explain;
mod guarded;
mod health;
mod info;
mod log_level;
mod operations;
mod permissions;
mod plan;
mod public;
mod report;
mod slot;
mod start;
mod stop;
mod storage;

pub use builder::PluginHostBuilder;
pub use info::{Execution, Mount, PluginInfo, TaskInfo};
pub use public::PluginHost;
pub use report::StartReport;
