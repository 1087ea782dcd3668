//! The host as a plugin sees it: the doors behind `hotshoe::Context`.

use abi_stable::StableAbi;
use abi_stable::prefix_type::WithMetadata;
use abi_stable::sabi_types::RRef;
use abi_stable::staticref;
use abi_stable::std_types::{RStr, RString, RVec};

use crate::object::{clone_arc, drop_arc, guard_call, guard_future, object, value};
use crate::{AbiBytes, AbiFuture, AbiPort, AbiResult, AbiStorage, Call, Request, Response, Result};

/// Texts of a context, by number.
pub mod context_text {
    /// The id of the instance.
    pub const INSTANCE: u32 = 0;
    /// The id of the plugin.
    pub const PLUGIN: u32 = 1;
    /// The folder that the instance may write to.
    pub const DATA_DIR: u32 = 2;
}

/// Kinds of metrics a plugin can report.
pub mod metric_kind {
    /// Adds to a counter.
    pub const COUNTER: u32 = 0;
    /// Sets a gauge.
    pub const GAUGE: u32 = 1;
    /// Adds a sample to a histogram.
    pub const HISTOGRAM: u32 = 2;
}

/// The Rust face of [`ContextVTable`]. Every door checks the grant and the limit behind it.
pub trait ContextObject: Send + Sync + 'static {
    /// A text by number; empty for one that this host does not know.
    fn text(&self, field: u32) -> &str;
    /// Whether a permission is granted, now.
    fn granted(&self, permission: &str) -> bool;
    /// The settings of the application, as a JSON object.
    fn settings(&self) -> Result<RString>;
    /// The storage namespace of the instance.
    fn storage(&self) -> Result<AbiStorage>;
    /// A map in memory shared with others, by name.
    fn shared(&self, name: &str) -> Result<AbiStorage>;
    /// Publishes an event; how many subscribers it was queued for.
    fn publish(&self, call: &Call, topic: &str, payload: AbiBytes) -> Result<u64>;
    /// The generic entry of another plugin: JSON in, JSON out.
    fn execute<'a>(
        &'a self,
        call: &'a Call,
        target: &'a str,
        input: RString,
    ) -> AbiFuture<'a, RString>;
    /// A request through the host's routes.
    fn request(&self, request: Request) -> AbiFuture<'_, Response>;
    /// A service by name and version range.
    fn service(&self, name: &str, range: &str) -> Result<AbiPort>;
    /// All services of a name in a version range.
    fn services(&self, name: &str, range: &str) -> Result<Vec<AbiPort>>;
    /// Reports a figure; see [`metric_kind`].
    fn metric(&self, kind: u32, name: &str, value: f64) -> Result<()>;
    /// Whether the instance is being stopped.
    fn is_stopping(&self) -> bool;
    /// Done when the instance is being stopped.
    fn stopping(&self) -> AbiFuture<'_, ()>;
}

