//! Tests of the audit log of a running listener.

use super::{PATH, Server, TOKEN, account, assert_problem, authorization, listener, send, upstream};
use credwell_host::{AuditLog, FingerprintKey};
use host_test::http_client::get;
use host_test::{MemoryKeyValue, MockUpstream, TEST_API_KEY};
use serde_json::Value;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::sleep;

const REJECTED: &str = "xoxp-rejected-7";
const MISPLACED: &str = "xoxp-misplaced-8";

pub(super) async fn start(path: &Path, upstream: &MockUpstream) -> Server {
    let listener = listener(upstream, &MemoryKeyValue::new()).await;
    let log = AuditLog::to_file(path).expect("the file can be opened");
    Server::start(listener.audit(log).fingerprint_key(FingerprintKey::new(b"the installation's key")))
}

pub(super) fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).expect("the log is there");
    assert!(text.is_empty() || text.ends_with('\n'), "{text}");
    text.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}

#[tokio::test]
async fn each_request_for_an_account_leaves_a_line_and_no_secret() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("audit.jsonl");
    let server = start(&path, &upstream()).await;
    let key = authorization();
    server.request("GET", "/healthz", &[]).await;
    server.request("OPTIONS", PATH, &[]).await;
    let first = server.request("GET", PATH, &[&key, "x-request-id: its-own-id"]).await;
    assert!(first.body.contains(TOKEN), "{}", first.body);
    assert!(first.head.contains("x-request-id: its-own-id"), "{}", first.head);
    server.request("HEAD", PATH, &[&key.replace("Bearer", "bearer")]).await;
    let body = format!(r#"{{"rejected": "{REJECTED}"}}"#);
    let refresh = format!(
        "POST {PATH}/refresh HTTP/1.1\r\nhost: localhost\r\n{key}\r\nconnection: close\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    send(server.address, &refresh).await;
    server.request("POST", &format!("{PATH}/refresh"), &[&key]).await;
    server.request("DELETE", PATH, &[&key]).await;
    server.request("GET", PATH, &[]).await;
    server
        .request("GET", &format!("/v1/accounts/{MISPLACED}/credentials"), &["authorization: Bearer another"])
        .await;
    server.request("HEAD", PATH, &[]).await;
    server.request("POST", &format!("{PATH}/refresh"), &[&key, "content-length: 65537"]).await;
    server.end().await;

    let lines = lines(&path);
    let logged: Vec<_> = lines
        .iter()
        .map(|line| {
            let text = |name: &str| line[name].as_str().unwrap_or("null").to_owned();
            (text("account"), text("action"), line["status"].as_u64().unwrap_or_default(), text("outcome"))
        })
        .collect();
    let id = "apn_EOhwvQr";
    let expected = [
        (id, "get", 200, "miss"),
        (id, "get", 200, "hit"),
        // The cached token differs from the rejected one.
        (id, "refresh", 200, "hit"),
        (id, "refresh", 200, "refresh"),
        (id, "forget", 204, "ok"),
        (id, "get", 401, "unauthenticated"),
        ("null", "get", 400, "invalid-account-id"),
        // A response to HEAD has no problem document, but the log has its outcome.
        (id, "get", 401, "unauthenticated"),
        (id, "refresh", 413, "request-too-large"),
    ];
    let expected =
        expected.map(|(id, action, status, outcome)| (id.into(), action.into(), status, outcome.into()));
    assert_eq!(logged, expected);

    let callers: Vec<_> = lines.iter().map(|line| line["caller"].as_str()).collect();
    let caller = callers[0].expect("the caller had a token");
    assert_eq!(caller.len(), 16, "{caller}");
    assert!(callers[..5].iter().all(|other| *other == Some(caller)), "{callers:?}");
    assert!(callers[5].is_none() && callers[6].is_some_and(|other| other != caller), "{callers:?}");
    assert_eq!(lines[0]["request_id"], "its-own-id");
    assert_ne!(lines[1]["request_id"], lines[2]["request_id"]);
    for line in &lines {
        let time = line["time"].as_str().expect("a time is text");
        assert!(time.len() == 24 && chrono::DateTime::parse_from_rfc3339(time).is_ok(), "{time}");
        assert!(line["peer"].as_str().is_some_and(|peer| peer.starts_with("127.0.0.1:")), "{line}");
        assert!(line["duration_ms"].is_u64() && line["kind"] == "audit", "{line}");
    }
    let text = std::fs::read_to_string(&path).expect("the log is there");
    for secret in [TEST_API_KEY, TOKEN, REJECTED, MISPLACED, "Bearer", "another"] {
        assert!(!text.contains(secret), "{secret}");
    }
    let mode = std::fs::metadata(&path).expect("the log is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn each_of_many_requests_has_its_line_before_its_response() {
    const REQUESTS: usize = 64;
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("audit.jsonl");
    let server = start(&path, &upstream()).await;
    let mut callers = JoinSet::new();
    for number in 0..REQUESTS {
        let (address, path) = (server.address, path.clone());
        callers.spawn(async move {
            let id = format!("request-{number}-");
            let headers = format!("host: localhost\r\nconnection: close\r\nx-request-id: {id}");
            send(address, &format!("GET {PATH} HTTP/1.1\r\n{headers}\r\n\r\n")).await;
            let text = std::fs::read_to_string(path).expect("the log is there");
            assert_eq!(text.matches(&id).count(), 1, "{id}");
        });
    }
    callers.join_all().await;
    server.end().await;
    assert_eq!(lines(&path).len(), REQUESTS);
}

#[tokio::test]
async fn without_an_audit_line_no_credentials_are_returned() {
    let upstream = upstream();
    let server = start(Path::new("/dev/full"), &upstream).await;
    let response = get(server.address, PATH, TEST_API_KEY).await;
    assert_problem(&response, "503", "audit-unavailable");
    assert!(!response.head.contains("cache-status") && !response.body.contains(TOKEN), "{}", response.body);
    // The broker had fetched the credentials.
    assert_eq!(upstream.count(), 1);
    assert_eq!(server.request("GET", "/healthz", &[]).await.status(), "200");
    server.end().await;
}

#[tokio::test]
async fn after_a_rotation_the_log_goes_on_under_its_path() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("audit.jsonl");
    let server = start(&path, &upstream()).await;
    server.request("GET", PATH, &[]).await;
    let renamed = folder.path().join("audit.jsonl.1");
    std::fs::rename(&path, &renamed).expect("the log can be renamed");
    server.request("GET", PATH, &[]).await;
    server.request("GET", PATH, &[]).await;
    assert_eq!((lines(&renamed).len(), lines(&path).len()), (1, 2));

    std::fs::OpenOptions::new().write(true).truncate(true).open(&path).expect("the log can be cut short");
    server.request("GET", PATH, &[]).await;
    assert_eq!(lines(&path).len(), 1);

    std::fs::remove_file(&path).expect("the log can be removed");
    server.request("GET", PATH, &[]).await;
    assert_eq!(lines(&path).len(), 1);
    server.end().await;
}

#[tokio::test]
async fn a_caller_that_hangs_up_leaves_a_line_too() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("audit.jsonl");
    let upstream = MockUpstream::new();
    upstream.reply(account().head_after(Duration::from_millis(300)));
    let server = start(&path, &upstream).await;
    let mut stream = std::net::TcpStream::connect(server.address).expect("the listener listens");
    let request = format!("GET {PATH} HTTP/1.1\r\nhost: localhost\r\n{}\r\n\r\n", authorization());
    stream.write_all(request.as_bytes()).expect("the listener reads");
    while upstream.count() == 0 {
        sleep(Duration::from_millis(5)).await;
    }
    drop(stream);
    server.end().await;
    let lines = lines(&path);
    assert_eq!(lines.len(), 1);
    assert_eq!((&lines[0]["status"], &lines[0]["outcome"]), (&200.into(), &"miss".into()));
}
