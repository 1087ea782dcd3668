//! What a plugin says of its failure, made to fit on one screen.

use std::fmt;

use crate::contract::Error;

/// So many lines an error may have. One more says which file it is about.
const LINES: usize = 14;
/// So long may each line be, in characters.
const WIDTH: usize = 1000;
/// What is shown of a longer one: lines of its message, causes, lines of its help. With its place and
/// its file that is less than a screen.
const MESSAGE: usize = 6;
const CAUSES: usize = 3;
const HELP: usize = 3;

/// The same error, if it is short; else what fits of it.
pub(super) fn brief(error: Error) -> Error {
    let whole = format!("{error:#}");
    if whole.lines().count() <= LINES && whole.lines().all(|line| line.chars().count() <= WIDTH) {
        return error;
    }
    let causes: Vec<&str> = error.causes().collect();
    let mut brief = Error::new(error.kind(), shortened(error.message(), MESSAGE));
    if let Some(help) = error.help() {
        brief = brief.with_help(shortened(help, HELP));
    }
    if let Some(plugin) = error.plugin() {
        brief = brief.with_plugin(plugin);
    }
    if let Some(phase) = error.phase() {
        brief = brief.with_phase(phase);
    }
    if let Some(path) = error.path() {
        brief = brief.with_path(path);
    }
    if let Some(location) = error.location() {
        brief = brief.with_location(location);
    }
    let chain = causes
        .iter()
        .take(CAUSES)
        .rev()
        .fold(None, |next, cause| Some(Box::new(Cause { text: shortened(cause, 1), next })));
    match chain {
        Some(chain) => brief.caused_by(&*chain),
        None => brief,
    }
}

/// The first lines, each as far as it fits, and how much there is besides.
fn shortened(text: &str, lines: usize) -> String {
    let cut = |line: &str| match line.char_indices().nth(WIDTH) {
        Some((end, _)) => format!("{} …", &line[..end]),
        None => line.to_owned(),
    };
    let mut shown = text.lines().take(lines).map(cut).collect::<Vec<_>>().join("\n");
    let more = text.lines().count().saturating_sub(lines);
    if more > 0 {
        shown.push_str(&format!(" … (and {more} more lines)"));
    }
    shown
}

/// A cause that is shown.
#[derive(Debug)]
struct Cause {
    text: String,
    next: Option<Box<Cause>>,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Cause {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.next.as_deref().map(|next| next as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::ErrorKind;

    #[test]
    fn a_short_error_stays_as_it_is() {
        let cause = Cause { text: "it is gone".into(), next: None };
        let error = Error::new(ErrorKind::Io, "a file was expected\nin its folder")
            .with_help("put it there")
            .caused_by(&cause);
        let before = format!("{error:#}");
        assert_eq!(format!("{:#}", brief(error)), before);
    }

    #[test]
    fn a_long_error_keeps_its_beginning_and_everything_that_says_where() {
        let chain = (0..20).fold(None, |next, number| {
            Some(Box::new(Cause { text: format!("cause {number}\nand more"), next }))
        });
        let error = Error::new(ErrorKind::Io, "line\n".repeat(1000) + &"x".repeat(2000))
            .with_help("ä".repeat(2000))
            .with_plugin("talker")
            .with_phase("start")
            .with_path("/plugins/libtalker.so")
            .with_location("src/lib.rs:1:1")
            .caused_by(&*chain.unwrap());
        let brief = brief(error);
        assert_eq!(brief.kind(), ErrorKind::Io);
        let text = format!("{brief:#}");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 12, "{text}");
        assert_eq!(lines[0], "plugin `talker` failed to start: line");
        assert_eq!(lines[5], "line … (and 995 more lines)");
        assert_eq!(lines[6], "  because: cause 19 … (and 1 more lines)");
        assert_eq!(lines[10], "  file: /plugins/libtalker.so");
        assert_eq!(lines[11].chars().count(), "  help: ".len() + WIDTH + 2);
    }
}
