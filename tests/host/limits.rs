//! Tests of the limits on the time of a call and on the addresses of the process.

use credwell_host::{Broker, BrokerError, Capabilities, Flavour};
use host_test::{Configuration, MemoryKeyValue, MockUpstream};
use http::Request;
use http_body_util::Empty;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The environment variable that makes a test run its part in a small address space.
const CHILD: &str = "CREDWELL_TEST_CHILD";

/// The addresses of the child process, in KiB: less than one memory per instance without checks of bounds.
const FEW_ADDRESSES: u64 = 24 << 20;

/// The error of a component whose handler has this body.
async fn error_of(handle: &str) -> BrokerError {
    let text = include_str!("operation/trapping.wat").replace("unreachable", handle);
    let component = wat::parse_str(text).expect("the component's text is valid");
    let broker = Broker::from_bytes(Flavour::Wasmtime, &component).expect("the host links its imports");
    let key_value = Arc::new(MemoryKeyValue::new());
    let capabilities =
        Capabilities::new(Arc::new(MockUpstream::new()), key_value, Arc::new(Configuration::new()));
    let request = Request::get("http://localhost/").body(Empty::new()).expect("a valid request");
    broker.handle(&capabilities, request).await.expect_err("the component sends no response")
}

/// The runtime has one thread, so the other task runs only if the instance yields.
#[tokio::test]
async fn an_endless_loop_yields_to_other_tasks_and_ends() {
    let turns = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&turns);
    let other = tokio::spawn(async move {
        loop {
            counted.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
        }
    });
    let error = error_of("(loop $again (br $again))").await;
    other.abort();
    let BrokerError::Trap(trap) = &error else { panic!("{error}") };
    assert!(trap.to_string().contains("computed for too long"), "{trap}");
    assert!(turns.load(Ordering::Relaxed) > 100, "{turns:?}");
}

#[test]
fn a_broker_runs_in_a_small_address_space() {
    if std::env::var_os(CHILD).is_some() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        assert!(matches!(runtime.block_on(error_of("")), BrokerError::Silent));
        return;
    }
    let program = std::env::current_exe().expect("the test is a program");
    let script = format!("ulimit -v {FEW_ADDRESSES} && exec \"$0\" \"$@\"");
    let output = Command::new("sh")
        .args(["-c", &script])
        .arg(program)
        .args(["--exact", "limits::a_broker_runs_in_a_small_address_space", "--test-threads=1"])
        .env(CHILD, "1")
        .output()
        .expect("there is a shell");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
}
