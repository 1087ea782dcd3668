//! Ids for requests that have none.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A new id, 32 hexadecimal digits: unique within this process, and between processes as far as the
/// keys that the standard library draws for each are. Not a secret.
pub(crate) fn new() -> String {
    static KEYS: LazyLock<[RandomState; 2]> = LazyLock::new(Default::default);
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Relaxed);
    let [high, low] = &*KEYS;
    format!("{:016x}{:016x}", high.hash_one(count), low.hash_one(count))
}

/// Whether an id that a client sent may go into logs and headers.
pub(crate) fn is_acceptable(id: &str) -> bool {
    (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_ids_are_the_same() {
        let ids: HashSet<String> = (0..10_000).map(|_| new()).collect();
        assert_eq!(ids.len(), 10_000);
        assert!(ids.iter().all(|id| id.len() == 32 && is_acceptable(id)));
    }

    #[test]
    fn an_id_that_could_break_a_line_is_not_taken_over() {
        for id in ["", "a b", "a\nb", "ä", &"x".repeat(129)] {
            assert!(!is_acceptable(id), "{id:?}");
        }
    }
}
