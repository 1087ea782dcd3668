//! One request's way: middleware by middleware, then the handler.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Context;
use std::time::Duration;

use hotshoe_abi::{AbiFuture, AbiHandler, AbiMiddleware, AbiStarted, Chain, Outset, outcome};
use smallvec::SmallVec;

use super::end::{Ended, Matched};
use super::guard::{AsItIs, Link, LinkClock, LinkState, Watching};
use super::routes::Params;
use super::table::{Line, Table};
use crate::config::FailurePolicy;
use crate::contract::{ErrorKind, Request, Response, Result};
use crate::replay::Track;
use crate::supervise::Port;

/// Makes a handler's answer one of the library that the request came from, signed: middleware that changes it
/// then does so where it is sent.
pub(super) type Adopt = fn(Response, &Arc<HandlerEntry>) -> Response;

/// A handler in force.
pub(crate) struct HandlerEntry {
    pub(crate) instance: String,
    pub(crate) version: String,
    pub(crate) port: Port<Arc<AbiHandler>>,
    /// Which of all starts of the host brought it.
    pub(crate) start: u64,
    /// The instance has begun to end: the entry only says whose the route is.
    pub(crate) vacant: bool,
    /// A predecessor had the route: if this instance does not come up, it stays vacant.
    pub(crate) inherited: AtomicBool,
    /// Takes down its calls, while they are recorded.
    pub(crate) track: Option<Arc<Track>>,
}

impl HandlerEntry {
    /// For middleware that tells who answered, such as an access log.
    pub(super) fn sign(&self, response: &mut Response) {
        for (key, value) in self.signature() {
            response.set_metadata(key, value);
        }
    }

    pub(super) fn signature(&self) -> [(&str, &str); 2] {
        [("plugin_id", &self.instance), ("version", &self.version)]
    }

    /// The same, of an instance that ends.
    pub(super) fn vacant(&self) -> Self {
        Self {
            instance: self.instance.clone(),
            version: self.version.clone(),
            port: self.port.clone(),
            start: self.start,
            vacant: true,
            inherited: AtomicBool::new(true),
            track: None,
        }
    }

    /// The same, recorded or not.
    pub(super) fn tracked(&self, track: Option<Arc<Track>>) -> Self {
        Self {
            instance: self.instance.clone(),
            version: self.version.clone(),
            port: self.port.clone(),
            start: self.start,
            vacant: self.vacant,
            inherited: AtomicBool::new(self.inherited.load(Ordering::Relaxed)),
            track,
        }
    }

    /// What is called of its handler, as far as that goes at once.
    pub(super) fn start_call(
        &self,
        request: Request,
    ) -> impl for<'x> FnOnce(&'x Arc<AbiHandler>, &mut Context<'_>) -> AbiStarted<'x, Response>
    + Send
    + use<> {
        let track = self.track.clone();
        move |handler, context| match track {
            None => handler.start(request, context),
            Some(track) => track.handle(request, |request| handler.handle(request)).start(context),
        }
    }

    /// What is called of its handler.
    pub(super) fn call(
        &self,
        request: Request,
    ) -> impl for<'x> FnOnce(&'x AbiHandler) -> AbiFuture<'x, Response> + Send + use<> {
        let track = self.track.clone();
        move |handler| match track {
            None => handler.handle(request),
            Some(track) => track.handle(request, |request| handler.handle(request)),
        }
    }
}

/// A middleware in force. Its port is closed while the instance is replaced: whoever would have passed
/// is refused, because what guards a path must not be open while it is exchanged; unless the policy is
/// [`Open`](FailurePolicy::Open).
pub(crate) struct MiddlewareEntry {
    pub(crate) instance: String,
    pub(crate) port: Port<Arc<AbiMiddleware>>,
    /// Which of all starts of the host brought it.
    pub(crate) start: u64,
    pub(crate) priority: i32,
    pub(crate) paths: Vec<String>,
    /// What becomes of a request that it cannot answer.
    pub(crate) failure: FailurePolicy,
    /// How much time of its own it has for one request.
    pub(crate) limit: Option<Duration>,
    pub(crate) passing: Passing,
}

