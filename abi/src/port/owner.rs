//! The host's side of a port.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use abi_stable::prefix_type::WithMetadata;
use abi_stable::staticref;
use abi_stable::std_types::RResult;

use super::protocol::{Counts, release_tally};
use super::service::AbiPort;
use super::state::{AbiTurn, PortState, PortVTable, PortVTableRef, RawPort, outcome, switch};
use super::sync::{AtomicPtr, AtomicU32, AtomicU64, Ordering, fence};
use super::tally::Tally;
use crate::guard::{contain, guard, guard_result};
use crate::waker::AbiWaker;
use crate::{Error, ErrorKind, ExtensionInfoRef, RawExtension, Result};

/// What a host does where something is in the way of a call, or has to be noted about it.
///
/// # Safety
/// When [`fence`](Self::fence) returns, every thread of the process has passed a full memory fence
/// since it was called; or else the switch of every port with such an object begins as
/// [`UNFENCED`](switch::UNFENCED), among others.
pub unsafe trait PortObject: Send + Sync + 'static {
    /// Makes every thread pass a full fence.
    fn fence(&self);
    /// Whether a call may go on that met the switch set to this; whether it may block to find out. 0,
    /// or a ticket: even, or odd where the call has to ask for its [`turn`](Self::turn).
    ///
    /// # Errors
    /// Whatever is in its way. A call of a [closed](switch::CLOSED) port goes in in no case.
    fn admit(&self, switch: u32, may_block: bool) -> Result<u64>;
    /// A call has ended that has a ticket, was timed, dropped, or failed.
    fn leave(&self, ticket: u64, outcome: u32, nanos: u64);
    /// Whether an awaited call may be polled, and who is to be woken when that changes. Gives it a
    /// ticket if it has none.
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
    /// That of the first target.
    info: Option<ExtensionInfoRef>,
    target: Mutex<Option<Box<R>>>,
    counts: Counts,
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
        let info = target.info();
        let shared: Box<Shared<T, R>> = Box::new(Shared {
            state: PortState {
                switch: AtomicU32::new(switch),
                slot,
                number,
                target: AtomicPtr::new(std::ptr::null_mut()),
                limit: AtomicU64::new(limit),
            },
            shares: AtomicUsize::new(1),
            object,
            info,
            target: Mutex::default(),
            counts: Counts::new(),
        });
        shared.put(&mut lock(&shared.target), target);
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

    /// What is called.
    ///
    /// # Safety
    /// Somebody is inside for as long as it is used.
    pub(super) unsafe fn target(&self) -> &R {
        // SAFETY: not null while somebody is inside; `new` and `mount` put only `R`s there.
        unsafe { &*self.0.state().target.load(Ordering::Acquire).cast::<R>() }
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

    /// Takes it out of the way. Without a fence it stays so, and a port stays [closed](switch::CLOSED) as long as it has no target.
    pub fn clear(&self, mut bits: u32) {
        let shared = self.shared();
        bits &= !switch::UNFENCED;
        // Nobody may take the target and believe that the port is closed.
        let target = (bits & switch::CLOSED != 0).then(|| lock(&shared.target));
        if target.as_ref().is_some_and(|target| target.is_none()) {
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

    /// Gives it what is called, if it has nothing and the description is that of the first: its name and
    /// version, and each of its methods at the same place.
    ///
    /// # Errors
    /// With what was not taken.
    pub fn mount(&self, object: R) -> Result<(), R> {
        let shared = self.shared();
        let mut target = lock(&shared.target);
        let fits = match (shared.info, object.info()) {
            (Some(known), Some(other)) => same(known, other),
            (known, other) => known.is_none() && other.is_none(),
        };
        if target.is_some() || !fits {
            return Err(object);
        }
        shared.put(&mut target, object);
        Ok(())
    }

    /// Takes away what is called, if nobody is inside.
    ///
    /// # Errors
    /// How many calls are inside.
    ///
    /// # Panics
    /// If the port is not [closed](switch::CLOSED).
    pub fn unmount(&self) -> Result<Option<R>, u64> {
        let shared = self.shared();
        // Held from the look at the switch on: see `clear`.
        let mut target = lock(&shared.target);
        shared.state.take(&shared.counts, || shared.object.fence())?;
        Ok(target.take().map(|boxed| *boxed))
    }
}

impl<T: PortObject> PortOwner<T, RawExtension> {
    /// For those who call.
    pub fn port(&self) -> AbiPort {
        let info = self.shared().info;
        AbiPort::new(self.0.clone(), info.expect("the first target had a description"))
    }
}

/// Whether whoever knows the first description can call an object of the second.
fn same(known: ExtensionInfoRef, other: ExtensionInfoRef) -> bool {
    let methods = |info: ExtensionInfoRef| (info.methods())();
    known.name() == other.name()
        && known.version() == other.version()
        && methods(known) == methods(other)
}

impl<T, R> Shared<T, R> {
    fn put(&self, target: &mut Option<Box<R>>, object: R) {
        let boxed = target.insert(Box::new(object));
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

    unsafe extern "C" fn admit(port: *const (), may_block: bool) -> RResult<u64, Error> {
        let shared = unsafe { Self::shared(port) };
        let set = shared.state.look_again();
        guard_result(|| {
            let ticket = shared.object.admit(set, may_block)?;
            // Whoever has read so since it is counted is waited for by nobody.
            if set & switch::CLOSED != 0 {
                shared.object.leave(ticket, outcome::DROPPED, u64::MAX);
                return Err(Error::new(
                    ErrorKind::Unavailable,
                    "there is nothing to be called now",
                ));
            }
            Ok(ticket)
        })
        .into()
    }

    unsafe extern "C" fn leave(port: *const (), ticket: u64, outcome: u32, nanos: u64) {
        let shared = unsafe { Self::shared(port) };
        contain(|| shared.object.leave(ticket, outcome, nanos));
    }

    unsafe extern "C" fn turn(port: *const (), ticket: &mut u64, waker: &AbiWaker) -> AbiTurn {
        let shared = unsafe { Self::shared(port) };
        waker
            .with(|waker| guard(|| shared.object.turn(ticket, waker)))
            .unwrap_or_else(AbiTurn::Over)
    }
}
