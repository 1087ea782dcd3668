//! One plugin with five characters: each instance has the one that its settings say, and answers
//! `GET /<instance>` accordingly.
//!
//! Nothing in here helps the host to cope with it: what keeps the bad ones from harm is all in the
//! application's configuration.

mod wreck;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use hotshoe::settings::Interval;
use hotshoe::{
    Context, Contributions, Error, ErrorKind, Health, Plugin, Request, RequestHandler, Response,
    Result,
};
use serde::Deserialize;

use wreck::Wreck;

/// Its settings.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What this instance is like.
    pub is: Character,
}

/// What an instance may be like.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Character {
    /// It answers at once.
    Good,
    /// It answers after so long, and holds no thread meanwhile.
    Slow(Interval),
    /// It is well for so long, then fails for as long, and so on.
    Failing(Interval),
    /// It holds the thread that called it for so long before it answers.
    Blocking(Interval),
    /// It works until a call breaks it, and does not come up again at once.
    Crashing {
        /// That call.
        at_call: u64,
        /// So many starts fail afterwards.
        failing_starts: u32,
    },
}

/// The plugin.
pub struct Unruly {
    path: String,
    is: Character,
    wreck: Wreck,
    calls: AtomicU64,
    began: Instant,
}

impl Plugin for Unruly {
    type Config = Config;

    async fn initialize(context: Context, config: Config) -> Result<Self> {
        Ok(Self {
            path: format!("/{}", context.instance()),
            is: config.is,
            wreck: Wreck::in_folder(context.data_dir()),
            calls: AtomicU64::new(0),
            began: Instant::now(),
        })
    }

    fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
        to.handler("GET", &self.path, self.clone());
    }

    async fn start(&self) -> Result<()> {
        self.wreck.repair()
    }

    async fn health(&self) -> Result<Health> {
        Ok(if self.wreck.is_there() { Health::unhealthy(BROKEN) } else { Health::healthy() })
    }
}

impl RequestHandler for Unruly {
    async fn handle(&self, request: Request) -> Result<Response> {
        self.behave().await?;
        let mut response = Response::text(200, "done\n");
        // So that whoever asked can tell that this is the answer to that request.
        if let Some(id) = request.call().request_id() {
            response.set_header("x-request-id", id);
        }
        Ok(response)
    }
}

const BROKEN: &str = "its file is broken";

impl Unruly {
    async fn behave(&self) -> Result<()> {
        let call = self.calls.fetch_add(1, Relaxed) + 1;
        match self.is {
            Character::Good => {}
            Character::Slow(time) => {
                async_io::Timer::after(time.duration()).await;
            }
            Character::Failing(time) if self.is_odd(time.duration()) => {
                // As `panic!` does, without its message on the standard error output.
                if call.is_multiple_of(10) {
                    std::panic::resume_unwind(Box::new("a sum was wrong"));
                }
                return Err(Error::new(ErrorKind::Other, "the database said no"));
            }
            Character::Failing(_) => {}
            Character::Blocking(time) => std::thread::sleep(time.duration()),
            Character::Crashing { at_call, failing_starts } => {
                if call == at_call {
                    self.wreck.make(failing_starts)?;
                }
                if self.wreck.is_there() {
                    return Err(Error::new(ErrorKind::Other, BROKEN));
                }
            }
        }
        Ok(())
    }

    /// Whether this is the second, fourth, … span of its life.
    fn is_odd(&self, span: Duration) -> bool {
        let passed = self.began.elapsed().as_nanos() / span.as_nanos().max(1);
        !passed.is_multiple_of(2)
    }
}

hotshoe::export_plugin!(Unruly, category = "example");
