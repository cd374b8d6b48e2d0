//! Tests of the order in which a response leaves the broker: the body before the head is set, as far as the
//! host permits. Then a host can send both in one segment.

use crate::flavours::in_both_flavours;
use bytes::Bytes;
use credwell_host::{State, engine, link, store};
use host_test::{BrokerHarness, Flavour};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, oneshot};
use wasmtime::StoreContextMut;
use wasmtime::component::{Component, Linker, Resource};
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{DynOutputStream, OutputStream, Pollable, StreamError};
use wasmtime_wasi_http::p2::bindings::Proxy;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, HostResponseOutparam as _, Scheme};
use wasmtime_wasi_http::p2::body::{HostOutgoingBody, HyperOutgoingBody};
use wasmtime_wasi_http::p2::types::{HostOutgoingResponse, HostResponseOutparam};
use wasmtime_wasi_http::{Error, WasiHttpView};

/// What the host permits in one write after the response is set, in bytes.
const PERMIT: usize = 4096;

/// The body of the response to `GET /healthz`.
const HEALTH: &[u8] = br#"{"status":"ok"}"#;

/// The compiled brokers by flavour.
static BROKERS: [LazyLock<Component>; 2] =
    [LazyLock::new(|| compile(Flavour::Wasmtime)), LazyLock::new(|| compile(Flavour::Spin))];

fn compile(flavour: Flavour) -> Component {
    let engine = engine().expect("an engine");
    Component::from_file(&engine, flavour.broker_path()).expect("the broker is built")
}

/// A call of the broker, as the host sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    /// `output-stream.check-write`.
    CheckWrite,
    /// `output-stream.write` of this many bytes.
    Write(usize),
    /// `output-stream.flush`.
    Flush,
    /// `response-outparam.set`.
    Set,
}

/// What the host knows of a response.
#[derive(Default)]
struct Progress {
    calls: Vec<Call>,
    body: Vec<u8>,
    /// What the host still permits before the response is set, in bytes.
    early_permit: usize,
}

impl Progress {
    fn is_set(&self) -> bool {
        self.calls.contains(&Call::Set)
    }

    /// The calls before `response-outparam.set`.
    fn before_set(&self) -> &[Call] {
        self.calls.split(|call| *call == Call::Set).next().unwrap_or_default()
    }
}

/// The stream of a body. It records what the broker does.
#[derive(Clone, Default)]
struct RecordingStream {
    progress: Arc<Mutex<Progress>>,
    was_set: Arc<Notify>,
}

impl RecordingStream {
    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the broker's body go into this stream, and records when the response is set.
    fn shadow(&self, linker: &mut Linker<State>) -> wasmtime::Result<()> {
        linker.allow_shadowing(true);
        let mut types = linker.instance("wasi:http/types@0.2.12")?;
        let stream = self.clone();
        types.func_wrap(
            "[method]outgoing-body.write",
            move |mut store: StoreContextMut<'_, State>, (body,): (Resource<HostOutgoingBody>,)| {
                let stream: DynOutputStream = Box::new(stream.clone());
                let stream = store.data_mut().http().table.push_child(stream, &body)?;
                Ok((Ok::<_, ()>(stream),))
            },
        )?;
        let stream = self.clone();
        type Set = (Resource<HostResponseOutparam>, Result<Resource<HostOutgoingResponse>, ErrorCode>);
        types.func_wrap(
            "[static]response-outparam.set",
            move |mut store: StoreContextMut<'_, State>, (parameter, response): Set| {
                stream.progress().calls.push(Call::Set);
                stream.was_set.notify_one();
                store.data_mut().http().set(parameter, response)
            },
        )
    }
}

impl OutputStream for RecordingStream {
    fn check_write(&mut self) -> Result<usize, StreamError> {
        let mut progress = self.progress();
        progress.calls.push(Call::CheckWrite);
        Ok(if progress.is_set() { PERMIT } else { progress.early_permit })
    }

