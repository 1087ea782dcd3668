//! What parent and child exchange during a trial, bounded and without waiting for an end: what a plugin
//! started may hold the other end for as long as it likes.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::ChildStderr;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::words::LastLine;

/// So many bytes a child may answer in one trial. A helper needs some hundred; whoever writes more is
/// none, or the plugin writes in its place.
pub(super) const ANSWERS: usize = 64 << 10;

/// So much is read at a time: as much as a pipe holds.
const CHUNK: usize = 64 << 10;

/// Both ends that the parent has.
pub(super) struct Talk {
    /// Until the child closes it.
    socket: Option<UnixStream>,
    stderr: Option<ChildStderr>,
    /// What is left to be sent.
    job: Vec<u8>,
    answers: Vec<u8>,
    /// How many bytes of the answers were taken.
    taken: usize,
    printed: LastLine,
    chunk: Vec<u8>,
}

impl Talk {
    /// Over this socket about this job, while the child prints to `stderr`.
    ///
    /// # Errors
    /// Those of the system.
    pub(super) fn new(
        socket: UnixStream,
        stderr: Option<ChildStderr>,
        job: Vec<u8>,
    ) -> std::io::Result<Self> {
        socket.set_nonblocking(true)?;
        if let Some(stderr) = &stderr {
            rustix::io::ioctl_fionbio(stderr, true)?;
        }
        Ok(Self {
            socket: Some(socket),
            stderr,
            job,
            answers: Vec::new(),
            taken: 0,
            printed: LastLine::default(),
            chunk: vec![0; CHUNK],
        })
    }

    /// Sends and reads what is possible at once, or within this time. Whether anything came.
    pub(super) fn exchange(&mut self, wait: Duration) -> bool {
        self.wait(wait);
        self.send();
        let answered = read(&mut self.socket, &mut self.chunk);
        self.answers.extend_from_slice(answered);
        let answered = !answered.is_empty();
        let printed = read(&mut self.stderr, &mut self.chunk);
        self.printed.push(printed);
        answered || !printed.is_empty()
    }

    fn wait(&self, time: Duration) {
        let to_send = if self.job.is_empty() { PollFlags::empty() } else { PollFlags::OUT };
        let socket = self.socket.iter().map(|socket| PollFd::new(socket, PollFlags::IN | to_send));
        let stderr = self.stderr.iter().map(|stderr| PollFd::new(stderr, PollFlags::IN));
        let mut open: Vec<PollFd<'_>> = socket.chain(stderr).collect();
        let time = Timespec::try_from(time).unwrap_or(Timespec { tv_sec: 0, tv_nsec: 0 });
        // An interrupted wait is a short one.
        let _ = poll(&mut open, Some(&time));
    }

    fn send(&mut self) {
        let Some(socket) = &mut self.socket else { return };
        if self.job.is_empty() {
            return;
        }
        // One that does not take it has ended, or will say so by its silence.
        if let Ok(sent) = socket.write(&self.job) {
            self.job.drain(..sent);
        }
    }

    /// The next whole line of the answers.
    pub(super) fn answer(&mut self) -> Option<&[u8]> {
        let rest = &self.answers[self.taken..];
        let end = rest.iter().position(|byte| *byte == b'\n')?;
        self.taken += end + 1;
        Some(&rest[..end])
    }

    /// Whether there was more than a child may answer.
    pub(super) fn was_too_much(&self) -> bool {
        self.answers.len() > ANSWERS
    }

    /// The last that the child printed.
    pub(super) fn last_line(self) -> Option<String> {
        self.printed.text()
    }
}

/// What is there, at most as much as fits. What has ended is closed.
fn read<'c>(from: &mut Option<impl Read>, chunk: &'c mut [u8]) -> &'c [u8] {
    use std::io::ErrorKind::{Interrupted, WouldBlock};

    let Some(open) = from else { return &[] };
    match open.read(chunk) {
        Ok(length) if length > 0 => return &chunk[..length],
        Err(error) if matches!(error.kind(), WouldBlock | Interrupted) => {}
        _ => *from = None,
    }
    &[]
}
