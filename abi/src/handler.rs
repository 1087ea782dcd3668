//! Request handlers and middleware as objects that cross.

use std::future::Future;
use std::mem::{ManuallyDrop, replace};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use abi_stable::StableAbi;
use abi_stable::prefix_type::WithMetadata;
use abi_stable::sabi_types::RRef;
use abi_stable::staticref;

use crate::guard::guard;
use crate::object::{drop_arc, guard_future, object, value};
use crate::waker::AbiWaker;
use crate::{AbiFuture, AbiStarted, Error, ErrorKind, Request, Response, Result};

pub use handler_table::{AbiHandler, HandlerObject, HandlerVTable, HandlerVTableRef};
pub use middleware_table::{
    AbiMiddleware, MiddlewareObject, MiddlewareVTable, MiddlewareVTableRef,
};

mod handler_table {
    use super::*;

    /// The Rust face of [`HandlerVTable`].
    pub trait HandlerObject: Send + Sync + 'static {
        /// Answers one request.
        fn handle(&self, request: Request) -> AbiFuture<'_, Response>;

        /// The same as far as that goes at once.
        fn start(&self, request: Request, context: &mut Context<'_>) -> AbiStarted<'_, Response> {
            self.handle(request).start(context)
        }
    }

    /// Functions of a request handler.
    #[repr(C)]
    #[derive(StableAbi)]
    #[sabi(kind(Prefix(prefix_ref = HandlerVTableRef)))]
    #[sabi(missing_field(option))]
    pub struct HandlerVTable {
        handle: for<'a> unsafe extern "C" fn(RRef<'a, ()>, Request) -> AbiFuture<'a, Response>,
        /// `handle`, and a poll of what that makes. So one call is all that a request takes that is answered at once.
        start: for<'a> unsafe extern "C" fn(
            RRef<'a, ()>,
            Request,
            &AbiWaker,
        ) -> AbiStarted<'a, Response>,
        #[sabi(last_prefix_field)]
        drop: unsafe extern "C" fn(*const ()),
    }

    object! {
        /// A request handler, wherever it was made.
        AbiHandler, HandlerVTable as HandlerVTableRef, HandlerObject
    }

    impl AbiHandler {
        /// Answers one request.
        pub fn handle(&self, request: Request) -> AbiFuture<'_, Response> {
            // SAFETY: the table belongs to the object.
            unsafe { (self.vtable.handle())(self.object(), request) }
        }

        /// Answers one request as far as that goes at once.
        #[inline]
        pub fn start(
            &self,
            request: Request,
            context: &mut Context<'_>,
        ) -> AbiStarted<'_, Response> {
            let waker = AbiWaker::lend(context.waker());
            // SAFETY: the table belongs to the object.
            unsafe { (self.vtable.start())(self.object(), request, &waker) }
        }
    }

    impl<T: HandlerObject> Table<T> {
        staticref! {
            const VTABLE: WithMetadata<HandlerVTable> = WithMetadata::new(HandlerVTable {
                handle: Self::handle,
                start: Self::start,
                drop: drop_arc::<T>,
            });
        }

        unsafe extern "C" fn handle(
            object: RRef<'_, ()>,
            request: Request,
        ) -> AbiFuture<'_, Response> {
            // SAFETY: reached only through an object of `T` made by this library.
            let this = unsafe { value::<T>(object) };
            guard_future(|| this.handle(request))
        }

        unsafe extern "C" fn start<'a>(
            object: RRef<'a, ()>,
            request: Request,
            waker: &AbiWaker,
        ) -> AbiStarted<'a, Response> {
            // SAFETY: as in `handle`.
            let this = unsafe { value::<T>(object) };
            let start = |waker: &_| this.start(request, &mut Context::from_waker(waker));
            guard(|| waker.with(start)).unwrap_or_else(AbiStarted::Failed)
        }
    }
}

mod middleware_table {
    use super::*;

