//! A storage backend as an object that crosses.

use abi_stable::StableAbi;
use abi_stable::prefix_type::WithMetadata;
use abi_stable::sabi_types::RRef;
use abi_stable::staticref;
use abi_stable::std_types::{ROption, RStr, RString, RVec};

use crate::object::{clone_arc, drop_arc, guard_future, object, value};
use crate::{AbiBytes, AbiFuture, AbiHealth, Call};

/// A value and its version.
#[repr(C)]
#[derive(StableAbi, Clone, Debug)]
pub struct AbiRecord {
    /// The value.
    pub value: AbiBytes,
    /// Its version.
    pub version: u64,
    /// Zeros; see [growing](crate#growing).
    pub reserved: [u64; 1],
}

/// A key with its record.
#[repr(C)]
#[derive(StableAbi, Clone, Debug)]
pub struct AbiEntry {
    /// The key.
    pub key: RString,
    /// Its record.
    pub record: AbiRecord,
}

/// One page of a scan.
#[repr(C)]
#[derive(StableAbi, Clone, Debug)]
pub struct AbiPage {
    /// The entries, by key.
    pub entries: RVec<AbiEntry>,
    /// The key to go on after, if there is more.
    pub next: ROption<RString>,
    /// Zeros; see [growing](crate#growing).
    pub reserved: [u64; 1],
}

/// What to scan.
#[repr(C)]
#[derive(StableAbi, Clone, Debug)]
pub struct AbiScan {
    /// What keys start with.
    pub prefix: RString,
    /// Only keys greater than this one.
    pub after: ROption<RString>,
    /// At most this many entries.
    pub limit: u64,
    /// Zeros; see [growing](crate#growing).
    pub reserved: [u64; 2],
}

/// What must hold for a change to happen; see [`precondition_kind`].
#[repr(C)]
#[derive(StableAbi, Clone, Copy, Debug)]
pub struct AbiPrecondition {
    /// One of [`precondition_kind`].
    pub kind: u32,
    /// The version, where the kind needs one.
    pub version: u64,
}

/// Kinds of [`AbiPrecondition`].
pub mod precondition_kind {
    /// Nothing must hold.
    pub const ANY: u32 = 0;
    /// The key must be absent.
    pub const ABSENT: u32 = 1;
    /// The key must be at this version.
    pub const AT: u32 = 2;
}

/// One step of a batch; see [`operation_kind`].
#[repr(C)]
#[derive(StableAbi, Clone, Debug)]
pub struct AbiOperation {
    /// One of [`operation_kind`].
    pub kind: u32,
    /// The key.
    pub key: RString,
    /// The value, where the kind needs one.
    pub value: AbiBytes,
    /// What must hold.
    pub when: AbiPrecondition,
    /// Zeros; see [growing](crate#growing).
    pub reserved: [u64; 1],
}

/// Kinds of [`AbiOperation`].
pub mod operation_kind {
    /// Writes the value.
    pub const PUT: u32 = 0;
    /// Deletes the key.
    pub const DELETE: u32 = 1;
    /// Changes nothing; only the precondition counts.
    pub const CHECK: u32 = 2;
}

/// Capabilities of a backend, by number. A limit is in bytes or steps; anything else is 1 or 0.
pub mod capability_number {
    /// What was acknowledged survives the end of the process.
    pub const DURABLE: u32 = 0;
    /// Several processes may use the same data.
    pub const SHARED: u32 = 1;
    /// Calls may block their thread.
    pub const BLOCKING: u32 = 2;
    /// The longest key.
    pub const MAX_KEY_BYTES: u32 = 3;
    /// The largest value.
    pub const MAX_VALUE_BYTES: u32 = 4;
    /// The most steps in one batch.
    pub const MAX_BATCH: u32 = 5;
}

