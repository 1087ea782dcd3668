//! Files that no linker writes, made by hand: what is refused must not depend on who made it.

use std::io::{self, Cursor, Read, Seek, SeekFrom};

use object::ReadCache;

use super::elf::{Inspection, inspect};
use crate::config::SecurityPolicy;
use crate::contract::Result;

const LOAD: u32 = 1;
const DYNAMIC: u32 = 2;
const TLS: u32 = 7;
const STACK: u32 = 0x6474_e551;
const NEEDED: u64 = 1;
const STRTAB: u64 = 5;
const STRSZ: u64 = 10;

/// Where the text of names is, and the tables.
const STRINGS: u64 = 0x1000;
const OTHER_STRINGS: u64 = 0x1100;
const TABLE: u64 = 0x1200;
const OTHER_TABLE: u64 = 0x1300;
const MANIFEST: u64 = 0x1400;
const SECTION_NAMES: u64 = 0x1800;
const SECTIONS: u64 = 0x1900;
const END: u64 = 0x2000;

/// A segment: type, offset, address, size.
type Segment = (u32, u64, u64, u64);

/// A library in which every address is an offset, with one name that it needs.
struct Library {
    segments: Vec<Segment>,
    table: Vec<(u64, u64)>,
    other_table: Vec<(u64, u64)>,
    sections: u16,
}

impl Default for Library {
    fn default() -> Self {
        Self {
            segments: vec![(LOAD, 0, 0, END), (DYNAMIC, TABLE, TABLE, 0x100), (STACK, 0, 0, 0)],
            table: vec![(NEEDED, 1), (STRTAB, STRINGS), (STRSZ, 0x100), (0, 0)],
            other_table: vec![(NEEDED, 1), (STRTAB, OTHER_STRINGS), (STRSZ, 0x100), (0, 0)],
            sections: 3,
        }
    }
}

impl Library {
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; END as usize];
        let mut put = |at: u64, what: &[u8]| {
            bytes[at as usize..at as usize + what.len()].copy_from_slice(what);
        };
        put(0, b"\x7fELF\x02\x01\x01");
        put(16, &[3, 0, if cfg!(target_arch = "aarch64") { 183 } else { 62 }, 0, 1]);
        put(32, &64_u64.to_le_bytes());
        put(40, &SECTIONS.to_le_bytes());
        put(52, &[64, 0, 56, 0]);
        put(56, &(self.segments.len() as u16).to_le_bytes());
        put(58, &[64, 0]);
        put(60, &self.sections.to_le_bytes());
        put(62, &[2, 0]);
        for (at, (kind, offset, address, size)) in self.segments.iter().enumerate() {
            let at = 64 + 56 * at as u64;
            put(at, &kind.to_le_bytes());
            put(at + 4, &[4]);
            for (field, value) in [(8, offset), (16, address), (32, size), (40, size)] {
                put(at + field, &value.to_le_bytes());
            }
        }
        put(STRINGS, b"\0libc.so.6\0");
        put(OTHER_STRINGS, b"\0libevil.so.1\0");
        for (start, table) in [(TABLE, &self.table), (OTHER_TABLE, &self.other_table)] {
            for (at, (tag, value)) in table.iter().enumerate() {
                put(start + 16 * at as u64, &tag.to_le_bytes());
                put(start + 16 * at as u64 + 8, &value.to_le_bytes());
            }
        }
        let manifest = manifest();
        put(MANIFEST, manifest.as_bytes());
        put(SECTION_NAMES, b"\0.hotshoe\0.shstrtab\0");
        let length = manifest.len() as u64;
        for (at, (name, kind, offset, size)) in
            [(0_u32, 0_u32, 0, 0), (1, 1, MANIFEST, length), (10, 3, SECTION_NAMES, 20)]
                .into_iter()
                .enumerate()
        {
            let at = SECTIONS + 64 * at as u64;
            put(at, &name.to_le_bytes());
            put(at + 4, &kind.to_le_bytes());
            put(at + 24, &offset.to_le_bytes());
            put(at + 32, &size.to_le_bytes());
        }
        bytes
    }

    /// What it is, or why not.
    fn outcome(&self) -> String {
        outcome(&self.bytes())
    }
}

fn manifest() -> String {
    let records = [
        "hotshoe-manifest|1",
        "abi|0.1.0",
        "fingerprint|f",
        "rustc|rustc 1.95.0",
        "target|x86_64-unknown-linux-gnu",
        "profile|debug",
        "panic|true",
        "symbol|hotshoe_plugin_x",
        "id|x",
        "version|1.2.3",
        "end",
    ];
    records.map(|record| record.replace('|', "\u{1f}") + "\u{1e}").concat()
}

