//! The entry of a library, looked up in the file's own table: what is not there, or is something else,
//! is found before any code runs. The loader would take whatever has the name, wherever it is.

use hotshoe_abi::__stable::LibHeader;
use object::elf::{
    FileHeader64, SHN_LORESERVE, SHN_UNDEF, SHT_DYNSYM, STT_FUNC, STT_GNU_IFUNC, STT_OBJECT, Sym64,
};
use object::read::elf::{SectionHeader, SectionTable, Sym};
use object::{Endianness, ReadRef, SectionIndex};

use super::elf::{malformed, starts_with_name};
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

/// The sections of a library.
type Sections<'d, R> = SectionTable<'d, FileHeader64<Endianness>, R>;

/// So many bytes of symbols, and of their names, are read. A plugin has some thousand.
const MOST: u64 = 4 << 20;

impl Entry {
    /// # Errors
    /// [`ErrorKind::InvalidPlugin`] for tables that no plugin has.
    pub(super) fn find<'d, R: ReadRef<'d>>(
        sections: &Sections<'d, R>,
        endian: Endianness,
        data: R,
        symbol: &str,
    ) -> Result<Self> {
        let Some(entry) = find(sections, endian, data, symbol)? else { return Ok(Self::Missing) };
        let size = entry.st_size(endian);
        Ok(Self::Other(match entry.st_type() {
            _ if entry.st_shndx(endian).0 >= SHN_LORESERVE => {
                "a number without a place in it".into()
            }
            STT_OBJECT if size >= NEEDED => return Ok(Self::Header),
            STT_OBJECT => format!("data of {size} bytes"),
            STT_FUNC | STT_GNU_IFUNC => "a function".into(),
            _ => "something else".into(),
        }))
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
    sections: &Sections<'d, R>,
    endian: Endianness,
    data: R,
    name: &str,
) -> Result<Option<&'d Sym64<Endianness>>> {
    let Some(table) = sections.iter().find(|section| section.sh_type(endian) == SHT_DYNSYM) else {
        return Ok(None);
    };
    let names = sections.section(SectionIndex(table.sh_link(endian) as usize));
    let Ok(names) = names else { return Ok(None) };
    if table.sh_size(endian) > MOST || names.sh_size(endian) > MOST {
        return Err(malformed("at most 4 MiB of symbols", "more of them"));
    }
    // Each read as a whole: one by one they would be reads of the file.
    let symbols = table.data_as_array::<Sym64<Endianness>, _>(endian, data).unwrap_or_default();
    let names = names.data(endian, data).unwrap_or_default();
    Ok(symbols.iter().find(|symbol| {
        let at = symbol.st_name(endian) as usize;
        let named = names.get(at..).is_some_and(|rest| starts_with_name(rest, name));
        named && symbol.st_shndx(endian) != SHN_UNDEF
    }))
}
