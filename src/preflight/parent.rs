//! The parent: starts the child, listens to it until its deadline, and says what became of it.

use std::collections::HashMap;
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use hotshoe_abi::plain::Line;
use parking_lot::Mutex;

use super::protocol::{Job, Step};
use super::{ARGUMENT, HOOKED, fate};
use crate::config::SecurityPolicy;
use crate::contract::{Error, ErrorKind, Result, ResultExt};
use crate::verify::{LibraryFile, Stamp};

/// What remains of the child's standard error, in characters; and so many bytes of its end are read.
const SHOWN: usize = 200;
const READ: u64 = 8192;

/// Tries libraries in children.
#[derive(Debug)]
pub(crate) struct Preflight {
    program: PathBuf,
    /// What was tried, and did no harm.
    passed: Mutex<HashMap<PathBuf, Stamp>>,
}

/// One library to be tried.
pub(crate) struct Trial<'t> {
    pub(crate) instance: &'t str,
    pub(crate) file: &'t LibraryFile,
    /// JSON, references followed.
    pub(crate) settings: String,
    /// How long all of it may take.
    pub(crate) limit: Duration,
}

impl Preflight {
    /// What the policy asks for, if it asks for it.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidConfig`] if there is no program that can try libraries,
    /// [`ErrorKind::Unsupported`] beyond Unix.
    pub(crate) fn new(policy: &SecurityPolicy) -> Result<Option<Self>> {
        if !policy.preflight {
            return Ok(None);
        }
        if !cfg!(unix) {
            return Err(Error::new(ErrorKind::Unsupported, "`preflight` is possible on Unix only")
                .with_help("set `preflight = false` in [plugins.security]"));
        }
        let program = match &policy.preflight_helper {
            Some(program) if program.is_file() => program.clone(),
            Some(program) => {
                return Err(Error::new(
                    ErrorKind::InvalidConfig,
                    "a program was expected as `preflight_helper`, there is none",
                )
                .with_path(program)
                .with_help("install `hotshoe-preflight` there, or correct the path"));
            }
            None if HOOKED.load(Ordering::Relaxed) => std::env::current_exe()
                .describe_as(ErrorKind::Io, "this program does not know where it is")?,
            None => {
                return Err(Error::new(
                    ErrorKind::InvalidConfig,
                    "`preflight` is on, and this program cannot try libraries in a child of itself",
                )
                .with_help(
                    "call `hotshoe::preflight::hook()` first in `main`, or name a \
                     `preflight_helper` in [plugins.security]",
                ));
            }
        };
        Ok(Some(Self { program, passed: Mutex::default() }))
    }

    /// Tries a library, unless it was tried before.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidPlugin`] if it crashed or ended the child, [`ErrorKind::Timeout`] if it
    /// did not come back; what was wrong with the library if it did not open; and whatever kept the
    /// trial from happening: what could not be tried is not loaded.
    pub(crate) fn check(&self, trial: &Trial<'_>) -> Result<()> {
        let (path, stamp) = (trial.file.path(), trial.file.stamp());
        if self.passed.lock().get(path) == Some(stamp) {
            return Ok(());
        }
        let folder = Folder::new()?;
        self.run(trial, &folder).map_err(|error| error.with_path(path))?;
        self.passed.lock().insert(path.to_owned(), stamp.clone());
        Ok(())
    }

    #[cfg(not(unix))]
    fn run(&self, _: &Trial<'_>, _: &Folder) -> Result<()> {
        Err(Error::new(ErrorKind::Unsupported, "libraries can be tried on Unix only"))
    }

