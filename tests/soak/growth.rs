//! What the process has of the system: memory, threads, descriptors.

use std::thread;
use std::time::Duration;

use hotshoe::PluginHost;

/// So much more memory may be in use at the end, besides what is retired: allocators do not give back
/// everything.
const MEMORY: u64 = 8 << 20;
/// So many more threads: one that has just been added where others were busy.
const THREADS: u64 = 2;
/// So many more descriptors.
const DESCRIPTORS: u64 = 0;
/// What goes on in the background is over after one of so many looks.
const LOOKS: u32 = 20;
const APART: Duration = Duration::from_millis(100);

/// How much there is.
pub struct Footprint {
    /// Bytes that no other process shares.
    private: u64,
    threads: u64,
    descriptors: u64,
    /// Libraries that nobody uses, and their bytes.
    retired: (u64, u64),
}

impl Footprint {
    /// Where nothing is done to instances; the least that is seen of each.
    pub fn at_rest(host: &PluginHost) -> Self {
        let least = |one: Self, other: Self| Self {
            private: one.private.min(other.private),
            threads: one.threads.min(other.threads),
            descriptors: one.descriptors.min(other.descriptors),
            retired: other.retired,
        };
        let looks = (1..LOOKS).map(|_| {
            thread::sleep(APART);
            Self::now(host)
        });
        looks.fold(Self::now(host), least)
    }

    fn now(host: &PluginHost) -> Self {
        let retired = host.retired();
        let bytes = retired.iter().map(|library| {
            let mapped = library.memory.map_or(0, |memory| memory.resident);
            mapped.max(library.copy.unwrap_or_default())
        });
        let smaps = std::fs::read_to_string("/proc/self/smaps_rollup").expect("Linux tells");
        let private = smaps.lines().filter(|line| line.starts_with("Private_"));
        let kib = private.filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
        let entries = |folder: &str| std::fs::read_dir(folder).expect("Linux tells").count() as u64;
        Self {
            private: kib.sum::<u64>() * 1024,
            threads: entries("/proc/self/task"),
            descriptors: entries("/proc/self/fd"),
            retired: (retired.len() as u64, bytes.sum()),
        }
    }

    /// Whether there is more of something than there may be, after there was this.
    pub fn judge(&self, before: &Self, reasons: &mut Vec<String>) {
        let ((count_before, retired_before), (count, retired)) = (before.retired, self.retired);
        println!("retired    {count_before}, then {count}, of {retired} bytes");
        let figures = [
            (
                "memory",
                before.private,
                self.private,
                MEMORY + retired.saturating_sub(retired_before),
            ),
            ("threads", before.threads, self.threads, THREADS),
            ("files", before.descriptors, self.descriptors, DESCRIPTORS),
        ];
        for (what, before, after, limit) in figures {
            let more = after.saturating_sub(before);
            println!("{what:<10} {before}, then {after}: {more} more; at most {limit}");
            if more > limit {
                reasons.push(format!("{what}: at most {limit} more were expected, found {more}"));
            }
        }
    }
}
