//! What became of the layouts: appended to, or broken. Pure.

use crate::model::{Field, Snapshot, Type};

/// One change, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// What was built before goes on working.
    Append(String),
    /// It does not.
    Break(String),
}

impl Change {
    pub fn as_append(&self) -> Option<&str> {
        match self {
            Self::Append(text) => Some(text),
            Self::Break(_) => None,
        }
    }

    pub fn as_break(&self) -> Option<&str> {
        match self {
            Self::Break(text) => Some(text),
            Self::Append(_) => None,
        }
    }
}

/// What has to happen to `old` to become `new`.
pub fn compare(old: &Snapshot, new: &Snapshot) -> Vec<Change> {
    let mut changes = Vec::new();
    for before in &old.types {
        match find(new, &before.name) {
            None => changes.push(Change::Break(format!(
                "{} {} does not cross any more: what was built before may still hand one over",
                before.kind, before.name
            ))),
            Some(after) => compare_type(before, after, &mut changes),
        }
    }
    // What leads to a new type is a change of another one, judged there.
    for after in new.types.iter().filter(|after| find(old, &after.name).is_none()) {
        changes.push(Change::Append(format!("{} {} is new", after.kind, after.name)));
    }
    changes
}

fn find<'a>(snapshot: &'a Snapshot, name: &str) -> Option<&'a Type> {
    snapshot.types.iter().find(|one| one.name == name)
}

fn compare_type(before: &Type, after: &Type, changes: &mut Vec<Change>) {
    let place = format!("{} {}", after.kind, after.name);
    if before.kind != after.kind {
        changes.push(Change::Break(format!("{place} was of kind {}", before.kind)));
        return;
    }
    if before.facts != after.facts {
        changes.push(Change::Break(format!("{place}: {}, was {}", after.facts, before.facts)));
    }
    if before.kind == "numbers" {
        compare_numbers(&place, &before.fields, &after.fields, changes);
        return;
    }
    let table = before.kind == "table";
    let grown = after.fields.get(before.fields.len()..).unwrap_or_default();
    let kept = &after.fields[..after.fields.len() - grown.len()];
    let appended = table && names(kept) == names(&before.fields);
    if before.mandatory != after.mandatory && names(kept) == names(&before.fields) {
        changes.push(Change::Break(format!(
            "{place}: {} functions are mandatory, of which there were {}: `last_prefix_field` \
             stays where it is",
            after.mandatory, before.mandatory
        )));
    }
    if appended {
        changes.extend(grown.iter().map(|field| {
            Change::Append(format!("{place}: `{}` at the end: {}", field.name, field.of))
        }));
        compare_fields(&place, &before.fields, kept, changes);
    } else {
        compare_fields(&place, &before.fields, &after.fields, changes);
    }
}

/// Numbers may be added, and keep their meaning.
fn compare_numbers(place: &str, before: &[Field], after: &[Field], changes: &mut Vec<Change>) {
    for old in before {
        let text = match after.iter().find(|new| new.name == old.name) {
            Some(new) if new.of == old.of => continue,
            Some(new) => format!("{place}: `{}` is {}; it was {}", new.name, new.of, old.of),
            None => format!("{place}: `{}` was removed; it was {}", old.name, old.of),
        };
        changes.push(Change::Break(text));
    }
    for new in after.iter().filter(|new| !has(before, &new.name)) {
        let taken = before.iter().find(|old| old.of == new.of);
        changes.push(match taken {
            Some(old) => Change::Break(format!(
                "{place}: `{}` is {}, as `{}` was",
                new.name, new.of, old.name
            )),
            None => Change::Append(format!("{place}: `{}` is {}", new.name, new.of)),
        });
    }
}

/// Fields of which none may differ.
fn compare_fields(place: &str, before: &[Field], after: &[Field], changes: &mut Vec<Change>) {
    let mut broken = |text: String| changes.push(Change::Break(format!("{place}: {text}")));
    let renamed = |at: usize| {
        let (old, new) = (before.get(at)?, after.get(at)?);
        let other = old.of == new.of && old.name != new.name;
        (other && !has(after, &old.name) && !has(before, &new.name)).then_some((old, new))
    };
    let length = before.len().max(after.len());
    let exchanged: Vec<_> = (0..length).filter_map(renamed).collect();
    let is_renamed =
        |name: &str| exchanged.iter().any(|(old, new)| old.name == name || new.name == name);
    for (old, new) in &exchanged {
        broken(format!("`{}` was renamed to `{}`", old.name, new.name));
    }
    for field in before.iter().filter(|field| !has(after, &field.name)) {
        if !is_renamed(&field.name) {
            broken(format!("`{}` was removed; it was {}", field.name, field.of));
        }
    }
    for (at, field) in after.iter().enumerate().filter(|(_, field)| !has(before, &field.name)) {
        if !is_renamed(&field.name) {
            let place = match after.get(at + 1) {
                Some(next) => format!("before `{}`", next.name),
                None => "at the end".into(),
            };
            broken(format!("`{}` was added {place}; it is {}", field.name, field.of));
        }
    }
    let in_both = |these: &[Field], those: &[Field]| -> Vec<String> {
        these.iter().filter(|field| has(those, &field.name)).map(|f| f.name.clone()).collect()
    };
    let (order, was) = (in_both(after, before), in_both(before, after));
    if order != was {
        broken(format!("in another order: {}; it was {}", order.join(", "), was.join(", ")));
    }
    for old in before {
        let new = after.iter().find(|field| field.name == old.name);
        if let Some(new) = new.filter(|new| new.of != old.of) {
            broken(format!("`{}` is {}; it was {}", new.name, new.of, old.of));
        }
    }
    // Where everything else is as it was, a field moves only because a type grew; that is said
    // there, too.
    for (old, new) in before.iter().zip(after) {
        if old.name == new.name && old.offset != new.offset && names(before) == names(after) {
            broken(format!("`{}` lies elsewhere, because of what is in front of it", new.name));
        }
    }
}

fn has(fields: &[Field], name: &str) -> bool {
    fields.iter().any(|field| field.name == name)
}

fn names(fields: &[Field]) -> Vec<&str> {
    fields.iter().map(|field| field.name.as_str()).collect()
}
