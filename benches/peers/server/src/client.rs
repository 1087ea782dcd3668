//! Requests over a few connections that stay open.

use std::io::{Read, Write};
use std::net::TcpStream;

use anyhow::Context;

const REQUEST: &[u8] = b"GET /hello HTTP/1.1\r\n\
    host: 127.0.0.1\r\n\
    user-agent: peers/1.0\r\n\
    accept: text/plain\r\n\
    authorization: Bearer 0123456789abcdef\r\n\
    x-forwarded-for: 192.0.2.17\r\n\
    origin: https://app.example.org\r\n\
    sec-fetch-site: cross-site\r\n\r\n";

/// Sends a request on each connection, then reads the answers, and so on. The server always has some to do, so
/// that what it takes is not that of falling asleep. The last answer is waited for first: then all the others
/// are there, and the server wakes this client once for all of them, however fast it is.
pub(super) struct Client {
    connections: Vec<TcpStream>,
    buffer: Vec<u8>,
    /// What each answer ends with.
    greeting: &'static str,
}

impl Client {
    pub(super) fn new(
        port: u16,
        connections: usize,
        greeting: &'static str,
    ) -> anyhow::Result<Self> {
        let connect = || {
            let connection = TcpStream::connect(("127.0.0.1", port))?;
            connection.set_nodelay(true)?;
            anyhow::Ok(connection)
        };
        let connections = (0..connections).map(|_| connect()).collect::<anyhow::Result<_>>()?;
        Ok(Self { connections, buffer: vec![0; 4096], greeting })
    }

    /// At least so many requests.
    pub(super) fn run(&mut self, requests: u64) -> anyhow::Result<u64> {
        let mut done = 0;
        while done < requests {
            for connection in &mut self.connections {
                connection.write_all(REQUEST)?;
            }
            for at in (0..self.connections.len()).rev() {
                let length = self.read(at)?;
                let answer = &self.buffer[..length];
                anyhow::ensure!(
                    answer.starts_with(b"HTTP/1.1 200 ")
                        && answer.ends_with(self.greeting.as_bytes()),
                    "an answer was expected, found {}",
                    String::from_utf8_lossy(answer)
                );
                done += 1;
            }
        }
        Ok(done)
    }

    /// One answer to any request, whole.
    pub(super) fn ask(&mut self, request: &[u8]) -> anyhow::Result<String> {
        self.connections[0].write_all(request)?;
        let length = self.read(0)?;
        Ok(String::from_utf8(self.buffer[..length].to_vec())?)
    }

    pub(super) fn usual(&mut self) -> anyhow::Result<String> {
        self.ask(REQUEST)
    }

    /// Reads one answer, whose body ends with the only line's end.
    fn read(&mut self, at: usize) -> anyhow::Result<usize> {
        let mut length = 0;
        loop {
            let more = self.connections[at].read(&mut self.buffer[length..])?;
            anyhow::ensure!(more > 0, "the server closed a connection, or its answer is too long");
            length += more;
            let answer = &self.buffer[..length];
            let end = find(answer, b"\r\n\r\n").map(|head| head + 4);
            if end.is_some_and(|end| answer[end..].ends_with(b"\n")) {
                return Ok(length);
            }
        }
    }
}

fn find(all: &[u8], part: &[u8]) -> Option<usize> {
    all.windows(part.len()).position(|window| window == part)
}

/// Names and values of an answer's headers, sorted; those that differ from request to request without
/// their values.
pub(super) fn headers(answer: &str) -> anyhow::Result<Vec<String>> {
    let (head, _) = answer.split_once("\r\n\r\n").context("a head was expected")?;
    let mut headers: Vec<String> = head
        .lines()
        .skip(1)
        .map(|line| match line.split_once(": ") {
            Some((
                name @ ("date" | "x-request-id" | "server-timing" | "ratelimit-remaining"),
                _,
            )) => name.to_owned(),
            _ => line.to_owned(),
        })
        .collect();
    headers.sort();
    Ok(headers)
}
