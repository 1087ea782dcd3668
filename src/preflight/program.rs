//! Which program tries libraries.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::Ordering;

use super::HOOKED;
use crate::contract::{Error, ErrorKind, Result, ResultExt};

/// What leads to this program on Linux, though its file were deleted, or replaced by another version.
#[cfg(target_os = "linux")]
const ITSELF: &str = "/proc/self/exe";

/// A helper, or this very program.
#[derive(Debug)]
pub(super) struct Program {
    file: PathBuf,
    /// For messages, and for the program itself.
    name: PathBuf,
}

impl Program {
    /// The helper, if there is to be one.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidConfig`] if there is none, and this program has no hook either.
    pub(super) fn new(helper: Option<&Path>) -> Result<Self> {
        match helper {
            Some(program) if program.is_file() => {
                // A bare name would be looked for in PATH.
                let file = std::path::absolute(program)
                    .describe_as(ErrorKind::Io, "this program does not know where it is")?;
                Ok(Self { file, name: program.to_owned() })
            }
            Some(program) => Err(Error::new(
                ErrorKind::InvalidConfig,
                "a program was expected as `preflight_helper`, there is none",
            )
            .with_path(program)
            .with_help("install `hotshoe-preflight` there, or correct the path")),
            None if HOOKED.load(Ordering::Relaxed) => {
                let name = std::env::current_exe()
                    .describe_as(ErrorKind::Io, "this program does not know where it is")?;
                #[cfg(target_os = "linux")]
                let file = ITSELF.into();
                #[cfg(not(target_os = "linux"))]
                let file = name.clone();
                Ok(Self { file, name })
            }
            None => Err(Error::new(
                ErrorKind::InvalidConfig,
                "`preflight` is on, and this program cannot try libraries in a child of itself",
            )
            .with_help(
                "call `hotshoe::preflight::hook()` first in `main`, or name a \
                 `preflight_helper` in [plugins.security]",
            )),
        }
    }

    /// What starts it.
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(&self.file);
        #[cfg(unix)]
        std::os::unix::process::CommandExt::arg0(&mut command, &self.name);
        command
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.display().fmt(f)
    }
}
