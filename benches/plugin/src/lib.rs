//! What the benchmarks call.

pub mod api;
mod churn;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};

use hotshoe::{
    Buffer, Call, Context, Contributions, Deferred, Event, EventHandler, Middleware, Next,
    NoConfig, Plugin, Request, Response, Result, handler_fn,
};

/// Adds, answers, passes on, and waits for a sign.
#[derive(Default)]
pub struct Bench {
    go: AtomicBool,
    waiting: Mutex<Vec<Waker>>,
}

impl Plugin for Bench {
    type Config = NoConfig;

    async fn initialize(_: Context, _: NoConfig) -> Result<Self> {
        Ok(Self::default())
    }

    fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
        to.service::<dyn api::Adder, _>(Adder);
        to.service::<dyn api::Churner, _>(churn::Churner);
        to.handler("GET", "/bench-0000", handler_fn(async |_: Request| Ok(Response::new(204))));
        to.middleware(PassOn);
        to.subscribe("go", self.clone());
    }

    /// Answers once the event `go` has come: many of these can be inside at the same time.
    async fn execute(&self, _: &Call, input: serde_json::Value) -> Result<serde_json::Value> {
        std::future::poll_fn(|context| {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            if self.go.load(Ordering::SeqCst) {
                return Poll::Ready(());
            }
            waiting.push(context.waker().clone());
            Poll::Pending
        })
        .await;
        Ok(input)
    }
}

impl EventHandler for Bench {
    async fn handle(&self, _: Event) -> Result<()> {
        self.go.store(true, Ordering::SeqCst);
        let waiting = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
        Ok(())
    }
}

/// Looks at nothing.
struct PassOn;

impl Middleware for PassOn {
    async fn handle(&self, request: Request, next: Next) -> Result<Response> {
        next.run(request).await
    }

    fn paths(&self) -> Vec<String> {
        vec!["/bench-0000".to_owned()]
    }
}

/// Does the work itself; the benchmark calls it through `Box<dyn …>`, too.
pub struct Adder;

impl api::Adder for Adder {
    fn add(&self, a: u64, b: u64) -> Result<u64> {
        Ok(a.wrapping_add(b))
    }

    fn measure(&self, text: &str) -> Result<u64> {
        Ok(text.len() as u64)
    }

    fn add_later(&self, a: u64, b: u64) -> Deferred<u64> {
        Deferred::new(async move { Ok(a.wrapping_add(b)) })
    }

    fn echo(&self, bytes: Buffer) -> Result<Buffer> {
        Ok(bytes)
    }
}

hotshoe::export_plugin! {
    Bench,
    id = "bench-0000",
    provides = [service "adder" = "1.1.0", service "churner" = "1.0.0", middleware],
    endpoints = [GET "/bench-0000"],
    permissions = ["events.subscribe:go"],
}
