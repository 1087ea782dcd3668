//! How a plugin or a storage backend says it is.

use serde::{Deserialize, Serialize};

/// One of three answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum HealthStatus {
    /// All is well.
    Healthy,
    /// It works, but not as it should.
    Degraded,
    /// It does not work.
    Unhealthy,
}

/// An answer to "how are you?".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Health {
    /// The answer.
    pub status: HealthStatus,
    /// For people: what is wrong, if anything.
    pub message: String,
}

impl Health {
    /// All is well.
    pub fn healthy() -> Self {
        Self { status: HealthStatus::Healthy, message: String::new() }
    }

    /// It works, but not as it should.
    pub fn degraded(message: impl Into<String>) -> Self {
        Self { status: HealthStatus::Degraded, message: message.into() }
    }

    /// It does not work.
    pub fn unhealthy(message: impl Into<String>) -> Self {
        Self { status: HealthStatus::Unhealthy, message: message.into() }
    }
}
