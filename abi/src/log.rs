//! Log records and spans of a loaded plugin on their way to the host's subscriber.
//!
//! `tracing` keeps its dispatcher in statics, of which every library has its own. So a loaded
//! plugin gets a bridging subscriber that calls the functions here.

use abi_stable::StableAbi;
use abi_stable::prefix_type::WithMetadata;
use abi_stable::sabi_types::RRef;
use abi_stable::staticref;
use abi_stable::std_types::{RSlice, RStr};

use crate::guard::{contain, guard};
use crate::object::{drop_arc, object, value};

/// Where a record or span comes from. Levels: 1 error, 2 warn, 3 info, 4 debug, 5 trace.
#[repr(C)]
#[derive(StableAbi, Clone, Copy, Debug)]
pub struct AbiMetadata<'a> {
    /// The name of the callsite.
    pub name: RStr<'a>,
    /// The target, usually the module path.
    pub target: RStr<'a>,
    /// The source file; may be empty.
    pub file: RStr<'a>,
    /// The module path; may be empty.
    pub module: RStr<'a>,
    /// The line; 0 if unknown.
    pub line: u32,
    /// From 1 (error) to 5 (trace).
    pub level: u32,
    /// Names of all fields.
    pub fields: RSlice<'a, RStr<'a>>,
    /// The plugin instance whose code made the record; empty if that is not known.
    pub instance: RStr<'a>,
    /// Zeros; see [growing](crate#growing).
    pub reserved: [u64; 2],
}

/// The value of a field; see [`value_kind`].
#[repr(C)]
#[derive(StableAbi, Clone, Copy, Debug)]
pub struct AbiField<'a> {
    /// Position in [`AbiMetadata::fields`].
    pub index: u32,
    /// One of [`value_kind`].
    pub kind: u32,
    /// The bits of a number.
    pub bits: u64,
    /// The text of anything else.
    pub text: RStr<'a>,
}

/// Kinds of [`AbiField`].
pub mod value_kind {
    /// Text formatted with `Debug` or `Display`.
    pub const DEBUG: u32 = 0;
    /// A string.
    pub const STR: u32 = 1;
    /// An `i64` in `bits`.
    pub const I64: u32 = 2;
    /// A `u64` in `bits`.
    pub const U64: u32 = 3;
    /// An `f64` in `bits`.
    pub const F64: u32 = 4;
    /// A `bool` in `bits`.
    pub const BOOL: u32 = 5;
}

