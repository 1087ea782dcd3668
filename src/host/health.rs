//! How instances are: asked when somebody wants to know, and published under a path.
//!
//! The plugin's method is the truth; the path only shows it.

use std::sync::{Arc, Weak};
use std::time::Duration;

use hotshoe_abi::{AbiFuture, AbiHandler, HandlerObject};

use super::core::Core;
use crate::bridge::import_health;
use crate::contract::{Health, HealthStatus, Request, Response, Result};
use crate::gateway::HandlerEntry;
use crate::runtime::Gate;

/// How long a plugin may think about how it is.
const PATIENCE: Duration = Duration::from_secs(5);

impl Core {
    /// Asks an instance how it is, and remembers the answer.
    pub(super) async fn health(&self, instance: &str) -> Result<Health> {
        // The pass goes last: whoever waits for it drops the plugin for good.
        let (_pass, plugin) = self.running(instance, |slot| {
            let running = slot.running.as_ref()?;
            Some((running.gate.enter()?, running.plugin.clone()))
        })?;
        let answer = self.time.timeout(Some(PATIENCE), "an answer to `health`", plugin.health());
        let health = match answer.await {
            Ok(health) => Ok(import_health(health)),
            Err(error) => Err(error.with_plugin(instance)),
        };
        if let Some(slot) = self.slots.write().get_mut(instance) {
            slot.health = Some(match &health {
                Ok(health) => health.clone(),
                Err(error) => Health::unhealthy(error.message()),
            });
        }
        health
    }

    /// Publishes health under `path`: all of it there, one instance's below.
    ///
    /// # Errors
    /// If the path is none.
    pub(super) fn publish_health(self: &Arc<Self>, path: &str) -> Result<()> {
        let handler = Arc::new(Published(Arc::downgrade(self)));
        let gate = Arc::new(Gate::default());
        let entry = || {
            Arc::new(HandlerEntry {
                instance: "the host".into(),
                version: env!("CARGO_PKG_VERSION").into(),
                object: Some(AbiHandler::new(handler.clone())),
                inherited: Default::default(),
                gate: gate.clone(),
                timeout: None,
            })
        };
        self.gateway.draft(|routes| {
            routes.add_handler("GET", path, entry())?;
            routes.add_handler(
                "GET",
                &format!("{}/{{instance}}", path.trim_end_matches('/')),
                entry(),
            )
        })?;
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
