//! What the snapshot says, and how it is written.

use std::fmt;
use std::str::FromStr;

/// All that crosses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Versions of one line are promised to work together.
    pub line: String,
    /// By name.
    pub types: Vec<Type>,
}

/// One type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Type {
    /// `table`, `struct`, `enum`, `foreign` for a type of another crate, or `numbers` for constants
    /// whose values cross.
    pub kind: String,
    /// With its arguments.
    pub name: String,
    /// Size, alignment and representation. The size of a table is not among them: it may grow.
    pub facts: String,
    /// How many fields of a table are there in any version of it.
    pub mandatory: usize,
    /// Fields of a struct, functions of a table, variants of an enum with theirs.
    pub fields: Vec<Field>,
}

/// One field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Where it lies; nothing inside an enum.
    pub offset: Option<usize>,
    pub name: String,
    /// The type, or the signature, and the lifetimes that abi_stable compares.
    pub of: String,
}

/// Where the mandatory part of a table ends.
const BOUNDARY: &str = "    -- appended, perhaps missing --";

const HEADER: &str = "\
# What crosses between a host and its plugins, as compiled for 64 bit.
# Written by the test `layout` of hotshoe-abi, which also says how to accept a change.";

impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}\nline {}", self.line)?;
        let mut foreign = false;
        for one in &self.types {
            if !(foreign && one.kind == "foreign") {
                writeln!(f)?;
            }
            foreign = one.kind == "foreign";
            writeln!(f, "{} {}: {}", one.kind, one.name, one.facts)?;
            for (at, field) in one.fields.iter().enumerate() {
                if one.kind == "table" && at == one.mandatory {
                    writeln!(f, "{BOUNDARY}")?;
                }
                match field.offset {
                    Some(offset) => write!(f, "{offset:5}")?,
                    None => write!(f, "{:5}", "")?,
                }
                writeln!(f, " {}: {}", field.name, field.of)?;
            }
        }
        Ok(())
    }
}

impl FromStr for Snapshot {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        let line = lines.next().and_then(|line| line.strip_prefix("line "));
        let mut snapshot =
            Self { line: line.ok_or("it begins with its line")?.into(), types: Vec::new() };
        let mut boundary = false;
        for line in lines {
            if line == BOUNDARY {
                boundary = true;
            } else if line.starts_with(' ') {
                let one = snapshot.types.last_mut().ok_or("a field belongs to a type")?;
                one.fields.push(field(line)?);
                if !boundary && one.kind == "table" {
                    one.mandatory += 1;
                }
            } else {
                boundary = false;
                snapshot.types.push(head(line)?);
            }
        }
        Ok(snapshot)
    }
}

fn head(line: &str) -> Result<Type, String> {
    let (kind, rest) = line.split_once(' ').ok_or("a type has a kind")?;
    let (name, facts) = rest.split_once(": ").ok_or("a type has facts")?;
    let (kind, name, facts) = (kind.into(), name.into(), facts.into());
    Ok(Type { kind, name, facts, mandatory: 0, fields: Vec::new() })
}

fn field(line: &str) -> Result<Field, String> {
    let (offset, rest) = line.split_at_checked(5).ok_or("a field has a column for its offset")?;
    let (name, of) = rest.trim_start().split_once(": ").ok_or("a field has a type")?;
    let offset = match offset.trim() {
        "" => None,
        number => Some(number.parse().map_err(|_| format!("`{number}` is no offset"))?),
    };
    Ok(Field { offset, name: name.into(), of: of.into() })
}
