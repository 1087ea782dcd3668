//! A plugin that keeps what it is told to, in a heap that is counted; and hands out and takes in one of
//! each thing that crosses.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use bytes::Bytes;
use hotshoe::{
    Body, BodyStream, Call, Context, Contributions, Error, ErrorKind, NoConfig, Plugin,
    Precondition, Request, Response, Result, StorageBackend, handler_fn,
};
use serde_json::Value;

#[cfg(feature = "count-heap")]
#[global_allocator]
static HEAP: hotshoe::CountingAllocator = hotshoe::CountingAllocator;

/// What it is told to do.
#[derive(serde::Deserialize)]
#[serde(rename_all = "snake_case")]
enum Order {
    /// Keeps so many bytes.
    Keep(usize),
    /// Drops all that it kept.
    DropAll,
    /// Has the host keep so many bytes of it in a map.
    Share(usize),
    /// Takes them back.
    Unshare,
    /// Asks an instance that is not there, and passes on what the host says.
    AskNobody,
}

/// The plugin.
pub struct Hoarder {
    context: Context,
    kept: Mutex<Vec<Vec<u8>>>,
}

impl Hoarder {
    fn kept(&self) -> std::sync::MutexGuard<'_, Vec<Vec<u8>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Plugin for Hoarder {
    type Config = NoConfig;

    async fn initialize(context: Context, _: NoConfig) -> Result<Self> {
        Ok(Self { context, kept: Mutex::default() })
    }

    fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
        let path = |name: &str| format!("/{}/{name}", self.context.instance());
        to.handler("POST", &path("echo"), handler_fn(echo));
        to.handler("GET", &path("stream"), handler_fn(stream));
        to.handler("GET", &path("fail"), handler_fn(fail));
        to.handler("GET", &path("never"), handler_fn(never));
    }

    async fn execute(&self, call: &Call, input: Value) -> Result<Value> {
        let order = serde_json::from_value(input);
        match order.map_err(|error| Error::new(ErrorKind::InvalidInput, error.to_string()))? {
            Order::Keep(bytes) => self.kept().push(vec![1; bytes]),
            Order::DropAll => *self.kept() = Vec::new(),
            Order::Share(bytes) => {
                let map = self.context.shared("pile")?;
                map.put(call, "all", vec![1; bytes].into(), Precondition::Any).await?;
            }
            Order::Unshare => {
                self.context.shared("pile")?.delete(call, "all", Precondition::Any).await?;
            }
            Order::AskNobody => return self.context.execute(call, "nobody", &Value::Null).await,
        }
        Ok(Value::Null)
    }
}

/// What came, once as it is and once copied.
async fn echo(mut request: Request) -> Result<Response> {
    let came = request.take_body().collect(1 << 20).await?;
    let copied = Bytes::from(came.to_vec());
    Ok(Response::new(200).with_header("x-copied", copied.len().to_string()).with_body(came))
}

/// Three chunks of its own.
struct Chunks(u8);

impl BodyStream for Chunks {
    fn poll_chunk(
        mut self: Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> Poll<Option<Result<Bytes>>> {
        let left = self.0;
        self.0 = left.saturating_sub(1);
        Poll::Ready((left > 0).then(|| Ok(vec![left; 1000].into())))
    }
}

async fn stream(_: Request) -> Result<Response> {
    Ok(Response::new(200).with_body(Body::stream(Chunks(3))))
}

async fn fail(_: Request) -> Result<Response> {
    let cause = std::io::Error::other("a disk that is full".to_owned());
    Err(Error::new(ErrorKind::Io, "it was told to fail".to_owned())
        .with_help("tell it otherwise".to_owned())
        .caused_by(&cause))
}

/// Holds something for as long as it is not dropped.
async fn never(_: Request) -> Result<Response> {
    let held = vec![1; 10_000];
    std::future::pending::<()>().await;
    Ok(Response::new(200).with_body(held))
}

hotshoe::export_plugin!(Hoarder, permissions = ["shared:pile", "execute:nobody"]);
