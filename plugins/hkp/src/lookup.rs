//! `GET /pks/lookup`.

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use hotshoe::{Call, Request, Response, Result, ResultExt};
use hotshoe_openpgp_keys::{Certificate, Limits, armor, index_html, index_mr};
use keyserver_api::{KeyDb, Stats};

use crate::answer::{html, line, refusal};
use crate::query::{Operation, Query, QueryError};

pub(crate) struct Lookup<D> {
    keys: D,
}

impl<D: KeyDb> Lookup<D> {
    pub(crate) fn new(keys: D) -> Self {
        Self { keys }
    }

    pub(crate) async fn answer(&self, request: &Request) -> Result<Response> {
        let query = match Query::parse(request.query()) {
            Ok(query) => query,
            Err(QueryError::Bad(what)) => return Ok(line(400, &what)),
            Err(QueryError::Unsupported(operation)) => {
                let what = format!("expected op=get, index, vindex or stats, found op={operation}");
                return Ok(line(501, &what));
            }
        };
        if query.operation == Operation::Stats {
            return self.stats(request.call(), &query).await;
        }
        let found = match self.keys.lookup(request.call(), query.search.clone()).await {
            Ok(found) => found,
            Err(error) => return refusal(error, 400),
        };
        let found = if query.exact { exactly(found, &query.search)? } else { found };
        if found.is_empty() {
            return Ok(line(404, "no key found for this search term"));
        }
        match query.operation {
            Operation::Get => Ok(Response::new(200)
                .with_header("content-type", "application/pgp-keys")
                .with_body(armor(&found.concat(), &[]))),
            _ => {
                let certificates = read(&found)?;
                Ok(if query.machine_readable {
                    Response::text(200, index_mr(&certificates, now()))
                } else {
                    html(200, index_html(&certificates, now()))
                })
            }
        }
    }

    async fn stats(&self, call: &Call, query: &Query) -> Result<Response> {
        let stats = match self.keys.stats(call).await {
            Ok(stats) => stats.0,
            Err(error) => return refusal(error, 400),
        };
        if query.machine_readable {
            let json = serde_json::to_string(&stats).describe("the figures are not JSON")?;
            return Ok(Response::json(200, json));
        }
        let Stats { certificates, added, updated, lookups, .. } = stats;
        Ok(line(
            200,
            &format!(
                "{certificates} keys\nsince the start: {added} added, {updated} updated, \
                 {lookups} lookups"
            ),
        ))
    }
}

/// Those of the certificates that have `term` as a whole user id, or as the address in one.
fn exactly(found: Vec<Bytes>, term: &str) -> Result<Vec<Bytes>> {
    let certificates = read(&found)?;
    let is_key = |certificate: &Certificate| {
        let digits: String = term.chars().filter(|c| !c.is_whitespace()).collect();
        let digits = digits.to_ascii_uppercase();
        let digits = digits.strip_prefix("0X").unwrap_or(&digits);
        certificate.keys().any(|key| key.fingerprint() == digits || key.key_id() == digits)
    };
    let is_id = |text: &str| {
        let address = text.rsplit_once('<').and_then(|(_, rest)| rest.strip_suffix('>'));
        text == term || address.is_some_and(|address| address.eq_ignore_ascii_case(term))
    };
    Ok(found
        .into_iter()
        .zip(&certificates)
        .filter(|(_, it)| is_key(it) || it.shown_user_ids().any(|id| is_id(id.text())))
        .map(|(bytes, _)| bytes)
        .collect())
}

fn read(found: &[Bytes]) -> Result<Vec<Certificate>> {
    // The database has limits of its own; what it stored can be read.
    let limits = Limits { max_bytes: usize::MAX, max_packets: usize::MAX, ..Limits::default() };
    let read = |bytes: &Bytes| Certificate::from_bytes(bytes, &limits);
    found.iter().map(|bytes| read(bytes).describe("a stored certificate cannot be read")).collect()
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use futures_lite::future::block_on;

    use super::*;
    use crate::testing::{ALICE, Fake, body, certificate};

    fn get(keys: Fake, query: &str) -> Response {
        let request = Request::builder("GET", &format!("/pks/lookup?{query}")).build();
        block_on(Lookup::new(keys).answer(&request)).unwrap()
    }

    #[test]
    fn get_answers_with_armored_keys() {
        let response = get(Fake::with([ALICE]), "op=get&options=mr&search=0x1234567890ABCDEF");
        assert_eq!(response.status(), 200);
        assert_eq!(response.header("content-type"), Some("application/pgp-keys"));
        assert_eq!(body(response), armor(ALICE, &[]));
    }

    #[test]
    fn index_answers_programs_with_lines_and_people_with_a_page_that_runs_nothing() {
        let response = get(Fake::with([ALICE]), "op=index&options=mr&search=alice");
        assert_eq!(response.header("content-type"), Some("text/plain; charset=utf-8"));
        let text = body(response);
        assert!(text.starts_with("info:1:1\npub:"), "{text}");
        let response = get(Fake::with([ALICE]), "op=vindex&search=alice");
        assert_eq!(response.header("content-type"), Some("text/html; charset=utf-8"));
        assert!(response.header("content-security-policy").unwrap().contains("'none'"));
    }

    #[test]
    fn nothing_found_is_404_and_a_bad_term_400() {
        assert_eq!(get(Fake::with([]), "op=get&search=nobody").status(), 404);
        assert_eq!(get(Fake::with([]), "op=index&options=mr&search=nobody").status(), 404);
        assert_eq!(get(Fake::with([]), "op=get").status(), 400);
        assert_eq!(get(Fake::with([]), "op=hget&search=x").status(), 501);
        let fails = |kind| Fake::failing(kind);
        use hotshoe::ErrorKind as K;
        assert_eq!(get(fails(K::InvalidInput), "op=get&search=0xDEADBEEF").status(), 400);
        assert_eq!(get(fails(K::ResourceLimit), "op=get&search=gmail").status(), 413);
        assert_eq!(get(fails(K::Unavailable), "op=get&search=alice").status(), 503);
    }

    #[test]
    fn exact_keeps_only_whole_user_ids_addresses_and_keys() {
        let alice = certificate(ALICE);
        let id = alice.shown_user_ids().next().unwrap().text().to_owned();
        let address = id.split(['<', '>']).nth(1).unwrap().to_uppercase();
        let encode = |text: &str| text.replace(' ', "+").replace('<', "%3C").replace('>', "%3E");
        let status = |term: &str| {
            get(Fake::with([ALICE]), &format!("op=index&exact=on&search={}", encode(term))).status()
        };
        assert_eq!(status(&id), 200);
        assert_eq!(status(&address), 200);
        assert_eq!(status(&format!("0x{}", alice.fingerprint())), 200);
        assert_eq!(status("example"), 404);
    }

    #[test]
    fn stats_are_text_for_people_and_json_for_programs() {
        assert!(body(get(Fake::with([ALICE]), "op=stats")).starts_with("1 keys\n"));
        let json = body(get(Fake::with([ALICE]), "op=stats&options=mr"));
        assert_eq!(serde_json::from_str::<Stats>(&json).unwrap().certificates, 1);
    }
}
