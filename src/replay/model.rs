//! What a recording consists of: a header, and calls with their answers; each is one line of JSON.

use std::fmt;

use hotshoe_abi::plain::Line;
use serde::{Deserialize, Serialize};

use super::blob::Blob;
use super::shorten::shorten;
use crate::contract::{Call, Request, Response};

/// The name of the format.
pub(super) const FORMAT: &str = "hotshoe-recording";
/// The version of the format, which changes with whatever a reader has to know.
pub(super) const FORMAT_VERSION: u32 = 1;

/// The first line of a recording: of what it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Header {
    /// `hotshoe-recording`.
    pub format: String,
    /// 1.
    pub format_version: u32,
    /// The instance whose calls these are.
    pub instance: String,
    /// Its plugin.
    pub plugin: String,
    /// The version that answered.
    pub version: String,
    /// The version of the hotshoe that recorded.
    pub hotshoe: String,
    /// When the recording began, by RFC 3339.
    pub begun: String,
    /// What was recorded: `GET /search`, `execute`.
    pub contributions: Vec<String>,
}

/// One call and its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Recorded {
    /// Counts up from 1, in the order of the answers.
    pub number: u64,
    /// Nanoseconds from the beginning of the recording to that of the call.
    pub at_ns: u64,
    /// Nanoseconds until the answer was there; of a stream, until it began.
    pub took_ns: u64,
    /// Who called, if that was known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller: Option<Caller>,
    /// What was asked.
    pub call: Asked,
    /// What was answered.
    pub answer: Answered,
}

/// Who called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Caller {
    /// See [`Call::user_id`].
    pub user: String,
    /// See [`Call::roles`].
    pub roles: Vec<String>,
}

/// What was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Asked {
    /// A route.
    Request(RecordedRequest),
    /// The generic entry, with this input.
    Execute(String),
}

/// What was answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Answered {
    /// By a route.
    Response(RecordedResponse),
    /// By the generic entry.
    Output(String),
    /// By either, with an error of this [kind](crate::ErrorKind::as_str).
    Error(String),
}

/// A request to a route. In place of the values of headers that were taken out is nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct RecordedRequest {
    /// The contribution's method, perhaps `*`.
    pub route_method: String,
    /// The contribution's path, as `/users/{user_id}`.
    pub route_path: String,
    /// The request's method.
    pub method: String,
    /// The request's path.
    pub path: String,
    /// The request's query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// What the path has in place of the route's parameters.
    pub params: Vec<(String, String)>,
    /// The headers.
    pub headers: Vec<(String, Option<Blob>)>,
    /// The body.
    pub body: Blob,
}

/// A response of a route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct RecordedResponse {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: Vec<(String, Option<Blob>)>,
    /// The body.
    pub body: Blob,
}

impl Caller {
    pub(super) fn of(call: &Call) -> Option<Self> {
        let user = call.user_id()?.to_owned();
        Some(Self { user, roles: call.roles().map(str::to_owned).collect() })
    }
}

impl Recorded {
    /// The circumstances of the call: its caller. There is no deadline.
    pub fn circumstances(&self) -> Call {
        match &self.caller {
            None => Call::none(),
            Some(caller) => Call::builder().user(&caller.user, caller.roles.clone()).build(),
        }
    }
}

impl RecordedRequest {
    /// The request itself; its body is empty. `redact` are headers whose values are left out.
    pub(super) fn of(request: &Request, route: (&str, &str), redact: &[String]) -> Self {
        let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Self {
            route_method: route.0.to_owned(),
            route_path: route.1.to_owned(),
            method: request.method().to_owned(),
            path: request.path().to_owned(),
            query: request.query().map(str::to_owned),
            params: request.params().map(own).collect(),
            headers: headers(request.headers(), redact),
            body: Blob::default(),
        }
    }

    /// The same request again, as `call` makes it, for whoever routes: it has no parameters yet, and the
    /// headers that were taken out are not there.
    pub fn to_request(&self, call: Call) -> Request {
        let mut request = Request::builder(&*self.method, "").call(call).build();
        request.set_target(&self.path, self.query.as_deref());
        for (name, value) in &self.headers {
            if let Some(Blob(value)) = value {
                request.append_header(name, value);
            }
        }
        request.set_body(self.body.0.clone());
        request
    }

    /// The same for the handler of the recorded route: with parameters.
    pub fn to_routed_request(&self, call: Call) -> Request {
        let mut request = self.to_request(call);
        for (name, value) in &self.params {
            request.add_param(name, value);
        }
        request
    }

    /// The headers whose values were taken out.
    pub(super) fn redacted(&self) -> impl Iterator<Item = &str> {
        self.headers.iter().filter(|(_, value)| value.is_none()).map(|(name, _)| &**name)
    }
}

impl RecordedResponse {
    /// The response itself; its body is empty.
    pub(super) fn of(response: &Response, redact: &[String]) -> Self {
        let headers = headers(response.headers(), redact);
        Self { status: response.status(), headers, body: Blob::default() }
    }
}

fn headers<'a>(
    all: impl Iterator<Item = (&'a str, &'a [u8])>,
    redact: &[String],
) -> Vec<(String, Option<Blob>)> {
    all.map(|(name, value)| {
        let hidden = redact.iter().any(|other| other.eq_ignore_ascii_case(name));
        (name.to_owned(), (!hidden).then(|| value.into()))
    })
    .collect()
}

impl Asked {
    /// The contribution that was called: `GET /search`, `execute`.
    pub fn contribution(&self) -> String {
        match self {
            Self::Request(request) => format!("{} {}", request.route_method, request.route_path),
            Self::Execute(_) => EXECUTE.to_owned(),
        }
    }

    /// Bytes that are kept of it, about.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Request(request) => {
                request.path.len() + size_of(&request.headers) + request.body.0.len()
            }
            Self::Execute(input) => input.len(),
        }
    }
}

/// The generic entry, as options name it.
pub(crate) const EXECUTE: &str = "execute";

/// So many characters of a method and of a path are shown.
const SHOWN: usize = 100;

/// The call in few words: `GET /search`.
impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(request) => {
                let path = shorten(&request.path, SHOWN);
                write!(f, "{} {}", Line(shorten(&request.method, SHOWN)), Line(path))
            }
            Self::Execute(_) => f.write_str(EXECUTE),
        }
    }
}

impl Answered {
    /// Bytes that are kept of it, about.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Response(response) => size_of(&response.headers) + response.body.0.len(),
            Self::Output(text) | Self::Error(text) => text.len(),
        }
    }

    /// Whether this can be an answer to that.
    pub(super) fn fits(&self, call: &Asked) -> bool {
        match self {
            Self::Response(_) => matches!(call, Asked::Request(_)),
            Self::Output(_) => matches!(call, Asked::Execute(_)),
            Self::Error(_) => true,
        }
    }
}

fn size_of(headers: &[(String, Option<Blob>)]) -> usize {
    let each = |(name, value): &(String, Option<Blob>)| {
        name.len() + value.as_ref().map_or(0, |value| value.0.len())
    };
    headers.iter().map(each).sum()
}
