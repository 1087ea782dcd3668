//! [`redact`]: a copy of settings that may be shown.
//!
//! A value is hidden when its *key* looks like the name of a secret, and the password part of a
//! URL wherever one stands. This is a net below [`Secret`](crate::settings::Secret), not a
//! replacement: a secret behind an innocent key is not recognised. In doubt it hides too much.

use std::borrow::Cow;

use serde_json::Value;

use super::reference::reference;

/// What stands in place of a hidden value.
const REDACTED: &str = "[redacted]";

/// What stands in place of the password of a URL.
const MASK: &str = "***";

/// A copy of `json` without its secrets.
///
/// Values of keys that look secret (`password`, `secret`, `token`, `api_key`, `privateKey`, …)
/// become `"[redacted]"`, at any depth; of a URL, and of a `connection_string` that is one, only
/// the password is replaced: `postgres://user:***@host/db`. References (`{ env = "NAME" }`,
/// `{ file = "path" }`) stay, they only say where a secret is.
///
/// ```
/// # use serde_json::json;
/// # use hotshoe::config::redact;
/// let shown = redact(&json!({
///     "apiKey": "abc",
///     "connectionString": "postgres://user:pass@localhost/db",
///     "threshold": 0.85,
/// }));
/// assert_eq!(shown, json!({
///     "apiKey": "[redacted]",
///     "connectionString": "postgres://user:***@localhost/db",
///     "threshold": 0.85,
/// }));
/// ```
pub fn redact(json: &Value) -> Value {
    match json {
        Value::Object(map) => {
            Value::Object(map.iter().map(|(key, value)| (key.clone(), entry(key, value))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(redact).collect()),
        Value::String(text) => Value::String(mask_url(text).into_owned()),
        other => other.clone(),
    }
}

fn entry(key: &str, value: &Value) -> Value {
    match value {
        Value::Null => Value::Null,
        value if reference(value).is_some() => value.clone(),
        _ if looks_secret(key) => Value::String(REDACTED.into()),
        value if looks_like_connection(key) => connection(value),
        value => redact(value),
    }
}

/// Whether what stands behind such a key is most likely a secret.
pub(super) fn looks_secret(key: &str) -> bool {
    const WITHIN: [&str; 11] = [
        "password",
        "passwd",
        "passphrase",
        "secret",
        "token",
        "apikey",
        "privatekey",
        "secretkey",
        "accesskey",
        "signingkey",
        "credential",
    ];
    const WHOLE: [&str; 4] = ["pass", "pwd", "psk", "encryptionkey"];
    let key = fold(key);
    WHOLE.contains(&key.as_str()) || WITHIN.iter().any(|word| key.contains(word))
}

fn looks_like_connection(key: &str) -> bool {
    let key = fold(key);
    key == "dsn" || key == "connstr" || key.contains("connectionstring")
}

/// `api_key`, `apiKey`, `API-Key`: one spelling.
fn fold(key: &str) -> String {
    key.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// Connection strings come as URLs, as `host=h password=p` and as `Server=h;Password=p`: only of
/// the first is it known where the password ends.
fn connection(value: &Value) -> Value {
    let shown = match value {
        Value::String(text) if text.contains("://") && !text.contains([';', ' ']) => {
            mask_url(text).into_owned()
        }
        Value::Array(items) => return Value::Array(items.iter().map(connection).collect()),
        _ => REDACTED.to_owned(),
    };
    Value::String(shown)
}

/// `text` with the password of any URL in it replaced.
///
/// The password ends at the *last* `@`: one with an unescaped `/` or `@` in it is no valid URL
/// but is common, and half of it must not show.
pub(super) fn mask_url(text: &str) -> Cow<'_, str> {
    let Some((scheme, rest)) = text.split_once("://") else {
        return Cow::Borrowed(text);
    };
    let mut rest = Cow::Borrowed(rest);
    if let Some(at) = rest.rfind('@')
        && let Some(colon) = rest[..at].find(':')
    {
        rest = format!("{}:{MASK}{}", &rest[..colon], &rest[at..]).into();
    }
    if let Some((path, query)) = rest.split_once('?') {
        let fields = query.split('&').map(|field| match field.split_once('=') {
            Some((name, _)) if looks_secret(name) => format!("{name}={MASK}"),
            _ => field.to_owned(),
        });
        rest = format!("{path}?{}", fields.collect::<Vec<_>>().join("&")).into();
    }
    Cow::Owned(format!("{scheme}://{rest}"))
}

/// Whether there is nothing in `value` that [`redact`] would hide.
pub(super) fn is_clean(value: &Value) -> bool {
    redact(value) == *value
}
