//! The host's side of a port.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use abi_stable::prefix_type::WithMetadata;
use abi_stable::staticref;

use super::protocol::{Counts, Passage, release_tally};
use super::service::AbiPort;
use super::state::{
    AbiTurn, PortState, PortVTable, PortVTableRef, QUEUED, RawPort, outcome, switch,
};
use super::sync::{AtomicPtr, AtomicU32, AtomicU64, Ordering, fence};
use super::tally::Tally;
#[cfg(doc)]
use super::{SECOND, TIMED};
use crate::guard::{contain, guard, guard_result};
use crate::waker::AbiWaker;
use crate::{AbiResult, Error, ErrorKind, ExtensionInfoRef, RawExtension, Result};

/// What a host does where something is in the way of a call, or has to be noted about it.
///
/// # Safety
/// When [`fence`](Self::fence) returns, every thread of the process has passed a full memory fence
/// since it was called; or else the switch of every port with such an object begins as
/// [`UNFENCED`](switch::UNFENCED), among others.
pub unsafe trait PortObject: Send + Sync + 'static {
    /// Makes every thread pass a full fence.
    fn fence(&self);
    /// Whether a call may go on that met the switch set to this. 0, or a ticket: even, or odd where the call
    /// has to ask for its [`turn`](Self::turn); of a call that `blocks`, its thread waits for that. Two of its
    /// bits say whether the call is [timed](TIMED) and whether it goes to the [second](SECOND) target.
    ///
    /// # Errors
    /// Whatever is in its way. A call of a [closed](switch::CLOSED) port goes in in no case, and one of a
    /// [paused](switch::PAUSED) one only if it asks for its turn.
    fn admit(&self, switch: u32, blocks: bool) -> Result<u64>;
    /// A call has ended that has a ticket, was timed, dropped, or failed.
    fn leave(&self, ticket: u64, outcome: u32, nanos: u64);
    /// Whether an awaited call may be polled, and who is to be woken when that changes. Gives it a
    /// ticket if it has none. That calls are held is not its concern, but whoever waits for their turn has
    /// to be woken when they are held no more.
    fn turn(&self, ticket: &mut u64, waker: &Waker) -> AbiTurn;
}

/// What can be behind a port.
pub trait PortTarget: Send + Sync + 'static {
    /// The description that callers rely on; every target of one port has the same.
    fn info(&self) -> Option<ExtensionInfoRef> {
        None
    }
}

impl PortTarget for RawExtension {
    fn info(&self) -> Option<ExtensionInfoRef> {
        Some(Self::info(self))
    }
}

impl<T: Send + Sync + 'static> PortTarget for Arc<T> {}

/// A port of this library. Cloning shares it.
///
/// When the last share goes, the port goes, unless a call is still inside: then it stays for good.
pub struct PortOwner<T: PortObject, R: PortTarget = RawExtension>(
    RawPort,
    PhantomData<Arc<(T, R)>>,
);

/// What is behind the pointer.
#[repr(C)]
struct Shared<T, R> {
    state: PortState,
    shares: AtomicUsize,
    object: T,
    target: Mutex<Target<R>>,
    counts: Counts,
}

/// What is called, as its owner sees it.
struct Target<R> {
    object: Option<Box<R>>,
    /// What callers rely on; every object that comes later has at least these methods.
    promised: Option<ExtensionInfoRef>,
}

/// Slots that no port has, and the number of the last one.
static SLOTS: Mutex<Slots> = Mutex::new(Slots { free: Vec::new(), next: 0, number: 0 });

