//! The plugin without a plugin system: three plain C functions, and bytes that know how to be freed.

use std::mem::ManuallyDrop;
use std::slice;

/// Succeeded.
pub const OK: i32 = 0;

/// Bytes that change their owner, and with them the function of the library that allocated them.
#[repr(C)]
pub struct Bytes {
    at: *mut u8,
    len: usize,
    capacity: usize,
    free: extern "C" fn(*mut u8, usize, usize),
}

extern "C" fn free(at: *mut u8, len: usize, capacity: usize) {
    // SAFETY: `Bytes::from` took them from a vector of this library, and they are dropped once.
    drop(unsafe { Vec::from_raw_parts(at, len, capacity) });
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        let mut bytes = ManuallyDrop::new(bytes);
        let (len, capacity) = (bytes.len(), bytes.capacity());
        Self { at: bytes.as_mut_ptr(), len, capacity, free }
    }
}

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: they come from a vector, and live as long as this does.
        unsafe { slice::from_raw_parts(self.at, self.len) }
    }
}

impl AsMut<[u8]> for Bytes {
    fn as_mut(&mut self) -> &mut [u8] {
        // SAFETY: they come from a vector, live as long as this does, and have one owner.
        unsafe { slice::from_raw_parts_mut(self.at, self.len) }
    }
}

impl Drop for Bytes {
    fn drop(&mut self) {
        (self.free)(self.at, self.len, self.capacity);
    }
}

/// The type of `peers_add`.
pub type Add = unsafe extern "C" fn(u64, u64, &mut u64) -> i32;
/// The type of `peers_echo`.
pub type Echo = unsafe extern "C" fn(&mut Bytes) -> i32;
/// The type of `peers_json`.
pub type Json = unsafe extern "C" fn(&mut Bytes) -> i32;

/// The sum.
#[unsafe(no_mangle)]
pub extern "C" fn peers_add(a: u64, b: u64, sum: &mut u64) -> i32 {
    *sum = a.wrapping_add(b);
    OK
}

/// Leaves the bytes to the caller as they are.
#[unsafe(no_mangle)]
pub extern "C" fn peers_echo(_: &mut Bytes) -> i32 {
    OK
}

/// Counts up in the document.
#[unsafe(no_mangle)]
pub extern "C" fn peers_json(document: &mut Bytes) -> i32 {
    peers_task::count_up(document.as_mut()).map_or(1, |()| OK)
}
