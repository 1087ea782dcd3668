//! A plugin that needs the probe: by its service and by its name.

use std::future::Future;
use std::sync::Arc;

use hotshoe::{
    Call, Context, Contributions, ErrorKind, Handle, Plugin, Request, Response, Result, ResultExt,
    handler_fn,
};
use probe_api::{Journal, Probe};
use serde::Deserialize;
use serde_json::{Value, json};

/// The plugin.
pub struct Relay {
    context: Context,
    journal: Handle<dyn Journal>,
    probe: Handle<dyn Probe>,
}

/// What the operator may set.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// In front of its route.
    pub prefix: String,
}

/// What can be asked for.
#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "kebab-case")]
enum Op {
    Who,
    Caller,
    Service,
    ServicePanic,
    Execute { instance: String, input: Value },
    Request { target: String },
    Publish { topic: String, payload: String },
}

impl Plugin for Relay {
    type Config = Config;

    async fn initialize(context: Context, config: Config) -> Result<Self> {
        let journal = context.service::<dyn Journal>()?;
        // Its requirements are active before it is initialized.
        let probe = context.service::<dyn Probe>()?;
        let what = format!("initialize with {}{}", probe.who()?, config.prefix);
        journal.note(context.instance(), &what)?;
        Ok(Self { context, journal, probe })
    }

    fn contribute(self: &Arc<Self>, to: &mut Contributions<'_>) {
        let relay = self.clone();
        let ask = move |_: Request| {
            let relay = relay.clone();
            async move { Ok(Response::text(200, relay.probe.who()?)) }
        };
        to.handler("GET", "/relay", handler_fn(ask));
    }

    async fn start(&self) -> Result<()> {
        self.journal.note(self.context.instance(), "start")
    }

    async fn stop(&self) -> Result<()> {
        // They are active until after its stop, too.
        let alive: Value =
            self.context.execute(&Call::none(), "probe", &json!({ "op": "who" })).await?;
        let what = format!("stop while {} runs", alive["instance"].as_str().unwrap_or("nobody"));
        self.journal.note(self.context.instance(), &what)
    }

    fn execute(&self, call: &Call, input: Value) -> impl Future<Output = Result<Value>> + Send {
        self.run(call, input)
    }
}

impl Relay {
    async fn run(&self, call: &Call, input: Value) -> Result<Value> {
        let op = serde_json::from_value(input)
            .describe_as(ErrorKind::InvalidInput, "an operation was expected")?;
        match op {
            Op::Who => Ok(json!(self.context.instance())),
            Op::Caller => Ok(json!(self.probe.caller(call)?)),
            Op::Service => Ok(json!([
                self.probe.who()?,
                self.probe.joined("a", "b".to_owned())?,
                self.probe.later(21).await?,
            ])),
            Op::ServicePanic => {
                let error = self.probe.panic(Some("for the relay".to_owned())).unwrap_err();
                let later = self.probe.panic_later().await.unwrap_err();
                Ok(json!([error.is_panic(), error.message(), later.message()]))
            }
            Op::Execute { instance, input } => self.context.execute(call, &instance, &input).await,
            Op::Request { target } => {
                let request = Request::builder("GET", &target).call(call.clone()).build();
                let mut response = self.context.request(request).await?;
                let body = response.take_body().collect(1 << 20).await?;
                Ok(json!([response.status(), String::from_utf8_lossy(&body)]))
            }
            Op::Publish { topic, payload } => {
                Ok(json!(self.context.publish(call, &topic, payload.into_bytes())?))
            }
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = self.journal.note(self.context.instance(), "dropped");
    }
}

hotshoe::export_plugin! {
    Relay,
    requires = [
        plugin "probe" = "^1",
        service "probe" = "^1",
        service "journal" = "^1",
    ],
    endpoints = [GET "/relay"],
    permissions = ["execute:probe*", "request", "events.publish:probe.*"],
}
