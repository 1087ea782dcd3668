//! Whether an answer is that which was recorded, and how it differs.

use bytes::Bytes;
use hotshoe_abi::plain::Line;
use serde_json::Value;

use super::json::Pointers;
use super::model::{Answered, RecordedResponse};
use super::options::ReplayOptions;
use super::shorten::shorten;
use crate::contract::Result;

/// So many characters of a value are shown.
const SHOWN: usize = 60;

/// What a replayed call came to.
pub(super) enum Outcome {
    /// Nothing answers such a call.
    Nowhere,
    Response(RecordedResponse),
    Output(String),
    /// By its kind.
    Error(String),
}

/// What is compared.
pub(super) struct Comparison {
    headers: Vec<String>,
    ignore: Pointers,
}

impl Comparison {
    /// # Errors
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) if what is to be ignored is none.
    pub(super) fn new(options: &ReplayOptions) -> Result<Self> {
        let headers = options.compare_headers.iter().map(|name| name.to_ascii_lowercase());
        Ok(Self { headers: headers.collect(), ignore: Pointers::parse(&options.ignore)? })
    }

    /// In what they differ; nothing if they do not.
    pub(super) fn differences(&self, recorded: &Answered, found: &Outcome) -> Vec<String> {
        match (recorded, found) {
            (Answered::Response(recorded), Outcome::Response(response)) => {
                self.responses(recorded, response)
            }
            (Answered::Output(recorded), Outcome::Output(found)) => {
                let found = &Bytes::copy_from_slice(found.as_bytes());
                let recorded = &Bytes::copy_from_slice(recorded.as_bytes());
                self.bytes(recorded, found, |_| true)
                    .map(|it| format!("its output{it}"))
                    .into_iter()
                    .collect()
            }
            (Answered::Error(recorded), Outcome::Error(found)) if recorded == found => Vec::new(),
            (recorded, found) => {
                vec![format!("{} was recorded, found {}", said(recorded), found.said())]
            }
        }
    }

    fn responses(&self, recorded: &RecordedResponse, found: &RecordedResponse) -> Vec<String> {
        let mut all = Vec::new();
        if recorded.status != found.status {
            all.push(format!("status {} was recorded, found {}", recorded.status, found.status));
        }
        for name in &self.headers {
            let values = |response: &RecordedResponse| -> Option<Vec<Bytes>> {
                let own = response.headers.iter().filter(|(other, _)| other == name);
                own.map(|(_, value)| value.as_ref().map(|value| value.0.clone())).collect()
            };
            // One that was taken out of the recording cannot be compared.
            let Some(then) = values(recorded) else { continue };
            let now = values(found).unwrap_or_default();
            if then != now {
                let list = |values: &[Bytes]| match values {
                    [] => "nothing".to_owned(),
                    values => {
                        let texts = values.iter().map(|value| String::from_utf8_lossy(value));
                        quoted(&texts.collect::<Vec<_>>().join(", "))
                    }
                };
                let (then, now) = (list(&then), list(&now));
                all.push(format!("header `{}`: {then} was recorded, found {now}", Line(name)));
            }
        }
        let is_tree = |value: &Value| value.is_object() || value.is_array();
        let body = self.bytes(&recorded.body.0, &found.body.0, is_tree);
        all.extend(body.map(|it| format!("its body{it}")));
        all
    }

    /// What to say of the difference, after its name; nothing if there is none. Both as JSON if both are, and
    /// `as_json` says so of the recorded one; else byte by byte.
    fn bytes(
        &self,
        recorded: &Bytes,
        found: &Bytes,
        as_json: impl Fn(&Value) -> bool,
    ) -> Option<String> {
        if recorded == found {
            return None;
        }
        let parse = |bytes: &Bytes| serde_json::from_slice::<Value>(bytes).ok();
        if let Some(one) = parse(recorded).filter(as_json)
            && let Some(other) = parse(found)
        {
            let differing = self.ignore.difference(&one, &other)?;
            let value = |value: Option<&Value>| {
                value.map_or("nothing".to_owned(), |it| cut(&it.to_string()))
            };
            let (then, now) = (value(differing.recorded), value(differing.found));
            let place = match &*differing.pointer {
                "" => String::new(),
                pointer => format!(" at `{}`", Line(pointer)),
            };
            return Some(format!("{place}: {then} was recorded, found {now}"));
        }
        let texts = (std::str::from_utf8(recorded), std::str::from_utf8(found));
        let (Ok(one), Ok(other)) = texts else { return Some(binary(recorded, found)) };
        let (mut ones, mut others) = (one.split('\n'), other.split('\n'));
        let mut number = 0;
        loop {
            number += 1;
            match (ones.next(), others.next()) {
                (None, None) => return None,
                (one, other) if one == other => {}
                (one, other) => {
                    let line = |line: Option<&str>| line.map_or("its end".to_owned(), quoted);
                    let (then, now) = (line(one), line(other));
                    return Some(format!(" in line {number}: {then} was recorded, found {now}"));
                }
            }
        }
    }
}

fn binary(recorded: &Bytes, found: &Bytes) -> String {
    let at = recorded.iter().zip(found).position(|(one, other)| one != other);
    let at = at.unwrap_or(recorded.len().min(found.len()));
    let (then, now) = (recorded.len(), found.len());
    format!(" of {then} bytes was recorded, found one of {now} that differs from byte {at} on")
}

fn said(recorded: &Answered) -> String {
    match recorded {
        Answered::Response(response) => format!("a response with status {}", response.status),
        Answered::Output(_) => "an output".to_owned(),
        Answered::Error(kind) => error(kind),
    }
}

impl Outcome {
    fn said(&self) -> String {
        match self {
            Self::Nowhere => "that nothing of it answers such a call".to_owned(),
            Self::Response(response) => format!("a response with status {}", response.status),
            Self::Output(_) => "an output".to_owned(),
            Self::Error(kind) => error(kind),
        }
    }
}

fn error(kind: &str) -> String {
    format!("an error of kind `{}`", Line(kind))
}

/// Text of others, in quotes.
fn quoted(text: &str) -> String {
    format!("`{}`", cut(text))
}

/// The beginning of what others wrote.
fn cut(text: &str) -> String {
    Line(shorten(text, SHOWN)).to_string()
}
