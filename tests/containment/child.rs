//! A case is played in a process of its own: this test program once more, told by its environment
//! which case. Whatever dies or hangs there, the test that started it tells.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use hotshoe::Mount;

use crate::support::zoo;

/// Where the process of a case may write; also the sign that it is one.
const FOLDER: &str = "ZOO_FOLDER";
/// More for a case to know.
const HINT: &str = "ZOO_HINT";
/// The last line of a case that was played to its end.
const OVER: &str = "the case was played to its end";
/// Long enough for anything that is not stuck.
const PATIENCE: Duration = Duration::from_secs(120);

/// How a process ends.
#[derive(Clone, Copy)]
pub enum Death {
    /// The system, or it itself, killed it.
    Signal(i32),
    /// It ended itself.
    Code(i32),
}

/// What became of a process.
pub struct Outcome {
    /// None if it had to be killed.
    status: Option<ExitStatus>,
    said: String,
}

/// The tests of cases on both mounts: `case::linked` and `case::loaded`.
macro_rules! on_both_mounts {
    ($($case:ident),* $(,)?) => {
        $(mod $case {
            #[test]
            fn linked() {
                crate::child::play(module_path!(), hotshoe::Mount::Linked, super::$case);
            }

            #[test]
            fn loaded() {
                crate::child::play(module_path!(), hotshoe::Mount::Loaded, super::$case);
            }
        })*
    };
}

/// The tests of cases that only a library can be: `case::loaded`.
macro_rules! when_loaded {
    ($($(#[$meta:meta])* $case:ident),* $(,)?) => {
        $(mod $case {
            #[test]
            $(#[$meta])*
            fn loaded() {
                crate::child::play(module_path!(), hotshoe::Mount::Loaded, super::$case);
            }
        })*
    };
}

/// Plays a case in a process of its own; it has to reach its end.
pub fn play(module: &str, mount: Mount, case: fn(Mount)) {
    if is_child() {
        case(mount);
        println!("{OVER}");
        return;
    }
    let outcome = Outcome::of(module, mount, "");
    assert!(outcome.survived(), "{outcome}");
}

/// Plays a case that its process does not survive; what became of it. In that process, returns only if
/// it survived.
pub fn play_to_the_death(
    module: &str,
    mount: Mount,
    hint: &str,
    case: fn(Mount, &str),
) -> Option<Outcome> {
    if is_child() {
        let hint = std::env::var(HINT).expect("the hint is text");
        case(mount, &hint);
        println!("{OVER}");
        return None;
    }
    Some(Outcome::of(module, mount, hint))
}

/// Where the process of this case may write. It is gone afterwards, whatever becomes of the process.
pub fn folder() -> PathBuf {
    std::env::var_os(FOLDER).expect("a case is played in a process of its own").into()
}

/// Held by a case that needs much memory: one such process at a time.
pub fn much_memory() -> File {
    let file = File::create(zoo::libraries().join("much-memory")).expect("a file to lock");
    file.lock().expect("the lock comes when the other one has ended");
    file
}

fn is_child() -> bool {
    std::env::var_os(FOLDER).is_some()
}

impl Outcome {
    fn of(module: &str, mount: Mount, hint: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        // Without the name of this crate it is what the test is called.
        let module = module.split_once("::").map_or(module, |(_, inner)| inner);
        // The shell takes care that a process that dies leaves no core behind.
        let mut command = Command::new("sh");
        command
            .args(["-c", "ulimit -c 0; exec \"$@\"", "sh"])
            .arg(std::env::current_exe().expect("a test has an executable"))
            .args(["--exact", &format!("{module}::{mount}"), "--nocapture", "--include-ignored"])
            .env(FOLDER, folder.path())
            .env(HINT, hint)
            .env("ZOO_TRACE", folder.path().join("trace"))
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        zoo::lend(&mut command);
        Self::wait(command.spawn().expect("this program starts once more"))
    }

    fn wait(mut child: Child) -> Self {
        let (done, all) = channel();
        let out = child.stdout.take().expect("a pipe");
        let err = child.stderr.take().expect("a pipe");
        for mut pipe in [Box::new(out) as Box<dyn Read + Send>, Box::new(err)] {
            let done = done.clone();
            std::thread::spawn(move || {
                let mut said = Vec::new();
                // Ends when the process does. What was read before something went wrong counts.
                let _ = pipe.read_to_end(&mut said);
                let _ = done.send(String::from_utf8_lossy(&said).into_owned());
            });
        }
        let first = all.recv_timeout(PATIENCE).ok();
        let stuck = first.is_none();
        if stuck {
            child.kill().expect("it is killed");
        }
        drop(done);
        let both: Vec<String> = first.into_iter().chain(all).collect();
        let status = child.wait().expect("it ended");
        Self { status: (!stuck).then_some(status), said: both.join("\n") }
    }

    fn survived(&self) -> bool {
        self.status.is_some_and(|status| status.success()) && self.said.contains(OVER)
    }

    /// Whether it died like this, and after it had said that.
    pub fn died(&self, how: Death, after: &str) -> bool {
        let died = self.status.is_some_and(|status| match how {
            Death::Signal(signal) => status.signal() == Some(signal),
            Death::Code(code) => status.code() == Some(code),
        });
        died && self.said.contains(after) && !self.said.contains(OVER)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status {
            Some(status) => writeln!(f, "the process of the case ended with {status}; it said:")?,
            None => writeln!(f, "the process of the case got stuck; it had said:")?,
        }
        f.write_str(&self.said)
    }
}
