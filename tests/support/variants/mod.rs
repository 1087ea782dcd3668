//! Other versions of hotshoe-abi, and what is built against them: a workspace below `target`, made
//! from this one with some texts exchanged.
//!
//! Each variant of the crate has a version of its own, so that one workspace holds all of them and
//! one build makes everything, the crates of others once.
#![allow(dead_code, reason = "each test binary uses its part")]

mod edits;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use toml::{Table, Value};

use self::edits::Edit;

const HELP: &str = "correct the edits in tests/support/variants";

/// A version of hotshoe-abi.
pub struct Variant {
    pub name: &'static str,
    /// Whether its version is of the host's line.
    pub same_line: bool,
    pub edits: &'static [Edit],
    /// Those of `bare-<name>`, a plugin with nothing in it, if there is to be one.
    pub bare: Option<&'static [Edit]>,
}

/// What was built.
pub struct Built {
    folder: PathBuf,
}

impl Built {
    /// A library of the workspace.
    pub fn library(&self, package: &str) -> PathBuf {
        let (prefix, suffix) = (std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
        self.folder.join(format!("{prefix}{}{suffix}", package.replace('-', "_")))
    }

    /// The program that is a host of the later hotshoe-abi.
    pub fn later_host(&self) -> PathBuf {
        self.folder.join(format!("later-host{}", std::env::consts::EXE_SUFFIX))
    }
}

/// Everything, built once.
pub fn built() -> &'static Built {
    static BUILT: OnceLock<Built> = OnceLock::new();
    BUILT.get_or_init(|| {
        let folder = root().join("target").join("variants");
        workspace().write(&folder);
        let target = folder.join("target");
        let status = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--workspace", "--target-dir"])
            .arg(&target)
            .current_dir(&folder)
            .status()
            .expect("cargo runs");
        assert!(status.success(), "building the variants in {} failed", folder.display());
        Built { folder: target.join("debug") }
    })
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Files by their path.
#[derive(Default)]
struct Tree(BTreeMap<PathBuf, String>);

fn workspace() -> Tree {
    let mut tree = Tree::default();
    let manifest = read_manifest("Cargo.toml");
    let mut members = Vec::new();
    let mut outside = vec!["hotshoe".to_owned()];
    for (number, variant) in edits::VARIANTS.iter().enumerate() {
        let folder = format!("abi-{}", variant.name);
        add_abi(&mut tree, &manifest, variant, number, &folder);
        if let Some(edits) = variant.bare {
            let bare = format!("bare-{}", variant.name);
            add_bare(&mut tree, &bare, &folder, edits);
            members.push(bare);
        }
        outside.push(folder);
    }

    // One whose manifest says that it is of the host's version.
    let version = hotshoe_abi::VERSION;
    let lie = format!("concat!(\n    \"abi\\u{{1f}}{version}\\u{{1e}}\",\n    \"panic");
    add_bare(&mut tree, "bare-disguised", "abi-too-new", &[]);
    tree.exchange_one("bare-disguised/src/lib.rs", "concat!(\n    \"panic", &lie);
    // And one without layouts to compare.
    add_bare(&mut tree, "bare-silent", "abi-unchanged", &[]);
    tree.exchange_one(
        "bare-silent/src/lib.rs",
        "construct, CheckTypeLayout::Yes",
        "construct, CheckTypeLayout::No",
    );
    members.extend(["bare-disguised".into(), "bare-silent".into()]);

    members.extend(add_later(&mut tree, &manifest));
    let mut workspace = Table::new();
    workspace.insert("members".into(), members.into());
    workspace.insert("exclude".into(), outside.into());
    workspace.insert("resolver".into(), table(&manifest, "workspace")["resolver"].clone());
    let mut all = Table::new();
    all.insert("workspace".into(), workspace.into());
    // They are built once and copied often.
    let small = [("debug", false), ("incremental", false), ("strip", true)];
    let small: Table =
        small.map(|(key, value)| (key.to_owned(), value.into())).into_iter().collect();
    all.insert("profile".into(), Table::from_iter([("dev".to_owned(), small.into())]).into());
    tree.add("Cargo.toml", all.to_string());
    tree
}

/// What is built against the later hotshoe-abi: the `hotshoe` crate, plugins, and a host.
fn add_later(tree: &mut Tree, root: &Table) -> Vec<String> {
    let mut hotshoe = own(root, root);
    dependencies(&mut hotshoe).insert("hotshoe-abi".into(), path("../abi-later"));
    tree.copy("src", "hotshoe/src");
    tree.add("hotshoe/Cargo.toml", hotshoe.to_string());
    tree.exchange("hotshoe", edits::LATER_HOTSHOE);

    let mut members = Vec::new();
    for (from, name) in [
        ("clockwork", "clockwork"),
        ("growing", "grown"),
        ("plain", "plain"),
        ("probe", "probe"),
        ("probe-api", "probe-api"),
        ("relay", "relay"),
    ] {
        let from = format!("tests/plugins/{from}");
        let mut plugin = own(&read_manifest(&format!("{from}/Cargo.toml")), root);
        package(&mut plugin).insert("name".into(), name.into());
        let hotshoe = dependencies(&mut plugin)["hotshoe"].as_table_mut().expect("a table");
        *hotshoe = Table::from_iter([
            ("path".to_owned(), Value::from("../hotshoe")),
            ("default-features".to_owned(), Value::from(false)),
        ]);
        tree.copy(&format!("{from}/src"), &format!("{name}/src"));
        tree.add(format!("{name}/Cargo.toml"), plugin.to_string());
        members.push(name.to_owned());
    }
    tree.exchange("grown", edits::GROWN);

    let mut host =
        library("later-host", &[("hotshoe", "../hotshoe"), ("hotshoe-abi", "../abi-later")]);
    host.remove("lib");
    for name in ["futures-lite", "libloading"] {
        let own = table(root, "dependencies")[name].as_table().expect("a table");
        dependencies(&mut host).insert(name.into(), own["version"].clone());
    }
    tree.add("later-host/Cargo.toml", host.to_string());
    tree.add("later-host/src/main.rs", kept("host.rs"));
    members.push("later-host".to_owned());
    members
}

/// A copy of hotshoe-abi with the edits of a variant.
fn add_abi(tree: &mut Tree, root: &Table, variant: &Variant, number: usize, folder: &str) {
    let mut manifest = own(&read_manifest("abi/Cargo.toml"), root);
    let version: semver::Version = hotshoe_abi::VERSION.parse().expect("a version");
    let version = match (variant.same_line, version.major) {
        (true, 0) => format!("0.{}.{}", version.minor, 100 + number),
        (true, major) => format!("{major}.{}.0", version.minor + 1 + number as u64),
        (false, 0) => format!("0.{}.0", version.minor + 1),
        (false, major) => format!("{}.0.0", major + 1),
    };
    package(&mut manifest).insert("version".into(), version.into());
    tree.copy("abi/src", &format!("{folder}/src"));
    tree.add(format!("{folder}/build.rs"), read("abi/build.rs"));
    tree.add(format!("{folder}/Cargo.toml"), manifest.to_string());
    tree.exchange(folder, variant.edits);
}

/// A plugin over a copy of hotshoe-abi and nothing else.
fn add_bare(tree: &mut Tree, name: &str, abi: &str, edits: &[Edit]) {
    tree.add(format!("{name}/src/lib.rs"), kept("bare.rs"));
    let abi = format!("../{abi}");
    tree.add(format!("{name}/Cargo.toml"), library(name, &[("hotshoe-abi", &abi)]).to_string());
    tree.exchange(name, edits);
}

/// The manifest of a library to load, over crates at these paths.
fn library(name: &str, over: &[(&str, &str)]) -> Table {
    let text = format!(
        "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n\
         [lib]\ncrate-type = [\"cdylib\"]\n\n[dependencies]\n"
    );
    let mut manifest: Table = text.parse().expect("a manifest");
    for (name, at) in over {
        dependencies(&mut manifest).insert((*name).to_owned(), path(at));
    }
    manifest
}

/// What is exchanged leaves things unused.
fn quiet() -> Value {
    let rust = Table::from_iter([("warnings".to_owned(), Value::from("allow"))]);
    Table::from_iter([("rust".to_owned(), rust.into())]).into()
}

/// A manifest of this workspace that stands for itself: without what it inherits, tests and lints.
fn own(manifest: &Table, root: &Table) -> Table {
    let mut own = manifest.clone();
    for unwanted in ["workspace", "dev-dependencies", "profile", "bin", "bench", "example", "test"]
    {
        own.remove(unwanted);
    }
    own.insert("lints".into(), quiet());
    let inherited = table(root, "workspace")["package"].as_table().expect("a table");
    for (key, value) in package(&mut own) {
        if value.get("workspace").is_some() {
            *value = inherited[key].clone();
        }
    }
    own
}

fn package(manifest: &mut Table) -> &mut Table {
    manifest["package"].as_table_mut().expect("a table")
}

fn dependencies(manifest: &mut Table) -> &mut Table {
    manifest["dependencies"].as_table_mut().expect("a table")
}

fn table<'a>(manifest: &'a Table, key: &str) -> &'a Table {
    manifest[key].as_table().expect("a table")
}

