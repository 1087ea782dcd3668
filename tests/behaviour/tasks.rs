//! Periodic jobs.

use crate::stage::{Stage, is_well};

async fn a_job_runs_again_and_again(stage: Stage) {
    let host = stage.host(&["probe"], "plugins.probe.config.tick = '1ms'").await;
    stage.journal.until("probe: tick 5 as task:probe:tick").await;
    let task = host.plugin("probe").unwrap().tasks.remove(0);
    assert_eq!((task.name.as_str(), task.interval.as_millis()), ("tick", 1));
    assert!(task.runs >= 5 && task.failures == 0, "{task:?}");
}

async fn a_job_that_is_running_ends_before_its_plugin_stops(stage: Stage) {
    let config = "[plugins.probe.config]\ntick = '1ms'\nfault = 'tick-until-stop'";
    let host = stage.host(&["probe"], config).await;
    stage.journal.until("probe: tick 1 as task:probe:tick").await;
    host.stop().await.unwrap();
    stage.journal.until("probe: dropped").await;
    let notes = stage.journal.of("probe");
    assert_eq!(notes[3..5], ["tick 1 as task:probe:tick", "tick ended"], "one run at a time");
    assert_eq!(notes[notes.len() - 2..], ["stop", "dropped"], "none after the stop");
}

async fn a_job_that_takes_too_long_skips_what_it_missed(stage: Stage) {
    let config = "[plugins.probe.config]\ntick = '1ms'\nfault = 'tick-held'";
    let host = stage.host(&["probe"], config).await;
    stage.journal.until("probe: tick 1 as task:probe:tick").await;
    // Until other work of some milliseconds is done, runs are due that cannot begin.
    let begin = std::time::Instant::now();
    while begin.elapsed().as_millis() < 5 {
        is_well(&host).await;
    }
    stage.journal.release("tick");
    stage.journal.until("probe: tick 2 as task:probe:tick").await;
    let task = host.plugin("probe").unwrap().tasks.remove(0);
    assert!(task.skipped >= 4, "{task:?}");
}

on_every_mount! {
    a_job_runs_again_and_again,
    a_job_that_is_running_ends_before_its_plugin_stops,
    a_job_that_takes_too_long_skips_what_it_missed,
}
