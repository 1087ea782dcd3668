//! [`Direct`]: an implementation whose calls nobody supervises.

use hotshoe_abi::{ExtensionInfoRef, RawExtension};

use super::handle::{Method, Via};
use super::{Answer, Handle};

/// An implementation of the extension point `X` (a `dyn Trait`) whose calls cost what those of a
/// `Box<dyn Trait>` cost, because nobody counts, times or limits them. From
/// [`Handle::direct`](Handle::direct), for those who call so often that it shows, and neither replace the
/// plugin while it runs nor need to know how it does. Panics become errors as ever.
///
/// It leads to one object for as long as it is kept:
///
/// - Deadline, circuit breaker, bulkhead and rate limit are not for these calls; metrics do not have them.
/// - A stop or a swap does not wait for them. Afterwards they still reach the object of the instance that
///   was stopped, which stays in memory, and answers however it can.
pub type Direct<X> = Handle<X, RawExtension>;

impl Via for RawExtension {
    fn info(&self) -> ExtensionInfoRef {
        Self::info(self)
    }

    #[inline]
    fn call<A: Answer>(&self, method: impl Method<A::Wire>) -> A {
        A::from_wire(method.now(self))
    }
}
