//! A plugin with an async runtime of its own: timers and sockets need one of the very tokio that is
//! compiled into the plugin, whatever polls it, and whatever version of tokio that has.

use std::future::{Future, pending};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hotshoe::{
    Call, Context, Contributions, Error, ErrorKind, NoConfig, Plugin, Request, Response, Result,
    ResultExt, handler_fn,
};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The plugin.
pub struct Clockwork {
    runtime: Mutex<Option<Runtime>>,
    /// How many tasks are under way.
    running: watch::Sender<usize>,
}

/// What can be asked for.
#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "kebab-case")]
enum Op {
    /// A time that runs out.
    Timer,
    /// Text there and back through a pair of sockets.
    Socket { text: String },
    /// A task that panics.
    Panic,
    /// A task that never ends.
    Forever,
    /// Until no task is under way.
    Idle,
}

impl Plugin for Clockwork {
    type Config = NoConfig;

    async fn initialize(_: Context, _: NoConfig) -> Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("clockwork")
            .enable_all()
            .build()
            .describe_as(ErrorKind::Io, "tokio was expected to start")?;
        Ok(Self { runtime: Mutex::new(Some(runtime)), running: watch::Sender::new(0) })
    }

    fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
        let this = self.clone();
        let socket = move |request: Request| {
            let this = this.clone();
            async move {
                let text = request.param("text").unwrap_or_default().to_owned();
                Ok(Response::text(200, this.inside(echo(text)).await??))
            }
        };
        to.handler("GET", "/socket/{text}", handler_fn(socket));
    }

    fn execute(&self, _: &Call, input: Value) -> impl Future<Output = Result<Value>> + Send {
        self.run(input)
    }

    async fn stop(&self) -> Result<()> {
        // Its own drop would wait for its threads, which must not be done in a future.
        if let Some(runtime) = self.runtime().take() {
            runtime.shutdown_background();
        }
        Ok(())
    }
}

impl Clockwork {
    fn runtime(&self) -> MutexGuard<'_, Option<Runtime>> {
        self.runtime.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn run(&self, input: Value) -> Result<Value> {
        let op = serde_json::from_value(input)
            .describe_as(ErrorKind::InvalidInput, "an operation was expected")?;
        match op {
            Op::Timer => {
                let timeout = async {
                    tokio::time::timeout(Duration::from_millis(1), pending::<()>()).await.is_err()
                };
                Ok(json!(self.inside(timeout).await?))
            }
            Op::Socket { text } => Ok(json!(self.inside(echo(text)).await??)),
            Op::Panic => self.inside(async { panic!("a task was told to panic") }).await,
            Op::Forever => self.inside(pending()).await,
            Op::Idle => {
                let mut running = self.running.subscribe();
                let idle = running.wait_for(|count| *count == 0).await;
                Ok(json!(*idle.describe_as(ErrorKind::Io, "the count was expected")?))
            }
        }
    }

    /// Runs a task on the runtime. It ends with whoever waits for it.
    async fn inside<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> Result<T> {
        let counted = Counted::new(&self.running);
        let task = async move {
            let _counted = counted;
            task.await
        };
        let mut handle = match self.runtime().as_ref() {
            Some(runtime) => Abort(runtime.spawn(task)),
            None => return Err(Error::new(ErrorKind::IllegalState, "it was stopped")),
        };
        (&mut handle.0).await.describe_as(ErrorKind::Io, "a task failed")
    }
}

/// Counts a task from when it is made until it is dropped.
struct Counted(watch::Sender<usize>);

impl Counted {
    fn new(running: &watch::Sender<usize>) -> Self {
        running.send_modify(|count| *count += 1);
        Self(running.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

/// A task that is dropped with its handle.
struct Abort<T>(JoinHandle<T>);

impl<T> Drop for Abort<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Sends a text through a pair of sockets.
async fn echo(text: String) -> Result<String> {
    const WHAT: &str = "a pair of sockets was expected to work";
    let (mut here, mut there) = UnixStream::pair().describe_as(ErrorKind::Io, WHAT)?;
    here.write_all(text.as_bytes()).await.describe_as(ErrorKind::Io, WHAT)?;
    drop(here);
    let mut back = String::new();
    there.read_to_string(&mut back).await.describe_as(ErrorKind::Io, WHAT)?;
    Ok(back)
}

hotshoe::export_plugin!(Clockwork, endpoints = [GET "/socket/{text}"]);
