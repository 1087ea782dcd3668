//! The way back from the threads of a middleware: what comes after it is not for them.
//!
//! The request that a middleware on its lane passes on is handed to the task that awaits the middleware.
//! That task polls what comes after it, as it would without a lane, and hands the answer back. So only
//! the plugin's own code runs on its threads, and one that blocks them is given up at its own time.
//!
//! Either side may be gone at any moment: then the other one does not wait for it.

use std::future::Future;
use std::mem::replace;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use hotshoe_abi::guard::contain;
use hotshoe_abi::{AbiFuture, Chain};
use parking_lot::Mutex;

use super::chain::Links;
use super::guard::{AsItIs, Link};
use crate::contract::{Error, ErrorKind, Request, Response, Result};
use crate::runtime::lane::LaneCall;

/// Between one middleware on its lane and the task of whoever awaits it.
pub(super) struct Ferry {
    links: Arc<Links>,
    at: usize,
    inner: Mutex<Inner>,
}

struct Inner {
    load: Load,
    /// Whoever awaits the middleware, while it does so.
    caller: Option<Waker>,
    /// The middleware, while it waits for what comes after it.
    middleware: Option<Waker>,
}

/// What is on the way.
enum Load {
    /// The request, until a thread turns to it; then a copy, if one may be needed and can be had.
    Request(Option<Request>),
    /// The request that was passed on.
    PassedOn(Request),
    /// The caller has it.
    UnderWay,
    Answer(Result<Response>),
    /// One of both waits no longer.
    Over,
}

impl Ferry {
    fn link(&self) -> Link<'_> {
        self.links.link(self.at)
    }

    /// The request, for the middleware; `copy` makes what is left behind.
    ///
    /// # Errors
    /// The caller has lost patience before.
    pub(super) fn take(
        &self,
        copy: impl FnOnce(&mut Request) -> Option<Request>,
    ) -> Result<Request> {
        match &mut self.inner.lock().load {
            Load::Request(left) => {
                let mut request = left.take().ok_or_else(too_late)?;
                *left = copy(&mut request);
                Ok(request)
            }
            _ => Err(too_late()),
        }
    }

    /// Nobody waits for the middleware any more. The request, if it can still go on.
    fn give_up(&self) -> Option<Request> {
        let (load, waker) = {
            let mut inner = self.inner.lock();
            (replace(&mut inner.load, Load::Over), inner.middleware.take())
        };
        // It may be awaited elsewhere than on the lane.
        contain(|| waker.into_iter().for_each(Waker::wake));
        match load {
            Load::Request(request) => request,
            other => {
                contain(|| drop(other));
                None
            }
        }
    }

    /// For the caller: what has become of the request since it last looked.
    fn look(&self, waker: &Waker) -> Seen {
        let waker = Some(waker.clone());
        let mut inner = self.inner.lock();
        let replaced = replace(&mut inner.caller, waker);
        let seen = match replace(&mut inner.load, Load::UnderWay) {
            Load::PassedOn(request) => Seen::PassedOn(request),
            other => {
                let over = matches!(other, Load::Over);
                inner.load = other;
                if over { Seen::Over } else { Seen::Nothing }
            }
        };
        drop(inner);
        drop(replaced);
        seen
    }

    /// What comes after the middleware has answered.
    fn answer(&self, answer: Result<Response>) {
        let mut inner = self.inner.lock();
        if matches!(inner.load, Load::Over) {
            drop(inner);
            return drop(answer);
        }
        inner.load = Load::Answer(answer);
        let waker = inner.middleware.take();
        drop(inner);
        self.link().time().go_on();
        contain(|| waker.into_iter().for_each(Waker::wake));
    }
}

