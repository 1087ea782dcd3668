//! What a method of an extension point answers at once.

use abi_stable::StableAbi;

use crate::Error;

/// An answer, or why there is none.
///
/// Its tag is a whole word. Behind a smaller one there would be bytes that mean nothing, and compilers copy
/// them all the same.
#[repr(u64)]
#[derive(StableAbi)]
pub enum AbiResult<T> {
    /// Done.
    Done(T),
    /// Failed.
    Failed(Error),
}
