//! [`Entries`]: all pages of a scan as one sequence.

use super::limits::in_time;
use super::{Entry, Scan, StorageBackend};
use crate::contract::{Call, Error, ErrorKind, Result};

/// The entries below a prefix, one after the other, read page by page.
///
/// Made by [`StorageExt::scan_all`](super::StorageExt::scan_all). At most one page is in memory.
pub struct Entries<'a, S: ?Sized> {
    store: &'a S,
    call: &'a Call,
    prefix: String,
    page_size: usize,
    page: std::vec::IntoIter<Entry>,
    rest: Rest,
}

/// What is still to be asked for.
enum Rest {
    From(Option<String>),
    Nothing,
}

impl<'a, S: StorageBackend + ?Sized> Entries<'a, S> {
    pub(super) fn new(store: &'a S, call: &'a Call, prefix: String) -> Self {
        let Scan { prefix, limit, after } = Scan::prefix(prefix);
        Self {
            store,
            call,
            prefix,
            page_size: limit,
            page: Vec::new().into_iter(),
            rest: Rest::From(after),
        }
    }

    /// How many entries to ask for at a time; at least one. More means fewer calls and more
    /// memory.
    #[must_use]
    pub fn page_size(mut self, entries: usize) -> Self {
        self.page_size = entries.max(1);
        self
    }

    /// The next entry; `None` at the end.
    ///
    /// # Errors
    /// Those of the backend's `scan`; [`ErrorKind::Timeout`] when the call's deadline has passed.
    /// After an error the same page is asked for again.
    ///
    /// # Cancellation
    /// A dropped future loses no entry.
    pub async fn next(&mut self) -> Result<Option<Entry>> {
        loop {
            if let Some(entry) = self.page.next() {
                return Ok(Some(entry));
            }
            let Rest::From(after) = &self.rest else { return Ok(None) };
            in_time(self.call, "scanning")?;
            let scan =
                Scan { prefix: self.prefix.clone(), after: after.clone(), limit: self.page_size };
            let page = self.store.scan(self.call, scan).await?;
            if page.next.is_some() && page.next <= *after {
                return Err(Error::new(
                    ErrorKind::Other,
                    "a scan does not get on: the next page begins where this one began",
                )
                .with_help("the backend breaks its contract; run the conformance suite on it"));
            }
            self.rest = page.next.map_or(Rest::Nothing, |next| Rest::From(Some(next)));
            self.page = page.entries.into_iter();
        }
    }

    /// All that remain, at once. Only for prefixes that are known to hold little.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub async fn collect(mut self) -> Result<Vec<Entry>> {
        let mut entries = Vec::new();
        while let Some(entry) = self.next().await? {
            entries.push(entry);
        }
        Ok(entries)
    }
}
