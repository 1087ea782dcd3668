//! What the integration tests share: finding the libraries that Cargo built, staging them into
//! directories of their own, building them alone, and what a host says of them.
#![allow(dead_code, reason = "each test binary uses its part")]

pub mod rig;
pub mod said;
pub mod zoo;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The library of the dev-dependency `package`, as Cargo built it for this test run.
pub fn library(package: &str) -> PathBuf {
    let deps = std::env::current_exe().expect("a test has an executable");
    let deps = deps.parent().expect("it lies in target/<profile>/deps");
    let path = deps.join(file_name(package));
    assert!(path.is_file(), "{} was not built: is it a dev-dependency?", path.display());
    path
}

/// The library of `package` built with `-p`, so that no feature of the host is on in it.
pub fn library_built_alone(package: &str) -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let target = BUILT.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        root.join("target").join("alone")
    });
    let status = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "-p", package, "--target-dir"])
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .expect("cargo runs");
    assert!(status.success(), "building {package} alone failed");
    target.join("debug").join(file_name(package))
}

/// A new directory that holds these files.
pub fn stage(files: &[PathBuf]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for file in files {
        add(directory.path(), file);
    }
    directory
}

/// Puts a file into a directory, as an operator would.
pub fn add(directory: &Path, file: &Path) -> PathBuf {
    let to = directory.join(file.file_name().expect("a file has a name"));
    std::fs::copy(file, &to).expect("the file is copied");
    to
}

fn file_name(package: &str) -> String {
    format!(
        "{}{}{}",
        std::env::consts::DLL_PREFIX,
        package.replace('-', "_"),
        std::env::consts::DLL_SUFFIX
    )
}
