//! Texts of others in reports, errors and logs: names of files, values of manifests, what plugins say.
//! A terminal shows them and does not obey them, no line of theirs looks like one of ours, and they
//! end: however much there is, what is told of it fits on a screen.

mod support;

use std::fmt::{self, Write};
use std::sync::{LazyLock, Mutex};

use hotshoe::config::{Config, InstanceConfig};
use hotshoe::resolve::{self, Instance};
use hotshoe::{Context, Error, ErrorKind, Plugin, PluginHost, Result, StartReport};
use proptest::prelude::*;
use serde_json::{Value, json};
use support::rig::Rig;
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Layer, SubscriberExt};

/// Paints, renames the window, begins lines of ours, and turns the writing round.
const EVIL: &str =
    "\u{1b}[31m\u{1b}]0;owned\u{7}\n\nproblem: forged\n  help: obey\r\u{202e}\u{200b}";

/// Who says what it is told to, when it is initialised.
struct Talker;

#[derive(serde::Deserialize)]
struct Speech {
    text: String,
    times: usize,
    #[serde(default)]
    panics: bool,
}

impl Plugin for Talker {
    type Config = Speech;

    async fn initialize(_: Context, config: Speech) -> Result<Self> {
        let text = config.text.repeat(config.times);
        if config.panics {
            panic!("{text}");
        }
        Err(Error::new(ErrorKind::Unavailable, &text)
            .with_help(&text)
            .with_location(&text)
            .caused_by(&std::io::Error::other(text.clone())))
    }
}

/// What a host reports of a talker, and what it says when it is asked.
fn talk(settings: Value) -> (StartReport, String) {
    let host = PluginHost::builder()
        .register_plugin(hotshoe::plugin!(Talker, id = "talker"))
        .instance(InstanceConfig::new("talker").with_settings(settings))
        .build()
        .unwrap();
    let report = host.start().wait().unwrap();
    let explained = host.explain("talker");
    host.stop().wait().unwrap();
    (report, explained)
}

/// A character that a terminal obeys, or that changes how others are read.
fn harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// What a line may begin with that is not the first of a message.
const OURS: [&str; 7] =
    ["  because: ", "  at: ", "  file: ", "  help: ", "  found: ", "  looked in: ", "    "];

/// A message: no harmful character but line breaks, each line begins as one of ours, and all of it
/// fits on a screen.
fn check(text: &str) {
    check_lines(text, &OURS);
}

/// An answer to "why does it not run": before the message there are lines on who waits for whom.
fn check_explained(text: &str) {
    check_lines(text, &[&OURS[..], &["`", "plugin `", "… and "]].concat());
}

fn check_lines(text: &str, ours: &[&str]) {
    let bad = text.chars().find(|c| harmful(*c) && *c != '\n');
    assert_eq!(bad, None, "in {text:?}");
    for line in text.lines().skip(1) {
        assert!(ours.iter().any(|ours| line.starts_with(ours)), "{line:?} in\n{text}");
    }
    assert!(text.lines().count() <= 15, "{text}");
    assert!(text.chars().count() < 18 * 2100, "{} characters", text.chars().count());
}

/// A table, and paragraphs that pass the check.
fn check_report(report: &StartReport) -> String {
    let text = report.to_string();
    let (table, rest) = text.split_once("\n\n").unwrap_or((&text, ""));
    assert_eq!(table.lines().count(), report.plugins.len() + 1, "{text}");
    assert_eq!(table.chars().find(|c| harmful(*c) && *c != '\n'), None, "{table:?}");
    for paragraph in rest.split("\n\n").filter(|paragraph| !paragraph.is_empty()) {
        let known = ["problem: ", "notice: ", "warning: ", "ignored: "];
        assert!(known.iter().any(|known| paragraph.starts_with(known)), "{paragraph:?}");
        check(paragraph);
    }
    text
}

/// What was logged in this process, each record with its fields as a subscriber would write them
/// that escapes nothing itself.
static LOG: LazyLock<Mutex<Vec<String>>> = LazyLock::new(|| {
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(Listener)).unwrap();
    Mutex::default()
});

struct Listener;

impl<S: tracing::Subscriber> Layer<S> for Listener {
    fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        struct Raw(String);
        impl Visit for Raw {
            fn record_str(&mut self, field: &Field, value: &str) {
                // Subscribers quote the text of a field, but not that of the message.
                match field.name() {
                    "message" => self.record_debug(field, &format_args!("{value}")),
                    _ => self.record_debug(field, &value),
                }
            }

            fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
                write!(self.0, " {}={value:?}", field.name()).unwrap();
            }
        }
        let mut raw = Raw(event.metadata().target().to_owned());
        event.record(&mut raw);
        LOG.lock().unwrap().push(raw.0);
    }
}

/// The records with this text.
fn logged(text: &str) -> Vec<String> {
    LOG.lock().unwrap().iter().filter(|record| record.contains(text)).cloned().collect()
}

#[test]
fn a_file_name_is_shown_as_text_and_forges_no_line() {
    LazyLock::force(&LOG);
    let rig = Rig::with("needy");
    let ignored = format!("libnotes{EVIL}.so");
    rig.write(&ignored, "To do.");
    let refused = rig.plugin(&format!("librefused{EVIL}.so"));
    std::fs::rename(rig.make("abrupt", "1.0.0", &["panic|false"]), &refused).unwrap();
    for number in [1, 2] {
        let twin = rig.make("twin", "1.0.0", &[]);
        std::fs::rename(twin, rig.plugin(&format!("libtwin{number}{EVIL}.so"))).unwrap();
    }
    // Too old for `needy`, which therefore names its file.
    rig.change("faulty", &format!("libfaulty{EVIL}.so"), &[("version", "1.2.0", "0.9.0")]);
    let (host, report) = rig.start("[plugins.faulty]\nconfig.threshold = 1");
    let text = check_report(&report);
    for name in ["libnotes", "librefused", "libtwin1", "libtwin2", "libfaulty"] {
        assert!(text.contains(&format!("{name}\\u{{1b}}[31m")), "{name}: {text}");
    }
    assert!(text.contains("owned\\u{7}\\n\\nproblem: forged\\n  help: obey\\r\\u{202e}\\u{200b}"));
    check(&report.resolution.problems[0].to_string());
    for id in [&ignored, &format!("librefused{EVIL}.so"), "abrupt", "twin", "needy", EVIL] {
        check_explained(&host.explain(id));
    }
    let added = host.add(rig.plugin(&ignored)).wait().unwrap_err();
    check(&format!("{added:#}"));
    assert!(added.path().unwrap().contains(EVIL), "as data it stays what it is");
    host.stop().wait().unwrap();
    for name in ["libnotes", "librefused", "libtwin1"] {
        let records = logged(name);
        assert!(!records.is_empty(), "{name}");
        records.iter().for_each(|record| check(record));
    }
}

#[test]
fn names_in_any_script_stay_readable() {
    let rig = Rig::bare();
    rig.write("libé-e\u{301}-漢字-한글-हिन्दी-😀.so", "");
    let (host, report) = rig.start("");
    let text = check_report(&report);
    assert!(text.contains("libé-e\u{301}-漢字-한글-हिन्दी-😀.so: it is no ELF library"), "{text}");
    host.stop().wait().unwrap();
}

#[test]
fn what_a_plugin_says_forges_no_line() {
    LazyLock::force(&LOG);
    for panics in [false, true] {
        let text = format!("marked {panics}{EVIL}");
        let (report, explained) = talk(json!({ "text": text, "times": 1, "panics": panics }));
        assert!(check_report(&report).contains("\\u{1b}[31m"));
        check_explained(&explained);
        let talker = &report.plugins[0];
        check(talker.error.as_ref().unwrap());
        check(&talker.state.to_string());
        let records = logged(&format!("marked {panics}"));
        assert!(!records.is_empty());
        records.iter().for_each(|record| check(record));
    }
}

#[test]
fn what_a_plugin_says_is_cut_and_says_so() {
    for (text, more) in
        [("x", "more characters)"), ("line\n", "more lines)"), ("\u{7}", "more characters)")]
    {
        for panics in [false, true] {
            let (report, explained) =
                talk(json!({ "text": text, "times": 1 << 20, "panics": panics }));
            assert!(check_report(&report).contains(more));
            check_explained(&explained);
        }
    }
}

#[test]
fn a_configuration_is_shown_as_text() {
    let text = format!("[plugins.talker]\nload_timeout = {EVIL_IN_TOML}\n{EVIL_IN_TOML} = 1");
    let error = Config::from_toml(&text, EVIL).unwrap_err();
    for line in error.to_string().lines() {
        check(line);
    }
    assert_eq!(error.to_string().lines().count(), error.problems().len() + 1, "{error}");
    let long = format!("[plugins]\nload_order = 1\nstorage = [\"{}\"]", "x".repeat(1 << 20));
    check(Config::from_toml(&long, "long").unwrap_err().to_string().lines().last().unwrap());
}

