//! The test of the spans that a collector receives. It is alone in its program, because a process has only
//! one telemetry.

use bytes::Bytes;
use credwell_host::telemetry::{self, TelemetryOptions};
use credwell_host::{Broker, Capabilities, FingerprintKey, FixedConfiguration, Flavour, Listener, Network};
use host_test::http_client::{get, send};
use host_test::{MemoryKeyValue, SampleUpstream, TEST_ENCRYPTION_KEYS};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

/// The paths and bodies of the requests to a collector.
type Received = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// Starts a collector and returns its URL.
async fn collector() -> (String, Received) {
    let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let url = format!("http://{}", socket.local_addr().expect("the socket is bound"));
    let received = Received::default();
    let requests = Arc::clone(&received);
    tokio::spawn(async move {
        while let Ok((stream, _)) = socket.accept().await {
            let requests = Arc::clone(&requests);
            let service = service_fn(move |request: Request<Incoming>| {
                let requests = Arc::clone(&requests);
                async move {
                    let path = request.uri().path().to_owned();
                    let body =
                        request.into_body().collect().await.expect("the exporter sends all").to_bytes();
                    requests.lock().expect("no holder panics").push((path, body.to_vec()));
                    Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
                }
            });
            let server = hyper::server::conn::http1::Builder::new();
            tokio::spawn(async move { _ = server.serve_connection(TokioIo::new(stream), service).await });
        }
    });
    (url, received)
}

fn contains(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}

fn count(bytes: &[u8], text: &[u8]) -> usize {
    bytes.windows(text.len()).filter(|window| *window == text).count()
}

fn from_hexadecimal(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).expect("digits"), 16).expect("digits"))
        .collect()
}

#[tokio::test]
async fn a_collector_gets_the_spans_of_a_request_and_no_secret() {
    let (collector, received) = collector().await;
    let options = TelemetryOptions { otlp_endpoint: Some(collector), ..TelemetryOptions::default() };
    let telemetry = telemetry::start(options).expect("this is the process's first telemetry");
    assert!(telemetry::start(TelemetryOptions::default()).is_err());

    let upstream = SampleUpstream::start().await.expect("a port is free");
    let configuration = FixedConfiguration::from_iter([
        ("credwell_base_url", upstream.base_url()),
        ("credwell_broker_mode", "pass-through".to_owned()),
        ("credwell_encryption_keys", TEST_ENCRYPTION_KEYS.to_owned()),
    ]);
    let network = Network::to([upstream.authority()]);
    let key_value = Arc::new(MemoryKeyValue::new());
    let capabilities = Capabilities::new(Arc::new(network), key_value, Arc::new(configuration));
    let broker = Broker::new(Flavour::Wasmtime).expect("the broker is built");
    let listener = Listener::bind("127.0.0.1:0", broker, capabilities).await.expect("a port is free");
    let listener = listener.fingerprint_key(FingerprintKey::new(b"the installation's key"));
    let address = listener.address();
    let (shutdown, shut_down) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(listener.serve(async { _ = shut_down.await }));

    assert_eq!(get(address, "/healthz", SampleUpstream::API_KEY).await.status(), "200");
    let id = SampleUpstream::ACCOUNT_IDS[0];
    let request = format!(
        "GET /v1/accounts/{id}/credentials?query-of-the-caller HTTP/1.1\r\nhost: localhost\r\n\
         connection: close\r\nauthorization: Bearer {}\r\ntraceparent: 00-{TRACE}-{PARENT}-01\r\n\
         tracestate: vendor=state-of-the-caller\r\nx-request-id: id-of-the-request\r\n\r\n",
        SampleUpstream::API_KEY
    );
    let response = send(address, &request).await;
    assert_eq!(response.status(), "200", "{}", response.body);
    let document: serde_json::Value = serde_json::from_str(&response.body).expect("the body is JSON");
    let token = document["data"]["credentials"]["oauth_access_token"].as_str().expect("there is a token");
    shutdown.send(()).expect("the listener waits for it");
    serving.await.expect("the listener doesn't panic");
    telemetry.shutdown().await;

    let received = received.lock().expect("no holder panics");
    assert!(!received.is_empty() && received.iter().all(|(path, _)| path == "/v1/traces"));
    let bytes: Vec<u8> = received.iter().flat_map(|(_, body)| body).copied().collect();
    // protobuf writes the length of a string before its bytes.
    let text = |text: &str| [&[u8::try_from(text.len()).expect("a short text")], text.as_bytes()].concat();
    for expected in [
        "request",
        "key-value",
        "upstream",
        "/v1/accounts/{id}/credentials",
        "id-of-the-request",
        "miss",
        "127.0.0.1",
        "2xx",
        "open",
        "credwell",
    ] {
        assert!(contains(&bytes, &text(expected)), "no {expected}");
    }
    // All spans but that of /healthz belong to the caller's trace. One span is the child of the caller's
    // span.
    let spans = ["request", "key-value", "upstream"].map(|name| count(&bytes, &text(name)));
    assert_eq!(count(&bytes, &from_hexadecimal(TRACE)), spans.iter().sum::<usize>() - 1);
    assert_eq!((spans[0], spans[2]), (2, 1));
    assert_eq!(count(&bytes, &from_hexadecimal(PARENT)), 1);
    for absent in [
        SampleUpstream::API_KEY,
        token,
        id,
        TEST_ENCRYPTION_KEYS,
        "Bearer",
        "state-of-the-caller",
        "query-of-the-caller",
    ] {
        assert!(!contains(&bytes, absent.as_bytes()), "{absent}");
    }
}
