//! Comparing values of JSON, without those parts that may differ.

use serde_json::Value;

use crate::contract::{Error, ErrorKind, Result};

/// Parts of a value: JSON pointers (RFC 6901), in which `*` stands for any key and any position.
#[derive(Debug, Default)]
pub(super) struct Pointers(Vec<Vec<String>>);

/// The first difference of two values.
#[derive(Debug, PartialEq)]
pub(super) struct Differing<'v> {
    pub(super) pointer: String,
    pub(super) recorded: Option<&'v Value>,
    pub(super) found: Option<&'v Value>,
}

impl Pointers {
    /// # Errors
    /// [`ErrorKind::InvalidInput`] if one is none.
    pub(super) fn parse(texts: &[String]) -> Result<Self> {
        let parse = |text: &String| match text.strip_prefix('/') {
            None if text.is_empty() => Ok(Vec::new()),
            None => Err(Error::new(
                ErrorKind::InvalidInput,
                format!("a JSON pointer was expected in `ignore`, found `{text}`"),
            )
            .with_help("a pointer begins with a slash: `/uptime`, `/jobs/*/begun`")),
            Some(path) => {
                Ok(path.split('/').map(|step| step.replace("~1", "/").replace("~0", "~")).collect())
            }
        };
        texts.iter().map(parse).collect::<Result<_>>().map(Self)
    }

    fn name(&self, path: &[String]) -> bool {
        self.0.iter().any(|pointer| {
            let mut steps = pointer.iter().zip(path);
            pointer.len() == path.len() && steps.all(|(own, step)| own == "*" || own == step)
        })
    }

    /// The first difference that counts.
    pub(super) fn difference<'v>(
        &self,
        recorded: &'v Value,
        found: &'v Value,
    ) -> Option<Differing<'v>> {
        self.differ(&mut Vec::new(), Some(recorded), Some(found))
    }

    fn differ<'v>(
        &self,
        path: &mut Vec<String>,
        recorded: Option<&'v Value>,
        found: Option<&'v Value>,
    ) -> Option<Differing<'v>> {
        if recorded == found || self.name(path) {
            return None;
        }
        match (recorded, found) {
            (Some(Value::Object(one)), Some(Value::Object(other))) => {
                let added = other.keys().filter(|key| !one.contains_key(*key));
                one.keys()
                    .chain(added)
                    .find_map(|key| self.within(path, key, one.get(key), other.get(key)))
            }
            (Some(Value::Array(one)), Some(Value::Array(other))) => (0..one.len().max(other.len()))
                .find_map(|at| self.within(path, &at.to_string(), one.get(at), other.get(at))),
            (recorded, found) => Some(Differing { pointer: pointer(path), recorded, found }),
        }
    }

    fn within<'v>(
        &self,
        path: &mut Vec<String>,
        step: &str,
        recorded: Option<&'v Value>,
        found: Option<&'v Value>,
    ) -> Option<Differing<'v>> {
        path.push(step.to_owned());
        let difference = self.differ(path, recorded, found);
        path.pop();
        difference
    }
}

fn pointer(path: &[String]) -> String {
    path.iter().map(|step| format!("/{}", step.replace('~', "~0").replace('/', "~1"))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn difference(ignore: &[&str], recorded: Value, found: Value) -> Option<String> {
        let ignore: Vec<String> = ignore.iter().map(|text| (*text).to_owned()).collect();
        let ignore = Pointers::parse(&ignore).unwrap();
        let differing = ignore.difference(&recorded, &found)?;
        let value = |value: Option<&Value>| value.map_or("nothing".into(), Value::to_string);
        let (recorded, found) = (value(differing.recorded), value(differing.found));
        Some(format!("{}: {recorded}, {found}", differing.pointer))
    }

    #[test]
    fn values_are_compared_whatever_the_order_of_keys() {
        let read = |text: &str| serde_json::from_str(text).unwrap();
        let (one, other) = (read(r#"{"a":1,"b":[1,2]}"#), read(r#"{ "b": [1, 2], "a": 1 }"#));
        assert_eq!(difference(&[], one, other), None);
    }

    #[test]
    fn the_first_difference_is_named_by_its_pointer() {
        for (recorded, found, expected) in [
            (json!({"a": {"b/c": [1, 2]}}), json!({"a": {"b/c": [1, 3]}}), "/a/b~1c/1: 2, 3"),
            (json!({"a": 1}), json!({}), "/a: 1, nothing"),
            (json!({}), json!({"a": null}), "/a: nothing, null"),
            (json!([1]), json!([1, 2]), "/1: nothing, 2"),
            (json!({"a": 1}), json!([1]), r#": {"a":1}, [1]"#),
        ] {
            assert_eq!(difference(&[], recorded, found).as_deref(), Some(expected));
        }
    }

    #[test]
    fn what_is_ignored_may_differ_and_be_missing_and_nothing_else_may() {
        let recorded = json!({"jobs": [{"at": 1, "id": 1}, {"at": 2, "id": 2}], "up": 1});
        let found = json!({"jobs": [{"at": 5, "id": 1}, {"id": 3}], "up": 7});
        let told = |ignore: &[&str]| difference(ignore, recorded.clone(), found.clone());
        assert_eq!(told(&["/jobs/*/at", "/up", "/jobs/1/id"]), None);
        assert_eq!(told(&["/jobs/*/at", "/up"]).unwrap(), "/jobs/1/id: 2, 3");
        assert_eq!(told(&["/jobs/0/at", "/up", "/jobs/*/id"]).unwrap(), "/jobs/1/at: 2, nothing");
        assert_eq!(told(&["/jobs"]).unwrap(), "/up: 1, 7");
        assert_eq!(told(&[""]), None);
    }

    #[test]
    fn a_pointer_without_a_slash_is_refused() {
        let error = Pointers::parse(&["uptime".to_owned()]).unwrap_err();
        insta::assert_snapshot!(format!("{error:#}"), @r"
        a JSON pointer was expected in `ignore`, found `uptime`
          help: a pointer begins with a slash: `/uptime`, `/jobs/*/begun`
        ");
    }
}
