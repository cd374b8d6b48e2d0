//! One call: its state, and the steps that [`crate::calls`] puts in order.

use crate::account_id::AccountId;
use crate::cache::Cache;
use crate::cache::backoff::{Backoff, Cause, after_rejected, after_unchanged};
use crate::cache::entry::{Entry, Header};
use crate::cache::freshness::{Freshness, is_from_the_future};
use crate::cache::key::CacheKey;
use crate::cache::negative;
use crate::calls::credentials::{Credentials, Source, Warning};
use crate::calls::fetch;
use crate::calls::lookup::{CachedAccount, Lookup};
use crate::configuration::Configuration;
use crate::error::Error;
use crate::ports::Ports;
use crate::secret::SecretString;
use crate::timestamp::UnixMilliseconds;
use crate::upstream::account::Account;
use crate::upstream::deadline::Deadline;
use core::time::Duration;

/// One call for one account.
pub(super) struct Call<'a, P: Ports> {
    pub(super) ports: &'a P,
    pub(super) configuration: &'a Configuration,
    pub(super) account_id: AccountId,
    pub(super) cache_key: CacheKey,
    pub(super) cache: Cache<'a, P>,
    /// The `fetched_at` of the entry that the last lookup has read.
    previous_fetched_at: Option<UnixMilliseconds>,
    /// When this call asked the upstream for the account. None if it has not.
    requested_at: Option<UnixMilliseconds>,
    /// The deadline. None until the first request or the first wait for a leader.
    deadline: Option<Deadline>,
    /// The store key of the lease that this call holds.
    pub(super) lease: Option<String>,
    /// When this call began to wait for the leader.
    pub(super) waiting_since: Option<UnixMilliseconds>,
    warnings: Vec<Warning>,
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
    /// Starts a call: derives the cache key and opens the cache.
    pub(super) async fn start(ports: &'a P, configuration: &'a Configuration, account_id: AccountId) -> Self {
        Self {
            ports,
            configuration,
            cache_key: CacheKey::of_account(configuration, &account_id),
            account_id,
            cache: Cache::open(ports, &configuration.bucket, &configuration.protection).await,
            previous_fetched_at: None,
            requested_at: None,
            deadline: None,
            lease: None,
            waiting_since: None,
            warnings: Vec::new(),
        }
    }

    /// Reads the account's entry from the cache and decides whether it is fresh.
    pub(super) async fn look_up(&mut self) -> Lookup {
        let Some(entry) = self.cache.read(&self.cache_key).await else { return Lookup::Missing(None) };
        let fetched_at = entry.header.fetched_at;
        self.previous_fetched_at = Some(fetched_at);
        let now = self.ports.wall_time();
        if let Some(error) = negative::error(&entry) {
            let is_valid = now < fetched_at.after(self.configuration.negative_age)
                && !is_from_the_future(fetched_at, now);
            return if is_valid { Lookup::Negative(error) } else { Lookup::Missing(None) };
        }
        let Some(cached) = self.cached_account(entry) else { return Lookup::Missing(None) };
        let policy = &self.configuration.refresh;
        match cached.header.times().freshness(policy, now, &|| self.ports.fraction()) {
            Freshness::Fresh => Lookup::Fresh(cached),
            Freshness::Stale => Lookup::Stale(cached),
            Freshness::Expired => Lookup::Missing(Some(cached)),
            Freshness::FromTheFuture => Lookup::Missing(None),
        }
    }

    fn cached_account(&self, Entry { header, content }: Entry) -> Option<CachedAccount> {
        Some(CachedAccount { account: Account::from_json(content, &self.account_id).ok()?, header })
    }

    fn valid_account(&self, entry: Entry) -> Option<CachedAccount> {
        self.cached_account(entry).filter(|cached| !self.has_expired(cached))
    }

    /// Whether cached credentials have expired since the lookup.
    pub(super) fn has_expired(&self, cached: &CachedAccount) -> bool {
        let now = self.ports.wall_time();
        cached.header.times().freshness(&self.configuration.refresh, now, &|| 1.0) == Freshness::Expired
    }

    /// Returns cached credentials, with a warning if their last refresh failed and is backed off.
    pub(super) fn return_cached(&mut self, cached: CachedAccount) -> Credentials {
        let wait = cached.backoff_wait(Cause::Failed, self.ports.wall_time());
        self.warnings.extend(wait.map(Warning::RefreshDeferred));
        cached.into_credentials(self.account_id.clone())
    }

    /// The rest of the backoff that began when the upstream returned a secret that a caller had rejected.
    pub(super) fn rejected_backoff(&self, cached: &CachedAccount) -> Option<Duration> {
        cached.backoff_wait(Cause::Rejected, self.ports.wall_time())
    }

    /// Returns the credentials that the caller has rejected, with a warning: the backoff of `wait` is on.
    pub(super) fn return_rejected(&mut self, cached: CachedAccount, wait: Duration) -> Credentials {
        self.warnings.push(Warning::TokenUnchanged(wait));
        cached.into_credentials(self.account_id.clone())
    }

    /// The deadline. It starts at the first use, so that it covers the upstream and not the first read from
    /// the store.
    pub(super) fn deadline(&mut self) -> Deadline {
        *self.deadline.get_or_insert_with(|| Deadline::start(self.ports, self.configuration.deadline))
    }

    /// Fetches the account from the upstream, caches it, and returns its credentials. `previous` is the
    /// account that the lookup found, `rejected` the secret that the caller can't use.
    pub(super) async fn fetch(
        &mut self,
        budget: Budget,
        previous: Option<&CachedAccount>,
        rejected: Option<&SecretString>,
    ) -> Result<Credentials, Error> {
        // The time before the request: the account in the response is at least as recent.
        let requested_at = self.ports.wall_time();
        self.requested_at = Some(requested_at);
        let deadline = match budget {
            Budget::Full => self.deadline(),
            Budget::Half => self.deadline().halfway(self.ports),
        };
        let Self { ports, configuration, account_id, cache, warnings, .. } = self;
        let fetched = fetch::account(*ports, configuration, cache, deadline, account_id, warnings).await;
        match fetched {
            Ok(account) => Ok(self.cache_account(account, requested_at, previous, rejected).await),
            Err(error) => {
                if let Some(expired) = previous.filter(|cached| self.has_expired(cached)) {
                    // Without the entry, a clock that steps back can't make expired credentials valid again.
                    let previous_fetched_at = self.previous_fetched_at;
                    self.cache
                        .remove_unless_newer(&self.cache_key, &expired.header, previous_fetched_at)
                        .await;
                }
                Err(error)
            }
        }
    }

    /// Caches a fetched account and returns its credentials. If another call has cached a newer account
    /// meanwhile, returns the newer credentials, unless they are expired or rejected.
    async fn cache_account(
        &mut self,
        account: Account,
        fetched_at: UnixMilliseconds,
        previous: Option<&CachedAccount>,
        rejected: Option<&SecretString>,
    ) -> Credentials {
        let now = self.ports.wall_time();
        let mut header = Header::of_account(fetched_at, account.expires_at, account.next_refresh_at);
        let freshness = header.times().freshness(&self.configuration.refresh, now, &|| 1.0);
        let unchanged = previous.filter(|cached| cached.account.has_same_secret_as(&account));
        let earlier_backoff = unchanged.and_then(|cached| cached.header.backoff);
        let is_rejected = rejected.is_some_and(|rejected| account.authorizes_with(rejected));
        if freshness == Freshness::Stale || (is_rejected && freshness == Freshness::Fresh) {
            let (cause, wait): (_, fn(u32) -> Duration) = match is_rejected {
                true => (Cause::Rejected, after_rejected),
                false => (Cause::Unchanged, after_unchanged),
            };
            header.backoff = Some(Backoff::after(earlier_backoff, cause, now, &wait));
        }
        let newer = self.write_account(&header, &account).await;
        let is_accepted =
            |cached: &CachedAccount| rejected.is_none_or(|rejected| !cached.authorizes_with(rejected));
        if let Some(newer) = newer.filter(is_accepted) {
            return newer.into_credentials(self.account_id.clone());
        }

        if freshness == Freshness::Expired {
            self.warnings.push(Warning::AlreadyExpired);
        } else if let Some(backoff) = header.backoff.filter(|backoff| backoff.cause == Cause::Rejected) {
            self.warnings.push(Warning::TokenUnchanged(backoff.retry_at.since(now)));
        }
        let credentials = Credentials::new(self.account_id.clone(), account, Source::Upstream, fetched_at);
        Credentials { is_renewed: previous.is_some(), ..credentials }
    }

    /// Returns stale credentials after their refresh failed, with a warning, and backs the next refresh off.
    /// If another call has refreshed the credentials meanwhile, returns the newer ones.
    pub(super) async fn fall_back(&mut self, mut stale: CachedAccount, error: Error) -> Credentials {
        stale.header.back_off(&error, self.ports.wall_time());
        match self.write_account(&stale.header, &stale.account).await {
            Some(newer) => newer.into_credentials(self.account_id.clone()),
            None => {
                self.warnings.push(Warning::RefreshFailed(error));
                stale.into_credentials(self.account_id.clone())
            }
        }
    }

    /// Writes an account to the cache, unless another call has written a newer entry meanwhile. Returns the
    /// newer account, if the newer entry is one and has not expired.
    async fn write_account(&mut self, header: &Header, account: &Account) -> Option<CachedAccount> {
        let newer = self.cache.write(&self.cache_key, header, &account.json, self.previous_fetched_at).await;
        newer.and_then(|entry| self.valid_account(entry))
    }

    /// Caches the failure of a call that has asked the upstream. A failure of the account becomes the
    /// account's entry, for all later calls. Any other failure of the upstream has its own key, for the
    /// followers alone.
    pub(super) async fn cache_failure(&mut self, error: &Error) {
        let Some(requested_at) = self.requested_at else { return };
        let negative = negative::entry(error, requested_at)
            .filter(|_| !self.configuration.negative_age.is_zero())
            .map(|entry| (None, entry, self.previous_fetched_at));
        let (failure_key, Entry { header, content }, previous_fetched_at) = match negative {
            Some(negative) => negative,
            None => {
                let Some(entry) = self.shared_failure(error) else { return };
                (Some(CacheKey::of_failure(self.configuration, &self.account_id)), entry, None)
            }
        };
        let cache_key = failure_key.as_ref().unwrap_or(&self.cache_key);
        self.cache.write(cache_key, &header, &content, previous_fetched_at).await;
    }

    /// Adds the call's warnings to the credentials that it returns.
    pub(super) fn with_warnings(self, mut credentials: Credentials) -> Credentials {
        credentials.warnings.extend(self.warnings);
        credentials.warnings.extend(self.cache.failure().map(Warning::CacheDegraded));
        credentials
    }

    /// Removes the account's entry, whether it holds credentials or a failure.
    ///
    /// # Errors
    /// [`Error::StoreFailure`] if an operation of the store failed.
    pub(super) async fn remove_entry(mut self) -> Result<(), Error> {
        self.cache.remove(&self.cache_key).await;
        match self.cache.failure() {
            Some(failure) => Err(Error::StoreFailure(failure.error)),
            None => Ok(()),
        }
    }
}
