//! How deep plugins' calls are nested on a thread.
//!
//! A plugin that asks the host, which asks a plugin, which asks the host, is polled inside of itself:
//! each turn takes a part of the stack, and a stack that overflows is the end of the process. So the
//! turns are counted, by thread, and one too many is refused.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use crate::contract::{Error, ErrorKind, Result};

/// So many calls may be inside of each other. A turn takes some 10 kB of the stack in a debug build,
/// more with middleware; threads have 2 MB.
const DEEPEST: u32 = 32;

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// One turn deeper, while this lives.
struct Turn;

impl Turn {
    fn begin() -> Option<Self> {
        // A thread that is on its way out has no locals any more, and no deep calls.
        let depth = DEPTH.try_with(|depth| depth.replace(depth.get() + 1)).unwrap_or(0);
        let turn = Self;
        (depth < DEEPEST).then_some(turn)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let _ = DEPTH.try_with(|depth| depth.set(depth.get().saturating_sub(1)));
    }
}

/// How deep this thread is now.
pub(super) fn depth() -> u32 {
    DEPTH.try_with(Cell::get).unwrap_or(0)
}

/// Runs `f`, on whatever thread, as deep as that: a call that goes on elsewhere does not begin anew.
pub(super) fn at<T>(depth: u32, f: impl FnOnce() -> T) -> T {
    /// Puts the thread's own depth back, also when a panic passes.
    struct Own(u32);
    impl Drop for Own {
        fn drop(&mut self) {
            let _ = DEPTH.try_with(|own| own.set(self.0));
        }
    }
    let _own = Own(DEPTH.try_with(|own| own.replace(depth)).unwrap_or(0));
    f()
}

/// The output of a call that a plugin makes through its host.
///
/// # Errors
/// [`ErrorKind::ResourceLimit`] if it is too deep inside of other calls.
pub(crate) async fn nested<T>(call: impl Future<Output = Result<T>>) -> Result<T> {
    let mut call = pin!(call);
    poll_fn(|context| match Turn::begin() {
        Some(_turn) => call.as_mut().poll(context),
        None => Poll::Ready(Err(Error::new(
            ErrorKind::ResourceLimit,
            format!(
                "calls inside of calls were expected to be at most {DEEPEST} deep, this is one more"
            ),
        )
        .with_help("a plugin that answers by asking for the same again comes to no end"))),
    })
    .await
}

#[cfg(test)]
mod tests {
    use futures_lite::future::block_on;

    use super::*;

    fn deeper(depth: u32) -> std::pin::Pin<Box<dyn Future<Output = Result<u32>>>> {
        Box::pin(nested(async move {
            if depth == 0 { Ok(0) } else { Ok(deeper(depth - 1).await? + 1) }
        }))
    }

    #[test]
    fn a_call_may_be_as_deep_as_the_limit_and_no_deeper() {
        assert_eq!(block_on(deeper(DEEPEST - 1)).unwrap(), DEEPEST - 1);
        assert_eq!(block_on(deeper(DEEPEST)).unwrap_err().kind(), ErrorKind::ResourceLimit);
        // What was refused left nothing behind.
        assert_eq!(block_on(deeper(DEEPEST - 1)).unwrap(), DEEPEST - 1);
    }
}
