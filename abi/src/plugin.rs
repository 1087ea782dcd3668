//! A plugin instance as an object that crosses.

use abi_stable::StableAbi;
use abi_stable::prefix_type::WithMetadata;
use abi_stable::sabi_types::RRef;
use abi_stable::staticref;
use abi_stable::std_types::{ROption, RStr, RString};

use crate::object::{drop_arc, guard_call, guard_future, object, value};
use crate::{AbiBytes, AbiContributions, AbiFuture, AbiResult, Call, Result};

/// How a plugin or backend says it is; see [`health_status`].
#[repr(C)]
#[derive(StableAbi, Clone, Debug)]
pub struct AbiHealth {
    /// One of [`health_status`].
    pub status: u32,
    /// For people.
    pub message: RString,
    /// Zeros; see [growing](crate#growing).
    pub reserved: [u64; 2],
}

/// Values of [`AbiHealth::status`].
pub mod health_status {
    /// All is well.
    pub const HEALTHY: u32 = 0;
    /// It works, but not as it should.
    pub const DEGRADED: u32 = 1;
    /// It does not work.
    pub const UNHEALTHY: u32 = 2;
}

/// The Rust face of [`PluginVTable`].
pub trait PluginObject: Send + Sync + 'static {
    /// Says what the plugin contributes.
    fn contribute(&self, to: &AbiContributions) -> Result<()>;
    /// Begins its work.
    fn start(&self) -> AbiFuture<'_, ()>;
    /// Ends its work.
    fn stop(&self) -> AbiFuture<'_, ()>;
    /// How it is.
    fn health(&self) -> AbiFuture<'_, AbiHealth>;
    /// The generic entry: JSON in, JSON out.
    fn execute<'a>(&'a self, call: &'a Call, input: RString) -> AbiFuture<'a, RString>;
    /// Figures of its own: a JSON object of numbers.
    fn metrics(&self) -> Result<RString>;
    /// State for a successor.
    fn save_state(&self) -> AbiFuture<'_, ROption<AbiBytes>>;
    /// State of a predecessor.
    fn restore_state(&self, state: AbiBytes) -> AbiFuture<'_, ()>;
}

/// Functions of a plugin instance.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = PluginVTableRef)))]
#[sabi(missing_field(option))]
pub struct PluginVTable {
    contribute: unsafe extern "C" fn(RRef<'_, ()>, &AbiContributions) -> AbiResult<()>,
    start: for<'a> unsafe extern "C" fn(RRef<'a, ()>) -> AbiFuture<'a, ()>,
    stop: for<'a> unsafe extern "C" fn(RRef<'a, ()>) -> AbiFuture<'a, ()>,
    health: for<'a> unsafe extern "C" fn(RRef<'a, ()>) -> AbiFuture<'a, AbiHealth>,
    execute:
        for<'a> unsafe extern "C" fn(RRef<'a, ()>, &'a Call, RString) -> AbiFuture<'a, RString>,
    metrics: unsafe extern "C" fn(RRef<'_, ()>) -> AbiResult<RString>,
    save_state: for<'a> unsafe extern "C" fn(RRef<'a, ()>) -> AbiFuture<'a, ROption<AbiBytes>>,
    restore_state: for<'a> unsafe extern "C" fn(RRef<'a, ()>, AbiBytes) -> AbiFuture<'a, ()>,
    #[sabi(last_prefix_field)]
    drop: unsafe extern "C" fn(*const ()),
}

object! {
    /// A plugin instance, wherever its code came from.
    AbiPlugin, PluginVTable as PluginVTableRef, PluginObject
}

// SAFETY, for every call here: the table belongs to the object, which lives as long as `self`.
#[allow(clippy::undocumented_unsafe_blocks, reason = "one reason for all, above")]
impl AbiPlugin {
    /// See [`PluginObject::contribute`].
    pub fn contribute(&self, to: &AbiContributions) -> Result<()> {
        unsafe { (self.vtable.contribute())(self.object(), to) }.into_result()
    }

