//! Tests of the open-loop load generator, against a server in this test.

use credwell_bench::open_loop::{OpenLoop, OpenOutcome};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

/// A server that answers each request with what `respond` returns: a status, after a pause. It gets the
/// number of the request on its connection, and the request's head.
fn serve(respond: fn(u64, &str) -> (u16, Duration)) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.expect("a connection");
            thread::spawn(move || answer(&stream, respond));
        }
    });
    address
}

fn answer(mut stream: &TcpStream, respond: fn(u64, &str) -> (u16, Duration)) {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    for number in 0.. {
        let head: Vec<_> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
        if head.is_empty() {
            return;
        }
        let (status, pause) = respond(number, &head.join("\n"));
        thread::sleep(pause);
        _ = write!(stream, "HTTP/1.1 {status} X\r\ncontent-length: 2\r\n\r\nok");
    }
}

fn load(server: SocketAddr, rate: f64, connections: u64, milliseconds: u64) -> OpenOutcome {
    let requests = |number: u64| (format!("w{number}"), "some-token".to_owned());
    let duration = Duration::from_millis(milliseconds);
    OpenLoop { server, rate, connections, duration, requests: &requests }.run().expect("the load runs")
}

#[test]
fn requests_come_at_the_rate_and_are_counted_by_status() {
    let server = serve(|_, head| {
        let is_right = head.contains("GET /v1/accounts/apn_w") && head.contains("Bearer some-token");
        (if is_right && !head.contains("apn_w7/") { 200 } else { 404 }, Duration::ZERO)
    });
    let outcome = load(server, 100.0, 2, 500);
    // 50 requests are due. A slow machine can leave some unsent.
    assert_eq!(outcome.answered + outcome.refused + outcome.failed + outcome.unsent, 50, "{outcome:?}");
    assert_eq!((outcome.refused, outcome.failed), (1, 0), "{outcome:?}");
    assert_eq!(outcome.latencies.count(), outcome.answered + 1);
}

#[test]
fn a_pause_of_the_server_counts_for_all_requests_that_were_due_in_it() {
    // One pause of half a second, and 100 requests due in a second.
    let pause = Duration::from_millis(500);
    let server = serve(|number, _| (200, Duration::from_millis(if number == 0 { 500 } else { 0 })));
    let outcome = load(server, 100.0, 1, 2_000);
    // A generator that counts from the sending of a request has one slow request among 200.
    let slow = 1.0 - 20.0 / outcome.latencies.count() as f64;
    assert!(outcome.latencies.percentile(slow) >= 200_000, "{outcome:?}");
    assert!(outcome.latencies.percentile(1.0) >= pause.as_micros() as u64, "{outcome:?}");
}

#[test]
fn what_a_slow_server_leaves_behind_is_unsent() {
    let server = serve(|_, _| (200, Duration::from_millis(50)));
    let outcome = load(server, 1_000.0, 1, 500);
    assert!(outcome.unsent >= 400, "{outcome:?}");
    assert_eq!(outcome.answered + outcome.unsent, 500, "{outcome:?}");
}

#[test]
fn a_server_that_is_gone_fails_every_request() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let server = listener.local_addr().expect("it is bound");
    drop(listener);
    let outcome = load(server, 100.0, 2, 200);
    assert_eq!((outcome.answered, outcome.failed + outcome.unsent), (0, 20), "{outcome:?}");
}
