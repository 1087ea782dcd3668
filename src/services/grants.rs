//! What an instance may reach: what its manifest asks for, as far as the operator grants it.

use crate::contract::{Error, ErrorKind, Result};

/// The permissions of one instance.
#[derive(Clone, Debug, Default)]
pub(crate) struct Grants {
    declared: Vec<String>,
    granted: Option<Vec<String>>,
    denied: Vec<String>,
}

impl Grants {
    /// `declared` by the manifest; `granted` and `denied` by the operator, who by default grants
    /// what is declared.
    pub(crate) fn new(
        declared: Vec<String>,
        granted: Option<Vec<String>>,
        denied: Vec<String>,
    ) -> Self {
        Self { declared, granted, denied }
    }

    /// Whether `permission` is granted.
    pub(crate) fn allow(&self, permission: &str) -> bool {
        covers(&self.declared, permission)
            && self.granted.as_deref().is_none_or(|granted| covers(granted, permission))
            && !self.denies(permission)
    }

    /// What is asked for with a final `*` (a subscription to all topics that start so) holds all
    /// that is denied below it.
    fn denies(&self, permission: &str) -> bool {
        covers(&self.denied, permission)
            || permission
                .strip_suffix('*')
                .is_some_and(|start| self.denied.iter().any(|denied| denied.starts_with(start)))
    }

    /// The same, as an error that says whose decision it was and what to do.
    ///
    /// # Errors
    /// [`ErrorKind::PermissionDenied`].
    pub(crate) fn check(&self, instance: &str, permission: &str) -> Result<()> {
        if self.allow(permission) {
            return Ok(());
        }
        let (message, help) = if !covers(&self.declared, permission) {
            (
                format!(
                    "the permission `{permission}` is needed, its manifest does not ask for it"
                ),
                format!("the plugin's author has to add \"{permission}\" to `permissions`"),
            )
        } else if self.denies(permission) {
            (
                format!("the permission `{permission}` is needed, the configuration denies it"),
                format!("take it out of `deny` in [plugins.{instance}]"),
            )
        } else {
            (
                format!(
                    "the permission `{permission}` is needed, the configuration does not grant it"
                ),
                format!("add \"{permission}\" to `permissions` in [plugins.{instance}]"),
            )
        };
        Err(Error::new(ErrorKind::PermissionDenied, message).with_plugin(instance).with_help(help))
    }

    /// What the operator grants or denies and the plugin never asks for: most likely misspelt, and
    /// then something is denied only in the configuration.
    pub(crate) fn idle(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let granted = self.granted.iter().flatten().map(|entry| ("permissions", entry.as_str()));
        let denied = self.denied.iter().map(|entry| ("deny", entry.as_str()));
        granted.chain(denied).filter(|(_, entry)| {
            let entry = [(*entry).to_owned()];
            let meets = |declared: &String| {
                covers(&entry, declared) || covers(std::slice::from_ref(declared), &entry[0])
            };
            !entry[0].is_empty() && entry[0] != "*" && !self.declared.iter().any(meets)
        })
    }

    /// What is declared, for messages.
    pub(crate) fn declared(&self) -> String {
        if self.declared.is_empty() { "nothing".into() } else { self.declared.join(", ") }
    }

    /// What is declared and not granted, for reports.
    pub(crate) fn refused(&self) -> impl Iterator<Item = &str> {
        self.declared.iter().map(String::as_str).filter(|permission| !self.allow(permission))
    }
}

/// Whether one of `patterns` covers `permission`: the same, or all of it up to a final `*`.
fn covers(patterns: &[String], permission: &str) -> bool {
    patterns.iter().any(|pattern| match pattern.strip_suffix('*') {
        Some(start) => permission.starts_with(start),
        None => pattern == permission,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(permissions: &[&str]) -> Vec<String> {
        permissions.iter().map(|permission| (*permission).to_owned()).collect()
    }

    #[test]
    fn what_is_declared_is_granted_unless_the_operator_says_otherwise() {
        let grants = Grants::new(list(&["storage", "events.publish:keys.*"]), None, list(&[]));
        assert!(grants.allow("storage"));
        assert!(grants.allow("events.publish:keys.added"));
        assert!(!grants.allow("events.publish:other"));
        assert!(!grants.allow("config.read"));
    }

    #[test]
    fn an_operators_list_and_denials_only_take_away() {
        let grants =
            Grants::new(list(&["storage", "request"]), Some(list(&["*"])), list(&["request"]));
        assert!(grants.allow("storage"));
        assert!(!grants.allow("request"));
        assert!(!grants.allow("config.read"), "a plugin gets nothing it did not ask for");
        assert_eq!(grants.refused().collect::<Vec<_>>(), ["request"]);
    }

    #[test]
    fn nobody_gets_what_is_denied_by_asking_for_more_than_that() {
        let declared = list(&["events.subscribe:*"]);
        let grants = Grants::new(declared, None, list(&["events.subscribe:keys.secret"]));
        assert!(grants.allow("events.subscribe:keys.added"));
        assert!(!grants.allow("events.subscribe:keys.secret"));
        assert!(!grants.allow("events.subscribe:keys.*"), "keys.secret is among them");
        assert!(grants.allow("events.subscribe:orders.*"));
    }

    #[test]
    fn what_is_denied_and_never_asked_for_is_noticed() {
        let grants = Grants::new(
            list(&["storage", "events.publish:keys.*"]),
            Some(list(&["*", "storage"])),
            list(&["storag", "events.publish:*", "events.publish:keys.secret"]),
        );
        assert_eq!(grants.idle().collect::<Vec<_>>(), [("deny", "storag")]);
    }

    #[test]
    fn a_refusal_says_whose_decision_it_was_and_what_to_do() {
        let grants = Grants::new(list(&["storage"]), Some(list(&[])), list(&[]));
        insta::assert_snapshot!(format!("{:#}", grants.check("db", "storage").unwrap_err()), @r#"
        plugin `db`: the permission `storage` is needed, the configuration does not grant it
          help: add "storage" to `permissions` in [plugins.db]
        "#);
        insta::assert_snapshot!(format!("{:#}", grants.check("db", "request").unwrap_err()), @r#"
        plugin `db`: the permission `request` is needed, its manifest does not ask for it
          help: the plugin's author has to add "request" to `permissions`
        "#);
    }
}
