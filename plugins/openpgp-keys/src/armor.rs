//! ASCII armor (RFC 9580, section 6).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::error::KeyError;

const BEGIN: &[u8] = b"-----BEGIN PGP ";
const END: &[u8] = b"-----END PGP ";
const KIND: &str = "PUBLIC KEY BLOCK";

/// Wraps binary key material in a public key block with a CRC-24 checksum.
///
/// `headers` are written as `Name: value` lines, for example `("Comment", "...")`; control and
/// non-ASCII characters in them become `_`, so that they cannot end the line or the header.
#[must_use]
pub fn armor(bytes: &[u8], headers: &[(&str, &str)]) -> String {
    let mut text = format!("-----BEGIN PGP {KIND}-----\n");
    for (name, value) in headers {
        text.extend(name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }));
        text.push_str(": ");
        text.extend(value.chars().map(|c| if matches!(c, ' '..='~') { c } else { '_' }));
        text.push('\n');
    }
    text.push('\n');
    for line in bytes.chunks(48) {
        STANDARD.encode_string(line, &mut text);
        text.push('\n');
    }
    let [_, a, b, c] = crc24(bytes).to_be_bytes();
    text.push('=');
    STANDARD.encode_string([a, b, c], &mut text);
    text.push_str("\n-----END PGP ");
    text.push_str(KIND);
    text.push_str("-----\n");
    text
}

fn crc24(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x00b7_04ce, |crc: u32, byte| {
        (0..8).fold(crc ^ (u32::from(*byte) << 16), |crc, _| {
            let shifted = crc << 1;
            let carry = shifted & 0x0100_0000 != 0;
            if carry { shifted ^ 0x0186_4cfb } else { shifted }
        })
    })
}

/// Whether there is a line that begins an armored block.
pub(crate) fn is_armored(input: &[u8]) -> bool {
    lines(input).any(|(_, line)| line.starts_with(BEGIN))
}

/// Decodes all public key blocks, one result for each; text around them is skipped.
///
/// Checksums are not verified: RFC 9580 forbids refusing a block for its checksum.
pub(crate) fn dearmor(input: &[u8]) -> Result<Vec<Vec<u8>>, KeyError> {
    let mut blocks = Vec::new();
    let mut other = None;
    let mut lines = lines(input);
    while let Some((number, line)) = lines.next() {
        let Some(kind) = line.strip_prefix(BEGIN) else {
            continue;
        };
        if kind.starts_with(b"PRIVATE KEY BLOCK") || kind.starts_with(b"SECRET KEY BLOCK") {
            return Err(KeyError::SecretKey);
        }
        if kind.strip_suffix(b"-----") == Some(KIND.as_bytes()) {
            blocks.push(block(&mut lines, number)?);
        } else {
            other = Some(String::from_utf8_lossy(kind.trim_ascii_end()).replace('-', ""));
        }
    }
    if blocks.is_empty() {
        let found = match other {
            Some(kind) => format!("a block of another kind (`PGP {}`)", shorten(&kind)),
            None => "only other text".into(),
        };
        return Err(KeyError::NoKey { found });
    }
    Ok(blocks)
}

/// Reads from after the BEGIN line to the END line.
fn block<'a>(
    lines: &mut impl Iterator<Item = (usize, &'a [u8])>,
    begin: usize,
) -> Result<Vec<u8>, KeyError> {
    let damaged = |line: usize, reason: &str| KeyError::Armor { line, reason: reason.into() };
    let mut data = Vec::new();
    let mut in_headers = true;
    let mut ended = false;
    for (number, line) in lines {
        if line.starts_with(BEGIN) {
            return Err(damaged(number, "a block begins within a block"));
        }
        if line.starts_with(END) {
            return STANDARD
                .decode(&data)
                .map_err(|error| damaged(begin, &format!("not base64: {error}")));
        }
        if in_headers {
            // Some mail programs and web forms lose the empty line after the headers.
            let is_header = line.contains(&b':');
            in_headers = is_header;
            if is_header {
                continue;
            }
        }
        if line.is_empty() {
            continue;
        }
        if ended {
            return Err(damaged(number, "more data after the checksum"));
        }
        // A checksum, or an empty one ("=").
        ended = line.starts_with(b"=");
        if !ended {
            data.extend(line.iter().filter(|byte| !byte.is_ascii_whitespace()));
        }
    }
    Err(damaged(begin, "the END line of the block is missing, it was cut off"))
}

/// Lines without surrounding white space, numbered from 1.
fn lines(input: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let lines = input.split(|byte| *byte == b'\n');
    (1..).zip(lines.map(<[u8]>::trim_ascii))
}

fn shorten(text: &str) -> String {
    let visible = |c: &char| matches!(c, ' '..='~');
    text.chars().filter(visible).take(40).collect()
}
