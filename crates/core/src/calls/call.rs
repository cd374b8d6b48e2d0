//! One call: its state, and the steps that [`crate::calls`] puts in order.

use crate::account_id::AccountId;
use crate::cache::Cache;
use crate::cache::backoff::Cause;
use crate::cache::entry::{Entry, Header, Kind};
use crate::cache::freshness::{Freshness, is_from_the_future};
use crate::cache::key::CacheKey;
use crate::cache::lease;
use crate::cache::negative;
use crate::calls::KeyedAccount;
use crate::calls::credentials::{Credentials, Source, Warning};
use crate::calls::fetch;
use crate::calls::hold_off;
use crate::calls::lookup::{CachedAccount, Lookup};
use crate::calls::single_flight::{Flight, Role, Subject};
use crate::configuration::{Configuration, Protection};
use crate::error::Error;
use crate::ports::Ports;
use crate::secret::SecretString;
use crate::timestamp::UnixMilliseconds;
use crate::upstream::deadline::Deadline;
use alloc::vec::Vec;
use core::time::Duration;

/// One call for one account.
pub(super) struct Call<'a, P: Ports> {
    pub(super) ports: &'a P,
    pub(super) configuration: &'a Configuration,
    pub(super) account_id: AccountId,
    pub(super) cache_key: CacheKey,
    pub(super) cache: Cache<'a, P>,
    pub(super) flight: Flight<'a, P>,
    /// The `fetched_at` of the entry that the first lookup has read. The outer option is None until then.
    first_fetched_at: Option<Option<UnixMilliseconds>>,
    /// The `fetched_at` of the entry that the last lookup has read.
    pub(super) previous_fetched_at: Option<UnixMilliseconds>,
    /// When this call asked the upstream for the account. None if it has not.
    pub(super) requested_at: Option<UnixMilliseconds>,
    /// The deadline. None until the first request or the first wait for a leader.
    deadline: Option<Deadline>,
    /// Whether the request of this call had less than the whole time until the deadline.
    pub(super) is_short_of_time: bool,
    pub(super) warnings: Vec<Warning>,
}

/// The part of the time until the deadline that the requests of a call may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Budget {
    /// All of it: without a response there are no credentials to return.
    Full,
    /// Half of it: the call can fall back to stale credentials.
    Half,
}

impl<'a, P: Ports> Call<'a, P> {
    /// Starts a call: opens the cache.
    pub(super) async fn start(ports: &'a P, configuration: &'a Configuration, account: KeyedAccount) -> Self {
        let KeyedAccount { id: account_id, cache_key } = account;
        Self {
            ports,
            configuration,
            cache_key,
            cache: Cache::open(ports, &configuration.bucket, &configuration.protection).await,
            flight: Flight::new(ports, configuration, Subject::Account(account_id.clone())),
            account_id,
            first_fetched_at: None,
            previous_fetched_at: None,
            requested_at: None,
            deadline: None,
            is_short_of_time: false,
            warnings: Vec::new(),
        }
    }

    /// Reads the account's entry from the cache and decides whether it is fresh.
    ///
    /// An entry that another call has written since the first lookup is the result of the flight. All calls
    /// that have waited for the flight take it as it is, also if the credentials had expired on arrival.
    /// Otherwise each of them would ask the upstream in turn.
    pub(super) async fn look_up(&mut self) -> Lookup {
        let entry = self.cache.read(&self.cache_key).await;
        self.previous_fetched_at = entry.as_ref().map(|entry| entry.header.fetched_at);
        self.first_fetched_at.get_or_insert(self.previous_fetched_at);
        let Some(entry) = entry else { return Lookup::Missing(None) };
        let is_result = self.has_result();
        let fetched_at = entry.header.fetched_at;
        let now = self.ports.wall_time();
        if let Some(error) = negative::error(&entry) {
            let is_valid = now < fetched_at.after(self.configuration.negative_age)
                && !is_from_the_future(fetched_at, now);
            return if is_valid || is_result { Lookup::Negative(error) } else { Lookup::Missing(None) };
        }
        let Some(cached) = self.cached_account(entry) else { return Lookup::Missing(None) };
        let policy = &self.configuration.refresh;
        match cached.header.times().freshness(policy, now, &|| self.ports.fraction()) {
            _ if is_result => Lookup::Fresh(cached),
            Freshness::Fresh => Lookup::Fresh(cached),
            Freshness::Stale => Lookup::Stale(cached),
            Freshness::Expired => Lookup::Missing(Some(cached)),
            Freshness::FromTheFuture => Lookup::Missing(None),
        }
    }

