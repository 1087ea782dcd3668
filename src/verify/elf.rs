//! What the bytes of a library say: its manifest, and what it would bring along.

use object::elf::{self, Machine};
use object::read::elf::{ElfFile64, FileHeader, ProgramHeader};
use object::{Endianness, Object, ObjectSection, ReadRef};

use super::entry::Entry;
use super::linkage::Linkage;
use crate::contract::{Error, ErrorKind, Result};
use crate::manifest::{MAX_BYTES, Manifest};

/// The section that holds the manifest.
const SECTION: &str = ".hotshoe";

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
    let library = ElfFile64::<Endianness, _>::parse(data).map_err(damaged)?;
    if library.elf_header().e_type(library.endian()) != elf::ET_DYN {
        return no_plugin("it is an ELF file, but no shared library".into());
    }
    let Some(section) = library.section_by_name(SECTION) else {
        return no_plugin(format!(
            "it is a library without a hotshoe manifest (section {SECTION})"
        ));
    };
    if section.size() > MAX_BYTES as u64 {
        return Err(Error::new(
            ErrorKind::InvalidPlugin,
            format!("its manifest has {} bytes, at most {MAX_BYTES} are read", section.size()),
        )
        .with_help("put large data into a file beside the plugin"));
    }
    let manifest = Manifest::from_section(section.data().map_err(damaged)?)?;
    // The end of a file holds its section table, which was read; what lies in segments may still
    // be missing, and `dlopen` of such a file ends in a bus error.
    if let Some(end) = end_of_segments(&library)
        && end > length
    {
        return Err(Error::new(
            ErrorKind::InvalidPlugin,
            format!("a library of at least {end} bytes was expected, the file has {length}"),
        )
        .with_help("copy or build the file again"));
    }
    let linkage = Linkage::read(&library).map_err(damaged)?;
    let entry = Entry::find(&library, &manifest.build.symbol);
    Ok(Inspection::Plugin(Box::new(Inspected { manifest, entry, linkage })))
}

fn damaged_header(length: u64) -> Error {
    Error::new(
        ErrorKind::InvalidPlugin,
        format!("a whole library was expected, the file ends after {length} bytes"),
    )
    .with_help("copy or build the file again")
}

fn end_of_segments<'d, R: ReadRef<'d>>(library: &ElfFile64<'d, Endianness, R>) -> Option<u64> {
    let endian = library.endian();
    library
        .elf_program_headers()
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
