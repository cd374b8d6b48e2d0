//! The sending of a request to the upstream: its retries, and the error for each status.

use crate::configuration::Configuration;
use crate::error::{Error, Malformed, Refused};
use crate::ports::{Clock, Entropy, Limits, Phase, Request, Response, TransportError, Upstream};
use crate::secret::SecretSlice;
use crate::upstream::deadline::Deadline;
use crate::upstream::retry;
use core::time::Duration;

/// Sends `request` and returns the body of a 2xx response.
///
/// After status 429, 502, 503 or 504, after a timeout of the transport, and after a failed or broken
/// connection, the request is sent again, at most `max_retries` times. A request that is not idempotent is
/// sent again only if the upstream has not acted on it: after status 429 or 503, or if no part of it was
/// sent.
///
/// The wait before a retry is [`retry::between_attempts`], or [`retry::requested_wait`] if that is longer.
/// There is no retry if the wait is longer than [`retry::MAXIMUM_RETRY_AFTER`] or would outlast the deadline.
///
/// # Errors
/// The error for the last response. `refused` is the secret that a 401 is about. `on_rate_limit` gets the
/// wait of each 429 that asks for one.
pub async fn send(
    ports: &(impl Upstream + Clock + Entropy),
    configuration: &Configuration,
    deadline: Deadline,
    request: &Request,
    refused: Refused,
    mut on_rate_limit: impl AsyncFnMut(Duration),
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
        let is_idempotent = request.method.is_idempotent();
        let (error, requested_wait) = match ports.send(request, limits).await {
            Ok(response) if (200..=299).contains(&response.status) => return Ok(response.body),
            Ok(response) => {
                let requested_wait = retry::requested_wait(&response, ports.wall_time());
                let error = status_error(&response, refused, requested_wait);
                if let Error::RateLimited { retry_after: Some(wait) } = error
                    && !wait.is_zero()
                {
                    on_rate_limit(wait).await;
                }
                match response.status {
                    429 | 503 => {}
                    502 | 504 if is_idempotent => {}
                    _ => return Err(error),
                }
                (error, requested_wait)
            }
            Err(cause) => {
                let can_repeat =
                    if is_idempotent { cause.is_temporary() } else { cause.precedes_the_request() };
                let error = transport_error(cause, limits);
                if !can_repeat {
                    return Err(error);
                }
                (error, None)
            }
        };
        // The jitter also counts if the upstream asks for a wait of zero, so that instances don't retry in
        // step.
        let wait = retry::between_attempts(attempt, ports.fraction()).max(requested_wait.unwrap_or_default());
        if u64::from(attempt) >= configuration.max_retries
            || !is_wait_allowed(wait, deadline.remaining(ports))
        {
            return Err(error);
        }
        ports.sleep(wait).await;
        attempt += 1;
    }
}

impl Limits {
    /// The phase in the error for the caller. If the deadline has shortened the limit of `phase`, the cause
    /// is the deadline.
    fn reported_phase(&self, phase: Phase) -> Phase {
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

fn is_wait_allowed(wait: Duration, remaining: Duration) -> bool {
    wait <= retry::MAXIMUM_RETRY_AFTER && wait < remaining
}

fn status_error(response: &Response, refused: Refused, retry_after: Option<Duration>) -> Error {
    match response.status {
        401 => Error::Unauthorized(refused),
        403 => Error::Forbidden,
        404 => Error::NotFound,
        429 => Error::RateLimited { retry_after },
        status => Error::UpstreamFailure { status, retry_after },
    }
}

fn transport_error(error: TransportError, limits: Limits) -> Error {
    match error {
        TransportError::TimedOut(phase) => Error::TimedOut(limits.reported_phase(phase)),
        TransportError::Unreachable(code)
        | TransportError::ConnectionBroken(code)
        | TransportError::Denied(code) => Error::Unreachable(code),
        TransportError::BodyTooLarge => Error::MalformedResponse(Malformed::TooLarge),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_the_deadline_has_shortened_is_the_deadline() {
        let seconds = Duration::from_secs;
        let limits = Limits {
            connect: seconds(1),
            first_byte: seconds(2),
            between_bytes: seconds(3),
            total: seconds(4),
        };
        let phases = [Phase::Lookup, Phase::Connect, Phase::FirstByte, Phase::BetweenBytes, Phase::Deadline];
        assert_eq!(phases.map(|phase| limits.reported_phase(phase)), phases);
        let short =
            Limits { connect: seconds(4), first_byte: seconds(4), between_bytes: seconds(4), ..limits };
        let [lookup, others @ ..] = phases.map(|phase| short.reported_phase(phase));
        assert_eq!((lookup, others), (Phase::Lookup, [Phase::Deadline; 4]));
    }

    #[test]
    fn a_wait_ends_before_the_deadline_and_is_at_most_20_s() {
        let ms = Duration::from_millis;
        for (wait, remaining, is_allowed) in [
            (0, 1, true),
            (0, 0, false),
            (999, 1_000, true),
            (1_000, 1_000, false),
            (20_000, 30_000, true),
            (20_001, 30_000, false),
        ] {
            assert_eq!(is_wait_allowed(ms(wait), ms(remaining)), is_allowed, "{wait} {remaining}");
        }
    }
}