impl Chain for Ferry {
    /// For the middleware, wherever it is: passes the request on.
    fn run(self: Arc<Self>, _: usize, request: Request) -> AbiFuture<'static, Response> {
        let mut inner = self.inner.lock();
        if matches!(inner.load, Load::Over) {
            drop(inner);
            return AbiFuture::ready(Err(too_late()));
        }
        if let Err(error) = self.link().passes_on_once() {
            drop(inner);
            return AbiFuture::ready(Err(error));
        }
        self.link().time().stop();
        let before = replace(&mut inner.load, Load::PassedOn(request));
        let waker = inner.caller.take();
        drop(inner);
        contain(|| drop(before));
        contain(|| waker.into_iter().for_each(Waker::wake));
        AbiFuture::new(PassedOn(self))
    }
}

/// For the middleware: what comes after it.
struct PassedOn(Arc<Ferry>);

impl Future for PassedOn {
    type Output = Result<Response>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<Response>> {
        let waker = Some(context.waker().clone());
        let mut inner = self.0.inner.lock();
        match replace(&mut inner.load, Load::Over) {
            Load::Answer(answer) => Poll::Ready(answer),
            Load::Over => Poll::Ready(Err(too_late())),
            other => {
                inner.load = other;
                let replaced = replace(&mut inner.middleware, waker);
                drop(inner);
                drop(replaced);
                Poll::Pending
            }
        }
    }
}

impl Drop for PassedOn {
    /// With its answer, or without: then the caller drops what it polls.
    fn drop(&mut self) {
        let (load, caller, own) = {
            let mut inner = self.0.inner.lock();
            let load = replace(&mut inner.load, Load::Over);
            (load, inner.caller.take(), inner.middleware.take())
        };
        self.0.link().time().go_on();
        if !matches!(load, Load::Over) {
            contain(|| caller.into_iter().for_each(Waker::wake));
        }
        contain(|| drop((load, own)));
    }
}

/// The end of whoever awaits the middleware. Dropping it is giving up.
pub(super) struct Shore(Arc<Ferry>);

impl Shore {
    pub(super) fn new(links: Arc<Links>, at: usize, request: Request) -> Self {
        let load = Load::Request(Some(request));
        let inner = Mutex::new(Inner { load, caller: None, middleware: None });
        Self(Arc::new(Ferry { links, at, inner }))
    }

    /// The middleware's end.
    pub(super) fn other(&self) -> Arc<Ferry> {
        self.0.clone()
    }

    /// The request, if it can still go on: whatever the middleware does from here on, it does not by
    /// that.
    pub(super) fn take_back(self) -> Option<Request> {
        self.0.give_up()
    }
}

impl Drop for Shore {
    fn drop(&mut self) {
        contain(|| drop(self.0.give_up()));
    }
}

/// What the caller sees.
enum Seen {
    Nothing,
    PassedOn(Request),
    Over,
}

/// For the caller: a middleware on its lane, and what comes after it here.
pub(super) struct Crossing {
    there: LaneCall<Response>,
    ferry: Arc<Ferry>,
    rest: Option<AbiFuture<'static, Response>>,
}

impl Crossing {
    pub(super) fn new(there: LaneCall<Response>, ferry: Arc<Ferry>) -> Self {
        Self { there, ferry, rest: None }
    }
}

impl Future for Crossing {
    type Output = Result<Response>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<Response>> {
        let this = &mut *self;
        let answer = Pin::new(&mut this.there).poll(context);
        if answer.is_ready() {
            return answer;
        }
        match this.ferry.look(context.waker()) {
            Seen::Nothing => {}
            Seen::PassedOn(request) => {
                let Ferry { links, at, .. } = &*this.ferry;
                this.rest = Some(links.clone().run_rest(at + 1, request, AsItIs));
            }
            Seen::Over => this.rest = None,
        }
        if let Some(rest) = &mut this.rest
            && let Poll::Ready(answer) = Pin::new(rest).poll(context)
        {
            this.rest = None;
            this.ferry.answer(answer);
        }
        Poll::Pending
    }
}

#[cold]
fn too_late() -> Error {
    Error::new(
        ErrorKind::IllegalState,
        "a request was passed on by a middleware that nobody waits for any more",
    )
}
