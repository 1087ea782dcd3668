//! What clients are told.

use hotshoe::Response;

use crate::limiter::Decision;

/// The answer to a request that is too much.
pub(crate) fn too_many(decision: &Decision) -> Response {
    let seconds = seconds(decision.retry_after).max(1);
    let mut response =
        Response::text(429, format!("too many requests; try again in {seconds} seconds\n"))
            .with_header("retry-after", seconds.to_string());
    describe(&mut response, decision);
    response
}

/// Adds what is left, unless another limit said already that less is.
pub(crate) fn describe(response: &mut Response, decision: &Decision) {
    let said = response.header("ratelimit-remaining").and_then(|left| left.parse::<u32>().ok());
    if said.is_some_and(|left| left < decision.remaining) {
        return;
    }
    response.set_header("ratelimit-limit", decision.limit.to_string());
    response.set_header("ratelimit-remaining", decision.remaining.to_string());
    response.set_header("ratelimit-reset", seconds(decision.reset).to_string());
}

/// Whole seconds, rounded up: whoever comes back then is not too early.
fn seconds(nanos: u64) -> u64 {
    nanos.div_ceil(1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decision(remaining: u32) -> Decision {
        let allowed = remaining > 0;
        Decision { allowed, limit: 10, remaining, retry_after: 1, reset: 2_500_000_000 }
    }

    #[test]
    fn a_refusal_says_when_to_come_back_and_never_at_once() {
        let response = too_many(&decision(0));
        assert_eq!(response.status(), 429);
        assert_eq!(response.header("retry-after"), Some("1"));
        assert_eq!(response.header("ratelimit-limit"), Some("10"));
        assert_eq!(response.header("ratelimit-remaining"), Some("0"));
        assert_eq!(response.header("ratelimit-reset"), Some("3"));
    }

    #[test]
    fn of_several_limits_the_one_that_leaves_least_is_told() {
        for (inner, outer, told) in [(3, 5, "3"), (5, 3, "3")] {
            let mut response = Response::new(200);
            describe(&mut response, &decision(inner));
            describe(&mut response, &decision(outer));
            assert_eq!(response.header("ratelimit-remaining"), Some(told));
        }
    }
}