    /// The Rust face of [`MiddlewareVTable`].
    pub trait MiddlewareObject: Send + Sync + 'static {
        /// Handles one request, usually by passing it on to `next`.
        fn handle(&self, request: Request, next: Next) -> AbiFuture<'_, Response>;

        /// The same as far as that goes at once.
        fn start(
            &self,
            request: Request,
            next: Next,
            context: &mut Context<'_>,
        ) -> AbiStarted<'_, Response> {
            self.handle(request, next).start(context)
        }
    }

    /// Functions of a middleware.
    #[repr(C)]
    #[derive(StableAbi)]
    #[sabi(kind(Prefix(prefix_ref = MiddlewareVTableRef)))]
    #[sabi(missing_field(option))]
    pub struct MiddlewareVTable {
        handle:
            for<'a> unsafe extern "C" fn(RRef<'a, ()>, Request, Next) -> AbiFuture<'a, Response>,
        /// As that of a handler.
        start: for<'a> unsafe extern "C" fn(
            RRef<'a, ()>,
            Request,
            Next,
            &AbiWaker,
        ) -> AbiStarted<'a, Response>,
        #[sabi(last_prefix_field)]
        drop: unsafe extern "C" fn(*const ()),
    }

    object! {
        /// A middleware, wherever it was made.
        AbiMiddleware, MiddlewareVTable as MiddlewareVTableRef, MiddlewareObject
    }

    impl AbiMiddleware {
        /// Handles one request, usually by passing it on to `next`.
        pub fn handle(&self, request: Request, next: Next) -> AbiFuture<'_, Response> {
            // SAFETY: the table belongs to the object.
            unsafe { (self.vtable.handle())(self.object(), request, next) }
        }

        /// Handles one request as far as that goes at once.
        #[inline]
        pub fn start(
            &self,
            request: Request,
            next: Next,
            context: &mut Context<'_>,
        ) -> AbiStarted<'_, Response> {
            let waker = AbiWaker::lend(context.waker());
            // SAFETY: the table belongs to the object.
            unsafe { (self.vtable.start())(self.object(), request, next, &waker) }
        }
    }

    impl<T: MiddlewareObject> Table<T> {
        staticref! {
            const VTABLE: WithMetadata<MiddlewareVTable> =
                WithMetadata::new(MiddlewareVTable {
                    handle: Self::handle,
                    start: Self::start,
                    drop: drop_arc::<T>,
                });
        }

        unsafe extern "C" fn handle(
            object: RRef<'_, ()>,
            request: Request,
            next: Next,
        ) -> AbiFuture<'_, Response> {
            // SAFETY: reached only through an object of `T` made by this library.
            let this = unsafe { value::<T>(object) };
            guard_future(|| this.handle(request, next))
        }

        unsafe extern "C" fn start<'a>(
            object: RRef<'a, ()>,
            request: Request,
            next: Next,
            waker: &AbiWaker,
        ) -> AbiStarted<'a, Response> {
            // SAFETY: as in `handle`.
            let this = unsafe { value::<T>(object) };
            let start = |waker: &_| this.start(request, next, &mut Context::from_waker(waker));
            guard(|| waker.with(start)).unwrap_or_else(AbiStarted::Failed)
        }
    }
}

/// The rest of the way: what a middleware calls to go on. Passed by value, so it runs once.
#[repr(C)]
#[derive(StableAbi)]
#[must_use = "a request goes on only if `run` is called"]
pub struct Next {
    chain: *const (),
    position: usize,
    vtable: NextVTableRef,
}

/// Functions of the rest of a chain.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = NextVTableRef)))]
#[sabi(missing_field(option))]
pub struct NextVTable {
    /// Consumes the share of the chain that the handle held. Polls what it begins: mostly there is an answer then.
    run:
        unsafe extern "C" fn(*const (), usize, Request, &AbiWaker) -> AbiStarted<'static, Response>,
    #[sabi(last_prefix_field)]
    drop: unsafe extern "C" fn(*const ()),
}

