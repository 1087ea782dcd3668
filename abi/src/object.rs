//! The pattern behind every object that crosses: a pointer and a table, made from an `Arc` of
//! anything that implements the Rust face of the table, and freed through it.

use std::sync::Arc;

use abi_stable::sabi_types::RRef;

use crate::guard::{contain, guard};
use crate::{AbiFuture, Result};

/// Declares an owning handle with its `new`, `Drop` and thread-safety.
///
/// `data` points at a value of the library that made it, behind an `Arc`; the functions of
/// `vtable` belong to the same library.
macro_rules! object {
    ($(#[$doc:meta])* $Object:ident, $VTable:ident as $VTableRef:ident, $Face:ident) => {
        $(#[$doc])*
        #[repr(C)]
        #[derive(abi_stable::StableAbi)]
        pub struct $Object {
            data: *const (),
            vtable: $VTableRef,
        }

        // SAFETY: the face requires `Send` and `Sync` of what is behind the pointer.
        unsafe impl Send for $Object {}
        // SAFETY: as above.
        unsafe impl Sync for $Object {}

        impl $Object {
            /// Hands `object` out behind a table of this library.
            pub fn new<T: $Face>(object: std::sync::Arc<T>) -> Self {
                Self {
                    data: std::sync::Arc::into_raw(object).cast(),
                    vtable: $VTableRef(Table::<T>::VTABLE.as_prefix()),
                }
            }

            fn object(&self) -> abi_stable::sabi_types::RRef<'_, ()> {
                // SAFETY: the value lives as long as this handle.
                unsafe { abi_stable::sabi_types::RRef::from_raw(self.data) }
            }
        }

        impl std::fmt::Debug for $Object {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(stringify!($Object))
            }
        }

        impl Drop for $Object {
            fn drop(&mut self) {
                // SAFETY: the table belongs to the value; this handle's share is given back once.
                unsafe { (self.vtable.drop())(self.data) }
            }
        }

        /// The table of one implementing type.
        struct Table<T>(T);
    };
}

pub(crate) use object;

/// The value behind an object.
///
/// # Safety
/// `object` was lent by a handle whose value is a `T` of this library.
pub(crate) unsafe fn value<'a, T>(object: RRef<'a, ()>) -> &'a T {
    // SAFETY: by contract.
    unsafe { object.transmute_into_ref() }
}

/// Gives back one share of the value behind an object.
///
/// # Safety
/// `data` came from `Arc::<T>::into_raw` in this library, and this share is given back once.
pub(crate) unsafe extern "C" fn drop_arc<T>(data: *const ()) {
    // SAFETY: by contract.
    let value = unsafe { Arc::from_raw(data.cast::<T>()) };
    contain(|| drop(value));
}

/// Takes one more share of the value behind an object.
///
/// # Safety
/// `data` came from `Arc::<T>::into_raw` in this library and is alive.
pub(crate) unsafe extern "C" fn clone_arc<T>(data: *const ()) -> *const () {
    // SAFETY: by contract.
    unsafe { Arc::increment_strong_count(data.cast::<T>()) };
    data
}

/// Makes a future inside the guard: a panic on the way becomes its error.
#[inline]
pub(crate) fn guard_future<'a, T: Send + 'a>(
    make: impl FnOnce() -> AbiFuture<'a, T>,
) -> AbiFuture<'a, T> {
    guard(make).unwrap_or_else(|panic| AbiFuture::ready(Err(panic)))
}

/// A plain call inside the guard, its error in the shape that crosses.
#[inline]
pub(crate) fn guard_call<T>(f: impl FnOnce() -> Result<T>) -> crate::AbiResult<T> {
    crate::guard::guard_result(f).into()
}
