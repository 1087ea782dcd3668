//! Plugins whose hotshoe-abi grew as it must not.

use std::path::Path;

use hotshoe::config::Config;
use hotshoe::{PluginHost, Request};
use insta::assert_snapshot;

use crate::support;
use crate::variants::built;

/// No message to a person is longer.
const LINES: usize = 15;

/// Starts a host over `bare-<variant>` and a good plugin. The good one has to work; what is said of
/// the other one is returned. Nothing of it may have run, unless it is expected to run.
fn outcome(variant: &str, runs: bool) -> String {
    let id = format!("bare-{variant}");
    let plugins = support::stage(&[support::library("growing"), built().library(&id)]);
    let data = tempfile::tempdir().unwrap();
    let config = Config::from_toml("[plugins]\nstorage = \"growing\"", "the test").unwrap();
    let builder = PluginHost::builder().config(config).directory(plugins.path());
    let host = builder.data_dir(data.path()).build().unwrap();
    let report = host.start().wait().unwrap();

    let answer = host.respond_blocking(Request::builder("GET", "/growing").build());
    assert_eq!(answer.status(), 200, "the good plugin has to answer: {report}");
    let state = host.plugin(&id).map(|plugin| plugin.state.is_serving());
    assert_eq!(state.unwrap_or(false), runs, "{report}");
    host.stop().wait().unwrap();
    let created = data.path().join(&id).join("created").exists();
    assert_eq!(created, runs, "whether it was created");

    let problems = report.problems();
    let all: Vec<String> = problems.iter().map(|problem| clean(problem, plugins.path())).collect();
    all.join("\n")
}

/// Without what differs from run to run and from version to version.
fn clean(problem: &str, plugins: &Path) -> String {
    assert!(problem.lines().count() <= LINES, "too long:\n{problem}");
    let ours: semver::Version = hotshoe_abi::VERSION.parse().unwrap();
    let (line, next) = match ours.major {
        0 => (format!("0.{}", ours.minor), format!("0.{}.0", ours.minor + 1)),
        major => (major.to_string(), format!("{}.0.0", major + 1)),
    };
    let own = [(hotshoe_abi::VERSION, "<ours>"), (&*next, "<next line>"), (&*line, "<line>")];
    let text = problem.replace(&plugins.display().to_string(), "<folder>");
    let text = own.iter().fold(text, |text, (version, name)| text.replace(version, name));
    text.replace("/libbare_", "/…bare_")
}

/// Without this, the other tests could pass for another reason.
#[test]
fn a_bare_plugin_of_an_unchanged_crate_runs() {
    assert_eq!(outcome("unchanged", true), "");
}

/// The host asks for what the plugin lacks, and does without.
#[test]
fn a_plugin_without_what_was_appended_runs() {
    assert_eq!(outcome("earlier", true), "");
}

#[test]
fn a_function_added_in_the_middle_of_a_table_is_refused() {
    assert_snapshot!(outcome("added", false), @"
    plugin `bare-added` failed to load: its types are not laid out as the host's, first in table PluginVTable, function `pause` behind `start`
      because: hotshoe-abi <ours> was expected, it was built with <line>.3.0
      because: table PluginVTable, function `pause` behind `start`: added
        expected: nothing there
        found: unsafe fn(RRef<()>) -> AbiFuture<()>
      file: <folder>/…bare_added.so
      help: rebuild the plugin with the version of hotshoe that the host uses
    ");
}

#[test]
fn a_removed_field_is_refused() {
    assert_snapshot!(outcome("removed", false), @"
    plugin `bare-removed` failed to load: its types are not laid out as the host's, first in struct AbiPage, field `next` behind `entries`
      because: hotshoe-abi <ours> was expected, it was built with <line>.4.0
      because: struct AbiPage, field `next` behind `entries`: missing
        expected: ROption<RString>
        found: nothing there
      file: <folder>/…bare_removed.so
      help: rebuild the plugin with the version of hotshoe that the host uses
    ");
}

#[test]
fn a_function_of_another_type_is_refused() {
    assert_snapshot!(outcome("retyped", false), @"
    plugin `bare-retyped` failed to load: its types are not laid out as the host's, first in table PluginModule, function `set_log_level`
      because: hotshoe-abi <ours> was expected, it was built with <line>.5.0
      because: table PluginModule, function `set_log_level`: another type
        expected: fn(u32)
        found: fn(u64)
      file: <folder>/…bare_retyped.so
      help: rebuild the plugin with the version of hotshoe that the host uses
    ");
}

#[test]
fn functions_in_another_order_are_refused() {
    assert_snapshot!(outcome("reordered", false), @"
    plugin `bare-reordered` failed to load: its types are not laid out as the host's, first in table PluginVTable
      because: hotshoe-abi <ours> was expected, it was built with <line>.6.0
      because: table PluginVTable: another order
        expected: start, stop
        found: stop, start
      file: <folder>/…bare_reordered.so
      help: rebuild the plugin with the version of hotshoe that the host uses
    ");
}

#[test]
fn a_plugin_of_the_next_line_is_refused_before_it_is_opened() {
    assert_snapshot!(outcome("too-new", false), @"
    plugin `bare-too-new` failed to verify: hotshoe-abi <line> was expected, the plugin was built with <next line>
      file: <folder>/…bare_too_new.so
      help: rebuild the plugin with the version of hotshoe that the host uses
    ");
}

#[test]
fn a_plugin_of_the_next_line_that_says_it_is_of_this_one_is_refused() {
    assert_snapshot!(outcome("disguised", false), @"
    plugin `bare-disguised` failed to load: hotshoe-abi <ours> was expected, as its manifest says, the library has <next line>
      file: <folder>/…bare_disguised.so
      help: the file was put together from two builds: build it again
    ");
}

#[test]
fn a_library_that_leaves_out_its_layouts_is_refused() {
    assert_snapshot!(outcome("silent", false), @"
    plugin `bare-silent` failed to load: a library that describes its types was expected, this one leaves that out
      file: <folder>/…bare_silent.so
      help: build the plugin with hotshoe's `export_plugin!`
    ");
}
