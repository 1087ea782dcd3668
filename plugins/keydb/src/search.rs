//! Finding certificates by what people search for.
//!
//! A fingerprint or key id is one range of the index. Of several words the rarest is walked, and
//! each certificate it leads to is checked for the others; how far is bounded, so that "gmail com"
//! costs as little as anything else.

use std::collections::BTreeSet;

use bytes::Bytes;
use hotshoe::{Call, Error, ErrorKind, Result, Scan, StorageBackend};
use hotshoe_openpgp_keys::SearchTerm;

use crate::database::Database;
use crate::layout::{self, entry_key, fingerprint_of, id_entry, subkey_entry, word_entry};

/// How many index entries of a word are looked at before a search is refused as too wide.
const MAX_WALK: usize = 2048;

/// Entries of one page.
const PAGE: usize = 256;

impl<S: StorageBackend> Database<S> {
    /// The certificates that a term finds.
    ///
    /// # Errors
    /// `ResourceLimit` if there are more than may be handed out; whatever the storage reports.
    pub(crate) async fn find(&self, call: &Call, term: &SearchTerm) -> Result<Vec<Bytes>> {
        let fingerprints = match term {
            SearchTerm::Fingerprint(fingerprint) => {
                let mut found = self.all_of(call, &subkey_entry(fingerprint)).await?;
                found.insert(fingerprint.clone());
                found
            }
            SearchTerm::KeyId(id) => self.all_of(call, &id_entry(id)).await?,
            other => self.with_words(call, other.words()).await?,
        };
        let mut certificates = Vec::new();
        for fingerprint in &fingerprints {
            let key = layout::certificate(fingerprint);
            if let Some(record) = self.storage.get(call, &key).await? {
                certificates.push(record.value);
            }
        }
        Ok(certificates)
    }

    /// All certificates at an index entry, unless they are too many.
    async fn all_of(&self, call: &Call, entry: &str) -> Result<BTreeSet<String>> {
        let mut found = BTreeSet::new();
        let mut scan = first_page(entry).limit(self.max_results.saturating_add(1).min(PAGE));
        loop {
            let page = self.storage.scan(call, scan.clone()).await?;
            found.extend(page.entries.iter().map(|entry| fingerprint_of(&entry.key).to_owned()));
            if found.len() > self.max_results {
                return Err(self.too_many());
            }
            match page.next {
                Some(next) => scan = scan.after(next),
                None => return Ok(found),
            }
        }
    }

    /// All certificates that have all words.
    async fn with_words(&self, call: &Call, words: &[String]) -> Result<BTreeSet<String>> {
        let entries: Vec<String> = words.iter().map(|word| word_entry(word)).collect();
        let Some(rarest) = self.rarest(call, &entries).await? else {
            return Ok(BTreeSet::new());
        };
        if entries.len() == 1 {
            return self.all_of(call, rarest).await;
        }
        let others: Vec<&String> = entries.iter().filter(|entry| *entry != rarest).collect();
        let mut found = BTreeSet::new();
        let mut walked = 0;
        let mut scan = first_page(rarest);
        loop {
            let page = self.storage.scan(call, scan.clone()).await?;
            walked += page.entries.len();
            for entry in &page.entries {
                let fingerprint = fingerprint_of(&entry.key);
                if self.has_all(call, fingerprint, &others).await? {
                    found.insert(fingerprint.to_owned());
                }
            }
            if found.len() > self.max_results || (walked >= MAX_WALK && page.next.is_some()) {
                return Err(self.too_many());
            }
            match page.next {
                Some(next) => scan = scan.after(next),
                None => return Ok(found),
            }
        }
    }

    /// The entry with the fewest certificates, as far as one page each tells; the longest of those
    /// that go on after it. `None` if one has none at all.
    async fn rarest<'a>(&self, call: &Call, entries: &'a [String]) -> Result<Option<&'a String>> {
        let mut best: Option<(usize, &String)> = None;
        for entry in entries {
            let page = self.storage.scan(call, first_page(entry)).await?;
            if page.entries.is_empty() && page.next.is_none() {
                return Ok(None);
            }
            let size = if page.next.is_some() { usize::MAX } else { page.entries.len() };
            let better = match best {
                None => true,
                Some((smallest, longest)) => {
                    size < smallest || (size == smallest && entry.len() > longest.len())
                }
            };
            if better {
                best = Some((size, entry));
            }
        }
        Ok(best.map(|(_, entry)| entry))
    }

    async fn has_all(&self, call: &Call, fingerprint: &str, entries: &[&String]) -> Result<bool> {
        for entry in entries {
            if self.storage.get(call, &entry_key(entry, fingerprint)).await?.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn too_many(&self) -> Error {
        Error::new(
            ErrorKind::ResourceLimit,
            format!("too many keys match: at most {} are shown at once", self.max_results),
        )
        .with_help("search for a whole e-mail address, more words, or a fingerprint")
    }
}

fn first_page(entry: &str) -> Scan {
    Scan::prefix(format!("{entry}/")).limit(PAGE)
}
