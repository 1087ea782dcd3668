//! What becomes of a request when a middleware cannot answer, by its instance's [`FailurePolicy`].
//!
//! A middleware *refuses* a request with an error that says something of it, such as
//! [`ErrorKind::PermissionDenied`]: that is an answer. With any other error of its own it has *failed*,
//! and so it has if its port is closed, or if it takes too long.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use hotshoe_abi::{AbiFuture, BeforeWake, Chain, outcome, telling};
use parking_lot::Mutex;

use super::chain::{Links, MiddlewareEntry, Passing, answered};
use super::ferry::{Crossing, Shore};
use crate::config::FailurePolicy;
use crate::contract::{Error, ErrorKind, Next, Request, Response, Result};
use crate::runtime::lane::Lane;
use crate::supervise::{OwnTime, TurnedAway, is_failure};

/// Nothing after it was called.
const NOT_YET: u32 = u32::MAX - 1;
/// It was, and has not answered.
const UNDER_WAY: u32 = outcome::DROPPED;

/// A middleware on the way of one request.
#[derive(Clone, Copy)]
pub(super) struct Link<'a> {
    first: &'a Arc<MiddlewareEntry>,
    state: &'a LinkState,
}

/// What one request has come to at a link.
pub(super) struct LinkState {
    /// How what comes after it ended, or one of the two above.
    after: AtomicU32,
    /// Only where there is more to do about it than to hand on its answer.
    guard: Option<Box<Guard>>,
}

/// What is noted about a link that has a limit or that a request may go on without.
#[derive(Default)]
struct Guard {
    /// Its time, while what comes after it is not at work.
    time: OwnTime,
    /// What that answered, as far as it can be kept. Only where a request may go on without the link.
    kept: Mutex<Option<Result<Response>>>,
    /// The others of its pool, and how many of them were chosen in place of those before.
    others: Vec<Arc<MiddlewareEntry>>,
    chosen: AtomicUsize,
}

/// Why there is no answer of a middleware.
struct Failed {
    error: Error,
    /// The request, if it can still go on.
    request: Option<Request>,
    /// Nothing of the call has begun.
    at_the_door: bool,
}

impl LinkState {
    /// That of one middleware; `others` of its pool may stand in for it, one after the other.
    #[inline]
    pub(super) fn new(entry: &MiddlewareEntry, others: Vec<Arc<MiddlewareEntry>>) -> Self {
        let guarded = entry.passing != Passing::Plain || !others.is_empty();
        let guard = guarded.then(|| Box::new(Guard { others, ..Guard::default() }));
        Self { after: AtomicU32::new(NOT_YET), guard }
    }
}

impl<'a> Link<'a> {
    #[inline]
    pub(super) fn new(first: &'a Arc<MiddlewareEntry>, state: &'a LinkState) -> Self {
        Self { first, state }
    }

    #[inline]
    pub(super) fn entry(self) -> &'a Arc<MiddlewareEntry> {
        let Some(guard) = &self.state.guard else { return self.first };
        match guard.chosen.load(Ordering::Acquire) {
            0 => self.first,
            chosen => &guard.others[chosen - 1],
        }
    }

    /// Whether there is another one of its pool, which is the one from now on.
    fn choose_another(self) -> bool {
        let Some(guard) = &self.state.guard else { return false };
        let next = guard.chosen.load(Ordering::Acquire) + 1;
        let there = next <= guard.others.len();
        if there {
            guard.chosen.store(next, Ordering::Release);
        }
        there
    }

    pub(super) fn passing(self) -> Passing {
        match self.entry().passing {
            Passing::Plain if self.is_guarded() => Passing::Guarded,
            passing => passing,
        }
    }

    /// Whether a request may go on without it.
    fn is_open(self) -> bool {
        self.entry().failure == FailurePolicy::Open
    }

    /// Whether there is more to do about it than to hand on its answer.
    #[inline]
    pub(super) fn is_guarded(self) -> bool {
        self.state.guard.is_some()
    }

    fn guard(self) -> &'a Guard {
        self.state.guard.as_ref().expect("whoever asks knows that it is guarded")
    }

    /// Its time, where it has some of its own.
    pub(super) fn time(self) -> &'a OwnTime {
        &self.guard().time
    }

    /// What comes after it is about to be called.
    #[inline]
    pub(super) fn passes_on(self) {
        self.state.after.store(UNDER_WAY, Ordering::Release);
    }

    /// The same where somebody else might have called that already.
    ///
    /// # Errors
    /// The request went on without the link.
    pub(super) fn passes_on_once(self) -> Result<()> {
        let first = self.state.after.compare_exchange(
            NOT_YET,
            UNDER_WAY,
            Ordering::AcqRel,
            Ordering::Acquire,
        );
        first.map(drop).map_err(|_| {
            Error::new(
                ErrorKind::IllegalState,
                "a request was passed on by a middleware that it has gone on without",
            )
        })
    }

    /// What comes after it has answered.
    #[inline]
    pub(super) fn passed_on(self, answer: &mut Result<Response>, ended: u32) {
        if self.is_guarded() && self.is_open() {
            self.keep(answer);
        }
        self.state.after.store(ended, Ordering::Release);
    }

    fn keep(self, answer: &mut Result<Response>) {
        let copy = match answer {
            Ok(response) => copy_of_response(response).map(Ok),
            Err(error) => Some(Err(error.clone())),
        };
        *self.guard().kept.lock() = copy;
    }

    /// What came after it has answered, if that could be kept.
    fn kept(self) -> Option<Result<Response>> {
        self.guard().kept.lock().take()
    }

    /// How its call ended, by its answer: as far as that is its own doing.
    fn outcome(self, answer: &Result<Response>) -> u32 {
        self.own(answered(answer))
    }

    #[inline]
    pub(super) fn own(self, ended: u32) -> u32 {
        let of_others = match self.state.after.load(Ordering::Acquire) {
            NOT_YET | outcome::DONE => false,
            // It has lost patience with what comes after it.
            UNDER_WAY => ended == outcome::failed(ErrorKind::Timeout),
            // Handed on, or an error in place of an error; but a panic is always somebody's own.
            after => {
                let panicked = ended == outcome::failed(ErrorKind::Panic);
                ended == after || is_failure(after) && !panicked
            }
        };
        if of_others { outcome::DONE } else { ended }
    }

    /// What it answers.
    ///
    /// # Errors
    /// It could not answer.
    pub(super) fn answer(self, answer: Result<Response>) -> Result<Result<Response>> {
        let Err(error) = answer else { return Ok(answer) };
        let ended = outcome::failed(error.kind());
        // What others have answered is not said to be its error.
        if self.own(ended) != ended {
            return Ok(Err(error));
        }
        let error = self.entry().port.named(error);
        if is_failure(ended) { Err(error) } else { Ok(Err(error)) }
    }
}

