//! What processes hold in memory, as the kernel counts it.

use std::fs;
use std::ops::Sub;

use serde::{Deserialize, Serialize};

/// In KiB, of this process and its children: some peers' plugins are processes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    /// Pages that are in memory.
    pub resident: i64,
    /// Those of them that belong to no file: relocated or written, so they can be neither shared nor dropped.
    pub private: i64,
}

impl Memory {
    /// As it is at this moment; nothing where the kernel does not say.
    pub fn now() -> Self {
        let own = fs::read_to_string("/proc/self/smaps_rollup").unwrap_or_default();
        children().iter().fold(Self::read(&own), |sum, child| {
            let its = fs::read_to_string(format!("/proc/{child}/smaps_rollup")).unwrap_or_default();
            let its = Self::read(&its);
            Self { resident: sum.resident + its.resident, private: sum.private + its.private }
        })
    }

    fn read(rollup: &str) -> Self {
        let kib = |key: &str| {
            let line = rollup.lines().find(|line| line.starts_with(key));
            line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0)
        };
        Self { resident: kib("Rss:"), private: kib("Anonymous:") }
    }
}

impl Sub for Memory {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self { resident: self.resident - before.resident, private: self.private - before.private }
    }
}

/// Processes that threads of this one have started.
fn children() -> Vec<String> {
    let threads = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    threads
        .filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok())
        .flat_map(|list| list.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_figures_are_read_from_the_rollup() {
        let text =
            "5581-7ffd ---p 00000000 00:00 0  [rollup]\nRss:    2044 kB\nAnonymous:   120 kB\n";
        assert_eq!(Memory::read(text), Memory { resident: 2044, private: 120 });
        assert_eq!(Memory::read(""), Memory::default());
    }
}
