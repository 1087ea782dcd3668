//! How much memory this process could still take.

/// So many bytes, at least: what the machine has, within what each group of processes (cgroup) may have that
/// this one is in. None where that cannot be known.
#[cfg(target_os = "linux")]
pub(super) fn free_memory() -> u64 {
    use std::fs::read_to_string;

    let Ok(machine) = read_to_string("/proc/meminfo") else { return 0 };
    let groups = read_to_string("/proc/self/cgroup").unwrap_or_default();
    groups.lines().flat_map(left_in_groups).fold(available(&machine), u64::min)
}

// Untested: no other system has run this.
#[cfg(not(target_os = "linux"))]
pub(super) fn free_memory() -> u64 {
    0
}

/// What `/proc/meminfo` says that can be taken without swapping.
#[cfg(target_os = "linux")]
fn available(machine: &str) -> u64 {
    let line = machine.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) << 10
}

/// What is left in a group that a line of `/proc/self/cgroup` names, and in those that it is in.
#[cfg(target_os = "linux")]
fn left_in_groups(line: &str) -> Vec<u64> {
    use std::fs::read_to_string;
    use std::path::Path;

    let mut fields = line.splitn(3, ':').skip(1);
    let (Some(controllers), Some(group)) = (fields.next(), fields.next()) else {
        return Vec::new();
    };
    let (root, limit, used) = match controllers {
        "" => ("/sys/fs/cgroup", "memory.max", "memory.current"),
        "memory" => ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes"),
        _ => return Vec::new(),
    };
    // In a container its own group may be at the root, whatever it is called outside.
    let groups = Path::new(group.trim_start_matches('/')).ancestors();
    let left = groups.filter_map(|group| {
        let number = |file: &str| {
            let text = read_to_string(Path::new(root).join(group).join(file)).ok()?;
            // Without a limit it says `max`.
            text.trim().parse::<u64>().ok()
        };
        Some(number(limit)?.saturating_sub(number(used)?))
    });
    left.collect()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn what_the_machine_has_is_read_in_bytes() {
        let text = "MemTotal:       24 kB\nMemFree:         3 kB\nMemAvailable:   21 kB\n";
        assert_eq!(available(text), 21 << 10);
        assert_eq!(available("MemTotal: 24 kB\n"), 0, "what is not known cannot be taken");
    }

    #[test]
    fn groups_of_other_controllers_leave_what_there_is() {
        assert!(left_in_groups("4:cpu:/some").is_empty());
        assert!(left_in_groups("nonsense").is_empty());
        assert!(free_memory() > 0, "this process runs");
    }
}
