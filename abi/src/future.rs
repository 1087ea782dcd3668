//! A future that crosses: two words, polled and dropped inside the panic guard.
//!
//! Crates for futures over FFI abort when a future panics in its drop or in a waker; here both are
//! contained. A panic while polling becomes the future's error, so whoever awaits always gets an
//! answer.

use std::future::Future;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::task::{Context, Poll};

use abi_stable::StableAbi;
use abi_stable::prefix_type::WithMetadata;

use crate::guard::{contain, guard};
use crate::waker::AbiWaker;
use crate::{Error, ErrorKind, Result};

/// A future made by one library and awaited by another. Its output is always a [`Result`].
#[repr(C)]
#[derive(StableAbi)]
#[must_use = "a future does nothing until it is awaited"]
pub struct AbiFuture<'a, T: 'static> {
    /// Null once it is done: its library has freed it.
    future: *mut (),
    vtable: FutureVTableRef<T>,
    _lifetime: PhantomData<&'a ()>,
}

/// Functions of a future.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = FutureVTableRef)))]
#[sabi(missing_field(option))]
pub struct FutureVTable<T: 'static> {
    /// Frees the future unless it is pending. So one call is all that a future takes that is ready at once.
    poll: unsafe extern "C" fn(*mut (), &AbiWaker) -> AbiPoll<T>,
    #[sabi(last_prefix_field)]
    drop: unsafe extern "C" fn(*mut ()),
}

/// What one poll gave. Flat, so that a number or nothing returns in two registers; its tag is a whole word for the
/// reason of [`AbiResult`](crate::AbiResult)'s.
#[repr(u64)]
#[derive(StableAbi)]
pub enum AbiPoll<T> {
    /// Done.
    Done(T),
    /// Failed.
    Failed(Error),
    /// Not yet; the waker will be called.
    Pending,
}

impl<T> AbiPoll<T> {
    /// As the standard library has it.
    #[inline]
    pub fn into_poll(self) -> Poll<Result<T>> {
        match self {
            Self::Done(value) => Poll::Ready(Ok(value)),
            Self::Failed(error) => Poll::Ready(Err(error)),
            Self::Pending => Poll::Pending,
        }
    }
}

impl<T> From<Result<T>> for AbiPoll<T> {
    #[inline]
    fn from(result: Result<T>) -> Self {
        match result {
            Ok(value) => Self::Done(value),
            Err(error) => Self::Failed(error),
        }
    }
}

/// What came of a future that was polled as soon as it was there. Whoever made it needs no box for it unless it is
/// pending.
#[repr(u64)]
#[derive(StableAbi)]
#[must_use = "what is pending does nothing until it is awaited"]
pub enum AbiStarted<'a, T: 'static> {
    /// Done.
    Done(T),
    /// Failed.
    Failed(Error),
    /// Not yet: the rest of it. The waker of that poll will be called.
    Pending(AbiFuture<'a, T>),
}

impl<'a, T> AbiStarted<'a, T> {
    /// Polls `future`, inside the panic guard. It crosses only if it is pending then.
    #[inline]
    pub fn of<F>(future: F, context: &mut Context<'_>) -> Self
    where
        F: Future<Output = Result<T>> + Send + 'a,
    {
        let mut future = boxed(future);
        let result = match guard(|| future.as_mut().poll(context)) {
            Ok(Poll::Pending) => return Self::Pending(AbiFuture::of_boxed(future)),
            Ok(Poll::Ready(result)) => result,
            Err(panic) => Err(panic),
        };
        contain(|| drop(future));
        result.into()
    }

    /// A future that goes on from there.
    pub fn into_future(self) -> AbiFuture<'a, T>
    where
        T: Send,
    {
        match self {
            Self::Done(value) => AbiFuture::ready(Ok(value)),
            Self::Failed(error) => AbiFuture::ready(Err(error)),
            Self::Pending(future) => future,
        }
    }
}

impl<T> From<Result<T>> for AbiStarted<'_, T> {
    #[inline]
    fn from(result: Result<T>) -> Self {
        match result {
            Ok(value) => Self::Done(value),
            Err(error) => Self::Failed(error),
        }
    }
}

// SAFETY: `AbiFuture::of_boxed` takes only futures that are `Send`.
unsafe impl<T> Send for AbiFuture<'_, T> {}

impl<'a, T> AbiFuture<'a, T> {
    /// Boxes `future` and makes it safe to poll and to drop from another library.
    #[inline]
    pub fn new<F>(future: F) -> Self
    where
        F: Future<Output = Result<T>> + Send + 'a,
    {
        Self::of_boxed(boxed(future))
    }

