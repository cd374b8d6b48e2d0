//! The mock upstream, which answers the component's requests by a script instead of over the network.

mod fault;
mod reply;

pub use fault::Fault;
pub use reply::Reply;

use crate::lock;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, Uri};
use http_body_util::BodyExt;
use std::collections::VecDeque;
use std::future::pending;
use std::sync::{Arc, Mutex};
use tokio::time::Instant;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

/// An upstream that answers by a script and records each request. Clones are the same upstream.
///
/// Each request takes the first reply in the queue. If the queue is empty, the rule answers (see
/// [`MockUpstream::respond_with`]). Without a rule, the request fails with [`Fault::NothingScripted`].
#[derive(Clone, Default)]
pub struct MockUpstream(Arc<Mutex<Script>>);

#[derive(Default)]
struct Script {
    queue: VecDeque<Reply>,
    rule: Option<Rule>,
    requests: Vec<RecordedRequest>,
}

type Rule = Arc<dyn Fn(&RecordedRequest) -> Reply + Send + Sync>;

/// A request as the component sent it.
#[derive(Clone, Debug)]
pub struct RecordedRequest {
    /// The method.
    pub method: Method,
    /// The whole URI, scheme and authority included.
    pub uri: Uri,
    /// The headers, those of the host included.
    pub headers: HeaderMap,
    /// The body. It is empty until the component has sent the whole body.
    pub body: Bytes,
    /// The timeouts that the component set.
    pub options: RequestOptions,
    /// The time at which the request was sent, in tokio's time.
    pub at: Instant,
}

impl RecordedRequest {
    /// The first value of a header, or `None` if the header is missing or isn't text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl MockUpstream {
    /// Creates an upstream without a script.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a reply to the end of the queue.
    pub fn reply(&self, reply: Reply) {
        lock(&self.0).queue.push_back(reply);
    }

    /// Sets the rule, which answers every request for which the queue has no reply. It replaces an earlier
    /// rule.
    pub fn respond_with(&self, rule: impl Fn(&RecordedRequest) -> Reply + Send + Sync + 'static) {
        lock(&self.0).rule = Some(Arc::new(rule));
    }

    /// Sets a rule that answers with copies of one reply.
    pub fn always(&self, reply: Reply) {
        self.respond_with(move |_| reply.clone());
    }

    /// All requests of the component, in order. Failed and cancelled requests are included.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        lock(&self.0).requests.clone()
    }

    /// The last request, or `None` if there was no request.
    pub fn last_request(&self) -> Option<RecordedRequest> {
        lock(&self.0).requests.last().cloned()
    }

    /// The number of requests that the component has sent.
    pub fn count(&self) -> usize {
        lock(&self.0).requests.len()
    }

    /// Records a request. Returns its index, and its reply if one is in the queue.
    fn begin(&self, request: RecordedRequest) -> (usize, Option<Reply>) {
        let mut script = lock(&self.0);
        script.requests.push(request);
        (script.requests.len() - 1, script.queue.pop_front())
    }

    fn set_body(&self, index: usize, body: Bytes) {
        lock(&self.0).requests[index].body = body;
    }

    /// The reply of the rule to the request at this index.
    fn ruled_reply(&self, index: usize) -> Reply {
        let (rule, request) = {
            let script = lock(&self.0);
            (script.rule.clone(), script.requests[index].clone())
        };
        // The lock is released, so a rule may read the earlier requests.
        match rule {
            Some(rule) => rule(&request),
            None => Reply::failure(Fault::NothingScripted),
        }
    }
}

/// The result of a sent request: the response's head and the transfer of its body, or an error.
type SendResult = Result<(Response<WasiBody>, Transfer), Error>;

/// A future that transfers a response's body while the component reads it.
type Transfer = Box<dyn Future<Output = Result<(), Error>> + Send>;

/// The number of bytes of a request's body that the component may write at a time. Bodies are many times
/// longer, so the component has to wait until the upstream reads more.
const BODY_CHUNK: usize = 16;