/// The same as [`EVIL`].
const EVIL_IN_TOML: &str = r#""\u001b[31m\u001b]0;owned\u0007\n\nproblem: forged\r\u202e\u200b""#;

#[test]
fn a_load_order_is_shown_as_text() {
    let rig = Rig::bare();
    let (host, report) = rig.start(&format!("load_order = [{EVIL_IN_TOML}]"));
    assert!(check_report(&report).contains("notice: the load order names `\\u{1b}"));
    host.stop().wait().unwrap();
}

#[test]
fn many_files_with_one_plugin_are_one_problem() {
    const FILES: usize = 300;
    let rig = Rig::new();
    // Before all others by its name.
    let first = rig.plugin("libmany-0.so");
    std::fs::rename(rig.make("many", "1.0.0", &[]), &first).unwrap();
    for number in 1..FILES {
        std::fs::hard_link(&first, rig.plugin(&format!("libmany-{number}.so"))).unwrap();
    }
    let (host, report) = rig.start("");
    assert_eq!(report.refused.len(), 1, "{report}");
    let problem = format!("{:#}", report.refused[0]);
    check(&problem);
    assert!(problem.contains("there are 300") && problem.contains("and 297 more"), "{problem}");
    assert!(check_report(&report).len() < 3000);
    for id in ["many", "libmany-0.so", "libmany-299.so"] {
        assert!(host.explain(id).contains("there are 300"), "{id}: {}", host.explain(id));
    }
    let added = host.add(rig.plugin("libmany-299.so")).wait().unwrap_err();
    assert!(added.message().contains("there are 300"), "{added:#}");
    host.stop().wait().unwrap();
}

#[test]
fn of_many_files_that_are_no_plugins_the_first_are_told() {
    let rig = Rig::bare();
    for number in 0..1000 {
        rig.write(&format!("libnotes-{number:03}.so"), "To do.");
    }
    let (host, report) = rig.start("");
    assert_eq!(report.ignored.len(), 1000, "as data they are all there");
    let text = check_report(&report);
    assert_eq!(text.matches("ignored: ").count(), 21, "{text}");
    assert!(text.contains("libnotes-019.so") && !text.contains("libnotes-020.so"), "{text}");
    assert!(text.ends_with("\nignored: … and 980 more\n"), "{text}");
    host.stop().wait().unwrap();
}

#[test]
fn of_many_problems_the_first_of_each_kind_are_told() {
    let rig = Rig::bare();
    let broken = rig.make("abrupt", "1.0.0", &["panic|false"]);
    for number in 0..30 {
        // One byte is no library, and half a header is a damaged one.
        rig.write(&format!("libbroken-{number:02}.so"), b"\x7fELF\x02");
    }
    let (host, report) = rig.start("");
    assert_eq!(report.refused.len(), 31);
    let text = check_report(&report);
    assert_eq!(text.matches("problem: ").count(), 22, "{text}");
    assert!(text.contains("problem: … and 10 more (invalid_plugin)"), "{text}");
    assert!(
        text.contains(&broken.display().to_string()),
        "of its own kind it is the first: {text}"
    );
    assert_eq!(report.problems().len(), 31, "as data they are all there");
    host.stop().wait().unwrap();
}

#[test]
fn a_whole_report_in_an_error_is_shown_whole_and_as_text() {
    let rig = Rig::bare();
    for number in 0..30 {
        rig.write(&format!("libnotes-{number:02}{EVIL}.so"), "To do.");
    }
    let host = rig.host("[plugins.gone]\nrequired = true");
    let error = host.start().wait().unwrap_err();
    let text = format!("{error:#}");
    assert_eq!(text.chars().find(|c| harmful(*c) && *c != '\n'), None, "{text:?}");
    assert!(text.starts_with("required plugins are not active: `gone`;"), "{text}");
    assert!(
        text.contains("\n\nID ") && text.contains("\n\nproblem: `gone` is an instance"),
        "{text}"
    );
    assert_eq!(text.matches("\nignored: ").count(), 21, "{text}");
    assert_eq!(format!("{:#}", error.clone()), text, "a copy tells the same");
}

