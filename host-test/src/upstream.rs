//! An upstream that answers by script, in place of the network.

mod failure;
mod reply;

pub use failure::Failure;
pub use reply::Reply;

use crate::lock;
use crate::network::{Answer, Transfer};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Uri};
use http_body_util::BodyExt;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use tokio::time::Instant;
use wasmtime_wasi_http::{RequestOptions, WasiBody, WasiHttpHooks};

/// An upstream that answers by script and keeps a record of what it was asked. Clones are the same one.
///
/// Each request takes the first reply in the queue. When the queue is empty, the rule answers (see
/// [`MockUpstream::respond_with`]), and without a rule the request fails with [`Failure::NothingScripted`].
#[derive(Clone, Default)]
pub struct MockUpstream(Arc<Mutex<Script>>);

#[derive(Default)]
struct Script {
    queue: VecDeque<Reply>,
    rule: Option<Rule>,
    requests: Vec<RecordedRequest>,
    in_flight: usize,
    in_flight_peak: usize,
}

type Rule = Arc<dyn Fn(&RecordedRequest) -> Reply + Send + Sync>;

/// A request as the component sent it.
#[derive(Clone, Debug)]
pub struct RecordedRequest {
    /// Its method.
    pub method: Method,
    /// Its whole URI, scheme and authority included.
    pub uri: Uri,
    /// Its headers, the host's among them.
    pub headers: HeaderMap,
    /// Its body. Empty until the component has sent all of it.
    pub body: Bytes,
    /// The timeouts that the component set.
    pub options: RequestOptions,
    /// When it was sent, in tokio's time.
    pub at: Instant,
}

impl RecordedRequest {
    /// The first value of a header, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl MockUpstream {
    /// An upstream without a script.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a reply to the end of the queue.
    pub fn reply(&self, reply: Reply) {
        lock(&self.0).queue.push_back(reply);
    }

    /// Answers every request for which the queue has no reply. This replaces an earlier rule.
    pub fn respond_with(&self, rule: impl Fn(&RecordedRequest) -> Reply + Send + Sync + 'static) {
        lock(&self.0).rule = Some(Arc::new(rule));
    }

    /// Answers every request for which the queue has no reply with a copy of this one.
    pub fn always(&self, reply: Reply) {
        self.respond_with(move |_| reply.clone());
    }

    /// Every request that the component sent, in order, those that failed and those that it gave up
    /// included.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        lock(&self.0).requests.clone()
    }

    /// The last request, if there was one.
    pub fn last_request(&self) -> Option<RecordedRequest> {
        lock(&self.0).requests.last().cloned()
    }

    /// How many requests the component sent.
    pub fn count(&self) -> usize {
        lock(&self.0).requests.len()
    }

    /// How many requests at most waited for their response's head at the same time.
    pub fn in_flight_peak(&self) -> usize {
        lock(&self.0).in_flight_peak
    }

    fn record(&self, request: RecordedRequest) -> usize {
        let mut script = lock(&self.0);
        script.requests.push(request);
        script.requests.len() - 1
    }

    fn next_reply(&self, number: usize, body: Bytes) -> Reply {
        let (rule, request) = {
            let mut script = lock(&self.0);
            script.requests[number].body = body;
            if let Some(reply) = script.queue.pop_front() {
                return reply;
            }
            (script.rule.clone(), script.requests[number].clone())
        };
        // Unlocked, so that a rule may ask for the requests before this one.
        match rule {
            Some(rule) => rule(&request),
            None => Reply::failure(Failure::NothingScripted),
        }
    }
}

impl WasiHttpHooks for MockUpstream {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _processed: Transfer,
    ) -> Box<dyn Future<Output = Answer> + Send> {
        let (head, body) = request.into_parts();
        let options = options.unwrap_or_default();
        // Recorded before the first await: the component may give the request up at any of them.
        let number = self.record(RecordedRequest {
            method: head.method,
            uri: head.uri,
            headers: head.headers,
            body: Bytes::new(),
            options,
            at: Instant::now(),
        });
        let upstream = self.clone();
        Box::new(async move {
            let _in_flight = InFlight::enter(&upstream);
            let body = body.collect().await?.to_bytes();
            upstream.next_reply(number, body).play(options).await
        })
    }
}

/// Counts a request until it is dropped, which also happens when the component gives it up.
struct InFlight(MockUpstream);