/// The Rust face of [`StorageVTable`].
pub trait StorageObject: Send + Sync + 'static {
    /// Reads one key.
    fn get<'a>(&'a self, call: &'a Call, key: &'a str) -> AbiFuture<'a, ROption<AbiRecord>>;
    /// Writes one key; its new version.
    fn put<'a>(
        &'a self,
        call: &'a Call,
        key: &'a str,
        value: AbiBytes,
        when: AbiPrecondition,
    ) -> AbiFuture<'a, u64>;
    /// Deletes one key; whether it was there.
    fn delete<'a>(
        &'a self,
        call: &'a Call,
        key: &'a str,
        when: AbiPrecondition,
    ) -> AbiFuture<'a, bool>;
    /// Reads keys in order.
    fn scan<'a>(&'a self, call: &'a Call, scan: AbiScan) -> AbiFuture<'a, AbiPage>;
    /// All of it or nothing; the new version of each operation (0 where there is none).
    fn commit<'a>(&'a self, call: &'a Call, batch: RVec<AbiOperation>) -> AbiFuture<'a, RVec<u64>>;
    /// How the backend is.
    fn health(&self) -> AbiFuture<'_, AbiHealth>;
    /// A capability by [number](capability_number); `u64::MAX` for one that this backend does not
    /// know.
    fn capability(&self, field: u32) -> u64;
}

type Fut<'a, T> = AbiFuture<'a, T>;

/// Functions of a storage backend.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = StorageVTableRef)))]
#[sabi(missing_field(option))]
pub struct StorageVTable {
    clone: unsafe extern "C" fn(*const ()) -> *const (),
    get: for<'a> unsafe extern "C" fn(
        RRef<'a, ()>,
        &'a Call,
        RStr<'a>,
    ) -> Fut<'a, ROption<AbiRecord>>,
    put: for<'a> unsafe extern "C" fn(
        RRef<'a, ()>,
        &'a Call,
        RStr<'a>,
        AbiBytes,
        AbiPrecondition,
    ) -> Fut<'a, u64>,
    delete: for<'a> unsafe extern "C" fn(
        RRef<'a, ()>,
        &'a Call,
        RStr<'a>,
        AbiPrecondition,
    ) -> Fut<'a, bool>,
    scan: for<'a> unsafe extern "C" fn(RRef<'a, ()>, &'a Call, AbiScan) -> Fut<'a, AbiPage>,
    commit: for<'a> unsafe extern "C" fn(
        RRef<'a, ()>,
        &'a Call,
        RVec<AbiOperation>,
    ) -> Fut<'a, RVec<u64>>,
    health: for<'a> unsafe extern "C" fn(RRef<'a, ()>) -> Fut<'a, AbiHealth>,
    capability: unsafe extern "C" fn(RRef<'_, ()>, u32) -> u64,
    #[sabi(last_prefix_field)]
    drop: unsafe extern "C" fn(*const ()),
}

object! {
    /// A storage backend, wherever it was made.
    AbiStorage, StorageVTable as StorageVTableRef, StorageObject
}

impl Clone for AbiStorage {
    fn clone(&self) -> Self {
        // SAFETY: the table belongs to the object, which is alive.
        Self { data: unsafe { (self.vtable.clone())(self.data) }, vtable: self.vtable }
    }
}

