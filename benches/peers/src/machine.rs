//! What ran, where and when.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

/// The packages that this program was built of.
const LOCK: &str = include_str!("../Cargo.lock");

/// The header of a report.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// Of the beginning, in UTC.
    pub date: String,
    /// The model, as it calls itself.
    pub processor: String,
    /// How many processors the program may use.
    pub processors: usize,
    /// In GiB.
    pub memory: u64,
    /// The kernel and the architecture.
    pub system: String,
    /// The compiler in this folder.
    pub rustc: String,
    /// Of the peers' packages.
    pub versions: BTreeMap<&'static str, String>,
}

impl Machine {
    /// This one, and the versions of these packages.
    pub fn this(packages: impl Iterator<Item = &'static str>) -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let release = read("/proc/sys/kernel/osrelease");
        Self {
            date: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            processor: field(&read("/proc/cpuinfo"), "model name").unwrap_or("unknown").to_owned(),
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            memory: gibibytes(&read("/proc/meminfo")),
            system: format!(
                "{} {} ({})",
                std::env::consts::OS,
                release.trim(),
                std::env::consts::ARCH
            ),
            rustc: rustc(),
            versions: packages.filter_map(|name| Some((name, version(LOCK, name)?))).collect(),
        }
    }
}

/// The value behind a key, as files below /proc have it.
fn field<'t>(text: &'t str, key: &str) -> Option<&'t str> {
    let mut lines = text.lines().filter_map(|line| line.split_once(':'));
    lines.find(|(found, _)| found.trim() == key).map(|(_, value)| value.trim())
}

fn gibibytes(meminfo: &str) -> u64 {
    let total = field(meminfo, "MemTotal").and_then(|value| value.split(' ').next());
    total.and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0).div_ceil(1 << 20)
}

fn rustc() -> String {
    let output = Command::new("rustc").arg("--version").output().ok();
    let text = output.and_then(|output| String::from_utf8(output.stdout).ok());
    text.map_or_else(|| "rustc unknown".to_owned(), |text| text.trim().to_owned())
}

/// The highest version of a package in a lock file: what depends on an older one too is not the peer.
fn version(lock: &str, package: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Lock {
        package: Vec<Package>,
    }
    #[derive(Deserialize)]
    struct Package {
        name: String,
        version: String,
    }
    let lock: Lock = toml::from_str(lock).ok()?;
    let versions = lock.package.into_iter().filter(|found| found.name == package);
    let key = |version: &str| -> Vec<u64> {
        version.split(['.', '-', '+']).map_while(|part| part.parse().ok()).collect()
    };
    versions.map(|found| found.version).max_by_key(|version| key(version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_highest_in_the_lock_file() {
        let lock = r#"
            version = 4
            [[package]]
            name = "libloading"
            version = "0.10.0"
            [[package]]
            name = "libloading"
            version = "0.9.0"
            [[package]]
            name = "libloading-more"
            version = "2.0.0"
        "#;
        assert_eq!(version(lock, "libloading").as_deref(), Some("0.10.0"));
        assert_eq!(version(lock, "stabby"), None);
    }

    #[test]
    fn all_peers_are_in_the_lock_file() {
        for candidate in crate::peers::ALL {
            let package = candidate.krate;
            assert!(package.is_none_or(|name| version(LOCK, name).is_some()), "{package:?}");
        }
    }

    #[test]
    fn the_memory_is_rounded_up_to_what_was_bought() {
        assert_eq!(gibibytes("MemFree: 1 kB\nMemTotal:       24616300 kB\n"), 24);
    }
}
