//! Text of others, shown as text.
//!
//! Names of files, values of manifests, and what plugins, the system's loader and other processes say end
//! up on terminals and in logs. There a control character is an order, a line break begins what looks
//! like a line of somebody else, and some characters turn the writing round or do not show at all. So
//! these are shown by their numbers, as `\u{1b}`; and what has no end is cut, and says so.

use std::fmt::{self, Display, Write};

/// So many characters of one text are shown: some lines of a terminal, of which it has a few dozen.
pub const LONGEST: usize = 2000;

/// So many lines of a message are shown.
pub const MESSAGE: usize = 6;

/// What the second line of a text and all others begin with, at least. No line that tells something of
/// its own is so far to the right.
const INDENT: usize = 4;

/// Something in one line, whatever it consists of.
#[derive(Clone, Copy, Debug)]
pub struct Line<T>(pub T);

/// Something in at most so many lines, or all of it. All lines but the first are indented, and none is
/// empty.
#[derive(Clone, Copy, Debug)]
pub struct Lines<T>(pub T, pub Option<usize>);

/// Something whose lines were all made for people, by this module: only what is harmful is replaced.
#[derive(Clone, Copy, Debug)]
pub struct Laid<T>(pub T);

impl<T: Display> Display for Line<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Plain { breaks: false, ..Plain::new(f, 1, LONGEST) }.write(&self.0)
    }
}

impl<T: Display> Display for Lines<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let longest = if self.1.is_some() { LONGEST } else { usize::MAX };
        Plain::new(f, self.1.unwrap_or(usize::MAX), longest).write(&self.0)
    }
}

impl<T: Display> Display for Laid<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Harmless(f), "{}", self.0)
    }
}

/// Whether a terminal obeys it, or it changes how others are read, or does not show.
fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c,
            // A hyphen that shows only at the end of a line.
            '\u{ad}'
            // Of other directions of writing.
            | '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            // Without width.
            | '\u{180e}' | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
            // Breaks of lines and paragraphs.
            | '\u{2028}' | '\u{2029}')
}

/// Lets line breaks pass.
struct Harmless<'f, 'b>(&'f mut fmt::Formatter<'b>);

impl Write for Harmless<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().try_for_each(|c| match c {
            '\n' => self.0.write_char(c),
            c if is_harmful(c) => write!(self.0, "{}", c.escape_default()),
            c => self.0.write_char(c),
        })
    }
}

/// Writes what fits, and counts the rest.
struct Plain<'f, 'b> {
    to: &'f mut fmt::Formatter<'b>,
    /// Whether a line break is one; else it is a character as any other.
    breaks: bool,
    /// Lines that may still begin.
    lines: usize,
    /// Characters that still fit.
    characters: usize,
    /// Blanks since the last line break, if nothing else has come since.
    margin: Option<usize>,
    begun: bool,
    hidden_lines: usize,
    hidden_characters: usize,
}

impl<'f, 'b> Plain<'f, 'b> {
    fn new(to: &'f mut fmt::Formatter<'b>, lines: usize, characters: usize) -> Self {
        Self {
            to,
            breaks: true,
            lines,
            characters,
            margin: Some(0),
            begun: false,
            hidden_lines: 0,
            hidden_characters: 0,
        }
    }

    fn write(mut self, what: &dyn Display) -> fmt::Result {
        write!(self, "{what}")?;
        match (self.hidden_characters, self.hidden_lines) {
            (0, 0) => Ok(()),
            (0, more) => write!(self.to, " … (and {more} more lines)"),
            (more, _) => write!(self.to, " … (and {more} more characters)"),
        }
    }

    fn character(&mut self, c: char) -> fmt::Result {
        if self.hidden_characters == 0 && self.breaks {
            match (c, self.margin) {
                ('\n', _) => {
                    self.margin = Some(0);
                    return Ok(());
                }
                (' ', Some(blanks)) => {
                    self.margin = Some(blanks + 1);
                    return Ok(());
                }
                (_, Some(blanks)) => self.begin_line(blanks)?,
                (_, None) => {}
            }
        }
        if self.hidden_lines > 0 { Ok(()) } else { self.show(c) }
    }