impl InFlight {
    fn enter(upstream: &MockUpstream) -> Self {
        let mut script = lock(&upstream.0);
        script.in_flight += 1;
        script.in_flight_peak = script.in_flight_peak.max(script.in_flight);
        drop(script);
        Self(upstream.clone())
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        lock(&self.0.0).in_flight -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::Full;
    use std::time::Duration;
    use wasmtime_wasi_http::Error;

    const SECOND: Duration = Duration::from_secs(1);

    /// What the component would read: the status and the whole body, with the transfer driven alongside.
    async fn ask(upstream: &MockUpstream, body: &str) -> Result<(u16, Bytes), Error> {
        let options = RequestOptions {
            connect_timeout: Some(SECOND),
            first_byte_timeout: Some(2 * SECOND),
            between_bytes_timeout: Some(3 * SECOND),
        };
        let body = Full::new(Bytes::copy_from_slice(body.as_bytes())).map_err(Error::from);
        let request = Request::post("https://api.example.com/v1").body(body.boxed_unsync());
        let request = request.expect("the parts of the request are valid");
        let sent = upstream.clone().send_request(request, Some(options), Box::new(async { Ok(()) }));
        let (response, transfer) = Box::into_pin(sent).await?;
        let transfer = tokio::spawn(Box::into_pin(transfer));
        let status = response.status().as_u16();
        let body = response.into_body().collect().await?.to_bytes();
        transfer.await.expect("the transfer didn't panic")?;
        Ok((status, body))
    }

    #[tokio::test(start_paused = true)]
    async fn the_queue_comes_before_the_rule() {
        let upstream = MockUpstream::new();
        upstream.reply(Reply::status(503));
        upstream.respond_with(|request| Reply::status(200).body(request.body.clone()));

        assert_eq!(ask(&upstream, "one").await.expect("a response").0, 503);
        assert_eq!(ask(&upstream, "two").await.expect("a response"), (200, "two".into()));
        assert_eq!(upstream.count(), 2);
        assert_eq!(upstream.requests()[0].body, "one");
    }

    #[tokio::test(start_paused = true)]
    async fn each_timeout_ends_the_stage_it_is_for() {
        let upstream = MockUpstream::new();
        let slightly_late = Duration::from_millis(1);

        upstream.reply(Reply::status(200).connect_after(SECOND + slightly_late));
        assert!(matches!(ask(&upstream, "").await, Err(Error::ConnectionTimeout)));

        upstream.reply(Reply::status(200).head_after(2 * SECOND + slightly_late));
        assert!(matches!(ask(&upstream, "").await, Err(Error::ConnectionReadTimeout)));

        let late_chunk = [(SECOND, "a"), (3 * SECOND + slightly_late, "b")];
        upstream.reply(Reply::status(200).chunks(late_chunk));
        assert!(matches!(ask(&upstream, "").await, Err(Error::ConnectionReadTimeout)));

        let start = Instant::now();
        upstream.reply(
            Reply::status(200)
                .connect_after(SECOND)
                .head_after(2 * SECOND)
                .chunks([(3 * SECOND, "a"), (3 * SECOND, "b")]),
        );
        assert_eq!(ask(&upstream, "").await.expect("a response"), (200, "ab".into()));
        assert_eq!(start.elapsed(), 9 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_takes_the_time_of_the_stages_before_it() {
        let upstream = MockUpstream::new();
        let start = Instant::now();
        let delayed = Reply::failure(Failure::ConnectionRefused).connect_after(SECOND / 2);
        upstream.reply(delayed.head_after(SECOND));
        assert!(matches!(ask(&upstream, "").await, Err(Error::ConnectionRefused)));
        assert_eq!(start.elapsed(), SECOND / 2);

        let delayed = Reply::failure(Failure::ConnectionTerminated).head_after(SECOND);
        upstream.reply(delayed);
        assert!(matches!(ask(&upstream, "").await, Err(Error::ConnectionTerminated)));
        assert_eq!(start.elapsed(), SECOND / 2 + SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_can_end_with_a_failure() {
        let upstream = MockUpstream::new();
        upstream.reply(Reply::status(200).body("half").breaking_with(Failure::ConnectionTerminated));
        assert!(matches!(ask(&upstream, "").await, Err(Error::ConnectionTerminated)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_without_a_script_fails() {
        let upstream = MockUpstream::new();
        assert!(matches!(ask(&upstream, "").await, Err(Error::InternalError(Some(_)))));
    }

    #[tokio::test(start_paused = true)]
    async fn concurrent_requests_are_counted_until_their_head() {
        let upstream = MockUpstream::new();
        upstream.always(Reply::status(200).head_after(SECOND));
        let (first, second) = tokio::join!(ask(&upstream, ""), ask(&upstream, ""));
        assert!(first.is_ok() && second.is_ok());
        ask(&upstream, "").await.expect("a response");
        assert_eq!(upstream.in_flight_peak(), 2);
    }
}
