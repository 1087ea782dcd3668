//! From abi_stable's report to differences that a person can act upon. Pure.
//!
//! One changed field makes a long report: each type that contains it has another size, and where a
//! field was added, every one behind it is another one. So the fields of a type are looked at as a
//! whole, and a size is told only where nothing else is.

use hotshoe_abi::__stable::{
    AbiInstability, AbiInstabilityError, AbiInstabilityErrors, ExpectedFound, TLData, TLField,
    TLFieldOrFunction, TypeLayout, arguments, field_type, lifetimes, type_name,
};

/// Where two sides part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Difference {
    /// The type and, mostly, the field or function.
    pub(super) place: String,
    /// In which way; empty for what only one side has.
    how: &'static str,
    expected: Option<String>,
    found: Option<String>,
}

impl Difference {
    fn new(
        place: impl Into<String>,
        how: &'static str,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Self {
        Self {
            place: place.into(),
            how,
            expected: Some(expected.into()),
            found: Some(found.into()),
        }
    }

    /// The same, seen from the other side.
    pub(super) fn turned_round(self) -> Self {
        let Self { place, how, expected, found } = self;
        Self { place, how, expected: found, found: expected }
    }

    pub(super) fn how(&self) -> &'static str {
        match (&self.expected, &self.found) {
            (None, _) => "added",
            (_, None) => "missing",
            _ => self.how,
        }
    }

    pub(super) fn expected(&self) -> &str {
        self.expected.as_deref().unwrap_or("nothing there")
    }

    pub(super) fn found(&self) -> &str {
        self.found.as_deref().unwrap_or("nothing there")
    }
}

type Layout = &'static TypeLayout;

/// What a report comes down to: never nothing.
pub(super) fn differences(report: &AbiInstabilityErrors) -> Vec<Difference> {
    let mut causes = Vec::new();
    let mut consequences = Vec::new();
    for error in &report.errors {
        let of = Subject::new(report, error);
        for one in &error.errs {
            match one {
                AbiInstability::Size(_) | AbiInstability::Alignment(_) => {
                    consequences.push(of.size());
                }
                _ => causes.extend(of.differences(one)),
            }
        }
    }
    let mut all = if causes.is_empty() { consequences } else { causes };
    if all.is_empty() {
        all.push(Difference::new(
            "the types",
            "they differ",
            "what the host has",
            "something else",
        ));
    }
    let mut told: Vec<Difference> = Vec::new();
    for one in all {
        if !told.contains(&one) {
            told.push(one);
        }
    }
    told
}

/// What one entry of a report is about: a type, or a function, and the way there.
struct Subject<'a> {
    root: (Layout, Layout),
    way: &'a [ExpectedFound<TLFieldOrFunction>],
}

impl<'a> Subject<'a> {
    fn new(report: &AbiInstabilityErrors, error: &'a AbiInstabilityError) -> Self {
        Self { root: (report.interface, report.implementation), way: &error.stack_trace }
    }

    /// The types that were compared; nothing for a function.
    fn types(&self) -> Option<(Layout, Layout)> {
        match self.way.last() {
            None => Some(self.root),
            Some(step) => fields(step).map(|(one, other)| (one.layout(), other.layout())),
        }
    }

    fn differences(&self, one: &AbiInstability) -> Vec<Difference> {
        let Some((expected, found)) = self.types() else { return vec![self.where_used()] };
        let place = || title(expected);
        match one {
            AbiInstability::FieldCountMismatch(_)
            | AbiInstability::UnexpectedField(_)
            | AbiInstability::TooManyVariants(_)
            | AbiInstability::UnexpectedVariant(_)
            | AbiInstability::MismatchedPrefixSize(_)
            | AbiInstability::MismatchedPrefixConditionality(_) => {
                // The root itself is a mere reference. What is said of it where it is as it should
                // be is said of what other libraries brought.
                let names = |layout| members(layout).into_iter().map(|member| member.name);
                if self.way.is_empty() && names(expected).eq(names(found)) {
                    vec![grown_otherwise(one)]
                } else {
                    members_of(expected, found)
                }
            }
            AbiInstability::PackageVersion(versions) => {
                let place = format!("all types of {}", expected.package());
                let ExpectedFound { expected, found } = versions;
                vec![Difference::new(
                    place,
                    "another version",
                    expected.to_string(),
                    found.to_string(),
                )]
            }
            AbiInstability::FieldLifetimeMismatch(ExpectedFound {
                expected: one,
                found: other,
            }) => {
                let place = member(expected, one);
                let (expected, found) = (with_lifetimes(one), with_lifetimes(other));
                vec![Difference::new(place, "other lifetimes", expected, found)]
            }
            AbiInstability::ReprAttr(ExpectedFound { expected, found }) => vec![Difference::new(
                place(),
                "another representation",
                format!("{expected:?}"),
                format!("{found:?}"),
            )],
            AbiInstability::EnumDiscriminant(ExpectedFound { expected, found }) => {
                let (expected, found) = (format!("{expected:?}"), format!("{found:?}"));
                vec![Difference::new(place(), "other numbers of its variants", expected, found)]
            }
            _ => vec![self.where_used()],
        }
    }

