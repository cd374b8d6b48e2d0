//! The single flight: of many calls for one account at the same time, one asks the upstream. The calls that
//! need the OAuth client's token make a flight of their own.

use super::held_lease::HeldLease;
use super::observation::Observation;
use super::shared_failure;
use crate::account_id::AccountId;
use crate::cache::Cache;
use crate::cache::entry::{Entry, Header, Kind};
use crate::cache::key::CacheKey;
use crate::cache::lease::{self, Timing};
use crate::configuration::Configuration;
use crate::error::Error;
use crate::ports::{Bucket, Phase, Ports};
use crate::timestamp::UnixMilliseconds;
use crate::upstream::deadline::Deadline;

/// The role of a call in a flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The call asks the upstream: it holds the lease, or there is no lease to wait for.
    Lead,
    /// Another call asks the upstream.
    Follow,
    /// The call has just acquired the lease. It looks into the cache again, because the previous holder may
    /// have finished a moment before.
    Recheck,
}

/// What a flight is about.
#[derive(Clone, Debug)]
pub(super) enum Subject {
    /// The credentials of this account.
    Account(AccountId),
    /// The OAuth client's own token.
    OAuthToken,
}

/// The part of one call in a flight.
pub(super) struct Flight<'a, P: Ports> {
    ports: &'a P,
    configuration: &'a Configuration,
    subject: Subject,
    timing: Timing,
    held: Option<HeldLease<P::Bucket>>,
    /// What the call knows of the lease that another call holds.
    observation: Option<Observation>,
    /// Whether the call is the observer of a lease that seems to be dead.
    is_observer: bool,
    /// Whether the call asks the upstream without a lease.
    is_alone: bool,
    /// When the failure that was shared before this call began to wait happened. The outer option is None
    /// until then.
    earlier_failure: Option<Option<UnixMilliseconds>>,
}

impl<'a, P: Ports> Flight<'a, P> {
    /// The part of a call that has not joined the flight yet.
    pub(super) fn new(ports: &'a P, configuration: &'a Configuration, subject: Subject) -> Self {
        Self {
            ports,
            configuration,
            subject,
            timing: Timing::of(configuration.deadline),
            held: None,
            observation: None,
            is_observer: false,
            is_alone: false,
            earlier_failure: None,
        }
    }

    /// Joins the flight, or looks again whether the leader is done. `cache_key` is the key of the entry that
    /// the flight is about.
    ///
    /// # Errors
    /// The failure of the leader that this call has waited for.
    pub(super) async fn join(
        &mut self,
        cache: &mut Cache<'a, P>,
        cache_key: &CacheKey,
    ) -> Result<Role, Error> {
        if !P::Bucket::CAN_COUNT || self.is_alone || self.held.is_some() {
            return Ok(Role::Lead);
        }
        let key = lease::key(cache_key);
        loop {
            let Some(number) = cache.count(&key, 1).await else { return Ok(Role::Lead) };
            if number.is_acquired() {
                self.held = HeldLease::begin(self.ports, &self.configuration.bucket, key).await;
                self.is_alone = self.held.is_none();
                self.end_observation(cache, cache_key).await;
                cache.reopen().await;
                return self.leaders_failure(cache).await.map_or(Ok(Role::Recheck), Err);
            }
            let now = self.ports.monotonic_time();
            let observation = match &mut self.observation {
                Some(observation) => {
                    observation.look(number, now);
                    observation
                }
                None => self.observation.insert(Observation::begin(number, now)),
            };
            if observation.is_abandoned(&self.timing, now) {
                self.is_alone = true;
                self.end_observation(cache, cache_key).await;
                return Ok(Role::Lead);
            }
            if !observation.is_silent(&self.timing, now) || !self.is_elected(cache, &key).await {
                return Ok(Role::Follow);
            }
            // The holder is dead. Without its number, the calls compete for the lease.
            cache.delete_number(&key).await;
            if let Some(observation) = &mut self.observation {
                observation.reset(now);
            }
        }
    }

    /// Whether a follower with a stale entry waits all the same: the holder of the lease seems to be dead,
    /// and this call is elected to observe it. A holder that has not beaten yet does so in a moment, so every
    /// call waits for that.
    pub(super) async fn observes(&mut self, cache: &mut Cache<'a, P>, cache_key: &CacheKey) -> bool {
        let Some(observation) = &self.observation else { return false };
        if observation.is_new() {
            return true;
        }
        if observation.has_beaten() || !observation.is_suspect(&self.timing, self.ports.wall_time()) {
            self.end_observation(cache, cache_key).await;
            return false;
        }
        self.is_elected(cache, &lease::key(cache_key)).await
    }

