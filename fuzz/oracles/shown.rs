//! What an operator gets to see, whatever was read.

use std::fmt::Display;

/// So many characters of one message, its help and causes included.
#[allow(dead_code, reason = "as below")]
const LONGEST: usize = 2_000;

/// Checks a refusal of a plugin: one screen, and nothing that a terminal would obey.
#[allow(dead_code, reason = "a configuration's errors list many problems")]
pub fn refusal(message: &impl Display) {
    for text in [format!("{message}"), format!("{message:#}")] {
        assert!(text.lines().count() <= 15, "more than 15 lines:\n{text}");
        assert!(text.chars().count() <= LONGEST, "{} characters: {text}", text.chars().count());
        harmless(&text);
        // Nor would it show one in another order.
        let turned =
            text.chars().find(|c| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'));
        assert!(turned.is_none(), "{turned:?} in the message {text:?}");
    }
}

/// Checks that a terminal would only show it.
pub fn harmless(text: &str) {
    let bad = text.chars().find(|c| c.is_control() && *c != '\n');
    assert!(bad.is_none(), "{bad:?} in the message {text:?}");
}
