//! The one error of hotshoe: opaque, one pointer wide, and the same on both sides of a boundary.
//!
//! One pointer, so that `Result<u64, Error>` still fits in two registers. Behind it is an object
//! of the library that made it, read through its own table: fields are asked for by number, so
//! there can be more of them later.

use std::fmt;
use std::ptr::NonNull;

use abi_stable::StableAbi;
use abi_stable::prefix_type::WithMetadata;
use abi_stable::sabi_types::RRef;
use abi_stable::std_types::{ROption, RStr, RString};

use crate::plain::{Laid, Line, Lines, MESSAGE};

/// `Result` with hotshoe's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $text:literal;)*) => {
        /// What kind of failure an [`Error`] is. New kinds may come; an unknown one read from a
        /// newer library is [`ErrorKind::Other`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ErrorKind {
            $($(#[$doc])* $name,)*
        }

        impl ErrorKind {
            pub(crate) fn code(self) -> u32 {
                match self { $(Self::$name => $code,)* }
            }

            pub(crate) fn from_code(code: u32) -> Self {
                match code { $($code => Self::$name,)* _ => Self::Other }
            }

            /// The kind as one lower-case word with underscores, as it appears in records.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

kinds! {
    /// Anything that no other kind describes.
    Other = 0, "error";
    /// Plugin code panicked; the panic was contained.
    Panic = 1, "panic";
    /// A deadline passed.
    Timeout = 2, "timeout";
    /// Built against another ABI, for another target, or with settings that the host refuses.
    Incompatible = 3, "incompatible";
    /// A file is not what it should be: no plugin, truncated, two manifests.
    InvalidPlugin = 4, "invalid_plugin";
    /// A setting is missing, unknown or of the wrong type.
    InvalidConfig = 5, "invalid_config";
    /// Input to a call is not acceptable.
    InvalidInput = 6, "invalid_input";
    /// No such plugin, service, route or record.
    NotFound = 7, "not_found";
    /// There is one already.
    AlreadyExists = 8, "already_exists";
    /// A precondition did not hold: somebody else was faster.
    Conflict = 9, "conflict";
    /// A door of the host is closed to this plugin: it lacks the permission.
    PermissionDenied = 10, "security_violation";
    /// A limit was reached: calls, events, log lines, jobs, memory.
    ResourceLimit = 11, "resource_limit_exceeded";
    /// This plugin or backend cannot do that, and says so.
    Unsupported = 12, "unsupported";
    /// Not now: stopped, stopping, or not yet started.
    Unavailable = 13, "unavailable";
    /// A requirement is missing, conflicting or part of a cycle.
    Unresolved = 14, "unresolved";
    /// Reading or writing failed below.
    Io = 15, "io";
    /// An operation of the host does not fit its state.
    IllegalState = 16, "illegal_state";
    /// A plugin file does not meet the policy: not signed, not pinned, too old, or it would bring
    /// unverified code along.
    Untrusted = 17, "untrusted";
}

/// Fields of an error that are text, by number.
mod text {
    pub const MESSAGE: u32 = 0;
    pub const HELP: u32 = 1;
    pub const PLUGIN: u32 = 2;
    pub const PHASE: u32 = 3;
    pub const PATH: u32 = 4;
    pub const LOCATION: u32 = 5;
    pub const COUNT: usize = 6;
}

/// So many lines an error has that is shown whole; a screen has room for it and what is around it.
const LINES: usize = 15;
/// So many of them are the help's. What message, place and file leave is for causes.
const HELP: usize = 3;

/// Why something failed, across every boundary.
///
/// The message says what happened, [`help`](Self::help) what to do about it; plugin, phase and
/// path say where. `{}` prints the message, `{:#}` everything, one item a line.
///
/// What is printed is text, whatever it tells of: control characters, and those that change how others
/// are read, are shown by their numbers, lines of a message are indented, and what is longer than
/// a screen is cut. `{:?}` cuts nothing; [`message`](Self::message) and the others return what was given.
///
/// Causes are kept as text ([`std::error::Error::source`] walks them): a type of another library
/// cannot be downcast soundly.
#[repr(transparent)]
#[derive(StableAbi)]
pub struct Error(NonNull<ErrorObject>);

/// What an error pointer points at: its table, then whatever its maker keeps there.
#[repr(C)]
#[derive(StableAbi)]
pub struct ErrorObject {
    vtable: ErrorVTableRef,
}

#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = ErrorVTableRef)))]
#[sabi(missing_field(option))]
pub struct ErrorVTable {
    code: unsafe extern "C" fn(RRef<'_, ErrorObject>) -> u32,
    text: unsafe extern "C" fn(RRef<'_, ErrorObject>, u32) -> RStr<'_>,
    set_text: unsafe extern "C" fn(NonNull<ErrorObject>, u32, RString),
    cause: unsafe extern "C" fn(RRef<'_, ErrorObject>) -> ROption<RRef<'_, Cause>>,
    #[sabi(last_prefix_field)]
    drop: unsafe extern "C" fn(NonNull<ErrorObject>),
}

/// A cause of an [`Error`]: the text of an underlying error and, perhaps, the cause of that one.
#[repr(C)]
#[derive(StableAbi)]
pub struct Cause {
    message: RString,
    next: ROption<NonNull<Cause>>,
    /// Zeros; see [growing](crate#growing).
    reserved: [u64; 1],
}

/// What this library puts behind the pointer.
#[repr(C)]
struct Owned {
    base: ErrorObject,
    kind: u32,
    texts: [RString; text::COUNT],
    cause: Option<Box<Cause>>,
    /// Whether the lines of the message were made for people.
    laid_out: bool,
}

// SAFETY: behind the pointer is `Owned` (or the same of another library): text and numbers,
// owned, changed only through `&mut Error`.
unsafe impl Send for Error {}
// SAFETY: as above; shared access only reads.
unsafe impl Sync for Error {}
// SAFETY: a `Cause` is owned text and an owned pointer to the next one.
unsafe impl Send for Cause {}
// SAFETY: as above; shared access only reads.
unsafe impl Sync for Cause {}

impl Error {
    /// A new error of this kind. The message says what was expected and what was found.
    #[cold]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let mut texts: [RString; text::COUNT] = Default::default();
        texts[text::MESSAGE as usize] = RString::from(message.into());
        let owned = Box::new(Owned {
            base: ErrorObject { vtable: VTABLE },
            kind: kind.code(),
            texts,
            cause: None,
            laid_out: false,
        });
        Self(NonNull::from(Box::leak(owned)).cast())
    }

    /// A new error whose message has lines of its own, such as a whole report. They are shown as they
    /// are, so whatever they repeat went through [`plain`](crate::plain) before. For hosts.
    #[doc(hidden)]
    pub fn __laid_out(kind: ErrorKind, message: impl Into<String>) -> Self {
        let mut this = Self::new(kind, message);
        if let Some(owned) = this.owned_mut() {
            owned.laid_out = true;
        }
        this
    }

    /// What to do about it.
    #[must_use]
    pub fn with_help(self, help: impl Into<String>) -> Self {
        self.with(text::HELP, help.into())
    }

    /// The instance or plugin that failed.
    #[must_use]
    pub fn with_plugin(self, id: impl Into<String>) -> Self {
        self.with(text::PLUGIN, id.into())
    }

    /// The phase of the life cycle in which it failed.
    #[must_use]
    pub fn with_phase(self, phase: impl Into<String>) -> Self {
        self.with(text::PHASE, phase.into())
    }

    /// The file it is about.
    #[must_use]
    pub fn with_path(self, path: impl AsRef<std::path::Path>) -> Self {
        self.with(text::PATH, path.as_ref().display().to_string())
    }

    /// The place in the source code, as `file:line:column`.
    #[must_use]
    pub fn with_location(self, location: impl Into<String>) -> Self {
        self.with(text::LOCATION, location.into())
    }

    /// Keeps the text of `source` and of its own sources as the causes of this error.
    #[must_use]
    pub fn caused_by(self, source: &(dyn std::error::Error + 'static)) -> Self {
        let mut messages = Vec::new();
        let mut current = Some(source);
        while let Some(error) = current {
            messages.push(match error.downcast_ref::<Cause>() {
                // As it was given, not as it is shown.
                Some(cause) => cause.message.to_string(),
                None => error.to_string(),
            });
            current = error.source();
        }
        // Only an error made by this library can take a cause; one from elsewhere is made ours.
        let mut this = if self.is_ours() { self } else { self.clone() };
        if let Some(owned) = this.owned_mut() {
            owned.cause = chain(messages);
        }
        this
    }

    /// What kind of failure this is.
    pub fn kind(&self) -> ErrorKind {
        // SAFETY: the table belongs to the object, which lives as long as `self`.
        ErrorKind::from_code(unsafe { (self.vtable().code())(self.object()) })
    }

    /// What happened: what was expected, what was found.
    pub fn message(&self) -> &str {
        self.text(text::MESSAGE)
    }

    /// What to do about it.
    pub fn help(&self) -> Option<&str> {
        self.some_text(text::HELP)
    }

    /// The instance (or plugin) that failed.
    pub fn plugin(&self) -> Option<&str> {
        self.some_text(text::PLUGIN)
    }

    /// The phase of the life cycle in which it failed.
    pub fn phase(&self) -> Option<&str> {
        self.some_text(text::PHASE)
    }

    /// The file it is about.
    pub fn path(&self) -> Option<&str> {
        self.some_text(text::PATH)
    }

    /// Where in the source code it happened (panics).
    pub fn location(&self) -> Option<&str> {
        self.some_text(text::LOCATION)
    }

    /// The texts of the causes, nearest first.
    pub fn causes(&self) -> impl Iterator<Item = &str> {
        std::iter::successors(self.cause(), |cause| cause.next())
            .map(|cause| cause.message.as_str())
    }

    fn cause(&self) -> Option<&Cause> {
        // SAFETY: the table belongs to the object, which lives as long as `self`.
        let cause = unsafe { (self.vtable().cause())(self.object()) };
        cause.into_option().map(RRef::get)
    }

    fn object(&self) -> RRef<'_, ErrorObject> {
        // SAFETY: the pointer came from a `Box` of an object that starts with `ErrorObject` and is
        // freed only by `Drop`.
        unsafe { RRef::from_raw(self.0.as_ptr()) }
    }

    fn vtable(&self) -> ErrorVTableRef {
        self.object().get().vtable
    }

    fn text(&self, field: u32) -> &str {
        // SAFETY: the table belongs to the object, which lives as long as `self`.
        unsafe { (self.vtable().text())(self.object(), field) }.as_str()
    }

    fn some_text(&self, field: u32) -> Option<&str> {
        Some(self.text(field)).filter(|text| !text.is_empty())
    }

    fn with(self, field: u32, value: String) -> Self {
        // SAFETY: the table belongs to the object; `self` is owned, so nobody else reads it.
        unsafe { (self.vtable().set_text())(self.0, field, value.into()) };
        self
    }

    /// Whether this library made it.
    fn is_ours(&self) -> bool {
        std::ptr::fn_addr_eq(self.vtable().drop(), drop_owned as unsafe extern "C" fn(_))
    }

    fn owned(&self) -> Option<&Owned> {
        // SAFETY: an object with our `drop` was made by `Error::new` in this library.
        self.is_ours().then(|| unsafe { owned(self.object()) })
    }

    fn owned_mut(&mut self) -> Option<&mut Owned> {
        // SAFETY: as above.
        self.is_ours().then(|| unsafe { self.0.cast::<Owned>().as_mut() })
    }

    /// Who failed at what, and the message.
    fn head(&self, cut: bool) -> String {
        let mut head = match (self.plugin(), self.phase()) {
            (Some(plugin), Some(phase)) => {
                format!("plugin `{}` failed to {}: ", Line(plugin), Line(phase))
            }
            (Some(plugin), None) => format!("plugin `{}`: ", Line(plugin)),
            (None, _) => String::new(),
        };
        head += &match self.owned() {
            Some(Owned { laid_out: true, .. }) => Laid(self.message()).to_string(),
            _ => Lines(self.message(), cut.then_some(MESSAGE)).to_string(),
        };
        head
    }

    /// Writes all of it, one item a line; if `cut`, as much as fits on a screen.
    fn show(&self, f: &mut fmt::Formatter<'_>, cut: bool) -> fmt::Result {
        let head = self.head(cut);
        let mut tail = String::new();
        if let Some(location) = self.location() {
            tail += &format!("\n  at: {}", Line(location));
        }
        if let Some(path) = self.path() {
            tail += &format!("\n  file: {}", Line(path));
        }
        if let Some(help) = self.help() {
            tail += &format!("\n  help: {}", Lines(help, cut.then_some(HELP)));
        }
        let causes: String = self
            .causes()
            .map(|cause| format!("\n  because: {}", Lines(cause, cut.then_some(LINES))))
            .collect();
        let breaks = |text: &str| text.matches('\n').count();
        let room = LINES.saturating_sub(1 + breaks(&head) + breaks(&tail));
        f.write_str(&head)?;
        match breaks(&causes).checked_sub(room) {
            Some(1..) if cut => {
                let shown = room.saturating_sub(1);
                for line in causes.lines().skip(1).take(shown) {
                    write!(f, "\n{line}")?;
                }
                write!(f, "\n    … (and {} more lines)", breaks(&causes) - shown)?;
            }
            _ => f.write_str(&causes)?,
        }
        f.write_str(&tail)
    }
}

macro_rules! predicates {
    ($($(#[$doc:meta])* $name:ident => $kind:ident;)*) => {
        impl Error {
            $($(#[$doc])* pub fn $name(&self) -> bool { self.kind() == ErrorKind::$kind })*
        }
    };
}

predicates! {
    /// Plugin code panicked; the panic was contained.
    is_panic => Panic;
    /// A deadline passed.
    is_timeout => Timeout;
    /// Built against another ABI, for another target, or with refused settings.
    is_incompatible => Incompatible;
    /// The file is no plugin, or a damaged one.
    is_invalid_plugin => InvalidPlugin;
    /// A setting is missing, unknown or of the wrong type.
    is_invalid_config => InvalidConfig;
    /// Input to the call is not acceptable.
    is_invalid_input => InvalidInput;
    /// No such plugin, service, route or record.
    is_not_found => NotFound;
    /// There is one already.
    is_already_exists => AlreadyExists;
    /// A precondition did not hold.
    is_conflict => Conflict;
    /// The plugin lacks a permission.
    is_permission_denied => PermissionDenied;
    /// A limit was reached.
    is_resource_limit => ResourceLimit;
    /// Not supported by this plugin or backend.
    is_unsupported => Unsupported;
    /// Stopped, stopping or not yet started.
    is_unavailable => Unavailable;
    /// A requirement is missing, conflicting or part of a cycle.
    is_unresolved => Unresolved;
    /// A plugin file does not meet the policy.
    is_untrusted => Untrusted;
}

impl Cause {
    fn next(&self) -> Option<&Cause> {
        // SAFETY: the next cause is owned by this one and freed only with it.
        self.next.into_option().map(|next| unsafe { next.as_ref() })
    }
}

/// These texts, nearest first.
fn chain(messages: Vec<String>) -> Option<Box<Cause>> {
    messages.into_iter().rev().fold(None, |next: Option<Box<Cause>>, message| {
        let next =
            next.map_or(ROption::RNone, |next| ROption::RSome(NonNull::from(Box::leak(next))));
        Some(Box::new(Cause { message: message.into(), next, reserved: [0; 1] }))
    })
}

impl Drop for Cause {
    fn drop(&mut self) {
        if let ROption::RSome(next) = self.next {
            // SAFETY: made by `Box::leak` in `chain`; only the library that made a
            // cause drops it, through the table of its error.
            drop(unsafe { Box::from_raw(next.as_ptr()) });
        }
    }
}

impl fmt::Debug for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.message.as_str(), f)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Lines(self.message.as_str(), Some(MESSAGE)), f)
    }
}

impl std::error::Error for Cause {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.next().map(|next| next as _)
    }
}

impl Drop for Error {
    fn drop(&mut self) {
        // SAFETY: the table belongs to the object, and `self` owned it.
        unsafe { (self.vtable().drop())(self.0) }
    }
}

/// The same once more.
impl Clone for Error {
    fn clone(&self) -> Self {
        let mut copy = Error::new(self.kind(), self.message());
        for field in text::HELP..text::COUNT as u32 {
            if let Some(value) = self.some_text(field) {
                copy = copy.with(field, value.to_owned());
            }
        }
        if let Some(owned) = copy.owned_mut() {
            owned.cause = chain(self.causes().map(str::to_owned).collect());
            owned.laid_out = self.owned().is_some_and(|owned| owned.laid_out);
        }
        copy
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() { self.show(f, true) } else { f.write_str(&self.head(true)) }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}] ", self.kind().as_str())?;
        self.show(f, false)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause().map(|cause| cause as _)
    }
}

const VTABLE: ErrorVTableRef = {
    const FIELDS: &WithMetadata<ErrorVTable> = &WithMetadata::new(ErrorVTable {
        code,
        text: text_of,
        set_text,
        cause: cause_of,
        drop: drop_owned,
    });
    ErrorVTableRef(FIELDS.static_as_prefix())
};

/// # Safety
/// The object was made by [`Error::new`] of this library.
unsafe fn owned<'a>(object: RRef<'a, ErrorObject>) -> &'a Owned {
    // SAFETY: by contract; `Owned` is `repr(C)` and starts with `ErrorObject`.
    unsafe { object.transmute_into_ref::<Owned>() }
}

