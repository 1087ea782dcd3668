//! What an instance may reach: what its manifest asks for, as far as the operator grants it.

use std::collections::BTreeSet;
use std::time::SystemTime;

use super::doors::{Idle, validate};
use super::permission::{Authority, Permission, PermissionState};
use crate::config::closest;
use crate::contract::{Error, ErrorKind, Result};

/// The permissions of one instance: a decision for each, and whose it was.
///
/// The manifest asks, and gets nothing else. The policy caps what anybody gets. Below that, the
/// last change at run time that covers a permission holds; without one, what the configuration
/// says; without that, what is asked for is granted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Grants {
    declared: Vec<String>,
    /// Services that the manifest requires, as permissions: granted with the requirement, unless
    /// somebody denies or revokes them.
    required: Vec<String>,
    cap: Option<Vec<String>>,
    granted: Option<Vec<String>>,
    denied: Vec<String>,
    /// Oldest first; none is covered by a later one.
    changes: Vec<Change>,
}

/// A decision of a person, while the host runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) permission: String,
    pub(crate) granted: bool,
    pub(crate) by: String,
    pub(crate) at: SystemTime,
}

/// A decision, and whose it is.
#[derive(Clone, Copy, Debug)]
enum Verdict<'g> {
    NotAskedFor,
    /// The policy does not allow it.
    Capped,
    Changed(&'g Change),
    Denied,
    /// Whether it is in the list of what is granted.
    Listed(bool),
    Default,
}

impl Verdict<'_> {
    fn is_grant(self) -> bool {
        match self {
            Self::Default => true,
            Self::Listed(granted) => granted,
            Self::Changed(change) => change.granted,
            Self::NotAskedFor | Self::Capped | Self::Denied => false,
        }
    }
}

impl Grants {
    /// `declared` by the manifest; `granted` and `denied` by the operator, who by default grants
    /// what is declared.
    pub(crate) fn new(
        declared: Vec<String>,
        granted: Option<Vec<String>>,
        denied: Vec<String>,
    ) -> Self {
        Self { declared, granted, denied, ..Self::default() }
    }