    #[inline]
    fn of_boxed<F>(future: Pin<Box<F>>) -> Self
    where
        F: Future<Output = Result<T>> + Send + 'a,
    {
        // SAFETY: it stays in its box.
        let future = unsafe { Pin::into_inner_unchecked(future) };
        Self {
            future: Box::into_raw(future).cast(),
            vtable: FutureVTableRef(Table::<F, T>::VTABLE.static_as_prefix()),
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

    /// Polls it, for the first time.
    #[inline]
    pub fn start(mut self, context: &mut Context<'_>) -> AbiStarted<'a, T> {
        match self.poll_with(context) {
            AbiPoll::Done(value) => AbiStarted::Done(value),
            AbiPoll::Failed(error) => AbiStarted::Failed(error),
            AbiPoll::Pending => AbiStarted::Pending(self),
        }
    }

    #[inline]
    fn poll_with(&mut self, context: &Context<'_>) -> AbiPoll<T> {
        if self.future.is_null() {
            return AbiPoll::Failed(finished());
        }
        let waker = AbiWaker::lend(context.waker());
        // SAFETY: the table belongs to the future, which is not done; `&mut self` makes the access exclusive.
        let polled = unsafe { (self.vtable.poll())(self.future, &waker) };
        if !matches!(polled, AbiPoll::Pending) {
            self.future = std::ptr::null_mut();
        }
        polled
    }
}

impl<T> Future for AbiFuture<'_, T> {
    type Output = Result<T>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<T>> {
        self.poll_with(context).into_poll()
    }
}

impl<T> Drop for AbiFuture<'_, T> {
    #[inline]
    fn drop(&mut self) {
        if !self.future.is_null() {
            // SAFETY: the table belongs to the future, which is not done.
            unsafe { (self.vtable.drop())(self.future) }
        }
    }
}

/// Puts a future where it can stay. Without memory the program ends, and the future is not dropped: so nobody needs it
/// at a place of its own before, and it need not be moved from there.
#[inline]
fn boxed<F>(future: F) -> Pin<Box<F>> {
    let future = ManuallyDrop::new(future);
    let room = Box::new_uninit();
    Box::into_pin(Box::write(room, ManuallyDrop::into_inner(future)))
}

#[cold]
fn finished() -> Error {
    Error::new(ErrorKind::IllegalState, "a finished future was polled again")
}

/// The table of one type of future.
struct Table<F, T>(PhantomData<(F, T)>);

impl<F: Future<Output = Result<T>>, T: 'static> Table<F, T> {
    const VTABLE: &'static WithMetadata<FutureVTable<T>> =
        &WithMetadata::new(FutureVTable { poll: Self::poll, drop: Self::drop });

    unsafe extern "C" fn poll(future: *mut (), waker: &AbiWaker) -> AbiPoll<T> {
        // SAFETY: `AbiFuture::of_boxed` put a boxed `F` here, which is never moved out of its box; so pinning it is
        // sound.
        let pinned = unsafe { Pin::new_unchecked(&mut *future.cast::<F>()) };
        let polled = waker.with(|waker| guard(|| pinned.poll(&mut Context::from_waker(waker))));
        let result = match polled {
            Ok(Poll::Pending) => return AbiPoll::Pending,
            Ok(Poll::Ready(result)) => result,
            Err(panic) => Err(panic),
        };
        // What the future holds is freed as soon as it is done or has panicked: a caller may keep what is
        // left for long.
        // SAFETY: whoever polls knows from the answer that it has gone.
        unsafe { Self::drop(future) };
        result.into()
    }

