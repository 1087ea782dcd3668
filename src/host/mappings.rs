//! How much memory a library has, as the system tells it. Linux only.

/// What a library has mapped of its file. Memory beside it that is zero at first (`.bss`) is not in it:
/// the system may have joined it with somebody else's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mapped {
    /// Bytes that are in memory now.
    pub(super) resident: u64,
    /// Bytes among them that no other process shares.
    pub(super) private: u64,
}

/// All mappings of this process; none if the system does not tell.
pub(super) struct Mappings(Vec<Mapping>);

/// One mapping.
struct Mapping {
    from: usize,
    to: usize,
    /// Device and number of the file on it, as they are written; none of memory without a file.
    file: Option<String>,
    mapped: Mapped,
}

impl Mappings {
    /// Reads them now.
    pub(super) fn read() -> Option<Self> {
        #[cfg(target_os = "linux")]
        {
            let text = std::fs::read("/proc/self/smaps").ok()?;
            // Names of files are whatever bytes somebody chose.
            Some(Self::parse(&String::from_utf8_lossy(&text)))
        }
        #[cfg(not(target_os = "linux"))]
        None
    }

    fn parse(text: &str) -> Self {
        let mut all: Vec<Mapping> = Vec::new();
        for line in text.lines() {
            if let Some(mapping) = Mapping::begin(line) {
                all.push(mapping);
            } else if let Some(mapping) = all.last_mut() {
                mapping.add(line);
            }
        }
        Self(all)
    }

    /// What the library has whose code is at this address: all that is mapped of the file there.
    pub(super) fn of_code_at(&self, address: usize) -> Option<Mapped> {
        let here = self.0.iter().find(|mapping| (mapping.from..mapping.to).contains(&address))?;
        here.file.as_ref()?;
        let all = self.0.iter().filter(|mapping| mapping.file == here.file);
        Some(all.fold(Mapped::default(), |sum, Mapping { mapped, .. }| Mapped {
            resident: sum.resident + mapped.resident,
            private: sum.private + mapped.private,
        }))
    }
}

impl Mapping {
    /// The first line of a mapping: `7f00-7f80 r-xp 00001000 08:01 1234   /path`.
    fn begin(line: &str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let (from, to) = words.next()?.split_once('-')?;
        let number = |text| usize::from_str_radix(text, 16).ok();
        let (from, to) = (number(from)?, number(to)?);
        let (device, inode) = (words.nth(2)?, words.next()?);
        let file = (inode != "0").then(|| format!("{device} {inode}"));
        Some(Self { from, to, file, mapped: Mapped::default() })
    }

    /// One of the others: `Rss:   12 kB`.
    fn add(&mut self, line: &str) {
        let Some((name, rest)) = line.split_once(':') else { return };
        let kib = || rest.trim().strip_suffix("kB")?.trim().parse::<u64>().ok();
        let figure = match name {
            "Rss" => &mut self.mapped.resident,
            "Private_Clean" | "Private_Dirty" => &mut self.mapped.private,
            _ => return,
        };
        *figure += kib().unwrap_or(0) << 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMAPS: &str = "\
7f0000000000-7f0000002000 r--p 00000000 00:01 77                         /memfd:lib a.so (deleted)
Size:                  8 kB
Rss:                   8 kB
Private_Clean:         4 kB
Private_Dirty:         0 kB
VmFlags: rd mr mw me sd
7f0000002000-7f0000003000 r-xp 00002000 00:01 77                         /memfd:lib a.so (deleted)
Rss:                   4 kB
Private_Clean:         0 kB
Private_Dirty:         4 kB
7f0000003000-7f0000009000 rw-p 00000000 00:00 0
Rss:                  24 kB
Private_Dirty:        24 kB
7f0000009000-7f000000a000 r-xp 00002000 00:01 78                         /memfd:lib a.so (deleted)
Rss:                   4 kB
Private_Dirty:         4 kB
7f000000a000-7f000000b000 r-xp 00002000 08:02 77                         /lib/a.so
Rss:                   4 kB
Private_Dirty:         4 kB
";

    #[test]
    fn all_mappings_of_one_file_are_counted_and_no_others() {
        let all = Mappings::parse(SMAPS);
        let of = |address| all.of_code_at(address).map(|found| (found.resident, found.private));
        assert_eq!(of(0x7f00_0000_2abc), Some((12 << 10, 8 << 10)));
        assert_eq!(of(0x7f00_0000_9000), Some((4 << 10, 4 << 10)), "of the same name");
        assert_eq!(of(0x7f00_0000_a000), Some((4 << 10, 4 << 10)), "of the same number elsewhere");
        assert_eq!(of(0x7f00_0000_4000), None, "no file");
        assert_eq!(of(0x7f00_0000_b000), None, "nothing is there");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_program_has_memory_of_its_own() {
        let code = Mappings::read as fn() -> Option<Mappings>;
        let found = Mappings::read().unwrap().of_code_at(code as usize).unwrap();
        assert!(found.resident > 0 && found.private <= found.resident, "{found:?}");
    }
}