/// How a request passes a middleware.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passing {
    /// There is nothing to do about it but to hand on its answer.
    Plain,
    /// It has a limit, or a request may go on without it.
    Guarded,
    /// The same on threads of its own, whatever else there is.
    OnLane,
}

impl Passing {
    pub(crate) fn of(failure: FailurePolicy, limit: Option<Duration>, on_lane: bool) -> Self {
        match (on_lane, failure == FailurePolicy::Open || limit.is_some()) {
            (true, _) => Self::OnLane,
            (false, true) => Self::Guarded,
            (false, false) => Self::Plain,
        }
    }
}

impl MiddlewareEntry {
    pub(super) fn applies(&self, path: &str) -> bool {
        self.paths.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(start) => {
                path.starts_with(start) || start.strip_suffix('/').is_some_and(|own| own == path)
            }
            None => pattern == path,
        })
    }

    /// Whether it applies to all paths of a route, or to none of them; neither if it depends on the path.
    pub(super) fn applies_to_route(&self, route: &str) -> Option<bool> {
        let Some(parameter) = route.find('{') else { return Some(self.applies(route)) };
        let known = &route[..parameter];
        let start_of =
            |pattern: &String| pattern.strip_suffix('*').map(|start| known.starts_with(start));
        if self.paths.iter().any(|pattern| start_of(pattern) == Some(true)) {
            return Some(true);
        }
        let none = !self.paths.iter().any(|pattern| pattern.starts_with(known));
        none.then_some(false)
    }
}

/// The links of one request. Only its own: a request that takes long must not keep what other
/// instances contributed to the table that it met.
pub(super) struct Links {
    line: Line,
    states: States,
    end: Matched,
    adopt: Option<Adopt>,
}

/// One for each middleware, without an allocation of their own for as many as there usually are.
pub(super) type States = SmallVec<[LinkState; 6]>;

/// The way of one request.
pub(super) enum Way {
    /// Without middleware.
    Straight(Matched),
    Through(Arc<Links>),
}

impl Way {
    /// Finds the route, and the middleware for its path: one that rewrites the path changes
    /// neither. With the path's parameters.
    #[inline]
    pub(super) fn of(
        method: &str,
        path: &str,
        table: &Table,
        adopt: Option<Adopt>,
    ) -> (Self, Params) {
        let (end, params, passes) = table.way(method, path);
        let way = match passes {
            None => Self::Straight(end),
            Some((line, states)) => Self::Through(Arc::new(Links { line, states, end, adopt })),
        };
        (way, params)
    }

    /// Runs the chain. Its beginning needs no box: nothing is before it that crosses.
    pub(super) async fn run(self, request: Request) -> Result<Response> {
        let links = match self {
            Self::Straight(end) => return end.answer(request).await.map(|(response, _)| response),
            Self::Through(links) => links,
        };
        match links.get(0) {
            Some(link) if !link.is_guarded() => links.pass_through(0, request).await,
            // In one all the same, so that the others keep no room for it.
            _ => links.run(0, request).await,
        }
    }
}

impl Chain for Links {
    fn run(self: Arc<Self>, position: usize, request: Request) -> AbiFuture<'static, Response> {
        match self.before(position) {
            Some(link) if link.is_guarded() => self.run_after_guarded(position, request),
            link => {
                if let Some(link) = link {
                    link.passes_on();
                }
                self.run_rest(position, request, AsItIs)
            }
        }
    }

    #[inline]
    fn start(
        self: Arc<Self>,
        position: usize,
        request: Request,
        context: &mut Context<'_>,
    ) -> AbiStarted<'static, Response> {
        match (self.before(position), self.get(position)) {
            (Some(before), Some(link)) if !before.is_guarded() && !link.is_guarded() => {
                before.passes_on();
                match self.pass(position, request, context) {
                    Outset::Answered(answer) => answer.into(),
                    Outset::UnderWay(passed) => AbiStarted::Pending(AbiFuture::new(passed)),
                }
            }
            (Some(before), None) if !before.is_guarded() => {
                let Some(entry) = self.end.plain() else {
                    return self.run(position, request).start(context);
                };
                before.passes_on();
                match entry.start(request, context) {
                    Outset::Answered(answer) => self
                        .hand_back(position, answer.map(|response| (response, Some(entry))))
                        .into(),
                    Outset::UnderWay(rest) => AbiStarted::Pending(AbiFuture::new(async move {
                        let answer = rest.await.map(|response| (response, self.end.plain()));
                        self.hand_back(position, answer)
                    })),
                }
            }
            _ => self.run(position, request).start(context),
        }
    }
}

