//! The steps that the calls are made of. [`crate::get_credentials`] puts them in order.

use crate::account::Account;
use crate::account_id::AccountId;
use crate::cache::Cache;
use crate::configuration::Configuration;
use crate::credentials::{Credentials, Source, Warning};
use crate::deadline::Deadline;
use crate::entry::{Cause, Entry, Header, Kind, Setback};
use crate::error::Error;
use crate::fetch;
use crate::freshness::{CLOCK_TOLERANCE, Freshness};
use crate::ports::Ports;
use crate::retry;
use crate::secret::{ExposeSecret, SecretString};
use crate::slot::Slot;
use crate::timestamp::UnixMilliseconds;
use core::time::Duration;

/// One call for one account.
pub struct Call<'a, P: Ports> {
    ports: &'a P,
    configuration: &'a Configuration,
    deadline: Deadline,
    account_id: AccountId,
    slot: Slot,
    cache: Cache<'a, P>,
}

/// What the cache has.
pub enum Cached {
    /// Credentials that serve.
    Fresh(Held),
    /// Credentials that are to be refreshed, and serve if that fails.
    Due(Held),
    /// Credentials that never serve again.
    Expired(Held),
    /// The upstream said a short time ago that there are none.
    Negative(Error),
    /// Nothing of use.
    Miss,
}

/// Credentials from the cache.
pub struct Held {
    account: Account,
    header: Header,
}

impl<'a, P: Ports> Call<'a, P> {
    /// Begins a call: from here on its deadline runs.
    pub async fn start(ports: &'a P, configuration: &'a Configuration, account_id: AccountId) -> Self {
        Self {
            ports,
            configuration,
            deadline: Deadline::start(ports, configuration.deadline),
            slot: Slot::of_account(configuration, &account_id),
            account_id,
            cache: Cache::open(ports, &configuration.bucket, &configuration.protection).await,
        }
    }

    /// What the cache has of the account. An expired entry is removed at once: a clock that steps back can't
    /// bring it back to life.
    pub async fn look_up(&mut self) -> Cached {
        let Some(Entry { header, content }) = self.cache.read(&self.slot).await else { return Cached::Miss };
        let now = self.ports.wall_time();
        if let Some(error) = negative(header.kind, &content) {
            let is_past = header.fetched_at <= now.after(CLOCK_TOLERANCE);
            let is_kept = is_past && now < header.fetched_at.after(self.configuration.negative_age);
            return if is_kept { Cached::Negative(error) } else { Cached::Miss };
        }
        let Ok(account) = Account::from_json(content, &self.account_id) else { return Cached::Miss };
        let policy = &self.configuration.refresh;
        let freshness = header.times().freshness(policy, now, || self.ports.fraction());
        let held = Held { account, header };
        match freshness {
            Freshness::Fresh => Cached::Fresh(held),
            Freshness::Due => Cached::Due(held),
            Freshness::Expired => {
                self.cache.remove(&self.slot).await;
                Cached::Expired(held)
            }
            Freshness::FromTheFuture => Cached::Miss,
        }
    }

    /// Answers with what the cache had.
    pub fn serve(&self, held: Held) -> Credentials {
        let now = self.ports.wall_time();
        let put_off = held.setback_wait(Cause::Failed, now).map(Warning::RefreshPutOff);
        let mut credentials = held.into_credentials(self.account_id.clone());
        credentials.warnings.extend(put_off);
        credentials
    }

    /// For how long the upstream is left alone because it gave these credentials once more a short time ago.
    pub fn unchanged_wait(&self, held: &Held) -> Option<Duration> {
        held.setback_wait(Cause::Unchanged, self.ports.wall_time())
    }

    /// Asks the upstream, caches the answer, and answers with it. `previous` is what the cache had, `rejected`
    /// what the caller can't use.
    ///
    /// # Errors
    /// Why there is no answer. One that is definitive has taken the entry's place by then.
    pub async fn fetch(
        &mut self,
        previous: Option<&Held>,
        rejected: Option<&SecretString>,
    ) -> Result<Credentials, Error> {
        // The time of the question: the answer can't be older.
        let fetched_at = self.ports.wall_time();
        let fetched =
            fetch::account(self.ports, self.configuration, &mut self.cache, self.deadline, &self.account_id);
        match fetched.await {
            Ok(account) => Ok(self.keep(account, fetched_at, previous, rejected).await),
            Err(error) => {
                if let Some(entry) = negative_entry(&error, fetched_at) {
                    self.cache.write(&self.slot, &entry).await;
                }
                Err(error)
            }
        }
    }