    /// Whether the last lookup has read an entry that the first lookup has not.
    fn has_result(&self) -> bool {
        self.previous_fetched_at.is_some() && self.first_fetched_at != Some(self.previous_fetched_at)
    }

    /// Whether the entry of the last lookup is fresh enough for a forced refresh: it was fetched during this
    /// call's flight, or less than the configured age ago.
    pub(super) fn is_recent(&self) -> bool {
        let now = self.ports.wall_time();
        let is_young = |fetched_at: UnixMilliseconds| {
            now.since(fetched_at) < self.configuration.forced_refresh_age
                && !is_from_the_future(fetched_at, now)
        };
        self.has_result() || self.previous_fetched_at.is_some_and(is_young)
    }

    fn cached_account(&self, Entry { header, content }: Entry) -> Option<CachedAccount> {
        if header.kind != Kind::Account {
            return None;
        }
        let cached = CachedAccount { json: content, header };
        // An encrypted entry is what a call has written after it had read the account.
        let is_encrypted = matches!(self.configuration.protection, Protection::Encrypted(_));
        (is_encrypted || cached.read(&self.account_id).is_some()).then_some(cached)
    }

    pub(super) fn valid_account(&self, entry: Entry) -> Option<CachedAccount> {
        self.cached_account(entry).filter(|cached| !self.has_expired(cached))
    }

    /// Whether `secret` is one of the cached credentials.
    pub(super) fn authorizes(&self, cached: &CachedAccount, secret: &SecretString) -> bool {
        cached.authorizes_with(secret, &self.account_id)
    }

    /// Whether cached credentials have expired since the lookup.
    pub(super) fn has_expired(&self, cached: &CachedAccount) -> bool {
        let now = self.ports.wall_time();
        cached.header.times().freshness(&self.configuration.refresh, now, &|| 1.0) == Freshness::Expired
    }

    /// The credentials as the caller gets them.
    pub(super) fn credentials(&self, json: SecretString, header: &Header, source: Source) -> Credentials {
        let now = self.ports.wall_time();
        let fresh_until = header.times().fresh_until(&self.configuration.refresh, now);
        Credentials::new(self.account_id.clone(), json, header, source, fresh_until)
    }

    /// Returns cached credentials, with a warning if their last refresh failed and is backed off, or if the
    /// leader of this call's flight has brought credentials that had expired.
    pub(super) fn return_cached(&mut self, cached: CachedAccount) -> Credentials {
        let now = self.ports.wall_time();
        let wait = cached.backoff_wait(Cause::Failed, now);
        self.warnings.extend(wait.map(Warning::RefreshDeferred));
        if cached.header.expires_at.is_some_and(|expires_at| expires_at <= now) {
            self.warnings.push(Warning::AlreadyExpired);
        }
        self.credentials(cached.json, &cached.header, Source::Cache)
    }

    /// The rest of the backoff that began when the upstream returned a secret that a caller had rejected.
    pub(super) fn rejected_backoff(&self, cached: &CachedAccount) -> Option<Duration> {
        cached.backoff_wait(Cause::Rejected, self.ports.wall_time())
    }

