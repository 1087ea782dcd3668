//! [`SwapReport`]: what an exchange came to.

use std::fmt;
use std::time::Duration;

use hotshoe_abi::plain::Line;
use serde::Serialize;

/// What an exchange of an instance came to. Its `Display` is one line in plain words.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SwapReport {
    /// Whose instance was exchanged.
    pub instance: String,
    /// The version before.
    pub from: String,
    /// The version that serves now; with a `canary`, the one that gets a share of the calls.
    pub to: String,
    /// From the beginning to when the new one served.
    pub took: Duration,
    /// For how long calls were held; zero if none had to be.
    pub pause: Duration,
    /// How many calls were still inside of the old one when the new one took over. They go on there;
    /// what they change of its state is not handed over.
    pub left_behind: u64,
    /// The size of the state that was handed over, in bytes; none if there was none.
    pub state: Option<u64>,
    /// How long the old one stays ready to take over again; none if there is no way back.
    pub probation: Option<Duration>,
    /// For how long only a share of the calls goes to the new one. After that it is promoted or withdrawn,
    /// which [`events`](crate::PluginHost::events) tell; see [`CanaryPolicy`](crate::config::CanaryPolicy).
    pub canary: Option<Duration>,
}

impl fmt::Display for SwapReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { instance, from, to, took, pause, left_behind, state, probation, canary } = self;
        if let Some(window) = canary {
            let (instance, to, from) = (Line(instance), Line(to), Line(from));
            return write!(
                f,
                "a share of the calls of `{instance}` goes to {to} for {window:?}, the others to {from}"
            );
        }
        write!(f, "`{}` is {} now, it was {}: ", Line(instance), Line(to), Line(from))?;
        write!(f, "after {took:.1?}, calls were held for {pause:.1?}")?;
        match state {
            Some(bytes) => write!(f, ", {bytes} bytes of state were handed over")?,
            None => f.write_str(", there was no state")?,
        }
        if *left_behind > 0 {
            write!(f, ", {left_behind} calls end in the old one")?;
        }
        match probation {
            Some(time) => write!(f, "; the old one stays ready for {time:?}"),
            None => Ok(()),
        }
    }
}
