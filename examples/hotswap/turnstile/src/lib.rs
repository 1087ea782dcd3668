//! A plugin that counts, hands its count over when it is exchanged, and of whose library many [builds] can be
//! made, good ones and bad ones.

pub mod builds;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use builds::{MARK, Manner};
use bytes::Bytes;
use hotshoe::{
    Call, Context, Contributions, Deferred, Error, ErrorKind, Event, EventHandler, Health, Plugin,
    Request, Response, Result, handler_fn,
};
use serde_json::{Value, json};

hotshoe::extension_point! {
    /// Counts who goes through.
    pub trait Turns: "turns", "1.0.0" {
        /// Lets the one with this number through; the number again.
        fn turn(&self, number: u64) -> Result<u64>;
        /// The same, whose answer has to be awaited for some polls.
        fn turn_slowly(&self, number: u64, polls: u32) -> Deferred<u64>;
        /// How many went through.
        fn count(&self) -> Result<u64>;
    }
}

/// A bad build begins to fail after so many calls.
pub const GOOD_FOR: u64 = 64;

/// The settings.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Told with the count: what somebody may change while it runs.
    pub greeting: String,
}

/// The plugin.
pub struct Turnstile {
    config: Config,
    turns: Arc<Counting>,
}

/// What is counted.
struct Counting {
    manner: Manner,
    count: AtomicU64,
    /// Calls of this generation.
    own: AtomicU64,
}

impl Counting {
    fn turn(&self, number: u64) -> Result<u64> {
        let own = self.own.fetch_add(1, SeqCst);
        if self.manner == Manner::FailsLater && own >= GOOD_FOR {
            return Err(Error::new(ErrorKind::Other, "it is one of the bad ones"));
        }
        self.count.fetch_add(1, SeqCst);
        Ok(number)
    }
}

impl Turns for Counting {
    fn turn(&self, number: u64) -> Result<u64> {
        Self::turn(self, number)
    }

    fn turn_slowly(&self, number: u64, mut polls: u32) -> Deferred<u64> {
        let answer = self.turn(number);
        Deferred::new(async move {
            std::future::poll_fn(move |context| {
                if polls == 0 {
                    return std::task::Poll::Ready(());
                }
                polls -= 1;
                context.waker().wake_by_ref();
                std::task::Poll::Pending
            })
            .await;
            answer
        })
    }

    fn count(&self) -> Result<u64> {
        Ok(self.count.load(SeqCst))
    }
}

/// Counts events as well.
struct Passed(Arc<Counting>);

impl EventHandler for Passed {
    async fn handle(&self, _: Event) -> Result<()> {
        self.0.turn(0).map(drop)
    }
}

impl Plugin for Turnstile {
    type Config = Config;

    async fn initialize(_: Context, config: Config) -> Result<Self> {
        let manner = MARK.manner();
        if manner == Manner::FailsToInitialize {
            return Err(Error::new(ErrorKind::Other, "it is one of the bad ones"));
        }
        let counting = Counting { manner, count: AtomicU64::new(0), own: AtomicU64::new(0) };
        Ok(Self { config, turns: Arc::new(counting) })
    }

    fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
        to.service::<dyn Turns, Counting>(self.turns.clone());
        to.subscribe("turns.*", Passed(self.turns.clone()));
        let turns = self.turns.clone();
        let turn = handler_fn(move |_: Request| {
            let turned = turns.turn(0);
            let count = turns.count.load(SeqCst);
            async move { turned.map(|_| Response::text(200, format!("{count}\n"))) }
        });
        to.handler("POST", "/turn", turn);
    }

    async fn health(&self) -> Result<Health> {
        Ok(match self.turns.manner {
            Manner::Unwell => Health::unhealthy("it is one of the bad ones"),
            _ => Health::healthy(),
        })
    }

    /// Tells what it is.
    async fn execute(&self, _: &Call, _: Value) -> Result<Value> {
        let count = self.turns.count.load(SeqCst);
        Ok(json!({ "count": count, "greeting": self.config.greeting, "build": MARK.version() }))
    }

    async fn save_state(&self) -> Result<Option<Bytes>> {
        match self.turns.manner {
            Manner::FailsToSave => Err(Error::new(ErrorKind::Other, "it is one of the bad ones")),
            _ => Ok(Some(self.turns.count.load(SeqCst).to_string().into())),
        }
    }

    async fn restore_state(&self, state: Bytes) -> Result<()> {
        let count = std::str::from_utf8(&state).ok().and_then(|text| text.parse().ok());
        match count {
            Some(count) if self.turns.manner != Manner::RefusesState => {
                self.turns.count.store(count, SeqCst);
                Ok(())
            }
            _ => Err(Error::new(ErrorKind::InvalidInput, "this count is of another time")),
        }
    }
}

hotshoe::export_plugin! {
    Turnstile,
    provides = [service "turns" = "1.0.0"],
    permissions = ["events.subscribe:turns.*"],
}