impl Links {
    #[inline]
    fn get(&self, at: usize) -> Option<Link<'_>> {
        Some(Link::new(self.line.get(at)?, self.states.get(at)?))
    }

    /// A link that is there.
    #[inline]
    pub(super) fn link(&self, at: usize) -> Link<'_> {
        Link::new(&self.line[at], &self.states[at])
    }

    /// The link before `position`.
    #[inline]
    fn before(&self, position: usize) -> Option<Link<'_>> {
        self.get(position.wrapping_sub(1))
    }

    #[inline(never)]
    fn run_after_guarded(
        self: Arc<Self>,
        position: usize,
        request: Request,
    ) -> AbiFuture<'static, Response> {
        let at = position - 1;
        let link = self.link(at);
        if let Err(error) = link.passes_on_once() {
            return AbiFuture::ready(Err(error));
        }
        if link.entry().limit.is_none() {
            return self.run_rest(position, request, AsItIs);
        }
        let clock = LinkClock::new(self.clone(), at);
        self.run_rest(position, request, clock)
    }

    /// Each kind of link by itself, so that a future is no larger than it has to be.
    pub(super) fn run_rest<W: Watching>(
        self: Arc<Self>,
        position: usize,
        request: Request,
        watching: W,
    ) -> AbiFuture<'static, Response> {
        match self.get(position) {
            None => watching.watch(move || async move {
                let answer = self.end.answer(request).await;
                self.hand_back(position, answer)
            }),
            Some(link) => match link.passing() {
                // Not before it is polled: from then on somebody else's time counts.
                Passing::Plain => watching.watch(move || self.pass_through(position, request)),
                Passing::Guarded => watching.watch(move || async move {
                    let mut answer = self.pass_guarded(position, request).await;
                    self.passed_on(position, &mut answer);
                    answer
                }),
                Passing::OnLane => watching.watch(move || async move {
                    let mut answer = self.pass_on_lane(position, request).await;
                    self.passed_on(position, &mut answer);
                    answer
                }),
            },
        }
    }

    /// Tells the link before `position` what it will be answered.
    fn passed_on(&self, position: usize, answer: &mut Result<Response>) {
        self.passed_on_as(position, answer, answered(answer));
    }

    /// The same where it is known how that ended.
    #[inline]
    pub(super) fn passed_on_as(&self, position: usize, answer: &mut Result<Response>, ended: u32) {
        if let Some(link) = self.before(position) {
            link.passed_on(answer, ended);
        }
    }

    /// Tells the last link what the way ended with, and by whom that is.
    #[inline]
    fn hand_back(&self, position: usize, answer: Result<Ended<'_>>) -> Result<Response> {
        let mut answer = answer.map(|(mut response, by)| match (by, self.adopt) {
            (None, _) => response,
            (Some(entry), Some(adopt)) => adopt(response, entry),
            (Some(entry), None) => {
                entry.sign(&mut response);
                response
            }
        });
        self.passed_on(position, &mut answer);
        answer
    }
}

/// How a request ended, by its answer: one that says that the plugin failed is no success.
#[inline]
pub(super) fn answered(answer: &Result<Response>) -> u32 {
    match answer {
        Ok(response) if response.status() >= 500 => outcome::failed(ErrorKind::Other),
        answer => outcome::of(answer),
    }
}
