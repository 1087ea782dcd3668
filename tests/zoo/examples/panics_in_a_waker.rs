//! Waits for the host with a waker that panics.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context as TaskContext, Wake, Waker};
use std::time::Duration;

use hotshoe::{
    Call, Context, Contributions, LinkedPlugin, NoConfig, Plugin, Request, Response, Result,
    handler_fn,
};

struct Specimen {
    context: &'static Context,
    waiting: Mutex<Vec<Pin<Box<dyn Future<Output = ()> + Send>>>>,
}

impl Plugin for Specimen {
    type Config = NoConfig;

    async fn initialize(context: Context, _: NoConfig) -> Result<Self> {
        Ok(Self { context: Box::leak(Box::new(context)), waiting: Mutex::default() })
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
        panic!("the waker went wrong");
    }
}

/// Ready to be mounted.
pub const PLUGIN: LinkedPlugin =
    zoo::plugin!(Specimen, id = "panics-in-a-waker", permissions = ["request"]);
