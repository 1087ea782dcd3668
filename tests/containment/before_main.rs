//! Code that runs when a library is opened, before anything of it is called: it must not run when the
//! library is refused.

use std::path::{Path, PathBuf};
use std::process::Command;

use hotshoe::Mount;
use insta::assert_snapshot;

use crate::cage::Cage;
use crate::support::zoo;

when_loaded! {
    in_a_plugin_that_is_refused,
    in_a_plugin_that_is_accepted,
    in_a_dependency,
    in_a_dependency_by_run_path,
    in_a_dependency_that_is_allowed,
    in_a_dependency_by_run_path_that_is_allowed,
}

fn in_a_plugin_that_is_refused(mount: Mount) {
    let cage = Cage::new(mount, "writes_before_main_and_is_refused");
    assert_snapshot!(cage.refusal(""), @r"
    [incompatible, verify] problem: plugin `writes-before-main-and-is-refused` failed to verify: hotshoe-abi 1 was expected, the plugin was built with 0.99.0
      help: rebuild the plugin with the version of hotshoe that the host uses
    ");
    assert!(!trace(&cage).exists(), "code of a refused library ran");
}

/// The control: the very same function in a library that is opened.
fn in_a_plugin_that_is_accepted(mount: Mount) {
    let cage = Cage::new(mount, "writes_before_main");
    assert!(!trace(&cage).exists());
    let host = cage.running("");
    assert!(trace(&cage).exists(), "what this test looks for can be found");
    cage.ends(&host);
}

fn in_a_dependency(mount: Mount) {
    let cage = Cage::new(mount, "needs_a_dependency");
    cage.add(&needing(&cage, "needs_a_dependency"));
    assert_snapshot!(cage.refusal(""), @r#"
    [untrusted, verify] problem: plugin `needs-a-dependency` failed to verify: a library that needs only the system's own was expected, this one needs `<folder>/libtrace.so`, whose code would run unverified
      help: link that library statically, or add "<folder>/libtrace.so" to `allow_needed` in [plugins.security]
    "#);
    assert!(!trace(&cage).exists(), "code of a dependency ran");
}

fn in_a_dependency_by_run_path(mount: Mount) {
    let cage = Cage::new(mount, "needs_a_run_path");
    cage.add(&needing(&cage, "needs_a_run_path"));
    assert_snapshot!(cage.refusal(""), @r#"
    [untrusted, verify] problem: plugin `needs-a-run-path` failed to verify: a library without search paths of its own was expected, this one has `<folder>/.` (RPATH or RUNPATH): whatever lies there would be loaded unverified
      help: link it without `-rpath`, or set `rpath = "allow"` in [plugins.security]
    "#);
    assert!(!trace(&cage).exists(), "code of a dependency ran");
}

/// The control: the same library where the policy allows what it needs.
fn in_a_dependency_that_is_allowed(mount: Mount) {
    runs_if_allowed(mount, "needs_a_dependency");
}

/// The control: the same library where the policy allows its run path.
fn in_a_dependency_by_run_path_that_is_allowed(mount: Mount) {
    runs_if_allowed(mount, "needs_a_run_path");
}

fn runs_if_allowed(mount: Mount, specimen: &'static str) {
    let cage = Cage::new(mount, specimen);
    cage.add(&needing(&cage, specimen));
    let needed = cage.path("libtrace.so");
    let allowed = format!("rpath = \"allow\", allow_needed = [\"libtrace.so\", {needed:?}]");
    let host = cage.host_with(&format!("security = {{ {allowed} }}"), "");
    host.start().wait().expect("nothing is required");
    cage.is_active(&host);
    assert!(trace(&cage).exists(), "what this test looks for can be found");
    cage.ends(&host);
}

/// The file that is written if code runs.
fn trace(cage: &Cage) -> PathBuf {
    let trace = PathBuf::from(std::env::var_os("ZOO_TRACE").expect("a case has one"));
    assert_eq!(trace, cage.path("trace"));
    trace
}

/// Builds a specimen that needs a library in C whose constructor writes the file.
fn needing(cage: &Cage, specimen: &str) -> PathBuf {
    let dependency = dependency(cage);
    let folder = cage.path(".").display().to_string();
    let no_as_needed = "link-arg=-Wl,--no-as-needed".to_owned();
    let arguments = match specimen {
        "needs_a_dependency" => vec![no_as_needed, format!("link-arg={}", dependency.display())],
        _ => vec![
            no_as_needed,
            format!("link-arg=-L{folder}"),
            "link-arg=-ltrace".to_owned(),
            format!("link-arg=-Wl,--enable-new-dtags,-rpath,{folder}"),
        ],
    };
    let arguments: Vec<&str> = arguments.iter().flat_map(|argument| ["-C", argument]).collect();
    zoo::library_built_with(specimen, &arguments)
}

fn dependency(cage: &Cage) -> PathBuf {
    let (source, library) = (cage.path("trace.c"), cage.path("libtrace.so"));
    let code = "#include <stdio.h>\n#include <stdlib.h>\n\
        __attribute__((constructor)) static void before_main(void) {\n\
            const char *path = getenv(\"ZOO_TRACE\");\n\
            FILE *file = path ? fopen(path, \"w\") : NULL;\n\
            if (file) fclose(file);\n\
        }\n";
    std::fs::write(&source, code).expect("the source is written");
    compile(&source, &library);
    library
}

fn compile(source: &Path, library: &Path) {
    let status = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .args([library, source])
        .status()
        .expect("a C compiler, which Rust needs for linking, too");
    assert!(status.success(), "{} could not be compiled", source.display());
}
