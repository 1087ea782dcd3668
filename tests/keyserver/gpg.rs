//! `gpg` with a home of its own.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use super::server::Server;

pub struct Gpg {
    home: tempfile::TempDir,
}

impl Gpg {
    /// None where GnuPG is not installed, which is said.
    pub fn new() -> Option<Self> {
        if Command::new("gpg").arg("--version").output().is_err() {
            eprintln!("skipped: gpg is not installed (Debian: apt-get install gnupg)");
            return None;
        }
        // The sockets of its agents lie in the home, and their paths must be short.
        let home = tempfile::Builder::new().prefix("gpg").tempdir().expect("a temporary folder");
        Some(Self { home })
    }

    fn run(&self, arguments: &[&str], input: &[u8]) -> Output {
        let mut child = Command::new("gpg")
            .args(["--batch", "--no-tty", "--no-auto-check-trustdb", "--homedir"])
            .arg(self.home.path())
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("gpg starts");
        child.stdin.take().expect("a pipe").write_all(input).expect("gpg reads");
        child.wait_with_output().expect("gpg ends")
    }

    fn succeed(&self, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        let output = self.run(arguments, input);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "gpg {arguments:?}: {said}");
        output.stdout
    }

    pub fn import(&self, key: &[u8]) {
        self.succeed(&["--import"], key);
    }

    pub fn export(&self, fingerprint: &str) -> Vec<u8> {
        self.succeed(&["--export", fingerprint], b"")
    }

    /// Talks to the server; what gpg says. (`--search-keys` ends with 2 in batch mode, where nobody
    /// can choose.)
    pub fn keyserver(&self, server: &Server, arguments: &[&str]) -> String {
        let url = format!("hkp://{}", server.address);
        let output = self.run(&[&["--keyserver", &url], arguments].concat(), b"");
        let said = [&output.stdout[..], &output.stderr[..]].map(String::from_utf8_lossy).concat();
        let search = arguments.contains(&"--search-keys");
        assert!(output.status.success() || search, "gpg {arguments:?}: {said}");
        said
    }

    /// Fingerprints, user ids and signatures of a key, without what each home thinks of them.
    pub fn signatures(&self, fingerprint: &str) -> Vec<Vec<String>> {
        let list = self.succeed(
            &[
                "--with-colons",
                "--with-fingerprint",
                "--fixed-list-mode",
                "--list-sigs",
                fingerprint,
            ],
            b"",
        );
        let mut rows: Vec<Vec<String>> = String::from_utf8_lossy(&list)
            .lines()
            .map(|line| line.split(':').map(ToOwned::to_owned).collect::<Vec<_>>())
            .filter(|row| matches!(row[0].as_str(), "pub" | "sub" | "uid" | "sig" | "rev" | "fpr"))
            .map(|mut row| {
                // Validity, owner trust, and when and from where it was fetched.
                for field in [1, 8, 18, 19] {
                    if let Some(field) = row.get_mut(field) {
                        field.clear();
                    }
                }
                row
            })
            .collect();
        rows.sort();
        rows
    }
}

impl Drop for Gpg {
    fn drop(&mut self) {
        let _ = Command::new("gpgconf")
            .arg("--homedir")
            .arg(self.home.path())
            .args(["--kill", "all"])
            .status();
    }
}
