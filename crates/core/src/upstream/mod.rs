//! The upstream: the requests that it takes, how they are retried, and the account object that it answers with.

pub mod account;
pub mod deadline;
pub mod fields;
pub mod request;
pub mod retry;
pub mod send;
