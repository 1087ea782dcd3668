//! A memory fence for all threads of the process at once, so that those who call plugins need none.
//!
//! Linux' membarrier(2), "private expedited": the system interrupts each processor that runs a thread of
//! this process. It takes microseconds, whoever asks for it.

use std::sync::OnceLock;

static REGISTERED: OnceLock<bool> = OnceLock::new();

/// Whether there is such a fence here.
pub(crate) fn is_there() -> bool {
    *REGISTERED.get_or_init(register)
}

/// Asks for it before somebody waits for it. The system grants it at once to a process with one thread, and
/// otherwise when all processors have gone through its own grace period: some 10 ms, which a thread of its
/// own waits for here.
pub(crate) fn prepare() {
    if REGISTERED.get().is_some() {
        return;
    }
    if has_one_thread() {
        is_there();
        return;
    }
    // Where there is no thread to be had, whoever needs the fence waits.
    let _ = std::thread::Builder::new().name("hotshoe-fence".into()).spawn(is_there);
}

fn has_one_thread() -> bool {
    std::fs::read_dir("/proc/self/task").is_ok_and(|threads| threads.take(2).count() == 1)
}

#[cfg(target_os = "linux")]
fn register() -> bool {
    use rustix::thread::{MembarrierCommand, membarrier, membarrier_query};
    membarrier_query().contains_command(MembarrierCommand::PrivateExpedited)
        && membarrier(MembarrierCommand::RegisterPrivateExpedited).is_ok()
        // Some emulators say that they have it.
        && membarrier(MembarrierCommand::PrivateExpedited).is_ok()
}

// Untested: no other system has run this.
#[cfg(not(target_os = "linux"))]
fn register() -> bool {
    false
}

/// Makes every thread of the process pass a full fence, where that [is there](is_there); otherwise this
/// thread alone.
pub(crate) fn everywhere() {
    std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);
    #[cfg(target_os = "linux")]
    if is_there() {
        use rustix::thread::{MembarrierCommand, membarrier};
        let passed = membarrier(MembarrierCommand::PrivateExpedited);
        // It cannot fail once it has worked; going on without it would be unsound.
        assert!(passed.is_ok(), "membarrier(2) worked before, and fails now: {passed:?}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_asked_for_once_however_many_prepare_it() {
        std::thread::scope(|scope| {
            (0..8).for_each(|_| drop(scope.spawn(prepare)));
        });
        let first = is_there();
        prepare();
        assert_eq!(is_there(), first);
    }

    #[test]
    fn it_is_there_again_when_it_was_there_once() {
        let first = is_there();
        everywhere();
        assert_eq!(is_there(), first);
    }
}
