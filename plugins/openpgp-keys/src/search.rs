//! What people search for, and the words to find user ids by.

use crate::certificate::Certificate;
use crate::error::KeyError;

/// Longest search term, in bytes.
const MAX_TERM: usize = 1024;
/// Shortest and longest word in characters; others are not indexed.
const WORD: std::ops::RangeInclusive<usize> = 2..=64;
/// Longest e-mail address, in bytes (RFC 5321 with RFC 3696 erratum 1690).
const MAX_EMAIL: usize = 254;
/// Most words of one user id.
const MAX_WORDS: usize = 64;

/// The `search` parameter of an HKP lookup.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SearchTerm {
    /// A whole fingerprint, upper-case hex, 40 or 64 digits, of a primary key or subkey.
    Fingerprint(String),
    /// A long key id, 16 upper-case hex digits, of a primary key or subkey.
    KeyId(String),
    /// A whole e-mail address, in lower case.
    Email(String),
    /// Words of a user id, in lower case, all of which have to occur.
    Words(Vec<String>),
}

impl SearchTerm {
    /// Reads a search term.
    ///
    /// * `0x` and 16, 40 or 64 hex digits: a key id or fingerprint. Spaces in it are ignored, and
    ///   `0x` may be missing.
    /// * `0x` and 8 digits is refused: keys with a given short key id can be made in seconds, so
    ///   an answer would mislead. 32 digits (a version 3 fingerprint) is refused as well, as such
    ///   keys are not stored. Without `0x` both are words.
    /// * An e-mail address, alone or in `<...>`, has to match as a whole.
    /// * Anything else is words, split like [`words_of`] does.
    ///
    /// # Errors
    /// [`KeyError::Search`] for the refused forms, and if no usable word remains.
    pub fn parse(term: &str) -> Result<SearchTerm, KeyError> {
        let refuse = |reason: &str| KeyError::Search { reason: reason.into() };
        if term.len() > MAX_TERM {
            return Err(refuse("it is longer than 1024 bytes; search for fewer words"));
        }
        let term = term.trim();
        let compact: String = term.chars().filter(|c| !c.is_whitespace()).collect();
        let stripped = compact.strip_prefix("0x").or_else(|| compact.strip_prefix("0X"));
        let digits = stripped.unwrap_or(&compact).to_ascii_uppercase();
        let is_hex = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit());
        match (digits.len(), is_hex, stripped.is_some()) {
            (40 | 64, true, _) => return Ok(SearchTerm::Fingerprint(digits)),
            (16, true, _) => return Ok(SearchTerm::KeyId(digits)),
            (8, true, true) => {
                return Err(refuse(
                    "short key ids (8 digits) are not unique and can be forged; \
                     give the fingerprint (40 or 64 digits) or the long key id (16 digits)",
                ));
            }
            (32, true, true) => {
                return Err(refuse(
                    "32 digits are a version 3 fingerprint, and version 3 keys are not stored; \
                     give a fingerprint of 40 or 64 digits",
                ));
            }
            (_, _, true) => {
                return Err(refuse(
                    "after 0x, expected 16, 40 or 64 hexadecimal digits; \
                     leave 0x away to search for words",
                ));
            }
            (_, _, false) => {}
        }
        let address = term.rsplit_once('<').map_or(term, |(_, rest)| rest);
        let address = address.strip_suffix('>').unwrap_or(address);
        if let Some(email) = as_email(address) {
            return Ok(SearchTerm::Email(email));
        }
        let mut words: Vec<String> = Vec::new();
        for word in plain_words(term) {
            if !words.contains(&word) && words.len() < MAX_WORDS {
                words.push(word);
            }
        }
        if words.is_empty() {
            return Err(refuse(
                "expected an e-mail address, a fingerprint (0x...) or a word of at least two \
                 letters or digits",
            ));
        }
        Ok(SearchTerm::Words(words))
    }

    /// The keys of a word index to look up (all must lead to the certificate); empty for
    /// fingerprints and key ids.
    #[must_use]
    pub fn words(&self) -> &[String] {
        match self {
            SearchTerm::Email(email) => std::slice::from_ref(email),
            SearchTerm::Words(words) => words,
            _ => &[],
        }
    }

    /// Whether a certificate is what was searched for.
    #[must_use]
    pub fn matches(&self, certificate: &Certificate) -> bool {
        match self {
            SearchTerm::Fingerprint(wanted) => {
                certificate.keys().any(|key| key.fingerprint() == wanted)
            }
            SearchTerm::KeyId(wanted) => certificate.keys().any(|key| key.key_id() == wanted),
            SearchTerm::Email(_) | SearchTerm::Words(_) => {
                let words = certificate.words();
                self.words().iter().all(|word| words.binary_search(word).is_ok())
            }
        }
    }
}

