//! Names of headers that went through before: to check a text and to copy it takes longer than to compare it
//! with one that was checked.

use std::cell::RefCell;
use std::thread::AccessError;

use ::http::{HeaderMap, HeaderName, HeaderValue};

const SLOTS: usize = 64;

thread_local! {
    /// Each at a place that its length and its ends say. Of two that want the same the last one has it.
    static SEEN: RefCell<[Option<HeaderName>; SLOTS]> = const { RefCell::new([const { None }; SLOTS]) };
}

/// The name of a header; none if the text is none.
pub(super) fn header_name(text: &str) -> Option<HeaderName> {
    seen(text, |name| name.cloned()).unwrap_or_else(|_| checked(text))
}

/// The first value of a header.
pub(super) fn value_of<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a HeaderValue> {
    seen(name, |name| headers.get(name?)).unwrap_or_else(|_| headers.get(name))
}

fn checked(text: &str) -> Option<HeaderName> {
    HeaderName::from_bytes(text.as_bytes()).ok()
}

/// What `then` makes of a name, or of none if the text is none.
///
/// # Errors
/// On its way out a thread has no names any more.
fn seen<T>(text: &str, then: impl FnOnce(Option<&HeaderName>) -> T) -> Result<T, AccessError> {
    // In lower case, if it is a letter.
    let end = |byte: Option<&u8>| usize::from(byte.map_or(0, |byte| byte | 0x20));
    let bytes = text.as_bytes();
    let slot = bytes.len() + 7 * end(bytes.first()) + 31 * end(bytes.last());
    SEEN.try_with(|seen| {
        let slot = &mut seen.borrow_mut()[slot % SLOTS];
        let is_there = slot
            .as_ref()
            .is_some_and(|name| name.as_str() == text || name.as_str().eq_ignore_ascii_case(text));
        if !is_there {
            *slot = checked(text);
        }
        then(slot.as_ref())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_same_however_often_it_is_asked_for() {
        for _ in 0..3 {
            for text in ["x-a", "x-b", "accept", "X-A", "x-1a", "x-2a"] {
                let name = header_name(text).expect("a name");
                assert_eq!(name.as_str(), text.to_ascii_lowercase());
                let headers = HeaderMap::from_iter([(name, HeaderValue::from_static("1"))]);
                assert_eq!(value_of(&headers, text), headers.get(text));
                assert_eq!(value_of(&headers, "x-none"), None);
            }
            for text in ["", "a b", "x\n"] {
                assert_eq!(header_name(text), None);
                assert_eq!(value_of(&HeaderMap::new(), text), None);
            }
        }
    }
}
