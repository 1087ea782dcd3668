//! The query of a lookup.

use hotshoe_openpgp_keys::form_value;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Get,
    /// `index` and `vindex`.
    Index,
    Stats,
}

/// The query of `GET /pks/lookup`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Query {
    pub operation: Operation,
    /// Empty only for [`Operation::Stats`].
    pub search: String,
    /// For a program.
    pub machine_readable: bool,
    /// Only user ids that are the search term as a whole.
    pub exact: bool,
}

/// Why a query cannot be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum QueryError {
    /// Status 400, with what is wrong.
    Bad(String),
    /// Status 501, with the operation.
    Unsupported(String),
}

impl Query {
    pub(crate) fn parse(query: Option<&str>) -> Result<Self, QueryError> {
        let value = |name: &str| form_value(query.unwrap_or_default().as_bytes(), name);
        let bad = |what: &str| Err(QueryError::Bad(what.to_owned()));
        let operation = match value("op").unwrap_or_default().as_str() {
            "get" => Operation::Get,
            "index" | "vindex" => Operation::Index,
            "stats" => Operation::Stats,
            "" => return bad("expected the parameter `op`; write op=get or op=index"),
            other => return Err(QueryError::Unsupported(beginning(other))),
        };
        let search = value("search").unwrap_or_default().trim().to_owned();
        if search.is_empty() && operation != Operation::Stats {
            return bad(
                "expected the parameter `search`; give a fingerprint, a key id, an e-mail address \
                 or words of a user id",
            );
        }
        let options = value("options").unwrap_or_default();
        Ok(Self {
            operation,
            search,
            machine_readable: options.split(',').any(|option| option.trim() == "mr"),
            exact: value("exact").is_some_and(|exact| exact == "on"),
        })
    }
}

/// An error need not repeat a page.
fn beginning(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_graphic()).take(20).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_gnupg_sends_is_understood() {
        let get = Query::parse(Some("op=get&options=mr&search=0x1234567890ABCDEF")).unwrap();
        assert_eq!(get.operation, Operation::Get);
        assert_eq!(get.search, "0x1234567890ABCDEF");
        let search = "op=index&options=mr&search=alice%40example.org&fingerprint=on&exact=on";
        let index = Query::parse(Some(search)).unwrap();
        assert_eq!(index.operation, Operation::Index);
        assert_eq!(index.search, "alice@example.org");
        assert!(index.machine_readable && index.exact);
    }

    #[test]
    fn a_missing_parameter_is_named() {
        for (query, parameter) in [
            (None, "`op`"),
            (Some("search=alice"), "`op`"),
            (Some("op=get"), "`search`"),
            (Some("op=index&search=+%20"), "`search`"),
        ] {
            let Err(QueryError::Bad(what)) = Query::parse(query) else { panic!("{query:?}") };
            assert!(what.contains(parameter), "{what}");
        }
    }

    #[test]
    fn an_unknown_operation_is_not_a_bad_request() {
        let error = Query::parse(Some("op=hget%0d%0a%3cb%3e&search=x")).unwrap_err();
        assert_eq!(error, QueryError::Unsupported("hget<b>".into()));
    }
}
