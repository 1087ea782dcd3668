//! [`Sign`]: given once, for whoever waits.

use std::sync::atomic::{AtomicBool, Ordering};

use event_listener::Event;

/// A sign that is given once. It takes two words; a channel that is closed as a sign has most of a KiB.
#[derive(Debug, Default)]
pub(crate) struct Sign {
    given: AtomicBool,
    waited_for: Event,
}

impl Sign {
    /// Wakes all that wait for it.
    pub(crate) fn give(&self) {
        self.given.store(true, Ordering::SeqCst);
        self.waited_for.notify(usize::MAX);
    }

    pub(crate) fn is_given(&self) -> bool {
        self.given.load(Ordering::SeqCst)
    }

    /// Waits until it is given.
    pub(crate) async fn given(&self) {
        while !self.is_given() {
            let listener = self.waited_for.listen();
            // It may have been given before anybody listened.
            if !self.is_given() {
                listener.await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    #[test]
    fn it_wakes_those_that_wait_and_those_that_come_later_do_not_wait() {
        let sign = Sign::default();
        let mut context = Context::from_waker(Waker::noop());
        let (mut one, mut other) = (pin!(sign.given()), pin!(sign.given()));
        assert!(one.as_mut().poll(&mut context).is_pending());
        assert!(other.as_mut().poll(&mut context).is_pending());
        assert!(!sign.is_given());
        sign.give();
        assert!(one.poll(&mut context).is_ready() && other.poll(&mut context).is_ready());
        assert!(pin!(sign.given()).poll(&mut context).is_ready());
        sign.give();
        assert!(sign.is_given(), "once is enough");
    }
}
