//! What is written reads the same; what is not as it should be is refused by its line; no call waits.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use bytes::Bytes;
use futures_lite::future::block_on;
use hotshoe_abi::AbiFuture;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::model::{FORMAT, FORMAT_VERSION};
use super::recorder::{QUEUE, QueueLimit};
use super::recording::Source;
use super::*;
use crate::contract::{Body, BodyStream, Call, Error, ErrorKind, Request, Response, Result};

fn header() -> Header {
    Header {
        format: FORMAT.into(),
        format_version: FORMAT_VERSION,
        instance: "it".into(),
        plugin: "its-plugin".into(),
        version: "1.2.0".into(),
        hotshoe: "0.1.0".into(),
        begun: "2026-01-01T00:00:00Z".into(),
        contributions: vec!["GET /a/{b}".into(), "execute".into()],
    }
}

fn line(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap() + "\n"
}

fn read(text: impl Into<Vec<u8>>) -> Result<(Reader, Vec<Recorded>)> {
    let mut reader = Reader::new(io::Cursor::new(text.into()))?;
    let calls = reader.by_ref().collect::<Result<_>>()?;
    Ok((reader, calls))
}

fn blob() -> impl Strategy<Value = Blob> {
    let text = any::<String>().prop_map(|text| Blob(text.into()));
    let bytes = vec(any::<u8>(), 0..40).prop_map(|bytes| Blob(bytes.into()));
    prop_oneof![text, bytes]
}

fn headers() -> impl Strategy<Value = Vec<(String, Option<Blob>)>> {
    vec((any::<String>(), option::of(blob())), 0..4)
}

fn request() -> impl Strategy<Value = RecordedRequest> {
    let text = any::<String>;
    let target = (text(), option::of(text()), vec((text(), text()), 0..3));
    (text(), text(), text(), target, headers(), blob()).prop_map(
        |(route_method, route_path, method, (path, query, params), headers, body)| {
            RecordedRequest { route_method, route_path, method, path, query, params, headers, body }
        },
    )
}

fn call() -> impl Strategy<Value = (Asked, Answered)> {
    let response = (any::<u16>(), headers(), blob())
        .prop_map(|(status, headers, body)| RecordedResponse { status, headers, body });
    let error = || any::<String>().prop_map(Answered::Error);
    let answer = prop_oneof![response.prop_map(Answered::Response), error()];
    let output = prop_oneof![any::<String>().prop_map(Answered::Output), error()];
    prop_oneof![
        (request().prop_map(Asked::Request), answer),
        (any::<String>().prop_map(Asked::Execute), output),
    ]
}

fn recorded() -> impl Strategy<Value = Recorded> {
    let caller = (any::<String>(), vec(any::<String>(), 0..3))
        .prop_map(|(user, roles)| Caller { user, roles });
    (any::<u64>(), any::<u64>(), option::of(caller), call()).prop_map(
        |(at_ns, took_ns, caller, (call, answer))| Recorded {
            number: 1,
            at_ns,
            took_ns,
            caller,
            call,
            answer,
        },
    )
}

proptest! {
    #[test]
    fn any_call_that_is_written_reads_the_same(recorded in recorded()) {
        let text = line(&header()) + &line(&recorded);
        prop_assert_eq!(text.lines().count(), 2, "a call is one line");
        let (reader, calls) = read(text).unwrap();
        prop_assert_eq!(calls, vec![recorded]);
        prop_assert!(!reader.is_torn());
    }

    #[test]
    fn a_recording_that_is_cut_anywhere_gives_what_is_whole(
        cut in 0_usize..400, recorded in recorded(),
    ) {
        let second = Recorded { number: 2, ..recorded.clone() };
        let whole = line(&header()) + &line(&recorded);
        let all = (whole.clone() + &line(&second)).into_bytes();
        let at = (whole.len() + cut).min(all.len());
        let (reader, calls) = read(&all[..at]).unwrap();
        prop_assert_eq!(calls.len(), if at + 1 >= all.len() { 2 } else { 1 });
        prop_assert_eq!(reader.is_torn(), at > whole.len() && at + 1 < all.len());
    }

    #[test]
    fn a_request_that_is_made_again_is_the_same(recorded in request()) {
        // Names of headers are in lower case from the beginning.
        prop_assume!(recorded.headers.iter().all(|(name, value)| {
            value.is_some() && !name.bytes().any(|byte| byte.is_ascii_uppercase())
        }));
        let mut request = recorded.to_routed_request(Call::none());
        let route = (&*recorded.route_method, &*recorded.route_path);
        let mut again = RecordedRequest::of(&request, route, &[]);
        again.body = Blob(request.take_body().into_full().unwrap());
        prop_assert_eq!(again, recorded);
    }
}

