//! The format of a backup file, written and read one record at a time.
//!
//! Numbers are unsigned and big-endian, checksums are CRC-32 (IEEE).
//!
//! ```text
//! header   "hotshoe-backup 1\n"         17 bytes; the number is the version of the format
//! record   "R"                          any number of them, keys strictly ascending by bytes
//!          key length                   4 bytes
//!          value length                 8 bytes
//!          key                          UTF-8
//!          value
//!          checksum                     4 bytes, over this record from its "R" on
//! end      "E"
//!          number of records            8 bytes
//!          checksum                     4 bytes, over the file from its first byte to here
//! ```
//!
//! After the end comes nothing. A file that was cut short has no end; one that was changed has a
//! wrong checksum. Versions of records are not kept: what is restored is a new change.

use std::io::{BufReader, BufWriter, ErrorKind as IoKind, Read, Write};

use super::crc32::Crc32;
use crate::contract::storage::Capabilities;
use crate::contract::storage::limits::shown;
use crate::contract::{Error, ErrorKind, Result, ResultExt};

const MAGIC: &[u8] = b"hotshoe-backup ";
const HEADER: &[u8] = b"hotshoe-backup 1\n";
const RECORD: u8 = b'R';
const END: u8 = b'E';

/// How much of a value is in memory while it is only checked.
const CHUNK: usize = 16 << 10;
/// What is set aside for a value before any of it was read: its length may be a lie.
const TRUSTED_BYTES: u64 = 1 << 20;

/// Writes a backup.
pub(super) struct Encoder<W: Write> {
    out: BufWriter<W>,
    all: Crc32,
    bytes: u64,
    records: u64,
    last_key: Option<String>,
}

/// What the end of a backup says.
pub(super) struct Totals {
    pub(super) records: u64,
    pub(super) bytes: u64,
    pub(super) crc32: u32,
}

impl<W: Write> Encoder<W> {
    pub(super) fn new(out: W) -> Result<Self> {
        let out = BufWriter::new(out);
        let mut this = Self { out, all: Crc32::new(), bytes: 0, records: 0, last_key: None };
        this.write(HEADER)?;
        Ok(this)
    }

