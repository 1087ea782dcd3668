//! What the bytes of a library say: its manifest, and what it would bring along.
//!
//! Nobody vouches for a file in the directory. Whatever it says of itself, a few megabytes of it are
//! read at most: its two tables of headers, which are limited here, the manifest, the dynamic table
//! and the names in that, and its table of symbols.

use std::sync::Arc;

use object::elf::{self, FileHeader64, Machine, ProgramHeader64, SectionHeader64};
use object::read::elf::{FileHeader, ProgramHeader, SectionHeader, SectionTable};
use object::{Endianness, ReadRef, SectionIndex};

use super::entry::Entry;
use super::linkage::Linkage;
use crate::contract::{Error, ErrorKind, Result};
use crate::manifest::{MAX_BYTES, Manifest, text_of};

/// The section that holds the manifest.
const SECTION: &str = ".hotshoe";

/// So many bytes of section names are read. Real ones have some hundred.
const MOST_NAMES: u64 = 64 << 10;

/// What a file turned out to be.
#[derive(Debug)]
pub(crate) enum Inspection {
    /// A library with a manifest.
    Plugin(Box<Inspected>),
    /// Something else: the reason, for one line in the log.
    NoPlugin(String),
}

/// What a library says of itself.
#[derive(Debug)]
pub(crate) struct Inspected {
    pub(crate) manifest: Manifest,
    /// What the manifest was read from.
    pub(crate) text: Arc<str>,
    pub(crate) entry: Entry,
    pub(crate) linkage: Linkage,
}

impl Manifest {
    /// Reads the manifest of a library, given as the bytes of its file; nothing if it is no library,
    /// or one without a manifest. No code of it runs.
    ///
    /// Whether a host would accept it is another matter: policy, signatures and requirements are the
    /// host's.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidPlugin`] if it is damaged or its manifest is,
    /// [`ErrorKind::Incompatible`] if it is for another machine.
    pub fn from_library(bytes: &[u8]) -> Result<Option<Self>> {
        Ok(match inspect(bytes, bytes.len() as u64)? {
            Inspection::Plugin(found) => Some(found.manifest),
            Inspection::NoPlugin(_) => None,
        })
    }
}

/// Reads headers, the manifest's section and the dynamic table of a library of `length` bytes.
///
/// # Errors
/// [`ErrorKind::InvalidPlugin`] or [`ErrorKind::Incompatible`] for bytes that mean to be a plugin
/// (or a library for another machine) and cannot be used.
pub(crate) fn inspect<'d>(data: impl ReadRef<'d>, length: u64) -> Result<Inspection> {
    let no_plugin = |reason: String| Ok(Inspection::NoPlugin(reason));
    let damaged = |error: object::Error| {
        Error::new(
            ErrorKind::InvalidPlugin,
            format!(
                "a whole library was expected, this one of {length} bytes is damaged or cut off"
            ),
        )
        .with_help("copy or build the file again")
        .caused_by(&error)
    };
    let magic = data.read_bytes_at(0, length.min(20)).unwrap_or_default();
    if !magic.starts_with(b"\x7fELF") {
        return no_plugin("it is no ELF library".into());
    }
    if magic.len() < 20 {
        return Err(damaged_header(length));
    }
    // Class and byte order first: everything after them is laid out accordingly.
    if let Some(found) = other_machine(magic) {
        return Err(Error::new(
            ErrorKind::Incompatible,
            format!("a library for {} was expected, this one is for {found}", machine_name(HOST)),
        )
        .with_help(format!("build the plugin for {}", hotshoe_abi::TARGET)));
    }
    let header = FileHeader64::<Endianness>::parse(data).map_err(damaged)?;
    let endian = header.endian().map_err(damaged)?;
    if header.e_type(endian) != elf::ET_DYN {
        return no_plugin("it is an ELF file, but no shared library".into());
    }
    // Numbers of headers beyond 16 bit are kept elsewhere, and would be believed.
    let many_sections = header.e_shoff(endian) != 0 && header.e_shnum(endian) == 0;
    if many_sections || header.e_phnum(endian) == elf::PN_XNUM {
        return Err(malformed("fewer than 65,280 headers", "more of them"));
    }
    let segments = header.program_headers(endian, data).map_err(damaged)?;
    let sections = header.sections(endian, data).map_err(damaged)?;
    let names = header.shstrndx(endian, data).map_err(damaged)?;
    let Some(section) = find_section(&sections, SectionIndex(names as usize), endian, data)? else {
        return no_plugin(format!(
            "it is a library without a hotshoe manifest (section {SECTION})"
        ));
    };
    let size = section.sh_size(endian);
    if size > MAX_BYTES as u64 {
        return Err(Error::new(
            ErrorKind::InvalidPlugin,
            format!("its manifest has {size} bytes, at most {MAX_BYTES} are read"),
        )
        .with_help("put large data into a file beside the plugin"));
    }
    let text = text_of(section.data(endian, data).map_err(damaged)?)?;
    let manifest = Manifest::parse(text)?;
    // The end of a file holds its section table, which was read; what lies in segments may still
    // be missing, and `dlopen` of such a file ends in a bus error.
    if let Some(end) = end_of_segments(segments, endian)
        && end > length
    {
        return Err(Error::new(
            ErrorKind::InvalidPlugin,
            format!("a library of at least {end} bytes was expected, the file has {length}"),
        )
        .with_help("copy or build the file again"));
    }
    let linkage = Linkage::read(segments, endian, data)?;
    let entry = Entry::find(&sections, endian, data, &manifest.build.symbol)?;
    Ok(Inspection::Plugin(Box::new(Inspected { manifest, text: text.into(), entry, linkage })))
}

