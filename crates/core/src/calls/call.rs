//! The steps that the calls are made of. [`crate::calls`] puts them in order.

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
    /// When what the cache had was fetched.
    seen: Option<UnixMilliseconds>,
    /// When the upstream was asked for the account.
    asked_at: Option<UnixMilliseconds>,
    /// The deadline, once something was waited for.
    deadline: Option<Deadline>,
    /// The key of the lease that this call holds.
    pub(super) lease: Option<String>,
    /// Since when it has waited for the one whose turn it is.
    pub(super) waiting_since: Option<UnixMilliseconds>,
    warnings: Vec<Warning>,
}

/// How much of the call's time a request may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Budget {
    /// All that is left.
    Full,
    /// Half of it: the call can do without.
    Half,
}

impl<'a, P: Ports> Call<'a, P> {
    /// Begins a call.
    pub(super) async fn start(ports: &'a P, configuration: &'a Configuration, account_id: AccountId) -> Self {
        Self {
            ports,
            configuration,
            cache_key: CacheKey::of_account(configuration, &account_id),
            account_id,
            cache: Cache::open(ports, &configuration.bucket, &configuration.protection).await,
            seen: None,
            asked_at: None,
            deadline: None,
            lease: None,
            waiting_since: None,
            warnings: Vec::new(),
        }
    }

