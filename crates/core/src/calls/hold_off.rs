//! The hold-off: after a 429 with a wait, no call asks the upstream with the same API key or OAuth client
//! until the wait is over.
//!
//! The upstream limits the requests of an API key, and not those for one account. So the wait is an entry of
//! its own, which every call reads before it asks the upstream. The requests for tokens of an OAuth client
//! have a wait of their own, because another endpoint limits them. A wait of more than [`LONGEST_BACKOFF`] is
//! cut to it, because a wait can come from a clock that is wrong.

use crate::cache::Cache;
use crate::cache::backoff::{LONGEST_BACKOFF, is_pending};
use crate::cache::entry::{Header, Kind};
use crate::cache::key::CacheKey;
use crate::error::Error;
use crate::ports::Ports;
use crate::secret::SecretString;
use core::time::Duration;

/// Checks that the upstream may be asked. `hold_off_key` is the key of the hold-off.
///
/// # Errors
/// [`Error::RateLimited`] with the rest of the wait.
pub(super) async fn check<P: Ports>(
    ports: &P,
    cache: &mut Cache<'_, P>,
    hold_off_key: &CacheKey,
) -> Result<(), Error> {
    let entry = cache.read(hold_off_key).await;
    let end =
        entry.filter(|entry| entry.header.kind == Kind::HeldOff).and_then(|entry| entry.header.expires_at);
    let now = ports.wall_time();
    match end.filter(|end| is_pending(*end, now)) {
        Some(end) => Err(Error::RateLimited { retry_after: Some(end.since(now)) }),
        None => Ok(()),
    }
}

/// Begins a hold-off of this time.
pub(super) async fn begin<P: Ports>(
    ports: &P,
    cache: &mut Cache<'_, P>,
    hold_off_key: &CacheKey,
    wait: Duration,
) {
    let now = ports.wall_time();
    let header =
        Header { expires_at: Some(now.after(wait.min(LONGEST_BACKOFF))), ..Header::new(Kind::HeldOff, now) };
    cache.replace(hold_off_key, &header, &SecretString::default()).await;
}
