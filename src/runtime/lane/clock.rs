//! How much of a processor a thread has used, asked from outside: a thread that does not come back cannot
//! be asked itself.

use std::time::Duration;

/// The clock of one thread. It stops with the thread, and its number may then be another thread's: it is
/// not to be read afterwards.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock(#[cfg(target_os = "linux")] nix::time::ClockId);

#[cfg(target_os = "linux")]
impl Clock {
    pub(super) fn of_this_thread() -> Self {
        let thread = rustix::thread::gettid().as_raw_nonzero().get();
        // What pthread_getcpuclockid(3) computes: the thread, complemented, and three bits that say
        // "of a thread" (4), "time that it was scheduled" (2).
        Self(nix::time::ClockId::from_raw((!thread << 3) | 0b110))
    }

    pub(super) fn read(self) -> Option<Duration> {
        nix::time::clock_gettime(self.0).ok().map(Duration::from)
    }
}

// Untested: no other system has run this.
#[cfg(not(target_os = "linux"))]
impl Clock {
    pub(super) fn of_this_thread() -> Self {
        Self()
    }

    pub(super) fn read(self) -> Option<Duration> {
        None
    }
}
