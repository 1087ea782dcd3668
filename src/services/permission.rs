//! The record of a permission: what was decided about it, by whom and when.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Serialize, Serializer};

use super::grants::Change;

/// What was decided about one permission of one instance. Its `Display` is a sentence.
///
/// It serialises as a flat record with the time as in RFC 3339:
///
/// ```json
/// {
///   "instance": "db", "permission": "storage", "state": "refused",
///   "by": { "kind": "person", "name": "ada" }, "at": "2026-01-31T12:00:00Z"
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Permission {
    /// The id of the instance.
    pub instance: String,
    /// The permission; with a `*` at its end all that begin so, except those with a record of their
    /// own.
    pub permission: String,
    /// What was decided.
    pub state: PermissionState,
    /// Who decided.
    pub by: Authority,
    /// When it was decided. What the manifest and the configuration say is decided when the
    /// instance is first started or asked about.
    #[serde(serialize_with = "in_words")]
    pub at: SystemTime,
}

impl Permission {
    /// What `change` says, in its own words.
    pub(crate) fn changed(instance: &str, change: &Change) -> Self {
        Self {
            instance: instance.to_owned(),
            permission: change.permission.clone(),
            state: if change.granted { PermissionState::Granted } else { PermissionState::Refused },
            by: Authority::Person { name: change.by.clone() },
            at: change.at,
        }
    }

    /// Whether it is granted.
    pub fn is_granted(&self) -> bool {
        self.state == PermissionState::Granted
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { instance, permission, state, by, at } = self;
        write!(f, "`{permission}` of `{instance}`: {state} by {by}, {}", Time(*at))
    }
}

/// What was decided about a permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PermissionState {
    /// The manifest asks for it, and it is granted.
    Granted,
    /// The manifest asks for it, and it is not granted.
    Refused,
    /// The configuration names it, and the manifest does not ask for it. It is not granted.
    NeverAskedFor,
}

impl fmt::Display for PermissionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Granted => "granted",
            Self::Refused => "refused",
            Self::NeverAskedFor => "never asked for",
        })
    }
}

/// Who decided about a permission.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
#[non_exhaustive]
pub enum Authority {
    /// The plugin's manifest: what it asks for is granted if nobody says otherwise.
    Manifest,
    /// The operator, by the configuration of the instance.
    #[non_exhaustive]
    Configuration {
        /// The file; `configuration`, if it was made in code.
        file: String,
        /// The key.
        key: String,
    },
    /// The operator, by `[plugins.security] permissions`, which holds for all plugins.
    Policy,
    /// A person, while the host runs.
    #[non_exhaustive]
    Person {
        /// As the application calls them.
        name: String,
    },
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Manifest => f.write_str("the manifest"),
            Self::Configuration { file, key } => write!(f, "`{key}` in {file}"),
            Self::Policy => f.write_str("the policy (`plugins.security.permissions`)"),
            Self::Person { name } => write!(f, "{name}"),
        }
    }
}

/// A time for people, in whole seconds.
struct Time(SystemTime);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A clock that was never set may stand before the epoch, which has no such form.
        write!(f, "{}", humantime::format_rfc3339_seconds(self.0.max(UNIX_EPOCH)))
    }
}

fn in_words<S: Serializer>(at: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&Time(*at))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn record(state: PermissionState, by: Authority, at: SystemTime) -> Permission {
        Permission { instance: "db".into(), permission: "storage".into(), state, by, at }
    }

    #[test]
    fn a_record_can_be_read_by_people_and_programs() {
        let at = UNIX_EPOCH + Duration::from_millis(1_769_860_800_999);
        let ada = Authority::Person { name: "ada".into() };
        let refused = record(PermissionState::Refused, ada, at);
        assert_eq!(refused.to_string(), "`storage` of `db`: refused by ada, 2026-01-31T12:00:00Z");
        assert_eq!(
            serde_json::to_value(&refused).unwrap(),
            serde_json::json!({
                "instance": "db", "permission": "storage", "state": "refused",
                "by": { "kind": "person", "name": "ada" }, "at": "2026-01-31T12:00:00Z",
            })
        );
        let (file, key) = ("app.toml".to_owned(), "plugins.db.deny".to_owned());
        let by = Authority::Configuration { file, key };
        let denied = record(PermissionState::Refused, by, at);
        assert_eq!(
            serde_json::to_value(&denied).unwrap()["by"],
            serde_json::json!({
                "kind": "configuration", "file": "app.toml", "key": "plugins.db.deny",
            })
        );
        assert_eq!(
            denied.to_string(),
            "`storage` of `db`: refused by `plugins.db.deny` in app.toml, 2026-01-31T12:00:00Z"
        );
        let idle = record(PermissionState::NeverAskedFor, Authority::Manifest, at);
        assert!(idle.to_string().contains(": never asked for by the manifest, "), "{idle}");
    }

    #[test]
    fn a_clock_that_was_never_set_is_no_reason_to_panic() {
        let at = UNIX_EPOCH - Duration::from_secs(1);
        let granted = record(PermissionState::Granted, Authority::Manifest, at);
        assert!(granted.to_string().ends_with("by the manifest, 1970-01-01T00:00:00Z"));
    }
}
