//! Ids of requests, which are written out only for whoever asks for one.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

/// Request ids: a random number of this host, and one that counts up.
pub(super) struct RequestIds {
    host: u64,
    count: AtomicU64,
}

/// The id of one request.
#[derive(Clone, Copy)]
pub(super) struct RequestId {
    host: u64,
    count: u64,
}

impl Default for RequestIds {
    fn default() -> Self {
        let host = RandomState::new().hash_one(std::process::id());
        Self { host, count: AtomicU64::new(0) }
    }
}

impl RequestIds {
    pub(super) fn next(&self) -> RequestId {
        RequestId { host: self.host, count: self.count.fetch_add(1, Ordering::Relaxed) }
    }
}

impl RequestId {
    /// The same whenever it is written out. `format!` would take longer than all routing.
    pub(super) fn text(self) -> String {
        let digits = self.count.checked_ilog(16).unwrap_or_default() + 1;
        let mut id = String::with_capacity(17 + digits as usize);
        id.extend(hexadecimal(self.host, 16));
        id.push('-');
        id.extend(hexadecimal(self.count, digits));
        id
    }
}

fn hexadecimal(number: u64, digits: u32) -> impl Iterator<Item = char> {
    let digit = move |at| char::from_digit((number >> (4 * at) & 0xf) as u32, 16);
    (0..digits).rev().filter_map(digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_written_as_two_numbers() {
        for (host, count) in [(0, 0), (0x1f, 0xf), (u64::MAX, 0x10), (7, u64::MAX)] {
            assert_eq!(RequestId { host, count }.text(), format!("{host:016x}-{count:x}"));
        }
    }

    #[test]
    fn no_two_requests_have_the_same_id() {
        let ids = RequestIds::default();
        let (first, second) = (ids.next(), ids.next());
        assert_ne!(first.text(), second.text());
        assert_eq!(first.text(), first.text());
    }
}
