//! What a child says, as far as a message shows it.

/// So many characters of a line are shown.
const WIDTH: usize = 200;
/// So many bytes of a line are kept: enough for all that is shown, and to see that there is more.
const KEPT: usize = 4 * (WIDTH + 1);

/// A line, as far as it fits.
fn shown(line: &str) -> String {
    match line.char_indices().nth(WIDTH) {
        Some((end, _)) => format!("{} …", &line[..end]),
        None => line.to_owned(),
    }
}

/// The last line of what a child prints that is not blank: mostly why it ended. Nothing else is kept.
#[derive(Default)]
pub(super) struct LastLine {
    /// The one that has not ended, and the last one that has.
    open: Vec<u8>,
    ended: Vec<u8>,
}

impl LastLine {
    /// Goes on with these bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        for (at, piece) in bytes.split(|byte| *byte == b'\n').enumerate() {
            if at > 0 {
                self.end();
            }
            let room = KEPT.saturating_sub(self.open.len());
            self.open.extend_from_slice(&piece[..piece.len().min(room)]);
        }
    }

    fn end(&mut self) {
        if !self.open.trim_ascii().is_empty() {
            std::mem::swap(&mut self.open, &mut self.ended);
        }
        self.open.clear();
    }

    /// The line, if there was any.
    pub(super) fn text(mut self) -> Option<String> {
        self.end();
        let text = String::from_utf8_lossy(&self.ended);
        (!text.is_empty()).then(|| shown(text.trim_end()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last(pieces: &[&str]) -> Option<String> {
        let mut line = LastLine::default();
        for piece in pieces {
            line.push(piece.as_bytes());
        }
        line.text()
    }

    #[test]
    fn the_last_line_is_the_last_that_is_not_blank_in_whatever_pieces_it_comes() {
        assert_eq!(last(&[]), None);
        assert_eq!(last(&["\n \n"]), None);
        assert_eq!(last(&["one\ntwo\n\n  \n"]).unwrap(), "two");
        assert_eq!(last(&["one\nt", "w", "o"]).unwrap(), "two");
        assert_eq!(last(&["one", "\n", "\n"]).unwrap(), "one");
    }

    #[test]
    fn of_a_line_that_never_ends_the_beginning_is_kept() {
        let mut line = LastLine::default();
        for _ in 0..1000 {
            line.push("ä".repeat(1000).as_bytes());
        }
        assert!(line.open.capacity() + line.ended.capacity() < 4 * KEPT);
        assert_eq!(line.text().unwrap(), "ä".repeat(WIDTH) + " …");
    }
}