fn outcome(bytes: &[u8]) -> String {
    let said = |found: Result<Inspection>| match found {
        Ok(Inspection::Plugin(found)) => {
            let judged = found.linkage.check(&SecurityPolicy::default());
            judged.map_or_else(|error| error.message().to_owned(), |()| "accepted".into())
        }
        Ok(Inspection::NoPlugin(reason)) => reason,
        Err(error) => error.message().to_owned(),
    };
    let mapped = said(inspect(bytes, bytes.len() as u64));
    let cache = ReadCache::new(Cursor::new(bytes));
    assert_eq!(said(inspect(&cache, bytes.len() as u64)), mapped, "read from a file");
    mapped
}

#[test]
fn a_plain_library_is_accepted() {
    assert_eq!(Library::default().outcome(), "accepted");
}

#[test]
fn a_library_needs_what_its_dynamic_table_says() {
    let library = Library { table: Library::default().other_table, ..Library::default() };
    assert!(library.outcome().contains("needs `libevil.so.1`"), "{}", library.outcome());
}

/// The loader takes the last one.
#[test]
fn a_second_dynamic_table_is_refused() {
    let mut library = Library::default();
    library.segments.push((DYNAMIC, OTHER_TABLE, OTHER_TABLE, 0x100));
    assert!(library.outcome().contains("one dynamic table was expected"), "{}", library.outcome());
}

/// The loader looks where it lies in memory, and never at its place in the file.
#[test]
fn a_dynamic_table_that_lies_elsewhere_in_memory_is_refused() {
    for address in [OTHER_TABLE, 0x10_0000, u64::MAX] {
        let mut library = Library::default();
        library.segments[1].2 = address;
        assert!(library.outcome().contains("where its headers say"), "{}", library.outcome());
    }
}

/// The loader reads on until it finds the end, beyond the size that the headers say.
#[test]
fn a_dynamic_table_without_an_end_is_refused() {
    let mut library = Library::default();
    library.segments[1].3 = 48;
    assert!(library.outcome().contains("an end of its dynamic table"), "{}", library.outcome());
}

#[test]
fn of_two_tables_of_names_the_last_one_counts_as_for_the_loader() {
    let mut library = Library::default();
    library.table.insert(2, (STRTAB, OTHER_STRINGS));
    assert!(library.outcome().contains("needs `libevil.so.1`"), "{}", library.outcome());
}

/// What was mapped last would be read.
#[test]
fn segments_that_cover_each_other_are_refused() {
    for (offset, address) in [(0, 0x1000), (0, 0), (0x1000, 0x1fff)] {
        let mut library = Library::default();
        library.segments.insert(1, (LOAD, offset, address, 0x1000));
        assert!(library.outcome().contains("one that covers another"), "{}", library.outcome());
    }
    let mut library = Library::default();
    library.segments.insert(1, (LOAD, 0, END, 0x1000));
    assert_eq!(library.outcome(), "accepted");
}

/// The loader maps all that is in the file.
#[test]
fn a_segment_that_is_larger_in_the_file_than_in_memory_is_refused() {
    for kind in [LOAD, TLS] {
        let mut library = Library::default();
        library.segments.insert(1, (kind, 0, END, 0x1000));
        let mut bytes = library.bytes();
        assert_eq!(outcome(&bytes), "accepted");
        let memory = 64 + 56 + 40;
        bytes[memory..memory + 8].copy_from_slice(&0xfff_u64.to_le_bytes());
        assert!(outcome(&bytes).contains("room in memory for its segments"), "{}", outcome(&bytes));
    }
}

/// The loader maps the page that it begins in, and finds other bytes there.
#[test]
fn a_segment_that_lies_otherwise_within_its_page_is_refused() {
    for (offset, address) in [(0, END + 8), (8, END)] {
        let mut library = Library::default();
        library.segments.insert(1, (LOAD, offset, address, 0x100));
        let outcome = library.outcome();
        assert!(outcome.contains("segments that begin within their page"), "{outcome}");
    }
}

#[test]
fn a_segment_beyond_the_end_of_memory_is_refused() {
    for size in [u64::MAX, u64::MAX - END, u64::MAX - END - 0xffe] {
        let mut library = Library::default();
        library.segments.insert(1, (LOAD, 0, END, 0x1000));
        let mut bytes = library.bytes();
        let memory = 64 + 56 + 40;
        bytes[memory..memory + 8].copy_from_slice(&size.to_le_bytes());
        assert!(outcome(&bytes).contains("segments that end"), "{}", outcome(&bytes));
    }
}

