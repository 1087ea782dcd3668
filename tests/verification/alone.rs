//! A test in a process of its own, for what belongs to a whole process: its memory, its children, its
//! signals, its environment.

use std::process::Command;

/// The sign that a process is one of these; its value is a folder for it.
const FOLDER: &str = "VERIFICATION_FOLDER";
/// Said at the end of what was played to its end.
const OVER: &str = "the case was played to its end";

/// Plays a case in a process of its own; it has to reach its end. `test` is the test of `trials` that
/// calls.
pub fn play(test: &str, case: impl FnOnce()) {
    play_as(test, &[], case);
}

/// The same; `changes` are what `env` is told to change.
pub fn play_as(test: &str, changes: &[&str], case: impl FnOnce()) {
    if let Some(folder) = std::env::var_os(FOLDER) {
        // Some have no folder for temporary files.
        tempfile::env::override_temp_dir(folder.as_ref()).expect("the first who says so");
        case();
        println!("{OVER}");
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = Command::new("env")
        .args(changes)
        .arg(std::env::current_exe().expect("a test has an executable"))
        .args(["--exact", &format!("verification::trials::{test}"), "--nocapture"])
        .envs([(FOLDER, folder.path()), ("TMPDIR", folder.path())])
        .output()
        .expect("this program starts once more");
    let [out, err] =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(output.status.success() && out.contains(OVER), "{}\n{out}\n{err}", output.status);
}

/// The most memory that this process ever had, in MiB.
pub fn peak() -> u64 {
    let kib = status("VmHWM:").trim_end_matches(" kB").parse::<u64>().expect("a number");
    kib >> 10
}

/// A field of what the system says about this process.
pub fn status(field: &str) -> String {
    let status = std::fs::read_to_string("/proc/self/status").expect("the system tells");
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    line.expect("the field is there").trim().to_owned()
}

/// The state of a process, `Z` for one that has ended and nobody has asked for; none if it is gone.
pub fn state(process: u32) -> Option<char> {
    stat(process).map(|(state, _)| state)
}

/// The children of this process, those that have ended, too.
pub fn children() -> Vec<u32> {
    let processes = std::fs::read_dir("/proc").expect("the system tells");
    let numbers = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    numbers
        .filter(|number| stat(*number).is_some_and(|(_, parent)| parent == std::process::id()))
        .collect()
}

/// State and parent.
fn stat(process: u32) -> Option<(char, u32)> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // Its name is in parentheses, and may contain anything.
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ');
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}
