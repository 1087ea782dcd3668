//! Where a plugin hands in what it contributes: lent by the host for one call.

use abi_stable::StableAbi;
use abi_stable::prefix_type::WithMetadata;
use abi_stable::sabi_types::RRef;
use abi_stable::staticref;
use abi_stable::std_types::{RStr, RString, RVec};

use crate::object::{drop_arc, guard_call, object, value};
use crate::{
    AbiEventHandler, AbiHandler, AbiMiddleware, AbiResult, AbiStorage, AbiTask, RawExtension,
    Result,
};

/// The Rust face of [`ContributeVTable`].
pub trait ContributeObject: Send + Sync + 'static {
    /// A middleware with its priority and the path patterns it applies to.
    fn middleware(&self, object: AbiMiddleware, priority: i32, paths: Vec<String>) -> Result<()>;
    /// A handler of one route.
    fn handler(&self, object: AbiHandler, method: &str, path: &str) -> Result<()>;
    /// A handler of the events of a topic pattern.
    fn event_handler(&self, object: AbiEventHandler, topic: &str) -> Result<()>;
    /// A job to run every so many nanoseconds.
    fn task(&self, object: AbiTask, name: &str, interval: u64) -> Result<()>;
    /// A storage backend by type name.
    fn storage(&self, object: AbiStorage, kind: &str) -> Result<()>;
    /// A service.
    fn service(&self, object: RawExtension, name: &str) -> Result<()>;
}

/// Functions that take contributions.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = ContributeVTableRef)))]
#[sabi(missing_field(option))]
pub struct ContributeVTable {
    middleware:
        unsafe extern "C" fn(RRef<'_, ()>, AbiMiddleware, i32, RVec<RString>) -> AbiResult<()>,
    handler: unsafe extern "C" fn(RRef<'_, ()>, AbiHandler, RStr<'_>, RStr<'_>) -> AbiResult<()>,
    event_handler: unsafe extern "C" fn(RRef<'_, ()>, AbiEventHandler, RStr<'_>) -> AbiResult<()>,
    task: unsafe extern "C" fn(RRef<'_, ()>, AbiTask, RStr<'_>, u64) -> AbiResult<()>,
    storage: unsafe extern "C" fn(RRef<'_, ()>, AbiStorage, RStr<'_>) -> AbiResult<()>,
    service: unsafe extern "C" fn(RRef<'_, ()>, RawExtension, RStr<'_>) -> AbiResult<()>,
    #[sabi(last_prefix_field)]
    drop: unsafe extern "C" fn(*const ()),
}

object! {
    /// Where a plugin hands in what it contributes.
    AbiContributions, ContributeVTable as ContributeVTableRef, ContributeObject
}

// SAFETY, for every call here: the table belongs to the object, which lives as long as `self`.
#[allow(clippy::undocumented_unsafe_blocks, reason = "one reason for all, above")]
impl AbiContributions {
    /// See [`ContributeObject::middleware`].
    pub fn middleware(
        &self,
        object: AbiMiddleware,
        priority: i32,
        paths: Vec<String>,
    ) -> Result<()> {
        let paths = paths.into_iter().map(RString::from).collect();
        unsafe { (self.vtable.middleware())(self.object(), object, priority, paths) }.into_result()
    }

    /// See [`ContributeObject::handler`].
    pub fn handler(&self, object: AbiHandler, method: &str, path: &str) -> Result<()> {
        unsafe { (self.vtable.handler())(self.object(), object, method.into(), path.into()) }
            .into_result()
    }

    /// See [`ContributeObject::event_handler`].
    pub fn event_handler(&self, object: AbiEventHandler, topic: &str) -> Result<()> {
        unsafe { (self.vtable.event_handler())(self.object(), object, topic.into()) }.into_result()
    }

    /// See [`ContributeObject::task`].
    pub fn task(&self, object: AbiTask, name: &str, interval: u64) -> Result<()> {
        unsafe { (self.vtable.task())(self.object(), object, name.into(), interval) }.into_result()
    }

    /// See [`ContributeObject::storage`].
    pub fn storage(&self, object: AbiStorage, kind: &str) -> Result<()> {
        unsafe { (self.vtable.storage())(self.object(), object, kind.into()) }.into_result()
    }

    /// See [`ContributeObject::service`].
    pub fn service(&self, object: RawExtension, name: &str) -> Result<()> {
        unsafe { (self.vtable.service())(self.object(), object, name.into()) }.into_result()
    }
}

// SAFETY, for every function here: reached only through an object of `T` made by this library.
#[allow(clippy::undocumented_unsafe_blocks, reason = "one reason for all, above")]
impl<T: ContributeObject> Table<T> {
    staticref! {
        const VTABLE: WithMetadata<ContributeVTable> = WithMetadata::new(ContributeVTable {
            middleware: Self::middleware,
            handler: Self::handler,
            event_handler: Self::event_handler,
            task: Self::task,
            storage: Self::storage,
            service: Self::service,
            drop: drop_arc::<T>,
        });
    }

    unsafe extern "C" fn middleware(
        object: RRef<'_, ()>,
        middleware: AbiMiddleware,
        priority: i32,
        paths: RVec<RString>,
    ) -> AbiResult<()> {
        let this = unsafe { value::<T>(object) };
        let paths = paths.into_iter().map(String::from).collect();
        guard_call(|| this.middleware(middleware, priority, paths))
    }

    unsafe extern "C" fn handler(
        object: RRef<'_, ()>,
        handler: AbiHandler,
        method: RStr<'_>,
        path: RStr<'_>,
    ) -> AbiResult<()> {
        let this = unsafe { value::<T>(object) };
        guard_call(|| this.handler(handler, method.as_str(), path.as_str()))
    }

    unsafe extern "C" fn event_handler(
        object: RRef<'_, ()>,
        handler: AbiEventHandler,
        topic: RStr<'_>,
    ) -> AbiResult<()> {
        let this = unsafe { value::<T>(object) };
        guard_call(|| this.event_handler(handler, topic.as_str()))
    }

    unsafe extern "C" fn task(
        object: RRef<'_, ()>,
        task: AbiTask,
        name: RStr<'_>,
        interval: u64,
    ) -> AbiResult<()> {
        let this = unsafe { value::<T>(object) };
        guard_call(|| this.task(task, name.as_str(), interval))
    }

    unsafe extern "C" fn storage(
        object: RRef<'_, ()>,
        storage: AbiStorage,
        kind: RStr<'_>,
    ) -> AbiResult<()> {
        let this = unsafe { value::<T>(object) };
        guard_call(|| this.storage(storage, kind.as_str()))
    }

    unsafe extern "C" fn service(
        object: RRef<'_, ()>,
        service: RawExtension,
        name: RStr<'_>,
    ) -> AbiResult<()> {
        let this = unsafe { value::<T>(object) };
        guard_call(|| this.service(service, name.as_str()))
    }
}
