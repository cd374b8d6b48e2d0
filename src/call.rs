//! The steps that the calls are made of. [`crate::get_credentials`] puts them in order.

mod turns;

pub use turns::Step;

use crate::account::Account;
use crate::account_id::AccountId;
use crate::cache::Cache;
use crate::configuration::Configuration;
use crate::credentials::{Credentials, Source, Warning};
use crate::deadline::Deadline;
use crate::entry::{Entry, Header};
use crate::error::Error;
use crate::fetch;
use crate::freshness::{Freshness, is_from_the_future};
use crate::held::{Cached, Held};
use crate::negative;
use crate::ports::Ports;
use crate::retry;
use crate::secret::SecretString;
use crate::setback::{Cause, Setback};
use crate::slot::Slot;
use crate::timestamp::UnixMilliseconds;
use core::time::Duration;

/// One call for one account.
pub struct Call<'a, P: Ports> {
    ports: &'a P,
    configuration: &'a Configuration,
    account_id: AccountId,
    slot: Slot,
    cache: Cache<'a, P>,
    /// When what the cache had was fetched.
    seen: Option<UnixMilliseconds>,
    /// When the upstream was asked for the account.
    asked_at: Option<UnixMilliseconds>,
    /// The deadline, once something was waited for.
    deadline: Option<Deadline>,
    /// The key of the turn that this call has.
    turn: Option<String>,
    /// Since when it has waited for the one whose turn it is.
    waiting_since: Option<UnixMilliseconds>,
    warnings: Vec<Warning>,
}

/// How much of the call's time a request may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// All that is left.
    Whole,
    /// Half of it: the call can do without.
    Half,
}

impl<'a, P: Ports> Call<'a, P> {
    /// Begins a call.
    pub async fn start(ports: &'a P, configuration: &'a Configuration, account_id: AccountId) -> Self {
        Self {
            ports,
            configuration,
            slot: Slot::of_account(configuration, &account_id),
            account_id,
            cache: Cache::open(ports, &configuration.bucket, &configuration.protection).await,
            seen: None,
            asked_at: None,
            deadline: None,
            turn: None,
            waiting_since: None,
            warnings: Vec::new(),
        }
    }

    /// What the cache has of the account.
    pub async fn look_up(&mut self) -> Cached {
        let Some(entry) = self.cache.read(&self.slot).await else { return Cached::Missing(None) };
        self.seen = Some(entry.header.fetched_at);
        let now = self.ports.wall_time();
        if let Some(error) = negative::error(&entry) {
            let fetched_at = entry.header.fetched_at;
            let is_kept = now < fetched_at.after(self.configuration.negative_age)
                && !is_from_the_future(fetched_at, now);
            return if is_kept { Cached::Negative(error) } else { Cached::Missing(None) };
        }
        let Some(held) = self.hold(entry) else { return Cached::Missing(None) };
        let policy = &self.configuration.refresh;
        match held.header.times().freshness(policy, now, &|| self.ports.fraction()) {
            Freshness::Fresh => Cached::Fresh(held),
            Freshness::Due => Cached::Due(held),
            Freshness::Expired => Cached::Missing(Some(held)),
            Freshness::FromTheFuture => Cached::Missing(None),
        }
    }

    fn hold(&self, Entry { header, content }: Entry) -> Option<Held> {
        Some(Held { account: Account::from_json(content, &self.account_id).ok()?, header })
    }

    fn hold_valid(&self, entry: Entry) -> Option<Held> {
        self.hold(entry).filter(|held| !self.has_expired(held))
    }

    /// Answers with what the cache had.
    pub fn serve(&mut self, held: Held) -> Credentials {
        let wait = held.setback_wait(Cause::Failed, self.ports.wall_time());
        self.warnings.extend(wait.map(Warning::RefreshPutOff));
        held.into_credentials(self.account_id.clone())
    }

    /// For how long the upstream is left alone because it was asked a short time ago, for the same reason and in
    /// vain: it gave the very token that a caller had rejected.
    pub fn rejected_wait(&self, held: &Held) -> Option<Duration> {
        held.setback_wait(Cause::Rejected, self.ports.wall_time())
    }

    /// Answers a caller that has rejected what the cache had while the upstream is left alone.
    pub fn serve_rejected(&mut self, held: Held, wait: Duration) -> Credentials {
        self.warnings.push(Warning::TokenUnchanged(wait));
        held.into_credentials(self.account_id.clone())
    }

    /// The deadline runs from the first wait on: the time that the store takes is not the upstream's.
    fn deadline(&mut self) -> Deadline {
        *self.deadline.get_or_insert_with(|| Deadline::start(self.ports, self.configuration.deadline))
    }

