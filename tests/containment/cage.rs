//! A host with one specimen of the zoo in it, and beside it a plugin that does nothing wrong.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use futures_lite::future::block_on;
use hotshoe::config::Config;
use hotshoe::lifecycle::State;
use hotshoe::{Call, Error, Figure, Mount, PluginHost, Request, Response, Result, StartReport};
use serde_json::{Value, json};

use crate::child;
use crate::support::said::{self, state, until};
use crate::support::{self, zoo};

/// Ample for anything that ends, and no long wait for what does not.
const STOP: Duration = Duration::from_secs(5);

/// Where a specimen is kept.
pub struct Cage {
    pub mount: Mount,
    specimen: &'static str,
    folder: PathBuf,
}

impl Cage {
    /// With this specimen and `steady` in it.
    pub fn new(mount: Mount, specimen: &'static str) -> Self {
        let cage = Self { mount, specimen, folder: child::folder() };
        std::fs::create_dir_all(cage.path("plugins")).expect("a folder for plugins");
        if mount == Mount::Loaded {
            cage.add(&zoo::library("steady"));
            let library = zoo::library(specimen);
            if library.is_file() {
                cage.add(&library);
            }
        }
        cage
    }

    /// Puts one more library among the plugins.
    pub fn add(&self, library: &Path) -> PathBuf {
        support::add(&self.path("plugins"), library)
    }

    /// The id of the specimen's plugin.
    pub fn id(&self) -> String {
        self.specimen.replace('_', "-")
    }

    /// A path that nobody else uses.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// A host; `config` is what the table of the specimen says.
    pub fn host(&self, config: &str) -> PluginHost {
        self.host_with("", config)
    }

    /// A host; `top` goes on with the table of all plugins.
    pub fn host_with(&self, top: &str, config: &str) -> PluginHost {
        let mut text = format!("[plugins]\nstop_timeout = \"{}s\"\n{top}\n", STOP.as_secs());
        if !config.is_empty() {
            text += &format!("[plugins.{}]\n{config}\n", self.id());
        }
        let config = Config::from_toml_in(&text, "host.toml", &self.folder)
            .unwrap_or_else(|error| panic!("{error}"));
        let builder = PluginHost::builder().config(config).data_dir(self.path("data"));
        let builder = match self.mount {
            Mount::Linked => {
                ["steady", self.specimen].into_iter().fold(builder, |builder, name| {
                    builder.register_plugin(::zoo::linked(name).expect("it can be linked"))
                })
            }
            _ => builder.directory(self.path("plugins")),
        };
        builder.build().unwrap_or_else(|error| panic!("{error:#}"))
    }

    /// A host that was started, whatever came of it.
    pub fn start(&self, config: &str) -> (PluginHost, StartReport) {
        let host = self.host(config);
        let report = host.start().wait().unwrap_or_else(|error| panic!("{error:#}"));
        (host, report)
    }

    /// A host in which the specimen runs.
    pub fn running(&self, config: &str) -> PluginHost {
        let (host, report) = self.start(config);
        assert!(report.is_complete(), "{report}");
        self.is_active(&host);
        host
    }

    /// Starts a host in which the specimen does not come up; kind, phase and text of the reason, the
    /// same on both mounts. `steady` serves, and everything stops.
    pub fn refusal(&self, config: &str) -> String {
        self.refusal_with("", config)
    }

    /// The same; `top` goes on with the table of all plugins.
    pub fn refusal_with(&self, top: &str, config: &str) -> String {
        let host = self.host_with(top, config);
        let report = host.start().wait().unwrap_or_else(|error| panic!("{error:#}"));
        assert!(!report.is_complete(), "{report}");
        let id = self.id();
        let (kind, phase) = match host.plugin(&id).map(|plugin| plugin.state) {
            Some(State::Failed { phase, .. }) => {
                // Asked once more, it fails once more.
                let again = host.enable(&id).wait().expect_err("it failed before");
                assert_eq!(state(&host, &id), "failed");
                (again.kind(), phase.as_str().to_owned())
            }
            None => {
                let error = report.refused.first().expect("it was refused");
                (error.kind(), error.phase().expect("a phase").to_owned())
            }
            Some(other) => panic!("{other:?}: {report}"),
        };
        let told = self.told(&host.report());
        self.ends(&host);
        format!("[{}, {phase}] {told}", kind.as_str())
    }

    /// What a report says beside its table. A library's path has to be in it, and is left out, so that
    /// both mounts say the same.
    pub fn told(&self, report: &StartReport) -> String {
        let told = said::told(report, &self.folder);
        let file = format!("\n  file: <folder>/plugins/lib{}.so", self.specimen);
        assert_eq!(told.contains(&file), self.mount == Mount::Loaded, "{told}");
        told.replace(&file, "")
    }

