//! Calls the host from a thread of its own, without a pause, until it is told that it ends.

use std::sync::Mutex;
use std::thread::JoinHandle;

use futures_lite::future::block_on;
use hotshoe::{Call, Context, LinkedPlugin, NoConfig, Plugin, Request, Result};
use serde_json::{Value, json};

struct Specimen(Context, Mutex<Option<JoinHandle<()>>>);

impl Plugin for Specimen {
    type Config = NoConfig;

    async fn initialize(context: Context, _: NoConfig) -> Result<Self> {
        Ok(Self(context, Mutex::default()))
    }

    async fn start(&self) -> Result<()> {
        let context = self.0.clone();
        let thread = std::thread::spawn(move || {
            let call = Call::none();
            while !context.is_stopping() {
                let request = Request::builder("GET", "/steady").build();
                let route = block_on(context.request(request)).is_ok();
                let entry = block_on(context.execute::<Value>(&call, "steady", &json!(1))).is_ok();
                let _ = context.publish(&call, "steady.tick", "tick");
                let _ = context.metrics().count(&format!("calls {route} {entry}"), 1);
            }
        });
        *self.1.lock().expect("nobody panics here") = Some(thread);
        Ok(())
    }

    async fn stop(&self) -> Result<()> {
        let thread = self.1.lock().expect("nobody panics here").take();
        thread.into_iter().for_each(|thread| thread.join().expect("the thread ends"));
        Ok(())
    }
}

/// Ready to be mounted.
pub const PLUGIN: LinkedPlugin = zoo::plugin!(
    Specimen,
    id = "calls-from-its-own-thread",
    permissions = ["request", "execute:steady", "events.publish:steady.*"]
);
