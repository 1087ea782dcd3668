//! Names with values, in the order in which they were added: headers, and the free map of a response.

use std::str::from_utf8;

/// Many short texts, all in one buffer: an allocation for each would be most of what they cost.
#[derive(Default)]
pub(crate) struct Pairs {
    /// Before all others, if the program itself has its text.
    first: Option<(&'static str, &'static str)>,
    text: Vec<u8>,
    entries: Vec<Entry>,
}

/// Where a name begins in the buffer; its value follows.
struct Entry {
    start: usize,
    name: usize,
    value: usize,
}

impl Pairs {
    /// One pair of the program itself, in lower case; allocates nothing.
    pub(crate) const fn of(name: &'static str, value: &'static str) -> Self {
        Self { first: Some((name, value)), text: Vec::new(), entries: Vec::new() }
    }

    /// The first value of a name, in whichever case.
    pub(crate) fn get(&self, name: &str) -> Option<&[u8]> {
        let first = self.first.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let mut all = first.chain(self.entries.iter().map(|entry| self.parts(entry)));
        all.find(|(own, _)| own.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value)
    }

    pub(crate) fn at(&self, index: usize) -> Option<(&str, &[u8])> {
        let index = match (self.first, index) {
            (Some((name, value)), 0) => return Some((name, value.as_bytes())),
            (Some(_), index) => index - 1,
            (None, index) => index,
        };
        let (name, value) = self.parts(self.entries.get(index)?);
        Some((text(name), value))
    }

    /// The same where the values are texts, too.
    pub(crate) fn text_at(&self, index: usize) -> Option<(&str, &str)> {
        self.at(index).map(|(name, value)| (name, text(value)))
    }

    /// Removes all values of a name, in whichever case.
    pub(crate) fn remove(&mut self, name: &str) {
        self.remove_those(|own| own.eq_ignore_ascii_case(name.as_bytes()));
    }

    /// Removes all values of a name as it is written.
    pub(crate) fn remove_exact(&mut self, name: &str) {
        self.remove_those(|own| own == name.as_bytes());
    }

    fn remove_those(&mut self, is_one: impl Fn(&[u8]) -> bool) {
        self.first = self.first.filter(|(name, _)| !is_one(name.as_bytes()));
        let mut names = self.entries.iter().map(|entry| self.parts(entry).0);
        let Some(first) = names.position(&is_one) else { return };
        // What stays moves together.
        let kept = self.entries.split_off(first);
        let old = self.text.split_off(kept[0].start);
        let from = self.text.len();
        for entry in kept {
            let start = entry.start - from;
            let (own, rest) = old[start..start + entry.name + entry.value].split_at(entry.name);
            if !is_one(own) {
                self.append(text(own), rest);
            }
        }
    }

    pub(crate) fn append(&mut self, name: &str, value: &[u8]) {
        if self.entries.capacity() == 0 {
            // Enough for most.
            self.entries = Vec::with_capacity(8);
            self.text = Vec::with_capacity(256);
        }
        let entry = Entry { start: self.text.len(), name: name.len(), value: value.len() };
        self.text.extend_from_slice(name.as_bytes());
        self.text.extend_from_slice(value);
        self.entries.push(entry);
    }

    /// The same with the name in lower case.
    pub(crate) fn append_lower_case(&mut self, name: &str, value: &[u8]) {
        let start = self.text.len();
        self.append(name, value);
        self.text[start..start + name.len()].make_ascii_lowercase();
    }

    fn parts(&self, entry: &Entry) -> (&[u8], &[u8]) {
        self.text[entry.start..][..entry.name + entry.value].split_at(entry.name)
    }
}

/// Where a text was put in, one comes out.
fn text(bytes: &[u8]) -> &str {
    from_utf8(bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(pairs: &Pairs) -> Vec<(&str, &str)> {
        (0..).map_while(|at| pairs.text_at(at)).collect()
    }

    #[test]
    fn what_was_added_comes_out_in_its_order() {
        let mut pairs = Pairs::default();
        for number in 0..100 {
            pairs.append(&format!("n{number}"), format!("v{number}").as_bytes());
        }
        assert_eq!(pairs.at(99), Some(("n99", b"v99".as_slice())));
        assert_eq!(pairs.at(100), None);
        assert_eq!(pairs.get("N7"), Some(b"v7".as_slice()));
        assert_eq!(pairs.get("n"), None);
    }

    #[test]
    fn a_pair_of_the_program_is_the_first_until_it_is_removed() {
        let mut pairs = Pairs::of("a", "1");
        pairs.append("b", b"2");
        pairs.append("a", b"3");
        assert_eq!(all(&pairs), [("a", "1"), ("b", "2"), ("a", "3")]);
        assert_eq!(pairs.get("A"), Some(b"1".as_slice()));
        assert_eq!(pairs.get("b"), Some(b"2".as_slice()));
        pairs.remove("A");
        assert_eq!(all(&pairs), [("b", "2")]);
    }

    #[test]
    fn names_are_removed_in_whichever_case_and_others_stay() {
        let mut pairs = Pairs::default();
        for (name, value) in [("a", "1"), ("Set-Cookie", "x"), ("b", ""), ("set-cookie", "y")] {
            pairs.append_lower_case(name, value.as_bytes());
        }
        pairs.remove("nobody");
        assert_eq!(all(&pairs).len(), 4);
        pairs.remove("SET-COOKIE");
        pairs.remove_exact("B");
        assert_eq!(all(&pairs), [("a", "1"), ("b", "")]);
        pairs.append("é", "ü".as_bytes());
        assert_eq!(all(&pairs), [("a", "1"), ("b", ""), ("é", "ü")]);
        for name in ["a", "b", "é"] {
            pairs.remove(name);
        }
        assert_eq!(all(&pairs), []);
    }
}
