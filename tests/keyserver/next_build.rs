//! The next version of `ratelimit`, really compiled: what an update consists of is other code, and no byte
//! of a library is known by which a limit could be exchanged.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the next version does otherwise, each found once in the sources: a client that was idle gets half
/// as many requests at once.
const EDITS: [(&str, &str, &str); 2] = [
    ("Cargo.toml", "version = \"0.1.0\"", "version = \"0.2.0\""),
    (
        "src/config.rs",
        "self.burst.unwrap_or(self.limit.count())",
        "self.burst.unwrap_or(NonZeroU32::new(self.limit.count().get() / 2).unwrap_or(self.limit.count()))",
    ),
];

/// Its library.
pub fn ratelimit() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let own = root.join("plugins/ratelimit");
    let workspace = root.join("target/next-build");
    let copy = workspace.join("ratelimit");
    // What is left of another state of the sources would be compiled, too.
    let _ = fs::remove_dir_all(copy.join("src"));
    let sources = fs::read_dir(own.join("src")).expect("the plugin has sources");
    let sources = sources.map(|entry| Path::new("src").join(entry.expect("a file").file_name()));
    for file in sources.chain(["Cargo.toml".into()]) {
        let mut text = fs::read_to_string(own.join(&file)).expect("a source is text");
        for (_, old, new) in EDITS.iter().filter(|(of, ..)| *of == file.to_string_lossy()) {
            assert_eq!(
                text.matches(old).count(),
                1,
                "`{old}` in {}: correct `EDITS`",
                file.display()
            );
            text = text.replace(old, new);
        }
        let to = copy.join(&file);
        fs::create_dir_all(to.parent().expect("a folder")).expect("a folder is made");
        fs::write(to, text).expect("a source is written");
    }
    let manifest =
        fs::read_to_string(root.join("Cargo.toml")).expect("the workspace has a manifest");
    let mut manifest: toml::Table = manifest.parse().expect("it is TOML");
    let mut all = manifest.remove("workspace").expect("it is a workspace");
    all["members"] = vec!["ratelimit"].into();
    for (name, folder) in [("hotshoe", root.to_owned()), ("hotshoe-abi", root.join("abi"))] {
        all["dependencies"][name]["path"] = folder.display().to_string().into();
    }
    let profile = manifest["profile"]["dev"]["debug"].clone();
    let profile = toml::Table::from_iter([("debug".to_owned(), profile)]);
    let profile = toml::Table::from_iter([("dev".to_owned(), profile.into())]);
    let written = [("workspace".to_owned(), all), ("profile".to_owned(), profile.into())];
    let written = toml::Table::from_iter(written).to_string();
    fs::write(workspace.join("Cargo.toml"), written).expect("the manifest is written");
    fs::copy(root.join("Cargo.lock"), workspace.join("Cargo.lock")).expect("the same versions");
    // Where plugins are built alone, so that all but the plugin itself is there already.
    let target = root.join("target").join("alone");
    let status = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--offline", "--target-dir"])
        .arg(&target)
        .current_dir(&workspace)
        .status()
        .expect("cargo runs");
    assert!(status.success(), "building {} failed", workspace.display());
    target.join("debug").join("libratelimit.so")
}