    fn write(&mut self, bytes: Bytes) -> Result<(), StreamError> {
        let mut progress = self.progress();
        progress.calls.push(Call::Write(bytes.len()));
        if !progress.is_set() {
            let rest = progress.early_permit.checked_sub(bytes.len());
            progress.early_permit = rest.expect("the write is within the permit");
        }
        progress.body.extend_from_slice(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), StreamError> {
        self.progress().calls.push(Call::Flush);
        Ok(())
    }
}

#[async_trait]
impl Pollable for RecordingStream {
    /// A host can be such that nothing leaves the stream before the response is set.
    async fn ready(&mut self) {
        let is_open = { self.progress().is_set() || self.progress().early_permit > 0 };
        if !is_open {
            self.was_set.notified().await;
        }
    }
}

/// Sends a request to the broker on a host that permits this many bytes before the response is set. The
/// result is the response and what the host has recorded.
async fn respond(
    flavour: Flavour,
    early_permit: usize,
    method: &str,
    path: &str,
) -> (Response<HyperOutgoingBody>, Progress) {
    let stream = RecordingStream::default();
    stream.progress().early_permit = early_permit;
    let harness = BrokerHarness::builder(flavour).build();
    let component: &Component = &BROKERS[usize::from(flavour == Flavour::Spin)];
    let engine = component.engine();
    let mut linker = Linker::new(engine);
    link::all(&mut linker, flavour).expect("the interfaces are new");
    link::stderr(&mut linker).expect("the interface is new");
    stream.shadow(&mut linker).expect("the interface is linked");
    let mut store = store(engine, harness.capabilities());
    let broker = Proxy::instantiate_async(&mut store, component, &linker).await.expect("the broker starts");
    let request = Request::builder().method(method).uri(path).header("host", "localhost");
    let request = request.body(Full::new(Bytes::new())).expect("a request");
    let request = request.map(|body| body.map_err(|never| -> Error { match never {} }));
    let (sender, receiver) = oneshot::channel();
    let mut http = store.data_mut().http();
    let request = http.new_incoming_request(Scheme::Http, request).expect("the table has room");
    let outparam = http.new_response_outparam(sender).expect("the table has room");
    let handler = broker.wasi_http_incoming_handler();
    let call = handler.call_handle(&mut store, request, outparam);
    // A broker that waits before it sets the response waits for ever on this host.
    let called = tokio::time::timeout(Duration::from_secs(60), call).await.expect("nothing waits for ever");
    called.expect("the broker returns");
    let response = receiver.await.expect("a response").expect("no error");
    let progress = std::mem::take(&mut *stream.progress());
    (response, progress)
}

mod a_small_body_is_whole_before_the_response_is_set {
    use super::*;

    async fn case(flavour: Flavour) {
        let (response, progress) = respond(flavour, PERMIT, "GET", "/healthz").await;
        assert_eq!(progress.before_set(), [Call::CheckWrite, Call::Write(HEALTH.len())]);
        assert_eq!(progress.body, HEALTH);
        // Nothing is left to do, and so nothing makes the host send the head alone.
        assert_eq!(progress.calls.last(), Some(&Call::Set));
        assert_eq!(response.headers()["content-length"], HEALTH.len().to_string());
    }

    in_both_flavours!();
}

mod a_body_above_the_permit_streams {
    use super::*;

    async fn case(flavour: Flavour) {
        for permit in 1..HEALTH.len() {
            let (response, progress) = respond(flavour, permit, "GET", "/healthz").await;
            let expected = [Call::CheckWrite, Call::Write(permit), Call::CheckWrite];
            assert_eq!(progress.before_set(), expected, "{permit}");
            assert_eq!(progress.body, HEALTH, "{permit}");
            assert!(progress.calls.contains(&Call::Write(HEALTH.len() - permit)), "{permit}");
            assert_eq!(response.headers()["content-length"], HEALTH.len().to_string());
        }
    }

    in_both_flavours!();
}

mod a_host_that_takes_nothing_before_the_response_is_set_gets_the_whole_body {
    use super::*;

    async fn case(flavour: Flavour) {
        let (response, progress) = respond(flavour, 0, "GET", "/healthz").await;
        assert_eq!(progress.before_set(), [Call::CheckWrite]);
        assert_eq!(progress.body, HEALTH);
        assert_eq!(response.headers()["content-length"], HEALTH.len().to_string());
    }

    in_both_flavours!();
}

mod a_response_without_a_body_writes_nothing {
    use super::*;

    async fn case(flavour: Flavour) {
        for (method, path, status) in [("HEAD", "/healthz", 200), ("OPTIONS", "/healthz", 204)] {
            let (response, progress) = respond(flavour, PERMIT, method, path).await;
            assert_eq!(response.status(), status);
            assert_eq!(progress.calls, [Call::Set], "{method}");
            assert!(!response.headers().contains_key("content-length"), "{method}");
        }
    }

    in_both_flavours!();
}
