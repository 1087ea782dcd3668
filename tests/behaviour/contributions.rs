//! What is contributed has to be what the manifest promised, and possible.

use hotshoe::lifecycle::State;

use crate::stage::{Stage, get};

async fn what_does_not_fit_fails_the_instance_with_the_reason(stage: Stage) {
    for (fault, reason) in [
        (
            "unpromised-service",
            "`contribute` provides the service `unheard`, its manifest does not",
        ),
        (
            "unpromised-storage",
            "`contribute` provides the storage backend `tape`, its manifest does not",
        ),
        ("other-version", "its manifest provides the service `probe` 1.2.0, `contribute` 2.0.0"),
        ("no-service", "its manifest provides the service `probe`, `contribute` did not"),
        (
            "no-storage",
            "its manifest provides the storage backend `probe-memory`, `contribute` did not",
        ),
        ("route-twice", "the route GET /who is answered by `probe` already"),
        ("bad-route", "the route `/{unclosed` cannot be added"),
        ("no-interval", "the job `restless` has an interval of 0ns, at least 1ms is needed"),
    ] {
        let stage = Stage::like(&stage);
        let config = format!("plugins.probe.config.fault = '{fault}'");
        let (host, report) = stage.start(&["probe", "plain"], &config).await;
        assert!(!report.is_complete(), "{fault}");
        let why = host.explain("probe");
        assert!(why.contains(reason), "{fault}: {why}");
        // It was not started, nothing of it is left, and nobody else is harmed.
        stage.journal.until("probe: dropped").await;
        assert_eq!(stage.journal.of("probe"), ["initialize", "contribute", "dropped"], "{fault}");
        let response = get(&host, "/who").await;
        assert_eq!(response.status(), 404, "{fault}");
        assert_eq!(response.header("x-order"), Some("plain"), "{fault}");
        assert_eq!(host.plugin("plain").unwrap().state, State::Active);
    }
}

on_every_mount! {
    what_does_not_fit_fails_the_instance_with_the_reason,
}