    async fn keep(
        &mut self,
        account: Account,
        fetched_at: UnixMilliseconds,
        previous: Option<&Held>,
        rejected: Option<&SecretString>,
    ) -> Credentials {
        let now = self.ports.wall_time();
        let is_rejected = rejected.is_some_and(|rejected| account.uses(rejected));
        let is_unchanged = is_rejected || previous.is_some_and(|held| held.account.is_as_good_as(&account));
        let earlier = previous.and_then(|held| held.header.setback);
        let setback =
            is_unchanged.then(|| Setback::after(earlier, Cause::Unchanged, now, retry::after_unchanged));
        let header = Header {
            kind: Kind::Account,
            fetched_at,
            expires_at: account.expires_at,
            next_refresh_at: account.next_refresh_at,
            setback,
        };
        let entry = Entry { header, content: account.json.clone() };
        self.cache.write(&self.slot, &entry).await;

        let id = self.account_id.clone();
        let mut credentials = Credentials::new(id, account, Source::Upstream, fetched_at);
        let wait = setback.filter(|_| is_rejected).map(|setback| setback.retry_at.since(now));
        credentials.warnings.extend(wait.map(Warning::TokenUnchanged));
        credentials
    }

    /// Answers with credentials that are still valid although refreshing them failed, and puts the next
    /// refresh off.
    pub async fn fall_back(&mut self, mut held: Held, error: Error) -> Credentials {
        let asked = match error {
            Error::RateLimited { retry_after } => retry_after,
            _ => None,
        };
        let wait = |count| retry::after_failure(count).max(asked.unwrap_or_default());
        let now = self.ports.wall_time();
        held.header.setback = Some(Setback::after(held.header.setback, Cause::Failed, now, wait));
        let entry = Entry { header: held.header.clone(), content: held.account.json.clone() };
        self.cache.write(&self.slot, &entry).await;

        let mut credentials = held.into_credentials(self.account_id.clone());
        credentials.warnings.push(Warning::RefreshFailed(error));
        credentials
    }

    /// Removes the account's entry.
    pub async fn remove(&mut self) {
        self.cache.remove(&self.slot).await;
    }

    /// Adds to an answer what went wrong with the cache.
    pub fn finish(self, mut credentials: Credentials) -> Credentials {
        credentials.warnings.extend(self.cache.failure().map(Warning::CacheDegraded));
        credentials
    }

    /// Ends a call that is about the cache alone.
    ///
    /// # Errors
    /// [`Error::StoreFailure`] if an operation of the cache failed.
    pub fn finish_without_answer(self) -> Result<(), Error> {
        match self.cache.failure() {
            Some(failure) => Err(Error::StoreFailure(failure.error)),
            None => Ok(()),
        }
    }
}

impl Held {
    /// Whether the caller's rejected secret is the one that these credentials have.
    pub fn uses(&self, rejected: &SecretString) -> bool {
        self.account.uses(rejected)
    }

    fn setback_wait(&self, cause: Cause, now: UnixMilliseconds) -> Option<Duration> {
        let setback = self.header.setback.filter(|setback| setback.cause == cause && now < setback.retry_at);
        setback.map(|setback| setback.retry_at.since(now))
    }

    fn into_credentials(self, account_id: AccountId) -> Credentials {
        Credentials::new(account_id, self.account, Source::Cache, self.header.fetched_at)
    }
}

/// The error that an entry stands for; none if it holds credentials.
fn negative(kind: Kind, content: &SecretString) -> Option<Error> {
    let reason = Some(content.expose_secret()).filter(|reason| !reason.is_empty());
    match kind {
        Kind::Account | Kind::Token => None,
        Kind::NotFound => Some(Error::NotFound),
        Kind::Forbidden => Some(Error::Forbidden),
        Kind::Dead => Some(Error::AccountDead { reason: reason.map(str::to_owned) }),
    }
}

/// The entry that stands for an error; none if it isn't definitive.
fn negative_entry(error: &Error, fetched_at: UnixMilliseconds) -> Option<Entry> {
    let (kind, reason) = match error {
        Error::NotFound => (Kind::NotFound, ""),
        Error::Forbidden => (Kind::Forbidden, ""),
        Error::AccountDead { reason } => (Kind::Dead, reason.as_deref().unwrap_or_default()),
        _ => return None,
    };
    let header = Header { kind, fetched_at, expires_at: None, next_refresh_at: None, setback: None };
    Some(Entry { header, content: reason.into() })
}