/// Where a request goes on; it may come back to the same link.
type Again<'a> = Pin<Box<dyn Future<Output = Result<Response>> + Send + 'a>>;

impl Links {
    /// Through any link.
    pub(super) async fn pass_guarded(
        self: &Arc<Self>,
        at: usize,
        request: Request,
    ) -> Result<Response> {
        match self.try_pass(at, request).await {
            Ok(answer) => answer,
            Err(failed) => self.go_on(at, failed).await,
        }
    }

    /// Through one on threads of its own.
    pub(super) async fn pass_on_lane(
        self: &Arc<Self>,
        at: usize,
        request: Request,
    ) -> Result<Response> {
        let tried = match self.link(at).entry().port.lane() {
            Some(lane) => self.try_pass_on_lane(at, request, &lane).await,
            // It does not serve; and if it does after all, it has a lane the next time.
            None => self.try_pass(at, request).await,
        };
        match tried {
            Ok(answer) => answer,
            Err(failed) => self.go_on(at, failed).await,
        }
    }

    /// What becomes of a request that a middleware could not answer.
    fn go_on(self: &Arc<Self>, at: usize, failed: Failed) -> Again<'_> {
        Box::pin(async move {
            let link = self.link(at);
            let Failed { error, request, at_the_door } = failed;
            let request = match request {
                Some(request) if at_the_door && link.choose_another() => {
                    return match link.passing() {
                        Passing::OnLane => self.pass_on_lane(at, request).await,
                        Passing::Plain | Passing::Guarded => self.pass_guarded(at, request).await,
                    };
                }
                request => request,
            };
            if !link.is_open() {
                return Err(closed(error));
            }
            tracing::warn!(
                plugin = link.entry().instance,
                error = %error,
                "a request goes on without a middleware that could not answer"
            );
            match (link.state.after.load(Ordering::Acquire), request) {
                (NOT_YET, Some(request)) => self.clone().run(at + 1, request).await,
                (NOT_YET | UNDER_WAY, _) => Err(closed(error)),
                _ => link.kept().unwrap_or_else(|| Err(closed(error))),
            }
        })
    }

    async fn try_pass(
        self: &Arc<Self>,
        at: usize,
        request: Request,
    ) -> Result<Result<Response>, Failed> {
        let link = self.link(at);
        let next = Next::new(self.clone(), at + 1);
        // Until the middleware takes it; then a copy, if it may be needed and can be had.
        let mut request = Some(request);
        let call = link.entry().port.start(
            |middleware, _| {
                let mut given = request.take().expect("a middleware is called once");
                if link.is_open() {
                    request = copy_of_request(&mut given);
                }
                middleware.handle(given, next)
            },
            |answer| link.outcome(answer),
        );
        let at_the_door = call.is_err();
        let answer = match call {
            Ok(call) => link.entry().port.in_own_time(call, &link.guard().time).await,
            Err(error) => Err(link.entry().port.named(error)),
        };
        let answered = answer.and_then(|answer| link.answer(answer));
        answered.map_err(|error| Failed { error, request, at_the_door })
    }

    /// The same on these threads; what comes after it, here.
    async fn try_pass_on_lane(
        self: &Arc<Self>,
        at: usize,
        request: Request,
        lane: &Lane,
    ) -> Result<Result<Response>, Failed> {
        let link = self.link(at);
        let port = &link.entry().port;
        let shore = Shore::new(self.clone(), at, request);
        let open = link.is_open();
        let turned_away = TurnedAway::default();
        let call = port.start(
            |middleware, _| {
                let (middleware, ferry) = (middleware.clone(), shore.other());
                let call = lane.run(move || async move {
                    let copy = |given: &mut Request| open.then(|| copy_of_request(given));
                    let request = ferry.take(|given| copy(given).flatten())?;
                    middleware.handle(request, Next::new(ferry, at + 1)).await
                });
                turned_away.note(&call);
                AbiFuture::new(Crossing::new(call, shore.other()))
            },
            |answer| turned_away.outcome().unwrap_or_else(|| link.outcome(answer)),
        );
        let refused = call.is_err();
        let answer = match call {
            Ok(call) => port.in_own_time(call, &link.guard().time).await,
            Err(error) => Err(port.named(error)),
        };
        let request = shore.take_back();
        let answered = answer.and_then(|answer| match (answer, turned_away.outcome()) {
            // It was not asked.
            (Err(error), Some(_)) => Err(port.named(error)),
            (answer, _) => link.answer(answer),
        });
        let at_the_door = refused || turned_away.outcome().is_some();
        answered.map_err(|error| Failed { error, request, at_the_door })
    }
}

