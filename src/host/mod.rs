//! [`PluginHost`]: the only place that composes the rest.

mod assemble;
mod builder;
mod collect;
mod context;
mod core;
#[cfg(test)]
mod door_tests;
mod entry;
mod explain;
#[cfg(feature = "metrics")]
mod facade;
#[cfg(feature = "watch")]
mod follow;
mod guarded;
mod health;
mod info;
mod keep;
mod libraries;
mod log_level;
mod mappings;
mod operations;
mod order;
mod patrol;
mod permissions;
mod plan;
mod plugin_metrics;
mod pools;
mod public;
mod recording;
mod report;
mod retired;
mod slot;
mod slots;
mod start;
#[cfg(test)]
mod start_tests;
mod stop;
mod storage;
mod swap;
mod watch;

pub use builder::PluginHostBuilder;
pub use info::{Execution, HeapUse, Mount, PluginInfo, TaskInfo};
pub use plugin_metrics::PluginMetrics;
pub use public::PluginHost;
pub use report::StartReport;
pub use retired::{LibraryMemory, RetiredLibrary};
pub use swap::{SwapReport, UpdateReport};