    /// Another type (or signature) than expected, told where a type of ours uses it: not as the
    /// pointer in a vector in an option.
    fn where_used(&self) -> Difference {
        for at in (0..self.way.len()).rev() {
            let container = match at.checked_sub(1).map(|before| &self.way[before]) {
                None => Some(self.root.0),
                Some(step) => fields(step).map(|(expected, _)| expected.layout()),
            };
            let (Some(container), Some((expected, found))) = (container, fields(&self.way[at]))
            else {
                continue;
            };
            if !is_plain(container) {
                continue;
            }
            let mut texts = (field_type(expected), field_type(found));
            let mut how = "another type";
            if texts.0 == texts.1 {
                texts = (with_lifetimes(expected), with_lifetimes(found));
                how = "other lifetimes";
            }
            if texts.0 == texts.1 {
                // It differs in what the name does not say.
                let (expected, found) = self.types().unwrap_or(self.root);
                texts = (shape(expected), shape(found));
                how = "another type of the same name";
            }
            return Difference::new(member(container, expected), how, texts.0, texts.1);
        }
        let (expected, found) = self.types().unwrap_or(self.root);
        Difference::new(
            "what the library's root leads to",
            "another type",
            shape(expected),
            shape(found),
        )
    }

    fn size(&self) -> Difference {
        let (expected, found) = self.types().unwrap_or(self.root);
        let of =
            |layout: Layout| format!("{} bytes, alignment {}", layout.size(), layout.alignment());
        Difference::new(title(expected), "another size", of(expected), of(found))
    }
}

fn fields(step: &ExpectedFound<TLFieldOrFunction>) -> Option<(&TLField, &TLField)> {
    match (&step.expected, &step.found) {
        (TLFieldOrFunction::Field(expected), TLFieldOrFunction::Field(found)) => {
            Some((expected, found))
        }
        _ => None,
    }
}

/// A type that somebody wrote down: not a vector of it, nor a future that gives it.
fn is_plain(layout: Layout) -> bool {
    let package = layout.package();
    package != "std" && package != "abi_stable" && arguments(layout).is_empty()
}

fn title(layout: Layout) -> String {
    let kind = match layout.data() {
        TLData::PrefixType(_) => "table",
        TLData::Struct { .. } => "struct",
        TLData::Enum(_) => "enum",
        TLData::Primitive(_) | TLData::Opaque | TLData::Union { .. } => "type",
    };
    format!("{kind} {}", type_name(layout))
}

fn member(of: Layout, field: &TLField) -> String {
    let what = if field.is_function() { "function" } else { "field" };
    format!("{}, {what} `{}`", title(of), field.name())
}

/// The lifetimes that a field mentions, or the function in it, in their order.
fn with_lifetimes(field: &TLField) -> String {
    let function = field.function_range().iter().next().filter(|_| field.is_function());
    let mentioned = match function {
        Some(function) => lifetimes(function.paramret_lifetime_indices.as_slice()),
        None => lifetimes(field.lifetime_indices().as_slice()),
    };
    format!("{} with {mentioned}", field_type(field))
}

fn shape(layout: Layout) -> String {
    let package = layout.package();
    let version = layout.package_version();
    format!("{} of {package} {version}, {} bytes", type_name(layout), layout.size())
}

