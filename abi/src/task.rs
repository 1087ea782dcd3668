//! A periodic job as an object that crosses.

use abi_stable::StableAbi;
use abi_stable::prefix_type::WithMetadata;
use abi_stable::sabi_types::RRef;
use abi_stable::staticref;

use crate::object::{drop_arc, guard_future, object, value};
use crate::{AbiFuture, Call};

/// The Rust face of [`TaskVTable`].
pub trait TaskObject: Send + Sync + 'static {
    /// Runs the job once.
    fn run(&self, call: Call) -> AbiFuture<'_, ()>;
}

/// Functions of a periodic job.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = TaskVTableRef)))]
#[sabi(missing_field(option))]
pub struct TaskVTable {
    run: for<'a> unsafe extern "C" fn(RRef<'a, ()>, Call) -> AbiFuture<'a, ()>,
    #[sabi(last_prefix_field)]
    drop: unsafe extern "C" fn(*const ()),
}

object! {
    /// A periodic job, wherever it was made.
    AbiTask, TaskVTable as TaskVTableRef, TaskObject
}

impl AbiTask {
    /// Runs the job once.
    pub fn run(&self, call: Call) -> AbiFuture<'_, ()> {
        // SAFETY: the table belongs to the object.
        unsafe { (self.vtable.run())(self.object(), call) }
    }
}

impl<T: TaskObject> Table<T> {
    staticref! {
        const VTABLE: WithMetadata<TaskVTable> =
            WithMetadata::new(TaskVTable { run: Self::run, drop: drop_arc::<T> });
    }

    unsafe extern "C" fn run(object: RRef<'_, ()>, call: Call) -> AbiFuture<'_, ()> {
        // SAFETY: reached only through an object of `T` made by this library.
        let this = unsafe { value::<T>(object) };
        guard_future(|| this.run(call))
    }
}
