//! From a path to a manifest, through the file's own tables.

use std::fs::File;
use std::path::Path;

use object::elf::{self, Machine};
use object::read::elf::{ElfFile64, FileHeader};
use object::{Endianness, Object, ObjectSection, ReadCache};

use crate::contract::{Error, ErrorKind, Result, ResultExt};
use crate::manifest::{MAX_BYTES, Manifest};

/// The section that holds the manifest.
const SECTION: &str = ".hotshoe";

/// What a file turned out to be.
#[derive(Debug)]
pub(crate) enum Inspection {
    /// A library with a manifest.
    Plugin(Box<Manifest>),
    /// Something else: the reason, for one line in the log.
    NoPlugin(String),
}

/// Looks at a file.
///
/// # Errors
/// [`ErrorKind::InvalidPlugin`] or [`ErrorKind::Incompatible`] for a file that means to be a plugin
/// (or a library for another machine) and cannot be used; [`ErrorKind::Io`] if it can't be read.
pub(crate) fn inspect(path: &Path) -> Result<Inspection> {
    // Whoever opens a named pipe waits for somebody to write into it.
    if std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        return Ok(Inspection::NoPlugin("it is no regular file".into()));
    }
    let file = File::open(path).map_err(|error| {
        let help = match error.kind() {
            std::io::ErrorKind::NotFound => "correct or remove the link",
            _ => "the host's user needs the right to read it",
        };
        Error::new(ErrorKind::Io, "the file cannot be opened")
            .caused_by(&error)
            .with_path(path)
            .with_help(help)
    })?;
    inspect_elf(file).map_err(|error| error.with_path(path))
}

fn inspect_elf(file: File) -> Result<Inspection> {
    let length =
        file.metadata().describe_as(ErrorKind::Io, "the file's size cannot be read")?.len();
    let data = ReadCache::new(file);
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
    let magic = object::ReadRef::read_bytes_at(&data, 0, length.min(20)).unwrap_or_default();
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
    let library = ElfFile64::<Endianness, _>::parse(&data).map_err(damaged)?;
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
    Ok(Inspection::Plugin(Box::new(manifest)))
}

fn damaged_header(length: u64) -> Error {
    Error::new(
        ErrorKind::InvalidPlugin,
        format!("a whole library was expected, the file ends after {length} bytes"),
    )
    .with_help("copy or build the file again")
}

fn end_of_segments<'d>(library: &ElfFile64<'d, Endianness, &'d ReadCache<File>>) -> Option<u64> {
    use object::read::elf::ProgramHeader;
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