struct Slots {
    free: Vec<u32>,
    next: u32,
    number: u64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<T: PortObject, R: PortTarget> PortOwner<T, R> {
    /// A port that leads to `target`. `switch` is what it begins with; an awaited call takes as long as
    /// `limit` at most.
    pub fn new(object: T, target: R, switch: u32, limit: Option<Duration>) -> Self {
        let (slot, number) = {
            let mut slots = lock(&SLOTS);
            if slots.number == 0 {
                // Ports of another copy of this crate in this process have other numbers.
                slots.number = RandomState::new().build_hasher().finish();
            }
            slots.number = slots.number.wrapping_add(1);
            let slot = slots.free.pop().unwrap_or_else(|| {
                slots.next += 1;
                slots.next - 1
            });
            (slot, slots.number)
        };
        let limit =
            limit.map_or(u64::MAX, |limit| u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX));
        let promised = target.info();
        let shared: Box<Shared<T, R>> = Box::new(Shared {
            state: PortState {
                switch: AtomicU32::new(switch),
                slot,
                number,
                target: AtomicPtr::new(std::ptr::null_mut()),
                limit: AtomicU64::new(limit),
                second: AtomicPtr::new(std::ptr::null_mut()),
                reserved: [0; 3],
            },
            shares: AtomicUsize::new(1),
            object,
            target: Mutex::new(Target { object: None, promised }),
            counts: Counts::new(),
        });
        shared.put(&mut lock(&shared.target), Box::new(target));
        let state = Box::into_raw(shared).cast_const().cast();
        let vtable = PortVTableRef(Table::<T, R>::VTABLE.as_prefix());
        Self(RawPort { state, vtable }, PhantomData)
    }

    fn shared(&self) -> &Shared<T, R> {
        // SAFETY: made by `new` for these types; it lives as long as this share.
        unsafe { &*self.0.state.cast::<Shared<T, R>>() }
    }

    pub(super) fn raw(&self) -> &RawPort {
        &self.0
    }

    /// What a call with this ticket calls.
    ///
    /// # Safety
    /// That call is inside for as long as it is used.
    #[inline]
    pub(super) unsafe fn target_of(&self, ticket: u64) -> &R {
        // SAFETY: not null while somebody is inside; only `R`s are ever put there.
        unsafe { &*self.0.state().target_of(ticket).cast::<R>() }
    }

    /// Calls what is behind the port. `outcome` tells from the answer how the call ended
    /// ([`outcome`]).
    ///
    /// # Errors
    /// Whatever is in the way of the call.
    pub fn call<A>(
        &self,
        call: impl FnOnce(&R) -> A,
        outcome: impl FnOnce(&A) -> u32,
    ) -> Result<A> {
        // SAFETY: the targets of this port are `R`s.
        unsafe { self.0.call(call, outcome) }
    }

    /// Puts something in the way of calls.
    pub fn set(&self, bits: u32) {
        self.shared().state.switch.fetch_or(bits, Ordering::SeqCst);
    }

    /// Takes it out of the way. Without a fence it stays so, and a port stays [closed](switch::CLOSED) as long
    /// as it has no target.
    pub fn clear(&self, mut bits: u32) {
        let shared = self.shared();
        bits &= !switch::UNFENCED;
        // Nobody may take the target and believe that the port is closed.
        let target = (bits & switch::CLOSED != 0).then(|| lock(&shared.target));
        if target.as_ref().is_some_and(|target| target.object.is_none()) {
            bits &= !switch::CLOSED;
        }
        shared.state.switch.fetch_and(!bits, Ordering::SeqCst);
    }

    /// What is in the way.
    pub fn switch(&self) -> u32 {
        self.shared().state.switch.load(Ordering::SeqCst)
    }

    /// How many calls have begun, and how many of them are over: never more than have begun.
    pub fn counts(&self) -> (u64, u64) {
        self.shared().counts.sums()
    }

    /// Gives it what is called, if it has nothing and this can be called like what it had: methods of the
    /// same name, each at its place, perhaps more after them. Callers rely on no more than before until
    /// [`settle`](Self::settle).
    ///
    /// # Errors
    /// With what was not taken.
    pub fn mount(&self, object: R) -> Result<(), R> {
        let shared = self.shared();
        let mut target = lock(&shared.target);
        if target.object.is_some() || !target.takes(&object) {
            return Err(object);
        }
        shared.put(&mut target, Box::new(object));
        Ok(())
    }

