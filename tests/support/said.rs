//! What a host says, made comparable: without what differs from run to run and from machine to
//! machine.

use std::path::Path;

use hotshoe::{PluginHost, StartReport};

/// No message to a person is longer.
const LINES: usize = 15;

/// All that a report says beside its table.
pub fn told(report: &StartReport, folder: &Path) -> String {
    let problems = report.problems();
    let problems = problems.iter().map(|problem| format!("problem: {problem}"));
    let notices = report.resolution.notices.iter().map(|notice| format!("notice: {notice}"));
    let ignored = report
        .ignored
        .iter()
        .map(|(path, reason)| format!("ignored: {}: {reason}", path.display()));
    let all: Vec<String> = problems.chain(notices).chain(ignored).collect();
    let all: Vec<String> = all.iter().map(|message| clean(message, folder)).collect();
    if all.is_empty() { "nothing".to_owned() } else { all.join("\n") }
}

/// A message, its paths in `folder` shortened. It has to fit on one screen.
pub fn clean(message: &str, folder: &Path) -> String {
    assert!(message.lines().count() <= LINES, "too long a message:\n{message}");
    let folder = folder.display().to_string();
    let text = message.replace(&folder, "<folder>").replace(std::env::consts::ARCH, "<arch>");
    without_sizes(&without_positions(&text))
}

/// The state of an instance.
pub fn state(host: &PluginHost, instance: &str) -> &'static str {
    host.plugin(instance).map_or("unknown", |plugin| plugin.state.as_str())
}

/// Waits until something is so that nothing announces.
pub fn until(what: &str, so: impl Fn() -> bool) {
    let begin = std::time::Instant::now();
    while !so() {
        assert!(begin.elapsed().as_secs() < 60, "{what} did not happen");
        std::thread::yield_now();
    }
}

/// `src/lib.rs:12:5` as `src/lib.rs:_`.
fn without_positions(text: &str) -> String {
    let mut parts = text.split(".rs:");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out += ".rs:_";
        out += part.trim_start_matches(|c: char| c.is_ascii_digit() || c == ':');
    }
    out
}

/// `2204 bytes` as `_ bytes`.
fn without_sizes(text: &str) -> String {
    let mut parts = text.split(" bytes");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let kept = out.trim_end_matches(|c: char| c.is_ascii_digit()).len();
        out.truncate(kept);
        out += "_ bytes";
        out += part;
    }
    out
}
