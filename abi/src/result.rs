//! What a function of a table answers at once.

use abi_stable::StableAbi;

use crate::{Error, Result};

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

impl<T> AbiResult<T> {
    /// As the standard library has it.
    ///
    /// # Errors
    /// What crossed.
    #[inline]
    pub fn into_result(self) -> Result<T> {
        match self {
            Self::Done(value) => Ok(value),
            Self::Failed(error) => Err(error),
        }
    }
}

impl<T> From<Result<T>> for AbiResult<T> {
    #[inline]
    fn from(result: Result<T>) -> Self {
        match result {
            Ok(value) => Self::Done(value),
            Err(error) => Self::Failed(error),
        }
    }
}
