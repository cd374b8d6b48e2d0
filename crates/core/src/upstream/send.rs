//! One question to the upstream: the request, its retries, and what the status means.

use crate::configuration::Configuration;
use crate::error::{Error, Malformed, Refused};
use crate::ports::{Clock, Entropy, Limits, Phase, Request, Response, TransportError, Upstream};
use crate::secret::SecretSlice;
use crate::upstream::deadline::Deadline;
use crate::upstream::retry;
use core::time::Duration;

/// Sends `request` and gives the body of a 2xx answer.
///
/// It is sent once more, at most `max_retries` times, when the upstream can be expected to answer better:
/// after 429, 502, 503, 504 and when the connection failed. Every request of this component can be sent twice:
/// they read, and the one that posts asks for a token. Before each retry it waits as
/// [`retry::between_attempts`] says, or as long as the upstream asks if that is longer, up to
/// [`retry::MAXIMUM_RETRY_AFTER`]. A wait that would outlast the deadline is not begun.
///
/// # Errors
/// What the last answer means; `refused` says what a 401 refuses.
pub async fn send(
    ports: &(impl Upstream + Clock + Entropy),
    configuration: &Configuration,
    deadline: Deadline,
    request: &Request,
    refused: Refused,
) -> Result<SecretSlice<u8>, Error> {
    let mut attempt = 0_u32;
    loop {
        let total = deadline.remaining(ports);
        if total.is_zero() {
            return Err(Error::TimedOut(Phase::Deadline));
        }
        let limits = Limits {
            connect: configuration.connect_timeout.min(total),
            first_byte: configuration.first_byte_timeout.min(total),
            between_bytes: configuration.between_bytes_timeout.min(total),
            total,
        };
        let (error, asked) = match ports.send(request, limits).await {
            Ok(response) if (200..=299).contains(&response.status) => return Ok(response.body),
            Ok(response) => {
                let asked = retry::asked_wait(&response, ports.wall_time());
                let error = status_error(&response, refused, asked);
                if !matches!(response.status, 429 | 502 | 503 | 504) {
                    return Err(error);
                }
                (error, asked)
            }
            Err(TransportError::TimedOut(phase)) => (Error::TimedOut(limits.named(phase)), None),
            Err(error @ TransportError::Unreachable(_)) => (transport_error(error), None),
            Err(error) => return Err(transport_error(error)),
        };
        // Even where the upstream asks for no wait at all, many instances must not come back in step.
        let wait = retry::between_attempts(attempt, ports.fraction()).max(asked.unwrap_or_default());
        if u64::from(attempt) >= configuration.max_retries
            || !is_worth_waiting(wait, deadline.remaining(ports))
        {
            return Err(error);
        }
        ports.sleep(wait).await;
        attempt += 1;
    }
}

impl Limits {
    /// The phase that a caller is told of. Where the deadline had cut a phase's limit, it was the deadline.
    fn named(&self, phase: Phase) -> Phase {
        let limit = match phase {
            Phase::Lookup => return phase,
            Phase::Connect => self.connect,
            Phase::FirstByte => self.first_byte,
            Phase::BetweenBytes => self.between_bytes,
            Phase::Deadline => self.total,
        };
        if limit == self.total { Phase::Deadline } else { phase }
    }
}

fn is_worth_waiting(wait: Duration, remaining: Duration) -> bool {
    wait <= retry::MAXIMUM_RETRY_AFTER && wait < remaining
}

fn status_error(response: &Response, refused: Refused, asked: Option<Duration>) -> Error {
    match response.status {
        401 => Error::Unauthorized(refused),
        403 => Error::Forbidden,
        404 => Error::NotFound,
        429 => Error::RateLimited { retry_after: asked },
        status => Error::UpstreamFailure { status, retry_after: asked },
    }
}

fn transport_error(error: TransportError) -> Error {
    match error {
        TransportError::TimedOut(phase) => Error::TimedOut(phase),
        TransportError::Unreachable(code) | TransportError::Denied(code) => Error::Unreachable(code),
        TransportError::BodyTooLarge => Error::MalformedResponse(Malformed::TooLarge),
    }
}