/// The Rust face of [`NextVTable`]: a chain of middleware that ends in a handler.
pub trait Chain: Send + Sync + 'static {
    /// Runs the link at `position` and, through it, those after it.
    fn run(self: Arc<Self>, position: usize, request: Request) -> AbiFuture<'static, Response>;

    /// The same as far as that goes at once.
    fn start(
        self: Arc<Self>,
        position: usize,
        request: Request,
        context: &mut Context<'_>,
    ) -> AbiStarted<'static, Response> {
        self.run(position, request).start(context)
    }
}

// SAFETY: a `Chain` is `Send` and `Sync`.
unsafe impl Send for Next {}
// SAFETY: as above.
unsafe impl Sync for Next {}

impl Next {
    /// The rest of `chain` from `position` on. Allocates nothing.
    pub fn new<C: Chain>(chain: Arc<C>, position: usize) -> Self {
        Self {
            chain: Arc::into_raw(chain).cast(),
            position,
            vtable: NextVTableRef(NextTable::<C>::VTABLE.as_prefix()),
        }
    }

    /// Runs the rest of the way.
    ///
    /// # Errors
    /// Whatever the rest reports; a panic in it is an error of kind
    /// [`ErrorKind::Panic`](crate::ErrorKind::Panic).
    ///
    /// # Cancellation
    /// Dropping the future drops the request wherever it is.
    #[inline]
    pub fn run(self, request: Request) -> impl Future<Output = Result<Response>> + Send + use<> {
        Running::NotYet(self, request)
    }

    #[inline]
    fn start(self, request: Request, waker: &AbiWaker) -> AbiStarted<'static, Response> {
        let this = ManuallyDrop::new(self);
        // SAFETY: the table belongs to the chain; `run` takes over this handle's share, which
        // `ManuallyDrop` keeps from being given back twice.
        unsafe { (this.vtable.run())(this.chain, this.position, request, waker) }
    }
}

/// The rest of a way that somebody awaits.
enum Running {
    NotYet(Next, Request),
    UnderWay(AbiFuture<'static, Response>),
    Done,
}

impl Future for Running {
    type Output = Result<Response>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<Response>> {
        if let Self::UnderWay(future) = &mut *self {
            return Pin::new(future).poll(context);
        }
        let Self::NotYet(next, request) = replace(&mut *self, Self::Done) else {
            return Poll::Ready(Err(finished()));
        };
        match next.start(request, &AbiWaker::lend(context.waker())) {
            AbiStarted::Done(response) => Poll::Ready(Ok(response)),
            AbiStarted::Failed(error) => Poll::Ready(Err(error)),
            AbiStarted::Pending(future) => {
                *self = Self::UnderWay(future);
                Poll::Pending
            }
        }
    }
}

#[cold]
fn finished() -> Error {
    Error::new(ErrorKind::IllegalState, "a request that was answered was polled again")
}

impl Drop for Next {
    fn drop(&mut self) {
        // SAFETY: the table belongs to the chain; this handle's share is given back once.
        unsafe { (self.vtable.drop())(self.chain) }
    }
}

impl std::fmt::Debug for Next {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Next({})", self.position)
    }
}

struct NextTable<C>(C);

impl<C: Chain> NextTable<C> {
    staticref! {
        const VTABLE: WithMetadata<NextVTable> =
            WithMetadata::new(NextVTable { run: Self::run, drop: drop_arc::<C> });
    }

    unsafe extern "C" fn run(
        chain: *const (),
        position: usize,
        request: Request,
        waker: &AbiWaker,
    ) -> AbiStarted<'static, Response> {
        // SAFETY: made by `Next::new::<C>` in this library; `Next::start` hands its share over.
        let chain = unsafe { Arc::from_raw(chain.cast::<C>()) };
        let start = |waker: &_| chain.start(position, request, &mut Context::from_waker(waker));
        guard(|| waker.with(start)).unwrap_or_else(AbiStarted::Failed)
    }
}
