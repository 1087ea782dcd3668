//! Application-defined extension points and services: one object, whose table the macro
//! `hotshoe::extension_point!` writes.
//!
//! abi_stable cannot check such a table (its derives would have to run in the application's
//! crate), so the table starts with a description of itself: name, version and the signature of
//! every method, compared when the object is looked up.

use abi_stable::StableAbi;
use abi_stable::std_types::{RStr, RString, RVec};

/// What every extension table starts with. Methods follow it, in the order of [`ExtensionInfo::methods`].
#[repr(C)]
#[derive(StableAbi, Clone, Copy)]
pub struct ExtensionTable {
    /// The description of the table.
    pub info: ExtensionInfoRef,
}

/// The description of an extension point, as compiled into one library.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = ExtensionInfoRef)))]
#[sabi(missing_field(option))]
pub struct ExtensionInfo {
    /// The name of the extension point.
    pub name: RStr<'static>,
    /// Its version, semver.
    pub version: RStr<'static>,
    /// The signature of each method: `name(arguments)->result` in terms of what crosses.
    pub methods: extern "C" fn() -> RVec<RString>,
    /// Takes one more share of the value.
    pub retain: unsafe extern "C" fn(*const ()) -> *const (),
    /// Gives one share of the value back.
    #[sabi(last_prefix_field)]
    pub release: unsafe extern "C" fn(*const ()),
}

/// A value behind an extension table, its type not yet checked.
#[repr(C)]
#[derive(StableAbi)]
pub struct RawExtension {
    data: *const (),
    table: *const ExtensionTable,
}

// SAFETY: the macro requires `Send` and `Sync` of what is behind the pointer.
unsafe impl Send for RawExtension {}
// SAFETY: as above.
unsafe impl Sync for RawExtension {}

impl RawExtension {
    /// Takes over one share of a value.
    ///
    /// # Safety
    /// `table` is static and belongs to the value at `data`; it has as many methods as its
    /// description lists, each with the described signature; the value is `Send` and `Sync`.
    pub unsafe fn new(data: *const (), table: *const ExtensionTable) -> Self {
        Self { data, table }
    }

    /// The description in the table.
    pub fn info(&self) -> ExtensionInfoRef {
        // SAFETY: the table is static, by the contract of `new`.
        unsafe { (*self.table).info }
    }

    /// The value, for the functions of the table.
    pub fn data(&self) -> *const () {
        self.data
    }

    /// The table, to be read as the type that its description was compared with.
    pub fn table(&self) -> *const ExtensionTable {
        self.table
    }
}

impl Clone for RawExtension {
    fn clone(&self) -> Self {
        // SAFETY: the table belongs to the value, which is alive.
        Self { data: unsafe { (self.info().retain())(self.data) }, table: self.table }
    }
}

impl Drop for RawExtension {
    fn drop(&mut self) {
        // SAFETY: the table belongs to the value; this share is given back once.
        unsafe { (self.info().release())(self.data) }
    }
}

impl std::fmt::Debug for RawExtension {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RawExtension({} {})", self.info().name(), self.info().version())
    }
}

/// `clone` of a value behind an `Arc<T>`.
///
/// # Safety
/// `data` came from `Arc::<T>::into_raw` in this library and is alive.
pub unsafe extern "C" fn retain_shared<T>(data: *const ()) -> *const () {
    // SAFETY: by contract.
    unsafe { crate::object::clone_arc::<T>(data) }
}

/// `drop` of a value behind an `Arc<T>`.
///
/// # Safety
/// `data` came from `Arc::<T>::into_raw` in this library; this share is given back once.
pub unsafe extern "C" fn release_shared<T>(data: *const ()) {
    // SAFETY: by contract.
    unsafe { crate::object::drop_arc::<T>(data) }
}
