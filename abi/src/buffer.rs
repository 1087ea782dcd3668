//! Reference-counted bytes that cross without a copy, convertible from and to [`bytes::Bytes`].

use std::fmt;
use std::ops::Deref;

use abi_stable::StableAbi;
use abi_stable::prefix_type::WithMetadata;
use bytes::Bytes;

/// A shared, immutable run of bytes, freed by the library that made it.
#[repr(C)]
#[derive(StableAbi)]
pub struct AbiBytes {
    start: *const u8,
    len: usize,
    owner: *mut (),
    vtable: BytesVTableRef,
}

#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = BytesVTableRef)))]
#[sabi(missing_field(option))]
struct BytesVTable {
    clone: unsafe extern "C" fn(*mut ()) -> *mut (),
    #[sabi(last_prefix_field)]
    drop: unsafe extern "C" fn(*mut ()),
}

// SAFETY: the owner is a boxed `Bytes` (or nothing): shared, immutable and atomically counted.
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

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        // SAFETY: `start` and `len` describe memory that `owner` keeps alive.
        unsafe { std::slice::from_raw_parts(self.start, self.len) }
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
        // SAFETY: the table belongs to the owner, which is alive.
        let owner = unsafe { (self.vtable.clone())(self.owner) };
        Self { owner, ..*self }
    }
}

impl Drop for AbiBytes {
    fn drop(&mut self) {
        // SAFETY: the table belongs to the owner; this handle's share is given back once.
        unsafe { (self.vtable.drop())(self.owner) }
    }
}

impl From<Bytes> for AbiBytes {
    fn from(bytes: Bytes) -> Self {
        if bytes.is_empty() {
            return Self::new();
        }
        let (start, len) = (bytes.as_ptr(), bytes.len());
        Self { start, len, owner: Box::into_raw(Box::new(bytes)).cast(), vtable: SHARED }
    }
}

impl From<Vec<u8>> for AbiBytes {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl From<AbiBytes> for Bytes {
    fn from(bytes: AbiBytes) -> Self {
        if bytes.is_empty() {
            return Bytes::new();
        }
        if std::ptr::fn_addr_eq(bytes.vtable.drop(), drop_shared as unsafe extern "C" fn(*mut ())) {
            let bytes = std::mem::ManuallyDrop::new(bytes);
            // SAFETY: our own table, so the owner is the box made in `From<Bytes>`; it moves out
            // once, because `ManuallyDrop` keeps `Drop` from running.
            return *unsafe { Box::from_raw(bytes.owner.cast::<Bytes>()) };
        }
        Bytes::from_owner(bytes)
    }
}

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

unsafe extern "C" fn clone_shared(owner: *mut ()) -> *mut () {
    // SAFETY: in this table the owner is a live boxed `Bytes` of this library.
    let bytes = unsafe { &*owner.cast::<Bytes>() };
    Box::into_raw(Box::new(bytes.clone())).cast()
}

unsafe extern "C" fn drop_shared(owner: *mut ()) {
    // SAFETY: in this table the owner is a boxed `Bytes` of this library, dropped once. An owner
    // given to `Bytes::from_owner` may run foreign code when dropped, hence the guard.
    let bytes = unsafe { Box::from_raw(owner.cast::<Bytes>()) };
    crate::guard::contain(|| drop(bytes));
}

unsafe extern "C" fn clone_static(owner: *mut ()) -> *mut () {
    owner
}

unsafe extern "C" fn drop_static(_: *mut ()) {}
