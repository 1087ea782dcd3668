//! The connection of a whole library: through the functions of its module.
//!
//! It changes the subscriber of the process, so it happens in a process of its own: the test runs
//! this test program again.

use std::process::Command;

use hotshoe_abi::{AbiMetadata, LogObject};
use tracing::Level;
use tracing::dispatcher::get_default;

use super::recorder::{Recorder, expected, level_of, log_to};
use crate::load::logging::{HostLog, current_level};
use crate::sdk::logging::Bridge;
use crate::{Context, LinkedPlugin, NoConfig, Plugin, Result};

struct Chatty;

impl Plugin for Chatty {
    type Config = NoConfig;

    async fn initialize(_: Context, _: NoConfig) -> Result<Self> {
        Ok(Self)
    }
}

const CHILD: &str = "HOTSHOE_TEST_ATTACH";

/// Runs `body` in a process of its own; `name` is the test that calls this.
fn in_a_process_of_its_own(name: &str, body: impl FnOnce()) {
    if std::env::var(CHILD).is_ok_and(|child| child == name) {
        return body();
    }
    let path = format!("{}::{name}", module_path!().split_once("::").unwrap().1);
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &path, "--nocapture"])
        .env(CHILD, name)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{output:?}");
}

fn linked() -> LinkedPlugin {
    crate::plugin!(Chatty, id = "chatty")
}

#[test]
fn attaching_installs_once_and_later_calls_replace_log_and_level() {
    in_a_process_of_its_own(
        "attaching_installs_once_and_later_calls_replace_log_and_level",
        || {
            let module = linked().module();
            let (first, second) = (Recorder::new(), Recorder::new());
            // Before anybody attached there is nothing to change.
            module.set_log_level()(5);
            assert_eq!(current_level(), 0);

            module.attach_log()(log_to(&first, "chatty"), 3);
            get_default(|dispatch| assert!(dispatch.is::<Bridge>()));
            tracing::info!("one");
            tracing::debug!("not wanted");
            assert_eq!(first.take().iter().map(level_of).collect::<Vec<_>>(), [Level::INFO]);

            module.set_log_level()(4);
            tracing::debug!("two");
            assert_eq!(first.take().iter().map(level_of).collect::<Vec<_>>(), [Level::DEBUG]);

            module.attach_log()(log_to(&second, "chatty"), 2);
            tracing::info!("not wanted");
            tracing::warn!("three");
            assert!(first.take().is_empty());
            assert_eq!(second.take().iter().map(level_of).collect::<Vec<_>>(), [Level::WARN]);
        },
    );
}

#[test]
fn attaching_where_the_application_has_a_subscriber_changes_nothing() {
    in_a_process_of_its_own(
        "attaching_where_the_application_has_a_subscriber_changes_nothing",
        || {
            let (application, host) = (Recorder::new(), Recorder::new());
            tracing::subscriber::set_global_default(application.clone()).unwrap();
            linked().module().attach_log()(log_to(&host, "chatty"), 5);
            tracing::info!("hello");
            assert_eq!(application.take().len(), 1);
            assert!(host.take().is_empty());
        },
    );
}

#[test]
fn records_reach_the_applications_global_subscriber() {
    in_a_process_of_its_own("records_reach_the_applications_global_subscriber", || {
        assert_eq!(current_level(), 0, "nobody wants anything before there is a subscriber");
        let application = Recorder::new();
        tracing::subscriber::set_global_default(application.clone()).unwrap();
        assert_eq!(current_level(), 5);
        let metadata = AbiMetadata {
            name: "event".into(),
            target: "chatty".into(),
            file: "".into(),
            module: "".into(),
            line: 1,
            level: 3,
            fields: (&[][..]).into(),
            instance: "chatty-1".into(),
            reserved: [0; 2],
        };
        HostLog::new("chatty", || true).event(&metadata, &[], 0);
        assert_eq!(application.take_events(), [expected(&[("plugin", "str \"chatty-1\"")])]);
    });
}

#[test]
fn a_record_made_while_formatting_another_does_not_mix_with_it() {
    struct Logging;
    impl std::fmt::Display for Logging {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            tracing::info!(text = "inner");
            f.write_str("outer")
        }
    }
    // Only a global subscriber gets records that are made inside of it.
    in_a_process_of_its_own("a_record_made_while_formatting_another_does_not_mix_with_it", || {
        let host = Recorder::new();
        linked().module().attach_log()(log_to(&host, "chatty"), 5);
        tracing::info!(before = "before", value = %Logging);
        let plugin = ("plugin", "str \"chatty\"");
        assert_eq!(
            host.take_events(),
            [
                expected(&[("text", "str \"inner\""), plugin]),
                expected(&[("before", "str \"before\""), ("value", "debug outer"), plugin]),
            ]
        );
    });
}