/// Functions of the host, for one plugin instance.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = ContextVTableRef)))]
#[sabi(missing_field(option))]
pub struct ContextVTable {
    clone: unsafe extern "C" fn(*const ()) -> *const (),
    text: unsafe extern "C" fn(RRef<'_, ()>, u32) -> RStr<'_>,
    granted: unsafe extern "C" fn(RRef<'_, ()>, RStr<'_>) -> bool,
    settings: unsafe extern "C" fn(RRef<'_, ()>) -> AbiResult<RString>,
    storage: unsafe extern "C" fn(RRef<'_, ()>) -> AbiResult<AbiStorage>,
    shared: unsafe extern "C" fn(RRef<'_, ()>, RStr<'_>) -> AbiResult<AbiStorage>,
    publish: unsafe extern "C" fn(RRef<'_, ()>, &Call, RStr<'_>, AbiBytes) -> AbiResult<u64>,
    execute: for<'a> unsafe extern "C" fn(
        RRef<'a, ()>,
        &'a Call,
        RStr<'a>,
        RString,
    ) -> AbiFuture<'a, RString>,
    request: for<'a> unsafe extern "C" fn(RRef<'a, ()>, Request) -> AbiFuture<'a, Response>,
    service: unsafe extern "C" fn(RRef<'_, ()>, RStr<'_>, RStr<'_>) -> AbiResult<AbiPort>,
    services: unsafe extern "C" fn(RRef<'_, ()>, RStr<'_>, RStr<'_>) -> AbiResult<RVec<AbiPort>>,
    metric: unsafe extern "C" fn(RRef<'_, ()>, u32, RStr<'_>, f64) -> AbiResult<()>,
    is_stopping: unsafe extern "C" fn(RRef<'_, ()>) -> bool,
    stopping: for<'a> unsafe extern "C" fn(RRef<'a, ()>) -> AbiFuture<'a, ()>,
    #[sabi(last_prefix_field)]
    drop: unsafe extern "C" fn(*const ()),
}

object! {
    /// The host, as one plugin instance sees it.
    AbiContext, ContextVTable as ContextVTableRef, ContextObject
}

impl Clone for AbiContext {
    fn clone(&self) -> Self {
        // SAFETY: the table belongs to the object, which is alive.
        Self { data: unsafe { (self.vtable.clone())(self.data) }, vtable: self.vtable }
    }
}

// SAFETY, for every call here: the table belongs to the object, which lives as long as `self`.
#[allow(clippy::undocumented_unsafe_blocks, reason = "one reason for all, above")]
impl AbiContext {
    /// See [`ContextObject::text`].
    pub fn text(&self, field: u32) -> &str {
        unsafe { (self.vtable.text())(self.object(), field) }.as_str()
    }

    /// See [`ContextObject::granted`].
    pub fn granted(&self, permission: &str) -> bool {
        unsafe { (self.vtable.granted())(self.object(), permission.into()) }
    }

    /// See [`ContextObject::settings`].
    pub fn settings(&self) -> Result<RString> {
        unsafe { (self.vtable.settings())(self.object()) }.into_result()
    }

    /// See [`ContextObject::storage`].
    pub fn storage(&self) -> Result<AbiStorage> {
        unsafe { (self.vtable.storage())(self.object()) }.into_result()
    }

    /// See [`ContextObject::shared`].
    pub fn shared(&self, name: &str) -> Result<AbiStorage> {
        unsafe { (self.vtable.shared())(self.object(), name.into()) }.into_result()
    }

    /// See [`ContextObject::publish`].
    pub fn publish(&self, call: &Call, topic: &str, payload: AbiBytes) -> Result<u64> {
        unsafe { (self.vtable.publish())(self.object(), call, topic.into(), payload) }.into_result()
    }

    /// See [`ContextObject::execute`].
    pub fn execute<'a>(
        &'a self,
        call: &'a Call,
        target: &'a str,
        input: String,
    ) -> AbiFuture<'a, RString> {
        unsafe { (self.vtable.execute())(self.object(), call, target.into(), input.into()) }
    }

    /// See [`ContextObject::request`].
    pub fn request(&self, request: Request) -> AbiFuture<'_, Response> {
        unsafe { (self.vtable.request())(self.object(), request) }
    }

    /// See [`ContextObject::service`].
    pub fn service(&self, name: &str, range: &str) -> Result<AbiPort> {
        unsafe { (self.vtable.service())(self.object(), name.into(), range.into()) }.into_result()
    }

    /// See [`ContextObject::services`].
    pub fn services(&self, name: &str, range: &str) -> Result<Vec<AbiPort>> {
        unsafe { (self.vtable.services())(self.object(), name.into(), range.into()) }
            .into_result()
            .map(RVec::into_vec)
    }

    /// See [`ContextObject::metric`].
    pub fn metric(&self, kind: u32, name: &str, value: f64) -> Result<()> {
        unsafe { (self.vtable.metric())(self.object(), kind, name.into(), value) }.into_result()
    }

    /// See [`ContextObject::is_stopping`].
    pub fn is_stopping(&self) -> bool {
        unsafe { (self.vtable.is_stopping())(self.object()) }
    }

    /// See [`ContextObject::stopping`].
    pub fn stopping(&self) -> AbiFuture<'_, ()> {
        unsafe { (self.vtable.stopping())(self.object()) }
    }
}

