//! From what abi_stable knows of the types to a [`Snapshot`].

use std::collections::{BTreeMap, HashSet};

use abi_stable::std_types::UTypeId;
use abi_stable::type_layout::{ReprAttr, TLData, TLDataDiscriminant, TLEnum, TLField, TypeLayout};
use hotshoe_abi::__stable::{field_type, lifetimes, type_name};

use crate::model::{Field, Snapshot, Type};

/// All that can be reached from these types.
pub fn snapshot(version: &str, roots: impl Iterator<Item = &'static TypeLayout>) -> Snapshot {
    let mut seen = HashSet::new();
    let mut types = BTreeMap::new();
    roots.for_each(|root| reach(root, &mut seen, &mut types));
    types.extend(numbers().into_iter().map(|one| (key(&one), one)));
    Snapshot { line: line(version), types: types.into_values().collect() }
}

/// Constants whose values cross: texts are asked for by number, kinds are told by number, what is in the
/// way of a call is told by bits. Read from the sources, where each is one line.
fn numbers() -> Vec<Type> {
    let mut all = Vec::new();
    for path in crate::sources() {
        let text = std::fs::read_to_string(&path).expect("a source is readable");
        let file = path.file_stem().and_then(|name| name.to_str()).expect("a source has a name");
        let mut block = None;
        let mut alone = Type::numbers(file, "numbers");
        for line in text.lines() {
            let words: Vec<&str> = line.trim().trim_start_matches("pub ").split(' ').collect();
            match (line.starts_with(' '), words.as_slice()) {
                (false, ["const", name, "u64" | "u32", "=", number @ ..])
                    if line.starts_with("pub ") =>
                {
                    alone.number(name, &number.join(" "));
                }
                (false, ["mod", name, "{"]) => block = Some(Type::numbers(file, name)),
                (false, ["kinds!", "{"]) => block = Some(Type::numbers(file, "kinds")),
                (false, ["}"]) => all.extend(block.take().filter(|one| !one.fields.is_empty())),
                (true, ["const", name, "u32", "=", number @ ..]) => {
                    block.iter_mut().for_each(|one| one.number(name, &number.join(" ")));
                }
                (true, [name, "=", number, text]) if text.starts_with('"') => {
                    block.iter_mut().for_each(|one| one.number(name, number));
                }
                _ => {}
            }
        }
        all.extend(Some(alone).filter(|one| !one.fields.is_empty()));
    }
    all
}

/// `0.1` of `0.1.3`, `1` of `1.2.3`.
fn line(version: &str) -> String {
    let mut numbers = version.split('.');
    match (numbers.next(), numbers.next()) {
        (Some("0"), Some(minor)) => format!("0.{minor}"),
        (Some(major), _) => major.to_owned(),
        (None, _) => String::new(),
    }
}

fn reach(
    layout: &'static TypeLayout,
    seen: &mut HashSet<UTypeId>,
    into: &mut BTreeMap<(String, String), Type>,
) {
    if !seen.insert(layout.get_utypeid()) {
        return;
    }
    if tells_something(layout) {
        add(describe(layout), into);
    }
    for next in layout.shared_vars().type_layouts() {
        reach(next(), seen, into);
    }
}

/// Numbers and pointers are what they are, and markers are nothing.
fn tells_something(layout: &TypeLayout) -> bool {
    let plain = matches!(layout.data_discriminant(), TLDataDiscriminant::Primitive);
    layout.package() != "std" || !(plain || layout.size() == 0)
}

fn add(one: Type, into: &mut BTreeMap<(String, String), Type>) {
    if let Some(other) = into.insert(key(&one), one.clone()) {
        assert_eq!(other, one, "two types need two names: see `describe.rs`");
    }
}

/// Tables first, what is not ours last.
fn key(one: &Type) -> (String, String) {
    let kinds = ["table", "struct", "enum", "numbers", "foreign"];
    let order = kinds.iter().position(|kind| *kind == one.kind).unwrap_or(kinds.len());
    (order.to_string(), one.name.clone())
}

impl Type {
    fn numbers(file: &str, name: &str) -> Self {
        let (kind, name) = ("numbers".into(), format!("{file}/{name}"));
        Self { kind, name, facts: "u32".into(), mandatory: 0, fields: Vec::new() }
    }

    fn number(&mut self, name: &str, number: &str) {
        let (name, of) = (name.trim_end_matches(':'), number.trim_end_matches([',', ';']));
        self.fields.push(Field { offset: None, name: name.into(), of: of.into() });
    }
}

fn describe(layout: &'static TypeLayout) -> Type {
    let facts = format!("size {}, align {}", layout.size(), layout.alignment());
    let mut one = Type {
        kind: "foreign".into(),
        name: type_name(layout),
        facts: format!("{facts}{}", representation(layout)),
        mandatory: 0,
        fields: Vec::new(),
    };
    if layout.package() != "hotshoe-abi" {
        one.name = format!("{} {}", layout.package(), one.name);
        return one;
    }
    match layout.data() {
        TLData::PrefixType(table) => {
            one.kind = "table".into();
            one.facts = format!("align {}{}", layout.alignment(), representation(layout));
            one.mandatory = usize::from(table.first_suffix_field);
            one.fields = in_order(table.fields.iter());
        }
        TLData::Struct { fields } => {
            one.kind = "struct".into();
            one.fields = in_order(fields.iter());
        }
        TLData::Enum(variants) => {
            one.kind = "enum".into();
            one.fields = variants_of(&variants);
        }
        TLData::Primitive(_) | TLData::Opaque | TLData::Union { .. } => {
            panic!("{}: no type of this crate is of this kind; describe it here", one.name)
        }
    }
    one
}

fn representation(layout: &'static TypeLayout) -> String {
    let niche = if layout.is_nonzero() { ", never zero" } else { "" };
    match layout.repr_attr() {
        ReprAttr::C => niche.into(),
        other => format!(", {}{niche}", format!("{other:?}").to_lowercase()),
    }
}

/// Fields of a `repr(C)` struct: each at the next multiple of its alignment.
fn in_order(fields: impl Iterator<Item = TLField>) -> Vec<Field> {
    let mut end = 0_usize;
    fields
        .map(|field| {
            let layout = field.layout();
            let offset = end.next_multiple_of(layout.alignment());
            end = offset + layout.size();
            Field { offset: Some(offset), name: field.name().into(), of: of(&field) }
        })
        .collect()
}

fn variants_of(variants: &TLEnum) -> Vec<Field> {
    let mut fields = variants.fields.iter();
    let discriminants = format!("{:?}", variants.discriminants);
    let numbers = discriminants.trim_matches(['[', ']']).split(", ");
    let counts = variants.field_count.iter();
    let each = variants.variant_names_iter().zip(numbers).zip(counts);
    each.map(|((name, number), count)| {
        let types: Vec<String> =
            fields.by_ref().take(usize::from(*count)).map(|field| of(&field)).collect();
        let of = format!("{number} ({})", types.join(", "));
        Field { offset: None, name: name.into(), of }
    })
    .collect()
}

fn of(field: &TLField) -> String {
    let mut of = field_type(field);
    let function = field.function_range().iter().next();
    let mut mentioned = lifetimes(field.lifetime_indices().as_slice());
    if let Some(function) = function {
        mentioned += &lifetimes(function.paramret_lifetime_indices.as_slice());
    }
    if !mentioned.is_empty() {
        of += &format!(" [{mentioned}]");
    }
    of
}
