//! The generic entry: uses every door of the context, and misbehaves when told to.

use std::sync::PoisonError;

use hotshoe::{
    Batch, Call, Error, ErrorKind, Precondition, Request, Result, ResultExt, Scan, Storage,
    StorageBackend,
};
use probe_api::{Journal, other};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Probe;
use crate::handlers::of_kind;
use crate::notes::PanicOnDrop;

/// How an entry answers from now on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Mood {
    #[default]
    Well,
    Degraded,
    Unhealthy,
    Error,
    Panic,
    Held,
    Blocked,
}

/// The entries whose answer can be switched.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Moods {
    pub(crate) health: Mood,
    pub(crate) metrics: Mood,
    pub(crate) state: Mood,
}

/// What can be asked for.
#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "kebab-case")]
enum Op {
    Echo { value: Value },
    Who,
    Caller,
    Fail { kind: String },
    Panic,
    PanicOdd,
    DropPanic,
    Never,
    Held,
    Behave { moods: Moods },
    Put { key: String, value: String },
    Get { key: String },
    Delete { key: String },
    Keys { prefix: String },
    Commit { keys: Vec<String> },
    Capabilities,
    Share { map: String, key: String, value: String },
    Shared { map: String, key: String },
    Keep { map: Option<String> },
    Kept { key: String },
    KeptHeld { key: String },
    Publish { topic: String, payload: String },
    Execute { instance: String, input: Value },
    Request { method: String, target: String, body: String },
    Settings { table: String },
    Services,
    Unheard,
    Granted { permission: String },
    Figures { count: u64, gauge: f64, samples: Vec<f64> },
}

impl Probe {
    pub(crate) async fn run(&self, call: &Call, input: Value) -> Result<Value> {
        let op = serde_json::from_value(input)
            .describe_as(ErrorKind::InvalidInput, "an operation was expected")?;
        let context = &self.context;
        match op {
            Op::Echo { value } => Ok(value),
            Op::Who => Ok(json!({
                "instance": context.instance(),
                "plugin": context.plugin(),
                "data_dir": context.data_dir(),
                "data_dir_exists": context.data_dir().is_dir(),
                "label": self.config.label,
                "stopping": context.is_stopping(),
            })),
            Op::Caller => Ok(json!({
                "user": call.user_id(),
                "roles": call.roles().collect::<Vec<_>>(),
                "request_id": call.request_id(),
                "entries": call.entries().collect::<Vec<_>>(),
                "has_deadline": call.remaining().is_some(),
            })),
            Op::Fail { kind } => Err(of_kind(&kind)),
            Op::Panic => panic!("execute was told to panic"),
            Op::PanicOdd => std::panic::panic_any(PanicOnDrop("a panic's payload")),
            Op::DropPanic => {
                let _grenade = PanicOnDrop("a future");
                std::future::pending().await
            }
            Op::Never => self.notes.never("execute").await,
            Op::Held => {
                self.notes.add("held");
                self.notes.released("execute").await.map(|()| Value::Null)
            }
            Op::Behave { moods } => {
                *self.moods.lock().unwrap_or_else(PoisonError::into_inner) = moods;
                Ok(Value::Null)
            }
            Op::Request { method, target, body } => {
                let request =
                    Request::builder(method, &target).call(call.clone()).body(body).build();
                let mut response = context.request(request).await?;
                let body = response.take_body().collect(1 << 20).await?;
                let body = String::from_utf8_lossy(&body).into_owned();
                Ok(json!({ "status": response.status(), "body": body }))
            }
            Op::Execute { instance, input } => context.execute(call, &instance, &input).await,
            Op::Publish { topic, payload } => {
                Ok(json!(context.publish(call, &topic, payload.into_bytes())?))
            }
            Op::Settings { table } => context.settings(&table),
            Op::Services => {
                let all = context.services::<dyn Journal>()?;
                let first = context.service::<dyn Journal>()?;
                first.note(context.instance(), "asked for services")?;
                Ok(json!([all.len(), first.version()]))
            }
            Op::Unheard => context.service::<dyn other::Unheard>().map(|_| Value::Null),
            Op::Granted { permission } => Ok(json!(context.is_granted(&permission))),
            Op::Figures { count, gauge, samples } => {
                context.metrics().count("calls", count)?;
                context.metrics().gauge("level", gauge)?;
                for sample in samples {
                    context.metrics().sample("latency_ms", sample)?;
                }
                Ok(Value::Null)
            }
            other => self.store(call, other).await,
        }
    }

    /// Operations on its storage and on shared maps.
    async fn store(&self, call: &Call, op: Op) -> Result<Value> {
        let context = &self.context;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match op {
            Op::Put { key, value } => {
                let storage = context.storage()?;
                let version = storage.put(call, &key, value.into(), Precondition::Any).await?;
                Ok(json!(version))
            }
            Op::Get { key } => {
                let found = context.storage()?.get(call, &key).await?;
                Ok(json!(found.map(|record| text(&record.value))))
            }
            Op::Delete { key } => {
                Ok(json!(context.storage()?.delete(call, &key, Precondition::Any).await?))
            }
            Op::Keys { prefix } => {
                let page = context.storage()?.scan(call, Scan::prefix(prefix)).await?;
                Ok(page.entries.into_iter().map(|entry| Value::from(entry.key)).collect())
            }
            Op::Commit { keys } => {
                let mut batch = Batch::new();
                for key in keys {
                    batch = batch.put(key, "committed", Precondition::Absent);
                }
                Ok(json!(context.storage()?.commit(call, batch).await?))
            }
            Op::Capabilities => Ok(json!(context.storage()?.capabilities())),
            Op::Share { map, key, value } => {
                let map = context.shared(&map)?;
                Ok(json!(map.put(call, &key, value.into(), Precondition::Any).await?))
            }
            Op::Shared { map, key } => {
                let found = context.shared(&map)?.get(call, &key).await?;
                Ok(json!(found.map(|record| text(&record.value))))
            }
            Op::Keep { map } => {
                let storage = match map {
                    Some(map) => context.shared(&map)?,
                    None => context.storage()?,
                };
                *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(storage);
                Ok(Value::Null)
            }
            Op::Kept { key } => {
                let found = self.kept()?.get(call, &key).await?;
                Ok(json!(found.map(|record| text(&record.value))))
            }
            Op::KeptHeld { key } => {
                self.notes.add("held");
                self.notes.released("execute").await?;
                let found = self.kept()?.get(call, &key).await?;
                Ok(json!(found.map(|record| text(&record.value))))
            }
            _ => Err(Error::new(ErrorKind::Unsupported, "that is no operation on storage")),
        }
    }

    /// The storage that it was handed out earlier.
    fn kept(&self) -> Result<Storage> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone();
        kept.ok_or_else(|| Error::new(ErrorKind::InvalidInput, "no storage was kept"))
    }
}
