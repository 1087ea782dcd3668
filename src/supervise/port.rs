//! The port of one contribution: where its calls go in. What they meet there is its [`Watch`].

use std::any::Any;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Context;

use hotshoe_abi::{
    AbiFuture, AbiPort, AbiStarted, Answering, Ongoing, Outset, PortOwner, PortTarget,
    RawExtension, Spare, Within, outcome,
};

use super::balance::{Fitness, Inside, Standing};
use super::bulkhead::Bulkhead;
use super::contribution::Contribution;
use super::supervisor::Supervisor;
use super::watch::{BREAKER, CLOSED, TURNED_AWAY, UNWELL, Watch};
use crate::contract::{Error, Result};
use crate::runtime::lane::{Lane, LaneCall};

/// Where calls of one contribution go in. Cloning shares it.
#[derive(Debug)]
pub(crate) struct Port<R: PortTarget>(PortOwner<Watch, R>);

impl<R: PortTarget> Clone for Port<R> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<R: PortTarget> Port<R> {
    /// A closed one.
    pub(super) fn new(supervisor: &Arc<Supervisor>, of: Contribution, target: R) -> Self {
        let (watch, switch) = Watch::new(supervisor, of);
        let limit = watch.limit;
        Self(PortOwner::new(watch, target, switch, limit))
    }

    /// Begins a call; it has left when the future is done or dropped.
    ///
    /// # Errors
    /// Whatever is in the way of the call.
    pub(crate) fn start<'p, A, C, O>(
        &'p self,
        call: C,
        ended: O,
    ) -> Result<Answering<'p, Watch, R, A, C, O>>
    where
        C: for<'x> FnOnce(&'x R, Within<'x, 'p>) -> AbiFuture<'x, A>,
        O: FnOnce(&Result<A>) -> u32,
    {
        self.0.start(call, ended)
    }

    /// The same with nothing borrowed, as far as that goes at once.
    ///
    /// # Errors
    /// Whatever is in the way of the call.
    #[inline]
    pub(crate) fn set_out<A, C>(
        &self,
        call: C,
        context: &mut Context<'_>,
        ended: impl FnOnce(&Result<A>) -> u32,
    ) -> Result<Outset<A, Ongoing<R, A, C>>>
    where
        C: for<'x> FnOnce(&'x R, &mut Context<'_>) -> AbiStarted<'x, A> + 'static,
    {
        self.0.begin(call, context, ended)
    }

    /// The answer to a call.
    ///
    /// # Errors
    /// Whatever is in the way of the call, and what it answers, with the instance's name.
    pub(crate) async fn run<'p, A: 'static, C>(&'p self, call: C) -> Result<A>
    where
        C: for<'x> FnOnce(&'x R, Within<'x, 'p>) -> AbiFuture<'x, A>,
    {
        let answer = match self.start(call, outcome::of) {
            Ok(answer) => answer.await,
            Err(error) => Err(error),
        };
        answer.map_err(|error| self.named(error))
    }

    /// The instance's own threads, if its calls run there.
    pub(crate) fn lane(&self) -> Option<Arc<Lane>> {
        self.0.supervisor.lane()
    }

    /// An error as that of this instance; one that names another keeps that.
    pub(crate) fn named(&self, error: Error) -> Error {
        if error.plugin().is_some() {
            error
        } else {
            error.with_plugin(self.0.supervisor.instance())
        }
    }

    /// Counts the bytes of a request to it, and of its response.
    pub(crate) fn count_bytes(&self, received: u64, sent: u64) {
        self.0.meter.bytes(received, sent);
    }

    /// The pool that its instance is in.
    pub(crate) fn pool(&self) -> Option<&str> {
        self.0.supervisor.policy().pool.as_deref()
    }

    /// Whether both are the same contribution of instances of one pool.
    pub(crate) fn is_one_of_a_pool_with(&self, other: &Self) -> bool {
        self.pool().is_some()
            && self.pool() == other.pool()
            && self.0.contribution == other.0.contribution
    }

    /// How it stands among those of its pool.
    pub(crate) fn standing(&self) -> Standing {
        let supervisor = &*self.0.supervisor;
        let switch = self.0.switch();
        let fitness = if switch & CLOSED != 0
            || switch & BREAKER != 0 && !supervisor.would_try(&self.0.limits)
        {
            Fitness::Out
        } else if self.0.limits.bulkhead.as_ref().is_some_and(Bulkhead::is_full) {
            Fitness::Full
        } else if switch & UNWELL != 0 {
            Fitness::Unwell
        } else {
            Fitness::Well
        };
        let load = supervisor.pooled.as_ref().map_or(0, |calls| calls.seen_from_here());
        Standing { fitness, load }
    }

    /// Counts a call in that was chosen for its instance, until what is returned is dropped.
    pub(crate) fn enter_chosen(&self) -> Option<Inside<'_>> {
        self.0.supervisor.pooled.as_ref().map(|calls| calls.enter())
    }

    /// Calls and answers at once.
    ///
    /// # Errors
    /// Whatever is in the way of the call.
    pub(crate) fn call<A>(&self, call: impl FnOnce(&R) -> Result<A>) -> Result<A> {
        self.0.call(call, outcome::of).flatten()
    }
}