/// The words of a user id, in lower case, each once: every e-mail address as a whole, its local
/// part and its domain, and all runs of letters and digits (2 to 64 characters) of the text.
///
/// At most 64 words; there is no Unicode normalisation.
#[must_use]
pub fn words_of(uid: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut add = |word: String| {
        let more = words.len() < MAX_WORDS;
        if more && !words.contains(&word) {
            words.push(word);
        }
        more
    };
    let separators =
        |c: char| c.is_whitespace() || matches!(c, '<' | '>' | '(' | ')' | ',' | ';' | '"');
    for email in uid.split(separators).filter_map(as_email) {
        if let Some((local, domain)) = email.rsplit_once('@') {
            let parts = [&*email, local, domain].map(String::from);
            for part in parts {
                if part.chars().count() >= *WORD.start() && !add(part) {
                    return words;
                }
            }
        }
    }
    for word in plain_words(uid) {
        if !add(word) {
            break;
        }
    }
    words
}

/// Lower-case address if `text` looks like exactly one.
fn as_email(text: &str) -> Option<String> {
    let text = text.trim().trim_end_matches('.');
    let (local, domain) = text.rsplit_once('@')?;
    let allowed = |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '<' | '>');
    let plausible = !local.is_empty()
        && !domain.is_empty()
        && text.len() <= MAX_EMAIL
        && text.chars().all(allowed);
    plausible.then(|| text.to_lowercase())
}

fn plain_words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| WORD.contains(&word.chars().count()))
        .map(str::to_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_user_id() {
        let words = words_of("Alice Müller-Lüdenscheidt (work) <A.Mueller@Firma.example>");
        let expected = [
            "a.mueller@firma.example",
            "a.mueller",
            "firma.example",
            "alice",
            "müller",
            "lüdenscheidt",
            "work",
            "mueller",
            "firma",
            "example",
        ];
        assert_eq!(words, expected);
        assert!(words_of("x @ < >").is_empty());
        assert_eq!(words_of(&"ab cd ".repeat(1000)), ["ab", "cd"]);
        let many: Vec<String> = (0..1000).map(|n| format!("word{n}")).collect();
        assert_eq!(words_of(&many.join(" ")).len(), MAX_WORDS);
    }

    #[test]
    fn terms() {
        use SearchTerm as T;
        let parse = |term: &str| SearchTerm::parse(term);
        let fingerprint = "b27c9a0ae4ad7c928a639db0304378adc0a02015";
        let upper = fingerprint.to_uppercase();
        assert_eq!(parse(&format!("0x{fingerprint}")), Ok(T::Fingerprint(upper.clone())));
        assert_eq!(parse(&format!("0X{upper}")), Ok(T::Fingerprint(upper.clone())));
        assert_eq!(
            parse("B27C 9A0A E4AD 7C92 8A63  9DB0 3043 78AD C0A0 2015"),
            Ok(T::Fingerprint(upper))
        );
        assert_eq!(parse("0x304378adc0a02015"), Ok(T::KeyId("304378ADC0A02015".into())));
        assert!(matches!(parse(&format!("0x{}", "a".repeat(64))), Ok(T::Fingerprint(_))));
        for refused in ["0xC0A02015", "0x1", "0x", "", "  ", "a", "0xzz", "!!", &"a".repeat(2000)] {
            assert!(matches!(parse(refused), Err(KeyError::Search { .. })), "{refused}");
        }
        assert!(parse(&format!("0x{}", "1".repeat(32))).is_err());
        assert_eq!(parse(" Alice@Example.org "), Ok(T::Email("alice@example.org".into())));
        assert_eq!(parse("Alice <Alice@Example.org>"), Ok(T::Email("alice@example.org".into())));
        assert_eq!(
            parse("Alice alice x EXAMPLE"),
            Ok(T::Words(vec!["alice".into(), "example".into()]))
        );
        assert_eq!(parse("deadbeef"), Ok(T::Words(vec!["deadbeef".into()])));
    }
}
