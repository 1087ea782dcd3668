//! The parent: starts the child, listens to it until its deadline, and says what became of it.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::folder::Folder;
use super::kin::Kin;
use super::program::Program;
use super::protocol::{Job, Step};
use super::talk::{ANSWERS, Talk};
use super::{ARGUMENT, fate};
use crate::config::SecurityPolicy;
use crate::contract::{Error, ErrorKind, Result, ResultExt};
use crate::verify::{LibraryFile, Stamp};

/// How long it may go unnoticed that the child has ended, if something else holds its end of the socket.
const LOOK: Duration = Duration::from_millis(5);

/// Tries libraries in children.
#[derive(Debug)]
pub(crate) struct Preflight {
    program: Program,
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
        let program = Program::new(policy.preflight_helper.as_deref())?;
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
        let tried = Folder::new().and_then(|folder| self.run(trial, &folder));
        tried.map_err(|error| error.with_path(path))?;
        self.passed.lock().insert(path.to_owned(), stamp.clone());
        Ok(())
    }

    #[cfg(not(unix))]
    fn run(&self, _: &Trial<'_>, _: &Folder) -> Result<()> {
        Err(Error::new(ErrorKind::Unsupported, "libraries can be tried on Unix only"))
    }

    #[cfg(unix)]
    fn run(&self, trial: &Trial<'_>, folder: &Folder) -> Result<()> {
        // None is later than anybody waits.
        let deadline = Instant::now().checked_add(trial.limit);
        let (mut kin, mut talk) = self.start(trial, folder)?;
        let mut reached = None;
        loop {
            // Asked before it is listened to: what it said until then is heard.
            let ended = kin.has_ended();
            let left = deadline.map_or(Duration::MAX, |deadline| {
                deadline.saturating_duration_since(Instant::now())
            });
            if left.is_zero() && !ended {
                return Err(self.too_slow(reached.as_ref(), trial.limit));
            }
            let heard = talk.exchange(if ended { Duration::ZERO } else { left.min(LOOK) });
            while let Some(answer) = talk.answer() {
                match serde_json::from_slice(answer) {
                    Ok(Step::Hello(version)) if version != env!("CARGO_PKG_VERSION") => {
                        return Err(self.other_version(&version));
                    }
                    Ok(Step::Done) => return Ok(()),
                    Ok(Step::Refused(refusal)) => return Err(refusal.into_error()),
                    Ok(step) => reached = Some(step),
                    Err(_) => {
                        let fate = "gave an answer that no trial gives";
                        return Err(self.badly_ended(reached.as_ref(), fate));
                    }
                }
            }
            if talk.was_too_much() {
                let fate = format!("answered more than {ANSWERS} bytes");
                return Err(self.badly_ended(reached.as_ref(), &fate));
            }
            // What left the group may go on to talk: not beyond the deadline.
            if ended && (!heard || left.is_zero()) {
                break;
            }
        }
        let error = self.badly_ended(reached.as_ref(), &fate::describe(kin.end()));
        Err(match talk.last_line() {
            Some(line) => error.caused_by(&std::io::Error::other(line)),
            None => error,
        })
    }

    #[cfg(unix)]
    fn start(&self, trial: &Trial<'_>, folder: &Folder) -> Result<(Kin, Talk)> {
        use std::os::fd::OwnedFd;
        use std::os::unix::net::UnixStream;

        let failed = "the child that tries libraries cannot be started";
        let (ours, theirs) = UnixStream::pair().describe_as(ErrorKind::Io, failed)?;
        let mut command = self.program.command();
        command
            .arg(ARGUMENT)
            .stdin(OwnedFd::from(theirs))
            .stdout(trial.file.reopen()?)
            .stderr(Stdio::piped());
        let mut kin = Kin::spawn(&mut command).map_err(|error| self.not_started(&error))?;
        // With it our copy of the child's end of the socket is closed.
        drop(command);
        let job = Job {
            hotshoe: env!("CARGO_PKG_VERSION").into(),
            instance: trial.instance.into(),
            path: trial.file.path().display().to_string(),
            data_dir: folder.path().display().to_string(),
            settings: trial.settings.clone(),
        };
        let mut line = serde_json::to_vec(&job).describe("a job is JSON")?;
        line.push(b'\n');
        let talk = Talk::new(ours, kin.stderr(), line).describe_as(ErrorKind::Io, failed)?;
        Ok((kin, talk))
    }

    fn not_started(&self, error: &std::io::Error) -> Error {
        Error::new(
            ErrorKind::Io,
            format!("the program that tries libraries cannot be started: `{}`", self.program),
        )
        .with_help(
            "name a `preflight_helper` in [plugins.security] that is there, and that this \
             program's user may execute",
        )
        .caused_by(error)
    }

    /// It did what a good plugin's child does not do.
    fn badly_ended(&self, reached: Option<&Step>, fate: &str) -> Error {
        match what(reached) {
            Some(what) => Error::new(
                ErrorKind::InvalidPlugin,
                format!("a plugin that survives a trial was expected: {what} it {fate}"),
            )
            .with_help(
                "it was tried in a child process, the host is unharmed: tell the plugin's author",
            ),
            None => self.no_helper(fate),
        }
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
            None => Error::new(
                ErrorKind::Timeout,
                format!(
                    "a program that tries libraries was expected, `{}` said nothing within {limit:?}",
                    self.program
                ),
            )
            .with_help(
                "if it calls `hotshoe::preflight::hook()` first in its `main`, raise `load_timeout`; \
                 else name another `preflight_helper` in [plugins.security]",
            ),
        }
    }

    fn no_helper(&self, fate: &str) -> Error {
        Error::new(
            ErrorKind::InvalidConfig,
            format!("a program that tries libraries was expected, `{}` {fate}", self.program),
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
                self.program
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
