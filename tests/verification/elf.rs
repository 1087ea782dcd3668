//! Changes libraries where their headers are.

use std::path::Path;

const DT_NULL: u64 = 0;
const DT_RELACOUNT: u64 = 0x6fff_fff9;
const PT_NULL: u32 = 0;
const PT_DYNAMIC: u32 = 2;
const PT_GNU_STACK: u32 = 0x6474_e551;

/// The offsets of the program headers of a type.
fn headers(bytes: &[u8], kind: u32) -> Vec<usize> {
    let start = number(bytes, 32) as usize;
    let count = u16::from_le_bytes([bytes[56], bytes[57]]) as usize;
    (0..count)
        .map(|at| start + at * 56)
        .filter(|at| bytes[*at..*at + 4] == kind.to_le_bytes())
        .collect()
}

fn number(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

/// Gives an entry of the dynamic table that nobody needs (a count that only saves time) another
/// tag; its text becomes that of `DT_NEEDED`'s first entry.
pub fn with_dynamic(library: &Path, tag: u64) {
    let mut bytes = std::fs::read(library).expect("the library is there");
    let table = number(&bytes, headers(&bytes, PT_DYNAMIC)[0] + 8) as usize;
    let entries = (table..).step_by(16).take_while(|at| number(&bytes, *at) != DT_NULL);
    let entries: Vec<usize> = entries.collect();
    let find = |tag| *entries.iter().find(|at| number(&bytes, **at) == tag).expect("the entry");
    let (spare, text) = (find(DT_RELACOUNT), number(&bytes, find(1) + 8));
    bytes[spare..spare + 8].copy_from_slice(&tag.to_le_bytes());
    bytes[spare + 8..spare + 16].copy_from_slice(&text.to_le_bytes());
    std::fs::write(library, bytes).expect("the library is written");
}

/// Says nothing about stacks, as old assemblers do.
pub fn without_stack(library: &Path) {
    let mut bytes = std::fs::read(library).expect("the library is there");
    let header = headers(&bytes, PT_GNU_STACK)[0];
    bytes[header..header + 4].copy_from_slice(&PT_NULL.to_le_bytes());
    std::fs::write(library, bytes).expect("the library is written");
}

/// Asks for an executable stack.
pub fn with_executable_stack(library: &Path) {
    let mut bytes = std::fs::read(library).expect("the library is there");
    let header = headers(&bytes, PT_GNU_STACK)[0];
    bytes[header + 4] |= 1;
    std::fs::write(library, bytes).expect("the library is written");
}