// SAFETY, for every function here: reached only through an object of `T` made by this library.
#[allow(clippy::undocumented_unsafe_blocks, reason = "one reason for all, above")]
impl<T: ContextObject> Table<T> {
    staticref! {
        const VTABLE: WithMetadata<ContextVTable> = WithMetadata::new(ContextVTable {
            clone: clone_arc::<T>,
            text: Self::text,
            granted: Self::granted,
            settings: Self::settings,
            storage: Self::storage,
            shared: Self::shared,
            publish: Self::publish,
            execute: Self::execute,
            request: Self::request,
            service: Self::service,
            services: Self::services,
            metric: Self::metric,
            is_stopping: Self::is_stopping,
            stopping: Self::stopping,
            drop: drop_arc::<T>,
        });
    }

    unsafe extern "C" fn text(object: RRef<'_, ()>, field: u32) -> RStr<'_> {
        let this = unsafe { value::<T>(object) };
        crate::guard::guard(|| this.text(field)).unwrap_or_default().into()
    }

    unsafe extern "C" fn granted(object: RRef<'_, ()>, permission: RStr<'_>) -> bool {
        let this = unsafe { value::<T>(object) };
        crate::guard::guard(|| this.granted(permission.as_str())).unwrap_or(false)
    }

    unsafe extern "C" fn settings(object: RRef<'_, ()>) -> AbiResult<RString> {
        let this = unsafe { value::<T>(object) };
        guard_call(|| this.settings())
    }

    unsafe extern "C" fn storage(object: RRef<'_, ()>) -> AbiResult<AbiStorage> {
        let this = unsafe { value::<T>(object) };
        guard_call(|| this.storage())
    }

    unsafe extern "C" fn shared(object: RRef<'_, ()>, name: RStr<'_>) -> AbiResult<AbiStorage> {
        let this = unsafe { value::<T>(object) };
        guard_call(|| this.shared(name.as_str()))
    }

    unsafe extern "C" fn publish(
        object: RRef<'_, ()>,
        call: &Call,
        topic: RStr<'_>,
        payload: AbiBytes,
    ) -> AbiResult<u64> {
        let this = unsafe { value::<T>(object) };
        guard_call(|| this.publish(call, topic.as_str(), payload))
    }

    unsafe extern "C" fn execute<'a>(
        object: RRef<'a, ()>,
        call: &'a Call,
        target: RStr<'a>,
        input: RString,
    ) -> AbiFuture<'a, RString> {
        let this = unsafe { value::<T>(object) };
        guard_future(|| this.execute(call, target.as_str(), input))
    }

    unsafe extern "C" fn request(
        object: RRef<'_, ()>,
        request: Request,
    ) -> AbiFuture<'_, Response> {
        let this = unsafe { value::<T>(object) };
        guard_future(|| this.request(request))
    }

    unsafe extern "C" fn service(
        object: RRef<'_, ()>,
        name: RStr<'_>,
        range: RStr<'_>,
    ) -> AbiResult<AbiPort> {
        let this = unsafe { value::<T>(object) };
        guard_call(|| this.service(name.as_str(), range.as_str()))
    }

    unsafe extern "C" fn services(
        object: RRef<'_, ()>,
        name: RStr<'_>,
        range: RStr<'_>,
    ) -> AbiResult<RVec<AbiPort>> {
        let this = unsafe { value::<T>(object) };
        guard_call(|| this.services(name.as_str(), range.as_str()).map(RVec::from))
    }

    unsafe extern "C" fn metric(
        object: RRef<'_, ()>,
        kind: u32,
        name: RStr<'_>,
        figure: f64,
    ) -> AbiResult<()> {
        let this = unsafe { value::<T>(object) };
        guard_call(|| this.metric(kind, name.as_str(), figure))
    }

    unsafe extern "C" fn is_stopping(object: RRef<'_, ()>) -> bool {
        let this = unsafe { value::<T>(object) };
        crate::guard::guard(|| this.is_stopping()).unwrap_or(true)
    }

    unsafe extern "C" fn stopping(object: RRef<'_, ()>) -> AbiFuture<'_, ()> {
        let this = unsafe { value::<T>(object) };
        guard_future(|| this.stopping())
    }
}
