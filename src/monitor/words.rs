//! What happened, in plain words: one line, whatever others said.

use std::fmt::{self, Display};
use std::time::Duration;

use hotshoe_abi::plain::Line;

use super::event::{BreakerState, HostEvent, HostEventKind, Refusal, Resource, Symptom};
use crate::contract::HealthStatus;
use crate::lifecycle::State;

/// So many of those that an instance waits for are named.
const NAMED: usize = 5;

impl Display for HostEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let who = match &self.instance {
            Some(id) => format!("`{}`", Line(id)),
            None => "the host".to_owned(),
        };
        match &self.kind {
            HostEventKind::StateChanged { from, to } => {
                write!(f, "{who} is {}, it was {}", to.as_str(), from.as_str())?;
                why(to, f)
            }
            HostEventKind::HealthChanged { health } => {
                let how = match health.status {
                    HealthStatus::Healthy => "healthy",
                    HealthStatus::Degraded => "degraded",
                    HealthStatus::Unhealthy => "unhealthy",
                };
                write!(f, "{who} is {how}")?;
                said(&health.message, f)
            }
            HostEventKind::Restarting { attempt, of, after } => {
                write!(f, "{who} is restarted in {after:?}, attempt {attempt} of {of}")
            }
            HostEventKind::Restarted { attempt: Some(attempt) } => {
                write!(f, "{who} was restarted, attempt {attempt}")
            }
            HostEventKind::Restarted { attempt: None } => write!(f, "{who} was restarted"),
            HostEventKind::GaveUp { after } => write!(
                f,
                "{who} is not restarted any more by itself, after {after} restarts in a row"
            ),
            HostEventKind::DependencyRestarted { dependency } => {
                write!(f, "{who} was restarted with `{}`, which it needs", Line(dependency))
            }
            HostEventKind::Swapped { from, to, pause, left_behind } => {
                write!(f, "{who} is {}, it was {}: ", Line(to), Line(from))?;
                write!(f, "calls were held for {pause:.1?}")?;
                match left_behind {
                    0 => Ok(()),
                    some => write!(f, ", {} ended in the old one", counted(*some, "call")),
                }
            }
            HostEventKind::CanaryBegun { from, to, share } => write!(
                f,
                "{:.0}% of the calls of {who} go to {}, the others to {}",
                share * 100.0,
                Line(to),
                Line(from)
            ),
            HostEventKind::SwapFailed { why } => {
                write!(f, "{who} goes on as it was: it could not be exchanged")?;
                said(why, f)
            }
            HostEventKind::RolledBack { from, to, why, pause } => {
                write!(f, "{who} is {} again, it was {}, ", Line(to), Line(from))?;
                write!(f, "calls were held for {pause:.1?}")?;
                said(why, f)
            }
            HostEventKind::Promoted { version } => {
                write!(f, "{who} stays with {}: its probation is over", Line(version))
            }
            HostEventKind::BreakerChanged { from, to, why } => {
                write!(f, "the breaker of {who} is {to}, it was {from}")?;
                said(why, f)
            }
            HostEventKind::Refused { by, count } => {
                write!(f, "{who} refused {} because of {by}", counted(*count, "call"))
            }
            HostEventKind::Problem { symptom, .. } => write!(f, "{who} {symptom}"),
            HostEventKind::ProblemOver { symptom } => {
                write!(f, "this is over: {who} {symptom}")
            }
            HostEventKind::Missed { count } => write!(
                f,
                "{} dropped: they came faster than they were read",
                match count {
                    1 => "1 event was".to_owned(),
                    more => format!("{more} events were"),
                }
            ),
        }
    }
}

/// Why it is in that state, if it says so.
fn why(state: &State, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match state {
        State::Failed { phase, error } => {
            write!(f, ": failed to {phase}")?;
            said(error, f)
        }
        State::Blocked { by } => {
            let mut names: Vec<String> =
                by.iter().take(NAMED).map(|id| format!("`{}`", Line(id))).collect();
            if by.len() > NAMED {
                names.push(format!("{} more", by.len() - NAMED));
            }
            write!(f, ": it waits for {}", names.join(", "))
        }
        _ => Ok(()),
    }
}

fn said(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if text.is_empty() { Ok(()) } else { write!(f, ": {}", Line(text)) }
}

fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

impl Display for BreakerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half open",
        })
    }
}

