//! The child of a trial and what the plugin starts there: a process group of its own, of which nothing
//! outlives the trial.

use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStderr, Command, ExitStatus};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

/// A child and its group.
pub(super) struct Kin {
    child: Child,
    /// The child's number is the group's, too.
    group: Pid,
    /// Nobody of the group is to be killed any more: its number may soon be another's.
    killed: bool,
}

impl Kin {
    /// Starts a child.
    ///
    /// # Errors
    /// Those of the system.
    pub(super) fn spawn(command: &mut Command) -> std::io::Result<Self> {
        let child = command.process_group(0).spawn()?;
        let group = Pid::from_child(&child);
        Ok(Self { child, group, killed: false })
    }

    /// What the child prints, if that goes through a pipe; once.
    pub(super) fn stderr(&mut self) -> Option<ChildStderr> {
        self.child.stderr.take()
    }

    /// Whether the child has ended; what it started ends with it.
    pub(super) fn has_ended(&mut self) -> bool {
        // Not reaped by that: so long, its number is its own.
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        let ended = match waitid(WaitId::Pid(self.group), look) {
            Ok(status) => status.is_some(),
            // There is no such child any more: the application ignores SIGCHLD, or waits for whichever
            // child ends. Its number was freed just now, so hardly anybody has it again.
            Err(Errno::CHILD) => true,
            Err(_) => false,
        };
        if ended {
            self.kill_group();
        }
        ended
    }

    /// Ends the child and what it started. How the child ended, unless that was kept from us: see
    /// [`has_ended`](Self::has_ended).
    pub(super) fn end(mut self) -> Option<ExitStatus> {
        self.kill();
        self.child.wait().ok()
    }

    fn kill(&mut self) {
        if !self.killed && !self.has_ended() {
            // It may have left its group.
            let _ = self.child.kill();
            self.kill_group();
        }
    }

    fn kill_group(&mut self) {
        if !std::mem::replace(&mut self.killed, true) {
            // There may be nobody left in it.
            let _ = kill_process_group(self.group, Signal::KILL);
        }
    }
}

impl Drop for Kin {
    fn drop(&mut self) {
        self.kill();
        // Known already, or known now.
        let _ = self.child.wait();
    }
}
