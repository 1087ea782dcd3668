//! A waker that crosses: lent for one poll, cloned only if the future stays pending.

use std::task::{RawWaker, RawWakerVTable, Waker};

use abi_stable::StableAbi;
use abi_stable::prefix_type::WithMetadata;

use crate::guard::contain;

/// A waker of whoever polls, seen from another library.
#[repr(C)]
#[derive(Clone, Copy, StableAbi)]
pub(crate) struct AbiWaker {
    waker: *const (),
    vtable: WakerVTableRef,
}

#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = WakerVTableRef)))]
#[sabi(missing_field(option))]
struct WakerVTable {
    /// An owned waker from a lent or an owned one.
    clone: unsafe extern "C" fn(*const ()) -> *const (),
    wake_by_ref: unsafe extern "C" fn(*const ()),
    /// Gives an owned waker back.
    #[sabi(last_prefix_field)]
    drop: unsafe extern "C" fn(*const ()),
}

impl AbiWaker {
    /// Lends `waker`; valid as long as the borrow, which is one poll.
    ///
    /// One that was lent to this library is handed on as it is. Otherwise what waits at the end of a chain of
    /// middleware would have a waker in a waker for each of them.
    #[inline]
    pub(crate) fn lend(waker: &Waker) -> Self {
        if std::ptr::eq(waker.vtable(), &LENT) {
            // SAFETY: in this table the pointer is an `AbiWaker` that is valid as long as `waker`.
            return unsafe { *waker.data().cast::<Self>() };
        }
        Self { waker: std::ptr::from_ref(waker).cast(), vtable: VTABLE }
    }

    /// Runs `f` with a standard waker over this one.
    #[inline]
    pub(crate) fn with<T>(&self, f: impl FnOnce(&Waker) -> T) -> T {
        let raw = RawWaker::new(std::ptr::from_ref(self).cast(), &LENT);
        // SAFETY: the table of `LENT` keeps the contract of `RawWaker` as long as `self` lives,
        // and its drop does nothing, so the waker may be dropped here.
        let waker = unsafe { Waker::from_raw(raw) };
        f(&waker)
    }
}

// ---- the side that polls: the pointer is a `Waker` of this library ----

const VTABLE: WakerVTableRef = {
    const FIELDS: &WithMetadata<WakerVTable> = &WithMetadata::new(WakerVTable {
        clone: clone_waker,
        wake_by_ref: wake_waker,
        drop: drop_waker,
    });
    WakerVTableRef(FIELDS.static_as_prefix())
};

unsafe extern "C" fn clone_waker(waker: *const ()) -> *const () {
    // SAFETY: in this table the pointer is a live `Waker` of this library, lent or owned.
    let waker = unsafe { &*waker.cast::<Waker>() };
    // Where the executor's clone panics, a waker that wakes nobody is all that is left to give.
    let owned = crate::guard::guard(|| waker.clone()).unwrap_or_else(|_| Waker::noop().clone());
    Box::into_raw(Box::new(owned)).cast_const().cast()
}

unsafe extern "C" fn wake_waker(waker: *const ()) {
    // SAFETY: as in `clone_waker`.
    let waker = unsafe { &*waker.cast::<Waker>() };
    contain(|| waker.wake_by_ref());
}

unsafe extern "C" fn drop_waker(waker: *const ()) {
    // SAFETY: only owned wakers are dropped: boxes made by `clone_waker`.
    let waker = unsafe { Box::from_raw(waker.cast_mut().cast::<Waker>()) };
    contain(|| drop(waker));
}

// ---- the side that is polled: the pointer is an `AbiWaker` ----

static LENT: RawWakerVTable = RawWakerVTable::new(clone_abi, wake_abi_ref, wake_abi_ref, |_| ());
static OWNED: RawWakerVTable = RawWakerVTable::new(clone_abi, wake_abi, wake_abi_ref, drop_abi);

unsafe fn clone_abi(waker: *const ()) -> RawWaker {
    // SAFETY: both tables point at a live `AbiWaker`.
    let abi = unsafe { &*waker.cast::<AbiWaker>() };
    // SAFETY: the table belongs to the waker.
    let owned = unsafe { (abi.vtable.clone())(abi.waker) };
    let boxed = Box::new(AbiWaker { waker: owned, vtable: abi.vtable });
    RawWaker::new(Box::into_raw(boxed).cast_const().cast(), &OWNED)
}

unsafe fn wake_abi_ref(waker: *const ()) {
    // SAFETY: both tables point at a live `AbiWaker`.
    let abi = unsafe { &*waker.cast::<AbiWaker>() };
    // SAFETY: the table belongs to the waker.
    unsafe { (abi.vtable.wake_by_ref())(abi.waker) };
}

unsafe fn wake_abi(waker: *const ()) {
    // SAFETY: `OWNED` points at the box made by `clone_abi`; waking by value ends it.
    unsafe {
        wake_abi_ref(waker);
        drop_abi(waker);
    }
}

unsafe fn drop_abi(waker: *const ()) {
    // SAFETY: as in `wake_abi`.
    let abi = unsafe { Box::from_raw(waker.cast_mut().cast::<AbiWaker>()) };
    // SAFETY: the table belongs to the waker, which is an owned one.
    unsafe { (abi.vtable.drop())(abi.waker) };
}
