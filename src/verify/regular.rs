//! Files that others may have put there: a regular one is opened, and nothing else.
//!
//! A named pipe would wait for a writer, a device may act upon being opened, and neither ends.

use std::fs::{File, Metadata};
use std::io::{Error, ErrorKind, Read, Result};
use std::path::Path;

/// Opens a file for reading.
///
/// # Errors
/// Those of the system, and [`ErrorKind::InvalidInput`] for what is no regular file.
pub(super) fn open(path: &Path) -> Result<(File, Metadata)> {
    check(&std::fs::metadata(path)?)?;
    // Something else may have taken its name by now: nothing waits, and it is looked at again.
    let mut options = File::options();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;

        use rustix::fs::OFlags;
        let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
        options.custom_flags(flags.bits().cast_signed());
    }
    let file = options.open(path)?;
    let metadata = file.metadata()?;
    check(&metadata)?;
    Ok((file, metadata))
}

/// Reads a file of at most `most` bytes.
///
/// # Errors
/// As for [`open`]; [`ErrorKind::FileTooLarge`], and [`ErrorKind::InvalidData`] for what is no text.
pub(super) fn read_text(path: &Path, most: u64) -> Result<String> {
    let (file, metadata) = open(path)?;
    let mut text = String::new();
    let length = match metadata.len() {
        length if length > most => length,
        // It may grow.
        _ => file.take(most + 1).read_to_string(&mut text)? as u64,
    };
    if length > most {
        let message = format!("it is larger than {} KiB", most >> 10);
        return Err(Error::new(ErrorKind::FileTooLarge, message));
    }
    Ok(text)
}

fn check(metadata: &Metadata) -> Result<()> {
    if metadata.is_file() {
        return Ok(());
    }
    Err(Error::new(ErrorKind::InvalidInput, "it is no regular file"))
}
