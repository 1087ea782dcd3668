//! The manifest's text, put together while the plugin is compiled.
//!
//! It is a run of records, each ended by U+001E, its fields separated by U+001F: separators that
//! no manifest value contains, so nothing has to be escaped, so `concat!` can write it. It has to be
//! a constant: the host reads it from the library's section `.hotshoe` without running any code.

/// How long the joined parts are.
#[doc(hidden)]
pub const fn len(parts: &[&str]) -> usize {
    let (mut total, mut at) = (0, 0);
    while at < parts.len() {
        total += parts[at].len();
        at += 1;
    }
    total
}

/// The parts in one array; `N` is what [`len`] says.
#[doc(hidden)]
pub const fn join<const N: usize>(parts: &[&str]) -> [u8; N] {
    let mut out = [0; N];
    let (mut to, mut at) = (0, 0);
    while at < parts.len() {
        let bytes = parts[at].as_bytes();
        let mut from = 0;
        while from < bytes.len() {
            out[to] = bytes[from];
            to += 1;
            from += 1;
        }
        at += 1;
    }
    out
}

/// The joined parts as text again.
#[doc(hidden)]
pub const fn text(bytes: &'static [u8]) -> &'static str {
    match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(_) => panic!("parts of UTF-8 joined are UTF-8"),
    }
}