    /// Whether this call is elected to observe the lease. All calls are, if the store can't count.
    async fn is_elected(&mut self, cache: &mut Cache<'a, P>, key: &str) -> bool {
        if !self.is_observer
            && let Some(number) = cache.count(&lease::election_key(key), 1).await
        {
            let is_same = self.observation.as_ref().is_some_and(|observation| observation.is_same(number));
            self.is_observer = is_same || lease::is_elected(number.0);
        }
        self.is_observer
    }

    /// Ends the observation of a lease, so that another call can be elected.
    async fn end_observation(&mut self, cache: &mut Cache<'a, P>, cache_key: &CacheKey) {
        if self.is_observer {
            self.is_observer = false;
            cache.delete_number(&lease::election_key(&lease::key(cache_key))).await;
        }
    }

    /// Waits a moment for the leader.
    ///
    /// # Errors
    /// [`Error::TimedOut`] once the deadline has passed, and the leader's error if its request has failed.
    pub(super) async fn wait(&mut self, cache: &mut Cache<'a, P>, deadline: Deadline) -> Result<(), Error> {
        if !P::Bucket::CAN_COUNT {
            // Without leases no call follows another. This lets the compiler leave out the code below.
            return Ok(());
        }
        if self.earlier_failure.is_none() {
            let earlier = cache.read(&self.failure_key()).await;
            self.earlier_failure = Some(earlier.map(|entry| entry.header.fetched_at));
        }
        let remaining = deadline.remaining(self.ports);
        if remaining.is_zero() {
            return Err(Error::TimedOut(Phase::Deadline));
        }
        self.ports.sleep(lease::pause(self.ports.fraction()).min(remaining)).await;
        cache.reopen().await;
        self.leaders_failure(cache).await.map_or(Ok(()), Err)
    }

    /// The failure that a leader has shared since this call began to wait.
    async fn leaders_failure(&self, cache: &mut Cache<'a, P>) -> Option<Error> {
        let earlier = self.earlier_failure?;
        // The times of two hosts can't be compared. So a failure is new if it is not the one from before.
        let is_new = |entry: &Entry| Some(entry.header.fetched_at) != earlier;
        let entry = cache.read(&self.failure_key()).await.filter(is_new)?;
        shared_failure::error(&entry)
    }

    fn failure_key(&self) -> CacheKey {
        match &self.subject {
            Subject::Account(account_id) => CacheKey::of_failure(self.configuration, account_id),
            Subject::OAuthToken => CacheKey::of_oauth_token_failure(self.configuration),
        }
    }

    /// Whether this call has waited for another one.
    pub(super) fn has_followed(&self) -> bool {
        self.earlier_failure.is_some()
    }

    /// Does `work`, and renews the lease meanwhile if the call holds it.
    pub(super) async fn hold<T>(&mut self, work: impl Future<Output = T>) -> T {
        match &mut self.held {
            Some(held) if P::Bucket::CAN_COUNT => held.renew_during(self.ports, self.timing.beat, work).await,
            _ => work.await,
        }
    }

    /// Shares a failure with the followers, if there are any.
    pub(super) async fn share_failure(&mut self, cache: &mut Cache<'a, P>, error: &Error) {
        let Some(held) = self.held.as_ref().filter(|_| P::Bucket::CAN_COUNT) else { return };
        let is_followed = cache.count(&held.key, 0).await.is_some_and(lease::LeaseNumber::is_followed);
        let Some(content) = shared_failure::to_text(error).filter(|_| is_followed) else { return };
        let header = Header::new(Kind::Failed, self.ports.wall_time());
        cache.replace(&self.failure_key(), &header, &content).await;
    }

    /// Leaves the flight: releases the lease, if the call holds it. The result of its request is in the cache
    /// by then.
    pub(super) async fn leave(&mut self, cache: &mut Cache<'a, P>, cache_key: &CacheKey) {
        if P::Bucket::CAN_COUNT {
            self.end_observation(cache, cache_key).await;
            if let Some(mut held) = self.held.take()
                && held.is_still_held(self.ports, self.timing.silence).await
            {
                cache.delete_number(&held.key).await;
            }
        }
    }
}
