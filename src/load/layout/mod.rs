//! Whether the layouts of a library are the host's, and if not, where they part, in a few lines.
//!
//! abi_stable's own report of one changed field has several hundred lines. What helps is the type,
//! the field, what was expected, what was found, and what to do.

mod differences;
#[cfg(test)]
#[allow(unsafe_code, reason = "what abi_stable's derive writes")]
mod tests;

use hotshoe_abi::__stable::{LibHeader, StableAbi, TypeLayout, check_layout_compatibility};
use hotshoe_abi::PluginModuleRef;

use self::differences::{Difference, differences};
use crate::contract::{Error, ErrorKind, Result};

/// So many differences are told: three lines each, they leave room for the rest.
const TOLD: usize = 3;

/// So many characters of a type are told.
const WIDTH: usize = 160;

/// Compares a library's layouts with the host's, unless they are `known` to agree.
///
/// # Errors
/// [`ErrorKind::Incompatible`], with type and field, expected and found;
/// [`ErrorKind::InvalidPlugin`] if the library does not tell its layouts.
pub(super) fn check(header: &LibHeader, known: bool) -> Result<()> {
    let Some(theirs) = header.layout() else {
        return Err(Error::new(
            ErrorKind::InvalidPlugin,
            "a library that describes its types was expected, this one leaves that out",
        )
        .with_help("build the plugin with hotshoe's `export_plugin!`"));
    };
    if known {
        return Ok(());
    }
    compare(<PluginModuleRef as StableAbi>::LAYOUT, theirs)
        .map_err(|differences| refusal(&differences, &header.version_strings().to_string()))
}

/// Whether a library of these layouts and a host of ours can work together; if not, why not.
///
/// abi_stable takes one side for the interface, and lets only the other one have more functions at
/// the end of a table. Which side is the newer one differs from plugin to plugin: a function that
/// is not there is asked for as an `Option`, whoever lacks it. So both are tried. Where both fail,
/// the shorter report is the telling one: the other one also complains of what was only appended.
fn compare(
    ours: &'static TypeLayout,
    theirs: &'static TypeLayout,
) -> std::result::Result<(), Vec<Difference>> {
    let Err(newer) = check_layout_compatibility(ours, theirs) else { return Ok(()) };
    let Err(older) = check_layout_compatibility(theirs, ours) else { return Ok(()) };
    let newer = differences(&newer);
    let older: Vec<Difference> =
        differences(&older).into_iter().map(Difference::turned_round).collect();
    Err(if older.len() < newer.len() { older } else { newer })
}

/// `found` is the version of hotshoe-abi that the library was built with. The message is one line, for
/// logs and states; the rest are its reasons.
fn refusal(differences: &[Difference], found: &str) -> Error {
    let first = differences.first().map_or("its root", |difference| &difference.place);
    let expected = hotshoe_abi::VERSION;
    let mut reasons = vec![if found == expected {
        format!("both have hotshoe-abi {expected}, from different sources")
    } else {
        format!("hotshoe-abi {expected} was expected, it was built with {found}")
    }];
    reasons.extend(differences.iter().take(TOLD).map(|difference| {
        let (place, how) = (&difference.place, difference.how());
        let (expected, found) = (clipped(difference.expected()), clipped(difference.found()));
        format!("{place}: {how}\n    expected: {expected}\n    found: {found}")
    }));
    match differences.len().saturating_sub(TOLD) {
        0 => {}
        1 => reasons.push("there is one more difference".into()),
        more => reasons.push(format!("there are {more} more differences")),
    }
    let message = format!("its types are not laid out as the host's, first in {first}");
    let error = Error::new(ErrorKind::Incompatible, message)
        .with_help("rebuild the plugin with the version of hotshoe that the host uses");
    let chain = reasons
        .into_iter()
        .rev()
        .fold(None, |next, text| Some(Reason { text, next: next.map(Box::new) }));
    match chain {
        Some(reason) => error.caused_by(&reason),
        None => error,
    }
}

/// A reason, and the one after it.
#[derive(Debug)]
struct Reason {
    text: String,
    next: Option<Box<Reason>>,
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Reason {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.next.as_deref().map(|next| next as _)
    }
}

fn clipped(text: &str) -> String {
    match text.char_indices().nth(WIDTH) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
