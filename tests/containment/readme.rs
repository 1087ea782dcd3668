//! The README's table of faults: every cell names a test that is there, and no case is missing.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

#[test]
fn every_cell_of_the_readmes_table_names_a_test() {
    let rows = rows();
    assert!(
        rows.len() > 60,
        "only {} rows were found: is the table read as it should be?",
        rows.len()
    );
    let own = cases();
    for [fault, linked, loaded] in &rows {
        for (mount, cell) in [("linked", linked), ("loaded", loaded)] {
            if cell == "–" {
                continue;
            }
            let Some(test) = named(cell) else {
                panic!(
                    "{fault}, {mount}: `{cell}` says neither \"survives\" nor \"kills\" with a test"
                );
            };
            let (program, rest) = test.split_once("::").expect("a program and a test");
            if program == "containment" {
                let of_it = format!("::{mount}");
                assert!(test.ends_with(&of_it), "{fault}: `{test}` is of another mount");
                assert!(own.contains(rest), "{fault}, {mount}: there is no test `{test}`");
                let kills = rest.starts_with("kills::");
                assert_eq!(cell.contains("kills**"), kills, "{fault}, {mount}: {cell}");
            } else {
                assert!(is_there(program, rest), "{fault}, {mount}: there is no test `{test}`");
            }
        }
    }
}

#[test]
fn every_case_is_in_the_readmes_table() {
    let rows = rows();
    let cells = rows.iter().flat_map(|[_, linked, loaded]| [linked, loaded]);
    let named: BTreeSet<String> = cells
        .filter_map(|cell| Some(named(cell)?.strip_prefix("containment::")?.to_owned()))
        .collect();
    let missing: Vec<String> = cases().into_iter().filter(|case| !named.contains(case)).collect();
    assert!(missing.is_empty(), "the README's table lacks {missing:#?}");
}

#[test]
fn what_kills_comes_first() {
    let kills: Vec<bool> = rows().iter().map(|row| row[2].contains("kills")).collect();
    assert!(kills.is_sorted_by(|before, after| before >= after));
}

/// The rows of the table: fault, linked, loaded.
fn rows() -> Vec<[String; 3]> {
    let text = std::fs::read_to_string(root().join("README.md")).expect("there is a README");
    let begin = text.find("\n| fault | linked | loaded |\n").expect("the README has the table");
    text[begin + 1..]
        .lines()
        .skip(2)
        .map_while(|line| line.strip_prefix("| ")?.strip_suffix(" |"))
        .map(|row| {
            let cells: Vec<String> = row.split(" | ").map(str::to_owned).collect();
            cells.try_into().unwrap_or_else(|cells| panic!("three cells were expected: {cells:?}"))
        })
        .collect()
}

/// The test that a cell names: `survives: ` or `**kills**: ` and its name.
fn named(cell: &str) -> Option<&str> {
    let name = cell.strip_prefix("survives: ").or_else(|| cell.strip_prefix("**kills**: "))?;
    name.strip_prefix('`')?.strip_suffix('`')
}

/// The cases of this program, as it tells itself.
fn cases() -> BTreeSet<String> {
    let program = std::env::current_exe().expect("a test has an executable");
    let output = Command::new(program).args(["--list", "--format", "terse"]).output();
    let list = String::from_utf8(output.expect("it lists its tests").stdout).expect("text");
    let tests = list.lines().filter_map(|line| line.strip_suffix(": test"));
    tests.filter(|test| !test.starts_with("readme::")).map(str::to_owned).collect()
}

/// Whether another test program has a test of this name, as far as its source tells.
fn is_there(program: &str, test: &str) -> bool {
    let function = test.rsplit("::").find(|part| !["linked", "loaded"].contains(part));
    let wanted = format!("fn {}(", function.expect("a test has a name"));
    let tests = root().join("tests");
    let mut left = vec![tests.join(program), tests.join(format!("{program}.rs"))];
    while let Some(path) = left.pop() {
        if let Ok(entries) = std::fs::read_dir(&path) {
            left.extend(entries.map(|entry| entry.expect("the folder is read").path()));
        } else if std::fs::read_to_string(&path).is_ok_and(|source| source.contains(&wanted)) {
            return true;
        }
    }
    false
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}