    /// An error as a person reads it.
    pub fn said(&self, error: &Error) -> String {
        said::clean(&format!("[{}] {error:#}", error.kind().as_str()), &self.folder)
    }

    /// What a panic became: contained at this place, in the name of this plugin.
    pub fn is_panic(&self, error: &Error, message: &str) {
        assert!(error.is_panic(), "{error:?}");
        assert_eq!(error.message(), format!("panicked: {message}"));
        let place = error.location().expect("the place of a panic is known");
        assert!(place.contains(&format!("{}.rs:", self.specimen)), "{place}");
    }

    pub fn is_active(&self, host: &PluginHost) {
        assert_eq!(state(host, &self.id()), "active");
    }

    /// A figure that the specimen counts.
    pub fn count(&self, host: &PluginHost, figure: &str) -> u64 {
        count(host, &self.id(), figure)
    }

    /// `steady` serves; then everything stops, in time and without an error, the specimen, too, if it
    /// ran.
    pub fn ends(&self, host: &PluginHost) {
        let ran = state(host, &self.id()) == "active";
        is_well(host);
        stop(host).unwrap_or_else(|error| panic!("{error:#}"));
        if ran {
            assert_eq!(state(host, &self.id()), "stopped");
        }
    }

    /// The same where the specimen does not stop as it should; the reason.
    pub fn ends_badly(&self, host: &PluginHost) -> Error {
        is_well(host);
        let error = stop(host).expect_err("it does not stop as it should");
        assert_eq!(error.plugin(), Some(&*self.id()));
        assert_eq!(error.phase(), Some("stop"));
        let State::Failed { phase, .. } = host.plugin(&self.id()).expect("it is there").state
        else {
            panic!("{host:?}");
        };
        assert_eq!(phase.as_str(), "stop");
        error
    }
}

/// Stops a host, `steady` with it, within the deadlines.
fn stop(host: &PluginHost) -> Result<()> {
    let begin = Instant::now();
    let outcome = host.stop().wait();
    // Twice: what hangs may be in two levels. The rest is for a machine that has much to do.
    assert!(begin.elapsed() < 2 * STOP + Duration::from_secs(10), "{:?}", begin.elapsed());
    assert_eq!(state(host, "steady"), "stopped");
    outcome
}

/// Whether everything of `steady` works: what a request needs, what events need, what jobs need, and
/// what keeps time.
pub fn is_well(host: &PluginHost) {
    assert_eq!(state(host, "steady"), "active");
    assert_eq!(text(get(host, "/steady").expect("it answers")), "200 steady");
    assert_eq!(execute(host, "steady", json!([1, "two"])).expect("it answers"), json!([1, "two"]));
    let late =
        send(host, "/steady/never", Duration::from_millis(10)).expect_err("it never answers");
    assert!(late.is_timeout(), "{late:#}");
    let events = || count(host, "steady", "events");
    let runs = || host.plugin("steady").expect("it is there").tasks[0].runs;
    let (events_before, runs_before) = (events(), runs());
    assert_eq!(host.publish(&Call::none(), "steady.tick", ""), 1);
    until("the delivery of an event", || events() > events_before);
    until("a run of a job", || runs() > runs_before);
}

/// Sends a `GET`.
pub fn get(host: &PluginHost, path: &str) -> Result<Response> {
    block_on(host.handle(Request::builder("GET", path).build()))
}

/// Sends a `GET` that has a deadline.
pub fn send(host: &PluginHost, path: &str, timeout: Duration) -> Result<Response> {
    let call = Call::builder().timeout(timeout).build();
    block_on(host.handle(Request::builder("GET", path).call(call).build()))
}

/// Status and body of a small answer.
pub fn text(response: Response) -> String {
    let status = response.status();
    let body = block_on(response.into_body().collect(1 << 16)).expect("a body");
    format!("{status} {}", String::from_utf8_lossy(&body)).trim_end().to_owned()
}

/// Calls the generic entry of an instance: the output, or kind and text of the error.
pub fn execute(host: &PluginHost, id: &str, input: Value) -> std::result::Result<Value, String> {
    execute_for(host, id, input, &Call::none())
}

pub fn execute_for(
    host: &PluginHost,
    id: &str,
    input: Value,
    call: &Call,
) -> std::result::Result<Value, String> {
    let execution = block_on(host.execute(id, call, &input));
    match execution.error {
        Some(error) => Err(format!("[{}] {error}", execution.status)),
        None => Ok(execution.result),
    }
}

/// A figure that an instance counts.
pub fn count(host: &PluginHost, id: &str, figure: &str) -> u64 {
    let figures = host.figures(id).expect("it runs");
    match figures.get(figure) {
        Some(Figure::Counter(sum)) => *sum as u64,
        _ => 0,
    }
}
