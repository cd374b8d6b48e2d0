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
    /// The lines on the standard error after the line with the address.
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
    assert_eq!(words.pop(), Some("target/components/fast/credwell-broker.wasm"));
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

/// Reads until wasmtime prints the address that it listens on.
fn listening(lines: &mut Lines<BufReader<ChildStderr>>) -> SocketAddr {
    let mut output = Vec::new();
    loop {
        let line = lines.next().unwrap_or_else(|| panic!("wasmtime has ended: {output:#?}"));
        let line = line.expect("the program writes text");
        let address = line.strip_prefix("Serving HTTP on http://").and_then(|line| line.strip_suffix('/'));
        if let Some(address) = address {
            return address.parse().expect("an address");
        }
        output.push(line);
    }
}

/// The value of a header.
fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

/// The code at the end of a problem document's type.
fn problem(response: &Response) -> String {
    assert_eq!(header(response, "content-type"), Some("application/problem+json"), "{}", response.head);
    let document: Value = serde_json::from_str(&response.body).expect("a problem document is JSON");
    let kind = document["type"].as_str().expect("a type");
    kind.strip_prefix("urn:credwell:problem:").expect("a type of Credwell's").to_owned()
}

/// Gets the account's credentials, and returns the access token and the source in `Cache-Status`.
async fn credentials(server: &Server) -> (Value, String) {
    let response = get(server.address, PATH, SampleUpstream::API_KEY).await;
    assert_eq!(response.status(), "200", "{}", response.body);
    assert_eq!(header(&response, "content-length"), Some(&*response.body.len().to_string()));
    let document: Value = serde_json::from_str(&response.body).expect("the response is JSON");
    let cache_status = header(&response, "cache-status").expect("a Cache-Status");
    // A failure of the store would add a detail.
    assert!(!cache_status.contains("detail"), "{cache_status}");
    let source = cache_status.split("; ttl=").next().expect("there is a first part").to_owned();
    (document["data"]["credentials"]["oauth_access_token"].clone(), source)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_is_used_again_answers_from_its_cache() {
    let Some(program) = available("wasmtime", wasmtime(), "cargo install --locked wasmtime-cli") else {
        return;
    };
    let upstream = SampleUpstream::start().await.expect("a free port");
    let mut server = serve(program, command(), &upstream);
    let mut fetched = Vec::new();
    loop {
        let (token, source) = credentials(&server).await;
        if source == "credwell; hit" {
            assert!(fetched.contains(&token));
            break;
        }
        assert_eq!(source, "credwell; fwd=miss");
        fetched.push(token);
        // An instance is free for the next request a moment after its response. Until then, wasmtime makes
        // another instance for the next request.
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
    let Some(program) = available("wasmtime", wasmtime(), "cargo install --locked wasmtime-cli") else {
        return;
    };
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
        let (first, second) = (credentials(&server).await, credentials(&server).await);
        assert_eq!([first.1.as_str(), second.1.as_str()], ["credwell; fwd=miss"; 2], "{settings:?}");
        assert_ne!(first.0, second.0, "{settings:?}");
        assert_eq!(upstream.count(), before + 2, "{settings:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_are_told_what_is_wrong() {
    let Some(program) = available("wasmtime", wasmtime(), "cargo install --locked wasmtime-cli") else {
        return;
    };
    let upstream = SampleUpstream::start().await.expect("a free port");
    let server = serve(program, command(), &upstream);

    let without_key = format!("GET {PATH} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    let response = send(server.address, &without_key).await;
    assert_eq!((response.status(), &*problem(&response)), ("401", "unauthenticated"));
    assert!(header(&response, "www-authenticate").is_some_and(|scheme| scheme.starts_with("bearer")));

    let health = get(server.address, "/healthz", "").await;
    assert_eq!((health.status(), health.body.as_str()), ("200", r#"{"status":"ok"}"#));
    assert_eq!(upstream.count(), 0);

    let response = get(server.address, PATH, "pd_wrong_key_5d1e").await;
    assert_eq!((response.status(), &*problem(&response)), ("401", "unauthorized"));
    let response = get(server.address, "/v1/accounts/apn_unknown/credentials", SampleUpstream::API_KEY).await;
    assert_eq!((response.status(), &*problem(&response)), ("404", "not-found"));
    assert_eq!(upstream.count(), 2);
}
