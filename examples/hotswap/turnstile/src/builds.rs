//! Making builds of the library without a compiler: a version, and how it behaves, are replaced in its bytes.

use std::hint::black_box;

/// The version in the library that Cargo makes.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// How a build behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// As it should.
    Good,
    /// Its initialisation fails.
    FailsToInitialize,
    /// It says that it is not well.
    Unwell,
    /// Its calls fail after the first [`GOOD_FOR`](crate::GOOD_FOR).
    FailsLater,
    /// It does not take its predecessor's state.
    RefusesState,
    /// It does not give its own.
    FailsToSave,
    /// Its start fails.
    FailsToStart,
    /// Its initialisation does not end.
    HangsInInitialize,
    /// It does not come back with its state.
    HangsInSave,
    /// It does not come back from taking its predecessor's state.
    HangsInRestore,
    /// It does not end.
    HangsInStop,
    /// It panics when it starts.
    PanicsInStart,
    /// It panics when it is asked how it is.
    PanicsInHealth,
    /// It panics when it is asked for its state.
    PanicsInSave,
    /// It panics when it is handed its predecessor's state.
    PanicsInRestore,
    /// It panics when it ends.
    PanicsInStop,
}

impl Manner {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::Good,
        Self::FailsToInitialize,
        Self::Unwell,
        Self::FailsLater,
        Self::RefusesState,
        Self::FailsToSave,
        Self::FailsToStart,
        Self::HangsInInitialize,
        Self::HangsInSave,
        Self::HangsInRestore,
        Self::HangsInStop,
        Self::PanicsInStart,
        Self::PanicsInHealth,
        Self::PanicsInSave,
        Self::PanicsInRestore,
        Self::PanicsInStop,
    ];
}

/// Where the manner stands in the library: after a text that is nowhere else.
#[repr(C)]
pub(crate) struct Mark {
    text: [u8; 24],
    manner: u8,
}

const TEXT: &[u8; 24] = b"the manner of turnstile:";

#[used]
pub(crate) static MARK: Mark = Mark { text: *TEXT, manner: b'0' };

impl Mark {
    pub(crate) fn manner(&self) -> Manner {
        // As the library has it, not as the compiler knew it.
        let Self { text, manner } = black_box(self);
        assert_eq!(text, TEXT, "the mark is found by its text");
        Manner::ALL[usize::from(manner - b'0')]
    }

    pub(crate) fn version(&self) -> &'static str {
        black_box(VERSION)
    }
}

/// A build of the library with these bytes, in another version of the form `7.0.1xx`, behaving like this.
///
/// # Panics
/// If the bytes are not those of the library, or the version has another form.
pub fn make(library: &[u8], version: &str, manner: Manner) -> Vec<u8> {
    assert_eq!(version.len(), VERSION.len(), "a version of the same length");
    let mut build = library.to_vec();
    let at = find(&build, TEXT).next().expect("the library has its mark") + TEXT.len();
    let number = Manner::ALL.iter().position(|other| *other == manner).unwrap_or_default();
    build[at] = b'0' + u8::try_from(number).unwrap_or_default();
    let places: Vec<usize> = find(&build, VERSION.as_bytes()).collect();
    assert!(!places.is_empty(), "the library has its version");
    for at in places {
        build[at..at + version.len()].copy_from_slice(version.as_bytes());
    }
    build
}

fn find(bytes: &[u8], text: &[u8]) -> impl Iterator<Item = usize> {
    let (bytes, text) = (bytes.to_vec(), text.to_vec());
    let last = bytes.len().saturating_sub(text.len());
    (0..=last).filter(move |at| bytes[*at..].starts_with(&text))
}