    /// Takes away what is called, if nobody is inside. Calls that wait because the port is
    /// [paused](switch::PAUSED) go on waiting, for what comes instead.
    ///
    /// # Errors
    /// How many calls are inside.
    ///
    /// # Panics
    /// If the port is neither [closed](switch::CLOSED) nor paused.
    pub fn unmount(&self) -> Result<Option<R>, u64> {
        let shared = self.shared();
        // Held from the look at the switch on: see `clear`.
        let mut target = lock(&shared.target);
        shared.state.take(&shared.counts, || shared.object.fence())?;
        Ok(target.object.take().map(|boxed| *boxed))
    }

    /// Holds calls from now on: who comes waits for its turn, who is inside goes on.
    pub fn pause(&self) {
        let shared = self.shared();
        shared.state.pause(&shared.counts);
    }

    /// Holds them no more. Its [object](PortObject) has to wake those that wait. If it leads to nothing, it is
    /// [closed](switch::CLOSED) from now on.
    pub fn resume(&self) {
        let shared = self.shared();
        // Nobody may give it something meanwhile, and open it.
        let _target = lock(&shared.target);
        shared.state.resume(&shared.counts);
    }

    /// How many calls are inside and do not wait for their turn.
    pub fn inside(&self) -> u64 {
        let shared = self.shared();
        shared.state.inside(&shared.counts, || shared.object.fence())
    }

    /// Prepares an object to take the place of what is called, if it can be called like that: see
    /// [`Spare::put`].
    ///
    /// # Errors
    /// With what was not taken.
    pub fn prepare(&self, object: R) -> Result<Spare<T, R>, R> {
        if !lock(&self.shared().target).takes(&object) {
            return Err(object);
        }
        let object = Some(Box::new(object));
        Ok(Spare { port: self.clone(), object, is_second: false, was_called: false })
    }

    /// What is there stays: from now on callers may rely on all that it has.
    pub fn settle(&self) {
        let mut target = lock(&self.shared().target);
        if let Some(object) = &target.object {
            target.promised = object.info();
        }
    }
}

/// An object that a port could lead to, and does not: it will, or it did.
pub struct Spare<T: PortObject, R: PortTarget> {
    port: PortOwner<T, R>,
    /// There until it is put in its place or taken.
    object: Option<Box<R>>,
    /// Some calls go there.
    is_second: bool,
    /// Somebody may still be inside.
    was_called: bool,
}

impl<T: PortObject, R: PortTarget> Spare<T, R> {
    /// Has calls go there that are [let in](PortObject::admit) with a ticket that says so ([`SECOND`]), until it
    /// is [put](Self::put) in its place or [withdrawn](Self::withdraw). Whether there is one already, nobody asks.
    pub fn share(&mut self) {
        let Some(object) = &mut self.object else { return };
        self.is_second = true;
        let second = std::ptr::from_mut(&mut **object).cast();
        self.port.shared().state.second.store(second, Ordering::Release);
    }

    /// Has no calls go there any more. Who is inside goes on.
    pub fn withdraw(&mut self) {
        if !std::mem::take(&mut self.is_second) {
            return;
        }
        self.port.shared().state.second.store(std::ptr::null_mut(), Ordering::SeqCst);
        // Of those who come from now on nobody finds it.
        self.was_called = self.port.inside() > 0;
    }

    /// Exchanges it for what the port leads to, which is the spare one then. Who is inside goes on with
    /// that. Callers rely on no more than before until [`PortOwner::settle`].
    ///
    /// # Errors
    /// The port leads to nothing.
    pub fn put(&mut self) -> Result<()> {
        let shared = self.port.shared();
        let mut target = lock(&shared.target);
        if target.object.is_none() || self.object.is_none() {
            return Err(nothing());
        }
        let old = target.object.take();
        if let Some(new) = std::mem::replace(&mut self.object, old) {
            shared.put(&mut target, new);
        }
        drop(target);
        if std::mem::take(&mut self.is_second) {
            shared.state.second.store(std::ptr::null_mut(), Ordering::SeqCst);
        }
        // Of those who come from now on nobody is in what is spare.
        self.was_called = self.port.inside() > 0;
        Ok(())
    }