/// A call that is not worth a look.
fn some() -> Recorded {
    Recorded {
        number: 1,
        at_ns: 2,
        took_ns: 3,
        caller: Some(Caller { user: "ada".into(), roles: vec!["admin".into()] }),
        call: Asked::Execute("{}".into()),
        answer: Answered::Output("[]".into()),
    }
}

#[test]
fn this_is_how_a_recording_looks() {
    let request = RecordedRequest {
        route_method: "GET".into(),
        route_path: "/a/{b}".into(),
        method: "GET".into(),
        path: "/a/x".into(),
        query: Some("q".into()),
        params: vec![("b".into(), "x".into())],
        headers: vec![("accept".into(), Some(b"*/*"[..].into())), ("cookie".into(), None)],
        body: Blob::default(),
    };
    let body = b"\xff\0"[..].into();
    let response = RecordedResponse { status: 200, headers: Vec::new(), body };
    let call = Asked::Request(request);
    let second =
        Recorded { number: 2, caller: None, call, answer: Answered::Response(response), ..some() };
    let text = line(&header()) + &line(&some()) + &line(&second);
    insta::assert_snapshot!(text, @r#"
    {"format":"hotshoe-recording","format_version":1,"instance":"it","plugin":"its-plugin","version":"1.2.0","hotshoe":"0.1.0","begun":"2026-01-01T00:00:00Z","contributions":["GET /a/{b}","execute"]}
    {"number":1,"at_ns":2,"took_ns":3,"caller":{"user":"ada","roles":["admin"]},"call":{"execute":"{}"},"answer":{"output":"[]"}}
    {"number":2,"at_ns":2,"took_ns":3,"call":{"request":{"route_method":"GET","route_path":"/a/{b}","method":"GET","path":"/a/x","query":"q","params":[["b","x"]],"headers":[["accept","*/*"],["cookie",null]],"body":""}},"answer":{"response":{"status":200,"headers":[],"body":{"base64":"/wA="}}}}
    "#);
    assert_eq!(read(text).unwrap().1, [some(), second]);
}

fn refusal(text: impl Into<Vec<u8>>) -> String {
    let error = read(text).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.help().is_some());
    error.message().to_owned()
}

