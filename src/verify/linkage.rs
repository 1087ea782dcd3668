//! What a library would bring along: other libraries, whose code runs as soon as it is opened, and
//! paths on which they are looked for.
//!
//! Read as the system's loader reads it: from the dynamic *segment*, which need not agree with the
//! section of that name, where it lies in *memory*, to its end mark. A file in which that is not
//! plain to see is refused.

use object::elf::{self, ProgramHeader64};
use object::read::elf::{Dyn, ProgramHeader};
use object::{Endianness, ReadRef};

use super::elf::malformed;
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
    /// Whether every stack of the process is executable once it is loaded.
    executable_stack: bool,
}

/// So many entries of a dynamic table are read, and each may name something. Real ones have about
/// thirty.
const MOST_ENTRIES: u64 = 1024;

/// So many bytes of a name are read: the system opens no longer ones.
const LONGEST_NAME: u64 = 4096;

/// What the system maps at a time, at least.
const PAGE: u64 = 4096;

impl Linkage {
    /// # Errors
    /// [`ErrorKind::InvalidPlugin`] for tables that the loader may read in another way.
    pub(crate) fn read<'d, R: ReadRef<'d>>(
        segments: &'d [ProgramHeader64<Endianness>],
        endian: Endianness,
        data: R,
    ) -> Result<Self> {
        let mut linkage = Self::default();
        let of = |kind| segments.iter().filter(move |segment| segment.p_type(endian) == kind);
        let memory = Memory::of(segments, endian, data)?;
        // One that says nothing is taken for one from before there was the question.
        let mut stacks = of(elf::PT_GNU_STACK).peekable();
        linkage.executable_stack = stacks.peek().is_none()
            || stacks.any(|stack| stack.p_flags(endian).contains(elf::PF_X));
        let mut tables = of(elf::PT_DYNAMIC);
        let (Some(table), None) = (tables.next(), tables.next()) else {
            return match of(elf::PT_DYNAMIC).count() {
                0 => Ok(linkage),
                many => Err(malformed("one dynamic table", &format!("{many} of them"))),
            };
        };
        linkage.read_table(table, &memory)?;
        Ok(linkage)
    }

    fn read_table<'d, R: ReadRef<'d>>(
        &mut self,
        table: &ProgramHeader64<Endianness>,
        memory: &Memory<'d, R>,
    ) -> Result<()> {
        let endian = memory.endian;
        let place = memory.place(table.p_vaddr(endian));
        let Some((offset, length)) = place.filter(|(at, _)| *at == table.p_offset(endian)) else {
            return Err(malformed("its dynamic table where its headers say", "another one there"));
        };
        let size = size_of::<elf::Dyn64<Endianness>>() as u64;
        let count = (length.min(table.p_filesz(endian)) / size).min(MOST_ENTRIES);
        let entries = memory.data.read_slice_at(offset, count as usize);
        let entries: &[elf::Dyn64<Endianness>] = entries.unwrap_or_default();
        let Some(end) = entries.iter().position(|entry| entry.d_tag(endian) == elf::DT_NULL) else {
            return Err(malformed(
                "an end of its dynamic table",
                "none in its first 1,024 entries",
            ));
        };
        let entries = &entries[..end];
        // Of several the last one counts.
        let strings = entries.iter().rev().find(|entry| entry.d_tag(endian) == elf::DT_STRTAB);
        for entry in entries {
            let text = || memory.text(strings, entry.d_val(endian));
            match entry.d_tag(endian) {
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

/// Where the parts of the file will lie in memory.
struct Memory<'d, R> {
    segments: Vec<&'d ProgramHeader64<Endianness>>,
    endian: Endianness,
    data: R,
}

impl<'d, R: ReadRef<'d>> Memory<'d, R> {
    /// # Errors
    /// [`ErrorKind::InvalidPlugin`] if it is not plain where the bytes of segments will lie: what is
    /// in memory in the end would be up to the loader.
    fn of(
        segments: &'d [ProgramHeader64<Endianness>],
        endian: Endianness,
        data: R,
    ) -> Result<Self> {
        let filled = |segment: &&ProgramHeader64<Endianness>| {
            matches!(segment.p_type(endian), elf::PT_LOAD | elf::PT_TLS)
        };
        for segment in segments.iter().filter(filled) {
            if segment.p_filesz(endian) > segment.p_memsz(endian) {
                return Err(malformed("room in memory for its segments", "too little for one"));
            }
        }
        let segments: Vec<_> =
            segments.iter().filter(|segment| segment.p_type(endian) == elf::PT_LOAD).collect();
        let mut end = 0;
        for segment in &segments {
            let start = segment.p_vaddr(endian);
            if start - start % PAGE < end {
                return Err(malformed("segments that lie apart", "one that covers another"));
            }
            // Pages are mapped, not bytes.
            if start % PAGE != segment.p_offset(endian) % PAGE {
                return Err(malformed("segments that begin within their page", "one beside it"));
            }
            let after = start.checked_add(segment.p_memsz(endian));
            let Some(after) = after.and_then(|after| after.checked_next_multiple_of(PAGE)) else {
                return Err(malformed("segments that end", "one that does not"));
            };
            end = after;
        }
        Ok(Self { segments, endian, data })
    }

    /// Where in the file an address lies, and how many bytes of the file follow it in memory.
    fn place(&self, address: u64) -> Option<(u64, u64)> {
        self.segments.iter().find_map(|segment| {
            let within = address.checked_sub(segment.p_vaddr(self.endian))?;
            let rest = segment.p_filesz(self.endian).checked_sub(within)?;
            Some((segment.p_offset(self.endian).checked_add(within)?, rest))
        })
    }

    /// A string of the table. What cannot be read is no name of an allowed library.
    fn text(&self, strings: Option<&elf::Dyn64<Endianness>>, at: u64) -> String {
        let bytes = strings.and_then(|strings| {
            let (start, length) = self.place(strings.d_val(self.endian).checked_add(at)?)?;
            let end = start.checked_add(length.min(LONGEST_NAME))?;
            self.data.read_bytes_at_until(start..end, 0).ok()
        });
        String::from_utf8_lossy(bytes.unwrap_or_default())
            .chars()
            .map(|c| if c.is_control() { '?' } else { c })
            .take(120)
            .collect()
    }
}