    /// Takes it, [withdrawn](Self::withdraw), unless somebody may still be inside of it: as long as somebody is
    /// inside of the port, since nobody knows of which.
    ///
    /// # Errors
    /// How many may be.
    pub fn take(&mut self) -> Result<Option<Box<R>>, u64> {
        self.withdraw();
        match self.was_called {
            true => match self.port.inside() {
                0 => Ok(self.object.take()),
                inside => Err(inside),
            },
            false => Ok(self.object.take()),
        }
    }
}

/// While somebody may be inside, the object stays for good.
impl<T: PortObject, R: PortTarget> Drop for Spare<T, R> {
    fn drop(&mut self) {
        if self.take().is_err() {
            std::mem::forget(self.object.take());
        }
    }
}

impl<T: PortObject> PortOwner<T, RawExtension> {
    /// For those who call.
    pub fn port(&self) -> AbiPort {
        let promised = lock(&self.shared().target).promised;
        AbiPort::new(self.0.clone(), promised.expect("the first target had a description"))
    }
}

impl<R: PortTarget> Target<R> {
    /// Whether whoever relies on what is promised can call this object.
    fn takes(&self, object: &R) -> bool {
        let methods = |info: ExtensionInfoRef| (info.methods())();
        match (self.promised, object.info()) {
            (Some(promised), Some(other)) => {
                promised.name() == other.name()
                    && line_of(promised.version().as_str()) == line_of(other.version().as_str())
                    && methods(other).starts_with(&methods(promised))
            }
            (promised, other) => promised.is_none() && other.is_none(),
        }
    }
}

/// Which versions mean the same, as semver has it: the first number, and of 0 the second, too.
fn line_of(version: &str) -> (&str, Option<&str>) {
    let mut numbers = version.split('.');
    match numbers.next() {
        Some("0") => ("0", numbers.next()),
        first => (first.unwrap_or_default(), None),
    }
}

impl<T, R> Shared<T, R> {
    fn put(&self, target: &mut Target<R>, object: Box<R>) {
        let boxed = target.object.insert(object);
        self.state.target.store(std::ptr::from_mut(&mut **boxed).cast(), Ordering::Release);
    }
}

impl<T: PortObject, R: PortTarget> Deref for PortOwner<T, R> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.shared().object
    }
}

impl<T: PortObject, R: PortTarget> Clone for PortOwner<T, R> {
    fn clone(&self) -> Self {
        Self(self.0.clone(), PhantomData)
    }
}

impl<T: PortObject, R: PortTarget> std::fmt::Debug for PortOwner<T, R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

struct Table<T, R>(T, R);

// SAFETY, for every function here: reached only through a port that `PortOwner::new` of this library
// made for a `T`.
#[allow(clippy::undocumented_unsafe_blocks, reason = "one reason for all, above")]
impl<T: PortObject, R: PortTarget> Table<T, R> {
    staticref! {
        const VTABLE: WithMetadata<PortVTable> = WithMetadata::new(PortVTable {
            retain: Self::retain,
            release: Self::release,
            tally: Self::tally,
            release_tally,
            stray: Self::stray,
            admit: Self::admit,
            leave: Self::leave,
            turn: Self::turn,
        });
    }

    unsafe fn shared<'a>(port: *const ()) -> &'a Shared<T, R> {
        unsafe { &*port.cast::<Shared<T, R>>() }
    }

    unsafe extern "C" fn retain(port: *const ()) {
        unsafe { Self::shared(port) }.shares.fetch_add(1, Ordering::Relaxed);
    }