impl WasiHttpHooks for MockUpstream {
    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        BODY_CHUNK
    }

    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _processed: Transfer,
    ) -> Box<dyn Future<Output = SendResult> + Send> {
        let (head, body) = request.into_parts();
        let options = options.unwrap_or_default();
        // The request is recorded before the first await, because the component may cancel it at any await.
        let (index, queued) = self.begin(RecordedRequest {
            method: head.method,
            uri: head.uri,
            headers: head.headers,
            body: Bytes::new(),
            options,
            at: Instant::now(),
        });
        let upstream = self.clone();
        Box::new(async move {
            if queued.as_ref().is_some_and(Reply::stalls) {
                return pending().await;
            }
            upstream.set_body(index, body.collect().await?.to_bytes());
            queued.unwrap_or_else(|| upstream.ruled_reply(index)).play(options).await
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::Full;
    use std::time::Duration;

    const SECOND: Duration = Duration::from_secs(1);

    /// Sends a request as the component does. Returns the status and the whole body.
    async fn fetch(upstream: &MockUpstream, body: &str) -> Result<(u16, Bytes), Error> {
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

        assert_eq!(fetch(&upstream, "one").await.expect("a response").0, 503);
        assert_eq!(fetch(&upstream, "two").await.expect("a response"), (200, "two".into()));
        assert_eq!(upstream.count(), 2);
        assert_eq!(upstream.requests()[0].body, "one");
    }

    #[tokio::test(start_paused = true)]
    async fn each_timeout_ends_the_stage_it_is_for() {
        let upstream = MockUpstream::new();
        let slightly_late = Duration::from_millis(1);

        upstream.reply(Reply::status(200).connect_after(SECOND + slightly_late));
        assert!(matches!(fetch(&upstream, "").await, Err(Error::ConnectionTimeout)));

        upstream.reply(Reply::status(200).head_after(2 * SECOND + slightly_late));
        assert!(matches!(fetch(&upstream, "").await, Err(Error::ConnectionReadTimeout)));

        let late_chunk = [(SECOND, "a"), (3 * SECOND + slightly_late, "b")];
        upstream.reply(Reply::status(200).chunks(late_chunk));
        assert!(matches!(fetch(&upstream, "").await, Err(Error::ConnectionReadTimeout)));

        let start = Instant::now();
        upstream.reply(
            Reply::status(200)
                .connect_after(SECOND)
                .head_after(2 * SECOND)
                .chunks([(3 * SECOND, "a"), (3 * SECOND, "b")]),
        );
        assert_eq!(fetch(&upstream, "").await.expect("a response"), (200, "ab".into()));
        assert_eq!(start.elapsed(), 9 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_takes_the_time_of_the_stages_before_it() {
        let upstream = MockUpstream::new();
        let start = Instant::now();
        let delayed = Reply::failure(Fault::ConnectionRefused).connect_after(SECOND / 2);
        upstream.reply(delayed.head_after(SECOND));
        assert!(matches!(fetch(&upstream, "").await, Err(Error::ConnectionRefused)));
        assert_eq!(start.elapsed(), SECOND / 2);

        let delayed = Reply::failure(Fault::ConnectionTerminated).head_after(SECOND);
        upstream.reply(delayed);
        assert!(matches!(fetch(&upstream, "").await, Err(Error::ConnectionTerminated)));
        assert_eq!(start.elapsed(), SECOND / 2 + SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_can_end_with_a_failure() {
        let upstream = MockUpstream::new();
        upstream.reply(Reply::status(200).body("half").breaking_with(Fault::ConnectionTerminated));
        assert!(matches!(fetch(&upstream, "").await, Err(Error::ConnectionTerminated)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_without_a_script_fails() {
        let upstream = MockUpstream::new();
        assert!(matches!(fetch(&upstream, "").await, Err(Error::InternalError(Some(_)))));
    }

    #[tokio::test(start_paused = true)]
    async fn a_stalling_upstream_outlasts_every_timeout_and_reads_nothing() {
        let upstream = MockUpstream::new();
        upstream.reply(Reply::stalling());
        assert!(tokio::time::timeout(3600 * SECOND, fetch(&upstream, "unread")).await.is_err());
        assert_eq!(upstream.last_request().expect("the request is recorded").body, "");
    }
}