/// The section of the manifest. Names are read together, and compared where they are: one by one, each
/// of thousands could be long.
fn find_section<'d, R: ReadRef<'d>>(
    sections: &SectionTable<'d, FileHeader64<Endianness>, R>,
    names: SectionIndex,
    endian: Endianness,
    data: R,
) -> Result<Option<&'d SectionHeader64<Endianness>>> {
    let Ok(names) = sections.section(names) else { return Ok(None) };
    if names.sh_size(endian) > MOST_NAMES {
        return Err(malformed("at most 64 KiB of section names", "more of them"));
    }
    let names = names.data(endian, data).unwrap_or_default();
    Ok(sections.iter().find(|section| {
        let at = section.sh_name(endian) as usize;
        names.get(at..).is_some_and(|name| starts_with_name(name, SECTION))
    }))
}

/// Whether this text, whose end is a zero byte, is first in a table of names.
pub(super) fn starts_with_name(table: &[u8], name: &str) -> bool {
    table.strip_prefix(name.as_bytes()).is_some_and(|rest| rest.first() == Some(&0))
}

/// No damage does this, and no linker.
pub(super) fn malformed(expected: &str, found: &str) -> Error {
    Error::new(
        ErrorKind::InvalidPlugin,
        format!("a library with {expected} was expected, this one has {found}"),
    )
    .with_help("build it again with an ordinary linker, and do not change it afterwards")
}

fn damaged_header(length: u64) -> Error {
    Error::new(
        ErrorKind::InvalidPlugin,
        format!("a whole library was expected, the file ends after {length} bytes"),
    )
    .with_help("copy or build the file again")
}

fn end_of_segments(segments: &[ProgramHeader64<Endianness>], endian: Endianness) -> Option<u64> {
    segments
        .iter()
        .filter(|header| header.p_type(endian) == elf::PT_LOAD)
        .map(|header| header.p_offset(endian).saturating_add(header.p_filesz(endian)))
        .max()
}

/// `e_machine` of this program.
const HOST: Machine = if cfg!(target_arch = "x86_64") {
    elf::EM_X86_64
} else if cfg!(target_arch = "aarch64") {
    elf::EM_AARCH64
} else if cfg!(target_arch = "riscv64") {
    elf::EM_RISCV
} else {
    elf::EM_NONE
};

/// What another machine the header is for, if it is for another one. `magic` has 20 bytes.
fn other_machine(magic: &[u8]) -> Option<String> {
    let class = *magic.get(4)?;
    let data = *magic.get(5)?;
    let bytes: [u8; 2] = magic.get(18..20)?.try_into().ok()?;
    let machine =
        Machine(if data == 2 { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) });
    let ours = if cfg!(target_endian = "big") { 2 } else { 1 };
    if class == 1 {
        return Some(format!("{} (32 bit)", machine_name(machine)));
    }
    if data != ours {
        return Some(format!("{} in the other byte order", machine_name(machine)));
    }
    (HOST != elf::EM_NONE && machine != HOST).then(|| machine_name(machine))
}

fn machine_name(machine: Machine) -> String {
    match machine {
        elf::EM_X86_64 => "x86_64".into(),
        elf::EM_AARCH64 => "aarch64".into(),
        elf::EM_386 => "x86".into(),
        elf::EM_ARM => "arm".into(),
        elf::EM_RISCV => "riscv".into(),
        elf::EM_PPC64 => "powerpc64".into(),
        elf::EM_S390 => "s390x".into(),
        other => format!("machine number {}", other.0),
    }
}
