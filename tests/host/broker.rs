//! Tests of the broker's standard error, which the credentials component doesn't have.

use credwell_host::{Broker, BrokerError, Capabilities, Flavour};
use host_test::{Configuration, MemoryKeyValue, MockUpstream};
use http::Request;
use http_body_util::Empty;
use std::sync::Arc;
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;

/// A broker that writes a line and sends no response.
const LOGGING: &str = r#"(component
    (import "wasi:io/error@0.2.0" (instance $errors (export "error" (type (sub resource)))))
    (alias export $errors "error" (type $error))
    (import "wasi:io/streams@0.2.0" (instance $streams
        (export "output-stream" (type $stream (sub resource)))
        (alias outer 1 $error (type $outer))
        (export "error" (type $error (eq $outer)))
        (type $failure (variant (case "last-operation-failed" (own $error)) (case "closed")))
        (export "stream-error" (type $stream-error (eq $failure)))
        (export "[method]output-stream.blocking-write-and-flush" (func
            (param "self" (borrow $stream)) (param "contents" (list u8))
            (result (result (error $stream-error)))))))
    (alias export $streams "output-stream" (type $stream))
    (import "wasi:cli/stderr@0.2.12" (instance $stderr
        (alias outer 1 $stream (type $outer))
        (export "output-stream" (type $stream (eq $outer)))
        (export "get-stderr" (func (result (own $stream))))))
    (import "wasi:http/types@0.2.0" (instance $http
        (export "incoming-request" (type (sub resource)))
        (export "response-outparam" (type (sub resource)))))
    (alias export $http "incoming-request" (type $request))
    (alias export $http "response-outparam" (type $response))

    (core module $memory (memory (export "memory") 1) (data (i32.const 0) "a line\n"))
    (core instance $memory (instantiate $memory))
    (core func $get-stderr (canon lower (func $stderr "get-stderr")))
    (core func $write (canon lower
        (func $streams "[method]output-stream.blocking-write-and-flush")
        (memory (core memory $memory "memory"))))
    (core module $module
        (import "host" "get-stderr" (func $get-stderr (result i32)))
        (import "host" "write" (func $write (param i32 i32 i32 i32)))
        (func (export "handle") (param i32 i32)
            (call $write (call $get-stderr) (i32.const 0) (i32.const 7) (i32.const 16))))
    (core instance $code (instantiate $module (with "host" (instance
        (export "get-stderr" (func $get-stderr)) (export "write" (func $write))))))

    (func $handle (param "request" (own $request)) (param "response-out" (own $response))
        (canon lift (core func $code "handle")))
    (instance $handler (export "handle" (func $handle)))
    (export "wasi:http/incoming-handler@0.2.0" (instance $handler)))"#;

#[tokio::test]
async fn its_standard_error_goes_to_the_stream_of_the_capabilities() {
    let component = wat::parse_str(LOGGING).expect("the component's text is valid");
    let broker = Broker::from_bytes(Flavour::Wasmtime, &component).expect("the host links its imports");
    let lines = MemoryOutputPipe::new(1024);
    let key_value = Arc::new(MemoryKeyValue::new());
    let capabilities =
        Capabilities::new(Arc::new(MockUpstream::new()), key_value, Arc::new(Configuration::new()))
            .stderr(lines.clone());
    for _ in 0..2 {
        let request = Request::get("http://localhost/").body(Empty::new()).expect("a valid request");
        let outcome = broker.handle(&capabilities, request).await;
        assert!(matches!(outcome, Err(BrokerError::Silent)), "{:?}", outcome.err());
    }
    assert_eq!(lines.contents(), "a line\na line\n");
}