#[test]
fn what_is_no_recording_is_refused_by_its_line() {
    let head = line(&header());
    let call = line(&some());
    let other = |from: &str, to: &str| {
        assert!(call.contains(from), "{call}");
        head.clone() + &call.replace(from, to)
    };
    let headed = |from: &str, to: &str| head.replace(from, to) + &call;
    let all: Vec<String> = [
        String::new(),
        "\n".into(),
        "PNG".into(),
        headed("hotshoe-recording", "tape"),
        headed(r#""format_version":1"#, r#""format_version":2"#),
        headed(r#""plugin":"its-plugin","#, ""),
        head.clone() + "\n",
        head.clone() + &call + &call,
        other(r#""number":1"#, r#""number":0"#),
        other(r#""number":1,"#, ""),
        other(r#""number":1"#, r#""number":1,"colour":"red""#),
        other(r#""at_ns":2"#, r#""at_ns":-2"#),
        other(r#""output":"[]""#, r#""response":{"status":200,"headers":[],"body":{"base46":""}}"#),
        other(
            r#""output":"[]""#,
            r#""response":{"status":200,"headers":[],"body":{"base64":"!"}}"#,
        ),
        other(r#""output":"[]""#, r#""response":{"status":200,"headers":[],"body":""}"#),
        head.clone() + &call.replace("\n", "") + "}\n",
    ]
    .into_iter()
    .map(refusal)
    .collect();
    insta::assert_snapshot!(all.join("\n"), @r"
    line 1 of the recording: the header of a recording was expected, found nothing
    line 1 of the recording: the header of a recording was expected, found another thing: EOF while parsing a value (column 0)
    line 1 of the recording: the header of a recording was expected, found another thing: expected value (column 1)
    line 1 of the recording: the format hotshoe-recording was expected, found tape
    line 1 of the recording: version 1 of the format was expected, found version 2: another version of hotshoe wrote it
    line 1 of the recording: the header of a recording was expected, found another thing: missing field `plugin` (column 173)
    line 2 of the recording: a call was expected, found another thing: EOF while parsing a value (column 0)
    line 3 of the recording: call 2 was expected, found call 1
    line 2 of the recording: call 1 was expected, found call 0
    line 2 of the recording: a call was expected, found another thing: missing field `number` (column 114)
    line 2 of the recording: a call was expected, found another thing: unknown field `colour`, expected one of `number`, `at_ns`, `took_ns`, `caller`, `call`, `answer` (column 20)
    line 2 of the recording: a call was expected, found another thing: invalid value: integer `-2`, expected u64 (column 22)
    line 2 of the recording: a call was expected, found another thing: unknown field `base46`, expected `base64` (column 168)
    line 2 of the recording: a call was expected, found another thing: Invalid symbol 33, offset 0. (column 169)
    line 2 of the recording: an answer of the kind of its call was expected, found another one to call 1
    line 2 of the recording: a call was expected, found another thing: trailing characters (column 126)
    ");
}

#[test]
fn a_line_that_has_no_end_is_not_read_to_it() {
    let message = refusal(line(&header()) + &" ".repeat(LONGEST_LINE + 1));
    assert_eq!(
        message,
        "line 2 of the recording: a line of at most 16777216 bytes was expected, found a longer one"
    );
}

#[test]
fn a_last_line_without_a_break_is_read_if_it_is_whole() {
    let (reader, calls) = read((line(&header()) + &line(&some())).trim_end()).unwrap();
    assert_eq!((calls.len(), reader.is_torn()), (1, false));
}

/// A disk that tells what it was given, and works only when it is let.
struct Disk {
    /// Whenever it is about to write.
    begun: Sender<()>,
    written: Sender<Vec<u8>>,
    /// What to make of each write.
    next: Receiver<io::Result<()>>,
}

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.begun.send(());
        self.next.recv().unwrap_or(Ok(()))?;
        let _ = self.written.send(bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Tape {
    recording: Recording,
    begun: Receiver<()>,
    written: Receiver<Vec<u8>>,
    disk: Sender<io::Result<()>>,
}

/// A recording to a disk that has written the header only.
fn tape(limit: QueueLimit, change: impl FnOnce(&mut RecordOptions)) -> Tape {
    let mut options = RecordOptions::new("tape");
    change(&mut options);
    let ((begins, begun), (sender, written)) = (channel(), channel());
    let (disk, next) = channel();
    disk.send(Ok(())).unwrap();
    let to = Disk { begun: begins, written: sender, next };
    let of =
        Source { instance: "it", plugin: "it", version: "1.0.0".into(), contributions: vec![] };
    let recording = Recording::to(to, "tape".into(), of, &options, limit).unwrap();
    Tape { recording, begun, written, disk }
}

impl Tape {
    fn execute(&self, input: &str) {
        let answer = AbiFuture::ready(Ok("1".into()));
        block_on(self.recording.recorder().execute(&Call::none(), input, answer)).unwrap();
    }

    fn handle(&self, request: Request, answer: AbiFuture<'_, Response>) -> Result<Response> {
        let track = self.recording.recorder().track("GET", "/").unwrap();
        block_on(track.handle(request, |_| answer))
    }

    /// Lets the disk do all there is to do.
    fn finish(self) -> (Result<RecordSummary>, Vec<Recorded>) {
        drop(self.disk);
        let summary = self.recording.finish();
        let text: Vec<u8> = self.written.iter().flatten().collect();
        (summary, read(text).unwrap().1)
    }
}

#[test]
fn no_call_waits_for_a_disk_that_is_slow() {
    for limit in [QueueLimit { calls: 4, ..QUEUE }, QueueLimit { bytes: 1200, ..QUEUE }] {
        let tape = tape(limit, |_| {});
        tape.begun.recv().expect("the header was written");
        tape.execute("0");
        tape.begun.recv().expect("the first call is where the disk is at work");
        for at in 1..20 {
            tape.execute(&at.to_string());
        }
        let (summary, calls) = tape.finish();
        let summary = summary.unwrap();
        assert_eq!(summary.written + summary.queue_full, 20, "{summary}");
        assert!((2..=8).contains(&summary.written), "{summary}");
        assert_eq!(summary.written, calls.len() as u64);
        // What there was room for was written, in its order.
        let inputs = (0..calls.len()).map(|at| Asked::Execute(at.to_string()));
        assert!(calls.iter().map(|call| call.call.clone()).eq(inputs), "{calls:?}");
    }
}

#[test]
fn a_full_disk_ends_the_recording_and_no_call() {
    let tape = tape(QUEUE, |_| {});
    tape.disk.send(Err(io::ErrorKind::StorageFull.into())).unwrap();
    tape.execute("1");
    tape.execute("2");
    let (summary, calls) = tape.finish();
    let error = summary.unwrap_err();
    assert_eq!((error.kind(), calls.len()), (ErrorKind::Io, 0));
    assert!(error.message().starts_with("the recording could not be written any more"), "{error}");
    assert!(error.causes().any(|cause| cause.contains("no storage space")), "{error:#}");
}

#[test]
fn a_recording_grows_no_larger_than_it_may() {
    let calls_only = tape(QUEUE, |options| options.max_calls = 2);
    let bytes_only = tape(QUEUE, |options| options.max_bytes = 400);
    for tape in [calls_only, bytes_only] {
        (0..5).for_each(|_| tape.execute("1"));
        let (summary, calls) = tape.finish();
        let summary = summary.unwrap();
        assert_eq!((summary.written, summary.beyond_limit), (2, 3), "{summary}");
        assert_eq!(calls.len(), 2);
        assert!(summary.bytes <= 400, "{summary}");
    }
}

/// Chunks; whether it knows how many bytes are left.
struct Chunks(Vec<Result<&'static [u8]>>, bool);

impl BodyStream for Chunks {
    fn poll_chunk(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Bytes>>> {
        let next = if self.0.is_empty() { None } else { Some(self.0.remove(0)) };
        std::task::Poll::Ready(next.map(|chunk| chunk.map(Bytes::from_static)))
    }

    fn len(&self) -> Option<u64> {
        let each = |chunk: &Result<&[u8]>| chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
        self.1.then(|| self.0.iter().map(each).sum())
    }
}

fn chunks(known: bool) -> Body {
    Body::stream(Chunks(vec![Ok(b"one "), Ok(b"two")], known))
}

fn get() -> Request {
    Request::builder("GET", "/").build()
}

fn ok(body: Body) -> AbiFuture<'static, Response> {
    AbiFuture::ready(Ok(Response::new(200).with_body(body)))
}

fn answered(recorded: &Recorded) -> &[u8] {
    match &recorded.answer {
        Answered::Response(response) => &response.body.0,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_stream_passes_as_it_is_and_is_in_the_recording_once_it_has_passed() {
    let tape = tape(QUEUE, |_| {});
    let mut body = tape.handle(get(), ok(chunks(true))).unwrap().into_body();
    assert_eq!(body.len(), Some(7));
    assert_eq!(block_on(body.chunk()).unwrap().unwrap(), "one ");
    assert_eq!(body.len(), Some(3));
    assert_eq!(block_on(body.chunk()).unwrap().unwrap(), "two");
    // Whoever knows the length asks no more.
    drop(body);

    let body = tape.handle(get(), ok(chunks(false))).unwrap().into_body();
    assert_eq!(body.len(), None);
    assert_eq!(block_on(body.collect(10)).unwrap(), "one two");
    let (summary, calls) = tape.finish();
    assert_eq!(summary.unwrap().written, 2);
    assert!(calls.iter().all(|call| answered(call) == b"one two"), "{calls:?}");
}

#[test]
fn what_is_too_long_or_given_up_passes_and_is_counted() {
    let tape = tape(QUEUE, |options| options.max_body = 6);
    let long = || Bytes::from_static(b"longer than that");
    // Longer: at once, as it comes, and asked for.
    let body = tape.handle(get(), ok(long().into())).unwrap().into_body();
    assert_eq!(body.into_full().unwrap(), long());
    let body = tape.handle(get(), ok(chunks(false))).unwrap().into_body();
    assert_eq!(block_on(body.collect(10)).unwrap(), "one two");
    let post = Request::builder("POST", "/").body(long()).build();
    let track = tape.recording.recorder().track("POST", "/").unwrap();
    let answer = block_on(track.handle(post, |mut request| {
        AbiFuture::new(async move { Ok(Response::new(200).with_body(request.take_body())) })
    }));
    assert_eq!(answer.unwrap().into_body().into_full().unwrap(), long());
    tape.execute("longer than that");
    // Given up: before the answer, in it, and where it breaks.
    drop(track.handle(get(), |_| AbiFuture::new(std::future::pending())));
    let mut body = tape.handle(get(), ok(chunks(false))).unwrap().into_body();
    block_on(body.chunk()).unwrap();
    drop(body);
    let broken = Error::new(ErrorKind::Io, "the disk");
    let broken = Body::stream(Chunks(vec![Ok(b"one"), Err(broken)], false));
    let body = tape.handle(get(), ok(broken)).unwrap().into_body();
    assert_eq!(block_on(body.collect(10)).unwrap_err().message(), "the disk");
    // What it was sent it has not read to its end.
    let post = Request::builder("POST", "/").body(chunks(false)).build();
    assert_eq!(tape.handle(post, ok(Body::empty())).unwrap().status(), 200);
    let (summary, calls) = tape.finish();
    let summary = summary.unwrap();
    assert_eq!((summary.written, summary.too_large, summary.unfinished), (0, 4, 4), "{summary}");
    assert!(calls.is_empty());
}

#[test]
fn a_request_that_is_streamed_is_recorded_as_it_was_read() {
    let tape = tape(QUEUE, |_| {});
    let track = tape.recording.recorder().track("POST", "/").unwrap();
    let post = Request::builder("POST", "/").body(chunks(false)).build();
    // It answers with what it is sent, while it is sent that.
    let answer = block_on(track.handle(post, |mut request| {
        AbiFuture::new(async move { Ok(Response::new(200).with_body(request.take_body())) })
    }));
    assert_eq!(block_on(answer.unwrap().into_body().collect(10)).unwrap(), "one two");
    let (_, calls) = tape.finish();
    let Asked::Request(request) = &calls[0].call else { panic!("{calls:?}") };
    assert_eq!((&*request.body.0, answered(&calls[0])), (&b"one two"[..], &b"one two"[..]));
}

#[test]
fn nothing_more_is_called_when_nobody_waits_for_a_replay_any_more() {
    /// How often it was called.
    struct Counting(AtomicU64);
    impl Subject for Counting {
        fn handle<'a>(
            &'a self,
            _: Call,
            _: &'a RecordedRequest,
        ) -> Answering<'a, Option<Result<Response>>> {
            Box::pin(async { None })
        }

        fn execute<'a>(&'a self, _: Call, _: &'a str) -> Answering<'a, Result<String>> {
            self.0.fetch_add(1, Ordering::SeqCst);
            Box::pin(async { Ok("out".into()) })
        }
    }
    let tape = tape(QUEUE, |_| {});
    (0..5).for_each(|_| tape.execute("out"));
    let (_, calls) = tape.finish();
    let text = calls.iter().fold(line(&header()), |text, call| text + &line(call));
    let subject = Counting(AtomicU64::new(0));
    let awaited = || match subject.0.load(Ordering::SeqCst) {
        2 => Err(Error::new(ErrorKind::Timeout, "too late")),
        _ => Ok(()),
    };
    let recording = Reader::new(io::Cursor::new(text)).unwrap();
    let ended = replay_while(&awaited, recording, &subject, &ReplayOptions::default());
    assert_eq!(ended.unwrap_err().message(), "too late");
    assert_eq!(subject.0.load(Ordering::SeqCst), 2);
}