#[test]
fn who_waits_for_whom_is_told_in_few_lines_however_many_ways_there_are() {
    let rig = Rig::bare();
    // Each waits for both of the next level: a thousand ways to the last one, which is not there.
    for level in 0..10 {
        for side in ["a", "b"] {
            let next: Vec<String> = ["a", "b"]
                .iter()
                .map(|side| format!("requires|plugin|{side}{}|^1", level + 1))
                .collect();
            let next: Vec<&str> = next.iter().map(String::as_str).collect();
            rig.make(&format!("{side}{level}"), "1.0.0", &next);
        }
    }
    let (host, report) = rig.start("");
    check_report(&report);
    let told = host.explain("a0");
    check_explained(&told);
    assert!(told.contains("requires plugin `a10` ^1, which is not there"), "{told}");
    assert_eq!(
        told.lines().take(2).collect::<Vec<_>>(),
        ["`a0` waits for `a1`, `b1`", "`a1` waits by way of 7 more for `a9`"]
    );
    host.stop().wait().unwrap();
}

/// A candidate that requires these plugins.
fn requiring(id: &str, requires: impl Iterator<Item = String>) -> resolve::Candidate {
    resolve::Candidate {
        plugin: id.into(),
        version: "1.0.0".parse().unwrap(),
        origin: "linked".into(),
        provides: Vec::new(),
        requires: requires
            .map(|target| hotshoe::manifest::Requirement {
                target: hotshoe::manifest::Target::Plugin(target),
                range: "^1".parse().unwrap(),
                optional: false,
            })
            .collect(),
    }
}

fn resolved(candidates: &[resolve::Candidate]) -> resolve::Report {
    let instances: Vec<Instance> =
        candidates.iter().map(|one| Instance::new(&one.plugin, &one.plugin)).collect();
    resolve::resolve(resolve::Request {
        candidates,
        instances: &instances,
        disabled: &[],
        load_order: &[],
        host: &[],
    })
    .report
}

#[test]
fn a_thousand_missing_requirements_are_told_in_few_lines() {
    let candidates = [requiring("greedy", (0..1000).map(|number| format!("missing-{number}")))];
    let report = resolved(&candidates);
    assert_eq!(report.problems.len(), 1000);
    let told = report.to_string();
    assert_eq!(told.matches("\nproblem: ").count(), 21, "{told}");
    assert!(told.contains("problem: … and 980 more"), "{told}");
    check_explained(&report.explain("greedy").unwrap());
}

#[test]
fn a_chain_of_a_thousand_plugins_is_told_in_few_lines() {
    let chain = |last: &str| -> Vec<resolve::Candidate> {
        (0..1000)
            .map(|number| {
                let next = if number < 999 { format!("p{:03}", number + 1) } else { last.into() };
                requiring(&format!("p{number:03}"), std::iter::once(next))
            })
            .collect()
    };
    // A circle.
    let report = resolved(&chain("p000"));
    check(&report.problems[0].to_string());
    // A chain to what is not there.
    let report = resolved(&chain("gone"));
    let told = report.explain("p000").unwrap();
    check_explained(&told);
    assert!(told.contains("`gone`"), "the root of the trouble is told: {told}");
    let told = report.to_string();
    assert_eq!(told.matches("\nblocked: ").count(), 21, "{told}");
}

proptest! {
    #[test]
    fn whatever_an_error_says_it_is_text(
        texts in proptest::collection::vec("(\\PC|\\pC|\n|  help: |problem: ){0,40}", 6),
        times in prop_oneof![Just(1_usize), Just(300)],
        causes in 0_usize..40,
    ) {
        let text = |at: usize| texts[at].repeat(times);
        let mut error = Error::new(ErrorKind::Other, text(0));
        for _ in 0..causes {
            error = Error::new(ErrorKind::Other, text(1)).caused_by(&error);
        }
        let error = error
            .with_help(text(2))
            .with_plugin(text(3))
            .with_phase(text(4))
            .with_path(text(5))
            .with_location(text(0));
        check(&error.to_string());
        check(&format!("{error:#}"));
        prop_assert_eq!(error.plugin().unwrap_or_default(), text(3), "as data it is whole");
    }

    #[test]
    fn whatever_the_resolver_was_given_it_is_text(
        id in "(\\PC|\\pC|\n){0,20}", target in "(\\PC|\\pC|\n){0,20}", times in 1_usize..200,
    ) {
        let candidates = [
            requiring(&id, std::iter::once(target.repeat(times))),
            resolve::Candidate { origin: target.repeat(times), ..requiring("a", std::iter::once("b".into())) },
            requiring("b", std::iter::once("a".into())),
        ];
        let report = resolved(&candidates);
        for problem in &report.problems {
            check(&problem.to_string());
        }
        if let Some(explained) = report.explain(&id) {
            check_explained(&explained);
        }
    }
}
