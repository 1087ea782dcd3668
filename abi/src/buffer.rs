//! Bytes that cross without a copy, convertible from [`Vec`], and from and to [`bytes::Bytes`].

use std::fmt;
use std::mem::ManuallyDrop;
use std::ops::Deref;

use abi_stable::StableAbi;
use abi_stable::prefix_type::WithMetadata;
use bytes::Bytes;

/// An immutable run of bytes, freed by the library that made it.
///
/// From a [`Vec`] it allocates nothing. From [`Bytes`] it takes a small box, and so does the way back to them,
/// in another library. A clone shares the bytes, unless they are a `Vec`'s: those are copied.
#[repr(C)]
#[derive(StableAbi)]
pub struct AbiBytes {
    start: *const u8,
    len: usize,
    /// Whatever the library that made it needs to free the bytes.
    owner: *mut (),
    vtable: BytesVTableRef,
}

#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = BytesVTableRef)))]
#[sabi(missing_field(option))]
pub(crate) struct BytesVTable {
    clone: unsafe extern "C" fn(&AbiBytes) -> AbiBytes,
    #[sabi(last_prefix_field)]
    drop: unsafe extern "C" fn(*const u8, usize, *mut ()),
}

// SAFETY: the bytes are a `Vec`'s, a boxed `Bytes`' or the program's: immutable, and counted atomically if shared.
unsafe impl Send for AbiBytes {}
// SAFETY: as above.
unsafe impl Sync for AbiBytes {}

impl AbiBytes {
    /// No bytes; allocates nothing.
    pub const fn new() -> Self {
        Self::from_static(&[])
    }

    /// Bytes of the program itself; allocates nothing.
    pub const fn from_static(bytes: &'static [u8]) -> Self {
        Self {
            start: bytes.as_ptr(),
            len: bytes.len(),
            owner: std::ptr::null_mut(),
            vtable: STATIC,
        }
    }

    /// Bytes that are in a box already.
    pub(crate) fn of_boxed(bytes: Box<Bytes>) -> Self {
        let (start, len) = (bytes.as_ptr(), bytes.len());
        Self { start, len, owner: Box::into_raw(bytes).cast(), vtable: SHARED }
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        // SAFETY: `start` and `len` describe memory that `owner` keeps alive.
        unsafe { std::slice::from_raw_parts(self.start, self.len) }
    }
}

/// How bytes are freed; another function for each origin, in each library.
type Free = unsafe extern "C" fn(*const u8, usize, *mut ());

impl AbiBytes {
    #[inline]
    fn is_freed_by(&self, free: Free) -> bool {
        std::ptr::fn_addr_eq(self.vtable.drop(), free)
    }
}

/// What bytes are made of: the table that they have then.
pub(crate) trait Origin: 'static {
    const TABLE: BytesVTableRef;
}

/// A `Vec`.
pub(crate) enum Owned {}

/// A boxed `Bytes`.
pub(crate) enum Shared {}

/// The program itself.
pub(crate) enum Static {}

impl Origin for Owned {
    const TABLE: BytesVTableRef = OWNED;
}

impl Origin for Shared {
    const TABLE: BytesVTableRef = SHARED;
}

impl Origin for Static {
    const TABLE: BytesVTableRef = STATIC;
}

impl AbiBytes {
    /// What the bytes are, but for their table.
    pub(crate) const fn into_raw(self) -> (*const u8, usize, *mut ()) {
        let raw = (self.start, self.len, self.owner);
        std::mem::forget(self);
        raw
    }

    /// The bytes again.
    ///
    /// # Safety
    /// It is what `into_raw` said of bytes with this table, and this is done once.
    pub(crate) unsafe fn from_raw<O: Origin>(start: *const u8, len: usize, owner: *mut ()) -> Self {
        Self { start, len, owner, vtable: O::TABLE }
    }
}

impl Default for AbiBytes {
    fn default() -> Self {
        Self::new()
    }
}

impl Deref for AbiBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl PartialEq for AbiBytes {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for AbiBytes {}

impl AsRef<[u8]> for AbiBytes {
    fn as_ref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl fmt::Debug for AbiBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AbiBytes({} bytes)", self.len)
    }
}

