//! Files that are no plugins, are damaged, or are not for this machine.

use insta::assert_snapshot;

use crate::support;
use crate::support::rig::{Rig, get};

const FAULTY: &str = "[plugins.faulty]\nconfig.threshold = 1";

#[test]
fn an_empty_directory_is_no_problem() {
    let rig = Rig::bare();
    let (host, report) = rig.start("");
    assert_snapshot!(rig.told(&report), @"nothing");
    assert!(report.is_complete());
    host.stop().wait().unwrap();
}

#[test]
fn a_missing_directory_is_named() {
    let rig = Rig::bare();
    std::fs::remove_dir(rig.path("plugins")).unwrap();
    let (host, report) = rig.start("");
    assert_snapshot!(rig.told(&report), @r"
    problem: the plugin directory cannot be read
      because: No such file or directory (os error 2)
      file: <folder>/plugins
      help: create it, or correct `[plugins] directory`
    ");
    assert!(!report.is_complete());
    host.stop().wait().unwrap();
}

#[test]
fn a_missing_directory_does_not_hide_another() {
    let rig = Rig::new();
    std::fs::rename(rig.path("plugins"), rig.path("more")).unwrap();
    let mut config = rig.config("");
    config.plugins.directories.push(rig.path("more"));
    let host = hotshoe::PluginHost::builder().config(config).build().unwrap();
    let report = host.start().wait().unwrap();
    assert_eq!(get(&host, "steady"), "200 steady 1");
    assert_snapshot!(rig.told(&report), @r"
    problem: the plugin directory cannot be read
      because: No such file or directory (os error 2)
      file: <folder>/plugins
      help: create it, or correct `[plugins] directory`
    ");
    host.stop().wait().unwrap();
}

#[test]
fn a_text_file_is_ignored() {
    let rig = Rig::new();
    rig.write("libnotes.so", "To do: write a plugin.\n");
    rig.write("README.md", "Files that do not end in .so are not even looked at.\n");
    assert_snapshot!(rig.outcome(""), @"ignored: <folder>/plugins/libnotes.so: it is no ELF library");
}

#[test]
fn an_empty_file_is_ignored() {
    let rig = Rig::new();
    rig.write("libempty.so", "");
    assert_snapshot!(rig.outcome(""), @"ignored: <folder>/plugins/libempty.so: it is no ELF library");
}

#[test]
fn a_folder_with_the_name_of_a_library_is_ignored() {
    let rig = Rig::new();
    std::fs::create_dir(rig.plugin("libfolder.so")).unwrap();
    assert_snapshot!(rig.outcome(""), @"ignored: <folder>/plugins/libfolder.so: it is no regular file");
}

/// Opening one would wait for a writer.
#[test]
fn a_named_pipe_is_ignored() {
    let rig = Rig::new();
    let made = std::process::Command::new("mkfifo").arg(rig.plugin("libpipe.so")).status();
    assert!(made.expect("mkfifo runs").success());
    assert_snapshot!(rig.outcome(""), @"ignored: <folder>/plugins/libpipe.so: it is no regular file");
}

#[test]
fn a_socket_is_ignored() {
    let rig = Rig::new();
    let _socket = std::os::unix::net::UnixListener::bind(rig.plugin("libsocket.so")).unwrap();
    assert_snapshot!(rig.outcome(""), @"ignored: <folder>/plugins/libsocket.so: it is no regular file");
}

#[test]
fn a_link_that_leads_nowhere_is_named() {
    let rig = Rig::new();
    std::os::unix::fs::symlink(rig.path("gone.so"), rig.plugin("liblink.so")).unwrap();
    assert_snapshot!(rig.outcome(""), @r"
    problem: the file cannot be opened
      because: No such file or directory (os error 2)
      file: <folder>/plugins/liblink.so
      help: correct or remove the link
    ");
}

#[test]
fn an_unrelated_library_is_ignored() {
    let rig = Rig::new();
    std::fs::copy(a_library_of_the_system(), rig.plugin("libsystem.so")).unwrap();
    assert_snapshot!(rig.outcome(""), @"ignored: <folder>/plugins/libsystem.so: it is a library without a hotshoe manifest (section .hotshoe)");
}

#[test]
fn a_program_is_ignored() {
    let rig = Rig::new();
    let mut header = header();
    header[16] = 2; // e_type: ET_EXEC
    rig.write("libprogram.so", header);
    assert_snapshot!(rig.outcome(""), @"ignored: <folder>/plugins/libprogram.so: it is an ELF file, but no shared library");
}

/// A download that broke off, wherever it did: whether it lost its last byte, its debug symbols
/// or nearly everything.
#[test]
fn a_truncated_plugin_is_refused_whatever_its_length() {
    let whole = std::fs::read(support::library("faulty")).unwrap();
    let lengths =
        [5, 40, 100, 4096, whole.len() / 2, whole.len() - 5000, whole.len() - 64, whole.len() - 1];
    let mut told = Vec::new();
    for length in lengths {
        let rig = Rig::new();
        rig.write("libfaulty.so", &whole[..length]);
        let outcome = rig.outcome("");
        assert!(outcome.contains("libfaulty.so"), "{length}: {outcome}");
        told.push(outcome);
    }
    told.dedup();
    assert_snapshot!(told.join("\n---\n"), @r"
    problem: a whole library was expected, the file ends after _ bytes
      file: <folder>/plugins/libfaulty.so
      help: copy or build the file again
    ---
    problem: a whole library was expected, this one of _ bytes is damaged or cut off
      because: Invalid ELF header size or alignment
      file: <folder>/plugins/libfaulty.so
      help: copy or build the file again
    ---
    problem: a whole library was expected, this one of _ bytes is damaged or cut off
      because: Invalid ELF program header size or alignment
      file: <folder>/plugins/libfaulty.so
      help: copy or build the file again
    ---
    problem: a whole library was expected, this one of _ bytes is damaged or cut off
      because: Invalid ELF section header offset/size/alignment
      file: <folder>/plugins/libfaulty.so
      help: copy or build the file again
    ");
}

#[test]
fn a_plugin_with_a_hole_in_its_code_is_refused_or_ignored() {
    // Whoever extends a file by seeking leaves zeroes.
    let rig = Rig::new();
    rig.write("libzero.so", vec![0; 8192]);
    assert_snapshot!(rig.outcome(""), @"ignored: <folder>/plugins/libzero.so: it is no ELF library");
}

#[test]
fn a_plugin_for_another_machine_is_refused() {
    let rig = Rig::new();
    let mut bytes = std::fs::read(support::library("faulty")).unwrap();
    bytes[18..20].copy_from_slice(&22u16.to_le_bytes()); // e_machine: s390x
    rig.write("libfaulty.so", bytes);
    assert_snapshot!(rig.outcome(""), @r"
    problem: a library for <arch> was expected, this one is for s390x
      file: <folder>/plugins/libfaulty.so
      help: build the plugin for <arch>-unknown-linux-gnu
    ");
}

#[test]
fn a_plugin_of_32_bit_is_refused() {
    let rig = Rig::new();
    let mut bytes = std::fs::read(support::library("faulty")).unwrap();
    bytes[4] = 1; // EI_CLASS: ELFCLASS32
    rig.write("libfaulty.so", bytes);
    assert_snapshot!(rig.outcome(""), @r"
    problem: a library for <arch> was expected, this one is for <arch> (32 bit)
      file: <folder>/plugins/libfaulty.so
      help: build the plugin for <arch>-unknown-linux-gnu
    ");
}

#[test]
fn a_plugin_of_the_other_byte_order_is_refused() {
    let rig = Rig::new();
    let mut bytes = std::fs::read(support::library("faulty")).unwrap();
    bytes[5] ^= 3; // EI_DATA: 1 or 2
    bytes[18..20].reverse();
    rig.write("libfaulty.so", bytes);
    assert_snapshot!(rig.outcome(""), @r"
    problem: a library for <arch> was expected, this one is for <arch> in the other byte order
      file: <folder>/plugins/libfaulty.so
      help: build the plugin for <arch>-unknown-linux-gnu
    ");
}

#[test]
fn a_plugin_for_another_target_of_the_same_machine_is_refused() {
    let rig = Rig::new();
    rig.make("musl", "1.0.0", &["target|sparc-sun-solaris"]);
    assert_snapshot!(rig.outcome(""), @r"
    problem: plugin `musl` failed to verify: target <arch>-unknown-linux-gnu was expected, found sparc-sun-solaris
      file: <folder>/plugins/libmusl-1.0.0.so
      help: build the plugin for the host's target
    ");
}

#[test]
fn a_plugin_of_another_abi_is_refused() {
    let rig = Rig::new();
    rig.make("ancient", "1.0.0", &["abi|0.0.1"]);
    assert_snapshot!(rig.outcome("[plugins.ancient]\nconfig.threshold = 1"), @r"
    problem: plugin `ancient` failed to verify: hotshoe-abi 1 was expected, the plugin was built with 0.0.1
      file: <folder>/plugins/libancient-1.0.0.so
      help: rebuild the plugin with the version of hotshoe that the host uses
    ");
}

#[test]
fn a_plugin_whose_panics_abort_is_refused() {
    let rig = Rig::new();
    rig.make("abrupt", "1.0.0", &["panic|false"]);
    assert_snapshot!(rig.outcome(""), @r#"
    problem: plugin `abrupt` failed to verify: a plugin whose panics unwind was expected, this one was built with panic = "abort": its first panic would end the host
      file: <folder>/plugins/libabrupt-1.0.0.so
      help: build it with panic = "unwind" (the default)
    "#);
}

#[test]
fn a_plugin_without_its_symbol_is_refused() {
    let rig = Rig::new();
    rig.make("odd", "1.0.0", &["symbol|hotshoe_plugin_other"]);
    assert_snapshot!(rig.outcome("[plugins.odd]\nconfig.threshold = 1"), @r"
    problem: plugin `odd` failed to verify: the symbol `hotshoe_plugin_other` was expected in the library, it is not there
      file: <folder>/plugins/libodd-1.0.0.so
      help: the library was stripped of its symbols or linked oddly: build it again
    ");
}

#[test]
fn a_manifest_with_an_impossible_version_is_refused() {
    let rig = Rig::new();
    rig.make("vague", "latest", &[]);
    assert_snapshot!(rig.outcome(""), @r"
    problem: `latest` was given as the version of the plugin, which is no version
      because: unexpected character 'l' while parsing major version number
      file: <folder>/plugins/libvague-latest.so
      help: versions are of the form 1.2.3
    ");
}

#[test]
fn a_manifest_with_an_id_that_is_a_path_is_refused() {
    let rig = Rig::new();
    let file = rig.make("plain", "1.0.0", &["id|../../etc"]);
    assert!(file.is_file());
    assert_snapshot!(rig.outcome(""), @r"
    problem: `../../etc` is no id: up to 64 letters, digits, `-`, `_` and `.` were expected, not beginning with `.`
      file: <folder>/plugins/libplain-1.0.0.so
      help: build the plugin with hotshoe's `export_plugin!` and a current hotshoe
    ");
}

#[test]
fn a_file_without_read_permission_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let rig = Rig::new();
    let file = rig.add("faulty");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o000)).unwrap();
    if std::fs::File::open(&file).is_ok() {
        eprintln!("skipped: this user (root?) may read every file");
        return;
    }
    assert_snapshot!(rig.outcome(FAULTY), @r"
    problem: the file cannot be opened
      because: Permission denied (os error 13)
      file: <folder>/plugins/libfaulty.so
      help: the host's user needs the right to read it
    problem: `faulty` is an instance of plugin `faulty`, which is not there.
      help: put its library into a plugin directory (or name it in `linked`, if it is compiled in), correct its id, or disable `faulty`.
    ");
}

#[test]
fn one_version_in_two_files_is_refused_in_both() {
    let rig = Rig::with("faulty");
    rig.change("faulty", "libfaulty-copy.so", &[("version", "1.2.0", "1.2.0")]);
    assert_snapshot!(rig.outcome(FAULTY), @r"
    problem: plugin `faulty` failed to discover: one file for version 1.2.0 was expected, there are 2; also <folder>/plugins/libfaulty.so
      file: <folder>/plugins/libfaulty-copy.so
      help: keep one of them; to run it twice, name two instances in the configuration
    ");
}

#[test]
fn one_version_in_three_files_of_two_directories_is_refused_in_all() {
    let rig = Rig::with("faulty");
    let other = rig.change("faulty", "libfaulty-copy.so", &[]);
    std::fs::create_dir(rig.path("more")).unwrap();
    std::fs::copy(other, rig.path("more/libfaulty.so")).unwrap();
    let mut config = rig.config(FAULTY);
    config.plugins.directories.push(rig.path("more"));
    let host = hotshoe::PluginHost::builder().config(config).build().unwrap();
    let report = host.start().wait().unwrap();
    assert_snapshot!(rig.told(&report), @r"
    problem: plugin `faulty` failed to discover: one file for version 1.2.0 was expected, there are 3; also <folder>/plugins/libfaulty.so, <folder>/more/libfaulty.so
      file: <folder>/plugins/libfaulty-copy.so
      help: keep one of them; to run it twice, name two instances in the configuration
    ");
    host.stop().wait().unwrap();
}

/// One that is certainly no plugin, and certainly there: this very test uses it.
fn a_library_of_the_system() -> String {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let libc = maps.lines().filter_map(|line| line.split_whitespace().nth(5));
    libc.filter(|path| path.contains("libc")).map(str::to_owned).next().expect("a C library")
}

/// The first bytes of a library.
fn header() -> Vec<u8> {
    let mut bytes = std::fs::read(support::library("faulty")).unwrap();
    bytes.truncate(64);
    // No tables: nothing lies behind the header.
    bytes[32..48].fill(0); // e_phoff, e_shoff
    bytes[56..58].fill(0); // e_phnum
    bytes[60..64].fill(0); // e_shnum, e_shstrndx
    bytes
}
