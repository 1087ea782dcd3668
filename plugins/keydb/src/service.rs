//! The service `keydb`: the database with limits, counters and events.

use std::sync::Arc;

use bytes::Bytes;
use hotshoe::{Call, Deferred, Error, ErrorKind, Json, Metric, Result, Storage};
use hotshoe_openpgp_keys::{KeyError, SearchTerm};
use keyserver_api::{KEYS_ADDED, KEYS_CHANGED, KeyDb, KeyEvent, Refusal, Stats, Submission};

use crate::counters::Counters;
use crate::database::{Database, Outcome};

type Publish = Box<dyn Fn(&Call, &str, Vec<u8>) -> Result<()> + Send + Sync>;

/// Provides [`KeyDb`].
pub(crate) struct Service(Arc<Inner>);

struct Inner {
    database: Database<Storage>,
    counters: Counters,
    publish: Publish,
}

impl Service {
    pub(crate) fn new(
        database: Database<Storage>,
        publish: impl Fn(&Call, &str, Vec<u8>) -> Result<()> + Send + Sync + 'static,
    ) -> Self {
        let counters = Counters::default();
        Self(Arc::new(Inner { database, counters, publish: Box::new(publish) }))
    }

    pub(crate) async fn count_certificates(&self) -> Result<u64> {
        self.0.database.count(&Call::none()).await
    }

    pub(crate) fn metrics(&self) -> Vec<Metric> {
        self.0.counters.metrics()
    }
}

impl KeyDb for Service {
    fn submit(&self, call: &Call, material: Bytes) -> Deferred<Json<Submission>> {
        let (inner, call) = (self.0.clone(), call.clone());
        Deferred::new(async move { inner.submit(&call, &material).await.map(Json) })
    }

    fn lookup(&self, call: &Call, term: String) -> Deferred<Vec<Bytes>> {
        let (inner, call) = (self.0.clone(), call.clone());
        Deferred::new(async move { inner.lookup(&call, &term).await })
    }

    fn stats(&self, call: &Call) -> Deferred<Json<Stats>> {
        let (inner, call) = (self.0.clone(), call.clone());
        Deferred::new(async move { inner.stats(&call).await.map(Json) })
    }
}

impl Inner {
    async fn submit(&self, call: &Call, material: &[u8]) -> Result<Submission> {
        let certificates = self.database.parse(material).map_err(|error| {
            self.counters.refused.add(1);
            as_error(&error)
        })?;
        let mut submission = Submission::default();
        for certificate in certificates {
            let fingerprint = certificate.fingerprint().to_owned();
            match self.database.store(call, &certificate, &self.counters.conflicts).await? {
                Outcome::Added => {
                    self.counters.added.add(1);
                    self.announce(call, KEYS_ADDED, &fingerprint);
                    submission.added.push(fingerprint);
                }
                Outcome::Updated => {
                    self.counters.updated.add(1);
                    self.announce(call, KEYS_CHANGED, &fingerprint);
                    submission.updated.push(fingerprint);
                }
                Outcome::Unchanged => {
                    self.counters.unchanged.add(1);
                    submission.unchanged.push(fingerprint);
                }
                Outcome::Refused(reason) => {
                    self.counters.refused.add(1);
                    submission.refused.push(Refusal::new(fingerprint, reason));
                }
            }
        }
        Ok(submission)
    }

    async fn lookup(&self, call: &Call, term: &str) -> Result<Vec<Bytes>> {
        self.counters.lookups.add(1);
        let term = SearchTerm::parse(term).map_err(|error| as_error(&error))?;
        self.database.find(call, &term).await
    }

    async fn stats(&self, call: &Call) -> Result<Stats> {
        Ok(self.counters.stats(self.database.count(call).await?))
    }

    /// The certificate is stored already: an event that cannot be published is no reason to fail.
    fn announce(&self, call: &Call, topic: &str, fingerprint: &str) {
        let payload = serde_json::to_vec(&KeyEvent::new(fingerprint)).unwrap_or_default();
        if let Err(error) = (self.publish)(call, topic, payload) {
            self.counters.events_lost.add(1);
            tracing::warn!(topic, fingerprint, %error, "an event could not be published");
        }
    }
}

/// What the client did wrong, as the kinds that [`KeyDb`] promises.
fn as_error(error: &KeyError) -> Error {
    let kind = match error {
        KeyError::TooLarge { .. }
        | KeyError::TooManyPackets { .. }
        | KeyError::TooManyCertificates { .. } => ErrorKind::ResourceLimit,
        _ => ErrorKind::InvalidInput,
    };
    Error::new(kind, error.to_string())
}

#[cfg(test)]
mod tests;
