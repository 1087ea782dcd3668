//! X4: an entry of the load order is an id, else a type.

use crate::config::Config;

fn resolve(order: &[&str], instances: &[(&str, Option<&str>)]) -> (Vec<String>, Vec<String>) {
    let mut config = Config::default();
    config.plugins.load_order = order.iter().map(ToString::to_string).collect();
    config.resolve_load_order(instances)
}

#[test]
fn an_id_counts_before_a_type() {
    let instances = [("a", Some("b")), ("b", None)];
    assert_eq!(resolve(&["b"], &instances), (vec!["b".into()], vec![]));
}

#[test]
fn a_type_stands_for_all_its_instances() {
    let instances = [("x", Some("t")), ("y", None), ("z", Some("t"))];
    let (order, unknown) = resolve(&["t", "y"], &instances);
    assert_eq!(order, ["x", "z", "y"]);
    assert!(unknown.is_empty());
}

#[test]
fn an_instance_named_by_id_stands_where_its_id_does() {
    let instances = [("first", Some("t")), ("last", Some("t")), ("other", None)];
    let (order, unknown) = resolve(&["t", "other", "last"], &instances);
    assert_eq!(order, ["first", "other", "last"]);
    assert!(unknown.is_empty());
}

#[test]
fn what_names_nothing_is_reported_in_order() {
    let (order, unknown) = resolve(&["nobody", "a", "nothing"], &[("a", None)]);
    assert_eq!(order, ["a"]);
    assert_eq!(unknown, ["nobody", "nothing"]);
}

#[test]
fn each_instance_comes_once() {
    let (order, _) = resolve(&["a", "a", "t", "t"], &[("a", Some("t")), ("b", Some("t"))]);
    assert_eq!(order, ["a", "b"]);
}
