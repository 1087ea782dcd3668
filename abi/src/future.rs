//! A future that crosses: three words, polled and dropped inside the panic guard.
//!
//! Crates for futures over FFI abort when a future panics in its drop or in a waker; here both are
//! contained. A panic while polling becomes the future's error, so whoever awaits always gets an
//! answer.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use abi_stable::StableAbi;
use abi_stable::std_types::RResult;

use crate::guard::{contain, guard};
use crate::waker::AbiWaker;
use crate::{Error, ErrorKind, Result};

/// A future made by one library and awaited by another. Its output is always a [`Result`].
#[repr(C)]
#[derive(StableAbi)]
#[must_use = "a future does nothing until it is awaited"]
pub struct AbiFuture<'a, T> {
    future: *mut (),
    poll: unsafe extern "C" fn(*mut (), &AbiWaker) -> AbiPoll<T>,
    drop: unsafe extern "C" fn(*mut ()),
    _lifetime: PhantomData<&'a ()>,
}

/// What one poll of an [`AbiFuture`] gave.
#[repr(u8)]
#[derive(StableAbi)]
pub enum AbiPoll<T> {
    /// The future is done.
    Ready(RResult<T, Error>),
    /// Not yet; the waker will be called.
    Pending,
}

// SAFETY: `AbiFuture::new` takes only futures that are `Send`.
unsafe impl<T> Send for AbiFuture<'_, T> {}

impl<'a, T> AbiFuture<'a, T> {
    /// Boxes `future` and makes it safe to poll and to drop from another library.
    pub fn new<F>(future: F) -> Self
    where
        F: Future<Output = Result<T>> + Send + 'a,
    {
        Self {
            future: Box::into_raw(Box::new(Some(future))).cast(),
            poll: poll_boxed::<F, T>,
            drop: drop_boxed::<F>,
            _lifetime: PhantomData,
        }
    }

    /// A future that is done already.
    pub fn ready(result: Result<T>) -> Self
    where
        T: Send + 'a,
    {
        Self::new(std::future::ready(result))
    }
}

impl<T> Future for AbiFuture<'_, T> {
    type Output = Result<T>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<T>> {
        let waker = AbiWaker::lend(context.waker());
        // SAFETY: `poll` belongs to `future`, which is freed only by `Drop`; `&mut self` makes the
        // access exclusive.
        match unsafe { (self.poll)(self.future, &waker) } {
            AbiPoll::Ready(result) => Poll::Ready(result.into_result()),
            AbiPoll::Pending => Poll::Pending,
        }
    }
}

impl<T> Drop for AbiFuture<'_, T> {
    fn drop(&mut self) {
        // SAFETY: `drop` belongs to `future` and runs once.
        unsafe { (self.drop)(self.future) }
    }
}

unsafe extern "C" fn poll_boxed<F, T>(future: *mut (), waker: &AbiWaker) -> AbiPoll<T>
where
    F: Future<Output = Result<T>>,
{
    // SAFETY: `AbiFuture::new` put a boxed `Option<F>` here; it is never moved out of the box
    // while it is a future, so pinning it is sound.
    let mut slot = unsafe { Pin::new_unchecked(&mut *future.cast::<Option<F>>()) };
    let polled = waker.with(|waker| {
        guard(|| {
            let mut context = Context::from_waker(waker);
            slot.as_mut().as_pin_mut().map(|future| future.poll(&mut context))
        })
    });
    let result = match polled {
        Ok(Some(Poll::Pending)) => return AbiPoll::Pending,
        Ok(Some(Poll::Ready(result))) => result,
        Ok(None) => Err(Error::new(ErrorKind::IllegalState, "a finished future was polled again")),
        Err(panic) => Err(panic),
    };
    // What the future holds is freed as soon as it is done or has panicked: a caller may keep the
    // finished future for long.
    contain(|| slot.set(None));
    AbiPoll::Ready(result.into())
}

unsafe extern "C" fn drop_boxed<F>(future: *mut ()) {
    // SAFETY: `AbiFuture::new` made this box; `Drop` runs once.
    let future = unsafe { Box::from_raw(future.cast::<Option<F>>()) };
    contain(|| drop(future));
}
