//! What the host tells about its plugins: the manifest, read the same way from any mount.

use hotshoe::lifecycle::{State, Status};

use crate::stage::{Mount, Stage};

async fn a_record_has_what_the_manifest_says(stage: Stage) {
    let host = stage.host(&["probe", "relay"], "").await;
    let probe = host.plugin("probe").unwrap();
    assert_eq!((probe.id.as_str(), probe.plugin.as_str()), ("probe", "probe"));
    assert_eq!(probe.name, "The probe");
    assert_eq!(probe.version, Some("1.4.2".parse().unwrap()));
    assert_eq!(probe.description, "A plugin that contributes everything, for the behaviour suite");
    assert_eq!(probe.category, "tests");
    assert_eq!(probe.metadata.get("colour").map(String::as_str), Some("red"));
    let provides = [
        "probe 1.2.0",
        "storage probe-memory",
        "middleware",
        "GET /who",
        "POST /echo",
        "GET /users/{user_id}/posts/{post}",
    ];
    assert_eq!(probe.provides, provides);
    assert_eq!(probe.endpoints.len(), 3);
    assert_eq!((probe.state, probe.status), (State::Active, Status::Active));
    assert!(!probe.load_time.is_zero());
    assert_eq!((probe.error, probe.restarts, probe.in_flight), (None, 0, 0));

    let relay = host.plugin("relay").unwrap();
    assert_eq!(relay.name, "relay", "by default it is the id");
    assert_eq!(relay.depends_on, ["probe"]);
    let order: Vec<String> = host.plugins().into_iter().map(|plugin| plugin.id).collect();
    assert_eq!(order, ["probe", "relay"], "in the order of their start");
}

async fn a_record_tells_the_mount_and_nothing_else_differs(stage: Stage) {
    let host = stage.host(&["probe"], "").await;
    let probe = host.plugin("probe").unwrap();
    match stage.mount {
        Mount::Linked => {
            assert_eq!((probe.mount, probe.path), (Some(hotshoe::Mount::Linked), None));
        }
        _ => {
            assert_eq!(probe.mount, Some(hotshoe::Mount::Loaded));
            assert!(probe.path.unwrap().ends_with("libprobe.so"));
        }
    }
    let report = host.report();
    let table = report.table();
    assert!(
        table.contains("probe") && table.contains("1.4.2") && table.contains("active"),
        "{table}"
    );
    assert!(report.problems().is_empty());
}

on_every_mount! {
    a_record_has_what_the_manifest_says,
    a_record_tells_the_mount_and_nothing_else_differs,
}