    unsafe extern "C" fn drop(future: *mut ()) {
        // SAFETY: `AbiFuture::of_boxed` had this box; whoever polls or drops the future does this once.
        let future = unsafe { Box::from_raw(future.cast::<F>()) };
        contain(|| drop(future));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::task::Waker;

    use super::*;

    fn poll<T>(future: &mut AbiFuture<'_, T>) -> Poll<Result<T>> {
        Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn what_a_future_holds_is_freed_when_it_is_done_and_not_again() {
        let held = Arc::new(());
        let mut future = AbiFuture::new({
            let held = held.clone();
            async move { Ok(Arc::strong_count(&held)) }
        });
        assert!(matches!(poll(&mut future), Poll::Ready(Ok(2))));
        assert_eq!(Arc::strong_count(&held), 1);
        drop(future);
        assert_eq!(Arc::strong_count(&held), 1);
    }

    #[test]
    fn what_a_future_holds_is_freed_when_it_panics_or_is_given_up() {
        let held = Arc::new(());
        let mut panics = AbiFuture::<()>::new({
            let held = held.clone();
            async move { panic!("with {}", Arc::strong_count(&held)) }
        });
        assert!(matches!(poll(&mut panics), Poll::Ready(Err(error)) if error.is_panic()));
        assert_eq!(Arc::strong_count(&held), 1);
        let mut waits = AbiFuture::<()>::new({
            let held = held.clone();
            async move {
                std::future::pending::<()>().await;
                drop(held);
                Ok(())
            }
        });
        assert!(poll(&mut waits).is_pending());
        assert_eq!(Arc::strong_count(&held), 2);
        drop(waits);
        assert_eq!(Arc::strong_count(&held), 1);
    }

    fn start<F>(future: F) -> AbiStarted<'static, usize>
    where
        F: Future<Output = Result<usize>> + Send + 'static,
    {
        AbiStarted::of(future, &mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn what_a_started_future_holds_is_freed_unless_it_is_pending() {
        struct PanicsToo(Arc<()>);
        impl Drop for PanicsToo {
            fn drop(&mut self) {
                if Arc::strong_count(&self.0) == 3 {
                    panic!("while it is dropped")
                }
            }
        }
        let held = Arc::new(());
        let given = held.clone();
        let done = start(async move { Ok(Arc::strong_count(&given)) });
        assert!(matches!(done, AbiStarted::Done(2)));
        assert_eq!(Arc::strong_count(&held), 1);
        let given = held.clone();
        let panics = start(async move { panic!("with {}", Arc::strong_count(&given)) });
        assert!(matches!(panics, AbiStarted::Failed(error) if error.is_panic()));
        assert_eq!(Arc::strong_count(&held), 1);
        // It is dropped when it has panicked, and not while it does.
        let (given, other) = (PanicsToo(held.clone()), held.clone());
        let mut first = true;
        let twice = start(std::future::poll_fn(move |_| {
            let _both = (&given, &other);
            assert!(!std::mem::take(&mut first), "on purpose");
            Poll::Pending
        }));
        assert!(matches!(twice, AbiStarted::Failed(error) if error.message().contains("purpose")));
        assert_eq!(Arc::strong_count(&held), 1);
    }

    #[test]
    fn a_started_future_that_is_pending_goes_on_or_is_given_up_elsewhere() {
        fn once(held: Arc<()>) -> impl Future<Output = Result<usize>> + Send {
            let mut polled = false;
            std::future::poll_fn(move |_| match std::mem::replace(&mut polled, true) {
                false => Poll::Pending,
                true => Poll::Ready(Ok(Arc::strong_count(&held))),
            })
        }
        let held = Arc::new(());
        let mut goes_on = start(once(held.clone())).into_future();
        let answer = std::thread::spawn(move || poll(&mut goes_on));
        assert!(matches!(answer.join().expect("an answer"), Poll::Ready(Ok(2))));
        assert_eq!(Arc::strong_count(&held), 1);
        let given_up = start(once(held.clone()));
        assert_eq!(Arc::strong_count(&held), 2);
        std::thread::spawn(move || drop(given_up)).join().expect("it is dropped");
        assert_eq!(Arc::strong_count(&held), 1);
    }

    #[test]
    fn a_finished_future_says_so_when_it_is_polled_again() {
        let mut future = AbiFuture::ready(Ok(7));
        assert!(matches!(poll(&mut future), Poll::Ready(Ok(7))));
        let again = poll(&mut future);
        assert!(
            matches!(again, Poll::Ready(Err(error)) if error.kind() == ErrorKind::IllegalState)
        );
    }
}
