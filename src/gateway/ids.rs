//! Ids of requests, which are written out only for whoever asks for one.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

/// Request ids: a random number of this host, and one that counts up.
pub(super) struct RequestIds {
    /// In hexadecimal digits.
    host: [u8; 16],
    count: AtomicU64,
}

/// The id of one request.
#[derive(Clone, Copy)]
pub(super) struct RequestId {
    host: [u8; 16],
    count: u64,
}

impl Default for RequestIds {
    fn default() -> Self {
        Self::of(RandomState::new().hash_one(std::process::id()))
    }
}

impl RequestIds {
    fn of(host: u64) -> Self {
        let host = std::array::from_fn(|at| digit(host, 15 - at));
        Self { host, count: AtomicU64::new(0) }
    }

    pub(super) fn next(&self) -> RequestId {
        RequestId { host: self.host, count: self.count.fetch_add(1, Ordering::Relaxed) }
    }
}

impl RequestId {
    /// The same whenever it is written out. `format!` would take longer than all routing.
    pub(super) fn text(self) -> String {
        let mut id = [b'-'; 33];
        id[..16].copy_from_slice(&self.host);
        let digits = self.count.checked_ilog(16).unwrap_or_default() as usize + 1;
        for at in 0..digits {
            id[16 + digits - at] = digit(self.count, at);
        }
        std::str::from_utf8(&id[..17 + digits]).unwrap_or_default().to_owned()
    }
}

/// The hexadecimal digit so many places from the right.
fn digit(number: u64, at: usize) -> u8 {
    b"0123456789abcdef"[(number >> (4 * at) & 0xf) as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_written_as_two_numbers() {
        for (host, count) in [(0, 0), (0x1f, 0xf), (u64::MAX, 0x10), (7, u64::MAX)] {
            let ids = RequestIds::of(host);
            ids.count.store(count, Ordering::Relaxed);
            assert_eq!(ids.next().text(), format!("{host:016x}-{count:x}"));
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