/// Two libraries that are open appended different functions to one table: each would take those of
/// the other for its own. Which one is which abi_stable does not say.
fn grown_otherwise(one: &AbiInstability) -> Difference {
    let found = match one {
        AbiInstability::UnexpectedField(ExpectedFound { expected, found }) => {
            let of = |field: &TLField| format!("`{}`: {}", field.name(), field_type(field));
            let mut both = [of(expected), of(found)];
            both.sort();
            both.join(" and ")
        }
        _ => "others".into(),
    };
    let place = "a table to which a plugin that is open already appended functions";
    Difference::new(place, "other functions", "the same ones", found)
}

/// A field, function or variant.
struct Member {
    name: String,
    of: String,
    title: String,
}

fn members(layout: Layout) -> Vec<Member> {
    if let TLData::Enum(variants) = layout.data() {
        let names = variants.variant_names_iter();
        return names
            .map(|name| Member {
                title: format!("{}, variant `{name}`", title(layout)),
                of: format!("`{name}`"),
                name: name.into(),
            })
            .collect();
    }
    let fields = layout.get_fields().into_iter().flatten();
    fields
        .map(|field| Member {
            name: field.name().into(),
            of: field_type(&field),
            title: member(layout, &field),
        })
        .collect()
}

/// How many members of a type are there in each version of it.
fn mandatory(layout: Layout, all: usize) -> usize {
    match layout.data() {
        TLData::PrefixType(table) => usize::from(table.first_suffix_field),
        _ => all,
    }
}

/// What became of the members of a type.
fn members_of(expected: Layout, found: Layout) -> Vec<Difference> {
    let (ours, theirs) = (members(expected), members(found));
    // More at the end of a table is no fault.
    let always = mandatory(found, theirs.len()).max(mandatory(expected, ours.len()));
    let appended = theirs.iter().rev().take_while(|member| !has(&ours, &member.name)).count();
    let counted = (theirs.len() - appended).max(always.min(theirs.len()));
    let mut all = Vec::new();
    let mut renamed = Vec::new();
    for (one, other) in ours.iter().zip(&theirs) {
        let exchanged = !has(&theirs, &one.name) && !has(&ours, &other.name);
        if exchanged && one.of == other.of {
            let names = (format!("`{}`", one.name), format!("`{}`", other.name));
            all.push(Difference::new(&*one.title, "another name", names.0, names.1));
            renamed.extend([&one.name, &other.name]);
        }
    }
    for (at, one) in ours.iter().enumerate() {
        if !has(&theirs, &one.name) && !renamed.contains(&&one.name) {
            all.push(only(one, behind(&ours, at), true));
        }
    }
    for (at, one) in theirs[..counted].iter().enumerate() {
        if !has(&ours, &one.name) && !renamed.contains(&&one.name) {
            all.push(only(one, behind(&theirs, at), false));
        }
    }
    let common = |these: &[Member], those: &[Member]| -> Vec<String> {
        these.iter().filter(|one| has(those, &one.name)).map(|one| one.name.clone()).collect()
    };
    let (before, after) = (common(&ours, &theirs), common(&theirs, &ours));
    if before != after {
        let differ = |at: &usize| before[*at] != after[*at];
        let first = (0..before.len()).find(differ).unwrap_or_default();
        let last = (0..before.len()).rfind(differ).unwrap_or_default();
        let range = |names: &[String]| names[first..=last].join(", ");
        all.push(Difference::new(title(expected), "another order", range(&before), range(&after)));
    }
    if all.is_empty() {
        let count = |layout: Layout, all: usize| format!("{} of {all}", mandatory(layout, all));
        let (one, other) = (count(expected, ours.len()), count(found, theirs.len()));
        all.push(Difference::new(
            title(expected),
            "another number of functions that are always there",
            one,
            other,
        ));
    }
    all
}

fn has(members: &[Member], name: &str) -> bool {
    members.iter().any(|member| member.name == name)
}

fn behind(members: &[Member], at: usize) -> String {
    match at.checked_sub(1) {
        Some(before) => format!("behind `{}`", members[before].name),
        None => "in front of all others".into(),
    }
}

/// What only one side has.
fn only(member: &Member, position: String, expected: bool) -> Difference {
    let Member { of, title, .. } = member;
    let place = format!("{title} {position}");
    let of = Some(of.clone());
    let (expected, found) = if expected { (of, None) } else { (None, of) };
    Difference { place, how: "", expected, found }
}
