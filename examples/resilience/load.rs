//! The clients: threads with a connection each, which ask for one path at a steady beat.
//!
//! They are threads with blocking sockets and no part of the server's runtime, so that a server that
//! stalls does not stall those who measure it.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// From one request of a client to the next, unless its answer takes longer. It is so long that a debug
/// build on a small machine is not busy with serving alone.
const BEAT: Duration = Duration::from_millis(50);
/// A request without an answer after so long has none. No policy of this example allows as much.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the clients of one path saw.
#[derive(Default)]
pub struct Seen {
    /// Requests that were sent.
    pub sent: u64,
    /// How long the answers took, by status.
    pub answers: BTreeMap<u16, Vec<Duration>>,
    /// What was not the one answer to a request.
    pub astray: Vec<String>,
    /// How long after each beat there was an answer. If one takes longer than a beat, those that were
    /// passed over count as well: somebody would have waited then, too.
    pub delays: Vec<Duration>,
}

/// Clients under way.
pub struct Crowd {
    clients: Vec<(&'static str, JoinHandle<Seen>)>,
}

impl Crowd {
    /// So many clients ask each of these servers for the path of that name, for so long.
    pub fn start(paths: &[(&'static str, SocketAddr, u32)], time: Duration) -> Self {
        let begin = Instant::now();
        let client = |path: &'static str, server, number, of| {
            // Not all at the same moment.
            let first = begin + BEAT * number / of;
            let name = format!("{path}-{number}");
            (path, thread::spawn(move || ask(server, path, &name, first, begin + time)))
        };
        let each = paths.iter().flat_map(|(path, server, clients)| {
            (0..*clients).map(move |number| client(path, *server, number, *clients))
        });
        Self { clients: each.collect() }
    }

    /// Waits for the end; what was seen, by path.
    pub fn join(self) -> BTreeMap<&'static str, Seen> {
        let mut seen: BTreeMap<_, Seen> = BTreeMap::new();
        for (path, thread) in self.clients {
            seen.entry(path).or_default().add(thread.join().expect("a client does not panic"));
        }
        seen
    }
}

impl Seen {
    fn add(&mut self, other: Self) {
        self.sent += other.sent;
        for (status, times) in other.answers {
            self.answers.entry(status).or_default().extend(times);
        }
        self.astray.extend(other.astray);
        self.delays.extend(other.delays);
    }

    /// Answers with any status.
    pub fn answered(&self) -> u64 {
        self.answers.values().map(|times| times.len() as u64).sum()
    }

    /// How long all answers took.
    pub fn times(&self) -> impl Iterator<Item = Duration> {
        self.answers.values().flatten().copied()
    }
}

/// One client. It sends no request after `end`, and waits for the answer to the last one.
fn ask(server: SocketAddr, path: &str, name: &str, first: Instant, end: Instant) -> Seen {
    let mut seen = Seen::default();
    let mut connection = None;
    let mut due = first;
    while due < end {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let id = format!("{name}-{}", seen.sent);
        let sent = Instant::now();
        seen.sent += 1;
        match answer(&mut connection, server, path, &id) {
            Ok(status) => seen.answers.entry(status).or_default().push(sent.elapsed()),
            Err(error) => {
                seen.astray.push(format!("{id}: {error}"));
                connection = None;
            }
        }
        let now = Instant::now();
        while due <= now {
            seen.delays.push(now - due);
            due += BEAT;
        }
    }
    if let Some(surplus) = connection.and_then(Connection::surplus) {
        seen.astray.push(format!("{name}: {surplus}"));
    }
    seen
}

fn answer(
    connection: &mut Option<Connection>,
    server: SocketAddr,
    path: &str,
    id: &str,
) -> io::Result<u16> {
    let connection = match connection {
        Some(connection) => connection,
        none => none.insert(Connection::open(server)?),
    };
    connection.ask(path, id)
}

/// As much of HTTP/1.1 as this service speaks: answers with a length, on a connection that is kept.
struct Connection(BufReader<TcpStream>);

impl Connection {
    fn open(server: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(server)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self(BufReader::new(stream)))
    }

    /// The status of the answer to this request, and to no other.
    fn ask(&mut self, path: &str, id: &str) -> io::Result<u16> {
        let request =
            format!("GET /{path} HTTP/1.1\r\nhost: localhost\r\nx-request-id: {id}\r\n\r\n");
        self.0.get_mut().write_all(request.as_bytes())?;
        let first = self.line()?;
        let status = first.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| wrong(format!("a status was expected: {first}")))?;
        let (mut length, mut answered) = (None, String::new());
        loop {
            let line = self.line()?;
            match line.split_once(": ") {
                Some(("content-length", value)) => length = value.parse().ok(),
                Some(("x-request-id", value)) => answered = value.to_owned(),
                None if line.is_empty() => break,
                _ => {}
            }
        }
        let length = length.ok_or_else(|| wrong("an answer with a length was expected".into()))?;
        io::copy(&mut self.0.by_ref().take(length), &mut io::sink())?;
        if answered == id { Ok(status) } else { Err(wrong(format!("an answer to `{answered}`"))) }
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        match self.0.read_line(&mut line)? {
            0 => Err(wrong("the connection was closed".into())),
            _ => Ok(line.trim_end().to_owned()),
        }
    }

    /// What came without having been asked for.
    fn surplus(mut self) -> Option<String> {
        self.0.get_mut().set_nonblocking(true).ok()?;
        match self.0.fill_buf() {
            Ok([]) | Err(_) => None,
            Ok(more) => Some(format!("a second answer of at least {} bytes", more.len())),
        }
    }
}

fn wrong(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
