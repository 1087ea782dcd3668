//! How instances are: asked when somebody wants to know or it is time to, and published under a path.
//!
//! The plugin's method is the truth; the path only shows it.

use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use hotshoe_abi::{AbiFuture, AbiHandler, HandlerObject, outcome};
use parking_lot::Mutex;

use super::core::Core;
use crate::bridge::import_health;
use crate::config::Supervision;
use crate::contract::{Error, ErrorKind, Health, HealthStatus, Request, Response, Result};
use crate::gateway::HandlerEntry;
use crate::runtime::{Job, Timekeeper};
use crate::supervise::{Contribution, Supervisor, Term};

/// How long a plugin may think about how it is.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// What is waited for.
const ANSWER: &str = "an answer to `health`";

/// The question that an instance is thinking about, if there is one: it is not asked twice at a time.
#[derive(Default)]
pub(super) struct Checkup(Mutex<Option<Arc<Asked>>>);

/// An instance was asked how it is. That goes on whether somebody waits for it or not.
pub(super) struct Asked {
    answer: Arc<Answer>,
    job: Job,
}

#[derive(Default)]
struct Answer {
    begun: OnceLock<Instant>,
    health: OnceLock<Result<Health>>,
}

impl Asked {
    /// The answer, if it comes within `limit`.
    async fn within(&self, time: &Timekeeper, limit: Duration) -> Result<Health> {
        let ended = async {
            self.job.ended().await;
            Ok(())
        };
        time.timeout(Some(limit), ANSWER, ended).await?;
        self.answer.health.get().cloned().unwrap_or_else(|| {
            Err(Error::new(ErrorKind::Unavailable, "it was not asked: the host has ended"))
        })
    }

    /// The answer, if the instance takes no longer than `limit`. That no thread has come to it yet,
    /// because others block them, is not its fault.
    pub(super) async fn in_its_own_time(
        &self,
        time: &Timekeeper,
        limit: Duration,
    ) -> Result<Health> {
        loop {
            match self.within(time, limit).await {
                Err(error) if error.is_timeout() && !self.has_thought_for(limit) => {}
                answer => return answer,
            }
        }
    }

    fn has_thought_for(&self, limit: Duration) -> bool {
        self.answer.health.get().is_some()
            || self.answer.begun.get().is_some_and(|begun| begun.elapsed() >= limit)
    }
}

impl Core {
    /// Asks an instance how it is, and remembers the answer.
    pub(super) async fn health(&self, instance: &str) -> Result<Health> {
        let answer = self.ask(instance, PATIENCE)?.within(&self.time, PATIENCE).await;
        let health = answer.map_err(|error| error.with_plugin(instance));
        if let Some(slot) = self.slots.write().get_mut(instance) {
            slot.health = Some(match &health {
                Ok(health) => health.clone(),
                Err(error) => Health::unhealthy(error.message()),
            });
        }
        health
    }

    /// Asks an instance how it is, in the background, where it may block; or finds that it is thinking
    /// about that.
    pub(super) fn ask(&self, instance: &str, limit: Duration) -> Result<Arc<Asked>> {
        let (port, checkup) = self.running(instance, |slot| {
            let running = slot.running.as_ref()?;
            Some((running.own.clone(), running.checkup.clone()))
        })?;
        let mut current = checkup.0.lock();
        if let Some(asked) = current.as_ref().filter(|asked| !asked.job.has_ended()) {
            return Ok(asked.clone());
        }
        let answer = Arc::new(Answer::default());
        let (own, time) = (answer.clone(), self.time.clone());
        let job = self.background.spawn(instance, async move {
            let _ = own.begun.set(Instant::now());
            let (inside, left) = async_channel::bounded::<()>(1);
            let health = port.ask(
                move |plugin| {
                    AbiFuture::new(async move {
                        let _inside = inside;
                        plugin.health().await
                    })
                },
                outcome::of,
            );
            let health = time.timeout(Some(limit), ANSWER, health).await;
            let _ = own.health.set(health.map(import_health));
            // One that blocks a thread of its own was given up there, and is still thinking.
            let _ = left.recv().await;
        });
        let asked = Arc::new(Asked { answer, job });
        *current = Some(asked.clone());
        Ok(asked)
    }

    /// Publishes health under `path`: all of it there, one instance's below.
    ///
    /// # Errors
    /// If the path is none.
    pub(super) fn publish_health(self: &Arc<Self>, path: &str) -> Result<()> {
        let handler = Arc::new(Published(Arc::downgrade(self)));
        let supervisor =
            Supervisor::new("the host", Supervision::default(), None, &self.time, &self.monitor);
        let term = Term::new(supervisor);
        let entry = |path: &str| {
            let of = Contribution::Route { method: "GET".to_owned(), path: path.to_owned() };
            Ok(Arc::new(HandlerEntry {
                instance: "the host".into(),
                version: env!("CARGO_PKG_VERSION").into(),
                port: term.port(of, Arc::new(AbiHandler::new(handler.clone())))?,
                start: self.next_start(),
                vacant: false,
                inherited: Default::default(),
                track: None,
            }))
        };
        let each = format!("{}/{{instance}}", path.trim_end_matches('/'));
        self.gateway.draft(|routes| {
            routes.add_handler("GET", path, entry(path)?)?;
            routes.add_handler("GET", &each, entry(&each)?)
        })?;
        term.open();
        // Nothing is ever in the way of these.
        term.supervisor().let_go_of_ports();
        self.gateway.publish();
        Ok(())
    }
}

struct Published(Weak<Core>);

impl HandlerObject for Published {
    fn handle(&self, request: Request) -> AbiFuture<'_, Response> {
        AbiFuture::new(async move {
            let Some(core) = self.0.upgrade() else { return Ok(Response::new(503)) };
            let ids: Vec<String> = match request.param("instance") {
                Some(id) if core.slots.read().contains_key(id) => vec![id.to_owned()],
                Some(_) => return Ok(Response::text(404, "no such instance\n")),
                None => core.all_running().into_iter().collect(),
            };
            let mut all = serde_json::Map::new();
            let mut status = 200;
            for id in ids {
                let health = match core.health(&id).await {
                    Ok(health) => health,
                    Err(error) => Health::unhealthy(error.message()),
                };
                if health.status == HealthStatus::Unhealthy {
                    status = 503;
                }
                all.insert(id, serde_json::to_value(health).unwrap_or_default());
            }
            Ok(Response::json(status, serde_json::Value::Object(all).to_string()))
        })
    }
}
