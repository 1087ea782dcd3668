//! The entry of a library, looked up in the file's own table: what is not there, or is something else,
//! is found before any code runs. The loader would take whatever has the name, wherever it is.

use hotshoe_abi::__stable::LibHeader;
use object::elf::{SHN_LORESERVE, SHN_UNDEF, STT_FUNC, STT_GNU_IFUNC, STT_OBJECT};
use object::read::elf::{ElfFile64, Sym};
use object::{Endianness, Object, ObjectSection, ReadRef};

use crate::contract::{Error, ErrorKind, Result};

/// What the library has under the name of its entry.
#[derive(Debug)]
pub(crate) enum Entry {
    /// Data of the library, and large enough for what the host reads there.
    Header,
    Missing,
    /// Something else, in words.
    Other(String),
}

impl Entry {
    pub(super) fn find<'d, R: ReadRef<'d>>(
        library: &ElfFile64<'d, Endianness, R>,
        symbol: &str,
    ) -> Self {
        let Some(entry) = find(library, symbol) else { return Self::Missing };
        let endian = library.endian();
        let size = entry.st_size(endian);
        Self::Other(match entry.st_type() {
            _ if entry.st_shndx(endian).0 >= SHN_LORESERVE => {
                "a number without a place in it".into()
            }
            STT_OBJECT if size >= NEEDED => return Self::Header,
            STT_OBJECT => format!("data of {size} bytes"),
            STT_FUNC | STT_GNU_IFUNC => "a function".into(),
            _ => "something else".into(),
        })
    }

    /// Fails unless it is what the host expects under `symbol`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidPlugin`].
    pub(super) fn check(&self, symbol: &str) -> Result<()> {
        let message = match self {
            Self::Header => return Ok(()),
            Self::Missing => {
                format!("the symbol `{symbol}` was expected in the library, it is not there")
            }
            Self::Other(found) => format!(
                "the symbol `{symbol}` was expected to be data of at least {NEEDED} bytes, it is \
                 {found}"
            ),
        };
        Err(Error::new(ErrorKind::InvalidPlugin, message)
            .with_help("the library was stripped of its symbols or linked oddly: build it again"))
    }
}

/// How much is read of it.
const NEEDED: u64 = size_of::<LibHeader>() as u64;

/// What the library defines under this name.
fn find<'d, R: ReadRef<'d>>(
    library: &ElfFile64<'d, Endianness, R>,
    name: &str,
) -> Option<&'d object::elf::Sym64<Endianness>> {
    let endian = library.endian();
    // Read as a whole: each name by itself would be a read of the file.
    let names = library.section_by_name(".dynstr")?.data().ok()?;
    library.dynamic_symbols().map(|symbol| symbol.elf_symbol()).find(|symbol| {
        let at = symbol.st_name(endian) as usize;
        let named = names.get(at..).and_then(|rest| rest.strip_prefix(name.as_bytes()));
        symbol.st_shndx(endian) != SHN_UNDEF && named.is_some_and(|rest| rest.first() == Some(&0))
    })
}
