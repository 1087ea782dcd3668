//! What was verified is what is loaded, whatever becomes of the file in between.
//!
//! The moment in between is made by a plugin that another one requires: it starts after all files
//! were verified, and before the other one's is opened.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use hotshoe::{Context, NoConfig, Plugin, PluginHost, Result};
use insta::assert_snapshot;

use super::signer::Signer;
use crate::support::rig::{Rig, get};
use crate::support::said::state;

/// What happens in between, by the folder of the test: tests run side by side.
static DEEDS: Mutex<Vec<(PathBuf, Deed)>> = Mutex::new(Vec::new());

type Deed = Box<dyn FnOnce() + Send>;

/// Does the deed that was left for it.
struct Exchanger;

impl Plugin for Exchanger {
    type Config = NoConfig;

    async fn initialize(context: Context, _: NoConfig) -> Result<Self> {
        let folder = context.data_dir().to_owned();
        let mut deeds = DEEDS.lock().unwrap();
        let at = deeds.iter().position(|(of, _)| folder.starts_with(of)).expect("a deed");
        let (_, deed) = deeds.remove(at);
        drop(deeds);
        deed();
        Ok(Self)
    }
}

/// `libvictim-1.0.0.so` beside `steady`.
fn rig() -> (Rig, PathBuf) {
    let rig = Rig::new();
    let victim = rig.make("victim", "1.0.0", &["requires|plugin|exchanger|^1"]);
    (rig, victim)
}

/// Starts a host; between verification and loading `deed` is done.
fn start(rig: &Rig, policy: &str, deed: impl FnOnce() + Send + 'static) -> (PluginHost, String) {
    DEEDS.lock().unwrap().push((rig.path(""), Box::new(deed)));
    let config = rig.config(&format!("[plugins.victim]\nconfig.threshold = 1\n{policy}"));
    let host = PluginHost::builder()
        .config(config)
        .data_dir(rig.path("data"))
        .register_plugin(hotshoe::plugin!(Exchanger, id = "exchanger", version = "1.0.0"))
        .build()
        .unwrap_or_else(|error| panic!("{error:#}"));
    let report = host.start().wait().unwrap();
    assert_eq!(get(&host, "steady"), "200 steady 1");
    (host, rig.told(&report))
}

/// Puts another file in the place of this one, as a package manager does it.
fn rename_over(path: &Path) {
    let fresh = path.with_extension("new");
    std::fs::write(&fresh, b"\x7fELF, and nothing good").unwrap();
    std::fs::rename(fresh, path).unwrap();
}

/// Changes the file itself.
fn write_over(path: &Path) {
    use std::os::unix::fs::FileExt;
    let file = std::fs::File::options().write(true).open(path).unwrap();
    let length = file.metadata().unwrap().len();
    file.write_all_at(&vec![0xcc; length as usize], 0).unwrap();
}

/// Changes the file itself, and makes it look as if nobody had.
fn write_over_in_secret(path: &Path) {
    let before = std::fs::metadata(path).unwrap().modified().unwrap();
    write_over(path);
    let file = std::fs::File::options().write(true).open(path).unwrap();
    file.set_modified(before).unwrap();
    assert_eq!(file.metadata().unwrap().modified().unwrap(), before);
}

fn pinned(victim: &Path) -> String {
    pin("victim", victim)
}

fn pin(id: &str, file: &Path) -> String {
    use sha2::Digest;

    let digest = sha2::Sha256::digest(std::fs::read(file).unwrap());
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("[plugins.security.pins.{id}]\n\"1.0.0\" = \"{digest}\"\n")
}

#[test]
fn a_pinned_file_that_is_exchanged_changes_nothing() {
    let (rig, victim) = rig();
    let policy = pinned(&victim);
    let (host, told) = start(&rig, &policy, move || rename_over(&victim));
    assert_eq!((get(&host, "victim").as_str(), told.as_str()), ("200 victim 1", "nothing"));
    host.stop().wait().unwrap();
}

#[test]
fn a_pinned_file_that_is_overwritten_changes_nothing() {
    let (rig, victim) = rig();
    let policy = pinned(&victim);
    let (host, told) = start(&rig, &policy, move || write_over(&victim));
    assert_eq!((get(&host, "victim").as_str(), told.as_str()), ("200 victim 1", "nothing"));
    host.stop().wait().unwrap();
}

#[test]
fn a_signed_file_that_vanishes_with_its_signature_changes_nothing() {
    let (rig, signer) = (Rig::bare(), Signer::new());
    let victim = rig.make("victim", "1.0.0", &["requires|plugin|exchanger|^1"]);
    let steady = rig.change("faulty", "libsteady.so", &[("id", "faulty", "steady")]);
    signer.sign(&steady);
    let signature = signer.sign(&victim);
    let policy = signer.required() + "[plugins.steady]\nconfig.threshold = 1\n";
    let (host, told) = start(&rig, &policy, move || {
        std::fs::remove_file(&victim).unwrap();
        std::fs::remove_file(&signature).unwrap();
    });
    assert_eq!((get(&host, "victim").as_str(), told.as_str()), ("200 victim 1", "nothing"));
    host.stop().wait().unwrap();
}

