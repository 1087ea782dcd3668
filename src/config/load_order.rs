//! Turns the operator's load order, ids or types, into an order of instances.
//!
//! Pure, and only the operator's wish: dependencies win over it, and resolving a plan reports
//! where the two contradict.

use std::collections::BTreeSet;

/// The instances that `order` names, in that order, and the entries that name none.
///
/// An entry is an id, else a type; a type stands for all instances of it, as they come in
/// `instances`. An instance that is named by its id stands where its id does, even when its type
/// is named earlier: the more specific wish counts.
pub(super) fn resolve(
    order: &[String],
    instances: &[(&str, Option<&str>)],
) -> (Vec<String>, Vec<String>) {
    let ids: BTreeSet<&str> = instances.iter().map(|(id, _)| *id).collect();
    let named: BTreeSet<&str> =
        order.iter().map(String::as_str).filter(|e| ids.contains(e)).collect();
    let mut placed: BTreeSet<&str> = BTreeSet::new();
    let (mut found, mut unknown) = (Vec::new(), Vec::new());
    for entry in order {
        let entry = entry.as_str();
        if ids.contains(entry) {
            if placed.insert(entry) {
                found.push(entry.to_owned());
            }
            continue;
        }
        let mut of_type =
            instances.iter().filter(|(_, kind)| *kind == Some(entry)).map(|(id, _)| *id).peekable();
        if of_type.peek().is_none() {
            unknown.push(entry.to_owned());
        }
        for id in of_type {
            if !named.contains(id) && placed.insert(id) {
                found.push(id.to_owned());
            }
        }
    }
    (found, unknown)
}
