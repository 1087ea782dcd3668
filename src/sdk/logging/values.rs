//! Values and metadata in the form that crosses.
//!
//! A visitor only borrows what it visits for the length of one call, so all text is copied, one
//! piece after the other, into one buffer. The thread keeps that buffer for its next record:
//! ordinary records allocate nothing.

use std::cell::Cell;
use std::fmt::{Debug, Write};
use std::ops::Range;

use hotshoe_abi::__stable::RStr;
use hotshoe_abi::guard::guard;
use hotshoe_abi::{AbiField, AbiMetadata, value_kind};
use tracing::Metadata;
use tracing::field::{Field, Visit};

use crate::bridge::{MAX_FIELDS, current_plugin, level_number};

/// A buffer that has grown beyond this is not kept.
const KEPT_BYTES: usize = 16 * 1024;

thread_local! {
    /// Empty while a record is being written: one that is made meanwhile, by a `Debug`
    /// implementation that logs, gets a new buffer.
    static BUFFER: Cell<String> = const { Cell::new(String::new()) };
}

/// The values of one record.
pub(super) struct Values {
    slots: [Slot; MAX_FIELDS],
    used: usize,
    text: String,
}

/// One value; `text` is its place in the buffer.
#[derive(Clone, Default)]
struct Slot {
    index: u32,
    kind: u32,
    bits: u64,
    text: Range<usize>,
}

impl Values {
    /// What `record` shows to a visitor.
    pub(super) fn collect(record: impl FnOnce(&mut dyn Visit)) -> Self {
        let mut values = Self {
            slots: Default::default(),
            used: 0,
            text: BUFFER.try_with(Cell::take).unwrap_or_default(),
        };
        record(&mut values);
        values
    }

    /// Lends the values to `send`.
    pub(super) fn send<T>(&self, send: impl FnOnce(&[AbiField<'_>]) -> T) -> T {
        let blank = AbiField { index: 0, kind: 0, bits: 0, text: RStr::from_str("") };
        let mut fields = [blank; MAX_FIELDS];
        for (field, slot) in fields.iter_mut().zip(&self.slots[..self.used]) {
            *field = AbiField {
                index: slot.index,
                kind: slot.kind,
                bits: slot.bits,
                text: RStr::from_str(&self.text[slot.text.clone()]),
            };
        }
        send(&fields[..self.used])
    }

    fn push(&mut self, field: &Field, kind: u32, bits: u64, write: impl FnOnce(&mut String)) {
        // Names beyond the limit do not cross either.
        if field.index() >= MAX_FIELDS || self.used == MAX_FIELDS {
            return;
        }
        let start = self.text.len();
        write(&mut self.text);
        self.slots[self.used] =
            Slot { index: field.index() as u32, kind, bits, text: start..self.text.len() };
        self.used += 1;
    }
}

impl Drop for Values {
    fn drop(&mut self) {
        let mut text = std::mem::take(&mut self.text);
        if text.capacity() <= KEPT_BYTES {
            text.clear();
            let _ = BUFFER.try_with(|buffer| buffer.set(text));
        }
    }
}

impl Visit for Values {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.push(field, value_kind::F64, value.to_bits(), |_| {});
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.push(field, value_kind::I64, value.cast_unsigned(), |_| {});
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.push(field, value_kind::U64, value, |_| {});
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.push(field, value_kind::BOOL, value.into(), |_| {});
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.push(field, value_kind::STR, 0, |text| text.push_str(value));
    }

    // Also what the other kinds come to: 128-bit numbers, bytes, errors.
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.push(field, value_kind::DEBUG, 0, |text| {
            // Somebody's code, and writing a log line should not be what ends a request.
            if let Err(panic) = guard(|| write!(text, "{value:?}")) {
                let _ = write!(text, "<not formatted: {panic}>");
            }
        });
    }
}

/// Lends `metadata` to `send`, with the instance whose code runs on this thread.
pub(super) fn with_metadata<T>(
    metadata: &Metadata<'_>,
    send: impl FnOnce(&AbiMetadata<'_>) -> T,
) -> T {
    let mut names = [RStr::from_str(""); MAX_FIELDS];
    let mut used = 0;
    for (name, field) in names.iter_mut().zip(metadata.fields()) {
        *name = RStr::from_str(field.name());
        used += 1;
    }
    send(&AbiMetadata {
        name: RStr::from_str(metadata.name()),
        target: RStr::from_str(metadata.target()),
        file: RStr::from_str(metadata.file().unwrap_or_default()),
        module: RStr::from_str(metadata.module_path().unwrap_or_default()),
        line: metadata.line().unwrap_or_default(),
        level: level_number(*metadata.level()),
        fields: names[..used].into(),
        instance: RStr::from_str(current_plugin().unwrap_or_default()),
        reserved: [0; 2],
    })
}
