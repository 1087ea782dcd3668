//! Certificates in a storage backend: storing and merging them.
//!
//! One change is: read certificate and description, merge, write both with the differences of the
//! index in one batch, on the condition that the certificate is still at the version that was read.
//! If somebody else was faster, all of it is done again.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::task::Poll;

use bytes::Bytes;
use hotshoe::{
    Batch, Call, Error, ErrorKind, Precondition, Record, Result, ResultExt, Scan, StorageBackend,
};
use hotshoe_openpgp_keys::{Binding, Certificate, KeyError, Limits, Merge, merge, parse_upload};

use crate::Config;
use crate::counters::Counter;
use crate::index::entries_of;
use crate::layout::{self, entry_key};
use crate::meta::{Meta, now};

/// How often a change is tried again after somebody else was faster. Each time somebody else made
/// progress, so this is about as many writers as may meet at one certificate.
const MAX_ATTEMPTS: usize = 32;

/// Steps of a batch that are not index entries: certificate, description, count.
const FIXED_STEPS: usize = 3;

/// The smallest batch that leaves room for a useful index.
const MIN_BATCH: usize = 64;

/// What became of one certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Added,
    Updated,
    Unchanged,
    /// With the reason, for the person who sent it.
    Refused(String),
}

pub(crate) struct Database<S> {
    pub(crate) storage: S,
    pub(crate) max_results: usize,
    upload: Limits,
    max_certificate_bytes: usize,
    max_entries: usize,
}