impl Clone for AbiBytes {
    fn clone(&self) -> Self {
        // SAFETY: the table belongs to the bytes, which are alive.
        unsafe { (self.vtable.clone())(self) }
    }
}

impl Drop for AbiBytes {
    #[inline]
    fn drop(&mut self) {
        if self.is_freed_by(drop_owned) {
            // What most buffers are that come back: a `Vec` of this library, freed here.
            // SAFETY: our own table, and this handle's share is given back once.
            drop(unsafe { vec(self.start, self.len, self.owner) });
        } else {
            // SAFETY: the table belongs to the bytes; this handle's share is given back once.
            unsafe { (self.vtable.drop())(self.start, self.len, self.owner) }
        }
    }
}

impl From<Bytes> for AbiBytes {
    fn from(bytes: Bytes) -> Self {
        if bytes.is_empty() { Self::new() } else { Self::of_boxed(Box::new(bytes)) }
    }
}

impl From<Vec<u8>> for AbiBytes {
    #[inline]
    fn from(bytes: Vec<u8>) -> Self {
        let mut bytes = ManuallyDrop::new(bytes);
        let owner = std::ptr::without_provenance_mut(bytes.capacity());
        Self { start: bytes.as_mut_ptr(), len: bytes.len(), owner, vtable: OWNED }
    }
}

impl From<AbiBytes> for Bytes {
    fn from(bytes: AbiBytes) -> Self {
        if bytes.is_empty() {
            return Bytes::new();
        }
        if bytes.is_freed_by(drop_shared) {
            let bytes = ManuallyDrop::new(bytes);
            // SAFETY: our own table, so the owner is the box made in `From<Bytes>`; it moves out
            // once, because `ManuallyDrop` keeps `Drop` from running.
            return *unsafe { Box::from_raw(bytes.owner.cast::<Bytes>()) };
        }
        if bytes.is_freed_by(drop_owned) {
            return Bytes::from(Vec::from(bytes));
        }
        if bytes.is_freed_by(drop_static) {
            // SAFETY: our own table, so these are the bytes of `from_static`.
            return Bytes::from_static(unsafe {
                std::slice::from_raw_parts(bytes.start, bytes.len)
            });
        }
        Bytes::from_owner(bytes)
    }
}

impl From<AbiBytes> for Vec<u8> {
    /// Without a copy if this library made it of a `Vec`.
    fn from(bytes: AbiBytes) -> Self {
        if bytes.is_freed_by(drop_owned) {
            let bytes = ManuallyDrop::new(bytes);
            // SAFETY: our own table; what was a `Vec` moves out once, because `ManuallyDrop` keeps `Drop` from
            // running.
            return unsafe { vec(bytes.start, bytes.len, bytes.owner) };
        }
        bytes.to_vec()
    }
}

const OWNED: BytesVTableRef = {
    const FIELDS: &WithMetadata<BytesVTable> =
        &WithMetadata::new(BytesVTable { clone: clone_owned, drop: drop_owned });
    BytesVTableRef(FIELDS.static_as_prefix())
};

const SHARED: BytesVTableRef = {
    const FIELDS: &WithMetadata<BytesVTable> =
        &WithMetadata::new(BytesVTable { clone: clone_shared, drop: drop_shared });
    BytesVTableRef(FIELDS.static_as_prefix())
};

const STATIC: BytesVTableRef = {
    const FIELDS: &WithMetadata<BytesVTable> =
        &WithMetadata::new(BytesVTable { clone: clone_static, drop: drop_static });
    BytesVTableRef(FIELDS.static_as_prefix())
};

/// What the bytes were made of.
///
/// # Safety
/// They have the table `OWNED` of this library, and this is done once.
#[inline]
unsafe fn vec(start: *const u8, len: usize, owner: *mut ()) -> Vec<u8> {
    // SAFETY: in this table the owner is the capacity of the `Vec` that was forgotten in `From<Vec<u8>>`.
    unsafe { Vec::from_raw_parts(start.cast_mut(), len, owner.addr()) }
}

unsafe extern "C" fn clone_owned(bytes: &AbiBytes) -> AbiBytes {
    bytes.to_vec().into()
}

