//! The example keyserver as a process of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

pub struct Server {
    process: Child,
    pub address: String,
    /// Gone with the server.
    _data: Option<tempfile::TempDir>,
    plugins: tempfile::TempDir,
}

#[derive(Debug)]
pub struct Outcome {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

pub struct Answer {
    pub status: u16,
    head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().filter_map(|line| line.split_once(": "));
        fields.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

fn profile() -> PathBuf {
    let test = std::env::current_exe().expect("a test has an executable");
    test.ancestors().nth(2).expect("it lies in target/<profile>/deps").to_owned()
}

fn program() -> Command {
    let path = profile().join("examples").join("keyserver");
    assert!(path.is_file(), "{} was not built: run `cargo test --workspace`", path.display());
    let mut command = Command::new(path);
    command.env("RUST_LOG", "warn").env("NO_COLOR", "1");
    command
}

impl Server {
    /// The plugins that Cargo built, in a new directory.
    pub fn plugins() -> tempfile::TempDir {
        let directory = tempfile::tempdir().expect("a temporary folder");
        for name in [
            "access_log",
            "hkp",
            "keydb",
            "keyserver_stats",
            "ratelimit",
            "storage_memory",
            "storage_sqlite",
        ] {
            let file = format!("lib{name}.so");
            std::fs::copy(profile().join("deps").join(&file), directory.path().join(&file))
                .expect("the plugin was built");
        }
        directory
    }

    pub fn start(arguments: &[&str]) -> Self {
        let data = tempfile::tempdir().expect("a temporary folder");
        let mut server = Self::start_in(data.path(), arguments);
        server._data = Some(data);
        server
    }

    pub fn start_in(data: &Path, arguments: &[&str]) -> Self {
        let plugins = Self::plugins();
        let mut command = program();
        command.args(["--listen", "127.0.0.1:0", "--data"]).arg(data).args(arguments);
        if !arguments.contains(&"--linked") {
            command.arg("--plugins").arg(plugins.path());
        }
        let mut process = command.stdout(Stdio::piped()).spawn().expect("the server starts");
        let mut lines = BufReader::new(process.stdout.take().expect("a pipe")).lines();
        let mut said = Vec::new();
        let address = loop {
            let Some(Ok(line)) = lines.next() else { panic!("it does not serve: {said:#?}") };
            if let Some(rest) = line.strip_prefix("serving on http://") {
                break rest.split(',').next().expect("an address").to_owned();
            }
            said.push(line);
        };
        // What it prints later goes nowhere, but has to be read.
        std::thread::spawn(move || lines.for_each(drop));
        Self { process, address, _data: None, plugins }
    }

    /// Runs it with `--check`.
    pub fn check(arguments: &[&str]) -> Outcome {
        let data = tempfile::tempdir().expect("a temporary folder");
        let own = Self::plugins();
        let mut command = program();
        command.args(["--check", "--data"]).arg(data.path()).args(arguments);
        if !arguments.contains(&"--plugins") {
            command.arg("--plugins").arg(own.path());
        }
        let output = command.output().expect("the server starts");
        let [stdout, stderr] = [output.stdout, output.stderr]
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        Outcome { status: output.status, stdout, stderr }
    }

    pub fn get(&self, path: &str) -> Answer {
        self.request(format!("GET {path} HTTP/1.0\r\nhost: {}\r\n\r\n", self.address).as_bytes())
    }

    /// As what a proxy in front of the server says of a client.
    pub fn get_as(&self, path: &str, client: &str) -> Answer {
        let host = &self.address;
        let request =
            format!("GET {path} HTTP/1.0\r\nhost: {host}\r\nx-forwarded-for: {client}\r\n\r\n");
        self.request(request.as_bytes())
    }

    pub fn post(&self, path: &str, content_type: &str, body: &[u8]) -> Answer {
        let mut request = format!(
            "POST {path} HTTP/1.0\r\nhost: {}\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n\r\n",
            self.address,
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        self.request(&request)
    }

    fn request(&self, request: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(&self.address).expect("the server listens");
        stream.write_all(request).expect("the server reads");
        let mut all = Vec::new();
        stream.read_to_end(&mut all).expect("the server answers");
        let end = all.windows(4).position(|at| at == b"\r\n\r\n").expect("a head and a body");
        let head = String::from_utf8_lossy(&all[..end]).into_owned();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        Answer { status: status.expect("a status"), head, body: all.split_off(end + 4) }
    }

    /// The file of one of its plugins.
    pub fn plugin(&self, name: &str) -> PathBuf {
        self.plugins.path().join(format!("lib{name}.so"))
    }

    /// Ends it as an operator would.
    pub fn stop(mut self) {
        let id = self.process.id().to_string();
        let sent = Command::new("kill").args(["-INT", &id]).status().expect("kill runs");
        assert!(sent.success());
        let status = self.process.wait().expect("it ends");
        assert!(status.success(), "{status}");
    }

    /// Ends it as a power failure would.
    pub fn kill(mut self) {
        self.process.kill().expect("it is killed");
        self.process.wait().expect("it is gone");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