/// Of one that is mapped from disk no copy is kept, so nothing but the file that was looked at will
/// do, in the state in which it was.
#[test]
fn a_file_that_nobody_vouches_for_is_refused_if_anything_becomes_of_it() {
    let deeds: [fn(&Path); 5] = [
        rename_over,
        write_over,
        write_over_in_secret,
        |path| {
            write_over_in_secret(path);
            rename_over(path);
        },
        |path| {
            write_over_in_secret(path);
            std::fs::rename(path, path.with_extension("old")).unwrap();
        },
    ];
    for deed in deeds {
        let (rig, victim) = rig();
        let (host, told) = start(&rig, "", move || deed(&victim));
        assert_eq!(state(&host, "victim"), "failed");
        host.stop().wait().unwrap();
        insta::allow_duplicates! {
            assert_snapshot!(told, @"
            problem: plugin `victim` failed to load: the file that was verified was expected, it was exchanged or changed since
              file: <folder>/plugins/libvictim-1.0.0.so
              help: restart or enable the plugin: its file is then verified anew
            ");
        }
    }
}

#[test]
fn what_was_refused_for_an_exchange_starts_once_the_file_is_whole() {
    let (rig, victim) = rig();
    let whole = std::fs::read(&victim).unwrap();
    let path = victim.clone();
    let (host, _) = start(&rig, "", move || write_over(&path));
    assert_eq!(state(&host, "victim"), "failed");
    std::fs::write(&victim, whole).unwrap();
    host.restart("victim").wait().unwrap();
    assert_eq!(get(&host, "victim"), "200 victim 1");
    host.stop().wait().unwrap();
}

/// For debugging, at a price that the documentation names.
#[test]
fn a_pinned_file_is_loaded_by_its_path_if_the_operator_says_so() {
    let (rig, victim) = rig();
    let policy = format!("[plugins.security]\nload_from = \"path\"\n{}", pinned(&victim));
    let (host, told) = start(&rig, &policy, || {});
    assert_eq!((get(&host, "victim").as_str(), told.as_str()), ("200 victim 1", "nothing"));
    assert!(mapped().contains(&victim.display().to_string()));
    host.stop().wait().unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn a_pinned_file_is_loaded_from_memory() {
    let (rig, victim) = rig();
    let policy = pinned(&victim);
    let (host, _) = start(&rig, &policy, || {});
    assert_eq!(get(&host, "victim"), "200 victim 1");
    assert!(!mapped().contains(&victim.display().to_string()));
    assert!(mapped().contains("/memfd:libvictim-1.0.0.so (deleted)"));
    host.stop().wait().unwrap();
}

/// Two copies would have two of every static.
#[cfg(target_os = "linux")]
#[test]
fn two_instances_of_a_pinned_plugin_share_one_library() {
    let (rig, victim) = rig();
    let policy = pinned(&victim) + "[plugins.twin]\nplugin = \"victim\"\nconfig.threshold = 2\n";
    let before = mapped().matches("/memfd:libvictim-1.0.0.so").count();
    let (host, _) = start(&rig, &policy, || {});
    assert_eq!(get(&host, "victim"), "200 victim 1");
    assert_eq!(get(&host, "twin"), "200 twin 2");
    let one = mapped().matches("/memfd:libvictim-1.0.0.so").count() - before;
    let segments = mapped_segments(&victim);
    assert!(one <= segments, "{one} mappings of {segments} segments");
    host.stop().wait().unwrap();
}

/// What is mapped is never unmapped: to try again must not cost a copy each time.
#[cfg(target_os = "linux")]
#[test]
fn a_pinned_plugin_that_fails_again_and_again_is_mapped_once() {
    let rig = Rig::new();
    // One fails in `initialize`; the other one as soon as it is open, since its manifest lies.
    let retried = rig.make("retried", "1.0.0", &[]);
    let lying = rig.make("lying", "1.0.0", &["abi|1.99.0"]);
    let config = "[plugins.retried]\nconfig.threshold = 1\nconfig.initialize = \"error\"\n\
                  [plugins.lying]\nconfig.threshold = 1\n";
    let config = format!("{config}{}{}", pin("retried", &retried), pin("lying", &lying));
    let (host, _) = rig.start(&config);
    for (id, library) in [("retried", &retried), ("lying", &lying)] {
        for _ in 0..5 {
            host.restart(id).wait().unwrap_err();
        }
        let count = mapped().matches(&format!("/memfd:lib{id}-1.0.0.so")).count();
        let segments = mapped_segments(library);
        assert!((1..=segments).contains(&count), "{id}: {count} mappings of {segments} segments");
    }
    host.stop().wait().unwrap();
}

/// As of one that is mapped from disk.
#[cfg(target_os = "linux")]
#[test]
fn two_hosts_with_the_same_pinned_plugin_share_one_library() {
    let rigs = [Rig::new(), Rig::new()];
    let hosts = rigs.each_ref().map(|rig| {
        let common = rig.make("common", "1.0.0", &[]);
        let pin = pin("common", &common);
        rig.start(&format!("[plugins.common]\nconfig.threshold = 1\n{pin}")).0
    });
    for host in &hosts {
        assert_eq!(get(host, "common"), "200 common 1");
    }
    let count = mapped().matches("/memfd:libcommon-1.0.0.so").count();
    let segments = mapped_segments(&rigs[0].plugin("libcommon-1.0.0.so"));
    assert!((1..=segments).contains(&count), "{count} mappings of {segments} segments");
    hosts.iter().for_each(|host| host.stop().wait().unwrap());
}

/// What is loaded from memory is known by its bytes, not by its file's name.
#[cfg(target_os = "linux")]
#[test]
fn another_pinned_version_is_taken_from_the_same_file_by_a_restart() {
    let rig = Rig::with("faulty");
    let file = rig.plugin("libfaulty.so");
    let newer = rig.change("faulty", "newer", &[("version", "1.2.0", "1.3.0")]);
    let old = pin("faulty", &file).replace("1.0.0", "1.2.0");
    let new = pin("faulty", &newer).replace("1.0.0", "1.3.0");
    let (_, new) = new.split_once('\n').unwrap();
    let (host, _) = rig.start(&format!("[plugins.faulty]\nconfig.threshold = 1\n{old}{new}"));
    std::fs::rename(newer, file).unwrap();
    host.restart("faulty").wait().unwrap();
    assert_eq!(get(&host, "faulty"), "200 faulty 1");
    assert_eq!(host.plugin("faulty").unwrap().version.unwrap().to_string(), "1.3.0");
    host.stop().wait().unwrap();
}

/// What this process has mapped.
fn mapped() -> String {
    std::fs::read_to_string("/proc/self/maps").expect("Linux says so")
}

/// How many mappings one copy of a library has at most: its segments, and one split off.
fn mapped_segments(library: &Path) -> usize {
    use object::Object;
    use object::ObjectSegment;
    let bytes = std::fs::read(library).unwrap();
    let library = object::File::parse(&*bytes).unwrap();
    library.segments().filter(|segment| segment.size() > 0).count() + 1
}

/// More plugins than the process may have files open: they are copied again for loading, and what
/// was exchanged is refused.
#[test]
fn beyond_the_limit_of_descriptors_files_are_copied_again_and_must_be_the_same() {
    if std::env::var_os("HOTSHOE_FEW_DESCRIPTORS").is_none() {
        let status = Command::new("sh")
            .args(["-c", "ulimit -n 40 && exec \"$@\"", "sh"])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture"])
            .arg(
                "verification::exchange::\
                 beyond_the_limit_of_descriptors_files_are_copied_again_and_must_be_the_same",
            )
            .env("HOTSHOE_FEW_DESCRIPTORS", "1")
            .output()
            .expect("a shell");
        let said = String::from_utf8_lossy(&status.stdout).into_owned();
        assert!(status.status.success(), "{said}\n{}", String::from_utf8_lossy(&status.stderr));
        assert!(said.contains("1 passed"), "{said}");
        return;
    }
    let rig = Rig::new();
    let mut policy = String::new();
    // Sorted before the victims: these use the descriptors up.
    for id in (0..20).map(|number| format!("a{number:02}")) {
        let file = rig.make(&id, "1.0.0", &[]);
        policy += &format!("[plugins.{id}]\nconfig.threshold = 1\n{}", pin(&id, &file));
    }
    let whole = rig.make("vwhole", "1.0.0", &["requires|plugin|exchanger|^1"]);
    let victim = rig.make("victim", "1.0.0", &["requires|plugin|exchanger|^1"]);
    policy += &(pinned(&victim) + &pin("vwhole", &whole));
    policy += "[plugins.vwhole]\nconfig.threshold = 1\n";
    let (host, told) = start(&rig, &policy, move || rename_over(&victim));
    for id in ["a00", "a19", "vwhole"] {
        assert_eq!(get(&host, id), format!("200 {id} 1"), "{told}");
    }
    assert_eq!(state(&host, "victim"), "failed", "{told}");
    assert_eq!(told.matches("it was exchanged or changed since").count(), 1, "{told}");
    host.stop().wait().unwrap();
}