    pub(super) fn record(&mut self, key: &str, value: &[u8]) -> Result<()> {
        if self.last_key.as_deref().is_some_and(|last| last >= key) {
            let message = format!("a scan returned {} out of order", shown(key));
            return Err(Error::new(ErrorKind::Other, message)
                .with_help("the backend breaks its contract; run the conformance suite on it"));
        }
        let too_long = |_| Error::new(ErrorKind::InvalidInput, "a key has more than 4 GiB");
        let key_length = u32::try_from(key.len()).map_err(too_long)?;
        let mut crc = Crc32::new();
        let length = (value.len() as u64).to_be_bytes();
        let key_length = key_length.to_be_bytes();
        for part in [&[RECORD], &key_length[..], &length, key.as_bytes(), value] {
            crc.update(part);
            self.write(part)?;
        }
        self.write(&crc.value().to_be_bytes())?;
        self.records += 1;
        self.last_key = Some(key.to_owned());
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<Totals> {
        self.write(&[END])?;
        self.write(&self.records.to_be_bytes())?;
        let crc32 = self.all.value();
        self.write(&crc32.to_be_bytes())?;
        self.out.flush().map_err(cannot_write)?;
        Ok(Totals { records: self.records, bytes: self.bytes, crc32 })
    }

    fn write(&mut self, part: &[u8]) -> Result<()> {
        self.all.update(part);
        self.bytes += part.len() as u64;
        self.out.write_all(part).map_err(cannot_write)
    }
}

#[allow(clippy::needless_pass_by_value, reason = "fits `map_err`")]
fn cannot_write(error: std::io::Error) -> Error {
    Error::new(ErrorKind::Io, "cannot write the backup")
        .caused_by(&error)
        .with_help("what was written is no backup: remove it, make room, and back up again")
}

/// Reads a backup, from its header on.
pub(super) struct Decoder<R> {
    input: BufReader<R>,
    limits: Capabilities,
    all: Crc32,
    position: u64,
    records: u64,
    last_key: Option<String>,
}

impl<R: Read> Decoder<R> {
    /// Reads the header. Keys and values beyond `limits` are refused when they come.
    pub(super) fn new(input: R, limits: Capabilities) -> Result<Self> {
        let input = BufReader::new(input);
        let mut this =
            Self { input, limits, all: Crc32::new(), position: 0, records: 0, last_key: None };
        let mut header = [0; HEADER.len()];
        this.read(&mut header)?;
        if header == HEADER {
            return Ok(this);
        }
        if header.starts_with(MAGIC) {
            let found = String::from_utf8_lossy(&header[MAGIC.len()..]);
            let found = found.trim_end();
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!("the backup has format {found:?}, expected \"1\""),
            )
            .with_help("restore it with the version of hotshoe that wrote it, or a newer one"));
        }
        Err(Error::new(ErrorKind::InvalidInput, "this is no hotshoe backup: its header is another")
            .with_help("nothing was written; give a file that `backup` wrote"))
    }

    /// How many records were read.
    pub(super) fn records(&self) -> u64 {
        self.records
    }

    /// Reads and checks one record. Returns its key, `None` at a good end. The value goes into
    /// `value`, or is only checked.
    pub(super) fn next(&mut self, value: Option<&mut Vec<u8>>) -> Result<Option<String>> {
        let mut crc = Crc32::new();
        let [tag] = self.array(&mut crc)?;
        match tag {
            RECORD => self.record(crc, value).map(Some),
            END => self.end().map(|()| None),
            _ => Err(self.damaged("expected the start of a record or the end")),
        }
    }

    fn record(&mut self, mut crc: Crc32, value: Option<&mut Vec<u8>>) -> Result<String> {
        let key_length = u32::from_be_bytes(self.array(&mut crc)?);
        let value_length = u64::from_be_bytes(self.array(&mut crc)?);
        self.fits("key", u64::from(key_length), self.limits.max_key_bytes)?;
        self.fits("value", value_length, self.limits.max_value_bytes)?;

        let mut key = vec![0; key_length as usize];
        self.read(&mut key)?;
        crc.update(&key);
        match value {
            Some(value) => self.keep(value_length, value, &mut crc)?,
            None => self.skip(value_length, &mut crc)?,
        }
        let found = crc.value();
        if u32::from_be_bytes(self.array(&mut crc)?) != found {
            return Err(self.damaged("its checksum does not match"));
        }
        let key = String::from_utf8(key).map_err(|_| self.damaged("its key is not UTF-8"))?;
        if self.last_key.as_ref().is_some_and(|last| *last >= key) {
            return Err(self.damaged("its key is not greater than the one before"));
        }
        self.last_key = Some(key.clone());
        self.records += 1;
        Ok(key)
    }

    fn end(&mut self) -> Result<()> {
        let expected = u64::from_be_bytes(self.array(&mut Crc32::new())?);
        if expected != self.records {
            return Err(self.damaged(&format!("the end says there are {expected} records")));
        }
        let found = self.all.value();
        if u32::from_be_bytes(self.array(&mut Crc32::new())?) != found {
            return Err(self.damaged("the checksum of the whole file does not match"));
        }
        let more = self.input.read(&mut [0]).describe_as(ErrorKind::Io, CANNOT_READ)?;
        if more > 0 {
            return Err(self.damaged("there is more after the end"));
        }
        Ok(())
    }

    fn keep(&mut self, length: u64, value: &mut Vec<u8>, crc: &mut Crc32) -> Result<()> {
        value.clear();
        value.reserve(length.min(TRUSTED_BYTES) as usize);
        let read = (&mut self.input).take(length).read_to_end(value);
        let read = read.describe_as(ErrorKind::Io, CANNOT_READ)? as u64;
        self.position += read;
        if read < length {
            return Err(self.damaged("the file ends here"));
        }
        self.all.update(value);
        crc.update(value);
        Ok(())
    }

    fn skip(&mut self, mut length: u64, crc: &mut Crc32) -> Result<()> {
        let mut chunk = [0; CHUNK];
        while length > 0 {
            let part = &mut chunk[..length.min(CHUNK as u64) as usize];
            self.read(part)?;
            crc.update(part);
            length -= part.len() as u64;
        }
        Ok(())
    }

    fn array<const N: usize>(&mut self, crc: &mut Crc32) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        self.read(&mut bytes)?;
        crc.update(&bytes);
        Ok(bytes)
    }

    fn read(&mut self, part: &mut [u8]) -> Result<()> {
        match self.input.read_exact(part) {
            Ok(()) => {
                self.all.update(part);
                self.position += part.len() as u64;
                Ok(())
            }
            Err(error) if error.kind() == IoKind::UnexpectedEof => {
                Err(self.damaged("the file ends here"))
            }
            Err(error) => Err(Error::new(ErrorKind::Io, CANNOT_READ).caused_by(&error)),
        }
    }

    fn fits(&self, what: &str, found: u64, limit: usize) -> Result<()> {
        if found <= limit as u64 {
            return Ok(());
        }
        let number = self.records + 1;
        let message = format!(
            "the {what} of record {number} has {found} bytes, the backend takes at most {limit}"
        );
        Err(Error::new(ErrorKind::InvalidInput, message).with_help(
            "raise the backend's limit; if there was no such record, the file is damaged",
        ))
    }

    fn damaged(&self, why: &str) -> Error {
        let (records, position) = (self.records, self.position);
        let message =
            format!("the backup is damaged: after {records} records, at byte {position}: {why}");
        Error::new(ErrorKind::InvalidInput, message)
            .with_help("it was cut short or changed; use another copy of it")
    }
}

const CANNOT_READ: &str = "cannot read the backup";
