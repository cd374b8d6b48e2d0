//! One scripted reply, and how it is played to the component.

use super::{Fault, SendResult, Transfer};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use http_body_util::BodyExt;
use http_body_util::channel::{Channel, Sender};
use std::future::pending;
use std::time::Duration;
use tokio::time::{sleep, timeout};
use wasmtime_wasi_http::{Error, RequestOptions};

/// What the host's client waits for when the component sets no timeout.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(600);

/// One scripted reply: a response or a failure, with a delay in each stage, or none at all.
///
/// The delays are of tokio's time, and the component's timeouts cut them off as [`Network`](crate::Network)
/// does: `connect_timeout` with [`Fault::ConnectTimeout`], the other two with [`Fault::ReadTimeout`].
#[derive(Clone, Debug)]
pub struct Reply {
    connect_delay: Duration,
    head_delay: Duration,
    outcome: Outcome,
}

#[derive(Clone, Debug)]
enum Outcome {
    Response(Scripted),
    Fault(Fault),
    Stall,
}

#[derive(Clone, Debug)]
struct Scripted {
    status: StatusCode,
    headers: HeaderMap,
    chunks: Vec<(Duration, Bytes)>,
    end: Option<Fault>,
}

impl Reply {
    /// A response without headers and body.
    ///
    /// # Panics
    ///
    /// `status` isn't between 100 and 999.
    pub fn status(status: u16) -> Self {
        Self::new(Outcome::Response(Scripted {
            status: StatusCode::from_u16(status).expect("a status is between 100 and 999"),
            headers: HeaderMap::new(),
            chunks: Vec::new(),
            end: None,
        }))
    }

    /// No response.
    pub fn failure(failure: Fault) -> Self {
        Self::new(Outcome::Fault(failure))
    }

    /// Neither a response nor a failure, ever, whatever timeouts the component set. The request's body isn't
    /// read either, so its record stays empty. That is what a client does that has no timeout for the TLS
    /// handshake, when the handshake stalls.
    ///
    /// A rule is given the request's body: a stall that comes from [`respond_with`] or [`always`] begins once
    /// the body is read, and only one from the queue before that.
    ///
    /// [`respond_with`]: super::MockUpstream::respond_with
    /// [`always`]: super::MockUpstream::always
    pub fn stalling() -> Self {
        Self::new(Outcome::Stall)
    }

    fn new(outcome: Outcome) -> Self {
        Self { connect_delay: Duration::ZERO, head_delay: Duration::ZERO, outcome }
    }

    /// Adds a header.
    ///
    /// # Panics
    ///
    /// The name or the value isn't valid.
    #[must_use]
    pub fn header(self, name: &str, value: &str) -> Self {
        let name = HeaderName::try_from(name).expect("the header's name is valid");
        let value = HeaderValue::try_from(value).expect("the header's value is valid");
        self.with(|scripted| _ = scripted.headers.append(name, value))
    }

    /// Sets the body to `value`, and the content type with it.
    #[must_use]
    pub fn json(self, value: &serde_json::Value) -> Self {
        let json = HeaderValue::from_static("application/json");
        self.with(|scripted| _ = scripted.headers.insert(header::CONTENT_TYPE, json)).body(value.to_string())
    }

    /// Sets the body, which comes at once and in one piece.
    #[must_use]
    pub fn body(self, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        self.chunks([(Duration::ZERO, body)])
    }

    /// Sets the body, piece by piece, each after a delay since the one before it (the first: since the
    /// response's head).
    #[must_use]
    pub fn chunks<Chunk: Into<Bytes>>(self, chunks: impl IntoIterator<Item = (Duration, Chunk)>) -> Self {
        let chunks = chunks.into_iter().map(|(delay, chunk)| (delay, chunk.into())).collect();
        self.with(|scripted| scripted.chunks = chunks)
    }

    /// Ends the body with a failure after what was sent of it.
    #[must_use]
    pub fn breaking_with(self, failure: Fault) -> Self {
        self.with(|scripted| scripted.end = Some(failure))
    }

    /// Sets how long the connection takes.
    #[must_use]
    pub fn connect_after(mut self, delay: Duration) -> Self {
        self.connect_delay = delay;
        self
    }

    /// Sets how long the response's head takes, once connected.
    #[must_use]
    pub fn head_after(mut self, delay: Duration) -> Self {
        self.head_delay = delay;
        self
    }

    /// A failure has no response that could be changed, and a stall neither.
    fn with(mut self, change: impl FnOnce(&mut Scripted)) -> Self {
        if let Outcome::Response(scripted) = &mut self.outcome {
            change(scripted);
        }
        self
    }

    pub(super) fn stalls(&self) -> bool {
        matches!(self.outcome, Outcome::Stall)
    }

    pub(super) async fn play(self, options: RequestOptions) -> SendResult {
        let connect_timeout = options.connect_timeout.unwrap_or(DEFAULT_TIMEOUT);
        timeout(connect_timeout, sleep(self.connect_delay))
            .await
            .map_err(|_elapsed| Error::ConnectionTimeout)?;
        if let Outcome::Fault(failure) = self.outcome
            && failure.precedes_the_request()
        {
            return Err(failure.into());
        }

        let first_byte_timeout = options.first_byte_timeout.unwrap_or(DEFAULT_TIMEOUT);
        timeout(first_byte_timeout, sleep(self.head_delay))
            .await
            .map_err(|_elapsed| Error::ConnectionReadTimeout)?;
        let scripted = match self.outcome {
            Outcome::Response(scripted) => scripted,
            Outcome::Fault(failure) => return Err(failure.into()),
            Outcome::Stall => return pending().await,
        };

        let (sender, body) = Channel::new(1);
        let mut response = Response::new(body.boxed_unsync());
        *response.status_mut() = scripted.status;
        *response.headers_mut() = scripted.headers;
        let between_bytes_timeout = options.between_bytes_timeout.unwrap_or(DEFAULT_TIMEOUT);
        let transfer = transfer(sender, scripted.chunks, scripted.end, between_bytes_timeout);
        Ok((response, Box::new(transfer) as Transfer))
    }
}

async fn transfer(
    mut sender: Sender<Bytes, Error>,
    chunks: Vec<(Duration, Bytes)>,
    end: Option<Fault>,
    between_bytes_timeout: Duration,
) -> Result<(), Error> {
    for (delay, chunk) in chunks {
        if timeout(between_bytes_timeout, sleep(delay)).await.is_err() {
            sender.abort(Error::ConnectionReadTimeout);
            return Ok(());
        }
        if sender.send_data(chunk).await.is_err() {
            // The component has dropped the body: nobody is left to tell.
            return Ok(());
        }
    }
    if let Some(failure) = end {
        sender.abort(failure.into());
    }
    Ok(())
}
