//! The plugin for memlink-runtime: the three functions that its ABI asks for.
//!
//! memlink-msdk, which would write them, can't be used with memlink-runtime 0.2: its `memlink_call` has a fifth
//! parameter, which the runtime does not pass.

use std::slice;

/// So many bytes has the buffer that the runtime gives for an answer.
pub const ROOM: usize = 4096;

const OK: i32 = 0;
/// What the ABI gives for these.
const INVALID_ARGUMENTS: i32 = -2;

const ADD: u32 = fnv1a("add");
const ECHO: u32 = fnv1a("echo");
const JSON: u32 = fnv1a("json");

/// Methods are called by this hash of their names.
const fn fnv1a(name: &str) -> u32 {
    let name = name.as_bytes();
    let mut hash = 0x811c_9dc5_u32;
    let mut at = 0;
    while at < name.len() {
        hash = (hash ^ name[at] as u32).wrapping_mul(0x0100_0193);
        at += 1;
    }
    hash
}

/// There is nothing to prepare.
#[unsafe(no_mangle)]
pub extern "C" fn memlink_init(_config: *const u8, _len: usize) -> i32 {
    OK
}

/// Calls a method. The answer's length is not handed back: the caller knows it.
///
/// # Safety
///
/// There are `len` bytes at `args`, and [`ROOM`] may be written at `output`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memlink_call(
    method: u32,
    args: *const u8,
    len: usize,
    output: *mut u8,
) -> i32 {
    // SAFETY: the caller promises it.
    let (args, output) =
        unsafe { (slice::from_raw_parts(args, len), slice::from_raw_parts_mut(output, ROOM)) };
    match call(method, args, output) {
        Some(()) => OK,
        None => INVALID_ARGUMENTS,
    }
}

fn call(method: u32, args: &[u8], output: &mut [u8]) -> Option<()> {
    match method {
        ADD => {
            let (a, b) = args.split_first_chunk()?;
            let sum = u64::from_le_bytes(*a).wrapping_add(u64::from_le_bytes(b.try_into().ok()?));
            output[..8].copy_from_slice(&sum.to_le_bytes());
        }
        ECHO => output.get_mut(..args.len())?.copy_from_slice(args),
        JSON => {
            let document = output.get_mut(..args.len())?;
            document.copy_from_slice(args);
            peers_task::count_up(document).ok()?;
        }
        _ => return None,
    }
    Some(())
}

/// There is nothing to release.
#[unsafe(no_mangle)]
pub extern "C" fn memlink_shutdown() -> i32 {
    OK
}
