//! Tests of `wasmtime serve` with the broker, started by the command in docs/hosts.md.

use crate::wasmtime_program::wasmtime;
use credwell_test_programs::available;
use host_test::http_client::{Response, get, send};
use host_test::{Flavour, SampleUpstream};
use serde_json::Value;
use std::io::{BufRead, BufReader, Lines};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};

const PAGE: &str = include_str!("../../docs/hosts.md");

const PATH: &str = "/v1/accounts/apn_EOhwvQr/credentials";

/// A running `wasmtime serve`. It ends when it is dropped.
struct Server {
    process: Child,
    address: SocketAddr,
    /// The lines on the standard error, from where it said where it listens.
    lines: Lines<BufReader<ChildStderr>>,
}

impl Drop for Server {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

/// The words of the command in the page, as a shell gives them to the program. The command has no quotes.
fn command() -> Vec<&'static str> {
    let (_, rest) = PAGE.split_once("$ wasmtime serve ").expect("the page has a command");
    let text = rest.split_once("\n```").expect("the block ends").0;
    assert!(!text.contains(['\'', '"', '$', '*', '#']), "{text}");
    text.split_whitespace().filter(|word| *word != "\\").collect()
}

/// Runs the command of the page on a free port and with another upstream.
fn serve(program: &Path, mut words: Vec<&str>, upstream: &SampleUpstream) -> Server {
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
    let mut lines = BufReader::new(process.stderr.take().expect("the standard error is piped")).lines();
    let address = listening(&mut lines);
    Server { process, address, lines }
}

/// Reads until wasmtime says where it listens.
fn listening(lines: &mut Lines<BufReader<ChildStderr>>) -> SocketAddr {
    let mut said = Vec::new();
    loop {
        let line = lines.next().unwrap_or_else(|| panic!("wasmtime has ended: {said:#?}"));
        let line = line.expect("the program writes text");
        let address = line.strip_prefix("Serving HTTP on http://").and_then(|line| line.strip_suffix('/'));
        if let Some(address) = address {
            return address.parse().expect("an address");
        }
        said.push(line);
    }
}

/// The value of a header.
fn header<'a>(answer: &'a Response, name: &str) -> Option<&'a str> {
    answer.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

/// The name at the end of a problem document's type.
fn problem(answer: &Response) -> String {
    assert_eq!(header(answer, "content-type"), Some("application/problem+json"), "{}", answer.head);
    let document: Value = serde_json::from_str(&answer.body).expect("a problem document is JSON");
    let kind = document["type"].as_str().expect("a type");
    kind.strip_prefix("urn:credwell:problem:").expect("a type of Credwell's").to_owned()
}

/// Asks for the account, and gives its token and where it came from.
async fn ask(server: &Server) -> (Value, String) {
    let answer = get(server.address, PATH, SampleUpstream::API_KEY).await;
    assert_eq!(answer.status(), "200", "{}", answer.body);
    let document: Value = serde_json::from_str(&answer.body).expect("the answer is JSON");
    let cache_status = header(&answer, "cache-status").expect("a Cache-Status");
    // Nothing is wrong with the store.
    assert!(!cache_status.contains("detail"), "{cache_status}");
    let from = cache_status.split("; ttl=").next().expect("there is a first part").to_owned();
    (document["data"]["credentials"]["oauth_access_token"].clone(), from)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_is_used_again_answers_from_its_cache() {
    let Some(program) = available("wasmtime", wasmtime(), "cargo install wasmtime-cli") else { return };
    let upstream = SampleUpstream::start().await.expect("a free port");
    let mut server = serve(program, command(), &upstream);
    let mut fetched = Vec::new();
    loop {
        let (token, from) = ask(&server).await;
        if from == "credwell; hit" {
            assert!(fetched.contains(&token));
            break;
        }
        assert_eq!(from, "credwell; fwd=miss");
        fetched.push(token);
        // An instance takes the next request once it has ended the last, a moment after the answer to that. Until then,
        // another one is made.
        assert!(fetched.len() < 10, "no instance is used again");
    }
    assert_eq!(upstream.count(), fetched.len());

    let mut outcomes = Vec::new();
    while outcomes.len() <= fetched.len() {
        let line = server.lines.next().expect("a line of the log").expect("the program writes text");
        assert!(!line.contains(SampleUpstream::API_KEY) && !line.contains("xoxp-"), "{line}");
        let line: Value = serde_json::from_str(&line).expect("the line is JSON");
        outcomes.push(line["outcome"].as_str().expect("an outcome").to_owned());
    }
    assert_eq!(outcomes.iter().filter(|outcome| *outcome == "hit").count(), 1, "{outcomes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_reuse_every_request_goes_upstream() {
    let Some(program) = available("wasmtime", wasmtime(), "cargo install wasmtime-cli") else { return };
    let upstream = SampleUpstream::start().await.expect("a free port");
    let instance = "-Sconfig-var=credwell_broker_store=instance";
    let key_value = ["-Sconfig-var=credwell_bucket=", "-Sconfig-var=credwell_allow_plaintext_cache=true"];
    for settings in [&[instance][..], &key_value] {
        let mut words = command();
        for option in ["--max-instance-reuse-count", "--idle-instance-timeout"] {
            let at = words.iter().position(|word| *word == option).expect("the command has the option");
            words.drain(at..at + 2);
        }
        let at = words.iter().position(|word| *word == instance).expect("the command has the setting");
        words.splice(at..=at, settings.iter().copied());
        let server = serve(program, words, &upstream);
        let before = upstream.count();
        let (first, second) = (ask(&server).await, ask(&server).await);
        assert_eq!([first.1.as_str(), second.1.as_str()], ["credwell; fwd=miss"; 2], "{settings:?}");
        assert_ne!(first.0, second.0, "{settings:?}");
        assert_eq!(upstream.count(), before + 2, "{settings:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_are_told_what_is_wrong() {
    let Some(program) = available("wasmtime", wasmtime(), "cargo install wasmtime-cli") else { return };
    let upstream = SampleUpstream::start().await.expect("a free port");
    let server = serve(program, command(), &upstream);

    let nobody = format!("GET {PATH} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    let answer = send(server.address, &nobody).await;
    assert_eq!((answer.status(), &*problem(&answer)), ("401", "unauthenticated"));
    assert!(header(&answer, "www-authenticate").is_some_and(|scheme| scheme.starts_with("bearer")));

    let health = get(server.address, "/healthz", "").await;
    assert_eq!((health.status(), health.body.as_str()), ("200", r#"{"status":"ok"}"#));
    assert_eq!(upstream.count(), 0);

    let answer = get(server.address, PATH, "pd_wrong_key_5d1e").await;
    assert_eq!((answer.status(), &*problem(&answer)), ("401", "unauthorized"));
    let answer = get(server.address, "/v1/accounts/apn_unknown/credentials", SampleUpstream::API_KEY).await;
    assert_eq!((answer.status(), &*problem(&answer)), ("404", "not-found"));
    assert_eq!(upstream.count(), 2);
}
