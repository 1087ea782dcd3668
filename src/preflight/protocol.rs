//! What parent and child say to each other: one line of JSON each time.
//!
//! The parent says one [`Job`], the child answers with a [`Step`] for each thing that it has done.
//! Both go over a socket that is the child's standard input. The library itself, open, is its
//! standard output: so it is the very file that was verified.

use serde::{Deserialize, Serialize};

use super::refusal::Refusal;

/// What is to be tried.
#[derive(Serialize, Deserialize)]
pub(super) struct Job {
    /// The version of hotshoe that asks.
    pub(super) hotshoe: String,
    /// The id of the instance.
    pub(super) instance: String,
    /// Where the library is, for messages.
    pub(super) path: String,
    /// A folder that the plugin may write to.
    pub(super) data_dir: String,
    /// The settings, JSON.
    pub(super) settings: String,
}

/// What the child has done. If it then says no more, the next thing was too much.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Step {
    /// It is such a child, of this version.
    Hello(String),
    /// The library is open, its layouts agree.
    Opened,
    /// The instance was initialised, or said why not: the host will hear it again.
    Initialized,
    /// The instance was dropped, its thread has ended.
    Done,
    /// The library does not open, or its layouts do not agree.
    Refused(Refusal),
}
