//! Waits for the host with a waker that does not come back.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context as TaskContext, Wake, Waker};
use std::time::Duration;

use hotshoe::{
    Call, Context, Contributions, Error, ErrorKind, LinkedPlugin, Plugin, Request, Response,
    Result, handler_fn,
};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    /// Whether it waits in `start`, and fails.
    #[serde(default)]
    fail: bool,
}

struct Specimen {
    config: Config,
    context: &'static Context,
    waiting: Mutex<Vec<Pin<Box<dyn Future<Output = ()> + Send>>>>,
}

impl Plugin for Specimen {
    type Config = Config;

    async fn initialize(context: Context, config: Config) -> Result<Self> {
        Ok(Self { config, context: Box::leak(Box::new(context)), waiting: Mutex::default() })
    }

    async fn start(&self) -> Result<()> {
        if !self.config.fail {
            return Ok(());
        }
        self.wait();
        // What waits has to outlive this instance.
        std::mem::forget(std::mem::take(&mut *self.waiting.lock().expect("nobody panics here")));
        Err(Error::new(ErrorKind::Unavailable, "it was told to fail"))
    }

    fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
        let this = self.clone();
        let handler = handler_fn(move |_: Request| {
            this.wait();
            async { Ok(Response::text(200, "waiting")) }
        });
        to.handler("GET", "/fault", handler);
    }
}

impl Specimen {
    /// Waits for what the host will wake it for: a deadline that passes, and its own end.
    fn wait(&self) {
        let context = self.context;
        let late = async {
            let call = Call::builder().timeout(Duration::from_millis(20)).build();
            let request = Request::builder("GET", "/steady/never").call(call).build();
            let _ = context.request(request).await;
        };
        let stopping = async {
            let _ = context.stopping().await;
        };
        let waker = Waker::from(Arc::new(Wrong));
        for mut future in
            [Box::pin(late) as Pin<Box<dyn Future<Output = ()> + Send>>, Box::pin(stopping)]
        {
            let _ = future.as_mut().poll(&mut TaskContext::from_waker(&waker));
            self.waiting.lock().expect("nobody panics here").push(future);
        }
    }
}

struct Wrong;

impl Wake for Wrong {
    fn wake(self: Arc<Self>) {
        loop {
            std::thread::park();
        }
    }
}

/// Ready to be mounted.
pub const PLUGIN: LinkedPlugin =
    zoo::plugin!(Specimen, id = "blocks-in-a-waker", permissions = ["request"]);