impl<T: Send + Sync + 'static> Port<Arc<T>> {
    /// Begins a call that owns all that it needs: on the instance's own threads, if it has some. `make`
    /// gives what it needs away, which stays whose it was until the call has begun; `ended` tells from
    /// the answer how the call ended.
    ///
    /// # Errors
    /// Whatever is in the way of the call.
    pub(crate) fn begin<'p, A, M, C, O>(
        &'p self,
        make: M,
        ended: O,
    ) -> Result<impl Future<Output = Result<A>> + use<'p, T, A, M, C, O>>
    where
        A: Send + 'static,
        M: FnOnce() -> C,
        C: for<'x> FnOnce(&'x T) -> AbiFuture<'x, A> + Send + 'static,
        O: FnOnce(&Result<A>) -> u32,
    {
        let lane = self.lane();
        let turned_away = lane.as_ref().map(|_| TurnedAway::default());
        let noted = turned_away.clone();
        self.start(
            move |target, _| {
                let call = make();
                let Some(lane) = lane else { return call(target) };
                let target = target.clone();
                let call = lane.run(move || async move { call(&target).await });
                if let Some(noted) = noted {
                    noted.note(&call);
                }
                AbiFuture::new(call)
            },
            move |answer| {
                let turned_away = turned_away.and_then(|noted| noted.outcome());
                turned_away.unwrap_or_else(|| ended(answer))
            },
        )
    }

    /// The answer to such a call.
    ///
    /// # Errors
    /// Whatever is in the way of the call, and what it answers, with the instance's name.
    pub(crate) async fn ask<A, C, O>(&self, call: C, ended: O) -> Result<A>
    where
        A: Send + 'static,
        C: for<'x> FnOnce(&'x T) -> AbiFuture<'x, A> + Send + 'static,
        O: FnOnce(&Result<A>) -> u32,
    {
        let answer = match self.begin(move || call, ended) {
            Ok(answer) => answer.await,
            Err(error) => Err(error),
        };
        answer.map_err(|error| self.named(error))
    }
}

/// Whether the instance's own threads did not take a call, because too many wait for them.
#[derive(Clone, Debug, Default)]
pub(crate) struct TurnedAway(Arc<AtomicBool>);

impl TurnedAway {
    pub(crate) fn note<A>(&self, call: &LaneCall<A>) {
        self.0.store(call.is_turned_away(), Ordering::Relaxed);
    }

    /// How the call ended, in that case.
    pub(crate) fn outcome(&self) -> Option<u32> {
        self.0.load(Ordering::Relaxed).then_some(TURNED_AWAY)
    }
}

impl Port<RawExtension> {
    /// For those who call a service.
    pub(crate) fn handle(&self) -> AbiPort {
        self.0.port()
    }
}

/// A port, whatever is behind it.
pub(super) trait AnyPort: Send + Sync {
    fn watch(&self) -> &Watch;
    fn set(&self, bits: u32);
    fn clear(&self, bits: u32);
    /// Calls that have begun, and those of them that are over.
    fn counts(&self) -> (u64, u64);
    /// Takes what is called, if nobody is inside; how many are, otherwise.
    fn take(&self) -> Result<Box<dyn Any + Send>, u64>;
    /// Holds calls.
    fn pause(&self);
    /// Holds them no more.
    fn resume(&self);
    /// How many calls are inside and do not wait.
    fn inside(&self) -> u64;
    /// What it leads to stays.
    fn settle(&self);
    fn as_any(&self) -> &dyn Any;
}

/// What a port could lead to, whatever that is.
pub(super) trait AnySpare: Send {
    /// That of the port.
    fn watch(&self) -> &Watch;
    /// Has a share of the port's calls go there.
    fn share(&mut self);
    /// Has none go there any more.
    fn withdraw(&mut self);
    /// Exchanges it for what the port leads to.
    ///
    /// # Errors
    /// The port leads to nothing.
    fn put(&mut self) -> Result<()>;
    /// Takes it; how many may still be inside of it, otherwise.
    fn take(&mut self) -> Result<Box<dyn Any + Send>, u64>;
}

struct PortSpare<R: PortTarget> {
    port: Port<R>,
    spare: Spare<Watch, R>,
}

impl<R: PortTarget> AnySpare for PortSpare<R> {
    fn watch(&self) -> &Watch {
        &self.port.0
    }

    fn share(&mut self) {
        self.spare.share();
    }

    fn withdraw(&mut self) {
        self.spare.withdraw();
    }

    fn put(&mut self) -> Result<()> {
        self.spare.put()
    }

    fn take(&mut self) -> Result<Box<dyn Any + Send>, u64> {
        Ok(Box::new(self.spare.take()?))
    }
}

impl<R: PortTarget> AnyPort for Port<R> {
    fn watch(&self) -> &Watch {
        &self.0
    }

    fn set(&self, bits: u32) {
        self.0.set(bits);
    }

    fn clear(&self, bits: u32) {
        self.0.clear(bits);
    }

    fn counts(&self) -> (u64, u64) {
        self.0.counts()
    }

    fn take(&self) -> Result<Box<dyn Any + Send>, u64> {
        Ok(Box::new(self.0.unmount()?))
    }

    fn pause(&self) {
        self.0.pause();
    }

    fn resume(&self) {
        self.0.resume();
    }

    fn inside(&self) -> u64 {
        self.0.inside()
    }

    fn settle(&self) {
        self.0.settle();
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl<R: PortTarget> Port<R> {
    /// Prepares a successor of what it leads to.
    ///
    /// # Errors
    /// With what was not taken, because it cannot be called like that.
    pub(super) fn prepare(&self, target: R) -> Result<Box<dyn AnySpare>, R> {
        let spare = self.0.prepare(target)?;
        Ok(Box::new(PortSpare { port: self.clone(), spare }))
    }

    /// Gives a closed port that has nothing to call a successor of what it had.
    ///
    /// # Errors
    /// With what was not taken.
    pub(super) fn mount(&self, target: R) -> Result<(), R> {
        self.0.mount(target)
    }
}
