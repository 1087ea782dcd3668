//! The names of the host's doors, as permissions have them; and what is no name of any.

use std::fmt;

use crate::config::closest;

/// Doors with one name each.
pub(crate) const SINGLE: [&str; 3] = ["storage", "config.read", "request"];

/// Doors where what lies behind follows: `shared:<name>`.
pub(crate) const NAMED: [(&str, &str); 5] = [
    ("shared", "name"),
    ("events.publish", "topic"),
    ("events.subscribe", "topic"),
    ("execute", "instance"),
    ("service", "name"),
];

/// A permission that opens no door of this host.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Idle<'p> {
    pub(crate) permission: &'p str,
    /// What was probably meant.
    nearest: Option<String>,
}

/// Those of `permissions` that open no door of this host: misspelt, or for a newer one. Pure: asks
/// nobody but the list of doors.
pub(crate) fn validate<'p>(permissions: impl IntoIterator<Item = &'p str>) -> Vec<Idle<'p>> {
    let idle = permissions.into_iter().filter(|permission| !opens_any(permission));
    idle.map(|permission| Idle { permission, nearest: nearest(permission) }).collect()
}

fn opens_any(permission: &str) -> bool {
    // All doors that begin so, or all that lies behind one of them.
    if let Some(start) = permission.strip_suffix('*') {
        let single = SINGLE.iter().any(|door| door.starts_with(start));
        return single
            || NAMED.iter().any(|(door, _)| {
                let door = format!("{door}:");
                door.starts_with(start) || start.starts_with(&door)
            });
    }
    SINGLE.contains(&permission)
        || permission.split_once(':').is_some_and(|(door, name)| {
            !name.is_empty() && NAMED.iter().any(|(named, _)| *named == door)
        })
}

fn nearest(permission: &str) -> Option<String> {
    let (door, name) = match permission.split_once(':') {
        Some((door, name)) => (door, Some(name).filter(|name| !name.is_empty())),
        None => (permission, None),
    };
    let doors = SINGLE.into_iter().chain(NAMED.iter().map(|(named, _)| *named));
    let found = closest(door.trim_end_matches('*'), doors)?;
    let Some((_, what)) = NAMED.iter().find(|(named, _)| *named == found) else {
        return Some(found.to_owned());
    };
    Some(match name {
        Some(name) => format!("{found}:{name}"),
        None => format!("{found}:<{what}>"),
    })
}

impl fmt::Display for Idle<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\", which opens no door of this host", self.permission)?;
        if let Some(nearest) = &self.nearest {
            return write!(f, "; did you mean \"{nearest}\"?");
        }
        f.write_str("; its doors are: ")?;
        let named = NAMED.iter().map(|(door, what)| format!("{door}:<{what}>"));
        let doors = SINGLE.iter().map(|door| (*door).to_owned()).chain(named);
        f.write_str(&doors.collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(permission: &str) -> String {
        validate([permission]).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_door_is_known_alone_and_with_others() {
        let all = [
            "storage",
            "config.read",
            "request",
            "shared:x",
            "shared:*",
            "events.publish:a.b",
            "events.publish:a.*",
            "events.subscribe:*",
            "events.*",
            "execute:x",
            "service:x",
            "*",
            "con*",
        ];
        assert_eq!(validate(all), []);
    }

    #[test]
    fn what_opens_no_door_is_told_with_what_was_probably_meant() {
        assert_eq!(
            told("storrage"),
            "\"storrage\", which opens no door of this host; did you mean \"storage\"?"
        );
        for (wrong, right) in [
            ("event.publish:keys.*", "events.publish:keys.*"),
            ("events.publlish:*", "events.publish:*"),
            ("execute", "execute:<instance>"),
            ("shared:", "shared:<name>"),
            ("storage:all", "storage"),
            ("storrage*", "storage"),
            ("Requests", "request"),
        ] {
            let told = told(wrong);
            assert!(told.ends_with(&format!("; did you mean \"{right}\"?")), "{told}");
        }
    }

    #[test]
    fn what_resembles_nothing_is_told_with_all_doors() {
        insta::assert_snapshot!(told("teleport"), @r#""teleport", which opens no door of this host; its doors are: storage, config.read, request, shared:<name>, events.publish:<topic>, events.subscribe:<topic>, execute:<instance>, service:<name>"#);
        assert!(!told("").is_empty());
        assert!(!told("teleport:*").is_empty());
    }
}