    /// The same, with the services that the manifest requires.
    #[must_use]
    pub(crate) fn requiring<'s>(mut self, services: impl IntoIterator<Item = &'s str>) -> Self {
        self.required = services.into_iter().map(|name| format!("service:{name}")).collect();
        self
    }

    /// The same, and no more than what the policy allows any plugin.
    #[must_use]
    pub(crate) fn capped(mut self, cap: Option<Vec<String>>) -> Self {
        self.cap = cap;
        self
    }

    /// Takes a change in. What it covers is forgotten: it decides all of that.
    pub(crate) fn change(&mut self, change: Change) {
        let covered = |earlier: &Change| is_covered(&earlier.permission, &change.permission);
        self.changes.retain(|earlier| !covered(earlier));
        self.changes.push(change);
    }

    /// The changes that still decide something.
    pub(crate) fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Whether `permission` is granted; if it ends with a `*`, all of it.
    pub(crate) fn allow(&self, permission: &str) -> bool {
        self.decide(permission).is_grant()
    }

    /// The decision about all of `permission`.
    fn decide(&self, permission: &str) -> Verdict<'_> {
        let verdict = self.verdict(permission);
        if verdict.is_grant() { self.refused_below(permission).unwrap_or(verdict) } else { verdict }
    }

    /// The decision about `permission`, leaving out what is decided about parts of it.
    fn verdict(&self, permission: &str) -> Verdict<'_> {
        let required = covers(&self.required, permission);
        if !required && !covers(&self.declared, permission) {
            return Verdict::NotAskedFor;
        }
        if !required && !self.cap.as_deref().is_none_or(|cap| covers(cap, permission)) {
            return Verdict::Capped;
        }
        let covering = |change: &&Change| is_covered(permission, &change.permission);
        if let Some(change) = self.changes.iter().rev().find(covering) {
            return Verdict::Changed(change);
        }
        if covers(&self.denied, permission) {
            return Verdict::Denied;
        }
        match &self.granted {
            Some(granted) if !required => Verdict::Listed(covers(granted, permission)),
            _ => Verdict::Default,
        }
    }

    /// What is asked for with a final `*` (a subscription to all topics that start so) holds all
    /// that is refused below it.
    fn refused_below(&self, permission: &str) -> Option<Verdict<'_>> {
        permission.strip_suffix('*')?;
        let revoked = self
            .changes
            .iter()
            .find(|change| !change.granted && is_covered(&change.permission, permission));
        if let Some(change) = revoked {
            return Some(Verdict::Changed(change));
        }
        let denied = self.denied.iter().any(|denied| {
            let granted =
                |change: &Change| change.granted && is_covered(denied, &change.permission);
            is_covered(denied, permission) && !self.changes.iter().any(granted)
        });
        denied.then_some(Verdict::Denied)
    }

    /// The same, as an error that says whose decision it was and what to do.
    ///
    /// # Errors
    /// [`ErrorKind::PermissionDenied`].
    pub(crate) fn check(&self, instance: &str, permission: &str) -> Result<()> {
        let verdict = self.decide(permission);
        if verdict.is_grant() {
            return Ok(());
        }
        let (why, help) = match verdict {
            Verdict::NotAskedFor => (
                "its manifest does not ask for it".to_owned(),
                format!("the plugin's author has to add \"{permission}\" to `permissions`"),
            ),
            Verdict::Capped => (
                "the policy allows it to no plugin".to_owned(),
                format!("add \"{permission}\" to `permissions` in [plugins.security]"),
            ),
            Verdict::Changed(change) => (
                format!("{} revoked it", change.by),
                format!("`grant(\"{instance}\", \"{}\", …)` gives it back", change.permission),
            ),
            Verdict::Denied => (
                "the configuration denies it".to_owned(),
                format!("take it out of `deny` in [plugins.{instance}]"),
            ),
            Verdict::Listed(_) | Verdict::Default => (
                "the configuration does not grant it".to_owned(),
                format!("add \"{permission}\" to `permissions` in [plugins.{instance}]"),
            ),
        };
        let message = format!("the permission `{permission}` is needed, {why}");
        Err(refusal(instance, message).with_help(help))
    }

    /// Fails for a change that would change nothing, or give more than may be given.
    ///
    /// # Errors
    /// [`ErrorKind::PermissionDenied`] for a grant, [`ErrorKind::NotFound`] for a revocation.
    pub(crate) fn check_change(&self, instance: &str, change: &Change) -> Result<()> {
        let permission = &change.permission;
        let asked = || self.declared.iter().chain(&self.required);
        if !change.granted {
            if asked().any(|asked| meet(asked, permission)) {
                return Ok(());
            }
            let message = format!(
                "the permission `{permission}` was to be revoked, its manifest does not ask for it"
            );
            return Err(Error::new(ErrorKind::NotFound, message)
                .with_plugin(instance)
                .with_help(self.what_to_name(permission)));
        }
        match self.verdict(permission) {
            Verdict::NotAskedFor => {
                let less = if asked().any(|asked| meet(asked, permission)) {
                    "its manifest asks for less"
                } else {
                    "its manifest does not ask for it"
                };
                let message = format!("the permission `{permission}` was to be granted, {less}");
                Err(refusal(instance, message).with_help(format!(
                    "a grant never gives more than the manifest asks for; {}",
                    self.what_to_name(permission)
                )))
            }
            Verdict::Capped => {
                let allowed = self.cap.as_deref().unwrap_or_default().join(", ");
                let allowed = if allowed.is_empty() { "nothing" } else { &allowed };
                let message = format!(
                    "the permission `{permission}` was to be granted, the policy allows any \
                     plugin at most: {allowed}"
                );
                Err(refusal(instance, message).with_help(format!(
                    "add \"{permission}\" to `permissions` in [plugins.security], or grant less"
                )))
            }
            _ => Ok(()),
        }
    }

    /// What could have been meant, or all that there is.
    fn what_to_name(&self, permission: &str) -> String {
        let asked = self.declared.iter().chain(&self.required).map(String::as_str);
        match closest(permission, asked.clone()) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => {
                let asked: Vec<&str> = asked.take(12).collect();
                let asked = if asked.is_empty() { "nothing".into() } else { asked.join(", ") };
                format!("it asks for {asked}")
            }
        }
    }

    /// A record for whatever is decided, as of `at`: for all that is asked for; for the parts of
    /// it that somebody decided about; for what is configured and not asked for.
    pub(crate) fn records(&self, instance: &str, file: &str, at: SystemTime) -> Vec<Permission> {
        let said = self.granted.iter().chain([&self.denied]).flatten();
        let changed = self.changes.iter().map(|change| &change.permission);
        let parts = said.clone().chain(self.cap.iter().flatten()).chain(changed);
        let asked = || self.declared.iter().chain(&self.required);
        let parts = parts.filter(|part| asked().any(|asked| is_covered(part, asked)));
        let idle = said.filter(|entry| !matters(entry, asked()));
        let named: BTreeSet<&str> = asked().chain(parts).chain(idle).map(String::as_str).collect();
        let configured = |key: &str| Authority::Configuration {
            file: file.to_owned(),
            key: format!("plugins.{instance}.{key}"),
        };
        let record = |permission: &str| {
            let verdict = self.verdict(permission);
            let (by, at) = match verdict {
                Verdict::NotAskedFor | Verdict::Default => (Authority::Manifest, at),
                Verdict::Capped => (Authority::Policy, at),
                Verdict::Denied => (configured("deny"), at),
                Verdict::Listed(_) => (configured("permissions"), at),
                Verdict::Changed(change) => {
                    (Authority::Person { name: change.by.clone() }, change.at)
                }
            };
            let state = match verdict {
                Verdict::NotAskedFor => PermissionState::NeverAskedFor,
                _ if verdict.is_grant() => PermissionState::Granted,
                _ => PermissionState::Refused,
            };
            let (instance, permission) = (instance.to_owned(), permission.to_owned());
            Permission { instance, permission, state, by, at }
        };
        named.into_iter().map(record).collect()
    }

    /// Whether the manifest asks for `permission`, or requires the service.
    pub(crate) fn asks_for(&self, permission: &str) -> bool {
        covers(&self.declared, permission) || covers(&self.required, permission)
    }

    /// What the operator grants or denies and the plugin never asks for: most likely misspelt, and
    /// then something is denied only in the configuration.
    pub(crate) fn idle(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let granted = self.granted.iter().flatten().map(|entry| ("permissions", entry.as_str()));
        let denied = self.denied.iter().map(|entry| ("deny", entry.as_str()));
        let asked = || self.declared.iter().chain(&self.required);
        granted.chain(denied).filter(move |(_, entry)| !matters(entry, asked()))
    }

    /// What is declared and opens no door of this host.
    pub(crate) fn unknown(&self) -> Vec<Idle<'_>> {
        validate(self.declared.iter().map(String::as_str))
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

