//! One of everything that a plugin can contribute and ask for. It is built once for each line of the ABI, by
//! `scripts/keepsake`, and its binary is kept in `tests/promise`.

#[path = "../../api.rs"]
pub mod api;

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use api::{Keepsake, Oracle};
use bytes::Bytes;
use hotshoe::{
    Batch, Body, BodyStream, Buffer, Call, Capabilities, Context, Contributions, Deferred, Error,
    ErrorKind, Event, EventHandler, Handle, Health, Json, MemoryStore, Metric, Middleware, Next,
    Page, Plugin, Precondition, Record, Request, Response, Result, Scan, StorageBackend, Version,
    handler_fn, task_fn,
};
use serde::Deserialize;
use serde_json::{Value, json};

/// The settings.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    greeting: String,
}

/// The plugin.
pub struct Kept {
    context: Context,
    config: Config,
    count: AtomicU64,
    ticks: Arc<AtomicU64>,
}

impl Plugin for Kept {
    type Config = Config;

    async fn initialize(context: Context, config: Config) -> Result<Self> {
        tracing::info!(instance = context.instance(), answer = 42_u64, "kept and made");
        Ok(Self { context, config, count: AtomicU64::new(0), ticks: Arc::default() })
    }

    fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
        to.service::<dyn Keepsake, _>(Service(self.context.clone()));
        to.middleware(Stamp);
        let this = self.clone();
        let greet = move |request: Request| {
            let greeting =
                format!("{}, {}!", this.config.greeting, request.param("name").unwrap_or("you"));
            async move { Ok(Response::text(200, greeting).with_header("x-kept", "yes")) }
        };
        to.handler("GET", "/greet/{name}", handler_fn(greet));
        let echo = async |mut request: Request| {
            let bytes = request.take_body().collect(1 << 20).await?;
            Ok(Response::new(200).with_body(Body::stream(Halves(vec![
                bytes.slice(bytes.len() / 2..),
                bytes.slice(..bytes.len() / 2),
            ]))))
        };
        to.handler("POST", "/echo", handler_fn(echo));
        to.subscribe("kept.*", Listener(self.clone()));
        let ticks = self.ticks.clone();
        let tick = move |_: Call| {
            ticks.fetch_add(1, Ordering::SeqCst);
            async { Ok(()) }
        };
        to.every(Duration::from_millis(20), "tick", task_fn(tick));
        to.storage("kept-memory", Store(MemoryStore::new()));
    }

    async fn health(&self) -> Result<Health> {
        Ok(Health::degraded("it is old"))
    }

    /// Counts by the input; the total, and how often it has ticked.
    async fn execute(&self, call: &Call, input: Value) -> Result<Value> {
        let by = input
            .as_u64()
            .ok_or_else(|| Error::new(ErrorKind::InvalidInput, "a number was expected"))?;
        let count = self.count.fetch_add(by, Ordering::SeqCst) + by;
        self.context
            .storage()?
            .put(call, "count", count.to_string().into(), Precondition::Any)
            .await?;
        Ok(
            json!({ "count": count, "ticks": self.ticks.load(Ordering::SeqCst), "user": call.user_id() }),
        )
    }

    fn metrics(&self) -> Vec<Metric> {
        vec![Metric::new("count", self.count.load(Ordering::SeqCst) as f64)]
    }

    async fn save_state(&self) -> Result<Option<Bytes>> {
        Ok(Some(self.count.load(Ordering::SeqCst).to_string().into()))
    }

    async fn restore_state(&self, state: Bytes) -> Result<()> {
        let count = std::str::from_utf8(&state).ok().and_then(|text| text.parse().ok());
        self.count.store(count.unwrap_or_default(), Ordering::SeqCst);
        Ok(())
    }
}

/// A body in pieces, the last one first.
struct Halves(Vec<Bytes>);

impl BodyStream for Halves {
    fn poll_chunk(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> Poll<Option<Result<Bytes>>> {
        Poll::Ready(self.0.pop().map(Ok))
    }
}

/// Says on the way out that a request came by.
struct Stamp;

impl Middleware for Stamp {
    async fn handle(&self, mut request: Request, next: Next) -> Result<Response> {
        request.append_header("x-stamp", "in");
        let mut response = next.run(request).await?;
        response.append_header("x-stamp", "out");
        Ok(response)
    }