    /// What the cache has of the account.
    pub(super) async fn look_up(&mut self) -> Lookup {
        let Some(entry) = self.cache.read(&self.cache_key).await else { return Lookup::Missing(None) };
        self.seen = Some(entry.header.fetched_at);
        let now = self.ports.wall_time();
        if let Some(error) = negative::error(&entry) {
            let fetched_at = entry.header.fetched_at;
            let is_kept = now < fetched_at.after(self.configuration.negative_age)
                && !is_from_the_future(fetched_at, now);
            return if is_kept { Lookup::Negative(error) } else { Lookup::Missing(None) };
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

    /// Answers with what the cache had.
    pub(super) fn serve(&mut self, cached: CachedAccount) -> Credentials {
        let wait = cached.backoff_wait(Cause::Failed, self.ports.wall_time());
        self.warnings.extend(wait.map(Warning::RefreshDeferred));
        cached.into_credentials(self.account_id.clone())
    }

    /// For how long the upstream is left alone because it was asked a short time ago, for the same reason and in
    /// vain: it gave the very token that a caller had rejected.
    pub(super) fn rejected_wait(&self, cached: &CachedAccount) -> Option<Duration> {
        cached.backoff_wait(Cause::Rejected, self.ports.wall_time())
    }

    /// Answers a caller that has rejected what the cache had while the upstream is left alone.
    pub(super) fn serve_rejected(&mut self, cached: CachedAccount, wait: Duration) -> Credentials {
        self.warnings.push(Warning::TokenUnchanged(wait));
        cached.into_credentials(self.account_id.clone())
    }

    /// The deadline runs from the first wait on: the time that the store takes is not the upstream's.
    pub(super) fn deadline(&mut self) -> Deadline {
        *self.deadline.get_or_insert_with(|| Deadline::start(self.ports, self.configuration.deadline))
    }

    /// Asks the upstream, caches the answer, and answers with it. `previous` is what the cache had, `rejected` what
    /// the caller can't use.
    pub(super) async fn fetch(
        &mut self,
        budget: Budget,
        previous: Option<&CachedAccount>,
        rejected: Option<&SecretString>,
    ) -> Result<Credentials, Error> {
        // The time of the question: the answer can't be older.
        let asked_at = self.ports.wall_time();
        self.asked_at = Some(asked_at);
        let deadline = match budget {
            Budget::Full => self.deadline(),
            Budget::Half => self.deadline().halfway(self.ports),
        };
        let Self { ports, configuration, account_id, cache, warnings, .. } = self;
        let fetched = fetch::account(*ports, configuration, cache, deadline, account_id, warnings).await;
        match fetched {
            Ok(account) => Ok(self.keep(account, asked_at, previous, rejected).await),
            Err(error) => {
                if let Some(cached) = previous.filter(|cached| self.has_expired(cached)) {
                    // A clock that steps back can't bring it back to life then.
                    self.cache.remove_unless_later(&self.cache_key, &cached.header, self.seen).await;
                }
                Err(error)
            }
        }
    }

    async fn keep(
        &mut self,
        account: Account,
        fetched_at: UnixMilliseconds,
        previous: Option<&CachedAccount>,
        rejected: Option<&SecretString>,
    ) -> Credentials {
        let now = self.ports.wall_time();
        let (expires_at, next_refresh_at) = (account.expires_at, account.next_refresh_at);
        let mut header = Header::of_account(fetched_at, expires_at, next_refresh_at);
        let freshness = header.times().freshness(&self.configuration.refresh, now, &|| 1.0);
        let same = previous.filter(|cached| cached.account.is_as_good_as(&account));
        let earlier = same.and_then(|cached| cached.header.backoff);
        let is_rejected = rejected.is_some_and(|rejected| account.uses(rejected));
        if freshness == Freshness::Stale || (is_rejected && freshness == Freshness::Fresh) {
            let (cause, wait): (_, fn(u32) -> Duration) = match is_rejected {
                true => (Cause::Rejected, after_rejected),
                false => (Cause::Unchanged, after_unchanged),
            };
            header.backoff = Some(Backoff::after(earlier, cause, now, &wait));
        }
        let later = self.cache.write(&self.cache_key, &header, &account.json, self.seen).await;
        let is_better = |cached: &CachedAccount| rejected.is_none_or(|rejected| !cached.uses(rejected));
        if let Some(later) = later.and_then(|entry| self.valid_account(entry)).filter(is_better) {
            return later.into_credentials(self.account_id.clone());
        }

        if freshness == Freshness::Expired {
            self.warnings.push(Warning::AlreadyExpired);
        } else if let Some(backoff) = header.backoff.filter(|backoff| backoff.cause == Cause::Rejected) {
            self.warnings.push(Warning::TokenUnchanged(backoff.retry_at.since(now)));
        }
        let credentials = Credentials::new(self.account_id.clone(), account, Source::Upstream, fetched_at);
        Credentials { is_renewed: previous.is_some(), ..credentials }
    }

    /// Answers with credentials that are still valid although refreshing them failed, and puts the next
    /// refresh off. If another caller's refresh has succeeded meanwhile, it answers with what that brought.
    pub(super) async fn fall_back(&mut self, mut cached: CachedAccount, error: Error) -> Credentials {
        cached.header.put_off(&error, self.ports.wall_time());
        let later = self.cache.write(&self.cache_key, &cached.header, &cached.account.json, self.seen).await;
        match later.and_then(|entry| self.valid_account(entry)) {
            Some(later) => later.into_credentials(self.account_id.clone()),
            None => {
                self.warnings.push(Warning::RefreshFailed(error));
                cached.into_credentials(self.account_id.clone())
            }
        }
    }

    /// Keeps what the upstream has said of the account instead of giving credentials, if this call has asked it: what
    /// lasts for everyone, and what doesn't for those who wait for this call's turn to end.
    pub(super) async fn refuse(&mut self, error: &Error) {
        let Some(asked_at) = self.asked_at else { return };
        let lasting = negative::entry(error, asked_at).filter(|_| !self.configuration.negative_age.is_zero());
        let (cache_key, entry, seen) = match lasting {
            Some(entry) => (None, entry, self.seen),
            None => {
                let Some(entry) = self.shared_failure(error) else { return };
                (Some(CacheKey::of_failure(self.configuration, &self.account_id)), entry, None)
            }
        };
        let cache_key = cache_key.as_ref().unwrap_or(&self.cache_key);
        self.cache.write(cache_key, &entry.header, &entry.content, seen).await;
    }

    /// Whether credentials have expired by now: time has passed since they were looked up.
    pub(super) fn has_expired(&self, cached: &CachedAccount) -> bool {
        let now = self.ports.wall_time();
        cached.header.times().freshness(&self.configuration.refresh, now, &|| 1.0) == Freshness::Expired
    }

    /// Removes the account's entry, whatever it is.
    pub(super) async fn remove(&mut self) {
        self.cache.remove(&self.cache_key).await;
    }

    /// Adds to an answer what the caller should know of it.
    pub(super) fn finish(self, mut credentials: Credentials) -> Credentials {
        credentials.warnings = self.warnings;
        credentials.warnings.extend(self.cache.failure().map(Warning::CacheDegraded));
        credentials
    }

    /// Ends a call that is about the cache alone.
    ///
    /// # Errors
    /// [`Error::StoreFailure`] if an operation of the cache failed.
    pub(super) fn finish_without_answer(self) -> Result<(), Error> {
        match self.cache.failure() {
            Some(failure) => Err(Error::StoreFailure(failure.error)),
            None => Ok(()),
        }
    }
}
