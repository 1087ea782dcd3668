//! What fuzzing found worth keeping, played back: each input of `fuzz/corpus` and `fuzz/seeds`
//! through the checks of its fuzz target. `scripts/fuzz` looks for new ones.

#[path = "../fuzz/oracles/config.rs"]
mod config;
#[path = "../fuzz/oracles/library.rs"]
mod library;
#[path = "../fuzz/oracles/manifest.rs"]
mod manifest;
#[path = "../fuzz/oracles/recording.rs"]
mod recording;
#[path = "../fuzz/oracles/shown.rs"]
mod shown;

use std::panic::{catch_unwind, resume_unwind};
use std::path::Path;

/// Checks all inputs of a target, and names the one that fails.
fn play(target: &str, check: fn(&[u8])) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let mut count = 0;
    for folder in ["seeds", "corpus"] {
        let folder = root.join(folder).join(target);
        let files = std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{folder:?}: {e}"));
        for file in files {
            let path = file.expect("a file").path();
            let bytes = std::fs::read(&path).expect("it can be read");
            if let Err(panic) = catch_unwind(|| check(&bytes)) {
                eprintln!("the input is {}", path.display());
                resume_unwind(panic);
            }
            count += 1;
        }
    }
    assert!(count > 50, "only {count} inputs of {target} are there");
}

#[test]
fn manifests_are_read_or_refused() {
    play("manifest", manifest::check);
}

#[test]
fn libraries_are_read_or_refused() {
    play("library", library::check);
}

#[test]
fn configurations_are_read_or_refused_and_keep_their_secrets() {
    play("config", config::check);
}

#[test]
fn recordings_are_read_or_refused_and_replayed() {
    play("recording", recording::check);
}