#[test]
fn a_segment_beyond_the_end_of_the_file_is_refused() {
    for (offset, size) in [(0x1000, 0x1001), (u64::MAX - 0xfff, 0x1000), (END, 1)] {
        let mut library = Library::default();
        library.segments.insert(1, (LOAD, offset, END, size));
        let outcome = library.outcome();
        assert!(outcome.contains("a library of at least"), "{outcome}");
    }
}

#[test]
fn names_that_cannot_be_read_are_refused() {
    for at in [END, u64::MAX, 0x10_0000] {
        let mut library = Library::default();
        library.table[0].1 = at;
        assert!(library.outcome().contains("this one needs ``"), "{}", library.outcome());
    }
}

/// A file that is mostly a hole, as anybody can make one, and counts what is read of it.
struct Sparse {
    bytes: Vec<u8>,
    at: u64,
    read: usize,
}

impl Sparse {
    const LENGTH: u64 = 1 << 40;
}

impl Read for Sparse {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read += buffer.len();
        assert!(self.read < 8 << 20, "{} bytes were read", self.read);
        let start = usize::try_from(self.at).unwrap_or(usize::MAX).min(self.bytes.len());
        let known = (self.bytes.len() - start).min(buffer.len());
        buffer[..known].copy_from_slice(&self.bytes[start..start + known]);
        buffer[known..].fill(0);
        self.at += buffer.len() as u64;
        Ok(buffer.len())
    }
}

impl Seek for Sparse {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.at = match to {
            SeekFrom::Start(at) => at,
            SeekFrom::End(_) => Self::LENGTH,
            SeekFrom::Current(_) => unreachable!("nobody does"),
        };
        Ok(self.at)
    }
}

#[test]
fn little_is_read_of_a_file_whatever_sizes_it_claims() {
    let huge = 1 << 26;
    let mut libraries = vec![Library::default()];
    // A symbol table of 64 MiB, in place of the section that nobody needs.
    let mut symbols = Library::default().bytes();
    let first = SECTIONS as usize;
    symbols[first + 4] = 2;
    symbols[first + 32..first + 40].copy_from_slice(&u64::to_le_bytes(huge));
    // Numbers of headers that are kept elsewhere.
    let mut sections = Library { sections: 0, ..Library::default() }.bytes();
    sections[first + 32..first + 40].copy_from_slice(&u64::to_le_bytes(huge / 64));
    let mut segments = Library::default().bytes();
    segments[56..58].copy_from_slice(&[0xff, 0xff]);
    segments[first + 44..first + 48].copy_from_slice(&u32::to_le_bytes(1 << 21));
    // A dynamic table, and a segment, of 64 MiB.
    let mut table = Library::default();
    table.segments[0].3 = huge;
    table.segments[1].3 = huge - TABLE;
    libraries.push(table);
    // Each dynamic table is of another size: none is read twice.
    let mut tables = Library::default();
    tables.segments.extend((0..40).map(|at| (DYNAMIC, TABLE, TABLE, huge / 2 + at * 16)));
    libraries.push(tables);
    // Names without an end.
    let mut names = Library::default();
    names.segments[0].3 = huge;
    names.table = vec![(NEEDED, 0x10_0000); 11];
    names.table.extend([(STRTAB, STRINGS), (STRSZ, huge), (0, 0)]);
    libraries.push(names);

    // As many of them as there can be.
    let many_names = [1000, 4000].map(|count| {
        let mut many = Library::default();
        many.segments[0].3 = huge;
        many.segments[1] = (DYNAMIC, END, END, 16 * (count + 2));
        let mut bytes = many.bytes();
        let table = (0..count).map(|at| (NEEDED, 0x10_0000 + at));
        for (tag, value) in table.chain([(STRTAB, STRINGS), (0, 0)]) {
            bytes.extend(tag.to_le_bytes());
            bytes.extend(value.to_le_bytes());
        }
        bytes.resize(4 << 20, b'x');
        bytes
    });
    // Names of sections, each of another place in one long text.
    let mut section_names = Library::default().bytes();
    section_names[40..48].copy_from_slice(&END.to_le_bytes());
    section_names[60..62].copy_from_slice(&40_000_u16.to_le_bytes());
    for at in 0..40_000_u32 {
        let mut header = [0; 64];
        header[..4].copy_from_slice(&(at * 16).to_le_bytes());
        header[24..32].copy_from_slice(&(4_u64 << 20).to_le_bytes());
        header[32..40].copy_from_slice(&(1_u64 << 20).to_le_bytes());
        section_names.extend(header);
    }
    section_names.resize(5 << 20, b'x');

    let made = libraries.iter().map(Library::bytes);
    let made = made.chain([symbols, sections, segments, section_names]).chain(many_names);
    for bytes in made {
        let cache = ReadCache::new(Sparse { bytes, at: 0, read: 0 });
        let _ = inspect(&cache, Sparse::LENGTH);
    }
}