/// Whether somebody watches over what comes after a link. That is made where it stays: it is large.
pub(super) trait Watching {
    fn watch<M, F>(self, make: M) -> AbiFuture<'static, Response>
    where
        M: FnOnce() -> F + Send + 'static,
        F: Future<Output = Result<Response>> + Send + 'static;
}

/// Nobody does.
pub(super) struct AsItIs;

impl Watching for AsItIs {
    fn watch<M, F>(self, make: M) -> AbiFuture<'static, Response>
    where
        M: FnOnce() -> F + Send + 'static,
        F: Future<Output = Result<Response>> + Send + 'static,
    {
        AbiFuture::new(make())
    }
}

/// The clock of a link that stands still meanwhile.
#[derive(Clone)]
pub(super) struct LinkClock {
    links: Arc<Links>,
    at: usize,
}

impl LinkClock {
    pub(super) fn new(links: Arc<Links>, at: usize) -> Self {
        Self { links, at }
    }

    fn time(&self) -> &OwnTime {
        &self.links.link(self.at).guard().time
    }
}

impl Watching for LinkClock {
    fn watch<M, F>(self, make: M) -> AbiFuture<'static, Response>
    where
        M: FnOnce() -> F + Send + 'static,
        F: Future<Output = Result<Response>> + Send + 'static,
    {
        AbiFuture::new(async move {
            let rest = pin!(make());
            After { rest, clock: self }.await
        })
    }
}

impl BeforeWake for LinkClock {
    /// From here on it is the link's turn to poll.
    fn before_wake(&self) {
        self.time().go_on();
    }
}

struct After<'a, F> {
    rest: Pin<&'a mut F>,
    clock: LinkClock,
}

impl<F: Future> Future for After<'_, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let Self { rest, clock } = self.get_mut();
        clock.time().stop();
        telling(context.waker(), clock, |waker| rest.as_mut().poll(&mut Context::from_waker(waker)))
    }
}

impl<F> Drop for After<'_, F> {
    /// When it has answered, too.
    fn drop(&mut self) {
        self.clock.time().go_on();
    }
}

/// The answer to a request that does not pass: whatever went wrong, it is not there now.
pub(super) fn closed(error: Error) -> Error {
    if error.kind() == ErrorKind::Unavailable {
        return error;
    }
    let message = format!("its middleware could not answer: {}", error.message());
    let mut closed = Error::new(ErrorKind::Unavailable, message).caused_by(&error);
    if let Some(plugin) = error.plugin() {
        closed = closed.with_plugin(plugin);
    }
    if let Some(help) = error.help() {
        closed = closed.with_help(help);
    }
    if let Some(location) = error.location() {
        closed = closed.with_location(location);
    }
    closed
}

/// The same request once more, unless its body is a stream.
fn copy_of_request(request: &mut Request) -> Option<Request> {
    let bytes = match request.take_body().into_full() {
        Ok(bytes) => bytes,
        Err(stream) => {
            request.set_body(stream);
            return None;
        }
    };
    request.set_body(bytes.clone());
    let mut copy = Request::builder(request.method(), "").call(request.call().clone()).build();
    copy.set_target(request.path(), request.query());
    request.headers().for_each(|(name, value)| copy.append_header(name, value));
    request.params().for_each(|(name, value)| copy.add_param(name, value));
    copy.set_body(bytes);
    Some(copy)
}

/// The same response once more, unless its body is a stream.
fn copy_of_response(response: &mut Response) -> Option<Response> {
    let bytes = match response.take_body().into_full() {
        Ok(bytes) => bytes,
        Err(stream) => {
            response.set_body(stream);
            return None;
        }
    };
    response.set_body(bytes.clone());
    let mut copy = Response::new(response.status());
    response.headers().for_each(|(name, value)| copy.append_header(name, value));
    response.metadata().for_each(|(key, value)| copy.set_metadata(key, value));
    copy.set_body(bytes);
    Some(copy)
}