fn refusal(instance: &str, message: String) -> Error {
    Error::new(ErrorKind::PermissionDenied, message).with_plugin(instance)
}

/// Whether a configured entry has to do with anything that is asked for. An empty one names
/// nothing, `*` everything.
fn matters<'a>(entry: &str, mut asked: impl Iterator<Item = &'a String>) -> bool {
    entry.is_empty() || entry == "*" || asked.any(|asked| meet(asked, entry))
}

/// Whether something is covered by both.
fn meet(one: &str, other: &str) -> bool {
    is_covered(one, other) || is_covered(other, one)
}

/// Whether one of `patterns` covers `permission`.
fn covers(patterns: &[String], permission: &str) -> bool {
    patterns.iter().any(|pattern| is_covered(permission, pattern))
}

/// Whether `pattern` covers `permission`: the same, or all of it up to a final `*`.
fn is_covered(permission: &str, pattern: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => permission.starts_with(start),
        None => pattern == permission,
    }
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

    fn change(granted: bool, permission: &str, by: &str) -> Change {
        let (permission, by) = (permission.to_owned(), by.to_owned());
        Change { permission, granted, by, at: SystemTime::UNIX_EPOCH }
    }

    fn changed(mut grants: Grants, changes: &[(bool, &str)]) -> Grants {
        for (granted, permission) in changes {
            grants.change(change(*granted, permission, "ada"));
        }
        grants
    }

    #[test]
    fn the_last_change_that_covers_a_permission_decides() {
        let grants = Grants::new(list(&["events.publish:*", "storage"]), None, list(&["storage"]));
        let grants = changed(
            grants,
            &[(false, "events.publish:*"), (true, "events.publish:keys.*"), (true, "storage")],
        );
        assert!(grants.allow("storage"), "a person may grant what the configuration denies");
        assert!(grants.allow("events.publish:keys.added"));
        assert!(grants.allow("events.publish:keys.*"));
        assert!(!grants.allow("events.publish:other"));
        assert!(!grants.allow("config.read"), "nobody may grant what is not asked for");
        let grants = changed(grants, &[(false, "events.*")]);
        assert!(!grants.allow("events.publish:keys.added"), "what came before is forgotten");
        assert_eq!(grants.changes().len(), 2);
    }

    #[test]
    fn nobody_gets_what_is_revoked_by_asking_for_more_than_that() {
        let declared = list(&["events.subscribe:*"]);
        let grants = Grants::new(declared, None, list(&["events.subscribe:a.secret"]));
        let grants = changed(grants, &[(false, "events.subscribe:b.secret")]);
        for (topic, allowed) in
            [("a.*", false), ("b.*", false), ("*", false), ("c.*", true), ("b.open", true)]
        {
            assert_eq!(grants.allow(&format!("events.subscribe:{topic}")), allowed, "{topic}");
        }
        let grants = changed(grants, &[(true, "events.subscribe:a.secret")]);
        assert!(grants.allow("events.subscribe:a.*"));
        let grants = changed(grants, &[(true, "events.subscribe:*")]);
        assert!(grants.allow("events.subscribe:*"));
    }

    #[test]
    fn a_required_service_is_granted_unless_somebody_takes_it_away() {
        let grants = |denied: &[&str]| {
            Grants::new(list(&[]), Some(list(&[])), list(denied))
                .requiring(["geo"])
                .capped(Some(list(&[])))
        };
        assert!(grants(&[]).allow("service:geo"));
        assert!(!grants(&[]).allow("service:other"));
        assert!(!grants(&["service:geo"]).allow("service:geo"));
        assert_eq!(grants(&["service:geo"]).idle().count(), 0);
        assert!(!changed(grants(&[]), &[(false, "service:*")]).allow("service:geo"));
    }

    #[test]
    fn the_policy_caps_whatever_anybody_grants() {
        let grants = Grants::new(list(&["storage", "events.publish:*"]), None, list(&[]));
        let grants = grants.capped(Some(list(&["events.publish:keys.*"])));
        let grants = changed(grants, &[(true, "storage"), (true, "events.publish:*")]);
        assert!(!grants.allow("storage"));
        assert!(!grants.allow("events.publish:other"));
        assert!(grants.allow("events.publish:keys.added"));
    }

    #[test]
    fn a_grant_beyond_what_may_be_given_is_refused() {
        let grants = Grants::new(list(&["storage", "events.publish:keys.*"]), None, list(&[]))
            .capped(Some(list(&["events.*"])));
        let told = |granted, permission| match grants
            .check_change("db", &change(granted, permission, "ada"))
        {
            Ok(()) => "fine".to_owned(),
            Err(error) => format!("{error:#}"),
        };
        assert_eq!(told(true, "events.publish:keys.*"), "fine");
        assert_eq!(told(true, "events.publish:keys.added"), "fine");
        assert_eq!(told(false, "storage"), "fine");
        assert_eq!(told(false, "*"), "fine");
        insta::assert_snapshot!(told(true, "events.publish:*"), @"
        plugin `db`: the permission `events.publish:*` was to be granted, its manifest asks for less
          help: a grant never gives more than the manifest asks for; it asks for storage, events.publish:keys.*
        ");
        insta::assert_snapshot!(told(true, "request"), @"
        plugin `db`: the permission `request` was to be granted, its manifest does not ask for it
          help: a grant never gives more than the manifest asks for; it asks for storage, events.publish:keys.*
        ");
        insta::assert_snapshot!(told(true, "storage"), @r#"
        plugin `db`: the permission `storage` was to be granted, the policy allows any plugin at most: events.*
          help: add "storage" to `permissions` in [plugins.security], or grant less
        "#);
        insta::assert_snapshot!(told(false, "storrage"), @r#"
        plugin `db`: the permission `storrage` was to be revoked, its manifest does not ask for it
          help: did you mean "storage"?
        "#);
        insta::assert_snapshot!(told(false, "teleport"), @"
        plugin `db`: the permission `teleport` was to be revoked, its manifest does not ask for it
          help: it asks for storage, events.publish:keys.*
        ");
    }

    #[test]
    fn there_is_a_record_for_whatever_was_decided() {
        let grants = Grants::new(
            list(&["storage", "events.publish:*", "request", "config.read"]),
            Some(list(&["storage", "events.*", "reqest", "config.read"])),
            list(&["events.publish:secret", "storrage"]),
        );
        let grants =
            grants.requiring(["geo"]).capped(Some(list(&["events.*", "storage", "config.*"])));
        let grants = changed(grants, &[(false, "storage"), (true, "events.publish:secret.not")]);
        let records = grants.records("db", "app.toml", SystemTime::UNIX_EPOCH);
        let told: Vec<String> = records.iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(told.join("\n").replace(" of `db`", ""), @"
        `config.read`: granted by `plugins.db.permissions` in app.toml, 1970-01-01T00:00:00Z
        `events.publish:*`: granted by `plugins.db.permissions` in app.toml, 1970-01-01T00:00:00Z
        `events.publish:secret`: refused by `plugins.db.deny` in app.toml, 1970-01-01T00:00:00Z
        `events.publish:secret.not`: granted by ada, 1970-01-01T00:00:00Z
        `reqest`: never asked for by the manifest, 1970-01-01T00:00:00Z
        `request`: refused by the policy (`plugins.security.permissions`), 1970-01-01T00:00:00Z
        `service:geo`: granted by the manifest, 1970-01-01T00:00:00Z
        `storage`: refused by ada, 1970-01-01T00:00:00Z
        `storrage`: never asked for by the manifest, 1970-01-01T00:00:00Z
        ");
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
        let grants = Grants::new(list(&["storage"]), None, list(&[]));
        let revoked = changed(grants.clone(), &[(false, "storage")]);
        insta::assert_snapshot!(format!("{:#}", revoked.check("db", "storage").unwrap_err()), @r#"
        plugin `db`: the permission `storage` is needed, ada revoked it
          help: `grant("db", "storage", …)` gives it back
        "#);
        let capped = grants.capped(Some(list(&["request"])));
        insta::assert_snapshot!(format!("{:#}", capped.check("db", "storage").unwrap_err()), @r#"
        plugin `db`: the permission `storage` is needed, the policy allows it to no plugin
          help: add "storage" to `permissions` in [plugins.security]
        "#);
    }
}