    /// See [`PluginObject::start`].
    pub fn start(&self) -> AbiFuture<'_, ()> {
        unsafe { (self.vtable.start())(self.object()) }
    }

    /// See [`PluginObject::stop`].
    pub fn stop(&self) -> AbiFuture<'_, ()> {
        unsafe { (self.vtable.stop())(self.object()) }
    }

    /// See [`PluginObject::health`].
    pub fn health(&self) -> AbiFuture<'_, AbiHealth> {
        unsafe { (self.vtable.health())(self.object()) }
    }

    /// See [`PluginObject::execute`].
    pub fn execute<'a>(&'a self, call: &'a Call, input: &str) -> AbiFuture<'a, RString> {
        unsafe { (self.vtable.execute())(self.object(), call, RStr::from(input).into()) }
    }

    /// See [`PluginObject::metrics`].
    pub fn metrics(&self) -> Result<RString> {
        unsafe { (self.vtable.metrics())(self.object()) }.into_result()
    }

    /// See [`PluginObject::save_state`].
    pub fn save_state(&self) -> AbiFuture<'_, ROption<AbiBytes>> {
        unsafe { (self.vtable.save_state())(self.object()) }
    }

    /// See [`PluginObject::restore_state`].
    pub fn restore_state(&self, state: AbiBytes) -> AbiFuture<'_, ()> {
        unsafe { (self.vtable.restore_state())(self.object(), state) }
    }
}

// SAFETY, for every function here: reached only through an object of `T` made by this library.
#[allow(clippy::undocumented_unsafe_blocks, reason = "one reason for all, above")]
impl<T: PluginObject> Table<T> {
    staticref! {
        const VTABLE: WithMetadata<PluginVTable> = WithMetadata::new(PluginVTable {
            contribute: Self::contribute,
            start: Self::start,
            stop: Self::stop,
            health: Self::health,
            execute: Self::execute,
            metrics: Self::metrics,
            save_state: Self::save_state,
            restore_state: Self::restore_state,
            drop: drop_arc::<T>,
        });
    }

    unsafe extern "C" fn contribute(object: RRef<'_, ()>, to: &AbiContributions) -> AbiResult<()> {
        let this = unsafe { value::<T>(object) };
        guard_call(|| this.contribute(to))
    }

    unsafe extern "C" fn start(object: RRef<'_, ()>) -> AbiFuture<'_, ()> {
        let this = unsafe { value::<T>(object) };
        guard_future(|| this.start())
    }

    unsafe extern "C" fn stop(object: RRef<'_, ()>) -> AbiFuture<'_, ()> {
        let this = unsafe { value::<T>(object) };
        guard_future(|| this.stop())
    }

    unsafe extern "C" fn health(object: RRef<'_, ()>) -> AbiFuture<'_, AbiHealth> {
        let this = unsafe { value::<T>(object) };
        guard_future(|| this.health())
    }

    unsafe extern "C" fn execute<'a>(
        object: RRef<'a, ()>,
        call: &'a Call,
        input: RString,
    ) -> AbiFuture<'a, RString> {
        let this = unsafe { value::<T>(object) };
        guard_future(|| this.execute(call, input))
    }

    unsafe extern "C" fn metrics(object: RRef<'_, ()>) -> AbiResult<RString> {
        let this = unsafe { value::<T>(object) };
        guard_call(|| this.metrics())
    }

    unsafe extern "C" fn save_state(object: RRef<'_, ()>) -> AbiFuture<'_, ROption<AbiBytes>> {
        let this = unsafe { value::<T>(object) };
        guard_future(|| this.save_state())
    }

    unsafe extern "C" fn restore_state(object: RRef<'_, ()>, state: AbiBytes) -> AbiFuture<'_, ()> {
        let this = unsafe { value::<T>(object) };
        guard_future(|| this.restore_state(state))
    }
}
