//! Names of headers that went through before: to check a text and to copy it takes longer than to compare it
//! with one that was checked.

use std::cell::RefCell;

use ::http::HeaderName;

const SLOTS: usize = 64;

thread_local! {
    /// Each at a place that its length and its ends say. Of two that want the same the last one has it.
    static SEEN: RefCell<[Option<HeaderName>; SLOTS]> = const { RefCell::new([const { None }; SLOTS]) };
}

/// The name of a header; none if the text is none.
pub(super) fn header_name(text: &str) -> Option<HeaderName> {
    let checked = || HeaderName::from_bytes(text.as_bytes()).ok();
    let (Some(first), Some(last)) = (text.bytes().next(), text.bytes().next_back()) else {
        return checked();
    };
    let slot = text.len() + 7 * usize::from(first) + 31 * usize::from(last);
    let seen = SEEN.try_with(|seen| {
        let slot = &mut seen.borrow_mut()[slot % SLOTS];
        if let Some(name) = slot.as_ref().filter(|name| name.as_str() == text) {
            return Some(name.clone());
        }
        *slot = checked();
        slot.clone()
    });
    // On its way out a thread has none any more.
    seen.unwrap_or_else(|_| checked())
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
            }
            for text in ["", "a b", "x\n"] {
                assert_eq!(header_name(text), None);
            }
        }
    }
}
