//! Events, and their handlers as objects that cross.

use std::fmt;
use std::sync::Arc;

use abi_stable::StableAbi;
use abi_stable::prefix_type::WithMetadata;
use abi_stable::sabi_types::RRef;
use abi_stable::staticref;
use abi_stable::std_types::{RSlice, RStr};
use bytes::Bytes;

use crate::object::{clone_arc, drop_arc, guard_future, object, value};
use crate::{AbiFuture, Call};

/// Something that happened, as published to a topic. Cloning is one atomic increment.
#[repr(C)]
#[derive(StableAbi)]
pub struct Event {
    data: *const (),
    vtable: EventVTableRef,
}

#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = EventVTableRef)))]
#[sabi(missing_field(option))]
struct EventVTable {
    clone: unsafe extern "C" fn(*const ()) -> *const (),
    text: unsafe extern "C" fn(RRef<'_, ()>, u32) -> RStr<'_>,
    payload: unsafe extern "C" fn(RRef<'_, ()>) -> RSlice<'_, u8>,
    call: unsafe extern "C" fn(RRef<'_, ()>) -> &Call,
    sequence: unsafe extern "C" fn(RRef<'_, ()>) -> u64,
    #[sabi(last_prefix_field)]
    drop: unsafe extern "C" fn(*const ()),
}

mod text {
    pub const TOPIC: u32 = 0;
    pub const SOURCE: u32 = 1;
}

/// What an [`Event`] is made of.
#[derive(Debug)]
pub struct EventParts {
    /// The topic, dotted: `keys.changed`.
    pub topic: String,
    /// The instance that published it; empty for the application.
    pub source: String,
    /// Counts up by one with each event of a host.
    pub sequence: u64,
    /// What the publisher says, usually JSON.
    pub payload: Bytes,
    /// In whose name.
    pub call: Call,
}

// SAFETY: behind the pointer is an `Arc` of plain data, never changed.
unsafe impl Send for Event {}
// SAFETY: as above.
unsafe impl Sync for Event {}

impl From<EventParts> for Event {
    fn from(parts: EventParts) -> Self {
        Self { data: Arc::into_raw(Arc::new(parts)).cast(), vtable: SHARED }
    }
}

impl Event {
    /// The topic, dotted: `keys.changed`.
    pub fn topic(&self) -> &str {
        self.text(text::TOPIC)
    }

    /// The instance that published it; `None` for the application.
    pub fn source(&self) -> Option<&str> {
        Some(self.text(text::SOURCE)).filter(|source| !source.is_empty())
    }

    /// What the publisher says, usually JSON.
    pub fn payload(&self) -> &[u8] {
        // SAFETY: here and below, the table belongs to the data, which lives as long as `self`.
        unsafe { (self.vtable.payload())(self.object()) }.as_slice()
    }

    /// In whose name it was published.
    pub fn call(&self) -> &Call {
        // SAFETY: see `payload`.
        unsafe { (self.vtable.call())(self.object()) }
    }

    /// Counts up by one with each event of a host.
    pub fn sequence(&self) -> u64 {
        // SAFETY: see `payload`.
        unsafe { (self.vtable.sequence())(self.object()) }
    }

    fn object(&self) -> RRef<'_, ()> {
        // SAFETY: the data lives as long as `self`.
        unsafe { RRef::from_raw(self.data) }
    }

    fn text(&self, field: u32) -> &str {
        // SAFETY: see `payload`.
        unsafe { (self.vtable.text())(self.object(), field) }.as_str()
    }
}

impl Clone for Event {
    fn clone(&self) -> Self {
        // SAFETY: see `payload`.
        Self { data: unsafe { (self.vtable.clone())(self.data) }, vtable: self.vtable }
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: the table belongs to the data; this handle's share is given back once.
        unsafe { (self.vtable.drop())(self.data) }
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("topic", &self.topic())
            .field("source", &self.source())
            .field("sequence", &self.sequence())
            .field("payload_len", &self.payload().len())
            .finish()
    }
}

const SHARED: EventVTableRef = {
    const FIELDS: &WithMetadata<EventVTable> = &WithMetadata::new(EventVTable {
        clone: clone_arc::<EventParts>,
        text: text_of,
        payload,
        call,
        sequence,
        drop: drop_arc::<EventParts>,
    });
    EventVTableRef(FIELDS.static_as_prefix())
};

unsafe extern "C" fn text_of(object: RRef<'_, ()>, field: u32) -> RStr<'_> {
    // SAFETY: in this table the value is an `EventParts` of this library.
    let parts = unsafe { value::<EventParts>(object) };
    match field {
        text::TOPIC => RStr::from_str(&parts.topic),
        text::SOURCE => RStr::from_str(&parts.source),
        _ => RStr::empty(),
    }
}

unsafe extern "C" fn payload(object: RRef<'_, ()>) -> RSlice<'_, u8> {
    // SAFETY: as in `text_of`.
    RSlice::from_slice(&unsafe { value::<EventParts>(object) }.payload)
}

unsafe extern "C" fn call(object: RRef<'_, ()>) -> &Call {
    // SAFETY: as in `text_of`.
    &unsafe { value::<EventParts>(object) }.call
}

unsafe extern "C" fn sequence(object: RRef<'_, ()>) -> u64 {
    // SAFETY: as in `text_of`.
    unsafe { value::<EventParts>(object) }.sequence
}

/// The Rust face of [`EventHandlerVTable`].
pub trait EventHandlerObject: Send + Sync + 'static {
    /// Takes note of one event.
    fn handle(&self, event: Event) -> AbiFuture<'_, ()>;
}

/// Functions of an event handler.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = EventHandlerVTableRef)))]
#[sabi(missing_field(option))]
pub struct EventHandlerVTable {
    handle: for<'a> unsafe extern "C" fn(RRef<'a, ()>, Event) -> AbiFuture<'a, ()>,
    #[sabi(last_prefix_field)]
    drop: unsafe extern "C" fn(*const ()),
}

object! {
    /// An event handler, wherever it was made.
    AbiEventHandler, EventHandlerVTable as EventHandlerVTableRef, EventHandlerObject
}

impl AbiEventHandler {
    /// Takes note of one event.
    pub fn handle(&self, event: Event) -> AbiFuture<'_, ()> {
        // SAFETY: the table belongs to the object.
        unsafe { (self.vtable.handle())(self.object(), event) }
    }
}

impl<T: EventHandlerObject> Table<T> {
    staticref! {
        const VTABLE: WithMetadata<EventHandlerVTable> =
            WithMetadata::new(EventHandlerVTable { handle: Self::handle, drop: drop_arc::<T> });
    }

    unsafe extern "C" fn handle(object: RRef<'_, ()>, event: Event) -> AbiFuture<'_, ()> {
        // SAFETY: reached only through an object of `T` made by this library.
        let this = unsafe { value::<T>(object) };
        guard_future(|| this.handle(event))
    }
}
