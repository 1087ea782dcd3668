//! The child: tries one library and says how far it came.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;

use futures_lite::future::block_on;
use hotshoe_abi::AbiContext;

use super::protocol::{Job, Step};
use super::refusal::Refusal;
use crate::contract::{Error, ErrorKind, Result, ResultExt};
use crate::load;
use crate::testing::FakeHost;
use crate::verify::{self, LibraryFile};

/// As much as a worker of the host has.
const STACK: usize = 8 << 20;

/// Does the job and ends the process.
pub(super) fn run() -> ! {
    let code = match open_channels().and_then(|(parent, library)| serve(parent, library)) {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("{error:#}");
            2
        }
    };
    std::process::exit(code)
}

#[cfg(unix)]
type Parent = std::os::unix::net::UnixStream;
#[cfg(not(unix))]
type Parent = File;

/// The socket to the parent, and the library; what they were is nothing from now on, so that what a
/// plugin prints disturbs nobody.
#[cfg(unix)]
fn open_channels() -> Result<(Parent, File)> {
    use std::os::fd::AsFd;

    let broken = |error: std::io::Error| {
        Error::new(ErrorKind::Io, "this program is started by hosts only").caused_by(&error)
    };
    let parent = std::io::stdin().as_fd().try_clone_to_owned().map_err(broken)?;
    let library = std::io::stdout().as_fd().try_clone_to_owned().map_err(broken)?;
    let nothing = File::options().read(true).write(true).open("/dev/null").map_err(broken)?;
    rustix::stdio::dup2_stdin(&nothing).map_err(|error| broken(error.into()))?;
    rustix::stdio::dup2_stdout(&nothing).map_err(|error| broken(error.into()))?;
    // A crash is what is looked for: no dump of it. Without its parent the child is of no use.
    let none = rustix::process::Rlimit { current: Some(0), maximum: Some(0) };
    let _ = rustix::process::setrlimit(rustix::process::Resource::Core, none);
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
    Ok((parent.into(), library.into()))
}

#[cfg(not(unix))]
fn open_channels() -> Result<(Parent, File)> {
    Err(Error::new(ErrorKind::Unsupported, "libraries can be tried on Unix only"))
}

fn serve(parent: Parent, library: File) -> Result<()> {
    let mut lines = BufReader::new(&parent);
    let mut line = String::new();
    lines.read_line(&mut line).describe_as(ErrorKind::Io, "no job came")?;
    let job: Job = serde_json::from_str(&line)
        .describe_as(ErrorKind::InvalidInput, "a job was expected, this is none")?;
    say(&parent, &Step::Hello(env!("CARGO_PKG_VERSION").into()))?;
    if job.hotshoe != env!("CARGO_PKG_VERSION") {
        return Ok(());
    }
    let thread = std::thread::Builder::new().name("preflight".into()).stack_size(STACK);
    let speaker = parent.try_clone().describe_as(ErrorKind::Io, "no second speaker")?;
    let trying = thread
        .spawn(move || attempt(&speaker, library, job))
        .describe_as(ErrorKind::ResourceLimit, "no thread could be started")?;
    // Its thread-local values are dropped with it, which may be too much, too.
    let outcome = trying.join().unwrap_or_else(|_| {
        Err(Error::new(ErrorKind::Panic, "its thread ended without an answer"))
    });
    match outcome {
        Ok(()) => say(&parent, &Step::Done),
        Err(error) => say(&parent, &Step::Refused(Refusal::of(&error))),
    }
}

fn attempt(parent: &Parent, library: File, job: Job) -> Result<()> {
    let library = LibraryFile::received(PathBuf::from(job.path), library)?;
    let manifest = verify::manifest_of(&library)?;
    let module = load::open(&library, &manifest)?;
    say(parent, &Step::Opened)?;
    let host = FakeHost::new(&job.instance).data_dir(job.data_dir);
    let context: AbiContext = host.abi_context();
    let made = block_on(module.create()(context, job.settings.into()));
    say(parent, &Step::Initialized)?;
    drop(made);
    Ok(())
}

fn say(mut parent: &Parent, step: &Step) -> Result<()> {
    let mut line = serde_json::to_string(step).describe("a step is JSON")?;
    line.push('\n');
    parent.write_all(line.as_bytes()).describe_as(ErrorKind::Io, "the parent is gone")
}
