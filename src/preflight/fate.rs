//! How a child ended, in words.

use std::process::ExitStatus;

/// `ended the process with code 3`, `died of signal 11 (SIGSEGV: a bad access to memory)`. None if an
/// application that ignores SIGCHLD kept it from us.
pub(super) fn describe(status: Option<ExitStatus>) -> String {
    let Some(status) = status else { return "ended the process".into() };
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return match name(signal) {
            Some(name) => format!("died of signal {signal} ({name})"),
            None => format!("died of signal {signal}"),
        };
    }
    match status.code() {
        Some(code) => format!("ended the process with code {code}"),
        None => "ended the process".into(),
    }
}

/// The signals that code brings upon itself; their numbers are the same wherever hotshoe runs.
#[cfg(unix)]
fn name(signal: i32) -> Option<&'static str> {
    Some(match signal {
        4 => "SIGILL: an illegal instruction",
        6 => "SIGABRT: it aborted",
        8 => "SIGFPE: impossible arithmetic",
        9 => "SIGKILL: somebody killed it",
        11 => "SIGSEGV: a bad access to memory",
        _ => return None,
    })
}