/// The Rust face of [`LogVTable`].
pub trait LogObject: Send + Sync + 'static {
    /// One record, inside the span `parent` (0: the thread's current span; `u64::MAX`: none).
    fn event(&self, metadata: &AbiMetadata<'_>, fields: &[AbiField<'_>], parent: u64);
    /// A new span inside `parent` (as in `event`); its id, never 0. `u64::MAX` stands for a span
    /// that the host does not want: the other functions ignore it, as a parent it means none.
    fn new_span(&self, metadata: &AbiMetadata<'_>, fields: &[AbiField<'_>], parent: u64) -> u64;
    /// Values for a span's fields.
    fn record(&self, span: u64, fields: &[AbiField<'_>]);
    /// `span` follows from `cause`.
    fn follows_from(&self, span: u64, cause: u64);
    /// The thread enters the span.
    fn enter(&self, span: u64);
    /// The thread leaves the span.
    fn exit(&self, span: u64);
    /// One more handle to the span.
    fn clone_span(&self, span: u64);
    /// One handle less.
    fn close_span(&self, span: u64);
}

/// Functions of the host's subscriber, for one plugin.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = LogVTableRef)))]
#[sabi(missing_field(option))]
pub struct LogVTable {
    event: unsafe extern "C" fn(RRef<'_, ()>, &AbiMetadata<'_>, RSlice<'_, AbiField<'_>>, u64),
    new_span:
        unsafe extern "C" fn(RRef<'_, ()>, &AbiMetadata<'_>, RSlice<'_, AbiField<'_>>, u64) -> u64,
    record: unsafe extern "C" fn(RRef<'_, ()>, u64, RSlice<'_, AbiField<'_>>),
    follows_from: unsafe extern "C" fn(RRef<'_, ()>, u64, u64),
    enter: unsafe extern "C" fn(RRef<'_, ()>, u64),
    exit: unsafe extern "C" fn(RRef<'_, ()>, u64),
    clone_span: unsafe extern "C" fn(RRef<'_, ()>, u64),
    close_span: unsafe extern "C" fn(RRef<'_, ()>, u64),
    #[sabi(last_prefix_field)]
    drop: unsafe extern "C" fn(*const ()),
}

object! {
    /// The host's subscriber, as one plugin sees it.
    AbiLog, LogVTable as LogVTableRef, LogObject
}

// SAFETY, for every call here: the table belongs to the object, which lives as long as `self`.
#[allow(clippy::undocumented_unsafe_blocks, reason = "one reason for all, above")]
impl AbiLog {
    /// See [`LogObject::event`].
    pub fn event(&self, metadata: &AbiMetadata<'_>, fields: &[AbiField<'_>], parent: u64) {
        unsafe { (self.vtable.event())(self.object(), metadata, fields.into(), parent) }
    }

    /// See [`LogObject::new_span`].
    pub fn new_span(
        &self,
        metadata: &AbiMetadata<'_>,
        fields: &[AbiField<'_>],
        parent: u64,
    ) -> u64 {
        unsafe { (self.vtable.new_span())(self.object(), metadata, fields.into(), parent) }
    }

    /// See [`LogObject::record`].
    pub fn record(&self, span: u64, fields: &[AbiField<'_>]) {
        unsafe { (self.vtable.record())(self.object(), span, fields.into()) }
    }

    /// See [`LogObject::follows_from`].
    pub fn follows_from(&self, span: u64, cause: u64) {
        unsafe { (self.vtable.follows_from())(self.object(), span, cause) }
    }

    /// See [`LogObject::enter`].
    pub fn enter(&self, span: u64) {
        unsafe { (self.vtable.enter())(self.object(), span) }
    }

    /// See [`LogObject::exit`].
    pub fn exit(&self, span: u64) {
        unsafe { (self.vtable.exit())(self.object(), span) }
    }

    /// See [`LogObject::clone_span`].
    pub fn clone_span(&self, span: u64) {
        unsafe { (self.vtable.clone_span())(self.object(), span) }
    }

    /// See [`LogObject::close_span`].
    pub fn close_span(&self, span: u64) {
        unsafe { (self.vtable.close_span())(self.object(), span) }
    }
}

// SAFETY, for every function here: reached only through an object of `T` made by this library.
#[allow(clippy::undocumented_unsafe_blocks, reason = "one reason for all, above")]
impl<T: LogObject> Table<T> {
    staticref! {
        const VTABLE: WithMetadata<LogVTable> = WithMetadata::new(LogVTable {
            event: Self::event,
            new_span: Self::new_span,
            record: Self::record,
            follows_from: Self::follows_from,
            enter: Self::enter,
            exit: Self::exit,
            clone_span: Self::clone_span,
            close_span: Self::close_span,
            drop: drop_arc::<T>,
        });
    }

    unsafe extern "C" fn event(
        object: RRef<'_, ()>,
        metadata: &AbiMetadata<'_>,
        fields: RSlice<'_, AbiField<'_>>,
        parent: u64,
    ) {
        let this = unsafe { value::<T>(object) };
        contain(|| this.event(metadata, fields.as_slice(), parent));
    }

    unsafe extern "C" fn new_span(
        object: RRef<'_, ()>,
        metadata: &AbiMetadata<'_>,
        fields: RSlice<'_, AbiField<'_>>,
        parent: u64,
    ) -> u64 {
        let this = unsafe { value::<T>(object) };
        guard(|| this.new_span(metadata, fields.as_slice(), parent)).unwrap_or(u64::MAX)
    }

    unsafe extern "C" fn record(object: RRef<'_, ()>, span: u64, fields: RSlice<'_, AbiField<'_>>) {
        let this = unsafe { value::<T>(object) };
        contain(|| this.record(span, fields.as_slice()));
    }

    unsafe extern "C" fn follows_from(object: RRef<'_, ()>, span: u64, cause: u64) {
        let this = unsafe { value::<T>(object) };
        contain(|| this.follows_from(span, cause));
    }

    unsafe extern "C" fn enter(object: RRef<'_, ()>, span: u64) {
        let this = unsafe { value::<T>(object) };
        contain(|| this.enter(span));
    }

    unsafe extern "C" fn exit(object: RRef<'_, ()>, span: u64) {
        let this = unsafe { value::<T>(object) };
        contain(|| this.exit(span));
    }

    unsafe extern "C" fn clone_span(object: RRef<'_, ()>, span: u64) {
        let this = unsafe { value::<T>(object) };
        contain(|| this.clone_span(span));
    }

    unsafe extern "C" fn close_span(object: RRef<'_, ()>, span: u64) {
        let this = unsafe { value::<T>(object) };
        contain(|| this.close_span(span));
    }
}
