//! What calls go to, by name.

use std::fmt;

use hotshoe_abi::plain::Line;

/// One thing that an instance contributes, as figures and messages name it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Contribution {
    /// A route: `GET /search`.
    Route {
        method: String,
        path: String,
    },
    /// The so manieth middleware.
    Middleware(usize),
    /// A storage backend of this type.
    Storage(String),
    Service(String),
    /// A subscription: the so manieth of this instance to the topic, which is not shown.
    Topic(String, usize),
    /// A periodic job: the so manieth of this name, which is not shown.
    Task(String, usize),
    /// The generic entry.
    Execute,
    /// What the host asks of it: how it is, which figures it has.
    Own,
}

impl Contribution {
    /// Whether limits and the breaker hold for its calls: those that somebody else makes.
    pub(crate) fn is_limited(&self) -> bool {
        !matches!(self, Self::Topic(..) | Self::Task(..) | Self::Own)
    }

    /// Whether it is served to its end when the instance stops: events that are queued, jobs that run.
    pub(crate) fn ends_last(&self) -> bool {
        matches!(self, Self::Topic(..) | Self::Task(..))
    }
}

impl fmt::Display for Contribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Route { method, path } => write!(f, "{} {}", Line(method), Line(path)),
            Self::Middleware(0) => f.write_str("middleware"),
            Self::Middleware(at) => write!(f, "middleware {}", at + 1),
            Self::Storage(kind) => write!(f, "storage {}", Line(kind)),
            Self::Service(name) => write!(f, "service {}", Line(name)),
            Self::Topic(topic, _) => write!(f, "topic {}", Line(topic)),
            Self::Task(name, _) => write!(f, "task {}", Line(name)),
            Self::Execute => f.write_str("execute"),
            Self::Own => f.write_str("health and figures"),
        }
    }
}
