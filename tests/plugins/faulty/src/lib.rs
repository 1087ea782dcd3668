//! A plugin for tests: misbehaves where and how its settings say.
//!
//! Well-behaved, it answers `GET /faulty/<instance>` with its instance's id and threshold.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hotshoe::{
    Call, Context, Contributions, Error, ErrorKind, Event, EventHandler, MemoryStore, Plugin,
    Request, Response, Result, handler_fn, task_fn,
};
use serde::Deserialize;

/// How it misbehaves in one of its life-cycle methods.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Not at all.
    #[default]
    Ok,
    /// It panics with a text.
    Panic,
    /// It panics with a payload that panics when it is dropped.
    Payload,
    /// It returns an error.
    Error,
    /// It blocks its thread until the file `release` is there, for ever without one.
    Hang,
    /// It returns a future that is never ready.
    Pending,
    /// It ends the process.
    Abort,
    /// It prints 512 MiB that end with a curse, and ends the process.
    Babble,
}

/// What it does wrong while it contributes.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Contribute {
    /// Nothing.
    #[default]
    Ok,
    /// It panics.
    Panic,
    /// It answers a route that is not its own: `GET /taken`.
    Conflict,
    /// It answers a route whose path is none.
    Path,
    /// It provides a service that its manifest does not name.
    Service,
    /// It provides a storage backend that its manifest does not name.
    Storage,
    /// It subscribes to a topic without the permission.
    Topic,
    /// It wants a job without an interval.
    Job,
}

/// Its settings.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// A number, to be given wrongly.
    pub threshold: u32,
    /// In `initialize`.
    #[serde(default)]
    pub initialize: Fault,
    /// In `contribute`.
    #[serde(default)]
    pub contribute: Contribute,
    /// In `start`.
    #[serde(default)]
    pub start: Fault,
    /// In `stop`.
    #[serde(default)]
    pub stop: Fault,
    /// Whether dropping it panics.
    #[serde(default)]
    pub drop: bool,
    /// The file whose presence ends a hang.
    pub release: Option<PathBuf>,
    /// A file to write when it is dropped.
    pub farewell: Option<PathBuf>,
}

/// The plugin.
pub struct Faulty {
    instance: String,
    config: Config,
}

impl Plugin for Faulty {
    type Config = Config;

    async fn initialize(context: Context, config: Config) -> Result<Self> {
        let faulty = Self { instance: context.instance().to_owned(), config };
        faulty.misbehave(&faulty.config.initialize, "initialize").await?;
        Ok(faulty)
    }

    fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
        let answer = format!("{} {}", self.instance, self.config.threshold);
        let handler = handler_fn(move |_: Request| {
            let answer = answer.clone();
            async move { Ok(Response::text(200, answer)) }
        });
        to.handler("GET", &format!("/faulty/{}", self.instance), handler);
        self.contribute_wrongly(to);
    }

    async fn start(&self) -> Result<()> {
        self.misbehave(&self.config.start, "start").await
    }

    async fn stop(&self) -> Result<()> {
        self.misbehave(&self.config.stop, "stop").await
    }
}

impl Faulty {
    async fn misbehave(&self, fault: &Fault, method: &str) -> Result<()> {
        match fault {
            Fault::Ok => Ok(()),
            Fault::Panic => panic!("{method} went wrong"),
            Fault::Payload => std::panic::panic_any(Grenade),
            Fault::Error => Err(Error::new(
                ErrorKind::Unavailable,
                format!("a database was expected, nobody listens ({method})"),
            )
            .with_help("start the database")),
            Fault::Hang => {
                self.hang();
                Ok(())
            }
            Fault::Pending => std::future::pending().await,
            Fault::Abort => std::process::abort(),
            Fault::Babble => babble(),
        }
    }

    fn hang(&self) {
        while !self.config.release.as_ref().is_some_and(|file| file.exists()) {
            match &self.config.release {
                Some(_) => std::thread::park_timeout(Duration::from_millis(2)),
                None => std::thread::park(),
            }
        }
    }

    fn contribute_wrongly(&self, to: &mut Contributions<'_>) {
        let nothing = || handler_fn(|_: Request| async { Ok(Response::text(200, "")) });
        match self.config.contribute {
            Contribute::Ok => {}
            Contribute::Panic => panic!("contribute went wrong"),
            Contribute::Conflict => to.handler("GET", "/taken", nothing()),
            Contribute::Path => to.handler("GET", "/{open", nothing()),
            Contribute::Service => to.service::<dyn Promise, _>(self.config.clone()),
            Contribute::Storage => to.storage("faulty", MemoryStore::default()),
            Contribute::Topic => to.subscribe("orders.*", Deaf),
            Contribute::Job => {
                to.every(Duration::ZERO, "spin", task_fn(|_: Call| async { Ok(()) }));
            }
        }
    }
}

fn babble() -> ! {
    let line = [b"x".repeat((1 << 20) - 1), b"\n".to_vec()].concat();
    for _ in 0..512 {
        // Whoever reads it may be gone.
        let _ = std::io::stderr().write_all(&line);
    }
    eprintln!("a \u{1b}[31mcurse");
    std::process::abort()
}

impl Drop for Faulty {
    fn drop(&mut self) {
        if let Some(farewell) = &self.config.farewell {
            // Whoever waits for the file notices if it does not come.
            let _ = std::fs::write(farewell, "gone");
        }
        if self.config.drop && !std::thread::panicking() {
            panic!("drop went wrong");
        }
    }
}

/// A handler of events that does nothing.
struct Deaf;

impl EventHandler for Deaf {
    async fn handle(&self, _: Event) -> Result<()> {
        Ok(())
    }
}

/// A payload of a panic that panics again when somebody drops it.
struct Grenade;

impl Drop for Grenade {
    fn drop(&mut self) {
        panic!("the payload went wrong");
    }
}

hotshoe::extension_point! {
    /// A service that no manifest names.
    pub trait Promise: "promise", "1.0.0" {
        /// The number.
        fn threshold(&self) -> Result<u32>;
    }
}

impl Promise for Config {
    fn threshold(&self) -> Result<u32> {
        Ok(self.threshold)
    }
}

hotshoe::export_plugin! {
    Faulty,
    category = "test",
    // Tests put other records of the same length in its place.
    metadata = {
        "spare" = "................................................................................\
................................................................................",
    },
}