impl Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Stopped => "its being stopped or replaced",
            Self::Breaker => "its open breaker",
            Self::InstanceRate => "its rate limit",
            Self::RouteRate => "the rate limit of a route",
            Self::Bulkhead => "its limit of calls at one time",
            Self::Lane => "the queue of its threads",
            Self::Held => "an exchange that took too long",
        })
    }
}

/// What follows the name of the instance.
impl Display for Symptom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Slow { p99, limit } => {
                let (p99, limit) = (in_short(*p99), in_short(*limit));
                write!(f, "is slow: 1 call in 100 takes {p99:?} or longer, {limit:?} were expected")
            }
            Self::Erring { rate } => {
                write!(f, "fails too often: {:.0} of 100 calls", rate * 100.0)
            }
            Self::Leaking { what, from, to } => {
                let what = match what {
                    Resource::Tasks => "periodic jobs",
                    Resource::Subscriptions => "subscriptions",
                    Resource::Heap => "bytes of memory",
                };
                write!(f, "holds more and more {what}: {from} became {to}")
            }
            Self::Stuck { threads } => {
                write!(f, "does not give back {}", counted(*threads, "thread"))
            }
        }
    }
}

/// Microseconds are enough for people.
fn in_short(span: Duration) -> Duration {
    Duration::from_micros(u64::try_from(span.as_micros()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::contract::Health;
    use crate::lifecycle::Phase;

    fn line(kind: HostEventKind) -> String {
        HostEvent { at: SystemTime::UNIX_EPOCH, instance: Some("db".into()), kind }.to_string()
    }

    #[test]
    fn each_kind_is_one_line_in_plain_words() {
        let second = Duration::from_secs(1);
        let failed = State::Failed { phase: Phase::Stop, error: "it hangs".into() };
        let blocked =
            State::Blocked { by: ["a", "b", "c", "d", "e", "f"].map(String::from).to_vec() };
        let slow = Symptom::Slow { p99: second * 2, limit: second };
        let leak = Symptom::Leaking { what: Resource::Tasks, from: 2, to: 9 };
        let lines = [
            line(HostEventKind::state_changed(&State::Active, &failed)),
            line(HostEventKind::state_changed(&State::Stopped, &blocked)),
            line(HostEventKind::health_changed(&Health::degraded("half of it\nworks"))),
            line(HostEventKind::Restarting { attempt: 1, of: 5, after: second }),
            line(HostEventKind::Restarted { attempt: Some(1) }),
            line(HostEventKind::Restarted { attempt: None }),
            line(HostEventKind::GaveUp { after: 5 }),
            line(HostEventKind::DependencyRestarted { dependency: "store".into() }),
            line(HostEventKind::BreakerChanged {
                from: BreakerState::Closed,
                to: BreakerState::Open,
                why: "5 failures in a row".into(),
            }),
            line(HostEventKind::Refused { by: Refusal::Bulkhead, count: 1 }),
            line(HostEventKind::Problem { symptom: slow, since: SystemTime::UNIX_EPOCH }),
            line(HostEventKind::ProblemOver { symptom: Symptom::Erring { rate: 0.25 } }),
            line(HostEventKind::ProblemOver { symptom: leak }),
            line(HostEventKind::ProblemOver { symptom: Symptom::Stuck { threads: 1 } }),
            HostEvent::now("", HostEventKind::Missed { count: 12 }).to_string(),
        ];
        assert_eq!(
            lines,
            [
                "`db` is failed, it was active: failed to stop: it hangs",
                "`db` is blocked, it was stopped: it waits for `a`, `b`, `c`, `d`, `e`, 1 more",
                r"`db` is degraded: half of it\nworks",
                "`db` is restarted in 1s, attempt 1 of 5",
                "`db` was restarted, attempt 1",
                "`db` was restarted",
                "`db` is not restarted any more by itself, after 5 restarts in a row",
                "`db` was restarted with `store`, which it needs",
                "the breaker of `db` is open, it was closed: 5 failures in a row",
                "`db` refused 1 call because of its limit of calls at one time",
                "`db` is slow: 1 call in 100 takes 2s or longer, 1s were expected",
                "this is over: `db` fails too often: 25 of 100 calls",
                "this is over: `db` holds more and more periodic jobs: 2 became 9",
                "this is over: `db` does not give back 1 thread",
                "12 events were dropped: they came faster than they were read",
            ]
        );
    }
}