    /// Asks the upstream, caches the answer, and answers with it. `previous` is what the cache had, `rejected` what
    /// the caller can't use.
    pub async fn fetch(
        &mut self,
        patience: Patience,
        previous: Option<&Held>,
        rejected: Option<&SecretString>,
    ) -> Result<Credentials, Error> {
        // The time of the question: the answer can't be older.
        let asked_at = self.ports.wall_time();
        self.asked_at = Some(asked_at);
        let deadline = match patience {
            Patience::Whole => self.deadline(),
            Patience::Half => self.deadline().halfway(self.ports),
        };
        let Self { ports, configuration, account_id, cache, warnings, .. } = self;
        let fetched = fetch::account(*ports, configuration, cache, deadline, account_id, warnings).await;
        match fetched {
            Ok(account) => Ok(self.keep(account, asked_at, previous, rejected).await),
            Err(error) => {
                if let Some(held) = previous.filter(|held| self.has_expired(held)) {
                    // A clock that steps back can't bring it back to life then.
                    self.cache.remove_unless_later(&self.slot, &held.header, self.seen).await;
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
        let (expires_at, next_refresh_at) = (account.expires_at, account.next_refresh_at);
        let mut header = Header::of_account(fetched_at, expires_at, next_refresh_at);
        let freshness = header.times().freshness(&self.configuration.refresh, now, &|| 1.0);
        let same = previous.filter(|held| held.account.is_as_good_as(&account));
        let earlier = same.and_then(|held| held.header.setback);
        let is_rejected = rejected.is_some_and(|rejected| account.uses(rejected));
        if freshness == Freshness::Due || (is_rejected && freshness == Freshness::Fresh) {
            let (cause, wait): (_, fn(u32) -> Duration) = match is_rejected {
                true => (Cause::Rejected, retry::after_rejected),
                false => (Cause::Unchanged, retry::after_unchanged),
            };
            header.setback = Some(Setback::after(earlier, cause, now, &wait));
        }
        let later = self.cache.write(&self.slot, &header, &account.json, self.seen).await;
        let is_better = |held: &Held| rejected.is_none_or(|rejected| !held.uses(rejected));
        if let Some(later) = later.and_then(|entry| self.hold_valid(entry)).filter(is_better) {
            return later.into_credentials(self.account_id.clone());
        }

        if freshness == Freshness::Expired {
            self.warnings.push(Warning::AlreadyExpired);
        } else if let Some(setback) = header.setback.filter(|setback| setback.cause == Cause::Rejected) {
            self.warnings.push(Warning::TokenUnchanged(setback.retry_at.since(now)));
        }
        let credentials = Credentials::new(self.account_id.clone(), account, Source::Upstream, fetched_at);
        Credentials { is_renewed: previous.is_some(), ..credentials }
    }

    /// Answers with credentials that are still valid although refreshing them failed, and puts the next
    /// refresh off. If another caller's refresh has succeeded meanwhile, it answers with what that brought.
    pub async fn fall_back(&mut self, mut held: Held, error: Error) -> Credentials {
        held.header.put_off(&error, self.ports.wall_time());
        let later = self.cache.write(&self.slot, &held.header, &held.account.json, self.seen).await;
        match later.and_then(|entry| self.hold_valid(entry)) {
            Some(later) => later.into_credentials(self.account_id.clone()),
            None => {
                self.warnings.push(Warning::RefreshFailed(error));
                held.into_credentials(self.account_id.clone())
            }
        }
    }

    /// Keeps what the upstream has said of the account instead of giving credentials, if this call has asked it: what
    /// lasts for everyone, and what doesn't for those who wait for this call's turn to end.
    pub async fn refuse(&mut self, error: &Error) {
        let Some(asked_at) = self.asked_at else { return };
        let lasting = negative::entry(error, asked_at).filter(|_| !self.configuration.negative_age.is_zero());
        let (slot, entry, seen) = match lasting {
            Some(entry) => (None, entry, self.seen),
            None => {
                let Some(entry) = self.shared_failure(error) else { return };
                (Some(Slot::of_failure(self.configuration, &self.account_id)), entry, None)
            }
        };
        let slot = slot.as_ref().unwrap_or(&self.slot);
        self.cache.write(slot, &entry.header, &entry.content, seen).await;
    }

    /// Whether credentials have expired by now: time has passed since they were looked up.
    pub fn has_expired(&self, held: &Held) -> bool {
        let now = self.ports.wall_time();
        held.header.times().freshness(&self.configuration.refresh, now, &|| 1.0) == Freshness::Expired
    }

    /// Removes the account's entry, whatever it is.
    pub async fn remove(&mut self) {
        self.cache.remove(&self.slot).await;
    }

    /// Adds to an answer what the caller should know of it.
    pub fn finish(self, mut credentials: Credentials) -> Credentials {
        credentials.warnings = self.warnings;
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
