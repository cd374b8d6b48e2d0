//! `wasmtime serve` with the broker, started by the command that the README shows.

use crate::client::{Answer, get, send};
use crate::support::installed;
use crate::wasmtime_program::wasmtime;
use host_test::{Flavour, LocalUpstream};
use std::io::{BufRead, BufReader, sink};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

const README: &str = include_str!("../../README.md");

const PATH: &str = "/v1/accounts/apn_EOhwvQr/credentials";

/// A running `wasmtime serve`. It ends when it is dropped.
struct Server {
    process: Child,
    address: SocketAddr,
}

impl Drop for Server {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

/// The words of the README's command, as a shell gives them to the program. It quotes nothing.
fn command() -> Vec<&'static str> {
    let (_, rest) = README.split_once("$ wasmtime serve ").expect("the README has a command");
    let text = rest.split_once("\n```").expect("the block ends").0;
    assert!(!text.contains(['\'', '"', '$', '*', '#']), "{text}");
    text.split_whitespace().filter(|word| *word != "\\").collect()
}

/// Runs the README's command on a free port and with another upstream.
fn serve(program: &Path, upstream: &LocalUpstream) -> Server {
    let mut words = command();
    assert_eq!(words.pop(), Some("target/components/credwell-broker.wasm"));
    let address =
        words.iter_mut().find(|word| **word == "127.0.0.1:8080").expect("the command names an address");
    *address = "127.0.0.1:0";
    let mut process = Command::new(program)
        .arg("serve")
        .args(words)
        .arg(format!("-Sconfig-var=credwell_base_url={}", upstream.base_url()))
        .arg(Flavour::Wasmtime.broker_path())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut errors = BufReader::new(process.stderr.take().expect("the standard error is piped"));
    let mut said = String::new();
    let address = loop {
        let line = said.len();
        if errors.read_line(&mut said).expect("the program writes text") == 0 {
            panic!("wasmtime has ended: {said}");
        }
        let line = said[line..].trim().strip_prefix("Serving HTTP on http://");
        if let Some(address) = line.and_then(|line| line.strip_suffix('/')) {
            break address.parse().expect("an address");
        }
    };
    // A full pipe would stop the program.
    std::thread::spawn(move || std::io::copy(&mut errors, &mut sink()));
    Server { process, address }
}

/// The value of a header.
fn header<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    answer.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

/// The name at the end of a problem document's type.
fn problem(answer: &Answer) -> String {
    assert_eq!(header(answer, "content-type"), Some("application/problem+json"), "{}", answer.head);
    let document: serde_json::Value = serde_json::from_str(&answer.body).expect("a problem document is JSON");
    let kind = document["type"].as_str().expect("a type");
    kind.strip_prefix("urn:credwell:problem:").expect("a type of Credwell's").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_goes_upstream_since_the_store_lives_for_one() {
    let Some(program) = installed("wasmtime serve", wasmtime()) else { return };
    let upstream = LocalUpstream::start().await.expect("a free port");
    let server = serve(program, &upstream);
    for count in 1..=2 {
        let answer = get(server.address, PATH, LocalUpstream::API_KEY).await;
        assert_eq!(answer.status(), "200", "{}", answer.body);
        let document: serde_json::Value = serde_json::from_str(&answer.body).expect("the answer is JSON");
        let token = &document["data"]["credentials"]["oauth_access_token"];
        assert_eq!(*token, format!("xoxp-{count:032x}"));
        let cache_status = header(&answer, "cache-status").expect("a Cache-Status");
        // No detail: the store itself works.
        assert!(cache_status.starts_with("credwell; fwd=miss; ttl="), "{cache_status}");
        assert!(!cache_status.contains("detail"), "{cache_status}");
        assert_eq!(upstream.count(), count);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_are_told_what_is_wrong() {
    let Some(program) = installed("wasmtime serve", wasmtime()) else { return };
    let upstream = LocalUpstream::start().await.expect("a free port");
    let server = serve(program, &upstream);

    let nobody = format!("GET {PATH} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    let answer = send(server.address, &nobody).await;
    assert_eq!((answer.status(), &*problem(&answer)), ("401", "unauthenticated"));
    assert!(header(&answer, "www-authenticate").is_some_and(|scheme| scheme.starts_with("bearer")));

    let health = get(server.address, "/healthz", "").await;
    assert_eq!((health.status(), health.body.as_str()), ("200", r#"{"status":"ok"}"#));
    assert_eq!(upstream.count(), 0);

    let answer = get(server.address, PATH, "pd_wrong_key_5d1e").await;
    assert_eq!((answer.status(), &*problem(&answer)), ("401", "unauthorized"));
    let answer = get(server.address, "/v1/accounts/apn_unknown/credentials", LocalUpstream::API_KEY).await;
    assert_eq!((answer.status(), &*problem(&answer)), ("404", "not-found"));
    assert_eq!(upstream.count(), 2);
}