unsafe extern "C" fn code(object: RRef<'_, ErrorObject>) -> u32 {
    // SAFETY: this function sits only in the table of this library's own errors.
    unsafe { owned(object) }.kind
}

unsafe extern "C" fn text_of(object: RRef<'_, ErrorObject>, field: u32) -> RStr<'_> {
    // SAFETY: as in `code`.
    let texts = &unsafe { owned(object) }.texts;
    texts.get(field as usize).map_or(RStr::empty(), |text| text.as_rstr())
}

unsafe extern "C" fn set_text(object: NonNull<ErrorObject>, field: u32, value: RString) {
    // SAFETY: as in `code`; the caller owns the error, so the access is exclusive.
    let owned = unsafe { object.cast::<Owned>().as_mut() };
    if let Some(slot) = owned.texts.get_mut(field as usize) {
        *slot = value;
    }
}

unsafe extern "C" fn cause_of(object: RRef<'_, ErrorObject>) -> ROption<RRef<'_, Cause>> {
    // SAFETY: as in `code`.
    match &unsafe { owned(object) }.cause {
        Some(cause) => ROption::RSome(RRef::new(&**cause)),
        None => ROption::RNone,
    }
}

unsafe extern "C" fn drop_owned(object: NonNull<ErrorObject>) {
    // SAFETY: as in `code`; called once, by `Drop`, with the pointer that `Error::new` leaked.
    drop(unsafe { Box::from_raw(object.cast::<Owned>().as_ptr()) });
}
