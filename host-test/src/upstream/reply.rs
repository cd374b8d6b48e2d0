//! The scripted reply of the mock upstream.

use super::{Fault, SendResult, Transfer};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use http_body_util::BodyExt;
use http_body_util::channel::{Channel, Sender};
use std::future::pending;
use std::time::Duration;
use tokio::time::{sleep, timeout};
use wasmtime_wasi_http::{Error, RequestOptions};

/// The timeout of each stage for which the component sets none. The host's client has the same one.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(600);

/// A scripted reply: a response, a fault or an endless stall, with a delay for each stage of the request.
///
/// Delays are in tokio's time. A delay longer than the component's timeout ends the request as
/// [`Network`](crate::Network) does: `connect_timeout` with [`Fault::ConnectTimeout`], and the other two
/// timeouts with [`Fault::ReadTimeout`].
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
    Death,
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

    /// A fault instead of a response.
    pub fn failure(fault: Fault) -> Self {
        Self::new(Outcome::Fault(fault))
    }

    /// An endless wait, in spite of the component's timeouts. A client without a timeout for the TLS
    /// handshake behaves like this when the handshake stalls.
    ///
    /// If the reply is from the queue, the request's body is not read, so the recorded body stays empty. A
    /// rule receives the request's body, so a stall from [`respond_with`] or [`always`] begins after the body
    /// is read.
    ///
    /// [`respond_with`]: super::MockUpstream::respond_with
    /// [`always`]: super::MockUpstream::always
    pub fn stalling() -> Self {
        Self::new(Outcome::Stall)
    }

    /// The death of the component instead of a response: its instance ends in the middle of the request, as
    /// if its host had been stopped.
    pub fn killing() -> Self {
        Self::new(Outcome::Death)
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

    /// Sets the body to `value`, and the content type to `application/json`.
    #[must_use]
    pub fn json(self, value: &serde_json::Value) -> Self {
        let json = HeaderValue::from_static("application/json");
        self.with(|scripted| _ = scripted.headers.insert(header::CONTENT_TYPE, json)).body(value.to_string())
    }

    /// Sets the body, which is sent at once and in one chunk.
    #[must_use]
    pub fn body(self, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        self.chunks([(Duration::ZERO, body)])
    }

    /// Sets the chunks of the body. Each chunk has a delay, which starts after the chunk before it, or after
    /// the response's head for the first chunk.
    #[must_use]
    pub fn chunks<Chunk: Into<Bytes>>(self, chunks: impl IntoIterator<Item = (Duration, Chunk)>) -> Self {
        let chunks = chunks.into_iter().map(|(delay, chunk)| (delay, chunk.into())).collect();
        self.with(|scripted| scripted.chunks = chunks)
    }

    /// Ends the body with a fault after its last chunk.
    #[must_use]
    pub fn breaking_with(self, fault: Fault) -> Self {
        self.with(|scripted| scripted.end = Some(fault))
    }

    /// Sets the delay of the connection.
    #[must_use]
    pub fn connect_after(mut self, delay: Duration) -> Self {
        self.connect_delay = delay;
        self
    }

    /// Sets the delay of the response's head, which starts when there is a connection.
    #[must_use]
    pub fn head_after(mut self, delay: Duration) -> Self {
        self.head_delay = delay;
        self
    }

    /// Changes the response. A fault or a stall has no response and stays as it is.
    fn with(mut self, change: impl FnOnce(&mut Scripted)) -> Self {
        if let Outcome::Response(scripted) = &mut self.outcome {
            change(scripted);
        }
        self
    }

    /// Whether the reply is an endless wait.
    pub(super) fn stalls(&self) -> bool {
        matches!(self.outcome, Outcome::Stall)
    }

    /// Performs the reply within the component's timeouts.
    pub(super) async fn play(self, options: RequestOptions) -> SendResult {
        let connect_timeout = options.connect_timeout.unwrap_or(DEFAULT_TIMEOUT);
        timeout(connect_timeout, sleep(self.connect_delay))
            .await
            .map_err(|_elapsed| Error::ConnectionTimeout)?;
        if let Outcome::Fault(fault) = self.outcome
            && fault.precedes_the_request()
        {
            return Err(fault.into());
        }

        let first_byte_timeout = options.first_byte_timeout.unwrap_or(DEFAULT_TIMEOUT);
        timeout(first_byte_timeout, sleep(self.head_delay))
            .await
            .map_err(|_elapsed| Error::ConnectionReadTimeout)?;
        let scripted = match self.outcome {
            Outcome::Response(scripted) => scripted,
            Outcome::Fault(fault) => return Err(fault.into()),
            Outcome::Stall => return pending().await,
            // The panic goes on in the task of the instance, which drops the instance.
            Outcome::Death => std::panic::resume_unwind(Box::new("the instance is killed")),
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

/// Sends the chunks of a body.
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
            // The component has dropped the body.
            return Ok(());
        }
    }
    if let Some(fault) = end {
        sender.abort(fault.into());
    }
    Ok(())
}