    /// A line begins after so many blanks.
    fn begin_line(&mut self, blanks: usize) -> fmt::Result {
        self.margin = None;
        if self.lines == 0 {
            self.hidden_lines += 1;
            return Ok(());
        }
        self.lines -= 1;
        if !std::mem::replace(&mut self.begun, true) {
            return Ok(());
        }
        self.to.write_char('\n')?;
        (0..blanks.max(INDENT)).try_for_each(|_| self.show(' '))
    }

    fn show(&mut self, c: char) -> fmt::Result {
        let escaped = is_harmful(c).then(|| c.escape_default());
        let width = escaped.as_ref().map_or(1, ExactSizeIterator::len);
        let Some(left) = self.characters.checked_sub(width) else {
            self.characters = 0;
            self.hidden_characters += 1;
            return Ok(());
        };
        self.characters = left;
        match escaped {
            Some(escaped) => write!(self.to, "{escaped}"),
            None => self.to.write_char(c),
        }
    }
}

impl Write for Plain<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().try_for_each(|c| self.character(c))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_harmful_is_shown_by_its_number() {
        let text = "a\u{1b}[2J\tb\u{7f}\u{9b}c\u{202e}\u{2066}\u{61c}\u{200b}\u{feff}\r\n\u{2028}d";
        assert_eq!(
            Line(text).to_string(),
            r"a\u{1b}[2J\tb\u{7f}\u{9b}c\u{202e}\u{2066}\u{61c}\u{200b}\u{feff}\r\n\u{2028}d"
        );
    }

    #[test]
    fn what_is_readable_stays_as_it_is() {
        let text = "é e\u{301} 漢字 हिन्दी עברית عربي 😀 C:\\temp \"quoted\" 'so'";
        assert_eq!(Line(text).to_string(), text);
    }

    #[test]
    fn all_lines_but_the_first_are_indented_and_none_is_empty() {
        let text = "\n  one\n\n\nhelp: two\n  help: three\n     four \n   \n";
        assert_eq!(
            Lines(text, Some(9)).to_string(),
            "one\n    help: two\n    help: three\n     four "
        );
    }

    #[test]
    fn to_show_it_once_more_changes_nothing() {
        let once = Lines("a\u{1b}\nb\n\n  c\n      d", Some(9)).to_string();
        assert_eq!(Lines(&once, Some(9)).to_string(), once);
    }

    #[test]
    fn more_lines_than_may_be_are_counted() {
        assert_eq!(Lines("a\nb\nc\n\nd\n", Some(2)).to_string(), "a\n    b … (and 2 more lines)");
        assert_eq!(Lines("a\nb\n\n", Some(2)).to_string(), "a\n    b");
    }

    #[test]
    fn more_characters_than_fit_are_counted() {
        let long = "ä".repeat(LONGEST);
        assert_eq!(Line(&long).to_string(), long);
        let longer = format!("{long}\u{1b}\nb");
        let expected = format!("{long} … (and 3 more characters)");
        assert_eq!(Line(&longer).to_string(), expected);
        let blanks = format!("a\n{}b", " ".repeat(3 * LONGEST));
        assert!(Lines(&blanks, Some(2)).to_string().chars().count() < LONGEST + 40);
    }

    #[test]
    fn what_is_escaped_is_cut_between_characters() {
        let bells = "\u{7}".repeat(LONGEST);
        let shown = Line(&bells).to_string();
        assert!(shown.ends_with(r"\u{7} … (and 1600 more characters)"), "{shown}");
    }

    #[test]
    fn a_layout_of_our_own_is_kept() {
        let text = "what\n  found: it\n\nproblem: \u{7}";
        assert_eq!(Laid(text).to_string(), "what\n  found: it\n\nproblem: \\u{7}");
    }
}
