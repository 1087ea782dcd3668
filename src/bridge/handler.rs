//! Handlers, middleware, event handlers and tasks on their way out. On the way in, the objects
//! that cross are called directly: their futures are boxed already.

use std::future::Future;
use std::task::Context;

use hotshoe_abi::{
    AbiFuture, AbiStarted, EventHandlerObject, HandlerObject, MiddlewareObject, TaskObject,
};

use super::Scope;
use super::scope::Scoped;
use crate::contract::{
    Call, Event, EventHandler, Middleware, Next, Request, RequestHandler, Response, Result, Task,
};

/// A contributed object with the instance it belongs to.
pub(crate) struct Exported<T> {
    pub(crate) object: T,
    pub(crate) scope: Scope,
}

// The futures are made inside `async` blocks, so that an author's code runs only when polled:
// inside the guard and inside the scope.

impl<T: RequestHandler> HandlerObject for Exported<T> {
    fn handle(&self, request: Request) -> AbiFuture<'_, Response> {
        AbiFuture::new(self.answer(request))
    }

    #[inline]
    fn start(&self, request: Request, context: &mut Context<'_>) -> AbiStarted<'_, Response> {
        AbiStarted::of(self.answer(request), context)
    }
}

impl<T: RequestHandler> Exported<T> {
    #[inline]
    fn answer(&self, request: Request) -> Scoped<impl Future<Output = Result<Response>>> {
        self.scope.wrap(async move { self.object.handle(request).await })
    }
}

impl<T: Middleware> MiddlewareObject for Exported<T> {
    fn handle(&self, request: Request, next: Next) -> AbiFuture<'_, Response> {
        AbiFuture::new(self.pass(request, next))
    }

    #[inline]
    fn start(
        &self,
        request: Request,
        next: Next,
        context: &mut Context<'_>,
    ) -> AbiStarted<'_, Response> {
        AbiStarted::of(self.pass(request, next), context)
    }
}

impl<T: Middleware> Exported<T> {
    #[inline]
    fn pass(&self, request: Request, next: Next) -> Scoped<impl Future<Output = Result<Response>>> {
        self.scope.wrap(async move { self.object.handle(request, next).await })
    }
}

impl<T: EventHandler> EventHandlerObject for Exported<T> {
    fn handle(&self, event: Event) -> AbiFuture<'_, ()> {
        AbiFuture::new(self.scope.wrap(async move { self.object.handle(event).await }))
    }
}

impl<T: Task> TaskObject for Exported<T> {
    fn run(&self, call: Call) -> AbiFuture<'_, ()> {
        AbiFuture::new(self.scope.wrap(async move { self.object.run(call).await }))
    }
}
