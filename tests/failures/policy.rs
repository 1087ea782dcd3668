//! What the operator's policy forbids, demands or switches off.

use std::sync::{Arc, Mutex};

use insta::assert_snapshot;
use tracing_subscriber::fmt::MakeWriter;

use hotshoe::PluginHost;
use hotshoe::config::Config;

use crate::support::rig::{Rig, get};
use crate::support::said::state;

const FAULTY: &str = "[plugins.faulty]\nconfig.threshold = 1";

#[test]
fn a_permission_that_is_denied_is_refused_at_its_door() {
    let rig = Rig::with("guarded");
    assert_snapshot!(rig.outcome("[plugins.guarded]\ndeny = [\"storage\"]"), @r"
    problem: plugin `guarded` failed to initialize: the permission `storage` is needed, the configuration denies it
      file: <folder>/plugins/libguarded.so
      help: take it out of `deny` in [plugins.guarded]
    ");
}

#[test]
fn a_permission_that_is_not_granted_is_refused_at_its_door() {
    let rig = Rig::with("guarded");
    assert_snapshot!(rig.outcome("[plugins.guarded]\npermissions = []"), @r#"
    problem: plugin `guarded` failed to initialize: the permission `storage` is needed, the configuration does not grant it
      file: <folder>/plugins/libguarded.so
      help: add "storage" to `permissions` in [plugins.guarded]
    "#);
}

#[test]
fn a_permission_that_the_manifest_does_not_ask_for_is_refused_at_its_door() {
    let rig = Rig::new();
    rig.change("guarded", "libguarded.so", &[("permission", "storage", "request")]);
    assert_snapshot!(rig.outcome(""), @r#"
    problem: plugin `guarded` failed to initialize: the permission `storage` is needed, its manifest does not ask for it
      file: <folder>/plugins/libguarded.so
      help: the plugin's author has to add "storage" to `permissions`
    "#);
}

#[test]
fn a_permission_that_the_policy_does_not_allow_is_refused_at_its_door() {
    let rig = Rig::with("guarded");
    assert_snapshot!(rig.outcome("security.permissions = [\"request\"]"), @r#"
    problem: plugin `guarded` failed to initialize: the permission `storage` is needed, the policy allows it to no plugin
      file: <folder>/plugins/libguarded.so
      help: add "storage" to `permissions` in [plugins.security]
    "#);
}

#[test]
fn a_permission_that_was_revoked_is_refused_at_the_next_start() {
    let rig = Rig::with("guarded");
    let (host, _) = rig.start("");
    host.revoke("guarded", "storage", "ada").unwrap();
    let error = host.restart("guarded").wait().unwrap_err();
    assert_snapshot!(rig.error(&error), @r#"
    plugin `guarded` failed to initialize: the permission `storage` is needed, ada revoked it
      file: <folder>/plugins/libguarded.so
      help: `grant("guarded", "storage", …)` gives it back
    "#);
    host.stop().wait().unwrap();
}

#[test]
fn a_permission_that_opens_no_door_is_told_with_the_nearest() {
    let rig = Rig::new();
    rig.change("guarded", "libguarded.so", &[("permission", "storage", "storagd")]);
    let config = "[plugins.guarded]\npermissions = [\"storagd\", \"*\"]\n\
        deny = [\"events.publlish:keys.*\", \"teleport\", \"request\"]";
    let (host, report) = rig.start(config);
    let guarded = report.plugins.iter().find(|plugin| plugin.id == "guarded").unwrap();
    assert_snapshot!(rig.clean(&guarded.warnings.join("\n")), @r#"
    its manifest asks for the permission "storagd", which opens no door of this host; did you mean "storage"?
    `deny` names "events.publlish:keys.*", which opens no door of this host; did you mean "events.publish:keys.*"?
    `deny` names "teleport", which opens no door of this host; its doors are: storage, config.read, request, shared:<name>, events.publish:<topic>, events.subscribe:<topic>, execute:<instance>, service:<name>
    `deny` names "request", which its manifest does not ask for; it asks for: storagd
    "#);
    host.stop().wait().unwrap();
}

#[test]
fn what_cannot_be_granted_or_revoked_is_told() {
    let rig = Rig::with("guarded");
    let (host, _) = rig.start("");
    let told = |outcome: hotshoe::Result<()>| rig.error(&outcome.unwrap_err());
    assert_snapshot!(told(host.grant("guarded", "request", "ada")), @"
    plugin `guarded`: the permission `request` was to be granted, its manifest does not ask for it
      help: a grant never gives more than the manifest asks for; it asks for storage
    ");
    assert_snapshot!(told(host.revoke("guarded", "storrage", "ada")), @r#"
    plugin `guarded`: the permission `storrage` was to be revoked, its manifest does not ask for it
      help: did you mean "storage"?
    "#);
    assert_snapshot!(told(host.revoke("guarded", "storage", "")), @r#"
    plugin `guarded`: the name of whoever decides about the permission `storage` was expected, found ""
      help: name them in one line, for the record
    "#);
    assert_snapshot!(told(host.revoke("guarded", "storage", "ada\nINFO eve")), @r#"
    plugin `guarded`: the name of whoever decides about the permission `storage` was expected, found "ada\nINFO eve"
      help: name them in one line, for the record
    "#);
    assert_snapshot!(told(host.revoke("gaurded", "storage", "ada")), @"
    no plugin instance is called `gaurded`
      help: instances: guarded, steady
    ");
    host.stop().wait().unwrap();
}

#[test]
fn what_a_plugin_that_is_not_there_asks_for_is_not_known() {
    let rig = Rig::new();
    let (host, _) = rig.start("[plugins.absent]");
    let error = host.permissions("absent").unwrap_err();
    assert_snapshot!(rig.error(&error), @r#"
    plugin `absent`: what it asks for is not known: it was not found
      help: `explain("absent")` tells why
    "#);
    host.stop().wait().unwrap();
}

#[test]
fn each_change_at_run_time_leaves_a_trail_in_the_log() {
    let rig = Rig::with("guarded");
    let (host, _) = rig.start("");
    let trail = Trail::of("hotshoe::permissions=info", || {
        host.revoke("guarded", "storage", "ada by=\"eve\"").unwrap();
        host.grant("guarded", "storage", "grace").unwrap();
        host.grant("guarded", "request", "eve").unwrap_err();
    });
    assert_snapshot!(trail, @r#"
    INFO hotshoe::permissions: revoked plugin="guarded" permission="storage" by="ada by=\"eve\""
    INFO hotshoe::permissions: granted plugin="guarded" permission="storage" by="grace"
    "#);
    host.stop().wait().unwrap();
}

#[test]
fn a_policy_that_opens_no_door_is_told_in_the_log() {
    let rig = Rig::new();
    let policy = "security.permissions = [\"storrage\", \"events.*\"]";
    let trail = Trail::of("hotshoe=warn", || drop(rig.host(policy)));
    assert_snapshot!(trail, @r#" WARN hotshoe::host::permissions: `[plugins.security] permissions` names "storrage", which opens no door of this host; did you mean "storage"?"#);
}

#[test]
fn keys_whose_signatures_nobody_looks_at_are_told_in_the_log() {
    let rig = Rig::new();
    let key = "[plugins.security.keys.releases]\n\
        public_key = \"RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3\"";
    let trail = Trail::of("hotshoe=warn", || drop(rig.host(key)));
    assert_snapshot!(trail, @r#" WARN hotshoe::host::builder: `[plugins.security.keys]` names whose signatures count, and nobody looks at signatures: set `signatures` to "require" or "warn""#);
    let warn = format!("[plugins.security]\nsignatures = \"warn\"\n{key}");
    assert_eq!(Trail::of("hotshoe=warn", || drop(rig.host(&warn))), "");
}

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Trail(Arc<Mutex<Vec<u8>>>);

impl Trail {
    /// What is logged on this thread while `f` runs.
    fn of(filter: &str, f: impl FnOnce()) -> String {
        let trail = Self::default();
        let subscriber = tracing_subscriber::fmt()
            .without_time()
            .with_ansi(false)
            .with_env_filter(filter)
            .with_writer(trail.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, f);
        String::from_utf8(trail.0.lock().unwrap().clone()).unwrap()
    }
}

impl std::io::Write for Trail {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Trail {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[test]
fn storage_without_a_backend_is_told() {
    let rig = Rig::with("guarded");
    assert_snapshot!(rig.outcome(""), @r"
    problem: plugin `guarded` failed to initialize: storage was asked for, and no storage backend is active
      file: <folder>/plugins/libguarded.so
      help: mount one, such as storage-sqlite, and name it in `[plugins] storage` if there are several
    ");
}

#[test]
fn storage_that_no_instance_offers_is_told() {
    let rig = Rig::with("guarded");
    assert_snapshot!(rig.outcome("storage = \"sqlite\""), @r"
    problem: `[plugins] storage` is `sqlite`, which is no storage backend that is enabled; there are: none
    problem: plugin `guarded` failed to initialize: storage was asked for, and no storage backend is active
      file: <folder>/plugins/libguarded.so
      help: mount one, such as storage-sqlite, and name it in `[plugins] storage` if there are several
    ");
}

#[test]
fn strict_stops_everything_and_says_why() {
    let rig = Rig::with("faulty");
    let host = rig.host(&format!("strict = true\n{FAULTY}\nconfig.start = \"error\""));
    let error = host.start().wait().unwrap_err();
    assert_eq!(state(&host, "steady"), "stopped");
    assert_snapshot!(rig.error_without_table(&error), @r"
    not everything could be started, and `strict = true` asks for all or nothing: what ran was stopped again
    problem: plugin `faulty` failed to start: a database was expected, nobody listens (start)
      file: <folder>/plugins/libfaulty.so
      help: start the database
    ");
}

#[test]
fn strict_does_not_mind_files_that_are_no_plugins() {
    let rig = Rig::with("faulty");
    rig.write("libnotes.so", "To do.");
    let (host, report) = rig.start(&format!("strict = true\n{FAULTY}"));
    assert!(report.is_complete());
    host.stop().wait().unwrap();
}

#[test]
fn a_required_plugin_that_fails_stops_everything() {
    let rig = Rig::with("faulty");
    let host = rig.host(&format!("{FAULTY}\nrequired = true\nconfig.start = \"error\""));
    let error = host.start().wait().unwrap_err();
    assert_eq!(state(&host, "steady"), "stopped");
    assert_snapshot!(rig.error_without_table(&error), @r"
    required plugins are not active: `faulty`; what ran was stopped again
    problem: plugin `faulty` failed to start: a database was expected, nobody listens (start)
      file: <folder>/plugins/libfaulty.so
      help: start the database
    ");
}

#[test]
fn a_required_plugin_that_is_not_there_stops_everything() {
    let rig = Rig::new();
    let host = rig.host(&format!("{FAULTY}\nrequired = true"));
    let error = host.start().wait().unwrap_err();
    assert_snapshot!(rig.error_without_table(&error), @r"
    required plugins are not active: `faulty`; what ran was stopped again
    problem: `faulty` is an instance of plugin `faulty`, which is not there.
      help: put its library into a plugin directory (or name it in `linked`, if it is compiled in), correct its id, or disable `faulty`.
      looked in: <folder>/plugins
    ");
}

#[test]
fn a_required_plugin_that_is_disabled_stops_everything() {
    let rig = Rig::with("faulty");
    let host = rig.host(&format!("{FAULTY}\nrequired = true\nenabled = false"));
    let error = host.start().wait().unwrap_err();
    assert_snapshot!(rig.error_without_table(&error), @r#"
    required plugins are not active: `faulty`; what ran was stopped again
    problem: `faulty` is disabled by the configuration: `enabled = false` in [plugins.faulty]; `enable("faulty")` starts it
    "#);
}

#[test]
fn beyond_max_plugins_the_last_are_refused() {
    let rig = Rig::with("faulty");
    rig.add("needy");
    let (host, report) = rig.start(&format!("max_plugins = 1\n{FAULTY}"));
    assert_eq!(get(&host, "faulty"), "200 faulty 1");
    assert_eq!(get(&host, "steady"), "404 not found");
    assert!(!report.is_complete());
    assert_snapshot!(rig.told(&report), @r"
    problem: plugin `needy`: it is one more than may run: `max_plugins` is 1
      help: raise `max_plugins`, or disable some
    problem: plugin `steady`: it is one more than may run: `max_plugins` is 1
      help: raise `max_plugins`, or disable some
    ");
    assert_snapshot!(rig.clean(&host.explain("steady")), @r"
    plugin `steady`: it is one more than may run: `max_plugins` is 1
      help: raise `max_plugins`, or disable some
    ");
    host.stop().wait().unwrap();
}

#[test]
fn what_runs_is_not_given_up_for_what_is_beyond_max_plugins() {
    let rig = Rig::new();
    let (host, _) = rig.start("max_plugins = 1");
    assert_eq!(get(&host, "steady"), "200 steady 1");
    let alpha = rig.make("alpha", "1.0.0", &[]);
    let error = host.add(alpha).wait().unwrap_err();
    assert_eq!(get(&host, "steady"), "200 steady 1");
    assert_snapshot!(rig.error(&error), @r"
    plugin `alpha`: it is one more than may run: `max_plugins` is 1
      help: raise `max_plugins`, or disable some
    ");
    host.stop().wait().unwrap();
}

#[test]
fn a_disabled_plugin_is_listed_and_never_opened() {
    let rig = Rig::with("faulty");
    let (host, report) = rig.start(&format!("{FAULTY}\nenabled = false\nconfig.start = \"panic\""));
    assert_eq!(get(&host, "steady"), "200 steady 1");
    assert_eq!(state(&host, "faulty"), "disabled");
    assert!(report.is_complete());
    assert_eq!(rig.told(&report), "nothing");
    assert!(!is_open(&rig.plugin("libfaulty.so")));
    assert!(is_open(&rig.plugin("libsteady.so")));
    host.stop().wait().unwrap();
}

#[test]
fn with_plugins_disabled_none_starts() {
    let rig = Rig::with("faulty");
    let (host, report) = rig.start(&format!("enabled = false\n{FAULTY}"));
    assert_eq!(state(&host, "steady"), "disabled");
    assert_eq!(state(&host, "faulty"), "disabled");
    assert_eq!(rig.told(&report), "nothing");
    let error = host.enable("faulty").wait().unwrap_err();
    assert_snapshot!(rig.error(&error), @"`faulty` is disabled, as all plugins are: `[plugins] enabled = false`");
    assert!(!is_open(&rig.plugin("libsteady.so")));
    host.stop().wait().unwrap();
}

#[test]
fn without_auto_load_only_what_is_configured_starts() {
    let rig = Rig::with("faulty");
    rig.add("needy");
    let (host, report) = rig.start("auto_load = false");
    assert_eq!(get(&host, "steady"), "200 steady 1");
    let ids: Vec<&str> = report.plugins.iter().map(|plugin| plugin.id.as_str()).collect();
    assert_eq!(ids, ["steady"]);
    assert_eq!(rig.told(&report), "nothing");
    host.stop().wait().unwrap();
}

/// The shapes of seed 002: camelCase keys, `[plugins.security]`, instances with `type` and with
/// `config.…` keys, and instances below `[plugins.config]`.
#[test]
fn a_file_in_the_shapes_of_the_seed_drives_a_real_start() {
    let rig = Rig::with("faulty");
    rig.make("ratelimit-ml", "1.0.0", &[]);
    rig.make("prometheus-extended", "1.0.0", &[]);
    let text = r#"
[server]
bind = ":11371"

[plugins]
enabled = true
directory = "plugins"
loadOrder = ["monitoring", "ratelimit-ml", "steady"]
autoLoad = true
loadTimeout = "30s"

[plugins.security]
verifySignatures = false
maxMemoryMB = 256
maxCPUPercent = 50

[plugins.ratelimit-ml]
enabled = false  # Optional deployment
type = "ratelimit"
config.modelPath = "/var/lib/hockeypuck/ml-models"
config.threshold = 0.85

[plugins.prometheus-extended]
enabled = true
type = "monitoring"
config.threshold = 3

[plugins.config.faulty]
enabled = true
threshold = 4
start = "error"

[plugins.config.steady]
enabled = true
threshold = 1
"#;
    std::fs::write(rig.path("host.toml"), text).unwrap();
    let config = Config::from_file(rig.path("host.toml")).unwrap();
    let host = PluginHost::builder().config(config).data_dir(rig.path("data")).build().unwrap();
    let report = host.start().wait().unwrap();
    assert_eq!(get(&host, "prometheus-extended"), "200 prometheus-extended 3");
    assert_eq!(get(&host, "steady"), "200 steady 1");
    assert_eq!(state(&host, "ratelimit-ml"), "disabled");
    let ids: Vec<&str> = report.plugins.iter().map(|plugin| plugin.id.as_str()).collect();
    assert_eq!(ids, ["prometheus-extended", "steady", "faulty", "ratelimit-ml"]);
    assert_snapshot!(rig.told(&report), @r"
    problem: plugin `faulty` failed to start: a database was expected, nobody listens (start)
      file: <folder>/plugins/libfaulty.so
      help: start the database
    ");
    host.stop().wait().unwrap();
}

/// Whether this process has the file mapped.
fn is_open(file: &std::path::Path) -> bool {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    maps.contains(&file.canonicalize().unwrap().display().to_string())
}
