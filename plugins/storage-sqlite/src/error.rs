//! From SQLite's errors to hotshoe's: what happened, to which file, and what to do.

use std::path::Path;

use hotshoe::{Error, ErrorKind};
use rusqlite::ErrorCode;

/// Whether the file is damaged, or never was a database.
pub(crate) fn is_damage(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error_code();
    matches!(code, Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

/// The error of SQLite while it was `doing` something to the file at `path`.
pub(crate) fn describe(error: &rusqlite::Error, doing: &str, path: &Path) -> Error {
    let (kind, what, help) = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => (
            ErrorKind::Unavailable,
            "another connection holds the lock",
            "try again; if this is frequent, raise `busy_timeout` or find out who else writes",
        ),
        Some(ErrorCode::DiskFull) => {
            (ErrorKind::Io, "the disk is full", "make room; what was acknowledged is kept")
        }
        Some(ErrorCode::SystemIoFailure) => (
            ErrorKind::Io,
            "the disk failed",
            "check the disk and the file system; what was acknowledged is kept, if the disk kept it",
        ),
        Some(ErrorCode::DatabaseCorrupt) => (
            ErrorKind::Io,
            "the database is damaged",
            "stop the plugin, keep the file aside, and restore the last backup into a new one",
        ),
        Some(ErrorCode::NotADatabase) => (
            ErrorKind::Io,
            "the file is no SQLite database, or an encrypted one",
            "set `path` to another file, or restore the last backup into a new one",
        ),
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => (
            ErrorKind::Io,
            "the file cannot be opened for writing",
            "let the user of this process read and write the file and its directory",
        ),
        Some(ErrorCode::TooBig) => {
            (ErrorKind::InvalidInput, "the value is too large for SQLite", "split the value")
        }
        Some(ErrorCode::OutOfMemory) => {
            (ErrorKind::ResourceLimit, "there is not enough memory", "use smaller values or pages")
        }
        _ => (ErrorKind::Other, "SQLite refused", "see the cause"),
    };
    Error::new(kind, format!("cannot {doing}: {what}"))
        .caused_by(error)
        .with_path(path)
        .with_help(help)
}
