//! A plugin that counts, hands its count over when it is exchanged, and of whose library many [builds] can be
//! made, good ones and bad ones.

pub mod builds;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use builds::{MARK, Manner};
use bytes::Bytes;
use hotshoe::{
    Call, Context, Contributions, Deferred, Error, ErrorKind, Event, EventHandler, Health,
    Middleware, Next, Plugin, Request, Response, Result, ResultExt, Task, handler_fn,
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

hotshoe::extension_point! {
    /// The same, and more: whoever knows only [`Turns`] can call it, too.
    pub trait MoreTurns: "turns", "1.0.0" {
        /// Lets the one with this number through; the number again.
        fn turn(&self, number: u64) -> Result<u64>;
        /// The same, whose answer has to be awaited for some polls.
        fn turn_slowly(&self, number: u64, polls: u32) -> Deferred<u64>;
        /// How many went through.
        fn count(&self) -> Result<u64>;
        /// Lets the one with this name through; the name again, after some polls.
        fn named(&self, name: &str, polls: u32) -> Deferred<String>;
    }
}

hotshoe::extension_point! {
    /// Less than that: whoever knows [`Turns`] cannot call it.
    pub trait FewerTurns: "turns", "1.0.0" {
        /// Lets the one with this number through; the number again.
        fn turn(&self, number: u64) -> Result<u64>;
    }
}

/// A bad build begins to fail after so many calls.
pub const GOOD_FOR: u64 = 64;

/// A call with this number goes through when the [`gate`](Config::gate) is closed behind it.
pub const AT_THE_GATE: u64 = u64::MAX;

/// The settings.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Told with the count: what somebody may change while it runs.
    pub greeting: String,
    /// More routes that count, such as `GET /turn`.
    pub routes: Vec<String>,
    /// More topics whose events it counts.
    pub topics: Vec<String>,
    /// Jobs that count: name, and milliseconds from one run to the next.
    pub jobs: BTreeMap<String, u64>,
    /// Middleware of these priorities, which tells that it was passed.
    pub middleware: Vec<i32>,
    /// Which methods its service has.
    pub methods: Methods,
    /// A pipe: whoever has to wait waits until what is written to it ends.
    pub gate: PathBuf,
    /// A file to which it adds a line for each step of its life.
    pub diary: PathBuf,
}

/// Which methods the service has.
#[derive(Clone, Copy, Debug, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Methods {
    /// Those of [`Turns`].
    #[default]
    Usual,
    /// Those of [`MoreTurns`].
    More,
    /// Those of [`FewerTurns`].
    Fewer,
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
    gate: PathBuf,
}

impl Counting {
    fn turn(&self, number: u64) -> Result<u64> {
        if number == AT_THE_GATE {
            let opened = std::fs::File::open(&self.gate);
            let read = opened.and_then(|mut gate| gate.read_to_end(&mut Vec::new()));
            read.describe("it has no gate")?;
        }
        let own = self.own.fetch_add(1, SeqCst);
        if self.manner == Manner::FailsLater && own >= GOOD_FOR {
            return Err(Error::new(ErrorKind::Other, "it is one of the bad ones"));
        }
        self.count.fetch_add(1, SeqCst);
        Ok(number)
    }

    fn turn_slowly(&self, number: u64, polls: u32) -> Deferred<u64> {
        let answer = self.turn(number);
        Deferred::new(async move {
            pass(polls).await;
            answer
        })
    }

    fn count(&self) -> Result<u64> {
        Ok(self.count.load(SeqCst))
    }
}