impl<S: StorageBackend> Database<S> {
    /// # Errors
    /// If the backend cannot hold what is written, or a setting allows nothing.
    pub(crate) fn new(storage: S, config: &Config) -> Result<Self> {
        for (name, value) in [
            ("max_upload_bytes", config.max_upload_bytes),
            ("max_certificate_bytes", config.max_certificate_bytes),
            ("max_results", config.max_results),
        ] {
            if value == 0 {
                return Err(Error::new(
                    ErrorKind::InvalidConfig,
                    format!("`{name}` was expected to be at least 1, found 0"),
                )
                .with_help("leave it out for the default"));
            }
        }
        let can = storage.capabilities();
        if can.max_key_bytes < layout::MAX_KEY_BYTES || can.max_batch < MIN_BATCH {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!(
                    "the storage was expected to take keys of {} bytes and batches of {MIN_BATCH} \
                     steps, found {} and {}",
                    layout::MAX_KEY_BYTES,
                    can.max_key_bytes,
                    can.max_batch
                ),
            )
            .with_help("give this plugin another storage backend"));
        }
        Ok(Self {
            upload: Limits { max_bytes: config.max_upload_bytes, ..Limits::default() },
            max_certificate_bytes: config.max_certificate_bytes.min(can.max_value_bytes),
            // An update may have to delete all entries and write as many others.
            max_entries: (can.max_batch - FIXED_STEPS) / 2,
            max_results: config.max_results,
            storage,
        })
    }

    /// Takes an upload apart.
    pub(crate) fn parse(&self, material: &[u8]) -> Result<Vec<Certificate>, KeyError> {
        parse_upload(material, &self.upload)
    }

    /// Stores a certificate, or merges it with what is stored.
    ///
    /// # Errors
    /// Whatever the storage reports; `Conflict` if others were faster all the time.
    pub(crate) async fn store(
        &self,
        call: &Call,
        certificate: &Certificate,
        conflicts: &Counter,
    ) -> Result<Outcome> {
        // The certificates of one upload share a budget of verifications. One that came after it
        // was spent would be indexed by what it claims; by itself it has a budget of its own.
        let alone;
        let certificate = if has_unchecked_parts(certificate) {
            alone = self.read(certificate.fingerprint(), certificate.bytes())?;
            &alone
        } else {
            certificate
        };
        for _ in 0..MAX_ATTEMPTS {
            let key = layout::certificate(certificate.fingerprint());
            let (batch, outcome) = match self.storage.get(call, &key).await? {
                None => match self.addition(call, certificate).await? {
                    Ok(batch) => (batch, Outcome::Added),
                    Err(refused) => return Ok(refused),
                },
                Some(stored) => match self.update(call, &stored, certificate).await? {
                    Ok(batch) => (batch, Outcome::Updated),
                    Err(done) => return Ok(done),
                },
            };
            match self.storage.commit(call, batch).await {
                Ok(_) => return Ok(outcome),
                Err(error) if error.is_conflict() => conflicts.add(1),
                Err(error) => return Err(error),
            }
            let_others_run().await;
        }
        Err(Error::new(
            ErrorKind::Conflict,
            format!(
                "certificate {} could not be stored: others changed it, or certificates counted \
                 with it, {MAX_ATTEMPTS} times meanwhile",
                certificate.fingerprint()
            ),
        )
        .with_help("send it again a little later"))
    }

    /// The batch that stores a new certificate, or why there is none.
    async fn addition(
        &self,
        call: &Call,
        certificate: &Certificate,
    ) -> Result<Result<Batch, Outcome>> {
        if certificate.binding() == Binding::Invalid {
            return Ok(Err(Outcome::Refused(
                "expected a key with something that is signed by itself, found nothing that \
                 verifies; send the key as its owner exports it (`gpg --armor --export KEY`)"
                    .into(),
            )));
        }
        if certificate.bytes().len() > self.max_certificate_bytes {
            return Ok(Err(self.too_large(certificate.bytes().len())));
        }
        let fingerprint = certificate.fingerprint();
        let entries = self.entries(certificate);
        let counted = layout::count(fingerprint);
        let (count, unchanged) = match self.storage.get(call, &counted).await? {
            None => (0, Precondition::Absent),
            Some(record) => (read_count(&counted, &record)?, Precondition::At(record.version)),
        };
        let now = now();
        let mut batch = Batch::new()
            .put(
                layout::certificate(fingerprint),
                Bytes::copy_from_slice(certificate.bytes()),
                Precondition::Absent,
            )
            .put(counted, (count + 1).to_string(), unchanged);
        for entry in &entries {
            batch = batch.put(entry_key(entry, fingerprint), Bytes::new(), Precondition::Any);
        }
        let meta = Meta { added: now, changed: now, entries };
        Ok(Ok(batch.put(layout::meta(fingerprint), write_meta(&meta)?, Precondition::Any)))
    }

    /// The batch that merges a certificate into the stored one, or why there is none.
    async fn update(
        &self,
        call: &Call,
        stored: &Record,
        certificate: &Certificate,
    ) -> Result<Result<Batch, Outcome>> {
        let fingerprint = certificate.fingerprint();
        let old = self.read(fingerprint, &stored.value)?;
        let limits = Limits { max_bytes: self.max_certificate_bytes, ..Limits::default() };
        let merged = match merge(&old, certificate, &limits) {
            Ok(Merge::Unchanged) => return Ok(Err(Outcome::Unchanged)),
            Ok(Merge::Updated(bytes)) => Bytes::from(bytes),
            Err(error) => return Ok(Err(Outcome::Refused(error.to_string()))),
        };
        let key = layout::meta(fingerprint);
        // Always written together with the certificate, whose version the batch checks.
        let mut meta: Meta = match self.storage.get(call, &key).await? {
            Some(record) => serde_json::from_slice(&record.value)
                .describe(format!("the record `{key}` is not what this plugin writes"))?,
            None => Meta { entries: self.entries(&old), ..Meta::default() },
        };
        let entries = self.entries(&self.read(fingerprint, &merged)?);
        let before: BTreeSet<&String> = meta.entries.iter().collect();
        let after: BTreeSet<&String> = entries.iter().collect();
        let mut batch = Batch::new().put(
            layout::certificate(fingerprint),
            merged,
            Precondition::At(stored.version),
        );
        for entry in before.difference(&after) {
            batch = batch.delete(entry_key(entry, fingerprint), Precondition::Any);
        }
        for entry in after.difference(&before) {
            batch = batch.put(entry_key(entry, fingerprint), Bytes::new(), Precondition::Any);
        }
        meta.changed = now();
        meta.entries = entries;
        Ok(Ok(batch.put(key, write_meta(&meta)?, Precondition::Any)))
    }

    /// How many certificates are stored.
    pub(crate) async fn count(&self, call: &Call) -> Result<u64> {
        let mut total: u64 = 0;
        let mut scan = Scan::prefix(layout::COUNTS);
        loop {
            let page = self.storage.scan(call, scan.clone()).await?;
            for entry in &page.entries {
                total = total.saturating_add(read_count(&entry.key, &entry.record)?);
            }
            match page.next {
                Some(next) => scan = scan.after(next),
                None => return Ok(total),
            }
        }
    }

    fn entries(&self, certificate: &Certificate) -> Vec<String> {
        let (entries, left_out) = entries_of(certificate, self.max_entries);
        if left_out > 0 {
            tracing::warn!(
                fingerprint = certificate.fingerprint(),
                left_out,
                "a certificate has more words than the storage takes in one atomic change; \
                 it cannot be found by the last ones"
            );
        }
        entries
    }

    /// Reads back what was stored, also if the limits were higher then.
    fn read(&self, fingerprint: &str, bytes: &[u8]) -> Result<Certificate> {
        let limits = Limits { max_bytes: usize::MAX, max_packets: usize::MAX, ..Limits::default() };
        Certificate::from_bytes(bytes, &limits).map_err(|error| {
            Error::new(
                ErrorKind::Other,
                format!("the stored certificate {fingerprint} cannot be read back"),
            )
            .with_help("restore it from a backup, or delete it with its index")
            .caused_by(&error)
        })
    }

    fn too_large(&self, found: usize) -> Outcome {
        let error =
            KeyError::TooLarge { what: "the key", limit: self.max_certificate_bytes, found };
        Outcome::Refused(error.to_string())
    }
}

fn has_unchecked_parts(certificate: &Certificate) -> bool {
    certificate.user_ids().iter().any(|id| id.binding() == Binding::Unchecked)
        || certificate.subkeys().iter().any(|key| key.binding() == Binding::Unchecked)
}

fn write_meta(meta: &Meta) -> Result<Vec<u8>> {
    serde_json::to_vec(meta).describe("the description of a certificate is not JSON")
}

fn read_count(key: &str, record: &Record) -> Result<u64> {
    let text = std::str::from_utf8(&record.value).unwrap_or_default();
    text.parse().map_err(|_| {
        Error::new(ErrorKind::Other, format!("a number was expected at `{key}`, found {text:?}"))
            .with_help("restore the storage of this plugin from a backup")
    })
}

/// Lets whoever polls this do something else first; there is no clock here to wait by.
async fn let_others_run() {
    let mut yielded = false;
    poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[cfg(test)]
mod tests;