// SAFETY, for every call here: the table belongs to the object, which lives as long as `self`.
#[allow(clippy::undocumented_unsafe_blocks, reason = "one reason for all, above")]
impl AbiStorage {
    /// See [`StorageObject::get`].
    pub fn get<'a>(&'a self, call: &'a Call, key: &'a str) -> Fut<'a, ROption<AbiRecord>> {
        unsafe { (self.vtable.get())(self.object(), call, key.into()) }
    }

    /// See [`StorageObject::put`].
    pub fn put<'a>(
        &'a self,
        call: &'a Call,
        key: &'a str,
        value: AbiBytes,
        when: AbiPrecondition,
    ) -> Fut<'a, u64> {
        unsafe { (self.vtable.put())(self.object(), call, key.into(), value, when) }
    }

    /// See [`StorageObject::delete`].
    pub fn delete<'a>(
        &'a self,
        call: &'a Call,
        key: &'a str,
        when: AbiPrecondition,
    ) -> Fut<'a, bool> {
        unsafe { (self.vtable.delete())(self.object(), call, key.into(), when) }
    }

    /// See [`StorageObject::scan`].
    pub fn scan<'a>(&'a self, call: &'a Call, scan: AbiScan) -> Fut<'a, AbiPage> {
        unsafe { (self.vtable.scan())(self.object(), call, scan) }
    }

    /// See [`StorageObject::commit`].
    pub fn commit<'a>(&'a self, call: &'a Call, batch: RVec<AbiOperation>) -> Fut<'a, RVec<u64>> {
        unsafe { (self.vtable.commit())(self.object(), call, batch) }
    }

    /// See [`StorageObject::health`].
    pub fn health(&self) -> Fut<'_, AbiHealth> {
        unsafe { (self.vtable.health())(self.object()) }
    }

    /// See [`StorageObject::capability`].
    pub fn capability(&self, field: u32) -> u64 {
        unsafe { (self.vtable.capability())(self.object(), field) }
    }
}

// SAFETY, for every function here: reached only through an object of `T` made by this library.
#[allow(clippy::undocumented_unsafe_blocks, reason = "one reason for all, above")]
impl<T: StorageObject> Table<T> {
    staticref! {
        const VTABLE: WithMetadata<StorageVTable> = WithMetadata::new(StorageVTable {
            clone: clone_arc::<T>,
            get: Self::get,
            put: Self::put,
            delete: Self::delete,
            scan: Self::scan,
            commit: Self::commit,
            health: Self::health,
            capability: Self::capability,
            drop: drop_arc::<T>,
        });
    }

    unsafe extern "C" fn get<'a>(
        object: RRef<'a, ()>,
        call: &'a Call,
        key: RStr<'a>,
    ) -> Fut<'a, ROption<AbiRecord>> {
        let this = unsafe { value::<T>(object) };
        guard_future(|| this.get(call, key.as_str()))
    }

    unsafe extern "C" fn put<'a>(
        object: RRef<'a, ()>,
        call: &'a Call,
        key: RStr<'a>,
        bytes: AbiBytes,
        when: AbiPrecondition,
    ) -> Fut<'a, u64> {
        let this = unsafe { value::<T>(object) };
        guard_future(|| this.put(call, key.as_str(), bytes, when))
    }

    unsafe extern "C" fn delete<'a>(
        object: RRef<'a, ()>,
        call: &'a Call,
        key: RStr<'a>,
        when: AbiPrecondition,
    ) -> Fut<'a, bool> {
        let this = unsafe { value::<T>(object) };
        guard_future(|| this.delete(call, key.as_str(), when))
    }

    unsafe extern "C" fn scan<'a>(
        object: RRef<'a, ()>,
        call: &'a Call,
        scan: AbiScan,
    ) -> Fut<'a, AbiPage> {
        let this = unsafe { value::<T>(object) };
        guard_future(|| this.scan(call, scan))
    }

    unsafe extern "C" fn commit<'a>(
        object: RRef<'a, ()>,
        call: &'a Call,
        batch: RVec<AbiOperation>,
    ) -> Fut<'a, RVec<u64>> {
        let this = unsafe { value::<T>(object) };
        guard_future(|| this.commit(call, batch))
    }

    unsafe extern "C" fn health(object: RRef<'_, ()>) -> Fut<'_, AbiHealth> {
        let this = unsafe { value::<T>(object) };
        guard_future(|| this.health())
    }

    unsafe extern "C" fn capability(object: RRef<'_, ()>, field: u32) -> u64 {
        let this = unsafe { value::<T>(object) };
        crate::guard::guard(|| this.capability(field)).unwrap_or(u64::MAX)
    }
}
