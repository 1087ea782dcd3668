//! A plugin that contributes everything that can be contributed, and misbehaves where it is told
//! to. What happens to it it notes in the suite's journal.

mod config;
mod execute;
mod handlers;
mod middleware;
mod notes;
mod service;
mod store;
mod streams;

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use hotshoe::{
    Call, Context, Contributions, Error, ErrorKind, Event, EventHandler, Health, Metric, Plugin,
    Result, Storage, task_fn,
};
use probe_api::Journal;
use serde_json::Value;

pub use config::{Config, Fault};
use execute::{Mood, Moods};
use notes::Notes;

/// The plugin.
pub struct Probe {
    context: Context,
    config: Config,
    notes: Notes,
    moods: Mutex<Moods>,
    /// Storage that it was handed out earlier.
    kept: Mutex<Option<Storage>>,
}

impl Probe {
    fn fault(&self, fault: Fault) -> bool {
        self.config.fault == Some(fault)
    }

    fn moods(&self) -> Moods {
        *self.moods.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn broken(what: &str) -> Error {
    Error::new(ErrorKind::Io, format!("{what} was told to fail")).with_help("tell it otherwise")
}

impl Plugin for Probe {
    type Config = Config;

    async fn initialize(context: Context, config: Config) -> Result<Self> {
        let notes = Notes::new(context.service::<dyn Journal>()?, context.instance());
        notes.add(format!("initialize {}", config.label).trim_end());
        match config.fault {
            Some(Fault::InitializeError) => return Err(broken("initialize")),
            Some(Fault::InitializePanic) => panic!("initialize was told to panic"),
            _ => {}
        }
        Ok(Self { context, config, notes, moods: Mutex::default(), kept: Mutex::default() })
    }

    fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
        self.notes.add("contribute");
        assert!(!self.fault(Fault::ContributePanic), "contribute was told to panic");
        middleware::contribute(self, to);
        handlers::contribute(self, to);
        to.subscribe(&self.config.topic, Listener(self.clone()));
        if let Some(interval) = self.config.tick {
            let probe = self.clone();
            to.every(interval.duration(), "tick", task_fn(move |call| probe.clone().tick(call)));
        }
        let nothing = task_fn(|_: Call| async { Ok(()) });
        if self.fault(Fault::NoInterval) {
            to.every(Duration::ZERO, "restless", nothing);
        }
        if self.fault(Fault::ManyTasks) {
            to.every(Duration::from_secs(3600), "one", nothing);
            to.every(Duration::from_secs(3600), "another", nothing);
        }
        if self.fault(Fault::ManySubscriptions) {
            to.subscribe("another", Listener(self.clone()));
        }
        store::contribute(self, to);
        service::contribute(self, to);
    }

    async fn start(&self) -> Result<()> {
        self.notes.add("start");
        match self.config.fault {
            Some(Fault::StartError) => Err(broken("start")),
            Some(Fault::StartPanic) => panic!("start was told to panic"),
            Some(Fault::StartOnce) => {
                // There since the first time.
                let mark = self.context.data_dir().join("started");
                std::fs::File::create_new(mark).map(drop).map_err(|_| broken("another start"))
            }
            _ => Ok(()),
        }
    }

    async fn stop(&self) -> Result<()> {
        self.notes.add("stop");
        match self.config.fault {
            Some(Fault::StopError) => Err(broken("stop")),
            Some(Fault::StopPanic) => panic!("stop was told to panic"),
            _ => Ok(()),
        }
    }

    async fn health(&self) -> Result<Health> {
        match self.moods().health {
            Mood::Well => Ok(Health::healthy()),
            Mood::Degraded => Ok(Health::degraded("only half of it works")),
            Mood::Unhealthy => Ok(Health::unhealthy("none of it works")),
            Mood::Error => Err(broken("health")),
            Mood::Panic => panic!("health was told to panic"),
            Mood::Held => {
                self.notes.add("health held");
                self.notes.released("health").await?;
                Ok(Health::healthy())
            }
            Mood::Blocked => {
                self.notes.add("health blocked");
                self.notes.blocked_until("health")?;
                Ok(Health::healthy())
            }
        }
    }

    fn execute(&self, call: &Call, input: Value) -> impl Future<Output = Result<Value>> + Send {
        self.run(call, input)
    }

    fn metrics(&self) -> Vec<Metric> {
        assert!(self.moods().metrics != Mood::Panic, "metrics was told to panic");
        vec![Metric::new("answers", 42.0), Metric::new("doubt_ratio", 0.25)]
    }

    async fn save_state(&self) -> Result<Option<Bytes>> {
        match self.moods().state {
            Mood::Well => Ok(None),
            Mood::Error => Err(broken("save_state")),
            Mood::Panic => panic!("save_state was told to panic"),
            _ => Ok(Some(Bytes::from_static(b"what was known"))),
        }
    }

    async fn restore_state(&self, state: Bytes) -> Result<()> {
        self.notes.add(&format!("restore {}", String::from_utf8_lossy(&state)));
        Ok(())
    }
}

impl Probe {
    async fn tick(self: Arc<Self>, call: Call) -> Result<()> {
        let count = self.notes.tick();
        self.notes.add(&format!("tick {count} as {}", call.request_id().unwrap_or("nobody")));
        match (count, self.config.fault) {
            (1, Some(Fault::TickPanic)) => panic!("the first tick was told to panic"),
            (1, Some(Fault::TickError)) => Err(broken("the first tick")),
            (1, Some(Fault::TickHeld)) => {
                self.notes.released("tick").await?;
                self.notes.add("tick ended");
                Ok(())
            }
            (1, Some(Fault::TickUntilStop)) => {
                self.context.stopping().await?;
                self.notes.add("tick ended");
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.notes.add("dropped");
        assert!(!self.fault(Fault::DropPanic), "the instance was told to panic when dropped");
    }
}

/// Takes note of events, and does what their payload says.
struct Listener(Arc<Probe>);

impl EventHandler for Listener {
    async fn handle(&self, event: Event) -> Result<()> {
        let notes = &self.0.notes;
        let payload = String::from_utf8_lossy(event.payload()).into_owned();
        match payload.as_str() {
            "panic" => panic!("an event handler was told to panic"),
            "error" => return Err(broken("an event handler")),
            "hold" => notes.released("event").await?,
            "hold over the end" => {
                self.0.context.stopping().await?;
                notes.add("the end begins");
                notes.released("event").await?;
            }
            "where" => notes.add(&format!("event at {:p}", event.payload().as_ptr())),
            _ => {}
        }
        notes.add(&format!(
            "event {} `{payload}` from {} by {}",
            event.topic(),
            event.source().unwrap_or("the application"),
            event.call().user_id().unwrap_or("nobody"),
        ));
        Ok(())
    }
}

hotshoe::export_plugin! {
    Probe,
    name = "The probe",
    category = "tests",
    tags = ["everything", "behaviour"],
    provides = [service "probe" = "1.2.0", middleware, storage "probe-memory"],
    requires = [service "journal" = "^1"],
    endpoints = [GET "/who", POST "/echo", GET "/users/{user_id}/posts/{post}"],
    permissions = [
        "storage", "shared:probe*", "events.publish:probe.*", "events.subscribe:*", "execute:*",
        "request", "config.read",
    ],
    metadata = { "colour" = "red" },
}