    /// Returns the credentials that the caller has rejected, with a warning: the backoff of `wait` is on.
    pub(super) fn return_rejected(&mut self, cached: CachedAccount, wait: Duration) -> Credentials {
        self.warnings.push(Warning::TokenUnchanged(wait));
        self.credentials(cached.json, &cached.header, Source::Cache)
    }

    /// Joins the flight for the account.
    ///
    /// # Errors
    /// The failure of the leader that this call has waited for.
    pub(super) async fn join_flight(&mut self) -> Result<Role, Error> {
        self.flight.join(&mut self.cache, &self.cache_key).await
    }

    /// Whether a follower with stale credentials observes the holder of the lease, which seems to be dead.
    pub(super) async fn observes_leader(&mut self) -> bool {
        self.flight.observes(&mut self.cache, &self.cache_key).await
    }

    /// Waits a moment for the leader of the flight.
    ///
    /// # Errors
    /// [`Error::TimedOut`] once the deadline has passed, and the leader's error if its request has failed.
    pub(super) async fn wait_for_leader(&mut self) -> Result<(), Error> {
        let deadline = self.deadline();
        self.flight.wait(&mut self.cache, deadline).await
    }

    /// The deadline. It starts at the first use, so that it covers the upstream and not the first read from
    /// the store.
    fn deadline(&mut self) -> Deadline {
        *self.deadline.get_or_insert_with(|| Deadline::start(self.ports, self.configuration.deadline))
    }

    /// Fetches the account from the upstream, caches it, and returns its credentials. `previous` is the
    /// account that the lookup found, `rejected` the secret that the caller can't use. After a 429 with a
    /// wait, the upstream is not asked until the wait is over.
    pub(super) async fn fetch(
        &mut self,
        budget: Budget,
        previous: Option<&CachedAccount>,
        rejected: Option<&SecretString>,
    ) -> Result<Credentials, Error> {
        let hold_off_key = CacheKey::of_hold_off(self.configuration);
        hold_off::check(self.ports, &mut self.cache, &hold_off_key).await?;
        // The time before the request: the account in the response is at least as recent.
        let requested_at = self.ports.wall_time();
        self.requested_at = Some(requested_at);
        self.is_short_of_time = budget == Budget::Half || self.flight.has_followed();
        let deadline = match budget {
            Budget::Full => self.deadline(),
            Budget::Half => self.deadline().halfway(self.ports),
        };
        let Self { ports, configuration, account_id, cache, warnings, flight, .. } = self;
        let request = fetch::account(*ports, configuration, cache, deadline, account_id, warnings);
        match flight.hold(request).await {
            Ok(account) => Ok(self.cache_account(account, requested_at, previous, rejected).await),
            Err(error) => {
                // Without the entry, a clock that steps back can't make expired credentials valid again.
                let is_useless =
                    error.is_refusal() || previous.is_some_and(|cached| self.has_expired(cached));
                if is_useless && self.previous_fetched_at.is_some() {
                    let previous = self.previous_fetched_at;
                    self.cache.remove_unless_newer(&self.cache_key, requested_at, previous).await;
                }
                Err(error)
            }
        }
    }

    /// Leaves the flight, and adds the call's warnings to the credentials that it returns.
    pub(super) async fn finish(mut self, result: Result<Credentials, Error>) -> Result<Credentials, Error> {
        self.flight.leave(&mut self.cache, &self.cache_key).await;
        let mut credentials = result?;
        credentials.warnings.extend(self.warnings);
        credentials.warnings.extend(self.cache.failure().map(Warning::CacheDegraded));
        Ok(credentials)
    }

    /// Removes the account's entry, whether it holds credentials or a failure.
    ///
    /// # Errors
    /// [`Error::StoreFailure`] if an operation of the store failed.
    pub(super) async fn remove_entry(mut self) -> Result<(), Error> {
        self.cache.remove(&self.cache_key, &lease::key(&self.cache_key)).await;
        match self.cache.failure() {
            Some(failure) => Err(Error::StoreFailure(failure.error)),
            None => Ok(()),
        }
    }
}
