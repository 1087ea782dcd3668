//! What every backend has to refuse, said once: keys, values, batches and scans beyond the limits,
//! and preconditions that do not hold.

use super::{Batch, Capabilities, Operation, Precondition, Scan, Version};
use crate::contract::{Call, Error, ErrorKind, Result};

/// The longest part of a key that a message repeats.
const SHOWN_KEY_CHARS: usize = 96;

/// A key as messages name it: quoted, escaped, cut where it is very long. Values are never named.
pub(super) fn shown(key: &str) -> String {
    match key.char_indices().nth(SHOWN_KEY_CHARS) {
        None => format!("{key:?}"),
        Some((end, _)) => format!("{:?}… ({} bytes)", &key[..end], key.len()),
    }
}

/// Refuses to go on when the answer is no longer wanted.
pub(super) fn in_time(call: &Call, doing: &str) -> Result<()> {
    if call.remaining().is_some_and(|left| left.is_zero()) {
        let message = format!("the deadline of the call passed while {doing}");
        return Err(Error::new(ErrorKind::Timeout, message)
            .with_help("give the call more time; what was acknowledged so far stays"));
    }
    Ok(())
}

/// Checks that backends make before they touch anything.
///
/// ```
/// use hotshoe::{Batch, Capabilities, Precondition};
///
/// let capabilities = Capabilities::default();
/// assert!(capabilities.check_key(&"k".repeat(1025)).unwrap_err().is_invalid_input());
/// let twice = Batch::new().put("a", "1", Precondition::Any).delete("a", Precondition::Any);
/// assert!(capabilities.check_batch(&twice).unwrap_err().is_invalid_input());
/// ```
impl Capabilities {
    /// Whether this key is short enough.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] naming the limit.
    pub fn check_key(&self, key: &str) -> Result<()> {
        if key.len() <= self.max_key_bytes {
            return Ok(());
        }
        let (found, limit) = (key.len(), self.max_key_bytes);
        Err(Error::new(
            ErrorKind::InvalidInput,
            format!("the key {} has {found} bytes, expected at most {limit}", shown(key)),
        )
        .with_help("use a shorter key, for instance a digest of the long part"))
    }

    /// Whether this value is small enough for `key`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] naming the key and the limit, not the value.
    pub fn check_value(&self, key: &str, value: &[u8]) -> Result<()> {
        if value.len() <= self.max_value_bytes {
            return Ok(());
        }
        let (found, limit) = (value.len(), self.max_value_bytes);
        Err(Error::new(
            ErrorKind::InvalidInput,
            format!("the value for {} has {found} bytes, expected at most {limit}", shown(key)),
        )
        .with_help("split the value over several keys, or raise the backend's limit"))
    }

    /// Whether this batch is short enough, each of its keys and values is, and no key appears
    /// twice.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] naming what is wrong.
    pub fn check_batch(&self, batch: &Batch) -> Result<()> {
        let steps = batch.operations.len();
        if steps > self.max_batch {
            let limit = self.max_batch;
            return Err(Error::new(
                ErrorKind::InvalidInput,
                format!("the batch has {steps} steps, expected at most {limit}"),
            )
            .with_help("commit it in parts, if it need not be atomic as a whole"));
        }
        for operation in &batch.operations {
            let key = operation.key();
            self.check_key(key)?;
            if let Operation::Put { value, .. } = operation {
                self.check_value(key, value)?;
            }
        }
        let mut keys: Vec<&str> = batch.operations.iter().map(Operation::key).collect();
        // Most batches have few keys, or have them in order.
        keys.sort_unstable();
        match keys.array_windows().find(|[one, next]| one == next) {
            None => Ok(()),
            Some([key, _]) => Err(Error::new(
                ErrorKind::InvalidInput,
                format!("the key {} appears twice in one batch", shown(key)),
            )
            .with_help("merge the steps for one key into one step")),
        }
    }

    /// Whether this scan can make progress.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] for a limit of zero: such a scan would never end.
    pub fn check_scan(&self, scan: &Scan) -> Result<()> {
        if scan.limit > 0 {
            return Ok(());
        }
        Err(Error::new(ErrorKind::InvalidInput, "a scan has limit 0, expected at least 1")
            .with_help("ask for at least one entry a page"))
    }
}

impl Precondition {
    /// Refuses a change where the precondition does not hold. `current` is the key's version,
    /// `None` when it is absent.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] naming the key, what was expected and what was found.
    pub fn check(self, key: &str, current: Option<Version>) -> Result<()> {
        if self.holds(current) {
            return Ok(());
        }
        let expected = match self {
            Self::Any => "anything".to_owned(),
            Self::Absent => "it to be absent".to_owned(),
            Self::At(version) => format!("it at version {version}"),
        };
        let found = match current {
            None => "it is absent".to_owned(),
            Some(version) => format!("it is at version {version}"),
        };
        Err(Error::new(
            ErrorKind::Conflict,
            format!("the key {} was changed: expected {expected}, {found}", shown(key)),
        )
        .with_help("read it again and repeat the change on what is there now"))
    }
}
