//! What a plugin contributes, in plain Rust types: the traits that authors implement.
//!
//! Nothing here knows how an object gets from one library to another; that is `bridge`'s work.
//! Each trait is as small as it can be. What callers find convenient is in an `…Ext` trait.

mod event;
mod handler;
mod health;
mod middleware;
mod storage;
mod task;

pub use event::EventHandler;
pub use handler::{HandlerFn, RequestHandler, handler_fn};
pub use health::{Health, HealthStatus};
pub use hotshoe_abi::{
    AbiBytes as Buffer, Body, BodyStream, Call, CallBuilder, Cause, Error, ErrorKind, Event,
    EventParts, HeaderPair, Next, Request, RequestBuilder, RequestParts, Response, ResponseParts,
    Result,
};
pub use middleware::Middleware;
pub use result_ext::ResultExt;
pub use storage::{
    BackupSummary, Batch, Capabilities, CopySummary, Entries, Entry, MemoryStore, Namespaced,
    Operation, Page, Precondition, Record, RestoreMode, RestoreSummary, Scan, Storage,
    StorageBackend, StorageExt, Tx, Version,
};
pub use task::{Task, TaskFn, task_fn};

mod result_ext;
