//! What a library would bring along: other libraries, whose code runs as soon as it is opened, and
//! paths on which they are looked for.
//!
//! Read as the system's loader reads it: from the dynamic *segment*, which need not agree with the
//! section of that name.

use object::Endianness;
use object::elf::{self, ProgramHeader64};
use object::read::elf::{Dyn, ElfFile64, ProgramHeader};
use object::read::{Error as ObjectError, ReadRef};

use crate::config::{Rpath, SecurityPolicy};
use crate::contract::{Error, ErrorKind, Result};

/// Libraries of the system that every plugin may need: what Rust's standard library links to, in
/// glibc's names and in musl's. A final `*` stands for the machine or a version.
const SYSTEM: [&str; 10] = [
    "libc.so.6",
    "libm.so.6",
    "libgcc_s.so.1",
    "libpthread.so.0",
    "libdl.so.2",
    "librt.so.1",
    "libutil.so.1",
    "ld-linux*",
    "ld-musl-*",
    "libc.musl-*",
];

/// What a library would bring along.
#[derive(Debug, Default)]
pub(crate) struct Linkage {
    /// Libraries that it needs.
    needed: Vec<String>,
    /// Where it wants them to be looked for.
    run_paths: Vec<String>,
    /// Libraries that would be asked, or told, before it (`DT_FILTER`, `DT_AUXILIARY`, `DT_AUDIT`).
    others: Vec<(&'static str, String)>,
    /// Whether it wants every stack of the process to be executable.
    executable_stack: bool,
}

impl Linkage {
    pub(crate) fn read<'d, R: ReadRef<'d>>(
        library: &ElfFile64<'d, Endianness, R>,
    ) -> std::result::Result<Self, ObjectError> {
        let endian = library.endian();
        let segments = library.elf_program_headers();
        let mut linkage = Self::default();
        for segment in segments {
            if segment.p_type(endian) == elf::PT_GNU_STACK {
                linkage.executable_stack = segment.p_flags(endian).contains(elf::PF_X);
            }
            if let Some(entries) = segment.dynamic(endian, library.data())? {
                linkage.read_table(entries, segments, endian, library.data())?;
            }
        }
        Ok(linkage)
    }

    fn read_table<'d, R: ReadRef<'d>>(
        &mut self,
        entries: &[elf::Dyn64<Endianness>],
        segments: &[ProgramHeader64<Endianness>],
        endian: Endianness,
        data: R,
    ) -> std::result::Result<(), ObjectError> {
        let entries = || entries.iter().take_while(|entry| entry.d_tag(endian) != elf::DT_NULL);
        let value =
            |tag| entries().find(|entry| entry.d_tag(endian) == tag).map(|e| e.d_val(endian));
        let strings = match (value(elf::DT_STRTAB), value(elf::DT_STRSZ)) {
            (Some(address), Some(size)) => strings(segments, endian, data, address, size)?,
            _ => &[],
        };
        for entry in entries() {
            let tag = entry.d_tag(endian);
            let text = || text(strings, entry.d_val(endian));
            match tag {
                elf::DT_NEEDED => self.needed.push(text()),
                elf::DT_RPATH | elf::DT_RUNPATH => self.run_paths.push(text()),
                elf::DT_FILTER => self.others.push(("filter", text())),
                elf::DT_AUXILIARY => self.others.push(("auxiliary", text())),
                elf::DT_AUDIT | elf::DT_DEPAUDIT => self.others.push(("audit", text())),
                _ => {}
            }
        }
        Ok(())
    }

    /// Fails unless the policy accepts it.
    ///
    /// # Errors
    /// [`ErrorKind::Untrusted`], naming the library or the path and the key that would allow it.
    pub(crate) fn check(&self, policy: &SecurityPolicy) -> Result<()> {
        if let Some(path) = self.run_paths.first()
            && policy.rpath == Rpath::Refuse
        {
            return Err(refused(format!(
                "a library without search paths of its own was expected, this one has `{path}` \
                 (RPATH or RUNPATH): whatever lies there would be loaded unverified"
            ))
            .with_help(
                "link it without `-rpath`, or set `rpath = \"allow\"` in [plugins.security]",
            ));
        }
        if let Some((kind, name)) = self.others.first() {
            return Err(refused(format!(
                "a library that stands for itself was expected, this one names `{name}` as its \
                 {kind}"
            ))
            .with_help(format!("link it without `--{kind}`")));
        }
        let allowed = |name: &str| {
            SYSTEM.iter().any(|pattern| !name.contains('/') && matches(pattern, name))
                || policy.allow_needed.iter().any(|pattern| matches(pattern, name))
        };
        if let Some(name) = self.needed.iter().find(|name| !allowed(name)) {
            return Err(refused(format!(
                "a library that needs only the system's own was expected, this one needs `{name}`, \
                 whose code would run unverified"
            ))
            .with_help(format!(
                "link that library statically, or add \"{name}\" to `allow_needed` in \
                 [plugins.security]"
            )));
        }
        if self.executable_stack {
            return Err(refused(
                "a library for stacks that are data was expected, this one makes every stack of \
                 the program executable"
                    .into(),
            )
            .with_help("link it with `-z noexecstack`"));
        }
        Ok(())
    }
}

fn refused(message: String) -> Error {
    Error::new(ErrorKind::Untrusted, message)
}

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => pattern == name,
    }
}

/// The table of strings, which is named by its address in memory.
fn strings<'d, R: ReadRef<'d>>(
    segments: &[ProgramHeader64<Endianness>],
    endian: Endianness,
    data: R,
    address: u64,
    size: u64,
) -> std::result::Result<&'d [u8], ObjectError> {
    for segment in segments.iter().filter(|segment| segment.p_type(endian) == elf::PT_LOAD) {
        if let Ok(Some(found)) = segment.data_range(endian, data, address, size) {
            return Ok(found);
        }
    }
    Ok(&[])
}

/// A string of the table. What cannot be read is no name of an allowed library.
fn text(strings: &[u8], at: u64) -> String {
    let rest = usize::try_from(at).ok().and_then(|at| strings.get(at..)).unwrap_or_default();
    let end = rest.iter().position(|byte| *byte == 0).unwrap_or(rest.len());
    String::from_utf8_lossy(&rest[..end])
        .chars()
        .map(|c| if c.is_control() { '?' } else { c })
        .take(120)
        .collect()
}
