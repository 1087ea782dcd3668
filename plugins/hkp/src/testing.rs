//! What the tests share: a key, and a database that answers as told.

use bytes::Bytes;
use futures_lite::future::block_on;
use hotshoe::{Call, Deferred, Error, ErrorKind, Json, Response, Result};
use hotshoe_openpgp_keys::{Certificate, Limits};
use keyserver_api::{KeyDb, Refusal, Stats, Submission};

pub(crate) const ALICE: &[u8] = include_bytes!("../../openpgp-keys/tests/data/alice.pgp");

pub(crate) fn certificate(bytes: &[u8]) -> Certificate {
    Certificate::from_bytes(bytes, &Limits::default()).unwrap()
}

pub(crate) fn body(response: Response) -> String {
    let bytes = block_on(response.into_body().collect(1 << 20)).unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Finds the same for every term, takes everything or nothing.
pub(crate) struct Fake {
    found: Vec<Bytes>,
    refuses: bool,
    fails: Option<ErrorKind>,
}

impl Fake {
    pub(crate) fn with<const N: usize>(found: [&'static [u8]; N]) -> Self {
        let found = found.map(Bytes::from_static).to_vec();
        Self { found, refuses: false, fails: None }
    }

    pub(crate) fn refusing() -> Self {
        Self { refuses: true, ..Self::with([]) }
    }

    pub(crate) fn failing(kind: ErrorKind) -> Self {
        Self { fails: Some(kind), ..Self::with([]) }
    }

    fn answer<T>(&self, answer: T) -> Result<T> {
        match self.fails {
            Some(kind) => Err(Error::new(kind, "it fails as told")),
            None => Ok(answer),
        }
    }
}

impl KeyDb for Fake {
    fn submit(&self, _: &Call, _: Bytes) -> Deferred<Json<Submission>> {
        let mut submission = Submission::default();
        if self.refuses {
            submission.refused.push(Refusal::new("FAKE", "as told"));
        } else {
            submission.added.push("FAKE".into());
        }
        Deferred::new(std::future::ready(self.answer(Json(submission))))
    }

    fn lookup(&self, _: &Call, _: String) -> Deferred<Vec<Bytes>> {
        Deferred::new(std::future::ready(self.answer(self.found.clone())))
    }

    fn stats(&self, _: &Call) -> Deferred<Json<Stats>> {
        let mut stats = Stats::default();
        stats.certificates = self.found.len() as u64;
        Deferred::new(std::future::ready(self.answer(Json(stats))))
    }
}
