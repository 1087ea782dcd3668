//! One line of the log.

use hotshoe::{Error, ErrorKind, Response};
use serde::Serialize;

/// Who writes, or who is written about.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub plugin_id: String,
    pub version: String,
}

/// A line, as it is in the file.
#[derive(Debug, Serialize)]
pub(crate) struct Line<'a> {
    pub timestamp: String,
    pub level: &'static str,
    pub plugin_id: &'a str,
    pub version: &'a str,
    pub request_id: &'a str,
    pub method: &'a str,
    pub path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<&'a str>,
    pub response_time_ms: f64,
    pub status_code: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<&'static str>,
}

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ending {
    pub status_code: u16,
    pub error: Option<&'static str>,
    /// The plugin that answered, and its version, if the response says.
    pub plugin_id: Option<String>,
    pub version: Option<String>,
}

impl Ending {
    /// Nobody waited any more. The number is nginx's; HTTP has none, as nobody is told.
    pub(crate) const ABANDONED: Self =
        Self { status_code: 499, error: None, plugin_id: None, version: None };

    pub(crate) fn of(result: &Result<Response, Error>) -> Self {
        match result {
            Ok(response) => {
                let of = |name: &str| {
                    let found = response.metadata().find(|(key, _)| *key == name);
                    found.map(|(_, value)| value.to_owned())
                };
                Self {
                    status_code: response.status(),
                    error: None,
                    plugin_id: of("plugin_id"),
                    version: of("version"),
                }
            }
            Err(error) => Self {
                status_code: suggested_status(error.kind()),
                error: Some(error.kind().as_str()),
                ..Self::ABANDONED
            },
        }
    }
}

/// The status that hotshoe's gateway makes of an error.
fn suggested_status(kind: ErrorKind) -> u16 {
    match kind {
        ErrorKind::InvalidInput => 400,
        ErrorKind::PermissionDenied => 403,
        ErrorKind::NotFound => 404,
        ErrorKind::Conflict | ErrorKind::AlreadyExists => 409,
        ErrorKind::Unsupported => 501,
        ErrorKind::ResourceLimit => 429,
        ErrorKind::Unavailable => 503,
        ErrorKind::Timeout => 504,
        _ => 500,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plugin_that_answered_is_named_if_the_response_says() {
        let mut response = Response::new(204);
        response.set_metadata("plugin_id", "hkp");
        response.set_metadata("version", "0.1.0");
        let ending = Ending::of(&Ok(response));
        assert_eq!(ending.status_code, 204);
        assert_eq!(ending.plugin_id.as_deref(), Some("hkp"));
        assert_eq!(ending.version.as_deref(), Some("0.1.0"));
    }

    #[test]
    fn an_error_has_a_status_and_a_kind() {
        let ending = Ending::of(&Err(Error::new(ErrorKind::Timeout, "too slow")));
        assert_eq!((ending.status_code, ending.error), (504, Some("timeout")));
        let ending = Ending::of(&Err(Error::new(ErrorKind::Panic, "oh")));
        assert_eq!((ending.status_code, ending.error), (500, Some("panic")));
    }
}