    #[cfg(unix)]
    fn run(&self, trial: &Trial<'_>, folder: &Folder) -> Result<()> {
        use std::os::fd::OwnedFd;
        use std::os::unix::net::UnixStream;

        let deadline = Instant::now() + trial.limit;
        let failed = "the child that tries libraries cannot be started";
        let (ours, theirs) = UnixStream::pair().describe_as(ErrorKind::Io, failed)?;
        let said = folder.0.join("stderr");
        let child = Command::new(&self.program)
            .arg(ARGUMENT)
            .stdin(OwnedFd::from(theirs))
            .stdout(trial.file.reopen()?)
            .stderr(File::create(&said).map_or_else(|_| Stdio::null(), Stdio::from))
            .spawn()
            .describe_as(ErrorKind::Io, failed)?;
        let mut child = Ended(child);
        let job = Job {
            hotshoe: env!("CARGO_PKG_VERSION").into(),
            instance: trial.instance.into(),
            path: trial.file.path().display().to_string(),
            data_dir: folder.0.display().to_string(),
            settings: trial.settings.clone(),
        };
        let mut line = serde_json::to_string(&job).describe("a job is JSON")?;
        line.push('\n');
        // One that does not read has ended, or will not say anything either.
        let _ = ours
            .set_write_timeout(Some(trial.limit))
            .and_then(|()| (&ours).write_all(line.as_bytes()));

        let mut reached = None;
        let mut lines = BufReader::new(&ours);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                child.0.kill().ok();
                return Err(self.too_slow(reached.as_ref(), trial.limit));
            }
            let mut line = String::new();
            let read = ours.set_read_timeout(Some(left)).and_then(|()| lines.read_line(&mut line));
            match read {
                Err(error) if would_block(&error) => continue,
                Err(_) | Ok(0) => break,
                Ok(_) => match serde_json::from_str(&line) {
                    Ok(Step::Hello(version)) if version != env!("CARGO_PKG_VERSION") => {
                        return Err(self.other_version(&version));
                    }
                    Ok(Step::Done) => return Ok(()),
                    Ok(Step::Refused { kind, message, help }) => {
                        return Err(refused(&kind, message, help));
                    }
                    Ok(step) => reached = Some(step),
                    Err(_) => break,
                },
            }
        }
        // It closed its end: it has ended, or will at once.
        let left = deadline.saturating_duration_since(Instant::now());
        let Some(status) = child.wait(left) else {
            return Err(self.too_slow(reached.as_ref(), trial.limit));
        };
        let fate = fate::describe(status);
        let error = match what(reached.as_ref()) {
            Some(what) => Error::new(
                ErrorKind::InvalidPlugin,
                format!("a plugin that survives a trial was expected: {what} it {fate}"),
            )
            .with_help(
                "it was tried in a child process, the host is unharmed: tell the plugin's author",
            ),
            None => self.no_helper(&fate),
        };
        Err(match last_line(&said) {
            Some(line) => error.caused_by(&std::io::Error::other(line)),
            None => error,
        })
    }

    fn too_slow(&self, reached: Option<&Step>, limit: Duration) -> Error {
        match what(reached) {
            Some(what) => Error::new(
                ErrorKind::Timeout,
                format!(
                    "a plugin that can be tried within {limit:?} was expected: {what} it did not \
                     come back"
                ),
            )
            .with_help(
                "it was tried in a child process, which was killed; raise `load_timeout` if it \
                 needs longer",
            ),
            None => self.no_helper("said nothing"),
        }
    }

    fn no_helper(&self, fate: &str) -> Error {
        Error::new(
            ErrorKind::InvalidConfig,
            format!(
                "a program that tries libraries was expected, `{}` {fate}",
                self.program.display()
            ),
        )
        .with_help(
            "call `hotshoe::preflight::hook()` first in its `main`, or name another \
             `preflight_helper` in [plugins.security]",
        )
    }

    fn other_version(&self, found: &str) -> Error {
        Error::new(
            ErrorKind::InvalidConfig,
            format!(
                "a `preflight_helper` of hotshoe {} was expected, `{}` is of {found}",
                env!("CARGO_PKG_VERSION"),
                self.program.display()
            ),
        )
        .with_help("build the helper and the host with one version of hotshoe")
    }
}

/// During what it ended, if it ever was a child of ours.
fn what(reached: Option<&Step>) -> Option<&'static str> {
    Some(match reached? {
        Step::Hello(_) => "while it was opened",
        Step::Opened => "in `initialize`",
        _ => "while its instance was dropped",
    })
}

fn refused(kind: &str, message: String, help: String) -> Error {
    let kinds = [
        ErrorKind::Incompatible,
        ErrorKind::InvalidPlugin,
        ErrorKind::Io,
        ErrorKind::Panic,
        ErrorKind::ResourceLimit,
    ];
    let kind = kinds.into_iter().find(|known| known.as_str() == kind).unwrap_or(ErrorKind::Other);
    let error = Error::new(kind, message);
    if help.is_empty() { error } else { error.with_help(help) }
}

fn would_block(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), WouldBlock | TimedOut | Interrupted)
}

/// The last that the child printed, mostly why it ended.
fn last_line(path: &Path) -> Option<String> {
    let mut file = File::open(path).ok()?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(READ))).ok()?;
    let mut end = Vec::new();
    file.take(READ).read_to_end(&mut end).ok()?;
    let text = String::from_utf8_lossy(&end);
    let line = text.lines().rfind(|line| !line.trim().is_empty())?;
    Some(line.chars().take(SHOWN).collect())
}

/// A child that does not outlive its trial.
struct Ended(Child);

impl Ended {
    /// How it ended, if it does in time.
    fn wait(&mut self, limit: Duration) -> Option<std::process::ExitStatus> {
        let deadline = Instant::now() + limit;
        loop {
            match self.0.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(1));
                }
                _ => return None,
            }
        }
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        // It has ended already, or has nothing more to say.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A folder of its own for one trial, for its owner only.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self> {
        // Seeded anew each time by the system.
        let number = RandomState::new().hash_one("a folder");
        let path = std::env::temp_dir().join(format!("hotshoe-preflight-{number:016x}"));
        let mut builder = std::fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        // One that is there already may be somebody else's.
        builder.create(&path).describe_as(
            ErrorKind::Io,
            format!("a folder for trying the library cannot be made: {}", path.display()),
        )?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(path = %Line(self.0.display()), %error, "a temporary folder stays");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_child_that_printed_without_end_only_the_end_is_read() {
        let folder = Folder::new().unwrap();
        let path = folder.0.join("stderr");
        let mut file = File::create(&path).unwrap();
        // A hole: it takes no space, and whoever reads all of it needs a terabyte.
        file.set_len(1 << 40).unwrap();
        file.seek(SeekFrom::End(0)).unwrap();
        file.write_all(format!("\nthe {}\n\n", "end ".repeat(100)).as_bytes()).unwrap();
        let line = last_line(&path).unwrap();
        assert!(line.starts_with("the end end") && line.chars().count() == SHOWN, "{line}");
    }
}