    unsafe extern "C" fn release(port: *const ()) {
        let shared = unsafe { Self::shared(port) };
        if shared.shares.fetch_sub(1, Ordering::Release) != 1 {
            return;
        }
        fence(Ordering::Acquire);
        contain(|| shared.object.fence());
        let (entered, left) = shared.counts.sums();
        if entered != left {
            return;
        }
        let slot = shared.state.slot;
        let shared = unsafe { Box::from_raw(port.cast_mut().cast::<Shared<T, R>>()) };
        contain(|| drop(shared));
        lock(&SLOTS).free.push(slot);
    }

    unsafe extern "C" fn tally(port: *const ()) -> *const Tally {
        let shared = unsafe { Self::shared(port) };
        shared.counts.tally_shared(shared.state.number)
    }

    unsafe extern "C" fn stray(port: *const ()) {
        unsafe { Self::shared(port) }.counts.stray();
    }

    unsafe extern "C" fn admit(port: *const (), may_block: bool) -> AbiResult<u64> {
        let shared = unsafe { Self::shared(port) };
        let set = shared.state.look_again();
        guard_result(|| {
            let ticket = shared.object.admit(set, may_block)?;
            match set & (switch::CLOSED | switch::PAUSED) == 0 && ticket & QUEUED == 0 {
                true => Ok(ticket),
                false => shared.begin_to_wait(set, ticket, may_block),
            }
        })
        .into()
    }

    unsafe extern "C" fn leave(port: *const (), ticket: u64, outcome: u32, nanos: u64) {
        unsafe { Self::shared(port) }.leave(ticket, outcome, nanos);
    }

    unsafe extern "C" fn turn(port: *const (), ticket: &mut u64, waker: &AbiWaker) -> AbiTurn {
        let shared = unsafe { Self::shared(port) };
        waker.with(|waker| shared.turn(ticket, waker))
    }
}

impl<T: PortObject, R> Shared<T, R> {
    /// Whose turn it is.
    fn turn(&self, ticket: &mut u64, waker: &Waker) -> AbiTurn {
        let waited = *ticket & QUEUED != 0;
        let turn = guard(|| self.object.turn(ticket, waker)).unwrap_or_else(AbiTurn::Over);
        if !waited {
            return turn;
        }
        // It waits until this has said that it does not: whatever became of the ticket above.
        *ticket |= QUEUED;
        if !matches!(turn, AbiTurn::Go) {
            return turn;
        }
        match self.state.go_in(&self.counts) {
            Passage::In => {
                *ticket &= !QUEUED;
                AbiTurn::Go
            }
            Passage::Held => AbiTurn::Wait,
            Passage::Gone => AbiTurn::Over(nothing()),
        }
    }

    /// Whether a call waits for its turn that does not go in at once.
    #[cold]
    #[inline(never)]
    fn begin_to_wait(&self, set: u32, mut ticket: u64, may_block: bool) -> Result<u64> {
        // Whoever has read so since it is counted is waited for by nobody, or must not look.
        if set & switch::CLOSED != 0 || ticket & QUEUED == 0 {
            self.object.leave(ticket, outcome::DROPPED, u64::MAX);
            return Err(nothing());
        }
        self.counts.begin_to_wait();
        if may_block {
            self.wait(&mut ticket)?;
        }
        Ok(ticket)
    }

    /// Blocks this thread until it is the call's turn.
    fn wait(&self, ticket: &mut u64) -> Result<()> {
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        loop {
            match self.turn(ticket, &waker) {
                AbiTurn::Go => return Ok(()),
                AbiTurn::Wait => thread::park(),
                AbiTurn::Over(error) => {
                    self.leave(*ticket, outcome::failed(error.kind()), u64::MAX);
                    return Err(error);
                }
            }
        }
    }

    /// A call is about to leave.
    #[inline]
    fn leave(&self, ticket: u64, outcome: u32, nanos: u64) {
        if ticket & QUEUED != 0 {
            self.counts.wait_no_more();
        }
        contain(|| self.object.leave(ticket, outcome, nanos));
    }
}

/// Wakes a thread.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

#[cold]
fn nothing() -> Error {
    Error::new(ErrorKind::Unavailable, "there is nothing to be called now")
}