fn path(to: &str) -> Value {
    Table::from_iter([("path".to_owned(), to.into())]).into()
}

fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn read_manifest(file: &str) -> Table {
    read(file).parse().unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn kept(file: &str) -> String {
    read(&format!("tests/support/variants/kept/{file}"))
}

impl Tree {
    fn add(&mut self, path: impl Into<PathBuf>, text: String) {
        self.0.insert(path.into(), text);
    }

    /// Copies what is below a folder of this workspace.
    fn copy(&mut self, from: &str, to: &str) {
        let entries = fs::read_dir(root().join(from)).unwrap_or_else(|e| panic!("{from}: {e}"));
        for entry in entries {
            let entry = entry.expect("an entry");
            let name = entry.file_name().into_string().expect("a name in UTF-8");
            let (from, to) = (format!("{from}/{name}"), format!("{to}/{name}"));
            if entry.path().is_dir() {
                self.copy(&from, &to);
            } else {
                self.add(to, read(&from));
            }
        }
    }

    /// Exchanges texts in files of a folder.
    fn exchange(&mut self, folder: &str, edits: &[Edit]) {
        for Edit { file, old, new } in edits {
            self.exchange_one(&format!("{folder}/{file}"), old, new);
        }
    }

    fn exchange_one(&mut self, file: &str, old: &str, new: &str) {
        let text = self.0.get_mut(Path::new(file));
        let text = text.unwrap_or_else(|| panic!("{file}: the source has moved away: {HELP}"));
        let times = text.matches(old).count();
        assert_eq!(times, 1, "{file}: this was expected there once; {HELP}\n{old}");
        *text = text.replace(old, new);
    }

    /// Writes what differs, so that what was built of the rest stays as it is.
    fn write(&self, folder: &Path) {
        for (path, text) in &self.0 {
            put(&folder.join(path), text);
        }
        remove_others(folder, folder, &self.0);
        // What Cargo makes of the lock file is not that of this workspace.
        let lock = read("Cargo.lock");
        if fs::read_to_string(folder.join("Cargo.lock.from")).ok().as_ref() != Some(&lock) {
            put(&folder.join("Cargo.lock"), &lock);
            put(&folder.join("Cargo.lock.from"), &lock);
        }
    }
}

fn put(path: &Path, text: &str) {
    if fs::read_to_string(path).is_ok_and(|there| there == text) {
        return;
    }
    fs::create_dir_all(path.parent().expect("a file has a folder")).expect("a folder is made");
    // Renamed into its place: another test may be building from it.
    let beside = path.with_extension(format!("new-{}", std::process::id()));
    fs::write(&beside, text).expect("a file is written");
    fs::rename(&beside, path).expect("a file is renamed");
}

/// Removes sources that are not wanted any more: a module that is gone could be found again.
fn remove_others(folder: &Path, root: &Path, wanted: &BTreeMap<PathBuf, String>) {
    for entry in fs::read_dir(folder).expect("the folder was made") {
        let path = entry.expect("an entry").path();
        if path == root.join("target") {
            continue;
        }
        if path.is_dir() {
            remove_others(&path, root, wanted);
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && !wanted.contains_key(path.strip_prefix(root).expect("it lies below"))
        {
            fs::remove_file(path).expect("a file is removed");
        }
    }
}