unsafe extern "C" fn drop_owned(start: *const u8, len: usize, owner: *mut ()) {
    // SAFETY: reached only through this table, by the last handle.
    drop(unsafe { vec(start, len, owner) });
}

unsafe extern "C" fn clone_shared(bytes: &AbiBytes) -> AbiBytes {
    // SAFETY: in this table the owner is a live boxed `Bytes` of this library.
    unsafe { &*bytes.owner.cast::<Bytes>() }.clone().into()
}

unsafe extern "C" fn drop_shared(_: *const u8, _: usize, owner: *mut ()) {
    // SAFETY: in this table the owner is a boxed `Bytes` of this library, dropped once. An owner
    // given to `Bytes::from_owner` may run foreign code when dropped, hence the guard.
    let bytes = unsafe { Box::from_raw(owner.cast::<Bytes>()) };
    crate::guard::contain(|| drop(bytes));
}

unsafe extern "C" fn clone_static(bytes: &AbiBytes) -> AbiBytes {
    AbiBytes { ..*bytes }
}

unsafe extern "C" fn drop_static(_: *const u8, _: usize, _: *mut ()) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_a_vec_is_it_again_without_a_copy() {
        let bytes = Vec::from(b"owned".as_slice());
        let (start, room) = (bytes.as_ptr(), bytes.capacity());
        let back = Vec::from(AbiBytes::from(bytes));
        assert_eq!((back.as_ptr(), back.capacity(), &*back), (start, room, b"owned".as_slice()));
        let shared = Bytes::from(AbiBytes::from(back));
        assert_eq!((shared.as_ptr(), &*shared), (start, b"owned".as_slice()));
    }

    #[test]
    fn what_was_the_programs_is_it_again_without_a_copy() {
        const PROGRAM: &[u8] = b"program";
        let shared = Bytes::from(AbiBytes::from_static(PROGRAM));
        assert_eq!((shared.as_ptr(), &*shared), (PROGRAM.as_ptr(), PROGRAM));
        assert!(!shared.is_unique());
    }

    #[test]
    fn a_clone_shares_what_is_shared_and_copies_a_vec() {
        let shared = AbiBytes::from(Bytes::copy_from_slice(b"shared"));
        let owned = AbiBytes::from(b"owned".to_vec());
        assert_eq!(shared.clone().as_ptr(), shared.as_ptr());
        assert_ne!(owned.clone().as_ptr(), owned.as_ptr());
        assert_eq!((owned.clone(), shared.clone()), (owned, shared));
    }

    #[test]
    fn what_another_library_made_is_copied_into_a_vec_and_freed_by_it() {
        use std::sync::atomic::{AtomicUsize, Ordering};

        static FREED: AtomicUsize = AtomicUsize::new(0);
        unsafe extern "C" fn free(_: *const u8, len: usize, _: *mut ()) {
            FREED.fetch_add(len, Ordering::Relaxed);
        }
        const FOREIGN: BytesVTableRef = {
            const FIELDS: &WithMetadata<BytesVTable> =
                &WithMetadata::new(BytesVTable { clone: clone_static, drop: free });
            BytesVTableRef(FIELDS.static_as_prefix())
        };
        let foreign = |bytes| AbiBytes { vtable: FOREIGN, ..AbiBytes::from_static(bytes) };
        assert_eq!(Vec::from(foreign(b"four")), b"four");
        assert_eq!(FREED.load(Ordering::Relaxed), 4);
        let shared = Bytes::from(foreign(b"three"));
        assert_eq!((&*shared, FREED.load(Ordering::Relaxed)), (b"three".as_slice(), 4));
        drop(shared);
        assert_eq!(FREED.load(Ordering::Relaxed), 9);
    }

    #[test]
    fn nothing_is_nothing_whatever_it_was_made_of() {
        for empty in
            [AbiBytes::new(), Vec::new().into(), Vec::with_capacity(9).into(), Bytes::new().into()]
        {
            assert!(empty.is_empty() && Vec::from(empty.clone()).is_empty());
            assert!(Bytes::from(empty).is_empty());
        }
    }
}
