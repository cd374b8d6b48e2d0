//! An open-loop load generator: requests at a fixed rate, each with a time at which it is due.
//!
//! A latency is measured from the due time, and not from the time at which the request was sent. So a server
//! that stalls is charged for the requests that it has held up, and the percentiles are free of coordinated
//! omission. wrk has no fixed rate. h2load measures from the sending of a request. oha has neither names of
//! accounts that are never used again, nor timers finer than a millisecond, which is more than the latencies
//! of a cache on the loopback. Here each connection has a thread that sleeps until its next request is due.

use crate::latencies::Latencies;
use anyhow::{Context, bail, ensure};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::num::NonZeroU64;
use std::thread;
use std::time::{Duration, Instant};

/// The longest wait for a response.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The number of headers of a response for which there is room.
const HEADERS: usize = 64;

/// The account id and the bearer token of the request with this number. Numbers begin with 0.
pub type Requests<'a> = &'a (dyn Fn(u64) -> (String, String) + Sync);

/// Load at a fixed rate.
#[derive(Clone, Copy)]
pub struct OpenLoop<'a> {
    /// The server's address.
    pub server: SocketAddr,
    /// The requests per second, over all connections.
    pub rate: f64,
    /// The number of connections. A request that is due waits for the response to the last request of its
    /// connection, and the wait is a part of its latency.
    pub connections: u64,
    /// The duration.
    pub duration: Duration,
    /// The requests.
    pub requests: Requests<'a>,
}

/// The outcome of load at a fixed rate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenOutcome {
    /// The number of responses with status 200.
    pub answered: u64,
    /// The number of responses with another status.
    pub refused: u64,
    /// The number of requests without a response.
    pub failed: u64,
    /// The number of requests that were due and could not be sent, because the server was behind at the end.
    pub unsent: u64,
    /// The latencies of the responses.
    pub latencies: Latencies,
}

impl OpenOutcome {
    fn add(&mut self, other: &Self) {
        self.answered += other.answered;
        self.refused += other.refused;
        self.failed += other.failed;
        self.unsent += other.unsent;
        self.latencies.add(&other.latencies);
    }
}

impl OpenLoop<'_> {
    /// Sends the requests. Blocks until the duration is over and the last response is there.
    ///
    /// # Errors
    ///
    /// A thread can't be started.
    pub fn run(&self) -> anyhow::Result<OpenOutcome> {
        // All connections are open before the first request is due.
        let start = Instant::now() + Duration::from_millis(100);
        thread::scope(|scope| {
            let spawn = |connection| {
                thread::Builder::new()
                    .stack_size(256 << 10)
                    .spawn_scoped(scope, move || self.connection(start, connection))
            };
            let threads: Vec<_> = (0..self.connections).map(spawn).collect::<Result<_, _>>()?;
            let mut outcome = OpenOutcome::default();
            for thread in threads {
                outcome.add(&thread.join().map_err(|_| anyhow::anyhow!("a thread of the load panicked"))?);
            }
            Ok(outcome)
        })
    }

    /// Sends every request whose number is `connection` modulo the number of connections.
    fn connection(&self, start: Instant, connection: u64) -> OpenOutcome {
        // By default the system may wake a thread 50 microseconds late.
        _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
        let mut outcome = OpenOutcome::default();
        let mut stream = Connection::open(self.server).ok();
        let end = start + self.duration;
        let mut number = connection;
        loop {
            let due = start + Duration::from_secs_f64(number as f64 / self.rate);
            if due >= end {
                return outcome;
            }
            let now = Instant::now();
            if now >= end {
                outcome.unsent += 1;
            } else {
                thread::sleep(due.saturating_duration_since(now));
                let (account, token) = (self.requests)(number);
                if stream.is_none() {
                    stream = Connection::open(self.server).ok();
                }
                match stream.as_mut().map(|stream| stream.get(&account, &token)) {
                    Some(Ok(status)) => {
                        let latency = due.elapsed().as_micros();
                        outcome.latencies.record(u64::try_from(latency).unwrap_or(u64::MAX));
                        if status == 200 { outcome.answered += 1 } else { outcome.refused += 1 }
                    }
                    Some(Err(_)) | None => {
                        outcome.failed += 1;
                        stream = None;
                    }
                }
            }
            number += self.connections;
        }
    }
}

/// A connection of HTTP/1.1.
struct Connection {
    stream: TcpStream,
    server: SocketAddr,
    buffer: Vec<u8>,
}

impl Connection {
    fn open(server: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect_timeout(&server, TIMEOUT)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        Ok(Self { stream, server, buffer: Vec::with_capacity(4096) })
    }

    /// Sends a request, reads the whole response and returns its status.
    fn get(&mut self, account: &str, token: &str) -> anyhow::Result<u16> {
        let path = format!("/v1/accounts/apn_{account}/credentials");
        let headers = format!("host: {}\r\nauthorization: Bearer {token}", self.server);
        self.stream.write_all(format!("GET {path} HTTP/1.1\r\n{headers}\r\n\r\n").as_bytes())?;
        self.buffer.clear();
        let (status, length) = loop {
            if let Some(head) = head(&self.buffer)? {
                break head;
            }
            self.receive()?;
        };
        while self.buffer.len() < length {
            self.receive()?;
        }
        ensure!(self.buffer.len() == length, "the response is longer than its head says");
        Ok(status)
    }

    fn receive(&mut self) -> anyhow::Result<()> {
        let mut bytes = [0; 16 << 10];
        let count = self.stream.read(&mut bytes)?;
        ensure!(count > 0, "the server has closed the connection");
        self.buffer.extend_from_slice(bytes.get(..count).unwrap_or_default());
        Ok(())
    }
}

/// The status and the length of a response, head and body. `None` while the head is not complete.
fn head(bytes: &[u8]) -> anyhow::Result<Option<(u16, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(length) = response.parse(bytes)? else { return Ok(None) };
    let status = response.code.context("the response has no status")?;
    let mut body = None;
    for header in response.headers.iter() {
        if header.name.eq_ignore_ascii_case("content-length") {
            body = Some(std::str::from_utf8(header.value)?.trim().parse::<usize>()?);
        }
    }
    let Some(body) = body else { bail!("the response has no content-length") };
    Ok(Some((status, length + body)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_tells_the_status_and_the_length() {
        let text = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe";
        let length = text.len() + 3;
        assert_eq!(head(text).expect("it is a head"), Some((200, length)));
        assert_eq!(head(&text[..20]).expect("it is the beginning of one"), None);
        assert!(head(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
        assert!(head(b"SMTP\r\n\r\n").is_err());
    }
}
