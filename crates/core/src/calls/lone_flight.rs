//! The flight of a call that leads always: the place of the single flight in a component that has no leases.
//! A future that never waits costs almost no code.

use crate::account_id::AccountId;
use crate::cache::Cache;
use crate::cache::key::CacheKey;
use crate::configuration::Configuration;
use crate::error::Error;
use crate::ports::Ports;
use crate::upstream::deadline::Deadline;
use core::marker::PhantomData;

/// The role of a call in a flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(dead_code, reason = "without leases no call follows another")]
pub(super) enum Role {
    /// The call asks the upstream.
    Lead,
    /// Another call asks the upstream.
    Follow,
    /// The call has just acquired the lease.
    Recheck,
}

/// What a flight is about.
#[derive(Clone, Debug)]
#[allow(dead_code, reason = "the single flight reads it")]
pub(super) enum Subject {
    /// The credentials of this account.
    Account(AccountId),
    /// The OAuth client's own token.
    OAuthToken,
}

/// The part of one call in a flight.
pub(super) struct Flight<'a, P>(PhantomData<&'a P>);

impl<'a, P: Ports> Flight<'a, P> {
    pub(super) fn new(_: &'a P, _: &'a Configuration, _: Subject) -> Self {
        Self(PhantomData)
    }

    pub(super) async fn join(&mut self, _: &mut Cache<'a, P>, _: &CacheKey) -> Result<Role, Error> {
        Ok(Role::Lead)
    }

    pub(super) async fn observes(&mut self, _: &mut Cache<'a, P>, _: &CacheKey) -> bool {
        false
    }

    pub(super) async fn wait(&mut self, _: &mut Cache<'a, P>, _: Deadline) -> Result<(), Error> {
        Ok(())
    }

    pub(super) fn has_followed(&self) -> bool {
        false
    }

    pub(super) async fn hold<T>(&mut self, work: impl Future<Output = T>) -> T {
        work.await
    }

    pub(super) async fn share_failure(&mut self, _: &mut Cache<'a, P>, _: &Error) {}

    pub(super) async fn leave(&mut self, _: &mut Cache<'a, P>, _: &CacheKey) {}
}