/// Pending for so many polls.
async fn pass(mut polls: u32) {
    std::future::poll_fn(move |context| {
        if polls == 0 {
            return std::task::Poll::Ready(());
        }
        polls -= 1;
        context.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

impl Turns for Counting {
    fn turn(&self, number: u64) -> Result<u64> {
        Self::turn(self, number)
    }

    fn turn_slowly(&self, number: u64, polls: u32) -> Deferred<u64> {
        Self::turn_slowly(self, number, polls)
    }

    fn count(&self) -> Result<u64> {
        Self::count(self)
    }
}

impl MoreTurns for Counting {
    fn turn(&self, number: u64) -> Result<u64> {
        Self::turn(self, number)
    }

    fn turn_slowly(&self, number: u64, polls: u32) -> Deferred<u64> {
        Self::turn_slowly(self, number, polls)
    }

    fn count(&self) -> Result<u64> {
        Self::count(self)
    }

    fn named(&self, name: &str, polls: u32) -> Deferred<String> {
        let (name, turned) = (name.to_owned(), self.turn(0));
        Deferred::new(async move {
            pass(polls).await;
            turned.map(|_| name)
        })
    }
}

impl FewerTurns for Counting {
    fn turn(&self, number: u64) -> Result<u64> {
        Self::turn(self, number)
    }
}

/// Counts events as well.
struct Passed(Arc<Counting>);

impl EventHandler for Passed {
    async fn handle(&self, _: Event) -> Result<()> {
        self.0.turn(0).map(drop)
    }
}

/// Tells that it was passed.
struct Barrier(i32);

impl Middleware for Barrier {
    async fn handle(&self, request: Request, next: Next) -> Result<Response> {
        let mut response = next.run(request).await?;
        response.append_header("x-barrier", self.0.to_string());
        Ok(response)
    }

    fn priority(&self) -> i32 {
        self.0
    }
}

/// Counts its runs.
struct Rounds(Arc<Counting>);

impl Task for Rounds {
    async fn run(&self, _: Call) -> Result<()> {
        self.0.turn(0).map(drop)
    }
}

impl Turnstile {
    /// Goes through it with the manner of a build in one of these.
    fn pass(
        &self,
        what: &str,
        fails: Option<Manner>,
        hangs: Option<Manner>,
        panics: Option<Manner>,
    ) -> Result<()> {
        let manner = Some(self.turns.manner);
        self.config.note(what);
        assert!(panics != manner, "it is one of the bad ones");
        if hangs == manner {
            hang();
        }
        if fails == manner {
            return Err(Error::new(ErrorKind::Other, "it is one of the bad ones"));
        }
        Ok(())
    }
}

impl Config {
    /// Adds a line to the diary, if there is one.
    fn note(&self, what: &str) {
        if self.diary.as_os_str().is_empty() {
            return;
        }
        let diary = std::fs::OpenOptions::new().append(true).create(true).open(&self.diary);
        let line = format!("{} {what}\n", MARK.version());
        diary.and_then(|mut diary| diary.write_all(line.as_bytes())).expect("a line is written");
    }
}

/// For as long as the program runs.
fn hang() {
    loop {
        std::thread::park();
    }
}

impl Plugin for Turnstile {
    type Config = Config;

    async fn initialize(_: Context, config: Config) -> Result<Self> {
        let manner = MARK.manner();
        let gate = config.gate.clone();
        let counting = Counting { manner, count: AtomicU64::new(0), own: AtomicU64::new(0), gate };
        let made = Self { config, turns: Arc::new(counting) };
        made.pass(
            "initialized",
            Some(Manner::FailsToInitialize),
            Some(Manner::HangsInInitialize),
            None,
        )?;
        Ok(made)
    }

    fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
        let turns = &self.turns;
        match self.config.methods {
            Methods::Usual => to.service::<dyn Turns, Counting>(turns.clone()),
            Methods::More => to.service::<dyn MoreTurns, Counting>(turns.clone()),
            Methods::Fewer => to.service::<dyn FewerTurns, Counting>(turns.clone()),
        }
        to.subscribe("turns.*", Passed(turns.clone()));
        for topic in &self.config.topics {
            to.subscribe(topic, Passed(turns.clone()));
        }
        let turn = |turns: Arc<Counting>| {
            handler_fn(move |_: Request| {
                let turned = turns.turn(0);
                let count = turns.count.load(SeqCst);
                async move { turned.map(|_| Response::text(200, format!("{count}\n"))) }
            })
        };
        to.handler("POST", "/turn", turn(turns.clone()));
        let own = self.turns.clone();
        let numbered = handler_fn(move |request: Request| {
            let number = request.param("number").and_then(|number| number.parse().ok());
            let turned = number.map(|number| own.turn(number));
            async move {
                match turned {
                    Some(number) => Ok(Response::text(200, format!("{}\n", number?))),
                    None => Ok(Response::text(400, "a number was expected\n")),
                }
            }
        });
        to.handler("POST", "/turn/{number}", numbered);
        for route in &self.config.routes {
            let (method, path) = route.split_once(' ').unwrap_or(("GET", route));
            to.handler(method, path, turn(turns.clone()));
        }
        for priority in &self.config.middleware {
            to.middleware(Barrier(*priority));
        }
        for (name, apart) in &self.config.jobs {
            to.every(Duration::from_millis(*apart), name, Rounds(turns.clone()));
        }
    }

    async fn start(&self) -> Result<()> {
        self.pass("started", Some(Manner::FailsToStart), None, Some(Manner::PanicsInStart))
    }

    async fn stop(&self) -> Result<()> {
        self.pass("stopped", None, Some(Manner::HangsInStop), Some(Manner::PanicsInStop))
    }

    async fn health(&self) -> Result<Health> {
        self.pass("asked", None, None, Some(Manner::PanicsInHealth))?;
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
        self.pass(
            "saved",
            Some(Manner::FailsToSave),
            Some(Manner::HangsInSave),
            Some(Manner::PanicsInSave),
        )?;
        Ok(Some(self.turns.count.load(SeqCst).to_string().into()))
    }

    async fn restore_state(&self, state: Bytes) -> Result<()> {
        self.pass("restored", None, Some(Manner::HangsInRestore), Some(Manner::PanicsInRestore))?;
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

/// Its end is a step of its life.
impl Drop for Turnstile {
    fn drop(&mut self) {
        self.config.note("dropped");
    }
}

hotshoe::export_plugin! {
    Turnstile,
    provides = [service "turns" = "1.0.0"],
    permissions = ["events.subscribe:turns.*"],
}
