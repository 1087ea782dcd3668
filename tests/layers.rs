//! The house has floors: a module of the library uses only what is below it. Reads the source, and
//! names each path that points up or sideways.

use std::fs;
use std::path::{Path, PathBuf};

/// From the top to the bottom; what shares a line knows nothing of each other.
///
/// `testing` is on the author's side of the house: it has to work where the host is not compiled.
const FLOORS: &[&[&str]] = &[
    // Programs of this package: they use the library as anybody does.
    &["bin"],
    &["host"],
    &["gateway", "services", "events", "tasks", "metrics"],
    &["replay"],
    &["supervise"],
    &["monitor"],
    &["lifecycle"],
    &["discover", "preflight"],
    &["load"],
    &["verify"],
    &["resolve"],
    &["runtime"],
    &["state"],
    &["config"],
    &["manifest"],
    &["testing"],
    &["standard"],
    &["sdk"],
    &["extension"],
    &["bridge"],
    &["settings"],
    &["contract"],
];

/// The floor of a module, counted from the top.
fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&module))
}

fn may_use(user: &str, used: &str) -> bool {
    user == used || floor(user) < floor(used)
}

#[test]
fn every_module_has_a_floor() {
    let modules = fs::read_dir(source()).unwrap().map(|entry| entry.unwrap().path());
    for path in modules.filter(|path| !path.ends_with("lib.rs")) {
        let module = path.file_stem().unwrap().to_str().unwrap().to_owned();
        assert!(floor(&module).is_some(), "on which floor is `{module}`?");
    }
}

#[test]
fn no_module_uses_one_above_it() {
    let mut wrong = Vec::new();
    let mut found = 0;
    for path in sources(&source()) {
        let inner = path.strip_prefix(source()).unwrap();
        let module = inner.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs");
        if module == "lib" {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        for (line, used) in modules_used(&text, depth(inner)) {
            found += 1;
            if !may_use(module, &used) {
                wrong.push(format!("src/{}:{line}: `{module}` uses `{used}`", inner.display()));
            }
        }
    }
    assert!(found > 200, "only {found} paths were found; is the source read as it should be?");
    assert!(wrong.is_empty(), "these point up or sideways:\n{}", wrong.join("\n"));
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            all.push(path);
        }
    }
    all
}

/// How many `super`s lead from a file to the root of the crate.
fn depth(inner: &Path) -> usize {
    inner.iter().count() - usize::from(inner.ends_with("mod.rs"))
}

/// The modules of the crate that a text names, with the line of each.
fn modules_used(text: &str, depth: usize) -> Vec<(usize, String)> {
    // Comments name what they like; a `//` in a string only hides the rest of its line.
    let code: Vec<&str> = text.lines().map(|line| line.split("//").next().unwrap_or("")).collect();
    let code = code.join("\n");
    let mut used = Vec::new();
    for root in ["crate::".to_owned(), "super::".repeat(depth)] {
        for (at, _) in code.match_indices(&root) {
            // `$crate::` is written for another crate; `mycrate::` is one.
            let before = code[..at].chars().next_back().unwrap_or(' ');
            if before == '$' || before == ':' || before == '_' || before.is_alphanumeric() {
                continue;
            }
            let line = code[..at].matches('\n').count() + 1;
            let names = first_names(&code[at + root.len()..]);
            used.extend(names.into_iter().map(|name| (line, name)));
        }
    }
    used.retain(|(_, name)| floor(name).is_some());
    used
}

/// `a` of `a::b`; `a` and `c` of `{a::b, c::{d, e}}`.
fn first_names(path: &str) -> Vec<String> {
    let name = |text: &str| -> String {
        let text = text.trim_start();
        text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
    };
    let Some(group) = path.strip_prefix('{') else { return vec![name(path)] };
    let (mut names, mut open, mut start) = (Vec::new(), 0, 0);
    for (at, character) in group.char_indices() {
        match character {
            '{' => open += 1,
            '}' if open > 0 => open -= 1,
            ',' if open == 0 => {
                names.push(name(&group[start..at]));
                start = at + 1;
            }
            '}' => {
                names.push(name(&group[start..at]));
                break;
            }
            _ => {}
        }
    }
    names
}

#[test]
fn paths_are_found_however_they_are_written() {
    let text = "
        use crate::contract::{Call, Error};
        use crate::{bridge::Scope, config::{Config, Mount}, sdk};
        // use crate::host::PluginHost;
        fn f() -> crate::extension::Json<u8> { $crate::host::x() }
        use super::super::load;
        use super::near;
    ";
    let used: Vec<String> = modules_used(text, 2).into_iter().map(|(_, name)| name).collect();
    assert_eq!(used, ["contract", "bridge", "config", "sdk", "extension", "load"]);
    assert!(may_use("host", "gateway") && may_use("load", "load") && may_use("sdk", "contract"));
    assert!(
        !may_use("contract", "sdk") && !may_use("events", "tasks") && !may_use("testing", "host")
    );
}