    fn priority(&self) -> i32 {
        7
    }
}

/// Adds what an event says to the count, and tells others.
struct Listener(Arc<Kept>);

impl EventHandler for Listener {
    async fn handle(&self, event: Event) -> Result<()> {
        let by = std::str::from_utf8(event.payload()).ok().and_then(|text| text.parse().ok());
        self.0.count.fetch_add(by.unwrap_or_default(), Ordering::SeqCst);
        self.0.context.publish(event.call(), "counted", event.topic().to_owned())?;
        Ok(())
    }
}

/// A backend.
struct Store(MemoryStore);

impl StorageBackend for Store {
    async fn get(&self, call: &Call, key: &str) -> Result<Option<Record>> {
        self.0.get(call, key).await
    }

    async fn put(
        &self,
        call: &Call,
        key: &str,
        value: Bytes,
        when: Precondition,
    ) -> Result<Version> {
        self.0.put(call, key, value, when).await
    }

    async fn delete(&self, call: &Call, key: &str, when: Precondition) -> Result<bool> {
        self.0.delete(call, key, when).await
    }

    async fn scan(&self, call: &Call, scan: Scan) -> Result<Page> {
        self.0.scan(call, scan).await
    }

    async fn commit(&self, call: &Call, batch: Batch) -> Result<Vec<Option<Version>>> {
        self.0.commit(call, batch).await
    }

    async fn health(&self) -> Result<Health> {
        self.0.health().await
    }

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }
}

struct Service(Context);

impl Keepsake for Service {
    fn sum(&self, a: u8, b: u32, c: u64, d: i64, e: f64) -> Result<f64> {
        Ok(f64::from(a) + f64::from(b) + c as f64 + d as f64 + e)
    }

    fn words(
        &self,
        call: &Call,
        lent: &str,
        owned: String,
        bytes: &[u8],
        letter: char,
    ) -> Result<String> {
        let roles: Vec<&str> = call.roles().collect();
        Ok(format!("{:?}", (call.user_id(), roles, call.request_id(), lent, owned, bytes, letter)))
    }

    fn backwards(&self, mut list: Vec<u64>, perhaps: Option<String>) -> Result<Vec<u64>> {
        list.extend(perhaps.map(|text| text.len() as u64));
        list.reverse();
        Ok(list)
    }

    fn same(&self, bytes: Bytes) -> Result<Bytes> {
        Ok(bytes)
    }

    fn same_buffer(&self, buffer: Buffer) -> Result<Buffer> {
        Ok(buffer)
    }

    fn json(&self, Json(numbers): Json<Vec<i64>>) -> Result<Json<Vec<i64>>> {
        Ok(Json(numbers.into_iter().map(|number| number + 1).collect()))
    }

    fn later(&self, number: u64) -> Deferred<u64> {
        let mut asked = false;
        Deferred::new(async move {
            poll_fn(|context| {
                if std::mem::replace(&mut asked, true) {
                    return Poll::Ready(());
                }
                context.waker().wake_by_ref();
                Poll::Pending
            })
            .await;
            Ok(number * 2)
        })
    }

    fn never(&self) -> Deferred<()> {
        Deferred::new(std::future::pending())
    }

    fn fails(&self) -> Result<()> {
        Err(Error::new(ErrorKind::Conflict, "peace was expected, war was found")
            .with_help("make peace")
            .with_path("/kept")
            .caused_by(&std::io::Error::other("a cause")))
    }

    fn panics(&self) -> Result<()> {
        panic!("it was told to panic")
    }

    fn asks(&self, question: &str) -> Deferred<String> {
        let oracle: Result<Handle<dyn Oracle>> = self.0.service();
        let question = question.to_owned();
        Deferred::new(async move { oracle?.answer(&question).await })
    }
}

hotshoe::export_plugin! {
    Kept,
    name = "A keepsake",
    provides = [service "keepsake" = "1.0.0", middleware, storage "kept-memory"],
    requires = [service "oracle" = "^1"],
    endpoints = [GET "/greet/{name}", POST "/echo"],
    permissions = ["storage", "events.publish:counted", "events.subscribe:kept.*"],
    metadata = { "built" = "with hotshoe-abi 1.0.0" },
}
