//! Any bytes are a recording or an error. What was read reads the same when it is written again, and can be
//! replayed.

use std::io::Cursor;

use hotshoe::replay::{
    Answering, Reader, Recorded, RecordedRequest, ReplayOptions, Subject, replay,
};
use hotshoe::{Call, Error, ErrorKind, Response, Result};

use crate::shown;

/// Reads `bytes` as a recording.
pub fn check(bytes: &[u8]) {
    let Some((text, calls)) = read(bytes) else { return };
    let (again, same) = read(text.as_bytes()).expect("what was written is read");
    assert_eq!((&again, &same), (&text, &calls));

    let recording = Reader::new(Cursor::new(text)).expect("it was read before");
    let mut options = ReplayOptions::default();
    options.compare_headers = vec!["a".into(), "cookie".into()];
    options.ignore = vec!["/a/*".into(), "/b".into()];
    let report = replay(recording, &Mirror, &options).expect("it was read before");
    assert_eq!(report.passed + report.differed, calls.len() as u64);
    shown::harmless(&report.to_string());
    if let Err(error) = report.verdict(&Default::default()) {
        shown::harmless(&format!("{error:#}"));
    }
}

/// What is in it up to the first mistake, written again.
fn read(bytes: &[u8]) -> Option<(String, Vec<Recorded>)> {
    let refused = |error: &Error| {
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        shown::refusal(error);
    };
    let reader = Reader::new(Cursor::new(bytes.to_vec())).inspect_err(refused).ok()?;
    let mut text = line(reader.header());
    let mut calls = Vec::new();
    for call in reader {
        let Ok(call) = call.inspect_err(refused) else { break };
        text.push_str(&line(&call));
        calls.push(call);
    }
    Some((text, calls))
}

fn line(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("it is JSON") + "\n"
}

/// Answers with what it is asked.
struct Mirror;

impl Subject for Mirror {
    fn handle<'a>(
        &'a self,
        call: Call,
        request: &'a RecordedRequest,
    ) -> Answering<'a, Option<Result<Response>>> {
        let mut request = request.to_routed_request(call);
        let mut response = Response::new(200);
        for (name, value) in request.headers() {
            response.append_header(name, value);
        }
        response.set_body(request.take_body());
        Box::pin(async { Some(Ok(response)) })
    }

    fn execute<'a>(&'a self, _: Call, input: &'a str) -> Answering<'a, Result<String>> {
        Box::pin(async { Ok(input.to_owned()) })
    }
}
