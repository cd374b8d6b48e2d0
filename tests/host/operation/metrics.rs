//! Tests of the metrics of a host process and of their listener.

use super::{PATH, Server, TOKEN, authorization, listener, listener_for, send, upstream};
use credwell_host::{Broker, Flavour, Metrics, MetricsListener};
use host_test::{KeyValueError, MemoryKeyValue, MockUpstream, Operation, TEST_API_KEY};

#[track_caller]
fn assert_line(text: &str, line: &str) {
    assert!(text.lines().any(|other| other == line), "no line {line} in\n{text}");
}

#[tokio::test]
async fn requests_operations_and_instances_are_counted() {
    let (metrics, key_value, upstream) = (Metrics::new(), MemoryKeyValue::new(), upstream());
    let server = Server::start(listener(&upstream, &key_value).await.metrics(metrics.clone()));
    let key = authorization();
    server.request("GET", PATH, &[&key]).await;
    server.request("GET", PATH, &[&key]).await;
    server.request("GET", PATH, &[]).await;
    key_value.fail(Operation::Get, KeyValueError::Failed("out of order".to_owned()));
    server.request("GET", PATH, &[&key]).await;
    server.end().await;

    let text = metrics.text();
    assert_line(&text, r#"credwell_host_request_duration_seconds_count{status="2xx"} 3"#);
    assert_line(&text, r#"credwell_host_request_duration_seconds_count{status="4xx"} 1"#);
    assert_line(&text, "credwell_host_requests_in_flight 0");
    assert_line(&text, "credwell_host_connections 0");
    assert_line(&text, "credwell_host_instances_started_total 1");
    assert_line(&text, "credwell_host_instances_failed_total 0");
    let requests = upstream.count();
    let outgoing =
        format!(r#"credwell_host_outgoing_request_duration_seconds_count{{outcome="2xx"}} {requests}"#);
    assert_line(&text, &outgoing);
    for (operation, label, outcome) in [(Operation::Open, "open", "ok"), (Operation::Set, "set", "ok")] {
        let count = key_value.count(operation);
        assert!(count > 0);
        let name = "credwell_host_key_value_duration_seconds_count";
        assert_line(&text, &format!(r#"{name}{{operation="{label}",outcome="{outcome}"}} {count}"#));
    }
    let failed = r#"credwell_host_key_value_duration_seconds_count{operation="get",outcome="failed"}"#;
    assert!(text.contains(failed), "{text}");
    for secret in [TOKEN, TEST_API_KEY, "apn_EOhwvQr"] {
        assert!(!text.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn refusals_and_traps_are_counted() {
    let metrics = Metrics::new();
    let refusing = listener(&MockUpstream::new(), &MemoryKeyValue::new()).await;
    let server = Server::start(refusing.concurrency_limit(0).metrics(metrics.clone()));
    assert_eq!(server.request("GET", PATH, &[]).await.status(), "503");
    server.end().await;

    let trapping = wat::parse_str(include_str!("trapping.wat")).expect("the component's text is valid");
    let broker = Broker::from_bytes(Flavour::Wasmtime, &trapping).expect("the component handles requests");
    let trapping = listener_for(broker, &MockUpstream::new(), &MemoryKeyValue::new()).await;
    let server = Server::start(trapping.metrics(metrics.clone()));
    assert_eq!(server.request("GET", PATH, &[]).await.status(), "500");
    server.end().await;

    let text = metrics.text();
    assert_line(&text, r#"credwell_host_requests_refused_total{reason="overloaded"} 1"#);
    assert_line(&text, "credwell_host_instances_started_total 1");
    assert_line(&text, "credwell_host_instances_failed_total 1");
    assert_line(&text, r#"credwell_host_request_duration_seconds_count{status="5xx"} 2"#);
}

#[tokio::test]
async fn the_metrics_have_their_own_listener() {
    let operators = MetricsListener::bind("127.0.0.1:0", Metrics::new()).await.expect("a port is free");
    let address = operators.address();
    let (shutdown, shut_down) = tokio::sync::oneshot::channel::<()>();
    let task = tokio::spawn(operators.serve(async { _ = shut_down.await }));
    let request = async |method: &str, path: &str| {
        let request = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        send(address, &request).await
    };
    let response = request("GET", "/metrics").await;
    assert_eq!(response.status(), "200");
    assert!(
        response.head.contains("content-type: application/openmetrics-text; version=1.0.0"),
        "{}",
        response.head
    );
    let version = concat!(r#"credwell_host_build_info{version=""#, env!("CARGO_PKG_VERSION"), r#""} 1"#);
    assert_line(&response.body, version);
    assert_line(&response.body, "# EOF");

    let head = request("HEAD", "/metrics").await;
    assert_eq!((head.status(), head.body.as_str()), ("200", ""));
    assert_eq!(request("GET", "/healthz").await.body, r#"{"status":"ok"}"#);
    assert_eq!(request("GET", PATH).await.status(), "404");
    let refused = request("POST", "/metrics").await;
    assert_eq!(refused.status(), "405");
    assert!(refused.head.contains("allow: get, head"), "{}", refused.head);
    shutdown.send(()).expect("the listener waits for it");
    task.await.expect("the listener doesn't panic");
}
